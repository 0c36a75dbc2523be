//! The CPU's part in training: gradients and the optimiser. Rows are shared out over the cores, sums are never split.

use super::matmul::{self, Shape};
use super::parallel;
use super::values::{Values, Weights};
use crate::compute::ops::attention::{Attention, Mask};
use crate::compute::ops::attention_backward_key::OwnRows;
use crate::compute::ops::matmul::{MatMul, WeightLayout};
use crate::compute::ops::matmul_weight_backward::MatMulWeightBackward;
use crate::compute::ops::{
    adamw, attention_backward_key, attention_backward_query, attention_backward_value, axpy, column_sum, cross_entropy,
    cross_entropy_backward, embedding_backward, fill, geglu_backward, gelu_backward, kv_write_backward, norm_backward,
    norm_weight_backward, relu_backward, softcap_backward, sum_squares, swiglu_backward,
};
use crate::compute::{ComputeError, Dispatch, Op};

impl super::CpuDevice {
    pub(super) fn train(&self, dispatch: &Dispatch, outputs: &mut [Values]) -> Result<(), ComputeError> {
        let tensor = |i: usize| &dispatch.inputs[i];
        let f32s = |i: usize| Ok::<_, ComputeError>(self.get(tensor(i))?.f32s());
        let u32s = |i: usize| Ok::<_, ComputeError>(self.get(tensor(i))?.u32s());
        let weights = |i: usize| Ok::<_, ComputeError>(self.get(tensor(i))?.weights());
        let (first, rest) = outputs.split_first_mut().expect("OK because every op's check asks for an output");
        match &dispatch.op {
            Op::Fill(op) => fill::forward(op, first.f32s_mut()),
            Op::Axpy(op) => {
                let (x, x_columns) = (f32s(0)?, tensor(0).columns());
                let out_columns = dispatch.outputs[0].columns();
                parallel::over_rows(first.f32s_mut(), out_columns, |start, out| {
                    axpy::forward(op, &x[start / out_columns * x_columns..], x_columns, out, out_columns);
                });
            }
            Op::CrossEntropy(_) => {
                let (logits, vocabulary, targets) = (f32s(0)?, tensor(0).columns(), u32s(1)?);
                parallel::over_rows(first.f32s_mut(), 1, |start, nll| {
                    cross_entropy::forward(logits, vocabulary, targets, start, nll);
                });
            }
            Op::CrossEntropyBackward(op) => {
                let (logits, vocabulary, targets, dnll) = (f32s(0)?, tensor(0).columns(), u32s(1)?, f32s(2)?);
                parallel::over_rows(first.f32s_mut(), vocabulary, |start, dlogits| {
                    for (i, dlogits) in dlogits.chunks_exact_mut(vocabulary).enumerate() {
                        let row = start / vocabulary + i;
                        let logits = &logits[row * vocabulary..][..vocabulary];
                        cross_entropy_backward::backward(op, logits, targets[row], dnll[row], dlogits);
                    }
                });
            }
            Op::EmbeddingBackward(op) => {
                embedding_backward::backward(op, u32s(0)?, f32s(1)?, tensor(1).columns(), first.f32s_mut());
            }
            Op::NormBackward(op) => {
                let (x, weight, dout, columns) = (f32s(0)?, weights(1)?.to_f32(), f32s(2)?, tensor(0).columns());
                let channels = tensor(1).columns();
                let (dx, stats) = (first.f32s_mut(), rest[0].f32s_mut());
                parallel::over_two(dx, columns, stats, 2 * op.groups, |row, dx, stats| {
                    let rows = row * columns..(row + 1) * columns;
                    norm_backward::backward(op, &x[rows.clone()], &weight, &dout[rows], channels, dx, stats);
                });
            }
            Op::NormWeightBackward(op) => {
                let (columns, channels) = (tensor(0).columns(), dispatch.outputs[0].columns());
                let dweight = first.f32s_mut();
                norm_weight_backward::backward(op, f32s(0)?, f32s(1)?, f32s(2)?, columns, channels, dweight);
            }
            Op::MatMulWeightBackward(op) => {
                matmul_weight_backward(op, dispatch, f32s(0)?, f32s(1)?, first.f32s_mut());
            }
            Op::ColumnSum(op) => column_sum::forward(op, f32s(0)?, tensor(0).columns(), first.f32s_mut()),
            Op::KvWriteBackward(op) => {
                let (capacity, kv) = (tensor(1).shape()[1], tensor(1).columns());
                let columns = dispatch.outputs[0].columns();
                let (slots, dk, dv) = (u32s(0)?, f32s(1)?, f32s(2)?);
                kv_write_backward::backward(op, slots, dk, dv, capacity, kv, first.f32s_mut(), columns);
            }
            Op::AttentionBackwardQuery(op) => {
                let rows = self.attention_backward_rows(&op.forward, dispatch, None)?;
                let (k, v) = (f32s(2)?, f32s(3)?);
                let (dqkv, stats) = (first.f32s_mut(), rest[0].f32s_mut());
                parallel::over_two(dqkv, rows.columns, stats, 2 * op.forward.n_heads, |row, dqkv, stats| {
                    let Some(slot) = rows.slot(row) else {
                        stats.fill(0.0);
                        return;
                    };
                    let (k, v) = (&k[slot * rows.slot_size..], &v[slot * rows.slot_size..]);
                    let (q, dout) = (&rows.qkv[row * rows.columns..], &rows.dout[row * rows.channels..]);
                    let mask = rows.mask.map(|mask| &mask[row * rows.n_keys..][..rows.n_keys]);
                    let t = row % op.forward.tokens;
                    attention_backward_query::backward_token(&op.forward, t, q, k, v, dout, mask, dqkv, stats);
                });
            }
            Op::AttentionBackwardKey(op) => {
                let rows = self.attention_backward_rows(&op.forward, dispatch, Some(5))?;
                let (k, v) = (f32s(2)?, f32s(3)?);
                rows.over_keys(first.f32s_mut(), op.accumulate, |j, at, own, dk| {
                    attention_backward_key::backward_key(op, j, own, &k[at..], &v[at..], dk);
                });
            }
            Op::AttentionBackwardValue(op) => {
                let rows = self.attention_backward_rows(&op.forward, dispatch, Some(5))?;
                let k = f32s(2)?;
                rows.over_keys(first.f32s_mut(), op.accumulate, |j, at, own, dv| {
                    attention_backward_value::backward_value(op, j, own, &k[at..], dv);
                });
            }
            Op::GeluBackward(op) => {
                let (x, dout) = (f32s(0)?, f32s(1)?);
                parallel::over_rows(first.f32s_mut(), 1024, |start, dx| {
                    gelu_backward::backward(op, &x[start..], &dout[start..], dx);
                });
            }
            Op::ReluBackward(op) => relu_backward::backward(op, f32s(0)?, f32s(1)?, first.f32s_mut()),
            Op::SoftcapBackward(op) => {
                let y = f32s(0)?;
                parallel::over_rows(first.f32s_mut(), 1024, |start, d| softcap_backward::backward(op, &y[start..], d));
            }
            Op::GeGluBackward(op) => {
                let (gate_up, dout, inner) = (f32s(0)?, f32s(1)?, tensor(1).columns());
                parallel::over_rows(first.f32s_mut(), 2 * inner, |start, dgate_up| {
                    geglu_backward::backward(op, &gate_up[start..], &dout[start / 2..], inner, dgate_up);
                });
            }
            Op::SwiGluBackward(op) => {
                let (gate_up, dout, inner) = (f32s(0)?, f32s(1)?, tensor(1).columns());
                parallel::over_rows(first.f32s_mut(), 2 * inner, |start, dgate_up| {
                    swiglu_backward::backward(op, &gate_up[start..], &dout[start / 2..], inner, dgate_up);
                });
            }
            Op::SumSquares(op) => sum_squares::forward(op, f32s(0)?, op.stretch(tensor(0)), first.f32s_mut()),
            Op::AdamW(op) => {
                let [m, v] = rest else { unreachable!("checked: three outputs") };
                adamw::forward(op, f32s(0)?, first.f32s_mut(), m.f32s_mut(), v.f32s_mut());
            }
            _ => unreachable!("the other ops are dispatched by the caller"),
        }
        Ok(())
    }
}

/// aᵀ·b through the forward's multiply, whose kernels are the fast ones: the transposed block of `a` are its rows, and
/// `b` is a weight of M inputs.
fn matmul_weight_backward(op: &MatMulWeightBackward, dispatch: &Dispatch, a: &[f32], b: &[f32], out: &mut [f32]) {
    let (m, p, q) = (dispatch.inputs[0].rows(), dispatch.outputs[0].rows(), dispatch.outputs[0].columns());
    let (a_columns, b_columns) = (dispatch.inputs[0].columns(), dispatch.inputs[1].columns());
    let mut transposed = vec![0.0; p * m];
    if m > 0 {
        parallel::over_rows(&mut transposed, m, |start, transposed| {
            for (i, row) in transposed.chunks_exact_mut(m).enumerate() {
                let column = op.a_column + start / m + i;
                for (row, a) in row.iter_mut().zip(a.chunks_exact(a_columns)) {
                    *row = a[column];
                }
            }
        });
    }
    let block;
    let b = if q == b_columns {
        b
    } else {
        block = b.chunks_exact(b_columns).flat_map(|row| &row[op.b_column..][..q]).copied().collect::<Vec<f32>>();
        &block
    };
    let multiply = MatMul { layout: WeightLayout::InOut, column_offset: 0, accumulate: op.accumulate };
    let shape = Shape { m: p, n: q, k: m, out_columns: q };
    matmul::forward(&multiply, shape, &transposed, Weights::F32(b), None, out);
}

/// What the backward ops of an attention read, to be taken apart by rows.
struct BackwardRows<'a> {
    qkv: &'a [f32],
    dout: &'a [f32],
    stats: &'a [f32],
    mask: Option<&'a [u32]>,
    slots: &'a [u32],
    n_slots: usize,
    tokens: usize,
    n_keys: usize,
    /// Width of a row of queries, keys and values.
    columns: usize,
    /// Width of a row of the output.
    channels: usize,
    stats_columns: usize,
    kv: usize,
    /// Elements of a slot: capacity · KV.
    slot_size: usize,
}

impl super::CpuDevice {
    fn attention_backward_rows(
        &self,
        op: &Attention,
        dispatch: &Dispatch,
        stats: Option<usize>,
    ) -> Result<BackwardRows<'_>, ComputeError> {
        let inputs = &dispatch.inputs;
        let mask = match (op.mask, inputs.last()) {
            (Mask::Given, Some(mask)) => Some(self.get(mask)?.u32s()),
            _ => None,
        };
        Ok(BackwardRows {
            qkv: self.get(&inputs[0])?.f32s(),
            dout: self.get(&inputs[4])?.f32s(),
            stats: match stats {
                Some(i) => self.get(&inputs[i])?.f32s(),
                None => &[],
            },
            mask,
            slots: self.get(&inputs[1])?.u32s(),
            n_slots: inputs[2].shape()[0],
            tokens: op.tokens,
            n_keys: op.n_keys(),
            columns: inputs[0].columns(),
            channels: op.n_heads * op.head_size,
            stats_columns: 2 * op.n_heads,
            kv: inputs[2].columns(),
            slot_size: inputs[2].shape()[1] * inputs[2].columns(),
        })
    }
}

impl<'a> BackwardRows<'a> {
    /// The slot of a row of B·T, unless it does not exist.
    fn slot(&self, row: usize) -> Option<usize> {
        let slot = self.slots[row / self.tokens] as usize;
        (slot < self.n_slots).then_some(slot)
    }

    /// The T rows of row `b` of the batch.
    fn of(&self, b: usize) -> OwnRows<'a, f32> {
        let first = b * self.tokens;
        OwnRows {
            qkv: &self.qkv[first * self.columns..],
            columns: self.columns,
            dout: &self.dout[first * self.channels..],
            stats: &self.stats[first * self.stats_columns..],
            mask: self.mask.map(|mask| &mask[first * self.n_keys..]),
        }
    }

    /// Calls `work(j, at, rows, out)` for key `j` of every slot that a row of the batch owns; `at` is where the key is in
    /// the cache, `out` its gradient. Keys that nobody owns get nothing.
    fn over_keys(
        &self,
        out: &mut [f32],
        accumulate: bool,
        work: impl Fn(usize, usize, &OwnRows<'_, f32>, &mut [f32]) + Sync,
    ) {
        let kv = self.kv;
        parallel::over_rows(out, kv, |start, out| {
            for (i, out) in out.chunks_exact_mut(kv).enumerate() {
                let at = start + i * kv;
                if !accumulate {
                    out.fill(0.0);
                }
                let slot = at / self.slot_size;
                if let Some(b) = self.slots.iter().position(|&owned| owned as usize == slot) {
                    work(at % self.slot_size / kv, at, &self.of(b), out);
                }
            }
        });
    }
}
