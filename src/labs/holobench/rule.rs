//! The rule scorer: which gold rows an answer holds, without any model.
//!
//! The answer's part of the response is cut into segments (lines, bullets, table rows). A gold cell is in a segment when
//! its words stand there in a row, or its number, or its date. Each gold row takes one segment, the one with most of its
//! cells; a row all of whose cells are there is exact, one with some is partial, and so is a whole row at the wrong place
//! of an ordered answer. An empty gold, and one row of NULLs, is met by saying that there is nothing.
//!
//! Numbers  A whole number has to be that number: a year is no other year. Any other has to agree to a thousandth, or to
//!          the decimals with which the answer writes it.

use super::database::Value;
use super::gold::Gold;
use super::normalise::{Token, tokens};
use super::score::{Label, RowScore};

/// How far a number that is not whole may be off, relative to itself.
const RELATIVE: f64 = 1e-3;
/// Segments that are looked at. A gold answer has at most 50 rows.
const MAX_SEGMENTS: usize = 1_000;
/// Characters of an answer that are looked at.
const MAX_ANSWER: usize = 100_000;

/// What says that there is no answer.
const REFUSALS: [&[&str]; 24] = [
    &["no", "answer"],
    &["none"],
    &["nothing"],
    &["there", "are", "no"],
    &["there", "is", "no"],
    &["there", "were", "no"],
    &["there", "was", "no"],
    &["no", "matching"],
    &["no", "such"],
    &["no", "rows"],
    &["no", "results"],
    &["no", "records"],
    &["no", "entries"],
    &["not", "enough", "information"],
    &["insufficient"],
    &["cannot", "be", "answered"],
    &["cannot", "be", "determined"],
    &["cannot", "answer"],
    &["can't", "be", "determined"],
    &["can't", "be", "answered"],
    &["do", "not", "contain"],
    &["does", "not", "contain"],
    &["not", "mentioned"],
    &["empty"],
];

/// What the rule finds.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// The part of the response that answers.
    pub answer: String,
    pub segments: Vec<String>,
    pub rows: Vec<RowScore>,
    /// Segments that stand for a gold row, of all that stand for anything; `None` without segments.
    pub precision: Option<f64>,
}

/// What stands behind the last "Answer:", or behind a reasoning in tags, or all of it.
pub fn answer_part(response: &str) -> &str {
    let response = match response.rfind("</think>") {
        Some(at) => &response[at + "</think>".len()..],
        None => response,
    };
    let mut from = None;
    let mut at = 0;
    for line in response.split_inclusive('\n') {
        let bare = line.trim_start_matches(|c: char| c.is_whitespace() || "*#_>-".contains(c));
        let lower = bare.to_ascii_lowercase();
        for marker in ["final answer", "answer"] {
            let Some(rest) = lower.strip_prefix(marker) else { continue };
            let marks = rest.len() - rest.trim_start_matches(|c: char| "*_ ".contains(c)).len();
            if rest[marks..].starts_with(':') {
                let behind = line.len() - bare.len() + marker.len() + marks + 1;
                from = Some(at + behind);
                break;
            }
        }
        at += line.len();
    }
    let part = from.map_or(response, |from| &response[from..]);
    part.trim_start_matches(['*', '_']).trim()
}

/// Labels of a response by the rule.
pub fn score(gold: &Gold, response: &str) -> Found {
    let answer = answer_part(response);
    let end = answer.char_indices().nth(MAX_ANSWER).map_or(answer.len(), |(at, _)| at);
    let answer = &answer[..end];
    // A sum or an average over no rows is one row of NULLs: nothing, too.
    let is_nothing = matches!(&gold.rows[..], [row] if row.iter().all(|value| matches!(value, Value::Null)));
    if gold.rows.is_empty() || is_nothing && refusal(&tokens(answer)).is_some() {
        return empty_gold(answer, gold.rows.first().map_or(0, Vec::len));
    }
    // The coarsest cut that finds most: an answer may list its rows by lines, or all in one.
    let mut best: Option<(usize, usize, Found)> = None;
    for segments in [by_lines(answer), by_clauses(answer), by_commas(answer)] {
        let found = assigned(gold, answer, segments);
        let exact = found.rows.iter().filter(|row| row.label == Label::Exact).count();
        let cells = found.rows.iter().flat_map(|row| &row.matched).filter(|matched| **matched).count();
        if best.as_ref().is_none_or(|(e, c, _)| (exact, cells) > (*e, *c)) {
            best = Some((exact, cells, found));
        }
    }
    match best {
        Some((_, _, found)) => found,
        None => assigned(gold, answer, Vec::new()),
    }
}

/// `cells` are NULL, when there is a row.
fn empty_gold(answer: &str, cells: usize) -> Found {
    let said = tokens(answer);
    let refused = refusal(&said);
    let (label, why) = match refused {
        Some(phrase) => (Label::Exact, format!("there is nothing, and the answer says so: \"{phrase}\"")),
        None => (Label::No, "there is nothing, and the answer does not say so".into()),
    };
    let row = RowScore { row: 0, label, why, matched: vec![label == Label::Exact; cells], segment: None };
    let segments = by_lines(answer);
    let precision = match (label, segments.is_empty()) {
        (Label::Exact, _) => Some(1.0),
        (_, true) => None,
        (_, false) => Some(0.0),
    };
    Found { answer: answer.into(), segments, rows: vec![row], precision }
}

/// The phrase that says there is no answer.
pub fn refusal(said: &[Token]) -> Option<String> {
    REFUSALS.iter().find_map(|phrase| {
        let words: Vec<Token> = phrase.iter().map(|word| Token::Word((*word).into())).collect();
        said.windows(words.len()).any(|window| window == words).then(|| phrase.join(" "))
    })
}

/// Lines that say something: no headings, no rules of a table.
fn by_lines(answer: &str) -> Vec<String> {
    let mut lines: Vec<&str> = answer.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    // The head of a table stands above its rule.
    if let Some(rule) = lines.iter().position(|line| line.contains('-') && line.chars().all(|c| "|-: ".contains(c))) {
        lines.drain(rule.saturating_sub(1)..=rule);
    }
    let lines = lines.into_iter().filter(|line| !line.ends_with(':')).map(|line| unnumbered(line).to_owned());
    lines.filter(|line| !tokens(line).is_empty()).take(MAX_SEGMENTS).collect()
}

/// Without a bullet or a number in front.
fn unnumbered(line: &str) -> &str {
    let bare = line.trim_start_matches(['-', '*', '•', '–', '|', ' ']);
    // A minus sign is none.
    let bare =
        if line.starts_with('-') && bare.len() + 1 == line.len() && bare.starts_with(|c: char| c.is_ascii_digit()) {
            line
        } else {
            bare
        };
    let digits = bare.bytes().take_while(u8::is_ascii_digit).count();
    match bare[digits..].chars().next() {
        Some('.' | ')') if (1..=3).contains(&digits) && bare[digits + 1..].starts_with(' ') => {
            bare[digits + 1..].trim_start()
        }
        _ => bare,
    }
}

fn by_clauses(answer: &str) -> Vec<String> {
    let pieces = by_lines(answer).into_iter().flat_map(|line| {
        let line = line.replace("), (", "); (").replace(". ", "; ");
        line.split(';').map(|piece| piece.trim().to_owned()).collect::<Vec<_>>()
    });
    pieces.filter(|piece| !tokens(piece).is_empty()).take(MAX_SEGMENTS).collect()
}

fn by_commas(answer: &str) -> Vec<String> {
    let pieces = by_clauses(answer).into_iter().flat_map(|clause| {
        // What introduces a list is not its first item.
        let clause = match clause.split_once(": ") {
            Some((intro, list)) if tokens(intro).len() > 3 => list.to_owned(),
            _ => clause,
        };
        let clause = clause.replace(", and ", ", ").replace(" and ", ", ");
        clause.split(", ").map(|piece| piece.trim().to_owned()).collect::<Vec<_>>()
    });
    pieces.filter(|piece| !tokens(piece).is_empty()).take(MAX_SEGMENTS).collect()
}

/// One segment for each gold row, the best pairs first.
fn assigned(gold: &Gold, answer: &str, segments: Vec<String>) -> Found {
    let said: Vec<Vec<Token>> = segments.iter().map(|segment| tokens(segment)).collect();
    let cells: Vec<Vec<Cell>> = gold.rows.iter().map(|row| row.iter().map(Cell::new).collect()).collect();
    let matched = |row: usize, segment: usize| cells_in(&cells[row], &said[segment]);
    let mut pairs: Vec<(usize, usize, usize)> = Vec::new();
    for row in 0..cells.len() {
        for segment in 0..segments.len() {
            let n = matched(row, segment).into_iter().filter(|m| *m).count();
            if n > 0 {
                pairs.push((n, row, segment));
            }
        }
    }
    // Stable: of equal pairs, the earlier row and the earlier segment.
    pairs.sort_by_key(|(n, _, _)| std::cmp::Reverse(*n));
    let mut segment_of: Vec<Option<usize>> = vec![None; cells.len()];
    let mut used = vec![false; segments.len()];
    for (_, row, segment) in pairs {
        if segment_of[row].is_none() && !used[segment] {
            segment_of[row] = Some(segment);
            used[segment] = true;
        }
    }
    let whole: Vec<usize> = (0..cells.len())
        .filter(|&row| segment_of[row].is_some_and(|segment| matched(row, segment).iter().all(|m| *m)))
        .collect();
    let in_order = match gold.ordered {
        true => at_their_rank(&whole.iter().map(|row| segment_of[*row].unwrap_or(0)).collect::<Vec<_>>()),
        false => vec![true; whole.len()],
    };
    let mut exact_or_partial = 0;
    let rows = (0..cells.len())
        .map(|row| {
            let segment = segment_of[row];
            let matched = segment.map_or(vec![false; cells[row].len()], |segment| matched(row, segment));
            let missing: Vec<&str> = matched
                .iter()
                .zip(&gold.columns)
                .filter(|(matched, _)| !**matched)
                .map(|(_, column)| column.as_str())
                .collect();
            let place = whole.iter().position(|other| *other == row);
            let (label, why) = match (segment, place) {
                (None, _) => (Label::No, "no part of the answer holds any of its values".to_owned()),
                (Some(_), Some(place)) if in_order[place] => (Label::Exact, "all its values are there".to_owned()),
                (Some(_), Some(_)) => {
                    (Label::Partial, "all its values are there, at another place of the order".to_owned())
                }
                (Some(_), None) => (Label::Partial, format!("without {}", missing.join(", "))),
            };
            exact_or_partial += usize::from(label != Label::No);
            RowScore { row: row as u32, label, why, matched, segment: segment.map(|segment| segment as u32) }
        })
        .collect();
    let precision = (!segments.is_empty()).then(|| exact_or_partial as f64 / segments.len() as f64);
    Found { answer: answer.into(), segments, rows, precision }
}

/// Which of the rows that were found stand in the answer at the rank that they have among themselves in the gold.
fn at_their_rank(segments: &[usize]) -> Vec<bool> {
    let mut sorted = segments.to_vec();
    sorted.sort_unstable();
    segments.iter().zip(sorted).map(|(segment, expected)| *segment == expected).collect()
}

/// A gold cell, ready to be looked for.
enum Cell {
    Words(Vec<Token>),
    Whole(f64),
    Number(f64),
    Null,
}

impl Cell {
    fn new(value: &Value) -> Cell {
        match value {
            Value::Null => Cell::Null,
            Value::Integer(n) => Cell::Whole(*n as f64),
            Value::Real(x) if x.fract() == 0.0 => Cell::Whole(*x),
            Value::Real(x) => Cell::Number(*x),
            Value::Text(text) => Cell::Words(tokens(text)),
        }
    }
}

fn same_number(gold: f64, said: f64, decimals: usize) -> bool {
    let off = (gold - said).abs();
    off <= RELATIVE * gold.abs() || (decimals > 0 && off <= 0.5 * 10f64.powi(-(decimals as i32)) * (1.0 + 1e-9))
}

/// Which cells of a row a segment holds. What one cell has taken is not there for another: texts first, whose numbers and
/// dates are theirs.
fn cells_in(cells: &[Cell], said: &[Token]) -> Vec<bool> {
    let mut free = vec![true; said.len()];
    let mut matched = vec![false; cells.len()];
    let mut texts: Vec<usize> = (0..cells.len()).filter(|i| matches!(cells[*i], Cell::Words(_))).collect();
    texts.sort_by_key(|i| match &cells[*i] {
        Cell::Words(words) => std::cmp::Reverse(words.len()),
        _ => std::cmp::Reverse(0),
    });
    for i in texts {
        let Cell::Words(words) = &cells[i] else { continue };
        if words.is_empty() {
            matched[i] = true;
            continue;
        }
        let at = (0..(said.len() + 1).saturating_sub(words.len())).find(|&at| {
            (0..words.len()).all(|k| {
                free[at + k]
                    && match (&words[k], &said[at + k]) {
                        (Token::Number(a, _), Token::Number(b, _)) => a == b,
                        (a, b) => a == b,
                    }
            })
        });
        if let Some(at) = at {
            free[at..at + words.len()].fill(false);
            matched[i] = true;
        }
    }
    for (i, cell) in cells.iter().enumerate() {
        let fits = |token: &Token| match (cell, token) {
            (Cell::Whole(gold), Token::Number(said, _)) => gold == said,
            (Cell::Number(gold), Token::Number(said, decimals)) => same_number(*gold, *said, *decimals),
            (Cell::Null, Token::Word(word)) => {
                ["null", "none", "unknown", "missing", "na", "n", "empty", "nothing"].contains(&word.as_str())
            }
            _ => false,
        };
        if matches!(cell, Cell::Words(_)) {
            continue;
        }
        if let Some(at) = (0..said.len()).find(|&at| free[at] && fits(&said[at])) {
            free[at] = false;
            matched[i] = true;
        }
    }
    matched
}
