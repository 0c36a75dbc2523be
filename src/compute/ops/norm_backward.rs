//! Backward of [`layernorm`](super::layernorm) and [`rmsnorm`](super::rmsnorm) with respect to their input.
//!
//! With r = 1 / sqrt(var + eps), x̂ = (x − mean)·r and g = (weight_offset + weight) · dout, over each group by itself:
//! dx[n,c] (+)= r · (g − mean_c(g) − x̂ · mean_c(g·x̂)); without centring the mean of x and the mean of g are left out
//!
//! Shapes   x, dout, dx: (N,S) F32, `groups` groups of C channels from `first_column` on; other columns of dx stay
//!          · weight: (C), shared by the groups, or (groups,C), in stored type · stats: (N, 2·groups) F32, mean and r of
//!          each group, for [`norm_weight_backward`](super::norm_weight_backward)
//! Dtype    sums in f32, in the order of the forward
//! Kernel   shaders/norm_backward.wgsl
//! Agrees   twins: tolerance::REDUCTION

use super::{Example, Op, check};
use crate::compute::real::Real;
use crate::compute::{ComputeError, DType, Tensor, tolerance::Tolerance};
use crate::rng::Rng;

#[derive(Clone, Debug, PartialEq)]
pub struct NormBackward {
    /// The mean is subtracted: layer normalisation. Otherwise root-mean-square normalisation.
    pub centred: bool,
    pub eps: f32,
    pub weight_offset: f32,
    pub first_column: usize,
    pub groups: usize,
    pub accumulate: bool,
}

impl NormBackward {
    pub fn check(&self, inputs: &[&Tensor], outputs: &[&Tensor]) -> Result<(), ComputeError> {
        const OP: &str = "norm_backward";
        check::count(OP, inputs, &[3])?;
        check::count(OP, outputs, &[2])?;
        let (x, weight, dout, dx, stats) = (inputs[0], inputs[1], inputs[2], outputs[0], outputs[1]);
        for tensor in [x, dout, dx, stats] {
            check::f32s(OP, tensor)?;
        }
        check::floats(OP, weight)?;
        let channels = weight.columns();
        let (shared, own) = (weight.shape() == [channels], weight.shape() == [self.groups, channels]);
        check::that(OP, weight, shared || own, &format!("one row of channels, or {}", self.groups))?;
        let end = self.first_column + self.groups * channels;
        check::that(OP, x, end <= x.columns(), &format!("at least {end} columns"))?;
        check::shape(OP, dout, x.shape())?;
        check::shape(OP, dx, x.shape())?;
        check::shape(OP, stats, &[x.rows(), 2 * self.groups])
    }
}

/// One row. `stats` are mean (0 without centring) and scale r of each group of `channels`.
pub fn backward<R: Real>(
    op: &NormBackward,
    x: &[R],
    weight: &[R],
    dout: &[R],
    channels: usize,
    dx: &mut [R],
    stats: &mut [R],
) {
    let n = R::from_f64(channels as f64);
    let offset = R::from_f32(op.weight_offset);
    for (group, stats) in stats.chunks_exact_mut(2).enumerate() {
        let start = op.first_column + group * channels;
        let weight = if weight.len() > channels { &weight[group * channels..] } else { weight };
        let (x, dout, dx) = (&x[start..][..channels], &dout[start..][..channels], &mut dx[start..][..channels]);
        let mean = if op.centred { x.iter().copied().sum::<R>() / n } else { R::ZERO };
        let variance = x.iter().map(|&x| (x - mean) * (x - mean)).sum::<R>() / n;
        let scale = R::ONE / (variance + R::from_f32(op.eps)).sqrt();
        let (mut mean_g, mut mean_gx) = (R::ZERO, R::ZERO);
        for c in 0..channels {
            let g = (offset + weight[c]) * dout[c];
            mean_g += g;
            mean_gx += g * ((x[c] - mean) * scale);
        }
        mean_g = if op.centred { mean_g / n } else { R::ZERO };
        mean_gx = mean_gx / n;
        for c in 0..channels {
            let value = scale * ((offset + weight[c]) * dout[c] - mean_g - (x[c] - mean) * scale * mean_gx);
            dx[c] = if op.accumulate { dx[c] + value } else { value };
        }
        stats.copy_from_slice(&[mean, scale]);
    }
}

pub fn examples(rng: &mut Rng) -> Vec<Example> {
    let mut examples = Vec::new();
    for (n, columns, weight_shape, dtype, centred, weight_offset, first_column, groups, accumulate) in [
        (1, 2, vec![2], DType::F32, true, 0.0, 0, 1, false),
        (3, 64, vec![64], DType::F16, true, 0.0, 0, 1, true),
        (7, 131, vec![131], DType::BF16, false, 1.0, 0, 1, false),
        (65, 300, vec![300], DType::F32, false, 0.0, 0, 1, true),
        (33, 300, vec![300], DType::F32, true, 0.0, 0, 1, false),
        (5, 50, vec![8], DType::F16, false, 1.0, 5, 4, true),
        (9, 70, vec![3, 16], DType::F32, true, 0.0, 13, 3, true),
    ] {
        let x = check::random("x", &[n, columns], DType::F32, rng);
        let weight = check::random("weight", &weight_shape, dtype, rng);
        let dout = check::random("dout", &[n, columns], DType::F32, rng);
        let dx = check::random("dx", &[n, columns], DType::F32, rng);
        examples.push(Example {
            op: Op::NormBackward(NormBackward { centred, eps: 1e-5, weight_offset, first_column, groups, accumulate }),
            inputs: vec![x.0.clone(), weight.0.clone(), dout.0.clone()],
            outputs: vec![dx.0.clone(), Tensor::new("stats", &[n, 2 * groups], DType::F32)],
            contents: vec![x, weight, dout, dx],
            // Where two channels are all but alike r is large, and what should cancel leaves a few of its roundings.
            tolerance: Tolerance::new(2e-4, 1e-4),
        });
    }
    examples
}
