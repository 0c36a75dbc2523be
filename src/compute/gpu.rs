//! The GPU: replays recordings with the kernels in `shaders/`. The only place that names the GPU API.
//!
//! A recording becomes one command encoder, one compute pass and one submission; nothing is read back inside. Every
//! tensor is one storage buffer. Parameters of all dispatches share one uniform buffer with dynamic offsets.
//!
//! The same code runs natively (Vulkan, Metal, DX12) and in a browser's worker. The difference: a browser reports
//! errors and finished reads only after its event loop has turned, so whatever waits for the GPU is `async`, and an
//! allocation that fails in [`GpuDevice::write`] is reported by the next `run` or `read`.

mod adapter;
mod autotune;
#[cfg(target_arch = "wasm32")]
mod browser;
mod buffers;
mod faults;
pub mod kernels;
mod pieces;
mod pipelines;
mod readback;
pub mod remembered;
pub mod shaders;
pub mod tuning;

use std::pin::pin;
use std::task::{Context, Poll, Waker};

#[cfg(doc)]
use super::Device;
use super::{ComputeError, DeviceInfo, Recording, Tensor};
use buffers::Buffers;
use faults::{Faults, Scopes};
use kernels::Launch;
use pipelines::Pipelines;
use tuning::Tuning;

/// One GPU with the tensors it holds.
pub struct GpuDevice {
    device: wgpu::Device,
    queue: wgpu::Queue,
    info: DeviceInfo,
    buffers: Buffers,
    pipelines: Pipelines,
    tuning: Tuning,
    /// Parameters of the recording in flight; grows to the longest recording so far.
    params: Option<wgpu::Buffer>,
    /// One dispatch's share of the uniform buffer, in bytes.
    params_stride: usize,
    workgroups_per_side_max: u32,
    counts: Counts,
    faults: Faults,
}

/// What crossed the border to the GPU so far: each costs a browser a turn of its event loop.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Submissions of recorded work.
    pub submissions: u64,
    /// Times the GPU was waited for to bring numbers back.
    pub readbacks: u64,
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
        let tuning = Tuning {
            workgroup_bytes: limits.max_compute_workgroup_storage_size,
            ..if info.software { Tuning::software() } else { Tuning::default() }
        };
        let key = remembered::key(&adapter.get_info(), &info.name);
        let mut gpu = GpuDevice {
            buffers: Buffers::new(&device, &info.name),
            pipelines: Pipelines::new(),
            tuning,
            params: None,
            // 256 bytes are accepted as an offset by every device, and hold the parameters of every kernel.
            params_stride: limits.min_uniform_buffer_offset_alignment.max(256) as usize,
            workgroups_per_side_max: limits.max_compute_workgroups_per_dimension,
            device,
            queue,
            info,
            counts: Counts::default(),
            faults,
        };
        let how = gpu.choose_tile(key).await?;
        gpu.info.detail += &format!(", tiles {} ({how})", gpu.tuning.tile.name);
        Ok(gpu)
    }

    /// Takes the tile that is remembered for the adapter, or measures and remembers it. Says how it came to be.
    async fn choose_tile(&mut self, adapter: String) -> Result<&'static str, ComputeError> {
        if self.info.software {
            return Ok("as for every software adapter");
        }
        if let Some(tile) = remembered::tile_of(&adapter) {
            self.tuning.tile = tile;
            return Ok("remembered");
        }
        self.tune(autotune::SIZE).await?;
        self.counts = Counts::default();
        remembered::remember(adapter, self.tuning.tile);
        Ok("measured")
    }

    /// Rounds the operands of products to f16 on their way through workgroup memory; sums stay f32.
    ///
    /// Errors: `NoGpu` when the adapter has no `shader-f16`.
    pub fn halve_operands(&mut self) -> Result<(), ComputeError> {
        if !self.device.features().contains(wgpu::Features::SHADER_F16) {
            return Err(ComputeError::NoGpu { reason: format!("{} has no shader-f16", self.info.name) });
        }
        // Operands that do not pass through workgroup memory have nothing to gain.
        if !self.tuning.tile.is_staged() {
            self.tuning.tile = tuning::TILES[0];
        }
        self.tuning.half = true;
        self.info.precision = "f32 sums of products of f16".into();
        Ok(())
    }

    pub fn counts(&self) -> Counts {
        self.counts
    }

    pub fn info(&self) -> DeviceInfo {
        self.info.clone()
    }

    /// How kernels are cut for this device.
    pub fn tuning(&self) -> &Tuning {
        &self.tuning
    }

    /// Takes other choices from the next `run` on; results may change by rounding.
    pub fn set_tuning(&mut self, tuning: Tuning) {
        self.tuning = tuning;
    }

    /// As [`Device::write`], which has checked the range. Fails with `BufferTooLarge` when the tensor is larger than
    /// one buffer may be.
    pub fn write(&mut self, tensor: &Tensor, offset_bytes: usize, bytes: &[u8]) -> Result<(), ComputeError> {
        self.faults.check()?;
        if let Err(error) = self.buffers.allocate(&self.device, tensor) {
            return Err(self.with_available_bytes_now(error));
        }
        self.buffers.write(&self.device, &self.queue, tensor, offset_bytes, bytes)?;
        let result = self.faults.check();
        let plain = result.clone();
        now(self.blame(result)).unwrap_or(plain)
    }

    /// Submits the recording and learns whether the GPU accepted it; does not wait for the work itself.
    pub async fn run(&mut self, recording: &Recording) -> Result<(), ComputeError> {
        let result = self.run_whole(recording).await;
        self.buffers.free_strips();
        result
    }

    async fn run_whole(&mut self, recording: &Recording) -> Result<(), ComputeError> {
        self.settle().await?;
        let mut dispatches = Vec::with_capacity(recording.dispatches().len());
        for dispatch in recording.dispatches() {
            for tensor in &dispatch.outputs {
                if let Err(error) = self.buffers.allocate(&self.device, tensor) {
                    return Err(self.with_available_bytes(error).await);
                }
            }
            let parts = match pieces::split(dispatch, &mut self.buffers, &self.device, &self.queue) {
                Ok(parts) => parts,
                Err(error) => return Err(self.with_available_bytes(error).await),
            };
            for part in parts {
                for tensor in part.inputs.iter().chain(&part.outputs) {
                    self.buffers.get(tensor)?;
                }
                dispatches.push(part);
            }
        }
        let launches = dispatches
            .iter()
            .map(|dispatch| kernels::launch(dispatch, &self.tuning))
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

    /// Waits for the work that writes the tensors, and copies them back, all in one.
    pub async fn read(&mut self, tensors: &[&Tensor]) -> Result<Vec<Vec<u8>>, ComputeError> {
        self.settle().await?;
        let mut parts = Vec::with_capacity(tensors.len());
        // Buffers of each tensor: one, or its pieces.
        let mut counts = Vec::with_capacity(tensors.len());
        for tensor in tensors {
            let before = parts.len();
            match self.buffers.pieces(tensor) {
                Some(pieces) => {
                    for piece in pieces {
                        parts.push((self.buffers.get(&piece.tensor)?, piece.tensor.bytes()));
                    }
                }
                None => parts.push((self.buffers.get(tensor)?, tensor.bytes())),
            }
            counts.push(parts.len() - before);
        }
        let result = readback::read(&self.device, &self.queue, &parts, &self.info.name).await;
        let mut read = self.blame(result).await?.into_iter();
        self.counts.readbacks += 1;
        Ok(counts
            .into_iter()
            .map(|count| {
                let mut bytes = read.next().unwrap_or_default();
                for piece in read.by_ref().take(count - 1) {
                    bytes.extend(piece);
                }
                bytes
            })
            .collect())
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

    /// As [`Device::limit_memory_bytes`].
    pub fn limit_memory_bytes(&mut self, bytes: u64) {
        self.buffers.limit_memory(bytes);
    }

    pub fn tensor_bytes_max(&self) -> u64 {
        self.buffers.tensor_bytes_max()
    }

    /// The result, or the cause behind its error. A browser tells that the device is lost only after its event loop has
    /// turned, a native device only when it is polled, and until then the loss looks like refused work.
    async fn blame<T>(&self, result: Result<T, ComputeError>) -> Result<T, ComputeError> {
        if result.is_err() {
            let _ = self.device.poll(wgpu::PollType::Poll);
            let _ = Scopes::push(&self.device).pop(0).settle(&self.info.name).await;
        }
        self.faults.check().and(result)
    }

    /// Errors that came in since the last call, and the verdicts on allocations that were still open.
    async fn settle(&mut self) -> Result<(), ComputeError> {
        let allocated = self.buffers.settle().await;
        self.faults.check()?;
        match allocated {
            Err(error) => Err(self.with_available_bytes(error).await),
            Ok(()) => Ok(()),
        }
    }

    /// The error, with what could still be had when it is about memory.
    async fn with_available_bytes(&self, error: ComputeError) -> ComputeError {
        let ComputeError::OutOfMemory { device, needed_bytes, available_bytes: None } = error else { return error };
        let available_bytes = Some(self.buffers.available_bytes(&self.device, needed_bytes).await);
        ComputeError::OutOfMemory { device, needed_bytes, available_bytes }
    }

    /// The same where nothing can be waited for. Natively nothing need be; a browser's verdicts come later, in `settle`.
    fn with_available_bytes_now(&self, error: ComputeError) -> ComputeError {
        let plain = error.clone();
        now(self.with_available_bytes(error)).unwrap_or(plain)
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
        self.counts.submissions += 1;
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

/// What the work gives when it need not wait for anything.
fn now<T>(work: impl Future<Output = T>) -> Option<T> {
    match pin!(work).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
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
        let read = block_on(gpu.read(&[&tensor]));
        assert!(matches!(read, Err(ComputeError::DeviceLost { .. })), "{read:?}");
        let written = gpu.write(&tensor, 0, &[0; 16]);
        assert!(matches!(written, Err(ComputeError::DeviceLost { .. })), "{written:?}");
        let run = block_on(gpu.run(&Recording::new()));
        assert!(matches!(run, Err(ComputeError::DeviceLost { .. })), "{run:?}");
    }
}
