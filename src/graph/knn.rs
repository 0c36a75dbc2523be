//! The K nearest other rows of every row.
//!
//! Shapes   indices: (N,K) u32 row numbers, nearest first · distances: (N,K) f32, ascending, Euclidean
//! Note     the row itself is not among its neighbours. Scanpy and UMAP count it in: their `n_neighbors` = K + 1
//! Search   the exact search is the op `compute::ops::knn`, which a device can carry out; `Neighbours::exact` runs its
//!          CPU code on this thread, for tests and small inputs. `inverted_file` is an approximate one

use super::{GraphError, finite_rows};
use crate::compute::ops::knn::forward_row;

/// Checked neighbour lists.
#[derive(Clone, Debug, PartialEq)]
pub struct Neighbours {
    n_neighbors: usize,
    indices: Vec<u32>,
    distances: Vec<f32>,
}

impl Neighbours {
    /// Checks and keeps the lists of a search. `n_neighbors` is K, the row itself not counted.
    ///
    /// Errors   `InvalidOption` for K = 0; `LengthMismatch`, `RaggedRows` for lists that do not fit together;
    ///          `InvalidNeighbour` for an index outside 0..N, the row itself, a repeated neighbour, a distance that is
    ///          not a finite number ≥ 0, or one below its predecessor
    pub fn new(n_neighbors: usize, indices: Vec<u32>, distances: Vec<f32>) -> Result<Self, GraphError> {
        if n_neighbors == 0 {
            return Err(GraphError::InvalidOption {
                name: "n_neighbors",
                value: 0.0,
                needed: "at least 1 besides the row itself",
            });
        }
        if !indices.len().is_multiple_of(n_neighbors) {
            return Err(GraphError::RaggedRows {
                what: "the neighbour list",
                length: indices.len(),
                columns: n_neighbors,
            });
        }
        if distances.len() != indices.len() {
            return Err(GraphError::LengthMismatch {
                what: "the distance list",
                expected: indices.len(),
                got: distances.len(),
            });
        }
        let rows = indices.len() / n_neighbors;
        // The row that last named a vertex: finds repeats in one pass without sorting.
        let mut named_by = vec![usize::MAX; rows];
        for row in 0..rows {
            for place in 0..n_neighbors {
                let at = row * n_neighbors + place;
                let (index, distance) = (indices[at], distances[at]);
                let problem = if index as usize >= rows {
                    "the row does not exist"
                } else if index as usize == row {
                    "a row is not its own neighbour"
                } else if named_by[index as usize] == row {
                    "the neighbour is named twice"
                } else if !(distance.is_finite() && distance >= 0.0) {
                    "a distance must be a finite number, 0 or above"
                } else if place > 0 && distance < distances[at - 1] {
                    "distances must ascend"
                } else {
                    named_by[index as usize] = row;
                    continue;
                };
                return Err(GraphError::InvalidNeighbour { row, place, index, distance, rows, problem });
            }
        }
        Ok(Neighbours { n_neighbors, indices, distances })
    }

    /// Exact search on this thread; N² · C steps. `x` is (N,C) row-major.
    ///
    /// Errors   `RaggedRows`, `NonFinite`; `TooFewRows` unless N > `n_neighbors`
    pub fn exact(x: &[f32], columns: usize, n_neighbors: usize) -> Result<Self, GraphError> {
        let rows = finite_rows("the neighbour search's input", x, columns)?;
        if rows <= n_neighbors {
            return Err(GraphError::TooFewRows { what: "that many neighbours", rows, needed: n_neighbors + 1 });
        }
        let mut indices = vec![0; rows * n_neighbors];
        let mut distances = vec![0.0; rows * n_neighbors];
        for (row, (indices, distances)) in
            indices.chunks_exact_mut(n_neighbors.max(1)).zip(distances.chunks_exact_mut(n_neighbors.max(1))).enumerate()
        {
            forward_row(x, columns, row, indices, distances);
        }
        Self::new(n_neighbors, indices, distances)
    }

    /// K, the row itself not counted.
    pub fn n_neighbors(&self) -> usize {
        self.n_neighbors
    }

    /// N.
    pub fn rows(&self) -> usize {
        self.indices.len() / self.n_neighbors
    }

    /// (N,K) row numbers, nearest first.
    pub fn indices(&self) -> &[u32] {
        &self.indices
    }

    /// (N,K) distances, ascending.
    pub fn distances(&self) -> &[f32] {
        &self.distances
    }

    /// Neighbours and distances of one row, which must be below `rows()`.
    pub fn row(&self, row: usize) -> (&[u32], &[f32]) {
        let range = row * self.n_neighbors..(row + 1) * self.n_neighbors;
        (&self.indices[range.clone()], &self.distances[range])
    }
}

/// Share of the `exact` neighbours of some rows, K of each, that their lists hold.
///
/// `rows` must be rows of `found`, and `exact` K row numbers for each.
pub fn recall(found: &Neighbours, rows: &[u32], exact: &[u32]) -> f64 {
    let k = found.n_neighbors();
    let held: usize = rows
        .iter()
        .zip(exact.chunks_exact(k))
        .map(|(&row, exact)| exact.iter().filter(|&other| found.row(row as usize).0.contains(other)).count())
        .sum();
    held as f64 / (rows.len() * k).max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Oracle: closed form, points on a line.
    #[test]
    fn points_on_a_line() {
        let found = Neighbours::exact(&[0.0, 1.0, 3.0, 7.0], 1, 2).unwrap();
        assert_eq!(found.rows(), 4);
        assert_eq!(found.indices(), [1, 2, 0, 2, 1, 0, 2, 1]);
        assert_eq!(found.distances(), [1.0, 3.0, 1.0, 2.0, 2.0, 3.0, 4.0, 6.0]);
        assert_eq!(found.row(3), (&[2u32, 1][..], &[4.0f32, 6.0][..]));
    }

    /// Negative control: every broken promise is refused, and the error names the row.
    #[test]
    fn broken_lists_are_refused() {
        let refused = |k, indices: &[u32], distances: &[f32]| {
            Neighbours::new(k, indices.to_vec(), distances.to_vec()).unwrap_err().to_string()
        };
        assert!(refused(1, &[1, 2], &[1.0, 1.0]).contains("row 2"));
        assert!(refused(1, &[1, 1], &[1.0, 1.0]).contains("its own neighbour"));
        assert!(refused(2, &[1, 1, 0, 2, 0, 1], &[1.0; 6]).contains("twice"));
        assert!(refused(1, &[1, 0], &[1.0, f32::NAN]).contains("NaN"));
        assert!(refused(1, &[1, 0], &[-1.0, 1.0]).contains("-1"));
        assert!(refused(2, &[1, 2, 0, 2, 0, 1], &[2.0, 1.0, 1.0, 1.0, 1.0, 1.0]).contains("ascend"));
        assert!(refused(2, &[1, 0, 1], &[1.0; 3]).contains('3'));
        assert!(refused(1, &[1, 0], &[1.0]).contains('1'));
        assert!(refused(0, &[], &[]).contains("n_neighbors"));
        assert!(matches!(Neighbours::exact(&[0.0, 1.0], 1, 2), Err(GraphError::TooFewRows { rows: 2, needed: 3, .. })));
        assert!(matches!(
            Neighbours::exact(&[0.0, 1.0, 2.0, f32::NAN], 2, 1),
            Err(GraphError::NonFinite { row: 1, column: 1, .. })
        ));
    }
}
