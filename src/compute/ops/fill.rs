//! A constant everywhere: the zeros that gradients are added to.
//!
//! out[i] = value
//!
//! Shapes   out: any, F32
//! Kernel   shaders/fill.wgsl
//! Agrees   twins: exact

use super::{Example, Op, check};
use crate::compute::real::Real;
use crate::compute::{ComputeError, DType, Tensor, tolerance};
use crate::rng::Rng;

#[derive(Clone, Debug, PartialEq)]
pub struct Fill {
    pub value: f32,
}

impl Fill {
    pub fn check(&self, inputs: &[&Tensor], outputs: &[&Tensor]) -> Result<(), ComputeError> {
        const OP: &str = "fill";
        check::count(OP, inputs, &[0])?;
        check::count(OP, outputs, &[1])?;
        check::f32s(OP, outputs[0])
    }
}

pub fn forward<R: Real>(op: &Fill, out: &mut [R]) {
    out.fill(R::from_f32(op.value));
}

pub fn examples(rng: &mut Rng) -> Vec<Example> {
    let mut examples = Vec::new();
    for (shape, value) in [(vec![1], 0.0), (vec![3, 67], -1.5), (vec![2, 70, 5], 0.0)] {
        let out = check::random("out", &shape, DType::F32, rng);
        examples.push(Example {
            op: Op::Fill(Fill { value }),
            inputs: Vec::new(),
            outputs: vec![out.0.clone()],
            contents: vec![out],
            tolerance: tolerance::EXACT,
        });
    }
    examples
}
