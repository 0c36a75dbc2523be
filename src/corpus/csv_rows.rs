//! Rows of CSV (RFC 4180), by the `csv-core` crate, which takes bytes as they come.

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};

use super::layout::Layout;
use super::reader::{BYTE_ORDER_MARK, Join, Place, Sink, decoded};
use super::{CorpusError, MAX_RECORD_BYTES};
use crate::error::Result;

/// Most columns of a file.
const MAX_COLUMNS: usize = 4096;

pub struct CsvRows {
    file: String,
    fields: Vec<String>,
    reader: Reader,
    /// The open row: its cells one behind another, how much of the room is used, and where each ends.
    cells: Vec<u8>,
    used: usize,
    ends: Vec<usize>,
    n_ends: usize,
    /// Number of columns, which of them are read, and how that was decided. Known behind the first row.
    columns: Option<(usize, Vec<usize>, Layout)>,
    offset: u64,
    /// Something of the row that comes next has come, be it a quote.
    begun: bool,
    row_at: Place,
    started: Vec<u8>,
}

impl CsvRows {
    pub fn new(file: &str, delimiter: u8, fields: &[String]) -> CsvRows {
        CsvRows {
            file: file.into(),
            fields: fields.to_vec(),
            reader: ReaderBuilder::new().delimiter(delimiter).build(),
            cells: vec![0; 4096],
            used: 0,
            ends: vec![0; 16],
            n_ends: 0,
            columns: None,
            offset: 0,
            begun: false,
            row_at: Place { line: 1, offset: 0 },
            started: Vec::new(),
        }
    }

    pub fn push(&mut self, bytes: &[u8], sink: &mut dyn Sink) -> Result<()> {
        if self.offset == 0 {
            self.started.extend_from_slice(bytes);
            if self.started.len() < BYTE_ORDER_MARK.len() {
                return Ok(());
            }
            let started = std::mem::take(&mut self.started);
            let rest = started.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&started);
            self.offset = (started.len() - rest.len()) as u64;
            return self.read(rest, sink);
        }
        self.read(bytes, sink)
    }

    pub fn finish(&mut self, sink: &mut dyn Sink) -> Result<()> {
        let started = std::mem::take(&mut self.started);
        if !started.is_empty() {
            self.read(&started, sink)?;
        }
        // No bytes at all is how the crate is told of the end.
        self.step(&[], sink).map(|_| ())
    }

    fn read(&mut self, mut bytes: &[u8], sink: &mut dyn Sink) -> Result<()> {
        while !bytes.is_empty() {
            let taken = self.step(bytes, sink)?;
            bytes = &bytes[taken..];
        }
        Ok(())
    }

    /// Takes bytes up to the end of a row at most.
    fn step(&mut self, bytes: &[u8], sink: &mut dyn Sink) -> Result<usize> {
        let mut taken = 0;
        if !self.begun {
            // Where the row begins: behind the end of the line before, half of which may still be to come.
            let ends = bytes.iter().take_while(|byte| matches!(byte, b'\r' | b'\n'));
            let (skipped, lines) = ends.fold((0, 0), |(n, lines), &byte| (n + 1, lines + u64::from(byte == b'\n')));
            self.row_at = Place { line: self.reader.line() + lines, offset: self.offset + skipped };
            self.begun = skipped < bytes.len() as u64;
        }
        loop {
            let (result, read, written, ended) =
                self.reader.read_record(&bytes[taken..], &mut self.cells[self.used..], &mut self.ends[self.n_ends..]);
            taken += read;
            self.offset += read as u64;
            self.used += written;
            self.n_ends += ended;
            match result {
                ReadRecordResult::OutputFull if self.cells.len() < MAX_RECORD_BYTES => {
                    self.cells.resize(2 * self.cells.len(), 0);
                }
                ReadRecordResult::OutputEndsFull if self.ends.len() < MAX_COLUMNS => {
                    self.ends.resize(2 * self.ends.len(), 0);
                }
                ReadRecordResult::OutputFull => {
                    return Err(self.malformed(format!(
                        "the row that begins here has more than {MAX_RECORD_BYTES} bytes; a quote may lack its end"
                    )));
                }
                ReadRecordResult::OutputEndsFull => {
                    return Err(self.malformed(format!("the row that begins here has more than {MAX_COLUMNS} cells")));
                }
                ReadRecordResult::InputEmpty => return Ok(taken),
                ReadRecordResult::Record => {
                    self.row(sink)?;
                    (self.used, self.n_ends, self.begun) = (0, 0, false);
                    return Ok(taken);
                }
                ReadRecordResult::End => return Ok(taken),
            }
        }
    }

    fn row(&mut self, sink: &mut dyn Sink) -> Result<()> {
        let cell = |column: usize| {
            let start = column.checked_sub(1).map_or(0, |before| self.ends[before]);
            &self.cells[start..self.ends[column]]
        };
        let Some((n_columns, wanted, layout)) = &self.columns else {
            let names: Vec<String> = (0..self.n_ends).map(|i| String::from_utf8_lossy(cell(i)).trim().into()).collect();
            self.columns = Some(self.chosen(&names)?);
            return Ok(());
        };
        if self.n_ends != *n_columns {
            let reason = format!("the row has {} cells, the header {n_columns}", self.n_ends);
            sink.broken(self.row_at, reason);
            return Ok(());
        }
        let mut any = false;
        for &column in wanted {
            let text = decoded(cell(column), sink);
            // Numbers and dates of a table are no text, unless their column was asked for.
            if *layout != Layout::EveryString || text.chars().any(char::is_alphabetic) {
                sink.text(&text, Join::Nothing)?;
                any = true;
            }
        }
        if any { sink.end(self.row_at, *layout) } else { Ok(()) }
    }

    /// Which columns are read.
    fn chosen(&self, names: &[String]) -> Result<(usize, Vec<usize>, Layout)> {
        let place = |wanted: &str| names.iter().position(|name| name == wanted);
        let n = names.len();
        if !self.fields.is_empty() {
            let wanted: Vec<usize> = self.fields.iter().filter_map(|field| place(field)).collect();
            if wanted.is_empty() {
                let known: Vec<String> = names.iter().map(|name| format!("{name:?}")).take(20).collect();
                return Err(self.malformed(format!(
                    "none of the chosen fields ({}) is in the header: {}",
                    self.fields.join(", "),
                    known.join(", ")
                )));
            }
            return Ok((n, wanted, Layout::Fields));
        }
        if let (Some(instruction), Some(output)) = (place("instruction"), place("output")) {
            return Ok((
                n,
                [Some(instruction), place("input"), Some(output)].into_iter().flatten().collect(),
                Layout::Alpaca,
            ));
        }
        Ok((n, (0..n).collect(), Layout::EveryString))
    }

    fn malformed(&self, reason: String) -> crate::Error {
        let Place { line, offset } = self.row_at;
        CorpusError::Malformed { file: self.file.clone(), line, offset, reason }.into()
    }
}
