//! Backward of [`softcap`](super::softcap), in place on the gradient: d → d · (1 − (y / cap)²), y the capped value.
//!
//! Shapes   y, d: any, equal, F32; d changes in place
//! Kernel   shaders/softcap_backward.wgsl
//! Agrees   twins: tolerance::ELEMENTWISE

use super::{Example, Op, check};
use crate::compute::real::Real;
use crate::compute::{ComputeError, DType, Tensor, tolerance::Tolerance};
use crate::rng::Rng;

#[derive(Clone, Debug, PartialEq)]
pub struct SoftcapBackward {
    pub cap: f32,
}

impl SoftcapBackward {
    pub fn check(&self, inputs: &[&Tensor], outputs: &[&Tensor]) -> Result<(), ComputeError> {
        const OP: &str = "softcap_backward";
        check::count(OP, inputs, &[1])?;
        check::count(OP, outputs, &[1])?;
        check::f32s(OP, inputs[0])?;
        check::f32s(OP, outputs[0])?;
        check::shape(OP, outputs[0], inputs[0].shape())
    }
}

pub fn backward<R: Real>(op: &SoftcapBackward, y: &[R], d: &mut [R]) {
    let cap = R::from_f32(op.cap);
    for (&y, d) in y.iter().zip(d) {
        let tanh = y / cap;
        *d *= R::ONE - tanh * tanh;
    }
}

pub fn examples(rng: &mut Rng) -> Vec<Example> {
    let mut examples = Vec::new();
    for (n, c, cap) in [(1, 1, 30.0), (3, 67, 5.0), (130, 33, 30.0)] {
        let y = check::random("y", &[n, c], DType::F32, rng);
        let d = check::random("d", &[n, c], DType::F32, rng);
        examples.push(Example {
            op: Op::SoftcapBackward(SoftcapBackward { cap }),
            inputs: vec![y.0.clone()],
            outputs: vec![d.0.clone()],
            contents: vec![y, d],
            tolerance: Tolerance::new(2e-6, 1e-5),
        });
    }
    examples
}
