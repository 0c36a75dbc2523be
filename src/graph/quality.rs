//! How good a partition is, and whether its communities hold together.
//!
//! Q = Σ_c [ e_c / m − γ · (K_c / 2m)² ]
//!
//! Symbols  e_c: weight inside community c, each edge once · K_c: sum of the degrees in c · m: weight of all edges
//! Source   Reichardt & Bornholdt 2006 with the configuration null model; leidenalg's RBConfiguration / 2m,
//!          igraph's modularity with resolution
//! Range    at most 1; for γ = 1 at least −1/2

use super::{Csr, GraphError};

/// Modularity with resolution of a partition; 0 for a graph without edges. Communities may have any numbers.
///
/// Errors   `LengthMismatch` unless there is one membership for each vertex
pub fn modularity(graph: &Csr, membership: &[u32], resolution: f64) -> Result<f64, GraphError> {
    check(graph, membership)?;
    let (labels, n_communities) = relabelled(membership);
    let mut inside = vec![0.0f64; n_communities];
    let mut degrees = vec![0.0f64; n_communities];
    for vertex in 0..graph.n_vertices() {
        let community = labels[vertex] as usize;
        let (columns, weights) = graph.row(vertex);
        for (&column, &weight) in columns.iter().zip(weights) {
            let weight = f64::from(weight);
            degrees[community] += weight;
            if labels[column as usize] as usize == community {
                inside[community] += weight;
            }
        }
    }
    let twice_m: f64 = degrees.iter().sum();
    if twice_m == 0.0 {
        return Ok(0.0);
    }
    // Both halves of an edge were counted, in `inside` and in 2m alike, so their ratio is e_c / m.
    Ok(inside
        .iter()
        .zip(&degrees)
        .map(|(inside, degree)| inside / twice_m - resolution * (degree / twice_m).powi(2))
        .sum())
}

/// Splits every community into its connected parts.
///
/// Returns a membership with numbers 0.. in order of first appearance, and how many communities were not connected.
///
/// Errors   `LengthMismatch` unless there is one membership for each vertex
pub fn connected_communities(graph: &Csr, membership: &[u32]) -> Result<(Vec<u32>, usize), GraphError> {
    check(graph, membership)?;
    let (labels, n_communities) = relabelled(membership);
    let mut parts = vec![u32::MAX; labels.len()];
    let mut parts_of = vec![0usize; n_communities];
    let mut n_parts = 0u32;
    let mut queue = Vec::new();
    for seed in 0..labels.len() {
        if parts[seed] != u32::MAX {
            continue;
        }
        parts_of[labels[seed] as usize] += 1;
        parts[seed] = n_parts;
        queue.push(seed);
        while let Some(vertex) = queue.pop() {
            for &column in graph.row(vertex).0 {
                let other = column as usize;
                if parts[other] == u32::MAX && labels[other] == labels[seed] {
                    parts[other] = n_parts;
                    queue.push(other);
                }
            }
        }
        n_parts += 1;
    }
    let n_split = parts_of.iter().filter(|&&count| count > 1).count();
    Ok((parts, n_split))
}

fn check(graph: &Csr, membership: &[u32]) -> Result<(), GraphError> {
    if membership.len() == graph.n_vertices() {
        return Ok(());
    }
    Err(GraphError::LengthMismatch { what: "the membership", expected: graph.n_vertices(), got: membership.len() })
}

/// Communities numbered 0.. without gaps, so that a stranger's number cannot ask for gigabytes.
fn relabelled(membership: &[u32]) -> (Vec<u32>, usize) {
    let mut known: Vec<u32> = membership.to_vec();
    known.sort_unstable();
    known.dedup();
    let labels = membership.iter().map(|label| known.partition_point(|other| other < label) as u32).collect();
    (labels, known.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two_triangles() -> Csr {
        let edges = [(0, 1), (1, 2), (0, 2), (3, 4), (4, 5), (3, 5), (2, 3)];
        Csr::from_edges(6, &edges.map(|(a, b)| (a, b, 1.0))).unwrap()
    }

    /// Oracle: closed form. Two triangles joined by one edge: m = 7, e = 3 and K = 7 each, Q = 6/7 − γ/2.
    #[test]
    fn two_triangles_and_a_bridge() {
        let graph = two_triangles();
        for resolution in [0.0, 1.0, 10.0] {
            let q = modularity(&graph, &[8, 8, 8, 4_000_000_000, 4_000_000_000, 4_000_000_000], resolution).unwrap();
            assert!((q - (6.0 / 7.0 - resolution / 2.0)).abs() < 1e-12, "{q}");
        }
        let all = modularity(&graph, &[0; 6], 1.0).unwrap();
        assert!(all.abs() < 1e-12, "one community has modularity 0, not {all}");
        assert!(modularity(&graph, &[0; 5], 1.0).is_err());
        assert_eq!(modularity(&Csr::from_edges(2, &[]).unwrap(), &[0, 1], 1.0).unwrap(), 0.0);
    }

    /// Oracle: written out by hand. Negative control: a community of two far ends is found and split.
    #[test]
    fn a_torn_community_is_split() {
        let graph = two_triangles();
        let (same, n_split) = connected_communities(&graph, &[5, 5, 5, 2, 2, 2]).unwrap();
        assert_eq!((same, n_split), (vec![0, 0, 0, 1, 1, 1], 0));
        let (split, n_split) = connected_communities(&graph, &[0, 0, 1, 1, 0, 0]).unwrap();
        assert_eq!((split, n_split), (vec![0, 0, 1, 1, 2, 2], 1));
    }
}
