//! Blocks of 256 in eight parts of 32 (sixteen of 16 in Q6_K), each part with an integer scale of its own.
//!
//! Q4_K, Q5_K   x = d·scale·q − dmin·min, the scales and mins in six bits, packed into twelve bytes
//! Q6_K         x = d·scale·q, scales in eight bits
//!
//! Two parts share the bytes of their low four bits: the first of a pair below, the second above.

use super::scale;

pub fn q4_k(block: &[u8; 144], out: &mut [f32; 256]) {
    let (d, dmin) = (scale(block, 0), scale(block, 2));
    let (scales, mins) = scales_and_mins(&block[4..16]);
    for part in 0..8 {
        let (d, m) = (d * f32::from(scales[part]), dmin * f32::from(mins[part]));
        let qs = &block[16 + 32 * (part / 2)..][..32];
        let shift = 4 * (part % 2);
        for (out, &byte) in out[32 * part..][..32].iter_mut().zip(qs) {
            *out = d * f32::from(byte >> shift & 15) - m;
        }
    }
}

pub fn q5_k(block: &[u8; 176], out: &mut [f32; 256]) {
    let (d, dmin) = (scale(block, 0), scale(block, 2));
    let (scales, mins) = scales_and_mins(&block[4..16]);
    let qh = &block[16..48];
    for part in 0..8 {
        let (d, m) = (d * f32::from(scales[part]), dmin * f32::from(mins[part]));
        let qs = &block[48 + 32 * (part / 2)..][..32];
        let shift = 4 * (part % 2);
        for ((out, &byte), &high) in out[32 * part..][..32].iter_mut().zip(qs).zip(qh) {
            *out = d * f32::from(byte >> shift & 15 | (high >> part & 1) << 4) - m;
        }
    }
}

pub fn q6_k(block: &[u8; 210], out: &mut [f32; 256]) {
    let d = scale(block, 208);
    for part in 0..8 {
        let (half, quarter) = (part / 4, part % 4);
        let ql = &block[64 * half + 32 * (quarter % 2)..][..32];
        let qh = &block[128 + 32 * half..][..32];
        for i in 0..32 {
            let q = ql[i] >> (4 * (quarter / 2)) & 15 | (qh[i] >> (2 * quarter) & 3) << 4;
            let d = d * f32::from(block[192 + 2 * part + i / 16] as i8);
            out[32 * part + i] = d * (f32::from(q) - 32.0);
        }
    }
}

/// Bytes 0..4 hold the scales of parts 0..4 in their low six bits, bytes 4..8 the mins; bytes 8..12 hold the low four
/// bits of both for parts 4..8, whose high two bits are the upper bits of bytes 0..8.
fn scales_and_mins(packed: &[u8]) -> ([u8; 8], [u8; 8]) {
    let (mut scales, mut mins) = ([0; 8], [0; 8]);
    for i in 0..4 {
        let (a, b, c) = (packed[i], packed[4 + i], packed[8 + i]);
        (scales[i], mins[i]) = (a & 63, b & 63);
        (scales[4 + i], mins[4 + i]) = (c & 15 | a >> 2 & 0x30, c >> 4 | b >> 2 & 0x30);
    }
    (scales, mins)
}
