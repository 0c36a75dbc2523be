//! `glitchscope merge`

use std::path::PathBuf;

use clap::Args;
use glitchscope::glitch;
use glitchscope::report::Report;

use super::failure::Failure;
use super::scan::table;
use super::terminal::{print, read, write};

#[derive(Args)]
pub struct Merge {
    /// Every part of one scan, as `scan --shard i/n --out` wrote it, in any order
    #[arg(required = true)]
    parts: Vec<PathBuf>,
    /// Write the report as JSON to this file
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Also write the verdicts as CSV to this file
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// One JSON value on standard output and nothing else
    #[arg(long)]
    json: bool,
}

pub fn merge(args: &Merge) -> Result<i32, Failure> {
    let mut parts = Vec::with_capacity(args.parts.len());
    for path in &args.parts {
        parts.push(Report::from_json(&String::from_utf8_lossy(&read(path)?))?);
    }
    let report = glitch::merge(parts)?;
    let json = report.to_json()?;
    if let Some(path) = &args.out {
        write(path, &json)?;
    }
    if let Some(path) = &args.csv {
        write(path, &report.to_csv())?;
    }
    print(&if args.json { json } else { table(&report) })?;
    Ok(0)
}
