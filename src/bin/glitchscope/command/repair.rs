//! `glitchscope repair merges` and `glitchscope repair rows`

use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use glitchscope::repair::merges::{self, MergeOptions, MergeRepair};
use glitchscope::repair::probes::Said;
use glitchscope::repair::rows::{self, Patch, RowMethod, RowOptions, RowRepair};
use glitchscope::report::Report;

use super::failure::Failure;
use super::model_args::{ModelArgs, open};
use super::terminal::{Terminal, listen_for_ctrl_c, print, read, visible, write_bytes};

#[derive(Subcommand)]
pub enum Repair {
    /// A tokenizer.json that cannot produce the tokens any more; ids and weights stay
    Merges(Merges),
    /// Weights in which the tokens have other rows
    Rows(Rows),
}

#[derive(Args)]
pub struct Chosen {
    #[command(flatten)]
    model: ModelArgs,
    /// A saved report of this model
    #[arg(long, value_name = "FILE", required = true)]
    report: PathBuf,
    /// Token ids separated by commas, or `all` glitch tokens of the report
    #[arg(long, value_name = "IDS", default_value = "all")]
    tokens: String,
    /// The repaired file is written here: tokenizer.json, or the safetensors file
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Args)]
pub struct Merges {
    #[command(flatten)]
    chosen: Chosen,
    /// Take a token out even where others are built from it, which are then lost too
    #[arg(long)]
    with_dependents: bool,
    /// Oracles that are asked before and after, by id and separated by commas; those of the report when left out
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    oracle: Vec<String>,
}

#[derive(Clone, Copy, ValueEnum)]
enum MethodArg {
    /// The mean of all trained rows
    Mean,
    /// The weighted mean of similarly spelled tokens' rows (GlitchEdit)
    Spelled,
}

#[derive(Args)]
pub struct Rows {
    #[command(flatten)]
    chosen: Chosen,
    #[arg(long, value_enum, default_value_t = MethodArg::Mean)]
    method: MethodArg,
    /// Share of the new row, from 0 to 1; the rest is the row as it was
    #[arg(long, default_value_t = 1.0)]
    alpha: f64,
    /// Similarly spelled tokens a row is made of
    #[arg(long, default_value_t = 4)]
    k: u32,
    /// Scale the rows to length 1, as GlitchEdit does
    #[arg(long)]
    unit_length: bool,
    /// A text on which the loss must not rise; a built-in one when left out
    #[arg(long, value_name = "FILE")]
    text: Option<PathBuf>,
    /// The rise that is allowed, in nats a token
    #[arg(long, default_value_t = 0.01)]
    allowed_rise: f64,
}

pub fn repair(args: &Repair) -> Result<i32, Failure> {
    match args {
        Repair::Merges(args) => prune(args),
        Repair::Rows(args) => replace(args),
    }
}

fn prune(args: &Merges) -> Result<i32, Failure> {
    let (report, ids) = args.chosen.read()?;
    let json = read(&args.chosen.model.model.join("tokenizer.json"))?;
    let mut monitor = Terminal::new();
    listen_for_ctrl_c();
    let mut session = open(&args.chosen.model, &mut monitor)?;
    let options = MergeOptions { with_dependents: args.with_dependents, oracles: args.oracle.clone() };
    let work = merges::prune_and_ask(&mut session, Some(&report), &json, &ids, &options, &mut monitor);
    let (repair, patched) = pollster::block_on(work)?;
    monitor.finish();
    if let Some(path) = &args.chosen.out {
        write_bytes(path, &patched)?;
    }
    print(&if args.chosen.model.json { json_of(&repair) } else { merge_table(&repair) })?;
    Ok(i32::from(repair.tokens.is_empty()))
}

fn replace(args: &Rows) -> Result<i32, Failure> {
    let (report, ids) = args.chosen.read()?;
    let text = args.text.as_deref().map(read).transpose()?;
    let text = text.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let mut monitor = Terminal::new();
    listen_for_ctrl_c();
    let mut session = open(&args.chosen.model, &mut monitor)?;
    let options = RowOptions {
        method: match args.method {
            MethodArg::Mean => RowMethod::Mean,
            MethodArg::Spelled => RowMethod::Spelled,
        },
        alpha: args.alpha,
        k: args.k,
        unit_length: args.unit_length,
        allowed_rise: args.allowed_rise,
        keep: false,
    };
    let work = rows::repair(&mut session, &report, &ids, text.as_deref(), &options, &mut monitor);
    let (repair, patches) = pollster::block_on(work)?;
    monitor.finish();
    if let Some(path) = &args.chosen.out {
        write_patched(&args.chosen.model.model, path, &repair.files, &patches)?;
    }
    print(&if args.chosen.model.json { json_of(&repair) } else { row_table(&repair) })?;
    if !repair.loss.is_within {
        eprintln!(
            "error: the loss on the text rises by {:.4} nats a token, more than the allowed {:.4}",
            repair.loss.after - repair.loss.before,
            repair.loss.allowed_rise
        );
        return Ok(1);
    }
    Ok(0)
}

impl Chosen {
    /// The report and the ids.
    fn read(&self) -> Result<(Report, Vec<u32>), Failure> {
        let report = Report::from_json(&String::from_utf8_lossy(&read(&self.report)?))?;
        if self.tokens == "all" {
            let ids = report.glitch_tokens.clone();
            return Ok((report, ids));
        }
        let id = |id: &str| {
            let id = id.trim();
            id.parse().map_err(|_| Failure::Usage(format!("--tokens has {id:?} where a token id is expected")))
        };
        Ok((report, self.tokens.split(',').map(id).collect::<Result<_, _>>()?))
    }
}

/// A copy of the file with the patches in it. Rows of a model in several files may lie in two of them: then `out` is a
/// folder, and only the files that change are written there.
fn write_patched(folder: &Path, out: &Path, files: &[String], patches: &[Patch]) -> Result<(), Failure> {
    for file in files {
        let path = if files.len() > 1 { out.join(file) } else { out.to_path_buf() };
        let failed = |error| Failure::Io { what: format!("cannot write {}", path.display()), error };
        let original = folder.join(file);
        if path.canonicalize().ok().is_some_and(|path| Some(path) == original.canonicalize().ok()) {
            return Err(Failure::Usage(format!("--out is {} itself; the original is not overwritten", path.display())));
        }
        if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            std::fs::create_dir_all(parent).map_err(failed)?;
        }
        std::fs::copy(&original, &path).map_err(failed)?;
        let mut patched = std::fs::OpenOptions::new().write(true).open(&path).map_err(failed)?;
        for patch in patches.iter().filter(|patch| patch.file == *file) {
            patched.seek(SeekFrom::Start(patch.offset)).map_err(failed)?;
            patched.write_all(&patch.bytes).map_err(failed)?;
        }
    }
    Ok(())
}

fn json_of(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("OK because plain data serialises")
}

fn verdict(said: Option<&Said>) -> &'static str {
    match said {
        Some(said) if said.passed => "pass",
        Some(_) => "fail",
        None => "",
    }
}

fn merge_table(repair: &MergeRepair) -> String {
    use std::fmt::Write;
    let mut out = String::new();
    let _ = writeln!(
        out,
        "\n{} tokens cannot be produced any more ({} merges taken out), {} were refused",
        repair.tokens.len(),
        repair.merges_removed,
        repair.refused.len()
    );
    let _ = writeln!(
        out,
        "other tokens that come back from their text: {} before, {} after",
        repair.others_before, repair.others_after
    );
    for asked in &repair.oracles {
        let _ = writeln!(
            out,
            "by {}: of {} that failed, {} pass by their new ids; {} that passed fail",
            asked.oracle, asked.failed_before, asked.repaired, asked.spoiled
        );
    }
    let verdicts = |said: &[Said]| said.iter().map(|said| verdict(Some(said))).collect::<Vec<_>>().join(" ");
    let width = (5 * repair.oracles.len()).max(6);
    let _ = writeln!(out);
    let _ = writeln!(
        out,
        "{:>7}  {:<24} {:<width$} {:<width$} {:<20} answer after",
        "id", "token", "before", "after", "new ids"
    );
    for token in &repair.tokens {
        let ids: Vec<String> = token.ids_after.iter().map(u32::to_string).collect();
        let _ = writeln!(
            out,
            "{:>7}  {:<24} {:<width$} {:<width$} {:<20} {}",
            token.id,
            visible(&token.text, 24),
            verdicts(&token.before),
            verdicts(&token.after),
            visible(&ids.join(" "), 20),
            visible(token.after.first().map_or("", |said| &said.answer), 30)
        );
    }
    for token in &repair.refused {
        let named = match token.dependents.as_slice() {
            [] => String::new(),
            dependents => format!(" ({})", dependents.iter().map(u32::to_string).collect::<Vec<_>>().join(", ")),
        };
        let _ = writeln!(out, "refused: {:>7}  {:<24} {}{named}", token.id, visible(&token.text, 24), token.reason);
    }
    for note in &repair.notes {
        let _ = writeln!(out, "note: {note}");
    }
    out
}

fn row_table(repair: &RowRepair) -> String {
    use std::fmt::Write;
    let mut out = String::new();
    for (tensor, dtype) in &repair.tensors {
        let _ = writeln!(
            out,
            "\n{} rows of {tensor} ({dtype}) replaced; {} rows are trained",
            repair.rows.len(),
            repair.trained_rows
        );
    }
    let _ = writeln!(
        out,
        "by {}: of {} tokens that failed before, {} pass after",
        repair.oracle, repair.failed_before, repair.repaired
    );
    let loss = &repair.loss;
    let _ = writeln!(
        out,
        "loss on {}, {} tokens: {:.4} before, {:.4} after, {:+.4} nats a token; allowed {:+.4}: {}\n",
        if loss.built_in { "the built-in text" } else { "the text" },
        loss.tokens,
        loss.before,
        loss.after,
        loss.after - loss.before,
        loss.allowed_rise,
        if loss.is_within { "within it" } else { "NOT within it" }
    );
    let _ = writeln!(
        out,
        "{:>7}  {:<24} {:<6} {:<6} {:>8} {:>8}  answer after",
        "id", "token", "before", "after", "norm", "norm"
    );
    for row in &repair.rows {
        let _ = writeln!(
            out,
            "{:>7}  {:<24} {:<6} {:<6} {:>8.4} {:>8.4}  {}",
            row.id,
            visible(&row.text, 24),
            verdict(Some(&row.before)),
            verdict(Some(&row.after)),
            row.norm_before,
            row.norm_after,
            visible(&row.after.answer, 30)
        );
    }
    for note in &repair.notes {
        let _ = writeln!(out, "note: {note}");
    }
    out
}
