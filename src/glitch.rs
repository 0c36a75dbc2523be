//! The glitch scan: oracles, GlitchHunter, the exhaustive scan.
//!
//! ```text
//! controls → token graph → hunter | exhaustive → comparison → summary
//! ```
//!
//! [`scan`] is the whole of it. Every part reads a [`Subject`] (an oracle and the device that runs it), the input
//! embedding and the table of tokens, and writes into a [`Report`].

mod agreement;
mod comparison;
mod controls;
mod detector_comparison;
pub mod detectors;
mod exhaustive;
mod granularity;
mod hunter;
pub mod indicators;
mod keep_rule;
mod options;
pub mod oracle;
pub mod reference_ids;
pub(crate) mod rows;
mod sampling;
mod scope;
pub mod shard;
mod skipped;
mod stages;
pub mod state;
mod stored_oracle;
mod summary;
pub mod taxonomy;
pub(crate) mod token_graph;
mod verdicts;
mod words;

pub use comparison::{compare, incomparable};
pub use detector_comparison::{CURVE_POINTS, Clock, compare_detectors, seconds_per_question};
pub use granularity::{granularity, scaled_resolution};
pub use oracle::Oracle;
pub use oracle::catalogue::ORACLES;
pub use sampling::sample_size;
pub use shard::{Part, merge};
pub use stages::STAGES;
pub use state::ScanState;
pub use stored_oracle::StoredOracle;

use crate::compute::{Device, Tensor};
use crate::error::{Error, Result};
use crate::progress::{Event, LocalBoxFuture, Monitor};
use crate::report::{Hunt, LabelCounts, Method, ModelInfo, Panel, Provenance, Report, ScanOptions, Status, TokenTable};
use rows::Rows;
use scope::Scope;
use token_graph::Mapped;
use verdicts::Verdicts;

pub use crate::report::Probe;

/// What a scan needs of a loaded model.
pub trait Subject: Oracle {
    /// The device that answers the oracle's questions; the scan's graph is computed on it too.
    fn device(&mut self) -> &mut Device;

    /// The input embedding on that device, as it is stored; `None` where its numbers have to be handed over.
    fn embedding(&self) -> Option<Tensor> {
        None
    }

    /// Stands on a device again after `error`, if that can be done, and keeps a sentence about it. False leaves the
    /// error as it is.
    fn recover<'a>(&'a mut self, error: &'a Error, monitor: &'a mut dyn Monitor) -> LocalBoxFuture<'a, Result<bool>> {
        let _ = (error, monitor);
        Box::pin(std::future::ready(Ok(false)))
    }

    /// What every oracle said of `ids`, all of which have been asked about, and of `controls`; `None` when there is one
    /// oracle with one question.
    fn panel(&self, ids: &[u32], controls: &[u32]) -> Option<Panel> {
        let _ = (ids, controls);
        None
    }

    /// What happened to the device since this was last asked, in sentences for the report.
    fn take_incidents(&mut self) -> Vec<String> {
        Vec::new()
    }
}

/// The input embedding, row = token id.
#[derive(Clone, Debug, Default)]
pub struct Embedding {
    pub rows: usize,
    pub columns: usize,
    /// `rows × columns`, row-major. A scan does without them when its subject has the table on its device.
    pub values: Vec<f32>,
}

impl Embedding {
    /// The numbers of one token.
    pub fn row(&self, id: u32) -> &[f32] {
        &self.values[id as usize * self.columns..][..self.columns]
    }
}

#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScanError {
    #[error("option {option} is {got}, expected {expected}")]
    Option { option: &'static str, got: String, expected: String },
    #[error("the embedding holds {got} numbers, expected {rows} rows × {columns} columns")]
    EmbeddingSize { rows: usize, columns: usize, got: usize },
    #[error(
        "the table of tokens has {text} texts, {bytes_hex} byte strings and {class} classes, expected as many of each"
    )]
    TokenColumns { text: usize, bytes_hex: usize, class: usize },
    #[error("the embedding has {rows} rows, the table of tokens only {tokens} entries")]
    TokensMissing { rows: usize, tokens: usize },
    #[error("the oracle was asked about {asked} tokens and answered {answered}")]
    Unanswered { asked: usize, answered: usize },
    #[error("the oracle was asked about token {asked} and answered about token {answered}")]
    WrongAnswer { asked: u32, answered: u32 },
    #[error("there is no oracle {id:?}; there are {}", crate::glitch::ORACLES.join(", "))]
    UnknownOracle { id: String },
    #[error("there is no detector {name:?}; there are {known}")]
    UnknownDetector { name: String, known: String },
    #[error("the stored report has no verdict on token {id}")]
    NotStored { id: u32 },
    #[error("the stored report cannot serve as the truth: {reason}")]
    NotATruth { reason: String },
    #[error("this is not the state of a scan: {reason}")]
    NotAState { reason: String },
    #[error("the state is that of another scan: {difference}")]
    OtherScan { difference: String },
    #[error("{given:?} is not a part of a scan, expected i/n with i from 1 to n")]
    Part { given: String },
    #[error("the parts cannot be joined: {reason}")]
    Parts { reason: String },
}

impl ScanError {
    /// What the person who meets this error can do about it.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            ScanError::Option { .. } => "Set it back to its default, or take a value in that range.".into(),
            ScanError::EmbeddingSize { .. } | ScanError::TokensMissing { .. } => {
                "The tokenizer and the weights may come from different models.".into()
            }
            ScanError::NotStored { .. } | ScanError::NotATruth { .. } => {
                "Run an exhaustive scan of this model to its end, and take its report.".into()
            }
            ScanError::NotAState { .. } => "Take the file that `scan --state` wrote, or one that does not exist yet.".into(),
            ScanError::OtherScan { .. } => {
                "Run the scan that the state belongs to, or give this one a file of its own.".into()
            }
            ScanError::Part { .. } => "The second of three parts is 2/3.".into(),
            ScanError::Parts { .. } => {
                "Give every part of one scan once; each has to be made by the same version with the same options, model \
                 and kind of device."
                    .into()
            }
            ScanError::UnknownDetector { .. } => "Leave the option out to run all of them.".into(),
            ScanError::UnknownOracle { .. } => "`glitchscope oracles` lists what each of them asks.".into(),
            ScanError::TokenColumns { .. } | ScanError::Unanswered { .. } | ScanError::WrongAnswer { .. } => {
                return None;
            }
        })
    }
}

/// Scans a model.
///
/// `tokens` describes every id (at least as many as `embedding` has rows); `truth` is the report of an exhaustive scan
/// of the same model with the same oracle, or nothing; `notes` start the report's notes.
///
/// Fails only before it starts: for an option out of range, or an embedding and a table that do not belong together.
/// What happens on the way is told by the report's status, and everything found until then is in it.
pub async fn scan(
    subject: &mut dyn Subject,
    embedding: &Embedding,
    tokens: &TokenTable,
    model: ModelInfo,
    notes: Vec<String>,
    options: &ScanOptions,
    truth: Option<&Report>,
    monitor: &mut dyn Monitor,
) -> Result<Report> {
    scan_part(subject, embedding, tokens, model, notes, options, None, truth, monitor).await
}

/// `scan`, or one part of an exhaustive one; [`merge`] joins the parts.
pub async fn scan_part(
    subject: &mut dyn Subject,
    embedding: &Embedding,
    tokens: &TokenTable,
    model: ModelInfo,
    notes: Vec<String>,
    options: &ScanOptions,
    part: Option<Part>,
    truth: Option<&Report>,
    monitor: &mut dyn Monitor,
) -> Result<Report> {
    options::check(options)?;
    if part.is_some() && options.method != Method::Exhaustive {
        return Err(ScanError::Option {
            option: "method",
            got: "glitchhunter".into(),
            expected: "exhaustive: a search cannot be split into parts".into(),
        }
        .into());
    }
    let scope = match Rows::of(subject, embedding) {
        Rows::Numbers(embedding) => Scope::new(embedding, tokens)?,
        rows => {
            let mut damaged = rows.damaged(subject.device(), embedding.rows, monitor).await;
            if let Err(error) = &damaged
                && subject.recover(error, monitor).await?
            {
                let rows = Rows::of(subject, embedding);
                damaged = rows.damaged(subject.device(), embedding.rows, monitor).await;
            }
            Scope::of_rows(embedding.rows, damaged?, tokens)?
        }
    };
    let mut report = Report {
        schema: Report::SCHEMA.into(),
        schema_version: Report::SCHEMA_VERSION,
        provenance: Provenance {
            glitchscope: crate::VERSION.into(),
            model,
            device: subject.device().info(),
            oracle: subject.info(),
            options: options.clone(),
        },
        summary: Vec::new(),
        status: Status::Complete,
        controls: None,
        tokens: tokens.clone(),
        graph: None,
        probes: Vec::new(),
        panel: None,
        glitch_tokens: Vec::new(),
        labels: Vec::new(),
        label_counts: LabelCounts::default(),
        model_tokens: 0,
        skipped: Vec::new(),
        hunt: None,
        comparison: None,
        shard: part.map(Part::begun),
        notes,
        timings: Vec::new(),
    };
    for text in scope.notes() {
        note(&mut report, monitor, text);
    }
    let mut verdicts = Verdicts::new(scope.len());
    let outcome = run(subject, embedding, &scope, options, part, &mut report, &mut verdicts, monitor).await;
    let incidents = subject.take_incidents();
    if let Some(shard) = &mut report.shard {
        shard.notes = report.notes.len() as u32;
        shard.incidents = incidents.clone();
        shard.not_finite = verdicts.not_finite().to_vec();
    }
    if !incidents.is_empty() {
        report.provenance.device = subject.device().info();
        report.notes.extend(incidents);
    }
    if let Some(text) = verdicts.note() {
        note(&mut report, monitor, text);
    }
    if let Some(text) = granularity::note(&report, &scope) {
        note(&mut report, monitor, text);
    }
    let error = match outcome {
        Ok(()) => None,
        Err(Error::Cancelled) => {
            report.status = Status::Cancelled;
            None
        }
        Err(error) => {
            report.status = Status::Failed;
            Some(error)
        }
    };
    report.glitch_tokens = verdicts.bad();
    report.skipped = skipped::skipped(&scope, tokens, &verdicts, &report);
    report.probes = verdicts.into_probes();
    let ids: Vec<u32> = report.probes.iter().map(|probe| probe.id).collect();
    let controls: Vec<u32> =
        report.controls.iter().flat_map(|controls| &controls.probes).map(|probe| probe.id).collect();
    report.panel = subject.panel(&ids, &controls);
    report.labels = taxonomy::labels(&report);
    report.label_counts = taxonomy::counts(&report.labels);
    report.model_tokens = subject.model_tokens();
    shard::count_shared_tokens(&mut report);
    for text in controls::untestable(&report) {
        note(&mut report, monitor, text);
    }
    if let Some(truth) = truth {
        match incomparable(&report, truth) {
            None => report.comparison = Some(compare(&report, truth)),
            Some(reason) => {
                note(&mut report, monitor, format!("The search was not compared with the stored report: {reason}."))
            }
        }
    }
    if let Some(error) = error {
        let hint = error.hint().map(|hint| format!(" {hint}")).unwrap_or_default();
        note(&mut report, monitor, format!("The scan ended with an error: {error}.{hint}"));
    }
    report.summary = summary::summary(&report);
    Ok(report)
}

/// The part of a scan that can be stopped; what it found is in `report` and `verdicts` however it ends.
async fn run(
    subject: &mut dyn Subject,
    embedding: &Embedding,
    scope: &Scope,
    options: &ScanOptions,
    part: Option<Part>,
    report: &mut Report,
    verdicts: &mut Verdicts,
    monitor: &mut dyn Monitor,
) -> Result<()> {
    let testable = controls::ask(subject, scope, options, report, monitor).await?;
    if let Some(shard) = &mut report.shard {
        shard.shared_model_tokens = subject.model_tokens();
    }
    let hunting = options.method == Method::Glitchhunter;
    let mut first = None;
    // One part draws the map for all.
    let drawing = part.is_none_or(|part| part.index == 1) && (options.with_graph || !testable);
    if hunting || drawing {
        let rows = Rows::of(subject, embedding);
        let mut map = token_graph::map(subject.device(), &rows, scope.vertices(), options, monitor).await;
        if let Err(error) = &map
            && subject.recover(error, monitor).await?
        {
            let rows = Rows::of(subject, embedding);
            map = token_graph::map(subject.device(), &rows, scope.vertices(), options, monitor).await;
        }
        match map {
            Ok(Some(Mapped { graph, partition })) => {
                if let Some(text) = token_graph::searched(&graph.search) {
                    note(report, monitor, text);
                }
                monitor.event(Event::Graph { graph: &graph });
                report.graph = Some(graph);
                first = Some(partition);
            }
            Ok(None) => note(report, monitor, token_graph::too_few(scope.vertices().len())),
            // The search cannot do without its graph, an exhaustive scan can.
            Err(error) if (hunting && testable) || error.is_cancelled() => return Err(error),
            Err(error) => note(report, monitor, format!("There is no map: {error}.")),
        }
    }
    if !testable {
        report.status = Status::NotTestable;
        return Ok(());
    }
    if hunting {
        let hunt = report.hunt.insert(Hunt::default());
        hunter::hunt(subject, embedding, scope, options, first, verdicts, hunt, monitor).await
    } else {
        exhaustive::ask_all(subject, scope, part, verdicts, monitor).await
    }
}

fn note(report: &mut Report, monitor: &mut dyn Monitor, text: String) {
    monitor.event(Event::Note { text: text.clone() });
    report.notes.push(text);
}
