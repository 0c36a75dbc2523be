#!/usr/bin/env python3
"""Tiny random models of every family and what PyTorch says of them, the oracle of tests/golden_engine.rs, of the gradient
tests and of the browser's parity test.

    python tools/reference/tiny_models.py            # rewrites tests/golden/models/
    python tools/reference/tiny_models.py qwen3 opt  # only the folders whose names begin so

Weights are random normal and spread widely (not the library's small initialisation), norms and biases are perturbed, so
that a wrong epsilon, a missing bias or a swapped half shows in the logits. Every model is saved in the stored type named
in its line and run in float32 with eager attention on the weights as stored. Windows are shorter than the prompts, and
there are fewer key heads than query heads where a family has that.

A folder holds config.json and model.safetensors as transformers writes them (OpenELM: as published, see openelm.py), and

    expected.json            prompts, logits, greedy continuations; a batch of two rows and its loss, the mean over all
                             next tokens of their negative log-likelihood in nats; how the numbers were made
    attentions.safetensors   of the batch's first row: `attentions` (L,H,T,T), or `attentions.<layer>` (H,T,T) where the
                             number of heads differs
    gradients.safetensors    the gradient of the loss for every parameter, under the checkpoint's names
"""

import hashlib
import json
import pathlib
import sys

import torch
import transformers
from openelm import OpenElm
from safetensors.torch import save_file

SEED = 20240417
OUT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "golden" / "models"

F32, F16, BF16 = torch.float32, torch.float16, torch.bfloat16
SPECIAL = dict(bos_token_id=0, eos_token_id=1, pad_token_id=0)
GPT2 = dict(vocab_size=64, n_positions=64, n_embd=32, n_layer=2, n_head=4, bos_token_id=0, eos_token_id=1)
LLAMA = dict(
    vocab_size=64, max_position_embeddings=64, hidden_size=32, intermediate_size=48, num_hidden_layers=2,
    num_attention_heads=4, bos_token_id=0, eos_token_id=1,
)
# Grouped queries, as the newer families have them.
GROUPED = dict(LLAMA, num_key_value_heads=2, pad_token_id=0)


def rope(**settings: object) -> dict:
    return dict(rope_type="default", rope_theta=500.0) | settings


# name, family, settings, stored type
MODELS = [
    ("gpt2-tanh-tied", "gpt2", dict(GPT2, activation_function="gelu_new"), F32),
    ("gpt2-exact-untied", "gpt2", dict(GPT2, activation_function="gelu", tie_word_embeddings=False, n_inner=72,
                                       layer_norm_epsilon=1e-3), F16),
    ("llama-grouped-untied", "llama", dict(LLAMA, num_key_value_heads=2, tie_word_embeddings=False,
                                           rms_norm_eps=1e-4), BF16),
    ("llama-biased-tied", "llama", dict(LLAMA, num_key_value_heads=4, tie_word_embeddings=True, attention_bias=True,
                                        mlp_bias=True, head_dim=12, rope_theta=500.0), F32),
    ("gpt2-scaled-by-layer", "gpt2", dict(GPT2, scale_attn_by_inverse_layer_idx=True, n_embd=24), F32),
    ("gptj", "gptj", dict(GPT2, rotary_dim=4, n_inner=40, pad_token_id=0), F32),
    ("gpt_neo", "gpt_neo", dict(SPECIAL, vocab_size=64, max_position_embeddings=64, hidden_size=32, num_layers=3,
                                num_heads=4, intermediate_size=40, window_size=5,
                                attention_types=[[["global", "local"], 1], [["local"], 1]]), F32),
    ("gpt_neox-parallel", "gpt_neox", dict(LLAMA, pad_token_id=0, hidden_size=40,
                                           rope_parameters=rope(partial_rotary_factor=0.4)), F16),
    ("gpt_neox-sequential", "gpt_neox", dict(LLAMA, pad_token_id=0, use_parallel_residual=False, hidden_act="gelu_new",
                                             rope_parameters=rope(partial_rotary_factor=1.0)), BF16),
    ("opt", "opt", dict(SPECIAL, vocab_size=64, max_position_embeddings=64, hidden_size=32, ffn_dim=48,
                        num_hidden_layers=2, num_attention_heads=4), F32),
    ("opt-post-norm-projected", "opt", dict(SPECIAL, vocab_size=64, max_position_embeddings=64, hidden_size=32,
                                            ffn_dim=48, num_hidden_layers=2, num_attention_heads=4,
                                            do_layer_norm_before=False, word_embed_proj_dim=20), F16),
    ("llama-rope-llama3", "llama", dict(GROUPED, rope_parameters=rope(
        rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
        original_max_position_embeddings=32)), F32),
    ("llama-rope-linear", "llama", dict(GROUPED, num_hidden_layers=1, rope_parameters=rope(
        rope_type="linear", factor=4.0)), F32),
    ("mistral", "mistral", dict(GROUPED, head_dim=12, sliding_window=5, rope_parameters=rope()), BF16),
    ("qwen2-window-yarn", "qwen2", dict(GROUPED, use_sliding_window=True, sliding_window=5, max_window_layers=1,
                                        rope_parameters=rope(rope_type="yarn", factor=4.0,
                                                             original_max_position_embeddings=16)), F32),
    ("qwen3", "qwen3", dict(GROUPED, head_dim=12, rope_parameters=rope()), F32),
    ("gemma2", "gemma2", dict(GROUPED, head_dim=12, sliding_window=5, query_pre_attn_scalar=20,
                              attn_logit_softcapping=3.0, final_logit_softcapping=4.0, rope_parameters=rope()), F32),
    ("gemma3", "gemma3_text", dict(GROUPED, hidden_size=24, head_dim=8, num_hidden_layers=3, sliding_window=5,
                                   query_pre_attn_scalar=10, sliding_window_pattern=3,
                                   rope_parameters=dict(sliding_attention=rope(rope_theta=100.0),
                                                        full_attention=rope(rope_type="linear", factor=8.0))), F32),
    ("phi", "phi", dict(GROUPED, rope_parameters=rope(partial_rotary_factor=0.5)), F32),
    ("phi-normed-heads", "phi", dict(LLAMA, pad_token_id=0, num_hidden_layers=1, qk_layernorm=True,
                                     rope_parameters=rope(partial_rotary_factor=0.5)), F32),
    ("phi3-longrope", "phi3", dict(GROUPED, sliding_window=9, original_max_position_embeddings=8,
                                   rope_parameters=rope(rope_type="longrope", short_factor=[1.0, 1.1, 1.2, 1.3],
                                                        long_factor=[1.5, 2.0, 4.0, 7.0])), F32),
    ("olmo2", "olmo2", dict(GROUPED, rope_parameters=rope()), F32),
    ("smollm3", "smollm3", dict(GROUPED, hidden_size=24, num_hidden_layers=3, no_rope_layer_interval=2,
                                rope_parameters=rope()), F32),
    ("glm", "glm", dict(GROUPED, head_dim=12, rope_parameters=rope(partial_rotary_factor=0.5)), BF16),
    ("stablelm", "stablelm", dict(GROUPED, use_qkv_bias=True, rope_parameters=rope(partial_rotary_factor=0.5)), F32),
    ("stablelm-parallel-normed-heads", "stablelm", dict(GROUPED, use_parallel_residual=True, qk_layernorm=True,
                                                        rope_parameters=rope(partial_rotary_factor=0.5)), F16),
    ("openelm", "openelm", dict(
        vocab_size=64, max_context_length=64, model_dim=32, head_dim=8, num_transformer_layers=2, num_gqa_groups=2,
        num_query_heads=[2, 4], num_kv_heads=[1, 2], qkv_multipliers=[0.5, 1.0], ffn_multipliers=[0.5, 2.0],
        ffn_dim_divisor=16, ffn_with_glu=True, activation_fn_name="swish", normalization_layer_name="rms_norm",
        normalize_qk_projections=True, share_input_output_layers=True, rope_freq_constant=500, rope_max_length=128,
        initializer_range=0.02, bos_token_id=0, eos_token_id=1, model_type="openelm"), F32),
]

CLASSES = {
    "gpt2": ("GPT2Config", "GPT2LMHeadModel"),
    "gptj": ("GPTJConfig", "GPTJForCausalLM"),
    "gpt_neo": ("GPTNeoConfig", "GPTNeoForCausalLM"),
    "gpt_neox": ("GPTNeoXConfig", "GPTNeoXForCausalLM"),
    "opt": ("OPTConfig", "OPTForCausalLM"),
    "llama": ("LlamaConfig", "LlamaForCausalLM"),
    "mistral": ("MistralConfig", "MistralForCausalLM"),
    "qwen2": ("Qwen2Config", "Qwen2ForCausalLM"),
    "qwen3": ("Qwen3Config", "Qwen3ForCausalLM"),
    "gemma2": ("Gemma2Config", "Gemma2ForCausalLM"),
    "gemma3_text": ("Gemma3TextConfig", "Gemma3ForCausalLM"),
    "phi": ("PhiConfig", "PhiForCausalLM"),
    "phi3": ("Phi3Config", "Phi3ForCausalLM"),
    "olmo2": ("Olmo2Config", "Olmo2ForCausalLM"),
    "smollm3": ("SmolLM3Config", "SmolLM3ForCausalLM"),
    "glm": ("GlmConfig", "GlmForCausalLM"),
    "stablelm": ("StableLmConfig", "StableLmForCausalLM"),
}


def build(family: str, settings: dict) -> tuple[torch.nn.Module, dict, bool]:
    """The model, what its config.json holds, and whether the head is the embedding."""
    if family == "openelm":
        return OpenElm(settings), dict(settings, architectures=["OpenELMForCausalLM"]), True
    config_name, model_name = CLASSES[family]
    config = getattr(transformers, config_name)(**settings)
    config._attn_implementation = "eager"
    model = getattr(transformers, model_name)(config)
    config.architectures = [model_name]
    return model, config.to_dict(), config.tie_word_embeddings


def spread(model: torch.nn.Module, family: str, generator: torch.Generator) -> None:
    for name, parameter in model.named_parameters():
        noise = torch.randn(parameter.shape, generator=generator)
        is_norm = "ln_" in name or "norm" in name
        # Gemma stores its norms' weights as their difference from 1.
        centre = 0.0 if family.startswith("gemma") else 1.0
        with torch.no_grad():
            if parameter.ndim == 1 and is_norm and name.endswith("weight"):
                parameter.copy_(centre + 0.2 * noise)
            elif parameter.ndim == 1:
                parameter.copy_(0.2 * noise)
            else:
                # GPT-2 stores its projections input first.
                fan_in = parameter.shape[0] if family == "gpt2" and "c_" in name else parameter.shape[1]
                scale = 1.0 if ("wte" in name or "embed" in name or "wpe" in name) else 1.5 / fan_in**0.5
                parameter.copy_(scale * noise)


def rounded(row: torch.Tensor) -> list[float]:
    return [float(f"{v:.7g}") for v in row]


def main() -> None:
    torch.manual_seed(SEED)
    wanted = tuple(sys.argv[1:])
    for number, (name, family, settings, dtype) in enumerate(MODELS):
        if wanted and not name.startswith(wanted):
            continue
        generator = torch.Generator().manual_seed(SEED + number)
        model, config, tied = build(family, settings)
        model = model.eval().float()
        spread(model, family, generator)
        # The stored type loses digits: the reference runs on what was stored.
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.copy_(parameter.to(dtype).float())
        # Ids from 2 on: the padding token's embedding gets no gradient from PyTorch.
        ids = [torch.randint(2, 64, (length,), generator=generator).tolist() for length in (1, 7, 24)]
        rows = torch.randint(2, 64, (2, 12), generator=generator)
        # Where frequencies change with the length, PyTorch changes them in the middle of a continuation.
        switch = settings.get("original_max_position_embeddings", 0)
        cases = []
        with torch.no_grad():
            for prompt in ids:
                logits = model(torch.tensor([prompt])).logits[0]
                greedy = list(prompt)
                for _ in range(12 if len(prompt) > switch else 0):
                    greedy.append(int(model(torch.tensor([greedy])).logits[0, -1].argmax()))
                cases.append({
                    "ids": prompt,
                    # The shortest prompts in full, the longest at its last position, to keep the file small.
                    "logits": [rounded(row) for row in (logits if len(prompt) < 8 else logits[-1:])],
                    "greedy": greedy[len(prompt):],
                })
            maps = [weights[0].contiguous() for weights in model(rows[:1], output_attentions=True).attentions]
        logits = model(rows).logits[:, :-1]
        loss = torch.nn.functional.cross_entropy(logits.reshape(-1, logits.shape[-1]), rows[:, 1:].reshape(-1))
        loss.backward()

        folder = OUT / name
        folder.mkdir(parents=True, exist_ok=True)
        tensors = {
            key: value.to(dtype).contiguous() for key, value in model.state_dict().items()
            if not (key == "lm_head.weight" and tied)
        }
        save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
        gradients = {key: value.grad.contiguous() for key, value in model.named_parameters()}
        assert gradients.keys() == tensors.keys(), gradients.keys() ^ tensors.keys()
        save_file(gradients, folder / "gradients.safetensors")
        if len({len(weights) for weights in maps}) == 1:
            save_file({"attentions": torch.stack(maps)}, folder / "attentions.safetensors")
        else:
            save_file({f"attentions.{i}": weights for i, weights in enumerate(maps)}, folder / "attentions.safetensors")
        (folder / "config.json").write_text(json.dumps(config, indent=1, sort_keys=True, default=str) + "\n")
        weights = (folder / "model.safetensors").read_bytes()
        expected = {
            "made_by": "tools/reference/tiny_models.py",
            "versions": {"torch": torch.__version__.split("+")[0], "transformers": transformers.__version__,
                         "python": sys.version.split()[0]},
            "seed": SEED + number,
            "stored": str(dtype),
            "sha256": hashlib.sha256(weights).hexdigest(),
            "cases": cases,
            "rows": rows.tolist(),
            "loss": float(f"{loss.item():.9g}"),
        }
        (folder / "expected.json").write_text(json.dumps(expected) + "\n")
        total = sum(file.stat().st_size for file in folder.iterdir())
        print(f"{name}: {sum(p.numel() for p in model.parameters())} parameters, loss {loss.item():.4f}, {total} bytes")


if __name__ == "__main__":
    main()
