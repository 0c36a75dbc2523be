// A static server for the built page: node tools/serve.mjs FOLDER PORT
//
// It answers range requests, which the page uses to read weights, and sends the types browsers insist on for wasm, and the
// two headers that let a page have threads.
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, normalize, resolve } from "node:path";
import process from "node:process";

const TYPES = {
  ".css": "text/css; charset=utf-8",
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".json": "application/json; charset=utf-8",
  ".png": "image/png",
  ".svg": "image/svg+xml",
  ".wasm": "application/wasm",
  ".webmanifest": "application/manifest+json",
  ".woff2": "font/woff2",
};

const root = resolve(process.argv[2] ?? "www/dist");
const port = Number(process.argv[3] ?? 8080);

const server = createServer(async (request, response) => {
  try {
    const path = decodeURIComponent(new URL(request.url, "http://localhost").pathname);
    let file = normalize(join(root, path));
    if (file !== root && !file.startsWith(root + "/")) throw new Error("outside");
    let info = await stat(file);
    if (info.isDirectory()) {
      file = join(file, "index.html");
      info = await stat(file);
    }
    const headers = {
      "content-type": TYPES[extname(file)] ?? "application/octet-stream",
      "accept-ranges": "bytes",
      "cache-control": "no-cache",
      "cross-origin-opener-policy": "same-origin",
      "cross-origin-embedder-policy": "require-corp",
    };
    const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? "");
    const start = range ? Number(range[1]) : 0;
    const end = range?.[2] ? Math.min(Number(range[2]), info.size - 1) : info.size - 1;
    if (range && (start > end || start >= info.size)) {
      response.writeHead(416, { "content-range": `bytes */${info.size}` }).end();
      return;
    }
    if (range) headers["content-range"] = `bytes ${start}-${end}/${info.size}`;
    headers["content-length"] = info.size === 0 ? 0 : end - start + 1;
    response.writeHead(range ? 206 : 200, headers);
    if (request.method === "HEAD" || info.size === 0) response.end();
    else createReadStream(file, { start, end }).on("error", () => response.destroy()).pipe(response);
  } catch {
    response.writeHead(404, { "content-type": "text/plain; charset=utf-8" }).end("not found\n");
  }
});

server.on("error", (error) => {
  if (error.code === "EADDRINUSE") {
    console.error(`error: port ${port} is taken. Another one: make demo PORT=${port + 1}`);
    process.exit(1);
  }
  throw error;
});
server.listen(port, () => {
  console.log(`Glitchscope: http://localhost:${server.address().port}  (Ctrl-C ends it)`);
});
