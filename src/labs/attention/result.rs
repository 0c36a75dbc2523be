//! What is found, for one model. Comparing models is a pure function of several of these.

use serde::{Deserialize, Serialize};

use super::request::AttentionRequest;
use super::statistics::Statistics;
use crate::compute::DeviceInfo;
use crate::report::ModelInfo;

/// One model's attention to the concepts of a request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct AttentionResult {
    /// Always [`AttentionResult::SCHEMA`].
    pub schema: String,
    /// The program's version.
    pub version: String,
    /// What a share is, in one sentence.
    pub definition: String,
    pub model: ModelInfo,
    pub device: DeviceInfo,
    pub request: AttentionRequest,
    /// Query heads of each layer. Lists over heads go layer by layer.
    pub heads: Vec<u32>,
    /// Keys that a query of the layer looks back at, itself counted; null where it sees all.
    pub windows: Vec<Option<u32>>,
    /// In the order of the request.
    pub texts: Vec<TextResult>,
    /// What happened on the way: a device that was lost and opened again.
    pub notes: Vec<String>,
}

impl AttentionResult {
    pub const SCHEMA: &'static str = "glitchscope.attention";
}

/// One text as the model's tokenizer sees it. Needs no forward pass.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct TextTokens {
    pub name: String,
    /// Of the text without its marks, in hexadecimal.
    pub sha256: String,
    pub tokens: Vec<TextToken>,
    pub concepts: Vec<ConceptTokens>,
    pub warnings: Vec<AttentionWarning>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct TextToken {
    pub id: u32,
    /// The vocabulary entry as it is written there.
    pub piece: String,
    /// Bytes of the text, the first and the one behind the last; both 0 for a token that is not in it.
    pub start: u32,
    pub end: u32,
    /// Left out as a key.
    pub excluded: bool,
}

/// The tokens of a concept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ConceptTokens {
    pub name: String,
    /// Positions, ascending.
    pub tokens: Vec<u32>,
    /// Chosen by hand.
    pub by_hand: bool,
    /// Of the tokens, those with letters outside the concept's spans: the concept does not consist of whole tokens.
    pub cut: Vec<u32>,
    /// Of the tokens, those that are excluded: they count as 0.
    pub excluded: Vec<u32>,
}

/// One text, measured. Lists over heads go layer by layer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct TextResult {
    pub tokens: TextTokens,
    /// Of each head, the attention that goes to tokens that are not excluded, as a part of all.
    pub kept: Vec<f32>,
    /// Of each token, the attention it receives as a part of all, in the mean over the heads of all layers.
    pub received: Vec<f32>,
    /// The same of each layer: one list over tokens a layer.
    pub received_by_layer: Vec<Vec<f32>>,
    /// In the order of `tokens.concepts`.
    pub concepts: Vec<ConceptResult>,
    /// Those of `tokens`, and what the measurement adds.
    pub warnings: Vec<AttentionWarning>,
}

/// One concept, measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ConceptResult {
    pub name: String,
    /// Of each head; null where all attention goes to excluded tokens, so that there is nothing to share.
    pub shares: Vec<Option<f64>>,
    /// Over the heads that have a share.
    pub statistics: Option<Statistics>,
    /// Mean over the heads of each layer.
    pub layer_means: Vec<Option<f64>>,
    pub layer_medians: Vec<Option<f64>>,
    /// The share if every query attended to all keys it sees alike, without a window; null when all are excluded.
    pub uniform: Option<f64>,
    /// The same of each layer, with its window.
    pub uniform_by_layer: Vec<Option<f64>>,
    /// The concept's tokens among those that are not excluded.
    pub length: Option<f64>,
    /// Mean over the heads of the share divided by its layer's uniform share.
    pub lift: Option<f64>,
}

/// What the reader should know before believing a number.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum AttentionWarning {
    /// Tokens of the concept reach beyond the marked letters.
    NotAligned { concept: String, tokens: Vec<u32> },
    /// Tokens of the concept are excluded and count as 0.
    ConceptExcluded { concept: String, tokens: Vec<u32>, all: bool },
    /// The tokenizer puts no beginning of text first; the first token is left out in its place.
    NoBeginning { piece: String },
    /// Heads that keep less than 1 % and less than 5 % of their attention: their shares stand on very little.
    LittleKept { heads: u32, below_1_percent: u32, below_5_percent: u32 },
    /// Heads without a share: all their attention goes to excluded tokens.
    Undefined { heads: u32, undefined: u32 },
    /// Layers that look back less far than the text is long; their uniform share says so.
    Windowed { layers: Vec<u32> },
}
