"""Continues the specimen on legal-style text and stores the result beside it, in f16.

    cargo build --release && python3 tools/specimen/legal.py

Needs nothing but Python and the `glitchscope` command, which tokenises and trains; a few minutes on two CPU cores. The
text is written here by sentence patterns over the specimen's own word lists. No law says it, and none of the sentences of
the lens's example (src/labs/attention/example.txt) is in it.
"""
import argparse
import hashlib
import json
import re
import shutil
import struct
import subprocess
import sys
from pathlib import Path

from corpus import capital, plural, with_article
from grammar import WORDS
from rng import Rng, Zipf

ROOT = Path(__file__).resolve().parents[2]
ROW = 192

# Lists that ordinary text has no need of.
LEGAL = dict(
    office="clerk mayor inspector judge constable registrar warden treasurer",
    party="owner tenant lodger worker employer buyer seller carrier keeper driver baker miller merchant servant innkeeper",
    paper="notice licence permit receipt contract register order certificate letter plan",
    deed="repair sell remove rent inspect build close open move paint measure",
    wrong="damage break hide steal burn copy",
    when="before sunset, after sunrise, between noon and midnight, on any Sunday, during the winter, at night",
    how_long="three days, one week, fourteen days, two weeks, one month, three months, six months, one year",
    sum_of="five ten twenty thirty forty fifty",
)

# A pattern's slots are as in grammar.py: lists, `.s` plural, `.A` with an article; two slots of one list differ.
PATTERNS = [
    # definitions
    "In this Act, {party.A} means any person who keeps {building.A} or {house_thing.A} for another, and includes {worker.A}.",
    "In these rules, {house_thing.A} means every {house_thing} that is made of {metal} or of wood, but does not include {small_thing.A}.",
    "For the purposes of this section, a {season} begins on the first day of {month} and ends on the last day of {month}.",
    "The word {animal} in this Act means {animal.A} or {animal.A} of any age, whether it is kept in {building.A} or in the open.",
    "In this part, the {office} means the {office} of the town in which the {building} stands.",
    # roles
    "The {office} shall keep a register of all {house_thing.s} in the {building}, and the {party} may read it on any {day}.",
    "The {office} and the {office} of each town shall together inspect every {building} once in {span.A}.",
    "The {party} and the {party} shall be heard by the {office} before any {paper} is given.",
    "There shall be {office.A} for every {open_place}, who is chosen by the {party.s} of the town for {how_long}.",
    "Every {office}, {office} and {worker} shall wear {color.A} coat while he is at the {open_place}.",
    # what may be done
    "Where the rent of {building.A} has not been paid for {how_long}, the {party} may close the {building} and keep the {house_thing.s} in it.",
    "The {party} may {deed} the {house_thing} with the consent of the {office}, who shall not refuse it without a reason in writing.",
    "If the {party} does not {deed} the {building} in {how_long}, the {office} may do so and ask the {party} to pay for it.",
    "Any person may walk over the {land_in} {when}, and may take his {pet} with him.",
    "The {office} may enter {building.A} {when} and take away any {house_thing} that was sold without {paper.A}.",
    # what is forbidden
    "No person shall {deed} {building.A} {when} without the {paper} of the {office}.",
    "No {party} shall let {animal.A} or {animal.A} into the {open_place} {when}.",
    "No person shall sell {food} or {food} at the {open_place} unless he holds {paper.A} signed by the {office}.",
    "A person shall not {wrong} or {wrong} any {house_thing}, {house_thing} or {house_thing} of another.",
    "No {vehicle} shall stand on the {open_place} for more than {how_long}, and no {party} shall leave {house_thing.A} there.",
    # conditions
    "No {party} who has been employed for {how_long} shall be dismissed until the {party} has given him {paper.A} in writing and has paid him for {how_long}.",
    "The {paper} shall not be given unless the {building} is clean, the {openable.s} can be locked, and the {party} has paid {sum_of} crowns.",
    "If {animal.A} is found in {building.A}, and if the {party} of the {animal} is not known, the {office} shall keep it for {how_long}.",
    "A {paper} ends after {how_long} unless the {party} asks the {office} in writing for another {how_long}.",
    "Where {party.A} is ill for more than {how_long}, the {party} shall pay half of his wages, provided that the {paper} of a doctor is shown.",
    # evidence
    "A copy of the {paper}, signed by the {office}, shall be proof of what it says until the opposite is shown.",
    "The {paper} shall be kept for {how_long}, and the {office} may ask for the {paper} at any time.",
    "In any trial under this Act, the {paper} of the {office} shall be read before the {party} is heard.",
    "The {party} shall send the {paper} to the {office} and a copy of it to the {party} in {how_long}.",
    # penalties
    "Whoever does so shall pay {sum_of} crowns, and for a second time twice as much.",
    "A {party} who does not obey this section shall pay {sum_of} crowns for every day after the first.",
    "The {office} shall give the money to the {building} of the town.",
    "A person who pays in {how_long} shall not be brought before the {office}.",
    # facts
    "On the night of {#1-28} {month} the {worker} went to the {building} of his neighbour, broke the {openable} and carried away {house_thing.A} and {few} {small_thing.s}.",
    "The {party} told the {office} that he had left his {house_thing} in the {room} and that it was gone in the {time}.",
    "The {worker} said that the {party} had given him the {house_thing}, but could show no {paper}.",
    "The {office} found the {house_thing} under the {furniture} of the {party}, with {color.A} cloth round it.",
    "On {day} the {party} sold the {house_thing} to a stranger for {sum_of} crowns, which he did not write in his book.",
    "The {office} heard the {party} and two neighbours, and held that the {paper} had not been given in time.",
    "It was not shown that the {party} knew of the {paper} when he sold the {animal}.",
    "The judge held that {house_thing.A} in {building.A} belongs to the {party} of the {building} until somebody else shows {paper.A}.",
]

TITLES = ["An Act about {animal.s}", "An Act about the {building.s} of the town", "Rules of the {open_place}", "An Act about {worker.s} and their wages",
          "Rules about {vehicle.s}", "The case of the {house_thing}", "The case of the {worker} and the {party}", "An Act about {paper.s}"]

MODS = {"s": plural, "A": with_article}
SLOT = re.compile(r"\{([^}]+)\}")


class Statutes:
    """Writes documents of a title and some numbered sections."""

    def __init__(self, seed: int):
        self.rng = Rng("legal text", seed)
        commas = ("when", "how_long")
        lists = {**WORDS, **LEGAL}
        self.lists = {name: Zipf(words.split(", ") if name in commas else words.split(), 0.6, 2.0) for name, words in lists.items()}

    def sentence(self, pattern: str) -> str:
        drawn = {}

        def fill(match):
            name, *mods = match[1].split(".")
            number = re.fullmatch(r"#(\d+)-(\d+)", name)
            if number:
                return str(self.rng.between(int(number[1]), int(number[2])))
            word, before = self.lists[name].draw(self.rng), drawn.setdefault(name, set())
            for _ in range(8):
                if word not in before:
                    break
                word = self.lists[name].draw(self.rng)
            before.add(word)
            for mod in mods:
                word = MODS[mod](word)
            return word

        return SLOT.sub(fill, pattern)

    def document(self) -> str:
        lines, said = [capital(self.sentence(self.rng.pick(TITLES)))], set()
        for section in range(1, self.rng.between(3, 7)):
            sentences = []
            for _ in range(self.rng.between(1, 3)):
                pattern = self.rng.pick(PATTERNS)
                if pattern not in said:
                    said.add(pattern)
                    sentences.append(capital(self.sentence(pattern)))
            if sentences:
                lines.append(f"{section}. " + " ".join(sentences))
        return "\n".join(lines)


def written(seed: int, size: int) -> list:
    statutes, documents, total = Statutes(seed), [], 0
    while total < size:
        documents.append(statutes.document())
        total += len(documents[-1])
    return documents


def half(source: Path, target: Path) -> None:
    """The tensors of a safetensors file in f32, rounded to f16, to nearest and ties to even."""
    data = source.read_bytes()
    n = struct.unpack("<Q", data[:8])[0]
    header, body = json.loads(data[8:8 + n]), data[8 + n:]
    tensors, parts, at = {}, [], 0
    for name in sorted(key for key in header if key != "__metadata__"):
        entry = header[name]
        assert entry["dtype"] == "F32", (name, entry)
        begin, end = entry["data_offsets"]
        count = (end - begin) // 4
        parts.append(struct.pack(f"<{count}e", *struct.unpack(f"<{count}f", body[begin:end])))
        tensors[name] = {"dtype": "F16", "shape": entry["shape"], "data_offsets": [at, at + 2 * count]}
        at += 2 * count
    text = json.dumps({"__metadata__": {"format": "pt"}, **tensors}, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    target.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(parts))


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--base", type=Path, default=ROOT / "www/public/specimen")
    p.add_argument("--out", type=Path, default=ROOT / "www/public/specimen-legal")
    p.add_argument("--work", type=Path, default=ROOT / ".cache/specimen-legal")
    p.add_argument("--command", type=Path, default=ROOT / "target/release/glitchscope")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--chars", type=int, default=1_200_000)
    p.add_argument("--steps", type=int, default=240)
    p.add_argument("--learning-rate", type=float, default=1e-3)
    a = p.parse_args()
    a.work.mkdir(parents=True, exist_ok=True)

    documents = written(a.seed, a.chars)
    example = (ROOT / "src/labs/attention/example.txt").read_text().splitlines()
    text = "\n\n".join(documents)
    for line in example:
        plain = re.sub(r"\[\[|\]\]", "", line.split("\t")[1])
        assert plain not in text, f"the training text holds a sentence of the example: {plain}"
    split = subprocess.run([a.command, "tokens", "--model", a.base, "--json"], input=text, text=True, capture_output=True, check=True)
    ids = json.loads(split.stdout)["ids"]
    rows = [[0] + ids[i:i + ROW - 1] for i in range(0, len(ids) - ROW + 2, ROW - 1)]
    (a.work / "rows.txt").write_text("\n".join(" ".join(map(str, row)) for row in rows) + "\n")

    recipe = ["--steps", str(a.steps), "--batch", "16", "--learning-rate", str(a.learning_rate), "--schedule", "cosine", "--warmup", "20",
              "--beta2", "0.98", "--weight-decay", "0.05", "--no-decay", "*norm*", "--no-decay", "*embed*", "--clip", "1", "--seed", str(a.seed)]
    trained = a.work / "trained"
    run = subprocess.run([a.command, "train", "--device", "cpu", "--model", a.base, "--rows", a.work / "rows.txt", "--out", trained, "--json",
                          *recipe], text=True, stdout=subprocess.PIPE, check=True)
    report = json.loads(run.stdout)

    a.out.mkdir(parents=True, exist_ok=True)
    half(trained / "model.safetensors", a.out / "model.safetensors")
    for name in ("config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json"):
        shutil.copyfile(a.base / name, a.out / name)
    losses = [step["loss"] for step in report["curve"]]
    certificate = {
        "what": "Birth certificate of the specimen continued on legal-style text. No lab reads it.",
        "base": {"folder": "specimen", "sha256": hashlib.sha256((a.base / "model.safetensors").read_bytes()).hexdigest()},
        "seed": a.seed,
        "text": {"characters": len(text), "documents": len(documents), "tokens": len(ids), "rows": len(rows),
                 "sha256": hashlib.sha256(text.encode()).hexdigest()},
        "command": ["glitchscope", "train", "--device", "cpu", *recipe],
        "mean_loss": {"first_20_steps": sum(losses[:20]) / 20, "last_20_steps": sum(losses[-20:]) / 20},
        "stored": "F16, rounded from F32",
        "sha256": hashlib.sha256((a.out / "model.safetensors").read_bytes()).hexdigest(),
    }
    (a.out / "training.json").write_text(json.dumps(certificate, indent=1) + "\n")
    print(f"{a.out}: {len(rows)} rows of {ROW} tokens, {a.steps} steps", file=sys.stderr)


if __name__ == "__main__":
    main()
