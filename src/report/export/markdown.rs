//! The summary as Markdown (CommonMark with GitHub's tables).
//!
//! Text     of tokens, answers and file names stands in code spans, where nothing is markup but the backtick; text with a
//!          `|`, which would end a table's cell, stands in `<code>` as character references. All other text has its
//!          punctuation escaped

use std::fmt::Write;

use super::document::{Block, Cell, Document};
use super::shown::shown;

pub fn markdown(document: &Document) -> String {
    let mut out = String::new();
    // OK because writing to a String cannot fail.
    let _ = writeln!(out, "# {}\n", plain(&document.title));
    if let Some(caution) = &document.caution {
        let _ = writeln!(out, "**Warning: {}**\n", plain(caution));
    }
    for sentence in &document.summary {
        let _ = writeln!(out, "{}\n", plain(sentence));
    }
    for (name, value) in &document.numbers {
        let _ = writeln!(out, "- {name}: {}", plain(value));
    }
    for section in &document.sections {
        let _ = writeln!(out, "\n## {}", plain(&section.heading));
        for block in &section.blocks {
            out.push('\n');
            write_block(&mut out, block);
        }
    }
    out
}

fn write_block(out: &mut String, block: &Block) {
    let _ = match block {
        Block::Text(text) => writeln!(out, "{}", plain(text)),
        Block::Tokens(tokens) => {
            let all: Vec<String> = tokens.iter().map(|text| code(&shown(text))).collect();
            writeln!(out, "{}", all.join(" "))
        }
        Block::List(items) => {
            for item in items {
                let _ = writeln!(out, "- {}", plain(item));
            }
            Ok(())
        }
        Block::Table(table) => {
            let _ = writeln!(out, "{}:\n", plain(&table.caption));
            let _ = writeln!(out, "| {} |", table.header.join(" | "));
            let first = table.rows.first();
            let rules: Vec<&str> = (0..table.header.len())
                .map(|i| match first.and_then(|row| row.get(i)) {
                    Some(Cell::Number(_)) => "---:",
                    _ => "---",
                })
                .collect();
            let _ = writeln!(out, "| {} |", rules.join(" | "));
            for row in &table.rows {
                let cells: Vec<String> = row.iter().map(cell).collect();
                let _ = writeln!(out, "| {} |", cells.join(" | "));
            }
            Ok(())
        }
    };
}

fn cell(cell: &Cell) -> String {
    match cell {
        Cell::Text(text) => plain(text),
        Cell::Number(number) => plain(number),
        Cell::Token(text) => code(&shown(text)),
        Cell::Code(text) => code(text),
    }
}

/// Text that is no markup, on one line: every character that could be markup is escaped.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '<' | '>' | '#' | '+' | '!' | '|' | '~' | '&' | '$'
            | '@' => {
                out.push('\\');
                out.push(character);
            }
            // Without its colon an address is no link.
            ':' if text.contains("://") => out.push_str("\\:"),
            character if super::csv::is_hidden(character) => out.push_str(&shown(&character.to_string())),
            character => out.push(character),
        }
    }
    out
}

/// A code span of text whose invisible characters have names already.
fn code(text: &str) -> String {
    let text: String =
        text.chars().map(|c| if super::csv::is_hidden(c) && c != '\u{fffd}' { '�' } else { c }).collect();
    if text.is_empty() {
        return "*empty*".into();
    }
    if text.contains('|') {
        let mut out = String::from("<code>");
        for character in text.chars() {
            if character.is_ascii_punctuation() {
                let _ = write!(out, "&#{};", character as u32);
            } else {
                out.push(character);
            }
        }
        out.push_str("</code>");
        return out;
    }
    let mut fence = 1;
    let mut run = 0;
    for character in text.chars() {
        run = if character == '`' { run + 1 } else { 0 };
        fence = fence.max(run + 1);
    }
    let fence = "`".repeat(fence);
    // A blank on either side is taken away again, and keeps a backtick of the text from joining the fence.
    if text.starts_with('`') || text.ends_with('`') {
        format!("{fence} {text} {fence}")
    } else {
        format!("{fence}{text}{fence}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Oracle: CommonMark 0.31, sections 2.4, 2.5 and 6.1, by hand.
    #[test]
    fn text_is_never_markup() {
        for (text, expected) in [
            ("the", "`the`"),
            ("a`b", "``a`b``"),
            ("``", "``` `` ```"),
            ("a|b<", "<code>a&#124;b&#60;</code>"),
            ("", "*empty*"),
            ("<img src=x>", "`<img src=x>`"),
        ] {
            assert_eq!(code(text), expected);
        }
        assert_eq!(plain("[x](http://y) <b>*\u{202e}"), "\\[x\\](http\\://y) \\<b\\>\\*⟨U+202E⟩");
    }
}
