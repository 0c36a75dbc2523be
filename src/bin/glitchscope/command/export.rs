//! `glitchscope export`

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use glitchscope::report::{ExportFormat, Report};

use super::failure::Failure;
use super::terminal::{print, read, write};

#[derive(Args)]
#[command(after_help = "Also reads reports of older versions; `--format json` writes them in today's.")]
pub struct Export {
    /// A report that `scan --out` or the page saved
    report: PathBuf,
    #[arg(long, value_enum, default_value_t = FormatArg::Markdown)]
    format: FormatArg,
    /// Write to this file instead of standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
enum FormatArg {
    /// The report itself, in today's version
    Json,
    /// One row a token
    Csv,
    /// One row a cluster of each round of the search: its sample, p, q, and how likely it would have missed failures
    ClustersCsv,
    /// A summary for people
    Markdown,
    /// The same summary as one page that stands alone
    Html,
    /// The glitch tokens, one a line: between double quotes a line is a JSON string
    Strings,
    /// The glitch tokens as a JSON array
    StringsJson,
}

impl From<FormatArg> for ExportFormat {
    fn from(format: FormatArg) -> Self {
        match format {
            FormatArg::Json => ExportFormat::Json,
            FormatArg::Csv => ExportFormat::Csv,
            FormatArg::ClustersCsv => ExportFormat::ClustersCsv,
            FormatArg::Markdown => ExportFormat::Markdown,
            FormatArg::Html => ExportFormat::Html,
            FormatArg::Strings => ExportFormat::Strings,
            FormatArg::StringsJson => ExportFormat::StringsJson,
        }
    }
}

pub fn export(args: &Export) -> Result<i32, Failure> {
    let report = Report::from_json(&String::from_utf8_lossy(&read(&args.report)?))?;
    let text = report.export(args.format.into())?;
    match &args.out {
        Some(path) => write(path, &text)?,
        None => print(&text)?,
    }
    Ok(0)
}
