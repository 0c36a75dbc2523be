"""Numbers that the detectors are held against: indicators, k-means, a support vector machine, and their statistics.

    python tools/reference/detectors.py        (writes tests/golden/detectors.json)

Indicators are Magikarp's, on the specimen's embedding, with NumPy and scikit-learn in f64; inputs of the rest are small
integers, so that the JSON holds exactly what the libraries saw.
"""

import hashlib
import json
import platform
from pathlib import Path

import numpy as np
import scipy
import scipy.stats
import sklearn
from safetensors.numpy import load_file
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.metrics import cohen_kappa_score
from sklearn.svm import SVC

ROOT = Path(__file__).resolve().parents[2]
SEED = 20261121
FOLDER = ROOT / "www/public/specimen"


def rounded(values, digits=9):
    return [float(f"{value:.{digits}g}") for value in np.asarray(values, dtype=np.float64).ravel()]


def byte_ids():
    """Ids of the bytes that UTF-8 never uses, by GPT-2's byte alphabet."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    spelled = {byte: chr(byte) for byte in printable}
    spelled |= {byte: chr(256 + i) for i, byte in enumerate(b for b in range(256) if b not in printable)}
    vocabulary = json.loads((FOLDER / "tokenizer.json").read_text())["model"]["vocab"]
    return sorted(vocabulary[spelled[byte]] for byte in (0xC0, 0xC1, *range(0xF5, 0x100)))


def cosine_distance(rows, reference):
    norms = np.linalg.norm(rows, axis=1) * np.linalg.norm(reference)
    return 1 - rows @ reference / np.maximum(norms, 1e-6)


def indicators_of(rows, references):
    """Magikarp's indicators of all rows (f64) against the mean of the reference rows, and how alike those are."""
    unit = rows[references] / np.linalg.norm(rows[references], axis=1, keepdims=True)
    cosines, n = unit @ unit.T, len(references)
    centred = rows - rows.mean(0)
    first = PCA(n_components=1, svd_solver="full").fit(rows).components_[0]
    without = rows - np.outer(rows @ first, first)
    mean = lambda x: x[references].mean(0)  # noqa: E731
    values = {
        "input_norm": np.linalg.norm(rows, axis=1),
        "cosine": cosine_distance(rows, mean(rows)),
        "centred_cosine": cosine_distance(centred, mean(centred)),
        "cosine_without_first_component": cosine_distance(without, mean(without)),
        "distance": np.linalg.norm(rows - mean(rows), axis=1),
    }
    return values, float((cosines.sum() - n) / (n * (n - 1)))


def indicators():
    rows = load_file(FOLDER / "model.safetensors")["model.embed_tokens.weight"].astype(np.float64)
    references = byte_ids()
    values, mutual_cosine = indicators_of(rows, references)
    shown = list(range(0, len(rows), 31))
    return {
        "references": references,
        "mutual_cosine": mutual_cosine,
        "ids": shown,
        "values": {name: rounded(column[shown]) for name, column in values.items()},
        "percentile_2": {name: float(np.percentile(column, 2)) for name, column in values.items()},
    }


def kmeans_case(rng):
    centres = rng.integers(-60, 60, size=(12, 6))
    x = centres[rng.integers(0, 12, size=300)] + rng.integers(-9, 10, size=(300, 6))
    start = x[rng.choice(300, 12, replace=False)].astype(np.float64)
    made = KMeans(12, init=start, n_init=1, algorithm="lloyd", tol=0, max_iter=300).fit(x.astype(np.float64))
    assert len(set(made.labels_)) == 12
    return {"columns": 6, "x": x.ravel().tolist(), "start": start.ravel().tolist(),
            "labels": made.labels_.tolist(), "centres": rounded(made.cluster_centers_)}


def svm_case(rng):
    x = rng.integers(-8, 9, size=(90, 5))
    score = (x[:, 0] + 0.5 * x[:, 1]) ** 3 / 60 + x[:, 2] - 6 + rng.normal(size=90)
    y = score > 0
    assert 8 < y.sum() < 60
    queries = rng.integers(-8, 9, size=(40, 5))
    made = SVC(kernel="poly", degree=3, C=1.0, class_weight="balanced", gamma="scale", tol=1e-5).fit(x.astype(float), y)
    return {"columns": 5, "x": x.ravel().tolist(), "positive": y.tolist(), "queries": queries.ravel().tolist(),
            "decisions": rounded(made.decision_function(queries.astype(float)))}


def statistics(rng):
    p = rng.random(25) ** 3
    columns = [rng.random(60) < share for share in (0.2, 0.3, 0.9)]
    columns.append(columns[0] ^ (rng.random(60) < 0.1))
    kappas = []
    for i, a in enumerate(columns):
        for b in columns[i + 1:]:
            kappas.append({"counts": [int((a & b).sum()), int((a & ~b).sum()), int((~a & b).sum()), int((~a & ~b).sum())],
                           "kappa": float(cohen_kappa_score(a, b))})
    means = []
    for n in (2, 10, 30):
        values = rounded(rng.normal(3, 2, size=n), 6)
        low, high = scipy.stats.t.interval(0.95, n - 1, loc=np.mean(values), scale=scipy.stats.sem(values))
        means.append({"values": values, "mean": float(np.mean(values)), "low": float(low), "high": float(high)})
    p = rounded(p, 6)
    return {"p_values": p, "adjusted": rounded(scipy.stats.false_discovery_control(p), 12), "kappas": kappas, "means": means}


def main():
    rng = np.random.default_rng(SEED)
    cases = {"indicators": indicators(), "kmeans": kmeans_case(rng), "svm": svm_case(rng), "statistics": statistics(rng)}
    text = json.dumps(cases, separators=(",", ":"))
    document = {
        "script": "tools/reference/detectors.py",
        "versions": {"python": platform.python_version(), **{m.__name__: m.__version__ for m in (np, scipy, sklearn)}},
        "seed": SEED,
        "model_sha256": hashlib.sha256((FOLDER / "model.safetensors").read_bytes()).hexdigest(),
        "sha256_of_cases": hashlib.sha256(text.encode()).hexdigest(),
        "cases": cases,
    }
    path = ROOT / "tests/golden/detectors.json"
    path.write_text(json.dumps(document, separators=(",", ":")) + "\n")
    print(path.relative_to(ROOT), path.stat().st_size, "bytes; mutual cosine", cases["indicators"]["mutual_cosine"])


if __name__ == "__main__":
    main()
