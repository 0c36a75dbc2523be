//! Backward of [`kv_write`](super::kv_write): the gradients of cached keys and values go back to the rows they came from.
//!
//! dqkv[b·T + t, key_offset + c] += dk_cache[slots[b], start + t, c]
//! dqkv[b·T + t, key_offset + KV + c] += dv_cache[slots[b], start + t, c]
//!
//! Shapes   slots: (B) U32 · dk_cache, dv_cache: (slots, capacity, KV) F32 · dqkv: (B·T,S) F32, changed in place
//! Limits   rows whose slot does not exist get nothing
//! Kernel   shaders/kv_write_backward.wgsl
//! Agrees   twins: exact

use super::kv_write::KvWrite;
use super::{Example, Op, check};
use crate::compute::real::Real;
use crate::compute::{ComputeError, DType, Tensor, tolerance};
use crate::rng::Rng;

#[derive(Clone, Debug, PartialEq)]
pub struct KvWriteBackward {
    pub forward: KvWrite,
}

impl KvWriteBackward {
    pub fn check(&self, inputs: &[&Tensor], outputs: &[&Tensor]) -> Result<(), ComputeError> {
        check::count("kv_write_backward", inputs, &[3])?;
        check::count("kv_write_backward", outputs, &[1])?;
        // The tensors are those of the forward, with inputs and outputs exchanged.
        self.forward.check(&[outputs[0], inputs[0]], &[inputs[1], inputs[2]])
    }
}

/// `columns` is the width of `dqkv`, `capacity` and `kv` the last two dimensions of the caches.
pub fn backward<R: Real>(
    op: &KvWriteBackward,
    slots: &[u32],
    dk_cache: &[R],
    dv_cache: &[R],
    capacity: usize,
    kv: usize,
    dqkv: &mut [R],
    columns: usize,
) {
    let KvWrite { tokens, start, key_offset, .. } = op.forward;
    for (row, dqkv) in dqkv.chunks_exact_mut(columns).enumerate() {
        let slot = slots[row / tokens] as usize;
        if slot >= dk_cache.len() / (capacity * kv) {
            continue;
        }
        let from = (slot * capacity + start + row % tokens) * kv;
        for c in 0..kv {
            dqkv[key_offset + c] += dk_cache[from + c];
            dqkv[key_offset + kv + c] += dv_cache[from + c];
        }
    }
}

pub fn examples(rng: &mut Rng) -> Vec<Example> {
    let mut examples = Vec::new();
    for (b, tokens, start, capacity, n_slots, kv, key_offset, extra) in
        [(1, 1, 0, 1, 1, 1, 0, 0), (3, 5, 2, 9, 4, 12, 24, 1), (17, 4, 0, 4, 17, 64, 64, 0), (2, 1, 7, 8, 5, 10, 3, 2)]
    {
        let dqkv = check::random("dqkv", &[b * tokens, key_offset + 2 * kv + extra], DType::F32, rng);
        let all: Vec<u32> = (0..n_slots as u32).collect();
        let slots = check::indices("slots", &rng.sample(&all, b));
        let dk_cache = check::random("dk_cache", &[n_slots, capacity, kv], DType::F32, rng);
        let dv_cache = check::random("dv_cache", &[n_slots, capacity, kv], DType::F32, rng);
        examples.push(Example {
            op: Op::KvWriteBackward(KvWriteBackward { forward: KvWrite { tokens, start, key_offset } }),
            inputs: vec![slots.0.clone(), dk_cache.0.clone(), dv_cache.0.clone()],
            outputs: vec![dqkv.0.clone()],
            contents: vec![dqkv, slots, dk_cache, dv_cache],
            tolerance: tolerance::EXACT,
        });
    }
    examples
}
