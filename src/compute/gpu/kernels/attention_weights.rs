//! One workgroup per row and head.

use super::attention::{n_seen_by_all, window};
use super::{Kernel, Launch, number, params::params, tensors};
use crate::compute::Dispatch;
use crate::compute::ops::attention::Mask;
use crate::compute::ops::attention_weights::AttentionWeights;

params! {
    n_rows: u32,
    n_columns: u32,
    n_heads: u32,
    n_kv_heads: u32,
    head_size: u32,
    n_tokens: u32,
    start: u32,
    prefix_tokens: u32,
    n_slots: u32,
    capacity: u32,
    window: u32,
    n_seen_by_all: u32,
    masked: u32,
    scale: f32,
    softcap: f32,
}

pub const KERNEL: Kernel = Kernel {
    name: "attention_weights",
    source: include_str!("../../../../shaders/attention_weights.wgsl"),
    params: FIELDS,
    params_bytes: size_of::<Params>(),
    n_inputs: 5,
    n_outputs: 1,
};

pub fn launch<'a>(op: &AttentionWeights, dispatch: &'a Dispatch) -> Launch<'a> {
    let op = &op.attention;
    let (qkv, slots, k_own) = (&dispatch.inputs[0], &dispatch.inputs[1], &dispatch.inputs[2]);
    let masked = op.mask == Mask::Given;
    let params = Params {
        n_rows: number(qkv.rows()),
        n_columns: number(qkv.columns()),
        n_heads: number(op.n_heads),
        n_kv_heads: number(op.n_kv_heads),
        head_size: number(op.head_size),
        n_tokens: number(op.tokens),
        start: number(op.start),
        prefix_tokens: number(op.prefix_tokens),
        n_slots: number(k_own.shape()[0]),
        capacity: number(k_own.shape()[1]),
        window: window(op),
        n_seen_by_all: n_seen_by_all(op),
        masked: masked.into(),
        scale: op.scale,
        softcap: op.softcap.unwrap_or(0.0),
    };
    let mut tensors = tensors(dispatch);
    // As for `attention`: something must be bound where prefix and mask would be.
    if dispatch.inputs.len() == 3 + usize::from(masked) {
        tensors.insert(3, k_own);
    }
    if !masked {
        tensors.insert(4, slots);
    }
    Launch {
        kernel: &KERNEL,
        entry_point: "forward",
        constants: vec![("workgroup_size", 128)],
        params: bytemuck::bytes_of(&params).to_vec(),
        tensors,
        workgroups: qkv.rows() as u64 * op.n_heads as u64,
    }
}
