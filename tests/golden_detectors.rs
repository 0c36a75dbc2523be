//! Oracle: NumPy, SciPy and scikit-learn, through tools/reference/detectors.py and indicators.py; for GPT-2, the published Magikarp report.

use std::path::{Path, PathBuf};
use std::rc::Rc;

use crate::common::{published, read_json, skipped};
use glitchscope::checkpoint::source::FolderSource;
use glitchscope::compute::DevicePreference;
use glitchscope::glitch::Embedding;
use glitchscope::glitch::indicators::{Indicator, candidates, indicator};
use glitchscope::glitch::reference_ids::reference_ids;
use glitchscope::graph::{kmeans, kmeans_from};
use glitchscope::progress::Silent;
use glitchscope::session::Session;
use glitchscope::stats::{Svm, SvmOptions, benjamini_hochberg, cohen_kappa, mean_interval};
use glitchscope::tokenizer::TokenClass;
use serde_json::Value;

fn cases() -> Value {
    let golden: Value = read_json(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/detectors.json"));
    golden["cases"].clone()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

fn singles(value: &Value) -> Vec<f32> {
    numbers(value).into_iter().map(|number| number as f32).collect()
}

/// The first place where numbers differ by more than `allowed`; NaN always does.
fn difference(got: &[f64], expected: &[f64], allowed: f64) -> Option<String> {
    if got.len() != expected.len() || got.is_empty() {
        return Some(format!("{} numbers against {}", got.len(), expected.len()));
    }
    let within = |(got, expected): (&f64, &f64)| (got - expected).abs() <= allowed;
    let at = got.iter().zip(expected).position(|pair| !within(pair))?;
    Some(format!("number {at} is {}, expected {} within {allowed:e}", got[at], expected[at]))
}

fn assert_close(what: &str, got: &[f64], expected: &[f64], allowed: f64) {
    if let Some(difference) = difference(got, expected, allowed) {
        panic!("{what}: {difference}");
    }
}

/// Negative control.
#[test]
fn a_difference_is_found() {
    assert!(difference(&[1.0, 2.0], &[1.0, 2.0], 0.0).is_none());
    for (got, expected) in [(vec![1.0, 2.1], vec![1.0, 2.0]), (vec![f64::NAN], vec![1.0]), (vec![1.0], vec![f64::NAN])]
    {
        assert!(difference(&got, &expected, 0.01).is_some(), "{got:?}");
    }
    assert!(difference(&[], &[], 1.0).is_some() && difference(&[1.0], &[1.0, 1.0], 1.0).is_some());
}

fn open(folder: PathBuf) -> (Session, Embedding) {
    let mut session =
        pollster::block_on(Session::open(Rc::new(FolderSource::new(folder)), DevicePreference::Cpu, &mut Silent))
            .unwrap();
    let (rows, columns) = (session.model.architecture.n_vocabulary, session.model.architecture.n_embedding);
    let values = pollster::block_on(session.model.embedding()).unwrap();
    (session, Embedding { rows, columns, values })
}

const NAMED: [(Indicator, &str); 5] = [
    (Indicator::InputNorm, "input_norm"),
    (Indicator::Cosine, "cosine"),
    (Indicator::CentredCosine, "centred_cosine"),
    (Indicator::CosineWithoutFirstComponent, "cosine_without_first_component"),
    (Indicator::Distance, "distance"),
];

#[test]
fn indicators_and_reference_ids_are_numpys() {
    let model = open(Path::new(env!("CARGO_MANIFEST_DIR")).join("www/public/specimen"));
    assert_indicators(model, &cases()["indicators"], 1e-5);
}

/// The same on another tokenizer and another training: every row of stories260K, whose embedding is kept in f32.
#[test]
fn indicators_of_stories260k_are_numpys() {
    let Some(folder) = published("indicators_of_stories260k_are_numpys", "models/stories260K") else { return };
    let golden: Value =
        read_json(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/indicators_stories260K.json"));
    assert_indicators(open(folder), &golden, 1e-5);
}

/// Reference ids, their mutual cosine, the indicators of `ids` (of all rows without them), and how many rows lie below the
/// 2nd percentile.
fn assert_indicators((session, embedding): (Session, Embedding), cases: &Value, allowed: f64) {
    let found = reference_ids(&session.tokens, &embedding).unwrap();
    let expected: Vec<u32> = numbers(&cases["references"]).into_iter().map(|id| id as u32).collect();
    assert_eq!(found.ids, expected);
    assert_close("mutual cosine", &[found.mutual_cosine], &[cases["mutual_cosine"].as_f64().unwrap()], 1e-9);
    let ids: Vec<usize> = match &cases["ids"] {
        Value::Null => (0..embedding.rows).collect(),
        ids => numbers(ids).into_iter().map(|id| id as usize).collect(),
    };
    for (which, name) in NAMED {
        let values = indicator(which, &embedding, &embedding, &[], &found.ids).unwrap();
        let shown: Vec<f64> = ids.iter().map(|&id| values[id]).collect();
        assert_close(name, &shown, &numbers(&cases["values"][name]), allowed);
        let all: Vec<u32> = (0..embedding.rows as u32).collect();
        let limit = cases["percentile_2"][name].as_f64().unwrap();
        // Untrained rows lie together to the last digits, where a limit between them is a matter of rounding.
        let below = |limit: f64| values.iter().filter(|value| **value <= limit).count();
        let found = candidates(&values, &all).len();
        assert!((below(limit - 1e-9)..=below(limit + 1e-9)).contains(&found) && found > 0, "{name}: {found}");
    }
}

#[test]
fn kmeans_is_scikit_learns() {
    let case = &cases()["kmeans"];
    let (x, columns) = (singles(&case["x"]), case["columns"].as_u64().unwrap() as usize);
    let made = kmeans_from(&x, columns, singles(&case["start"])).unwrap();
    let labels: Vec<f64> = made.labels.iter().map(|&label| f64::from(label)).collect();
    assert_close("labels", &labels, &numbers(&case["labels"]), 0.0);
    let centres: Vec<f64> = made.centres.iter().map(|&value| f64::from(value)).collect();
    assert_close("centres", &centres, &numbers(&case["centres"]), 1e-5);
    // Other starts end elsewhere, so the agreement above is not that of any clustering.
    let other = kmeans(&x, columns, 12, 1).unwrap();
    assert_ne!(other.labels, made.labels);
}

#[test]
fn the_support_vector_machine_is_scikit_learns() {
    let case = &cases()["svm"];
    let (x, columns) = (singles(&case["x"]), case["columns"].as_u64().unwrap() as usize);
    let positive: Vec<bool> =
        case["positive"].as_array().unwrap().iter().map(|value| value.as_bool().unwrap()).collect();
    let options = SvmOptions { tolerance: 1e-5, ..SvmOptions::default() };
    let svm = Svm::train(&x, columns, &positive, options).unwrap();
    let decisions: Vec<f64> =
        singles(&case["queries"]).chunks_exact(columns).map(|query| svm.decision(query)).collect();
    let expected = numbers(&case["decisions"]);
    let range = expected.iter().fold(0.0f64, |range, value| range.max(value.abs()));
    assert_close("decisions", &decisions, &expected, 1e-3 * range);
    let unweighted = SvmOptions { c: 0.5, ..options };
    let other = Svm::train(&x, columns, &positive, unweighted).unwrap();
    let changed: Vec<f64> =
        singles(&case["queries"]).chunks_exact(columns).map(|query| other.decision(query)).collect();
    assert!(difference(&changed, &expected, 1e-3 * range).is_some(), "another C must show");
}

#[test]
fn statistics_are_scipys() {
    let case = &cases()["statistics"];
    let adjusted = benjamini_hochberg(&numbers(&case["p_values"]));
    assert_close("Benjamini and Hochberg", &adjusted, &numbers(&case["adjusted"]), 1e-11);
    for kappa in case["kappas"].as_array().unwrap() {
        let counts: Vec<u64> = numbers(&kappa["counts"]).into_iter().map(|count| count as u64).collect();
        let got = cohen_kappa(counts[0], counts[1], counts[2], counts[3]).unwrap();
        assert_close("kappa", &[got], &[kappa["kappa"].as_f64().unwrap()], 1e-12);
    }
    for mean in case["means"].as_array().unwrap() {
        let (got, low, high) = mean_interval(&numbers(&mean["values"]), 0.95).unwrap();
        let expected = ["mean", "low", "high"].map(|key| mean[key].as_f64().unwrap());
        assert_close("Student's interval", &[got, low, high], &expected, 1e-8);
    }
}

/// Magikarp's report on GPT-2 small: the ids with the lowest indicators, and what they are.
const GPT2_LOWEST: [(u32, f64); 26] = [
    (40241, 0.00143921),
    (30905, 0.00145763),
    (39752, 0.00147873),
    (40240, 0.00148576),
    (30898, 0.00153571),
    (45544, 0.00154209),
    (36173, 0.00156629),
    (30212, 0.00158066),
    (42089, 0.00158507),
    (30897, 0.00160545),
    (30208, 0.00763935),
    (23090, 0.022287),
    (37574, 0.036516),
    (31573, 0.0397143),
    (14827, 0.0400726),
    (42066, 0.135858),
    (9364, 0.139732),
    (39749, 0.163166),
    (39142, 0.163535),
    (39714, 0.169225),
    (40219, 0.172416),
    (30899, 0.176264),
    (13150, 0.180166),
    (5815, 0.182786),
    (17629, 0.183995),
    (39655, 0.199313),
];

/// Oracle: cohere-ai/magikarp, results/reports for openai-community/gpt2. Needs its weights:
///
///     GLITCHSCOPE_GPT2=/path/to/gpt2 cargo test --test suite indicators_of_gpt2
#[test]
fn indicators_of_gpt2_are_the_published_ones() {
    let Some(folder) = std::env::var_os("GLITCHSCOPE_GPT2") else {
        skipped(
            "indicators_of_gpt2_are_the_published_ones",
            "GLITCHSCOPE_GPT2 does not name a folder with GPT-2 small (config.json, model.safetensors, tokenizer.json)",
        );
        return;
    };
    let (session, embedding) = open(folder.into());
    assert_eq!((embedding.rows, embedding.columns), (50_257, 768));
    let references: Vec<u32> = (177..=187).collect();
    let values = indicator(Indicator::Cosine, &embedding, &embedding, &[], &references).unwrap();
    for (id, expected) in GPT2_LOWEST {
        assert_close(&format!("token {id}"), &[values[id as usize]], &[expected], 1e-4);
    }
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let deviation = (values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / values.len() as f64).sqrt();
    assert_close("mean and standard deviation", &[mean, deviation], &[0.536, 0.070], 1e-3);
    let class = |wanted: TokenClass| {
        let ids = 0..50_257u32;
        ids.filter(|&id| session.tokens.class[id as usize] == wanted).collect::<Vec<u32>>()
    };
    // Magikarp's classes: single bytes apart from characters are not partial UTF-8, the end of text is ordinary.
    assert_eq!(class(TokenClass::PartialUtf8).len(), 216);
    assert_eq!(class(TokenClass::Unreachable).len(), 0);
    let mut ordinary = class(TokenClass::Ok);
    ordinary.extend(class(TokenClass::Special));
    let found = candidates(&values, &ordinary);
    assert_eq!(found.len(), 999);
    assert_close("2nd percentile", &[values[found[998] as usize]], &[0.424], 1e-3);
    let automatic = reference_ids(&session.tokens, &embedding).unwrap();
    assert!(references.iter().all(|id| automatic.ids.contains(id)), "{automatic:?}");
}
