//! Oracle: the CPU twin. A GPU that allows little in one buffer keeps large tables in pieces and computes the same, forward
//! and backward.
#![cfg(feature = "gpu")]

use std::path::Path;
use std::rc::Rc;

use crate::common::compare::assert_logits;
use crate::common::devices;
use glitchscope::checkpoint::Checkpoint;
use glitchscope::checkpoint::source::FolderSource;
use glitchscope::compute::ops::adamw::AdamW;
use glitchscope::compute::ops::axpy::Axpy;
use glitchscope::compute::ops::check::random;
use glitchscope::compute::ops::embedding::Embedding;
use glitchscope::compute::ops::embedding_backward::EmbeddingBackward;
use glitchscope::compute::ops::fill::Fill;
use glitchscope::compute::ops::matmul::{MatMul, WeightLayout};
use glitchscope::compute::ops::matmul_weight_backward::MatMulWeightBackward;
use glitchscope::compute::ops::relu::Relu;
use glitchscope::compute::ops::sum_squares::SumSquares;
use glitchscope::compute::{ComputeError, DType, Device, DevicePreference, Op, Recording, Tensor};
use glitchscope::engine::Model;
use glitchscope::engine::training::{AdamWSettings, Batch, Schedule, Trainer, TrainingSettings, loss_and_gradients};
use glitchscope::progress::Silent;
use glitchscope::rng::Rng;
use pollster::block_on;

/// Devices for both sides: the CPU, and a GPU that allows `bytes` in a buffer; `None` after saying that it is skipped.
fn pair(test: &str, bytes: u64) -> Option<(Device, Device)> {
    if !devices(test).contains(&DevicePreference::Gpu) {
        return None;
    }
    let mut gpu = block_on(Device::request(DevicePreference::Gpu)).unwrap();
    gpu.limit_tensor_bytes(bytes);
    assert_eq!(gpu.tensor_bytes_max(), bytes);
    Some((block_on(Device::request(DevicePreference::Cpu)).unwrap(), gpu))
}

fn run(device: &mut Device, op: &Op, contents: &[(Tensor, Vec<u8>)], out: &Tensor) -> Result<Vec<f32>, ComputeError> {
    for (tensor, bytes) in contents {
        device.write(tensor, 0, bytes)?;
    }
    device.write_f32(out, &vec![0.5; out.elements()])?;
    let mut recording = Recording::new();
    recording.push(op.clone(), &contents.iter().map(|(tensor, _)| tensor).collect::<Vec<_>>(), &[out])?;
    block_on(device.run(&recording))?;
    block_on(device.read_f32(out))
}

#[test]
fn tables_in_pieces_give_the_same_numbers() {
    const ROWS: usize = 203;
    let Some((mut cpu, mut gpu)) = pair("tables_in_pieces_give_the_same_numbers", 4096) else { return };
    let mut rng = Rng::new(11);
    for dtype in [DType::F32, DType::F16, DType::BF16] {
        // An odd number of columns: rows of halves do not end at whole words.
        let table = random("table", &[ROWS, 33], dtype, &mut rng);
        let x = random("x", &[3, 33], DType::F32, &mut rng);
        let bias = random("bias", &[ROWS], dtype, &mut rng);
        let ids: Vec<u32> = vec![0, 202, 60, 61, 62, 119, 120, 203, 7];
        let ids = (Tensor::new("ids", &[ids.len()], DType::U32), bytemuck::cast_slice(&ids).to_vec());
        for (what, op, contents, out) in [
            (
                "projection",
                Op::MatMul(MatMul { layout: WeightLayout::OutIn, column_offset: 2, accumulate: true }),
                vec![x.clone(), table.clone(), bias],
                Tensor::new("out", &[3, ROWS + 4], DType::F32),
            ),
            (
                "look-up",
                Op::Embedding(Embedding { scale: 1.0, accumulate: true, first_row: 0 }),
                vec![ids, table.clone()],
                Tensor::new("out", &[9, 33], DType::F32),
            ),
        ] {
            let expected = run(&mut cpu, &op, &contents, &out).unwrap();
            let got = run(&mut gpu, &op, &contents, &out).unwrap();
            let worst = got.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(worst <= 2e-5, "{what}, {dtype:?}: {worst}");
            // Negative control: without its last piece the table would give other numbers.
            assert!(expected[expected.len() - 5..].iter().any(|value| (value - 0.5).abs() > 0.01));
        }
        assert_eq!(block_on(gpu.read(&table.0)).unwrap(), table.1, "{dtype:?}: pieces are put together again");
        gpu.free(&table.0);
        assert!(matches!(block_on(gpu.read(&table.0)), Err(ComputeError::NotOnDevice { .. })));
    }
}

#[test]
fn what_cannot_be_cut_is_refused_with_the_numbers() {
    let Some((_, mut gpu)) = pair("what_cannot_be_cut_is_refused_with_the_numbers", 4096) else { return };
    let mut rng = Rng::new(12);
    let x = random("x", &[40, 60], DType::F32, &mut rng);
    let refused = run(&mut gpu, &Op::Relu(Relu), &[x], &Tensor::new("out", &[40, 60], DType::F32)).unwrap_err();
    assert!(matches!(refused, ComputeError::BufferTooLarge { needed_bytes: 9600, limit_bytes: 4096, .. }), "{refused}");
    let vector = Tensor::new("vector", &[2000], DType::F32);
    let refused = gpu.write(&vector, 0, &[0; 16]).unwrap_err();
    assert!(matches!(refused, ComputeError::BufferTooLarge { needed_bytes: 8000, .. }), "{refused}");
}

/// A table of this many rows and columns in F32 is three pieces of 4096 bytes.
const ROWS: usize = 70;
const COLUMNS: usize = 33;

/// What makes and uses the gradient of a table in pieces: op, what it reads, and what it changes in place.
#[test]
fn backward_ops_in_pieces_give_the_same_numbers() {
    let Some((mut cpu, mut gpu)) = pair("backward_ops_in_pieces_give_the_same_numbers", 4096) else { return };
    let mut rng = Rng::new(13);
    let mut table = |label: &str| random(label, &[ROWS, COLUMNS], DType::F32, &mut rng);
    let (a, b, c, moments) = (table("a"), table("b"), table("c"), table("v"));
    let squares: Vec<f32> = bytemuck::pod_collect_to_vec::<u8, f32>(&moments.1).iter().map(|v| v * v + 0.01).collect();
    let moments = (moments.0, bytemuck::cast_slice(&squares).to_vec());
    let weights: Vec<_> =
        [DType::F32, DType::F16, DType::BF16].map(|dtype| random("weight", &[201, 33], dtype, &mut rng)).into();
    let q8 = random("weight", &[201, 64], DType::Q8_0, &mut rng);
    let dlogits = random("dlogits", &[5, ROWS + 4], DType::F32, &mut rng);
    let wide = random("wide", &[5, 201], DType::F32, &mut rng);
    let (x, dout) =
        (random("x", &[5, COLUMNS], DType::F32, &mut rng), random("dout", &[9, COLUMNS], DType::F32, &mut rng));
    let bias = random("bias", &[COLUMNS], DType::F32, &mut rng);
    let ids: Vec<u32> = vec![0, 69, 31, 30, 28, 32, 70, 69, 7];
    let ids = (Tensor::new("ids", &[ids.len()], DType::U32), bytemuck::cast_slice(&ids).to_vec());
    let out = |columns: usize| random("out", &[5, columns], DType::F32, &mut Rng::new(14));
    let product = |accumulate| Op::MatMul(MatMul { layout: WeightLayout::InOut, column_offset: 1, accumulate });
    let mut cases = vec![
        (
            Op::MatMulWeightBackward(MatMulWeightBackward { a_column: 2, b_column: 0, accumulate: true }),
            vec![dlogits, x],
            vec![a.clone()],
        ),
        (Op::EmbeddingBackward(EmbeddingBackward { scale: 1.0, first_row: 0 }), vec![ids, dout], vec![a.clone()]),
        (Op::Fill(Fill { value: 1.5 }), vec![], vec![a.clone()]),
        (Op::Axpy(Axpy::whole(&a.0, -0.5, true)), vec![a.clone()], vec![b.clone()]),
        (Op::AdamW(adamw()), vec![a], vec![b, c, moments]),
        (product(true), vec![wide.clone(), q8], vec![out(66)]),
    ];
    for weight in weights {
        cases.push((product(false), vec![wide.clone(), weight.clone(), bias.clone()], vec![out(35)]));
    }
    for (op, reads, changes) in &cases {
        let [expected, got] = [&mut cpu, &mut gpu].map(|device| changed(device, op, reads, changes).unwrap());
        let name = op.name();
        for ((got, expected), (tensor, before)) in got.iter().zip(&expected).zip(changes) {
            let worst = got.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(worst <= 1e-4, "{name}, {}: {worst}", tensor.label());
            // Negative control: in every piece something has changed.
            let before: Vec<f32> = bytemuck::pod_collect_to_vec(before);
            for part in [0..COLUMNS, expected.len() - COLUMNS..expected.len()] {
                assert!(expected[part.clone()] != before[part], "{name}, {}", tensor.label());
            }
        }
    }
    // A sum of squares comes in other stretches; their total is the same, and no place beyond them is written.
    let (x, out) = (random("x", &[ROWS, COLUMNS], DType::F32, &mut rng), random("out", &[20], DType::F32, &mut rng));
    let op = Op::SumSquares(SumSquares { first: 2, parts: 16 });
    let [expected, got] = [&mut cpu, &mut gpu]
        .map(|device| changed(device, &op, std::slice::from_ref(&x), std::slice::from_ref(&out)).unwrap().remove(0));
    let total = |values: &[f32]| values[2..18].iter().map(|&value| f64::from(value)).sum::<f64>();
    assert!((total(&got) - total(&expected)).abs() <= 1e-5 * total(&expected), "{got:?}, {expected:?}");
    assert_eq!((&got[..2], &got[18..]), (&expected[..2], &expected[18..]));
    // More pieces than places cannot be.
    let op = Op::SumSquares(SumSquares { first: 0, parts: 2 });
    let refused = changed(&mut gpu, &op, &[x], &[out]).unwrap_err();
    assert!(matches!(refused, ComputeError::BufferTooLarge { .. }), "{refused}");
}

fn adamw() -> AdamW {
    AdamW { learning_rate: 1e-2, beta1: 0.9, beta2: 0.98, eps: 1e-8, weight_decay: 0.1, step: 3, gradient_scale: 0.5 }
}

/// The tensors that an op changes, after it.
fn changed(
    device: &mut Device,
    op: &Op,
    reads: &[(Tensor, Vec<u8>)],
    changes: &[(Tensor, Vec<u8>)],
) -> Result<Vec<Vec<f32>>, ComputeError> {
    for (tensor, bytes) in reads.iter().chain(changes) {
        device.write(tensor, 0, bytes)?;
    }
    let tensors = |list: &[(Tensor, Vec<u8>)]| list.iter().map(|(tensor, _)| tensor.clone()).collect::<Vec<Tensor>>();
    let mut recording = Recording::new();
    let (inputs, outputs) = (tensors(reads), tensors(changes));
    recording.push(op.clone(), &inputs.iter().collect::<Vec<_>>(), &outputs.iter().collect::<Vec<_>>())?;
    block_on(device.run(&recording))?;
    outputs.iter().map(|tensor| block_on(device.read_f32(tensor))).collect()
}

/// Oracle: the same device without the limit, and the CPU. The specimen's embedding has 786 KB, and is its head as well.
#[test]
fn gradients_and_steps_through_a_table_in_pieces() {
    let Some((cpu, gpu)) = pair("gradients_and_steps_through_a_table_in_pieces", 262_144) else { return };
    let unlimited = block_on(Device::request(DevicePreference::Gpu)).unwrap();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("www/public/specimen");
    let checkpoint = block_on(Checkpoint::open(Rc::new(FolderSource::new(&folder)))).unwrap();
    let rows = [vec![0, 300, 17, 3071, 1200, 17], vec![0, 1023, 1024, 1025]];
    let batch = Batch::next_token(&rows).unwrap();
    let settings = TrainingSettings {
        schedule: Schedule::constant(1e-2),
        adamw: AdamWSettings::default(),
        groups: Vec::new(),
        clip: Some(1.0),
    };
    let of = [cpu, unlimited, gpu].map(|device| {
        let mut model = block_on(Model::load(&checkpoint, device, &mut Silent)).unwrap();
        let (loss, gradients) = block_on(loss_and_gradients(&mut model, &batch, &|_| true)).unwrap();
        let mut trainer = block_on(Trainer::new(&mut model, settings.clone())).unwrap();
        let norms: Vec<f64> = (0..2)
            .map(|_| block_on(trainer.step(&mut model, std::slice::from_ref(&batch))).unwrap().gradient_norm)
            .collect();
        let after = block_on(trainer.loss(&mut model, &batch)).unwrap().mean;
        (loss.mean, gradients, norms, after)
    });
    let [expected @ .., (loss, gradients, norms, after)] = &of;
    for (expected_loss, expected_gradients, expected_norms, expected_after) in expected {
        assert!((loss - expected_loss).abs() <= 1e-5 * expected_loss, "{loss}, {expected_loss}");
        for (got, expected) in gradients.iter().zip(expected_gradients) {
            assert_eq!((&got.name, &got.shape), (&expected.name, &expected.shape));
            let norm = |values: &mut dyn Iterator<Item = f32>| {
                values.map(|value| f64::from(value) * f64::from(value)).sum::<f64>().sqrt()
            };
            let apart = norm(&mut got.values.iter().zip(&expected.values).map(|(a, b)| a - b));
            let of = norm(&mut expected.values.iter().copied());
            assert!(apart <= 1e-4 * of, "{}: {apart} apart, of {of}", got.name);
        }
        for (got, expected) in norms.iter().zip(expected_norms) {
            assert!((got - expected).abs() <= 1e-3 * expected, "{norms:?}, {expected_norms:?}");
        }
        assert!((after - expected_after).abs() <= 1e-3 * expected_after, "{after}, {expected_after}");
    }
    // Negative control: the steps went somewhere, and every piece of the embedding has a gradient.
    assert!(*after < 0.9 * loss, "{after} after {loss}");
    let table = gradients.iter().find(|gradient| gradient.name == "model.embed_tokens.weight").unwrap();
    for piece in table.values.chunks(262_144 / 4) {
        assert!(piece.iter().any(|value| value.abs() > 1e-6));
    }
}

/// Oracle: arithmetic. What is left is the limit less what is in use; the answer is good to a 64th of what was asked for.
#[test]
fn memory_that_runs_out_is_an_error_with_both_numbers() {
    if !devices("memory_that_runs_out_is_an_error_with_both_numbers").contains(&DevicePreference::Gpu) {
        return;
    }
    const LIMIT: u64 = 1 << 20;
    let mut gpu = block_on(Device::request(DevicePreference::Gpu)).unwrap();
    gpu.limit_memory_bytes(LIMIT);
    let tensor = |label: &str, bytes: usize| Tensor::new(label, &[bytes / 4], DType::F32);
    let [first, second] = ["first", "second"].map(|label| tensor(label, 614_400));
    gpu.write(&first, 0, &[0; 16]).unwrap();
    let left = LIMIT - 614_400;
    let is_told = |error: &ComputeError| match error {
        ComputeError::OutOfMemory { needed_bytes: 614_400, available_bytes: Some(available), .. } => {
            *available <= left && left - available <= 614_400 / 64 + 1
        }
        _ => false,
    };
    let refused = gpu.write(&second, 0, &[0; 16]).unwrap_err();
    assert!(is_told(&refused), "{refused}");
    assert!(refused.to_string().contains("available"), "{refused}");
    // The same when a recording needs room for its result; and what was there is still there.
    let mut recording = Recording::new();
    recording.push(Op::Relu(Relu), &[&first], &[&second]).unwrap();
    let refused = block_on(gpu.run(&recording)).unwrap_err();
    assert!(is_told(&refused), "{refused}");
    assert_eq!(block_on(gpu.read(&first)).unwrap().len(), 614_400);
    // Memory that is given back can be had again.
    gpu.free(&first);
    gpu.write(&second, 0, &[0; 16]).unwrap();
}

/// The specimen's embedding has 786 KB, and is its head as well.
#[test]
fn a_model_whose_embedding_is_too_large_for_a_buffer() {
    let Some((cpu, gpu)) = pair("a_model_whose_embedding_is_too_large_for_a_buffer", 262_144) else { return };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("www/public/specimen");
    let checkpoint = block_on(Checkpoint::open(Rc::new(FolderSource::new(&folder)))).unwrap();
    let ids = [0, 300, 17, 3071, 1200, 1023, 1024];
    let [expected, got] = [cpu, gpu].map(|device| {
        let mut model = block_on(Model::load(&checkpoint, device, &mut Silent)).unwrap();
        assert_eq!(block_on(model.embedding()).unwrap().len(), 3072 * 128);
        block_on(model.logits(&ids)).unwrap()
    });
    assert_logits("the specimen in small buffers", &got, &expected);
}
