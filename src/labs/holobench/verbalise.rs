//! Rows as sentences, by a template for each table, and back.
//!
//! A template is literal text with `{column}` where a value goes, and `[…]` around what vanishes when its column is NULL.
//! `{column:date}` writes an ISO date as "3 May 2021", `{column:2}` a number with two decimals. `{{`, `}}`, `[[` and `]]`
//! stand for the characters themselves.
//!
//! A template is taken only if every row can be read back from its sentence: otherwise the answers could not be derived
//! from the text.

use serde::{Deserialize, Serialize};

use super::database::{Column, Kind, Table, Value};

/// Steps that reading back one sentence may take. A template whose parts cannot be told apart needs far more.
const MAX_STEPS: u32 = 200_000;

pub(crate) const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// How rows of a table become sentences.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct TemplateInfo {
    pub table: String,
    pub text: String,
    /// The template is the one built from the schema.
    pub is_default: bool,
    /// Why the template is refused; null when every row was found again in its sentence.
    pub problem: Option<String>,
    /// Row of `problem`, from 0, where one is meant.
    pub problem_row: Option<u32>,
    /// Columns that the sentence carries; a question can ask for no other.
    pub columns: Vec<String>,
    /// The first row's sentence.
    pub example: Option<String>,
    /// Rows whose sentence was read back.
    pub rows_checked: u32,
}

/// How a value is written.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Format {
    /// Integers, the shortest decimal that is the same number, texts as they are.
    Plain,
    /// "3 May 2021"
    Date,
    /// With so many decimals.
    Decimals(usize),
}

#[derive(Clone, Debug, PartialEq)]
enum Part {
    Literal(String),
    Column { index: usize, format: Format },
    Optional(Vec<Part>),
}

/// A template that was understood.
#[derive(Clone, Debug, PartialEq)]
pub struct Template {
    pub text: String,
    parts: Vec<Part>,
}

impl Template {
    /// Reads a template for a table of these columns. The error is a sentence for its author.
    pub fn parse(text: &str, columns: &[Column]) -> Result<Template, String> {
        if text.contains(['\n', '\r']) {
            return Err("a sentence is one line; the template has several".into());
        }
        let characters: Vec<char> = text.chars().collect();
        let mut seen = vec![false; columns.len()];
        let mut at = 0;
        let parts = parse_parts(&characters, &mut at, columns, &mut seen, false)?;
        if !seen.contains(&true) {
            return Err("the template names no column".into());
        }
        Ok(Template { text: text.into(), parts })
    }

    /// The template built from the schema: the table's noun, what names a row, then "column is value".
    pub fn default_text(table: &Table) -> String {
        let columns = &table.columns;
        let label = columns
            .iter()
            .position(|column| column.kind == Kind::Text && column.unique)
            .or_else(|| columns.iter().position(|column| column.primary_key && column.nulls == 0));
        let noun = noun(&table.name);
        let mut text = match label {
            Some(label) => format!("The {noun} {} is listed", placeholder(table, label)),
            None => format!("One {noun} is listed"),
        };
        for (index, column) in columns.iter().enumerate().filter(|(index, _)| Some(*index) != label) {
            let clause = format!(", {} is {}", escape(&words(&column.name)), placeholder(table, index));
            match column.nulls {
                0 => text.push_str(&clause),
                _ => text.push_str(&format!("[{clause}]")),
            }
        }
        text + "."
    }

    /// Places of the columns that a sentence carries.
    pub fn columns(&self) -> Vec<usize> {
        fn collect(parts: &[Part], columns: &mut Vec<usize>) {
            for part in parts {
                match part {
                    Part::Literal(_) => {}
                    Part::Column { index, .. } => columns.push(*index),
                    Part::Optional(inner) => collect(inner, columns),
                }
            }
        }
        let mut columns = Vec::new();
        collect(&self.parts, &mut columns);
        columns.sort_unstable();
        columns
    }

    pub fn sentence(&self, row: &[Value]) -> String {
        let mut out = String::new();
        render(&self.parts, row, &mut out);
        out
    }

    /// The row's values as the sentence tells them: `None` for a column it does not carry.
    pub fn read_back(&self, sentence: &str, columns: &[Column]) -> Option<Vec<Option<Value>>> {
        let mut values = vec![None; columns.len()];
        let mut steps = MAX_STEPS;
        let stack: Vec<&Part> = self.parts.iter().rev().collect();
        matched(stack, sentence, columns, &mut values, &mut steps).then_some(values)
    }

    /// Every row read back. The error is the first row that is lost, and how.
    pub fn check(&self, table: &Table) -> Result<(), (usize, String)> {
        let carried = self.columns();
        for (place, row) in table.rows.iter().enumerate() {
            let sentence = self.sentence(row);
            if sentence.contains(['\n', '\r']) {
                return Err((place, "the sentence would have several lines".into()));
            }
            let Some(read) = self.read_back(&sentence, &table.columns) else {
                return Err((place, format!("its sentence cannot be read back: {sentence}")));
            };
            for &column in &carried {
                let expected = &row[column];
                if read[column].as_ref().unwrap_or(&Value::Null) != expected {
                    let name = &table.columns[column].name;
                    let found = read[column].as_ref().map_or("nothing".into(), |value| format!("{:?}", value.plain()));
                    let expected = match expected {
                        Value::Null => "NULL".into(),
                        value => format!("{:?}", value.plain()),
                    };
                    return Err((place, format!("{name} is {expected}, its sentence says {found}: {sentence}")));
                }
            }
        }
        Ok(())
    }
}

fn parse_parts(
    text: &[char],
    at: &mut usize,
    columns: &[Column],
    seen: &mut [bool],
    optional: bool,
) -> Result<Vec<Part>, String> {
    let mut parts = Vec::new();
    let mut literal = String::new();
    let mut closed = !optional;
    while *at < text.len() {
        let (character, next) = (text[*at], text.get(*at + 1).copied());
        *at += 1;
        match character {
            '{' | '}' | '[' | ']' if next == Some(character) => {
                literal.push(character);
                *at += 1;
            }
            '{' => {
                let end = text[*at..].iter().position(|c| *c == '}').ok_or("a { has no }")?;
                let inside: String = text[*at..*at + end].iter().collect();
                *at += end + 1;
                let part = column_part(&inside, columns)?;
                if let Part::Column { index, .. } = part {
                    if std::mem::replace(&mut seen[index], true) {
                        return Err(format!("{{{}}} is named twice", columns[index].name));
                    }
                    if columns[index].nulls > 0 && !optional {
                        return Err(format!(
                            "{{{}}} is NULL in {} rows; put [ ] around what should vanish there",
                            columns[index].name, columns[index].nulls
                        ));
                    }
                }
                flush(&mut literal, &mut parts);
                parts.push(part);
            }
            '[' if optional => return Err("a [ stands inside another".into()),
            '[' => {
                flush(&mut literal, &mut parts);
                let inner = parse_parts(text, at, columns, seen, true)?;
                let n = inner.iter().filter(|part| matches!(part, Part::Column { .. })).count();
                if n != 1 {
                    return Err(format!("[…] has to name one column, not {n}"));
                }
                parts.push(Part::Optional(inner));
            }
            ']' if optional => {
                closed = true;
                break;
            }
            '}' | ']' => {
                return Err(format!("a {character} has no beginning; write it twice for the character itself"));
            }
            _ => literal.push(character),
        }
    }
    if !closed {
        return Err("a [ has no ]".into());
    }
    flush(&mut literal, &mut parts);
    Ok(parts)
}

fn flush(literal: &mut String, parts: &mut Vec<Part>) {
    if !literal.is_empty() {
        parts.push(Part::Literal(std::mem::take(literal)));
    }
}

fn column_part(inside: &str, columns: &[Column]) -> Result<Part, String> {
    let (name, format) = match inside.split_once(':') {
        Some((name, format)) => (name.trim(), format.trim()),
        None => (inside.trim(), ""),
    };
    let index = columns.iter().position(|column| column.name.eq_ignore_ascii_case(name)).ok_or_else(|| {
        let known: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
        format!("there is no column {name:?}; there are: {}", known.join(", "))
    })?;
    let kind = columns[index].kind;
    let format = match (format, format.parse::<usize>()) {
        ("" | "text" | "integer", _) => Format::Plain,
        ("date", _) if kind == Kind::Date => Format::Date,
        (_, Ok(decimals @ 0..=9)) if matches!(kind, Kind::Integer | Kind::Real) => Format::Decimals(decimals),
        _ => {
            return Err(format!(
                "{{{inside}}}: {format:?} is no way to write {name}; there are date (for dates) and 0 to 9 decimals (for \
                 numbers)"
            ));
        }
    };
    Ok(Part::Column { index, format })
}

fn render(parts: &[Part], row: &[Value], out: &mut String) {
    for part in parts {
        match part {
            Part::Literal(text) => out.push_str(text),
            Part::Column { index, format } => write_value(&row[*index], *format, out),
            Part::Optional(inner) => {
                let is_null =
                    inner.iter().any(|part| matches!(part, Part::Column { index, .. } if row[*index].is_null()));
                if !is_null {
                    render(inner, row, out);
                }
            }
        }
    }
}

fn write_value(value: &Value, format: Format, out: &mut String) {
    match (value, format) {
        (Value::Text(text), Format::Date) => match date_parts(text) {
            Some((year, month, day)) => out.push_str(&format!("{day} {} {year:04}", MONTHS[month as usize - 1])),
            None => out.push_str(text),
        },
        (value, Format::Decimals(n)) if value.number().is_some() => {
            out.push_str(&format!("{:.n$}", value.number().unwrap_or_default()));
        }
        (value, _) => out.push_str(&value.plain()),
    }
}

/// Whether the parts on the stack (the next one last) give the text, the shortest values first. The first reading counts:
/// it is what a program that knows the template would do.
fn matched(
    mut stack: Vec<&Part>,
    text: &str,
    columns: &[Column],
    values: &mut [Option<Value>],
    steps: &mut u32,
) -> bool {
    *steps = steps.saturating_sub(1);
    if *steps == 0 {
        return false;
    }
    let Some(part) = stack.pop() else { return text.is_empty() };
    match part {
        Part::Literal(literal) => match text.strip_prefix(literal.as_str()) {
            Some(rest) => matched(stack, rest, columns, values, steps),
            None => false,
        },
        Part::Optional(inner) => {
            let mut with = stack.clone();
            with.extend(inner.iter().rev());
            if matched(with, text, columns, values, steps) {
                return true;
            }
            for part in inner {
                if let Part::Column { index, .. } = part {
                    values[*index] = None;
                }
            }
            matched(stack, text, columns, values, steps)
        }
        Part::Column { index, format } => {
            // Only places where the next literal begins can end a value.
            let next = stack.last().and_then(|part| match part {
                Part::Literal(literal) => Some(literal.as_str()),
                _ => None,
            });
            let ends = text.char_indices().map(|(at, _)| at).chain([text.len()]);
            for end in ends {
                if next.is_some_and(|next| !text[end..].starts_with(next)) || (stack.is_empty() && end < text.len()) {
                    continue;
                }
                let Some(value) = read_value(&text[..end], columns[*index].kind, *format) else { continue };
                values[*index] = Some(value);
                if matched(stack.clone(), &text[end..], columns, values, steps) {
                    return true;
                }
                if *steps == 0 {
                    return false;
                }
            }
            values[*index] = None;
            false
        }
    }
}

fn read_value(text: &str, kind: Kind, format: Format) -> Option<Value> {
    match (kind, format) {
        (Kind::Integer, Format::Decimals(_)) => {
            let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
            decimals.bytes().all(|digit| digit == b'0').then(|| whole.parse().ok().map(Value::Integer))?
        }
        (Kind::Integer, _) => text.parse().ok().map(Value::Integer),
        (Kind::Real, _) => {
            let is_decimal = text.starts_with(|c: char| c.is_ascii_digit() || c == '-')
                && text.ends_with(|c: char| c.is_ascii_digit());
            is_decimal.then(|| text.parse().ok().map(Value::Real))?
        }
        (Kind::Date, Format::Date) => {
            let mut words = text.split(' ');
            let (day, month, year) = (words.next()?, words.next()?, words.next()?);
            let month = MONTHS.iter().position(|name| *name == month)? + 1;
            let day: u32 = day.parse().ok()?;
            (words.next().is_none() && year.len() == 4).then(|| Value::Text(format!("{year}-{month:02}-{day:02}")))
        }
        (Kind::Date, _) => date_parts(text).map(|_| Value::Text(text.into())),
        (Kind::Text, _) => Some(Value::Text(text.into())),
    }
}

/// Year, month and day of `YYYY-MM-DD`.
pub(crate) fn date_parts(text: &str) -> Option<(u32, u32, u32)> {
    let bytes = text.as_bytes();
    let shaped = bytes.len() == 10
        && bytes.iter().enumerate().all(|(i, byte)| match i {
            4 | 7 => *byte == b'-',
            _ => byte.is_ascii_digit(),
        });
    if !shaped {
        return None;
    }
    let number = |digits: &str| digits.parse::<u32>().ok();
    let (year, month, day) = (number(&text[..4])?, number(&text[5..7])?, number(&text[8..])?);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        2 => 28 + u32::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    (1..=days).contains(&day).then_some((year, month, day))
}

fn placeholder(table: &Table, index: usize) -> String {
    let column = &table.columns[index];
    let format = match column.kind {
        Kind::Date => ":date".into(),
        Kind::Real => match decimals(table, index) {
            Some(n) => format!(":{n}"),
            None => String::new(),
        },
        _ => String::new(),
    };
    format!("{{{}{format}}}", column.name)
}

/// The fewest decimals, up to four, that write every value of a column without loss.
fn decimals(table: &Table, index: usize) -> Option<usize> {
    (1..=4).find(|n| {
        table.rows.iter().all(|row| match row[index].number() {
            Some(x) => format!("{x:.n$}").parse::<f64>() == Ok(x),
            None => true,
        })
    })
}

/// The singular of a table's name, by the common English endings.
pub(crate) fn noun(table: &str) -> String {
    let name = words(table);
    let singular = match () {
        _ if name.len() < 4 || name.ends_with("ss") || name.ends_with("us") || name.ends_with("is") => name.clone(),
        _ if name.ends_with("ies") => format!("{}y", &name[..name.len() - 3]),
        _ if ["ses", "xes", "ches", "shes"].iter().any(|end| name.ends_with(end)) => name[..name.len() - 2].into(),
        _ if name.ends_with('s') => name[..name.len() - 1].into(),
        _ => name.clone(),
    };
    escape(&singular)
}

/// `planted_year` and `plantedYear` as words.
pub(crate) fn words(name: &str) -> String {
    let mut out = String::new();
    let mut before = ' ';
    for character in name.chars() {
        if character == '_' || character == '-' {
            out.push(' ');
        } else if character.is_uppercase() && before.is_lowercase() {
            out.push(' ');
            out.extend(character.to_lowercase());
        } else {
            out.extend(character.to_lowercase());
        }
        before = character;
    }
    out.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn escape(text: &str) -> String {
    let mut out = String::new();
    for character in text.chars() {
        out.push(character);
        if "{}[]".contains(character) {
            out.push(character);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::labs::holobench::database::described;

    fn table() -> Table {
        let rows = vec![
            vec![Value::Integer(1), Value::Text("Ash".into()), Value::Real(1.5), Value::Text("2021-05-03".into())],
            vec![Value::Integer(2), Value::Text("Elm, red".into()), Value::Null, Value::Text("2020-02-29".into())],
        ];
        let kinds = [("id", Kind::Integer), ("name", Kind::Text), ("height", Kind::Real), ("felled", Kind::Date)];
        let columns = kinds
            .iter()
            .enumerate()
            .map(|(i, (name, kind))| {
                let values: Vec<&Value> = rows.iter().map(|row: &Vec<Value>| &row[i]).collect();
                described(name, *kind, i == 0, &values)
            })
            .collect();
        Table { name: "trees".into(), columns, rows }
    }

    /// Oracle: the rows themselves.
    #[test]
    fn the_default_template_gives_every_row_back() {
        let table = table();
        let text = Template::default_text(&table);
        assert_eq!(text, "The tree {name} is listed, id is {id}[, height is {height:1}], felled is {felled:date}.");
        let template = Template::parse(&text, &table.columns).unwrap();
        assert_eq!(
            template.sentence(&table.rows[0]),
            "The tree Ash is listed, id is 1, height is 1.5, felled is 3 May 2021."
        );
        assert_eq!(
            template.sentence(&table.rows[1]),
            "The tree Elm, red is listed, id is 2, felled is 29 February 2020."
        );
        assert_eq!(template.check(&table), Ok(()));
    }

    /// Negative controls: templates that lose something, and texts that are no templates.
    #[test]
    fn a_template_that_loses_a_value_is_refused() {
        let table = table();
        let refused = |text: &str| match Template::parse(text, &table.columns) {
            Ok(template) => template.check(&table).expect_err(text).1,
            Err(problem) => problem,
        };
        assert!(refused("{name}, {id}[ at {height:0}].").contains("1.5"));
        assert!(refused("{height} of {name}").contains("NULL in 1 rows"));
        assert!(refused("{name} {name}").contains("twice"));
        assert!(refused("{nam}").contains("there are: id, name"));
        assert!(refused("[{id").contains('}'));
        assert!(refused("no column").contains("no column"));
        assert!(refused("{name}\n{id}").contains("one line"));
        assert!(refused("{name:date}").contains("no way"));
        assert!(refused("[{id} {name}]").contains("one column"));
    }

    /// Oracle: by hand. The first reading counts, so a value that holds what stands behind it is cut short.
    #[test]
    fn a_value_that_looks_like_the_template_is_found() {
        let rows = [["ash", "grey"], ["ash is old", "grey"]];
        let rows: Vec<Vec<Value>> = rows.map(|row| row.map(|cell| Value::Text(cell.into())).to_vec()).to_vec();
        let columns = ["tree", "bark"].map(|name| described(name, Kind::Text, false, &[]));
        let table = Table { name: "trees".into(), columns: columns.to_vec(), rows };
        let template = Template::parse("{tree} is {bark}.", &table.columns).unwrap();
        let (row, problem) = template.check(&table).unwrap_err();
        assert!(row == 1 && problem.contains("\"ash is old\"") && problem.contains("\"ash\""), "{problem}");
        let template = Template::parse("{tree}: {bark}.", &table.columns).unwrap();
        assert_eq!(template.check(&table), Ok(()));
    }

    #[test]
    fn nouns_and_words() {
        for (table, expected) in [("cities", "city"), ("boxes", "box"), ("films", "film"), ("status", "status")] {
            assert_eq!(noun(table), expected);
        }
        assert_eq!(words("plantedYear_id"), "planted year id");
    }
}
