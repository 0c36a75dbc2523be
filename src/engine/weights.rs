//! The weights of a decoder by their role, and how they get from the checkpoint to the device.

use std::collections::HashMap;

use super::EngineError;
use super::architecture::{Architecture, Norm, Positions};
use super::families::Family;
use crate::checkpoint::{Checkpoint, CheckpointError, TensorEntry};
use crate::compute::ops::matmul::WeightLayout;
use crate::compute::ops::rope::inverse_frequencies;
use crate::compute::{DType, Device, Tensor};
use crate::error::Result;
use crate::progress::Monitor;
use crate::report::FileInfo;

pub struct Weights {
    /// (V,C)
    pub token_embedding: Tensor,
    /// (context,C)
    pub position_embedding: Option<Tensor>,
    /// (R/2), computed here, not stored in the checkpoint.
    pub inv_freq: Option<Tensor>,
    pub layers: Vec<Layer>,
    pub final_norm: NormWeights,
    /// The token embedding when tied.
    pub head: Projection,
    /// How the head is stored: always (V,C).
    pub head_layout: WeightLayout,
}

pub struct Layer {
    pub attention_norm: NormWeights,
    pub qkv: Vec<Projection>,
    pub attention_out: Projection,
    pub mlp_norm: NormWeights,
    pub mlp_in: Vec<Projection>,
    pub mlp_out: Projection,
}

pub struct NormWeights {
    pub weight: Tensor,
    pub bias: Option<Tensor>,
}

/// A dense projection that writes its outputs from `column_offset` on.
pub struct Projection {
    pub weight: Tensor,
    pub bias: Option<Tensor>,
    pub column_offset: usize,
}

/// Finds every weight in the checkpoint, checks its shape, and streams it to the device.
pub async fn load(
    family: &Family,
    architecture: &Architecture,
    checkpoint: &Checkpoint,
    device: &mut Device,
    monitor: &mut dyn Monitor,
) -> Result<(Weights, Vec<FileInfo>, Vec<String>)> {
    let mut finder = Finder::new(family, checkpoint)?;
    let mut weights = find(family, architecture, &mut finder)?;
    let wanted = finder.wanted;
    let files = checkpoint
        .load(
            &|entry| wanted.contains_key(&entry.name),
            &mut |entry, offset, bytes| match wanted.get(&entry.name) {
                Some(tensor) => Ok(device.write(tensor, offset, bytes)?),
                None => Ok(()),
            },
            monitor,
        )
        .await?;
    if let Positions::Rope { theta, rotary_size, .. } = architecture.positions {
        let frequencies = inverse_frequencies(theta, rotary_size);
        let inv_freq = Tensor::new("inv_freq", &[frequencies.len()], DType::F32);
        device.write_f32(&inv_freq, &frequencies)?;
        weights.inv_freq = Some(inv_freq);
    }
    let unused: Vec<&str> = checkpoint
        .tensors()
        .map(|entry| entry.name.as_str())
        .filter(|name| !wanted.contains_key(*name) && !family.names.ignored.iter().any(|end| name.ends_with(end)))
        .collect();
    let mut notes = Vec::new();
    if let Some(first) = unused.first() {
        notes.push(format!(
            "{} tensors of the checkpoint play no part in this family, for example {first}",
            unused.len()
        ));
    }
    Ok((weights, files, notes))
}

fn find(family: &Family, architecture: &Architecture, finder: &mut Finder<'_>) -> Result<Weights> {
    let names = &family.names;
    let (channels, inner) = (architecture.n_channels, architecture.n_inner);
    let (query, kv) = (architecture.query_channels(), architecture.kv_channels());
    let has_norm_bias = matches!(architecture.norm, Norm::Layer { .. });
    let layout = architecture.layout;

    let token_embedding = finder.matrix(names.token_embedding, [architecture.n_vocabulary, channels])?;
    let position_embedding = match names.position_embedding {
        Some(name) => Some(finder.matrix(name, [architecture.context, channels])?),
        None => None,
    };
    let mut layers = Vec::with_capacity(architecture.n_layers);
    for layer in 0..architecture.n_layers {
        let name = |pattern: &str| pattern.replace("{}", &layer.to_string());
        // A fused projection writes everything; separate ones follow one another.
        let outputs: &[usize] = if names.qkv.len() == 1 { &[query + 2 * kv] } else { &[query, kv, kv] };
        let mut qkv = Vec::new();
        for (pattern, &n) in names.qkv.iter().zip(outputs) {
            let offset = outputs[..qkv.len()].iter().sum();
            qkv.push(finder.projection(&name(pattern), n, channels, layout, offset)?);
        }
        let mut mlp_in = Vec::new();
        for pattern in names.mlp_in {
            let offset = mlp_in.len() * inner;
            mlp_in.push(finder.projection(&name(pattern), inner, channels, layout, offset)?);
        }
        layers.push(Layer {
            attention_norm: finder.norm(&name(names.attention_norm), channels, has_norm_bias)?,
            qkv,
            attention_out: finder.projection(&name(names.attention_out), channels, query, layout, 0)?,
            mlp_norm: finder.norm(&name(names.mlp_norm), channels, has_norm_bias)?,
            mlp_in,
            mlp_out: finder.projection(&name(names.mlp_out), channels, inner, layout, 0)?,
        });
    }
    let final_norm = finder.norm(names.final_norm, channels, has_norm_bias)?;
    let head = if architecture.tied {
        Projection { weight: token_embedding.clone(), bias: None, column_offset: 0 }
    } else {
        finder.head(names.head, architecture.n_vocabulary, channels)?
    };
    Ok(Weights {
        token_embedding,
        position_embedding,
        inv_freq: None,
        layers,
        final_norm,
        head,
        head_layout: WeightLayout::OutIn,
    })
}

/// Looks weights up under the prefix this export uses and remembers which tensors are wanted.
struct Finder<'a> {
    checkpoint: &'a Checkpoint,
    prefix: &'static str,
    wanted: HashMap<String, Tensor>,
}

impl<'a> Finder<'a> {
    fn new(family: &Family, checkpoint: &'a Checkpoint) -> Result<Self> {
        let embedding = format!("{}.weight", family.names.token_embedding);
        let mut problem = None;
        for prefix in family.names.prefixes {
            match checkpoint.require(&format!("{prefix}{embedding}")) {
                Ok(_) => return Ok(Finder { checkpoint, prefix, wanted: HashMap::new() }),
                // A type that cannot be read says more than an absence under another prefix.
                Err(error) if problem.is_none() || matches!(error, CheckpointError::UnsupportedType { .. }) => {
                    problem = Some(error);
                }
                Err(_) => {}
            }
        }
        Err(problem.expect("OK because every family has a prefix, if only the empty one").into())
    }

    fn matrix(&mut self, name: &str, shape: [usize; 2]) -> Result<Tensor> {
        let name = format!("{}{name}.weight", self.prefix);
        let entry = self.checkpoint.require(&name)?;
        self.take(entry, &shape)
    }

    fn norm(&mut self, name: &str, channels: usize, has_bias: bool) -> Result<NormWeights> {
        let name = format!("{}{name}.weight", self.prefix);
        let entry = self.checkpoint.require(&name)?;
        let weight = self.take(entry, &[channels])?;
        let bias = if has_bias { self.bias(&name, channels)? } else { None };
        Ok(NormWeights { weight, bias })
    }

    fn projection(
        &mut self,
        name: &str,
        n: usize,
        k: usize,
        layout: WeightLayout,
        column_offset: usize,
    ) -> Result<Projection> {
        let shape = match layout {
            WeightLayout::OutIn => [n, k],
            WeightLayout::InOut => [k, n],
        };
        let weight = self.matrix(name, shape)?;
        let bias = self.bias(&format!("{}{name}.weight", self.prefix), n)?;
        Ok(Projection { weight, bias, column_offset })
    }

    fn head(&mut self, name: &str, n: usize, k: usize) -> Result<Projection> {
        let name = format!("{name}.weight");
        let entry = self.checkpoint.require(&name)?;
        let weight = self.take(entry, &[n, k])?;
        let bias = self.bias(&name, n)?;
        Ok(Projection { weight, bias, column_offset: 0 })
    }

    /// A bias is used wherever the checkpoint has one: configurations name them in many ways, tensors in one.
    fn bias(&mut self, weight_name: &str, n: usize) -> Result<Option<Tensor>> {
        let name = weight_name.replace(".weight", ".bias");
        match self.checkpoint.tensor(&name) {
            Some(entry) => Ok(Some(self.take(entry, &[n])?)),
            None => Ok(None),
        }
    }

    fn take(&mut self, entry: &TensorEntry, expected: &[usize]) -> Result<Tensor> {
        if entry.shape != expected {
            return Err(EngineError::TensorShape {
                name: entry.name.clone(),
                got: entry.shape.clone(),
                expected: expected.to_vec(),
            }
            .into());
        }
        let tensor = Tensor::new(entry.name.as_str(), &entry.shape, entry.dtype);
        self.wanted.insert(entry.name.clone(), tensor.clone());
        Ok(tensor)
    }
}
