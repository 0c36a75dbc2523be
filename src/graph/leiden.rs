//! Communities: the Leiden algorithm on modularity with resolution.
//!
//! A pass moves vertices between communities, splits each community into well-connected parts, and makes every part a
//! vertex of a smaller graph, until no vertex moves; the next pass starts from its communities. Passes repeat until one
//! gains nothing. Moving goes by a queue of vertices whose surroundings have changed.
//!
//! Quality  `super::quality::modularity`; weights used; start from singletons
//! Source   Traag, Waltman & van Eck 2019, "From Louvain to Leiden". Parts are merged to the largest gain, as leidenalg
//!          does, instead of at random
//! Agrees   leidenalg and igraph's community_leiden run to convergence: not below 0.985 of the better one's quality, on
//!          the graphs in tests/golden
//! Numbers  communities are numbered by size, largest first, then by smallest member: a partition has one numbering
//! Memory   24 bytes a vertex and what is left of the graph after the first aggregation

use std::borrow::Cow;
use std::collections::VecDeque;
use std::ops::ControlFlow;

use super::{Csr, GraphError, connected_communities, modularity};
use crate::rng::Rng;

/// A pass whose quality grows by less than this share of the total weight has gained nothing.
const GAIN_MIN: f64 = 1e-9;
/// A move has to gain more than this share of the vertex's own degree, or rounding could send it round in circles.
const MOVE_MIN: f64 = 1e-10;
/// Entries of the graph that one step visits: about a tenth of a second.
const STEP_ENTRIES: usize = 1 << 24;

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

/// What one step did.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Step {
    /// The pass goes on.
    Working,
    Passed(Pass),
}

/// Leiden, in slices of work.
pub struct LeidenRun<'a> {
    graph: &'a Csr,
    options: LeidenOptions,
    /// γ / 2m
    share: f64,
    /// Best so far, communities numbered 0.. in order of first appearance.
    membership: Vec<u32>,
    quality: f64,
    passes: usize,
    done: bool,
    converged: bool,
    n_split: usize,
    level: Option<Level<'a>>,
    rng: Rng,
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
        let membership: Vec<u32> = (0..n as u32).collect();
        let quality = modularity(graph, &membership, options.resolution)?;
        let twice_m: f64 = (0..n).flat_map(|vertex| graph.row(vertex).1).map(|&weight| f64::from(weight)).sum();
        Ok(LeidenRun {
            graph,
            options: options.clone(),
            share: if twice_m > 0.0 { options.resolution / twice_m } else { 0.0 },
            membership,
            quality,
            passes: 0,
            done: n == 0,
            converged: n == 0,
            n_split: 0,
            level: None,
            rng: Rng::new(options.seed),
        })
    }

    /// Works on for a moment; `None` when there is nothing left to do.
    pub fn step(&mut self) -> Result<Option<Step>, GraphError> {
        if self.done {
            return Ok(None);
        }
        let level = match &mut self.level {
            Some(level) => level,
            none => {
                self.passes += 1;
                // Each pass visits in its own order: the same one again would walk into the same local optimum.
                let turn = (self.passes as u64 - 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
                self.rng = Rng::new(self.options.seed.wrapping_add(turn));
                none.insert(Level::of_graph(self.graph, &self.membership, &mut self.rng))
            }
        };
        if !level.move_some(self.share, STEP_ENTRIES) {
            return Ok(Some(Step::Working));
        }
        if let Some(next) = level.aggregated(self.share, &mut self.rng) {
            self.level = Some(next);
            return Ok(Some(Step::Working));
        }
        let found = level.membership();
        self.level = None;
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
        Ok(Some(Step::Passed(Pass {
            number: self.passes,
            n_clusters: self.membership.iter().max().map_or(0, |&last| last as usize + 1),
            quality: self.quality,
        })))
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

/// The graph whose nodes are vertices, or parts of communities, and the communities of its nodes.
struct Level<'a> {
    row_starts: Cow<'a, [usize]>,
    columns: Cow<'a, [u32]>,
    /// Without the weight inside a node, which no move can change.
    weights: Cow<'a, [f32]>,
    /// Sum of the weights at each node, the weight inside it twice.
    degrees: Vec<f64>,
    /// Node of each vertex.
    node_of: Vec<u32>,
    /// Community of each node, below the number of nodes.
    community: Vec<u32>,
    community_degree: Vec<f64>,
    community_size: Vec<u32>,
    /// Communities without nodes.
    empty: Vec<u32>,
    queue: VecDeque<u32>,
    is_queued: Vec<bool>,
    near: Near,
}

/// Row starts, columns and weights.
type Rows<'a> = (Cow<'a, [usize]>, Cow<'a, [u32]>, Cow<'a, [f32]>);

impl<'a> Level<'a> {
    fn of_graph(graph: &'a Csr, membership: &[u32], rng: &mut Rng) -> Self {
        let (row_starts, columns, weights) = graph.parts();
        let degrees = (0..graph.n_vertices())
            .map(|vertex| graph.row(vertex).1.iter().map(|&weight| f64::from(weight)).sum())
            .collect();
        let node_of = (0..graph.n_vertices() as u32).collect();
        let parts = (Cow::Borrowed(row_starts), Cow::Borrowed(columns), Cow::Borrowed(weights));
        Self::new(parts, degrees, node_of, membership.to_vec(), rng)
    }

    fn new(
        (row_starts, columns, weights): Rows<'a>,
        degrees: Vec<f64>,
        node_of: Vec<u32>,
        community: Vec<u32>,
        rng: &mut Rng,
    ) -> Self {
        let n = degrees.len();
        let (mut community_degree, mut community_size) = (vec![0.0; n], vec![0; n]);
        for (&community, degree) in community.iter().zip(&degrees) {
            community_degree[community as usize] += degree;
            community_size[community as usize] += 1;
        }
        Level {
            row_starts,
            columns,
            weights,
            empty: (0..n as u32).rev().filter(|&community| community_size[community as usize] == 0).collect(),
            queue: shuffled(n, rng).into(),
            is_queued: vec![true; n],
            near: Near::new(n),
            degrees,
            node_of,
            community,
            community_degree,
            community_size,
        }
    }

    fn row(&self, node: usize) -> impl Iterator<Item = (u32, f32)> + use<'_, 'a> {
        let range = self.row_starts[node]..self.row_starts[node + 1];
        self.columns[range.clone()].iter().copied().zip(self.weights[range].iter().copied())
    }

    /// Moves queued nodes to where they gain most, for about `entries` entries of the graph; true when the queue is empty.
    fn move_some(&mut self, share: f64, entries: usize) -> bool {
        let mut seen = 0;
        while let Some(node) = self.queue.pop_front() {
            let node = node as usize;
            self.is_queued[node] = false;
            let range = self.row_starts[node]..self.row_starts[node + 1];
            seen += range.len();
            for (&column, &weight) in self.columns[range.clone()].iter().zip(&self.weights[range.clone()]) {
                self.near.add(self.community[column as usize], weight);
            }
            let (from, degree) = (self.community[node], self.degrees[node]);
            self.community_size[from as usize] -= 1;
            self.community_degree[from as usize] -= degree;
            if self.community_size[from as usize] == 0 {
                // What rounding left.
                self.community_degree[from as usize] = 0.0;
                self.empty.push(from);
            }
            let gain_of =
                |community: u32, weight: f64| weight - share * degree * self.community_degree[community as usize];
            let (mut to, mut best) = (from, gain_of(from, self.near.weight(from)) + MOVE_MIN * degree);
            for &community in self.near.touched() {
                let gain = gain_of(community, self.near.weight(community));
                if gain > best {
                    (to, best) = (community, gain);
                }
            }
            if 0.0 > best {
                to = *self.empty.last().expect("OK because n nodes but this one fill at most n − 1 communities");
            }
            self.near.clear();
            if self.community_size[to as usize] == 0 {
                // An empty community that is moved to is always the one emptied last.
                self.empty.pop();
            }
            self.community_size[to as usize] += 1;
            self.community_degree[to as usize] += degree;
            if to != from {
                self.community[node] = to;
                for &column in &self.columns[range] {
                    let other = column as usize;
                    if !self.is_queued[other] && self.community[other] != to {
                        self.is_queued[other] = true;
                        self.queue.push_back(column);
                    }
                }
            }
            if seen >= entries {
                return self.queue.is_empty();
            }
        }
        true
    }

    /// Parts of communities: every node alone at first, then single nodes, in random order, join the part that gains most.
    /// Only nodes and parts that hang together with the rest of their community well enough take part.
    fn refined(&mut self, share: f64, rng: &mut Rng) -> Vec<u32> {
        let n = self.degrees.len();
        let mut part: Vec<u32> = (0..n as u32).collect();
        let mut part_degree = self.degrees.clone();
        let mut is_single = vec![true; n];
        // Weight between each part and the rest of its community.
        let mut outside: Vec<f64> = (0..n)
            .map(|node| {
                let own = self.community[node];
                let inside = self.row(node).filter(|&(other, _)| self.community[other as usize] == own);
                inside.map(|(_, weight)| f64::from(weight)).sum()
            })
            .collect();
        for node in shuffled(n, rng) {
            let node = node as usize;
            let (own, degree) = (self.community[node], self.degrees[node]);
            let whole = self.community_degree[own as usize];
            if !is_single[node] || outside[node] < share * degree * (whole - degree) {
                continue;
            }
            let range = self.row_starts[node]..self.row_starts[node + 1];
            for (&column, &weight) in self.columns[range.clone()].iter().zip(&self.weights[range]) {
                if self.community[column as usize] == own {
                    self.near.add(part[column as usize], weight);
                }
            }
            let (mut to, mut best) = (node as u32, MOVE_MIN * degree);
            for &other in self.near.touched() {
                let of_other = part_degree[other as usize];
                let gain = self.near.weight(other) - share * degree * of_other;
                if gain > best && outside[other as usize] >= share * of_other * (whole - of_other) {
                    (to, best) = (other, gain);
                }
            }
            if to as usize != node {
                outside[to as usize] += outside[node] - 2.0 * self.near.weight(to);
                part_degree[to as usize] += degree;
                (is_single[node], is_single[to as usize]) = (false, false);
                part[node] = to;
            }
            self.near.clear();
        }
        part
    }

    /// The level whose nodes are the parts of this one's communities; `None` when that would be the same graph, or there
    /// is nothing left to join.
    fn aggregated(&mut self, share: f64, rng: &mut Rng) -> Option<Level<'a>> {
        let n = self.degrees.len();
        if self.empty.is_empty() {
            return None;
        }
        let mut part = self.refined(share, rng);
        let n_parts = renumber(&mut part, n);
        if n_parts == n {
            return None;
        }
        let mut starts = vec![0usize; n_parts + 1];
        part.iter().for_each(|&part| starts[part as usize + 1] += 1);
        (0..n_parts).for_each(|part| starts[part + 1] += starts[part]);
        let mut members = vec![0u32; n];
        let mut next = starts.clone();
        for (node, &part) in part.iter().enumerate() {
            members[next[part as usize]] = node as u32;
            next[part as usize] += 1;
        }
        let mut near = Near::new(n_parts);
        let mut row_starts = Vec::with_capacity(n_parts + 1);
        row_starts.push(0);
        let (mut columns, mut weights) = (Vec::new(), Vec::new());
        let mut degrees = vec![0.0; n_parts];
        let mut community = vec![0u32; n_parts];
        for own in 0..n_parts {
            for &node in &members[starts[own]..starts[own + 1]] {
                degrees[own] += self.degrees[node as usize];
                community[own] = self.community[node as usize];
                for (other, weight) in self.row(node as usize) {
                    let other = part[other as usize];
                    if other as usize != own {
                        near.add(other, weight);
                    }
                }
            }
            for &other in near.touched() {
                columns.push(other);
                weights.push(near.weight(other) as f32);
            }
            near.clear();
            row_starts.push(columns.len());
        }
        renumber(&mut community, n);
        let node_of = self.node_of.iter().map(|&node| part[node as usize]).collect();
        Some(Level::new((row_starts.into(), columns.into(), weights.into()), degrees, node_of, community, rng))
    }

    /// Community of each vertex.
    fn membership(&self) -> Vec<u32> {
        self.node_of.iter().map(|&node| self.community[node as usize]).collect()
    }
}

/// Weights from one node to the communities around it.
struct Near {
    weights: Vec<f64>,
    touched: Vec<u32>,
}

impl Near {
    fn new(n: usize) -> Self {
        Near { weights: vec![0.0; n], touched: Vec::new() }
    }

    fn add(&mut self, community: u32, weight: f32) {
        let sum = &mut self.weights[community as usize];
        // Weights are above 0, so a sum of 0 is one that was not begun.
        if *sum == 0.0 {
            self.touched.push(community);
        }
        *sum += f64::from(weight);
    }

    fn weight(&self, community: u32) -> f64 {
        self.weights[community as usize]
    }

    /// In the order in which they were met.
    fn touched(&self) -> &[u32] {
        &self.touched
    }

    fn clear(&mut self) {
        self.touched.drain(..).for_each(|community| self.weights[community as usize] = 0.0);
    }
}

fn shuffled(n: usize, rng: &mut Rng) -> Vec<u32> {
    rng.sample(&(0..n as u32).collect::<Vec<_>>(), n)
}

/// Numbers 0.. in order of first appearance, for labels below `bound`; returns how many there are.
fn renumber(labels: &mut [u32], bound: usize) -> usize {
    let mut numbers = vec![u32::MAX; bound];
    let mut count = 0;
    for label in labels {
        let number = &mut numbers[*label as usize];
        if *number == u32::MAX {
            *number = count;
            count += 1;
        }
        *label = *number;
    }
    count as usize
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
    while let Some(step) = run.step()? {
        if let Step::Passed(pass) = step
            && on_pass(pass).is_break()
        {
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
