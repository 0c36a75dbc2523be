//! Every value its own tensor, so that all of a forward pass is still there when its backward pass runs.
//!
//! A pass for inference writes `hidden_states`, `normed` or `qkv` anew in every layer. Here the writes after which an
//! earlier value would be lost go to a fresh tensor of the same shape instead, and what reads afterwards reads that one.
//! A write that adds to what is there takes a copy along. (Compilers know this as single assignment.)

use std::collections::HashMap;

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
    /// All of it, whatever it held.
    Whole,
    /// Some columns or rows; the rest stays.
    Part { start: usize, end: usize },
    /// It depends on what was there.
    Change,
}

/// Gives every value that is read its own tensor.
///
/// Errors: `Overwritten` when a part of a tensor is written after the tensor was read, and the other parts are not
/// written as well before it is read again: then the gradient of the old part would be mixed up with the new one's.
pub fn separate(original: &Recording) -> Result<Separated, ComputeError> {
    let mut recording = Recording::new();
    let mut outputs = Vec::with_capacity(original.dispatches().len());
    let mut latest: HashMap<TensorId, Tensor> = HashMap::new();
    // By the original's tensor: has its present value been read, or written by this recording, since it got its tensor?
    let mut was_read: HashMap<TensorId, bool> = HashMap::new();
    for (i, dispatch) in original.dispatches().iter().enumerate() {
        let inputs: Vec<Tensor> = dispatch
            .inputs
            .iter()
            .map(|tensor| {
                was_read.insert(tensor.id(), true);
                latest.get(&tensor.id()).unwrap_or(tensor).clone()
            })
            .collect();
        let mut written = Vec::with_capacity(dispatch.outputs.len());
        for tensor in &dispatch.outputs {
            let current = latest.get(&tensor.id()).unwrap_or(tensor).clone();
            let must_move = was_read.get(&tensor.id()).copied().unwrap_or(false);
            let target =
                if must_move { Tensor::new(tensor.label(), tensor.shape(), tensor.dtype()) } else { current.clone() };
            if must_move {
                match write(dispatch, tensor) {
                    Write::Whole => {}
                    Write::Change => {
                        recording.push(Op::Axpy(Axpy::whole(tensor, 1.0, false)), &[&current], &[&target])?;
                    }
                    Write::Part { start, end } => {
                        if !is_covered(&original.dispatches()[i + 1..], tensor, start, end) {
                            return Err(ComputeError::Overwritten {
                                label: tensor.label().into(),
                                op: dispatch.op.name(),
                            });
                        }
                    }
                }
                was_read.insert(tensor.id(), false);
                latest.insert(tensor.id(), target.clone());
            }
            written.push(target);
        }
        let (inputs, targets): (Vec<&Tensor>, Vec<&Tensor>) = (inputs.iter().collect(), written.iter().collect());
        recording.push(dispatch.op.clone(), &inputs, &targets)?;
        outputs.push(written);
    }
    Ok(Separated { recording, outputs, latest })
}

fn write(dispatch: &Dispatch, output: &Tensor) -> Write {
    let columns = output.columns();
    let part = |start: usize, end: usize| {
        if start == 0 && end == columns { Write::Whole } else { Write::Part { start, end } }
    };
    match &dispatch.op {
        Op::Embedding(op) if op.accumulate => Write::Change,
        Op::MatMul(op) if op.accumulate => Write::Change,
        Op::MatMul(op) => {
            let (n, _) = op.n_k(&dispatch.inputs[1]);
            part(op.column_offset, op.column_offset + n)
        }
        Op::Axpy(op) if op.accumulate => Write::Change,
        Op::Axpy(op) => part(op.out_column, op.out_column + op.columns),
        Op::RmsNorm(op) if op.accumulate => Write::Change,
        Op::RmsNorm(RmsNorm { groups, .. }) | Op::LayerNorm(LayerNorm { groups, .. }) => {
            part(groups.first_column, groups.first_column + groups.count * dispatch.inputs[1].columns())
        }
        Op::Rope(_) | Op::Softcap(_) => Write::Change,
        // Some slots, some tokens: the rest of the cache stays.
        Op::KvWrite(_) => Write::Change,
        _ => Write::Whole,
    }
}

/// Whether the columns outside `start..end` are written before anybody reads the tensor.
fn is_covered(rest: &[Dispatch], tensor: &Tensor, start: usize, end: usize) -> bool {
    let mut covered = vec![(start, end)];
    for dispatch in rest {
        let reads = dispatch.inputs.iter().any(|input| input.id() == tensor.id());
        let writes = dispatch.outputs.iter().any(|output| output.id() == tensor.id());
        if writes && !reads {
            match write(dispatch, tensor) {
                Write::Part { start, end } => covered.push((start, end)),
                Write::Whole => return true,
                Write::Change => break,
            }
        } else if reads {
            break;
        }
    }
    covered.sort_unstable();
    let reached =
        covered.iter().fold(0, |reached, &(start, end)| if start <= reached { reached.max(end) } else { reached });
    reached == tensor.columns()
}
