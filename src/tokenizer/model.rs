//! The model of a tokenizer — BPE, Unigram, WordPiece or WordLevel — checked and built.

use tokenizers::ModelWrapper;
use tokenizers::models::bpe::BPE;
use tokenizers::models::unigram::Unigram;
use tokenizers::models::wordlevel::WordLevel;
use tokenizers::models::wordpiece::WordPiece;

use super::TokenizerError;
use super::file::{ModelFile, VocabularyFile};

/// Longest word that WordPiece is let loose on; its search is quadratic in it. The usual setting is 100.
const MAX_WORD_CHARS: usize = 1000;

/// A model with what the rest needs to know of it.
pub(super) struct Model {
    pub model: ModelWrapper,
    /// Highest id of its vocabulary; `None` when that is empty.
    pub highest_id: Option<usize>,
    /// The token that stands for what the vocabulary cannot spell.
    pub unknown: Option<String>,
    pub notes: Vec<String>,
}

impl Model {
    pub fn build(mut file: ModelFile) -> Result<Model, TokenizerError> {
        let mut notes = Vec::new();
        let kind = kind(&file);
        let highest_id = check_vocabulary(&file.vocab)?;
        if file.dropout.is_some_and(|dropout| dropout != 0.0) {
            notes.push(format!(
                "tokenizer.json asks for BPE dropout {}; it is left out, because encoding must repeat.",
                file.dropout.unwrap_or(0.0)
            ));
        }
        let unknown = match &file.vocab {
            VocabularyFile::Scores(scores) => file.unk_id.and_then(|id| scores.get(id)).map(|(token, _)| token.clone()),
            VocabularyFile::Ids(_) => file.unk_token.clone(),
        };
        let model = match (kind.as_str(), file.vocab) {
            ("BPE", VocabularyFile::Ids(vocabulary)) => {
                let merges = file.merges.take().map(|merges| merges.0).unwrap_or_default();
                let prefix = file.continuing_subword_prefix.as_deref().unwrap_or("");
                check_merges(&merges, prefix, &vocabulary)?;
                let mut builder = BPE::builder()
                    .vocab_and_merges(vocabulary, merges)
                    .fuse_unk(file.fuse_unk.unwrap_or(false))
                    .byte_fallback(file.byte_fallback.unwrap_or(false))
                    .ignore_merges(file.ignore_merges.unwrap_or(false));
                if let Some(unknown) = file.unk_token {
                    builder = builder.unk_token(unknown);
                }
                if let Some(prefix) = file.continuing_subword_prefix {
                    builder = builder.continuing_subword_prefix(prefix);
                }
                if let Some(suffix) = file.end_of_word_suffix {
                    builder = builder.end_of_word_suffix(suffix);
                }
                builder.build().map(ModelWrapper::BPE)
            }
            ("Unigram", VocabularyFile::Scores(scores)) => {
                Unigram::from(scores, file.unk_id, file.byte_fallback.unwrap_or(false)).map(ModelWrapper::Unigram)
            }
            ("WordPiece", VocabularyFile::Ids(vocabulary)) => {
                let max_chars = file.max_input_chars_per_word.unwrap_or(100);
                if max_chars > MAX_WORD_CHARS {
                    return Err(TokenizerError::TooLarge {
                        what: "max_input_chars_per_word",
                        found: max_chars,
                        limit: MAX_WORD_CHARS,
                    });
                }
                WordPiece::builder()
                    .vocab(vocabulary)
                    .unk_token(file.unk_token.unwrap_or_else(|| "[UNK]".into()))
                    .continuing_subword_prefix(file.continuing_subword_prefix.unwrap_or_else(|| "##".into()))
                    .max_input_chars_per_word(max_chars)
                    .build()
                    .map(ModelWrapper::WordPiece)
            }
            ("WordLevel", VocabularyFile::Ids(vocabulary)) => WordLevel::builder()
                .vocab(vocabulary)
                .unk_token(file.unk_token.unwrap_or_else(|| "<unk>".into()))
                .build()
                .map(ModelWrapper::WordLevel),
            ("BPE" | "Unigram" | "WordPiece" | "WordLevel", _) => {
                return Err(malformed(format!("the vocabulary of its {kind} model has the wrong form")));
            }
            _ => {
                return Err(TokenizerError::Unsupported {
                    component: format!("the model {}", kind.chars().take(40).collect::<String>()),
                    reason: "it is none of BPE, Unigram, WordPiece, WordLevel".into(),
                });
            }
        };
        Ok(Model {
            model: model.map_err(|error| malformed(format!("its model cannot be built ({error})")))?,
            highest_id,
            unknown,
            notes,
        })
    }
}

fn malformed(reason: String) -> TokenizerError {
    TokenizerError::Malformed { file: "tokenizer.json".into(), reason }
}

/// Old files do not say what they are; the fields do.
fn kind(file: &ModelFile) -> String {
    match (&file.kind, &file.vocab) {
        (Some(kind), _) => kind.clone(),
        (None, VocabularyFile::Scores(_)) => "Unigram".into(),
        (None, _) if file.merges.is_some() => "BPE".into(),
        (None, _) if file.max_input_chars_per_word.is_some() => "WordPiece".into(),
        (None, _) => "WordLevel".into(),
    }
}

/// Every id once, every Unigram piece with text and a number. Returns the highest id.
fn check_vocabulary(vocabulary: &VocabularyFile) -> Result<Option<usize>, TokenizerError> {
    match vocabulary {
        VocabularyFile::Ids(ids) => {
            // Which of two tokens an id decodes to would depend on the order of a hash table, differently in each run.
            let mut sorted: Vec<u32> = ids.values().copied().collect();
            sorted.sort_unstable();
            if let Some(pair) = sorted.windows(2).find(|pair| pair[0] == pair[1]) {
                let mut tokens: Vec<&String> =
                    ids.iter().filter(|(_, id)| **id == pair[0]).map(|(token, _)| token).collect();
                tokens.sort_unstable();
                return Err(malformed(format!("id {} is given to {:?} and to {:?}", pair[0], tokens[0], tokens[1])));
            }
            Ok(sorted.last().map(|&id| id as usize))
        }
        VocabularyFile::Scores(scores) => {
            // The crate walks in place on an empty piece, and orders by score.
            for (id, (token, score)) in scores.iter().enumerate() {
                if token.is_empty() || !score.is_finite() {
                    return Err(malformed(format!("entry {id} is {token:?} with score {score}")));
                }
            }
            Ok(scores.len().checked_sub(1))
        }
    }
}

/// Both halves and the whole are entries. The crate cuts the prefix off the right half without asking whether it is
/// there, and writes the whole into a buffer as long as the longest entry.
fn check_merges(
    merges: &[(String, String)],
    prefix: &str,
    vocabulary: &tokenizers::models::bpe::Vocab,
) -> Result<(), TokenizerError> {
    let mut whole = String::new();
    for (rank, (left, right)) in merges.iter().enumerate() {
        let rest = right
            .strip_prefix(prefix)
            .ok_or_else(|| malformed(format!("merge {rank}, {left:?} + {right:?}, lacks the prefix {prefix:?}")))?;
        whole.clear();
        whole.push_str(left);
        whole.push_str(rest);
        if let Some(missing) = [left, right, &whole].into_iter().find(|token| !vocabulary.contains_key(*token)) {
            return Err(malformed(format!(
                "merge {rank}, {left:?} + {right:?}, needs {missing:?}, which the vocabulary has not"
            )));
        }
    }
    Ok(())
}
