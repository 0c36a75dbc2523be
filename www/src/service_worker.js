// Keeps the page's own files, the specimen among them, so that it works offline after the first visit. The build writes
// VERSION and FILES above this line. Models from elsewhere are never touched.
//
// It also gives the page the two headers that make it cross-origin isolated, and so lets it have threads, where the host
// cannot send them. They take effect when the page is opened the next time. `service-worker.js?isolation=off` does without.
/* global VERSION, FILES */
const CACHE = `glitchscope-${VERSION}`;
// `require-corp` is known to every browser that isolates pages, and what a page fetches with CORS, as models are, passes it.
// `credentialless` also lets images and scripts of other sites through, for pages that have them.
const EMBEDDER_POLICY = new URL(self.location.href).searchParams.get("isolation") ?? "require-corp";

self.addEventListener("install", (event) => {
  // Of the wasm files a browser takes those with relaxed SIMD or the one without, see tools/package/; the rest is not kept.
  const relaxed = WebAssembly.validate(new Uint8Array([
    0, 97, 115, 109, 1, 0, 0, 0, 1, 8, 1, 96, 3, 123, 123, 123, 1, 123, 3, 2, 1, 0,
    10, 13, 1, 11, 0, 32, 0, 32, 1, 32, 2, 253, 133, 2, 11,
  ]));
  const unused = relaxed ? /glitchscope_bg/ : /_(relaxed|threads)_bg/;
  // `reload` goes past the browser's own cache, where files of an older build may lie under the same name.
  const requests = FILES.filter((file) => !unused.test(file)).map((file) => new Request(file, { cache: "reload" }));
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(requests)).then(() => self.skipWaiting()));
});

self.addEventListener("activate", (event) => {
  event.waitUntil((async () => {
    for (const name of await caches.keys()) {
      if (name.startsWith("glitchscope-") && name !== CACHE) await caches.delete(name);
    }
    await self.clients.claim();
  })());
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.method !== "GET" && request.method !== "HEAD") return;
  const url = new URL(request.url);
  if (!url.href.startsWith(self.registration.scope)) return;
  const isolating = EMBEDDER_POLICY !== "off" && ["document", "iframe", "worker"].includes(request.destination);
  event.respondWith(isolating ? answer(request).then(isolated) : answer(request));
});

/** A document or a worker's script with the headers of an isolated page: a page that has them starts no worker without. */
function isolated(response) {
  if (response.type === "opaqueredirect" || response.type === "error") return response;
  const headers = new Headers(response.headers);
  headers.set("cross-origin-opener-policy", "same-origin");
  headers.set("cross-origin-embedder-policy", EMBEDDER_POLICY);
  headers.set("cross-origin-resource-policy", "cross-origin");
  return new Response(response.body, { status: response.status, statusText: response.statusText, headers });
}

async function answer(request) {
  const cache = await caches.open(CACHE);
  const url = new URL(request.url);
  url.search = "";
  url.hash = "";
  // The page itself is asked of the network first, so that a new version is seen; everything else has its version in
  // its name or belongs to this one.
  if (request.mode === "navigate") {
    try {
      return await fetch(request);
    } catch {
      return (await cache.match("./")) ?? Response.error();
    }
  }
  const kept = await cache.match(url.href);
  if (!kept) {
    // The built-in models' files are all on the list: what is not is nowhere, and no network is needed to say so.
    const builtIn = ["specimen/", "specimen-legal/"].map((folder) => new URL(folder, self.registration.scope).href);
    return builtIn.some((folder) => url.href.startsWith(folder)) ? new Response(null, { status: 404 }) : fetch(request);
  }
  const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.get("range") ?? "");
  if (!range) return kept;
  const blob = await kept.blob();
  const start = Number(range[1]);
  const end = range[2] ? Math.min(Number(range[2]), blob.size - 1) : blob.size - 1;
  if (start >= blob.size) return new Response(null, { status: 416, headers: { "content-range": `bytes */${blob.size}` } });
  return new Response(blob.slice(start, end + 1), {
    status: 206,
    headers: {
      "content-range": `bytes ${start}-${end}/${blob.size}`,
      "content-length": String(end - start + 1),
      "content-type": kept.headers.get("content-type") ?? "application/octet-stream",
    },
  });
}
