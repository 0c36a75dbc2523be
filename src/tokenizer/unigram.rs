//! Unigram: of all ways to cut a piece into entries, the one with the highest sum of scores.
//!
//! Source   Kudo 2018, "Subword Regularization"; sentencepiece's unigram_model.cc (EncodeOptimized), byte fallback and
//!          unknown tokens as in `tokenizers` 0.23, models/unigram
//! Differs  the prefixes of a text are found in a sorted list instead of a trie of hash tables

use tokenizers::Token;

use super::bpe::byte_tokens;
use super::sorted::SortedTexts;
use super::vocabulary::Vocabulary;

/// What an unknown character costs beyond the lowest score.
const UNKNOWN_PENALTY: f64 = 10.0;

/// Longest entry, in bytes. Every place of a text is compared with entries of up to this length.
pub(super) const MAX_UNIGRAM_BYTES: usize = 1024;

pub(super) struct Unigram {
    pub vocabulary: Vocabulary,
    /// Score of each id.
    scores: Vec<f64>,
    lowest: f64,
    /// Ids in the order of their texts.
    sorted: SortedTexts,
    unknown: Option<u32>,
    /// Ids of `<0x00>` to `<0xFF>`; empty without byte fallback.
    bytes: Vec<Option<u32>>,
}

/// The best way to reach a place of the text.
#[derive(Clone, Copy)]
struct Best {
    id: u32,
    score: f64,
    /// Where its last entry begins; `None` when no way is known.
    start: Option<usize>,
}

impl Unigram {
    /// Scores by id. `unknown` is an id of the vocabulary.
    pub fn new(vocabulary: Vocabulary, scores: Vec<f64>, unknown: Option<u32>, byte_fallback: bool) -> Unigram {
        let sorted = SortedTexts::new(scores.len(), |id| vocabulary.text(id).unwrap_or_default().as_bytes());
        let bytes = if byte_fallback { byte_tokens(&vocabulary) } else { Vec::new() };
        let lowest = scores.iter().copied().fold(f64::INFINITY, f64::min);
        Unigram { vocabulary, scores, lowest, sorted, unknown, bytes }
    }

    /// The tokens of a piece, with offsets in it. Fails when a character is unknown and there is no unknown token.
    pub fn tokenize(&self, piece: &str) -> Result<Vec<Token>, String> {
        let mut tokens = Vec::new();
        for (start, end) in self.cut(piece)? {
            let text = &piece[start..end];
            if let Some(id) = self.vocabulary.id(text) {
                tokens.push(Token::new(id, text.into(), (start, end)));
            } else if !self.bytes.is_empty() && text.bytes().all(|byte| self.bytes[usize::from(byte)].is_some()) {
                tokens.extend(text.bytes().filter_map(|byte| {
                    let id = self.bytes[usize::from(byte)]?;
                    Some(Token::new(id, format!("<0x{byte:02X}>"), (start, end)))
                }));
            } else {
                tokens.push(Token::new(self.unknown()?, text.into(), (start, end)));
            }
        }
        Ok(tokens)
    }

    fn unknown(&self) -> Result<u32, String> {
        self.unknown.ok_or_else(|| "a character is unknown, and unk_id is missing".into())
    }

    /// Starts and ends of the entries of the best cut; unknown characters in a row are one.
    fn cut(&self, piece: &str) -> Result<Vec<(usize, usize)>, String> {
        let mut best = vec![Best { id: 0, score: 0.0, start: None }; piece.len() + 1];
        for (start, character) in piece.char_indices() {
            let so_far = best[start].score;
            let mut reach = |end: usize, id: u32, score: f64| {
                let target = &mut best[end];
                if target.start.is_none() || score > target.score {
                    *target = Best { id, score, start: Some(start) };
                }
            };
            let mut single = false;
            let text = |id: u32| self.vocabulary.text(id).unwrap_or_default().as_bytes();
            self.sorted.prefixes(&piece.as_bytes()[start..], text, |id, bytes| {
                reach(start + bytes, id, self.scores[id as usize] + so_far);
                single |= bytes == character.len_utf8();
            });
            if !single {
                let end = start + character.len_utf8();
                let score = self.lowest - UNKNOWN_PENALTY + so_far;
                // Asked for only where it would be taken.
                if best[end].start.is_none() || score > best[end].score {
                    best[end] = Best { id: self.unknown()?, score, start: Some(start) };
                }
            }
        }
        let mut parts: Vec<(usize, usize)> = Vec::new();
        let mut end = piece.len();
        let mut unknown_before = false;
        while end > 0 {
            let Some(start) = best[end].start else {
                break; // Not reached: every character has a way to its end.
            };
            let is_unknown = Some(best[end].id) == self.unknown;
            match parts.last_mut() {
                Some(part) if is_unknown && unknown_before => part.0 = start,
                _ => parts.push((start, end)),
            }
            unknown_before = is_unknown;
            end = start;
        }
        parts.reverse();
        Ok(parts)
    }
}
