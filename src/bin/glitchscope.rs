//! The native command: the same core, in the terminal.
//!
//! With `--json` standard output holds one JSON value and nothing else. Progress goes to standard error. An error exits
//! non-zero with one clear message on standard error; a cancelled scan (Ctrl-C) prints what it found and exits with 130.

#[cfg(not(target_arch = "wasm32"))]
mod command {
    use std::collections::HashMap;
    use std::io::{IsTerminal, Read, Write};
    use std::path::{Path, PathBuf};
    use std::rc::Rc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Instant;

    use clap::{Args, Parser, Subcommand, ValueEnum};
    use glitchscope::checkpoint::source::{FolderSource, Source};
    use glitchscope::checkpoint::{Checkpoint, TensorFile};
    use glitchscope::compute::DevicePreference;
    use glitchscope::compute::quant::Quantised;
    use glitchscope::engine::training::{
        self, Batch, Group, RecordedBatches, Rows, ScheduleName, Trainer, TrainingOptions,
    };
    use glitchscope::error::Error;
    use glitchscope::glitch::{Clock, ORACLES};
    use glitchscope::progress::{Event, Monitor};
    use glitchscope::report::{
        DetectorTable, Method, Panel, Probe, PromptForm, Report, ScanOptions, Status, TaskName, Timing,
    };
    use glitchscope::session::{OpenOptions, Session, open_tokenizer};
    use glitchscope::tokenizer::{ChatDate, ChatMessage, ChatOptions, Encoding, Tokenizer, TokenizerError};

    /// Finds out where a language model breaks.
    #[derive(Parser)]
    #[command(version, about, after_help = "Every command takes the built-in model when --model is left out.")]
    struct Cli {
        #[command(subcommand)]
        command: Command,
    }

    #[derive(Subcommand)]
    enum Command {
        /// Find the tokens a model cannot repeat
        Scan(Scan),
        /// Every way of finding glitch tokens against an exhaustive scan, over several seeds
        Compare(Compare),
        /// The oracles there are, with the bytes of their questions
        Oracles(Oracles),
        /// Logits of every position of a sequence of token ids
        Logits(Logits),
        /// Continue a sequence of token ids greedily
        Generate(Generate),
        /// Loss of rows of token ids, and its gradient
        Loss(Loss),
        /// What each token of a sequence attends to, in every layer and head
        Attention(Attention),
        /// Train a model on rows of token ids
        Train(Train),
        /// Split a text into tokens
        Tokens(Tokens),
        /// What a model folder holds
        Info(Info),
    }

    #[derive(Args)]
    struct ModelArgs {
        /// Folder with config.json, model.safetensors and tokenizer.json, or a .gguf file
        #[arg(long, value_name = "DIR", default_value = "www/public/specimen")]
        model: PathBuf,
        /// Round the weights while they are loaded, so that a large model fits
        #[arg(long, value_enum, default_value_t = WeightsArg::Stored)]
        weights: WeightsArg,
        /// Where to compute; auto takes the GPU when there is one and says which it took
        #[arg(long, value_enum, default_value_t = DeviceArg::Auto)]
        device: DeviceArg,
        /// One JSON value on standard output and nothing else
        #[arg(long)]
        json: bool,
    }

    #[derive(Clone, Copy, ValueEnum)]
    enum DeviceArg {
        Auto,
        Cpu,
        Gpu,
        /// The GPU, with the operands of large products rounded to f16
        GpuF16,
    }

    #[derive(Clone, Copy, ValueEnum)]
    enum WeightsArg {
        /// As the file has them
        Stored,
        /// 8 bits and a scale for 32 weights (Q8_0)
        Int8,
        /// 4 bits and a scale for 32 weights (Q4_0)
        Int4,
    }

    impl From<WeightsArg> for Option<Quantised> {
        fn from(weights: WeightsArg) -> Self {
            match weights {
                WeightsArg::Stored => None,
                WeightsArg::Int8 => Some(Quantised::Int8),
                WeightsArg::Int4 => Some(Quantised::Int4),
            }
        }
    }

    impl From<DeviceArg> for DevicePreference {
        fn from(device: DeviceArg) -> Self {
            match device {
                DeviceArg::Auto => DevicePreference::Auto,
                DeviceArg::Cpu => DevicePreference::Cpu,
                DeviceArg::Gpu => DevicePreference::Gpu,
                DeviceArg::GpuF16 => DevicePreference::GpuF16,
            }
        }
    }

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
    enum TaskArg {
        Repetition,
        Spelling,
        Length,
    }

    impl From<TaskArg> for TaskName {
        fn from(task: TaskArg) -> Self {
            match task {
                TaskArg::Repetition => TaskName::Repetition,
                TaskArg::Spelling => TaskName::Spelling,
                TaskArg::Length => TaskName::Length,
            }
        }
    }

    #[derive(Args)]
    struct Scan {
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
        /// Leiden resolution (75: the paper's), or `scaled` for 75 · vocabulary / 32,000
        #[arg(long, default_value = "75")]
        resolution: String,
        /// Principal components of the embedding (50: the reference code's)
        #[arg(long, default_value_t = 50)]
        n_components: u32,
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
        /// Also write the report as JSON to this file
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
        /// Also write the verdicts as CSV to this file
        #[arg(long, value_name = "FILE")]
        csv: Option<PathBuf>,
    }

    #[derive(Args)]
    struct OracleArgs {
        /// Oracles by id, separated by commas; the first one leads, the others are asked about the same tokens
        #[arg(long, value_name = "ID", value_delimiter = ',')]
        oracle: Vec<String>,
        /// Put questions as plain text or through the model's chat template (auto: the template when there is one)
        #[arg(long, value_enum, default_value_t = FormArg::Auto)]
        form: FormArg,
        /// Answers that repetition-sampled draws of each token
        #[arg(long, default_value_t = 10)]
        attempts: u32,
        /// Of repetition-sampled (0.7: glitcher's)
        #[arg(long, default_value_t = 0.7)]
        temperature: f64,
        /// Of repetition-sampled (0.9: glitcher's)
        #[arg(long, default_value_t = 0.9)]
        top_p: f64,
    }

    impl OracleArgs {
        fn options(&self) -> ScanOptions {
            ScanOptions {
                oracles: self.oracle.clone(),
                form: match self.form {
                    FormArg::Auto => PromptForm::Auto,
                    FormArg::Plain => PromptForm::Plain,
                    FormArg::Chat => PromptForm::Chat,
                },
                attempts: self.attempts,
                temperature: self.temperature,
                top_p: self.top_p,
                ..ScanOptions::default()
            }
        }
    }

    #[derive(Clone, Copy, ValueEnum)]
    enum FormArg {
        Auto,
        Plain,
        Chat,
    }

    #[derive(Args)]
    struct Compare {
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

    #[derive(Args)]
    struct Oracles {
        #[command(flatten)]
        model: ModelArgs,
        #[command(flatten)]
        oracle: OracleArgs,
    }

    #[derive(Args)]
    struct Logits {
        #[command(flatten)]
        model: ModelArgs,
        /// Token ids, separated by commas
        #[arg(long, value_delimiter = ',', required = true)]
        ids: Vec<u32>,
    }

    /// A conversation, as the model's chat template writes it.
    #[derive(Args)]
    struct ChatArgs {
        /// Messages as JSON: [{"role": "user", "content": "…"}]
        #[arg(long, value_name = "JSON")]
        chat: Option<String>,
        /// A system message in front of the others
        #[arg(long, value_name = "TEXT", requires = "chat")]
        system: Option<String>,
        /// How the assistant's answer begins; the model goes on with it
        #[arg(long, value_name = "TEXT", requires = "chat")]
        prefill: Option<String>,
        /// Go on with the last message of --chat
        #[arg(long, requires = "chat", conflicts_with = "prefill")]
        continue_final_message: bool,
        /// Name of the template, where the model has several (default: `default`)
        #[arg(long, value_name = "NAME", requires = "chat")]
        template: Option<String>,
        /// The date that some templates print, YYYY-MM-DD
        #[arg(long, value_name = "DATE", requires = "chat")]
        date: Option<String>,
    }

    #[derive(Args)]
    struct Generate {
        #[command(flatten)]
        model: ModelArgs,
        /// Token ids, separated by commas
        #[arg(long, value_delimiter = ',', required_unless_present = "chat", conflicts_with = "chat")]
        ids: Vec<u32>,
        #[command(flatten)]
        chat: ChatArgs,
        /// New tokens at most; fewer when the model ends its text
        #[arg(long, default_value_t = 20)]
        max_new: usize,
    }

    #[derive(Args)]
    struct Attention {
        #[command(flatten)]
        model: ModelArgs,
        /// Token ids, separated by commas
        #[arg(long, value_delimiter = ',', required = true)]
        ids: Vec<u32>,
        /// Write `attentions` (layers, heads, T, T) to this safetensors file; `attentions.<layer>` (heads, T, T) where
        /// layers differ in their heads
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    }

    #[derive(Args)]
    struct Loss {
        #[command(flatten)]
        model: ModelArgs,
        /// Rows of token ids: ids separated by commas, rows by semicolons; rows may differ in length
        #[arg(long, required = true)]
        ids: String,
        /// Write the gradient of every parameter, under the checkpoint's own names, to this safetensors file
        #[arg(long, value_name = "FILE")]
        grad: Option<PathBuf>,
    }

    #[derive(Clone, Copy, ValueEnum)]
    enum ScheduleArg {
        Constant,
        Linear,
        Cosine,
        /// Constant, then a straight line over the last --decay-share of the steps
        Plateau,
    }

    impl From<ScheduleArg> for ScheduleName {
        fn from(schedule: ScheduleArg) -> Self {
            match schedule {
                ScheduleArg::Constant => ScheduleName::Constant,
                ScheduleArg::Linear => ScheduleName::Linear,
                ScheduleArg::Cosine => ScheduleName::Cosine,
                ScheduleArg::Plateau => ScheduleName::Plateau,
            }
        }
    }

    #[derive(Args)]
    struct Train {
        #[command(flatten)]
        model: ModelArgs,
        /// Rows of token ids, one a line; or a .safetensors file of whole batches (docs in RecordedBatches)
        #[arg(long, value_name = "FILE")]
        rows: PathBuf,
        /// Begin with untrained weights drawn by this seed; --model then needs a config.json only
        #[arg(long, value_name = "SEED", conflicts_with = "weights")]
        fresh: Option<u32>,
        /// Folder to write model.safetensors (f32) and config.json to
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
        /// Steps in all; as many as there are whole batches when --rows holds batches
        #[arg(long)]
        steps: Option<u32>,
        /// Rows of a batch
        #[arg(long, default_value_t = 16)]
        batch: usize,
        /// Batches whose gradients are added up for one step
        #[arg(long, default_value_t = 1)]
        accumulate: usize,
        #[arg(long, default_value_t = 1e-3)]
        learning_rate: f64,
        #[arg(long, value_enum, default_value_t = ScheduleArg::Cosine)]
        schedule: ScheduleArg,
        #[arg(long, default_value_t = 0)]
        warmup: u32,
        /// What the schedule leaves of the learning rate, as a share of it
        #[arg(long, default_value_t = 0.0)]
        end: f64,
        #[arg(long, default_value_t = 0.35)]
        decay_share: f64,
        #[arg(long, default_value_t = 0.9)]
        beta1: f64,
        #[arg(long, default_value_t = 0.999)]
        beta2: f64,
        #[arg(long, default_value_t = 1e-8)]
        eps: f64,
        #[arg(long, default_value_t = 0.01)]
        weight_decay: f64,
        /// Parameters without weight decay, by name with `*`; may be given several times
        #[arg(long, value_name = "PATTERN")]
        no_decay: Vec<String>,
        /// Parameters that stay as they are, by name with `*`; may be given several times
        #[arg(long, value_name = "PATTERN")]
        freeze: Vec<String>,
        /// Scale gradients down to this global norm
        #[arg(long)]
        clip: Option<f64>,
        /// Shuffles the rows anew for every pass through them; without, they come in their order
        #[arg(long)]
        seed: Option<u64>,
        /// Written every --checkpoint-every steps and at the end; taken up when it exists
        #[arg(long, value_name = "FILE")]
        checkpoint: Option<PathBuf>,
        #[arg(long, default_value_t = 250)]
        checkpoint_every: u64,
        /// Leave after this step with a checkpoint; the schedule goes by --steps
        #[arg(long)]
        stop_at: Option<u64>,
    }

    #[derive(Args)]
    struct Tokens {
        /// Folder with tokenizer.json, or a .gguf file
        #[arg(long, value_name = "DIR", default_value = "www/public/specimen")]
        model: PathBuf,
        /// A tokenizer.json of its own
        #[arg(long, value_name = "FILE", conflicts_with = "model")]
        tokenizer: Option<PathBuf>,
        /// The text; read from standard input when left out
        #[arg(long)]
        text: Option<String>,
        /// Add the special tokens the tokenizer puts around a text
        #[arg(long, conflicts_with = "chat")]
        special: bool,
        #[command(flatten)]
        chat: ChatArgs,
        /// End the conversation where the model's answer begins
        #[arg(long, requires = "chat")]
        generation_prompt: bool,
        /// One JSON value on standard output and nothing else
        #[arg(long)]
        json: bool,
    }

    #[derive(Args)]
    struct Info {
        #[command(flatten)]
        model: ModelArgs,
    }

    static CANCELLED: AtomicBool = AtomicBool::new(false);

    pub fn main() -> i32 {
        if std::env::var_os("XDG_RUNTIME_DIR").is_none() {
            // Without a desktop, Mesa's device-selection layer writes "error: XDG_RUNTIME_DIR …" to standard error for
            // every adapter, which reads like a failure of this program. There is nothing for it to select.
            // SAFETY: no other thread exists yet.
            unsafe { std::env::set_var("NODEVICE_SELECT", "1") };
        }
        let cli = Cli::parse();
        let result = match cli.command {
            Command::Scan(args) => scan(&args),
            Command::Compare(args) => compare(&args),
            Command::Oracles(args) => oracles(&args),
            Command::Logits(args) => logits(&args),
            Command::Generate(args) => generate(&args),
            Command::Loss(args) => loss(&args),
            Command::Attention(args) => attention(&args),
            Command::Train(args) => train(&args),
            Command::Tokens(args) => tokens(&args),
            Command::Info(args) => info(&args),
        };
        match result {
            Ok(code) => code,
            Err(Failure::Pipe) => 0,
            Err(failure) => {
                eprintln!("{failure}");
                1
            }
        }
    }

    /// What ends a command early.
    enum Failure {
        Core(Error),
        Io {
            what: String,
            error: std::io::Error,
        },
        Usage(String),
        /// The reader of standard output went away, as `| head` does.
        Pipe,
    }

    impl std::fmt::Display for Failure {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            match self {
                Failure::Core(error) => {
                    write!(f, "error: {error}")?;
                    match error.hint() {
                        Some(hint) => write!(f, "\nhint: {hint}"),
                        None => Ok(()),
                    }
                }
                Failure::Io { what, error } => write!(f, "error: {what}: {error}"),
                Failure::Usage(message) => write!(f, "error: {message}"),
                Failure::Pipe => Ok(()),
            }
        }
    }

    impl<E: Into<Error>> From<E> for Failure {
        fn from(error: E) -> Self {
            Failure::Core(error.into())
        }
    }

    fn open(args: &ModelArgs, monitor: &mut Terminal) -> Result<Session, Failure> {
        let source = Rc::new(FolderSource::new(&args.model));
        let options = OpenOptions { device: args.device.into(), weights: args.weights.into() };
        Ok(pollster::block_on(Session::open_with(source, options, monitor))?)
    }

    fn scan(args: &Scan) -> Result<i32, Failure> {
        let truth = match &args.truth {
            Some(path) => Some(Report::from_json(&String::from_utf8_lossy(&read(path)?))?),
            None => None,
        };
        let mut monitor = Terminal::new();
        listen_for_ctrl_c();
        let mut session = open(&args.model, &mut monitor)?;
        let mut options = ScanOptions {
            task: args.task.into(),
            seed: args.seed,
            n_neighbors: args.n_neighbors,
            resolution: resolution(&args.resolution, &session)?,
            n_components: args.n_components,
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
        let report = pollster::block_on(session.scan(&options, truth.as_ref(), &mut monitor))?;
        finish(args, report, monitor)
    }

    fn resolution(text: &str, session: &Session) -> Result<f64, Failure> {
        match text {
            "scaled" => Ok(glitchscope::glitch::scaled_resolution(session.info.model.embedding_rows as usize)),
            number => number
                .parse()
                .map_err(|_| Failure::Usage(format!("--resolution is {number:?}, expected a number or `scaled`"))),
        }
    }

    fn compare(args: &Compare) -> Result<i32, Failure> {
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
        let asking = ["controls", "probing"];
        let spent = truth.timings.iter().filter(|timing| asking.contains(&timing.stage.as_str()));
        let spent: f64 = spent.map(|timing| timing.seconds).sum();
        let asked = truth.probes.len() + truth.controls.as_ref().map_or(0, |controls| controls.probes.len());
        let started = Instant::now();
        let mut now = || started.elapsed().as_secs_f64();
        let mut clock = Clock { now: &mut now, per_question: spent / asked.max(1) as f64 };
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
        Ok(0)
    }

    /// The comparison for people.
    fn detector_table(table: &DetectorTable) -> String {
        use std::fmt::Write;
        let mut out = String::new();
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

    /// Writes the report wherever it was asked for.
    fn finish(args: &Scan, mut report: Report, mut monitor: Terminal) -> Result<i32, Failure> {
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
    fn table(report: &Report) -> String {
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
        for note in &report.notes {
            let _ = writeln!(out, "note: {note}");
        }
        for timing in &report.timings {
            let _ = writeln!(out, "time: {:>7.2} s  {}", timing.seconds, timing.stage);
        }
        let _ = writeln!(out, "device: {} ({}), {}; {}", device.name, device.precision, device.detail, device.reason);
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

    fn oracles(args: &Oracles) -> Result<i32, Failure> {
        let mut monitor = Terminal::new();
        let session = open(&args.model, &mut monitor)?;
        monitor.finish();
        let wanted: Vec<&str> = match &args.oracle.oracle[..] {
            [] => ORACLES.to_vec(),
            some => some.iter().map(String::as_str).collect(),
        };
        let known = session.oracles(&wanted, &args.oracle.options())?;
        if args.model.json {
            let json: Vec<serde_json::Value> = wanted
                .iter()
                .zip(&known)
                .map(|(id, oracle)| match oracle {
                    Ok(oracle) => serde_json::to_value(oracle).expect("OK because plain data serialises"),
                    Err(error) => serde_json::json!({ "id": id, "error": error.to_string() }),
                })
                .collect();
            print(&serde_json::Value::from(json).to_string())?;
            return Ok(0);
        }
        let mut out = String::new();
        for (id, oracle) in wanted.iter().zip(known) {
            let oracle = match oracle {
                Ok(oracle) => oracle,
                Err(error) => {
                    out += &format!("{id}\n  cannot be asked of this model: {error}\n\n");
                    continue;
                }
            };
            out += &format!("{}\n  {}; {}\n  value: {}\n", oracle.id, oracle.title, oracle.source, oracle.value);
            for rule in &oracle.rules {
                out += &format!("  {rule}\n");
            }
            for prompt in &oracle.prompts {
                let ids: usize = prompt.ids.iter().map(|piece| piece.len() + 1).sum::<usize>() - 1;
                out += &format!(
                    "  {} ({}, {} occurrences of the token, {ids} ids, up to {} new tokens, {}):\n    {}\n",
                    prompt.name,
                    prompt.form,
                    prompt.text.len() - 1,
                    prompt.max_new_tokens,
                    prompt.decoding,
                    visible(&prompt.text.join("⟨token⟩"), 2000)
                );
            }
            out += "\n";
        }
        print(&out)?;
        Ok(0)
    }

    /// Token text is data from strangers: nothing of it may steer the terminal.
    fn visible(text: &str, max: usize) -> String {
        let mut shown: String = text
            .chars()
            .map(|character| match character {
                ' ' => '␣',
                '\n' => '⏎',
                '\t' => '⇥',
                '\0'..='\x1f' => char::from_u32(0x2400 + character as u32).unwrap_or('�'),
                '\x7f' => '␡',
                character if character.is_control() || is_bidirectional(character) => '�',
                character => character,
            })
            .collect();
        if shown.chars().count() > max {
            shown = shown.chars().take(max - 1).chain(['…']).collect();
        }
        shown
    }

    fn is_bidirectional(character: char) -> bool {
        matches!(character, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
    }

    fn logits(args: &Logits) -> Result<i32, Failure> {
        let mut monitor = Terminal::new();
        let mut session = open(&args.model, &mut monitor)?;
        let logits = pollster::block_on(session.model.logits(&args.ids))?;
        monitor.finish();
        let vocabulary = session.model.architecture.n_vocabulary;
        if args.model.json {
            let json = serde_json::json!({ "shape": [args.ids.len(), vocabulary], "logits": logits });
            print(&json.to_string())?;
        } else {
            let mut out = String::new();
            for (t, logits) in logits.chunks_exact(vocabulary).enumerate() {
                let mut order: Vec<usize> = (0..vocabulary).collect();
                order.sort_by(|&a, &b| logits[b].total_cmp(&logits[a]));
                let best: Vec<String> = order.iter().take(5).map(|&id| format!("{id} {:.4}", logits[id])).collect();
                out += &format!("after {:>6}: {}\n", args.ids[t], best.join("  "));
            }
            print(&out)?;
        }
        Ok(0)
    }

    fn generate(args: &Generate) -> Result<i32, Failure> {
        let mut monitor = Terminal::new();
        let mut session = open(&args.model, &mut monitor)?;
        let prompt = match args.chat.is_given() {
            true => chat(session.tokenizer.as_ref().ok_or(TokenizerError::Absent)?, &args.chat, true)?.1.ids,
            false => args.ids.clone(),
        };
        let ids = pollster::block_on(session.generate(&prompt, args.max_new, &mut monitor))?;
        monitor.finish();
        let text = session.tokenizer.as_ref().map_or(String::new(), |tokenizer| tokenizer.decode(&ids, false));
        if args.model.json {
            print(&serde_json::json!({ "ids": ids, "text": text }).to_string())?;
        } else {
            let ids: Vec<String> = ids.iter().map(u32::to_string).collect();
            print(&format!("{}\n{}\n", ids.join(","), visible(&text, usize::MAX)))?;
        }
        Ok(0)
    }

    impl ChatArgs {
        fn is_given(&self) -> bool {
            self.chat.is_some()
        }
    }

    /// The conversation's text and ids. `answers` ends it where an answer begins, unless it goes on with a message.
    fn chat(tokenizer: &Tokenizer, args: &ChatArgs, answers: bool) -> Result<(String, Encoding), Failure> {
        let json = args.chat.as_deref().unwrap_or_default();
        let said: Vec<ChatMessage> = serde_json::from_str(json).map_err(|error| {
            Failure::Usage(format!(
                "--chat cannot be read ({error}); expected [{{\"role\": \"user\", \"content\": \"…\"}}]"
            ))
        })?;
        let message = |role: &str, content: &String| ChatMessage { role: role.into(), content: content.clone() };
        let mut messages: Vec<ChatMessage> = args.system.iter().map(|system| message("system", system)).collect();
        messages.extend(said);
        messages.extend(args.prefill.iter().map(|prefill| message("assistant", prefill)));
        let continue_final_message = args.continue_final_message || args.prefill.is_some();
        let options = ChatOptions {
            add_generation_prompt: answers && !continue_final_message,
            continue_final_message,
            date: args.date.as_deref().map(date).transpose()?,
            ..ChatOptions::default()
        };
        Ok(tokenizer.encode_chat(args.template.as_deref(), &messages, &options)?)
    }

    /// `2024-07-26`
    fn date(text: &str) -> Result<ChatDate, Failure> {
        let parts: Vec<&str> = text.split('-').collect();
        let read = match parts[..] {
            [year, month, day] => year.parse().ok().zip(month.parse().ok()).zip(day.parse().ok()),
            _ => None,
        };
        match read {
            Some(((year, month @ 1..=12), day @ 1..=31)) => Ok(ChatDate { year, month, day }),
            _ => Err(Failure::Usage(format!("--date is {text:?}, expected YYYY-MM-DD"))),
        }
    }

    fn attention(args: &Attention) -> Result<i32, Failure> {
        let mut monitor = Terminal::new();
        let mut session = open(&args.model, &mut monitor)?;
        let maps = pollster::block_on(session.model.attentions(&args.ids))?;
        monitor.finish();
        let heads: Vec<usize> = maps.iter().map(|maps| maps.n_heads).collect();
        let (layers, tokens) = (maps.len(), args.ids.len());
        let mut file = TensorFile::default();
        if heads.windows(2).all(|pair| pair[0] == pair[1]) {
            let weights: Vec<f32> = maps.into_iter().flat_map(|maps| maps.weights).collect();
            file.insert_f32("attentions", &[layers, heads[0], tokens, tokens], weights);
        } else {
            for (layer, maps) in maps.into_iter().enumerate() {
                file.insert_f32(format!("attentions.{layer}"), &[maps.n_heads, tokens, tokens], maps.weights);
            }
        }
        write_bytes(&args.out, &file.to_bytes())?;
        if args.model.json {
            print(&serde_json::json!({ "layers": layers, "heads": heads, "tokens": tokens }).to_string())?;
        } else {
            print(&format!("{layers} layers, {tokens} by {tokens} tokens, in {}\n", args.out.display()))?;
        }
        Ok(0)
    }

    fn loss(args: &Loss) -> Result<i32, Failure> {
        let batch = Batch::next_token(&rows(&args.ids)?)?;
        let mut monitor = Terminal::new();
        let mut session = open(&args.model, &mut monitor)?;
        let wanted = |_: &str| args.grad.is_some();
        let (loss, gradients) = pollster::block_on(training::loss_and_gradients(&mut session.model, &batch, &wanted))?;
        monitor.finish();
        if let Some(path) = &args.grad {
            let mut file = TensorFile::default();
            for gradient in gradients {
                file.insert_f32(gradient.name, &gradient.shape, gradient.values);
            }
            write_bytes(path, &file.to_bytes())?;
        }
        if args.model.json {
            print(&serde_json::json!({ "loss": loss.mean }).to_string())?;
        } else {
            let targets = batch.targets.len();
            print(&format!("{:.6} nats a token over {targets} tokens of {} rows\n", loss.mean, batch.rows))?;
        }
        Ok(0)
    }

    /// Where the batches of a training come from.
    enum Batches {
        Rows(Rows),
        Recorded(RecordedBatches),
    }

    fn train(args: &Train) -> Result<i32, Failure> {
        let mut batches = if args.rows.extension().is_some_and(|extension| extension == "safetensors") {
            let file = TensorFile::from_bytes(&args.rows.display().to_string(), &read(&args.rows)?)?;
            Batches::Recorded(RecordedBatches::new(&file)?)
        } else {
            let text = String::from_utf8_lossy(&read(&args.rows)?).into_owned();
            Batches::Rows(Rows::new(Rows::parse(&text)?, args.batch, args.seed)?)
        };
        let per_step = args.accumulate.max(1);
        let steps = match (&batches, args.steps) {
            (_, Some(steps)) => steps,
            (Batches::Recorded(recorded), None) => (recorded.len() / per_step) as u32,
            (Batches::Rows(_), None) => return Err(Failure::Usage("--steps is needed with rows of text".into())),
        };
        let frozen = args.freeze.iter().map(Group::frozen);
        let options = TrainingOptions {
            steps,
            learning_rate: args.learning_rate,
            schedule: args.schedule.into(),
            warmup: args.warmup,
            end: args.end,
            decay_share: args.decay_share,
            beta1: args.beta1,
            beta2: args.beta2,
            eps: args.eps,
            weight_decay: args.weight_decay,
            groups: frozen.chain(args.no_decay.iter().map(|name| Group::with_weight_decay(name, 0.0))).collect(),
            clip: args.clip,
            ..TrainingOptions::default()
        };
        let (settings, steps) = (options.settings(), u64::from(steps));
        if args.out.is_some() && FolderSource::new(&args.model.model).model_file().is_some() {
            return Err(Failure::Usage(
                "--out writes a model's folder, and a GGUF file has no config.json for it: train from the folder"
                    .into(),
            ));
        }
        let mut monitor = Terminal::new();
        listen_for_ctrl_c();
        let mut session = match args.fresh {
            Some(seed) => {
                let source = Rc::new(FolderSource::new(&args.model.model));
                pollster::block_on(Session::fresh(source, seed, args.model.device.into(), &mut monitor))?
            }
            None => open(&args.model, &mut monitor)?,
        };
        let model = &mut session.model;
        let mut trainer = pollster::block_on(Trainer::new(model, settings))?;
        let mut position = 0;
        if let Some(path) = args.checkpoint.as_ref().filter(|path| path.exists()) {
            let file = TensorFile::from_bytes(&path.display().to_string(), &read(path)?)?;
            position = trainer.resume(model, &file)?;
            eprintln!("taken up at step {}", trainer.step);
        }
        if let Batches::Rows(rows) = &mut batches {
            rows.position = position;
        }
        let mut curve = Vec::new();
        let last = args.stop_at.unwrap_or(steps).min(steps);
        monitor.event(Event::Stage { stage: "training", detail: format!("{last} steps") });
        while trainer.step < last && !monitor.is_cancelled() {
            let mut parts = Vec::with_capacity(per_step);
            for _ in 0..per_step {
                parts.push(match &mut batches {
                    Batches::Rows(rows) => rows.next_batch()?,
                    Batches::Recorded(recorded) => {
                        let batch = recorded.batch((position % recorded.len() as u64) as usize);
                        position += 1;
                        batch
                    }
                });
            }
            if let Batches::Rows(rows) = &batches {
                position = rows.position;
            }
            let report = pollster::block_on(trainer.step(model, &parts))?;
            curve.push(report);
            monitor.event(Event::Advance { done: report.step, total: last, unit: "steps" });
            if report.step.is_multiple_of(50) || report.step == last {
                let recent = &curve[curve.len().saturating_sub(50)..];
                let mean = recent.iter().map(|report| report.loss).sum::<f64>() / recent.len() as f64;
                eprintln!("step {}: {mean:.4} nats over the last {}", report.step, recent.len());
            }
            if let Some(path) = &args.checkpoint
                && report.step.is_multiple_of(args.checkpoint_every.max(1))
            {
                write_bytes(path, &pollster::block_on(trainer.checkpoint(model, position))?.to_bytes())?;
            }
        }
        if let Some(path) = &args.checkpoint {
            write_bytes(path, &pollster::block_on(trainer.checkpoint(model, position))?.to_bytes())?;
        }
        if let Some(folder) = &args.out {
            std::fs::create_dir_all(folder)
                .map_err(|error| Failure::Io { what: format!("cannot make {}", folder.display()), error })?;
            let exported = pollster::block_on(trainer.export(model))?;
            write_bytes(&folder.join("model.safetensors"), &exported.to_bytes())?;
            write_bytes(&folder.join("config.json"), &read(&args.model.model.join("config.json"))?)?;
        }
        monitor.finish();
        if args.model.json {
            print(&serde_json::json!({ "step": trainer.step, "curve": curve }).to_string())?;
        } else if let Some(report) = curve.last() {
            print(&format!(
                "step {}: {:.4} nats, gradient norm {:.3}\n",
                report.step, report.loss, report.gradient_norm
            ))?;
        }
        Ok(if trainer.step < last { 130 } else { 0 })
    }

    /// `1,2,3;4,5,6`
    fn rows(text: &str) -> Result<Vec<Vec<u32>>, Failure> {
        let id = |id: &str| {
            let id = id.trim();
            id.parse().map_err(|_| Failure::Usage(format!("--ids has {id:?} where a token id is expected")))
        };
        text.split(';').map(|row| row.split(',').map(id).collect()).collect()
    }

    fn tokens(args: &Tokens) -> Result<i32, Failure> {
        let source = FolderSource::new(&args.model);
        let tokenizer = if args.tokenizer.is_none() && source.model_file().is_some() {
            let checkpoint = pollster::block_on(Checkpoint::open(Rc::new(source)))?;
            pollster::block_on(open_tokenizer(&checkpoint))?.ok_or(TokenizerError::Absent)?
        } else {
            let folder = args.tokenizer.as_deref().and_then(Path::parent).unwrap_or(&args.model);
            let file = args.tokenizer.clone().unwrap_or_else(|| args.model.join("tokenizer.json"));
            let beside = |name: &str| std::fs::read(folder.join(name)).ok();
            let [config, jinja, json] =
                ["tokenizer_config.json", "chat_template.jinja", "chat_template.json"].map(beside);
            Tokenizer::from_files(&read(&file)?, config.as_deref(), jinja.as_deref(), json.as_deref())?
        };
        if args.chat.is_given() {
            let (text, encoding) = chat(&tokenizer, &args.chat, args.generation_prompt)?;
            return print_tokens(args, &encoding, Some(&text));
        }
        let text = match &args.text {
            Some(text) => text.clone(),
            None => {
                let mut text = String::new();
                std::io::stdin()
                    .read_to_string(&mut text)
                    .map_err(|error| Failure::Io { what: "standard input is not UTF-8 text".into(), error })?;
                text
            }
        };
        print_tokens(args, &tokenizer.encode(&text, args.special)?, None)
    }

    /// `text` is what a conversation was written as.
    fn print_tokens(args: &Tokens, encoding: &Encoding, text: Option<&str>) -> Result<i32, Failure> {
        if args.json {
            let offsets: Vec<[usize; 2]> = encoding.offsets.iter().map(|&(start, end)| [start, end]).collect();
            let mut json = serde_json::json!({ "ids": encoding.ids, "tokens": encoding.tokens, "offsets": offsets });
            if let Some(text) = text {
                json["text"] = text.into();
            }
            print(&json.to_string())?;
        } else {
            let mut out = String::new();
            for ((id, token), (start, end)) in encoding.ids.iter().zip(&encoding.tokens).zip(&encoding.offsets) {
                out += &format!("{id:>7}  {start:>6}..{end:<6}  {}\n", visible(token, 60));
            }
            out += &format!("{} tokens\n", encoding.ids.len());
            print(&out)?;
        }
        Ok(0)
    }

    fn info(args: &Info) -> Result<i32, Failure> {
        let mut monitor = Terminal::new();
        let session = open(&args.model, &mut monitor)?;
        monitor.finish();
        if args.model.json {
            print(&serde_json::to_string_pretty(&session.info).expect("OK because plain data serialises"))?;
            return Ok(0);
        }
        let model = &session.info.model;
        let mut out = format!(
            "{}\n  family      {}\n  parameters  {}\n  layers      {} of width {}, {} heads, {} key/value heads\n  context     {} tokens\n  embedding   {} rows, tied: {}\n  vocabulary  {} entries\n",
            model.name,
            model.family,
            model.parameters,
            model.n_layers,
            model.n_channels,
            model.n_heads,
            model.n_kv_heads,
            model.context,
            model.embedding_rows,
            model.tied_embeddings,
            model.vocabulary,
        );
        for (name, bytes) in &model.stored_types {
            out += &format!("  stored      {bytes} bytes as {name}\n");
        }
        for count in &session.info.classes {
            out += &format!("  tokens      {:>7} {:?}\n", count.count, count.class);
        }
        if let Some(tokenizer) = &session.tokenizer {
            for template in tokenizer.chat_templates().iter() {
                out += &format!("  chat        {}, in {}\n", visible(&template.name, 40), template.file);
            }
        }
        for note in &session.info.notes {
            out += &format!("  note        {note}\n");
        }
        let device = &session.info.device;
        out += &format!("  device      {} ({}); {}\n", device.name, device.precision, device.reason);
        print(&out)?;
        Ok(0)
    }

    fn read(path: &Path) -> Result<Vec<u8>, Failure> {
        std::fs::read(path).map_err(|error| Failure::Io { what: format!("cannot read {}", path.display()), error })
    }

    fn write(path: &Path, text: &str) -> Result<(), Failure> {
        write_bytes(path, text.as_bytes())
    }

    fn write_bytes(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
        std::fs::write(path, bytes)
            .map_err(|error| Failure::Io { what: format!("cannot write {}", path.display()), error })
    }

    fn print(text: &str) -> Result<(), Failure> {
        let mut stdout = std::io::stdout().lock();
        let end = if text.ends_with('\n') { "" } else { "\n" };
        let result = stdout
            .write_all(text.as_bytes())
            .and_then(|()| stdout.write_all(end.as_bytes()))
            .and_then(|()| stdout.flush());
        result.map_err(|error| match error.kind() {
            std::io::ErrorKind::BrokenPipe => Failure::Pipe,
            _ => Failure::Io { what: "cannot write to standard output".into(), error },
        })
    }

    /// The first Ctrl-C asks the scan to stop at its next pause; the second ends the process.
    fn listen_for_ctrl_c() {
        let result = ctrlc::set_handler(|| {
            if CANCELLED.swap(true, Ordering::SeqCst) {
                std::process::exit(130);
            }
            eprintln!("\nstopping; what was found is kept (Ctrl-C again to stop at once)");
        });
        if let Err(error) = result {
            eprintln!("note: Ctrl-C will not keep results: {error}");
        }
    }

    /// Progress on standard error: one line that rewrites itself on a terminal, one line a stage otherwise.
    struct Terminal {
        live: bool,
        stage: Option<(String, Instant)>,
        shown: Instant,
        timings: Vec<Timing>,
    }

    impl Terminal {
        fn new() -> Self {
            Terminal { live: std::io::stderr().is_terminal(), stage: None, shown: Instant::now(), timings: Vec::new() }
        }

        fn end_stage(&mut self) {
            if let Some((stage, since)) = self.stage.take() {
                self.timings.push(Timing { stage, seconds: since.elapsed().as_secs_f64() });
                if self.live {
                    eprint!("\r\x1b[K");
                }
            }
        }

        /// Ends the last stage and gives the times of all.
        fn finish(&mut self) -> Vec<Timing> {
            self.end_stage();
            std::mem::take(&mut self.timings)
        }
    }

    impl Monitor for Terminal {
        fn event(&mut self, event: Event<'_>) {
            match event {
                Event::Stage { stage, detail } => {
                    self.end_stage();
                    self.stage = Some((stage.to_owned(), Instant::now()));
                    eprintln!("{stage}: {detail}");
                }
                Event::Advance { done, total, unit } => {
                    if !self.live || self.shown.elapsed().as_millis() < 100 && done < total {
                        return;
                    }
                    self.shown = Instant::now();
                    let seconds = self.stage.as_ref().map_or(0.0, |(_, since)| since.elapsed().as_secs_f64());
                    let rate = done as f64 / seconds.max(1e-3);
                    let left = total.saturating_sub(done) as f64 / rate.max(1e-9);
                    eprint!("\r\x1b[K  {done} of {total} {unit}, {rate:.0} a second, {left:.0} s left");
                }
                Event::Note { text } => eprintln!("note: {text}"),
                _ => {}
            }
        }

        fn is_cancelled(&self) -> bool {
            CANCELLED.load(Ordering::SeqCst)
        }
    }
}

fn main() {
    #[cfg(not(target_arch = "wasm32"))]
    std::process::exit(command::main());
}
