//! Threads of the page. Workers and their memory are JavaScript's, see `tools/package/glitchscope.js`; here is what they do.

use wasm_bindgen::prelude::*;

use crate::compute::cpu::parallel::sharing;

/// `threads` share the work, this one and helpers that have been started; `note` says why there are not more.
#[wasm_bindgen(skip_typescript)]
pub fn threads_share(threads: usize, note: String) {
    sharing::share(threads, note);
}

/// Jobs that helpers took part in so far.
#[wasm_bindgen(skip_typescript)]
pub fn threads_helped() -> u32 {
    sharing::helped()
}

/// Works for the thread that asks; never returns.
#[cfg(target_feature = "atomics")]
#[wasm_bindgen(skip_typescript)]
pub fn thread_help() {
    sharing::POOL.help()
}

/// Says that a helper stopped, so that nobody waits for it.
#[cfg(target_feature = "atomics")]
#[wasm_bindgen(skip_typescript)]
pub fn thread_failed() {
    sharing::POOL.fail();
}
