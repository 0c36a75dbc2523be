//! How many threads the page has, and why not more: JavaScript starts them, and says so here.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

#[cfg(target_feature = "atomics")]
pub static POOL: super::pool::Pool = super::pool::Pool::new();

static THREADS: AtomicUsize = AtomicUsize::new(1);
static NOTE: Mutex<String> = Mutex::new(String::new());

/// `threads` share the work from now on, helpers and the caller's own; `note` says why there are not more, and is empty
/// where there is nothing to say.
pub fn share(threads: usize, note: String) {
    THREADS.store(threads.max(1), Ordering::Relaxed);
    if let Ok(mut held) = NOTE.lock() {
        *held = note;
    }
}

pub fn threads() -> usize {
    THREADS.load(Ordering::Relaxed)
}

/// Why there are not more threads; empty where there is nothing to say.
pub fn note() -> String {
    NOTE.lock().map(|note| note.clone()).unwrap_or_default()
}

/// Jobs that helpers took part in so far, counted once for each of them.
pub fn helped() -> u32 {
    #[cfg(target_feature = "atomics")]
    return POOL.helped();
    #[cfg(not(target_feature = "atomics"))]
    return 0;
}
