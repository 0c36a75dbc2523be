//! Reports out of the program and back in: JSON that reopens, CSV for spreadsheets, summaries for people, strings for
//! test suites.

mod clusters;
pub(crate) mod csv;
mod detectors;
mod diff;
mod document;
mod html;
mod markdown;
mod shown;
mod strings;
mod validation;

use serde::{Deserialize, Serialize};

use super::Report;

/// Longest JSON that is opened. A token takes about 450 bytes (200 its answer, 200 its place on the map), so 256,000
/// tokens, all of them asked about, take about 115 MB.
pub const REPORT_BYTES_MAX: usize = 256 << 20;

/// Reports of this version and later ones are read; they are of today's version once they are open.
const OLDEST_VERSION: u64 = 1;

/// Why a stored report cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReportError {
    #[error("the report has {bytes} bytes, the limit is {limit}")]
    TooLarge { bytes: usize, limit: usize },
    #[error("this is not a report of Glitchscope: {reason}")]
    NotAReport { reason: String },
    #[error("the report has schema version {got}, this program reads {supported}")]
    Version { got: u64, supported: u32 },
    #[error("the report cannot be read at line {line}, column {column}: {reason}")]
    Malformed { line: usize, column: usize, reason: String },
    #[error("{what} has {got} entries, expected {expected}")]
    Length { what: &'static str, got: usize, expected: usize },
    #[error("{what} names id {id} at place {place}, but ids end at {len}")]
    IdOutOfRange { what: &'static str, place: usize, id: u32, len: usize },
    #[error("{what} is {value} at place {place}, expected {expected}")]
    Value { what: &'static str, place: usize, value: String, expected: &'static str },
}

impl ReportError {
    /// What the person who meets this error can do about it.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            ReportError::TooLarge { .. } => {
                "A report of a whole vocabulary is far smaller: this is probably another kind of file.".into()
            }
            ReportError::NotAReport { .. } => {
                "Pick the JSON file that an earlier scan exported; CSV files cannot be opened again.".into()
            }
            ReportError::Version { got, supported } if *got > u64::from(*supported) => {
                "A newer version wrote it: update this program.".into()
            }
            ReportError::Version { .. } => "An older version wrote it: run the scan again.".into(),
            _ => "The file may be cut short or edited: export it again where it was made.".into(),
        })
    }
}

/// What a report is exported as. The names are those of the command and of the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ExportFormat {
    /// The report itself, in today's version.
    Json,
    /// One row a token.
    Csv,
    /// One row a cluster of each round of the search.
    ClustersCsv,
    /// A summary for people.
    Markdown,
    /// The same as a page that stands alone.
    Html,
    /// The glitch tokens, one a line.
    Strings,
    /// The glitch tokens, as an array.
    StringsJson,
}

impl Report {
    /// The report in another form.
    pub fn export(&self, format: ExportFormat) -> Result<String, ReportError> {
        Ok(match format {
            ExportFormat::Json => self.to_json()?,
            ExportFormat::Csv => self.to_csv(),
            ExportFormat::ClustersCsv => clusters::csv(self),
            ExportFormat::Markdown => markdown::markdown(&document::document(self)),
            ExportFormat::Html => html::html(self, &document::document(self)),
            ExportFormat::Strings => strings::text(self),
            ExportFormat::StringsJson => strings::json(self),
        })
    }

    /// JSON on one line, fields in the order of the structs: the same report gives the same bytes.
    pub fn to_json(&self) -> Result<String, ReportError> {
        serde_json::to_string(self).map_err(malformed)
    }

    /// A report that [`Report::to_json`] wrote. The text may come from anybody: the schema, the lengths of all columns,
    /// the ranges of all ids and the finiteness of all numbers are checked, so that a view can index without looking.
    pub fn from_json(json: &str) -> Result<Report, ReportError> {
        if json.len() > REPORT_BYTES_MAX {
            return Err(ReportError::TooLarge { bytes: json.len(), limit: REPORT_BYTES_MAX });
        }
        // The header is read by itself first: without it the first strange field would be the complaint, where "not a
        // report" or "another version" is the truth.
        #[derive(Deserialize)]
        struct Header {
            schema: Option<serde_json::Value>,
            schema_version: Option<serde_json::Value>,
        }
        let header: Header = serde_json::from_str(json).map_err(malformed)?;
        match header.schema.as_ref().map(|schema| schema.as_str()) {
            Some(Some(Report::SCHEMA)) => {}
            Some(Some(other)) => {
                return Err(ReportError::NotAReport {
                    reason: format!(
                        "its schema is {:?}, expected {:?}",
                        other.chars().take(60).collect::<String>(),
                        Report::SCHEMA
                    ),
                });
            }
            _ => {
                return Err(ReportError::NotAReport { reason: "it has no field `schema` with a text in it".into() });
            }
        }
        match header.schema_version.as_ref().and_then(|version| version.as_u64()) {
            Some(got) if (OLDEST_VERSION..=u64::from(Report::SCHEMA_VERSION)).contains(&got) => {}
            Some(got) => {
                return Err(ReportError::Version { got, supported: Report::SCHEMA_VERSION });
            }
            None => {
                return Err(ReportError::NotAReport {
                    reason: "it has no field `schema_version` with a whole number in it".into(),
                });
            }
        }
        let mut report: Report = serde_json::from_str(json).map_err(malformed)?;
        report.schema_version = Report::SCHEMA_VERSION;
        validation::check(&report)?;
        Ok(report)
    }

    /// One row per token, RFC 4180. See `export/csv.rs` for the columns and for what is done about hostile text.
    pub fn to_csv(&self) -> String {
        csv::csv(self)
    }
}

/// The name that the JSON gives a value of an enum.
fn name(value: &impl Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|name| name.as_str().map(str::to_owned)).unwrap_or_default()
}

fn malformed(error: serde_json::Error) -> ReportError {
    ReportError::Malformed { line: error.line(), column: error.column(), reason: error.to_string() }
}
