//! One rule an op: how the gradient of what it wrote becomes gradients of what it read.

use super::tape::Tape;
use crate::compute::ops::attention::{Attention, Mask};
use crate::compute::ops::attention_backward_key::AttentionBackwardKey;
use crate::compute::ops::attention_backward_query::AttentionBackwardQuery;
use crate::compute::ops::attention_backward_value::AttentionBackwardValue;
use crate::compute::ops::axpy::Axpy;
use crate::compute::ops::column_sum::ColumnSum;
use crate::compute::ops::cross_entropy_backward::CrossEntropyBackward;
use crate::compute::ops::embedding_backward::EmbeddingBackward;
use crate::compute::ops::geglu_backward::GeGluBackward;
use crate::compute::ops::gelu_backward::GeluBackward;
use crate::compute::ops::kv_write_backward::KvWriteBackward;
use crate::compute::ops::matmul::{MatMul, WeightLayout};
use crate::compute::ops::matmul_weight_backward::MatMulWeightBackward;
use crate::compute::ops::norm_backward::NormBackward;
use crate::compute::ops::norm_weight_backward::NormWeightBackward;
use crate::compute::ops::relu_backward::ReluBackward;
use crate::compute::ops::rmsnorm::Groups;
use crate::compute::ops::rope::Rope;
use crate::compute::ops::softcap_backward::SoftcapBackward;
use crate::compute::ops::swiglu_backward::SwiGluBackward;
use crate::compute::{ComputeError, Dispatch, Op, Tensor};

/// Whether an op has a gradient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gradient {
    Rule,
    /// Why there is none.
    None(&'static str),
}

const DISCRETE: &str = "its result is a choice, which does not change with small changes of the input";
const BACKWARD: &str = "it is itself part of a backward pass, and second derivatives are not recorded";
const OPTIMISER: &str = "it is part of a training step, which nothing is differentiated through";

/// What the table of ops says about an op.
pub fn gradient(op: &Op) -> Gradient {
    match op {
        Op::Embedding(_)
        | Op::LayerNorm(_)
        | Op::RmsNorm(_)
        | Op::MatMul(_)
        | Op::Rope(_)
        | Op::KvWrite(_)
        | Op::Attention(_)
        | Op::Gelu(_)
        | Op::GeGlu(_)
        | Op::SwiGlu(_)
        | Op::Relu(_)
        | Op::Softcap(_)
        | Op::Fill(_)
        | Op::Axpy(_)
        | Op::CrossEntropy(_) => Gradient::Rule,
        Op::NextToken(_) => Gradient::None("it reports on a token; the loss is cross_entropy"),
        Op::AttentionWeights(_) | Op::AttentionStats(_) | Op::AttentionSums(_) => {
            Gradient::None("it reports the weights; attention makes its own")
        }
        Op::Knn(_) => Gradient::None(DISCRETE),
        Op::CrossEntropyBackward(_)
        | Op::EmbeddingBackward(_)
        | Op::NormBackward(_)
        | Op::NormWeightBackward(_)
        | Op::MatMulWeightBackward(_)
        | Op::ColumnSum(_)
        | Op::KvWriteBackward(_)
        | Op::AttentionBackwardQuery(_)
        | Op::AttentionBackwardKey(_)
        | Op::AttentionBackwardValue(_)
        | Op::GeluBackward(_)
        | Op::GeGluBackward(_)
        | Op::SwiGluBackward(_)
        | Op::ReluBackward(_)
        | Op::SoftcapBackward(_) => Gradient::None(BACKWARD),
        Op::SumSquares(_) | Op::AdamW(_) => Gradient::None(OPTIMISER),
    }
}

/// The tensors whose values the rule reads.
pub(super) fn needed(dispatch: &Dispatch) -> &[Tensor] {
    match &dispatch.op {
        // Linear in what they read: only its shape matters, and ids, which nobody writes.
        Op::Embedding(_) | Op::Axpy(_) | Op::KvWrite(_) | Op::Fill(_) => &[],
        // Its result alone gives the derivative.
        Op::Softcap(_) => &dispatch.outputs,
        _ => &dispatch.inputs,
    }
}

pub(super) fn apply(dispatch: &Dispatch, tape: &mut Tape) -> Result<(), ComputeError> {
    let (inputs, out) = (&dispatch.inputs, &dispatch.outputs[0]);
    let none = |reason: &str| ComputeError::NotDifferentiable { op: dispatch.op.name(), reason: reason.into() };
    if let Gradient::None(reason) = gradient(&dispatch.op) {
        return Err(none(reason));
    }
    match &dispatch.op {
        Op::Embedding(op) => {
            if let Some(dout) = active(tape, out, &inputs[1]) {
                let dtable = tape.sum(&inputs[1])?;
                let op = Op::EmbeddingBackward(EmbeddingBackward { scale: op.scale, first_row: op.first_row });
                tape.push(op, &[&inputs[0], &dout], &[&dtable])?;
            }
            Ok(())
        }
        Op::LayerNorm(op) => {
            norm(dispatch, tape, Normalisation { centred: true, eps: op.eps, weight_offset: 0.0, groups: op.groups })
        }
        Op::RmsNorm(op) => {
            let kind =
                Normalisation { centred: false, eps: op.eps, weight_offset: op.weight_offset, groups: op.groups };
            norm(dispatch, tape, kind)
        }
        Op::MatMul(op) => matmul(op, dispatch, tape),
        Op::Rope(op) => {
            let Some(dout) = tape.gradient(out) else { return Ok(()) };
            tape.push(Op::Rope(Rope { transposed: !op.transposed, ..op.clone() }), &[&inputs[0], &inputs[1]], &[&dout])
        }
        Op::KvWrite(op) => {
            let (dk, dv) = (tape.gradient(out), tape.gradient(&dispatch.outputs[1]));
            if let (Some(dk), Some(dv), true) = (dk, dv, tape.is_active(&inputs[0])) {
                let dqkv = tape.sum(&inputs[0])?;
                let op = Op::KvWriteBackward(KvWriteBackward { forward: op.clone() });
                tape.push(op, &[&inputs[1], &dk, &dv], &[&dqkv])?;
            }
            Ok(())
        }
        Op::Attention(op) if op.prefix_tokens > 0 => {
            Err(none("gradients are taken without a shared prefix: record the prefix as part of every row"))
        }
        Op::Attention(op) => attention(op, dispatch, tape),
        Op::Gelu(op) => {
            if let Some(dout) = active(tape, out, &inputs[0]) {
                let (dx, accumulate) = tape.whole(&inputs[0]);
                let op = GeluBackward { approximation: op.approximation, accumulate };
                tape.push(Op::GeluBackward(op), &[&inputs[0], &dout], &[&dx])?;
            }
            Ok(())
        }
        Op::Relu(_) => {
            if let Some(dout) = active(tape, out, &inputs[0]) {
                let (dx, accumulate) = tape.whole(&inputs[0]);
                tape.push(Op::ReluBackward(ReluBackward { accumulate }), &[&inputs[0], &dout], &[&dx])?;
            }
            Ok(())
        }
        Op::Softcap(op) => {
            let Some(dout) = tape.gradient(out) else { return Ok(()) };
            tape.push(Op::SoftcapBackward(SoftcapBackward { cap: op.cap }), &[out], &[&dout])
        }
        Op::GeGlu(op) => {
            if let Some(dout) = active(tape, out, &inputs[0]) {
                let (dx, accumulate) = tape.whole(&inputs[0]);
                let op = GeGluBackward { approximation: op.approximation, accumulate };
                tape.push(Op::GeGluBackward(op), &[&inputs[0], &dout], &[&dx])?;
            }
            Ok(())
        }
        Op::SwiGlu(_) => {
            if let Some(dout) = active(tape, out, &inputs[0]) {
                let (dx, accumulate) = tape.whole(&inputs[0]);
                tape.push(Op::SwiGluBackward(SwiGluBackward { accumulate }), &[&inputs[0], &dout], &[&dx])?;
            }
            Ok(())
        }
        Op::Axpy(op) => {
            let is_copy =
                !op.accumulate && op.alpha == 1.0 && op.columns == out.columns() && inputs[0].shape() == out.shape();
            if !tape.is_active(&inputs[0]) {
                return Ok(());
            }
            if is_copy {
                return tape.hand_over(out, &inputs[0]);
            }
            if let Some(dout) = tape.gradient(out) {
                let dx = tape.sum(&inputs[0])?;
                let op = Axpy { x_column: op.out_column, out_column: op.x_column, accumulate: true, ..op.clone() };
                tape.push(Op::Axpy(op), &[&dout], &[&dx])?;
            }
            Ok(())
        }
        Op::CrossEntropy(_) => {
            if let Some(dnll) = active(tape, out, &inputs[0]) {
                let (dlogits, accumulate) = tape.whole(&inputs[0]);
                let op = Op::CrossEntropyBackward(CrossEntropyBackward { accumulate });
                tape.push(op, &[&inputs[0], &inputs[1], &dnll], &[&dlogits])?;
            }
            Ok(())
        }
        // A constant depends on nothing.
        Op::Fill(_) => Ok(()),
        _ => unreachable!("the others were refused above"),
    }
}

/// The gradient of what was written, when the input's is of use.
fn active(tape: &Tape, out: &Tensor, input: &Tensor) -> Option<Tensor> {
    if tape.is_active(input) { tape.gradient(out) } else { None }
}

/// What layer and root-mean-square normalisation have in common.
struct Normalisation {
    centred: bool,
    eps: f32,
    weight_offset: f32,
    groups: Groups,
}

fn norm(dispatch: &Dispatch, tape: &mut Tape, kind: Normalisation) -> Result<(), ComputeError> {
    let (x, weight, bias) = (&dispatch.inputs[0], &dispatch.inputs[1], dispatch.inputs.get(2));
    let Some(dout) = tape.gradient(&dispatch.outputs[0]) else { return Ok(()) };
    let Groups { first_column, count: groups } = kind.groups;
    let (x_active, weight_active) = (tape.is_active(x), tape.is_active(weight));
    if x_active || weight_active {
        let stats = tape.scratch("norm.stats", &[x.rows(), 2 * groups]);
        // The weight's gradient needs the statistics even where the input's is of no use.
        let (dx, accumulate) = match (x_active, kind.groups == Groups::ROW) {
            (true, true) => tape.whole(x),
            (true, false) => (tape.sum(x)?, true),
            (false, _) => (tape.scratch("norm.dx", x.shape()), false),
        };
        let op = NormBackward {
            centred: kind.centred,
            eps: kind.eps,
            weight_offset: kind.weight_offset,
            first_column,
            groups,
            accumulate,
        };
        tape.push(Op::NormBackward(op), &[x, weight, &dout], &[&dx, &stats])?;
        if weight_active {
            let (dweight, accumulate) = tape.whole(weight);
            let op = NormWeightBackward { first_column, groups, accumulate };
            tape.push(Op::NormWeightBackward(op), &[x, &stats, &dout], &[&dweight])?;
        }
        tape.release(stats);
        if !x_active {
            tape.release(dx);
        }
    }
    if let Some(bias) = bias.filter(|bias| tape.is_active(bias)) {
        let (dbias, accumulate) = tape.whole(bias);
        // A bias that the groups share adds them up; one with a row for each lies as the columns do.
        let shared = bias.elements() == bias.columns();
        for group in 0..if shared { groups } else { 1 } {
            let column = first_column + group * bias.columns();
            let op = ColumnSum { column, accumulate: accumulate || group > 0 };
            tape.push(Op::ColumnSum(op), &[&dout], &[&dbias])?;
        }
    }
    Ok(())
}

fn matmul(op: &MatMul, dispatch: &Dispatch, tape: &mut Tape) -> Result<(), ComputeError> {
    let (x, weight, bias) = (&dispatch.inputs[0], &dispatch.inputs[1], dispatch.inputs.get(2));
    let Some(dout) = tape.gradient(&dispatch.outputs[0]) else { return Ok(()) };
    let (n, _) = op.n_k(weight);
    if tape.is_active(x) {
        // Outputs that stand side by side with others are cut out first, so that the forward's kernels can multiply them.
        let is_cut = n < dout.columns();
        let block = if is_cut { tape.scratch("matmul.dout", &[x.rows(), n]) } else { dout.clone() };
        if is_cut {
            let cut = Axpy { alpha: 1.0, x_column: op.column_offset, out_column: 0, columns: n, accumulate: false };
            tape.push(Op::Axpy(cut), &[&dout], &[&block])?;
        }
        let layout = match op.layout {
            WeightLayout::OutIn => WeightLayout::InOut,
            WeightLayout::InOut => WeightLayout::OutIn,
        };
        let (dx, accumulate) = tape.whole(x);
        tape.push(Op::MatMul(MatMul { layout, column_offset: 0, accumulate }), &[&block, weight], &[&dx])?;
        if is_cut {
            tape.release(block);
        }
    }
    if tape.is_active(weight) {
        let (dweight, accumulate) = tape.whole(weight);
        let (a, b, a_column, b_column) = match op.layout {
            WeightLayout::OutIn => (&dout, x, op.column_offset, 0),
            WeightLayout::InOut => (x, &dout, 0, op.column_offset),
        };
        let op = MatMulWeightBackward { a_column, b_column, accumulate };
        tape.push(Op::MatMulWeightBackward(op), &[a, b], &[&dweight])?;
    }
    if let Some(bias) = bias.filter(|bias| tape.is_active(bias)) {
        let (dbias, accumulate) = tape.whole(bias);
        tape.push(Op::ColumnSum(ColumnSum { column: op.column_offset, accumulate }), &[&dout], &[&dbias])?;
    }
    Ok(())
}

fn attention(op: &Attention, dispatch: &Dispatch, tape: &mut Tape) -> Result<(), ComputeError> {
    let [qkv, slots, k, v, ..] = &dispatch.inputs[..] else { unreachable!("checked: four inputs") };
    let Some(dout) = tape.gradient(&dispatch.outputs[0]) else { return Ok(()) };
    let mask = dispatch.inputs.last().filter(|_| op.mask == Mask::Given);
    let with_mask = |tensors: &[&Tensor]| tensors.iter().copied().chain(mask).cloned().collect::<Vec<Tensor>>();
    let stats = tape.scratch("attention.stats", &[qkv.rows(), 2 * op.n_heads]);
    let q_active = tape.is_active(qkv);
    let dqkv = if q_active { tape.sum(qkv)? } else { tape.scratch("attention.dqkv", qkv.shape()) };
    let query = Op::AttentionBackwardQuery(AttentionBackwardQuery { forward: op.clone() });
    tape.push(query, &refs(&with_mask(&[qkv, slots, k, v, &dout])), &[&dqkv, &stats])?;
    let rest = with_mask(&[qkv, slots, k, v, &dout, &stats]);
    if tape.is_active(k) {
        let (dk, accumulate) = tape.whole(k);
        let key = Op::AttentionBackwardKey(AttentionBackwardKey { forward: op.clone(), accumulate });
        tape.push(key, &refs(&rest), &[&dk])?;
    }
    if tape.is_active(v) {
        let (dv, accumulate) = tape.whole(v);
        let value = Op::AttentionBackwardValue(AttentionBackwardValue { forward: op.clone(), accumulate });
        tape.push(value, &refs(&rest), &[&dv])?;
    }
    tape.release(stats);
    if !q_active {
        tape.release(dqkv);
    }
    Ok(())
}

fn refs(tensors: &[Tensor]) -> Vec<&Tensor> {
    tensors.iter().collect()
}
