//! Half-precision numbers as f32, many at a time: exact, infinities and subnormals included.

use half::{bf16, f16};

/// `out[i] = values[i]`; both are equally long.
pub fn widen_f16(values: &[f16], out: &mut [f32]) {
    assert_eq!(values.len(), out.len());
    #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
    {
        use core::arch::wasm32::*;
        use half::slice::HalfFloatSliceExt;
        let whole = values.len() / 8 * 8;
        for i in (0..whole).step_by(8) {
            // SAFETY: eight numbers from `i` on lie inside both.
            let halves = unsafe { v128_load(values.as_ptr().add(i).cast()) };
            let exponent = u16x8_splat(0x7c00);
            if v128_any_true(i16x8_eq(v128_and(halves, exponent), exponent)) {
                // Infinite or not a number.
                values[i..i + 8].convert_to_f32_slice(&mut out[i..i + 8]);
                continue;
            }
            // The sign is spread over the upper half, the rest moves to where f32 has exponent and mantissa. The
            // exponent is then too small by the difference of the biases, for subnormals too, which one product mends.
            let mend = |wide: v128| {
                let moved = v128_and(i32x4_shl(wide, 13), u32x4_splat(0x8fff_ffff));
                f32x4_mul(moved, u32x4_splat((127 + 112) << 23))
            };
            // SAFETY: as above.
            unsafe {
                v128_store(out.as_mut_ptr().add(i).cast(), mend(i32x4_extend_low_i16x8(halves)));
                v128_store(out.as_mut_ptr().add(i + 4).cast(), mend(i32x4_extend_high_i16x8(halves)));
            }
        }
        for (out, value) in out[whole..].iter_mut().zip(&values[whole..]) {
            *out = value.to_f32();
        }
    }
    #[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
    half::slice::HalfFloatSliceExt::convert_to_f32_slice(values, out);
}

/// `out[i] = values[i]`; both are equally long.
pub fn widen_bf16(values: &[bf16], out: &mut [f32]) {
    assert_eq!(values.len(), out.len());
    // The upper half of an f32; compilers make vector code of it.
    for (out, value) in out.iter_mut().zip(values) {
        *out = f32::from_bits(u32::from(value.to_bits()) << 16);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Oracle: the crate `half`, number by number, over all that there are.
    #[test]
    fn every_half_is_widened_exactly() {
        let same = |a: f32, b: f32| a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan());
        assert!(!same(0.0, -0.0) && !same(f32::NAN, 1.0) && !same(f32::INFINITY, f32::MAX));
        // From 1 on, so that the pieces of eight are not those of the patterns.
        let halves: Vec<f16> = (1..=u16::MAX).map(f16::from_bits).collect();
        let mut out = vec![0.0; halves.len()];
        widen_f16(&halves, &mut out);
        assert!(halves.iter().zip(&out).all(|(half, out)| same(half.to_f32(), *out)));
        let halves: Vec<bf16> = (1..=u16::MAX).map(bf16::from_bits).collect();
        widen_bf16(&halves, &mut out);
        assert!(halves.iter().zip(&out).all(|(half, out)| same(half.to_f32(), *out)));
    }
}
