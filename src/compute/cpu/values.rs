//! A tensor's numbers in main memory, in the type they are stored in.

use std::borrow::Cow;

use half::{bf16, f16};

use super::DType;
use super::widen::{widen_bf16, widen_f16};
use crate::compute::quant;

pub enum Values {
    F32(Vec<f32>),
    F16(Vec<f16>),
    BF16(Vec<bf16>),
    U32(Vec<u32>),
    /// 8-bit floats and blocks: bytes that `compute::quant` reads.
    Coded {
        dtype: DType,
        bytes: Vec<u8>,
    },
}

impl Values {
    /// `None` when the memory cannot be had.
    pub fn zeros(dtype: DType, elements: usize) -> Option<Self> {
        fn zeros<T: Clone>(zero: T, elements: usize) -> Option<Vec<T>> {
            let mut values = Vec::new();
            values.try_reserve_exact(elements).ok()?;
            values.resize(elements, zero);
            Some(values)
        }
        Some(match dtype {
            DType::F32 => Values::F32(zeros(0.0, elements)?),
            DType::F16 => Values::F16(zeros(f16::ZERO, elements)?),
            DType::BF16 => Values::BF16(zeros(bf16::ZERO, elements)?),
            DType::U32 => Values::U32(zeros(0, elements)?),
            _ => Values::Coded { dtype, bytes: zeros(0, dtype.bytes_of(elements))? },
        })
    }

    pub fn bytes(&self) -> &[u8] {
        match self {
            Values::F32(values) => bytemuck::cast_slice(values),
            Values::F16(values) => bytemuck::cast_slice(values),
            Values::BF16(values) => bytemuck::cast_slice(values),
            Values::U32(values) => bytemuck::cast_slice(values),
            Values::Coded { bytes, .. } => bytes,
        }
    }

    pub fn bytes_mut(&mut self) -> &mut [u8] {
        match self {
            Values::F32(values) => bytemuck::cast_slice_mut(values),
            Values::F16(values) => bytemuck::cast_slice_mut(values),
            Values::BF16(values) => bytemuck::cast_slice_mut(values),
            Values::U32(values) => bytemuck::cast_slice_mut(values),
            Values::Coded { bytes, .. } => bytes,
        }
    }

    // The four below: OK because every recording was checked for types when it was made.

    pub fn f32s(&self) -> &[f32] {
        let Values::F32(values) = self else { unreachable!("checked: F32") };
        values
    }

    pub fn f32s_mut(&mut self) -> &mut [f32] {
        let Values::F32(values) = self else { unreachable!("checked: F32") };
        values
    }

    pub fn u32s(&self) -> &[u32] {
        let Values::U32(values) = self else { unreachable!("checked: U32") };
        values
    }

    pub fn u32s_mut(&mut self) -> &mut [u32] {
        let Values::U32(values) = self else { unreachable!("checked: U32") };
        values
    }

    pub fn weights(&self) -> Weights<'_> {
        match self {
            Values::F32(values) => Weights::F32(values),
            Values::F16(values) => Weights::F16(values),
            Values::BF16(values) => Weights::BF16(values),
            Values::Coded { dtype, bytes } => Weights::Coded { dtype: *dtype, bytes },
            Values::U32(_) => unreachable!("checked: no weight is stored as U32"),
        }
    }
}

/// Weights in stored type, widened where they are used.
#[derive(Clone, Copy)]
pub enum Weights<'a> {
    F32(&'a [f32]),
    F16(&'a [f16]),
    BF16(&'a [bf16]),
    /// 8-bit floats and blocks.
    Coded {
        dtype: DType,
        bytes: &'a [u8],
    },
}

impl<'a> Weights<'a> {
    #[allow(clippy::len_without_is_empty, reason = "nobody asks: a weight without elements cannot be loaded")]
    pub fn len(&self) -> usize {
        match self {
            Weights::F32(values) => values.len(),
            Weights::F16(values) => values.len(),
            Weights::BF16(values) => values.len(),
            Weights::Coded { dtype, bytes } => bytes.len() / dtype.block_bytes() * dtype.block_elements(),
        }
    }

    /// Elements from `start`, as many as `out` holds.
    pub fn widen(&self, start: usize, out: &mut [f32]) {
        let range = start..start + out.len();
        match self {
            Weights::F32(values) => out.copy_from_slice(&values[range]),
            Weights::F16(values) => widen_f16(&values[range], out),
            Weights::BF16(values) => widen_bf16(&values[range], out),
            Weights::Coded { dtype, bytes } => quant::widen(*dtype, bytes, start, out),
        }
    }

    /// All of them; free for F32.
    pub fn to_f32(self) -> Cow<'a, [f32]> {
        if let Weights::F32(values) = self {
            return Cow::Borrowed(values);
        }
        let mut out = vec![0.0; self.len()];
        self.widen(0, &mut out);
        Cow::Owned(out)
    }
}
