//! The 8-bit floats of safetensors, by table.

/// 4 bits of exponent with bias 7, 3 of mantissa; all ones is NaN, and there is no infinity.
pub const E4M3: [f32; 256] = table(4, false);
/// 5 bits of exponent with bias 15, 2 of mantissa; as in IEEE 754 the largest exponent is infinity and NaN.
pub const E5M2: [f32; 256] = table(5, true);

pub fn widen(table: &[f32; 256], bytes: &[u8], out: &mut [f32]) {
    for (out, &byte) in out.iter_mut().zip(bytes) {
        *out = table[byte as usize];
    }
}

const fn table(exponent_bits: u32, has_infinity: bool) -> [f32; 256] {
    let mantissa_bits = 7 - exponent_bits;
    let bias = (1 << (exponent_bits - 1)) - 1;
    let mut table = [0.0; 256];
    let mut byte = 0;
    while byte < 256 {
        let sign = (byte as u32 >> 7) << 31;
        let magnitude = byte as u32 & 0x7f;
        let (exponent, mantissa) = (magnitude >> mantissa_bits, magnitude & ((1 << mantissa_bits) - 1));
        let bits = if has_infinity && exponent == (1 << exponent_bits) - 1 {
            0x7f80_0000 | mantissa << (23 - mantissa_bits)
        } else if magnitude == 0x7f {
            0x7fc0_0000
        } else if exponent == 0 {
            // Subnormal: the mantissa counts units of 2^(1 − bias − mantissa_bits), a power of two that is normal in f32.
            let unit = f32::from_bits((127 + 1 - bias - mantissa_bits) << 23);
            (mantissa as f32 * unit).to_bits()
        } else {
            (exponent + 127 - bias) << 23 | mantissa << (23 - mantissa_bits)
        };
        table[byte] = f32::from_bits(sign | bits);
        byte += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Oracle: the paper's table of extremes, and f16, whose upper byte E5M2 is.
    #[test]
    fn extremes_are_as_published() {
        assert_eq!((E4M3[0x7e], E4M3[0x08], E4M3[0x07], E4M3[0x01]), (448.0, 0.015_625, 0.013_671_875, 0.001_953_125));
        assert_eq!((E4M3[0xb8], E4M3[0x80].to_bits()), (-1.0, 0x8000_0000));
        assert!(E4M3[0x7f].is_nan() && E4M3[0xff].is_nan());
        for byte in 0..=255_u8 {
            let expected = half::f16::from_bits(u16::from(byte) << 8).to_f32();
            let got = E5M2[byte as usize];
            assert!(got == expected || got.is_nan() && expected.is_nan(), "{byte:#x}: {got} is not {expected}");
        }
    }
}
