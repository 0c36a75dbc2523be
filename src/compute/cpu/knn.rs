//! Nearest neighbours by matrix products: d² = |a|² + |b|² − 2·a·b finds who may be among the K nearest, and sums of
//! squared differences say who is. The result is that of `ops::knn::forward_row` to the last bit.
//!
//! The products are off by rounding, the more the longer the vectors are beside their distances. So a list keeps whatever
//! is not farther than its K-th by more than rounding could explain. Where that are too many, rows that are all alike for
//! example, sums of differences thin them out on the way.

use std::borrow::Cow;
use std::ops::Range;

use super::matmul::{self, Shape};
use super::parallel;
use super::values::Weights;
use crate::compute::ops::knn::{forward_row, squared_distance};
use crate::compute::ops::matmul::{MatMul, WeightLayout};

/// Queries and points of one product: its 2 MiB of scores stay in a second-level cache.
const QUERIES: usize = 512;
const POINTS: usize = 1024;
/// Scores that are compared with a list's bound at once.
const LANES: usize = 16;
/// A list is cut down to what it has to keep when it is this many times K long, and after that holds half of it at most.
const SLACK: usize = 4;
/// Squares above this could overflow when they are added up.
const SQUARE_MAX: f32 = 1e30;

/// Rows that are searched, with what is known of them.
pub struct Points<'a> {
    x: Cow<'a, [f32]>,
    columns: usize,
    /// Squared lengths.
    squares: Vec<f32>,
    square_max: f32,
    has_scores: bool,
}

impl<'a> Points<'a> {
    /// `x` is (N,C), row-major.
    pub fn new(x: impl Into<Cow<'a, [f32]>>, columns: usize) -> Points<'a> {
        let x = x.into();
        let squares: Vec<f32> = x.chunks_exact(columns).map(|row| row.iter().map(|v| v * v).sum()).collect();
        Points {
            x,
            columns,
            square_max: squares.iter().copied().fold(0.0, f32::max),
            has_scores: squares.iter().all(|&square| square <= SQUARE_MAX),
            squares,
        }
    }

    /// False where a row holds NaN or numbers whose products overflow: those can only be searched row by row.
    pub fn has_scores(&self) -> bool {
        self.has_scores
    }

    /// N.
    pub fn len(&self) -> usize {
        self.squares.len()
    }

    /// C.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Points of a range.
    pub fn rows(&self, range: Range<usize>) -> &[f32] {
        &self.x[range.start * self.columns..range.end * self.columns]
    }

    fn row(&self, row: usize) -> &[f32] {
        self.rows(row..row + 1)
    }

    /// The nearest of all points to each of `queries`, rows of C; K is `indices.len()` over their number. `own` is the first
    /// query's place among the points, when queries are points and no row is its own neighbour.
    ///
    /// There must be K points, besides the query itself.
    pub fn nearest(&self, queries: &[f32], own: Option<usize>, indices: &mut [u32], distances: &mut [f32]) {
        let n_queries = queries.len() / self.columns;
        if n_queries == 0 {
            return;
        }
        let k = indices.len() / n_queries;
        for first in (0..n_queries).step_by(QUERIES) {
            let rows = first..(first + QUERIES).min(n_queries);
            let own = own.map(|own| own + first);
            let mut search = Search::new(self, &queries[rows.start * self.columns..rows.end * self.columns], own, k);
            search.all(0..self.len());
            search.finish(&mut indices[rows.start * k..rows.end * k], &mut distances[rows.start * k..rows.end * k]);
        }
    }
}

/// A search for the neighbours of some queries, stretch by stretch of the points.
pub struct Search<'a> {
    points: &'a Points<'a>,
    queries: &'a [f32],
    lists: Vec<List>,
    scores: Vec<f32>,
    doubled: Vec<f32>,
}

impl<'a> Search<'a> {
    /// `own` as in [`Points::nearest`]. A few hundred queries at a time.
    pub fn new(points: &'a Points<'a>, queries: &'a [f32], own: Option<usize>, k: usize) -> Search<'a> {
        let rows = queries.chunks_exact(points.columns).enumerate();
        let lists = rows.map(|(row, query)| List::new(k, own.map(|own| own + row), query, points.square_max)).collect();
        Search { points, queries, lists, scores: Vec::new(), doubled: Vec::new() }
    }

    /// Compares every query with the points of a range.
    pub fn all(&mut self, range: Range<usize>) {
        let every: Vec<u32> = (0..self.lists.len() as u32).collect();
        self.some(&every, range);
    }

    /// Compares some of the queries, by their places in ascending order, with the points of a range.
    pub fn some(&mut self, which: &[u32], range: Range<usize>) {
        let (points, columns, queries) = (self.points, self.points.columns, self.queries);
        let row = |query: u32| &queries[query as usize * columns..][..columns];
        self.doubled.clear();
        self.doubled.extend(which.iter().flat_map(|&query| row(query)).map(|value| -2.0 * value));
        let mut left = which.iter().copied().peekable();
        let mut lists: Vec<(u32, &mut List)> =
            (0..).zip(&mut self.lists).filter(|(query, _)| left.next_if_eq(query).is_some()).collect();
        for start in range.clone().step_by(POINTS) {
            let n = POINTS.min(range.end - start);
            let op = MatMul { layout: WeightLayout::OutIn, column_offset: 0, accumulate: false };
            let shape = Shape { m: which.len(), n, k: columns, out_columns: n };
            self.scores.resize(self.scores.len().max(which.len() * n), 0.0);
            let (weights, squares) = (Weights::F32(points.rows(start..start + n)), &points.squares[start..start + n]);
            matmul::forward(&op, shape, &self.doubled, weights, Some(squares), &mut self.scores);
            let scores = &mut self.scores[..which.len() * n];
            parallel::over_two(&mut lists, 1, scores, n, |_, list, scores| {
                let (query, list) = &mut list[0];
                list.offer(scores, start, &|point| squared_distance(row(*query), points.row(point)));
            });
        }
    }

    /// Writes K neighbours of each query. A query that was compared with too few points is compared with all of them.
    pub fn finish(&mut self, indices: &mut [u32], distances: &mut [f32]) {
        if self.lists.is_empty() {
            return;
        }
        let k = indices.len() / self.lists.len();
        let short: Vec<u32> =
            (0..self.lists.len() as u32).filter(|&query| self.lists[query as usize].found.len() < k).collect();
        for &query in &short {
            self.lists[query as usize].found.clear();
            self.lists[query as usize].bound = f32::INFINITY;
        }
        if !short.is_empty() {
            self.some(&short, 0..self.points.len());
        }
        let (points, columns, queries, lists) = (self.points, self.points.columns, self.queries, &self.lists);
        parallel::over_two(indices, k, distances, k, |row, indices, distances| {
            let query = &queries[row * columns..][..columns];
            let nearest = lists[row].nearest(&|point| squared_distance(query, points.row(point)));
            for (((squared, _, point), index), distance) in nearest.into_iter().zip(indices).zip(distances) {
                (*index, *distance) = (point, squared.sqrt());
            }
        });
    }
}

/// Who may be among the K nearest of one query.
struct List {
    k: usize,
    own: usize,
    /// Scores farther apart than this are not in the wrong order.
    margin: f32,
    /// Scores from here on are too far.
    bound: f32,
    found: Vec<(f32, u32)>,
}

impl List {
    fn new(k: usize, own: Option<usize>, query: &[f32], square_max: f32) -> List {
        let square: f32 = query.iter().map(|v| v * v).sum();
        // A score is off by C roundings of the sum of its parts' magnitudes, |b|² + 2·|a|·|b| ≤ 2·|b|² + |a|², and |b|² by C
        // of its own; the sums of differences that decide are off by as much. Four cover two scores and two such sums.
        let error = (query.len() + 4) as f32 * f32::EPSILON * (square + 3.0 * square_max);
        let found = Vec::with_capacity(SLACK * k + LANES);
        List { k, own: own.unwrap_or(usize::MAX), margin: 4.0 * error, bound: f32::INFINITY, found }
    }

    /// `scores` are those of the points from `start` on.
    fn offer(&mut self, scores: &[f32], start: usize, squared: &dyn Fn(usize) -> f32) {
        let (chunks, rest) = scores.as_chunks::<LANES>();
        for (chunk, scores) in chunks.iter().enumerate() {
            let bound = self.bound;
            if scores.iter().fold(false, |any, &score| any | (score < bound)) {
                self.take(scores, start + chunk * LANES, squared);
            }
        }
        self.take(rest, start + chunks.len() * LANES, squared);
    }

    fn take(&mut self, scores: &[f32], start: usize, squared: &dyn Fn(usize) -> f32) {
        for (lane, &score) in scores.iter().enumerate() {
            if score < self.bound && start + lane != self.own {
                self.found.push((score, (start + lane) as u32));
            }
        }
        if self.found.len() >= SLACK * self.k {
            self.cut(squared);
        }
    }

    fn cut(&mut self, squared: &dyn Fn(usize) -> f32) {
        let (_, &mut (kth, _), _) = self.found.select_nth_unstable_by(self.k - 1, |a, b| a.0.total_cmp(&b.0));
        // Scores of 0 have no error; then only what is nearer counts, since points of one distance come in their order.
        self.bound = self.bound.min(kth + self.margin);
        self.found.retain(|&(score, _)| score <= self.bound);
        if self.found.len() > SLACK * self.k / 2 {
            self.found = self.nearest(squared).into_iter().map(|(_, score, point)| (score, point)).collect();
        }
    }

    /// The K nearest of those found, as (squared distance, score, point), ties by the smaller number.
    fn nearest(&self, squared: &dyn Fn(usize) -> f32) -> Vec<(f32, f32, u32)> {
        let mut found: Vec<(f32, f32, u32)> =
            self.found.iter().map(|&(score, point)| (squared(point as usize), score, point)).collect();
        found.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.2.cmp(&b.2)));
        found.truncate(self.k);
        found
    }
}

/// Neighbours of the rows from `row_start` on among all rows of `x`.
pub fn forward(x: &[f32], columns: usize, row_start: usize, k: usize, indices: &mut [u32], distances: &mut [f32]) {
    let points = Points::new(x, columns);
    let rows = indices.len() / k.max(1);
    // A product with few rows is not worth its packing; numbers that overflow have no scores.
    if rows < 8 || !points.has_scores() {
        parallel::over_two(indices, k, distances, k, |row, indices, distances| {
            forward_row(x, columns, row_start + row, indices, distances);
        });
        return;
    }
    points.nearest(&x[row_start * columns..][..rows * columns], Some(row_start), indices, distances);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    fn by_rows(x: &[f32], columns: usize, row_start: usize, rows: usize, k: usize) -> (Vec<u32>, Vec<f32>) {
        let (mut indices, mut distances) = (vec![0; rows * k], vec![0.0; rows * k]);
        for (row, (indices, distances)) in indices.chunks_mut(k).zip(distances.chunks_mut(k)).enumerate() {
            forward_row(x, columns, row_start + row, indices, distances);
        }
        (indices, distances)
    }

    /// Oracle: `forward_row`, to the bit: random rows, rows on a coarse grid (ties and duplicates in plenty), rows far from
    /// the origin (where products lose their digits), rows that are all alike, and rows with NaN or of huge numbers.
    #[test]
    fn the_same_lists_as_row_by_row() {
        let mut rng = Rng::new(7);
        for (case, (n, columns, k)) in
            [(1500, 50, 49), (900, 7, 30), (1100, 16, 12), (300, 3, 128), (700, 5, 9), (600, 4, 5), (40, 1, 39)]
                .into_iter()
                .enumerate()
        {
            let mut x: Vec<f32> = (0..n * columns).map(|_| rng.normal()).collect();
            match case {
                1 => x.iter_mut().for_each(|v| *v = (*v * 2.0).round()),
                2 => x.iter_mut().for_each(|v| *v = *v * 1e-3 + 10.0),
                3 => x.fill(0.25),
                4 => x[33] = f32::NAN,
                5 => x[77] = 1e18,
                _ => (),
            }
            for (row_start, rows) in [(0, n), (n / 3, 9), (n - 1, 1)] {
                let (mut indices, mut distances) = (vec![0; rows * k], vec![0.0; rows * k]);
                forward(&x, columns, row_start, k, &mut indices, &mut distances);
                let expected = by_rows(&x, columns, row_start, rows, k);
                assert!(indices == expected.0, "case {case}, {rows} rows from {row_start}");
                assert_eq!(distances, expected.1, "case {case}, {rows} rows from {row_start}");
            }
        }
        // Negative control: one number changed.
        let mut x: Vec<f32> = (0..2000).map(|_| rng.normal()).collect();
        let before = by_rows(&x, 10, 0, 200, 5);
        x[1234] += 0.5;
        assert!(before != by_rows(&x, 10, 0, 200, 5));
    }
}
