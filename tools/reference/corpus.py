"""Files of texts in the layouts people have, and the tokens in them, counted through the tokenizers library.

    python tools/reference/corpus.py        (writes tests/golden/corpus/)

Nothing of the Rust code is used: files are read with Python's json and csv, every text of a record is encoded by itself
without special tokens, and occurrences of a list of ids are counted.
"""

import csv
import json
import platform
import random
from pathlib import Path

import pyarrow
import pyarrow.parquet
import tokenizers
from tokenizers import Tokenizer

ROOT = Path(__file__).resolve().parents[2]
OUT = ROOT / "tests/golden/corpus"
SEED = 7
NAMES = ["byte_level", "llama3", "qwen2", "smollm", "metaspace", "mistral"]

WORDS = """the a question answer please string repeat hello world model token it's don't I'LL we've über naïve Привет мир 東京
日本語 한국어 שלום 😀 1984 3.14 42 1,000 e-mail http://example.org/x?y=1 foo_bar(); <b> "quoted" – — … ' '' \\n C++ #1 @you
[UNK] <extra> garden teaching nothing ing tion""".split()
SEPARATORS = [" "] * 12 + ["  ", "\n", "\n\n", "\t", ", ", ". ", "! ", " - ", "\r\n", "\u00a0"]


def text(rng, most):
    parts = []
    for _ in range(rng.randint(0, most)):
        parts += [rng.choice(WORDS), rng.choice(SEPARATORS)]
    return "".join(parts)


def alpaca(rng, n):
    return [{"instruction": text(rng, 12) + "?", "input": text(rng, 6) if rng.random() < 0.5 else "", "output": text(rng, 30)}
            for _ in range(n)]


def sharegpt(rng, n):
    return [{"id": f"c{i}_0", "conversations": [{"from": ["human", "gpt"][turn % 2], "value": text(rng, 20)}
                                                 for turn in range(rng.randint(1, 6))]} for i in range(n)]


def written_files():
    """Name of a file → what is written there, and the texts of each document."""
    rng = random.Random(SEED)
    files = {}
    records = alpaca(rng, 60)
    files["alpaca.json"] = (json.dumps(records, indent=1),
                            [[record["instruction"], record["input"], record["output"]] for record in records])
    records = sharegpt(rng, 40)
    conversations = [[turn["value"] for turn in record["conversations"]] for record in records]
    files["sharegpt.json"] = (json.dumps(records, ensure_ascii=False), conversations)
    files["sharegpt.jsonl"] = ("".join(json.dumps(record, ensure_ascii=bool(i % 2)) + "\n" for i, record in enumerate(records)),
                               conversations)
    messages = [{"messages": [{"role": "user", "content": text(rng, 9)}, {"role": "assistant", "content": text(rng, 9)}]}
                for _ in range(20)]
    files["messages.jsonl"] = ("\r\n".join(json.dumps(record) for record in messages),
                               [[turn["content"] for turn in record["messages"]] for record in messages])
    strings = [text(rng, 10) + "." for _ in range(20)]
    files["strings.json"] = (json.dumps(strings), [[string] for string in strings])
    squad = [{"title": f"title {i}", "paragraphs": [{"context": text(rng, 10), "answers": ["yes", text(rng, 3) + "!"]}],
              "n": i, "ok": True, "none": None} for i in range(12)]
    files["data.json"] = (json.dumps({"size": 12, "data": squad}),
                          [[record["title"], record["paragraphs"][0]["context"], *record["paragraphs"][0]["answers"]] for record in squad])
    plain = " ".join(text(rng, 40) for _ in range(40))
    files["plain.txt"] = (plain, [[plain]])
    lines = [text(rng, 12).replace("\n", " ").replace("\r", " ") for _ in range(40)]
    files["lines.txt"] = ("\n".join(lines) + "\n", [[line] for line in lines if line.strip(" \t")])
    rows = [(text(rng, 9), text(rng, 3), text(rng, 9)) for _ in range(30)]
    files["table.csv"] = ([["instruction", "input", "output"], *rows], [list(row) for row in rows])
    return files


def nested_files(rng):
    """Records as JSON Lines and as Parquet: lists, groups, maps and nulls, every codec and some encodings."""
    string, strings = pyarrow.string(), pyarrow.list_(pyarrow.string())
    turn = pyarrow.struct([("from", string), ("value", string), ("weight", pyarrow.float32())])
    fact = pyarrow.struct([("name", string), ("aliases", pyarrow.list_(strings))])
    types = {"title": string, "notes": strings, "facts": pyarrow.list_(fact), "meta": pyarrow.struct([("by", string), ("year", pyarrow.int16())]),
             "links": pyarrow.map_(string, string), "empty": string, "count": pyarrow.int64()}
    maybe = lambda value: None if rng.random() < 0.2 else value
    some = lambda most, of: [of() for _ in range(rng.randint(0, most))]
    records = [{
        "title": maybe(text(rng, 4)), "notes": maybe(some(3, lambda: maybe(text(rng, 3)))),
        "facts": maybe(some(3, lambda: maybe({"name": maybe(text(rng, 2)), "aliases": maybe(some(2, lambda: maybe(some(2, lambda: text(rng, 2)))))}))),
        "meta": maybe({"by": maybe(text(rng, 2)), "year": 1984}), "links": maybe({f"key {i}": text(rng, 2) for i in range(rng.randint(0, 2))}),
        "empty": None, "count": maybe(rng.randint(0, 1 << 40)),
    } for _ in range(90)]
    chats = [{"id": i, "conversations": [{"from": ["human", "gpt"][turn % 2], "value": text(rng, 9) + ".", "weight": 1.0}
                                          for turn in range(rng.randint(1, 5))]} for i in range(40)]
    lines = lambda records: "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)
    (OUT / "nested.jsonl").write_text(lines(records), encoding="utf-8")
    (OUT / "chats.jsonl").write_text(lines(chats), encoding="utf-8")
    schema = pyarrow.schema(types.items())
    # pyarrow takes a map as its pairs.
    rows = [{**record, "links": None if record["links"] is None else list(record["links"].items())} for record in records]
    columns = {"title": "gzip", "notes.list.element": "brotli", "facts.list.element.name": "zstd", "facts.list.element.aliases.list.element.list.element": "lz4",
               "meta.by": "snappy", "meta.year": "none", "links.key_value.key": "gzip", "links.key_value.value": "none", "empty": "zstd", "count": "snappy"}
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows, schema), OUT / "nested.parquet", row_group_size=40, compression=columns,
                                data_page_size=300, write_batch_size=8)
    schema = pyarrow.schema([("id", pyarrow.int32()), ("conversations", pyarrow.list_(turn))])
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(chats, schema), OUT / "chats.parquet", compression="zstd", data_page_version="2.0",
                                use_dictionary=False, column_encoding={"conversations.list.element.value": "DELTA_BYTE_ARRAY",
                                                                       "conversations.list.element.from": "DELTA_LENGTH_BYTE_ARRAY"})


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    files = written_files()
    for name, (content, _) in files.items():
        with open(OUT / name, "w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows(content) if name.endswith(".csv") else file.write(content)
    # The same records once more, compressed as most such files are; columns that are no text are left out.
    records = json.loads(files["alpaca.json"][0])
    columns = {name: [record[name] for record in records] for name in ["instruction", "input", "output"]}
    columns |= {"n": list(range(len(records))), "bytes": [b"\xff\x00" for _ in records]}
    pyarrow.parquet.write_table(pyarrow.table(columns), OUT / "alpaca.parquet", row_group_size=25, compression="snappy")
    nested_files(random.Random(SEED + 1))
    result = {"script": "tools/reference/corpus.py", "seed": SEED, "python": platform.python_version(),
              "tokenizers": tokenizers.__version__, "pyarrow": pyarrow.__version__, "counts": {}}
    for name in NAMES:
        tokenizer = Tokenizer.from_file(str(ROOT / f"tests/golden/tokenizer/{name}/tokenizer.json"))
        encode = lambda string: tokenizer.encode(string, add_special_tokens=False).ids
        rng = random.Random(SEED)
        seen = sorted({id for _, documents in files.values() for texts in documents for string in texts for id in encode(string)})
        wanted = sorted(rng.sample(seen, 12))
        counts = {}
        for file, (_, documents) in files.items():
            ids = [[id for string in texts for id in encode(string)] for texts in documents]
            counts[file] = {
                "documents": [[len(document), sum(id in wanted for id in document)] for document in ids],
                "tokens": {str(id): [sum(document.count(id) for document in ids), sum(id in document for document in ids)]
                           for id in wanted},
            }
        result["counts"][name] = {"ids": wanted, "files": counts}
    (OUT / "counts.json").write_text(json.dumps(result, indent=None, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
