//! How often glitch tokens occur in a collection of texts.
//!
//! Source   Li et al. 2024, "Glitch Tokens in Large Language Models", table 5: occurrences of glitch tokens / all tokens
//!          of the encoded collection
//! Differs  every text of a record is encoded by itself, without special tokens; counted are the tokens of one report

use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeMap, BinaryHeap};
use std::rc::Rc;

use serde::{Deserialize, Serialize};

use super::cut::{CUT_BYTES, Join, parts};
use super::excerpt::{Excerpt, Window, windows};
use super::layout::Layout;
#[cfg(not(target_arch = "wasm32"))]
use super::parquet_rows::ParquetRows;
use super::{CorpusError, Format, Place, Reader, Sink};
use crate::checkpoint::CheckpointError;
use crate::checkpoint::source::{Source, read_exactly};
use crate::error::Result;
use crate::progress::{Event, Monitor, pause};
use crate::report::{Report, Status};
use crate::tokenizer::Tokenizer;

/// Bytes that are read at once; between two of these reads the work may be cancelled.
const READ_BYTES: u64 = 256 << 10;

/// Broken records of a file that are named.
const NAMED_BROKEN: usize = 5;

/// What is counted, and how much of it is listed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(default, deny_unknown_fields)]
pub struct PrevalenceOptions {
    /// Every line of a text file is a document.
    pub line_by_line: bool,
    /// Fields of a record whose texts count, by name; all of its texts when empty.
    pub fields: Vec<String>,
    /// Documents that are listed: those with the largest share of glitch tokens. Default 100.
    pub documents: u32,
    /// Excerpts of each. Default 4.
    pub excerpts: u32,
}

impl Default for PrevalenceOptions {
    fn default() -> Self {
        PrevalenceOptions { line_by_line: false, fields: Vec::new(), documents: 100, excerpts: 4 }
    }
}

/// A file of texts.
pub struct CorpusFile {
    pub source: Rc<dyn Source>,
    /// Its name in the source.
    pub name: String,
}

/// Documents, their tokens, and how many of those are glitch tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Tally {
    #[cfg_attr(test, ts(type = "number"))]
    pub documents: u64,
    /// Documents with a glitch token.
    #[cfg_attr(test, ts(type = "number"))]
    pub documents_hit: u64,
    #[cfg_attr(test, ts(type = "number"))]
    pub tokens: u64,
    #[cfg_attr(test, ts(type = "number"))]
    pub glitch_tokens: u64,
}

impl Tally {
    /// Glitch tokens / tokens; none where there are no tokens.
    pub fn ratio(&self) -> Option<f64> {
        (self.tokens > 0).then(|| self.glitch_tokens as f64 / self.tokens as f64)
    }
}

/// The glitch tokens of a report in a collection of texts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Prevalence {
    /// Always [`Prevalence::SCHEMA`].
    pub schema: String,
    pub schema_version: u32,
    pub glitchscope: String,
    /// Of the report: whose glitch tokens they are, and by which oracle.
    pub model: String,
    pub oracle: String,
    /// Glitch tokens that were looked for.
    pub looked_for: u32,
    pub options: PrevalenceOptions,
    pub status: Status,
    /// All files together.
    pub all: Tally,
    /// Glitch tokens / tokens of all files; null where there are no tokens.
    pub ratio: Option<f64>,
    pub files: Vec<FileCount>,
    /// Every glitch token that occurs, the most frequent first.
    pub tokens: Vec<TokenCount>,
    /// Documents with the largest share of glitch tokens, the largest first.
    pub densest: Vec<DocumentCount>,
    pub notes: Vec<String>,
}

impl Prevalence {
    pub const SCHEMA: &'static str = "glitchscope.prevalence";
    pub const SCHEMA_VERSION: u32 = 1;
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct FileCount {
    pub name: String,
    pub format: String,
    /// How the texts lie in its records, and in how many of them.
    #[cfg_attr(test, ts(type = "[string, number][]"))]
    pub layouts: Vec<(String, u64)>,
    #[cfg_attr(test, ts(type = "number"))]
    pub bytes: u64,
    /// Bytes that were read; fewer after a cancel or an error.
    #[cfg_attr(test, ts(type = "number"))]
    pub bytes_read: u64,
    pub count: Tally,
    /// Records that could not be read, and the first of them.
    #[cfg_attr(test, ts(type = "number"))]
    pub broken: u64,
    pub first_broken: Vec<BrokenRecord>,
    /// Why the file was not read to its end; null when it was.
    pub error: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct BrokenRecord {
    #[cfg_attr(test, ts(type = "number"))]
    pub line: u64,
    #[cfg_attr(test, ts(type = "number"))]
    pub offset: u64,
    pub reason: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct TokenCount {
    pub id: u32,
    pub text: String,
    #[cfg_attr(test, ts(type = "number"))]
    pub count: u64,
    /// Documents it occurs in.
    #[cfg_attr(test, ts(type = "number"))]
    pub documents: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct DocumentCount {
    /// Place of its file in `files`.
    pub file: u32,
    /// Counted from 1 in its file.
    #[cfg_attr(test, ts(type = "number"))]
    pub document: u64,
    /// Where it begins; line 1 and byte 0 for a whole file.
    #[cfg_attr(test, ts(type = "number"))]
    pub line: u64,
    #[cfg_attr(test, ts(type = "number"))]
    pub offset: u64,
    #[cfg_attr(test, ts(type = "number"))]
    pub tokens: u64,
    #[cfg_attr(test, ts(type = "number"))]
    pub glitch_tokens: u64,
    pub density: f64,
    pub excerpts: Vec<Excerpt>,
}

/// Counts the glitch tokens of a report in files. A file that cannot be read to its end is counted as far as it goes and
/// says why; a cancel keeps what was counted.
pub async fn prevalence(
    tokenizer: &Tokenizer,
    report: &Report,
    files: &[CorpusFile],
    options: &PrevalenceOptions,
    monitor: &mut dyn Monitor,
) -> Result<Prevalence> {
    let mut counter = Counter::new(tokenizer, report, options)?;
    let mut lengths = Vec::new();
    for file in files {
        lengths.push(
            file.source
                .len(&file.name)
                .await?
                .ok_or_else(|| CheckpointError::MissingFile { file: file.name.clone(), place: file.source.name() })?,
        );
    }
    let total = lengths.iter().sum();
    let mut status = Status::Complete;
    let mut done = 0;
    for (file, &bytes) in files.iter().zip(&lengths) {
        monitor.event(Event::Stage { stage: "counting tokens", detail: file.name.clone() });
        let format = match Format::of_name(&file.name, options.line_by_line) {
            Ok(format) => format,
            Err(error) => {
                counter.open_file(&file.name, "", bytes);
                counter.fail(error.to_string());
                done += bytes;
                continue;
            }
        };
        counter.open_file(&file.name, format.name(), bytes);
        let read = match Reader::new(&file.name, format, &options.fields) {
            Some(mut reader) => read(file, bytes, &mut reader, &mut counter, (done, total), monitor).await,
            #[cfg(not(target_arch = "wasm32"))]
            None => read_rows(file, bytes, &mut counter, (done, total), monitor).await,
            // The page hands in such a file's rows as JSON Lines.
            #[cfg(target_arch = "wasm32")]
            None => {
                Err(CorpusError::Format { file: file.name.clone(), reason: "its rows cannot be read here".into() }
                    .into())
            }
        };
        match read {
            Ok(()) => {}
            Err(error) if error.is_cancelled() => {
                status = Status::Cancelled;
                counter.fail("cancelled".into());
                break;
            }
            Err(error) => counter.fail(error.to_string()),
        }
        done += bytes;
        monitor.event(Event::Advance { done, total, unit: "bytes" });
    }
    Ok(counter.finish(report, status))
}

async fn read(
    file: &CorpusFile,
    bytes: u64,
    reader: &mut Reader,
    counter: &mut Counter<'_>,
    (done, total): (u64, u64),
    monitor: &mut dyn Monitor,
) -> Result<()> {
    let mut start = 0;
    while start < bytes {
        let end = (start + READ_BYTES).min(bytes);
        let chunk = read_exactly(file.source.as_ref(), &file.name, start..end).await?;
        reader.push(&chunk, counter)?;
        start = end;
        counter.read(end);
        monitor.event(Event::Advance { done: done + end, total, unit: "bytes" });
        pause(monitor).await?;
    }
    reader.finish(counter)
}

/// As `read`, for a file whose rows are read from the table at its end.
#[cfg(not(target_arch = "wasm32"))]
async fn read_rows(
    file: &CorpusFile,
    bytes: u64,
    counter: &mut Counter<'_>,
    (done, total): (u64, u64),
    monitor: &mut dyn Monitor,
) -> Result<()> {
    let fields = counter.options.fields.clone();
    let mut rows = ParquetRows::open(file.source.as_ref(), &file.name, bytes, &fields).await?;
    while let Some(end) = rows.give(counter).await? {
        counter.read(end);
        monitor.event(Event::Advance { done: done + end, total, unit: "bytes" });
        pause(monitor).await?;
    }
    counter.read(bytes);
    Ok(())
}

/// Takes documents and counts them.
pub struct Counter<'a> {
    tokenizer: &'a Tokenizer,
    options: PrevalenceOptions,
    adds_blank: bool,
    /// Place in `found` of each id that is looked for, by id; `NONE` for the others.
    places: Vec<u32>,
    found: Vec<Found>,
    files: Vec<FileCount>,
    layouts: BTreeMap<Layout, u64>,
    densest: BinaryHeap<Reverse<Dense>>,
    /// Documents of all files so far, the open one included.
    document: u64,
    open: Open,
    ids: Vec<u32>,
    hits: Vec<usize>,
    all: Tally,
    replaced: u64,
    cut: u64,
}

const NONE: u32 = u32::MAX;

#[derive(Clone, Copy)]
struct Found {
    id: u32,
    count: u64,
    documents: u64,
    /// The last document it was found in, counted from 1.
    last: u64,
}

/// The document that is being read.
#[derive(Default)]
struct Open {
    tokens: u64,
    glitch_tokens: u64,
    windows: Vec<Window>,
}

/// A document among the densest. Greater is denser; of equals the one with more glitch tokens, then the earlier.
struct Dense {
    tokens: u64,
    glitch_tokens: u64,
    order: u64,
    file: u32,
    document: u64,
    place: Place,
    windows: Vec<Window>,
}

impl Ord for Dense {
    fn cmp(&self, other: &Dense) -> Ordering {
        let cross = |a: &Dense, b: &Dense| u128::from(a.glitch_tokens) * u128::from(b.tokens);
        cross(self, other)
            .cmp(&cross(other, self))
            .then(self.glitch_tokens.cmp(&other.glitch_tokens))
            .then(other.order.cmp(&self.order))
    }
}

impl PartialOrd for Dense {
    fn partial_cmp(&self, other: &Dense) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Dense {
    fn eq(&self, other: &Dense) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Dense {}

impl<'a> Counter<'a> {
    /// Errors: a report without glitch tokens, and one of another tokenizer.
    pub fn new(tokenizer: &'a Tokenizer, report: &Report, options: &PrevalenceOptions) -> Result<Counter<'a>> {
        check_tokenizer(tokenizer, report)?;
        let mut places = vec![NONE; tokenizer.vocab_size()];
        let mut found = Vec::new();
        for &id in &report.glitch_tokens {
            if let Some(place) = places.get_mut(id as usize) {
                *place = found.len() as u32; // OK to cast: at most the vocabulary.
                found.push(Found { id, count: 0, documents: 0, last: 0 });
            }
        }
        Ok(Counter {
            tokenizer,
            options: options.clone(),
            adds_blank: tokenizer.adds_blank(),
            places,
            found,
            files: Vec::new(),
            layouts: BTreeMap::new(),
            densest: BinaryHeap::new(),
            document: 0,
            open: Open::default(),
            ids: Vec::new(),
            hits: Vec::new(),
            all: Tally::default(),
            replaced: 0,
            cut: 0,
        })
    }

    pub fn open_file(&mut self, name: &str, format: &str, bytes: u64) {
        self.close_file();
        self.open = Open::default();
        self.files.push(FileCount {
            name: name.into(),
            format: format.into(),
            layouts: Vec::new(),
            bytes,
            bytes_read: 0,
            count: Tally::default(),
            broken: 0,
            first_broken: Vec::new(),
            error: None,
        });
    }

    fn close_file(&mut self) {
        let layouts = std::mem::take(&mut self.layouts);
        if let Some(file) = self.files.last_mut() {
            file.layouts = layouts.into_iter().map(|(layout, count)| (layout.name().into(), count)).collect();
        }
    }

    fn file(&mut self) -> &mut FileCount {
        self.files.last_mut().expect("OK because a file is opened before it is read")
    }

    fn read(&mut self, bytes: u64) {
        self.file().bytes_read = bytes;
    }

    fn fail(&mut self, reason: String) {
        self.file().error = Some(reason);
    }

    fn encode(&mut self, text: &str) -> Result<()> {
        self.ids.clear();
        self.hits.clear();
        self.tokenizer.encode_ids(text, &mut self.ids)?;
        for (place, &id) in self.ids.iter().enumerate() {
            let found = self.places.get(id as usize).copied().unwrap_or(NONE);
            if found != NONE {
                let found = &mut self.found[found as usize];
                found.count += 1;
                found.documents += u64::from(found.last != self.document + 1);
                found.last = self.document + 1;
                self.hits.push(place);
            }
        }
        self.open.tokens += self.ids.len() as u64;
        self.open.glitch_tokens += self.hits.len() as u64;
        let wanted = (self.options.excerpts as usize).saturating_sub(self.open.windows.len());
        self.open.windows.extend(windows(&self.ids, &self.hits, wanted));
        Ok(())
    }

    pub fn finish(mut self, report: &Report, status: Status) -> Prevalence {
        self.close_file();
        let mut notes: Vec<String> = report.caution().into_iter().collect();
        if self.replaced > 0 {
            notes.push(format!("{} bytes are no UTF-8; they were read as U+FFFD", self.replaced));
        }
        if self.cut > 0 {
            notes.push(format!(
                "long texts were read in parts of up to {} KiB; at {} places there was no blank to cut at, and the tokens \
                 beside a cut may differ from those of the whole text",
                CUT_BYTES >> 10,
                self.cut
            ));
        }
        let mut tokens: Vec<TokenCount> = self
            .found
            .iter()
            .filter(|found| found.count > 0)
            .map(|&Found { id, count, documents, .. }| TokenCount {
                id,
                text: self.tokenizer.token_text(id),
                count,
                documents,
            })
            .collect();
        tokens.sort_by_key(|token| (Reverse(token.count), token.id));
        let densest = std::mem::take(&mut self.densest).into_sorted_vec();
        let densest = densest.into_iter().map(|Reverse(dense)| DocumentCount {
            file: dense.file,
            document: dense.document,
            line: dense.place.line,
            offset: dense.place.offset,
            tokens: dense.tokens,
            glitch_tokens: dense.glitch_tokens,
            density: dense.glitch_tokens as f64 / dense.tokens as f64,
            excerpts: dense.windows.iter().map(|window| window.text(self.tokenizer)).collect(),
        });
        Prevalence {
            schema: Prevalence::SCHEMA.into(),
            schema_version: Prevalence::SCHEMA_VERSION,
            glitchscope: crate::VERSION.into(),
            model: report.provenance.model.name.clone(),
            oracle: report.provenance.oracle.id.clone(),
            looked_for: self.found.len() as u32, // OK to cast: at most the vocabulary.
            options: self.options,
            status,
            all: self.all,
            ratio: self.all.ratio(),
            files: self.files,
            tokens,
            densest: densest.collect(),
            notes,
        }
    }
}

impl Sink for Counter<'_> {
    fn text(&mut self, text: &str, join: Join) -> Result<()> {
        for (part, join) in parts(text, join, 2 * CUT_BYTES) {
            // A tokenizer that puts a blank in front of every text puts back the one it was cut at.
            let without = part.strip_prefix(' ').filter(|_| self.adds_blank);
            match join {
                Join::Nothing => self.encode(part)?,
                Join::TokensEnd if !self.adds_blank || without.is_some() => self.encode(without.unwrap_or(part))?,
                Join::TokensEnd | Join::Anywhere => {
                    self.cut += 1;
                    self.encode(part)?;
                }
            }
        }
        Ok(())
    }

    fn end(&mut self, place: Place, layout: Layout) -> Result<()> {
        let open = std::mem::take(&mut self.open);
        self.document += 1;
        *self.layouts.entry(layout).or_default() += 1;
        let file = self.files.last_mut().expect("OK because a file is opened before it is read");
        for tally in [&mut file.count, &mut self.all] {
            tally.documents += 1;
            tally.documents_hit += u64::from(open.glitch_tokens > 0);
            tally.tokens += open.tokens;
            tally.glitch_tokens += open.glitch_tokens;
        }
        if open.glitch_tokens > 0 {
            self.densest.push(Reverse(Dense {
                tokens: open.tokens,
                glitch_tokens: open.glitch_tokens,
                order: self.document,
                file: self.files.len() as u32 - 1, // OK to cast: files are picked by a person.
                document: self.files[self.files.len() - 1].count.documents,
                place,
                windows: open.windows,
            }));
            if self.densest.len() > self.options.documents as usize {
                self.densest.pop();
            }
        }
        Ok(())
    }

    fn broken(&mut self, place: Place, reason: String) {
        let file = self.file();
        file.broken += 1;
        if file.first_broken.len() < NAMED_BROKEN {
            file.first_broken.push(BrokenRecord { line: place.line, offset: place.offset, reason });
        }
    }

    fn replaced(&mut self, count: u64) {
        self.replaced += count;
    }
}

/// The report's glitch tokens are spelled alike by this tokenizer.
pub fn check_tokenizer(tokenizer: &Tokenizer, report: &Report) -> Result<()> {
    if report.glitch_tokens.is_empty() {
        return Err(CorpusError::NothingToCount.into());
    }
    let in_report = |id: u32| report.tokens.text.get(id as usize).cloned().unwrap_or_default();
    let differs = |id: &&u32| tokenizer.token_text(**id) != in_report(**id);
    let mut different = report.glitch_tokens.iter().filter(differs);
    match different.next() {
        None => Ok(()),
        Some(&id) => Err(CorpusError::OtherTokenizer {
            different: 1 + different.count(),
            total: report.glitch_tokens.len(),
            id,
            report: in_report(id).chars().take(60).collect(),
            model: tokenizer.token_text(id).chars().take(60).collect(),
        }
        .into()),
    }
}
