//! Oracle: the CPU twin of every kernel. The GPU replays the same recordings and must agree within each op's tolerance.
//!
//! Without a GPU adapter these tests report themselves as skipped; `GPU=required` turns that into a failure. Software
//! Vulkan (Mesa's llvmpipe) is a GPU in this sense.
#![cfg(feature = "gpu")]

use std::collections::BTreeSet;
use std::io::Write;

use glitchscope::compute::gpu::kernels::{self, Launch};
use glitchscope::compute::gpu::tuning::Tuning;
use glitchscope::compute::ops::gelu::{Approximation, Gelu};
use glitchscope::compute::ops::knn::Knn;
use glitchscope::compute::ops::layernorm::LayerNorm;
use glitchscope::compute::ops::matmul::{MatMul, WeightLayout};
use glitchscope::compute::ops::rmsnorm::RmsNorm;
use glitchscope::compute::ops::rope::{Pairing, Rope};
use glitchscope::compute::ops::{Example, OPS, check};
use glitchscope::compute::tolerance::{self, Tolerance};
use glitchscope::compute::{ComputeError, DType, Device, DeviceKind, DevicePreference, Op, Recording, Tensor};
use glitchscope::rng::Rng;
use pollster::block_on;

/// The GPU, or `None` after saying that the test is skipped. `GPU=required` forbids that.
fn gpu(test: &str) -> Option<Device> {
    match block_on(Device::request(DevicePreference::Gpu)) {
        Ok(device) => {
            assert_eq!(device.info().kind, DeviceKind::Gpu);
            Some(device)
        }
        Err(error) if std::env::var("GPU").is_ok_and(|value| value == "required") => {
            panic!("GPU=required, and there is none: {error}")
        }
        Err(error) => {
            // Not eprintln!, which libtest captures: a skipped test must be seen. One write, so that lines stay whole.
            let _ = std::io::stderr().write_all(format!("SKIPPED: {test}: {error}\n").as_bytes());
            None
        }
    }
}

fn cpu() -> Device {
    block_on(Device::request(DevicePreference::Cpu)).expect("there is always a CPU")
}

fn record(op: Op, inputs: &[Tensor], outputs: &[Tensor]) -> Recording {
    let mut recording = Recording::new();
    let inputs: Vec<_> = inputs.iter().collect();
    let outputs: Vec<_> = outputs.iter().collect();
    recording.push(op, &inputs, &outputs).expect("well formed");
    recording
}

/// Uploads, replays, and reads every output back.
fn replay(device: &mut Device, contents: &[(Tensor, Vec<u8>)], recording: &Recording) -> Vec<(Tensor, Vec<u8>)> {
    for (tensor, bytes) in contents {
        device.write(tensor, 0, bytes).unwrap();
    }
    block_on(device.run(recording)).unwrap();
    recording
        .dispatches()
        .iter()
        .flat_map(|dispatch| &dispatch.outputs)
        .map(|tensor| (tensor.clone(), block_on(device.read(tensor)).unwrap()))
        .collect()
}

/// Element by element. Halves and integers must be equal; f32 must agree within the tolerance, and NaN never does.
fn compare(got: &[u8], expected: &[u8], dtype: DType, tolerance: Tolerance) -> Result<(), String> {
    if got.len() != expected.len() {
        return Err(format!("{} bytes, expected {}", got.len(), expected.len()));
    }
    if dtype != DType::F32 {
        return match got.iter().zip(expected).position(|(got, expected)| got != expected) {
            None => Ok(()),
            Some(at) => Err(format!("byte {at} is {}, expected {}", got[at], expected[at])),
        };
    }
    let (got, expected) = (floats(got), floats(expected));
    for (i, (&got, &expected)) in got.iter().zip(&expected).enumerate() {
        if !tolerance.accepts(got, expected) {
            let apart = (got - expected).abs();
            return Err(format!("element {i} is {got}, expected {expected}, {apart:e} apart"));
        }
    }
    Ok(())
}

/// Neighbours may be exchanged where distances tie within the tolerance: each must be as far away as the twin's in the
/// same place, must not be the row itself, and must not come twice.
fn compare_neighbours(
    example: &Example,
    row_start: usize,
    got: &[u8],
    expected_distances: &[u8],
) -> Result<(), String> {
    let (x, k) = (&example.contents[0], example.outputs[0].columns());
    let (values, columns) = (floats(&x.1), x.0.columns());
    let (got, expected): (Vec<u32>, _) = (bytemuck::pod_collect_to_vec(got), floats(expected_distances));
    for (r, (neighbours, expected)) in got.chunks_exact(k).zip(expected.chunks_exact(k)).enumerate() {
        let row = row_start + r;
        if neighbours.iter().collect::<BTreeSet<_>>().len() != k {
            return Err(format!("row {row} lists a neighbour twice: {neighbours:?}"));
        }
        for (&neighbour, &expected) in neighbours.iter().zip(expected) {
            let neighbour = neighbour as usize;
            if neighbour == row || neighbour >= x.0.rows() {
                return Err(format!("row {row} lists {neighbour}"));
            }
            let squared: f64 = (0..columns)
                .map(|c| f64::from(values[row * columns + c]) - f64::from(values[neighbour * columns + c]))
                .map(|difference| difference * difference)
                .sum();
            if !example.tolerance.accepts(squared.sqrt() as f32, expected) {
                return Err(format!("row {row} lists {neighbour} at {}, expected one at {expected}", squared.sqrt()));
            }
        }
    }
    Ok(())
}

fn floats(bytes: &[u8]) -> Vec<f32> {
    bytemuck::pod_collect_to_vec(bytes)
}

/// Everything that two launches of the same dispatch can differ in.
fn shape_of(launch: &Launch<'_>) -> String {
    format!("{} {:?} {:?} {}", launch.entry_point, launch.conditions, launch.constants, launch.workgroups)
}

fn set_tuning(device: &mut Device, tuning: &Tuning) {
    let Device::Gpu(gpu) = device else { panic!("a GPU") };
    gpu.set_tuning(tuning.clone());
}

/// All of them, as the device's own tuning launches them.
#[test]
fn every_kernel_agrees_with_its_twin() {
    let Some(mut gpu) = gpu("every_kernel_agrees_with_its_twin") else {
        return;
    };
    assert!(compare_all(&mut gpu, &[]) > OPS.len());
}

/// Those that another tuning launches in another way, for every tuning there is.
#[test]
fn every_variant_agrees_with_its_twin() {
    let Some(mut gpu) = gpu("every_variant_agrees_with_its_twin") else {
        return;
    };
    let Device::Gpu(own) = &gpu else { panic!("a GPU") };
    let mut tunings = vec![own.tuning().clone()];
    let mut compared = Vec::new();
    for tuning in Tuning::all() {
        set_tuning(&mut gpu, &tuning);
        compared.push((tuning.tile, compare_all(&mut gpu, &tunings)));
        tunings.push(tuning);
    }
    // A tile that launches nothing in its own way is either not there or the device's own.
    assert!(compared.iter().all(|(tile, compared)| *compared > 3 || *tile == tunings[0].tile), "{compared:?}");
}

/// Operands in f16, where the adapter has `shader-f16`: within the tolerance that the op states, and not the f32 result.
#[test]
fn operands_in_half_precision_agree_within_their_rounding() {
    const TEST: &str = "operands_in_half_precision_agree_within_their_rounding";
    if gpu(TEST).is_none() {
        return;
    }
    let mut half = match block_on(Device::request(DevicePreference::GpuF16)) {
        Ok(device) => device,
        Err(error) => {
            let _ = std::io::stderr().write_all(format!("SKIPPED: {TEST}: {error}\n").as_bytes());
            return;
        }
    };
    assert_ne!(half.info().precision, "f32", "a report must say what was given up");
    let (mut cpu, mut rounded) = (cpu(), 0);
    let entry = OPS.iter().find(|op| op.name == "matmul").expect("is listed");
    for example in (entry.examples)(&mut Rng::new(77)) {
        let recording = record(example.op.clone(), &example.inputs, &example.outputs);
        let expected = replay(&mut cpu, &example.contents, &recording);
        let got = replay(&mut half, &example.contents, &recording);
        let scale = (example.inputs[0].columns() as f32).sqrt();
        compare(&got[0].1, &expected[0].1, DType::F32, Tolerance::new(1.5e-3 * scale, 1e-3)).unwrap();
        rounded += usize::from(compare(&got[0].1, &expected[0].1, DType::F32, example.tolerance).is_err());
    }
    assert!(rounded > 3, "{rounded} examples differ from f32");
}

/// `done`: tunings whose launches need not be repeated. Gives the number of tensors that were compared.
fn compare_all(gpu: &mut Device, done: &[Tuning]) -> usize {
    let Device::Gpu(device) = &*gpu else { panic!("a GPU") };
    let tuning = device.tuning().clone();
    let mut cpu = cpu();
    let mut failures = Vec::new();
    let mut compared = 0;
    assert!(!OPS.is_empty());
    for (stream, op) in OPS.iter().enumerate() {
        let examples = (op.examples)(&mut Rng::with_stream(2024, stream as u64));
        assert!(!examples.is_empty(), "{} has no examples", op.name);
        for (e, example) in examples.iter().enumerate() {
            assert_eq!(example.op.name(), op.name);
            let recording = record(example.op.clone(), &example.inputs, &example.outputs);
            let dispatch = &recording.dispatches()[0];
            let shape = |tuning: &Tuning| shape_of(&kernels::launch(dispatch, tuning).expect("launches"));
            if done.iter().any(|done| shape(done) == shape(&tuning)) {
                continue;
            }
            let expected = replay(&mut cpu, &example.contents, &recording);
            let got = replay(gpu, &example.contents, &recording);
            assert_eq!(got.len(), example.outputs.len());
            for (i, ((tensor, got), (_, expected_bytes))) in got.iter().zip(&expected).enumerate() {
                let result = match &example.op {
                    Op::Knn(knn) if i == 0 => compare_neighbours(example, knn.row_start, got, &expected[1].1),
                    _ => compare(got, expected_bytes, tensor.dtype(), example.tolerance),
                };
                compared += 1;
                if let Err(error) = result {
                    failures.push(format!("{} example {e}, {}, {}: {error}", op.name, tensor.label(), shape(&tuning)));
                }
            }
        }
    }
    assert!(failures.is_empty(), "on {:?}, {} of {compared}:\n{}", gpu.info(), failures.len(), failures.join("\n"));
    compared
}

/// Negative control of `compare`: a perturbed value, NaN on either side, two exchanged elements, a missing element.
#[test]
fn the_comparer_finds_what_is_wrong() {
    let bytes = |values: &[f32]| bytemuck::cast_slice::<f32, u8>(values).to_vec();
    let good = bytes(&[1.0, 2.0, 3.0]);
    let check = |got: &[f32]| compare(&bytes(got), &good, DType::F32, tolerance::REDUCTION);
    assert!(check(&[1.0, 2.0, 3.0]).is_ok() && check(&[1.0, 2.000_01, 3.0]).is_ok());
    assert!(check(&[1.0, 2.001, 3.0]).is_err());
    assert!(check(&[1.0, f32::NAN, 3.0]).is_err());
    assert!(check(&[2.0, 1.0, 3.0]).is_err());
    assert!(check(&[1.0, 2.0]).is_err());
    let with_nan = bytes(&[f32::NAN]);
    assert!(compare(&with_nan, &with_nan, DType::F32, tolerance::REDUCTION).is_err());
    assert!(compare(&[1, 0, 0, 0], &[0, 1, 0, 0], DType::U32, tolerance::EXACT).is_err());
}

/// Negative control of `compare_neighbours`: a farther point, the row itself, a point twice, a point that is not there.
#[test]
fn the_neighbour_comparer_finds_what_is_wrong() {
    let x = Tensor::new("x", &[4, 1], DType::F32);
    let values: [f32; 4] = [0.0, 1.0, 2.0, 10.0];
    let example = Example {
        op: Op::Knn(Knn { row_start: 1 }),
        inputs: vec![x.clone()],
        outputs: vec![Tensor::new("neighbours", &[1, 2], DType::U32), Tensor::new("distances", &[1, 2], DType::F32)],
        contents: vec![(x, bytemuck::cast_slice(&values).to_vec())],
        tolerance: tolerance::REDUCTION,
    };
    let distances = bytemuck::cast_slice::<f32, u8>(&[1.0, 1.0]).to_vec();
    let check = |got: [u32; 2]| compare_neighbours(&example, 1, bytemuck::cast_slice(&got), &distances);
    assert!(check([0, 2]).is_ok() && check([2, 0]).is_ok(), "a tie may be exchanged");
    for wrong in [[0, 3], [0, 1], [0, 0], [0, 4]] {
        assert!(check(wrong).is_err(), "{wrong:?} went unnoticed");
    }
}

/// Negative control of the whole suite: kernels that are deliberately not the twin's must be reported.
#[test]
fn a_wrong_kernel_is_reported() {
    let Some(mut gpu) = gpu("a_wrong_kernel_is_reported") else {
        return;
    };
    let mut cpu = cpu();
    let mut rng = Rng::new(5);
    let x = check::random("x", &[9, 70], DType::F32, &mut rng);
    let weight = check::random("weight", &[70], DType::F16, &mut rng);
    let out = Tensor::new("out", &[9, 70], DType::F32);
    let gelu = |approximation| Op::Gelu(Gelu { approximation });
    let rms_norm = |eps| Op::RmsNorm(RmsNorm::rows(eps));
    let one = std::slice::from_ref(&x.0);
    let two = [x.0.clone(), weight.0.clone()];
    for (inputs, right, wrong, tolerance) in [
        (one, gelu(Approximation::Exact), gelu(Approximation::Tanh), Tolerance::new(2e-6, 2e-5)),
        (&two[..], rms_norm(1e-5), rms_norm(1e-2), tolerance::REDUCTION),
    ] {
        let contents = [x.clone(), weight.clone()];
        let outputs = [out.clone()];
        let expected = replay(&mut cpu, &contents, &record(right.clone(), inputs, &outputs));
        let got = replay(&mut gpu, &contents, &record(right, inputs, &outputs));
        compare(&got[0].1, &expected[0].1, DType::F32, tolerance).unwrap();
        let got = replay(&mut gpu, &contents, &record(wrong.clone(), inputs, &outputs));
        assert!(compare(&got[0].1, &expected[0].1, DType::F32, tolerance).is_err(), "{wrong:?} went unnoticed");
    }
}

/// Points on a small grid, most of them many times over: every distance is exact, so ties are real and the neighbours
/// must be the twin's, the smaller index first.
#[test]
fn tied_neighbours_come_in_the_order_of_their_index() {
    let Some(mut gpu) = gpu("tied_neighbours_come_in_the_order_of_their_index") else {
        return;
    };
    let mut rng = Rng::new(8);
    let x = Tensor::new("x", &[200, 2], DType::F32);
    let values: Vec<f32> = (0..400).map(|_| rng.below(3) as f32).collect();
    let contents = [(x.clone(), bytemuck::cast_slice(&values).to_vec())];
    let outputs = [Tensor::new("neighbours", &[200, 30], DType::U32), Tensor::new("distances", &[200, 30], DType::F32)];
    let recording = record(Op::Knn(Knn { row_start: 0 }), std::slice::from_ref(&x), &outputs);
    let expected = replay(&mut cpu(), &contents, &recording);
    let got = replay(&mut gpu, &contents, &recording);
    compare(&got[0].1, &expected[0].1, DType::U32, tolerance::EXACT).unwrap();
    compare(&got[1].1, &expected[1].1, DType::F32, tolerance::REDUCTION).unwrap();
}

/// Oracle: the same angle in f64. Positions as far out as long contexts go, where a plain `sin` on the GPU loses digits.
#[test]
fn rotary_angles_keep_their_digits_far_out() {
    let Some(mut gpu) = gpu("rotary_angles_keep_their_digits_far_out") else {
        return;
    };
    let positions = check::indices("positions", &[0, 1, 2, 3, 100, 1023, 8191, 32_767]);
    let n = positions.0.elements();
    let inv_freq = Tensor::new("inv_freq", &[1], DType::F32);
    let qkv = Tensor::new("qkv", &[n, 2], DType::F32);
    let ones: Vec<f32> = [1.0, 0.0].repeat(n);
    let contents = [
        positions.clone(),
        (inv_freq.clone(), 1.0f32.to_le_bytes().to_vec()),
        (qkv.clone(), bytemuck::cast_slice(&ones).to_vec()),
    ];
    let rope = Op::Rope(Rope { n_heads: 1, head_size: 2, pairing: Pairing::Half, transposed: false, magnitude: 1.0 });
    let got = replay(&mut gpu, &contents, &record(rope, &[positions.0, inv_freq], std::slice::from_ref(&qkv)));
    let expected: Vec<f32> = bytemuck::pod_collect_to_vec::<u8, u32>(&positions.1)
        .into_iter()
        .flat_map(|position| [f64::from(position).cos() as f32, f64::from(position).sin() as f32])
        .collect();
    compare(&got[0].1, bytemuck::cast_slice(&expected), DType::F32, Tolerance::new(1e-5, 0.0)).unwrap();
}

/// A feed-forward block in one recording, where each dispatch reads what an earlier one wrote, replayed twice. On
/// replay the residual is added again, so a lost or repeated dispatch shows.
#[test]
fn a_chain_in_one_recording_agrees() {
    let Some(mut gpu) = gpu("a_chain_in_one_recording_agrees") else {
        return;
    };
    let mut cpu = cpu();
    let mut rng = Rng::new(11);
    let (n, c, inner) = (37, 48, 150);
    let stream = check::random("stream", &[n, c], DType::F32, &mut rng);
    let norm = check::random("norm", &[c], DType::F32, &mut rng);
    let up = check::random("up", &[inner, c], DType::F16, &mut rng);
    let down = check::random("down", &[inner, c], DType::BF16, &mut rng);
    let normed = Tensor::new("normed", &[n, c], DType::F32);
    let wide = Tensor::new("wide", &[n, inner], DType::F32);
    let active = Tensor::new("active", &[n, inner], DType::F32);
    let mut recording = Recording::new();
    let matmul = |layout, accumulate| Op::MatMul(MatMul { layout, column_offset: 0, accumulate });
    let gelu = Op::Gelu(Gelu { approximation: Approximation::Tanh });
    for (op, inputs, output) in [
        (Op::LayerNorm(LayerNorm::rows(1e-5)), vec![&stream.0, &norm.0], &normed),
        (matmul(WeightLayout::OutIn, false), vec![&normed, &up.0], &wide),
        (gelu, vec![&wide], &active),
        (matmul(WeightLayout::InOut, true), vec![&active, &down.0], &stream.0),
    ] {
        recording.push(op, &inputs, &[output]).unwrap();
    }
    let contents = [stream.clone(), norm, up, down];
    for device in [&mut cpu, &mut gpu] {
        replay(device, &contents, &recording);
        block_on(device.run(&recording)).unwrap();
    }
    let expected = block_on(cpu.read(&stream.0)).unwrap();
    let got = block_on(gpu.read(&stream.0)).unwrap();
    // Values reach a few hundred: four sums of up to 150 products, each near 10.
    compare(&got, &expected, DType::F32, Tolerance::new(5e-3, 1e-4)).unwrap();
    assert_ne!(got, stream.1);

    // Bisected over both devices, the two halves give the same.
    let (head, tail) = recording.split_at(2);
    let first = replay(&mut gpu, &contents, &head);
    let second = replay(&mut cpu, &[contents[0].clone(), contents[3].clone(), first[1].clone()], &tail);
    let whole = replay(&mut cpu, &contents, &recording);
    compare(&second[1].1, &whole[3].1, DType::F32, Tolerance::new(5e-3, 1e-4)).unwrap();
}

/// Oracle: closed form. More rows than a grid has workgroups to a side (65,535), so the grid is folded and its last row
/// overhangs.
#[test]
fn a_folded_grid_reaches_every_row() {
    let Some(mut gpu) = gpu("a_folded_grid_reaches_every_row") else {
        return;
    };
    let n = 70_001;
    let x = Tensor::new("x", &[n, 2], DType::F32);
    let weight = Tensor::new("weight", &[2], DType::F32);
    let out = Tensor::new("out", &[n, 2], DType::F32);
    // (3, 4) · r has root mean square r · sqrt(12.5).
    let values: Vec<f32> = (0..n).flat_map(|row| [3.0, 4.0].map(|value| value * (row + 1) as f32)).collect();
    gpu.write_f32(&x, &values).unwrap();
    gpu.write_f32(&weight, &[1.0, 2.0]).unwrap();
    block_on(gpu.run(&record(Op::RmsNorm(RmsNorm::rows(0.0)), &[x, weight], std::slice::from_ref(&out)))).unwrap();
    let got = block_on(gpu.read_f32(&out)).unwrap();
    let root = 12.5f32.sqrt();
    for (row, pair) in got.chunks_exact(2).enumerate() {
        assert!(
            tolerance::REDUCTION.accepts(pair[0], 3.0 / root) && tolerance::REDUCTION.accepts(pair[1], 8.0 / root),
            "row {row} is {pair:?}"
        );
    }
}

/// Oracle: the bytes that were written. Pieces at offsets, an odd number of halves, zeros where nothing was written.
#[test]
fn what_is_written_is_read_back() {
    let Some(mut gpu) = gpu("what_is_written_is_read_back") else {
        return;
    };
    let bytes: Vec<u8> = (0..46).collect();
    let halves = Tensor::new("halves", &[23], DType::F16);
    for range in [0..8, 8..20, 20..46] {
        gpu.write(&halves, range.start, &bytes[range]).unwrap();
    }
    assert_eq!(block_on(gpu.read(&halves)).unwrap(), bytes);
    // Over what is there already, up to the odd end.
    gpu.write(&halves, 44, &[200, 201]).unwrap();
    assert_eq!(block_on(gpu.read(&halves)).unwrap()[40..], [40, 41, 42, 43, 200, 201]);

    let sparse = Tensor::new("sparse", &[5], DType::U32);
    gpu.write(&sparse, 8, &7u32.to_le_bytes()).unwrap();
    assert_eq!(block_on(gpu.read_u32(&sparse)).unwrap(), [0, 0, 7, 0, 0]);

    let empty = Tensor::new("empty", &[0, 4], DType::F32);
    gpu.write(&empty, 0, &[]).unwrap();
    assert!(block_on(gpu.read(&empty)).unwrap().is_empty());

    // More than is allowed to wait for a submission.
    let large = Tensor::new("large", &[20_000_000], DType::U32);
    let numbers: Vec<u32> = (0..20_000_000).collect();
    gpu.write_u32(&large, &numbers).unwrap();
    assert!(block_on(gpu.read_u32(&large)).unwrap() == numbers);
}

/// Oracle: the error enum. Every mistake is a value, and the device works on afterwards.
#[test]
fn mistakes_are_errors() {
    let Some(mut gpu) = gpu("mistakes_are_errors") else {
        return;
    };
    let x = Tensor::new("x", &[2, 3], DType::F32);
    let out = Tensor::new("out", &[2, 3], DType::F32);
    let gelu = Op::Gelu(Gelu { approximation: Approximation::Exact });
    let recording = record(gelu.clone(), std::slice::from_ref(&x), std::slice::from_ref(&out));
    assert!(matches!(
        block_on(gpu.run(&recording)),
        Err(ComputeError::NotOnDevice { label }) if label == "x"
    ));
    assert!(matches!(block_on(gpu.read(&x)), Err(ComputeError::NotOnDevice { .. })));

    gpu.write_f32(&x, &[0.0; 6]).unwrap();
    assert!(matches!(gpu.write(&x, 20, &[0; 8]), Err(ComputeError::WriteOutOfRange { .. })));
    assert!(matches!(gpu.write(&x, 0, &[0; 6]), Err(ComputeError::Gpu { .. })));

    let elements = gpu.tensor_bytes_max() as usize / 4 + 1;
    let giant = Tensor::new("giant", &[elements], DType::F32);
    assert!(matches!(
        gpu.write(&giant, 0, &[0; 4]),
        Err(ComputeError::BufferTooLarge { needed_bytes, limit_bytes, .. })
            if needed_bytes == 4 * elements as u64 && limit_bytes == gpu.tensor_bytes_max()
    ));

    // One tensor as input and output: the GPU API forbids it, and says so.
    let aliased = record(gelu, std::slice::from_ref(&x), std::slice::from_ref(&x));
    assert!(matches!(block_on(gpu.run(&aliased)), Err(ComputeError::Gpu { .. })));

    block_on(gpu.run(&recording)).unwrap();
    assert_eq!(block_on(gpu.read_f32(&out)).unwrap(), [0.0; 6]);
    gpu.free(&x);
    gpu.free(&x);
    assert!(matches!(block_on(gpu.read(&x)), Err(ComputeError::NotOnDevice { .. })));
    // What is empty costs no dispatch and is no error.
    block_on(gpu.run(&Recording::new())).unwrap();
}

/// Oracle: the first run. The same recording gives the same bits on one device.
#[test]
fn results_repeat_bit_for_bit() {
    let Some(mut gpu) = gpu("results_repeat_bit_for_bit") else {
        return;
    };
    for op in OPS {
        for example in (op.examples)(&mut Rng::new(3)) {
            let recording = record(example.op.clone(), &example.inputs, &example.outputs);
            let first = replay(&mut gpu, &example.contents, &recording);
            let second = replay(&mut gpu, &example.contents, &recording);
            for ((tensor, first), (_, second)) in first.iter().zip(&second) {
                assert!(first == second, "{} differs in {}", op.name, tensor.label());
            }
        }
    }
}

/// The report's device line names the adapter and says that arithmetic is f32.
#[test]
fn the_device_says_what_it_is() {
    let Some(gpu) = gpu("the_device_says_what_it_is") else {
        return;
    };
    let info = gpu.info();
    assert!(!info.name.is_empty() && !info.detail.is_empty(), "{info:?}");
    assert_eq!(info.precision, "f32");
    let _ = writeln!(std::io::stderr(), "GPU under test: {} ({})", info.name, info.detail);
}
