//! A batch forward and backward, as one recording.
//!
//! The forward is the one that inference records ([`forward::record`](crate::engine::forward::record)); its report on
//! the next token is exchanged for the loss, its values get tensors of their own, and the whole is reversed.

use std::collections::HashMap;

use super::batch::{AttentionMask, Batch, Target};
use crate::compute::backward::{reverse, separate};
use crate::compute::ops::attention::Mask;
use crate::compute::ops::cross_entropy::{CrossEntropy, IGNORED};
use crate::compute::{DType, Device, Dispatch, Op, Recording, Tensor, TensorId};
use crate::engine::architecture::Architecture;
use crate::engine::forward::{PassShape, PassTensors, record};
use crate::engine::kv_cache::KvCache;
use crate::engine::weights::{Parameter, RowCopy};
use crate::engine::{EngineError, Model, hooks};
use crate::error::Result;
use crate::progress::{Monitor, Silent, pause};

/// What a batch costs.
#[derive(Clone, Debug, PartialEq)]
pub struct Loss {
    /// Weighted mean of the targets' negative log-likelihoods, in nats.
    pub mean: f64,
    /// Of each target, in the batch's order, in nats.
    pub nll: Vec<f32>,
}

/// Dispatches on the CPU between two pauses: a few milliseconds of a small model, and a pause takes microseconds.
const PAUSE_AFTER: usize = 8;

/// What has to be alike for two batches to share a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PassForm {
    pub rows: usize,
    pub tokens: usize,
    pub targets: usize,
    pub mask: Mask,
    /// Stands for the end of the longest row, by its positions, where rotary frequencies depend on it: one more than the
    /// largest limit that the end is above, or 0. As transformers chooses them, for all rows of a batch alike.
    pub sequence: usize,
}

impl PassForm {
    pub fn of(batch: &Batch, architecture: &Architecture) -> Self {
        let mask = match &batch.mask {
            AttentionMask::Causal => Mask::Causal,
            AttentionMask::Full => Mask::Full,
            AttentionMask::Prefix(n) => Mask::Prefix(*n),
            AttentionMask::Given(_) => Mask::Given,
        };
        let end = batch.positions.iter().max().map_or(0, |&last| last as usize + 1);
        let limits = architecture.rotary.iter().filter_map(|rotary| rotary.long.as_ref().map(|(above, _)| *above));
        let sequence = limits.filter(|above| end > *above).max().map_or(0, |above| above + 1);
        PassForm { rows: batch.rows, tokens: batch.tokens, targets: batch.targets.len(), mask, sequence }
    }
}

/// A recorded batch: written once for a form, run for every batch of it.
pub struct Pass {
    inputs: PassTensors,
    /// (B,T,T), where the form's mask is given.
    mask: Tensor,
    nll: Tensor,
    dnll: Tensor,
    /// The recording, cut where a listener is asked.
    parts: Vec<Recording>,
    /// Where the gradients of the wanted tensors end up.
    pub gradients: HashMap<TensorId, Tensor>,
    /// The wanted sites: their values.
    pub sites: Vec<(String, Tensor)>,
    /// What the pass writes for itself.
    own: HashMap<TensorId, Tensor>,
    position_offset: u32,
}

impl Pass {
    /// Records a form.
    ///
    /// `replaced` are weights that others stand in for, such as the f32 masters of weights stored in f16. `started` are
    /// gradients that already hold something to which this pass adds: pairs of tensor and gradient. `wanted` are the
    /// tensors whose gradients are asked for, `sites` the activations, by the names that
    /// [`hooks`](crate::engine::hooks) lists; with none of either, the pass is a forward only.
    pub fn new(
        model: &Model,
        form: PassForm,
        replaced: &HashMap<TensorId, Tensor>,
        started: &[(Tensor, Tensor)],
        wanted: &[TensorId],
        sites: &[&str],
    ) -> Result<Pass> {
        let shape = PassShape { rows: form.rows, tokens: form.tokens, logits: form.targets };
        let inputs = PassTensors::new(&model.architecture, shape);
        let cache = KvCache::new("training", &model.architecture, form.rows, form.tokens, form.sequence);
        let inference = record(&model.architecture, &model.weights, &inputs, &cache, 0, None)?;
        let mask = Tensor::new("mask", &[form.rows, form.tokens, form.tokens], DType::U32);
        let mut forward = inference.rewrite(|dispatch| match dispatch.op {
            Op::NextToken(_) => None,
            _ => Some(masked(substitute(dispatch, replaced), form.mask, &mask)),
        })?;
        let nll = Tensor::new("nll", &[form.targets], DType::F32);
        let dnll = Tensor::new("dnll", &[form.targets], DType::F32);
        forward.push(Op::CrossEntropy(CrossEntropy), &[&inputs.logits, &inputs.targets], &[&nll])?;

        let (mut recording, mut gradients, mut values) = (forward, HashMap::new(), Vec::new());
        if !wanted.is_empty() || !sites.is_empty() {
            let (exposed, dispatches) = hooks::expose(&recording, sites)?;
            let separated = separate(&exposed)?;
            let mut wanted = wanted.to_vec();
            for (name, dispatch) in sites.iter().zip(dispatches) {
                let value = separated.outputs[dispatch][0].clone();
                wanted.push(value.id());
                values.push(((*name).to_owned(), value));
            }
            let mut seeds = vec![(nll.clone(), dnll.clone())];
            seeds.extend_from_slice(started);
            let reversed = reverse(&separated.recording, &seeds, &wanted)?;
            recording = separated.recording;
            recording.append(&reversed.recording);
            gradients = reversed.gradients;
        }
        let mut own: HashMap<TensorId, Tensor> = HashMap::new();
        for tensor in recording.dispatches().iter().flat_map(|dispatch| &dispatch.outputs) {
            own.insert(tensor.id(), tensor.clone());
        }
        for (_, gradient) in started {
            own.remove(&gradient.id());
        }
        let position_offset = model.architecture.position_offset() as u32;
        let between = if matches!(model.device, Device::Cpu(_)) { PAUSE_AFTER } else { usize::MAX };
        let mut parts = Vec::new();
        while !recording.is_empty() {
            let (part, rest) = recording.split_at(between);
            parts.push(part);
            recording = rest;
        }
        Ok(Pass { inputs, mask, nll, dnll, parts, gradients, sites: values, own, position_offset })
    }

    /// Runs a batch of the recorded form. Its loss is the mean over the batch; the gradients are those of
    /// Σ weight · nll / `total_weight`, so that parts of a batch, each with the whole's weight, add up to the whole.
    ///
    /// On the CPU, whose work is done when a call returns, `monitor` is asked every few dispatches; a GPU gets the whole
    /// recording at once.
    pub async fn run(
        &self,
        device: &mut Device,
        batch: &Batch,
        total_weight: f64,
        monitor: &mut dyn Monitor,
    ) -> Result<Loss> {
        let slots: Vec<u32> = (0..batch.rows as u32).collect();
        let of = |part: fn(&Target) -> u32| batch.targets.iter().map(part).collect::<Vec<u32>>();
        // A target without weight is no target: its row then has no gradient at all, rather than zero times something.
        let targets = of(|target| if target.weight > 0.0 { target.id } else { IGNORED });
        let dnll: Vec<f32> =
            batch.targets.iter().map(|target| (f64::from(target.weight) / total_weight) as f32).collect();
        device.write_u32(&self.inputs.ids, &batch.ids)?;
        let positions: Vec<u32> = batch.positions.iter().map(|position| position + self.position_offset).collect();
        device.write_u32(&self.inputs.positions, &positions)?;
        device.write_u32(&self.inputs.slots, &slots)?;
        device.write_u32(&self.inputs.wanted, &of(|target| target.at))?;
        device.write_u32(&self.inputs.targets, &targets)?;
        if let AttentionMask::Given(mask) = &batch.mask {
            device.write_u32(&self.mask, mask)?;
        }
        device.write_f32(&self.dnll, &dnll)?;
        for part in &self.parts {
            device.run(part).await?;
            pause(monitor).await?;
        }
        let nll = device.read_f32(&self.nll).await?;
        let sum: f64 =
            nll.iter().zip(&batch.targets).map(|(&nll, target)| f64::from(nll) * f64::from(target.weight)).sum();
        let mean = sum / batch.weight();
        if mean.is_finite() { Ok(Loss { mean, nll }) } else { Err(EngineError::LossNotFinite { loss: mean }.into()) }
    }

    /// Gives the device its memory back.
    pub fn free(&self, device: &mut Device) {
        for tensor in self.own.values().chain([&self.dnll, &self.mask]) {
            device.free(tensor);
        }
        self.inputs.free(device);
    }
}

fn substitute(dispatch: &Dispatch, replaced: &HashMap<TensorId, Tensor>) -> Dispatch {
    let swap = |tensor: &Tensor| replaced.get(&tensor.id()).unwrap_or(tensor).clone();
    Dispatch {
        op: dispatch.op.clone(),
        inputs: dispatch.inputs.iter().map(swap).collect(),
        outputs: dispatch.outputs.clone(),
    }
}

/// Attention as inference records it is causal.
fn masked(mut dispatch: Dispatch, kind: Mask, mask: &Tensor) -> Dispatch {
    if let Op::Attention(op) = &mut dispatch.op {
        op.mask = kind;
        if kind == Mask::Given {
            dispatch.inputs.push(mask.clone());
        }
    }
    dispatch
}

/// The loss of a batch.
pub async fn loss(model: &mut Model, batch: &Batch) -> Result<Loss> {
    let (loss, _) = loss_and_gradients(model, batch, &|_| false).await?;
    Ok(loss)
}

/// The gradient of one parameter, under the checkpoint's own name.
#[derive(Clone, Debug, PartialEq)]
pub struct ParameterGradient {
    pub name: String,
    pub shape: Vec<usize>,
    pub values: Vec<f32>,
}

/// The loss of a batch and its gradient with respect to every parameter whose name `wanted` accepts, whatever type the
/// weights are stored in. A parameter that the loss does not depend on has a gradient of zeros.
pub async fn loss_and_gradients(
    model: &mut Model,
    batch: &Batch,
    wanted: &dyn Fn(&str) -> bool,
) -> Result<(Loss, Vec<ParameterGradient>)> {
    batch.check(model.architecture.n_vocabulary, model.architecture.context)?;
    let parameters: Vec<&Parameter> =
        model.weights.parameters.iter().filter(|parameter| wanted(&parameter.name)).collect();
    let copies = parameters.iter().flat_map(|parameter| &parameter.copies);
    let mut ids: Vec<TensorId> = copies.map(|copy| copy.tensor.id()).collect();
    ids.sort_unstable();
    ids.dedup();
    let pass = Pass::new(model, PassForm::of(batch, &model.architecture), &HashMap::new(), &[], &ids, &[])?;
    let result = run_and_read(&pass, &mut model.device, batch, &parameters).await;
    pass.free(&mut model.device);
    result
}

/// The loss of a batch and its gradient with respect to activations, by the names that [`hooks`](crate::engine::hooks)
/// lists: of each site its name, its shape and the gradient, one row for each of the batch's B·T places.
pub async fn loss_and_site_gradients(
    model: &mut Model,
    batch: &Batch,
    sites: &[&str],
) -> Result<(Loss, Vec<ParameterGradient>)> {
    batch.check(model.architecture.n_vocabulary, model.architecture.context)?;
    let pass = Pass::new(model, PassForm::of(batch, &model.architecture), &HashMap::new(), &[], &[], sites)?;
    let result = run_and_read_sites(&pass, &mut model.device, batch).await;
    pass.free(&mut model.device);
    result
}

async fn run_and_read_sites(pass: &Pass, device: &mut Device, batch: &Batch) -> Result<(Loss, Vec<ParameterGradient>)> {
    let loss = pass.run(device, batch, batch.weight(), &mut Silent).await?;
    let mut gradients = Vec::with_capacity(pass.sites.len());
    for (name, value) in &pass.sites {
        let values = match pass.gradients.get(&value.id()) {
            Some(gradient) => device.read_f32(gradient).await?,
            None => vec![0.0; value.elements()],
        };
        gradients.push(ParameterGradient { name: name.clone(), shape: value.shape().to_vec(), values });
    }
    Ok((loss, gradients))
}

async fn run_and_read(
    pass: &Pass,
    device: &mut Device,
    batch: &Batch,
    parameters: &[&Parameter],
) -> Result<(Loss, Vec<ParameterGradient>)> {
    let loss = pass.run(device, batch, batch.weight(), &mut Silent).await?;
    let mut gradients = Vec::with_capacity(parameters.len());
    for parameter in parameters {
        let mut values = vec![0.0; parameter.shape.iter().product()];
        // Of the tensor last read: a parameter whose rows are interleaved is many runs of the same one.
        let mut last: Option<(TensorId, Vec<f32>)> = None;
        for copy in &parameter.copies {
            let Some(gradient) = pass.gradients.get(&copy.tensor.id()) else { continue };
            if last.as_ref().is_none_or(|(id, _)| *id != copy.tensor.id()) {
                last = Some((copy.tensor.id(), device.read_f32(gradient).await?));
            }
            let Some((_, read)) = &last else { continue };
            gather(&mut values, read, copy);
        }
        gradients.push(ParameterGradient { name: parameter.name.clone(), shape: parameter.shape.clone(), values });
    }
    Ok((loss, gradients))
}

/// Rows of a tensor on the device to where the checkpoint has them.
pub(super) fn gather(values: &mut [f32], on_device: &[f32], copy: &RowCopy) {
    let row = copy.tensor.elements() / copy.tensor.shape().first().copied().unwrap_or(1).max(1);
    let (from, to, count) = (copy.from_row * row, copy.to_row * row, copy.rows * row);
    values[from..from + count].copy_from_slice(&on_device[to..to + count]);
}
