//! Prompt fan-out: many rows behind one prefix.
//!
//! All probes of a task share the text before the token and the text after it. The prefix is run once; a row holds only
//! `[token, suffix…]` and attends to the prefix's keys. Only a row's last position meets the head. A row keeps its cache
//! slot for life, so rows that are decided leave the batch at no cost.
//!
//! On a processor a batch is longer than a pass: its rows meet the model in several first passes, each short enough for a
//! cancel to be seen, and are continued together, so that one answer token of all of them reads the weights once.

use super::EngineError;
use super::forward::{PassShape, PassTensors, Prefix};
use super::kv_cache::KvCache;
use super::model::{Model, NextToken, Pass};
use crate::compute::DeviceKind;
use crate::error::Result;
use crate::progress::{Monitor, pause};

pub struct FanOut {
    prefix: KvCache,
    prefix_tokens: usize,
    own: KvCache,
    row_tokens: usize,
    batch: usize,
    /// Rows of a first pass.
    pass_rows: usize,
    /// Tokens the model has processed, the prefix counted once, filler rows left out.
    pub model_tokens: u64,
}

/// Work of a first pass on a processor, so that a cancel is seen within a second at the 45 GFLOP/s of one wasm thread.
const PASS_FLOPS_CPU: u64 = 40_000_000_000;
/// The same for a GPU, where small passes would be all overhead.
const PASS_FLOPS_GPU: u64 = 400_000_000_000;
/// A GPU imitated by the processor reaches about 1 GFLOP/s.
const PASS_FLOPS_SOFTWARE: u64 = 1_000_000_000;
const PASS_ROWS_MAX: usize = 256;
/// Rows that a batch on a processor comes to when a pass holds fewer: from about there on a matrix product is bound by its
/// arithmetic, and more rows would only delay the news.
const BATCH_ROWS_CPU: usize = 64;
/// Bytes of keys and values that a batch on a processor may take for that.
const BATCH_CACHE_BYTES_CPU: usize = 256 << 20;

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
        let pass_rows = if batch == 0 { pass_rows(model, row_tokens) } else { batch };
        let batch = if batch == 0 { batch_rows(model, pass_rows, capacity) } else { batch };
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
        let prefix_tokens = prefix.len();
        Ok(FanOut { prefix: prefix_cache, prefix_tokens, own, row_tokens, batch, pass_rows, model_tokens })
    }

    /// Rows of a batch.
    pub fn batch(&self) -> usize {
        self.batch
    }

    /// Tokens of a row, its answer left out.
    pub fn row_tokens(&self) -> usize {
        self.row_tokens
    }

    /// Rows of a first pass. `logits` are those of the last pass only.
    pub fn pass_rows(&self) -> usize {
        self.pass_rows
    }

    /// First tokens: row `i` takes slot `i`. `rows` holds at most `batch` rows of `row_tokens` ids each; `targets` the id
    /// whose probability is wanted of each. Pauses between passes.
    pub async fn first(
        &mut self,
        model: &mut Model,
        rows: &[u32],
        targets: &[u32],
        monitor: &mut dyn Monitor,
    ) -> Result<Vec<NextToken>> {
        debug_assert!(targets.len() <= self.batch && rows.len() == targets.len() * self.row_tokens);
        let mut said = Vec::with_capacity(targets.len());
        for (ids, targets) in rows.chunks(self.pass_rows * self.row_tokens).zip(targets.chunks(self.pass_rows)) {
            if !said.is_empty() {
                pause(monitor).await?;
            }
            let (first, n) = (said.len() as u32, targets.len());
            let slots: Vec<u32> = (first..first + n as u32).collect();
            let wanted: Vec<u32> = (1..=n as u32).map(|row| row * self.row_tokens as u32 - 1).collect();
            self.model_tokens += ids.len() as u64;
            let prefix = Some(Prefix { cache: &self.prefix, tokens: self.prefix_tokens });
            let pass =
                Pass { rows: n, ids, slots: &slots, cache: &self.own, start: 0, prefix, wanted: &wanted, targets };
            said.extend(model.run(&pass).await?);
        }
        Ok(said)
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

    /// The logits of `rows` rows as the last call left them, `first` with at most `pass_rows` rows or `next`: (rows,V).
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

/// As many rows as keep a first pass short on this device and its tensors within the device's limit.
pub fn pass_rows(model: &Model, row_tokens: usize) -> usize {
    let architecture = &model.architecture;
    let flops = row_tokens as u64 * architecture.flops_per_token() + architecture.flops_per_head();
    let info = model.device.info();
    let budget = match info.kind {
        DeviceKind::Cpu => PASS_FLOPS_CPU,
        DeviceKind::Gpu if info.software => PASS_FLOPS_SOFTWARE,
        DeviceKind::Gpu => PASS_FLOPS_GPU,
    };
    let mut rows = (budget / flops.max(1)).clamp(4, PASS_ROWS_MAX as u64) as usize;
    let limit = model.device.tensor_bytes_max();
    while rows > 1
        && PassTensors::widest_bytes(architecture, PassShape { rows, tokens: row_tokens, logits: rows }) > limit
    {
        rows /= 2;
    }
    rows
}

/// Rows that are continued together, whose slots hold `capacity` tokens: whole passes.
fn batch_rows(model: &Model, pass_rows: usize, capacity: usize) -> usize {
    if model.device.info().kind != DeviceKind::Cpu {
        return pass_rows;
    }
    let architecture = &model.architecture;
    let channels: usize = architecture.layers.iter().map(|layer| architecture.kv_channels(layer)).sum();
    let slot_bytes = 2 * size_of::<f32>() * capacity * channels;
    let rows = BATCH_ROWS_CPU.min(BATCH_CACHE_BYTES_CPU / slot_bytes.max(1));
    (rows / pass_rows).max(1) * pass_rows
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::rc::Rc;

    use pollster::block_on;

    use super::*;
    use crate::checkpoint::Checkpoint;
    use crate::checkpoint::source::FolderSource;
    use crate::compute::{Device, DevicePreference};
    use crate::error::Error;
    use crate::progress::{Event, Silent};

    struct Cancelled;

    impl Monitor for Cancelled {
        fn event(&mut self, _event: Event<'_>) {}

        fn is_cancelled(&self) -> bool {
            true
        }
    }

    /// Oracle: the same rows in one pass, bit for bit; another token in one of them must show.
    #[test]
    fn several_passes_say_what_one_says() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/models/gpt2-tanh-tied");
        let checkpoint = block_on(Checkpoint::open(Rc::new(FolderSource::new(&folder)))).unwrap();
        let device = block_on(Device::request(DevicePreference::Cpu)).unwrap();
        let mut model = block_on(Model::load(&checkpoint, device, &mut Silent)).unwrap();
        let mut fan_out = block_on(FanOut::new(&mut model, &[3, 9, 27], 3, 3, 5)).unwrap();
        let targets = [8, 1, 60, 33, 2];
        let rows: Vec<u32> = targets.iter().flat_map(|&id| [id, 5, 50]).collect();
        let (slots, tokens) = ([0, 3, 4], [7, 7, 7]);
        let mut said = Vec::new();
        for pass_rows in [5, 2, 1] {
            fan_out.pass_rows = pass_rows;
            let first = block_on(fan_out.first(&mut model, &rows, &targets, &mut Silent)).unwrap();
            let next = block_on(fan_out.next(&mut model, &slots, &tokens, 0)).unwrap();
            said.push((first, next));
        }
        assert_eq!(said[0], said[1]);
        assert_eq!(said[0], said[2]);
        let mut other = rows.clone();
        other[4] = 51;
        assert_ne!(block_on(fan_out.first(&mut model, &other, &targets, &mut Silent)).unwrap(), said[0].0);

        let outcome = block_on(fan_out.first(&mut model, &rows, &targets, &mut Cancelled));
        assert!(matches!(outcome, Err(Error::Cancelled)));
        fan_out.pass_rows = 5;
        assert!(block_on(fan_out.first(&mut model, &rows, &targets, &mut Cancelled)).is_ok());
    }
}
