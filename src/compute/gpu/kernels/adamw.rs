//! One lane per element.

use super::{ELEMENTWISE_LANES, Kernel, Launch, elementwise, number, params::params, tensors};
use crate::compute::Dispatch;
use crate::compute::ops::adamw::AdamW;

params! {
    n_elements: u32,
    decay: f32,
    one_minus_beta1: f32,
    beta2: f32,
    one_minus_beta2: f32,
    step_size: f32,
    root_bias_correction: f32,
    eps: f32,
    gradient_scale: f32,
}

pub const KERNEL: Kernel = Kernel {
    name: "adamw",
    source: include_str!("../../../../shaders/adamw.wgsl"),
    params: FIELDS,
    params_bytes: size_of::<Params>(),
    n_inputs: 1,
    n_outputs: 3,
};

pub fn launch<'a>(op: &AdamW, dispatch: &'a Dispatch) -> Launch<'a> {
    let elements = dispatch.outputs[0].elements();
    let factors = op.factors();
    let params = Params {
        n_elements: number(elements),
        decay: factors.decay as f32,
        one_minus_beta1: factors.one_minus_beta1 as f32,
        beta2: factors.beta2 as f32,
        one_minus_beta2: factors.one_minus_beta2 as f32,
        step_size: factors.step_size as f32,
        root_bias_correction: factors.root_bias_correction as f32,
        eps: factors.eps as f32,
        gradient_scale: factors.gradient_scale as f32,
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
