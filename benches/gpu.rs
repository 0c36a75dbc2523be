//! The row of `make bench` for a real GPU: a large matrix product in both precisions, and a scan of a whole vocabulary with
//! the model in a folder. Prints one JSON object; `{"none": reason}` where there is no such GPU.
//!
//! `cargo bench --features bench --bench gpu -- FOLDER`; `--small` takes any adapter, and shapes that a software one does in
//! seconds, to see that it works. `--lens=LAYERS` measures on any adapter what the concept lens adds to a prefill, and nothing
//! else; a real GPU is asked about all 24 layers.

use std::path::Path;
use std::rc::Rc;
use std::time::Instant;

use glitchscope::bench::{LensPasses, Probes};
use glitchscope::checkpoint::source::FolderSource;
use glitchscope::compute::ops::matmul::{MatMul, WeightLayout};
use glitchscope::compute::{DType, Device, DevicePreference, Op, Recording, Tensor};
use glitchscope::rng::Rng;
use pollster::block_on;

/// Products of a measurement: one submission, waited for once.
const PRODUCTS: usize = 10;

/// GFLOP/s: the middle of seven runs after one to warm up.
fn product(device: &mut Device, size: usize, dtype: DType) -> f64 {
    let mut rng = Rng::new(1);
    let [x, weight, out] = [("x", DType::F32), ("weight", dtype), ("out", DType::F32)]
        .map(|(label, dtype)| Tensor::new(label, &[size, size], dtype));
    let values: Vec<f32> = (0..size * size).map(|_| rng.uniform() - 0.5).collect();
    device.write_f32(&x, &values).expect("fits");
    match dtype {
        DType::F16 => {
            let halves: Vec<u8> = values.iter().flat_map(|value| half::f16::from_f32(*value).to_le_bytes()).collect();
            device.write(&weight, 0, &halves).expect("fits");
        }
        _ => device.write_f32(&weight, &values).expect("fits"),
    }
    let probe = Tensor::new("probe", &[4], DType::F32);
    device.write_f32(&probe, &[0.0; 4]).expect("fits");
    let mut recording = Recording::new();
    let op = MatMul { layout: WeightLayout::InOut, column_offset: 0, accumulate: false };
    for _ in 0..PRODUCTS {
        recording.push(Op::MatMul(op.clone()), &[&x, &weight], &[&out]).expect("well formed");
    }
    let mut seconds: Vec<f64> = (0..8)
        .map(|_| {
            let start = Instant::now();
            block_on(device.run(&recording)).expect("runs");
            // Four numbers come back, after everything that was submitted before.
            block_on(device.read(&probe)).expect("is there");
            start.elapsed().as_secs_f64()
        })
        .skip(1)
        .collect();
    seconds.sort_by(f64::total_cmp);
    for tensor in [&x, &weight, &out, &probe] {
        device.free(tensor);
    }
    2e-9 * (size * size * size * PRODUCTS) as f64 / seconds[3]
}

/// Seconds of a prefill and of the lens's pass: the middle of seven runs each, in turns, after one to warm up.
fn lens(layers: usize) -> [f64; 2] {
    let mut passes = block_on(LensPasses::create(DevicePreference::Gpu, layers)).expect("was there before");
    let mut seconds: [Vec<f64>; 2] = Default::default();
    for run in 0..8 {
        let start = Instant::now();
        block_on(passes.prefill()).expect("runs");
        let prefill = start.elapsed().as_secs_f64();
        block_on(passes.sums()).expect("runs");
        if run > 0 {
            seconds[0].push(prefill);
            seconds[1].push(start.elapsed().as_secs_f64() - prefill);
        }
    }
    seconds.map(|mut seconds| {
        seconds.sort_by(f64::total_cmp);
        seconds[3]
    })
}

fn none(reason: &str) {
    println!("{{\"none\": {}}}", serde_json::to_string(reason).expect("a string"));
}

fn main() {
    let is_small = std::env::args().any(|argument| argument == "--small");
    let folder = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let mut device = match block_on(Device::request(DevicePreference::Gpu)) {
        Ok(device) => device,
        Err(error) => return none(&error.to_string()),
    };
    let info = device.info();
    let layers = std::env::args().find_map(|argument| argument.strip_prefix("--lens=")?.parse().ok());
    if let Some(layers) = layers {
        let [prefill, sums] = lens(layers);
        let name = serde_json::to_string(&info.name).expect("a string");
        println!(
            "{{\"device\": {name}, \"layers\": {layers}, \"prefill_seconds\": {prefill:.3}, \"lens_seconds\": {sums:.3}}}"
        );
        return;
    }
    if info.software && !is_small {
        return none("no GPU");
    }
    let size = if is_small { 128 } else { 4096 };
    let tile = match &device {
        Device::Gpu(gpu) => gpu.tuning().tile.name,
        Device::Cpu(_) => "",
    };
    let mut results = vec![
        format!("\"device\": {}", serde_json::to_string(&info.name).expect("a string")),
        format!("\"tile\": \"{tile}\""),
        format!("\"f32\": {:.2}", product(&mut device, size, DType::F32)),
    ];
    if let Ok(mut half) = block_on(Device::request(DevicePreference::GpuF16)) {
        results.push(format!("\"f16\": {:.2}", product(&mut half, size, DType::F16)));
    }
    if let Some(folder) = folder {
        let source = Rc::new(FolderSource::new(Path::new(&folder)));
        let mut probes = block_on(Probes::open(source, DevicePreference::Gpu, 0)).expect("a model");
        let tokens = if is_small { 2 * probes.batch() } else { 50_257 };
        let start = Instant::now();
        for _ in 0..tokens.div_ceil(probes.batch()) {
            assert!(block_on(probes.first()).expect("runs").is_finite());
            block_on(probes.rest()).expect("runs");
        }
        results.push(format!("\"scan_seconds\": {:.2}", start.elapsed().as_secs_f64()));
    }
    if !is_small {
        let [prefill, sums] = lens(24);
        results.push(format!("\"prefill_seconds\": {prefill:.3}, \"lens_seconds\": {sums:.3}"));
    }
    println!("{{{}}}", results.join(", "));
}
