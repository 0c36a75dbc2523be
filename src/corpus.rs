//! Collections of texts, and how often glitch tokens occur in them.
//!
//! A file is read in parts and never whole. [`format`] says which kind of file it is, [`reader`] cuts its bytes into
//! documents, [`layout`] finds the texts of a record, [`prevalence`] encodes and counts.
//!
//! Limits   a record of JSON, CSV or Parquet has at most [`MAX_RECORD_BYTES`]; plain text has no limit

mod csv_rows;
mod cut;
pub mod excerpt;
mod export;
pub mod format;
mod json_records;
pub mod layout;
#[cfg(not(target_arch = "wasm32"))]
pub mod parquet_rows;
mod plain_text;
pub mod prevalence;
pub mod reader;

pub use format::Format;
pub use prevalence::{CorpusFile, Prevalence, PrevalenceOptions, Tally};
pub use reader::{Place, Reader, Sink};

/// Longest record that is kept while it is read. A conversation of a whole book has some megabytes.
pub const MAX_RECORD_BYTES: usize = 32 << 20;

/// What can be wrong with a file of texts.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CorpusError {
    #[error("{file}, line {line}, byte {offset}: {reason}")]
    Malformed { file: String, line: u64, offset: u64, reason: String },
    #[error("{file}, behind {row} rows: {reason}")]
    Rows { file: String, row: u64, reason: String },
    #[error("{file} is not read: {reason}")]
    Format { file: String, reason: String },
    #[error("the report names no glitch token, so there is nothing to count")]
    NothingToCount,
    #[error(
        "the report was made with another tokenizer: {different} of its {total} glitch tokens are spelled otherwise by \
         this model's, for example id {id}: {report:?} in the report, {model:?} here"
    )]
    OtherTokenizer { different: usize, total: usize, id: u32, report: String, model: String },
}

impl CorpusError {
    /// What the person who meets this error can do about it.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            CorpusError::Malformed { .. } => {
                "Correct the file there, or save it as JSON Lines: there a broken line costs that line only.".into()
            }
            CorpusError::Rows { .. } => "Write the file again, or save it as JSON Lines.".into(),
            CorpusError::Format { .. } => {
                "Texts are read from .txt, .md, .json, .jsonl, .ndjson, .csv, .tsv and .parquet files, in UTF-8.".into()
            }
            CorpusError::NothingToCount => "Take the report of a scan that found some.".into(),
            CorpusError::OtherTokenizer { .. } => "Load the model that the report is about.".into(),
        })
    }
}
