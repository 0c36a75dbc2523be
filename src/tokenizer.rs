//! Text ↔ token ids, with byte offsets; classes of tokens; prompts with a token spliced in as an id.

mod class;
mod error;

pub use class::TokenClass;
pub use error::TokenizerError;
