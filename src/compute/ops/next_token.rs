//! What one position says about the next token: p(target), argmax and entropy from the same logits.
//!
//! stats[b] = (log p(target), log p(argmax), entropy in nats) · argmax[b] = the smallest id with the largest logit
//!
//! Shapes   logits: (B,V) F32 · targets: (B) U32 · stats: (B,3) F32 · argmax: (B) U32
//! Dtype    log-sum-exp in f32 with the maximum subtracted; entropy = log Z − Σ p·(logit − max)
//! Limits   a target outside the vocabulary gives log p = −3.0e38
//! Kernel   shaders/next_token.wgsl
//! Agrees   twins: tolerance::REDUCTION; argmax exact

use super::{Example, Op, check};
use crate::compute::cpu::functions::{exp, total};
use crate::compute::{ComputeError, DType, Tensor, tolerance::Tolerance};
use crate::rng::Rng;

/// Stands for minus infinity, which WGSL cannot write down.
pub const LOG_ZERO: f32 = -3.0e38;

#[derive(Clone, Debug, PartialEq)]
pub struct NextToken;

impl NextToken {
    pub fn check(&self, inputs: &[&Tensor], outputs: &[&Tensor]) -> Result<(), ComputeError> {
        const OP: &str = "next_token";
        check::count(OP, inputs, &[2])?;
        check::count(OP, outputs, &[2])?;
        let (logits, targets, stats, argmax) = (inputs[0], inputs[1], outputs[0], outputs[1]);
        check::rank(OP, logits, 2)?;
        check::f32s(OP, logits)?;
        check::u32s(OP, targets)?;
        check::shape(OP, targets, &[logits.rows()])?;
        check::f32s(OP, stats)?;
        check::shape(OP, stats, &[logits.rows(), 3])?;
        check::u32s(OP, argmax)?;
        check::shape(OP, argmax, &[logits.rows()])
    }
}

pub fn forward(logits: &[f32], vocabulary: usize, targets: &[u32], stats: &mut [f32], argmax: &mut [u32]) {
    for (b, logits) in logits.chunks_exact(vocabulary).enumerate() {
        let mut best = 0;
        for (id, logit) in logits.iter().enumerate() {
            // NaN never wins, and the smallest id wins a tie.
            if *logit > logits[best] || logits[best].is_nan() {
                best = id;
            }
        }
        let max = logits[best];
        let (mut sums, mut weighted) = ([0.0f32; 8], [0.0f32; 8]);
        let (eights, rest) = logits.as_chunks::<8>();
        for eight in eights {
            for i in 0..8 {
                let exp = exp(eight[i] - max);
                sums[i] += exp;
                weighted[i] += exp * (eight[i] - max);
            }
        }
        for (i, &logit) in rest.iter().enumerate() {
            let exp = exp(logit - max);
            sums[i] += exp;
            weighted[i] += exp * (logit - max);
        }
        let (sum, weighted) = (total(sums), total(weighted));
        let log_z = sum.ln();
        let target = targets[b] as usize;
        stats[3 * b] = if target < vocabulary { logits[target] - max - log_z } else { LOG_ZERO };
        stats[3 * b + 1] = -log_z;
        stats[3 * b + 2] = log_z - weighted / sum;
        argmax[b] = best as u32;
    }
}

pub fn examples(rng: &mut Rng) -> Vec<Example> {
    let mut examples = Vec::new();
    for (b, v) in [(1, 1), (3, 64), (7, 1000), (66, 131)] {
        let (logits, mut bytes) = check::random("logits", &[b, v], DType::F32, rng);
        if v > 2 {
            // A tie for the maximum in row 0: the smaller id must win on both devices.
            for at in [1, v - 1] {
                bytes[4 * at..4 * at + 4].copy_from_slice(&9.0f32.to_le_bytes());
            }
        }
        let targets: Vec<u32> = (0..b).map(|_| rng.below(v as u32)).collect();
        let targets = check::indices("targets", &targets);
        examples.push(Example {
            op: Op::NextToken(NextToken),
            inputs: vec![logits.clone(), targets.0.clone()],
            outputs: vec![Tensor::new("stats", &[b, 3], DType::F32), Tensor::new("argmax", &[b], DType::U32)],
            contents: vec![(logits, bytes), targets],
            tolerance: Tolerance::new(1e-5, 1e-5),
        });
    }
    examples
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Oracle: closed form. Two equal logits share p = ½ each, entropy ln 2.
    #[test]
    fn two_equal_logits() {
        let (mut stats, mut argmax) = ([0.0; 3], [9]);
        forward(&[5.0, 5.0], 2, &[1], &mut stats, &mut argmax);
        let half = -std::f32::consts::LN_2;
        assert!((stats[0] - half).abs() <= 1e-6 && (stats[1] - half).abs() <= 1e-6 && (stats[2] + half).abs() <= 1e-6);
        assert_eq!(argmax, [0]);
    }
}
