//! Files that JavaScript reads: Blobs, URLs with ranges.

use std::ops::Range;

use js_sys::{Promise, Reflect, Uint8Array};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

use crate::checkpoint::CheckpointError;
use crate::checkpoint::source::Source;
use crate::progress::LocalBoxFuture;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(typescript_type = "JsSource")]
    pub type JsSource;
    #[wasm_bindgen(method, getter)]
    fn name(this: &JsSource) -> String;
    #[wasm_bindgen(method, getter, js_name = modelFile)]
    fn model_file(this: &JsSource) -> Option<String>;
    #[wasm_bindgen(method, catch)]
    fn len(this: &JsSource, file: &str) -> Result<Promise, JsValue>;
    #[wasm_bindgen(method, catch)]
    fn read(this: &JsSource, file: &str, start: f64, end: f64) -> Result<Promise, JsValue>;
}

pub struct PageSource {
    source: JsSource,
}

impl PageSource {
    pub fn new(source: JsSource) -> Self {
        PageSource { source }
    }

    fn unreadable(&self, file: &str, reason: &str) -> CheckpointError {
        CheckpointError::Unreadable { file: file.into(), place: self.source.name(), reason: reason.into() }
    }
}

impl Source for PageSource {
    fn name(&self) -> String {
        self.source.name()
    }

    fn model_file(&self) -> Option<String> {
        self.source.model_file()
    }

    fn len<'a>(&'a self, file: &'a str) -> LocalBoxFuture<'a, Result<Option<u64>, CheckpointError>> {
        Box::pin(async move {
            let promise = self.source.len(file).map_err(|error| self.unreadable(file, &message(&error)))?;
            let length = JsFuture::from(promise).await.map_err(|error| self.unreadable(file, &message(&error)))?;
            Ok(length.as_f64().map(|length| length as u64))
        })
    }

    fn read<'a>(&'a self, file: &'a str, range: Range<u64>) -> LocalBoxFuture<'a, Result<Vec<u8>, CheckpointError>> {
        Box::pin(async move {
            let promise = self
                .source
                .read(file, range.start as f64, range.end as f64)
                .map_err(|error| self.unreadable(file, &message(&error)))?;
            let bytes = JsFuture::from(promise).await.map_err(|error| self.unreadable(file, &message(&error)))?;
            let bytes: Uint8Array = bytes.dyn_into().map_err(|_| self.unreadable(file, "the reader gave no bytes"))?;
            let wanted = range.end - range.start;
            if u64::from(bytes.length()) != wanted {
                let reason = format!("{} bytes came instead of {wanted} from offset {}", bytes.length(), range.start);
                return Err(self.unreadable(file, &reason));
            }
            Ok(bytes.to_vec())
        })
    }
}

/// Errors of the page's readers carry a `message`; anything else is shown as it prints.
fn message(error: &JsValue) -> String {
    let message = Reflect::get(error, &"message".into()).ok().and_then(|message| message.as_string());
    message.unwrap_or_else(|| format!("{error:?}"))
}
