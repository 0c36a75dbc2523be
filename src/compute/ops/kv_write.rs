//! Puts the keys and values of new tokens into the cache.
//!
//! k_cache[slots[b], start + t, c] = qkv[b·T + t, key_offset + c]
//! v_cache[slots[b], start + t, c] = qkv[b·T + t, key_offset + KV + c]
//!
//! Shapes   qkv: (B·T,S) F32 · slots: (B) U32 · k_cache, v_cache: (slots, capacity, KV) F32, changed in place,
//!          with KV = NKV·HS and start + T ≤ capacity
//! Why      rows keep their slot for life, so rows that leave the batch cost no copying
//! Kernel   shaders/kv_write.wgsl
//! Agrees   twins: exact

use super::{Example, Op, check};
use crate::compute::real::Real;
use crate::compute::{ComputeError, DType, Tensor, tolerance};
use crate::rng::Rng;

#[derive(Clone, Debug, PartialEq)]
pub struct KvWrite {
    /// Tokens of each row in this pass, T.
    pub tokens: usize,
    /// Tokens the row already has in its slot.
    pub start: usize,
    /// Column of `qkv` at which the keys begin; the values follow them.
    pub key_offset: usize,
}

impl KvWrite {
    pub fn check(&self, inputs: &[&Tensor], outputs: &[&Tensor]) -> Result<(), ComputeError> {
        const OP: &str = "kv_write";
        check::count(OP, inputs, &[2])?;
        check::count(OP, outputs, &[2])?;
        let (qkv, slots, k_cache, v_cache) = (inputs[0], inputs[1], outputs[0], outputs[1]);
        check::f32s(OP, qkv)?;
        check::u32s(OP, slots)?;
        check::rank(OP, qkv, 2)?;
        check::rank(OP, k_cache, 3)?;
        check::shape(OP, v_cache, k_cache.shape())?;
        for cache in [k_cache, v_cache] {
            check::f32s(OP, cache)?;
            check::that(
                OP,
                cache,
                self.start + self.tokens <= cache.shape()[1],
                &format!("room for {} tokens", self.start + self.tokens),
            )?;
        }
        check::that(
            OP,
            qkv,
            qkv.rows() == slots.elements() * self.tokens,
            &format!("{} rows", slots.elements() * self.tokens),
        )?;
        check::that(
            OP,
            qkv,
            self.key_offset + 2 * k_cache.columns() <= qkv.columns(),
            &format!("at least {} columns", self.key_offset + 2 * k_cache.columns()),
        )
    }
}

/// `capacity` and `kv` are the last two dimensions of the caches. Slots past the end are left out, as on the GPU.
pub fn forward<R: Real>(
    op: &KvWrite,
    qkv: &[R],
    columns: usize,
    slots: &[u32],
    capacity: usize,
    kv: usize,
    k_cache: &mut [R],
    v_cache: &mut [R],
) {
    for (b, &slot) in slots.iter().enumerate() {
        if slot as usize >= k_cache.len() / (capacity * kv) {
            continue;
        }
        for t in 0..op.tokens {
            let from = (b * op.tokens + t) * columns + op.key_offset;
            let to = (slot as usize * capacity + op.start + t) * kv;
            k_cache[to..to + kv].copy_from_slice(&qkv[from..from + kv]);
            v_cache[to..to + kv].copy_from_slice(&qkv[from + kv..from + 2 * kv]);
        }
    }
}

pub fn examples(rng: &mut Rng) -> Vec<Example> {
    let mut examples = Vec::new();
    for (b, tokens, start, capacity, n_slots, kv, key_offset, extra) in
        [(1, 1, 0, 1, 1, 1, 0, 0), (3, 5, 2, 9, 4, 12, 24, 1), (17, 4, 0, 4, 17, 64, 64, 0), (2, 1, 7, 8, 5, 10, 3, 2)]
    {
        let qkv = check::random("qkv", &[b * tokens, key_offset + 2 * kv + extra], DType::F32, rng);
        let all: Vec<u32> = (0..n_slots as u32).collect();
        let slots = check::indices("slots", &rng.sample(&all, b));
        let k_cache = check::random("k_cache", &[n_slots, capacity, kv], DType::F32, rng);
        let v_cache = check::random("v_cache", &[n_slots, capacity, kv], DType::F32, rng);
        examples.push(Example {
            op: Op::KvWrite(KvWrite { tokens, start, key_offset }),
            inputs: vec![qkv.0.clone(), slots.0.clone()],
            outputs: vec![k_cache.0.clone(), v_cache.0.clone()],
            contents: vec![qkv, slots, k_cache, v_cache],
            tolerance: tolerance::EXACT,
        });
    }
    examples
}
