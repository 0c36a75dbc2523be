//! UMAP's edge weights: distances to neighbours become memberships in (0, 1], joined by a fuzzy union.
//!
//! w(i→j) = exp(−max(0, d(i,j) − ρ_i) / σ_i) · w(i,j) = w(i→j) + w(j→i) − w(i→j)·w(j→i)
//!
//! Shapes   neighbours: (N,K), the row itself not counted; k = K + 1 below counts it, as UMAP does
//! Rho      smallest strictly positive distance of the row; 0 when all are 0
//! Sigma    solves Σ_j exp(−max(0, d − ρ)/σ) = log2(k) over the K neighbours by bisection, with Newton's step where it
//!          stays between the bounds: at most 64 steps, tolerance 1e-5; at least 1e-3 × the row's mean distance, or × the mean of all rows where ρ = 0. The means count the
//!          zero distance of a row to itself
//! Source   McInnes, Healy & Melville 2018, "UMAP", algorithm 3; umap-learn's smooth_knn_dist and
//!          fuzzy_simplicial_set with local_connectivity 1, bandwidth 1, set_op_mix_ratio 1
//! Agrees   umap-learn: ρ exactly; the weights to 2e-5, which is what its stopping tolerance allows
//! Note     sums are in f64 where umap-learn's are in f32, so that platforms whose exp differs in the last digit agree

use super::{Csr, GraphError, Neighbours};
use crate::compute::cpu::parallel;

const STEPS: usize = 64;
const SUM_TOLERANCE: f64 = 1e-5;
const SIGMA_FLOOR: f64 = 1e-3;

/// Per row, the distance that counts as 0 and the scale of the decay beyond it.
#[derive(Clone, Debug, PartialEq)]
pub struct SmoothedDistances {
    /// (N)
    pub rho: Vec<f32>,
    /// (N)
    pub sigma: Vec<f32>,
}

/// Finds ρ and σ of every row.
pub fn smooth_knn_distances(neighbours: &Neighbours) -> SmoothedDistances {
    let k = (neighbours.n_neighbors() + 1) as f64;
    let target = k.log2();
    let sum = |distances: &[f32]| distances.iter().map(|&d| f64::from(d)).sum::<f64>();
    let rows = neighbours.rows();
    let mean_of_all = sum(neighbours.distances()) / (k * rows.max(1) as f64);

    let mut smoothed = SmoothedDistances { rho: vec![0.0; rows], sigma: vec![0.0; rows] };
    parallel::over_two(&mut smoothed.rho, 1, &mut smoothed.sigma, 1, |row, rho_of_row, sigma_of_row| {
        let (_, distances) = neighbours.row(row);
        let rho = distances.iter().copied().find(|&d| d > 0.0).unwrap_or(0.0);
        let (mut low, mut high, mut sigma) = (0.0f64, f64::INFINITY, 1.0f64);
        for _ in 0..STEPS {
            let (mut members, mut slope) = (0.0, 0.0);
            for &distance in distances {
                let member = membership(distance, rho, sigma);
                members += member;
                slope += member * f64::from((distance - rho).max(0.0));
            }
            if (members - target).abs() < SUM_TOLERANCE {
                break;
            }
            if members > target {
                high = sigma;
            } else {
                low = sigma;
            }
            let newton = sigma - (members - target) * sigma * sigma / slope;
            sigma = if newton > low && newton < high {
                newton
            } else if high.is_infinite() {
                sigma * 2.0
            } else {
                (low + high) / 2.0
            };
        }
        let mean = if rho > 0.0 { sum(distances) / k } else { mean_of_all };
        rho_of_row[0] = rho;
        sigma_of_row[0] = sigma.max(SIGMA_FLOOR * mean) as f32;
    });
    smoothed
}

fn membership(distance: f32, rho: f32, sigma: f64) -> f64 {
    let beyond = distance - rho;
    if beyond > 0.0 { (-f64::from(beyond) / sigma).exp() } else { 1.0 }
}

/// The symmetric graph of UMAP weights. Edges whose weight underflows to 0 are left out.
///
/// Errors   `TooFewRows` for no rows at all
pub fn fuzzy_graph(neighbours: &Neighbours) -> Result<Csr, GraphError> {
    let rows = neighbours.rows();
    if rows == 0 {
        return Err(GraphError::TooFewRows { what: "a neighbour graph", rows, needed: 2 });
    }
    let SmoothedDistances { rho, sigma } = smooth_knn_distances(neighbours);
    let k = neighbours.n_neighbors();

    // The directed weights, each row ascending by column, every row K long.
    let mut forward: Vec<(u32, f32)> = Vec::with_capacity(rows * k);
    let mut incoming_starts = vec![0usize; rows + 1];
    for row in 0..rows {
        let (indices, distances) = neighbours.row(row);
        for (&index, &distance) in indices.iter().zip(distances) {
            let weight = membership(distance, rho[row], f64::from(sigma[row])) as f32;
            forward.push((index, weight));
            incoming_starts[index as usize + 1] += 1;
        }
        forward[row * k..].sort_unstable_by_key(|&(column, _)| column);
    }
    // Their transpose by counting sort: rows are visited in order, so each list ascends by itself.
    for row in 0..rows {
        incoming_starts[row + 1] += incoming_starts[row];
    }
    let mut next = incoming_starts.clone();
    let mut incoming = vec![(0u32, 0.0f32); rows * k];
    for (at, &(column, weight)) in forward.iter().enumerate() {
        let slot = &mut next[column as usize];
        incoming[*slot] = ((at / k) as u32, weight);
        *slot += 1;
    }

    let mut row_starts = Vec::with_capacity(rows + 1);
    row_starts.push(0);
    let (mut columns, mut weights) = (Vec::new(), Vec::new());
    for row in 0..rows {
        let mut outward = forward[row * k..][..k].iter().copied().peekable();
        let mut inward = incoming[incoming_starts[row]..incoming_starts[row + 1]].iter().copied().peekable();
        loop {
            let column = match (outward.peek(), inward.peek()) {
                (None, None) => break,
                (Some(a), Some(b)) => a.0.min(b.0),
                (Some(one), None) | (None, Some(one)) => one.0,
            };
            let there = outward.next_if(|entry| entry.0 == column).map_or(0.0, |entry| entry.1);
            let back = inward.next_if(|entry| entry.0 == column).map_or(0.0, |entry| entry.1);
            // Commutative in there and back, so both halves of an edge round alike; rounding may pass 1 by one digit.
            let union = (there + back - there * back).min(1.0);
            if union > 0.0 {
                columns.push(column);
                weights.push(union);
            }
        }
        row_starts.push(columns.len());
    }
    Ok(Csr::from_valid_parts(row_starts, columns, weights))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Oracle: closed form. With three neighbours at 1, 2, 2 the equation 1 + 2·exp(−1/σ) = log2(4) gives σ = 1/ln 2.
    #[test]
    fn sigma_solves_its_equation() {
        let neighbours =
            Neighbours::new(3, vec![1, 2, 3, 0, 2, 3, 0, 1, 3, 0, 1, 2], [1.0, 2.0, 2.0].repeat(4)).unwrap();
        let smoothed = smooth_knn_distances(&neighbours);
        for row in 0..4 {
            assert_eq!(smoothed.rho[row], 1.0);
            let sigma = f64::from(smoothed.sigma[row]);
            assert!((sigma - 1.0 / std::f64::consts::LN_2).abs() < 1e-4, "{sigma}");
        }
    }

    /// Oracle: closed form. Identical rows are at distance 0 from each other: every weight is 1, nothing is NaN.
    #[test]
    fn identical_rows_are_joined_with_weight_one() {
        let neighbours = Neighbours::exact(&[0.5; 12], 2, 3).unwrap();
        let graph = fuzzy_graph(&neighbours).unwrap();
        assert!(graph.n_entries() > 0);
        for row in 0..6 {
            assert!(graph.row(row).1.iter().all(|&weight| weight == 1.0));
        }
    }
}
