"""Golden numbers for src/graph and src/stats, from the libraries they are compared with.

    python tools/reference/graph.py        (writes tests/golden/graph/*.json)

Needs numpy, scipy, scikit-learn, umap-learn, igraph and leidenalg; the versions used are written into every file.
Inputs are rounded to short decimals or integers, so that the JSON holds exactly what the libraries saw.
"""

import hashlib
import importlib.metadata
import json
import pathlib
import platform
import random

import igraph
import leidenalg
import numpy as np
import scipy.stats
from sklearn.decomposition import PCA
from umap.umap_ import compute_membership_strengths, fuzzy_simplicial_set, smooth_knn_dist

SEED = 20240914
FOLDER = pathlib.Path(__file__).resolve().parents[2] / "tests" / "golden" / "graph"
LIBRARIES = ["numpy", "scipy", "scikit-learn", "umap-learn", "igraph", "leidenalg"]


def write(name, cases):
    text = json.dumps(cases, separators=(",", ":"))
    document = {
        "script": "tools/reference/graph.py",
        "versions": {"python": platform.python_version()}
        | {library: importlib.metadata.version(library) for library in LIBRARIES},
        "seed": SEED,
        "sha256_of_cases": hashlib.sha256(text.encode()).hexdigest(),
        "cases": cases,
    }
    path = FOLDER / f"{name}.json"
    path.write_text(json.dumps(document, separators=(",", ":")) + "\n")
    assert path.stat().st_size <= 400_000, (path, path.stat().st_size)
    print(path.relative_to(FOLDER.parents[2]), path.stat().st_size, "bytes")


def floats(array, digits=7):
    """Shortest decimals that keep `digits` significant digits."""
    return [float(f"{value:.{digits}g}") for value in np.asarray(array, dtype=np.float64).ravel()]


def pca_cases(rng):
    """Rows with a decaying spectrum: one tall matrix, one with fewer rows than columns, one past the dense solver."""
    cases = []
    for name, rows, columns, n_components, scale in [
        ("tall", 200, 24, 10, 20.0),
        ("wide", 30, 60, 50, 20.0),
        ("many_columns", 90, 400, 12, 6.0),
    ]:
        spectrum = 0.85 ** np.arange(min(rows, columns))
        basis = np.linalg.qr(rng.normal(size=(columns, len(spectrum))))[0]
        x = rng.normal(size=(rows, len(spectrum))) * spectrum @ basis.T * np.sqrt(columns)
        x = np.rint(scale * x + 3.0 * rng.normal(size=columns))
        n_kept = min(n_components, columns, rows - 1)
        fit = PCA(n_components=n_kept, svd_solver="full").fit(x)
        cases.append(
            {
                "name": name,
                "rows": rows,
                "columns": columns,
                "n_components_asked": n_components,
                "n_components": n_kept,
                "x": [int(value) for value in x.ravel()],
                "scores": floats(fit.transform(x)),
                "explained_variance": floats(fit.explained_variance_, 10),
                "explained_variance_ratio": floats(fit.explained_variance_ratio_, 10),
            }
        )
    return cases


def exact_neighbours(x, n_neighbors):
    """Neighbours in UMAP's form: the row itself first, at distance 0."""
    difference = x[:, None, :] - x[None, :, :]
    distances = np.sqrt((difference**2).sum(axis=2)).astype(np.float32)
    np.fill_diagonal(distances, -1.0)
    order = np.argsort(distances, axis=1, kind="stable")[:, :n_neighbors]
    np.fill_diagonal(distances, 0.0)
    return order.astype(np.int32), np.take_along_axis(distances, order, axis=1)


def fuzzy_case(name, x, n_neighbors):
    indices, distances = exact_neighbours(x, n_neighbors)
    assert (indices[:, 0] == np.arange(len(x))).all()
    distances = np.array(floats(distances, 9), dtype=np.float32).reshape(distances.shape)
    sigmas, rhos = smooth_knn_dist(distances, float(n_neighbors))
    _, _, directed, _ = compute_membership_strengths(indices, distances, sigmas, rhos)
    graph, _, _ = fuzzy_simplicial_set(x, n_neighbors, None, "euclidean", knn_indices=indices, knn_dists=distances)
    upper = [(i, j, w) for i, j, w in zip(*edges_of(graph)) if i < j]
    return {
        "name": name,
        "rows": len(x),
        "k_with_self": n_neighbors,
        "indices": indices[:, 1:].ravel().tolist(),
        "distances": floats(distances[:, 1:], 9),
        "rho": floats(rhos, 9),
        "sigma": floats(sigmas, 9),
        "directed": floats(directed.reshape(indices.shape)[:, 1:], 9),
        "edges": [[int(i), int(j)] for i, j, _ in upper],
        "weights": floats([w for _, _, w in upper], 9),
    }


def edges_of(graph):
    graph = graph.tocoo()
    order = np.lexsort((graph.col, graph.row))
    return graph.row[order], graph.col[order], graph.data[order]


def fuzzy_cases(rng):
    clouds = np.round(rng.normal(size=(90, 5)) + 4.0 * rng.integers(0, 3, size=(90, 1)), 2)
    # Twenty copies of one row (all their neighbours at distance 0, so rho is 0), pairs of copies, and a far outlier.
    duplicates = np.round(rng.normal(size=(80, 4)), 2)
    duplicates[10:30] = duplicates[10]
    duplicates[40:48] = duplicates[48:56]
    duplicates[79] = 50.0
    # Points on a grid: many distances equal to rho, so the sum cannot come down to its target and sigma is floored.
    grid = np.array([[i, j] for i in range(8) for j in range(8)], dtype=np.float64)
    return [
        fuzzy_case("clouds", clouds, 15),
        fuzzy_case("duplicates", duplicates, 12),
        fuzzy_case("grid", grid, 5),
    ]


def modularity(n, edges, weights, membership, resolution):
    """The closed form of src/graph/quality.rs, written a second time."""
    weights, membership = np.asarray(weights, dtype=np.float64), np.asarray(membership)
    a, b = np.asarray(edges).T
    degrees = np.bincount(a, weights, n) + np.bincount(b, weights, n)
    inside = weights[membership[a] == membership[b]].sum()
    total = weights.sum()
    return inside / total - resolution * (np.bincount(membership, degrees) ** 2).sum() / (2.0 * total) ** 2


# Runs to convergence of one graph at one resolution end in different optima; the median one is the target.
N_RUNS = 11


def leiden_case(name, n, edges, weights, resolutions):
    graph = igraph.Graph(n=n, edges=edges)
    targets = []
    for resolution in resolutions:
        runs, leidenalg_qualities = [], []
        for seed in range(N_RUNS):
            # igraph draws from Python's generator.
            igraph.set_random_number_generator(random.Random(SEED + seed))
            found = graph.community_leiden("modularity", weights=weights, resolution=resolution, n_iterations=-1)
            quality = modularity(n, edges, weights, found.membership, resolution)
            assert abs(quality - graph.modularity(found.membership, weights, resolution, directed=False)) < 1e-9
            runs.append((quality, list(found.membership)))
            partition = leidenalg.find_partition(
                graph,
                leidenalg.RBConfigurationVertexPartition,
                weights=weights,
                resolution_parameter=resolution,
                n_iterations=-1,
                seed=SEED + seed,
            )
            leidenalg_qualities.append(modularity(n, edges, weights, partition.membership, resolution))
        runs.sort()
        median_quality, median_membership = runs[N_RUNS // 2]
        targets.append(
            {
                "resolution": resolution,
                "igraph_quality_least": runs[0][0],
                "igraph_quality": median_quality,
                "igraph_quality_most": runs[-1][0],
                "leidenalg_quality": sorted(leidenalg_qualities)[N_RUNS // 2],
                "igraph_membership": median_membership,
            }
        )
    return {
        "name": name,
        "vertices": n,
        "edges": [vertex for edge in edges for vertex in edge],
        "weights": weights,
        "targets": targets,
    }


def leiden_cases(rng):
    karate = igraph.Graph.Famous("Zachary")
    cases = [leiden_case("karate", 34, karate.get_edgelist(), [1.0] * karate.ecount(), [0.5, 1.0, 4.0])]

    blocks = np.repeat(np.arange(12), 15)
    edges, weights = [], []
    for i in range(len(blocks)):
        for j in range(i + 1, len(blocks)):
            if rng.random() < (0.5 if blocks[i] == blocks[j] else 0.02):
                edges.append((i, j))
                weights.append(round(0.1 + 0.9 * rng.random(), 3))
    cases.append(leiden_case("planted", len(blocks), edges, weights, [1.0, 3.0]))

    for name, x in [
        ("knn_blobs", rng.normal(size=(600, 8)) + 3.0 * rng.normal(size=(25, 8))[rng.integers(0, 25, 600)]),
        ("knn_gaussian", rng.normal(size=(600, 20)) * 0.9 ** np.arange(20)),
    ]:
        indices, distances = exact_neighbours(x, 15)
        graph, _, _ = fuzzy_simplicial_set(x, 15, None, "euclidean", knn_indices=indices, knn_dists=distances)
        kept = [(int(i), int(j), round(float(w), 4)) for i, j, w in zip(*edges_of(graph)) if i < j and w >= 1e-4]
        edges, weights = [(i, j) for i, j, _ in kept], [w for _, _, w in kept]
        cases.append(leiden_case(name, 600, edges, weights, [1.0, 10.0, 75.0]))
    return cases


def stats_cases():
    tails, misses, intervals = [], [], []
    for population, successes, draws, observed in [
        (8, 4, 4, 3),
        (50, 5, 10, 4),
        (50257, 350, 50, 3),
        (50257, 350, 50, 12),
        (50257, 2298, 80, 4),
        (151936, 30000, 1000, 201),
        (151936, 30000, 1000, 260),
        (151936, 75000, 75000, 37100),
        (151936, 75000, 75000, 37600),
        (32000, 31900, 20, 20),
        (1000, 990, 500, 494),
    ]:
        sf = scipy.stats.hypergeom.sf(observed - 1, population, successes, draws)
        tails.append([population, successes, draws, observed, float(sf)])
    for size, hits, sample in [(5, 1, 3), (80, 1, 5), (80, 4, 8), (500, 20, 50), (20, 18, 2), (3000, 900, 50)]:
        misses.append([size, hits, sample, float(scipy.stats.hypergeom.pmf(0, size, hits, sample))])
    for successes, trials, confidence in [
        (0, 5, 0.95),
        (1, 5, 0.95),
        (5, 5, 0.95),
        (3, 24, 0.9),
        (205, 349, 0.95),
        (12, 100000, 0.99),
        (1, 1, 0.5),
    ]:
        interval = scipy.stats.binomtest(successes, trials).proportion_ci(confidence, method="wilson")
        intervals.append([successes, trials, confidence, float(interval.low), float(interval.high)])
    return {"hypergeometric_upper_tail": tails, "miss_probability": misses, "wilson_interval": intervals}


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    write("pca", pca_cases(np.random.default_rng(SEED)))
    write("fuzzy", fuzzy_cases(np.random.default_rng(SEED + 1)))
    write("leiden", leiden_cases(np.random.default_rng(SEED + 2)))
    write("stats", stats_cases())
