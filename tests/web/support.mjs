// What the browser tests share: a static server with switches, a Chromium, and a page on which any console error fails.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createReadStream, existsSync } from "node:fs";
import { stat } from "node:fs/promises";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { extname, join, normalize } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

export const ROOT = fileURLToPath(new URL("../../", import.meta.url));
export const OUT = join(ROOT, "tests/web/out");
// The packages live beside the page, not beside the tests.
const require = createRequire(join(ROOT, "www/package.json"));
const { chromium } = require("playwright-core");
export const AXE = require.resolve("axe-core/axe.min.js");

const FLAGS = [
  "--no-sandbox", "--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader", "--disable-quic", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync",
];
const TYPES = {
  ".css": "text/css", ".html": "text/html", ".js": "text/javascript", ".json": "application/json", ".svg": "image/svg+xml",
  ".wasm": "application/wasm", ".woff2": "font/woff2",
};

/**
 * Serves folders. `mounts` maps a path prefix to a folder; `switches` can be changed while it runs:
 * `range` false answers 200 with the whole file, `status` answers that to every request of `only`, `cut` ends bodies early.
 */
export async function serve(mounts) {
  const switches = { range: true, status: 0, only: /./, cut: 0, delayMs: 0 };
  const requests = [];
  const server = createServer(async (request, response) => {
    const path = decodeURIComponent(new URL(request.url, "http://localhost").pathname);
    requests.push({ method: request.method, path, range: request.headers.range });
    if (switches.delayMs > 0 && switches.only.test(path)) await new Promise((resolve) => setTimeout(resolve, switches.delayMs));
    const [prefix, folder] = Object.entries(mounts).sort(([a], [b]) => b.length - a.length).find(([key]) => path.startsWith(key)) ?? [];
    try {
      if (switches.status && switches.only.test(path)) {
        response.writeHead(switches.status).end();
        return;
      }
      if (!folder) throw new Error("no mount");
      let file = normalize(join(folder, path.slice(prefix.length)));
      if (!file.startsWith(normalize(folder))) throw new Error("outside");
      if ((await stat(file)).isDirectory()) file = join(file, "index.html");
      const { size } = await stat(file);
      const headers = { "content-type": TYPES[extname(file)] ?? "application/octet-stream", "cache-control": "no-cache", "access-control-allow-origin": "*" };
      const match = switches.range ? /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? "") : null;
      const start = match ? Number(match[1]) : 0;
      let end = match?.[2] ? Math.min(Number(match[2]), size - 1) : size - 1;
      headers["content-length"] = end - start + 1;
      if (match) Object.assign(headers, { "content-range": `bytes ${start}-${end}/${size}`, "accept-ranges": "bytes" });
      response.writeHead(match ? 206 : 200, headers);
      if (request.method === "HEAD" || size === 0) return void response.end();
      if (switches.cut > 0 && switches.only.test(path) && end - start > switches.cut) {
        createReadStream(file, { start, end: start + switches.cut }).on("data", (data) => response.write(data)).on("end", () => response.destroy());
        return;
      }
      createReadStream(file, { start, end }).pipe(response);
    } catch {
      response.writeHead(404).end("not found");
    }
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    switches,
    requests,
    close: () => new Promise((resolve) => {
      server.closeAllConnections();
      server.close(resolve);
    }),
  };
}

/** Chromium from CHROMIUM, or where distributions put it. */
export function launch() {
  const places = [process.env.CHROMIUM, "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
  const executablePath = places.find((place) => place && existsSync(place));
  assert.ok(executablePath, "no Chromium: install it, or name it with CHROMIUM=/path/to/chrome");
  return chromium.launch({ executablePath, args: FLAGS });
}

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

/** The page with the scripted core, built once per run of the tests. */
export function scriptedBuild() {
  const outDir = join(OUT, "scripted");
  execFileSync(process.execPath, [join(ROOT, "www/node_modules/vite/bin/vite.js"), "build", "--logLevel", "error"], {
    cwd: join(ROOT, "www"),
    env: { ...process.env, GLITCHSCOPE_CORE: join(ROOT, "tests/web/fake/glitchscope.ts"), GLITCHSCOPE_OUT: outDir },
    stdio: ["ignore", "inherit", "inherit"],
  });
  return outDir;
}

/** Cumulative layout shift since `watchShifts`. */
export async function watchShifts(page) {
  await page.evaluate(() => {
    globalThis.shifts = [];
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) {
        if (!entry.hadRecentInput) globalThis.shifts.push({ value: entry.value, what: entry.sources.map((source) => source.node?.nodeName + "." + (source.node?.className ?? "")) });
      }
    }).observe({ type: "layout-shift", buffered: true });
  });
  return () => page.evaluate(() => globalThis.shifts);
}
