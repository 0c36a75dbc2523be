//! Backward of [`layernorm`](super::layernorm) and [`rmsnorm`](super::rmsnorm) with respect to their weight.
//!
//! dweight[c] (+)= Σ_n Σ_groups dout[n,c] · (x[n,c] − mean) · r, mean and r from the stats; a weight with a row for each
//! group keeps the groups apart
//!
//! Shapes   x, dout: (N,S) F32, `groups` groups of C channels from `first_column` on · stats: (N, 2·groups) F32 from
//!          [`norm_backward`](super::norm_backward) · dweight: (C) or (groups,C) F32
//! Order    rows, then groups, ascending in the twin; the kernel adds eight interleaved parts in a fixed order
//! Kernel   shaders/norm_weight_backward.wgsl
//! Agrees   twins: tolerance::REDUCTION

use super::{Example, Op, check};
use crate::compute::real::Real;
use crate::compute::{ComputeError, DType, Tensor, tolerance::Tolerance};
use crate::rng::Rng;

#[derive(Clone, Debug, PartialEq)]
pub struct NormWeightBackward {
    pub first_column: usize,
    pub groups: usize,
    pub accumulate: bool,
}

impl NormWeightBackward {
    pub fn check(&self, inputs: &[&Tensor], outputs: &[&Tensor]) -> Result<(), ComputeError> {
        const OP: &str = "norm_weight_backward";
        check::count(OP, inputs, &[3])?;
        check::count(OP, outputs, &[1])?;
        let (x, stats, dout, dweight) = (inputs[0], inputs[1], inputs[2], outputs[0]);
        for tensor in [x, stats, dout, dweight] {
            check::f32s(OP, tensor)?;
        }
        check::shape(OP, stats, &[x.rows(), 2 * self.groups])?;
        check::shape(OP, dout, x.shape())?;
        let channels = dweight.columns();
        let (shared, own) = (dweight.shape() == [channels], dweight.shape() == [self.groups, channels]);
        check::that(OP, dweight, shared || own, &format!("one row of channels, or {}", self.groups))?;
        let end = self.first_column + self.groups * channels;
        check::that(OP, x, end <= x.columns(), &format!("at least {end} columns"))
    }
}

/// `columns` of a row of x, `channels` of a group.
pub fn backward<R: Real>(
    op: &NormWeightBackward,
    x: &[R],
    stats: &[R],
    dout: &[R],
    columns: usize,
    channels: usize,
    dweight: &mut [R],
) {
    if !op.accumulate {
        dweight.fill(R::ZERO);
    }
    let has_rows = dweight.len() > channels;
    let rows = x.chunks_exact(columns).zip(stats.chunks_exact(2 * op.groups)).zip(dout.chunks_exact(columns));
    for ((x, stats), dout) in rows {
        for group in 0..op.groups {
            let (start, own) = (op.first_column + group * channels, if has_rows { group * channels } else { 0 });
            for c in 0..channels {
                dweight[own + c] += dout[start + c] * ((x[start + c] - stats[2 * group]) * stats[2 * group + 1]);
            }
        }
    }
}

pub fn examples(rng: &mut Rng) -> Vec<Example> {
    let mut examples = Vec::new();
    for (n, columns, weight_shape, first_column, groups, accumulate) in [
        (1, 1, vec![1], 0, 1, false),
        (37, 64, vec![64], 0, 1, true),
        (130, 71, vec![71], 0, 1, false),
        (5, 50, vec![8], 5, 4, false),
        (9, 70, vec![3, 16], 13, 3, true),
    ] {
        let x = check::random("x", &[n, columns], DType::F32, rng);
        let stats = check::random("stats", &[n, 2 * groups], DType::F32, rng);
        let dout = check::random("dout", &[n, columns], DType::F32, rng);
        let dweight = check::random("dweight", &weight_shape, DType::F32, rng);
        examples.push(Example {
            op: Op::NormWeightBackward(NormWeightBackward { first_column, groups, accumulate }),
            inputs: vec![x.0.clone(), stats.0.clone(), dout.0.clone()],
            outputs: vec![dweight.0.clone()],
            contents: vec![x, stats, dout, dweight],
            // Products of three normals, a few of them of size twenty, summed over up to 130 rows.
            tolerance: Tolerance::new(1e-4, 1e-4),
        });
    }
    examples
}
