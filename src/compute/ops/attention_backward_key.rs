//! Backward of [`attention`](super::attention) with respect to the keys.
//!
//! dk_j (+)= scale · Σ_{heads of the group} Σ_{t that sees j} p_tj (dp_tj − δ_t) q_t, p and δ from the stats
//!
//! Shapes   qkv: (B·T,S) F32 · slots: (B) U32 · k_own, v_own, dk: (slots, capacity, KV) F32 · dout: (B·T, NH·HS)
//!          · stats: (B·T, 2·NH) from [`attention_backward_query`](super::attention_backward_query)
//! Order    heads, then tokens, ascending, on both devices
//! Limits   no shared prefix; HS ≤ 256 on the GPU; keys that no row of the pass sees get 0
//! Kernel   shaders/attention_backward_key.wgsl
//! Agrees   twins: tolerance::REDUCTION scaled by the number of tokens

use super::attention::Attention;
use super::attention_backward_query::{Case, cases};
use super::{Example, Op, check};
use crate::compute::real::{Real, dot};
use crate::compute::{ComputeError, DType, Tensor, tolerance::Tolerance};
use crate::rng::Rng;

#[derive(Clone, Debug, PartialEq)]
pub struct AttentionBackwardKey {
    pub forward: Attention,
    pub accumulate: bool,
}

impl AttentionBackwardKey {
    pub fn check(&self, inputs: &[&Tensor], outputs: &[&Tensor]) -> Result<(), ComputeError> {
        check_tensors("attention_backward_key", &self.forward, inputs, outputs)
    }
}

/// The tensors of the key's and of the value's backward are the same.
pub(super) fn check_tensors(
    op: &'static str,
    forward: &Attention,
    inputs: &[&Tensor],
    outputs: &[&Tensor],
) -> Result<(), ComputeError> {
    check::count(op, inputs, &[6])?;
    check::count(op, outputs, &[1])?;
    let (qkv, k_own, dout, stats, out) = (inputs[0], inputs[2], inputs[4], inputs[5], outputs[0]);
    forward.check(&inputs[..4], &[dout])?;
    check::f32s(op, stats)?;
    check::shape(op, stats, &[qkv.rows(), 2 * forward.n_heads])?;
    check::f32s(op, out)?;
    check::shape(op, out, k_own.shape())
}

/// One key of a slot, all its heads. `qkv`, `dout` and `stats` are the T rows of the batch row that owns the slot.
pub fn backward_key<R: Real>(
    op: &AttentionBackwardKey,
    j: usize,
    qkv: &[R],
    columns: usize,
    k: &[R],
    v: &[R],
    dout: &[R],
    stats: &[R],
    dk: &mut [R],
) {
    let Attention { n_heads, n_kv_heads, head_size: size, tokens, start, .. } = op.forward;
    let scale = R::from_f32(op.forward.scale);
    for head in 0..n_heads {
        let offset = head / (n_heads / n_kv_heads) * size;
        let (k, v, dk) = (&k[offset..][..size], &v[offset..][..size], &mut dk[offset..][..size]);
        for t in j.saturating_sub(start)..tokens {
            let q = &qkv[t * columns + head * size..][..size];
            let dout = &dout[(t * n_heads + head) * size..][..size];
            let stats = &stats[2 * (t * n_heads + head)..][..2];
            let weight = (scale * dot(q, k) - stats[0]).exp();
            let dscore = scale * weight * (dot(dout, v) - stats[1]);
            for (dk, &q) in dk.iter_mut().zip(q) {
                *dk += dscore * q;
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
            let dk = check::random("dk", k.0.shape(), DType::F32, rng);
            let tokens = forward.tokens as f32;
            Example {
                op: Op::AttentionBackwardKey(AttentionBackwardKey { forward, accumulate: i % 2 == 1 }),
                inputs: [&qkv, &slots, &k, &v, &dout, &stats].map(|(tensor, _)| tensor.clone()).to_vec(),
                outputs: vec![dk.0.clone()],
                contents: vec![qkv, slots, k, v, dout, stats, dk],
                tolerance: Tolerance::new(1e-5 * tokens.sqrt().max(2.0), 1e-4),
            }
        })
        .collect()
}
