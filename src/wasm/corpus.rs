//! Glitch tokens in files of text, from JavaScript.

use std::rc::Rc;

use js_sys::Function;
use wasm_bindgen::prelude::*;

use super::monitor::PageMonitor;
use super::source::{JsSource, PageSource};
use super::{Cancel, Listener, Session, failure, report_failure, thrown};
use crate::checkpoint::Source;
use crate::corpus::{CorpusFile, Prevalence, PrevalenceOptions, prevalence};
use crate::report::Report;
use crate::tokenizer::TokenizerError;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(typescript_type = "Partial<PrevalenceOptions>")]
    pub type PartialPrevalenceOptions;
}

#[wasm_bindgen]
impl Session {
    /// The glitch tokens of a report in files of a source, counted with this model's tokenizer: a `Prevalence` as JSON text.
    /// A cancel keeps what was counted.
    pub async fn prevalence(
        &self,
        report_json: String,
        source: JsSource,
        files: Vec<String>,
        options: PartialPrevalenceOptions,
        on: Listener,
        cancel: &Cancel,
    ) -> Result<String, JsValue> {
        let report = Report::from_json(&report_json).map_err(report_failure)?;
        drop(report_json);
        let options: PrevalenceOptions = serde_wasm_bindgen::from_value(options.into())
            .map_err(|error| thrown(&format!("the options cannot be read: {error}"), None, "input"))?;
        let source: Rc<dyn Source> = Rc::new(PageSource::new(source));
        let files: Vec<CorpusFile> =
            files.into_iter().map(|name| CorpusFile { source: source.clone(), name }).collect();
        let mut monitor = PageMonitor::new(on.unchecked_into::<Function>(), cancel.flag.clone());
        let session = self.take()?;
        let result = match &session.tokenizer {
            Some(tokenizer) => prevalence::prevalence(tokenizer, &report, &files, &options, &mut monitor).await,
            None => Err(TokenizerError::Absent.into()),
        };
        self.put_back(session);
        Ok(result.map_err(failure)?.to_json())
    }
}

/// A prevalence as CSV: its documents, or with `tokens` its tokens.
#[wasm_bindgen]
pub fn prevalence_csv(json: &str, tokens: bool) -> Result<String, JsValue> {
    let result: Prevalence = serde_json::from_str(json)
        .map_err(|error| thrown(&format!("the prevalence cannot be read: {error}"), None, "input"))?;
    Ok(if tokens { result.tokens_csv() } else { result.documents_csv() })
}
