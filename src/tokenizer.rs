//! Text ↔ token ids, with byte offsets; classes of tokens; prompts with a token spliced in as an id.

mod class;

pub use class::TokenClass;

#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokenizerError {
    #[error("tokenizer.json cannot be read: {reason}")]
    Malformed { reason: String },
}

impl TokenizerError {
    pub fn hint(&self) -> Option<String> {
        None
    }
}
