//! Oracle: PyTorch's autograd on transformers' models in float32 eager mode (tests/golden/models, written by
//! tools/reference/tiny_models.py): the loss of two rows and the gradient of every parameter, for every family.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use crate::common::{devices, fixture, read_json};
use glitchscope::checkpoint::source::FolderSource;
use glitchscope::checkpoint::{Checkpoint, TensorFile};
use glitchscope::compute::{Device, DevicePreference};
use glitchscope::engine::Model;
use glitchscope::engine::training::{Batch, loss, loss_and_gradients};
use glitchscope::progress::Silent;
use glitchscope::session::Session;
use pollster::block_on;
use serde::Deserialize;

#[derive(Deserialize)]
struct Expected {
    rows: Vec<Vec<u32>>,
    loss: f64,
}

/// Of the loss.
const LOSS_TOLERANCE: f64 = 1e-5;
/// Of a tensor's gradient, as a share of its norm.
const GRADIENT_TOLERANCE: f64 = 1e-3;
/// Of a gradient that is zero but for rounding, as the bias of keys without rotary positions: a share of the largest
/// norm of any tensor. f32 sums of some hundred terms leave 1e-6.
const ROUNDING: f64 = 2e-6;

fn tiny_models() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/models");
    let mut models: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    models.sort();
    assert!(models.len() >= 20, "the golden models are missing: python tools/reference/tiny_models.py");
    models
}

fn open(folder: &Path, device: DevicePreference) -> Session {
    block_on(Session::open(Rc::new(FolderSource::new(folder)), device, &mut Silent)).unwrap()
}

fn norm(values: impl Iterator<Item = f64>) -> f64 {
    values.map(|value| value * value).sum::<f64>().sqrt()
}

/// Written as "not within", so that NaN fails.
fn compare(got: &[f32], expected: &[f32], largest: f64) -> Result<(), String> {
    if got.len() != expected.len() {
        return Err(format!("{} numbers, expected {}", got.len(), expected.len()));
    }
    let difference = norm(got.iter().zip(expected).map(|(&a, &b)| f64::from(a) - f64::from(b)));
    let own = norm(expected.iter().map(|&value| value.into()));
    let within = difference <= GRADIENT_TOLERANCE * own + ROUNDING * largest;
    if within { Ok(()) } else { Err(format!("{difference:e} apart, of norm {own:e}")) }
}

#[test]
fn loss_and_every_gradient_of_every_family() {
    let mut compared = 0;
    let mut failures = Vec::new();
    for folder in tiny_models() {
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        let expected: Expected = read_json(&folder.join("expected.json"));
        let path = format!("tests/golden/models/{name}/gradients.safetensors");
        let reference = TensorFile::from_bytes(&path, &fixture(&path)).unwrap();
        let norm_of = |name: &str| norm(reference.f32s(name).unwrap().1.iter().map(|&value| value.into()));
        let largest = reference.tensors.keys().map(|name| norm_of(name)).fold(0.0, f64::max);
        let batch = Batch::next_token(&expected.rows).unwrap();
        for device in devices("loss_and_every_gradient_of_every_family") {
            let mut session = open(&folder, device);
            let (loss, gradients) = block_on(loss_and_gradients(&mut session.model, &batch, &|_| true)).unwrap();
            let within = (loss.mean - expected.loss).abs() <= LOSS_TOLERANCE * expected.loss.abs().max(1.0);
            if !within {
                failures.push(format!("{name} on {device:?}: loss {}, expected {}", loss.mean, expected.loss));
            }
            let names: Vec<&str> = gradients.iter().map(|gradient| gradient.name.as_str()).collect();
            for name in reference.tensors.keys() {
                assert!(names.contains(&name.as_str()), "no gradient of {name}");
            }
            assert_eq!(names.len(), reference.tensors.len(), "{names:?}");
            for gradient in &gradients {
                let (shape, values) = reference.f32s(&gradient.name).unwrap();
                assert_eq!(gradient.shape, shape, "{name}: {}", gradient.name);
                compared += 1;
                if let Err(error) = compare(&gradient.values, values, largest) {
                    failures.push(format!("{name} on {device:?}, {}: {error}", gradient.name));
                }
            }
        }
    }
    assert!(failures.is_empty(), "{} of {compared}:\n{}", failures.len(), failures.join("\n"));
    assert!(compared > 300);
}

/// The same on a GPU that allows so little in a buffer that embeddings, heads and many projections are in pieces: of rows
/// that are outputs, and of GPT-2's, which are inputs.
#[test]
#[cfg(feature = "gpu")]
fn gradients_through_tables_in_pieces() {
    const TEST: &str = "gradients_through_tables_in_pieces";
    if !devices(TEST).contains(&DevicePreference::Gpu) {
        return;
    }
    // One row's activations fit in there, no table does.
    const LIMIT: u64 = 6912;
    for name in ["gpt2-exact-untied", "llama-biased-tied", "gptj"] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/models").join(name);
        let expected: Expected = read_json(&folder.join("expected.json"));
        let path = format!("tests/golden/models/{name}/gradients.safetensors");
        let reference = TensorFile::from_bytes(&path, &fixture(&path)).unwrap();
        let mut gpu = block_on(Device::request(DevicePreference::Gpu)).unwrap();
        gpu.limit_tensor_bytes(LIMIT);
        let checkpoint = block_on(Checkpoint::open(Rc::new(FolderSource::new(&folder)))).unwrap();
        let mut model = block_on(Model::load(&checkpoint, gpu, &mut Silent)).unwrap();
        let targets = |row: &[u32]| (row.len() - 1) as f64;
        let total: f64 = expected.rows.iter().map(|row| targets(row)).sum();
        let (mut loss, mut sums) = (0.0, BTreeMap::<String, Vec<f32>>::new());
        for row in &expected.rows {
            let batch = Batch::next_token(std::slice::from_ref(row)).unwrap();
            let (of_row, gradients) = block_on(loss_and_gradients(&mut model, &batch, &|_| true)).unwrap();
            let share = targets(row) / total;
            loss += share * of_row.mean;
            for gradient in gradients {
                let sum = sums.entry(gradient.name).or_insert_with(|| vec![0.0; gradient.values.len()]);
                sum.iter_mut().zip(&gradient.values).for_each(|(sum, value)| *sum += share as f32 * value);
            }
        }
        assert!((loss - expected.loss).abs() <= LOSS_TOLERANCE * expected.loss.abs().max(1.0), "{name}: {loss}");
        let norms = reference.tensors.keys().map(|name| reference.f32s(name).unwrap().1);
        let largest = norms.map(|values| norm(values.iter().map(|&value| value.into()))).fold(0.0, f64::max);
        assert_eq!(sums.len(), reference.tensors.len());
        for (tensor, values) in &sums {
            let (_, expected) = reference.f32s(tensor).unwrap();
            compare(values, expected, largest).unwrap_or_else(|error| panic!("{name}, {tensor}: {error}"));
        }
        // Control: there are tables beyond the limit, in f32 as their gradients are.
        assert!(sums.values().any(|values| 4 * values.len() as u64 > LIMIT), "{name}");
    }
}

/// Oracle: the definition of the mean. Rows of unlike length are one batch whose filling counts for nothing.
#[test]
fn filled_rows_cost_what_they_cost_alone() {
    for device in devices("filled_rows_cost_what_they_cost_alone") {
        let mut session = open(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/models/qwen3"), device);
        let rows = [vec![3, 9, 27, 11, 60, 2, 33], vec![14, 8], vec![5, 50, 12, 12]];
        let mut of = |rows: &[Vec<u32>]| block_on(loss(&mut session.model, &Batch::next_token(rows).unwrap())).unwrap();
        let together = of(&rows);
        let alone: Vec<f32> = rows.iter().flat_map(|row| of(std::slice::from_ref(row)).nll).collect();
        assert_eq!(together.nll.len(), 6 + 1 + 3);
        for (together, alone) in together.nll.iter().zip(&alone) {
            assert!((together - alone).abs() <= 1e-4 * alone.abs().max(1.0), "{together} is not {alone}");
        }
        let mean = alone.iter().map(|&nll| f64::from(nll)).sum::<f64>() / 10.0;
        assert!((together.mean - mean).abs() <= 1e-5 * mean);
    }
}

/// Negative controls of the comparer: a perturbed number, NaN, two exchanged elements, a missing one, another sign.
#[test]
fn the_comparer_finds_what_is_wrong() {
    let expected = [1.0, -2.0, 3.0];
    assert!(compare(&expected, &expected, 4.0).is_ok());
    for wrong in [&[1.0, -2.0, 3.01][..], &[1.0, f32::NAN, 3.0], &[-2.0, 1.0, 3.0], &[1.0, -2.0], &[-1.0, 2.0, -3.0]] {
        assert!(compare(wrong, &expected, 4.0).is_err(), "{wrong:?} went unnoticed");
    }
}
