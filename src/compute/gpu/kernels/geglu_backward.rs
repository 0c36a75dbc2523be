//! One lane per element of the output of the forward.

use super::{ELEMENTWISE_LANES, Kernel, Launch, elementwise, number, params::params, tensors};
use crate::compute::Dispatch;
use crate::compute::ops::geglu_backward::GeGluBackward;
use crate::compute::ops::gelu::Approximation;

params! {
    n_elements: u32,
    n_columns: u32,
    accumulate: u32,
}

pub const KERNEL: Kernel = Kernel {
    name: "geglu_backward",
    source: include_str!("../../../../shaders/geglu_backward.wgsl"),
    params: FIELDS,
    params_bytes: size_of::<Params>(),
    n_inputs: 2,
    n_outputs: 1,
};

pub fn launch<'a>(op: &GeGluBackward, dispatch: &'a Dispatch) -> Launch<'a> {
    let dout = &dispatch.inputs[1];
    let params = Params {
        n_elements: number(dout.elements()),
        n_columns: number(dout.columns()),
        accumulate: op.accumulate.into(),
    };
    let use_tanh = u32::from(op.approximation == Approximation::Tanh);
    Launch {
        kernel: &KERNEL,
        entry_point: "forward",
        conditions: Vec::new(),
        constants: vec![("workgroup_size", ELEMENTWISE_LANES), ("use_tanh", use_tanh)],
        params: bytemuck::bytes_of(&params).to_vec(),
        tensors: tensors(dispatch),
        workgroups: elementwise(dout.elements()),
    }
}
