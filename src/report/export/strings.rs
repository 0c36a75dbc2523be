//! The glitch tokens as strings, for test suites.
//!
//! JSON     an array of strings, as `blns.json` of the Big List of Naughty Strings
//! Text     UTF-8, as `blns.txt`: one string a line, empty lines and lines that begin with `#` are comments. Between double
//!          quotes a line is a JSON string: a reader that wants the exact text unescapes it so. Most tokens read the same
//!          without: only `"`, `\`, controls, characters that do not show or turn the reading direction, a `#` at the
//!          start and a blank at the end are escaped
//! Left out a token without text, and one whose bytes are not UTF-8: no string holds them. The comment counts them

use std::fmt::Write;

use crate::report::Report;

/// The texts of the glitch tokens by ascending id, and how many tokens have none.
fn texts(report: &Report) -> (Vec<&str>, usize) {
    let tokens = &report.tokens;
    let texts: Vec<&str> = report
        .glitch_tokens
        .iter()
        .filter(|&&id| tokens.bytes_hex.get(id as usize).is_some_and(String::is_empty))
        .filter_map(|&id| tokens.text.get(id as usize).map(String::as_str))
        .filter(|text| !text.is_empty())
        .collect();
    let left_out = report.glitch_tokens.len() - texts.len();
    (texts, left_out)
}

/// A JSON array, one string a line.
pub fn json(report: &Report) -> String {
    let (texts, _) = texts(report);
    let mut out = String::from("[");
    for (i, text) in texts.iter().enumerate() {
        // OK because writing to a String cannot fail.
        let _ = write!(out, "{}\n\"{}\"", if i > 0 { "," } else { "" }, escaped(text));
    }
    out.push_str("\n]\n");
    out
}

pub fn text(report: &Report) -> String {
    let (texts, left_out) = texts(report);
    let provenance = &report.provenance;
    let mut out = String::new();
    for comment in [
        format!("Glitch tokens of {}", escaped(&provenance.model.name)),
        format!("Oracle {}, Glitchscope {}", escaped(&provenance.oracle.id), escaped(&provenance.glitchscope)),
        format!(
            "{} strings, one a line; {left_out} tokens have none. Between double quotes a line is a JSON string.",
            texts.len()
        ),
    ] {
        let _ = writeln!(out, "# {comment}");
    }
    for text in texts {
        let line = escaped(text);
        match line.strip_prefix('#') {
            Some(rest) => {
                let _ = writeln!(out, "\\u0023{rest}");
            }
            None => {
                let _ = writeln!(out, "{line}");
            }
        }
    }
    out
}

/// The inside of a JSON string: also what does not show is escaped, and a blank at the end, which editors cut.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let last = text.chars().count().saturating_sub(1);
    for (place, character) in text.chars().enumerate() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            character if super::csv::is_hidden(character) || (character == ' ' && place == last) => {
                let mut units = [0; 2];
                for unit in character.encode_utf16(&mut units) {
                    let _ = write!(out, "\\u{unit:04x}");
                }
            }
            character => out.push(character),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Oracle: serde_json reads a line between double quotes as the text it was made from.
    #[test]
    fn a_line_is_the_inside_of_a_json_string() {
        for text in
            [" the", "a \"b\" \\", "x ", " ", "\r\n\t\0", "\u{202e}x\u{2028}", "\u{e0001}\u{1f600}", "#not a comment"]
        {
            let line = escaped(text);
            assert!(!line.contains(['\n', '\r']) && !line.ends_with(' '), "{line}");
            assert_eq!(serde_json::from_str::<String>(&format!("\"{line}\"")).unwrap(), text);
        }
    }
}
