//! Progress to a JavaScript listener; pauses that let the worker take its messages.

use std::cell::Cell;
use std::rc::Rc;

use js_sys::{Function, Promise};
use serde::Serialize;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

use crate::progress::{Event, LocalBoxFuture, Monitor};

#[wasm_bindgen(inline_js = r#"
// A macrotask by message: unlike setTimeout it is not held back to 4 ms, and unlike a resolved promise it lets the
// worker take a waiting message, such as a cancel.
const channel = new MessageChannel();
const waiting = [];
channel.port1.onmessage = () => waiting.shift()();
export function macrotask() {
  return new Promise((resolve) => {
    waiting.push(resolve);
    channel.port2.postMessage(null);
  });
}
"#)]
extern "C" {
    fn macrotask() -> Promise;
}

pub struct PageMonitor {
    on: Function,
    cancelled: Rc<Cell<bool>>,
}

impl PageMonitor {
    pub fn new(on: Function, cancelled: Rc<Cell<bool>>) -> Self {
        PageMonitor { on, cancelled }
    }
}

impl Monitor for PageMonitor {
    fn event(&mut self, event: Event<'_>) {
        // A listener that throws must not stop a scan; its own console shows the error.
        if let Ok(value) = event.serialize(&serde_wasm_bindgen::Serializer::json_compatible()) {
            let _ = self.on.call1(&JsValue::NULL, &value);
        }
    }

    fn is_cancelled(&self) -> bool {
        self.cancelled.get()
    }

    fn give_way(&mut self) -> LocalBoxFuture<'_, ()> {
        Box::pin(async {
            let _ = JsFuture::from(macrotask()).await;
        })
    }
}
