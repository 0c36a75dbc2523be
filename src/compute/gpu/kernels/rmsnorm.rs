//! One workgroup per row and group.

use super::{Kernel, Launch, number, params::params, stored, tensors};
use crate::compute::Dispatch;
use crate::compute::gpu::tuning::Tuning;
use crate::compute::ops::rmsnorm::RmsNorm;

params! {
    n_rows: u32,
    n_columns: u32,
    first_column: u32,
    n_groups: u32,
    n_channels: u32,
    weight_stride: u32,
    accumulate: u32,
    eps: f32,
    weight_offset: f32,
}

pub const KERNEL: Kernel = Kernel {
    name: "rmsnorm",
    source: include_str!("../../../../shaders/rmsnorm.wgsl"),
    params: FIELDS,
    params_bytes: size_of::<Params>(),
    n_inputs: 2,
    n_outputs: 1,
};

pub fn launch<'a>(op: &RmsNorm, dispatch: &'a Dispatch, tuning: &Tuning) -> Launch<'a> {
    let (x, weight) = (&dispatch.inputs[0], &dispatch.inputs[1]);
    let params = Params {
        n_rows: number(x.rows()),
        n_columns: number(x.columns()),
        first_column: number(op.groups.first_column),
        n_groups: number(op.groups.count),
        n_channels: number(weight.columns()),
        weight_stride: if weight.shape().len() == 2 { number(weight.columns()) } else { 0 },
        accumulate: op.accumulate.into(),
        eps: op.eps,
        weight_offset: op.weight_offset,
    };
    Launch {
        kernel: &KERNEL,
        entry_point: "forward",
        conditions: Vec::new(),
        constants: vec![("workgroup_size", tuning.lanes(128)), ("weight_type", stored(Some(weight)))],
        params: bytemuck::bytes_of(&params).to_vec(),
        tensors: tensors(dispatch),
        workgroups: (x.rows() * op.groups.count) as u64,
    }
}
