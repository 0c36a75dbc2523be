//! Plain data: what a scan found, what it skipped, and where every number came from. A view can be rebuilt from a saved
//! report alone. The TypeScript types in `www/src/report/types.ts` are generated from these.

use serde::{Deserialize, Serialize};

use crate::compute::DeviceInfo;
use crate::tokenizer::TokenClass;

mod diff;
pub mod export;
#[cfg(test)]
mod schema;
mod stored;
#[cfg(test)]
pub(crate) mod typescript;

pub use diff::{Change, DiffIndicator, DiffOracle, DiffTokens, Matching, ReportDiff, Unmatched, diff};
pub use export::{ExportFormat, REPORT_BYTES_MAX, ReportError};

/// The report of one scan. Everything but `timings` repeats byte for byte for the same model, options and device.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS, schemars::JsonSchema))]
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
    /// The Token Embedding Graph of the whole scope: map and neighbours; absent when the scan did not need it.
    pub graph: Option<TokenGraph>,
    /// Every verdict of the scan's first oracle, by token id; the controls keep theirs.
    pub probes: Vec<Probe>,
    /// What every oracle of the scan said, question by question; absent when one question is all there was.
    #[serde(default)]
    pub panel: Option<Panel>,
    /// Verified glitch tokens: ids that failed the oracle, ascending.
    pub glitch_tokens: Vec<u32>,
    /// Type and symptoms of every glitch token, by rules, and by hand where a person has corrected them.
    #[serde(default)]
    pub labels: Vec<Label>,
    /// The labels counted, corrections included.
    #[serde(default)]
    pub label_counts: LabelCounts,
    /// Tokens the model processed for all answers, the controls' included; 0 where it was not counted.
    #[serde(default)]
    #[cfg_attr(test, ts(type = "number"))]
    pub model_tokens: u64,
    /// Ids the scan did not ask about, and why. Every id is either here or in `probes`, once.
    pub skipped: Vec<Skipped>,
    /// What GlitchHunter did, round by round; absent for an exhaustive scan.
    pub hunt: Option<Hunt>,
    /// GlitchHunter against the exhaustive truth; absent until both are known.
    pub comparison: Option<Comparison>,
    /// Which part of a scan this is; absent when it is the whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub shard: Option<Shard>,
    /// Things the user should know: survived oddities of the files, fallbacks, limits.
    pub notes: Vec<String>,
    /// Seconds, measured by whoever ran the scan; never part of a comparison.
    pub timings: Vec<Timing>,
}

impl Report {
    pub const SCHEMA: &'static str = "glitchscope.scan";
    /// Grows when a field changes its meaning. Version 1, whose oracles had one question each, is still read.
    pub const SCHEMA_VERSION: u32 = 2;

    /// What has to stand beside every number of this report, if anything has: that the model fails ordinary words.
    pub fn caution(&self) -> Option<String> {
        let controls = self.controls.as_ref().filter(|controls| controls.overridden)?;
        Some(format!(
            "{} passed only {} of {} ordinary words with the oracle {} and was scanned all the same: the verdicts say \
             nothing certain about its tokens.",
            self.provenance.model.name, controls.passed, controls.asked, self.provenance.oracle.id
        ))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS, schemars::JsonSchema))]
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
#[cfg_attr(test, derive(ts_rs::TS, schemars::JsonSchema))]
pub struct Provenance {
    pub glitchscope: String,
    pub model: ModelInfo,
    pub device: DeviceInfo,
    pub oracle: OracleInfo,
    pub options: ScanOptions,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS, schemars::JsonSchema))]
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
#[cfg_attr(test, derive(ts_rs::TS, schemars::JsonSchema))]
pub struct FileInfo {
    pub name: String,
    #[cfg_attr(test, ts(type = "number"))]
    pub bytes: u64,
    /// SHA-256 of the file; absent when the file was read only in part.
    pub sha256: Option<String>,
}

/// What is asked of a token, and how its answers are judged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS, schemars::JsonSchema))]
pub struct OracleInfo {
    /// `repetition-zero-shot`.
    pub id: String,
    pub title: String,
    /// Its questions, to the byte.
    pub prompts: Vec<PromptInfo>,
    /// The rules a verdict follows, in words.
    pub rules: Vec<String>,
    /// What the graded value is, in words; empty when there is none.
    pub value: String,
    pub source: String,
}

/// One question, to the byte.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS, schemars::JsonSchema))]
pub struct PromptInfo {
    pub name: String,
    /// `plain`, or `chat` when the model's chat template made the text.
    pub form: String,
    /// The text around the token: the token stands between any two neighbours of the list.
    pub text: Vec<String>,
    /// The ids of that text; the token itself is spliced in as an id.
    pub ids: Vec<Vec<u32>>,
    /// The ordinary word that stood in the token's place while the prompt was encoded.
    pub placeholder: String,
    pub max_new_tokens: u32,
    /// `greedy`, or how it was sampled.
    pub decoding: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS, schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Method {
    Glitchhunter,
    Exhaustive,
}

/// What is asked of a token: the paper's three proxy tasks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS, schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum TaskName {
    #[default]
    Repetition,
    Spelling,
    Length,
}

/// How GlitchHunter judges a cluster by its sample.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS, schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum KeepRule {
    /// hits / sample above `keep_ratio`: the paper's, whose "hypothesis test" has no statistic.
    #[default]
    Ratio,
    /// A statistical variant of this project: the sample's hits are more than the share of failures known so far would
    /// give (hypergeometric upper tail), over all clusters at a false discovery rate of `alpha`.
    Hypergeometric,
}

/// Whether questions are put as plain text or through the model's chat template.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS, schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum PromptForm {
    #[default]
    Auto,
    Plain,
    Chat,
}

/// How nearest neighbours are found; auto is exact, but on a processor approximate above 100,000 tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS, schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum NeighbourChoice {
    #[default]
    Auto,
    Exact,
    Approximate,
}

/// Every choice of a scan. The defaults are the paper's, or the reference procedure's where the paper is silent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS, schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct ScanOptions {
    pub method: Method,
    /// The question of the oracle when `oracles` names none: without examples. Default repetition (paper, its cost
    /// tables).
    pub task: TaskName,
    /// Oracles by id. The first one leads: its verdicts are the scan's. The others are asked about the same tokens.
    pub oracles: Vec<String>,
    /// How questions are put. Default: as a conversation when the tokenizer has a chat template, else as plain text.
    pub form: PromptForm,
    /// Answers that the sampled oracle draws of each token. Default 10 (chosen here).
    pub attempts: u32,
    /// Default 0.7 (glitcher).
    pub temperature: f64,
    /// Default 0.9 (glitcher).
    pub top_p: f64,
    /// Draws the cluster samples and the answers of the sampled oracle. Default 42.
    pub seed: u32,
    /// Neighbours of a vertex, the vertex itself counted in. Default 50 (paper).
    pub n_neighbors: u32,
    /// Exact or approximate neighbours. Default: whichever is fast enough (chosen here).
    pub neighbours: NeighbourChoice,
    /// Leiden resolution. Default 75 (paper).
    pub resolution: f64,
    /// Principal components the embedding is reduced to. Default 50 (reference code).
    pub n_components: u32,
    /// How a cluster is judged by its sample. Default: by the ratio (paper).
    pub keep_rule: KeepRule,
    /// By the ratio, a cluster is kept when hits / sample is above this. Default 0 (paper), compared strictly (reference
    /// code).
    pub keep_ratio: f64,
    /// By the test, a cluster is kept when its adjusted p-value is at most this. Default 0.05 (chosen here).
    pub alpha: f64,
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
    /// Scan a model that does not pass them all the same; everything made of such a scan says so. Default false.
    pub despite_controls: bool,
    /// Give an exhaustive scan a map and neighbours too; a search has them always. Default true.
    pub with_graph: bool,
}

impl Default for ScanOptions {
    fn default() -> Self {
        ScanOptions {
            method: Method::Glitchhunter,
            task: TaskName::Repetition,
            oracles: Vec::new(),
            form: PromptForm::Auto,
            attempts: 10,
            temperature: 0.7,
            top_p: 0.9,
            seed: 42,
            n_neighbors: 50,
            neighbours: NeighbourChoice::Auto,
            resolution: 75.0,
            n_components: 50,
            keep_rule: KeepRule::Ratio,
            keep_ratio: 0.0,
            alpha: 0.05,
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
            despite_controls: false,
            with_graph: true,
        }
    }
}

/// Ordinary tokens, asked about first.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS, schemars::JsonSchema))]
pub struct Controls {
    pub asked: u32,
    pub passed: u32,
    pub testable: bool,
    /// The model is not testable and was scanned all the same: its verdicts say nothing certain.
    #[serde(default)]
    pub overridden: bool,
    pub probes: Vec<Probe>,
}

/// One row per id, as columns, because a vocabulary has up to hundreds of thousands of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS, schemars::JsonSchema))]
pub struct TokenTable {
    /// What the token decodes to; lone bytes appear as U+FFFD here and exactly in `bytes_hex`.
    pub text: Vec<String>,
    /// The token's bytes as hexadecimal where they are not the UTF-8 of `text`; empty otherwise.
    pub bytes_hex: Vec<String>,
    pub class: Vec<TokenClass>,
}

/// The Token Embedding Graph of round 1.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS, schemars::JsonSchema))]
pub struct TokenGraph {
    /// Token id of each vertex.
    pub ids: Vec<u32>,
    /// 2-D layout, within [-1, 1]; distances are approximate.
    pub x: Vec<f32>,
    pub y: Vec<f32>,
    /// Leiden community of each vertex.
    pub cluster: Vec<u32>,
    pub n_clusters: u32,
    /// Nearest neighbours, `neighbours_per_token` per vertex, as token ids, nearest first; `search` tells how they were
    /// found. The graph itself uses `n_neighbors`; the report lists fewer, or they would make up most of it.
    pub neighbours_per_token: u32,
    pub neighbours: Vec<u32>,
    /// Euclidean, in the reduced space.
    pub distances: Vec<f32>,
    /// Share of the embedding's variance that the components keep.
    pub explained_variance: f64,
    /// Modularity with resolution (RBConfiguration), as a share of the total weight.
    pub quality: f64,
    /// How the neighbours were found; absent in reports from before there was a choice, whose neighbours are exact.
    #[serde(default)]
    pub search: Option<NeighbourSearch>,
}

/// How the neighbours of a graph were found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS, schemars::JsonSchema))]
pub struct NeighbourSearch {
    /// `exact` or `inverted file`.
    pub method: String,
    /// Neighbours of a vertex, the vertex itself not counted.
    pub n_neighbours: u32,
    /// Share of the exact neighbours that were found, measured on `sample_rows` rows; absent for the exact search.
    pub recall: Option<f64>,
    pub sample_rows: u32,
    /// Share of all pairs of vertices that were compared.
    pub pairs: f64,
}

/// One answer of the oracle.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS, schemars::JsonSchema))]
pub struct Probe {
    pub id: u32,
    /// The oracle's verdict.
    pub passed: bool,
    /// The same by its strict rule.
    pub passed_strict: bool,
    /// The oracle's graded value; what it is, the oracle's `value` says.
    #[serde(default)]
    pub value: Option<f32>,
    /// Probability of the token itself as the first token of the first question's answer.
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

/// What a token is, GlitchHunter's types A to E. The rules are in `glitch/taxonomy.rs`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS, schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum TokenType {
    /// A: common words glued together.
    Word,
    /// B: letters that form no words.
    Letter,
    /// C: no letters.
    Character,
    /// D: letters and other characters.
    LetterCharacter,
    /// E: a character beyond ASCII.
    Special,
}

/// What a token does to the model, GlitchHunter's five symptoms. The rules are in `glitch/taxonomy.rs`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS, schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Symptom {
    SpellingMistake,
    Incapability,
    HallucinatoryCompletion,
    QuestionRepetition,
    RandomCharacters,
}

/// The labels of one glitch token. The raw answers stay in `probes` and `panel`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS, schemars::JsonSchema))]
pub struct Label {
    pub id: u32,
    pub token_type: TokenType,
    /// Question and symptom, for every task the token failed.
    pub symptoms: Vec<(String, Symptom)>,
    /// What a person says it is.
    #[serde(default)]
    pub corrected_type: Option<TokenType>,
    #[serde(default)]
    pub corrected_symptoms: Vec<(String, Symptom)>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS, schemars::JsonSchema))]
pub struct LabelCounts {
    pub types: Vec<(TokenType, u32)>,
    /// By question and symptom.
    pub symptoms: Vec<((String, Symptom), u32)>,
}

/// Several oracles over the same tokens. Columns are as long as `ids`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS, schemars::JsonSchema))]
pub struct Panel {
    /// The first is the scan's own.
    pub oracles: Vec<OracleInfo>,
    /// Tokens that all of them were asked about, ascending.
    pub ids: Vec<u32>,
    /// One for each oracle.
    pub verdicts: Vec<VerdictColumn>,
    /// One for each question. Oracles that share a question share its answers.
    pub answers: Vec<AnswerColumn>,
    /// Every pair of oracles.
    pub agreement: Vec<Agreement>,
}

/// What one oracle said.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS, schemars::JsonSchema))]
pub struct VerdictColumn {
    pub oracle: String,
    /// Ordinary words asked about first, and how many of them passed. Where they do not, verdicts say nothing.
    pub controls_asked: u32,
    pub controls_passed: u32,
    pub passed: Vec<bool>,
    pub passed_strict: Vec<bool>,
    pub value: Vec<f32>,
    /// Confidence interval of each value; empty where it is no estimate.
    pub interval: Vec<(f32, f32)>,
}

/// What was answered to one question.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS, schemars::JsonSchema))]
pub struct AnswerColumn {
    /// Name of the prompt.
    pub prompt: String,
    /// Probability of the token itself as the first token of the answer.
    pub p_target: Vec<f32>,
    /// The largest at any step of the answer.
    pub p_max: Vec<f32>,
    /// Most probable first token.
    pub argmax: Vec<u32>,
    /// Of the first token's distribution, in nats.
    pub entropy: Vec<f32>,
    /// Whether the answer, or one of the attempts, failed the question's own rule; empty for questions without one.
    pub failed: Vec<bool>,
    /// Attempts that failed; empty for a question that was asked once.
    pub failures: Vec<u32>,
    /// The raw answer, up to where the question was decided; of several attempts the first that failed, else the first.
    pub ids: Vec<Vec<u32>>,
    pub text: Vec<String>,
}

/// How far two oracles agree about the tokens that both were asked about.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS, schemars::JsonSchema))]
pub struct Agreement {
    pub a: String,
    pub b: String,
    pub both_fail: u32,
    pub only_a_fails: u32,
    pub only_b_fails: u32,
    pub both_pass: u32,
    /// Tokens that fail both / tokens that fail one of them; null when none fails.
    pub jaccard: Option<f64>,
    /// Cohen's kappa; null when chance alone would make them agree on every token.
    pub kappa: Option<f64>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS, schemars::JsonSchema))]
pub struct Skipped {
    pub class: TokenClass,
    pub reason: String,
    pub ids: Vec<u32>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS, schemars::JsonSchema))]
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
#[cfg_attr(test, derive(ts_rs::TS, schemars::JsonSchema))]
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
    /// Every cluster's sample and what it was worth, in the order of clusters; empty for an incomplete round.
    #[serde(default)]
    pub tests: Vec<ClusterTest>,
    /// Cluster of each token at the start, by ascending id. Those of clusters whose test kept them are the tokens of the
    /// next round. Left out of an incomplete round; reports from before it was kept are without it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(test, ts(as = "Option<Vec<u32>>", optional))]
    pub partition: Vec<u32>,
}

impl Round {
    /// Least, median and largest miss probability of the clusters that were dropped; `None` where none was.
    pub fn missed(&self) -> Option<[f64; 3]> {
        let dropped = self.tests.iter().filter(|test| !test.kept);
        let mut missed: Vec<f64> = dropped.map(|test| test.miss_probability).collect();
        missed.sort_by(f64::total_cmp);
        Some([*missed.first()?, missed[missed.len() / 2], *missed.last()?])
    }
}

/// What a sample says of its cluster.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS, schemars::JsonSchema))]
pub struct ClusterTest {
    /// Members, of every class.
    pub size: u32,
    /// Members that may be asked about.
    pub askable: u32,
    /// Members whose verdict is known out of the sample, and those of them that failed.
    pub sampled: u32,
    pub hits: u32,
    /// Upper tail of the hypergeometric distribution, and the same adjusted over the clusters of the round (Benjamini
    /// and Hochberg); null where the rule does not test.
    pub p_value: Option<f64>,
    pub q_value: Option<f64>,
    /// How likely such a sample misses every failure of a cluster like this one that fails as often as the tokens known
    /// so far, rounded up to a whole token.
    pub miss_probability: f64,
    pub kept: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS, schemars::JsonSchema))]
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

/// One part of an exhaustive scan that several machines share.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS, schemars::JsonSchema))]
pub struct Shard {
    /// From 1 to `count`.
    pub index: u32,
    pub count: u32,
    /// The first so many of the report's notes are those of the whole scan.
    pub notes: u32,
    /// What happened to this part's device.
    pub incidents: Vec<String>,
    /// Tokens the model processed before the part's own: prompts and controls, which every part repeats.
    #[cfg_attr(test, ts(type = "number"))]
    pub shared_model_tokens: u64,
    /// Ids of the part whose answers came with a number that is not finite.
    pub not_finite: Vec<u32>,
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

/// Rows of the output embedding that no text ever trained, and how they were found.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct References {
    /// `bytes that UTF-8 never uses`, for example.
    pub group: String,
    pub ids: Vec<u32>,
    /// Mean cosine of two different rows of them.
    pub mutual_cosine: f64,
}

/// Magikarp's indicators of every row of a model; low is suspicious.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct IndicatorTable {
    /// What rows are compared with; absent when no group of untrained rows was found, and some indicators with it.
    pub references: Option<References>,
    pub columns: Vec<IndicatorColumn>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct IndicatorColumn {
    /// That of the detector which ranks by it, `magikarp-cosine` for example.
    pub name: String,
    pub what: String,
    /// By token id.
    pub values: Vec<f32>,
}

/// What a detector is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct DetectorInfo {
    pub name: String,
    pub what: String,
    pub needs: String,
    pub source: String,
    /// Whether another seed searches otherwise.
    pub is_seeded: bool,
    /// Whether what it names has failed the oracle; its precision is then 1.
    pub is_verified: bool,
}

/// Every detector against one exhaustive scan.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct DetectorTable {
    /// Always [`DetectorTable::SCHEMA`].
    pub schema: String,
    pub schema_version: u32,
    /// `complete`, or how the comparison ended before its last detector; the finished ones are here.
    pub status: Status,
    /// Of the exhaustive scan: model, device, oracle, options.
    pub provenance: Provenance,
    /// Questions of the exhaustive scan, and how many of them found a glitch token.
    pub questions: u32,
    pub glitch_tokens: u32,
    /// Tokens the model processed for each question, prefixes that a batch shares counted once.
    pub tokens_per_question: f64,
    /// Seconds the exhaustive scan took for each question, on the device of the provenance; 0 when not known.
    pub seconds_per_question: f64,
    pub seeds: Vec<u32>,
    pub references: Option<References>,
    /// What has to stand beside every number: the exhaustive scan's [`Report::caution`].
    #[serde(default)]
    pub caution: Option<String>,
    /// One for each detector: means over its runs.
    pub rows: Vec<DetectorRow>,
    pub runs: Vec<DetectorRun>,
    /// What was left out, and why.
    pub notes: Vec<String>,
}

impl DetectorTable {
    pub const SCHEMA: &'static str = "glitchscope.detectors";
    pub const SCHEMA_VERSION: u32 = 1;
}

/// The mean of several runs and Student's interval of it at 95 %; of one run all three are its value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Mean {
    pub mean: f64,
    pub low: f64,
    pub high: f64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct DetectorRow {
    pub info: DetectorInfo,
    pub runs: u32,
    pub true_positives: Mean,
    pub precision: Mean,
    pub recall: Mean,
    pub f1: Mean,
    /// Questions asked of the oracle.
    pub queries: Mean,
    /// Tokens the model processes: for the questions, and for gradients and activations.
    pub model_tokens: Mean,
    /// Seconds of the detector itself; questions were answered from the exhaustive scan.
    pub own_seconds: Mean,
    /// The same and `seconds_per_question` for each question: an estimate of a search that asks the model.
    pub seconds: Mean,
    /// Recall after 0, 2, 4, … 100 % of the exhaustive scan's questions.
    pub curve: Vec<f32>,
    /// Student's interval of every point of the curve at 95 %, within 0 and 1.
    #[serde(default)]
    pub curve_low: Vec<f32>,
    #[serde(default)]
    pub curve_high: Vec<f32>,
}

/// One search.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct DetectorRun {
    pub detector: String,
    pub seed: u32,
    /// Tokens it called glitch tokens.
    pub named: u32,
    pub true_positives: u32,
    pub precision: f64,
    pub recall: f64,
    /// Harmonic mean of precision and recall; 0 when both are.
    pub f1: f64,
    pub queries: u32,
    #[cfg_attr(test, ts(type = "number"))]
    pub model_tokens: u64,
    pub own_seconds: f64,
    pub seconds: f64,
    pub curve: Vec<f32>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS, schemars::JsonSchema))]
pub struct Timing {
    pub stage: String,
    pub seconds: f64,
}
