//! Hypothesis tests and summaries over plain slices.

pub mod binomial_interval;
pub mod cluster_bootstrap;
pub mod false_discovery;
pub mod histogram;
pub mod hypergeometric;
pub mod kappa;
pub mod mean_interval;
pub mod miss_probability;
pub mod moments;
pub mod support_vectors;

pub use binomial_interval::wilson_interval;
pub use cluster_bootstrap::cluster_bootstrap;
pub use false_discovery::benjamini_hochberg;
pub use histogram::{entropy, histogram};
pub use hypergeometric::hypergeometric_upper_tail;
pub use kappa::cohen_kappa;
pub use mean_interval::mean_interval;
pub use miss_probability::miss_probability;
pub use moments::{median, skewness_and_kurtosis};
pub use support_vectors::{Svm, SvmOptions};

/// A question that has no answer, with the numbers that make it so.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum StatsError {
    #[error("{part_name} {part} exceeds {whole_name} {whole}")]
    PartExceedsWhole { part_name: &'static str, part: u64, whole_name: &'static str, whole: u64 },
    #[error("the confidence level is {level}; it must lie between 0 and 1, both excluded")]
    ConfidenceOutOfRange { level: f64 },
    #[error("there are no values to take a mean of")]
    NoValues,
}

/// Errors unless `part` ≤ `whole`.
fn at_most(part_name: &'static str, part: u64, whole_name: &'static str, whole: u64) -> Result<(), StatsError> {
    if part <= whole { Ok(()) } else { Err(StatsError::PartExceedsWhole { part_name, part, whole_name, whole }) }
}
