//! The JavaScript surface. The only module that knows JavaScript; `www/src/core/` is its only user in this repository.
//!
//! Numbers in bulk cross as typed arrays, reports as JSON text, small structs through serde. Every failure is thrown as
//! `{ message, hint, kind }`.

mod attention;
mod batch;
#[cfg(feature = "bench")]
mod bench;
mod compare;
mod corpus;
mod evidence;
mod failure;
mod monitor;
mod oracles;
mod repair;
mod source;
mod threads;
mod trainer;

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use js_sys::{Float32Array, Function};
use serde::Serialize;
use wasm_bindgen::prelude::*;

use crate::compute::DevicePreference;
use crate::compute::quant::Quantised;
use crate::report::{Report, ReportError, ScanOptions};
use crate::session;
use crate::tokenizer::{ChatDate, ChatMessage, ChatOptions};
use failure::{failure, thrown};
use monitor::PageMonitor;
use source::{JsSource, PageSource};

#[wasm_bindgen(typescript_custom_section)]
const REPORT_TYPES: &str = include_str!("../www/src/report/types.ts");

#[wasm_bindgen(typescript_custom_section)]
const SURFACE_TYPES: &str = r#"
/** A folder of files that can be read in parts. */
export interface JsSource {
  readonly name: string;
  /** The file that holds the model, where it is a GGUF file. */
  readonly modelFile?: string | undefined;
  /** Length in bytes, or null when there is no such file. */
  len(file: string): Promise<number | null>;
  read(file: string, start: number, end: number): Promise<Uint8Array>;
}

/** What every function here throws. */
export interface Failure {
  message: string;
  hint: string | null;
  kind: "cancelled" | "device" | "input";
}

/** Who says what: `system`, `user` or `assistant`, as a rule. */
export interface ChatMessage {
  role: string;
  content: string;
}

/** How a conversation ends, which template writes it (the default one), and the date [year, month, day] some print. */
export interface ChatCall {
  add_generation_prompt?: boolean;
  continue_final_message?: boolean;
  template?: string;
  date?: [number, number, number];
}
"#;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(typescript_type = "Partial<ScanOptions>")]
    pub type PartialScanOptions;
    #[wasm_bindgen(typescript_type = "ChatMessage[]")]
    pub type JsChatMessages;
    #[wasm_bindgen(typescript_type = "ChatCall")]
    pub type JsChatOptions;
    #[wasm_bindgen(typescript_type = "{ text: string; ids: Uint32Array }")]
    pub type JsChatEncoding;
    #[wasm_bindgen(typescript_type = "GenerateOptions")]
    pub type JsGenerateOptions;
    #[wasm_bindgen(typescript_type = "GeneratedText")]
    pub type JsGeneratedText;
    #[wasm_bindgen(typescript_type = "SessionInfo")]
    pub type JsSessionInfo;
    #[wasm_bindgen(typescript_type = "TokenTable")]
    pub type JsTokenTable;
    #[wasm_bindgen(typescript_type = "ProbeDetail")]
    pub type JsProbeDetail;
    #[wasm_bindgen(typescript_type = "GranularityRow[]")]
    pub type JsGranularityRows;
    #[wasm_bindgen(typescript_type = "(event: ScanEvent) => void")]
    pub type Listener;
}

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

/// Which tiles were found to be the fastest on which GPU, for the page to keep.
#[cfg(feature = "gpu")]
#[wasm_bindgen]
pub fn gpu_tuning() -> String {
    crate::compute::gpu::remembered::text()
}

/// What [`gpu_tuning`] gave in an earlier visit, so that nothing is measured again. Nonsense is left out.
#[cfg(feature = "gpu")]
#[wasm_bindgen]
pub fn restore_gpu_tuning(json: &str) {
    crate::compute::gpu::remembered::restore(json);
}

/// A saved report's verdicts as CSV.
#[wasm_bindgen]
pub fn report_csv(report_json: &str) -> Result<String, JsValue> {
    Ok(Report::from_json(report_json).map_err(report_failure)?.to_csv())
}

/// A saved report as this version writes it, whichever version wrote it. Throws when the text is not a report that can be
/// shown.
#[wasm_bindgen]
pub fn reopen_report(report_json: &str) -> Result<String, JsValue> {
    Report::from_json(report_json).and_then(|report| report.to_json()).map_err(report_failure)
}

/// The resolution scaled to a vocabulary: the paper's 75 at 32,000 entries.
#[wasm_bindgen]
pub fn scaled_resolution(vocabulary: u32) -> f64 {
    crate::glitch::scaled_resolution(vocabulary as usize)
}

/// Stops the work it was handed to, at its next pause. Safe to call while that work runs.
#[wasm_bindgen]
#[derive(Default)]
pub struct Cancel {
    flag: Rc<Cell<bool>>,
}

#[wasm_bindgen]
impl Cancel {
    #[wasm_bindgen(constructor)]
    pub fn new() -> Cancel {
        Cancel::default()
    }

    pub fn cancel(&self) {
        self.flag.set(true);
    }
}

/// A loaded model.
#[wasm_bindgen]
pub struct Session {
    /// Taken out while a method works, so that a second call meets an error instead of a panic.
    inner: Rc<RefCell<Option<session::Session>>>,
}

#[wasm_bindgen]
impl Session {
    /// Reads a folder of files, or a GGUF file, and brings the weights to a device: `auto`, `cpu` or `gpu`. `weights` is
    /// `f16`, `int8` or `int4` to round them while they are loaded, so that a large model fits.
    pub async fn open(
        source: JsSource,
        device: String,
        on: Listener,
        cancel: &Cancel,
        weights: Option<String>,
    ) -> Result<Session, JsValue> {
        let preference = device_named(&device);
        let mut monitor = PageMonitor::new(on.unchecked_into::<Function>(), cancel.flag.clone());
        let weights = match weights.as_deref() {
            None | Some("stored") => None,
            Some(name) => Some(Quantised::named(name).ok_or_else(|| {
                thrown(&format!("weights can be stored, f16, int8 or int4, not {name:?}"), None, "input")
            })?),
        };
        let options = session::OpenOptions { device: preference, weights };
        let session = session::Session::open_with(Rc::new(PageSource::new(source)), options, &mut monitor).await;
        Ok(Session::of(session.map_err(failure)?))
    }

    pub fn info(&self) -> Result<JsSessionInfo, JsValue> {
        self.look(|session| to_js(&session.info))?.map(JsValue::unchecked_into)
    }

    pub fn tokens(&self) -> Result<JsTokenTable, JsValue> {
        self.look(|session| to_js(&session.tokens))?.map(JsValue::unchecked_into)
    }

    /// The report as JSON text. A cancelled or failed scan gives a report too, with what was found.
    pub async fn scan(
        &self,
        options: PartialScanOptions,
        truth_json: Option<String>,
        on: Listener,
        cancel: &Cancel,
    ) -> Result<String, JsValue> {
        let options = scan_options(options)?;
        let truth = truth_json.map(|json| Report::from_json(&json)).transpose().map_err(report_failure)?;
        let mut monitor = PageMonitor::new(on.unchecked_into::<Function>(), cancel.flag.clone());
        let mut session = self.take()?;
        let report = session.scan(&options, truth.as_ref(), &mut monitor).await;
        self.put_back(session);
        report.map_err(failure)?.to_json().map_err(report_failure)
    }

    /// The hunt again at other resolutions, answered from an exhaustive report.
    pub async fn granularity(
        &self,
        truth_json: String,
        options: PartialScanOptions,
        resolutions: Vec<f64>,
        on: Listener,
        cancel: &Cancel,
    ) -> Result<JsGranularityRows, JsValue> {
        let options = scan_options(options)?;
        let truth = Report::from_json(&truth_json).map_err(report_failure)?;
        let mut monitor = PageMonitor::new(on.unchecked_into::<Function>(), cancel.flag.clone());
        let mut session = self.take()?;
        let rows = session.granularity(&truth, &options, &resolutions, &mut monitor).await;
        self.put_back(session);
        to_js(&rows.map_err(failure)?).map(JsValue::unchecked_into)
    }

    /// The first question of the options' leading oracle for one token, the whole answer, and the most probable first
    /// tokens.
    pub async fn probe(&self, id: u32, options: PartialScanOptions) -> Result<JsProbeDetail, JsValue> {
        let options = scan_options(options)?;
        let mut session = self.take()?;
        let detail = session.probe(&options, id).await;
        self.put_back(session);
        to_js(&detail.map_err(failure)?).map(JsValue::unchecked_into)
    }

    /// Logits of every position: (T,V), row-major.
    pub async fn logits(&self, ids: Vec<u32>) -> Result<Float32Array, JsValue> {
        let mut session = self.take()?;
        let logits = session.model.logits(&ids).await;
        self.put_back(session);
        Ok(Float32Array::from(logits.map_err(failure)?.as_slice()))
    }

    /// New ids of a greedy continuation, ending early behind an end token.
    pub async fn generate(
        &self,
        ids: Vec<u32>,
        max_new: u32,
        on: Listener,
        cancel: &Cancel,
    ) -> Result<Vec<u32>, JsValue> {
        let mut monitor = PageMonitor::new(on.unchecked_into::<Function>(), cancel.flag.clone());
        let mut session = self.take()?;
        let new = session.generate(&ids, max_new as usize, &mut monitor).await;
        self.put_back(session);
        new.map_err(failure)
    }

    /// The greedy answer to a text, told piece by piece (`text` events): to the text as it is, or through the model's chat
    /// template.
    pub async fn generate_text(
        &self,
        prompt: String,
        options: JsGenerateOptions,
        on: Listener,
        cancel: &Cancel,
    ) -> Result<JsGeneratedText, JsValue> {
        let options: session::GenerateOptions = serde_wasm_bindgen::from_value(options.into())
            .map_err(|error| thrown(&format!("the options cannot be read: {error}"), None, "input"))?;
        let mut monitor = PageMonitor::new(on.unchecked_into::<Function>(), cancel.flag.clone());
        let mut session = self.take()?;
        let generated = session.generate_text(&prompt, &options, &mut monitor).await;
        self.put_back(session);
        to_js(&generated.map_err(failure)?).map(JsValue::unchecked_into)
    }

    /// Bytes of keys and values that a token takes while an answer is made.
    pub fn kv_bytes_per_token(&self) -> Result<f64, JsValue> {
        self.look(|session| crate::engine::kv_cache::KvCache::bytes_per_token(&session.model.architecture) as f64)
    }

    /// Ids of a text.
    pub fn encode(&self, text: &str, special: bool) -> Result<Vec<u32>, JsValue> {
        self.look(|session| match &session.tokenizer {
            Some(tokenizer) => Ok(tokenizer.encode(text, special).map_err(|error| failure(error.into()))?.ids),
            None => Err(failure(crate::tokenizer::TokenizerError::Absent.into())),
        })?
    }

    /// Text of ids.
    pub fn decode(&self, ids: &[u32]) -> Result<String, JsValue> {
        self.look(|session| match &session.tokenizer {
            Some(tokenizer) => Ok(tokenizer.decode(ids, false)),
            None => Err(failure(crate::tokenizer::TokenizerError::Absent.into())),
        })?
    }

    /// Text and ids of a conversation, written by the model's chat template of that name, or the default one.
    pub fn encode_chat(
        &self,
        messages: JsChatMessages,
        options: Option<JsChatOptions>,
    ) -> Result<JsChatEncoding, JsValue> {
        let read = |error: serde_wasm_bindgen::Error| {
            thrown(&format!("the conversation cannot be read: {error}"), None, "input")
        };
        let messages: Vec<ChatMessage> = serde_wasm_bindgen::from_value(messages.into()).map_err(read)?;
        let options: ChatCall = match options {
            Some(options) => serde_wasm_bindgen::from_value(options.into()).map_err(read)?,
            None => ChatCall::default(),
        };
        let template = options.template;
        let options = ChatOptions {
            add_generation_prompt: options.add_generation_prompt,
            continue_final_message: options.continue_final_message,
            date: options.date.map(|[year, month, day]| ChatDate { year, month: month as u8, day: day as u8 }),
            ..ChatOptions::default()
        };
        let encoded = self.look(|session| match &session.tokenizer {
            Some(tokenizer) => tokenizer.encode_chat(template.as_deref(), &messages, &options),
            None => Err(crate::tokenizer::TokenizerError::Absent),
        })?;
        let (text, encoding) = encoded.map_err(|error| failure(error.into()))?;
        let ids = js_sys::Uint32Array::from(&encoding.ids[..]);
        Ok(batch::object(&[("text", text.into()), ("ids", ids.into())]).unchecked_into())
    }

    fn of(session: session::Session) -> Session {
        Session { inner: Rc::new(RefCell::new(Some(session))) }
    }

    fn look<T>(&self, view: impl FnOnce(&session::Session) -> T) -> Result<T, JsValue> {
        self.inner.borrow().as_ref().map(view).ok_or_else(busy)
    }

    fn take(&self) -> Result<session::Session, JsValue> {
        self.inner.borrow_mut().take().ok_or_else(busy)
    }

    fn put_back(&self, session: session::Session) {
        *self.inner.borrow_mut() = Some(session);
    }
}

#[derive(Default, serde::Deserialize)]
#[serde(default)]
struct ChatCall {
    add_generation_prompt: bool,
    continue_final_message: bool,
    template: Option<String>,
    date: Option<[u16; 3]>,
}

fn device_named(name: &str) -> DevicePreference {
    match name {
        "cpu" => DevicePreference::Cpu,
        "gpu" => DevicePreference::Gpu,
        "gpu_f16" => DevicePreference::GpuF16,
        _ => DevicePreference::Auto,
    }
}

fn scan_options(options: PartialScanOptions) -> Result<ScanOptions, JsValue> {
    serde_wasm_bindgen::from_value(options.into())
        .map_err(|error| thrown(&format!("the scan's options cannot be read: {error}"), None, "input"))
}

fn to_js(value: &impl Serialize) -> Result<JsValue, JsValue> {
    value
        .serialize(&serde_wasm_bindgen::Serializer::json_compatible())
        .map_err(|error| thrown(&error.to_string(), None, "input"))
}

fn busy() -> JsValue {
    thrown("the model is busy with another question", Some("Wait for it to end, or cancel it.".into()), "input")
}

fn report_failure(error: ReportError) -> JsValue {
    failure(error.into())
}
