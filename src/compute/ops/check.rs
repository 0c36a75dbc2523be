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

/// Any type weights are stored in, blocks excepted.
pub fn floats(op: &'static str, tensor: &Tensor) -> Result<(), ComputeError> {
    dtype(op, tensor, tensor.dtype() != DType::U32 && !tensor.dtype().is_block(), "F32, F16, BF16 or F8")
}

/// Any type weights are stored in, blocks too: then a row is a whole number of them.
pub fn weights(op: &'static str, tensor: &Tensor) -> Result<(), ComputeError> {
    dtype(op, tensor, tensor.dtype() != DType::U32, "a type of weights")?;
    let block = tensor.dtype().block_elements();
    that(op, tensor, tensor.columns().is_multiple_of(block), &format!("rows of a multiple of {block} elements"))
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
    if dtype.is_block() {
        let bytes = random_blocks(dtype, tensor.bytes() / dtype.block_bytes(), rng);
        return (tensor, bytes);
    }
    let bytes = (0..tensor.elements())
        .flat_map(|_| {
            let value = rng.normal();
            match dtype {
                DType::F32 => value.to_le_bytes().to_vec(),
                DType::F16 => f16::from_f32(value).to_le_bytes().to_vec(),
                DType::BF16 => bf16::from_f32(value).to_le_bytes().to_vec(),
                DType::U32 => rng.next_u32().to_le_bytes().to_vec(),
                // The upper byte of an f16 is an E5M2, and no exponent of normal numbers is out of its range.
                DType::F8E5M2 => vec![(f16::from_f32(value).to_bits() >> 8) as u8],
                // Bytes up to 0x47 are the numbers from 0 to 3.75.
                DType::F8E4M3 => vec![(rng.below(0x48) | rng.below(2) << 7) as u8],
                _ => unreachable!("blocks are made above"),
            }
        })
        .collect();
    (tensor, bytes)
}

/// Random bytes under scales that bring the elements to about the size of one.
fn random_blocks(dtype: DType, blocks: usize, rng: &mut Rng) -> Vec<u8> {
    // The largest product of the integers in a block: 127 for eight bits, 8 for four, 63 · 15 with six-bit scales, …
    let largest = match dtype {
        DType::Q8_0 => 128.0,
        DType::Q4_0 | DType::Q4_1 => 8.0,
        DType::Q5_0 | DType::Q5_1 => 16.0,
        DType::Q4K => 500.0,
        DType::Q5K => 1000.0,
        _ => 2000.0,
    };
    let mut bytes: Vec<u8> = (0..blocks * dtype.block_bytes()).map(|_| rng.below(256) as u8).collect();
    for block in bytes.chunks_exact_mut(dtype.block_bytes()) {
        for &at in dtype.block_scales() {
            // Normal f16 numbers, because a GPU may take smaller ones for zero.
            let scale = f16::from_f32((rng.normal().abs() + 0.25) / largest);
            block[at..at + 2].copy_from_slice(&scale.to_le_bytes());
        }
    }
    bytes
}

/// A tensor of the given indices, with its bytes.
pub fn indices(label: &str, values: &[u32]) -> (Tensor, Vec<u8>) {
    (Tensor::new(label, &[values.len()], DType::U32), bytemuck::cast_slice(values).to_vec())
}
