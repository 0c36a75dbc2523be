//! Root-mean-square normalisation, of whole rows or of groups of columns.
//!
//! out[n,c] (+)= (weight_offset + weight[c]) · x[n,c] / sqrt(mean_c(x²) + eps), the mean over each group by itself
//!
//! Shapes   x, out: (N,S) F32, `groups.count` groups of C channels from column `groups.first_column` on; other columns
//!          of `out` stay as they are · weight: (C), shared by the groups, or (groups,C)
//! Dtype    the sum of squares accumulates in f32
//! Why      groups normalise the heads of queries and keys where they stand; `accumulate` adds the residual behind a norm
//! Source   Zhang & Sennrich 2019, "Root Mean Square Layer Normalization"; `weight_offset` 1 is Gemma's
//! Kernel   shaders/rmsnorm.wgsl
//! Agrees   twins: tolerance::REDUCTION
//! Not done bias, partial normalisation (pRMSNorm)

use super::{Example, Op, check};
use crate::compute::real::Real;
use crate::compute::{ComputeError, DType, Tensor, tolerance};
use crate::rng::Rng;

/// Which columns of a row are normalised: `count` groups side by side, each by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Groups {
    pub first_column: usize,
    pub count: usize,
}

impl Groups {
    /// One group from the first column on: the whole row, where the weight is as long.
    pub const ROW: Groups = Groups { first_column: 0, count: 1 };

    /// `x` and `out` alike; `weight` shared or one row a group; the groups inside a row.
    pub fn check(self, op: &'static str, x: &Tensor, weight: &Tensor, out: &Tensor) -> Result<(), ComputeError> {
        check::f32s(op, x)?;
        check::f32s(op, out)?;
        check::shape(op, out, x.shape())?;
        check::floats(op, weight)?;
        let columns = weight.columns();
        check::that(
            op,
            weight,
            weight.shape() == [columns] || weight.shape() == [self.count, columns],
            &format!("one row of channels, or {}", self.count),
        )?;
        check::that(
            op,
            x,
            self.first_column + self.count * columns <= x.columns(),
            &format!("at least {} columns", self.first_column + self.count * columns),
        )
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct RmsNorm {
    pub eps: f32,
    /// Added to every weight: 1 where checkpoints store weight − 1.
    pub weight_offset: f32,
    pub groups: Groups,
    /// Add to what `out` holds.
    pub accumulate: bool,
}

impl RmsNorm {
    /// Whole rows, written, with the weights as they are.
    pub fn rows(eps: f32) -> Self {
        RmsNorm { eps, weight_offset: 0.0, groups: Groups::ROW, accumulate: false }
    }

    pub fn check(&self, inputs: &[&Tensor], outputs: &[&Tensor]) -> Result<(), ComputeError> {
        const OP: &str = "rmsnorm";
        check::count(OP, inputs, &[2])?;
        check::count(OP, outputs, &[1])?;
        self.groups.check(OP, inputs[0], inputs[1], outputs[0])
    }
}

/// `columns` of a row of x, `channels` of a group. A weight longer than one group has a row for each.
pub fn forward<R: Real>(op: &RmsNorm, x: &[R], weight: &[R], columns: usize, channels: usize, out: &mut [R]) {
    let (n, offset) = (R::from_f64(channels as f64), R::from_f32(op.weight_offset));
    for (x, out) in x.chunks_exact(columns).zip(out.chunks_exact_mut(columns)) {
        for group in 0..op.groups.count {
            let start = op.groups.first_column + group * channels;
            let weight = if weight.len() > channels { &weight[group * channels..] } else { weight };
            let (x, out) = (&x[start..][..channels], &mut out[start..][..channels]);
            let mean_square = x.iter().map(|&value| value * value).sum::<R>() / n;
            let scale = R::ONE / (mean_square + R::from_f32(op.eps)).sqrt();
            for c in 0..channels {
                let value = (offset + weight[c]) * (x[c] * scale);
                out[c] = if op.accumulate { out[c] + value } else { value };
            }
        }
    }
}

pub fn examples(rng: &mut Rng) -> Vec<Example> {
    let mut examples = Vec::new();
    let row = Groups::ROW;
    for (n, columns, weight_shape, dtype, weight_offset, groups, accumulate) in [
        (1, 1, vec![1], DType::F32, 0.0, row, false),
        (3, 64, vec![64], DType::F16, 0.0, row, false),
        (7, 131, vec![131], DType::BF16, 1.0, row, true),
        (65, 300, vec![300], DType::F32, 0.0, row, false),
        (5, 50, vec![8], DType::F16, 0.0, Groups { first_column: 0, count: 4 }, false),
        (9, 70, vec![3, 16], DType::F32, 1.0, Groups { first_column: 13, count: 3 }, false),
        (4, 40, vec![20], DType::BF16, 0.0, Groups { first_column: 20, count: 1 }, true),
    ] {
        let x = check::random("x", &[n, columns], DType::F32, rng);
        let weight = check::random("weight", &weight_shape, dtype, rng);
        let out = check::random("out", &[n, columns], DType::F32, rng);
        examples.push(Example {
            op: Op::RmsNorm(RmsNorm { eps: 1e-5, weight_offset, groups, accumulate }),
            inputs: vec![x.0.clone(), weight.0.clone()],
            outputs: vec![out.0.clone()],
            contents: vec![x, weight, out],
            tolerance: tolerance::REDUCTION,
        });
    }
    examples
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Oracle: closed form. The mean square of (3, 4) is 12.5.
    #[test]
    fn three_and_four_by_hand() {
        let mut out = [0.0f32; 2];
        forward(&RmsNorm::rows(0.0), &[3.0, 4.0], &[1.0, 2.0], 2, 2, &mut out);
        assert!((out[0] - 3.0 / 12.5f32.sqrt()).abs() <= 1e-6);
        assert!((out[1] - 8.0 / 12.5f32.sqrt()).abs() <= 1e-6);
    }

    /// Oracle: closed form. Two groups, each with its own mean square; the column before them stays.
    #[test]
    fn groups_by_hand() {
        let op =
            RmsNorm { eps: 0.0, weight_offset: 1.0, groups: Groups { first_column: 1, count: 2 }, accumulate: true };
        let mut out = [7.0f32, 1.0, 1.0, 1.0, 1.0];
        forward(&op, &[9.0, 3.0, 4.0, 2.0, 2.0], &[0.0, 1.0, -1.0, 0.0], 5, 2, &mut out);
        let root = 12.5f32.sqrt();
        for (got, expected) in out.iter().zip([7.0, 1.0 + 3.0 / root, 1.0 + 8.0 / root, 1.0, 2.0]) {
            assert!((got - expected).abs() <= 1e-6, "{got} is not {expected}");
        }
    }
}
