//! How a model is asked. The words are this project's own; whoever has the study's file can load it instead, and it is
//! recognised by its bytes.

use serde::{Deserialize, Serialize};

use super::HoloError;
use super::{python, sha256_hex};

/// How the model is asked: with room for reasoning, or for the answer alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum PromptStyle {
    #[default]
    Reasoning,
    Direct,
}

/// A template for prompts; `{context}` and `{question}`, and so on, are filled in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct PromptTemplate {
    /// `own`; `reference` when the study's own file was recognised by its bytes; `custom` for any other.
    pub origin: String,
    /// `reasoning` or `direct` for a model, `extraction` or `evaluation` for a judge.
    pub name: String,
    pub text: String,
}

const REASONING: &str = "\
You get a list of facts, one a line, and then a question about them.

Facts:
{context}

Question: {question}

Use only the facts above. Think step by step in a few sentences. If the facts answer a part of the question only, answer \
that part. If they do not answer it at all, the answer is \"No answer\".

Write it like this:
Reasoning: your thoughts, at most 150 words
Answer: every row of the answer on a line of its own, its values separated by \" | \"
";

const DIRECT: &str = "\
Facts, one a line:
{context}

Question: {question}
Answer from the facts alone, every row of the answer on a line of its own, its values separated by \" | \". If the facts do \
not answer the question, write \"No answer\".
Answer:";

/// Sizes and first 16 digits of SHA-256 of the study's three files.
const REFERENCE: [(&str, usize, &str); 3] = [
    ("reasoning", 973, "a66d77c2a9f8c98b"),
    ("extraction", 411, "91f936963778a321"),
    ("evaluation", 7455, "d457bfd23a95bd93"),
];

/// The project's own templates.
pub fn templates() -> Vec<PromptTemplate> {
    [
        ("reasoning", REASONING),
        ("direct", DIRECT),
        ("extraction", super::judge::EXTRACTION),
        ("evaluation", super::judge::EVALUATION),
    ]
    .into_iter()
    .map(|(name, text)| PromptTemplate { origin: "own".into(), name: name.into(), text: text.into() })
    .collect()
}

/// A loaded file as a template: the study's by its bytes, any other by its placeholders.
///
/// Errors   `Placeholder` when it has those of no template
pub fn recognise(text: &str) -> Result<PromptTemplate, HoloError> {
    let hash = sha256_hex(text.as_bytes(), 16);
    if let Some((name, _, _)) = REFERENCE.iter().find(|(_, size, known)| *size == text.len() && *known == hash) {
        return Ok(PromptTemplate { origin: "reference".into(), name: (*name).into(), text: text.into() });
    }
    let has = |name: &str| text.contains(&format!("{{{name}}}"));
    let name = match () {
        _ if has("context") && has("question") => "reasoning",
        _ if has("pred") && has("gold") => "evaluation",
        _ if has("response") => "extraction",
        _ => return Err(HoloError::Placeholder { placeholder: "context} and {question".into() }),
    };
    Ok(PromptTemplate { origin: "custom".into(), name: name.into(), text: text.into() })
}

/// The prompt of a context and a question.
pub fn prompt(
    template: Option<&PromptTemplate>,
    style: PromptStyle,
    context: &str,
    question: &str,
) -> Result<String, HoloError> {
    let text = match (template, style) {
        (Some(template), _) => template.text.as_str(),
        (None, PromptStyle::Reasoning) => REASONING,
        (None, PromptStyle::Direct) => DIRECT,
    };
    python::format(text, &[("context", context), ("question", question)])
}
