//! A weighted undirected graph as compressed sparse rows.
//!
//! Shapes   row_starts: (N+1) · columns: (E) u32, ascending and unique in a row · weights: (E) f32
//! Promise  symmetric (every edge is in both rows with the same weight), no self-edge, every weight finite and > 0
//! Memory   8 bytes an entry and an edge is two entries: 50,257 vertices of mean degree 75 take 30 MB

use super::GraphError;

/// A symmetric weighted graph without self-edges.
#[derive(Clone, Debug, PartialEq)]
pub struct Csr {
    row_starts: Vec<usize>,
    columns: Vec<u32>,
    weights: Vec<f32>,
}

impl Csr {
    /// Row starts, columns and weights.
    pub(super) fn parts(&self) -> (&[usize], &[u32], &[f32]) {
        (&self.row_starts, &self.columns, &self.weights)
    }

    /// Takes ownership of parts whose promise the caller keeps by construction; tests check it with `from_parts`.
    pub(super) fn from_valid_parts(row_starts: Vec<usize>, columns: Vec<u32>, weights: Vec<f32>) -> Self {
        Csr { row_starts, columns, weights }
    }

    /// Checks every promise of the type.
    ///
    /// Errors   `LengthMismatch` when the arrays do not fit together, `InvalidEdge` for an entry that breaks a promise
    pub fn from_parts(row_starts: Vec<usize>, columns: Vec<u32>, weights: Vec<f32>) -> Result<Self, GraphError> {
        let mismatch = |what, expected, got| GraphError::LengthMismatch { what, expected, got };
        if row_starts.is_empty() || row_starts[0] != 0 {
            return Err(mismatch("the start of row 0", 0, row_starts.first().copied().unwrap_or(usize::MAX)));
        }
        if let Some(row) = row_starts.windows(2).position(|pair| pair[1] < pair[0]) {
            return Err(mismatch("a row, counted backwards,", row_starts[row], row_starts[row + 1]));
        }
        let entries = row_starts[row_starts.len() - 1];
        if columns.len() != entries {
            return Err(mismatch("the column list", entries, columns.len()));
        }
        if weights.len() != entries {
            return Err(mismatch("the weight list", entries, weights.len()));
        }
        let graph = Csr { row_starts, columns, weights };
        let n = graph.n_vertices();
        for row in 0..n {
            let (columns, weights) = graph.row(row);
            for (place, (&column, &weight)) in columns.iter().zip(weights).enumerate() {
                let problem = if column as usize >= n {
                    "the column does not exist"
                } else if column as usize == row {
                    "an edge must join two vertices"
                } else if place > 0 && columns[place - 1] >= column {
                    "columns must ascend without repeats"
                } else if !(weight.is_finite() && weight > 0.0) {
                    "weights must be positive and finite"
                } else if graph.weight(column as usize, row as u32) != Some(weight) {
                    "the opposite entry is missing or different"
                } else {
                    continue;
                };
                return Err(GraphError::InvalidEdge { row, column, weight, rows: n, problem });
            }
        }
        Ok(graph)
    }

    /// Builds a graph from undirected edges, each given once as (vertex, other vertex, weight), in any order.
    ///
    /// Errors   `InvalidEdge` for a missing vertex, a self-edge, a repeated edge or a weight that is not positive
    pub fn from_edges(n_vertices: usize, edges: &[(u32, u32, f32)]) -> Result<Self, GraphError> {
        let mut entries: Vec<(u32, u32, f32)> = Vec::with_capacity(edges.len() * 2);
        let mut row_starts = vec![0usize; n_vertices + 1];
        for &(a, b, weight) in edges {
            for (row, column) in [(a, b), (b, a)] {
                let Some(count) = row_starts.get_mut(row as usize + 1) else {
                    return Err(GraphError::InvalidEdge {
                        row: row as usize,
                        column,
                        weight,
                        rows: n_vertices,
                        problem: "the vertex does not exist",
                    });
                };
                *count += 1;
                entries.push((row, column, weight));
            }
        }
        entries.sort_unstable_by_key(|&(row, column, _)| (row, column));
        for row in 0..n_vertices {
            row_starts[row + 1] += row_starts[row];
        }
        Self::from_parts(
            row_starts,
            entries.iter().map(|entry| entry.1).collect(),
            entries.iter().map(|entry| entry.2).collect(),
        )
    }

    pub fn n_vertices(&self) -> usize {
        self.row_starts.len() - 1
    }

    /// Entries, which are twice the edges.
    pub fn n_entries(&self) -> usize {
        self.columns.len()
    }

    /// Neighbours of a vertex, ascending, and the weights of the edges to them. A vertex outside the graph has none.
    pub fn row(&self, vertex: usize) -> (&[u32], &[f32]) {
        if vertex >= self.n_vertices() {
            return (&[], &[]);
        }
        let range = self.row_starts[vertex]..self.row_starts[vertex + 1];
        (&self.columns[range.clone()], &self.weights[range])
    }

    /// Weight of the edge between two vertices, if there is one.
    pub fn weight(&self, vertex: usize, other: u32) -> Option<f32> {
        let (columns, weights) = self.row(vertex);
        columns.binary_search(&other).ok().map(|place| weights[place])
    }

    /// Sum of the weights of a vertex's edges.
    pub fn degree(&self, vertex: usize) -> f64 {
        self.row(vertex).1.iter().map(|&weight| f64::from(weight)).sum()
    }

    /// Sum of all edge weights, each edge counted once.
    pub fn total_weight(&self) -> f64 {
        (0..self.n_vertices()).map(|vertex| self.degree(vertex)).sum::<f64>() / 2.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Oracle: written out by hand.
    #[test]
    fn a_triangle_with_a_tail() {
        let graph = Csr::from_edges(5, &[(2, 0, 0.5), (0, 1, 1.0), (1, 2, 0.25), (3, 2, 2.0)]).unwrap();
        assert_eq!(graph.n_vertices(), 5);
        assert_eq!(graph.n_entries(), 8);
        assert_eq!(graph.row(2), (&[0u32, 1, 3][..], &[0.5f32, 0.25, 2.0][..]));
        assert_eq!(graph.row(4), (&[][..], &[][..]));
        assert_eq!(graph.row(99), (&[][..], &[][..]));
        assert_eq!(graph.weight(3, 2), Some(2.0));
        assert_eq!(graph.weight(3, 0), None);
        assert_eq!(graph.degree(2), 2.75);
        assert_eq!(graph.total_weight(), 3.75);
    }

    /// Negative control: every broken promise is refused.
    #[test]
    fn broken_parts_are_refused() {
        for edges in [
            &[(0, 0, 1.0)][..],
            &[(0, 3, 1.0)],
            &[(0, 1, 0.0)],
            &[(0, 1, -1.0)],
            &[(0, 1, f32::NAN)],
            &[(0, 1, 1.0), (1, 0, 1.0)],
        ] {
            assert!(Csr::from_edges(3, edges).is_err(), "{edges:?}");
        }
        for (row_starts, columns, weights) in [
            (vec![], vec![], vec![]),
            (vec![1, 2], vec![0], vec![1.0]),
            (vec![0, 2, 1], vec![1, 0], vec![1.0, 1.0]),
            (vec![0, 1, 2], vec![1], vec![1.0, 1.0]),
            (vec![0, 1, 2], vec![1, 0], vec![1.0]),
            (vec![0, 1, 2], vec![1, 0], vec![1.0, 0.5]),
            (vec![0, 1, 1], vec![1], vec![1.0]),
        ] {
            assert!(Csr::from_parts(row_starts.clone(), columns, weights).is_err(), "{row_starts:?}");
        }
    }
}
