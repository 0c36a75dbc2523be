//! Every oracle: what it asks, how it judges, and where that comes from.
//!
//! Choice   GlitchMiner and the sampled rate are published for chat models only. For base models their questions are
//!          written out as `User:` and `Assistant:` lines, or as the `Question:` and `Answer:` of the first oracle

use super::asker::Answer;
use super::question::{Decoding, HOLE, Question, user};
use super::task::Task;
use crate::glitch::ScanError;
use crate::report::{ScanOptions, TaskName};
use crate::stats::wilson_interval;
use crate::tokenizer::ChatMessage;

/// One oracle: its questions and its rule.
pub struct OracleSpec {
    pub id: String,
    pub title: String,
    pub questions: Vec<Question>,
    judge: Judge,
    pub rules: Vec<String>,
    /// What the graded value is.
    pub value: &'static str,
    pub source: &'static str,
}

enum Judge {
    /// Every question's own rule must be met.
    EveryQuestion,
    /// The token must reach this probability at some step of some question.
    MaxProbability { verdict: f32, strict: f32 },
    /// The token must be the most probable next one, for some question; strictly, for all.
    Argmax,
    /// The share of attempts that fail must stay below this; strictly, none may fail.
    FailureRate { verdict: f64 },
}

/// What an oracle says of a token.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Verdict {
    pub passed: bool,
    pub passed_strict: bool,
    pub value: f32,
    /// Confidence interval of the value, where it is an estimate.
    pub interval: Option<(f32, f32)>,
}

/// Shots of Magikarp's two prompts that have some.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shots {
    pub input_output: usize,
    pub repeats: usize,
}

impl Shots {
    pub const PUBLISHED: Shots = Shots { input_output: 20, repeats: 50 };

    /// One shot less for the question of this name; false when it has none to give.
    pub fn shorten(&mut self, question: &str) -> bool {
        let shots = match question {
            INPUT_OUTPUT => &mut self.input_output,
            REPEATS => &mut self.repeats,
            _ => return false,
        };
        *shots -= usize::from(*shots > 1);
        *shots > 1
    }
}

/// The ids that [`oracle`] knows, in the order in which they are listed.
pub const ORACLES: [&str; 11] = [
    "repetition-zero-shot",
    "spelling-zero-shot",
    "length-zero-shot",
    "glitchhunter-zero-shot",
    "repetition-few-shot",
    "spelling-few-shot",
    "length-few-shot",
    "glitchhunter-few-shot",
    "magikarp-max-prob",
    "glitchminer-argmax",
    "repetition-sampled",
];

const INPUT_OUTPUT: &str = "magikarp-input-output";
const EXPLAIN: &str = "magikarp-assistant-explain";
const REPEATS: &str = "magikarp-repeats";
/// The confidence of the interval that goes with a failure rate.
const CONFIDENCE: f64 = 0.95;

const GLITCHHUNTER: &str = "GlitchHunter, arXiv 2404.09894 (re-implementation)";
const MAGIKARP: &str = "Magikarp, arXiv 2405.05417 (re-implementation; prompts of cohere-ai/magikarp)";
const GLITCHMINER: &str = "GlitchMiner, arXiv 2410.15052 (re-implementation)";
const SAMPLED: &str = "the attack success rate of binaryninja/glitcher (temperature 0.7, top-p 0.9, threshold 0.5), on \
                       GlitchHunter's repetition prompt";

/// The oracle of an id. `is_chat` says that its questions will be asked as conversations where they can be, and makes
/// the id end in `-chat` if any is.
pub fn oracle(id: &str, options: &ScanOptions, shots: Shots, is_chat: bool) -> Result<OracleSpec, ScanError> {
    let few = id.ends_with("-few-shot");
    let ask = |name: TaskName| {
        let task = Task::named(name);
        if few { task.few_shot() } else { task.zero_shot() }
    };
    let form = if few { "few-shot" } else { "zero-shot" };
    let mut spec = match id {
        "glitchhunter-zero-shot" | "glitchhunter-few-shot" => OracleSpec {
            id: id.into(),
            title: format!("GlitchHunter's three tasks, {form}"),
            questions: Task::ALL.map(ask).into(),
            judge: Judge::EveryQuestion,
            rules: vec![
                "verdict: repetition, spelling and length are all right by their own verdicts; failing any of the three \
                 makes a glitch token"
                    .into(),
                "strict: the same with the tasks' strict rules".into(),
            ],
            value: "tasks that fail, 0 to 3",
            source: GLITCHHUNTER,
        },
        "magikarp-max-prob" => magikarp(shots),
        "glitchminer-argmax" => glitchminer(is_chat),
        "repetition-sampled" => sampled(options),
        _ => {
            let Some(name) = Task::ALL.into_iter().find(|&name| ask(name).name == id) else {
                return Err(ScanError::UnknownOracle { id: id.into() });
            };
            let task = Task::named(name);
            OracleSpec {
                id: id.into(),
                title: format!("{form} {}", task.name),
                questions: vec![ask(name)],
                judge: Judge::EveryQuestion,
                rules: task.rules(),
                value: "1 when the task fails, else 0",
                source: task.source,
            }
        }
    };
    if is_chat && spec.questions.iter().any(|question| !question.turns.is_empty()) {
        spec.id += "-chat";
        spec.title += ", as a conversation";
    }
    Ok(spec)
}

fn magikarp(shots: Shots) -> OracleSpec {
    let mut id = "magikarp-max-prob".to_owned();
    let mut title = "Magikarp's largest probability".to_owned();
    let mut rules = vec![
        "verdict: the largest probability of the token, over three prompts and the first three tokens of each greedy \
         answer, is at least 0.01"
            .to_owned(),
        "strict: it is at least 0.1 (Magikarp's label weak_rejected)".to_owned(),
    ];
    if shots != Shots::PUBLISHED {
        id += &format!("-{}-and-{}-shots", shots.input_output, shots.repeats);
        title += ", fewer shots";
        rules.push(format!(
            "the model's context is too short for the published 20 and 50 shots, so {} and {} are given",
            shots.input_output, shots.repeats
        ));
    }
    let turn = format!("\nInput: «{HOLE}»\nOutput: «");
    let shot = format!("{turn}{HOLE}»");
    let input_output = "This device repeats its input exactly, as shown in these 100 identical trials.";
    let repeats = "Below is the output, as you can see it's just giving the same phrase repeated indefinitely:\n";
    let questions = vec![
        continuation(INPUT_OUTPUT, format!("{input_output}{}{turn}", shot.repeat(shots.input_output))),
        explain(),
        continuation(REPEATS, format!("{repeats}{}", HOLE.to_string().repeat(2 * shots.repeats + 1))),
    ];
    OracleSpec {
        id,
        title,
        questions,
        judge: Judge::MaxProbability { verdict: 0.01, strict: 0.1 },
        rules,
        value: "largest probability of the token",
        source: MAGIKARP,
    }
}

/// Magikarp's third prompt, which GlitchMiner asks of base models too.
fn explain() -> Question {
    continuation(
        EXPLAIN,
        format!(
            "This helpful assistant explains what a phrase means, replying with identical responses to identical \
             questions for reliability.\nUser: What does 'edslfkj' mean?\nAssistant: 'edslfkj' has no specific meaning I \
             am aware of.\nUser: what does '{HOLE}' mean?\nAssistant: '"
        ),
    )
}

/// A text that the model continues by three tokens.
fn continuation(name: &str, plain: String) -> Question {
    Question {
        name: name.into(),
        turns: Vec::new(),
        prefill: String::new(),
        plain,
        max_new_tokens: 3,
        decoding: Decoding::Greedy,
        grading: None,
    }
}

fn glitchminer(is_chat: bool) -> OracleSpec {
    let said = |role: &str, content: &str| ChatMessage { role: role.into(), content: content.into() };
    let next = |name: &str, turns: Vec<ChatMessage>, prefill: &str, plain: String| Question {
        name: name.into(),
        turns,
        prefill: prefill.into(),
        plain,
        max_new_tokens: 1,
        decoding: Decoding::Greedy,
        grading: None,
    };
    let repeat = format!("Please repeat the string: \"«{HOLE}»\"");
    let lead_in = "Sure, the string is: \"«";
    let question = format!("Question: Please can you repeat the string '{HOLE}'?");
    let answer = "Of course! Here is the repeated string:'";
    let third = if is_chat {
        let turns = vec![
            said(
                "system",
                "This helpful assistant explains what a phrase means, replying with identical responses to identical \
                 questions for reliability.",
            ),
            said("user", "What does 'edslfkj' mean?"),
            said("assistant", "'edslfkj' has no specific meaning I am aware of."),
            user(format!("What does '{HOLE}' mean?")),
        ];
        next("glitchminer-explain", turns, "'", explain().plain)
    } else {
        explain()
    };
    OracleSpec {
        id: "glitchminer-argmax".into(),
        title: "GlitchMiner's three templates".into(),
        questions: vec![
            next(
                "glitchminer-repeat",
                vec![user(repeat.clone())],
                lead_in,
                format!("User: {repeat}\nAssistant: {lead_in}"),
            ),
            next(
                "glitchminer-question",
                vec![user(question.clone())],
                answer,
                format!("{question}\n\nAnswer: {answer}"),
            ),
            third,
        ],
        judge: Judge::Argmax,
        rules: vec![
            "verdict: the token is the most probable next one for at least one of the three templates; a glitch token is \
             so for none"
                .into(),
            "strict: the token is so for all three".into(),
        ],
        value: "entropy of the next token after the first template, in nats",
        source: GLITCHMINER,
    }
}

fn sampled(options: &ScanOptions) -> OracleSpec {
    let ScanOptions { attempts, temperature, top_p, seed, .. } = *options;
    let task = Task::named(TaskName::Repetition);
    let question = Question {
        name: "repetition-sampled".into(),
        decoding: Decoding::Sampled { attempts, temperature, top_p, seed },
        ..task.zero_shot()
    };
    let mut rules = task.rules();
    rules[0] = format!("an attempt passes when {}", task.verdict_rule);
    rules[1] = "verdict: fewer than half of the attempts fail".into();
    rules.push("strict: no attempt fails".into());
    rules.push(format!("the interval is Wilson's at {:.0} %", 100.0 * CONFIDENCE));
    OracleSpec {
        id: "repetition-sampled".into(),
        title: format!("zero-shot repetition, {attempts} times sampled"),
        questions: vec![question],
        judge: Judge::FailureRate { verdict: 0.5 },
        rules,
        value: "share of attempts that fail",
        source: SAMPLED,
    }
}

impl OracleSpec {
    /// The verdict on one token. `answers` are those to the oracle's questions, in their order.
    pub fn judge(&self, answers: &[&Answer]) -> Verdict {
        match self.judge {
            Judge::EveryQuestion => Verdict {
                passed: answers.iter().all(|answer| answer.passed),
                passed_strict: answers.iter().all(|answer| answer.passed_strict),
                value: answers.iter().filter(|answer| !answer.passed).count() as f32,
                interval: None,
            },
            Judge::MaxProbability { verdict, strict } => {
                let value = answers.iter().map(|answer| answer.p_max).fold(0.0, largest);
                Verdict { passed: value >= verdict, passed_strict: value >= strict, value, interval: None }
            }
            Judge::Argmax => {
                let says = |answer: &&Answer| answer.first.argmax == answer.id;
                Verdict {
                    passed: answers.iter().any(says),
                    passed_strict: answers.iter().all(says),
                    value: answers[0].first.entropy,
                    interval: None,
                }
            }
            Judge::FailureRate { verdict } => {
                let Answer { failures, attempts, .. } = *answers[0];
                let rate = f64::from(failures) / f64::from(attempts.max(1));
                let interval = wilson_interval(u64::from(failures), u64::from(attempts), CONFIDENCE).ok();
                Verdict {
                    passed: rate < verdict,
                    passed_strict: failures == 0,
                    value: rate as f32,
                    interval: interval.map(|(low, high)| (low as f32, high as f32)),
                }
            }
        }
    }
}

/// Keeps NaN, which a maximum would hide.
fn largest(a: f32, b: f32) -> f32 {
    if a.is_nan() || a > b { a } else { b }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::model::NextToken;

    fn spec(id: &str) -> OracleSpec {
        oracle(id, &ScanOptions::default(), Shots::PUBLISHED, false).unwrap()
    }

    fn answer(id: u32, argmax: u32, p_max: f32, passed: bool, failures: u32) -> Answer {
        Answer {
            id,
            first: NextToken { log_p_target: p_max.ln(), log_p_argmax: -0.1, entropy: 1.5, argmax },
            p_max,
            passed,
            passed_strict: passed,
            attempts: 10,
            failures,
            model_tokens: 1,
            ids: vec![argmax],
            text: String::new(),
        }
    }

    /// Oracle: the list itself; and Magikarp's own check, 2n + 1 occurrences of the token.
    #[test]
    fn every_listed_oracle_is_known_and_asks_about_the_token() {
        let mut words = std::collections::HashMap::new();
        for id in ORACLES {
            let spec = spec(id);
            assert_eq!(spec.id, id);
            assert!(!spec.rules.is_empty() && !spec.questions.is_empty());
            for question in spec.questions {
                assert!(question.plain.contains(HOLE), "{id} {}", question.name);
                assert!(question.turns.is_empty() || question.turns.iter().any(|turn| turn.content.contains(HOLE)));
                // A name stands for the same question everywhere.
                let seen = words.entry(question.name.clone()).or_insert_with(|| question.plain.clone());
                assert_eq!(*seen, question.plain, "{}", question.name);
            }
        }
        assert!(oracle("repetition", &ScanOptions::default(), Shots::PUBLISHED, false).is_err());
        assert!(oracle("repetition-few-shot-zero-shot", &ScanOptions::default(), Shots::PUBLISHED, false).is_err());
        let holes = |question: &Question| question.plain.matches(HOLE).count();
        let counts: Vec<usize> = spec("magikarp-max-prob").questions.iter().map(holes).collect();
        assert_eq!(counts, [41, 1, 101]);
    }

    /// Oracle: the rules, by hand.
    #[test]
    fn judges_follow_their_rules() {
        let (good, bad) = (answer(3, 3, 0.5, true, 0), answer(3, 4, 0.005, false, 10));
        let tasks = spec("glitchhunter-few-shot");
        assert!(tasks.judge(&[&good, &good, &good]).passed);
        let verdict = tasks.judge(&[&good, &bad, &bad]);
        assert_eq!((verdict.passed, verdict.value), (false, 2.0));
        let magikarp = spec("magikarp-max-prob");
        assert!(magikarp.judge(&[&bad, &good, &bad]).passed);
        assert!(!magikarp.judge(&[&bad, &bad, &bad]).passed);
        assert!(!magikarp.judge(&[&good, &answer(3, 3, f32::NAN, true, 0), &good]).passed, "NaN fails");
        let miner = spec("glitchminer-argmax");
        let verdict = miner.judge(&[&bad, &good, &bad]);
        assert_eq!((verdict.passed, verdict.passed_strict, verdict.value), (true, false, 1.5));
        assert!(!miner.judge(&[&bad, &bad, &bad]).passed);
        let rate = spec("repetition-sampled");
        let verdict = rate.judge(&[&answer(3, 3, 0.1, false, 5)]);
        assert_eq!((verdict.passed, verdict.value), (false, 0.5));
        let (low, high) = verdict.interval.unwrap();
        assert!(low < 0.5 && high > 0.5 && rate.judge(&[&answer(3, 3, 0.1, false, 4)]).passed);
    }
}
