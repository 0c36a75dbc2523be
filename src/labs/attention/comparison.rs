//! What differs between models: a pure function of their results.

use serde::{Deserialize, Serialize};

use super::statistics::{Statistics, StatisticsOptions};

/// One to three models side by side.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct AttentionComparison {
    /// Always [`AttentionComparison::SCHEMA`].
    pub schema: String,
    pub version: String,
    pub options: StatisticsOptions,
    pub models: Vec<ComparedModel>,
    pub level: ComparisonLevel,
    /// Why it is not `heads`, and whatever else the reader should know.
    pub notes: Vec<String>,
    /// All concepts of all texts.
    pub concepts: Vec<ComparedConcept>,
    /// New minus old: second − first, third − first, third − second.
    pub pairs: Vec<ModelPair>,
    /// The texts in pieces that both end and begin with a token in every model.
    pub texts: Vec<AlignedText>,
}

impl AttentionComparison {
    pub const SCHEMA: &'static str = "glitchscope.attention-comparison";
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ComparedModel {
    pub name: String,
    /// Heads of each layer.
    pub heads: Vec<u32>,
}

/// How far models can be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum ComparisonLevel {
    /// The same layers, heads and tokens: head by head.
    Heads,
    /// The same tokens, other layers or heads: totals, and curves over relative depth.
    Curves,
    /// Other tokens: totals of the marked bytes.
    Spans,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ComparedConcept {
    /// The concept's name; behind the text's where several texts have it.
    pub name: String,
    /// Of each model, of each head.
    pub shares: Vec<Vec<Option<f64>>>,
    pub statistics: Vec<Option<Statistics>>,
    /// Of each model, of each layer.
    pub layer_means: Vec<Vec<Option<f64>>>,
    pub layer_medians: Vec<Vec<Option<f64>>>,
}

/// What the second model of a pair has more than the first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ModelPair {
    /// Index of the model that is subtracted.
    pub old: u32,
    pub new: u32,
    /// In the order of the comparison's concepts.
    pub concepts: Vec<ConceptDifference>,
    /// Heads by the mean size of their difference, largest first; empty unless heads are compared.
    pub recurrent: Vec<RecurrentHead>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ConceptDifference {
    /// Difference of the mean shares.
    pub mean: Option<f64>,
    /// Of each head; empty unless heads are compared.
    pub differences: Vec<Option<f64>>,
    pub statistics: Option<Statistics>,
    pub layer_means: Vec<Option<f64>>,
    pub layer_medians: Vec<Option<f64>>,
}

/// A head that differs in concept after concept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct RecurrentHead {
    pub layer: u32,
    pub head: u32,
    /// Mean over the concepts of the absolute difference.
    pub mean_size: f64,
    pub mean: f64,
    /// Concepts in which the difference has the sign that most have, of `concepts`.
    pub agreeing: u32,
    pub concepts: u32,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct AlignedText {
    pub name: String,
    pub pieces: Vec<AlignedPiece>,
}

/// The shortest stretch of a text that is made of whole tokens in every model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct AlignedPiece {
    /// Bytes of the text.
    pub start: u32,
    pub end: u32,
    /// Of each model, the attention that the piece receives as a part of all, in the mean over heads.
    pub received: Vec<f64>,
}
