//! Shape and type checks shared by the ops, and random tensors for their examples.

use half::{bf16, f16};

use crate::compute::{ComputeError, DType, Tensor};
use crate::rng::Rng;

pub fn count(op: &'static str, tensors: &[&Tensor], expected: &[usize]) -> Result<(), ComputeError> {
    if expected.contains(&tensors.len()) {
        return Ok(());
    }
    let expected = expected.iter().map(usize::to_string).collect::<Vec<_>>().join(" or ");
    Err(ComputeError::TensorCount { op, expected, got: tensors.len() })
}

pub fn shape(op: &'static str, tensor: &Tensor, expected: &[usize]) -> Result<(), ComputeError> {
    if tensor.shape() == expected { Ok(()) } else { Err(mismatch(op, tensor, format!("{expected:?}"))) }
}

pub fn rank(op: &'static str, tensor: &Tensor, rank: usize) -> Result<(), ComputeError> {
    if tensor.shape().len() == rank { Ok(()) } else { Err(mismatch(op, tensor, format!("{rank} dimensions"))) }
}

/// A condition that is easier said in words than as a shape.
pub fn that(op: &'static str, tensor: &Tensor, holds: bool, expected: &str) -> Result<(), ComputeError> {
    if holds { Ok(()) } else { Err(mismatch(op, tensor, expected.into())) }
}

pub fn f32s(op: &'static str, tensor: &Tensor) -> Result<(), ComputeError> {
    dtype(op, tensor, tensor.dtype() == DType::F32, "F32")
}

pub fn u32s(op: &'static str, tensor: &Tensor) -> Result<(), ComputeError> {
    dtype(op, tensor, tensor.dtype() == DType::U32, "U32")
}

/// Any type weights are stored in.
pub fn floats(op: &'static str, tensor: &Tensor) -> Result<(), ComputeError> {
    dtype(op, tensor, tensor.dtype() != DType::U32, "F32, F16 or BF16")
}

fn dtype(op: &'static str, tensor: &Tensor, holds: bool, expected: &'static str) -> Result<(), ComputeError> {
    if holds {
        Ok(())
    } else {
        Err(ComputeError::TypeMismatch { op, label: tensor.label().into(), expected, got: tensor.dtype() })
    }
}

fn mismatch(op: &'static str, tensor: &Tensor, expected: String) -> ComputeError {
    ComputeError::ShapeMismatch { op, label: tensor.label().into(), expected, got: tensor.shape().to_vec() }
}

/// A tensor of normal numbers in the given stored type, with its bytes.
pub fn random(label: &str, shape: &[usize], dtype: DType, rng: &mut Rng) -> (Tensor, Vec<u8>) {
    let tensor = Tensor::new(label, shape, dtype);
    let bytes = (0..tensor.elements())
        .flat_map(|_| {
            let value = rng.normal();
            match dtype {
                DType::F32 => value.to_le_bytes().to_vec(),
                DType::F16 => f16::from_f32(value).to_le_bytes().to_vec(),
                DType::BF16 => bf16::from_f32(value).to_le_bytes().to_vec(),
                DType::U32 => rng.next_u32().to_le_bytes().to_vec(),
            }
        })
        .collect();
    (tensor, bytes)
}

/// A tensor of the given indices, with its bytes.
pub fn indices(label: &str, values: &[u32]) -> (Tensor, Vec<u8>) {
    (Tensor::new(label, &[values.len()], DType::U32), bytemuck::cast_slice(values).to_vec())
}
