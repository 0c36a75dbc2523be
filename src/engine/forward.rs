//! A forward pass written down as a recording: blocks in order, for any family.
//!
//! A pass takes `rows` rows of `tokens` tokens each, all at the same place `start` of their rows, optionally behind a
//! prefix that all rows share. Only the rows whose logits are wanted meet the head.

use super::architecture::{Architecture, Mlp, Norm, Positions};
use super::kv_cache::KvCache;
use super::weights::{NormWeights, Projection, Weights};
use crate::compute::ops::attention::Attention;
use crate::compute::ops::embedding::Embedding;
use crate::compute::ops::gelu::Gelu;
use crate::compute::ops::kv_write::KvWrite;
use crate::compute::ops::layernorm::LayerNorm;
use crate::compute::ops::matmul::{MatMul, WeightLayout};
use crate::compute::ops::next_token::NextToken;
use crate::compute::ops::rmsnorm::RmsNorm;
use crate::compute::ops::rope::Rope;
use crate::compute::ops::swiglu::SwiGlu;
use crate::compute::{ComputeError, DType, Device, Op, Recording, Tensor};

/// The shape of one pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PassShape {
    /// Rows, B.
    pub rows: usize,
    /// Tokens of each row, T.
    pub tokens: usize,
    /// Rows of logits, one for each entry of `wanted`.
    pub logits: usize,
}

/// The tensors of a pass. Inputs are written before, results read after it is run.
pub struct PassTensors {
    pub shape: PassShape,
    /// (B·T) token ids
    pub ids: Tensor,
    /// (B·T) positions, counted from the start of the prefix
    pub positions: Tensor,
    /// (B) cache slot of each row
    pub slots: Tensor,
    /// (logits) indices into B·T: the positions whose logits are wanted
    pub wanted: Tensor,
    /// (logits) ids whose probability is wanted
    pub targets: Tensor,
    /// (logits,V)
    pub logits: Tensor,
    /// (logits,3) as `next_token` writes them
    pub stats: Tensor,
    /// (logits)
    pub argmax: Tensor,
    hidden: Tensor,
    normed: Tensor,
    qkv: Tensor,
    attended: Tensor,
    mlp_in: Tensor,
    activated: Tensor,
    last: Tensor,
    last_normed: Tensor,
}

impl PassTensors {
    pub fn new(architecture: &Architecture, shape: PassShape) -> Self {
        let n = shape.rows * shape.tokens;
        let f32s = |label: &str, shape: &[usize]| Tensor::new(label, shape, DType::F32);
        let u32s = |label: &str, len: usize| Tensor::new(label, &[len], DType::U32);
        PassTensors {
            shape,
            ids: u32s("ids", n),
            positions: u32s("positions", n),
            slots: u32s("slots", shape.rows),
            wanted: u32s("wanted", shape.logits),
            targets: u32s("targets", shape.logits),
            logits: f32s("logits", &[shape.logits, architecture.n_vocabulary]),
            stats: f32s("stats", &[shape.logits, 3]),
            argmax: u32s("argmax", shape.logits),
            hidden: f32s("hidden_states", &[n, architecture.n_channels]),
            normed: f32s("normed", &[n, architecture.n_channels]),
            qkv: f32s("qkv", &[n, architecture.qkv_channels()]),
            attended: f32s("attended", &[n, architecture.query_channels()]),
            mlp_in: f32s("mlp_in", &[n, architecture.mlp_in_channels()]),
            activated: f32s("activated", &[n, architecture.n_inner]),
            last: f32s("last_hidden_states", &[shape.logits, architecture.n_channels]),
            last_normed: f32s("last_normed", &[shape.logits, architecture.n_channels]),
        }
    }

    /// Bytes of the widest tensor a pass of this shape makes, which the device must allow in one buffer.
    pub fn widest_bytes(architecture: &Architecture, shape: PassShape) -> u64 {
        let per_token = architecture.mlp_in_channels().max(architecture.qkv_channels()).max(architecture.n_channels);
        4 * (shape.rows * shape.tokens * per_token).max(shape.logits * architecture.n_vocabulary) as u64
    }

    /// Gives the device its memory back.
    pub fn free(&self, device: &mut Device) {
        for tensor in [
            &self.ids,
            &self.positions,
            &self.slots,
            &self.wanted,
            &self.targets,
            &self.logits,
            &self.stats,
            &self.argmax,
            &self.hidden,
            &self.normed,
            &self.qkv,
            &self.attended,
            &self.mlp_in,
            &self.activated,
            &self.last,
            &self.last_normed,
        ] {
            device.free(tensor);
        }
    }
}

/// The prefix that all rows attend to: the first `tokens` tokens of slot 0 of a cache.
#[derive(Clone, Copy)]
pub struct Prefix<'a> {
    pub cache: &'a KvCache,
    pub tokens: usize,
}

/// Writes a pass down. `start` tokens of each row are in `cache` already. Without `wanted` logits the head is left out.
pub fn record(
    architecture: &Architecture,
    weights: &Weights,
    tensors: &PassTensors,
    cache: &KvCache,
    start: usize,
    prefix: Option<Prefix<'_>>,
) -> Result<Recording, ComputeError> {
    let mut recording = Recording::new();
    let t = tensors;
    let (query, tokens) = (architecture.query_channels(), t.shape.tokens);

    recording.push(
        Op::Embedding(Embedding { scale: 1.0, accumulate: false }),
        &[&t.ids, &weights.token_embedding],
        &[&t.hidden],
    )?;
    if let Some(position_embedding) = &weights.position_embedding {
        recording.push(
            Op::Embedding(Embedding { scale: 1.0, accumulate: true }),
            &[&t.positions, position_embedding],
            &[&t.hidden],
        )?;
    }
    for (i, (layer, cached)) in weights.layers.iter().zip(&cache.layers).enumerate() {
        norm(&mut recording, architecture.norm, &t.hidden, &layer.attention_norm, &t.normed)?;
        for projection in &layer.qkv {
            project(&mut recording, architecture.layout, &t.normed, projection, &t.qkv, false)?;
        }
        if let (Positions::Rope { pairing, .. }, Some(inv_freq)) = (architecture.positions, &weights.inv_freq) {
            let n_heads = architecture.n_heads + architecture.n_kv_heads;
            let rope = Rope { n_heads, head_size: architecture.head_size, pairing, transposed: false, magnitude: 1.0 };
            recording.push(Op::Rope(rope), &[&t.positions, inv_freq], &[&t.qkv])?;
        }
        let kv_write = KvWrite { tokens, start, key_offset: query };
        recording.push(Op::KvWrite(kv_write), &[&t.qkv, &t.slots], &[&cached.k, &cached.v])?;
        let (n_heads, n_kv_heads) = (architecture.n_heads, architecture.n_kv_heads);
        let attention = Attention {
            prefix_tokens: prefix.map_or(0, |prefix| prefix.tokens),
            ..Attention::causal(n_heads, n_kv_heads, architecture.head_size, tokens, start)
        };
        let mut inputs = vec![&t.qkv, &t.slots, &cached.k, &cached.v];
        if let Some(prefix) = prefix {
            inputs.extend([&prefix.cache.layers[i].k, &prefix.cache.layers[i].v]);
        }
        recording.push(Op::Attention(attention), &inputs, &[&t.attended])?;
        project(&mut recording, architecture.layout, &t.attended, &layer.attention_out, &t.hidden, true)?;

        norm(&mut recording, architecture.norm, &t.hidden, &layer.mlp_norm, &t.normed)?;
        for projection in &layer.mlp_in {
            project(&mut recording, architecture.layout, &t.normed, projection, &t.mlp_in, false)?;
        }
        let activation = match architecture.mlp {
            Mlp::Gelu(approximation) => Op::Gelu(Gelu { approximation }),
            Mlp::SwiGlu => Op::SwiGlu(SwiGlu),
        };
        recording.push(activation, &[&t.mlp_in], &[&t.activated])?;
        project(&mut recording, architecture.layout, &t.activated, &layer.mlp_out, &t.hidden, true)?;
    }
    if t.shape.logits > 0 {
        // Rows are picked before the last norm: the others have no further use.
        recording.push(
            Op::Embedding(Embedding { scale: 1.0, accumulate: false }),
            &[&t.wanted, &t.hidden],
            &[&t.last],
        )?;
        norm(&mut recording, architecture.norm, &t.last, &weights.final_norm, &t.last_normed)?;
        project(&mut recording, weights.head_layout, &t.last_normed, &weights.head, &t.logits, false)?;
        recording.push(Op::NextToken(NextToken), &[&t.logits, &t.targets], &[&t.stats, &t.argmax])?;
    }
    Ok(recording)
}

fn norm(
    recording: &mut Recording,
    kind: Norm,
    x: &Tensor,
    weights: &NormWeights,
    out: &Tensor,
) -> Result<(), ComputeError> {
    let mut inputs = vec![x, &weights.weight];
    match kind {
        Norm::Rms { eps } => recording.push(Op::RmsNorm(RmsNorm::rows(eps)), &inputs, &[out]),
        Norm::Layer { eps } => {
            inputs.extend(&weights.bias);
            recording.push(Op::LayerNorm(LayerNorm::rows(eps)), &inputs, &[out])
        }
    }
}

fn project(
    recording: &mut Recording,
    layout: WeightLayout,
    x: &Tensor,
    projection: &Projection,
    out: &Tensor,
    accumulate: bool,
) -> Result<(), ComputeError> {
    let matmul = MatMul { layout, column_offset: projection.column_offset, accumulate };
    let mut inputs = vec![x, &projection.weight];
    inputs.extend(&projection.bias);
    recording.push(Op::MatMul(matmul), &inputs, &[out])
}
