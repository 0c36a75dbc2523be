//! A training that can be taken up again: parameters, moments, step and position in the rows.
//!
//! On the CPU a resumed training is the uninterrupted one, bit for bit. There is no other state: the order of the rows
//! is a function of seed and position ([`rows`](super::rows)), and nothing else is drawn.

use super::trainer::{Trained, Trainer};
use crate::checkpoint::TensorFile;
use crate::compute::Tensor;
use crate::engine::{EngineError, Model};
use crate::error::Result;

/// What is written besides tensors.
const STEP: &str = "step";
const POSITION: &str = "position";
const SETTINGS: &str = "settings";

/// The tensors of a parameter, by the name each has in the file.
fn named(i: usize, parameter: &Trained) -> [(String, &Tensor); 3] {
    let label = parameter.stored.label();
    [("parameter", &parameter.master), ("m", &parameter.m), ("v", &parameter.v)]
        .map(|(kind, tensor)| (format!("{kind}.{i}.{label}"), tensor))
}

impl Trainer {
    /// Everything a training is, with the position its rows have reached.
    pub async fn checkpoint(&self, model: &mut Model, position: u64) -> Result<TensorFile> {
        let mut file = TensorFile::default();
        for (i, parameter) in self.parameters.iter().enumerate() {
            for (name, tensor) in named(i, parameter) {
                file.insert_f32(name, tensor.shape(), model.device.read_f32(tensor).await?);
            }
        }
        file.metadata.insert(STEP.into(), self.step.to_string());
        file.metadata.insert(POSITION.into(), position.to_string());
        let settings = serde_json::to_string(&self.settings).expect("OK because plain data serialises");
        file.metadata.insert(SETTINGS.into(), settings);
        Ok(file)
    }

    /// Takes a training up where it was left, and says which position the rows had reached. The settings are the
    /// trainer's own: a schedule may be changed on the way.
    ///
    /// Errors: `TrainingCheckpoint` for a file of another model, or of other frozen parameters. Nothing is changed then.
    pub fn resume(&mut self, model: &mut Model, file: &TensorFile) -> Result<u64> {
        let unfit = |what: String| EngineError::TrainingCheckpoint { what };
        let number = |name: &str| {
            let text = file.metadata.get(name).ok_or_else(|| unfit(format!("it has no {name}")))?;
            text.parse::<u64>().map_err(|_| unfit(format!("{name} is {text:?}")))
        };
        let (step, position) = (number(STEP)?, number(POSITION)?);
        let mut found = Vec::new();
        for (i, parameter) in self.parameters.iter().enumerate() {
            for (name, tensor) in named(i, parameter) {
                match file.f32s(&name) {
                    Some((shape, values)) if shape == tensor.shape() => found.push((tensor, values)),
                    Some((shape, _)) => {
                        return Err(unfit(format!("{name} has shape {shape:?}, expected {:?}", tensor.shape())).into());
                    }
                    None => return Err(unfit(format!("{name} is missing")).into()),
                }
            }
        }
        if found.len() != file.tensors.len() {
            return Err(unfit(format!("{} tensors, expected {}", file.tensors.len(), found.len())).into());
        }
        for (tensor, values) in found {
            model.device.write_f32(tensor, values)?;
        }
        self.step = step;
        Ok(position)
    }
}
