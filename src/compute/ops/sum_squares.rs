//! Sums of squares of consecutive stretches: what the global norm of the gradients is made of.
//!
//! out[p] = Σ_{i in stretch p} x[i]², stretches of ⌈len / P⌉ elements
//!
//! Shapes   x: any F32 · out: (P) F32, added up by the caller in f64
//! Kernel   shaders/sum_squares.wgsl
//! Agrees   twins: tolerance::REDUCTION

use super::{Example, Op, check};
use crate::compute::real::{Real, dot};
use crate::compute::{ComputeError, DType, Tensor, tolerance};
use crate::rng::Rng;

#[derive(Clone, Debug, PartialEq)]
pub struct SumSquares;

impl SumSquares {
    pub fn check(&self, inputs: &[&Tensor], outputs: &[&Tensor]) -> Result<(), ComputeError> {
        const OP: &str = "sum_squares";
        check::count(OP, inputs, &[1])?;
        check::count(OP, outputs, &[1])?;
        check::f32s(OP, inputs[0])?;
        check::f32s(OP, outputs[0])?;
        check::rank(OP, outputs[0], 1)
    }

    /// Elements of a stretch.
    pub fn stretch(x: &Tensor, out: &Tensor) -> usize {
        x.elements().div_ceil(out.elements().max(1)).max(1)
    }
}

pub fn forward<R: Real>(x: &[R], stretch: usize, out: &mut [R]) {
    out.fill(R::ZERO);
    for (x, out) in x.chunks(stretch).zip(out) {
        *out = dot(x, x);
    }
}

pub fn examples(rng: &mut Rng) -> Vec<Example> {
    let mut examples = Vec::new();
    for (n, c, parts) in [(1, 1, 1), (37, 96, 16), (3, 2, 8), (130, 71, 64)] {
        let x = check::random("x", &[n, c], DType::F32, rng);
        examples.push(Example {
            op: Op::SumSquares(SumSquares),
            inputs: vec![x.0.clone()],
            outputs: vec![Tensor::new("out", &[parts], DType::F32)],
            contents: vec![x],
            tolerance: tolerance::REDUCTION,
        });
    }
    examples
}
