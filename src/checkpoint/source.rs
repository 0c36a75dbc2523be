//! Where files come from: a folder, picked files, a URL. Files are read by ranges and never whole.

#[cfg(not(target_arch = "wasm32"))]
mod folder;
mod memory;

#[cfg(not(target_arch = "wasm32"))]
pub use folder::FolderSource;
pub use memory::MemorySource;

use std::ops::Range;

use super::CheckpointError;
use crate::progress::LocalBoxFuture;

/// A folder of files that can be read in parts.
pub trait Source {
    /// How the user named it: a path, a URL, `specimen`.
    fn name(&self) -> String;

    /// The one file that holds the model, where the user named a file instead of a folder: `model-q4_k_m.gguf`.
    fn model_file(&self) -> Option<String> {
        None
    }

    /// The GGUF files that a person may choose from, with their bytes, where a source can list what it has.
    fn gguf_files(&self) -> Vec<(String, u64)> {
        Vec::new()
    }

    /// Length of a file in bytes; `None` when there is no such file.
    fn len<'a>(&'a self, file: &'a str) -> LocalBoxFuture<'a, Result<Option<u64>, CheckpointError>>;

    /// The bytes of a range. Fewer bytes than asked for is an error of the source, not of the caller.
    fn read<'a>(&'a self, file: &'a str, range: Range<u64>) -> LocalBoxFuture<'a, Result<Vec<u8>, CheckpointError>>;
}

/// Reads exactly `range`: a source that returns another number of bytes is an error here, not a surprise later.
pub(crate) async fn read_exactly(
    source: &dyn Source,
    file: &str,
    range: Range<u64>,
) -> Result<Vec<u8>, CheckpointError> {
    let (offset, expected_bytes) = (range.start, range.end.saturating_sub(range.start));
    let bytes = source.read(file, range).await?;
    if bytes.len() as u64 == expected_bytes {
        Ok(bytes)
    } else {
        Err(CheckpointError::ShortRead { file: file.into(), offset, expected_bytes, got_bytes: bytes.len() as u64 })
    }
}

/// A whole small file, or `None` when there is none; refused above `limit_bytes`.
pub(crate) async fn read_small(
    source: &dyn Source,
    file: &str,
    limit_bytes: u64,
) -> Result<Option<Vec<u8>>, CheckpointError> {
    let Some(bytes) = source.len(file).await? else {
        return Ok(None);
    };
    if bytes > limit_bytes {
        return Err(CheckpointError::FileTooLarge { file: file.into(), bytes, limit_bytes });
    }
    Ok(Some(read_exactly(source, file, 0..bytes).await?))
}

/// The name of a file in the folder itself. A shard index is hostile data: `../../etc/passwd` is not read.
pub(crate) fn is_plain_name(file: &str) -> bool {
    !file.is_empty()
        && file.len() <= 255
        && file != "."
        && file != ".."
        && !file.chars().any(|c| matches!(c, '/' | '\\' | ':') || c.is_control())
}
