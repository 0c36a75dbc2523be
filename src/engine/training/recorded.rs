//! Batches written down elsewhere: packed rows with segments of their own, targets, weights.
//!
//! Source   tools/specimen/record_batches.py writes the specimen's; every tensor has one entry a batch (S)
//!
//! | tensor | shape | content |
//! | --- | --- | --- |
//! | `ids` | (S,B,T) U32 | token ids |
//! | `positions` | (S,B,T) U32 | may be left out: 0, 1, 2 … |
//! | `segments` | (S,B,T) U32 | may be left out: causal. Tokens see their own segment and segment 0, causally; one of the largest number is filling |
//! | `target_at` | (S,K) U32 | which of B·T predicts |
//! | `target_id` | (S,K) U32 | what |
//! | `target_weight` | (S,K) F32 | with what weight; 0 for none |

use super::batch::{AttentionMask, Batch, Target};
use crate::checkpoint::TensorFile;
use crate::engine::EngineError;
use crate::error::Result;

pub struct RecordedBatches {
    batches: usize,
    rows: usize,
    tokens: usize,
    ids: Vec<u32>,
    positions: Vec<u32>,
    segments: Option<Vec<u32>>,
    targets: usize,
    target_at: Vec<u32>,
    target_id: Vec<u32>,
    target_weight: Vec<f32>,
}

impl RecordedBatches {
    /// Errors: `BatchMalformed` when a tensor is missing or of another shape.
    pub fn new(file: &TensorFile) -> Result<RecordedBatches> {
        let malformed = |what: String| EngineError::BatchMalformed { what };
        let u32s = |name: &str| file.u32s(name).ok_or_else(|| malformed(format!("there is no tensor {name} of U32")));
        let (shape, ids) = u32s("ids")?;
        let &[batches, rows, tokens] = shape else {
            return Err(malformed(format!("ids have shape {shape:?}, expected three dimensions")).into());
        };
        let (target_shape, target_at) = u32s("target_at")?;
        let &[n, targets] = target_shape else {
            return Err(malformed(format!("target_at has shape {target_shape:?}, expected two dimensions")).into());
        };
        let (id_shape, target_id) = u32s("target_id")?;
        let (weight_shape, target_weight) =
            file.f32s("target_weight").ok_or_else(|| malformed("there is no tensor target_weight of F32".into()))?;
        if n != batches || id_shape != target_shape || weight_shape != target_shape || ids.is_empty() {
            let what =
                format!("{batches} batches of ids, targets of shapes {target_shape:?}, {id_shape:?}, {weight_shape:?}");
            return Err(malformed(what).into());
        }
        let alike = |name: &str| match file.u32s(name) {
            Some((other, values)) if other == shape => Ok(Some(values.to_vec())),
            Some((other, _)) => Err(malformed(format!("{name} have shape {other:?}, expected {shape:?}"))),
            None => Ok(None),
        };
        let (positions, segments) = (alike("positions")?, alike("segments")?);
        Ok(RecordedBatches {
            batches,
            rows,
            tokens,
            ids: ids.to_vec(),
            positions: positions.unwrap_or_else(|| (0..batches * rows).flat_map(|_| 0..tokens as u32).collect()),
            segments,
            targets,
            target_at: target_at.to_vec(),
            target_id: target_id.to_vec(),
            target_weight: target_weight.to_vec(),
        })
    }

    pub fn len(&self) -> usize {
        self.batches
    }

    pub fn is_empty(&self) -> bool {
        self.batches == 0
    }

    /// Batch `i`, which must be below the length.
    pub fn batch(&self, i: usize) -> Batch {
        let n = self.rows * self.tokens;
        let of = |values: &[u32]| values[i * n..][..n].to_vec();
        let range = i * self.targets..(i + 1) * self.targets;
        let targets =
            range.map(|k| Target { at: self.target_at[k], id: self.target_id[k], weight: self.target_weight[k] });
        Batch {
            rows: self.rows,
            tokens: self.tokens,
            ids: of(&self.ids),
            positions: of(&self.positions),
            targets: targets.collect(),
            mask: match &self.segments {
                Some(segments) => AttentionMask::of_segments(&segments[i * n..][..n], self.tokens),
                None => AttentionMask::Causal,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::tensor_file::TensorValues;

    /// Oracle: by hand. A stem, two branches that do not see each other, filling.
    #[test]
    fn segments_are_masks() {
        let mut file = TensorFile::default();
        let mut put = |name: &str, shape: &[usize], values: Vec<u32>| {
            file.tensors.insert(name.into(), (shape.to_vec(), TensorValues::U32(values)));
        };
        put("ids", &[1, 1, 4], vec![5, 6, 7, 8]);
        put("segments", &[1, 1, 4], vec![0, 1, 2, u32::MAX]);
        put("target_at", &[1, 1], vec![1]);
        put("target_id", &[1, 1], vec![9]);
        assert!(RecordedBatches::new(&file).is_err(), "there are no weights");
        file.insert_f32("target_weight", &[1, 1], vec![0.5]);
        let recorded = RecordedBatches::new(&file).unwrap();
        let batch = recorded.batch(0);
        let expected = [1, 0, 0, 0, 1, 1, 0, 0, 1, 0, 1, 0, 0, 0, 0, 1];
        assert_eq!(batch.mask, AttentionMask::Given(expected.to_vec()));
        assert_eq!(batch.positions, [0, 1, 2, 3]);
        assert_eq!(batch.targets, [Target { at: 1, id: 9, weight: 0.5 }]);
        file.insert_f32("target_weight", &[1, 2], vec![0.5, 0.5]);
        assert!(RecordedBatches::new(&file).is_err());
    }
}
