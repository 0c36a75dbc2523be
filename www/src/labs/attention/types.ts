// Generated from src/labs/attention. Do not edit:
// UPDATE=1 cargo test --lib labs::typescript

import type { DeviceInfo, ModelInfo } from "../../report/types";

/** One measurement. */
export interface AttentionRequest {
  texts: Array<MarkedText>;
  exclusion: Exclusion;
}

/** A text and the concepts in it. */
export interface MarkedText {
  name: string;
  /** Without the marks. */
  text: string;
  concepts: Array<Concept>;
  /** Positions of tokens that are left out besides those that the exclusion names. */
  also_excluded: Array<number>;
  /** Positions of tokens that are kept although the exclusion names them. */
  kept: Array<number>;
}

/** Words that are one thing to a person, wherever they stand in the text. */
export interface Concept {
  name: string;
  spans: Array<ByteSpan>;
  /** Positions of the concept's tokens, chosen by hand; null to take those that the spans touch. */
  tokens: Array<number> | null;
}

/** A stretch of a text, in bytes of its UTF-8: the first and the one behind the last. */
export interface ByteSpan {
  start: number;
  end: number;
}

/** Which tokens are left out as keys. */
export interface Exclusion {
  preset: Preset;
  /** Vocabulary entries, for `custom`: U+2581 stands for a word's start, whichever way the vocabulary writes it. */
  pieces: Array<string>;
}

export type Preset = "paper-12" | "paper-11" | "bos-only" | "none" | "custom";

/** One model's attention to the concepts of a request. */
export interface AttentionResult {
  /** Always [`AttentionResult::SCHEMA`]. */
  schema: string;
  /** The program's version. */
  version: string;
  /** What a share is, in one sentence. */
  definition: string;
  model: ModelInfo;
  device: DeviceInfo;
  request: AttentionRequest;
  /** Query heads of each layer. Lists over heads go layer by layer. */
  heads: Array<number>;
  /** Keys that a query of the layer looks back at, itself counted; null where it sees all. */
  windows: Array<number | null>;
  /** In the order of the request. */
  texts: Array<TextResult>;
  /** What happened on the way: a device that was lost and opened again. */
  notes: Array<string>;
}

/** One text, measured. Lists over heads go layer by layer. */
export interface TextResult {
  tokens: TextTokens;
  /** Of each head, the attention that goes to tokens that are not excluded, as a part of all. */
  kept: Array<number>;
  /** Of each token, the attention it receives as a part of all, in the mean over the heads of all layers. */
  received: Array<number>;
  /** The same of each layer: one list over tokens a layer. */
  received_by_layer: Array<Array<number>>;
  /** In the order of `tokens.concepts`. */
  concepts: Array<ConceptResult>;
  /** Those of `tokens`, and what the measurement adds. */
  warnings: Array<AttentionWarning>;
}

/** One text as the model's tokenizer sees it. Needs no forward pass. */
export interface TextTokens {
  name: string;
  /** Of the text without its marks, in hexadecimal. */
  sha256: string;
  tokens: Array<TextToken>;
  concepts: Array<ConceptTokens>;
  warnings: Array<AttentionWarning>;
}

export interface TextToken {
  id: number;
  /** The vocabulary entry as it is written there. */
  piece: string;
  /** Bytes of the text, the first and the one behind the last; both 0 for a token that is not in it. */
  start: number;
  end: number;
  /** Left out as a key. */
  excluded: boolean;
}

/** The tokens of a concept. */
export interface ConceptTokens {
  name: string;
  /** Positions, ascending. */
  tokens: Array<number>;
  /** Chosen by hand. */
  by_hand: boolean;
  /** Of the tokens, those with letters outside the concept's spans: the concept does not consist of whole tokens. */
  cut: Array<number>;
  /** Of the tokens, those that are excluded: they count as 0. */
  excluded: Array<number>;
}

/** One concept, measured. */
export interface ConceptResult {
  name: string;
  /** Of each head; null where all attention goes to excluded tokens, so that there is nothing to share. */
  shares: Array<number | null>;
  /** Over the heads that have a share. */
  statistics: Statistics | null;
  /** Mean over the heads of each layer. */
  layer_means: Array<number | null>;
  layer_medians: Array<number | null>;
  /** The share if every query attended to all keys it sees alike, without a window; null when all are excluded. */
  uniform: number | null;
  /** The same of each layer, with its window. */
  uniform_by_layer: Array<number | null>;
  /** The concept's tokens among those that are not excluded. */
  length: number | null;
  /** Mean over the heads of the share divided by its layer's uniform share. */
  lift: number | null;
}

/** What the reader should know before believing a number. */
export type AttentionWarning =
  | { "kind": "not_aligned", concept: string, tokens: Array<number>, }
  | { "kind": "concept_excluded", concept: string, tokens: Array<number>, all: boolean, }
  | { "kind": "no_beginning", piece: string, }
  | { "kind": "little_kept", heads: number, below_1_percent: number, below_5_percent: number, }
  | { "kind": "undefined", heads: number, undefined: number, }
  | { "kind": "windowed", layers: Array<number>, };

/** Summary of one list over heads. */
export interface Statistics {
  /** Heads that have a value. */
  n: number;
  mean: number;
  median: number;
  /** Of the sample, over n − 1; null for one value. */
  sd: number | null;
  min: number;
  max: number;
  /** Part of the values below zero. */
  negative: number;
  /** m3 / m2^1.5 with population moments; null where all values are equal. */
  skewness: number | null;
  /** m4 / m2², 3 for a normal distribution; null where all values are equal. */
  kurtosis: number | null;
  /** Of the histogram, in nats; null where all values are equal. */
  entropy: number | null;
  /** Null where all values are equal. */
  histogram: Histogram | null;
  /** Of the mean, layers being drawn whole; null with fewer than two layers. */
  interval: ClusterInterval | null;
}

/** Equal widths from the smallest to the largest value; a bin holds its right edge, and the first one its left edge too. */
export interface Histogram {
  /** One more than `counts`. */
  edges: Array<number>;
  counts: Array<number>;
}

/** A bootstrap interval. */
export interface ClusterInterval {
  low: number;
  high: number;
  level: number;
  resamples: number;
  seed: number;
  /** Layers that were drawn from. */
  clusters: number;
}

/** How a comparison is made. */
export interface StatisticsOptions {
  bins: number;
  resamples: number;
  level: number;
  seed: number;
}

/** One to three models side by side. */
export interface AttentionComparison {
  /** Always [`AttentionComparison::SCHEMA`]. */
  schema: string;
  version: string;
  options: StatisticsOptions;
  models: Array<ComparedModel>;
  level: ComparisonLevel;
  /** Why it is not `heads`, and whatever else the reader should know. */
  notes: Array<string>;
  /** All concepts of all texts. */
  concepts: Array<ComparedConcept>;
  /** New minus old: second − first, third − first, third − second. */
  pairs: Array<ModelPair>;
  /** The texts in pieces that both end and begin with a token in every model. */
  texts: Array<AlignedText>;
}

export interface ComparedModel {
  name: string;
  /** Heads of each layer. */
  heads: Array<number>;
}

/** How far models can be compared. */
export type ComparisonLevel = "heads" | "curves" | "spans";

export interface ComparedConcept {
  /** The concept's name; behind the text's where several texts have it. */
  name: string;
  /** Of each model, of each head. */
  shares: Array<Array<number | null>>;
  statistics: Array<Statistics | null>;
  /** Of each model, of each layer. */
  layer_means: Array<Array<number | null>>;
  layer_medians: Array<Array<number | null>>;
}

/** What the second model of a pair has more than the first. */
export interface ModelPair {
  /** Index of the model that is subtracted. */
  old: number;
  new: number;
  /** In the order of the comparison's concepts. */
  concepts: Array<ConceptDifference>;
  /** Heads by the mean size of their difference, largest first; empty unless heads are compared. */
  recurrent: Array<RecurrentHead>;
}

export interface ConceptDifference {
  /** Difference of the mean shares. */
  mean: number | null;
  /** Of each head; empty unless heads are compared. */
  differences: Array<number | null>;
  statistics: Statistics | null;
  layer_means: Array<number | null>;
  layer_medians: Array<number | null>;
}

/** A head that differs in concept after concept. */
export interface RecurrentHead {
  layer: number;
  head: number;
  /** Mean over the concepts of the absolute difference. */
  mean_size: number;
  mean: number;
  /** Concepts in which the difference has the sign that most have, of `concepts`. */
  agreeing: number;
  concepts: number;
}

export interface AlignedText {
  name: string;
  pieces: Array<AlignedPiece>;
}

/** The shortest stretch of a text that is made of whole tokens in every model. */
export interface AlignedPiece {
  /** Bytes of the text. */
  start: number;
  end: number;
  /** Of each model, the attention that the piece receives as a part of all, in the mean over heads. */
  received: Array<number>;
}
