//! Oracle: the specimen's own birth certificate (www/public/specimen/training.json), which no scan reads, and transformers'
//! logits (tests/golden/specimen_logits.json).
//!
//! The specimen must have glitch tokens for the reason real models have them: it handles the tokens that are frequent in
//! its training data, and fails on those that its tokenizer knows and its training never showed.

use std::path::{Path, PathBuf};
use std::rc::Rc;

use crate::common::compare::assert_logits;
use crate::common::{devices, read_json};
use glitchscope::checkpoint::source::FolderSource;
use glitchscope::compute::DevicePreference;
use glitchscope::engine::generate::generate;
use glitchscope::glitch::Oracle;
use glitchscope::progress::Silent;
use glitchscope::report::{Method, Probe, Report, ScanOptions, Status, TaskName};
use glitchscope::session::Session;
use glitchscope::tokenizer::TokenClass;
use serde::Deserialize;

#[derive(Deserialize)]
struct Training {
    counts: Vec<u64>,
    plain_counts: Vec<u64>,
    frequent_threshold: u64,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("www/public/specimen")
}

fn open(device: DevicePreference) -> Session {
    pollster::block_on(Session::open(Rc::new(FolderSource::new(folder())), device, &mut Silent)).unwrap()
}

fn probe(session: &mut Session, task: TaskName, ids: &[u32]) -> Vec<Probe> {
    let mut probes = Vec::new();
    let mut oracle = session.oracle(task).unwrap();
    pollster::block_on(oracle.probe(ids, &mut probes, &mut Silent)).unwrap();
    assert_eq!(probes.len(), ids.len());
    probes
}

#[test]
fn passes_on_frequent_tokens_and_fails_on_tokens_it_never_saw() {
    let training: Training = read_json(&folder().join("training.json"));
    let mut session = open(DevicePreference::Cpu);
    let askable: Vec<u32> =
        (0..training.counts.len() as u32).filter(|id| session.tokens.class[*id as usize] == TokenClass::Ok).collect();
    let group = |belongs: &dyn Fn(usize) -> bool| -> Vec<u32> {
        askable.iter().copied().filter(|id| belongs(*id as usize)).collect()
    };
    let frequent = group(&|id| training.plain_counts[id] >= training.frequent_threshold);
    let never_seen = group(&|id| training.counts[id] == 0);
    assert!(frequent.len() >= 1000 && never_seen.len() >= 300, "{} and {}", frequent.len(), never_seen.len());

    let mut all_three = |ids: &[u32]| -> Vec<bool> {
        let mut passed = vec![true; ids.len()];
        for task in [TaskName::Repetition, TaskName::Spelling, TaskName::Length] {
            let probes = probe(&mut session, task, ids);
            let share = probes.iter().filter(|probe| probe.passed).count() as f64 / ids.len() as f64;
            println!("{task:?}: {share:.4} of {} tokens pass", ids.len());
            passed.iter_mut().zip(&probes).for_each(|(passed, probe)| *passed &= probe.passed);
        }
        passed
    };
    let passed = all_three(&frequent).iter().filter(|passed| **passed).count() as f64 / frequent.len() as f64;
    assert!(passed >= 0.99, "{passed:.4} of {} frequent tokens pass all three tasks", frequent.len());
    let failed = all_three(&never_seen).iter().filter(|passed| !**passed).count() as f64 / never_seen.len() as f64;
    assert!(failed >= 0.95, "{failed:.4} of {} tokens never seen fail a task", never_seen.len());
}

#[derive(Deserialize)]
struct Golden {
    model_sha256: String,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    ids: Vec<u32>,
    logits: Vec<f32>,
    greedy: Vec<u32>,
}

#[test]
fn logits_equal_transformers() {
    let golden: Golden = read_json(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/specimen_logits.json"));
    assert!(!golden.cases.is_empty());
    for device in devices("logits_equal_transformers") {
        let mut session = open(device);
        let weights = session.info.model.files.iter().find(|file| file.name == "model.safetensors").unwrap();
        assert_eq!(weights.sha256.as_ref(), Some(&golden.model_sha256), "run tools/reference/specimen_logits.py again");
        for case in &golden.cases {
            let logits = pollster::block_on(session.model.logits(&case.ids)).unwrap();
            assert_logits(&format!("{device:?}"), &logits[logits.len() - case.logits.len()..], &case.logits);
            let n = case.greedy.len();
            let greedy =
                pollster::block_on(generate(&mut session.model, &case.ids, n, &[], &mut Silent, &mut |_, _| {}))
                    .unwrap();
            assert_eq!(greedy, case.greedy, "{device:?}");
        }
    }
}

fn scan(session: &mut Session, options: &ScanOptions, truth: Option<&Report>) -> Report {
    pollster::block_on(session.scan(options, truth, &mut Silent)).unwrap()
}

/// Oracle: the definition. GlitchHunter reports only what it verified, so its precision is 1; its recall is told, not
/// wished for.
#[test]
fn the_hunt_against_the_exhaustive_truth() {
    let mut session = open(DevicePreference::Cpu);
    let exhaustive = ScanOptions { method: Method::Exhaustive, ..ScanOptions::default() };
    let truth = scan(&mut session, &exhaustive, None);
    assert_eq!(truth.status, Status::Complete);
    let asked = truth.tokens.class.iter().filter(|class| **class == TokenClass::Ok).count();
    assert_eq!(truth.probes.len(), asked);
    let failed: Vec<u32> = truth.probes.iter().filter(|probe| !probe.passed).map(|probe| probe.id).collect();
    assert_eq!(truth.glitch_tokens, failed);

    let resolution = glitchscope::glitch::scaled_resolution(truth.tokens.class.len());
    for resolution in [75.0, resolution] {
        let options = ScanOptions { resolution, ..ScanOptions::default() };
        let hunt = scan(&mut session, &options, Some(&truth));
        assert_eq!(hunt.status, Status::Complete);
        let comparison = hunt.comparison.clone().unwrap();
        println!("resolution {resolution}: {comparison:?}");
        assert_eq!(comparison.false_positives, 0);
        assert_eq!(comparison.precision, 1.0);
        assert!(hunt.glitch_tokens.iter().all(|id| failed.contains(id)));
        // The same seed and device give the same report, byte for byte.
        assert_eq!(hunt.to_json().unwrap(), scan(&mut session, &options, Some(&truth)).to_json().unwrap());
        // Negative control: another seed draws other samples.
        let other = scan(&mut session, &ScanOptions { seed: 7, ..options }, Some(&truth));
        assert_ne!(hunt.to_json().unwrap(), other.to_json().unwrap());
    }
}
