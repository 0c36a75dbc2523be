// Oracle: the page against itself on another device, and the native core's promises. The page as it ships (www/dist), with
// the real core, in Chromium: the specimen's scan to its end, models from files and addresses, cancel, broken files.
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import process from "node:process";

import { launch, repository, serve } from "./browser.mjs";
import { eventually, openPage } from "./support.mjs";

const SPECIMEN = join(repository, "www/public/specimen");
const FILES = ["config.json", "model.safetensors", "tokenizer.json"];
// Software WebGPU on two cores; the tests say how long it took and assert no time.
const SCAN_MS = 15 * 60_000;

let browser, server;
before(async () => {
  server = await serve({ "/": join(repository, "www/dist"), "/elsewhere/specimen/": SPECIMEN, "/empty/": tmpdir() });
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await server?.close();
});

const runButton = (page) => page.getByRole("button", { name: "Find glitch tokens" });
const ready = (page) => runButton(page).and(page.locator(":enabled")).waitFor({ timeout: 60_000 });
const choose = async (page, files) => {
  await page.getByRole("button", { name: "Change", exact: true }).click();
  await page.locator("#files").setInputFiles(files);
};
const save = async (page) => {
  const [download] = await Promise.all([
    page.waitForEvent("download"),
    page.getByRole("button", { name: "Save report" }).click(),
  ]);
  return JSON.parse(readFileSync(await download.path(), "utf8"));
};

/** Opens the page, runs the scan to its end and gives the saved report. */
async function scan(fragment) {
  const { page, context, errors } = await openPage(browser, `${server.url}/${fragment}`);
  await ready(page);
  const start = Date.now();
  await runButton(page).click();
  await page.locator(".sentence").waitFor({ timeout: SCAN_MS });
  const seconds = (Date.now() - start) / 1000;
  const report = await save(page);
  await context.close();
  assert.deepEqual(errors, []);
  return { report, seconds };
}

/** Ids on which two reports that asked about them both disagree. */
function disagreements(a, b) {
  const verdicts = new Map(a.probes.map(({ id, passed }) => [id, passed]));
  const common = b.probes.filter(({ id }) => verdicts.has(id));
  assert.ok(common.length > 0);
  return common.filter(({ id, passed }) => verdicts.get(id) !== passed).map(({ id }) => id);
}

test("the specimen's scan to its end: the CPU and WebGPU give the same verdicts", { timeout: SCAN_MS }, async () => {
  const cpu = await scan("#device=cpu&method=exhaustive");
  assert.equal(cpu.report.status, "complete");
  assert.equal(cpu.report.provenance.device.kind, "cpu");
  assert.ok(cpu.report.glitch_tokens.length > 100);
  const gpu = await scan("#device=gpu&resolution=7.2");
  assert.equal(gpu.report.status, "complete");
  assert.equal(gpu.report.provenance.device.kind, "gpu");
  assert.deepEqual(disagreements(cpu.report, gpu.report), []);

  // Negative control: a verdict that is turned round must be seen.
  const turned = structuredClone(gpu.report);
  turned.probes[0].passed = !turned.probes[0].passed;
  assert.deepEqual(disagreements(cpu.report, turned), [turned.probes[0].id]);

  for (const { report, seconds } of [cpu, gpu]) {
    const rate = report.probes.length / seconds;
    const { name } = report.provenance.device;
    process.stderr.write(`${name}: ${report.probes.length} probes in ${seconds.toFixed(1)} s, ${rate.toFixed(0)} a second, map included\n`);
  }
});

const SESSION = `document.querySelector("gs-app").shadowRoot.querySelector("gs-glitch-lab").session`;

test("several oracles on the specimen: the page's list is the core's, its counts are the core's, detectors are measured", { timeout: SCAN_MS }, async () => {
  const oracles = "repetition-zero-shot,length-zero-shot";
  const { page, context, errors } = await openPage(browser, `${server.url}/#device=cpu&method=exhaustive&with_graph=false&oracle=${oracles}`);
  await ready(page);
  const inPage = (work, value) => page.evaluate(`(${work})(${SESSION}, ${JSON.stringify(value ?? null)})`);
  const offers = await inPage((session) => session.offers);
  assert.equal(offers.length, 11);
  // A link takes ids that the page knows, in the order they are named.
  await inPage((_, ids) => { location.hash = `#device=cpu&oracle=${ids}`; }, offers.map(({ id }) => id).join(","));
  await page.waitForFunction(`${SESSION}.options.oracles.length === 11`);
  await eventually(async () => assert.deepEqual(await inPage((session) => session.options.oracles), offers.map(({ id }) => id)));
  const magikarp = offers.find(({ id }) => id === "magikarp-max-prob").oracle;
  // 2n + 1 occurrences of the token for n shots: Magikarp's own check.
  assert.deepEqual(magikarp.prompts.map(({ text }) => text.length - 1), [41, 1, 101]);
  await inPage((_, ids) => { location.hash = `#device=cpu&method=exhaustive&with_graph=false&oracle=${ids}`; }, oracles);
  await page.waitForFunction(`${SESSION}.options.oracles.length === 2`);

  await runButton(page).click();
  await page.locator("gs-agreement .matrix").waitFor({ timeout: SCAN_MS });
  const report = await save(page);
  assert.deepEqual(report.panel.verdicts.map(({ oracle }) => oracle), oracles.split(","));
  const [pair] = report.panel.agreement;
  assert.equal(pair.both_fail + pair.only_a_fails + pair.only_b_fails + pair.both_pass, report.probes.length);
  assert.equal(report.labels.length, report.glitch_tokens.length);
  await page.locator("gs-agreement .matrix button").first().click();
  await eventually(async () => assert.equal(await page.locator("gs-table [role=grid]").getAttribute("aria-rowcount"), String(1 + pair.only_a_fails + pair.only_b_fails)));

  // The page counts labels after a correction; without one it must count what the core has counted.
  const { before, same, changed } = await inPage((session) => {
    const before = session.report.label_counts;
    const label = session.report.labels[0];
    session.relabel(label);
    const same = session.report.label_counts;
    session.relabel({ ...label, corrected_type: label.token_type === "word" ? "special" : "word" });
    return { before, same, changed: session.report.label_counts };
  });
  assert.deepEqual(same, before);
  assert.notDeepEqual(changed, before, "a correction must show");
  const csv = await inPage((session) => session.exportCsv());
  const [header, ...rows] = csv.split("\r\n");
  const corrected = header.split(",").indexOf("corrected_type");
  assert.ok(corrected > 0 && rows.filter((row) => /,(word|special),"[^"]*","[^"]*"$/.test(row)).length === 1);

  const indicators = await inPage((session) => session.core.indicators(() => {}));
  assert.equal(indicators.references.ids.length, 13);
  assert.deepEqual(indicators.columns.map(({ values }) => values.length), [3072, 3072, 3072, 3072, 3072]);

  // A few detectors, by the same call that the button makes.
  const heard = await inPage(async (session) => {
    const heard = [];
    const names = ["random", "k-means", "glitchhunter", "magikarp-cosine"];
    const options = { ...session.options, resolution: 7.2 };
    const table = JSON.parse(await session.core.compare(JSON.stringify(session.report), options, names, [1, 2], 100, (event) => {
      if (event.event === "detectors") heard.push(event.table.rows.length);
    }));
    return { heard, table, csv: await session.core.detectorsCsv(JSON.stringify(table)) };
  });
  assert.deepEqual(heard.heard, [1, 2, 3, 4]);
  assert.equal(heard.table.status, "complete");
  assert.deepEqual(heard.table.rows.map(({ runs }) => runs), [2, 2, 2, 1]);
  const hunter = heard.table.rows.find(({ info }) => info.name === "glitchhunter");
  assert.ok(hunter.recall.mean > 0.8 && hunter.precision.mean === 1 && hunter.own_seconds.mean > 0, JSON.stringify(hunter));
  assert.ok(heard.table.seconds_per_question > 0, "the page's own timings are used");
  assert.equal(heard.csv.trim().split("\r\n").length, 1 + 4 + 7);
  await context.close();
  assert.deepEqual(errors, []);

  // The arithmetic of indicators reads weights back from the device: WebGPU gives what the CPU gives.
  const gpu = await openPage(browser, `${server.url}/#device=gpu`);
  await ready(gpu.page);
  const there = await gpu.page.evaluate(`${SESSION}.core.indicators(() => {})`);
  assert.deepEqual(there, indicators);
  await gpu.context.close();
  assert.deepEqual(gpu.errors, []);
});

test("a report of version 1 opens as one of today's: its one question has its place", async () => {
  const { page, context, errors } = await openPage(browser, `${server.url}/#model=${server.url}/empty/nothing/`, { allow: [/404/] });
  await page.getByText("The model could not be loaded").waitFor();
  await page.getByRole("button", { name: "Change", exact: true }).click();
  await page.locator("#report").setInputFiles(join(repository, "tests/golden/report_version_1.json"));
  await page.getByText("Shown from the file report_version_1.json").waitFor();
  await page.locator(".sentence").waitFor();
  await page.getByText("All", { exact: true }).click();
  await page.locator("gs-table .space .row:not([hidden])").first().click();
  await page.locator("gs-detail section dl").waitFor();
  const report = await save(page);
  assert.deepEqual([report.schema_version, report.labels, report.panel], [2, [], null]);
  assert.equal(report.provenance.oracle.prompts.length, 1);
  await context.close();
  assert.deepEqual(errors, []);
});

test("picked files are loaded and scanned", { timeout: SCAN_MS }, async () => {
  const { page, context, errors } = await openPage(browser, `${server.url}/#device=cpu&resolution=7.2`);
  await ready(page);
  await choose(page, FILES.map((name) => join(SPECIMEN, name)));
  await page.getByText("Recognised a model").waitFor();
  await page.getByRole("button", { name: "Load this model" }).click();
  await ready(page);
  await runButton(page).click();
  await page.locator(".sentence").waitFor({ timeout: SCAN_MS });
  const report = await save(page);
  assert.equal(report.status, "complete");
  assert.equal(report.provenance.model.parameters, 1_131_648);
  await context.close();
  assert.deepEqual(errors, []);
});

test("weights are rounded on load when the visitor asks for it, and the page says so", async () => {
  const { page, context, errors } = await openPage(browser, `${server.url}/#device=cpu`);
  await ready(page);
  await page.getByRole("button", { name: "Change", exact: true }).click();
  await page.getByText("8 bits").click();
  await page.waitForFunction(() => document.querySelector("gs-app").shadowRoot.querySelector("gs-glitch-lab").session.model?.info.model.stored_types.some(([type]) => /Q8_0/i.test(type)), null, { timeout: 20_000 });
  await ready(page);
  assert.match(page.url(), /weights=int8/);
  const { stored_types: types } = await page.evaluate(() => document.querySelector("gs-app").shadowRoot.querySelector("gs-glitch-lab").session.model.info.model);
  assert.ok(types.reduce((sum, [, bytes]) => sum + bytes, 0) < 0.6 * 2_263_296, JSON.stringify(types));
  await context.close();
  assert.deepEqual(errors, []);
});

for (const ranges of [true, false]) {
  test(`a model from an address, ${ranges ? "with" : "without"} range support`, async () => {
    const other = await serve({ "/": join(repository, "www/dist"), "/elsewhere/specimen/": SPECIMEN }, { ranges });
    const { page, context, errors } = await openPage(browser, `${other.url}/#device=cpu&model=${other.url}/elsewhere/specimen/`, { allow: [/404/] });
    await ready(page);
    const weights = other.requests.filter(({ method, path }) => method === "GET" && path === "/elsewhere/specimen/model.safetensors");
    assert.ok(weights.length > 0);
    if (ranges) assert.ok(weights.every(({ range }) => range), "weights are read by ranges");
    else assert.match(await page.locator("section.answer").innerText(), /does not send parts of files/);
    // Any token can be asked about: the model works.
    await page.getByText("All", { exact: true }).click();
    await page.locator("gs-table .space .row:not([hidden])").nth(5).click();
    await page.getByText("Most probable first tokens").waitFor({ timeout: 20_000 });
    await context.close();
    await other.close();
    assert.deepEqual(errors, []);
  });
}

test("cancel takes effect within a second and keeps what was found; the report opens again without the model", async () => {
  const { page, context, errors } = await openPage(browser, `${server.url}/#device=cpu&method=exhaustive`);
  await ready(page);
  await runButton(page).click();
  await page.waitForFunction(() => document.querySelector("gs-app").shadowRoot.querySelector("gs-glitch-lab").session.rows.counts()[2] > 5, null, { timeout: 60_000 });
  await page.getByRole("button", { name: "Cancel" }).click();
  await page.getByText("Cancelled. Until then").waitFor({ timeout: 1_500 });
  const report = await save(page);
  assert.equal(report.status, "cancelled");
  assert.ok(report.glitch_tokens.length > 5);
  assert.ok(report.probes.length < report.tokens.text.length);
  await context.close();
  assert.deepEqual(errors, []);

  const file = join(mkdtempSync(join(tmpdir(), "glitchscope-")), "report.json");
  writeFileSync(file, JSON.stringify(report));
  const again = await openPage(browser, `${server.url}/#model=${server.url}/empty/nothing/`, { allow: [/404/] });
  await again.page.getByText("The model could not be loaded").waitFor();
  await again.page.getByRole("button", { name: "Change", exact: true }).click();
  await again.page.locator("#report").setInputFiles(file);
  await again.page.getByText("Shown from the file report.json").waitFor();
  await eventually(async () => assert.deepEqual((await save(again.page)).glitch_tokens, report.glitch_tokens));
  await again.context.close();
  assert.deepEqual(again.errors, []);
});

test("broken files: each gives an error with the file, the numbers and what to do next", async () => {
  const folder = mkdtempSync(join(tmpdir(), "glitchscope-"));
  const whole = readFileSync(join(SPECIMEN, "model.safetensors"));
  const header = Number(whole.readBigUInt64LE(0));
  const absurd = Buffer.from(whole);
  absurd.writeBigUInt64LE(1n << 50n, 0);
  const shape = Buffer.from(whole);
  shape.write(whole.toString("latin1", 8, 8 + header).replace('"shape":[3072,128]', '"shape":[3071,128]'), 8, "latin1");
  const { page, context, errors } = await openPage(browser, `${server.url}/#device=cpu`);
  await ready(page);
  for (const [name, bytes, expected] of [
    ["cut short", whole.subarray(0, whole.length - 5000), new RegExp(String(whole.length - 5000))],
    ["absurd header", absurd, /header/],
    ["wrong shape", shape, /3071|3,071/],
    ["not safetensors", Buffer.from("<html>404</html>"), /model\.safetensors/],
  ]) {
    const weights = join(folder, "model.safetensors");
    writeFileSync(weights, bytes);
    await choose(page, [join(SPECIMEN, "config.json"), weights, join(SPECIMEN, "tokenizer.json")]);
    await page.getByRole("button", { name: "Load this model" }).click();
    const box = page.locator("gs-failure section, gs-failure [role=alert]").last();
    // The failure of the file before may still be there.
    await box.filter({ hasText: expected }).waitFor({ timeout: 20_000 }).catch(() => {});
    const text = await box.innerText();
    assert.match(text, expected, name);
    assert.match(text, /model\.safetensors/, name);
    await page.keyboard.press("Escape");
  }
  await context.close();
  assert.deepEqual(errors, []);
});
