//! Tiles of outputs.

use super::matmul::tile_for;
use super::{Kernel, Launch, number, params::params, tensors};
use crate::compute::Dispatch;
use crate::compute::gpu::tuning::Tuning;
use crate::compute::ops::matmul_weight_backward::MatMulWeightBackward;

params! {
    n_rows: u32,
    n_out_rows: u32,
    n_out_columns: u32,
    a_columns: u32,
    a_column: u32,
    b_columns: u32,
    b_column: u32,
    accumulate: u32,
}

pub const KERNEL: Kernel = Kernel {
    name: "matmul_weight_backward",
    source: include_str!("../../../../shaders/matmul_weight_backward.wgsl"),
    params: FIELDS,
    params_bytes: size_of::<Params>(),
    n_inputs: 2,
    n_outputs: 1,
};

pub fn launch<'a>(op: &MatMulWeightBackward, dispatch: &'a Dispatch, tuning: &Tuning) -> Launch<'a> {
    let (a, b, out) = (&dispatch.inputs[0], &dispatch.inputs[1], &dispatch.outputs[0]);
    let params = Params {
        n_rows: number(a.rows()),
        n_out_rows: number(out.rows()),
        n_out_columns: number(out.columns()),
        a_columns: number(a.columns()),
        a_column: number(op.a_column),
        b_columns: number(b.columns()),
        b_column: number(op.b_column),
        accumulate: op.accumulate.into(),
    };
    let tile = tile_for(out.rows(), tuning);
    Launch {
        kernel: &KERNEL,
        entry_point: "forward",
        conditions: if tile.is_staged() { vec!["staged"] } else { Vec::new() },
        constants: tile.constants(),
        params: bytemuck::bytes_of(&params).to_vec(),
        tensors: tensors(dispatch),
        workgroups: (out.rows().div_ceil(tile.rows()) * out.columns().div_ceil(tile.columns())) as u64,
    }
}
