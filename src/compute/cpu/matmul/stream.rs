//! A few rows times a weight in `InOut` layout: the weight is read once, front to back, and nothing is packed.
//!
//! Halves are taken in pairs, as the words they lie in, so that the sums of every eight columns stand in another order until
//! they are written: the even ones first.

use super::outputs::scaled;
use super::pack::Stored;
use super::tile::{Half, Kernels, Onto};
use super::{Shape, blocks};
use crate::compute::cpu::parallel;
use crate::compute::cpu::parallel::Shared;
use crate::compute::cpu::values::Weights;
use crate::compute::ops::matmul::MatMul;

/// Sums that are kept at a time, 16 KiB of the first-level cache.
const SUMS: usize = 4096;
/// Columns that are read of one input's weights at a time.
const STRETCH_MAX: usize = 4096;
/// Inputs that are added in one pass over the sums.
const INPUTS: usize = 4;

pub fn forward(
    kernels: &Kernels,
    op: &MatMul,
    shape: Shape,
    x: &[f32],
    stored: Stored<'_>,
    bias: Option<&[f32]>,
    out: Shared<f32>,
) {
    let Shape { m, n, k, out_columns } = shape;
    let stretch = super::stretch(n, 16).min(STRETCH_MAX).min(SUMS / m / 16 * 16);
    let x = &x[..m * k];
    let scaled = match stored.weight {
        Weights::F16(_) => scaled(x),
        _ => None,
    };
    let halves: Option<(Half, &[u8], &[f32])> = match (stored.weight, &scaled) {
        _ if !n.is_multiple_of(8) => None,
        (Weights::F16(weight), Some(x)) => Some((Half::F16, bytemuck::cast_slice(weight), x)),
        (Weights::BF16(weight), _) => Some((Half::BF16, bytemuck::cast_slice(weight), x)),
        _ => None,
    };
    parallel::each(n.div_ceil(stretch), |index| {
        let (start, width) = (index * stretch, stretch.min(n - index * stretch));
        let mut sums = vec![0.0; m * width];
        let mut widened = Vec::new();
        for inputs in blocks(k) {
            sums.fill(0.0);
            for input in inputs.clone().step_by(INPUTS) {
                let count = INPUTS.min(inputs.end - input);
                if let Some((half, bytes, x)) = halves {
                    let rows: [&[u8]; INPUTS] = std::array::from_fn(|i| match i < count {
                        true => &bytes[2 * ((input + i) * n + start)..][..2 * width],
                        false => &[][..],
                    });
                    for (row, sums) in sums.chunks_exact_mut(width).enumerate() {
                        kernels.add_half_products(half, &x[row * k + input..][..count], &rows, sums);
                    }
                    continue;
                }
                let weight_rows: [&[f32]; INPUTS] = match stored.weight {
                    Weights::F32(weight) => std::array::from_fn(|i| match i < count {
                        true => &weight[(input + i) * n + start..][..width],
                        false => &[][..],
                    }),
                    _ => {
                        widened.resize(INPUTS * width, 0.0);
                        for (i, row) in widened.chunks_exact_mut(width).take(count).enumerate() {
                            stored.weight.widen((input + i) * n + start, row);
                        }
                        std::array::from_fn(|i| &widened[i * width..][..width])
                    }
                };
                for (row, sums) in sums.chunks_exact_mut(width).enumerate() {
                    let factors = &x[row * k + input..][..count];
                    kernels.add_products(factors, &weight_rows, sums);
                }
            }
            let onto = Onto::of(op, inputs.start, bias.map(|bias| &bias[start..]));
            for (row, sums) in sums.chunks_exact(width).enumerate() {
                for column in 0..width {
                    let place = match halves {
                        Some(_) => column / 8 * 8 + column % 8 / 2 + column % 2 * 4,
                        None => column,
                    };
                    // SAFETY: the row's columns lie inside `out` by the shape check, and no other call writes them.
                    unsafe {
                        let out = out.at(row * out_columns + op.column_offset + start + column);
                        *out = onto.base(out, column) + sums[place];
                    }
                }
            }
        }
    });
}
