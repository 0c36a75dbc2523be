"""OpenELM in PyTorch, from the published description.

transformers has no OpenELM, so this is written from Mehta et al. 2024, "OpenELM: An Efficient Language Model Family", and
the description in apple/corenet: RMSNorm before attention and MLP, one tensor for queries, keys and values, RMSNorm on each
query and key head, rotary positions in halves, grouped-query attention, SwiGLU with gate and up in one tensor, no biases;
numbers of heads and widths of the MLP differ from layer to layer. Names of tensors and of configuration fields are those of
the published checkpoints.
"""

import types

import torch
from torch import nn

EPS = 1e-6


def divisible(value: float, divisor: int) -> int:
    rounded = max(divisor, int(value + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * value else rounded


class RmsNorm(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.weight * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + EPS))


class Attention(nn.Module):
    def __init__(self, config: dict, layer: int) -> None:
        super().__init__()
        self.heads, self.kv_heads = config["num_query_heads"][layer], config["num_kv_heads"][layer]
        self.size = config["head_dim"]
        self.theta = config["rope_freq_constant"]
        rows = (self.heads + 2 * self.kv_heads) * self.size
        self.qkv_proj = nn.Linear(config["model_dim"], rows, bias=False)
        self.q_norm = RmsNorm(self.size)
        self.k_norm = RmsNorm(self.size)
        self.out_proj = nn.Linear(self.heads * self.size, config["model_dim"], bias=False)

    def turn(self, x: torch.Tensor) -> torch.Tensor:
        frequencies = 1.0 / self.theta ** (torch.arange(0, self.size, 2).float() / self.size)
        angles = torch.arange(x.shape[-2]).float()[:, None] * frequencies
        cos, sin = angles.cos(), angles.sin()
        first, second = x.chunk(2, dim=-1)
        return torch.cat((first * cos - second * sin, second * cos + first * sin), dim=-1)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        batch, tokens, _ = x.shape
        qkv = self.qkv_proj(x).view(batch, tokens, -1, self.size).transpose(1, 2)
        q, k, v = qkv.split([self.heads, self.kv_heads, self.kv_heads], dim=1)
        q, k = self.turn(self.q_norm(q)), self.turn(self.k_norm(k))
        groups = self.heads // self.kv_heads
        k, v = k.repeat_interleave(groups, dim=1), v.repeat_interleave(groups, dim=1)
        scores = q @ k.transpose(-1, -2) / self.size**0.5
        hidden = torch.ones(tokens, tokens, dtype=torch.bool).triu(1)
        weights = scores.masked_fill(hidden, float("-inf")).softmax(-1)
        return self.out_proj((weights @ v).transpose(1, 2).reshape(batch, tokens, -1)), weights


class FeedForward(nn.Module):
    def __init__(self, config: dict, layer: int) -> None:
        super().__init__()
        inner = divisible(config["ffn_multipliers"][layer] * config["model_dim"], config["ffn_dim_divisor"])
        self.proj_1 = nn.Linear(config["model_dim"], 2 * inner, bias=False)
        self.proj_2 = nn.Linear(inner, config["model_dim"], bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        gate, up = self.proj_1(x).chunk(2, dim=-1)
        return self.proj_2(nn.functional.silu(gate) * up)


class Layer(nn.Module):
    def __init__(self, config: dict, layer: int) -> None:
        super().__init__()
        self.attn_norm = RmsNorm(config["model_dim"])
        self.attn = Attention(config, layer)
        self.ffn_norm = RmsNorm(config["model_dim"])
        self.ffn = FeedForward(config, layer)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        added, weights = self.attn(self.attn_norm(x))
        x = x + added
        return x + self.ffn(self.ffn_norm(x)), weights


class Transformer(nn.Module):
    def __init__(self, config: dict) -> None:
        super().__init__()
        self.token_embeddings = nn.Embedding(config["vocab_size"], config["model_dim"])
        self.layers = nn.ModuleList(Layer(config, i) for i in range(config["num_transformer_layers"]))
        self.norm = RmsNorm(config["model_dim"])


class OpenElm(nn.Module):
    """Takes ids (B,T), returns an object with `logits` (B,T,V) and `attentions`, one (B,H,T,T) a layer."""

    def __init__(self, config: dict) -> None:
        super().__init__()
        self.transformer = Transformer(config)

    def forward(self, ids: torch.Tensor, output_attentions: bool = False) -> types.SimpleNamespace:
        x, attentions = self.transformer.token_embeddings(ids), []
        for layer in self.transformer.layers:
            x, weights = layer(x)
            attentions.append(weights)
        logits = self.transformer.norm(x) @ self.transformer.token_embeddings.weight.T
        return types.SimpleNamespace(logits=logits, attentions=attentions)
