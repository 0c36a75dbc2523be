//! Oracle: arithmetic on planted sets. A hunt is measured against the exhaustive scan of the same fake model; scans
//! that differ in model, oracle or device must not be measured.

use std::collections::HashSet;

use crate::hunter_support::{FakeModel, Recorder, World, check, coarse};
use glitchscope::compute::Device;
use glitchscope::compute::cpu::CpuDevice;
use glitchscope::glitch::{Oracle, StoredOracle, compare, granularity, incomparable};
use glitchscope::progress::Silent;
use glitchscope::report::{GranularityRow, Method, Report, ScanOptions, Status};

fn world() -> (World, HashSet<u32>) {
    let world = World::new(12, 50);
    let failing = world.members(3).into_iter().chain([111, 222, 333, 444, 555]).collect();
    (world, failing)
}

fn exhaustive(world: &World, failing: &HashSet<u32>) -> Report {
    let options = ScanOptions { method: Method::Exhaustive, ..coarse() };
    world.scan(&mut FakeModel::new(failing.clone()), &options, None, &mut Silent).unwrap()
}

fn hunt(world: &World, failing: &HashSet<u32>, truth: &Report, options: &ScanOptions) -> Report {
    let report = world.scan(&mut FakeModel::new(failing.clone()), options, Some(truth), &mut Silent).unwrap();
    check(&report, failing).unwrap();
    report
}

#[test]
fn a_hunt_is_measured_against_the_truth() {
    let (world, failing) = world();
    let truth = exhaustive(&world, &failing);
    assert_eq!(truth.glitch_tokens.len(), failing.len());
    let report = hunt(&world, &failing, &truth, &coarse());
    let comparison = report.comparison.as_ref().expect("measured");
    let found = report.glitch_tokens.len() as u32;
    assert_eq!(comparison.true_positives, found);
    assert_eq!((comparison.false_positives, comparison.precision), (0, 1.0));
    assert_eq!(comparison.false_negatives, truth.glitch_tokens.len() as u32 - found);
    assert_eq!(comparison.recall, f64::from(found) / truth.glitch_tokens.len() as f64);
    assert_eq!(comparison.queries_exhaustive, 600);
    assert_eq!(comparison.query_share, report.probes.len() as f64 / 600.0);
    assert!(comparison.query_share < 0.5 && comparison.recall > 0.9);
    let expected = format!(
        "{} of 600 tokens fail the oracle fake; the search found {found} of them with {:.0} % of the questions.",
        truth.glitch_tokens.len(),
        100.0 * comparison.query_share
    );
    assert_eq!(report.summary, [expected]);
    assert_eq!(compare(&report, &truth), *comparison);
    assert_eq!(truth.summary.len(), 1);
    assert!(truth.summary[0].contains("all 600 that text can produce"), "{:?}", truth.summary);
}

/// Control: every one of these must be refused, with a reason among the notes.
#[test]
fn strangers_are_not_measured() {
    let (world, failing) = world();
    let truth = exhaustive(&world, &failing);
    type Change = fn(&mut Report);
    let changes: [(Change, &str); 8] = [
        (|truth| truth.provenance.options.method = Method::Glitchhunter, "not that of an exhaustive scan"),
        (|truth| truth.status = Status::Cancelled, "did not run to its end"),
        (|truth| truth.provenance.oracle.id = "other".into(), "used the oracle other"),
        (|truth| truth.provenance.oracle.prompts[0].ids[1].push(9), "not with the same words"),
        (|truth| truth.provenance.model.n_layers = 7, "another model"),
        (|truth| truth.provenance.model.files[0].sha256 = Some("11".repeat(32)), "another model"),
        (|truth| truth.tokens.text[5] = "x".into(), "another model"),
        (|truth| truth.provenance.device.name = "another".into(), "another device"),
    ];
    for (change, words) in changes {
        let mut stranger = truth.clone();
        change(&mut stranger);
        let report = hunt(&world, &failing, &stranger, &coarse());
        assert!(report.comparison.is_none(), "{words}");
        assert!(report.notes.iter().any(|note| note.contains(words)), "{words}: {:?}", report.notes);
    }
    // What cannot change a verdict does not matter.
    let mut friend = truth.clone();
    friend.provenance.device.reason = "another reason".into();
    friend.provenance.model.name = "another folder".into();
    friend.provenance.model.files[0].sha256 = None;
    assert_eq!(incomparable(&hunt(&world, &failing, &friend, &coarse()), &friend), None);
    // An exhaustive scan is not measured against another.
    let options = ScanOptions { method: Method::Exhaustive, ..coarse() };
    assert!(hunt(&world, &failing, &truth, &options).comparison.is_none());
}

#[test]
fn granularity_repeats_the_hunt_without_the_model() {
    let (world, failing) = world();
    let truth = exhaustive(&world, &failing);
    let resolutions = [0.3, 1.0, 9.0, 75.0];
    let run = |resolutions: &[f64]| -> Vec<GranularityRow> {
        let mut device = Device::Cpu(CpuDevice::new("a test"));
        pollster::block_on(granularity(
            &mut device,
            &world.embedding,
            &world.tokens,
            &truth,
            &coarse(),
            resolutions,
            &mut Silent,
        ))
        .unwrap()
    };
    let rows = run(&resolutions);
    assert_eq!(rows, run(&resolutions));
    assert_eq!(rows.iter().map(|row| row.resolution).collect::<Vec<_>>(), resolutions);
    for (row, &resolution) in rows.iter().zip(&resolutions) {
        let report = hunt(&world, &failing, &truth, &ScanOptions { resolution, ..coarse() });
        let (comparison, hunt) = (report.comparison.unwrap(), report.hunt.unwrap());
        let expected = GranularityRow {
            resolution,
            clusters: hunt.rounds[0].clusters,
            mean_cluster_size: 600.0 / f64::from(hunt.rounds[0].clusters),
            queries: hunt.queries,
            query_share: comparison.query_share,
            recall: comparison.recall,
            rounds: hunt.rounds.len() as u32,
        };
        assert_eq!(*row, expected);
    }
    assert!(rows[0].clusters < rows[3].clusters, "{rows:?}");
    assert!(rows[1].query_share < rows[3].query_share, "{rows:?}");

    let mut device = Device::Cpu(CpuDevice::new("a test"));
    let mut refuse = |truth: &Report, options: &ScanOptions, resolutions: &[f64]| {
        pollster::block_on(granularity(
            &mut device,
            &world.embedding,
            &world.tokens,
            truth,
            options,
            resolutions,
            &mut Silent,
        ))
        .expect_err("refused")
    };
    let error = refuse(&truth, &coarse(), &[1.0, f64::NAN]);
    assert!(error.to_string().contains("resolution"), "{error}");
    let mut other = truth.clone();
    other.tokens.text.pop();
    let error = refuse(&other, &coarse(), &[1.0]);
    assert!(error.to_string().contains("another vocabulary (599 tokens, expected 600)"), "{error}");
    let mut unfinished = truth.clone();
    unfinished.status = Status::Cancelled;
    assert!(refuse(&unfinished, &coarse(), &[1.0]).hint().is_some());

    let mut monitor = Recorder { cancel_at_stage: Some("communities"), ..Recorder::default() };
    let error = pollster::block_on(granularity(
        &mut Device::Cpu(CpuDevice::new("a test")),
        &world.embedding,
        &world.tokens,
        &truth,
        &coarse(),
        &resolutions,
        &mut monitor,
    ))
    .expect_err("cancelled");
    assert!(error.is_cancelled());
}

#[test]
fn a_stored_oracle_knows_only_what_is_stored() {
    let (world, failing) = world();
    let mut truth = exhaustive(&world, &failing);
    truth.probes.retain(|probe| probe.id != 9);
    let mut oracle = StoredOracle::new(&truth).unwrap();
    let mut probes = Vec::new();
    pollster::block_on(oracle.probe(&[111, 4], &mut probes, &mut Silent)).unwrap();
    let verdicts: Vec<(u32, bool)> = probes.iter().map(|probe| (probe.id, probe.passed)).collect();
    assert_eq!(verdicts, [(111, false), (4, true)]);
    let error = pollster::block_on(oracle.probe(&[4, 9], &mut probes, &mut Silent)).expect_err("unknown");
    assert!(error.to_string().contains("token 9"), "{error}");
    assert_eq!(probes.len(), 3, "what was known is kept");
    assert_eq!((oracle.info().id.as_str(), oracle.model_tokens()), ("fake", 0));
}

#[test]
fn asking_nearly_everything_is_explained() {
    let (world, failing) = world();
    let options = ScanOptions { resolution: 75.0, ..coarse() };
    let report = world.scan(&mut FakeModel::new(failing.clone()), &options, None, &mut Silent).unwrap();
    let round = &report.hunt.as_ref().unwrap().rounds[0];
    assert!(round.queries > 300, "{round:?}");
    let note = report.notes.iter().find(|note| note.starts_with("Granularity")).expect("a note");
    for number in [
        "resolution 75".to_owned(),
        format!("{} clusters", round.clusters),
        format!("{:.1} on average", 600.0 / f64::from(round.clusters)),
        "At least 5 tokens".to_owned(),
        format!("about {} of the 600", round.queries),
        "it is 1.4".to_owned(),
    ] {
        assert!(note.contains(&number), "{number}: {note}");
    }
    // Control: a cheap hunt has nothing to explain.
    let report = world.scan(&mut FakeModel::new(failing), &coarse(), None, &mut Silent).unwrap();
    assert!(report.notes.is_empty(), "{:?}", report.notes);
}
