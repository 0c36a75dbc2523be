//! Which clusters a round keeps.
//!
//! ratio            hits / sample > keep_ratio
//! hypergeometric   q ≤ α, q being p = P(X ≥ hits) adjusted over the round's clusters, X the hits of a sample that is
//!                  drawn without replacement from the round's tokens, K of which fail: K = share of failures among all
//!                  tokens known so far · tokens of the round, rounded up
//!
//! Source   ratio: GlitchHunter, Algorithm 1, strictly as in its reproduction, where r = 0. The paper calls it a hypothesis
//!          test; it has no statistic. hypergeometric: a variant of this project
//! Choice   the null hypothesis is that a cluster's sample is like any sample of the round's tokens. Testing the cluster
//!          against a rate of its own size instead would make one hit certain proof in a cluster too small to expect one
//! Power    a sample of five with one hit is no discovery at a base rate of a tenth: the variant drops small clusters that
//!          the ratio keeps, which is what its recall shows

use super::sampling::sample_size;
use super::verdicts::Verdicts;
use crate::error::Result;
use crate::report::{ClusterTest, KeepRule, ScanOptions};
use crate::stats::{benjamini_hochberg, hypergeometric_upper_tail, miss_probability};

/// What is known of one cluster.
#[derive(Clone, Copy, Debug)]
pub struct Sampled {
    pub size: usize,
    pub askable: usize,
    pub sampled: usize,
    pub hits: usize,
}

/// Share of failures among the tokens known so far.
pub fn base_rate(verdicts: &Verdicts) -> f64 {
    verdicts.n_bad() as f64 / verdicts.len().max(1) as f64
}

/// The verdict on every cluster of a round.
pub fn judge(clusters: &[Sampled], base_rate: f64, options: &ScanOptions) -> Result<Vec<ClusterTest>> {
    let mut tests = Vec::with_capacity(clusters.len());
    for cluster in clusters {
        let ratio = cluster.hits as f64 / cluster.sampled.max(1) as f64;
        let expected = ((base_rate * cluster.askable as f64).ceil() as u64).min(cluster.askable as u64);
        let draws = sample_size(cluster.askable, options) as u64;
        tests.push(ClusterTest {
            size: cluster.size as u32,
            askable: cluster.askable as u32,
            sampled: cluster.sampled as u32,
            hits: cluster.hits as u32,
            p_value: None,
            q_value: None,
            miss_probability: miss_probability(cluster.askable as u64, expected, draws)?,
            kept: ratio > options.keep_ratio,
        });
    }
    if options.keep_rule == KeepRule::Hypergeometric {
        let population: u64 = clusters.iter().map(|cluster| cluster.askable as u64).sum();
        let failing = ((base_rate * population as f64).ceil() as u64).min(population);
        let tail =
            |test: &ClusterTest| hypergeometric_upper_tail(test.hits.into(), population, failing, test.sampled.into());
        let p_values = tests.iter().map(tail).collect::<Result<Vec<f64>, _>>()?;
        let q_values = benjamini_hochberg(&p_values);
        for ((test, p), q) in tests.iter_mut().zip(p_values).zip(q_values) {
            (test.p_value, test.q_value, test.kept) = (Some(p), Some(q), test.hits > 0 && q <= options.alpha);
        }
    }
    Ok(tests)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cluster(askable: usize, sampled: usize, hits: usize) -> Sampled {
        Sampled { size: askable, askable, sampled, hits }
    }

    /// Oracle: by hand. Twenty tokens, four of which fail; a sample of three with three hits has p = 4/1140.
    #[test]
    fn the_ratio_keeps_what_the_test_may_drop() {
        let clusters = [cluster(10, 3, 3), cluster(10, 3, 1)];
        let ratio = judge(&clusters, 0.2, &ScanOptions::default()).unwrap();
        assert!(ratio[0].kept && ratio[1].kept && ratio[0].p_value.is_none());
        let options = ScanOptions { keep_rule: KeepRule::Hypergeometric, sample_min: 3, ..ScanOptions::default() };
        let tested = judge(&clusters, 0.2, &options).unwrap();
        assert!((tested[0].p_value.unwrap() - 4.0 / 1140.0).abs() < 1e-12);
        assert!((tested[0].q_value.unwrap() - 8.0 / 1140.0).abs() < 1e-12);
        assert!(tested[0].kept && !tested[1].kept);
        // Two of ten fail, three are drawn: 8·7·6 / (10·9·8).
        assert!((tested[0].miss_probability - 336.0 / 720.0).abs() < 1e-12);
        assert!(judge(&[cluster(0, 0, 0)], 0.5, &options).unwrap().iter().all(|test| !test.kept));
    }
}
