//! What a model makes of an ordinary text, so that a repair that spoils it is noticed.

use serde::{Deserialize, Serialize};

use super::RepairError;
use crate::engine::Model;
use crate::engine::training::{self, Batch};
use crate::error::Result;
use crate::progress::{Event, Monitor, pause};
use crate::tokenizer::Tokenizer;

/// Written for this purpose: ordinary English of three paragraphs.
pub const BUILT_IN_TEXT: &str = include_str!("text.txt");

/// Longest row of tokens; longer texts are cut into several.
const ROW_TOKENS: usize = 256;

/// Most tokens of the text that are looked at; more of them tell hardly more.
const MAX_TOKENS: usize = 4096;

/// The loss on a text before and after a repair.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct LossChange {
    /// Whether the text is the built-in one.
    pub built_in: bool,
    /// Tokens that were predicted.
    pub tokens: u32,
    /// Of them, how many are repaired tokens.
    pub repaired_tokens: u32,
    /// Mean negative log-likelihood, in nats a token.
    pub before: f64,
    pub after: f64,
    /// The rise that was allowed, in nats a token.
    pub allowed_rise: f64,
    /// The rise is not above the allowed one.
    pub is_within: bool,
}

/// A text as rows of ids that a model can take.
pub fn rows(tokenizer: &Tokenizer, text: &str, context: usize) -> Result<Vec<Vec<u32>>> {
    let mut ids = tokenizer.encode(text, true)?.ids;
    ids.truncate(MAX_TOKENS);
    let rows: Vec<Vec<u32>> =
        ids.chunks(ROW_TOKENS.min(context)).filter(|row| row.len() > 1).map(<[u32]>::to_vec).collect();
    if rows.is_empty() {
        return Err(RepairError::TextTooShort { tokens: ids.len() }.into());
    }
    Ok(rows)
}

/// Mean negative log-likelihood over all rows, in nats a token, and the number of predicted tokens.
pub async fn loss(model: &mut Model, rows: &[Vec<u32>], monitor: &mut dyn Monitor) -> Result<(f64, u32)> {
    let (mut sum, mut targets) = (0.0, 0);
    for (i, row) in rows.iter().enumerate() {
        let loss = training::loss(model, &Batch::next_token(std::slice::from_ref(row))?).await?;
        sum += loss.nll.iter().map(|&nll| f64::from(nll)).sum::<f64>();
        targets += loss.nll.len();
        monitor.event(Event::Advance { done: i as u64 + 1, total: rows.len() as u64, unit: "rows" });
        pause(monitor).await?;
    }
    Ok((sum / targets as f64, targets as u32)) // OK to cast: at most `MAX_TOKENS`.
}
