//! A template with a bound on everything it keeps.
//!
//! Steps are counted by the engine, but one step can double a text, so thirty steps are enough to fill a memory. A text
//! grows only where it is given a name: by `set`, as a loop's list, as a macro's parameter. There a call is put around it
//! that fails when it is too large. Between two names an expression can grow a value only as often as it has operators.

/// Fails when a value is too large; a function and a filter of this name.
pub(super) const BOUNDED: &str = "__bounded";

/// Most `+` and `~` in one tag. Published templates have up to twenty.
const MAX_JOINS: usize = 32;

pub(super) struct Rewritten {
    pub source: String,
    /// Bytes of the longest stretch between tags.
    pub longest_text: usize,
}

/// The template with its bounds; `generation`, which only marks, becomes a condition that always holds.
pub(super) fn rewrite(source: &str) -> Result<Rewritten, String> {
    let mut rewritten = Rewritten { source: String::with_capacity(source.len() * 2), longest_text: 0 };
    let mut rest = source;
    loop {
        let start = ["{{", "{%", "{#"].iter().filter_map(|mark| rest.find(mark)).min().unwrap_or(rest.len());
        rewritten.source.push_str(&rest[..start]);
        rewritten.longest_text = rewritten.longest_text.max(start);
        rest = &rest[start..];
        let Some(opening) = rest.get(..2) else {
            return Ok(rewritten);
        };
        if opening == "{#" {
            let end = rest.find("#}").ok_or("a comment does not end")? + 2;
            rewritten.source.push_str(&rest[..end]);
            rest = &rest[end..];
            continue;
        }
        let closing = if opening == "{{" { "}}" } else { "%}" };
        let end = tag_end(&rest[2..], closing)? + 2;
        let (mut inner, mut marks) = (&rest[2..end], ("", ""));
        if let Some(stripped) = inner.strip_prefix(['-', '+']) {
            (marks.0, inner) = (&inner[..1], stripped);
        }
        if let Some(stripped) = inner.strip_suffix(['-', '+']) {
            (marks.1, inner) = (&inner[stripped.len()..], stripped);
        }
        check_operators(inner)?;
        let close = format!("{}{closing}", marks.1);
        let inner = if opening == "{%" { statement(inner.trim())? } else { inner.to_string() };
        for part in [opening, marks.0, " ", &inner, " ", &close] {
            rewritten.source.push_str(part);
        }
        rest = &rest[end + 2..];
    }
}

/// Places of the characters outside of strings, with how many brackets are open there.
fn outside_strings(text: &str) -> impl Iterator<Item = (usize, char, usize)> + '_ {
    let mut quote = None;
    let mut escaped = false;
    let mut depth = 0_usize;
    text.char_indices().filter_map(move |(place, character)| {
        if let Some(open) = quote {
            match character {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                _ if character == open => quote = None,
                _ => {}
            }
            return None;
        }
        let before = depth;
        match character {
            '\'' | '"' => quote = Some(character),
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        (quote.is_none()).then_some((place, character, before))
    })
}

/// Where a tag's content ends.
fn tag_end(text: &str, closing: &str) -> Result<usize, String> {
    outside_strings(text)
        .find(|&(place, _, depth)| depth == 0 && text[place..].starts_with(closing))
        .map(|(place, ..)| place)
        .ok_or_else(|| format!("a tag does not end with {closing}"))
}

fn check_operators(inner: &str) -> Result<(), String> {
    let mut joins = 0;
    for (_, character, _) in outside_strings(inner) {
        match character {
            '+' | '~' => joins += 1,
            '*' => return Err("it multiplies, which could make a text of any length".into()),
            _ => {}
        }
    }
    match joins > MAX_JOINS {
        true => Err(format!("one of its tags joins {joins} values, more than {MAX_JOINS}")),
        false => Ok(()),
    }
}

/// A word at this place, and not a part of one.
fn is_word(text: &str, place: usize, word: &str) -> bool {
    let is_part = |character: char| character.is_alphanumeric() || character == '_';
    text[place..].starts_with(word)
        && !text[..place].ends_with(is_part)
        && !text[place + word.len()..].starts_with(is_part)
}

/// The first place outside of brackets and strings where a word stands.
fn find_word(text: &str, word: &str) -> Option<usize> {
    outside_strings(text).find(|&(place, _, depth)| depth == 0 && is_word(text, place, word)).map(|(place, ..)| place)
}

fn statement(inner: &str) -> Result<String, String> {
    let keyword: String = inner.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    let arguments = &inner[keyword.len()..];
    match keyword.as_str() {
        "if" | "elif" | "else" | "endif" | "endfor" | "endset" | "endmacro" | "break" | "continue" => Ok(inner.into()),
        "generation" => Ok("if true".into()),
        "endgeneration" => Ok("endif".into()),
        "set" => {
            let bytes = arguments.as_bytes();
            let is_assignment = |place: usize| {
                bytes[place] == b'='
                    && bytes.get(place + 1) != Some(&b'=')
                    && !matches!(place.checked_sub(1).map(|before| bytes[before]), Some(b'=' | b'!' | b'<' | b'>'))
            };
            let equals = outside_strings(arguments).find(|&(place, _, depth)| depth == 0 && is_assignment(place));
            Ok(match equals {
                Some((place, ..)) => {
                    format!("set{} {BOUNDED}(({}))", &arguments[..=place], &arguments[place + 1..])
                }
                None => format!("set{arguments} | {BOUNDED}"),
            })
        }
        "for" => {
            let start = find_word(arguments, "in").ok_or("a loop has no list")? + 2;
            let list = &arguments[start..];
            if find_word(list, "recursive").is_some() {
                return Err("it has a recursive loop".into());
            }
            let end = find_word(list, "if").unwrap_or(list.len());
            Ok(format!("for{} {BOUNDED}(({})) {}", &arguments[..start], &list[..end], &list[end..]))
        }
        "macro" => {
            let open = arguments.find('(').ok_or("a macro has no parameters")? + 1;
            let end = arguments.rfind(')').filter(|&end| end >= open).ok_or("a macro's parameters do not end")?;
            let list = &arguments[open..end];
            let commas = outside_strings(list).filter(|&(_, character, depth)| character == ',' && depth == 0);
            let mut places = vec![0];
            places.extend(commas.map(|(place, ..)| place + 1));
            let mut rewritten = inner.to_string();
            for (&start, next) in places.iter().zip(places.iter().skip(1).copied().chain([list.len() + 1])) {
                let name = list[start..next - 1].split('=').next().unwrap_or("").trim();
                if !name.is_empty() {
                    // The mark that trims what follows belongs to the last of these tags.
                    rewritten.push_str(&format!(" %}}{{% set {name} = {BOUNDED}({name})"));
                }
            }
            Ok(rewritten)
        }
        other => Err(format!(
            "it has the tag {:?}, which this program does not run",
            other.chars().take(40).collect::<String>()
        )),
    }
}
