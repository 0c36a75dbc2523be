//! Backward of [`attention`](super::attention) with respect to the queries.
//!
//! With p the weights of a row and head, dp_j = dout · v_j and δ = Σ_j p_j dp_j:
//! dq += scale · Σ_j p_j (dp_j − δ) k_j
//!
//! Shapes   qkv, dqkv: (B·T,S) F32, queries of NH heads from column 0; dqkv changes in place · slots: (B) U32
//!          · k_own, v_own: (slots, capacity, KV) · dout: (B·T, NH·HS)
//!          · stats: (B·T, 2·NH): for each head log Σ_j exp(score_j) and δ, which the keys and values need
//! Limits   no shared prefix; HS ≤ 256 on the GPU
//! Source   Dao et al. 2022, "FlashAttention", appendix B: weights are computed again instead of kept
//! Kernel   shaders/attention_backward_query.wgsl
//! Agrees   twins: tolerance::REDUCTION

use super::attention::Attention;
use super::{Example, Op, check};
use crate::compute::real::{Real, dot};
use crate::compute::{ComputeError, DType, Tensor, tolerance};
use crate::rng::Rng;

#[derive(Clone, Debug, PartialEq)]
pub struct AttentionBackwardQuery {
    pub forward: Attention,
}

impl AttentionBackwardQuery {
    pub fn check(&self, inputs: &[&Tensor], outputs: &[&Tensor]) -> Result<(), ComputeError> {
        const OP: &str = "attention_backward_query";
        check::count(OP, inputs, &[5])?;
        check::count(OP, outputs, &[2])?;
        let (qkv, dout, dqkv, stats) = (inputs[0], inputs[4], outputs[0], outputs[1]);
        self.forward.check(&inputs[..4], &[dout])?;
        check::f32s(OP, dqkv)?;
        check::shape(OP, dqkv, qkv.shape())?;
        check::f32s(OP, stats)?;
        check::shape(OP, stats, &[qkv.rows(), 2 * self.forward.n_heads])
    }
}

/// One query row: all heads of token `t` of its row. `k` and `v` are the slot's, (capacity, KV).
pub fn backward_token<R: Real>(
    op: &Attention,
    t: usize,
    q: &[R],
    k: &[R],
    v: &[R],
    dout: &[R],
    dq: &mut [R],
    stats: &mut [R],
) {
    let (size, kv) = (op.head_size, op.n_kv_heads * op.head_size);
    let scale = R::from_f32(op.scale);
    let n_keys = op.start + t + 1;
    let (mut weights, mut dweights) = (vec![R::ZERO; n_keys], vec![R::ZERO; n_keys]);
    for head in 0..op.n_heads {
        let offset = head / (op.n_heads / op.n_kv_heads) * size;
        let (q, dout) = (&q[head * size..][..size], &dout[head * size..][..size]);
        let mut max = R::NEG_INFINITY;
        for j in 0..n_keys {
            weights[j] = scale * dot(q, &k[j * kv + offset..][..size]);
            dweights[j] = dot(dout, &v[j * kv + offset..][..size]);
            max = max.maximum(weights[j]);
        }
        let mut sum = R::ZERO;
        for weight in weights.iter_mut() {
            *weight = (*weight - max).exp();
            sum += *weight;
        }
        let mut delta = R::ZERO;
        for (weight, &dweight) in weights.iter_mut().zip(&dweights) {
            *weight = *weight / sum;
            delta += *weight * dweight;
        }
        let dq = &mut dq[head * size..][..size];
        for j in 0..n_keys {
            let dscore = scale * weights[j] * (dweights[j] - delta);
            for (dq, &k) in dq.iter_mut().zip(&k[j * kv + offset..][..size]) {
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
            let Case { forward, qkv, slots, k, v, dout, .. } = case;
            let dqkv = check::random("dqkv", qkv.0.shape(), DType::F32, rng);
            let stats = Tensor::new("stats", &[qkv.0.rows(), 2 * forward.n_heads], DType::F32);
            Example {
                op: Op::AttentionBackwardQuery(AttentionBackwardQuery { forward }),
                inputs: [&qkv, &slots, &k, &v, &dout].map(|(tensor, _)| tensor.clone()).to_vec(),
                outputs: vec![dqkv.0.clone(), stats],
                contents: vec![qkv, slots, k, v, dout, dqkv],
                tolerance: tolerance::REDUCTION,
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
}

pub(super) fn cases(rng: &mut Rng) -> Vec<Case> {
    let mut cases = Vec::new();
    for (b, tokens, start, n_heads, n_kv_heads, head_size, extra) in [
        (1, 1, 0, 1, 1, 1, 0),
        (1, 9, 0, 4, 4, 16, 96),
        (5, 3, 2, 4, 2, 8, 32),
        (2, 17, 3, 2, 1, 20, 0),
        (2, 70, 0, 2, 2, 12, 0),
        (1, 3, 1, 2, 1, 200, 5),
    ] {
        let (channels, kv) = (n_heads * head_size, n_kv_heads * head_size);
        let (capacity, n_slots) = (start + tokens + 2, b + 2);
        let all: Vec<u32> = (0..n_slots as u32).collect();
        let forward = Attention::causal(n_heads, n_kv_heads, head_size, tokens, start);
        let qkv = check::random("qkv", &[b * tokens, channels + extra], DType::F32, rng);
        let slot_values = rng.sample(&all, b);
        let k = check::random("k_own", &[n_slots, capacity, kv], DType::F32, rng);
        let v = check::random("v_own", &[n_slots, capacity, kv], DType::F32, rng);
        let dout = check::random("dout", &[b * tokens, channels], DType::F32, rng);
        let mut stats = vec![0.0f32; b * tokens * 2 * n_heads];
        let floats = |bytes: &[u8]| bytemuck::pod_collect_to_vec::<u8, f32>(bytes);
        let (q, keys, values, douts) = (floats(&qkv.1), floats(&k.1), floats(&v.1), floats(&dout.1));
        let mut dq = vec![0.0; channels];
        for (row, stats) in stats.chunks_exact_mut(2 * n_heads).enumerate() {
            let slot = slot_values[row / tokens] as usize * capacity * kv;
            let q = &q[row * (channels + extra)..][..channels];
            let dout = &douts[row * channels..][..channels];
            backward_token(&forward, row % tokens, q, &keys[slot..], &values[slot..], dout, &mut dq, stats);
        }
        cases.push(Case {
            stats: (
                Tensor::new("stats", &[b * tokens, 2 * n_heads], DType::F32),
                bytemuck::cast_slice(&stats).to_vec(),
            ),
            slots: check::indices("slots", &slot_values),
            forward,
            qkv,
            k,
            v,
            dout,
        });
    }
    cases
}
