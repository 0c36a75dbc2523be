//! Gated feed-forward activation with a GELU gate.
//!
//! out[n,i] = gelu(gate_up[n,i]) · gate_up[n, I+i]
//!
//! Shapes   gate_up: (N,2I) F32, the gate in the first half · out: (N,I) F32
//! Source   Shazeer 2020, "GLU Variants Improve Transformer"
//! Kernel   shaders/geglu.wgsl, which shares `gelu` with shaders/gelu.wgsl
//! Agrees   twins: as gelu, times the other factor

use super::gelu::{Approximation, gelu};
use super::{Example, Op, check};
use crate::compute::real::Real;
use crate::compute::{ComputeError, DType, Tensor, tolerance::Tolerance};
use crate::rng::Rng;

#[derive(Clone, Debug, PartialEq)]
pub struct GeGlu {
    pub approximation: Approximation,
}

impl GeGlu {
    pub fn check(&self, inputs: &[&Tensor], outputs: &[&Tensor]) -> Result<(), ComputeError> {
        const OP: &str = "geglu";
        check::count(OP, inputs, &[1])?;
        check::count(OP, outputs, &[1])?;
        check::f32s(OP, inputs[0])?;
        check::f32s(OP, outputs[0])?;
        check::rank(OP, outputs[0], 2)?;
        check::shape(OP, inputs[0], &[outputs[0].rows(), 2 * outputs[0].columns()])
    }
}

pub fn forward<R: Real>(op: &GeGlu, gate_up: &[R], inner: usize, out: &mut [R]) {
    for (gate_up, out) in gate_up.chunks_exact(2 * inner).zip(out.chunks_exact_mut(inner)) {
        let (gate, up) = gate_up.split_at(inner);
        for i in 0..inner {
            out[i] = gelu(op.approximation, gate[i]) * up[i];
        }
    }
}

pub fn examples(rng: &mut Rng) -> Vec<Example> {
    let mut examples = Vec::new();
    for (n, inner, approximation) in [
        (1, 1, Approximation::Exact),
        (3, 67, Approximation::Tanh),
        (130, 33, Approximation::Exact),
        (2, 512, Approximation::Tanh),
    ] {
        let gate_up = check::random("gate_up", &[n, 2 * inner], DType::F32, rng);
        examples.push(Example {
            op: Op::GeGlu(GeGlu { approximation }),
            inputs: vec![gate_up.0.clone()],
            outputs: vec![Tensor::new("out", &[n, inner], DType::F32)],
            contents: vec![gate_up],
            tolerance: Tolerance::new(4e-6, 2e-5),
        });
    }
    examples
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Oracle: closed form. x·Φ(x) at 1 is 0.841345, the tanh form 0.841192; the other half multiplies.
    #[test]
    fn one_by_hand() {
        for (approximation, expected) in [(Approximation::Exact, 0.841_344_8), (Approximation::Tanh, 0.841_192)] {
            let mut out = [0.0f32];
            forward(&GeGlu { approximation }, &[1.0, -2.0], 1, &mut out);
            assert!((out[0] + 2.0 * expected).abs() <= 2e-6, "{out:?}");
        }
    }
}
