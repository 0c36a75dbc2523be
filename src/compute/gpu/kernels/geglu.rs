//! One lane per element of the output.

use super::{ELEMENTWISE_LANES, Kernel, Launch, elementwise, number, params::params, tensors};
use crate::compute::Dispatch;
use crate::compute::ops::geglu::GeGlu;
use crate::compute::ops::gelu::Approximation;

params! {
    n_elements: u32,
    n_columns: u32,
}

pub const KERNEL: Kernel = Kernel {
    name: "geglu",
    source: include_str!("../../../../shaders/geglu.wgsl"),
    params: FIELDS,
    params_bytes: size_of::<Params>(),
    n_inputs: 1,
    n_outputs: 1,
};

pub fn launch<'a>(op: &GeGlu, dispatch: &'a Dispatch) -> Launch<'a> {
    let out = &dispatch.outputs[0];
    let params = Params { n_elements: number(out.elements()), n_columns: number(out.columns()) };
    let use_tanh = u32::from(op.approximation == Approximation::Tanh);
    Launch {
        kernel: &KERNEL,
        entry_point: "forward",
        conditions: Vec::new(),
        constants: vec![("workgroup_size", ELEMENTWISE_LANES), ("use_tanh", use_tanh)],
        params: bytemuck::bytes_of(&params).to_vec(),
        tensors: tensors(dispatch),
        workgroups: elementwise(out.elements()),
    }
}
