//! One lane per element.

use super::{ELEMENTWISE_LANES, Kernel, Launch, elementwise, number, params::params, tensors};
use crate::compute::Dispatch;
use crate::compute::ops::softcap::Softcap;

params! {
    n_elements: u32,
    cap: f32,
}

pub const KERNEL: Kernel = Kernel {
    name: "softcap",
    source: include_str!("../../../../shaders/softcap.wgsl"),
    params: FIELDS,
    params_bytes: size_of::<Params>(),
    n_inputs: 0,
    n_outputs: 1,
};

pub fn launch<'a>(op: &Softcap, dispatch: &'a Dispatch) -> Launch<'a> {
    let x = &dispatch.outputs[0];
    let params = Params { n_elements: number(x.elements()), cap: op.cap };
    Launch {
        kernel: &KERNEL,
        entry_point: "forward",
        conditions: Vec::new(),
        constants: vec![("workgroup_size", ELEMENTWISE_LANES)],
        params: bytemuck::bytes_of(&params).to_vec(),
        tensors: tensors(dispatch),
        workgroups: elementwise(x.elements()),
    }
}
