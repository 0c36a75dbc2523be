"""Blocks of every quantised type with the numbers they stand for, by gguf-py; 8-bit floats by PyTorch.

    .cache/venv/bin/python tools/reference/quant.py

Writes tests/golden/quant/blocks.json. Integers in the blocks are random bytes; scales are random finite f16 numbers of
any size, subnormal ones too. Rounding to Q8_0 and Q4_0 is gguf-py's own, on values with ties, zeros and extremes.
"""

import hashlib
import json
from pathlib import Path

import gguf
import numpy as np
import torch
from gguf import GGMLQuantizationType as Type
from gguf import quants

SEED = 20
OUT = Path(__file__).parents[2] / "tests" / "golden" / "quant" / "blocks.json"
# Offsets of the f16 scales in a block.
SCALES = {
    Type.Q4_0: [0],
    Type.Q4_1: [0, 2],
    Type.Q5_0: [0],
    Type.Q5_1: [0, 2],
    Type.Q8_0: [0],
    Type.Q4_K: [0, 2],
    Type.Q5_K: [0, 2],
    Type.Q6_K: [208],
}


def blocks(kind, rng):
    elements, size = gguf.GGML_QUANT_SIZES[kind]
    count = 8 if elements == 32 else 3
    data = rng.integers(0, 256, (count, size), dtype=np.uint8)
    for block in data:
        for at in SCALES[kind]:
            bits = np.uint16(rng.integers(0, 0x7C00) | rng.integers(0, 2) << 15)
            block[at : at + 2] = np.frombuffer(bits.tobytes(), np.uint8)
    expected = quants.dequantize(data.reshape(-1), kind)
    assert np.isfinite(expected).all() and expected.size == count * elements
    return {"type": kind.name, "bytes": data.tobytes().hex(), "f32": expected.astype("<f4").tobytes().hex()}


def float8(name, dtype):
    data = torch.arange(256, dtype=torch.uint8)
    # NaN are left out: their payload is nobody's business.
    data = data[~data.view(dtype).float().isnan()]
    expected = data.view(dtype).float().numpy()
    return {"type": name, "bytes": data.numpy().tobytes().hex(), "f32": expected.astype("<f4").tobytes().hex()}


def rounded(kind, rng):
    values = rng.normal(size=(10, 32)).astype(np.float32)
    values[0] = 0
    values[1] *= 1e-6
    values[2] *= 1e4
    # Halves of a step: the largest fixes the scale, so that rounding meets ties.
    values[3] = np.arange(32) / 2 - 8
    values[4] = (np.arange(32) - 16) / 2
    values[4, 0] = 127
    values[5] = -abs(values[5])
    values[6] = values[6, 0]
    values[7, 1:] = 0
    out = quants.quantize(values, kind)
    return {"type": kind.name, "f32": values.astype("<f4").tobytes().hex(), "bytes": out.tobytes().hex()}


def main():
    rng = np.random.default_rng(SEED)
    content = {
        "widen": [blocks(kind, rng) for kind in SCALES]
        + [float8("F8_E4M3", torch.float8_e4m3fn), float8("F8_E5M2", torch.float8_e5m2)],
        "quantise": [rounded(kind, rng) for kind in (Type.Q8_0, Type.Q4_0)],
    }
    payload = json.dumps(content, sort_keys=True).encode()
    head = {
        "script": "tools/reference/quant.py",
        "versions": {"gguf": "0.19.0", "numpy": np.__version__, "torch": torch.__version__},
        "seed": SEED,
        "sha256": hashlib.sha256(payload).hexdigest(),
    }
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(head | content, indent=1) + "\n")


if __name__ == "__main__":
    main()
