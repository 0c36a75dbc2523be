"""New rows for tokens of the specimen and the loss before and after, through numpy and transformers.

    python tools/reference/repair.py        (writes tests/golden/repair.json)

Nothing of the Rust code is used: means, edit distances, rounding to f16 and the loss are computed here.
"""

import hashlib
import json
import platform
from pathlib import Path

import numpy
import safetensors
import tokenizers
import torch
import transformers
from safetensors.numpy import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "www/public/specimen"
EMBEDDING = "model.embed_tokens.weight"
CHOSEN = [700, 1500, 2222, 3000]
TRAINED = [id for id in range(300, 3072) if id not in CHOSEN]
ROW_TOKENS, MAX_TOKENS = 256, 4096
CASES = [
    {"method": "mean", "alpha": 1.0, "k": 4, "unit_length": False},
    {"method": "mean", "alpha": 0.25, "k": 4, "unit_length": True},
    {"method": "spelled", "alpha": 1.0, "k": 4, "unit_length": False},
    {"method": "spelled", "alpha": 0.6, "k": 1, "unit_length": True},
]


def edits(a, b):
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        row, before = [i], row
        for j, y in enumerate(b, 1):
            row.append(min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (x != y)))
    return row[-1]


def folded(text):
    return text.strip().lower()


def similar(id, texts, k):
    text = folded(texts[id])
    scored = []
    for other in TRAINED:
        longer = max(len(text), len(folded(texts[other])))
        if folded(texts[other]):
            scored.append((-(1 - edits(text, folded(texts[other])) / longer), other))
    best = [(other, -negative) for negative, other in sorted(scored)[:k] if negative < 0]
    total = sum(value for _, value in best)
    return [(other, value / total) for other, value in best]


def mean(rows):
    total = numpy.zeros(rows.shape[1])
    for row in rows:
        total = total + row
    return total / len(rows)


@torch.no_grad()
def loss(model, ids):
    total, targets = 0.0, 0
    for start in range(0, len(ids), ROW_TOKENS):
        row = ids[start:start + ROW_TOKENS]
        if len(row) < 2:
            continue
        logits = model(torch.tensor([row])).logits[0, :-1].double()
        total += torch.nn.functional.cross_entropy(logits, torch.tensor(row[1:]), reduction="sum").item()
        targets += len(row) - 1
    return total / targets, targets


def main():
    torch.manual_seed(0)
    torch.set_num_threads(1)
    tokenizer = AutoTokenizer.from_pretrained(FOLDER)
    weights = load_file(FOLDER / "model.safetensors")[EMBEDDING]
    assert weights.dtype == numpy.float16
    table = weights.astype(numpy.float64)
    texts = [tokenizer.decode([id]) for id in range(len(table))]
    ids = tokenizer((ROOT / "src/repair/text.txt").read_text(encoding="utf-8")).input_ids[:MAX_TOKENS]
    model = AutoModelForCausalLM.from_pretrained(FOLDER, dtype=torch.float32, attn_implementation="eager").eval()
    before, targets = loss(model, ids)
    centre = mean(table[TRAINED])
    cases = []
    for case in CASES:
        rows, made_of = {}, {}
        for id in CHOSEN:
            made_of[id] = similar(id, texts, case["k"]) if case["method"] == "spelled" else []
            target = centre
            if made_of[id]:
                target = sum(weight * table[other] for other, weight in made_of[id])
            row = case["alpha"] * target + (1 - case["alpha"]) * table[id]
            if case["unit_length"]:
                row = row / numpy.sqrt((row * row).sum())
            rows[id] = row.astype(numpy.float32).astype(numpy.float16)
        changed = weights.astype(numpy.float32)
        for id in CHOSEN:
            changed[id] = rows[id].astype(numpy.float32)
        kept = model.get_input_embeddings().weight.data.clone()
        model.get_input_embeddings().weight.data.copy_(torch.from_numpy(changed))
        assert model.get_output_embeddings().weight is model.get_input_embeddings().weight
        after, _ = loss(model, ids)
        model.get_input_embeddings().weight.data.copy_(kept)
        cases.append({**case, "loss_after": after, "rows": [
            {"id": id, "made_of": made_of[id], "f16": hashlib.sha256(rows[id].tobytes()).hexdigest(),
             "first": [float(value) for value in rows[id][:4]]} for id in CHOSEN]})
    result = {
        "script": "tools/reference/repair.py", "seed": 0,
        "versions": {"python": platform.python_version(), "numpy": numpy.__version__, "torch": torch.__version__,
                     "transformers": transformers.__version__, "tokenizers": tokenizers.__version__, "safetensors": safetensors.__version__},
        "chosen": CHOSEN, "trained": [300, 3072], "loss_before": before, "targets": targets, "cases": cases,
    }
    (ROOT / "tests/golden/repair.json").write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
