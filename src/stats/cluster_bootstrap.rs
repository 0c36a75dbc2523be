//! How far a mean may be off when its values come in clusters that are alike within: clusters are drawn whole.
//!
//! Of every resample, as many clusters as there are, with replacement, the mean over all values in them; the interval goes
//! from quantile (1 − level)/2 to (1 + level)/2 of these means, linear between neighbours
//!
//! Source   Efron 1979; clusters: Davison & Hinkley 1997, section 3.8, the percentile interval

use super::StatsError;
use crate::rng::Rng;

/// Lower and upper end of the interval of the mean. Empty clusters are left out.
///
/// Errors   `ConfidenceOutOfRange`; `NoValues` with fewer than two clusters that hold a value, or without resamples
pub fn cluster_bootstrap(
    clusters: &[Vec<f64>],
    resamples: usize,
    level: f64,
    seed: u64,
) -> Result<(f64, f64), StatsError> {
    if !(level > 0.0 && level < 1.0) {
        return Err(StatsError::ConfidenceOutOfRange { level });
    }
    let sums: Vec<(f64, f64)> = clusters
        .iter()
        .filter(|cluster| !cluster.is_empty())
        .map(|cluster| (cluster.iter().sum(), cluster.len() as f64))
        .collect();
    if sums.len() < 2 || resamples == 0 {
        return Err(StatsError::NoValues);
    }
    let mut rng = Rng::new(seed);
    let mut means: Vec<f64> = (0..resamples)
        .map(|_| {
            let (mut sum, mut count) = (0.0, 0.0);
            for _ in 0..sums.len() {
                let (s, n) = sums[rng.below(sums.len() as u32) as usize];
                sum += s;
                count += n;
            }
            sum / count
        })
        .collect();
    means.sort_by(f64::total_cmp);
    Ok((quantile(&means, (1.0 - level) / 2.0), quantile(&means, (1.0 + level) / 2.0)))
}

/// Of sorted values, linear between neighbours (type 7 of Hyndman & Fan 1996).
fn quantile(sorted: &[f64], q: f64) -> f64 {
    let at = q * (sorted.len() - 1) as f64;
    let below = at.floor() as usize;
    let above = (below + 1).min(sorted.len() - 1);
    sorted[below] + (at - below as f64) * (sorted[above] - sorted[below])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Oracle: closed form. Of two clusters, a resample is one of them twice with probability 1/4 each.
    #[test]
    fn two_clusters() {
        let clusters = [vec![0.0, 2.0], vec![5.0, 5.0], Vec::new()];
        let (low, high) = cluster_bootstrap(&clusters, 1000, 0.9, 1).unwrap();
        assert_eq!((low, high), (1.0, 5.0));
        // Inner half of the resamples: those that hold both.
        assert_eq!(cluster_bootstrap(&clusters, 1000, 0.3, 1), Ok((3.0, 3.0)));
        assert_eq!(cluster_bootstrap(&clusters[1..], 1000, 0.9, 1), Err(StatsError::NoValues));
        assert!(cluster_bootstrap(&clusters, 10, 1.0, 1).is_err());
    }

    /// Oracle: the standard error of a mean, s/√n, when every cluster is one value: the interval's half width is about 1.96
    /// of them.
    #[test]
    fn clusters_of_one_are_the_common_bootstrap() {
        let mut rng = Rng::new(3);
        let clusters: Vec<Vec<f64>> = (0..400).map(|_| vec![f64::from(rng.normal())]).collect();
        let (low, high) = cluster_bootstrap(&clusters, 4000, 0.95, 7).unwrap();
        let expected = 1.96 / 400f64.sqrt();
        assert!(((high - low) / 2.0 / expected - 1.0).abs() < 0.1, "{low} to {high}, expected ± {expected}");
        assert_eq!(cluster_bootstrap(&clusters, 4000, 0.95, 7), Ok((low, high)));
    }
}
