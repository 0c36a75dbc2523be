#!/usr/bin/env python3
"""Writes tests/golden/attention/: what PyTorch computes for the concept attention lens.

    python tools/reference/attention.py

kernel.safetensors   queries and keys of grouped heads, one of them with a key that draws nearly all attention, and their
                     column sums by an eager softmax in f64
models.json          for both specimens: token ids and offsets of HF's tokenizer, concept tokens by the lens's rule written
                     again here, and shares of every head from transformers' eager attention in f32
statistics.json      mean, median, deviation, skewness, kurtosis, entropy and histogram by SciPy and NumPy
"""
import hashlib
import json
import platform
import re
from pathlib import Path

import numpy
import scipy
import scipy.stats
import tokenizers
import torch
import transformers
from safetensors.numpy import save_file
from transformers import AutoModelForCausalLM

ROOT = Path(__file__).resolve().parents[2]
OUT = ROOT / "tests/golden/attention"
SEED = 0
PAPER = ["'", "(", ")", ",", "-", ".", ":", "<s>", "\u2581", "\u2581(", "\u2581...", "\u2581[...]"]
WORDS = ("the clerk of the market shall keep a book of all stalls and the baker may read it on any morning but no person shall "
         "open the door of the mill before sunrise unless the owner has signed a letter and paid five crowns to the town . ").split()


def provenance():
    return {
        "script": "tools/reference/attention.py", "seed": SEED,
        "versions": {"python": platform.python_version(), "torch": torch.__version__, "transformers": transformers.__version__,
                     "tokenizers": tokenizers.__version__, "numpy": numpy.__version__, "scipy": scipy.__version__},
    }


def kernel():
    """Of each case: q (T,H,D), k (T,KV,D), sums (H,T) in f64."""
    generator = numpy.random.default_rng(SEED)
    tensors = {}
    for name, t, heads, kv, d, sink in [("short", 44, 4, 2, 16, 0.0), ("sink", 164, 4, 2, 16, 6.0), ("strong_sink", 164, 2, 1, 32, 12.0)]:
        q = generator.standard_normal((t, heads, d)).astype(numpy.float32)
        k = generator.standard_normal((t, kv, d)).astype(numpy.float32)
        # Every query has the same part along one channel, and key 0 answers to it.
        q[:, :, 0] = 1.0
        k[:, :, 0] = 0.0
        k[0, :, 0] = sink * numpy.sqrt(d)
        keys = numpy.repeat(k, heads // kv, axis=1)
        scores = torch.einsum("thd,jhd->htj", torch.tensor(q, dtype=torch.float64), torch.tensor(keys, dtype=torch.float64)) / d ** 0.5
        scores = scores.masked_fill(torch.ones(t, t, dtype=torch.bool).triu(1), float("-inf"))
        tensors |= {f"{name}.q": q, f"{name}.k": k, f"{name}.sums": scores.softmax(-1).sum(1).float().numpy()}
    save_file(tensors, OUT / "kernel.safetensors", metadata={key: json.dumps(value) for key, value in provenance().items()})


def marked(text):
    """The text and the characters of its marks."""
    plain, spans = "", []
    for i, part in enumerate(text.replace("]]", "[[").split("[[")):
        if i % 2:
            spans.append((len(plain), len(plain) + len(part)))
        plain += part
    return plain, spans


def byte(text, at):
    return len(text[:at].encode())


def texts():
    lines = (ROOT / "src/labs/attention/example.txt").read_text().splitlines()
    found = [tuple(line.split("\t")) for line in lines]
    # Letters of two bytes, a mark that cuts words, and lengths at which sums are of other sizes.
    found.append(("accents", "The caf[[é sold purée]] - and the ski[[pper]] (of 3 boats) left..."))
    for n in (32, 164, 505):
        words = [WORDS[i % len(WORDS)] for i in range(n)]
        # The specimen has a token for each of these words, or two.
        words[5], words[9] = "[[" + words[5], words[9] + "]]"
        found.append((f"long {n}", " ".join(words)))
    return found


@torch.no_grad()
def models():
    out = provenance() | {"computed": "f32, eager attention, weights upcast from f16; shares in f64 from sums of columns in f64", "models": []}
    for name in ("specimen", "specimen-legal"):
        folder = ROOT / "www/public" / name
        tokenizer = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
        model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
        entry = {"folder": name, "sha256": hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest(), "texts": []}
        for title, text in texts():
            plain, spans = marked(text)
            encoding = tokenizer.encode(plain)
            ids, offsets = encoding.ids[:512], encoding.offsets[:512]
            if len(encoding.ids) > 512:
                plain = plain[:offsets[-1][1]]
                encoding = tokenizer.encode(plain)
                ids, offsets = encoding.ids, encoding.offsets
            letters = {i for a, b in spans for i in range(a, b) if not plain[i].isspace()}
            concept = [i for i, (a, b) in enumerate(offsets) if letters & set(range(a, b))]
            excluded = [i for i, piece in enumerate(encoding.tokens) if i == 0 or piece.replace("\u0120", "\u2581", 1) in PAPER]
            attentions = model(torch.tensor([ids]), output_attentions=True).attentions
            sums = torch.stack(attentions)[:, 0].double().sum(2)
            keep = torch.ones(len(ids), dtype=torch.bool)
            keep[excluded] = False
            own = [i for i in concept if i not in excluded]
            shares = sums[:, :, own].sum(-1) / sums[:, :, keep].sum(-1)
            entry["texts"].append({
                "name": title, "marked": text if plain == marked(text)[0] else None, "text": plain,
                "spans": [[byte(plain, a), byte(plain, b)] for a, b in spans], "ids": ids,
                "offsets": [[byte(plain, a), byte(plain, b)] for a, b in offsets], "concept": concept, "excluded": excluded,
                "shares": [float(f"{x:.9g}") for x in shares.flatten().tolist()],
                "received": [float(f"{x:.9g}") for x in (sums.mean((0, 1)) / len(ids)).tolist()],
                # One row of one map: the last query of layer 1, head 2.
                "row": [float(f"{x:.9g}") for x in attentions[1][0, 2, -1].tolist()],
            })
        out["models"].append(entry)
    write("models.json", out)


def statistics():
    """Lists of 32 x 32 differences of different shapes, a skewed one and one with long tails among them."""
    generator = numpy.random.default_rng(SEED)
    cases = []
    for name, values in [
        ("normal", generator.normal(-0.002, 0.02, 256)),
        ("skewed", generator.gamma(2.0, 0.01, 256) - 0.02),
        ("long tails", generator.standard_t(3, 256) * 0.01),
        ("two values", numpy.array([0.25, 0.5])),
    ]:
        counts, edges = numpy.histogram(values, 11)
        cases.append({
            "name": name, "values": values.tolist(), "mean": values.mean(), "median": float(numpy.median(values)), "sd": values.std(ddof=1),
            "negative": float((values < 0).mean()), "skewness": float(scipy.stats.skew(values)),
            "kurtosis": float(scipy.stats.kurtosis(values, fisher=False)), "entropy": float(scipy.stats.entropy(counts)),
            "counts": counts.tolist(), "edges": edges.tolist(),
        })
    write("statistics.json", provenance() | {"cases": cases})


def write(name, value):
    text = json.dumps(value, indent=1)
    # Lists of numbers on one line.
    text = re.sub(r"\[\s+([-\d.,\s e+]*?)\s+\]", lambda m: "[" + re.sub(r"\s+", "", m[1]) + "]", text)
    (OUT / name).write_text(text + "\n")


if __name__ == "__main__":
    OUT.mkdir(parents=True, exist_ok=True)
    kernel()
    models()
    statistics()
