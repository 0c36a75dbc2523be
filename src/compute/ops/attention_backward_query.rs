//! Backward of [`attention`](super::attention) with respect to the queries.
//!
//! With p the weights of a row and head, dp_j = dout · v_j and δ = Σ_j p_j dp_j, over the keys j that the query sees:
//! dq += scale · Σ_j p_j (dp_j − δ) cap′(score_j) k_j, where cap′ = 1 − (score / softcap)² of a capped score, 1 without
//!
//! Shapes   qkv, dqkv: (B·T,S) F32, queries of NH heads from column 0; dqkv changes in place · slots: (B) U32
//!          · k_own, v_own: (slots, capacity, KV) · dout: (B·T, NH·HS) · mask: (B,T,keys) U32, last, for `Mask::Given`
//!          · stats: (B·T, 2·NH): for each head log Σ_j exp(score_j) and δ, which the keys and values need; 0 and 0 for
//!          a query that sees nothing
//! Limits   no shared prefix; HS ≤ 256 on the GPU
//! Source   Dao et al. 2022, "FlashAttention", appendix B: weights are computed again instead of kept
//! Kernel   shaders/attention_backward_query.wgsl
//! Agrees   twins: tolerance::REDUCTION

use super::attention::{Attention, Mask};
use super::{Example, Op, check};
use crate::compute::real::{Real, dot};
use crate::compute::{ComputeError, DType, Tensor, tolerance::Tolerance};
use crate::rng::Rng;

#[derive(Clone, Debug, PartialEq)]
pub struct AttentionBackwardQuery {
    pub forward: Attention,
}

impl AttentionBackwardQuery {
    pub fn check(&self, inputs: &[&Tensor], outputs: &[&Tensor]) -> Result<(), ComputeError> {
        const OP: &str = "attention_backward_query";
        let masks = usize::from(self.forward.mask == Mask::Given);
        check::count(OP, inputs, &[5 + masks])?;
        check::count(OP, outputs, &[2])?;
        let (qkv, dqkv, stats) = (inputs[0], outputs[0], outputs[1]);
        check_forward(OP, &self.forward, inputs)?;
        check::f32s(OP, dqkv)?;
        check::shape(OP, dqkv, qkv.shape())?;
        check::f32s(OP, stats)?;
        check::shape(OP, stats, &[qkv.rows(), 2 * self.forward.n_heads])
    }
}

/// The tensors of the forward among those of a backward: query, slots, keys, values, the gradient of the output in the
/// fifth place, and the mask in the last.
pub(super) fn check_forward(op: &'static str, forward: &Attention, inputs: &[&Tensor]) -> Result<(), ComputeError> {
    check::that(op, inputs[0], forward.prefix_tokens == 0, "no shared prefix")?;
    let mut of_forward = inputs[..4].to_vec();
    of_forward.extend(inputs.last().filter(|_| forward.mask == Mask::Given));
    forward.check(&of_forward, &[inputs[4]])
}

/// The score of a key, capped, and how fast it moves with the product of query and key.
pub(super) fn score<R: Real>(op: &Attention, q: &[R], k: &[R]) -> (R, R) {
    let scale = R::from_f32(op.scale);
    let score = scale * dot(q, k);
    match op.softcap {
        None => (score, scale),
        Some(cap) => {
            let cap = R::from_f32(cap);
            let tanh = (score / cap).tanh();
            (cap * tanh, scale * (R::ONE - tanh * tanh))
        }
    }
}

/// One query row: all heads of token `t` of its row. `k` and `v` are the slot's, (capacity, KV); `mask` is the row's,
/// (keys).
pub fn backward_token<R: Real>(
    op: &Attention,
    t: usize,
    q: &[R],
    k: &[R],
    v: &[R],
    dout: &[R],
    mask: Option<&[u32]>,
    dq: &mut [R],
    stats: &mut [R],
) {
    let (size, kv) = (op.head_size, op.n_kv_heads * op.head_size);
    let keys: Vec<usize> = op.span(t).filter(|&key| mask.is_none_or(|mask| mask[key] != 0)).collect();
    if keys.is_empty() {
        stats.fill(R::ZERO);
        return;
    }
    // Of each key: its weight, how fast its score moves, and the gradient of its weight.
    let mut seen = vec![(R::ZERO, R::ZERO, R::ZERO); keys.len()];
    for head in 0..op.n_heads {
        let offset = head / (op.n_heads / op.n_kv_heads) * size;
        let (q, dout) = (&q[head * size..][..size], &dout[head * size..][..size]);
        let mut max = R::NEG_INFINITY;
        for (&key, seen) in keys.iter().zip(seen.iter_mut()) {
            let at = key * kv + offset;
            let (score, slope) = score(op, q, &k[at..][..size]);
            *seen = (score, slope, dot(dout, &v[at..][..size]));
            max = max.maximum(score);
        }
        let mut sum = R::ZERO;
        for (weight, _, _) in seen.iter_mut() {
            *weight = (*weight - max).exp();
            sum += *weight;
        }
        let mut delta = R::ZERO;
        for (weight, _, dweight) in seen.iter_mut() {
            *weight = *weight / sum;
            delta += *weight * *dweight;
        }
        let dq = &mut dq[head * size..][..size];
        for (&key, &(weight, slope, dweight)) in keys.iter().zip(&seen) {
            let dscore = slope * weight * (dweight - delta);
            for (dq, &k) in dq.iter_mut().zip(&k[key * kv + offset..][..size]) {
                *dq += dscore * k;
            }
        }
        stats[2 * head] = max + sum.ln();
        stats[2 * head + 1] = delta;
    }
}

pub fn examples(rng: &mut Rng) -> Vec<Example> {
    cases(rng)
        .into_iter()
        .map(|case| {
            let Case { forward, qkv, slots, k, v, dout, mask, .. } = case;
            let dqkv = check::random("dqkv", qkv.0.shape(), DType::F32, rng);
            let stats = Tensor::new("stats", &[qkv.0.rows(), 2 * forward.n_heads], DType::F32);
            let outputs = vec![dqkv.0.clone(), stats];
            let mut contents = vec![qkv, slots, k, v, dout];
            contents.extend(mask);
            Example {
                op: Op::AttentionBackwardQuery(AttentionBackwardQuery { forward }),
                inputs: contents.iter().map(|(tensor, _)| tensor.clone()).collect(),
                outputs,
                contents: contents.into_iter().chain([dqkv]).collect(),
                tolerance: Tolerance::new(2e-5, 1e-4),
            }
        })
        .collect()
}

/// What the examples of the three backward ops share.
pub(super) struct Case {
    pub forward: Attention,
    pub qkv: (Tensor, Vec<u8>),
    pub slots: (Tensor, Vec<u8>),
    pub k: (Tensor, Vec<u8>),
    pub v: (Tensor, Vec<u8>),
    pub dout: (Tensor, Vec<u8>),
    /// (N, 2·NH), as the first of the three would write them.
    pub stats: (Tensor, Vec<u8>),
    pub mask: Option<(Tensor, Vec<u8>)>,
}

/// The forward's cases that have no prefix, and two with more tokens than a tile.
pub(super) fn cases(rng: &mut Rng) -> Vec<Case> {
    let plain = Attention::causal;
    let mut cases = Vec::new();
    for (b, extra, forward) in [
        (1, 0, plain(1, 1, 1, 1, 0)),
        (1, 96, plain(4, 4, 16, 9, 0)),
        (5, 32, plain(4, 2, 8, 3, 2)),
        (2, 0, plain(2, 1, 20, 17, 3)),
        (2, 0, plain(2, 2, 12, 70, 0)),
        (1, 5, plain(2, 1, 200, 3, 1)),
        (2, 0, Attention { window: Some(4), softcap: Some(2.0), scale: 0.5, ..plain(2, 1, 8, 9, 1) }),
        (1, 3, Attention { window: Some(66), scale: 1.0, ..plain(2, 2, 4, 80, 2) }),
        (2, 0, Attention { mask: Mask::Full, ..plain(3, 1, 8, 9, 0) }),
        (2, 0, Attention { mask: Mask::Prefix(7), ..plain(2, 2, 8, 9, 0) }),
        (2, 0, Attention { mask: Mask::Prefix(6), window: Some(3), ..plain(2, 2, 8, 9, 1) }),
        (3, 0, Attention { mask: Mask::Given, ..plain(4, 2, 8, 9, 0) }),
        (2, 1, Attention { mask: Mask::Given, softcap: Some(3.0), window: Some(9), ..plain(2, 1, 16, 15, 2) }),
    ] {
        let (channels, kv, tokens) =
            (forward.n_heads * forward.head_size, forward.n_kv_heads * forward.head_size, forward.tokens);
        let (capacity, n_slots, n_keys) = (forward.start + tokens + 2, b + 2, forward.n_keys());
        let all: Vec<u32> = (0..n_slots as u32).collect();
        let qkv = check::random("qkv", &[b * tokens, channels + extra], DType::F32, rng);
        let slot_values = rng.sample(&all, b);
        let k = check::random("k_own", &[n_slots, capacity, kv], DType::F32, rng);
        let v = check::random("v_own", &[n_slots, capacity, kv], DType::F32, rng);
        let dout = check::random("dout", &[b * tokens, channels], DType::F32, rng);
        let mut hidden: Vec<u32> = (0..b * tokens * n_keys).map(|_| rng.below(3)).collect();
        if tokens > 1 {
            // The second query of the first row sees nothing.
            hidden[n_keys..2 * n_keys].fill(0);
        }
        let is_masked = forward.mask == Mask::Given;
        let mut stats = vec![0.0f32; b * tokens * 2 * forward.n_heads];
        let floats = |bytes: &[u8]| bytemuck::pod_collect_to_vec::<u8, f32>(bytes);
        let (q, keys, values, douts) = (floats(&qkv.1), floats(&k.1), floats(&v.1), floats(&dout.1));
        let mut dq = vec![0.0; channels];
        for (row, stats) in stats.chunks_exact_mut(2 * forward.n_heads).enumerate() {
            let slot = slot_values[row / tokens] as usize * capacity * kv;
            let q = &q[row * (channels + extra)..][..channels];
            let dout = &douts[row * channels..][..channels];
            let mask = is_masked.then(|| &hidden[row * n_keys..][..n_keys]);
            backward_token(&forward, row % tokens, q, &keys[slot..], &values[slot..], dout, mask, &mut dq, stats);
        }
        let mask = Tensor::new("mask", &[b, tokens, n_keys], DType::U32);
        cases.push(Case {
            stats: (
                Tensor::new("stats", &[b * tokens, 2 * forward.n_heads], DType::F32),
                bytemuck::cast_slice(&stats).to_vec(),
            ),
            slots: check::indices("slots", &slot_values),
            mask: is_masked.then(|| (mask, bytemuck::cast_slice(&hidden).to_vec())),
            forward,
            qkv,
            k,
            v,
            dout,
        });
    }
    cases
}
