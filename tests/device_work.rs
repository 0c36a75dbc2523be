//! Oracle: counting. A batch of probes is one submission and one wait for results; and the tile that a device is given by
//! trying is one of those that were tried.
#![cfg(feature = "gpu")]

use std::path::Path;
use std::rc::Rc;

use crate::common::devices;
use glitchscope::checkpoint::Checkpoint;
use glitchscope::checkpoint::source::FolderSource;
use glitchscope::compute::gpu::{Counts, GpuDevice};
use glitchscope::compute::{Device, DevicePreference};
use glitchscope::engine::{FanOut, Model};
use glitchscope::progress::Silent;
use pollster::block_on;

fn gpu(test: &str) -> Option<Device> {
    if !devices(test).contains(&DevicePreference::Gpu) {
        return None;
    }
    Some(block_on(Device::request(DevicePreference::Gpu)).unwrap())
}

fn gpu_of(device: &mut Device) -> &mut GpuDevice {
    match device {
        Device::Gpu(gpu) => gpu,
        Device::Cpu(_) => panic!("a GPU was asked for"),
    }
}

#[test]
fn a_batch_is_one_submission_and_one_readback() {
    let Some(device) = gpu("a_batch_is_one_submission_and_one_readback") else { return };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("www/public/specimen");
    let checkpoint = block_on(Checkpoint::open(Rc::new(FolderSource::new(&folder)))).unwrap();
    let mut model = block_on(Model::load(&checkpoint, device, &mut Silent)).unwrap();
    let mut fan_out = block_on(FanOut::new(&mut model, &[5, 6, 7], 4, 3, 2)).unwrap();
    let counts = |model: &mut Model| gpu_of(&mut model.device).counts();
    let mut before = counts(&mut model);
    // Weights only stream in; the prefix is a submission whose result nobody waits for.
    assert_eq!(before, Counts { submissions: 1, readbacks: 0 });
    let mut moved = |model: &mut Model| {
        let now = counts(model);
        let (submissions, readbacks) = (now.submissions - before.submissions, now.readbacks - before.readbacks);
        before = now;
        (submissions, readbacks)
    };
    block_on(fan_out.first(&mut model, &[10, 11, 12, 13, 20, 11, 12, 13], &[10, 20], &mut Silent)).unwrap();
    assert_eq!(moved(&mut model), (1, 1));
    for step in 0..2 {
        block_on(fan_out.next(&mut model, &[0, 1], &[30, 31], step)).unwrap();
        assert_eq!(moved(&mut model), (1, 1), "answer token {step}");
    }
    // Negative control: what is read by itself is counted.
    block_on(model.embedding()).unwrap();
    assert_eq!(moved(&mut model), (0, 1));
}

#[test]
fn tuning_takes_the_fastest_of_what_it_tried() {
    let Some(mut device) = gpu("tuning_takes_the_fastest_of_what_it_tried") else { return };
    let own = device.info();
    let gpu = gpu_of(&mut device);
    let fixed = gpu.tuning().clone();
    if own.software {
        assert!(!fixed.tile.is_staged() && own.detail.contains("software adapter"), "{own:?}");
    }
    assert!(own.detail.contains(fixed.tile.name), "the device says which tiles it takes: {own:?}");
    let tried = block_on(gpu.tune(64)).unwrap();
    let (fastest, least) = tried.iter().min_by(|(_, a), (_, b)| a.total_cmp(b)).unwrap();
    assert_eq!(gpu.tuning().tile, *fastest);
    assert!(tried.iter().all(|(tile, ms)| tile.is_staged() && ms >= least && *ms > 0.0), "{tried:?}");
    // A device that is gone tells so, and keeps what it had.
    gpu.set_tuning(fixed.clone());
    gpu.lose();
    block_on(gpu.tune(64)).unwrap_err();
    assert_eq!(*gpu.tuning(), fixed);
}
