//! One lane per row, head and pair.

use super::{ELEMENTWISE_LANES, Kernel, Launch, elementwise, number, params::params, tensors};
use crate::compute::Dispatch;
use crate::compute::ops::rope::{Pairing, Rope};

params! {
    n_elements: u32,
    n_columns: u32,
    n_heads: u32,
    head_size: u32,
    n_pairs: u32,
    interleaved: u32,
    transposed: u32,
    magnitude: f32,
}

pub const KERNEL: Kernel = Kernel {
    name: "rope",
    source: include_str!("../../../../shaders/rope.wgsl"),
    params: FIELDS,
    params_bytes: size_of::<Params>(),
    n_inputs: 2,
    n_outputs: 1,
};

pub fn launch<'a>(op: &Rope, dispatch: &'a Dispatch) -> Launch<'a> {
    let (inv_freq, qkv) = (&dispatch.inputs[1], &dispatch.outputs[0]);
    let elements = qkv.rows() * op.n_heads * inv_freq.elements();
    let params = Params {
        n_elements: number(elements),
        n_columns: number(qkv.columns()),
        n_heads: number(op.n_heads),
        head_size: number(op.head_size),
        n_pairs: number(inv_freq.elements()),
        interleaved: (op.pairing == Pairing::Interleaved).into(),
        transposed: op.transposed.into(),
        magnitude: op.magnitude,
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
