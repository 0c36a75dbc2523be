//! One lane per row and channel of the keys.

use super::{ELEMENTWISE_LANES, Kernel, Launch, elementwise, number, params::params, tensors};
use crate::compute::Dispatch;
use crate::compute::ops::kv_write::KvWrite;

params! {
    n_elements: u32,
    n_columns: u32,
    n_tokens: u32,
    start: u32,
    key_offset: u32,
    n_slots: u32,
    capacity: u32,
    kv_size: u32,
}

pub const KERNEL: Kernel = Kernel {
    name: "kv_write",
    source: include_str!("../../../../shaders/kv_write.wgsl"),
    params: FIELDS,
    params_bytes: size_of::<Params>(),
    n_inputs: 2,
    n_outputs: 2,
};

pub fn launch<'a>(op: &KvWrite, dispatch: &'a Dispatch) -> Launch<'a> {
    let (qkv, k_cache) = (&dispatch.inputs[0], &dispatch.outputs[0]);
    let elements = qkv.rows() * k_cache.columns();
    let params = Params {
        n_elements: number(elements),
        n_columns: number(qkv.columns()),
        n_tokens: number(op.tokens),
        start: number(op.start),
        key_offset: number(op.key_offset),
        n_slots: number(k_cache.shape()[0]),
        capacity: number(k_cache.shape()[1]),
        kv_size: number(k_cache.columns()),
    };
    Launch {
        kernel: &KERNEL,
        entry_point: "forward",
        conditions: Vec::new(),
        constants: vec![("workgroup_size", ELEMENTWISE_LANES)],
        params: bytemuck::bytes_of(&params).to_vec(),
        tensors: tensors(dispatch),
        workgroups: elementwise(elements),
    }
}
