//! A confidence interval for a proportion: Wilson's score interval.
//!
//! (p̂ + z²/2n ± z·sqrt(p̂(1 − p̂)/n + z²/4n²)) / (1 + z²/n)
//!
//! Source   Wilson 1927; no continuity correction
//! Why      it stays within [0, 1] and keeps its coverage where Wald's interval collapses: few trials, rare hits
//! Agrees   SciPy's binomtest(...).proportion_ci(method="wilson"), absolute 1e-9

use statrs::distribution::{ContinuousCDF, Normal};

use super::{StatsError, at_most};

/// Lower and upper end of the interval for successes/trials at a level such as 0.95. (0, 1) without trials.
///
/// Errors   `PartExceedsWhole` when successes exceed trials, `ConfidenceOutOfRange`
pub fn wilson_interval(successes: u64, trials: u64, confidence: f64) -> Result<(f64, f64), StatsError> {
    at_most("the number of successes", successes, "the number of trials", trials)?;
    if !(confidence > 0.0 && confidence < 1.0) {
        return Err(StatsError::ConfidenceOutOfRange { level: confidence });
    }
    if trials == 0 {
        return Ok((0.0, 1.0));
    }
    let z = Normal::standard().inverse_cdf(0.5 + confidence / 2.0);
    let n = trials as f64;
    let p = successes as f64 / n;
    let centre = p + z * z / (2.0 * n);
    let spread = z * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt();
    let scale = 1.0 + z * z / n;
    // The ends are exactly 0 and 1 when no trial or every trial succeeds; rounding would miss them by a digit.
    let low = if successes == 0 { 0.0 } else { (centre - spread) / scale };
    let high = if successes == trials { 1.0 } else { (centre + spread) / scale };
    Ok((low.clamp(0.0, 1.0), high.clamp(0.0, 1.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Oracle: closed form. Without successes the upper end is z²/(n + z²).
    #[test]
    fn the_ends_of_the_scale() {
        let z = 1.959_963_984_540_054f64;
        let (low, high) = wilson_interval(0, 20, 0.95).unwrap();
        assert_eq!(low, 0.0);
        assert!((high - z * z / (20.0 + z * z)).abs() < 1e-9);
        let (low, high) = wilson_interval(20, 20, 0.95).unwrap();
        assert!((low - 20.0 / (20.0 + z * z)).abs() < 1e-9);
        assert_eq!(high, 1.0);
        assert_eq!(wilson_interval(0, 0, 0.95), Ok((0.0, 1.0)));
        assert!(wilson_interval(3, 2, 0.95).is_err());
        for level in [0.0, 1.0, f64::NAN] {
            assert!(wilson_interval(1, 2, level).is_err());
        }
    }
}
