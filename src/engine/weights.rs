//! The weights of a decoder by their role, and how they get from the checkpoint to the device.
//!
//! A tensor of the checkpoint is one tensor on the device, as it is stored, unless a family fuses what belongs apart or
//! interleaves what belongs side by side: then its rows are copied to where they belong while they stream in.

use std::collections::HashMap;
use std::ops::Range;

use super::EngineError;
use super::architecture::{Architecture, LayerForm, Norm, NormPlace, Positions, QueryKeyExtent, Residual};
use super::families::{Family, Fused};
use crate::checkpoint::{Checkpoint, CheckpointError, Config};
use crate::compute::ops::matmul::WeightLayout;
use crate::compute::{DType, Device, Tensor, TensorId};
use crate::error::Result;
use crate::progress::Monitor;
use crate::report::FileInfo;
use crate::rng::Rng;

pub struct Weights {
    /// (V,E)
    pub token_embedding: Tensor,
    /// (context + offset,C)
    pub position_embedding: Option<Tensor>,
    /// E → C, where they differ.
    pub embedding_in: Option<Projection>,
    /// By `LayerForm::rotary`; computed here, not stored in the checkpoint.
    pub rotary: Vec<RotaryFrequencies>,
    pub layers: Vec<Layer>,
    pub final_norm: Option<NormWeights>,
    /// C → E, where they differ.
    pub embedding_out: Option<Projection>,
    /// The token embedding when tied.
    pub head: Projection,
    /// How the head is stored: always (V,E).
    pub head_layout: WeightLayout,
    /// What was read of the checkpoint, in the order in which it was asked for.
    pub parameters: Vec<Parameter>,
}

pub struct Layer {
    pub attention_norm: Option<NormWeights>,
    pub qkv: Vec<Projection>,
    /// Of queries and of keys.
    pub query_key_norm: Option<(NormWeights, NormWeights)>,
    pub attention_out: Projection,
    pub attention_post_norm: Option<NormWeights>,
    pub mlp_norm: Option<NormWeights>,
    pub mlp_in: Vec<Projection>,
    pub mlp_out: Projection,
    pub mlp_post_norm: Option<NormWeights>,
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

/// (R/2) each.
pub struct RotaryFrequencies {
    inv_freq: Tensor,
    long: Option<(usize, Tensor)>,
}

impl RotaryFrequencies {
    pub fn tensors(&self) -> impl Iterator<Item = &Tensor> {
        [&self.inv_freq].into_iter().chain(self.long.as_ref().map(|(_, long)| long))
    }

    /// The frequencies for sequences of so many tokens.
    pub fn for_sequence(&self, tokens: usize) -> &Tensor {
        match &self.long {
            Some((above, long)) if tokens > *above => long,
            _ => &self.inv_freq,
        }
    }
}

/// One tensor of the checkpoint and where its rows are on the device.
pub struct Parameter {
    pub name: String,
    pub shape: Vec<usize>,
    pub copies: Vec<RowCopy>,
}

/// A run of rows. A row is what the device's tensor has behind its first dimension; one number of a vector.
#[derive(Clone, Debug)]
pub struct RowCopy {
    pub tensor: Tensor,
    pub from_row: usize,
    pub to_row: usize,
    pub rows: usize,
}

impl RowCopy {
    fn row_bytes(&self) -> usize {
        self.tensor.bytes() / self.tensor.shape()[0].max(1)
    }
}

impl Parameter {
    /// The device's tensor is the checkpoint's.
    fn is_whole(&self) -> bool {
        matches!(&self.copies[..], [copy] if copy.tensor.shape() == self.shape)
    }
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
    weights.parameters = finder.parameters;
    let wanted: HashMap<&str, &Parameter> =
        weights.parameters.iter().map(|parameter| (parameter.name.as_str(), parameter)).collect();
    let mut staged = Staged::default();
    let files = checkpoint
        .load(
            &|entry| wanted.contains_key(entry.name.as_str()),
            &mut |entry, offset, bytes| match wanted.get(entry.name.as_str()) {
                Some(parameter) if parameter.is_whole() => {
                    Ok(device.write(&parameter.copies[0].tensor, offset, bytes)?)
                }
                Some(parameter) => staged.take(parameter, offset, bytes, device),
                None => Ok(()),
            },
            monitor,
        )
        .await?;
    weights.rotary = rotary_frequencies(architecture, device)?;
    let unused: Vec<&str> = checkpoint
        .tensors()
        .map(|entry| entry.name.as_str())
        .filter(|name| !wanted.contains_key(name) && !family.names.ignored.iter().any(|end| name.ends_with(end)))
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

/// Makes the weights of an untrained model: norms that change nothing, biases of 0, and everything else drawn from a
/// normal distribution of config.json's `initializer_range` (0.02 where it names none). What writes to the residual
/// stream is divided by √(2L), so that its variance does not grow with the layers.
///
/// Source   Radford et al. 2019 (GPT-2), section 2.3
pub fn fresh(
    family: &Family,
    architecture: &Architecture,
    config: &Config,
    device: &mut Device,
    seed: u32,
) -> Result<Weights> {
    let prefix = family.names.prefixes.first().copied().unwrap_or_default();
    let mut finder = Finder { checkpoint: None, prefix, parameters: Vec::new() };
    let mut weights = find(family, architecture, &mut finder)?;
    weights.parameters = finder.parameters;
    let range = config.f64_or("initializer_range", 0.02)?;
    if !(range.is_finite() && range >= 0.0) {
        let what = format!("initializer_range is {range}, expected a number not below 0");
        return Err(EngineError::Inconsistent { what }.into());
    }
    let to_residual: Vec<TensorId> =
        weights.layers.iter().flat_map(|layer| [layer.attention_out.weight.id(), layer.mlp_out.weight.id()]).collect();
    let norm = match architecture.norm {
        Norm::Layer { .. } => 1.0,
        Norm::Rms { weight_offset, .. } => 1.0 - weight_offset,
    };
    for (i, parameter) in weights.parameters.iter().enumerate() {
        let is_residual = parameter.copies.iter().any(|copy| to_residual.contains(&copy.tensor.id()));
        let deviation = if is_residual { range / (2.0 * architecture.n_layers() as f64).sqrt() } else { range };
        let mut rng = Rng::with_stream(seed.into(), i as u64);
        let values: Vec<f32> = match parameter.shape[..] {
            [n] if parameter.name.ends_with(".bias") => vec![0.0; n],
            [n] => vec![norm; n],
            _ => (0..parameter.shape.iter().product()).map(|_| deviation as f32 * rng.normal()).collect(),
        };
        let row = values.len() / parameter.shape[0].max(1);
        for copy in &parameter.copies {
            let rows = &values[copy.from_row * row..(copy.from_row + copy.rows) * row];
            device.write(&copy.tensor, copy.to_row * row * 4, bytemuck::cast_slice(rows))?;
        }
    }
    weights.rotary = rotary_frequencies(architecture, device)?;
    Ok(weights)
}

fn rotary_frequencies(architecture: &Architecture, device: &mut Device) -> Result<Vec<RotaryFrequencies>> {
    let mut all = Vec::with_capacity(architecture.rotary.len());
    for rotary in &architecture.rotary {
        let mut upload = |label: &str, frequencies: &[f32]| {
            let tensor = Tensor::new(label, &[frequencies.len()], DType::F32);
            device.write_f32(&tensor, frequencies).map(|()| tensor)
        };
        let long = match &rotary.long {
            Some((above, frequencies)) => Some((*above, upload("inv_freq.long", frequencies)?)),
            None => None,
        };
        all.push(RotaryFrequencies { inv_freq: upload("inv_freq", &rotary.inv_freq)?, long });
    }
    Ok(all)
}

/// Tensors whose rows come from several places, gathered here and written when the last row has come. The parts of one
/// fused tensor lie side by side in a file, so one such tensor is held at a time; only norms of single heads, which are
/// small, stay open longer.
#[derive(Default)]
struct Staged {
    /// By the device's tensor: its bytes, and how many are still to come.
    open: HashMap<crate::compute::TensorId, (Vec<u8>, usize)>,
}

impl Staged {
    fn take(&mut self, parameter: &Parameter, offset: usize, bytes: &[u8], device: &mut Device) -> Result<()> {
        for copy in &parameter.copies {
            let row_bytes = copy.row_bytes();
            let source = copy.from_row * row_bytes..(copy.from_row + copy.rows) * row_bytes;
            let (start, end) = (source.start.max(offset), source.end.min(offset + bytes.len()));
            if start >= end {
                continue;
            }
            let (gathered, missing) = match self.open.entry(copy.tensor.id()) {
                std::collections::hash_map::Entry::Occupied(place) => place.into_mut(),
                std::collections::hash_map::Entry::Vacant(place) => {
                    let needed = copy.tensor.bytes();
                    let mut gathered = Vec::new();
                    gathered.try_reserve_exact(needed).map_err(|_| crate::compute::memory::exhausted(needed as u64))?;
                    gathered.resize(needed, 0);
                    place.insert((gathered, needed))
                }
            };
            let to = copy.to_row * row_bytes + start - source.start;
            gathered[to..to + end - start].copy_from_slice(&bytes[start - offset..end - offset]);
            *missing -= end - start;
            if *missing == 0 {
                device.write(&copy.tensor, 0, gathered)?;
                self.open.remove(&copy.tensor.id());
            }
        }
        Ok(())
    }
}

fn find(family: &Family, architecture: &Architecture, finder: &mut Finder<'_>) -> Result<Weights> {
    let names = &family.names;
    let (channels, width, layout) = (architecture.n_channels, architecture.n_embedding, architecture.layout);
    let token_embedding = finder.matrix(names.token_embedding, [architecture.n_vocabulary, width])?;
    let position_embedding = match (architecture.positions, names.position_embedding) {
        (Positions::Learned { offset }, Some(name)) => {
            Some(finder.matrix(name, [architecture.context + offset, channels])?)
        }
        _ => None,
    };
    let (mut embedding_in, mut embedding_out) = (None, None);
    if let (true, Some((name_in, name_out))) = (width != channels, names.embedding_projections) {
        embedding_in = Some(finder.projection(name_in, channels, width, layout, false, 0)?);
        embedding_out = Some(finder.projection(name_out, width, channels, layout, false, 0)?);
    }
    let mut layers = Vec::with_capacity(architecture.n_layers());
    for (layer, form) in architecture.layers.iter().enumerate() {
        layers.push(find_layer(family, architecture, finder, layer, form)?);
    }
    let final_norm = match (architecture.final_norm, names.final_norm) {
        (true, Some(name)) => Some(finder.norm(name, channels, architecture.norm)?),
        _ => None,
    };
    let head = if architecture.tied {
        Projection { weight: token_embedding.clone(), bias: None, column_offset: 0 }
    } else {
        finder.head(names.head, architecture.n_vocabulary, width, architecture.biases.head)?
    };
    Ok(Weights {
        token_embedding,
        position_embedding,
        embedding_in,
        rotary: Vec::new(),
        layers,
        final_norm,
        embedding_out,
        head,
        head_layout: WeightLayout::OutIn,
        parameters: Vec::new(),
    })
}

fn find_layer(
    family: &Family,
    architecture: &Architecture,
    finder: &mut Finder<'_>,
    layer: usize,
    form: &LayerForm,
) -> Result<Layer> {
    let names = &family.names;
    let name = |pattern: &str| pattern.replacen("{}", &layer.to_string(), 1);
    let (channels, inner, layout) = (architecture.n_channels, form.n_inner, architecture.layout);
    let (query, kv) = (architecture.query_channels(form), architecture.kv_channels(form));
    let biases = architecture.biases;
    let mut norm = |wanted: bool, pattern: Option<&str>| match pattern {
        Some(pattern) if wanted => Ok(Some(finder.norm(&name(pattern), channels, architecture.norm)?)),
        _ => Ok::<_, crate::Error>(None),
    };
    let place = architecture.norm_place;
    let before = matches!(place, NormPlace::Before | NormPlace::Around);
    let attention_norm = norm(before, names.attention_norm)?;
    let attention_post_norm = norm(place != NormPlace::Before, names.attention_post_norm)?;
    let mlp_norm = norm(before && architecture.residual != Residual::ParallelSharedNorm, names.mlp_norm)?;
    let mlp_post_norm = norm(place != NormPlace::Before, names.mlp_post_norm)?;

    let ends = [query, query + kv, query + 2 * kv];
    let mut qkv = Vec::new();
    match names.qkv {
        // Values part from queries and keys when only these are normalised.
        [fused] if names.fused == Fused::PerHead || architecture.query_key_norm.is_some() => {
            let parts = match names.fused {
                Fused::SideBySide => vec![vec![0..ends[0]], vec![ends[0]..ends[1]], vec![ends[1]..ends[2]]],
                Fused::PerHead => per_head(form.n_heads, architecture.head_size),
            };
            let parts = if architecture.query_key_norm.is_some() { parts } else { vec![parts.concat()] };
            qkv = finder.split(&name(fused), ends[2], channels, biases.qkv, &parts)?;
        }
        patterns => {
            // A fused projection writes everything; separate ones follow one another.
            let outputs: &[usize] = if patterns.len() == 1 { &ends[2..] } else { &[query, kv, kv] };
            for (pattern, &n) in patterns.iter().zip(outputs) {
                let offset = outputs[..qkv.len()].iter().sum();
                qkv.push(finder.projection(&name(pattern), n, channels, layout, biases.qkv, offset)?);
            }
        }
    }
    let query_key_norm = match (architecture.query_key_norm, names.query_key_norms) {
        (Some(kind), Some(patterns)) => {
            let mut norm = |pattern: &str, heads: usize| match kind.extent {
                QueryKeyExtent::Head => finder.norm(&name(pattern), architecture.head_size, kind.norm),
                QueryKeyExtent::Row => finder.norm(&name(pattern), heads * architecture.head_size, kind.norm),
                QueryKeyExtent::HeadOwnWeights => {
                    finder.norms(&name(pattern), heads, architecture.head_size, kind.norm)
                }
            };
            Some((norm(patterns[0], form.n_heads)?, norm(patterns[1], form.n_kv_heads)?))
        }
        _ => None,
    };
    let mut mlp_in = Vec::new();
    // A fused projection has gate and up, one after the other.
    let outputs = if names.mlp_in.len() == 1 { form.mlp_in_channels(architecture.mlp) } else { inner };
    for pattern in names.mlp_in {
        let offset = mlp_in.len() * inner;
        mlp_in.push(finder.projection(&name(pattern), outputs, channels, layout, biases.mlp, offset)?);
    }
    Ok(Layer {
        attention_norm,
        qkv,
        query_key_norm,
        attention_out: finder.projection(
            &name(names.attention_out),
            channels,
            query,
            layout,
            biases.attention_out,
            0,
        )?,
        attention_post_norm,
        mlp_norm,
        mlp_in,
        mlp_out: finder.projection(&name(names.mlp_out), channels, inner, layout, biases.mlp, 0)?,
        mlp_post_norm,
    })
}

/// The copies that bring stretches of a tensor's rows together, in this order.
fn gathered(tensor: &Tensor, ranges: &[Range<usize>]) -> Vec<RowCopy> {
    let mut copies = Vec::with_capacity(ranges.len());
    let mut to_row = 0;
    for range in ranges {
        copies.push(RowCopy { tensor: tensor.clone(), from_row: range.start, to_row, rows: range.len() });
        to_row += range.len();
    }
    copies
}

/// Rows of queries, keys and values in a tensor that holds, head by head, query, key and value.
fn per_head(n_heads: usize, head_size: usize) -> Vec<Vec<Range<usize>>> {
    let part = |part: usize| {
        (0..n_heads).map(|head| (3 * head + part) * head_size..(3 * head + part + 1) * head_size).collect()
    };
    (0..3).map(part).collect()
}

/// Looks weights up under the prefix this export uses and remembers which tensors are wanted.
struct Finder<'a> {
    /// `None` for a model that is to be made: everything is there then, in f32.
    checkpoint: Option<&'a Checkpoint>,
    prefix: &'static str,
    parameters: Vec<Parameter>,
}

impl<'a> Finder<'a> {
    fn new(family: &Family, checkpoint: &'a Checkpoint) -> Result<Self> {
        let embedding = format!("{}.weight", family.names.token_embedding);
        let mut problem = None;
        for prefix in family.names.prefixes {
            match checkpoint.require(&format!("{prefix}{embedding}")) {
                Ok(_) => return Ok(Finder { checkpoint: Some(checkpoint), prefix, parameters: Vec::new() }),
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
        self.whole(&format!("{}{name}.weight", self.prefix), &shape)
    }

    fn norm(&mut self, name: &str, channels: usize, kind: Norm) -> Result<NormWeights> {
        let name = format!("{}{name}", self.prefix);
        let weight = self.whole(&format!("{name}.weight"), &[channels])?;
        let bias = match kind {
            Norm::Layer { bias: true, .. } => Some(self.whole(&format!("{name}.bias"), &[channels])?),
            _ => None,
        };
        Ok(NormWeights { weight, bias })
    }

    /// Weights of several norms, one tensor each in the checkpoint, as rows of one. `{}` in `pattern` is the head.
    fn norms(&mut self, pattern: &str, heads: usize, channels: usize, kind: Norm) -> Result<NormWeights> {
        let gather = |finder: &mut Self, end: &str| {
            let name = |head: usize| format!("{}{}{end}", finder.prefix, pattern.replace("{}", &head.to_string()));
            let dtype = finder.stored_type(&name(0), &[channels])?;
            let tensor = Tensor::new(format!("{}{pattern}{end}", finder.prefix), &[heads, channels], dtype);
            for (head, name) in (0..heads).map(name).collect::<Vec<_>>().into_iter().enumerate() {
                let own = finder.stored_type(&name, &[channels])?;
                if own != dtype {
                    let what = format!("{name} is stored as {own:?}, the same of another head as {dtype:?}");
                    return Err(EngineError::Inconsistent { what }.into());
                }
                let copies = vec![RowCopy { tensor: tensor.clone(), from_row: 0, to_row: head, rows: 1 }];
                finder.parameters.push(Parameter { name, shape: vec![channels], copies });
            }
            Ok::<_, crate::Error>(tensor)
        };
        let weight = gather(self, ".weight")?;
        let bias = match kind {
            Norm::Layer { bias: true, .. } => Some(gather(self, ".bias")?),
            _ => None,
        };
        Ok(NormWeights { weight, bias })
    }

    fn projection(
        &mut self,
        name: &str,
        n: usize,
        k: usize,
        layout: WeightLayout,
        biased: bool,
        column_offset: usize,
    ) -> Result<Projection> {
        let shape = match layout {
            WeightLayout::OutIn => [n, k],
            WeightLayout::InOut => [k, n],
        };
        let weight = self.matrix(name, shape)?;
        let bias = match biased {
            true => Some(self.whole(&format!("{}{name}.bias", self.prefix), &[n])?),
            false => None,
        };
        Ok(Projection { weight, bias, column_offset })
    }

    /// Projections whose rows are spread over one fused tensor (n,k): `parts[i]` are the rows of the i-th, in order.
    fn split(
        &mut self,
        name: &str,
        n: usize,
        k: usize,
        biased: bool,
        parts: &[Vec<Range<usize>>],
    ) -> Result<Vec<Projection>> {
        let name = format!("{}{name}", self.prefix);
        let weights = self.parts(&format!("{name}.weight"), &[n, k], parts)?;
        let mut biases = match biased {
            true => self.parts(&format!("{name}.bias"), &[n], parts)?,
            false => Vec::new(),
        }
        .into_iter();
        let mut column_offset = 0;
        let mut projections = Vec::new();
        for weight in weights {
            let n = weight.shape()[0];
            projections.push(Projection { weight, bias: biases.next(), column_offset });
            column_offset += n;
        }
        Ok(projections)
    }

    fn parts(&mut self, name: &str, shape: &[usize], parts: &[Vec<Range<usize>>]) -> Result<Vec<Tensor>> {
        let dtype = self.stored_type(name, shape)?;
        let mut tensors = Vec::new();
        let mut copies = Vec::new();
        for (i, ranges) in parts.iter().enumerate() {
            let mut own = shape.to_vec();
            own[0] = ranges.iter().map(ExactSizeIterator::len).sum();
            let tensor = Tensor::new(format!("{name}[{i}]"), &own, dtype);
            copies.extend(gathered(&tensor, ranges));
            tensors.push(tensor);
        }
        self.parameters.push(Parameter { name: name.into(), shape: shape.to_vec(), copies });
        Ok(tensors)
    }

    /// Under the first name that is there, or with an error about the first.
    fn head(&mut self, names: &[&str], n: usize, k: usize, biased: bool) -> Result<Projection> {
        let is_there =
            |name: &&&str| self.checkpoint.is_some_and(|found| found.tensor(&format!("{name}.weight")).is_some());
        let name = names.iter().find(is_there).unwrap_or(&names[0]);
        let weight = self.whole(&format!("{name}.weight"), &[n, k])?;
        let bias = match biased {
            true => Some(self.whole(&format!("{name}.bias"), &[n])?),
            false => None,
        };
        Ok(Projection { weight, bias, column_offset: 0 })
    }

    /// A tensor that is on the device as in the checkpoint.
    fn whole(&mut self, name: &str, expected: &[usize]) -> Result<Tensor> {
        let dtype = self.stored_type(name, expected)?;
        let tensor = Tensor::new(name, expected, dtype);
        let copies = vec![RowCopy { tensor: tensor.clone(), from_row: 0, to_row: 0, rows: expected[0] }];
        self.parameters.push(Parameter { name: name.into(), shape: expected.to_vec(), copies });
        Ok(tensor)
    }

    fn stored_type(&self, name: &str, expected: &[usize]) -> Result<DType> {
        let Some(checkpoint) = self.checkpoint else { return Ok(DType::F32) };
        let entry = checkpoint.require(name)?;
        if entry.shape != expected {
            return Err(EngineError::TensorShape {
                name: entry.name.clone(),
                got: entry.shape.clone(),
                expected: expected.to_vec(),
            }
            .into());
        }
        Ok(entry.dtype)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compute::cpu::CpuDevice;

    /// Oracle: by hand. Rows of 10 bytes, three heads of two rows for each of query, key and value: however the stream is
    /// cut, also inside rows, query rows come first, then keys, then values, in one tensor or in three.
    #[test]
    fn interleaved_rows_arrive_where_they_belong() {
        let (heads, size, columns) = (3, 2, 5);
        let bytes: Vec<u8> = (0..3 * heads * size * 2 * columns).map(|i| i as u8).collect();
        let source_rows: Vec<&[u8]> = bytes.chunks(2 * columns).collect();
        let part = |part: usize| -> Vec<u8> {
            let rows = (0..heads).flat_map(|head| (0..size).map(move |row| (3 * head + part) * size + row));
            rows.flat_map(|row| source_rows[row].to_vec()).collect()
        };
        for is_split in [false, true] {
            let mut ranges = per_head(heads, size);
            let mut expected: Vec<Vec<u8>> = (0..3).map(part).collect();
            if !is_split {
                (ranges, expected) = (vec![ranges.concat()], vec![expected.concat()]);
            }
            let tensors: Vec<Tensor> = ranges
                .iter()
                .map(|ranges| {
                    let rows = ranges.iter().map(ExactSizeIterator::len).sum();
                    Tensor::new("part", &[rows, columns], DType::F16)
                })
                .collect();
            let copies = tensors.iter().zip(&ranges).flat_map(|(tensor, ranges)| gathered(tensor, ranges)).collect();
            let parameter = Parameter { name: "qkv".into(), shape: vec![3 * heads * size, columns], copies };
            assert!(!parameter.is_whole());
            for chunk in [4, 12, 44, 180, 1000] {
                let mut device = Device::Cpu(CpuDevice::new("test"));
                let mut staged = Staged::default();
                for (i, piece) in bytes.chunks(chunk).enumerate() {
                    staged.take(&parameter, i * chunk, piece, &mut device).unwrap();
                }
                assert!(staged.open.is_empty(), "something is still waited for");
                let Device::Cpu(device) = device else { unreachable!("made above") };
                for (tensor, expected) in tensors.iter().zip(&expected) {
                    assert_eq!(&device.read(tensor).unwrap(), expected, "chunks of {chunk}, split: {is_split}");
                }
            }
        }
    }
}
