//! The shape of a distribution: skewness and kurtosis from the moments of a whole population.
//!
//! skewness = m3 / m2^1.5, kurtosis = m4 / m2² (3 for a normal distribution), m_k = Σ (x − mean)^k / n
//!
//! Source   Pearson 1895; as R's package `moments` defines both
//! Agrees   SciPy's stats.skew and stats.kurtosis(fisher=False), relative 1e-12

/// Skewness and kurtosis; `None` where all values are equal, or there are none.
pub fn skewness_and_kurtosis(values: &[f64]) -> Option<(f64, f64)> {
    let n = values.len() as f64;
    let first = *values.first()?;
    // Not by the second moment: the mean of equal numbers is rounded, and so would be a quotient of nearly nothing.
    if values.iter().all(|value| *value == first) {
        return None;
    }
    let mean = values.iter().sum::<f64>() / n;
    let moment = |power: i32| values.iter().map(|value| (value - mean).powi(power)).sum::<f64>() / n;
    let (m2, m3, m4) = (moment(2), moment(3), moment(4));
    let (skewness, kurtosis) = (m3 / m2.powf(1.5), m4 / (m2 * m2));
    (skewness.is_finite() && kurtosis.is_finite()).then_some((skewness, kurtosis))
}

/// The middle value, or the mean of the two in the middle; `None` of nothing.
pub fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let half = sorted.len() / 2;
    match sorted.len() {
        0 => None,
        n if n % 2 == 1 => Some(sorted[half]),
        _ => Some((sorted[half - 1] + sorted[half]) / 2.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Oracle: closed form. Of a coin that shows 1 with probability p: (1 − 2p)/√(pq) and (1 − 3pq)/(pq).
    #[test]
    fn a_coin() {
        let (skewness, kurtosis) = skewness_and_kurtosis(&[0.0, 0.0, 0.0, 1.0]).unwrap();
        let pq: f64 = 0.25 * 0.75;
        assert!((skewness - 0.5 / pq.sqrt()).abs() < 1e-12, "{skewness}");
        assert!((kurtosis - (1.0 - 3.0 * pq) / pq).abs() < 1e-12, "{kurtosis}");
        assert_eq!(skewness_and_kurtosis(&[0.1; 7]), None);
        assert_eq!(skewness_and_kurtosis(&[]), None);
    }

    /// Oracle: closed form.
    #[test]
    fn medians() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(median(&[]), None);
    }
}
