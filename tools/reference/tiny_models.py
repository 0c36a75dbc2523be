#!/usr/bin/env python3
"""Tiny random models and their logits by PyTorch, the oracle of tests/golden_engine.rs and of the browser's parity test.

    python tools/reference/tiny_models.py            # rewrites tests/golden/models/

Weights are random normal and spread widely (not the library's small initialisation), norms and biases are perturbed, so
that a wrong epsilon, a missing bias or a swapped half shows in the logits. Every model is saved in the stored type named
in its line and run in float32 with eager attention on the weights as stored.
"""

import hashlib
import json
import pathlib
import sys

import torch
import transformers
from safetensors.torch import save_file

SEED = 20240417
OUT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "golden" / "models"

GPT2 = dict(vocab_size=64, n_positions=64, n_embd=32, n_layer=2, n_head=4, bos_token_id=0, eos_token_id=1)
LLAMA = dict(
    vocab_size=64, max_position_embeddings=64, hidden_size=32, intermediate_size=48, num_hidden_layers=2,
    num_attention_heads=4, bos_token_id=0, eos_token_id=1,
)

# name, family, settings, stored type
MODELS = [
    ("gpt2-tanh-tied", "gpt2", dict(GPT2, activation_function="gelu_new"), torch.float32),
    ("gpt2-exact-untied", "gpt2", dict(GPT2, activation_function="gelu", tie_word_embeddings=False, n_inner=72,
                                       layer_norm_epsilon=1e-3), torch.float16),
    ("llama-grouped-untied", "llama", dict(LLAMA, num_key_value_heads=2, tie_word_embeddings=False,
                                           rms_norm_eps=1e-4), torch.bfloat16),
    ("llama-biased-tied", "llama", dict(LLAMA, num_key_value_heads=4, tie_word_embeddings=True, attention_bias=True,
                                        mlp_bias=True, head_dim=12, rope_theta=500.0), torch.float32),
]


def spread(model: torch.nn.Module, generator: torch.Generator) -> None:
    for name, parameter in model.named_parameters():
        noise = torch.randn(parameter.shape, generator=generator)
        is_norm = "ln_" in name or "norm" in name
        with torch.no_grad():
            if parameter.ndim == 1 and is_norm and name.endswith("weight"):
                parameter.copy_(1.0 + 0.2 * noise)
            elif parameter.ndim == 1:
                parameter.copy_(0.2 * noise)
            else:
                fan_in = parameter.shape[0] if "c_" in name else parameter.shape[1]
                scale = 1.0 if ("wte" in name or "embed" in name or "wpe" in name) else 1.5 / fan_in**0.5
                parameter.copy_(scale * noise)


def main() -> None:
    torch.manual_seed(SEED)
    for number, (name, family, settings, dtype) in enumerate(MODELS):
        generator = torch.Generator().manual_seed(SEED + number)
        config_class, model_class = {
            "gpt2": (transformers.GPT2Config, transformers.GPT2LMHeadModel),
            "llama": (transformers.LlamaConfig, transformers.LlamaForCausalLM),
        }[family]
        config = config_class(**settings)
        config._attn_implementation = "eager"
        model = model_class(config).eval().float()
        spread(model, generator)
        # The stored type loses digits: the reference runs on what was stored.
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.copy_(parameter.to(dtype).float())
        ids = [torch.randint(2, 64, (length,), generator=generator).tolist() for length in (1, 7, 24)]
        cases = []
        with torch.no_grad():
            for prompt in ids:
                logits = model(torch.tensor([prompt])).logits[0]
                greedy = list(prompt)
                for _ in range(12):
                    greedy.append(int(model(torch.tensor([greedy])).logits[0, -1].argmax()))
                cases.append({
                    "ids": prompt,
                    # The shortest prompts in full, the longest at its last position, to keep the file small.
                    "logits": [[float(f"{v:.7g}") for v in row] for row in (logits if len(prompt) < 8 else logits[-1:])],
                    "greedy": greedy[len(prompt):],
                })
        folder = OUT / name
        folder.mkdir(parents=True, exist_ok=True)
        tensors = {
            key: value.to(dtype).contiguous() for key, value in model.state_dict().items()
            if not (key == "lm_head.weight" and settings.get("tie_word_embeddings", family == "gpt2"))
        }
        save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
        config.architectures = [model_class.__name__]
        (folder / "config.json").write_text(json.dumps(config.to_dict(), indent=1, sort_keys=True, default=str) + "\n")
        weights = (folder / "model.safetensors").read_bytes()
        expected = {
            "made_by": "tools/reference/tiny_models.py",
            "versions": {"torch": torch.__version__.split("+")[0], "transformers": transformers.__version__,
                         "python": sys.version.split()[0]},
            "seed": SEED + number,
            "stored": str(dtype),
            "sha256": hashlib.sha256(weights).hexdigest(),
            "cases": cases,
        }
        (folder / "expected.json").write_text(json.dumps(expected) + "\n")
        print(f"{name}: {len(weights)} bytes, {sum(p.numel() for p in model.parameters())} parameters")


if __name__ == "__main__":
    main()
