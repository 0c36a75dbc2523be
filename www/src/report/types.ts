// Generated from report.rs, progress.rs, session.rs, compute/device.rs, tokenizer/class.rs,
// engine/training. Do not edit:
// UPDATE=1 cargo test --lib report::typescript

/** The report of one scan. Everything but `timings` repeats byte for byte for the same model, options and device. */
export interface Report {
  /** Always [`Report::SCHEMA`]. */
  schema: string;
  /** [`Report::SCHEMA_VERSION`] of the program that wrote it. */
  schema_version: number;
  provenance: Provenance;
  /** The result in sentences a person could quote. */
  summary: Array<string>;
  /** `complete`, or how the scan ended before its end. */
  status: Status;
  controls: Controls | null;
  /** Every id of the vocabulary, column by column. */
  tokens: TokenTable;
  /** The Token Embedding Graph of the whole scope: map and neighbours; absent when the scan did not need it. */
  graph: TokenGraph | null;
  /** Every verdict of the scan's first oracle, by token id; the controls keep theirs. */
  probes: Array<Probe>;
  /** What every oracle of the scan said, question by question; absent when one question is all there was. */
  panel: Panel | null;
  /** Verified glitch tokens: ids that failed the oracle, ascending. */
  glitch_tokens: Array<number>;
  /** Type and symptoms of every glitch token, by rules, and by hand where a person has corrected them. */
  labels: Array<Label>;
  /** The labels counted, corrections included. */
  label_counts: LabelCounts;
  /** Tokens the model processed for all answers, the controls' included; 0 where it was not counted. */
  model_tokens: number;
  /** Ids the scan did not ask about, and why. Every id is either here or in `probes`, once. */
  skipped: Array<Skipped>;
  /** What GlitchHunter did, round by round; absent for an exhaustive scan. */
  hunt: Hunt | null;
  /** GlitchHunter against the exhaustive truth; absent until both are known. */
  comparison: Comparison | null;
  /** Which part of a scan this is; absent when it is the whole. */
  shard?: Shard;
  /** Things the user should know: survived oddities of the files, fallbacks, limits. */
  notes: Array<string>;
  /** Seconds, measured by whoever ran the scan; never part of a comparison. */
  timings: Array<Timing>;
}

export type Status = "complete" | "cancelled" | "not_testable" | "failed";

export interface Provenance {
  glitchscope: string;
  model: ModelInfo;
  device: DeviceInfo;
  oracle: OracleInfo;
  options: ScanOptions;
}

export interface ModelInfo {
  /** Folder, file or URL the user named; `specimen` for the built-in model. */
  name: string;
  /** `model_type` of the configuration. */
  family: string;
  parameters: number;
  /** Stored types and the bytes in each, for example `[["F16", 2621440]]`. */
  stored_types: [string, number][];
  n_layers: number;
  n_heads: number;
  n_kv_heads: number;
  n_channels: number;
  context: number;
  /** Rows of the embedding. */
  embedding_rows: number;
  /** Entries of the tokenizer. */
  vocabulary: number;
  tied_embeddings: boolean;
  files: Array<FileInfo>;
}

export interface FileInfo {
  name: string;
  bytes: number;
  /** SHA-256 of the file; absent when the file was read only in part. */
  sha256: string | null;
}

/** Where a result was computed. Travels in every report. */
export interface DeviceInfo {
  kind: DeviceKind;
  /** The adapter's own name, or the CPU's instruction set, for example `wasm simd128`. */
  name: string;
  /** Graphics API, driver, features in use; empty for the CPU. */
  detail: string;
  /** A GPU that the processor imitates: right, and slow. */
  software: boolean;
  /** Arithmetic type, always named: `f32`, or what it was given up for. */
  precision: string;
  /** Why this device and not the other, when `Auto` had to choose. */
  reason: string;
}

export type DeviceKind = "cpu" | "gpu";

/** What was asked for. `Auto` takes the GPU when there is a real one, and says in the result which it took and why. */
export type DevicePreference = "auto" | "cpu" | "gpu" | "gpu_f16";

/** What is asked of a token, and how its answers are judged. */
export interface OracleInfo {
  /** `repetition-zero-shot`. */
  id: string;
  title: string;
  /** Its questions, to the byte. */
  prompts: Array<PromptInfo>;
  /** The rules a verdict follows, in words. */
  rules: Array<string>;
  /** What the graded value is, in words; empty when there is none. */
  value: string;
  source: string;
}

/** One question, to the byte. */
export interface PromptInfo {
  name: string;
  /** `plain`, or `chat` when the model's chat template made the text. */
  form: string;
  /** The text around the token: the token stands between any two neighbours of the list. */
  text: Array<string>;
  /** The ids of that text; the token itself is spliced in as an id. */
  ids: Array<Array<number>>;
  /** The ordinary word that stood in the token's place while the prompt was encoded. */
  placeholder: string;
  max_new_tokens: number;
  /** `greedy`, or how it was sampled. */
  decoding: string;
}

export type Method = "glitchhunter" | "exhaustive";

/** What is asked of a token: the paper's three proxy tasks. */
export type TaskName = "repetition" | "spelling" | "length";

/** Whether questions are put as plain text or through the model's chat template. */
export type PromptForm = "auto" | "plain" | "chat";

/** How GlitchHunter judges a cluster by its sample. */
export type KeepRule = "ratio" | "hypergeometric";

/** How nearest neighbours are found; auto is exact, but on a processor approximate above 100,000 tokens. */
export type NeighbourChoice = "auto" | "exact" | "approximate";

/** Every choice of a scan. The defaults are the paper's, or the reference procedure's where the paper is silent. */
export interface ScanOptions {
  method: Method;
  /**
   * The question of the oracle when `oracles` names none: without examples. Default repetition (paper, its cost
   * tables).
   */
  task: TaskName;
  /** Oracles by id. The first one leads: its verdicts are the scan's. The others are asked about the same tokens. */
  oracles: Array<string>;
  /** How questions are put. Default: as a conversation when the tokenizer has a chat template, else as plain text. */
  form: PromptForm;
  /** Answers that the sampled oracle draws of each token. Default 10 (chosen here). */
  attempts: number;
  /** Default 0.7 (glitcher). */
  temperature: number;
  /** Default 0.9 (glitcher). */
  top_p: number;
  /** Draws the cluster samples and the answers of the sampled oracle. Default 42. */
  seed: number;
  /** Neighbours of a vertex, the vertex itself counted in. Default 50 (paper). */
  n_neighbors: number;
  /** Exact or approximate neighbours. Default: whichever is fast enough (chosen here). */
  neighbours: NeighbourChoice;
  /** Leiden resolution. Default 75 (paper). */
  resolution: number;
  /** Principal components the embedding is reduced to. Default 50 (reference code). */
  n_components: number;
  /** How a cluster is judged by its sample. Default: by the ratio (paper). */
  keep_rule: KeepRule;
  /**
   * By the ratio, a cluster is kept when hits / sample is above this. Default 0 (paper), compared strictly (reference
   * code).
   */
  keep_ratio: number;
  /** By the test, a cluster is kept when its adjusted p-value is at most this. Default 0.05 (chosen here). */
  alpha: number;
  /**
   * Sample of a cluster of size s: min(max(sample_min, floor(min(sample_fraction·s, sample_max))), s).
   * Defaults 5, 0.1, 50 (reference code).
   */
  sample_min: number;
  sample_fraction: number;
  sample_max: number;
  /** Default 20 (chosen here; the paper names none). */
  max_rounds: number;
  /** Stop when fewer tokens are left. Default 100 (chosen here). */
  stop_below: number;
  /** Ask about every surviving token at the end. Default true (reference code). */
  verify_final: boolean;
  /** Leiden passes at most; it stops earlier when nothing improves. Default 10 (chosen here). */
  leiden_iterations: number;
  /** Rows of a batch; 0 lets the device's limits decide. */
  batch_size: number;
  /** Ordinary tokens asked about before a model is trusted. Default 24 (chosen here). */
  n_controls: number;
  /** Share of the controls a testable model must pass. Default 0.5 (chosen here). */
  controls_pass_ratio: number;
  /** Scan a model that does not pass them all the same; everything made of such a scan says so. Default false. */
  despite_controls: boolean;
  /** Give an exhaustive scan a map and neighbours too; a search has them always. Default true. */
  with_graph: boolean;
}

/** Ordinary tokens, asked about first. */
export interface Controls {
  asked: number;
  passed: number;
  testable: boolean;
  /** The model is not testable and was scanned all the same: its verdicts say nothing certain. */
  overridden: boolean;
  probes: Array<Probe>;
}

/** One row per id, as columns, because a vocabulary has up to hundreds of thousands of them. */
export interface TokenTable {
  /** What the token decodes to; lone bytes appear as U+FFFD here and exactly in `bytes_hex`. */
  text: Array<string>;
  /** The token's bytes as hexadecimal where they are not the UTF-8 of `text`; empty otherwise. */
  bytes_hex: Array<string>;
  class: Array<TokenClass>;
}

/** Only `Ok` tokens are asked about: a token that text cannot produce is not called a glitch. */
export type TokenClass = "ok" | "special" | "byte" | "partial_utf8" | "unreachable" | "unused";

/** The Token Embedding Graph of round 1. */
export interface TokenGraph {
  /** Token id of each vertex. */
  ids: Array<number>;
  /** 2-D layout, within [-1, 1]; distances are approximate. */
  x: Array<number>;
  y: Array<number>;
  /** Leiden community of each vertex. */
  cluster: Array<number>;
  n_clusters: number;
  /**
   * Nearest neighbours, `neighbours_per_token` per vertex, as token ids, nearest first; `search` tells how they were
   * found. The graph itself uses `n_neighbors`; the report lists fewer, or they would make up most of it.
   */
  neighbours_per_token: number;
  neighbours: Array<number>;
  /** Euclidean, in the reduced space. */
  distances: Array<number>;
  /** Share of the embedding's variance that the components keep. */
  explained_variance: number;
  /** Modularity with resolution (RBConfiguration), as a share of the total weight. */
  quality: number;
  /** How the neighbours were found; absent in reports from before there was a choice, whose neighbours are exact. */
  search: NeighbourSearch | null;
}

/** How the neighbours of a graph were found. */
export interface NeighbourSearch {
  /** `exact` or `inverted file`. */
  method: string;
  /** Neighbours of a vertex, the vertex itself not counted. */
  n_neighbours: number;
  /** Share of the exact neighbours that were found, measured on `sample_rows` rows; absent for the exact search. */
  recall: number | null;
  sample_rows: number;
  /** Share of all pairs of vertices that were compared. */
  pairs: number;
}

/** One answer of the oracle. */
export interface Probe {
  id: number;
  /** The oracle's verdict. */
  passed: boolean;
  /** The same by its strict rule. */
  passed_strict: boolean;
  /** The oracle's graded value; what it is, the oracle's `value` says. */
  value: number | null;
  /** Probability of the token itself as the first token of the first question's answer. */
  p_target: number;
  /** First token of the answer. */
  argmax: number;
  /** Of the first token's distribution, in nats. */
  entropy: number;
  /** The answer, up to where the verdict was certain. */
  answer: Array<number>;
  /** The answer as text. */
  answer_text: string;
}

/** What a token is, GlitchHunter's types A to E. The rules are in `glitch/taxonomy.rs`. */
export type TokenType = "word" | "letter" | "character" | "letter_character" | "special";

/** What a token does to the model, GlitchHunter's five symptoms. The rules are in `glitch/taxonomy.rs`. */
export type Symptom = "spelling_mistake" | "incapability" | "hallucinatory_completion" | "question_repetition" | "random_characters";

/** The labels of one glitch token. The raw answers stay in `probes` and `panel`. */
export interface Label {
  id: number;
  token_type: TokenType;
  /** Question and symptom, for every task the token failed. */
  symptoms: Array<[string, Symptom]>;
  /** What a person says it is. */
  corrected_type: TokenType | null;
  corrected_symptoms: Array<[string, Symptom]>;
}

export interface LabelCounts {
  types: Array<[TokenType, number]>;
  /** By question and symptom. */
  symptoms: Array<[[string, Symptom], number]>;
}

/** Several oracles over the same tokens. Columns are as long as `ids`. */
export interface Panel {
  /** The first is the scan's own. */
  oracles: Array<OracleInfo>;
  /** Tokens that all of them were asked about, ascending. */
  ids: Array<number>;
  /** One for each oracle. */
  verdicts: Array<VerdictColumn>;
  /** One for each question. Oracles that share a question share its answers. */
  answers: Array<AnswerColumn>;
  /** Every pair of oracles. */
  agreement: Array<Agreement>;
}

/** What one oracle said. */
export interface VerdictColumn {
  oracle: string;
  /** Ordinary words asked about first, and how many of them passed. Where they do not, verdicts say nothing. */
  controls_asked: number;
  controls_passed: number;
  passed: Array<boolean>;
  passed_strict: Array<boolean>;
  value: Array<number>;
  /** Confidence interval of each value; empty where it is no estimate. */
  interval: Array<[number, number]>;
}

/** What was answered to one question. */
export interface AnswerColumn {
  /** Name of the prompt. */
  prompt: string;
  /** Probability of the token itself as the first token of the answer. */
  p_target: Array<number>;
  /** The largest at any step of the answer. */
  p_max: Array<number>;
  /** Most probable first token. */
  argmax: Array<number>;
  /** Of the first token's distribution, in nats. */
  entropy: Array<number>;
  /** Whether the answer, or one of the attempts, failed the question's own rule; empty for questions without one. */
  failed: Array<boolean>;
  /** Attempts that failed; empty for a question that was asked once. */
  failures: Array<number>;
  /** The raw answer, up to where the question was decided; of several attempts the first that failed, else the first. */
  ids: Array<Array<number>>;
  text: Array<string>;
}

/** How far two oracles agree about the tokens that both were asked about. */
export interface Agreement {
  a: string;
  b: string;
  both_fail: number;
  only_a_fails: number;
  only_b_fails: number;
  both_pass: number;
  /** Tokens that fail both / tokens that fail one of them; null when none fails. */
  jaccard: number | null;
  /** Cohen's kappa; null when chance alone would make them agree on every token. */
  kappa: number | null;
}

export interface Skipped {
  class: TokenClass;
  reason: string;
  ids: Array<number>;
}

export interface Hunt {
  rounds: Array<Round>;
  /**
   * The literal output of Algorithm 1: all tokens of the clusters that survived, verified or not, ascending. After
   * a cancel or an error: the tokens that were still in play.
   */
  surviving: Array<number>;
  /** Tokens the oracle was asked about, verification included, controls not counted. */
  queries: number;
  /** Those of them that were asked at the end, about surviving tokens. */
  verification_queries: number;
  /** Why the rounds ended, in words. */
  stopped: string;
  /** Tokens the model processed for it. */
  model_tokens: number;
}

export interface Round {
  round: number;
  /** Tokens at the start, |B|. */
  tokens: number;
  clusters: number;
  /** Pairs (size, number of clusters of that size), by size. */
  cluster_sizes: Array<[number, number]>;
  /** Tokens asked about in this round; members of the samples that were known are not asked again. */
  queries: number;
  /** Those of them that failed. */
  hits: number;
  kept_clusters: number;
  kept_tokens: number;
  /** Modularity with resolution (RBConfiguration), as a share of the total weight. */
  quality: number;
  /** False when a cancel or an error cut the round short; nothing was kept or dropped then. */
  complete: boolean;
  /** Every cluster's sample and what it was worth, in the order of clusters; empty for an incomplete round. */
  tests: Array<ClusterTest>;
  /**
   * Cluster of each token at the start, by ascending id. Those of clusters whose test kept them are the tokens of the
   * next round. Left out of an incomplete round; reports from before it was kept are without it.
   */
  partition?: Array<number>;
}

/** What a sample says of its cluster. */
export interface ClusterTest {
  /** Members, of every class. */
  size: number;
  /** Members that may be asked about. */
  askable: number;
  /** Members whose verdict is known out of the sample, and those of them that failed. */
  sampled: number;
  hits: number;
  /**
   * Upper tail of the hypergeometric distribution, and the same adjusted over the clusters of the round (Benjamini
   * and Hochberg); null where the rule does not test.
   */
  p_value: number | null;
  q_value: number | null;
  /**
   * How likely such a sample misses every failure of a cluster like this one that fails as often as the tokens known
   * so far, rounded up to a whole token.
   */
  miss_probability: number;
  kept: boolean;
}

export interface Comparison {
  /** Glitch tokens of the exhaustive scan that the search verified. */
  true_positives: number;
  false_positives: number;
  false_negatives: number;
  /** true_positives / (true_positives + false_positives); 1 when the search named nothing. */
  precision: number;
  /** true_positives / (true_positives + false_negatives); 1 when there was nothing to find. */
  recall: number;
  /** Queries of the exhaustive scan. */
  queries_exhaustive: number;
  /** Queries of the hunt / queries of the exhaustive scan; 0 when there were none. */
  query_share: number;
}

/** One part of an exhaustive scan that several machines share. */
export interface Shard {
  /** From 1 to `count`. */
  index: number;
  count: number;
  /** The first so many of the report's notes are those of the whole scan. */
  notes: number;
  /** What happened to this part's device. */
  incidents: Array<string>;
  /** Tokens the model processed before the part's own: prompts and controls, which every part repeats. */
  shared_model_tokens: number;
  /** Ids of the part whose answers came with a number that is not finite. */
  not_finite: Array<number>;
}

/** What a hunt would have found at one resolution, answered from a stored exhaustive scan. */
export interface GranularityRow {
  resolution: number;
  /** Of the first round. */
  clusters: number;
  /** Tokens, of every class, per cluster of the first round. */
  mean_cluster_size: number;
  queries: number;
  /** Queries / queries of the exhaustive scan. */
  query_share: number;
  /** Share of the exhaustive scan's glitch tokens that were found. */
  recall: number;
  rounds: number;
}

/** Rows of the output embedding that no text ever trained, and how they were found. */
export interface References {
  /** `bytes that UTF-8 never uses`, for example. */
  group: string;
  ids: Array<number>;
  /** Mean cosine of two different rows of them. */
  mutual_cosine: number;
}

/** Magikarp's indicators of every row of a model; low is suspicious. */
export interface IndicatorTable {
  /** What rows are compared with; absent when no group of untrained rows was found, and some indicators with it. */
  references: References | null;
  columns: Array<IndicatorColumn>;
}

export interface IndicatorColumn {
  /** That of the detector which ranks by it, `magikarp-cosine` for example. */
  name: string;
  what: string;
  /** By token id. */
  values: Array<number>;
}

/** What a detector is. */
export interface DetectorInfo {
  name: string;
  what: string;
  needs: string;
  source: string;
  /** Whether another seed searches otherwise. */
  is_seeded: boolean;
  /** Whether what it names has failed the oracle; its precision is then 1. */
  is_verified: boolean;
}

/** Every detector against one exhaustive scan. */
export interface DetectorTable {
  /** Always [`DetectorTable::SCHEMA`]. */
  schema: string;
  schema_version: number;
  /** `complete`, or how the comparison ended before its last detector; the finished ones are here. */
  status: Status;
  /** Of the exhaustive scan: model, device, oracle, options. */
  provenance: Provenance;
  /** Questions of the exhaustive scan, and how many of them found a glitch token. */
  questions: number;
  glitch_tokens: number;
  /** Tokens the model processed for each question, prefixes that a batch shares counted once. */
  tokens_per_question: number;
  /** Seconds the exhaustive scan took for each question, on the device of the provenance; 0 when not known. */
  seconds_per_question: number;
  seeds: Array<number>;
  references: References | null;
  /** What has to stand beside every number: the exhaustive scan's [`Report::caution`]. */
  caution: string | null;
  /** One for each detector: means over its runs. */
  rows: Array<DetectorRow>;
  runs: Array<DetectorRun>;
  /** What was left out, and why. */
  notes: Array<string>;
}

/** The mean of several runs and Student's interval of it at 95 %; of one run all three are its value. */
export interface Mean {
  mean: number;
  low: number;
  high: number;
}

export interface DetectorRow {
  info: DetectorInfo;
  runs: number;
  true_positives: Mean;
  precision: Mean;
  recall: Mean;
  f1: Mean;
  /** Questions asked of the oracle. */
  queries: Mean;
  /** Tokens the model processes: for the questions, and for gradients and activations. */
  model_tokens: Mean;
  /** Seconds of the detector itself; questions were answered from the exhaustive scan. */
  own_seconds: Mean;
  /** The same and `seconds_per_question` for each question: an estimate of a search that asks the model. */
  seconds: Mean;
  /** Recall after 0, 2, 4, … 100 % of the exhaustive scan's questions. */
  curve: Array<number>;
  /** Student's interval of every point of the curve at 95 %, within 0 and 1. */
  curve_low: Array<number>;
  curve_high: Array<number>;
}

/** One search. */
export interface DetectorRun {
  detector: string;
  seed: number;
  /** Tokens it called glitch tokens. */
  named: number;
  true_positives: number;
  precision: number;
  recall: number;
  /** Harmonic mean of precision and recall; 0 when both are. */
  f1: number;
  queries: number;
  model_tokens: number;
  own_seconds: number;
  seconds: number;
  curve: Array<number>;
}

/** What changed from report `a` to report `b`. Everything a view of it needs is here. */
export interface ReportDiff {
  /** Always [`ReportDiff::SCHEMA`]. */
  schema: string;
  schema_version: number;
  a: Provenance;
  b: Provenance;
  /** What has to stand beside every number: each report's [`Report::caution`]. */
  cautions: Array<string>;
  /** In sentences a person could quote. */
  summary: Array<string>;
  /** What differs between the scans besides their verdicts, and may explain them; empty when they should agree. */
  differences: Array<string>;
  matching: Matching;
  /** The scans' own verdicts first, then every other oracle that both asked. */
  oracles: Array<DiffOracle>;
  /** Every token that both scans asked about, ascending by the id in `a`. */
  tokens: DiffTokens;
  /** Places in `tokens` whose verdicts differ. */
  flips: Array<number>;
  /** Both models' answers to each of them. */
  flip_answers: Array<[string, string]>;
  /** Indicators of the models, where they were at hand: [`ReportDiff::with_indicators`]. */
  indicators: Array<DiffIndicator>;
  /** Means over `tokens` of the absolute change, and the largest. */
  p_target_change: Change;
  entropy_change: Change;
  /** Glitch tokens of one scan that the other has no verdict on, and why. */
  only_a: Array<Unmatched>;
  only_b: Array<Unmatched>;
}

/** How the two vocabularies go together, in entries that have text or bytes. */
export interface Matching {
  /** `id` when the vocabularies are the same, else `bytes`. */
  by: string;
  matched: number;
  only_a: number;
  only_b: number;
  /** Entries for whose bytes one of the vocabularies has several entries, no single one of which is ordinary. */
  ambiguous_a: number;
  ambiguous_b: number;
}

/** One oracle's verdicts on the tokens that both scans asked about. */
export interface DiffOracle {
  /** Of `a`; the scans' own oracles may differ, which `differences` then say. */
  oracle: string;
  both_fail: number;
  only_a_fails: number;
  only_b_fails: number;
  both_pass: number;
  /** Tokens that fail both / tokens that fail one of them; null when none fails. */
  jaccard: number | null;
}

/** Columns of equal length. */
export interface DiffTokens {
  id_a: Array<number>;
  id_b: Array<number>;
  /** In `a`. */
  text: Array<string>;
  passed_a: Array<boolean>;
  passed_b: Array<boolean>;
  p_target_a: Array<number>;
  p_target_b: Array<number>;
  entropy_a: Array<number>;
  entropy_b: Array<number>;
  /** The oracles' graded values. */
  value_a: Array<number | null>;
  value_b: Array<number | null>;
}

/** One of Magikarp's indicators in both models. Columns are as long as those of `tokens`. */
export interface DiffIndicator {
  name: string;
  what: string;
  a: Array<number | null>;
  b: Array<number | null>;
  /** Over the tokens that both models have it for. */
  change: Change;
}

export interface Change {
  mean: number;
  largest: number;
}

/** A glitch token that cannot be compared. */
export interface Unmatched {
  id: number;
  text: string;
  reason: string;
}

export interface Timing {
  stage: string;
  seconds: number;
}

/** What a long job tells its listener. */
export type ScanEvent =
  | { "event": "stage", stage: string, detail: string, }
  | { "event": "advance", done: number, total: number, unit: string, }
  | { "event": "probes", probes: Array<Probe>, }
  | { "event": "graph", graph: TokenGraph, }
  | { "event": "detectors", table: DetectorTable, }
  | { "event": "text", text: string, }
  | { "event": "state", line: string, }
  | { "event": "note", text: string, };

/** What was loaded, and what it can be asked. */
export interface SessionInfo {
  model: ModelInfo;
  device: DeviceInfo;
  /** Oddities that were survived. */
  notes: Array<string>;
  /** Entries of the vocabulary by class. */
  classes: Array<ClassCount>;
  has_tokenizer: boolean;
  /** Names of the model's chat templates; empty for a base model. */
  chat_templates: Array<string>;
  /** The question a scan asks by default; absent when this vocabulary cannot spell it, which `notes` then explain. */
  oracle: OracleInfo | null;
  /** What a lab may need and this model does not give. */
  lacks: Array<Lack>;
}

export interface ClassCount {
  class: TokenClass;
  count: number;
}

/** A need that the loaded model does not meet. */
export interface Lack {
  need: Need;
  /** A sentence for people. */
  reason: string;
}

/** What a lab needs of the loaded model. */
export type Need = "tokenizer" | "embeddings" | "forward" | "attention" | "backward";

/** Everything about the oracle's question for one token. */
export interface ProbeDetail {
  probe: Probe;
  /** The prompt as the model saw it, the token spliced in. */
  prompt_ids: Array<number>;
  /** Where in `prompt_ids` the token stands. */
  token_index: number;
  /** The whole answer, not cut where the verdict was certain. */
  answer_ids: Array<number>;
  /** Most probable first tokens. */
  top: Array<TopToken>;
}

/** An oracle as the loaded model would be asked by it, or why it cannot be. */
export interface OracleOffer {
  /** The id that options name; that of `oracle` says more, `-chat` for example. */
  id: string;
  oracle: OracleInfo | null;
  problem: string | null;
}

export interface TopToken {
  id: number;
  p: number;
}

/** A state that the loaded model can go on with. */
export interface StateInfo {
  options: ScanOptions;
  /** Answers that need not be asked for again. */
  answered: number;
}

/** How a text is continued. */
export interface GenerateOptions {
  /** New tokens at most. */
  max_new: number;
  /** Ask through the model's chat template. */
  chat: boolean;
}

/** What a model said. */
export interface GeneratedText {
  /** Without special tokens. */
  text: string;
  ids: Array<number>;
  prompt_tokens: number;
  /** The model ended its text; otherwise the limit on new tokens did. */
  ended: boolean;
}

/** A training's settings. What is left out has the default. */
export interface TrainingOptions {
  /** Steps in all, by which the schedule goes. */
  steps: number;
  /** The largest learning rate. */
  learning_rate: number;
  schedule: ScheduleName;
  /** Steps until the largest learning rate is reached. */
  warmup: number;
  /** What the schedule leaves of the learning rate, as a share of it. */
  end: number;
  /** Share of the steps in which a plateau decays. */
  decay_share: number;
  beta1: number;
  beta2: number;
  eps: number;
  weight_decay: number;
  /** Settings of parameters by name; the first that matches counts. */
  groups: Array<ParameterGroup>;
  /** Gradients are scaled down to this global norm. */
  clip: number | null;
  /** Rows of a batch, where the trainer deals them. */
  batch: number;
  /** Dealt batches whose gradients are added up for one step. */
  accumulate: number;
  /** Shuffles dealt rows anew for every pass through them; without, they come in their order. */
  seed: number | null;
}

/** How the learning rate goes on behind its warm-up; see `schedule`. */
export type ScheduleName = "constant" | "linear" | "cosine" | "plateau";

/** Settings of the parameters whose names match. The first group that matches counts. */
export interface ParameterGroup {
  /** The checkpoint's name, with `*` for any stretch of it: `*norm*`, `model.layers.3.*`. */
  pattern: string;
  /** Not trained, and no gradient is computed. */
  frozen?: boolean;
  /** Times the schedule's learning rate. */
  learning_rate_factor?: number;
  /** Instead of AdamW's. */
  weight_decay?: number;
}

/** What a step did. */
export interface StepReport {
  /** Counted from 1. */
  step: number;
  /** Weighted mean over the step's targets, before the step, in nats. */
  loss: number;
  /** Global norm of the gradient, before clipping. */
  gradient_norm: number;
  learning_rate: number;
  /** Places of all batches, B·T, filling included. */
  tokens: number;
}

/** The glitch tokens of a report in a collection of texts. */
export interface Prevalence {
  /** Always [`Prevalence::SCHEMA`]. */
  schema: string;
  schema_version: number;
  glitchscope: string;
  /** Of the report: whose glitch tokens they are, and by which oracle. */
  model: string;
  oracle: string;
  /** Glitch tokens that were looked for. */
  looked_for: number;
  options: PrevalenceOptions;
  status: Status;
  /** All files together. */
  all: Tally;
  /** Glitch tokens / tokens of all files; null where there are no tokens. */
  ratio: number | null;
  files: Array<FileCount>;
  /** Every glitch token that occurs, the most frequent first. */
  tokens: Array<TokenCount>;
  /** Documents with the largest share of glitch tokens, the largest first. */
  densest: Array<DocumentCount>;
  notes: Array<string>;
}

/** What is counted, and how much of it is listed. */
export interface PrevalenceOptions {
  /** Every line of a text file is a document. */
  line_by_line: boolean;
  /** Fields of a record whose texts count, by name; all of its texts when empty. */
  fields: Array<string>;
  /** Documents that are listed: those with the largest share of glitch tokens. Default 100. */
  documents: number;
  /** Excerpts of each. Default 4. */
  excerpts: number;
}

/** Documents, their tokens, and how many of those are glitch tokens. */
export interface Tally {
  documents: number;
  /** Documents with a glitch token. */
  documents_hit: number;
  tokens: number;
  glitch_tokens: number;
}

export interface FileCount {
  name: string;
  format: string;
  /** How the texts lie in its records, and in how many of them. */
  layouts: [string, number][];
  bytes: number;
  /** Bytes that were read; fewer after a cancel or an error. */
  bytes_read: number;
  count: Tally;
  /** Records that could not be read, and the first of them. */
  broken: number;
  first_broken: Array<BrokenRecord>;
  /** Why the file was not read to its end; null when it was. */
  error: string | null;
}

export interface BrokenRecord {
  line: number;
  offset: number;
  reason: string;
}

export interface TokenCount {
  id: number;
  text: string;
  count: number;
  /** Documents it occurs in. */
  documents: number;
}

export interface DocumentCount {
  /** Place of its file in `files`. */
  file: number;
  /** Counted from 1 in its file. */
  document: number;
  /** Where it begins; line 1 and byte 0 for a whole file. */
  line: number;
  offset: number;
  tokens: number;
  glitch_tokens: number;
  density: number;
  excerpts: Array<Excerpt>;
}

export interface RowOptions {
  method: RowMethod;
  /** Share of the new row; the rest is the row as it was. 0 to 1, default 1. */
  alpha: number;
  /** Similarly spelled tokens. 1 to 64, default 4 (GlitchEdit's largest). */
  k: number;
  /** Scale the row to length 1 in the end, as GlitchEdit does. Default false. */
  unit_length: boolean;
  /** The rise of the loss that is allowed, in nats a token. Default 0.01 (chosen here). */
  allowed_rise: number;
  /** Leave the new rows in the model. Default false: the originals are put back. */
  keep: boolean;
}

/** What a row is replaced with. */
export type RowMethod = "mean" | "spelled";

/** What replacing rows did. */
export interface RowRepair {
  /** Always [`RowRepair::SCHEMA`]. */
  schema: string;
  schema_version: number;
  glitchscope: string;
  model: string;
  /** Which oracle was asked before and after. */
  oracle: string;
  options: RowOptions;
  /** Tensors of the checkpoint in which rows were replaced, with their types. */
  tensors: Array<[string, string]>;
  /** The file that holds them. */
  files: Array<string>;
  /** Rows that the means are made of, or chosen from. */
  trained_rows: number;
  rows: Array<RowChange>;
  /** Tokens that failed before, and how many of these pass after. */
  failed_before: number;
  repaired: number;
  loss: LossChange;
  notes: Array<string>;
}

export interface RowChange {
  id: number;
  text: string;
  before: Said;
  after: Said;
  /** Length of the input row. */
  norm_before: number;
  norm_after: number;
  /** Similarly spelled tokens the row is made of, with their weights; empty for the mean of all. */
  made_of: Array<[number, number]>;
}

/** The loss on a text before and after a repair. */
export interface LossChange {
  /** Whether the text is the built-in one. */
  built_in: boolean;
  /** Tokens that were predicted. */
  tokens: number;
  /** Of them, how many are repaired tokens. */
  repaired_tokens: number;
  /** Mean negative log-likelihood, in nats a token. */
  before: number;
  after: number;
  /** The rise that was allowed, in nats a token. */
  allowed_rise: number;
  /** The rise is not above the allowed one. */
  is_within: boolean;
}

/** What an oracle said of a token. */
export interface Said {
  passed: boolean;
  answer: string;
  /** Probability of the token itself as the first token of the answer; null where it is not one token. */
  p_target: number | null;
  /** The oracle's graded value. */
  value: number | null;
}

export interface MergeOptions {
  /**
   * Take a token out even where others are built from it, which then cannot be produced either. Default false: such
   * tokens are refused.
   */
  with_dependents: boolean;
  /** Oracles that are asked before and after, by id. Default: those of the report. */
  oracles: Array<string>;
}

/** What pruning merges did. */
export interface MergeRepair {
  /** Always [`MergeRepair::SCHEMA`]. */
  schema: string;
  schema_version: number;
  glitchscope: string;
  model: string;
  options: MergeOptions;
  /** Who was asked before and after, and what they said; empty without a model. */
  oracles: Array<OracleChange>;
  /** Tokens that cannot be produced any more. */
  tokens: Array<PrunedToken>;
  refused: Array<RefusedToken>;
  /** Merges that were taken out, of how many, and whether `ignore_merges` had to be switched off. */
  merges_removed: number;
  ignore_merges_off: boolean;
  /** Other tokens that came back from their text before, and how many of them still do. */
  others_before: number;
  others_after: number;
  /** Other tokens that do not come back any more; empty unless dependents were agreed to. */
  lost: Array<number>;
  notes: Array<string>;
}

/** What one oracle said of all tokens. */
export interface OracleChange {
  oracle: string;
  /** How its answers are judged; of a text of several tokens, the last of them tells what that means. */
  rules: Array<string>;
  /** Tokens that failed before, and how many of their texts pass after. */
  failed_before: number;
  repaired: number;
  /** Tokens that passed before, and whose texts fail after. */
  spoiled: number;
}

export interface PrunedToken {
  id: number;
  text: string;
  /** Ids of its text after. */
  ids_after: Array<number>;
  /** What each of the oracles says of the token, and of what its text is made of after; empty without a model. */
  before: Array<Said>;
  after: Array<Said>;
}

export interface RefusedToken {
  id: number;
  text: string;
  reason: string;
  /** Tokens that are built from it, the first of them. */
  dependents: Array<number>;
}

/** Glitch tokens in their context. */
export interface Excerpt {
  /** The text goes on before and behind the excerpt. */
  cut_before: boolean;
  cut_behind: boolean;
  spans: Array<Span>;
}

/** A stretch of ordinary text, or one glitch token. */
export interface Span {
  text: string;
  /** The glitch token's id; null for ordinary text. */
  id: number | null;
}
