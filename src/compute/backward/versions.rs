//! Every value its own tensor, so that all of a forward pass is still there when its backward pass runs.
//!
//! A pass for inference writes `hidden_states`, `normed` or `qkv` anew in every layer. Here the writes after which an
//! earlier value would be lost go to a fresh tensor of the same shape instead, and what reads afterwards reads that one.
//! A write that adds to what is there takes a copy along. (Compilers know this as single assignment.)

use std::collections::HashMap;
use std::ops::Range;

use crate::compute::ops::axpy::Axpy;
use crate::compute::ops::layernorm::LayerNorm;
use crate::compute::ops::rmsnorm::RmsNorm;
use crate::compute::{ComputeError, Dispatch, Op, Recording, Tensor, TensorId};

/// A recording without lost values, and what became of the original's tensors.
pub struct Separated {
    pub recording: Recording,
    /// For each dispatch of the original, the tensors that hold its outputs now.
    pub outputs: Vec<Vec<Tensor>>,
    latest: HashMap<TensorId, Tensor>,
}

impl Separated {
    /// The tensor that holds, at the end of the pass, what `tensor` held at the end of the original.
    pub fn latest(&self, tensor: &Tensor) -> Tensor {
        self.latest.get(&tensor.id()).unwrap_or(tensor).clone()
    }
}

/// How a dispatch writes one of its outputs.
enum Write {
    /// Some columns, whatever they held; the others stay. All of them is the common case.
    Columns(Range<usize>),
    /// It depends on what was there.
    Change,
}

/// What the walk knows of one tensor of the original.
#[derive(Default)]
struct State {
    /// The present value has been read.
    was_read: bool,
    /// Columns that the present value got from this recording.
    written: Vec<Range<usize>>,
    /// Columns that any value got from this recording: the others hold nothing that a gradient could be for.
    ever_written: Vec<Range<usize>>,
}

/// Gives every value its own tensor.
///
/// A write of some columns of a tensor that was read takes the columns along that nothing writes before they are read
/// again.
pub fn separate(original: &Recording) -> Result<Separated, ComputeError> {
    let mut recording = Recording::new();
    let mut outputs = Vec::with_capacity(original.dispatches().len());
    let mut latest: HashMap<TensorId, Tensor> = HashMap::new();
    let mut states: HashMap<TensorId, State> = HashMap::new();
    for (i, dispatch) in original.dispatches().iter().enumerate() {
        let inputs: Vec<Tensor> = dispatch
            .inputs
            .iter()
            .map(|tensor| {
                states.entry(tensor.id()).or_default().was_read = true;
                latest.get(&tensor.id()).unwrap_or(tensor).clone()
            })
            .collect();
        let mut targets = Vec::with_capacity(dispatch.outputs.len());
        for tensor in &dispatch.outputs {
            let state = states.entry(tensor.id()).or_default();
            let current = latest.get(&tensor.id()).unwrap_or(tensor).clone();
            let write = write(dispatch, tensor);
            let columns = match &write {
                Write::Columns(columns) => columns.clone(),
                Write::Change => 0..tensor.columns(),
            };
            let writes_over = matches!(write, Write::Columns(_))
                && state.written.iter().any(|range| range.start < columns.end && columns.start < range.end);
            let target = if state.was_read || writes_over {
                let target = Tensor::new(tensor.label(), tensor.shape(), tensor.dtype());
                match write {
                    Write::Change => {
                        recording.push(Op::Axpy(Axpy::whole(tensor, 1.0, false)), &[&current], &[&target])?;
                    }
                    Write::Columns(columns) => {
                        let written = written_before_read(&original.dispatches()[i + 1..], tensor, columns);
                        for kept in remaining(&state.ever_written, &written) {
                            let (column, columns) = (kept.start, kept.len());
                            let op =
                                Axpy { alpha: 1.0, x_column: column, out_column: column, columns, accumulate: false };
                            recording.push(Op::Axpy(op), &[&current], &[&target])?;
                        }
                    }
                }
                state.was_read = false;
                state.written.clear();
                latest.insert(tensor.id(), target.clone());
                target
            } else {
                current
            };
            state.written.push(columns.clone());
            state.ever_written.push(columns);
            targets.push(target);
        }
        let (inputs, written): (Vec<&Tensor>, Vec<&Tensor>) = (inputs.iter().collect(), targets.iter().collect());
        recording.push(dispatch.op.clone(), &inputs, &written)?;
        outputs.push(targets);
    }
    Ok(Separated { recording, outputs, latest })
}

fn write(dispatch: &Dispatch, output: &Tensor) -> Write {
    match &dispatch.op {
        Op::Embedding(op) if op.accumulate => Write::Change,
        Op::MatMul(op) if op.accumulate => Write::Change,
        Op::RmsNorm(op) if op.accumulate => Write::Change,
        Op::Axpy(op) if op.accumulate => Write::Change,
        Op::Rope(_) | Op::Softcap(_) => Write::Change,
        // Some slots, some tokens: the rest of the cache stays.
        Op::KvWrite(_) => Write::Change,
        Op::MatMul(op) => {
            let (n, _) = op.n_k(&dispatch.inputs[1]);
            Write::Columns(op.column_offset..op.column_offset + n)
        }
        Op::RmsNorm(RmsNorm { groups, .. }) | Op::LayerNorm(LayerNorm { groups, .. }) => {
            let first = groups.first_column;
            Write::Columns(first..first + groups.count * dispatch.inputs[1].columns())
        }
        Op::Axpy(op) => Write::Columns(op.out_column..op.out_column + op.columns),
        _ => Write::Columns(0..output.columns()),
    }
}

/// The columns that `first` and the dispatches after it write before anybody reads the tensor.
fn written_before_read(rest: &[Dispatch], tensor: &Tensor, first: Range<usize>) -> Vec<Range<usize>> {
    let mut written = vec![first];
    for dispatch in rest {
        if dispatch.inputs.iter().any(|input| input.id() == tensor.id()) {
            break;
        }
        if dispatch.outputs.iter().any(|output| output.id() == tensor.id()) {
            match write(dispatch, tensor) {
                Write::Columns(columns) => written.push(columns),
                Write::Change => break,
            }
        }
    }
    written
}

/// What of `all` is in none of `taken`, as ranges that do not overlap.
fn remaining(all: &[Range<usize>], taken: &[Range<usize>]) -> Vec<Range<usize>> {
    let mut edges: Vec<usize> = all.iter().chain(taken).flat_map(|range| [range.start, range.end]).collect();
    edges.sort_unstable();
    edges.dedup();
    let holds = |ranges: &[Range<usize>], part: &Range<usize>| {
        ranges.iter().any(|range| range.start <= part.start && part.end <= range.end)
    };
    let mut remaining: Vec<Range<usize>> = Vec::new();
    for edge in edges.windows(2) {
        let part = edge[0]..edge[1];
        if holds(all, &part) && !holds(taken, &part) {
            match remaining.last_mut() {
                Some(last) if last.end == part.start => last.end = part.end,
                _ => remaining.push(part),
            }
        }
    }
    remaining
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Oracle: by hand.
    #[test]
    #[allow(clippy::single_range_in_vec_init, reason = "ranges are the data here")]
    fn what_remains_of_ranges() {
        assert_eq!(remaining(&[0..4, 4..9], &[2..6]), [0..2, 6..9]);
        assert!(remaining(&[0..9], &[0..4, 4..9]).is_empty());
        assert_eq!(remaining(&[0..4, 2..6], &[]), [0..6]);
        assert!(remaining(&[], &[0..3]).is_empty());
    }
}
