//! Products of a matrix's columns with each other, xᵀ·x, by the micro-kernel of the projections: only tiles on and above the
//! diagonal are computed, and rows are shifted while they are packed.

use std::ops::Range;

use super::tile::{Kernel, Onto, Tile};
use super::{BLOCK_INPUTS, BLOCK_ROWS, kernels};
use crate::compute::cpu::parallel::{self, Shared};

/// Columns that a thread takes at a time, for one block of rows of the result.
const STRETCH: usize = 64;
/// Rows of `x` that are packed into one tile before the next: tiles lie a power of two apart, so that their lines would drive
/// each other out of the cache if every row were written to all of them.
const PACKED_ROWS: usize = 16;

/// Room to pack rows of C columns: 8·C·512 bytes.
pub struct Gram {
    columns: usize,
    /// The rows as the left operand: for each tile (rows of x, rows of the tile).
    left: Vec<f32>,
    /// The rows as the right operand: for each panel (rows of x, columns of the panel), padded with zeros.
    right: Vec<f32>,
}

impl Gram {
    pub fn new(columns: usize) -> Gram {
        Gram { columns, left: Vec::new(), right: Vec::new() }
    }

    /// products (C,C) += (x − shift)ᵀ·(x − shift) on and above the diagonal; what lies below it is left in any state.
    /// `x` is (N,C).
    ///
    /// Every sum is taken row after row and cut at multiples of 512 rows, whatever number of threads there is.
    pub fn add(&mut self, x: &[f32], shift: &[f32], products: &mut [f32]) {
        let columns = self.columns;
        assert!(columns > 0 && x.len().is_multiple_of(columns), "OK because callers measure their rows");
        assert!(
            shift.len() == columns && products.len() == columns * columns,
            "OK because callers have as many columns"
        );
        let kernel = kernels().of_rows(columns);
        let out = Shared(products.as_mut_ptr());
        let pieces = pieces(kernel, columns);
        for x in x.chunks(BLOCK_INPUTS * columns) {
            let k = x.len() / columns;
            self.pack(kernel, x, shift);
            let (left, right) = (&self.left, &self.right);
            parallel::each(pieces.len(), |index| {
                let (rows, stretch) = pieces[index].clone();
                for column in stretch.step_by(kernel.columns) {
                    let width = kernel.columns.min(columns - column);
                    for row in rows.clone().step_by(kernel.rows).take_while(|&row| row < column + width) {
                        let tile = Tile {
                            k,
                            a: left[row * k..].as_ptr(),
                            b: right[column * k..].as_ptr(),
                            rows: kernel.rows.min(columns - row),
                            columns: width,
                            out: out.at(row * columns + column),
                            out_stride: columns,
                            onto: Onto { out: true, bias: None },
                        };
                        // SAFETY: `left` and `right` hold `k` rows of every tile and panel, and no other piece has these
                        // rows and columns of `products`.
                        unsafe { kernel.run(&tile) };
                    }
                }
            });
        }
    }

    fn pack(&mut self, kernel: &Kernel, x: &[f32], shift: &[f32]) {
        let columns = self.columns;
        let k = x.len() / columns;
        let padded = columns.next_multiple_of(kernel.columns);
        self.left.resize(self.left.len().max(columns * k), 0.0);
        self.right.resize(self.right.len().max(padded * k), 0.0);
        let (left, right) = (Shared(self.left.as_mut_ptr()), Shared(self.right.as_mut_ptr()));
        parallel::each(k.div_ceil(PACKED_ROWS), |index| {
            let rows = index * PACKED_ROWS..((index + 1) * PACKED_ROWS).min(k);
            for first in (0..columns).step_by(kernel.rows) {
                let width = kernel.rows.min(columns - first);
                for row in rows.clone() {
                    // SAFETY: a place of this row in this tile, written by this call alone.
                    let to = unsafe { std::slice::from_raw_parts_mut(left.at(first * k + row * width), width) };
                    shifted(&x[row * columns + first..], &shift[first..], to);
                }
            }
            for first in (0..columns).step_by(kernel.columns) {
                let width = kernel.columns.min(columns - first);
                for row in rows.clone() {
                    let at = first * k + row * kernel.columns;
                    // SAFETY: likewise in this panel.
                    let to = unsafe { std::slice::from_raw_parts_mut(right.at(at), kernel.columns) };
                    shifted(&x[row * columns + first..], &shift[first..], &mut to[..width]);
                    to[width..].fill(0.0);
                }
            }
        });
    }
}

/// to = x − shift
#[inline(always)]
fn shifted(x: &[f32], shift: &[f32], to: &mut [f32]) {
    for ((to, x), shift) in to.iter_mut().zip(x).zip(shift) {
        *to = x - shift;
    }
}

/// What is handed out to threads: rows and columns of the result whose tiles reach the diagonal, the largest first.
fn pieces(kernel: &Kernel, columns: usize) -> Vec<(Range<usize>, Range<usize>)> {
    let (height, width) = (BLOCK_ROWS.next_multiple_of(kernel.rows), STRETCH.next_multiple_of(kernel.columns));
    let stretches = (0..columns).step_by(width).map(|first| first..(first + width).min(columns));
    let mut pieces: Vec<(Range<usize>, Range<usize>)> = stretches
        .flat_map(|stretch| {
            let rows = (0..stretch.end).step_by(height);
            rows.map(move |first| (first..(first + height).min(stretch.end), stretch.clone()))
        })
        .collect();
    pieces.sort_by_key(|(rows, stretch)| std::cmp::Reverse(rows.len() * stretch.len()));
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    /// Oracle: the same sums in f64, term by term. Columns that fill tiles and panels and columns that do not, rows of one
    /// block and of several, a second call that goes on with the sums.
    #[test]
    fn equals_sums_of_products_in_f64() {
        for (rows, columns) in [(1, 1), (3, 5), (40, 33), (700, 97), (1300, 24), (9, 300)] {
            let mut rng = Rng::new(5);
            let x: Vec<f32> = (0..rows * columns).map(|_| 3.0 + rng.normal()).collect();
            let shift: Vec<f32> = (0..columns).map(|_| 3.0 + 0.1 * rng.normal()).collect();
            let mut gram = Gram::new(columns);
            let mut products = vec![0.0; columns * columns];
            let first = rows / 3 * columns;
            gram.add(&x[..first], &shift, &mut products);
            gram.add(&x[first..], &shift, &mut products);
            let exact = |i: usize, j: usize| -> f64 {
                let column = |row: &[f32], at: usize| f64::from(row[at]) - f64::from(shift[at]);
                x.chunks_exact(columns).map(|row| column(row, i) * column(row, j)).sum()
            };
            for i in 0..columns {
                for j in i..columns {
                    let (got, expected) = (f64::from(products[i * columns + j]), exact(i, j));
                    assert!(
                        (got - expected).abs() <= 1e-5 * rows as f64,
                        "{rows} × {columns}, {i} {j}: {got} {expected}"
                    );
                }
            }
            let other = exact(0, columns - 1) + exact(0, 0);
            let got = f64::from(products[columns - 1]);
            assert!((got - other).abs() > 1e-5 * rows as f64, "negative control: a sum that is another one");
        }
    }
}
