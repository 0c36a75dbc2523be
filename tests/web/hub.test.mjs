// Oracle: the specimen's own files, served by a local server with the hub's layout: ids, commits, redirects to another
// origin, ETags, tokens. What the cache keeps is judged by which bytes the servers are asked for again.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { launch, repository, serve } from "./browser.mjs";
import { openPage } from "./support.mjs";

const FILES = ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "generation_config.json"];
const CONTENT = Object.fromEntries(FILES.map((name) => [name, readFileSync(join(repository, "www/public/specimen", name))]));
const GGUF = readFileSync(join(repository, "tests/golden/gguf/llama-grouped-untied-Q8_0.gguf"));
const SHA256 = createHash("sha256").update(CONTENT["model.safetensors"]).digest("hex");
const COMMIT = "89abcdef0123456789abcdef0123456789abcdef";
const CORS = {
  "access-control-allow-origin": "*", "access-control-allow-headers": "authorization, range",
  "access-control-expose-headers": "etag, x-linked-etag, content-range, content-length",
};

let browser;
let page;

before(async () => {
  browser = await launch();
  page = await serve({ "/": join(repository, "www/dist") });
});
after(async () => {
  await browser.close();
  await page.close();
});

/** A server on a port of its own; `log` holds what it was asked, `answer` may be replaced. */
async function listen(answer) {
  const self = { log: [], answer };
  const server = createServer((request, response) => {
    if (request.method === "OPTIONS") return void response.writeHead(204, CORS).end();
    self.log.push({ url: request.url, range: request.headers.range, authorization: request.headers.authorization });
    self.answer(request, response);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  self.url = `http://127.0.0.1:${server.address().port}`;
  self.close = () => new Promise((resolve) => (server.closeAllConnections(), server.close(resolve)));
  return self;
}

function ranged(request, response, body, headers = {}) {
  const match = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? "");
  if (!match) return void response.writeHead(200, { ...CORS, ...headers, "content-length": body.length }).end(body);
  const [start, end] = [Number(match[1]), Math.min(Number(match[2]), body.length - 1)];
  response.writeHead(206, { ...CORS, ...headers, "content-range": `bytes ${start}-${end}/${body.length}`, "content-length": end - start + 1 });
  response.end(body.subarray(start, end + 1));
}

/** A hub and the place where it keeps large files. `token` makes it private. */
async function hub({ token = null, sha256 = SHA256 } = {}) {
  const store = await listen((request, response) => {
    // Signed addresses of a real store refuse a second kind of authorization.
    if (request.headers.authorization) return void response.writeHead(400, CORS).end();
    ranged(request, response, CONTENT["model.safetensors"], { etag: `"${SHA256}"` });
  });
  const front = await listen((request, response) => {
    if (token && request.headers.authorization !== `Bearer ${token}`) return void response.writeHead(401, CORS).end();
    const path = new URL(request.url, "http://x").pathname;
    if (path === "/api/models/owner/tiny/revision/main" || path === "/api/models/owner/tiny/revision/v1") {
      const siblings = FILES.map((rfilename) => ({ rfilename, size: CONTENT[rfilename].length, ...(rfilename.endsWith("safetensors") && { lfs: { sha256 } }) }));
      return void response.writeHead(200, { ...CORS, "content-type": "application/json" }).end(JSON.stringify({ id: "owner/tiny", sha: COMMIT, siblings }));
    }
    if (path === "/api/models/owner/gguf/revision/main") {
      const siblings = [["README.md", 10], ["tiny-Q8_0.gguf", GGUF.length], ["tiny-F32.gguf", 3_400_000_000]].map(([rfilename, size]) => ({ rfilename, size }));
      return void response.writeHead(200, { ...CORS, "content-type": "application/json" }).end(JSON.stringify({ id: "owner/gguf", sha: COMMIT, siblings }));
    }
    if (path === `/owner/gguf/resolve/${COMMIT}/tiny-Q8_0.gguf`) return void ranged(request, response, GGUF, { etag: '"gguf"' });
    const file = path.startsWith(`/owner/tiny/resolve/${COMMIT}/`) ? path.split("/").at(-1) : "";
    if (file === "model.safetensors") return void response.writeHead(302, { ...CORS, location: `${store.url}/signed?for=a-while`, "x-linked-etag": `"${SHA256}"` }).end();
    if (CONTENT[file]) return void response.writeHead(200, { ...CORS, etag: `"${file}"` }).end(CONTENT[file]);
    response.writeHead(404, CORS).end();
  });
  return { front, store, close: () => Promise.all([front.close(), store.close()]) };
}

const ready = (tab) => tab.waitForFunction(() => document.querySelector("gs-app")?.shadowRoot.querySelector("gs-glitch-lab")?.session.model, null, { timeout: 60_000 });
const loaded = (tab, name) => tab.waitForFunction((name) => {
  const { session } = document.querySelector("gs-app").shadowRoot.querySelector("gs-glitch-lab");
  return session.job === null && session.model?.info.model.name === name;
}, name, { timeout: 60_000 });
const weights = (server) => server.log.filter(({ range }) => range).map(({ range }) => range.replace("bytes=", ""));
const address = (host, id = "owner/tiny") => `${page.url}/#device=cpu&model=${id}&hub=${encodeURIComponent(host)}`;

test("a model by its id: typed with a token, cached, read again without a request for bytes, deleted", async () => {
  const { front, store, close } = await hub({ token: "secret" });
  const { page: tab, context, errors } = await openPage(browser, `${page.url}/#device=cpu`);
  await ready(tab);
  await tab.getByRole("button", { name: "Change", exact: true }).click();
  await tab.getByText("Another hub, or an access token").click();
  await tab.getByLabel("Address of the hub").fill(front.url);
  await tab.getByLabel("Access token").fill("secret");
  await tab.getByRole("textbox", { name: "From an address" }).fill("owner/tiny@v1");
  await tab.getByRole("button", { name: "Load", exact: true }).click();
  await loaded(tab, "owner/tiny@v1");
  assert.ok(front.log.every(({ authorization }) => authorization === "Bearer secret"));
  assert.ok(store.log.length > 0 && store.log.every(({ authorization }) => !authorization), "the token stays with the hub");
  assert.doesNotMatch(tab.url(), /secret/);
  assert.match(tab.url(), /model=owner%2Ftiny%40v1/);

  // The panel lists it, whole.
  await tab.getByRole("button", { name: "Change", exact: true }).click();
  const row = tab.locator("gs-cache-panel li");
  await row.waitFor();
  assert.match(await row.innerText(), /owner\/tiny@v1\s+2\.\d MB/);
  await tab.keyboard.press("Escape");

  // The same again: the hub is asked which commit it is, nobody is asked for bytes.
  const before = [front.log.length, store.log.length];
  await tab.getByRole("button", { name: "Change", exact: true }).click();
  await tab.getByRole("textbox", { name: "From an address" }).fill("owner/tiny@v1");
  await tab.getByRole("button", { name: "Load", exact: true }).click();
  await tab.waitForTimeout(200);
  await loaded(tab, "owner/tiny@v1");
  assert.deepEqual(front.log.slice(before[0]).map(({ url }) => url), ["/api/models/owner/tiny/revision/v1?blobs=true"]);
  assert.equal(store.log.length, before[1]);

  await tab.getByRole("button", { name: "Change", exact: true }).click();
  await tab.getByRole("button", { name: "Delete owner/tiny@v1 from this device" }).click();
  await tab.getByText("Nothing yet.").waitFor();
  await tab.getByRole("textbox", { name: "From an address" }).fill("owner/tiny@v1");
  await tab.getByRole("button", { name: "Load", exact: true }).click();
  await tab.waitForTimeout(200);
  await loaded(tab, "owner/tiny@v1");
  assert.ok(store.log.length > before[1], "what was deleted is fetched again");
  await context.close();
  await close();
  assert.deepEqual(errors, []);
});

test("a repository of GGUF files lists them, and the chosen one is loaded and linked to", async () => {
  const { front, close } = await hub();
  const { page: tab, context, errors } = await openPage(browser, address(front.url, "owner/gguf"));
  const dialog = tab.getByRole("dialog");
  await dialog.getByText("owner/gguf holds several models").waitFor({ timeout: 60_000 });
  const rows = await dialog.locator(".choices li").allInnerTexts();
  assert.deepEqual(rows.map((row) => row.split(/\s+/).slice(0, 3).join(" ")), ["tiny-F32.gguf 3.4 GB", "tiny-Q8_0.gguf 26.0 kB"]);
  // Closed, what to do stands on the page; asked for again, the list is back.
  await tab.keyboard.press("Escape");
  await tab.getByText("Choose one, or name it: owner/gguf:tiny-F32.gguf").waitFor();
  await tab.getByRole("button", { name: "Choose something else" }).click();
  await dialog.getByRole("button", { name: "Load tiny-Q8_0.gguf" }).click();
  await loaded(tab, "tiny-Q8_0.gguf");
  assert.match(decodeURIComponent(tab.url()), /model=owner\/gguf:tiny-Q8_0\.gguf&hub=/);
  // The link leads there without a question.
  await tab.reload();
  await loaded(tab, "tiny-Q8_0.gguf");
  assert.equal(await dialog.isVisible(), false);
  await context.close();
  await close();
  assert.deepEqual(errors, []);
});

test("a broken download goes on where it stopped, and works without a connection once it is whole", async () => {
  const { front, store, close } = await hub();
  const whole = store.answer;
  // The store dies after 1.2 MB, whatever is asked for beyond.
  store.answer = (request, response) => {
    const [start] = /(\d+)-/.exec(request.headers.range).slice(1).map(Number);
    if (start >= 1_048_576) return void response.destroy();
    whole(request, response);
  };
  const { page: tab, context, errors } = await openPage(browser, address(front.url), { allow: [/ERR_EMPTY_RESPONSE|ERR_CONNECTION|Failed to load resource/] });
  await tab.getByText("The model could not be loaded").waitFor({ timeout: 60_000 });
  assert.ok(weights(store).some((range) => range.startsWith("0-")));
  await tab.getByRole("button", { name: "Change", exact: true }).click();
  await tab.locator("gs-cache-panel li").waitFor();
  assert.match(await tab.locator("gs-cache-panel li").innerText(), /of 2\.\d MB/);

  store.answer = whole;
  store.log.length = 0;
  await tab.reload();
  await loaded(tab, "owner/tiny");
  const fetched = weights(store).filter((range) => range !== "0-0");
  assert.ok(fetched.length > 0 && fetched.every((range) => Number(range.split("-")[0]) >= 1_048_576), `only what was missing: ${fetched}`);

  await close();
  await tab.reload();
  await loaded(tab, "owner/tiny");
  await tab.getByText("comes from this browser's own cache").first().waitFor();
  await context.close();
  assert.deepEqual(errors, []);
});

test("weights that are not what the hub names are refused and not kept", async () => {
  const { front, close } = await hub({ sha256: "0".repeat(64) });
  const { page: tab, context, errors } = await openPage(browser, address(front.url));
  await tab.getByText("The model could not be loaded").waitFor({ timeout: 60_000 });
  const text = await tab.getByText("is not the file that").innerText();
  assert.match(text, new RegExp(SHA256));
  assert.match(text, /0{64}/);
  await context.close();
  await close();
  assert.deepEqual(errors, []);
});

test("a folder at an address is kept while its ETag stays, and fetched again when it changes", async () => {
  let etag = '"one"';
  const server = await listen((request, response) => {
    const file = new URL(request.url, "http://x").pathname.split("/").at(-1);
    if (!CONTENT[file]) return void response.writeHead(404, CORS).end();
    ranged(request, response, CONTENT[file], { etag });
  });
  const { page: tab, context, errors } = await openPage(browser, `${page.url}/#device=cpu&model=${encodeURIComponent(`${server.url}/kept/`)}`, { allow: [/404/] });
  await loaded(tab, "kept");
  server.log.length = 0;
  await tab.reload();
  await loaded(tab, "kept");
  assert.deepEqual(weights(server), ["0-0"], "one byte tells the version");
  etag = '"two"';
  server.log.length = 0;
  await tab.reload();
  await loaded(tab, "kept");
  await tab.getByText("has changed at its address").first().waitFor();
  assert.ok(weights(server).length > 1);
  await server.close();
  await tab.reload();
  await loaded(tab, "kept");
  await tab.getByText("comes from this browser's own cache").first().waitFor();
  await context.close();
  assert.deepEqual(errors.filter((error) => !/ERR_CONNECTION_REFUSED/.test(error)), []);
});
