//! The JavaScript surface of the holistic reasoning lab's databases, in the wasm file that has SQLite and no model.
//!
//! Everything crosses as JSON text, whose types are in `www/src/labs/holobench/types.ts`. Every failure is thrown as
//! `{ message, hint, kind }`.

// The other surface has it as well; only lints see both.
#[allow(clippy::duplicate_mod)]
mod failure;

use std::collections::HashSet;

use js_sys::Uint8Array;
use serde::Serialize;
use serde::de::DeserializeOwned;
use wasm_bindgen::prelude::*;

use crate::labs::holobench::aggregate::{self, Answered, GroupBy, ScoreTable};
use crate::labs::holobench::bench::{Bench, GridSettings};
use crate::labs::holobench::context::{Context, ContextRequest, Instance};
use crate::labs::holobench::gold::Gold;
use crate::labs::holobench::io::{self, GoldLine, Imported, LabelLine, PromptLine, ReferenceRow, ResponseLine};
use crate::labs::holobench::judge::{self, JudgeSettings};
use crate::labs::holobench::prompt::{self, PromptStyle, PromptTemplate};
use crate::labs::holobench::score::{self, ScoreRequest};
use crate::labs::holobench::{HoloError, report};
use failure::{failure, thrown};

#[wasm_bindgen(start)]
fn start() {
    console_error_panic_hook::set_once();
}

/// The version that reports carry.
#[wasm_bindgen]
pub fn version() -> String {
    crate::VERSION.to_owned()
}

/// Bytes of wasm memory in use by this module; it never shrinks, so this is also the peak.
#[wasm_bindgen]
pub fn memory_bytes() -> f64 {
    core::arch::wasm32::memory_size(0) as f64 * 65_536.0
}

fn refused(error: HoloError) -> JsValue {
    failure(error.into())
}

fn json(value: &impl Serialize) -> Result<String, JsValue> {
    serde_json::to_string(value).map_err(|error| thrown(&error.to_string(), None, "input"))
}

fn read<T: DeserializeOwned>(what: &str, text: &str) -> Result<T, JsValue> {
    serde_json::from_str(text)
        .map_err(|error| refused(HoloError::Malformed { what: what.into(), reason: error.to_string() }))
}

/// A database with its templates and questions.
#[wasm_bindgen]
pub struct Database {
    bench: Bench,
}

#[wasm_bindgen]
impl Database {
    /// Every ordinary table of an SQLite file.
    pub fn open_sqlite(name: &str, bytes: &[u8]) -> Result<Database, JsValue> {
        Ok(Database { bench: Bench::sqlite(name, bytes).map_err(refused)? })
    }

    /// A table from each CSV file.
    pub fn open_csv(names: Vec<String>, contents: Vec<Uint8Array>) -> Result<Database, JsValue> {
        let files: Vec<(String, Vec<u8>)> =
            names.into_iter().zip(contents).map(|(name, content)| (name, content.to_vec())).collect();
        Ok(Database { bench: Bench::csv(&files).map_err(refused)? })
    }

    /// The built-in database of a seed.
    pub fn synthetic(seed: u32) -> Result<Database, JsValue> {
        Ok(Database { bench: Bench::synthetic(seed).map_err(refused)? })
    }

    /// `DatabaseInfo`
    pub fn info(&self) -> Result<String, JsValue> {
        json(&self.bench.info())
    }

    /// Says whether a foreign key is one; `DatabaseInfo`
    pub fn confirm_key(&mut self, index: usize, confirmed: bool) -> Result<String, JsValue> {
        self.bench.confirm_key(index, confirmed).map_err(refused)?;
        self.info()
    }

    /// `TemplateInfo[]`
    pub fn templates(&self) -> Result<String, JsValue> {
        json(&self.bench.templates())
    }

    /// `TemplateInfo`; without a text, the template that the schema gives.
    pub fn set_template(&mut self, table: &str, text: Option<String>) -> Result<String, JsValue> {
        json(&self.bench.set_template(table, text.as_deref()).map_err(refused)?)
    }

    /// Makes `count` questions (18 by default) in place of those made before; `QuestionSet`
    pub fn questions(&mut self, seed: u32, check_amount: u32, count: Option<usize>) -> Result<String, JsValue> {
        let count = count.unwrap_or(crate::labs::holobench::questions::QUESTIONS);
        json(&self.bench.generate(seed, count, check_amount).map_err(refused)?)
    }

    /// Every question there is, own ones last; `Question[]`
    pub fn all_questions(&self) -> Result<String, JsValue> {
        json(&self.bench.questions)
    }

    /// Looks at a question without keeping it; `QuestionCheck`
    pub fn check_question(&self, id: &str, sql: &str, text: &str) -> Result<String, JsValue> {
        json(&self.bench.check_question(id, sql, text))
    }

    /// Keeps a question that has no problem; `QuestionCheck`
    pub fn add_question(&mut self, id: &str, sql: &str, text: &str) -> Result<String, JsValue> {
        json(&self.bench.add_question(id, sql, text))
    }

    /// Words a question otherwise; `Question`
    pub fn edit_question(&mut self, id: &str, text: &str) -> Result<String, JsValue> {
        json(&self.bench.edit_question(id, text).map_err(refused)?)
    }

    /// Every combination of a `GridSettings`, none built; `Instance[]`
    pub fn grid(&self, settings: &str) -> Result<String, JsValue> {
        let settings: GridSettings = read("the grid's settings", settings)?;
        json(&self.bench.grid(&settings).map_err(refused)?)
    }

    /// Sentences to be counted for an `Instance` with measure `counted`; `Candidates[]`
    pub fn candidates(&self, instance: &str) -> Result<String, JsValue> {
        let instance: Instance = read("the instance", instance)?;
        json(&self.bench.candidates(&instance).map_err(refused)?)
    }

    /// A `ContextRequest`'s `Context`
    pub fn context(&self, request: &str) -> Result<String, JsValue> {
        let request: ContextRequest = read("the request", request)?;
        json(&self.bench.context(&request).map_err(refused)?)
    }

    /// The line of prompts.jsonl for a `Context` and its prompt; `PromptLine`
    pub fn prompt_line(&self, context: &str, prompt: String, max_new_tokens: u32) -> Result<String, JsValue> {
        let context: Context = read("the context", context)?;
        json(&io::prompt_line(&self.bench, &context, prompt, max_new_tokens).map_err(refused)?)
    }

    /// The line of gold.jsonl for a `Context`; `GoldLine`
    pub fn gold_line(&self, context: &str) -> Result<String, JsValue> {
        let context: Context = read("the context", context)?;
        let question = self.bench.question(&context.instance.question).map_err(refused)?;
        json(&io::gold_line(question, &context))
    }
}

/// The project's own templates; `PromptTemplate[]`
#[wasm_bindgen]
pub fn prompt_templates() -> Result<String, JsValue> {
    json(&prompt::templates())
}

/// A loaded file as a `PromptTemplate`
#[wasm_bindgen]
pub fn recognise_template(text: &str) -> Result<String, JsValue> {
    json(&prompt::recognise(text).map_err(refused)?)
}

/// The prompt of a context and a question, by a `PromptTemplate` or, without one, by a style: `reasoning` or `direct`.
#[wasm_bindgen]
pub fn prompt_of(template: Option<String>, style: &str, context: &str, question: &str) -> Result<String, JsValue> {
    let template: Option<PromptTemplate> = template.map(|text| read("the template", &text)).transpose()?;
    let style: PromptStyle = read("the style", &format!("{style:?}"))?;
    prompt::prompt(template.as_ref(), style, context, question).map_err(refused)
}

/// A `ScoreRequest`'s `AnswerScore`
#[wasm_bindgen]
pub fn score_answer(request: &str) -> Result<String, JsValue> {
    let request: ScoreRequest = read("the request", request)?;
    json(&score::score(&request).map_err(refused)?)
}

/// `Answered[]` by a `GroupBy`; `ScoreTable`
#[wasm_bindgen]
pub fn aggregate_scores(answered: &str, by: &str) -> Result<String, JsValue> {
    let answered: Vec<Answered> = read("the answers", answered)?;
    let by: GroupBy = read("the grouping", &format!("{by:?}"))?;
    json(&aggregate::aggregate(&answered, by))
}

/// What the answerer says that finds nothing.
#[wasm_bindgen]
pub fn empty_answer() -> String {
    aggregate::EMPTY_ANSWER.into()
}

/// `ScoreTable` as CSV.
#[wasm_bindgen]
pub fn score_csv(table: &str) -> Result<String, JsValue> {
    let table: ScoreTable = read("the table", table)?;
    Ok(report::to_csv(&table))
}

/// `ScoreTable` as Markdown.
#[wasm_bindgen]
pub fn score_markdown(table: &str) -> Result<String, JsValue> {
    let table: ScoreTable = read("the table", table)?;
    Ok(report::to_markdown(&table))
}

fn lines_of<T: DeserializeOwned + Serialize>(lines: &str) -> Result<String, JsValue> {
    let lines: Vec<T> = read("the lines", lines)?;
    Ok(io::write_lines(&lines))
}

/// `PromptLine[]` as prompts.jsonl.
#[wasm_bindgen]
pub fn export_prompts(lines: &str) -> Result<String, JsValue> {
    lines_of::<PromptLine>(lines)
}

/// `GoldLine[]` as gold.jsonl.
#[wasm_bindgen]
pub fn export_gold(lines: &str) -> Result<String, JsValue> {
    lines_of::<GoldLine>(lines)
}

/// `ResponseLine[]` as responses.jsonl.
#[wasm_bindgen]
pub fn export_responses(lines: &str) -> Result<String, JsValue> {
    lines_of::<ResponseLine>(lines)
}

/// `LabelLine[]` as labels.jsonl.
#[wasm_bindgen]
pub fn export_labels(lines: &str) -> Result<String, JsValue> {
    lines_of::<LabelLine>(lines)
}

fn known(ids: Vec<String>) -> HashSet<String> {
    ids.into_iter().collect()
}

/// responses.jsonl for these instances; `Imported<ResponseLine>`
#[wasm_bindgen]
pub fn import_responses(text: &str, ids: Vec<String>) -> Result<String, JsValue> {
    let imported: Imported<ResponseLine> = io::read_lines(text, Some(&known(ids)));
    json(&imported)
}

/// labels.jsonl for these instances; `Imported<LabelLine>`
#[wasm_bindgen]
pub fn import_labels(text: &str, ids: Vec<String>) -> Result<String, JsValue> {
    let imported: Imported<LabelLine> = io::read_lines(text, Some(&known(ids)));
    json(&imported)
}

/// `ReferenceRow[]` as the study's CSV.
#[wasm_bindgen]
pub fn reference_csv(rows: &str) -> Result<String, JsValue> {
    let rows: Vec<ReferenceRow> = read("the rows", rows)?;
    Ok(io::write_reference_csv(&rows))
}

/// The study's CSV; `ReferenceRow[]`
#[wasm_bindgen]
pub fn read_reference_csv(text: &str) -> Result<String, JsValue> {
    json(&io::read_reference_csv(text).map_err(refused)?)
}

fn settings_of(settings: &str) -> Result<JudgeSettings, JsValue> {
    read("the judge's settings", settings)
}

/// Body of a judge's first request, by `JudgeSettings`.
#[wasm_bindgen]
pub fn extraction_body(settings: &str, response: &str) -> Result<String, JsValue> {
    judge::extraction_body(&settings_of(settings)?, response).map_err(refused)
}

/// Body of a judge's second request, by `JudgeSettings` and `Gold`.
#[wasm_bindgen]
pub fn evaluation_body(settings: &str, question: &str, answer: &str, gold: &str) -> Result<String, JsValue> {
    let gold: Gold = read("the gold answer", gold)?;
    judge::evaluation_body(&settings_of(settings)?, question, answer, &gold).map_err(refused)
}

/// A judge's first answer; `Extraction`
#[wasm_bindgen]
pub fn read_extraction(content: &str) -> Result<String, JsValue> {
    json(&judge::read_extraction(content).map_err(refused)?)
}

/// A judge's second answer, for a `Gold`; `Evaluation`
#[wasm_bindgen]
pub fn read_evaluation(content: &str, gold: &str) -> Result<String, JsValue> {
    let gold: Gold = read("the gold answer", gold)?;
    json(&judge::read_evaluation(content, &gold).map_err(refused)?)
}
