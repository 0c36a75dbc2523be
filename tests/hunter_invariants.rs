//! Oracle: what really fails. A fake model fails a planted set of ids; a scan's report is checked against that set and
//! against the promises of the reference procedure.

use std::collections::HashSet;

use crate::hunter_support::{COLUMNS, FakeModel, Recorder, Trouble, World, check, coarse};
use glitchscope::glitch::{STAGES, sample_size};
use glitchscope::progress::Silent;
use glitchscope::report::{ExportFormat, Method, Report, ScanOptions, Status};
use glitchscope::tokenizer::TokenClass;
use proptest::prelude::*;

/// A planted cluster that fails whole, and five loners elsewhere.
fn failing(world: &World) -> HashSet<u32> {
    world.members(3).into_iter().chain([111, 222, 333, 444, 555]).collect()
}

fn whole_clusters() -> ScanOptions {
    ScanOptions { sample_min: u32::MAX, ..coarse() }
}

#[test]
fn a_hunt_keeps_every_promise() {
    let world = World::new(12, 50).with_classes([
        (0, TokenClass::Special),
        (3, TokenClass::Byte),
        (77, TokenClass::PartialUtf8),
        (100, TokenClass::Unreachable),
        (599, TokenClass::Unused),
    ]);
    for options in [coarse(), ScanOptions::default(), whole_clusters()] {
        let mut failing = failing(&world);
        failing.remove(&3);
        let mut model = FakeModel::new(failing.clone());
        let report = world.scan(&mut model, &options, None, &mut Silent).unwrap();
        assert_eq!(report.status, Status::Complete);
        check(&report, &failing).unwrap();
        let hunt = report.hunt.as_ref().unwrap();
        assert_eq!(hunt.rounds[0].tokens, 600, "all classes are clustered");
        assert!(report.graph.as_ref().unwrap().ids.len() == 600);
        assert!(hunt.model_tokens == 3 * u64::from(hunt.queries));
        // The whole planted cluster is found: any sample of it fails.
        let found: HashSet<u32> = report.glitch_tokens.iter().copied().collect();
        assert!(world.members(3).iter().filter(|&&id| id != 3).all(|id| found.contains(id)));
    }
}

#[test]
fn a_hunt_on_clear_clusters_is_cheap() {
    let world = World::new(12, 50);
    let failing: HashSet<u32> = world.members(3).into_iter().collect();
    let report = world.scan(&mut FakeModel::new(failing.clone()), &coarse(), None, &mut Silent).unwrap();
    check(&report, &failing).unwrap();
    let hunt = report.hunt.unwrap();
    assert_eq!(report.glitch_tokens.len(), 50);
    // Twelve samples of 5, and the 45 others of the cluster that fails.
    assert_eq!((hunt.rounds[0].clusters, hunt.rounds[0].queries), (12, 60));
    assert_eq!((hunt.rounds[0].hits, hunt.rounds[0].kept_tokens), (5, 50));
    assert!(hunt.queries <= 60 + 45);
    assert_eq!(hunt.surviving, world.members(3));
}

#[test]
fn with_whole_clusters_one_round_is_exhaustive() {
    let world = World::new(10, 40).with_classes([(5, TokenClass::Special), (6, TokenClass::Unused)]);
    let failing: HashSet<u32> = (0..400).filter(|id| id % 13 == 1).collect();
    for resolution in [1.0, 75.0] {
        let options = ScanOptions { max_rounds: 1, resolution, ..whole_clusters() };
        let hunted = world.scan(&mut FakeModel::new(failing.clone()), &options, None, &mut Silent).unwrap();
        check(&hunted, &failing).unwrap();
        let options = ScanOptions { method: Method::Exhaustive, ..options };
        let all = world.scan(&mut FakeModel::new(failing.clone()), &options, None, &mut Silent).unwrap();
        check(&all, &failing).unwrap();
        assert_eq!(hunted.glitch_tokens, all.glitch_tokens);
        assert_eq!(hunted.probes, all.probes);
        assert_eq!(hunted.hunt.unwrap().rounds[0].queries, 398);
        assert!(all.hunt.is_none());
    }
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let world = World::new(8, 60);
    let failing: HashSet<u32> = (0..480).filter(|id| id % 37 == 2).collect();
    let run = |seed| {
        let options = ScanOptions { seed, ..coarse() };
        let report = world.scan(&mut FakeModel::new(failing.clone()), &options, None, &mut Silent).unwrap();
        check(&report, &failing).unwrap();
        report
    };
    let (a, b, c) = (run(1), run(1), run(2));
    assert_eq!(a.to_json().unwrap(), b.to_json().unwrap());
    // Control: another seed draws other samples, so equality above says something.
    assert_ne!(a.probes, c.probes);
}

/// Two hundred equal rows, in a vocabulary of other clusters.
fn world_with_a_block() -> (World, Vec<u32>) {
    let mut world = World::new(8, 50);
    let block: Vec<u32> = (0..400).filter(|id| id % 2 == 1).collect();
    for &id in &block {
        world.embedding.values[id as usize * COLUMNS..][..COLUMNS].fill(40.0);
    }
    (world, block)
}

#[test]
fn equal_rows_end_in_one_family_and_one_failure_keeps_them() {
    let (world, block) = world_with_a_block();
    let in_block: HashSet<u32> = block.iter().copied().collect();
    let failing = HashSet::from([block[150]]);
    for resolution in [1.0, 75.0] {
        let options = ScanOptions { resolution, max_rounds: 1, ..whole_clusters() };
        let report = world.scan(&mut FakeModel::new(failing.clone()), &options, None, &mut Silent).unwrap();
        check(&report, &failing).unwrap();
        let graph = report.graph.as_ref().unwrap();
        let family: HashSet<u32> = block.iter().map(|&id| graph.cluster[id as usize]).collect();
        for &id in &graph.ids {
            let is_family = family.contains(&graph.cluster[id as usize]);
            assert_eq!(is_family, in_block.contains(&id), "id {id} at resolution {resolution}");
        }
        let surviving = &report.hunt.as_ref().unwrap().surviving;
        assert!(surviving.contains(&block[150]));
        assert!(surviving.iter().all(|id| in_block.contains(id)));
        if resolution == 1.0 {
            assert_eq!(surviving, &block, "one failure keeps the whole block");
        }
        assert_eq!(report.glitch_tokens, [block[150]]);
    }
}

#[test]
fn a_cancel_keeps_what_was_found() {
    let world = World::new(12, 50);
    let failing = failing(&world);
    for (options, limit) in [(coarse(), 24 + 32), (ScanOptions { method: Method::Exhaustive, ..coarse() }, 24 + 320)] {
        let mut monitor = Recorder { cancel_after_answers: Some(limit), ..Recorder::default() };
        let mut model = FakeModel::new(failing.clone());
        let report = world.scan(&mut model, &options, None, &mut monitor).unwrap();
        assert_eq!(report.status, Status::Cancelled);
        assert_eq!(report.probes.len(), monitor.answers - 24);
        assert!(report.graph.is_some() && report.controls.is_some());
        assert!(report.summary[0].starts_with("Cancelled."), "{:?}", report.summary);
        assert!(report.skipped.iter().any(|skipped| skipped.reason.contains("cancelled")));
        check(&report, &failing).unwrap();
        if options.method == Method::Glitchhunter {
            let hunt = report.hunt.unwrap();
            assert!(!hunt.rounds[0].complete && hunt.rounds[0].queries == 32);
            assert_eq!(hunt.surviving.len(), 600);
            assert!(hunt.stopped.starts_with("cancelled"), "{}", hunt.stopped);
        } else {
            assert!(!report.glitch_tokens.is_empty());
        }
    }
}

#[test]
fn a_cancel_is_seen_in_every_stage() {
    let world = World::new(6, 30);
    for (stage, _) in STAGES {
        let mut monitor = Recorder { cancel_at_stage: Some(stage), ..Recorder::default() };
        let failing: HashSet<u32> = world.members(2).into_iter().collect();
        let report = world.scan(&mut FakeModel::new(failing.clone()), &coarse(), None, &mut monitor).unwrap();
        assert_eq!(report.status, Status::Cancelled, "{stage}");
        assert_eq!(monitor.stages.last(), Some(&stage));
        check(&report, &failing).unwrap();
    }
}

#[test]
fn stages_are_announced_in_their_order() {
    let world = World::new(6, 30);
    let mut monitor = Recorder::default();
    let mut model = FakeModel::new(world.members(2));
    world.scan(&mut model, &coarse(), None, &mut monitor).unwrap();
    let names: Vec<&str> = STAGES.iter().map(|(name, _)| *name).collect();
    assert!(monitor.stages.iter().all(|stage| names.contains(stage)), "{:?}", monitor.stages);
    assert_eq!(monitor.stages[..7], names[..7]);
    assert_eq!(monitor.stages.last(), Some(&"verifying"));
    let place = |start: &str| monitor.events.iter().position(|event| event.starts_with(start)).unwrap();
    let first_question = monitor.events.iter().position(|event| event.contains("\"stage\":\"probing\"")).unwrap();
    assert!(place("{\"event\":\"graph\"") < first_question, "the map comes before the first question");
}

#[test]
fn an_error_of_the_oracle_keeps_what_was_found() {
    let world = World::new(12, 50);
    let failing = failing(&world);
    for (options, limit) in [(coarse(), 24 + 32), (ScanOptions { method: Method::Exhaustive, ..coarse() }, 24 + 320)] {
        let mut model = FakeModel::new(failing.clone()).with(Trouble::LostAfter(limit));
        let report = world.scan(&mut model, &options, None, &mut Silent).unwrap();
        assert_eq!(report.status, Status::Failed);
        assert_eq!(report.probes.len(), model.asked.len() - 24);
        assert!(report.probes.len() >= 32);
        let last = report.notes.last().unwrap();
        assert!(last.contains("the test took it away") && last.contains("Start again"), "{last}");
        check(&report, &failing).unwrap();
    }
    // In the controls already: nothing is found, and the report still stands.
    let mut model = FakeModel::new(failing.clone()).with(Trouble::LostAfter(0));
    let report = world.scan(&mut model, &coarse(), None, &mut Silent).unwrap();
    assert_eq!((report.status, report.probes.len()), (Status::Failed, 0));
    check(&report, &failing).unwrap();
}

#[test]
fn a_broken_oracle_ends_the_scan_and_says_so() {
    let world = World::new(6, 30);
    for (trouble, words) in
        [(Trouble::Forgets, "asked about 24 tokens and answered 23"), (Trouble::Mistakes, "answered about token")]
    {
        let mut model = FakeModel::new([7]).with(trouble);
        let report = world.scan(&mut model, &coarse(), None, &mut Silent).unwrap();
        assert_eq!(report.status, Status::Failed);
        assert!(report.notes.last().unwrap().contains(words), "{:?}", report.notes);
    }
    // The same without controls, where the search itself meets it.
    let options = ScanOptions { n_controls: 0, ..coarse() };
    let mut model = FakeModel::new([7]).with(Trouble::Forgets);
    let report = world.scan(&mut model, &options, None, &mut Silent).unwrap();
    assert_eq!(report.status, Status::Failed);
    check(&report, &HashSet::from([7])).unwrap();
}

#[test]
fn an_answer_that_is_no_number_fails_and_is_noted() {
    let world = World::new(6, 30);
    let options = ScanOptions { method: Method::Exhaustive, ..coarse() };
    let mut model = FakeModel::new([7]).with(Trouble::NotFinite(90));
    let report = world.scan(&mut model, &options, None, &mut Silent).unwrap();
    assert_eq!(report.glitch_tokens, [7, 90]);
    assert!(report.notes.iter().any(|note| note.contains("token 90")), "{:?}", report.notes);
    check(&report, &HashSet::from([7, 90])).unwrap();
}

#[test]
fn a_model_that_fails_ordinary_words_is_not_testable() {
    let world = World::new(6, 30).with_classes([(179, TokenClass::Special)]);
    for method in [Method::Glitchhunter, Method::Exhaustive] {
        let mut model = FakeModel::new(0..180);
        let options = ScanOptions { method, with_graph: false, ..coarse() };
        let report = world.scan(&mut model, &options, None, &mut Silent).unwrap();
        assert_eq!(report.status, Status::NotTestable);
        let controls = report.controls.as_ref().unwrap();
        assert_eq!((controls.asked, controls.passed, controls.testable), (24, 0, false));
        assert!(report.probes.is_empty() && report.glitch_tokens.is_empty());
        let graph = report.graph.as_ref().expect("map and neighbours are delivered");
        assert_eq!((graph.ids.len(), graph.neighbours_per_token), (180, 10));
        assert!(report.summary[0].contains("cannot be tested"), "{:?}", report.summary);
        check(&report, &HashSet::new()).unwrap();
    }
    // Half of the controls is enough, one less is not.
    for (n_failing, testable) in [(12, true), (13, false)] {
        let mut model = FakeModel::new(0..n_failing);
        let report = world.scan(&mut model, &coarse(), None, &mut Silent).unwrap();
        assert_eq!(report.controls.unwrap().testable, testable);
    }
}

/// Oracle: the definition. Asked to, a scan goes on although the controls fail; report, exports and comparisons say so.
#[test]
fn a_model_that_fails_ordinary_words_is_scanned_when_a_person_says_so() {
    let world = World::new(6, 30).with_classes([(179, TokenClass::Special)]);
    let options = ScanOptions { method: Method::Exhaustive, with_graph: false, despite_controls: true, ..coarse() };
    let report = world.scan(&mut FakeModel::new(0..100), &options, None, &mut Silent).unwrap();
    let controls = report.controls.as_ref().unwrap();
    assert_eq!((controls.asked, controls.passed, controls.testable, controls.overridden), (24, 0, false, true));
    assert_eq!((report.status, report.glitch_tokens.len(), report.probes.len()), (Status::Complete, 100, 179));
    let caution = report.caution().expect("a caution");
    assert!(caution.contains("only 0 of 24 ordinary words") && caution.contains("nothing certain"), "{caution}");
    assert_eq!((&report.summary[0], report.summary.len()), (&caution, 2));
    for format in [ExportFormat::Markdown, ExportFormat::Html] {
        let text = report.export(format).unwrap();
        assert_eq!(text.matches("Warning: ").count(), 1, "{format:?}");
        assert_eq!(text.matches("of 24 ordinary words").count(), 1, "{format:?}");
    }
    assert_eq!(glitchscope::report::diff(&report, &report).cautions, [caution.clone(), caution]);
    let read = Report::from_json(&report.to_json().unwrap()).unwrap();
    assert!(read.controls.unwrap().overridden);

    // Negative control: a model that passes has nothing to be warned of, whatever was asked for.
    let report = world.scan(&mut FakeModel::new([150]), &options, None, &mut Silent).unwrap();
    assert!(report.caution().is_none() && !report.controls.as_ref().unwrap().overridden);
    assert!(!report.export(ExportFormat::Html).unwrap().contains("Warning: "));
}

#[test]
fn controls_are_ordinary_words_with_low_ids() {
    let mut world = World::new(6, 30).with_classes([(1, TokenClass::Special), (2, TokenClass::Byte)]);
    for (id, text) in [(0, "</s>"), (3, " ümlaut"), (4, " Upper"), (5, " ab"), (6, "bare"), (7, " 1234")] {
        world.tokens.text[id] = text.into();
    }
    let mut model = FakeModel::new([]);
    let report = world.scan(&mut model, &coarse(), None, &mut Silent).unwrap();
    let ids: Vec<u32> = report.controls.unwrap().probes.iter().map(|probe| probe.id).collect();
    assert_eq!(ids, (8..32).collect::<Vec<u32>>());
    // No words at all: the scan goes on and says what that means.
    world.tokens.text.fill("?".into());
    let report = world.scan(&mut FakeModel::new([9]), &coarse(), None, &mut Silent).unwrap();
    assert!(report.controls.is_none() && report.status == Status::Complete);
    assert!(report.notes[0].contains("No ordinary words"), "{:?}", report.notes);
}

#[test]
fn odd_vocabularies_are_scanned_as_far_as_they_go() {
    // More tokens than rows, a row that is not finite, and a cluster in which nothing can be asked.
    let mut world = World::new(6, 30);
    world.tokens.text.push(" extra".into());
    world.tokens.bytes_hex.push(String::new());
    world.tokens.class.push(TokenClass::Ok);
    world.embedding.values[20 * COLUMNS + 3] = f32::NAN;
    let mute = world.members(4);
    let world = world.with_classes(mute.iter().map(|&id| (id, TokenClass::Unused)));
    let failing: HashSet<u32> = world.members(1).into_iter().collect();
    let report = world.scan(&mut FakeModel::new(failing.clone()), &coarse(), None, &mut Silent).unwrap();
    assert_eq!(report.status, Status::Complete);
    check(&report, &failing).unwrap();
    assert_eq!(report.glitch_tokens, world.members(1));
    assert!(report.notes.iter().any(|note| note.contains("token 20")), "{:?}", report.notes);
    assert!(report.skipped.iter().any(|skipped| skipped.ids == [180]));
    let graph = report.graph.unwrap();
    assert_eq!(graph.ids.len(), 179);
    assert!(!graph.ids.contains(&20) && !graph.neighbours.contains(&20));
    // One, two, three tokens, and none.
    for rows in 0..=4 {
        let world = World::new(1, rows);
        let failing: HashSet<u32> = HashSet::from([0]);
        for method in [Method::Glitchhunter, Method::Exhaustive] {
            let options = ScanOptions { method, n_controls: 0, ..coarse() };
            let mut model = FakeModel::new(failing.clone());
            let report = world.scan(&mut model, &options, None, &mut Silent).unwrap();
            assert_eq!(report.status, Status::Complete, "{rows} rows: {:?}", report.notes);
            assert_eq!(report.graph.is_some(), rows >= 3);
            assert_eq!(report.glitch_tokens.len(), rows.min(1));
            check(&report, &failing).unwrap();
        }
    }
}

#[test]
fn what_does_not_belong_together_fails_before_it_starts() {
    let world = World::new(6, 30);
    let mut model = FakeModel::new([]);
    let options = ScanOptions { resolution: f64::NAN, ..coarse() };
    assert!(world.scan(&mut model, &options, None, &mut Silent).is_err());
    let mut short = World::new(6, 30);
    short.tokens.text.pop();
    assert!(short.scan(&mut model, &coarse(), None, &mut Silent).is_err());
    let mut narrow = World::new(6, 30);
    narrow.tokens.text.pop();
    narrow.tokens.bytes_hex.pop();
    narrow.tokens.class.pop();
    assert!(narrow.scan(&mut model, &coarse(), None, &mut Silent).is_err());
    let mut torn = World::new(6, 30);
    torn.embedding.values.pop();
    assert!(torn.scan(&mut model, &coarse(), None, &mut Silent).is_err());
    assert!(model.asked.is_empty());
}

#[test]
fn without_verification_only_what_was_sampled_is_claimed() {
    let world = World::new(12, 50);
    let failing: HashSet<u32> = world.members(3).into_iter().collect();
    let options = ScanOptions { verify_final: false, max_rounds: 1, ..coarse() };
    let report = world.scan(&mut FakeModel::new(failing.clone()), &options, None, &mut Silent).unwrap();
    check(&report, &failing).unwrap();
    let hunt = report.hunt.unwrap();
    assert_eq!((report.glitch_tokens.len(), hunt.surviving.len()), (5, 50));
    assert_eq!(hunt.verification_queries, 0);
}

#[test]
fn a_ratio_above_zero_asks_for_more_than_one_failure() {
    let world = World::new(12, 50);
    // Every tenth token of cluster 3 fails, and all of cluster 5.
    let failing: HashSet<u32> = world.members(3).into_iter().step_by(10).chain(world.members(5)).collect();
    let options = ScanOptions { keep_ratio: 0.5, max_rounds: 1, ..whole_clusters() };
    let report = world.scan(&mut FakeModel::new(failing.clone()), &options, None, &mut Silent).unwrap();
    check(&report, &failing).unwrap();
    let hunt = report.hunt.as_ref().unwrap();
    assert_eq!(hunt.surviving, world.members(5));
    assert_eq!(report.glitch_tokens.len(), 55, "what failed on the way is not forgotten");
}

/// Control: each of these breaks one promise, and the checker must find it.
#[test]
fn the_checker_finds_broken_promises() {
    let world = World::new(12, 50);
    let failing = failing(&world);
    let scan = |trouble| {
        let options = ScanOptions { sample_min: 40, ..coarse() };
        let mut model = FakeModel::new(failing.clone()).with(trouble);
        world.scan(&mut model, &options, None, &mut Silent).unwrap()
    };
    let honest = scan(Trouble::None);
    check(&honest, &failing).unwrap();
    // An oracle that lies about a token known to be good, where the hunt asked about it.
    let good = honest.probes.iter().rfind(|probe| probe.passed).unwrap().id;
    let lied = scan(Trouble::LiesAbout(good));
    assert_eq!(check(&lied, &failing), Err("every verdict is the truth".into()));

    let changes: [fn(&mut Report); 10] = [
        |report| report.glitch_tokens.truncate(1),
        |report| report.glitch_tokens.push(report.probes.iter().rfind(|probe| probe.passed).unwrap().id),
        |report| report.probes.push(report.probes[0].clone()),
        |report| report.skipped[0].ids.truncate(1),
        |report| report.tokens.class[report.probes[0].id as usize] = TokenClass::Special,
        |report| report.hunt.as_mut().unwrap().rounds[0].kept_tokens = 1_000,
        |report| report.hunt.as_mut().unwrap().queries += 1,
        |report| report.probes[3].p_target = f32::NAN,
        |report| report.hunt.as_mut().unwrap().surviving.reverse(),
        |report| report.hunt.as_mut().unwrap().rounds[0].partition.reverse(),
    ];
    for (i, change) in changes.iter().enumerate() {
        let mut report = honest.clone();
        change(&mut report);
        check(&report, &failing).expect_err(&format!("change {i} went unseen"));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// Oracle: the promises, on random worlds, failing sets and options.
    #[test]
    fn promises_hold_for_any_options(
        n_clusters in 2usize..8,
        size in 8usize..30,
        every in 2u32..40,
        seed in any::<u32>(),
        resolution in 0.2f64..90.0,
        sample_min in 1u32..8,
        fraction in 0.0f64..1.0,
        keep_ratio in 0.0f64..0.9,
        max_rounds in 1u32..5,
        stop_below in 0u32..60,
        verify_final in any::<bool>(),
    ) {
        let world = World::new(n_clusters, size);
        let failing: HashSet<u32> = (0..(n_clusters * size) as u32).filter(|id| (id ^ seed) % every == 1).collect();
        let options = ScanOptions {
            seed, resolution, sample_min, sample_fraction: fraction, keep_ratio, max_rounds, stop_below, verify_final,
            n_neighbors: 10, n_controls: 0, ..ScanOptions::default()
        };
        let report = world.scan(&mut FakeModel::new(failing.clone()), &options, None, &mut Silent).unwrap();
        prop_assert_eq!(report.status, Status::Complete);
        prop_assert_eq!(check(&report, &failing), Ok(()));
    }

    /// Oracle: the definition of a sample: not empty unless the cluster is, never larger than it, monotone.
    #[test]
    fn samples_fit_their_clusters(
        size in 0usize..100_000,
        sample_fraction in 0.0f64..=1.0,
        sample_min in 1u32..100,
        sample_max in any::<u32>(),
    ) {
        let options = ScanOptions { sample_min, sample_fraction, sample_max, ..ScanOptions::default() };
        let sample = sample_size(size, &options);
        prop_assert!(sample <= size && (sample >= 1 || size == 0));
        prop_assert!(sample <= sample_size(size + 1, &options));
    }
}
