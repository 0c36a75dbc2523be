//! The concept attention lens, from JavaScript. Requests and results cross as JSON text; their types are those of
//! `www/src/labs/attention/types.ts`.

use js_sys::{Float32Array, Function};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use wasm_bindgen::prelude::*;

use super::monitor::PageMonitor;
use super::{Cancel, Listener, Session, failure, thrown};
use crate::labs::attention::comparison::AttentionComparison;
use crate::labs::attention::npy::{NpyFile, read_npy, write_npy};
use crate::labs::attention::request::{AttentionRequest, Preset};
use crate::labs::attention::result::AttentionResult;
use crate::labs::attention::statistics::StatisticsOptions;
use crate::labs::attention::{self, AttentionError};

#[wasm_bindgen]
impl Session {
    /// An `AttentionRequest` gives an `AttentionResult`.
    pub async fn attention(&self, request: String, on: Listener, cancel: &Cancel) -> Result<String, JsValue> {
        let request: AttentionRequest = read("the request", &request)?;
        let mut monitor = PageMonitor::new(on.unchecked_into::<Function>(), cancel.flag.clone());
        let mut session = self.take()?;
        let result = attention::measure(&mut session, &request, &mut monitor).await;
        self.put_back(session);
        written(&result.map_err(failure)?)
    }

    /// The texts of an `AttentionRequest` as tokens, `TextTokens[]`: concepts, exclusions and warnings without a forward pass.
    pub fn attention_tokens(&self, request: &str) -> Result<String, JsValue> {
        let request: AttentionRequest = read("the request", request)?;
        written(&self.look(|session| attention::tokens_of(session, &request))?.map_err(failure)?)
    }

    /// The attention map of one head for one text of the request: (T,T), row t is what token t attends to.
    pub async fn attention_map(
        &self,
        request: String,
        text: u32,
        layer: u32,
        head: u32,
        on: Listener,
        cancel: &Cancel,
    ) -> Result<Float32Array, JsValue> {
        let request: AttentionRequest = read("the request", &request)?;
        let mut monitor = PageMonitor::new(on.unchecked_into::<Function>(), cancel.flag.clone());
        let mut session = self.take()?;
        let (text, layer, head) = (text as usize, layer as usize, head as usize);
        let map = attention::map(&mut session, &request, text, layer, head, &mut monitor).await;
        self.put_back(session);
        Ok(Float32Array::from(map.map_err(failure)?.as_slice()))
    }
}

/// The built-in `AttentionRequest`.
#[wasm_bindgen]
pub fn attention_example() -> Result<String, JsValue> {
    written(&attention::example())
}

/// A text with `[[words]]` or `[[name|words]]` in it as a `MarkedText`.
#[wasm_bindgen]
pub fn attention_marks(name: &str, marked: &str) -> Result<String, JsValue> {
    written(&attention::parse_marks(name, marked).map_err(refused)?)
}

/// The vocabulary entries that a preset leaves out, as JSON; `<s>` stands for the beginning of text, whatever its name.
#[wasm_bindgen]
pub fn attention_pieces(preset: &str) -> Result<String, JsValue> {
    let preset: Preset = serde_json::from_value(preset.into())
        .map_err(|_| thrown(&format!("there is no preset {preset:?}"), None, "input"))?;
    written(&attention::tokens::pieces(preset))
}

/// One to three `AttentionResult`s and, if wanted, `StatisticsOptions` give an `AttentionComparison`.
#[wasm_bindgen]
pub fn attention_comparison(results: Vec<String>, options: Option<String>) -> Result<String, JsValue> {
    let results =
        results.iter().map(|result| read("a result", result)).collect::<Result<Vec<AttentionResult>, JsValue>>()?;
    written(&attention::compare(&results, &statistics_options(options)?).map_err(refused)?)
}

/// Shares and differences of all heads of an `AttentionComparison`, in the study's columns.
#[wasm_bindgen]
pub fn attention_csv(comparison: &str) -> Result<String, JsValue> {
    attention::write_csv(&read::<AttentionComparison>("the comparison", comparison)?).map_err(refused)
}

/// Shares of one concept and model as a `.npy` array of layers by heads.
#[wasm_bindgen]
pub fn attention_npy(comparison: &str, concept: u32, model: u32) -> Result<Vec<u8>, JsValue> {
    let comparison: AttentionComparison = read("the comparison", comparison)?;
    write_npy(&comparison, concept as usize, model as usize).map_err(refused)
}

/// A table of shares, such as the study's own, as an `AttentionComparison`.
#[wasm_bindgen]
pub fn attention_import(file: &str, bytes: &[u8], options: Option<String>) -> Result<String, JsValue> {
    written(&attention::read_csv(file, bytes, &statistics_options(options)?).map_err(refused)?)
}

/// The same of `.npy` files; `names` is `{ model, concept }[]` as JSON, one for each file.
#[wasm_bindgen]
pub fn attention_import_npy(
    names: &str,
    files: Vec<js_sys::Uint8Array>,
    options: Option<String>,
) -> Result<String, JsValue> {
    #[derive(Deserialize)]
    struct Name {
        model: String,
        concept: String,
    }
    let names: Vec<Name> = read("the list of names", names)?;
    let bytes: Vec<Vec<u8>> = files.iter().map(js_sys::Uint8Array::to_vec).collect();
    let files: Vec<NpyFile> = names
        .iter()
        .zip(&bytes)
        .map(|(name, bytes)| NpyFile { model: &name.model, concept: &name.concept, bytes })
        .collect();
    written(&read_npy(&files, &statistics_options(options)?).map_err(refused)?)
}

fn statistics_options(options: Option<String>) -> Result<StatisticsOptions, JsValue> {
    options.map_or(Ok(StatisticsOptions::default()), |options| read("the options", &options))
}

fn read<T: DeserializeOwned>(what: &str, json: &str) -> Result<T, JsValue> {
    serde_json::from_str(json).map_err(|error| thrown(&format!("{what} cannot be read: {error}"), None, "input"))
}

fn written(value: &impl Serialize) -> Result<String, JsValue> {
    serde_json::to_string(value).map_err(|error| thrown(&error.to_string(), None, "input"))
}

fn refused(error: AttentionError) -> JsValue {
    failure(error.into())
}
