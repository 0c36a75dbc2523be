//! Rows of token ids, dealt out in batches: in their order, or shuffled anew for every pass through them.
//!
//! The order is a function of the seed and the number of the pass, so the position alone says what comes next, and a
//! training that resumes there sees the rows it would have seen.

use super::batch::Batch;
use crate::engine::EngineError;
use crate::error::Result;
use crate::rng::Rng;

#[derive(Clone, Debug)]
pub struct Rows {
    rows: Vec<Vec<u32>>,
    batch: usize,
    /// Draws the order; without, rows come as they are.
    seed: Option<u64>,
    /// Rows dealt out so far.
    pub position: u64,
    /// The order of the pass it was made for.
    order: Option<(u64, Vec<u32>)>,
}

impl Rows {
    /// Errors: `Empty` without rows; `BatchMalformed` for a row of fewer than two tokens, which predicts nothing.
    pub fn new(rows: Vec<Vec<u32>>, batch: usize, seed: Option<u64>) -> Result<Rows> {
        if rows.is_empty() || batch == 0 {
            return Err(EngineError::Empty.into());
        }
        if let Some(i) = rows.iter().position(|row| row.len() < 2) {
            let what = format!("row {i} has {} tokens, expected two or more", rows[i].len());
            return Err(EngineError::BatchMalformed { what }.into());
        }
        Ok(Rows { rows, batch, seed, position: 0, order: None })
    }

    /// One row a line, ids separated by commas or blanks; empty lines are left out.
    pub fn parse(text: &str) -> Result<Vec<Vec<u32>>> {
        let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
        lines
            .map(|(i, line)| {
                let ids = line.split([',', ' ', '\t']).filter(|word| !word.is_empty());
                ids.map(|word| {
                    word.parse().map_err(|_| {
                        let what = format!("line {} has {word:?} where a token id is expected", i + 1);
                        EngineError::BatchMalformed { what }.into()
                    })
                })
                .collect()
            })
            .collect()
    }

    pub fn len(&self) -> usize {
        self.rows.len()
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The next batch; passes follow one another without end.
    pub fn next_batch(&mut self) -> Result<Batch> {
        let rows: Vec<Vec<u32>> = (0..self.batch)
            .map(|_| {
                let row = self.row_at(self.position);
                self.position += 1;
                row
            })
            .collect();
        Batch::next_token(&rows)
    }

    fn row_at(&mut self, position: u64) -> Vec<u32> {
        let n = self.rows.len() as u64;
        let (pass, at) = (position / n, (position % n) as usize);
        let Some(seed) = self.seed else { return self.rows[at].clone() };
        if self.order.as_ref().is_none_or(|(of, _)| *of != pass) {
            let all: Vec<u32> = (0..n as u32).collect();
            self.order = Some((pass, Rng::with_stream(seed, pass).sample(&all, all.len())));
        }
        let (_, order) = self.order.as_ref().expect("OK because set above");
        self.rows[order[at] as usize].clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Oracle: the definition. Every pass has every row once, passes differ, and a position means the same to a newcomer.
    #[test]
    fn passes_are_permutations_and_positions_resume() {
        let rows: Vec<Vec<u32>> = (0..7).map(|i| vec![i, i]).collect();
        let mut dealt = Rows::new(rows.clone(), 7, Some(3)).unwrap();
        let first = dealt.next_batch().unwrap();
        let second = dealt.next_batch().unwrap();
        let sorted = |batch: &Batch| {
            let mut ids: Vec<u32> = batch.ids.iter().step_by(2).copied().collect();
            ids.sort_unstable();
            ids
        };
        assert_eq!(sorted(&first), (0..7).collect::<Vec<_>>());
        assert_eq!(sorted(&second), sorted(&first));
        assert_ne!(first.ids, second.ids);
        let mut resumed = Rows::new(rows.clone(), 7, Some(3)).unwrap();
        resumed.position = 7;
        assert_eq!(resumed.next_batch().unwrap(), second);
        assert_eq!(Rows::new(rows, 7, None).unwrap().next_batch().unwrap().ids[..4], [0, 0, 1, 1]);
    }

    #[test]
    fn rows_as_text() {
        assert_eq!(Rows::parse("1,2,3\n\n4 5\n").unwrap(), [vec![1, 2, 3], vec![4, 5]]);
        assert!(Rows::parse("1,x").unwrap_err().to_string().contains("line 1"));
        assert!(Rows::new(vec![vec![1]], 1, None).is_err());
    }
}
