//! Approximate neighbours by an inverted file: rows are put into cells around centres, and the neighbours of a cell's rows
//! are looked for in the cells nearest to it.
//!
//! Shapes   x: (N,C) f32 · lists: (N,K), the row itself left out
//! Method   about √(N)-many cells by Lloyd's k-means on a sample. How many cells are searched is measured, not set: of a
//!          sample of rows, whose exact neighbours are found first, so many that `RECALL_AIMED` of these lie in them
//! Source   Jégou, Douze & Schmid 2011, "Product quantization for nearest neighbor search" (IVF, without quantisation)
//! Why      a cell's rows share their candidates, so the search is one matrix product after another. Graph searches
//!          (NN-descent, HNSW) look at fewer pairs, one by one in no order; benches/NOTES.md has the times
//! Seed     the same rows and seed give the same lists with any number of threads

use super::knn::recall;
use super::{GraphError, Neighbours, finite_rows};
use crate::compute::cpu::knn::Points;
use crate::rng::Rng;

/// Share of the neighbours that the searched cells should hold. Above what is promised, because it is measured on a
/// sample.
const RECALL_AIMED: f64 = 0.97;
/// Rows whose exact neighbours are found to set, and those to check, what the search finds.
pub const SAMPLE_ROWS: usize = 256;
const CELL_ROWS: usize = 512;
const CELLS_MAX: usize = 1024;
/// Rows a centre is the mean of, in the sample that centres are found in.
const SAMPLE_OF_CELL: usize = 48;
const LLOYD_STEPS: usize = 6;
/// The streams of the seed.
const CENTRES: u64 = 0x1f11_e000_0000_0001;
const AIM: u64 = 0x1f11_e000_0000_0002;
const CHECK: u64 = 0x1f11_e000_0000_0003;

/// The search, a cell at a time.
pub struct InvertedFile<'a> {
    x: &'a [f32],
    columns: usize,
    k: usize,
    seed: u64,
    /// Rows in the order of their cells, and which they are.
    sorted: Points<'static>,
    rows: Vec<u32>,
    /// Cell c is places starts[c]..starts[c + 1].
    starts: Vec<usize>,
    /// Cell of each row.
    cell_of: Vec<u32>,
    /// (cells, cells) the others by the distance of their centres, each cell first in its own list.
    order: Vec<u32>,
    /// Cells that are searched for each cell.
    n_searched: usize,
    next_cell: usize,
    indices: Vec<u32>,
    distances: Vec<f32>,
}

impl<'a> InvertedFile<'a> {
    /// Puts the rows into cells. `None` when the rows hold numbers too large for products, or are too few for cells.
    ///
    /// Errors   `RaggedRows`, `NonFinite`; `TooFewRows` unless N > K; `InvalidOption` for K = 0
    pub fn new(x: &'a [f32], columns: usize, k: usize, seed: u64) -> Result<Option<Self>, GraphError> {
        let n = finite_rows("the neighbour search's input", x, columns)?;
        if k == 0 {
            return Err(GraphError::InvalidOption { name: "n_neighbors", value: 0.0, needed: "at least 1" });
        }
        if n <= k {
            return Err(GraphError::TooFewRows { what: "that many neighbours", rows: n, needed: k + 1 });
        }
        let n_cells = (n / CELL_ROWS).min(CELLS_MAX);
        let all = Points::new(x, columns);
        if n_cells < 2 || !all.has_scores() {
            return Ok(None);
        }
        let centres = centres(x, columns, n_cells, seed);
        let of_centres = Points::new(&centres[..], columns);
        let (cell_of, _) = nearest_of(&of_centres, x, n_cells, 1);
        let (order, _) = nearest_of(&of_centres, &centres, n_cells, n_cells);
        let mut starts = vec![0usize; n_cells + 1];
        cell_of.iter().for_each(|&cell| starts[cell as usize + 1] += 1);
        (0..n_cells).for_each(|cell| starts[cell + 1] += starts[cell]);
        let mut next = starts.clone();
        let mut rows = vec![0u32; n];
        for (row, &cell) in cell_of.iter().enumerate() {
            rows[next[cell as usize]] = row as u32;
            next[cell as usize] += 1;
        }
        let sorted: Vec<f32> =
            rows.iter().flat_map(|&row| &x[row as usize * columns..][..columns]).copied().collect();
        Ok(Some(InvertedFile {
            x,
            columns,
            k,
            seed,
            sorted: Points::new(sorted, columns),
            rows,
            starts,
            cell_of,
            order,
            n_searched: n_cells,
            next_cell: 0,
            indices: vec![0; n * k],
            distances: vec![0.0; n * k],
        }))
    }

    /// Finds out how many cells have to be searched; returns the share of all pairs of rows that will be compared.
    pub fn aim(&mut self) -> f64 {
        let n_cells = self.starts.len() - 1;
        let sample = sample(self.rows.len(), self.seed, AIM);
        let found = exact_of(self.x, self.columns, self.k, &sample);
        // How many of the true neighbours lie in the cell that is searched as the i-th.
        let mut held = vec![0usize; n_cells];
        let mut place = vec![0usize; n_cells];
        for (&row, near) in sample.iter().zip(found.chunks_exact(self.k)) {
            let cell = self.cell_of[row as usize] as usize;
            for (i, &other) in self.order[cell * n_cells..][..n_cells].iter().enumerate() {
                place[other as usize] = i;
            }
            near.iter().for_each(|&neighbour| held[place[self.cell_of[neighbour as usize] as usize]] += 1);
        }
        let needed = (RECALL_AIMED * found.len() as f64).ceil() as usize;
        let mut sum = 0;
        self.n_searched = held
            .iter()
            .position(|held| {
                sum += held;
                sum >= needed
            })
            .map_or(n_cells, |last| last + 1);
        let size = |cell: usize| (self.starts[cell + 1] - self.starts[cell]) as f64;
        let pairs: f64 = (0..n_cells)
            .map(|cell| size(cell) * self.searched(cell).iter().map(|&other| size(other as usize)).sum::<f64>())
            .sum();
        pairs / (self.rows.len() as f64).powi(2)
    }

    /// The cells that are searched for a cell: as many as were aimed at, and more where these hold too few rows.
    fn searched(&self, cell: usize) -> &[u32] {
        let n_cells = self.starts.len() - 1;
        let order = &self.order[cell * n_cells..][..n_cells];
        let mut held = 0;
        let enough = order.iter().position(|&other| {
            held += self.starts[other as usize + 1] - self.starts[other as usize];
            held > self.k
        });
        &order[..self.n_searched.max(enough.map_or(n_cells, |last| last + 1))]
    }

    /// Searches for the rows of one cell; returns the share of rows done, 1 at the end.
    pub fn step(&mut self) -> f64 {
        let n_cells = self.starts.len() - 1;
        if self.next_cell < n_cells {
            let cell = self.next_cell;
            let places = self.starts[cell]..self.starts[cell + 1];
            let mut searched = self.searched(cell).to_vec();
            searched.sort_unstable();
            let among: Vec<_> = searched
                .iter()
                .map(|&other| self.starts[other as usize]..self.starts[other as usize + 1])
                .filter(|range| !range.is_empty())
                .collect();
            let k = self.k;
            let (mut indices, mut distances) = (vec![0u32; places.len() * k], vec![0.0f32; places.len() * k]);
            let queries = self.sorted.rows(places.clone());
            self.sorted.nearest(queries, Some(places.start), &among, &mut indices, &mut distances);
            for (i, &row) in self.rows[places].iter().enumerate() {
                let to = row as usize * k..(row as usize + 1) * k;
                let from = i * k..(i + 1) * k;
                self.distances[to.clone()].copy_from_slice(&distances[from.clone()]);
                for (to, &place) in self.indices[to].iter_mut().zip(&indices[from]) {
                    *to = self.rows[place as usize];
                }
            }
            self.next_cell += 1;
        }
        self.starts[self.next_cell] as f64 / self.rows.len() as f64
    }

    /// Searches what cells are left. Returns the lists, and which share of the exact lists of [`SAMPLE_ROWS`] rows, others
    /// than those that were aimed by, is in them.
    ///
    /// Errors   none that a search could end with; those of `Neighbours::new`
    pub fn finish(mut self) -> Result<(Neighbours, f64), GraphError> {
        while self.step() < 1.0 {}
        let sample = sample(self.rows.len(), self.seed, CHECK);
        let exact = exact_of(self.x, self.columns, self.k, &sample);
        let found = Neighbours::new(self.k, self.indices, self.distances)?;
        let recall = recall(&found, &sample, &exact);
        Ok((found, recall))
    }
}

fn sample(n: usize, seed: u64, stream: u64) -> Vec<u32> {
    let rows: Vec<u32> = (0..n as u32).collect();
    Rng::with_stream(seed, stream).sample(&rows, SAMPLE_ROWS.min(n))
}

/// The exact neighbours of some rows, K of each.
fn exact_of(x: &[f32], columns: usize, k: usize, rows: &[u32]) -> Vec<u32> {
    let points = Points::new(x, columns);
    let queries: Vec<f32> = rows.iter().flat_map(|&row| &x[row as usize * columns..][..columns]).copied().collect();
    // The row itself is asked for too, and left out: it is the first, unless others are in the same place.
    let (found, _) = nearest_of(&points, &queries, points.len(), k + 1);
    let mut exact = Vec::with_capacity(rows.len() * k);
    for (&row, found) in rows.iter().zip(found.chunks_exact(k + 1)) {
        exact.extend(found.iter().filter(|&&other| other != row).take(k));
    }
    exact
}

fn nearest_of(points: &Points<'_>, queries: &[f32], n: usize, k: usize) -> (Vec<u32>, Vec<f32>) {
    let n_queries = queries.len() / points.columns();
    let (mut indices, mut distances) = (vec![0; n_queries * k], vec![0.0; n_queries * k]);
    points.nearest(queries, None, &[0..n], &mut indices, &mut distances);
    (indices, distances)
}

/// Lloyd's k-means on a sample, from rows drawn at random. A centre that no row is nearest to stays where it is.
fn centres(x: &[f32], columns: usize, n_cells: usize, seed: u64) -> Vec<f32> {
    let n = x.len() / columns;
    let rows: Vec<u32> = (0..n as u32).collect();
    let sample = Rng::with_stream(seed, CENTRES).sample(&rows, (n_cells * SAMPLE_OF_CELL).min(n));
    let sample: Vec<f32> = sample.iter().flat_map(|&row| &x[row as usize * columns..][..columns]).copied().collect();
    let mut centres = sample[..n_cells * columns].to_vec();
    for _ in 0..LLOYD_STEPS {
        let (nearest, _) = nearest_of(&Points::new(&centres[..], columns), &sample, n_cells, 1);
        let mut sums = vec![0.0f64; n_cells * columns];
        let mut counts = vec![0u32; n_cells];
        for (&cell, row) in nearest.iter().zip(sample.chunks_exact(columns)) {
            counts[cell as usize] += 1;
            sums[cell as usize * columns..][..columns].iter_mut().zip(row).for_each(|(sum, &v)| *sum += f64::from(v));
        }
        for ((centre, sums), &count) in centres.chunks_exact_mut(columns).zip(sums.chunks_exact(columns)).zip(&counts) {
            if count > 0 {
                centre.iter_mut().zip(sums).for_each(|(value, sum)| *value = (sum / f64::from(count)) as f32);
            }
        }
    }
    centres
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows of a spectrum that falls by a power, as an embedding's does.
    fn rows(n: usize, columns: usize, power: f32, seed: u64) -> Vec<f32> {
        let mut rng = Rng::new(seed);
        (0..n * columns).map(|at| rng.normal() * ((at % columns + 1) as f32).powf(-power)).collect()
    }

    /// Oracle: the exact search. What the search says of its recall is close to its recall over all rows, and above what is
    /// promised; the same seed gives the same lists.
    #[test]
    fn lists_hold_what_they_promise() {
        for power in [0.3, 1.0] {
            let (n, columns, k) = (6000, 20, 15);
            let x = rows(n, columns, power, 3);
            let search = || {
                let mut file = InvertedFile::new(&x, columns, k, 9).unwrap().unwrap();
                let share = file.aim();
                assert!(share > 0.0 && share <= 1.0);
                (file.finish().unwrap(), share)
            };
            let ((found, stated), share) = search();
            let exact = Neighbours::exact(&x, columns, k).unwrap();
            let every: Vec<u32> = (0..n as u32).collect();
            let all = recall(&found, &every, exact.indices());
            assert!(all >= 0.95 && stated >= 0.95, "power {power}: {all}, said to be {stated}");
            assert!((all - stated).abs() <= 0.02, "power {power}: {all}, said to be {stated}");
            assert!(power < 0.5 || share < 0.6, "{share}");
            assert_eq!(search().0, (found.clone(), stated));
            // Negative control: the lists of other rows.
            let turned: Vec<u32> = (0..n as u32).map(|row| (row + 1) % n as u32).collect();
            assert!(recall(&found, &turned, exact.indices()) < 0.5);
        }
    }

    #[test]
    fn odd_inputs() {
        assert!(InvertedFile::new(&rows(900, 4, 1.0, 1), 4, 5, 1).unwrap().is_none(), "too few for cells");
        let mut huge = rows(3000, 4, 1.0, 1);
        huge[5] = 1e20;
        assert!(InvertedFile::new(&huge, 4, 5, 1).unwrap().is_none());
        huge[5] = f32::NAN;
        assert!(matches!(InvertedFile::new(&huge, 4, 5, 1), Err(GraphError::NonFinite { row: 1, column: 1, .. })));
        assert!(InvertedFile::new(&[0.0; 8], 4, 2, 1).is_err() && InvertedFile::new(&[0.0; 8], 4, 0, 1).is_err());
        // All rows alike fall into one cell.
        let alike = vec![0.5; 4 * 2048];
        let mut file = InvertedFile::new(&alike, 4, 5, 1).unwrap().unwrap();
        assert!((file.aim() - 1.0).abs() < 1e-9);
        let (found, _) = file.finish().unwrap();
        assert!(found.distances().iter().all(|&distance| distance == 0.0));
    }
}
