"""Seconds that the usual Python libraries take for the stages of a map, and how good what they find is.

    python benches/graph.py FILE ROWS COLUMNS PART SECONDS   the rows in f32, written when the file is not there; prints one line of JSON

Components: scikit-learn. Neighbours: scikit-learn (exact) and pynndescent, which umap-learn searches with (approximate).
Weights: umap-learn. Communities: igraph and leidenalg, two iterations each, of the graph of all rows and of that of the first
PART rows, at a resolution that falls with the rows. leidenalg may take SECONDS, in a process of its own that is ended then; of
all rows it is not asked with SECONDS below LEIDENALG_WHOLE, because it takes minutes. The graphs go to FILE.all and FILE.part
and the communities to FILE.all.igraph and so on, so that others can be given the same graph and all partitions are judged by
the same function. What is compiled on the first call is called once before. Processor seconds go to stderr, for a machine
that does other things as well.
"""

import importlib.metadata
import json
import multiprocessing
import random
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

NEIGHBOURS, COMPONENTS, SEED, ITERATIONS = 50, 50, 42, 2
# GlitchHunter's resolution, and the rows it is used for here.
RESOLUTION, RESOLUTION_ROWS = 75.0, 50_000
LEIDENALG_WHOLE = 300.0


def rows_of(path: Path, rows: int, columns: int) -> np.ndarray:
    """Rows of a Gaussian whose deviations fall as 1/sqrt(i), as in src/bench/graph.rs."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        rng = np.random.default_rng(SEED)
        x = rng.standard_normal((rows, columns), dtype=np.float32)
        x *= (np.arange(1, columns + 1) ** -0.5).astype(np.float32)
        x.tofile(path)
    return np.fromfile(path, dtype=np.float32).reshape(rows, columns)


def timed(name, work):
    start, busy = time.perf_counter(), time.process_time()
    value = work()
    taken = time.perf_counter() - start
    print(f"{name}: {taken:.2f} s, {time.process_time() - busy:.2f} s of all processors", file=sys.stderr, flush=True)
    return value, taken


def median(name, work, runs=3):
    value = None
    seconds = []
    for _ in range(runs):
        value, taken = timed(name, work)
        seconds.append(taken)
    return value, sorted(seconds)[runs // 2]


def limited(name, work, limit):
    """The same in a process of its own; None, None when it is not done after so many seconds."""
    receive, send = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("fork").Process(target=lambda: send.send(timed(name, work)))
    process.start()
    send.close()
    result = receive.recv() if receive.poll(limit) else (None, None)
    if result[1] is None:
        print(f"{name}: not done after {limit:.0f} s", file=sys.stderr, flush=True)
        process.kill()
    process.join()
    return result


def write_graph(path: Path, matrix):
    """The upper triangle of a scipy matrix, mirrored: u32 vertices and entries, row starts, columns, then f32 weights."""
    upper = matrix.tocoo()
    keep = (upper.row < upper.col) & (upper.data > 0)
    row, column, weight = upper.row[keep], upper.col[keep], upper.data[keep].astype(np.float32)
    rows, columns, weights = np.concatenate([row, column]), np.concatenate([column, row]), np.tile(weight, 2)
    order = np.lexsort((columns, rows))
    starts = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=matrix.shape[0]))])
    with path.open("wb") as file:
        np.array([matrix.shape[0], len(rows)], dtype=np.uint32).tofile(file)
        starts.astype(np.uint32).tofile(file)
        columns[order].astype(np.uint32).tofile(file)
        weights[order].tofile(file)
    return igraph.Graph(n=matrix.shape[0], edges=np.column_stack([row, column])), weight.astype(np.float64)


def with_igraph(graph, weights, resolution):
    random.seed(SEED)
    return graph.community_leiden(
        objective_function="modularity", weights=weights.tolist(), resolution=resolution, n_iterations=ITERATIONS
    ).membership


def with_leidenalg(graph, weights, resolution):
    return leidenalg.find_partition(
        graph, leidenalg.RBConfigurationVertexPartition, weights=weights, resolution_parameter=resolution,
        n_iterations=ITERATIONS, seed=SEED,
    ).membership


def communities(path: Path, matrix, limit, libraries):
    """Seconds, quality and number of the communities that each library finds in a graph, which is written to `path`."""
    graph, weights = write_graph(path, matrix)
    resolution = RESOLUTION * matrix.shape[0] / RESOLUTION_ROWS
    result = {"rows": matrix.shape[0], "entries": 2 * graph.ecount(), "resolution": resolution, "by": {}}
    for library, work in libraries.items():
        found, seconds = limited(f"{library}, {matrix.shape[0]} rows", lambda work=work: work(graph, weights, resolution), limit)
        if found is None:
            continue
        np.array(found, dtype=np.uint32).tofile(f"{path}.{library}")
        quality = graph.modularity(found, weights=weights, resolution=resolution)
        result["by"][library] = {"seconds": seconds, "quality": quality, "clusters": len(set(found))}
    return result


def main() -> None:
    path, rows, columns = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    part, limit = min(rows, int(sys.argv[4])), float(sys.argv[5])
    x = rows_of(path, rows, columns)
    result = {}
    pca = sklearn.decomposition.PCA(COMPONENTS, random_state=SEED)
    scores, result["pca"] = median("components", lambda: pca.fit_transform(x))
    scores = np.ascontiguousarray(scores, dtype=np.float32)
    result["variance"] = float(pca.explained_variance_ratio_.sum())

    search = sklearn.neighbors.NearestNeighbors(n_neighbors=NEIGHBOURS, algorithm="brute").fit(scores)
    (distances, indices), result["knn exact"] = timed("neighbours, exact", lambda: search.kneighbors(scores))
    pynndescent.NNDescent(scores[:2000], n_neighbors=NEIGHBOURS, random_state=SEED).neighbor_graph
    found, result["knn approximate"] = timed(
        "neighbours, approximate",
        lambda: pynndescent.NNDescent(scores, n_neighbors=NEIGHBOURS, random_state=SEED).neighbor_graph,
    )
    sample = np.random.default_rng(1).choice(rows, min(rows, 1000), replace=False)
    held = [len(set(indices[row, 1:]) & set(found[0][row])) for row in sample]
    result["recall"] = float(np.mean(held) / (NEIGHBOURS - 1))

    def weights(near, far):
        return umap.umap_.fuzzy_simplicial_set(
            scores[: len(near)], NEIGHBOURS, SEED, "euclidean", knn_indices=near, knn_dists=far
        )[0]

    weights(indices[:2000] % min(rows, 2000), distances[:2000])
    matrix, result["weights"] = median("weights", lambda: weights(indices, distances))
    both = {"igraph": with_igraph, "leidenalg": with_leidenalg}
    far, near = search.fit(scores[:part]).kneighbors(scores[:part])
    result["part"] = communities(Path(f"{path}.part"), weights(near, far), limit, both)
    whole = both if limit >= LEIDENALG_WHOLE else {"igraph": with_igraph}
    result["all"] = communities(Path(f"{path}.all"), matrix, max(limit, LEIDENALG_WHOLE), whole)
    result["iterations"] = ITERATIONS
    names = ["scikit-learn", "umap-learn", "pynndescent", "igraph", "leidenalg"]
    result["versions"] = {name: importlib.metadata.version(name) for name in names}
    print(json.dumps(result))


main()
