//! The attention maps: how much each query attends to each key.
//!
//! out[b, h, t, j] = softmax_j(cap(scale · q·k_j)) over the keys that query t sees, 0 for the others
//!
//! Shapes   as `attention`, without the values: qkv: (B·T,S) · slots: (B) · k_own: (slots, capacity, KV) · k_prefix: (1, P, KV),
//!          may be left out · mask: (B, T, keys) U32, last, for `Mask::Given` · out: (B, NH, T, keys) F32
//! Why      `attention` keeps no weights; whoever wants to look at them asks for this op beside it
//! Kernel   shaders/attention_weights.wgsl
//! Agrees   twins: tolerance::REDUCTION

use super::attention::{Attention, Case, Mask, Seen, cases, softmax_weights};
use super::{Example, Op, check};
use crate::compute::real::Real;
use crate::compute::{ComputeError, DType, Tensor, tolerance};
use crate::rng::Rng;

#[derive(Clone, Debug, PartialEq)]
pub struct AttentionWeights {
    pub attention: Attention,
}

impl AttentionWeights {
    pub fn check(&self, inputs: &[&Tensor], outputs: &[&Tensor]) -> Result<(), ComputeError> {
        const OP: &str = "attention_weights";
        let op = &self.attention;
        let masks = usize::from(op.mask == Mask::Given);
        check::count(OP, inputs, &[3 + masks, 4 + masks])?;
        check::count(OP, outputs, &[1])?;
        let (caches, mask) = inputs[2..].split_at(inputs.len() - 2 - masks);
        op.check_queries(OP, inputs[0], inputs[1], mask.first().copied())?;
        op.check_caches(OP, &caches[..1], &caches[1..])?;
        check::f32s(OP, outputs[0])?;
        check::shape(OP, outputs[0], &[inputs[1].elements(), op.n_heads, op.tokens, op.n_keys()])
    }
}

/// One head of one query; `out` has all keys.
pub fn forward_row<R: Real>(op: &Attention, seen: &Seen<'_, R>, head: usize, weights: &mut Vec<R>, out: &mut [R]) {
    softmax_weights(op, seen, head, weights);
    out.fill(R::ZERO);
    out[op.span(seen.t)].copy_from_slice(weights);
}

pub fn examples(rng: &mut Rng) -> Vec<Example> {
    cases(rng)
        .into_iter()
        .map(|Case { op, contents, rows }| Example {
            outputs: vec![Tensor::new("out", &[rows, op.n_heads, op.tokens, op.n_keys()], DType::F32)],
            op: Op::AttentionWeights(AttentionWeights { attention: op }),
            inputs: contents
                .iter()
                .map(|(tensor, _)| tensor.clone())
                .filter(|tensor| !tensor.label().starts_with("v_"))
                .collect(),
            contents,
            tolerance: tolerance::REDUCTION,
        })
        .collect()
}
