//! Byte-pair encoding of a piece of text: its characters, merged pair by pair, the best-ranked pair first.
//!
//! Source   Sennrich, Haddow & Birch 2016, "Neural Machine Translation of Rare Words with Subword Units"; the order of
//!          merges, byte fallback and unknown tokens as in `tokenizers` 0.23, models/bpe
//! Differs  no dropout; the vocabulary and the merges are dense tables

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::sync::Mutex;

use tokenizers::Token;

use super::merges::Merges;
use super::vocabulary::Vocabulary;

/// Pieces whose tokens are remembered. Words repeat; ten thousand cover nine tenths of ordinary text.
const CACHED_PIECES: usize = 10_000;

/// Longest piece that is remembered, in bytes: longer ones hardly come again.
const CACHED_BYTES: usize = 64;

/// What a `tokenizer.json` says about its BPE model, beside vocabulary and merges.
#[derive(Debug, Default)]
pub(super) struct BpeOptions {
    pub unk_token: Option<String>,
    /// In front of every character but the first of a piece.
    pub continuing_subword_prefix: Option<String>,
    /// Behind the last character of a piece.
    pub end_of_word_suffix: Option<String>,
    /// Several unknown characters in a row are one token.
    pub fuse_unk: bool,
    /// Unknown characters are spelled with the tokens `<0x00>` to `<0xFF>` where these are there.
    pub byte_fallback: bool,
    /// A piece that is an entry is that token, whatever the merges say.
    pub ignore_merges: bool,
}

/// A token of a piece: its id and how many bytes of the piece it stands for.
type Symbols = Box<[(u32, u32)]>;

pub(super) struct Bpe {
    pub vocabulary: Vocabulary,
    merges: Merges,
    options: BpeOptions,
    unknown: Option<u32>,
    /// Ids of `<0x00>` to `<0xFF>`.
    bytes: Vec<Option<u32>>,
    /// Never waited for: whoever finds it taken does without.
    cache: Mutex<HashMap<Box<str>, Symbols>>,
}

/// One symbol of a piece while it is merged: a list linked by places.
#[derive(Clone, Copy)]
struct Symbol {
    id: u32,
    /// Bytes of the piece; 0 once it has been merged into the one before.
    bytes: u32,
    previous: u32,
    next: u32,
}

/// No neighbour on this side.
const NONE: u32 = u32::MAX;

impl Bpe {
    pub fn new(vocabulary: Vocabulary, merges: Merges, options: BpeOptions) -> Bpe {
        let bytes = match options.byte_fallback {
            true => byte_tokens(&vocabulary),
            false => Vec::new(),
        };
        let unknown = options.unk_token.as_deref().and_then(|token| vocabulary.id(token));
        Bpe { vocabulary, merges, options, unknown, bytes, cache: Mutex::default() }
    }

    /// The tokens of a piece, with offsets in it. Fails when a character needs an unknown token that is named but not
    /// in the vocabulary.
    pub fn tokenize(&self, piece: &str) -> Result<Vec<Token>, String> {
        if self.options.ignore_merges
            && let Some(id) = self.vocabulary.id(piece)
        {
            return Ok(vec![Token::new(id, piece.into(), (0, piece.len()))]);
        }
        let remembered = piece.len() <= CACHED_BYTES;
        if remembered
            && let Ok(cache) = self.cache.try_lock()
            && let Some(symbols) = cache.get(piece)
        {
            return Ok(self.tokens(symbols));
        }
        let mut symbols = self.characters(piece)?;
        self.merge(&mut symbols, |_| {});
        let symbols: Symbols =
            symbols.iter().filter(|symbol| symbol.bytes > 0).map(|symbol| (symbol.id, symbol.bytes)).collect();
        let tokens = self.tokens(&symbols);
        if remembered && let Ok(mut cache) = self.cache.try_lock() {
            // Starting again costs less than keeping count of what is used.
            if cache.len() >= CACHED_PIECES {
                cache.clear();
            }
            cache.insert(piece.into(), symbols);
        }
        Ok(tokens)
    }

    /// Appends the ids of a piece, which is not remembered.
    pub fn ids(&self, piece: &str, ids: &mut Vec<u32>) -> Result<(), String> {
        if self.options.ignore_merges
            && let Some(id) = self.vocabulary.id(piece)
        {
            ids.push(id);
            return Ok(());
        }
        let mut symbols = self.characters(piece)?;
        self.merge(&mut symbols, |_| {});
        ids.extend(symbols.iter().filter(|symbol| symbol.bytes > 0).map(|symbol| symbol.id));
        Ok(())
    }

    /// The tokens that merges make of a piece, one after the other.
    pub fn derivation(&self, piece: &str) -> Vec<u32> {
        let mut made = Vec::new();
        if let Ok(mut symbols) = self.characters(piece) {
            self.merge(&mut symbols, |id| made.push(id));
        }
        made
    }

    /// Entries spell what they stand for, without marks at the ends of words.
    pub fn entries_are_text(&self) -> bool {
        let is_empty = |mark: &Option<String>| mark.as_deref().unwrap_or("").is_empty();
        is_empty(&self.options.continuing_subword_prefix) && is_empty(&self.options.end_of_word_suffix)
    }

    fn tokens(&self, symbols: &[(u32, u32)]) -> Vec<Token> {
        let mut end = 0;
        symbols
            .iter()
            .map(|&(id, bytes)| {
                let start = end;
                end += bytes as usize;
                Token::new(id, self.vocabulary.text(id).unwrap_or_default().into(), (start, end))
            })
            .collect()
    }

    /// The piece's characters as tokens.
    fn characters(&self, piece: &str) -> Result<Vec<Symbol>, String> {
        let mut symbols: Vec<Symbol> = Vec::with_capacity(piece.len());
        let mut push = |id: u32, bytes: usize| {
            let place = symbols.len() as u32; // OK to cast: pieces are below 4 GiB, see `MAX_TEXT_BYTES`.
            if let Some(last) = symbols.last_mut() {
                last.next = place;
            }
            let previous = place.checked_sub(1).unwrap_or(NONE);
            symbols.push(Symbol { id, bytes: bytes as u32, previous, next: NONE }); // OK to cast: likewise.
        };
        let prefix = self.options.continuing_subword_prefix.as_deref().unwrap_or("");
        let suffix = self.options.end_of_word_suffix.as_deref().unwrap_or("");
        let mut spelled = String::new();
        // Bytes of an unknown token that waits for its neighbours.
        let mut unknown: Option<usize> = None;
        for (start, character) in piece.char_indices() {
            let bytes = character.len_utf8();
            let (is_first, is_last) = (start == 0, start + bytes == piece.len());
            let text = if (is_first || prefix.is_empty()) && (!is_last || suffix.is_empty()) {
                &piece[start..start + bytes]
            } else {
                spelled.clear();
                spelled.push_str(if is_first { "" } else { prefix });
                spelled.push(character);
                spelled.push_str(if is_last { suffix } else { "" });
                &spelled
            };
            if let Some(id) = self.vocabulary.id(text) {
                if let Some(bytes) = unknown.take() {
                    push(self.unknown_id()?, bytes);
                }
                push(id, bytes);
                continue;
            }
            if self.options.byte_fallback && text.bytes().all(|byte| self.bytes[usize::from(byte)].is_some()) {
                // An unknown token that waits comes behind these bytes, as in the reference.
                text.bytes().filter_map(|byte| self.bytes[usize::from(byte)]).for_each(|id| push(id, 1));
                continue;
            }
            if self.options.unk_token.is_some() {
                let id = self.unknown_id()?;
                unknown = match unknown {
                    Some(before) if self.options.fuse_unk => Some(before + bytes),
                    Some(before) => {
                        push(id, before);
                        Some(bytes)
                    }
                    None => Some(bytes),
                };
            }
        }
        if let Some(bytes) = unknown {
            push(self.unknown_id()?, bytes);
        }
        Ok(symbols)
    }

    fn unknown_id(&self) -> Result<u32, String> {
        self.unknown.ok_or_else(|| {
            let name = self.options.unk_token.as_deref().unwrap_or_default();
            format!("the unknown token {:?} is not in the vocabulary", super::vocabulary::shortened(name))
        })
    }

    /// Merges in the order of (rank, place). A heap makes it n log n: one piece may be a whole text.
    fn merge(&self, symbols: &mut [Symbol], mut tell: impl FnMut(u32)) {
        let ranked = |symbols: &[Symbol], place: u32| {
            let left = symbols[place as usize];
            let right = symbols.get(left.next as usize)?;
            let rank = self.merges.rank(left.id, right.id)?;
            Some(Reverse(u64::from(rank) << 32 | u64::from(place)))
        };
        let places = 0..symbols.len() as u32; // OK to cast: see `characters`.
        let mut queue: BinaryHeap<Reverse<u64>> = places.filter_map(|place| ranked(symbols, place)).collect();
        while let Some(Reverse(best)) = queue.pop() {
            let (rank, place) = ((best >> 32) as u32, best as u32); // The two halves that were put together above.
            let left = symbols[place as usize];
            if left.bytes == 0 || left.next == NONE {
                continue;
            }
            let right = symbols[left.next as usize];
            let made = self.merges.made(rank);
            // The pair may have changed since it was queued.
            if self.merges.rank(left.id, right.id).is_none_or(|rank| self.merges.made(rank) != made) {
                continue;
            }
            tell(made);
            symbols[left.next as usize].bytes = 0;
            symbols[place as usize] =
                Symbol { id: made, bytes: left.bytes + right.bytes, previous: left.previous, next: right.next };
            if let Some(after) = symbols.get_mut(right.next as usize) {
                after.previous = place;
            }
            if left.previous != NONE {
                queue.extend(ranked(symbols, left.previous));
            }
            queue.extend(ranked(symbols, place));
        }
    }
}

/// Ids of `<0x00>` to `<0xFF>`.
pub(super) fn byte_tokens(vocabulary: &Vocabulary) -> Vec<Option<u32>> {
    (0..=255_u8).map(|byte| vocabulary.id(&format!("<0x{byte:02X}>"))).collect()
}
