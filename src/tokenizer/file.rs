//! `tokenizer.json` as it is written, with limits: vocabulary, merges, added tokens, and the other steps as values.
//!
//! The `tokenizers` crate could read the file itself, but it copies the model several times on the way and believes
//! what it reads. Here the vocabulary goes straight into the map that the crate will own.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use tokenizers::models::bpe;

use super::TokenizerError;
use crate::checkpoint::json::Bounded;

/// Largest `tokenizer.json` that is read; it is read whole. The largest published ones have 35 MB.
pub const MAX_TOKENIZER_BYTES: u64 = 64 << 20;

/// Largest `tokenizer_config.json`. Published ones have up to 2 MB, most of it repeated added tokens.
pub const MAX_TOKENIZER_CONFIG_BYTES: u64 = 16 << 20;

/// Ids are below this. The largest published vocabularies have 262,144 entries.
pub const MAX_VOCABULARY: usize = 1 << 20;

/// Most values in one of the steps around the model. Published ones have up to some hundreds.
const MAX_PART_VALUES: usize = 4096;

#[derive(Deserialize)]
pub(super) struct File {
    pub model: ModelFile,
    #[serde(default)]
    pub added_tokens: Vec<AddedTokenFile>,
    #[serde(default)]
    pub normalizer: Part,
    #[serde(default)]
    pub pre_tokenizer: Part,
    #[serde(default)]
    pub post_processor: Part,
    #[serde(default)]
    pub decoder: Part,
}

#[derive(Deserialize)]
pub(super) struct ModelFile {
    #[serde(rename = "type")]
    pub kind: Option<String>,
    pub vocab: VocabularyFile,
    #[serde(default)]
    pub merges: Option<MergesFile>,
    pub unk_token: Option<String>,
    pub unk_id: Option<usize>,
    pub byte_fallback: Option<bool>,
    pub dropout: Option<f64>,
    pub continuing_subword_prefix: Option<String>,
    pub end_of_word_suffix: Option<String>,
    pub fuse_unk: Option<bool>,
    pub ignore_merges: Option<bool>,
    pub max_input_chars_per_word: Option<usize>,
}

#[derive(Deserialize)]
pub(super) struct AddedTokenFile {
    pub id: u64,
    pub content: String,
    #[serde(default)]
    pub single_word: bool,
    #[serde(default)]
    pub lstrip: bool,
    #[serde(default)]
    pub rstrip: bool,
    #[serde(default)]
    pub normalized: bool,
    #[serde(default)]
    pub special: bool,
}

/// Entries with their ids, or in order with their scores (Unigram).
pub(super) enum VocabularyFile {
    Ids(bpe::Vocab),
    Scores(Vec<(String, f64)>),
}

/// Pairs that BPE merges, best first.
pub(super) struct MergesFile(pub bpe::Merges);

/// One of the steps around the model.
#[derive(Default)]
pub(super) struct Part(pub Option<Value>);

impl File {
    pub fn parse(json: &[u8]) -> Result<File, TokenizerError> {
        serde_json::from_slice(json)
            .map_err(|error| TokenizerError::Malformed { file: "tokenizer.json".into(), reason: error.to_string() })
    }
}

impl<'de> Deserialize<'de> for Part {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        let mut left = MAX_PART_VALUES;
        let value = Bounded { left: &mut left }.deserialize(reader)?;
        Ok(Part((!value.is_null()).then_some(value)))
    }
}

impl<'de> Deserialize<'de> for VocabularyFile {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        struct VocabularyVisitor;
        impl<'de> Visitor<'de> for VocabularyVisitor {
            type Value = VocabularyFile;

            fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
                formatter.write_str("a vocabulary: tokens with ids, or a list of tokens with scores")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<VocabularyFile, A::Error> {
                let mut vocabulary = bpe::Vocab::default();
                while let Some((token, id)) = map.next_entry::<String, u64>()? {
                    let id = u32::try_from(id).ok().filter(|&id| (id as usize) < MAX_VOCABULARY).ok_or_else(|| {
                        A::Error::custom(format!("{token:?} has id {id}, the limit is {MAX_VOCABULARY}"))
                    })?;
                    if let Some(other) = vocabulary.get(&token) {
                        return Err(A::Error::custom(format!("{token:?} occurs twice, as {other} and as {id}")));
                    }
                    vocabulary.insert(token, id);
                }
                Ok(VocabularyFile::Ids(vocabulary))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<VocabularyFile, A::Error> {
                let mut vocabulary = Vec::new();
                while let Some((token, score)) = items.next_element::<(String, f64)>()? {
                    if vocabulary.len() == MAX_VOCABULARY {
                        return Err(A::Error::custom(format!("more than {MAX_VOCABULARY} tokens")));
                    }
                    vocabulary.push((token, score));
                }
                Ok(VocabularyFile::Scores(vocabulary))
            }
        }
        reader.deserialize_any(VocabularyVisitor)
    }
}

impl<'de> Deserialize<'de> for MergesFile {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        struct MergesVisitor;
        impl<'de> Visitor<'de> for MergesVisitor {
            type Value = MergesFile;

            fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
                formatter.write_str("a list of merges")
            }

            fn visit_unit<E>(self) -> Result<MergesFile, E> {
                Ok(MergesFile(Vec::new()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<MergesFile, A::Error> {
                let mut merges = Vec::new();
                while let Some(Merge(left, right)) = items.next_element()? {
                    merges.push((left, right));
                }
                Ok(MergesFile(merges))
            }
        }
        reader.deserialize_any(MergesVisitor)
    }
}

/// `"a b"` in older files, `["a", "b"]` in newer ones.
struct Merge(String, String);

impl<'de> Deserialize<'de> for Merge {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        struct MergeVisitor;
        impl<'de> Visitor<'de> for MergeVisitor {
            type Value = Merge;

            fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
                formatter.write_str("a merge: two tokens")
            }

            fn visit_str<E: Error>(self, line: &str) -> Result<Merge, E> {
                match line.split_once(' ') {
                    Some((left, right)) if !right.contains(' ') => Ok(Merge(left.into(), right.into())),
                    _ => Err(E::custom(format!("{line:?} is no merge: two tokens with one blank between"))),
                }
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Merge, A::Error> {
                let too_few = || A::Error::custom("a merge has fewer than two tokens");
                let left = items.next_element()?.ok_or_else(too_few)?;
                let right = items.next_element()?.ok_or_else(too_few)?;
                match items.next_element::<Cow<str>>()? {
                    None => Ok(Merge(left, right)),
                    Some(_) => Err(A::Error::custom("a merge has more than two tokens")),
                }
            }
        }
        reader.deserialize_any(MergeVisitor)
    }
}

/// What is wanted of `tokenizer_config.json`; the rest, often large, is skipped.
#[derive(Default, Deserialize)]
pub(super) struct ConfigFile {
    #[serde(default)]
    pub bos_token: Option<NamedToken>,
    #[serde(default)]
    pub eos_token: Option<NamedToken>,
    #[serde(default)]
    pub add_bos_token: Option<bool>,
}

/// `"<s>"`, or `{"content": "<s>", …}` in older files.
pub(super) struct NamedToken(pub String);

impl<'de> Deserialize<'de> for NamedToken {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Name(String),
            Token { content: String },
        }
        Ok(NamedToken(match Written::deserialize(reader)? {
            Written::Name(name) => name,
            Written::Token { content } => content,
        }))
    }
}
