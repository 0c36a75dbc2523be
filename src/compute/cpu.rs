//! The CPU: holds tensors in their stored type and replays recordings with the twins of the kernels.
//!
//! In the browser this is wasm SIMD, on one thread or on a few; natively rows are shared out over the cores. How the work
//! is shared never changes a sum's order, so results repeat bit for bit.

mod backward;
mod lanes;
mod matmul;
mod parallel;
mod values;
mod widen;

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::ops::{attention, embedding, gelu, knn, kv_write, layernorm, next_token, rmsnorm, rope, swiglu};
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
            reason: self.reason.clone(),
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
            Op::Embedding(op) => embedding::forward(op, u32s(0)?, weights(1)?, tensor(1).columns(), first.f32s_mut()),
            Op::LayerNorm(op) => {
                let bias = if dispatch.inputs.len() == 3 { Some(weights(2)?) } else { None };
                layernorm::forward(op, f32s(0)?, weights(1)?, bias, first.f32s_mut());
            }
            Op::RmsNorm(op) => rmsnorm::forward(op, f32s(0)?, weights(1)?, first.f32s_mut()),
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
                let prefix = if dispatch.inputs.len() == 6 { Some((f32s(4)?, f32s(5)?)) } else { None };
                let own = attention::KeyValues { k: f32s(2)?, v: f32s(3)? };
                self.attention(op, dispatch, f32s(0)?, u32s(1)?, own, prefix, first.f32s_mut());
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
                parallel::over_two(neighbours, k, distances, k, |row, neighbours, distances| {
                    knn::forward_row(x, columns, op.row_start + row, neighbours, distances);
                });
            }
            _ => self.train(dispatch, outputs)?,
        }
        Ok(())
    }

    fn attention(
        &self,
        op: &attention::Attention,
        dispatch: &Dispatch,
        qkv: &[f32],
        slots: &[u32],
        own: attention::KeyValues<'_>,
        prefix: Option<(&[f32], &[f32])>,
        out: &mut [f32],
    ) {
        let columns = dispatch.inputs[0].columns();
        let (capacity, kv) = (dispatch.inputs[2].shape()[1], dispatch.inputs[2].columns());
        let channels = op.n_heads * op.head_size;
        let n_slots = dispatch.inputs[2].shape()[0];
        parallel::over_rows(out, channels, |start, out| {
            let mut scores = Vec::new();
            for (i, out) in out.chunks_exact_mut(channels).enumerate() {
                let row = start / channels + i;
                let (b, t) = (row / op.tokens, row % op.tokens);
                let slot = slots[b] as usize;
                if slot >= n_slots {
                    out.fill(0.0);
                    continue;
                }
                let tokens = (op.start + t + 1) * kv;
                let own = attention::KeyValues {
                    k: &own.k[slot * capacity * kv..][..tokens],
                    v: &own.v[slot * capacity * kv..][..tokens],
                };
                let q = &qkv[row * columns..][..channels];
                match prefix {
                    Some((k, v)) => {
                        let shared =
                            attention::KeyValues { k: &k[..op.prefix_tokens * kv], v: &v[..op.prefix_tokens * kv] };
                        attention::forward_token(op, q, &[shared, own], &mut scores, out);
                    }
                    None => attention::forward_token(op, q, &[own], &mut scores, out),
                }
            }
        });
    }

    fn get(&self, tensor: &Tensor) -> Result<&Values, ComputeError> {
        self.tensors.get(&tensor.id()).ok_or_else(|| ComputeError::NotOnDevice { label: tensor.label().into() })
    }

    fn ensure(&mut self, tensor: &Tensor) -> Result<(), ComputeError> {
        if let Entry::Vacant(place) = self.tensors.entry(tensor.id()) {
            let values = Values::zeros(tensor.dtype(), tensor.elements()).ok_or_else(|| ComputeError::OutOfMemory {
                device: "the CPU".into(),
                needed_bytes: tensor.bytes() as u64,
            })?;
            place.insert(values);
        }
        Ok(())
    }
}
