//! The model of a tokenizer: BPE, Unigram, WordPiece or WordLevel, checked and built.

use tokenizers::Token;

use super::TokenizerError;
use super::bpe::{Bpe, BpeOptions};
use super::file::{self, ModelFile};
use super::unigram::{MAX_UNIGRAM_BYTES, Unigram};
use super::vocabulary::{Vocabulary, shortened};
use super::wordpiece::{WordLevel, WordPiece};

/// Longest word that WordPiece is let loose on; its search is quadratic in it. The usual setting is 100.
const MAX_WORD_CHARS: usize = 1000;

/// Cuts a piece of text into entries of a vocabulary.
pub(super) enum Model {
    Bpe(Box<Bpe>),
    Unigram(Unigram),
    WordPiece(WordPiece),
    WordLevel(WordLevel),
}

/// A model with what the rest needs to know of it.
pub(super) struct Built {
    pub model: Model,
    /// The token that stands for what the vocabulary cannot spell.
    pub unknown: Option<String>,
    pub notes: Vec<String>,
}

impl Model {
    /// The tokens of a piece, with offsets in it; of no piece there are none.
    pub fn tokenize(&self, piece: &str) -> Result<Vec<Token>, String> {
        match self {
            Model::Bpe(bpe) => bpe.tokenize(piece),
            Model::Unigram(unigram) => unigram.tokenize(piece),
            Model::WordPiece(word_piece) => word_piece.tokenize(piece),
            Model::WordLevel(word_level) => word_level.tokenize(piece),
        }
    }

    pub fn vocabulary(&self) -> &Vocabulary {
        match self {
            Model::Bpe(bpe) => &bpe.vocabulary,
            Model::Unigram(unigram) => &unigram.vocabulary,
            Model::WordPiece(word_piece) => &word_piece.vocabulary,
            Model::WordLevel(word_level) => &word_level.vocabulary,
        }
    }

    pub fn build(file: ModelFile) -> Result<Built, TokenizerError> {
        let mut notes = Vec::new();
        let kind = kind(&file);
        if !["BPE", "Unigram", "WordPiece", "WordLevel"].contains(&kind) {
            return Err(TokenizerError::Unsupported {
                component: format!("the model {}", shortened(kind)),
                reason: "it is none of BPE, Unigram, WordPiece, WordLevel".into(),
            });
        }
        if file::is_list(file.vocab) != (kind == "Unigram") {
            return Err(malformed(format!("the vocabulary of its {kind} model has the wrong form")));
        }
        if file.dropout.is_some_and(|dropout| dropout != 0.0) {
            notes.push(format!(
                "tokenizer.json asks for BPE dropout {}; it is left out, because encoding must repeat.",
                file.dropout.unwrap_or(0.0)
            ));
        }
        let mut unknown = file.unk_token.clone();
        let model = match kind {
            "BPE" => {
                let vocabulary = file::vocabulary(file.vocab)?;
                let prefix = file.continuing_subword_prefix.as_deref().unwrap_or("");
                let merges = file::merges(file.merges, prefix, &vocabulary)?;
                let options = BpeOptions {
                    unk_token: file.unk_token,
                    continuing_subword_prefix: file.continuing_subword_prefix,
                    end_of_word_suffix: file.end_of_word_suffix,
                    fuse_unk: file.fuse_unk.unwrap_or(false),
                    byte_fallback: file.byte_fallback.unwrap_or(false),
                    ignore_merges: file.ignore_merges.unwrap_or(false),
                };
                Model::Bpe(Box::new(Bpe::new(vocabulary, merges, options)))
            }
            "Unigram" => {
                let (vocabulary, scores) = file::scored_vocabulary(file.vocab, MAX_UNIGRAM_BYTES)?;
                let unk_id = match file.unk_id {
                    Some(id) => {
                        Some(u32::try_from(id).ok().filter(|&id| vocabulary.text(id).is_some()).ok_or_else(|| {
                            malformed(format!("its unk_id is {id}, its vocabulary has {} entries", vocabulary.len()))
                        })?)
                    }
                    None => None,
                };
                unknown = unk_id.and_then(|id| vocabulary.text(id)).map(String::from);
                Model::Unigram(Unigram::new(vocabulary, scores, unk_id, file.byte_fallback.unwrap_or(false)))
            }
            "WordPiece" => {
                let max_chars = file.max_input_chars_per_word.unwrap_or(100);
                if max_chars > MAX_WORD_CHARS {
                    return Err(TokenizerError::TooLarge {
                        what: "max_input_chars_per_word",
                        found: max_chars,
                        limit: MAX_WORD_CHARS,
                    });
                }
                Model::WordPiece(WordPiece {
                    vocabulary: file::vocabulary(file.vocab)?,
                    unk_token: file.unk_token.unwrap_or_else(|| "[UNK]".into()),
                    continuing_subword_prefix: file.continuing_subword_prefix.unwrap_or_else(|| "##".into()),
                    max_input_chars_per_word: max_chars,
                })
            }
            _ => Model::WordLevel(WordLevel {
                vocabulary: file::vocabulary(file.vocab)?,
                unk_token: file.unk_token.unwrap_or_else(|| "<unk>".into()),
            }),
        };
        Ok(Built { model, unknown, notes })
    }
}

fn malformed(reason: String) -> TokenizerError {
    TokenizerError::Malformed { file: "tokenizer.json".into(), reason }
}

/// Old files do not say what they are; the fields do.
fn kind<'a>(file: &'a ModelFile) -> &'a str {
    match &file.kind {
        Some(kind) => kind,
        None if file::is_list(file.vocab) => "Unigram",
        None if file.merges.is_some() => "BPE",
        None if file.max_input_chars_per_word.is_some() => "WordPiece",
        None => "WordLevel",
    }
}
