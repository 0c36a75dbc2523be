//! One lane per element.

use super::{ELEMENTWISE_LANES, Kernel, Launch, elementwise, number, params::params, tensors};
use crate::compute::Dispatch;
use crate::compute::ops::relu_backward::ReluBackward;

params! {
    n_elements: u32,
    accumulate: u32,
}

pub const KERNEL: Kernel = Kernel {
    name: "relu_backward",
    source: include_str!("../../../../shaders/relu_backward.wgsl"),
    params: FIELDS,
    params_bytes: size_of::<Params>(),
    n_inputs: 2,
    n_outputs: 1,
};

pub fn launch<'a>(op: &ReluBackward, dispatch: &'a Dispatch) -> Launch<'a> {
    let elements = dispatch.outputs[0].elements();
    let params = Params { n_elements: number(elements), accumulate: op.accumulate.into() };
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
