//! One workgroup per value and key/value head.

use super::attention::{channels_per_lane, heads_fit, n_seen_by_all, window};
use super::{Kernel, Launch, number, params::params};
use crate::compute::ops::attention::Mask;
use crate::compute::ops::attention_backward_value::AttentionBackwardValue;
use crate::compute::{ComputeError, Dispatch, Tensor};

params! {
    n_rows: u32,
    n_columns: u32,
    n_heads: u32,
    n_kv_heads: u32,
    head_size: u32,
    n_tokens: u32,
    start: u32,
    n_slots: u32,
    capacity: u32,
    window: u32,
    n_seen_by_all: u32,
    masked: u32,
    scale: f32,
    softcap: f32,
    n_slot_rows: u32,
    accumulate: u32,
}

pub const KERNEL: Kernel = Kernel {
    name: "attention_backward_value",
    source: include_str!("../../../../shaders/attention_backward_value.wgsl"),
    params: FIELDS,
    params_bytes: size_of::<Params>(),
    n_inputs: 6,
    n_outputs: 1,
};

pub fn launch<'a>(op: &AttentionBackwardValue, dispatch: &'a Dispatch) -> Result<Launch<'a>, ComputeError> {
    let (qkv, k_own, forward) = (&dispatch.inputs[0], &dispatch.inputs[2], &op.forward);
    heads_fit("attention_backward_value", forward, qkv)?;
    let params = Params {
        n_rows: number(qkv.rows()),
        n_columns: number(qkv.columns()),
        n_heads: number(forward.n_heads),
        n_kv_heads: number(forward.n_kv_heads),
        head_size: number(forward.head_size),
        n_tokens: number(forward.tokens),
        start: number(forward.start),
        n_slots: number(k_own.shape()[0]),
        capacity: number(k_own.shape()[1]),
        window: window(forward),
        n_seen_by_all: n_seen_by_all(forward),
        masked: (forward.mask == Mask::Given).into(),
        scale: forward.scale,
        softcap: forward.softcap.unwrap_or(0.0),
        n_slot_rows: number(dispatch.inputs[1].elements()),
        accumulate: op.accumulate.into(),
    };
    // The values are not read, and something must be bound where the mask would be.
    let mut tensors: Vec<&Tensor> = [0, 1, 2, 4, 5].map(|i| &dispatch.inputs[i]).to_vec();
    tensors.push(dispatch.inputs.get(6).unwrap_or(&dispatch.inputs[1]));
    tensors.extend(&dispatch.outputs);
    Ok(Launch {
        kernel: &KERNEL,
        entry_point: "forward",
        constants: vec![("channels_per_lane", channels_per_lane(forward))],
        params: bytemuck::bytes_of(&params).to_vec(),
        tensors,
        workgroups: (k_own.elements() / forward.head_size) as u64,
    })
}
