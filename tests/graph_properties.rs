//! Oracle: properties that hold for every input: symmetry, ranges, invariance, monotony, repetition.

use std::ops::ControlFlow;

use glitchscope::graph::{
    Csr, InvertedFile, Layout, LeidenOptions, Neighbours, Partition, connected_communities, fuzzy_graph,
    initial_positions, leiden, modularity, pca,
};
use glitchscope::rng::Rng;
use glitchscope::stats::{hypergeometric_upper_tail, miss_probability, wilson_interval};
use proptest::prelude::*;

/// Rows on a coarse grid, so that ties and duplicates are common.
fn rows_strategy() -> impl Strategy<Value = (Vec<f32>, usize)> {
    (2usize..5, 8usize..40).prop_flat_map(|(columns, rows)| {
        let value = (-12i8..12).prop_map(|step| f32::from(step) / 4.0);
        (proptest::collection::vec(value, rows * columns), Just(columns))
    })
}

fn communities(graph: &Csr, resolution: f64, seed: u64) -> Partition {
    let options = LeidenOptions { resolution, seed, max_iterations: 10 };
    leiden(graph, &options, &mut |_| ControlFlow::Continue(())).unwrap()
}

/// `rows` points around each of `centres` centres far apart; the centre of each row as well.
fn planted(centres: usize, rows: usize, columns: usize, seed: u64) -> (Vec<f32>, Vec<u32>) {
    let mut rng = Rng::new(seed);
    let places: Vec<f32> = (0..centres * columns).map(|_| 6.0 * rng.normal()).collect();
    let mut x = Vec::new();
    let mut of = Vec::new();
    for row in 0..centres * rows {
        let centre = row % centres;
        of.push(centre as u32);
        x.extend(places[centre * columns..][..columns].iter().map(|place| place + rng.normal()));
    }
    (x, of)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_fuzzy_graph_keeps_the_promises_of_its_type((x, columns) in rows_strategy(), k in 1usize..7) {
        let neighbours = Neighbours::exact(&x, columns, k).unwrap();
        let graph = fuzzy_graph(&neighbours).unwrap();
        let (mut row_starts, mut all_columns, mut all_weights) = (vec![0], Vec::new(), Vec::new());
        for vertex in 0..graph.n_vertices() {
            let (columns, weights) = graph.row(vertex);
            prop_assert!(weights.iter().all(|&weight| weight > 0.0 && weight <= 1.0));
            // The nearest neighbour is always joined with weight 1: local connectivity.
            prop_assert!(columns.contains(&neighbours.row(vertex).0[0]));
            all_columns.extend_from_slice(columns);
            all_weights.extend_from_slice(weights);
            row_starts.push(all_columns.len());
        }
        // Symmetry, order, no repeats, no self-edges: what `from_parts` checks.
        let checked = Csr::from_parts(row_starts.clone(), all_columns.clone(), all_weights.clone()).unwrap();
        prop_assert_eq!(&checked, &graph);
        // Negative control: one half of one edge changed.
        all_weights[0] *= 0.5;
        prop_assert!(Csr::from_parts(row_starts, all_columns, all_weights).is_err());
    }

    #[test]
    fn fuzzy_weights_follow_the_rows_wherever_they_stand((x, columns) in rows_strategy(), seed in any::<u64>()) {
        // Ties are broken by row number, so the lists themselves are relabelled, not searched for again.
        let k = 5;
        let neighbours = Neighbours::exact(&x, columns, k).unwrap();
        let n = neighbours.rows();
        let new_from_old = Rng::new(seed).sample(&(0..n as u32).collect::<Vec<_>>(), n);
        let (mut indices, mut distances) = (vec![0; n * k], vec![0.0; n * k]);
        for row in 0..n {
            let at = new_from_old[row] as usize * k;
            for (place, (&index, &distance)) in neighbours.row(row).0.iter().zip(neighbours.row(row).1).enumerate() {
                indices[at + place] = new_from_old[index as usize];
                distances[at + place] = distance;
            }
        }
        let graph = fuzzy_graph(&neighbours).unwrap();
        let moved = fuzzy_graph(&Neighbours::new(k, indices, distances).unwrap()).unwrap();
        prop_assert_eq!(graph.n_entries(), moved.n_entries());
        for row in 0..n {
            for (&column, &weight) in graph.row(row).0.iter().zip(graph.row(row).1) {
                let there = moved.weight(new_from_old[row] as usize, new_from_old[column as usize]);
                // The mean over all rows is summed in another order, which may move the last digit.
                prop_assert!(there.is_some_and(|there| (there - weight).abs() <= 1e-6), "{:?} {}", there, weight);
            }
        }
    }

    #[test]
    fn communities_are_connected_and_never_worse_than_singletons(
        (x, columns) in rows_strategy(),
        resolution in prop_oneof![Just(0.0), Just(1.0), Just(10.0), Just(75.0)],
        seed in any::<u64>(),
    ) {
        let graph = fuzzy_graph(&Neighbours::exact(&x, columns, 5).unwrap()).unwrap();
        let n = graph.n_vertices();
        let found = communities(&graph, resolution, seed);
        let singletons = modularity(&graph, &(0..n as u32).collect::<Vec<_>>(), resolution).unwrap();
        prop_assert!(found.quality >= singletons);
        prop_assert!(found.quality <= 1.0);
        prop_assert_eq!(connected_communities(&graph, &found.membership).unwrap().1, 0);
        prop_assert_eq!(found.sizes.iter().sum::<u32>() as usize, n);
        for (community, &size) in found.sizes.iter().enumerate() {
            let members = found.membership.iter().filter(|&&other| other as usize == community).count();
            prop_assert_eq!(members, size as usize);
        }
        prop_assert_eq!(communities(&graph, resolution, seed), found);
    }

    #[test]
    fn components_are_orthonormal_and_ordered((x, columns) in rows_strategy()) {
        let found = pca(&x, columns, columns, 3).unwrap();
        let p = found.n_components;
        for i in 0..p {
            for j in 0..p {
                let row = |at: usize| &found.components[at * columns..][..columns];
                let product: f32 = row(i).iter().zip(row(j)).map(|(a, b)| a * b).sum();
                prop_assert!((product - f32::from(u8::from(i == j))).abs() <= 1e-5);
            }
        }
        prop_assert!(found.explained_variance.windows(2).all(|pair| pair[0] >= pair[1]));
        let total: f64 = found.explained_variance_ratio.iter().sum();
        prop_assert!((total - 1.0).abs() <= 1e-4 || total == 0.0, "{}", total);
    }

    #[test]
    fn tails_and_intervals_keep_their_ranges(population in 1u64..400, a in 0u64..400, b in 0u64..400, c in 0u64..400) {
        let (successes, draws) = (a % (population + 1), b % (population + 1));
        let observed = c % (draws + 1);
        let tail = hypergeometric_upper_tail(observed, population, successes, draws).unwrap();
        prop_assert!((0.0..=1.0).contains(&tail));
        // Missing every hit and finding at least one are opposites.
        if draws > 0 {
            let found = hypergeometric_upper_tail(1, population, successes, draws).unwrap();
            let missed = miss_probability(population, successes, draws).unwrap();
            prop_assert!((found + missed - 1.0).abs() <= 1e-12, "{} {}", found, missed);
            let (low, high) = wilson_interval(observed, draws, 0.95).unwrap();
            let share = observed as f64 / draws as f64;
            prop_assert!(0.0 <= low && low <= share && share <= high && high <= 1.0);
        }
    }
}

/// Share of each point's 15 nearest neighbours that come from its own planted cluster.
fn own_cluster_share(x: &[f32], y: &[f32], of: &[u32]) -> f64 {
    let points: Vec<f32> = x.iter().zip(y).flat_map(|(&x, &y)| [x, y]).collect();
    let near = Neighbours::exact(&points, 2, 15).unwrap();
    let own = (0..near.rows())
        .flat_map(|row| near.row(row).0.iter().map(move |&other| (row, other as usize)))
        .filter(|&(row, other)| of[row] == of[other])
        .count();
    own as f64 / near.indices().len() as f64
}

/// Venna & Kaski 2001: 1 unless points that are far apart among the rows come close in the layout.
fn trustworthiness(rows: &[f32], columns: usize, x: &[f32], y: &[f32], k: usize) -> f64 {
    let n = x.len();
    let points: Vec<f32> = x.iter().zip(y).flat_map(|(&x, &y)| [x, y]).collect();
    let order = Neighbours::exact(rows, columns, n - 1).unwrap();
    let near = Neighbours::exact(&points, 2, k).unwrap();
    let mut penalty = 0usize;
    let mut ranks = vec![0usize; n];
    for row in 0..n {
        for (rank, &other) in order.row(row).0.iter().enumerate() {
            ranks[other as usize] = rank + 1;
        }
        penalty += near.row(row).0.iter().map(|&other| ranks[other as usize].saturating_sub(k)).sum::<usize>();
    }
    1.0 - 2.0 * penalty as f64 / (n * k * (2 * n - 3 * k - 1)) as f64
}

/// Oracle: planted clusters and trustworthiness. Negative control: random places, and the same places dealt out anew.
#[test]
fn a_layout_keeps_neighbours_together() {
    const OWN_SHARE_MIN: f64 = 0.95;
    const TRUST_MIN: f64 = 0.9;
    let columns = 10;
    let (rows, of) = planted(12, 50, columns, 4);
    let graph = fuzzy_graph(&Neighbours::exact(&rows, columns, 20).unwrap()).unwrap();
    let scores = pca(&rows, columns, 2, 1).unwrap();
    let start = initial_positions(&scores.scores, scores.n_components);
    let mut layout = Layout::new(&graph, &start, 42, 200).unwrap();
    let mut done = 0.0;
    while done < 1.0 {
        let before = done;
        done = layout.step(16);
        assert!(done > before);
    }
    let (x, y) = layout.positions();
    assert!(x.iter().chain(&y).all(|value| (-1.0..=1.0).contains(value)));
    let side = |values: &[f32]| {
        values.iter().fold(0.0f32, |most, &v| most.max(v)) - values.iter().fold(0.0f32, |least, &v| least.min(v))
    };
    assert!((side(&x).max(side(&y)) - 2.0).abs() < 1e-5, "the longer side spans the frame");
    let own = own_cluster_share(&x, &y, &of);
    assert!(own >= OWN_SHARE_MIN, "{own}");
    let trust = trustworthiness(&rows, columns, &x, &y, 15);
    assert!(trust >= TRUST_MIN, "{trust}");

    let mut rng = Rng::new(6);
    let (random_x, random_y): (Vec<f32>, Vec<f32>) = x.iter().map(|_| (rng.uniform(), rng.uniform())).unzip();
    let own = own_cluster_share(&random_x, &random_y, &of);
    let trust = trustworthiness(&rows, columns, &random_x, &random_y, 15);
    assert!(own < 0.5 * OWN_SHARE_MIN && trust < 0.7, "negative control: {own}, {trust}");
    let dealt = rng.sample(&(0..x.len()).collect::<Vec<_>>(), x.len());
    let dealt_x: Vec<f32> = dealt.iter().map(|&at| x[at]).collect();
    let dealt_y: Vec<f32> = dealt.iter().map(|&at| y[at]).collect();
    assert!(trustworthiness(&rows, columns, &dealt_x, &dealt_y, 15) < 0.7, "negative control");
}

#[test]
fn a_layout_repeats_with_its_seed_and_only_with_it() {
    let (rows, _) = planted(5, 30, 6, 9);
    let graph = fuzzy_graph(&Neighbours::exact(&rows, 6, 14).unwrap()).unwrap();
    let start = initial_positions(&rows, 6);
    let run = |seed: u64, step: usize| {
        let mut layout = Layout::new(&graph, &start, seed, 60).unwrap();
        while layout.step(step) < 1.0 {}
        layout.positions()
    };
    assert_eq!(run(1, 60), run(1, 7), "however the epochs are cut");
    assert_ne!(run(1, 60), run(2, 60));
}

/// Oracle: the planted clusters. A block of identical rows stays in one family of communities.
#[test]
fn planted_clusters_are_found() {
    let (mut rows, of) = planted(8, 40, 6, 2);
    let found = communities(&fuzzy_graph(&Neighbours::exact(&rows, 6, 14).unwrap()).unwrap(), 1.0, 42);
    assert_eq!(found.n_clusters, 8);
    assert_eq!(found.sizes, [40; 8]);
    for (vertex, &cluster) in of.iter().enumerate() {
        assert_eq!(found.membership[vertex], found.membership[cluster as usize], "vertex {vertex}");
    }

    let copies = 60;
    for copy in 0..copies {
        rows.extend_from_slice(&[90.0; 6]);
        assert_eq!(rows.len() / 6, of.len() + copy + 1);
    }
    let found = communities(&fuzzy_graph(&Neighbours::exact(&rows, 6, 14).unwrap()).unwrap(), 75.0, 42);
    let block: Vec<u32> = found.membership[of.len()..].to_vec();
    assert!(found.membership[..of.len()].iter().all(|other| !block.contains(other)));
}

/// As many rows as the largest vocabularies have, of a width that a test can afford: every stage comes to its end, the lists
/// hold what they promise, and the communities are the planted ones.
#[test]
fn a_vocabulary_of_262_144() {
    let (centres, columns, k) = (1024, 6, 8);
    let (x, of) = planted(centres, 256, columns, 17);
    let n = of.len();
    assert_eq!(n, 262_144);
    let mut file = InvertedFile::new(&x, columns, k, 42).unwrap().unwrap();
    let aimed = file.aim();
    let found = file.finish().unwrap();
    assert!(found.recall >= 0.95, "{}", found.recall);
    assert!(found.pairs < 0.1 && (found.pairs - aimed).abs() < 0.02, "{} of the pairs, aimed at {aimed}", found.pairs);
    let graph = fuzzy_graph(&found.neighbours).unwrap();
    let communities = communities(&graph, 75.0, 42);
    assert!(communities.n_clusters > 500, "{}", communities.n_clusters);
    // Rows of one community come from few centres: the centres overlap, but not all of them.
    let mut of_largest: Vec<u32> = (0..n).filter(|&row| communities.membership[row] == 0).map(|row| of[row]).collect();
    of_largest.sort_unstable();
    of_largest.dedup();
    assert!(of_largest.len() < centres / 4, "{} centres in the largest community", of_largest.len());
    let mut layout = Layout::new(&graph, &initial_positions(&x, columns), 42, 200).unwrap();
    assert!(layout.step(1) < 0.01);
    assert!(layout.positions().0.iter().all(|x| (-1.0..=1.0).contains(x)));
}
