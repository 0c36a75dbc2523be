//! Sentencepiece's BPE: of all neighbours that together are an entry, the pair with the best-scored entry is joined.
//!
//! Source   Kudo & Richardson 2018, "SentencePiece"; bpe_model.cc, as llama.cpp's llm_tokenizer_spm has it
//! Differs  no resampling; entries that the file calls unused are used, as in llama.cpp
//!
//! A file in this form has scores and no list of merges.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use tokenizers::Token;

use super::bpe::byte_tokens;
use super::vocabulary::Vocabulary;

pub(super) struct Spm {
    pub vocabulary: Vocabulary,
    /// Score of each id; finite.
    scores: Vec<f32>,
    unknown: Option<u32>,
    /// Ids of `<0x00>` to `<0xFF>`.
    bytes: Vec<Option<u32>>,
}

/// Two neighbours that may be joined; the greatest is joined first.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Pair {
    score: Score,
    /// The leftmost of equal scores.
    place: Reverse<u32>,
    /// Bytes of both, by which a pair that has changed since is known.
    bytes: u32,
    id: u32,
}

#[derive(Clone, Copy)]
struct Score(f32);

impl PartialEq for Score {
    fn eq(&self, other: &Score) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Score {}

impl PartialOrd for Score {
    fn partial_cmp(&self, other: &Score) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Score {
    fn cmp(&self, other: &Score) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

/// A stretch of the piece, in a list linked by places; without bytes once it has been joined to the one before.
#[derive(Clone, Copy)]
struct Symbol {
    start: u32,
    bytes: u32,
    id: Option<u32>,
    previous: u32,
    next: u32,
}

/// No neighbour on this side.
const NONE: u32 = u32::MAX;

impl Spm {
    /// Scores by id, all finite.
    pub fn new(vocabulary: Vocabulary, mut scores: Vec<f32>, unknown: Option<u32>) -> Spm {
        let bytes = byte_tokens(&vocabulary);
        // The two zeros are one score.
        scores.iter_mut().filter(|score| **score == 0.0).for_each(|score| *score = 0.0);
        Spm { vocabulary, scores, unknown, bytes }
    }

    /// The tokens of a piece, with offsets in it. Fails when a character has neither an entry nor bytes and there is no
    /// unknown token.
    pub fn tokenize(&self, piece: &str) -> Result<Vec<Token>, String> {
        let mut symbols: Vec<Symbol> = Vec::with_capacity(piece.len());
        for (start, character) in piece.char_indices() {
            let bytes = character.len_utf8();
            let place = symbols.len() as u32; // OK to cast, here and below: pieces are below 4 GiB, see `MAX_TEXT_BYTES`.
            symbols.push(Symbol {
                start: start as u32,
                bytes: bytes as u32,
                id: self.vocabulary.id(&piece[start..start + bytes]),
                previous: place.checked_sub(1).unwrap_or(NONE),
                next: if start + bytes == piece.len() { NONE } else { place + 1 },
            });
        }
        self.join(piece, &mut symbols);
        let mut tokens = Vec::new();
        for symbol in symbols.iter().filter(|symbol| symbol.bytes > 0) {
            let (start, end) = (symbol.start as usize, (symbol.start + symbol.bytes) as usize);
            let text = &piece[start..end];
            if let Some(id) = symbol.id {
                tokens.push(Token::new(id, text.into(), (start, end)));
            } else if text.bytes().all(|byte| self.bytes[usize::from(byte)].is_some()) {
                tokens.extend(text.bytes().enumerate().filter_map(|(place, byte)| {
                    let id = self.bytes[usize::from(byte)]?;
                    Some(Token::new(id, format!("<0x{byte:02X}>"), (start + place, start + place + 1)))
                }));
            } else {
                let id = self.unknown.ok_or("a character is unknown, and there is no unknown token")?;
                tokens.push(Token::new(id, self.vocabulary.text(id).unwrap_or_default().into(), (start, end)));
            }
        }
        Ok(tokens)
    }

    fn join(&self, piece: &str, symbols: &mut [Symbol]) {
        let pair = |symbols: &[Symbol], place: u32| {
            let left = symbols[place as usize];
            let right = symbols.get(left.next as usize)?;
            let bytes = left.bytes + right.bytes;
            let id = self.vocabulary.id(&piece[left.start as usize..(left.start + bytes) as usize])?;
            Some(Pair { score: Score(self.scores[id as usize]), place: Reverse(place), bytes, id })
        };
        let places = 0..symbols.len() as u32;
        let mut queue: BinaryHeap<Pair> = places.filter_map(|place| pair(symbols, place)).collect();
        while let Some(best) = queue.pop() {
            let place = best.place.0;
            let left = symbols[place as usize];
            let Some(&right) = symbols.get(left.next as usize) else {
                continue;
            };
            if left.bytes == 0 || left.bytes + right.bytes != best.bytes {
                continue;
            }
            symbols[left.next as usize].bytes = 0;
            symbols[place as usize] = Symbol { bytes: best.bytes, id: Some(best.id), next: right.next, ..left };
            if let Some(after) = symbols.get_mut(right.next as usize) {
                after.previous = place;
            }
            if left.previous != NONE {
                queue.extend(pair(symbols, left.previous));
            }
            queue.extend(pair(symbols, place));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::vocabulary::Twice;
    use super::*;

    /// Oracle: by hand, after sentencepiece's rule.
    #[test]
    fn the_best_score_is_joined_first_and_the_leftmost_of_equals() {
        let entries =
            [("<unk>", 0.0), ("a", -9.0), ("b", -9.0), ("ab", -2.0), ("ba", -1.0), ("aa", -3.0), ("aba", -4.0)];
        let mut vocabulary = Vocabulary::with_capacity(entries.len(), 64);
        for (id, (text, _)) in entries.iter().enumerate() {
            vocabulary.push(text, id as u32, Twice::Refuse).expect("an entry");
        }
        let scores = entries.iter().map(|(_, score)| *score).collect();
        let spm = Spm::new(vocabulary.finish().expect("a vocabulary"), scores, Some(0));
        let ids = |piece: &str| spm.tokenize(piece).expect("ids").iter().map(|token| token.id).collect::<Vec<u32>>();
        assert_eq!(ids("aba"), [6]); // "ba" first, then "a" + "ba"
        assert_eq!(ids("abab"), [6, 2]);
        assert_eq!(ids("aaa"), [5, 1]);
        assert_eq!(ids("aéb"), [1, 0, 2]);
        assert_eq!(ids(""), [0; 0]);
    }
}
