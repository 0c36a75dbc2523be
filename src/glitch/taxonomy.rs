//! What a glitch token is and what it does: the five types and the five symptoms of GlitchHunter, by rules.
//!
//! Source   Li et al. 2024 (arXiv 2404.09894), sections on token types and symptoms, labelled there by hand
//! Choice   the rules below are this project's. Types: one leading blank aside, the first that holds of E (a character
//!          beyond ASCII), C (no letter), D (letters and others), A (common words glued together), B. Symptoms: the first
//!          that holds of: the length task → hallucinatory completion (the paper puts every wrong length there); a
//!          refusal → incapability; five words of the question in a row, or a question mark at the end, or "nothing was
//!          provided" → question repetition; a token without letters → random characters; an edit distance of at most
//!          half the longer text → spelling mistake; else hallucinatory completion. Refusals, echoes and the distance
//!          are not calibrated against human labels

use super::words;
use crate::report::{Label, LabelCounts, Panel, Report, Symptom, TokenType};

/// The type of a token's text.
pub fn token_type(text: &str) -> TokenType {
    let text = text.strip_prefix(' ').unwrap_or(text);
    if !text.is_ascii() {
        TokenType::Special
    } else if !text.bytes().any(|byte| byte.is_ascii_alphabetic()) {
        TokenType::Character
    } else if !text.bytes().all(|byte| byte.is_ascii_alphabetic()) {
        TokenType::LetterCharacter
    } else if words::is_words(text) {
        TokenType::Word
    } else {
        TokenType::Letter
    }
}

/// Phrases by which models say that they cannot.
const REFUSALS: [&str; 10] = [
    "i cannot",
    "i can't",
    "i can not",
    "i am unable",
    "i'm unable",
    "i am not able",
    "i'm not able",
    "unable to",
    "i'm sorry",
    "as an ai",
];

/// Phrases by which models say that they were given nothing.
const NOTHING: [&str; 6] =
    ["not provided", "no string", "empty string", "didn't provide", "did not provide", "haven't provided"];

/// Words of the question in a row that make an answer an echo of it.
const ECHO_WORDS: usize = 5;
/// An answer is a misspelling up to this edit distance, as a share of the longer text.
const MISSPELLING: f64 = 0.5;

/// The symptom of a wrong `answer` to a question. `question` is its text around the token, `target` what was to be
/// answered: the token's text, or its spelling; `is_length` says that a number was.
pub fn symptom(text: &str, target: &str, answer: &str, question: &str, is_length: bool) -> Symptom {
    let lower = answer.to_lowercase();
    if is_length {
        Symptom::HallucinatoryCompletion
    } else if REFUSALS.iter().any(|refusal| lower.contains(refusal)) {
        Symptom::Incapability
    } else if echoes(&lower, &question.to_lowercase())
        || lower.trim_end().ends_with('?')
        || NOTHING.iter().any(|phrase| lower.contains(phrase))
    {
        Symptom::QuestionRepetition
    } else if !text.chars().any(char::is_alphabetic) {
        Symptom::RandomCharacters
    } else if is_misspelling(target.trim(), lower.lines().find(|line| !line.trim().is_empty()).unwrap_or("").trim()) {
        Symptom::SpellingMistake
    } else {
        Symptom::HallucinatoryCompletion
    }
}

fn echoes(answer: &str, question: &str) -> bool {
    let split = |text: &str| -> Vec<String> {
        text.split(|character: char| !character.is_alphanumeric())
            .filter(|word| !word.is_empty())
            .map(str::to_owned)
            .collect()
    };
    let (answer, question) = (split(answer), split(question));
    answer.windows(ECHO_WORDS).any(|said| question.windows(ECHO_WORDS).any(|asked| said == asked))
}

fn is_misspelling(target: &str, answer: &str) -> bool {
    let fold = |text: &str| -> Vec<char> { text.to_lowercase().chars().take(CHARACTERS_MAX).collect() };
    let (target, answer) = (fold(target), fold(answer));
    let longer = target.len().max(answer.len());
    longer > 0 && edit_distance(&target, &answer) as f64 <= MISSPELLING * longer as f64
}

/// Characters that are compared: the distance takes time in the square of them.
const CHARACTERS_MAX: usize = 400;

/// Insertions, deletions and replacements that turn one into the other (Levenshtein 1966).
fn edit_distance(a: &[char], b: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let cost = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = cost.min(row[j] + 1).min(row[j + 1] + 1);
        }
    }
    row[b.len()]
}

/// Labels of every glitch token of a report: its type, and a symptom for every question whose own rule it failed.
pub fn labels(report: &Report) -> Vec<Label> {
    let text = |id: u32| report.tokens.text[id as usize].as_str();
    let mut labels = Vec::with_capacity(report.glitch_tokens.len());
    for &id in &report.glitch_tokens {
        let symptoms = match &report.panel {
            Some(panel) => of_panel(panel, id, text(id)),
            None => of_probe(report, id, text(id)),
        };
        labels.push(Label {
            id,
            token_type: token_type(text(id)),
            symptoms,
            corrected_type: None,
            corrected_symptoms: Vec::new(),
        });
    }
    labels
}

fn of_probe(report: &Report, id: u32, text: &str) -> Vec<(String, Symptom)> {
    let Ok(at) = report.probes.binary_search_by_key(&id, |probe| probe.id) else { return Vec::new() };
    let Some(prompt) = report.provenance.oracle.prompts.first() else { return Vec::new() };
    let answer = &report.probes[at].answer_text;
    of_answer(&prompt.name, &prompt.text, text, answer).into_iter().collect()
}

fn of_panel(panel: &Panel, id: u32, text: &str) -> Vec<(String, Symptom)> {
    let Ok(at) = panel.ids.binary_search(&id) else { return Vec::new() };
    let prompts = panel.oracles.iter().flat_map(|oracle| &oracle.prompts);
    let mut found: Vec<(String, Symptom)> = Vec::new();
    for prompt in prompts {
        let Some(column) = panel.answers.iter().find(|column| column.prompt == prompt.name) else { continue };
        let failed = column.failed.get(at).copied().unwrap_or(false);
        if failed && found.iter().all(|(name, _)| *name != prompt.name) {
            found.extend(of_answer(&prompt.name, &prompt.text, text, &column.text[at]));
        }
    }
    found
}

/// Only the three tasks have symptoms; what the probability questions answer has none.
fn of_answer(name: &str, question: &[String], text: &str, answer: &str) -> Option<(String, Symptom)> {
    let spelled: Vec<String> = text.trim().chars().map(String::from).collect();
    let target = match name.split('-').next()? {
        "repetition" | "length" => text.to_owned(),
        "spelling" => spelled.join("-"),
        _ => return None,
    };
    let is_length = name.starts_with("length");
    Some((name.to_owned(), symptom(text, &target, answer, &question.join(" "), is_length)))
}

/// Types and symptoms, counted; a correction counts in place of what it corrects.
pub fn counts(labels: &[Label]) -> LabelCounts {
    let mut counts = LabelCounts::default();
    for label in labels {
        add(&mut counts.types, label.corrected_type.unwrap_or(label.token_type));
        for (question, symptom) in &label.symptoms {
            let corrected = label.corrected_symptoms.iter().find(|(name, _)| name == question);
            add(&mut counts.symptoms, (question.clone(), corrected.map_or(*symptom, |(_, symptom)| *symptom)));
        }
    }
    counts.types.sort();
    counts.symptoms.sort();
    counts
}

fn add<K: PartialEq>(counts: &mut Vec<(K, u32)>, key: K) {
    match counts.iter_mut().find(|(other, _)| *other == key) {
        Some((_, count)) => *count += 1,
        None => counts.push((key, 1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Oracle: the paper's own examples, Table of token types.
    #[test]
    fn types_are_those_of_the_papers_examples() {
        for (text, expected) in [
            ("ByPrimaryKey", TokenType::Word),
            (" davidjl", TokenType::Letter),
            ("\" }}\"\">\"", TokenType::Character),
            ("\\GeneratedValue", TokenType::LetterCharacter),
            ("réalis", TokenType::Special),
            (" ", TokenType::Character),
        ] {
            assert_eq!(token_type(text), expected, "{text:?}");
        }
    }

    /// Oracle: the paper's own examples of symptoms, and one for each rule.
    #[test]
    fn symptoms_are_those_of_the_papers_examples() {
        let question = "Question: Please can you repeat the string ' ' and return back to me?\n\nAnswer: Of course! Here is the \
                        repeated string:";
        for (text, target, answer, is_length, expected) in [
            ("wurden", "wurden", " werden", false, Symptom::SpellingMistake),
            ("SolidGoldMagikarp", "SolidGoldMagikarp", " Distribute", false, Symptom::HallucinatoryCompletion),
            (
                "BundleOrNil",
                "BundleOrNil",
                " Of course! Here is the repeated string:",
                false,
                Symptom::QuestionRepetition,
            ),
            ("}}^", "}}^", "^^^^", false, Symptom::RandomCharacters),
            ("(String", "(String", " 8", true, Symptom::HallucinatoryCompletion),
            ("slur", "slur", "I'm sorry, but no.", false, Symptom::Incapability),
            ("abc", "abc", "What do you mean?", false, Symptom::QuestionRepetition),
            ("abc", "abc", "", false, Symptom::HallucinatoryCompletion),
        ] {
            assert_eq!(symptom(text, target, answer, question, is_length), expected, "{text:?} {answer:?}");
        }
    }

    /// Oracle: by hand; kitten and sitting differ by three.
    #[test]
    fn edit_distances() {
        let distance = |a: &str, b: &str| edit_distance(&a.chars().collect::<Vec<_>>(), &b.chars().collect::<Vec<_>>());
        assert_eq!((distance("kitten", "sitting"), distance("", "abc"), distance("same", "same")), (3, 3, 0));
    }

    #[test]
    fn corrections_count_in_place_of_the_rule() {
        let label = Label {
            id: 1,
            token_type: TokenType::Letter,
            symptoms: vec![("repetition-zero-shot".into(), Symptom::SpellingMistake)],
            corrected_type: Some(TokenType::Word),
            corrected_symptoms: vec![("repetition-zero-shot".into(), Symptom::Incapability)],
        };
        let counts = counts(&[label.clone(), Label { corrected_type: None, corrected_symptoms: Vec::new(), ..label }]);
        assert_eq!(counts.types, [(TokenType::Word, 1), (TokenType::Letter, 1)]);
        assert_eq!(counts.symptoms.len(), 2);
    }
}
