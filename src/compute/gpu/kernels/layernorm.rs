//! One workgroup per row.

use super::{Kernel, Launch, number, params::params, stored};
use crate::compute::Dispatch;
use crate::compute::ops::layernorm::LayerNorm;

params! {
    n_rows: u32,
    n_columns: u32,
    eps: f32,
}

pub const KERNEL: Kernel = Kernel {
    name: "layernorm",
    source: include_str!("../../../../shaders/layernorm.wgsl"),
    params: FIELDS,
    params_bytes: size_of::<Params>(),
    n_inputs: 3,
    n_outputs: 1,
};

pub fn launch<'a>(op: &LayerNorm, dispatch: &'a Dispatch) -> Launch<'a> {
    let (x, weight, bias, out) =
        (&dispatch.inputs[0], &dispatch.inputs[1], dispatch.inputs.get(2), &dispatch.outputs[0]);
    let params = Params { n_rows: number(x.rows()), n_columns: number(x.columns()), eps: op.eps };
    Launch {
        kernel: &KERNEL,
        entry_point: "forward",
        constants: vec![("workgroup_size", 128), ("weight_type", stored(Some(weight))), ("bias_type", stored(bias))],
        params: bytemuck::bytes_of(&params).to_vec(),
        // Something must be bound where the bias would be; with `bias_type` absent it is not read.
        tensors: vec![x, weight, bias.unwrap_or(weight), out],
        workgroups: x.rows() as u64,
    }
}
