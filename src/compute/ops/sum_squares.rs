//! Sums of squares of consecutive stretches: what the global norm of the gradients is made of.
//!
//! out[first + p] = Σ_{i in stretch p} x[i]², p in 0..parts, stretches of ⌈len / parts⌉ elements
//!
//! Shapes   x: any F32 · out: at least first + parts elements, F32, added up by the caller in f64
//! Why      a place in a larger tensor: the norms of a whole model come back in one reading
//! Kernel   shaders/sum_squares.wgsl
//! Agrees   twins: tolerance::REDUCTION

use super::{Example, Op, check};
use crate::compute::real::{Real, dot};
use crate::compute::{ComputeError, DType, Tensor, tolerance};
use crate::rng::Rng;

#[derive(Clone, Debug, PartialEq)]
pub struct SumSquares {
    pub first: usize,
    pub parts: usize,
}

impl SumSquares {
    pub fn check(&self, inputs: &[&Tensor], outputs: &[&Tensor]) -> Result<(), ComputeError> {
        const OP: &str = "sum_squares";
        check::count(OP, inputs, &[1])?;
        check::count(OP, outputs, &[1])?;
        check::f32s(OP, inputs[0])?;
        check::f32s(OP, outputs[0])?;
        let end = self.first + self.parts;
        check::that(OP, outputs[0], end <= outputs[0].elements(), &format!("at least {end} elements"))
    }

    /// Elements of a stretch.
    pub fn stretch(&self, x: &Tensor) -> usize {
        x.elements().div_ceil(self.parts.max(1)).max(1)
    }
}

pub fn forward<R: Real>(op: &SumSquares, x: &[R], stretch: usize, out: &mut [R]) {
    let out = &mut out[op.first..][..op.parts];
    out.fill(R::ZERO);
    for (x, out) in x.chunks(stretch).zip(out) {
        *out = dot(x, x);
    }
}

pub fn examples(rng: &mut Rng) -> Vec<Example> {
    let mut examples = Vec::new();
    for (n, c, first, parts, extra) in [(1, 1, 0, 1, 0), (37, 96, 3, 16, 2), (3, 2, 0, 8, 0), (130, 71, 64, 64, 0)] {
        let x = check::random("x", &[n, c], DType::F32, rng);
        let out = check::random("out", &[first + parts + extra], DType::F32, rng);
        examples.push(Example {
            op: Op::SumSquares(SumSquares { first, parts }),
            inputs: vec![x.0.clone()],
            outputs: vec![out.0.clone()],
            contents: vec![x, out],
            tolerance: tolerance::REDUCTION,
        });
    }
    examples
}
