//! Plain data: what a scan found, what it skipped, and where every number came from. A view can be rebuilt from a saved
//! report alone. The TypeScript types in `www/src/report/types.ts` are generated from these.

use serde::{Deserialize, Serialize};

use crate::compute::DeviceInfo;
use crate::tokenizer::TokenClass;

pub mod export;
#[cfg(test)]
mod typescript;

pub use export::{REPORT_BYTES_MAX, ReportError};

/// The report of one scan. Everything but `timings` repeats byte for byte for the same model, options and device.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Report {
    /// Always [`Report::SCHEMA`].
    pub schema: String,
    /// [`Report::SCHEMA_VERSION`] of the program that wrote it.
    pub schema_version: u32,
    pub provenance: Provenance,
    /// The result in sentences a person could quote.
    pub summary: Vec<String>,
    /// `complete`, or how the scan ended before its end.
    pub status: Status,
    pub controls: Option<Controls>,
    /// Every id of the vocabulary, column by column.
    pub tokens: TokenTable,
    /// The Token Embedding Graph of the whole scope: map and exact neighbours; absent when the scan did not need it.
    pub graph: Option<TokenGraph>,
    /// Every verdict of the scan, by token id; the controls keep theirs.
    pub probes: Vec<Probe>,
    /// Verified glitch tokens: ids that failed the oracle, ascending.
    pub glitch_tokens: Vec<u32>,
    /// Ids the scan did not ask about, and why. Every id is either here or in `probes`, once.
    pub skipped: Vec<Skipped>,
    /// What GlitchHunter did, round by round; absent for an exhaustive scan.
    pub hunt: Option<Hunt>,
    /// GlitchHunter against the exhaustive truth; absent until both are known.
    pub comparison: Option<Comparison>,
    /// Things the user should know: survived oddities of the files, fallbacks, limits.
    pub notes: Vec<String>,
    /// Seconds, measured by whoever ran the scan; never part of a comparison.
    pub timings: Vec<Timing>,
}

impl Report {
    pub const SCHEMA: &'static str = "glitchscope.scan";
    /// Grows when a field changes its meaning.
    pub const SCHEMA_VERSION: u32 = 1;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum Status {
    Complete,
    /// Stopped by the user; what was found is here.
    Cancelled,
    /// The model fails ordinary tokens, so its failures say nothing.
    NotTestable,
    /// An error ended it; it is the last of `notes`.
    Failed,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Provenance {
    pub glitchscope: String,
    pub model: ModelInfo,
    pub device: DeviceInfo,
    pub oracle: OracleInfo,
    pub options: ScanOptions,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ModelInfo {
    /// Folder, file or URL the user named; `specimen` for the built-in model.
    pub name: String,
    /// `model_type` of the configuration.
    pub family: String,
    #[cfg_attr(test, ts(type = "number"))]
    pub parameters: u64,
    /// Stored types and the bytes in each, for example `[["F16", 2621440]]`.
    #[cfg_attr(test, ts(type = "[string, number][]"))]
    pub stored_types: Vec<(String, u64)>,
    pub n_layers: u32,
    pub n_heads: u32,
    pub n_kv_heads: u32,
    pub n_channels: u32,
    pub context: u32,
    /// Rows of the embedding.
    pub embedding_rows: u32,
    /// Entries of the tokenizer.
    pub vocabulary: u32,
    pub tied_embeddings: bool,
    pub files: Vec<FileInfo>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct FileInfo {
    pub name: String,
    #[cfg_attr(test, ts(type = "number"))]
    pub bytes: u64,
    /// SHA-256 of the file; absent when the file was read only in part.
    pub sha256: Option<String>,
}

/// Which question was asked, to the byte.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct OracleInfo {
    /// `repetition-zero-shot`.
    pub id: String,
    pub title: String,
    /// Text before and after the token, and their ids; the token itself is spliced in as an id.
    pub text_before: String,
    pub text_after: String,
    pub ids_before: Vec<u32>,
    pub ids_after: Vec<u32>,
    /// The ordinary word that stood in the token's place while the prompt was encoded.
    pub placeholder: String,
    pub max_new_tokens: u32,
    /// `greedy`.
    pub decoding: String,
    /// The rules a verdict follows, in words.
    pub rules: Vec<String>,
    pub source: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum Method {
    Glitchhunter,
    Exhaustive,
}

/// What is asked of a token: the paper's three proxy tasks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum TaskName {
    #[default]
    Repetition,
    Spelling,
    Length,
}

/// Every choice of a scan. The defaults are the paper's, or the reference procedure's where the paper is silent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(default, deny_unknown_fields)]
pub struct ScanOptions {
    pub method: Method,
    /// The question of the oracle. Default repetition (paper, its cost tables).
    pub task: TaskName,
    /// Draws the cluster samples, orders nothing else. Default 42.
    pub seed: u32,
    /// Neighbours of a vertex, the vertex itself counted in. Default 50 (paper).
    pub n_neighbors: u32,
    /// Leiden resolution. Default 75 (paper).
    pub resolution: f64,
    /// Principal components the embedding is reduced to. Default 50 (reference code).
    pub n_components: u32,
    /// A cluster is kept when hits / sample is above this. Default 0 (paper), compared strictly (reference code).
    pub keep_ratio: f64,
    /// Sample of a cluster of size s: min(max(sample_min, floor(min(sample_fraction·s, sample_max))), s).
    /// Defaults 5, 0.1, 50 (reference code).
    pub sample_min: u32,
    pub sample_fraction: f64,
    pub sample_max: u32,
    /// Default 20 (chosen here; the paper names none).
    pub max_rounds: u32,
    /// Stop when fewer tokens are left. Default 100 (chosen here).
    pub stop_below: u32,
    /// Ask about every surviving token at the end. Default true (reference code).
    pub verify_final: bool,
    /// Leiden passes at most; it stops earlier when nothing improves. Default 10 (chosen here).
    pub leiden_iterations: u32,
    /// Rows of a batch; 0 lets the device's limits decide.
    pub batch_size: u32,
    /// Ordinary tokens asked about before a model is trusted. Default 24 (chosen here).
    pub n_controls: u32,
    /// Share of the controls a testable model must pass. Default 0.5 (chosen here).
    pub controls_pass_ratio: f64,
    /// Give an exhaustive scan a map and neighbours too; a search has them always. Default true.
    pub with_graph: bool,
}

impl Default for ScanOptions {
    fn default() -> Self {
        ScanOptions {
            method: Method::Glitchhunter,
            task: TaskName::Repetition,
            seed: 42,
            n_neighbors: 50,
            resolution: 75.0,
            n_components: 50,
            keep_ratio: 0.0,
            sample_min: 5,
            sample_fraction: 0.1,
            sample_max: 50,
            max_rounds: 20,
            stop_below: 100,
            verify_final: true,
            leiden_iterations: 10,
            batch_size: 0,
            n_controls: 24,
            controls_pass_ratio: 0.5,
            with_graph: true,
        }
    }
}

/// Ordinary tokens, asked about first.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Controls {
    pub asked: u32,
    pub passed: u32,
    pub testable: bool,
    pub probes: Vec<Probe>,
}

/// One row per id, as columns, because a vocabulary has up to hundreds of thousands of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct TokenTable {
    /// What the token decodes to; lone bytes appear as U+FFFD here and exactly in `bytes_hex`.
    pub text: Vec<String>,
    /// The token's bytes as hexadecimal where they are not the UTF-8 of `text`; empty otherwise.
    pub bytes_hex: Vec<String>,
    pub class: Vec<TokenClass>,
}

/// The Token Embedding Graph of round 1.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct TokenGraph {
    /// Token id of each vertex.
    pub ids: Vec<u32>,
    /// 2-D layout, within [-1, 1]; distances are approximate.
    pub x: Vec<f32>,
    pub y: Vec<f32>,
    /// Leiden community of each vertex.
    pub cluster: Vec<u32>,
    pub n_clusters: u32,
    /// Exact nearest neighbours, `neighbours_per_token` per vertex, as token ids, nearest first. The graph itself uses
    /// `n_neighbors`; the report lists fewer, or they would make up most of it.
    pub neighbours_per_token: u32,
    pub neighbours: Vec<u32>,
    /// Euclidean, in the reduced space.
    pub distances: Vec<f32>,
    /// Share of the embedding's variance that the components keep.
    pub explained_variance: f64,
    /// Modularity with resolution (RBConfiguration), as a share of the total weight.
    pub quality: f64,
}

/// One answer of the oracle.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Probe {
    pub id: u32,
    /// The substring rule; the verdict.
    pub passed: bool,
    /// Exact after trimming one trailing period and surrounding quotes and blanks.
    pub passed_strict: bool,
    /// Probability of the token itself as the first token of the answer.
    pub p_target: f32,
    /// First token of the answer.
    pub argmax: u32,
    /// Of the first token's distribution, in nats.
    pub entropy: f32,
    /// The answer, up to where the verdict was certain.
    pub answer: Vec<u32>,
    /// The answer as text.
    pub answer_text: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Skipped {
    pub class: TokenClass,
    pub reason: String,
    pub ids: Vec<u32>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Hunt {
    pub rounds: Vec<Round>,
    /// The literal output of Algorithm 1: all tokens of the clusters that survived, verified or not, ascending. After
    /// a cancel or an error: the tokens that were still in play.
    pub surviving: Vec<u32>,
    /// Tokens the oracle was asked about, verification included, controls not counted.
    pub queries: u32,
    /// Those of them that were asked at the end, about surviving tokens.
    pub verification_queries: u32,
    /// Why the rounds ended, in words.
    pub stopped: String,
    /// Tokens the model processed for it.
    #[cfg_attr(test, ts(type = "number"))]
    pub model_tokens: u64,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Round {
    pub round: u32,
    /// Tokens at the start, |B|.
    pub tokens: u32,
    pub clusters: u32,
    /// Pairs (size, number of clusters of that size), by size.
    pub cluster_sizes: Vec<(u32, u32)>,
    /// Tokens asked about in this round; members of the samples that were known are not asked again.
    pub queries: u32,
    /// Those of them that failed.
    pub hits: u32,
    pub kept_clusters: u32,
    pub kept_tokens: u32,
    /// Modularity with resolution (RBConfiguration), as a share of the total weight.
    pub quality: f64,
    /// False when a cancel or an error cut the round short; nothing was kept or dropped then.
    pub complete: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Comparison {
    /// Glitch tokens of the exhaustive scan that the search verified.
    pub true_positives: u32,
    pub false_positives: u32,
    pub false_negatives: u32,
    /// true_positives / (true_positives + false_positives); 1 when the search named nothing.
    pub precision: f64,
    /// true_positives / (true_positives + false_negatives); 1 when there was nothing to find.
    pub recall: f64,
    /// Queries of the exhaustive scan.
    pub queries_exhaustive: u32,
    /// Queries of the hunt / queries of the exhaustive scan; 0 when there were none.
    pub query_share: f64,
}

/// What a hunt would have found at one resolution, answered from a stored exhaustive scan.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct GranularityRow {
    pub resolution: f64,
    /// Of the first round.
    pub clusters: u32,
    /// Tokens, of every class, per cluster of the first round.
    pub mean_cluster_size: f64,
    pub queries: u32,
    /// Queries / queries of the exhaustive scan.
    pub query_share: f64,
    /// Share of the exhaustive scan's glitch tokens that were found.
    pub recall: f64,
    pub rounds: u32,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Timing {
    pub stage: String,
    pub seconds: f64,
}
