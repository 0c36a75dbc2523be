//! The tokens of a report as CSV: one row per id, also of those that were not asked about.
//!
//! Format   RFC 4180: comma, CRLF, a header row; text columns always in quotes, quotes inside doubled
//! Text     control, format and separator characters and U+FFFD are written as `\n`, `\t`, `\r` or `\u{202e}`, a
//!          backslash as `\\`: every row is one line, and nothing turns the reading direction of the file round
//! Formulas a spreadsheet runs a cell that begins with = + - @ (or their full-width forms), quoted or not. Such text,
//!          also behind blanks, gets an apostrophe in front (OWASP, "CSV Injection"), and so does text that begins with
//!          an apostrophe of its own: who reads the column with a program removes one leading apostrophe, always

use std::fmt::Write;

use crate::report::{Label, Probe, Report, Symptom};

const HEADER: &str = "id,token,bytes_hex,class,passed,passed_strict,p_target,entropy,argmax,argmax_token,answer,\
     answer_text,type,corrected_type,symptoms,corrected_symptoms\r\n";

pub fn csv(report: &Report) -> String {
    let tokens = &report.tokens;
    let mut probes = vec![None; tokens.text.len()];
    for probe in &report.probes {
        if let Some(place) = probes.get_mut(probe.id as usize) {
            *place = Some(probe);
        }
    }
    let mut labels = vec![None; tokens.text.len()];
    for label in &report.labels {
        if let Some(place) = labels.get_mut(label.id as usize) {
            *place = Some(label);
        }
    }
    let mut out = String::from(HEADER);
    for (id, probe) in probes.iter().enumerate() {
        let hex = tokens.bytes_hex.get(id).map_or("", |hex| hex.as_str());
        let class = tokens.class.get(id).map_or(String::new(), super::name);
        write_row(&mut out, id, &tokens.text[id], hex, &class, *probe, &tokens.text);
        write_label(&mut out, labels[id]);
    }
    out
}

fn write_row(out: &mut String, id: usize, text: &str, hex: &str, class: &str, probe: Option<&Probe>, texts: &[String]) {
    // OK because writing to a String cannot fail.
    let _ = write!(out, "{id},{},{},{class}", quoted(text), quoted(hex));
    match probe {
        Some(probe) => {
            let answer: Vec<String> = probe.answer.iter().map(u32::to_string).collect();
            let argmax = texts.get(probe.argmax as usize).map_or("", |text| text.as_str());
            let _ = write!(
                out,
                ",{},{},{},{},{},{},{},{}",
                probe.passed,
                probe.passed_strict,
                probe.p_target,
                probe.entropy,
                probe.argmax,
                quoted(argmax),
                answer.join(" "),
                quoted(&probe.answer_text)
            );
        }
        None => out.push_str(",,,,,,,,"),
    }
}

/// The last columns: what the rules say, and what a person says instead; symptoms as `question:symptom`, with blanks
/// between them.
fn write_label(out: &mut String, label: Option<&Label>) {
    let list = |symptoms: &[(String, Symptom)]| {
        let each: Vec<String> =
            symptoms.iter().map(|(question, symptom)| format!("{question}:{}", super::name(symptom))).collect();
        quoted(&each.join(" "))
    };
    match label {
        Some(label) => {
            let corrected = label.corrected_type.as_ref().map_or(String::new(), super::name);
            let (symptoms, instead) = (list(&label.symptoms), list(&label.corrected_symptoms));
            let _ = write!(out, ",{},{corrected},{symptoms},{instead}", super::name(&label.token_type));
        }
        None => out.push_str(",,,,"),
    }
    out.push_str("\r\n");
}

/// A text as a cell: escaped, disarmed, in quotes.
pub(crate) fn quoted(text: &str) -> String {
    let mut cell = String::with_capacity(text.len() + 2);
    cell.push('"');
    let first = text.trim_start().chars().next();
    if text.starts_with('\'') || first.is_some_and(|first| "=+-@＝＋－＠".contains(first)) {
        cell.push('\'');
    }
    for character in text.chars() {
        match character {
            '"' => cell.push_str("\"\""),
            '\\' => cell.push_str("\\\\"),
            '\n' => cell.push_str("\\n"),
            '\r' => cell.push_str("\\r"),
            '\t' => cell.push_str("\\t"),
            character if is_hidden(character) => {
                let _ = write!(cell, "\\u{{{:x}}}", character as u32);
            }
            character => cell.push(character),
        }
    }
    cell.push('"');
    cell
}

/// Characters that do not show, or that change how others show: controls, line and paragraph separators, directional
/// marks and overrides, joiners, blanks that look like U+0020, the replacement character, tags.
pub fn is_hidden(character: char) -> bool {
    character.is_control()
        || (character.is_whitespace() && character != ' ')
        || matches!(character,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffd}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Oracle: the rules in the header, by hand.
    #[test]
    fn cells_are_disarmed_and_one_line() {
        for (text, cell) in [
            ("the", "\"the\""),
            (" the", "\" the\""),
            ("say \"hi\", all", "\"say \"\"hi\"\", all\""),
            ("=1+1", "\"'=1+1\""),
            (" \t@SUM", "\"' \\t@SUM\""),
            ("＝cmd", "\"'＝cmd\""),
            ("-", "\"'-\""),
            ("'s", "\"''s\""),
            ("a-b", "\"a-b\""),
            ("\r\n\\", "\"\\r\\n\\\\\""),
            ("\u{202e}x\u{fffd}", "\"\\u{202e}x\\u{fffd}\""),
            ("", "\"\""),
        ] {
            assert_eq!(quoted(text), cell, "{text:?}");
        }
    }
}
