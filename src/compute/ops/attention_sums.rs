//! How much attention each key receives: the column sums of the attention maps, without the maps.
//!
//! out[b, h, j] = Σ_t exp(s_tj − m_t) / z_t, s_tj = cap(scale · q_t·k_j), t over the queries that see key j;
//! (m_t, z_t) are the maximum and the sum that `attention_stats` has left
//!
//! Shapes   qkv: (B·T,S) · slots: (B) · k_own: (slots, capacity, KV) · stats: (B·T, 2·NH) · k_prefix: (1, P, KV), may be left
//!          out · mask: (B, T, keys) U32, last, for `Mask::Given` · out: (B, NH, keys) F32
//! Sum      over the keys: the queries that see anything, T of a causal row
//! Why      two passes over the scores instead of a T×T buffer; a key's sum has one owner, so nothing is added atomically
//! Limits   HS ≤ 256 on the GPU
//! Source   the second pass of Dao et al. 2022, "FlashAttention", appendix B, with 1 in place of a gradient
//! Kernel   shaders/attention_sums.wgsl
//! Agrees   twins: tolerance::REDUCTION

use super::attention::{Attention, Case, Mask, Seen, cases, scores};
use super::{Example, Op, check};
use crate::compute::real::Real;
use crate::compute::{ComputeError, DType, Tensor, tolerance};
use crate::rng::Rng;

#[derive(Clone, Debug, PartialEq)]
pub struct AttentionSums {
    pub attention: Attention,
}

impl AttentionSums {
    pub fn check(&self, inputs: &[&Tensor], outputs: &[&Tensor]) -> Result<(), ComputeError> {
        const OP: &str = "attention_sums";
        let op = &self.attention;
        let masks = usize::from(op.mask == Mask::Given);
        check::count(OP, inputs, &[4 + masks, 5 + masks])?;
        check::count(OP, outputs, &[1])?;
        let (prefix, mask) = inputs[4..].split_at(inputs.len() - 4 - masks);
        op.check_queries(OP, inputs[0], inputs[1], mask.first().copied())?;
        op.check_caches(OP, &inputs[2..3], prefix)?;
        check::f32s(OP, inputs[3])?;
        check::shape(OP, inputs[3], &[inputs[0].rows(), 2 * op.n_heads])?;
        check::f32s(OP, outputs[0])?;
        check::shape(OP, outputs[0], &[inputs[1].elements(), op.n_heads, op.n_keys()])
    }
}

/// One head of one query is added to the sums `out`, (keys). `weights` is working memory.
pub fn add_query<R: Real>(
    op: &Attention,
    seen: &Seen<'_, R>,
    head: usize,
    (maximum, sum): (R, R),
    weights: &mut Vec<R>,
    out: &mut [R],
) {
    if sum > R::ZERO {
        scores(op, seen, head, weights);
        for (out, &score) in out[op.span(seen.t)].iter_mut().zip(weights.iter()) {
            *out += (score - maximum).exp() / sum;
        }
    }
}

pub fn examples(rng: &mut Rng) -> Vec<Example> {
    cases(rng)
        .into_iter()
        .map(|Case { op, contents, rows }| {
            // Any maximum near the largest score and any sum that is not small will do for a comparison of twins: here
            // those that `attention_stats` would not give, so that the kernel cannot find them itself.
            let stats = check::random("stats", &[rows * op.tokens, 2 * op.n_heads], DType::F32, rng);
            let values: Vec<f32> = bytemuck::pod_collect_to_vec(&stats.1);
            let values: Vec<f32> = values.chunks(2).flat_map(|pair| [3.0 + pair[0], 1.0 + pair[1].abs()]).collect();
            let stats = (stats.0, bytemuck::cast_slice(&values).to_vec());
            let mut contents: Vec<_> =
                contents.into_iter().filter(|(tensor, _)| !tensor.label().starts_with("v_")).collect();
            contents.insert(3, stats);
            Example {
                outputs: vec![Tensor::new("out", &[rows, op.n_heads, op.n_keys()], DType::F32)],
                inputs: contents.iter().map(|(tensor, _)| tensor.clone()).collect(),
                op: Op::AttentionSums(AttentionSums { attention: op }),
                contents,
                tolerance: tolerance::REDUCTION,
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compute::ops::{attention_stats, attention_weights};

    /// Oracle: the maps themselves, in f64: sums of their columns, for every example, and T in all.
    #[test]
    fn sums_are_those_of_the_columns() {
        let mut rng = Rng::new(5);
        for Case { op, contents, rows } in cases(&mut rng) {
            let read = |label: &str| -> Vec<f64> {
                let found = contents.iter().find(|(tensor, _)| tensor.label() == label);
                let bytes = found.map_or(&[][..], |(_, bytes)| bytes);
                bytemuck::pod_collect_to_vec::<u8, f32>(bytes).iter().map(|&value| f64::from(value)).collect()
            };
            let (qkv, k_own, k_prefix) = (read("qkv"), read("k_own"), read("k_prefix"));
            let mask = contents.iter().find(|(tensor, _)| tensor.label() == "mask");
            let mask: Vec<u32> = mask.map_or(Vec::new(), |(_, bytes)| bytemuck::pod_collect_to_vec(bytes));
            let (kv, keys) = (op.n_kv_heads * op.head_size, op.n_keys());
            let columns = contents[0].0.columns();
            let (mut weights, mut worst) = (Vec::new(), 0.0f64);
            for b in 0..rows {
                for head in 0..op.n_heads {
                    let (mut sums, mut expected, mut seeing) = (vec![0.0; keys], vec![0.0; keys], 0.0);
                    for t in 0..op.tokens {
                        let row = b * op.tokens + t;
                        let seen = Seen {
                            q: &qkv[row * columns..][..op.n_heads * op.head_size],
                            k_prefix: &k_prefix[..op.prefix_tokens * kv],
                            // Any slot will do.
                            k_own: &k_own[..(op.start + op.tokens) * kv],
                            t,
                            mask: (!mask.is_empty()).then(|| &mask[row * keys..][..keys]),
                        };
                        let mut stats = vec![0.0; 2 * op.n_heads];
                        attention_stats::forward_row(&op, &seen, &mut weights, &mut stats);
                        add_query(&op, &seen, head, (stats[2 * head], stats[2 * head + 1]), &mut weights, &mut sums);
                        let mut map = vec![0.0; keys];
                        attention_weights::forward_row(&op, &seen, head, &mut weights, &mut map);
                        seeing += map.iter().sum::<f64>();
                        for (expected, weight) in expected.iter_mut().zip(map) {
                            *expected += weight;
                        }
                    }
                    for (sum, expected) in sums.iter().zip(&expected) {
                        worst = worst.max((sum - expected).abs());
                        assert!((sum - expected).abs() <= 1e-12, "{op:?}: {sums:?} instead of {expected:?}");
                    }
                    assert!((sums.iter().sum::<f64>() - seeing).abs() <= 1e-9);
                }
            }
            assert!(worst.is_finite());
        }
    }
}
