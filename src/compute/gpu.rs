//! The GPU: replays recordings with the kernels in `shaders/`. The only place that names the GPU API.

use super::{ComputeError, DeviceInfo, DeviceKind, Recording, Tensor};

pub struct GpuDevice {}

impl GpuDevice {
    pub async fn request(_reason: &str) -> Result<Self, ComputeError> {
        Err(ComputeError::NoGpu {
            reason: "not built yet".into(),
        })
    }

    pub fn info(&self) -> DeviceInfo {
        DeviceInfo {
            kind: DeviceKind::Gpu,
            name: String::new(),
            detail: String::new(),
            precision: "f32".into(),
            reason: String::new(),
        }
    }

    pub fn write(
        &mut self,
        _tensor: &Tensor,
        _offset_bytes: usize,
        _bytes: &[u8],
    ) -> Result<(), ComputeError> {
        Ok(())
    }

    pub async fn run(&mut self, _recording: &Recording) -> Result<(), ComputeError> {
        Ok(())
    }

    pub async fn read(&mut self, _tensor: &Tensor) -> Result<Vec<u8>, ComputeError> {
        Ok(Vec::new())
    }

    pub fn free(&mut self, _tensor: &Tensor) {}

    pub fn tensor_bytes_max(&self) -> u64 {
        0
    }
}
