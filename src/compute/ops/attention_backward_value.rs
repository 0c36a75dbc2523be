//! Backward of [`attention`](super::attention) with respect to the values.
//!
//! dv_j (+)= Σ_{heads of the group} Σ_{t that sees j} p_tj dout_t, p from the stats
//!
//! Shapes   qkv: (B·T,S) F32 · slots: (B) U32 · k_own, v_own, dv: (slots, capacity, KV) F32 · dout: (B·T, NH·HS)
//!          · stats: (B·T, 2·NH) from [`attention_backward_query`](super::attention_backward_query)
//! Order    heads, then tokens, ascending, on both devices
//! Limits   no shared prefix; HS ≤ 256 on the GPU; values that no row of the pass sees get 0
//! Kernel   shaders/attention_backward_value.wgsl
//! Agrees   twins: tolerance::REDUCTION scaled by the number of tokens

use super::attention::Attention;
use super::attention_backward_query::{Case, cases};
use super::{Example, Op, attention_backward_key, check};
use crate::compute::real::{Real, dot};
use crate::compute::{ComputeError, DType, Tensor, tolerance::Tolerance};
use crate::rng::Rng;

#[derive(Clone, Debug, PartialEq)]
pub struct AttentionBackwardValue {
    pub forward: Attention,
    pub accumulate: bool,
}

impl AttentionBackwardValue {
    pub fn check(&self, inputs: &[&Tensor], outputs: &[&Tensor]) -> Result<(), ComputeError> {
        attention_backward_key::check_tensors("attention_backward_value", &self.forward, inputs, outputs)
    }
}

/// One value of a slot, all its heads. `qkv`, `dout` and `stats` are the T rows of the batch row that owns the slot.
pub fn backward_value<R: Real>(
    op: &AttentionBackwardValue,
    j: usize,
    qkv: &[R],
    columns: usize,
    k: &[R],
    dout: &[R],
    stats: &[R],
    dv: &mut [R],
) {
    let Attention { n_heads, n_kv_heads, head_size: size, tokens, start, .. } = op.forward;
    let scale = R::from_f32(op.forward.scale);
    for head in 0..n_heads {
        let offset = head / (n_heads / n_kv_heads) * size;
        let (k, dv) = (&k[offset..][..size], &mut dv[offset..][..size]);
        for t in j.saturating_sub(start)..tokens {
            let q = &qkv[t * columns + head * size..][..size];
            let weight = (scale * dot(q, k) - stats[2 * (t * n_heads + head)]).exp();
            for (dv, &dout) in dv.iter_mut().zip(&dout[(t * n_heads + head) * size..][..size]) {
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
            let Case { forward, qkv, slots, k, v, dout, stats } = case;
            let dv = check::random("dv", v.0.shape(), DType::F32, rng);
            let tokens = forward.tokens as f32;
            Example {
                op: Op::AttentionBackwardValue(AttentionBackwardValue { forward, accumulate: i % 2 == 1 }),
                inputs: [&qkv, &slots, &k, &v, &dout, &stats].map(|(tensor, _)| tensor.clone()).to_vec(),
                outputs: vec![dv.0.clone()],
                contents: vec![qkv, slots, k, v, dout, stats, dv],
                tolerance: Tolerance::new(1e-5 * tokens.sqrt().max(2.0), 1e-4),
            }
        })
        .collect()
}
