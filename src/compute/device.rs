//! The device that holds tensors and replays recordings: the CPU or a GPU, behind one type.

use serde::{Deserialize, Serialize};

use super::cpu::CpuDevice;
#[cfg(feature = "gpu")]
use super::gpu::GpuDevice;
#[cfg(feature = "gpu")]
use super::ops::{Op, embedding};
use super::{ComputeError, DType, Recording, Tensor};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS, schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum DeviceKind {
    Cpu,
    Gpu,
}

/// What was asked for. `Auto` takes the GPU when there is a real one, and says in the result which it took and why.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum DevicePreference {
    #[default]
    Auto,
    Cpu,
    Gpu,
    // The GPU, with the operands of large products rounded to f16 on the way; sums stay f32.
    GpuF16,
}

/// Where a result was computed. Travels in every report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS, schemars::JsonSchema))]
pub struct DeviceInfo {
    pub kind: DeviceKind,
    /// The adapter's own name, or the CPU's instruction set, for example `wasm simd128`.
    pub name: String,
    /// Graphics API, driver, features in use; empty for the CPU.
    pub detail: String,
    /// A GPU that the processor imitates: right, and slow.
    pub software: bool,
    /// Arithmetic type, always named: `f32`, or what it was given up for.
    pub precision: String,
    /// Why this device and not the other, when `Auto` had to choose.
    pub reason: String,
}

/// Holds the numbers and does the work.
pub enum Device {
    Cpu(CpuDevice),
    #[cfg(feature = "gpu")]
    Gpu(Box<GpuDevice>),
}

impl Device {
    /// Finds a device. `Auto` never fails: without a GPU, or with one that is only imitated in software, it takes the
    /// CPU and records the reason.
    pub async fn request(preference: DevicePreference) -> Result<Device, ComputeError> {
        match preference {
            DevicePreference::Cpu => Ok(Device::Cpu(CpuDevice::new("the CPU was asked for"))),
            DevicePreference::Gpu => Self::request_gpu("the GPU was asked for").await,
            DevicePreference::GpuF16 => Self::request_half().await,
            DevicePreference::Auto => match Self::request_gpu("a GPU was found").await {
                #[cfg(feature = "gpu")]
                Ok(Device::Gpu(device)) if device.info().software => {
                    let reason = format!("the only GPU is {}, a software adapter, which is slower", device.info().name);
                    Ok(Device::Cpu(CpuDevice::new(reason)))
                }
                Ok(device) => Ok(device),
                Err(error) => Ok(Device::Cpu(CpuDevice::new(error.to_string()))),
            },
        }
    }

    #[cfg(feature = "gpu")]
    async fn request_gpu(reason: &str) -> Result<Device, ComputeError> {
        Ok(Device::Gpu(Box::new(GpuDevice::request(reason).await?)))
    }

    #[cfg(not(feature = "gpu"))]
    async fn request_gpu(_reason: &str) -> Result<Device, ComputeError> {
        Err(ComputeError::NoGpu { reason: "this build has no GPU support (feature `gpu` is off)".into() })
    }

    #[cfg(feature = "gpu")]
    async fn request_half() -> Result<Device, ComputeError> {
        let mut gpu = GpuDevice::request("the GPU was asked for, in f16").await?;
        gpu.halve_operands()?;
        Ok(Device::Gpu(Box::new(gpu)))
    }

    #[cfg(not(feature = "gpu"))]
    async fn request_half() -> Result<Device, ComputeError> {
        Self::request_gpu("").await
    }

    pub fn info(&self) -> DeviceInfo {
        match self {
            Device::Cpu(device) => device.info(),
            #[cfg(feature = "gpu")]
            Device::Gpu(device) => device.info(),
        }
    }

    /// Writes bytes in the tensor's stored type, little-endian, at `offset_bytes`; allocates the tensor (zeroed) when
    /// it is not there yet. Offsets and lengths must be multiples of 4 except at the tensor's end.
    pub fn write(&mut self, tensor: &Tensor, offset_bytes: usize, bytes: &[u8]) -> Result<(), ComputeError> {
        if offset_bytes.checked_add(bytes.len()).is_none_or(|end| end > tensor.bytes()) {
            return Err(ComputeError::WriteOutOfRange {
                label: tensor.label().into(),
                capacity_bytes: tensor.bytes(),
                offset: offset_bytes,
                len: bytes.len(),
            });
        }
        match self {
            Device::Cpu(device) => device.write(tensor, offset_bytes, bytes),
            #[cfg(feature = "gpu")]
            Device::Gpu(device) => device.write(tensor, offset_bytes, bytes),
        }
    }

    pub fn write_f32(&mut self, tensor: &Tensor, values: &[f32]) -> Result<(), ComputeError> {
        self.write(tensor, 0, bytemuck::cast_slice(values))
    }

    pub fn write_u32(&mut self, tensor: &Tensor, values: &[u32]) -> Result<(), ComputeError> {
        self.write(tensor, 0, bytemuck::cast_slice(values))
    }

    /// Replays the recording. Tensors that appear only as outputs are allocated on the way.
    pub async fn run(&mut self, recording: &Recording) -> Result<(), ComputeError> {
        match self {
            Device::Cpu(device) => device.run(recording),
            #[cfg(feature = "gpu")]
            Device::Gpu(device) => device.run(recording).await,
        }
    }

    /// The tensor's bytes in its stored type.
    pub async fn read(&mut self, tensor: &Tensor) -> Result<Vec<u8>, ComputeError> {
        Ok(self.read_all(&[tensor]).await?.swap_remove(0))
    }

    /// The bytes of several tensors. A GPU is waited for once.
    pub async fn read_all(&mut self, tensors: &[&Tensor]) -> Result<Vec<Vec<u8>>, ComputeError> {
        match self {
            Device::Cpu(device) => tensors.iter().map(|tensor| device.read(tensor)).collect(),
            #[cfg(feature = "gpu")]
            Device::Gpu(device) => device.read(tensors).await,
        }
    }

    pub async fn read_f32(&mut self, tensor: &Tensor) -> Result<Vec<f32>, ComputeError> {
        match self {
            // The numbers themselves, without a copy as bytes.
            Device::Cpu(device) if tensor.dtype() == DType::F32 => device.read_f32(tensor),
            _ => Ok(bytemuck::pod_collect_to_vec(&self.read(tensor).await?)),
        }
    }

    pub async fn read_u32(&mut self, tensor: &Tensor) -> Result<Vec<u32>, ComputeError> {
        Ok(bytemuck::pod_collect_to_vec(&self.read(tensor).await?))
    }

    /// The rows `ids` of a table in any type weights are stored in, widened to f32, one behind the other, in the place of what
    /// `out` held. An id outside the table gives a row of zeros.
    pub async fn gather(&mut self, table: &Tensor, ids: &[u32], out: &mut Vec<f32>) -> Result<(), ComputeError> {
        match self {
            Device::Cpu(device) => device.gather(table, ids, out),
            #[cfg(feature = "gpu")]
            Device::Gpu(_) => {
                let wanted = Tensor::new("gather.ids", &[ids.len()], DType::U32);
                let values = Tensor::new("gather.values", &[ids.len(), table.columns()], DType::F32);
                let outcome = self.look_up(table, &wanted, ids, &values).await;
                self.free(&wanted);
                self.free(&values);
                *out = outcome?;
                Ok(())
            }
        }
    }

    #[cfg(feature = "gpu")]
    async fn look_up(
        &mut self,
        table: &Tensor,
        wanted: &Tensor,
        ids: &[u32],
        out: &Tensor,
    ) -> Result<Vec<f32>, ComputeError> {
        self.write_u32(wanted, ids)?;
        let mut recording = Recording::new();
        recording.push(Op::Embedding(embedding::Embedding::ROWS), &[wanted, table], &[out])?;
        self.run(&recording).await?;
        self.read_f32(out).await
    }

    /// Gives the tensor's memory back. Freeing what is not there is fine.
    pub fn free(&mut self, tensor: &Tensor) {
        match self {
            Device::Cpu(device) => device.free(tensor),
            #[cfg(feature = "gpu")]
            Device::Gpu(device) => device.free(tensor),
        }
    }

    /// Takes the GPU away, as a driver that is reset does, so that tests see what follows. Nothing happens to the CPU.
    pub fn lose(&mut self) {
        #[cfg(feature = "gpu")]
        if let Device::Gpu(device) = self {
            device.lose();
        }
    }

    /// Lowers what one buffer may hold, so that a strong device can be tested as a weak one. The CPU has no such limit.
    pub fn limit_tensor_bytes(&mut self, bytes: u64) {
        let _ = bytes;
        #[cfg(feature = "gpu")]
        if let Device::Gpu(device) = self {
            device.limit_tensor_bytes(bytes);
        }
    }

    /// Lowers what all tensors of a GPU may have together, so that a large device can be tested as a small one. Nothing
    /// happens to the CPU.
    pub fn limit_memory_bytes(&mut self, bytes: u64) {
        let _ = bytes;
        #[cfg(feature = "gpu")]
        if let Device::Gpu(device) = self {
            device.limit_memory_bytes(bytes);
        }
    }

    /// Bytes that one tensor may have on this device.
    pub fn tensor_bytes_max(&self) -> u64 {
        match self {
            Device::Cpu(_) => u64::MAX,
            #[cfg(feature = "gpu")]
            Device::Gpu(device) => device.tensor_bytes_max(),
        }
    }
}
