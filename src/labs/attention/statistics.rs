//! The statistics of a list of shares, or of their differences, over the heads of a model.

use serde::{Deserialize, Serialize};

/// Summary of one list over heads.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Statistics {
    /// Heads that have a value.
    pub n: u32,
    pub mean: f64,
    pub median: f64,
    /// Of the sample, over n − 1; null for one value.
    pub sd: Option<f64>,
    pub min: f64,
    pub max: f64,
    /// Part of the values below zero.
    pub negative: f64,
    /// m3 / m2^1.5 with population moments; null where all values are equal.
    pub skewness: Option<f64>,
    /// m4 / m2², 3 for a normal distribution; null where all values are equal.
    pub kurtosis: Option<f64>,
    /// Of the histogram, in nats; null where all values are equal.
    pub entropy: Option<f64>,
    /// Null where all values are equal.
    pub histogram: Option<Histogram>,
    /// Of the mean, layers being drawn whole; null with fewer than two layers.
    pub interval: Option<ClusterInterval>,
}

/// Equal widths from the smallest to the largest value; a bin holds its right edge, and the first one its left edge too.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Histogram {
    /// One more than `counts`.
    pub edges: Vec<f64>,
    pub counts: Vec<u32>,
}

/// A bootstrap interval.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ClusterInterval {
    pub low: f64,
    pub high: f64,
    pub level: f64,
    pub resamples: u32,
    pub seed: u32,
    /// Layers that were drawn from.
    pub clusters: u32,
}

/// How a comparison is made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(default)]
pub struct StatisticsOptions {
    pub bins: u32,
    pub resamples: u32,
    pub level: f64,
    pub seed: u32,
}
