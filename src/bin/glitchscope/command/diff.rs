//! `glitchscope diff`

use std::path::{Path, PathBuf};

use clap::Args;
use glitchscope::report::{self, Report, ReportDiff};

use super::failure::Failure;
use super::terminal::{print, read, visible, write};

#[derive(Args)]
pub struct Diff {
    /// The report to compare with
    a: PathBuf,
    /// The report that is compared
    b: PathBuf,
    #[command(flatten)]
    output: DiffOutput,
    /// One JSON value on standard output and nothing else
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub struct DiffOutput {
    /// Also write the comparison as JSON to this file
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Also write every compared token as CSV to this file
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
}

pub fn diff(args: &Diff) -> Result<i32, Failure> {
    let (a, b) = (open(&args.a)?, open(&args.b)?);
    finish(&report::diff(&a, &b), &args.output, args.json)
}

fn open(path: &Path) -> Result<Report, Failure> {
    Ok(Report::from_json(&String::from_utf8_lossy(&read(path)?))?)
}

/// Writes the comparison wherever it was asked for.
pub fn finish(diff: &ReportDiff, output: &DiffOutput, json: bool) -> Result<i32, Failure> {
    let text = serde_json::to_string(diff).expect("OK because plain data serialises");
    if let Some(path) = &output.out {
        write(path, &text)?;
    }
    if let Some(path) = &output.csv {
        write(path, &diff.to_csv())?;
    }
    print(&if json { text } else { table(diff) })?;
    Ok(0)
}

/// The comparison for people.
fn table(diff: &ReportDiff) -> String {
    use std::fmt::Write;
    const SHOWN: usize = 25;
    let mut out = String::new();
    for caution in &diff.cautions {
        let _ = writeln!(out, "warning: {caution}");
    }
    for sentence in &diff.summary {
        let _ = writeln!(out, "{sentence}");
    }
    for difference in &diff.differences {
        let _ = writeln!(out, "differs: {difference}");
    }
    let width = diff.oracles.iter().map(|oracle| oracle.oracle.len()).max().unwrap_or(0).max(6);
    let _ = writeln!(
        out,
        "\n{:<width$}  {:>9}  {:>9}  {:>9}  {:>9}  {:>7}",
        "oracle", "both fail", "only a", "only b", "both pass", "Jaccard"
    );
    for oracle in &diff.oracles {
        let jaccard = oracle.jaccard.map_or("none".into(), |value| format!("{value:.3}"));
        let _ = writeln!(
            out,
            "{:<width$}  {:>9}  {:>9}  {:>9}  {:>9}  {jaccard:>7}",
            oracle.oracle, oracle.both_fail, oracle.only_a_fails, oracle.only_b_fails, oracle.both_pass
        );
    }
    let (p, entropy) = (diff.p_target_change, diff.entropy_change);
    let _ = writeln!(
        out,
        "\np(token) changes by {:.2e} on average, {:.2e} at most; entropy by {:.3} and {:.3} nats",
        p.mean, p.largest, entropy.mean, entropy.largest
    );
    for indicator in &diff.indicators {
        let (name, change) = (&indicator.name, indicator.change);
        let _ = writeln!(out, "{name} changes by {:.2e} on average, {:.2e} at most", change.mean, change.largest);
    }
    let tokens = &diff.tokens;
    if !diff.flips.is_empty() {
        let _ = writeln!(
            out,
            "\n{:>7}  {:>7}  {:<24} {:<6}  {:>9}  {:>9}  {:<24} answer b",
            "id a", "id b", "token", "change", "p a", "p b", "answer a"
        );
    }
    for (&at, (answer_a, answer_b)) in diff.flips.iter().zip(&diff.flip_answers).take(SHOWN) {
        let at = at as usize;
        let change = if tokens.passed_b[at] { "fixed" } else { "broken" };
        let token = visible(&tokens.text[at], 24);
        let _ = writeln!(
            out,
            "{:>7}  {:>7}  {token:<24} {change:<6}  {:>9.2e}  {:>9.2e}  {:<24} {}",
            tokens.id_a[at],
            tokens.id_b[at],
            tokens.p_target_a[at],
            tokens.p_target_b[at],
            visible(answer_a, 24),
            visible(answer_b, 24)
        );
    }
    if diff.flips.len() > SHOWN {
        let _ = writeln!(out, "… and {} more; --json or --csv FILE gives all", diff.flips.len() - SHOWN);
    }
    for (which, unmatched) in [("first", &diff.only_a), ("second", &diff.only_b)] {
        for lost in unmatched.iter().take(SHOWN) {
            let (id, token) = (lost.id, visible(&lost.text, 24));
            let _ = writeln!(out, "only in the {which}: {id:>7}  {token:<24} {}", visible_sentence(&lost.reason));
        }
        if unmatched.len() > SHOWN {
            let _ = writeln!(out, "only in the {which}: … and {} more", unmatched.len() - SHOWN);
        }
    }
    out
}

/// A sentence out of a report's file, on one line and without controls.
fn visible_sentence(text: &str) -> String {
    visible(text, 120).replace('␣', " ")
}
