//! The GPU: replays recordings with the kernels in `shaders/`. The only place that names the GPU API.
//!
//! A recording becomes one command encoder, one compute pass and one submission; nothing is read back inside. Every
//! tensor is one storage buffer. Parameters of all dispatches share one uniform buffer with dynamic offsets.
//!
//! The same code runs natively (Vulkan, Metal, DX12) and in a browser's worker. The difference: a browser reports
//! errors and finished reads only after its event loop has turned, so whatever waits for the GPU is `async`, and an
//! allocation that fails in [`GpuDevice::write`] is reported by the next `run` or `read`.

mod adapter;
#[cfg(target_arch = "wasm32")]
mod browser;
mod buffers;
mod faults;
pub mod kernels;
mod pieces;
mod pipelines;
mod readback;
pub mod shaders;

#[cfg(doc)]
use super::Device;
use super::{ComputeError, DeviceInfo, Recording, Tensor};
use buffers::Buffers;
use faults::{Faults, Scopes};
use kernels::Launch;
use pipelines::Pipelines;

/// One GPU with the tensors it holds.
pub struct GpuDevice {
    device: wgpu::Device,
    queue: wgpu::Queue,
    info: DeviceInfo,
    buffers: Buffers,
    pipelines: Pipelines,
    /// Parameters of the recording in flight; grows to the longest recording so far.
    params: Option<wgpu::Buffer>,
    /// One dispatch's share of the uniform buffer, in bytes.
    params_stride: usize,
    workgroups_per_side_max: u32,
    faults: Faults,
}

impl GpuDevice {
    /// Finds an adapter and opens it with all its own limits. `reason` is why the GPU was chosen, for the report.
    ///
    /// Errors: `NoGpu` with what the system or the browser answered.
    pub async fn request(reason: &str) -> Result<Self, ComputeError> {
        let adapter = adapter::request().await?;
        let (device, queue) = adapter::open(&adapter).await?;
        let info = adapter::info(&adapter, &device, reason);
        let faults = Faults::watch(&device);
        let limits = device.limits();
        Ok(GpuDevice {
            buffers: Buffers::new(&device, &info.name),
            pipelines: Pipelines::new(),
            params: None,
            // 256 bytes are accepted as an offset by every device, and hold the parameters of every kernel.
            params_stride: limits.min_uniform_buffer_offset_alignment.max(256) as usize,
            workgroups_per_side_max: limits.max_compute_workgroups_per_dimension,
            device,
            queue,
            info,
            faults,
        })
    }

    pub fn info(&self) -> DeviceInfo {
        self.info.clone()
    }

    /// As [`Device::write`], which has checked the range. Fails with `BufferTooLarge` when the tensor is larger than
    /// one buffer may be.
    pub fn write(&mut self, tensor: &Tensor, offset_bytes: usize, bytes: &[u8]) -> Result<(), ComputeError> {
        self.faults.check()?;
        self.buffers.allocate(&self.device, tensor)?;
        self.buffers.write(&self.device, &self.queue, tensor, offset_bytes, bytes)?;
        self.faults.check()
    }

    /// Submits the recording and learns whether the GPU accepted it; does not wait for the work itself.
    pub async fn run(&mut self, recording: &Recording) -> Result<(), ComputeError> {
        self.settle().await?;
        let mut dispatches = Vec::with_capacity(recording.dispatches().len());
        for dispatch in recording.dispatches() {
            for part in pieces::split(dispatch, &mut self.buffers, &self.device, &self.queue)? {
                for tensor in &part.inputs {
                    self.buffers.get(tensor)?;
                }
                for tensor in &part.outputs {
                    self.buffers.allocate(&self.device, tensor)?;
                    self.buffers.get(tensor)?;
                }
                dispatches.push(part);
            }
        }
        let launches = dispatches
            .iter()
            .map(|dispatch| kernels::launch(dispatch))
            .collect::<Result<Vec<Launch<'_>>, ComputeError>>()?;
        self.settle().await?;

        let params_bytes = (self.params_stride * launches.len()) as u64;
        let scopes = Scopes::push(&self.device);
        let submitted = self.submit(&launches);
        let verdict = scopes.pop(params_bytes);
        let accepted = verdict.settle(&self.info.name).await;
        let result = self.blame(submitted.and(accepted)).await;
        if result.is_err() {
            // A pipeline that failed to build must not be found again, and neither must a lost buffer.
            self.pipelines = Pipelines::new();
            self.params = None;
        }
        result
    }

    /// Waits for the work that writes the tensor, and copies it back.
    pub async fn read(&mut self, tensor: &Tensor) -> Result<Vec<u8>, ComputeError> {
        self.settle().await?;
        let Some(pieces) = self.buffers.pieces(tensor) else {
            let buffer = self.buffers.get(tensor)?;
            let result = readback::read(&self.device, &self.queue, buffer, tensor.bytes(), &self.info.name).await;
            return self.blame(result).await;
        };
        let mut bytes = Vec::with_capacity(tensor.bytes());
        for piece in pieces {
            let buffer = self.buffers.get(&piece.tensor)?;
            let read = readback::read(&self.device, &self.queue, buffer, piece.tensor.bytes(), &self.info.name).await;
            bytes.extend(self.blame(read).await?);
        }
        Ok(bytes)
    }

    pub fn free(&mut self, tensor: &Tensor) {
        self.buffers.free(tensor);
    }

    /// As [`Device::lose`].
    pub fn lose(&mut self) {
        self.device.destroy();
    }

    /// As [`Device::limit_tensor_bytes`].
    pub fn limit_tensor_bytes(&mut self, bytes: u64) {
        self.buffers.limit(bytes);
    }

    pub fn tensor_bytes_max(&self) -> u64 {
        self.buffers.tensor_bytes_max()
    }

    /// The result, or the cause behind its error. A browser tells that the device is lost only after its event loop has
    /// turned, and until then the loss looks like refused work.
    async fn blame<T>(&self, result: Result<T, ComputeError>) -> Result<T, ComputeError> {
        if result.is_err() {
            let _ = Scopes::push(&self.device).pop(0).settle(&self.info.name).await;
        }
        self.faults.check().and(result)
    }

    /// Errors that came in since the last call, and the verdicts on allocations that were still open.
    async fn settle(&mut self) -> Result<(), ComputeError> {
        let allocated = self.buffers.settle().await;
        self.faults.check().and(allocated)
    }

    fn submit(&mut self, launches: &[Launch<'_>]) -> Result<(), ComputeError> {
        let launches: Vec<&Launch<'_>> = launches.iter().filter(|launch| launch.workgroups > 0).collect();
        if launches.is_empty() {
            return Ok(());
        }
        let stride = self.params_stride;
        let mut params = vec![0; stride * launches.len()];
        for (launch, slot) in launches.iter().zip(params.chunks_exact_mut(stride)) {
            slot[..launch.params.len()].copy_from_slice(&launch.params);
        }
        let params_buffer = params_buffer(&self.device, &mut self.params, params.len() as u64);
        // Ordered before the submission below and after all earlier ones, so the buffer can serve every run.
        self.queue.write_buffer(params_buffer, 0, &params);

        let mut encoder = self.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        {
            let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
            for (i, launch) in launches.iter().enumerate() {
                let [x, y] = launch.grid(self.workgroups_per_side_max)?;
                let pipeline = self.pipelines.get(&self.device, launch);
                let bind_group = bind_group(&self.device, &self.buffers, params_buffer, pipeline, launch)?;
                pass.set_pipeline(&pipeline.pipeline);
                pass.set_bind_group(0, &bind_group, &[(i * stride) as u32]);
                pass.dispatch_workgroups(x, y, 1);
            }
        }
        self.queue.submit([encoder.finish()]);
        self.buffers.note_submission();
        Ok(())
    }
}

impl Drop for GpuDevice {
    /// A browser frees GPU memory only when it collects garbage: without this, loading a second model could fail for
    /// want of the memory of the first.
    fn drop(&mut self) {
        self.device.destroy();
    }
}

fn params_buffer<'a>(device: &wgpu::Device, buffer: &'a mut Option<wgpu::Buffer>, bytes: u64) -> &'a wgpu::Buffer {
    if buffer.as_ref().is_some_and(|buffer| buffer.size() < bytes) {
        *buffer = None;
    }
    buffer.get_or_insert_with(|| {
        device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("params"),
            size: bytes.next_power_of_two(),
            usage: wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        })
    })
}

fn bind_group(
    device: &wgpu::Device,
    buffers: &Buffers,
    params: &wgpu::Buffer,
    pipeline: &pipelines::Pipeline,
    launch: &Launch<'_>,
) -> Result<wgpu::BindGroup, ComputeError> {
    let mut entries = vec![wgpu::BindGroupEntry {
        binding: 0,
        resource: wgpu::BindingResource::Buffer(wgpu::BufferBinding {
            buffer: params,
            offset: 0,
            size: wgpu::BufferSize::new(launch.params.len() as u64),
        }),
    }];
    for (binding, tensor) in (1..).zip(&launch.tensors) {
        entries.push(wgpu::BindGroupEntry { binding, resource: buffers.get(tensor)?.as_entire_binding() });
    }
    Ok(device.create_bind_group(&wgpu::BindGroupDescriptor {
        label: Some(launch.kernel.name),
        layout: &pipeline.layout,
        entries: &entries,
    }))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use pollster::block_on;

    use super::*;
    use crate::compute::DType;

    /// Oracle: the compiler. A native caller may hand the device to another thread.
    #[test]
    fn the_device_can_change_threads() {
        fn is_send<T: Send>() {}
        is_send::<GpuDevice>();
    }

    /// Oracle: the error enum. A device that is gone says so at every turn, and nothing panics.
    #[test]
    fn a_lost_device_is_reported() {
        let mut gpu = match block_on(GpuDevice::request("test")) {
            Ok(gpu) => gpu,
            Err(error) => {
                let is_required = std::env::var("GPU").is_ok_and(|value| value == "required");
                assert!(!is_required, "GPU=required, and there is none: {error}");
                let line = format!("SKIPPED: a_lost_device_is_reported: {error}\n");
                let _ = std::io::stderr().write_all(line.as_bytes());
                return;
            }
        };
        let tensor = Tensor::new("tensor", &[4], DType::F32);
        gpu.write(&tensor, 0, &[0; 16]).unwrap();
        gpu.lose();
        let read = block_on(gpu.read(&tensor));
        assert!(matches!(read, Err(ComputeError::DeviceLost { .. })), "{read:?}");
        let written = gpu.write(&tensor, 0, &[0; 16]);
        assert!(matches!(written, Err(ComputeError::DeviceLost { .. })), "{written:?}");
        let run = block_on(gpu.run(&Recording::new()));
        assert!(matches!(run, Err(ComputeError::DeviceLost { .. })), "{run:?}");
    }
}
