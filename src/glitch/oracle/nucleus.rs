//! Drawing the next token: temperature, then the nucleus.
//!
//! p ∝ exp(logit / T) · the most probable tokens are kept until their sum reaches top_p · one of them is drawn
//!
//! Source   Holtzman et al. 2020 (arXiv 1904.09751); order of the two steps as in transformers' logits processors
//! Ties     the lower id is the more probable one, so that a draw depends on the logits and the random number alone
//! Agrees   tools/reference/oracles.py, which draws with transformers' warpers and the same stream of numbers

/// The id that the number `uniform` in [0, 1) draws. Arithmetic in f64.
pub fn draw(logits: &[f32], temperature: f64, top_p: f64, uniform: f64) -> u32 {
    let max = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut weighed: Vec<(f64, u32)> = logits
        .iter()
        .enumerate()
        .map(|(id, &logit)| ((f64::from(logit - max) / temperature).exp(), id as u32))
        .collect();
    let total: f64 = weighed.iter().map(|(weight, _)| weight).sum();
    weighed.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    let mut kept = 0.0;
    let mut nucleus = 0;
    for (weight, _) in &weighed {
        kept += weight;
        nucleus += 1;
        if kept >= top_p * total {
            break;
        }
    }
    let wanted = uniform * kept;
    let mut sum = 0.0;
    for (weight, id) in &weighed[..nucleus] {
        sum += weight;
        if wanted < sum {
            return *id;
        }
    }
    weighed[nucleus - 1].1
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Oracle: by hand. Probabilities 0.5, 0.3, 0.2 at temperature 1; top-p 0.7 keeps the first two.
    #[test]
    fn the_nucleus_is_the_smallest_set_that_reaches_top_p() {
        let logits: Vec<f32> = [0.2f32, 0.5, 0.3].iter().map(|p| p.ln()).collect();
        for (uniform, expected) in [(0.0, 1), (0.62, 1), (0.63, 2), (0.999, 2)] {
            assert_eq!(draw(&logits, 1.0, 0.7, uniform), expected, "{uniform}");
        }
        assert_eq!(draw(&logits, 1.0, 1.0, 0.95), 0);
        // A temperature near 0 is greedy, and one token is always left.
        assert_eq!(draw(&logits, 0.01, 1.0, 0.999), 1);
        assert_eq!(draw(&logits, 1.0, 1e-9, 0.999), 1);
        // A tie goes to the lower id first.
        assert_eq!(draw(&[1.0, 1.0], 1.0, 0.5, 0.9), 0);
    }
}
