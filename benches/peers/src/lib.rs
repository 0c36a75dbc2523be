//! Peers and limits for `make bench`, as plain wasm exports: pointers and sizes in, nothing out.
//!
//! `peak` and `bandwidth` are what this machine can do at all: multiply-adds that touch registers only, and reads that do
//! nothing with what they read.

use core::arch::wasm32::*;

/// Room for `bytes`, never given back.
#[unsafe(no_mangle)]
pub extern "C" fn room(bytes: usize) -> *mut u8 {
    let mut room = vec![0u128; bytes.div_ceil(16)];
    let start = room.as_mut_ptr();
    std::mem::forget(room);
    start.cast()
}

/// Chains that are under way at a time: more than a multiply-add's latency times its throughput, fewer than registers.
const CHAINS: usize = 12;

/// `CHAINS` · 8 floating-point operations a turn.
#[unsafe(no_mangle)]
pub extern "C" fn peak(turns: usize) -> f32 {
    let (factor, mut sums) = (f32x4_splat(0.999), [f32x4_splat(1.0); CHAINS]);
    for _ in 0..turns {
        for sum in &mut sums {
            #[cfg(target_feature = "relaxed-simd")]
            (*sum = f32x4_relaxed_madd(*sum, factor, factor));
            #[cfg(not(target_feature = "relaxed-simd"))]
            (*sum = f32x4_add(f32x4_mul(*sum, factor), factor));
        }
    }
    sums.iter().map(|sum| f32x4_extract_lane::<0>(*sum)).sum()
}

/// Reads `bytes`, a multiple of 128, once.
///
/// # Safety
/// `from` is readable for `bytes`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bandwidth(from: *const v128, bytes: usize) -> i32 {
    let mut sums = [i32x4_splat(0); 8];
    for block in 0..bytes / 128 {
        for (i, sum) in sums.iter_mut().enumerate() {
            // SAFETY: the caller's.
            *sum = v128_or(*sum, unsafe { v128_load(from.add(8 * block + i)) });
        }
    }
    i32x4_extract_lane::<0>(sums.into_iter().fold(i32x4_splat(0), |a, b| v128_or(a, b)))
}

/// c = a · b, all row-major: (m,k) · (k,n).
///
/// # Safety
/// The three are readable and writable for that many floats.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn product_matrixmultiply(m: usize, n: usize, k: usize, a: *const f32, b: *const f32, c: *mut f32) {
    // SAFETY: the caller's.
    unsafe { matrixmultiply::sgemm(m, k, n, 1.0, a, k as isize, 1, b, n as isize, 1, 0.0, c, n as isize, 1) }
}

/// The same with the crate `gemm`.
///
/// # Safety
/// As above.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn product_gemm(m: usize, n: usize, k: usize, a: *const f32, b: *const f32, c: *mut f32) {
    let (n_stride, k_stride) = (n as isize, k as isize);
    // SAFETY: the caller's.
    unsafe {
        gemm::gemm(
            m, n, k, c, 1, n_stride, false, a, 1, k_stride, b, 1, n_stride, 0.0f32, 1.0f32, false, false, false,
            gemm::Parallelism::None,
        )
    }
}
