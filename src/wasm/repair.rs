//! Repairs of glitch tokens, from JavaScript.

use js_sys::{Array, Function, Uint8Array};
use wasm_bindgen::prelude::*;

use super::batch::object;
use super::monitor::PageMonitor;
use super::{Cancel, Listener, Session, failure, report_failure, thrown};
use crate::repair::merges::{self, MergeOptions};
use crate::repair::rows::{self, RowOptions};
use crate::report::Report;

#[wasm_bindgen(typescript_custom_section)]
const REPAIR_TYPES: &str = r#"
/** Bytes of a file of the model that are other ones after a repair. */
export interface FilePatch {
  file: string;
  offset: number;
  bytes: Uint8Array;
}
"#;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(typescript_type = "Partial<MergeOptions>")]
    pub type PartialMergeOptions;
    #[wasm_bindgen(typescript_type = "Partial<RowOptions>")]
    pub type PartialRowOptions;
    #[wasm_bindgen(typescript_type = "{ repair: string; json: Uint8Array }")]
    pub type JsMergeRepair;
    #[wasm_bindgen(typescript_type = "{ repair: string; patches: FilePatch[] }")]
    pub type JsRowRepair;
}

#[wasm_bindgen]
impl Session {
    /// Takes the merges of tokens out of the model's tokenizer.json: a `MergeRepair` as JSON text, and the new file.
    pub async fn repair_merges(
        &self,
        report_json: String,
        tokenizer_json: Vec<u8>,
        ids: Vec<u32>,
        options: PartialMergeOptions,
        on: Listener,
        cancel: &Cancel,
    ) -> Result<JsMergeRepair, JsValue> {
        let report = Report::from_json(&report_json).map_err(report_failure)?;
        let options: MergeOptions = serde_wasm_bindgen::from_value(options.into()).map_err(unreadable)?;
        let mut monitor = PageMonitor::new(on.unchecked_into::<Function>(), cancel.flag.clone());
        let mut session = self.take()?;
        let work =
            merges::prune_and_ask(&mut session, Some(&report), &tokenizer_json, &ids, &options, &mut monitor).await;
        self.put_back(session);
        let (repair, json) = work.map_err(failure)?;
        let json = Uint8Array::from(&json[..]);
        Ok(object(&[("repair", text_of(&repair).into()), ("json", json.into())]).unchecked_into())
    }

    /// Replaces rows of tokens: a `RowRepair` as JSON text, and what has to be changed in the file of the weights.
    pub async fn repair_rows(
        &self,
        report_json: String,
        ids: Vec<u32>,
        text: Option<String>,
        options: PartialRowOptions,
        on: Listener,
        cancel: &Cancel,
    ) -> Result<JsRowRepair, JsValue> {
        let report = Report::from_json(&report_json).map_err(report_failure)?;
        let options: RowOptions = serde_wasm_bindgen::from_value(options.into()).map_err(unreadable)?;
        let mut monitor = PageMonitor::new(on.unchecked_into::<Function>(), cancel.flag.clone());
        let mut session = self.take()?;
        let work = rows::repair(&mut session, &report, &ids, text.as_deref(), &options, &mut monitor).await;
        self.put_back(session);
        let (repair, patches) = work.map_err(failure)?;
        let patches = patches.iter().map(|patch| {
            object(&[
                ("file", patch.file.as_str().into()),
                ("offset", (patch.offset as f64).into()),
                ("bytes", Uint8Array::from(&patch.bytes[..]).into()),
            ])
        });
        let patches: Array = patches.collect();
        Ok(object(&[("repair", text_of(&repair).into()), ("patches", patches.into())]).unchecked_into())
    }

    /// Puts the original rows back; false when none were replaced.
    pub fn restore_rows(&self) -> Result<bool, JsValue> {
        let mut session = self.take()?;
        let restored = rows::restore(&mut session);
        self.put_back(session);
        restored.map_err(failure)
    }
}

fn text_of(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("OK because plain data serialises")
}

fn unreadable(error: serde_wasm_bindgen::Error) -> JsValue {
    thrown(&format!("the options cannot be read: {error}"), None, "input")
}
