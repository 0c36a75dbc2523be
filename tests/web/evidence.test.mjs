// Oracle: the same scan, uninterrupted. The page as it ships, with the real core, in Chromium: a scan whose tab was closed
// goes on, reports hold to the published schema, and what is exported of hostile tokens runs nothing.
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { launch, repository, serve } from "./browser.mjs";
import { AXE, eventually, openPage } from "./support.mjs";

const { Ajv2020 } = createRequire(join(repository, "www/package.json"))("ajv/dist/2020");
const SCAN_MS = 10 * 60_000;
const folder = mkdtempSync(join(tmpdir(), "glitchscope-evidence-"));

let browser, server, whole;
before(async () => {
  server = await serve({ "/": join(repository, "www/dist"), "/saved/": folder });
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await server?.close();
});

const runButton = (page) => page.getByRole("button", { name: "Find glitch tokens" });
const ready = (page) => runButton(page).and(page.locator(":enabled")).waitFor({ timeout: 60_000 });
const saved = async (page, name) => {
  const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name, exact: true }).click()]);
  return readFileSync(await download.path(), "utf8");
};
const session = (page, of) => page.evaluate(of);
const asked = () => document.querySelector("gs-app").shadowRoot.querySelector("gs-glitch-lab").session.rows.probe.filter(Boolean).length;
/** On a software GPU one round over a few large clusters takes as long as every token does on the processor. */
const SCANS = { cpu: "method=exhaustive", gpu: "resolution=1&max_rounds=1&verify_final=false&sample_max=20" };

/** Whether two reports say the same, timings aside. */
function timeless(report) {
  return JSON.stringify({ ...report, timings: [] });
}

for (const device of ["gpu", "cpu"]) test(`a scan on the ${device} whose tab was closed is offered and ends with the same report`, { timeout: SCAN_MS }, async () => {
  const context = await browser.newContext({ serviceWorkers: "block" });
  const errors = [];
  const open = async () => {
    const page = await context.newPage();
    page.on("pageerror", (error) => errors.push(String(error)));
    await page.goto(`${server.url}/#device=${device}&${SCANS[device]}`);
    await ready(page);
    return page;
  };
  const first = await open();
  await runButton(first).click();
  // Two writes of the journal, two seconds apart.
  await first.waitForFunction(() => document.querySelector("gs-app").shadowRoot.querySelector("gs-glitch-lab").session.rows.probe.filter(Boolean).length > 60, null, { timeout: SCAN_MS });
  await first.waitForTimeout(2_500);
  const before = await session(first, asked);
  await first.close();

  const page = await open();
  const offer = page.locator(".kept");
  await offer.waitFor({ timeout: 30_000 });
  const kept = Number(/([\d,]+) answers are kept/.exec(await offer.innerText())[1].replaceAll(",", ""));
  assert.ok(kept > 40 && kept <= before + 24 + 256, `${kept} answers are kept, ${before} were seen`);
  await page.screenshot({ path: join(folder, "kept.png") });
  await offer.getByRole("button", { name: "Resume it" }).click();
  await page.locator(".sentence").waitFor({ timeout: SCAN_MS });
  const resumed = JSON.parse(await saved(page, "Save report (JSON)"));
  assert.deepEqual([resumed.status, resumed.provenance.device.kind], ["complete", device]);
  // There is nothing to resume any more.
  await page.reload();
  await ready(page);
  await page.waitForTimeout(1_000);
  await eventually(async () => assert.equal(await offer.count(), 0));
  await runButton(page).click();
  await page.locator(".sentence").waitFor({ timeout: SCAN_MS });
  whole = JSON.parse(await saved(page, "Save report (JSON)"));
  assert.equal(timeless(resumed), timeless(whole));
  // Negative control.
  const turned = structuredClone(whole);
  turned.probes[0].passed = !turned.probes[0].passed;
  assert.notEqual(timeless(resumed), timeless(turned));

  const schema = JSON.parse(readFileSync(join(repository, "docs/report.schema.json"), "utf8"));
  const valid = new Ajv2020({ validateFormats: false }).compile(schema);
  assert.ok(valid(whole), JSON.stringify(valid.errors));
  delete whole.provenance.device.precision;
  assert.ok(!valid(whole));
  whole.provenance.device.precision = resumed.provenance.device.precision;
  await context.close();
  assert.deepEqual(errors, []);
});

test("a report compares with another, and every form of it is saved; hostile tokens run nothing", { timeout: SCAN_MS }, async () => {
  const hostile = "</script><img src=x onerror=\"document.title='owned'\">";
  const other = structuredClone(whole);
  const id = other.glitch_tokens[0];
  other.glitch_tokens = other.glitch_tokens.slice(1);
  other.labels = other.labels.filter((label) => label.id !== id);
  other.probes.find((probe) => probe.id === id).passed = true;
  const shown = structuredClone(whole);
  shown.tokens.text[shown.glitch_tokens[1]] = hostile;
  other.tokens.text[shown.glitch_tokens[1]] = hostile;
  for (const [name, report] of [["shown.json", shown], ["other.json", other]]) writeFileSync(join(folder, name), JSON.stringify(report));

  const { page, context, errors } = await openPage(browser, `${server.url}/#device=cpu`);
  await ready(page);
  await page.getByRole("button", { name: "Change", exact: true }).click();
  await page.locator("#report").setInputFiles(join(folder, "shown.json"));
  await page.getByText("Shown from the file shown.json").waitFor();
  await page.locator("#other-report").setInputFiles(join(folder, "other.json"));
  await page.locator("gs-diff .sentence").waitFor({ timeout: 30_000 });
  await eventually(async () => assert.match(await page.locator("gs-diff .sentence").innerText(), /1 only in the first and 0 only in the second/));
  const difference = JSON.parse(await saved(page, "Save comparison (JSON)"));
  assert.deepEqual(difference.flips.map((at) => difference.tokens.id_a[at]), [id]);
  await eventually(async () => assert.equal((await saved(page, "Save comparison (CSV)")).match(/,fixed,/g).length, 1));

  await page.getByText("Other forms").click();
  const array = JSON.parse(await saved(page, "Save strings (JSON)"));
  assert.ok(array.includes(hostile));
  await eventually(async () => assert.ok((await saved(page, "Save strings (TXT)")).includes(JSON.stringify(hostile).slice(1, -1))));
  await eventually(async () => assert.match(await saved(page, "Save summary (Markdown)"), /^# Glitch tokens of /));
  const html = await saved(page, "Save summary (HTML)");
  writeFileSync(join(folder, "summary.html"), html);
  await context.close();
  assert.deepEqual(errors, []);

  for (const colorScheme of ["light", "dark"]) {
    const requests = [];
    const context = await browser.newContext({ colorScheme });
    const summary = await context.newPage();
    summary.on("request", (request) => requests.push(request.url()));
    summary.on("dialog", () => assert.fail("a token opened a dialog"));
    await summary.goto(`${server.url}/saved/summary.html`);
    assert.deepEqual(requests.filter((url) => !url.endsWith("favicon.ico")), [`${server.url}/saved/summary.html`]);
    await eventually(async () => assert.notEqual(await summary.title(), "owned"));
    await eventually(async () => assert.equal(await summary.locator("img, script").count(), 0));
    await eventually(async () => assert.ok((await summary.locator(".chip", { hasText: "</script>" }).count()) > 0));
    const found = await context.newPage();
    await found.setContent(html.replace(/<meta http-equiv="Content-Security-Policy"[^>]*>/, ""));
    await found.addScriptTag({ path: AXE });
    const { violations } = await found.evaluate(() => globalThis.axe.run(document, { runOnly: ["wcag2a", "wcag2aa"] }));
    assert.deepEqual(violations.map(({ id, nodes }) => `${id}: ${nodes[0].html.slice(0, 100)}`), []);
    await context.close();
  }
});
