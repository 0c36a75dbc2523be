//! Oracle: PyTorch / transformers in float32 eager mode (tests/golden/models, written by tools/reference/tiny_models.py),
//! and, where GLITCHSCOPE_MODELS names them, the float64 logits of two really trained models.

use std::path::{Path, PathBuf};
use std::rc::Rc;

use crate::common::compare::{assert_logits, attentions_agree, logits_agree};
use crate::common::{devices, published, read_json, read_safetensors};
use glitchscope::checkpoint::source::FolderSource;
use glitchscope::compute::DevicePreference;
use glitchscope::compute::ops::gelu::Approximation;
use glitchscope::compute::ops::rope::Pairing;
use glitchscope::engine::architecture::{Architecture, Mlp, Norm, Positions, Residual};
use glitchscope::engine::generate::generate;
use glitchscope::engine::{FanOut, Model};
use glitchscope::progress::Silent;
use glitchscope::session::Session;
use serde::Deserialize;

#[derive(Deserialize)]
struct Expected {
    sha256: String,
    cases: Vec<Case>,
    /// A batch; the attention maps are of its first row.
    rows: Vec<Vec<u32>>,
}

#[derive(Deserialize)]
struct Case {
    ids: Vec<u32>,
    logits: Vec<Vec<f32>>,
    greedy: Vec<u32>,
}

fn tiny_models() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/models");
    let mut models: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    models.sort();
    assert!(models.len() >= 27, "the golden models are missing: python tools/reference/tiny_models.py");
    models
}

fn open(folder: &Path, device: DevicePreference) -> Session {
    pollster::block_on(Session::open(Rc::new(FolderSource::new(folder)), device, &mut Silent)).unwrap()
}

/// New ids, whatever they are: the fixtures' own loop knows no end token.
fn continuation(model: &mut Model, ids: &[u32], max_new: usize) -> Vec<u32> {
    pollster::block_on(generate(model, ids, max_new, &[], &mut Silent, &mut |_, _| {})).unwrap()
}

#[test]
fn logits_and_greedy_tokens_of_the_tiny_models() {
    for folder in tiny_models() {
        let expected: Expected = read_json(&folder.join("expected.json"));
        for device in devices("logits_and_greedy_tokens_of_the_tiny_models") {
            let mut session = open(&folder, device);
            let weights = session.info.model.files.iter().find(|file| file.name == "model.safetensors").unwrap();
            assert_eq!(
                weights.sha256.as_deref(),
                Some(expected.sha256.as_str()),
                "{}: weights and expected.json are of different runs of tools/reference/tiny_models.py",
                folder.display()
            );
            for case in &expected.cases {
                let got = pollster::block_on(session.model.logits(&case.ids)).unwrap();
                let expected: Vec<f32> = case.logits.concat();
                let got = &got[got.len() - expected.len()..];
                assert_logits(&format!("{} on {device:?}, {} ids", folder.display(), case.ids.len()), got, &expected);
                let greedy = continuation(&mut session.model, &case.ids, case.greedy.len());
                assert_eq!(greedy, case.greedy, "{} on {device:?}", folder.display());
            }
        }
    }
}

#[test]
fn attention_maps_of_the_tiny_models() {
    for folder in tiny_models() {
        let expected: Expected = read_json(&folder.join("expected.json"));
        let maps = read_safetensors(&folder.join("attentions.safetensors"));
        for device in devices("attention_maps_of_the_tiny_models") {
            let name = format!("{} on {device:?}", folder.display());
            let got = pollster::block_on(open(&folder, device).model.attentions(&expected.rows[0])).unwrap();
            match maps.get("attentions") {
                Some((shape, weights)) => {
                    assert_eq!(shape[..], [got.len(), got[0].n_heads, got[0].tokens, got[0].tokens], "{name}");
                    let got: Vec<f32> = got.into_iter().flat_map(|layer| layer.weights).collect();
                    attentions_agree(&got, weights).unwrap_or_else(|error| panic!("{name}: {error}"));
                }
                None => {
                    assert_eq!(got.len(), maps.len(), "{name}");
                    for (i, layer) in got.iter().enumerate() {
                        let (shape, weights) = &maps[&format!("attentions.{i}")];
                        assert_eq!(shape[..], [layer.n_heads, layer.tokens, layer.tokens], "{name}");
                        attentions_agree(&layer.weights, weights).unwrap_or_else(|error| panic!("{name}: {error}"));
                    }
                }
            }
        }
    }
}

/// One part of an architecture, done away with or exchanged.
type Change = (&'static str, fn(&mut Architecture));

const CHANGES: &[Change] = &[
    ("no window", |a| a.layers.iter_mut().for_each(|layer| layer.window = None)),
    ("a window one shorter", |a| a.layers.iter_mut().for_each(|layer| layer.window = layer.window.map(|w| w - 1))),
    ("usual attention scale", |a| {
        let scale = 1.0 / (a.head_size as f32).sqrt();
        a.layers.iter_mut().for_each(|layer| layer.attention_scale = scale);
    }),
    ("no cap on scores", |a| a.attention_softcap = None),
    ("no cap on logits", |a| a.logit_softcap = None),
    ("no scale of embeddings", |a| a.embedding_scale = 1.0),
    ("no magnitude of positions", |a| a.rotary.iter_mut().for_each(|rotary| rotary.magnitude = 1.0)),
    ("no positions", |a| a.layers.iter_mut().for_each(|layer| layer.rotary = None)),
    ("the first positions in every layer", |a| {
        a.layers.iter_mut().for_each(|layer| layer.rotary = Some(0).filter(|_| !a.rotary.is_empty()));
    }),
    ("the other pairing", |a| {
        if let Positions::Rotary { pairing } = &mut a.positions {
            *pairing = if *pairing == Pairing::Half { Pairing::Interleaved } else { Pairing::Half };
        }
    }),
    ("positions from 0", |a| {
        if let Positions::Learned { offset } = &mut a.positions {
            *offset = 0;
        }
    }),
    ("one norm for attention and MLP", |a| {
        if a.residual == Residual::Parallel {
            a.residual = Residual::ParallelSharedNorm;
        }
    }),
    ("no norm of queries and keys", |a| a.query_key_norm = None),
    ("norm weights as stored", |a| {
        for norm in [Some(&mut a.norm), a.query_key_norm.as_mut().map(|kind| &mut kind.norm)].into_iter().flatten() {
            if let Norm::Rms { weight_offset, .. } = norm {
                *weight_offset = 0.0;
            }
        }
    }),
    ("a hundredfold epsilon", |a| {
        let (Norm::Layer { eps, .. } | Norm::Rms { eps, .. }) = &mut a.norm;
        *eps = 0.01;
    }),
    // The other way round the two are closer than the tolerance in a model with large logits.
    ("an approximation of gelu", |a| {
        if a.mlp == Mlp::Gelu(Approximation::Exact) {
            a.mlp = Mlp::Gelu(Approximation::Tanh);
        }
    }),
    ("another activation", |a| {
        a.mlp = match a.mlp {
            Mlp::Gelu(_) => Mlp::Relu,
            Mlp::Relu => Mlp::Gelu(Approximation::Tanh),
            Mlp::SwiGlu => Mlp::GeGlu(Approximation::Tanh),
            Mlp::GeGlu(_) => Mlp::SwiGlu,
        };
    }),
];

/// Negative control of the golden models: each would notice if a part of its architecture were done away with.
#[test]
fn every_part_of_an_architecture_shows_in_the_logits() {
    let mut noticed = vec![0; CHANGES.len()];
    let mut unnoticed = Vec::new();
    for folder in tiny_models() {
        let expected: Expected = read_json(&folder.join("expected.json"));
        for (i, (name, change)) in CHANGES.iter().enumerate() {
            let mut session = open(&folder, DevicePreference::Cpu);
            let before = session.model.architecture.clone();
            change(&mut session.model.architecture);
            if session.model.architecture == before {
                continue;
            }
            let case = expected.cases.last().unwrap();
            let got = pollster::block_on(session.model.logits(&case.ids)).unwrap();
            let expected: Vec<f32> = case.logits.concat();
            let agrees = logits_agree(&got[got.len() - expected.len()..], &expected).is_ok();
            if agrees {
                unnoticed.push(format!("{} does not notice {name:?}", folder.display()));
            }
            noticed[i] += 1;
        }
    }
    assert!(unnoticed.is_empty(), "{}", unnoticed.join("\n"));
    for ((name, _), noticed) in CHANGES.iter().zip(noticed) {
        assert!(noticed > 0, "no golden model has what {name:?} takes away");
    }
}

/// A tiny model with one field of its configuration changed, opened on the CPU.
fn with_field(model: &str, field: &str, value: serde_json::Value) -> glitchscope::Result<Session> {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/models").join(model);
    let folder = std::env::temp_dir().join(format!("glitchscope-{model}-{field}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let mut config: serde_json::Map<String, serde_json::Value> = read_json(&from.join("config.json"));
    config.insert(field.into(), value);
    std::fs::write(folder.join("config.json"), serde_json::to_vec(&config).unwrap()).unwrap();
    std::fs::copy(from.join("model.safetensors"), folder.join("model.safetensors")).unwrap();
    let source = Rc::new(FolderSource::new(&folder));
    let result = pollster::block_on(Session::open(source, DevicePreference::Cpu, &mut Silent));
    std::fs::remove_dir_all(&folder).unwrap();
    result
}

/// Oracle: the reference code, which takes the configuration's word. A bias too many is not used and noted, a bias that
/// should be there is missed by name.
#[test]
fn biases_follow_the_configuration() {
    let is_noted = |session: &Session| session.info.notes.iter().any(|note| note.contains("no part in this family"));
    let ids = [5, 6, 7];
    let mut as_stored = with_field("llama-biased-tied", "attention_bias", true.into()).unwrap();
    let mut without = with_field("llama-biased-tied", "attention_bias", false.into()).unwrap();
    assert!(!is_noted(&as_stored) && is_noted(&without), "{:?}", without.info.notes);
    let logits = |session: &mut Session| pollster::block_on(session.model.logits(&ids)).unwrap();
    assert_ne!(logits(&mut as_stored), logits(&mut without));

    for (field, name) in [("attention_bias", "layers.0.self_attn.q_proj.bias"), ("mlp_bias", "mlp.gate_proj.bias")] {
        let Err(error) = with_field("llama-grouped-untied", field, true.into()) else {
            panic!("{field} went unnoticed")
        };
        assert!(error.to_string().contains(name), "{error}");
    }
}

/// Oracle: the engine's own one-by-one forward, which the test above holds to PyTorch.
#[test]
fn fan_out_equals_one_by_one() {
    for folder in tiny_models() {
        for device in devices("fan_out_equals_one_by_one") {
            let mut session = open(&folder, device);
            let model = &mut session.model;
            let (prefix, suffix) = ([3, 9, 27, 11, 60, 2, 33], [5, 50, 41]);
            let tokens: Vec<u32> = (0..13).map(|i| (i * 5 + 1) % 64).collect();
            let mut fan_out = pollster::block_on(FanOut::new(model, &prefix, 4, 4, 5)).unwrap();
            for batch in tokens.chunks(fan_out.batch()) {
                let rows: Vec<u32> = batch.iter().flat_map(|id| [&[*id], &suffix[..]].concat()).collect();
                let first = pollster::block_on(fan_out.first(model, &rows, batch, &mut Silent)).unwrap();
                // Every other row goes on for two more steps; the rest has left the batch.
                let slots: Vec<u32> = (0..batch.len() as u32).step_by(2).collect();
                let mut answers: Vec<Vec<u32>> = slots.iter().map(|slot| vec![first[*slot as usize].argmax]).collect();
                for step in 0..2 {
                    let last: Vec<u32> = answers.iter().map(|answer| answer[step]).collect();
                    let next = pollster::block_on(fan_out.next(model, &slots, &last, step)).unwrap();
                    for (answer, next) in answers.iter_mut().zip(next) {
                        answer.push(next.argmax);
                    }
                }
                for (row, id) in batch.iter().enumerate() {
                    let prompt = [&prefix[..], &[*id], &suffix].concat();
                    let (alone, logits) = pollster::block_on(model.last_logits(&prompt, *id)).unwrap();
                    let name = format!("{} on {device:?}, token {id}", folder.display());
                    // The last layer of both is that of the last token alone; this one's is not.
                    let all = pollster::block_on(model.logits(&prompt)).unwrap();
                    let all = &all[all.len() - logits.len()..];
                    let largest = all.iter().fold(0.0f32, |largest, logit| largest.max(logit.abs()));
                    let is_near = |(got, expected): (&f32, &f32)| (got - expected).abs() <= 1e-4 * largest;
                    assert!(logits.iter().zip(all).all(is_near), "{name}: {logits:?} are not {all:?}");
                    assert_eq!(first[row].argmax, alone.argmax, "{name}");
                    for (got, expected) in [
                        (first[row].log_p_target, alone.log_p_target),
                        (first[row].log_p_argmax, alone.log_p_argmax),
                        (first[row].entropy, alone.entropy),
                    ] {
                        assert!(
                            (got - expected).abs() <= 1e-4 * expected.abs().max(1.0),
                            "{name}: {got} is not {expected}"
                        );
                    }
                }
                for (slot, answer) in slots.iter().zip(&answers) {
                    let prompt = [&prefix[..], &[batch[*slot as usize]], &suffix].concat();
                    assert_eq!(*answer, continuation(model, &prompt, 3), "{} on {device:?}", folder.display());
                }
            }
            fan_out.free(model);
        }
    }
}

#[derive(Deserialize)]
struct Stories {
    prompt: String,
    prompt_ids: Vec<u32>,
    last_logits: Vec<f32>,
    greedy_ids: Vec<u32>,
}

#[test]
fn stories260k_equals_its_expected_numbers() {
    let Some(folder) = published("stories260k_equals_its_expected_numbers", "models/stories260K") else { return };
    let expected: Stories = read_json(&folder.join("expected.json"));
    for device in devices("stories260k_equals_its_expected_numbers") {
        let mut session = open(&folder, device);
        let tokenizer = session.tokenizer.as_ref().unwrap();
        assert_eq!(tokenizer.encode(&expected.prompt, true).unwrap().ids, expected.prompt_ids);
        trained(&mut session, &expected.prompt_ids, &expected.last_logits, &expected.greedy_ids);
    }
}

#[derive(Deserialize)]
struct Capp {
    cases: Vec<CappCase>,
}

#[derive(Deserialize)]
struct CappCase {
    prompt_ids: Vec<u32>,
    last_logits: Vec<f32>,
    greedy_ids: Vec<u32>,
}

#[test]
fn capp_gpt_equals_its_expected_numbers() {
    let Some(folder) = published("capp_gpt_equals_its_expected_numbers", "models/capp-gpt") else { return };
    let expected: Capp = read_json(&folder.join("expected.json"));
    for device in devices("capp_gpt_equals_its_expected_numbers") {
        let mut session = open(&folder, device);
        assert!(session.info.notes.iter().any(|note| note.contains("50256")), "{:?}", session.info.notes);
        for case in &expected.cases {
            trained(&mut session, &case.prompt_ids, &case.last_logits, &case.greedy_ids);
        }
    }
}

/// `greedy` holds the prompt and what follows it.
fn trained(session: &mut Session, prompt: &[u32], last_logits: &[f32], greedy: &[u32]) {
    let got = pollster::block_on(session.model.logits(prompt)).unwrap();
    assert_logits(&session.info.model.name, &got[got.len() - last_logits.len()..], last_logits);
    let expected = greedy.strip_prefix(prompt).expect("the greedy ids begin with the prompt");
    assert_eq!(self::continuation(&mut session.model, prompt, expected.len()), expected);
}

/// The comparer's negative controls: a perturbed number, NaN, two exchanged elements, a missing element.
#[test]
fn the_comparer_rejects_what_it_must() {
    let expected = [1.0, -2.0, 3.0, 0.5];
    assert!(logits_agree(&expected, &expected).is_ok());
    assert!(logits_agree(&[1.0, -2.0, 3.0, 0.500_2], &expected).is_ok(), "2e-4 is within 1e-4 of the largest logit, 3");
    assert!(logits_agree(&[1.0, -2.0, 3.0, 0.500_4], &expected).is_err());
    assert!(logits_agree(&[1.0, f32::NAN, 3.0, 0.5], &expected).is_err());
    assert!(logits_agree(&[-2.0, 1.0, 3.0, 0.5], &expected).is_err());
    assert!(logits_agree(&expected[..3], &expected).is_err());
    let expected = [0.5, 0.25, 0.25, 0.0];
    assert!(attentions_agree(&[0.500_009, 0.25, 0.25, 0.0], &expected).is_ok());
    for wrong in [[0.500_011, 0.25, 0.25, 0.0], [0.5, f32::NAN, 0.25, 0.0], [0.5, 0.25, 0.0, 0.25]] {
        assert!(attentions_agree(&wrong, &expected).is_err(), "{wrong:?}");
    }
    assert!(attentions_agree(&expected[..3], &expected).is_err() && attentions_agree(&[], &[]).is_err());
}

/// A closed form: a weight that is NaN makes everything after it NaN, and nothing before it.
#[test]
fn activations_that_are_not_finite_are_named_by_layer() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/models/llama-grouped-untied");
    for device in devices("activations_that_are_not_finite_are_named_by_layer") {
        let mut session = open(&folder, device);
        let ids = [3, 9, 27];
        let logits = pollster::block_on(session.model.logits(&ids)).unwrap();
        // Negative control: large and finite is fine.
        assert!(logits.iter().all(|logit| logit.is_finite()));
        let weight = session.model.weights.layers[1].mlp_out.weight.clone();
        session.model.device.write(&weight, 0, bytemuck::cast_slice(&[f32::NAN])).unwrap();
        let error = pollster::block_on(session.model.logits(&ids)).unwrap_err().to_string();
        assert!(error.contains("layers.1.mlp.down_proj.weight"), "{device:?}: {error}");
        assert!(error.contains("matmul"), "{device:?}: {error}");
    }
}
