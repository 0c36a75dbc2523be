// Runs in the browser, driven by bench.mjs: every function measures us and the peers in turn, in this one page.
//
// All numbers are medians. Contestants alternate, run by run, so that whatever else the machine does meets all of them.
const FILES = "/target/bench/";
const MODEL = `${FILES}gpt2-small`;

const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];

/** Milliseconds of one call, calling often enough that the clock's grain does not show. */
async function once(work, times) {
  const start = performance.now();
  for (let i = 0; i < times; i++) await work();
  return (performance.now() - start) / times;
}

/** V8 compiles a module's functions a second time, on another core, once they were called often enough. */
const WARM_MS = 700;

/** `runs` rounds over all contestants; the median milliseconds of each. A contestant is `{ name: () => work }`; the
 *  milliseconds in an object that work gives are parts of its own time and stand under their names beside it. */
async function alternate(contestants, runs = 7, window_ms = 60) {
  const times = {};
  const results = {};
  for (const [name, work] of Object.entries(contestants)) {
    const start = performance.now();
    do await work(); while (window_ms > 0 && performance.now() - start < WARM_MS);
    // Work of seconds is done once a turn, whatever the second call would say.
    const estimate = window_ms === 0 ? Infinity : await once(work, 1);
    times[name] = Math.max(1, Math.ceil(window_ms / Math.max(estimate, 0.001)));
    results[name] = [];
  }
  for (let run = 0; run < runs; run++) {
    for (const [name, work] of Object.entries(contestants)) {
      let given;
      results[name].push(await once(async () => { given = await work(); }, times[name]));
      for (const [part, ms] of Object.entries(given ?? {})) if (typeof ms === "number") (results[part] ??= []).push(ms);
    }
  }
  return Object.fromEntries(Object.entries(results).map(([name, values]) => [name, median(values)]));
}

async function peers(variant) {
  return (await WebAssembly.instantiateStreaming(fetch(`${FILES}peers-${variant}.wasm`))).instance.exports;
}

const products = {};
async function ours(variant) {
  if (!products[variant]) {
    products[variant] = await import(`${FILES}${variant}/glitchscope.js`);
    await products[variant].default();
  }
  return products[variant];
}

/** The product with as many threads, this one among them; the page has to be isolated. */
async function shared(threads) {
  if (!products[threads]) {
    const { startThreads } = await import(`${FILES}threads/start_threads.js`);
    products[threads] = (await startThreads(threads)).glue;
  }
  return products[threads];
}

function floats(exports, count) {
  const start = exports.room(4 * count);
  const view = new Float32Array(exports.memory.buffer, start, count);
  for (let i = 0; i < count; i++) view[i] = Math.random() - 0.5;
  return start;
}

async function runtime(provider, threads = 1) {
  const ort = await import(provider === "webgpu"
    ? "/benches/node_modules/onnxruntime-web/dist/ort.webgpu.bundle.min.mjs"
    : "/benches/node_modules/onnxruntime-web/dist/ort.wasm.bundle.min.mjs");
  ort.env.wasm.numThreads = threads;
  ort.env.wasm.wasmPaths = "/benches/node_modules/onnxruntime-web/dist/";
  ort.env.logLevel = "error";
  return ort;
}

/** GFLOP/s of a wasm matrix product, one thread, among the peers and the machine's own limit. */
async function gemm(variants, m, n, k, runs) {
  const flops = 2 * m * n * k;
  const turns = 400_000;
  const contestants = {};
  const of = { "peak, relaxed": turns * 96, "peak, plain": turns * 96 };
  const [plain, relaxed] = [await peers("plain"), await peers("relaxed")];
  contestants["peak, relaxed"] = () => relaxed.peak(turns);
  contestants["peak, plain"] = () => plain.peak(turns);
  for (const variant of variants) {
    const product = await (await ours(variant)).Product.create(m, n, k, "in_out", "f32", "cpu");
    contestants[`ours, ${variant}`] = () => product.run(1);
  }
  const [a, b, c] = [floats(plain, m * k), floats(plain, k * n), floats(plain, m * n)];
  contestants.matrixmultiply = () => plain.product_matrixmultiply(m, n, k, a, b, c);
  contestants.gemm = () => plain.product_gemm(m, n, k, a, b, c);
  const ort = await runtime("wasm");
  const session = await ort.InferenceSession.create(`${MODEL}/product-${m}x${n}x${k}.onnx`, { executionProviders: ["wasm"] });
  const input = { a: new ort.Tensor("float32", new Float32Array(m * k).map(Math.random), [m, k]) };
  contestants["onnxruntime-web"] = () => session.run(input);
  const times = await alternate(contestants, runs);
  await session.release();
  return Object.fromEntries(Object.entries(times).map(([name, ms]) => [name, (of[name] ?? flops) / ms / 1e6]));
}

/** Turns of the peak loop, some tens of milliseconds: calling a worker takes some hundredths of one. */
const LONG_PEAK = 10_000_000;

/** The peak loop in a worker of its own, with a memory of its own. */
async function peak_worker() {
  const text = `let exports;
    onmessage = async ({ data }) => {
      if (typeof data === "string") exports = (await WebAssembly.instantiateStreaming(fetch(data))).instance.exports;
      else exports.peak(data);
      postMessage(null);
    };`;
  const worker = new Worker(URL.createObjectURL(new Blob([text], { type: "text/javascript" })));
  const ask = (what) => new Promise((resolve, reject) => {
    [worker.onmessage, worker.onerror] = [resolve, reject];
    worker.postMessage(what);
  });
  await ask(new URL(`${FILES}peers-relaxed.wasm`, location.href).href);
  return ask;
}

/** GFLOP/s of a wasm matrix product on one thread and on several, and of the peak loop on this thread alone and on as many
 *  at once, which share nothing: what the machine's cores give together. */
async function gemm_threads(threads, m, n, k, runs) {
  const of = async (glue) => (await glue).Product.create(m, n, k, "in_out", "f32", "cpu");
  const [single, several] = [await of(ours("relaxed")), await of(shared(threads))];
  const here = await peers("relaxed");
  const others = await Promise.all(Array.from({ length: threads - 1 }, peak_worker));
  const together = async () => {
    const asked = others.map((ask) => ask(LONG_PEAK));
    here.peak(LONG_PEAK);
    await Promise.all(asked);
  };
  const flops = { single: 2 * m * n * k, shared: 2 * m * n * k, "peak, single": 96 * LONG_PEAK, "peak, shared": threads * 96 * LONG_PEAK };
  const contestants = {
    single: () => single.run(1), shared: () => several.run(1), "peak, single": () => here.peak(LONG_PEAK), "peak, shared": together,
  };
  const times = await alternate(contestants, runs);
  return Object.fromEntries(Object.entries(times).map(([name, ms]) => [name, flops[name] / ms / 1e6]));
}

/** GB/s of weights read by a product with one row, against the fastest read there is. */
async function gemv(variant, layout, dtype, n, k) {
  const bytes = n * k * { f32: 4, f16: 2, bf16: 2, int8: 34 / 32, int4: 18 / 32 }[dtype];
  const peer = await peers("relaxed");
  const from = peer.room(bytes);
  new Uint32Array(peer.memory.buffer, from, bytes / 4).fill(7);
  const product = await (await ours(variant)).Product.create(1, n, k, layout, dtype, "cpu");
  const times = await alternate({ ours: () => product.run(1), bandwidth: () => peer.bandwidth(from, bytes) });
  product.free();
  return Object.fromEntries(Object.entries(times).map(([name, ms]) => [name, bytes / ms / 1e6]));
}

/** GFLOP/s of a product on WebGPU, the results read back. */
async function gemm_webgpu(variant, m, n, k) {
  const product = await (await ours(variant)).Product.create(m, n, k, "in_out", "f32", "gpu");
  const ort = await runtime("webgpu");
  const session = await ort.InferenceSession.create(`${MODEL}/product-${m}x${n}x${k}.onnx`, { executionProviders: ["webgpu"] });
  const input = { a: new ort.Tensor("float32", new Float32Array(m * k).map(Math.random), [m, k]) };
  const times = await alternate({ ours: () => product.run(1), "onnxruntime-web": () => session.run(input) });
  await session.release();
  return Object.fromEntries(Object.entries(times).map(([name, ms]) => [name, (2 * m * n * k) / ms / 1e6]));
}

/** GFLOP/s of attention on WebGPU behind a shared prefix, the results read back. */
async function attention_webgpu(variant, rows, heads, tokens, size, prefix) {
  const own = await (await ours(variant)).AttentionRows.create(rows, heads, tokens, size, prefix, "gpu");
  const ort = await runtime("webgpu");
  const session = await ort.InferenceSession.create(`${MODEL}/attention.onnx`, { executionProviders: ["webgpu"] });
  const shape = [rows, heads, tokens, size];
  const input = { q: new ort.Tensor("float32", new Float32Array(rows * heads * tokens * size).map(Math.random), shape) };
  const times = await alternate({ ours: () => own.run(1), "onnxruntime-web": () => session.run(input) });
  await session.release();
  const flops = 4 * rows * heads * tokens * (prefix + tokens) * size;
  return Object.fromEntries(Object.entries(times).map(([name, ms]) => [name, flops / ms / 1e6]));
}

/** Files of a folder URL, by range requests. */
function source(base) {
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

const [HEADS, HEAD_SIZE] = [12, 64];
const WHOLE = { folder: MODEL, layers: 12, vocabulary: 50257 };
const SHALLOW = { folder: `${MODEL}/shallow`, layers: 1, vocabulary: 4096 };
const [PREFIX, ROW, NEW, UNDECIDED] = [9, 19, 10, 10]; // as in src/bench.rs

/** The same probes with onnxruntime-web: prefix and row in one pass, or the prefix's keys and values repeated. */
class OrtProbes {
  static async open(batch, model = WHOLE, provider = "wasm", threads = 1) {
    const self = new OrtProbes();
    self.model = model;
    self.ort = await runtime(provider, threads);
    self.session = await self.ort.InferenceSession.create(`${model.folder}/model.onnx`, {
      executionProviders: [provider], graphOptimizationLevel: "all",
    });
    self.batch = batch;
    self.suffix = Array.from({ length: ROW - 1 }, () => self.token());
    self.prefix = Array.from({ length: PREFIX }, () => self.token());
    const { present } = await self.pass([self.prefix], self.past(new Float32Array(0), 1, 0));
    self.prefix_cache = self.rows_of(present, Array(batch).fill(0));
    return self;
  }

  token() {
    return Math.floor(Math.random() * this.model.vocabulary);
  }

  past(values, rows, tokens) {
    return new this.ort.Tensor("float32", values, [this.model.layers, 2, rows, HEADS, tokens, HEAD_SIZE]);
  }

  pass(rows, past) {
    const ids = BigInt64Array.from(rows.flat(), BigInt);
    return this.session.run({ ids: new this.ort.Tensor("int64", ids, [rows.length, rows[0].length]), past });
  }

  /** Keys and values of some rows. */
  rows_of(present, rows) {
    const [, , width, , tokens] = present.dims;
    const size = HEADS * tokens * HEAD_SIZE;
    const { layers } = this.model;
    const values = new Float32Array(layers * 2 * rows.length * size);
    for (let part = 0; part < layers * 2; part++) {
      rows.forEach((row, i) => {
        const from = (part * width + row) * size;
        values.set(present.data.subarray(from, from + size), (part * rows.length + i) * size);
      });
    }
    return this.past(values, rows.length, tokens);
  }

  /** The whole oracle; what its first pass took goes by the name `first`. */
  async run({ cached, early_exit, first }) {
    const start = performance.now();
    const rows = Array.from({ length: this.batch }, () => [this.token(), ...this.suffix]);
    let result = cached
      ? await this.pass(rows, this.prefix_cache)
      : await this.pass(rows.map((row) => [...this.prefix, ...row]), this.past(new Float32Array(0), this.batch, 0));
    const first_ms = performance.now() - start;
    for (let step = 0; step < NEW - 1; step++) {
      let { logits, present } = result;
      let open = Array.from({ length: present.dims[2] }, (_, i) => i);
      if (early_exit && step === 1) {
        open = open.filter((row) => row % UNDECIDED === 0);
        present = this.rows_of(present, open);
      }
      const next = open.map((row) => {
        const { vocabulary } = this.model;
        const values = logits.data.subarray(row * vocabulary, (row + 1) * vocabulary);
        let best = 0;
        for (let i = 1; i < vocabulary; i++) if (values[i] > values[best]) best = i;
        return [best];
      });
      result = await this.pass(next, present);
    }
    return first ? { [first]: first_ms } : {};
  }
}

/** Ours, whole and first, in the same way. */
async function run_ours(probes) {
  const start = performance.now();
  await probes.first();
  const first_ms = performance.now() - start;
  await probes.rest();
  return { "ours, first": first_ms };
}

/** Probes per second on so many wasm threads, with relaxed SIMD. */
async function probes(threads, ort_batch, runs) {
  const own = await (await (threads > 1 ? shared(threads) : ours("relaxed"))).ModelProbes.open(source(MODEL), "cpu", 0);
  const peer = await OrtProbes.open(ort_batch, WHOLE, "wasm", threads);
  const contestants = {
    "ours, whole": () => run_ours(own),
    "peer, whole": () => peer.run({ cached: false, first: "peer, first" }),
    "peer, whole, prefix cached": () => peer.run({ cached: true, first: "peer, first, prefix cached" }),
    "peer, whole, early exit": () => peer.run({ cached: true, early_exit: true }),
  };
  const times = await alternate(contestants, runs, 0);
  const batch = (name) => (name.startsWith("ours") ? own.batch() : ort_batch);
  const rates = Object.fromEntries(Object.entries(times).map(([name, ms]) => [name, (1000 * batch(name)) / ms]));
  return { ...rates, batch: own.batch(), device: own.device() };
}

/** The same on WebGPU, with the shallow model and equal batches. */
async function probes_webgpu(variant, batch, runs) {
  const own = await (await ours(variant)).ModelProbes.open(source(SHALLOW.folder), "gpu", batch);
  const peer = await OrtProbes.open(batch, SHALLOW, "webgpu");
  const contestants = {
    "ours, whole": () => run_ours(own),
    "peer, whole": () => peer.run({ cached: false, first: "peer, first" }),
  };
  const times = await alternate(contestants, runs, 0);
  return Object.fromEntries(Object.entries(times).map(([name, ms]) => [name, (1000 * batch) / ms]));
}

/** Seconds of a prefill and of the concept lens's pass over the same tokens. */
async function lens(layers, device, runs) {
  const passes = await (await ours("relaxed")).ModelPasses.create(layers, device);
  const times = await alternate({ prefill: () => passes.prefill(), sums: () => passes.sums() }, runs, 0);
  return { prefill: times.prefill / 1000, sums: times.sums / 1000, device: passes.device() };
}

globalThis.bench = { lens, gemm, gemm_threads, gemv, gemm_webgpu, attention_webgpu, probes, probes_webgpu };
