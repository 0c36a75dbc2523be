//! Steps: gradients of one or several batches, clipped by their global norm, and AdamW.
//!
//! Weights stored in f32 are trained where they are. Others get f32 masters, converted when the trainer is made: the
//! passes read the masters, and [`Trainer::store`] rounds them back into the model. What is frozen stays as stored.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::batch::Batch;
use super::optimiser::{AdamWSettings, Group};
use super::pass::{Loss, Pass, PassForm, gather};
use super::schedule::Schedule;
use crate::checkpoint::TensorFile;
use crate::compute::ops::adamw::AdamW;
use crate::compute::ops::fill::Fill;
use crate::compute::ops::sum_squares::SumSquares;
use crate::compute::{DType, Device, Op, Recording, Tensor, TensorId, quant};
use crate::engine::{EngineError, Model};
use crate::error::Result;
use crate::progress::{Monitor, Silent};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainingSettings {
    pub schedule: Schedule,
    pub adamw: AdamWSettings,
    /// The first that matches a parameter counts; one that none matches has the settings above.
    pub groups: Vec<Group>,
    /// Gradients are scaled down to this global norm.
    pub clip: Option<f64>,
}

/// What a step did.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct StepReport {
    /// Counted from 1.
    #[cfg_attr(test, ts(type = "number"))]
    pub step: u64,
    /// Weighted mean over the step's targets, before the step, in nats.
    pub loss: f64,
    /// Global norm of the gradient, before clipping.
    pub gradient_norm: f64,
    pub learning_rate: f64,
    /// Places of all batches, B·T, filling included.
    pub tokens: u32,
}

pub struct Trainer {
    pub settings: TrainingSettings,
    /// Steps taken.
    pub step: u64,
    pub(super) parameters: Vec<Trained>,
    /// Sums of squares of all gradients.
    partials: Tensor,
    passes: Vec<(PassForm, Pass)>,
}

/// A parameter that is trained, as it is on the device.
pub(super) struct Trained {
    /// The model's tensor, as stored.
    pub stored: Tensor,
    /// In f32; the model's own where that is stored in f32.
    pub master: Tensor,
    pub gradient: Tensor,
    pub m: Tensor,
    pub v: Tensor,
    learning_rate_factor: f64,
    weight_decay: f64,
}

/// Stretches that a gradient's squares are summed in: enough to keep a GPU busy, few enough to add up by hand.
const PARTS: usize = 64;

/// Recorded forms that are kept; each has the activations of a whole pass.
const FORMS_MAX: usize = 4;

impl Trainer {
    /// Converts what is trained to f32 and begins at step 0.
    ///
    /// Errors: `NoSuchParameter` for a group that matches nothing, `TrainingSetting` for numbers that make no sense.
    pub async fn new(model: &mut Model, settings: TrainingSettings) -> Result<Trainer> {
        settings.schedule.check()?;
        settings.adamw.check()?;
        if let Some(clip) = settings.clip.filter(|clip| clip.is_nan() || *clip <= 0.0) {
            let expected = "a norm above 0";
            return Err(EngineError::TrainingSetting { setting: "clip", got: clip.to_string(), expected }.into());
        }
        let names = |model: &Model| -> Vec<String> {
            model.weights.parameters.iter().map(|parameter| parameter.name.clone()).collect()
        };
        for group in &settings.groups {
            let names = names(model);
            if !names.iter().any(|name| group.matches(name)) {
                return Err(EngineError::NoSuchParameter {
                    pattern: group.pattern.clone(),
                    parameters: names.len(),
                    example: names.into_iter().next().unwrap_or_default(),
                }
                .into());
            }
        }
        let mut parameters = Vec::new();
        for stored in model.weight_tensors().into_iter().cloned().collect::<Vec<Tensor>>() {
            // Tensors of the checkpoint that became one here share its settings, those of the first.
            let name = model
                .weights
                .parameters
                .iter()
                .find(|parameter| parameter.copies.iter().any(|copy| copy.tensor.id() == stored.id()))
                .map_or(stored.label().to_owned(), |parameter| parameter.name.clone());
            let group = settings.groups.iter().find(|group| group.matches(&name));
            if group.is_some_and(|group| group.frozen) {
                continue;
            }
            let made = |what: &str| Tensor::new(format!("{what}.{name}"), stored.shape(), DType::F32);
            let master = if stored.dtype() == DType::F32 { stored.clone() } else { made("master") };
            if master.id() != stored.id() {
                let values = widened(&mut model.device, &stored).await?;
                model.device.write_f32(&master, &values)?;
            }
            parameters.push(Trained {
                gradient: made("gradient"),
                m: made("m"),
                v: made("v"),
                learning_rate_factor: group.map_or(1.0, |group| group.learning_rate_factor),
                weight_decay: group.and_then(|group| group.weight_decay).unwrap_or(settings.adamw.weight_decay),
                stored,
                master,
            });
        }
        if parameters.is_empty() {
            let expected = "at least one parameter that is not frozen";
            return Err(EngineError::TrainingSetting { setting: "groups", got: "all frozen".into(), expected }.into());
        }
        let mut zeros = Recording::new();
        for parameter in &parameters {
            for moment in [&parameter.m, &parameter.v] {
                zeros.push(Op::Fill(Fill { value: 0.0 }), &[], &[moment])?;
            }
        }
        model.device.run(&zeros).await?;
        let partials = Tensor::new("partials", &[PARTS * parameters.len()], DType::F32);
        Ok(Trainer { settings, step: 0, parameters, partials, passes: Vec::new() })
    }

    /// One step down the gradient of all batches together: the mean is over the targets of all of them, so that many
    /// small batches are one large one.
    pub async fn step(&mut self, model: &mut Model, batches: &[Batch]) -> Result<StepReport> {
        self.step_under(model, batches, &mut Silent).await
    }

    /// The same for a listener who may cancel: on the CPU also in the middle of a batch, on a GPU between two. After
    /// `Cancelled` the parameters are those of before the step.
    pub async fn step_under(
        &mut self,
        model: &mut Model,
        batches: &[Batch],
        monitor: &mut dyn Monitor,
    ) -> Result<StepReport> {
        let total: f64 = batches.iter().map(Batch::weight).sum();
        for batch in batches {
            batch.check(model.architecture.n_vocabulary, model.architecture.context)?;
        }
        if batches.is_empty() {
            return Err(EngineError::Empty.into());
        }
        let mut zeros = Recording::new();
        for parameter in &self.parameters {
            zeros.push(Op::Fill(Fill { value: 0.0 }), &[], &[&parameter.gradient])?;
        }
        model.device.run(&zeros).await?;
        let mut loss = 0.0;
        for batch in batches {
            let i = self.pass(model, PassForm::of(batch, &model.architecture))?;
            loss += self.passes[i].1.run(&mut model.device, batch, total, monitor).await?.mean * batch.weight() / total;
        }
        let gradient_norm = self.gradient_norm(&mut model.device).await?;
        if !gradient_norm.is_finite() {
            return Err(EngineError::LossNotFinite { loss: gradient_norm }.into());
        }
        let learning_rate = self.settings.schedule.at(self.step);
        // As torch.nn.utils.clip_grad_norm_ scales.
        let gradient_scale = self.settings.clip.map_or(1.0, |clip| (clip / (gradient_norm + 1e-6)).min(1.0));
        let AdamWSettings { beta1, beta2, eps, .. } = self.settings.adamw;
        let mut update = Recording::new();
        for parameter in &self.parameters {
            let op = AdamW {
                learning_rate: learning_rate * parameter.learning_rate_factor,
                beta1,
                beta2,
                eps,
                weight_decay: parameter.weight_decay,
                step: self.step + 1,
                gradient_scale,
            };
            update.push(Op::AdamW(op), &[&parameter.gradient], &[&parameter.master, &parameter.m, &parameter.v])?;
        }
        model.device.run(&update).await?;
        self.step += 1;
        let tokens = batches.iter().map(|batch| batch.ids.len()).sum::<usize>() as u32;
        Ok(StepReport { step: self.step, loss, gradient_norm, learning_rate, tokens })
    }

    /// The loss of a batch with the parameters as they are now.
    pub async fn loss(&mut self, model: &mut Model, batch: &Batch) -> Result<Loss> {
        batch.check(model.architecture.n_vocabulary, model.architecture.context)?;
        let pass = Pass::new(model, PassForm::of(batch, &model.architecture), &self.masters(), &[], &[], &[])?;
        let loss = pass.run(&mut model.device, batch, batch.weight(), &mut Silent).await;
        pass.free(&mut model.device);
        loss
    }

    /// Rounds the masters into the model's weights, in the type these are stored in, so that the model itself is the
    /// trained one.
    pub async fn store(&self, model: &mut Model) -> Result<()> {
        for parameter in self.parameters.iter().filter(|parameter| parameter.master.id() != parameter.stored.id()) {
            let values = model.device.read_f32(&parameter.master).await?;
            let bytes: Vec<u8> = match parameter.stored.dtype() {
                DType::F16 => values.iter().flat_map(|&value| half::f16::from_f32(value).to_le_bytes()).collect(),
                DType::BF16 => values.iter().flat_map(|&value| half::bf16::from_f32(value).to_le_bytes()).collect(),
                other => {
                    let what = format!(
                        "{} is stored as {other:?}, to which nothing is rounded: export the parameters in f32",
                        parameter.stored.label()
                    );
                    return Err(EngineError::TrainingCheckpoint { what }.into());
                }
            };
            model.device.write(&parameter.stored, 0, &bytes)?;
        }
        Ok(())
    }

    /// Every parameter of the model in f32 under the checkpoint's own name, the frozen ones as they were loaded.
    pub async fn export(&self, model: &mut Model) -> Result<TensorFile> {
        let masters = self.masters();
        let mut file = TensorFile::default();
        for parameter in &model.weights.parameters {
            let mut values = vec![0.0; parameter.shape.iter().product()];
            for copy in &parameter.copies {
                let on_device = match masters.get(&copy.tensor.id()) {
                    Some(master) => model.device.read_f32(master).await?,
                    None => widened(&mut model.device, &copy.tensor).await?,
                };
                gather(&mut values, &on_device, copy);
            }
            file.insert_f32(parameter.name.clone(), &parameter.shape, values);
        }
        file.metadata.insert("format".into(), "pt".into());
        Ok(file)
    }

    /// Gives the device its memory back. Masters are gone then: `store` first.
    pub fn free(self, device: &mut Device) {
        for (_, pass) in &self.passes {
            pass.free(device);
        }
        device.free(&self.partials);
        for parameter in &self.parameters {
            for tensor in [&parameter.gradient, &parameter.m, &parameter.v] {
                device.free(tensor);
            }
            if parameter.master.id() != parameter.stored.id() {
                device.free(&parameter.master);
            }
        }
    }

    fn masters(&self) -> HashMap<TensorId, Tensor> {
        self.parameters.iter().map(|parameter| (parameter.stored.id(), parameter.master.clone())).collect()
    }

    /// The recorded pass of a form; the one used least recently makes room.
    fn pass(&mut self, model: &mut Model, form: PassForm) -> Result<usize> {
        if let Some(at) = self.passes.iter().position(|(other, _)| *other == form) {
            let pass = self.passes.remove(at);
            self.passes.push(pass);
        } else {
            if self.passes.len() >= FORMS_MAX {
                self.passes.remove(0).1.free(&mut model.device);
            }
            let started: Vec<(Tensor, Tensor)> =
                self.parameters.iter().map(|p| (p.master.clone(), p.gradient.clone())).collect();
            let wanted: Vec<TensorId> = self.parameters.iter().map(|parameter| parameter.master.id()).collect();
            let pass = Pass::new(model, form, &self.masters(), &started, &wanted, &[])?;
            self.passes.push((form, pass));
        }
        Ok(self.passes.len() - 1)
    }

    async fn gradient_norm(&self, device: &mut Device) -> Result<f64> {
        let mut recording = Recording::new();
        for (i, parameter) in self.parameters.iter().enumerate() {
            let op = SumSquares { first: i * PARTS, parts: PARTS };
            recording.push(Op::SumSquares(op), &[&parameter.gradient], &[&self.partials])?;
        }
        device.run(&recording).await?;
        let squares: f64 = device.read_f32(&self.partials).await?.iter().map(|&square| f64::from(square)).sum();
        Ok(squares.sqrt())
    }
}

/// A tensor's numbers in f32, whatever type it is stored in.
async fn widened(device: &mut Device, tensor: &Tensor) -> Result<Vec<f32>> {
    let bytes = device.read(tensor).await?;
    Ok(quant::widen_all(tensor.dtype(), &bytes))
}
