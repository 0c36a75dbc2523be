"""A model of GPT-2 small's shape with random weights: a checkpoint for us, the same weights as ONNX for onnxruntime-web.

python benches/gpt2_small.py FOLDER

One ONNX graph serves the first pass and every further token: it takes ids (B,T) and keys and values of the tokens before
(12,2,B,12,P,64), P may be 0, and gives the last position's logits and the keys and values of all tokens. Matrix products
that are given as shapes (m,n,k) are written as ONNX models of one node each, attention as one of six. FOLDER/shallow has
the same with 1 layer and 4,096 tokens, for software adapters.
"""

import json
import sys
from pathlib import Path

import onnx
import torch
from onnx import TensorProto, helper
from safetensors.torch import save_file

LAYERS, HEADS, CHANNELS, VOCABULARY, CONTEXT = 12, 12, 768, 50257, 1024
SHALLOW_LAYERS, SHALLOW_VOCABULARY = 1, 4096
# Rows, heads, tokens, head size, tokens of the prefix.
ATTENTION = (8, 12, 19, 64, 9)
PRODUCTS = [(512, 512, 512), (256, 768, 768), (1024, 3072, 768), (1536, 1536, 1536), (128, 256, 256)]


def weights(layers, vocabulary):
    generator = torch.Generator().manual_seed(1)

    def normal(*shape):
        return torch.randn(*shape, generator=generator) * 0.02

    w = {"wte.weight": normal(vocabulary, CHANNELS), "wpe.weight": normal(CONTEXT, CHANNELS)}
    for i in range(layers):
        for name, rows, columns in [
            ("attn.c_attn", CHANNELS, 3 * CHANNELS),
            ("attn.c_proj", CHANNELS, CHANNELS),
            ("mlp.c_fc", CHANNELS, 4 * CHANNELS),
            ("mlp.c_proj", 4 * CHANNELS, CHANNELS),
        ]:
            w[f"h.{i}.{name}.weight"], w[f"h.{i}.{name}.bias"] = normal(rows, columns), normal(columns)
        for name in ["ln_1", "ln_2"]:
            w[f"h.{i}.{name}.weight"], w[f"h.{i}.{name}.bias"] = 1 + normal(CHANNELS), normal(CHANNELS)
    w["ln_f.weight"], w["ln_f.bias"] = 1 + normal(CHANNELS), normal(CHANNELS)
    return w


class Gpt2(torch.nn.Module):
    """The decoder of Radford et al. 2019 with a cache that grows."""

    def __init__(self, w, layers):
        super().__init__()
        self.layers = layers
        for name, value in w.items():
            self.register_buffer(name.replace(".", "_"), value)

    def w(self, name):
        return getattr(self, name.replace(".", "_"))

    def norm(self, x, name):
        return torch.nn.functional.layer_norm(x, (CHANNELS,), self.w(f"{name}.weight"), self.w(f"{name}.bias"), 1e-5)

    def project(self, x, name):
        return x @ self.w(f"{name}.weight") + self.w(f"{name}.bias")

    def forward(self, ids, past):
        rows, tokens = ids.shape
        before = past.shape[4]
        positions = torch.arange(tokens, device=ids.device) + before
        x = self.w("wte.weight")[ids] + self.w("wpe.weight")[positions]
        seen = torch.arange(before + tokens)[None, :] <= positions[:, None]
        mask = torch.where(seen, 0.0, -1e9)
        present = []
        for i in range(self.layers):
            qkv = self.project(self.norm(x, f"h.{i}.ln_1"), f"h.{i}.attn.c_attn")
            q, k, v = (
                part.reshape(rows, tokens, HEADS, CHANNELS // HEADS).transpose(1, 2) for part in qkv.split(CHANNELS, 2)
            )
            k, v = torch.cat([past[i, 0], k], 2), torch.cat([past[i, 1], v], 2)
            present.append(torch.stack([k, v]))
            scores = torch.softmax(q @ k.transpose(2, 3) / (CHANNELS // HEADS) ** 0.5 + mask, -1)
            x = x + self.project((scores @ v).transpose(1, 2).reshape(rows, tokens, CHANNELS), f"h.{i}.attn.c_proj")
            hidden = self.project(self.norm(x, f"h.{i}.ln_2"), f"h.{i}.mlp.c_fc")
            x = x + self.project(torch.nn.functional.gelu(hidden, approximate="tanh"), f"h.{i}.mlp.c_proj")
        return self.norm(x[:, -1], "ln_f") @ self.w("wte.weight").T, torch.stack(present)


def product(m, n, k, folder):
    a = helper.make_tensor_value_info("a", TensorProto.FLOAT, [m, k])
    c = helper.make_tensor_value_info("c", TensorProto.FLOAT, [m, n])
    weight = torch.randn(k, n, generator=torch.Generator().manual_seed(2))
    b = helper.make_tensor("b", TensorProto.FLOAT, [k, n], weight.numpy().tobytes(), raw=True)
    graph = helper.make_graph([helper.make_node("MatMul", ["a", "b"], ["c"])], "product", [a], [c], [b])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, folder / f"product-{m}x{n}x{k}.onnx")


def attention(folder):
    rows, heads, tokens, size, prefix = ATTENTION
    generator = torch.Generator().manual_seed(3)
    keys = prefix + tokens
    seen = torch.arange(keys)[None, :] <= torch.arange(tokens)[:, None] + prefix
    constants = {
        "k": torch.randn(rows, heads, size, keys, generator=generator),
        "v": torch.randn(rows, heads, keys, size, generator=generator),
        "mask": torch.where(seen, 0.0, -1e9),
        "scale": torch.tensor(size**-0.5),
    }
    nodes = [
        helper.make_node("MatMul", ["q", "k"], ["products"]),
        helper.make_node("Mul", ["products", "scale"], ["scaled"]),
        helper.make_node("Add", ["scaled", "mask"], ["scores"]),
        helper.make_node("Softmax", ["scores"], ["shares"], axis=-1),
        helper.make_node("MatMul", ["shares", "v"], ["o"]),
    ]
    value = lambda name: helper.make_tensor_value_info(name, TensorProto.FLOAT, [rows, heads, tokens, size])
    tensors = [
        helper.make_tensor(name, TensorProto.FLOAT, list(t.shape), t.contiguous().numpy().tobytes(), raw=True)
        for name, t in constants.items()
    ]
    graph = helper.make_graph(nodes, "attention", [value("q")], [value("o")], tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, folder / "attention.onnx")


def main(folder):
    folder.mkdir(parents=True, exist_ok=True)
    for shape in PRODUCTS:
        product(*shape, folder)
    attention(folder)
    model(folder / "shallow", SHALLOW_LAYERS, SHALLOW_VOCABULARY)
    model(folder, LAYERS, VOCABULARY)
    (folder / ".built").touch()


def model(folder, layers, vocabulary):
    folder.mkdir(parents=True, exist_ok=True)
    w = weights(layers, vocabulary)
    save_file(w, folder / "model.safetensors")
    config = {
        "model_type": "gpt2", "vocab_size": vocabulary, "n_positions": CONTEXT, "n_embd": CHANNELS, "n_layer": layers,
        "n_head": HEADS, "activation_function": "gelu_new", "layer_norm_epsilon": 1e-5, "tie_word_embeddings": True,
    }
    (folder / "config.json").write_text(json.dumps(config))
    ids = torch.zeros(2, 5, dtype=torch.int64)
    past = torch.zeros(layers, 2, 2, HEADS, 3, CHANNELS // HEADS)
    torch.onnx.export(
        Gpt2(w, layers).eval(), (ids, past), folder / "model.onnx", input_names=["ids", "past"],
        output_names=["logits", "present"], opset_version=17, dynamo=False,
        dynamic_axes={"ids": {0: "B", 1: "T"}, "past": {2: "B", 4: "P"}, "logits": {0: "B"}, "present": {2: "B", 4: "S"}},
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
