//! What outlives a visit: saved reports, their exports and comparisons, and the states of scans.

use js_sys::Function;
use wasm_bindgen::prelude::*;

use super::monitor::PageMonitor;
use super::{Cancel, Listener, PartialScanOptions, Session, failure, report_failure, scan_options, thrown, to_js};
use crate::glitch::ScanState;
use crate::report::{ExportFormat, IndicatorTable, Report, ReportDiff, diff};
use crate::session::ScanRun;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(typescript_type = "StateInfo | null")]
    pub type JsStateInfo;
}

#[wasm_bindgen]
impl Session {
    /// `scan` whose state is told line by line, as events. `state` is what the lines of an earlier one came to.
    pub async fn scan_kept(
        &self,
        options: PartialScanOptions,
        truth_json: Option<String>,
        state: Option<Vec<u8>>,
        on: Listener,
        cancel: &Cancel,
    ) -> Result<String, JsValue> {
        let options = scan_options(options)?;
        let truth = truth_json.map(|json| Report::from_json(&json)).transpose().map_err(report_failure)?;
        let state = state.map(|bytes| ScanState::read(&bytes)).transpose().map_err(|error| failure(error.into()))?;
        let mut monitor = PageMonitor::new(on.unchecked_into::<Function>(), cancel.flag.clone());
        let mut session = self.take()?;
        let run = ScanRun { truth: truth.as_ref(), part: None, state: Some(state) };
        let report = session.scan_run(&options, run, &mut monitor).await;
        self.put_back(session);
        report.map_err(failure)?.to_json().map_err(report_failure)
    }

    /// What a state holds; null when it is torn in its first line or of another model, device or version.
    pub fn resumable(&self, state: &[u8]) -> Result<JsStateInfo, JsValue> {
        let info = self.look(|session| ScanState::read(state).ok().and_then(|state| session.resumable(&state).ok()))?;
        to_js(&info).map(JsValue::unchecked_into)
    }
}

/// Bytes of a state up to the end of its last whole line; what follows belongs cut off before lines are added.
#[wasm_bindgen]
pub fn whole_state_bytes(state: &[u8]) -> Result<f64, JsValue> {
    ScanState::read(state).map(|state| state.whole_bytes as f64).map_err(|error| failure(error.into()))
}

/// A saved report as `html`, `markdown`, `strings`, `strings-json`, `csv` or `json`.
#[wasm_bindgen]
pub fn export_report(report_json: &str, format: &str) -> Result<String, JsValue> {
    let format: ExportFormat = serde_json::from_value(format.into())
        .map_err(|_| thrown(&format!("a report cannot be saved as {format:?}"), None, "input"))?;
    Report::from_json(report_json).and_then(|report| report.export(format)).map_err(report_failure)
}

/// What changed from one saved report to another, as JSON text; with both models' indicators (`IndicatorTable`s as JSON text)
/// these too.
#[wasm_bindgen]
pub fn diff_reports(
    a_json: &str,
    b_json: &str,
    indicators_a: Option<String>,
    indicators_b: Option<String>,
) -> Result<String, JsValue> {
    let diff = difference(a_json, b_json, indicators_a, indicators_b)?;
    serde_json::to_string(&diff).map_err(|error| thrown(&error.to_string(), None, "input"))
}

/// The same as CSV, a row for every compared token.
#[wasm_bindgen]
pub fn diff_csv(
    a_json: &str,
    b_json: &str,
    indicators_a: Option<String>,
    indicators_b: Option<String>,
) -> Result<String, JsValue> {
    Ok(difference(a_json, b_json, indicators_a, indicators_b)?.to_csv())
}

fn difference(
    a_json: &str,
    b_json: &str,
    indicators_a: Option<String>,
    indicators_b: Option<String>,
) -> Result<ReportDiff, JsValue> {
    let (a, b) = (Report::from_json(a_json), Report::from_json(b_json));
    let diff = diff(&a.map_err(report_failure)?, &b.map_err(report_failure)?);
    let table = |json: &str| -> Result<IndicatorTable, JsValue> {
        serde_json::from_str(json).map_err(|error| thrown(&format!("these are no indicators: {error}"), None, "input"))
    };
    Ok(match (indicators_a, indicators_b) {
        (Some(a), Some(b)) => diff.with_indicators(&table(&a)?, &table(&b)?),
        _ => diff,
    })
}
