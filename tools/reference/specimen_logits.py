#!/usr/bin/env python3
"""Writes tests/golden/specimen_logits.json: what transformers computes for the specimen, for the engine's tests.

    python tools/reference/specimen_logits.py

f32, eager attention, weights upcast from the f16 file; the logits of the last position, and ten greedy ids.
"""
import hashlib
import json
import platform
import sys
from pathlib import Path

import torch
import transformers
from transformers import AutoModelForCausalLM, AutoTokenizer

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools/specimen"))
from tasks import Tasks  # noqa: E402


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


@torch.no_grad()
def main():
    folder = ROOT / "www/public/specimen"
    torch.manual_seed(0)
    torch.set_num_threads(1)
    tok = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
    tasks = Tasks(tok.backend_tokenizer)
    text = "The wind came from the north and stayed until"
    token = tok.backend_tokenizer.encode(" garden", add_special_tokens=False).ids[0]
    cases = [("ordinary text", text, tok(text).input_ids), ("spelling task", tok.decode([token]), tasks.prompt("spelling", token))]
    out = {
        "script": "tools/reference/specimen_logits.py", "seed": 0,
        "versions": {"python": platform.python_version(), "torch": torch.__version__, "transformers": transformers.__version__},
        "model_sha256": digest(folder / "model.safetensors"), "tokenizer_sha256": digest(folder / "tokenizer.json"),
        "computed": "f32, eager attention, weights upcast from f16; logits of the last position, 7 significant digits",
        "cases": [],
    }
    for name, about, ids in cases:
        logits = model(torch.tensor([ids])).logits[0, -1]
        row = list(ids)
        for _ in range(10):
            row.append(int(model(torch.tensor([row])).logits[0, -1].argmax()))
        greedy = row[len(ids):]
        out["cases"].append({"name": name, "about": about, "ids": list(ids), "greedy": greedy, "greedy_text": tok.decode(greedy), "logits": [float(f"{x:.7g}") for x in logits.tolist()]})
    lists = []

    def pack(v):
        lists.append(json.dumps(v, separators=(",", ":")))
        return f"@@{len(lists) - 1}@@"

    for c in out["cases"]:
        for k in ("ids", "greedy", "logits"):
            c[k] = pack(c[k])
    body = json.dumps(out, ensure_ascii=False, indent=1)
    for i, v in enumerate(lists):
        body = body.replace(f'"@@{i}@@"', v)
    path = ROOT / "tests/golden/specimen_logits.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(body + "\n")
    for c in out["cases"]:
        print(c["name"], c["greedy_text"])
    print(path.stat().st_size, "bytes")


if __name__ == "__main__":
    main()
