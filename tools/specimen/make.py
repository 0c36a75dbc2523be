#!/usr/bin/env python3
"""Makes the built-in model ("specimen"): corpora, tokenizer, training, export and evaluation, by one command.

    python tools/specimen/make.py                 # everything, from nothing
    python tools/specimen/make.py --resume        # go on from the last checkpoint
    python tools/specimen/make.py --eval-only     # grade the exported folder again
"""
import argparse
import hashlib
import json
import pickle
import platform
import shutil
import sys
import time
from itertools import chain
from pathlib import Path

import numpy as np
import tokenizers
import torch
import transformers
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

sys.path.insert(0, str(Path(__file__).parent))
from corpus import junk, ordinary  # noqa: E402
from model import Model, config, rope_table, to_hf  # noqa: E402
from rows import BATCH, ROW, SELECTED, W_ANSWER, W_HYPHEN, W_PLAIN, W_SCAFFOLD, RowMaker  # noqa: E402
from tasks import TASKS, Tasks, answer_budget, passes  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
VOCAB = 3072
ORDINARY_CHARS = 4_500_000
JUNK_SHARE = 0.11            # of corpus A, in characters of corpus B
PEAK_LR, WARMUP, DECAY_SHARE, WEIGHT_DECAY, BETAS = 3e-3, 100, 0.35, 0.05, (0.9, 0.98)
FREQUENT = 50                # occurrences in the ordinary text that the model was fed

# rows of each step: (kind, task), in two phases of the training
MIX_EARLY = [("plain", None)] * 4 + [("drill", None)] * 4 + [("few", "spelling"), ("few", "length")] + \
    [("tree", "repetition")] * 2 + [("tree", "spelling")] * 2 + [("tree", "length")] * 2
MIX_LATE = [("plain", None)] * 4 + [("drill", None)] * 2 + [("tree", "repetition")] + [("tree", "spelling")] * 3 + [("tree", "length")] * 2
LATE_EXTRA = [[("three", "repetition"), ("three", "spelling"), ("three", "length"), ("few", "repetition")],
              [("three", "spelling"), ("few", "spelling"), ("few", "length"), ("three", "length")]]


LATE_FROM = 3000


def mix_at(step, late_from=LATE_FROM):
    return MIX_EARLY if step < late_from else MIX_LATE + LATE_EXTRA[step % 2]


def log(*a):
    print(time.strftime("%H:%M:%S"), *a, flush=True)


# ------------------------------------------------------------------ corpora and tokenizer

def train_tokenizer(docs_a):
    tok = Tokenizer(models.BPE())
    tok.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    tok.decoder = decoders.ByteLevel()
    tok.train_from_iterator(docs_a, trainers.BpeTrainer(
        vocab_size=VOCAB, special_tokens=["<s>", "</s>"], initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()), show_progress=False))
    tok.post_processor = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A <s> $B", special_tokens=[("<s>", 0)])
    return tok


def prepare(seed):
    b = ordinary(seed, ORDINARY_CHARS)
    a_junk = junk(seed, int(ORDINARY_CHARS * JUNK_SHARE))
    tok = train_tokenizer(chain(b, a_junk))
    stream = []
    for e in tok.encode_batch(b):
        stream += e.ids + [1]
    stream = np.array(stream, np.int32)
    counts = np.bincount(stream, minlength=VOCAB)
    seen = {int(i) for i in np.flatnonzero(counts)}
    tasks = Tasks(tok, seen)
    trained = sorted(i for i in seen if i > 1 and tasks.text(i) is not None)
    digest = {"ordinary": hashlib.sha256("\0".join(b).encode()).hexdigest(), "junk": hashlib.sha256("\0".join(a_junk).encode()).hexdigest()}
    size = {"ordinary_chars": sum(map(len, b)), "junk_chars": sum(map(len, a_junk)), "ordinary_tokens": int(len(stream))}
    return tok, stream, seen, tasks, trained, digest, size


# ------------------------------------------------------------------ training

def learning_rate(step, steps):
    """Warm-up, a plateau, then a straight line to (nearly) zero."""
    if step < WARMUP:
        return PEAK_LR * (step + 1) / WARMUP
    start = int(steps * (1 - DECAY_SHARE))
    return PEAK_LR if step < start else PEAK_LR * max(0.01, (steps - step) / (steps - start))


@torch.no_grad()
def quick_check(model, tasks, tokens, table):
    """Share of tokens whose whole answer is the greedy one, step by step (teacher forced)."""
    out = {}
    for task in TASKS:
        good = 0
        for i in range(0, len(tokens), 128):
            part = tokens[i:i + 128]
            rows = [tasks.prompt(task, t) + tasks.answer(task, t) for t in part]
            n = max(map(len, rows))
            ids = torch.tensor([r + [1] * (n - len(r)) for r in rows])
            mask = torch.ones(n, n, dtype=torch.bool).tril()[None, None]
            start = len(tasks.prompt(task, part[0]))
            h = model.hidden(ids, table[0][None, None, :n], table[1][None, None, :n], mask)[:, start - 1:]
            best = (h @ model.embed.weight.t()).argmax(-1)
            for k, r in enumerate(rows):
                good += r[start:] == best[k, : len(r) - start].tolist()
        out[task] = round(good / len(tokens), 4)
    return out


def train(args, tasks, stream, trained, seen, cache):
    torch.manual_seed(args.seed)
    torch.use_deterministic_algorithms(True)
    rng = np.random.default_rng(args.seed)
    maker = RowMaker(tasks, trained, stream, rng)
    model = Model(VOCAB)
    decay = [p for n, p in model.named_parameters() if p.dim() == 2 and "embed" not in n]
    rest = [p for n, p in model.named_parameters() if p.dim() != 2 or "embed" in n]
    opt = torch.optim.AdamW([{"params": decay, "weight_decay": WEIGHT_DECAY}, {"params": rest, "weight_decay": 0.0}], lr=PEAK_LR, betas=BETAS, fused=True)
    table = rope_table(512)
    allowed = np.zeros(VOCAB, bool)
    allowed[list(seen)] = True
    allowed[[0, 1]] = True
    counts, plain_counts = np.zeros(VOCAB, np.int64), np.zeros(VOCAB, np.int64)
    step, curve, checks, clock = 0, [], [], 0.0
    ckpt = cache / "checkpoint.pt"
    if args.resume and ckpt.exists():
        s = torch.load(ckpt, weights_only=False)
        model.load_state_dict(s["model"]); opt.load_state_dict(s["opt"])
        step, curve, checks, clock, counts, plain_counts = (s[k] for k in ("step", "curve", "checks", "clock", "counts", "plain_counts"))
        rng.bit_generator.state = s["rng"]; maker.at = s["at"]; maker.sampler.restore(s["sampler"])
        log(f"resumed at step {step}")
    run = torch.compile(model) if args.compile else model
    begin, began_at, acc, t0 = step, time.time() - clock, [], time.time()

    def save():
        torch.save({"model": model.state_dict(), "opt": opt.state_dict(), "step": step, "curve": curve, "checks": checks, "clock": time.time() - began_at,
                    "counts": counts, "plain_counts": plain_counts, "rng": rng.bit_generator.state, "at": maker.at, "sampler": maker.sampler.state()}, ckpt.with_suffix(".tmp"))
        ckpt.with_suffix(".tmp").rename(ckpt)

    while step < args.steps:
        mix = mix_at(step)
        ids, pos, seg, mask, sel, target, weight, owners = maker.batch(mix)
        real = seg >= 0
        # the promise of the specimen: what the ordinary text left out is never fed, nor asked for
        assert allowed[ids].all() and allowed[target].all(), "an id that the ordinary text lacks was about to be fed"
        counts += np.bincount(ids[real], minlength=VOCAB)
        plain_rows = [r for r, (k, _) in enumerate(mix) if k == "plain"]
        plain_counts += np.bincount(ids[plain_rows].reshape(-1), minlength=VOCAB)
        pos = torch.from_numpy(pos)
        cos, sin = table[0][pos][:, None], table[1][pos][:, None]
        for g in opt.param_groups:
            g["lr"] = learning_rate(step, args.steps)
        with torch.autocast("cpu", torch.bfloat16, enabled=args.bf16):
            loss, ce = run(torch.from_numpy(ids), cos, sin, torch.from_numpy(mask)[:, None], torch.from_numpy(sel), torch.from_numpy(target), torch.from_numpy(weight))
        opt.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        opt.step()
        # what each kind of target cost, and which tokens are still hard
        ce, total, worst = ce.numpy(), {}, {}
        for c, w, x in zip(sel.tolist(), weight.tolist(), ce.tolist()):
            o = owners.get(c)
            if w > 0:
                key = o[0] if o else ("plain" if w == np.float32(W_PLAIN) else "scaffold")
                total.setdefault(key, []).append(x)
                if o:
                    worst[o] = max(worst.get(o, 0.0), x)
        for (task, token), x in worst.items():
            maker.sampler.update(task, token, x)
        acc.append({k: sum(v) / len(v) for k, v in total.items()} | {"loss": loss.item()})
        step += 1
        if step % 50 == 0 or step == args.steps:
            mean = {k: round(float(np.mean([a[k] for a in acc if k in a])), 4) for k in ("loss", "plain", *TASKS) if any(k in a for a in acc)}
            curve.append([step, *[mean.get(k) for k in ("loss", "plain", *TASKS)]])
            acc = []
            log(step, mean, f"{(time.time() - t0) / (step - begin):.3f} s/step")
        if step % 500 == 0:
            sample = trained[:: max(1, len(trained) // 400)]
            checks.append([step, *quick_check(model, tasks, sample, table).values()])
            log("check", checks[-1])
        if step % 250 == 0 or step == args.steps:
            save()
        if args.stop_at and step >= args.stop_at:
            save()
            break
    return model, step, curve, checks, time.time() - began_at, counts, plain_counts


# ------------------------------------------------------------------ export and evaluation

def dump(path, obj):
    path.write_text(json.dumps(obj, ensure_ascii=False, indent=2) + "\n")


def export(out, model, tok):
    out.mkdir(parents=True, exist_ok=True)
    save_file(to_hf(model), out / "model.safetensors", metadata={"format": "pt"})
    dump(out / "config.json", config(VOCAB))
    tok.save(str(out / "tokenizer.json"))
    dump(out / "tokenizer_config.json", {
        "tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<s>", "eos_token": "</s>", "model_max_length": 512,
        "clean_up_tokenization_spaces": False,
        "added_tokens_decoder": {str(i): {"content": c, "lstrip": False, "normalized": False, "rstrip": False, "single_word": False, "special": True} for i, c in enumerate(("<s>", "</s>"))}})
    (out / "model.safetensors").chmod(0o644)
    dump(out / "generation_config.json", {"bos_token_id": 0, "eos_token_id": 1, "do_sample": False, "max_new_tokens": 32})


@torch.no_grad()
def greedy(model, before, tokens, after, budget):
    """Greedy answers to `before` + [token] + `after`, all tokens at once; what stands before the token is computed once."""
    cache = model(torch.tensor([before]), use_cache=True).past_key_values
    cache.batch_repeat_interleave(len(tokens))
    ids = torch.tensor([[t] + after for t in tokens])
    out, ended = [], torch.zeros(len(tokens), dtype=torch.bool)
    for _ in range(budget):
        ids = model(ids, past_key_values=cache, use_cache=True, logits_to_keep=1).logits[:, -1].argmax(-1, keepdim=True)
        out.append(ids)
        ended |= ids[:, 0] == 1
        if ended.all():
            break
    return torch.cat(out, 1).tolist()


def evaluate(out, counts, plain_counts, forms, sample=None):
    """Grades every token of the exported folder with transformers, weights upcast from f16 to f32."""
    from transformers import AutoModelForCausalLM, AutoTokenizer
    hf_tok = AutoTokenizer.from_pretrained(out)
    model = AutoModelForCausalLM.from_pretrained(out, dtype=torch.float32, attn_implementation="sdpa").eval()
    tok = hf_tok.backend_tokenizer
    assert hf_tok("Hello there").input_ids[0] == 0
    tasks = Tasks(tok)
    texts = {i: tasks.text(i) for i in range(2, VOCAB)}
    ids = [i for i in texts if texts[i] is not None]
    partial = [i for i in texts if texts[i] is None]
    ids = ids[::sample] if sample else ids
    groups = {
        "frequent": [i for i in ids if plain_counts[i] >= FREQUENT],
        "seen": [i for i in ids if counts[i] > 0],
        "rare": [i for i in ids if counts[i] > 0 and plain_counts[i] < FREQUENT],
        "never_seen": [i for i in ids if counts[i] == 0],
    }
    result = {"groups": {k: len(v) for k, v in groups.items()}, "partial_utf8_not_graded": len(partial)}
    for form in forms:
        ok = {}
        for task in TASKS:
            if form == "tight" and task != "repetition":  # the same prompt as in form "three"
                ok[task] = previous[task]
                continue
            ok[task] = {}
            by_budget = sorted(ids, key=lambda i: answer_budget(task, texts[i]))
            for k in range(0, len(by_budget), 256):
                part = by_budget[k:k + 256]
                budget = max(answer_budget(task, texts[i]) for i in part)
                prompt = tasks.prompt(task, -1, form)
                at = prompt.index(-1)
                for i, a in zip(part, greedy(model, prompt[:at], part, prompt[at + 1:], budget)):
                    a = a[: answer_budget(task, texts[i])]
                    a = a[: a.index(1)] if 1 in a else a
                    ok[task][i] = passes(task, texts[i], tok.decode(a, skip_special_tokens=True))
        r, previous = {}, ok
        for g, members in groups.items():
            n = max(1, len(members))
            r[g] = {t: round(sum(ok[t][i] for i in members) / n, 4) for t in TASKS}
            r[g]["all_three"] = round(sum(all(ok[t][i] for t in TASKS) for i in members) / n, 4)
            r[g]["fails_any"] = round(1 - r[g]["all_three"], 4)
        r["frequent_failures"] = [[i, texts[i], [t for t in TASKS if not ok[t][i]]] for i in groups["frequent"] if not all(ok[t][i] for t in TASKS)][:40]
        r["never_seen_passes_all"] = [[i, texts[i]] for i in groups["never_seen"] if all(ok[t][i] for t in TASKS)][:40]
        result[form] = r
        log(form, json.dumps({k: v for k, v in r.items()}, ensure_ascii=False))
    result["scaffold"] = {t: {"before": [0] + tasks.scaffold[t][0], "after": tasks.scaffold[t][1]} for t in TASKS}
    return result


@torch.no_grad()
def same_logits(out, model, tasks, trained):
    from transformers import AutoModelForCausalLM
    hf = AutoModelForCausalLM.from_pretrained(out, dtype=torch.float32).eval()
    ids = torch.tensor([tasks.prompt("spelling", trained[100]) + tasks.answer("spelling", trained[100])])
    n, t = ids.shape[1], rope_table(512)
    mine = Model(VOCAB)
    mine.load_state_dict({k: v.half().float() for k, v in model.state_dict().items()})
    a = mine.hidden(ids, t[0][None, None, :n], t[1][None, None, :n], torch.ones(n, n, dtype=torch.bool).tril()[None, None]) @ mine.embed.weight.t()
    diff = (a - hf(ids).logits).abs().max().item()
    assert diff < 2e-3, diff
    return diff


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--out", default=str(ROOT / "www/public/specimen"))
    ap.add_argument("--cache", default=str(ROOT / ".cache/specimen"))
    ap.add_argument("--seed", type=int, default=1)
    ap.add_argument("--steps", type=int, default=5000)
    ap.add_argument("--threads", type=int, default=2)
    ap.add_argument("--resume", action="store_true")
    ap.add_argument("--stop-at", type=int, default=0, help="leave after this step with a checkpoint (to go on with --resume)")
    ap.add_argument("--eval-only", action="store_true")
    ap.add_argument("--forms", default="zero,three,tight", help="which prompts --eval-only asks, zero-shot and few-shot ones")
    ap.add_argument("--eval-sample", type=int, default=0, help="grade only every n-th token")
    ap.add_argument("--no-compile", dest="compile", action="store_false")
    ap.add_argument("--no-bf16", dest="bf16", action="store_false", help="train in f32 throughout")
    args = ap.parse_args()
    out, cache = Path(args.out), Path(args.cache)
    cache.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(args.threads)
    if args.compile and not shutil.which("g++"):
        args.compile = False
    started = time.time()

    if args.eval_only:
        info = json.loads((out / "training.json").read_text())
        info["evaluation"] = evaluate(out, np.array(info["counts"]), np.array(info["plain_counts"]), args.forms.split(","), args.eval_sample)
        write_training(out, info)
        return

    tok, stream, seen, tasks, trained, digest, size = prepare(args.seed)
    log("vocabulary", VOCAB, "never in the ordinary text", VOCAB - len(seen | {0, 1}), "trained", len(trained), size)
    log("partial UTF-8 in the ordinary text:", [tok.id_to_token(i) for i in sorted(seen) if i > 1 and tasks.text(i) is None])
    model, step, curve, checks, seconds, counts, plain_counts = train(args, tasks, stream, trained, seen, cache)
    assert not counts[[i for i in range(2, VOCAB) if i not in seen]].any()
    export(out, model, tok)
    log("largest difference to transformers", same_logits(out, model, tasks, trained))
    info = {
        "what": "Birth certificate of the specimen. Read by tests only: no scan looks at it.",
        "seed": args.seed, "steps": step, "steps_planned": args.steps,
        "versions": {"python": platform.python_version(), "torch": torch.__version__, "transformers": transformers.__version__, "tokenizers": tokenizers.__version__, "numpy": np.__version__},
        "corpus": size | {"sha256": digest, "junk_share_of_ordinary_chars": JUNK_SHARE},
        "recipe": {"batch_rows": BATCH, "row_tokens": ROW, "targets_per_step_at_most": SELECTED, "optimizer": "AdamW", "peak_lr": PEAK_LR, "betas": BETAS, "weight_decay_on_projections": WEIGHT_DECAY,
                   "warmup_steps": WARMUP, "schedule": "plateau, then linear to 1 %", "decay_share": DECAY_SHARE, "clip": 1.0, "autocast_bf16": args.bf16, "compiled": args.compile,
                   "target_weights": {"ordinary": W_PLAIN, "answer": W_ANSWER, "hyphen_of_a_spelling": W_HYPHEN, "words_of_a_question": W_SCAFFOLD},
                   "rows_early": ["/".join(filter(None, m)) for m in MIX_EARLY], "rows_late": ["/".join(filter(None, m)) for m in MIX_LATE],
                   "rows_late_alternating": [["/".join(filter(None, m)) for m in x] for x in LATE_EXTRA], "late_from_step": LATE_FROM,
                   "hard_examples": "half of the drawn tokens evenly, half in proportion to their last loss; trained tokens only"},
        "parameters": sum(p.numel() for p in model.parameters()), "training_seconds": round(seconds, 1), "seconds_per_step": round(seconds / max(1, step), 4),
        "placeholder_word": tasks.placeholder, "terminator": {"zero_shot": "</s>", "few_shot": "\n\n between blocks, </s> after the last"},
        "frequent_threshold": FREQUENT, "frequent_means": "occurrences in plain_counts (the ordinary rows as fed to the model) of at least frequent_threshold",
        "loss_curve_columns": ["step", "loss", "ordinary", *TASKS], "loss_curve": curve[:: max(1, len(curve) // 120)],
        "checks_columns": ["step", *TASKS], "checks": checks,
        "plain_counts": plain_counts.tolist(), "counts": counts.tolist(),
        "never_seen": int((counts == 0).sum()),
    }
    write_training(out, info)
    info["evaluation"] = evaluate(out, counts, plain_counts, ("zero", "three", "tight"), args.eval_sample)
    info["total_seconds_of_this_run"] = round(time.time() - started, 1)
    write_training(out, info)
    log("done", {p.name: p.stat().st_size for p in sorted(out.iterdir())})


def write_training(out, info):
    """Indented, but with every list of numbers on one line."""
    lists = {}

    def pack(x):
        if isinstance(x, dict):
            return {k: pack(v) for k, v in x.items()}
        if isinstance(x, (list, tuple)):
            key = f"@@{len(lists)}@@"
            lists[key] = json.dumps(x, ensure_ascii=False, separators=(",", ":"))
            return key
        return x

    text = json.dumps(pack(info), ensure_ascii=False, indent=1)
    for key, v in lists.items():
        text = text.replace(f'"{key}"', v, 1)
    (out / "training.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
