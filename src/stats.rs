//! Hypothesis tests and summaries over plain slices.
