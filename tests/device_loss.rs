//! Oracle: the CPU's verdicts, on which a scan whose GPU was taken away in the middle must agree. The device is lost as
//! WebGPU loses it (`device.destroy()`).
#![cfg(feature = "gpu")]

use std::path::Path;
use std::rc::Rc;

use crate::common::devices;
use glitchscope::checkpoint::source::FolderSource;
use glitchscope::compute::{DeviceKind, DevicePreference};
use glitchscope::engine::recovery::LOSSES_MAX;
use glitchscope::glitch::Subject;
use glitchscope::glitch::oracle::Oracle;
use glitchscope::glitch::oracle::panel::Panel;
use glitchscope::progress::Silent;
use glitchscope::report::{Probe, ScanOptions, Status};
use glitchscope::session::Session;
use pollster::block_on;

const IDS: [u32; 12] = [29, 300, 31, 301, 190, 302, 191, 400, 192, 401, 193, 500];

fn specimen(device: DevicePreference) -> Session {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("www/public/specimen");
    block_on(Session::open(Rc::new(FolderSource::new(&folder)), device, &mut Silent)).unwrap()
}

fn gpu(test: &str) -> bool {
    devices(test).contains(&DevicePreference::Gpu)
}

/// Asks about `IDS` in two calls and calls `between` between them; the verdicts, and what was said about the device.
fn ask(session: &mut Session, between: impl FnOnce(&mut Panel<'_>)) -> Result<(Vec<Probe>, Vec<String>), String> {
    let tokenizer = session.tokenizer.as_ref().unwrap();
    let options = ScanOptions { batch_size: 4, ..ScanOptions::default() };
    let mut oracle = Panel::new(&mut session.model, tokenizer, &[1], &options).unwrap();
    let mut probes = Vec::new();
    block_on(oracle.probe(&IDS[..4], &mut probes, &mut Silent)).map_err(|error| error.to_string())?;
    between(&mut oracle);
    block_on(oracle.probe(&IDS[4..], &mut probes, &mut Silent)).map_err(|error| error.to_string())?;
    Ok((probes, oracle.take_incidents()))
}

fn verdicts(probes: &[Probe]) -> Vec<(u32, bool, u32)> {
    probes.iter().map(|probe| (probe.id, probe.passed, probe.argmax)).collect()
}

#[test]
fn a_batch_whose_device_is_lost_is_repeated() {
    if !gpu("a_batch_whose_device_is_lost_is_repeated") {
        return;
    }
    let (expected, nothing) = ask(&mut specimen(DevicePreference::Cpu), |_| {}).unwrap();
    assert!(nothing.is_empty());
    assert!(expected.iter().any(|probe| probe.passed) && expected.iter().any(|probe| !probe.passed));
    let mut session = specimen(DevicePreference::Gpu);
    let (got, incidents) = ask(&mut session, |oracle| oracle.device().lose()).unwrap();
    assert_eq!(verdicts(&got), verdicts(&expected));
    assert_eq!(incidents.len(), 1, "{incidents:?}");
    assert!(incidents[0].contains("opened again"), "{incidents:?}");
    assert_eq!(session.model.device.info().kind, DeviceKind::Gpu);
}

/// `Auto` agrees to the processor; who asked for the GPU does not get another device behind his back.
#[test]
fn a_device_that_is_lost_again_and_again_is_given_up() {
    if !gpu("a_device_that_is_lost_again_and_again_is_given_up") {
        return;
    }
    for preference in [DevicePreference::Auto, DevicePreference::Gpu] {
        let mut session = specimen(DevicePreference::Gpu);
        let origin = session.model.origin.as_mut().unwrap();
        origin.preference = preference;
        origin.losses = LOSSES_MAX;
        let outcome = ask(&mut session, |oracle| oracle.device().lose());
        match preference {
            DevicePreference::Auto => {
                let (got, incidents) = outcome.unwrap();
                let (expected, _) = ask(&mut specimen(DevicePreference::Cpu), |_| {}).unwrap();
                assert_eq!(verdicts(&got), verdicts(&expected));
                assert!(incidents[0].contains("on the CPU"), "{incidents:?}");
                let info = session.model.device.info();
                assert_eq!(info.kind, DeviceKind::Cpu);
                assert!(info.reason.contains("lost"), "{}", info.reason);
            }
            _ => {
                let error = outcome.unwrap_err();
                assert!(error.contains("lost"), "{error}");
            }
        }
    }
}

/// A device that went before the scan began, and a report that says so.
#[test]
fn a_scan_says_what_happened_to_its_device() {
    if !gpu("a_scan_says_what_happened_to_its_device") {
        return;
    }
    let mut session = specimen(DevicePreference::Gpu);
    let origin = session.model.origin.as_mut().unwrap();
    origin.preference = DevicePreference::Auto;
    origin.losses = LOSSES_MAX;
    session.model.device.lose();
    let options = ScanOptions { resolution: 7.2, ..ScanOptions::default() };
    let report = block_on(session.scan(&options, None, &mut Silent)).unwrap();
    assert_eq!(report.status, Status::Complete);
    assert_eq!(report.provenance.device.kind, DeviceKind::Cpu);
    assert!(report.notes.iter().any(|note| note.contains("was lost") && note.contains("CPU")), "{:?}", report.notes);
}
