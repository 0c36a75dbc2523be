//! Numbers and strings from a file, in order, through a window: a header has no stated length.

use super::header::MAX_GGUF_STRING_BYTES;
use crate::checkpoint::CheckpointError;
use crate::checkpoint::source::{Source, read_exactly};

/// Bytes that are asked of the source at once, unless one string is longer.
const WINDOW_BYTES: u64 = 128 << 10;

pub struct Reader<'a> {
    source: &'a dyn Source,
    file: &'a str,
    file_bytes: u64,
    window: Vec<u8>,
    window_start: u64,
    position: u64,
}

impl<'a> Reader<'a> {
    pub fn new(source: &'a dyn Source, file: &'a str, file_bytes: u64) -> Self {
        Self::at(source, file, file_bytes, 0)
    }

    pub fn at(source: &'a dyn Source, file: &'a str, file_bytes: u64, position: u64) -> Self {
        Reader { source, file, file_bytes, window: Vec::new(), window_start: 0, position }
    }

    pub fn position(&self) -> u64 {
        self.position
    }

    pub fn left(&self) -> u64 {
        self.file_bytes - self.position
    }

    pub fn fault(&self, reason: impl Into<String>) -> CheckpointError {
        CheckpointError::Gguf { file: self.file.into(), reason: reason.into() }
    }

    fn check(&self, bytes: u64, what: &str) -> Result<(), CheckpointError> {
        if bytes <= self.left() {
            return Ok(());
        }
        Err(self.fault(format!(
            "it ends at byte {}, in the middle of {what} of {bytes} bytes at {}",
            self.file_bytes, self.position
        )))
    }

    pub fn skip(&mut self, bytes: u64, what: &str) -> Result<(), CheckpointError> {
        self.check(bytes, what)?;
        self.position += bytes;
        Ok(())
    }

    /// The next `bytes` bytes, checked against the file before any memory is asked for.
    pub async fn take(&mut self, bytes: u64, what: &str) -> Result<&[u8], CheckpointError> {
        self.check(bytes, what)?;
        let window_end = self.window_start + self.window.len() as u64;
        if self.position < self.window_start || self.position + bytes > window_end {
            // Given back first, so that there is never more than one.
            self.window = Vec::new();
            let count = bytes.max(WINDOW_BYTES).min(self.left());
            self.window = read_exactly(self.source, self.file, self.position..self.position + count).await?;
            self.window_start = self.position;
        }
        // OK to cast: inside the window, which is in memory.
        let start = (self.position - self.window_start) as usize;
        self.position += bytes;
        Ok(&self.window[start..start + bytes as usize])
    }

    pub async fn array<const N: usize>(&mut self, what: &str) -> Result<[u8; N], CheckpointError> {
        let bytes = self.take(N as u64, what).await?;
        Ok(bytes.try_into().expect("OK because exactly N bytes were taken"))
    }

    pub async fn u32(&mut self, what: &str) -> Result<u32, CheckpointError> {
        Ok(u32::from_le_bytes(self.array(what).await?))
    }

    pub async fn u64(&mut self, what: &str) -> Result<u64, CheckpointError> {
        Ok(u64::from_le_bytes(self.array(what).await?))
    }

    /// The length that stands before a string.
    pub async fn length(&mut self, what: &str) -> Result<u64, CheckpointError> {
        let bytes = self.u64(what).await?;
        self.check(bytes, what)?;
        Ok(bytes)
    }

    pub async fn string_bytes(&mut self, what: &str) -> Result<&[u8], CheckpointError> {
        let bytes = self.length(what).await?;
        if bytes > MAX_GGUF_STRING_BYTES {
            return Err(self.fault(format!("{what} has {bytes} bytes, the limit is {MAX_GGUF_STRING_BYTES}")));
        }
        self.take(bytes, what).await
    }

    pub async fn string(&mut self, what: &str) -> Result<String, CheckpointError> {
        let text = std::str::from_utf8(self.string_bytes(what).await?).map(str::to_owned);
        text.map_err(|error| self.fault(format!("{what} is no UTF-8 ({error})")))
    }
}
