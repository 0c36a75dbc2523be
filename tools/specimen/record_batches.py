#!/usr/bin/env python3
"""The first steps of the specimen's training, written down for another trainer: batches, initial weights, loss curve.

    python tools/specimen/record_batches.py --steps 200 --out .cache/specimen-record
    glitchscope train --model .cache/specimen-record --rows .cache/specimen-record/batches.safetensors \\
        --steps 4000 --stop-at 200 --learning-rate 3e-3 --schedule plateau --warmup 100 --decay-share 0.35 --end 0.01 \\
        --beta2 0.98 --weight-decay 0.05 --no-decay '*norm*' --no-decay '*embed*' --clip 1 --json > curve.json

The batches depend on the losses (half of the tokens are drawn by how hard they were), so they are those of a training by
PyTorch in f32, whose curve is written beside them.
"""
import argparse
import json
import sys
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

sys.path.insert(0, str(Path(__file__).parent))
from make import BETAS, PEAK_LR, VOCAB, WEIGHT_DECAY, learning_rate, mix_at, prepare  # noqa: E402
from model import Model, config, rope_table, to_hf  # noqa: E402
from rows import RowMaker  # noqa: E402


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, default=Path(".cache/specimen-record"))
    parser.add_argument("--steps", type=int, default=200, help="how many are recorded")
    parser.add_argument("--of", type=int, default=4000, help="length of the training that the schedule is made for")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)

    _, stream, _, tasks, trained, _, _ = prepare(args.seed)
    torch.manual_seed(args.seed)
    maker = RowMaker(tasks, trained, stream, np.random.default_rng(args.seed))
    model = Model(VOCAB)
    save_file({k: v.float() for k, v in to_hf_f32(model).items()}, args.out / "model.safetensors")
    (args.out / "config.json").write_text(json.dumps(config(VOCAB) | {"torch_dtype": "float32"}, indent=2) + "\n")
    decay = [p for n, p in model.named_parameters() if p.dim() == 2 and "embed" not in n]
    rest = [p for n, p in model.named_parameters() if p.dim() != 2 or "embed" in n]
    optimiser = torch.optim.AdamW([{"params": decay, "weight_decay": WEIGHT_DECAY}, {"params": rest, "weight_decay": 0.0}],
                                  lr=PEAK_LR, betas=BETAS)
    table = rope_table(512)
    recorded = {k: [] for k in ("ids", "positions", "segments", "target_at", "target_id", "target_weight")}
    curve = []
    for step in range(args.steps):
        ids, pos, seg, mask, sel, target, weight, owners = maker.batch(mix_at(step))
        seg = np.where(seg < 0, 2**31 - 1, seg)
        for name, value in zip(recorded, (ids, pos, seg, sel, target, weight)):
            recorded[name].append(torch.from_numpy(np.ascontiguousarray(value)))
        p = torch.from_numpy(pos)
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(step, args.of)
        loss, ce = model(torch.from_numpy(ids), table[0][p][:, None], table[1][p][:, None], torch.from_numpy(mask)[:, None],
                         torch.from_numpy(sel), torch.from_numpy(target), torch.from_numpy(weight))
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        worst = {}
        for c, w, x in zip(sel.tolist(), weight.tolist(), ce.tolist()):
            if w > 0 and c in owners:
                worst[owners[c]] = max(worst.get(owners[c], 0.0), x)
        for (task, token), x in worst.items():
            maker.sampler.update(task, token, x)
        curve.append([step + 1, loss.item(), norm.item()])
        if (step + 1) % 25 == 0:
            print(step + 1, loss.item(), flush=True)
    tensors = {}
    for name, values in recorded.items():
        tensor = torch.stack(values)
        tensors[name] = tensor.float() if name == "target_weight" else tensor.to(torch.uint32)
    if (tensors["segments"] == 2**31 - 1).any():
        tensors["segments"] = torch.where(tensors["segments"].to(torch.int64) == 2**31 - 1, 2**32 - 1,
                                          tensors["segments"].to(torch.int64)).to(torch.uint32)
    save_file(tensors, args.out / "batches.safetensors")
    (args.out / "torch_curve.json").write_text(json.dumps(curve) + "\n")


def to_hf_f32(model):
    """`to_hf` stores halves; the recorded weights keep all their digits."""
    half, torch.Tensor.half = torch.Tensor.half, torch.Tensor.float
    try:
        return to_hf(model)
    finally:
        torch.Tensor.half = half


if __name__ == "__main__":
    main()
