//! Concepts marked in the text itself: `[[words]]`, or `[[name|words]]` where a text has several concepts.

use super::AttentionError;
use super::request::{ByteSpan, Concept, MarkedText};

const OPEN: &str = "[[";
const CLOSE: &str = "]]";

/// The text without its marks, and the concepts in the order in which they appear. Marks of one name are one concept;
/// those without a name are the concept that has the text's own name.
///
/// Errors   `Marks` with the byte of a mark that is not closed, not opened, nested or empty
pub fn parse_marks(name: &str, marked: &str) -> Result<MarkedText, AttentionError> {
    let wrong = |at: usize, what: &str| Err(AttentionError::Marks { text: name.into(), at, what: what.into() });
    let mut out = MarkedText { name: name.into(), ..MarkedText::default() };
    let mut at = 0;
    while at < marked.len() {
        let rest = &marked[at..];
        let open = rest.find(OPEN);
        match rest.find(CLOSE) {
            Some(close) if open.is_none_or(|open| close < open) => {
                return wrong(at + close, "]] closes a mark that nothing opened");
            }
            _ => {}
        }
        let Some(open) = open else {
            out.text.push_str(rest);
            break;
        };
        out.text.push_str(&rest[..open]);
        let inside = &rest[open + OPEN.len()..];
        let Some(close) = inside.find(CLOSE) else { return wrong(at + open, "[[ opens a mark that nothing closes") };
        let inside = &inside[..close];
        if inside.contains(OPEN) {
            return wrong(at + open, "[[ opens a mark inside a mark");
        }
        let (concept, words) = inside.split_once('|').unwrap_or((name, inside));
        let concept = concept.trim();
        if words.trim().is_empty() {
            return wrong(at + open, "a mark has no words in it");
        }
        let start = out.text.len() as u32;
        out.text.push_str(words);
        let span = ByteSpan { start, end: out.text.len() as u32 };
        match out.concepts.iter_mut().find(|known| known.name == concept) {
            Some(known) => known.spans.push(span),
            None => out.concepts.push(Concept { name: concept.into(), spans: vec![span], tokens: None }),
        }
        at += open + OPEN.len() + inside.len() + CLOSE.len();
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Oracle: by hand.
    #[test]
    fn marks_are_taken_out() {
        let text = parse_marks("Role", "No [[é rule]] but [[Act|to do]] [[s]], see a[1]").unwrap();
        assert_eq!(text.text, "No é rule but to do s, see a[1]");
        let words = |concept: &Concept| -> Vec<&str> {
            concept.spans.iter().map(|span| &text.text[span.start as usize..span.end as usize]).collect()
        };
        assert_eq!(text.concepts.len(), 2);
        assert_eq!((text.concepts[0].name.as_str(), words(&text.concepts[0])), ("Role", vec!["é rule", "s"]));
        assert_eq!((text.concepts[1].name.as_str(), words(&text.concepts[1])), ("Act", vec!["to do"]));
        assert_eq!(parse_marks("x", "").unwrap().text, "");
    }

    /// Negative control.
    #[test]
    fn broken_marks_are_refused_with_their_place() {
        for (marked, place) in [("ab [[c", 3), ("a]] b", 1), ("[[a [[b]] c]]", 0), ("ab[[ ]]", 2), ("ab[[n|]]", 2)] {
            match parse_marks("x", marked) {
                Err(AttentionError::Marks { at, .. }) => assert_eq!(at, place, "{marked}"),
                other => panic!("{marked}: {other:?}"),
            }
        }
    }
}
