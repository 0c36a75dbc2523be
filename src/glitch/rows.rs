//! The rows of the input embedding, wherever they are.
//!
//! A vocabulary of 262,144 rows of 1,024 numbers is a gigabyte in f32, which a tab that holds the model already cannot
//! spare. So whoever needs rows once, a block at a time, takes them from the device.

use super::{Embedding, Subject};
use crate::compute::{Device, Tensor};
use crate::error::Result;
use crate::progress::{Monitor, pause};

/// Numbers of a block.
const BLOCK_ELEMENTS: usize = 1 << 22;

pub enum Rows<'a> {
    Numbers(&'a Embedding),
    /// The table as it is stored.
    OnDevice(Tensor),
}

impl<'a> Rows<'a> {
    /// The embedding's own numbers, or else the subject's table. To be asked again when the subject stands on a new device.
    pub fn of(subject: &dyn Subject, embedding: &'a Embedding) -> Rows<'a> {
        match subject.embedding() {
            Some(table) if embedding.values.is_empty() => Rows::OnDevice(table),
            _ => Rows::Numbers(embedding),
        }
    }

    /// Numbers of a row.
    pub fn columns(&self) -> usize {
        match self {
            Rows::Numbers(embedding) => embedding.columns,
            Rows::OnDevice(table) => table.columns(),
        }
    }

    /// The rows of `ids`, one behind the other, in the place of what `out` held.
    pub async fn gather(&self, device: &mut Device, ids: &[u32], out: &mut Vec<f32>) -> Result<()> {
        match self {
            Rows::Numbers(embedding) => {
                out.clear();
                ids.iter().for_each(|&id| out.extend_from_slice(embedding.row(id)));
            }
            Rows::OnDevice(table) => device.gather(table, ids, out).await?,
        }
        Ok(())
    }

    /// Ids below `rows` whose row holds a number that is not finite.
    pub async fn damaged(&self, device: &mut Device, rows: usize, monitor: &mut dyn Monitor) -> Result<Vec<u32>> {
        let ids: Vec<u32> = (0..rows as u32).collect();
        let columns = self.columns().max(1);
        let (mut damaged, mut values) = (Vec::new(), Vec::new());
        for ids in ids.chunks((BLOCK_ELEMENTS / columns).max(1)) {
            self.gather(device, ids, &mut values).await?;
            let is_damaged = |row: &[f32]| row.iter().any(|value| !value.is_finite());
            damaged
                .extend(ids.iter().zip(values.chunks(columns)).filter(|(_, row)| is_damaged(row)).map(|(&id, _)| id));
            pause(monitor).await?;
        }
        Ok(damaged)
    }
}
