//! Bringing tensors back: copy them to one mappable buffer, wait once, copy out.

use futures_channel::oneshot;

use super::faults::Scopes;
use crate::compute::ComputeError;

/// The first so many bytes of each buffer, after all submitted work that writes them.
pub async fn read(
    device: &wgpu::Device,
    queue: &wgpu::Queue,
    buffers: &[(&wgpu::Buffer, usize)],
    device_name: &str,
) -> Result<Vec<Vec<u8>>, ComputeError> {
    // Copies and mappings go by whole words; the tensors' buffers are rounded up to 16 bytes, so they exist.
    let size_of = |bytes: usize| (bytes as u64).next_multiple_of(4);
    let size: u64 = buffers.iter().map(|(_, bytes)| size_of(*bytes)).sum();
    if size == 0 {
        return Ok(vec![Vec::new(); buffers.len()]);
    }
    let scopes = Scopes::push(device);
    let staging = device.create_buffer(&wgpu::BufferDescriptor {
        label: Some("readback"),
        size,
        usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
        mapped_at_creation: false,
    });
    let mut encoder = device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
    let mut offset = 0;
    for (buffer, bytes) in buffers.iter().filter(|(_, bytes)| *bytes > 0) {
        encoder.copy_buffer_to_buffer(buffer, 0, &staging, offset, size_of(*bytes));
        offset += size_of(*bytes);
    }
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
    let mut rest = &view[..];
    let mut out = Vec::with_capacity(buffers.len());
    for (_, bytes) in buffers {
        let (here, after) = rest.split_at(size_of(*bytes) as usize);
        out.push(here[..*bytes].to_vec());
        rest = after;
    }
    drop(view);
    staging.destroy();
    Ok(out)
}
