"""Golden data for src/tokenizer: tiny tokenizers with what Hugging Face's `tokenizers` makes of some texts.

    python tools/reference/tokenizer.py          # writes tests/golden/tokenizer/

`byte_level` is a byte-level BPE as GPT-2's, `metaspace` a BPE with `▁` and byte fallback as Llama 2's, with a
beginning of text that its post-processor adds. The others have the pipelines of families of models, see KINDS. All are
trained here on the text below, without randomness.
Classes come from a second implementation of the round-trip rule (Land & Bartolo 2024), written here.
"""

import hashlib
import json
import pathlib
import re

import tokenizers
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

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


# The expressions that cut a text into words, as the published files have them.
TIKTOKEN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}%s| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
LLAMA3 = TIKTOKEN % "{1,3}"
QWEN2 = TIKTOKEN % ""
TEKKEN = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|"
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|"
    r"\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def byte_level_kind(pre_tokenizer, specials, normalizer=None, added=(), bos=None, ignore_merges=False):
    """Byte-level BPE behind a pre-tokenizer of its own."""
    tokenizer = Tokenizer(models.BPE())
    if normalizer:
        tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=420, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    tokenizer.train_from_iterator(CORPUS, trainer)
    content = json.loads(add_unreachable(tokenizer).to_str())
    if ignore_merges:
        content["model"]["ignore_merges"] = True
    tokenizer = Tokenizer.from_str(json.dumps(content))
    tokenizer.add_special_tokens([AddedToken(token, normalized=False) for token in specials])
    tokenizer.add_tokens(list(added))
    post_processor = processors.ByteLevel(trim_offsets=False)
    if bos:
        template = processors.TemplateProcessing(
            single=f"{bos} $A", pair=f"{bos} $A {bos}:1 $B:1", special_tokens=[(bos, tokenizer.token_to_id(bos))]
        )
        post_processor = processors.Sequence([post_processor, template])
    tokenizer.post_processor = post_processor
    return tokenizer


def split(pattern):
    return pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(pattern), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )


def gpt_neox():
    """GPT-NeoX, OLMo, StableLM: canonical composition, and added tokens of blanks."""
    return byte_level_kind(
        pre_tokenizers.ByteLevel(add_prefix_space=False),
        ["<|endoftext|>", "<|padding|>"],
        normalizer=normalizers.NFC(),
        added=[AddedToken(" " * count, normalized=True) for count in (8, 4, 3, 2)] + [AddedToken("<extra>")],
    )


def opt():
    """OPT: GPT-2's vocabulary, with a beginning of text."""
    return byte_level_kind(pre_tokenizers.ByteLevel(add_prefix_space=False), ["<pad>", "</s>", "<unk>"], bos="</s>")


def smollm():
    """SmolLM: every digit alone."""
    return byte_level_kind(
        pre_tokenizers.Sequence(
            [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
        ),
        ["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
    )


def llama3():
    """Llama 3, SmolLM 3, GLM: up to three digits, entries before merges."""
    specials = ["<|begin_of_text|>", "<|end_of_text|>", "<|eot_id|>"]
    return byte_level_kind(split(LLAMA3), specials, bos="<|begin_of_text|>", ignore_merges=True)


def qwen2():
    """Qwen 2 and 3, OLMo 2 without the normalizer: canonical composition, one digit."""
    specials = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    return byte_level_kind(split(QWEN2), specials, normalizer=normalizers.NFC(), added=[AddedToken("<think>")])


def tekken():
    """Mistral Nemo and later: words are cut where capitals begin."""
    return byte_level_kind(split(TEKKEN), ["<unk>", "<s>", "</s>"], bos="<s>", ignore_merges=True)


def sentencepiece_kind(specials, normalizer, pre_tokenizer, decoder, bos, added=()):
    """BPE over characters with `▁` for a blank and bytes for what is rare."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    tokenizer.normalizer = normalizers.Replace(" ", "▁")
    tokenizer.pre_tokenizer = pre_tokenizers.Split("▁", "merged_with_next")
    trainer = trainers.BpeTrainer(
        vocab_size=560, special_tokens=specials + [f"<0x{byte:02X}>" for byte in range(256)], show_progress=False
    )
    tokenizer.train_from_iterator([line for line in CORPUS if max(line) < "\u3000"], trainer)
    content = json.loads(add_unreachable(tokenizer).to_str())
    content["added_tokens"] = [token for token in content["added_tokens"] if token["content"] in specials]
    content["normalizer"] = content["pre_tokenizer"] = None
    tokenizer = Tokenizer.from_str(json.dumps(content))
    if normalizer:
        tokenizer.normalizer = normalizer
    if pre_tokenizer:
        tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.decoder = decoder
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{bos} $A", pair=f"{bos} $A {bos}:1 $B:1", special_tokens=[(bos, tokenizer.token_to_id(bos))]
    )
    tokenizer.add_tokens(list(added))
    return tokenizer


def strip_first_blank():
    return decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )


def gemma():
    """Gemma: no blank in front, newlines as added tokens."""
    return sentencepiece_kind(
        ["<pad>", "<eos>", "<bos>", "<unk>"],
        normalizers.Replace(" ", "▁"),
        pre_tokenizers.Split(" ", "merged_with_previous"),
        decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]),
        "<bos>",
        added=[AddedToken("\n" * count, normalized=False) for count in (2, 1)],
    )


def mistral():
    """Mistral 7B v0.3 and Llama 2 since it was written anew: the blank in front is the pre-tokenizer's."""
    return sentencepiece_kind(
        ["<unk>", "<s>", "</s>", "[INST]", "[/INST]"],
        None,
        pre_tokenizers.Metaspace(prepend_scheme="first", split=False),
        strip_first_blank(),
        "<s>",
    )


def phi3():
    """Phi 3: Llama 2's pipeline, with added tokens that take the blanks behind them."""
    return sentencepiece_kind(
        ["<unk>", "<s>", "</s>"],
        normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]),
        None,
        strip_first_blank(),
        "<s>",
        added=[AddedToken(t, rstrip=True, normalized=False, special=True) for t in ("<|user|>", "<|end|>")],
    )


def spm():
    """Sentencepiece's BPE as a GGUF file has it: scores, no merges. As tokenizer.json every pair that makes an entry is a
    merge, ranked by the entry's score, which is how Hugging Face converts such models."""
    content = json.loads(phi3().to_str())
    vocabulary = content["model"]["vocab"]
    merges = []
    for entry, token in vocabulary.items():
        if not entry.startswith("<"):
            pairs = [(entry[:cut], entry[cut:]) for cut in range(1, len(entry))]
            merges += [(token, pair) for pair in pairs if pair[0] in vocabulary and pair[1] in vocabulary]
    content["model"]["merges"] = [pair for _, pair in sorted(merges, key=lambda merge: merge[0])]
    content["added_tokens"] = [token for token in content["added_tokens"] if not token["rstrip"]]
    return Tokenizer.from_str(json.dumps(content))


# Pipeline, the texts behind which a token is decoded, and how its entries spell bytes.
KINDS = [
    (gpt_neox, "", False), (opt, "", False), (smollm, "", False), (llama3, "", False), (qwen2, "", False),
    (tekken, "", False), (gemma, "", True), (mistral, "«»~|#0xa", True), (phi3, "«»~|#0xa", True),
    (spm, "«»~|#0xa", True),
]  # fmt: skip

KIND_TEXTS = TEXTS + [
    "I'LL we've DON'T it's",
    "camelCase HTTPServer iPhone ÉCOLE école",
    "12345678 1,234.56 ١٢٣ ⅷ",
    "        eight blanks\n    four\t\ttabs   \n\n\n\nlines",
    "<|im_start|>user\nhi<|im_end|>\n",
    "<|begin_of_text|>x<|eot_id|>",
    "<|user|>   after a token <|end|>\n next",
    "[INST] do [/INST]<s></s><think>",
    "a\u0308 A\u030a \u1100\u1161 \ufb01 ½",
    "...!!!???///\n/path/to",
]


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


def write(name, tokenizer, prefixes, spell, texts):
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
    }
    # A line for each vector: large indents are half of such a file.
    head = json.dumps(golden, separators=(",", ":"))[:-1]
    lines = ",\n".join(json.dumps(vector(tokenizer, text), separators=(",", ":")) for text in texts)
    (folder / "vectors.json").write_text(f'{head},"vectors":[\n{lines}\n]}}\n', encoding="utf-8")


def main():
    write("byte_level", byte_level(), "", spell_byte_level, TEXTS)
    write("metaspace", metaspace(), "«»~|#0xa", spell_metaspace, TEXTS)
    for kind, prefixes, is_sentencepiece in KINDS:
        write(kind.__name__, kind(), prefixes, spell_metaspace if is_sentencepiece else spell_byte_level, KIND_TEXTS)


if __name__ == "__main__":
    main()
