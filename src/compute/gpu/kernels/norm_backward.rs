//! One workgroup per row and group.

use super::{Kernel, Launch, number, params::params, stored, tensors};
use crate::compute::Dispatch;
use crate::compute::gpu::tuning::Tuning;
use crate::compute::ops::norm_backward::NormBackward;

params! {
    n_rows: u32,
    row_columns: u32,
    n_columns: u32,
    first_column: u32,
    n_groups: u32,
    has_rows: u32,
    eps: f32,
    weight_offset: f32,
    centred: u32,
    accumulate: u32,
}

pub const KERNEL: Kernel = Kernel {
    name: "norm_backward",
    source: include_str!("../../../../shaders/norm_backward.wgsl"),
    params: FIELDS,
    params_bytes: size_of::<Params>(),
    n_inputs: 3,
    n_outputs: 2,
};

pub fn launch<'a>(op: &NormBackward, dispatch: &'a Dispatch, tuning: &Tuning) -> Launch<'a> {
    let (x, weight) = (&dispatch.inputs[0], &dispatch.inputs[1]);
    let params = Params {
        n_rows: number(x.rows()),
        row_columns: number(x.columns()),
        n_columns: number(weight.columns()),
        first_column: number(op.first_column),
        n_groups: number(op.groups),
        has_rows: (weight.elements() > weight.columns()).into(),
        eps: op.eps,
        weight_offset: op.weight_offset,
        centred: op.centred.into(),
        accumulate: op.accumulate.into(),
    };
    Launch {
        kernel: &KERNEL,
        entry_point: "forward",
        conditions: Vec::new(),
        constants: vec![("workgroup_size", tuning.lanes(128)), ("weight_type", stored(Some(weight)))],
        params: bytemuck::bytes_of(&params).to_vec(),
        tensors: tensors(dispatch),
        workgroups: (x.rows() * op.groups) as u64,
    }
}
