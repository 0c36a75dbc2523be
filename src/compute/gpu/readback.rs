//! Bringing a tensor back: copy to a mappable buffer, wait, copy out.

use futures_channel::oneshot;

use super::faults::Scopes;
use crate::compute::ComputeError;

/// The first `bytes` bytes of `buffer`, after all submitted work that writes them.
pub async fn read(
    device: &wgpu::Device,
    queue: &wgpu::Queue,
    buffer: &wgpu::Buffer,
    bytes: usize,
    device_name: &str,
) -> Result<Vec<u8>, ComputeError> {
    if bytes == 0 {
        return Ok(Vec::new());
    }
    // Copies and mappings go by whole words; the tensor's buffer is rounded up to 16 bytes, so they exist.
    let size = (bytes as u64).next_multiple_of(4);
    let scopes = Scopes::push(device);
    let staging = device.create_buffer(&wgpu::BufferDescriptor {
        label: Some("readback"),
        size,
        usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
        mapped_at_creation: false,
    });
    let mut encoder = device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
    encoder.copy_buffer_to_buffer(buffer, 0, &staging, 0, size);
    queue.submit([encoder.finish()]);
    let (sender, receiver) = oneshot::channel();
    staging.map_async(wgpu::MapMode::Read, .., move |mapped| {
        // Nobody listens when the read was abandoned.
        let _ = sender.send(mapped);
    });
    let verdict = scopes.pop(size);

    // A browser maps by itself once its event loop turns; natively somebody has to wait for the GPU.
    #[cfg(not(target_arch = "wasm32"))]
    device
        .poll(wgpu::PollType::wait_indefinitely())
        .map_err(|error| ComputeError::Gpu { reason: format!("waiting for the result: {error}") })?;
    let mapped = receiver.await;
    verdict.settle(device_name).await?;
    match mapped {
        Ok(Ok(())) => {}
        Ok(Err(error)) => {
            return Err(ComputeError::Gpu { reason: format!("mapping the result: {error}") });
        }
        Err(_) => {
            return Err(ComputeError::Gpu { reason: "the result was never mapped".into() });
        }
    }
    let view = staging
        .get_mapped_range(..)
        .map_err(|error| ComputeError::Gpu { reason: format!("reading the result: {error}") })?;
    let out = view[..bytes].to_vec();
    drop(view);
    staging.destroy();
    Ok(out)
}
