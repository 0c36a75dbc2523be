//! GGUF: metadata, tensor descriptions and tensors in one file, as llama.cpp writes it.
//!
//! Source   https://github.com/ggml-org/ggml/blob/master/docs/gguf.md, versions 2 and 3
//! Limits   little-endian; strings, arrays, counts and offsets are checked against the file before they are used
//!
//! The header is read in windows and never kept whole: of an array only its place is remembered, so that a vocabulary
//! costs nothing until somebody asks for it. [`families`] says what the keys and tensors are called elsewhere.

pub(super) mod families;
pub(super) mod header;
mod reader;
pub(super) mod tokenizer;

pub use header::{MAX_GGUF_KEYS, MAX_GGUF_STRING_BYTES, MAX_GGUF_TENSORS};

use super::CheckpointError;
use header::Header;

/// The models among GGUF files: of one in parts the first part, with the bytes of all.
pub(super) fn models(files: Vec<(String, u64)>) -> Vec<(String, u64)> {
    let mut models: Vec<(String, u64)> = Vec::new();
    let mut rest = Vec::new();
    for (name, bytes) in files {
        match part(&name) {
            Some((_, "00001", _)) | None => models.push((name, bytes)),
            Some(_) => rest.push((name, bytes)),
        }
    }
    for (name, bytes) in rest {
        let Some((stem, _, count)) = part(&name) else { continue };
        let first = format!("{stem}-00001-of-{count}.gguf");
        if let Some((_, all)) = models.iter_mut().find(|(name, _)| *name == first) {
            *all += bytes;
        }
    }
    models
}

/// Stem, number and count of a part of a model: `stem-00002-of-00003.gguf`.
fn part(file: &str) -> Option<(&str, &str, &str)> {
    let (stem, count) = file.strip_suffix(".gguf")?.rsplit_once("-of-")?;
    let (stem, number) = stem.rsplit_once('-')?;
    let is_number = |text: &str| text.len() == 5 && text.bytes().all(|byte| byte.is_ascii_digit());
    (is_number(number) && is_number(count)).then_some((stem, number, count))
}

/// Files of a model in several: `name-00001-of-00003.gguf`. The first holds the metadata.
///
/// Errors: a name that does not follow the pattern, a count that is not the file's own.
pub(super) fn shard_names(file: &str, header: &Header) -> Result<Vec<String>, CheckpointError> {
    let count = match header.unsigned("split.count")? {
        None | Some(0 | 1) => return Ok(Vec::new()),
        Some(count) => count,
    };
    if count > super::MAX_SHARDS as u64 {
        return Err(CheckpointError::TooManyShards { file: file.into(), limit: super::MAX_SHARDS });
    }
    let first = format!("-00001-of-{count:05}.gguf");
    let Some(stem) = file.strip_suffix(&first) else {
        return Err(CheckpointError::Gguf {
            file: file.into(),
            reason: format!(
                "it is one of {count} parts of a model; the first is named …{first}, and is the one to open"
            ),
        });
    };
    Ok((2..=count).map(|i| format!("{stem}-{i:05}-of-{count:05}.gguf")).collect())
}
