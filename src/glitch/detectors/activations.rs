//! What the residual stream holds at the last position of a prompt, for every token in the prompt.

use crate::compute::{Device, Recording, Tensor};
use crate::engine::fan_out::pass_rows;
use crate::engine::forward::{PassShape, PassTensors, Prefix, record};
use crate::engine::hooks::{Action, Hook, Installed, install};
use crate::engine::kv_cache::KvCache;
use crate::engine::model::Pass;
use crate::engine::{EngineError, Model};
use crate::error::Result;
use crate::progress::{Event, Monitor, pause};
use crate::report::PromptInfo;

/// What a search reads of the residual stream.
#[derive(Clone, Debug, PartialEq)]
pub struct Activations {
    /// (N, layers·C)
    pub values: Vec<f32>,
    /// Tokens the model processed for it, the text before the token counted once.
    pub model_tokens: u64,
}

/// For each of `ids` the residual stream behind each of `layers`, at the prompt's last position. What stands before the
/// token is run once, and no layer behind the last one that is read is run at all.
///
/// Errors   `Empty` and `ContextTooShort`; those of the device; `Cancelled`
pub async fn last_hidden_states(
    model: &mut Model,
    prompt: &PromptInfo,
    layers: &[usize],
    ids: &[u32],
    monitor: &mut dyn Monitor,
) -> Result<Activations> {
    let Some((before, behind)) = prompt.ids.split_first().filter(|(before, _)| !before.is_empty()) else {
        return Err(EngineError::Empty.into());
    };
    let row_tokens: usize = behind.iter().map(|text| 1 + text.len()).sum();
    if row_tokens == 0 || ids.is_empty() {
        return Err(EngineError::Empty.into());
    }
    let (tokens, context) = (before.len() + row_tokens, model.architecture.context);
    if tokens > context {
        return Err(EngineError::ContextTooShort { tokens, context }.into());
    }
    let cache = KvCache::new("activations.prefix", &model.architecture, 1, before.len(), tokens);
    let outcome = behind_prefix(model, &cache, before, behind, layers, ids, monitor).await;
    cache.free(&mut model.device);
    let values = outcome?;
    Ok(Activations { values, model_tokens: (before.len() + ids.len() * row_tokens) as u64 })
}

async fn behind_prefix(
    model: &mut Model,
    prefix: &KvCache,
    before: &[u32],
    behind: &[Vec<u32>],
    layers: &[usize],
    ids: &[u32],
    monitor: &mut dyn Monitor,
) -> Result<Vec<f32>> {
    let pass =
        Pass { rows: 1, ids: before, slots: &[0], cache: prefix, start: 0, prefix: None, wanted: &[], targets: &[] };
    model.run(&pass).await?;
    let tokens = behind.iter().map(|text| 1 + text.len()).sum();
    let rows = pass_rows(model, tokens).min(ids.len());
    let architecture = &model.architecture;
    let inputs = PassTensors::new(architecture, PassShape { rows, tokens, logits: 0 });
    let cache = KvCache::new("activations", architecture, rows, tokens, prefix.sequence);
    let shared = Prefix { cache: prefix, tokens: before.len() };
    let recording = record(architecture, &model.weights, &inputs, &cache, 0, Some(shared))?;
    let hooks: Vec<Hook> = layers
        .iter()
        .map(|layer| Hook { site: format!("layers.{layer}.hidden_states"), action: Action::Read })
        .collect();
    let installed = install(&recording, &hooks)?;
    let recording = up_to_reads(&installed)?;
    let start = (before.len() + architecture.position_offset()) as u32;
    let outcome = read(&mut model.device, &recording, &installed, &inputs, behind, start, ids, monitor).await;
    for tensor in recording.dispatches().iter().flat_map(|dispatch| &dispatch.outputs) {
        model.device.free(tensor);
    }
    inputs.free(&mut model.device);
    outcome
}

/// The recording without what follows its last reading.
fn up_to_reads(installed: &Installed) -> Result<Recording> {
    let dispatches = installed.recording.dispatches();
    let reads = |tensor: &Tensor| installed.reads.iter().any(|(_, read)| read.id() == tensor.id());
    let last = dispatches.iter().rposition(|dispatch| dispatch.outputs.iter().any(reads));
    let mut recording = Recording::new();
    for dispatch in &dispatches[..last.map_or(0, |last| last + 1)] {
        let inputs: Vec<&Tensor> = dispatch.inputs.iter().collect();
        let outputs: Vec<&Tensor> = dispatch.outputs.iter().collect();
        recording.push(dispatch.op.clone(), &inputs, &outputs)?;
    }
    Ok(recording)
}

async fn read(
    device: &mut Device,
    recording: &Recording,
    installed: &Installed,
    inputs: &PassTensors,
    behind: &[Vec<u32>],
    start: u32,
    ids: &[u32],
    monitor: &mut dyn Monitor,
) -> Result<Vec<f32>> {
    let PassShape { rows, tokens, .. } = inputs.shape;
    let positions: Vec<u32> = (0..rows).flat_map(|_| start..start + tokens as u32).collect();
    let slots: Vec<u32> = (0..rows as u32).collect();
    let mut features = Vec::new();
    for (batch, some) in ids.chunks(rows).enumerate() {
        pause(monitor).await?;
        // The last batch is filled up with its own last token.
        let filled = some.iter().chain(std::iter::repeat(&some[some.len() - 1])).take(rows);
        let row = |id: u32| behind.iter().flat_map(move |text| std::iter::once(id).chain(text.iter().copied()));
        let fed: Vec<u32> = filled.flat_map(|&id| row(id)).collect();
        device.write_u32(&inputs.ids, &fed)?;
        device.write_u32(&inputs.positions, &positions)?;
        device.write_u32(&inputs.slots, &slots)?;
        device.run(recording).await?;
        let mut values = Vec::with_capacity(installed.reads.len());
        for (_, tensor) in &installed.reads {
            values.push((tensor.columns(), device.read_f32(tensor).await?));
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
