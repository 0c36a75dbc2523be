//! What several test files need: the devices, the larger fixtures, and skips that are seen.

#![allow(dead_code, reason = "each test file is a crate of its own and uses its part of this")]

pub mod compare;

use std::io::Write;
use std::path::{Path, PathBuf};

use glitchscope::compute::{Device, DevicePreference};
use serde::de::DeserializeOwned;

/// Tells that a test was skipped and why. Written to the real standard error, which libtest does not capture, and
/// counted by tools/test.sh.
pub fn skip(test: &str, reason: &str) {
    let _ = writeln!(std::io::stderr(), "SKIPPED: {test}: {reason}");
}

/// The folder with `models/` and `tokenizers/` that GLITCHSCOPE_MODELS names; `None`, said aloud, without it.
pub fn models(test: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("GLITCHSCOPE_MODELS").map(PathBuf::from);
    if folder.is_none() {
        skip(test, "GLITCHSCOPE_MODELS names no folder with models/ and tokenizers/");
    }
    folder
}

/// The CPU, and the GPU where there is one. `GPU=required` turns its absence into a failure.
pub fn devices(test: &str) -> Vec<DevicePreference> {
    match pollster::block_on(Device::request(DevicePreference::Gpu)) {
        Ok(_) => vec![DevicePreference::Cpu, DevicePreference::Gpu],
        Err(error) => {
            assert!(std::env::var("GPU").as_deref() != Ok("required"), "GPU=required, but: {error}");
            skip(&format!("{test} on the GPU"), &error.to_string());
            vec![DevicePreference::Cpu]
        }
    }
}

pub fn read_json<T: DeserializeOwned>(path: &Path) -> T {
    let text = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_slice(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
