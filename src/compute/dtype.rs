//! The types in which tensors are stored.

use serde::{Deserialize, Serialize};

/// How elements are stored. Weights stay in this type until the multiply; arithmetic is in f32.
///
/// From `Q4_0` on, elements come in blocks that share scales (`compute::quant`); a row is a whole number of blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum DType {
    F32,
    F16,
    BF16,
    U32,
    /// Micikevicius et al. 2022, arXiv:2209.05433: 4 bits of exponent, no infinity.
    F8E4M3,
    /// The same paper: the upper byte of an f16.
    F8E5M2,
    Q4_0,
    Q4_1,
    Q5_0,
    Q5_1,
    Q8_0,
    Q4K,
    Q5K,
    Q6K,
}

/// One block: elements, bytes, and where in it the f16 numbers stand that scale or shift the others.
struct Block {
    elements: usize,
    bytes: usize,
    scales: &'static [usize],
}

impl DType {
    /// Every type weights are stored in.
    pub const WEIGHTS: &[DType] = &[
        DType::F32,
        DType::F16,
        DType::BF16,
        DType::F8E4M3,
        DType::F8E5M2,
        DType::Q4_0,
        DType::Q4_1,
        DType::Q5_0,
        DType::Q5_1,
        DType::Q8_0,
        DType::Q4K,
        DType::Q5K,
        DType::Q6K,
    ];

    const fn block(self) -> Block {
        let (elements, bytes, scales): (usize, usize, &[usize]) = match self {
            DType::F32 | DType::U32 => (1, 4, &[]),
            DType::F16 | DType::BF16 => (1, 2, &[]),
            DType::F8E4M3 | DType::F8E5M2 => (1, 1, &[]),
            DType::Q4_0 => (32, 18, &[0]),
            DType::Q4_1 => (32, 20, &[0, 2]),
            DType::Q5_0 => (32, 22, &[0]),
            DType::Q5_1 => (32, 24, &[0, 2]),
            DType::Q8_0 => (32, 34, &[0]),
            DType::Q4K => (256, 144, &[0, 2]),
            DType::Q5K => (256, 176, &[0, 2]),
            DType::Q6K => (256, 210, &[208]),
        };
        Block { elements, bytes, scales }
    }

    /// Elements of a block; 1 where every element stands alone.
    pub const fn block_elements(self) -> usize {
        self.block().elements
    }

    /// Bytes of a block, or of an element that stands alone.
    pub const fn block_bytes(self) -> usize {
        self.block().bytes
    }

    /// Offsets of a block's f16 scales, in bytes; empty where every element stands alone.
    pub const fn block_scales(self) -> &'static [usize] {
        self.block().scales
    }

    /// Elements share scales.
    pub const fn is_block(self) -> bool {
        self.block().elements > 1
    }

    /// Bytes of so many elements, whole blocks.
    pub const fn bytes_of(self, elements: usize) -> usize {
        elements.div_ceil(self.block().elements) * self.block().bytes
    }

    /// As the file formats spell it: `F8_E4M3`, `Q4_K`.
    pub const fn name(self) -> &'static str {
        match self {
            DType::F32 => "F32",
            DType::F16 => "F16",
            DType::BF16 => "BF16",
            DType::U32 => "U32",
            DType::F8E4M3 => "F8_E4M3",
            DType::F8E5M2 => "F8_E5M2",
            DType::Q4_0 => "Q4_0",
            DType::Q4_1 => "Q4_1",
            DType::Q5_0 => "Q5_0",
            DType::Q5_1 => "Q5_1",
            DType::Q8_0 => "Q8_0",
            DType::Q4K => "Q4_K",
            DType::Q5K => "Q5_K",
            DType::Q6K => "Q6_K",
        }
    }
}
