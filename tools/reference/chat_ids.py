"""Golden data for src/tokenizer/prompt.rs: conversations as text and ids by transformers' apply_chat_template, from the
tiny tokenizers of tokenizer.py and the templates of chat_template.py, read from each file that may hold a template.

    python tools/reference/chat_ids.py          # writes tests/golden/chat_template/ids.json
"""

import hashlib
import json
import pathlib
import sys
import tempfile

import tokenizers
import transformers
from transformers import AutoTokenizer

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from chat_template import TEMPLATES  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOKENIZERS = ROOT / "tests/golden/tokenizer"
OUT = ROOT / "tests/golden/chat_template/ids.json"

# tokenizer, templates by the file they are written in, bos, eos
MODELS = [
    ("qwen2", {"tokenizer_config.json": TEMPLATES["chatml"]}, None, "<|im_end|>"),
    ("qwen2", {"chat_template.jinja": TEMPLATES["qwen"], "tokenizer_config.json": TEMPLATES["gemma"]}, None, "<|im_end|>"),
    ("gemma", {"tokenizer_config.json": [
        {"name": "rag", "template": TEMPLATES["chatml"]}, {"name": "default", "template": TEMPLATES["gemma"]}]}, "<bos>", "<eos>"),
    ("mistral", {"tokenizer_config.json": TEMPLATES["mistral"]}, "<s>", "</s>"),
    ("phi3", {"tokenizer_config.json": TEMPLATES["phi3"]}, {"__type": "AddedToken", "content": "<s>"}, "</s>"),
    ("smollm", {"chat_template.jinja": TEMPLATES["smollm3"]}, "<|im_start|>", "<|im_end|>"),
]

CONVERSATIONS = [
    [("user", "Please repeat the string 'question' and return it back to me.")],
    [("user", "Hello"), ("assistant", " Hi there. \n"), ("user", "  naïve 😀\n<|im_end|> <s> [INST] {{ x }}")],
    [("system", " Be brief. "), ("user", "Once upon a time")],
    [("user", "Spell the word"), ("assistant", "Of course! The spelling is: ")],
    [("user", "Go on"), ("assistant", "The question")],
]


def main():
    cases = []
    for name, files, bos, eos in MODELS:
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            config = {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": eos}
            if bos is not None:
                config["bos_token"] = bos
            if "tokenizer_config.json" in files:
                config["chat_template"] = files["tokenizer_config.json"]
            written = {"tokenizer_config.json": json.dumps(config)}
            if "chat_template.jinja" in files:
                written["chat_template.jinja"] = files["chat_template.jinja"]
            for file, text in written.items():
                (folder / file).write_text(text, encoding="utf-8")
            (folder / "tokenizer.json").write_bytes((TOKENIZERS / name / "tokenizer.json").read_bytes())
            tokenizer = AutoTokenizer.from_pretrained(folder)
            for conversation in CONVERSATIONS:
                messages = [{"role": role, "content": content} for role, content in conversation]
                for mode in ("neither", "generation_prompt", "continue"):
                    if mode == "continue" and messages[-1]["role"] != "assistant":
                        continue
                    options = {"add_generation_prompt": mode == "generation_prompt", "continue_final_message": mode == "continue"}
                    try:
                        text = tokenizer.apply_chat_template(messages, tokenize=False, **options)
                        ids = tokenizer.apply_chat_template(messages, tokenize=True, return_dict=False, **options)
                    except Exception as error:  # the templates' own raise_exception
                        assert "raise" not in str(error) and type(error).__module__.startswith("jinja2"), error
                        continue
                    cases.append({"tokenizer": name, "files": written, "messages": messages} | options | {"text": text, "ids": ids})
    golden = {
        "script": "tools/reference/chat_ids.py",
        "versions": {"transformers": transformers.__version__, "tokenizers": tokenizers.__version__},
        "seed": None,
        "sha256": hashlib.sha256(json.dumps(cases).encode()).hexdigest(),
        "cases": cases,
    }
    OUT.write_text(json.dumps(golden) + "\n", encoding="utf-8")
    print(len(cases), "cases,", OUT.stat().st_size, "bytes")


if __name__ == "__main__":
    main()
