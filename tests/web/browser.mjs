// Chromium and a small static server, for every test in this folder.
import { createReadStream, existsSync } from "node:fs";
import { stat } from "node:fs/promises";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { dirname, extname, join, normalize, resolve } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

export const repository = resolve(dirname(fileURLToPath(import.meta.url)), "../..");

// playwright-core is a dependency of www/, which is where its packages are installed.
const { chromium } = createRequire(join(repository, "www/package.json"))("playwright-core");

const ARGUMENTS = [
  "--no-sandbox",
  "--enable-unsafe-webgpu",
  "--use-webgpu-adapter=swiftshader",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** The browser that is installed; CHROMIUM names another one. */
function executablePath() {
  const candidates = [process.env.CHROMIUM, "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
  const found = candidates.find((path) => path && existsSync(path));
  if (!found) throw new Error("no Chromium: on Debian `apt-get install chromium`, or name one with CHROMIUM=/path");
  return found;
}

/** `webgpu: false` starts a browser without WebGPU, as most older machines have. */
export function launch({ webgpu = true } = {}) {
  const args = webgpu ? ARGUMENTS : [...ARGUMENTS.filter((flag) => !flag.includes("webgpu")), "--disable-features=WebGPU"];
  return chromium.launch({ executablePath: executablePath(), args });
}

const TYPES = {
  ".css": "text/css", ".html": "text/html; charset=utf-8", ".js": "text/javascript", ".json": "application/json",
  ".mjs": "text/javascript", ".wasm": "application/wasm", ".woff2": "font/woff2", ".svg": "image/svg+xml",
};

/**
 * Serves folders by URL prefix, the longest prefix first. `ranges: false` answers 200 with the whole file, as some static
 * hosts do; `slow` waits that many milliseconds before every answer under a prefix; `answer`
 * returns true for a request that it has answered itself.
 */
export async function serve(folders, { ranges = true, slow = {}, answer } = {}) {
  const prefixes = Object.keys(folders).sort((a, b) => b.length - a.length);
  const requests = [];
  const server = createServer(async (request, response) => {
    if (answer?.(request, response)) return;
    try {
      const path = decodeURIComponent(new URL(request.url, "http://localhost").pathname);
      requests.push({ method: request.method, path, range: request.headers.range });
      const prefix = prefixes.find((prefix) => path.startsWith(prefix));
      let file = normalize(join(folders[prefix], path.slice(prefix.length)));
      if ((await stat(file)).isDirectory()) file = join(file, "index.html");
      const { size } = await stat(file);
      const wait = Object.entries(slow).find(([prefix]) => path.startsWith(prefix))?.[1];
      if (wait) await new Promise((resolve) => setTimeout(resolve, wait));
      const headers = { "content-type": TYPES[extname(file)] ?? "application/octet-stream", "cache-control": "no-store" };
      const range = ranges ? /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? "") : null;
      const [start, end] = range ? [Number(range[1]), Math.min(Number(range[2]), size - 1)] : [0, size - 1];
      if (ranges) headers["accept-ranges"] = "bytes";
      if (range) headers["content-range"] = `bytes ${start}-${end}/${size}`;
      headers["content-length"] = size === 0 ? 0 : end - start + 1;
      response.writeHead(range ? 206 : 200, headers);
      if (request.method === "HEAD" || size === 0) response.end();
      else createReadStream(file, { start, end }).pipe(response);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    requests,
    close: () => new Promise((resolve) => (server.closeAllConnections(), server.close(resolve))),
  };
}
