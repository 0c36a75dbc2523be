//! A report as JSON and CSV.
