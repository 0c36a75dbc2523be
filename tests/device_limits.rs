//! Oracle: the CPU twin. A GPU that allows little in one buffer keeps large tables in pieces and computes the same.
#![cfg(feature = "gpu")]

use std::path::Path;
use std::rc::Rc;

use crate::common::compare::assert_logits;
use crate::common::devices;
use glitchscope::checkpoint::Checkpoint;
use glitchscope::checkpoint::source::FolderSource;
use glitchscope::compute::ops::check::random;
use glitchscope::compute::ops::embedding::Embedding;
use glitchscope::compute::ops::matmul::{MatMul, WeightLayout};
use glitchscope::compute::{ComputeError, DType, Device, DevicePreference, Op, Recording, Tensor};
use glitchscope::engine::Model;
use glitchscope::engine::training::{Batch, loss, loss_and_gradients};
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
    let x = random("x", &[3, 40], DType::F32, &mut rng);
    let weight = random("weight", &[40, 60], DType::F32, &mut rng);
    let op = Op::MatMul(MatMul { layout: WeightLayout::InOut, column_offset: 0, accumulate: false });
    let refused = run(&mut gpu, &op, &[x, weight], &Tensor::new("out", &[3, 60], DType::F32)).unwrap_err();
    assert!(matches!(refused, ComputeError::BufferTooLarge { needed_bytes: 9600, limit_bytes: 4096, .. }), "{refused}");
    let vector = Tensor::new("vector", &[2000], DType::F32);
    let refused = gpu.write(&vector, 0, &[0; 16]).unwrap_err();
    assert!(matches!(refused, ComputeError::BufferTooLarge { needed_bytes: 8000, .. }), "{refused}");
}

/// Oracle: the contract. Gradients through a table in pieces are refused, with its name and the numbers.
#[test]
fn gradients_through_pieces_are_refused_by_name() {
    let Some((_, gpu)) = pair("gradients_through_pieces_are_refused_by_name", 262_144) else { return };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("www/public/specimen");
    let checkpoint = block_on(Checkpoint::open(Rc::new(FolderSource::new(&folder)))).unwrap();
    let mut model = block_on(Model::load(&checkpoint, gpu, &mut Silent)).unwrap();
    let batch = Batch::next_token(&[vec![0, 300, 17]]).unwrap();
    block_on(loss(&mut model, &batch)).unwrap();
    let error = block_on(loss_and_gradients(&mut model, &batch, &|_| true)).unwrap_err();
    assert!(error.is_device() && error.hint().is_some());
    assert!(error.to_string().contains("model.embed_tokens.weight") && error.to_string().contains("262144"), "{error}");
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
    recording.push(Op::Relu(glitchscope::compute::ops::relu::Relu), &[&first], &[&second]).unwrap();
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
