//! Rounding weights to 16, 8 or 4 bits while they are loaded, so that a model fits.
//!
//! Source   gguf-py's `Q8_0.quantize_blocks` and `Q4_0.quantize_blocks`, bit for bit (tests/golden/quant); IEEE 754's
//!          binary16, to nearest with ties to even, as the crate `half` rounds

use half::f16;
use serde::{Deserialize, Serialize};

use crate::compute::DType;

/// Types that this program rounds to: halves, and blocks of 32 with one scale.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quantised {
    /// 2 bytes an element. What is larger than 65,504 becomes infinite.
    F16,
    /// Q8_0: 34 bytes for 32 elements.
    Int8,
    /// Q4_0: 18 bytes for 32 elements.
    Int4,
}

impl Quantised {
    pub const ALL: [Quantised; 3] = [Quantised::F16, Quantised::Int8, Quantised::Int4];

    pub fn dtype(self) -> DType {
        match self {
            Quantised::F16 => DType::F16,
            Quantised::Int8 => DType::Q8_0,
            Quantised::Int4 => DType::Q4_0,
        }
    }

    /// `f16`, `int8` or `int4`, as options spell it.
    pub fn name(self) -> &'static str {
        match self {
            Quantised::F16 => "f16",
            Quantised::Int8 => "int8",
            Quantised::Int4 => "int4",
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|quantised| quantised.name() == name)
    }

    /// True when weights of this type lose bits by it, or, of as many bits, are other numbers.
    pub fn rounds(self, stored: DType) -> bool {
        let (own, other) = (self.dtype().bytes_of(256), stored.bytes_of(256));
        own < other || (own == other && stored == DType::BF16)
    }
}

/// Appends `values` as they are stored; for blocks their number is a multiple of 32.
pub fn quantise(to: Quantised, values: &[f32], out: &mut Vec<u8>) {
    if to == Quantised::F16 {
        out.extend(values.iter().flat_map(|&value| f16::from_f32(value).to_le_bytes()));
        return;
    }
    let (blocks, rest) = values.as_chunks::<32>();
    assert!(rest.is_empty(), "checked: a row is a whole number of blocks");
    for block in blocks {
        match to {
            Quantised::F16 => unreachable!("checked: above"),
            Quantised::Int8 => q8_0(block, out),
            Quantised::Int4 => q4_0(block, out),
        }
    }
}

fn q8_0(block: &[f32; 32], out: &mut Vec<u8>) {
    let largest = block.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
    let d = largest / 127.0;
    let inverse = if d == 0.0 { 0.0 } else { 1.0 / d };
    out.extend(f16::from_f32(d).to_le_bytes());
    // Halves away from zero, as `round` does.
    out.extend(block.iter().map(|value| (value * inverse).round() as i8 as u8));
}

fn q4_0(block: &[f32; 32], out: &mut Vec<u8>) {
    // The extreme value, sign and all, becomes −8, so that all sixteen steps are used; of equals the first.
    let extreme =
        block.iter().fold(0.0_f32, |extreme, &value| if value.abs() > extreme.abs() { value } else { extreme });
    let d = extreme / -8.0;
    let inverse = if d == 0.0 { 0.0 } else { 1.0 / d };
    // In f64, as the reference does, so that no contraction of multiply and add can move a boundary.
    let q = |value: f32| (f64::from(value) * f64::from(inverse) + 8.5).trunc().clamp(0.0, 15.0) as u8;
    out.extend(f16::from_f32(d).to_le_bytes());
    out.extend((0..16).map(|i| q(block[i]) | q(block[i + 16]) << 4));
}
