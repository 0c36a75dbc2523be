//! The CPU's dense projection: weights are widened a panel at a time and multiplied by `matrixmultiply`.

use super::values::Weights;
use crate::compute::ops::matmul::{MatMul, WeightLayout};

/// M rows, N outputs, K inputs; `out` has rows of `out_columns`.
#[derive(Clone, Copy)]
pub struct Shape {
    pub m: usize,
    pub n: usize,
    pub k: usize,
    pub out_columns: usize,
}

/// Floats of a widened panel: 256 KiB, so that it stays in the second-level cache while all rows pass over it.
const PANEL_ELEMENTS: usize = 64 * 1024;

pub fn forward(op: &MatMul, shape: Shape, x: &[f32], weight: Weights<'_>, bias: Option<&[f32]>, out: &mut [f32]) {
    let Shape { m, n, k, out_columns } = shape;
    if let Some(bias) = bias {
        for row in out.chunks_exact_mut(out_columns) {
            for (out, bias) in row[op.column_offset..op.column_offset + n].iter_mut().zip(bias) {
                *out = if op.accumulate { *out + bias } else { *bias };
            }
        }
    }
    let beta = if op.accumulate || bias.is_some() { 1.0 } else { 0.0 };
    let panels = panels(n, k);
    let out = SharedOut(out.as_mut_ptr());
    let multiply = |panel: &Panel| {
        let widened;
        let (block, row_stride, column_stride) = match (weight, op.layout) {
            (Weights::F32(weight), WeightLayout::OutIn) => {
                (&weight[panel.start * k..(panel.start + panel.n) * k], 1, k as isize)
            }
            (Weights::F32(weight), WeightLayout::InOut) => (&weight[panel.start..], n as isize, 1),
            (_, WeightLayout::OutIn) => {
                let mut buffer = vec![0.0; panel.n * k];
                weight.widen(panel.start * k, &mut buffer);
                widened = buffer;
                (&widened[..], 1, k as isize)
            }
            (_, WeightLayout::InOut) => {
                let mut buffer = vec![0.0; panel.n * k];
                for (row, buffer) in buffer.chunks_exact_mut(panel.n).enumerate() {
                    weight.widen(row * n + panel.start, buffer);
                }
                widened = buffer;
                (&widened[..], panel.n as isize, 1)
            }
        };
        // SAFETY: x is (m,k); the block is (k, panel.n) under the strides above; the panel's columns of `out` are
        // written by this call alone, since panels do not overlap, and lie inside it by the op's shape check.
        unsafe {
            matrixmultiply::sgemm(
                m,
                k,
                panel.n,
                1.0,
                x.as_ptr(),
                k as isize,
                1,
                block.as_ptr(),
                row_stride,
                column_stride,
                beta,
                out.at(op.column_offset + panel.start),
                out_columns as isize,
                1,
            );
        }
    };
    #[cfg(not(target_arch = "wasm32"))]
    {
        use rayon::prelude::*;
        panels.par_iter().for_each(multiply);
    }
    #[cfg(target_arch = "wasm32")]
    panels.iter().for_each(multiply);
}

/// Outputs `start..start + n` of the projection.
struct Panel {
    start: usize,
    n: usize,
}

/// The cut depends on the shape alone, never on the number of threads, so that results repeat on every machine.
fn panels(n: usize, k: usize) -> Vec<Panel> {
    let width = (PANEL_ELEMENTS / k.max(1)).clamp(16, 512).next_multiple_of(16);
    (0..n).step_by(width).map(|start| Panel { start, n: width.min(n - start) }).collect()
}

/// The output, written by several threads in disjoint columns.
#[derive(Clone, Copy)]
struct SharedOut(*mut f32);

// SAFETY: each panel writes its own columns only.
unsafe impl Sync for SharedOut {}

impl SharedOut {
    fn at(self, column: usize) -> *mut f32 {
        self.0.wrapping_add(column)
    }
}
