"""A small Llama in plain PyTorch, used for training only: fused projections and a mask per row.

`to_hf` renames the weights to those of transformers' LlamaForCausalLM; `make.py` checks that both give the same logits.
"""
import torch
import torch.nn.functional as F
from torch import nn

WIDTH, LAYERS, HEADS, KV_HEADS, HEAD_DIM, INNER, EPS, THETA = 128, 4, 4, 2, 32, 352, 1e-5, 10000.0


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.qkv = nn.Linear(WIDTH, (HEADS + 2 * KV_HEADS) * HEAD_DIM, bias=False)
        self.o = nn.Linear(HEADS * HEAD_DIM, WIDTH, bias=False)
        self.gate_up = nn.Linear(WIDTH, 2 * INNER, bias=False)
        self.down = nn.Linear(INNER, WIDTH, bias=False)
        self.norm1 = nn.Parameter(torch.ones(WIDTH))
        self.norm2 = nn.Parameter(torch.ones(WIDTH))

    def forward(self, x, cos, sin, mask):
        b, t, _ = x.shape
        h = F.rms_norm(x, (WIDTH,), self.norm1, EPS)
        h = self.qkv(h).view(b, t, HEADS + 2 * KV_HEADS, HEAD_DIM).transpose(1, 2)
        qk, v = h.split([HEADS + KV_HEADS, KV_HEADS], 1)
        lo, hi = qk.chunk(2, -1)
        qk = qk * cos + torch.cat([-hi, lo], -1) * sin
        q, k = qk.split([HEADS, KV_HEADS], 1)
        g = HEADS // KV_HEADS
        o = F.scaled_dot_product_attention(q, k.repeat_interleave(g, 1), v.repeat_interleave(g, 1), attn_mask=mask)
        x = x + self.o(o.transpose(1, 2).reshape(b, t, -1))
        gate, up = self.gate_up(F.rms_norm(x, (WIDTH,), self.norm2, EPS)).chunk(2, -1)
        return x + self.down(F.silu(gate) * up)


class Model(nn.Module):
    def __init__(self, vocab):
        super().__init__()
        self.embed = nn.Embedding(vocab, WIDTH)
        self.blocks = nn.ModuleList(Block() for _ in range(LAYERS))
        self.norm = nn.Parameter(torch.ones(WIDTH))
        for p in self.parameters():
            if p.dim() == 2:
                nn.init.normal_(p, std=0.02)
        for blk in self.blocks:
            for w in (blk.o.weight, blk.down.weight):
                nn.init.normal_(w, std=0.02 / (2 * LAYERS) ** 0.5)

    def hidden(self, ids, cos, sin, mask):
        x = self.embed(ids)
        for blk in self.blocks:
            x = blk(x, cos, sin, mask)
        return F.rms_norm(x, (WIDTH,), self.norm, EPS)

    def forward(self, ids, cos, sin, mask, sel, target, weight):
        h = self.hidden(ids, cos, sin, mask).reshape(-1, WIDTH)[sel]
        ce = F.cross_entropy(h @ self.embed.weight.t(), target, reduction="none").float()
        return (ce * weight).sum() / weight.sum(), ce.detach()


def rope_table(n):
    inv = THETA ** (-torch.arange(0, HEAD_DIM, 2).float() / HEAD_DIM)
    a = torch.arange(n).float()[:, None] * inv
    a = torch.cat([a, a], -1)
    return a.cos(), a.sin()


def to_hf(model):
    out = {"model.embed_tokens.weight": model.embed.weight, "model.norm.weight": model.norm}
    for i, b in enumerate(model.blocks):
        p = f"model.layers.{i}."
        q, k, v = b.qkv.weight.split([HEADS * HEAD_DIM, KV_HEADS * HEAD_DIM, KV_HEADS * HEAD_DIM])
        gate, up = b.gate_up.weight.chunk(2)
        out |= {p + "self_attn.q_proj.weight": q, p + "self_attn.k_proj.weight": k, p + "self_attn.v_proj.weight": v,
                p + "self_attn.o_proj.weight": b.o.weight, p + "mlp.gate_proj.weight": gate, p + "mlp.up_proj.weight": up,
                p + "mlp.down_proj.weight": b.down.weight, p + "input_layernorm.weight": b.norm1,
                p + "post_attention_layernorm.weight": b.norm2}
    return {k: v.detach().half().contiguous() for k, v in out.items()}


def config(vocab):
    return {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": vocab, "hidden_size": WIDTH,
            "intermediate_size": INNER, "num_hidden_layers": LAYERS, "num_attention_heads": HEADS,
            "num_key_value_heads": KV_HEADS, "head_dim": HEAD_DIM, "hidden_act": "silu", "max_position_embeddings": 512,
            "rms_norm_eps": EPS, "rope_theta": THETA, "rope_scaling": None, "attention_bias": False, "mlp_bias": False,
            "attention_dropout": 0.0, "tie_word_embeddings": True, "bos_token_id": 0, "eos_token_id": 1,
            "initializer_range": 0.02, "use_cache": True, "torch_dtype": "float16"}
