"""Python's own print of gold rows, for tests/golden/holobench/python.json: what the judge's prompts hold.

    python tools/reference/holobench_python.py
"""

import json
import platform
import random

SEED = 5
PIECES = ["plain", "it's", 'say "hi"', "it's \"both\"", "back\\slash", "tab\there", "line\nbreak", "naïve", "日本", "\u200b",
          "\u00a0", "\x07", "\x80", "😀", "{brace}", ""]
NUMBERS = [0, 1, -7, 2**53, 0.0, 1.0, -0.5, 1e16, 1e15, 123456789.125, 1e-4, 1e-5, 1.5e300, 0.1 + 0.2, float("nan"), 42.0]


def case(random):
    columns = random.sample(["name", "id", "n", "it's", 'a "b"', "price", "note"], random.randint(1, 5))
    pool = PIECES + NUMBERS + [None]
    rows = [{column: random.choice(pool) for column in columns} for _ in range(random.randint(0, 4))]
    gold = [{"id": i} | row for i, row in enumerate(rows[:50], 1)]
    output_format = [{"id": row["id"], "label": "..."} for row in gold] if gold else [{"id": 0, "label": "..."}]
    template = "Q {question} {{kept}} P {pred} G {gold} F {output_format}"
    pred = "".join(random.choice(PIECES) for _ in range(3))
    prompt = template.format(question="Which?", pred=pred, gold=gold, output_format=output_format)
    # NaN is no JSON: it goes as a text of its own.
    stored = [[{"nan": True} if isinstance(row[c], float) and row[c] != row[c] else row[c] for c in columns] for row in rows]
    return {"columns": columns, "rows": stored, "template": template, "pred": pred, "prompt": prompt}


random = random.Random(SEED)
golden = {
    "script": "tools/reference/holobench_python.py",
    "versions": {"python": platform.python_version()},
    "seed": SEED,
    "cases": [case(random) for _ in range(60)],
}
with open("tests/golden/holobench/python.json", "w", encoding="utf-8") as file:
    json.dump(golden, file, ensure_ascii=True, indent=0)
    file.write("\n")
