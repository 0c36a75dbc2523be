//! Writes `www/src/report/types.ts` from the Rust types, and fails when the committed file is another.
//!
//! `UPDATE=1 cargo test --lib report::typescript` rewrites it.

use std::fmt::Write;
use std::path::Path;

use ts_rs::{Config, TS};

use crate::compute::{DeviceInfo, DeviceKind, DevicePreference};
use crate::corpus::excerpt::{Excerpt, Span};
use crate::corpus::prevalence::*;
use crate::engine::training::{Group, ScheduleName, StepReport, TrainingOptions};
use crate::labs::{Lack, Need};
use crate::progress::Event;
use crate::repair::loss::LossChange;
use crate::repair::merges::*;
use crate::repair::probes::Said;
use crate::repair::rows::*;
use crate::report::*;
use crate::session::{
    ClassCount, GenerateOptions, GeneratedText, OracleOffer, ProbeDetail, SessionInfo, StateInfo, TopToken,
};
use crate::tokenizer::TokenClass;

const FILE: &str = "www/src/report/types.ts";

/// Every type that crosses into the page, in the order of the file.
fn declarations() -> String {
    let mut out = String::from(
        "// Generated from report.rs, progress.rs, session.rs, compute/device.rs, tokenizer/class.rs,\n\
         // engine/training. Do not edit:\n\
         // UPDATE=1 cargo test --lib report::typescript\n",
    );
    declare::<Report>(&mut out);
    declare::<Status>(&mut out);
    declare::<Provenance>(&mut out);
    declare::<ModelInfo>(&mut out);
    declare::<FileInfo>(&mut out);
    declare::<DeviceInfo>(&mut out);
    declare::<DeviceKind>(&mut out);
    declare::<DevicePreference>(&mut out);
    declare::<OracleInfo>(&mut out);
    declare::<PromptInfo>(&mut out);
    declare::<Method>(&mut out);
    declare::<TaskName>(&mut out);
    declare::<PromptForm>(&mut out);
    declare::<KeepRule>(&mut out);
    declare::<NeighbourChoice>(&mut out);
    declare::<ScanOptions>(&mut out);
    declare::<Controls>(&mut out);
    declare::<TokenTable>(&mut out);
    declare::<TokenClass>(&mut out);
    declare::<TokenGraph>(&mut out);
    declare::<NeighbourSearch>(&mut out);
    declare::<Probe>(&mut out);
    declare::<TokenType>(&mut out);
    declare::<Symptom>(&mut out);
    declare::<Label>(&mut out);
    declare::<LabelCounts>(&mut out);
    declare::<Panel>(&mut out);
    declare::<VerdictColumn>(&mut out);
    declare::<AnswerColumn>(&mut out);
    declare::<Agreement>(&mut out);
    declare::<Skipped>(&mut out);
    declare::<Hunt>(&mut out);
    declare::<Round>(&mut out);
    declare::<ClusterTest>(&mut out);
    declare::<Comparison>(&mut out);
    declare::<Shard>(&mut out);
    declare::<GranularityRow>(&mut out);
    declare::<References>(&mut out);
    declare::<IndicatorTable>(&mut out);
    declare::<IndicatorColumn>(&mut out);
    declare::<DetectorInfo>(&mut out);
    declare::<DetectorTable>(&mut out);
    declare::<Mean>(&mut out);
    declare::<DetectorRow>(&mut out);
    declare::<DetectorRun>(&mut out);
    declare::<ReportDiff>(&mut out);
    declare::<Matching>(&mut out);
    declare::<DiffOracle>(&mut out);
    declare::<DiffTokens>(&mut out);
    declare::<DiffIndicator>(&mut out);
    declare::<Change>(&mut out);
    declare::<Unmatched>(&mut out);
    declare::<Timing>(&mut out);
    declare::<Event<'static>>(&mut out);
    declare::<SessionInfo>(&mut out);
    declare::<ClassCount>(&mut out);
    declare::<Lack>(&mut out);
    declare::<Need>(&mut out);
    declare::<ProbeDetail>(&mut out);
    declare::<OracleOffer>(&mut out);
    declare::<TopToken>(&mut out);
    declare::<StateInfo>(&mut out);
    declare::<GenerateOptions>(&mut out);
    declare::<GeneratedText>(&mut out);
    declare::<TrainingOptions>(&mut out);
    declare::<ScheduleName>(&mut out);
    declare::<Group>(&mut out);
    declare::<StepReport>(&mut out);
    declare::<Prevalence>(&mut out);
    declare::<PrevalenceOptions>(&mut out);
    declare::<Tally>(&mut out);
    declare::<FileCount>(&mut out);
    declare::<BrokenRecord>(&mut out);
    declare::<TokenCount>(&mut out);
    declare::<DocumentCount>(&mut out);
    declare::<RowOptions>(&mut out);
    declare::<RowMethod>(&mut out);
    declare::<RowRepair>(&mut out);
    declare::<RowChange>(&mut out);
    declare::<LossChange>(&mut out);
    declare::<Said>(&mut out);
    declare::<MergeOptions>(&mut out);
    declare::<MergeRepair>(&mut out);
    declare::<OracleChange>(&mut out);
    declare::<PrunedToken>(&mut out);
    declare::<RefusedToken>(&mut out);
    declare::<Excerpt>(&mut out);
    declare::<Span>(&mut out);
    out
}

/// One declaration: structs become interfaces, enums stay type aliases.
pub(crate) fn declare<T: TS + 'static>(out: &mut String) {
    let config = Config::default();
    let declaration = T::decl(&config);
    let name = T::name(&config);
    let body = declaration
        .strip_prefix(&format!("type {name} = "))
        .unwrap_or_else(|| panic!("{name} is declared as {declaration}"))
        .trim_end_matches(';');
    out.push('\n');
    push_docs(out, "", &T::docs().unwrap_or_default());
    let fields = body.strip_prefix('{').and_then(|body| body.strip_suffix('}')).filter(|_| !T::IS_ENUM);
    // OK because writing to a String cannot fail.
    let _ = match fields {
        Some(fields) => {
            let _ = writeln!(out, "export interface {name} {{");
            push_fields(out, fields);
            writeln!(out, "}}")
        }
        None => writeln!(out, "export type {name} ={};", one_line_each(body)),
    };
}

/// Fields as `ts-rs` strings them together, one a line, each behind its comment.
fn push_fields(out: &mut String, mut fields: &str) {
    loop {
        fields = fields.trim_start();
        if let Some(rest) = fields.strip_prefix("/**") {
            let (docs, rest) = rest.split_once("*/").expect("a comment ends");
            push_docs(out, "  ", docs);
            fields = rest;
            continue;
        }
        // A comma inside `Array<[number, number]>` does not end the field.
        let mut depth = 0i32;
        let end = fields.find(|c: char| {
            depth += i32::from("<[{".contains(c)) - i32::from(">]}".contains(c));
            c == ',' && depth == 0
        });
        let Some(end) = end else {
            assert!(fields.is_empty(), "{fields}");
            return;
        };
        let _ = writeln!(out, "  {};", &fields[..end]);
        fields = &fields[end + 1..];
    }
}

fn push_docs(out: &mut String, indent: &str, docs: &str) {
    let lines: Vec<&str> = docs
        .lines()
        .map(|line| line.trim().trim_start_matches("/**").trim_end_matches("*/"))
        .map(|line| line.strip_prefix('*').unwrap_or(line).trim())
        .filter(|line| !line.is_empty())
        .collect();
    match lines[..] {
        [] => {}
        [line] => out.push_str(&format!("{indent}/** {line} */\n")),
        _ => {
            out.push_str(&format!("{indent}/**\n"));
            for line in lines {
                out.push_str(&format!("{indent} * {line}\n"));
            }
            out.push_str(&format!("{indent} */\n"));
        }
    }
}

/// A union of objects one to a line; anything else stays on the line of its name.
fn one_line_each(body: &str) -> String {
    if body.starts_with('{') {
        body.split(" | ").map(|object| format!("\n  | {object}")).collect()
    } else {
        format!(" {body}")
    }
}

/// Oracle: the Rust types themselves.
#[test]
fn the_pages_types_are_those_of_the_core() {
    let expected = declarations();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(FILE);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &expected).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{FILE}: {error}"));
    assert!(
        found == expected,
        "{FILE} is not what the Rust types say; rewrite it with UPDATE=1 cargo test --lib report::typescript"
    );
}

/// Oracle: the list itself. Every type that a declaration mentions must be declared in the file, or the page would not
/// compile.
#[test]
fn no_type_is_missing_from_the_file() {
    let declarations = declarations();
    let code: String = declarations
        .lines()
        .map(|line| format!("{}\n", line.split("//").next().unwrap_or("")))
        .filter(|line| !line.trim_start().starts_with(['*', '/']))
        .collect();
    let mut mentioned: Vec<&str> = code
        .split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .filter(|word| word.starts_with(|c: char| c.is_ascii_uppercase()))
        .filter(|word| !matches!(*word, "Array"))
        .collect();
    mentioned.sort_unstable();
    mentioned.dedup();
    assert!(mentioned.len() > 15, "{mentioned:?}");
    for name in mentioned {
        assert!(
            code.contains(&format!("export interface {name} ")) || code.contains(&format!("export type {name} ")),
            "{name} is used and not declared"
        );
    }
}
