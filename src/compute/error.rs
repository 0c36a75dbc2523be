//! What can go wrong in the mathematics: shapes that do not fit, devices that are missing, lost or too small.

#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ComputeError {
    /// A programming error in whoever made the recording: the message names the op, the tensor and both shapes.
    #[error("{op}: tensor {label} has shape {got:?}, expected {expected}")]
    ShapeMismatch { op: &'static str, label: String, expected: String, got: Vec<usize> },
    #[error("{op}: takes {expected} tensors, got {got}")]
    TensorCount { op: &'static str, expected: String, got: usize },
    #[error("{op}: tensor {label} is stored as {got:?}, expected {expected}")]
    TypeMismatch { op: &'static str, label: String, expected: &'static str, got: super::DType },
    #[error("tensor {label} is not on the device: nothing was written to it")]
    NotOnDevice { label: String },
    #[error("tensor {label} holds {capacity_bytes} bytes, and {len} bytes at offset {offset} do not fit")]
    WriteOutOfRange { label: String, capacity_bytes: usize, offset: usize, len: usize },
    #[error("{op} has no gradient: {reason}")]
    NotDifferentiable { op: &'static str, reason: String },
    #[error("{op} needs tensor {label} for its gradient, and the pass writes over it: give every value its own tensor")]
    Overwritten { label: String, op: &'static str },
    #[error("tensor {label} needs {needed_bytes} bytes, the device allows {limit_bytes} in one buffer")]
    BufferTooLarge { label: String, needed_bytes: u64, limit_bytes: u64 },
    /// `available_bytes` is an estimate, where one can be had.
    #[error("out of memory on {device}: {needed_bytes} bytes were asked for{}", about_available(*.available_bytes))]
    OutOfMemory { device: String, needed_bytes: u64, available_bytes: Option<u64> },
    #[error("no usable GPU: {reason}")]
    NoGpu { reason: String },
    #[error("the GPU was lost: {reason}")]
    DeviceLost { reason: String },
    #[error("the GPU refused the work: {reason}")]
    Gpu { reason: String },
}

fn about_available(bytes: Option<u64>) -> String {
    bytes.map_or_else(String::new, |bytes| format!(", and about {bytes} were available"))
}

impl ComputeError {
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            ComputeError::NoGpu { .. } => {
                "Run on the CPU (device: cpu), or use a browser with WebGPU: Chrome 121+, Edge 121+, Safari 26+, Firefox 141+ on Windows.".into()
            }
            ComputeError::BufferTooLarge { .. } | ComputeError::OutOfMemory { .. } => {
                "Take a smaller model, or one stored in f16, or run on the CPU (device: cpu).".into()
            }
            ComputeError::DeviceLost { .. } | ComputeError::Gpu { .. } => {
                "Start again; if it happens twice, run on the CPU (device: cpu). What was found so far is kept.".into()
            }
            _ => return None,
        })
    }

    /// Another device may succeed.
    pub fn is_device(&self) -> bool {
        matches!(
            self,
            ComputeError::NoGpu { .. }
                | ComputeError::DeviceLost { .. }
                | ComputeError::BufferTooLarge { .. }
                | ComputeError::OutOfMemory { .. }
                | ComputeError::Gpu { .. }
        )
    }
}
