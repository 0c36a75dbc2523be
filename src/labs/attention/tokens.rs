//! From marked letters to tokens, and which tokens are left out.
//!
//! A token belongs to a span when the two share a letter that is no blank. Tokenizers differ in whether a token holds the
//! blank before its word, so blanks decide nothing.

use sha2::{Digest, Sha256};

use super::AttentionError;
use super::request::{AttentionRequest, ByteSpan, Concept, Exclusion, MarkedText, Preset};
use super::result::{AttentionWarning, ConceptTokens, TextToken, TextTokens};
use crate::error::Result;
use crate::tokenizer::{Encoding, Tokenizer};

/// The mark that sentencepiece puts where a word starts; the first letter of byte-level entries stands for the same.
const WORD_START: char = '\u{2581}';
const BYTE_LEVEL_BLANK: char = 'Ġ';

/// The study's list, without the beginning of text.
const PAPER: [&str; 11] = ["'", "(", ")", ",", "-", ".", ":", "\u{2581}", "\u{2581}(", "\u{2581}...", "\u{2581}[...]"];

/// The entries that a preset leaves out; `<s>` stands for the beginning of text, whatever its name.
pub fn pieces(preset: Preset) -> Vec<&'static str> {
    let paper = |keeps: fn(&&str) -> bool| PAPER.into_iter().chain(["<s>"]).filter(keeps).collect();
    match preset {
        Preset::Paper12 => paper(|_| true),
        Preset::Paper11 => paper(|piece| *piece != "\u{2581}"),
        Preset::BosOnly => vec!["<s>"],
        Preset::None | Preset::Custom => Vec::new(),
    }
}

/// Every text of a request as the tokenizer cuts it.
///
/// Errors   `NoTexts`, `EmptyText`, `NoConcepts`, `Span`, `Position`, `EmptyConcept`; what the tokenizer says
pub fn text_tokens(tokenizer: &Tokenizer, request: &AttentionRequest) -> Result<Vec<TextTokens>> {
    if request.texts.is_empty() {
        return Err(AttentionError::NoTexts.into());
    }
    request.texts.iter().map(|text| one_text(tokenizer, text, &request.exclusion)).collect()
}

fn one_text(tokenizer: &Tokenizer, text: &MarkedText, exclusion: &Exclusion) -> Result<TextTokens> {
    if text.text.trim().is_empty() {
        return Err(AttentionError::EmptyText { text: text.name.clone() }.into());
    }
    if text.concepts.is_empty() {
        return Err(AttentionError::NoConcepts { text: text.name.clone() }.into());
    }
    let encoding = tokenizer.encode(&text.text, true)?;
    Ok(of_encoding(&encoding, text, exclusion)?)
}

/// The same of ids that are known already.
pub fn of_encoding(
    encoding: &Encoding,
    text: &MarkedText,
    exclusion: &Exclusion,
) -> Result<TextTokens, AttentionError> {
    let n = encoding.ids.len();
    for &position in text.also_excluded.iter().chain(&text.kept) {
        check_position(text, position, n)?;
    }
    let mut warnings = Vec::new();
    let mut tokens: Vec<TextToken> = (0..n)
        .map(|i| TextToken {
            id: encoding.ids[i],
            piece: encoding.tokens[i].clone(),
            // OK because a text has at most MAX_TEXT_BYTES.
            start: encoding.offsets[i].0 as u32,
            end: encoding.offsets[i].1 as u32,
            excluded: false,
        })
        .collect();
    exclude(&mut tokens, text, exclusion, &mut warnings);
    let mut concepts = Vec::new();
    for concept in &text.concepts {
        let found = concept_tokens(&tokens, text, concept)?;
        if !found.cut.is_empty() {
            warnings.push(AttentionWarning::NotAligned { concept: found.name.clone(), tokens: found.cut.clone() });
        }
        if !found.excluded.is_empty() {
            warnings.push(AttentionWarning::ConceptExcluded {
                concept: found.name.clone(),
                all: found.excluded.len() == found.tokens.len(),
                tokens: found.excluded.clone(),
            });
        }
        concepts.push(found);
    }
    let sha256 = Sha256::digest(text.text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(TextTokens { name: text.name.clone(), sha256, tokens, concepts, warnings })
}

fn exclude(tokens: &mut [TextToken], text: &MarkedText, exclusion: &Exclusion, warnings: &mut Vec<AttentionWarning>) {
    let listed: Vec<String> = match exclusion.preset {
        Preset::Custom => exclusion.pieces.iter().map(|piece| alike(piece)).collect(),
        preset => pieces(preset).into_iter().map(String::from).collect(),
    };
    for token in tokens.iter_mut() {
        token.excluded = listed.contains(&alike(&token.piece));
    }
    let leaves_beginning = !matches!(exclusion.preset, Preset::None | Preset::Custom);
    if let Some(first) = tokens.first_mut()
        && leaves_beginning
    {
        if first.start != first.end {
            // Without a token for the beginning, the first one takes its part as the place where attention rests.
            warnings.push(AttentionWarning::NoBeginning { piece: first.piece.clone() });
        }
        first.excluded = true;
    }
    for &position in &text.also_excluded {
        tokens[position as usize].excluded = true;
    }
    for &position in &text.kept {
        tokens[position as usize].excluded = false;
    }
}

/// An entry with sentencepiece's mark for a word's start, whichever way the vocabulary writes it.
fn alike(piece: &str) -> String {
    match piece.strip_prefix(BYTE_LEVEL_BLANK) {
        Some(rest) => format!("{WORD_START}{rest}"),
        None => piece.into(),
    }
}

fn concept_tokens(tokens: &[TextToken], text: &MarkedText, concept: &Concept) -> Result<ConceptTokens, AttentionError> {
    for &span in &concept.spans {
        if !is_span(&text.text, span) {
            return Err(AttentionError::Span {
                concept: concept.name.clone(),
                start: span.start,
                end: span.end,
                bytes: text.text.len(),
            });
        }
    }
    let mut found = ConceptTokens {
        name: concept.name.clone(),
        tokens: Vec::new(),
        by_hand: concept.tokens.is_some(),
        cut: Vec::new(),
        excluded: Vec::new(),
    };
    match &concept.tokens {
        Some(chosen) => {
            for &position in chosen {
                check_position(text, position, tokens.len())?;
            }
            found.tokens = chosen.clone();
            found.tokens.sort_unstable();
            found.tokens.dedup();
        }
        None => {
            for (i, token) in tokens.iter().enumerate() {
                let (inside, outside) = letters(&text.text, token, &concept.spans);
                if inside > 0 {
                    found.tokens.push(i as u32);
                    if outside > 0 {
                        found.cut.push(i as u32);
                    }
                }
            }
        }
    }
    if found.tokens.is_empty() {
        return Err(AttentionError::EmptyConcept { concept: concept.name.clone(), text: text.name.clone() });
    }
    found.excluded = found.tokens.iter().copied().filter(|&i| tokens[i as usize].excluded).collect();
    Ok(found)
}

/// Letters of a token, blanks not counted, inside and outside the spans.
fn letters(text: &str, token: &TextToken, spans: &[ByteSpan]) -> (usize, usize) {
    let own = text.get(token.start as usize..token.end as usize).unwrap_or("");
    let mut counts = (0, 0);
    for (i, letter) in own.char_indices().filter(|(_, letter)| !letter.is_whitespace()) {
        let at = token.start + i as u32;
        let end = at + letter.len_utf8() as u32;
        match spans.iter().any(|span| at < span.end && end > span.start) {
            true => counts.0 += 1,
            false => counts.1 += 1,
        }
    }
    counts
}

fn is_span(text: &str, span: ByteSpan) -> bool {
    text.get(span.start as usize..span.end as usize).is_some_and(|words| !words.is_empty())
}

fn check_position(text: &MarkedText, position: u32, tokens: usize) -> Result<(), AttentionError> {
    if (position as usize) < tokens {
        return Ok(());
    }
    Err(AttentionError::Position { text: text.name.clone(), position, tokens })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoding(pieces: &[(&str, usize, usize)]) -> Encoding {
        Encoding {
            ids: (0..pieces.len() as u32).collect(),
            tokens: pieces.iter().map(|piece| piece.0.into()).collect(),
            offsets: pieces.iter().map(|piece| (piece.1, piece.2)).collect(),
        }
    }

    fn marked(text: &str, spans: &[(u32, u32)]) -> MarkedText {
        let spans = spans.iter().map(|&(start, end)| ByteSpan { start, end }).collect();
        let concept = Concept { name: "c".into(), spans, tokens: None };
        MarkedText { name: "t".into(), text: text.into(), concepts: vec![concept], ..MarkedText::default() }
    }

    /// Oracle: the study's rule by hand, with blanks in the tokens, before them, and as tokens of their own.
    #[test]
    fn a_token_belongs_to_a_span_that_shares_a_letter_with_it() {
        let text = marked("no employer shall", &[(2, 11)]);
        let paper = Exclusion::default();
        for pieces in [
            &[("<s>", 0, 0), ("▁no", 0, 2), ("▁employ", 3, 9), ("er", 9, 11), ("▁shall", 12, 17)][..],
            &[("<s>", 0, 0), ("no", 0, 2), ("Ġemploy", 2, 9), ("er", 9, 11), ("Ġshall", 11, 17)],
        ] {
            let tokens = of_encoding(&encoding(pieces), &text, &paper).unwrap();
            assert_eq!(tokens.concepts[0].tokens, [2, 3], "{pieces:?}");
            assert!(tokens.concepts[0].cut.is_empty() && tokens.warnings.is_empty(), "{tokens:?}");
            assert_eq!(
                tokens.tokens.iter().map(|token| token.excluded).collect::<Vec<_>>(),
                [true, false, false, false, false]
            );
        }
        let tokens = of_encoding(
            &encoding(&[("<s>", 0, 0), ("no", 0, 2), ("Ġemployer", 2, 11), ("Ġ", 11, 12), ("shall", 12, 17)]),
            &marked("no employer shall", &[(3, 9), (11, 12)]),
            &paper,
        );
        let tokens = tokens.unwrap();
        assert_eq!((&tokens.concepts[0].tokens[..], &tokens.concepts[0].cut[..]), (&[2][..], &[2][..]));
        assert_eq!(tokens.warnings, [AttentionWarning::NotAligned { concept: "c".into(), tokens: vec![2] }]);
        // The lone word start is one of the twelve, and not of the eleven.
        assert!(tokens.tokens[3].excluded);
    }

    /// Oracle: the lists of the study's two runs: ten and nine tokens of one text, for a text of that kind.
    #[test]
    fn presets_differ_by_the_lone_word_start() {
        let text = marked("a (b), c.", &[(0, 1)]);
        let pieces = [
            ("<s>", 0, 0),
            ("▁", 0, 0),
            ("a", 0, 1),
            ("▁(", 2, 3),
            ("b", 3, 4),
            (")", 4, 5),
            (",", 5, 6),
            ("▁c", 7, 8),
            (".", 8, 9),
        ];
        let excluded = |preset| -> Vec<usize> {
            let exclusion = Exclusion { preset, pieces: vec!["Ġc".into(), "b".into()] };
            let tokens = of_encoding(&encoding(&pieces), &text, &exclusion).unwrap().tokens;
            tokens.iter().enumerate().filter(|(_, token)| token.excluded).map(|(i, _)| i).collect()
        };
        assert_eq!(excluded(Preset::Paper12), [0, 1, 3, 5, 6, 8]);
        assert_eq!(excluded(Preset::Paper11), [0, 3, 5, 6, 8]);
        assert_eq!(excluded(Preset::BosOnly), [0]);
        assert_eq!(excluded(Preset::None), [0usize; 0]);
        assert_eq!(excluded(Preset::Custom), [4, 7]);
        assert_eq!((super::pieces(Preset::Paper12).len(), super::pieces(Preset::Paper11).len()), (12, 11));
        let by_hand = MarkedText { also_excluded: vec![4], kept: vec![0], ..text };
        let tokens = of_encoding(&encoding(&pieces), &by_hand, &Exclusion::default()).unwrap().tokens;
        assert!(tokens[4].excluded && !tokens[0].excluded);
    }

    /// Negative control: what cannot be is refused with its numbers.
    #[test]
    fn nonsense_is_refused() {
        let pieces = encoding(&[("é", 0, 2), ("b", 3, 4)]);
        let exclusion = Exclusion::default();
        for (spans, expected) in [
            (&[(1, 4)][..], "bytes 1 to 4"),
            (&[(0, 9)], "bytes 0 to 9"),
            (&[(2, 1)], "bytes 2 to 1"),
            (&[(2, 3)], "no token"),
            (&[], "no token"),
        ] {
            let error = of_encoding(&pieces, &marked("é b", spans), &exclusion).unwrap_err().to_string();
            assert!(error.contains(expected), "{spans:?}: {error}");
        }
        let text = MarkedText { kept: vec![2], ..marked("é b", &[(0, 2)]) };
        assert!(of_encoding(&pieces, &text, &exclusion).unwrap_err().to_string().contains("position 2"));
        // A text without a beginning of its own loses its first token, and is told so.
        let warnings = of_encoding(&pieces, &marked("é b", &[(0, 2)]), &exclusion).unwrap().warnings;
        assert!(warnings.contains(&AttentionWarning::NoBeginning { piece: "é".into() }), "{warnings:?}");
        assert!(warnings.iter().any(|w| matches!(w, AttentionWarning::ConceptExcluded { all: true, .. })));
    }
}
