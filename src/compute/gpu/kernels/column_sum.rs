//! One workgroup per 32 columns.

use super::{Kernel, Launch, number, params::params, tensors};
use crate::compute::Dispatch;
use crate::compute::ops::column_sum::ColumnSum;

params! {
    n_rows: u32,
    n_columns: u32,
    x_columns: u32,
    column: u32,
    accumulate: u32,
}

pub const KERNEL: Kernel = Kernel {
    name: "column_sum",
    source: include_str!("../../../../shaders/column_sum.wgsl"),
    params: FIELDS,
    params_bytes: size_of::<Params>(),
    n_inputs: 1,
    n_outputs: 1,
};

/// `COLUMNS` of the shader.
const COLUMNS: u64 = 32;

pub fn launch<'a>(op: &ColumnSum, dispatch: &'a Dispatch) -> Launch<'a> {
    let (x, out) = (&dispatch.inputs[0], &dispatch.outputs[0]);
    let params = Params {
        n_rows: number(x.rows()),
        n_columns: number(out.elements()),
        x_columns: number(x.columns()),
        column: number(op.column),
        accumulate: op.accumulate.into(),
    };
    Launch {
        kernel: &KERNEL,
        entry_point: "forward",
        conditions: Vec::new(),
        constants: Vec::new(),
        params: bytemuck::bytes_of(&params).to_vec(),
        tensors: tensors(dispatch),
        workgroups: (out.elements() as u64).div_ceil(COLUMNS),
    }
}
