//! The request for hardware: which adapter, with which limits, and what to tell about it.

use crate::compute::{ComputeError, DeviceInfo, DeviceKind};

/// The fastest adapter there is. Software adapters count: they are slow but right, and are named as such.
pub async fn request() -> Result<wgpu::Adapter, ComputeError> {
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle());
    instance
        .request_adapter(&wgpu::RequestAdapterOptions {
            power_preference: wgpu::PowerPreference::HighPerformance,
            ..Default::default()
        })
        .await
        .map_err(|error| ComputeError::NoGpu { reason: without_absent_backends(&error.to_string()) })
}

/// wgpu lists every backend it could have been built with; only those that were tried tell the reader something.
fn without_absent_backends(message: &str) -> String {
    message
        .split([';', ','])
        .map(str::trim)
        .filter(|part| !part.ends_with("not compiled in"))
        .collect::<Vec<_>>()
        .join(", ")
}

/// Opens the adapter with its own limits: WebGPU's defaults stop at 128 MiB per binding, less than a small model's
/// embedding table.
pub async fn open(adapter: &wgpu::Adapter) -> Result<(wgpu::Device, wgpu::Queue), ComputeError> {
    adapter
        .request_device(&wgpu::DeviceDescriptor {
            label: Some("glitchscope"),
            // Taken where it is offered, used where it is asked for.
            required_features: adapter.features() & wgpu::Features::SHADER_F16,
            required_limits: adapter.limits(),
            ..Default::default()
        })
        .await
        .map_err(|error| ComputeError::NoGpu {
            reason: format!("{} cannot be opened: {error}", adapter.get_info().name),
        })
}

pub fn info(adapter: &wgpu::Adapter, device: &wgpu::Device, reason: &str) -> DeviceInfo {
    let info = adapter.get_info();
    let mut detail = vec![match info.backend {
        wgpu::Backend::BrowserWebGpu => "WebGPU".to_owned(),
        backend => format!("{backend:?}"),
    }];
    let driver = format!("{} {}", info.driver, info.driver_info);
    if !driver.trim().is_empty() {
        detail.push(driver.trim().to_owned());
    }
    if info.device_type == wgpu::DeviceType::Cpu {
        detail.push("software adapter".into());
    }
    DeviceInfo {
        kind: DeviceKind::Gpu,
        name: name(&info, device),
        detail: detail.join(", "),
        software: info.device_type == wgpu::DeviceType::Cpu,
        precision: "f32".into(),
        reason: reason.into(),
    }
}

#[cfg(not(target_arch = "wasm32"))]
fn name(info: &wgpu::AdapterInfo, _device: &wgpu::Device) -> String {
    info.name.clone()
}

/// Browsers leave the description empty to make their users harder to tell apart; vendor and architecture remain.
#[cfg(target_arch = "wasm32")]
fn name(info: &wgpu::AdapterInfo, device: &wgpu::Device) -> String {
    if info.name.is_empty() { super::browser::adapter_name(device) } else { info.name.clone() }
}
