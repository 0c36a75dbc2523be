//! The CPU twins in f64: a device that replays recordings with the same functions as the CPU, at twice the digits.
//!
//! Every op calls its own twin. Only the two dense products, which the CPU does with packed kernels in f32, are spelled
//! out here; tests/gradients.rs holds all of it to the f32 device.

use std::collections::HashMap;

use glitchscope::compute::ops::attention::{Mask, Seen};
use glitchscope::compute::ops::attention_backward_key::OwnRows;
use glitchscope::compute::ops::matmul::WeightLayout;
use glitchscope::compute::ops::*;
use glitchscope::compute::{DType, Dispatch, Op, Recording, Tensor, TensorId, quant};

pub enum Values {
    F64(Vec<f64>),
    U32(Vec<u32>),
}

#[derive(Default)]
pub struct Reference64 {
    tensors: HashMap<TensorId, Values>,
}

impl Reference64 {
    /// Bytes in the tensor's stored type, widened.
    pub fn write(&mut self, tensor: &Tensor, bytes: &[u8]) {
        let values = match tensor.dtype() {
            DType::U32 => Values::U32(bytemuck::pod_collect_to_vec(bytes)),
            dtype => Values::F64(quant::widen_all(dtype, bytes).into_iter().map(f64::from).collect()),
        };
        self.tensors.insert(tensor.id(), values);
    }

    pub fn write_f64(&mut self, tensor: &Tensor, values: Vec<f64>) {
        self.tensors.insert(tensor.id(), Values::F64(values));
    }

    pub fn f64s(&self, tensor: &Tensor) -> &[f64] {
        match self.tensors.get(&tensor.id()) {
            Some(Values::F64(values)) => values,
            _ => panic!("{} holds no floats", tensor.label()),
        }
    }

    pub fn u32s(&self, tensor: &Tensor) -> &[u32] {
        match self.tensors.get(&tensor.id()) {
            Some(Values::U32(values)) => values,
            _ => panic!("{} holds no indices", tensor.label()),
        }
    }

    pub fn run(&mut self, recording: &Recording) {
        for dispatch in recording.dispatches() {
            let mut outputs: Vec<Vec<f64>> = dispatch
                .outputs
                .iter()
                .map(|tensor| match self.tensors.remove(&tensor.id()) {
                    Some(Values::F64(values)) => values,
                    Some(Values::U32(values)) => values.into_iter().map(f64::from).collect(),
                    None => vec![0.0; tensor.elements()],
                })
                .collect();
            self.dispatch(dispatch, &mut outputs);
            for (tensor, values) in dispatch.outputs.iter().zip(outputs) {
                let values = match tensor.dtype() {
                    DType::U32 => Values::U32(values.into_iter().map(|value| value as u32).collect()),
                    _ => Values::F64(values),
                };
                self.tensors.insert(tensor.id(), values);
            }
        }
    }

    fn dispatch(&self, dispatch: &Dispatch, outputs: &mut [Vec<f64>]) {
        let tensor = |i: usize| &dispatch.inputs[i];
        let f = |i: usize| self.f64s(tensor(i));
        let u = |i: usize| self.u32s(tensor(i));
        let (out, rest) = outputs.split_first_mut().expect("every op has an output");
        let out_columns = dispatch.outputs[0].columns();
        match &dispatch.op {
            Op::Embedding(op) => {
                let (table, columns) = (f(1), tensor(1).columns());
                let row = |id: usize, out: &mut [f64]| out.copy_from_slice(&table[id * columns..][..columns]);
                embedding::forward(op, u(0), tensor(1).rows(), row, columns, out);
            }
            Op::LayerNorm(op) => {
                let bias = (dispatch.inputs.len() == 3).then(|| f(2));
                layernorm::forward(op, f(0), f(1), bias, tensor(0).columns(), tensor(1).columns(), out);
            }
            Op::RmsNorm(op) => rmsnorm::forward(op, f(0), f(1), tensor(0).columns(), tensor(1).columns(), out),
            Op::MatMul(op) => {
                let (n, k) = op.n_k(tensor(1));
                let (x, weight, bias) = (f(0), f(1), (dispatch.inputs.len() == 3).then(|| f(2)));
                for m in 0..tensor(0).rows() {
                    for j in 0..n {
                        let at = |i: usize| if op.layout == WeightLayout::OutIn { j * k + i } else { i * n + j };
                        let sum: f64 = (0..k).map(|i| x[m * k + i] * weight[at(i)]).sum();
                        let value = sum + bias.map_or(0.0, |bias| bias[j]);
                        let out = &mut out[m * out_columns + op.column_offset + j];
                        *out = if op.accumulate { *out + value } else { value };
                    }
                }
            }
            Op::MatMulWeightBackward(op) => {
                let (a, b, a_columns, b_columns) = (f(0), f(1), tensor(0).columns(), tensor(1).columns());
                for (i, out) in out.iter_mut().enumerate() {
                    let (p, q) = (op.a_column + i / out_columns, op.b_column + i % out_columns);
                    let sum: f64 = (0..tensor(0).rows()).map(|m| a[m * a_columns + p] * b[m * b_columns + q]).sum();
                    *out = if op.accumulate { *out + sum } else { sum };
                }
            }
            Op::Rope(op) => rope::forward(op, u(0), f(1), out_columns, out),
            Op::KvWrite(op) => {
                let capacity = dispatch.outputs[0].shape()[1];
                kv_write::forward(op, f(0), tensor(0).columns(), u(1), capacity, out_columns, out, &mut rest[0]);
            }
            Op::Attention(op) => {
                let (kv, channels, columns) =
                    (op.n_kv_heads * op.head_size, op.n_heads * op.head_size, tensor(0).columns());
                let has_prefix = dispatch.inputs.len() >= 6;
                let prefix = |i: usize| if has_prefix { &f(i)[..op.prefix_tokens * kv] } else { &[] };
                let mask = (op.mask == Mask::Given).then(|| u(dispatch.inputs.len() - 1));
                let (capacity, n_keys) = (tensor(2).shape()[1], op.n_keys());
                for (row, out) in out.chunks_exact_mut(channels).enumerate() {
                    let own = u(1)[row / op.tokens] as usize * capacity * kv;
                    let seen = Seen {
                        q: &f(0)[row * columns..][..channels],
                        k_prefix: prefix(4),
                        k_own: &f(2)[own..],
                        t: row % op.tokens,
                        mask: mask.map(|mask| &mask[row * n_keys..][..n_keys]),
                    };
                    attention::forward_token(op, &seen, prefix(5), &f(3)[own..], &mut Vec::new(), out);
                }
            }
            Op::Relu(_) => relu::forward(f(0), out),
            Op::Gelu(op) => gelu::forward(op, f(0), out),
            Op::GeGlu(op) => geglu::forward(op, f(0), out_columns, out),
            Op::SwiGlu(_) => swiglu::forward(f(0), out_columns, out),
            Op::Softcap(op) => softcap::forward(op, out),
            Op::Fill(op) => fill::forward(op, out),
            Op::Axpy(op) => axpy::forward(op, f(0), tensor(0).columns(), out, out_columns),
            Op::CrossEntropy(_) => cross_entropy::forward(f(0), tensor(0).columns(), u(1), 0, out),
            Op::CrossEntropyBackward(op) => {
                for (row, dlogits) in out.chunks_exact_mut(out_columns).enumerate() {
                    let logits = &f(0)[row * out_columns..][..out_columns];
                    cross_entropy_backward::backward(op, logits, u(1)[row], f(2)[row], dlogits);
                }
            }
            Op::EmbeddingBackward(op) => embedding_backward::backward(op, u(0), f(1), out_columns, out),
            Op::NormBackward(op) => {
                let columns = tensor(0).columns();
                for (row, (dx, stats)) in
                    out.chunks_exact_mut(columns).zip(rest[0].chunks_exact_mut(2 * op.groups)).enumerate()
                {
                    let range = row * columns..(row + 1) * columns;
                    let channels = tensor(1).columns();
                    norm_backward::backward(op, &f(0)[range.clone()], f(1), &f(2)[range], channels, dx, stats);
                }
            }
            Op::NormWeightBackward(op) => {
                norm_weight_backward::backward(op, f(0), f(1), f(2), tensor(0).columns(), out_columns, out);
            }
            Op::ColumnSum(op) => column_sum::forward(op, f(0), tensor(0).columns(), out),
            Op::KvWriteBackward(op) => {
                let (capacity, kv) = (tensor(1).shape()[1], tensor(1).columns());
                kv_write_backward::backward(op, u(0), f(1), f(2), capacity, kv, out, out_columns);
            }
            Op::AttentionBackwardQuery(op) => {
                let forward = &op.forward;
                let (kv, channels) = (forward.n_kv_heads * forward.head_size, forward.n_heads * forward.head_size);
                let (slot_size, n_keys) = (tensor(2).shape()[1] * kv, forward.n_keys());
                let mask = (forward.mask == Mask::Given).then(|| u(5));
                for (row, dqkv) in out.chunks_exact_mut(out_columns).enumerate() {
                    let own = u(1)[row / forward.tokens] as usize * slot_size;
                    attention_backward_query::backward_token(
                        forward,
                        row % forward.tokens,
                        &f(0)[row * out_columns..],
                        &f(2)[own..],
                        &f(3)[own..],
                        &f(4)[row * channels..],
                        mask.map(|mask| &mask[row * n_keys..][..n_keys]),
                        dqkv,
                        &mut rest[0][row * 2 * forward.n_heads..][..2 * forward.n_heads],
                    );
                }
            }
            Op::AttentionBackwardKey(op) => {
                self.over_keys(dispatch, &op.forward, op.accumulate, out, |j, at, rows, dk| {
                    attention_backward_key::backward_key(op, j, rows, &f(2)[at..], &f(3)[at..], dk);
                })
            }
            Op::AttentionBackwardValue(op) => {
                self.over_keys(dispatch, &op.forward, op.accumulate, out, |j, at, rows, dv| {
                    attention_backward_value::backward_value(op, j, rows, &f(2)[at..], dv);
                });
            }
            Op::GeluBackward(op) => gelu_backward::backward(op, f(0), f(1), out),
            Op::GeGluBackward(op) => geglu_backward::backward(op, f(0), f(1), tensor(1).columns(), out),
            Op::SwiGluBackward(op) => swiglu_backward::backward(op, f(0), f(1), tensor(1).columns(), out),
            Op::ReluBackward(op) => relu_backward::backward(op, f(0), f(1), out),
            Op::SoftcapBackward(op) => softcap_backward::backward(op, f(0), out),
            Op::SumSquares(op) => sum_squares::forward(op, f(0), op.stretch(tensor(0)), out),
            Op::AdamW(op) => {
                let [m, v] = rest else { panic!("three outputs") };
                adamw::forward(op, f(0), out, m, v);
            }
            other => panic!("{} is not evaluated in f64", other.name()),
        }
    }

    fn over_keys(
        &self,
        dispatch: &Dispatch,
        op: &attention::Attention,
        accumulate: bool,
        out: &mut [f64],
        work: impl Fn(usize, usize, &OwnRows<'_, f64>, &mut [f64]),
    ) {
        let f = |i: usize| self.f64s(&dispatch.inputs[i]);
        let (kv, capacity) = (op.n_kv_heads * op.head_size, dispatch.inputs[2].shape()[1]);
        let columns = dispatch.inputs[0].columns();
        let mask = (op.mask == Mask::Given).then(|| self.u32s(&dispatch.inputs[6]));
        for (key, out) in out.chunks_exact_mut(kv).enumerate() {
            if !accumulate {
                out.fill(0.0);
            }
            let slots = self.u32s(&dispatch.inputs[1]);
            if let Some(b) = slots.iter().position(|&slot| slot as usize == key / capacity) {
                let first = b * op.tokens;
                let rows = OwnRows {
                    qkv: &f(0)[first * columns..],
                    columns,
                    dout: &f(4)[first * op.n_heads * op.head_size..],
                    stats: &f(5)[first * 2 * op.n_heads..],
                    mask: mask.map(|mask| &mask[first * op.n_keys()..]),
                };
                work(key % capacity, key * kv, &rows, out);
            }
        }
    }
}
