//! What every function here throws: `{ message, hint, kind }`.

use serde::Serialize;
use wasm_bindgen::prelude::*;

use crate::error::Error;

pub fn failure(error: Error) -> JsValue {
    let kind = match () {
        _ if error.is_cancelled() => "cancelled",
        _ if error.is_device() => "device",
        _ => "input",
    };
    thrown(&error.to_string(), error.hint(), kind)
}

pub fn thrown(message: &str, hint: Option<String>, kind: &'static str) -> JsValue {
    #[derive(Serialize)]
    struct Failure<'a> {
        message: &'a str,
        hint: Option<String>,
        kind: &'static str,
    }
    Failure { message, hint, kind }
        .serialize(&serde_wasm_bindgen::Serializer::json_compatible())
        .expect("OK because strings serialise")
}
