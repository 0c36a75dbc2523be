//! Backward of [`relu`](super::relu): dx (+)= dout where x > 0.
//!
//! Shapes   x, dout, dx: any, equal, F32
//! Limits   at 0, where there is no derivative, it is 0, as in PyTorch
//! Kernel   shaders/relu_backward.wgsl
//! Agrees   twins: exact

use super::{Example, Op, check};
use crate::compute::real::Real;
use crate::compute::{ComputeError, DType, Tensor, tolerance};
use crate::rng::Rng;

#[derive(Clone, Debug, PartialEq)]
pub struct ReluBackward {
    pub accumulate: bool,
}

impl ReluBackward {
    pub fn check(&self, inputs: &[&Tensor], outputs: &[&Tensor]) -> Result<(), ComputeError> {
        const OP: &str = "relu_backward";
        check::count(OP, inputs, &[2])?;
        check::count(OP, outputs, &[1])?;
        for tensor in [inputs[0], inputs[1], outputs[0]] {
            check::f32s(OP, tensor)?;
            check::shape(OP, tensor, inputs[0].shape())?;
        }
        Ok(())
    }
}

pub fn backward<R: Real>(op: &ReluBackward, x: &[R], dout: &[R], dx: &mut [R]) {
    for ((&x, &dout), dx) in x.iter().zip(dout).zip(dx) {
        let value = if x > R::ZERO { dout } else { R::ZERO };
        *dx = if op.accumulate { *dx + value } else { value };
    }
}

pub fn examples(rng: &mut Rng) -> Vec<Example> {
    let mut examples = Vec::new();
    for (n, c, accumulate) in [(1, 1, false), (3, 67, true), (130, 33, false)] {
        let x = check::random("x", &[n, c], DType::F32, rng);
        let dout = check::random("dout", &[n, c], DType::F32, rng);
        let dx = check::random("dx", &[n, c], DType::F32, rng);
        examples.push(Example {
            op: Op::ReluBackward(ReluBackward { accumulate }),
            inputs: vec![x.0.clone(), dout.0.clone()],
            outputs: vec![dx.0.clone()],
            contents: vec![x, dout, dx],
            tolerance: tolerance::EXACT,
        });
    }
    examples
}
