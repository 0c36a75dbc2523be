// Oracle: PyTorch / transformers (tests/golden/models), and the float64 logits of two trained models where
// GLITCHSCOPE_MODELS names them. The core runs as wasm inside Chromium, on the CPU and on WebGPU (software adapter).
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import process from "node:process";

import { launch, repository, serve } from "./browser.mjs";

const GOLDEN = join(repository, "tests/golden/models");
const MODELS = process.env.GLITCHSCOPE_MODELS;
const LOGITS_TOLERANCE = 1e-4; // of the largest logit; see tests/common/compare.rs

/** Written as "not within", so that NaN fails. Returns where the two disagree, or null. */
function disagreement(got, expected) {
  if (got.length !== expected.length || expected.length === 0) return `${got.length} numbers against ${expected.length}`;
  const allowed = LOGITS_TOLERANCE * Math.max(...expected.map(Math.abs));
  for (let i = 0; i < expected.length; i++) {
    if (!(Math.abs(got[i] - expected[i]) <= allowed)) return `element ${i} is ${got[i]}, expected ${expected[i]} within ${allowed}`;
  }
  return null;
}

test("the comparer rejects what it must", () => {
  const expected = [1, -2, 3, 0.5];
  assert.equal(disagreement(expected, expected), null);
  assert.notEqual(disagreement([1, -2, 3, 0.5004], expected), null);
  assert.notEqual(disagreement([1, NaN, 3, 0.5], expected), null);
  assert.notEqual(disagreement([-2, 1, 3, 0.5], expected), null);
  assert.notEqual(disagreement([1, -2, 3], expected), null);
});

test("the package has SIMD instructions, and relaxed ones in one file of the two", () => {
  // f32x4.mul is FD E6 01, f32x4.relaxed_madd FD 85 02. By chance three bytes come up once in sixteen million.
  const count = (file, opcode) => {
    const bytes = readFileSync(join(repository, file));
    let found = 0;
    for (let i = bytes.indexOf(opcode, 0, "hex"); i >= 0; i = bytes.indexOf(opcode, i + 1, "hex")) found += 1;
    return found;
  };
  const [MUL, MADD] = ["fde601", "fd8502"];
  const [plain, relaxed] = ["pkg/glitchscope_bg.wasm", "pkg/glitchscope_relaxed_bg.wasm"];
  const found = count(plain, MUL);
  assert.ok(found > 50, `${found} f32x4.mul: -C target-feature=+simd128 is missing in .cargo/config.toml`);
  assert.ok(count(relaxed, MADD) > 50, "the kernels of the relaxed file are made of multiply-adds");
  assert.ok(count(plain, MADD) < 10, "the plain file is valid without relaxed SIMD");
  assert.ok(count("www/public/specimen/model.safetensors", MUL) < 50, "the count tells code from data");
});

describe("the core in Chromium", () => {
  let server, browser, page;
  before(async () => {
    server = await serve({ "/": repository, ...(MODELS ? { "/models/": join(MODELS, "models") } : {}) });
    browser = await launch();
    page = await browser.newPage();
    page.on("pageerror", (error) => assert.fail(`page error: ${error.message}`));
    await page.goto(`${server.url}/tests/web/core.html`);
    await page.waitForFunction(() => globalThis.core !== undefined);
  });
  after(async () => {
    await browser?.close();
    await server?.close();
  });

  test("the entry takes the file that this browser can run, and the device says which", async () => {
    const relaxed = await page.evaluate(() => globalThis.core.relaxed_simd());
    assert.equal(relaxed, true, "Chromium has had relaxed SIMD since version 114");
    assert.equal((await open("/tests/golden/models/gpt2-tanh-tied", "cpu")).name, "wasm relaxed-simd");
    assert.ok(server.requests.some(({ path }) => path.endsWith("_relaxed_bg.wasm")));
    // The other file is as good: the same model, within the tolerance, in a page that takes it.
    const other = await browser.newPage();
    await other.goto(`${server.url}/tests/web/core.html?plain`);
    await other.waitForFunction(() => globalThis.core !== undefined);
    const { cases } = JSON.parse(readFileSync(join(GOLDEN, "gpt2-tanh-tied", "expected.json"), "utf8"));
    const { name } = await other.evaluate(async () => (await globalThis.core.open("/tests/golden/models/gpt2-tanh-tied", "cpu")).device);
    assert.equal(name, "wasm simd128");
    const flat = cases[0].logits.flat();
    const got = await other.evaluate((ids) => globalThis.core.logits(ids), cases[0].ids);
    assert.equal(disagreement(got.slice(-flat.length), flat), null);
    await other.close();
  });

  const open = (url, device) =>
    page.evaluate(async ([url, device]) => (await globalThis.core.open(url, device)).device, [url, device]);
  const logits = (ids) => page.evaluate((ids) => globalThis.core.logits(ids), ids);
  const generate = (ids, n) => page.evaluate(([ids, n]) => globalThis.core.generate(ids, n), [ids, n]);

  for (const device of ["cpu", "gpu"]) {
    for (const name of readdirSync(GOLDEN).sort()) {
      test(`${name} on the ${device}`, async () => {
        const expected = JSON.parse(readFileSync(join(GOLDEN, name, "expected.json"), "utf8"));
        const info = await open(`/tests/golden/models/${name}`, device);
        assert.equal(info.kind, device, "the device that ran is the device that was asked for");
        for (const { ids, logits: rows } of expected.cases) {
          const flat = rows.flat();
          const got = (await logits(ids)).slice(-flat.length);
          assert.equal(disagreement(got, flat), null);
        }
      });
    }

    test(`the specimen on the ${device}`, async () => {
      const expected = JSON.parse(readFileSync(join(repository, "tests/golden/specimen_logits.json"), "utf8"));
      const info = await open("/www/public/specimen", device);
      assert.equal(info.kind, device);
      assert.ok(expected.cases.length > 0);
      for (const { ids, logits: last } of expected.cases) {
        assert.equal(disagreement((await logits(ids)).slice(-last.length), last), null);
      }
    });

    for (const name of ["stories260K", "capp-gpt"]) {
      test(`${name} on the ${device}`, async (t) => {
        if (!MODELS) {
          process.stderr.write(`SKIPPED: ${name} on the ${device} in Chromium: GLITCHSCOPE_MODELS is not set\n`);
          return t.skip("GLITCHSCOPE_MODELS is not set");
        }
        const expected = JSON.parse(readFileSync(join(MODELS, "models", name, "expected.json"), "utf8"));
        await open(`/models/${name}`, device);
        for (const { prompt_ids, last_logits, greedy_ids } of expected.cases ?? [expected]) {
          const got = (await logits(prompt_ids)).slice(-last_logits.length);
          assert.equal(disagreement(got, last_logits), null);
          const wanted = greedy_ids.slice(prompt_ids.length);
          const new_ids = await generate(prompt_ids, wanted.length);
          // The browser's generate stops behind an end token, which is kept.
          assert.deepEqual(new_ids, wanted.slice(0, new_ids.length));
          assert.ok(new_ids.length === wanted.length || new_ids.length > 0);
        }
      });
    }
  }

  test("loading keeps wasm memory under the stored weights and 1.5 times the largest tensor", async () => {
    const { before, after, stored, largest } = await page.evaluate(() => globalThis.core.memory_of_synthetic_model());
    const growth = after - before;
    assert.ok(stored > 40e6, "the model must be large against the allocator's own granularity");
    assert.ok(growth <= stored + 1.5 * largest, `${growth} bytes for ${stored} stored, largest tensor ${largest}`);
  });

  for (const name of ["texts.txt", "texts.jsonl"]) {
    test(`counting glitch tokens in ${name} takes as much memory for thirty megabytes as for three`, async () => {
      const [few, many] = await page.evaluate((name) => globalThis.core.memory_of_counting("/www/public/specimen", name, [3, 30]), name);
      assert.ok(many.tokens > 9 * few.tokens, `all of it was read: ${many.tokens} tokens after ${few.tokens}`);
      assert.ok(many.memory - few.memory <= 1e6, `${many.memory} bytes after ${few.memory}`);
    });
  }
});
