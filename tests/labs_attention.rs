//! Oracle: PyTorch and transformers with eager attention (tests/golden/attention, written by tools/reference/attention.py;
//! tests/golden/models, by tools/reference/tiny_models.py), SciPy for the statistics, HF tokenizers for ids and offsets,
//! closed forms, and, where GLITCHSCOPE_ATTENTION_REFERENCE names it, the study's own table of shares.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::rc::Rc;

use crate::common::{Impatient, device_names, devices, read_json, read_safetensors, skipped};
use glitchscope::checkpoint::Config;
use glitchscope::checkpoint::TensorFile;
use glitchscope::checkpoint::source::{FolderSource, MemorySource, Source};
use glitchscope::compute::ops::attention::Attention;
use glitchscope::compute::ops::attention_stats::AttentionStats;
use glitchscope::compute::ops::attention_sums::AttentionSums;
use glitchscope::compute::quant::Quantised;
use glitchscope::compute::{DType, Device, DevicePreference, Op, Recording, Tensor};
use glitchscope::engine::Model;
use glitchscope::engine::attention::Progress;
use glitchscope::engine::forward::{PassShape, PassTensors, record};
use glitchscope::engine::kv_cache::KvCache;
use glitchscope::engine::training::{Trainer, TrainingOptions};
use glitchscope::error::Error;
use glitchscope::labs::attention::comparison::{AttentionComparison, ComparedModel, ComparisonLevel, of_shares};
use glitchscope::labs::attention::npy::{NpyFile, read_npy};
use glitchscope::labs::attention::request::{AttentionRequest, ByteSpan, Concept, Exclusion, MarkedText, Preset};
use glitchscope::labs::attention::result::{AttentionResult, AttentionWarning};
use glitchscope::labs::attention::share::share;
use glitchscope::labs::attention::statistics::{Statistics, StatisticsOptions};
use glitchscope::labs::attention::{
    AttentionError, compare, example, map, measure, parse_marks, read_csv, tokens_of, write_csv,
};
use glitchscope::progress::Silent;
use glitchscope::session::{OpenOptions, Session};
use pollster::block_on;
use serde::Deserialize;

const ALONE: Progress = Progress { before: 0, total: 1 };

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn specimen(name: &str) -> PathBuf {
    root().join("www/public").join(name)
}

fn open(folder: &Path, device: DevicePreference) -> Session {
    block_on(Session::open(Rc::new(FolderSource::new(folder)), device, &mut Silent)).unwrap()
}

fn measured(session: &mut Session, request: &AttentionRequest) -> AttentionResult {
    block_on(measure(session, request, &mut Silent)).unwrap()
}

/// Largest and mean absolute difference; infinite where one of the two is missing or NaN.
fn apart(got: &[f64], expected: &[f64]) -> (f64, f64) {
    assert_eq!(got.len(), expected.len());
    let each = got.iter().zip(expected).map(|(got, expected)| {
        let difference = (got - expected).abs();
        if difference.is_nan() { f64::INFINITY } else { difference }
    });
    let (sum, largest) =
        each.fold((0.0, 0.0f64), |(sum, largest), difference| (sum + difference, largest.max(difference)));
    (largest, sum / got.len() as f64)
}

/// Negative control of the comparer.
#[test]
fn differences_and_nan_are_seen() {
    assert_eq!(apart(&[1.0, 2.0], &[1.0, 2.5]), (0.5, 0.25));
    assert!(apart(&[1.0, f64::NAN], &[1.0, 2.0]).0 > 1e300);
}

// B1, B3, B6: both specimens against transformers.

#[derive(Deserialize)]
struct Golden {
    models: Vec<GoldenModel>,
}

#[derive(Deserialize)]
struct GoldenModel {
    folder: String,
    sha256: String,
    texts: Vec<GoldenText>,
}

#[derive(Deserialize)]
struct GoldenText {
    name: String,
    marked: Option<String>,
    text: String,
    spans: Vec<(u32, u32)>,
    ids: Vec<u32>,
    offsets: Vec<(u32, u32)>,
    concept: Vec<u32>,
    excluded: Vec<u32>,
    shares: Vec<f64>,
    received: Vec<f64>,
    row: Vec<f64>,
}

fn golden() -> Golden {
    read_json(&root().join("tests/golden/attention/models.json"))
}

fn request_of(texts: &[GoldenText]) -> AttentionRequest {
    let texts = texts
        .iter()
        .map(|text| match &text.marked {
            Some(marked) => parse_marks(&text.name, marked).unwrap(),
            None => {
                let spans = text.spans.iter().map(|&(start, end)| ByteSpan { start, end }).collect();
                let concept = Concept { name: text.name.clone(), spans, tokens: None };
                MarkedText {
                    name: text.name.clone(),
                    text: text.text.clone(),
                    concepts: vec![concept],
                    ..MarkedText::default()
                }
            }
        })
        .collect();
    AttentionRequest { texts, ..AttentionRequest::default() }
}

#[test]
fn the_specimens_agree_with_transformers() {
    for model in golden().models {
        for device in devices("the_specimens_agree_with_transformers") {
            let name = format!("{} on {device:?}", model.folder);
            let mut session = open(&specimen(&model.folder), device);
            let weights = session.info.model.files.iter().find(|file| file.name == "model.safetensors").unwrap();
            assert_eq!(weights.sha256.as_deref(), Some(model.sha256.as_str()), "{name}: fixtures of other weights");
            let request = request_of(&model.texts);
            let result = measured(&mut session, &request);
            let (mut got, mut expected) = (Vec::new(), Vec::new());
            for (i, (text, golden)) in result.texts.iter().zip(&model.texts).enumerate() {
                let place = format!("{name}, {}", golden.name);
                let tokens = &text.tokens;
                assert!(tokens.tokens.iter().map(|token| token.id).eq(golden.ids.iter().copied()), "{place}: ids");
                let offsets = tokens.tokens.iter().map(|token| (token.start, token.end));
                assert!(offsets.eq(golden.offsets.iter().copied()), "{place}: offsets");
                assert_eq!(tokens.concepts[0].tokens, golden.concept, "{place}: concept");
                let excluded: Vec<u32> =
                    (0..).zip(&tokens.tokens).filter(|(_, token)| token.excluded).map(|(i, _)| i).collect();
                assert_eq!(excluded, golden.excluded, "{place}: excluded");
                let spans: Vec<(u32, u32)> =
                    request.texts[i].concepts[0].spans.iter().map(|span| (span.start, span.end)).collect();
                assert_eq!(spans, golden.spans, "{place}: spans");
                got.extend(text.concepts[0].shares.iter().map(|share| share.unwrap()));
                expected.extend(&golden.shares);
                let received: Vec<f64> = text.received.iter().map(|&part| f64::from(part)).collect();
                assert!(apart(&received, &golden.received).0 <= 1e-5, "{place}: received");
                assert!((received.iter().sum::<f64>() - 1.0).abs() <= 1e-5, "{place}: received adds up to 1");
            }
            let (largest, mean) = apart(&got, &expected);
            eprintln!("{name}: shares differ by {largest:.1e} at most, {mean:.1e} in the mean");
            assert!(largest <= 1e-4 && mean <= 1e-5, "{name}: {largest:e} at most, {mean:e} in the mean");

            let last = model.texts.len() - 1;
            let maps = block_on(map(&mut session, &request, last, 1, 2, &mut Silent)).unwrap();
            let n = model.texts[last].ids.len();
            assert_eq!(maps.len(), n * n);
            let row: Vec<f64> = maps[n * (n - 1)..].iter().map(|&weight| f64::from(weight)).collect();
            assert!(apart(&row, &model.texts[last].row).0 <= 5e-4, "{name}: the map");
        }
    }
}

// B2: the kernels alone.

#[test]
fn the_kernels_agree_with_an_eager_softmax_in_f64() {
    let golden = read_safetensors(&root().join("tests/golden/attention/kernel.safetensors"));
    for device in devices("the_kernels_agree_with_an_eager_softmax_in_f64") {
        let mut on = block_on(Device::request(device)).unwrap();
        for case in ["short", "sink", "strong_sink"] {
            let (q_shape, q) = &golden[&format!("{case}.q")];
            let (k_shape, k) = &golden[&format!("{case}.k")];
            let (_, expected) = &golden[&format!("{case}.sums")];
            let (tokens, heads, head_size, kv_heads) = (q_shape[0], q_shape[1], q_shape[2], k_shape[1]);
            let op = Attention::causal(heads, kv_heads, head_size, tokens, 0);
            let qkv = Tensor::new("qkv", &[tokens, heads * head_size], DType::F32);
            let slots = Tensor::new("slots", &[1], DType::U32);
            let keys = Tensor::new("keys", &[1, tokens, kv_heads * head_size], DType::F32);
            let stats = Tensor::new("stats", &[tokens, 2 * heads], DType::F32);
            let sums = Tensor::new("sums", &[1, heads, tokens], DType::F32);
            on.write_f32(&qkv, q).unwrap();
            on.write_f32(&keys, k).unwrap();
            on.write_u32(&slots, &[0]).unwrap();
            let mut recording = Recording::new();
            let first = Op::AttentionStats(AttentionStats { attention: op.clone() });
            recording.push(first, &[&qkv, &slots, &keys], &[&stats]).unwrap();
            let second = Op::AttentionSums(AttentionSums { attention: op });
            recording.push(second, &[&qkv, &slots, &keys, &stats], &[&sums]).unwrap();
            block_on(on.run(&recording)).unwrap();
            let got = block_on(on.read_f32(&sums)).unwrap();
            let excluded: Vec<bool> = (0..tokens).map(|i| i == 0 || i % 7 == 3).collect();
            for (got, expected) in got.chunks(tokens).zip(expected.chunks(tokens)) {
                let total: f64 = got.iter().map(|&sum| f64::from(sum)).sum();
                assert!((total / tokens as f64 - 1.0).abs() <= 1e-5, "{case} on {device:?}: {total} of {tokens}");
                for (got, expected) in got.iter().zip(expected) {
                    assert!((got / expected - 1.0).abs() <= 1e-5, "{case} on {device:?}: {got} instead of {expected}");
                }
                for concept in [&[1, 2, 4][..], &[20, 21, 22, 23, 30]] {
                    let (got, expected) =
                        (share(got, concept, &excluded).unwrap(), share(expected, concept, &excluded).unwrap());
                    assert!((got - expected).abs() <= 1e-6, "{case} on {device:?}: {got} instead of {expected}");
                }
            }
        }
    }
}

// B3, B6: every family, against the maps that PyTorch gave.

#[derive(Deserialize)]
struct Rows {
    rows: Vec<Vec<u32>>,
}

fn tiny_models() -> Vec<PathBuf> {
    let folders = std::fs::read_dir(root().join("tests/golden/models")).unwrap();
    let mut folders: Vec<PathBuf> = folders.map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    assert!(folders.len() >= 27, "the golden models are missing: python tools/reference/tiny_models.py");
    folders
}

/// (H,T,T) maps as one list of column sums a head.
fn columns(maps: &[f32], tokens: usize) -> Vec<Vec<f32>> {
    maps.chunks(tokens * tokens)
        .map(|map| (0..tokens).map(|j| map.chunks(tokens).map(|row| f64::from(row[j])).sum::<f64>() as f32).collect())
        .collect()
}

/// PyTorch's maps of a tiny model, head by head in the order of the layers.
fn golden_columns(folder: &Path, tokens: usize) -> Vec<Vec<f32>> {
    let maps = read_safetensors(&folder.join("attentions.safetensors"));
    match maps.get("attentions") {
        Some((_, weights)) => columns(weights, tokens),
        None => (0..maps.len()).flat_map(|i| columns(&maps[&format!("attentions.{i}")].1, tokens)).collect(),
    }
}

fn sums(model: &mut Model, ids: &[u32]) -> Vec<Vec<f32>> {
    let layers = block_on(model.attention_sums(ids, ALONE, &mut Silent)).unwrap();
    layers.iter().flat_map(|layer| layer.sums.chunks(layer.tokens).map(<[f32]>::to_vec)).collect()
}

/// Shares of every single token, of every head, the first token being excluded.
fn single_shares(columns: &[Vec<f32>]) -> Vec<f64> {
    let mut shares = Vec::new();
    for sums in columns {
        let excluded: Vec<bool> = (0..sums.len()).map(|i| i == 0).collect();
        shares.extend((1..sums.len() as u32).map(|j| share(sums, &[j], &excluded).unwrap()));
    }
    shares
}

#[test]
fn every_family_agrees_with_pytorch() {
    let mut worst = 0.0f64;
    for folder in tiny_models() {
        let ids = read_json::<Rows>(&folder.join("expected.json")).rows.swap_remove(0);
        let expected = golden_columns(&folder, ids.len());
        for device in devices("every_family_agrees_with_pytorch") {
            let name = format!("{} on {device:?}", folder.display());
            let mut session = open(&folder, device);
            let got = sums(&mut session.model, &ids);
            assert_eq!(got.len(), expected.len(), "{name}: heads");
            let (largest, mean) = apart(&single_shares(&got), &single_shares(&expected));
            assert!(largest <= 1e-4 && mean <= 1e-5, "{name}: {largest:e} at most, {mean:e} in the mean");
            worst = worst.max(largest);
            // Mode A: the same model's own maps, added up here.
            let maps = block_on(session.model.attentions(&ids)).unwrap();
            let own: Vec<Vec<f32>> = maps.iter().flat_map(|layer| columns(&layer.weights, layer.tokens)).collect();
            for (got, own) in got.iter().flatten().zip(own.iter().flatten()) {
                assert!((got - own).abs() <= 1e-5 * own.abs().max(0.1), "{name}: {got} and {own} from the maps");
            }
            let (largest, _) = apart(&single_shares(&got), &single_shares(&own));
            assert!(largest <= 1e-6, "{name}: {largest:e} between sums and maps");
            // One head's map is that of all maps.
            let last = maps.len() - 1;
            let head = maps[last].n_heads - 1;
            let one = block_on(session.model.attention_map(&ids, last, head, &mut Silent)).unwrap();
            let size = ids.len() * ids.len();
            let all = &maps[last].weights[head * size..][..size];
            for (one, all) in one.iter().zip(all) {
                assert!((one - all).abs() <= 1e-5, "{name}: {one} and {all}");
            }
        }
    }
    eprintln!("every family: shares of single tokens differ from PyTorch's by {worst:.1e} at most");
}

// B4, B5: rounded weights.

/// A tiny model with its weights in other types: what `change` makes of its F32 tensors.
fn rounded(folder: &Path) -> Option<MemorySource> {
    let file =
        TensorFile::from_bytes("model.safetensors", &std::fs::read(folder.join("model.safetensors")).unwrap()).ok()?;
    let header = read_safetensors_types(&folder.join("model.safetensors"));
    if header.values().any(|dtype| dtype != "F32") {
        return None;
    }
    let mut entries = serde_json::Map::new();
    let mut body: Vec<u8> = Vec::new();
    for name in header.keys() {
        let (shape, values) = file.f32s(name)?;
        let start = body.len();
        body.extend(values.iter().flat_map(|&value| half::f16::from_f32(value).to_le_bytes()));
        let entry = serde_json::json!({ "dtype": "F16", "shape": shape, "data_offsets": [start, body.len()] });
        entries.insert(name.clone(), entry);
    }
    let mut header = serde_json::to_vec(&entries).unwrap();
    header.resize(header.len().next_multiple_of(8), b' ');
    let bytes = [&(header.len() as u64).to_le_bytes()[..], &header, &body].concat();
    let config = std::fs::read(folder.join("config.json")).unwrap();
    let files = [("model.safetensors".to_owned(), bytes), ("config.json".to_owned(), config)];
    Some(MemorySource::new("rounded", HashMap::from(files)))
}

fn read_safetensors_types(path: &Path) -> HashMap<String, String> {
    let bytes = std::fs::read(path).unwrap();
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let header: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
    let tensors = header.into_iter().filter(|(name, _)| name != "__metadata__");
    tensors.map(|(name, entry)| (name, entry["dtype"].as_str().unwrap().to_owned())).collect()
}

/// Spearman's.
fn rank_correlation(a: &[f64], b: &[f64]) -> f64 {
    let ranks = |values: &[f64]| -> Vec<f64> {
        let mut order: Vec<usize> = (0..values.len()).collect();
        order.sort_by(|&i, &j| values[i].total_cmp(&values[j]));
        let mut ranks = vec![0.0; values.len()];
        for (rank, &i) in order.iter().enumerate() {
            ranks[i] = rank as f64;
        }
        ranks
    };
    let (a, b) = (ranks(a), ranks(b));
    let squares: f64 = a.iter().zip(&b).map(|(a, b)| (a - b).powi(2)).sum();
    let n = a.len() as f64;
    1.0 - 6.0 * squares / (n * (n * n - 1.0))
}

#[test]
fn weights_in_f16_agree_with_pytorch_in_f32() {
    let (mut got, mut expected, mut models) = (Vec::new(), Vec::new(), 0);
    let mut wanted = vec![DevicePreference::Cpu];
    match block_on(Device::request(DevicePreference::GpuF16)) {
        Ok(_) => wanted.push(DevicePreference::GpuF16),
        Err(error) => skipped("weights_in_f16_agree_with_pytorch_in_f32 on the GPU in f16", &error.to_string()),
    }
    for folder in tiny_models() {
        let Some(source) = rounded(&folder) else { continue };
        models += 1;
        let ids = read_json::<Rows>(&folder.join("expected.json")).rows.swap_remove(0);
        for &device in &wanted {
            let mut session = block_on(Session::open(Rc::new(source.clone()), device, &mut Silent)).unwrap();
            got.extend(single_shares(&sums(&mut session.model, &ids)));
            expected.extend(single_shares(&golden_columns(&folder, ids.len())));
        }
    }
    assert!(models >= 2, "only {models} tiny models are stored in F32");
    let ((largest, mean), rank) = (apart(&got, &expected), rank_correlation(&got, &expected));
    eprintln!("f16, {models} models: {largest:.1e} at most, {mean:.1e} in the mean, rank correlation {rank:.6}");
    assert!(largest <= 1e-2 && mean <= 5e-4 && rank >= 0.999, "{largest:e}, {mean:e}, {rank}");
    // Negative control: a share that another head has is not one.
    expected.rotate_left(1);
    assert!(apart(&got, &expected).0 > 1e-2 && rank_correlation(&got, &expected) < 0.999);
}

/// The oracle is the engine in f32 on the weights as they were rounded, which the tests above hold to PyTorch.
#[test]
fn quantised_weights_agree_with_themselves_in_f32() {
    let source: Rc<dyn Source> = Rc::new(FolderSource::new(specimen("specimen")));
    for device in devices("quantised_weights_agree_with_themselves_in_f32") {
        let options = OpenOptions { device, weights: Some(Quantised::Int8) };
        let mut session = block_on(Session::open_with(source.clone(), options, &mut Silent)).unwrap();
        let request = AttentionRequest { texts: example().texts[..3].to_vec(), ..AttentionRequest::default() };
        let got = measured(&mut session, &request);
        assert!(got.model.stored_types.iter().any(|(name, _)| name == "Q8_0"), "{:?}", got.model.stored_types);
        let mut widened = MemorySource::new("widened", HashMap::new());
        for file in ["config.json", "tokenizer.json", "tokenizer_config.json"] {
            widened.insert(file, std::fs::read(specimen("specimen").join(file)).unwrap());
        }
        let trainer = block_on(Trainer::new(&mut session.model, TrainingOptions::default().settings())).unwrap();
        let exported = block_on(trainer.export(&mut session.model)).unwrap();
        widened.insert("model.safetensors", exported.to_bytes());
        let mut reference = block_on(Session::open(Rc::new(widened), DevicePreference::Cpu, &mut Silent)).unwrap();
        let expected = measured(&mut reference, &request);
        let shares = |result: &AttentionResult| -> Vec<f64> {
            result
                .texts
                .iter()
                .flat_map(|text| &text.concepts)
                .flat_map(|concept| &concept.shares)
                .map(|share| share.unwrap())
                .collect()
        };
        let (largest, mean) = apart(&shares(&got), &shares(&expected));
        assert!(largest <= 1e-4 && mean <= 1e-5, "{device:?}: {largest:e} at most, {mean:e} in the mean");
        // What rounding did to the model is another, larger number.
        let stored = measured(&mut open(&specimen("specimen"), DevicePreference::Cpu), &request);
        let (rounded, _) = apart(&shares(&got), &shares(&stored));
        eprintln!(
            "int8 on {device:?}: {largest:.1e} from the same weights in f32, {rounded:.1e} from the weights as stored"
        );
        assert!(rounded > largest, "rounding changed nothing: {rounded:e}");
    }
}

// B8, B9: the study's own table, when somebody has it. It is under a licence that forbids to keep it here.

#[test]
fn the_study_s_table() {
    const TEST: &str = "the_study_s_table";
    let Some(folder) = std::env::var_os("GLITCHSCOPE_ATTENTION_REFERENCE").map(PathBuf::from) else {
        return skipped(TEST, "GLITCHSCOPE_ATTENTION_REFERENCE names no folder with the study's proportions_data.csv");
    };
    let file = folder.join("proportions_data.csv");
    let Ok(bytes) = std::fs::read(&file) else { return skipped(TEST, &format!("{} does not exist", file.display())) };
    let table = read_csv("proportions_data.csv", &bytes, &StatisticsOptions::default()).unwrap();
    assert_eq!((table.concepts.len(), table.models.len()), (7, 3));
    // Mean shares, then mean, skewness, kurtosis, entropy and per cent below zero of both differences, as recomputed in R.
    type Row = (&'static str, [f64; 3], [f64; 5], [f64; 5]);
    const EXPECTED: [Row; 7] = [
        (
            "facet-1",
            [0.0904, 0.0864, 0.0903],
            [-0.0040, -1.6900, 14.052, 1.1106, 55.0],
            [-0.0001, 0.2678, 10.025, 1.2910, 48.0],
        ),
        (
            "facet-2",
            [0.1331, 0.1251, 0.1337],
            [-0.0080, -0.8791, 6.845, 1.3994, 62.0],
            [0.0006, -0.0761, 6.801, 1.3707, 46.0],
        ),
        (
            "facet-3",
            [0.3778, 0.3544, 0.3610],
            [-0.0234, -0.8392, 7.367, 1.3845, 68.0],
            [-0.0168, -0.1569, 4.080, 1.7116, 62.0],
        ),
        (
            "facet-4",
            [0.5901, 0.5666, 0.5866],
            [-0.0236, 1.1402, 12.348, 1.2704, 70.0],
            [-0.0035, 1.3295, 11.429, 1.2934, 56.0],
        ),
        (
            "facet-5",
            [0.3039, 0.2914, 0.3082],
            [-0.0126, -0.3261, 6.318, 1.3808, 64.0],
            [0.0042, 0.3901, 5.444, 1.5237, 44.0],
        ),
        (
            "facet-6",
            [0.0467, 0.0414, 0.0473],
            [-0.0053, -1.6475, 9.744, 1.3697, 73.0],
            [0.0006, 0.6033, 7.238, 1.4793, 49.0],
        ),
        (
            "thematic",
            [0.0587, 0.0561, 0.0549],
            [-0.0025, -0.7694, 5.545, 1.6059, 63.0],
            [-0.0038, -0.2305, 5.058, 1.6286, 69.0],
        ),
    ];
    let printed = |got: f64, expected: f64, unit: f64, what: &str| {
        assert!((got - expected).abs() <= 0.501 * unit, "{what}: {got} instead of {expected}");
    };
    for (name, shares, first, second) in EXPECTED {
        let c = table.concepts.iter().position(|concept| concept.name == name).unwrap_or_else(|| panic!("no {name}"));
        for (statistics, expected) in table.concepts[c].statistics.iter().zip(shares) {
            printed(statistics.as_ref().unwrap().mean, expected, 1e-4, name);
        }
        for (pair, expected) in table.pairs.iter().zip([first, second]) {
            let found = pair.concepts[c].statistics.as_ref().unwrap();
            printed(found.mean, expected[0], 1e-4, name);
            printed(found.skewness.unwrap(), expected[1], 1e-4, name);
            printed(found.kurtosis.unwrap(), expected[2], 1e-3, name);
            printed(found.entropy.unwrap(), expected[3], 1e-4, name);
            printed(100.0 * found.negative, expected[4], 1.0, name);
            assert_eq!(found.histogram.as_ref().unwrap().counts.iter().sum::<u32>(), 1024);
        }
        // What follows from the table and is not in it: third minus second.
        let third = table.pairs[2].concepts[c].statistics.as_ref().unwrap();
        assert!(third.skewness.unwrap() > 0.0, "{name}");
    }
    let at = |name: &str| table.concepts.iter().position(|concept| concept.name == name).unwrap();
    for (name, layer, head, expected) in [
        ("facet-2", 0, 0, [0.0393134, 0.0370490, 0.0365822]),
        ("facet-6", 3, 31, [0.176875, 0.110473, 0.209927]),
        ("facet-2", 28, 16, [0.390471, 0.321427, 0.431063]),
        ("facet-2", 26, 16, [0.125223, 0.115910, 0.174979]),
    ] {
        for (shares, expected) in table.concepts[at(name)].shares.iter().zip(expected) {
            assert!((shares[32 * layer + head].unwrap() - expected).abs() <= 1e-6, "{name} L{layer} H{head}");
        }
    }
    for (name, pair, layer, expected) in [
        ("facet-6", 0, 3, -0.0254),
        ("facet-3", 0, 16, -0.0684),
        ("facet-3", 0, 8, 0.0370),
        ("facet-4", 0, 18, -0.0833),
        ("facet-4", 1, 2, 0.0544),
        ("facet-5", 1, 2, 0.0390),
        ("facet-2", 0, 31, -0.0230),
        ("facet-1", 0, 12, -0.0196),
        ("thematic", 1, 6, -0.0111),
    ] {
        let means: Vec<f64> =
            table.pairs[pair].concepts[at(name)].layer_means.iter().map(|mean| mean.unwrap()).collect();
        printed(means[layer], expected, 1e-4, name);
        let extreme =
            means.iter().all(|mean| if expected < 0.0 { *mean >= means[layer] } else { *mean <= means[layer] });
        assert!(extreme, "{name}: layer {layer} is not the extreme");
    }
    // B15's means: .npy matrices beside the table, named by concept and model.
    let files: Vec<(String, String, Vec<u8>)> = table
        .concepts
        .iter()
        .flat_map(|concept| table.models.iter().map(move |model| (concept.name.clone(), model.name.clone())))
        .filter_map(|(concept, model)| {
            let bytes = std::fs::read(folder.join(format!("{concept}-{model}.npy"))).ok()?;
            Some((concept, model, bytes))
        })
        .collect();
    if files.len() != 21 {
        return skipped(
            TEST,
            &format!("{} of 21 .npy files named <concept>-<column>.npy are beside the table", files.len()),
        );
    }
    let files: Vec<NpyFile> = files.iter().map(|(concept, model, bytes)| NpyFile { model, concept, bytes }).collect();
    let arrays = read_npy(&files, &StatisticsOptions::default()).unwrap();
    for (array, concept) in arrays.concepts.iter().zip(&table.concepts) {
        for (a, b) in array.shares.iter().flatten().zip(concept.shares.iter().flatten()) {
            assert!((a.unwrap() - b.unwrap()).abs() <= 1e-6, "{}", concept.name);
        }
    }
}

// The statistics, against SciPy.

#[derive(Deserialize)]
struct Cases {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    values: Vec<f64>,
    mean: f64,
    median: f64,
    sd: f64,
    negative: f64,
    skewness: f64,
    kurtosis: f64,
    entropy: f64,
    counts: Vec<u32>,
    edges: Vec<f64>,
}

#[test]
fn statistics_agree_with_scipy() {
    let cases: Cases = read_json(&root().join("tests/golden/attention/statistics.json"));
    for case in cases.cases {
        let values: Vec<Option<f64>> = case.values.iter().map(|&value| Some(value)).collect();
        let heads = if values.len() == 256 { vec![16; 16] } else { vec![1, 1] };
        let found = Statistics::of(&values, &heads, &StatisticsOptions::default()).unwrap();
        for (got, expected, what) in [
            (found.mean, case.mean, "mean"),
            (found.median, case.median, "median"),
            (found.sd.unwrap(), case.sd, "sd"),
            (found.negative, case.negative, "negative"),
            (found.skewness.unwrap(), case.skewness, "skewness"),
            (found.kurtosis.unwrap(), case.kurtosis, "kurtosis"),
            (found.entropy.unwrap(), case.entropy, "entropy"),
        ] {
            assert!(
                (got - expected).abs() <= 1e-9 * expected.abs().max(1e-3),
                "{}, {what}: {got}, {expected}",
                case.name
            );
        }
        let histogram = found.histogram.unwrap();
        assert_eq!(histogram.counts, case.counts, "{}", case.name);
        assert!(apart(&histogram.edges, &case.edges).0 <= 1e-12, "{}", case.name);
        let interval = found.interval.unwrap();
        assert!(interval.low <= found.mean && found.mean <= interval.high, "{}: {interval:?}", case.name);
    }
}

// B10, B11: differences.

fn three_models() -> AttentionComparison {
    let mut results = Vec::new();
    for name in ["specimen", "specimen-legal"] {
        results.push(measured(&mut open(&specimen(name), DevicePreference::Cpu), &example()));
    }
    let options = OpenOptions { device: DevicePreference::Cpu, weights: Some(Quantised::Int4) };
    let source = Rc::new(FolderSource::new(specimen("specimen")));
    let mut third = block_on(Session::open_with(source, options, &mut Silent)).unwrap();
    results.push(measured(&mut third, &example()));
    compare(&results, &StatisticsOptions::default()).unwrap()
}

/// The worked example shows a real difference, and says how large.
#[test]
fn three_models_and_their_differences() {
    let comparison = three_models();
    assert_eq!(comparison.level, ComparisonLevel::Heads);
    let pairs: Vec<(u32, u32)> = comparison.pairs.iter().map(|pair| (pair.old, pair.new)).collect();
    assert_eq!(pairs, [(0, 1), (0, 2), (1, 2)]);
    for c in 0..comparison.concepts.len() {
        let differences: Vec<&Vec<Option<f64>>> =
            comparison.pairs.iter().map(|pair| &pair.concepts[c].differences).collect();
        for head in 0..16 {
            let [ba, ca, cb] = [0, 1, 2].map(|pair| differences[pair][head].unwrap());
            assert!((ca - (ba + cb)).abs() <= 1e-12, "{ca} is not {ba} + {cb}");
        }
    }
    let mean = |pair: usize| -> f64 {
        let sizes = comparison.pairs[pair].recurrent.iter().map(|head| head.mean_size);
        sizes.sum::<f64>() / comparison.pairs[pair].recurrent.len() as f64
    };
    eprintln!(
        "continued on legal text: a head's share differs by {:.4} in the mean; rounded to int4: {:.4}",
        mean(0),
        mean(1)
    );
    // Far above what f32 and f16 can do to a share.
    assert!(mean(0) > 0.005, "{}", mean(0));
    let csv = write_csv(&comparison).unwrap();
    assert_eq!(csv.lines().count(), 1 + 16 * comparison.concepts.len());
    let again = read_csv("own.csv", csv.as_bytes(), &StatisticsOptions::default()).unwrap();
    assert_eq!((&again.concepts, &again.pairs), (&comparison.concepts, &comparison.pairs));
    // Numbers that JSON carries come back as they were.
    let json = serde_json::to_string(&comparison).unwrap();
    assert_eq!(serde_json::from_str::<AttentionComparison>(&json).unwrap(), comparison);
    // Negative controls: columns in another order, a row twice, a row missing, no number.
    let broken = |change: &dyn Fn(&mut Vec<String>)| {
        let mut lines: Vec<String> = csv.lines().map(String::from).collect();
        change(&mut lines);
        read_csv("own.csv", lines.join("\n").as_bytes(), &StatisticsOptions::default()).unwrap_err().to_string()
    };
    let swapped = broken(&|lines| {
        for line in lines.iter_mut().skip(1) {
            let mut cells: Vec<&str> = line.split(',').collect();
            cells.swap(6, 7);
            *line = cells.join(",");
        }
    });
    assert!(swapped.contains("not in the order"), "{swapped}");
    let twice = broken(&|lines| lines.push(lines[3].clone()));
    assert!(twice.contains("there before"), "{twice}");
    assert!(broken(&|lines| drop(lines.remove(3))).contains("missing"));
    assert!(broken(&|lines| lines[5] = lines[5].replace(",0.", ",x.")).contains("not a number"));
    assert!(broken(&|lines| lines.truncate(1)).contains("no rows"));
    assert!(broken(&|lines| lines[0] = lines[0].replace("head_idx", "head")).contains("head_idx"));
}

#[test]
fn a_model_does_not_differ_from_itself() {
    let result = measured(&mut open(&specimen("specimen"), DevicePreference::Cpu), &example());
    let again = measured(&mut open(&specimen("specimen"), DevicePreference::Cpu), &example());
    let comparison = compare(&[result, again], &StatisticsOptions::default()).unwrap();
    for concept in &comparison.pairs[0].concepts {
        assert!(concept.differences.iter().all(|difference| *difference == Some(0.0)));
        let found = concept.statistics.as_ref().unwrap();
        assert_eq!((found.mean, found.median, found.negative, found.sd), (0.0, 0.0, 0.0, Some(0.0)));
        assert_eq!((found.skewness, found.kurtosis, found.entropy, &found.histogram), (None, None, None, &None));
    }
    assert!(!serde_json::to_string(&comparison).unwrap().contains("NaN"));
}

/// Oracle: by hand. Another tokenizer's tokens are aligned by the bytes they stand for.
#[test]
fn other_tokens_are_aligned_by_bytes() {
    let request = AttentionRequest {
        texts: vec![parse_marks("t", "The miller has [[a bucket]] of silver.").unwrap()],
        ..AttentionRequest::default()
    };
    let first = measured(&mut open(&specimen("specimen"), DevicePreference::Cpu), &request);
    // As if another tokenizer had one token for what are two here.
    let mut other = first.clone();
    other.model.name = "other".into();
    let text = &mut other.texts[0];
    let merged = text.tokens.concepts[0].tokens[0] as usize;
    let behind = text.tokens.tokens.remove(merged + 1);
    text.tokens.tokens[merged].end = behind.end;
    text.tokens.tokens[merged].piece.push_str(&behind.piece);
    let received = text.received.remove(merged + 1);
    text.received[merged] += received;
    let comparison = compare(&[first.clone(), other], &StatisticsOptions::default()).unwrap();
    assert_eq!(comparison.level, ComparisonLevel::Spans);
    assert!(!comparison.notes.is_empty() && comparison.pairs[0].concepts[0].differences.is_empty());
    assert_eq!(comparison.pairs[0].concepts[0].mean, Some(0.0));
    let pieces = &comparison.texts[0].pieces;
    // Every piece is as large in both, and together they are all but the beginning of text.
    for piece in pieces {
        assert!((piece.received[0] - piece.received[1]).abs() <= 1e-6, "{piece:?}");
    }
    let sum: f64 = pieces.iter().map(|piece| piece.received[0]).sum();
    assert!((sum + f64::from(first.texts[0].received[0]) - 1.0).abs() <= 1e-5, "{sum}");
    let text = &request.texts[0].text;
    let words: Vec<&str> = pieces.iter().map(|piece| &text[piece.start as usize..piece.end as usize]).collect();
    assert!(words.contains(&"a bucket"), "{words:?}");
    assert!(write_csv(&comparison).unwrap_err().to_string().contains("head by head"));
    // Other heads: means and curves, nothing head by head.
    let mut deeper = first.clone();
    deeper.heads = vec![8, 8];
    let comparison = compare(&[first.clone(), deeper], &StatisticsOptions::default()).unwrap();
    assert_eq!(comparison.level, ComparisonLevel::Curves);
    // Other texts cannot be compared.
    let mut elsewhere = first.clone();
    elsewhere.texts[0].tokens.sha256 = "0".into();
    assert!(matches!(
        compare(&[first.clone(), elsewhere], &StatisticsOptions::default()),
        Err(AttentionError::OtherRequest { .. })
    ));
    let four = vec![first; 4];
    assert!(matches!(compare(&four, &StatisticsOptions::default()), Err(AttentionError::Models { got: 4, .. })));
}

// B12: degenerate inputs.

#[test]
fn degenerate_inputs_get_a_message() {
    let mut session = open(&specimen("specimen"), DevicePreference::Cpu);
    let request = |marked: &str, preset| AttentionRequest {
        texts: vec![parse_marks("t", marked).unwrap()],
        exclusion: Exclusion { preset, pieces: Vec::new() },
    };
    let refused =
        |session: &mut Session, request: &AttentionRequest| match block_on(measure(session, request, &mut Silent)) {
            Err(Error::Attention(error)) => error,
            Err(error) => panic!("{error}"),
            Ok(_) => panic!("it was measured"),
        };
    assert!(matches!(refused(&mut session, &request("no marks", Preset::None)), AttentionError::NoConcepts { .. }));
    assert!(matches!(refused(&mut session, &request(" ", Preset::None)), AttentionError::EmptyText { .. }));
    assert!(matches!(refused(&mut session, &AttentionRequest::default()), AttentionError::NoTexts));
    let mut empty = request("[[a]] b", Preset::None);
    empty.texts[0].concepts[0].spans.clear();
    let error = refused(&mut session, &empty);
    assert!(matches!(error, AttentionError::EmptyConcept { .. }) && error.hint().is_some(), "{error}");

    // A span that is excluded: shares of 0, and the reader is told.
    let result = measured(&mut session, &request("The baker came[[,]] and left.", Preset::Paper12));
    assert!(result.texts[0].concepts[0].shares.iter().all(|share| *share == Some(0.0)));
    let all = |warning: &AttentionWarning| matches!(warning, AttentionWarning::ConceptExcluded { all: true, .. });
    assert!(result.texts[0].warnings.iter().any(all), "{:?}", result.texts[0].warnings);

    // Nothing is kept: no share, no NaN, no statistics.
    let mut nothing = request("[[The]]", Preset::BosOnly);
    nothing.texts[0].also_excluded = vec![1];
    assert_eq!(tokens_of(&session, &nothing).unwrap()[0].tokens.len(), 2, "the example is no longer one token");
    let result = measured(&mut session, &nothing);
    let concept = &result.texts[0].concepts[0];
    assert!(concept.shares.iter().all(Option::is_none) && concept.statistics.is_none() && concept.lift.is_none());
    let undefined =
        |warning: &AttentionWarning| matches!(warning, AttentionWarning::Undefined { heads: 16, undefined: 16 });
    assert!(result.texts[0].warnings.iter().any(undefined), "{:?}", result.texts[0].warnings);
    let comparison = compare(&[result.clone(), result], &StatisticsOptions::default()).unwrap();
    assert!(comparison.pairs[0].concepts[0].statistics.is_none() && comparison.pairs[0].recurrent.is_empty());
    assert!(!serde_json::to_string(&comparison).unwrap().contains("NaN"));

    // One token: all attention is its own.
    assert_eq!(sums(&mut session.model, &[5]), vec![vec![1.0]; 16]);
    assert_eq!(block_on(session.model.attention_map(&[5], 3, 3, &mut Silent)).unwrap(), [1.0]);
    let long = format!("[[a]]{}", " door".repeat(600));
    let error = block_on(measure(&mut session, &request(&long, Preset::None), &mut Silent)).unwrap_err();
    assert!(error.to_string().contains("context"), "{error}");
    let error = block_on(session.model.attention_map(&[5], 4, 0, &mut Silent)).unwrap_err();
    assert!(error.to_string().contains("4 layers"), "{error}");

    // A mark that cuts a token is said to.
    let text = "The miller has a buc[[ket of sil]]ver.";
    let result = measured(&mut session, &request(text, Preset::Paper12));
    let cut = |warning: &AttentionWarning| matches!(warning, AttentionWarning::NotAligned { .. });
    assert!(result.texts[0].warnings.iter().any(cut), "{:?}", result.texts[0].tokens);
}

#[test]
fn a_cancel_is_seen_at_once() {
    let mut session = open(&specimen("specimen"), DevicePreference::Cpu);
    for pauses in [1, 2, 7, 30] {
        let mut monitor = Impatient(std::cell::Cell::new(pauses));
        let error = block_on(measure(&mut session, &example(), &mut monitor)).unwrap_err();
        assert!(error.is_cancelled(), "{error}");
    }
    // And the model works on.
    measured(&mut session, &AttentionRequest { texts: example().texts[..1].to_vec(), ..AttentionRequest::default() });
}

// B13: memory, counted.

/// Oracle: the sheet's arithmetic. 24 layers of 14 heads, 2,048 tokens; the model is narrow, attention's memory does not
/// depend on its width.
#[test]
fn no_map_is_kept() {
    let config = serde_json::json!({
        "architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2", "hidden_size": 56, "intermediate_size": 8,
        "num_hidden_layers": 24, "num_attention_heads": 14, "num_key_value_heads": 2, "vocab_size": 16, "hidden_act": "silu",
        "max_position_embeddings": 4096, "rms_norm_eps": 1e-6, "rope_theta": 1e6, "tie_word_embeddings": true,
    });
    let config = Config::from_bytes("config.json", config.to_string().as_bytes()).unwrap();
    let device = block_on(Device::request(DevicePreference::Cpu)).unwrap();
    let model = Model::fresh(&config, device, 1).unwrap();
    let tokens = 2048;
    let bytes = |wants_sums: bool| -> (usize, usize) {
        let cache = KvCache::new("memory", &model.architecture, 1, tokens, tokens);
        let mut tensors = PassTensors::new(&model.architecture, PassShape { rows: 1, tokens, logits: 0 });
        if wants_sums {
            tensors.want_attention_sums(&model.architecture, tokens);
        }
        let recording = record(&model.architecture, &model.weights, &tensors, &cache, 0, None).unwrap();
        let all = recording.tensors();
        (all.iter().map(Tensor::bytes).sum(), all.iter().map(Tensor::elements).max().unwrap())
    };
    let ((plain, _), (with_sums, largest)) = (bytes(false), bytes(true));
    let beyond = with_sums - plain;
    eprintln!(
        "2,048 tokens, 24 × 14 heads: {beyond} bytes on the device beyond the pass; {} read in all",
        24 * 14 * tokens * 4
    );
    assert_eq!(beyond, 4 * tokens * 14 * (2 + 1), "two numbers a query and one a key, for one layer's heads");
    assert!(beyond <= 64 << 20);
    assert!(largest < tokens * tokens, "a tensor of {largest} elements could hold a map");
}

// The command.

fn command(arguments: &[&str]) -> std::process::Output {
    Command::new(env!("CARGO_BIN_EXE_glitchscope")).current_dir(root()).args(arguments).output().unwrap()
}

#[test]
fn the_command_compares_the_built_in_pair() {
    for device in device_names("the_command_compares_the_built_in_pair") {
        let folder = std::env::temp_dir().join(format!("glitchscope-attention-lens-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let csv = folder.join("shares.csv");
        let arguments = [
            "attention-lens",
            "--device",
            device,
            "--csv",
            csv.to_str().unwrap(),
            "--npy",
            folder.to_str().unwrap(),
            "--json",
        ];
        let output = command(&arguments);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let value: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let comparison: AttentionComparison = serde_json::from_value(value["comparison"].clone()).unwrap();
        assert_eq!(value["results"][0]["device"]["kind"], device);
        let results: Vec<AttentionResult> = serde_json::from_value(value["results"].clone()).unwrap();
        assert_eq!((results.len(), comparison.concepts.len()), (2, example().texts.len()));
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1 + 2 * comparison.concepts.len());
        // The table that was written is read again, and says the same.
        let output = command(&["attention-lens", "--import", csv.to_str().unwrap(), "--json"]);
        let value: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let imported: AttentionComparison = serde_json::from_value(value["comparison"].clone()).unwrap();
        assert_eq!((imported.concepts, imported.pairs), (comparison.concepts, comparison.pairs));
        std::fs::remove_dir_all(&folder).unwrap();
    }

    let output = command(&[
        "attention-lens",
        "--device",
        "cpu",
        "--model",
        "www/public/specimen",
        "--text",
        "A [[baker]] came.",
        "--exclude",
        "bos-only",
    ]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && said.contains("mean 0.") && said.contains("lift"), "{said}");
    for (arguments, expected) in [
        (&["attention-lens", "--text", "A [[baker"][..], "nothing closes"),
        (&["attention-lens", "--text", "A baker"], "no concept"),
        (&["attention-lens", "--bins", "0"], "bins is 0"),
        (&["attention-lens", "--import", "Cargo.toml"], "experiment_id"),
    ] {
        let output = command(arguments);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains(expected), "{arguments:?}: {said}");
    }
}

/// Negative control of the shares' own builder: four models, and options that make no sense.
#[test]
fn shares_without_sense_are_refused() {
    let model = |name: &str| ComparedModel { name: name.into(), heads: vec![1] };
    let options = StatisticsOptions::default();
    assert!(of_shares(Vec::new(), Vec::new(), ComparisonLevel::Heads, &options).is_err());
    for options in [
        StatisticsOptions { bins: 0, ..options.clone() },
        StatisticsOptions { resamples: 0, ..options.clone() },
        StatisticsOptions { level: f64::NAN, ..options },
    ] {
        assert!(of_shares(vec![model("a")], Vec::new(), ComparisonLevel::Heads, &options).is_err(), "{options:?}");
    }
}
