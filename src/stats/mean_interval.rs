//! The mean of a few repeated measurements, and how far it may be off: Student's interval.
//!
//! mean ± t(1 − (1 − level)/2, n − 1) · s/√n, s being the sample's standard deviation
//!
//! Source   Student 1908
//! Agrees   SciPy's stats.t.interval, relative 1e-9

use statrs::distribution::{ContinuousCDF, StudentsT};

use super::StatsError;

/// Mean, lower and upper end at a level such as 0.95. Of one value all three are the value.
///
/// Errors   `ConfidenceOutOfRange`; `NoValues`
pub fn mean_interval(values: &[f64], confidence: f64) -> Result<(f64, f64, f64), StatsError> {
    if !(confidence > 0.0 && confidence < 1.0) {
        return Err(StatsError::ConfidenceOutOfRange { level: confidence });
    }
    if values.is_empty() {
        return Err(StatsError::NoValues);
    }
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    if values.len() == 1 {
        return Ok((mean, mean, mean));
    }
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (n - 1.0);
    let t = StudentsT::new(0.0, 1.0, n - 1.0).map_or(f64::INFINITY, |t| t.inverse_cdf(0.5 + confidence / 2.0));
    let spread = if variance > 0.0 { t * (variance / n).sqrt() } else { 0.0 };
    Ok((mean, mean - spread, mean + spread))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Oracle: the table of Student's t: t(0.975, 2) = 4.302653.
    #[test]
    fn three_values() {
        let (mean, low, high) = mean_interval(&[1.0, 2.0, 3.0], 0.95).unwrap();
        let spread = 4.302_652_729_9 / 3.0f64.sqrt();
        assert!((mean - 2.0).abs() < 1e-12 && (low - 2.0 + spread).abs() < 1e-6 && (high - 2.0 - spread).abs() < 1e-6);
        assert_eq!(mean_interval(&[5.0], 0.95), Ok((5.0, 5.0, 5.0)));
        assert_eq!(mean_interval(&[5.0, 5.0], 0.95), Ok((5.0, 5.0, 5.0)));
        assert!(mean_interval(&[], 0.95).is_err() && mean_interval(&[1.0], 1.0).is_err());
    }
}
