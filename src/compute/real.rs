//! The numbers of the CPU twins: f32 when a model runs, f64 when a test differentiates numerically.
//!
//! A twin is written once, over this trait, so that the code checked against finite differences in f64 is the code that
//! the kernels are checked against in f32.

use std::fmt::Debug;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Div, Mul, MulAssign, Neg, Sub};

pub trait Real:
    Copy
    + Debug
    + Default
    + PartialOrd
    + Send
    + Sync
    + 'static
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + AddAssign
    + MulAssign
    + Sum
{
    const ZERO: Self;
    const ONE: Self;
    const NEG_INFINITY: Self;

    /// A constant of the formula, rounded to this type.
    fn from_f64(value: f64) -> Self;
    fn to_f64(self) -> f64;
    fn from_f32(value: f32) -> Self {
        Self::from_f64(f64::from(value))
    }
    fn exp(self) -> Self;
    fn ln(self) -> Self;
    fn sqrt(self) -> Self;
    fn tanh(self) -> Self;
    fn sin_cos(self) -> (Self, Self);
    /// The error function, to the accuracy of the type.
    fn erf(self) -> Self;
    fn maximum(self, other: Self) -> Self {
        if other > self { other } else { self }
    }
}

macro_rules! real {
    ($float:ident, $tanh:path) => {
        impl Real for $float {
            const ZERO: Self = 0.0;
            const ONE: Self = 1.0;
            const NEG_INFINITY: Self = $float::NEG_INFINITY;

            #[inline(always)]
            fn from_f64(value: f64) -> Self {
                value as $float
            }
            fn to_f64(self) -> f64 {
                self.into()
            }
            fn exp(self) -> Self {
                $float::exp(self)
            }
            fn ln(self) -> Self {
                $float::ln(self)
            }
            fn sqrt(self) -> Self {
                $float::sqrt(self)
            }
            #[inline(always)]
            fn tanh(self) -> Self {
                $tanh(self)
            }
            fn sin_cos(self) -> (Self, Self) {
                $float::sin_cos(self)
            }
            fn erf(self) -> Self {
                statrs::function::erf::erf(self.into()) as $float
            }
        }
    };
}

// In f32 without branches: a pass has millions of them.
real!(f32, crate::compute::cpu::functions::tanh);
real!(f64, f64::tanh);

/// Σ_i a[i] · b[i] in eight running sums that are added in a fixed order: vector units can hold them, and the result
/// does not depend on the machine.
pub fn dot<R: Real>(a: &[R], b: &[R]) -> R {
    let mut sums = [R::ZERO; 8];
    let (a_eights, b_eights) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest: R = a_eights.remainder().iter().zip(b_eights.remainder()).map(|(&a, &b)| a * b).sum();
    for (a, b) in a_eights.zip(b_eights) {
        for lane in 0..8 {
            sums[lane] += a[lane] * b[lane];
        }
    }
    let [s0, s1, s2, s3, s4, s5, s6, s7] = sums;
    ((s0 + s4) + (s1 + s5)) + ((s2 + s6) + (s3 + s7)) + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Oracle: closed form. 1 + 2 + … over lengths that fill no eight.
    #[test]
    fn dot_of_any_length() {
        for n in [0, 1, 7, 8, 9, 31] {
            let a: Vec<f64> = (0..n).map(f64::from).collect();
            let ones = vec![1.0; n as usize];
            assert_eq!(dot(&a, &ones), f64::from(n * (n - 1) / 2), "{n}");
        }
    }
}
