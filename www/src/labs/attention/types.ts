// Generated from src/labs/attention. Do not edit:
// UPDATE=1 cargo test --lib labs::typescript

import type { DeviceInfo, ModelInfo } from "../../report/types";

/**
 * One measurement.
 * rive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
 * g_attr(test, derive(ts_rs::TS))]
 * rde(default)]
 */
export interface AttentionRequest {
  texts: Array<MarkedText>;
  exclusion: Exclusion;
}

/**
 * One measurement.
 * rive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
 * g_attr(test, derive(ts_rs::TS))]
 * rde(default)]
 * struct AttentionRequest {
 * pub texts: Vec<MarkedText>,
 * pub exclusion: Exclusion,
 * 
 * 
 * A text and the concepts in it.
 * rive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
 * g_attr(test, derive(ts_rs::TS))]
 * rde(default)]
 */
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

/**
 * One measurement.
 * rive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
 * g_attr(test, derive(ts_rs::TS))]
 * rde(default)]
 * struct AttentionRequest {
 * pub texts: Vec<MarkedText>,
 * pub exclusion: Exclusion,
 * 
 * 
 * A text and the concepts in it.
 * rive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
 * g_attr(test, derive(ts_rs::TS))]
 * rde(default)]
 * struct MarkedText {
 * pub name: String,
 * /// Without the marks.
 * pub text: String,
 * pub concepts: Vec<Concept>,
 * /// Positions of tokens that are left out besides those that the exclusion names.
 * pub also_excluded: Vec<u32>,
 * /// Positions of tokens that are kept although the exclusion names them.
 * pub kept: Vec<u32>,
 * 
 * 
 * Words that are one thing to a person, wherever they stand in the text.
 * rive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
 * g_attr(test, derive(ts_rs::TS))]
 * rde(default)]
 */
export interface Concept {
  name: string;
  spans: Array<ByteSpan>;
  /** Positions of the concept's tokens, chosen by hand; null to take those that the spans touch. */
  tokens: Array<number> | null;
}

/**
 * One measurement.
 * rive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
 * g_attr(test, derive(ts_rs::TS))]
 * rde(default)]
 * struct AttentionRequest {
 * pub texts: Vec<MarkedText>,
 * pub exclusion: Exclusion,
 * 
 * 
 * A text and the concepts in it.
 * rive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
 * g_attr(test, derive(ts_rs::TS))]
 * rde(default)]
 * struct MarkedText {
 * pub name: String,
 * /// Without the marks.
 * pub text: String,
 * pub concepts: Vec<Concept>,
 * /// Positions of tokens that are left out besides those that the exclusion names.
 * pub also_excluded: Vec<u32>,
 * /// Positions of tokens that are kept although the exclusion names them.
 * pub kept: Vec<u32>,
 * 
 * 
 * Words that are one thing to a person, wherever they stand in the text.
 * rive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
 * g_attr(test, derive(ts_rs::TS))]
 * rde(default)]
 * struct Concept {
 * pub name: String,
 * pub spans: Vec<ByteSpan>,
 * /// Positions of the concept's tokens, chosen by hand; null to take those that the spans touch.
 * pub tokens: Option<Vec<u32>>,
 * 
 * 
 * A stretch of a text, in bytes of its UTF-8: the first and the one behind the last.
 * rive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
 * g_attr(test, derive(ts_rs::TS))]
 */
export interface ByteSpan {
  start: number;
  end: number;
}

/**
 * One measurement.
 * rive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
 * g_attr(test, derive(ts_rs::TS))]
 * rde(default)]
 * struct AttentionRequest {
 * pub texts: Vec<MarkedText>,
 * pub exclusion: Exclusion,
 * 
 * 
 * A text and the concepts in it.
 * rive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
 * g_attr(test, derive(ts_rs::TS))]
 * rde(default)]
 * struct MarkedText {
 * pub name: String,
 * /// Without the marks.
 * pub text: String,
 * pub concepts: Vec<Concept>,
 * /// Positions of tokens that are left out besides those that the exclusion names.
 * pub also_excluded: Vec<u32>,
 * /// Positions of tokens that are kept although the exclusion names them.
 * pub kept: Vec<u32>,
 * 
 * 
 * Words that are one thing to a person, wherever they stand in the text.
 * rive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
 * g_attr(test, derive(ts_rs::TS))]
 * rde(default)]
 * struct Concept {
 * pub name: String,
 * pub spans: Vec<ByteSpan>,
 * /// Positions of the concept's tokens, chosen by hand; null to take those that the spans touch.
 * pub tokens: Option<Vec<u32>>,
 * 
 * 
 * A stretch of a text, in bytes of its UTF-8: the first and the one behind the last.
 * rive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
 * g_attr(test, derive(ts_rs::TS))]
 * struct ByteSpan {
 * pub start: u32,
 * pub end: u32,
 * 
 * 
 * Which tokens are left out as keys.
 * rive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
 * g_attr(test, derive(ts_rs::TS))]
 * rde(default)]
 */
export interface Exclusion {
  preset: Preset;
  /** Vocabulary entries, for `custom`: U+2581 stands for a word's start, whichever way the vocabulary writes it. */
  pieces: Array<string>;
}

/**
 * One measurement.
 * rive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
 * g_attr(test, derive(ts_rs::TS))]
 * rde(default)]
 * struct AttentionRequest {
 * pub texts: Vec<MarkedText>,
 * pub exclusion: Exclusion,
 * 
 * 
 * A text and the concepts in it.
 * rive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
 * g_attr(test, derive(ts_rs::TS))]
 * rde(default)]
 * struct MarkedText {
 * pub name: String,
 * /// Without the marks.
 * pub text: String,
 * pub concepts: Vec<Concept>,
 * /// Positions of tokens that are left out besides those that the exclusion names.
 * pub also_excluded: Vec<u32>,
 * /// Positions of tokens that are kept although the exclusion names them.
 * pub kept: Vec<u32>,
 * 
 * 
 * Words that are one thing to a person, wherever they stand in the text.
 * rive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
 * g_attr(test, derive(ts_rs::TS))]
 * rde(default)]
 * struct Concept {
 * pub name: String,
 * pub spans: Vec<ByteSpan>,
 * /// Positions of the concept's tokens, chosen by hand; null to take those that the spans touch.
 * pub tokens: Option<Vec<u32>>,
 * 
 * 
 * A stretch of a text, in bytes of its UTF-8: the first and the one behind the last.
 * rive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
 * g_attr(test, derive(ts_rs::TS))]
 * struct ByteSpan {
 * pub start: u32,
 * pub end: u32,
 * 
 * 
 * Which tokens are left out as keys.
 * rive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
 * g_attr(test, derive(ts_rs::TS))]
 * rde(default)]
 * struct Exclusion {
 * pub preset: Preset,
 * /// Vocabulary entries, for `custom`: U+2581 stands for a word's start, whichever way the vocabulary writes it.
 * pub pieces: Vec<String>,
 * 
 * 
 * rive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
 * g_attr(test, derive(ts_rs::TS))]
 * rde(rename_all = "kebab-case")]
 */
export type Preset = "paper-12" | "paper-11" | "bos-only" | "none" | "custom";

/**
 * One model's attention to the concepts of a request.
 * rive(Clone, Debug, PartialEq, Serialize, Deserialize)]
 * g_attr(test, derive(ts_rs::TS))]
 */
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
}

/**
 * One model's attention to the concepts of a request.
 * rive(Clone, Debug, PartialEq, Serialize, Deserialize)]
 * g_attr(test, derive(ts_rs::TS))]
 * struct AttentionResult {
 * /// Always [`AttentionResult::SCHEMA`].
 * pub schema: String,
 * /// The program's version.
 * pub version: String,
 * /// What a share is, in one sentence.
 * pub definition: String,
 * pub model: ModelInfo,
 * pub device: DeviceInfo,
 * pub request: AttentionRequest,
 * /// Query heads of each layer. Lists over heads go layer by layer.
 * pub heads: Vec<u32>,
 * /// Keys that a query of the layer looks back at, itself counted; null where it sees all.
 * pub windows: Vec<Option<u32>>,
 * /// In the order of the request.
 * pub texts: Vec<TextResult>,
 * 
 * 
 *  AttentionResult {
 * pub const SCHEMA: &'static str = "glitchscope.attention";
 * 
 * 
 * One text as the model's tokenizer sees it. Needs no forward pass.
 * rive(Clone, Debug, PartialEq, Serialize, Deserialize)]
 * g_attr(test, derive(ts_rs::TS))]
 * struct TextTokens {
 * pub name: String,
 * /// Of the text without its marks, in hexadecimal.
 * pub sha256: String,
 * pub tokens: Vec<TextToken>,
 * pub concepts: Vec<ConceptTokens>,
 * pub warnings: Vec<AttentionWarning>,
 * 
 * 
 * rive(Clone, Debug, PartialEq, Serialize, Deserialize)]
 * g_attr(test, derive(ts_rs::TS))]
 * struct TextToken {
 * pub id: u32,
 * /// The vocabulary entry as it is written there.
 * pub piece: String,
 * /// Bytes of the text, the first and the one behind the last; both 0 for a token that is not in it.
 * pub start: u32,
 * pub end: u32,
 * /// Left out as a key.
 * pub excluded: bool,
 * 
 * 
 * The tokens of a concept.
 * rive(Clone, Debug, PartialEq, Serialize, Deserialize)]
 * g_attr(test, derive(ts_rs::TS))]
 * struct ConceptTokens {
 * pub name: String,
 * /// Positions, ascending.
 * pub tokens: Vec<u32>,
 * /// Chosen by hand.
 * pub by_hand: bool,
 * /// Of the tokens, those with letters outside the concept's spans: the concept does not consist of whole tokens.
 * pub cut: Vec<u32>,
 * /// Of the tokens, those that are excluded: they count as 0.
 * pub excluded: Vec<u32>,
 * 
 * 
 * One text, measured. Lists over heads go layer by layer.
 * rive(Clone, Debug, PartialEq, Serialize, Deserialize)]
 * g_attr(test, derive(ts_rs::TS))]
 */
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

/**
 * One model's attention to the concepts of a request.
 * rive(Clone, Debug, PartialEq, Serialize, Deserialize)]
 * g_attr(test, derive(ts_rs::TS))]
 * struct AttentionResult {
 * /// Always [`AttentionResult::SCHEMA`].
 * pub schema: String,
 * /// The program's version.
 * pub version: String,
 * /// What a share is, in one sentence.
 * pub definition: String,
 * pub model: ModelInfo,
 * pub device: DeviceInfo,
 * pub request: AttentionRequest,
 * /// Query heads of each layer. Lists over heads go layer by layer.
 * pub heads: Vec<u32>,
 * /// Keys that a query of the layer looks back at, itself counted; null where it sees all.
 * pub windows: Vec<Option<u32>>,
 * /// In the order of the request.
 * pub texts: Vec<TextResult>,
 * 
 * 
 *  AttentionResult {
 * pub const SCHEMA: &'static str = "glitchscope.attention";
 * 
 * 
 * One text as the model's tokenizer sees it. Needs no forward pass.
 * rive(Clone, Debug, PartialEq, Serialize, Deserialize)]
 * g_attr(test, derive(ts_rs::TS))]
 */
export interface TextTokens {
  name: string;
  /** Of the text without its marks, in hexadecimal. */
  sha256: string;
  tokens: Array<TextToken>;
  concepts: Array<ConceptTokens>;
  warnings: Array<AttentionWarning>;
}

/**
 * One model's attention to the concepts of a request.
 * rive(Clone, Debug, PartialEq, Serialize, Deserialize)]
 * g_attr(test, derive(ts_rs::TS))]
 * struct AttentionResult {
 * /// Always [`AttentionResult::SCHEMA`].
 * pub schema: String,
 * /// The program's version.
 * pub version: String,
 * /// What a share is, in one sentence.
 * pub definition: String,
 * pub model: ModelInfo,
 * pub device: DeviceInfo,
 * pub request: AttentionRequest,
 * /// Query heads of each layer. Lists over heads go layer by layer.
 * pub heads: Vec<u32>,
 * /// Keys that a query of the layer looks back at, itself counted; null where it sees all.
 * pub windows: Vec<Option<u32>>,
 * /// In the order of the request.
 * pub texts: Vec<TextResult>,
 * 
 * 
 *  AttentionResult {
 * pub const SCHEMA: &'static str = "glitchscope.attention";
 * 
 * 
 * One text as the model's tokenizer sees it. Needs no forward pass.
 * rive(Clone, Debug, PartialEq, Serialize, Deserialize)]
 * g_attr(test, derive(ts_rs::TS))]
 * struct TextTokens {
 * pub name: String,
 * /// Of the text without its marks, in hexadecimal.
 * pub sha256: String,
 * pub tokens: Vec<TextToken>,
 * pub concepts: Vec<ConceptTokens>,
 * pub warnings: Vec<AttentionWarning>,
 * 
 * 
 * rive(Clone, Debug, PartialEq, Serialize, Deserialize)]
 * g_attr(test, derive(ts_rs::TS))]
 */
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

/**
 * One model's attention to the concepts of a request.
 * rive(Clone, Debug, PartialEq, Serialize, Deserialize)]
 * g_attr(test, derive(ts_rs::TS))]
 * struct AttentionResult {
 * /// Always [`AttentionResult::SCHEMA`].
 * pub schema: String,
 * /// The program's version.
 * pub version: String,
 * /// What a share is, in one sentence.
 * pub definition: String,
 * pub model: ModelInfo,
 * pub device: DeviceInfo,
 * pub request: AttentionRequest,
 * /// Query heads of each layer. Lists over heads go layer by layer.
 * pub heads: Vec<u32>,
 * /// Keys that a query of the layer looks back at, itself counted; null where it sees all.
 * pub windows: Vec<Option<u32>>,
 * /// In the order of the request.
 * pub texts: Vec<TextResult>,
 * 
 * 
 *  AttentionResult {
 * pub const SCHEMA: &'static str = "glitchscope.attention";
 * 
 * 
 * One text as the model's tokenizer sees it. Needs no forward pass.
 * rive(Clone, Debug, PartialEq, Serialize, Deserialize)]
 * g_attr(test, derive(ts_rs::TS))]
 * struct TextTokens {
 * pub name: String,
 * /// Of the text without its marks, in hexadecimal.
 * pub sha256: String,
 * pub tokens: Vec<TextToken>,
 * pub concepts: Vec<ConceptTokens>,
 * pub warnings: Vec<AttentionWarning>,
 * 
 * 
 * rive(Clone, Debug, PartialEq, Serialize, Deserialize)]
 * g_attr(test, derive(ts_rs::TS))]
 * struct TextToken {
 * pub id: u32,
 * /// The vocabulary entry as it is written there.
 * pub piece: String,
 * /// Bytes of the text, the first and the one behind the last; both 0 for a token that is not in it.
 * pub start: u32,
 * pub end: u32,
 * /// Left out as a key.
 * pub excluded: bool,
 * 
 * 
 * The tokens of a concept.
 * rive(Clone, Debug, PartialEq, Serialize, Deserialize)]
 * g_attr(test, derive(ts_rs::TS))]
 */
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

/**
 * One model's attention to the concepts of a request.
 * rive(Clone, Debug, PartialEq, Serialize, Deserialize)]
 * g_attr(test, derive(ts_rs::TS))]
 * struct AttentionResult {
 * /// Always [`AttentionResult::SCHEMA`].
 * pub schema: String,
 * /// The program's version.
 * pub version: String,
 * /// What a share is, in one sentence.
 * pub definition: String,
 * pub model: ModelInfo,
 * pub device: DeviceInfo,
 * pub request: AttentionRequest,
 * /// Query heads of each layer. Lists over heads go layer by layer.
 * pub heads: Vec<u32>,
 * /// Keys that a query of the layer looks back at, itself counted; null where it sees all.
 * pub windows: Vec<Option<u32>>,
 * /// In the order of the request.
 * pub texts: Vec<TextResult>,
 * 
 * 
 *  AttentionResult {
 * pub const SCHEMA: &'static str = "glitchscope.attention";
 * 
 * 
 * One text as the model's tokenizer sees it. Needs no forward pass.
 * rive(Clone, Debug, PartialEq, Serialize, Deserialize)]
 * g_attr(test, derive(ts_rs::TS))]
 * struct TextTokens {
 * pub name: String,
 * /// Of the text without its marks, in hexadecimal.
 * pub sha256: String,
 * pub tokens: Vec<TextToken>,
 * pub concepts: Vec<ConceptTokens>,
 * pub warnings: Vec<AttentionWarning>,
 * 
 * 
 * rive(Clone, Debug, PartialEq, Serialize, Deserialize)]
 * g_attr(test, derive(ts_rs::TS))]
 * struct TextToken {
 * pub id: u32,
 * /// The vocabulary entry as it is written there.
 * pub piece: String,
 * /// Bytes of the text, the first and the one behind the last; both 0 for a token that is not in it.
 * pub start: u32,
 * pub end: u32,
 * /// Left out as a key.
 * pub excluded: bool,
 * 
 * 
 * The tokens of a concept.
 * rive(Clone, Debug, PartialEq, Serialize, Deserialize)]
 * g_attr(test, derive(ts_rs::TS))]
 * struct ConceptTokens {
 * pub name: String,
 * /// Positions, ascending.
 * pub tokens: Vec<u32>,
 * /// Chosen by hand.
 * pub by_hand: bool,
 * /// Of the tokens, those with letters outside the concept's spans: the concept does not consist of whole tokens.
 * pub cut: Vec<u32>,
 * /// Of the tokens, those that are excluded: they count as 0.
 * pub excluded: Vec<u32>,
 * 
 * 
 * One text, measured. Lists over heads go layer by layer.
 * rive(Clone, Debug, PartialEq, Serialize, Deserialize)]
 * g_attr(test, derive(ts_rs::TS))]
 * struct TextResult {
 * pub tokens: TextTokens,
 * /// Of each head, the attention that goes to tokens that are not excluded, as a part of all.
 * pub kept: Vec<f32>,
 * /// Of each token, the attention it receives as a part of all, in the mean over the heads of all layers.
 * pub received: Vec<f32>,
 * /// The same of each layer: one list over tokens a layer.
 * pub received_by_layer: Vec<Vec<f32>>,
 * /// In the order of `tokens.concepts`.
 * pub concepts: Vec<ConceptResult>,
 * /// Those of `tokens`, and what the measurement adds.
 * pub warnings: Vec<AttentionWarning>,
 * 
 * 
 * One concept, measured.
 * rive(Clone, Debug, PartialEq, Serialize, Deserialize)]
 * g_attr(test, derive(ts_rs::TS))]
 */
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

/**
 * One model's attention to the concepts of a request.
 * rive(Clone, Debug, PartialEq, Serialize, Deserialize)]
 * g_attr(test, derive(ts_rs::TS))]
 * struct AttentionResult {
 * /// Always [`AttentionResult::SCHEMA`].
 * pub schema: String,
 * /// The program's version.
 * pub version: String,
 * /// What a share is, in one sentence.
 * pub definition: String,
 * pub model: ModelInfo,
 * pub device: DeviceInfo,
 * pub request: AttentionRequest,
 * /// Query heads of each layer. Lists over heads go layer by layer.
 * pub heads: Vec<u32>,
 * /// Keys that a query of the layer looks back at, itself counted; null where it sees all.
 * pub windows: Vec<Option<u32>>,
 * /// In the order of the request.
 * pub texts: Vec<TextResult>,
 * 
 * 
 *  AttentionResult {
 * pub const SCHEMA: &'static str = "glitchscope.attention";
 * 
 * 
 * One text as the model's tokenizer sees it. Needs no forward pass.
 * rive(Clone, Debug, PartialEq, Serialize, Deserialize)]
 * g_attr(test, derive(ts_rs::TS))]
 * struct TextTokens {
 * pub name: String,
 * /// Of the text without its marks, in hexadecimal.
 * pub sha256: String,
 * pub tokens: Vec<TextToken>,
 * pub concepts: Vec<ConceptTokens>,
 * pub warnings: Vec<AttentionWarning>,
 * 
 * 
 * rive(Clone, Debug, PartialEq, Serialize, Deserialize)]
 * g_attr(test, derive(ts_rs::TS))]
 * struct TextToken {
 * pub id: u32,
 * /// The vocabulary entry as it is written there.
 * pub piece: String,
 * /// Bytes of the text, the first and the one behind the last; both 0 for a token that is not in it.
 * pub start: u32,
 * pub end: u32,
 * /// Left out as a key.
 * pub excluded: bool,
 * 
 * 
 * The tokens of a concept.
 * rive(Clone, Debug, PartialEq, Serialize, Deserialize)]
 * g_attr(test, derive(ts_rs::TS))]
 * struct ConceptTokens {
 * pub name: String,
 * /// Positions, ascending.
 * pub tokens: Vec<u32>,
 * /// Chosen by hand.
 * pub by_hand: bool,
 * /// Of the tokens, those with letters outside the concept's spans: the concept does not consist of whole tokens.
 * pub cut: Vec<u32>,
 * /// Of the tokens, those that are excluded: they count as 0.
 * pub excluded: Vec<u32>,
 * 
 * 
 * One text, measured. Lists over heads go layer by layer.
 * rive(Clone, Debug, PartialEq, Serialize, Deserialize)]
 * g_attr(test, derive(ts_rs::TS))]
 * struct TextResult {
 * pub tokens: TextTokens,
 * /// Of each head, the attention that goes to tokens that are not excluded, as a part of all.
 * pub kept: Vec<f32>,
 * /// Of each token, the attention it receives as a part of all, in the mean over the heads of all layers.
 * pub received: Vec<f32>,
 * /// The same of each layer: one list over tokens a layer.
 * pub received_by_layer: Vec<Vec<f32>>,
 * /// In the order of `tokens.concepts`.
 * pub concepts: Vec<ConceptResult>,
 * /// Those of `tokens`, and what the measurement adds.
 * pub warnings: Vec<AttentionWarning>,
 * 
 * 
 * One concept, measured.
 * rive(Clone, Debug, PartialEq, Serialize, Deserialize)]
 * g_attr(test, derive(ts_rs::TS))]
 * struct ConceptResult {
 * pub name: String,
 * /// Of each head; null where all attention goes to excluded tokens, so that there is nothing to share.
 * pub shares: Vec<Option<f64>>,
 * /// Over the heads that have a share.
 * pub statistics: Option<Statistics>,
 * /// Mean over the heads of each layer.
 * pub layer_means: Vec<Option<f64>>,
 * pub layer_medians: Vec<Option<f64>>,
 * /// The share if every query attended to all keys it sees alike, without a window; null when all are excluded.
 * pub uniform: Option<f64>,
 * /// The same of each layer, with its window.
 * pub uniform_by_layer: Vec<Option<f64>>,
 * /// The concept's tokens among those that are not excluded.
 * pub length: Option<f64>,
 * /// Mean over the heads of the share divided by its layer's uniform share.
 * pub lift: Option<f64>,
 * 
 * 
 * What the reader should know before believing a number.
 * rive(Clone, Debug, PartialEq, Serialize, Deserialize)]
 * g_attr(test, derive(ts_rs::TS))]
 * rde(rename_all = "snake_case", tag = "kind")]
 */
export type AttentionWarning =
  | { "kind": "not_aligned", concept: string, tokens: Array<number>, }
  | { "kind": "concept_excluded", concept: string, tokens: Array<number>, all: boolean, }
  | { "kind": "no_beginning", piece: string, }
  | { "kind": "little_kept", heads: number, below_1_percent: number, below_5_percent: number, }
  | { "kind": "undefined", heads: number, undefined: number, }
  | { "kind": "windowed", layers: Array<number>, };

/**
 * Summary of one list over heads.
 * rive(Clone, Debug, PartialEq, Serialize, Deserialize)]
 * g_attr(test, derive(ts_rs::TS))]
 */
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

/**
 * Summary of one list over heads.
 * rive(Clone, Debug, PartialEq, Serialize, Deserialize)]
 * g_attr(test, derive(ts_rs::TS))]
 * struct Statistics {
 * /// Heads that have a value.
 * pub n: u32,
 * pub mean: f64,
 * pub median: f64,
 * /// Of the sample, over n − 1; null for one value.
 * pub sd: Option<f64>,
 * pub min: f64,
 * pub max: f64,
 * /// Part of the values below zero.
 * pub negative: f64,
 * /// m3 / m2^1.5 with population moments; null where all values are equal.
 * pub skewness: Option<f64>,
 * /// m4 / m2², 3 for a normal distribution; null where all values are equal.
 * pub kurtosis: Option<f64>,
 * /// Of the histogram, in nats; null where all values are equal.
 * pub entropy: Option<f64>,
 * /// Null where all values are equal.
 * pub histogram: Option<Histogram>,
 * /// Of the mean, layers being drawn whole; null with fewer than two layers.
 * pub interval: Option<ClusterInterval>,
 * 
 * 
 * Equal widths from the smallest to the largest value; a bin holds its right edge, and the first one its left edge too.
 * rive(Clone, Debug, PartialEq, Serialize, Deserialize)]
 * g_attr(test, derive(ts_rs::TS))]
 */
export interface Histogram {
  /** One more than `counts`. */
  edges: Array<number>;
  counts: Array<number>;
}

/**
 * Summary of one list over heads.
 * rive(Clone, Debug, PartialEq, Serialize, Deserialize)]
 * g_attr(test, derive(ts_rs::TS))]
 * struct Statistics {
 * /// Heads that have a value.
 * pub n: u32,
 * pub mean: f64,
 * pub median: f64,
 * /// Of the sample, over n − 1; null for one value.
 * pub sd: Option<f64>,
 * pub min: f64,
 * pub max: f64,
 * /// Part of the values below zero.
 * pub negative: f64,
 * /// m3 / m2^1.5 with population moments; null where all values are equal.
 * pub skewness: Option<f64>,
 * /// m4 / m2², 3 for a normal distribution; null where all values are equal.
 * pub kurtosis: Option<f64>,
 * /// Of the histogram, in nats; null where all values are equal.
 * pub entropy: Option<f64>,
 * /// Null where all values are equal.
 * pub histogram: Option<Histogram>,
 * /// Of the mean, layers being drawn whole; null with fewer than two layers.
 * pub interval: Option<ClusterInterval>,
 * 
 * 
 * Equal widths from the smallest to the largest value; a bin holds its right edge, and the first one its left edge too.
 * rive(Clone, Debug, PartialEq, Serialize, Deserialize)]
 * g_attr(test, derive(ts_rs::TS))]
 * struct Histogram {
 * /// One more than `counts`.
 * pub edges: Vec<f64>,
 * pub counts: Vec<u32>,
 * 
 * 
 * A bootstrap interval.
 * rive(Clone, Debug, PartialEq, Serialize, Deserialize)]
 * g_attr(test, derive(ts_rs::TS))]
 */
export interface ClusterInterval {
  low: number;
  high: number;
  level: number;
  resamples: number;
  seed: number;
  /** Layers that were drawn from. */
  clusters: number;
}

/**
 * Summary of one list over heads.
 * rive(Clone, Debug, PartialEq, Serialize, Deserialize)]
 * g_attr(test, derive(ts_rs::TS))]
 * struct Statistics {
 * /// Heads that have a value.
 * pub n: u32,
 * pub mean: f64,
 * pub median: f64,
 * /// Of the sample, over n − 1; null for one value.
 * pub sd: Option<f64>,
 * pub min: f64,
 * pub max: f64,
 * /// Part of the values below zero.
 * pub negative: f64,
 * /// m3 / m2^1.5 with population moments; null where all values are equal.
 * pub skewness: Option<f64>,
 * /// m4 / m2², 3 for a normal distribution; null where all values are equal.
 * pub kurtosis: Option<f64>,
 * /// Of the histogram, in nats; null where all values are equal.
 * pub entropy: Option<f64>,
 * /// Null where all values are equal.
 * pub histogram: Option<Histogram>,
 * /// Of the mean, layers being drawn whole; null with fewer than two layers.
 * pub interval: Option<ClusterInterval>,
 * 
 * 
 * Equal widths from the smallest to the largest value; a bin holds its right edge, and the first one its left edge too.
 * rive(Clone, Debug, PartialEq, Serialize, Deserialize)]
 * g_attr(test, derive(ts_rs::TS))]
 * struct Histogram {
 * /// One more than `counts`.
 * pub edges: Vec<f64>,
 * pub counts: Vec<u32>,
 * 
 * 
 * A bootstrap interval.
 * rive(Clone, Debug, PartialEq, Serialize, Deserialize)]
 * g_attr(test, derive(ts_rs::TS))]
 * struct ClusterInterval {
 * pub low: f64,
 * pub high: f64,
 * pub level: f64,
 * pub resamples: u32,
 * pub seed: u32,
 * /// Layers that were drawn from.
 * pub clusters: u32,
 * 
 * 
 * How a comparison is made.
 * rive(Clone, Debug, PartialEq, Serialize, Deserialize)]
 * g_attr(test, derive(ts_rs::TS))]
 * rde(default)]
 */
export interface StatisticsOptions {
  bins: number;
  resamples: number;
  level: number;
  seed: number;
}

/**
 * One to three models side by side.
 * rive(Clone, Debug, PartialEq, Serialize, Deserialize)]
 * g_attr(test, derive(ts_rs::TS))]
 */
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

/**
 * One to three models side by side.
 * rive(Clone, Debug, PartialEq, Serialize, Deserialize)]
 * g_attr(test, derive(ts_rs::TS))]
 * struct AttentionComparison {
 * /// Always [`AttentionComparison::SCHEMA`].
 * pub schema: String,
 * pub version: String,
 * pub options: StatisticsOptions,
 * pub models: Vec<ComparedModel>,
 * pub level: ComparisonLevel,
 * /// Why it is not `heads`, and whatever else the reader should know.
 * pub notes: Vec<String>,
 * /// All concepts of all texts.
 * pub concepts: Vec<ComparedConcept>,
 * /// New minus old: second − first, third − first, third − second.
 * pub pairs: Vec<ModelPair>,
 * /// The texts in pieces that both end and begin with a token in every model.
 * pub texts: Vec<AlignedText>,
 * 
 * 
 *  AttentionComparison {
 * pub const SCHEMA: &'static str = "glitchscope.attention-comparison";
 * 
 * 
 * rive(Clone, Debug, PartialEq, Serialize, Deserialize)]
 * g_attr(test, derive(ts_rs::TS))]
 */
export interface ComparedModel {
  name: string;
  /** Heads of each layer. */
  heads: Array<number>;
}

/**
 * One to three models side by side.
 * rive(Clone, Debug, PartialEq, Serialize, Deserialize)]
 * g_attr(test, derive(ts_rs::TS))]
 * struct AttentionComparison {
 * /// Always [`AttentionComparison::SCHEMA`].
 * pub schema: String,
 * pub version: String,
 * pub options: StatisticsOptions,
 * pub models: Vec<ComparedModel>,
 * pub level: ComparisonLevel,
 * /// Why it is not `heads`, and whatever else the reader should know.
 * pub notes: Vec<String>,
 * /// All concepts of all texts.
 * pub concepts: Vec<ComparedConcept>,
 * /// New minus old: second − first, third − first, third − second.
 * pub pairs: Vec<ModelPair>,
 * /// The texts in pieces that both end and begin with a token in every model.
 * pub texts: Vec<AlignedText>,
 * 
 * 
 *  AttentionComparison {
 * pub const SCHEMA: &'static str = "glitchscope.attention-comparison";
 * 
 * 
 * rive(Clone, Debug, PartialEq, Serialize, Deserialize)]
 * g_attr(test, derive(ts_rs::TS))]
 * struct ComparedModel {
 * pub name: String,
 * /// Heads of each layer.
 * pub heads: Vec<u32>,
 * 
 * 
 * How far models can be compared.
 * rive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
 * g_attr(test, derive(ts_rs::TS))]
 * rde(rename_all = "snake_case")]
 */
export type ComparisonLevel = "heads" | "curves" | "spans";

/**
 * One to three models side by side.
 * rive(Clone, Debug, PartialEq, Serialize, Deserialize)]
 * g_attr(test, derive(ts_rs::TS))]
 * struct AttentionComparison {
 * /// Always [`AttentionComparison::SCHEMA`].
 * pub schema: String,
 * pub version: String,
 * pub options: StatisticsOptions,
 * pub models: Vec<ComparedModel>,
 * pub level: ComparisonLevel,
 * /// Why it is not `heads`, and whatever else the reader should know.
 * pub notes: Vec<String>,
 * /// All concepts of all texts.
 * pub concepts: Vec<ComparedConcept>,
 * /// New minus old: second − first, third − first, third − second.
 * pub pairs: Vec<ModelPair>,
 * /// The texts in pieces that both end and begin with a token in every model.
 * pub texts: Vec<AlignedText>,
 * 
 * 
 *  AttentionComparison {
 * pub const SCHEMA: &'static str = "glitchscope.attention-comparison";
 * 
 * 
 * rive(Clone, Debug, PartialEq, Serialize, Deserialize)]
 * g_attr(test, derive(ts_rs::TS))]
 * struct ComparedModel {
 * pub name: String,
 * /// Heads of each layer.
 * pub heads: Vec<u32>,
 * 
 * 
 * How far models can be compared.
 * rive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
 * g_attr(test, derive(ts_rs::TS))]
 * rde(rename_all = "snake_case")]
 * enum ComparisonLevel {
 * /// The same layers, heads and tokens: head by head.
 * Heads,
 * /// The same tokens, other layers or heads: totals, and curves over relative depth.
 * Curves,
 * /// Other tokens: totals of the marked bytes.
 * Spans,
 * 
 * 
 * rive(Clone, Debug, PartialEq, Serialize, Deserialize)]
 * g_attr(test, derive(ts_rs::TS))]
 */
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

/**
 * One to three models side by side.
 * rive(Clone, Debug, PartialEq, Serialize, Deserialize)]
 * g_attr(test, derive(ts_rs::TS))]
 * struct AttentionComparison {
 * /// Always [`AttentionComparison::SCHEMA`].
 * pub schema: String,
 * pub version: String,
 * pub options: StatisticsOptions,
 * pub models: Vec<ComparedModel>,
 * pub level: ComparisonLevel,
 * /// Why it is not `heads`, and whatever else the reader should know.
 * pub notes: Vec<String>,
 * /// All concepts of all texts.
 * pub concepts: Vec<ComparedConcept>,
 * /// New minus old: second − first, third − first, third − second.
 * pub pairs: Vec<ModelPair>,
 * /// The texts in pieces that both end and begin with a token in every model.
 * pub texts: Vec<AlignedText>,
 * 
 * 
 *  AttentionComparison {
 * pub const SCHEMA: &'static str = "glitchscope.attention-comparison";
 * 
 * 
 * rive(Clone, Debug, PartialEq, Serialize, Deserialize)]
 * g_attr(test, derive(ts_rs::TS))]
 * struct ComparedModel {
 * pub name: String,
 * /// Heads of each layer.
 * pub heads: Vec<u32>,
 * 
 * 
 * How far models can be compared.
 * rive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
 * g_attr(test, derive(ts_rs::TS))]
 * rde(rename_all = "snake_case")]
 * enum ComparisonLevel {
 * /// The same layers, heads and tokens: head by head.
 * Heads,
 * /// The same tokens, other layers or heads: totals, and curves over relative depth.
 * Curves,
 * /// Other tokens: totals of the marked bytes.
 * Spans,
 * 
 * 
 * rive(Clone, Debug, PartialEq, Serialize, Deserialize)]
 * g_attr(test, derive(ts_rs::TS))]
 * struct ComparedConcept {
 * /// The concept's name; behind the text's where several texts have it.
 * pub name: String,
 * /// Of each model, of each head.
 * pub shares: Vec<Vec<Option<f64>>>,
 * pub statistics: Vec<Option<Statistics>>,
 * /// Of each model, of each layer.
 * pub layer_means: Vec<Vec<Option<f64>>>,
 * pub layer_medians: Vec<Vec<Option<f64>>>,
 * 
 * 
 * What the second model of a pair has more than the first.
 * rive(Clone, Debug, PartialEq, Serialize, Deserialize)]
 * g_attr(test, derive(ts_rs::TS))]
 */
export interface ModelPair {
  /** Index of the model that is subtracted. */
  old: number;
  new: number;
  /** In the order of the comparison's concepts. */
  concepts: Array<ConceptDifference>;
  /** Heads by the mean size of their difference, largest first; empty unless heads are compared. */
  recurrent: Array<RecurrentHead>;
}

/**
 * One to three models side by side.
 * rive(Clone, Debug, PartialEq, Serialize, Deserialize)]
 * g_attr(test, derive(ts_rs::TS))]
 * struct AttentionComparison {
 * /// Always [`AttentionComparison::SCHEMA`].
 * pub schema: String,
 * pub version: String,
 * pub options: StatisticsOptions,
 * pub models: Vec<ComparedModel>,
 * pub level: ComparisonLevel,
 * /// Why it is not `heads`, and whatever else the reader should know.
 * pub notes: Vec<String>,
 * /// All concepts of all texts.
 * pub concepts: Vec<ComparedConcept>,
 * /// New minus old: second − first, third − first, third − second.
 * pub pairs: Vec<ModelPair>,
 * /// The texts in pieces that both end and begin with a token in every model.
 * pub texts: Vec<AlignedText>,
 * 
 * 
 *  AttentionComparison {
 * pub const SCHEMA: &'static str = "glitchscope.attention-comparison";
 * 
 * 
 * rive(Clone, Debug, PartialEq, Serialize, Deserialize)]
 * g_attr(test, derive(ts_rs::TS))]
 * struct ComparedModel {
 * pub name: String,
 * /// Heads of each layer.
 * pub heads: Vec<u32>,
 * 
 * 
 * How far models can be compared.
 * rive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
 * g_attr(test, derive(ts_rs::TS))]
 * rde(rename_all = "snake_case")]
 * enum ComparisonLevel {
 * /// The same layers, heads and tokens: head by head.
 * Heads,
 * /// The same tokens, other layers or heads: totals, and curves over relative depth.
 * Curves,
 * /// Other tokens: totals of the marked bytes.
 * Spans,
 * 
 * 
 * rive(Clone, Debug, PartialEq, Serialize, Deserialize)]
 * g_attr(test, derive(ts_rs::TS))]
 * struct ComparedConcept {
 * /// The concept's name; behind the text's where several texts have it.
 * pub name: String,
 * /// Of each model, of each head.
 * pub shares: Vec<Vec<Option<f64>>>,
 * pub statistics: Vec<Option<Statistics>>,
 * /// Of each model, of each layer.
 * pub layer_means: Vec<Vec<Option<f64>>>,
 * pub layer_medians: Vec<Vec<Option<f64>>>,
 * 
 * 
 * What the second model of a pair has more than the first.
 * rive(Clone, Debug, PartialEq, Serialize, Deserialize)]
 * g_attr(test, derive(ts_rs::TS))]
 * struct ModelPair {
 * /// Index of the model that is subtracted.
 * pub old: u32,
 * pub new: u32,
 * /// In the order of the comparison's concepts.
 * pub concepts: Vec<ConceptDifference>,
 * /// Heads by the mean size of their difference, largest first; empty unless heads are compared.
 * pub recurrent: Vec<RecurrentHead>,
 * 
 * 
 * rive(Clone, Debug, PartialEq, Serialize, Deserialize)]
 * g_attr(test, derive(ts_rs::TS))]
 */
export interface ConceptDifference {
  /** Difference of the mean shares. */
  mean: number | null;
  /** Of each head; empty unless heads are compared. */
  differences: Array<number | null>;
  statistics: Statistics | null;
  layer_means: Array<number | null>;
  layer_medians: Array<number | null>;
}

/**
 * One to three models side by side.
 * rive(Clone, Debug, PartialEq, Serialize, Deserialize)]
 * g_attr(test, derive(ts_rs::TS))]
 * struct AttentionComparison {
 * /// Always [`AttentionComparison::SCHEMA`].
 * pub schema: String,
 * pub version: String,
 * pub options: StatisticsOptions,
 * pub models: Vec<ComparedModel>,
 * pub level: ComparisonLevel,
 * /// Why it is not `heads`, and whatever else the reader should know.
 * pub notes: Vec<String>,
 * /// All concepts of all texts.
 * pub concepts: Vec<ComparedConcept>,
 * /// New minus old: second − first, third − first, third − second.
 * pub pairs: Vec<ModelPair>,
 * /// The texts in pieces that both end and begin with a token in every model.
 * pub texts: Vec<AlignedText>,
 * 
 * 
 *  AttentionComparison {
 * pub const SCHEMA: &'static str = "glitchscope.attention-comparison";
 * 
 * 
 * rive(Clone, Debug, PartialEq, Serialize, Deserialize)]
 * g_attr(test, derive(ts_rs::TS))]
 * struct ComparedModel {
 * pub name: String,
 * /// Heads of each layer.
 * pub heads: Vec<u32>,
 * 
 * 
 * How far models can be compared.
 * rive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
 * g_attr(test, derive(ts_rs::TS))]
 * rde(rename_all = "snake_case")]
 * enum ComparisonLevel {
 * /// The same layers, heads and tokens: head by head.
 * Heads,
 * /// The same tokens, other layers or heads: totals, and curves over relative depth.
 * Curves,
 * /// Other tokens: totals of the marked bytes.
 * Spans,
 * 
 * 
 * rive(Clone, Debug, PartialEq, Serialize, Deserialize)]
 * g_attr(test, derive(ts_rs::TS))]
 * struct ComparedConcept {
 * /// The concept's name; behind the text's where several texts have it.
 * pub name: String,
 * /// Of each model, of each head.
 * pub shares: Vec<Vec<Option<f64>>>,
 * pub statistics: Vec<Option<Statistics>>,
 * /// Of each model, of each layer.
 * pub layer_means: Vec<Vec<Option<f64>>>,
 * pub layer_medians: Vec<Vec<Option<f64>>>,
 * 
 * 
 * What the second model of a pair has more than the first.
 * rive(Clone, Debug, PartialEq, Serialize, Deserialize)]
 * g_attr(test, derive(ts_rs::TS))]
 * struct ModelPair {
 * /// Index of the model that is subtracted.
 * pub old: u32,
 * pub new: u32,
 * /// In the order of the comparison's concepts.
 * pub concepts: Vec<ConceptDifference>,
 * /// Heads by the mean size of their difference, largest first; empty unless heads are compared.
 * pub recurrent: Vec<RecurrentHead>,
 * 
 * 
 * rive(Clone, Debug, PartialEq, Serialize, Deserialize)]
 * g_attr(test, derive(ts_rs::TS))]
 * struct ConceptDifference {
 * /// Difference of the mean shares.
 * pub mean: Option<f64>,
 * /// Of each head; empty unless heads are compared.
 * pub differences: Vec<Option<f64>>,
 * pub statistics: Option<Statistics>,
 * pub layer_means: Vec<Option<f64>>,
 * pub layer_medians: Vec<Option<f64>>,
 * 
 * 
 * A head that differs in concept after concept.
 * rive(Clone, Debug, PartialEq, Serialize, Deserialize)]
 * g_attr(test, derive(ts_rs::TS))]
 */
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

/**
 * One to three models side by side.
 * rive(Clone, Debug, PartialEq, Serialize, Deserialize)]
 * g_attr(test, derive(ts_rs::TS))]
 * struct AttentionComparison {
 * /// Always [`AttentionComparison::SCHEMA`].
 * pub schema: String,
 * pub version: String,
 * pub options: StatisticsOptions,
 * pub models: Vec<ComparedModel>,
 * pub level: ComparisonLevel,
 * /// Why it is not `heads`, and whatever else the reader should know.
 * pub notes: Vec<String>,
 * /// All concepts of all texts.
 * pub concepts: Vec<ComparedConcept>,
 * /// New minus old: second − first, third − first, third − second.
 * pub pairs: Vec<ModelPair>,
 * /// The texts in pieces that both end and begin with a token in every model.
 * pub texts: Vec<AlignedText>,
 * 
 * 
 *  AttentionComparison {
 * pub const SCHEMA: &'static str = "glitchscope.attention-comparison";
 * 
 * 
 * rive(Clone, Debug, PartialEq, Serialize, Deserialize)]
 * g_attr(test, derive(ts_rs::TS))]
 * struct ComparedModel {
 * pub name: String,
 * /// Heads of each layer.
 * pub heads: Vec<u32>,
 * 
 * 
 * How far models can be compared.
 * rive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
 * g_attr(test, derive(ts_rs::TS))]
 * rde(rename_all = "snake_case")]
 * enum ComparisonLevel {
 * /// The same layers, heads and tokens: head by head.
 * Heads,
 * /// The same tokens, other layers or heads: totals, and curves over relative depth.
 * Curves,
 * /// Other tokens: totals of the marked bytes.
 * Spans,
 * 
 * 
 * rive(Clone, Debug, PartialEq, Serialize, Deserialize)]
 * g_attr(test, derive(ts_rs::TS))]
 * struct ComparedConcept {
 * /// The concept's name; behind the text's where several texts have it.
 * pub name: String,
 * /// Of each model, of each head.
 * pub shares: Vec<Vec<Option<f64>>>,
 * pub statistics: Vec<Option<Statistics>>,
 * /// Of each model, of each layer.
 * pub layer_means: Vec<Vec<Option<f64>>>,
 * pub layer_medians: Vec<Vec<Option<f64>>>,
 * 
 * 
 * What the second model of a pair has more than the first.
 * rive(Clone, Debug, PartialEq, Serialize, Deserialize)]
 * g_attr(test, derive(ts_rs::TS))]
 * struct ModelPair {
 * /// Index of the model that is subtracted.
 * pub old: u32,
 * pub new: u32,
 * /// In the order of the comparison's concepts.
 * pub concepts: Vec<ConceptDifference>,
 * /// Heads by the mean size of their difference, largest first; empty unless heads are compared.
 * pub recurrent: Vec<RecurrentHead>,
 * 
 * 
 * rive(Clone, Debug, PartialEq, Serialize, Deserialize)]
 * g_attr(test, derive(ts_rs::TS))]
 * struct ConceptDifference {
 * /// Difference of the mean shares.
 * pub mean: Option<f64>,
 * /// Of each head; empty unless heads are compared.
 * pub differences: Vec<Option<f64>>,
 * pub statistics: Option<Statistics>,
 * pub layer_means: Vec<Option<f64>>,
 * pub layer_medians: Vec<Option<f64>>,
 * 
 * 
 * A head that differs in concept after concept.
 * rive(Clone, Debug, PartialEq, Serialize, Deserialize)]
 * g_attr(test, derive(ts_rs::TS))]
 * struct RecurrentHead {
 * pub layer: u32,
 * pub head: u32,
 * /// Mean over the concepts of the absolute difference.
 * pub mean_size: f64,
 * pub mean: f64,
 * /// Concepts in which the difference has the sign that most have, of `concepts`.
 * pub agreeing: u32,
 * pub concepts: u32,
 * 
 * 
 * rive(Clone, Debug, PartialEq, Serialize, Deserialize)]
 * g_attr(test, derive(ts_rs::TS))]
 */
export interface AlignedText {
  name: string;
  pieces: Array<AlignedPiece>;
}

/**
 * One to three models side by side.
 * rive(Clone, Debug, PartialEq, Serialize, Deserialize)]
 * g_attr(test, derive(ts_rs::TS))]
 * struct AttentionComparison {
 * /// Always [`AttentionComparison::SCHEMA`].
 * pub schema: String,
 * pub version: String,
 * pub options: StatisticsOptions,
 * pub models: Vec<ComparedModel>,
 * pub level: ComparisonLevel,
 * /// Why it is not `heads`, and whatever else the reader should know.
 * pub notes: Vec<String>,
 * /// All concepts of all texts.
 * pub concepts: Vec<ComparedConcept>,
 * /// New minus old: second − first, third − first, third − second.
 * pub pairs: Vec<ModelPair>,
 * /// The texts in pieces that both end and begin with a token in every model.
 * pub texts: Vec<AlignedText>,
 * 
 * 
 *  AttentionComparison {
 * pub const SCHEMA: &'static str = "glitchscope.attention-comparison";
 * 
 * 
 * rive(Clone, Debug, PartialEq, Serialize, Deserialize)]
 * g_attr(test, derive(ts_rs::TS))]
 * struct ComparedModel {
 * pub name: String,
 * /// Heads of each layer.
 * pub heads: Vec<u32>,
 * 
 * 
 * How far models can be compared.
 * rive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
 * g_attr(test, derive(ts_rs::TS))]
 * rde(rename_all = "snake_case")]
 * enum ComparisonLevel {
 * /// The same layers, heads and tokens: head by head.
 * Heads,
 * /// The same tokens, other layers or heads: totals, and curves over relative depth.
 * Curves,
 * /// Other tokens: totals of the marked bytes.
 * Spans,
 * 
 * 
 * rive(Clone, Debug, PartialEq, Serialize, Deserialize)]
 * g_attr(test, derive(ts_rs::TS))]
 * struct ComparedConcept {
 * /// The concept's name; behind the text's where several texts have it.
 * pub name: String,
 * /// Of each model, of each head.
 * pub shares: Vec<Vec<Option<f64>>>,
 * pub statistics: Vec<Option<Statistics>>,
 * /// Of each model, of each layer.
 * pub layer_means: Vec<Vec<Option<f64>>>,
 * pub layer_medians: Vec<Vec<Option<f64>>>,
 * 
 * 
 * What the second model of a pair has more than the first.
 * rive(Clone, Debug, PartialEq, Serialize, Deserialize)]
 * g_attr(test, derive(ts_rs::TS))]
 * struct ModelPair {
 * /// Index of the model that is subtracted.
 * pub old: u32,
 * pub new: u32,
 * /// In the order of the comparison's concepts.
 * pub concepts: Vec<ConceptDifference>,
 * /// Heads by the mean size of their difference, largest first; empty unless heads are compared.
 * pub recurrent: Vec<RecurrentHead>,
 * 
 * 
 * rive(Clone, Debug, PartialEq, Serialize, Deserialize)]
 * g_attr(test, derive(ts_rs::TS))]
 * struct ConceptDifference {
 * /// Difference of the mean shares.
 * pub mean: Option<f64>,
 * /// Of each head; empty unless heads are compared.
 * pub differences: Vec<Option<f64>>,
 * pub statistics: Option<Statistics>,
 * pub layer_means: Vec<Option<f64>>,
 * pub layer_medians: Vec<Option<f64>>,
 * 
 * 
 * A head that differs in concept after concept.
 * rive(Clone, Debug, PartialEq, Serialize, Deserialize)]
 * g_attr(test, derive(ts_rs::TS))]
 * struct RecurrentHead {
 * pub layer: u32,
 * pub head: u32,
 * /// Mean over the concepts of the absolute difference.
 * pub mean_size: f64,
 * pub mean: f64,
 * /// Concepts in which the difference has the sign that most have, of `concepts`.
 * pub agreeing: u32,
 * pub concepts: u32,
 * 
 * 
 * rive(Clone, Debug, PartialEq, Serialize, Deserialize)]
 * g_attr(test, derive(ts_rs::TS))]
 * struct AlignedText {
 * pub name: String,
 * pub pieces: Vec<AlignedPiece>,
 * 
 * 
 * The shortest stretch of a text that is made of whole tokens in every model.
 * rive(Clone, Debug, PartialEq, Serialize, Deserialize)]
 * g_attr(test, derive(ts_rs::TS))]
 */
export interface AlignedPiece {
  /** Bytes of the text. */
  start: number;
  end: number;
  /** Of each model, the attention that the piece receives as a part of all, in the mean over heads. */
  received: Array<number>;
}
