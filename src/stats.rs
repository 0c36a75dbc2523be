//! Hypothesis tests and summaries over plain slices.

pub mod binomial_interval;
pub mod hypergeometric;
pub mod miss_probability;

pub use binomial_interval::wilson_interval;
pub use hypergeometric::hypergeometric_upper_tail;
pub use miss_probability::miss_probability;

/// A question that has no answer, with the numbers that make it so.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum StatsError {
    #[error("{part_name} {part} exceeds {whole_name} {whole}")]
    PartExceedsWhole { part_name: &'static str, part: u64, whole_name: &'static str, whole: u64 },
    #[error("the confidence level is {level}; it must lie between 0 and 1, both excluded")]
    ConfidenceOutOfRange { level: f64 },
}

/// Errors unless `part` ≤ `whole`.
fn at_most(part_name: &'static str, part: u64, whole_name: &'static str, whole: u64) -> Result<(), StatsError> {
    if part <= whole { Ok(()) } else { Err(StatsError::PartExceedsWhole { part_name, part, whole_name, whole }) }
}
