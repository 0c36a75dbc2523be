//! Detectors against an exhaustive report. Here is the clock that the core does not have.

use js_sys::Function;
use wasm_bindgen::prelude::*;

use super::monitor::PageMonitor;
use super::{Cancel, Listener, PartialScanOptions, Session, failure, report_failure, scan_options, thrown};
use crate::glitch::{Clock, seconds_per_question};
use crate::report::{DetectorTable, Report};

#[wasm_bindgen]
extern "C" {
    /// Milliseconds; there in pages and in workers.
    #[wasm_bindgen(js_namespace = performance, js_name = now)]
    fn milliseconds() -> f64;
}

#[wasm_bindgen]
impl Session {
    /// Detectors by name, all of them without names, over `seeds` against an exhaustive report, as JSON text. A cancelled
    /// comparison gives the detectors that were done; the listener has them as they are.
    pub async fn compare(
        &self,
        truth_json: String,
        options: PartialScanOptions,
        names: Vec<String>,
        seeds: Vec<u32>,
        budget: u32,
        on: Listener,
        cancel: &Cancel,
    ) -> Result<String, JsValue> {
        let options = scan_options(options)?;
        let truth = Report::from_json(&truth_json).map_err(report_failure)?;
        let mut now = || milliseconds() / 1000.0;
        let mut clock = Clock { now: &mut now, per_question: seconds_per_question(&truth) };
        let mut monitor = PageMonitor::new(on.unchecked_into::<Function>(), cancel.flag.clone());
        let mut session = self.take()?;
        let budget = budget as usize;
        let table = session.compare(&truth, &options, &names, &seeds, budget, &mut clock, &mut monitor).await;
        self.put_back(session);
        serde_json::to_string(&table.map_err(failure)?).map_err(|error| thrown(&error.to_string(), None, "input"))
    }
}

/// A comparison of detectors as CSV.
#[wasm_bindgen]
pub fn detectors_csv(table_json: &str) -> Result<String, JsValue> {
    let table: DetectorTable = serde_json::from_str(table_json)
        .map_err(|error| thrown(&format!("the comparison cannot be read: {error}"), None, "input"))?;
    Ok(table.to_csv())
}
