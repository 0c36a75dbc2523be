//! A prompt with a hole: the ids left and right of a token that will be put in as an id.
//!
//! Source   Land & Bartolo 2024: the prompt is encoded with an ordinary word in the token's place, and that word's id
//!          is then replaced. The text around is thus encoded as it would be around a word, and the token is never
//!          encoded again.

use std::collections::BTreeSet;

use super::{TokenClass, Tokenizer, TokenizerError};

/// Placeholder words that are tried before giving up: the first nearly always does, and hundreds of failures mean that
/// the vocabulary has no such words.
pub const MAX_PLACEHOLDERS: usize = 300;

/// Fewest letters of a placeholder. Shorter tokens join their neighbours more easily.
const MIN_LETTERS: usize = 4;

/// Ids before and after the hole, special tokens of the prompt included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Splice {
    pub ids_before: Vec<u32>,
    pub ids_after: Vec<u32>,
    /// The ordinary word that stood in the hole.
    pub placeholder: String,
    pub placeholder_id: u32,
}

/// Ids of a prompt with several holes: the same token stands between any two neighbouring pieces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pieces {
    /// Special tokens of the prompt included; one more than there are holes.
    pub ids: Vec<Vec<u32>>,
    /// The ordinary word that stood in the holes.
    pub placeholder: String,
    pub placeholder_id: u32,
}

impl Tokenizer {
    /// Encodes `before + word + after`, special tokens included, for an ordinary word that keeps to itself there, and
    /// returns the ids on both sides. The word is chosen deterministically: ASCII letters only, at least four, no
    /// leading blank, a single token that round-trips; most distinct letters first, then the longest, then the
    /// lowest id.
    ///
    /// Fails with `Unspellable` when the text has tokens the vocabulary does not know, and with `NoPlaceholder` when no
    /// word comes out of the encoding exactly once.
    pub fn splice(&self, before: &str, after: &str) -> Result<Splice, TokenizerError> {
        self.check_spelling(&[before, after])?;
        self.splice_into(|word| Ok(self.encode(&format!("{before}{word}{after}"), true)?.ids))
    }

    /// The same for any way in which a word becomes part of a prompt.
    pub(super) fn splice_into(
        &self,
        ids_with: impl Fn(&str) -> Result<Vec<u32>, TokenizerError>,
    ) -> Result<Splice, TokenizerError> {
        let Pieces { ids, placeholder, placeholder_id } = self.splice_holes(1, ids_with)?;
        let [ids_before, ids_after] = <[Vec<u32>; 2]>::try_from(ids).expect("OK because one hole makes two pieces");
        Ok(Splice { ids_before, ids_after, placeholder, placeholder_id })
    }

    /// The same for a prompt with any number of holes, between two pieces each: the word is one that comes out of the
    /// encoding exactly as often as there are holes. `special` adds the special tokens that the tokenizer puts around a
    /// text; a rendered chat template brings its own.
    pub fn splice_all(&self, pieces: &[&str], special: bool) -> Result<Pieces, TokenizerError> {
        self.check_spelling(pieces)?;
        let holes = pieces.len().saturating_sub(1);
        self.splice_holes(holes, |word| Ok(self.encode(&pieces.join(word), special)?.ids))
    }

    fn splice_holes(
        &self,
        holes: usize,
        ids_with: impl Fn(&str) -> Result<Vec<u32>, TokenizerError>,
    ) -> Result<Pieces, TokenizerError> {
        let mut words: Vec<(u32, String)> = self
            .ids()
            .filter_map(|id| Some((id, self.token(id)?)))
            .filter(|(_, word)| word.len() >= MIN_LETTERS && word.bytes().all(|byte| byte.is_ascii_alphabetic()))
            .collect();
        words.sort_by_cached_key(|(id, word)| {
            let letters: BTreeSet<u8> = word.bytes().collect();
            (std::cmp::Reverse((letters.len(), word.len())), *id)
        });
        let candidates = words.len();
        let mut tried = 0;
        let mut example = String::new();
        for (id, word) in words.into_iter().take(MAX_PLACEHOLDERS) {
            tried += 1;
            if self.class(id) != TokenClass::Ok || self.token_text(id) != word {
                continue;
            }
            let ids = ids_with(&word)?;
            let found = ids.iter().filter(|other| **other == id).count();
            if found == holes {
                let ids = ids.split(|other| *other == id).map(<[u32]>::to_vec).collect();
                return Ok(Pieces { ids, placeholder: word, placeholder_id: id });
            }
            if example.is_empty() {
                let shown: Vec<u32> = ids.iter().copied().take(64).collect();
                example =
                    format!("; {word:?} (id {id}) occurs {found} times, expected {holes}, among the ids {shown:?}");
            }
        }
        Err(TokenizerError::NoPlaceholder { candidates, tried, example })
    }

    /// Every part of the text is known to the vocabulary.
    pub(super) fn check_spelling(&self, texts: &[&str]) -> Result<(), TokenizerError> {
        let (mut unknown, mut total) = (0, 0);
        for text in texts.iter().filter(|text| !text.is_empty()) {
            match self.encode(text, false) {
                Ok(encoding) => {
                    total += encoding.ids.len();
                    unknown += encoding.ids.iter().filter(|id| Some(**id) == self.unknown_id()).count();
                }
                // A vocabulary of whole words without a token for the unknown: count the pieces it lacks.
                Err(error) => {
                    let (lacking, pieces) = self.pipeline.count_unknown_pieces(text);
                    if lacking == 0 {
                        return Err(error);
                    }
                    unknown += lacking;
                    total += pieces;
                }
            }
        }
        if unknown > 0 || (total == 0 && texts.iter().any(|text| !text.trim().is_empty())) {
            return Err(TokenizerError::Unspellable {
                unknown,
                total,
                text: texts.concat().chars().take(60).collect(),
            });
        }
        Ok(())
    }
}
