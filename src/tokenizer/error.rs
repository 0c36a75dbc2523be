//! What can be wrong with a tokenizer, and with what is asked of it.

#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokenizerError {
    #[error("tokenizer.json is missing: this model can only be asked with token ids")]
    Absent,
    #[error("{file} cannot be read: {reason}")]
    Malformed { file: String, reason: String },
    #[error("tokenizer.json uses {component}, which this program does not run: {reason}")]
    Unsupported { component: String, reason: String },
    #[error("tokenizer.json holds {found} {what}, more than the limit of {limit}")]
    TooLarge { what: &'static str, found: usize, limit: usize },
    #[error("the text has {bytes} bytes, more than the limit of {limit_bytes}")]
    TextTooLong { bytes: usize, limit_bytes: usize },
    #[error("the text of {bytes} bytes cannot be encoded: {reason}")]
    Encode { bytes: usize, reason: String },
    #[error(
        "the tokenizer has ids up to {highest_id} ({token:?}), but the embedding has {embedding_rows} rows: {excess} \
         ordinary tokens have none"
    )]
    LargerThanEmbedding { highest_id: usize, token: String, embedding_rows: usize, excess: usize },
    #[error(
        "the prompt cannot be spelled with this vocabulary: {unknown} of the {total} tokens of {text:?} are unknown"
    )]
    Unspellable { unknown: usize, total: usize, text: String },
    #[error(
        "no placeholder word keeps to itself in the prompt: of {candidates} ordinary words {tried} were tried{example}"
    )]
    NoPlaceholder { candidates: usize, tried: usize, example: String },
    #[error("there is no chat template {wanted:?}; the model has {}", listed(known))]
    NoChatTemplate { wanted: String, known: Vec<String> },
    #[error("the chat template cannot be used: {reason}")]
    ChatTemplate { reason: String },
}

fn listed(names: &[String]) -> String {
    if names.is_empty() { "none".into() } else { names.join(", ") }
}

impl TokenizerError {
    /// What the person who meets this error can do about it.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            TokenizerError::Absent => "Put the model's tokenizer.json into the same folder.".into(),
            TokenizerError::Malformed { .. } | TokenizerError::TooLarge { .. } => {
                "Save the tokenizer again, in Python: AutoTokenizer.from_pretrained(name).save_pretrained(folder)."
                    .into()
            }
            TokenizerError::Unsupported { .. } => {
                "Take a model whose tokenizer is a BPE, Unigram, WordPiece or WordLevel model with the usual parts."
                    .into()
            }
            TokenizerError::NoChatTemplate { known, .. } if known.is_empty() => {
                "A base model has none: write the prompt as plain text, or take the model's tuned version.".into()
            }
            TokenizerError::NoChatTemplate { .. } => "Name one of those.".into(),
            TokenizerError::ChatTemplate { .. } => {
                "Write the prompt as plain text, or change the conversation to what the template expects.".into()
            }
            TokenizerError::TextTooLong { .. } | TokenizerError::Encode { .. } => "Take a shorter text.".into(),
            TokenizerError::LargerThanEmbedding { .. } => {
                "The tokenizer and the weights do not belong together: take both from the same model.".into()
            }
            TokenizerError::Unspellable { .. } | TokenizerError::NoPlaceholder { .. } => {
                "This model's vocabulary is not made for text like this prompt, so the question cannot be asked of it; \
                 take a model of natural language."
                    .into()
            }
        })
    }
}
