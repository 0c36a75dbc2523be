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
from detectors import indicators_of, rounded

ROOT = Path(__file__).resolve().parents[2]


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
    values, mutual_cosine = indicators_of(rows, references)
    document = {
        "script": "tools/reference/indicators.py",
        "versions": {"python": platform.python_version(), **{m.__name__: m.__version__ for m in (np, sklearn)}},
        "model_sha256": hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest(),
        "references": references,
        "mutual_cosine": mutual_cosine,
        "values": {name: rounded(column) for name, column in values.items()},
        "percentile_2": {name: float(np.percentile(column, 2)) for name, column in values.items()},
    }
    path = ROOT / "tests/golden/indicators_stories260K.json"
    path.write_text(json.dumps(document, separators=(",", ":")) + "\n")
    print(path.relative_to(ROOT), path.stat().st_size, "bytes;", len(references), "references, mutual cosine", document["mutual_cosine"])


main()
