//! Causal attention of new tokens over a prefix that all rows share and over the row's own tokens.
//!
//! out[b·T+t, h] = Σ_j softmax_j(scale · q·k_j) v_j, j over the whole prefix and the row's own tokens 0..=start+t
//!
//! Shapes   qkv: (B·T,S) F32, queries of NH heads from column 0 · slots: (B) U32 · k_own, v_own: (slots, capacity, KV)
//!          · k_prefix, v_prefix: (1, P, KV), may be left out together · out: (B·T, NH·HS), KV = NKV·HS
//!          query head h reads key/value head h / (NH / NKV) (grouped-query attention, Ainslie et al. 2023)
//! Dtype    scores, maxima and sums in f32, maximum subtracted before exp
//! Limits   only the first `prefix_tokens` of the prefix are read; HS ≤ 256 on the GPU
//! Source   Vaswani et al. 2017; one pass with a running maximum as in Milakov & Gimelshein 2018 on the GPU
//! Kernel   shaders/attention.wgsl
//! Agrees   twins: tolerance::REDUCTION

use super::{Example, Op, check};
use crate::compute::{ComputeError, DType, Tensor, tolerance};
use crate::rng::Rng;

#[derive(Clone, Debug, PartialEq)]
pub struct Attention {
    pub n_heads: usize,
    pub n_kv_heads: usize,
    pub head_size: usize,
    pub scale: f32,
    /// Tokens of each row in this pass, T.
    pub tokens: usize,
    /// Tokens the row had before this pass. The keys of this pass are already in the cache.
    pub start: usize,
    /// Tokens of the shared prefix that are read; 0 without a prefix.
    pub prefix_tokens: usize,
}

impl Attention {
    pub fn check(&self, inputs: &[&Tensor], outputs: &[&Tensor]) -> Result<(), ComputeError> {
        const OP: &str = "attention";
        check::count(OP, inputs, &[4, 6])?;
        check::count(OP, outputs, &[1])?;
        let (qkv, slots, out) = (inputs[0], inputs[1], outputs[0]);
        let (channels, kv) = (self.n_heads * self.head_size, self.n_kv_heads * self.head_size);
        check::u32s(OP, slots)?;
        let rows = slots.elements() * self.tokens;
        check::rank(OP, qkv, 2)?;
        check::that(
            OP,
            qkv,
            qkv.rows() == rows && qkv.columns() >= channels,
            &format!("{rows} rows of at least {channels}"),
        )?;
        check::that(
            OP,
            qkv,
            self.n_kv_heads > 0 && self.n_heads.is_multiple_of(self.n_kv_heads),
            &format!("{} heads in groups of {}", self.n_heads, self.n_kv_heads),
        )?;
        check::shape(OP, out, &[rows, channels])?;
        for cache in &inputs[2..4] {
            check::rank(OP, cache, 3)?;
            check::that(
                OP,
                cache,
                cache.columns() == kv && cache.shape()[1] >= self.start + self.tokens,
                &format!("(slots, at least {}, {kv})", self.start + self.tokens),
            )?;
        }
        for cache in inputs.iter().skip(4) {
            check::rank(OP, cache, 3)?;
            check::that(
                OP,
                cache,
                cache.columns() == kv && cache.shape()[1] >= self.prefix_tokens,
                &format!("(1, at least {}, {kv})", self.prefix_tokens),
            )?;
        }
        check::that(OP, qkv, inputs.len() == 6 || self.prefix_tokens == 0, "a prefix to read from")?;
        for tensor in [qkv, out].into_iter().chain(inputs[2..].iter().copied()) {
            check::f32s(OP, tensor)?;
        }
        Ok(())
    }
}

/// Keys and values: (tokens, KV) each, the part one row may see.
pub struct KeyValues<'a> {
    pub k: &'a [f32],
    pub v: &'a [f32],
}

/// One query row: all heads of one token. `seen` are the stretches of keys it attends to, in order.
pub fn forward_token(op: &Attention, q: &[f32], seen: &[KeyValues<'_>], scores: &mut Vec<f32>, out: &mut [f32]) {
    let kv = op.n_kv_heads * op.head_size;
    let group = op.n_heads / op.n_kv_heads;
    for head in 0..op.n_heads {
        let q = &q[head * op.head_size..][..op.head_size];
        let kv_offset = head / group * op.head_size;
        scores.clear();
        for part in seen {
            for k in part.k.chunks_exact(kv) {
                let k = &k[kv_offset..][..op.head_size];
                scores.push(op.scale * q.iter().zip(k).map(|(a, b)| a * b).sum::<f32>());
            }
        }
        let max = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let mut sum = 0.0;
        for score in scores.iter_mut() {
            *score = (*score - max).exp();
            sum += *score;
        }
        let out = &mut out[head * op.head_size..][..op.head_size];
        out.fill(0.0);
        let values = seen.iter().flat_map(|part| part.v.chunks_exact(kv));
        for (score, v) in scores.iter().zip(values) {
            let weight = score / sum;
            for (out, v) in out.iter_mut().zip(&v[kv_offset..][..op.head_size]) {
                *out += weight * v;
            }
        }
    }
}

pub fn examples(rng: &mut Rng) -> Vec<Example> {
    let mut examples = Vec::new();
    for (b, tokens, start, prefix, n_heads, n_kv_heads, head_size, extra) in [
        (1, 1, 0, 0, 1, 1, 1, 0),
        (1, 9, 0, 0, 4, 4, 16, 96),
        (5, 3, 0, 7, 4, 2, 8, 32),
        (3, 1, 5, 70, 6, 2, 32, 1),
        (2, 17, 3, 5, 2, 1, 20, 0),
        (2, 1, 140, 130, 2, 2, 64, 0),
        (2, 3, 1, 66, 2, 1, 200, 5),
        (1, 2, 0, 3, 1, 1, 256, 0),
    ] {
        let (channels, kv) = (n_heads * head_size, n_kv_heads * head_size);
        let capacity = start + tokens + 2;
        let n_slots = b + 2;
        let qkv = check::random("qkv", &[b * tokens, channels + extra], DType::F32, rng);
        let all: Vec<u32> = (0..n_slots as u32).collect();
        let slots = check::indices("slots", &rng.sample(&all, b));
        let k_own = check::random("k_own", &[n_slots, capacity, kv], DType::F32, rng);
        let v_own = check::random("v_own", &[n_slots, capacity, kv], DType::F32, rng);
        let mut contents = vec![qkv, slots, k_own, v_own];
        if prefix > 0 {
            contents.push(check::random("k_prefix", &[1, prefix + 1, kv], DType::F32, rng));
            contents.push(check::random("v_prefix", &[1, prefix + 1, kv], DType::F32, rng));
        }
        examples.push(Example {
            op: Op::Attention(Attention {
                n_heads,
                n_kv_heads,
                head_size,
                scale: 1.0 / (head_size as f32).sqrt(),
                tokens,
                start,
                prefix_tokens: prefix,
            }),
            inputs: contents.iter().map(|(tensor, _)| tensor.clone()).collect(),
            outputs: vec![Tensor::new("out", &[b * tokens, channels], DType::F32)],
            contents,
            tolerance: tolerance::REDUCTION,
        });
    }
    examples
}
