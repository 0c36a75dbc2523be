//! One step of AdamW: Adam with decoupled weight decay, in place on a parameter and its two moments.
//!
//! g = gradient_scale · gradient; parameter ← (1 − lr·λ) parameter
//! m ← β₁ m + (1 − β₁) g; v ← β₂ v + (1 − β₂) g²
//! parameter ← parameter − lr/(1 − β₁ᵗ) · m / (√v / √(1 − β₂ᵗ) + ε)
//!
//! Shapes   gradient, parameter, m, v: any, equal, F32; the last three change in place
//! Order    of operations as torch.optim.AdamW's; factors are made in f64 and rounded once
//! Source   Loshchilov & Hutter 2019, "Decoupled Weight Decay Regularization"
//! Kernel   shaders/adamw.wgsl
//! Agrees   twins: tolerance::ELEMENTWISE

use super::{Example, Op, check};
use crate::compute::real::Real;
use crate::compute::{ComputeError, DType, Tensor, tolerance::Tolerance};
use crate::rng::Rng;

#[derive(Clone, Debug, PartialEq)]
pub struct AdamW {
    pub learning_rate: f64,
    pub beta1: f64,
    pub beta2: f64,
    pub eps: f64,
    pub weight_decay: f64,
    /// Counted from 1.
    pub step: u64,
    /// What clipping by the global norm multiplies every gradient with; 1 without.
    pub gradient_scale: f64,
}

/// The numbers that elements meet.
#[derive(Clone, Copy, Debug)]
pub struct Factors {
    pub decay: f64,
    pub one_minus_beta1: f64,
    pub beta2: f64,
    pub one_minus_beta2: f64,
    pub step_size: f64,
    pub root_bias_correction: f64,
    pub eps: f64,
    pub gradient_scale: f64,
}

impl AdamW {
    pub fn check(&self, inputs: &[&Tensor], outputs: &[&Tensor]) -> Result<(), ComputeError> {
        const OP: &str = "adamw";
        check::count(OP, inputs, &[1])?;
        check::count(OP, outputs, &[3])?;
        check::f32s(OP, inputs[0])?;
        check::that(OP, inputs[0], self.step > 0, "a step counted from 1")?;
        for tensor in outputs {
            check::f32s(OP, tensor)?;
            check::shape(OP, tensor, inputs[0].shape())?;
        }
        Ok(())
    }

    pub fn factors(&self) -> Factors {
        let correction = |beta: f64| 1.0 - beta.powf(self.step as f64);
        Factors {
            decay: 1.0 - self.learning_rate * self.weight_decay,
            one_minus_beta1: 1.0 - self.beta1,
            beta2: self.beta2,
            one_minus_beta2: 1.0 - self.beta2,
            step_size: self.learning_rate / correction(self.beta1),
            root_bias_correction: correction(self.beta2).sqrt(),
            eps: self.eps,
            gradient_scale: self.gradient_scale,
        }
    }
}

pub fn forward<R: Real>(op: &AdamW, gradient: &[R], parameter: &mut [R], m: &mut [R], v: &mut [R]) {
    let f = op.factors();
    let r = R::from_f64;
    for i in 0..gradient.len() {
        let g = r(f.gradient_scale) * gradient[i];
        let decayed = r(f.decay) * parameter[i];
        m[i] = m[i] + r(f.one_minus_beta1) * (g - m[i]);
        v[i] = r(f.beta2) * v[i] + r(f.one_minus_beta2) * g * g;
        let denominator = v[i].sqrt() / r(f.root_bias_correction) + r(f.eps);
        parameter[i] = decayed - r(f.step_size) * (m[i] / denominator);
    }
}

pub fn examples(rng: &mut Rng) -> Vec<Example> {
    let mut examples = Vec::new();
    for (n, c, step, weight_decay, gradient_scale) in
        [(1, 1, 1, 0.0, 1.0), (37, 65, 3, 0.1, 0.25), (2, 300, 400, 0.05, 1.0)]
    {
        let gradient = check::random("gradient", &[n, c], DType::F32, rng);
        let parameter = check::random("parameter", &[n, c], DType::F32, rng);
        let m = check::random("m", &[n, c], DType::F32, rng);
        let (v, bytes) = check::random("v", &[n, c], DType::F32, rng);
        // Second moments are not negative.
        let squares: Vec<f32> = bytemuck::pod_collect_to_vec::<u8, f32>(&bytes).iter().map(|v| v * v + 0.01).collect();
        let v = (v, bytemuck::cast_slice(&squares).to_vec());
        examples.push(Example {
            op: Op::AdamW(AdamW {
                learning_rate: 1e-2,
                beta1: 0.9,
                beta2: 0.98,
                eps: 1e-8,
                weight_decay,
                step,
                gradient_scale,
            }),
            inputs: vec![gradient.0.clone()],
            outputs: vec![parameter.0.clone(), m.0.clone(), v.0.clone()],
            contents: vec![gradient, parameter, m, v],
            tolerance: Tolerance::new(2e-6, 1e-5),
        });
    }
    examples
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Oracle: closed form. After bias correction the first step is lr in the direction of the sign, whatever the size.
    #[test]
    fn the_first_step_has_the_size_of_the_learning_rate() {
        let op = AdamW {
            learning_rate: 0.1,
            beta1: 0.9,
            beta2: 0.999,
            eps: 0.0,
            weight_decay: 0.5,
            step: 1,
            gradient_scale: 2.0,
        };
        let (mut parameter, mut m, mut v) = ([1.0f64, 1.0], [0.0; 2], [0.0; 2]);
        forward(&op, &[3.0, -0.25], &mut parameter, &mut m, &mut v);
        // 1 · (1 − 0.1 · 0.5) ∓ 0.1
        assert!((parameter[0] - 0.85).abs() <= 1e-12 && (parameter[1] - 1.05).abs() <= 1e-12, "{parameter:?}");
    }
}
