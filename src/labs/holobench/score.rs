//! Labels, and the numbers that follow from them.
//!
//! recall = (exact + w · partial) / labels, with w = 0.5 and, beside it, w = 0 · the study's labels are recall only: what an
//! answer says beyond the gold costs nothing there, so precision and F1 stand beside it

use serde::{Deserialize, Serialize};

use super::HoloError;
use super::gold::Gold;
use super::rule;

/// How a gold row fares in an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum Label {
    #[serde(rename = "Exact Match")]
    Exact,
    #[serde(rename = "Partial Match")]
    Partial,
    #[serde(rename = "No Match")]
    No,
}

/// Who gave the labels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum LabelSource {
    #[default]
    Rule,
    Judge,
    Human,
}

/// A gold row's label, and why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct RowScore {
    /// From 0; the one row of an empty gold is 0 too.
    pub row: u32,
    pub label: Label,
    /// In words.
    pub why: String,
    /// Which cells of the row were found.
    pub matched: Vec<bool>,
    /// The segment of the answer that was taken for this row.
    pub segment: Option<u32>,
}

/// Scores one answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ScoreRequest {
    pub instance_id: String,
    pub gold: Gold,
    pub response: String,
    /// Labels from elsewhere; the rule's own where null.
    pub labels: Option<Vec<Label>>,
    pub source: LabelSource,
}

/// One answer against its gold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct AnswerScore {
    pub instance_id: String,
    pub source: LabelSource,
    /// The part of the response that answers, behind its reasoning.
    pub answer: String,
    /// Lines, bullets or table rows of the answer.
    pub segments: Vec<String>,
    pub rows: Vec<RowScore>,
    pub exact: u32,
    pub partial: u32,
    pub none: u32,
    /// (exact + w · partial) / labels, with w = 0.5 and with w = 0.
    pub recall: f64,
    pub recall_strict: f64,
    /// Segments that stand for a gold row, of all; by rule whoever gave the labels, null where the answer has no segment.
    pub precision: Option<f64>,
    pub f1: Option<f64>,
}

/// (exact + w · partial) / labels; 0 without labels.
pub fn recall(labels: &[Label], partial_weight: f64) -> f64 {
    let count = |wanted: Label| labels.iter().filter(|label| **label == wanted).count() as f64;
    match labels.is_empty() {
        true => 0.0,
        false => (count(Label::Exact) + partial_weight * count(Label::Partial)) / labels.len() as f64,
    }
}

/// One answer's labels and numbers.
///
/// Errors   `LabelCount` when labels from elsewhere are not one a gold row
pub fn score(request: &ScoreRequest) -> Result<AnswerScore, HoloError> {
    let found = rule::score(&request.gold, &request.response);
    let mut rows = found.rows;
    if let Some(labels) = &request.labels {
        if labels.len() != rows.len() {
            return Err(HoloError::LabelCount { n: labels.len(), rows: rows.len() });
        }
        for (row, label) in rows.iter_mut().zip(labels) {
            if row.label != *label {
                row.why = format!("the rule says {:?}: {}", row.label, row.why);
                row.label = *label;
            }
        }
    }
    let labels: Vec<Label> = rows.iter().map(|row| row.label).collect();
    let count = |wanted: Label| labels.iter().filter(|label| **label == wanted).count() as u32;
    let (recall_half, recall_strict) = (recall(&labels, 0.5), recall(&labels, 0.0));
    let f1 = found.precision.map(|precision| match precision + recall_half > 0.0 {
        true => 2.0 * precision * recall_half / (precision + recall_half),
        false => 0.0,
    });
    Ok(AnswerScore {
        instance_id: request.instance_id.clone(),
        source: if request.labels.is_some() { request.source } else { LabelSource::Rule },
        answer: found.answer,
        segments: found.segments,
        exact: count(Label::Exact),
        partial: count(Label::Partial),
        none: count(Label::No),
        recall: recall_half,
        recall_strict,
        precision: found.precision,
        f1,
        rows,
    })
}
