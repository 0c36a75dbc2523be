// Runs in the browser: the wasm package without the page, driven by core.test.mjs.
import init, { Cancel, Session, memory_bytes, relaxed_simd, threads_helped } from "/pkg/glitchscope.js";

// `?plain` takes the file for browsers without relaxed SIMD, `?threads=3` as many threads.
const asked = new URLSearchParams(location.search);
await init(asked.has("plain")
  ? { module_or_path: "/pkg/glitchscope_bg.wasm" }
  : asked.has("threads") ? { threads: Number(asked.get("threads")) } : undefined);

/** Files of a folder URL, by range requests. */
function urlSource(base) {
  return {
    name: base,
    async len(file) {
      const response = await fetch(`${base}/${file}`, { method: "HEAD" });
      return response.ok ? Number(response.headers.get("content-length")) : null;
    },
    async read(file, start, end) {
      const response = await fetch(`${base}/${file}`, { headers: { range: `bytes=${start}-${end - 1}` } });
      return new Uint8Array(await response.arrayBuffer());
    },
  };
}

/** A Llama of random bytes whose weights are made as they are read, so that only the core's memory is measured. */
function syntheticSource() {
  const [V, C, I, L] = [8192, 512, 1536, 8];
  const config = {
    model_type: "llama", vocab_size: V, hidden_size: C, intermediate_size: I, num_hidden_layers: L,
    num_attention_heads: 8, num_key_value_heads: 4, max_position_embeddings: 128, rms_norm_eps: 1e-5,
    hidden_act: "silu", tie_word_embeddings: true, rope_theta: 10000,
  };
  const shapes = [["model.embed_tokens.weight", [V, C]], ["model.norm.weight", [C]]];
  for (let i = 0; i < L; i++) {
    const layer = `model.layers.${i}`;
    shapes.push(
      [`${layer}.input_layernorm.weight`, [C]],
      [`${layer}.post_attention_layernorm.weight`, [C]],
      [`${layer}.self_attn.q_proj.weight`, [C, C]],
      [`${layer}.self_attn.k_proj.weight`, [C / 2, C]],
      [`${layer}.self_attn.v_proj.weight`, [C / 2, C]],
      [`${layer}.self_attn.o_proj.weight`, [C, C]],
      [`${layer}.mlp.gate_proj.weight`, [I, C]],
      [`${layer}.mlp.up_proj.weight`, [I, C]],
      [`${layer}.mlp.down_proj.weight`, [C, I]],
    );
  }
  let offset = 0;
  let largest = 0;
  const header = {};
  for (const [name, shape] of shapes) {
    const bytes = 2 * shape.reduce((a, b) => a * b, 1);
    header[name] = { dtype: "F16", shape, data_offsets: [offset, offset + bytes] };
    offset += bytes;
    largest = Math.max(largest, bytes);
  }
  const json = new TextEncoder().encode(JSON.stringify(header));
  const head = new Uint8Array(8 + json.length);
  new DataView(head.buffer).setBigUint64(0, BigInt(json.length), true);
  head.set(json, 8);
  const files = { "config.json": new TextEncoder().encode(JSON.stringify(config)) };
  const size = head.length + offset;
  return {
    stored: offset,
    largest,
    name: "synthetic",
    async len(file) {
      return file === "model.safetensors" ? size : (files[file]?.length ?? null);
    },
    async read(file, start, end) {
      if (file !== "model.safetensors") return files[file].slice(start, end);
      const bytes = new Uint8Array(end - start).fill(0x11);
      if (start < head.length) bytes.set(head.subarray(start, Math.min(end, head.length)));
      return bytes;
    },
  };
}

let session;
const silent = () => {};

globalThis.core = {
  relaxed_simd,
  threads_helped,
  async open(url, device) {
    session?.free();
    session = undefined;
    session = await Session.open(urlSource(url), device, silent, new Cancel());
    return session.info();
  },
  async logits(ids) {
    return Array.from(await session.logits(new Uint32Array(ids)));
  },
  async generate(ids, n) {
    return Array.from(await session.generate(new Uint32Array(ids), n, silent, new Cancel()));
  },
  async memory_of_synthetic_model() {
    session?.free();
    session = undefined;
    const source = syntheticSource();
    const before = memory_bytes();
    session = await Session.open(source, "cpu", silent, new Cancel());
    return { before, after: memory_bytes(), stored: source.stored, largest: source.largest };
  },
  /** Wasm memory after the glitch tokens in files of `sizes` megabytes were counted, one file after the other. */
  async memory_of_counting(url, name, sizes) {
    session?.free();
    session = await Session.open(urlSource(url), "cpu", silent, new Cancel());
    const report = await session.scan({}, undefined, silent, new Cancel());
    const counts = [];
    for (const size of sizes) {
      // Made as it is read, and never twice the same: what a tokenizer has met it remembers.
      let line = 0;
      const length = size * 1_000_000;
      const source = {
        name: "texts",
        len: async () => length,
        async read(_, start, end) {
          let text = "";
          while (text.length < end - start) {
            line += 1;
            const words = `row ${line} of ${(line * 7919) % 1_000_003} words, ${line.toString(36)}`;
            text += name.endsWith(".jsonl") ? `${JSON.stringify({ text: words })}\n` : `${words}\n`;
          }
          return new TextEncoder().encode(text.slice(0, end - start));
        },
      };
      const { files: [{ count }] } = JSON.parse(await session.prevalence(report, source, [name], {}, silent, new Cancel()));
      counts.push({ memory: memory_bytes(), tokens: count.tokens });
    }
    return counts;
  },
};
