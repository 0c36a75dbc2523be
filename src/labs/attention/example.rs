//! The worked example: sentences in the style of statutes, written for this project, with one concept each.
//!
//! They use the words that the built-in models know. No law says them.

use super::parse_marks;
use super::request::AttentionRequest;

/// A line each: the name of its concept, a tab, the marked text.
const LINES: &str = include_str!("example.txt");

/// The request that the page and the command begin with.
pub fn example() -> AttentionRequest {
    let texts = LINES
        .lines()
        .filter_map(|line| line.split_once('\t'))
        .map(|(name, marked)| parse_marks(name, marked).expect("OK because a test reads the file"))
        .collect();
    AttentionRequest { texts, ..AttentionRequest::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Oracle: the file itself. Every line is a text with one concept of its own name.
    #[test]
    fn every_line_is_a_text_with_a_concept() {
        let example = example();
        assert_eq!(example.texts.len(), LINES.lines().count());
        assert!(example.texts.len() >= 6);
        for text in &example.texts {
            assert!(text.concepts.len() == 1 && text.concepts[0].name == text.name, "{text:?}");
        }
    }
}
