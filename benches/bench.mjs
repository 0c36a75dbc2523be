// `make bench`: runs every measurement, prints one table and writes benches/RESULTS.md.
//
//   node benches/bench.mjs [--quick] [--only=TEXT]
//
// --quick takes fewer runs; --only runs the sections whose name holds the text. Either writes no file.
//
// What is compared runs in the same page of the same browser, in turns; see page.mjs. Native rows run one after another.
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { cpus, totalmem } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { gzipSync } from "node:zlib";

import { launch, repository, serve } from "../tests/web/browser.mjs";
import { graph } from "./graph.mjs";
import { tokenizer } from "./tokenizer.mjs";

const quick = process.argv.includes("--quick");
const only = process.argv.find((argument) => argument.startsWith("--only="))?.slice("--only=".length) ?? "";
const runs = quick ? 3 : 7;
const MODEL = join(repository, "target/bench/gpt2-small");
const rows = [];
const began = Date.now();

/** `target`: what the quotient of ours over theirs has to reach. */
function row(what, ours, against, theirs, unit, target) {
  const quotient = ours / theirs;
  const verdict = target === undefined ? "" : quotient >= target ? "reached" : "missed";
  const number = (value) => (value >= 100 ? value.toFixed(0) : value.toFixed(value >= 10 ? 1 : 2));
  rows.push([what, `${number(ours)} ${unit}`, against, `${number(theirs)} ${unit}`, quotient.toFixed(2), target ?? "", verdict]);
  console.log(rows.at(-1).join(" | "));
}

function absent(what, reason) {
  if (!what.includes(only)) return;
  rows.push([what, `not measured here: ${reason}`, "", "", "", "", ""]);
  console.log(`${what} | not measured here: ${reason}`);
}

// Isolated, so that threads can be measured; the rows on one thread stay on one.
const isolated = (_, response) => {
  response.setHeader("cross-origin-opener-policy", "same-origin");
  response.setHeader("cross-origin-embedder-policy", "require-corp");
};
const server = await serve({ "/": repository }, { answer: isolated });
const page_of = async (browser) => {
  const page = await browser.newPage();
  page.setDefaultTimeout(900_000);
  page.on("pageerror", (error) => console.error(`page error: ${error.message}`));
  await page.goto(`${server.url}/benches/page.html`);
  await page.waitForFunction(() => globalThis.bench !== undefined);
  return page;
};
/** A page of its own for each section: wasm memory is never given back. */
async function section(name, options, work) {
  if (!name.includes(only)) return;
  const start = Date.now();
  const browser = await launch(options);
  try {
    return await work(await page_of(browser), browser.version());
  } catch (error) {
    absent(name, String(error.message).split("\n")[0]);
  } finally {
    await browser.close();
    console.error(`  ${name}: ${((Date.now() - start) / 1000).toFixed(0)} s`);
  }
}

const variants = ["plain", "relaxed"].filter((variant) => existsSync(join(repository, `target/bench/${variant}/glitchscope.js`)));
let version = "";
for (const [m, n, k] of [[512, 512, 512], [256, 768, 768], [1024, 3072, 768], [1536, 1536, 1536]]) {
  const what = `GEMM f32 ${m}×${n}×${k}, wasm, 1 thread`;
  await section(what, { webgpu: false }, async (page, browser_version) => {
    version = browser_version;
    const got = await page.evaluate(([variants, ...shape]) => globalThis.bench.gemm(variants, ...shape), [variants, m, n, k, runs]);
    const ours = got["ours, relaxed"];
    row(what, ours, "relaxed multiply-add peak", got["peak, relaxed"], "GFLOP/s", 0.8);
    for (const peer of ["gemm", "matrixmultiply", "onnxruntime-web"]) row(what, ours, peer, got[peer], "GFLOP/s", 1.3);
    if (got["ours, plain"]) row(`${what}, plain simd128`, got["ours, plain"], "plain peak", got["peak, plain"], "GFLOP/s");
  });
}
const cores = cpus().length;
for (const [m, n, k] of cores > 1 ? [[512, 512, 512], [256, 768, 768], [1024, 3072, 768], [1536, 1536, 1536]] : []) {
  const what = `GEMM f32 ${m}×${n}×${k}, wasm, ${cores} threads`;
  await section(what, { webgpu: false }, async (page) => {
    const got = await page.evaluate((arguments_) => globalThis.bench.gemm_threads(...arguments_), [cores, m, n, k, runs]);
    row(what, got.shared, "one thread", got.single, "GFLOP/s", cores === 2 ? 1.8 : undefined);
    row(`peak loop, ${cores} threads that share nothing, beside ${m}×${n}×${k}`, got["peak, shared"], "one thread", got["peak, single"], "GFLOP/s");
  });
}
const SIZES = { f32: [4096, 4096], f16: [4096, 8192], bf16: [4096, 8192], int8: [4096, 16384], int4: [4096, 16384] };
for (const [layout, dtype] of Object.keys(SIZES).flatMap((dtype) => [["in_out", dtype], ["out_in", dtype]])) {
  const [n, k] = SIZES[dtype];
  const what = `GEMV ${dtype} ${layout} ${n}×${k}, wasm, 1 thread`;
  await section(what, { webgpu: false }, async (page) => {
    const got = await page.evaluate((shape) => globalThis.bench.gemv("relaxed", ...shape), [layout, dtype, n, k]);
    row(what, got.ours, "memory bandwidth in wasm", got.bandwidth, "GB/s", 0.7);
  });
}
for (const shape of [[128, 256, 256], [256, 768, 768]]) {
  const what = `GEMM f32 ${shape.join("×")}, WebGPU, software adapter`;
  await section(what, {}, async (page) => {
    const got = await page.evaluate((shape) => globalThis.bench.gemm_webgpu("relaxed", ...shape), shape);
    row(what, got.ours, "onnxruntime-web WebGPU", got["onnxruntime-web"], "GFLOP/s", 1);
  });
}
{
  const [rows, heads, tokens, size, prefix] = [8, 12, 19, 64, 9];
  const what = `attention ${rows}×${heads}×${tokens}×${size} behind ${prefix} shared tokens, WebGPU, software adapter`;
  await section(what, {}, async (page) => {
    const got = await page.evaluate((shape) => globalThis.bench.attention_webgpu("relaxed", ...shape), [rows, heads, tokens, size, prefix]);
    row(what, got.ours, "onnxruntime-web WebGPU", got["onnxruntime-web"], "GFLOP/s", 1);
  });
}
for (const threads of cores > 1 ? [1, 2] : [1]) {
  const how = `wasm, ${threads} thread${threads > 1 ? "s" : ""}`;
  await section(`GPT-2-small probes, ${how}`, { webgpu: false }, async (page) => {
    const got = await page.evaluate(([runs, threads]) => globalThis.bench.probes(threads, 8, runs), [runs, threads]);
    const what = (part) => `GPT-2-small probes, ${part}, ${how}`;
    row(what("first token"), got["ours, first"], "onnxruntime-web, no shared prefix", got["peer, first"], "probes/s", 2);
    row(what("first token"), got["ours, first"], "onnxruntime-web, prefix cached (kernels only)", got["peer, first, prefix cached"], "probes/s");
    row(what("whole oracle"), got["ours, whole"], "onnxruntime-web, no shared prefix, all 10 tokens", got["peer, whole"], "probes/s", 3);
    row(what("whole oracle"), got["ours, whole"], "onnxruntime-web, prefix cached, all 10 tokens", got["peer, whole, prefix cached"], "probes/s");
    row(what("whole oracle"), got["ours, whole"], "onnxruntime-web, prefix cached, early exit (kernels only)", got["peer, whole, early exit"], "probes/s");
  });
}
await section("GPT-2 small probes, WebGPU", {}, async (page) => {
  const got = await page.evaluate((runs) => globalThis.bench.probes_webgpu("relaxed", 2, runs), runs);
  const what = (part) => `GPT-2-small probes with 1 of 12 layers and 4,096 tokens, ${part}, WebGPU, software adapter`;
  row(what("first token"), got["ours, first"], "onnxruntime-web WebGPU, no shared prefix", got["peer, first"], "probes/s", 2);
  row(what("whole oracle"), got["ours, whole"], "onnxruntime-web WebGPU, no shared prefix, all 10 tokens", got["peer, whole"], "probes/s", 3);
});
// Minutes on a software adapter, and therefore only when it is asked for: `--only=lens`.
if (only === "lens") for (const [how, device, layers, options] of [["wasm, 1 thread", "cpu", 6, { webgpu: false }], ["WebGPU, software adapter", "gpu", 2, {}]]) {
  await section(`lens, ${how}`, options, async (page) => {
    const got = await page.evaluate((arguments_) => globalThis.bench.lens(...arguments_), [layers, device, 3]);
    row(`column sums of all maps, ${layers} layers of Qwen2 0.5B's shape, 1,024 tokens, ${how} (1.6 prefills over time)`, 1.6 * got.prefill, got.device, got.sums, "s", 1);
  });
}

const json = (command, args, options) => {
  const output = execFileSync(command, args, { cwd: repository, encoding: "utf8", stdio: ["ignore", "pipe", "inherit"], ...options });
  return JSON.parse(output.trim().split("\n").at(-1));
};
const card = "native wgpu on a real GPU: 4096³, fan-out scan";
if (card.includes(only)) try {
  const own = json("cargo", ["bench", "--quiet", "--features", "bench", "--bench", "gpu", "--", MODEL]);
  if (own.none) absent(card, own.none);
  else {
    const torch = json(process.env.PYTHON ?? "python3", ["benches/pytorch_cuda.py"]);
    for (const type of ["f32", "f16"]) {
      const what = `GEMM ${type} 4096×4096×4096, ${own.device}, tiles ${own.tile}`;
      if (own[type] && torch[type]) row(what, own[type], `PyTorch ${torch.version}, CUDA`, torch[type], "GFLOP/s", 0.5);
      else if (own[type]) row(what, own[type], "", own[type], "GFLOP/s");
    }
    row("scan of 50,257 tokens, GPT-2 small's shape (target over time)", 15, own.device, own.scan_seconds, "s", 1);
    row("column sums of all maps, Qwen2 0.5B's shape, 1,024 tokens (1.6 prefills over time)", 1.6 * own.prefill_seconds, own.device, own.lens_seconds, "s", 1);
  }
} catch (error) {
  absent(card, String(error.message).split("\n")[0]);
}
const native = "native against PyTorch";
if (native.includes(only)) try {
  const own = json("cargo", ["bench", "--quiet", "--features", "bench", "--bench", "native", "--", MODEL], { env: { ...process.env, RAYON_NUM_THREADS: "2" } });
  const torch = json(process.env.PYTHON ?? "python3", ["benches/pytorch.py", MODEL]);
  for (const shape of Object.keys(own).filter((name) => name.includes("x") && own[name] > 0)) {
    row(`GEMM f32 ${shape}, ${own.device}`, own[shape], `PyTorch ${torch.version}`, torch[shape], "GFLOP/s", 1);
  }
  const what = (part) => `GPT-2-small probes, ${part}, native, 2 threads, batch 64`;
  row(what("first token"), own.first, "PyTorch, no cache", torch.first_without_cache, "probes/s", 1);
  row(what("first token"), own.first, "PyTorch, its own prefix cache", torch.first_with_prefix_cache, "probes/s", 1);
  row(what("whole oracle"), own.whole, "PyTorch, prefix cached, all 10 tokens", torch.whole, "probes/s", 1);
  row(what("whole oracle"), own.whole, "PyTorch, prefix cached, early exit", torch.whole_early_exit, "probes/s", 1);
} catch (error) {
  absent(native, String(error.message).split("\n")[0]);
}

const scaling = await graph({ repository, section, row, absent, json, only });
await tokenizer({ section, row, absent, json, only });

if (existsSync(join(repository, "www/dist/index.html"))) {
  await section("time to a loaded specimen", { webgpu: false }, async () => {
    const dist = await serve({ "/": join(repository, "www/dist") });
    const times = [];
    for (let run = 0; run < runs; run++) {
      const browser = await launch({ webgpu: false });
      const page = await browser.newPage();
      const start = performance.now();
      await page.goto(dist.url);
      await page.locator("button:enabled", { hasText: "Find glitch tokens" }).first().waitFor();
      times.push((performance.now() - start) / 1000);
      await browser.close();
    }
    await dist.close();
    row("opening the page → loaded specimen (target over time)", 2, "", times.toSorted((a, b) => a - b)[runs >> 1], "s", 1);
  });
} else absent("time to a loaded specimen", "www/dist is not built");
for (const file of "wasm size".includes(only) && existsSync(join(repository, "pkg")) ? readdirSync(join(repository, "pkg")).filter((name) => name.endsWith(".wasm")) : []) {
  const bytes = gzipSync(readFileSync(join(repository, "pkg", file)), { level: 9 }).length;
  row(`${file}, gzipped (target over size)`, 1.2, "", bytes / 1e6, "MB", 1);
}
await server.close();
const minutes = ((Date.now() - began) / 60_000).toFixed(1);

const head = ["what", "ours", "against", "theirs", "quotient", "to reach", ""];
const table = [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
const ort = JSON.parse(readFileSync(join(repository, "benches/node_modules/onnxruntime-web/package.json"), "utf8")).version;
const notes = readFileSync(join(repository, "benches/NOTES.md"), "utf8");
const results = `# Measurements

Written by \`make bench\` in ${minutes} minutes, building left out. Medians of ${runs} runs; contestants in the browser take turns in one page.

Machine: ${cpus()[0].model}, ${cpus().length} cores, ${(totalmem() / 2 ** 30).toFixed(0)} GiB. Chromium ${version},
onnxruntime-web ${ort}, ${execFileSync("rustc", ["--version"], { encoding: "utf8" }).trim()}. Date: ${new Date().toISOString().slice(0, 10)}.
Commit: ${execFileSync("git", ["rev-parse", "--short", "HEAD"], { cwd: repository, encoding: "utf8" }).trim()}.

${table}
${scaling}
${notes}`;
if (!quick && !only) writeFileSync(join(repository, "benches/RESULTS.md"), results);
console.log(`\n${table}\n\n${minutes} minutes`);
