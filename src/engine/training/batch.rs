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
