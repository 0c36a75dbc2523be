//! One workgroup per 32 rows.

use super::{Kernel, Launch, number, params::params, tensors};
use crate::compute::Dispatch;
use crate::compute::ops::knn::Knn;

params! {
    n_points: u32,
    n_columns: u32,
    row_start: u32,
    n_rows: u32,
    n_neighbours: u32,
}

pub const KERNEL: Kernel = Kernel {
    name: "knn",
    source: include_str!("../../../../shaders/knn.wgsl"),
    params: FIELDS,
    params_bytes: size_of::<Params>(),
    n_inputs: 1,
    n_outputs: 2,
};

/// `ROWS` of the shader.
const ROWS: u64 = 32;

pub fn launch<'a>(op: &Knn, dispatch: &'a Dispatch) -> Launch<'a> {
    let (x, neighbours) = (&dispatch.inputs[0], &dispatch.outputs[0]);
    let params = Params {
        n_points: number(x.rows()),
        n_columns: number(x.columns()),
        row_start: number(op.row_start),
        n_rows: number(neighbours.rows()),
        n_neighbours: number(neighbours.columns()),
    };
    // Without neighbours there is no list to keep.
    let workgroups = if neighbours.columns() == 0 { 0 } else { (neighbours.rows() as u64).div_ceil(ROWS) };
    Launch {
        kernel: &KERNEL,
        entry_point: "forward",
        conditions: Vec::new(),
        constants: Vec::new(),
        params: bytemuck::bytes_of(&params).to_vec(),
        tensors: tensors(dispatch),
        workgroups,
    }
}
