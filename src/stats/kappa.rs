//! Agreement of two raters beyond chance: Cohen's kappa for two categories.
//!
//! κ = (p_o − p_e) / (1 − p_e) · p_o: share of items they agree on · p_e: the share chance would give
//!
//! Source   Cohen 1960
//! Agrees   scikit-learn's cohen_kappa_score, absolute 1e-12

/// `both`, `only_a`, `only_b`, `neither`: how many items each rater puts into the first category. `None` without items,
/// and when both put every item into the same category, where chance alone makes them agree.
pub fn cohen_kappa(both: u64, only_a: u64, only_b: u64, neither: u64) -> Option<f64> {
    let [both, only_a, only_b, neither] = [both, only_a, only_b, neither].map(|count| count as f64);
    let n = both + only_a + only_b + neither;
    let observed = (both + neither) / n;
    let (a, b) = ((both + only_a) / n, (both + only_b) / n);
    let expected = a * b + (1.0 - a) * (1.0 - b);
    (n > 0.0 && expected < 1.0).then(|| (observed - expected) / (1.0 - expected))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Oracle: the textbook example, 20 + 15 agreements of 50: κ = 0.4.
    #[test]
    fn the_textbook_example() {
        assert!((cohen_kappa(20, 5, 10, 15).unwrap() - 0.4).abs() < 1e-12);
        assert_eq!(cohen_kappa(5, 0, 0, 5), Some(1.0));
        assert_eq!(cohen_kappa(0, 0, 0, 0), None);
        assert_eq!(cohen_kappa(7, 0, 0, 0), None);
    }
}
