//! Approximate neighbours by an inverted file: rows are put into cells around centres, and the neighbours of a row are
//! looked for in the cells whose centres are nearest to it.
//!
//! Shapes   x: (N,C) f32 · lists: (N,K), the row itself left out
//! Method   a cell for every CELL_ROWS rows, by Lloyd's k-means on a sample. How many cells are searched is measured, not set: of a
//!          sample of rows, whose exact neighbours are found first, so many that `RECALL_AIMED` of these lie in them
//! Source   Jégou, Douze & Schmid 2011, "Product quantization for nearest neighbor search" (IVF, without quantisation)
//! Why      the rows of a cell are searched together, and what several of them are compared with is one matrix product.
//!          Graph searches (NN-descent, HNSW) look at fewer pairs, one by one in no order; benches/NOTES.md has the times
//! Seed     the same rows and seed give the same lists with any number of threads

use super::knn::recall;
use super::{GraphError, Neighbours, finite_rows};
use crate::compute::cpu::knn::{Points, Search};
use crate::rng::Rng;

/// Share of the neighbours that the searched cells should hold. Above what is promised, because it is measured on a
/// sample.
const RECALL_AIMED: f64 = 0.97;
/// Rows whose exact neighbours are found to set, and those to check, what the search finds.
pub const SAMPLE_ROWS: usize = 256;
const CELL_ROWS: usize = 256;
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
    centres: Points<'static>,
    /// Cells that are searched for a row.
    n_searched: usize,
    /// Rows in the order of their cells, and which they are.
    sorted: Points<'static>,
    rows: Vec<u32>,
    /// Cell c is places starts[c]..starts[c + 1].
    starts: Vec<usize>,
    next_cell: usize,
    indices: Vec<u32>,
    distances: Vec<f32>,
    pairs: u64,
}

impl<'a> InvertedFile<'a> {
    /// Finds the centres. `None` when the rows hold numbers too large for products, or are too few for cells.
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
        if n_cells < 2 || !Points::new(x, columns).has_scores() {
            return Ok(None);
        }
        let centres = centres(x, columns, n_cells, seed);
        Ok(Some(InvertedFile {
            x,
            columns,
            k,
            seed,
            centres: Points::new(centres, columns),
            n_searched: n_cells,
            sorted: Points::new(Vec::new(), columns),
            rows: Vec::new(),
            starts: Vec::new(),
            next_cell: 0,
            indices: vec![0; n * k],
            distances: vec![0.0; n * k],
            pairs: 0,
        }))
    }

    /// Puts the rows into cells and finds out how many of them have to be searched; returns the share of all pairs of rows
    /// that will be compared, by a sample. To be called once, before `step`.
    pub fn aim(&mut self) -> f64 {
        let (n, columns, n_cells) = (self.x.len() / self.columns, self.columns, self.centres.len());
        let (cell_of, _) = nearest_of(&self.centres, self.x, 1);
        let mut starts = vec![0usize; n_cells + 1];
        cell_of.iter().for_each(|&cell| starts[cell as usize + 1] += 1);
        (0..n_cells).for_each(|cell| starts[cell + 1] += starts[cell]);
        let mut next = starts.clone();
        self.rows = vec![0u32; n];
        for (row, &cell) in cell_of.iter().enumerate() {
            self.rows[next[cell as usize]] = row as u32;
            next[cell as usize] += 1;
        }
        self.sorted = Points::new(rows_of(self.x, columns, &self.rows), columns);

        let sample = sample(n, self.seed, AIM);
        let near = exact_of(self.x, columns, self.k, &sample);
        let (order, _) = nearest_of(&self.centres, &rows_of(self.x, columns, &sample), n_cells);
        // How many of the true neighbours, and of all rows, lie in the cell that is searched as the i-th.
        let (mut held, mut size) = (vec![0usize; n_cells], vec![0usize; n_cells]);
        let mut place = vec![0usize; n_cells];
        for (order, near) in order.chunks_exact(n_cells).zip(near.chunks_exact(self.k)) {
            for (i, &cell) in order.iter().enumerate() {
                place[cell as usize] = i;
                size[i] += starts[cell as usize + 1] - starts[cell as usize];
            }
            near.iter().for_each(|&neighbour| held[place[cell_of[neighbour as usize] as usize]] += 1);
        }
        self.starts = starts;
        let needed = (RECALL_AIMED * near.len() as f64).ceil() as usize;
        let mut sum = 0;
        let last = held.iter().position(|held| {
            sum += held;
            sum >= needed
        });
        self.n_searched = last.map_or(n_cells, |last| last + 1);
        size[..self.n_searched].iter().sum::<usize>() as f64 / (sample.len() * n) as f64
    }

    /// Searches for the rows of one cell; returns the share of rows done, 1 at the end.
    pub fn step(&mut self) -> f64 {
        let (k, n_cells) = (self.k, self.centres.len());
        if self.next_cell < n_cells {
            let places = self.starts[self.next_cell]..self.starts[self.next_cell + 1];
            let queries = self.sorted.rows(places.clone());
            let (wanted, _) = nearest_of(&self.centres, queries, self.n_searched);
            let mut searched_by: Vec<Vec<u32>> = vec![Vec::new(); n_cells];
            for (query, cells) in wanted.chunks_exact(self.n_searched).enumerate() {
                cells.iter().for_each(|&cell| searched_by[cell as usize].push(query as u32));
            }
            let mut search = Search::new(&self.sorted, queries, Some(places.start), k);
            for (cell, which) in searched_by.iter().enumerate() {
                let range = self.starts[cell]..self.starts[cell + 1];
                if !which.is_empty() && !range.is_empty() {
                    self.pairs += (which.len() * range.len()) as u64;
                    search.some(which, range);
                }
            }
            let (mut indices, mut distances) = (vec![0u32; places.len() * k], vec![0.0f32; places.len() * k]);
            search.finish(&mut indices, &mut distances);
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

    /// Searches what cells are left.
    ///
    /// Errors   none that a search could end with; those of `Neighbours::new`
    pub fn finish(mut self) -> Result<Approximate, GraphError> {
        while self.step() < 1.0 {}
        let n = self.rows.len();
        let sample = sample(n, self.seed, CHECK);
        let exact = exact_of(self.x, self.columns, self.k, &sample);
        let neighbours = Neighbours::new(self.k, self.indices, self.distances)?;
        let recall = recall(&neighbours, &sample, &exact);
        Ok(Approximate { neighbours, recall, pairs: self.pairs as f64 / (n as f64).powi(2) })
    }
}

/// What a search found.
#[derive(Clone, Debug, PartialEq)]
pub struct Approximate {
    pub neighbours: Neighbours,
    /// Share of the exact lists of [`SAMPLE_ROWS`] rows, others than those that were aimed by, that was found.
    pub recall: f64,
    /// Share of all pairs of rows that were compared.
    pub pairs: f64,
}

fn sample(n: usize, seed: u64, stream: u64) -> Vec<u32> {
    let rows: Vec<u32> = (0..n as u32).collect();
    Rng::with_stream(seed, stream).sample(&rows, SAMPLE_ROWS.min(n))
}

fn rows_of(x: &[f32], columns: usize, rows: &[u32]) -> Vec<f32> {
    rows.iter().flat_map(|&row| &x[row as usize * columns..][..columns]).copied().collect()
}

/// The exact neighbours of some rows, K of each.
fn exact_of(x: &[f32], columns: usize, k: usize, rows: &[u32]) -> Vec<u32> {
    // The row itself is asked for too, and left out: it is the first, unless others are in the same place.
    let (found, _) = nearest_of(&Points::new(x, columns), &rows_of(x, columns, rows), k + 1);
    let mut exact = Vec::with_capacity(rows.len() * k);
    for (&row, found) in rows.iter().zip(found.chunks_exact(k + 1)) {
        exact.extend(found.iter().filter(|&&other| other != row).take(k));
    }
    exact
}

fn nearest_of(points: &Points<'_>, queries: &[f32], k: usize) -> (Vec<u32>, Vec<f32>) {
    let n_queries = queries.len() / points.columns();
    let (mut indices, mut distances) = (vec![0; n_queries * k], vec![0.0; n_queries * k]);
    points.nearest(queries, None, &mut indices, &mut distances);
    (indices, distances)
}

/// Lloyd's k-means on a sample, from rows drawn at random. A centre that no row is nearest to stays where it is.
fn centres(x: &[f32], columns: usize, n_cells: usize, seed: u64) -> Vec<f32> {
    let n = x.len() / columns;
    let rows: Vec<u32> = (0..n as u32).collect();
    let sample = Rng::with_stream(seed, CENTRES).sample(&rows, (n_cells * SAMPLE_OF_CELL).min(n));
    let sample = rows_of(x, columns, &sample);
    let mut centres = sample[..n_cells * columns].to_vec();
    for _ in 0..LLOYD_STEPS {
        let (nearest, _) = nearest_of(&Points::new(&centres[..], columns), &sample, 1);
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
                let pairs = file.aim();
                (file.finish().unwrap(), pairs)
            };
            let (found, pairs) = search();
            let exact = Neighbours::exact(&x, columns, k).unwrap();
            let every: Vec<u32> = (0..n as u32).collect();
            let all = recall(&found.neighbours, &every, exact.indices());
            assert!(all >= 0.95 && found.recall >= 0.95, "power {power}: {all}, said to be {}", found.recall);
            assert!((all - found.recall).abs() <= 0.02, "power {power}: {all}, said to be {}", found.recall);
            assert!((found.pairs - pairs).abs() <= 0.1 && found.pairs > 0.0, "{} pairs, aimed at {pairs}", found.pairs);
            assert!(power < 0.5 || found.pairs < 0.4, "{}", found.pairs);
            // Negative control: the lists of other rows.
            let turned: Vec<u32> = (0..n as u32).map(|row| (row + 1) % n as u32).collect();
            assert!(recall(&found.neighbours, &turned, exact.indices()) < 0.5);
            assert_eq!(search().0, found);
        }
    }

    /// Oracle: one thread.
    #[test]
    fn lists_do_not_depend_on_the_number_of_threads() {
        let x = rows(3000, 12, 0.5, 8);
        let search = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let mut file = InvertedFile::new(&x, 12, 9, 4).unwrap().unwrap();
                (file.aim(), file.finish().unwrap())
            })
        };
        let one = search(1);
        assert_eq!(search(3), one);
        // Negative control: another seed has other centres.
        let mut other = InvertedFile::new(&x, 12, 9, 5).unwrap().unwrap();
        other.aim();
        assert!(other.finish().unwrap() != one.1);
    }

    /// Rows in a few places leave cells empty.
    #[test]
    fn empty_cells() {
        let x: Vec<f32> = (0..2048 * 3).map(|at| (at / 3 % 3) as f32).collect();
        let mut file = InvertedFile::new(&x, 3, 6, 2).unwrap().unwrap();
        file.aim();
        let found = file.finish().unwrap();
        assert!(found.neighbours.distances().iter().all(|&distance| distance == 0.0));
    }

    #[test]
    fn odd_inputs() {
        assert!(InvertedFile::new(&rows(500, 4, 1.0, 1), 4, 5, 1).unwrap().is_none(), "too few for cells");
        let mut huge = rows(3000, 4, 1.0, 1);
        huge[5] = 1e20;
        assert!(InvertedFile::new(&huge, 4, 5, 1).unwrap().is_none());
        huge[5] = f32::NAN;
        assert!(matches!(InvertedFile::new(&huge, 4, 5, 1), Err(GraphError::NonFinite { row: 1, column: 1, .. })));
        assert!(InvertedFile::new(&[0.0; 8], 4, 2, 1).is_err() && InvertedFile::new(&[0.0; 8], 4, 0, 1).is_err());
        // All rows alike fall into one cell.
        let alike = vec![0.5; 4 * 2048];
        let mut file = InvertedFile::new(&alike, 4, 5, 1).unwrap().unwrap();
        file.aim();
        let found = file.finish().unwrap();
        assert!(found.neighbours.distances().iter().all(|&distance| distance == 0.0));
    }
}
