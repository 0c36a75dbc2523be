//! GlitchHunter: cluster, ask a sample of every cluster, keep the clusters with a failure, go round again.
//!
//! B ← every id of the scope
//! loop   cluster B · draw a sample of every cluster · ask what is unknown
//!        C ← clusters that their samples speak for (`keep_rule`)
//!        end if C = B, or C is empty or smaller than `stop_below`, or rounds run out; else B ← C
//! verify ask about everything in C that is unknown
//!
//! Source   GlitchHunter (FSE 2024), Algorithm 1, as its published reproduction makes it work: strictly above the
//!          ratio (at ≥ 0 every cluster would be kept), answers remembered over rounds, survivors verified
//! Choice   by the ratio, a cluster whose known failures already lift it above is kept without asking; all questions of a
//!          round are one pass of the oracle, since their order cannot change a verdict

use super::keep_rule::{self, Sampled};
use super::rows::Rows;
use super::scope::Scope;
use super::summary::number;
use super::verdicts::Verdicts;
use super::{Embedding, Subject, sampling, stages, token_graph};
use crate::error::Result;
use crate::graph::Partition;
use crate::progress::{Event, Monitor};
use crate::report::{Hunt, KeepRule, Round, ScanOptions};
use crate::rng::Rng;

/// The stream of the seed that draws samples.
const SAMPLES: u64 = 0x5a3b_1e00_0000_0001;

/// One cluster of a round.
struct Cluster {
    members: Vec<u32>,
    sample: Vec<u32>,
}

impl Cluster {
    /// Share of the sample that is known to fail; 0 for an empty sample.
    fn hit_ratio(&self, verdicts: &Verdicts) -> f64 {
        self.hits(verdicts) as f64 / self.sample.len().max(1) as f64
    }

    fn hits(&self, verdicts: &Verdicts) -> usize {
        self.sample.iter().filter(|&&id| verdicts.is_bad(id)).count()
    }

    fn sampled(&self, scope: &Scope, verdicts: &Verdicts) -> Sampled {
        Sampled {
            size: self.members.len(),
            askable: self.members.iter().filter(|&&id| scope.is_askable(id)).count(),
            sampled: self.sample.iter().filter(|&&id| !verdicts.is_unknown(id)).count(),
            hits: self.hits(verdicts),
        }
    }
}

/// Hunts. `first` is the partition of the first round's graph, `None` when the scope is too small to have one.
/// `verdicts` and `hunt` are kept up to date, so that they hold what was found when it is cancelled or fails.
pub async fn hunt(
    subject: &mut dyn Subject,
    embedding: &Embedding,
    scope: &Scope,
    options: &ScanOptions,
    first: Option<Partition>,
    verdicts: &mut Verdicts,
    hunt: &mut Hunt,
    monitor: &mut dyn Monitor,
) -> Result<()> {
    let tokens_before = subject.model_tokens();
    let asked_before = verdicts.len();
    hunt.surviving = scope.vertices().to_vec();
    let outcome = rounds(subject, embedding, scope, options, first, verdicts, hunt, monitor).await;
    let outcome = match outcome {
        Ok(()) if options.verify_final => verify(subject, scope, verdicts, hunt, monitor).await,
        outcome => outcome,
    };
    hunt.queries = (verdicts.len() - asked_before) as u32;
    hunt.model_tokens = subject.model_tokens().saturating_sub(tokens_before);
    if let Err(error) = &outcome {
        hunt.stopped = if error.is_cancelled() {
            format!("cancelled after {} complete rounds", complete_rounds(hunt))
        } else {
            format!("an error after {} complete rounds", complete_rounds(hunt))
        };
    }
    outcome
}

fn complete_rounds(hunt: &Hunt) -> usize {
    hunt.rounds.iter().filter(|round| round.complete).count()
}

/// Leaves the surviving tokens in `hunt.surviving`.
async fn rounds(
    subject: &mut dyn Subject,
    embedding: &Embedding,
    scope: &Scope,
    options: &ScanOptions,
    mut first: Option<Partition>,
    verdicts: &mut Verdicts,
    hunt: &mut Hunt,
    monitor: &mut dyn Monitor,
) -> Result<()> {
    let mut rng = Rng::with_stream(u64::from(options.seed), SAMPLES);
    let stop_below = (options.stop_below as usize).max(token_graph::VERTICES_MIN);
    for round_number in 1..=options.max_rounds {
        let tokens = &hunt.surviving;
        if tokens.len() < stop_below {
            hunt.stopped = format!("{} tokens are left, fewer than {stop_below}", number(tokens.len()));
            return Ok(());
        }
        let partition = match first.take() {
            Some(partition) => partition,
            None => {
                let rows = Rows::of(subject, embedding);
                let mut made = token_graph::neighbourhood(subject.device(), &rows, tokens, options, monitor).await;
                if let Err(error) = &made
                    && subject.recover(error, monitor).await?
                {
                    let rows = Rows::of(subject, embedding);
                    made = token_graph::neighbourhood(subject.device(), &rows, tokens, options, monitor).await;
                }
                let made = made?;
                token_graph::communities(&made.graph, options, monitor).await?
            }
        };
        let clusters = clusters(tokens, &partition, scope, options, &mut rng);
        let queue: Vec<u32> = clusters
            .iter()
            // A test counts every member of the sample; the ratio of known ones can only grow.
            .filter(|cluster| options.keep_rule != KeepRule::Ratio || cluster.hit_ratio(verdicts) <= options.keep_ratio)
            .flat_map(|cluster| &cluster.sample)
            .copied()
            .filter(|&id| verdicts.is_unknown(id))
            .collect();
        monitor.event(Event::Stage {
            stage: stages::PROBING,
            detail: format!(
                "round {round_number}: asking about {} tokens out of {} clusters",
                number(queue.len()),
                number(clusters.len())
            ),
        });
        let (asked_before, bad_before) = (verdicts.len(), verdicts.n_bad());
        let outcome = verdicts.ask(subject, &queue, monitor).await;
        let mut round = Round {
            round: round_number,
            tokens: tokens.len() as u32,
            clusters: clusters.len() as u32,
            cluster_sizes: histogram(&partition.sizes),
            queries: (verdicts.len() - asked_before) as u32,
            hits: (verdicts.n_bad() - bad_before) as u32,
            quality: partition.quality,
            ..Round::default()
        };
        if let Err(error) = outcome {
            hunt.rounds.push(round);
            return Err(error);
        }
        let sampled: Vec<Sampled> = clusters.iter().map(|cluster| cluster.sampled(scope, verdicts)).collect();
        round.tests = keep_rule::judge(&sampled, keep_rule::base_rate(verdicts), options)?;
        let kept: Vec<&Cluster> =
            clusters.iter().zip(&round.tests).filter(|(_, test)| test.kept).map(|(cluster, _)| cluster).collect();
        let mut surviving: Vec<u32> = kept.iter().flat_map(|cluster| &cluster.members).copied().collect();
        surviving.sort_unstable();
        round.kept_clusters = kept.len() as u32;
        round.kept_tokens = surviving.len() as u32;
        round.complete = true;
        round.partition = partition.membership;
        hunt.rounds.push(round);
        let dropped = hunt.surviving.len() - surviving.len();
        hunt.surviving = surviving;
        if dropped == 0 {
            hunt.stopped = format!("round {round_number} dropped no token");
            return Ok(());
        }
        if hunt.surviving.is_empty() {
            hunt.stopped = format!("no cluster was left after round {round_number}");
            return Ok(());
        }
    }
    hunt.stopped = format!("the limit of {} rounds was reached", options.max_rounds);
    Ok(())
}

fn clusters(
    tokens: &[u32],
    partition: &Partition,
    scope: &Scope,
    options: &ScanOptions,
    rng: &mut Rng,
) -> Vec<Cluster> {
    let mut members: Vec<Vec<u32>> = vec![Vec::new(); partition.n_clusters as usize];
    for (&id, &cluster) in tokens.iter().zip(&partition.membership) {
        members[cluster as usize].push(id);
    }
    members
        .into_iter()
        .map(|members| Cluster { sample: sampling::draw(&members, scope, options, rng), members })
        .collect()
}

/// Pairs (size, number of clusters of that size), by size.
fn histogram(sizes: &[u32]) -> Vec<(u32, u32)> {
    let mut counts = std::collections::BTreeMap::new();
    for &size in sizes {
        *counts.entry(size).or_insert(0) += 1;
    }
    counts.into_iter().collect()
}

async fn verify(
    subject: &mut dyn Subject,
    scope: &Scope,
    verdicts: &mut Verdicts,
    hunt: &mut Hunt,
    monitor: &mut dyn Monitor,
) -> Result<()> {
    let ids: Vec<u32> =
        hunt.surviving.iter().copied().filter(|&id| scope.is_askable(id) && verdicts.is_unknown(id)).collect();
    monitor.event(Event::Stage {
        stage: stages::VERIFYING,
        detail: format!("asking about the {} surviving tokens that are unknown", number(ids.len())),
    });
    let asked_before = verdicts.len();
    let outcome = verdicts.ask(subject, &ids, monitor).await;
    hunt.verification_queries = (verdicts.len() - asked_before) as u32;
    outcome
}
