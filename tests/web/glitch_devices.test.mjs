// Oracle: the page on the CPU, and the original files byte for byte. The page as it ships, with the real core, in Chromium:
// what the glitch lab offers beside the scan runs on either device, by the buttons a visitor presses. Every oracle, every
// detector against the truth, both repairs, two precisions compared, a scan that goes on.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import process from "node:process";

import { launch, repository, serve } from "./browser.mjs";
import { openPage } from "./support.mjs";

const SPECIMEN = join(repository, "www/public/specimen");
const SESSION = `document.querySelector("gs-app").shadowRoot.querySelector("gs-glitch-lab").session`;
const DEVICES = ["cpu", "gpu"];
// Software WebGPU on two cores.
const LONG_MS = 10 * 60_000;

let browser, server, truth;
before(async () => {
  server = await serve({ "/": join(repository, "www/dist") });
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await server?.close();
});

const button = (page, name) => page.getByRole("button", { name, exact: true });
const ready = (page) => button(page, "Find glitch tokens").and(page.locator(":enabled")).waitFor({ timeout: 60_000 });
const saved = async (page, name, within = page) => {
  const [download] = await Promise.all([page.waitForEvent("download"), within.getByRole("button", { name, exact: true }).click()]);
  return readFileSync(await download.path());
};
const said = (device, what, start) => process.stderr.write(`${what} on the ${device}: ${((Date.now() - start) / 1000).toFixed(1)} s\n`);

/** A page on a device with the exhaustive report in view, as a scan of its own would have left it. */
async function withTruth(device, settings = "") {
  const opened = await openPage(browser, `${server.url}/#device=${device}${settings}`);
  const { page } = opened;
  await ready(page);
  if (truth === undefined) {
    const other = await openPage(browser, `${server.url}/#device=cpu&method=exhaustive`);
    await ready(other.page);
    await button(other.page, "Find glitch tokens").click();
    await other.page.locator(".sentence").waitFor({ timeout: LONG_MS });
    truth = JSON.parse(await saved(other.page, "Save report (JSON)"));
    await other.context.close();
  }
  await page.evaluate(`(async (session, report) => {
    session.reports.exhaustive = report;
    session.show("exhaustive");
  })(${SESSION}, ${JSON.stringify(truth)})`);
  assert.equal(await page.evaluate(`${SESSION}.model.info.device.kind`), device);
  return opened;
}

/** What differs between two panels of verdicts on the same tokens; values are compared as far as sums in another order reach. */
function differences(a, b) {
  assert.deepEqual(a.ids, b.ids);
  return a.verdicts.flatMap((verdict, i) => {
    const other = b.verdicts[i];
    assert.equal(verdict.oracle, other.oracle);
    assert.ok(verdict.passed.length === a.ids.length && other.passed.length === a.ids.length);
    return a.ids.filter((_, row) => verdict.passed[row] !== other.passed[row]
      || !(Math.abs(verdict.value[row] - other.value[row]) <= 1e-3 * Math.max(1, Math.abs(verdict.value[row]))))
      .map((id) => `${verdict.oracle}: ${id}`);
  });
}

test("every oracle gives the same verdicts on either device", { timeout: 2 * LONG_MS }, async () => {
  const panels = [];
  for (const device of DEVICES) {
    const start = Date.now();
    // A round over a few large communities, of which a few tokens are asked: a search that is over soon.
    const { page, context, errors } = await openPage(browser, `${server.url}/#device=${device}&resolution=0.01&sample_fraction=0&sample_min=5&max_rounds=1&verify_final=false&n_controls=4&attempts=3`);
    await ready(page);
    const ids = await page.evaluate(`${SESSION}.offers.map(({ id }) => id)`);
    assert.equal(ids.length, 11);
    await page.evaluate(`location.hash += "&oracle=${ids.join(",")}"`);
    await page.waitForFunction(`${SESSION}.options.oracles.length === 11`);
    await button(page, "Find glitch tokens").click();
    await page.locator("gs-agreement .matrix").waitFor({ timeout: LONG_MS });
    const report = JSON.parse(await saved(page, "Save report (JSON)"));
    assert.equal(report.provenance.device.kind, device);
    assert.ok(report.panel.ids.length >= 8, `${report.panel.ids.length} tokens`);
    assert.equal(report.labels.length, report.glitch_tokens.length);
    panels.push(report.panel);
    said(device, `${report.panel.ids.length} tokens by 11 oracles`, start);
    await context.close();
    assert.deepEqual(errors, []);
  }
  assert.deepEqual(differences(...panels), []);
  // Negative control.
  const turned = structuredClone(panels[0]);
  turned.verdicts[3].passed[0] = !turned.verdicts[3].passed[0];
  assert.equal(differences(panels[0], turned).length, 1);
});

for (const device of DEVICES) {
  test(`run all and compare on the ${device}`, { timeout: 2 * LONG_MS }, async () => {
    const { page, context, errors } = await withTruth(device, "&resolution=7.2");
    const seeds = page.locator("input.seeds");
    await seeds.fill("1");
    await seeds.press("Tab");
    // GlitchMiner's thousand questions take minutes where the GPU is software; a hundred take the same way.
    const budget = device === "gpu" ? 100 : 1_000;
    await page.evaluate(`((session, budget) => {
      const compare = session.core.compare.bind(session.core);
      session.core.compare = (truth, options, names, seeds, _, on) => compare(truth, options, names, seeds, budget, on);
    })(${SESSION}, ${budget})`);
    const start = Date.now();
    await button(page, "Run all and compare").click();
    await page.getByText(/12 detectors over 1 seeds?, against/).waitFor({ timeout: LONG_MS });
    said(device, "12 detectors", start);
    const { detectors } = await page.evaluate(`({ detectors: ${SESSION}.detectors })`);
    assert.equal(detectors.status, "complete");
    assert.equal(detectors.glitch_tokens, truth.glitch_tokens.length);
    const recall = (name) => detectors.rows.find(({ info }) => info.name === name).recall.mean;
    assert.ok(recall("glitchhunter") > 0.8 && recall("glitchprober") > 0.5, JSON.stringify(detectors.rows.map(({ info, recall }) => [info.name, recall.mean])));
    const miner = detectors.rows.find(({ info }) => info.name === "glitchminer");
    assert.ok(miner.queries.mean > 0 && miner.queries.mean <= budget && (device === "gpu" || miner.recall.mean > 0.5), JSON.stringify(miner));
    assert.ok(detectors.rows.every(({ info, precision }) => !info.is_verified || precision.mean === 1));
    const csv = (await saved(page, "CSV", page.locator("gs-recall"))).toString();
    assert.equal(csv.trim().split("\r\n").length, 1 + 12 + 12);
    await context.close();
    assert.deepEqual(errors, []);
  });

  test(`repairs on the ${device} give files that differ where they should`, { timeout: LONG_MS }, async () => {
    const { page, context, errors } = await withTruth(device);
    const start = Date.now();
    await page.getByText("By id").click();
    const ids = truth.glitch_tokens.slice(-3);
    await page.getByPlaceholder("2222, 3000").fill(ids.join(", "));
    await button(page, "Repair 3 tokens").click();
    await page.locator("gs-repair .sentence").waitFor({ timeout: LONG_MS });
    const tokenizer = JSON.parse(await saved(page, "Save tokenizer.json"));
    const original = JSON.parse(readFileSync(join(SPECIMEN, "tokenizer.json"), "utf8"));
    const proof = JSON.parse(await saved(page, "Save the proof (JSON)"));
    assert.equal(tokenizer.model.merges.length, original.model.merges.length - proof.merges_removed);
    assert.equal(proof.tokens.length + proof.refused.length, 3);
    assert.equal(proof.others_before, proof.others_after);
    tokenizer.model.merges = original.model.merges;
    assert.deepEqual(tokenizer, original);

    await page.getByText("Mean row").click();
    await button(page, "Repair 3 tokens").click();
    await page.locator("gs-repair").getByText("Loss on the text").waitFor({ timeout: LONG_MS });
    const weights = await saved(page, "Save model.safetensors");
    const before = readFileSync(join(SPECIMEN, "model.safetensors"));
    assert.equal(weights.length, before.length);
    const changed = [...before.keys()].filter((at) => before[at] !== weights[at]);
    assert.ok(changed.length > 0 && changed.length <= 3 * 256, `${changed.length} bytes`);
    const rows = JSON.parse(await saved(page, "Save the proof (JSON)"));
    assert.deepEqual(rows.rows.map(({ id }) => id), [...ids].sort((a, b) => a - b));
    assert.equal(rows.failed_before, 3);
    said(device, "two repairs of three tokens", start);
    await context.close();
    assert.deepEqual(errors, []);
  });

  test(`two precisions are compared on the ${device}`, { timeout: 2 * LONG_MS }, async () => {
    const { page, context, errors } = await withTruth(device);
    const start = Date.now();
    await button(page, "Compare with another model").click();
    const second = page.locator("gs-further-model section");
    await second.getByText("The loaded model again").click();
    await second.getByText("8 bits").click();
    await second.getByText(device === "gpu" ? "GPU" : "CPU", { exact: true }).click();
    await button(second, "Load it beside the first").click();
    await second.getByText(/specimen, 1\.1 M parameters, Q8_0/).waitFor({ timeout: 60_000 });
    // A software GPU takes minutes for every token; a round over a few large clusters goes the same way.
    if (device === "gpu") {
      await page.evaluate(`(({ core }) => {
        const scan = core.scan.bind(core);
        const few = { method: "glitchhunter", resolution: 1, max_rounds: 1, verify_final: false, sample_max: 20 };
        core.scan = (options, ...rest) => scan({ ...options, ...few }, ...rest);
      })(${SESSION}.other)`);
      assert.equal(await page.evaluate(`${SESSION}.other.model.info.device.kind`), "gpu");
    }
    await button(page, "Scan both and compare").click();
    await page.locator("gs-diff .sentence").waitFor({ timeout: LONG_MS });
    const compared = JSON.parse(await saved(page, "Save comparison (JSON)"));
    const n = compared.tokens.id_a.length;
    assert.ok(n > (device === "gpu" ? 60 : 2_900) && compared.flips.length < n / 20, `${compared.flips.length} of ${n}`);
    assert.ok(compared.indicators.length >= 5);
    said(device, "two precisions", start);
    await context.close();
    assert.deepEqual(errors, []);
  });
}
