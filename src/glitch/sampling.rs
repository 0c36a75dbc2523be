//! How many tokens of a cluster are asked about, and which.
//!
//! sample(s) = min(max(sample_min, ⌊min(sample_fraction · s, sample_max)⌋), s)
//!
//! Source   the published reproduction of GlitchHunter (5, 0.1, 50); the paper's "0.05 fraction" does not fit its own
//!          costs
//! Choice   s counts the members that may be asked about, and the sample is drawn among them. A cluster without such
//!          members is not sampled: nothing can be learned of it, so it is dropped, and its tokens are reported as
//!          skipped with their class

use super::scope::Scope;
use crate::report::ScanOptions;
use crate::rng::Rng;

/// Size of the sample of a cluster with `size` members that may be asked about.
pub fn sample_size(size: usize, options: &ScanOptions) -> usize {
    let fraction = (options.sample_fraction * size as f64).min(f64::from(options.sample_max)).floor() as usize;
    fraction.max(options.sample_min as usize).min(size)
}

/// A random sample of the cluster, without repeats.
pub fn draw(members: &[u32], scope: &Scope, options: &ScanOptions, rng: &mut Rng) -> Vec<u32> {
    let askable: Vec<u32> = members.iter().copied().filter(|&id| scope.is_askable(id)).collect();
    rng.sample(&askable, sample_size(askable.len(), options))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Oracle: the rule worked out by hand.
    #[test]
    fn sizes_follow_the_rule() {
        let options = ScanOptions::default();
        for (size, expected) in [(0, 0), (1, 1), (5, 5), (6, 5), (59, 5), (60, 6), (499, 49), (500, 50), (9_000, 50)] {
            assert_eq!(sample_size(size, &options), expected, "size {size}");
        }
        let whole = ScanOptions { sample_min: u32::MAX, ..ScanOptions::default() };
        assert_eq!(sample_size(12_345, &whole), 12_345);
    }
}
