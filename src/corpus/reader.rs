//! A file's bytes, as they come, into documents.

pub use super::cut::Join;

use super::csv_rows::CsvRows;
use super::format::Format;
use super::json_records::JsonRecords;
use super::layout::Layout;
use super::plain_text::PlainText;
use crate::error::Result;

/// Where a document begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// Counted from 1.
    pub line: u64,
    /// In bytes from the beginning of the file.
    pub offset: u64,
}

/// Takes documents, text by text.
pub trait Sink {
    /// A text of the document that is open.
    fn text(&mut self, text: &str, join: Join) -> Result<()>;

    /// The document has ended.
    fn end(&mut self, place: Place, layout: Layout) -> Result<()>;

    /// A record that cannot be read, and why; nothing of it was given.
    fn broken(&mut self, place: Place, reason: String);

    /// Bytes that are no UTF-8 and were read as U+FFFD.
    fn replaced(&mut self, count: u64);
}

/// Reads one file.
pub enum Reader {
    Text(PlainText),
    Json(JsonRecords),
    Csv(Box<CsvRows>),
}

impl Reader {
    /// `file` is what errors call it; `fields` are the fields of a record that count, empty for all.
    ///
    /// None for a format that is not read as its bytes come: Parquet (`ParquetRows`).
    pub fn new(file: &str, format: Format, fields: &[String]) -> Option<Reader> {
        Some(match format {
            Format::Text => Reader::Text(PlainText::new(file, false)),
            Format::TextLines => Reader::Text(PlainText::new(file, true)),
            Format::Json => Reader::Json(JsonRecords::new(file, false, fields)),
            Format::JsonLines => Reader::Json(JsonRecords::new(file, true, fields)),
            Format::Csv { delimiter } => Reader::Csv(Box::new(CsvRows::new(file, delimiter, fields))),
            #[cfg(not(target_arch = "wasm32"))]
            Format::Parquet => return None,
        })
    }

    /// The next bytes.
    ///
    /// Errors: `CorpusError::Malformed` where the rest of the file cannot be told apart; what came before is counted.
    pub fn push(&mut self, bytes: &[u8], sink: &mut dyn Sink) -> Result<()> {
        match self {
            Reader::Text(reader) => reader.push(bytes, sink),
            Reader::Json(reader) => reader.push(bytes, sink),
            Reader::Csv(reader) => reader.push(bytes, sink),
        }
    }

    /// The end of the file.
    pub fn finish(&mut self, sink: &mut dyn Sink) -> Result<()> {
        match self {
            Reader::Text(reader) => reader.finish(sink),
            Reader::Json(reader) => reader.finish(sink),
            Reader::Csv(reader) => reader.finish(sink),
        }
    }
}

/// Without the mark that some editors put in front.
pub(super) const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The text of bytes, with U+FFFD for those that are no UTF-8, which are counted.
pub(super) fn decoded<'a>(bytes: &'a [u8], sink: &mut dyn Sink) -> std::borrow::Cow<'a, str> {
    let text = String::from_utf8_lossy(bytes);
    if matches!(text, std::borrow::Cow::Owned(_)) {
        sink.replaced(bytes.utf8_chunks().map(|chunk| chunk.invalid().len() as u64).sum());
    }
    text
}
