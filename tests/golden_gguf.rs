//! Oracle: gguf-py wrote the files from the weights of tests/golden/models (tools/reference/gguf_models.py). The weights
//! must come back as the checkpoint has them, and the logits must be those of the checkpoint, which
//! tests/golden_engine.rs holds to PyTorch. Published GGUF files are held to the float64 logits of their model.

use std::path::{Path, PathBuf};
use std::rc::Rc;

use crate::common::compare::{assert_logits, logits_agree};
use crate::common::{devices, now, published, read_json};
use crate::gguf_support::{as_safetensors, delivered, is_conv1d, transposed};
use glitchscope::checkpoint::Checkpoint;
use glitchscope::checkpoint::source::{FolderSource, MemorySource, Source};
use glitchscope::compute::quant::{self, Quantised};
use glitchscope::compute::{DType, DevicePreference};
use glitchscope::engine::Model;
use glitchscope::engine::generate::generate;
use glitchscope::progress::{Monitor, Silent};
use glitchscope::session::{OpenOptions, Session};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
struct Index {
    files: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    file: String,
    model: String,
    model_sha256: String,
}

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

fn entries() -> Vec<Entry> {
    let index: Index = read_json(&golden().join("gguf/index.json"));
    assert!(index.files.len() >= 20, "files are missing: python tools/reference/gguf_models.py");
    index.files
}

/// What GGUF cannot say and llama.cpp has in its code, where a tiny model differs from it.
fn said_by_gguf(model: &str) -> Value {
    match model {
        // Scores are scaled by the head size, unless the model has the 27B's number of layers.
        "gemma2" => json!({ "query_pre_attn_scalar": 12 }),
        "gemma3" => json!({
            "query_pre_attn_scalar": 8,
            "rope_parameters": { "sliding_attention": { "rope_theta": 10_000.0 } },
        }),
        // The activation is not in the file; the family's default is taken.
        "gpt_neox-sequential" => json!({ "hidden_act": "gelu" }),
        // Mistral is Llama there, without a window.
        "mistral" => json!({ "sliding_window": null }),
        "qwen2-window-yarn" => json!({ "use_sliding_window": false, "layer_types": null }),
        "smollm3" => json!({ "no_rope_layers": null, "no_rope_layer_interval": 4 }),
        _ => json!({}),
    }
}

fn merge(into: &mut Value, from: &Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                merge(into.entry(key).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from.clone(),
    }
}

fn gguf(entry: &Entry) -> Rc<dyn Source> {
    Rc::new(FolderSource::new(golden().join("gguf").join(&entry.file)))
}

fn config(entry: &Entry) -> Vec<u8> {
    let mut config: Value = read_json(&golden().join("models").join(&entry.model).join("config.json"));
    merge(&mut config, &said_by_gguf(&entry.model));
    config.to_string().into_bytes()
}

/// The same model in a folder, with `weights` in place of its own.
fn folder(entry: &Entry, weights: Vec<u8>) -> Rc<dyn Source> {
    let mut source = MemorySource::default();
    source.insert("config.json", config(entry));
    source.insert("model.safetensors", weights);
    Rc::new(source)
}

fn open(source: Rc<dyn Source>, device: DevicePreference) -> Session {
    pollster::block_on(Session::open(source, device, &mut Silent)).unwrap()
}

fn logits(model: &mut Model, ids: &[u32]) -> Vec<f32> {
    pollster::block_on(model.logits(ids)).unwrap()
}

const IDS: [u32; 11] = [3, 9, 27, 11, 60, 2, 33, 5, 50, 41, 7];

#[test]
fn weights_come_back_as_the_checkpoint_has_them() {
    for entry in entries() {
        let weights = std::fs::read(golden().join("models").join(&entry.model).join("model.safetensors")).unwrap();
        use sha2::Digest;
        let sha: String = sha2::Sha256::digest(&weights).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(sha, entry.model_sha256, "{}: made of other weights: tools/reference/gguf_models.py", entry.file);
        let original = now(Checkpoint::open(folder(&entry, weights))).unwrap();
        let original = delivered(&original);
        let checkpoint = now(Checkpoint::open(gguf(&entry))).unwrap();
        assert!(checkpoint.notes().is_empty(), "{}: {:?}", entry.file, checkpoint.notes());
        let got = delivered(&checkpoint);
        assert_eq!(got.len(), original.len(), "{}", entry.file);
        for (name, (shape, dtype, bytes)) in &original {
            // The head has two names in checkpoints of GPT-NeoX.
            let found = got.get(name).or_else(|| got.get(&name.replace("lm_head", "embed_out")));
            let (got_shape, got_dtype, got_bytes) = found.unwrap_or_else(|| panic!("{}: no {name}", entry.file));
            let mut got = (quant::widen_all(*got_dtype, got_bytes), got_shape.clone());
            if is_conv1d(name) {
                got = transposed(&got.0, &got.1);
            }
            assert_eq!(&got.1, shape, "{} {name}", entry.file);
            let expected = quant::widen_all(*dtype, bytes);
            let largest = expected.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
            let allowed = match got_dtype {
                // Rounding of 1 + w and back.
                DType::F32 if entry.model.starts_with("gemma") && name.ends_with("norm.weight") => 1.2e-7,
                DType::Q8_0 => largest / 127.0 * 0.51,
                DType::Q4_0 => largest / 7.0,
                DType::Q5_0 | DType::Q5_1 => largest / 15.0,
                _ => 0.0,
            };
            for (i, (got, expected)) in got.0.iter().zip(&expected).enumerate() {
                let within = (got - expected).abs() <= allowed;
                assert!(within, "{} {name} element {i}: {got}, expected {expected}", entry.file);
            }
        }
    }
}

#[test]
fn logits_are_those_of_the_same_weights_in_safetensors() {
    for device in devices("logits_are_those_of_the_same_weights_in_safetensors") {
        for entry in entries() {
            let mut session = open(gguf(&entry), device);
            let got = logits(&mut session.model, &IDS);
            // The weights as they are in the GGUF file, widened: what is left is the order of sums.
            let weights = as_safetensors(&now(Checkpoint::open(gguf(&entry))).unwrap());
            let mut reference = open(folder(&entry, weights), DevicePreference::Cpu);
            let expected = logits(&mut reference.model, &IDS);
            assert_logits(&format!("{} on {device:?}", entry.file), &got, &expected);
            let greedy = |model: &mut Model| {
                pollster::block_on(generate(model, &IDS[..5], 8, &[], &mut Silent, &mut |_, _| {})).unwrap()
            };
            assert_eq!(greedy(&mut session.model), greedy(&mut reference.model), "{} on {device:?}", entry.file);
        }
    }
}

#[derive(Deserialize)]
struct Expected {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    ids: Vec<u32>,
    logits: Vec<Vec<f32>>,
}

/// Oracle: PyTorch, where the file says all that the model's configuration says, and nothing was rounded.
#[test]
fn logits_are_pytorchs() {
    let mut compared = 0;
    for entry in entries().iter().filter(|entry| said_by_gguf(&entry.model) == json!({}) && !entry.file.contains("-Q"))
    {
        let expected: Expected = read_json(&golden().join("models").join(&entry.model).join("expected.json"));
        let mut session = open(gguf(entry), DevicePreference::Cpu);
        for case in &expected.cases {
            let (got, expected) = (logits(&mut session.model, &case.ids), case.logits.concat());
            assert_logits(&entry.file, &got[got.len() - expected.len()..], &expected);
            compared += 1;
        }
    }
    assert!(compared > 10, "{compared} cases");
}

/// Oracle: the engine itself on the rounded weights, widened. And rounding changes something.
#[test]
fn weights_are_rounded_while_they_are_loaded() {
    for device in devices("weights_are_rounded_while_they_are_loaded") {
        for model in ["llama-grouped-untied", "gpt2-tanh-tied", "qwen3", "glm"] {
            let source = || Rc::new(FolderSource::new(golden().join("models").join(model)));
            let mut stored = open(source(), device);
            let plain = logits(&mut stored.model, &IDS);
            for to in Quantised::ALL {
                let options = OpenOptions { device, weights: Some(to) };
                let mut session = pollster::block_on(Session::open_with(source(), options, &mut Silent)).unwrap();
                assert!(session.info.notes.iter().any(|note| note.contains(to.name())), "{:?}", session.info.notes);
                let types = &session.info.model.stored_types;
                assert!(types.iter().any(|(name, _)| name == to.dtype().name()), "{types:?}");
                let got = logits(&mut session.model, &IDS);

                let mut checkpoint = now(Checkpoint::open(source())).unwrap();
                checkpoint.round_to(to);
                let mut file = glitchscope::checkpoint::TensorFile::default();
                for (name, (shape, dtype, bytes)) in delivered(&checkpoint) {
                    file.insert_f32(name, &shape, quant::widen_all(dtype, &bytes));
                }
                let mut widened = MemorySource::default();
                widened.insert("config.json", std::fs::read(source_path(model, "config.json")).unwrap());
                widened.insert("model.safetensors", file.to_bytes());
                let expected = logits(&mut open(Rc::new(widened), DevicePreference::Cpu).model, &IDS);
                assert_logits(&format!("{model} as {} on {device:?}", to.name()), &got, &expected);
                // f16 holds every bf16 of common size; of f32 it changes less than two devices differ by.
                let is_changed = match to {
                    Quantised::F16 => {
                        got != plain || !stored.info.model.stored_types.iter().any(|(name, _)| name == "F32")
                    }
                    _ => logits_agree(&got, &plain).is_err(),
                };
                assert!(is_changed, "{model}: rounding to {} changed nothing", to.name());
            }
        }
    }
}

fn source_path(model: &str, file: &str) -> PathBuf {
    golden().join("models").join(model).join(file)
}

#[derive(Deserialize)]
struct Stories {
    prompt: String,
    prompt_ids: Vec<u32>,
    last_logits: Vec<f32>,
    greedy_ids: Vec<u32>,
}

/// Oracle: float64 logits of the model, and the greedy text that llama.cpp gives for the F32 file.
#[test]
fn published_files_give_the_models_numbers() {
    let Some(folder) = published("published_files_give_the_models_numbers", "models/stories260K") else { return };
    let expected: Stories = read_json(&folder.join("expected.json"));
    let greedy = expected.greedy_ids.strip_prefix(&expected.prompt_ids[..]).expect("they begin with the prompt");
    for device in devices("published_files_give_the_models_numbers") {
        for (kind, tolerance) in [("F32", None), ("F16", Some(0.004)), ("Q8_0", Some(0.04)), ("Q4_0", Some(0.5))] {
            let file = folder.join(format!("stories260K-{kind}.gguf"));
            let mut session = open(Rc::new(FolderSource::new(&file)), device);
            let tokenizer = session.tokenizer.as_ref().expect("the file has a vocabulary");
            assert!(tokenizer.files().is_empty(), "not the tokenizer.json beside it");
            assert_eq!(tokenizer.encode(&expected.prompt, true).unwrap().ids, expected.prompt_ids);
            assert_eq!(session.info.model.vocabulary, 512);
            let got = logits(&mut session.model, &expected.prompt_ids);
            let got = &got[got.len() - expected.last_logits.len()..];
            match tolerance {
                None => assert_logits(kind, got, &expected.last_logits),
                Some(tolerance) => {
                    // Root mean square of the difference against that of the logits.
                    let mean = |values: &mut dyn Iterator<Item = f32>| values.map(|value| value * value).sum::<f32>();
                    let error = mean(&mut got.iter().zip(&expected.last_logits).map(|(got, expected)| got - expected));
                    let error = (error / mean(&mut expected.last_logits.iter().copied())).sqrt();
                    assert!(error <= tolerance && error > 0.0, "{kind} on {device:?}: {error}");
                }
            }
            if tolerance.is_none_or(|tolerance| tolerance < 0.01) {
                let mut silent = Silent;
                let mut heard = |_: &[u32], _: &mut dyn Monitor| {};
                let new =
                    generate(&mut session.model, &expected.prompt_ids, greedy.len(), &[], &mut silent, &mut heard);
                assert_eq!(pollster::block_on(new).unwrap(), greedy, "{kind} on {device:?}");
            }
        }
    }
}
