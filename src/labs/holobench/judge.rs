//! A model as judge: two questions an answer, to any endpoint that speaks OpenAI's chat completions. This builds the bodies
//! and reads the answers; who sends them is the page's business, and only when its user has switched it on.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::HoloError;
use super::database::Value;
use super::gold::{Gold, MAX_GOLD_ROWS};
use super::python;
use super::score::Label;

pub(super) const EXTRACTION: &str = "\
A model has answered a question. Split what it wrote into its reasoning and its final answer, without changing a word of the \
final answer. Where the reasoning is longer than a few paragraphs, keep its beginning only. Where there is no final answer, \
leave it empty. Write JSON with the fields reasoning and final_answer.

What it wrote:
{response}
";

pub(super) const EVALUATION: &str = "\
Compare an answer with the rows that are right. Give every right row one label:
- Exact Match: the answer holds the row, with all its values. Other words, other forms of a date and other roundings of a \
number are no mistake.
- Partial Match: the answer holds the row, but a value is missing or wrong, or, where the question asks for an order, it \
stands at the wrong place.
- No Match: the answer does not hold the row. An answer that refuses, or that says there is nothing, holds no row.
Rows that the answer has beyond the right ones do not matter. When there is no right row, there is one label, for id 0: Exact \
Match if the answer says that there is nothing or that it cannot be told, No Match otherwise.

An example. Right rows: [{{'id': 1, 'town': 'Ayr', 'trees': 12}}, {{'id': 2, 'town': 'Eld', 'trees': 7}}]. Answer: \"Eld has 9 \
trees.\" Labels: [{{'id': 1, 'label': 'No Match'}}, {{'id': 2, 'label': 'Partial Match'}}].

Question: {question}
Answer: {pred}
Right rows: {gold}

Write JSON with the field evaluations, a list of this form: {output_format}
";

/// Where an answer is judged by a model.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct JudgeSettings {
    pub model: String,
    /// Templates of the study, or others; null for the project's own words.
    #[serde(default)]
    pub extraction: Option<String>,
    #[serde(default)]
    pub evaluation: Option<String>,
}

/// A judge's first answer, read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Extraction {
    pub reasoning: String,
    pub final_answer: String,
}

/// A judge's second answer, read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Evaluation {
    /// In the order of the gold rows; a row that the judge left out is No Match.
    pub labels: Vec<Label>,
    /// Ids that are missing, unknown or came twice.
    pub problems: Vec<String>,
}

/// The first prompt: which part of a response is the answer?
pub fn extraction_prompt(settings: &JudgeSettings, response: &str) -> Result<String, HoloError> {
    python::format(settings.extraction.as_deref().unwrap_or(EXTRACTION), &[("response", response)])
}

/// The second prompt: which of the gold rows does the answer hold?
pub fn evaluation_prompt(
    settings: &JudgeSettings,
    question: &str,
    answer: &str,
    gold: &Gold,
) -> Result<String, HoloError> {
    let rows = &gold.rows[..gold.rows.len().min(MAX_GOLD_ROWS)];
    let (shown, form) = (python::repr_rows(&gold.columns, rows), python::repr_output_format(&gold.columns, rows));
    let values = [("question", question), ("pred", answer), ("gold", shown.as_str()), ("output_format", form.as_str())];
    python::format(settings.evaluation.as_deref().unwrap_or(EVALUATION), &values)
}

fn body(settings: &JudgeSettings, prompt: String, name: &str, schema: serde_json::Value) -> String {
    json!({
        "model": settings.model,
        "temperature": 0,
        "messages": [{ "role": "user", "content": prompt }],
        "response_format": { "type": "json_schema", "json_schema": { "name": name, "strict": true, "schema": schema } },
    })
    .to_string()
}

/// The body of the first request.
pub fn extraction_body(settings: &JudgeSettings, response: &str) -> Result<String, HoloError> {
    let schema = json!({
        "type": "object",
        "properties": { "reasoning": { "type": "string" }, "final_answer": { "type": "string" } },
        "required": ["reasoning", "final_answer"],
        "additionalProperties": false,
    });
    Ok(body(settings, extraction_prompt(settings, response)?, "extraction", schema))
}

/// The body of the second request.
pub fn evaluation_body(
    settings: &JudgeSettings,
    question: &str,
    answer: &str,
    gold: &Gold,
) -> Result<String, HoloError> {
    let label = json!({ "type": "string", "enum": ["Exact Match", "Partial Match", "No Match"] });
    let evaluation = json!({
        "type": "object",
        "properties": { "id": { "type": "integer" }, "label": label },
        "required": ["id", "label"],
        "additionalProperties": false,
    });
    let schema = json!({
        "type": "object",
        "properties": { "evaluations": { "type": "array", "items": evaluation } },
        "required": ["evaluations"],
        "additionalProperties": false,
    });
    Ok(body(settings, evaluation_prompt(settings, question, answer, gold)?, "evaluation", schema))
}

fn json_of<T: for<'de> Deserialize<'de>>(what: &str, content: &str) -> Result<T, HoloError> {
    // Models like to put JSON between fences.
    let trimmed = content.trim();
    let inside = trimmed.strip_prefix("```json").or_else(|| trimmed.strip_prefix("```")).unwrap_or(trimmed);
    let inside = inside.trim().strip_suffix("```").unwrap_or(inside).trim();
    serde_json::from_str(inside)
        .map_err(|error| HoloError::Malformed { what: what.into(), reason: format!("{error}: {}", excerpt(content)) })
}

fn excerpt(text: &str) -> String {
    text.chars().take(120).collect()
}

/// The message of the first answer.
pub fn read_extraction(content: &str) -> Result<Extraction, HoloError> {
    json_of("the judge's answer", content)
}

/// One row's label, as the study writes it.
#[derive(Clone, Debug, Deserialize)]
pub struct IdLabel {
    /// A number, or what the row's own `id` column holds.
    pub id: Value,
    pub label: Label,
}

/// The message of the second answer, with the labels in the order of the gold rows.
pub fn read_evaluation(content: &str, gold: &Gold) -> Result<Evaluation, HoloError> {
    #[derive(Deserialize)]
    struct Evaluations {
        evaluations: Vec<IdLabel>,
    }
    let read: Evaluations = json_of("the judge's answer", content)?;
    Ok(by_row(&read.evaluations, gold))
}

/// Labels by id brought into the order of the gold rows.
pub fn by_row(labels: &[IdLabel], gold: &Gold) -> Evaluation {
    let own = gold.columns.iter().position(|column| column == "id");
    let ids: Vec<Value> = match gold.rows.is_empty() {
        true => vec![Value::Integer(0)],
        false => gold
            .rows
            .iter()
            .take(MAX_GOLD_ROWS)
            .enumerate()
            .map(|(i, row)| own.map_or(Value::Integer(i as i64 + 1), |column| row[column].clone()))
            .collect(),
    };
    let mut taken = vec![false; labels.len()];
    let mut problems = Vec::new();
    let mut out = Vec::with_capacity(ids.len());
    for id in &ids {
        match (0..labels.len()).find(|&i| !taken[i] && labels[i].id == *id) {
            Some(i) => {
                taken[i] = true;
                out.push(labels[i].label);
            }
            None => {
                problems.push(format!("no label for id {}", id.plain()));
                out.push(Label::No);
            }
        }
    }
    for (label, _) in labels.iter().zip(taken).filter(|(_, taken)| !taken) {
        let what = if ids.contains(&label.id) { "again" } else { "that no row has" };
        problems.push(format!("a label for id {} {what}", label.id.plain()));
    }
    Evaluation { labels: out, problems }
}
