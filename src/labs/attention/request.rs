//! What is asked: texts, the concepts in them, and the tokens that are left out.

use serde::{Deserialize, Serialize};

/// One measurement.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(default)]
pub struct AttentionRequest {
    pub texts: Vec<MarkedText>,
    pub exclusion: Exclusion,
}

/// A text and the concepts in it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(default)]
pub struct MarkedText {
    pub name: String,
    /// Without the marks.
    pub text: String,
    pub concepts: Vec<Concept>,
    /// Positions of tokens that are left out besides those that the exclusion names.
    pub also_excluded: Vec<u32>,
    /// Positions of tokens that are kept although the exclusion names them.
    pub kept: Vec<u32>,
}

/// Words that are one thing to a person, wherever they stand in the text.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(default)]
pub struct Concept {
    pub name: String,
    pub spans: Vec<ByteSpan>,
    /// Positions of the concept's tokens, chosen by hand; null to take those that the spans touch.
    pub tokens: Option<Vec<u32>>,
}

/// A stretch of a text, in bytes of its UTF-8: the first and the one behind the last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ByteSpan {
    pub start: u32,
    pub end: u32,
}

/// Which tokens are left out as keys.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(default)]
pub struct Exclusion {
    pub preset: Preset,
    /// Vocabulary entries, for `custom`: U+2581 stands for a word's start, whichever way the vocabulary writes it.
    pub pieces: Vec<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "kebab-case")]
pub enum Preset {
    /// The study's twelve: punctuation, the lone word start, and the beginning of text.
    #[default]
    #[serde(rename = "paper-12")]
    Paper12,
    /// The same without the lone word start, as one of the study's run logs has it: Evidence Object with 9 excluded
    /// tokens instead of 10.
    #[serde(rename = "paper-11")]
    Paper11,
    /// The beginning of text alone.
    BosOnly,
    None,
    /// `pieces`.
    Custom,
}
