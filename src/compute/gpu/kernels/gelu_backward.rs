//! One lane per element.

use super::{ELEMENTWISE_LANES, Kernel, Launch, elementwise, number, params::params, tensors};
use crate::compute::Dispatch;
use crate::compute::ops::gelu::Approximation;
use crate::compute::ops::gelu_backward::GeluBackward;

params! {
    n_elements: u32,
    accumulate: u32,
}

pub const KERNEL: Kernel = Kernel {
    name: "gelu_backward",
    source: include_str!("../../../../shaders/gelu_backward.wgsl"),
    params: FIELDS,
    params_bytes: size_of::<Params>(),
    n_inputs: 2,
    n_outputs: 1,
};

pub fn launch<'a>(op: &GeluBackward, dispatch: &'a Dispatch) -> Launch<'a> {
    let elements = dispatch.outputs[0].elements();
    let params = Params { n_elements: number(elements), accumulate: op.accumulate.into() };
    let use_tanh = u32::from(op.approximation == Approximation::Tanh);
    Launch {
        kernel: &KERNEL,
        entry_point: "forward",
        conditions: Vec::new(),
        constants: vec![("workgroup_size", ELEMENTWISE_LANES), ("use_tanh", use_tanh)],
        params: bytemuck::bytes_of(&params).to_vec(),
        tensors: tensors(dispatch),
        workgroups: elementwise(elements),
    }
}
