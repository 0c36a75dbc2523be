//! Neighbours, communities and a 2-D layout over the rows of any matrix. Knows no vocabulary.
//!
//! ```text
//! rows → pca → knn → fuzzy → leiden
//!                          ↘ layout
//! ```
//!
//! Every long step has a struct that is advanced in slices (`PcaFit`, `InvertedFile`, `LeidenRun`, `Layout`), so that a page stays
//! responsive and a cancel is seen, and a plain function around it for callers who can wait.

pub mod csr;
pub mod fuzzy;
pub mod inverted_file;
pub mod kmeans;
pub mod knn;
pub mod layout;
pub mod leiden;
pub mod pca;
pub mod quality;

pub use csr::Csr;
pub use fuzzy::{SmoothedDistances, fuzzy_graph, smooth_knn_distances};
pub use inverted_file::{Approximate, InvertedFile};
pub use kmeans::{KMeans, kmeans, kmeans_from};
pub use knn::{Neighbours, recall};
pub use layout::{Layout, initial_positions};
pub use leiden::{LeidenOptions, LeidenRun, Partition, Pass, Step, leiden};
pub use pca::{Pca, PcaFit, pca};
pub use quality::{connected_communities, modularity};

#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GraphError {
    #[error("{rows} rows are too few for {what}: at least {needed} are needed")]
    TooFewRows { what: &'static str, rows: usize, needed: usize },
    #[error("{length} values do not divide into rows of {columns} for {what}")]
    RaggedRows { what: &'static str, length: usize, columns: usize },
    #[error("row {row}, column {column} of {what} is {value}, not a finite number")]
    NonFinite { what: &'static str, row: usize, column: usize, value: f32 },
    #[error("{what} has {got} entries where {expected} are needed")]
    LengthMismatch { what: &'static str, expected: usize, got: usize },
    #[error("{what}: {rows} rows exceed the limit of {limit}")]
    TooManyRows { what: &'static str, rows: usize, limit: usize },
    #[error("neighbour {place} of row {row} is row {index}, distance {distance}: {problem} ({rows} rows)")]
    InvalidNeighbour { row: usize, place: usize, index: u32, distance: f32, rows: usize, problem: &'static str },
    #[error("edge ({row}, {column}) with weight {weight} of a graph with {rows} vertices: {problem}")]
    InvalidEdge { row: usize, column: u32, weight: f32, rows: usize, problem: &'static str },
    #[error("{name} is {value}; it must be {needed}")]
    InvalidOption { name: &'static str, value: f64, needed: &'static str },
    #[error("the eigenvectors did not settle in {iterations} iterations: residual {residual:e} > {tolerance:e}")]
    EigenNotConverged { iterations: usize, residual: f64, tolerance: f64 },
}

impl GraphError {
    /// What the person who meets this error can do about it.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            GraphError::TooFewRows { needed, .. } => {
                format!("scan at least {needed} tokens, or lower the number of neighbours")
            }
            GraphError::NonFinite { row, .. } => format!(
                "row {row} is damaged: the file may be incomplete, or its numbers overflowed when they were converted"
            ),
            GraphError::TooManyRows { limit, .. } => {
                format!("narrow the scope to at most {limit} rows")
            }
            GraphError::InvalidOption { name, needed, .. } => {
                format!("set {name} to a value that is {needed}")
            }
            GraphError::EigenNotConverged { .. } => "ask for fewer components, or for all of them".to_owned(),
            _ => return None,
        };
        Some(hint)
    }
}

/// Checks that `x` is whole rows of `columns` finite numbers, and returns the number of rows.
pub fn finite_rows(what: &'static str, x: &[f32], columns: usize) -> Result<usize, GraphError> {
    if columns == 0 || !x.len().is_multiple_of(columns) {
        return Err(GraphError::RaggedRows { what, length: x.len(), columns });
    }
    if let Some(at) = x.iter().position(|value| !value.is_finite()) {
        return Err(GraphError::NonFinite { what, row: at / columns, column: at % columns, value: x[at] });
    }
    Ok(x.len() / columns)
}
