//! Activation hooks: read, replace or add to what a pass computes on the way, at places that have names.
//!
//! | place | shape | what |
//! | --- | --- | --- |
//! | `embedding` | (B·T,C) | what the first layer reads |
//! | `layers.{i}.attended` | (B·T, NH·HS) | what the heads give, before the output projection |
//! | `layers.{i}.attention_out` | (B·T,C) | what attention adds to the residual stream |
//! | `layers.{i}.mlp_in` | (B·T,I), or (B·T,2I) for gated ones, the gate first | what the activation function reads |
//! | `layers.{i}.activated` | (B·T,I) | what the last projection of the MLP reads |
//! | `layers.{i}.mlp_out` | (B·T,C) | what the MLP adds to the residual stream |
//! | `layers.{i}.hidden_states` | (B·T,C) | the residual stream behind layer i |
//! | `final_norm` | (wanted,C) | what the head reads, where the family has a norm there |
//! | `logits` | (wanted,V) | |
//!
//! A recording is data, so a hook is a few dispatches more in it: the same on both devices, and with a gradient. What a
//! branch adds to the residual stream is added by its projection itself; a hook on it takes the two apart.

use super::forward::{PassShape, PassTensors, record};
use super::kv_cache::KvCache;
use super::{EngineError, Model};
use crate::compute::ops::axpy::Axpy;
use crate::compute::{DType, Device, Op, Recording, Tensor};
use crate::error::Result;

/// What to do at a place.
#[derive(Clone, Debug, PartialEq)]
pub struct Hook {
    pub site: String,
    pub action: Action,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Hand the value out, as the hooks before this one have left it.
    Read,
    /// Rows from `row` on become these numbers: a whole number of rows.
    Replace { row: usize, values: Vec<f32> },
    /// Rows from `row` on get scale · these numbers added.
    Add { row: usize, values: Vec<f32>, scale: f32 },
}

/// What a hook has read.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    pub site: String,
    pub shape: Vec<usize>,
    pub values: Vec<f32>,
}

/// A pass with hooks.
#[derive(Clone, Debug, PartialEq)]
pub struct HookedRun {
    /// (T,V) of the sequence.
    pub logits: Vec<f32>,
    /// In the order of the hooks that read.
    pub readings: Vec<Reading>,
}

/// Runs one sequence through the model with hooks on its pass.
pub async fn run(model: &mut Model, ids: &[u32], hooks: &[Hook]) -> Result<HookedRun> {
    let (tokens, rows) = (ids.len(), model.architecture.n_vocabulary);
    if ids.is_empty() {
        return Err(EngineError::Empty.into());
    }
    if let Some(&id) = ids.iter().find(|id| **id as usize >= rows) {
        return Err(EngineError::TokenOutOfRange { id, rows }.into());
    }
    if tokens > model.architecture.context {
        return Err(EngineError::ContextTooShort { tokens, context: model.architecture.context }.into());
    }
    let tensors = PassTensors::new(&model.architecture, PassShape { rows: 1, tokens, logits: tokens });
    let cache = KvCache::new("hooked", &model.architecture, 1, tokens, tokens);
    let recording = record(&model.architecture, &model.weights, &tensors, &cache, 0, None)?;
    let installed = install(&recording, hooks)?;
    let offset = model.architecture.position_offset() as u32;
    let result = replay(&mut model.device, &installed, &tensors, ids, offset).await;
    for tensor in installed.recording.dispatches().iter().flat_map(|dispatch| &dispatch.outputs) {
        model.device.free(tensor);
    }
    for (tensor, _) in &installed.given {
        model.device.free(tensor);
    }
    tensors.free(&mut model.device);
    result
}

async fn replay(
    device: &mut Device,
    installed: &Installed,
    tensors: &PassTensors,
    ids: &[u32],
    offset: u32,
) -> Result<HookedRun> {
    let places: Vec<u32> = (0..ids.len() as u32).collect();
    let positions: Vec<u32> = places.iter().map(|place| place + offset).collect();
    device.write_u32(&tensors.ids, ids)?;
    device.write_u32(&tensors.positions, &positions)?;
    device.write_u32(&tensors.slots, &[0])?;
    device.write_u32(&tensors.wanted, &places)?;
    device.write_u32(&tensors.targets, ids)?;
    for (tensor, values) in &installed.given {
        device.write_f32(tensor, values)?;
    }
    device.run(&installed.recording).await?;
    let logits = device.read_f32(&tensors.logits).await?;
    let mut readings = Vec::with_capacity(installed.reads.len());
    for (site, tensor) in &installed.reads {
        let values = device.read_f32(tensor).await?;
        readings.push(Reading { site: site.clone(), shape: tensor.shape().to_vec(), values });
    }
    Ok(HookedRun { logits, readings })
}

/// A recording with hooks in it.
pub struct Installed {
    pub recording: Recording,
    /// Where each reading hook leaves its value.
    pub reads: Vec<(String, Tensor)>,
    /// Tensors to be written before the recording is run.
    pub given: Vec<(Tensor, Vec<f32>)>,
}

/// Puts hooks into a recording that marks its sites.
///
/// Errors: `NoSuchSite` with the names there are; `HookMalformed` for numbers that are no whole rows of the place.
pub fn install(recording: &Recording, hooks: &[Hook]) -> Result<Installed> {
    let names: Vec<&str> = hooks.iter().map(|hook| hook.site.as_str()).collect();
    let (exposed, dispatches) = expose(recording, &names)?;
    let mut installed = Installed { recording: Recording::new(), reads: Vec::new(), given: Vec::new() };
    for (i, dispatch) in exposed.dispatches().iter().enumerate() {
        let inputs: Vec<&Tensor> = dispatch.inputs.iter().collect();
        let outputs: Vec<&Tensor> = dispatch.outputs.iter().collect();
        installed.recording.push(dispatch.op.clone(), &inputs, &outputs)?;
        for (hook, _) in hooks.iter().zip(&dispatches).filter(|(_, at)| **at == i) {
            hook.record(&dispatch.outputs[0], &mut installed)?;
        }
    }
    Ok(installed)
}

impl Hook {
    fn record(&self, value: &Tensor, installed: &mut Installed) -> Result<()> {
        let (row, values, alpha, accumulate) = match &self.action {
            Action::Read => {
                let kept = Tensor::new(format!("hook.{}", self.site), value.shape(), DType::F32);
                installed.recording.push(Op::Axpy(Axpy::whole(value, 1.0, false)), &[value], &[&kept])?;
                installed.reads.push((self.site.clone(), kept));
                return Ok(());
            }
            Action::Replace { row, values } => (*row, values, 1.0, false),
            Action::Add { row, values, scale } => (*row, values, *scale, true),
        };
        let columns = value.columns();
        let end = row.checked_mul(columns).and_then(|start| start.checked_add(values.len()));
        if values.is_empty() || values.len() % columns != 0 || end.is_none_or(|end| end > value.elements()) {
            let what = format!(
                "{} numbers from row {row} on, where there are {} rows of {columns}",
                values.len(),
                value.rows()
            );
            return Err(EngineError::HookMalformed { site: self.site.clone(), what }.into());
        }
        let given = Tensor::new(format!("hook.{}", self.site), &[1, values.len()], DType::F32);
        // Rows follow one another, so some of them are a block of columns of the value as one long row.
        let line = value.reshaped(&[1, value.elements()]);
        let op = Axpy { alpha, x_column: 0, out_column: row * columns, columns: values.len(), accumulate };
        installed.recording.push(Op::Axpy(op), &[&given], &[&line])?;
        installed.given.push((given, values.clone()));
        Ok(())
    }
}

/// The recording with the named places as values of their own, and the dispatch whose first output each is.
pub(super) fn expose(recording: &Recording, names: &[&str]) -> Result<(Recording, Vec<usize>)> {
    for name in names {
        if !recording.sites().iter().any(|site| site.name == *name) {
            let known = recording.sites().iter().map(|site| site.name.as_str()).collect::<Vec<_>>().join(", ");
            return Err(EngineError::NoSuchSite { site: (*name).to_owned(), known }.into());
        }
    }
    let mut exposed = Recording::new();
    let mut found: Vec<(&str, usize)> = Vec::new();
    for (i, dispatch) in recording.dispatches().iter().enumerate() {
        let here: Vec<_> = recording.sites().iter().filter(|site| site.dispatch == i).collect();
        let named = |is_contribution: bool| {
            here.iter()
                .filter(move |site| site.is_contribution == is_contribution && names.contains(&site.name.as_str()))
                .map(|site| site.name.as_str())
        };
        let inputs: Vec<&Tensor> = dispatch.inputs.iter().collect();
        let outputs: Vec<&Tensor> = dispatch.outputs.iter().collect();
        match (named(true).next(), alone(&dispatch.op)) {
            (Some(_), Some(op)) => {
                // The branch by itself, and then its sum with the residual stream.
                let branch = Tensor::new(format!("{}.alone", outputs[0].label()), outputs[0].shape(), DType::F32);
                exposed.push(op, &inputs, &[&branch])?;
                found.extend(named(true).map(|name| (name, exposed.dispatches().len() - 1)));
                exposed.push(Op::Axpy(Axpy::whole(&branch, 1.0, true)), &[&branch], &outputs)?;
            }
            _ => {
                exposed.push(dispatch.op.clone(), &inputs, &outputs)?;
                found.extend(named(true).map(|name| (name, exposed.dispatches().len() - 1)));
            }
        }
        found.extend(named(false).map(|name| (name, exposed.dispatches().len() - 1)));
    }
    let find = |name: &&str| found.iter().find(|(other, _)| other == name).map_or(0, |(_, at)| *at);
    Ok((exposed, names.iter().map(find).collect()))
}

/// The op without the addition to what its output holds; `None` when it adds to nothing.
fn alone(op: &Op) -> Option<Op> {
    match op {
        Op::MatMul(op) if op.accumulate => {
            let mut op = op.clone();
            op.accumulate = false;
            Some(Op::MatMul(op))
        }
        Op::RmsNorm(op) if op.accumulate => {
            let mut op = op.clone();
            op.accumulate = false;
            Some(Op::RmsNorm(op))
        }
        _ => None,
    }
}
