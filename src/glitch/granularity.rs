//! How the Leiden resolution sets the price and the yield of a search.
//!
//! A high resolution makes small clusters. The sample rule asks about at least `sample_min` tokens of each, so clusters
//! of about that size are asked about whole: recall nears 1, and so does the share of questions.
//!
//! Choice   the paper's resolution 75 goes with the 32,000 tokens that most of its models have. At the same resolution
//!          the number of clusters depends on the number of tokens, so `scaled_resolution` is proposed here

use super::rows::Rows;
use super::scope::Scope;
use super::summary::{number, percent};
use super::verdicts::Verdicts;
use super::{Embedding, Oracle, ScanError, StoredOracle, Subject, comparison, hunter, options, token_graph};
use crate::compute::Device;
use crate::error::Result;
use crate::progress::{LocalBoxFuture, Monitor, pause};
use crate::report::{GranularityRow, Hunt, OracleInfo, Probe, Report, ScanOptions, TokenTable};

const PAPER_RESOLUTION: f64 = 75.0;
/// Vocabulary of Llama-2, Mistral and Vicuna, four of the paper's eight models.
const PAPER_VOCABULARY: f64 = 32_000.0;
/// The first round explains itself from this share of questions on; the paper's own hunts asked 20 to 40 % in all.
const NOTED_SHARE: f64 = 0.5;

/// The paper's resolution scaled to a vocabulary of `n` tokens: 75 · n / 32,000. A proposal of this project,
/// not of the paper.
pub fn scaled_resolution(n: usize) -> f64 {
    PAPER_RESOLUTION * n as f64 / PAPER_VOCABULARY
}

/// Repeats the hunt at each resolution with the answers of a stored exhaustive scan. The model is not asked anything;
/// the device only searches neighbours.
///
/// Fails for an option out of range, a `truth` that is not a complete exhaustive scan of these `tokens`, a cancel, or
/// an error of the graph or the device.
pub async fn granularity(
    device: &mut Device,
    embedding: &Embedding,
    tokens: &TokenTable,
    truth: &Report,
    options: &ScanOptions,
    resolutions: &[f64],
    monitor: &mut dyn Monitor,
) -> Result<Vec<GranularityRow>> {
    let all: Vec<ScanOptions> =
        resolutions.iter().map(|&resolution| ScanOptions { resolution, ..options.clone() }).collect();
    for options in &all {
        options::check(options)?;
    }
    let scope = Scope::new(embedding, tokens)?;
    let oracle = StoredOracle::new(truth)?;
    if truth.tokens != *tokens {
        return Err(ScanError::NotATruth {
            reason: format!(
                "it describes another vocabulary ({} tokens, expected {})",
                truth.tokens.text.len(),
                tokens.text.len()
            ),
        }
        .into());
    }
    let mut subject = StoredSubject { oracle, device };
    // The first round's graph is the same at every resolution; only its communities differ.
    let first = if scope.vertices().len() < token_graph::VERTICES_MIN {
        None
    } else {
        Some(
            token_graph::neighbourhood(subject.device, &Rows::Numbers(embedding), scope.vertices(), options, monitor)
                .await?,
        )
    };
    let mut rows = Vec::with_capacity(all.len());
    for options in &all {
        pause(monitor).await?;
        let partition = match &first {
            Some(first) => Some(token_graph::communities(&first.graph, options, monitor).await?),
            None => None,
        };
        let (mut verdicts, mut hunt) = (Verdicts::new(scope.len()), Hunt::default());
        hunter::hunt(&mut subject, embedding, &scope, options, partition, &mut verdicts, &mut hunt, monitor).await?;
        let measured =
            comparison::measure(&verdicts.bad(), &truth.glitch_tokens, hunt.queries as usize, truth.probes.len());
        let (tokens, clusters) = hunt.rounds.first().map_or((0, 0), |round| (round.tokens, round.clusters));
        rows.push(GranularityRow {
            resolution: options.resolution,
            clusters,
            mean_cluster_size: f64::from(tokens) / f64::from(clusters.max(1)),
            queries: hunt.queries,
            query_share: measured.query_share,
            recall: measured.recall,
            rounds: hunt.rounds.len() as u32,
        });
    }
    Ok(rows)
}

/// The stored answers beside a device for the graph.
struct StoredSubject<'a> {
    oracle: StoredOracle<'a>,
    device: &'a mut Device,
}

impl Oracle for StoredSubject<'_> {
    fn info(&self) -> OracleInfo {
        self.oracle.info()
    }

    fn probe<'a>(
        &'a mut self,
        ids: &'a [u32],
        probes: &'a mut Vec<Probe>,
        monitor: &'a mut dyn Monitor,
    ) -> LocalBoxFuture<'a, Result<()>> {
        self.oracle.probe(ids, probes, monitor)
    }

    fn model_tokens(&self) -> u64 {
        self.oracle.model_tokens()
    }
}

impl Subject for StoredSubject<'_> {
    fn device(&mut self) -> &mut Device {
        self.device
    }
}

/// Why a search asked about most of the vocabulary at once, with its numbers; `None` when it did not.
pub fn note(report: &Report, scope: &Scope) -> Option<String> {
    let options = &report.provenance.options;
    let round = report.hunt.as_ref()?.rounds.first().filter(|round| round.complete)?;
    let (askable, asked) = (scope.n_askable(), round.queries);
    let share = f64::from(asked) / askable.max(1) as f64;
    if share < NOTED_SHARE {
        return None;
    }
    Some(format!(
        "Granularity: at resolution {} the {} tokens fell into {} clusters of {:.1} on average. \
         At least {} tokens of every cluster are asked about, so the first round alone \
         asked about {} of the {} tokens that \
         text can produce ({}). The paper's resolution of 75 goes with vocabularies of about 32,000; scaled to this one \
         it is {:.1}.",
        options.resolution,
        number(round.tokens as usize),
        number(round.clusters as usize),
        f64::from(round.tokens) / f64::from(round.clusters.max(1)),
        number(options.sample_min as usize),
        number(asked as usize),
        number(askable),
        percent(share),
        scaled_resolution(round.tokens as usize),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Oracle: the paper's own pair of numbers.
    #[test]
    fn the_scaled_resolution_is_the_papers_at_the_papers_vocabulary() {
        assert_eq!(scaled_resolution(32_000), 75.0);
        assert_eq!(scaled_resolution(4_096), 9.6);
    }
}
