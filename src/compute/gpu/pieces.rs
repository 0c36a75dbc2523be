//! Tables that are larger than one buffer may be. WebGPU promises 128 MiB a binding; the embedding of Llama 3.2 has 501.
//!
//! Such a tensor is kept in pieces of whole rows, each a tensor of its own, and the two ops that read whole tables are
//! done piece by piece: a projection writes the columns of its piece's rows, a look-up adds the rows that lie in its
//! piece and zeros for the others. No other op reads a weight of that size, so any other says that it is too large.

use std::borrow::Cow;

use super::buffers::Buffers;
use crate::compute::ops::embedding::Embedding;
use crate::compute::ops::matmul::{MatMul, WeightLayout};
use crate::compute::{ComputeError, Dispatch, Op, Tensor};

/// A stretch of a tensor's rows.
#[derive(Clone)]
pub struct Piece {
    pub tensor: Tensor,
    pub first_row: usize,
}

/// Pieces begin at a multiple of so many rows: then each begins at a whole word in every stored type.
const ROWS_MULTIPLE: usize = 4;

/// Cuts a matrix into pieces of at most `bytes_max`; `None` when not even a few rows fit, or it is no matrix.
pub fn cut(tensor: &Tensor, bytes_max: u64) -> Option<Vec<Piece>> {
    let &[rows, columns] = tensor.shape() else { return None };
    let row_bytes = tensor.bytes() / rows.max(1);
    // Kernels count elements in u32, and an element may take half a byte.
    let rows_max = (bytes_max / row_bytes.max(1) as u64).min(u64::from(u32::MAX) / columns.max(1) as u64) as usize;
    let rows_max = rows_max / ROWS_MULTIPLE * ROWS_MULTIPLE;
    if rows_max == 0 {
        return None;
    }
    let piece = |first_row: usize| {
        let n = rows_max.min(rows - first_row);
        let label = format!("{} from row {first_row}", tensor.label());
        Piece { tensor: Tensor::new(label, &[n, columns], tensor.dtype()), first_row }
    };
    Some((0..rows).step_by(rows_max).map(piece).collect())
}

/// The dispatch itself, or what stands for it when a table that it reads is kept in pieces.
pub fn split<'a>(
    dispatch: &'a Dispatch,
    buffers: &mut Buffers,
    device: &wgpu::Device,
    queue: &wgpu::Queue,
) -> Result<Vec<Cow<'a, Dispatch>>, ComputeError> {
    let table = dispatch.inputs.get(1).and_then(|table| buffers.pieces(table));
    let Some(pieces) = table.map(<[Piece]>::to_vec) else { return Ok(vec![Cow::Borrowed(dispatch)]) };
    let mut parts = Vec::with_capacity(pieces.len());
    for (i, piece) in pieces.into_iter().enumerate() {
        let mut part = dispatch.clone();
        match &mut part.op {
            Op::MatMul(op @ MatMul { layout: WeightLayout::OutIn, .. }) => {
                op.column_offset += piece.first_row;
                if let Some(bias) = part.inputs.get_mut(2) {
                    *bias = buffers.slice(device, queue, bias, piece.first_row, piece.tensor.rows())?;
                }
            }
            Op::Embedding(op) => {
                *op = Embedding {
                    first_row: op.first_row + piece.first_row as u32,
                    accumulate: op.accumulate || i > 0,
                    ..op.clone()
                };
            }
            // The buffer that is asked for next does not exist, and its error has the numbers.
            _ => return Ok(vec![Cow::Borrowed(dispatch)]),
        }
        part.inputs[1] = piece.tensor;
        parts.push(Cow::Owned(part));
    }
    Ok(parts)
}
