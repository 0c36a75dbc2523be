//! `glitchscope prevalence`

use std::path::{Path, PathBuf};
use std::rc::Rc;

use clap::Args;
use glitchscope::checkpoint::source::{FolderSource, Source};
use glitchscope::checkpoint::{Checkpoint, CheckpointError};
use glitchscope::corpus::{CorpusFile, Prevalence, PrevalenceOptions, prevalence};
use glitchscope::report::{Report, Status};
use glitchscope::session::open_tokenizer;
use glitchscope::tokenizer::{Tokenizer, TokenizerError};

use super::failure::Failure;
use super::terminal::{Terminal, listen_for_ctrl_c, print, read, visible, write};

#[derive(Args)]
pub struct PrevalenceArgs {
    /// Folder with tokenizer.json, or a .gguf file; weights are not read
    #[arg(long, value_name = "DIR", default_value = "www/public/specimen")]
    model: PathBuf,
    /// A saved report of this model: its glitch tokens are counted
    #[arg(long, value_name = "FILE", required = true)]
    report: PathBuf,
    /// Files of texts: .txt, .json, .jsonl, .csv, .tsv, .parquet
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Every line of a text file is a document
    #[arg(long)]
    lines: bool,
    /// Fields of a record whose texts count, separated by commas; all texts when left out
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    field: Vec<String>,
    /// Documents that are listed, the densest first
    #[arg(long, default_value_t = 20)]
    documents: u32,
    /// Also write the result as JSON to this file
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Also write the listed documents as CSV to this file
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// Also write the tokens that occur as CSV to this file
    #[arg(long, value_name = "FILE")]
    tokens_csv: Option<PathBuf>,
    /// One JSON value on standard output and nothing else
    #[arg(long)]
    json: bool,
}

pub fn prevalence_of(args: &PrevalenceArgs) -> Result<i32, Failure> {
    let report = Report::from_json(&String::from_utf8_lossy(&read(&args.report)?))?;
    let source = FolderSource::new(&args.model);
    // A folder of a tokenizer alone is enough.
    let tokenizer = if source.model_file().is_some() {
        let checkpoint = pollster::block_on(Checkpoint::open(Rc::new(source)))?;
        pollster::block_on(open_tokenizer(&checkpoint))?.ok_or(TokenizerError::Absent)?
    } else {
        pollster::block_on(Tokenizer::from_source(&source))?
    };
    let files: Vec<CorpusFile> = args.files.iter().map(|path| corpus_file(path)).collect::<Result<_, _>>()?;
    let options = PrevalenceOptions {
        line_by_line: args.lines,
        fields: args.field.clone(),
        documents: args.documents,
        ..PrevalenceOptions::default()
    };
    let mut monitor = Terminal::new();
    listen_for_ctrl_c();
    let result = pollster::block_on(prevalence::prevalence(&tokenizer, &report, &files, &options, &mut monitor))?;
    monitor.finish();
    if let Some(path) = &args.out {
        write(path, &result.to_json())?;
    }
    if let Some(path) = &args.csv {
        write(path, &result.documents_csv())?;
    }
    if let Some(path) = &args.tokens_csv {
        write(path, &result.tokens_csv())?;
    }
    print(&if args.json { result.to_json() } else { table(&result) })?;
    if result.status == Status::Cancelled {
        return Ok(130);
    }
    let mut code = 0;
    for file in &result.files {
        if let Some(error) = &file.error {
            eprintln!("error: {error}");
            code = 1;
        }
    }
    Ok(code)
}

fn corpus_file(path: &Path) -> Result<CorpusFile, Failure> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
    let name = name.ok_or_else(|| CheckpointError::MissingFile {
        file: path.display().to_string(),
        place: folder.display().to_string(),
    })?;
    Ok(CorpusFile { source: Rc::new(FolderSource::new(folder)), name })
}

/// The result for people.
fn table(result: &Prevalence) -> String {
    use std::fmt::Write;
    let mut out = String::new();
    let percent = |ratio: Option<f64>| ratio.map_or("none".into(), |ratio| format!("{:.4} %", 100.0 * ratio));
    let _ = writeln!(
        out,
        "\n{} of {} tokens are glitch tokens ({}); {} of {} documents have one",
        result.all.glitch_tokens,
        result.all.tokens,
        percent(result.ratio),
        result.all.documents_hit,
        result.all.documents
    );
    let _ = writeln!(
        out,
        "looked for: the {} glitch tokens of {} by {}; {} of them occur",
        result.looked_for,
        result.model,
        result.oracle,
        result.tokens.len()
    );
    let _ = writeln!(out, "\n{:>10} {:>12} {:>12}  {:>10}  file", "documents", "tokens", "glitch", "ratio");
    for file in &result.files {
        let _ = writeln!(
            out,
            "{:>10} {:>12} {:>12}  {:>10}  {} ({})",
            file.count.documents,
            file.count.tokens,
            file.count.glitch_tokens,
            percent(file.count.ratio()),
            visible(&file.name, 60),
            file.format
        );
        for (layout, records) in &file.layouts {
            let _ = writeln!(out, "{:>50}{records} × {layout}", "");
        }
        for broken in &file.first_broken {
            let _ = writeln!(out, "  line {}, byte {}: {}", broken.line, broken.offset, visible(&broken.reason, 120));
        }
        if file.broken > file.first_broken.len() as u64 {
            let _ = writeln!(out, "  … {} broken records in all; none of them is counted", file.broken);
        }
    }
    const SHOWN: usize = 12;
    if !result.tokens.is_empty() {
        let _ = writeln!(out, "\n{:>7}  {:<24} {:>9} {:>10}", "id", "token", "count", "documents");
    }
    for token in result.tokens.iter().take(SHOWN) {
        let _ = writeln!(
            out,
            "{:>7}  {:<24} {:>9} {:>10}",
            token.id,
            visible(&token.text, 24),
            token.count,
            token.documents
        );
    }
    if !result.densest.is_empty() {
        let _ = writeln!(
            out,
            "\n{:>9}  {:>7} {:>7}  document, and glitch tokens in context",
            "density", "glitch", "tokens"
        );
    }
    for document in &result.densest {
        let file = result.files.get(document.file as usize).map_or("", |file| &file.name);
        let _ = writeln!(
            out,
            "{:>9}  {:>7} {:>7}  {} {} (line {})",
            percent(Some(document.density)),
            document.glitch_tokens,
            document.tokens,
            visible(file, 40),
            document.document,
            document.line
        );
        for excerpt in document.excerpts.iter().take(1) {
            let spans = excerpt.spans.iter().map(|span| match span.id {
                Some(id) => format!("[{}:{id}]", visible(&span.text, 40)),
                None => visible(&span.text, 60),
            });
            let _ = writeln!(out, "{:>29}{}", "", spans.collect::<String>());
        }
    }
    for note in &result.notes {
        let _ = writeln!(out, "note: {note}");
    }
    out
}
