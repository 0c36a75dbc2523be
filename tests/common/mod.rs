//! What several test files need: published models that may be there, and a block-on for sources that never wait.

#![allow(dead_code, reason = "every test binary uses its own part of this module")]

pub mod compare;

use std::collections::BTreeMap;
use std::future::Future;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use glitchscope::compute::{Device, DevicePreference};
use glitchscope::progress::{Event, Monitor};
use serde::de::DeserializeOwned;

/// A file or folder below the one that `GLITCHSCOPE_MODELS` names (`models/<name>`, `tokenizers/<name>`). Without the
/// variable, or the file, the test is skipped: this says so, past libtest's capture, and returns `None`.
pub fn published(test: &str, path: &str) -> Option<PathBuf> {
    let Some(root) = std::env::var_os("GLITCHSCOPE_MODELS") else {
        skipped(test, "GLITCHSCOPE_MODELS is not set");
        return None;
    };
    let path = Path::new(&root).join(path);
    if path.exists() {
        Some(path)
    } else {
        skipped(test, &format!("{} does not exist", path.display()));
        None
    }
}

/// Written to the stream itself, because libtest swallows what `eprintln!` prints in a passing test.
pub fn skipped(test: &str, reason: &str) {
    let _ = writeln!(std::io::stderr(), "SKIPPED: {test}: {reason}");
}

/// Runs a future of sources that are ready at once; one that waits is a mistake in the test.
pub fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("a source that is ready at once has waited"),
    }
}

/// The bytes of a file in this repository.
pub fn fixture(path: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The CPU, and the GPU where there is one. `GPU=required` turns its absence into a failure.
pub fn devices(test: &str) -> Vec<DevicePreference> {
    match pollster::block_on(Device::request(DevicePreference::Gpu)) {
        Ok(_) => vec![DevicePreference::Cpu, DevicePreference::Gpu],
        Err(error) => {
            assert!(std::env::var("GPU").as_deref() != Ok("required"), "GPU=required, but: {error}");
            skipped(&format!("{test} on the GPU"), &error.to_string());
            vec![DevicePreference::Cpu]
        }
    }
}

/// The same, as the command is told.
pub fn device_names(test: &str) -> Vec<&'static str> {
    let name = |device| if device == DevicePreference::Cpu { "cpu" } else { "gpu" };
    devices(test).into_iter().map(name).collect()
}

pub fn read_json<T: DeserializeOwned>(path: &Path) -> T {
    let text = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_slice(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The F32 tensors of a safetensors file that a reference script wrote: shape and numbers, by name.
pub fn read_safetensors(path: &Path) -> BTreeMap<String, (Vec<usize>, Vec<f32>)> {
    let bytes = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let (header, data) = bytes[8..].split_at(length);
    let header: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(header).unwrap();
    let entries = header.into_iter().filter(|(name, _)| name != "__metadata__");
    entries
        .map(|(name, entry)| {
            assert_eq!(entry["dtype"], "F32", "{name}");
            let numbers = |key: &str| -> Vec<usize> { serde_json::from_value(entry[key].clone()).unwrap() };
            let offsets = numbers("data_offsets");
            (name, (numbers("shape"), bytemuck::pod_collect_to_vec(&data[offsets[0]..offsets[1]])))
        })
        .collect()
}

/// Stops after so many pauses.
pub struct Impatient(pub std::cell::Cell<u32>);

impl Monitor for Impatient {
    fn event(&mut self, _event: Event<'_>) {}

    fn is_cancelled(&self) -> bool {
        self.0.set(self.0.get().saturating_sub(1));
        self.0.get() == 0
    }
}
