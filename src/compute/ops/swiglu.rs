//! Gated feed-forward activation.
//!
//! out[n,i] = silu(gate_up[n,i]) · gate_up[n, I+i], silu(x) = x / (1 + exp(−x))
//!
//! Shapes   gate_up: (N,2I) F32, the gate in the first half · out: (N,I) F32
//! Source   Shazeer 2020, "GLU Variants Improve Transformer"
//! Kernel   shaders/swiglu.wgsl
//! Agrees   twins: tolerance::ELEMENTWISE

use super::{Example, Op, check};
use crate::compute::real::Real;
use crate::compute::{ComputeError, DType, Tensor, tolerance};
use crate::rng::Rng;

#[derive(Clone, Debug, PartialEq)]
pub struct SwiGlu;

impl SwiGlu {
    pub fn check(&self, inputs: &[&Tensor], outputs: &[&Tensor]) -> Result<(), ComputeError> {
        const OP: &str = "swiglu";
        check::count(OP, inputs, &[1])?;
        check::count(OP, outputs, &[1])?;
        check::f32s(OP, inputs[0])?;
        check::f32s(OP, outputs[0])?;
        check::rank(OP, outputs[0], 2)?;
        check::shape(OP, inputs[0], &[outputs[0].rows(), 2 * outputs[0].columns()])
    }
}

pub fn forward<R: Real>(gate_up: &[R], inner: usize, out: &mut [R]) {
    for (gate_up, out) in gate_up.chunks_exact(2 * inner).zip(out.chunks_exact_mut(inner)) {
        let (gate, up) = gate_up.split_at(inner);
        for i in 0..inner {
            out[i] = gate[i] / (R::ONE + (-gate[i]).exp()) * up[i];
        }
    }
}

pub fn examples(rng: &mut Rng) -> Vec<Example> {
    let mut examples = Vec::new();
    for (n, inner) in [(1, 1), (3, 67), (130, 33), (2, 512)] {
        let gate_up = check::random("gate_up", &[n, 2 * inner], DType::F32, rng);
        let out = Tensor::new("out", &[n, inner], DType::F32);
        examples.push(Example {
            op: Op::SwiGlu(SwiGlu),
            inputs: vec![gate_up.0.clone()],
            outputs: vec![out],
            contents: vec![gate_up],
            tolerance: tolerance::ELEMENTWISE,
        });
    }
    examples
}
