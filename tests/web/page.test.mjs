// Oracle: what a person sees. The built page in Chromium on a scripted core that does exactly what a test needs.
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { launch, serve } from "./browser.mjs";
import { AXE, eventually, openPage, scriptedBuild, watchShifts } from "./support.mjs";

let browser, server, dist;

before(async () => {
  dist = scriptedBuild();
  const specimen = `${dist}/specimen/`;
  server = await serve({
    "/": `${dist}/`, "/slow/": specimen, "/hang/": specimen, "/broken/": specimen, "/untestable/": specimen, "/large/": specimen, "/empty/": join(dist, "assets/"),
  });
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await server?.close();
});

const runButton = (page) => page.getByRole("button", { name: "Find glitch tokens" });

async function loaded(options = {}, fragment = "") {
  const opened = await openPage(browser, `${server.url}/${fragment.replaceAll("$", server.url)}`, options);
  await runButton(opened.page).and(opened.page.locator(":enabled")).waitFor({ timeout: 10_000 });
  return opened;
}

const done = async ({ context, errors }) => {
  await context.close();
  assert.deepEqual(errors, []);
};

const count = async (page, verdict) => Number((await page.locator("gs-map .legend button", { hasText: verdict }).locator(".n").innerText()).replaceAll(",", ""));

test("first view: a sentence, the specimen loaded, one button; then a scan that answers", async () => {
  const opened = await loaded();
  const { page } = opened;
  await eventually(async () => assert.equal(await page.locator("h1").innerText(), "Which tokens can this model not repeat?"));
  await eventually(async () => assert.match(await page.locator("gs-model-bar header").innerText(), /specimen, 1\.1 M parameters, F16, CPU/));
  await eventually(async () => assert.equal(await page.locator("button.primary:visible").count(), 1));
  await eventually(async () => assert.match(await page.locator(".device").innerText(), /Runs on the CPU: wasm simd128, f32.*Why: no usable GPU/));
  await runButton(page).click();
  await page.getByText("The search found").waitFor();
  await eventually(async () => assert.equal(await count(page, "glitch"), 354));
  await eventually(async () => assert.match(await page.locator(".sentence").innerText(), /found 354 tokens .* asking about 1,263 of the 3,946/));
  await eventually(async () => assert.equal(await page.locator("gs-table [role=grid]").getAttribute("aria-rowcount"), "355"));
  await done(opened);
});

test("compare both: precision, recall, share; a number leads to its rows", async () => {
  const opened = await loaded();
  const { page } = opened;
  await page.getByText("Compare both").click();
  await runButton(page).click();
  await page.locator("dl.numbers").waitFor();
  const numbers = await page.locator("dl.numbers .value").allInnerTexts();
  assert.deepEqual(numbers, ["100 %", "98 %", "32 %"]);
  await page.locator("dl.numbers").getByRole("button", { name: "7" }).click();
  await eventually(async () => assert.equal(await page.locator("gs-table [role=grid]").getAttribute("aria-rowcount"), "8"));
  await eventually(async () => assert.equal(await page.locator("input[type=search]").inputValue(), "search:missed"));
  await page.getByRole("button", { name: "Compare resolutions" }).click();
  await page.locator("gs-granularity figcaption").waitFor();
  await eventually(async () => assert.match(await page.locator("gs-granularity figcaption").innerText(), /At resolution .* finds .* of the glitch tokens with .* of the questions/));
  await done(opened);
});

test("cancel: within a second, and what was found stays", async () => {
  const opened = await loaded({}, "#model=$/slow/");
  const { page } = opened;
  await runButton(page).click();
  await page.waitForFunction(() => document.querySelector("gs-app").shadowRoot.querySelector("gs-glitch-lab").session.rows.counts()[2] > 3);
  await page.getByRole("button", { name: "Cancel" }).click();
  await page.getByText("Cancelled. Until then").waitFor({ timeout: 1_500 });
  const found = await count(page, "glitch");
  assert.ok(found > 3, `${found} kept`);
  await runButton(page).and(page.locator(":enabled")).waitFor();
  await done(opened);
});

test("hard cancel: a worker that does not pause is ended, what was found stays, the model comes back", async () => {
  const opened = await loaded({}, "#model=$/hang/");
  const { page } = opened;
  await runButton(page).click();
  await page.waitForFunction(() => document.querySelector("gs-app").shadowRoot.querySelector("gs-glitch-lab").session.rows.counts()[2] > 3);
  await page.waitForTimeout(300);
  await page.getByRole("button", { name: "Cancel" }).click();
  await page.getByText("Cancelled. Until then").waitFor({ timeout: 3_000 });
  await eventually(async () => assert.ok((await count(page, "glitch")) > 3));
  // The worker that took its place answers.
  await page.locator("gs-table .space .row:not([hidden])").first().click();
  await page.getByText("Most probable first tokens").waitFor({ timeout: 10_000 });
  const download = page.waitForEvent("download");
  await page.getByRole("button", { name: "Save report" }).click();
  const report = JSON.parse(readFileSync(await (await download).path(), "utf8"));
  assert.equal(report.status, "cancelled");
  assert.equal(report.probes.length + report.skipped.reduce((sum, { ids }) => sum + ids.length, 0), 4096);
  await done(opened);
});

test("token text is text: markup, controls, right-to-left, endless", async () => {
  const opened = await loaded();
  const { page } = opened;
  page.on("dialog", () => assert.fail("a token opened a dialog"));
  await runButton(page).click();
  await page.getByText("The search found").waitFor();
  const row = (text) => page.locator("gs-table .space .row", { hasText: text }).first();
  await eventually(async () => assert.equal(await row("<script>").locator(".token .chip").innerText(), "<script>alert(1)</script>"));
  await eventually(async () => assert.equal(await page.evaluate(() => document.querySelectorAll("script").length), 2));
  await page.getByRole("searchbox").fill("id:142,144,152,158");
  const chips = page.locator("gs-table .space .row:not([hidden]) .token .chip");
  await page.waitForFunction(() => document.querySelector("gs-app").shadowRoot.querySelector("gs-glitch-lab").shadowRoot.querySelector("gs-table").ids.length === 4);
  const texts = (await chips.allTextContents());
  assert.equal(texts[0], "RLOevilPDF");
  assert.equal(texts[1], "line⏎break␍⏎");
  assert.match(texts[2], /^A+…A+$/);
  assert.ok(texts[2].length < 45);
  assert.equal(texts[3], "empty");
  await chips.nth(2).click();
  await page.locator("gs-detail").getByRole("button", { name: /more/ }).click();
  await eventually(async () => assert.equal((await page.locator("gs-detail .title gs-token .chip").textContent()).trim(), "A".repeat(200)));
  await done(opened);
});

test("map and table pick the same token; keys step, open and leave", async () => {
  const opened = await loaded();
  const { page } = opened;
  await runButton(page).click();
  await page.getByText("The search found").waitFor();
  const picked = () => page.evaluate(() => document.querySelector("gs-app").shadowRoot.querySelector("gs-glitch-lab").session.picked);
  await page.locator("gs-map .stage").focus();
  await page.keyboard.press("ArrowRight");
  const first = await picked();
  assert.ok(Number.isInteger(first));
  await page.keyboard.press("ArrowRight");
  const second = await picked();
  assert.notEqual(second, first);
  // The map is brought up to date in a task of its own.
  const told = new RegExp(`token ${second}, (ok|glitch|not asked|skipped), cluster \\d+`);
  await page.locator("gs-map [aria-live]", { hasText: told }).waitFor({ state: "attached" });
  await page.keyboard.press("Enter");
  assert.equal(await page.evaluate(() => {
    let active = document.activeElement;
    while (active?.shadowRoot?.activeElement) active = active.shadowRoot.activeElement;
    return active.getRootNode().host?.tagName;
  }), "GS-DETAIL");
  await page.locator("gs-map .stage").focus();
  await page.keyboard.press("Escape");
  await eventually(async () => assert.equal(await picked(), null));
  // A click on a row, then a neighbour in the detail.
  await page.locator("gs-table .space .row:not([hidden])").nth(2).click();
  await eventually(async () => assert.equal(await picked(), 142));
  assert.match(page.url(), /#token=142$/);
  await page.locator("gs-detail li .shape").first().waitFor();
  await page.locator("gs-detail ol:not(.top) li gs-token button").first().click();
  await eventually(async () => assert.notEqual(await picked(), 142));
  await page.locator("gs-table .body").focus();
  await page.keyboard.press("Home");
  await eventually(async () => assert.equal(await picked(), 140));
  await page.keyboard.press("End");
  await page.keyboard.press("ArrowUp");
  await eventually(async () => assert.ok((await picked()) > 3_000));
  await eventually(async () => assert.equal(await page.locator("gs-table .row.picked").count(), 1));
  // A click on the map picks the nearest point.
  const { x, y } = await page.evaluate(() => {
    const map = document.querySelector("gs-app").shadowRoot.querySelector("gs-glitch-lab").shadowRoot.querySelector("gs-map");
    map.scrollIntoView();
    const box = map.shadowRoot.querySelector("canvas").getBoundingClientRect();
    const { graph } = map.rows;
    const vertex = graph.ids.indexOf(500);
    return { x: box.left + box.width / 2 + graph.x[vertex] * (box.width / 2 - 14), y: box.top + box.height / 2 - graph.y[vertex] * (box.height / 2 - 14) };
  });
  await page.mouse.click(x, y);
  await eventually(async () => assert.equal(await picked(), 500));
  await done(opened);
});

test("the rounds of a search: there once it has ended, looked at one by one, played, put away by the next scan", async () => {
  const opened = await loaded();
  const { page } = opened;
  const map = page.locator("gs-map");
  const rounds = map.locator(".rounds");
  await eventually(async () => assert.ok(await rounds.getByRole("button", { name: "Play its rounds" }).isDisabled()));
  await runButton(page).click();
  await page.locator(".sentence").waitFor();
  const select = rounds.locator("select");
  await eventually(async () => assert.deepEqual(await select.locator("option").allInnerTexts(), ["at its end", "round 1: clusters", "round 1: what stays", "round 2: clusters", "round 2: what stays"]));
  const caption = map.locator("figcaption");
  await select.selectOption("round 1: what stays");
  await eventually(async () => assert.match(await caption.innerText(), /^Round 1 ends: [\d,]+ tokens were asked about and \d+ of them failed\. 13 clusters with 380 tokens stay\.$/));
  // Of the state that is drawn: only tokens of clusters that stay have a colour.
  const coloured = () => page.evaluate(() => {
    const { state } = document.querySelector("gs-app").shadowRoot.querySelector("gs-glitch-lab").shadowRoot.querySelector("gs-map");
    let n = 0;
    for (let at = 1; at < state.length; at += 4) if (state[at] !== 255) n++;
    return n;
  });
  const left = Number(/with (\d+) tokens/.exec(await caption.innerText())[1]);
  await eventually(async () => assert.equal(await coloured(), left));
  await select.selectOption("round 1: clusters");
  await eventually(async () => assert.equal(await coloured(), 4_096));
  await rounds.getByRole("button", { name: "Play its rounds" }).click();
  await eventually(async () => assert.match(await caption.innerText(), /^Round 2 begins: 380 of 4,096 tokens are in play, in 13 clusters/));
  // It ends by itself, at the end of the search.
  await eventually(async () => assert.match(await caption.innerText(), /Token Embedding Graph/));
  await eventually(async () => assert.equal(await rounds.getByRole("button", { name: "Play its rounds" }).count(), 1));
  await rounds.getByRole("button", { name: "Play its rounds" }).click();
  await rounds.getByRole("button", { name: "Stop" }).click();
  await eventually(async () => assert.match(await caption.innerText(), /^Round 1 begins/));
  // What each cluster's sample says stands in the answer, and beside a token of it.
  await page.getByText("Rounds (2), ").click();
  const clusters = page.locator("gs-clusters");
  await eventually(async () => assert.match(await clusters.locator("p").innerText(), /would have gone unnoticed with a probability of 10 % to 10 %, 10 % in the median/));
  await eventually(async () => assert.equal(await clusters.locator("tbody tr").count(), 12));
  await clusters.getByRole("button", { name: /^Show \d+ more of \d+/ }).click();
  await eventually(async () => assert.ok((await clusters.locator("tbody tr").count()) > 12));
  await clusters.locator("select").selectOption("2");
  await eventually(async () => assert.deepEqual(await clusters.locator("tbody td:last-child").allInnerTexts(), Array(12).fill("yes")));
  await clusters.locator("select").selectOption("1");
  await clusters.locator("tbody button.link").first().click();
  await eventually(async () => assert.match(await page.locator("input[type=search]").inputValue(), /^cluster:\d+$/));
  await page.locator("gs-table .space .row:not([hidden])").first().click();
  await eventually(async () => assert.match(await page.locator("gs-detail dl").innerText(), /Of its sample of 5 out of 40, 0 failed: dropped\. .* with a probability of 10 %/s));
  await runButton(page).click();
  await eventually(async () => assert.doesNotMatch(await caption.innerText(), /^Round/));
  await done(opened);
});

test("filter and legend: text, regular expression, field; a mistake is named", async () => {
  const opened = await loaded();
  const { page } = opened;
  await runButton(page).click();
  await page.getByText("The search found").waitFor();
  const listed = async () => Number(await page.locator("gs-table [role=grid]").getAttribute("aria-rowcount")) - 1;
  // A table is filtered in slices, so that nothing freezes: for a moment the old rows stand.
  const settles = async (is) => {
    for (const end = Date.now() + 5_000; ;) {
      const rows = await listed();
      if (is(rows) || Date.now() > end) return rows;
      await page.waitForTimeout(20);
    }
  };
  const box = page.getByRole("searchbox");
  await box.fill("magikarp");
  await eventually(async () => assert.equal(await settles((rows) => rows === 1), 1));
  await box.fill("/^ SolidG/");
  await page.locator("gs-table .space .row:not([hidden])", { hasText: "SolidG" }).waitFor();
  await eventually(async () => assert.equal(await settles((rows) => rows === 1), 1));
  await box.fill("p:<0.001");
  const few = await settles((rows) => rows > 1 && rows < 354);
  assert.ok(few > 0 && few < 354);
  await box.fill("/[/");
  await eventually(async () => assert.match(await page.locator(".filter-problem").innerText(), /not a regular expression/));
  await box.fill("");
  await page.locator("gs-map .legend button", { hasText: "glitch" }).click();
  await eventually(async () => assert.equal(await settles((rows) => rows === 0), 0));
  await eventually(async () => assert.match(await page.locator("gs-table .empty").innerText(), /No token matches/));
  await page.locator("gs-map .legend button", { hasText: "glitch" }).click();
  await page.getByText("All", { exact: true }).click();
  await eventually(async () => assert.equal(await settles((rows) => rows === 4096), 4096));
  await page.getByRole("columnheader", { name: "p(target)" }).click();
  await page.getByRole("columnheader", { name: "p(target)" }).click();
  await eventually(async () => assert.equal(await page.getByRole("columnheader", { name: "p(target)" }).getAttribute("aria-sort"), "descending"));
  const values = await page.locator("gs-table .space .row:not([hidden]) .p").allInnerTexts();
  assert.deepEqual(values, [...values].sort((a, b) => Number(b) - Number(a)));
  await done(opened);
});

test("a report is saved, opened again without its model, and a wrong file is refused with words", async () => {
  const opened = await loaded();
  const { page } = opened;
  await runButton(page).click();
  await page.getByText("The search found").waitFor();
  const [json] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "Save report" }).click()]);
  assert.equal(json.suggestedFilename(), "glitchscope-specimen-glitchhunter.json");
  const [csv] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "Save table" }).click()]);
  await eventually(async () => assert.match(readFileSync(await csv.path(), "utf8"), /^id,passed\r\n/));
  const [png] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "Save map" }).click()]);
  await eventually(async () => assert.equal(readFileSync(await png.path()).subarray(1, 4).toString(), "PNG"));
  const saved = JSON.parse(readFileSync(await json.path(), "utf8"));
  assert.ok(saved.timings.some(({ stage }) => stage === "probing"));
  await done(opened);

  const folder = mkdtempSync(join(tmpdir(), "glitchscope-"));
  writeFileSync(join(folder, "report.json"), JSON.stringify(saved));
  writeFileSync(join(folder, "other.json"), '{"schema":"glitchscope.scan",');
  const again = await openPage(browser, `${server.url}/#model=${server.url}/empty/`);
  await again.page.getByText("The model could not be loaded").waitFor();
  await again.page.getByRole("button", { name: "Change", exact: true }).click();
  await again.page.locator("#report").setInputFiles(join(folder, "report.json"));
  await again.page.getByText("Shown from the file report.json").waitFor();
  await eventually(async () => assert.equal(await count(again.page, "glitch"), 354));
  await again.page.locator("gs-table .space .row:not([hidden])").nth(1).click();
  await eventually(async () => assert.match(await again.page.locator("gs-detail section").innerText(), /Nearest neighbours/));
  await eventually(async () => assert.match(await again.page.locator("gs-detail section").innerText(), /Prompt, as the model saw it/));
  await again.page.getByRole("button", { name: "Change", exact: true }).click();
  await again.page.locator("#report").setInputFiles(join(folder, "other.json"));
  await again.page.getByText("The report could not be opened").waitFor();
  await eventually(async () => assert.equal(await count(again.page, "glitch"), 354, "the report that was open stays"));
  await again.context.close();
  // The folder without a model answers 404, which the browser itself writes to the console.
  assert.deepEqual(again.errors.filter((error) => !/404/.test(error)), []);
});

test("models: picked files are named before they are loaded; an address; an error says what, why and what next", async () => {
  const opened = await loaded();
  const { page } = opened;
  await page.getByRole("button", { name: "Change", exact: true }).click();
  await page.locator("#files").setInputFiles([join(dist, "specimen/model.safetensors")]);
  await page.getByText("Missing: config.json, tokenizer.json").waitFor();
  await eventually(async () => assert.equal(await page.getByRole("button", { name: "Load this model" }).count(), 0));
  await page.locator("#files").setInputFiles(["config.json", "model.safetensors", "tokenizer.json"].map((name) => join(dist, "specimen", name)));
  await page.getByText("Recognised a model").waitFor();
  await page.getByRole("button", { name: "Load this model" }).click();
  await runButton(page).and(page.locator(":enabled")).waitFor();
  await page.getByRole("button", { name: "Change", exact: true }).click();
  await page.getByRole("textbox", { name: "From an address" }).fill("not an address");
  await page.getByRole("textbox", { name: "From an address" }).press("Enter");
  await page.getByText("neither owner/name nor an address").waitFor();
  await page.getByRole("textbox", { name: "From an address" }).fill(`${server.url}/broken/`);
  await page.getByRole("textbox", { name: "From an address" }).press("Enter");
  await page.getByText("the header says 2,136,256 bytes").waitFor();
  await page.getByText("The download was cut short").waitFor();
  await page.getByRole("button", { name: "Copy details" }).waitFor();
  await done(opened);
});

test("a GPU that is not there: an error with a button for the CPU", async () => {
  const opened = await loaded();
  const { page } = opened;
  await page.getByRole("button", { name: "Change", exact: true }).click();
  await page.locator("gs-model-dialog").getByText("GPU", { exact: true }).click();
  await page.getByText("no usable GPU").waitFor();
  await page.getByRole("button", { name: "Use the CPU" }).click();
  await page.locator(".device", { hasText: "Why: the CPU was asked for" }).waitFor();
  assert.match(page.url(), /#device=cpu$/);
  await done(opened);
});

test("files dropped anywhere on the page are recognised", async () => {
  const opened = await loaded();
  const { page } = opened;
  await page.evaluate(() => {
    const transfer = new DataTransfer();
    transfer.items.add(new File(["{}"], "config.json"));
    transfer.items.add(new File(["x"], "model.safetensors"));
    for (const name of ["dragenter", "dragover", "drop"]) {
      document.body.dispatchEvent(new DragEvent(name, { dataTransfer: transfer, bubbles: true, cancelable: true, composed: true }));
    }
  });
  await page.getByText("Recognised a model").waitFor();
  await page.getByText("Missing: tokenizer.json").waitFor();
  await done(opened);
});

test("a model that fails ordinary words is called untestable, and its map is there", async () => {
  const opened = await loaded({}, "#model=$/untestable/");
  const { page } = opened;
  await runButton(page).click();
  await page.getByText("cannot be tested in this way: 0 of 24 ordinary words pass").waitFor();
  await eventually(async () => assert.match(await page.locator("gs-map figcaption").innerText(), /Token Embedding Graph/));
  // Scanned all the same, it carries the warning wherever its numbers stand, and so does nothing else afterwards.
  await page.getByRole("button", { name: "Scan all the same" }).click();
  await page.getByText("The search found").waitFor();
  await eventually(async () => assert.match(await page.locator(".answer .caution").innerText(), /passed only 0 of 24 ordinary words .* say nothing certain/));
  await eventually(async () => assert.equal(await page.locator(".caution").count(), 2));
  assert.match(page.url(), /despite_controls=true/);
  const download = page.waitForEvent("download");
  await page.getByRole("button", { name: "Save report" }).click();
  const { controls } = JSON.parse(readFileSync(await (await download).path(), "utf8"));
  assert.deepEqual([controls.testable, controls.overridden, controls.passed], [false, true, 0]);
  await page.getByRole("button", { name: "Change", exact: true }).click();
  await page.getByRole("button", { name: "Load the built-in model" }).click();
  await runButton(page).and(page.locator(":enabled")).waitFor();
  assert.doesNotMatch(page.url(), /despite_controls/);
  await runButton(page).click();
  await page.getByText("The search found").waitFor();
  await eventually(async () => assert.equal(await page.locator(".caution").count(), 0));
  await done(opened);
});

test("two models: loaded side by side, scanned with one button, compared, put away", async () => {
  const opened = await loaded({ bypassCSP: true });
  const { page } = opened;
  await page.getByRole("button", { name: "Compare with another model" }).click();
  const second = page.locator("gs-further-model section");
  const both = page.getByRole("button", { name: "Scan both and compare" });
  await eventually(async () => assert.ok(await both.isDisabled()));
  // What cannot be loaded says why and hurts nobody.
  await second.getByText("Address or id").click();
  await second.getByRole("textbox").first().fill("nonsense");
  await second.getByRole("button", { name: "Load it beside the first" }).click();
  await second.getByText("neither owner/name nor an address").waitFor();
  await second.getByRole("textbox").first().fill(`${server.url}/broken/`);
  await second.getByRole("button", { name: "Load it beside the first" }).click();
  await second.getByText("the header says 2,136,256 bytes").waitFor();
  await eventually(async () => assert.match(await page.locator("gs-model-bar header").innerText(), /specimen/));
  // Loading takes its time and can be cancelled.
  await second.getByRole("textbox").first().fill(`${server.url}/slow/`);
  await second.getByRole("button", { name: "Load it beside the first" }).click();
  await second.getByRole("button", { name: "Cancel" }).click();
  await second.getByText("a worker and memory of its own").waitFor({ timeout: 3_000 });
  // The loaded model again, in another precision.
  await second.getByText("The loaded model again").click();
  await second.getByText("8 bits").click();
  await second.getByRole("button", { name: "Load it beside the first" }).click();
  await second.getByText("specimen, 1.1 M parameters, Q8_0, CPU").waitFor();
  await both.click();
  await page.locator("gs-diff .sentence").waitFor();
  await eventually(async () => assert.match(await page.locator("gs-diff .sentence").innerText(), /361 fail in both, 0 only in the first and 10 only in the second/));
  await eventually(async () => assert.match(await page.locator("gs-diff .facts").innerText(), /weights\s+F16\s+Q8_0/));
  await eventually(async () => assert.equal(await page.locator("gs-diff .flips tbody tr").count(), 10));
  await eventually(async () => assert.equal(await page.locator("gs-diff .flips td.answer").count(), 20));
  await page.locator("gs-diff select").selectOption("indicator:magikarp-input-norm");
  await eventually(async () => assert.match(await page.locator("gs-diff figcaption").innerText(), /Both axes are linear\. It changes by/));
  await page.addScriptTag({ path: AXE });
  const violations = await page.evaluate(async () => (await globalThis.axe.run(document, { resultTypes: ["violations"] })).violations.map(({ id, nodes }) => `${id}: ${nodes[0].html}`));
  assert.deepEqual(violations, []);
  // The whole scan of the first is there: only the second is asked again, and a cancel ends it.
  await second.getByText("Address or id").click();
  await second.getByRole("textbox").first().fill(`${server.url}/slow/`);
  await second.getByRole("button", { name: "Load it beside the first" }).click();
  await second.getByText("slow, 1.1 M parameters").waitFor({ timeout: 10_000 });
  await both.click();
  await page.locator(".comparison gs-progress").getByText("2 of 2").waitFor();
  await page.locator(".comparison gs-progress").getByRole("button", { name: "Cancel" }).click();
  await both.and(page.locator(":enabled")).waitFor({ timeout: 5_000 });
  await eventually(async () => assert.equal(await page.locator("gs-failure").count(), 0));
  await second.getByRole("button", { name: "Put this model away" }).click();
  await eventually(async () => assert.equal(await second.count(), 0));
  await done(opened);
});

test("settings: defaults with sources, presets of the resolution, a link that restores them", async () => {
  const opened = await loaded();
  const { page } = opened;
  await page.getByText("Settings").click();
  await eventually(async () => assert.match(await page.locator(".settings").innerText(), /Default 50, paper/));
  await page.getByRole("button", { name: "scaled: 9.6 = 75·4096/32,000" }).click();
  await page.getByLabel("Seed").fill("7");
  await page.getByLabel("Seed").press("Tab");
  await page.getByLabel("Neighbours of a token").fill("1");
  await page.getByLabel("Neighbours of a token").press("Tab");
  await eventually(async () => assert.equal(await page.getByLabel("Neighbours of a token").inputValue(), "50", "a value out of range is not taken"));
  const link = page.url();
  assert.match(link, /#resolution=9\.6&seed=7$/);
  await done(opened);
  const again = await openPage(browser, link);
  await again.page.getByText("2 changed").waitFor();
  await done(again);
});

const SEVERAL = "#method=exhaustive&oracle=repetition-zero-shot,glitchhunter-zero-shot,repetition-sampled";

test("oracles: one leads, others are asked alongside, prompts to the byte, and a link restores the choice", async () => {
  const opened = await loaded();
  const { page } = opened;
  const choice = page.locator("gs-oracles");
  await choice.locator("summary").first().click();
  await choice.getByRole("checkbox", { name: "ask glitchhunter-zero-shot too" }).check();
  await eventually(async () => assert.match(await choice.getByRole("status").innerText(), /asked of each token: 2\..*One pass of repetition-zero-shot serves repetition-zero-shot, glitchhunter-zero-shot/));
  await choice.getByRole("radio", { name: "glitchhunter-zero-shot leads the scan" }).check();
  await eventually(async () => assert.match(await choice.locator("summary").first().innerText(), /Oracle: glitchhunter-zero-shot and 1 alongside/));
  await choice.getByRole("checkbox", { name: "ask repetition-sampled too" }).check();
  await page.getByLabel("Answers drawn").fill("3");
  await page.getByLabel("Answers drawn").press("Tab");
  await eventually(async () => assert.ok(await choice.getByRole("radio", { name: "magikarp-max-prob leads the scan" }).isDisabled()));
  await eventually(async () => assert.match(await choice.locator(".list").innerText(), /the prompt needs 600 tokens, the model's context is 512/));
  await choice.getByText("The model has no chat template").waitFor();
  await choice.locator("li details summary").first().click();
  await eventually(async () => assert.equal(await choice.locator("li pre").first().innerText(), "Question: 'token' Answer:"));
  await eventually(async () => assert.match(await choice.locator("li .prompt").first().innerText(), /places of the token: 1; 20 bytes of text, 9 ids/));
  const link = page.url();
  assert.match(decodeURIComponent(link), /#oracle=glitchhunter-zero-shot,repetition-zero-shot,repetition-sampled&attempts=3$/);
  await done(opened);
  const again = await openPage(browser, link);
  await runButton(again.page).and(again.page.locator(":enabled")).waitFor();
  await eventually(async () => assert.match(await again.page.locator("gs-oracles summary").first().innerText(), /glitchhunter-zero-shot and 2 alongside; 3 questions/));
  await done(again);
});

test("several oracles: counts with controls, a matrix whose cells list what differs, the detail of each", async () => {
  const opened = await loaded({}, SEVERAL);
  const { page } = opened;
  const listed = async () => Number(await page.locator("gs-table [role=grid]").getAttribute("aria-rowcount")) - 1;
  await runButton(page).click();
  await page.locator(".sentence").waitFor();
  await eventually(async () => assert.match(await page.locator(".sentence").innerText(), /361 of 4,096 tokens fail repetition-zero-shot/));
  const rows = await page.locator("gs-agreement .counts tbody tr").allInnerTexts();
  assert.match(rows[0], /repetition-zero-shot\s+361\s+361\s+24 \/ 24\s+leads/);
  assert.match(rows[2], /repetition-sampled\s+267.*3 \/ 24\s+fails ordinary words too/s);
  const cell = page.getByRole("button", { name: /repetition-zero-shot and glitchhunter-zero-shot: 361 tokens fail both, 0 only the first, 889 only the second/ });
  await eventually(async () => assert.match(await cell.first().innerText(), /κ 0\.50\s+≠ 889/));
  await cell.first().click();
  await eventually(async () => assert.equal(await listed(), 889));
  await eventually(async () => assert.equal(await page.getByRole("searchbox").inputValue(), "differ:repetition-zero-shot,glitchhunter-zero-shot"));
  await page.locator("gs-agreement .counts").getByRole("button", { name: "267" }).click();
  await eventually(async () => assert.equal(await listed(), 267));
  await page.locator("gs-table .space .row:not([hidden])").nth(1).click();
  const detail = page.locator("gs-detail section");
  await eventually(async () => assert.match(await detail.innerText(), /Why is this one flagged\?\s+It fails repetition-zero-shot: asked about it, the model answered .* Of the 2 other oracles it fails 2: glitchhunter-zero-shot, repetition-sampled\. In cluster \d+, \d+ of the \d+ others asked about fail\./s));
  await eventually(async () => assert.match(await detail.innerText(), /repetition-sampled\s+◆ glitch\s+0\.700\s+0\.40 – 0\.89/));
  await detail.getByText("Raw answers (3)").click();
  await eventually(async () => assert.match(await detail.locator("details.raw").innerText(), /attempts that failed: 7/));
  await page.getByRole("button", { name: "Read Magikarp's indicators" }).click();
  await detail.getByText("lowest", { exact: false }).first().waitFor();
  await done(opened);
});

test("a label is corrected by hand: counted, saved, and there when the report is opened again", async () => {
  const opened = await loaded();
  const { page } = opened;
  await runButton(page).click();
  await page.getByText("The search found").waitFor();
  await page.locator("details.labels > summary").click();
  const words = page.locator("details.labels tr", { hasText: "A words" });
  await eventually(async () => assert.match(await words.innerText(), /A words\s+0\s+0 %\s+Only letters/));
  const corrected = async (shown) => {
    await shown.locator("gs-table .space .row:not([hidden])").nth(4).click();
    await shown.locator("gs-detail .labels summary").first().click();
    return shown.locator("gs-detail .labels select").first();
  };
  await (await corrected(page)).selectOption("word");
  await eventually(async () => assert.match(await page.locator("gs-detail .labels").innerText(), /Type A, words.*Corrected by hand; the rule says beyond ASCII/s));
  await eventually(async () => assert.match(await words.innerText(), /A words\s+1/));
  await words.getByRole("button").click();
  await eventually(async () => assert.equal(await page.locator("gs-table [role=grid]").getAttribute("aria-rowcount"), "2"));
  const [json] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "Save report" }).click()]);
  const saved = JSON.parse(readFileSync(await json.path(), "utf8"));
  assert.deepEqual(saved.labels.filter((label) => label.corrected_type !== null).map(({ token_type, corrected_type }) => [token_type, corrected_type]), [["special", "word"]]);
  assert.deepEqual(saved.label_counts.types[0], ["word", 1]);
  await done(opened);
  const file = join(mkdtempSync(join(tmpdir(), "glitchscope-")), "report.json");
  writeFileSync(file, JSON.stringify(saved));
  const again = await loaded();
  await again.page.getByRole("button", { name: "Change", exact: true }).click();
  await again.page.locator("#report").setInputFiles(file);
  await again.page.getByText("Shown from the file report.json").waitFor();
  await eventually(async () => assert.equal(await (await corrected(again.page)).inputValue(), "word"));
  await eventually(async () => assert.match(await again.page.locator("details.labels").evaluate((details) => details.textContent), /Corrected by hand: 1/));
  await done(again);
});

test("run all and compare: asks about every token first, then a table, curves with a legend, CSV and SVG", async () => {
  const opened = await loaded();
  const { page } = opened;
  await page.getByRole("button", { name: "Ask about every token, then run all and compare" }).click();
  await page.getByText("12 detectors over 10 seeds, against 361 of 3,946 tokens that fail repetition-zero-shot").waitFor();
  await eventually(async () => assert.equal(await page.locator("gs-detectors tbody tr").count(), 12));
  await eventually(async () => assert.match(await page.locator("gs-detectors tbody tr").nth(3).innerText(), /glitchhunter\s+193\s+100 %\s+54 %\s+52 % – 56 %/));
  await eventually(async () => assert.match(await page.locator("gs-detectors .notes").innerText(), /magikarp-head-bias was left out/));
  await eventually(async () => assert.equal(await page.locator("gs-recall path.curve").count(), 12));
  await eventually(async () => assert.equal(await page.locator("gs-recall path.band").count(), 6));
  const legend = page.locator("gs-recall .legend").getByRole("button", { name: "glitchhunter", exact: true });
  await legend.focus();
  await eventually(async () => assert.equal(await page.locator("gs-recall path.curve.faded").count(), 11));
  await page.keyboard.press("Enter");
  await eventually(async () => assert.equal(await legend.getAttribute("aria-pressed"), "false"));
  await eventually(async () => assert.equal(await page.locator("gs-recall path.curve").count(), 11));
  const [csv] = await Promise.all([page.waitForEvent("download"), page.locator("gs-recall").getByRole("button", { name: "CSV" }).click()]);
  await eventually(async () => assert.equal(readFileSync(await csv.path(), "utf8").trim().split("\r\n").length, 13));
  const [svg] = await Promise.all([page.waitForEvent("download"), page.locator("gs-recall").getByRole("button", { name: "SVG" }).click()]);
  const drawn = readFileSync(await svg.path(), "utf8");
  assert.ok(drawn.startsWith("<svg ") && drawn.includes('xmlns="http://www.w3.org/2000/svg"') && drawn.includes('stroke="rgb(') && !drawn.includes("var("));
  await eventually(async () => assert.equal(await page.getByRole("button", { name: "Run all and compare" }).isEnabled(), true));
  await done(opened);
});

test("a comparison that is cancelled keeps the detectors that were done", async () => {
  const opened = await loaded({}, "#model=$/slow/&method=exhaustive");
  const { page } = opened;
  // The scan of the slow model takes its time too, and is not what this is about.
  await page.evaluate(() => {
    const { session } = document.querySelector("gs-app").shadowRoot.querySelector("gs-glitch-lab");
    const scan = session.core.scan.bind(session.core);
    session.core.scan = async (options, ...rest) => scan({ ...options, batch_size: 4096 }, ...rest);
  });
  await page.getByRole("button", { name: "Ask about every token, then run all and compare" }).click();
  await page.locator("gs-detectors tbody tr").nth(2).waitFor({ timeout: 30_000 });
  await page.getByRole("button", { name: "Cancel" }).click();
  await page.getByText(/Ended early: \d+ detectors/).waitFor({ timeout: 1_500 });
  await eventually(async () => assert.ok((await page.locator("gs-detectors tbody tr").count()) >= 3));
  await eventually(async () => assert.ok((await page.locator("gs-detectors tbody tr").count()) < 12));
  await done(opened);
});

test("150,000 tokens: the table holds a screenful of rows, scrolling and sorting work", async () => {
  const opened = await loaded({}, "#model=$/large/");
  const { page } = opened;
  await page.getByText("All", { exact: true }).click();
  await eventually(async () => assert.equal(await page.locator("gs-table [role=grid]").getAttribute("aria-rowcount"), "150001"));
  await eventually(async () => assert.ok((await page.locator("gs-table .space .row").count()) < 60));
  const body = page.locator("gs-table .body");
  await body.evaluate((element) => { element.scrollTop = element.scrollHeight; });
  await page.locator("gs-table .space .row:not([hidden])", { hasText: "149999" }).waitFor();
  await page.getByRole("columnheader", { name: "id" }).click();
  await runButton(page).click();
  await page.getByText("The search found").waitFor({ timeout: 60_000 });
  await done(opened);
});

test("nothing jumps while it loads and scans", async () => {
  for (const width of [360, 1280]) {
    const opened = await openPage(browser, `${server.url}/#model=${server.url}/slow/`, { viewport: { width, height: 800 } });
    const { page } = opened;
    const shifts = await watchShifts(page);
    await runButton(page).and(page.locator(":enabled")).waitFor();
    await runButton(page).click();
    await page.getByText("The search found").waitFor({ timeout: 20_000 });
    await page.waitForTimeout(300);
    const seen = await shifts();
    const sum = seen.reduce((total, { value }) => total + value, 0);
    assert.ok(sum <= 0.02, `at ${width} px: ${sum} ${JSON.stringify(seen)}`);
    await done(opened);
  }
});

test("the layout-shift watch notices a shift", async () => {
  const opened = await loaded();
  const shifts = await watchShifts(opened.page);
  await opened.page.evaluate(() => {
    const block = document.createElement("div");
    block.style.height = "200px";
    document.body.prepend(block);
  });
  await opened.page.waitForTimeout(200);
  await eventually(async () => assert.ok((await shifts()).reduce((total, { value }) => total + value, 0) > 0.02));
  await done(opened);
});

test("nothing is wider than a small phone", async () => {
  const opened = await loaded({ viewport: { width: 360, height: 740 } });
  const { page } = opened;
  await page.getByText("Compare both").click();
  await runButton(page).click();
  await page.locator("dl.numbers").waitFor();
  await page.getByText("Settings").click();
  await page.locator("gs-table .space .row:not([hidden])").first().click();
  await page.getByRole("button", { name: "Compare resolutions" }).click();
  await page.locator("gs-granularity svg").waitFor();
  await page.getByRole("button", { name: "Run all and compare" }).click();
  await page.getByText("12 detectors over").waitFor();
  await page.locator("gs-oracles summary").first().click();
  await page.locator("details.labels > summary").click();
  const wide = await page.evaluate(() => {
    const found = [];
    const walk = (root) => {
      for (const element of root.querySelectorAll("*")) {
        const box = element.getBoundingClientRect();
        if (box.width > 0 && box.right > innerWidth + 1 && !element.closest(".scroll") && !element.closest(".chip") && !element.closest(".visually-hidden")) found.push(`${element.tagName}.${element.className} ${box.right}`);
        if (element.shadowRoot) walk(element.shadowRoot);
      }
    };
    walk(document);
    return found;
  });
  assert.deepEqual(wide, []);
  await done(opened);
});

for (const colorScheme of ["light", "dark"]) {
  test(`axe finds nothing, ${colorScheme}`, async () => {
    const several = "#oracle=repetition-zero-shot,glitchhunter-zero-shot,repetition-sampled";
    const opened = await loaded({ colorScheme, bypassCSP: true, viewport: { width: 1280, height: 900 } }, several);
    const { page } = opened;
    await page.addScriptTag({ path: AXE });
    const violations = async (where) => (await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }))).violations
      .map(({ id, help, nodes }) => `${where}: ${id}: ${help}: ${nodes.map(({ target, any }) => `${JSON.stringify(target)} ${any[0]?.message ?? ""}`).slice(0, 4).join(" | ")}`);
    let found = await violations("first");
    await page.getByText("Compare both").click();
    await runButton(page).click();
    await page.locator("dl.numbers").waitFor();
    await page.locator("gs-table .space .row:not([hidden])").nth(3).click();
    await page.getByText("Most probable first tokens").waitFor();
    await page.getByRole("button", { name: "Compare resolutions" }).click();
    await page.locator("gs-granularity svg").waitFor();
    await page.getByRole("button", { name: "Run all and compare" }).click();
    await page.getByText("12 detectors over").waitFor();
    for (const summary of await page.locator("summary:visible").all()) {
      if (!(await summary.evaluate((element) => element.parentElement.open))) await summary.click();
    }
    found = found.concat(await violations("done"));
    await page.getByRole("button", { name: "Change", exact: true }).click();
    found = found.concat(await violations("dialog"));
    assert.deepEqual(found, []);
    await done(opened);
  });
}

test("Chinese: every word of the page, and it stays chosen", async () => {
  const opened = await loaded();
  const { page } = opened;
  await page.getByRole("button", { name: "切换到中文" }).click();
  await page.getByRole("button", { name: "查找故障词元" }).click();
  await page.getByText("搜索找到").waitFor();
  await eventually(async () => assert.equal(await page.evaluate(() => document.documentElement.lang), "zh"));
  await page.reload();
  await page.getByRole("button", { name: "查找故障词元" }).waitFor();
  await done(opened);
});

test("theme: the choice wins over the system and stays", async () => {
  const opened = await loaded({ colorScheme: "light" });
  const { page } = opened;
  const ground = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
  await eventually(async () => assert.equal(await ground(), "rgb(251, 250, 247)"));
  await page.getByRole("button", { name: /Theme/ }).click();
  await page.getByRole("button", { name: /Theme/ }).click();
  await eventually(async () => assert.equal(await ground(), "rgb(20, 22, 26)"));
  await page.reload();
  await eventually(async () => assert.equal(await ground(), "rgb(20, 22, 26)"));
  await done(opened);
});

test("offline after the first visit: the page, its worker and the specimen come from the browser", async () => {
  const opened = await openPage(browser, `${server.url}/`, { serviceWorkers: "allow" });
  const { page, context } = opened;
  await page.evaluate(() => navigator.serviceWorker.ready);
  await page.waitForFunction(() => navigator.serviceWorker.controller !== null);
  await context.setOffline(true);
  await page.reload();
  await runButton(page).and(page.locator(":enabled")).waitFor();
  await runButton(page).click();
  await page.getByText("The search found").waitFor();
  await done(opened);
});

test("without ranges the weights are fetched whole, and the page says so", async () => {
  const rangeless = await serve({ "/": `${dist}/` }, { ranges: false });
  try {
    const opened = await openPage(browser, `${rangeless.url}/`);
    await runButton(opened.page).and(opened.page.locator(":enabled")).waitFor();
    await eventually(async () => assert.match(await opened.page.locator("section.answer").innerText(), /does not send parts of files/));
    assert.equal(rangeless.requests.filter(({ path }) => path.endsWith("model.safetensors")).length, 1);
    await done(opened);
  } finally {
    await rangeless.close();
  }
});
