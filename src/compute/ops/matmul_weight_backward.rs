//! Backward of [`matmul`](super::matmul) with respect to its weight: a sum of outer products over rows.
//!
//! out[p,q] (+)= Σ_m a[m, a_column + p] · b[m, b_column + q]
//!
//! Shapes   a: (M,A) F32 · b: (M,B) F32 · out: (P,Q) F32 with a_column + P ≤ A and b_column + Q ≤ B
//! Layouts  a weight stored (N,K) takes a = dout, b = x; one stored (K,N) takes a = x, b = dout
//! Why      the columns let the gradients of q, k and v, which stand side by side, be read where they are
//! Kernel   shaders/matmul_weight_backward.wgsl
//! Agrees   twins: tolerance::REDUCTION scaled by sqrt(M)

use super::{Example, Op, check};
use crate::compute::{ComputeError, DType, Tensor, tolerance::Tolerance};
use crate::rng::Rng;

#[derive(Clone, Debug, PartialEq)]
pub struct MatMulWeightBackward {
    pub a_column: usize,
    pub b_column: usize,
    pub accumulate: bool,
}

impl MatMulWeightBackward {
    pub fn check(&self, inputs: &[&Tensor], outputs: &[&Tensor]) -> Result<(), ComputeError> {
        const OP: &str = "matmul_weight_backward";
        check::count(OP, inputs, &[2])?;
        check::count(OP, outputs, &[1])?;
        let (a, b, out) = (inputs[0], inputs[1], outputs[0]);
        check::rank(OP, out, 2)?;
        for tensor in [a, b, out] {
            check::f32s(OP, tensor)?;
        }
        check::that(OP, b, b.rows() == a.rows(), &format!("{} rows", a.rows()))?;
        for (tensor, end) in [(a, self.a_column + out.rows()), (b, self.b_column + out.columns())] {
            check::that(OP, tensor, end <= tensor.columns(), &format!("at least {end} columns"))?;
        }
        Ok(())
    }
}

pub fn examples(rng: &mut Rng) -> Vec<Example> {
    let mut examples = Vec::new();
    for (m, p, q, a_column, a_extra, b_column, b_extra, accumulate) in [
        (1, 1, 1, 0, 0, 0, 0, false),
        (33, 70, 65, 3, 2, 0, 0, true),
        (130, 17, 129, 0, 0, 5, 1, false),
        (9, 64, 128, 0, 0, 0, 0, false),
        (67, 5, 3, 1, 0, 2, 0, true),
    ] {
        let a = check::random("a", &[m, a_column + p + a_extra], DType::F32, rng);
        let b = check::random("b", &[m, b_column + q + b_extra], DType::F32, rng);
        let out = check::random("out", &[p, q], DType::F32, rng);
        examples.push(Example {
            op: Op::MatMulWeightBackward(MatMulWeightBackward { a_column, b_column, accumulate }),
            inputs: vec![a.0.clone(), b.0.clone()],
            outputs: vec![out.0.clone()],
            contents: vec![a, b, out],
            // Each of the M products is of size one, so the sum is of size sqrt(M) and its rounding error too.
            tolerance: Tolerance::new(2e-6 * (m as f32).sqrt(), 1e-5),
        });
    }
    examples
}
