//! Layer normalisation, of whole rows or of groups of columns.
//!
//! out[n,c] = weight[c] · (x[n,c] − mean_c(x)) / sqrt(var_c(x) + eps) + bias[c], mean and variance over each group by itself
//!
//! Shapes   x, out: (N,S) F32, groups of C channels as in `rmsnorm` · weight: (C), shared by the groups, or (groups,C)
//!          · bias: like weight, may be left out
//! Dtype    mean and variance (biased, two passes) accumulate in f32
//! Source   Ba, Kiros & Hinton 2016, "Layer Normalization"
//! Kernel   shaders/layernorm.wgsl
//! Agrees   twins: tolerance::REDUCTION, C ≤ a few thousand terms

use super::rmsnorm::Groups;
use super::{Example, Op, check};
use crate::compute::real::Real;
use crate::compute::{ComputeError, DType, Tensor, tolerance};
use crate::rng::Rng;

#[derive(Clone, Debug, PartialEq)]
pub struct LayerNorm {
    pub eps: f32,
    pub groups: Groups,
}

impl LayerNorm {
    /// Whole rows.
    pub fn rows(eps: f32) -> Self {
        LayerNorm { eps, groups: Groups::ROW }
    }

    pub fn check(&self, inputs: &[&Tensor], outputs: &[&Tensor]) -> Result<(), ComputeError> {
        const OP: &str = "layernorm";
        check::count(OP, inputs, &[2, 3])?;
        check::count(OP, outputs, &[1])?;
        self.groups.check(OP, inputs[0], inputs[1], outputs[0])?;
        if let Some(bias) = inputs.get(2) {
            check::floats(OP, bias)?;
            check::shape(OP, bias, inputs[1].shape())?;
        }
        Ok(())
    }
}

/// `columns` of a row of x, `channels` of a group. A weight longer than one group has a row for each.
pub fn forward<R: Real>(
    op: &LayerNorm,
    x: &[R],
    weight: &[R],
    bias: Option<&[R]>,
    columns: usize,
    channels: usize,
    out: &mut [R],
) {
    let n = R::from_f64(channels as f64);
    for (x, out) in x.chunks_exact(columns).zip(out.chunks_exact_mut(columns)) {
        for group in 0..op.groups.count {
            let start = op.groups.first_column + group * channels;
            let own = if weight.len() > channels { group * channels } else { 0 };
            let (x, out) = (&x[start..][..channels], &mut out[start..][..channels]);
            let mean = x.iter().copied().sum::<R>() / n;
            let variance = x.iter().map(|&value| (value - mean) * (value - mean)).sum::<R>() / n;
            let scale = R::ONE / (variance + R::from_f32(op.eps)).sqrt();
            for c in 0..channels {
                let shift = bias.map_or(R::ZERO, |bias| bias[own + c]);
                out[c] = weight[own + c] * ((x[c] - mean) * scale) + shift;
            }
        }
    }
}

pub fn examples(rng: &mut Rng) -> Vec<Example> {
    let mut examples = Vec::new();
    let row = Groups::ROW;
    for (n, columns, weight_shape, dtype, groups, biased) in [
        (1, 1, vec![1], DType::F32, row, true),
        (3, 64, vec![64], DType::F16, row, true),
        (7, 131, vec![131], DType::BF16, row, false),
        (65, 300, vec![300], DType::F32, row, true),
        (5, 50, vec![8], DType::F16, Groups { first_column: 5, count: 4 }, true),
        (9, 70, vec![3, 16], DType::F32, Groups { first_column: 13, count: 3 }, false),
    ] {
        let x = check::random("x", &[n, columns], DType::F32, rng);
        let weight = check::random("weight", &weight_shape, dtype, rng);
        let bias = check::random("bias", &weight_shape, dtype, rng);
        let out = check::random("out", &[n, columns], DType::F32, rng);
        let mut inputs = vec![x.0.clone(), weight.0.clone()];
        if biased {
            inputs.push(bias.0.clone());
        }
        examples.push(Example {
            op: Op::LayerNorm(LayerNorm { eps: 1e-5, groups }),
            inputs,
            outputs: vec![out.0.clone()],
            contents: vec![x, weight, bias, out],
            tolerance: tolerance::REDUCTION,
        });
    }
    examples
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Oracle: closed form. Mean 2, variance 2/3.
    #[test]
    fn three_numbers_by_hand() {
        let mut out = [0.0f32; 3];
        forward(&LayerNorm::rows(0.0), &[1.0, 2.0, 3.0], &[1.0, 1.0, 2.0], Some(&[0.0, 5.0, 0.0]), 3, 3, &mut out);
        let unit = 1.0 / (2.0f32 / 3.0).sqrt();
        for (got, expected) in out.iter().zip([-unit, 5.0, 2.0 * unit]) {
            assert!((got - expected).abs() <= 1e-6, "{got} is not {expected}");
        }
    }
}
