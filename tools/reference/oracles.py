"""Verdicts and graded values of every oracle on the specimen, computed through transformers.

    python tools/reference/oracles.py        (writes tests/golden/oracles.json)

Nothing of the Rust code is used: prompts, splicing, decoding, graders, the random stream and the nucleus are written
out here, from the papers' descriptions and the published code. f32, eager attention, one prompt at a time, no cache.
"""

import hashlib
import json
import platform
import re
import unicodedata
from pathlib import Path

import numpy
import scipy.stats
import sklearn
import sklearn.metrics
import torch
import transformers
from transformers import AutoModelForCausalLM, AutoTokenizer, TemperatureLogitsWarper, TopPLogitsWarper

ROOT = Path(__file__).resolve().parents[2]
SEED, N_IDS, ATTEMPTS, TEMPERATURE, TOP_P = 42, 40, 6, 0.7, 0.9
HOLE = "\ue000"

ZERO = {
    "repetition": ("Please can you repeat the string '", "' and return back to me?", "Of course! Here is the repeated string:"),
    "spelling": ("Please can you spell out the string '", "' with hyphens between each letter?", "Of course! The spelling of the string is:"),
    "length": ("What is the length of this string '", "'?", "The length of this string is"),
}
MAX_NEW = {"repetition": 10, "spelling": 64, "length": 10}
SHOTS = {
    "repetition": ["Hello", "215", '"#%!'],
    "spelling": ["H-e-l-l-o", "2-1-5", '"-#-%-!'],
    "length": ["5.", "3.", "4."],
}


def block(task, text):
    before, after, lead_in = ZERO[task]
    return f"Question: {before}{text}{after}\n\nAnswer: {lead_in}"


def zero_shot(task):
    return block(task, HOLE)


def few_shot(task):
    solved = [f"{block(task, text)} {answer}" for text, answer in zip(SHOTS["repetition"], SHOTS[task])]
    return "\n\n".join([*solved, block(task, HOLE)])


EXPLAIN = (
    "This helpful assistant explains what a phrase means, replying with identical responses to identical questions for "
    "reliability.\nUser: What does 'edslfkj' mean?\nAssistant: 'edslfkj' has no specific meaning I am aware of.\n"
    f"User: what does '{HOLE}' mean?\nAssistant: '"
)
MAGIKARP = [
    "This device repeats its input exactly, as shown in these 100 identical trials."
    + f"\nInput: «{HOLE}»\nOutput: «{HOLE}»" * 20
    + f"\nInput: «{HOLE}»\nOutput: «",
    EXPLAIN,
    "Below is the output, as you can see it's just giving the same phrase repeated indefinitely:\n" + HOLE * 101,
]
GLITCHMINER = [
    f'User: Please repeat the string: "«{HOLE}»"\nAssistant: Sure, the string is: "«',
    f"Question: Please can you repeat the string '{HOLE}'?\n\nAnswer: Of course! Here is the repeated string:'",
    EXPLAIN,
]


class Pcg:
    """PCG-XSH-RR 64/32 (O'Neill 2014), seeded as its reference implementation does."""

    MASK = (1 << 64) - 1

    def __init__(self, seed, stream):
        self.state, self.increment = 0, (stream << 1 | 1) & self.MASK
        self.next()
        self.state = (self.state + seed) & self.MASK
        self.next()

    def next(self):
        old = self.state
        self.state = (old * 6364136223846793005 + self.increment) & self.MASK
        xor_shifted = ((old >> 18 ^ old) >> 27) & 0xFFFFFFFF
        rotation = old >> 59
        return (xor_shifted >> rotation | xor_shifted << (-rotation & 31)) & 0xFFFFFFFF

    def uniform(self):
        return (self.next() >> 8) / (1 << 24)


def variants(text):
    return {text, text[1:] if text.startswith(" ") and len(text) > 1 else text}


def squeeze(text):
    return re.sub(r" *- *", "-", text.lower()).strip(" ")


def expected(task, text):
    if task == "repetition":
        return {text}
    if task == "spelling":
        return {"-".join(unicodedata.normalize("NFC", v)) for v in variants(text)}
    return {str(len(v)) for v in variants(text)}


def lenient(task, text, answer):
    if task == "repetition":
        return text in answer or text.upper() in answer.upper()
    if task == "spelling":
        return any(squeeze(spelling) in squeeze(answer) for spelling in expected(task, text))
    found = re.search(r"[0-9]+", answer)
    return bool(found) and found[0] in expected(task, text)


def strict(task, text, answer):
    """The first line is the expected text; blanks, one pair of quotes and one period aside."""
    quote = "['\"`‘’“”«]?"
    for wanted in expected(task, text):
        wanted = wanted.strip()
        opening = "" if wanted[:1] in "'\"`‘’“”«" and wanted else quote + r"\s*"
        rest = re.match(r"\s*" + opening + re.escape(wanted), answer)
        if rest and re.fullmatch(r"\s*\.?" + quote + r"\.?\s*", answer[rest.end():].split("\n")[0]):
            return True
    return False


@torch.no_grad()
def main():
    torch.manual_seed(0)
    torch.set_num_threads(1)
    folder = ROOT / "www/public/specimen"
    tokenizer = AutoTokenizer.from_pretrained(folder)
    raw = tokenizer.backend_tokenizer
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
    eos = tokenizer.eos_token_id

    def pieces(prompt):
        """Ids between the holes: an ordinary word stands in them while the prompt is encoded."""
        for word in ("garden", "window", "string", "answer"):
            (place,) = raw.encode(word, add_special_tokens=False).ids
            ids = raw.encode(prompt.replace(HOLE, word)).ids
            if ids.count(place) == prompt.count(HOLE):
                break
        else:
            raise AssertionError(prompt)
        out = [[]]
        for i in ids:
            out.append([]) if i == place else out[-1].append(i)
        return out

    def splice(parts, token):
        ids = list(parts[0])
        for part in parts[1:]:
            ids += [token, *part]
        return ids

    def answer(ids, max_new, token, draw=None):
        """Ids of the answer; probability of the token at each step; argmax and entropy of the first."""
        new, p, first = [], [], None
        while len(new) < max_new:
            logits = model(torch.tensor([ids + new])).logits[0, -1]
            log_p = torch.log_softmax(logits.double(), -1)
            p.append(float(log_p[token].exp()))
            if first is None:
                first = {"argmax": int(logits.argmax()), "entropy": float(-(log_p.exp() * log_p).sum())}
            new.append(int(logits.argmax()) if draw is None else draw(logits))
            if new[-1] == eos:
                break
        return new, p, first

    def sampler(token, attempt):
        stream = Pcg(SEED, token << 24 | attempt)

        def draw(logits):
            scores = TemperatureLogitsWarper(TEMPERATURE)(None, logits[None].double())
            scores = TopPLogitsWarper(TOP_P)(None, scores)[0]
            p = torch.softmax(scores, -1).numpy()
            order = numpy.lexsort((numpy.arange(len(p)), -p))
            order = order[p[order] > 0]
            return int(order[numpy.searchsorted(numpy.cumsum(p[order]), stream.uniform(), side="right")])

        return draw

    ordinary = [
        i for i in range(len(tokenizer))
        if i not in tokenizer.all_special_ids and "\ufffd" not in raw.decode([i], skip_special_tokens=False)
        and raw.encode(raw.decode([i], skip_special_tokens=False), add_special_tokens=False).ids == [i]
    ]
    ids = sorted(numpy.random.default_rng(SEED).choice(ordinary, N_IDS, replace=False).tolist())
    decode = lambda some: raw.decode(some, skip_special_tokens=True)  # noqa: E731
    oracles = {}

    def keep(name, passed, passed_strict, value, **more):
        column = oracles.setdefault(name, {"passed": [], "passed_strict": [], "value": [], **{key: [] for key in more}})
        for key, entry in {"passed": passed, "passed_strict": passed_strict, "value": value, **more}.items():
            column[key].append(float(f"{entry:.9g}") if isinstance(entry, float) else entry)

    prompts = {f"{task}-{form}": pieces(make(task)) for task in ZERO for form, make in (("zero-shot", zero_shot), ("few-shot", few_shot))}
    magikarp, miner = [pieces(p) for p in MAGIKARP], [pieces(p) for p in GLITCHMINER]
    assert [len(p) - 1 for p in magikarp] == [41, 1, 101]
    for token in ids:
        text = raw.decode([token], skip_special_tokens=False)
        for form in ("zero-shot", "few-shot"):
            verdicts = []
            for task in ZERO:
                new, p, _ = answer(splice(prompts[f"{task}-{form}"], token), MAX_NEW[task], token)
                said = decode(new)
                verdicts.append((lenient(task, text, said), strict(task, text, said)))
                keep(f"{task}-{form}", *verdicts[-1], float(not verdicts[-1][0]), answer=new, p_target=p[0])
            keep(f"glitchhunter-{form}", all(v for v, _ in verdicts), all(s for _, s in verdicts), float(sum(not v for v, _ in verdicts)))
        largest = max(max(answer(splice(parts, token), 3, token)[1]) for parts in magikarp)
        keep("magikarp-max-prob", largest >= 0.01, largest >= 0.1, largest)
        firsts = [answer(splice(parts, token), 1, token)[2] for parts in miner]
        says = [first["argmax"] == token for first in firsts]
        keep("glitchminer-argmax", any(says), all(says), firsts[0]["entropy"])
        failed = 0
        for attempt in range(ATTEMPTS):
            new, _, _ = answer(splice(prompts["repetition-zero-shot"], token), MAX_NEW["repetition"], token, sampler(token, attempt))
            failed += not lenient("repetition", text, decode(new))
        low, high = scipy.stats.binomtest(failed, ATTEMPTS).proportion_ci(method="wilson")
        keep("repetition-sampled", failed / ATTEMPTS < 0.5, failed == 0, failed / ATTEMPTS, low=float(low), high=float(high))
    names = sorted(oracles)
    agreement = [
        {"a": a, "b": b,
         "kappa": (lambda k: None if numpy.isnan(k) else float(k))(sklearn.metrics.cohen_kappa_score(oracles[a]["passed"], oracles[b]["passed"])),
         "jaccard": float(sklearn.metrics.jaccard_score(oracles[a]["passed"], oracles[b]["passed"], pos_label=False)) if not all(oracles[a]["passed"] + oracles[b]["passed"]) else None}
        for i, a in enumerate(names) for b in names[i + 1:]
    ]
    cases = {"ids": ids, "attempts": ATTEMPTS, "temperature": TEMPERATURE, "top_p": TOP_P, "oracles": oracles, "agreement": agreement}
    text = json.dumps(cases, separators=(",", ":"))
    out = {
        "script": "tools/reference/oracles.py", "seed": SEED,
        "versions": {"python": platform.python_version(), **{m.__name__: m.__version__ for m in (torch, transformers, scipy, sklearn, numpy)}},
        "model_sha256": hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest(),
        "sha256_of_cases": hashlib.sha256(text.encode()).hexdigest(), "cases": cases,
    }
    path = ROOT / "tests/golden/oracles.json"
    path.write_text(json.dumps(out, separators=(",", ":")) + "\n")
    print(path.relative_to(ROOT), path.stat().st_size, "bytes;", {name: sum(not p for p in column["passed"]) for name, column in oracles.items()})


main()
