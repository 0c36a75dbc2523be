//! A scaled copy, or a scaled addition, of a block of columns. Level-1 BLAS calls the addition "axpy".
//!
//! out[n, out_column + c] (+)= alpha · x[n, x_column + c], c in 0..columns
//!
//! Shapes   x: (N,X) F32 · out: (N,O) F32, all dimensions but the last counted as rows
//! Kernel   shaders/axpy.wgsl
//! Agrees   twins: tolerance::ELEMENTWISE, since a GPU may fuse the product and the sum

use super::{Example, Op, check};
use crate::compute::real::Real;
use crate::compute::{ComputeError, DType, Tensor, tolerance};
use crate::rng::Rng;

#[derive(Clone, Debug, PartialEq)]
pub struct Axpy {
    pub alpha: f32,
    pub x_column: usize,
    pub out_column: usize,
    pub columns: usize,
    /// Add to what `out` holds.
    pub accumulate: bool,
}

impl Axpy {
    /// All of one tensor into another of the same shape.
    pub fn whole(tensor: &Tensor, alpha: f32, accumulate: bool) -> Self {
        Axpy { alpha, x_column: 0, out_column: 0, columns: tensor.columns(), accumulate }
    }

    pub fn check(&self, inputs: &[&Tensor], outputs: &[&Tensor]) -> Result<(), ComputeError> {
        const OP: &str = "axpy";
        check::count(OP, inputs, &[1])?;
        check::count(OP, outputs, &[1])?;
        let (x, out) = (inputs[0], outputs[0]);
        check::f32s(OP, x)?;
        check::f32s(OP, out)?;
        check::that(OP, out, out.rows() == x.rows(), &format!("{} rows", x.rows()))?;
        for (tensor, column) in [(x, self.x_column), (out, self.out_column)] {
            let end = column + self.columns;
            check::that(OP, tensor, end <= tensor.columns(), &format!("at least {end} columns"))?;
        }
        Ok(())
    }
}

/// `x_columns` and `out_columns` are the widths of the rows.
pub fn forward<R: Real>(op: &Axpy, x: &[R], x_columns: usize, out: &mut [R], out_columns: usize) {
    let alpha = R::from_f32(op.alpha);
    for (x, out) in x.chunks_exact(x_columns).zip(out.chunks_exact_mut(out_columns)) {
        let x = &x[op.x_column..][..op.columns];
        let out = &mut out[op.out_column..][..op.columns];
        for (out, &x) in out.iter_mut().zip(x) {
            *out = if op.accumulate { *out + alpha * x } else { alpha * x };
        }
    }
}

pub fn examples(rng: &mut Rng) -> Vec<Example> {
    let mut examples = Vec::new();
    for (n, x_columns, out_columns, x_column, out_column, columns, alpha, accumulate) in [
        (1, 1, 1, 0, 0, 1, 1.0, false),
        (5, 96, 32, 40, 0, 32, 1.0, false),
        (67, 30, 77, 0, 13, 30, -0.5, true),
        (130, 33, 33, 0, 0, 33, 1.0, true),
    ] {
        let x = check::random("x", &[n, x_columns], DType::F32, rng);
        let out = check::random("out", &[n, out_columns], DType::F32, rng);
        examples.push(Example {
            op: Op::Axpy(Axpy { alpha, x_column, out_column, columns, accumulate }),
            inputs: vec![x.0.clone()],
            outputs: vec![out.0.clone()],
            contents: vec![x, out],
            tolerance: tolerance::ELEMENTWISE,
        });
    }
    examples
}
