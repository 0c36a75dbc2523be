//! Copies of blocks in the order in which the micro-kernel reads them, widened to f32 on the way.

use super::LINE;
use super::tile::Kernel;
use crate::compute::cpu::lanes::{copy_8, transpose_2x4, transpose_4x4};
use crate::compute::cpu::values::Weights;
use crate::compute::ops::matmul::WeightLayout;

/// `rows` rows of `x` from input `start` on, as (k, rows): to[i · rows + r] = x[r · stride + start + i].
///
/// # Safety
/// `x` is readable for `k` floats at each of `rows` rows of `stride` floats, `to` writable for `k` · `rows`.
pub unsafe fn rows(x: *const f32, stride: usize, rows: usize, k: usize, to: *mut f32) {
    // SAFETY: the caller's.
    unsafe { transpose(x, stride, rows, k, to, rows) }
}

/// A stored weight of `n` outputs and `k` inputs.
#[derive(Clone, Copy)]
pub struct Stored<'a> {
    pub weight: Weights<'a>,
    pub layout: WeightLayout,
    pub n: usize,
    pub k: usize,
}

impl Stored<'_> {
    /// Columns that are packed at a time. One input's weights lie side by side in `InOut`, and long stretches of them are
    /// fetched ahead. `is_large`: the rows do not stay in the second-level cache, and are read again for these columns.
    pub fn columns_at_a_time(&self, kernel: &Kernel, is_large: bool) -> usize {
        match self.layout {
            WeightLayout::OutIn if is_large => kernel.columns.max(OUT_IN_COLUMNS),
            WeightLayout::OutIn => kernel.columns,
            WeightLayout::InOut => kernel.columns.max(IN_OUT_COLUMNS),
        }
    }

    /// Outputs `columns` and inputs `inputs` as panels of (inputs, kernel.columns), the last one padded with zeros. `to`
    /// holds `columns_at_a_time` · inputs floats.
    pub fn pack(
        &self,
        kernel: &Kernel,
        columns: std::ops::Range<usize>,
        inputs: std::ops::Range<usize>,
        scratch: &mut Vec<f32>,
        to: &mut [f32],
    ) {
        match self.layout {
            WeightLayout::OutIn => {
                let width = kernel.columns;
                for (first, to) in
                    columns.clone().step_by(width).zip(to.chunks_exact_mut((inputs.len() * width).max(1)))
                {
                    self.pack_out_in(width, first..(first + width).min(columns.end), inputs.clone(), scratch, to);
                }
            }
            WeightLayout::InOut => self.pack_in_out(kernel.columns, columns, inputs, scratch, to),
        }
    }

    fn pack_out_in(
        &self,
        width: usize,
        columns: std::ops::Range<usize>,
        inputs: std::ops::Range<usize>,
        scratch: &mut Vec<f32>,
        to: &mut [f32],
    ) {
        let k = inputs.len();
        debug_assert!(columns.len() <= width && to.len() >= k * width);
        if columns.len() < width {
            to.fill(0.0);
        }
        let (from, stride) = if let Weights::F32(weight) = self.weight {
            (weight[columns.start * self.k + inputs.start..(columns.end - 1) * self.k + inputs.end].as_ptr(), self.k)
        } else {
            scratch.resize(k * width, 0.0);
            for (column, row) in columns.clone().zip(scratch.chunks_exact_mut(k.max(1))) {
                self.weight.widen(column * self.k + inputs.start, row);
            }
            (scratch.as_ptr(), k)
        };
        // SAFETY: the slice above reaches from the first row's first float to the last row's last; `to` was measured.
        unsafe { transpose(from, stride, columns.len(), k, to.as_mut_ptr(), width) }
    }

    fn pack_in_out(
        &self,
        width: usize,
        columns: std::ops::Range<usize>,
        inputs: std::ops::Range<usize>,
        scratch: &mut Vec<f32>,
        to: &mut [f32],
    ) {
        let k = inputs.len();
        let (whole, rest) = (columns.len() / width, columns.len() % width);
        assert!(columns.len() <= IN_OUT_COLUMNS && to.len() >= columns.len().next_multiple_of(width) * k);
        for first in (0..k).step_by(IN_OUT_INPUTS) {
            let count = IN_OUT_INPUTS.min(k - first);
            let start = (inputs.start + first) * self.n + columns.start;
            let (from, stride) = if let Weights::F32(weight) = self.weight {
                (&weight[start..start + (count - 1) * self.n + columns.len()], self.n)
            } else {
                scratch.resize(IN_OUT_INPUTS * IN_OUT_COLUMNS, 0.0);
                for (i, row) in scratch.chunks_exact_mut(IN_OUT_COLUMNS).take(count).enumerate() {
                    self.weight.widen(start + i * self.n, &mut row[..columns.len()]);
                }
                (&scratch[..], IN_OUT_COLUMNS)
            };
            // Whole lines of the cache, and so several panels if they are narrow: what is left of a line may be gone
            // before it is asked for again, because rows may lie a power of two apart.
            let side_by_side = (LINE / width).max(1);
            for panel in (0..whole).step_by(side_by_side) {
                for i in 0..count {
                    for panel in panel..(panel + side_by_side).min(whole) {
                        // SAFETY: a row of `from` has `whole` stretches of `width`, and `to` that many panels of `k`;
                        // every panel is a multiple of eight wide.
                        unsafe {
                            let from = from.as_ptr().add(i * stride + panel * width);
                            let to = to.as_mut_ptr().add((panel * k + first + i) * width);
                            for j in (0..width).step_by(8) {
                                copy_8(from.add(j), to.add(j));
                            }
                        }
                    }
                }
            }
            if rest > 0 {
                for i in 0..count {
                    let to = &mut to[(whole * k + first + i) * width..][..width];
                    to[..rest].copy_from_slice(&from[i * stride + whole * width..][..rest]);
                    to[rest..].fill(0.0);
                }
            }
        }
    }
}

/// No panel is wider than either.
const OUT_IN_COLUMNS: usize = 64;
const IN_OUT_COLUMNS: usize = 256;
/// Inputs that are copied to one panel before the next: panels lie a power of two apart, so that their lines would drive
/// each other out of the cache if every input were written to all of them.
const IN_OUT_INPUTS: usize = 16;

/// to[i · to_stride + r] = from[r · from_stride + i] for `rows` rows of `k` floats.
///
/// # Safety
/// `from` is readable at those places and `to` writable.
unsafe fn transpose(from: *const f32, from_stride: usize, rows: usize, k: usize, to: *mut f32, to_stride: usize) {
    // SAFETY of all: the places named above, and none beyond them.
    for r in (0..rows / 4 * 4).step_by(4) {
        let from = unsafe { from.add(r * from_stride) };
        let to = unsafe { to.add(r) };
        for i in (0..k / 4 * 4).step_by(4) {
            unsafe { transpose_4x4(from.add(i), from_stride, to.add(i * to_stride), to_stride) };
        }
        for i in k / 4 * 4..k {
            for r in 0..4 {
                unsafe { *to.add(i * to_stride + r) = *from.add(r * from_stride + i) };
            }
        }
    }
    let mut rest = rows / 4 * 4..rows;
    if rest.len() >= 2 {
        let r = rest.start;
        let (from, to) = unsafe { (from.add(r * from_stride), to.add(r)) };
        for i in (0..k / 4 * 4).step_by(4) {
            unsafe { transpose_2x4(from.add(i), from_stride, to.add(i * to_stride), to_stride) };
        }
        for i in k / 4 * 4..k {
            for r in 0..2 {
                unsafe { *to.add(i * to_stride + r) = *from.add(r * from_stride + i) };
            }
        }
        rest.start += 2;
    }
    for r in rest {
        for i in 0..k {
            unsafe { *to.add(i * to_stride + r) = *from.add(r * from_stride + i) };
        }
    }
}
