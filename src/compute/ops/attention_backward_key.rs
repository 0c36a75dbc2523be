//! Backward of [`attention`](super::attention) with respect to the keys.
//!
//! dk_j (+)= scale · Σ_{heads of the group} Σ_{t that sees j} p_tj (dp_tj − δ_t) cap′(score_tj) q_t, p and δ from the stats
//!
//! Shapes   qkv: (B·T,S) F32 · slots: (B) U32 · k_own, v_own, dk: (slots, capacity, KV) F32 · dout: (B·T, NH·HS)
//!          · stats: (B·T, 2·NH) from [`attention_backward_query`](super::attention_backward_query) · mask: as there
//! Order    heads, then tokens, ascending, on both devices
//! Limits   no shared prefix; HS ≤ 256 on the GPU; keys that no row of the pass sees get 0
//! Kernel   shaders/attention_backward_key.wgsl
//! Agrees   twins: tolerance::REDUCTION scaled by the number of tokens

use std::ops::Range;

use super::attention::{Attention, Mask};
use super::attention_backward_query::{Case, cases, check_forward, score};
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
    check::count(op, inputs, &[6 + usize::from(forward.mask == Mask::Given)])?;
    check::count(op, outputs, &[1])?;
    let (qkv, k_own, stats, out) = (inputs[0], inputs[2], inputs[5], outputs[0]);
    check_forward(op, forward, inputs)?;
    check::f32s(op, stats)?;
    check::shape(op, stats, &[qkv.rows(), 2 * forward.n_heads])?;
    check::f32s(op, out)?;
    check::shape(op, out, k_own.shape())
}

/// The tokens of the pass that see key `j`; `Mask::Given` leaves some of them out.
pub(super) fn seers(op: &Attention, j: usize) -> Range<usize> {
    let first = match op.mask {
        Mask::Full | Mask::Given => 0,
        Mask::Prefix(n) if j < n => 0,
        Mask::Causal | Mask::Prefix(_) => j.saturating_sub(op.start),
    };
    let end = op.window.map_or(op.tokens, |window| (j + window).saturating_sub(op.start).min(op.tokens));
    // A key beyond the tokens of the pass, which a cache has room for, is seen by nobody.
    if j < op.n_keys() { first..end } else { 0..0 }
}

/// The rows of the batch row that owns a slot: T of each.
pub struct OwnRows<'a, R> {
    /// (T,S)
    pub qkv: &'a [R],
    /// S
    pub columns: usize,
    /// (T, NH·HS)
    pub dout: &'a [R],
    /// (T, 2·NH)
    pub stats: &'a [R],
    /// (T,keys)
    pub mask: Option<&'a [u32]>,
}

impl<R> OwnRows<'_, R> {
    /// Whether the mask lets token `t` see key `j`.
    pub fn sees(&self, op: &Attention, t: usize, j: usize) -> bool {
        self.mask.is_none_or(|mask| mask[t * op.n_keys() + j] != 0)
    }
}

/// One key of a slot, all its heads; `k` and `v` are (KV).
pub fn backward_key<R: Real>(
    op: &AttentionBackwardKey,
    j: usize,
    rows: &OwnRows<'_, R>,
    k: &[R],
    v: &[R],
    dk: &mut [R],
) {
    let Attention { n_heads, n_kv_heads, head_size: size, .. } = op.forward;
    for head in 0..n_heads {
        let offset = head / (n_heads / n_kv_heads) * size;
        let (k, v, dk) = (&k[offset..][..size], &v[offset..][..size], &mut dk[offset..][..size]);
        for t in seers(&op.forward, j).filter(|&t| rows.sees(&op.forward, t, j)) {
            let q = &rows.qkv[t * rows.columns + head * size..][..size];
            let dout = &rows.dout[(t * n_heads + head) * size..][..size];
            let stats = &rows.stats[2 * (t * n_heads + head)..][..2];
            let (score, slope) = score(&op.forward, q, k);
            let dscore = slope * (score - stats[0]).exp() * (dot(dout, v) - stats[1]);
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
            let Case { forward, qkv, slots, k, v, dout, stats, mask } = case;
            let dk = check::random("dk", k.0.shape(), DType::F32, rng);
            let outputs = vec![dk.0.clone()];
            let mut contents = vec![qkv, slots, k, v, dout, stats];
            contents.extend(mask);
            let tokens = forward.tokens as f32;
            Example {
                op: Op::AttentionBackwardKey(AttentionBackwardKey { forward, accumulate: i % 2 == 1 }),
                inputs: contents.iter().map(|(tensor, _)| tensor.clone()).collect(),
                outputs,
                contents: contents.into_iter().chain([dk]).collect(),
                tolerance: Tolerance::new(1e-5 * tokens.sqrt().max(2.0), 1e-4),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Oracle: the forward's spans, the other way round.
    #[test]
    fn seers_are_those_whose_span_holds_the_key() {
        for mask in [Mask::Causal, Mask::Full, Mask::Prefix(4), Mask::Prefix(99), Mask::Given] {
            for window in [None, Some(1), Some(3), Some(100)] {
                for start in [0, 2] {
                    let op = Attention { mask, window, ..Attention::causal(1, 1, 4, 5, start) };
                    for j in 0..op.n_keys() + 2 {
                        let expected: Vec<usize> = (0..5).filter(|&t| op.span(t).contains(&j)).collect();
                        assert_eq!(seers(&op, j).collect::<Vec<_>>(), expected, "{op:?}, key {j}");
                    }
                }
            }
        }
    }
}
