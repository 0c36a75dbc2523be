//! One workgroup per 32 elements of the weight.

use super::{Kernel, Launch, number, params::params, tensors};
use crate::compute::Dispatch;
use crate::compute::ops::norm_weight_backward::NormWeightBackward;

params! {
    n_rows: u32,
    n_columns: u32,
    row_columns: u32,
    n_channels: u32,
    first_column: u32,
    n_groups: u32,
    accumulate: u32,
}

pub const KERNEL: Kernel = Kernel {
    name: "norm_weight_backward",
    source: include_str!("../../../../shaders/norm_weight_backward.wgsl"),
    params: FIELDS,
    params_bytes: size_of::<Params>(),
    n_inputs: 3,
    n_outputs: 1,
};

/// `COLUMNS` of the shader.
const COLUMNS: u64 = 32;

pub fn launch<'a>(op: &NormWeightBackward, dispatch: &'a Dispatch) -> Launch<'a> {
    let (x, dweight) = (&dispatch.inputs[0], &dispatch.outputs[0]);
    let params = Params {
        n_rows: number(x.rows()),
        n_columns: number(dweight.elements()),
        row_columns: number(x.columns()),
        n_channels: number(dweight.columns()),
        first_column: number(op.first_column),
        n_groups: number(op.groups),
        accumulate: op.accumulate.into(),
    };
    Launch {
        kernel: &KERNEL,
        entry_point: "forward",
        conditions: Vec::new(),
        constants: Vec::new(),
        params: bytemuck::bytes_of(&params).to_vec(),
        tensors: tensors(dispatch),
        workgroups: (dweight.elements() as u64).div_ceil(COLUMNS),
    }
}
