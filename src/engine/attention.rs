//! What tokens attend to, of one sequence: the maps of all layers, the columns' sums alone, or one head's map.
//!
//! The maps are L·H·T² numbers. The sums are L·H·T, of which the device holds one layer's: each layer's are read when it is
//! done, and nothing is read inside a layer.

use super::forward::{PassShape, PassTensors, record};
use super::kv_cache::KvCache;
use super::model::{Model, Pass, replay, write_inputs};
use super::{EngineError, finiteness::first_not_finite};
use crate::compute::ops::attention::{Attention, Seen, softmax_weights};
use crate::compute::{Device, Op, Recording, Tensor};
use crate::error::Result;
use crate::progress::{Event, Monitor, pause};

/// The attention maps of one layer.
#[derive(Clone, Debug, PartialEq)]
pub struct AttentionMaps {
    pub n_heads: usize,
    /// T
    pub tokens: usize,
    /// (H,T,T): row t of a head is what token t attends to, and adds up to 1.
    pub weights: Vec<f32>,
}

/// How much attention each token receives in one layer.
#[derive(Clone, Debug, PartialEq)]
pub struct AttentionSums {
    pub n_heads: usize,
    /// T
    pub tokens: usize,
    /// (H,T): what all queries give to a key, added up. A head's sums add up to T.
    pub sums: Vec<f32>,
}

/// Where one piece of work stands in a larger one.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// Layers that were done before.
    pub before: u64,
    /// Layers in all.
    pub total: u64,
}

impl Model {
    /// What each token attends to, layer by layer. The maps of all layers, L·H·T² numbers, are on the device at once.
    pub async fn attentions(&mut self, ids: &[u32]) -> Result<Vec<AttentionMaps>> {
        self.check_sequence(ids)?;
        let cache = KvCache::new("attentions", &self.architecture, 1, ids.len(), ids.len());
        let mut tensors = PassTensors::new(&self.architecture, PassShape { rows: 1, tokens: ids.len(), logits: 0 });
        tensors.want_attentions(&self.architecture, ids.len());
        let pass = whole(ids, &cache);
        let result = match replay(&self.architecture, &self.weights, &mut self.device, &tensors, &pass).await {
            Ok(()) => self.read_attentions(&tensors).await,
            Err(error) => Err(error),
        };
        tensors.free(&mut self.device);
        cache.free(&mut self.device);
        result
    }

    async fn read_attentions(&mut self, tensors: &PassTensors) -> Result<Vec<AttentionMaps>> {
        let mut maps = Vec::new();
        for tensor in &tensors.attentions {
            let weights = self.device.read_f32(tensor).await?;
            maps.push(AttentionMaps { n_heads: tensor.shape()[1], tokens: tensor.shape()[2], weights });
        }
        Ok(maps)
    }

    /// How much attention each token receives, layer by layer, without the maps.
    ///
    /// Errors   `Empty`, `TokenOutOfRange`, `ContextTooShort`, `ActivationsNotFinite`; `Cancelled` at once on a processor, and
    ///          between two layers on a GPU
    pub async fn attention_sums(
        &mut self,
        ids: &[u32],
        progress: Progress,
        monitor: &mut dyn Monitor,
    ) -> Result<Vec<AttentionSums>> {
        self.check_sequence(ids)?;
        let cache = KvCache::new("attention_sums", &self.architecture, 1, ids.len(), ids.len());
        let mut tensors = PassTensors::new(&self.architecture, PassShape { rows: 1, tokens: ids.len(), logits: 0 });
        tensors.want_attention_sums(&self.architecture, ids.len());
        let result = self.run_sums(&tensors, &whole(ids, &cache), progress, monitor).await;
        tensors.free(&mut self.device);
        cache.free(&mut self.device);
        result
    }

    async fn run_sums(
        &mut self,
        tensors: &PassTensors,
        pass: &Pass<'_>,
        progress: Progress,
        monitor: &mut dyn Monitor,
    ) -> Result<Vec<AttentionSums>> {
        write_inputs(&self.architecture, &mut self.device, tensors, pass)?;
        let whole = record(&self.architecture, &self.weights, tensors, pass.cache, pass.start, pass.prefix)?;
        let mut layers = Vec::new();
        let mut rest = whole.clone();
        // Nobody looks at what the last layer does with its attention.
        while let Some(end) = rest.dispatches().iter().position(|dispatch| matches!(dispatch.op, Op::AttentionSums(_)))
        {
            let (layer, behind) = rest.split_at(end + 1);
            self.run_pausing(&layer, monitor).await?;
            let sums = layer.dispatches()[end].outputs[0].clone();
            layers.push(AttentionSums {
                n_heads: sums.shape()[1],
                tokens: sums.shape()[2],
                sums: self.device.read_f32(&sums).await?,
            });
            if layers.last().is_some_and(|layer| layer.sums.iter().any(|sum| !sum.is_finite()))
                && let Some(error) = first_not_finite(&mut self.device, &whole).await?
            {
                return Err(error.into());
            }
            let done = progress.before + layers.len() as u64;
            monitor.event(Event::Advance { done, total: progress.total, unit: "layers" });
            pause(monitor).await?;
            rest = behind;
        }
        Ok(layers)
    }

    /// On a processor the listener is asked before every dispatch, because one may take a second.
    async fn run_pausing(&mut self, recording: &Recording, monitor: &mut dyn Monitor) -> Result<()> {
        if !matches!(self.device, Device::Cpu(_)) {
            return Ok(self.device.run(recording).await?);
        }
        for i in 0..recording.dispatches().len() {
            pause(monitor).await?;
            let (step, _) = recording.split_at(i).1.split_at(1);
            self.device.run(&step).await?;
        }
        Ok(())
    }

    /// The attention map of one head: (T,T), row t is what token t attends to.
    ///
    /// The device computes the queries and keys of that layer; T²/2 products of them are made here, so that no buffer of
    /// T² is needed there.
    pub async fn attention_map(
        &mut self,
        ids: &[u32],
        layer: usize,
        head: usize,
        monitor: &mut dyn Monitor,
    ) -> Result<Vec<f32>> {
        self.check_sequence(ids)?;
        let layers = self.architecture.n_layers();
        let heads = self.architecture.layers.get(layer).map_or(0, |form| form.n_heads);
        if head >= heads {
            return Err(EngineError::NoSuchHead { layer, head, layers, heads }.into());
        }
        let cache = KvCache::new("attention_map", &self.architecture, 1, ids.len(), ids.len());
        let tensors = PassTensors::new(&self.architecture, PassShape { rows: 1, tokens: ids.len(), logits: 0 });
        let result = self.run_map(&tensors, &whole(ids, &cache), layer, head, monitor).await;
        tensors.free(&mut self.device);
        cache.free(&mut self.device);
        result
    }

    async fn run_map(
        &mut self,
        tensors: &PassTensors,
        pass: &Pass<'_>,
        layer: usize,
        head: usize,
        monitor: &mut dyn Monitor,
    ) -> Result<Vec<f32>> {
        write_inputs(&self.architecture, &mut self.device, tensors, pass)?;
        let recording = record(&self.architecture, &self.weights, tensors, pass.cache, pass.start, pass.prefix)?;
        let mut attentions = recording.dispatches().iter().enumerate().filter_map(|(i, dispatch)| match &dispatch.op {
            Op::Attention(op) => Some((i, op, &dispatch.inputs)),
            _ => None,
        });
        let (end, op, inputs) = attentions.nth(layer).expect("OK because every layer has one attention");
        let (before, _) = recording.split_at(end);
        self.run_pausing(&before, monitor).await?;
        let read: [&Tensor; 2] = [&inputs[0], &inputs[2]];
        let read = self.device.read_all(&read).await?;
        let (qkv, keys): (Vec<f32>, Vec<f32>) =
            (bytemuck::pod_collect_to_vec(&read[0]), bytemuck::pod_collect_to_vec(&read[1]));
        Ok(head_map(op, &qkv, inputs[0].columns(), &keys, head))
    }

    fn check_sequence(&self, ids: &[u32]) -> Result<()> {
        if ids.is_empty() {
            return Err(EngineError::Empty.into());
        }
        self.check(ids, ids.len())
    }
}

/// One sequence from its start, without logits.
fn whole<'a>(ids: &'a [u32], cache: &'a KvCache) -> Pass<'a> {
    Pass { rows: 1, ids, slots: &[0], cache, start: 0, prefix: None, wanted: &[], targets: &[] }
}

/// (T,T) from queries (T, columns) and keys (T,KV).
fn head_map(op: &Attention, qkv: &[f32], columns: usize, keys: &[f32], head: usize) -> Vec<f32> {
    let mut map = vec![0.0; op.tokens * op.tokens];
    let mut weights = Vec::new();
    for (t, row) in map.chunks_exact_mut(op.tokens).enumerate() {
        let seen = Seen {
            q: &qkv[t * columns..][..op.n_heads * op.head_size],
            k_prefix: &[],
            k_own: &keys[..op.tokens * op.n_kv_heads * op.head_size],
            t,
            mask: None,
        };
        softmax_weights(op, &seen, head, &mut weights);
        row[op.span(t)].copy_from_slice(&weights);
    }
    map
}
