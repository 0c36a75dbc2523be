//! Tiles of outputs, or a few columns at a time when there are few rows.

use super::{Kernel, Launch, number, params::params, stored};
use crate::compute::Dispatch;
use crate::compute::gpu::shaders;
use crate::compute::gpu::tuning::{FLAT_TILES, SMALL_TILE, Tile, Tuning};
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

/// Rows up to which a tile would be mostly empty.
const FEW_ROWS_MAX: usize = 8;
/// `GROUPS` of the shader: columns of a workgroup with few rows, or fours of columns for weights stored (K,N).
const FEW_ROWS_GROUPS: usize = 8;

pub fn launch<'a>(op: &MatMul, dispatch: &'a Dispatch, tuning: &Tuning) -> Launch<'a> {
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
    let mut conditions = Vec::new();
    for (holds, condition) in [
        (in_out, "in_out"),
        (weight.dtype().is_block(), "blocks"),
        (k.is_multiple_of(4), "x_in_fours"),
        (weight.columns().is_multiple_of(4), "weight_in_fours"),
    ] {
        if holds {
            conditions.push(condition);
        }
    }
    let mut constants = vec![("weight_type", stored(Some(weight))), ("bias_type", stored(bias))];
    let workgroups = if tuning.tile.is_staged() && m <= FEW_ROWS_MAX {
        conditions.push("few_rows");
        let rows_held = match m {
            1 => 1,
            2..=4 => 4,
            _ => 8,
        };
        constants.push(("rows_held", rows_held));
        n.div_ceil(if in_out { 4 * FEW_ROWS_GROUPS } else { FEW_ROWS_GROUPS })
    } else {
        let tile = tile_for(m, tuning);
        if tile.is_staged() {
            conditions.push("staged");
            if tuning.half {
                conditions.push(shaders::F16);
            }
        }
        constants.extend(tile.constants());
        m.div_ceil(tile.rows()) * n.div_ceil(tile.columns())
    };
    Launch {
        kernel: &KERNEL,
        entry_point: "forward",
        conditions,
        constants,
        params: bytemuck::bytes_of(&params).to_vec(),
        // Something must be bound where the bias would be; with `bias_type` absent it is not read.
        tensors: vec![x, weight, bias.unwrap_or(weight), out],
        workgroups: if m == 0 { 0 } else { workgroups as u64 },
    }
}

/// The device's tile, unless most of its rows would be empty.
pub(super) fn tile_for(rows: usize, tuning: &Tuning) -> Tile {
    if tuning.tile.is_staged() {
        return if rows <= SMALL_TILE.rows() { SMALL_TILE } else { tuning.tile };
    }
    FLAT_TILES.into_iter().find(|tile| rows <= tile.rows()).unwrap_or(tuning.tile)
}
