//! A forward pass written down as a recording: blocks in order, for any family.
//!
//! A pass takes `rows` rows of `tokens` tokens each, all at the same place `start` of their rows, optionally behind a
//! prefix that all rows share. Only the rows whose logits are wanted meet the head.

use std::collections::HashMap;
use std::ops::Range;

use super::architecture::{Architecture, LayerForm, Mlp, Norm, NormPlace, Positions, QueryKeyExtent, Residual};
use super::kv_cache::{KvCache, LayerCache};
use super::weights::{Layer, NormWeights, Projection, Weights};
use crate::compute::ops::attention::{Attention, Mask};
use crate::compute::ops::attention_stats::AttentionStats;
use crate::compute::ops::attention_sums::AttentionSums;
use crate::compute::ops::attention_weights::AttentionWeights;
use crate::compute::ops::embedding::Embedding;
use crate::compute::ops::geglu::GeGlu;
use crate::compute::ops::gelu::Gelu;
use crate::compute::ops::kv_write::KvWrite;
use crate::compute::ops::layernorm::LayerNorm;
use crate::compute::ops::matmul::{MatMul, WeightLayout};
use crate::compute::ops::next_token::NextToken;
use crate::compute::ops::relu::Relu;
use crate::compute::ops::rmsnorm::{Groups, RmsNorm};
use crate::compute::ops::rope::Rope;
use crate::compute::ops::softcap::Softcap;
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
    /// (B·T) positions, counted from the start of the prefix, with the family's offset
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
    /// One entry a layer, (B, NH, T, keys) each; empty unless somebody wants to look at them.
    pub attentions: Vec<Tensor>,
    /// One entry a layer; layers with as many heads share their tensors. Empty unless somebody wants to look at them.
    sums: Vec<SumTensors>,
    /// (B·T,E), where the embedding is projected.
    embedded: Option<Tensor>,
    hidden: Tensor,
    /// One entry a layer. Layers of equal widths share their tensors.
    layers: Vec<LayerTensors>,
    /// What the last layer works with, behind its keys and values, when only the last token of each row is wanted.
    last_tokens: Option<LayerTensors>,
    last: Tensor,
    last_normed: Tensor,
    /// (logits,E), where the head is projected.
    last_embedded: Option<Tensor>,
}

/// How much attention each key of a layer receives.
#[derive(Clone)]
struct SumTensors {
    /// (B·T, 2·NH)
    stats: Tensor,
    /// (B, NH, keys)
    sums: Tensor,
}

/// What one layer works with.
#[derive(Clone)]
struct LayerTensors {
    /// (N,C) what attention reads; with norms after the sum, the stream between attention and MLP.
    normed: Tensor,
    /// (N,C) what the MLP reads.
    mlp_normed: Tensor,
    /// (N,QKV) queries and keys before their norm.
    raw: Option<Tensor>,
    /// (N,QKV)
    qkv: Tensor,
    /// (N,NH·HS)
    attended: Tensor,
    /// (N,C) what attention or MLP give before the norm behind them.
    branch: Option<Tensor>,
    mlp_in: Tensor,
    activated: Tensor,
}

impl LayerTensors {
    fn new(architecture: &Architecture, layer: &LayerForm, n: usize) -> Self {
        let f32s = |label: &str, columns: usize| Tensor::new(label, &[n, columns], DType::F32);
        let has_branch_norm = matches!(architecture.norm_place, NormPlace::AfterBranch | NormPlace::Around);
        let normed = f32s("normed", architecture.n_channels);
        LayerTensors {
            mlp_normed: match architecture.residual {
                // Attention's is read again when the MLP's own is made before attention has been added.
                Residual::Parallel => f32s("mlp_normed", architecture.n_channels),
                Residual::Sequential | Residual::ParallelSharedNorm => normed.clone(),
            },
            normed,
            raw: architecture.query_key_norm.map(|_| f32s("raw_qkv", architecture.qkv_channels(layer))),
            qkv: f32s("qkv", architecture.qkv_channels(layer)),
            attended: f32s("attended", architecture.query_channels(layer)),
            branch: has_branch_norm.then(|| f32s("branch", architecture.n_channels)),
            mlp_in: f32s("mlp_in", layer.mlp_in_channels(architecture.mlp)),
            activated: f32s("activated", layer.n_inner),
        }
    }

    fn all(&self) -> impl Iterator<Item = &Tensor> {
        [&self.normed, &self.mlp_normed, &self.qkv, &self.attended, &self.mlp_in, &self.activated]
            .into_iter()
            .chain(&self.raw)
            .chain(&self.branch)
    }
}

impl PassTensors {
    pub fn new(architecture: &Architecture, shape: PassShape) -> Self {
        let n = shape.rows * shape.tokens;
        let f32s = |label: &str, shape: &[usize]| Tensor::new(label, shape, DType::F32);
        let u32s = |label: &str, len: usize| Tensor::new(label, &[len], DType::U32);
        let (channels, width) = (architecture.n_channels, architecture.n_embedding);
        let is_projected = width != channels;
        let mut by_width = HashMap::new();
        let layers = architecture
            .layers
            .iter()
            .map(|layer| {
                by_width
                    .entry((layer.n_heads, layer.n_kv_heads, layer.n_inner))
                    .or_insert_with(|| LayerTensors::new(architecture, layer, n))
                    .clone()
            })
            .collect();
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
            attentions: Vec::new(),
            sums: Vec::new(),
            embedded: is_projected.then(|| f32s("embedded", &[n, width])),
            hidden: f32s("hidden_states", &[n, channels]),
            layers,
            last_tokens: None,
            last: f32s("last_hidden_states", &[shape.logits, channels]),
            last_normed: f32s("last_normed", &[shape.logits, channels]),
            last_embedded: is_projected.then(|| f32s("last_embedded", &[shape.logits, width])),
        }
    }

    /// For passes that want the logits of the last token of each row and no others. Nobody reads what the last layer makes
    /// of the other tokens, except for their keys and values, so it is left out.
    pub fn of_last_tokens(architecture: &Architecture, shape: PassShape) -> Self {
        let layer = architecture.layers.last().map(|layer| LayerTensors::new(architecture, layer, shape.rows));
        PassTensors { last_tokens: layer, ..PassTensors::new(architecture, shape) }
    }

    pub fn is_of_last_tokens(&self) -> bool {
        self.last_tokens.is_some()
    }

    /// Also writes the attention maps down, which are (B, NH, T, keys) for each layer.
    pub fn want_attentions(&mut self, architecture: &Architecture, keys: usize) {
        let PassShape { rows, tokens, .. } = self.shape;
        self.attentions = architecture
            .layers
            .iter()
            .enumerate()
            .map(|(i, layer)| Tensor::new(format!("attentions.{i}"), &[rows, layer.n_heads, tokens, keys], DType::F32))
            .collect();
    }

    /// Also adds up what each key receives: (B, NH, keys), to be read when a layer is done, because the next layer with as
    /// many heads writes there again.
    pub fn want_attention_sums(&mut self, architecture: &Architecture, keys: usize) {
        let PassShape { rows, tokens, .. } = self.shape;
        let mut by_heads = HashMap::new();
        let tensors = |heads: usize| SumTensors {
            stats: Tensor::new("attention_stats", &[rows * tokens, 2 * heads], DType::F32),
            sums: Tensor::new("attention_sums", &[rows, heads, keys], DType::F32),
        };
        self.sums = architecture
            .layers
            .iter()
            .map(|layer| by_heads.entry(layer.n_heads).or_insert_with(|| tensors(layer.n_heads)).clone())
            .collect();
    }

    /// Bytes of the widest tensor a pass of this shape makes, which the device must allow in one buffer.
    pub fn widest_bytes(architecture: &Architecture, shape: PassShape) -> u64 {
        let hidden = shape.rows * shape.tokens * architecture.widest_row();
        4 * hidden.max(shape.logits * architecture.n_vocabulary) as u64
    }

    /// Gives the device its memory back.
    pub fn free(&self, device: &mut Device) {
        let shared = [
            &self.ids,
            &self.positions,
            &self.slots,
            &self.wanted,
            &self.targets,
            &self.logits,
            &self.stats,
            &self.argmax,
            &self.hidden,
            &self.last,
            &self.last_normed,
        ];
        let of_layers = self.layers.iter().chain(&self.last_tokens).flat_map(LayerTensors::all).chain(&self.attentions);
        let of_sums = self.sums.iter().flat_map(|sums| [&sums.stats, &sums.sums]);
        let all = shared.into_iter().chain(of_layers).chain(of_sums);
        for tensor in all.chain(&self.embedded).chain(&self.last_embedded) {
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
    let look_up = |scale, accumulate| Op::Embedding(Embedding { scale, accumulate, first_row: 0 });

    let embedding = [&t.ids, &weights.token_embedding];
    match (&t.embedded, &weights.embedding_in) {
        (Some(embedded), Some(projection)) => {
            recording.push(look_up(architecture.embedding_scale, false), &embedding, &[embedded])?;
            project(&mut recording, architecture.layout, embedded, projection, &t.hidden, false)?;
        }
        _ => recording.push(look_up(architecture.embedding_scale, false), &embedding, &[&t.hidden])?,
    }
    if let Some(position_embedding) = &weights.position_embedding {
        recording.push(look_up(1.0, true), &[&t.positions, position_embedding], &[&t.hidden])?;
    }
    recording.mark("embedding");
    for i in 0..architecture.n_layers() {
        record_layer(&mut recording, architecture, weights, tensors, cache, start, prefix, i)?;
    }
    if t.shape.logits > 0 {
        if t.last_tokens.is_none() {
            // Rows are picked before the last norm: the others have no further use.
            recording.push(look_up(1.0, false), &[&t.wanted, &t.hidden], &[&t.last])?;
        }
        let mut last = &t.last;
        if let Some(final_norm) = &weights.final_norm {
            norm(&mut recording, architecture.norm, last, final_norm, &t.last_normed, false)?;
            last = &t.last_normed;
            recording.mark("final_norm");
        }
        if let (Some(embedded), Some(projection)) = (&t.last_embedded, &weights.embedding_out) {
            project(&mut recording, architecture.layout, last, projection, embedded, false)?;
            last = embedded;
        }
        project(&mut recording, weights.head_layout, last, &weights.head, &t.logits, false)?;
        if let Some(cap) = architecture.logit_softcap {
            recording.push(Op::Softcap(Softcap { cap }), &[], &[&t.logits])?;
        }
        recording.mark("logits");
        recording.push(Op::NextToken(NextToken), &[&t.logits, &t.targets], &[&t.stats, &t.argmax])?;
    }
    Ok(recording)
}

/// One layer: what it reads and adds to is `tensors.hidden`. The last one may go on with the last token of each row alone,
/// in `tensors.last`.
fn record_layer(
    recording: &mut Recording,
    architecture: &Architecture,
    weights: &Weights,
    tensors: &PassTensors,
    cache: &KvCache,
    start: usize,
    prefix: Option<Prefix<'_>>,
    i: usize,
) -> Result<(), ComputeError> {
    let (form, layer, all) = (&architecture.layers[i], &weights.layers[i], &tensors.layers[i]);
    let (kind, layout) = (architecture.norm, architecture.layout);
    let last_tokens = tensors.last_tokens.as_ref().filter(|_| i + 1 == architecture.n_layers());

    let mut attention_in = &tensors.hidden;
    if let Some(weights) = &layer.attention_norm {
        norm(recording, kind, attention_in, weights, &all.normed, false)?;
        attention_in = &all.normed;
    }
    queries_and_keys(recording, architecture, form, layer, all, attention_in)?;
    if let (Positions::Rotary { pairing }, Some(rotary)) = (architecture.positions, form.rotary) {
        let rope = Rope {
            n_heads: form.n_heads + form.n_kv_heads,
            head_size: architecture.head_size,
            pairing,
            transposed: false,
            magnitude: architecture.rotary[rotary].magnitude,
        };
        let inv_freq = weights.rotary[rotary].for_sequence(cache.sequence);
        recording.push(Op::Rope(rope), &[&tensors.positions, inv_freq], &[&all.qkv])?;
    }
    let (tokens, cached) = (tensors.shape.tokens, &cache.layers[i]);
    let kv_write = KvWrite { tokens, start, key_offset: architecture.query_channels(form) };
    recording.push(Op::KvWrite(kv_write), &[&all.qkv, &tensors.slots], &[&cached.k, &cached.v])?;

    let (mut l, mut stream, mut queries) = (all, &tensors.hidden, start..start + tokens);
    if let Some(last) = last_tokens {
        let pick = || Op::Embedding(Embedding { scale: 1.0, accumulate: false, first_row: 0 });
        recording.push(pick(), &[&tensors.wanted, &tensors.hidden], &[&tensors.last])?;
        recording.push(pick(), &[&tensors.wanted, &all.qkv], &[&last.qkv])?;
        (l, stream, queries) = (last, &tensors.last, start + tokens - 1..start + tokens);
        attention_in = stream;
        if let (Residual::ParallelSharedNorm, Some(weights)) = (architecture.residual, &layer.attention_norm) {
            norm(recording, kind, stream, weights, &l.normed, false)?;
            attention_in = &l.normed;
        }
    }
    if let (Residual::Parallel, Some(weights)) = (architecture.residual, &layer.mlp_norm) {
        // Before attention is added to what it reads.
        norm(recording, kind, stream, weights, &l.mlp_normed, false)?;
    }
    attend(recording, architecture, form, tensors, l, cached, queries, prefix, i)?;
    let mut hidden = stream;
    recording.mark(format!("layers.{i}.attended"));
    add(recording, architecture, &l.attended, &layer.attention_out, l, layer.attention_post_norm.as_ref(), hidden)?;
    recording.mark_contribution(format!("layers.{i}.attention_out"));
    if let (NormPlace::AfterSum, Some(weights)) = (architecture.norm_place, &layer.attention_post_norm) {
        norm(recording, kind, hidden, weights, &l.normed, false)?;
        hidden = &l.normed;
    }

    let mut mlp_in = hidden;
    match (architecture.residual, &layer.mlp_norm) {
        (Residual::Sequential, Some(weights)) => {
            norm(recording, kind, hidden, weights, &l.mlp_normed, false)?;
            mlp_in = &l.mlp_normed;
        }
        (Residual::Sequential, None) => {}
        (Residual::Parallel, _) => mlp_in = &l.mlp_normed,
        (Residual::ParallelSharedNorm, _) => mlp_in = attention_in,
    }
    for projection in &layer.mlp_in {
        project(recording, layout, mlp_in, projection, &l.mlp_in, false)?;
    }
    recording.mark(format!("layers.{i}.mlp_in"));
    let activation = match architecture.mlp {
        Mlp::Gelu(approximation) => Op::Gelu(Gelu { approximation }),
        Mlp::Relu => Op::Relu(Relu),
        Mlp::SwiGlu => Op::SwiGlu(SwiGlu),
        Mlp::GeGlu(approximation) => Op::GeGlu(GeGlu { approximation }),
    };
    recording.push(activation, &[&l.mlp_in], &[&l.activated])?;
    recording.mark(format!("layers.{i}.activated"));
    add(recording, architecture, &l.activated, &layer.mlp_out, l, layer.mlp_post_norm.as_ref(), hidden)?;
    recording.mark_contribution(format!("layers.{i}.mlp_out"));
    if let (NormPlace::AfterSum, Some(weights)) = (architecture.norm_place, &layer.mlp_post_norm) {
        norm(recording, kind, hidden, weights, stream, false)?;
    }
    recording.mark(format!("layers.{i}.hidden_states"));
    Ok(())
}

/// `qkv` from what attention reads, queries and keys normalised where the family does so.
fn queries_and_keys(
    recording: &mut Recording,
    architecture: &Architecture,
    form: &LayerForm,
    layer: &Layer,
    l: &LayerTensors,
    x: &Tensor,
) -> Result<(), ComputeError> {
    let query = architecture.query_channels(form);
    let value_offset = query + architecture.kv_channels(form);
    for projection in &layer.qkv {
        // Values are not normalised and go where they are read.
        let out = match &l.raw {
            Some(raw) if projection.column_offset < value_offset => raw,
            _ => &l.qkv,
        };
        project(recording, architecture.layout, x, projection, out, false)?;
    }
    let (Some(kind), Some(raw), Some(norms)) = (architecture.query_key_norm, &l.raw, &layer.query_key_norm) else {
        return Ok(());
    };
    for (weights, first_column, n_heads) in [(&norms.0, 0, form.n_heads), (&norms.1, query, form.n_kv_heads)] {
        let count = if kind.extent == QueryKeyExtent::Row { 1 } else { n_heads };
        grouped_norm(recording, kind.norm, raw, weights, &l.qkv, Groups { first_column, count }, false)?;
    }
    Ok(())
}

/// Attention of the tokens `queries` of each row over all keys and values there are.
fn attend(
    recording: &mut Recording,
    architecture: &Architecture,
    form: &LayerForm,
    tensors: &PassTensors,
    l: &LayerTensors,
    cached: &LayerCache,
    queries: Range<usize>,
    prefix: Option<Prefix<'_>>,
    i: usize,
) -> Result<(), ComputeError> {
    let attention = Attention {
        n_heads: form.n_heads,
        n_kv_heads: form.n_kv_heads,
        head_size: architecture.head_size,
        scale: form.attention_scale,
        softcap: architecture.attention_softcap,
        window: form.window,
        mask: Mask::Causal,
        tokens: queries.len(),
        start: queries.start,
        prefix_tokens: prefix.map_or(0, |prefix| prefix.tokens),
    };
    let shared = prefix.map(|prefix| &prefix.cache.layers[i]);
    if let Some(map) = tensors.attentions.get(i) {
        let mut inputs = vec![&l.qkv, &tensors.slots, &cached.k];
        inputs.extend(shared.map(|shared| &shared.k));
        let op = AttentionWeights { attention: attention.clone() };
        recording.push(Op::AttentionWeights(op), &inputs, &[map])?;
    }
    if let Some(SumTensors { stats, sums }) = tensors.sums.get(i) {
        let mut inputs = vec![&l.qkv, &tensors.slots, &cached.k];
        inputs.extend(shared.map(|shared| &shared.k));
        let op = AttentionStats { attention: attention.clone() };
        recording.push(Op::AttentionStats(op), &inputs, &[stats])?;
        inputs.insert(3, stats);
        let op = AttentionSums { attention: attention.clone() };
        recording.push(Op::AttentionSums(op), &inputs, &[sums])?;
    }
    let mut inputs = vec![&l.qkv, &tensors.slots, &cached.k, &cached.v];
    inputs.extend(shared.iter().flat_map(|shared| [&shared.k, &shared.v]));
    recording.push(Op::Attention(attention), &inputs, &[&l.attended])
}

/// Adds a branch's last projection to the residual stream, through the norm behind it where there is one.
fn add(
    recording: &mut Recording,
    architecture: &Architecture,
    x: &Tensor,
    projection: &Projection,
    l: &LayerTensors,
    post_norm: Option<&NormWeights>,
    hidden: &Tensor,
) -> Result<(), ComputeError> {
    match (&l.branch, post_norm) {
        (Some(branch), Some(weights)) => {
            project(recording, architecture.layout, x, projection, branch, false)?;
            norm(recording, architecture.norm, branch, weights, hidden, true)
        }
        _ => project(recording, architecture.layout, x, projection, hidden, true),
    }
}

fn norm(
    recording: &mut Recording,
    kind: Norm,
    x: &Tensor,
    weights: &NormWeights,
    out: &Tensor,
    accumulate: bool,
) -> Result<(), ComputeError> {
    grouped_norm(recording, kind, x, weights, out, Groups::ROW, accumulate)
}

fn grouped_norm(
    recording: &mut Recording,
    kind: Norm,
    x: &Tensor,
    weights: &NormWeights,
    out: &Tensor,
    groups: Groups,
    accumulate: bool,
) -> Result<(), ComputeError> {
    let mut inputs = vec![x, &weights.weight];
    match kind {
        Norm::Rms { eps, weight_offset } => {
            let op = RmsNorm { eps, weight_offset, groups, accumulate };
            recording.push(Op::RmsNorm(op), &inputs, &[out])
        }
        Norm::Layer { eps, .. } => {
            inputs.extend(&weights.bias);
            recording.push(Op::LayerNorm(LayerNorm { eps, groups }), &inputs, &[out])
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
