//! `tokenizer.json` as it is written, with limits: vocabulary, merges, added tokens, and the other steps as values.
//!
//! The long lists are walked twice where they stand: once to count, once to fill tables of exactly the right size. So
//! reading takes what the tables take, and no tree or list of strings besides.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json::value::RawValue;

use super::TokenizerError;
use super::added::{Declared, Flags};
use super::chat_template::TemplateField;
use super::merges::Merges;
use super::vocabulary::{MAX_VOCABULARY, Twice, Vocabulary, shortened};
use crate::checkpoint::json::Bounded;

/// Largest `tokenizer.json` that is read; it is read whole. The largest published ones have 35 MB.
pub const MAX_TOKENIZER_BYTES: u64 = 64 << 20;

/// Largest `tokenizer_config.json`. Published ones have up to 2 MB, most of it repeated added tokens.
pub const MAX_TOKENIZER_CONFIG_BYTES: u64 = 16 << 20;

/// Most values in one of the steps around the model. Published ones have up to some hundreds.
const MAX_PART_VALUES: usize = 4096;

#[derive(Deserialize)]
pub(super) struct File<'a> {
    #[serde(borrow)]
    pub model: ModelFile<'a>,
    #[serde(borrow)]
    pub added_tokens: Option<&'a RawValue>,
    #[serde(borrow)]
    pub normalizer: Option<&'a RawValue>,
    #[serde(borrow)]
    pub pre_tokenizer: Option<&'a RawValue>,
    #[serde(borrow)]
    pub post_processor: Option<&'a RawValue>,
    #[serde(borrow)]
    pub decoder: Option<&'a RawValue>,
}

#[derive(Deserialize)]
pub(super) struct ModelFile<'a> {
    #[serde(rename = "type")]
    pub kind: Option<String>,
    #[serde(borrow)]
    pub vocab: &'a RawValue,
    #[serde(borrow)]
    pub merges: Option<&'a RawValue>,
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
struct AddedTokenFile<'a> {
    id: u64,
    #[serde(borrow)]
    content: Cow<'a, str>,
    #[serde(default)]
    single_word: bool,
    #[serde(default)]
    lstrip: bool,
    #[serde(default)]
    rstrip: bool,
    #[serde(default)]
    normalized: bool,
    #[serde(default)]
    special: bool,
}

impl<'a> File<'a> {
    pub fn parse(json: &'a [u8]) -> Result<File<'a>, TokenizerError> {
        serde_json::from_slice(json).map_err(|error| malformed(&error.to_string()))
    }
}

/// One of the steps around the model as a value; `None` when it is null or absent.
pub(super) fn part(raw: Option<&RawValue>) -> Result<Option<Value>, TokenizerError> {
    let Some(raw) = raw else {
        return Ok(None);
    };
    let mut left = MAX_PART_VALUES;
    walk(raw, Bounded { left: &mut left }).map(|value| (!value.is_null()).then_some(value))
}

/// Whether a vocabulary is a list, as Unigram's, and no map.
pub(super) fn is_list(raw: &RawValue) -> bool {
    raw.get().trim_start().starts_with('[')
}

/// Tokens with their ids.
pub(super) fn vocabulary(raw: &RawValue) -> Result<Vocabulary, TokenizerError> {
    let mut size = Size::default();
    walk(raw, Entries(&mut |text: &str, _| size.add(text)))?;
    let mut vocabulary = Vocabulary::with_capacity(size.entries, size.bytes);
    walk(
        raw,
        Entries(&mut |text: &str, id| {
            let id = u32::try_from(id)
                .map_err(|_| format!("{:?} has id {id}, the limit is {MAX_VOCABULARY}", shortened(text)))?;
            vocabulary.push(text, id, Twice::Refuse)
        }),
    )?;
    vocabulary.finish().map_err(|reason| malformed(&reason))
}

/// Tokens in the order of their ids, with their scores. Of a token that comes twice the last id counts.
pub(super) fn scored_vocabulary(raw: &RawValue, longest: usize) -> Result<(Vocabulary, Vec<f64>), TokenizerError> {
    let mut size = Size::default();
    walk(raw, Pieces(&mut |text: &str, _| size.add(text)))?;
    let mut vocabulary = Vocabulary::with_capacity(size.entries, size.bytes);
    let mut scores = Vec::with_capacity(size.entries);
    walk(
        raw,
        Pieces(&mut |text: &str, score: f64| {
            let id = scores.len();
            if text.is_empty() || text.len() > longest || !score.is_finite() {
                return Err(format!(
                    "entry {id} is {:?} of {} bytes with score {score}; the limit is {longest} bytes",
                    shortened(text),
                    text.len()
                ));
            }
            scores.push(score);
            vocabulary.push(text, id as u32, Twice::LastCounts) // OK to cast: `Size::add` has counted.
        }),
    )?;
    Ok((vocabulary.finish().map_err(|reason| malformed(&reason))?, scores))
}

/// Pairs that BPE merges, best first. Both halves and the whole are entries; the right half begins with `prefix`, which
/// is left out of the whole.
pub(super) fn merges(raw: Option<&RawValue>, prefix: &str, vocabulary: &Vocabulary) -> Result<Merges, TokenizerError> {
    let Some(raw) = raw else {
        return Ok(Merges::default());
    };
    let mut count = 0;
    // Only what is a merge is counted: a list of digits would ask for eight times its size.
    let mut add = |_: &str, _: &str| {
        count += 1;
        Ok(())
    };
    walk(raw, MergeList(&mut add))?;
    let mut merges = Merges::with_capacity(count);
    let mut spelled = String::new();
    let mut rank = 0;
    walk(
        raw,
        MergeList(&mut |left: &str, right: &str| {
            let (left_id, right_id, whole_id) = merge_ids(left, right, prefix, vocabulary, &mut spelled)
                .map_err(|reason| format!("merge {rank}, {:?} + {:?}, {reason}", shortened(left), shortened(right)))?;
            rank += 1;
            merges.push(left_id, right_id, whole_id)
        }),
    )?;
    Ok(merges)
}

/// Ids of both halves and of the whole.
pub(super) fn merge_ids(
    left: &str,
    right: &str,
    prefix: &str,
    vocabulary: &Vocabulary,
    spelled: &mut String,
) -> Result<(u32, u32, u32), String> {
    let rest = right.strip_prefix(prefix).ok_or_else(|| format!("lacks the prefix {:?}", shortened(prefix)))?;
    let id = |token: &str| {
        let missing = || format!("needs {:?}, which the vocabulary has not", shortened(token));
        vocabulary.id(token).ok_or_else(missing)
    };
    let (left_id, right_id) = (id(left)?, id(right)?);
    spelled.clear();
    spelled.push_str(left);
    spelled.push_str(rest);
    Ok((left_id, right_id, id(spelled)?))
}

/// Added tokens in the order of the file.
pub(super) fn added_tokens(raw: Option<&RawValue>) -> Result<Declared, TokenizerError> {
    let Some(raw) = raw else {
        return Ok(Declared::default());
    };
    let mut size = Size::default();
    walk(raw, AddedList(&mut |token: AddedTokenFile| size.add(&token.content)))?;
    let mut declared = Declared::with_capacity(size.entries, size.bytes);
    walk(
        raw,
        AddedList(&mut |token: AddedTokenFile| {
            let flags = Flags {
                single_word: token.single_word,
                lstrip: token.lstrip,
                rstrip: token.rstrip,
                normalized: token.normalized,
                special: token.special,
            };
            declared.push(&token.content, token.id, flags)
        }),
    )?;
    Ok(declared)
}

fn malformed(reason: &str) -> TokenizerError {
    TokenizerError::Malformed { file: "tokenizer.json".into(), reason: reason.into() }
}

fn walk<'de, S: DeserializeSeed<'de>>(raw: &'de RawValue, seed: S) -> Result<S::Value, TokenizerError> {
    let mut reader = serde_json::Deserializer::from_str(raw.get());
    seed.deserialize(&mut reader).map_err(|error| malformed(&error.to_string()))
}

/// Room that a list of texts takes.
#[derive(Default)]
struct Size {
    entries: usize,
    bytes: usize,
}

impl Size {
    fn add(&mut self, text: &str) -> Result<(), String> {
        self.entries += 1;
        self.bytes += text.len();
        match self.entries > MAX_VOCABULARY {
            true => Err(format!("more than {MAX_VOCABULARY} tokens")),
            false => Ok(()),
        }
    }
}

/// Calls its function with every token and id of a map.
struct Entries<'f>(&'f mut dyn FnMut(&str, u64) -> Result<(), String>);

impl<'de> DeserializeSeed<'de> for Entries<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        reader.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Entries<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str("a vocabulary: tokens with ids, or a list of tokens with scores")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(text) = map.next_key::<Borrowed>()? {
            let id = map.next_value()?;
            (self.0)(&text.0, id).map_err(A::Error::custom)?;
        }
        Ok(())
    }
}

/// A text that stays in the file where it has no escapes.
#[derive(Deserialize)]
struct Borrowed<'a>(#[serde(borrow)] Cow<'a, str>);

/// Calls its function with every token and score of a list of pairs.
struct Pieces<'f>(&'f mut dyn FnMut(&str, f64) -> Result<(), String>);

impl<'de> DeserializeSeed<'de> for Pieces<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        reader.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Pieces<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str("a list of tokens with scores")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while let Some((text, score)) = items.next_element::<(Borrowed, f64)>()? {
            (self.0)(&text.0, score).map_err(A::Error::custom)?;
        }
        Ok(())
    }
}

/// Calls its function with both halves of every merge: `"a b"` in older files, `["a", "b"]` in newer ones.
struct MergeList<'f>(&'f mut dyn FnMut(&str, &str) -> Result<(), String>);

impl<'de> DeserializeSeed<'de> for MergeList<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        reader.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for MergeList<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str("a list of merges")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while items.next_element_seed(Merge(&mut *self.0))?.is_some() {}
        Ok(())
    }
}

struct Merge<'f>(&'f mut dyn FnMut(&str, &str) -> Result<(), String>);

impl<'de> DeserializeSeed<'de> for Merge<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Merge<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str("a merge: two tokens")
    }

    fn visit_str<E: Error>(self, line: &str) -> Result<(), E> {
        match line.split_once(' ') {
            Some((left, right)) if !right.contains(' ') => (self.0)(left, right).map_err(E::custom),
            _ => Err(E::custom(format!("{:?} is no merge: two tokens with one blank between", shortened(line)))),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let too_few = || A::Error::custom("a merge has fewer than two tokens");
        let left = items.next_element::<Borrowed>()?.ok_or_else(too_few)?;
        let right = items.next_element::<Borrowed>()?.ok_or_else(too_few)?;
        match items.next_element::<IgnoredAny>()? {
            None => (self.0)(&left.0, &right.0).map_err(A::Error::custom),
            Some(_) => Err(A::Error::custom("a merge has more than two tokens")),
        }
    }
}

/// Calls its function with every added token.
struct AddedList<'f>(&'f mut dyn FnMut(AddedTokenFile) -> Result<(), String>);

impl<'de> DeserializeSeed<'de> for AddedList<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        reader.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for AddedList<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str("a list of added tokens")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while let Some(token) = items.next_element::<AddedTokenFile>()? {
            (self.0)(token).map_err(A::Error::custom)?;
        }
        Ok(())
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
    #[serde(default)]
    pub chat_template: Option<TemplateField>,
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
