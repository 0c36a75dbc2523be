//! `glitchscope scan`

use std::collections::HashMap;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use glitchscope::glitch::Part;
use glitchscope::report::{Hunt, KeepRule, Method, NeighbourChoice, Panel, Probe, Report, ScanOptions, Status};

use glitchscope::session::ScanRun;

use super::failure::Failure;
use super::model_args::{ModelArgs, open};
use super::oracle_args::{OracleArgs, TaskArg, resolution};
use super::state_file::StateFile;
use super::terminal::{Terminal, listen_for_ctrl_c, print, read, visible, write};

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum MethodArg {
    /// Clusters the embedding and asks about samples (the paper's method)
    Glitchhunter,
    /// Asks about every token
    Exhaustive,
    /// Both, and how much of the truth GlitchHunter found
    Compare,
}

#[derive(Clone, Copy, ValueEnum)]
enum NeighboursArg {
    Auto,
    Exact,
    Approximate,
}

impl From<NeighboursArg> for NeighbourChoice {
    fn from(argument: NeighboursArg) -> Self {
        match argument {
            NeighboursArg::Auto => NeighbourChoice::Auto,
            NeighboursArg::Exact => NeighbourChoice::Exact,
            NeighboursArg::Approximate => NeighbourChoice::Approximate,
        }
    }
}

#[derive(Clone, Copy, ValueEnum)]
enum KeepRuleArg {
    /// Hits / sample above --keep-ratio (the paper's)
    Ratio,
    /// More hits than chance explains: exact hypergeometric tail, Benjamini-Hochberg at --alpha (a variant of this project)
    Hypergeometric,
}

impl From<KeepRuleArg> for KeepRule {
    fn from(argument: KeepRuleArg) -> Self {
        match argument {
            KeepRuleArg::Ratio => KeepRule::Ratio,
            KeepRuleArg::Hypergeometric => KeepRule::Hypergeometric,
        }
    }
}

#[derive(Args)]
pub struct Scan {
    #[command(flatten)]
    model: ModelArgs,
    /// What is asked of a token, without examples (repetition: the paper's, in its cost tables)
    #[arg(long, value_enum, default_value_t = TaskArg::Repetition, conflicts_with = "oracle")]
    task: TaskArg,
    #[command(flatten)]
    oracle: OracleArgs,
    #[arg(long, value_enum, default_value_t = MethodArg::Glitchhunter)]
    method: MethodArg,
    /// Draws the cluster samples
    #[arg(long, default_value_t = 42)]
    seed: u32,
    /// Neighbours of a token in the graph, itself counted in (50: the paper's)
    #[arg(long, default_value_t = 50)]
    n_neighbors: u32,
    /// How neighbours are found; `auto` is exact, but on a processor approximate above 100,000 tokens, which the report says
    #[arg(long, value_enum, default_value_t = NeighboursArg::Auto)]
    neighbours: NeighboursArg,
    /// Leiden resolution (75: the paper's), or `scaled` for 75 · vocabulary / 32,000
    #[arg(long, default_value = "75")]
    resolution: String,
    /// Principal components of the embedding (50: the reference code's)
    #[arg(long, default_value_t = 50)]
    n_components: u32,
    /// Which clusters a round keeps
    #[arg(long, value_enum, default_value_t = KeepRuleArg::Ratio)]
    keep_rule: KeepRuleArg,
    /// False discoveries that --keep-rule hypergeometric allows among the clusters it keeps
    #[arg(long, default_value_t = 0.05)]
    alpha: f64,
    /// Keep a cluster when hits / sample is above this (0: the paper's)
    #[arg(long, default_value_t = 0.0)]
    keep_ratio: f64,
    /// Smallest sample of a cluster (5: the reference code's)
    #[arg(long, default_value_t = 5)]
    sample_min: u32,
    /// Share of a cluster that is sampled (0.1: the reference code's)
    #[arg(long, default_value_t = 0.1)]
    sample_fraction: f64,
    /// Largest sample of a cluster (50: the reference code's)
    #[arg(long, default_value_t = 50)]
    sample_max: u32,
    /// Rounds at most
    #[arg(long, default_value_t = 20)]
    max_rounds: u32,
    /// Prompts of a batch; 0 lets the device decide
    #[arg(long, default_value_t = 0)]
    batch_size: u32,
    /// Report a token only by its cluster, without asking about it in the end
    #[arg(long)]
    no_verify: bool,
    /// Compare with this saved exhaustive report
    #[arg(long, value_name = "FILE")]
    truth: Option<PathBuf>,
    /// Keep what is answered in this file, every few seconds; where it is there, go on where it ends
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    /// Scan one of n parts, from 1/n to n/n (with --method exhaustive); `merge` joins what --out writes
    #[arg(long, value_name = "I/N")]
    shard: Option<Part>,
    /// Also write the report as JSON to this file
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Also write the verdicts as CSV to this file
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
}

pub fn scan(args: &Scan) -> Result<i32, Failure> {
    let truth = match &args.truth {
        Some(path) => Some(Report::from_json(&String::from_utf8_lossy(&read(path)?))?),
        None => None,
    };
    let mut monitor = Terminal::new();
    if args.method == MethodArg::Compare && args.state.is_some() {
        return Err(Failure::Usage(
            "--state keeps one scan and --method compare makes two: scan with --method exhaustive --out FILE first, then \
             with --method glitchhunter --truth FILE"
                .into(),
        ));
    }
    if args.method != MethodArg::Exhaustive && args.shard.is_some() {
        return Err(Failure::Usage("--shard needs --method exhaustive: a search cannot be split into parts".into()));
    }
    let mut run = ScanRun { part: args.shard, ..ScanRun::default() };
    if let Some(path) = &args.state {
        let (file, kept) = StateFile::open(path)?;
        monitor.state = Some(file);
        run.state = Some(kept);
    }
    listen_for_ctrl_c();
    let mut session = open(&args.model, &mut monitor)?;
    let mut options = ScanOptions {
        task: args.task.into(),
        seed: args.seed,
        n_neighbors: args.n_neighbors,
        neighbours: args.neighbours.into(),
        resolution: resolution(&args.resolution, &session)?,
        n_components: args.n_components,
        keep_rule: args.keep_rule.into(),
        alpha: args.alpha,
        keep_ratio: args.keep_ratio,
        sample_min: args.sample_min,
        sample_fraction: args.sample_fraction,
        sample_max: args.sample_max,
        max_rounds: args.max_rounds,
        batch_size: args.batch_size,
        verify_final: !args.no_verify,
        ..args.oracle.options()
    };
    let mut truth = truth;
    if args.method == MethodArg::Compare {
        options.method = Method::Exhaustive;
        let report = pollster::block_on(session.scan(&options, None, &mut monitor))?;
        if report.status != Status::Complete {
            return finish(args, report, monitor);
        }
        truth = Some(report);
    }
    options.method = if args.method == MethodArg::Exhaustive { Method::Exhaustive } else { Method::Glitchhunter };
    run.truth = truth.as_ref();
    let report = pollster::block_on(session.scan_run(&options, run, &mut monitor))?;
    finish(args, report, monitor)
}

/// Writes the report wherever it was asked for.
pub fn finish(args: &Scan, mut report: Report, mut monitor: Terminal) -> Result<i32, Failure> {
    report.timings = monitor.finish();
    if let Some(path) = &args.out {
        write(path, &report.to_json()?)?;
    }
    if let Some(path) = &args.csv {
        write(path, &report.to_csv())?;
    }
    if args.model.json {
        print(&report.to_json()?)?
    } else {
        print(&table(&report))?
    }
    if let Some(state) = monitor.state {
        match report.status {
            Status::Complete | Status::NotTestable => state.remove(),
            Status::Cancelled | Status::Failed => eprintln!("the same command goes on from here: the state is kept"),
        }
    }
    Ok(match report.status {
        Status::Complete | Status::NotTestable => 0,
        Status::Cancelled => 130,
        Status::Failed => {
            eprintln!("error: {}", report.notes.last().map_or("the scan failed", String::as_str));
            1
        }
    })
}

/// The report for people.
pub fn table(report: &Report) -> String {
    use std::fmt::Write;
    let mut out = String::new();
    let device = &report.provenance.device;
    let _ = writeln!(out);
    for sentence in &report.summary {
        let _ = writeln!(out, "{sentence}");
    }
    let _ = writeln!(out, "\n{:>7}  {:<24} {:>9}  {:>7}  answer", "id", "token", "p(token)", "entropy");
    let by_id: HashMap<u32, &Probe> = report.probes.iter().map(|probe| (probe.id, probe)).collect();
    const SHOWN: usize = 25;
    for id in report.glitch_tokens.iter().take(SHOWN) {
        let Some(probe) = by_id.get(id) else { continue };
        let token = report.tokens.text.get(*id as usize).map_or("", String::as_str);
        let (token, answer) = (visible(token, 24), visible(&probe.answer_text, 40));
        let _ = writeln!(out, "{id:>7}  {token:<24} {:>9.2e}  {:>7.3}  {answer}", probe.p_target, probe.entropy);
    }
    if report.glitch_tokens.len() > SHOWN {
        let _ = writeln!(out, "… and {} more; --json or --csv FILE gives all", report.glitch_tokens.len() - SHOWN);
    }
    if let Some(panel) = &report.panel {
        out += &panel_table(panel);
    }
    if let Some(hunt) = report.hunt.as_ref().filter(|hunt| !hunt.rounds.is_empty()) {
        out += &round_table(hunt);
    }
    for note in &report.notes {
        let _ = writeln!(out, "note: {note}");
    }
    for timing in &report.timings {
        let _ = writeln!(out, "time: {:>7.2} s  {}", timing.seconds, timing.stage);
    }
    let _ = writeln!(out, "device: {} ({}), {}; {}", device.name, device.precision, device.detail, device.reason);
    out
}

/// Every round, and how likely the samples of its dropped clusters would have missed failures.
fn round_table(hunt: &Hunt) -> String {
    use std::fmt::Write;
    let mut out = String::new();
    let _ = writeln!(
        out,
        "\n{:>5}  {:>8}  {:>8}  {:>8}  {:>8}  {:>8}  {:>14}",
        "round", "tokens", "clusters", "asked", "failed", "kept", "a drop misses"
    );
    for round in &hunt.rounds {
        let median = round.missed().map_or("–".into(), |[_, median, _]| format!("{:.1} %", 100.0 * median));
        let _ = writeln!(
            out,
            "{:>5}  {:>8}  {:>8}  {:>8}  {:>8}  {:>8}  {median:>14}",
            round.round, round.tokens, round.clusters, round.queries, round.hits, round.kept_tokens
        );
    }
    let _ = writeln!(
        out,
        "(a drop misses: the median probability that a dropped cluster's sample shows no failure although the cluster \
         fails as often as the tokens known so far; `export --format clusters-csv` has every cluster)"
    );
    out
}

/// Every oracle's count, and how each pair agrees.
fn panel_table(panel: &Panel) -> String {
    use std::fmt::Write;
    let mut out = String::new();
    let width = panel.oracles.iter().map(|oracle| oracle.id.len()).max().unwrap_or(0);
    let n = panel.ids.len();
    let _ = writeln!(out, "\n{:<width$}  {:>9}  {:>9}  {:>9}", "oracle", "fail", "strictly", "controls");
    for column in &panel.verdicts {
        let failed = |passed: &[bool]| passed.iter().filter(|passed| !**passed).count();
        let _ = writeln!(
            out,
            "{:<width$}  {:>9}  {:>9}  {:>9}",
            column.oracle,
            format!("{}/{n}", failed(&column.passed)),
            failed(&column.passed_strict),
            format!("{}/{}", column.controls_passed, column.controls_asked)
        );
    }
    if !panel.agreement.is_empty() {
        let _ = writeln!(
            out,
            "\n{:<width$}  {:<width$}  {:>5} {:>5} {:>5} {:>5}  {:>7}  {:>6}",
            "a", "b", "both", "a", "b", "none", "Jaccard", "kappa"
        );
    }
    let shown = |value: Option<f64>| value.map_or("none".into(), |value| format!("{value:.3}"));
    for pair in &panel.agreement {
        let _ = writeln!(
            out,
            "{:<width$}  {:<width$}  {:>5} {:>5} {:>5} {:>5}  {:>7}  {:>6}",
            pair.a,
            pair.b,
            pair.both_fail,
            pair.only_a_fails,
            pair.only_b_fails,
            pair.both_pass,
            shown(pair.jaccard),
            shown(pair.kappa)
        );
    }
    let _ = writeln!(out);
    out
}
