//! Which ids a scan works on: all with an embedding row are clustered, only class `ok` is asked about.

use super::summary::number;
use super::{Embedding, ScanError};
use crate::report::TokenTable;
use crate::tokenizer::TokenClass;

/// The ids of one scan.
pub struct Scope {
    vertices: Vec<u32>,
    askable: Vec<bool>,
    damaged: Vec<u32>,
    rows: usize,
}

impl Scope {
    pub fn new(embedding: &Embedding, tokens: &TokenTable) -> Result<Scope, ScanError> {
        if embedding.rows.checked_mul(embedding.columns) != Some(embedding.values.len()) {
            return Err(ScanError::EmbeddingSize {
                rows: embedding.rows,
                columns: embedding.columns,
                got: embedding.values.len(),
            });
        }
        let is_damaged = |id: &u32| embedding.row(*id).iter().any(|value| !value.is_finite());
        Self::of_rows(embedding.rows, (0..embedding.rows as u32).filter(is_damaged).collect(), tokens)
    }

    /// `damaged` are the ids, ascending, whose rows of the embedding are not finite.
    pub fn of_rows(rows: usize, damaged: Vec<u32>, tokens: &TokenTable) -> Result<Scope, ScanError> {
        let len = tokens.text.len();
        if tokens.bytes_hex.len() != len || tokens.class.len() != len {
            return Err(ScanError::TokenColumns {
                text: len,
                bytes_hex: tokens.bytes_hex.len(),
                class: tokens.class.len(),
            });
        }
        if len < rows {
            return Err(ScanError::TokensMissing { rows, tokens: len });
        }
        let vertices = (0..rows as u32).filter(|id| damaged.binary_search(id).is_err()).collect();
        let askable: Vec<bool> = (0..len).map(|id| id < rows && tokens.class[id] == TokenClass::Ok).collect();
        Ok(Scope { vertices, askable, damaged, rows })
    }

    /// Entries of the token table, embedding row or not.
    pub fn len(&self) -> usize {
        self.askable.len()
    }

    /// Ids with a finite embedding row, of every class, ascending: the first round's working set.
    pub fn vertices(&self) -> &[u32] {
        &self.vertices
    }

    /// Whether the oracle may be asked: text can produce the token and the model has a row for it.
    pub fn is_askable(&self, id: u32) -> bool {
        self.askable[id as usize]
    }

    /// Every id the oracle may be asked about, ascending.
    pub fn askable(&self) -> Vec<u32> {
        (0..self.askable.len() as u32).filter(|&id| self.is_askable(id)).collect()
    }

    pub fn n_askable(&self) -> usize {
        self.askable.iter().filter(|&&askable| askable).count()
    }

    /// Whether the model has an embedding row for the id.
    pub fn has_row(&self, id: u32) -> bool {
        (id as usize) < self.rows
    }

    /// What a reader should know of the ids.
    pub fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if let Some(first) = self.damaged.first() {
            notes.push(format!(
                "{} of {} embedding rows hold numbers that are not finite (the first is that of token \
                 {first}); they have no place in the graph.",
                number(self.damaged.len()),
                number(self.rows)
            ));
        }
        if self.len() > self.rows {
            notes.push(format!(
                "The tokenizer has {} entries and the embedding {} rows: the last {} tokens have none \
                 and are not asked about.",
                number(self.len()),
                number(self.rows),
                number(self.len() - self.rows)
            ));
        }
        notes
    }
}
