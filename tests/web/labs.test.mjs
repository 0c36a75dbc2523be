// Oracle: what a person sees. The conventions of labs and the attention lens: the built page in Chromium on a scripted core,
// and at the end once on the real one with the worked example.
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { launch, repository, serve } from "./browser.mjs";
import { AXE, eventually, openPage, scriptedBuild, watchShifts } from "./support.mjs";

let browser, server, dist;
before(async () => {
  dist = scriptedBuild();
  const specimen = `${dist}/specimen/`;
  server = await serve({ "/": `${dist}/`, "/slow/": specimen, "/wordless/": specimen, "/cut/": specimen, "/failing/": specimen, "/specimen-legal/": specimen });
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await server?.close();
});

const done = async ({ context, errors }) => {
  await context.close();
  assert.deepEqual(errors, []);
};
const measure = (page) => page.getByRole("button", { name: /^Measure (attention|and compare)$/ });
const lens = (page, of) => page.evaluate(of);

/** The lens on its example, or on what the fragment says. */
async function opened(fragment = "", options = {}) {
  const page = await openPage(browser, `${server.url}/#lab=attention${fragment.replaceAll("$", server.url)}`, options);
  await measure(page.page).and(page.page.locator(":enabled")).waitFor({ timeout: 10_000 });
  return page;
}
const compared = async (page) => {
  await page.locator("gs-lens-models li").nth(1).locator("b").waitFor();
  await measure(page).click();
  await page.locator(".answer .statistics").waitFor({ timeout: 10_000 });
};
const saved = async (page, within, name) => {
  const [download] = await Promise.all([page.waitForEvent("download"), within.getByRole("button", { name, exact: true }).click()]);
  return { name: download.suggestedFilename(), bytes: readFileSync(await download.path()) };
};
const TEXT = "&text=The buyer shall pay the price, within ten days.&marks=duty:10-29;role:4-9";

test("labs are switched in the bar, by a click, a select, a link; each keeps its state", async () => {
  const one = await openPage(browser, `${server.url}/`);
  const { page } = one;
  await page.getByRole("button", { name: "Find glitch tokens" }).and(page.locator(":enabled")).waitFor();
  await eventually(async () => assert.equal(await page.title(), "Glitchscope: Which tokens can this model not repeat?"));
  await page.getByRole("searchbox").fill("ka");
  await page.getByRole("link", { name: "Concept attention" }).click();
  await page.locator("gs-attention-lab h1").waitFor();
  assert.match(page.url(), /#lab=attention$/);
  await eventually(async () => assert.match(await page.title(), /How much attention do these words get/));
  await eventually(async () => assert.equal(await page.locator("gs-glitch-lab").count(), 0));
  await page.getByRole("link", { name: "Glitch tokens" }).click();
  await eventually(async () => assert.equal(await page.getByRole("searchbox").inputValue(), "ka"));
  assert.match(page.url(), /#filter=ka$/);
  // A followed link.
  await page.evaluate(() => { location.hash = "#lab=attention&exclude=none&text=Two words&marks=a:0-3"; });
  await page.locator("gs-attention-lab h1").waitFor();
  await page.waitForFunction(() => document.querySelector("gs-app").shadowRoot.querySelector("gs-attention-lab").state.texts[0]?.text === "Two words");
  await done(one);

  const phone = await openPage(browser, `${server.url}/`, { viewport: { width: 360, height: 740 } });
  const box = await phone.page.locator("gs-model-bar header").boundingBox();
  assert.ok(box.height <= 48, `the bar is ${box.height} px`);
  await eventually(async () => assert.equal(await phone.page.evaluate(() => document.documentElement.scrollWidth), 360));
  await phone.page.getByLabel("Labs").and(phone.page.locator("select")).selectOption("attention");
  await phone.page.locator("gs-attention-lab h1").waitFor();
  await done(phone);
});

test("a lab that the model cannot serve is greyed out, and says why and what to do", async () => {
  const one = await openPage(browser, `${server.url}/#lab=attention&model=${server.url}/wordless/`);
  const { page } = one;
  await page.getByText("cannot work with the loaded model: it came without a tokenizer").waitFor();
  const link = page.getByRole("link", { name: /Concept attention \(came without a tokenizer\)/ });
  await eventually(async () => assert.match(await link.getAttribute("class"), /lacking/));
  await page.getByRole("button", { name: "Choose something else" }).click();
  await page.locator("gs-model-dialog").getByRole("button", { name: "Load the built-in model" }).click();
  await measure(page).and(page.locator(":enabled")).waitFor();
  await done(one);
});

test("help is the lab's own page, as text", async () => {
  const one = await opened(TEXT);
  const { page } = one;
  await page.getByRole("button", { name: "How it is computed" }).click();
  await page.locator("gs-help h2").waitFor();
  const title = /^# (.+)$/m.exec(readFileSync(join(repository, "docs/labs/attention.md"), "utf8"))[1];
  await eventually(async () => assert.equal(await page.locator("gs-help h2").innerText(), title.replaceAll(/[*`_]/g, "")));
  await page.getByRole("link", { name: "Glitch tokens" }).click();
  await page.getByText("cannot repeat, spell or measure").waitFor();
  await done(one);
});

test("the worked example: one click, two models, shares, difference, histogram, and what skewness hides", async () => {
  const one = await opened();
  const { page } = one;
  await compared(page);
  await eventually(async () => assert.match(await page.locator(".answer .sentence").first().innerText(), /“.+” gets [\d.]+ % of the attention in specimen, [\d.]+ times .*specimen-legal/));
  await eventually(async () => assert.match(await page.locator(".answer .sentence").nth(1).innerText(), /From specimen to specimen-legal the share changes by [+−][\d.]+ percentage points in the mean over 24 heads .* The 95 % interval over 6 layers/));
  await eventually(async () => assert.equal(await page.locator(".grids gs-heatmap").count(), 3));
  await eventually(async () => assert.equal(await page.locator("gs-histogram rect.bar").count(), 11));
  await eventually(async () => assert.match(await page.locator(".skew").innerText(), /Skewness is .*(longer tail|which tail)/));
  await eventually(async () => assert.equal(await page.locator("gs-lines").count(), 2));
  await eventually(async () => assert.match(await page.locator("table.heads tbody tr").first().innerText(), /layer \d+, head \d+/));
  await eventually(async () => assert.match(await page.locator(".answer").innerText(), /1 keep less than 1 % and 4 less than 5 %/));
  // The darkest token is one that counts; differences are drawn with both signs.
  await eventually(async () => assert.ok((await page.locator("gs-token-strip .l8:not(.excluded)").count()) >= 1));
  await page.locator("gs-attention-lab").getByText("specimen-legal − specimen", { exact: true }).first().click();
  await eventually(async () => assert.ok((await page.locator("gs-token-strip [class*=' m']").count()) >= 1));
  await done(one);
});

test("marks: by mouse, by keyboard, in brackets; chips follow, tokens are overridden by hand, warnings say what is odd", async () => {
  const one = await opened(TEXT);
  const { page } = one;
  const field = page.getByRole("textbox", { name: "Text in which concepts are marked" });
  const chips = page.locator("gs-token-strip .token.concept");
  await page.waitForFunction(() => document.querySelector("gs-app").shadowRoot.querySelector("gs-attention-lab").state.tokens?.[0].concepts[0].tokens.length === 4);
  await eventually(async () => assert.deepEqual((await chips.allInnerTexts()).map((text) => text.replaceAll("␣", " ").trim()), ["shall", "pay", "the", "price"]));
  // Keyboard: select the last word, then the button.
  await field.focus();
  await page.keyboard.press("Control+End");
  for (let i = 0; i < 5; i++) await page.keyboard.press("Shift+ArrowLeft");
  await page.getByRole("button", { name: "Mark the selection as “duty”" }).click();
  await page.locator("gs-token-strip .token.concept", { hasText: "days" }).waitFor();
  // Brackets, with a name that is new.
  await field.press("Control+End");
  await field.pressSequentially(" [[place|In Brno]]");
  await page.getByLabel("Name of the concept").nth(2).waitFor();
  await eventually(async () => assert.equal(await field.inputValue(), "The buyer shall pay the price, within ten days. In Brno"));
  await eventually(async () => assert.equal(await page.getByLabel("Name of the concept").nth(2).inputValue(), "place"));
  // Mouse: a double click selects a word.
  const box = await field.boundingBox();
  await page.mouse.dblclick(box.x + 26, box.y + 22);
  await page.getByRole("button", { name: "Take marks off the selection" }).click();
  // By hand: a click takes a token out, the other kind of click leaves it out.
  await page.waitForFunction(() => document.querySelector("gs-app").shadowRoot.querySelector("gs-attention-lab").state.tokens?.[0].tokens.length === 14);
  await page.locator("gs-token-strip .token", { hasText: "price" }).click();
  await page.getByText("5 tokens chosen by hand").waitFor();
  await page.getByText("whether it is left out").click();
  await page.locator("gs-token-strip .token", { hasText: "pay" }).click();
  await page.locator("gs-token-strip .token.excluded.concept", { hasText: "pay" }).waitFor();
  await page.getByText(/Tokens of “duty” at [\d, ]+ are left out, so they count as 0/).waitFor();
  await page.locator("gs-token-strip .strip").focus();
  await page.keyboard.press("Home");
  await page.keyboard.press("ArrowRight");
  await eventually(async () => assert.match(await page.locator("gs-token-strip .read").innerText(), /at 1, id \d+/));
  // The link has it all, and brings it back.
  const link = page.url();
  await done(one);
  const again = await openPage(browser, link);
  await again.page.getByText("5 tokens chosen by hand").waitFor();
  await eventually(async () => assert.equal(await again.page.getByLabel("Name of the concept").nth(2).inputValue(), "place"));
  await again.page.locator("gs-token-strip .token.excluded.concept", { hasText: "pay" }).waitFor();
  await again.page.getByRole("button", { name: "Take back what was chosen by hand" }).click();
  await again.page.locator("gs-token-strip .token.concept", { hasText: "price" }).waitFor();
  await done(again);
});

test("what is left out: presets, a list of one's own, a link", async () => {
  const one = await opened(TEXT);
  const { page } = one;
  const excluded = async () => (await page.locator("gs-token-strip .token.excluded").allInnerTexts()).map((text) => text.trim());
  await eventually(async () => assert.deepEqual(await excluded(), ["<s>", ",", "."]));
  await page.getByText("Settings").click();
  await page.getByLabel("Left out as keys").selectOption("none");
  await page.waitForFunction(() => document.querySelector("gs-app").shadowRoot.querySelector("gs-attention-lab").state.tokens[0].tokens.every(({ excluded }) => !excluded));
  await page.getByPlaceholder("another entry").fill("▁days");
  await page.getByRole("button", { name: "Leave out", exact: true }).click();
  await page.locator("gs-token-strip .token.excluded", { hasText: "days" }).waitFor();
  assert.match(page.url(), /exclude=custom&pieces=/);
  await page.getByLabel("Bins of the histogram").fill("0");
  await page.getByLabel("Bins of the histogram").press("Tab");
  await eventually(async () => assert.equal(await page.getByLabel("Bins of the histogram").inputValue(), "11", "a value out of range is not taken"));
  await done(one);
});

test("a head's map: from a cell, by keyboard, for each model and the difference, in windows where the text is long", async () => {
  const long = Array.from({ length: 120 }, (_, i) => `word${i}`).join(" ");
  const one = await opened(`&text=${long}&marks=a:0-11&beside=specimen-legal`);
  const { page } = one;
  await compared(page);
  const grid = page.locator(".grids gs-heatmap canvas.cells").first();
  await grid.focus();
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowRight");
  await eventually(async () => assert.match(await page.locator(".grids gs-heatmap .read").first().innerText(), /layer 1, head 1: [\d.]+ %/));
  await page.keyboard.press("Enter");
  await page.locator("gs-head-map gs-heatmap").waitFor();
  await eventually(async () => assert.match(await page.locator("gs-head-map figcaption").innerText(), /layer 1, head 1 of specimen/));
  assert.match(page.url(), /head=1\.1/);
  await page.locator("gs-head-map").getByText("specimen-legal − specimen").click();
  await eventually(async () => assert.match(await page.locator("gs-head-map figcaption").innerText(), /percentage points/));
  const map = page.locator("gs-head-map canvas.cells");
  await map.focus();
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: "All 121 tokens" }).waitFor();
  await eventually(async () => assert.equal(await page.getByLabel("up to token").inputValue(), "48"));
  const link = page.url();
  await done(one);
  // The link opens the head again once it is measured.
  const again = await openPage(browser, link);
  await compared(again.page);
  await again.page.locator("gs-head-map gs-heatmap").waitFor();
  await done(again);
});

test("2,048 tokens stay usable", async () => {
  const long = Array.from({ length: 1_023 }, (_, i) => `w${i},`).join(" ");
  const one = await opened(`&text=${long}&marks=a:0-2`);
  const { page } = one;
  await page.waitForFunction(() => document.querySelector("gs-app").shadowRoot.querySelector("gs-attention-lab").state.tokens?.[0].tokens.length >= 2_000);
  await measure(page).click();
  await page.locator(".grids gs-heatmap").first().waitFor();
  await page.locator(".grids gs-heatmap canvas.cells").first().focus();
  await page.keyboard.press("Enter");
  await page.locator("gs-head-map canvas.cells").waitFor();
  await eventually(async () => assert.match(await page.locator("gs-head-map .row").nth(1).innerText(), /A click opens 48 tokens/));
  const svg = await saved(page, page.locator("gs-head-map"), "SVG");
  assert.ok(svg.bytes.length < 30e6 && svg.bytes.includes("data:image/png"), "a large map is a picture in the drawing");
  await done(one);
});

test("cancel keeps what was measured; a failure says what, why and what was kept", async () => {
  const one = await opened(`${TEXT}&beside=$/slow/`);
  const { page } = one;
  await page.locator("gs-lens-models li").nth(1).locator("b").waitFor({ timeout: 10_000 });
  await measure(page).click();
  await page.locator("gs-progress").getByText(/2 .*3/).or(page.locator("gs-progress", { hasText: "slow" })).first().waitFor();
  await page.getByRole("button", { name: "Cancel" }).click();
  await measure(page).and(page.locator(":enabled")).waitFor({ timeout: 2_000 });
  await eventually(async () => assert.equal(await lens(page, () => document.querySelector("gs-app").shadowRoot.querySelector("gs-attention-lab").state.results.length), 1));
  await eventually(async () => assert.match(await page.locator(".answer .sentence").first().innerText(), /“duty” gets/));
  await done(one);

  const failing = await opened(`${TEXT}&beside=$/failing/`);
  await failing.page.locator("gs-lens-models li").nth(1).locator("b").waitFor();
  await measure(failing.page).click();
  await failing.page.getByText("The attention could not be measured").waitFor();
  await eventually(async () => assert.match(await failing.page.locator("gs-failure section").innerText(), /layer 3: 512 tokens need 96 MiB.*Shorten the text\..*Kept: the result of 1 model/s));
  await failing.page.getByRole("button", { name: "Close", exact: true }).click();
  await done(failing);
});

test("another tokenizer: totals, pieces that are whole tokens in both, and no heads where none correspond", async () => {
  const one = await opened(`${TEXT}&beside=$/cut/`);
  const { page } = one;
  await compared(page);
  await eventually(async () => assert.match(await page.locator(".answer").innerText(), /The tokenizers differ/));
  await eventually(async () => assert.match(await page.locator(".answer .statistics").innerText(), /means only/));
  await eventually(async () => assert.equal(await page.locator(".grids gs-heatmap").count(), 2));
  await eventually(async () => assert.equal(await page.locator("gs-histogram").count(), 0));
  await page.locator("gs-attention-lab").getByText("cut − specimen", { exact: true }).first().click();
  await eventually(async () => assert.match(await page.locator(".legend").first().innerText(), /shortest pieces/));
  await done(one);
});

test("the same model twice: no difference, undefined where it has to be, no NaN", async () => {
  const one = await opened(`${TEXT}&beside=specimen`);
  const { page } = one;
  await compared(page);
  await eventually(async () => assert.match(await page.locator(".answer .statistics tbody tr").first().innerText(), /0\.00.*undefined.*undefined.*undefined/s));
  await eventually(async () => assert.match(await page.locator(".skew").innerText(), /All differences are equal/));
  await eventually(async () => assert.doesNotMatch((await page.locator("gs-attention-lab section").allInnerTexts()).join(" "), /NaN|Infinity/));
  await done(one);
});

test("files: tables, everything as JSON, arrays, pictures; published shares come back without a model", async () => {
  const one = await opened();
  const { page } = one;
  await compared(page);
  const csv = await saved(page, page, "Save heads (CSV)");
  assert.match(csv.bytes.toString(), /^experiment_id,layer_depth,head_idx,specimen,specimen-legal\r\n/);
  const json = JSON.parse((await saved(page, page, "Save everything (JSON)")).bytes.toString());
  assert.equal(json.schema, "glitchscope.attention-lens");
  assert.equal(json.results.length, 2);
  assert.equal(json.results[0].request.texts[0].text.length > 20, true);
  await eventually(async () => assert.match((await saved(page, page, "Shares of specimen (NPY)")).name, /\.npy$/));
  for (const figure of [page.locator(".grids gs-heatmap").first(), page.locator("gs-histogram"), page.locator("gs-lines").first()]) {
    const svg = (await saved(page, figure, "SVG")).bytes.toString();
    assert.ok(svg.startsWith("<svg ") && svg.includes('xmlns="http://www.w3.org/2000/svg"') && !svg.includes("var("), svg.slice(0, 200));
    await eventually(async () => assert.equal((await saved(page, figure, "PNG")).bytes.subarray(1, 4).toString(), "PNG"));
    await eventually(async () => assert.ok((await saved(page, figure, "CSV")).bytes.toString().split("\r\n").length > 5));
  }
  const folder = mkdtempSync(join(tmpdir(), "glitchscope-"));
  const file = join(folder, "shares.csv");
  writeFileSync(file, csv.bytes);
  writeFileSync(join(folder, "broken.csv"), "a,b\r\n1,2\r\n");
  await page.locator("#shares").setInputFiles(join(folder, "broken.csv"));
  await page.getByText("the first column is a, not experiment_id").waitFor();
  await page.locator("#shares").setInputFiles(file);
  await page.getByText("Shown from the file shares.csv").waitFor();
  await eventually(async () => assert.equal(await page.locator(".grids gs-heatmap").count(), 3));
  await eventually(async () => assert.equal(await page.locator("gs-token-strip").count(), 0));
  await page.getByRole("button", { name: "Back to the loaded model" }).click();
  await page.locator("gs-token-strip").waitFor();
  await done(one);
});

test("token text is text here too", async () => {
  const one = await opened(`&text=${encodeURIComponent("<img src=x onerror=alert(1)> \u202Eevil <b>bold</b>")}&marks=${encodeURIComponent("<i>x</i>")}:0-4`);
  const { page } = one;
  page.on("dialog", () => assert.fail("a text opened a dialog"));
  await measure(page).click();
  await page.locator(".answer .sentence").first().waitFor();
  await eventually(async () => assert.match(await page.locator(".answer .sentence").first().innerText(), /“<i>x<\/i>” gets/));
  await eventually(async () => assert.equal(await page.evaluate(() => document.querySelectorAll("img, b, i").length), 0));
  await done(one);
});

test("nothing jumps while the lens loads and measures; nothing is wider than a small phone", async () => {
  for (const width of [360, 1280]) {
    const one = await openPage(browser, `${server.url}/#lab=attention`, { viewport: { width, height: 800 } });
    const { page } = one;
    const shifts = await watchShifts(page);
    await measure(page).and(page.locator(":enabled")).waitFor();
    await compared(page);
    await page.waitForTimeout(300);
    const seen = await shifts();
    const sum = seen.reduce((total, { value }) => total + value, 0);
    assert.ok(sum <= 0.02, `at ${width} px: ${sum} ${JSON.stringify(seen)}`);
    await page.locator(".grids gs-heatmap canvas.cells").first().focus();
    await page.keyboard.press("Enter");
    await page.locator("gs-head-map gs-heatmap").waitFor();
    const wide = await page.evaluate(() => {
      const found = [];
      const walk = (root) => {
        for (const element of root.querySelectorAll("*")) {
          const box = element.getBoundingClientRect();
          if (box.width > 0 && box.right > innerWidth + 1 && !element.closest(".scroll, .table, .visually-hidden") && !root.host?.closest?.(".scroll")) found.push(`${element.tagName}.${element.getAttribute("class")} ${box.right} ${element.textContent.slice(0, 60)}`);
          if (element.shadowRoot) walk(element.shadowRoot);
        }
      };
      walk(document);
      return found;
    });
    assert.deepEqual(wide, []);
    await done(one);
  }
});

for (const colorScheme of ["light", "dark"]) {
  test(`axe finds nothing in the lens, ${colorScheme}`, async () => {
    const one = await opened("", { colorScheme, bypassCSP: true, viewport: { width: 1280, height: 900 } });
    const { page } = one;
    await page.addScriptTag({ path: AXE });
    const violations = async (where) => (await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }))).violations
      .map(({ id, help, nodes }) => `${where}: ${id}: ${help}: ${nodes.map(({ target, any }) => `${JSON.stringify(target)} ${any[0]?.message ?? ""}`).slice(0, 4).join(" | ")}`);
    let found = await violations("first");
    await compared(page);
    await page.locator(".grids gs-heatmap canvas.cells").first().focus();
    await page.keyboard.press("Enter");
    await page.locator("gs-head-map gs-heatmap").waitFor();
    for (const summary of await page.locator("summary:visible").all()) {
      if (!(await summary.evaluate((element) => element.parentElement.open))) await summary.click();
    }
    found = found.concat(await violations("done"));
    assert.deepEqual(found, []);
    await done(one);
  });
}

test("Chinese: the lens too", async () => {
  const one = await opened();
  const { page } = one;
  await page.getByRole("button", { name: "切换到中文" }).click();
  await page.getByRole("button", { name: /^测量/ }).click();
  await page.locator(".answer .sentence").first().waitFor();
  await eventually(async () => assert.match(await page.locator(".answer").innerText(), /得到：/));
  await done(one);
});

test("offline after the first visit: the lens, its help and both specimens come from the browser", async () => {
  const one = await openPage(browser, `${server.url}/`, { serviceWorkers: "allow" });
  const { page, context } = one;
  await page.evaluate(() => navigator.serviceWorker.ready);
  await page.waitForFunction(() => navigator.serviceWorker.controller !== null);
  await context.setOffline(true);
  await page.goto(`${server.url}/#lab=attention`);
  await page.reload();
  await compared(page);
  await page.getByRole("button", { name: "How it is computed" }).click();
  await page.locator("gs-help h2").waitFor();
  await done(one);
});

for (const device of ["cpu", "gpu"]) test(`with the real core on the ${device}: the example shows a real difference, and a map whose rows sum to 1`, { timeout: 120_000 }, async () => {
  const built = join(repository, "www/dist");
  assert.ok(existsSync(join(built, "index.html")), "build the page first: make build");
  const real = await serve({ "/": built });
  try {
    const one = await openPage(browser, `${real.url}/#lab=attention&device=${device}`);
    const { page } = one;
    await measure(page).and(page.locator(":enabled")).waitFor({ timeout: 60_000 });
    await page.locator("gs-lens-models li").nth(1).locator("b").waitFor({ timeout: 60_000 });
    await measure(page).click();
    await page.locator(".answer .statistics").waitFor({ timeout: 60_000 });
    const state = await page.evaluate(async () => {
      const { state } = document.querySelector("gs-app").shadowRoot.querySelector("gs-attention-lab");
      await state.openHead(0, 0);
      const n = state.results[0].texts[0].tokens.tokens.length;
      const rows = Array.from({ length: n }, (_, i) => state.opened.maps[0].subarray(i * n, (i + 1) * n).reduce((a, b) => a + b, 0));
      const { received } = state.results[0].texts[0];
      return { rows, received: received.reduce((a, b) => a + b, 0), differences: state.comparison.pairs[0].concepts[0].differences, csv: await state.csv(), level: state.comparison.level, device: state.results[0].device.kind };
    });
    assert.ok(state.rows.every((sum) => Math.abs(sum - 1) < 1e-4), JSON.stringify(state.rows));
    assert.ok(Math.abs(state.received - 1) < 1e-4, `${state.received}`);
    assert.equal(state.level, "heads");
    assert.equal(state.device, device);
    assert.ok(state.differences.some((value) => Math.abs(value) > 1e-3), "the two checkpoints attend alike");
    assert.match(state.csv.split(/\r?\n/)[0], /^experiment_id,layer_depth,head_idx,/);
    await done(one);
  } finally {
    await real.close();
  }
});
