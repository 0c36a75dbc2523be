//! Sum over rows: the gradient of a bias.
//!
//! out[c] (+)= Σ_n x[n, column + c]
//!
//! Shapes   x: (N,X) F32 · out: C elements, F32, with column + C ≤ X
//! Order    rows ascending in the twin; the kernel adds eight interleaved parts in a fixed order
//! Kernel   shaders/column_sum.wgsl
//! Agrees   twins: tolerance::REDUCTION

use super::{Example, Op, check};
use crate::compute::real::Real;
use crate::compute::{ComputeError, DType, Tensor, tolerance};
use crate::rng::Rng;

#[derive(Clone, Debug, PartialEq)]
pub struct ColumnSum {
    pub column: usize,
    pub accumulate: bool,
}

impl ColumnSum {
    pub fn check(&self, inputs: &[&Tensor], outputs: &[&Tensor]) -> Result<(), ComputeError> {
        const OP: &str = "column_sum";
        check::count(OP, inputs, &[1])?;
        check::count(OP, outputs, &[1])?;
        let (x, out) = (inputs[0], outputs[0]);
        check::f32s(OP, x)?;
        check::f32s(OP, out)?;
        let end = self.column + out.elements();
        check::that(OP, x, end <= x.columns(), &format!("at least {end} columns"))
    }
}

pub fn forward<R: Real>(op: &ColumnSum, x: &[R], x_columns: usize, out: &mut [R]) {
    if !op.accumulate {
        out.fill(R::ZERO);
    }
    for x in x.chunks_exact(x_columns) {
        for (out, &x) in out.iter_mut().zip(&x[op.column..]) {
            *out += x;
        }
    }
}

pub fn examples(rng: &mut Rng) -> Vec<Example> {
    let mut examples = Vec::new();
    for (n, x_columns, column, c, accumulate) in
        [(1, 1, 0, 1, false), (37, 96, 32, 64, false), (130, 71, 3, 65, true), (5, 300, 0, 300, false)]
    {
        let x = check::random("x", &[n, x_columns], DType::F32, rng);
        let out = check::random("out", &[c], DType::F32, rng);
        examples.push(Example {
            op: Op::ColumnSum(ColumnSum { column, accumulate }),
            inputs: vec![x.0.clone()],
            outputs: vec![out.0.clone()],
            contents: vec![x, out],
            tolerance: tolerance::REDUCTION,
        });
    }
    examples
}
