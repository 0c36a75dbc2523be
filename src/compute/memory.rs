//! Main memory: what to say when it runs out.

use super::ComputeError;

/// `needed_bytes` of main memory could not be had.
pub fn exhausted(needed_bytes: u64) -> ComputeError {
    ComputeError::OutOfMemory { device: "the CPU".into(), needed_bytes, available_bytes: available_bytes() }
}

/// Bytes of wasm memory that were never in use. A module's memory ends at 4 GiB, unless the browser stops it earlier.
#[cfg(target_arch = "wasm32")]
fn available_bytes() -> Option<u64> {
    const PAGE_BYTES: u64 = 65_536;
    Some((1u64 << 32) - core::arch::wasm32::memory_size(0) as u64 * PAGE_BYTES)
}

/// What the system estimates it could give without swapping; `None` where it does not say.
#[cfg(not(target_arch = "wasm32"))]
fn available_bytes() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}

#[cfg(test)]
mod tests {
    /// Oracle: the format of the message; both numbers are in it where the system tells them.
    #[test]
    fn the_error_has_both_numbers() {
        let message = super::exhausted(1 << 50).to_string();
        assert!(message.contains("1125899906842624 bytes were asked for"), "{message}");
        assert_eq!(message.contains("were available"), super::available_bytes().is_some(), "{message}");
    }
}
