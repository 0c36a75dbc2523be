//! K-means: every row belongs to the nearest of k centres, every centre is the mean of its rows.
//!
//! Method   Lloyd 1982 from given centres, until no row changes its cluster or `ITERATIONS_MAX`; initial centres by
//!          k-means++ (Arthur & Vassilvitskii 2007), drawn from a seed
//! Ties     go to the lower centre; a centre without rows stays where it is
//! Agrees   scikit-learn's KMeans(algorithm="lloyd", tol=0) from the same centres: labels exactly, centres to 1e-5

use super::{GraphError, finite_rows};
use crate::rng::Rng;

const ITERATIONS_MAX: usize = 300;
/// The stream of a seed that draws initial centres.
const CENTRES: u64 = 0x6b6d_6561_6e73_0001;

#[derive(Clone, Debug, PartialEq)]
pub struct KMeans {
    /// Cluster of each row.
    pub labels: Vec<u32>,
    /// (k,C)
    pub centres: Vec<f32>,
    pub iterations: usize,
}

/// Clusters rows of `columns` numbers into `k`, from centres drawn by `seed`.
///
/// Errors   `RaggedRows`, `NonFinite`; `TooFewRows` when there are fewer rows than clusters
pub fn kmeans(x: &[f32], columns: usize, k: usize, seed: u64) -> Result<KMeans, GraphError> {
    let rows = finite_rows("the input of k-means", x, columns)?;
    if k == 0 || rows < k {
        return Err(GraphError::TooFewRows { what: "k-means", rows, needed: k.max(1) });
    }
    let mut rng = Rng::with_stream(seed, CENTRES);
    let mut centres = row(x, columns, rng.below(rows as u32) as usize).to_vec();
    let mut nearest = vec![f64::INFINITY; rows];
    while centres.len() < k * columns {
        let newest = centres[centres.len() - columns..].to_vec();
        let mut total = 0.0;
        for (i, nearest) in nearest.iter_mut().enumerate() {
            *nearest = nearest.min(squared_distance(row(x, columns, i), &newest));
            total += *nearest;
        }
        // Proportional to the squared distance; any row when all lie on centres.
        let mut wanted = f64::from(rng.uniform()) * total;
        let chosen = nearest.iter().position(|&distance| {
            wanted -= distance;
            wanted < 0.0
        });
        let chosen = chosen.unwrap_or_else(|| rng.below(rows as u32) as usize);
        centres.extend_from_slice(row(x, columns, chosen));
    }
    kmeans_from(x, columns, centres)
}

/// The same from given centres, (k,C) and at least one.
pub fn kmeans_from(x: &[f32], columns: usize, mut centres: Vec<f32>) -> Result<KMeans, GraphError> {
    let rows = finite_rows("the input of k-means", x, columns)?;
    let k = finite_rows("the centres of k-means", &centres, columns)?;
    if k == 0 || rows < k {
        return Err(GraphError::TooFewRows { what: "k-means", rows, needed: k.max(1) });
    }
    let mut labels = vec![u32::MAX; rows];
    let mut iterations = 0;
    while iterations < ITERATIONS_MAX {
        iterations += 1;
        let mut changed = false;
        for (i, label) in labels.iter_mut().enumerate() {
            let nearest = nearest(row(x, columns, i), &centres, columns);
            changed |= *label != nearest;
            *label = nearest;
        }
        if !changed {
            break;
        }
        let (mut sums, mut counts) = (vec![0.0f64; k * columns], vec![0u32; k]);
        for (i, &label) in labels.iter().enumerate() {
            counts[label as usize] += 1;
            let sum = &mut sums[label as usize * columns..][..columns];
            sum.iter_mut().zip(row(x, columns, i)).for_each(|(sum, &value)| *sum += f64::from(value));
        }
        for (cluster, &count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
            let centre = &mut centres[cluster * columns..][..columns];
            let sum = &sums[cluster * columns..][..columns];
            centre.iter_mut().zip(sum).for_each(|(centre, sum)| *centre = (sum / f64::from(count)) as f32);
        }
    }
    Ok(KMeans { labels, centres, iterations })
}

fn row(x: &[f32], columns: usize, i: usize) -> &[f32] {
    &x[i * columns..][..columns]
}

/// The centre nearest to a point, the lower one in a tie.
pub fn nearest(point: &[f32], centres: &[f32], columns: usize) -> u32 {
    let mut best = (f64::INFINITY, 0);
    for (cluster, centre) in centres.chunks_exact(columns).enumerate() {
        let distance = squared_distance(point, centre);
        if distance < best.0 {
            best = (distance, cluster as u32);
        }
    }
    best.1
}

/// Eight lanes at a time, their sum in f64.
fn squared_distance(a: &[f32], b: &[f32]) -> f64 {
    let mut sums = [0.0f32; 8];
    let ((a8, a_rest), (b8, b_rest)) = (a.as_chunks::<8>(), b.as_chunks::<8>());
    for (a, b) in a8.iter().zip(b8) {
        for lane in 0..8 {
            sums[lane] += (a[lane] - b[lane]) * (a[lane] - b[lane]);
        }
    }
    let rest: f64 = a_rest.iter().zip(b_rest).map(|(a, b)| f64::from((a - b) * (a - b))).sum();
    sums.iter().map(|&sum| f64::from(sum)).sum::<f64>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Oracle: by hand. Two far pairs on a line.
    #[test]
    fn two_pairs_are_two_clusters() {
        let x = [0.0, 1.0, 10.0, 11.0];
        let made = kmeans_from(&x, 1, vec![0.0, 1.0]).unwrap();
        assert_eq!((made.labels, made.centres), (vec![0, 0, 1, 1], vec![0.5, 10.5]));
        for seed in 0..5 {
            let made = kmeans(&x, 1, 2, seed).unwrap();
            assert!(made.labels[0] == made.labels[1] && made.labels[1] != made.labels[2]);
            assert_eq!(kmeans(&x, 1, 2, seed).unwrap(), made);
        }
        assert!(kmeans(&x, 1, 5, 0).is_err() && kmeans(&[f32::NAN, 1.0], 1, 1, 0).is_err());
        assert!(kmeans(&[1.0; 6], 1, 3, 0).is_ok(), "rows that are all alike");
    }
}
