//! Backward of [`geglu`](super::geglu): dgate (+)= dout · up · gelu′(gate) and dup (+)= dout · gelu(gate).
//!
//! Shapes   gate_up, dgate_up: (N,2I) F32, the gate in the first half · dout: (N,I) F32
//! Kernel   shaders/geglu_backward.wgsl
//! Agrees   twins: as gelu, times the other factors

use super::gelu::{Approximation, gelu};
use super::gelu_backward::derivative;
use super::{Example, Op, check};
use crate::compute::real::Real;
use crate::compute::{ComputeError, DType, Tensor, tolerance};
use crate::rng::Rng;

#[derive(Clone, Debug, PartialEq)]
pub struct GeGluBackward {
    pub approximation: Approximation,
    pub accumulate: bool,
}

impl GeGluBackward {
    pub fn check(&self, inputs: &[&Tensor], outputs: &[&Tensor]) -> Result<(), ComputeError> {
        const OP: &str = "geglu_backward";
        check::count(OP, inputs, &[2])?;
        check::count(OP, outputs, &[1])?;
        let (gate_up, dout, dgate_up) = (inputs[0], inputs[1], outputs[0]);
        for tensor in [gate_up, dout, dgate_up] {
            check::f32s(OP, tensor)?;
        }
        check::rank(OP, dout, 2)?;
        check::shape(OP, gate_up, &[dout.rows(), 2 * dout.columns()])?;
        check::shape(OP, dgate_up, gate_up.shape())
    }
}

pub fn backward<R: Real>(op: &GeGluBackward, gate_up: &[R], dout: &[R], inner: usize, dgate_up: &mut [R]) {
    let rows = gate_up.chunks_exact(2 * inner).zip(dout.chunks_exact(inner)).zip(dgate_up.chunks_exact_mut(2 * inner));
    for ((gate_up, dout), dgate_up) in rows {
        for i in 0..inner {
            let (gate, up) = (gate_up[i], gate_up[inner + i]);
            let dgate = dout[i] * up * derivative(op.approximation, gate);
            let dup = dout[i] * gelu(op.approximation, gate);
            if op.accumulate {
                dgate_up[i] += dgate;
                dgate_up[inner + i] += dup;
            } else {
                dgate_up[i] = dgate;
                dgate_up[inner + i] = dup;
            }
        }
    }
}

pub fn examples(rng: &mut Rng) -> Vec<Example> {
    let mut examples = Vec::new();
    for (n, inner, approximation, accumulate) in [
        (1, 1, Approximation::Exact, false),
        (3, 67, Approximation::Tanh, true),
        (130, 33, Approximation::Exact, false),
        (2, 512, Approximation::Tanh, false),
    ] {
        let gate_up = check::random("gate_up", &[n, 2 * inner], DType::F32, rng);
        let dout = check::random("dout", &[n, inner], DType::F32, rng);
        let dgate_up = check::random("dgate_up", &[n, 2 * inner], DType::F32, rng);
        examples.push(Example {
            op: Op::GeGluBackward(GeGluBackward { approximation, accumulate }),
            inputs: vec![gate_up.0.clone(), dout.0.clone()],
            outputs: vec![dgate_up.0.clone()],
            contents: vec![gate_up, dout, dgate_up],
            tolerance: tolerance::Tolerance::new(1e-5, 2e-5),
        });
    }
    examples
}
