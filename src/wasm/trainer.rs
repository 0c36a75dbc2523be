//! Training from JavaScript: a trainer over a loaded model, one step a call.

use std::cell::RefCell;
use std::rc::Rc;

use js_sys::{Array, Float32Array, Function, JSON, Uint8Array};
use wasm_bindgen::prelude::*;

use super::batch::{self, JsBatchLoss, JsHookedRun, JsHooks, JsLayerAttentions, JsLossAndGradients};
use super::batch::{JsTrainingBatch, JsTrainingBatches, object};
use super::monitor::PageMonitor;
use super::source::{JsSource, PageSource};
use super::{Cancel, Listener, Session, busy, device_named, failure, thrown, to_js};
use crate::checkpoint::TensorFile;
use crate::engine::hooks;
use crate::engine::training::{self, Group, Loss, Rows, TrainingOptions};
use crate::session;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(typescript_type = "Partial<TrainingOptions>")]
    pub type PartialTrainingOptions;
    #[wasm_bindgen(typescript_type = "StepReport")]
    pub type JsStepReport;
}

/// Steps down the gradient of a session's model. The session answers as before between two steps: with weights stored in
/// f32 as they are after the last one, with others as they were at the last `store`.
#[wasm_bindgen]
pub struct Trainer {
    session: Rc<RefCell<Option<session::Session>>>,
    /// Taken out while a step runs.
    inner: RefCell<Option<training::Trainer>>,
    rows: RefCell<Option<Rows>>,
    options: TrainingOptions,
}

#[wasm_bindgen]
impl Session {
    /// An untrained model: `config.json`, and a tokenizer where the source has one, with weights drawn by the seed.
    pub async fn fresh(
        source: JsSource,
        seed: u32,
        device: String,
        on: Listener,
        cancel: &Cancel,
    ) -> Result<Session, JsValue> {
        let mut monitor = PageMonitor::new(on.unchecked_into::<Function>(), cancel.flag.clone());
        let source = Rc::new(PageSource::new(source));
        let session = session::Session::fresh(source, seed, device_named(&device), &mut monitor).await;
        Ok(Session::of(session.map_err(failure)?))
    }

    /// Begins a training of this model.
    pub async fn trainer(&self, options: PartialTrainingOptions) -> Result<Trainer, JsValue> {
        // Through JSON, because an option that is misspelt shall be an error.
        let json = JSON::stringify(&options).ok().and_then(|json| json.as_string()).unwrap_or_default();
        let options: TrainingOptions = serde_json::from_str(&json)
            .map_err(|error| thrown(&format!("the training's options cannot be read: {error}"), None, "input"))?;
        let mut session = self.take()?;
        let trainer = training::Trainer::new(&mut session.model, options.settings()).await;
        self.put_back(session);
        Ok(Trainer {
            session: self.inner.clone(),
            inner: RefCell::new(Some(trainer.map_err(failure)?)),
            rows: RefCell::new(None),
            options,
        })
    }

    /// The loss of a batch.
    pub async fn loss(&self, batch: JsTrainingBatch) -> Result<JsBatchLoss, JsValue> {
        let batch = batch::batch(&batch)?;
        let mut session = self.take()?;
        let loss = training::loss(&mut session.model, &batch).await;
        self.put_back(session);
        Ok(loss_object(&loss.map_err(failure)?, None).unchecked_into())
    }

    /// The loss of a batch and its gradient with respect to every parameter whose name matches one of the patterns, in
    /// which `*` stands for any stretch of a name.
    pub async fn loss_and_gradients(
        &self,
        batch: JsTrainingBatch,
        patterns: Vec<String>,
    ) -> Result<JsLossAndGradients, JsValue> {
        let batch = batch::batch(&batch)?;
        let groups: Vec<Group> = patterns.iter().map(Group::frozen).collect();
        let wanted = |name: &str| groups.iter().any(|group| group.matches(name));
        let mut session = self.take()?;
        let result = training::loss_and_gradients(&mut session.model, &batch, &wanted).await;
        self.put_back(session);
        let (loss, gradients) = result.map_err(failure)?;
        let mut file = TensorFile::default();
        for gradient in gradients {
            file.insert_f32(gradient.name, &gradient.shape, gradient.values);
        }
        Ok(loss_object(&loss, Some(&file)).unchecked_into())
    }

    /// What each token of a sequence attends to, layer by layer.
    pub async fn attentions(&self, ids: Vec<u32>) -> Result<JsLayerAttentions, JsValue> {
        let mut session = self.take()?;
        let maps = session.model.attentions(&ids).await;
        self.put_back(session);
        let layers = maps.map_err(failure)?.into_iter().map(|maps| {
            object(&[
                ("heads", (maps.n_heads as u32).into()),
                ("tokens", (maps.tokens as u32).into()),
                ("weights", Float32Array::from(&maps.weights[..]).into()),
            ])
        });
        Ok(layers.collect::<Array>().unchecked_into())
    }

    /// One sequence through the model, with activations read, replaced or added to on the way.
    pub async fn hooked(&self, ids: Vec<u32>, hooks: JsHooks) -> Result<JsHookedRun, JsValue> {
        let list = batch::hooks(&hooks)?;
        let mut session = self.take()?;
        let run = hooks::run(&mut session.model, &ids, &list).await;
        self.put_back(session);
        let run = run.map_err(failure)?;
        let readings = run.readings.iter().map(|reading| {
            let shape: Array = reading.shape.iter().map(|&size| JsValue::from(size as u32)).collect();
            object(&[
                ("site", reading.site.as_str().into()),
                ("shape", shape.into()),
                ("values", Float32Array::from(&reading.values[..]).into()),
            ])
        });
        let readings: Array = readings.collect();
        let logits = Float32Array::from(&run.logits[..]);
        Ok(object(&[("logits", logits.into()), ("readings", readings.into())]).unchecked_into())
    }
}

#[wasm_bindgen]
impl Trainer {
    /// Rows that steps without batches are made of, one behind another, each of so many ids.
    pub fn deal(&self, ids: &[u32], lengths: &[u32]) -> Result<(), JsValue> {
        let total: u64 = lengths.iter().map(|&length| u64::from(length)).sum();
        if total != ids.len() as u64 {
            return Err(thrown(&format!("{} ids in rows of {total} together", ids.len()), None, "input"));
        }
        let mut rest = ids;
        let mut rows = Vec::with_capacity(lengths.len());
        for &length in lengths {
            let (row, after) = rest.split_at(length as usize);
            rows.push(row.to_vec());
            rest = after;
        }
        let seed = self.options.seed.map(u64::from);
        let mut dealt = Rows::new(rows, self.options.batch as usize, seed).map_err(failure)?;
        dealt.position = self.rows.borrow().as_ref().map_or(0, |rows| rows.position);
        *self.rows.borrow_mut() = Some(dealt);
        Ok(())
    }

    /// One step down the gradient of all these batches together, or without any, of as many dealt ones as `accumulate`
    /// says. A cancelled step changes nothing.
    pub async fn step(&self, batches: Option<JsTrainingBatches>, cancel: &Cancel) -> Result<JsStepReport, JsValue> {
        let position = self.rows.borrow().as_ref().map_or(0, |rows| rows.position);
        let batches = match batches {
            Some(batches) => batch::batches(&batches)?,
            None => {
                let mut rows = self.rows.borrow_mut();
                let rows = rows.as_mut().ok_or_else(|| {
                    thrown("there are no rows to step on", Some("Give batches, or rows by deal().".into()), "input")
                })?;
                let dealt: crate::Result<Vec<_>> =
                    (0..self.options.accumulate.max(1)).map(|_| rows.next_batch()).collect();
                dealt.map_err(failure)?
            }
        };
        let mut monitor = PageMonitor::new(Function::new_no_args(""), cancel.flag.clone());
        let (mut session, mut trainer) = self.take()?;
        let report = trainer.step_under(&mut session.model, &batches, &mut monitor).await;
        self.put_back(session, trainer);
        if report.is_err()
            && let Some(rows) = self.rows.borrow_mut().as_mut()
        {
            rows.position = position;
        }
        to_js(&report.map_err(failure)?).map(JsValue::unchecked_into)
    }

    /// The loss of a batch with the parameters as they are now.
    pub async fn loss(&self, batch: JsTrainingBatch) -> Result<JsBatchLoss, JsValue> {
        let batch = batch::batch(&batch)?;
        let (mut session, mut trainer) = self.take()?;
        let loss = trainer.loss(&mut session.model, &batch).await;
        self.put_back(session, trainer);
        Ok(loss_object(&loss.map_err(failure)?, None).unchecked_into())
    }

    /// Parameters, moments, step and position in the dealt rows, as a safetensors file.
    pub async fn checkpoint(&self) -> Result<Uint8Array, JsValue> {
        let position = self.rows.borrow().as_ref().map_or(0, |rows| rows.position);
        let (mut session, trainer) = self.take()?;
        let file = trainer.checkpoint(&mut session.model, position).await;
        self.put_back(session, trainer);
        Ok(Uint8Array::from(&file.map_err(failure)?.to_bytes()[..]))
    }

    /// Takes a training up where a checkpoint left it, and says after which step. Rows are dealt before.
    pub fn resume(&self, checkpoint: &[u8]) -> Result<f64, JsValue> {
        let file = TensorFile::from_bytes("the checkpoint", checkpoint).map_err(|error| failure(error.into()))?;
        let (mut session, mut trainer) = self.take()?;
        let position = trainer.resume(&mut session.model, &file);
        let step = trainer.step;
        self.put_back(session, trainer);
        let position = position.map_err(failure)?;
        if let Some(rows) = self.rows.borrow_mut().as_mut() {
            rows.position = position;
        }
        Ok(step as f64)
    }

    /// Every parameter in f32 under the checkpoint's own names, as model.safetensors.
    pub async fn export_weights(&self) -> Result<Uint8Array, JsValue> {
        let (mut session, trainer) = self.take()?;
        let file = trainer.export(&mut session.model).await;
        self.put_back(session, trainer);
        Ok(Uint8Array::from(&file.map_err(failure)?.to_bytes()[..]))
    }

    /// Rounds what was trained into the session's weights, where these are not stored in f32.
    pub async fn store(&self) -> Result<(), JsValue> {
        let (mut session, trainer) = self.take()?;
        let stored = trainer.store(&mut session.model).await;
        self.put_back(session, trainer);
        stored.map_err(failure)
    }

    fn take(&self) -> Result<(session::Session, training::Trainer), JsValue> {
        let session = self.session.borrow_mut().take().ok_or_else(busy)?;
        match self.inner.borrow_mut().take() {
            Some(trainer) => Ok((session, trainer)),
            None => {
                *self.session.borrow_mut() = Some(session);
                Err(busy())
            }
        }
    }

    fn put_back(&self, session: session::Session, trainer: training::Trainer) {
        *self.session.borrow_mut() = Some(session);
        *self.inner.borrow_mut() = Some(trainer);
    }
}

impl Drop for Trainer {
    /// Moments and gradients are three times the weights, so the device gets them back at once.
    fn drop(&mut self) {
        if let (Some(session), Some(trainer)) = (self.session.borrow_mut().as_mut(), self.inner.borrow_mut().take()) {
            trainer.free(&mut session.model.device);
        }
    }
}

fn loss_object(loss: &Loss, gradients: Option<&TensorFile>) -> JsValue {
    let mut properties = vec![("mean", loss.mean.into()), ("nll", Float32Array::from(&loss.nll[..]).into())];
    properties.extend(gradients.map(|file| ("gradients", Uint8Array::from(&file.to_bytes()[..]).into())));
    object(&properties)
}
