//! What wgpu does not pass on from the browser's GPU device. JavaScript is spoken here because the browser's GPU API is
//! JavaScript.

use wasm_bindgen::JsCast;
use wasm_bindgen::JsValue;
use wasm_bindgen::closure::Closure;

/// Vendor and architecture, such as `nvidia ampere`.
pub fn adapter_name(device: &wgpu::Device) -> String {
    let name = device.as_webgpu().map(|device| {
        let info = device.adapter_info();
        format!("{} {}", info.vendor(), info.architecture())
    });
    match name.as_deref().map(str::trim) {
        None | Some("") => "unnamed adapter".into(),
        Some(name) => name.into(),
    }
}

/// Milliseconds since the worker began.
pub fn now_ms() -> f64 {
    let performance = js_sys::Reflect::get(&js_sys::global(), &"performance".into()).unwrap_or(JsValue::UNDEFINED);
    js_sys::Reflect::get(&performance, &"now".into())
        .ok()
        .and_then(|now| now.dyn_into::<js_sys::Function>().ok())
        .and_then(|now| now.call0(&performance).ok())
        .and_then(|now| now.as_f64())
        .unwrap_or_else(js_sys::Date::now)
}

/// Calls `handler` with the message of every error that no scope has caught.
///
/// wgpu's own handler panics on `GPUInternalError`, the kind by which a driver says that it could not compile a
/// kernel; a panic would take the whole worker down.
pub fn on_uncaptured_error(device: &wgpu::Device, handler: impl Fn(String) + 'static) {
    let Some(device) = device.as_webgpu() else {
        return;
    };
    let closure = Closure::<dyn FnMut(JsValue)>::new(move |event: JsValue| {
        let message = js_sys::Reflect::get(&event, &"error".into())
            .and_then(|error| js_sys::Reflect::get(&error, &"message".into()))
            .ok()
            .and_then(|message| message.as_string());
        handler(message.unwrap_or_else(|| "an error without a message".into()));
    });
    device.set_onuncapturederror(Some(closure.as_ref().unchecked_ref()));
    // The device keeps it for life.
    closure.forget();
}
