#!/usr/bin/env python3
"""Training steps by PyTorch, the oracle of tests/training.rs.

    python tools/reference/training.py            # rewrites tests/golden/training/expected.json

Takes models of tests/golden/models (tools/reference/tiny_models.py makes them) and writes what torch.optim.AdamW, gradient
clipping and the closed forms of the schedules make of them, and the loss under attention masks that are not causal.
"""

import hashlib
import json
import math
import pathlib
import sys

import torch
import transformers

ROOT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "golden"
SEED, STEPS, WARMUP, PEAK, END = 20240501, 25, 4, 3e-3, 0.1
BETAS, EPS, DECAY, CLIP = (0.9, 0.98), 1e-8, 0.1, 1.5


def load(name):
    return transformers.AutoModelForCausalLM.from_pretrained(
        ROOT / "models" / name, dtype=torch.float32, attn_implementation="eager").eval()


def rate(step):
    if step < WARMUP:
        return PEAK * (step + 1) / WARMUP
    x = min((step - WARMUP) / (STEPS - WARMUP), 1.0)
    return PEAK * (END + (1 - END) * 0.5 * (1 + math.cos(math.pi * x)))


def nll(logits, rows):
    return torch.nn.functional.cross_entropy(logits[:, :-1].reshape(-1, logits.shape[-1]), rows[:, 1:].reshape(-1))


def steps(name, generator):
    model = load(name)
    no_decay = [p for p in model.parameters() if p.ndim == 1]
    decay = [p for p in model.parameters() if p.ndim != 1]
    optimiser = torch.optim.AdamW(
        [{"params": decay, "weight_decay": DECAY}, {"params": no_decay, "weight_decay": 0.0}], lr=PEAK, betas=BETAS, eps=EPS)
    rows = torch.randint(2, 64, (STEPS, 3, 9), generator=generator)
    losses, norms = [], []
    for step in range(STEPS):
        for group in optimiser.param_groups:
            group["lr"] = rate(step)
        loss = nll(model(rows[step]).logits, rows[step])
        optimiser.zero_grad()
        loss.backward()
        norms.append(torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP).item())
        optimiser.step()
        losses.append(loss.item())
    final = {key: [round(float(v), 7) for v in p.detach().flatten()[:6]] + [float(p.norm())]
             for key, p in model.named_parameters()}
    one_dimensional = [key for key, p in model.named_parameters() if p.ndim == 1]
    return {"model": name, "rows": rows.tolist(), "losses": losses, "norms": norms, "final": final,
            "one_dimensional": one_dimensional}


def masks(name, generator):
    """Loss of two rows when every token sees what a mask says."""
    model = load(name)
    rows = torch.randint(2, 64, (2, 9), generator=generator)
    t = rows.shape[1]
    causal = torch.ones(t, t).tril()
    prefix = causal.clone()
    prefix[:, :4] = 1
    given = torch.randint(0, 2, (2, t, t), generator=generator).float()
    given = torch.maximum(given, torch.eye(t))
    out = {"model": name, "rows": rows.tolist(), "prefix": 4, "given": given.int().flatten().tolist()}
    for kind, mask in [("causal", causal.expand(2, t, t)), ("full", torch.ones(2, t, t)),
                       ("prefix_loss", prefix.expand(2, t, t)), ("given_loss", given)]:
        additive = (1.0 - mask)[:, None] * torch.finfo(torch.float32).min
        loss = nll(model(rows, attention_mask=additive).logits, rows)
        model.zero_grad()
        loss.backward()
        norm = math.sqrt(sum(float(p.grad.double().pow(2).sum()) for p in model.parameters()))
        out[kind] = [loss.item(), norm]
    return out


def main():
    generator = torch.Generator().manual_seed(SEED)
    expected = {
        "made_by": "tools/reference/training.py",
        "versions": {"torch": torch.__version__.split("+")[0], "transformers": transformers.__version__,
                     "python": sys.version.split()[0]},
        "seed": SEED,
        "peak": PEAK, "warmup": WARMUP, "end": END, "betas": BETAS, "eps": EPS, "weight_decay": DECAY, "clip": CLIP,
        "sha256": {name: hashlib.sha256((ROOT / "models" / name / "model.safetensors").read_bytes()).hexdigest()
                   for name in ("gpt2-tanh-tied", "qwen3", "llama-grouped-untied")},
        "steps": [steps("gpt2-tanh-tied", generator), steps("qwen3", generator), steps("llama-grouped-untied", generator)],
        "masks": masks("qwen3", generator),
    }
    (ROOT / "training").mkdir(exist_ok=True)
    path = ROOT / "training" / "expected.json"
    path.write_text(json.dumps(expected) + "\n")
    print(path, path.stat().st_size, "bytes")


if __name__ == "__main__":
    main()
