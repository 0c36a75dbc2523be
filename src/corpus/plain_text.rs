//! Plain text: the whole file is a document, or every line with something on it is one.

use super::CorpusError;
use super::cut::{self, CUT_BYTES};
use super::layout::Layout;
use super::reader::{BYTE_ORDER_MARK, Join, Place, Sink, decoded};
use crate::error::Result;

pub struct PlainText {
    file: String,
    line_by_line: bool,
    /// Bytes that wait for the rest of their line, or for a place to cut.
    waiting: Vec<u8>,
    place: Place,
    /// Bytes of the file so far.
    received: u64,
    started: bool,
    /// How what comes next joins what has been given of the document that is open.
    join: Join,
}

impl PlainText {
    pub fn new(file: &str, line_by_line: bool) -> PlainText {
        PlainText {
            file: file.into(),
            line_by_line,
            waiting: Vec::new(),
            place: Place { line: 1, offset: 0 },
            received: 0,
            started: false,
            join: Join::Nothing,
        }
    }

    pub fn push(&mut self, mut bytes: &[u8], sink: &mut dyn Sink) -> Result<()> {
        self.received += bytes.len() as u64;
        if !self.started && !bytes.is_empty() {
            self.waiting.extend_from_slice(bytes);
            if self.waiting.len() < BYTE_ORDER_MARK.len() {
                return Ok(());
            }
            self.start()?;
            bytes = &[];
        }
        self.waiting.extend_from_slice(bytes);
        if self.line_by_line {
            self.lines(sink)?;
        }
        while self.waiting.len() > 2 * CUT_BYTES {
            self.part(sink)?;
        }
        Ok(())
    }

    pub fn finish(&mut self, sink: &mut dyn Sink) -> Result<()> {
        if !self.started {
            self.start()?;
        }
        let waiting = std::mem::take(&mut self.waiting);
        self.document(&waiting, sink)
    }

    fn start(&mut self) -> Result<()> {
        self.started = true;
        if self.waiting.starts_with(b"\xff\xfe") || self.waiting.starts_with(b"\xfe\xff") {
            let reason = "it is written in UTF-16; save it as UTF-8".into();
            return Err(CorpusError::Format { file: self.file.clone(), reason }.into());
        }
        if self.waiting.starts_with(BYTE_ORDER_MARK) {
            self.waiting.drain(..BYTE_ORDER_MARK.len());
            self.place.offset = BYTE_ORDER_MARK.len() as u64;
        }
        Ok(())
    }

    fn lines(&mut self, sink: &mut dyn Sink) -> Result<()> {
        let Some(last) = self.waiting.iter().rposition(|&byte| byte == b'\n') else { return Ok(()) };
        let rest = self.waiting.split_off(last + 1);
        let lines = std::mem::replace(&mut self.waiting, rest);
        let mut behind = lines.len() + self.waiting.len();
        for line in lines.split_inclusive(|&byte| byte == b'\n') {
            behind -= line.len();
            let text = line.strip_suffix(b"\n").unwrap_or(line);
            self.document(text.strip_suffix(b"\r").unwrap_or(text), sink)?;
            self.place.line += 1;
            self.place.offset = self.received - behind as u64;
        }
        Ok(())
    }

    /// The end of a document, and the document with it. Nothing is made of an empty line or file.
    fn document(&mut self, bytes: &[u8], sink: &mut dyn Sink) -> Result<()> {
        if bytes.iter().all(u8::is_ascii_whitespace) && self.join == Join::Nothing {
            return Ok(());
        }
        let text = decoded(bytes, sink);
        sink.text(&text, std::mem::replace(&mut self.join, Join::Nothing))?;
        sink.end(self.place, Layout::Text)
    }

    /// Gives the first part of a long document.
    fn part(&mut self, sink: &mut dyn Sink) -> Result<()> {
        // Whole characters only: the bytes of one may be cut at the end, of which at most three are missing.
        let mut end = CUT_BYTES;
        while end > CUT_BYTES - 4 && self.waiting[end] & 0xc0 == 0x80 {
            end -= 1;
        }
        let rest = self.waiting.split_off(end);
        let bytes = std::mem::replace(&mut self.waiting, rest);
        let text = decoded(&bytes, sink);
        let (place, next) = cut::place(&text);
        sink.text(&text[..place], self.join)?;
        // What is left of the part goes back in front; U+FFFD is written there as it was read.
        let mut left = text.as_bytes()[place..].to_vec();
        self.join = next;
        left.append(&mut self.waiting);
        self.waiting = left;
        Ok(())
    }
}
