//! What the residual stream holds at the last position of a prompt, for every token in the prompt.

use crate::compute::{Device, Tensor};
use crate::engine::forward::{PassShape, PassTensors, record};
use crate::engine::hooks::{Action, Hook, Installed, install};
use crate::engine::kv_cache::KvCache;
use crate::engine::{EngineError, Model};
use crate::error::Result;
use crate::progress::{Event, Monitor, pause};
use crate::report::PromptInfo;

/// Prompts of one pass.
const ROWS: usize = 64;

/// (N, layers·C): for each of `ids` the residual stream behind each of `layers`, at the prompt's last position.
///
/// Errors   `Empty` and `ContextTooShort`; those of the device; `Cancelled`
pub async fn last_hidden_states(
    model: &mut Model,
    prompt: &PromptInfo,
    layers: &[usize],
    ids: &[u32],
    monitor: &mut dyn Monitor,
) -> Result<Vec<f32>> {
    let architecture = &model.architecture;
    let tokens = prompt.ids.join(&0).len();
    if tokens == 0 || ids.is_empty() {
        return Err(EngineError::Empty.into());
    }
    if tokens > architecture.context {
        return Err(EngineError::ContextTooShort { tokens, context: architecture.context }.into());
    }
    let rows = ROWS.min(ids.len());
    let inputs = PassTensors::new(architecture, PassShape { rows, tokens, logits: 0 });
    let cache = KvCache::new("activations", architecture, rows, tokens, tokens);
    let recording = record(architecture, &model.weights, &inputs, &cache, 0, None)?;
    let hooks: Vec<Hook> = layers
        .iter()
        .map(|layer| Hook { site: format!("layers.{layer}.hidden_states"), action: Action::Read })
        .collect();
    let installed = install(&recording, &hooks)?;
    let offset = architecture.position_offset() as u32;
    let outcome = read(&mut model.device, &installed, &inputs, prompt, offset, ids, monitor).await;
    let written = installed.recording.dispatches().iter().flat_map(|dispatch| &dispatch.outputs);
    for tensor in written {
        model.device.free(tensor);
    }
    inputs.free(&mut model.device);
    outcome
}

async fn read(
    device: &mut Device,
    installed: &Installed,
    inputs: &PassTensors,
    prompt: &PromptInfo,
    offset: u32,
    ids: &[u32],
    monitor: &mut dyn Monitor,
) -> Result<Vec<f32>> {
    let PassShape { rows, tokens, .. } = inputs.shape;
    let positions: Vec<u32> = (0..rows).flat_map(|_| offset..offset + tokens as u32).collect();
    let mut features = Vec::new();
    for (batch, some) in ids.chunks(rows).enumerate() {
        pause(monitor).await?;
        // The last batch is filled up with its own last token.
        let filled = some.iter().chain(std::iter::repeat(&some[some.len() - 1])).take(rows);
        let fed: Vec<u32> = filled.flat_map(|id| prompt.ids.join(id)).collect();
        device.write_u32(&inputs.ids, &fed)?;
        device.write_u32(&inputs.positions, &positions)?;
        device.write_u32(&inputs.slots, &(0..rows as u32).collect::<Vec<_>>())?;
        device.run(&installed.recording).await?;
        let mut values = Vec::with_capacity(installed.reads.len());
        for (_, tensor) in &installed.reads {
            values.push((columns(tensor), device.read_f32(tensor).await?));
        }
        for row in 0..some.len() {
            for (columns, values) in &values {
                features.extend_from_slice(&values[(row * tokens + tokens - 1) * columns..][..*columns]);
            }
        }
        let done = (batch * rows + some.len()) as u64;
        monitor.event(Event::Advance { done, total: ids.len() as u64, unit: "tokens" });
    }
    Ok(features)
}

fn columns(tensor: &Tensor) -> usize {
    tensor.shape().last().copied().unwrap_or(0)
}
