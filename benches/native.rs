//! The native half of `make bench`: matrix products, and repetition probes of the model in a folder. Prints one JSON
//! object. `cargo bench --features bench --bench native -- FOLDER`

use std::path::Path;
use std::rc::Rc;
use std::time::Instant;

use glitchscope::bench::Probes;
use glitchscope::checkpoint::source::FolderSource;
use glitchscope::compute::ops::matmul::{MatMul, WeightLayout};
use glitchscope::compute::{DType, Device, DevicePreference, Op, Recording, Tensor};
use glitchscope::rng::Rng;
use pollster::block_on;

/// The middle of seven runs, in seconds, after one to warm up.
fn median(mut work: impl FnMut()) -> f64 {
    work();
    let mut seconds: Vec<f64> = (0..7)
        .map(|_| {
            let start = Instant::now();
            work();
            start.elapsed().as_secs_f64()
        })
        .collect();
    seconds.sort_by(f64::total_cmp);
    seconds[3]
}

fn product(m: usize, n: usize, k: usize) -> f64 {
    let mut device = block_on(Device::request(DevicePreference::Cpu)).expect("there is always a CPU");
    let mut rng = Rng::new(1);
    let mut tensor = |label: &str, shape: [usize; 2]| {
        let values: Vec<f32> = (0..shape[0] * shape[1]).map(|_| rng.uniform() - 0.5).collect();
        let tensor = Tensor::new(label, &shape, DType::F32);
        device.write_f32(&tensor, &values).expect("fits");
        tensor
    };
    let (x, weight) = (tensor("x", [m, k]), tensor("weight", [k, n]));
    let out = Tensor::new("out", &[m, n], DType::F32);
    let mut recording = Recording::new();
    let op = MatMul { layout: WeightLayout::InOut, column_offset: 0, accumulate: false };
    recording.push(Op::MatMul(op), &[&x, &weight], &[&out]).expect("well formed");
    let times = (400_000_000 / (m * n * k)).max(1);
    let seconds = median(|| (0..times).for_each(|_| block_on(device.run(&recording)).expect("runs")));
    2e-9 * (m * n * k * times) as f64 / seconds
}

fn main() {
    let folder = std::env::args().nth(1).filter(|argument| !argument.starts_with('-'));
    let mut results: Vec<String> = [(512, 512, 512), (256, 768, 768), (1024, 3072, 768), (1536, 1536, 1536)]
        .iter()
        .map(|&(m, n, k)| format!("\"{m}x{n}x{k}\": {:.2}", product(m, n, k)))
        .collect();
    if let Some(folder) = folder {
        let source = Rc::new(FolderSource::new(Path::new(&folder)));
        let mut probes = block_on(Probes::open(source, DevicePreference::Cpu, 64)).expect("a model");
        // The first pass is a part of the whole oracle: both are of the same runs.
        let mut seconds: [Vec<f64>; 2] = Default::default();
        for run in 0..8 {
            let start = Instant::now();
            assert!(block_on(probes.first()).expect("runs").is_finite());
            let first = start.elapsed().as_secs_f64();
            block_on(probes.rest()).expect("runs");
            if run > 0 {
                seconds[0].push(first);
                seconds[1].push(start.elapsed().as_secs_f64());
            }
        }
        for (name, seconds) in ["first", "whole"].iter().zip(&mut seconds) {
            seconds.sort_by(f64::total_cmp);
            results.push(format!("\"{name}\": {:.2}", probes.batch() as f64 / seconds[3]));
        }
        results.push(format!("\"device\": \"{}\"", probes.device()));
    }
    println!("{{{}}}", results.join(", "));
}
