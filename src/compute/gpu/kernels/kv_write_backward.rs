//! One lane per row and channel of the keys.

use super::{ELEMENTWISE_LANES, Kernel, Launch, elementwise, number, params::params, tensors};
use crate::compute::Dispatch;
use crate::compute::ops::kv_write_backward::KvWriteBackward;

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
    name: "kv_write_backward",
    source: include_str!("../../../../shaders/kv_write_backward.wgsl"),
    params: FIELDS,
    params_bytes: size_of::<Params>(),
    n_inputs: 3,
    n_outputs: 1,
};

pub fn launch<'a>(op: &KvWriteBackward, dispatch: &'a Dispatch) -> Launch<'a> {
    let (dk_cache, dqkv) = (&dispatch.inputs[1], &dispatch.outputs[0]);
    let elements = dqkv.rows() * dk_cache.columns();
    let params = Params {
        n_elements: number(elements),
        n_columns: number(dqkv.columns()),
        n_tokens: number(op.forward.tokens),
        start: number(op.forward.start),
        key_offset: number(op.forward.key_offset),
        n_slots: number(dk_cache.shape()[0]),
        capacity: number(dk_cache.shape()[1]),
        kv_size: number(dk_cache.columns()),
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
