//! Communities: the Leiden algorithm on modularity with resolution.
//!
//! A pass moves vertices, refines and aggregates until no level changes; the next pass starts from its communities.
//! Passes repeat until one gains nothing. The work itself is done by the crate `leiden-rs`; this file drives it pass by
//! pass, keeps the best result, and repairs what a pass may leave: a community whose parts hang together by nothing.
//!
//! Quality  `super::quality::modularity`; weights used; start from singletons
//! Source   Traag, Waltman & van Eck 2019, "From Louvain to Leiden"
//! Agrees   igraph's community_leiden run to convergence: at least 0.985 of its quality, on the graphs in tests/golden
//! Numbers  communities are numbered by size, largest first, then by smallest member: a partition has one numbering
//! Cost     seconds a pass for 50,000 vertices and 2 million edges. The crate's refinement clears arrays as long as the
//!          graph anew for every community

use std::ops::ControlFlow;

use leiden_rs::{GraphData, GraphDataBuilder, Leiden, LeidenConfig, LeidenError, QualityType};

use super::{Csr, GraphError, connected_communities, modularity};

/// A pass whose quality grows by less than this share of the total weight has gained nothing.
const GAIN_MIN: f64 = 1e-9;

#[derive(Clone, Debug, PartialEq)]
pub struct LeidenOptions {
    /// γ: the higher, the smaller the communities. At least 0.
    pub resolution: f64,
    pub seed: u64,
    /// Passes at most; at least 1.
    pub max_iterations: usize,
}

impl Default for LeidenOptions {
    /// GlitchHunter's resolution; ten passes are chosen here.
    fn default() -> Self {
        LeidenOptions { resolution: 75.0, seed: 42, max_iterations: 10 }
    }
}

/// Which vertex is in which community.
#[derive(Clone, Debug, PartialEq)]
pub struct Partition {
    /// Community of each vertex.
    pub membership: Vec<u32>,
    /// Vertices in each community, descending.
    pub sizes: Vec<u32>,
    pub n_clusters: u32,
    /// Modularity with resolution, as a share of the total weight.
    pub quality: f64,
    /// Passes made, the last one without gain included.
    pub passes: usize,
    /// Whether the last pass gained nothing; false when the passes ran out or the caller stopped.
    pub converged: bool,
    /// Communities, over all passes, that were not connected and have been split.
    pub n_split: usize,
}

/// What one pass reached.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pass {
    /// 1 for the first.
    pub number: usize,
    pub n_clusters: usize,
    pub quality: f64,
}

/// Leiden, one pass at a time.
pub struct LeidenRun<'a> {
    graph: &'a Csr,
    options: LeidenOptions,
    data: GraphData,
    /// Best so far, communities numbered 0.. in order of first appearance.
    membership: Vec<u32>,
    quality: f64,
    passes: usize,
    done: bool,
    converged: bool,
    n_split: usize,
}

impl<'a> LeidenRun<'a> {
    /// Errors   `InvalidOption` for a resolution that is negative or not finite, or for no passes;
    ///          `TooManyRows` above u32
    pub fn new(graph: &'a Csr, options: &LeidenOptions) -> Result<Self, GraphError> {
        if !(options.resolution.is_finite() && options.resolution >= 0.0) {
            return Err(GraphError::InvalidOption {
                name: "resolution",
                value: options.resolution,
                needed: "finite and at least 0",
            });
        }
        if options.max_iterations == 0 {
            return Err(GraphError::InvalidOption { name: "leiden_iterations", value: 0.0, needed: "at least 1" });
        }
        let n = graph.n_vertices();
        if u32::try_from(n).is_err() {
            return Err(GraphError::TooManyRows { what: "a graph", rows: n, limit: u32::MAX as usize });
        }
        let refused = |error: LeidenError| GraphError::Leiden { rows: n, message: error.to_string() };
        let mut builder = GraphDataBuilder::new(n);
        for vertex in 0..n {
            let (columns, weights) = graph.row(vertex);
            for (&column, &weight) in columns.iter().zip(weights) {
                if column as usize > vertex {
                    builder.add_edge(vertex, column as usize, f64::from(weight)).map_err(refused)?;
                }
            }
        }
        let membership: Vec<u32> = (0..n as u32).collect();
        let quality = modularity(graph, &membership, options.resolution)?;
        Ok(LeidenRun {
            graph,
            options: options.clone(),
            data: builder.build().map_err(refused)?,
            membership,
            quality,
            passes: 0,
            done: n == 0,
            converged: n == 0,
            n_split: 0,
        })
    }

    /// Makes one pass; `None` when there is nothing left to do.
    pub fn step(&mut self) -> Result<Option<Pass>, GraphError> {
        if self.done {
            return Ok(None);
        }
        self.passes += 1;
        let config = LeidenConfig::builder()
            .resolution(self.options.resolution)
            .quality(QualityType::RBConfiguration)
            // Each pass shuffles in its own order: the same one again would walk into the same local optimum.
            .seed(self.options.seed.wrapping_add((self.passes as u64 - 1).wrapping_mul(0x9e37_79b9_7f4a_7c15)))
            .build();
        let start = leiden_rs::Partition::from_membership(self.membership.iter().map(|&c| c as usize).collect());
        let output = Leiden::new(config)
            .run_with_initial_partition(&self.data, start)
            .map_err(|error| GraphError::Leiden { rows: self.membership.len(), message: error.to_string() })?;
        let found: Vec<u32> = output.partition.as_slice().iter().map(|&c| c as u32).collect();
        let (found, n_split) = connected_communities(self.graph, &found)?;
        self.n_split += n_split;
        let quality = modularity(self.graph, &found, self.options.resolution)?;
        let gain = quality - self.quality;
        if gain > 0.0 {
            self.membership = found;
            self.quality = quality;
        }
        // Asked this way round, NaN would end the run.
        let gains = gain >= GAIN_MIN;
        self.converged = !gains;
        self.done = self.converged || self.passes >= self.options.max_iterations;
        Ok(Some(Pass {
            number: self.passes,
            n_clusters: self.membership.iter().max().map_or(0, |&last| last as usize + 1),
            quality: self.quality,
        }))
    }

    /// The best partition so far, which before the first pass is the singletons.
    pub fn finish(self) -> Partition {
        let (membership, sizes) = numbered_by_size(&self.membership);
        Partition {
            membership,
            n_clusters: sizes.len() as u32,
            sizes,
            quality: self.quality,
            passes: self.passes,
            converged: self.converged,
            n_split: self.n_split,
        }
    }
}

/// Runs passes until none gains, `max_iterations` is reached, or `on_pass` breaks; what was found is kept either way.
///
/// Errors   those of `LeidenRun::new` and `LeidenRun::step`
pub fn leiden(
    graph: &Csr,
    options: &LeidenOptions,
    on_pass: &mut dyn FnMut(Pass) -> ControlFlow<()>,
) -> Result<Partition, GraphError> {
    let mut run = LeidenRun::new(graph, options)?;
    while let Some(pass) = run.step()? {
        if on_pass(pass).is_break() {
            break;
        }
    }
    Ok(run.finish())
}

/// Takes labels without gaps. Largest community first, ties by smallest member.
fn numbered_by_size(labels: &[u32]) -> (Vec<u32>, Vec<u32>) {
    let n = labels.iter().max().map_or(0, |&last| last as usize + 1);
    let mut sizes = vec![0u32; n];
    let mut smallest_members = vec![usize::MAX; n];
    for (vertex, &label) in labels.iter().enumerate() {
        sizes[label as usize] += 1;
        smallest_members[label as usize] = smallest_members[label as usize].min(vertex);
    }
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_unstable_by_key(|&label| (std::cmp::Reverse(sizes[label]), smallest_members[label]));
    let mut numbers = vec![0u32; n];
    for (number, &label) in order.iter().enumerate() {
        numbers[label] = number as u32;
    }
    (labels.iter().map(|&label| numbers[label as usize]).collect(), order.iter().map(|&label| sizes[label]).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring_of_cliques(n_cliques: u32, size: u32) -> Csr {
        let mut edges = Vec::new();
        for clique in 0..n_cliques {
            let base = clique * size;
            for a in 0..size {
                for b in a + 1..size {
                    edges.push((base + a, base + b, 1.0));
                }
            }
            edges.push((base, (clique + 1) % n_cliques * size + 1, 1.0));
        }
        Csr::from_edges((n_cliques * size) as usize, &edges).unwrap()
    }

    /// Oracle: closed form. A ring of eight 5-cliques: every clique is a community, Q = 80/88 − γ·8·(22/176)².
    #[test]
    fn a_ring_of_cliques_falls_into_its_cliques() {
        let graph = ring_of_cliques(8, 5);
        let options = LeidenOptions { resolution: 1.0, ..LeidenOptions::default() };
        let mut passes = Vec::new();
        let partition = leiden(&graph, &options, &mut |pass| {
            passes.push(pass);
            ControlFlow::Continue(())
        })
        .unwrap();
        assert_eq!(partition.n_clusters, 8);
        assert_eq!(partition.sizes, [5; 8]);
        let expected: Vec<u32> = (0..40).map(|vertex| vertex / 5).collect();
        assert_eq!(partition.membership, expected);
        assert!((partition.quality - (80.0 / 88.0 - 8.0 * (22.0f64 / 176.0).powi(2))).abs() < 1e-12);
        assert!(partition.converged && partition.passes == passes.len() && partition.n_split == 0);
        assert!(passes.windows(2).all(|pair| pair[1].quality >= pair[0].quality));
    }

    /// Oracle: written out by hand.
    #[test]
    fn communities_are_numbered_by_size_then_by_smallest_member() {
        let (membership, sizes) = numbered_by_size(&[3, 0, 2, 2, 1, 1, 2]);
        assert_eq!(membership, [2, 3, 0, 0, 1, 1, 0]);
        assert_eq!(sizes, [3, 2, 1, 1]);
    }

    #[test]
    fn a_break_keeps_what_was_found() {
        let graph = ring_of_cliques(4, 4);
        let mut calls = 0;
        let partition = leiden(&graph, &LeidenOptions { resolution: 1.0, ..Default::default() }, &mut |_| {
            calls += 1;
            ControlFlow::Break(())
        })
        .unwrap();
        assert_eq!((calls, partition.passes, partition.n_clusters), (1, 1, 4));
    }

    #[test]
    fn odd_graphs_and_options() {
        let silent = &mut |_: Pass| ControlFlow::Continue(());
        let empty = leiden(&Csr::from_edges(0, &[]).unwrap(), &LeidenOptions::default(), silent).unwrap();
        assert_eq!((empty.n_clusters, empty.quality), (0, 0.0));
        let edgeless = leiden(&Csr::from_edges(3, &[]).unwrap(), &LeidenOptions::default(), silent).unwrap();
        assert_eq!((edgeless.n_clusters, edgeless.quality), (3, 0.0));
        for (resolution, max_iterations) in [(f64::NAN, 1), (-1.0, 1), (1.0, 0)] {
            let options = LeidenOptions { resolution, max_iterations, seed: 0 };
            let error = leiden(&ring_of_cliques(3, 3), &options, silent).unwrap_err();
            assert!(matches!(error, GraphError::InvalidOption { .. }) && error.hint().is_some());
        }
    }
}
