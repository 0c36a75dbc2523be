//! How vocabulary entries spell bytes: the byte-level alphabet, sentencepiece's `▁` and `<0xNN>`, or plain text.

use serde_json::Value;

/// Sentencepiece's visible blank, U+2581.
const METASPACE: char = '▁';

/// The rule by which an entry stands for bytes; read off the decoder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spelling {
    /// GPT-2's alphabet: every byte is one printable character.
    ByteLevel,
    /// `▁` is a blank; with byte fallback `<0xNN>` is a byte.
    Sentencepiece { byte_fallback: bool },
    /// WordPiece: entries with the prefix continue a word.
    Continuing,
    /// Entries are the text.
    Plain,
}

impl Spelling {
    /// From the `decoder` of `tokenizer.json`, whose parts may be nested in sequences.
    pub fn from_decoder(decoder: Option<&Value>) -> Spelling {
        let mut kinds = Vec::new();
        if let Some(decoder) = decoder {
            collect(decoder, &mut kinds);
        }
        let has = |kind: &str| kinds.contains(&kind);
        if has("ByteLevel") {
            Spelling::ByteLevel
        } else if has("Metaspace") || has("ByteFallback") || has("Replace▁") {
            Spelling::Sentencepiece { byte_fallback: has("ByteFallback") }
        } else if has("WordPiece") {
            Spelling::Continuing
        } else {
            Spelling::Plain
        }
    }

    /// The bytes of an entry; `None` when it is not spelled by this rule, as added tokens are.
    pub fn bytes(self, entry: &str) -> Option<Vec<u8>> {
        match self {
            Spelling::ByteLevel => entry.chars().map(byte_of_char).collect(),
            Spelling::Sentencepiece { byte_fallback } => {
                if byte_fallback && let Some(byte) = fallback_byte(entry) {
                    return Some(vec![byte]);
                }
                Some(entry.replace(METASPACE, " ").into_bytes())
            }
            Spelling::Continuing => Some(entry.strip_prefix("##").unwrap_or(entry).as_bytes().to_vec()),
            Spelling::Plain => Some(entry.as_bytes().to_vec()),
        }
    }
}

fn collect<'a>(decoder: &'a Value, kinds: &mut Vec<&'a str>) {
    match decoder.get("type").and_then(Value::as_str) {
        Some("Sequence") => {
            for part in decoder.get("decoders").and_then(Value::as_array).into_iter().flatten() {
                collect(part, kinds);
            }
        }
        Some("Replace") if decoder.pointer("/pattern/String").and_then(Value::as_str) == Some("▁") => {
            kinds.push("Replace▁");
        }
        Some(kind) => kinds.push(kind),
        None => {}
    }
}

/// `<0x0A>` → 10. Two hexadecimal digits, as the decoder reads them.
fn fallback_byte(entry: &str) -> Option<u8> {
    let digits = entry.strip_prefix("<0x")?.strip_suffix('>')?;
    (digits.len() == 2 && digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
        .then(|| u8::from_str_radix(digits, 16).ok())
        .flatten()
}

/// Inverse of GPT-2's `bytes_to_unicode`: printable Latin-1 stands for itself, the 68 other bytes for U+0100 upwards.
fn byte_of_char(c: char) -> Option<u8> {
    let code = u32::from(c);
    match code {
        0x21..=0x7e | 0xa1..=0xac | 0xae..=0xff => u8::try_from(code).ok(),
        0x100..=0x120 => u8::try_from(code - 0x100).ok(), // 0x00–0x20
        0x121..=0x142 => u8::try_from(code - 0x121 + 0x7f).ok(), // 0x7f–0xa0
        0x143 => Some(0xad),
        _ => None,
    }
}

/// GPT-2's `bytes_to_unicode`, the inverse of [`byte_of_char`].
pub(super) fn char_of_byte(byte: u8) -> char {
    let code = match byte {
        0x00..=0x20 => 0x100 + u32::from(byte),
        0x7f..=0xa0 => 0x121 + u32::from(byte - 0x7f),
        0xad => 0x143,
        printable => u32::from(printable),
    };
    char::from_u32(code).expect("OK because all of these are below the surrogates")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Oracle: the construction in GPT-2's encoder.py, done again here.
    #[test]
    fn the_byte_alphabet_is_a_bijection_with_gpt2s_order() {
        let printable = |byte: u32| matches!(byte, 0x21..=0x7e | 0xa1..=0xac | 0xae..=0xff);
        let mut next = 256;
        for byte in 0..256_u32 {
            let code = if printable(byte) {
                byte
            } else {
                next += 1;
                next - 1
            };
            let c = char::from_u32(code).expect("a code point of the alphabet");
            assert_eq!(byte_of_char(c), Some(byte as u8), "byte {byte:#x}");
            assert_eq!(char_of_byte(byte as u8), c, "byte {byte:#x}");
        }
        assert_eq!(next, 256 + 68);
        assert_eq!(byte_of_char('\u{144}'), None);
        assert_eq!(byte_of_char(' '), None);
    }

    #[test]
    fn fallback_bytes_have_two_digits() {
        assert_eq!(fallback_byte("<0x0A>"), Some(10));
        for other in ["<0xA>", "<0x+A>", "<0x00A>", "0x0A", "<0xGG>", "<0x>"] {
            assert_eq!(fallback_byte(other), None, "{other}");
        }
    }
}
