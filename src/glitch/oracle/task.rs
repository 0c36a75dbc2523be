//! The proxy tasks of GlitchHunter, as data: what is asked and how an answer is graded.
//!
//! Source   Li et al. 2024 (arXiv 2404.09894), Table 1, with the blemishes of its print corrected: straight quotes, a blank
//!          line before the answer, the colon that the repetition query lacks, one character too many in a shot.
//!          Repetition is to the byte the prompt of the published reproduction
//! Choice   solved shots stand in blocks with a blank line between; a repeated string follows the colon after a blank

use super::graders::{self, Grade};
use super::question::{Decoding, Grading, HOLE, Question, user};
use crate::report::TaskName;

/// What is asked of a token.
pub struct Task {
    pub name: &'static str,
    /// The question, to the token and from it, and how the answer begins.
    question_before: &'static str,
    question_after: &'static str,
    lead_in: &'static str,
    pub max_new_tokens: usize,
    /// (text of the token, answer so far, whether the answer has ended). A pass or a fail is final.
    pub verdict: fn(&str, &str, bool) -> Grade,
    pub verdict_rule: &'static str,
    pub strict: fn(&str, &str, bool) -> Grade,
    pub strict_rule: &'static str,
    pub source: &'static str,
    /// The right answers to `SHOT_STRINGS`.
    shot_answers: [&'static str; 3],
}

/// The strings of the paper's solved shots.
const SHOT_STRINGS: [&str; 3] = ["Hello", "215", "\"#%!"];

impl Task {
    pub const ALL: [TaskName; 3] = [TaskName::Repetition, TaskName::Spelling, TaskName::Length];

    pub fn named(name: TaskName) -> &'static Task {
        match name {
            TaskName::Repetition => &REPETITION,
            TaskName::Spelling => &SPELLING,
            TaskName::Length => &LENGTH,
        }
    }

    /// The task without examples.
    pub fn zero_shot(&self) -> Question {
        self.question(format!("{}-zero-shot", self.name), "")
    }

    /// The task behind the paper's three solved shots.
    pub fn few_shot(&self) -> Question {
        let shots: String = SHOT_STRINGS
            .iter()
            .zip(self.shot_answers)
            .map(|(text, answer)| self.block(text) + answer + "\n\n")
            .collect();
        self.question(format!("{}-few-shot", self.name), &shots)
    }

    fn question(&self, name: String, shots: &str) -> Question {
        let asked = format!("{}{HOLE}{}", self.question_before, self.question_after);
        Question {
            name,
            turns: vec![user(if shots.is_empty() { asked } else { format!("{shots}Question: {asked}") })],
            prefill: self.lead_in.into(),
            plain: format!("{shots}{}", self.block(&HOLE.to_string())),
            max_new_tokens: self.max_new_tokens,
            decoding: Decoding::Greedy,
            grading: Some(Grading { verdict: self.verdict, strict: self.strict }),
        }
    }

    fn block(&self, text: &str) -> String {
        format!("Question: {}{text}{}\n\nAnswer: {}", self.question_before, self.question_after, self.lead_in)
    }

    /// The rules in words.
    pub fn rules(&self) -> Vec<String> {
        vec![
            format!("verdict: {}", self.verdict_rule),
            format!("strict: {}", self.strict_rule),
            format!(
                "an answer ends at an end token, after {} tokens, or as soon as both rules are certain",
                self.max_new_tokens
            ),
        ]
    }
}

const SOURCE: &str = "GlitchHunter, arXiv 2404.09894 (re-implementation)";

static REPETITION: Task = Task {
    name: "repetition",
    question_before: "Please can you repeat the string '",
    question_after: "' and return back to me?",
    lead_in: "Of course! Here is the repeated string:",
    max_new_tokens: 10,
    verdict: graders::substring,
    verdict_rule: "the token's text is a substring of the answer, or is when both are upper-cased",
    strict: graders::strict,
    strict_rule: "the answer's first line is the token's text, blanks, quotes and one period around it aside",
    source: "GlitchHunter, arXiv 2404.09894 (re-implementation); prompt of its published reproduction",
    shot_answers: [" Hello", " 215", " \"#%!"],
};

static SPELLING: Task = Task {
    name: "spelling",
    question_before: "Please can you spell out the string '",
    question_after: "' with hyphens between each letter?",
    lead_in: "Of course! The spelling of the string is:",
    // Two tokens a character, for the longest entries that are words.
    max_new_tokens: 64,
    verdict: graders::spelling,
    verdict_rule: "the answer contains the token's characters (NFC) joined by hyphens; case and blanks around hyphens \
                   do not count, one leading blank may be left out",
    strict: graders::spelling_strict,
    strict_rule: "the answer's first line is exactly that spelling",
    source: SOURCE,
    shot_answers: [" H-e-l-l-o", " 2-1-5", " \"-#-%-!"],
};

static LENGTH: Task = Task {
    name: "length",
    question_before: "What is the length of this string '",
    question_after: "'?",
    lead_in: "The length of this string is",
    max_new_tokens: 10,
    verdict: graders::length,
    verdict_rule: "the first whole number of the answer is the number of the token's Unicode scalar values, one leading \
                   blank counted or not",
    strict: graders::length_strict,
    strict_rule: "the answer's first line is exactly that number",
    source: SOURCE,
    shot_answers: [" 5.", " 3.", " 4."],
};

#[cfg(test)]
mod tests {
    use super::*;

    /// Oracle: the shots are right by the task's own strict rule, and the query stands behind them as without them.
    #[test]
    fn the_shots_are_solved_and_the_query_is_the_same() {
        for name in Task::ALL {
            let task = Task::named(name);
            for (text, answer) in SHOT_STRINGS.iter().zip(task.shot_answers) {
                assert_eq!((task.strict)(text, answer, true), Grade::Pass, "{text:?} {answer:?}");
            }
            let (zero, few) = (task.zero_shot().plain, task.few_shot().plain);
            assert!(few.ends_with(&format!("\n\n{zero}")), "{few}");
            assert_eq!(few.matches("Question: ").count(), 4);
        }
    }

    /// Oracle: the prompt of the published reproduction.
    #[test]
    fn repetition_is_the_published_prompt_to_the_byte() {
        let expected = format!(
            "Question: Please can you repeat the string '{HOLE}' and return back to me?\n\nAnswer: Of course! Here is the \
             repeated string:"
        );
        assert_eq!(Task::named(TaskName::Repetition).zero_shot().plain, expected);
    }
}
