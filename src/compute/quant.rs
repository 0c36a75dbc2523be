//! Stored types that need arithmetic: 8-bit floats and blocks of small integers with shared scales.
//!
//! Source   ggml's block layouts; each decoder follows gguf-py's `quants.py`, to the order of its f32 operations
//! Agrees   bit for bit with gguf-py on random blocks (tests/golden/quant). Products of a scale and an integer are exact
//!          in f32, so a device that contracts `a * b + c` gets the same bits
//! Not done the `IQ` types and Q2_K, Q3_K, Q8_K

mod float8;
mod k_blocks;
mod legacy_blocks;
mod quantise;

use half::f16;

use super::DType;
use super::cpu::Weights;

pub use quantise::{Quantised, quantise};

/// Elements `start..start + out.len()` of a tensor stored in 8-bit floats or blocks.
///
/// Panics when `bytes` ends before them, or when the type is another: the caller holds a tensor of this type.
pub fn widen(dtype: DType, bytes: &[u8], start: usize, out: &mut [f32]) {
    match dtype {
        DType::F8E4M3 => float8::widen(&float8::E4M3, &bytes[start..start + out.len()], out),
        DType::F8E5M2 => float8::widen(&float8::E5M2, &bytes[start..start + out.len()], out),
        DType::Q4_0 => by_block(bytes, start, out, legacy_blocks::q4_0),
        DType::Q4_1 => by_block(bytes, start, out, legacy_blocks::q4_1),
        DType::Q5_0 => by_block(bytes, start, out, legacy_blocks::q5_0),
        DType::Q5_1 => by_block(bytes, start, out, legacy_blocks::q5_1),
        DType::Q8_0 => by_block(bytes, start, out, legacy_blocks::q8_0),
        DType::Q4K => by_block(bytes, start, out, k_blocks::q4_k),
        DType::Q5K => by_block(bytes, start, out, k_blocks::q5_k),
        DType::Q6K => by_block(bytes, start, out, k_blocks::q6_k),
        DType::F32 | DType::F16 | DType::BF16 | DType::U32 => unreachable!("checked: F8 or blocks"),
    }
}

/// All elements of `bytes`, whatever type weights have; `bytes` need not be aligned.
pub fn widen_all(dtype: DType, bytes: &[u8]) -> Vec<f32> {
    match dtype {
        DType::F32 => bytemuck::pod_collect_to_vec(bytes),
        DType::F16 => Weights::F16(&bytemuck::pod_collect_to_vec(bytes)).to_f32().into_owned(),
        DType::BF16 => Weights::BF16(&bytemuck::pod_collect_to_vec(bytes)).to_f32().into_owned(),
        DType::U32 => unreachable!("checked: no weight is stored as U32"),
        _ => Weights::Coded { dtype, bytes }.to_f32().into_owned(),
    }
}

/// Cuts the stretch into blocks; only its ends can lie inside one.
fn by_block<const BYTES: usize, const ELEMENTS: usize>(
    bytes: &[u8],
    start: usize,
    mut out: &mut [f32],
    decode: impl Fn(&[u8; BYTES], &mut [f32; ELEMENTS]),
) {
    let (blocks, _) = bytes.as_chunks::<BYTES>();
    let mut skip = start % ELEMENTS;
    for block in &blocks[start / ELEMENTS..] {
        if out.is_empty() {
            return;
        }
        let count = out.len().min(ELEMENTS - skip);
        let (part, rest) = std::mem::take(&mut out).split_at_mut(count);
        if let Ok(whole) = <&mut [f32; ELEMENTS]>::try_from(&mut *part) {
            decode(block, whole);
        } else {
            let mut whole = [0.0; ELEMENTS];
            decode(block, &mut whole);
            part.copy_from_slice(&whole[skip..skip + count]);
        }
        out = rest;
        skip = 0;
    }
    assert!(out.is_empty(), "checked: the stretch lies inside the tensor");
}

/// Elements that are NaN or infinite, or that share a scale which is. `bytes` are whole blocks; nothing is widened.
pub fn non_finite(dtype: DType, bytes: &[u8]) -> u64 {
    /// Numbers of `N` bytes whose exponent bits, `mask` of the little-endian word, are all ones.
    fn count<const N: usize>(bytes: &[u8], is_special: impl Fn([u8; N]) -> bool) -> u64 {
        let (words, _) = bytes.as_chunks::<N>();
        // Short runs in u32, which vectorises; a u64 sum of bools does not.
        words
            .chunks(1 << 16)
            .map(|run| u64::from(run.iter().map(|&word| u32::from(is_special(word))).sum::<u32>()))
            .sum()
    }
    let half = |word: [u8; 2], mask: u16| u16::from_le_bytes(word) & mask == mask;
    match dtype {
        DType::F32 => count(bytes, |word| u32::from_le_bytes(word) & 0x7f80_0000 == 0x7f80_0000),
        DType::F16 => count(bytes, |word| half(word, 0x7c00)),
        DType::BF16 => count(bytes, |word| half(word, 0x7f80)),
        DType::F8E4M3 => count(bytes, |[byte]| byte & 0x7f == 0x7f),
        DType::F8E5M2 => count(bytes, |[byte]| byte & 0x7c == 0x7c),
        DType::U32 => 0,
        _ => {
            let blocks = bytes
                .chunks_exact(dtype.block_bytes())
                .filter(|block| dtype.block_scales().iter().any(|&at| !scale(block, at).is_finite()));
            blocks.count() as u64 * dtype.block_elements() as u64
        }
    }
}

/// The f16 at a byte offset of a block.
fn scale(block: &[u8], at: usize) -> f32 {
    f16::from_le_bytes([block[at], block[at + 1]]).to_f32()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Oracle: the definition. A NaN, an infinity, a broken scale are counted; the largest finite numbers are not.
    #[test]
    fn what_is_not_finite_is_counted() {
        let f32s: Vec<u8> = [1.0, f32::NAN, f32::MAX, f32::NEG_INFINITY].iter().flat_map(|v| v.to_le_bytes()).collect();
        assert_eq!(non_finite(DType::F32, &f32s), 2);
        let halves = |bits: &[u16]| bits.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>();
        assert_eq!(non_finite(DType::F16, &halves(&[0x7bff, 0x7c00, 0xfc01, 0x0000])), 2);
        assert_eq!(non_finite(DType::BF16, &halves(&[0x7f7f, 0x7f80, 0xff81, 0x7c00])), 2);
        assert_eq!(non_finite(DType::F8E4M3, &[0x7e, 0x7f, 0xff, 0x78]), 2);
        assert_eq!(non_finite(DType::F8E5M2, &[0x7b, 0x7c, 0xfe, 0x3c]), 2);
        for dtype in DType::WEIGHTS.iter().filter(|dtype| dtype.is_block()) {
            let mut blocks = vec![0xff; 3 * dtype.block_bytes()];
            for block in blocks.chunks_exact_mut(dtype.block_bytes()) {
                dtype
                    .block_scales()
                    .iter()
                    .for_each(|&at| block[at..at + 2].copy_from_slice(&0x7bff_u16.to_le_bytes()));
            }
            assert_eq!(non_finite(*dtype, &blocks), 0, "{dtype:?}");
            let last = 2 * dtype.block_bytes() + dtype.block_scales().last().expect("blocks have scales");
            blocks[last..last + 2].copy_from_slice(&0x7e00_u16.to_le_bytes());
            assert_eq!(non_finite(*dtype, &blocks), dtype.block_elements() as u64, "{dtype:?}");
        }
    }

    /// Oracle: the whole, cut. A stretch from anywhere to anywhere equals that part of all elements.
    #[test]
    fn a_stretch_is_a_part_of_the_whole() {
        let mut rng = crate::rng::Rng::new(3);
        for &dtype in DType::WEIGHTS.iter().filter(|dtype| dtype.is_block()) {
            let (_, bytes) = crate::compute::ops::check::random("blocks", &[3, 256], dtype, &mut rng);
            let whole = widen_all(dtype, &bytes);
            assert_eq!(whole.len(), 768);
            for (start, count) in [(0, 768), (1, 5), (31, 2), (32, 64), (255, 258), (767, 1), (300, 0)] {
                let mut out = vec![f32::NAN; count];
                widen(dtype, &bytes, start, &mut out);
                assert_eq!(out, &whole[start..start + count], "{dtype:?} from {start}");
            }
        }
    }
}
