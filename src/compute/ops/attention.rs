//! Attention of new tokens over a prefix that all rows share and over the row's own tokens.
//!
//! out[b·T+t, h] = Σ_j softmax_j(cap(scale · q·k_j)) v_j, j over the keys that the query sees
//! cap(s) = softcap · tanh(s / softcap), or s without a softcap
//!
//! Shapes   qkv: (B·T,S) F32, queries of NH heads from column 0 · slots: (B) U32 · k_own, v_own: (slots, capacity, KV)
//!          · k_prefix, v_prefix: (1, P, KV), may be left out together · mask: (B, T, keys) U32, last, for `Mask::Given`
//!          · out: (B·T, NH·HS), KV = NKV·HS
//!          query head h reads key/value head h / (NH / NKV) (grouped-query attention, Ainslie et al. 2023)
//! Keys     counted over the prefix and then the row's own: keys = prefix_tokens + start + T; query t is key
//!          prefix_tokens + start + t. A query that sees no key gives zeros
//! Dtype    scores, maxima and sums in f32, maximum subtracted before exp
//! Limits   only the first `prefix_tokens` of the prefix are read; HS ≤ 256 on the GPU
//! Source   Vaswani et al. 2017; window: Beltagy et al. 2020 (Longformer); softcap: Gemma Team 2024 (Gemma 2);
//!          prefix mask: Raffel et al. 2020 (T5); one pass with a running maximum as in Milakov & Gimelshein 2018 on the GPU
//! Kernel   shaders/attention.wgsl
//! Agrees   twins: tolerance::REDUCTION

use std::ops::Range;

use super::{Example, Op, check};
use crate::compute::real::{Real, dot};
use crate::compute::{ComputeError, DType, Tensor, tolerance};
use crate::rng::Rng;

/// Which keys a query may see, before the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mask {
    /// Itself and those before it.
    Causal,
    /// All, those after it as well.
    Full,
    /// The first so many keys, and causally the others.
    Prefix(usize),
    /// Those where the mask tensor is not 0.
    Given,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Attention {
    pub n_heads: usize,
    pub n_kv_heads: usize,
    pub head_size: usize,
    pub scale: f32,
    pub softcap: Option<f32>,
    /// Keys a query looks back at most, itself counted.
    pub window: Option<usize>,
    pub mask: Mask,
    /// Tokens of each row in this pass, T.
    pub tokens: usize,
    /// Tokens the row had before this pass. The keys of this pass are already in the cache.
    pub start: usize,
    /// Tokens of the shared prefix that are read; 0 without a prefix.
    pub prefix_tokens: usize,
}

impl Attention {
    /// Causal, with 1/√HS, without window or softcap.
    pub fn causal(n_heads: usize, n_kv_heads: usize, head_size: usize, tokens: usize, start: usize) -> Self {
        Attention {
            n_heads,
            n_kv_heads,
            head_size,
            scale: 1.0 / (head_size as f32).sqrt(),
            softcap: None,
            window: None,
            mask: Mask::Causal,
            tokens,
            start,
            prefix_tokens: 0,
        }
    }

    /// Keys in all.
    pub fn n_keys(&self) -> usize {
        self.prefix_tokens + self.start + self.tokens
    }

    /// The keys that query `t` of a row sees; `Mask::Given` leaves some of them out.
    pub fn span(&self, t: usize) -> Range<usize> {
        let query = self.prefix_tokens + self.start + t;
        let end = match self.mask {
            Mask::Causal => query + 1,
            Mask::Full | Mask::Given => self.n_keys(),
            Mask::Prefix(n) => n.clamp(query + 1, self.n_keys()),
        };
        (query + 1).saturating_sub(self.window.unwrap_or(usize::MAX))..end
    }

    pub fn check(&self, inputs: &[&Tensor], outputs: &[&Tensor]) -> Result<(), ComputeError> {
        const OP: &str = "attention";
        let masks = usize::from(self.mask == Mask::Given);
        check::count(OP, inputs, &[4 + masks, 6 + masks])?;
        check::count(OP, outputs, &[1])?;
        let (caches, mask) = inputs[2..].split_at(inputs.len() - 2 - masks);
        self.check_queries(OP, inputs[0], inputs[1], mask.first().copied())?;
        self.check_caches(OP, &caches[..2], &caches[2..])?;
        check::f32s(OP, outputs[0])?;
        check::shape(OP, outputs[0], &[inputs[0].rows(), self.n_heads * self.head_size])
    }

    /// Shared with `attention_weights`.
    pub(super) fn check_queries(
        &self,
        op: &'static str,
        qkv: &Tensor,
        slots: &Tensor,
        mask: Option<&Tensor>,
    ) -> Result<(), ComputeError> {
        let channels = self.n_heads * self.head_size;
        check::u32s(op, slots)?;
        let rows = slots.elements() * self.tokens;
        check::f32s(op, qkv)?;
        check::rank(op, qkv, 2)?;
        check::that(
            op,
            qkv,
            qkv.rows() == rows && qkv.columns() >= channels,
            &format!("{rows} rows of at least {channels}"),
        )?;
        check::that(
            op,
            qkv,
            self.n_kv_heads > 0 && self.n_heads.is_multiple_of(self.n_kv_heads),
            &format!("{} heads in groups of {}", self.n_heads, self.n_kv_heads),
        )?;
        check::that(op, qkv, self.window != Some(0), "a window of at least one key")?;
        if let Some(mask) = mask {
            check::u32s(op, mask)?;
            check::shape(op, mask, &[slots.elements(), self.tokens, self.n_keys()])?;
        }
        Ok(())
    }

    pub(super) fn check_caches(
        &self,
        op: &'static str,
        own: &[&Tensor],
        prefix: &[&Tensor],
    ) -> Result<(), ComputeError> {
        let kv = self.n_kv_heads * self.head_size;
        let places = [(own, "slots", self.start + self.tokens), (prefix, "1", self.prefix_tokens)];
        for (caches, slots, tokens) in places {
            for cache in caches {
                check::f32s(op, cache)?;
                check::rank(op, cache, 3)?;
                check::that(
                    op,
                    cache,
                    cache.columns() == kv && cache.shape()[1] >= tokens,
                    &format!("({slots}, at least {tokens}, {kv})"),
                )?;
            }
        }
        check::that(op, own[0], !prefix.is_empty() || self.prefix_tokens == 0, "a prefix beside it to read from")
    }
}

/// What one query reads, of one row and all its heads.
pub struct Seen<'a, R> {
    /// (NH·HS)
    pub q: &'a [R],
    /// (prefix_tokens, KV), the keys of the prefix.
    pub k_prefix: &'a [R],
    /// (start + T, KV), the row's own keys.
    pub k_own: &'a [R],
    /// Where the query stands among the tokens of this pass.
    pub t: usize,
    /// (keys), 0 where a key is hidden.
    pub mask: Option<&'a [u32]>,
}

/// Row `key` of two stretches of (tokens, columns), counted through.
fn stretch<'a, R>(prefix: &'a [R], own: &'a [R], columns: usize, key: usize) -> &'a [R] {
    let start = key * columns;
    if start < prefix.len() { &prefix[start..][..columns] } else { &own[start - prefix.len()..][..columns] }
}

/// The scores of one head over `op.span(seen.t)`, in `scores`: minus infinity for a hidden key.
pub fn scores<R: Real>(op: &Attention, seen: &Seen<'_, R>, head: usize, scores: &mut Vec<R>) {
    let (scale, softcap) = (R::from_f32(op.scale), op.softcap.map(R::from_f32));
    let kv = op.n_kv_heads * op.head_size;
    let kv_offset = head / (op.n_heads / op.n_kv_heads) * op.head_size;
    let q = &seen.q[head * op.head_size..][..op.head_size];
    scores.clear();
    for key in op.span(seen.t) {
        if seen.mask.is_some_and(|mask| mask[key] == 0) {
            scores.push(R::NEG_INFINITY);
            continue;
        }
        let k = &stretch(seen.k_prefix, seen.k_own, kv, key)[kv_offset..][..op.head_size];
        let score = scale * dot(q, k);
        scores.push(softcap.map_or(score, |cap| cap * (score / cap).tanh()));
    }
}

/// exp(score − maximum) of one head over `op.span(seen.t)`, in `weights`; gives the maximum and the sum. All 0 when nothing
/// is seen.
pub fn exponentials<R: Real>(op: &Attention, seen: &Seen<'_, R>, head: usize, weights: &mut Vec<R>) -> (R, R) {
    scores(op, seen, head, weights);
    let max = weights.iter().copied().fold(R::NEG_INFINITY, R::maximum);
    if max == R::NEG_INFINITY {
        weights.fill(R::ZERO);
        return (R::ZERO, R::ZERO);
    }
    let mut sum = R::ZERO;
    for weight in weights.iter_mut() {
        *weight = (*weight - max).exp();
        sum += *weight;
    }
    (max, sum)
}

/// The softmax weights of one head over `op.span(seen.t)`, in `weights`; all 0 when nothing is seen.
pub fn softmax_weights<R: Real>(op: &Attention, seen: &Seen<'_, R>, head: usize, weights: &mut Vec<R>) {
    let (_, sum) = exponentials(op, seen, head, weights);
    if sum > R::ZERO {
        for weight in weights.iter_mut() {
            *weight = *weight / sum;
        }
    }
}

/// One query: all heads of one token. `v_prefix` and `v_own` are as long as the keys; `weights` is working memory.
pub fn forward_token<R: Real>(
    op: &Attention,
    seen: &Seen<'_, R>,
    v_prefix: &[R],
    v_own: &[R],
    weights: &mut Vec<R>,
    out: &mut [R],
) {
    let kv = op.n_kv_heads * op.head_size;
    for head in 0..op.n_heads {
        softmax_weights(op, seen, head, weights);
        let kv_offset = head / (op.n_heads / op.n_kv_heads) * op.head_size;
        let out = &mut out[head * op.head_size..][..op.head_size];
        out.fill(R::ZERO);
        for (key, weight) in op.span(seen.t).zip(weights.iter().copied()) {
            let v = &stretch(v_prefix, v_own, kv, key)[kv_offset..][..op.head_size];
            for (out, &v) in out.iter_mut().zip(v) {
                *out += weight * v;
            }
        }
    }
}

/// A case of both attention ops.
pub(super) struct Case {
    pub op: Attention,
    /// In the order of the inputs.
    pub contents: Vec<(Tensor, Vec<u8>)>,
    /// Rows of the batch.
    pub rows: usize,
}

pub(super) fn cases(rng: &mut Rng) -> Vec<Case> {
    let plain = |n_heads, n_kv_heads, head_size, tokens, start| {
        Attention::causal(n_heads, n_kv_heads, head_size, tokens, start)
    };
    let mut cases = Vec::new();
    for (b, prefix, extra, op) in [
        (1, 0, 0, plain(1, 1, 1, 1, 0)),
        (1, 0, 96, plain(4, 4, 16, 9, 0)),
        (5, 7, 32, plain(4, 2, 8, 3, 0)),
        (3, 70, 1, plain(6, 2, 32, 1, 5)),
        (2, 5, 0, plain(2, 1, 20, 17, 3)),
        (2, 130, 0, plain(2, 2, 64, 1, 140)),
        (2, 66, 5, plain(2, 1, 200, 3, 1)),
        (1, 3, 0, plain(1, 1, 256, 2, 0)),
        (2, 70, 0, Attention { window: Some(4), softcap: Some(2.0), scale: 0.5, ..plain(2, 1, 8, 6, 1) }),
        (1, 130, 3, Attention { window: Some(67), scale: 1.0, ..plain(2, 2, 4, 3, 2) }),
        (2, 0, 0, Attention { mask: Mask::Full, ..plain(3, 1, 8, 9, 0) }),
        (2, 3, 0, Attention { mask: Mask::Prefix(7), ..plain(2, 2, 8, 9, 0) }),
        (2, 2, 0, Attention { mask: Mask::Prefix(6), window: Some(3), ..plain(2, 2, 8, 9, 1) }),
        (3, 0, 0, Attention { mask: Mask::Given, ..plain(4, 2, 8, 9, 0) }),
        (2, 66, 0, Attention { mask: Mask::Given, softcap: Some(3.0), window: Some(9), ..plain(2, 1, 16, 5, 2) }),
    ] {
        let op = Attention { prefix_tokens: prefix, ..op };
        let (channels, kv) = (op.n_heads * op.head_size, op.n_kv_heads * op.head_size);
        let capacity = op.start + op.tokens + 2;
        let n_slots = b + 2;
        let qkv = check::random("qkv", &[b * op.tokens, channels + extra], DType::F32, rng);
        let all: Vec<u32> = (0..n_slots as u32).collect();
        let slots = check::indices("slots", &rng.sample(&all, b));
        let k_own = check::random("k_own", &[n_slots, capacity, kv], DType::F32, rng);
        let v_own = check::random("v_own", &[n_slots, capacity, kv], DType::F32, rng);
        let mut contents = vec![qkv, slots, k_own, v_own];
        if prefix > 0 {
            contents.push(check::random("k_prefix", &[1, prefix + 1, kv], DType::F32, rng));
            contents.push(check::random("v_prefix", &[1, prefix + 1, kv], DType::F32, rng));
        }
        if op.mask == Mask::Given {
            let mask = Tensor::new("mask", &[b, op.tokens, op.n_keys()], DType::U32);
            let mut values: Vec<u32> = (0..mask.elements()).map(|_| rng.below(3)).collect();
            // The second query of the first row sees nothing.
            values[op.n_keys()..2 * op.n_keys()].fill(0);
            contents.push((mask, bytemuck::cast_slice(&values).to_vec()));
        }
        cases.push(Case { op, contents, rows: b });
    }
    cases
}

pub fn examples(rng: &mut Rng) -> Vec<Example> {
    cases(rng)
        .into_iter()
        .map(|Case { op, contents, rows }| Example {
            outputs: vec![Tensor::new("out", &[rows * op.tokens, op.n_heads * op.head_size], DType::F32)],
            op: Op::Attention(op),
            inputs: contents.iter().map(|(tensor, _)| tensor.clone()).collect(),
            contents,
            tolerance: tolerance::REDUCTION,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Oracle: the definition, key by key, for every kind of mask with and without a window.
    #[test]
    fn spans_are_the_keys_that_are_seen() {
        for mask in [Mask::Causal, Mask::Full, Mask::Prefix(4), Mask::Prefix(99)] {
            for window in [None, Some(1), Some(3), Some(100)] {
                let op = Attention { mask, window, prefix_tokens: 2, ..Attention::causal(1, 1, 4, 5, 1) };
                for t in 0..5 {
                    let query = 2 + 1 + t;
                    let seen: Vec<usize> = (0..op.n_keys())
                        .filter(|&key| {
                            let allowed = match mask {
                                Mask::Causal => key <= query,
                                Mask::Prefix(n) => key < n || key <= query,
                                Mask::Full | Mask::Given => true,
                            };
                            allowed && window.is_none_or(|window| query < key + window)
                        })
                        .collect();
                    assert_eq!(op.span(t).collect::<Vec<_>>(), seen, "{mask:?} {window:?} {t}");
                }
            }
        }
    }

    /// Oracle: closed form. Scores 0 and 1 before the cap of 1; a hidden key; nothing seen at all.
    #[test]
    fn two_keys_by_hand() {
        let op = Attention { softcap: Some(1.0), mask: Mask::Given, scale: 2.0, ..Attention::causal(1, 1, 1, 1, 2) };
        let mut weights = Vec::new();
        for (mask, expected) in [
            ([1, 1, 0], [1.0 / (1.0 + 1f32.tanh().exp()), 1.0 / (1.0 + (-1f32.tanh()).exp()), 0.0]),
            ([0, 5, 0], [0.0, 1.0, 0.0]),
            ([0, 0, 0], [0.0; 3]),
        ] {
            let seen = Seen { q: &[0.5], k_prefix: &[], k_own: &[0.0, 1.0, 9.0], t: 0, mask: Some(&mask) };
            softmax_weights(&op, &seen, 0, &mut weights);
            for (got, expected) in weights.iter().zip(expected) {
                assert!((got - expected).abs() <= 1e-6, "{weights:?} for {mask:?}");
            }
            let mut out = [9.0];
            forward_token(&op, &seen, &[], &[1.0, 2.0, 4.0], &mut weights, &mut out);
            assert!((out[0] - (expected[0] + 2.0 * expected[1])).abs() <= 1e-6, "{out:?} for {mask:?}");
        }
    }
}
