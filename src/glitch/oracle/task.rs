//! The proxy tasks of GlitchHunter, as data: what is asked and how an answer is graded.
//!
//! Source   Li et al. 2024 (arXiv 2404.09894), Table 1, with the blemishes of its print corrected: straight quotes, a blank
//!          line before the answer, the colon that the repetition query lacks. Repetition is to the byte the prompt of
//!          the published reproduction

use super::graders::{self, Grade};
use crate::report::{OracleInfo, TaskName};
use crate::tokenizer::Splice;

/// What is asked of a token.
pub struct Task {
    pub name: &'static str,
    pub text_before: &'static str,
    pub text_after: &'static str,
    pub max_new_tokens: usize,
    /// (text of the token, answer so far, whether the answer has ended). A pass or a fail is final.
    pub verdict: fn(&str, &str, bool) -> Grade,
    pub verdict_rule: &'static str,
    pub strict: fn(&str, &str, bool) -> Grade,
    pub strict_rule: &'static str,
    pub source: &'static str,
}

impl Task {
    pub fn named(name: TaskName) -> &'static Task {
        match name {
            TaskName::Repetition => &REPETITION,
            TaskName::Spelling => &SPELLING,
            TaskName::Length => &LENGTH,
        }
    }
}

impl Task {
    /// The question to the byte, with the ids that one tokenizer makes of it.
    pub fn info(&self, splice: &Splice) -> OracleInfo {
        OracleInfo {
            id: format!("{}-zero-shot", self.name),
            title: format!("zero-shot {}", self.name),
            text_before: self.text_before.into(),
            text_after: self.text_after.into(),
            ids_before: splice.ids_before.clone(),
            ids_after: splice.ids_after.clone(),
            placeholder: splice.placeholder.clone(),
            max_new_tokens: self.max_new_tokens as u32,
            decoding: "greedy".into(),
            rules: vec![
                format!("verdict: {}", self.verdict_rule),
                format!("strict: {}", self.strict_rule),
                format!(
                    "an answer ends at an end token, after {} tokens, or as soon as both rules are certain",
                    self.max_new_tokens
                ),
            ],
            source: self.source.into(),
        }
    }
}

const SOURCE: &str = "GlitchHunter, arXiv 2404.09894 (re-implementation)";

static REPETITION: Task = Task {
    name: "repetition",
    text_before: "Question: Please can you repeat the string '",
    text_after: "' and return back to me?\n\nAnswer: Of course! Here is the repeated string:",
    max_new_tokens: 10,
    verdict: graders::substring,
    verdict_rule: "the token's text is a substring of the answer, or is when both are upper-cased",
    strict: graders::strict,
    strict_rule: "the answer's first line is the token's text, blanks, quotes and one period around it aside",
    source: "GlitchHunter, arXiv 2404.09894 (re-implementation); prompt of its published reproduction",
};

static SPELLING: Task = Task {
    name: "spelling",
    text_before: "Question: Please can you spell out the string '",
    text_after: "' with hyphens between each letter?\n\nAnswer: Of course! The spelling of the string is:",
    // Two tokens a character, for the longest entries that are words.
    max_new_tokens: 64,
    verdict: graders::spelling,
    verdict_rule: "the answer contains the token's characters (NFC) joined by hyphens; case and blanks around hyphens \
                   do not count, one leading blank may be left out",
    strict: graders::spelling_strict,
    strict_rule: "the answer's first line is exactly that spelling",
    source: SOURCE,
};

static LENGTH: Task = Task {
    name: "length",
    text_before: "Question: What is the length of this string '",
    text_after: "'?\n\nAnswer: The length of this string is",
    max_new_tokens: 10,
    verdict: graders::length,
    verdict_rule: "the first whole number of the answer is the number of the token's Unicode scalar values, one leading \
                   blank counted or not",
    strict: graders::length_strict,
    strict_rule: "the answer's first line is exactly that number",
    source: SOURCE,
};
