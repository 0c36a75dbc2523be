//! Tiles of 64 × 64 outputs, or a few columns at a time when there are few rows.

use super::{Kernel, Launch, number, params::params, stored};
use crate::compute::Dispatch;
use crate::compute::ops::matmul::{MatMul, WeightLayout};

params! {
    n_rows: u32,
    n_outputs: u32,
    n_inputs: u32,
    out_columns: u32,
    column_offset: u32,
    accumulate: u32,
}

pub const KERNEL: Kernel = Kernel {
    name: "matmul",
    source: include_str!("../../../../shaders/matmul.wgsl"),
    params: FIELDS,
    params_bytes: size_of::<Params>(),
    n_inputs: 3,
    n_outputs: 1,
};

/// `TILE` of the shader.
const TILE: usize = 64;
/// `LANES` of the shader.
const LANES: u32 = 256;
/// Rows up to which a tile would be mostly empty.
const FEW_ROWS_MAX: usize = 8;

pub fn launch<'a>(op: &MatMul, dispatch: &'a Dispatch) -> Launch<'a> {
    let (x, weight, bias, out) =
        (&dispatch.inputs[0], &dispatch.inputs[1], dispatch.inputs.get(2), &dispatch.outputs[0]);
    let (n, k) = op.n_k(weight);
    let m = x.rows();
    let params = Params {
        n_rows: number(m),
        n_outputs: number(n),
        n_inputs: number(k),
        out_columns: number(out.columns()),
        column_offset: number(op.column_offset),
        accumulate: op.accumulate.into(),
    };
    let in_out = op.layout == WeightLayout::InOut;
    let mut constants =
        vec![("weight_type", stored(Some(weight))), ("bias_type", stored(bias)), ("weight_in_out", in_out.into())];
    let (entry_point, workgroups) = if m <= FEW_ROWS_MAX {
        // Lanes run along the contiguous axis: 32 inputs of 8 columns, or 32 columns of 8 inputs.
        let lanes_per_column = if in_out { 8 } else { 32 };
        constants.push(("lanes_per_column", lanes_per_column));
        let few_rows = match m {
            1 => 1,
            2..=4 => 4,
            _ => 8,
        };
        constants.push(("few_rows", few_rows));
        ("forward_few_rows", (n as u64).div_ceil(u64::from(LANES / lanes_per_column)))
    } else {
        ("forward", (m.div_ceil(TILE) * n.div_ceil(TILE)) as u64)
    };
    Launch {
        kernel: &KERNEL,
        entry_point,
        constants,
        params: bytemuck::bytes_of(&params).to_vec(),
        // Something must be bound where the bias would be; with `bias_type` absent it is not read.
        tensors: vec![x, weight, bias.unwrap_or(weight), out],
        workgroups: if m == 0 { 0 } else { workgroups },
    }
}
