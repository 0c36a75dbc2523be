// Oracle: the closed form (a text repeated n times), and the page's own rules (no console
// error, no axe finding). The page as it ships, with the real core: texts counted, tokens repaired, files saved.
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { launch, repository, serve } from "./browser.mjs";
import { AXE, eventually, openPage } from "./support.mjs";

let browser, server, page, context, errors, report;

const lab = () => page.locator("gs-glitch-lab");
const button = (name) => page.getByRole("button", { name });
const saved = async (name) => {
  const [download] = await Promise.all([page.waitForEvent("download"), button(name).click()]);
  return readFileSync(await download.path());
};
const choose = async (name, files) => {
  const [chooser] = await Promise.all([page.waitForEvent("filechooser"), button(name).click()]);
  await chooser.setFiles(files);
};

before(async () => {
  server = await serve({ "/": join(repository, "www/dist") });
  browser = await launch();
  ({ page, context, errors } = await openPage(browser, `${server.url}/#device=cpu`));
  await button("Find glitch tokens").and(page.locator(":enabled")).waitFor({ timeout: 60_000 });
  await button("Find glitch tokens").click();
  await page.getByText("The search found").waitFor({ timeout: 300_000 });
  report = JSON.parse(await saved("Save report"));
  assert.ok(report.glitch_tokens.length > 0);
});
after(async () => {
  await context?.close();
  await browser?.close();
  await server?.close();
});

test("glitch tokens are counted in files, and shown in their context", async () => {
  const folder = mkdtempSync(join(tmpdir(), "glitchscope-corpus-"));
  const glitch = report.tokens.text[report.glitch_tokens[0]];
  const line = `${JSON.stringify({ instruction: `Say ${glitch} twice.`, input: "", output: `${glitch} <b>${glitch}</b>` })}\n`;
  const paths = [join(folder, "a.jsonl"), join(folder, "b.txt")];
  writeFileSync(paths[0], `${line.repeat(500)}nonsense\n`);
  writeFileSync(paths[1], "a garden\n");
  await choose("Choose texts", paths);
  await button(/Count .* glitch tokens/).click();
  await page.locator("gs-prevalence .sentence").waitFor({ timeout: 60_000 });
  const result = JSON.parse(await saved("Save counts"));
  assert.equal(result.status, "complete");
  assert.deepEqual([result.files[0].count.documents, result.files[0].broken, result.files[1].count.documents], [500, 1, 1]);
  const { tokens, glitch_tokens: hits } = result.files[0].count;
  assert.ok(hits >= 500 && hits % 500 === 0 && tokens % 500 === 0, `${hits} of ${tokens}`);
  assert.equal(result.ratio, (hits + result.files[1].count.glitch_tokens) / (tokens + result.files[1].count.tokens));
  await eventually(async () => assert.ok(await page.locator("gs-prevalence .excerpt gs-token").count() > 0));
  await eventually(async () => assert.match((await saved("Save documents")).toString(), /^file,document,line/));
  await eventually(async () => assert.match((await saved("Save tokens")).toString(), /^id,token,count/));
});

test("rows of Parquet are counted like the same records as JSON", async () => {
  const golden = join(repository, "tests/golden/corpus");
  await choose("Choose texts", [join(golden, "alpaca.json"), join(golden, "alpaca.parquet")]);
  await button(/Count .* glitch tokens/).click();
  await page.locator("gs-prevalence .sentence").waitFor({ timeout: 60_000 });
  const [json, parquet] = JSON.parse(await saved("Save counts")).files;
  assert.equal(json.count.documents, 60);
  assert.deepEqual(parquet.count, json.count);
  assert.deepEqual([parquet.name, parquet.layouts], ["alpaca.parquet.jsonl", json.layouts]);
});

test("where no text can be read the answer says so, and why", async () => {
  const file = join(mkdtempSync(join(tmpdir(), "glitchscope-corpus-")), "broken.json");
  writeFileSync(file, "[");
  await choose("Choose texts", file);
  await button(/Count .* glitch tokens/).click();
  await page.locator("gs-prevalence .sentence", { hasText: "No text could be read" }).waitFor({ timeout: 60_000 });
  await eventually(async () => assert.ok((await page.locator("gs-prevalence td .warn").first().innerText()).length > 10));
});

test("a count can be cancelled and keeps what it has", async () => {
  const file = join(mkdtempSync(join(tmpdir(), "glitchscope-corpus-")), "long.txt");
  writeFileSync(file, "a garden and a question for the teacher\n".repeat(3_000_000));
  await choose("Choose texts", file);
  await button(/Count .* glitch tokens/).click();
  await page.locator("gs-prevalence gs-progress").getByRole("button", { name: "Cancel" }).click();
  await page.locator("gs-prevalence .sentence").filter({ hasText: "Cancelled." }).waitFor({ timeout: 10_000 });
});

test("the panels are accessible with a repair in view, and nothing was logged", async () => {
  await page.getByText("By id").click();
  await page.getByPlaceholder("2222, 3000").fill(report.glitch_tokens.slice(-3).join(", "));
  await button("Repair 3 tokens").click();
  await page.locator("gs-repair .sentence").waitFor({ timeout: 120_000 });
  // Through the debugger, which the page's content policy does not concern.
  await page.evaluate(readFileSync(AXE, "utf8"));
  const { violations } = await page.evaluate(() => globalThis.axe.run(document, { rules: { "color-contrast": { enabled: true } } }));
  assert.deepEqual(violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target.join(" ")).join(", ")}`), []);
  await eventually(async () => assert.equal(await lab().count(), 1));
  assert.deepEqual(errors, []);
});
