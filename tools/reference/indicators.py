"""Magikarp's indicators of a second real model, stories260K, whose byte tokens are SentencePiece's.

    python tools/reference/indicators.py FOLDER        (writes tests/golden/indicators_stories260K.json)

FOLDER holds config.json, model.safetensors and tokenizer.json. NumPy and scikit-learn in f64, as in detectors.py; nothing is
drawn, so there is no seed.
"""

import hashlib
import json
import platform
import sys
from pathlib import Path

import numpy as np
import sklearn
from safetensors.numpy import load_file
from sklearn.decomposition import PCA

ROOT = Path(__file__).resolve().parents[2]


def rounded(values, digits=9):
    return [float(f"{value:.{digits}g}") for value in np.asarray(values, dtype=np.float64).ravel()]


def cosine_distance(rows, reference):
    norms = np.linalg.norm(rows, axis=1) * np.linalg.norm(reference)
    return 1 - rows @ reference / np.maximum(norms, 1e-6)


def coherent(rows, ids):
    """Ids whose cosine with the mean direction of all of them is at least 0.8, until none is left out."""
    while True:
        unit = rows[ids] / np.linalg.norm(rows[ids], axis=1, keepdims=True)
        mean = unit.sum(0) / np.linalg.norm(unit.sum(0))
        kept = [i for i, cosine in zip(ids, unit @ mean) if cosine >= 0.8]
        if len(kept) == len(ids):
            return ids
        ids = kept


def main():
    folder = Path(sys.argv[1])
    tensors = load_file(folder / "model.safetensors")
    rows = tensors["model.embed_tokens.weight"].astype(np.float64)
    assert json.loads((folder / "config.json").read_text())["tie_word_embeddings"]
    vocabulary = json.loads((folder / "tokenizer.json").read_text())["model"]["vocab"]
    members = sorted(vocabulary[f"<0x{byte:02X}>"] for byte in (0xC0, 0xC1, *range(0xF5, 0x100)))
    references = coherent(rows, members)
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
    document = {
        "script": "tools/reference/indicators.py",
        "versions": {"python": platform.python_version(), **{m.__name__: m.__version__ for m in (np, sklearn)}},
        "model_sha256": hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest(),
        "references": references,
        "mutual_cosine": float((cosines.sum() - n) / (n * (n - 1))),
        "values": {name: rounded(column) for name, column in values.items()},
        "percentile_2": {name: float(np.percentile(column, 2)) for name, column in values.items()},
    }
    path = ROOT / "tests/golden/indicators_stories260K.json"
    path.write_text(json.dumps(document, separators=(",", ":")) + "\n")
    print(path.relative_to(ROOT), path.stat().st_size, "bytes;", n, "references, mutual cosine", document["mutual_cosine"])


main()
