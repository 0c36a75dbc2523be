//! The short way from a text to ids, for byte-level BPE whose splitting expression is known.
//!
//! A text is cut at its added tokens, each part into pieces, and the ids of short pieces are remembered. Nothing is
//! allocated for a piece that is known, and no offsets are kept; whoever wants these takes the long way.

use std::sync::Mutex;

use serde_json::Value;
use unicode_normalization::{IsNormalized, is_nfc_quick};

use super::added::{AddedTokens, Form};
use super::bpe::Bpe;
use super::characters::Characters;
use super::model::Model;
use super::spelling::char_of_byte;
use super::splitter::Splitter;

/// Longest piece that is remembered, in bytes, and most ids of one: a word of most scripts.
const PIECE_BYTES: usize = 31;
const PIECE_IDS: usize = 8;

/// Pieces that are remembered: 2 MB. A piece takes the place of another with which it shares a slot.
const SLOTS: usize = 1 << 15;

/// The texts that the normalizer in front leaves as they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Normal {
    Any,
    /// Texts that are not in NFC take the long way.
    Nfc,
}

pub(super) struct ByteLevel {
    splitter: Splitter,
    normal: Normal,
    alphabet: [char; 256],
    /// Never waited for: whoever finds it taken does without.
    cache: Mutex<Cache>,
}

#[derive(Clone, Copy)]
struct Remembered {
    /// 0 for a slot that is free: no piece is empty.
    bytes: u8,
    n_ids: u8,
    piece: [u8; PIECE_BYTES],
    ids: [u32; PIECE_IDS],
}

/// Made with the first text.
#[derive(Default)]
struct Cache {
    slots: Vec<Remembered>,
}

impl ByteLevel {
    /// `None` where the steps are not the known ones, and where a byte has no entry of its own: then bytes can be unknown,
    /// which is the long way's business.
    pub fn new(normalizer: Option<&Value>, pre_tokenizer: Option<&Value>, model: &Model) -> Option<ByteLevel> {
        let Model::Bpe(bpe) = model else { return None };
        let splitter = Splitter::of(pre_tokenizer)?;
        let normal = match normalizer {
            None => Normal::Any,
            Some(part) if part["type"] == "NFC" => Normal::Nfc,
            Some(_) => return None,
        };
        let alphabet: [char; 256] = std::array::from_fn(|byte| char_of_byte(byte as u8)); // OK to cast: below 256.
        let mut buffer = [0; 4];
        let all = alphabet.iter().all(|character| bpe.vocabulary.id(character.encode_utf8(&mut buffer)).is_some());
        let plain = bpe.entries_are_text();
        (all && plain).then(|| ByteLevel { splitter, normal, alphabet, cache: Mutex::default() })
    }

    /// Appends the ids of the text; false when the text has to take the long way, and nothing is appended.
    pub fn encode(&self, text: &str, added: &AddedTokens, bpe: &Bpe, ids: &mut Vec<u32>) -> Result<bool, String> {
        if self.normal == Normal::Nfc && !text.is_ascii() && is_nfc_quick(text.chars()) != IsNormalized::Yes {
            return Ok(false);
        }
        let mut lock = self.cache.try_lock().ok();
        let cache = lock.as_deref_mut();
        let mut encoder = Encoder { of: self, bpe, characters: Characters::get(), cache, spelled: String::new() };
        if !added.looks_at(Form::Raw) {
            encoder.part(text, added, ids)?;
            return Ok(true);
        }
        for (id, start, end) in added.matches(text, Form::Raw) {
            match id {
                Some(id) => ids.push(id),
                None => encoder.part(&text[start..end], added, ids)?,
            }
        }
        Ok(true)
    }
}

struct Encoder<'a> {
    of: &'a ByteLevel,
    bpe: &'a Bpe,
    characters: &'static Characters,
    cache: Option<&'a mut Cache>,
    spelled: String,
}

impl Encoder<'_> {
    /// A text between added tokens of the raw form.
    fn part(&mut self, text: &str, added: &AddedTokens, ids: &mut Vec<u32>) -> Result<(), String> {
        if !added.looks_at(Form::Normalized) {
            return self.pieces(text, ids);
        }
        for (id, start, end) in added.matches(text, Form::Normalized) {
            match id {
                Some(id) => ids.push(id),
                None => self.pieces(&text[start..end], ids)?,
            }
        }
        Ok(())
    }

    fn pieces(&mut self, text: &str, ids: &mut Vec<u32>) -> Result<(), String> {
        let mut start = 0;
        while start < text.len() {
            let end = self.of.splitter.end(self.characters, text, start);
            self.piece(&text.as_bytes()[start..end], ids)?;
            start = end;
        }
        Ok(())
    }

    fn piece(&mut self, piece: &[u8], ids: &mut Vec<u32>) -> Result<(), String> {
        let slot = match self.cache.as_deref_mut() {
            Some(cache) if piece.len() <= PIECE_BYTES => Some(cache.slot(piece)),
            _ => None,
        };
        if let Some(slot) = &slot
            && usize::from(slot.bytes) == piece.len()
            && slot.piece[..piece.len()] == *piece
        {
            ids.extend_from_slice(&slot.ids[..usize::from(slot.n_ids)]);
            return Ok(());
        }
        self.spelled.clear();
        self.spelled.extend(piece.iter().map(|&byte| self.of.alphabet[usize::from(byte)]));
        let before = ids.len();
        self.bpe.ids(&self.spelled, ids)?;
        let found = &ids[before..];
        if let Some(slot) = slot
            && found.len() <= PIECE_IDS
        {
            // OK to cast: both were compared with their limits.
            (slot.bytes, slot.n_ids) = (piece.len() as u8, found.len() as u8);
            slot.piece[..piece.len()].copy_from_slice(piece);
            slot.ids[..found.len()].copy_from_slice(found);
        }
        Ok(())
    }
}

impl Cache {
    fn slot(&mut self, piece: &[u8]) -> &mut Remembered {
        if self.slots.is_empty() {
            let free = Remembered { bytes: 0, n_ids: 0, piece: [0; PIECE_BYTES], ids: [0; PIECE_IDS] };
            self.slots = vec![free; SLOTS];
        }
        &mut self.slots[hash(piece) as usize % SLOTS]
    }
}

/// Eight bytes at a time, multiplied and folded. Whoever makes pieces collide only loses the memory of them.
fn hash(piece: &[u8]) -> u64 {
    let mut hash = piece.len() as u64;
    for chunk in piece.chunks(8) {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        hash = (hash ^ u64::from_le_bytes(word)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        hash ^= hash >> 29;
    }
    hash
}
