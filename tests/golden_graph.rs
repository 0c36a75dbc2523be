//! Oracle: scikit-learn, umap-learn, igraph, leidenalg and SciPy, by way of `tools/reference/graph.py`.

use std::ops::ControlFlow;
use std::path::Path;

use glitchscope::graph::{
    Csr, LeidenOptions, Neighbours, connected_communities, fuzzy_graph, leiden, modularity, pca, smooth_knn_distances,
};
use glitchscope::rng::Rng;
use glitchscope::stats::{hypergeometric_upper_tail, miss_probability, wilson_interval};
use serde::Deserialize;
use serde::de::DeserializeOwned;

#[derive(Deserialize)]
struct Document<T> {
    script: String,
    cases: T,
}

fn golden<T: DeserializeOwned>(name: &str) -> T {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/graph/{name}.json"));
    let text = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}; run tools/reference/graph.py", path.display()));
    let document: Document<T> =
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    assert_eq!(document.script, "tools/reference/graph.py");
    document.cases
}

/// The one comparer of this file: |got − expected| ≤ absolute + relative·|expected|, which NaN fails.
fn compare(got: &[f64], expected: &[f64], absolute: f64, relative: f64) -> Result<(), String> {
    if got.len() != expected.len() || got.is_empty() {
        return Err(format!("{} values where {} are expected", got.len(), expected.len()));
    }
    for (at, (got, expected)) in got.iter().zip(expected).enumerate() {
        let allowed = absolute + relative * expected.abs();
        let within = (got - expected).abs() <= allowed;
        if !within {
            return Err(format!("value {at}: {got} where {expected} ± {allowed:e} is expected"));
        }
    }
    Ok(())
}

fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().map(|&value| f64::from(value)).collect()
}

/// Negative controls of the comparer.
#[test]
fn the_comparer_can_fail() {
    assert!(compare(&[1.0, 2.0], &[1.0, 2.0 + 1e-9], 1e-8, 0.0).is_ok());
    assert!(compare(&[1.0, 2.0], &[1.0, 2.1], 1e-8, 1e-3).is_err());
    assert!(compare(&[1.0, 2.0], &[2.0, 1.0], 1e-8, 1e-3).is_err());
    assert!(compare(&[f64::NAN], &[1.0], 1.0, 1.0).is_err());
    assert!(compare(&[1.0], &[f64::NAN], 1.0, 1.0).is_err());
    assert!(compare(&[1.0], &[1.0, 1.0], 1.0, 1.0).is_err());
    assert!(compare(&[], &[], 1.0, 1.0).is_err());
}

#[derive(Deserialize)]
struct PcaCase {
    name: String,
    rows: usize,
    columns: usize,
    n_components_asked: usize,
    n_components: usize,
    x: Vec<f32>,
    scores: Vec<f64>,
    explained_variance: Vec<f64>,
    explained_variance_ratio: Vec<f64>,
}

/// Oracle: scikit-learn's PCA with the full SVD in f64, up to the sign of each component.
#[test]
fn principal_components_equal_scikit_learn() {
    let cases: Vec<PcaCase> = golden("pca");
    assert_eq!(cases.len(), 3);
    for case in &cases {
        let found = pca(&case.x, case.columns, case.n_components_asked, 5).unwrap();
        let p = case.n_components;
        assert_eq!((found.n_components, found.scores.len()), (p, case.rows * p), "{}", case.name);
        let variance = case.explained_variance[0];
        compare(&found.explained_variance, &case.explained_variance, 1e-6 * variance, 1e-5)
            .unwrap_or_else(|error| panic!("{}, variance: {error}", case.name));
        compare(&found.explained_variance_ratio, &case.explained_variance_ratio, 1e-6, 1e-5)
            .unwrap_or_else(|error| panic!("{}, ratio: {error}", case.name));
        let column = |scores: &[f64], component: usize, sign: f64| -> Vec<f64> {
            scores.iter().skip(component).step_by(p).map(|value| sign * value).collect()
        };
        let got = wide(&found.scores);
        let absolute = 1e-4 * variance.sqrt();
        for component in 0..p {
            let expected = column(&case.scores, component, 1.0);
            let as_is = compare(&column(&got, component, 1.0), &expected, absolute, 0.0);
            let flipped = compare(&column(&got, component, -1.0), &expected, absolute, 0.0);
            if let (Err(error), Err(_)) = (as_is, flipped) {
                panic!("{}, component {component}: {error}", case.name);
            }
            let loadings = &found.components[component * case.columns..][..case.columns];
            let largest = loadings.iter().fold(0.0f32, |best, &v| if v.abs() > best.abs() { v } else { best });
            assert!(largest > 0.0, "{}: the sign of component {component}", case.name);
        }
        let other = column(&case.scores, 1, 1.0);
        assert!(compare(&column(&got, 0, 1.0), &other, absolute, 0.0).is_err(), "negative control: another component");
    }
}

#[derive(Deserialize)]
struct FuzzyCase {
    name: String,
    rows: usize,
    k_with_self: usize,
    indices: Vec<u32>,
    distances: Vec<f32>,
    rho: Vec<f64>,
    sigma: Vec<f64>,
    directed: Vec<f64>,
    edges: Vec<(u32, u32)>,
    weights: Vec<f64>,
}

/// Oracle: umap-learn's smooth_knn_dist, compute_membership_strengths and fuzzy_simplicial_set, duplicates included.
///
/// Bisection stops when the sum is within 1e-5 of its target, so σ is only determined to about that.
#[test]
fn fuzzy_weights_equal_umap_learn() {
    let cases: Vec<FuzzyCase> = golden("fuzzy");
    assert_eq!(cases.len(), 3);
    assert!(cases.iter().any(|case| case.rho.contains(&0.0)), "a row of duplicates must be among them");
    for case in &cases {
        let panic_with = |what: &str, error: String| -> ! { panic!("{}, {what}: {error}", case.name) };
        let neighbours = Neighbours::new(case.k_with_self - 1, case.indices.clone(), case.distances.clone()).unwrap();
        assert_eq!(neighbours.rows(), case.rows);
        let smoothed = smooth_knn_distances(&neighbours);
        compare(&wide(&smoothed.rho), &case.rho, 0.0, 1e-8).unwrap_or_else(|error| panic_with("rho", error));
        compare(&wide(&smoothed.sigma), &case.sigma, 1e-12, 1e-4).unwrap_or_else(|error| panic_with("sigma", error));

        let directed: Vec<f64> = (0..case.rows)
            .flat_map(|row| {
                let (rho, sigma) = (f64::from(smoothed.rho[row]), f64::from(smoothed.sigma[row]));
                let (_, distances) = neighbours.row(row);
                let weight = move |&d: &f32| (-(f64::from(d) - rho).max(0.0) / sigma).exp();
                distances.iter().map(weight).collect::<Vec<_>>()
            })
            .collect();
        compare(&directed, &case.directed, 2e-5, 0.0).unwrap_or_else(|error| panic_with("strengths", error));

        let graph = fuzzy_graph(&neighbours).unwrap();
        let (mut edges, mut weights) = (Vec::new(), Vec::new());
        for row in 0..graph.n_vertices() {
            for (&column, &weight) in graph.row(row).0.iter().zip(graph.row(row).1) {
                if column as usize > row {
                    edges.push((row as u32, column));
                    weights.push(f64::from(weight));
                }
            }
        }
        assert_eq!(edges, case.edges, "{}", case.name);
        compare(&weights, &case.weights, 2e-5, 0.0).unwrap_or_else(|error| panic_with("weights", error));

        let mut wrong = weights.clone();
        wrong[edges.len() / 2] *= 0.999;
        wrong.rotate_left(1);
        assert!(
            compare(&wrong, &case.weights, 2e-5, 0.0).is_err(),
            "{}: negative control, weights one place off",
            case.name
        );
    }
}

#[derive(Deserialize)]
struct LeidenCase {
    name: String,
    vertices: usize,
    edges: Vec<u32>,
    weights: Vec<f32>,
    targets: Vec<LeidenTarget>,
}

#[derive(Deserialize)]
struct LeidenTarget {
    resolution: f64,
    igraph_quality: f64,
    leidenalg_quality: f64,
    igraph_membership: Vec<u32>,
}

impl LeidenCase {
    fn graph(&self) -> Csr {
        let edges: Vec<(u32, u32, f32)> =
            self.edges.chunks_exact(2).zip(&self.weights).map(|(pair, &weight)| (pair[0], pair[1], weight)).collect();
        Csr::from_edges(self.vertices, &edges).unwrap()
    }
}

/// Share of igraph's quality, the median of eleven seeds run to convergence, that each of ours must reach. At
/// resolution 75 igraph's own runs differ by more than 2 %.
const QUALITY_SHARE_MIN: f64 = 0.985;

/// Compares qualities, and what they gain over singletons: at a high resolution both are negative, and a share of
/// a negative number would reward a worse partition.
fn nearly_as_good(quality: f64, target: f64, singletons: f64) -> bool {
    let gain = quality - singletons >= QUALITY_SHARE_MIN * (target - singletons);
    let share = target <= 0.0 || quality >= QUALITY_SHARE_MIN * target;
    gain && share
}

/// Oracle: igraph's community_leiden, objective modularity; leidenalg's RBConfiguration as a second opinion.
#[test]
fn communities_are_as_good_as_igraphs() {
    let cases: Vec<LeidenCase> = golden("leiden");
    assert_eq!(cases.len(), 4);
    for case in &cases {
        let graph = case.graph();
        assert!(!case.targets.is_empty());
        for target in &case.targets {
            let about = format!("{} at resolution {}", case.name, target.resolution);
            let quality_of = |membership: &[u32]| modularity(&graph, membership, target.resolution).unwrap();
            let again = quality_of(&target.igraph_membership);
            compare(&[again], &[target.igraph_quality], 1e-7, 1e-6).unwrap_or_else(|error| panic!("{about}: {error}"));
            let singletons = quality_of(&(0..case.vertices as u32).collect::<Vec<_>>());
            let theirs = target.igraph_quality.max(target.leidenalg_quality);
            for seed in [1, 42, 20_240_414] {
                let options = LeidenOptions { resolution: target.resolution, seed, max_iterations: 10 };
                let found = leiden(&graph, &options, &mut |_| ControlFlow::Continue(())).unwrap();
                compare(&[found.quality], &[quality_of(&found.membership)], 1e-12, 0.0)
                    .unwrap_or_else(|error| panic!("{about}: {error}"));
                assert!(
                    nearly_as_good(found.quality, theirs, singletons),
                    "{about}, seed {seed}: {} against {theirs}, singletons {singletons}",
                    found.quality
                );
                let (_, n_torn) = connected_communities(&graph, &found.membership).unwrap();
                assert_eq!(n_torn, 0, "{about}, seed {seed}: a community in pieces");
                assert_eq!(found.sizes.iter().sum::<u32>() as usize, case.vertices);
                assert_eq!(found.sizes.len(), found.n_clusters as usize);
                assert!(found.sizes.windows(2).all(|pair| pair[0] >= pair[1]));

                // Negative control: the same community sizes, dealt out at random.
                let scrambled = Rng::new(seed).sample(&found.membership, case.vertices);
                let wrong = quality_of(&scrambled);
                assert!(!nearly_as_good(wrong, theirs, singletons), "{about}: scrambled communities pass with {wrong}");
            }
        }
    }
    assert!(!nearly_as_good(f64::NAN, 0.5, 0.0), "negative control: NaN");
}

#[derive(Deserialize)]
struct StatsCases {
    hypergeometric_upper_tail: Vec<(u64, u64, u64, u64, f64)>,
    miss_probability: Vec<(u64, u64, u64, f64)>,
    wilson_interval: Vec<(u64, u64, f64, f64, f64)>,
}

/// Oracle: SciPy's hypergeom.sf, hypergeom.pmf and binomtest.
#[test]
fn statistics_equal_scipy() {
    let cases: StatsCases = golden("stats");
    assert!(cases.hypergeometric_upper_tail.len() > 8 && cases.miss_probability.len() > 4);
    assert!(cases.wilson_interval.len() > 5);
    for &(population, successes, draws, observed, expected) in &cases.hypergeometric_upper_tail {
        let got = hypergeometric_upper_tail(observed, population, successes, draws).unwrap();
        compare(&[got], &[expected], 0.0, 1e-9).unwrap_or_else(|error| panic!("{population}, {observed}: {error}"));
        let wrong = hypergeometric_upper_tail(observed - 1, population, successes, draws).unwrap();
        assert!(compare(&[wrong], &[expected], 0.0, 1e-9).is_err(), "negative control: one observed fewer");
    }
    for &(size, hits, sample, expected) in &cases.miss_probability {
        let got = miss_probability(size, hits, sample).unwrap();
        compare(&[got], &[expected], 0.0, 1e-11).unwrap_or_else(|error| panic!("{size}, {hits}: {error}"));
        let wrong = miss_probability(size, hits - 1, sample).unwrap();
        assert!(compare(&[wrong], &[expected], 0.0, 1e-11).is_err(), "negative control: one hit fewer");
    }
    for &(successes, trials, confidence, low, high) in &cases.wilson_interval {
        let got = wilson_interval(successes, trials, confidence).unwrap();
        compare(&[got.0, got.1], &[low, high], 1e-9, 0.0).unwrap_or_else(|error| panic!("{successes}: {error}"));
        let wrong = wilson_interval(successes, trials + 1, confidence).unwrap();
        assert!(compare(&[wrong.0, wrong.1], &[low, high], 1e-9, 0.0).is_err(), "negative control: one more trial");
    }
}
