//! The CPU's dense projection: packed blocks and a micro-kernel in registers (Goto & van de Geijn 2008; Van Zee & van de
//! Geijn 2015), with weights widened from their stored type while they are packed.
//!
//! Every output is one sum over the inputs in their order, cut at multiples of [`BLOCK_INPUTS`]: the parts are summed one
//! input after another and then added up. No path, tile, register width or number of threads changes that order, so a
//! row gives the same bits alone and in any batch.

mod gram;
mod outputs;
mod pack;
mod stream;
mod tile;

use std::ops::Range;

use super::parallel::{self, Shared};
use super::values::Weights;
use crate::compute::ops::matmul::{MatMul, WeightLayout};
pub use gram::Gram;
use pack::Stored;
use tile::{Kernels, Onto, Tile};

/// M rows, N outputs, K inputs; `out` has rows of `out_columns`.
#[derive(Clone, Copy)]
pub struct Shape {
    pub m: usize,
    pub n: usize,
    pub k: usize,
    pub out_columns: usize,
}

/// Inputs of a block, and of a part of a sum: a panel of weights (16 KiB at eight columns) stays in the first-level cache
/// while all rows of a block pass over it. A tile is written once a block, so blocks are not shorter than that.
const BLOCK_INPUTS: usize = 512;
/// Rows of a block: 512 KiB of packed inputs stay in the second-level cache while some panels pass over them.
const BLOCK_ROWS: usize = 256;
const BLOCK_FLOATS: usize = BLOCK_ROWS * BLOCK_INPUTS;
/// Inputs that are packed at a time, 16 MiB. The weights are packed anew for each such part of the rows.
const PACKED_FLOATS_MAX: usize = 4 << 20;
/// Rows up to which packing a weight takes longer than it saves: twelve are as fast either way, six 1.4 times as fast in
/// place.
const STREAM_ROWS: usize = 10;
/// Floats of a line of the cache.
const LINE: usize = 16;
/// Columns below which it does not pay to hand a stretch to another thread.
const STRETCH_COLUMNS_MIN: usize = 64;

pub fn forward(op: &MatMul, shape: Shape, x: &[f32], weight: Weights<'_>, bias: Option<&[f32]>, out: &mut [f32]) {
    forward_with(kernels(), op, shape, x, weight, bias, out);
}

/// The best kernels that this processor has.
pub fn kernels() -> &'static Kernels {
    tile::available().next().expect("OK because every processor has one")
}

fn forward_with(
    kernels: &Kernels,
    op: &MatMul,
    shape: Shape,
    x: &[f32],
    weight: Weights<'_>,
    bias: Option<&[f32]>,
    out: &mut [f32],
) {
    let Shape { m, n, k, out_columns } = shape;
    if m == 0 || n == 0 {
        return;
    }
    assert!(x.len() >= m * k && weight.len() >= n * k, "OK because every recording was checked for shapes");
    assert!(op.column_offset + n <= out_columns && out.len() >= m * out_columns, "checked as well");
    assert!(bias.is_none_or(|bias| bias.len() >= n), "checked as well");
    let stored = Stored { weight, layout: op.layout, n, k };
    let out = Shared(out.as_mut_ptr());
    if m <= STREAM_ROWS && op.layout == WeightLayout::InOut {
        return stream::forward(kernels, op, shape, x, stored, bias, out);
    }
    if m <= outputs::ROWS
        && op.layout == WeightLayout::OutIn
        && outputs::forward(kernels, op, shape, x, weight, bias, out).is_some()
    {
        return;
    }
    let kernel = kernels.of_rows(m);
    let rows_at_a_time = m.min((PACKED_FLOATS_MAX / k.max(1)).max(BLOCK_ROWS).next_multiple_of(kernel.rows));
    let columns_at_a_time = stored.columns_at_a_time(kernel, rows_at_a_time * k > BLOCK_FLOATS);
    // Several threads take shorter stretches than one would, or the last of them would wait.
    let stretch = stretch(n, kernel.columns.max(LINE));
    let columns_at_a_time = columns_at_a_time.min(stretch);
    let block_rows = BLOCK_ROWS.next_multiple_of(kernel.rows);
    let mut packed = Vec::with_capacity(rows_at_a_time * k);
    for first_row in (0..m).step_by(rows_at_a_time) {
        let rows = rows_at_a_time.min(m - first_row);
        pack_rows(&x[first_row * k..], rows, k, kernel.rows, &mut packed);
        parallel::each(n.div_ceil(stretch), |index| {
            let columns = index * stretch..((index + 1) * stretch).min(n);
            let mut panels = vec![0.0; columns_at_a_time * k.min(BLOCK_INPUTS)];
            let mut scratch = Vec::new();
            let mut multiply = |first: usize, inputs: Range<usize>| {
                let last = (first + columns_at_a_time).min(columns.end);
                stored.pack(kernel, first..last, inputs.clone(), &mut scratch, &mut panels);
                for block in (0..rows).step_by(block_rows) {
                    for (panel, column) in (first..last).step_by(kernel.columns).enumerate() {
                        for row in (block..(block + block_rows).min(rows)).step_by(kernel.rows) {
                            let tile = Tile {
                                k: inputs.len(),
                                a: packed[rows * inputs.start + row * inputs.len()..].as_ptr(),
                                b: panels[panel * inputs.len() * kernel.columns..].as_ptr(),
                                rows: kernel.rows.min(rows - row),
                                columns: kernel.columns.min(last - column),
                                out: out.at((first_row + row) * out_columns + op.column_offset + column),
                                out_stride: out_columns,
                                onto: Onto::of(op, inputs.start, bias.map(|bias| &bias[column..])),
                            };
                            // SAFETY: `packed` and `panels` were filled for these rows, columns and inputs; this
                            // stretch's columns of `out` are written by this call alone.
                            unsafe { kernel.run(&tile) };
                        }
                    }
                }
            };
            let firsts = columns.clone().step_by(columns_at_a_time);
            if rows * k <= BLOCK_FLOATS && op.layout == WeightLayout::OutIn {
                // All packed rows stay in the second-level cache anyway: the weights are read along their rows.
                firsts.for_each(|first| blocks(k).for_each(|inputs| multiply(first, inputs)));
            } else {
                blocks(k).for_each(|inputs| firsts.clone().for_each(|first| multiply(first, inputs.clone())));
            }
        });
    }
}

/// The blocks of a sum; one empty block where there is nothing to add, since a bias may have to be written.
fn blocks(k: usize) -> impl Iterator<Item = Range<usize>> {
    (0..k.max(1)).step_by(BLOCK_INPUTS).map(move |start| start..(start + BLOCK_INPUTS).min(k))
}

/// Rows of `x` block by block, and within a block tile by tile.
fn pack_rows(x: &[f32], rows: usize, k: usize, tile_rows: usize, packed: &mut Vec<f32>) {
    packed.clear();
    packed.reserve_exact(rows * k);
    let to = Shared(packed.as_mut_ptr());
    parallel::each(rows.div_ceil(tile_rows), |index| {
        let row = index * tile_rows;
        let height = tile_rows.min(rows - row);
        for inputs in blocks(k) {
            // SAFETY: x holds (rows, k), `packed` room for as many, and every float of it is written once.
            unsafe {
                let from = x.as_ptr().add(row * k + inputs.start);
                pack::rows(from, k, height, inputs.len(), to.at(rows * inputs.start + row * inputs.len()));
            }
        }
    });
    // SAFETY: all rows of all blocks were written above.
    unsafe { packed.set_len(rows * k) };
}

/// Columns a thread takes at a time, a multiple of some number: a few stretches a thread, so that a slow one does not hold up
/// the rest. The number is small, or the last stretch would be a short one, and one thread would have no work beside it.
fn stretch(n: usize, multiple: usize) -> usize {
    let threads = parallel::threads();
    let shares = if threads == 1 { 1 } else { 4 * threads };
    n.div_ceil(shares).max(STRETCH_COLUMNS_MIN).next_multiple_of(multiple)
}

#[cfg(test)]
mod tests;
