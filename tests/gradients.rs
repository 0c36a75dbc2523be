//! Oracle: central differences in f64, on the twins that the kernels are held to (tests/twins.rs).
//!
//! The derivative of an op, and of recordings of several ops, is compared with (f(x + h) − f(x − h)) / 2h for every
//! input. All sums are in f64, where this formula has some nine right digits.

use std::collections::HashSet;

use crate::reference64::Reference64;
use glitchscope::compute::backward::{Gradient, gradient, reverse, separate};
use glitchscope::compute::ops::attention::Attention;
use glitchscope::compute::ops::axpy::Axpy;
use glitchscope::compute::ops::embedding::Embedding;
use glitchscope::compute::ops::gelu::{Approximation, Gelu};
use glitchscope::compute::ops::kv_write::KvWrite;
use glitchscope::compute::ops::matmul::{MatMul, WeightLayout};
use glitchscope::compute::ops::rmsnorm::RmsNorm;
use glitchscope::compute::ops::rope::{Pairing, Rope};
use glitchscope::compute::ops::{Example, OPS, check};
use glitchscope::compute::{ComputeError, DType, Device, DevicePreference, Op, Recording, Tensor, TensorId};
use glitchscope::rng::Rng;
use pollster::block_on;

/// Tensors with their bytes.
type Contents = Vec<(Tensor, Vec<u8>)>;

/// Elements of a tensor that are moved: all of a small one, so many of a large one.
const MOVED_MAX: usize = 24;

/// Agreement of a derivative: part of the largest one of its tensor.
const TOLERANCE: f64 = 1e-6;

fn one(op: &Op, inputs: &[Tensor], outputs: &[Tensor]) -> Recording {
    let mut recording = Recording::new();
    let (inputs, outputs): (Vec<_>, Vec<_>) = (inputs.iter().collect(), outputs.iter().collect());
    recording.push(op.clone(), &inputs, &outputs).expect("well formed");
    recording
}

/// The objective of a check: Σ seed · output, with random seeds.
struct Objective {
    recording: Recording,
    contents: Contents,
    seeds: Vec<(Tensor, Vec<f64>)>,
}

impl Objective {
    fn new(recording: Recording, contents: &Contents, outputs: &[Tensor], rng: &mut Rng) -> Self {
        let seeds = outputs
            .iter()
            .map(|output| {
                let values = (0..output.elements()).map(|_| f64::from(rng.normal())).collect();
                (output.clone(), values)
            })
            .collect();
        Objective { recording, contents: contents.clone(), seeds }
    }

    fn fresh(&self) -> Reference64 {
        let mut device = Reference64::default();
        for (tensor, bytes) in &self.contents {
            device.write(tensor, bytes);
        }
        device
    }

    fn value(&self, changed: &Tensor, values: &[f64]) -> f64 {
        let mut device = self.fresh();
        device.write_f64(changed, values.to_vec());
        device.run(&self.recording);
        let product =
            |(output, seed): &(Tensor, Vec<f64>)| device.f64s(output).iter().zip(seed).map(|(a, b)| a * b).sum::<f64>();
        self.seeds.iter().map(product).sum()
    }

    /// The analytic gradient of each wanted tensor, by reversing the recording and replaying it in f64.
    fn gradients(&self, wanted: &[Tensor]) -> Result<Vec<Vec<f64>>, ComputeError> {
        let separated = separate(&self.recording)?;
        let mut device = self.fresh();
        let mut seeds = Vec::new();
        for (output, values) in &self.seeds {
            let seed = Tensor::new("seed", output.shape(), DType::F32);
            device.write_f64(&seed, values.clone());
            seeds.push((separated.latest(output), seed));
        }
        let ids: Vec<TensorId> = wanted.iter().map(Tensor::id).collect();
        let reversed = reverse(&separated.recording, &seeds, &ids)?;
        device.run(&separated.recording);
        device.run(&reversed.recording);
        Ok(wanted
            .iter()
            .map(|tensor| match reversed.gradients.get(&tensor.id()) {
                Some(gradient) => device.f64s(gradient).to_vec(),
                None => vec![0.0; tensor.elements()],
            })
            .collect())
    }

    /// Central differences of some elements: (element, derivative).
    fn differences(&self, tensor: &Tensor, rng: &mut Rng) -> Vec<(usize, f64)> {
        let base = self.fresh().f64s(tensor).to_vec();
        let all: Vec<usize> = (0..base.len()).collect();
        let moved = if base.len() <= MOVED_MAX { all } else { rng.sample(&all, MOVED_MAX) };
        moved
            .into_iter()
            .map(|i| {
                // Some 1e-5 of the value's own size: the error of the formula is h² times a third derivative.
                let h = 1e-5 * base[i].abs().max(0.1);
                let at = |step: f64| {
                    let mut values = base.clone();
                    values[i] += step;
                    self.value(tensor, &values)
                };
                (i, (at(h) - at(-h)) / (2.0 * h))
            })
            .collect()
    }
}

/// Written as "not within", so that NaN fails.
fn compare(gradient: &[f64], differences: &[(usize, f64)]) -> Result<(), String> {
    let largest = differences.iter().fold(0.0f64, |max, (_, value)| max.max(value.abs()));
    for &(i, expected) in differences {
        let within = (gradient[i] - expected).abs() <= TOLERANCE * largest.max(1.0);
        if !within {
            return Err(format!("element {i} is {}, by differences {expected}", gradient[i]));
        }
    }
    Ok(())
}

/// The example with its floats in f32, which are the ones that can be moved.
fn widened(example: &Example) -> (Contents, Vec<Tensor>, Vec<Tensor>) {
    let mut device = Reference64::default();
    let mut swapped = Vec::new();
    let mut contents = Contents::new();
    for (tensor, bytes) in &example.contents {
        if tensor.dtype() == DType::U32 {
            contents.push((tensor.clone(), bytes.clone()));
            continue;
        }
        device.write(tensor, bytes);
        let values: Vec<f32> = device.f64s(tensor).iter().map(|&value| value as f32).collect();
        let wide = Tensor::new(tensor.label(), tensor.shape(), DType::F32);
        contents.push((wide.clone(), bytemuck::cast_slice(&values).to_vec()));
        swapped.push((tensor.id(), wide));
    }
    let swap = |tensors: &[Tensor]| -> Vec<Tensor> {
        let find = |tensor: &Tensor| swapped.iter().find(|(id, _)| *id == tensor.id()).map(|(_, wide)| wide.clone());
        tensors.iter().map(|tensor| find(tensor).unwrap_or_else(|| tensor.clone())).collect()
    };
    (contents, swap(&example.inputs), swap(&example.outputs))
}

/// Sizes that a difference quotient goes through in reasonable time.
fn is_small(example: &Example) -> bool {
    example.inputs.iter().chain(&example.outputs).all(|tensor| tensor.elements() <= 20_000)
}

#[test]
fn every_op_has_the_gradient_that_its_twin_has() {
    let (mut checked, mut with_rule, mut failures) = (0, HashSet::new(), Vec::new());
    for (stream, entry) in OPS.iter().enumerate() {
        let mut rng = Rng::with_stream(77, stream as u64);
        for (e, example) in (entry.examples)(&mut rng).iter().enumerate() {
            let (contents, inputs, outputs) = widened(example);
            let refused = matches!(&example.op, Op::Attention(op) if op.prefix_tokens > 0);
            if gradient(&example.op) != Gradient::Rule || refused {
                continue;
            }
            with_rule.insert(entry.name);
            if !is_small(example) {
                continue;
            }
            let objective = Objective::new(one(&example.op, &inputs, &outputs), &contents, &outputs, &mut rng);
            let mut wanted: Vec<Tensor> =
                inputs.iter().chain(&outputs).filter(|tensor| tensor.dtype() == DType::F32).cloned().collect();
            // What is only written has no gradient; what is changed in place has. A rotation is by fixed angles.
            wanted.retain(|tensor| contents.iter().any(|(given, _)| given.id() == tensor.id()));
            wanted.retain(|tensor| tensor.label() != "inv_freq");
            let gradients = match in_place_free(&objective, &wanted, &outputs) {
                Ok(gradients) => gradients,
                Err(error) => {
                    failures.push(format!("{} example {e}: {error}", entry.name));
                    continue;
                }
            };
            for (tensor, gradient) in gradients {
                checked += 1;
                let differences = objective.differences(&tensor, &mut rng);
                if let Err(error) = compare(&gradient, &differences) {
                    failures.push(format!("{} example {e}, {}: {error}", entry.name, tensor.label()));
                }
            }
        }
    }
    assert!(failures.is_empty(), "{} of {checked}:\n{}", failures.len(), failures.join("\n"));
    assert!(with_rule.len() >= 15 && checked >= 80, "{checked} gradients of {with_rule:?}");
}

/// Gradients of the tensors that are only read. Those that an op changes in place are checked in recordings below, where
/// they come from an op that wrote them.
fn in_place_free(
    objective: &Objective,
    wanted: &[Tensor],
    outputs: &[Tensor],
) -> Result<Vec<(Tensor, Vec<f64>)>, ComputeError> {
    let read: Vec<Tensor> =
        wanted.iter().filter(|tensor| !outputs.iter().any(|output| output.id() == tensor.id())).cloned().collect();
    Ok(read.iter().cloned().zip(objective.gradients(&read)?).collect())
}

/// A block of a decoder, twice, over tensors that are used again as inference uses them: residuals added in place, heads
/// turned in place, projections side by side, one normalised tensor for all layers.
fn decoder(rng: &mut Rng) -> (Recording, Contents, Vec<Tensor>, Tensor) {
    let (b, t, c, n_heads, n_kv_heads, size, inner, v) = (2, 5, 12, 4, 2, 4, 10, 9);
    let n = b * t;
    let (q, kv) = (n_heads * size, n_kv_heads * size);
    let mut contents = Contents::new();
    let mut parameter = |label: &str, shape: &[usize]| {
        let made = check::random(label, shape, DType::F32, rng);
        contents.push(made.clone());
        made.0
    };
    let table = parameter("table", &[v, c]);
    let final_norm = parameter("final_norm", &[c]);
    let mut layers = Vec::new();
    for _ in 0..2 {
        layers.push([
            parameter("norm", &[c]),
            parameter("q", &[q, c]),
            parameter("k", &[kv, c]),
            parameter("v", &[kv, c]),
            parameter("k_bias", &[kv]),
            parameter("o", &[c, q]),
            parameter("up", &[c, inner]),
            parameter("down", &[inner, c]),
        ]);
    }
    let parameters: Vec<Tensor> = contents.iter().map(|(tensor, _)| tensor.clone()).collect();
    let ids = check::indices("ids", &(0..n).map(|_| rng.below(v as u32)).collect::<Vec<_>>());
    let positions = check::indices("positions", &(0..n as u32).map(|i| i % t as u32).collect::<Vec<_>>());
    let slots = check::indices("slots", &[1, 0]);
    let inv_freq = check::random("inv_freq", &[size / 2], DType::F32, rng);
    let new = |label: &str, shape: &[usize]| Tensor::new(label, shape, DType::F32);
    let hidden = new("hidden", &[n, c]);
    let (normed, qkv) = (new("normed", &[n, c]), new("qkv", &[n, q + 2 * kv]));
    let (attended, wide, active) = (new("attended", &[n, q]), new("wide", &[n, inner]), new("active", &[n, inner]));
    let logits = new("logits", &[n, v]);
    let project = |layout, column_offset, accumulate| Op::MatMul(MatMul { layout, column_offset, accumulate });
    let norm = || Op::RmsNorm(RmsNorm::rows(1e-3));
    let mut r = Recording::new();
    let lookup = Op::Embedding(Embedding { scale: 1.5, accumulate: false, first_row: 0 });
    r.push(lookup, &[&ids.0, &table], &[&hidden]).unwrap();
    for [layer_norm, wq, wk, wv, k_bias, wo, up, down] in &layers {
        let (k_cache, v_cache) = (new("k_cache", &[b, t, kv]), new("v_cache", &[b, t, kv]));
        r.push(norm(), &[&hidden, layer_norm], &[&normed]).unwrap();
        r.push(project(WeightLayout::OutIn, 0, false), &[&normed, wq], &[&qkv]).unwrap();
        r.push(project(WeightLayout::OutIn, q, false), &[&normed, wk, k_bias], &[&qkv]).unwrap();
        r.push(project(WeightLayout::OutIn, q + kv, false), &[&normed, wv], &[&qkv]).unwrap();
        let rope = Rope {
            n_heads: n_heads + n_kv_heads,
            head_size: size,
            pairing: Pairing::Half,
            transposed: false,
            magnitude: 1.25,
        };
        r.push(Op::Rope(rope), &[&positions.0, &inv_freq.0], &[&qkv]).unwrap();
        let write = KvWrite { tokens: t, start: 0, key_offset: q };
        r.push(Op::KvWrite(write), &[&qkv, &slots.0], &[&k_cache, &v_cache]).unwrap();
        let attention = Attention { softcap: Some(4.0), ..Attention::causal(n_heads, n_kv_heads, size, t, 0) };
        r.push(Op::Attention(attention), &[&qkv, &slots.0, &k_cache, &v_cache], &[&attended]).unwrap();
        r.push(project(WeightLayout::OutIn, 0, true), &[&attended, wo], &[&hidden]).unwrap();
        r.push(norm(), &[&hidden, layer_norm], &[&normed]).unwrap();
        r.push(project(WeightLayout::InOut, 0, false), &[&normed, up], &[&wide]).unwrap();
        r.push(Op::Gelu(Gelu { approximation: Approximation::Exact }), &[&wide], &[&active]).unwrap();
        r.push(project(WeightLayout::InOut, 0, true), &[&active, down], &[&hidden]).unwrap();
    }
    r.push(norm(), &[&hidden, &final_norm], &[&normed]).unwrap();
    r.push(project(WeightLayout::OutIn, 0, false), &[&normed, &table], &[&logits]).unwrap();
    r.push(Op::Softcap(glitchscope::compute::ops::softcap::Softcap { cap: 7.0 }), &[], &[&logits]).unwrap();
    contents.extend([ids, positions, slots, inv_freq]);
    (r, contents, parameters, logits)
}

#[test]
fn a_decoder_has_the_gradient_of_its_differences() {
    let mut rng = Rng::new(21);
    let (recording, contents, parameters, logits) = decoder(&mut rng);
    let objective = Objective::new(recording, &contents, &[logits], &mut rng);
    let gradients = objective.gradients(&parameters).unwrap();
    for (tensor, gradient) in parameters.iter().zip(&gradients) {
        let differences = objective.differences(tensor, &mut rng);
        compare(gradient, &differences).unwrap_or_else(|error| panic!("{}: {error}", tensor.label()));
        assert!(gradient.iter().any(|value| value.abs() > 1e-3), "{} has no gradient to speak of", tensor.label());
    }
}

/// Oracle: the first run, and the sum of the parts. A frozen parameter costs nothing: its backward is not recorded.
#[test]
fn what_is_frozen_is_not_recorded() {
    let mut rng = Rng::new(5);
    let (recording, _, parameters, logits) = decoder(&mut rng);
    let separated = separate(&recording).unwrap();
    let seed = [(separated.latest(&logits), Tensor::new("seed", logits.shape(), DType::F32))];
    let ids: Vec<TensorId> = parameters.iter().map(Tensor::id).collect();
    let count =
        |wanted: &[TensorId]| reverse(&separated.recording, &seed, wanted).unwrap().recording.dispatches().len();
    let (all, last) = (count(&ids), count(&[parameters.last().unwrap().id()]));
    assert_eq!(count(&[]), 0);
    assert!(last < all / 4, "the last projection alone takes {last} of {all} dispatches");
}

/// Negative control: a backward with a mistake in it is found, for mistakes of the kinds that are made.
#[test]
fn a_wrong_gradient_is_found() {
    let mut rng = Rng::new(21);
    let (recording, contents, parameters, logits) = decoder(&mut rng);
    let objective = Objective::new(recording, &contents, &[logits], &mut rng);
    let gradients = objective.gradients(&parameters).unwrap();
    let differences = objective.differences(&parameters[3], &mut rng);
    compare(&gradients[3], &differences).unwrap();
    let changed = |change: fn(f64) -> f64| gradients[3].iter().map(|&value| change(value)).collect::<Vec<f64>>();
    for wrong in [changed(|v| -v), changed(|v| 1.001 * v), changed(|v| v + 1e-3), changed(|_| f64::NAN)] {
        assert!(compare(&wrong, &differences).is_err());
    }
    let mut transposed = gradients[3].clone();
    transposed.reverse();
    assert!(compare(&transposed, &differences).is_err());
}

/// Oracle: the error enum. Ops without a gradient say why, and only when somebody asks.
#[test]
fn ops_without_a_gradient_say_why() {
    let mut refused = 0;
    for entry in OPS {
        for example in (entry.examples)(&mut Rng::new(1)).iter().take(1) {
            let Gradient::None(reason) = gradient(&example.op) else { continue };
            assert!(reason.len() > 20, "{}: {reason:?} explains little", entry.name);
            let Some(input) = example.inputs.iter().find(|tensor| tensor.dtype() == DType::F32) else { continue };
            let output = &example.outputs[0];
            let recording = one(&example.op, &example.inputs, &example.outputs);
            let seeds = [(output.clone(), Tensor::new("seed", output.shape(), DType::F32))];
            let result = reverse(&recording, &seeds, &[input.id()]);
            assert!(
                matches!(&result, Err(ComputeError::NotDifferentiable { op, .. }) if *op == entry.name),
                "{}",
                entry.name
            );
            assert!(reverse(&recording, &seeds, &[]).is_ok());
            refused += 1;
        }
    }
    assert!(refused >= 10);
}

/// Oracle: the error enum. A pass that loses a value is refused instead of differentiated wrongly.
#[test]
fn a_lost_value_is_an_error() {
    let x = Tensor::new("x", &[3, 4], DType::F32);
    let (a, b) = (Tensor::new("a", &[3, 4], DType::F32), Tensor::new("b", &[3, 4], DType::F32));
    let gelu = || Op::Gelu(Gelu { approximation: Approximation::Tanh });
    let mut recording = Recording::new();
    recording.push(gelu(), &[&x], &[&a]).unwrap();
    recording.push(gelu(), &[&a], &[&b]).unwrap();
    recording.push(gelu(), &[&b], &[&a]).unwrap();
    let seeds = [(a.clone(), Tensor::new("seed", &[3, 4], DType::F32))];
    let error = reverse(&recording, &seeds, &[x.id()]).err();
    assert!(matches!(&error, Some(ComputeError::Overwritten { label, .. }) if label == "a"), "{error:?}");
    // With a tensor for each value the same pass has a gradient.
    let separated = separate(&recording).unwrap();
    let seeds = [(separated.latest(&a), seeds[0].1.clone())];
    assert!(reverse(&separated.recording, &seeds, &[x.id()]).is_ok());
}

/// Oracle: central differences. Columns of a tensor written over after it was read, others kept; columns written twice
/// before anybody reads them; a tensor added to after it was read.
#[test]
fn columns_written_over_have_the_gradients_of_their_own_values() {
    let mut rng = Rng::new(8);
    let x = check::random("x", &[3, 4], DType::F32, &mut rng);
    let (a, b, c) = (
        Tensor::new("a", &[3, 4], DType::F32),
        Tensor::new("b", &[3, 4], DType::F32),
        Tensor::new("c", &[3, 4], DType::F32),
    );
    let gelu = || Op::Gelu(Gelu { approximation: Approximation::Tanh });
    let copy = |alpha, column, columns, accumulate| {
        Op::Axpy(Axpy { alpha, x_column: column, out_column: column, columns, accumulate })
    };
    let mut recording = Recording::new();
    recording.push(gelu(), &[&x.0], &[&a]).unwrap();
    recording.push(gelu(), &[&a], &[&b]).unwrap();
    // Written, and written over before it is read.
    recording.push(copy(5.0, 1, 2, false), &[&x.0], &[&a]).unwrap();
    recording.push(copy(2.0, 0, 2, false), &[&b], &[&a]).unwrap();
    recording.push(gelu(), &[&a], &[&c]).unwrap();
    recording.push(copy(3.0, 2, 2, true), &[&c], &[&a]).unwrap();
    recording.push(gelu(), &[&a], &[&b]).unwrap();
    let wanted = [x.0.clone()];
    let objective = Objective::new(recording, &vec![x], &[b, c], &mut rng);
    let gradients = objective.gradients(&wanted).unwrap();
    compare(&gradients[0], &objective.differences(&wanted[0], &mut rng)).unwrap();
}

/// Oracle: the f32 device. The twins in f64 are the twins: they agree with the CPU wherever it has run.
#[test]
fn the_f64_twins_are_the_cpu_s() {
    let mut cpu = block_on(Device::request(DevicePreference::Cpu)).unwrap();
    let mut compared = 0;
    for (stream, entry) in OPS.iter().enumerate() {
        for (e, example) in (entry.examples)(&mut Rng::with_stream(9, stream as u64)).iter().enumerate() {
            if matches!(
                example.op,
                Op::NextToken(_) | Op::Knn(_) | Op::AttentionWeights(_) | Op::AttentionStats(_) | Op::AttentionSums(_)
            ) {
                continue;
            }
            let recording = one(&example.op, &example.inputs, &example.outputs);
            let mut reference = Reference64::default();
            for (tensor, bytes) in &example.contents {
                cpu.write(tensor, 0, bytes).unwrap();
                reference.write(tensor, bytes);
            }
            reference.run(&recording);
            block_on(cpu.run(&recording)).unwrap();
            for tensor in &example.outputs {
                let got = block_on(cpu.read_f32(tensor)).unwrap();
                let expected = reference.f64s(tensor);
                let size = expected.iter().fold(1.0f64, |max, value| max.max(value.abs()));
                for (i, (&got, &expected)) in got.iter().zip(expected).enumerate() {
                    let within = (f64::from(got) - expected).abs() <= 1e-5 * size;
                    assert!(within, "{} example {e}, {} [{i}]: {got} and {expected}", entry.name, tensor.label());
                    compared += 1;
                }
            }
        }
    }
    assert!(compared > 10_000);
}
