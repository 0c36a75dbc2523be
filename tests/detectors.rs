//! Oracle: the exhaustive scan of the specimen, central differences, and a closed form. Every detector searches the
//! specimen and is measured against the truth; what it claims is recounted here from its runs.

use std::path::Path;
use std::rc::Rc;
use std::sync::OnceLock;

use crate::common::devices;
use glitchscope::checkpoint::source::FolderSource;
use glitchscope::compute::DevicePreference;
use glitchscope::engine::hooks::{self, Action, Hook};
use glitchscope::glitch::detectors::activations::last_hidden_states;
use glitchscope::glitch::detectors::entropy_gradient::EntropyGradient;
use glitchscope::glitch::detectors::{Field, Found, Ledger, Machine, detectors};
use glitchscope::glitch::{CURVE_POINTS, Clock, Embedding};
use glitchscope::progress::{Event, Monitor, Silent};
use glitchscope::report::{DetectorTable, Method, Report, ScanOptions, Status};
use glitchscope::rng::Rng;
use glitchscope::session::Session;

fn open(device: DevicePreference) -> Session {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("www/public/specimen");
    pollster::block_on(Session::open(Rc::new(FolderSource::new(folder)), device, &mut Silent)).unwrap()
}

/// Repetition of every token, once for the whole file.
fn truth() -> &'static Report {
    static TRUTH: OnceLock<Report> = OnceLock::new();
    TRUTH.get_or_init(|| {
        let options = ScanOptions { method: Method::Exhaustive, with_graph: false, ..ScanOptions::default() };
        let report = pollster::block_on(open(DevicePreference::Cpu).scan(&options, None, &mut Silent)).unwrap();
        assert_eq!(report.status, Status::Complete);
        report
    })
}

const BUDGET: usize = 200;

fn compare(names: &[&str], seeds: &[u32]) -> DetectorTable {
    let mut ticks = 0.0;
    let mut now = || {
        ticks += 1.0;
        ticks
    };
    let mut clock = Clock { now: &mut now, per_question: 0.5 };
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let options = ScanOptions { resolution: 7.2, ..ScanOptions::default() };
    let mut session = open(DevicePreference::Cpu);
    pollster::block_on(session.compare(truth(), &options, &names, seeds, BUDGET, &mut clock, &mut Silent)).unwrap()
}

#[test]
fn every_detector_is_measured_against_the_truth() {
    let table = compare(&[], &[1, 2]);
    let truth = truth();
    let (questions, total) = (truth.probes.len(), truth.glitch_tokens.len());
    assert!(total > 300 && total < questions / 2);
    assert_eq!((table.questions as usize, table.glitch_tokens as usize), (questions, total));
    assert!(table.tokens_per_question > 10.0 && table.tokens_per_question < 40.0, "{}", table.tokens_per_question);
    assert_eq!(table.status, Status::Complete);
    assert_eq!(table.notes, ["magikarp-head-bias was left out: the head has no bias."]);
    let names: Vec<&str> = table.rows.iter().map(|row| row.info.name.as_str()).collect();
    assert_eq!(names.len(), detectors().len() - 1, "{names:?}");
    for row in &table.rows {
        let runs: Vec<_> = table.runs.iter().filter(|run| run.detector == row.info.name).collect();
        assert_eq!((runs.len(), row.runs as usize), (if row.info.is_seeded { 2 } else { 1 }, runs.len()));
        let mean = runs.iter().map(|run| run.recall).sum::<f64>() / runs.len() as f64;
        assert!((row.recall.mean - mean).abs() < 1e-12 && row.recall.low <= mean && row.recall.high >= mean);
        assert_eq!((row.curve.len(), row.curve_low.len(), row.curve_high.len()), (CURVE_POINTS + 1, 51, 51));
        for (point, mean) in row.curve.iter().enumerate() {
            let (low, high) = (row.curve_low[point], row.curve_high[point]);
            assert!((0.0..=*mean).contains(&low) && (*mean..=1.0).contains(&high), "{low} {mean} {high}");
        }
        for run in runs {
            let (tp, named) = (f64::from(run.true_positives), f64::from(run.named));
            assert_eq!(run.precision, if named == 0.0 { 1.0 } else { tp / named }, "{run:?}");
            assert_eq!(run.recall, tp / total as f64);
            assert!(run.named as usize <= questions && run.queries as usize <= questions);
            assert_eq!(run.curve.len(), CURVE_POINTS + 1);
            assert!(run.curve[0] == 0.0 && run.curve.is_sorted());
            // A clock that ticks once at each end, and half a second for each question.
            assert_eq!(run.seconds, 1.0 + 0.5 * f64::from(run.queries));
            if row.info.is_verified {
                assert_eq!(run.precision, 1.0, "{run:?}");
                assert!((f64::from(run.curve[CURVE_POINTS]) - run.recall).abs() < 1e-6);
                let asked = (table.tokens_per_question * f64::from(run.queries)).round() as u64;
                assert!(run.model_tokens >= asked && run.queries > 0);
            } else {
                assert_eq!(run.queries, 0);
            }
        }
    }
    let recall = |name: &str| table.rows.iter().find(|row| row.info.name == name).unwrap().recall.mean;
    // Half of everything holds half of the glitch tokens, give or take.
    assert!((recall("random") - 0.5).abs() < 0.1, "{}", recall("random"));
    assert!(recall("glitchhunter") > 0.8, "{}", recall("glitchhunter"));
    assert!(table.rows.iter().all(|row| row.info.name != "glitchminer" || row.queries.mean <= BUDGET as f64));
    let references = table.references.as_ref().unwrap();
    assert!(references.ids.len() >= 10 && references.mutual_cosine > 0.9);
    let csv = table.to_csv();
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!(lines.len(), 1 + table.rows.len() + table.runs.len());
    let columns = lines[0].split(',').count();
    assert!(lines.iter().all(|line| line.split(',').count() == columns), "{}", lines[1]);
    let json = serde_json::to_string(&table).unwrap();
    let again: DetectorTable = serde_json::from_str(&json).unwrap();
    assert_eq!(serde_json::to_string(&again).unwrap(), json);
}

/// Oracle: itself. The same seeds find the same.
#[test]
fn a_comparison_repeats() {
    let names = ["glitchhunter-statistical", "k-means", "random-rule-based"];
    assert_eq!(compare(&names, &[5]).runs, compare(&names, &[5]).runs);
    assert_ne!(compare(&["random"], &[5]).runs[0].curve, compare(&["random"], &[6]).runs[0].curve);
}

/// Ends a comparison as soon as its second detector is done.
struct Impatient {
    finished: usize,
}

impl Monitor for Impatient {
    fn event(&mut self, event: Event<'_>) {
        if let Event::Detectors { table } = event {
            assert_eq!(table.status, Status::Cancelled, "what it is if it ends here");
            self.finished = table.rows.len();
        }
    }

    fn is_cancelled(&self) -> bool {
        self.finished == 2
    }
}

/// Oracle: the same comparison to its end. What was done before a cancel is kept, and the table says that it is not all.
#[test]
fn a_cancelled_comparison_keeps_what_was_done() {
    let whole = compare(&["random", "random-rule-based"], &[5]);
    let mut now = || 0.0;
    let mut clock = Clock { now: &mut now, per_question: 0.5 };
    let (options, mut monitor) = (ScanOptions { resolution: 7.2, ..ScanOptions::default() }, Impatient { finished: 0 });
    let mut session = open(DevicePreference::Cpu);
    let work = session.compare(truth(), &options, &[], &[5], BUDGET, &mut clock, &mut monitor);
    let table = pollster::block_on(work).unwrap();
    assert_eq!((table.status, table.rows.len(), table.runs.len()), (Status::Cancelled, 2, 2));
    let recall = |table: &DetectorTable| table.rows[..2].iter().map(|row| row.recall).collect::<Vec<_>>();
    assert_eq!(recall(&table), recall(&whole));
    assert_eq!(table.notes, ["The comparison was cancelled; 11 of 13 detectors are missing."]);
}

/// Asking counts each token once, and never what the truth was not asked.
#[test]
fn a_ledger_counts_each_question_once() {
    let mut ledger = Ledger::new(truth());
    let asked = &truth().probes[..10];
    for probe in asked.iter().chain(asked) {
        assert_eq!(ledger.ask(probe.id).unwrap(), !probe.passed);
    }
    assert_eq!(ledger.asked.len(), 10);
    assert!(ledger.ask(0).is_err(), "the beginning of text is a special token");
}

/// Oracle: central differences. The entropy after GlitchMiner's first prompt, with the token's embedding moved a little
/// through a hook, rises as the gradient says.
#[test]
fn the_entropys_gradient_is_its_slope() {
    let mut session = open(DevicePreference::Cpu);
    let options = ScanOptions { oracles: vec!["glitchminer-argmax".into()], ..ScanOptions::default() };
    let oracle = session.panel(&options).unwrap().infos().remove(0);
    let prompt = &oracle.prompts[0];
    let (id, columns) = (truth().glitch_tokens[7], session.model.architecture.n_embedding);
    let mut gradient = EntropyGradient::new(&session.model, prompt).unwrap();
    let (entropy, slopes) = pollster::block_on(gradient.run(&mut session.model, id)).unwrap();
    gradient.free(&mut session.model);
    assert_eq!(slopes.len(), columns);
    let ids = prompt.ids.join(&id);
    let vocabulary = session.model.architecture.n_vocabulary;
    let mut after = |direction: &[f32], scale: f32| {
        let action = Action::Add { row: prompt.ids[0].len(), values: direction.to_vec(), scale };
        let hook = Hook { site: "embedding".into(), action };
        let run = pollster::block_on(hooks::run(&mut session.model, &ids, &[hook])).unwrap();
        let logits = &run.logits[(ids.len() - 1) * vocabulary..];
        let max = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let weights: Vec<f64> = logits.iter().map(|&logit| f64::from(logit - max).exp()).collect();
        let total: f64 = weights.iter().sum();
        -weights.iter().map(|weight| weight / total * (weight / total).ln()).filter(|term| !term.is_nan()).sum::<f64>()
    };
    let mut rng = Rng::new(11);
    let mut largest = 0.0f64;
    for _ in 0..4 {
        let direction: Vec<f32> = (0..columns).map(|_| rng.normal()).collect();
        let expected: f64 = direction.iter().zip(&slopes).map(|(&along, slope)| f64::from(along) * slope).sum();
        let step = 2e-3;
        let slope = (after(&direction, step) - after(&direction, -step)) / f64::from(2.0 * step);
        assert!((after(&direction, 0.0) - entropy).abs() < 1e-3);
        let within = (slope - expected).abs() <= 0.02 * expected.abs() + 0.02;
        assert!(within, "{slope} along a direction, {expected} by the gradient");
        largest = largest.max(expected.abs());
    }
    assert!(largest > 0.2, "the directions are too flat to tell a wrong gradient: {largest}");
}

/// Oracle: every sequence run whole and by itself, its residual stream read by hooks.
#[test]
fn activations_are_those_of_whole_sequences() {
    let layers = [1, 3];
    // More than a pass of a software GPU holds, and no whole number of passes.
    let ids: Vec<u32> = (300..3000).step_by(37).collect();
    for device in devices("activations_are_those_of_whole_sequences") {
        let mut session = open(device);
        let prompt = truth().provenance.oracle.prompts[0].clone();
        let mut silent = Silent;
        let read = last_hidden_states(&mut session.model, &prompt, &layers, &ids, &mut silent);
        let read = pollster::block_on(read).unwrap();
        let columns = session.model.architecture.n_channels;
        assert_eq!(read.values.len(), ids.len() * layers.len() * columns);
        let rows = prompt.ids[1..].iter().map(|text| 1 + text.len()).sum::<usize>();
        assert_eq!(read.model_tokens, (prompt.ids[0].len() + ids.len() * rows) as u64);
        for (place, &id) in ids.iter().enumerate().step_by(16) {
            let hooks: Vec<Hook> = layers
                .iter()
                .map(|layer| Hook { site: format!("layers.{layer}.hidden_states"), action: Action::Read })
                .collect();
            let whole = pollster::block_on(hooks::run(&mut session.model, &prompt.ids.join(&id), &hooks)).unwrap();
            let expected = whole.readings.iter().flat_map(|reading| &reading.values[reading.values.len() - columns..]);
            let found = &read.values[place * layers.len() * columns..][..layers.len() * columns];
            let apart = found.iter().zip(expected.clone()).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(apart < 2e-4, "token {id} on {device:?}: {apart}");
            // Control: those of the next token are others.
            let next = &read.values[(place + 1) * layers.len() * columns..][..layers.len() * columns];
            assert!(next.iter().zip(expected).any(|(a, b)| (a - b).abs() > 2e-2));
        }
    }
}

/// Control: detectors that need a model say so where there is none; those that need an embedding only do their work.
#[test]
fn without_a_model_only_embeddings_are_searched() {
    let mut session = open(DevicePreference::Cpu);
    let (rows, columns) = (session.model.architecture.n_vocabulary, session.model.architecture.n_embedding);
    let values = pollster::block_on(session.model.embedding()).unwrap();
    let embedding = Embedding { rows, columns, values };
    let options = ScanOptions { resolution: 7.2, ..ScanOptions::default() };
    let machine = Machine::Device(&mut session.model.device);
    let tokens = &session.tokens;
    let mut field = Field::new(machine, &embedding, &embedding, &[], tokens, truth(), &options, BUDGET).unwrap();
    let mut unmet = Vec::new();
    for detector in &mut detectors() {
        let name = detector.info().name;
        if detector.unmet(&field).is_some() {
            unmet.push(name);
            continue;
        }
        let mut ledger = Ledger::new(truth());
        let found = pollster::block_on(detector.detect(&mut field, &mut ledger, 3, &mut Silent)).unwrap();
        assert!(found != Found::default(), "{name}");
    }
    assert_eq!(unmet, ["magikarp-head-bias", "glitchminer", "glitchprober"]);
}
