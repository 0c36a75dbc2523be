//! Principal components: the projection onto the directions in which the rows differ most.
//!
//! scores = (x − mean) · componentsᵀ, where components are the leading eigenvectors of the covariance
//!
//! Shapes   x: (N,C) f32 · components: (P,C) · scores: (N,P) · P = min(asked for, C, N − 1)
//! Method   mean-centred, not scaled. Each block of rows is centred on its own mean and multiplied in f32; blocks are put
//!          together in f64 (Chan, Golub & LeVeque 1983). Then the covariance's leading eigenvectors are found: all of
//!          them by `nalgebra` up to DENSE_COLUMNS_MAX, else only the leading ones by Chebyshev-filtered subspace
//!          iteration with Rayleigh–Ritz (Zhou, Saad, Tiago & Chelikowsky 2006), until ‖A·v − λ·v‖ ≤ 1e-6 · λ_max for
//!          every vector wanted
//! Signs    the loading of largest magnitude is positive, so that a report repeats
//! Agrees   scikit-learn's PCA, up to sign; scores to 1e-4 of the first component's deviation
//! Memory   12·C² bytes for the covariance: 201 MB at C = 4096; the rows pass in blocks

use matrixmultiply::dgemm;
use nalgebra::{DMatrix, SymmetricEigen};

use super::{GraphError, finite_rows};
use crate::compute::cpu::matmul::{self, Gram, Shape};
use crate::compute::cpu::{Weights, parallel};
use crate::compute::ops::matmul::{MatMul, WeightLayout};
use crate::rng::Rng;

/// Up to here the whole spectrum costs about as much as the leading part of it.
const DENSE_COLUMNS_MAX: usize = 384;
/// Rows that are added up by one thread.
const SUMMED_ROWS: usize = 256;
/// Rows that are projected at once: centred, they stay in a second-level cache.
const PROJECTED_ROWS: usize = 128;
/// Multiply-adds of one step; tenths of a second in a browser.
const STEP_WORK: usize = 1 << 31;
/// Columns of a product below which a thread is not worth its call.
const SHARED_COLUMNS_MIN: usize = 64;
const CHEBYSHEV_DEGREE_MAX: usize = 10;
const SUBSPACE_ITERATIONS_MAX: usize = 100;
const RESIDUAL_MAX: f64 = 1e-6;
const WHAT: &str = "the principal components' input";

#[derive(Clone, Debug, PartialEq)]
pub struct Pca {
    /// P.
    pub n_components: usize,
    /// (N,P)
    pub scores: Vec<f32>,
    /// (P,C), orthonormal rows.
    pub components: Vec<f32>,
    /// (C)
    pub mean: Vec<f32>,
    /// (P) variance along each component, descending; divided by N − 1.
    pub explained_variance: Vec<f64>,
    /// (P) the same as shares of the total variance; 0 where the rows do not differ at all.
    pub explained_variance_ratio: Vec<f64>,
}

/// Principal components, found block by block, so that the rows need not be in memory at once.
///
/// Every row passes once before `solve`, in blocks of at most `block_rows()`: `add`. A second time it passes
/// `Pca::project`.
pub struct PcaFit {
    rows: usize,
    columns: usize,
    n_components: usize,
    seed: u64,
    rows_added: usize,
    /// (C), of the rows added.
    mean: Vec<f64>,
    /// (C,C) sums of products of the added rows' differences from their mean, on and above the diagonal.
    scatter: Vec<f64>,
    gram: Gram,
    /// The same of one block.
    products: Vec<f32>,
}

impl PcaFit {
    /// `n_components` is cut to min(C, N − 1). The seed starts the subspace iteration; it does not change what is
    /// found beyond the stated convergence.
    ///
    /// Errors   `TooFewRows` below 2; `InvalidOption` for no components or no columns
    pub fn new(rows: usize, columns: usize, n_components: usize, seed: u64) -> Result<Self, GraphError> {
        if rows < 2 {
            return Err(GraphError::TooFewRows { what: "principal components", rows, needed: 2 });
        }
        for (name, value) in [("n_components", n_components), ("the number of columns", columns)] {
            if value == 0 {
                return Err(GraphError::InvalidOption { name, value: 0.0, needed: "at least 1" });
            }
        }
        Ok(PcaFit {
            rows,
            columns,
            n_components: n_components.min(columns).min(rows - 1),
            seed,
            rows_added: 0,
            mean: vec![0.0; columns],
            scatter: vec![0.0; columns * columns],
            gram: Gram::new(columns),
            products: vec![0.0; columns * columns],
        })
    }

    /// Rows of a block: tenths of a second in a browser.
    pub fn block_rows(&self) -> usize {
        (STEP_WORK / (self.columns * self.columns)).clamp(64, 4096).min(self.rows)
    }

    /// Adds a block to the mean and the covariance.
    ///
    /// Errors   `RaggedRows`; `NonFinite`, which names the row among all; `LengthMismatch` for more rows than there are
    pub fn add(&mut self, block: &[f32]) -> Result<(), GraphError> {
        let (columns, before) = (self.columns, self.rows_added);
        let n = whole_rows(block, columns)?;
        if n == 0 {
            return Ok(());
        }
        if before + n > self.rows {
            return Err(self.miscounted(before + n));
        }
        let mut mean = column_sums(block, columns);
        if mean.iter().any(|sum| !sum.is_finite()) {
            finite_block(block, columns, before)?;
        }
        mean.iter_mut().for_each(|sum| *sum /= n as f64);
        let shift: Vec<f32> = mean.iter().map(|&mean| mean as f32).collect();
        self.products.fill(0.0);
        self.gram.add(block, &shift, &mut self.products);

        // What the rounded mean is off by; what the block's mean differs by from that of the rows before it.
        let rounding: Vec<f64> = mean.iter().zip(&shift).map(|(mean, &shift)| mean - f64::from(shift)).collect();
        let step: Vec<f64> = mean.iter().zip(&self.mean).map(|(mean, before)| mean - before).collect();
        let total = (before + n) as f64;
        let weight = before as f64 * n as f64 / total;
        let products = &self.products;
        parallel::over_rows(&mut self.scatter, columns, |start, rows| {
            for (i, row) in (start / columns..).zip(rows.chunks_exact_mut(columns)) {
                let (by_step, by_rounding) = (weight * step[i], n as f64 * rounding[i]);
                let sums = row.iter_mut().zip(&products[i * columns..]).zip(step.iter().zip(&rounding)).skip(i);
                for ((sum, &product), (step, rounding)) in sums {
                    *sum += f64::from(product) + by_step * step - by_rounding * rounding;
                }
            }
        });
        self.mean.iter_mut().zip(&step).for_each(|(mean, step)| *mean += step * (n as f64 / total));
        self.rows_added += n;
        Ok(())
    }

    fn miscounted(&self, got: usize) -> GraphError {
        GraphError::LengthMismatch { what: "the principal components' input, in rows,", expected: self.rows, got }
    }

    /// Solves for the components; the scores are still empty.
    ///
    /// Errors   `LengthMismatch` before all rows were added; `EigenNotConverged` when the subspace iteration does not reach
    ///          its tolerance; `NonFinite` when the values are so large that their products overflow
    pub fn solve(self) -> Result<Pca, GraphError> {
        if self.rows_added != self.rows {
            return Err(self.miscounted(self.rows_added));
        }
        let (columns, p) = (self.columns, self.n_components);
        let PcaFit { rows, mean, scatter, seed, .. } = self;
        let covariance = covariance(scatter, columns, rows);
        if let Some(at) = covariance.iter().position(|value| !value.is_finite()) {
            return Err(GraphError::NonFinite {
                what: "the covariance (the values of these two columns are too large)",
                row: at / columns,
                column: at % columns,
                value: covariance[at] as f32,
            });
        }
        let total: f64 = (0..columns).map(|i| covariance[i * columns + i]).sum();
        let (eigenvalues, mut components) = if columns <= DENSE_COLUMNS_MAX {
            dense_eigenvectors(&covariance, columns, p)
        } else {
            leading_eigenvectors(&covariance, columns, p, seed)?
        };
        for component in components.chunks_exact_mut(columns) {
            let largest = component.iter().fold(0.0f64, |best, &v| if v.abs() > best.abs() { v } else { best });
            if largest < 0.0 {
                component.iter_mut().for_each(|value| *value = -*value);
            }
        }
        let explained_variance: Vec<f64> = eigenvalues.iter().map(|&value| value.max(0.0)).collect();
        let share = if total > 0.0 { 1.0 / total } else { 0.0 };
        Ok(Pca {
            n_components: p,
            scores: Vec::with_capacity(rows * p),
            components: components.iter().map(|&value| value as f32).collect(),
            mean: mean.iter().map(|&mean| mean as f32).collect(),
            explained_variance_ratio: explained_variance.iter().map(|v| v * share).collect(),
            explained_variance,
        })
    }
}

impl Pca {
    /// Adds the scores of a block of rows.
    ///
    /// Errors   `RaggedRows`, `NonFinite`
    pub fn project(&mut self, block: &[f32]) -> Result<(), GraphError> {
        let (columns, p) = (self.mean.len(), self.n_components);
        let n = whole_rows(block, columns)?;
        let start = self.scores.len();
        self.scores.resize(start + n * p, 0.0);
        let op = MatMul { layout: WeightLayout::OutIn, column_offset: 0, accumulate: false };
        let (mean, components) = (&self.mean, &self.components);
        parallel::over_rows(&mut self.scores[start..], p, |first, scores| {
            let rows = &block[first / p * columns..];
            let mut centred = Vec::new();
            for (rows, scores) in rows.chunks(PROJECTED_ROWS * columns).zip(scores.chunks_mut(PROJECTED_ROWS * p)) {
                let m = scores.len() / p;
                centre(&rows[..m * columns], mean, &mut centred);
                let shape = Shape { m, n: p, k: columns, out_columns: p };
                matmul::forward(&op, shape, &centred, Weights::F32(components), None, scores);
            }
        });
        // A number that is not finite leaves no score of its row finite.
        if let Some(at) = self.scores[start..].iter().position(|score| !score.is_finite()) {
            let value = self.scores[start + at];
            self.scores.truncate(start);
            finite_block(block, columns, start / p)?;
            return Err(GraphError::NonFinite { what: "the scores", row: (start + at) / p, column: at % p, value });
        }
        Ok(())
    }
}

/// Principal components of `x`, (N,C) row-major, in one go.
///
/// Errors   `RaggedRows`, and those of `PcaFit`
pub fn pca(x: &[f32], columns: usize, n_components: usize, seed: u64) -> Result<Pca, GraphError> {
    let mut fit = PcaFit::new(whole_rows(x, columns)?, columns, n_components, seed)?;
    let block = fit.block_rows() * columns;
    let blocks = || x.chunks(block);
    blocks().try_for_each(|block| fit.add(block))?;
    let mut found = fit.solve()?;
    blocks().try_for_each(|block| found.project(block))?;
    Ok(found)
}

fn whole_rows(block: &[f32], columns: usize) -> Result<usize, GraphError> {
    if columns == 0 || !block.len().is_multiple_of(columns) {
        return Err(GraphError::RaggedRows { what: WHAT, length: block.len(), columns });
    }
    Ok(block.len() / columns)
}

/// Rows of a block; errors name the row among all, of which `start` came before.
fn finite_block(block: &[f32], columns: usize, start: usize) -> Result<usize, GraphError> {
    finite_rows(WHAT, block, columns).map_err(|error| match error {
        GraphError::NonFinite { what, row, column, value } => {
            GraphError::NonFinite { what, row: start + row, column, value }
        }
        other => other,
    })
}

/// Sums over the rows, in an order that is the same for any number of threads.
fn column_sums(block: &[f32], columns: usize) -> Vec<f64> {
    let mut partial = vec![0.0f64; block.len().div_ceil(SUMMED_ROWS * columns) * columns];
    parallel::over_rows(&mut partial, columns, |start, partial| {
        let rows = block[start * SUMMED_ROWS..].chunks(SUMMED_ROWS * columns);
        for (sums, rows) in partial.chunks_exact_mut(columns).zip(rows) {
            for row in rows.chunks_exact(columns) {
                sums.iter_mut().zip(row).for_each(|(sum, &value)| *sum += f64::from(value));
            }
        }
    });
    let mut sums = vec![0.0; columns];
    for partial in partial.chunks_exact(columns) {
        sums.iter_mut().zip(partial).for_each(|(sum, partial)| *sum += partial);
    }
    sums
}

/// (C,C), of sums of products on and above the diagonal.
fn covariance(mut scatter: Vec<f64>, columns: usize, rows: usize) -> Vec<f64> {
    let divisor = (rows - 1) as f64;
    for i in 0..columns {
        for j in i..columns {
            scatter[i * columns + j] /= divisor;
            scatter[j * columns + i] = scatter[i * columns + j];
        }
    }
    scatter
}

fn centre(block: &[f32], mean: &[f32], centred: &mut Vec<f32>) {
    centred.clear();
    for row in block.chunks_exact(mean.len()) {
        centred.extend(row.iter().zip(mean).map(|(value, mean)| value - mean));
    }
}

/// The `p` largest eigenvalues, descending, and their eigenvectors as rows.
fn dense_eigenvectors(a: &[f64], n: usize, p: usize) -> (Vec<f64>, Vec<f64>) {
    let eigen = SymmetricEigen::new(DMatrix::from_column_slice(n, n, a));
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&i, &j| eigen.eigenvalues[j].total_cmp(&eigen.eigenvalues[i]));
    order.truncate(p);
    let values = order.iter().map(|&i| eigen.eigenvalues[i]).collect();
    let vectors =
        order.iter().flat_map(|&i| eigen.eigenvectors.column(i).iter().copied().collect::<Vec<_>>()).collect();
    (values, vectors)
}

/// The same by subspace iteration. The block holds half as many vectors again as are wanted, because convergence goes
/// by the gap between the last wanted eigenvalue and the last of the block.
fn leading_eigenvectors(a: &[f64], n: usize, p: usize, seed: u64) -> Result<(Vec<f64>, Vec<f64>), GraphError> {
    let m = (p + (p / 2).max(16)).min(n);
    let mut rng = Rng::new(seed);
    let mut block: Vec<f64> = (0..m * n).map(|_| f64::from(rng.normal())).collect();
    let mut image = vec![0.0; m * n];
    let mut before = vec![0.0; m * n];
    let mut residual = f64::INFINITY;
    // A random block says little about the spectrum, which the first filter is made for; its image says enough.
    orthonormalise(&mut block, n, &mut rng);
    multiply(&block, a, &mut image, m, n, n, false);
    std::mem::swap(&mut block, &mut image);
    for _ in 0..SUBSPACE_ITERATIONS_MAX {
        orthonormalise(&mut block, n, &mut rng);
        multiply(&block, a, &mut image, m, n, n, false);
        let mut projected = vec![0.0; m * m];
        multiply(&image, &block, &mut projected, m, n, m, true);
        // Rounding leaves the two halves a digit apart; the solver reads one of them.
        let (values, rotation) = dense_eigenvectors(&projected, m, m);
        multiply(&rotation, &block, &mut before, m, m, n, false);
        std::mem::swap(&mut block, &mut before);
        multiply(&rotation, &image, &mut before, m, m, n, false);
        std::mem::swap(&mut image, &mut before);

        residual = (0..p)
            .map(|i| {
                let (vector, image) = (&block[i * n..][..n], &image[i * n..][..n]);
                let squares: f64 = vector.iter().zip(image).map(|(v, av)| (av - values[i] * v).powi(2)).sum();
                squares.sqrt()
            })
            .fold(0.0, f64::max);
        if residual <= RESIDUAL_MAX * values[0] || m == n {
            block.truncate(p * n);
            return Ok((values[..p].to_vec(), block));
        }

        // The filter T_d maps [0, upper], where nothing is wanted, into [−1, 1] and grows fast above it. A covariance
        // has no eigenvalue below 0. The σ keep the values near 1 at the largest eigenvalue, against overflow.
        let upper = values[m - 1].max(values[0] * 1e-9);
        let (half, middle) = (upper / 2.0, upper / 2.0);
        let sigma_first = half / (values[0] - middle);
        // |T_d(t)| is about e^(d · acosh t) / 2: no more of it than the last wanted vector still lacks.
        let growth = ((values[p - 1] - middle) / half).max(1.0).acosh();
        let lacking = (4.0 * residual / (RESIDUAL_MAX * values[0])).ln();
        let degree = ((lacking / growth).ceil() as usize).clamp(2, CHEBYSHEV_DEGREE_MAX);
        let mut sigma = sigma_first;
        before.copy_from_slice(&block);
        for (next, &v) in image.iter_mut().zip(&block) {
            *next = (*next - middle * v) * sigma / half;
        }
        std::mem::swap(&mut block, &mut image);
        for _ in 1..degree {
            let sigma_next = 1.0 / (2.0 / sigma_first - sigma);
            multiply(&block, a, &mut image, m, n, n, false);
            for ((next, &current), &previous) in image.iter_mut().zip(&block).zip(&before) {
                *next = 2.0 * (*next - middle * current) * sigma_next / half - sigma * sigma_next * previous;
            }
            std::mem::swap(&mut before, &mut block);
            std::mem::swap(&mut block, &mut image);
            sigma = sigma_next;
        }
    }
    Err(GraphError::EigenNotConverged { iterations: SUBSPACE_ITERATIONS_MAX, residual, tolerance: RESIDUAL_MAX })
}

/// out (m,n) = a (m,k) · b (k,n), or · bᵀ of b (n,k); columns are shared out over the threads.
fn multiply(a: &[f64], b: &[f64], out: &mut [f64], m: usize, k: usize, n: usize, b_transposed: bool) {
    assert!(a.len() == m * k && b.len() == k * n && out.len() == m * n);
    let (b_row_stride, b_column_stride) = if b_transposed { (1, k) } else { (n, 1) };
    let out = parallel::Shared(out.as_mut_ptr());
    let share = n.div_ceil(parallel::threads()).max(SHARED_COLUMNS_MIN);
    parallel::each(n.div_ceil(share), |index| {
        let first = index * share;
        // SAFETY: the three lengths were checked against the shapes that the strides walk over, and these columns of `out`
        // are written by this call alone.
        unsafe {
            dgemm(
                m,
                k,
                share.min(n - first),
                1.0,
                a.as_ptr(),
                k as isize,
                1,
                b.as_ptr().add(first * b_column_stride),
                b_row_stride as isize,
                b_column_stride as isize,
                0.0,
                out.at(first),
                n as isize,
                1,
            );
        }
    });
}

/// Gram–Schmidt, each row against the earlier ones twice. A row that vanishes is replaced by a random one.
fn orthonormalise(block: &mut [f64], n: usize, rng: &mut Rng) {
    for i in 0..block.len() / n {
        loop {
            let (earlier, rest) = block.split_at_mut(i * n);
            let row = &mut rest[..n];
            let length_before = length(row);
            for _ in 0..2 {
                for other in earlier.chunks_exact(n) {
                    let overlap: f64 = row.iter().zip(other).map(|(a, b)| a * b).sum();
                    row.iter_mut().zip(other).for_each(|(a, b)| *a -= overlap * b);
                }
            }
            let length_after = length(row);
            if length_after > 1e-10 * length_before {
                row.iter_mut().for_each(|value| *value /= length_after);
                break;
            }
            row.iter_mut().for_each(|value| *value = f64::from(rng.normal()));
        }
    }
}

fn length(row: &[f64]) -> f64 {
    row.iter().map(|value| value * value).sum::<f64>().sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn random_rows(rows: usize, columns: usize, seed: u64) -> Vec<f32> {
        let mut rng = Rng::new(seed);
        (0..rows * columns).map(|at| rng.normal() * (1.0 + (at % columns) as f32).powf(-0.5)).collect()
    }

    /// Oracle: closed form. Points on the line (1, 2)·t + (5, −3): one component, with all the variance.
    #[test]
    fn a_line_has_one_component() {
        let x: Vec<f32> = (0..9).flat_map(|t| [5.0 + t as f32, -3.0 + 2.0 * t as f32]).collect();
        let found = pca(&x, 2, 2, 1).unwrap();
        assert_eq!(found.mean, [9.0, 5.0]);
        assert!((found.explained_variance_ratio[0] - 1.0).abs() < 1e-12);
        assert!((found.explained_variance[0] - 7.5 * 5.0).abs() < 1e-9);
        for t in 0..9 {
            let expected = (t as f32 - 4.0) * 5.0f32.sqrt();
            assert!((found.scores[2 * t] - expected).abs() < 1e-5);
            assert!(found.scores[2 * t + 1].abs() < 1e-5);
        }
    }

    /// Oracle: the dense solver. Both paths find the same leading eigenpairs.
    #[test]
    fn subspace_iteration_equals_the_dense_solver() {
        let (rows, n, p) = (300, 120, 12);
        let x = random_rows(rows, n, 3);
        let mut fit = PcaFit::new(rows, n, p, 0).unwrap();
        fit.add(&x).unwrap();
        let a = covariance(fit.scatter, n, rows);
        let (dense_values, dense) = dense_eigenvectors(&a, n, p);
        let (values, vectors) = leading_eigenvectors(&a, n, p, 9).unwrap();
        for i in 0..p {
            assert!((values[i] - dense_values[i]).abs() <= 1e-6 * dense_values[0]);
            let overlap: f64 = (0..n).map(|c| vectors[i * n + c] * dense[i * n + c]).sum();
            assert!(overlap.abs() > 1.0 - 1e-6, "component {i}: overlap {overlap}");
        }
        let wrong: f64 = (0..n).map(|c| vectors[c] * dense[n + c]).sum();
        assert!(wrong.abs() < 1e-3, "negative control: components 0 and 1 are not the same");
    }

    /// Oracle: linear algebra. A covariance of rank 3 among 30 columns leaves nothing for the rest of the block.
    #[test]
    fn subspace_iteration_survives_a_low_rank() {
        let n = 30;
        let mut a = vec![0.0; n * n];
        for (i, value) in [(4, 9.0), (17, 4.0), (20, 1.0)] {
            a[i * n + i] = value;
        }
        let (values, vectors) = leading_eigenvectors(&a, n, 5, 1).unwrap();
        for (value, expected) in values.iter().zip([9.0, 4.0, 1.0, 0.0, 0.0]) {
            assert!((value - expected).abs() < 1e-6);
        }
        assert!((vectors[4].abs() - 1.0).abs() < 1e-6);
    }

    /// Identical rows: no variance, no NaN, on both paths.
    #[test]
    fn rows_that_do_not_differ() {
        for columns in [3, DENSE_COLUMNS_MAX + 1] {
            let x = vec![0.25; 6 * columns];
            let found = pca(&x, columns, 2, 1).unwrap();
            assert!(found.scores.iter().all(|&value| value == 0.0));
            assert_eq!(found.explained_variance_ratio, [0.0, 0.0]);
        }
    }

    #[test]
    fn blocks_give_the_same_as_one_go() {
        let x = random_rows(5000, 5, 8);
        let mut fit = PcaFit::new(5000, 5, 3, 7).unwrap();
        let size = fit.block_rows() * 5;
        x.chunks(size).for_each(|block| fit.add(block).unwrap());
        assert!(matches!(fit.add(&x[..5]), Err(GraphError::LengthMismatch { expected: 5000, got: 5001, .. })));
        let mut found = fit.solve().unwrap();
        x.chunks(777 * 5).for_each(|block| found.project(block).unwrap());
        assert_eq!(found, pca(&x, 5, 3, 7).unwrap());
        let short = PcaFit::new(5000, 5, 3, 7).unwrap();
        assert!(matches!(short.solve(), Err(GraphError::LengthMismatch { expected: 5000, got: 0, .. })));
    }

    #[test]
    fn bad_input_is_an_error_that_names_the_row() {
        let mut x = random_rows(10, 4, 2);
        assert!(matches!(pca(&x, 3, 2, 1), Err(GraphError::RaggedRows { length: 40, columns: 3, .. })));
        assert!(matches!(pca(&x, 0, 2, 1), Err(GraphError::RaggedRows { .. })));
        assert!(matches!(pca(&x[..4], 4, 2, 1), Err(GraphError::TooFewRows { rows: 1, needed: 2, .. })));
        assert!(matches!(pca(&x, 4, 0, 1), Err(GraphError::InvalidOption { .. })));
        x[4 * 7 + 2] = f32::INFINITY;
        let error = pca(&x, 4, 2, 1).unwrap_err();
        assert!(matches!(error, GraphError::NonFinite { row: 7, column: 2, .. }));
        assert!(error.hint().unwrap().contains("row 7"));
        let huge = [1e38, -1e38, 0.5e38, 1e38];
        assert!(matches!(pca(&huge, 1, 1, 1), Err(GraphError::NonFinite { .. })));
    }
}
