//! The statistics of a list of shares, or of their differences, over the heads of a model.

use serde::{Deserialize, Serialize};

use super::AttentionError;
use crate::stats;

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

impl Default for StatisticsOptions {
    fn default() -> Self {
        StatisticsOptions { bins: 11, resamples: 2000, level: 0.95, seed: 0 }
    }
}

/// Most bins and resamples that are worth waiting for.
const BINS_MAX: u32 = 1000;
const RESAMPLES_MAX: u32 = 100_000;

impl StatisticsOptions {
    pub fn check(&self) -> Result<(), AttentionError> {
        let refused = |setting, got: String, expected: String| Err(AttentionError::Setting { setting, got, expected });
        match () {
            _ if !(1..=BINS_MAX).contains(&self.bins) => {
                refused("bins", self.bins.to_string(), format!("1 to {BINS_MAX}"))
            }
            _ if !(1..=RESAMPLES_MAX).contains(&self.resamples) => {
                refused("resamples", self.resamples.to_string(), format!("1 to {RESAMPLES_MAX}"))
            }
            _ if !(self.level > 0.0 && self.level < 1.0) => {
                refused("level", self.level.to_string(), "a number between 0 and 1".into())
            }
            _ => Ok(()),
        }
    }
}

impl Statistics {
    /// Of values over heads, layer by layer; those that are missing are left out. `None` when all are.
    pub fn of(values: &[Option<f64>], heads: &[u32], options: &StatisticsOptions) -> Option<Statistics> {
        let layers: Vec<Vec<f64>> =
            by_layer(values, heads).map(|layer| layer.iter().flatten().copied().collect()).collect();
        let all = layers.concat();
        let n = all.len() as f64;
        let mean = all.iter().sum::<f64>() / n;
        let squares = all.iter().map(|value| (value - mean).powi(2)).sum::<f64>();
        let shape = stats::skewness_and_kurtosis(&all);
        let histogram = stats::histogram(&all, options.bins as usize);
        let interval =
            stats::cluster_bootstrap(&layers, options.resamples as usize, options.level, options.seed.into()).ok();
        Some(Statistics {
            n: all.len() as u32,
            mean,
            median: stats::median(&all)?,
            sd: (all.len() > 1).then(|| (squares / (n - 1.0)).sqrt()),
            min: all.iter().copied().min_by(f64::total_cmp)?,
            max: all.iter().copied().max_by(f64::total_cmp)?,
            negative: all.iter().filter(|value| **value < 0.0).count() as f64 / n,
            skewness: shape.map(|(skewness, _)| skewness),
            kurtosis: shape.map(|(_, kurtosis)| kurtosis),
            entropy: histogram.as_ref().map(|(_, counts)| stats::entropy(counts)),
            histogram: histogram.map(|(edges, counts)| Histogram { edges, counts }),
            interval: interval.map(|(low, high)| ClusterInterval {
                low,
                high,
                level: options.level,
                resamples: options.resamples,
                seed: options.seed,
                clusters: layers.iter().filter(|layer| !layer.is_empty()).count() as u32,
            }),
        })
    }
}

/// A list over heads, taken apart into layers.
pub fn by_layer<'a, T>(values: &'a [T], heads: &'a [u32]) -> impl Iterator<Item = &'a [T]> {
    let mut rest = values;
    heads.iter().map(move |&n| {
        let (layer, behind) = rest.split_at((n as usize).min(rest.len()));
        rest = behind;
        layer
    })
}

/// Means and medians of each layer.
pub fn curves(values: &[Option<f64>], heads: &[u32]) -> (Vec<Option<f64>>, Vec<Option<f64>>) {
    by_layer(values, heads)
        .map(|layer| {
            let layer: Vec<f64> = layer.iter().flatten().copied().collect();
            let mean = (!layer.is_empty()).then(|| layer.iter().sum::<f64>() / layer.len() as f64);
            (mean, stats::median(&layer))
        })
        .unzip()
}
