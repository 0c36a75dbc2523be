//! Tensors, the operations on them, and the two devices that carry them out.
//!
//! Work is a [`Recording`]: a list of dispatches over tensors, as data. [`cpu`] and [`gpu`] replay the same recording.
//! Nothing here knows a vocabulary or a model family.

pub mod backward;
pub mod cpu;
mod device;
mod dtype;
mod error;
#[cfg(feature = "gpu")]
pub mod gpu;
pub mod memory;
pub mod ops;
pub mod quant;
pub mod real;
mod recording;
mod tensor;
pub mod tolerance;

pub use device::{Device, DeviceInfo, DeviceKind, DevicePreference};
pub use dtype::DType;
pub use error::ComputeError;
pub use ops::Op;
pub use recording::{Dispatch, Recording, Site};
pub use tensor::{Tensor, TensorId};
