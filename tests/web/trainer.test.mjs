// Oracle: PyTorch's losses and gradient norms over the first steps of tests/golden/training, with the tolerances of the
// native test (tests/training.rs); for resuming, the run that was not interrupted. The page's own core (www/src/core), worker
// included, drives the wasm package in Chromium, on the CPU and on WebGPU (software adapter).
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";

import { launch, repository, serve } from "./browser.mjs";

const EXPECTED = JSON.parse(readFileSync(join(repository, "tests/golden/training/expected.json"), "utf8"));
const STEPS = 4;
const LOSS_TOLERANCE = 1e-4; // relative, as natively
const NORM_TOLERANCE = 1e-3;

const typescript = createRequire(join(repository, "www/package.json"))("typescript");
const BARE = { glitchscope: "/pkg/glitchscope.js", comlink: "/www/node_modules/comlink/dist/esm/comlink.mjs" };

/** TypeScript of the page as JavaScript: types taken out, and every import with the path of a file. */
function script(path) {
  const source = readFileSync(join(repository, path), "utf8");
  const { outputText } = typescript.transpileModule(source, { compilerOptions: { target: "ES2023", module: "ESNext", verbatimModuleSyntax: true } });
  return outputText.replace(/(from\s+)"([^"]+)"/g, (_, from, name) => `${from}"${BARE[name] ?? `${name}.ts`}"`);
}

/** Written as "not within", so that NaN fails. */
function differences(got, expected, tolerance) {
  if (got.length !== expected.length || got.length === 0) return [`${got.length} numbers against ${expected.length}`];
  return got.flatMap((value, i) => (Math.abs(value - expected[i]) <= tolerance * Math.abs(expected[i]) ? [] : [`${i}: ${value} for ${expected[i]}`]));
}

test("the comparer rejects what it must", () => {
  assert.deepEqual(differences([2, 3], [2, 3.00001], 1e-4), []);
  assert.equal(differences([2, 3], [2, 3.01], 1e-4).length, 1);
  assert.equal(differences([2, NaN], [2, 3], 1e-4).length, 1);
  assert.equal(differences([2], [2, 3], 1e-4).length, 1);
});

describe("the trainer in Chromium", () => {
  let server, browser, page;
  before(async () => {
    server = await serve({ "/": repository }, {
      answer(request, response) {
        const path = new URL(request.url, "http://localhost").pathname;
        if (!path.endsWith(".ts") || !existsSync(join(repository, path))) return false;
        response.writeHead(200, { "content-type": "text/javascript", "cache-control": "no-store" }).end(script(path));
        return true;
      },
    });
    browser = await launch();
    page = await browser.newPage();
    page.on("pageerror", (error) => assert.fail(`page error: ${error.message}`));
    await page.goto(`${server.url}/tests/web/trainer.html`);
    await page.waitForFunction(() => globalThis.core !== undefined);
  });
  after(async () => {
    await browser?.close();
    await server?.close();
  });

  const open = (model, device, more = {}) =>
    page.evaluate(async ([model, device, more]) => {
      const spec = { kind: "url", name: model, url: `${location.origin}/tests/golden/models/${model}/`, bundled: true };
      const { info } = await globalThis.core.open(spec, { device, weights: "stored", ...more }, () => {});
      return info;
    }, [model, device, more]);

  /** The options of the native test. */
  const options = (run) => ({
    steps: run.rows.length, learning_rate: EXPECTED.peak, schedule: "cosine", warmup: EXPECTED.warmup, end: EXPECTED.end,
    beta1: EXPECTED.betas[0], beta2: EXPECTED.betas[1], eps: EXPECTED.eps, weight_decay: EXPECTED.weight_decay,
    clip: EXPECTED.clip, groups: run.one_dimensional.map((pattern) => ({ pattern, weight_decay: 0 })),
  });

  /** Rows of unlike length as a batch with its filling masked out. */
  const batch = (rows) => {
    const tokens = Math.max(...rows.map((row) => row.length));
    const flat = (fill) => rows.flatMap((row) => Array.from({ length: tokens }, (_, t) => fill(row, t)));
    return { rows: rows.length, ids: flat((row, t) => row[t] ?? 0), weights: flat((row, t) => (t < row.length ? 1 : 0)) };
  };

  /** Arrays cross into the page as lists. */
  const train = (steps, batches) =>
    page.evaluate(async ([steps, batches]) => {
      const typed = batches?.map((step) => step.map((batch) => ({ ...batch, ids: Uint32Array.from(batch.ids), weights: Float32Array.from(batch.weights) })));
      const progress = [];
      const run = await globalThis.core.train(steps, typed ?? null, (event) => progress.push(event));
      await new Promise((resolve) => setTimeout(resolve, 20));
      return { ...run, progress };
    }, [steps, batches]);

  for (const device of ["cpu", "gpu"]) {
    test(`steps are PyTorch's on the ${device}`, async () => {
      // The software adapter takes its time to compile a model's kernels: one model there, whose weights are in bf16.
      const models = device === "cpu" ? ["gpt2-tanh-tied", "llama-grouped-untied"] : ["llama-grouped-untied"];
      for (const run of EXPECTED.steps.filter(({ model }) => models.includes(model))) {
        assert.equal((await open(run.model, device)).device.kind, device);
        await page.evaluate((options) => globalThis.core.startTraining(options, null), options(run));
        const { curve, progress, cancelled } = await train(STEPS, run.rows.slice(0, STEPS).map((rows) => [batch(rows)]));
        assert.equal(cancelled, false);
        assert.deepEqual(curve.map(({ step }) => step), [1, 2, 3, 4]);
        assert.deepEqual(differences(curve.map(({ loss }) => loss), run.losses.slice(0, STEPS), LOSS_TOLERANCE), [], run.model);
        assert.deepEqual(differences(curve.map((report) => report.gradient_norm), run.norms.slice(0, STEPS), NORM_TOLERANCE), [], run.model);
        assert.equal(progress.length, STEPS, "each step is told of");
        assert.ok(progress.every((event) => event.tokens_per_second > 0 && event.seconds_left >= 0), JSON.stringify(progress));
        assert.equal(progress.at(-1).seconds_left, 0);
      }
    });
  }

  test("a resumed training is the uninterrupted one, bit for bit", async () => {
    const result = await page.evaluate(async () => {
      const { core } = globalThis;
      const spec = { kind: "url", name: "tiny", url: `${location.origin}/tests/golden/models/llama-grouped-untied/`, bundled: true };
      const ids = Uint32Array.from({ length: 66 }, (_, i) => 2 + (i * 17 + i * i) % 60);
      const rows = { ids, lengths: new Uint32Array(11).fill(6) };
      const begin = async (seed) => {
        await core.open(spec, { device: "cpu", weights: "stored" }, () => {});
        await core.startTraining({ steps: 7, learning_rate: 1e-2, batch: 3, accumulate: 2, seed }, rows);
      };
      const text = (bytes) => Array.from(bytes).join();
      await begin(4);
      const whole = await core.train(7, null, () => {});
      const finished = text(await core.trainingCheckpoint());
      await begin(4);
      const first = await core.train(3, null, () => {});
      const saved = await core.trainingCheckpoint();
      await begin(4);
      const step = await core.resumeTraining(saved);
      const second = await core.train(4, null, () => {});
      const resumed = text(await core.trainingCheckpoint());
      const weights = text(await core.exportWeights());
      await begin(5);
      await core.train(7, null, () => {});
      const other = text(await core.trainingCheckpoint());
      const refused = await core.resumeTraining(saved.slice(0, 100)).catch((error) => error);
      return {
        step, refused, same: finished === resumed, differs: finished !== other, exported: weights.length,
        whole: whole.curve, parts: [...first.curve, ...second.curve],
      };
    });
    assert.equal(result.step, 3);
    assert.ok(result.same, "the bits differ");
    assert.ok(result.differs, "negative control: another order of the rows ends elsewhere");
    assert.deepEqual(result.parts, result.whole);
    assert.ok(result.exported > 10_000);
    assert.match(result.refused.message, /checkpoint/);
  });

  test("a cancel stops in the middle of a step, and nothing of that step is kept", async () => {
    const result = await page.evaluate(async () => {
      const { core } = globalThis;
      await core.open({ kind: "url", name: "specimen", url: `${location.origin}/www/public/specimen/`, bundled: true }, { device: "cpu", weights: "stored" }, () => {});
      const rows = { ids: Uint32Array.from({ length: 4 * 96 }, (_, i) => 2 + (i * 31) % 3000), lengths: new Uint32Array(4).fill(96) };
      await core.startTraining({ steps: 1000, batch: 4, seed: 1 }, rows);
      const before = await core.trainingCheckpoint();
      setTimeout(() => core.cancel(), 300);
      const started = performance.now();
      const run = await core.train(1000, null, () => {});
      const took = performance.now() - started;
      const after = await core.trainingCheckpoint();
      const unchanged = run.curve.length > 0 || before.every((byte, i) => byte === after[i]);
      const next = await core.train(1, null, () => {});
      return { cancelled: run.cancelled, steps: run.curve.length, took, unchanged, next: next.curve[0].step };
    });
    assert.equal(result.cancelled, true);
    assert.ok(result.unchanged, "a cancelled step has changed the parameters");
    assert.equal(result.next, result.steps + 1, "the training goes on in the same worker");
  });

  test("gradients are those of PyTorch, and an untrained model is drawn by its seed", async () => {
    const model = "gpt2-tanh-tied";
    const rows = EXPECTED.steps.find((run) => run.model === model);
    await open(model, "cpu");
    const { mean, norm } = await page.evaluate(async ({ ids, rows, weights }) => {
      const typed = { ids: Uint32Array.from(ids), rows, weights: Float32Array.from(weights) };
      const { mean, gradients } = await globalThis.core.lossAndGradients(typed, ["*"]);
      const header = Number(new DataView(gradients.buffer, gradients.byteOffset).getBigUint64(0, true));
      const values = new Float32Array(gradients.slice(8 + header).buffer);
      return { mean, norm: Math.sqrt(values.reduce((sum, value) => sum + value * value, 0)) };
    }, batch(rows.rows[0]));
    assert.deepEqual(differences([mean], [rows.losses[0]], LOSS_TOLERANCE), []);
    assert.deepEqual(differences([norm], [rows.norms[0]], NORM_TOLERANCE), []);

    const loss = async (untrained) => {
      await open(model, "cpu", { untrained });
      return page.evaluate(async (ids) => (await globalThis.core.lossAndGradients({ ids: Uint32Array.from(ids), rows: 1 }, [])).mean, rows.rows[0][0]);
    };
    const [first, again, other] = [await loss(1), await loss(1), await loss(2)];
    assert.equal(first, again);
    assert.notEqual(first, other);
    // Weights of deviation 0.02 know nothing yet: every token is as likely as any other.
    assert.ok(Math.abs(first - Math.log(64)) < 0.1, `${first}`);
  });

  test("what does not fit is an error with its numbers", async () => {
    await open("gpt2-tanh-tied", "cpu");
    const failure = (work) => page.evaluate(`(async () => { try { ${work}; return "no error" } catch (error) { return error.message } })()`);
    assert.match(await failure("await core.train(1, null, () => {})"), /no training/);
    assert.match(await failure("await core.startTraining({ step: 3 }, null)"), /step/);
    assert.match(await failure("await core.startTraining({ groups: [{ pattern: '*nowhere*' }] }, null)"), /nowhere/);
    assert.match(await failure("await core.startTraining({}, { ids: new Uint32Array(5), lengths: Uint32Array.of(2, 2) })"), /5 ids/);
    await page.evaluate(() => globalThis.core.startTraining({}, null));
    assert.match(await failure("await core.train(1, null, () => {})"), /no rows/);
    assert.match(await failure("await core.train(1, [[{ ids: Uint32Array.of(1, 99), rows: 1 }]], () => {})"), /99/);
    assert.match(await failure("await core.train(1, [[{ ids: [1, 2], rows: 1 }]], () => {})"), /Uint32Array/);
    assert.match(await failure("await core.train(1, [[{ ids: Uint32Array.of(1, 2, 3), rows: 2 }]], () => {})"), /3 ids in 2 rows/);
  });
});
