//! Backward of [`cross_entropy`](super::cross_entropy).
//!
//! dlogits[n,v] (+)= dnll[n] · (softmax(logits[n])[v] − [v = targets[n]]), and 0 where the target is ignored
//!
//! Shapes   logits, dlogits: (N,V) F32 · targets: (N) U32 · dnll: (N) F32
//! Kernel   shaders/cross_entropy_backward.wgsl
//! Agrees   twins: tolerance::REDUCTION

use super::cross_entropy::{log_sum_exp, targets};
use super::{Example, Op, check};
use crate::compute::real::Real;
use crate::compute::{ComputeError, DType, Tensor, tolerance};
use crate::rng::Rng;

#[derive(Clone, Debug, PartialEq)]
pub struct CrossEntropyBackward {
    pub accumulate: bool,
}

impl CrossEntropyBackward {
    pub fn check(&self, inputs: &[&Tensor], outputs: &[&Tensor]) -> Result<(), ComputeError> {
        const OP: &str = "cross_entropy_backward";
        check::count(OP, inputs, &[3])?;
        check::count(OP, outputs, &[1])?;
        let (logits, targets, dnll, dlogits) = (inputs[0], inputs[1], inputs[2], outputs[0]);
        check::rank(OP, logits, 2)?;
        check::u32s(OP, targets)?;
        for tensor in [logits, dnll, dlogits] {
            check::f32s(OP, tensor)?;
        }
        check::shape(OP, targets, &[logits.rows()])?;
        check::shape(OP, dnll, &[logits.rows()])?;
        check::shape(OP, dlogits, logits.shape())
    }
}

/// One row.
pub fn backward<R: Real>(op: &CrossEntropyBackward, logits: &[R], target: u32, dnll: R, dlogits: &mut [R]) {
    let target = target as usize;
    if target >= logits.len() {
        if !op.accumulate {
            dlogits.fill(R::ZERO);
        }
        return;
    }
    let log_z = log_sum_exp(logits);
    for (v, (&logit, dlogit)) in logits.iter().zip(dlogits).enumerate() {
        let hit = if v == target { R::ONE } else { R::ZERO };
        let value = dnll * ((logit - log_z).exp() - hit);
        *dlogit = if op.accumulate { *dlogit + value } else { value };
    }
}

pub fn examples(rng: &mut Rng) -> Vec<Example> {
    let mut examples = Vec::new();
    for (n, v, accumulate) in [(1, 1, false), (3, 64, false), (7, 1000, true), (66, 131, false)] {
        let logits = check::random("logits", &[n, v], DType::F32, rng);
        let targets = targets(n, v, rng);
        let dnll = check::random("dnll", &[n], DType::F32, rng);
        let dlogits = check::random("dlogits", &[n, v], DType::F32, rng);
        examples.push(Example {
            op: Op::CrossEntropyBackward(CrossEntropyBackward { accumulate }),
            inputs: vec![logits.0.clone(), targets.0.clone(), dnll.0.clone()],
            outputs: vec![dlogits.0.clone()],
            contents: vec![logits, targets, dnll, dlogits],
            tolerance: tolerance::REDUCTION,
        });
    }
    examples
}
