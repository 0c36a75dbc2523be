//! Layer normalisation.
//!
//! out[n,c] = weight[c] · (x[n,c] − mean_c(x)) / sqrt(var_c(x) + eps) + bias[c]
//!
//! Shapes   x, out: (N,C) F32 · weight: (C) · bias: (C), may be left out
//! Dtype    mean and variance (biased, two passes) accumulate in f32
//! Source   Ba, Kiros & Hinton 2016, "Layer Normalization"
//! Kernel   shaders/layernorm.wgsl
//! Agrees   twins: tolerance::REDUCTION, C ≤ a few thousand terms

use super::{Example, Op, check};
use crate::compute::cpu::Weights;
use crate::compute::{ComputeError, DType, Tensor, tolerance};
use crate::rng::Rng;

#[derive(Clone, Debug, PartialEq)]
pub struct LayerNorm {
    pub eps: f32,
}

impl LayerNorm {
    pub fn check(&self, inputs: &[&Tensor], outputs: &[&Tensor]) -> Result<(), ComputeError> {
        const OP: &str = "layernorm";
        check::count(OP, inputs, &[2, 3])?;
        check::count(OP, outputs, &[1])?;
        check::f32s(OP, inputs[0])?;
        check::f32s(OP, outputs[0])?;
        check::shape(OP, outputs[0], inputs[0].shape())?;
        for weight in &inputs[1..] {
            check::floats(OP, weight)?;
            check::shape(OP, weight, &[inputs[0].columns()])?;
        }
        Ok(())
    }
}

pub fn forward(op: &LayerNorm, x: &[f32], weight: Weights<'_>, bias: Option<Weights<'_>>, out: &mut [f32]) {
    let columns = weight.len();
    let weight = weight.to_f32();
    let bias = bias.map(|bias| bias.to_f32());
    for (x, out) in x.chunks_exact(columns).zip(out.chunks_exact_mut(columns)) {
        let mean = x.iter().sum::<f32>() / columns as f32;
        let variance = x.iter().map(|value| (value - mean) * (value - mean)).sum::<f32>() / columns as f32;
        let scale = 1.0 / (variance + op.eps).sqrt();
        for c in 0..columns {
            let shift = bias.as_ref().map_or(0.0, |bias| bias[c]);
            out[c] = weight[c] * ((x[c] - mean) * scale) + shift;
        }
    }
}

pub fn examples(rng: &mut Rng) -> Vec<Example> {
    let mut examples = Vec::new();
    for (n, c, dtype, biased) in
        [(1, 1, DType::F32, true), (3, 64, DType::F16, true), (7, 131, DType::BF16, false), (65, 300, DType::F32, true)]
    {
        let x = check::random("x", &[n, c], DType::F32, rng);
        let weight = check::random("weight", &[c], dtype, rng);
        let bias = check::random("bias", &[c], dtype, rng);
        let out = Tensor::new("out", &[n, c], DType::F32);
        let mut inputs = vec![x.0.clone(), weight.0.clone()];
        if biased {
            inputs.push(bias.0.clone());
        }
        examples.push(Example {
            op: Op::LayerNorm(LayerNorm { eps: 1e-5 }),
            inputs,
            outputs: vec![out],
            contents: vec![x, weight, bias],
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
        let mut out = [0.0; 3];
        let op = LayerNorm { eps: 0.0 };
        forward(&op, &[1.0, 2.0, 3.0], Weights::F32(&[1.0, 1.0, 2.0]), Some(Weights::F32(&[0.0, 5.0, 0.0])), &mut out);
        let unit = 1.0 / (2.0f32 / 3.0).sqrt();
        for (got, expected) in out.iter().zip([-unit, 5.0, 2.0 * unit]) {
            assert!((got - expected).abs() <= 1e-6, "{got} is not {expected}");
        }
    }
}
