#!/usr/bin/env python3
"""The specimen's training, written down for another trainer: initial weights, every batch, PyTorch's loss curve.

    python tools/specimen/record_batches.py --steps 1000 --out .cache/record
    python tools/specimen/record_batches.py --replay --bf16 --out .cache/record     # the same batches, other rounding

The commands of `glitchscope train` that take the same steps are in README.md.

The batches depend on the losses (half of the tokens are drawn by how hard they were), so they are those of a training by
PyTorch, and every other trainer is given the same ones. They are written in chunks of equal length while the training
runs, so that another trainer can follow.
"""
import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file

sys.path.insert(0, str(Path(__file__).parent))
from make import BETAS, LATE_FROM, PEAK_LR, VOCAB, WEIGHT_DECAY, dump, export, learning_rate, mix_at, prepare  # noqa: E402
from model import Model, config, rope_table, to_hf  # noqa: E402
from rows import ROW, RowMaker  # noqa: E402

# The recipe's length, of which the second mixture's begin is a share.
RECIPE_STEPS = 5000
NAMES = ("ids", "positions", "segments", "target_at", "target_id", "target_weight")
# A filling token's segment. It is seen by its like only.
FILLING = 2**32 - 1


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, default=Path(".cache/record"))
    parser.add_argument("--steps", type=int, default=1000, help="length of the training; its schedule is made for it")
    parser.add_argument("--chunk", type=int, default=100, help="batches of a file; --steps is a multiple of it")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--replay", action="store_true", help="take the batches that are written there already")
    parser.add_argument("--bf16", action="store_true", help="multiply in bf16, as make.py does")
    parser.add_argument("--exact-norm", action="store_true", help="clip by a norm that is added up in f64")
    parser.add_argument("--compile", action="store_true", help="by torch.compile, which is faster and rounds differently")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    if args.steps % args.chunk:
        parser.error(f"--steps {args.steps} is not a multiple of --chunk {args.chunk}")
    args.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)

    if args.replay:
        model = Model(VOCAB)
    else:
        tok, stream, _, tasks, trained, _, _ = prepare(args.seed)
        torch.manual_seed(args.seed)
        maker = RowMaker(tasks, trained, stream, np.random.default_rng(args.seed))
        model = Model(VOCAB)
        export(args.out, model, tok)
        save_file(to_hf_f32(model), args.out / "model.safetensors", metadata={"format": "pt"})
        dump(args.out / "config.json", config(VOCAB) | {"torch_dtype": "float32"})
    decay = [p for n, p in model.named_parameters() if p.dim() == 2 and "embed" not in n]
    rest = [p for n, p in model.named_parameters() if p.dim() != 2 or "embed" in n]
    optimiser = torch.optim.AdamW([{"params": decay, "weight_decay": WEIGHT_DECAY}, {"params": rest, "weight_decay": 0.0}],
                                  lr=PEAK_LR, betas=BETAS)
    run = torch.compile(model) if args.compile else model
    table = rope_table(512)
    counts, plain_counts = np.zeros(VOCAB, np.int64), np.zeros(VOCAB, np.int64)
    curve, started = [], time.time()
    for first in range(0, args.steps, args.chunk):
        path = args.out / f"batches-{first // args.chunk:03}.safetensors"
        recorded = load_file(path) if args.replay else {name: [] for name in NAMES}
        for step in range(first, first + args.chunk):
            if args.replay:
                pos, seg, sel, target = (recorded[k][step - first].long() for k in ("positions", "segments", "target_at", "target_id"))
                ids, weight = recorded["ids"][step - first].long(), recorded["target_weight"][step - first]
                mask = mask_of(seg.numpy())
            else:
                mix = mix_at(step, args.steps * LATE_FROM // RECIPE_STEPS)
                *batch, owners = maker.batch(mix)
                ids, pos, seg, mask, sel, target, weight = map(torch.from_numpy, batch)
                counts += np.bincount(ids[seg >= 0].numpy(), minlength=VOCAB)
                plain = [row for row, (kind, _) in enumerate(mix) if kind == "plain"]
                plain_counts += np.bincount(ids[plain].reshape(-1).numpy(), minlength=VOCAB)
                for name, value in zip(NAMES, (ids, pos, torch.where(seg < 0, FILLING, seg), sel, target, weight)):
                    recorded[name].append(value.float() if name == "target_weight" else value.to(torch.uint32))
            for group in optimiser.param_groups:
                group["lr"] = learning_rate(step, args.steps)
            with torch.autocast("cpu", torch.bfloat16, enabled=args.bf16):
                loss, ce = run(ids, table[0][pos][:, None], table[1][pos][:, None], mask[:, None], sel, target, weight)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            norm = clip(model, args.exact_norm)
            optimiser.step()
            if not args.replay:
                worst = {}
                for c, w, x in zip(sel.tolist(), weight.tolist(), ce.tolist()):
                    if w > 0 and c in owners:
                        worst[owners[c]] = max(worst.get(owners[c], 0.0), x)
                for (task, token), x in worst.items():
                    maker.sampler.update(task, token, x)
            curve.append([step + 1, loss.item(), norm.item()])
        if not args.replay:
            save_file({name: torch.stack(values) for name, values in recorded.items()}, path.with_suffix(".part"))
            path.with_suffix(".part").rename(path)
        print(first + args.chunk, round(sum(loss for _, loss, _ in curve[first:]) / args.chunk, 4),
              f"{(time.time() - started) / len(curve):.2f} s/step", flush=True)
        name = "replayed" if args.replay else "torch"
        (args.out / f"{name}_curve.json").write_text(json.dumps(curve) + "\n")
    (args.out / name).mkdir(exist_ok=True)
    save_file(to_hf_f32(model), args.out / name / "model.safetensors", metadata={"format": "pt"})
    if not args.replay:
        dump(args.out / "training.json", {"seed": args.seed, "steps": args.steps, "counts": counts.tolist(), "plain_counts": plain_counts.tolist()})


def clip(model, exact):
    """`clip_grad_norm_` to a norm of 1. Its own norm is off by some 1e-5 of it, because it is added up in f32."""
    if not exact:
        return torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    norm = torch.sqrt(sum((p.grad.double() ** 2).sum() for p in model.parameters()))
    for p in model.parameters():
        p.grad.mul_(min(1.0, 1.0 / (norm.item() + 1e-6)))
    return norm


def mask_of(segments):
    """(B,T,T): a token sees its own segment and segment 0, causally, as rows.py has it."""
    own, other = segments[:, :, None], segments[:, None, :]
    return torch.from_numpy(((own == other) | ((other == 0) & (own != FILLING))) & np.tril(np.ones((ROW, ROW), bool)))


def to_hf_f32(model):
    """`to_hf` stores halves; the recorded weights keep all their digits."""
    half, torch.Tensor.half = torch.Tensor.half, torch.Tensor.float
    try:
        return to_hf(model)
    finally:
        torch.Tensor.half = half


if __name__ == "__main__":
    main()
