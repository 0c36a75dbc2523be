"""Golden data for src/tokenizer: two tiny tokenizers with what Hugging Face's `tokenizers` makes of some texts.

    python tools/reference/tokenizer.py          # writes tests/golden/tokenizer/

`byte_level` is a byte-level BPE as GPT-2's, `metaspace` a BPE with `▁` and byte fallback as Llama 2's, with a
beginning of text that its post-processor adds. Both are trained here on the text below, without randomness.
Classes come from a second implementation of the round-trip rule (Land & Bartolo 2024), written here.
"""

import hashlib
import json
import pathlib
import re

import tokenizers
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

OUT = pathlib.Path(__file__).resolve().parents[2] / "tests/golden/tokenizer"

CORPUS = [
    "Once upon a time there was a little girl who lived near the forest with her mother and her brother.",
    "Please repeat the string and return it back to me. The quick brown fox jumps over the lazy dog.",
    "The question asks whether the model can answer: question and answer, question and answer, again and again.",
    "Köln, Zürich, naïve café, smörgåsbord; Übermut tut selten gut. Das Mädchen läuft über die Straße.",
    "Привет, мир! Привет, мама! Мир и труд. 東京 日本 日本語 東京都 日本 東京.",
    "😀 😁 😂 😀 😁 😂 emoji 👍 👍 👎 and more 😀😀😀😁😂.",
    "def main():\n    return 0\n\n    if x == 10:\r\n        print('ten')\r\n",
    "numbers 0 1 2 3 10 20 30 100 200 300 2024-01-31 and signs + - * / = < > [ ] { } ( ) # | ~ « »",
] * 8

TEXTS = [
    "",
    " ",
    "   ",
    "Hello world",
    " Hello world",
    "Once upon a time",
    "Please repeat the string 'question' and return it back to me.",
    "two  spaces,   three",
    "trailing blank ",
    "tab\tnewline\n\nend",
    "line one\r\nline two\r\n",
    "naïve café, Zürich",
    "combining: e\u0301 a\u0308 o\u0302\u0323",
    "Привет, мир!",
    "東京 日本語",
    "emoji 😀😁 and 👩‍👩‍👧‍👦 and 🇩🇪",
    "עברית مرحبا \u202eright to left\u202c",
    "NUL \u0000 inside",
    "\ufeffbyte order mark",
    "replacement \ufffd character",
    "zero\u200bwidth\u00a0space",
    "<s> not special? </s> <|endoftext|> <unk>",
    "<extra> an added word <extra>",
    "<0x41> looks like a byte",
    "▁ Ġ the marks themselves",
    "«guillemets» and 'quotes' and \"double\"",
    "0123456789 10 100",
    "a" * 40,
    "\U0010ffff last code point",
]


def byte_level():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    trainer = trainers.BpeTrainer(
        vocab_size=512,
        special_tokens=["<|endoftext|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(CORPUS, trainer)
    tokenizer = add_unreachable(tokenizer)
    tokenizer.add_tokens([AddedToken("<extra>", normalized=False)])
    return tokenizer


def add_unreachable(tokenizer):
    """Adds two entries that no merge makes: no text encodes to them."""
    content = json.loads(tokenizer.to_str())
    for entry in ["petertodd", "rawdownload"]:
        content["model"]["vocab"][entry] = len(content["model"]["vocab"])
    return Tokenizer.from_str(json.dumps(content))


def metaspace():
    specials = ["<unk>", "<s>", "</s>"]
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    # Words are kept apart while training only, so that the merges stay inside words as sentencepiece's do.
    tokenizer.pre_tokenizer = pre_tokenizers.Split("▁", "merged_with_next")
    trainer = trainers.BpeTrainer(
        vocab_size=640,
        special_tokens=specials + [f"<0x{byte:02X}>" for byte in range(256)],
        show_progress=False,
    )
    # Scripts that are left out are what byte fallback is for.
    tokenizer.train_from_iterator([line for line in CORPUS if max(line) < "\u3000"], trainer)
    content = json.loads(add_unreachable(tokenizer).to_str())
    content["pre_tokenizer"] = None
    content["added_tokens"] = [token for token in content["added_tokens"] if token["content"] in specials]
    tokenizer = Tokenizer.from_str(json.dumps(content))
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A <s>:1 $B:1", special_tokens=[("<s>", 1)]
    )
    tokenizer.add_tokens([AddedToken("<extra>", normalized=False)])
    return tokenizer


def classes(tokenizer, prefixes, spell):
    """The round-trip rule, by id; `prefixes` as in src/tokenizer.rs, `spell` gives an entry's bytes."""
    special = {i for i, token in tokenizer.get_added_tokens_decoder().items() if token.special}
    added = set(tokenizer.get_added_tokens_decoder())

    def ids(text):
        return tokenizer.encode(text, add_special_tokens=False).ids

    def decode(ids):
        return tokenizer.decode(ids, skip_special_tokens=False)

    prefixes = sorted((p for p in prefixes if decode(ids(p)).lstrip() == p), key=lambda p: len(ids(p))) if prefixes else [""]
    result = []
    for i in range(tokenizer.get_vocab_size()):
        entry = tokenizer.id_to_token(i)
        if i in special or (re.fullmatch(r"<.*[A-Za-z].*>|\[.*[A-Za-z].*\]", entry, re.S) and not entry.startswith("<0x")):
            result.append("special")
            continue
        texts = [decode(ids(p) + [i]) for p in prefixes]
        texts = [t[len(decode(ids(p))):] for p, t in zip(prefixes, texts) if t.startswith(decode(ids(p)))]
        text = (texts + [decode([i])])[0]
        if text and any(ids(p + text) == ids(p) + [i] for p in prefixes):
            result.append("ok")
        elif i not in added and len(spell(entry)) == 1:
            result.append("byte")
        elif "\ufffd" in text:
            result.append("partial_utf8")
        else:
            result.append("unreachable")
    return result


def alphabet():
    """GPT-2's bytes_to_unicode, inverted."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    rest = [byte for byte in range(256) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {chr(256 + n): byte for n, byte in enumerate(rest)}


def spell_byte_level(entry, table=alphabet()):
    return bytes(table[c] for c in entry)


def spell_metaspace(entry):
    if re.fullmatch(r"<0x[0-9A-F]{2}>", entry):
        return bytes([int(entry[3:5], 16)])
    return entry.replace("▁", " ").encode()


def vector(tokenizer, text):
    encoding = tokenizer.encode(text)
    return {
        "text": text,
        "ids": encoding.ids,
        "tokens": encoding.tokens,
        "offsets_in_characters": [list(pair) for pair in encoding.offsets],
        "ids_without_special": tokenizer.encode(text, add_special_tokens=False).ids,
        "decoded": tokenizer.decode(encoding.ids, skip_special_tokens=True),
        "decoded_with_special": tokenizer.decode(encoding.ids, skip_special_tokens=False),
    }


def main():
    for name, tokenizer, prefixes, spell in [
        ("byte_level", byte_level(), "", spell_byte_level),
        ("metaspace", metaspace(), "«»~|#0xa", spell_metaspace),
    ]:
        folder = OUT / name
        folder.mkdir(parents=True, exist_ok=True)
        text = tokenizer.to_str(pretty=False)
        (folder / "tokenizer.json").write_text(text, encoding="utf-8")
        golden = {
            "script": "tools/reference/tokenizer.py",
            "versions": {"tokenizers": tokenizers.__version__},
            "seed": None,
            "sha256": {"tokenizer.json": hashlib.sha256(text.encode()).hexdigest()},
            "classes": classes(tokenizer, prefixes, spell),
            "vectors": [vector(tokenizer, text) for text in TEXTS],
        }
        (folder / "vectors.json").write_text(json.dumps(golden, indent=1, ensure_ascii=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
