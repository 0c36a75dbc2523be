//! What a character is to the expressions that split a text: a letter, a number, a blank, or something else.
//!
//! The sets come from the `regex-syntax` crate, which the expressions of the `tokenizers` crate are built on, so both are
//! of one version of Unicode.

use std::collections::HashMap;
use std::sync::OnceLock;

use regex_syntax::Parser;
use regex_syntax::hir::{Class, HirKind};

/// `\p{L}`, `\p{N}`, `\s`, or none of them. No character is two of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Kind {
    Other,
    Letter,
    Number,
    Blank,
}

/// Characters of a block.
const BLOCK: usize = 256;

/// The kind of every character, in blocks of which equal ones are kept once.
pub(super) struct Characters {
    ascii: [Kind; 128],
    /// By the character's number / 256.
    block: Vec<u16>,
    kinds: Vec<Kind>,
}

impl Characters {
    pub fn get() -> &'static Characters {
        static CHARACTERS: OnceLock<Characters> = OnceLock::new();
        CHARACTERS.get_or_init(Characters::new)
    }

    fn new() -> Characters {
        let mut all = vec![Kind::Other; 0x11_0000];
        for (expression, kind) in [(r"\p{L}", Kind::Letter), (r"\p{N}", Kind::Number), (r"\s", Kind::Blank)] {
            for (first, last) in ranges(expression) {
                all[first as usize..=last as usize].fill(kind);
            }
        }
        let mut ascii = [Kind::Other; 128];
        ascii.copy_from_slice(&all[..128]);
        let mut characters = Characters { ascii, block: Vec::with_capacity(all.len() / BLOCK), kinds: Vec::new() };
        let mut known: HashMap<Vec<u8>, u16> = HashMap::new();
        for block in all.chunks(BLOCK) {
            let next = known.len() as u16; // OK to cast: there are 4,352 blocks.
            let number = *known.entry(block.iter().map(|&kind| kind as u8).collect()).or_insert(next);
            if number == next {
                characters.kinds.extend_from_slice(block);
            }
            characters.block.push(number);
        }
        characters
    }

    /// The kind of the character that begins at a byte of the text, and its length in bytes; none at the end.
    #[inline]
    pub fn at(&self, text: &str, place: usize) -> Option<(Kind, usize)> {
        let byte = *text.as_bytes().get(place)?;
        if byte < 0x80 {
            return Some((self.ascii[usize::from(byte)], 1));
        }
        let character = text[place..].chars().next()?;
        let code = character as usize;
        Some((self.kinds[usize::from(self.block[code / BLOCK]) * BLOCK + code % BLOCK], character.len_utf8()))
    }

    /// The end of the characters of a kind that begin at a byte of the text.
    #[inline]
    pub fn run(&self, text: &str, mut place: usize, wanted: Kind) -> usize {
        while let Some((kind, length)) = self.at(text, place) {
            if kind != wanted {
                break;
            }
            place += length;
        }
        place
    }
}

/// First and last characters of the ranges that a class of characters has.
fn ranges(class: &str) -> Vec<(char, char)> {
    let hir = Parser::new().parse(class).expect("OK because the expression is written above");
    match hir.kind() {
        HirKind::Class(Class::Unicode(class)) => {
            class.ranges().iter().map(|range| (range.start(), range.end())).collect()
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokenizers::utils::SysRegex;

    /// Oracle: the expressions themselves, for every character there is.
    #[test]
    fn every_character_is_what_the_expressions_say() {
        let characters = Characters::get();
        let expressions = [(r"\p{L}", Kind::Letter), (r"\p{N}", Kind::Number), (r"\s", Kind::Blank)];
        let all: String = (0..0x11_0000).filter_map(char::from_u32).collect();
        let mut expected = vec![Kind::Other; all.len()];
        for (expression, kind) in expressions {
            for (start, end) in SysRegex::new(expression).unwrap().find_iter(&all) {
                assert_eq!(expected[start], Kind::Other);
                expected[start..end].fill(kind);
            }
        }
        for (place, character) in all.char_indices() {
            let found = characters.at(&all, place);
            assert_eq!(found, Some((expected[place], character.len_utf8())), "{character:?}");
        }
        assert_eq!(characters.at(&all, all.len()), None);
        // Fewer bytes than a table of all characters by a factor of ten.
        assert!(characters.kinds.len() < 0x11_0000 / 10, "{}", characters.kinds.len());
    }
}
