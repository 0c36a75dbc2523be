//! Glitch tokens in their context: stretches of ids around them, and the same as text.

use serde::{Deserialize, Serialize};

use crate::tokenizer::Tokenizer;

/// Tokens of context on either side.
const CONTEXT: usize = 12;

/// Tokens of an excerpt at most, so that a text full of glitch tokens is not shown whole.
const MAX_TOKENS: usize = 64;

/// A stretch of a text's ids.
#[derive(Clone, Debug, PartialEq)]
pub struct Window {
    ids: Vec<u32>,
    /// Which of them are the ones that are looked for, ascending.
    hits: Vec<usize>,
    /// The text goes on before and behind.
    cut: (bool, bool),
}

/// Glitch tokens in their context.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Excerpt {
    /// The text goes on before and behind the excerpt.
    pub cut_before: bool,
    pub cut_behind: bool,
    pub spans: Vec<Span>,
}

/// A stretch of ordinary text, or one glitch token.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Span {
    pub text: String,
    /// The glitch token's id; null for ordinary text.
    pub id: Option<u32>,
}

/// At most `most` windows around the places `hits` (ascending) of a text's ids; neighbours share one.
pub fn windows(ids: &[u32], hits: &[usize], most: usize) -> Vec<Window> {
    let mut windows: Vec<Window> = Vec::new();
    let mut rest = hits;
    while let Some(&first) = rest.first()
        && windows.len() < most
    {
        let start = first.saturating_sub(CONTEXT);
        let mut last = first;
        let mut count = 1;
        for &hit in &rest[1..] {
            if hit - last > 2 * CONTEXT || hit - start >= MAX_TOKENS - CONTEXT {
                break;
            }
            last = hit;
            count += 1;
        }
        let end = (last + CONTEXT + 1).min(ids.len());
        windows.push(Window {
            ids: ids[start..end].to_vec(),
            hits: rest[..count].iter().map(|hit| hit - start).collect(),
            cut: (start > 0, end < ids.len()),
        });
        rest = &rest[count..];
    }
    windows
}

impl Window {
    pub fn text(&self, tokenizer: &Tokenizer) -> Excerpt {
        let mut spans: Vec<Span> = Vec::new();
        let ordinary = |ids: &[u32]| {
            // Bytes and not decoded text: decoders leave blanks out at the beginning.
            let bytes: Vec<u8> = ids.iter().filter_map(|&id| tokenizer.token_bytes(id)).flatten().collect();
            (!bytes.is_empty()).then(|| Span { text: String::from_utf8_lossy(&bytes).into_owned(), id: None })
        };
        let mut done = 0;
        for &hit in &self.hits {
            spans.extend(ordinary(&self.ids[done..hit]));
            let id = self.ids[hit];
            let bytes = tokenizer.token_bytes(id).unwrap_or_default();
            spans.push(Span { text: String::from_utf8_lossy(&bytes).into_owned(), id: Some(id) });
            done = hit + 1;
        }
        spans.extend(ordinary(&self.ids[done..]));
        Excerpt { cut_before: self.cut.0, cut_behind: self.cut.1, spans }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Oracle: by hand.
    #[test]
    fn neighbours_share_a_window() {
        let ids: Vec<u32> = (100..400).collect();
        let found = windows(&ids, &[5, 20, 100, 299], 9);
        let shape = |window: &Window| (window.ids[0], window.ids.len(), window.hits.clone(), window.cut);
        assert_eq!(
            found.iter().map(shape).collect::<Vec<_>>(),
            [
                (100, 33, vec![5, 20], (false, true)),
                (188, 25, vec![12], (true, true)),
                (387, 13, vec![12], (true, false))
            ]
        );
        assert_eq!(windows(&ids, &[5, 20, 100, 299], 1).len(), 1);
        let all: Vec<usize> = (0..300).collect();
        let full = windows(&ids, &all, 3);
        assert!(full.iter().all(|window| window.ids.len() <= MAX_TOKENS + CONTEXT));
        // Every place is a hit of at most one window.
        let hits: Vec<u32> = full.iter().flat_map(|w| w.hits.iter().map(|&hit| w.ids[hit])).collect();
        assert!(hits.windows(2).all(|pair| pair[0] < pair[1]));
        assert!(windows(&ids, &[], 3).is_empty());
    }
}
