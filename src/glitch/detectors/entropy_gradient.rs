//! The entropy of the next token after a prompt, and its gradient at the embedding of the token in the prompt.
//!
//! H = −Σ p ln p · dH/dlogit_j = −p_j · (ln p_j + H)
//!
//! Agrees   central differences of the entropy along a few directions (tests/detectors.rs)

use crate::compute::backward::{reverse, separate};
use crate::compute::{DType, Op, Recording, Tensor};
use crate::engine::forward::{PassShape, PassTensors, record};
use crate::engine::kv_cache::KvCache;
use crate::engine::{EngineError, Model};
use crate::error::Result;
use crate::report::PromptInfo;

/// A prompt recorded once, forward and backward, for one token after another.
pub struct EntropyGradient {
    inputs: PassTensors,
    forward: Recording,
    backward: Recording,
    logits: Tensor,
    dlogits: Tensor,
    /// (T,E) gradient at what was looked up in the embedding.
    gradient: Tensor,
    /// Everything the two recordings write.
    own: Vec<Tensor>,
    prompt: Vec<Vec<u32>>,
    tokens: usize,
    columns: usize,
    scale: f64,
    position_offset: u32,
    runs: u64,
}

impl EntropyGradient {
    /// Errors   `Empty` and `ContextTooShort`; what backward says of an op without a gradient
    pub fn new(model: &Model, prompt: &PromptInfo) -> Result<EntropyGradient> {
        let architecture = &model.architecture;
        let tokens = prompt.ids.join(&0).len();
        if tokens == 0 {
            return Err(EngineError::Empty.into());
        }
        if tokens > architecture.context {
            return Err(EngineError::ContextTooShort { tokens, context: architecture.context }.into());
        }
        let inputs = PassTensors::new(architecture, PassShape { rows: 1, tokens, logits: 1 });
        let cache = KvCache::new("entropy_gradient", architecture, 1, tokens, tokens);
        let inference = record(architecture, &model.weights, &inputs, &cache, 0, None)?;
        let values = inference.rewrite(|dispatch| match dispatch.op {
            Op::NextToken(_) => None,
            _ => Some(dispatch.clone()),
        })?;
        let separated = separate(&values)?;
        let written = |dispatch: Option<&Vec<Tensor>>| {
            dispatch.and_then(|outputs| outputs.first()).cloned().ok_or(EngineError::Empty)
        };
        // The first dispatch looks the tokens up, the last one leaves the logits.
        let (embedded, logits) = (written(separated.outputs.first())?, written(separated.outputs.last())?);
        let dlogits = Tensor::new("dlogits", logits.shape(), DType::F32);
        let reversed = reverse(&separated.recording, &[(logits.clone(), dlogits.clone())], &[embedded.id()])?;
        let gradient = reversed.gradients.get(&embedded.id()).cloned().ok_or(EngineError::Empty)?;
        let mut own: Vec<Tensor> = vec![dlogits.clone()];
        let dispatches = separated.recording.dispatches().iter().chain(reversed.recording.dispatches());
        own.extend(dispatches.flat_map(|dispatch| dispatch.outputs.iter().cloned()));
        Ok(EntropyGradient {
            inputs,
            forward: separated.recording,
            backward: reversed.recording,
            logits,
            dlogits,
            gradient,
            own,
            prompt: prompt.ids.clone(),
            tokens,
            columns: architecture.n_embedding,
            scale: f64::from(architecture.embedding_scale),
            position_offset: architecture.position_offset() as u32,
            runs: 0,
        })
    }

    /// The entropy in nats after the prompt with `id` in it, and the gradient at the embedding row of `id`: (E), summed
    /// over the places where it stands.
    pub async fn run(&mut self, model: &mut Model, id: u32) -> Result<(f64, Vec<f64>)> {
        let ids = self.prompt.join(&id);
        let positions: Vec<u32> = (0..self.tokens as u32).map(|place| place + self.position_offset).collect();
        let device = &mut model.device;
        device.write_u32(&self.inputs.ids, &ids)?;
        device.write_u32(&self.inputs.positions, &positions)?;
        device.write_u32(&self.inputs.slots, &[0])?;
        device.write_u32(&self.inputs.wanted, &[self.tokens as u32 - 1])?;
        device.run(&self.forward).await?;
        let logits = device.read_f32(&self.logits).await?;
        let (entropy, dlogits) = entropy_backward(&logits);
        device.write_f32(&self.dlogits, &dlogits)?;
        device.run(&self.backward).await?;
        let rows = device.read_f32(&self.gradient).await?;
        self.runs += 1;
        let mut gradient = vec![0.0; self.columns];
        let mut place = 0;
        for piece in &self.prompt[..self.prompt.len() - 1] {
            place += piece.len();
            let row = &rows[place * self.columns..][..self.columns];
            gradient.iter_mut().zip(row).for_each(|(sum, &value)| *sum += self.scale * f64::from(value));
            place += 1;
        }
        Ok((entropy, gradient))
    }

    /// Tokens processed, forward and backward each.
    pub fn model_tokens(&self) -> u64 {
        2 * self.runs * self.tokens as u64
    }

    /// Gives the device its memory back.
    pub fn free(&self, model: &mut Model) {
        for tensor in &self.own {
            model.device.free(tensor);
        }
        self.inputs.free(&mut model.device);
    }
}

/// Entropy of the softmax of `logits` in nats, and its gradient with respect to them.
fn entropy_backward(logits: &[f32]) -> (f64, Vec<f32>) {
    let max = f64::from(logits.iter().copied().fold(f32::NEG_INFINITY, f32::max));
    let log_total = logits.iter().map(|&logit| (f64::from(logit) - max).exp()).sum::<f64>().ln() + max;
    let log_p = |logit: f32| f64::from(logit) - log_total;
    let entropy: f64 = logits.iter().map(|&logit| -log_p(logit).exp() * log_p(logit)).sum();
    let gradient = logits.iter().map(|&logit| (-log_p(logit).exp() * (log_p(logit) + entropy)) as f32).collect();
    (entropy, gradient)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Oracle: central differences in f64, on four logits.
    #[test]
    fn the_gradient_of_the_entropy_is_its_slope() {
        let logits = [0.5f32, -1.0, 2.0, 0.0];
        let (entropy, gradient) = entropy_backward(&logits);
        let (step, mut seen) = (1.0 / 256.0f32, 0.0);
        for (i, expected) in gradient.iter().enumerate() {
            let at = |offset: f32| {
                let mut moved = logits;
                moved[i] += offset;
                entropy_backward(&moved).0
            };
            let slope = (at(step) - at(-step)) / f64::from(2.0 * step);
            assert!((slope - f64::from(*expected)).abs() < 1e-4, "{i}: {slope} {expected}");
            seen += f64::from(expected.abs());
        }
        assert!(seen > 0.1 && entropy > 0.5 && entropy < 4f64.ln());
        assert!((entropy_backward(&[1.0; 8]).0 - 8f64.ln()).abs() < 1e-12);
    }
}
