//! How published byte-level tokenizers cut a text into pieces, without their regular expressions.
//!
//! Source   the expressions of GPT-2 (encoder.py), of Llama 3 and of Qwen 2, as their tokenizer.json have them
//!
//! An expression is recognised by its exact text; any other is left to the `tokenizers` crate. All of them try their
//! alternatives from left to right and need no more than one character of what follows.

use serde_json::Value;

use super::characters::{Characters, Kind};

pub(super) const GPT2: &str = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";
pub(super) const LLAMA3: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
pub(super) const QWEN2: &str =
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

/// Which expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Splitter {
    Gpt2,
    /// With so many digits at most in a piece: 3 in cl100k and Llama 3, 1 in Qwen 2.
    Llama3 {
        digits: usize,
    },
}

impl Splitter {
    /// The splitter of a byte-level pre-tokenizer; `None` where it is not one of the known.
    pub fn of(pre_tokenizer: Option<&Value>) -> Option<Splitter> {
        let part = pre_tokenizer?;
        let parts = match part.get("type")?.as_str()? {
            "Sequence" => part.get("pretokenizers")?.as_array()?.as_slice(),
            _ => std::slice::from_ref(part),
        };
        let is_byte_level = |part: &Value, with_expression: bool| {
            part["type"] == "ByteLevel"
                && part.get("add_prefix_space").and_then(Value::as_bool) == Some(false)
                && part.get("use_regex").and_then(Value::as_bool).unwrap_or(true) == with_expression
        };
        match parts {
            [last] if is_byte_level(last, true) => Some(Splitter::Gpt2),
            [split, last] if is_byte_level(last, false) => {
                let whole = split["type"] == "Split" && split["behavior"] == "Isolated" && split["invert"] == false;
                match split["pattern"]["Regex"].as_str().filter(|_| whole)? {
                    GPT2 => Some(Splitter::Gpt2),
                    LLAMA3 => Some(Splitter::Llama3 { digits: 3 }),
                    QWEN2 => Some(Splitter::Llama3 { digits: 1 }),
                    _ => None,
                }
            }
            _ => None,
        }
    }

    /// The end of the piece that begins at `start`, which is before the end of the text.
    #[inline]
    pub fn end(self, characters: &Characters, text: &str, start: usize) -> usize {
        match self {
            Splitter::Gpt2 => gpt2(characters, text, start),
            Splitter::Llama3 { digits } => llama3(characters, text, start, digits),
        }
    }
}

fn gpt2(characters: &Characters, text: &str, start: usize) -> usize {
    let bytes = text.as_bytes();
    if bytes[start] == b'\'' {
        match bytes.get(start + 1..).unwrap_or_default() {
            [b's' | b't' | b'm' | b'd', ..] => return start + 2,
            [b'r' | b'v', b'e', ..] | [b'l', b'l', ..] => return start + 3,
            _ => {}
        }
    }
    let Some((kind, length)) = characters.at(text, start) else { return text.len() };
    if kind != Kind::Blank {
        return characters.run(text, start + length, kind);
    }
    if bytes[start] == b' '
        && let Some((kind, length)) = characters.at(text, start + 1)
        && kind != Kind::Blank
    {
        return characters.run(text, start + 1 + length, kind);
    }
    blanks(characters, text, start)
}

fn llama3(characters: &Characters, text: &str, start: usize, digits: usize) -> usize {
    let bytes = text.as_bytes();
    if bytes[start] == b'\''
        && let Some(length) = contraction(&bytes[start + 1..])
    {
        return start + 1 + length;
    }
    let Some((kind, length)) = characters.at(text, start) else { return text.len() };
    let behind = start + length;
    let is_line_end = |place: usize| matches!(bytes.get(place), Some(b'\r' | b'\n'));
    match kind {
        Kind::Letter => return characters.run(text, behind, Kind::Letter),
        Kind::Number => {
            let mut end = behind;
            for _ in 1..digits {
                match characters.at(text, end) {
                    Some((Kind::Number, length)) => end += length,
                    _ => break,
                }
            }
            return end;
        }
        Kind::Blank | Kind::Other => {}
    }
    let next = characters.at(text, behind);
    if let Some((Kind::Letter, length)) = next
        && !is_line_end(start)
    {
        return characters.run(text, behind + length, Kind::Letter);
    }
    if kind == Kind::Other || bytes[start] == b' ' && matches!(next, Some((Kind::Other, _))) {
        let mut end = characters.run(text, behind, Kind::Other);
        while is_line_end(end) {
            end += 1;
        }
        return end;
    }
    let end = characters.run(text, start, Kind::Blank);
    match bytes[start..end].iter().rposition(|byte| matches!(byte, b'\r' | b'\n')) {
        Some(last) => start + last + 1,
        None => blanks(characters, text, start),
    }
}

/// `\s+(?!\S)|\s+`: all blanks at the end of a text, else all but the one before a word, which goes with the word.
fn blanks(characters: &Characters, text: &str, start: usize) -> usize {
    let end = characters.run(text, start, Kind::Blank);
    let last = text[start..end].chars().next_back().map_or(0, char::len_utf8);
    if end == text.len() || last == end - start { end } else { end - last }
}

/// Bytes behind the apostrophe of `(?i:'s|'t|'re|'ve|'m|'ll|'d)`. Letter case aside the long ſ is an s.
fn contraction(behind: &[u8]) -> Option<usize> {
    match behind {
        [b's' | b'S' | b't' | b'T' | b'm' | b'M' | b'd' | b'D', ..] => Some(1),
        [b'r' | b'R' | b'v' | b'V', b'e' | b'E', ..] | [b'l' | b'L', b'l' | b'L', ..] => Some(2),
        [0xc5, 0xbf, ..] => Some(2),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;
    use serde_json::json;
    use tokenizers::utils::SysRegex;

    const SPLITTERS: [(&str, Splitter); 3] =
        [(GPT2, Splitter::Gpt2), (LLAMA3, Splitter::Llama3 { digits: 3 }), (QWEN2, Splitter::Llama3 { digits: 1 })];

    fn pieces(splitter: Splitter, text: &str) -> Vec<(usize, usize)> {
        let mut start = 0;
        std::iter::from_fn(|| {
            (start < text.len()).then(|| {
                let piece = (start, splitter.end(Characters::get(), text, start));
                start = piece.1;
                piece
            })
        })
        .collect()
    }

    /// Texts in which every alternative and every border between two of them is common.
    fn random_text(rng: &mut Rng) -> String {
        const COMMON: &[&str] = &[
            " ",
            " ",
            "  ",
            "\n",
            "\r\n",
            "\r",
            "\t",
            "\u{a0}",
            "\u{3000}",
            "\u{85}",
            "'",
            "'s",
            "'S",
            "'ſ",
            "'re",
            "'Ve",
            "'LL",
            "'l",
            "'d",
            "a",
            "Zz",
            "é",
            "e\u{301}",
            "ß",
            "東",
            "한",
            "ש",
            "١",
            "7",
            "42",
            "1234",
            "½",
            "Ⅷ",
            "²",
            "!",
            "...",
            "_",
            "€",
            "😀",
            "\u{200b}",
            "\u{200d}",
            "\u{feff}",
            "\0",
            "\u{fffd}",
            "\u{10ffff}",
            "ǅ",
            "ʰ",
            "ª",
        ];
        (0..rng.below(24))
            .map(|_| match rng.below(10) {
                0 => char::from_u32(rng.below(0x3100)).unwrap_or('x').to_string(),
                1 => char::from_u32(rng.below(0x11_0000)).unwrap_or('y').to_string(),
                _ => COMMON[rng.below(COMMON.len() as u32) as usize].into(),
            })
            .collect()
    }

    /// Oracle: the expressions, run by the engine of the `tokenizers` crate.
    #[test]
    fn pieces_are_those_of_the_expressions() {
        let mut rng = Rng::new(5);
        for (expression, splitter) in SPLITTERS {
            let expression = SysRegex::new(expression).unwrap();
            for _ in 0..30_000 {
                let text = random_text(&mut rng);
                let expected: Vec<(usize, usize)> = expression.find_iter(&text).collect();
                assert_eq!(pieces(splitter, &text), expected, "{splitter:?}: {text:?}");
            }
        }
    }

    /// Negative control: the splitter of another expression cuts otherwise.
    #[test]
    fn splitters_differ() {
        let text = "it'S 1234!\n\nfoo";
        let cut: Vec<Vec<(usize, usize)>> = SPLITTERS.iter().map(|(_, splitter)| pieces(*splitter, text)).collect();
        assert!(cut[0] != cut[1] && cut[1] != cut[2] && cut[0] != cut[2]);
    }

    /// Oracle: the forms in which published files have them.
    #[test]
    fn an_unknown_pre_tokenizer_has_no_splitter() {
        let byte_level = |prefix: bool, expression: bool| json!({"type": "ByteLevel", "add_prefix_space": prefix, "trim_offsets": true, "use_regex": expression});
        let split = |expression: &str, behavior: &str| json!({"type": "Split", "pattern": {"Regex": expression}, "behavior": behavior, "invert": false});
        let sequence = |parts: &[Value]| json!({"type": "Sequence", "pretokenizers": parts});
        assert_eq!(Splitter::of(Some(&byte_level(false, true))), Some(Splitter::Gpt2));
        let old = json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true});
        assert_eq!(Splitter::of(Some(&old)), Some(Splitter::Gpt2));
        for (expression, splitter) in SPLITTERS {
            let known = sequence(&[split(expression, "Isolated"), byte_level(false, false)]);
            assert_eq!(Splitter::of(Some(&known)), Some(splitter));
        }
        for unknown in [
            byte_level(true, true),
            byte_level(false, false),
            sequence(&[split(GPT2, "Removed"), byte_level(false, false)]),
            sequence(&[split(GPT2, "Isolated"), byte_level(false, true)]),
            sequence(&[split(r"\s+", "Isolated"), byte_level(false, false)]),
            sequence(&[split(r"\p{N}", "Isolated"), split(GPT2, "Isolated"), byte_level(false, false)]),
            json!({"type": "Metaspace", "replacement": "▁"}),
        ] {
            assert_eq!(Splitter::of(Some(&unknown)), None, "{unknown}");
        }
        assert_eq!(Splitter::of(None), None);
    }
}
