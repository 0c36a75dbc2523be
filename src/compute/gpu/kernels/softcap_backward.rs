//! One lane per element.

use super::{ELEMENTWISE_LANES, Kernel, Launch, elementwise, number, params::params, tensors};
use crate::compute::Dispatch;
use crate::compute::ops::softcap_backward::SoftcapBackward;

params! {
    n_elements: u32,
    cap: f32,
}

pub const KERNEL: Kernel = Kernel {
    name: "softcap_backward",
    source: include_str!("../../../../shaders/softcap_backward.wgsl"),
    params: FIELDS,
    params_bytes: size_of::<Params>(),
    n_inputs: 1,
    n_outputs: 1,
};

pub fn launch<'a>(op: &SoftcapBackward, dispatch: &'a Dispatch) -> Launch<'a> {
    let elements = dispatch.outputs[0].elements();
    let params = Params { n_elements: number(elements), cap: op.cap };
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
