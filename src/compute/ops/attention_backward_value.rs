//! Backward of [`attention`](super::attention) with respect to the values.
//!
//! dv_j (+)= Σ_{heads of the group} Σ_{t that sees j} p_tj dout_t, p from the stats
//!
//! Shapes   qkv: (B·T,S) F32 · slots: (B) U32 · k_own, v_own, dv: (slots, capacity, KV) F32 · dout: (B·T, NH·HS)
//!          · stats: (B·T, 2·NH) from [`attention_backward_query`](super::attention_backward_query) · mask: as there
//! Order    heads, then tokens, ascending, on both devices
//! Limits   no shared prefix; HS ≤ 256 on the GPU; values that no row of the pass sees get 0
//! Kernel   shaders/attention_backward_value.wgsl
//! Agrees   twins: tolerance::REDUCTION scaled by the number of tokens

use super::attention::Attention;
use super::attention_backward_key::{OwnRows, check_tensors, seers};
use super::attention_backward_query::{Case, cases, score};
use super::{Example, Op, check};
use crate::compute::real::Real;
use crate::compute::{ComputeError, DType, Tensor, tolerance::Tolerance};
use crate::rng::Rng;

#[derive(Clone, Debug, PartialEq)]
pub struct AttentionBackwardValue {
    pub forward: Attention,
    pub accumulate: bool,
}

impl AttentionBackwardValue {
    pub fn check(&self, inputs: &[&Tensor], outputs: &[&Tensor]) -> Result<(), ComputeError> {
        check_tensors("attention_backward_value", &self.forward, inputs, outputs)
    }
}

/// One value of a slot, all its heads; `k` is (KV).
pub fn backward_value<R: Real>(op: &AttentionBackwardValue, j: usize, rows: &OwnRows<'_, R>, k: &[R], dv: &mut [R]) {
    let Attention { n_heads, n_kv_heads, head_size: size, .. } = op.forward;
    for head in 0..n_heads {
        let offset = head / (n_heads / n_kv_heads) * size;
        let (k, dv) = (&k[offset..][..size], &mut dv[offset..][..size]);
        for t in seers(&op.forward, j).filter(|&t| rows.sees(&op.forward, t, j)) {
            let q = &rows.qkv[t * rows.columns + head * size..][..size];
            let (score, _) = score(&op.forward, q, k);
            let weight = (score - rows.stats[2 * (t * n_heads + head)]).exp();
            for (dv, &dout) in dv.iter_mut().zip(&rows.dout[(t * n_heads + head) * size..][..size]) {
                *dv += weight * dout;
            }
        }
    }
}

pub fn examples(rng: &mut Rng) -> Vec<Example> {
    cases(rng)
        .into_iter()
        .enumerate()
        .map(|(i, case)| {
            let Case { forward, qkv, slots, k, v, dout, stats, mask } = case;
            let dv = check::random("dv", v.0.shape(), DType::F32, rng);
            let outputs = vec![dv.0.clone()];
            let mut contents = vec![qkv, slots, k, v, dout, stats];
            contents.extend(mask);
            let tokens = forward.tokens as f32;
            Example {
                op: Op::AttentionBackwardValue(AttentionBackwardValue { forward, accumulate: i % 2 == 1 }),
                inputs: contents.iter().map(|(tensor, _)| tensor.clone()).collect(),
                outputs,
                contents: contents.into_iter().chain([dv]).collect(),
                tolerance: Tolerance::new(1e-5 * tokens.sqrt().max(2.0), 1e-4),
            }
        })
        .collect()
}
