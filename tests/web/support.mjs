// What the tests of the page share: a page on which any console error fails, and the build with the scripted core.
import { execFileSync } from "node:child_process";
import { createRequire } from "node:module";
import { basename, join } from "node:path";
import process from "node:process";
import { repository } from "./browser.mjs";

export const OUT = join(repository, "tests/web/out");
export const AXE = createRequire(join(repository, "www/package.json")).resolve("axe-core/axe.min.js");

/** A page whose console errors, page errors and failed requests are collected; `allow` names the expected ones. */
export async function openPage(browser, url, { allow = [], ...options } = {}) {
  const context = await browser.newContext({ serviceWorkers: "block", ...options });
  const page = await context.newPage();
  const errors = [];
  const note = (text) => {
    if (!allow.some((pattern) => pattern.test(text))) errors.push(text);
  };
  page.on("console", (message) => {
    if (message.type() === "error" || (message.type() === "warning" && !/GPU stall due to ReadPixels|WebGPU is experimental|Service Worker registration blocked by Playwright|GroupMarkerNotSet/.test(message.text()))) {
      note(`${message.type()}: ${message.text()} (${message.location().url})`);
    }
  });
  page.on("pageerror", (error) => note(`page error: ${error.stack ?? error}`));
  await page.goto(url);
  return { page, context, errors };
}

/** The page with the scripted core, built for each file of tests, because several run at once. */
export function scriptedBuild() {
  const outDir = join(OUT, `scripted-${basename(process.argv[1], ".mjs")}`);
  execFileSync(process.execPath, [join(repository, "www/node_modules/vite/bin/vite.js"), "build", "--logLevel", "error"], {
    cwd: join(repository, "www"),
    env: { ...process.env, GLITCHSCOPE_CORE: join(repository, "tests/web/fake/glitchscope.ts"), GLITCHSCOPE_OUT: outDir },
    stdio: ["ignore", "inherit", "inherit"],
  });
  return outDir;
}

/** What is asserted about a page holds within a few seconds: it draws after an action, not at once, and on a busy machine
 *  not soon. The last failure is the one that is told. */
export async function eventually(assertion, ms = 10_000) {
  const end = performance.now() + ms;
  for (;;) {
    try {
      return await assertion();
    } catch (error) {
      if (performance.now() > end) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

/** Cumulative layout shift since `watchShifts`. */
export async function watchShifts(page) {
  await page.evaluate(() => {
    globalThis.shifts = [];
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) {
        if (!entry.hadRecentInput) globalThis.shifts.push({ value: entry.value, what: entry.sources.map(({ node, previousRect: from, currentRect: to }) => `${node?.nodeName}.${node?.className ?? ""} ${from.x},${from.y} ${from.width}×${from.height} → ${to.x},${to.y} ${to.width}×${to.height}`) });
      }
    }).observe({ type: "layout-shift", buffered: true });
  });
  return () => page.evaluate(() => globalThis.shifts);
}
