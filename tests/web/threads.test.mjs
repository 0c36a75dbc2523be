// Oracle: the same engine on one thread, bit for bit; and the browser's own word for whether a page is isolated.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync, readdirSync, statSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import process from "node:process";

import { launch, repository, serve } from "./browser.mjs";
import { openPage } from "./support.mjs";

const HEADERS = { "cross-origin-opener-policy": "same-origin", "cross-origin-embedder-policy": "require-corp" };
const SCAN_MS = 300_000;
const SPECIMEN = "/www/public/specimen";
const GOLDEN = "/tests/golden/models/gpt2-tanh-tied";

/** `headers` gives those of an answer by its path; `answer` as in `serve`. */
const served = (folders, headers = () => ({}), answer = () => false) => serve(folders, {
  answer: (request, response) => {
    for (const [name, value] of Object.entries(headers(new URL(request.url, "http://localhost").pathname))) response.setHeader(name, value);
    return answer(request, response);
  },
});

const device = (page) => page.evaluate(() => document.querySelector("gs-app").shadowRoot.querySelector("gs-glitch-lab").session.model?.info.device);
const button = (page) => page.getByRole("button", { name: "Find glitch tokens" });
const loaded = async (page) => {
  await button(page).and(page.locator(":enabled")).waitFor();
  return device(page);
};

let browser;
before(async () => { browser = await launch({ webgpu: false }); });
after(async () => browser?.close());

describe("the engine", () => {
  /** The engine alone in a page; `open` gives the device of a model. */
  async function core(server, query = "") {
    const page = await browser.newPage();
    const errors = [];
    page.on("pageerror", (error) => errors.push(error.message));
    await page.goto(`${server.url}/tests/web/core.html${query}`);
    await page.waitForFunction(() => globalThis.core !== undefined);
    return {
      page, errors,
      open: (url) => page.evaluate(async (url) => (await globalThis.core.open(url, "cpu")).device, url),
      logits: (ids) => page.evaluate((ids) => globalThis.core.logits(ids), ids),
      helped: () => page.evaluate(() => globalThis.core.threads_helped()),
    };
  }

  const differs = (a, b) => a.length === 0 || a.length !== b.length || a.some((x, i) => !Object.is(x, b[i]));
  test("the comparer rejects what it must", () => {
    assert.equal(differs([1, -0.5], [1, -0.5]), false);
    assert.equal(differs([1, 0.1], [1, 0.1 + Number.EPSILON]), true);
    assert.equal(differs([0], [-0]), true);
    assert.equal(differs([1], [1, 2]), true);
    assert.equal(differs([], []), true);
  });

  test("the same bits with one, two and five threads, which all work", async () => {
    const server = await served({ "/": repository }, () => HEADERS);
    const ids = Array.from({ length: 48 }, (_, i) => (i * 37) % 3000);
    const results = [];
    for (const threads of [1, 2, 5]) {
      const engine = await core(server, `?threads=${threads}`);
      const { name, reason } = await engine.open(SPECIMEN);
      assert.equal(name, threads === 1 ? "wasm relaxed-simd" : `wasm relaxed-simd, ${threads} threads`);
      assert.equal(/one thread was asked for/.test(reason), threads === 1, reason);
      results.push([await engine.logits(ids), await engine.logits([5])].flat());
      // On a busy machine a helper may come too late for a whole pass.
      for (let pass = 0; pass < 200 && threads > 1 && await engine.helped() === 0; pass++) await engine.logits([5]);
      assert.equal(await engine.helped() > 0, threads > 1);
      assert.deepEqual(engine.errors, []);
      await engine.page.close();
    }
    assert.equal(differs(results[0], results[1]), false);
    assert.equal(differs(results[0], results[2]), false);
    await server.close();
  });

  test("without isolation, without workers, without the file: one thread, and the device says why", async () => {
    const refusals = [
      [served({ "/": repository }), /one thread: this page is not cross-origin isolated/],
      [served({ "/": repository }, (path) => ({ ...HEADERS, ...(path.endsWith(".html") ? { "content-security-policy": "worker-src 'none'" } : {}) })), /1 of 3 threads: .*(worker|Worker)/],
      [served({ "/": repository }, () => HEADERS, (request, response) => request.url.endsWith("helper.js") && !!response.writeHead(404).end()), /1 of 3 threads: a thread's worker could not be started/],
      [served({ "/": repository }, () => HEADERS, (request, response) => request.url.endsWith("_threads_bg.wasm") && !!response.writeHead(404).end()), /one thread: .*_threads_bg.wasm: HTTP 404/],
    ];
    for (const [server, expected] of refusals) {
      const { url, close } = await server;
      const engine = await core({ url }, "?threads=3");
      const { name, reason } = await engine.open(GOLDEN);
      assert.equal(name, "wasm relaxed-simd");
      assert.match(reason, expected);
      assert.equal(await engine.helped(), 0);
      await engine.page.close();
      await close();
    }
  });

  test("a helper that cannot instantiate is counted out", async () => {
    // The second of two helpers gets a script that fails where the first one's works.
    let asked = 0;
    const server = await served({ "/": repository }, () => HEADERS, (request, response) => {
      if (!request.url.endsWith("helper.js") || (asked += 1) !== 2) return false;
      response.writeHead(200, { "content-type": "text/javascript" }).end("self.onmessage = () => self.postMessage({ failed: 'no room' });");
      return true;
    });
    const engine = await core(server, "?threads=3");
    const { name, reason } = await engine.open(GOLDEN);
    assert.equal(name, "wasm relaxed-simd, 2 threads");
    assert.match(reason, /2 of 3 threads: a thread could not be started: no room/);
    await engine.page.close();
    await server.close();
  });
});

describe("the built page on a host that sends no headers", () => {
  let server, elsewhere;
  before(async () => {
    server = await served({ "/": `${join(repository, "www/dist")}/` });
    // As a hub is: another origin, CORS, and no word about embedders.
    elsewhere = await served({ "/": join(repository, "tests/golden") }, () => ({ "access-control-allow-origin": "*" }));
  });
  after(async () => Promise.all([server.close(), elsewhere.close()]));

  const cores = availableParallelism();
  const expected = cores > 1 ? `wasm relaxed-simd, ${Math.min(cores, 16)} threads` : "wasm relaxed-simd";
  if (cores === 1) process.stderr.write("SKIPPED: threads of the built page, on a machine with one core\n");

  test("the service worker isolates the second visit: threads, models from elsewhere, a cancelled and a whole scan", { timeout: 2 * SCAN_MS }, async () => {
    const { page, context, errors } = await openPage(browser, `${server.url}/`, { serviceWorkers: "allow" });
    assert.equal(await page.evaluate(() => crossOriginIsolated), false);
    const first = await loaded(page);
    assert.equal(first.name, "wasm relaxed-simd");
    assert.match(first.reason, /not cross-origin isolated|one core/);
    await page.evaluate(() => navigator.serviceWorker.ready);
    await page.waitForFunction(() => navigator.serviceWorker.controller !== null);

    await page.reload();
    assert.equal(await page.evaluate(() => crossOriginIsolated), true);
    assert.equal((await loaded(page)).name, expected);
    const bytes = await page.evaluate(async (url) => (await (await fetch(url)).arrayBuffer()).byteLength, `${elsewhere.url}/models/gpt2-tanh-tied/config.json`);
    assert.equal(bytes, statSync(join(repository, "tests/golden/models/gpt2-tanh-tied/config.json")).size);

    await button(page).click();
    await page.getByRole("button", { name: "Cancel" }).click();
    await loaded(page);
    await button(page).click();
    await page.getByText("The search found").waitFor({ timeout: SCAN_MS });
    const report = await page.evaluate(() => document.querySelector("gs-app").shadowRoot.querySelector("gs-glitch-lab").session.report);
    assert.equal(report.provenance.device.name, expected);

    // Offline, the isolated page is whole.
    await context.setOffline(true);
    await page.reload();
    assert.equal(await page.evaluate(() => crossOriginIsolated), true);
    assert.equal((await loaded(page)).name, expected);
    assert.deepEqual(errors, []);
    await context.close();
  });

  test("without the service worker the page works on one thread", async () => {
    const { page, context, errors } = await openPage(browser, `${server.url}/`);
    await page.reload();
    assert.equal(await page.evaluate(() => crossOriginIsolated), false);
    assert.equal((await loaded(page)).name, "wasm relaxed-simd");
    assert.deepEqual(errors, []);
    await context.close();
  });

  test("isolation switched off: the service worker keeps the page offline and changes no header", async () => {
    const html = readFileSync(join(repository, "www/dist/index.html"), "utf8");
    const off = html.replace('name="isolation" content="require-corp"', 'name="isolation" content="off"');
    assert.notEqual(off, html);
    const host = await served({ "/": `${join(repository, "www/dist")}/` }, undefined, (request, response) => {
      if (request.url !== "/") return false;
      response.writeHead(200, { "content-type": "text/html; charset=utf-8" }).end(off);
      return true;
    });
    const { page, context, errors } = await openPage(browser, `${host.url}/`, { serviceWorkers: "allow" });
    await page.evaluate(() => navigator.serviceWorker.ready);
    await page.waitForFunction(() => navigator.serviceWorker.controller !== null);
    await page.reload();
    assert.equal(await page.evaluate(() => crossOriginIsolated), false);
    assert.equal((await loaded(page)).name, "wasm relaxed-simd");
    assert.deepEqual(errors, []);
    await context.close();
    await host.close();
  });

  test("tools/serve.mjs isolates the first visit", async () => {
    const { spawn } = await import("node:child_process");
    const child = spawn(process.execPath, [join(repository, "tools/serve.mjs"), join(repository, "www/dist"), "0"], { stdio: ["ignore", "pipe", "inherit"] });
    try {
      const url = await new Promise((resolve) => child.stdout.on("data", (data) => resolve(/http:\S+/.exec(String(data))[0])));
      const { page, context, errors } = await openPage(browser, url);
      assert.equal(await page.evaluate(() => crossOriginIsolated), true);
      assert.equal((await loaded(page)).name, expected);
      assert.deepEqual(errors, []);
      await context.close();
    } finally {
      child.kill();
    }
  });
});

test("npm packs every file of the package that its entry needs", () => {
  const folder = join(repository, "pkg");
  const [{ files }] = JSON.parse(execFileSync("npm", ["pack", "--dry-run", "--json"], { cwd: folder, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }));
  const packed = files.map(({ path }) => path);
  const needed = readdirSync(folder, { recursive: true }).filter((name) => /\.(js|wasm)$/.test(name) || name === "glitchscope.d.ts");
  assert.ok(needed.length >= 10, `${needed.length} files: the search is broken`);
  assert.deepEqual(needed.filter((name) => !packed.includes(name)), []);
});
