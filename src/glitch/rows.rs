//! The rows of the input embedding, wherever they are.
//!
//! A vocabulary of 262,144 rows of 1,024 numbers is a gigabyte in f32, which a tab that holds the model already cannot
//! spare. So whoever needs rows once, a block at a time, takes them from the device.

use super::{Embedding, Subject};
use crate::compute::ops::embedding;
use crate::compute::{DType, Device, Op, Recording, Tensor};
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

    /// The rows of `ids`, one behind the other.
    pub async fn gather(&self, device: &mut Device, ids: &[u32]) -> Result<Vec<f32>> {
        let table = match self {
            Rows::Numbers(embedding) => return Ok(ids.iter().flat_map(|&id| embedding.row(id)).copied().collect()),
            Rows::OnDevice(table) => table,
        };
        let wanted = Tensor::new("rows.ids", &[ids.len()], DType::U32);
        let out = Tensor::new("rows.values", &[ids.len(), table.columns()], DType::F32);
        let outcome = look_up(device, table, &wanted, ids, &out).await;
        device.free(&wanted);
        device.free(&out);
        outcome
    }

    /// Ids below `rows` whose row holds a number that is not finite.
    pub async fn damaged(&self, device: &mut Device, rows: usize, monitor: &mut dyn Monitor) -> Result<Vec<u32>> {
        let ids: Vec<u32> = (0..rows as u32).collect();
        let columns = self.columns().max(1);
        let mut damaged = Vec::new();
        for ids in ids.chunks((BLOCK_ELEMENTS / columns).max(1)) {
            let values = self.gather(device, ids).await?;
            let is_damaged = |row: &[f32]| row.iter().any(|value| !value.is_finite());
            damaged
                .extend(ids.iter().zip(values.chunks(columns)).filter(|(_, row)| is_damaged(row)).map(|(&id, _)| id));
            pause(monitor).await?;
        }
        Ok(damaged)
    }
}

async fn look_up(device: &mut Device, table: &Tensor, wanted: &Tensor, ids: &[u32], out: &Tensor) -> Result<Vec<f32>> {
    device.write_u32(wanted, ids)?;
    let mut recording = Recording::new();
    let op = embedding::Embedding { scale: 1.0, accumulate: false, first_row: 0 };
    recording.push(Op::Embedding(op), &[wanted, table], &[out])?;
    device.run(&recording).await?;
    Ok(device.read_f32(out).await?)
}
