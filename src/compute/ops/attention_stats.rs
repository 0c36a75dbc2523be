//! What the softmax of each query divides by: with it, any single weight can be had again without its row.
//!
//! stats[b·T+t, h] = (m, Σ_j exp(s_j − m)), m = max_j s_j, s_j = cap(scale · q·k_j), j over the keys that query t sees
//!
//! Shapes   as `attention_weights`: qkv: (B·T,S) · slots: (B) · k_own: (slots, capacity, KV) · k_prefix: (1, P, KV), may be
//!          left out · mask: (B, T, keys) U32, last, for `Mask::Given` · stats: (B·T, 2·NH) F32, maximum and sum of each head;
//!          0 and 0 for a query that sees nothing
//! Why      the pair and not its logarithm: exp(s − m) is exact near the maximum, while log Σ exp, near 100 as scores may
//!          be, is rounded to 4e-6, and so would every weight be
//! Limits   HS ≤ 256 on the GPU
//! Source   Milakov & Gimelshein 2018, "Online normalizer calculation for softmax"
//! Kernel   shaders/attention_stats.wgsl
//! Agrees   twins: tolerance::REDUCTION

use super::attention::{Attention, Case, Mask, Seen, cases, exponentials};
use super::{Example, Op, check};
use crate::compute::real::Real;
use crate::compute::{ComputeError, DType, Tensor, tolerance};
use crate::rng::Rng;

#[derive(Clone, Debug, PartialEq)]
pub struct AttentionStats {
    pub attention: Attention,
}

impl AttentionStats {
    pub fn check(&self, inputs: &[&Tensor], outputs: &[&Tensor]) -> Result<(), ComputeError> {
        const OP: &str = "attention_stats";
        let op = &self.attention;
        let masks = usize::from(op.mask == Mask::Given);
        check::count(OP, inputs, &[3 + masks, 4 + masks])?;
        check::count(OP, outputs, &[1])?;
        let (caches, mask) = inputs[2..].split_at(inputs.len() - 2 - masks);
        op.check_queries(OP, inputs[0], inputs[1], mask.first().copied())?;
        op.check_caches(OP, &caches[..1], &caches[1..])?;
        check::f32s(OP, outputs[0])?;
        check::shape(OP, outputs[0], &[inputs[0].rows(), 2 * op.n_heads])
    }
}

/// One query; `stats` has its heads. `weights` is working memory.
pub fn forward_row<R: Real>(op: &Attention, seen: &Seen<'_, R>, weights: &mut Vec<R>, stats: &mut [R]) {
    for (head, stats) in stats.chunks_exact_mut(2).enumerate() {
        (stats[0], stats[1]) = exponentials(op, seen, head, weights);
    }
}

pub fn examples(rng: &mut Rng) -> Vec<Example> {
    cases(rng)
        .into_iter()
        .map(|Case { op, contents, rows }| Example {
            outputs: vec![Tensor::new("stats", &[rows * op.tokens, 2 * op.n_heads], DType::F32)],
            op: Op::AttentionStats(AttentionStats { attention: op }),
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
