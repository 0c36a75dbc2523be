//! `glitchscope holobench`

use std::collections::{BTreeMap, HashSet};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::{Args, Subcommand};
use glitchscope::labs::holobench::aggregate::{Answered, EMPTY, EMPTY_ANSWER, GroupBy, RANDOM, aggregate};
use glitchscope::labs::holobench::bench::{Bench, GridSettings, QuestionCheck};
use glitchscope::labs::holobench::context::{Amount, Context, ContextOptions, Instance, Measure, Mode, Placement};
use glitchscope::labs::holobench::io::{self, Imported, LabelLine, ResponseLine};
use glitchscope::labs::holobench::prompt::{self, PromptStyle};
use glitchscope::labs::holobench::questions::{QUESTIONS, QuestionSet};
use glitchscope::labs::holobench::run::{Asked, RunOptions, asked, run};
use glitchscope::labs::holobench::score::{AnswerScore, LabelSource, ScoreRequest, score};
use glitchscope::labs::holobench::{HoloError, report};
use glitchscope::session::Session;
use serde::Deserialize;

use super::failure::Failure;
use super::model_args::{ModelArgs, open};
use super::terminal::{Terminal, listen_for_ctrl_c, print, read, visible, write};

/// Questions over a database whose rows stand in the context as sentences
#[derive(Subcommand)]
pub enum Holobench {
    /// What was read: tables, keys, templates
    Info(Info),
    /// The questions that are made of the database, or own ones, checked
    Questions(Questions),
    /// Contexts, their gold answers and what they lack
    Context(Contexts),
    /// prompts.jsonl for models elsewhere, and gold.jsonl apart from it
    Export(Export),
    /// Ask a model, and score it beside a random and an always-empty answerer
    Run(Run),
    /// Score responses from elsewhere
    Score(Score),
}

/// Which database, with which questions.
#[derive(Args)]
struct BenchArgs {
    /// An SQLite file; without it and --csv, the built-in database
    #[arg(long, value_name = "FILE", conflicts_with = "csv")]
    sqlite: Option<PathBuf>,
    /// CSV files, a table each
    #[arg(long, value_name = "FILE", num_args = 1..)]
    csv: Vec<PathBuf>,
    /// Seed of the built-in database
    #[arg(long, default_value_t = 7)]
    database_seed: u32,
    /// Take foreign keys that were proposed by names and values as well
    #[arg(long)]
    confirm_keys: bool,
    /// Templates as JSON: {"table": "text with {column}"}
    #[arg(long, value_name = "FILE")]
    templates: Option<PathBuf>,
    /// Seed of the questions
    #[arg(long, default_value_t = 1)]
    seed: u32,
    /// How many questions are made; 0 for own ones only
    #[arg(long, default_value_t = QUESTIONS)]
    count: usize,
    /// Estimated tokens of rows on which every candidate is tried
    #[arg(long, default_value_t = 1024)]
    check_amount: u32,
    /// Own questions as JSON: [{"id": "…", "sql": "SELECT …", "text": "…"}]
    #[arg(long, value_name = "FILE")]
    own: Option<PathBuf>,
}

/// What is varied.
#[derive(Args)]
struct GridArgs {
    /// Ids of questions; all of them by default
    #[arg(long, value_delimiter = ',')]
    question: Vec<String>,
    /// Tokens of the context, at most
    #[arg(long, value_delimiter = ',', default_value = "1024")]
    length: Vec<u32>,
    /// Tokens of relevant sentences, or their share of the length, as in 50%
    #[arg(long, value_delimiter = ',', default_value = "50%")]
    amount: Vec<String>,
    /// uniform, begin, end, middle or bimodal
    #[arg(long, value_delimiter = ',', default_value = "uniform")]
    placement: Vec<String>,
    /// corrected, or the study's code of a date: ref-2025-02, ref-2024-10
    #[arg(long, default_value = "corrected")]
    mode: String,
    /// Go on with rows that are in the context already where the tables run out
    #[arg(long)]
    repeat: bool,
    /// Pull in the rows that a kept row refers to
    #[arg(long)]
    closure: bool,
    /// Use neutral sentences where no table is irrelevant, or where those run out
    #[arg(long)]
    filler: bool,
    /// Take rows in an order of this seed
    #[arg(long, value_name = "SEED")]
    shuffle: Option<u32>,
    /// Count tokens with the model's tokenizer instead of estimating them
    #[arg(long)]
    count_tokens: bool,
}

/// How the model is asked.
#[derive(Args)]
struct PromptArgs {
    /// Ask for the answer alone, without reasoning before it
    #[arg(long)]
    direct: bool,
    /// A prompt template with {context} and {question} instead of the built-in one
    #[arg(long, value_name = "FILE")]
    prompt: Option<PathBuf>,
    /// New tokens at most
    #[arg(long, default_value_t = 256)]
    max_new: usize,
}

#[derive(Args)]
pub struct Info {
    #[command(flatten)]
    bench: BenchArgs,
    /// JSON on standard output and nothing else
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub struct Questions {
    #[command(flatten)]
    bench: BenchArgs,
    /// Check this query instead
    #[arg(long, value_name = "SELECT")]
    sql: Option<String>,
    /// JSON on standard output and nothing else
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub struct Contexts {
    #[command(flatten)]
    bench: BenchArgs,
    #[command(flatten)]
    grid: GridArgs,
    /// JSON on standard output and nothing else
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub struct Export {
    #[command(flatten)]
    bench: BenchArgs,
    #[command(flatten)]
    grid: GridArgs,
    #[command(flatten)]
    prompt: PromptArgs,
    /// Where the prompts go
    #[arg(long, value_name = "FILE", default_value = "prompts.jsonl")]
    prompts: PathBuf,
    /// Where the right answers go
    #[arg(long, value_name = "FILE", default_value = "gold.jsonl")]
    gold: PathBuf,
}

#[derive(Args)]
pub struct Run {
    #[command(flatten)]
    model: ModelArgs,
    /// Ask through the model's chat template
    #[arg(long)]
    chat: bool,
    #[command(flatten)]
    bench: BenchArgs,
    #[command(flatten)]
    grid: GridArgs,
    #[command(flatten)]
    prompt: PromptArgs,
    /// Where every response goes as soon as it is there; what the file holds already is not asked again
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    table: TableArgs,
}

#[derive(Args)]
pub struct Score {
    #[command(flatten)]
    bench: BenchArgs,
    #[command(flatten)]
    grid: GridArgs,
    /// responses.jsonl; several for several models
    #[arg(long, value_name = "FILE", num_args = 1.., required = true)]
    responses: Vec<PathBuf>,
    /// labels.jsonl from a judge or by hand, for the first file of responses
    #[arg(long, value_name = "FILE")]
    labels: Option<PathBuf>,
    #[command(flatten)]
    table: TableArgs,
    /// JSON on standard output and nothing else
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
struct TableArgs {
    /// all, flag, difficulty, database, length, amount, placement or question
    #[arg(long, default_value = "all")]
    by: String,
    /// Also write the table as CSV
    #[arg(long, value_name = "FILE")]
    csv_out: Option<PathBuf>,
    /// Also write every answer with its labels as JSON
    #[arg(long, value_name = "FILE")]
    answers_out: Option<PathBuf>,
}

pub fn holobench(command: &Holobench) -> Result<i32, Failure> {
    match command {
        Holobench::Info(args) => info(args),
        Holobench::Questions(args) => questions(args),
        Holobench::Context(args) => contexts(args),
        Holobench::Export(args) => export(args),
        Holobench::Run(args) => run_grid(args),
        Holobench::Score(args) => score_files(args),
    }
}

fn text_of(path: &Path) -> Result<String, Failure> {
    String::from_utf8(read(path)?).map_err(|_| Failure::Usage(format!("{} is not UTF-8", path.display())))
}

fn json_of<T: for<'de> Deserialize<'de>>(path: &Path) -> Result<T, Failure> {
    serde_json::from_slice(&read(path)?)
        .map_err(|error| Failure::Usage(format!("{} cannot be read: {error}", path.display())))
}

/// A word of a list of words, as JSON has it.
fn named<T: for<'de> Deserialize<'de>>(what: &str, name: &str) -> Result<T, Failure> {
    serde_json::from_value(name.into()).map_err(|error| Failure::Usage(format!("{what} {name:?}: {error}")))
}

#[derive(Deserialize)]
struct OwnQuestion {
    id: String,
    sql: String,
    text: String,
}

impl BenchArgs {
    fn open(&self) -> Result<(Bench, Option<QuestionSet>), Failure> {
        let name = |path: &Path| path.file_name().map_or(String::new(), |name| name.to_string_lossy().into_owned());
        let mut bench = match &self.sqlite {
            Some(path) => Bench::sqlite(&name(path), &read(path)?)?,
            None if self.csv.is_empty() => Bench::synthetic(self.database_seed)?,
            None => {
                let files = self.csv.iter().map(|path| Ok((name(path), read(path)?)));
                Bench::csv(&files.collect::<Result<Vec<_>, Failure>>()?)?
            }
        };
        if self.confirm_keys {
            for index in 0..bench.database.keys.len() {
                bench.confirm_key(index, true)?;
            }
        }
        if let Some(path) = &self.templates {
            for (table, text) in json_of::<BTreeMap<String, String>>(path)? {
                let info = bench.set_template(&table, Some(&text))?;
                if let Some(problem) = info.problem {
                    return Err(HoloError::Template { table, problem }.into());
                }
            }
        }
        for note in &bench.database.notes {
            eprintln!("note: {note}");
        }
        let set = match self.count {
            0 => None,
            count => Some(bench.generate(self.seed, count, self.check_amount)?),
        };
        if let Some(path) = &self.own {
            for own in json_of::<Vec<OwnQuestion>>(path)? {
                let QuestionCheck { problem, hint, warnings, .. } = bench.add_question(&own.id, &own.sql, &own.text);
                if let Some(problem) = problem {
                    let hint = hint.map_or(String::new(), |hint| format!("\nhint: {hint}"));
                    return Err(Failure::Usage(format!("question {:?}: {problem}{hint}", own.id)));
                }
                for warning in warnings {
                    eprintln!("note: question {}: {warning}", own.id);
                }
            }
        }
        Ok((bench, set))
    }
}

impl GridArgs {
    fn instances(&self, bench: &Bench) -> Result<Vec<Instance>, Failure> {
        let amount = |text: &String| {
            let read = match text.strip_suffix('%') {
                Some(percent) => percent.trim().parse().ok().map(|percent: f64| Amount::Density(percent / 100.0)),
                None => text.parse().ok().map(Amount::Tokens),
            };
            read.ok_or_else(|| Failure::Usage(format!("--amount {text:?}: expected tokens, or a share such as 50%")))
        };
        let questions = match self.question.is_empty() {
            true => bench.questions.iter().map(|question| question.id.clone()).collect(),
            false => self.question.clone(),
        };
        let settings = GridSettings {
            questions,
            lengths: self.length.clone(),
            amounts: self.amount.iter().map(amount).collect::<Result<_, _>>()?,
            placements: self
                .placement
                .iter()
                .map(|name| named::<Placement>("--placement", name))
                .collect::<Result<_, _>>()?,
            options: ContextOptions {
                mode: named::<Mode>("--mode", &self.mode)?,
                repeat: self.repeat,
                closure: self.closure,
                filler: self.filler,
                shuffle: self.shuffle,
                measure: if self.count_tokens { Measure::Counted } else { Measure::Estimate },
            },
        };
        let (good, bad): (Vec<Instance>, Vec<Instance>) =
            bench.grid(&settings)?.into_iter().partition(|instance| instance.problem.is_none());
        if good.is_empty() {
            let problem = bad.first().and_then(|instance| instance.problem.clone()).unwrap_or_default();
            return Err(Failure::Usage(format!("none of {} instances can be made: {problem}", bad.len())));
        }
        for instance in &bad {
            let problem = instance.problem.as_deref().unwrap_or_default();
            eprintln!("note: {} at {} tokens is left out: {problem}", instance.question, instance.length);
        }
        Ok(good)
    }
}

impl PromptArgs {
    fn options(&self, chat: bool) -> Result<RunOptions, Failure> {
        let template = self.prompt.as_deref().map(text_of).transpose()?;
        let template = template.map(|text| prompt::recognise(&text)).transpose()?;
        let style = if self.direct { PromptStyle::Direct } else { PromptStyle::Reasoning };
        Ok(RunOptions { style, template, max_new: self.max_new, chat })
    }
}

fn info(args: &Info) -> Result<i32, Failure> {
    let (bench, _) = args.bench.open()?;
    let (info, templates) = (bench.info(), bench.templates());
    if args.json {
        print(&serde_json::json!({ "database": info, "templates": templates }).to_string())?;
        return Ok(0);
    }
    let mut out = format!("{}\n{}\n", visible(&info.name, 200), info.sha256);
    for (table, template) in info.tables.iter().zip(&templates) {
        let columns: Vec<String> =
            table.columns.iter().map(|c| format!("{} {}", c.name, format!("{:?}", c.kind).to_lowercase())).collect();
        out += &format!("\n{}: {} rows ({})\n", table.name, table.rows, columns.join(", "));
        match &template.problem {
            Some(problem) => out += &format!("  template refused: {problem}\n"),
            None => out += &format!("  {}\n", template.example.as_deref().unwrap_or(&template.text)),
        }
    }
    for key in &info.keys {
        let state = if key.confirmed { "" } else { ", proposed: take it with --confirm-keys" };
        out += &format!(
            "\n{}.{} → {}.{} ({:.1} %{state})",
            key.table,
            key.column,
            key.parent,
            key.parent_column,
            100.0 * key.containment
        );
    }
    print(&out)?;
    Ok(0)
}

fn questions(args: &Questions) -> Result<i32, Failure> {
    let (bench, set) = args.bench.open()?;
    if let Some(sql) = &args.sql {
        let check = bench.check_question("own", sql, "?");
        if args.json {
            print(&serde_json::to_string(&check).unwrap_or_default())?;
        } else if let Some(problem) = &check.problem {
            return Err(Failure::Usage(format!("{problem}\nhint: {}", check.hint.unwrap_or_default())));
        } else {
            print(&serde_json::to_string_pretty(&check).unwrap_or_default())?;
        }
        return Ok(i32::from(check.problem.is_some()));
    }
    if args.json {
        print(&serde_json::json!({ "questions": bench.questions, "set": set }).to_string())?;
        return Ok(0);
    }
    let mut out = String::new();
    for question in &bench.questions {
        out += &format!(
            "{}  {} · {}\n  {}\n  {}\n",
            question.id,
            question.difficulty.name(),
            question.flags.names().join(", "),
            question.text,
            question.sql
        );
    }
    if let Some(set) = set {
        let spread: Vec<String> = set.spread.iter().map(|(name, n)| format!("{name} {n}")).collect();
        out += &format!("\n{}\n", spread.join(" · "));
        for missing in &set.missing {
            out += &format!("missing: {missing}\n");
        }
        for rejection in set.rejected.iter().take(8) {
            out += &format!("dropped {}: {}\n", rejection.count, rejection.reason);
        }
    }
    print(&out)?;
    Ok(0)
}

fn contexts(args: &Contexts) -> Result<i32, Failure> {
    let (bench, _) = args.bench.open()?;
    let mut contexts = Vec::new();
    for instance in args.grid.instances(&bench)? {
        contexts.push(asked(&bench, &instance, &RunOptions::default(), None)?.context);
    }
    if args.json {
        print(&serde_json::to_string(&contexts).unwrap_or_default())?;
        return Ok(0);
    }
    let mut out = String::new();
    for context in &contexts {
        let question = bench.question(&context.instance.question)?;
        out += &format!(
            "{} {}\n{}\n\n{}\n\n{} lines, {} of them relevant, {} repeated; {} characters, about {} tokens\n",
            context.instance.instance_id,
            question.id,
            question.text,
            context.text,
            context.lines.len(),
            context.relevant,
            context.duplicates,
            context.characters,
            context.tokens
        );
        if let Some(s) = context.shortfall {
            out += &format!(
                "the rows ran out: {} of {} relevant tokens, {} of {} others\n",
                s.relevant, s.relevant_wanted, s.irrelevant, s.irrelevant_wanted
            );
        }
        for warning in &context.warnings {
            out += &format!("{warning}\n");
        }
        out += &format!("gold: {}\n", context.gold.columns.join(" | "));
        for row in &context.gold.rows {
            let cells: Vec<String> = row.iter().map(|value| value.plain()).collect();
            out += &format!("  {}\n", cells.join(" | "));
        }
        out.push('\n');
    }
    print(&out)?;
    Ok(0)
}

fn export(args: &Export) -> Result<i32, Failure> {
    let (bench, _) = args.bench.open()?;
    let options = args.prompt.options(false)?;
    let (mut prompts, mut gold) = (Vec::new(), Vec::new());
    for instance in args.grid.instances(&bench)? {
        let Asked { context, prompt } = asked(&bench, &instance, &options, None)?;
        gold.push(io::gold_line(bench.question(&instance.question)?, &context));
        prompts.push(io::prompt_line(&bench, &context, prompt, args.prompt.max_new as u32)?);
    }
    write(&args.prompts, &io::write_lines(&prompts))?;
    write(&args.gold, &io::write_lines(&gold))?;
    print(&format!(
        "{} prompts in {}, their answers in {}\n",
        prompts.len(),
        args.prompts.display(),
        args.gold.display()
    ))?;
    Ok(0)
}

/// An answer's score beside those of the two baselines.
fn answered(
    bench: &Bench,
    context: &Context,
    answerer: &str,
    response: &str,
    labels: Option<&LabelLine>,
) -> Result<Answered, Failure> {
    let request = ScoreRequest {
        instance_id: context.instance.instance_id.clone(),
        gold: context.gold.clone(),
        response: response.into(),
        labels: labels.map(|line| line.labels.clone()),
        source: labels.map_or(LabelSource::Rule, |line| line.source),
    };
    let score: AnswerScore = score(&request)?;
    Ok(Answered {
        answerer: answerer.into(),
        instance: context.instance.clone(),
        question: bench.question(&context.instance.question)?.clone(),
        database: bench.database.name.clone(),
        score,
    })
}

fn baselines(bench: &Bench, context: &Context) -> Result<[Answered; 2], Failure> {
    Ok([
        answered(bench, context, RANDOM, &context.random_answer, None)?,
        answered(bench, context, EMPTY, EMPTY_ANSWER, None)?,
    ])
}

fn shown(answers: &[Answered], args: &TableArgs, json: bool) -> Result<(), Failure> {
    let by: GroupBy = named("--by", &args.by)?;
    let table = aggregate(answers, by);
    if let Some(path) = &args.csv_out {
        write(path, &report::to_csv(&table))?;
    }
    if let Some(path) = &args.answers_out {
        write(path, &serde_json::to_string(answers).unwrap_or_default())?;
    }
    match json {
        true => print(&serde_json::to_string(&table).unwrap_or_default()),
        false => print(&report::to_markdown(&table)),
    }
}

/// What a file of responses says of these instances. What it says of others, or says badly, is reported.
fn responses_of(path: &Path, instances: &[Instance]) -> Result<Vec<ResponseLine>, Failure> {
    let known: HashSet<String> = instances.iter().map(|instance| instance.instance_id.clone()).collect();
    let imported: Imported<ResponseLine> = io::read_lines(&text_of(path)?, Some(&known));
    let file = path.display();
    if !imported.unknown.is_empty() {
        eprintln!(
            "note: {file}: {} ids are of other instances, such as {}",
            imported.unknown.len(),
            imported.unknown[0]
        );
    }
    if !imported.duplicate.is_empty() {
        eprintln!("note: {file}: {} ids came again, such as {}", imported.duplicate.len(), imported.duplicate[0]);
    }
    for broken in imported.broken.iter().take(5) {
        eprintln!("note: {file}, line {}: {}", broken.line, broken.reason);
    }
    Ok(imported.lines)
}

fn run_grid(args: &Run) -> Result<i32, Failure> {
    let (bench, _) = args.bench.open()?;
    let instances = args.grid.instances(&bench)?;
    let options = args.prompt.options(args.chat)?;
    listen_for_ctrl_c();
    let mut monitor = Terminal::new();
    let mut session = open(&args.model, &mut monitor)?;
    let name = session.info.model.name.clone();
    let kept = match &args.out {
        Some(path) if path.exists() => responses_of(path, &instances)?,
        _ => Vec::new(),
    };
    if let (Some(path), Some(other)) = (&args.out, kept.iter().find(|line| line.model.as_deref() != Some(&name))) {
        let found = other.model.clone().unwrap_or_default();
        return Err(HoloError::OtherModel { file: path.display().to_string(), found, expected: name }.into());
    }
    if !kept.is_empty() {
        eprintln!("resuming: {} of {} instances are answered", kept.len(), instances.len());
    }
    let mut out = args.out.as_deref().map(appended).transpose()?;
    let mut answers = Vec::new();
    for line in &kept {
        // The context again, for its gold: a row that changed would have changed the id.
        if let Some(instance) = instances.iter().find(|instance| instance.instance_id == line.instance_id) {
            let Asked { context, .. } = asked(&bench, instance, &options, Some(&session))?;
            answers.push(answered(&bench, &context, &name, &line.response, None)?);
            answers.extend(baselines(&bench, &context)?);
        }
    }
    let done: HashSet<String> = kept.iter().map(|line| line.instance_id.clone()).collect();
    let mut since = Instant::now();
    let mut failure = None;
    let mut on = |asked: Asked, line: ResponseLine| {
        let tokens = line.usage.map_or(0, |usage| usage.completion_tokens);
        let seconds = since.elapsed().as_secs_f64();
        since = Instant::now();
        eprintln!("  {tokens} tokens in {seconds:.1} s, {:.1} a second", f64::from(tokens) / seconds.max(1e-9));
        let mut keep = || -> Result<(), Failure> {
            if let Some(file) = &mut out {
                let text = io::write_lines(std::slice::from_ref(&line));
                let kept = file.write_all(text.as_bytes()).and_then(|()| file.flush());
                kept.map_err(|error| Failure::Io { what: "cannot keep a response".into(), error })?;
            }
            answers.push(answered(&bench, &asked.context, &name, &line.response, None)?);
            answers.extend(baselines(&bench, &asked.context)?);
            Ok(())
        };
        keep().map_err(|error: Failure| {
            let reason = error.to_string();
            failure = Some(error);
            HoloError::Malformed { what: "the response".into(), reason }
        })
    };
    let result = pollster::block_on(run(&bench, &mut session, &instances, &done, &options, &mut monitor, &mut on));
    monitor.finish();
    if let Some(failure) = failure {
        return Err(failure);
    }
    let cancelled = match result {
        Err(error) if error.is_cancelled() => {
            eprintln!(
                "stopped; {} answers are kept{}",
                answers.len() / 3,
                if args.out.is_some() { "" } else { " nowhere: name a file with --out" }
            );
            true
        }
        result => {
            result?;
            false
        }
    };
    shown(&answers, &args.table, args.model.json)?;
    Ok(if cancelled { 130 } else { 0 })
}

/// The file, to write at its end. What a killed process left of a line is ended first.
fn appended(path: &Path) -> Result<File, Failure> {
    let failed = |error| Failure::Io { what: format!("cannot write {}", path.display()), error };
    let torn = path.exists() && !read(path)?.is_empty() && !read(path)?.ends_with(b"\n");
    let mut file = OpenOptions::new().create(true).append(true).open(path).map_err(failed)?;
    if torn {
        file.write_all(b"\n").map_err(failed)?;
    }
    Ok(file)
}

fn score_files(args: &Score) -> Result<i32, Failure> {
    let (bench, _) = args.bench.open()?;
    let instances = args.grid.instances(&bench)?;
    let no_session: Option<&Session> = None;
    let mut contexts = BTreeMap::new();
    for instance in &instances {
        let Asked { context, .. } = asked(&bench, instance, &RunOptions::default(), no_session)?;
        contexts.insert(instance.instance_id.clone(), context);
    }
    let labels: Vec<LabelLine> = match &args.labels {
        None => Vec::new(),
        Some(path) => {
            let known: HashSet<String> = contexts.keys().cloned().collect();
            let imported: Imported<LabelLine> = io::read_lines(&text_of(path)?, Some(&known));
            for id in imported.unknown.iter().chain(&imported.duplicate) {
                eprintln!("note: {}: labels of {id} are left out", path.display());
            }
            imported.lines
        }
    };
    let mut answers = Vec::new();
    let mut compared: HashSet<String> = HashSet::new();
    for (i, path) in args.responses.iter().enumerate() {
        for line in responses_of(path, &instances)? {
            let Some(context) = contexts.get(&line.instance_id) else { continue };
            let stem = path.file_stem().map_or(String::new(), |stem| stem.to_string_lossy().into_owned());
            let answerer = line.model.clone().unwrap_or(stem);
            let labels = labels.iter().find(|labels| i == 0 && labels.instance_id == line.instance_id);
            answers.push(answered(&bench, context, &answerer, &line.response, labels)?);
            if compared.insert(line.instance_id.clone()) {
                answers.extend(baselines(&bench, context)?);
            }
        }
    }
    shown(&answers, &args.table, args.json)?;
    Ok(0)
}
