//! Rectified linear unit: out = max(x, 0).
//!
//! Shapes   x, out: any, equal, F32
//! Source   Nair & Hinton 2010
//! Kernel   shaders/relu.wgsl
//! Agrees   twins: exact

use super::{Example, Op, check};
use crate::compute::real::Real;
use crate::compute::{ComputeError, DType, Tensor, tolerance};
use crate::rng::Rng;

#[derive(Clone, Debug, PartialEq)]
pub struct Relu;

impl Relu {
    pub fn check(&self, inputs: &[&Tensor], outputs: &[&Tensor]) -> Result<(), ComputeError> {
        const OP: &str = "relu";
        check::count(OP, inputs, &[1])?;
        check::count(OP, outputs, &[1])?;
        check::f32s(OP, inputs[0])?;
        check::f32s(OP, outputs[0])?;
        check::shape(OP, outputs[0], inputs[0].shape())
    }
}

pub fn forward<R: Real>(x: &[R], out: &mut [R]) {
    for (out, &x) in out.iter_mut().zip(x) {
        // Not `max`, which would make a zero of NaN.
        *out = if x < R::ZERO { R::ZERO } else { x };
    }
}

pub fn examples(rng: &mut Rng) -> Vec<Example> {
    let mut examples = Vec::new();
    for (n, c) in [(1, 1), (3, 67), (130, 33)] {
        let x = check::random("x", &[n, c], DType::F32, rng);
        examples.push(Example {
            op: Op::Relu(Relu),
            inputs: vec![x.0.clone()],
            outputs: vec![Tensor::new("out", &[n, c], DType::F32)],
            contents: vec![x],
            tolerance: tolerance::EXACT,
        });
    }
    examples
}
