//! A tensor on its way from file to device: its weights are looked at, its rows put in order, its type changed.

use super::safetensors::shown;
use super::{CHUNK_BYTES, CheckpointError, TensorEntry, WriteChunk};
use crate::compute::DType;
use crate::compute::quant::{self, Quantised};

/// What a file stores otherwise than the entry says.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// The type in the file.
    pub stored: DType,
    pub rows: RowOrder,
    /// Added to every element: −1 where a converter added 1. The sum is rounded to f32, as the converter's was.
    pub add: f32,
}

impl Change {
    pub(super) fn none(stored: DType) -> Self {
        Change { stored, rows: RowOrder::AsStored, add: 0.0 }
    }
}

/// How a file's rows lie, seen from the order that is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowOrder {
    AsStored,
    /// Within a head, channel i of the first half and channel i of the second lie beside one another; wanted are halves.
    NeighboursToHalves {
        heads: usize,
    },
    /// Queries of all heads, keys of all heads, values of all heads; wanted are query, key and value of a head together.
    KindsToHeads {
        heads: usize,
    },
}

impl RowOrder {
    /// The rows are a whole number of what is exchanged.
    pub(super) fn fits(self, rows: usize) -> bool {
        match self {
            RowOrder::AsStored => true,
            RowOrder::NeighboursToHalves { heads } => heads > 0 && rows.is_multiple_of(heads.saturating_mul(2)),
            RowOrder::KindsToHeads { heads } => heads > 0 && rows.is_multiple_of(heads.saturating_mul(3)),
        }
    }

    /// Which stored row becomes row `row` of `rows`.
    fn source(self, row: usize, rows: usize) -> usize {
        match self {
            RowOrder::AsStored => row,
            RowOrder::NeighboursToHalves { heads } => {
                let size = rows / heads;
                let (head, channel) = (row / size, row % size);
                let (half, i) = (channel / (size / 2), channel % (size / 2));
                head * size + 2 * i + half
            }
            RowOrder::KindsToHeads { heads } => {
                let size = rows / heads / 3;
                let (head, kind, i) = (row / size / 3, row / size % 3, row % size);
                (kind * heads + head) * size + i
            }
        }
    }
}

/// Elements that are converted at a time, and in multiples of which: whole blocks of every type, before and after.
const STEP: usize = 256;
/// Elements converted at once, so that the f32 between two types take no more than a quarter of a megabyte.
const BATCH: usize = 256 * STEP;

/// One tensor, from its first byte to its last.
pub(super) struct Delivery<'a> {
    entry: &'a TensorEntry,
    /// The end of the last chunk, when it is part of a block.
    unscanned: Vec<u8>,
    non_finite: u64,
    /// Weights that are finite in the file and not as they are delivered.
    overflowed: u64,
    /// Stored bytes that wait: for the rest of the tensor where rows move, else for the rest of a step.
    waiting: Vec<u8>,
    /// Bytes handed on.
    written: usize,
}

impl<'a> Delivery<'a> {
    pub fn new(entry: &'a TensorEntry) -> Self {
        Delivery { entry, unscanned: Vec::new(), non_finite: 0, overflowed: 0, waiting: Vec::new(), written: 0 }
    }

    /// Takes the next bytes of the file.
    pub fn push(&mut self, bytes: &[u8], write: &mut WriteChunk<'_>) -> crate::Result<()> {
        self.scan(bytes);
        let Some(change) = self.entry.change.as_deref() else {
            return self.write(bytes, write);
        };
        if self.waiting.is_empty() && change.rows != RowOrder::AsStored {
            // OK to cast: the tensor is about to live in memory.
            self.waiting.reserve_exact(self.entry.bytes() as usize);
        }
        self.waiting.extend_from_slice(bytes);
        if change.rows == RowOrder::AsStored {
            let ready = self.waiting.len() / change.stored.bytes_of(STEP) * change.stored.bytes_of(STEP);
            let rest = self.waiting.split_off(ready);
            let ready = std::mem::replace(&mut self.waiting, rest);
            self.convert(&ready, write)?;
        }
        Ok(())
    }

    /// Hands on what waits, once every byte has come.
    pub fn finish(&mut self, write: &mut WriteChunk<'_>) -> crate::Result<()> {
        let entry = self.entry;
        let mut waiting = std::mem::take(&mut self.waiting);
        if let Some(change) = entry.change.as_deref().filter(|change| change.rows != RowOrder::AsStored) {
            let rows = entry.shape[0];
            let row_bytes = waiting.len() / rows.max(1);
            let mut ordered = Vec::with_capacity(waiting.len());
            for row in 0..rows {
                let source = change.rows.source(row, rows) * row_bytes;
                ordered.extend_from_slice(&waiting[source..source + row_bytes]);
            }
            waiting = ordered;
        }
        self.convert(&waiting, write)?;
        let (file, tensor, elements) = (entry.file.clone(), shown(&entry.name), entry.elements());
        match (self.non_finite, self.overflowed) {
            (0, 0) => Ok(()),
            (0, count) => {
                Err(CheckpointError::TooLarge { file, tensor, count, elements, to: entry.dtype.name() }.into())
            }
            (count, _) => Err(CheckpointError::NonFinite { file, tensor, count, elements }.into()),
        }
    }

    /// Counts NaN and infinities in the stored type, where it costs a fraction of what widening would.
    fn scan(&mut self, mut bytes: &[u8]) {
        let stored = self.entry.stored();
        let block = stored.block_bytes();
        if !self.unscanned.is_empty() {
            let (head, rest) = bytes.split_at(bytes.len().min(block - self.unscanned.len()));
            self.unscanned.extend_from_slice(head);
            bytes = rest;
            if self.unscanned.len() < block {
                return;
            }
            self.non_finite += quant::non_finite(stored, &self.unscanned);
            self.unscanned.clear();
        }
        let (whole, rest) = bytes.split_at(bytes.len() / block * block);
        self.non_finite += quant::non_finite(stored, whole);
        self.unscanned.extend_from_slice(rest);
    }

    /// From the stored type to the entry's. `bytes` are whole steps, unless they are the tensor's last.
    fn convert(&mut self, bytes: &[u8], write: &mut WriteChunk<'_>) -> crate::Result<()> {
        let entry = self.entry;
        let Some(change) = entry.change.as_deref().filter(|change| change.stored != entry.dtype || change.add != 0.0)
        else {
            return self.write(bytes, write);
        };
        let mut converted = Vec::new();
        for batch in bytes.chunks(change.stored.bytes_of(BATCH)) {
            let mut values = quant::widen_all(change.stored, batch);
            values.iter_mut().for_each(|value| *value += change.add);
            converted.clear();
            match entry.dtype {
                DType::F32 => converted.extend_from_slice(bytemuck::cast_slice(&values)),
                other => {
                    let to = Quantised::ALL.into_iter().find(|to| to.dtype() == other);
                    quant::quantise(to.expect("checked: weights are rounded to these only"), &values, &mut converted);
                }
            }
            // A weight or a scale may overflow f16 although every weight is finite.
            self.overflowed += quant::non_finite(entry.dtype, &converted);
            self.write(&converted, write)?;
        }
        Ok(())
    }

    fn write(&mut self, bytes: &[u8], write: &mut WriteChunk<'_>) -> crate::Result<()> {
        for chunk in bytes.chunks(CHUNK_BYTES as usize) {
            write(self.entry, self.written, chunk)?;
            self.written += chunk.len();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Oracle: llama.cpp's `permute` and its splitting of a fused projection, spelled out for two heads.
    #[test]
    fn rows_come_back_in_the_order_of_the_checkpoint() {
        let order = |rows: RowOrder, count: usize| (0..count).map(|row| rows.source(row, count)).collect::<Vec<_>>();
        // reshape(2 heads, 2 halves, 3, …).swapaxes(1, 2): stored are rows 0 3 1 4 2 5 of a head.
        let stored = [0, 3, 1, 4, 2, 5, 6, 9, 7, 10, 8, 11];
        for (row, source) in order(RowOrder::NeighboursToHalves { heads: 2 }, 12).into_iter().enumerate() {
            assert_eq!(stored[source], row);
        }
        // Heads a and b of size 2: stored qa qb ka kb va vb, wanted qa ka va qb kb vb.
        assert_eq!(order(RowOrder::KindsToHeads { heads: 2 }, 12), [0, 1, 4, 5, 8, 9, 2, 3, 6, 7, 10, 11]);
        assert!(!RowOrder::NeighboursToHalves { heads: 0 }.fits(8) && !RowOrder::KindsToHeads { heads: 2 }.fits(8));
        assert!(RowOrder::NeighboursToHalves { heads: 2 }.fits(8));
    }
}
