// Oracle: the promise that weights go from the file to the device in parts, and the CPU's verdicts for a scan whose GPU is
// taken away in the middle. The page as it ships, in Chromium with its software WebGPU.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import process from "node:process";
import { launch, repository, serve } from "./browser.mjs";
import { openPage } from "./support.mjs";

const SPECIMEN = join(repository, "www/public/specimen");
const GROWTH_MAX = 64 * 2 ** 20;

/** Put in front of the worker's script: what the tests have to get hold of inside it. */
const HOOKS = `
  for (const name of ["instantiate", "instantiateStreaming"]) {
    const original = WebAssembly[name];
    WebAssembly[name] = async (...given) => {
      const result = await original.apply(WebAssembly, given);
      globalThis.wasmMemory = (result.instance ?? result).exports.memory ?? given[1]?.wbg?.memory;
      return result;
    };
  }
  const requestDevice = globalThis.GPUAdapter?.prototype.requestDevice;
  if (requestDevice) GPUAdapter.prototype.requestDevice = async function (...given) {
    globalThis.devices = [...(globalThis.devices ?? []), await requestDevice.apply(this, given)];
    return globalThis.devices.at(-1);
  };
`;

let browser, server, large;
before(async () => {
  browser = await launch();
  large = largeFolder();
  server = await serve({ "/": join(repository, "www/dist") }, { answer: large.answer });
});
after(async () => {
  await browser?.close();
  await server?.close();
});

async function openHooked(url, options) {
  const opened = await openPage(browser, "about:blank", options);
  await opened.context.route(/\/assets\/worker-[^/]*\.js$/, async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, body: HOOKS + (await response.text()) });
  });
  await opened.page.goto(url);
  await opened.page.waitForFunction(() => document.querySelector("gs-app")?.shadowRoot.querySelector("gs-glitch-lab")?.session.job === null
    && document.querySelector("gs-app").shadowRoot.querySelector("gs-glitch-lab").session.model, null, { timeout: 240_000 });
  return { ...opened, worker: opened.page.workers().find((worker) => /worker-/.test(worker.url())) };
}

/** A Llama of 16 layers, width 1,024, in f16: half a gigabyte that is made while it is asked for. */
function largeModel() {
  const [layers, width, inner, vocabulary] = [16, 1024, 4096, 3072];
  const shapes = { "model.embed_tokens.weight": [vocabulary, width], "model.norm.weight": [width] };
  for (let layer = 0; layer < layers; layer++) {
    const name = (rest) => `model.layers.${layer}.${rest}.weight`;
    for (const norm of ["input_layernorm", "post_attention_layernorm"]) shapes[name(norm)] = [width];
    for (const head of ["q", "k", "v", "o"]) shapes[name(`self_attn.${head}_proj`)] = [width, width];
    for (const part of ["gate", "up"]) shapes[name(`mlp.${part}_proj`)] = [inner, width];
    shapes[name("mlp.down_proj")] = [width, inner];
  }
  const header = {};
  let end = 0;
  for (const [name, shape] of Object.entries(shapes)) {
    const bytes = 2 * shape.reduce((a, b) => a * b);
    header[name] = { dtype: "F16", shape, data_offsets: [end, end + bytes] };
    end += bytes;
  }
  const text = Buffer.from(JSON.stringify(header));
  const head = Buffer.alloc(8 + text.length);
  head.writeBigUInt64LE(BigInt(text.length), 0);
  text.copy(head, 8);
  const config = {
    architectures: ["LlamaForCausalLM"], model_type: "llama", hidden_size: width, intermediate_size: inner, num_hidden_layers: layers,
    num_attention_heads: 16, num_key_value_heads: 16, vocab_size: vocabulary, max_position_embeddings: 512, rms_norm_eps: 1e-5,
    rope_theta: 10000, hidden_act: "silu", tie_word_embeddings: true, bos_token_id: 0, eos_token_id: 1,
  };
  return { head, size: head.length + end, config: JSON.stringify(config) };
}

/** Answers requests for the large model under `/large/`. Its weights are 0.001 everywhere. */
function largeFolder() {
  const { head, size, config } = largeModel();
  const filler = Buffer.alloc(1 << 20);
  for (let i = 0; i < filler.length; i += 2) filler.writeUInt16LE(0x1419, i);
  const small = { "config.json": Buffer.from(config), "tokenizer.json": readFileSync(join(SPECIMEN, "tokenizer.json")) };
  const answer = (request, response) => {
    if (!request.url.startsWith("/large/")) return false;
    const file = request.url.split("/").at(-1);
    if (small[file]) response.writeHead(200).end(small[file]);
    else if (file !== "model.safetensors") response.writeHead(404).end();
    else {
      const [start, last] = /(\d+)-(\d+)/.exec(request.headers.range).slice(1).map(Number);
      const end = Math.min(last + 1, size);
      response.writeHead(206, { "content-range": `bytes ${start}-${end - 1}/${size}`, "content-length": end - start });
      let position = start;
      if (position < head.length) {
        const part = head.subarray(position, Math.min(end, head.length));
        response.write(part);
        position += part.length;
      }
      while (position < end) {
        // An even offset into the filler, so that halves stay whole.
        const odd = (position - head.length) % 2;
        const part = filler.subarray(odd, Math.min(filler.length, odd + end - position));
        response.write(part);
        position += part.length;
      }
      response.end();
    }
    return true;
  };
  return { answer, size };
}

const memory = (worker) => worker.evaluate(() => globalThis.wasmMemory.buffer.byteLength);

test("half a gigabyte of weights goes to the GPU without passing through wasm memory whole", { timeout: 300_000 }, async () => {
  const { page, context, worker, errors } = await openHooked(`${server.url}/#device=gpu`, { allow: [/404/] });
  const before = await memory(worker);
  const start = Date.now();
  await page.evaluate((url) => { location.hash = `device=gpu&model=${encodeURIComponent(url)}`; }, `${server.url}/large/`);
  await page.waitForFunction(() => {
    const { session } = document.querySelector("gs-app").shadowRoot.querySelector("gs-glitch-lab");
    return session.trouble || (session.job === null && session.model?.info.model.name === "large");
  }, null, { timeout: 240_000 });
  const trouble = await page.evaluate(() => document.querySelector("gs-app").shadowRoot.querySelector("gs-glitch-lab").session.trouble?.message);
  assert.equal(trouble, undefined);
  const device = await page.evaluate(() => document.querySelector("gs-app").shadowRoot.querySelector("gs-glitch-lab").session.model.info.device.kind);
  assert.equal(device, "gpu");
  const growth = (await memory(worker)) - before;
  process.stderr.write(`${(large.size / 2 ** 20).toFixed(0)} MiB of weights in ${((Date.now() - start) / 1000).toFixed(1)} s: wasm memory grew by ${(growth / 2 ** 20).toFixed(1)} MiB\n`);
  assert.ok(large.size > 500e6);
  assert.ok(growth < GROWTH_MAX, `${growth} bytes`);
  await context.close();
  assert.deepEqual(errors, []);
});

test("a GPU that is taken away in the middle of a scan is opened again, and the scan ends as on the CPU", { timeout: 900_000 }, async () => {
  const scan = async (fragment, meanwhile) => {
    const { page, context, worker, errors } = await openHooked(`${server.url}/${fragment}`, { allow: [/device was lost|Device.*destroyed/i] });
    await page.getByRole("button", { name: "Find glitch tokens" }).click();
    await meanwhile(page, worker);
    await page.locator(".sentence").waitFor({ timeout: 800_000 });
    const report = JSON.parse(await page.evaluate(async () => {
      const { session } = document.querySelector("gs-app").shadowRoot.querySelector("gs-glitch-lab");
      return (await session.exportJson()).text();
    }));
    await context.close();
    assert.deepEqual(errors, []);
    return report;
  };
  const verdicts = ({ probes }) => new Map(probes.map(({ id, passed }) => [id, passed]));
  const expected = verdicts(await scan("#device=cpu&method=exhaustive", async () => {}));
  const report = await scan("#device=gpu&resolution=0.5", async (page, worker) => {
    await page.waitForFunction(() => {
      const { session } = document.querySelector("gs-app").shadowRoot.querySelector("gs-glitch-lab");
      return session.rows.counts()[2] + session.rows.counts()[1] > 20;
    }, null, { timeout: 400_000 });
    await worker.evaluate(() => globalThis.devices.at(-1).destroy());
  });
  assert.equal(report.status, "complete", report.notes.join("\n"));
  assert.ok(report.notes.some((note) => /was lost.*opened again/s.test(note)), report.notes.join("\n"));
  assert.equal(report.provenance.device.kind, "gpu");
  for (const { id, passed } of report.probes) assert.equal(passed, expected.get(id), `token ${id}`);
});
