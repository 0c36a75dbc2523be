//! Many tests at once: the procedure of Benjamini and Hochberg.
//!
//! q(i) = min over j ≥ i of p(j)·m/j, p sorted ascending; a test is a discovery when q ≤ α
//!
//! Source   Benjamini & Hochberg 1995; controls the expected share of false discoveries, for independent tests
//! Agrees   SciPy's false_discovery_control(method="bh"), absolute 1e-12

/// Adjusted p-values, in the order of `p_values`. NaN counts as 1: a test without an answer is no discovery.
pub fn benjamini_hochberg(p_values: &[f64]) -> Vec<f64> {
    let p = |i: usize| if p_values[i].is_nan() { 1.0 } else { p_values[i] };
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|&a, &b| p(a).total_cmp(&p(b)));
    let mut adjusted = vec![1.0; p_values.len()];
    let mut least = 1.0f64;
    for (rank, &i) in order.iter().enumerate().rev() {
        least = least.min(p(i) * p_values.len() as f64 / (rank + 1) as f64);
        adjusted[i] = least;
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Oracle: by hand. Four tests; 0.04 is adjusted by the 0.05 behind it.
    #[test]
    fn adjusts_by_rank_and_stays_monotone() {
        let adjusted = benjamini_hochberg(&[0.05, 0.01, 0.04, 0.5]);
        let expected = [0.2 / 3.0, 0.04, 0.2 / 3.0, 0.5];
        for (got, expected) in adjusted.iter().zip(expected) {
            assert!((got - expected).abs() < 1e-15, "{adjusted:?}");
        }
        assert_eq!(benjamini_hochberg(&[]), Vec::<f64>::new());
        assert_eq!(benjamini_hochberg(&[f64::NAN, 0.0]), [1.0, 0.0]);
    }
}
