//! What Python would print: the study's prompts hold gold rows as printed lists of dicts, and their templates are
//! `str.format` strings.

use super::HoloError;
use super::database::Value;

/// `repr` of a str: single quotes unless it holds some and no double ones; what is not printable escaped.
pub fn repr_text(text: &str) -> String {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    let mut out = String::from(quote);
    for character in text.chars() {
        match character {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c == quote => {
                out.push('\\');
                out.push(c);
            }
            ' '..='~' => out.push(character),
            c if is_printable(c) => out.push(c),
            c if (c as u32) < 0x100 => out.push_str(&format!("\\x{:02x}", c as u32)),
            c if (c as u32) < 0x1_0000 => out.push_str(&format!("\\u{:04x}", c as u32)),
            c => out.push_str(&format!("\\U{:08x}", c as u32)),
        }
    }
    out.push(quote);
    out
}

/// `str.isprintable` beyond ASCII: no control, format, unassigned, private or separator character.
fn is_printable(character: char) -> bool {
    use std::sync::LazyLock;
    // The tables of the characters' categories come with the regex crate.
    static UNPRINTABLE: LazyLock<Option<regex_syntax::hir::ClassUnicode>> = LazyLock::new(|| {
        use regex_syntax::hir::{Class, HirKind};
        match regex_syntax::parse(r"[\p{C}\p{Z}]").ok()?.into_kind() {
            HirKind::Class(Class::Unicode(class)) => Some(class),
            _ => None,
        }
    });
    if character.is_ascii() {
        return (' '..='~').contains(&character);
    }
    match &*UNPRINTABLE {
        Some(class) => !class.iter().any(|range| (range.start()..=range.end()).contains(&character)),
        None => false,
    }
}

/// `repr` of a float: the shortest digits, an exponent from 1e16 on and below 1e-4, `nan`, `inf`.
pub fn repr_float(x: f64) -> String {
    if x.is_nan() {
        return "nan".into();
    }
    if x.is_infinite() {
        return if x > 0.0 { "inf".into() } else { "-inf".into() };
    }
    let scientific = format!("{x:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if x != 0.0 && !(-4..16).contains(&exponent) {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{digits}e{sign}{:02}", exponent.abs());
    }
    let plain = format!("{x}");
    if plain.contains('.') { plain } else { plain + ".0" }
}

fn repr(value: &Value) -> String {
    match value {
        Value::Null => "None".into(),
        Value::Integer(n) => n.to_string(),
        Value::Real(x) => repr_float(*x),
        Value::Text(text) => repr_text(text),
    }
}

/// Rows as a list of dicts, each with its number from 1 in front. A column `id` takes the number's place, as in the study.
pub fn repr_rows(columns: &[String], rows: &[Vec<Value>]) -> String {
    let rows = rows.iter().enumerate().map(|(i, row)| {
        let mut pairs: Vec<(&str, String)> = vec![("id", (i + 1).to_string())];
        for (column, value) in columns.iter().zip(row) {
            match pairs.iter_mut().find(|(name, _)| name == column) {
                Some(pair) => pair.1 = repr(value),
                None => pairs.push((column, repr(value))),
            }
        }
        let pairs: Vec<String> = pairs.iter().map(|(name, value)| format!("{}: {value}", repr_text(name))).collect();
        format!("{{{}}}", pairs.join(", "))
    });
    format!("[{}]", rows.collect::<Vec<_>>().join(", "))
}

/// The form of the judge's answer: `[{'id': 1, 'label': '...'}]`; one slot with id 0 for no rows.
pub fn repr_output_format(columns: &[String], rows: &[Vec<Value>]) -> String {
    let own = columns.iter().position(|column| column == "id");
    let ids: Vec<String> = match rows.is_empty() {
        true => vec!["0".into()],
        false => rows
            .iter()
            .enumerate()
            .map(|(i, row)| own.map_or_else(|| (i + 1).to_string(), |column| repr(&row[column])))
            .collect(),
    };
    let slots: Vec<String> = ids.iter().map(|id| format!("{{'id': {id}, 'label': '...'}}")).collect();
    format!("[{}]", slots.join(", "))
}

/// `template.format(**values)` for plain names: `{{` and `}}` are the characters.
///
/// Errors   `Placeholder` for a name without a value, or a brace without its fellow
pub fn format(template: &str, values: &[(&str, &str)]) -> Result<String, HoloError> {
    let mut out = String::with_capacity(template.len());
    let mut rest = template;
    while let Some(at) = rest.find(['{', '}']) {
        out.push_str(&rest[..at]);
        let brace = rest.as_bytes()[at];
        let behind = &rest[at + 1..];
        if behind.as_bytes().first() == Some(&brace) {
            out.push(brace as char);
            rest = &behind[1..];
            continue;
        }
        let end = if brace == b'{' { behind.find('}') } else { None };
        let Some(end) = end else {
            let reason = format!("a {} has no fellow", brace as char);
            return Err(HoloError::Malformed { what: "the template".into(), reason });
        };
        let name = &behind[..end];
        match values.iter().find(|(known, _)| *known == name) {
            Some((_, value)) => out.push_str(value),
            None => {
                let reason = format!(
                    "{{{name}}} has no value; there are {}",
                    values.iter().map(|v| v.0).collect::<Vec<_>>().join(", ")
                );
                return Err(HoloError::Malformed { what: "the template".into(), reason });
            }
        }
        rest = &behind[end + 1..];
    }
    out.push_str(rest);
    Ok(out)
}
