#!/usr/bin/env python3
"""The tiny models of tests/golden/models as GGUF files, the oracle of tests/golden_gguf.rs.

    python tools/reference/gguf_models.py            # rewrites tests/golden/gguf/

Written by gguf-py: its writer, its own map from Hugging Face's tensor names to GGUF's, its quantisation. What llama.cpp's
convert_hf_to_gguf.py does to hyperparameters and weights of each family is repeated here, because that script is not part
of the package: rows of q and k permuted (llama, smollm3), 1 added to norms (gemma), fused projections taken apart
(gptneox), dense weights turned (gpt2), norms of heads stacked (stablelm), tables of rotary factors (llama3, longrope).
"""

import hashlib
import json
import math
import pathlib
import re

import gguf
import numpy as np
import torch
from gguf import GGMLQuantizationType as Type
from safetensors.torch import load_file

ROOT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "golden"
OUT = ROOT / "gguf"

# model, architecture, stored type of matrices whose rows are a multiple of 32 (None: as the checkpoint)
FILES = [
    ("gpt2-tanh-tied", "gpt2", None),
    ("gpt_neox-parallel", "gptneox", None),
    ("gpt_neox-sequential", "gptneox", None),
    ("llama-biased-tied", "llama", None),
    ("llama-grouped-untied", "llama", None),
    ("llama-rope-linear", "llama", None),
    ("llama-rope-llama3", "llama", None),
    ("mistral", "llama", None),
    ("qwen2-window-yarn", "qwen2", None),
    ("qwen3", "qwen3", None),
    ("gemma2", "gemma2", None),
    ("gemma3", "gemma3", None),
    ("phi", "phi2", None),
    ("phi3-longrope", "phi3", None),
    ("olmo2", "olmo2", None),
    ("smollm3", "smollm3", None),
    ("glm", "chatglm", None),
    ("stablelm", "stablelm", None),
    ("stablelm-parallel-normed-heads", "stablelm", None),
    ("llama-grouped-untied", "llama", Type.Q8_0),
    ("llama-biased-tied", "llama", Type.Q4_0),
    ("gpt2-tanh-tied", "gpt2", Type.Q5_1),
    ("gpt_neox-sequential", "gptneox", Type.Q5_0),
]
# Names as the converter gives them before it asks the map, for architectures whose checkpoint names the map lacks.
STABLELM_NORM = re.compile(r"(model\.layers\.\d+\.self_attn\.[qk]_layernorm)\.norms\.(\d+)\.weight")


def permute(weights, heads):
    """convert_hf_to_gguf.py, LlamaModel.permute"""
    return weights.reshape(heads, 2, weights.shape[0] // heads // 2, *weights.shape[1:]).swapaxes(1, 2).reshape(weights.shape)


def hyperparameters(writer, arch, c, tensors):
    heads = c.get("num_attention_heads") or c.get("n_head")
    kv_heads = c.get("num_key_value_heads") or heads
    width = c.get("hidden_size") or c.get("n_embd")
    head_size = c.get("head_dim") or width // heads
    inner = c.get("intermediate_size") or c.get("n_inner") or 4 * width
    context = c.get("max_position_embeddings") or c.get("n_positions")
    writer.add_block_count(c.get("num_hidden_layers") or c.get("n_layer"))
    writer.add_context_length(context)
    writer.add_embedding_length(width)
    writer.add_feed_forward_length(inner)
    writer.add_head_count(heads)
    if arch not in ("gpt2", "gptneox"):
        writer.add_head_count_kv(kv_heads)
    if arch in ("gpt2", "gptneox", "phi2", "stablelm"):
        writer.add_layer_norm_eps(c.get("layer_norm_epsilon") or c.get("layer_norm_eps"))
    else:
        writer.add_layer_norm_rms_eps(c["rms_norm_eps"])
    if arch not in ("gpt2", "gptneox", "phi2", "phi3", "stablelm"):
        writer.add_key_length(head_size)
        writer.add_value_length(head_size)
    if arch in ("gptneox", "stablelm"):
        writer.add_parallel_residual(c["use_parallel_residual"])
    if arch == "gpt2":
        return
    rope = c["rope_parameters"]
    full = rope.get("full_attention", rope)
    turned = int(head_size * full.get("partial_rotary_factor", 1.0))
    writer.add_rope_dimension_count(turned)
    writer.add_rope_freq_base(full["rope_theta"])
    kind = full["rope_type"]
    frequencies = full["rope_theta"] ** (torch.arange(0, turned, 2, dtype=torch.float64) / turned)
    if kind in ("linear", "yarn"):
        writer.add_rope_scaling_type(gguf.RopeScalingType(kind))
        writer.add_rope_scaling_factor(full["factor"])
    if kind == "yarn":
        writer.add_rope_scaling_orig_ctx_len(full["original_max_position_embeddings"])
    if kind == "llama3":
        low, high = full["low_freq_factor"], full["high_freq_factor"]
        original, factors = full["original_max_position_embeddings"], []
        for wave in (2 * math.pi * frequencies).tolist():
            if wave < original / high:
                factors.append(1.0)
            elif wave > original / low:
                factors.append(full["factor"])
            else:
                smooth = (original / wave - low) / (high - low)
                factors.append(1 / ((1 - smooth) / full["factor"] + smooth))
        tensors["rope_freqs.weight"] = torch.tensor(factors, dtype=torch.float32)
    if kind == "longrope":
        original = full["original_max_position_embeddings"]
        writer.add_rope_scaling_orig_ctx_len(original)
        scale = context / original
        writer.add_rope_scaling_attn_factors(math.sqrt(1 + math.log(scale) / math.log(original)))
        tensors["rope_factors_long.weight"] = torch.tensor(full["long_factor"], dtype=torch.float32)
        tensors["rope_factors_short.weight"] = torch.tensor(full["short_factor"], dtype=torch.float32)
    if arch in ("gemma2", "gemma3", "phi3"):
        writer.add_sliding_window(c["sliding_window"])
    if arch == "gemma3":
        writer.add_uint32("gemma3.attention.sliding_window_pattern", c["sliding_window_pattern"])
    if arch == "gemma2":
        writer.add_attn_logit_softcapping(c["attn_logit_softcapping"])
        writer.add_final_logit_softcapping(c["final_logit_softcapping"])


def convert(name, tensor, arch, c):
    heads = c.get("num_attention_heads") or c.get("n_head")
    kv_heads = c.get("num_key_value_heads") or heads
    if arch in ("llama", "smollm3") and ".q_proj." in name:
        return permute(tensor, heads)
    if arch in ("llama", "smollm3") and ".k_proj." in name:
        return permute(tensor, kv_heads)
    if arch in ("gemma2", "gemma3") and name.endswith("norm.weight"):
        return tensor.float() + 1
    if arch == "gpt2" and name.endswith(("c_attn.weight", "c_proj.weight", "c_fc.weight")):
        return tensor.T
    if arch == "gptneox" and "query_key_value" in name:
        parts = tensor.reshape(heads, 3, -1, *tensor.shape[1:])
        return torch.cat([parts[:, kind].reshape(-1, *tensor.shape[1:]) for kind in range(3)])
    return tensor


def store(writer, name, tensor, quantised):
    tensor = tensor.contiguous()
    if tensor.ndim == 1 or name.endswith("_norm.weight"):
        writer.add_tensor(name, tensor.float().numpy())
    elif quantised is not None and tensor.shape[-1] % 32 == 0 and name != "position_embd.weight":
        data = gguf.quants.quantize(tensor.float().numpy(), quantised)
        writer.add_tensor(name, data, raw_dtype=quantised)
    elif tensor.dtype == torch.bfloat16:
        data = tensor.view(torch.uint8).numpy()
        writer.add_tensor(name, data, raw_dtype=Type.BF16)
    else:
        writer.add_tensor(name, tensor.numpy())


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    for old in OUT.glob("*.gguf"):
        old.unlink()
    index = {"script": "tools/reference/gguf_models.py", "seed": None,
             "versions": {"gguf": "0.19.0", "numpy": np.__version__, "torch": torch.__version__}, "files": []}
    for model, arch, quantised in FILES:
        folder = ROOT / "models" / model
        c = json.loads((folder / "config.json").read_text())
        weights = load_file(folder / "model.safetensors")
        file = OUT / f"{model}{'' if quantised is None else '-' + quantised.name}.gguf"
        writer = gguf.GGUFWriter(file, arch)
        writer.add_name(model)
        tensors = {}
        hyperparameters(writer, arch, c, tensors)
        enum = next(key for key, value in gguf.MODEL_ARCH_NAMES.items() if value == arch)
        names = gguf.get_tensor_name_map(enum, c.get("num_hidden_layers") or c.get("n_layer"))
        stacked = {}
        for name, tensor in weights.items():
            match = STABLELM_NORM.fullmatch(name)
            if match:
                stacked.setdefault(match[1] + ".weight", {})[int(match[2])] = tensor
                continue
            own = names.get_name(name, try_suffixes=(".weight", ".bias"))
            assert own is not None, f"{arch}: gguf-py has no name for {name}"
            tensors[own] = convert(name, tensor, arch, c)
        for name, rows in stacked.items():
            own = names.get_name(name, try_suffixes=(".weight",))
            tensors[own] = torch.stack([rows[i] for i in range(len(rows))])
        for name, tensor in tensors.items():
            store(writer, name, tensor, quantised)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        sha = lambda path: hashlib.sha256(path.read_bytes()).hexdigest()
        index["files"].append({"file": file.name, "model": model, "sha256": sha(file),
                               "model_sha256": sha(folder / "model.safetensors")})
    (OUT / "index.json").write_text(json.dumps(index, indent=1) + "\n")


if __name__ == "__main__":
    main()
