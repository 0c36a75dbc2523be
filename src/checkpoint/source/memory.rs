//! Files held in memory: the built-in specimen, and tests.

use std::collections::HashMap;
use std::ops::Range;

use super::Source;
use crate::checkpoint::CheckpointError;
use crate::progress::LocalBoxFuture;

/// A folder in memory. Only for what is small: everything else is read from where it lies.
#[derive(Clone, Debug, Default)]
pub struct MemorySource {
    name: String,
    files: HashMap<String, Vec<u8>>,
}

impl MemorySource {
    pub fn new(name: impl Into<String>, files: HashMap<String, Vec<u8>>) -> Self {
        MemorySource { name: name.into(), files }
    }

    /// Adds or replaces one file.
    pub fn insert(&mut self, file: impl Into<String>, bytes: impl Into<Vec<u8>>) {
        self.files.insert(file.into(), bytes.into());
    }
}

impl Source for MemorySource {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn len<'a>(&'a self, file: &'a str) -> LocalBoxFuture<'a, Result<Option<u64>, CheckpointError>> {
        Box::pin(std::future::ready(Ok(self.files.get(file).map(|bytes| bytes.len() as u64))))
    }

    fn read<'a>(&'a self, file: &'a str, range: Range<u64>) -> LocalBoxFuture<'a, Result<Vec<u8>, CheckpointError>> {
        let part = self
            .files
            .get(file)
            .ok_or_else(|| CheckpointError::MissingFile { file: file.into(), place: self.name.clone() });
        let part = part.and_then(|bytes| {
            let start = usize::try_from(range.start).unwrap_or(usize::MAX);
            let end = usize::try_from(range.end).unwrap_or(usize::MAX);
            bytes.get(start..end).map(<[u8]>::to_vec).ok_or_else(|| CheckpointError::ShortRead {
                file: file.into(),
                offset: range.start,
                expected_bytes: range.end.saturating_sub(range.start),
                got_bytes: (bytes.len() as u64).saturating_sub(range.start),
            })
        });
        Box::pin(std::future::ready(part))
    }
}
