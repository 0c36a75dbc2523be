//! Gaussian error linear unit.
//!
//! Exact: out = x · Φ(x) = ½ x (1 + erf(x/√2)) · Tanh: out = ½ x (1 + tanh(√(2/π) (x + 0.044715 x³)))
//!
//! Shapes   x, out: any, equal, F32
//! Source   Hendrycks & Gimpel 2016; the tanh form is GPT-2's `gelu_new`
//! Kernel   shaders/gelu.wgsl; erf in shaders/lib/gelu.wgsl by Abramowitz & Stegun 7.1.26 (|error| ≤ 1.5e-7)
//! Agrees   twins: tolerance::ELEMENTWISE with the erf error added

use super::{Example, Op, check};
use crate::compute::real::Real;
use crate::compute::{ComputeError, DType, Tensor, tolerance::Tolerance};
use crate::rng::Rng;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Approximation {
    Exact,
    Tanh,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Gelu {
    pub approximation: Approximation,
}

impl Gelu {
    pub fn check(&self, inputs: &[&Tensor], outputs: &[&Tensor]) -> Result<(), ComputeError> {
        const OP: &str = "gelu";
        check::count(OP, inputs, &[1])?;
        check::count(OP, outputs, &[1])?;
        check::f32s(OP, inputs[0])?;
        check::f32s(OP, outputs[0])?;
        check::shape(OP, outputs[0], inputs[0].shape())
    }
}

pub fn forward<R: Real>(op: &Gelu, x: &[R], out: &mut [R]) {
    match op.approximation {
        Approximation::Exact => out.iter_mut().zip(x).for_each(|(out, &x)| *out = gelu(Approximation::Exact, x)),
        // Without the choice inside, this loop becomes vector code.
        Approximation::Tanh => out.iter_mut().zip(x).for_each(|(out, &x)| *out = gelu(Approximation::Tanh, x)),
    }
}

/// Of one number.
#[inline(always)]
pub fn gelu<R: Real>(approximation: Approximation, x: R) -> R {
    let c = R::from_f64;
    match approximation {
        Approximation::Exact => c(0.5) * x * (R::ONE + (x * c(std::f64::consts::FRAC_1_SQRT_2)).erf()),
        Approximation::Tanh => {
            c(0.5) * x * (R::ONE + (c(0.797_884_560_802_865_4) * (x + c(0.044_715) * x * x * x)).tanh())
        }
    }
}

pub fn examples(rng: &mut Rng) -> Vec<Example> {
    let mut examples = Vec::new();
    for (n, c, approximation) in [
        (1, 1, Approximation::Exact),
        (3, 67, Approximation::Exact),
        (130, 33, Approximation::Tanh),
        (2, 512, Approximation::Tanh),
    ] {
        let (x, mut bytes) = check::random("x", &[n, c], DType::F32, rng);
        // The tails, where a careless tanh overflows.
        for (at, value) in [(0, -60.0f32), (1, 60.0), (2, -9.0)] {
            if at < x.elements() {
                bytes[4 * at..4 * at + 4].copy_from_slice(&value.to_le_bytes());
            }
        }
        let out = Tensor::new("out", &[n, c], DType::F32);
        examples.push(Example {
            op: Op::Gelu(Gelu { approximation }),
            inputs: vec![x.clone()],
            outputs: vec![out],
            contents: vec![(x, bytes)],
            tolerance: Tolerance::new(2e-6, 2e-5),
        });
    }
    examples
}
