//! Records of JSON: an array of them, one behind another, or one a line.
//!
//! The text is cut at the ends of records by looking at brackets and quotes only; a record is parsed when it is whole. So
//! one record is in memory at a time, whatever the file's length.

use serde_json::Value;

use super::layout::{records, texts};
use super::reader::{BYTE_ORDER_MARK, Join, Place, Sink};
use super::{CorpusError, MAX_RECORD_BYTES};
use crate::error::Result;

pub struct JsonRecords {
    file: String,
    lines: bool,
    fields: Vec<String>,
    record: Vec<u8>,
    /// Of the byte that comes next, and of the record that is open.
    here: Place,
    record_at: Place,
    /// Open brackets of the record.
    depth: usize,
    in_string: bool,
    escaped: bool,
    /// A line is longer than a record may be; the rest of it is passed over.
    overlong: bool,
    outside: Outside,
}

/// What surrounds the records of a file that is not read by lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outside {
    /// Nothing has come yet.
    Start,
    /// Values one behind another.
    Values,
    /// In an array, where a record or its end may come; after a comma a record has to.
    Array { comma: bool },
    /// Behind a record of an array.
    BehindRecord,
    /// Behind the array.
    End,
}

impl JsonRecords {
    pub fn new(file: &str, lines: bool, fields: &[String]) -> JsonRecords {
        let start = Place { line: 1, offset: 0 };
        JsonRecords {
            file: file.into(),
            lines,
            fields: fields.to_vec(),
            record: Vec::new(),
            here: start,
            record_at: start,
            depth: 0,
            in_string: false,
            escaped: false,
            overlong: false,
            outside: Outside::Start,
        }
    }

    pub fn push(&mut self, bytes: &[u8], sink: &mut dyn Sink) -> Result<()> {
        if self.lines {
            return self.push_lines(bytes, sink);
        }
        for &byte in bytes {
            if self.here.offset < BYTE_ORDER_MARK.len() as u64 && byte == BYTE_ORDER_MARK[self.here.offset as usize] {
                self.here.offset += 1;
                continue;
            }
            self.byte(byte, sink)?;
            self.here.offset += 1;
            self.here.line += u64::from(byte == b'\n');
        }
        Ok(())
    }

    pub fn finish(&mut self, sink: &mut dyn Sink) -> Result<()> {
        if self.lines {
            return self.line(sink);
        }
        if !self.record.is_empty() {
            // A number or a word at the end of the file has nothing behind it that would end it.
            if self.depth > 0 || self.in_string || self.outside != Outside::Values {
                return Err(self.malformed(self.record_at, "the record that begins here does not end".into()));
            }
            return self.give(sink);
        }
        match self.outside {
            Outside::Array { .. } | Outside::BehindRecord => {
                Err(self.malformed(self.here, "the file ends inside its array".into()))
            }
            _ => Ok(()),
        }
    }

    fn push_lines(&mut self, bytes: &[u8], sink: &mut dyn Sink) -> Result<()> {
        for piece in bytes.split_inclusive(|&byte| byte == b'\n') {
            if self.record.len() + piece.len() > MAX_RECORD_BYTES && !self.overlong {
                self.overlong = true;
                sink.broken(self.record_at, format!("the line has more than {MAX_RECORD_BYTES} bytes"));
            }
            if self.overlong {
                self.record.clear();
            } else {
                self.record.extend_from_slice(piece);
            }
            self.here.offset += piece.len() as u64;
            if piece.ends_with(b"\n") {
                self.line(sink)?;
                self.here.line += 1;
                self.record_at = self.here;
            }
        }
        Ok(())
    }

    fn line(&mut self, sink: &mut dyn Sink) -> Result<()> {
        if std::mem::take(&mut self.overlong) {
            return Ok(());
        }
        let mut record = std::mem::take(&mut self.record);
        let is_first = self.record_at.offset == 0;
        let line = record.strip_prefix(BYTE_ORDER_MARK).filter(|_| is_first).unwrap_or(&record);
        if !line.iter().all(u8::is_ascii_whitespace) {
            match serde_json::from_slice::<Value>(line) {
                Ok(value) => given(&value, &self.fields, self.record_at, sink)?,
                Err(error) => sink.broken(self.record_at, format!("column {}: {error}", error.column())),
            }
        }
        // The room is used again.
        record.clear();
        self.record = record;
        Ok(())
    }

    /// A byte of a file that is not read by lines.
    fn byte(&mut self, byte: u8, sink: &mut dyn Sink) -> Result<()> {
        if self.record.is_empty() {
            return self.between(byte);
        }
        if self.in_string {
            self.keep(byte)?;
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' => self.escaped = true,
                b'"' => {
                    self.in_string = false;
                    if self.depth == 0 {
                        return self.give(sink);
                    }
                }
                _ => {}
            }
            return Ok(());
        }
        match byte {
            b'"' => {
                self.keep(byte)?;
                self.in_string = true;
            }
            b'{' | b'[' => {
                self.keep(byte)?;
                self.depth += 1;
            }
            b'}' | b']' if self.depth > 0 => {
                self.keep(byte)?;
                self.depth -= 1;
                if self.depth == 0 {
                    return self.give(sink);
                }
            }
            // A number, `true`, `false` or `null` ends where something else begins.
            b',' | b']' | b'}' | b' ' | b'\t' | b'\r' | b'\n' if self.depth == 0 => {
                self.give(sink)?;
                return self.between(byte);
            }
            _ => self.keep(byte)?,
        }
        Ok(())
    }

    /// A byte outside of records.
    fn between(&mut self, byte: u8) -> Result<()> {
        if byte.is_ascii_whitespace() {
            return Ok(());
        }
        self.outside = match (self.outside, byte) {
            (Outside::Start, b'[') => Outside::Array { comma: false },
            (Outside::Array { comma: false } | Outside::BehindRecord, b']') => Outside::End,
            (Outside::BehindRecord, b',') => Outside::Array { comma: true },
            (Outside::Start | Outside::Values, b'{' | b'"' | b'[') => {
                self.begin(byte)?;
                Outside::Values
            }
            (Outside::Array { .. }, b'{' | b'"' | b'[' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n') => {
                self.begin(byte)?;
                Outside::BehindRecord
            }
            (outside, _) => {
                let expected = match outside {
                    Outside::Start => "an array, a record or a text",
                    Outside::Values => "a record or a text",
                    Outside::Array { .. } => "a record",
                    Outside::BehindRecord => "a comma or the end of the array",
                    Outside::End => "nothing behind the array",
                };
                let found = char::from(byte).escape_default();
                return Err(self.malformed(self.here, format!("expected {expected}, found `{found}`")));
            }
        };
        Ok(())
    }

    fn begin(&mut self, byte: u8) -> Result<()> {
        self.record_at = self.here;
        self.in_string = byte == b'"';
        self.depth = usize::from(matches!(byte, b'{' | b'['));
        self.keep(byte)
    }

    fn keep(&mut self, byte: u8) -> Result<()> {
        if self.record.len() == MAX_RECORD_BYTES {
            let reason = format!("the record that begins here has more than {MAX_RECORD_BYTES} bytes");
            return Err(self.malformed(self.record_at, reason));
        }
        self.record.push(byte);
        Ok(())
    }

    fn give(&mut self, sink: &mut dyn Sink) -> Result<()> {
        let mut record = std::mem::take(&mut self.record);
        let value: Value = match serde_json::from_slice(&record) {
            Ok(value) => value,
            Err(error) => {
                // Brackets that fit do not make a record; where the next one begins is then a guess.
                let line = self.record_at.line + (error.line() as u64).saturating_sub(1);
                let place = Place { line, offset: self.record_at.offset };
                return Err(self.malformed(place, format!("the record that begins there is no JSON: {error}")));
            }
        };
        record.clear();
        self.record = record;
        (self.depth, self.in_string, self.escaped) = (0, false, false);
        if self.outside == Outside::Values {
            for record in records(value, &self.fields) {
                given(&record, &self.fields, self.record_at, sink)?;
            }
            return Ok(());
        }
        given(&value, &self.fields, self.record_at, sink)
    }

    fn malformed(&self, place: Place, reason: String) -> crate::Error {
        let Place { line, offset } = place;
        CorpusError::Malformed { file: self.file.clone(), line, offset, reason }.into()
    }
}

/// Gives the texts of a record; one without any is a document of nothing and left out.
pub(super) fn given(record: &Value, fields: &[String], place: Place, sink: &mut dyn Sink) -> Result<()> {
    let (layout, texts) = texts(record, fields);
    if texts.is_empty() {
        return Ok(());
    }
    for text in texts {
        sink.text(text, Join::Nothing)?;
    }
    sink.end(place, layout)
}
