//! What kind of vocabulary entry a token is: the round-trip rule of Land & Bartolo 2024.

use serde::{Deserialize, Serialize};

/// Only `Ok` tokens are asked about: a token that text cannot produce is not called a glitch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
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
