//! Rounding weights to 8 or 4 bits while they are loaded, so that a model fits.
//!
//! Source   gguf-py's `Q8_0.quantize_blocks` and `Q4_0.quantize_blocks`, bit for bit (tests/golden/quant)

use half::f16;
use serde::{Deserialize, Serialize};

use crate::compute::DType;

/// Types that this program writes: blocks of 32 with one scale.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quantised {
    /// Q8_0: 34 bytes for 32 elements.
    Int8,
    /// Q4_0: 18 bytes for 32 elements.
    Int4,
}

impl Quantised {
    pub fn dtype(self) -> DType {
        match self {
            Quantised::Int8 => DType::Q8_0,
            Quantised::Int4 => DType::Q4_0,
        }
    }

    /// `int8` or `int4`, as options spell it.
    pub fn name(self) -> &'static str {
        match self {
            Quantised::Int8 => "int8",
            Quantised::Int4 => "int4",
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        [Quantised::Int8, Quantised::Int4].into_iter().find(|quantised| quantised.name() == name)
    }
}

/// Appends the blocks of `values`, whose number is a multiple of 32.
pub fn quantise(to: Quantised, values: &[f32], out: &mut Vec<u8>) {
    let (blocks, rest) = values.as_chunks::<32>();
    assert!(rest.is_empty(), "checked: a row is a whole number of blocks");
    for block in blocks {
        match to {
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
