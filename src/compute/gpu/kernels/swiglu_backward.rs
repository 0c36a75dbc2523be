//! One lane per element of the output of the forward.

use super::{ELEMENTWISE_LANES, Kernel, Launch, elementwise, number, params::params, tensors};
use crate::compute::Dispatch;
use crate::compute::ops::swiglu_backward::SwiGluBackward;

params! {
    n_elements: u32,
    n_columns: u32,
    accumulate: u32,
}

pub const KERNEL: Kernel = Kernel {
    name: "swiglu_backward",
    source: include_str!("../../../../shaders/swiglu_backward.wgsl"),
    params: FIELDS,
    params_bytes: size_of::<Params>(),
    n_inputs: 2,
    n_outputs: 1,
};

pub fn launch<'a>(op: &SwiGluBackward, dispatch: &'a Dispatch) -> Launch<'a> {
    let dout = &dispatch.inputs[1];
    let params = Params {
        n_elements: number(dout.elements()),
        n_columns: number(dout.columns()),
        accumulate: op.accumulate.into(),
    };
    Launch {
        kernel: &KERNEL,
        entry_point: "forward",
        conditions: Vec::new(),
        constants: vec![("workgroup_size", ELEMENTWISE_LANES)],
        params: bytemuck::bytes_of(&params).to_vec(),
        tensors: tensors(dispatch),
        workgroups: elementwise(dout.elements()),
    }
}
