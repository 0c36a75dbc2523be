//! The CPU: holds tensors in their stored type and replays recordings with the twins of the kernels.
//!
//! In the browser this is wasm SIMD, on one thread or on a few; natively rows are shared out over the cores. How the work
//! is shared never changes a sum's order, so results repeat bit for bit.

mod backward;
pub(crate) mod functions;
pub(crate) mod knn;
mod lanes;
pub(crate) mod matmul;
pub mod parallel;
mod values;
mod widen;

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::ops::attention::{Attention, Mask, Seen};
use super::ops::embedding::Embedding;
use super::ops::{
    attention, attention_stats, attention_sums, attention_weights, embedding, geglu, gelu, kv_write, layernorm,
    next_token, relu,
};
use super::ops::{rmsnorm, rope, softcap, swiglu};
use super::{ComputeError, DType, DeviceInfo, DeviceKind, Dispatch, Op, Recording, Tensor, TensorId};
pub use values::{Values, Weights};

/// Tensors in main memory.
pub struct CpuDevice {
    tensors: HashMap<TensorId, Values>,
    reason: String,
}

impl CpuDevice {
    pub fn new(reason: impl Into<String>) -> Self {
        CpuDevice { tensors: HashMap::new(), reason: reason.into() }
    }

    pub fn info(&self) -> DeviceInfo {
        let set = matmul::kernels().name;
        let name = match parallel::threads() {
            _ if cfg!(not(target_arch = "wasm32")) => {
                format!("{} {set}, {} threads", std::env::consts::ARCH, parallel::threads())
            }
            1 => format!("wasm {set}"),
            threads => format!("wasm {set}, {threads} threads"),
        };
        DeviceInfo {
            kind: DeviceKind::Cpu,
            name,
            detail: String::new(),
            software: false,
            precision: "f32".into(),
            reason: [self.reason.clone(), parallel::note()]
                .into_iter()
                .filter(|part| !part.is_empty())
                .collect::<Vec<_>>()
                .join("; "),
        }
    }

    pub fn write(&mut self, tensor: &Tensor, offset_bytes: usize, bytes: &[u8]) -> Result<(), ComputeError> {
        self.ensure(tensor)?;
        let values = self.tensors.get_mut(&tensor.id()).expect("OK because ensured above");
        values.bytes_mut()[offset_bytes..offset_bytes + bytes.len()].copy_from_slice(bytes);
        Ok(())
    }

    pub fn read(&self, tensor: &Tensor) -> Result<Vec<u8>, ComputeError> {
        Ok(self.get(tensor)?.bytes().to_vec())
    }

    pub fn read_f32(&self, tensor: &Tensor) -> Result<Vec<f32>, ComputeError> {
        Ok(self.get(tensor)?.f32s().to_vec())
    }

    /// The rows `ids` of a table, as `embedding` looks them up.
    pub fn gather(&self, table: &Tensor, ids: &[u32], out: &mut Vec<f32>) -> Result<(), ComputeError> {
        out.resize(ids.len() * table.columns(), 0.0);
        look_up(&Embedding::ROWS, ids, self.get(table)?.weights(), table, out);
        Ok(())
    }

    pub fn free(&mut self, tensor: &Tensor) {
        self.tensors.remove(&tensor.id());
    }

    pub fn run(&mut self, recording: &Recording) -> Result<(), ComputeError> {
        for dispatch in recording.dispatches() {
            self.dispatch(dispatch)?;
        }
        Ok(())
    }

    fn dispatch(&mut self, dispatch: &Dispatch) -> Result<(), ComputeError> {
        // Outputs leave the table while they are written, so that inputs can be read from it at the same time.
        let mut outputs = Vec::with_capacity(dispatch.outputs.len());
        for tensor in &dispatch.outputs {
            self.ensure(tensor)?;
            outputs.push(self.tensors.remove(&tensor.id()).expect("OK because ensured above"));
        }
        let result = self.compute(dispatch, &mut outputs);
        for (tensor, values) in dispatch.outputs.iter().zip(outputs) {
            self.tensors.insert(tensor.id(), values);
        }
        result
    }

    fn compute(&self, dispatch: &Dispatch, outputs: &mut [Values]) -> Result<(), ComputeError> {
        let tensor = |i: usize| &dispatch.inputs[i];
        let f32s = |i: usize| Ok::<_, ComputeError>(self.get(tensor(i))?.f32s());
        let u32s = |i: usize| Ok::<_, ComputeError>(self.get(tensor(i))?.u32s());
        let weights = |i: usize| Ok::<_, ComputeError>(self.get(tensor(i))?.weights());
        let (first, rest) = outputs.split_first_mut().expect("OK because every op's check asks for an output");
        match &dispatch.op {
            Op::Embedding(op) => look_up(op, u32s(0)?, weights(1)?, tensor(1), first.f32s_mut()),
            Op::LayerNorm(op) => {
                let bias = if dispatch.inputs.len() == 3 { Some(weights(2)?.to_f32()) } else { None };
                let (columns, channels, weight) = (tensor(0).columns(), tensor(1).columns(), weights(1)?.to_f32());
                layernorm::forward(op, f32s(0)?, &weight, bias.as_deref(), columns, channels, first.f32s_mut());
            }
            Op::RmsNorm(op) => {
                let (columns, channels) = (tensor(0).columns(), tensor(1).columns());
                rmsnorm::forward(op, f32s(0)?, &weights(1)?.to_f32(), columns, channels, first.f32s_mut());
            }
            Op::MatMul(op) => {
                let bias = if dispatch.inputs.len() == 3 { Some(weights(2)?.to_f32()) } else { None };
                let (n, k) = op.n_k(tensor(1));
                let shape = matmul::Shape { m: tensor(0).rows(), n, k, out_columns: dispatch.outputs[0].columns() };
                matmul::forward(op, shape, f32s(0)?, weights(1)?, bias.as_deref(), first.f32s_mut());
            }
            Op::Rope(op) => rope::forward(op, u32s(0)?, f32s(1)?, dispatch.outputs[0].columns(), first.f32s_mut()),
            Op::KvWrite(op) => {
                let (capacity, kv) = (dispatch.outputs[0].shape()[1], dispatch.outputs[0].columns());
                kv_write::forward(
                    op,
                    f32s(0)?,
                    tensor(0).columns(),
                    u32s(1)?,
                    capacity,
                    kv,
                    first.f32s_mut(),
                    rest[0].f32s_mut(),
                );
            }
            Op::Attention(op) => {
                let prefix = if dispatch.inputs.len() >= 6 { Some((f32s(4)?, f32s(5)?)) } else { None };
                self.attention(op, dispatch, prefix, first.f32s_mut())?;
            }
            Op::AttentionWeights(op) => {
                let op = &op.attention;
                let has_prefix = dispatch.inputs.len() > 3 + usize::from(op.mask == Mask::Given);
                let k_prefix = if has_prefix { Some(f32s(3)?) } else { None };
                let rows = self.rows(op, dispatch, k_prefix)?;
                parallel::over_rows(first.f32s_mut(), op.n_keys(), |start, out| {
                    let mut weights = Vec::new();
                    for (i, out) in out.chunks_exact_mut(op.n_keys()).enumerate() {
                        // (B, NH, T) in this order.
                        let line = start / op.n_keys() + i;
                        let (b, head, t) =
                            (line / op.tokens / op.n_heads, line / op.tokens % op.n_heads, line % op.tokens);
                        match rows.seen(b * op.tokens + t) {
                            Some((seen, _)) => attention_weights::forward_row(op, &seen, head, &mut weights, out),
                            None => out.fill(0.0),
                        }
                    }
                });
            }
            Op::AttentionStats(op) => {
                let op = &op.attention;
                let has_prefix = dispatch.inputs.len() > 3 + usize::from(op.mask == Mask::Given);
                let k_prefix = if has_prefix { Some(f32s(3)?) } else { None };
                let rows = self.rows(op, dispatch, k_prefix)?;
                parallel::over_rows(first.f32s_mut(), 2 * op.n_heads, |start, out| {
                    let mut weights = Vec::new();
                    for (i, out) in out.chunks_exact_mut(2 * op.n_heads).enumerate() {
                        match rows.seen(start / (2 * op.n_heads) + i) {
                            Some((seen, _)) => attention_stats::forward_row(op, &seen, &mut weights, out),
                            None => out.fill(0.0),
                        }
                    }
                });
            }
            Op::AttentionSums(op) => {
                let (op, stats) = (&op.attention, f32s(3)?);
                let has_prefix = dispatch.inputs.len() > 4 + usize::from(op.mask == Mask::Given);
                let k_prefix = if has_prefix { Some(f32s(4)?) } else { None };
                let rows = self.rows(op, dispatch, k_prefix)?;
                parallel::over_rows(first.f32s_mut(), op.n_keys(), |start, out| {
                    let mut weights = Vec::new();
                    for (i, out) in out.chunks_exact_mut(op.n_keys()).enumerate() {
                        // (B, NH) in this order.
                        let line = start / op.n_keys() + i;
                        let (b, head) = (line / op.n_heads, line % op.n_heads);
                        out.fill(0.0);
                        for row in b * op.tokens..(b + 1) * op.tokens {
                            let Some((seen, _)) = rows.seen(row) else { continue };
                            let at = 2 * (row * op.n_heads + head);
                            let stats = (stats[at], stats[at + 1]);
                            attention_sums::add_query(op, &seen, head, stats, &mut weights, out);
                        }
                    }
                });
            }
            Op::Relu(_) => relu::forward(f32s(0)?, first.f32s_mut()),
            Op::Softcap(op) => softcap::forward(op, first.f32s_mut()),
            Op::GeGlu(op) => {
                let (gate_up, inner) = (f32s(0)?, dispatch.outputs[0].columns());
                parallel::over_rows(first.f32s_mut(), inner, |start, out| {
                    geglu::forward(op, &gate_up[2 * start..2 * (start + out.len())], inner, out);
                });
            }
            Op::Gelu(op) => {
                let x = f32s(0)?;
                parallel::over_rows(first.f32s_mut(), 1024, |start, out| {
                    gelu::forward(op, &x[start..start + out.len()], out)
                });
            }
            Op::SwiGlu(_) => {
                let (gate_up, inner) = (f32s(0)?, dispatch.outputs[0].columns());
                parallel::over_rows(first.f32s_mut(), inner, |start, out| {
                    swiglu::forward(&gate_up[2 * start..2 * (start + out.len())], inner, out);
                });
            }
            Op::NextToken(_) => {
                next_token::forward(f32s(0)?, tensor(0).columns(), u32s(1)?, first.f32s_mut(), rest[0].u32s_mut())
            }
            Op::Knn(op) => {
                let (x, columns, k) = (f32s(0)?, tensor(0).columns(), dispatch.outputs[0].columns());
                let (neighbours, distances) = (first.u32s_mut(), rest[0].f32s_mut());
                knn::forward(x, columns, op.row_start, k, neighbours, distances);
            }
            _ => self.train(dispatch, outputs)?,
        }
        Ok(())
    }

    fn attention(
        &self,
        op: &Attention,
        dispatch: &Dispatch,
        prefix: Option<(&[f32], &[f32])>,
        out: &mut [f32],
    ) -> Result<(), ComputeError> {
        let channels = op.n_heads * op.head_size;
        let v_own = self.get(&dispatch.inputs[3])?.f32s();
        let v_prefix = prefix.map_or(&[][..], |(_, v)| &v[..op.prefix_tokens * op.n_kv_heads * op.head_size]);
        let rows = self.rows(op, dispatch, prefix.map(|(k, _)| k))?;
        parallel::over_rows(out, channels, |start, out| {
            let mut weights = Vec::new();
            for (i, out) in out.chunks_exact_mut(channels).enumerate() {
                match rows.seen(start / channels + i) {
                    Some((seen, own)) => {
                        attention::forward_token(op, &seen, v_prefix, &v_own[own..], &mut weights, out);
                    }
                    None => out.fill(0.0),
                }
            }
        });
        Ok(())
    }

    /// What both attention ops read: their first three inputs, the prefix's keys, and the mask, which comes last.
    fn rows<'a>(
        &'a self,
        op: &'a Attention,
        dispatch: &Dispatch,
        k_prefix: Option<&'a [f32]>,
    ) -> Result<AttentionRows<'a>, ComputeError> {
        let inputs = &dispatch.inputs;
        let mask = match (op.mask, inputs.last()) {
            (Mask::Given, Some(mask)) => Some(self.get(mask)?.u32s()),
            _ => None,
        };
        Ok(AttentionRows {
            op,
            qkv: self.get(&inputs[0])?.f32s(),
            columns: inputs[0].columns(),
            slots: self.get(&inputs[1])?.u32s(),
            k_own: self.get(&inputs[2])?.f32s(),
            n_slots: inputs[2].shape()[0],
            capacity: inputs[2].shape()[1],
            k_prefix: k_prefix.map_or(&[], |k| &k[..op.prefix_tokens * op.n_kv_heads * op.head_size]),
            mask,
        })
    }

    fn get(&self, tensor: &Tensor) -> Result<&Values, ComputeError> {
        self.tensors.get(&tensor.id()).ok_or_else(|| ComputeError::NotOnDevice { label: tensor.label().into() })
    }

    fn ensure(&mut self, tensor: &Tensor) -> Result<(), ComputeError> {
        if let Entry::Vacant(place) = self.tensors.entry(tensor.id()) {
            let values = Values::zeros(tensor.dtype(), tensor.elements())
                .ok_or_else(|| crate::compute::memory::exhausted(tensor.bytes() as u64))?;
            place.insert(values);
        }
        Ok(())
    }
}

fn look_up(op: &Embedding, ids: &[u32], weights: Weights<'_>, table: &Tensor, out: &mut [f32]) {
    let (rows, columns) = (table.rows(), table.columns());
    let row = |id: usize, out: &mut [f32]| weights.widen(id * columns, out);
    parallel::over_rows(out, columns, |start, out| {
        embedding::forward(op, &ids[start / columns..], rows, row, columns, out);
    });
}

/// The inputs of an attention op, to be taken apart by rows.
struct AttentionRows<'a> {
    op: &'a Attention,
    qkv: &'a [f32],
    columns: usize,
    slots: &'a [u32],
    k_own: &'a [f32],
    n_slots: usize,
    capacity: usize,
    k_prefix: &'a [f32],
    mask: Option<&'a [u32]>,
}

impl<'a> AttentionRows<'a> {
    /// What query `row` of B·T reads, and where its slot begins in the caches; nothing when there is no such slot.
    fn seen(&self, row: usize) -> Option<(Seen<'a, f32>, usize)> {
        let op = self.op;
        let (b, t) = (row / op.tokens, row % op.tokens);
        let slot = self.slots[b] as usize;
        if slot >= self.n_slots {
            return None;
        }
        let kv = op.n_kv_heads * op.head_size;
        let own = slot * self.capacity * kv;
        let n_keys = op.n_keys();
        let seen = Seen {
            q: &self.qkv[row * self.columns..][..op.n_heads * op.head_size],
            k_prefix: self.k_prefix,
            k_own: &self.k_own[own..][..(op.start + op.tokens) * kv],
            t,
            mask: self.mask.map(|mask| &mask[row * n_keys..][..n_keys]),
        };
        Some((seen, own))
    }
}
