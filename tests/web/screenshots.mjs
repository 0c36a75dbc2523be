// Pictures of every state of the page, to be looked at: node tests/web/screenshots.mjs [REGEX]
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { launch, serve } from "./browser.mjs";
import { openPage, OUT, scriptedBuild } from "./support.mjs";

const only = new RegExp(process.argv[2] ?? "");
const folder = join(OUT, "screenshots");
mkdirSync(folder, { recursive: true });
const dist = scriptedBuild();
const server = await serve({ "/": `${dist}/`, "/slow/": `${dist}/specimen/`, "/broken/": `${dist}/specimen/`, "/untestable/": `${dist}/specimen/`, "/large/": `${dist}/specimen/`, "/wordless/": `${dist}/specimen/`, "/specimen-legal/": `${dist}/specimen/`, "/failing/": `${dist}/specimen/` });
const browser = await launch();

const run = (page) => page.getByRole("button", { name: /Find glitch tokens|查找故障词元/ });
const ready = (page) => run(page).and(page.locator(":enabled")).waitFor();

const STATES = {
  first: async (page) => ready(page),
  running: async (page) => {
    await ready(page);
    await run(page).click();
    await page.waitForTimeout(1_200);
  },
  done: async (page) => {
    await ready(page);
    await run(page).click();
    await page.getByText("The search found").waitFor();
    await page.waitForTimeout(400);
  },
  compared: async (page) => {
    await ready(page);
    await page.getByText("Compare both").click();
    await run(page).click();
    await page.getByText("Share of questions").first().waitFor();
    await page.locator("gs-table .space .row:not([hidden])").nth(4).click();
    await page.getByText("Most probable first tokens").waitFor();
    await page.getByRole("button", { name: "Compare resolutions" }).click();
    await page.locator("gs-granularity svg").waitFor();
    await page.getByText("Settings").click();
    await page.waitForTimeout(400);
  },
  evidence: async (page) => {
    await ready(page);
    await run(page).click();
    await page.getByText("The search found").waitFor();
    await page.locator("gs-table .space .row:not([hidden])").nth(4).click();
    await page.getByText("Most probable first tokens").waitFor();
    await page.locator("gs-table").scrollIntoViewIfNeeded();
    await page.evaluate(() => document.querySelector("gs-app").shadowRoot.querySelector("gs-glitch-lab").shadowRoot.querySelector(".filter").scrollIntoView());
  },
  zoomed: async (page) => {
    await ready(page);
    await run(page).click();
    await page.getByText("The search found").waitFor();
    const box = await page.locator("gs-map .stage").boundingBox();
    await page.mouse.move(box.x + box.width * 0.3, box.y + box.height * 0.55);
    for (let i = 0; i < 8; i++) await page.mouse.wheel(0, -120);
    await page.mouse.click(box.x + box.width * 0.3, box.y + box.height * 0.55);
    await page.mouse.move(box.x + box.width * 0.36, box.y + box.height * 0.6);
    await page.waitForTimeout(300);
  },
  chinese: async (page) => {
    await page.getByText("中文").click();
    await ready(page);
    await run(page).click();
    await page.getByText("搜索找到").waitFor();
    await page.waitForTimeout(300);
  },
  dialog: async (page) => {
    await ready(page);
    await page.getByRole("button", { name: "Change" }).click();
  },
  broken: async (page) => page.getByText("The model could not be loaded").waitFor(),
  untestable: async (page) => {
    await ready(page);
    await run(page).click();
    await page.getByText("cannot be tested in this way").waitFor();
  },
  despite: async (page) => {
    await STATES.untestable(page);
    await page.getByRole("button", { name: "Scan all the same" }).click();
    await page.getByText("The search found").waitFor();
    await page.waitForTimeout(400);
  },
  models: async (page) => {
    await ready(page);
    await page.getByRole("button", { name: "Compare with another model" }).click();
    await page.getByRole("button", { name: "Load it beside the first" }).click();
    await page.getByText("specimen, 1.1 M parameters, Q8_0, CPU").waitFor();
    await page.getByRole("button", { name: "Scan both and compare" }).click();
    await page.locator("gs-diff .sentence").waitFor();
    await page.locator("gs-diff select").selectOption("indicator:magikarp-input-norm");
    await page.waitForTimeout(300);
  },
};
const measure = (page) => page.getByRole("button", { name: /^(Measure|测量)/ });
async function measured(page) {
  await page.locator("gs-lens-models li").nth(1).locator("b").waitFor();
  await measure(page).and(page.locator(":enabled")).click();
  await page.locator(".answer .statistics").waitFor();
}
Object.assign(STATES, {
  "lens-first": async (page) => measure(page).and(page.locator(":enabled")).waitFor(),
  "lens-running": async (page) => {
    await measure(page).and(page.locator(":enabled")).click();
    await page.waitForTimeout(1_000);
  },
  "lens-done": async (page) => measured(page),
  "lens-difference": async (page) => {
    await measured(page);
    await page.locator("gs-attention-lab").getByText("specimen-legal − specimen", { exact: true }).first().click();
  },
  "lens-map": async (page) => {
    await measured(page);
    await page.locator(".grids gs-heatmap canvas.cells").first().focus();
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Enter");
    await page.locator("gs-head-map gs-heatmap").waitFor();
    await page.locator("#head").scrollIntoViewIfNeeded();
  },
  "lens-settings": async (page) => {
    await measure(page).and(page.locator(":enabled")).waitFor();
    await page.getByText("Settings").click();
    await page.getByRole("button", { name: "How it is computed" }).click();
    await page.locator("gs-help h2").waitFor();
  },
  "lens-chinese": async (page) => {
    await page.getByText("中文").click();
    await measured(page);
  },
  "lens-lacking": async (page) => page.locator("section.lacking").waitFor(),
  "lens-failed": async (page) => {
    await page.locator("gs-lens-models li").nth(1).locator("b").waitFor();
    await measure(page).and(page.locator(":enabled")).click();
    await page.locator("gs-failure").waitFor();
  },
});
const experiment = (page) => page.locator("gs-holobench-lab .run button.primary");
Object.assign(STATES, {
  "holobench-first": async (page) => {
    await experiment(page).and(page.locator(":enabled")).waitFor();
    await page.locator("gs-holobench-lab gs-context li").first().waitFor();
  },
  "holobench-settings": async (page) => {
    await experiment(page).and(page.locator(":enabled")).waitFor();
    for (const summary of await page.locator("gs-holobench-lab details.settings > summary").all()) await summary.click();
    await page.locator("gs-holo-grid tbody tr").first().waitFor();
    await page.waitForTimeout(400);
  },
  "holobench-running": async (page) => {
    await experiment(page).and(page.locator(":enabled")).click();
    await page.waitForTimeout(1_500);
  },
  "holobench-done": async (page) => {
    await experiment(page).and(page.locator(":enabled")).click();
    await experiment(page).filter({ hasText: "Ask again" }).waitFor({ timeout: 60_000 });
    await page.locator("gs-holo-results .sentence").first().waitFor();
    await page.locator("gs-holo-answers tbody button.link").first().click();
    await page.getByLabel("Let a model elsewhere judge").check();
    await page.waitForTimeout(800);
  },
});
const LINK = {
  ...Object.fromEntries(["first", "settings", "done"].map((state) => [`holobench-${state}`, "#lab=holobench&lengths=96,192&placements=uniform,begin"])),
  "holobench-running": "#lab=holobench&model=$/slow/",
  ...Object.fromEntries(["first", "done", "difference", "map", "settings", "chinese"].map((state) => [`lens-${state}`, "#lab=attention"])),
  "lens-running": "#lab=attention&model=$/slow/", "lens-lacking": "#lab=attention&model=$/wordless/", "lens-failed": "#lab=attention&beside=$/failing/",
  running: "#model=$/slow/", broken: "#model=$/broken/", untestable: "#model=$/untestable/", despite: "#model=$/untestable/",
};

for (const [state, act] of Object.entries(STATES)) {
  for (const width of [360, 768, 1280, 1600]) {
    for (const colorScheme of ["light", "dark"]) {
      const name = `${state}-${width}-${colorScheme}`;
      if (!only.test(name)) continue;
      const height = width === 360 ? 740 : width === 768 ? 1024 : 900;
      const { page, context, errors } = await openPage(browser, `${server.url}/${(LINK[state] ?? "").replaceAll("$", server.url)}`, {
        viewport: { width, height }, colorScheme, deviceScaleFactor: width === 360 ? 2 : 1,
      });
      await act(page);
      await page.screenshot({ path: join(folder, `${name}.png`), fullPage: !["evidence", "zoomed", "lens-running"].includes(state) && state !== "first" && state !== "running" && state !== "dialog" });
      if (errors.length > 0) console.error(`${name}: ${errors.join("\n")}`);
      await context.close();
    }
  }
}
await browser.close();
await server.close();
console.log(`pictures are in ${folder}`);
