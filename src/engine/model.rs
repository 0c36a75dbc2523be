//! A loaded decoder: its architecture, its weights, and the device that holds them.

use std::collections::HashMap;

use super::EngineError;
use super::architecture::Architecture;
use super::families::family;
use super::finiteness::first_not_finite;
use super::forward::{PassShape, PassTensors, Prefix, record};
use super::kv_cache::KvCache;
use super::recovery::Origin;
use super::weights::{self, Weights};
use crate::checkpoint::{Checkpoint, Config};
use crate::compute::ops::matmul::WeightLayout;
use crate::compute::{Device, Tensor, TensorId, quant};
use crate::error::Result;
use crate::progress::Monitor;
use crate::report::FileInfo;

pub struct Model {
    pub architecture: Architecture,
    pub weights: Weights,
    pub device: Device,
    /// Files the weights came from.
    pub files: Vec<FileInfo>,
    /// What the user should know about how the weights were read.
    pub notes: Vec<String>,
    /// Where it came from; without it a lost device stays lost.
    pub origin: Option<Origin>,
    /// Working tensors by shape, so that a thousand batches of one shape allocate once.
    tensors: HashMap<PassShape, PassTensors>,
}

/// Working tensors that are kept: the first pass of a batch, its last smaller one, and the widths of decoding.
const PASS_SHAPES_MAX: usize = 12;

/// What a row says about its next token.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NextToken {
    /// Natural logarithm of the target's probability.
    pub log_p_target: f32,
    /// Natural logarithm of the argmax's probability.
    pub log_p_argmax: f32,
    /// In nats.
    pub entropy: f32,
    pub argmax: u32,
}

/// One pass to run: rows of equal length, one after another.
pub struct Pass<'a> {
    pub rows: usize,
    /// (B·T) ids
    pub ids: &'a [u32],
    /// Cache slot of each row.
    pub slots: &'a [u32],
    pub cache: &'a KvCache,
    /// Tokens each row has in the cache already.
    pub start: usize,
    pub prefix: Option<Prefix<'a>>,
    /// Which of the B·T positions meet the head.
    pub wanted: &'a [u32],
    /// Target of each wanted position.
    pub targets: &'a [u32],
}

impl Pass<'_> {
    /// The logits of every row's last token are wanted, and of no other.
    fn wants_last_tokens(&self) -> bool {
        let tokens = self.ids.len() / self.rows.max(1);
        tokens > 1 && self.wanted.iter().copied().eq((1..=self.rows as u32).map(|row| row * tokens as u32 - 1))
    }
}

impl Model {
    /// Reads the weights of a supported family to the device.
    pub async fn load(checkpoint: &Checkpoint, mut device: Device, monitor: &mut dyn Monitor) -> Result<Model> {
        let family = family(checkpoint.config())?;
        let mut architecture = family.architecture(checkpoint.config())?;
        if checkpoint.is_out_in() {
            architecture.layout = WeightLayout::OutIn;
        }
        let (weights, files, notes) = weights::load(family, &architecture, checkpoint, &mut device, monitor).await?;
        Ok(Model { architecture, weights, device, files, notes, origin: None, tensors: HashMap::new() })
    }

    /// An untrained model of a configuration: the seed draws its weights, which are in f32.
    pub fn fresh(config: &Config, mut device: Device, seed: u32) -> Result<Model> {
        let family = family(config)?;
        let architecture = family.architecture(config)?;
        let weights = weights::fresh(family, &architecture, config, &mut device, seed)?;
        let notes = vec![format!("the weights are untrained, drawn by seed {seed}")];
        Ok(Model { architecture, weights, device, files: Vec::new(), notes, origin: None, tensors: HashMap::new() })
    }

    /// Runs a pass and returns what the wanted positions say. The logits stay on the device until the next pass.
    pub async fn run(&mut self, pass: &Pass<'_>) -> Result<Vec<NextToken>> {
        let tokens = pass.ids.len() / pass.rows.max(1);
        let prefix_tokens = pass.prefix.map_or(0, |prefix| prefix.tokens);
        self.check(pass.ids, prefix_tokens + pass.start + tokens)?;
        let shape = PassShape { rows: pass.rows, tokens, logits: pass.wanted.len() };
        self.make_room(shape);
        let of_last_tokens = pass.wants_last_tokens();
        let make = || match of_last_tokens {
            true => PassTensors::of_last_tokens(&self.architecture, shape),
            false => PassTensors::new(&self.architecture, shape),
        };
        let tensors = self.tensors.entry(shape).or_insert_with(make);
        if tensors.is_of_last_tokens() != of_last_tokens {
            tensors.free(&mut self.device);
            *tensors = make();
        }
        replay(&self.architecture, &self.weights, &mut self.device, tensors, pass).await?;
        if shape.logits == 0 {
            return Ok(Vec::new());
        }
        let read = self.device.read_all(&[&tensors.stats, &tensors.argmax]).await?;
        let stats: Vec<f32> = bytemuck::pod_collect_to_vec(&read[0]);
        let argmax: Vec<u32> = bytemuck::pod_collect_to_vec(&read[1]);
        if stats.iter().any(|value| !value.is_finite()) {
            let recording = record(&self.architecture, &self.weights, tensors, pass.cache, pass.start, pass.prefix)?;
            if let Some(error) = first_not_finite(&mut self.device, &recording).await? {
                return Err(error.into());
            }
        }
        Ok(stats
            .chunks_exact(3)
            .zip(argmax)
            .map(|(stats, argmax)| NextToken {
                log_p_target: stats[0],
                log_p_argmax: stats[1],
                entropy: stats[2],
                argmax,
            })
            .collect())
    }

    /// The logits of the last pass of this shape.
    pub(super) async fn read_logits(&mut self, shape: PassShape) -> Result<Vec<f32>> {
        let tensors = self.tensors.get(&shape).expect("OK because the caller has just run this shape");
        Ok(self.device.read_f32(&tensors.logits).await?)
    }

    /// Logits of every position of one sequence: (T,V), row-major.
    pub async fn logits(&mut self, ids: &[u32]) -> Result<Vec<f32>> {
        if ids.is_empty() {
            return Err(EngineError::Empty.into());
        }
        let cache = KvCache::new("logits", &self.architecture, 1, ids.len(), ids.len());
        let wanted: Vec<u32> = (0..ids.len() as u32).collect();
        let pass =
            Pass { rows: 1, ids, slots: &[0], cache: &cache, start: 0, prefix: None, wanted: &wanted, targets: ids };
        let result = self.run(&pass).await;
        let logits = match result {
            Ok(_) => self.read_logits(PassShape { rows: 1, tokens: ids.len(), logits: ids.len() }).await,
            Err(error) => Err(error),
        };
        cache.free(&mut self.device);
        logits
    }

    /// Logits of the last position only, and what they say of `target`.
    pub async fn last_logits(&mut self, ids: &[u32], target: u32) -> Result<(NextToken, Vec<f32>)> {
        if ids.is_empty() {
            return Err(EngineError::Empty.into());
        }
        let cache = KvCache::new("last_logits", &self.architecture, 1, ids.len(), ids.len());
        let wanted = [ids.len() as u32 - 1];
        let pass = Pass {
            rows: 1,
            ids,
            slots: &[0],
            cache: &cache,
            start: 0,
            prefix: None,
            wanted: &wanted,
            targets: &[target],
        };
        let result = self.run(&pass).await;
        let shape = PassShape { rows: 1, tokens: ids.len(), logits: 1 };
        let logits = match result {
            Ok(next) => self.read_logits(shape).await.map(|logits| (next[0], logits)),
            Err(error) => Err(error),
        };
        cache.free(&mut self.device);
        logits
    }

    /// The token embedding as it lies on the device: (V,E). A model that is loaded again has another one.
    pub fn embedding_tensor(&self) -> Tensor {
        self.weights.token_embedding.clone()
    }

    /// The token embedding in f32, row by row: (V,E).
    pub async fn embedding(&mut self) -> Result<Vec<f32>> {
        let tensor = self.weights.token_embedding.clone();
        let bytes = self.device.read(&tensor).await?;
        Ok(quant::widen_all(tensor.dtype(), &bytes))
    }

    /// The head's rows, (V,E), `None` where they are the token embedding's, and its bias, empty without one.
    pub async fn head(&mut self) -> Result<(Option<Vec<f32>>, Vec<f32>)> {
        let (head, bias) = (self.weights.head.weight.clone(), self.weights.head.bias.clone());
        let mut rows = None;
        if head.id() != self.weights.token_embedding.id() {
            rows = Some(quant::widen_all(head.dtype(), &self.device.read(&head).await?));
        }
        let bias = match bias {
            Some(bias) => quant::widen_all(bias.dtype(), &self.device.read(&bias).await?),
            None => Vec::new(),
        };
        Ok((rows, bias))
    }

    /// Weights in all, each counted once.
    pub fn parameters(&self) -> u64 {
        self.weight_tensors().iter().map(|tensor| tensor.elements() as u64).sum()
    }

    /// Stored types and the bytes in each, largest first.
    pub fn stored_types(&self) -> Vec<(String, u64)> {
        let mut types: Vec<(String, u64)> = Vec::new();
        for tensor in self.weight_tensors() {
            let name = tensor.dtype().name();
            match types.iter_mut().find(|(other, _)| other == name) {
                Some((_, bytes)) => *bytes += tensor.bytes() as u64,
                None => types.push((name.into(), tensor.bytes() as u64)),
            }
        }
        types.sort_by_key(|(_, bytes)| std::cmp::Reverse(*bytes));
        types
    }

    /// The weights, each once: labels are the checkpoint's own names where the device's tensor is the checkpoint's.
    pub fn weight_tensors(&self) -> Vec<&Tensor> {
        let copies = self.weights.parameters.iter().flat_map(|parameter| &parameter.copies);
        let mut seen = std::collections::HashSet::<TensorId>::new();
        copies.map(|copy| &copy.tensor).filter(|tensor| seen.insert(tensor.id())).collect()
    }

    pub(super) fn check(&self, ids: &[u32], tokens: usize) -> Result<()> {
        let rows = self.architecture.n_vocabulary;
        if let Some(&id) = ids.iter().find(|id| **id as usize >= rows) {
            return Err(EngineError::TokenOutOfRange { id, rows }.into());
        }
        if tokens > self.architecture.context {
            return Err(EngineError::ContextTooShort { tokens, context: self.architecture.context }.into());
        }
        Ok(())
    }

    /// Frees the working tensors of other shapes when there are too many.
    fn make_room(&mut self, shape: PassShape) {
        if self.tensors.len() >= PASS_SHAPES_MAX && !self.tensors.contains_key(&shape) {
            for (_, tensors) in self.tensors.drain() {
                tensors.free(&mut self.device);
            }
        }
    }
}

/// Writes the inputs of a pass, records it and runs it.
pub(super) async fn replay(
    architecture: &Architecture,
    weights: &Weights,
    device: &mut Device,
    tensors: &PassTensors,
    pass: &Pass<'_>,
) -> Result<()> {
    write_inputs(architecture, device, tensors, pass)?;
    let recording = record(architecture, weights, tensors, pass.cache, pass.start, pass.prefix)?;
    Ok(device.run(&recording).await?)
}

pub(super) fn write_inputs(
    architecture: &Architecture,
    device: &mut Device,
    tensors: &PassTensors,
    pass: &Pass<'_>,
) -> Result<()> {
    let first = pass.prefix.map_or(0, |prefix| prefix.tokens) + pass.start + architecture.position_offset();
    let row = first as u32..(first + tensors.shape.tokens) as u32;
    let positions: Vec<u32> = (0..pass.rows).flat_map(|_| row.clone()).collect();
    device.write_u32(&tensors.ids, pass.ids)?;
    device.write_u32(&tensors.positions, &positions)?;
    device.write_u32(&tensors.slots, pass.slots)?;
    if tensors.shape.logits > 0 {
        device.write_u32(&tensors.wanted, pass.wanted)?;
        device.write_u32(&tensors.targets, pass.targets)?;
    }
    Ok(())
}
