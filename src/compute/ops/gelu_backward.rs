//! Backward of [`gelu`](super::gelu).
//!
//! Exact: dx (+)= dout · (Φ(x) + x · φ(x)), φ(x) = exp(−x²/2) / √(2π)
//! Tanh:  dx (+)= dout · (½ (1 + tanh u) + ½ x (1 − tanh² u) · u′), u = √(2/π) (x + 0.044715 x³)
//!
//! Shapes   x, dout, dx: any, equal, F32
//! Kernel   shaders/gelu_backward.wgsl
//! Agrees   twins: as gelu

use super::gelu::Approximation;
use super::{Example, Op, check};
use crate::compute::real::Real;
use crate::compute::{ComputeError, DType, Tensor, tolerance::Tolerance};
use crate::rng::Rng;

#[derive(Clone, Debug, PartialEq)]
pub struct GeluBackward {
    pub approximation: Approximation,
    pub accumulate: bool,
}

impl GeluBackward {
    pub fn check(&self, inputs: &[&Tensor], outputs: &[&Tensor]) -> Result<(), ComputeError> {
        const OP: &str = "gelu_backward";
        check::count(OP, inputs, &[2])?;
        check::count(OP, outputs, &[1])?;
        for tensor in [inputs[0], inputs[1], outputs[0]] {
            check::f32s(OP, tensor)?;
            check::shape(OP, tensor, inputs[0].shape())?;
        }
        Ok(())
    }
}

pub fn backward<R: Real>(op: &GeluBackward, x: &[R], dout: &[R], dx: &mut [R]) {
    for ((&x, &dout), dx) in x.iter().zip(dout).zip(dx) {
        let value = dout * derivative(op.approximation, x);
        *dx = if op.accumulate { *dx + value } else { value };
    }
}

/// gelu′ of one number.
pub fn derivative<R: Real>(approximation: Approximation, x: R) -> R {
    let c = R::from_f64;
    match approximation {
        Approximation::Exact => {
            let cumulative = c(0.5) * (R::ONE + (x * c(std::f64::consts::FRAC_1_SQRT_2)).erf());
            let density = (c(-0.5) * x * x).exp() * c(0.398_942_280_401_432_7);
            cumulative + x * density
        }
        Approximation::Tanh => {
            let root = c(0.797_884_560_802_865_4);
            let tanh = (root * (x + c(0.044_715) * x * x * x)).tanh();
            let slope = root * (R::ONE + c(3.0 * 0.044_715) * x * x);
            // Where tanh is ±1 the second term is 0, and must not become 0 · ∞.
            let square = R::ONE - tanh * tanh;
            let bend = if square > R::ZERO { c(0.5) * x * square * slope } else { R::ZERO };
            c(0.5) * (R::ONE + tanh) + bend
        }
    }
}

pub fn examples(rng: &mut Rng) -> Vec<Example> {
    let mut examples = Vec::new();
    for (n, c, approximation, accumulate) in [
        (1, 1, Approximation::Exact, false),
        (3, 67, Approximation::Exact, true),
        (130, 33, Approximation::Tanh, false),
        (2, 512, Approximation::Tanh, true),
    ] {
        let (x, mut bytes) = check::random("x", &[n, c], DType::F32, rng);
        // The tails, where a careless tanh overflows.
        for (at, value) in [(0, -60.0f32), (1, 60.0), (2, -9.0)] {
            if at < x.elements() {
                bytes[4 * at..4 * at + 4].copy_from_slice(&value.to_le_bytes());
            }
        }
        let dout = check::random("dout", &[n, c], DType::F32, rng);
        let dx = check::random("dx", &[n, c], DType::F32, rng);
        examples.push(Example {
            op: Op::GeluBackward(GeluBackward { approximation, accumulate }),
            inputs: vec![x.clone(), dout.0.clone()],
            outputs: vec![dx.0.clone()],
            contents: vec![(x, bytes), dout, dx],
            tolerance: Tolerance::new(5e-6, 2e-5),
        });
    }
    examples
}
