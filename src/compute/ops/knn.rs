//! Exact nearest neighbours of every row among all rows, by Euclidean distance.
//!
//! d(i,j) = sqrt(Σ_c (x[i,c] − x[j,c])²), the row itself left out, ties by the smaller index
//!
//! Shapes   x: (N,C) F32 · neighbours: (R,K) U32 · distances: (R,K) F32, ascending; R rows from `row_start`
//! Why      differences are summed, not |a|²+|b|²−2ab: near neighbours would lose all their digits to cancellation. The CPU
//!          finds candidates by products and decides by differences (`cpu/knn.rs`), to the same bits.
//!          R < N lets a long search pause between stretches of rows
//! Limits   K < N
//! Kernel   shaders/knn.wgsl
//! Agrees   twins: distances tolerance::REDUCTION; neighbours equal except where distances tie within it

use super::{Example, Op, check};
use crate::compute::{ComputeError, DType, Tensor, tolerance};
use crate::rng::Rng;

#[derive(Clone, Debug, PartialEq)]
pub struct Knn {
    /// First row of `x` whose neighbours are wanted.
    pub row_start: usize,
}

impl Knn {
    pub fn check(&self, inputs: &[&Tensor], outputs: &[&Tensor]) -> Result<(), ComputeError> {
        const OP: &str = "knn";
        check::count(OP, inputs, &[1])?;
        check::count(OP, outputs, &[2])?;
        let (x, neighbours, distances) = (inputs[0], outputs[0], outputs[1]);
        check::rank(OP, x, 2)?;
        check::f32s(OP, x)?;
        check::rank(OP, neighbours, 2)?;
        check::u32s(OP, neighbours)?;
        check::f32s(OP, distances)?;
        check::shape(OP, distances, neighbours.shape())?;
        check::that(OP, neighbours, neighbours.columns() < x.rows(), &format!("fewer than {} neighbours", x.rows()))?;
        check::that(
            OP,
            neighbours,
            self.row_start + neighbours.rows() <= x.rows(),
            &format!("at most {} rows", x.rows() - self.row_start.min(x.rows())),
        )
    }
}

/// Neighbours of one row.
pub fn forward_row(x: &[f32], columns: usize, row: usize, neighbours: &mut [u32], distances: &mut [f32]) {
    let k = neighbours.len();
    // A sorted list of the best so far; insertion is rare once the list is good, so it costs little beside the
    // distances themselves.
    let mut best: Vec<(f32, u32)> = Vec::with_capacity(k + 1);
    let query = &x[row * columns..][..columns];
    for (j, other) in x.chunks_exact(columns).enumerate() {
        if j == row {
            continue;
        }
        let squared = squared_distance(query, other);
        if best.len() == k && squared >= best[k - 1].0 {
            continue;
        }
        let at = best.partition_point(|&(other, _)| other <= squared);
        best.insert(at, (squared, j as u32));
        best.truncate(k);
    }
    for (i, (squared, j)) in best.into_iter().enumerate() {
        neighbours[i] = j;
        distances[i] = squared.sqrt();
    }
}

/// Σ (a − b)²; infinite for a row with NaN, so that it cannot disturb the order of the others.
pub fn squared_distance(a: &[f32], b: &[f32]) -> f32 {
    let mut lanes = [0.0f32; 8];
    let (a_chunks, b_chunks) = (a.chunks_exact(8), b.chunks_exact(8));
    let tail: f32 = a_chunks.remainder().iter().zip(b_chunks.remainder()).map(|(a, b)| (a - b) * (a - b)).sum();
    for (a, b) in a_chunks.zip(b_chunks) {
        for lane in 0..8 {
            let difference = a[lane] - b[lane];
            lanes[lane] += difference * difference;
        }
    }
    let squared = lanes.iter().sum::<f32>() + tail;
    if squared.is_nan() { f32::INFINITY } else { squared }
}

pub fn examples(rng: &mut Rng) -> Vec<Example> {
    let mut examples = Vec::new();
    for (n, c, k, row_start, rows) in
        [(2, 1, 1, 0, 2), (40, 50, 7, 0, 40), (130, 19, 49, 30, 65), (300, 8, 12, 299, 1), (700, 5, 128, 100, 70)]
    {
        let x = check::random("x", &[n, c], DType::F32, rng);
        examples.push(Example {
            op: Op::Knn(Knn { row_start }),
            inputs: vec![x.0.clone()],
            outputs: vec![
                Tensor::new("neighbours", &[rows, k], DType::U32),
                Tensor::new("distances", &[rows, k], DType::F32),
            ],
            contents: vec![x],
            tolerance: tolerance::REDUCTION,
        });
    }
    examples
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Oracle: closed form. Points on a line; a tie goes to the smaller index.
    #[test]
    fn points_on_a_line() {
        let x = [0.0, 1.0, 2.0, 10.0];
        let (mut neighbours, mut distances) = ([0; 2], [0.0; 2]);
        forward_row(&x, 1, 1, &mut neighbours, &mut distances);
        assert_eq!((neighbours, distances), ([0, 2], [1.0, 1.0]));
        forward_row(&x, 1, 3, &mut neighbours, &mut distances);
        assert_eq!((neighbours, distances), ([2, 1], [8.0, 9.0]));
    }
}
