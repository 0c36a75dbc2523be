//! What kind of vocabulary entry a token is: the round-trip rule of Land & Bartolo 2024.
//!
//! Source   Land & Bartolo 2024, "Fishing for Magikarp", section 3.1, and its code; order of the tests changed so that
//!          the classes say whether a token may be asked about
//! Differs  Magikarp calls every single ASCII character a byte token. Here a single byte that decodes to a character
//!          and encodes back is `Ok`: it is a real string, and a model can be asked to repeat `A`. Only bytes that do
//!          not come back are `Byte`. Its counts are recovered from the entries' bytes: "byte tokens" are those with
//!          one byte (GPT-2: 256, of which 128 are `Ok` and 128 `Byte`), "partial UTF-8" excludes them (GPT-2: 216).

use serde::{Deserialize, Serialize};

use super::Tokenizer;

/// Only `Ok` tokens are asked about: a token that text cannot produce is not called a glitch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS, schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum TokenClass {
    /// Decoding and encoding again gives exactly this id.
    Ok,
    /// Declared special, or `<…>` / `[…]` in form.
    Special,
    /// One byte of the byte alphabet that is not a character of its own.
    Byte,
    /// Decodes to U+FFFD: a piece of a character.
    PartialUtf8,
    /// Its text encodes to other ids.
    Unreachable,
    /// An embedding row that the tokenizer has no entry for.
    Unused,
}

impl Tokenizer {
    /// The class of every embedding row, by id. Rows beyond the tokenizer's entries, and ids inside its range that it
    /// does not use, are `Unused`; entries beyond the embedding are not listed.
    pub fn classify(&self, embedding_rows: usize) -> Vec<TokenClass> {
        (0..embedding_rows).map(|id| u32::try_from(id).map_or(TokenClass::Unused, |id| self.class(id))).collect()
    }

    /// The class of one id. The first rule that applies: no entry, special, round trip, one byte, U+FFFD, unreachable.
    pub fn class(&self, id: u32) -> TokenClass {
        let Some(entry) = self.token(id) else {
            return TokenClass::Unused;
        };
        if self.is_special(id) || is_bracketed(&entry) {
            return TokenClass::Special;
        }
        let text = self.token_text(id);
        if self.round_trips(id, &text) {
            return TokenClass::Ok;
        }
        if self.token_bytes(id).is_some_and(|bytes| bytes.len() == 1) {
            return TokenClass::Byte;
        }
        if text.contains('\u{fffd}') {
            return TokenClass::PartialUtf8;
        }
        TokenClass::Unreachable
    }
}

/// `<…>` or `[…]` around at least one ASCII letter, but no byte `<0xNN>`: special in form (Magikarp's reporting rule).
fn is_bracketed(entry: &str) -> bool {
    let inner = entry
        .strip_prefix('<')
        .and_then(|rest| rest.strip_suffix('>'))
        .or_else(|| entry.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')));
    inner.is_some_and(|inner| !inner.starts_with("0x") && inner.chars().any(|c| c.is_ascii_alphabetic()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Oracle: hand-made examples of the rule.
    #[test]
    fn brackets_need_a_letter_and_are_no_byte() {
        for special in ["<s>", "<|endoftext|>", "[PAD]", "</s>"] {
            assert!(is_bracketed(special), "{special}");
        }
        for ordinary in ["<0x0A>", "<>", "[]", "[1]", "<", "s>", "<a]", " <s>", ""] {
            assert!(!is_bracketed(ordinary), "{ordinary}");
        }
    }
}
