//! The rows of a step: ids, positions, and which tokens are to be predicted with what weight.

use crate::engine::EngineError;
use crate::error::Result;

/// Rows of equal length, and the targets that count. Shorter rows are filled up at their end: with causal attention
/// nothing before the end sees the filling, and the filling is no target.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// Rows, B.
    pub rows: usize,
    /// Tokens of each row, T.
    pub tokens: usize,
    /// (B·T)
    pub ids: Vec<u32>,
    /// (B·T)
    pub positions: Vec<u32>,
    /// What counts towards the loss; everything else is masked out of it.
    pub targets: Vec<Target>,
    /// Which tokens of its row a token sees. A family's window holds besides.
    pub mask: AttentionMask,
}

/// Which tokens of its row a token sees.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum AttentionMask {
    /// Itself and those before it.
    #[default]
    Causal,
    /// All of them.
    Full,
    /// The first so many, and itself and those before it.
    Prefix(usize),
    /// (B,T,T): token t of row b sees token j where it is not 0. A token that sees nothing attends to nothing.
    Given(Vec<u32>),
}

impl AttentionMask {
    /// Rows of packed segments, (B·T): a token sees its own segment and segment 0, causally; one of the largest number
    /// is filling, which sees its like only.
    pub fn of_segments(segments: &[u32], tokens: usize) -> AttentionMask {
        let mut mask = Vec::with_capacity(segments.len() * tokens);
        for row in segments.chunks_exact(tokens.max(1)) {
            for (t, &own) in row.iter().enumerate() {
                let sees =
                    |(j, &other): (usize, &u32)| u32::from(j <= t && (own == other || other == 0 && own != u32::MAX));
                mask.extend(row.iter().enumerate().map(sees));
            }
        }
        AttentionMask::Given(mask)
    }
}

/// A token that is to be predicted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Target {
    /// Index into B·T of the position that predicts it.
    pub at: u32,
    pub id: u32,
    /// Its share in the weighted mean. Not negative.
    pub weight: f32,
}

impl Batch {
    /// Every token of every row but the first is a target of weight 1.
    ///
    /// Errors: `Empty` when no row has two tokens.
    pub fn next_token(rows: &[Vec<u32>]) -> Result<Batch> {
        let tokens = rows.iter().map(Vec::len).max().unwrap_or(0);
        let mut batch = Batch {
            rows: rows.len(),
            tokens,
            ids: vec![0; rows.len() * tokens],
            positions: (0..rows.len()).flat_map(|_| 0..tokens as u32).collect(),
            targets: Vec::new(),
            mask: AttentionMask::Causal,
        };
        for (b, row) in rows.iter().enumerate() {
            batch.ids[b * tokens..][..row.len()].copy_from_slice(row);
            let pairs = row.iter().skip(1).enumerate();
            batch.targets.extend(pairs.map(|(t, &id)| Target { at: (b * tokens + t) as u32, id, weight: 1.0 }));
        }
        if batch.targets.is_empty() {
            return Err(EngineError::Empty.into());
        }
        Ok(batch)
    }

    /// Rows of one length, one behind another, (B·T): every token but the first of its row is a target.
    ///
    /// `weights` (B·T) are those of the tokens as targets; without, all have weight 1. A token of weight 0 is no target,
    /// which is how filling and masked tokens are left out.
    ///
    /// Errors: `BatchMalformed` when the numbers do not fit; `Empty` when nothing is left to predict.
    pub fn packed(ids: Vec<u32>, rows: usize, weights: Option<&[f32]>, mask: AttentionMask) -> Result<Batch> {
        let malformed = |what: String| Err(EngineError::BatchMalformed { what }.into());
        if rows == 0 || ids.is_empty() {
            return Err(EngineError::Empty.into());
        }
        let tokens = ids.len() / rows;
        if tokens * rows != ids.len() {
            return malformed(format!("{} ids in {rows} rows", ids.len()));
        }
        if let Some(weights) = weights.filter(|weights| weights.len() != ids.len()) {
            return malformed(format!("{} weights for {} ids", weights.len(), ids.len()));
        }
        let positions = (0..rows).flat_map(|_| 0..tokens as u32).collect();
        let places = (0..ids.len()).filter(|place| place % tokens > 0);
        let target = |place: usize| Target {
            at: place as u32 - 1,
            id: ids[place],
            weight: weights.map_or(1.0, |weights| weights[place]),
        };
        let targets: Vec<Target> = places.map(target).filter(|target| target.weight != 0.0).collect();
        if targets.is_empty() {
            return Err(EngineError::Empty.into());
        }
        Ok(Batch { rows, tokens, ids, positions, targets, mask })
    }

    /// The sum of the weights, by which a mean divides.
    pub fn weight(&self) -> f64 {
        self.targets.iter().map(|target| f64::from(target.weight)).sum()
    }

    /// Lengths, ranges and weights.
    pub(super) fn check(&self, n_vocabulary: usize, context: usize) -> Result<()> {
        let malformed = |what: String| Err(EngineError::BatchMalformed { what }.into());
        let n = self.rows * self.tokens;
        if n == 0 || self.targets.is_empty() {
            return Err(EngineError::Empty.into());
        }
        if self.ids.len() != n || self.positions.len() != n {
            return malformed(format!("{} ids and {} positions for {n} places", self.ids.len(), self.positions.len()));
        }
        let wanted = self.targets.iter().map(|target| target.id);
        if let Some(id) = self.ids.iter().copied().chain(wanted).find(|&id| id as usize >= n_vocabulary) {
            return Err(EngineError::TokenOutOfRange { id, rows: n_vocabulary }.into());
        }
        if let Some(&position) = self.positions.iter().find(|&&position| position as usize >= context) {
            return Err(EngineError::ContextTooShort { tokens: position as usize + 1, context }.into());
        }
        for target in &self.targets {
            if target.at as usize >= n {
                return malformed(format!("a target at {} of {n} places", target.at));
            }
            if !(target.weight >= 0.0 && target.weight.is_finite()) {
                return malformed(format!("a target of weight {}", target.weight));
            }
        }
        if let AttentionMask::Given(mask) = &self.mask
            && mask.len() != n * self.tokens
        {
            return malformed(format!("a mask of {} entries, expected {}", mask.len(), n * self.tokens));
        }
        if self.weight() > 0.0 { Ok(()) } else { malformed("no target has a weight".into()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Oracle: the rows one by one. Filled up by hand and masked out, they are the same batch.
    #[test]
    fn packed_rows_are_the_rows() {
        let rows = Batch::next_token(&[vec![5, 6, 7], vec![8, 9]]).unwrap();
        let weights = [1.0, 1.0, 1.0, 1.0, 1.0, 0.0];
        let packed = Batch::packed(vec![5, 6, 7, 8, 9, 0], 2, Some(&weights), AttentionMask::Causal).unwrap();
        assert_eq!(packed, rows);
        let whole = Batch::packed(vec![5, 6, 7, 8, 9, 0], 2, None, AttentionMask::Full).unwrap();
        assert_eq!((whole.targets.len(), whole.mask), (4, AttentionMask::Full));
        let causal = |ids: Vec<u32>, rows, weights| Batch::packed(ids, rows, weights, AttentionMask::Causal);
        assert!(causal(vec![1, 2, 3], 2, None).is_err() && causal(vec![1, 2], 1, Some(&[1.0])).is_err());
        assert!(causal(vec![1, 2], 2, None).is_err() && causal(vec![], 0, None).is_err());
        assert!(causal(vec![1, 2], 1, Some(&[1.0, 0.0])).is_err());
        let negative = causal(vec![1, 2], 1, Some(&[1.0, -1.0])).unwrap();
        assert!(negative.check(5, 5).is_err());
    }

    /// Oracle: by hand. Two rows of unlike length: three targets, none of them filling.
    #[test]
    fn shorter_rows_are_filled_and_the_filling_is_no_target() {
        let batch = Batch::next_token(&[vec![5, 6, 7], vec![8, 9]]).unwrap();
        assert_eq!((batch.rows, batch.tokens), (2, 3));
        assert_eq!(batch.ids, [5, 6, 7, 8, 9, 0]);
        assert_eq!(batch.positions, [0, 1, 2, 0, 1, 2]);
        let targets: Vec<(u32, u32)> = batch.targets.iter().map(|target| (target.at, target.id)).collect();
        assert_eq!(targets, [(0, 6), (1, 7), (3, 9)]);
        batch.check(10, 3).unwrap();
        assert!(batch.check(9, 3).is_err() && batch.check(10, 2).is_err());
        assert!(Batch::next_token(&[vec![1]]).is_err() && Batch::next_token(&[]).is_err());
    }
}
