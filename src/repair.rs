//! Repairs of glitch tokens, each with a proof: what the model did with them before and after, and what else changed.
//!
//! [`merges`] makes a tokenizer that cannot produce a token any more; [`rows`] gives a token another embedding. Both write
//! a file that differs from the original in the necessary places only.

pub mod loss;
pub mod merges;
pub mod probes;
pub mod rows;
pub mod spelled;

/// Why a repair cannot be done.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RepairError {
    #[error("no token was chosen")]
    NothingChosen,
    #[error("token {id} is chosen, but the vocabulary ends at {rows}")]
    OutOfRange { id: u32, rows: usize },
    #[error("merges cannot be pruned from this tokenizer: {reason}")]
    NoMerges { reason: String },
    #[error("rows of {tensor} cannot be replaced: {reason}")]
    Rows { tensor: String, reason: String },
    #[error("there are {found} trained rows to take a mean of, {needed} are needed")]
    TooFewTrained { found: usize, needed: usize },
    #[error("{what} is {value}, expected {expected}")]
    Option { what: &'static str, value: String, expected: &'static str },
    #[error("the text has {tokens} tokens, so there is no loss to compare")]
    TextTooShort { tokens: usize },
    #[error("rows of this model are repaired already")]
    Repaired,
}

impl RepairError {
    /// What the person who meets this error can do about it.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            RepairError::NothingChosen => "Choose tokens by their ids, or all that the report names.".into(),
            RepairError::OutOfRange { .. } => "Take the report of this model.".into(),
            RepairError::NoMerges { .. } => "Replace the token's row instead; that works for any tokenizer.".into(),
            RepairError::Rows { .. } => {
                "Take the model's F32, F16 or BF16 weights in safetensors, as they are stored.".into()
            }
            RepairError::TooFewTrained { .. } => "Take the report of an exhaustive scan of this model.".into(),
            RepairError::Option { .. } => return None,
            RepairError::TextTooShort { .. } => "Give a longer text, or none for the built-in one.".into(),
            RepairError::Repaired => "Put the original rows back first.".into(),
        })
    }
}
