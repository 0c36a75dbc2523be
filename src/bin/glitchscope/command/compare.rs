//! `glitchscope compare`

use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use glitchscope::glitch::{Clock, seconds_per_question};
use glitchscope::report::{DetectorTable, Method, Report, ScanOptions, Status};

use super::failure::Failure;
use super::model_args::{ModelArgs, open};
use super::oracle_args::{OracleArgs, resolution};
use super::terminal::{Terminal, listen_for_ctrl_c, print, read, write};

#[derive(Args)]
pub struct Compare {
    #[command(flatten)]
    model: ModelArgs,
    #[command(flatten)]
    oracle: OracleArgs,
    /// A saved exhaustive report of this model to answer the questions; without one the model is scanned first
    #[arg(long, value_name = "FILE", conflicts_with = "oracle")]
    truth: Option<PathBuf>,
    /// Searches of each detector that reads a seed
    #[arg(long, default_value_t = 10)]
    seeds: u32,
    /// The first seed; the others follow it
    #[arg(long, default_value_t = 42)]
    seed: u32,
    /// Detectors by name, separated by commas; all of them when left out
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    detector: Vec<String>,
    /// Leiden resolution of GlitchHunter (75: the paper's), or `scaled` for 75 · vocabulary / 32,000
    #[arg(long, default_value = "75")]
    resolution: String,
    /// Questions of GlitchMiner at most (1000: the published default), never more than half of the tokens
    #[arg(long, default_value_t = 1000)]
    budget: usize,
    /// Prompts of a batch; 0 lets the device decide
    #[arg(long, default_value_t = 0)]
    batch_size: u32,
    /// Also write the comparison as JSON to this file
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Also write the comparison as CSV to this file
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
}

pub fn compare(args: &Compare) -> Result<i32, Failure> {
    let mut monitor = Terminal::new();
    listen_for_ctrl_c();
    let mut session = open(&args.model, &mut monitor)?;
    let options = ScanOptions {
        method: Method::Exhaustive,
        resolution: resolution(&args.resolution, &session)?,
        batch_size: args.batch_size,
        with_graph: false,
        ..args.oracle.options()
    };
    let truth = match &args.truth {
        Some(path) => Report::from_json(&String::from_utf8_lossy(&read(path)?))?,
        None => {
            let mut truth = pollster::block_on(session.scan(&options, None, &mut monitor))?;
            truth.timings = monitor.finish();
            truth
        }
    };
    let started = Instant::now();
    let mut now = || started.elapsed().as_secs_f64();
    let mut clock = Clock { now: &mut now, per_question: seconds_per_question(&truth) };
    let seeds: Vec<u32> = (0..args.seeds.max(1)).map(|i| args.seed.wrapping_add(i)).collect();
    let budget = args.budget.min(truth.probes.len() / 2);
    let table = pollster::block_on(session.compare(
        &truth,
        &options,
        &args.detector,
        &seeds,
        budget,
        &mut clock,
        &mut monitor,
    ))?;
    monitor.finish();
    let json = serde_json::to_string(&table).expect("OK because plain data serialises");
    if let Some(path) = &args.out {
        write(path, &json)?;
    }
    if let Some(path) = &args.csv {
        write(path, &table.to_csv())?;
    }
    print(&if args.model.json { json } else { detector_table(&table) })?;
    Ok(match table.status {
        Status::Cancelled => 130,
        Status::Failed => {
            eprintln!("error: {}", table.notes.last().map_or("the comparison failed", String::as_str));
            1
        }
        Status::Complete | Status::NotTestable => 0,
    })
}

/// The comparison for people.
fn detector_table(table: &DetectorTable) -> String {
    use std::fmt::Write;
    let mut out = String::new();
    if let Some(caution) = &table.caution {
        let _ = writeln!(out, "\nwarning: {caution}");
    }
    let _ = writeln!(
        out,
        "\n{} of {} tokens fail the oracle {}; {:.1} tokens processed and {:.4} s for each question\n",
        table.glitch_tokens,
        table.questions,
        table.provenance.oracle.id,
        table.tokens_per_question,
        table.seconds_per_question
    );
    let _ = writeln!(
        out,
        "{:<25} {:>4}  {:>7}  {:>9}  {:>21}  {:>6}  {:>8}  {:>10}  {:>8}",
        "detector", "runs", "found", "precision", "recall (95 %)", "F1", "asked", "tokens", "seconds"
    );
    for row in &table.rows {
        let recall = format!("{:.3} ({:.3} to {:.3})", row.recall.mean, row.recall.low, row.recall.high);
        let _ = writeln!(
            out,
            "{:<25} {:>4}  {:>7.1}  {:>9.3}  {recall:>21}  {:>6.3}  {:>8.1}  {:>10.0}  {:>8.2}",
            row.info.name,
            row.runs,
            row.true_positives.mean,
            row.precision.mean,
            row.f1.mean,
            row.queries.mean,
            row.model_tokens.mean,
            row.seconds.mean
        );
    }
    if let Some(references) = &table.references {
        let _ = writeln!(
            out,
            "reference rows: {} {}, mutual cosine {:.3}",
            references.ids.len(),
            references.group,
            references.mutual_cosine
        );
    }
    for note in &table.notes {
        let _ = writeln!(out, "note: {note}");
    }
    out
}
