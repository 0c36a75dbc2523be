//! One workgroup per row and group.

use super::{Kernel, Launch, number, params::params, stored};
use crate::compute::Dispatch;
use crate::compute::gpu::tuning::Tuning;
use crate::compute::ops::layernorm::LayerNorm;

params! {
    n_rows: u32,
    n_columns: u32,
    first_column: u32,
    n_groups: u32,
    n_channels: u32,
    weight_stride: u32,
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

pub fn launch<'a>(op: &LayerNorm, dispatch: &'a Dispatch, tuning: &Tuning) -> Launch<'a> {
    let (x, weight, bias, out) =
        (&dispatch.inputs[0], &dispatch.inputs[1], dispatch.inputs.get(2), &dispatch.outputs[0]);
    let params = Params {
        n_rows: number(x.rows()),
        n_columns: number(x.columns()),
        first_column: number(op.groups.first_column),
        n_groups: number(op.groups.count),
        n_channels: number(weight.columns()),
        weight_stride: if weight.shape().len() == 2 { number(weight.columns()) } else { 0 },
        eps: op.eps,
    };
    Launch {
        kernel: &KERNEL,
        entry_point: "forward",
        conditions: Vec::new(),
        constants: vec![
            ("workgroup_size", tuning.lanes(128)),
            ("weight_type", stored(Some(weight))),
            ("bias_type", stored(bias)),
        ],
        params: bytemuck::bytes_of(&params).to_vec(),
        // Something must be bound where the bias would be; with `bias_type` absent it is not read.
        tensors: vec![x, weight, bias.unwrap_or(weight), out],
        workgroups: (x.rows() * op.groups.count) as u64,
    }
}
