//! A few floats in one register: the one place that names instruction sets.
//!
//! The kernels are written once over [`Lanes`] and compiled for each set. Every set adds lane by lane and multiplies and
//! adds lane by lane, so the width of a register never changes a sum.

/// `N` floats. Sets with a fused multiply-add round once in `mul_add`, the others twice.
pub trait Lanes: Copy {
    const N: usize;

    fn zero() -> Self;
    fn splat(value: f32) -> Self;

    /// # Safety
    /// `from` is readable for `N` floats, aligned or not; the processor knows the instruction set.
    unsafe fn load(from: *const f32) -> Self;

    /// # Safety
    /// `to` is writable for `N` floats; the processor knows the instruction set.
    unsafe fn store(self, to: *mut f32);

    fn add(self, other: Self) -> Self;

    /// self · factor + sum
    fn mul_add(self, factor: Self, sum: Self) -> Self;
}

/// Four floats, or four words that floats are made of.
pub trait Four: Lanes {
    fn transpose(rows: [Self; 4]) -> [Self; 4];

    /// self · other
    fn mul(self, other: Self) -> Self;

    /// The word in every lane, in a register: V8 makes a constant anew, in three instructions, wherever it is used.
    fn constant(word: u32) -> Self;

    /// The lower 16 bits of each word as half-precision numbers, too small by [`SCALED_HALF`]; no infinity, no NaN.
    /// `mask` is [`LOWER_HALF`].
    fn lower_halves(self, mask: Self) -> Self;

    /// The upper 16 bits likewise; `mask` is [`UPPER_HALF`].
    fn upper_halves(self, mask: Self) -> Self;

    /// The lower 16 bits of each word as bfloat16.
    fn lower_brain_halves(self) -> Self;

    /// The upper 16 bits likewise; `mask` is [`UPPER_BRAIN_HALF`].
    fn upper_brain_halves(self, mask: Self) -> Self;

    /// The four bytes of each word as signed integers, the lowest byte first.
    fn signed_bytes(self) -> [Self; 4];

    /// The lower or upper four bits of each byte, less 8, as bytes. `mask` has 15 in each byte, `eight` 8.
    fn nibbles_less_8(self, upper: bool, mask: Self, eight: Self) -> Self;
}

/// 2^112: f16 bits at their place in an f32 make a number too small by the difference of the exponents' biases, exactly
/// and for subnormals as well.
pub const SCALED_HALF: f32 = f32::from_bits((127 + 112) << 23);
/// What is left of a half whose sign was spread over the bits between it and the exponent.
pub const LOWER_HALF: u32 = 0x8fff_ffff;
/// Likewise, without what stood below the mantissa.
pub const UPPER_HALF: u32 = 0x8fff_e000;
pub const UPPER_BRAIN_HALF: u32 = 0xffff_0000;

#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
pub use portable::Portable;

#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
mod portable {
    use super::{Four, Lanes};

    /// Four plain floats, for processors without a set of their own below. Compilers make vector code of it.
    #[derive(Clone, Copy)]
    pub struct Portable([f32; 4]);

    impl Lanes for Portable {
        const N: usize = 4;

        #[inline(always)]
        fn zero() -> Self {
            Portable([0.0; 4])
        }

        #[inline(always)]
        fn splat(value: f32) -> Self {
            Portable([value; 4])
        }

        #[inline(always)]
        unsafe fn load(from: *const f32) -> Self {
            // SAFETY: the caller's; no set asks for alignment.
            Portable(unsafe { from.cast::<[f32; 4]>().read_unaligned() })
        }

        #[inline(always)]
        unsafe fn store(self, to: *mut f32) {
            // SAFETY: as in `load`.
            unsafe { *to.cast::<[f32; 4]>() = self.0 }
        }

        #[inline(always)]
        fn add(self, other: Self) -> Self {
            Portable(std::array::from_fn(|i| self.0[i] + other.0[i]))
        }

        #[inline(always)]
        fn mul_add(self, factor: Self, sum: Self) -> Self {
            Portable(std::array::from_fn(|i| self.0[i] * factor.0[i] + sum.0[i]))
        }
    }

    impl Portable {
        fn of_words(self, float: impl Fn(u32) -> u32) -> Self {
            Portable(self.0.map(|word| f32::from_bits(float(word.to_bits()))))
        }

        fn with_words(self, other: Self, float: impl Fn(u32, u32) -> u32) -> Self {
            Portable(std::array::from_fn(|i| f32::from_bits(float(self.0[i].to_bits(), other.0[i].to_bits()))))
        }
    }

    impl Four for Portable {
        #[inline(always)]
        fn transpose(rows: [Self; 4]) -> [Self; 4] {
            std::array::from_fn(|i| Portable(std::array::from_fn(|j| rows[j].0[i])))
        }

        #[inline(always)]
        fn mul(self, other: Self) -> Self {
            Portable(std::array::from_fn(|i| self.0[i] * other.0[i]))
        }

        #[inline(always)]
        fn constant(word: u32) -> Self {
            Portable([f32::from_bits(word); 4])
        }

        #[inline(always)]
        fn lower_halves(self, mask: Self) -> Self {
            self.with_words(mask, |word, mask| ((word << 16) as i32 >> 3) as u32 & mask)
        }

        #[inline(always)]
        fn upper_halves(self, mask: Self) -> Self {
            self.with_words(mask, |word, mask| (word as i32 >> 3) as u32 & mask)
        }

        #[inline(always)]
        fn lower_brain_halves(self) -> Self {
            self.of_words(|word| word << 16)
        }

        #[inline(always)]
        fn upper_brain_halves(self, mask: Self) -> Self {
            self.with_words(mask, |word, mask| word & mask)
        }

        #[inline(always)]
        fn signed_bytes(self) -> [Self; 4] {
            std::array::from_fn(|byte| self.of_words(|word| f32::from((word >> (8 * byte)) as i8).to_bits()))
        }

        #[inline(always)]
        fn nibbles_less_8(self, upper: bool, mask: Self, eight: Self) -> Self {
            let nibbles = self.with_words(mask, |word, mask| (word >> (4 * u32::from(upper))) & mask);
            nibbles.with_words(eight, |word, eight| {
                let (bytes, eight) = (word.to_le_bytes(), eight.to_le_bytes());
                u32::from_le_bytes(std::array::from_fn(|i| bytes[i].wrapping_sub(eight[i])))
            })
        }
    }
}

#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
pub use wasm::Simd128;

#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod wasm {
    use core::arch::wasm32::*;

    use super::{Four, Lanes};

    /// wasm SIMD; with `relaxed-simd` the multiply-add is one instruction.
    #[derive(Clone, Copy)]
    pub struct Simd128(v128);

    impl Lanes for Simd128 {
        const N: usize = 4;

        #[inline(always)]
        fn zero() -> Self {
            Simd128(f32x4_splat(0.0))
        }

        #[inline(always)]
        fn splat(value: f32) -> Self {
            Simd128(f32x4_splat(value))
        }

        #[inline(always)]
        unsafe fn load(from: *const f32) -> Self {
            // SAFETY: the caller's; the instruction asks for no alignment.
            Simd128(unsafe { v128_load(from.cast()) })
        }

        #[inline(always)]
        unsafe fn store(self, to: *mut f32) {
            // SAFETY: as in `load`.
            unsafe { v128_store(to.cast(), self.0) }
        }

        #[inline(always)]
        fn add(self, other: Self) -> Self {
            Simd128(f32x4_add(self.0, other.0))
        }

        #[inline(always)]
        fn mul_add(self, factor: Self, sum: Self) -> Self {
            #[cfg(target_feature = "relaxed-simd")]
            return Simd128(f32x4_relaxed_madd(self.0, factor.0, sum.0));
            #[cfg(not(target_feature = "relaxed-simd"))]
            return Simd128(f32x4_add(f32x4_mul(self.0, factor.0), sum.0));
        }
    }

    impl Four for Simd128 {
        #[inline(always)]
        fn transpose([r0, r1, r2, r3]: [Self; 4]) -> [Self; 4] {
            let (low01, high01) = (i32x4_shuffle::<0, 4, 1, 5>(r0.0, r1.0), i32x4_shuffle::<2, 6, 3, 7>(r0.0, r1.0));
            let (low23, high23) = (i32x4_shuffle::<0, 4, 1, 5>(r2.0, r3.0), i32x4_shuffle::<2, 6, 3, 7>(r2.0, r3.0));
            [
                Simd128(i64x2_shuffle::<0, 2>(low01, low23)),
                Simd128(i64x2_shuffle::<1, 3>(low01, low23)),
                Simd128(i64x2_shuffle::<0, 2>(high01, high23)),
                Simd128(i64x2_shuffle::<1, 3>(high01, high23)),
            ]
        }

        #[inline(always)]
        fn mul(self, other: Self) -> Self {
            Simd128(f32x4_mul(self.0, other.0))
        }

        #[inline(always)]
        fn constant(word: u32) -> Self {
            // SAFETY: a reference is readable.
            Simd128(u32x4_splat(unsafe { std::ptr::read_volatile(&word) }))
        }

        #[inline(always)]
        fn lower_halves(self, mask: Self) -> Self {
            // The sign is spread over the bits between it and the exponent, and taken away again there.
            Simd128(v128_and(i32x4_shr(i32x4_shl(self.0, 16), 3), mask.0))
        }

        #[inline(always)]
        fn upper_halves(self, mask: Self) -> Self {
            Simd128(v128_and(i32x4_shr(self.0, 3), mask.0))
        }

        #[inline(always)]
        fn lower_brain_halves(self) -> Self {
            Simd128(i32x4_shl(self.0, 16))
        }

        #[inline(always)]
        fn upper_brain_halves(self, mask: Self) -> Self {
            Simd128(v128_and(self.0, mask.0))
        }

        #[inline(always)]
        fn signed_bytes(self) -> [Self; 4] {
            let byte = |word: v128| Simd128(f32x4_convert_i32x4(i32x4_shr(word, 24)));
            [byte(i32x4_shl(self.0, 24)), byte(i32x4_shl(self.0, 16)), byte(i32x4_shl(self.0, 8)), byte(self.0)]
        }

        #[inline(always)]
        fn nibbles_less_8(self, upper: bool, mask: Self, eight: Self) -> Self {
            let nibbles = if upper { u16x8_shr(self.0, 4) } else { self.0 };
            Simd128(i8x16_sub(v128_and(nibbles, mask.0), eight.0))
        }
    }
}

#[cfg(target_arch = "x86_64")]
pub use x86::{Avx2, Avx512, Fma};

#[cfg(target_arch = "x86_64")]
mod x86 {
    use core::arch::x86_64::*;

    use super::{Four, Lanes};

    /// A register of `$n` floats. The methods hold no check: whoever uses the type has asked the processor before.
    macro_rules! lanes {
        ($name:ident, $register:ty, $n:literal, $zero:ident, $splat:ident, $load:ident, $store:ident, $add:ident, $fma:ident) => {
            #[derive(Clone, Copy)]
            pub struct $name($register);

            // SAFETY of all: `matmul::kernel` names these types only where the processor has the set.
            impl Lanes for $name {
                const N: usize = $n;

                #[inline(always)]
                fn zero() -> Self {
                    $name(unsafe { $zero() })
                }

                #[inline(always)]
                fn splat(value: f32) -> Self {
                    $name(unsafe { $splat(value) })
                }

                #[inline(always)]
                unsafe fn load(from: *const f32) -> Self {
                    $name(unsafe { $load(from) })
                }

                #[inline(always)]
                unsafe fn store(self, to: *mut f32) {
                    unsafe { $store(to, self.0) }
                }

                #[inline(always)]
                fn add(self, other: Self) -> Self {
                    $name(unsafe { $add(self.0, other.0) })
                }

                #[inline(always)]
                fn mul_add(self, factor: Self, sum: Self) -> Self {
                    $name(unsafe { $fma(self.0, factor.0, sum.0) })
                }
            }
        };
    }

    lanes!(
        Avx2,
        __m256,
        8,
        _mm256_setzero_ps,
        _mm256_set1_ps,
        _mm256_loadu_ps,
        _mm256_storeu_ps,
        _mm256_add_ps,
        _mm256_fmadd_ps
    );
    lanes!(
        Avx512,
        __m512,
        16,
        _mm512_setzero_ps,
        _mm512_set1_ps,
        _mm512_loadu_ps,
        _mm512_storeu_ps,
        _mm512_add_ps,
        _mm512_fmadd_ps
    );

    // The same instructions on a quarter of the widest register: where one row's weights are turned into columns, wider
    // registers would only be harder to turn.
    lanes!(Fma, __m128, 4, _mm_setzero_ps, _mm_set1_ps, _mm_loadu_ps, _mm_storeu_ps, _mm_add_ps, _mm_fmadd_ps);

    impl Fma {
        #[inline(always)]
        fn words(self) -> __m128i {
            // SAFETY of this and all below: as above, the processor has been asked.
            unsafe { _mm_castps_si128(self.0) }
        }

        #[inline(always)]
        fn of(words: __m128i) -> Self {
            Fma(unsafe { _mm_castsi128_ps(words) })
        }
    }

    impl Four for Fma {
        #[inline(always)]
        fn transpose([r0, r1, r2, r3]: [Self; 4]) -> [Self; 4] {
            unsafe {
                let (low01, high01) = (_mm_unpacklo_ps(r0.0, r1.0), _mm_unpackhi_ps(r0.0, r1.0));
                let (low23, high23) = (_mm_unpacklo_ps(r2.0, r3.0), _mm_unpackhi_ps(r2.0, r3.0));
                [
                    Fma(_mm_movelh_ps(low01, low23)),
                    Fma(_mm_movehl_ps(low23, low01)),
                    Fma(_mm_movelh_ps(high01, high23)),
                    Fma(_mm_movehl_ps(high23, high01)),
                ]
            }
        }

        #[inline(always)]
        fn mul(self, other: Self) -> Self {
            Fma(unsafe { _mm_mul_ps(self.0, other.0) })
        }

        #[inline(always)]
        fn constant(word: u32) -> Self {
            Fma::of(unsafe { _mm_set1_epi32(word.cast_signed()) })
        }

        #[inline(always)]
        fn lower_halves(self, mask: Self) -> Self {
            let moved = unsafe { _mm_srai_epi32::<3>(_mm_slli_epi32::<16>(self.words())) };
            Fma::of(unsafe { _mm_and_si128(moved, mask.words()) })
        }

        #[inline(always)]
        fn upper_halves(self, mask: Self) -> Self {
            Fma::of(unsafe { _mm_and_si128(_mm_srai_epi32::<3>(self.words()), mask.words()) })
        }

        #[inline(always)]
        fn lower_brain_halves(self) -> Self {
            Fma::of(unsafe { _mm_slli_epi32::<16>(self.words()) })
        }

        #[inline(always)]
        fn upper_brain_halves(self, mask: Self) -> Self {
            Fma::of(unsafe { _mm_and_si128(self.words(), mask.words()) })
        }

        #[inline(always)]
        fn signed_bytes(self) -> [Self; 4] {
            unsafe {
                let byte = |word: __m128i| Fma(_mm_cvtepi32_ps(_mm_srai_epi32::<24>(word)));
                let word = self.words();
                [
                    byte(_mm_slli_epi32::<24>(word)),
                    byte(_mm_slli_epi32::<16>(word)),
                    byte(_mm_slli_epi32::<8>(word)),
                    byte(word),
                ]
            }
        }

        #[inline(always)]
        fn nibbles_less_8(self, upper: bool, mask: Self, eight: Self) -> Self {
            unsafe {
                let nibbles = if upper { _mm_srli_epi16::<4>(self.words()) } else { self.words() };
                Fma::of(_mm_sub_epi8(_mm_and_si128(nibbles, mask.words()), eight.words()))
            }
        }
    }
}

/// Copies eight floats.
///
/// # Safety
/// They are readable and writable.
#[inline(always)]
pub unsafe fn copy_8(from: *const f32, to: *mut f32) {
    // In wasm a copy of any length is a call into the browser (`memory.copy`), unless it is written as loads and stores.
    #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
    // SAFETY: the caller's.
    unsafe {
        use core::arch::wasm32::*;
        v128_store(to.cast(), v128_load(from.cast()));
        v128_store(to.add(4).cast(), v128_load(from.add(4).cast()));
    }
    #[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
    // SAFETY: the caller's.
    unsafe {
        std::ptr::copy_nonoverlapping(from, to, 8);
    }
}

/// Writes four rows of four floats as four columns: `to[i · to_stride + j] = from[j · from_stride + i]`.
///
/// # Safety
/// Four floats are readable at each of the four rows and writable at each of the four columns.
#[inline(always)]
pub unsafe fn transpose_4x4(from: *const f32, from_stride: usize, to: *mut f32, to_stride: usize) {
    #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
    // SAFETY: the caller's.
    unsafe {
        use core::arch::wasm32::*;
        let row = |j: usize| v128_load(from.add(j * from_stride).cast());
        let (r0, r1, r2, r3) = (row(0), row(1), row(2), row(3));
        let (low01, high01) = (i32x4_shuffle::<0, 4, 1, 5>(r0, r1), i32x4_shuffle::<2, 6, 3, 7>(r0, r1));
        let (low23, high23) = (i32x4_shuffle::<0, 4, 1, 5>(r2, r3), i32x4_shuffle::<2, 6, 3, 7>(r2, r3));
        v128_store(to.cast(), i64x2_shuffle::<0, 2>(low01, low23));
        v128_store(to.add(to_stride).cast(), i64x2_shuffle::<1, 3>(low01, low23));
        v128_store(to.add(2 * to_stride).cast(), i64x2_shuffle::<0, 2>(high01, high23));
        v128_store(to.add(3 * to_stride).cast(), i64x2_shuffle::<1, 3>(high01, high23));
    }
    #[cfg(target_arch = "x86_64")]
    // SAFETY: the caller's; SSE2 is part of every x86-64.
    unsafe {
        use core::arch::x86_64::*;
        let row = |j: usize| _mm_loadu_ps(from.add(j * from_stride));
        let (r0, r1, r2, r3) = (row(0), row(1), row(2), row(3));
        let (low01, high01) = (_mm_unpacklo_ps(r0, r1), _mm_unpackhi_ps(r0, r1));
        let (low23, high23) = (_mm_unpacklo_ps(r2, r3), _mm_unpackhi_ps(r2, r3));
        _mm_storeu_ps(to, _mm_movelh_ps(low01, low23));
        _mm_storeu_ps(to.add(to_stride), _mm_movehl_ps(low23, low01));
        _mm_storeu_ps(to.add(2 * to_stride), _mm_movelh_ps(high01, high23));
        _mm_storeu_ps(to.add(3 * to_stride), _mm_movehl_ps(high23, high01));
    }
    #[cfg(not(any(all(target_arch = "wasm32", target_feature = "simd128"), target_arch = "x86_64")))]
    for i in 0..4 {
        for j in 0..4 {
            // SAFETY: the caller's.
            unsafe { *to.add(i * to_stride + j) = *from.add(j * from_stride + i) };
        }
    }
}

/// Writes two rows of four floats as four columns, as [`transpose_4x4`] does with four.
///
/// # Safety
/// Four floats are readable at each of the two rows and two writable at each of the four columns.
#[inline(always)]
pub unsafe fn transpose_2x4(from: *const f32, from_stride: usize, to: *mut f32, to_stride: usize) {
    #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
    // SAFETY: the caller's.
    unsafe {
        use core::arch::wasm32::*;
        let (r0, r1) = (v128_load(from.cast()), v128_load(from.add(from_stride).cast()));
        let (low, high) = (i32x4_shuffle::<0, 4, 1, 5>(r0, r1), i32x4_shuffle::<2, 6, 3, 7>(r0, r1));
        v128_store64_lane::<0>(low, to.cast());
        v128_store64_lane::<1>(low, to.add(to_stride).cast());
        v128_store64_lane::<0>(high, to.add(2 * to_stride).cast());
        v128_store64_lane::<1>(high, to.add(3 * to_stride).cast());
    }
    #[cfg(target_arch = "x86_64")]
    // SAFETY: the caller's; SSE2 is part of every x86-64.
    unsafe {
        use core::arch::x86_64::*;
        let (r0, r1) = (_mm_loadu_ps(from), _mm_loadu_ps(from.add(from_stride)));
        let (low, high) = (_mm_unpacklo_ps(r0, r1), _mm_unpackhi_ps(r0, r1));
        _mm_storel_pd(to.cast(), _mm_castps_pd(low));
        _mm_storeh_pd(to.add(to_stride).cast(), _mm_castps_pd(low));
        _mm_storel_pd(to.add(2 * to_stride).cast(), _mm_castps_pd(high));
        _mm_storeh_pd(to.add(3 * to_stride).cast(), _mm_castps_pd(high));
    }
    #[cfg(not(any(all(target_arch = "wasm32", target_feature = "simd128"), target_arch = "x86_64")))]
    for i in 0..4 {
        for j in 0..2 {
            // SAFETY: the caller's.
            unsafe { *to.add(i * to_stride + j) = *from.add(j * from_stride + i) };
        }
    }
}
