//! Prompt fan-out: many rows behind one prefix.
//!
//! All probes of a task share the text before the token and the text after it. The prefix is run once; a row holds only
//! `[token, suffix…]` and attends to the prefix's keys. Only a row's last position meets the head. A row keeps its cache
//! slot for life, so rows that are decided leave the batch at no cost.

use super::EngineError;
use super::forward::{PassShape, PassTensors, Prefix};
use super::kv_cache::KvCache;
use super::model::{Model, NextToken, Pass};
use crate::compute::DeviceKind;
use crate::error::Result;

pub struct FanOut {
    prefix: KvCache,
    prefix_tokens: usize,
    own: KvCache,
    row_tokens: usize,
    batch: usize,
    /// Tokens the model has processed, the prefix counted once, filler rows left out.
    pub model_tokens: u64,
}

/// Work a batch may hold on a processor, so that a cancel is seen within a second at the 45 GFLOP/s of one wasm thread.
/// Less would read all weights again for a handful of rows with every answer token.
const BATCH_FLOPS_CPU: u64 = 40_000_000_000;
/// The same for a GPU, where small batches would be all overhead.
const BATCH_FLOPS_GPU: u64 = 400_000_000_000;
/// A GPU imitated by the processor reaches about 1 GFLOP/s.
const BATCH_FLOPS_SOFTWARE: u64 = 1_000_000_000;
const BATCH_ROWS_MAX: usize = 256;

impl FanOut {
    /// Runs the prefix and reserves slots. `row_tokens` is the length of every row, `max_new` the longest answer;
    /// `batch` rows at a time, or as many as suit the device when it is 0.
    pub async fn new(
        model: &mut Model,
        prefix: &[u32],
        row_tokens: usize,
        max_new: usize,
        batch: usize,
    ) -> Result<FanOut> {
        if prefix.is_empty() || row_tokens == 0 {
            return Err(EngineError::Empty.into());
        }
        let capacity = row_tokens + max_new.saturating_sub(1);
        let tokens = prefix.len() + capacity;
        if tokens > model.architecture.context {
            return Err(EngineError::ContextTooShort { tokens, context: model.architecture.context }.into());
        }
        let batch = if batch == 0 { batch_rows(model, row_tokens) } else { batch };
        let prefix_cache = KvCache::new("prefix", &model.architecture, 1, prefix.len(), tokens);
        let pass = Pass {
            rows: 1,
            ids: prefix,
            slots: &[0],
            cache: &prefix_cache,
            start: 0,
            prefix: None,
            wanted: &[],
            targets: &[],
        };
        model.run(&pass).await?;
        // One slot more than rows: filler rows of a decoding step write there.
        let own = KvCache::new("own", &model.architecture, batch + 1, capacity, tokens);
        let model_tokens = prefix.len() as u64;
        Ok(FanOut { prefix: prefix_cache, prefix_tokens: prefix.len(), own, row_tokens, batch, model_tokens })
    }

    /// Rows of a batch.
    pub fn batch(&self) -> usize {
        self.batch
    }

    /// First pass: row `i` takes slot `i`. `rows` holds at most `batch` rows of `row_tokens` ids each; `targets` the id
    /// whose probability is wanted of each.
    pub async fn first(&mut self, model: &mut Model, rows: &[u32], targets: &[u32]) -> Result<Vec<NextToken>> {
        let n = targets.len();
        debug_assert!(n <= self.batch && rows.len() == n * self.row_tokens);
        let slots: Vec<u32> = (0..n as u32).collect();
        let wanted: Vec<u32> = (1..=n as u32).map(|row| row * self.row_tokens as u32 - 1).collect();
        self.model_tokens += rows.len() as u64;
        let prefix = Some(Prefix { cache: &self.prefix, tokens: self.prefix_tokens });
        let pass =
            Pass { rows: n, ids: rows, slots: &slots, cache: &self.own, start: 0, prefix, wanted: &wanted, targets };
        model.run(&pass).await
    }

    /// One more token for the rows in `slots`: `tokens[i]` is appended to the row in `slots[i]`, which has had `step`
    /// answer tokens appended before.
    pub async fn next(
        &mut self,
        model: &mut Model,
        slots: &[u32],
        tokens: &[u32],
        step: usize,
    ) -> Result<Vec<NextToken>> {
        self.next_of(model, slots, tokens, tokens, step).await
    }

    /// `next`, with the id whose probability is wanted of each row.
    pub async fn next_of(
        &mut self,
        model: &mut Model,
        slots: &[u32],
        tokens: &[u32],
        targets: &[u32],
        step: usize,
    ) -> Result<Vec<NextToken>> {
        let n = slots.len();
        // A few widths instead of every number of rows: working tensors are made once per shape.
        let width = n.next_power_of_two().min(self.batch.max(n));
        let spare = self.batch as u32;
        let padded = |values: &[u32], filler: u32| {
            let mut values = values.to_vec();
            values.resize(width, filler);
            values
        };
        let (ids, slots, targets) = (padded(tokens, 0), padded(slots, spare), padded(targets, 0));
        let wanted: Vec<u32> = (0..width as u32).collect();
        self.model_tokens += n as u64;
        let prefix = Some(Prefix { cache: &self.prefix, tokens: self.prefix_tokens });
        let start = self.row_tokens + step;
        let pass = Pass {
            rows: width,
            ids: &ids,
            slots: &slots,
            cache: &self.own,
            start,
            prefix,
            wanted: &wanted,
            targets: &targets,
        };
        let mut next = model.run(&pass).await?;
        next.truncate(n);
        Ok(next)
    }

    /// The logits of `rows` rows as the last call left them, `first` or `next`: (rows,V).
    pub async fn logits(&self, model: &mut Model, rows: usize, is_first: bool) -> Result<Vec<f32>> {
        let shape = if is_first {
            PassShape { rows, tokens: self.row_tokens, logits: rows }
        } else {
            let width = rows.next_power_of_two().min(self.batch.max(rows));
            PassShape { rows: width, tokens: 1, logits: width }
        };
        let mut logits = model.read_logits(shape).await?;
        logits.truncate(rows * model.architecture.n_vocabulary);
        Ok(logits)
    }

    /// Gives the device its memory back.
    pub fn free(&self, model: &mut Model) {
        self.prefix.free(&mut model.device);
        self.own.free(&mut model.device);
    }
}

/// As many rows as keep a batch short on this device and its tensors within the device's limit.
fn batch_rows(model: &Model, row_tokens: usize) -> usize {
    let architecture = &model.architecture;
    let flops = row_tokens as u64 * architecture.flops_per_token() + architecture.flops_per_head();
    let info = model.device.info();
    let budget = match info.kind {
        DeviceKind::Cpu => BATCH_FLOPS_CPU,
        DeviceKind::Gpu if info.software => BATCH_FLOPS_SOFTWARE,
        DeviceKind::Gpu => BATCH_FLOPS_GPU,
    };
    let mut rows = (budget / flops.max(1)).clamp(4, BATCH_ROWS_MAX as u64) as usize;
    let limit = model.device.tensor_bytes_max();
    while rows > 1
        && PassTensors::widest_bytes(architecture, PassShape { rows, tokens: row_tokens, logits: rows }) > limit
    {
        rows /= 2;
    }
    rows
}
