//! Every detector against the same truth, over several seeds.

use super::detectors::{Detector, Field, Found, Ledger};
use crate::error::Result;
use crate::progress::{Event, LocalBoxFuture, Monitor, pause};
use crate::report::{DetectorRow, DetectorRun, DetectorTable, Mean, Report, Status};
use crate::stats::mean_interval;

/// Intervals that a curve is drawn from.
pub const CURVE_POINTS: usize = 50;
const CONFIDENCE: f64 = 0.95;

/// What an edge that has a clock knows of time. The core has none.
pub struct Clock<'a> {
    /// Seconds since any fixed moment.
    pub now: &'a mut dyn FnMut() -> f64,
    /// Seconds that the exhaustive scan took for each of its questions; 0 when that is not known.
    pub per_question: f64,
}

/// Seconds that a scan took for each of its questions, controls included, by the timings that an edge put into its
/// report; 0 without them.
pub fn seconds_per_question(truth: &Report) -> f64 {
    let asking = [super::stages::CONTROLS, super::stages::PROBING];
    let spent = truth.timings.iter().filter(|timing| asking.contains(&timing.stage.as_str()));
    spent.map(|timing| timing.seconds).sum::<f64>() / questions(truth).max(1) as f64
}

/// Questions of a scan, controls included.
fn questions(truth: &Report) -> usize {
    truth.probes.len() + truth.controls.as_ref().map_or(0, |controls| controls.probes.len())
}

/// Lets a detector pause and be cancelled and keeps its stages to itself: the listener hears of detectors and runs, and
/// within a run that asks the model itself how far it is.
struct Within<'a> {
    listener: &'a mut dyn Monitor,
    runs_model: bool,
}

impl Monitor for Within<'_> {
    fn event(&mut self, event: Event<'_>) {
        let is_told = match event {
            Event::Note { .. } => true,
            Event::Advance { .. } => self.runs_model,
            _ => false,
        };
        if is_told {
            self.listener.event(event);
        }
    }

    fn is_cancelled(&self) -> bool {
        self.listener.is_cancelled()
    }

    fn give_way(&mut self) -> LocalBoxFuture<'_, ()> {
        self.listener.give_way()
    }
}

/// Runs every detector of `detectors` over `seeds`, those that read no seed once. What a model cannot be searched by is in
/// the notes, with the reason. A cancel or an error keeps the detectors that were done; the status says so.
///
/// Errors   `NotATruth`
pub async fn compare_detectors(
    detectors: &mut [Box<dyn Detector>],
    field: &mut Field<'_>,
    seeds: &[u32],
    clock: &mut Clock<'_>,
    monitor: &mut dyn Monitor,
) -> Result<DetectorTable> {
    if let Some(reason) = super::comparison::not_a_truth(field.truth) {
        return Err(super::ScanError::NotATruth { reason }.into());
    }
    let truth = field.truth;
    let mut table = DetectorTable {
        schema: DetectorTable::SCHEMA.into(),
        schema_version: DetectorTable::SCHEMA_VERSION,
        status: Status::Cancelled,
        provenance: truth.provenance.clone(),
        questions: truth.probes.len() as u32,
        glitch_tokens: truth.glitch_tokens.len() as u32,
        tokens_per_question: tokens_per_question(truth),
        seconds_per_question: clock.per_question,
        seeds: seeds.to_vec(),
        references: field.references.clone(),
        caution: truth.caution(),
        rows: Vec::new(),
        runs: Vec::new(),
        notes: Vec::new(),
    };
    let total = detectors.len();
    let outcome = run_all(detectors, field, seeds, clock, &mut table, monitor).await;
    if let Err(error) = outcome {
        table.status = if error.is_cancelled() { Status::Cancelled } else { Status::Failed };
        let done = table.rows.len() + table.notes.len();
        let why = if error.is_cancelled() { "was cancelled".into() } else { format!("ended with an error: {error}") };
        table.notes.push(format!("The comparison {why}; {} of {total} detectors are missing.", total - done));
        return Ok(table);
    }
    table.status = Status::Complete;
    Ok(table)
}

/// One detector after another into `table`, which holds whole detectors only, however this ends.
async fn run_all(
    detectors: &mut [Box<dyn Detector>],
    field: &mut Field<'_>,
    seeds: &[u32],
    clock: &mut Clock<'_>,
    table: &mut DetectorTable,
    monitor: &mut dyn Monitor,
) -> Result<()> {
    let (truth, total) = (field.truth, detectors.len());
    for (place, detector) in detectors.iter_mut().enumerate() {
        let info = detector.info();
        if let Some(reason) = detector.unmet(field) {
            table.notes.push(format!("{} was left out: {reason}.", info.name));
            continue;
        }
        monitor.event(Event::Stage {
            stage: "detectors",
            detail: format!("{}, detector {} of {total}", info.name, place + 1),
        });
        let seeds = if info.is_seeded { seeds } else { &seeds[..1.min(seeds.len())] };
        let mut runs = Vec::with_capacity(seeds.len());
        for (i, &seed) in seeds.iter().enumerate() {
            pause(monitor).await?;
            monitor.event(Event::Advance { done: i as u64, total: seeds.len() as u64, unit: "runs" });
            let mut ledger = Ledger::new(truth);
            let started = (clock.now)();
            let mut within = Within { listener: monitor, runs_model: detector.runs_model() };
            let found = detector.detect(field, &mut ledger, seed, &mut within).await?;
            let own = (clock.now)() - started;
            runs.push(measured(&info.name, seed, &found, &ledger, truth, own, table));
        }
        table.rows.push(summarised(info, &runs));
        table.runs.extend(runs);
        monitor.event(Event::Detectors { table });
    }
    Ok(())
}

fn tokens_per_question(truth: &Report) -> f64 {
    truth.model_tokens as f64 / questions(truth).max(1) as f64
}

fn measured(
    detector: &str,
    seed: u32,
    found: &Found,
    ledger: &Ledger,
    truth: &Report,
    own_seconds: f64,
    table: &DetectorTable,
) -> DetectorRun {
    let queries = ledger.asked.len();
    let measure = super::comparison::measure(&found.named, &truth.glitch_tokens, queries, truth.probes.len());
    let (precision, recall) = (measure.precision, measure.recall);
    let f1 = if precision + recall > 0.0 { 2.0 * precision * recall / (precision + recall) } else { 0.0 };
    DetectorRun {
        detector: detector.into(),
        seed,
        named: found.named.len() as u32,
        true_positives: measure.true_positives,
        precision,
        recall,
        f1,
        queries: queries as u32,
        model_tokens: found.model_tokens + (table.tokens_per_question * queries as f64).round() as u64,
        own_seconds,
        seconds: own_seconds + table.seconds_per_question * queries as f64,
        curve: curve(&found.order, truth),
    }
}

/// Recall after 0, 1/50, …, 50/50 of the exhaustive scan's questions, asking in this order; what comes after the order's
/// end stays at its last value.
fn curve(order: &[u32], truth: &Report) -> Vec<f32> {
    let fails = |id: &u32| truth.glitch_tokens.binary_search(id).is_ok();
    let total = truth.glitch_tokens.len();
    let (mut curve, mut found, mut asked) = (Vec::with_capacity(CURVE_POINTS + 1), 0, 0);
    for point in 0..=CURVE_POINTS {
        let until = (point * truth.probes.len()).div_ceil(CURVE_POINTS).min(order.len());
        found += order[asked..until].iter().filter(|id| fails(id)).count();
        asked = until;
        curve.push(if total == 0 { 1.0 } else { found as f32 / total as f32 });
    }
    curve
}

fn summarised(info: crate::report::DetectorInfo, runs: &[DetectorRun]) -> DetectorRow {
    let of = |part: &dyn Fn(&DetectorRun) -> f64| {
        let values: Vec<f64> = runs.iter().map(part).collect();
        let (mean, low, high) = mean_interval(&values, CONFIDENCE).unwrap_or_default();
        Mean { mean, low, high }
    };
    let points = (0..=CURVE_POINTS).map(|point| of(&|run| run.curve[point].into()));
    let points: Vec<Mean> = points.collect();
    let curve = |part: fn(&Mean) -> f64| points.iter().map(|mean| part(mean).clamp(0.0, 1.0) as f32).collect();
    DetectorRow {
        info,
        runs: runs.len() as u32,
        true_positives: of(&|run| run.true_positives.into()),
        precision: of(&|run| run.precision),
        recall: of(&|run| run.recall),
        f1: of(&|run| run.f1),
        queries: of(&|run| run.queries.into()),
        model_tokens: of(&|run| run.model_tokens as f64),
        own_seconds: of(&|run| run.own_seconds),
        seconds: of(&|run| run.seconds),
        curve: curve(|point| point.mean),
        curve_low: curve(|point| point.low),
        curve_high: curve(|point| point.high),
    }
}
