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
    /// `from` is readable for `N` floats; the processor knows the instruction set.
    unsafe fn load(from: *const f32) -> Self;

    /// # Safety
    /// `to` is writable for `N` floats; the processor knows the instruction set.
    unsafe fn store(self, to: *mut f32);

    fn add(self, other: Self) -> Self;

    /// self · factor + sum
    fn mul_add(self, factor: Self, sum: Self) -> Self;
}

#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
pub use portable::Portable;

#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
mod portable {
    use super::Lanes;

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
            // SAFETY: the caller's; an array of f32 has the alignment of f32.
            Portable(unsafe { *from.cast::<[f32; 4]>() })
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
}

#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
pub use wasm::Simd128;

#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod wasm {
    use core::arch::wasm32::*;

    use super::Lanes;

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
}

#[cfg(target_arch = "x86_64")]
pub use x86::{Avx2, Avx512};

#[cfg(target_arch = "x86_64")]
mod x86 {
    use core::arch::x86_64::*;

    use super::Lanes;

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
