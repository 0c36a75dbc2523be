//! Root-mean-square normalisation.
//!
//! out[n,c] = weight[c] · x[n,c] / sqrt(mean_c(x²) + eps)
//!
//! Shapes   x, out: (N,C) F32 · weight: (C)
//! Dtype    the sum of squares accumulates in f32
//! Source   Zhang & Sennrich 2019, "Root Mean Square Layer Normalization"
//! Kernel   shaders/rmsnorm.wgsl
//! Agrees   twins: tolerance::REDUCTION
//! Not done bias, partial normalisation (pRMSNorm)

use super::{Example, Op, check};
use crate::compute::cpu::Weights;
use crate::compute::{ComputeError, DType, Tensor, tolerance};
use crate::rng::Rng;

#[derive(Clone, Debug, PartialEq)]
pub struct RmsNorm {
    pub eps: f32,
}

impl RmsNorm {
    pub fn check(&self, inputs: &[&Tensor], outputs: &[&Tensor]) -> Result<(), ComputeError> {
        const OP: &str = "rmsnorm";
        check::count(OP, inputs, &[2])?;
        check::count(OP, outputs, &[1])?;
        check::f32s(OP, inputs[0])?;
        check::f32s(OP, outputs[0])?;
        check::shape(OP, outputs[0], inputs[0].shape())?;
        check::floats(OP, inputs[1])?;
        check::shape(OP, inputs[1], &[inputs[0].columns()])
    }
}

pub fn forward(op: &RmsNorm, x: &[f32], weight: Weights<'_>, out: &mut [f32]) {
    let columns = weight.len();
    let weight = weight.to_f32();
    for (x, out) in x.chunks_exact(columns).zip(out.chunks_exact_mut(columns)) {
        let mean_square = x.iter().map(|value| value * value).sum::<f32>() / columns as f32;
        let scale = 1.0 / (mean_square + op.eps).sqrt();
        for c in 0..columns {
            out[c] = weight[c] * (x[c] * scale);
        }
    }
}

pub fn examples(rng: &mut Rng) -> Vec<Example> {
    let mut examples = Vec::new();
    for (n, c, dtype) in [(1, 1, DType::F32), (3, 64, DType::F16), (7, 131, DType::BF16), (65, 300, DType::F32)] {
        let x = check::random("x", &[n, c], DType::F32, rng);
        let weight = check::random("weight", &[c], dtype, rng);
        let out = Tensor::new("out", &[n, c], DType::F32);
        examples.push(Example {
            op: Op::RmsNorm(RmsNorm { eps: 1e-5 }),
            inputs: vec![x.0.clone(), weight.0.clone()],
            outputs: vec![out],
            contents: vec![x, weight],
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
        let mut out = [0.0; 2];
        forward(&RmsNorm { eps: 0.0 }, &[3.0, 4.0], Weights::F32(&[1.0, 2.0]), &mut out);
        assert!((out[0] - 3.0 / 12.5f32.sqrt()).abs() <= 1e-6);
        assert!((out[1] - 8.0 / 12.5f32.sqrt()).abs() <= 1e-6);
    }
}
