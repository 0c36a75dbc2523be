//! Oracle: transformers, SciPy and scikit-learn, through tools/reference/oracles.py, which builds the prompts, splices the
//! tokens, decodes, draws and grades by itself. Every oracle gives the specimen's tokens the same verdicts and values.

use std::path::Path;
use std::rc::Rc;

use crate::common::{devices, read_json};
use glitchscope::checkpoint::source::FolderSource;
use glitchscope::compute::DevicePreference;
use glitchscope::glitch::{ORACLES, Oracle};
use glitchscope::progress::Silent;
use glitchscope::report::{Panel, Report, ScanOptions};
use glitchscope::session::Session;
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Deserialize)]
struct Golden {
    model_sha256: String,
    cases: Cases,
}

#[derive(Deserialize)]
struct Cases {
    ids: Vec<u32>,
    attempts: u32,
    temperature: f64,
    top_p: f64,
    oracles: BTreeMap<String, Expected>,
    agreement: Vec<ExpectedAgreement>,
}

#[derive(Deserialize)]
struct Expected {
    passed: Vec<bool>,
    passed_strict: Vec<bool>,
    value: Vec<f32>,
    #[serde(default)]
    answer: Vec<Vec<u32>>,
    #[serde(default)]
    p_target: Vec<f32>,
    #[serde(default)]
    low: Vec<f32>,
    #[serde(default)]
    high: Vec<f32>,
}

#[derive(Deserialize)]
struct ExpectedAgreement {
    a: String,
    b: String,
    jaccard: Option<f64>,
    kappa: Option<f64>,
}

fn golden() -> Golden {
    read_json(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/oracles.json"))
}

fn open(device: DevicePreference) -> Session {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("www/public/specimen");
    pollster::block_on(Session::open(Rc::new(FolderSource::new(folder)), device, &mut Silent)).unwrap()
}

fn options(cases: &Cases, oracles: &[&str]) -> ScanOptions {
    ScanOptions {
        oracles: oracles.iter().map(|id| (*id).to_owned()).collect(),
        attempts: cases.attempts,
        temperature: cases.temperature,
        top_p: cases.top_p,
        ..ScanOptions::default()
    }
}

/// What `oracles` say of `ids`; the leading one's probes are held to the panel's first column on the way.
fn ask(session: &mut Session, options: &ScanOptions, ids: &[u32]) -> Panel {
    let mut panel = session.panel(options).unwrap();
    let mut probes = Vec::new();
    pollster::block_on(panel.probe(ids, &mut probes, &mut Silent)).unwrap();
    let report = panel.report(ids, &[]);
    for (i, probe) in probes.iter().enumerate() {
        let column = &report.verdicts[0];
        assert_eq!((probe.id, probe.passed), (ids[i], column.passed[i]));
        assert_eq!((probe.passed_strict, probe.value), (column.passed_strict[i], Some(column.value[i])));
    }
    report
}

/// Where a column differs from what is expected: verdicts exactly, values to 1e-3 of themselves and 1e-7.
fn differences(panel: &Panel, place: usize, expected: &Expected) -> Vec<String> {
    let column = &panel.verdicts[place];
    let mut found = Vec::new();
    let mut differ = |what: &str, i: usize, got: String, expected: String| {
        found.push(format!("{} {what} of token {}: {got}, expected {expected}", column.oracle, panel.ids[i]));
    };
    if column.passed.len() != expected.passed.len() {
        differ("verdicts", 0, column.passed.len().to_string(), expected.passed.len().to_string());
        return found;
    }
    let close = |got: f32, expected: f32| (got - expected).abs() <= 1e-3 * expected.abs() + 1e-7;
    for i in 0..column.passed.len() {
        if column.passed[i] != expected.passed[i] {
            differ("verdict", i, column.passed[i].to_string(), expected.passed[i].to_string());
        }
        if column.passed_strict[i] != expected.passed_strict[i] {
            differ("strict verdict", i, column.passed_strict[i].to_string(), expected.passed_strict[i].to_string());
        }
        if !close(column.value[i], expected.value[i]) {
            differ("value", i, column.value[i].to_string(), expected.value[i].to_string());
        }
        if let Some(low) = expected.low.get(i)
            && !(close(column.interval[i].0, *low) && close(column.interval[i].1, expected.high[i]))
        {
            differ("interval", i, format!("{:?}", column.interval[i]), format!("{low} to {}", expected.high[i]));
        }
    }
    found
}

#[test]
fn every_oracle_agrees_with_the_reference() {
    let Golden { model_sha256, cases } = golden();
    for device in devices("every_oracle_agrees_with_the_reference") {
        let mut session = open(device);
        let weights = session.info.model.files.iter().find(|file| file.name == "model.safetensors").unwrap();
        assert_eq!(weights.sha256.as_ref(), Some(&model_sha256), "the golden numbers are of another specimen");
        // The software GPU takes minutes for Magikarp's long prompts; a few tokens show the same.
        let n = if device == DevicePreference::Cpu { cases.ids.len() } else { 2 };
        let panel = ask(&mut session, &options(&cases, &ORACLES), &cases.ids[..n]);
        assert_eq!(panel.answers.len(), 12, "questions that oracles share are asked once");
        for (place, id) in ORACLES.iter().enumerate() {
            let expected = &cases.oracles[*id];
            let expected = Expected {
                passed: expected.passed[..n].to_vec(),
                passed_strict: expected.passed_strict[..n].to_vec(),
                value: expected.value[..n].to_vec(),
                answer: expected.answer.iter().take(n).cloned().collect(),
                p_target: expected.p_target.iter().take(n).copied().collect(),
                low: expected.low.iter().take(n).copied().collect(),
                high: expected.high.iter().take(n).copied().collect(),
            };
            assert_eq!(differences(&panel, place, &expected), Vec::<String>::new(), "{device:?}");
            if expected.answer.is_empty() {
                continue;
            }
            // An answer is cut where its verdicts are certain, so it is the beginning of the reference's.
            let column = panel.answers.iter().find(|column| column.prompt == **id).unwrap();
            for i in 0..n {
                let (got, whole) = (&column.ids[i], &expected.answer[i]);
                assert!(!got.is_empty() && whole.starts_with(got), "{id} of {}: {got:?}, {whole:?}", panel.ids[i]);
                let within = (column.p_target[i] - expected.p_target[i]).abs() <= 1e-3 * expected.p_target[i] + 1e-7;
                assert!(within, "{id} of {}: {} {}", panel.ids[i], column.p_target[i], expected.p_target[i]);
            }
        }
        if n < cases.ids.len() {
            continue;
        }
        assert_eq!(panel.agreement.len(), cases.agreement.len());
        for expected in &cases.agreement {
            let same = |pair: &&glitchscope::report::Agreement| {
                (pair.a == expected.a && pair.b == expected.b) || (pair.a == expected.b && pair.b == expected.a)
            };
            let pair = panel.agreement.iter().find(same).unwrap();
            let close = |a: Option<f64>, b: Option<f64>| match (a, b) {
                (Some(a), Some(b)) => (a - b).abs() < 1e-12,
                (None, None) => true,
                _ => false,
            };
            assert!(close(pair.jaccard, expected.jaccard), "{} {}: {pair:?}", expected.a, expected.b);
            assert!(close(pair.kappa, expected.kappa), "{} {}: {pair:?} {:?}", expected.a, expected.b, expected.kappa);
        }
    }
}

/// Negative control: a verdict turned round, a value a hundredth off, a NaN and a missing token are found.
#[test]
fn a_difference_is_found() {
    let Golden { cases, .. } = golden();
    let mut session = open(DevicePreference::Cpu);
    let options = options(&cases, &["repetition-sampled"]);
    let panel = ask(&mut session, &options, &cases.ids[..4]);
    let expected = |change: fn(&mut Expected)| {
        let column = &panel.verdicts[0];
        let mut expected = Expected {
            passed: column.passed.clone(),
            passed_strict: column.passed_strict.clone(),
            value: column.value.clone(),
            answer: Vec::new(),
            p_target: Vec::new(),
            low: column.interval.iter().map(|interval| interval.0).collect(),
            high: column.interval.iter().map(|interval| interval.1).collect(),
        };
        change(&mut expected);
        expected
    };
    assert!(differences(&panel, 0, &expected(|_| {})).is_empty());
    let changes: [fn(&mut Expected); 5] = [
        |expected| expected.passed[1] ^= true,
        |expected| expected.passed_strict[1] ^= true,
        |expected| expected.value[2] += 0.01,
        |expected| expected.value[2] = f32::NAN,
        |expected| expected.high[0] += 0.01,
    ];
    for (i, change) in changes.into_iter().enumerate() {
        assert_eq!(differences(&panel, 0, &expected(change)).len(), 1, "change {i}");
    }
    assert!(!differences(&panel, 0, &expected(|expected| expected.passed.truncate(3))).is_empty());
}

/// Oracle: itself. The order of tokens, the size of batches and the other oracles of a panel change no drawn answer.
#[test]
fn draws_depend_on_the_token_alone() {
    let Golden { cases, .. } = golden();
    let mut session = open(DevicePreference::Cpu);
    let ids = &cases.ids[..6];
    let alone = ask(&mut session, &options(&cases, &["repetition-sampled"]), ids);
    let mut backwards: Vec<u32> = ids.to_vec();
    backwards.reverse();
    let small = ScanOptions { batch_size: 4, ..options(&cases, &["glitchhunter-zero-shot", "repetition-sampled"]) };
    let other = ask(&mut session, &small, &backwards);
    let (a, b) = (alone.answers.first().unwrap(), other.answers.last().unwrap());
    assert_eq!((&a.prompt, &b.prompt), (&"repetition-sampled".into(), &"repetition-sampled".into()));
    for i in 0..ids.len() {
        let j = ids.len() - 1 - i;
        assert_eq!((a.failures[i], &a.ids[i]), (b.failures[j], &b.ids[j]), "token {}", ids[i]);
    }
    let seeded = ScanOptions { seed: 43, ..options(&cases, &["repetition-sampled"]) };
    let drawn: Vec<u32> = ask(&mut session, &seeded, &cases.ids).answers[0].failures.clone();
    let first: Vec<u32> =
        ask(&mut session, &options(&cases, &["repetition-sampled"]), &cases.ids).answers[0].failures.clone();
    assert_ne!((drawn, seeded.seed), (first, 42));
}

/// Oracle: arithmetic on the prompts. A context too short for the published shots gives fewer of them, and the id says so.
#[test]
fn magikarps_shots_fit_the_context() {
    let session = open(DevicePreference::Cpu);
    let tokenizer = session.tokenizer.as_ref().unwrap();
    let options = ScanOptions { oracles: vec!["magikarp-max-prob".into()], ..ScanOptions::default() };
    let ids = |context: usize| {
        let specified = glitchscope::glitch::oracle::panel::specified(tokenizer, &options, context);
        specified.map(|mut specified| specified.pop().unwrap())
    };
    let (spec, prompts) = ids(512).unwrap();
    assert_eq!(spec.id, "magikarp-max-prob");
    assert_eq!(prompts.iter().map(|prompt| prompt.ids.len() - 1).collect::<Vec<_>>(), [41, 1, 101]);
    let (spec, prompts) = ids(256).unwrap();
    let holes = prompts[0].ids.len() - 1;
    assert_eq!(spec.id, format!("magikarp-max-prob-{}-and-50-shots", (holes - 1) / 2));
    assert!(prompts[0].ids.join(&0).len() + 2 <= 256 && (3..41).contains(&holes));
    assert!(ids(100).is_err(), "the question without shots does not fit either");
}

/// Oracle: a report that version 1 wrote (here, cut down to what one question needs) is read as today's.
#[test]
fn a_report_of_version_1_is_read() {
    let json = include_str!("golden/report_version_1.json");
    let report = Report::from_json(json).unwrap();
    assert_eq!(report.schema_version, Report::SCHEMA_VERSION);
    let oracle = &report.provenance.oracle;
    assert_eq!((oracle.id.as_str(), oracle.prompts.len()), ("repetition-zero-shot", 1));
    assert!(oracle.prompts[0].text[0].ends_with("the string '") && oracle.prompts[0].ids.len() == 2);
    assert!(report.panel.is_none() && report.probes[0].value.is_none());
    let again = Report::from_json(&report.to_json().unwrap()).unwrap();
    assert_eq!(again.provenance.oracle, *oracle);
}
