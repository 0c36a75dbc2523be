//! Blocks of 32: one scale `d`, in the `_1` types an offset `m` as well, then the integers. x = d·q, or d·q + m.
//!
//! Four-bit halves of a byte are 16 elements apart: byte i holds element i below and element i + 16 above. The fifth
//! bit of element i is bit i of the word `qh`.

use super::scale;

pub fn q8_0(block: &[u8; 34], out: &mut [f32; 32]) {
    let d = scale(block, 0);
    for (out, &q) in out.iter_mut().zip(&block[2..]) {
        *out = f32::from(q as i8) * d;
    }
}

pub fn q4_0(block: &[u8; 18], out: &mut [f32; 32]) {
    let d = scale(block, 0);
    halves(&block[2..], out, |_, q| d * (f32::from(q) - 8.0));
}

pub fn q4_1(block: &[u8; 20], out: &mut [f32; 32]) {
    let (d, m) = (scale(block, 0), scale(block, 2));
    halves(&block[4..], out, |_, q| d * f32::from(q) + m);
}

pub fn q5_0(block: &[u8; 22], out: &mut [f32; 32]) {
    let (d, qh) = (scale(block, 0), high_bits(block, 2));
    halves(&block[6..], out, |i, q| d * (f32::from(q | fifth(qh, i)) - 16.0));
}

pub fn q5_1(block: &[u8; 24], out: &mut [f32; 32]) {
    let (d, m, qh) = (scale(block, 0), scale(block, 2), high_bits(block, 4));
    halves(&block[8..], out, |i, q| d * f32::from(q | fifth(qh, i)) + m);
}

fn halves(bytes: &[u8], out: &mut [f32; 32], value: impl Fn(usize, u8) -> f32) {
    let (low, high) = out.split_at_mut(16);
    for (i, &byte) in bytes[..16].iter().enumerate() {
        low[i] = value(i, byte & 15);
        high[i] = value(i + 16, byte >> 4);
    }
}

fn high_bits(block: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([block[at], block[at + 1], block[at + 2], block[at + 3]])
}

fn fifth(qh: u32, i: usize) -> u8 {
    (qh >> i & 1) as u8 * 16
}
