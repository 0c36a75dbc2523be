//! Negative log-likelihood of a target under the softmax of its row, in nats.
//!
//! nll[n] = log Σ_v exp(logits[n,v]) − logits[n, targets[n]]
//!
//! Shapes   logits: (N,V) F32 · targets: (N) U32 · nll: (N) F32
//! Dtype    log-sum-exp in f32 with the maximum subtracted
//! Limits   a target outside the vocabulary, such as [`IGNORED`], gives 0 and no gradient
//! Why      rows are not averaged here: the weights of a mean are the gradient of `nll`, so a loss mask, a weighted mean
//!          and a batch that is gone through in parts all are the caller's seed, and exact
//! Kernel   shaders/cross_entropy.wgsl
//! Agrees   twins: tolerance::REDUCTION

use super::{Example, Op, check};
use crate::compute::real::Real;
use crate::compute::{ComputeError, DType, Tensor, tolerance};
use crate::rng::Rng;

/// A target that is no token: the row counts for nothing.
pub const IGNORED: u32 = u32::MAX;

#[derive(Clone, Debug, PartialEq)]
pub struct CrossEntropy;

impl CrossEntropy {
    pub fn check(&self, inputs: &[&Tensor], outputs: &[&Tensor]) -> Result<(), ComputeError> {
        const OP: &str = "cross_entropy";
        check::count(OP, inputs, &[2])?;
        check::count(OP, outputs, &[1])?;
        let (logits, targets, nll) = (inputs[0], inputs[1], outputs[0]);
        check::rank(OP, logits, 2)?;
        check::f32s(OP, logits)?;
        check::u32s(OP, targets)?;
        check::shape(OP, targets, &[logits.rows()])?;
        check::f32s(OP, nll)?;
        check::shape(OP, nll, &[logits.rows()])
    }
}

/// One row: log Σ exp, with the maximum subtracted.
pub fn log_sum_exp<R: Real>(logits: &[R]) -> R {
    let max = logits.iter().copied().fold(R::NEG_INFINITY, R::maximum);
    max + logits.iter().map(|&logit| (logit - max).exp()).sum::<R>().ln()
}

/// Rows from `start` on, as many as `nll` holds.
pub fn forward<R: Real>(logits: &[R], vocabulary: usize, targets: &[u32], start: usize, nll: &mut [R]) {
    for (i, nll) in nll.iter_mut().enumerate() {
        let logits = &logits[(start + i) * vocabulary..][..vocabulary];
        let target = targets[start + i] as usize;
        *nll = if target < vocabulary { log_sum_exp(logits) - logits[target] } else { R::ZERO };
    }
}

pub fn examples(rng: &mut Rng) -> Vec<Example> {
    let mut examples = Vec::new();
    for (n, v) in [(1, 1), (3, 64), (7, 1000), (66, 131)] {
        let logits = check::random("logits", &[n, v], DType::F32, rng);
        let targets = targets(n, v, rng);
        examples.push(Example {
            op: Op::CrossEntropy(CrossEntropy),
            inputs: vec![logits.0.clone(), targets.0.clone()],
            outputs: vec![Tensor::new("nll", &[n], DType::F32)],
            contents: vec![logits, targets],
            tolerance: tolerance::REDUCTION,
        });
    }
    examples
}

/// Random targets, the last of several ignored.
pub fn targets(n: usize, v: usize, rng: &mut Rng) -> (Tensor, Vec<u8>) {
    let mut targets: Vec<u32> = (0..n).map(|_| rng.below(v as u32)).collect();
    if n > 1 {
        targets[n - 1] = IGNORED;
    }
    check::indices("targets", &targets)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Oracle: closed form. Two equal logits: ln 2, and nothing for a target that is ignored.
    #[test]
    fn two_equal_logits() {
        let mut nll = [9.0f32; 2];
        forward(&[5.0, 5.0, 5.0, 5.0], 2, &[1, IGNORED], 0, &mut nll);
        assert!((nll[0] - std::f32::consts::LN_2).abs() <= 1e-6);
        assert_eq!(nll[1], 0.0);
    }
}
