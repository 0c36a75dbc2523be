//! `glitchscope train`

use std::path::PathBuf;
use std::rc::Rc;

use clap::{Args, ValueEnum};
use glitchscope::checkpoint::TensorFile;
use glitchscope::checkpoint::source::{FolderSource, Source};
use glitchscope::engine::training::{Group, RecordedBatches, Rows, ScheduleName, Trainer, TrainingOptions};
use glitchscope::progress::{Event, Monitor};
use glitchscope::session::Session;

use super::failure::Failure;
use super::model_args::{ModelArgs, open};
use super::terminal::{Terminal, listen_for_ctrl_c, print, read, write_bytes};

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
pub struct Train {
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

/// Where the batches of a training come from.
enum Batches {
    Rows(Rows),
    Recorded(RecordedBatches),
}

pub fn train(args: &Train) -> Result<i32, Failure> {
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
            "--out writes a model's folder, and a GGUF file has no config.json for it: train from the folder".into(),
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
        print(&format!("step {}: {:.4} nats, gradient norm {:.3}\n", report.step, report.loss, report.gradient_norm))?;
    }
    Ok(if trainer.step < last { 130 } else { 0 })
}
