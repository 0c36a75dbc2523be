"""Seconds that the usual Python libraries take for the stages of a map, and how good what they find is.

    python benches/graph.py FILE ROWS COLUMNS   the rows in f32, written when the file is not there; prints one line of JSON

Components: scikit-learn. Neighbours: scikit-learn (exact) and pynndescent, which umap-learn searches with (approximate).
Weights: umap-learn. Communities: igraph until nothing is gained, leidenalg with its two iterations. What is compiled on the
first call is called once before. Processor seconds go to stderr, for a machine that does other things as well.
"""

import importlib.metadata
import json
import sys
import time
from pathlib import Path

import igraph
import leidenalg
import numpy as np
import pynndescent
import sklearn.decomposition
import sklearn.neighbors
import umap.umap_

NEIGHBOURS, COMPONENTS, RESOLUTION, SEED = 50, 50, 75.0, 42


def rows_of(path: Path, rows: int, columns: int) -> np.ndarray:
    """Rows of a Gaussian whose deviations fall as 1/sqrt(i), as in src/bench/graph.rs."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        rng = np.random.default_rng(SEED)
        x = rng.standard_normal((rows, columns), dtype=np.float32)
        x *= (np.arange(1, columns + 1) ** -0.5).astype(np.float32)
        x.tofile(path)
    return np.fromfile(path, dtype=np.float32).reshape(rows, columns)


def timed(work):
    start, busy = time.perf_counter(), time.process_time()
    value = work()
    taken = time.perf_counter() - start
    print(f"{taken:.2f} s, {time.process_time() - busy:.2f} s of all processors", file=sys.stderr)
    return value, taken


def median(work, runs=3):
    value = None
    seconds = []
    for _ in range(runs):
        value, taken = timed(work)
        seconds.append(taken)
    return value, sorted(seconds)[runs // 2]


def quality(graph, weights, membership) -> float:
    return graph.modularity(membership, weights=weights, resolution=RESOLUTION)


def main() -> None:
    path, rows, columns = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    x = rows_of(path, rows, columns)
    if "--write" in sys.argv:
        return
    result = {}
    pca = sklearn.decomposition.PCA(COMPONENTS, random_state=SEED)
    scores, result["pca"] = median(lambda: pca.fit_transform(x))
    scores = np.ascontiguousarray(scores, dtype=np.float32)
    result["variance"] = float(pca.explained_variance_ratio_.sum())

    search = sklearn.neighbors.NearestNeighbors(n_neighbors=NEIGHBOURS, algorithm="brute").fit(scores)
    (distances, indices), result["knn exact"] = timed(lambda: search.kneighbors(scores))
    pynndescent.NNDescent(scores[:2000], n_neighbors=NEIGHBOURS, random_state=SEED).neighbor_graph
    found, result["knn approximate"] = timed(
        lambda: pynndescent.NNDescent(scores, n_neighbors=NEIGHBOURS, random_state=SEED).neighbor_graph
    )
    sample = np.random.default_rng(1).choice(rows, 1000, replace=False)
    held = [len(set(indices[row, 1:]) & set(found[0][row])) for row in sample]
    result["recall"] = float(np.mean(held) / (NEIGHBOURS - 1))

    def weights(near, far):
        return umap.umap_.fuzzy_simplicial_set(
            scores[: len(near)], NEIGHBOURS, SEED, "euclidean", knn_indices=near, knn_dists=far
        )[0]

    weights(indices[:2000] % 2000, distances[:2000])
    graph, result["weights"] = median(lambda: weights(indices, distances))
    upper = graph.tocoo()
    keep = upper.row < upper.col
    edges = np.column_stack([upper.row[keep], upper.col[keep]])
    edge_weights = upper.data[keep].astype(np.float64)
    made = igraph.Graph(n=rows, edges=edges)
    clusters, result["igraph"] = timed(
        lambda: made.community_leiden(
            objective_function="modularity", weights=edge_weights.tolist(), resolution=RESOLUTION, n_iterations=-1
        )
    )
    result["igraph quality"] = quality(made, edge_weights, clusters.membership)
    partition, result["leidenalg"] = timed(
        lambda: leidenalg.find_partition(
            made, leidenalg.RBConfigurationVertexPartition, weights=edge_weights, resolution_parameter=RESOLUTION,
            n_iterations=2, seed=SEED,
        )
    )
    result["leidenalg quality"] = quality(made, edge_weights, partition.membership)
    result["leidenalg clusters"] = len(partition)
    names = ["scikit-learn", "umap-learn", "pynndescent", "igraph", "leidenalg"]
    result["versions"] = {name: importlib.metadata.version(name) for name in names}
    print(json.dumps(result))


main()
