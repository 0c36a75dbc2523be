//! Files: prompts out, responses in, gold apart from both, labels both ways; one JSON object a line. And the study's CSV.

use std::collections::HashSet;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::HoloError;
use super::bench::Bench;
use super::context::{Amount, Context, Mode, Placement};
use super::database::Value;
use super::gold::Gold;
use super::ingest::records;
use super::judge::{self, IdLabel};
use super::questions::Question;
use super::score::{Label, LabelSource};
use super::sql::Difficulty;

/// One line of prompts.jsonl.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct PromptLine {
    pub instance_id: String,
    pub prompt: String,
    pub max_new_tokens: u32,
    pub meta: PromptMeta,
}

/// What a prompt was made of. Nothing here tells the answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct PromptMeta {
    pub db: String,
    pub query_id: String,
    pub flags: Vec<String>,
    pub difficulty: Difficulty,
    pub length: u32,
    /// In tokens, also where a density was asked for.
    pub info_amount: u32,
    pub placement: Placement,
    pub mode: Mode,
    /// Of the order in which rows were taken; null for the stored one.
    pub seed: Option<u32>,
    pub est_tokens: u32,
}

/// One line of gold.jsonl, which is kept apart from the prompts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct GoldLine {
    pub instance_id: String,
    pub question: String,
    pub columns: Vec<String>,
    pub rows: Vec<Vec<Value>>,
    pub ordered: bool,
    pub truncated_at: Option<u32>,
    pub sql: String,
    pub context_sha256: String,
}

impl GoldLine {
    pub fn gold(&self) -> Gold {
        let GoldLine { columns, rows, ordered, truncated_at, .. } = self.clone();
        Gold { columns, rows, ordered, truncated_at }
    }
}

/// One line of responses.jsonl.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ResponseLine {
    pub instance_id: String,
    pub response: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub model: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub usage: Option<Usage>,
}

/// What an answer cost.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Usage {
    pub prompt_tokens: u32,
    pub completion_tokens: u32,
}

/// One line of labels.jsonl.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct LabelLine {
    pub instance_id: String,
    /// In the order of the gold rows.
    pub labels: Vec<Label>,
    pub source: LabelSource,
}

/// A line that cannot be read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct BrokenLine {
    /// From 1.
    pub line: u32,
    pub reason: String,
}

/// What a file of answers or labels held.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Imported<T> {
    /// The first line of every id that is known.
    pub lines: Vec<T>,
    /// Ids that no instance has.
    pub unknown: Vec<String>,
    /// Ids that came again; their first line was taken.
    pub duplicate: Vec<String>,
    pub broken: Vec<BrokenLine>,
}

/// A line with an instance's id.
pub trait Identified {
    fn instance_id(&self) -> &str;
}

impl Identified for PromptLine {
    fn instance_id(&self) -> &str {
        &self.instance_id
    }
}

impl Identified for GoldLine {
    fn instance_id(&self) -> &str {
        &self.instance_id
    }
}

impl Identified for ResponseLine {
    fn instance_id(&self) -> &str {
        &self.instance_id
    }
}

impl Identified for LabelLine {
    fn instance_id(&self) -> &str {
        &self.instance_id
    }
}

/// The line of prompts.jsonl that a context gives.
pub fn prompt_line(
    bench: &Bench,
    context: &Context,
    prompt: String,
    max_new_tokens: u32,
) -> Result<PromptLine, HoloError> {
    let instance = &context.instance;
    let question = bench.question(&instance.question)?;
    let info_amount = match instance.amount {
        Amount::Tokens(tokens) => tokens,
        Amount::Density(density) => (f64::from(instance.length) * density) as u32,
    };
    Ok(PromptLine {
        instance_id: instance.instance_id.clone(),
        prompt,
        max_new_tokens,
        meta: PromptMeta {
            db: bench.database.name.clone(),
            query_id: question.id.clone(),
            flags: question.flags.names(),
            difficulty: question.difficulty,
            length: instance.length,
            info_amount,
            placement: instance.placement,
            mode: instance.options.mode,
            seed: instance.options.shuffle,
            est_tokens: context.tokens,
        },
    })
}

/// The line of gold.jsonl that a context gives.
pub fn gold_line(question: &Question, context: &Context) -> GoldLine {
    let Gold { columns, rows, ordered, truncated_at } = context.gold.clone();
    GoldLine {
        instance_id: context.instance.instance_id.clone(),
        question: question.text.clone(),
        columns,
        rows,
        ordered,
        truncated_at,
        sql: question.sql.clone(),
        context_sha256: context.sha256.clone(),
    }
}

/// One JSON object a line.
pub fn write_lines<T: Serialize>(lines: &[T]) -> String {
    lines.iter().map(|line| json(line) + "\n").collect()
}

/// Lines by their ids. `known` says which ids there are; `None` takes every id.
pub fn read_lines<T: DeserializeOwned + Identified>(text: &str, known: Option<&HashSet<String>>) -> Imported<T> {
    let mut imported = Imported { lines: Vec::new(), unknown: Vec::new(), duplicate: Vec::new(), broken: Vec::new() };
    let mut seen = HashSet::new();
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    for (i, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        match serde_json::from_str::<T>(line) {
            Err(error) => imported.broken.push(BrokenLine { line: i as u32 + 1, reason: error.to_string() }),
            Ok(read) => {
                let id = read.instance_id().to_owned();
                if known.is_some_and(|known| !known.contains(&id)) {
                    imported.unknown.push(id);
                } else if !seen.insert(id.clone()) {
                    imported.duplicate.push(id);
                } else {
                    imported.lines.push(read);
                }
            }
        }
    }
    imported
}

/// A row of the study's CSV: question, prediction, gold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ReferenceRow {
    pub question: String,
    pub prediction: String,
    pub gold: Gold,
}

/// Gold rows as JSON objects, their columns in order.
fn gold_json(gold: &Gold) -> String {
    let rows = gold.rows.iter().map(|row| {
        let pairs = gold.columns.iter().zip(row);
        let pairs = pairs.map(|(column, value)| format!("{}: {}", json(column), json(value)));
        format!("{{{}}}", pairs.collect::<Vec<_>>().join(", "))
    });
    format!("[{}]", rows.collect::<Vec<_>>().join(", "))
}

fn json(value: &impl Serialize) -> String {
    // OK because texts and numbers serialise.
    serde_json::to_string(value).unwrap_or_default()
}

/// The CSV that the study's evaluation reads.
pub fn write_reference_csv(rows: &[ReferenceRow]) -> String {
    let cell = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
    let mut out = String::from("question,prediction,gold\r\n");
    for row in rows {
        let cells = [cell(&row.question), cell(&row.prediction), cell(&gold_json(&row.gold))];
        out.push_str(&(cells.join(",") + "\r\n"));
    }
    out
}

/// JSON objects as rows, their keys as columns, in the order in which they come.
fn gold_of(rows: Vec<Pairs>) -> Gold {
    let mut columns: Vec<String> = Vec::new();
    for Pairs(row) in &rows {
        for (name, _) in row {
            if !columns.contains(name) {
                columns.push(name.clone());
            }
        }
    }
    let rows = rows.into_iter().map(|Pairs(row)| {
        let value = |name: &String| row.iter().find(|(known, _)| known == name).map_or(Value::Null, |(_, v)| v.clone());
        columns.iter().map(value).collect()
    });
    let rows = rows.collect();
    Gold { columns, rows, ordered: false, truncated_at: None }
}

/// An object's pairs in their order.
struct Pairs(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Pairs, D::Error> {
        struct Visit;
        impl<'de> serde::de::Visitor<'de> for Visit {
            type Value = Pairs;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object of plain values")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Pairs, A::Error> {
                let mut pairs = Vec::new();
                while let Some(name) = map.next_key()? {
                    pairs.push((name, map.next_value()?));
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_map(Visit)
    }
}

/// The study's CSV: columns question, prediction and gold, which is a JSON list of objects.
pub fn read_reference_csv(text: &str) -> Result<Vec<ReferenceRow>, HoloError> {
    let malformed = |reason: String| HoloError::Malformed { what: "the CSV".into(), reason };
    let mut records = records("the CSV", text.as_bytes())?.into_iter();
    let header = records.next().ok_or_else(|| malformed("it is empty".into()))?.1;
    let place = |name: &str| {
        let found = header.iter().position(|column| column.trim() == name);
        found.ok_or_else(|| malformed(format!("its header lacks {name}: {}", header.join(", "))))
    };
    let places = [place("question")?, place("prediction")?, place("gold")?];
    records
        .map(|(line, record)| {
            let cell = |i: usize| record.get(places[i]).cloned().unwrap_or_default();
            let rows: Vec<Pairs> = serde_json::from_str(&cell(2))
                .map_err(|error| malformed(format!("line {line}: gold is no list of objects ({error})")))?;
            Ok(ReferenceRow { question: cell(0), prediction: cell(1), gold: gold_of(rows) })
        })
        .collect()
}

/// A judged answer of the study's output file.
#[derive(Clone, Debug, PartialEq)]
pub struct Judged {
    pub question: String,
    pub prediction: String,
    pub gold: Gold,
    pub labels: Vec<Label>,
    /// Ids that are missing, unknown or came twice.
    pub problems: Vec<String>,
}

/// The study's output: a JSON array with question, prediction, gold and evaluations.
pub fn read_reference_output(text: &str) -> Result<Vec<Judged>, HoloError> {
    #[derive(Deserialize)]
    struct Entry {
        question: String,
        prediction: String,
        gold: Vec<Pairs>,
        evaluations: Vec<IdLabel>,
    }
    let entries: Vec<Entry> = serde_json::from_str(text)
        .map_err(|error| HoloError::Malformed { what: "the output file".into(), reason: error.to_string() })?;
    Ok(entries
        .into_iter()
        .map(|entry| {
            let gold = gold_of(entry.gold);
            let judge::Evaluation { labels, problems } = judge::by_row(&entry.evaluations, &gold);
            Judged { question: entry.question, prediction: entry.prediction, gold, labels, problems }
        })
        .collect())
}
