//! Tables that are larger than one buffer may be. WebGPU promises 128 MiB a binding; the embedding of Llama 3.2 has 501.
//!
//! Such a tensor is kept in pieces of whole rows, each a tensor of its own, and the ops that read whole tables are done
//! piece by piece: a projection writes the columns of its piece's rows, a look-up adds the rows that lie in its piece and
//! zeros for the others. So are the ops that make and use a table's gradient: backward of the two, and what a training step
//! does with every row alike. No other op meets a weight of that size, so any other says that it is too large.

use std::borrow::Cow;

use super::buffers::Buffers;
use crate::compute::ops::axpy::Axpy;
use crate::compute::ops::embedding::Embedding;
use crate::compute::ops::embedding_backward::EmbeddingBackward;
use crate::compute::ops::matmul::{MatMul, WeightLayout};
use crate::compute::ops::matmul_weight_backward::MatMulWeightBackward;
use crate::compute::ops::sum_squares::SumSquares;
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

/// The dispatch itself, or what stands for it when tensors that it reads or writes are kept in pieces. What it writes must
/// have been allocated.
pub fn split<'a>(
    dispatch: &'a Dispatch,
    buffers: &mut Buffers,
    device: &wgpu::Device,
    queue: &wgpu::Queue,
) -> Result<Vec<Cow<'a, Dispatch>>, ComputeError> {
    let parts = match &dispatch.op {
        Op::MatMul(op) => projection(op, dispatch, buffers, device, queue)?,
        Op::Embedding(op) => read_by_piece(dispatch, buffers, 1, |i, piece| {
            let first_row = op.first_row + piece.first_row as u32;
            Op::Embedding(Embedding { first_row, accumulate: op.accumulate || i > 0, ..op.clone() })
        }),
        Op::SumSquares(op) => {
            // Who adds them up does not mind where a stretch begins, only that every place is written.
            let n = dispatch.inputs.first().and_then(|x| buffers.pieces(x)).map_or(0, <[Piece]>::len);
            let each = op.parts / n.max(1);
            let part = |i: usize, _: &Piece| {
                let parts = if i + 1 < n { each } else { op.parts - i * each };
                Op::SumSquares(SumSquares { first: op.first + i * each, parts })
            };
            if each == 0 { None } else { read_by_piece(dispatch, buffers, 0, part) }
        }
        Op::MatMulWeightBackward(op) => written_by_piece(dispatch, buffers, |piece| {
            Op::MatMulWeightBackward(MatMulWeightBackward { a_column: op.a_column + piece.first_row, ..op.clone() })
        }),
        Op::EmbeddingBackward(op) => written_by_piece(dispatch, buffers, |piece| {
            let first_row = op.first_row + piece.first_row as u32;
            Op::EmbeddingBackward(EmbeddingBackward { first_row, ..op.clone() })
        }),
        Op::Fill(_) | Op::Axpy(_) | Op::AdamW(_) => row_by_row(dispatch, buffers),
        _ => None,
    };
    // Of what is in pieces and not split here no buffer exists, and the error of who asks for it has the numbers.
    Ok(parts.map_or_else(|| vec![Cow::Borrowed(dispatch)], |parts| parts.into_iter().map(Cow::Owned).collect()))
}

/// One dispatch for each piece of an input, with the op that `part` makes of its number and place.
fn read_by_piece(
    dispatch: &Dispatch,
    buffers: &Buffers,
    input: usize,
    part: impl Fn(usize, &Piece) -> Op,
) -> Option<Vec<Dispatch>> {
    let pieces = buffers.pieces(dispatch.inputs.get(input)?)?;
    let parts = pieces.iter().enumerate().map(|(i, piece)| {
        let mut inputs = dispatch.inputs.clone();
        inputs[input] = piece.tensor.clone();
        Dispatch { op: part(i, piece), inputs, outputs: dispatch.outputs.clone() }
    });
    Some(parts.collect())
}

/// One dispatch for each piece of the first output.
fn written_by_piece(dispatch: &Dispatch, buffers: &Buffers, part: impl Fn(&Piece) -> Op) -> Option<Vec<Dispatch>> {
    let pieces = buffers.pieces(dispatch.outputs.first()?)?;
    let parts = pieces.iter().map(|piece| {
        let outputs = vec![piece.tensor.clone()];
        Dispatch { op: part(piece), inputs: dispatch.inputs.clone(), outputs }
    });
    Some(parts.collect())
}

/// For an op that treats every row alike: its tensors have been cut at the same rows, since they are alike.
fn row_by_row(dispatch: &Dispatch, buffers: &Buffers) -> Option<Vec<Dispatch>> {
    let first = buffers.pieces(dispatch.outputs.first()?)?;
    let part = |i: usize| {
        let of = |tensor: &Tensor| {
            let piece = buffers.pieces(tensor)?.get(i)?;
            let is_alike = piece.first_row == first[i].first_row && piece.tensor.rows() == first[i].tensor.rows();
            is_alike.then(|| piece.tensor.clone())
        };
        let all = |tensors: &[Tensor]| tensors.iter().map(of).collect::<Option<Vec<Tensor>>>();
        Some(Dispatch { op: dispatch.op.clone(), inputs: all(&dispatch.inputs)?, outputs: all(&dispatch.outputs)? })
    };
    (0..first.len()).map(part).collect()
}

/// A product with a weight in pieces: of outputs, where its rows are outputs, or of inputs, whose products are added up.
fn projection(
    op: &MatMul,
    dispatch: &Dispatch,
    buffers: &mut Buffers,
    device: &wgpu::Device,
    queue: &wgpu::Queue,
) -> Result<Option<Vec<Dispatch>>, ComputeError> {
    let Some(pieces) = dispatch.inputs.get(1).and_then(|weight| buffers.pieces(weight)).map(<[Piece]>::to_vec) else {
        return Ok(None);
    };
    let (x, bias) = (&dispatch.inputs[0], dispatch.inputs.get(2));
    let mut parts = Vec::with_capacity(pieces.len());
    for (i, piece) in pieces.into_iter().enumerate() {
        let n = piece.tensor.rows();
        let (part, input, bias) = match op.layout {
            WeightLayout::OutIn => {
                let bias = bias.map(|bias| buffers.slice(device, queue, bias, piece.first_row, n)).transpose()?;
                (MatMul { column_offset: op.column_offset + piece.first_row, ..op.clone() }, x.clone(), bias)
            }
            WeightLayout::InOut => {
                let columns = buffers.strip(device, x.rows(), n)?;
                let cut = Axpy { alpha: 1.0, x_column: piece.first_row, out_column: 0, columns: n, accumulate: false };
                let outputs = vec![columns.clone()];
                parts.push(Dispatch { op: Op::Axpy(cut), inputs: vec![x.clone()], outputs });
                let bias = bias.filter(|_| i == 0).cloned();
                (MatMul { accumulate: op.accumulate || i > 0, ..op.clone() }, columns, bias)
            }
        };
        let inputs = [input, piece.tensor].into_iter().chain(bias).collect();
        parts.push(Dispatch { op: Op::MatMul(part), inputs, outputs: dispatch.outputs.clone() });
    }
    Ok(Some(parts))
}
