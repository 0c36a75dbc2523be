"""Megabytes of text a second that the `tokenizers` library encodes on one core.

    python benches/tokenizer.py FOLDER   writes tokenizer.json and texts.jsonl there; prints one line of JSON

The tokenizer is GPT-2's where GLITCHSCOPE_GPT2 names a folder with its tokenizer.json. Otherwise one of the same kind,
of its size at most, is trained on every second file of this repository's text, and the texts are the other files, which it
has not seen.
"""

import importlib.metadata
import json
import os
import shutil
import sys
import time
from pathlib import Path

os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["RAYON_NUM_THREADS"] = "1"

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers  # noqa: E402

ENTRIES, RUNS, TEXT_BYTES = 50_257, 5, 2_000
REPOSITORY = Path(__file__).resolve().parent.parent
FOLDERS = ["benches", "docs", "examples", "fuzz", "shaders", "src", "tests", "tools", "www/src", "www/test"]
ENDINGS = {".js", ".md", ".mjs", ".py", ".rs", ".ts", ".txt", ".wgsl"}


def files() -> list[Path]:
    found = [REPOSITORY / name for name in ["ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md", "README.md"]]
    for folder in FOLDERS:
        found += (path for path in (REPOSITORY / folder).rglob("*") if path.suffix in ENDINGS)
    skipped = {"node_modules", "target", "out"}
    return sorted(path for path in found if path.is_file() and not skipped & set(path.parts))


def texts_of(paths: list[Path]) -> list[str]:
    """Paragraphs, put together to texts of about TEXT_BYTES."""
    texts = []
    for path in paths:
        text = ""
        for paragraph in path.read_text(encoding="utf-8", errors="replace").split("\n\n"):
            text += paragraph + "\n\n"
            if len(text) >= TEXT_BYTES:
                texts.append(text)
                text = ""
        texts += [text] if text.strip() else []
    return texts


def trained(texts: list[str]) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=ENTRIES, min_frequency=1, initial_alphabet=alphabet, special_tokens=["<|endoftext|>"], show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def main() -> None:
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "tokenizer.json"
    given = os.environ.get("GLITCHSCOPE_GPT2")
    paths = files()
    if given:
        shutil.copyfile(Path(given) / "tokenizer.json", file)
    else:
        trained(texts_of(paths[::2])).save(str(file))
    texts = texts_of(paths[1::2])
    (folder / "texts.jsonl").write_text("".join(json.dumps({"text": text}, ensure_ascii=False) + "\n" for text in texts), encoding="utf-8")
    size = sum(len(text.encode()) for text in texts)
    seconds = []
    for _ in range(RUNS):
        # A new one for each run: it remembers what it has encoded.
        tokenizer = Tokenizer.from_file(str(file))
        start = time.perf_counter()
        encoded = tokenizer.encode_batch_fast(texts, add_special_tokens=False)
        seconds.append(time.perf_counter() - start)
    print(json.dumps({
        "of": "GPT-2's tokenizer" if given else "a trained byte-level BPE", "entries": tokenizer.get_vocab_size(), "texts": len(texts),
        "bytes": size, "tokens": sum(len(one.ids) for one in encoded), "rate": size / 1e6 / sorted(seconds)[RUNS // 2],
        "version": importlib.metadata.version("tokenizers"),
    }))


main()
