//! A 2-D layout of a weighted graph: joined vertices pull, random others push.
//!
//! Source   McInnes, Healy & Melville 2018, "UMAP", algorithm 5; umap-learn's optimize_layout_euclidean with
//!          spread 1, min_dist 0.1, five negative samples, learning rate falling linearly from 1
//! Shapes   initial: N × [x, y] · positions: (N), (N)
//! Start    the first two principal components, each axis stretched to 0..10, with a little noise against ties
//! Seed     the same graph, start, seed and epochs give the same positions to the last bit on every platform: only
//!          additions, multiplications, divisions and bit moves are used, no library's pow, no normal noise
//! Cost     about N · 2·log2(k) · 6 updates an epoch: 50 million for 4,096 vertices, k = 50 and 200 epochs

use std::f32::consts::LN_2;

use super::{Csr, GraphError, connected_communities};
use crate::rng::Rng;

/// 1 / (1 + A·d^(2B)) is the curve closest to exp(−(d − 0.1)) beyond d = 0.1 and 1 before; umap-learn's find_ab_params.
const A: f32 = 1.576_943_5;
const B: f32 = 0.895_060_9;
const NEGATIVE_SAMPLES: f32 = 5.0;
const LEARNING_RATE: f32 = 1.0;
/// No step along an axis is longer than this times the learning rate.
const STEP_MAX: f32 = 4.0;
const COMPONENTS_DRAWN_TOGETHER_MAX: usize = 256;
const START_SIDE: f32 = 10.0;
const START_NOISE: f32 = 1e-4;

/// A layout that is improved in steps.
pub struct Layout<'a> {
    graph: &'a Csr,
    /// 1 / the largest weight: an edge of that weight is sampled in every epoch, the others in a share of them.
    rate_of_weight: f32,
    positions: Vec<[f32; 2]>,
    /// Connected component of each vertex.
    components: Vec<u32>,
    pull: Curve,
    push: Curve,
    rng: Rng,
    epoch: usize,
    n_epochs: usize,
}

/// The first two of P scores of each row, as `Layout` wants them; the second is 0 where there is one component.
pub fn initial_positions(scores: &[f32], n_components: usize) -> Vec<[f32; 2]> {
    scores.chunks_exact(n_components.max(1)).map(|row| [row[0], row.get(1).copied().unwrap_or(0.0)]).collect()
}

impl<'a> Layout<'a> {
    /// Prepares `n_epochs` epochs over the edges of `graph`. 200 epochs settle a few thousand vertices.
    ///
    /// Errors   `LengthMismatch` unless there is one start for each vertex; `NonFinite` for a start that is no number;
    ///          `InvalidOption` for no epochs
    pub fn new(graph: &'a Csr, initial: &[[f32; 2]], seed: u64, n_epochs: usize) -> Result<Self, GraphError> {
        if initial.len() != graph.n_vertices() {
            return Err(GraphError::LengthMismatch {
                what: "the layout's start",
                expected: graph.n_vertices(),
                got: initial.len(),
            });
        }
        if n_epochs == 0 {
            return Err(GraphError::InvalidOption { name: "n_epochs", value: 0.0, needed: "at least 1" });
        }
        for (row, position) in initial.iter().enumerate() {
            if let Some(column) = position.iter().position(|value| !value.is_finite()) {
                return Err(GraphError::NonFinite { what: "the layout's start", row, column, value: position[column] });
            }
        }
        let mut rng = Rng::new(seed);
        let heaviest = (0..graph.n_vertices()).flat_map(|vertex| graph.row(vertex).1).copied().fold(0.0f32, f32::max);
        Ok(Layout {
            graph,
            rate_of_weight: if heaviest > 0.0 { 1.0 / heaviest } else { 0.0 },
            positions: stretched(initial, &mut rng),
            components: connected_communities(graph, &vec![0; graph.n_vertices()])?.0,
            pull: Curve::new(|squared, power| -2.0 * A * B * power / (squared * (1.0 + A * power))),
            push: Curve::new(|squared, power| 2.0 * B / ((0.001 + squared) * (1.0 + A * power))),
            rng,
            epoch: 0,
            n_epochs,
        })
    }

    /// Makes up to `n` epochs; returns the share of all epochs done, 1 at the end.
    pub fn step(&mut self, n: usize) -> f64 {
        for _ in 0..n.min(self.n_epochs - self.epoch) {
            self.one_epoch();
            self.epoch += 1;
        }
        self.epoch as f64 / self.n_epochs as f64
    }

    fn one_epoch(&mut self) {
        let now = self.epoch as f32;
        let rate = LEARNING_RATE * (1.0 - now / self.n_epochs as f32);
        let n_vertices = self.positions.len() as u64;
        let graph = self.graph;
        for head in 0..graph.n_vertices() {
            let (columns, weights) = graph.row(head);
            for (&column, &weight) in columns.iter().zip(weights) {
                // Samples until now and until the epoch before; which of them are due follows from their number, so that
                // nothing has to be kept for an edge.
                let edge_rate = weight * self.rate_of_weight;
                let samples = (now * edge_rate) as u32;
                if samples == ((now - 1.0) * edge_rate) as u32 {
                    continue;
                }
                let tail = column as usize;
                let mut here = self.positions[head];
                let there = self.positions[tail];
                let (dx, dy, squared) = difference(here, there);
                if squared > 0.0 {
                    let pull = self.pull.at(squared);
                    let (x, y) = (limited(pull * dx) * rate, limited(pull * dy) * rate);
                    here = [here[0] + x, here[1] + y];
                    self.positions[tail] = [there[0] - x, there[1] - y];
                }
                let negatives = |epoch: f32| ((epoch * edge_rate * NEGATIVE_SAMPLES) as u32).saturating_sub(1);
                let before = if samples > 1 { negatives(((samples - 1) as f32 / edge_rate).ceil()) } else { 0 };
                for _ in before..negatives(now) {
                    // Without rejection some vertices are favoured by N/2³² at most, which no layout can show.
                    let other = ((u64::from(self.rng.next_u32()) * n_vertices) >> 32) as usize;
                    let (dx, dy, squared) = difference(here, self.positions[other]);
                    if other != head && squared > 0.0 {
                        let push = self.push.at(squared);
                        here[0] += limited(push * dx) * rate;
                        here[1] += limited(push * dy) * rate;
                    }
                }
                self.positions[head] = here;
            }
        }
    }

    /// x and y of every vertex: centred, and scaled by one factor so that the longer side spans [-1, 1].
    ///
    /// Parts of the graph that no edge joins stand next to each other: the forces drive them apart without end, and how
    /// far says nothing but would leave the picture empty.
    pub fn positions(&self) -> (Vec<f32>, Vec<f32>) {
        let positions = drawn_together(&self.positions, &self.components);
        let (low, high) = bounds(&positions);
        let middle = [0, 1].map(|axis| (low[axis] + high[axis]) / 2.0);
        let half = [0, 1].map(|axis| (high[axis] - low[axis]) / 2.0);
        let half = half[0].max(half[1]);
        let scale = if half > 0.0 { 1.0 / half } else { 0.0 };
        // Rounding may carry an extreme point one digit past the frame.
        let place = |axis: usize| {
            positions.iter().map(|position| ((position[axis] - middle[axis]) * scale).clamp(-1.0, 1.0)).collect()
        };
        (place(0), place(1))
    }
}

/// Components keep their shape and direction; their centres move towards the common centre by one factor, as far as the
/// circles around them allow.
fn drawn_together(positions: &[[f32; 2]], components: &[u32]) -> Vec<[f32; 2]> {
    let n_components = components.iter().max().map_or(0, |&last| last as usize + 1);
    // Pairs are compared; a graph of very many pieces fills the picture anyway.
    if !(2..=COMPONENTS_DRAWN_TOGETHER_MAX).contains(&n_components) {
        return positions.to_vec();
    }
    let mut centres = vec![[0.0f32; 2]; n_components];
    let mut counts = vec![0.0f32; n_components];
    for (position, &component) in positions.iter().zip(components) {
        counts[component as usize] += 1.0;
        (0..2).for_each(|axis| centres[component as usize][axis] += position[axis]);
    }
    for (centre, count) in centres.iter_mut().zip(&counts) {
        (0..2).for_each(|axis| centre[axis] /= count);
    }
    let mut radii = vec![0.0f32; n_components];
    for (position, &component) in positions.iter().zip(components) {
        let radius = &mut radii[component as usize];
        *radius = radius.max(difference(*position, centres[component as usize]).2.sqrt());
    }
    let mut factor = 0.0f32;
    for a in 0..n_components {
        for b in 0..a {
            let distance = difference(centres[a], centres[b]).2.sqrt();
            factor = factor.max(1.1 * (radii[a] + radii[b]) / distance);
        }
    }
    if !(0.0..1.0).contains(&factor) {
        return positions.to_vec();
    }
    let shift = |component: usize, axis: usize| (1.0 - factor) * centres[component][axis];
    positions
        .iter()
        .zip(components)
        .map(|(position, &component)| [0, 1].map(|axis| position[axis] - shift(component as usize, axis)))
        .collect()
}

fn difference(a: [f32; 2], b: [f32; 2]) -> (f32, f32, f32) {
    let (dx, dy) = (a[0] - b[0], a[1] - b[1]);
    (dx, dy, dx * dx + dy * dy)
}

fn limited(step: f32) -> f32 {
    step.clamp(-STEP_MAX, STEP_MAX)
}

fn bounds(positions: &[[f32; 2]]) -> ([f32; 2], [f32; 2]) {
    positions.iter().fold(([f32::INFINITY; 2], [f32::NEG_INFINITY; 2]), |(low, high), position| {
        ([low[0].min(position[0]), low[1].min(position[1])], [high[0].max(position[0]), high[1].max(position[1])])
    })
}

/// Each axis to 0..START_SIDE. An axis without extent gets random places: vertices on one spot never come apart.
fn stretched(initial: &[[f32; 2]], rng: &mut Rng) -> Vec<[f32; 2]> {
    let (low, high) = bounds(initial);
    // Halves are subtracted, so that no finite start can overflow.
    let extent = [0, 1].map(|axis| high[axis] / 2.0 - low[axis] / 2.0);
    initial
        .iter()
        .map(|position| {
            [0, 1].map(|axis| {
                let share = (position[axis] / 2.0 - low[axis] / 2.0) / extent[axis];
                let share = if share.is_finite() { share } else { rng.uniform() };
                share * START_SIDE + (rng.uniform() - 0.5) * START_NOISE
            })
        })
        .collect()
}

/// A function of the squared distance as a table, because the two forces are nearly all of the work.
///
/// Knots are 1/64 of an octave apart from 2⁻²⁰ to 2²⁴, that is, distances from 0.001 to 4,096; straight lines between
/// them are off by less than 2e-4 of the value, and distances outside take the value at the end.
struct Curve {
    knots: Vec<f32>,
}

impl Curve {
    const LOW_BITS: u32 = (127 - 20) << 23;
    const HIGH_BITS: u32 = (127 + 24) << 23;
    const KNOT_SHIFT: u32 = 23 - 6;

    /// `of` takes d² and d^(2B).
    fn new(of: impl Fn(f32, f32) -> f32) -> Self {
        let knots = (Self::LOW_BITS..=Self::HIGH_BITS).step_by(1 << Self::KNOT_SHIFT).map(|bits| {
            let squared = f32::from_bits(bits);
            of(squared, power_b(squared))
        });
        Curve { knots: knots.collect() }
    }

    fn at(&self, squared: f32) -> f32 {
        let bits = squared.to_bits().clamp(Self::LOW_BITS, Self::HIGH_BITS - 1) - Self::LOW_BITS;
        let place = (bits >> Self::KNOT_SHIFT) as usize;
        let share = (bits & ((1 << Self::KNOT_SHIFT) - 1)) as f32 * (1.0 / (1 << Self::KNOT_SHIFT) as f32);
        self.knots[place] + share * (self.knots[place + 1] - self.knots[place])
    }
}

/// x^B for the squared distances of the knots, to about 1e-5: 2^(B·log2 x) with both halves as short polynomials.
fn power_b(x: f32) -> f32 {
    // x = 2^exponent · mantissa with the mantissa in [√½, √2), where the series for log2 converges fastest.
    const SQRT_HALF_BITS: u32 = 0x3f35_04f3;
    let shifted = x.to_bits().wrapping_sub(SQRT_HALF_BITS);
    let exponent = (shifted as i32) >> 23;
    let mantissa = f32::from_bits((shifted & 0x007f_ffff) + SQRT_HALF_BITS);
    // log2(m) = 2/ln2 · artanh(t), t = (m−1)/(m+1), |t| ≤ 0.172: the first term left out is 2.9·t⁷/7 < 2e-6.
    let t = (mantissa - 1.0) / (mantissa + 1.0);
    let t2 = t * t;
    let log2 = exponent as f32 + t * (2.885_39 + t2 * (0.961_796_7 + t2 * 0.577_078));
    let y = B * log2;
    // 2^y = 2^whole · 2^part, |part| ≤ ½: the Taylor series' first term left out is (½·ln2)⁶/720 < 3e-6.
    let whole = (y + (y.signum() * 0.5)) as i32;
    let part = y - whole as f32;
    let series = 1.0
        + part * (LN_2 + part * (0.240_226_5 + part * (0.055_504_11 + part * (0.009_618_13 + part * 0.001_333_36))));
    // OK because knots lie within 2⁻²⁰..2²⁴, so |whole| ≤ 22, far from the exponent's ends.
    series * f32::from_bits(((whole + 127) as u32) << 23)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Oracle: f64::powf.
    #[test]
    fn power_b_equals_powf() {
        let mut x = 1e-7f32;
        while x < 2e7 {
            let expected = f64::from(x).powf(f64::from(B));
            let relative = (f64::from(power_b(x)) / expected - 1.0).abs();
            assert!(relative <= 2e-5, "{x}: {relative}");
            x *= 1.37;
        }
        let wrong = (f64::from(power_b(3.0)) / 3.1f64.powf(f64::from(B)) - 1.0).abs();
        let passes = wrong <= 2e-5;
        assert!(!passes, "negative control");
    }

    /// Oracle: the forces of the paper in f64.
    #[test]
    fn the_forces_equal_their_formulas() {
        let graph = Csr::from_edges(2, &[(0, 1, 1.0)]).unwrap();
        let layout = Layout::new(&graph, &[[0.0; 2], [1.0; 2]], 1, 1).unwrap();
        let (a, b) = (f64::from(A), f64::from(B));
        let mut squared = 1e-6f64;
        while squared < 1e7 {
            let power = squared.powf(b);
            let pull = -2.0 * a * b * squared.powf(b - 1.0) / (1.0 + a * power);
            let push = 2.0 * b / ((0.001 + squared) * (1.0 + a * power));
            for (got, expected) in [(layout.pull.at(squared as f32), pull), (layout.push.at(squared as f32), push)] {
                let relative = (f64::from(got) / expected - 1.0).abs();
                assert!(relative <= 2e-4, "{squared}: {got}, not {expected}");
            }
            squared *= 1.013;
        }
        for odd in [0.0, f32::from_bits(1), f32::MAX, f32::INFINITY] {
            assert!(layout.pull.at(odd).is_finite() && layout.push.at(odd).is_finite());
        }
    }

    #[test]
    fn bad_starts_are_refused_and_odd_ones_survive() {
        let graph = Csr::from_edges(3, &[(0, 1, 1.0), (1, 2, 0.5)]).unwrap();
        assert!(matches!(
            Layout::new(&graph, &[[0.0; 2]; 2], 1, 10),
            Err(GraphError::LengthMismatch { expected: 3, got: 2, .. })
        ));
        assert!(matches!(
            Layout::new(&graph, &[[0.0, 0.0], [0.0, f32::NAN], [0.0, 0.0]], 1, 10),
            Err(GraphError::NonFinite { row: 1, column: 1, .. })
        ));
        assert!(Layout::new(&graph, &[[0.0; 2]; 3], 1, 0).is_err());
        for start in [[[0.0; 2]; 3], [[f32::MAX, 1.0], [f32::MIN, 1.0], [0.0, 1.0]]] {
            let mut layout = Layout::new(&graph, &start, 1, 10).unwrap();
            assert_eq!(layout.step(4), 0.4);
            assert_eq!(layout.step(99), 1.0);
            let (x, y) = layout.positions();
            assert!(x.iter().chain(&y).all(|value| (-1.0..=1.0).contains(value)));
            assert!(x[0] != x[1] || y[0] != y[1]);
        }
        let no_graph = Csr::from_edges(0, &[]).unwrap();
        let mut empty = Layout::new(&no_graph, &[], 1, 2).unwrap();
        assert_eq!((empty.step(2), empty.positions()), (1.0, (vec![], vec![])));
    }

    /// Oracle: closed form. Two pairs far apart come as near as their circles allow and keep their shapes; overlapping
    /// circles, and a single component, stay where they are.
    #[test]
    fn components_are_drawn_together() {
        let apart = [[0.0, 0.0], [2.0, 0.0], [100.0, 0.0], [102.0, 0.0]];
        let together = drawn_together(&apart, &[0, 0, 1, 1]);
        assert!((together[1][0] - together[0][0] - 2.0).abs() <= 1e-4);
        let gap = together[2][0] - together[1][0];
        assert!((gap - 0.2).abs() <= 1e-3, "{gap}");
        assert_eq!(drawn_together(&apart, &[0; 4]), apart);
        let near = [[0.0, 0.0], [2.0, 0.0], [1.0, 0.0], [3.0, 0.0]];
        assert_eq!(drawn_together(&near, &[0, 0, 1, 1]), near);
    }

    /// Oracle: shape. The start is rescaled to the frame when no epoch was made.
    #[test]
    fn initial_positions_take_the_first_two_scores() {
        assert_eq!(initial_positions(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 3), [[1.0, 2.0], [4.0, 5.0]]);
        assert_eq!(initial_positions(&[1.0, 2.0], 1), [[1.0, 0.0], [2.0, 0.0]]);
    }
}
