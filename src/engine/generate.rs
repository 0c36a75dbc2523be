//! Greedy generation: the most probable token, again and again.
//!
//! A long prompt is read in pieces, so that its progress can be told and a cancel is seen.

use super::EngineError;
use super::kv_cache::KvCache;
use super::model::{Model, Pass};
use crate::error::Result;
use crate::progress::{Event, Monitor, pause};

/// Tokens of a prompt that are read at once.
const PROMPT_PIECE: usize = 512;

/// Hears of every new id as soon as there is one, with all before it.
pub type OnToken<'a> = &'a mut dyn FnMut(&[u32], &mut dyn Monitor);

/// Up to `max_new` ids after `ids`, ending early behind one of `stop`, which is kept.
pub async fn generate(
    model: &mut Model,
    ids: &[u32],
    max_new: usize,
    stop: &[u32],
    monitor: &mut dyn Monitor,
    on_token: OnToken<'_>,
) -> Result<Vec<u32>> {
    if ids.is_empty() {
        return Err(EngineError::Empty.into());
    }
    let tokens = ids.len() + max_new.saturating_sub(1);
    if tokens > model.architecture.context {
        return Err(EngineError::ContextTooShort { tokens, context: model.architecture.context }.into());
    }
    let cache = KvCache::new("generate", &model.architecture, 1, tokens, tokens);
    let result = decode(model, ids, max_new, stop, &cache, monitor, on_token).await;
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
    on_token: OnToken<'_>,
) -> Result<Vec<u32>> {
    let mut new = Vec::new();
    let mut start = 0;
    let (prompt, mut ids) = (ids.len() as u64, ids);
    while max_new > 0 && ids.len() > PROMPT_PIECE {
        pause(monitor).await?;
        let (piece, rest) = ids.split_at(PROMPT_PIECE);
        let wanted = [PROMPT_PIECE as u32 - 1];
        let pass =
            Pass { rows: 1, ids: piece, slots: &[0], cache, start, prefix: None, wanted: &wanted, targets: &[0] };
        model.run(&pass).await?;
        (start, ids) = (start + PROMPT_PIECE, rest);
        monitor.event(Event::Advance { done: start as u64, total: prompt, unit: "tokens of the prompt" });
    }
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
        on_token(&new, monitor);
        if stop.contains(&next) {
            break;
        }
    }
    Ok(new)
}
