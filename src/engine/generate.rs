//! Greedy generation: the most probable token, again and again.

use super::EngineError;
use super::kv_cache::KvCache;
use super::model::{Model, Pass};
use crate::error::Result;
use crate::progress::{Event, Monitor, pause};

/// Up to `max_new` ids after `ids`, ending early behind one of `stop`, which is kept.
pub async fn generate(
    model: &mut Model,
    ids: &[u32],
    max_new: usize,
    stop: &[u32],
    monitor: &mut dyn Monitor,
) -> Result<Vec<u32>> {
    if ids.is_empty() {
        return Err(EngineError::Empty.into());
    }
    let tokens = ids.len() + max_new.saturating_sub(1);
    if tokens > model.architecture.context {
        return Err(EngineError::ContextTooShort { tokens, context: model.architecture.context }.into());
    }
    let cache = KvCache::new("generate", &model.architecture, 1, tokens, tokens);
    let result = decode(model, ids, max_new, stop, &cache, monitor).await;
    cache.free(&mut model.device);
    result
}

async fn decode(
    model: &mut Model,
    ids: &[u32],
    max_new: usize,
    stop: &[u32],
    cache: &KvCache,
    monitor: &mut dyn Monitor,
) -> Result<Vec<u32>> {
    let mut new = Vec::new();
    let mut start = 0;
    while new.len() < max_new {
        pause(monitor).await?;
        let tail = [new.last().copied().unwrap_or_default()];
        let input = if new.is_empty() { ids } else { &tail };
        let wanted = [input.len() as u32 - 1];
        let pass =
            Pass { rows: 1, ids: input, slots: &[0], cache, start, prefix: None, wanted: &wanted, targets: &[0] };
        let next = model.run(&pass).await?[0].argmax;
        start += input.len();
        new.push(next);
        monitor.event(Event::Advance { done: new.len() as u64, total: max_new as u64, unit: "tokens" });
        if stop.contains(&next) {
            break;
        }
    }
    Ok(new)
}
