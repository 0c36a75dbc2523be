//! Every detector against the same truth, over several seeds.

use super::detectors::{Detector, Field, Found, Ledger};
use crate::error::Result;
use crate::progress::{Event, Monitor, pause};
use crate::report::{DetectorRow, DetectorRun, DetectorTable, Mean, Report};
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

/// Runs every detector of `detectors` over `seeds`, those that read no seed once. What a model cannot be searched by is in
/// the notes, with the reason.
///
/// Errors   `NotATruth`; those of the detectors; `Cancelled`
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
        provenance: truth.provenance.clone(),
        questions: truth.probes.len() as u32,
        glitch_tokens: truth.glitch_tokens.len() as u32,
        tokens_per_question: tokens_per_question(truth),
        seconds_per_question: clock.per_question,
        seeds: seeds.to_vec(),
        references: field.references.clone(),
        rows: Vec::new(),
        runs: Vec::new(),
        notes: Vec::new(),
    };
    for detector in detectors {
        let info = detector.info();
        if let Some(reason) = detector.unmet(field) {
            table.notes.push(format!("{} was left out: {reason}.", info.name));
            continue;
        }
        let first = table.runs.len();
        let seeds = if info.is_seeded { seeds } else { &seeds[..1.min(seeds.len())] };
        for (i, &seed) in seeds.iter().enumerate() {
            pause(monitor).await?;
            monitor.event(Event::Stage {
                stage: "detectors",
                detail: format!("{}, {} of {}", info.name, i + 1, seeds.len()),
            });
            let mut ledger = Ledger::new(truth);
            let started = (clock.now)();
            let found = detector.detect(field, &mut ledger, seed, monitor).await?;
            let own = (clock.now)() - started;
            table.runs.push(measured(&info.name, seed, &found, &ledger, truth, own, &table));
        }
        let row = summarised(info, &table.runs[first..]);
        table.rows.push(row);
    }
    Ok(table)
}

fn tokens_per_question(truth: &Report) -> f64 {
    let controls = truth.controls.as_ref().map_or(0, |controls| controls.probes.len());
    truth.model_tokens as f64 / (truth.probes.len() + controls).max(1) as f64
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
    let curves = runs.iter().map(|run| &run.curve);
    let mut curve = vec![0.0f32; CURVE_POINTS + 1];
    for one in curves {
        curve.iter_mut().zip(one).for_each(|(sum, value)| *sum += value / runs.len() as f32);
    }
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
        curve,
    }
}
