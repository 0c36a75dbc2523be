//! How likely a sample misses every hit of a group.
//!
//! P = C(s − g, m) / C(s, m) = Π_{i<m} (s − g − i) / (s − i)
//!
//! Symbols  s: size of the group · g: hits in it · m: sample, drawn without replacement
//! Note     this is what GlitchHunter's recall loses: a cluster whose sample holds no glitch token is dropped whole
//! Agrees   SciPy's hypergeom.pmf(0, s, g, m), relative 1e-11

use super::{StatsError, at_most};

/// Probability that a sample of `sample` out of `size` contains none of the `hits`. Within [0, 1].
///
/// Errors   `PartExceedsWhole` when hits or sample exceed the size
pub fn miss_probability(size: u64, hits: u64, sample: u64) -> Result<f64, StatsError> {
    at_most("the number of hits", hits, "the group's size", size)?;
    at_most("the sample", sample, "the group's size", size)?;
    // C(s−g, m)/C(s, m) is symmetric in g and m: the shorter product of the two.
    let (factors, other) = (hits.min(sample), hits.max(sample));
    let mut probability = 1.0;
    for i in 0..factors {
        if size - other <= i {
            return Ok(0.0);
        }
        probability *= (size - other - i) as f64 / (size - i) as f64;
    }
    Ok(probability)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Oracle: counting by hand.
    #[test]
    fn small_groups() {
        assert_eq!(miss_probability(10, 0, 5), Ok(1.0));
        assert_eq!(miss_probability(10, 10, 1), Ok(0.0));
        assert_eq!(miss_probability(10, 1, 10), Ok(0.0));
        assert_eq!(miss_probability(10, 6, 5), Ok(0.0));
        assert_eq!(miss_probability(10, 1, 5), Ok(0.5));
        assert_eq!(miss_probability(0, 0, 0), Ok(1.0));
        assert!((miss_probability(5, 2, 2).unwrap() - 0.3).abs() < 1e-15);
        assert!(miss_probability(5, 6, 2).is_err());
        assert!(miss_probability(5, 2, 6).is_err());
    }
}
