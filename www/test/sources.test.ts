// Oracle: the bytes that a local server has, however it serves them.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { recognise } from "../src/core/files";
import { hubName, parseAddress, parseHub } from "../src/core/address";
import { ggufModels, HUB, readReference } from "../src/core/hub_source";
import type { SourceListener } from "../src/core/source_error";
import { FilesSource, openSource } from "../src/core/sources";

const WEIGHTS = Uint8Array.from({ length: 300_000 }, (_, i) => (i * 7919) & 255);
type Answer = (request: IncomingMessage, response: ServerResponse) => void;

let server: Server;
let answer: Answer;
let requests: string[];
let heard: Parameters<SourceListener>[0][];

const ranged: Answer = (request, response) => {
  const match = /bytes=(\d+)-(\d+)/.exec(request.headers.range ?? "");
  if (!match) return void response.writeHead(200, { "content-length": WEIGHTS.length }).end(WEIGHTS);
  const [start, end] = [Number(match[1]), Math.min(Number(match[2]), WEIGHTS.length - 1)];
  response.writeHead(206, { "content-range": `bytes ${start}-${end}/${WEIGHTS.length}` }).end(WEIGHTS.slice(start, end + 1));
};

beforeEach(async () => {
  [answer, requests, heard] = [ranged, [], []];
  server = createServer((request, response) => {
    requests.push(`${request.method} ${request.url} ${request.headers.range ?? ""}`.trim());
    answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
});
afterEach(() => new Promise((resolve) => {
  server.closeAllConnections();
  server.close(resolve);
}));

const open = (signal = new AbortController().signal) => openSource(
  { kind: "url", name: "m", url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/folder/` }, null, signal, (event) => heard.push(event));

describe("a folder at an address", () => {
  it("is read by ranges; the header comes with the length", async () => {
    const source = open();
    expect(await source.len("model.safetensors")).toBe(300_000);
    expect(await source.read("model.safetensors", 8, 2_000)).toEqual(WEIGHTS.slice(8, 2_000));
    expect(requests).toEqual(["GET /folder/model.safetensors bytes=0-65535"]);
    expect(await source.read("model.safetensors", 100_000, 300_000)).toEqual(WEIGHTS.slice(100_000));
    expect(requests).toHaveLength(2);
    expect(heard).toEqual([]);
  });

  it("is taken whole, once, from a server without ranges, and says so", async () => {
    answer = (_, response) => void response.writeHead(200, { "content-length": WEIGHTS.length }).end(WEIGHTS);
    const source = open();
    expect(await source.len("model.safetensors")).toBe(300_000);
    expect(await source.read("model.safetensors", 100_000, 100_010)).toEqual(WEIGHTS.slice(100_000, 100_010));
    expect(await source.read("model.safetensors", 299_999, 300_000)).toEqual(WEIGHTS.slice(299_999));
    expect(requests).toHaveLength(1);
    expect(heard.filter((event) => "note" in event)).toHaveLength(1);
    expect(heard.at(-1)).toEqual({ done: 300_000, total: 300_000 });
  });

  it("takes small text files whole, whatever the server compresses", async () => {
    answer = (_, response) => void response.writeHead(200).end('{"a":1}');
    const source = open();
    expect(await source.len("config.json")).toBe(7);
    expect(new TextDecoder().decode(await source.read("config.json", 1, 4))).toBe('"a"');
    expect(requests).toEqual(["GET /folder/config.json"]);
  });

  it("knows a missing file from a refused one", async () => {
    answer = (_, response) => void response.writeHead(404).end();
    expect(await open().len("tokenizer.json")).toBeNull();
    expect(await open().len("model.safetensors")).toBeNull();
    answer = (_, response) => void response.writeHead(403).end();
    await expect(open().len("config.json")).rejects.toMatchObject({ message: expect.stringContaining("403"), hint: expect.stringContaining("gated"), kind: "input" });
  });

  it("tries again when the server stumbles", async () => {
    let failures = 2;
    answer = (request, response) => (failures-- > 0 ? void response.writeHead(503).end() : ranged(request, response));
    expect(await open().len("model.safetensors")).toBe(300_000);
    expect(requests).toHaveLength(3);
  });

  it("refuses bytes that are not the ones it asked for", async () => {
    const source = open();
    await source.len("model.safetensors");
    answer = (_, response) => void response.writeHead(206, { "content-range": "bytes 0-9/300000" }).end(WEIGHTS.slice(0, 10));
    await expect(source.read("model.safetensors", 100_000, 100_010)).rejects.toMatchObject({ message: expect.stringContaining("from 0 came") });
    answer = (_, response) => void response.writeHead(206, { "content-range": "bytes 100000-100009/300000" }).end(WEIGHTS.slice(0, 4));
    await expect(source.read("model.safetensors", 100_000, 100_010)).rejects.toMatchObject({ message: expect.stringContaining("4 bytes") });
  });

  it("asks for the length by HEAD where Content-Range is hidden", async () => {
    answer = (request, response) => (request.method === "HEAD"
      ? void response.writeHead(200, { "content-length": WEIGHTS.length }).end()
      : void response.writeHead(206).end(WEIGHTS.slice(0, 65_536)));
    expect(await open().len("model.safetensors")).toBe(300_000);
  });

  it("says that a server cannot be reached, and stops when it is told to", async () => {
    answer = (_, response) => void response.destroy();
    await expect(open().len("config.json")).rejects.toMatchObject({ message: expect.stringContaining("cannot be reached"), hint: expect.stringContaining("CORS") });
    const controller = new AbortController();
    answer = () => setTimeout(() => controller.abort(), 10);
    await expect(open(controller.signal).len("config.json")).rejects.toMatchObject({ kind: "cancelled" });
  });

  it("goes on where a connection broke, without asking twice for what came", async () => {
    const source = open();
    await source.len("model.safetensors");
    let breaks = 2;
    answer = (request, response) => {
      const [start, end] = /bytes=(\d+)-(\d+)/.exec(request.headers.range!)!.slice(1).map(Number) as [number, number];
      response.writeHead(206, { "content-range": `bytes ${start}-${end}/${WEIGHTS.length}`, "content-length": end - start + 1 });
      if (breaks-- <= 0) return void response.end(WEIGHTS.slice(start, end + 1));
      response.write(WEIGHTS.slice(start, start + 40_000), () => setTimeout(() => response.destroy(), 20));
    };
    expect(await source.read("model.safetensors", 100_000, 300_000)).toEqual(WEIGHTS.slice(100_000));
    expect(requests.slice(1)).toEqual([100_000, 140_000, 180_000].map((start) => `GET /folder/model.safetensors bytes=${start}-299999`));
  });

  it("notices that a file was replaced while it was read", async () => {
    let version = '"one"';
    answer = (request, response) => (response.setHeader("etag", version), ranged(request, response));
    const source = open();
    await source.len("model.safetensors");
    version = '"two"';
    await expect(source.read("model.safetensors", 100_000, 300_000)).rejects.toMatchObject({ message: expect.stringContaining("replaced") });
  });

  it("does not remember a failure", async () => {
    answer = (_, response) => void response.writeHead(403).end();
    const source = open();
    await expect(source.len("model.safetensors")).rejects.toBeDefined();
    answer = ranged;
    expect(await source.len("model.safetensors")).toBe(300_000);
  });
});

describe("picked files", () => {
  const file = (path: string, content = "x") => ({ path, file: new File([content], path.split("/").at(-1)!) });

  it("are read in slices", async () => {
    const source = new FilesSource("m", [{ name: "model.safetensors", file: new Blob([WEIGHTS]) }]);
    expect(await source.len("model.safetensors")).toBe(300_000);
    expect(await source.len("config.json")).toBeNull();
    expect(await source.read("model.safetensors", 5, 9)).toEqual(WEIGHTS.slice(5, 9));
  });

  it("are recognised by their names, also inside a folder", async () => {
    const found = await recognise([file("gpt2/config.json"), file("gpt2/model.safetensors"), file("gpt2/tokenizer.json"), file("notes.txt")]);
    expect(found).toMatchObject({ kind: "model", missing: [], spec: { name: "gpt2", files: [{ name: "config.json" }, { name: "model.safetensors" }, { name: "tokenizer.json" }] } });
  });

  it("that are not enough are named", async () => {
    expect(await recognise([file("model.safetensors")])).toMatchObject({ kind: "model", missing: ["config.json", "tokenizer.json"] });
    expect(await recognise([file("holiday.jpg")])).toMatchObject({ kind: "unknown" });
  });

  it("tell a report from a tokenizer", async () => {
    expect(await recognise([file("a.json", '{"schema": "glitchscope.scan"}')])).toMatchObject({ kind: "report" });
    expect(await recognise([file("tokenizer.json", '{"version":"1.0"}')])).toMatchObject({ kind: "unknown" });
  });
});

describe("what a person types", () => {
  const here = "http://localhost:8080/page/";
  it("names a model of the hub", () => {
    const cases: Record<string, string> = {
      "openai-community/gpt2": "openai-community/gpt2 main",
      "org/m@v2": "org/m v2",
      "org/m@refs/pr/1": "org/m refs/pr/1",
      "https://huggingface.co/org/m": "org/m main",
      "https://huggingface.co/org/m/tree/v2": "org/m v2",
      "https://huggingface.co/org/m/blob/main/config.json?x=1": "org/m main",
    };
    for (const [typed, expected] of Object.entries(cases)) {
      const spec = parseAddress(typed, here);
      expect(spec?.kind === "hub" && `${spec.id} ${spec.revision}`, typed).toBe(expected);
      expect(spec, typed).toMatchObject({ host: HUB });
    }
    const file = parseAddress("org/m@v2:sub/m-Q4_K_M.gguf", here, "http://localhost:1");
    expect(file).toMatchObject({ kind: "hub", id: "org/m", revision: "v2", modelFile: "sub/m-Q4_K_M.gguf", name: "m-Q4_K_M.gguf", host: "http://localhost:1" });
    expect(file?.kind === "hub" && hubName(file)).toBe("org/m@v2:sub/m-Q4_K_M.gguf");
    expect(parseAddress("org/m:model.safetensors", here)).toBeNull();
    expect(parseAddress("org/m@v2", here, "http://localhost:1")).toMatchObject({ host: "http://localhost:1", name: "org/m@v2" });
  });

  it("or the address of a folder", () => {
    const cases: Record<string, [string, string]> = {
      "https://example.org/models/tiny": ["https://example.org/models/tiny/", "tiny"],
      "https://example.org/models/tiny/model.safetensors": ["https://example.org/models/tiny/", "tiny"],
      "./specimen/": ["http://localhost:8080/page/specimen/", "specimen"],
      "http://127.0.0.1:9000": ["http://127.0.0.1:9000/", "127.0.0.1"],
    };
    for (const [typed, [url, name]] of Object.entries(cases)) expect(parseAddress(typed, here), typed).toEqual({ kind: "url", name, url });
  });

  it("is refused when it is neither", () => {
    for (const typed of ["", "   ", "not an address", "gpt2", "../../etc/x@y", "javascript:alert(1)", "file:///etc/passwd", "data:text/html,x"]) {
      const spec = parseAddress(typed, here);
      expect(spec === null || (spec.kind === "url" && spec.url.startsWith("http://localhost:8080/")), typed).toBe(true);
    }
    expect(parseHub("ftp://x")).toBeNull();
    expect(parseHub("nonsense")).toBeNull();
    expect(parseHub("http://localhost:3000/some/path")).toBe("http://localhost:3000");
    expect(parseHub("")).toBe(HUB);
  });
});

// Oracle: a server with the hub's layout, written from its documentation.
describe("a model of a hub", () => {
  const COMMIT = "0123456789abcdef0123456789abcdef01234567";
  const told = { sha: COMMIT, siblings: [{ rfilename: "config.json", size: 7 }, { rfilename: "model.safetensors", size: 300_000, lfs: { sha256: "a".repeat(64) } }] };
  let tokens: (string | undefined)[];
  const hub = (token?: string) => openSource({
    kind: "hub", name: "o/m", host: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, id: "o/m", revision: "main", token,
  }, null, new AbortController().signal, (event) => heard.push(event));

  beforeEach(() => {
    tokens = [];
    answer = (request, response) => {
      tokens.push(request.headers.authorization);
      if (request.url === "/api/models/o/m/revision/main?blobs=true") return void response.writeHead(200).end(JSON.stringify(told));
      if (request.url === `/o/m/resolve/${COMMIT}/config.json`) return void response.writeHead(200).end('{"a":1}');
      if (request.url === `/o/m/resolve/${COMMIT}/model.safetensors`) return void response.writeHead(302, { location: "/elsewhere/blob" }).end();
      if (request.url === "/elsewhere/blob") return void ranged(request, response);
      response.writeHead(404).end();
    };
  });

  it("is read at one commit, behind redirects, without asking for what is not there", async () => {
    const source = hub();
    expect(await source.len("tokenizer.json")).toBeNull();
    expect(await source.len("config.json")).toBe(7);
    expect(await source.read("model.safetensors", 100_000, 300_000)).toEqual(WEIGHTS.slice(100_000));
    expect(requests.filter((request) => request.includes("tokenizer.json"))).toEqual([]);
    // The redirect is followed once; what follows goes straight to where it led.
    const before = requests.length;
    await source.read("model.safetensors", 70_000, 100_000);
    expect(requests.slice(before)).toEqual(["GET /elsewhere/blob bytes=70000-99999"]);
  });

  it("is asked with the token, where there is one", async () => {
    await hub("secret").len("config.json");
    expect(tokens).toEqual(["Bearer secret", "Bearer secret"]);
    tokens = [];
    await hub().len("config.json");
    expect(tokens).toEqual([undefined, undefined]);
  });

  it("is refused with a reason: gated, unknown, not a hub", async () => {
    for (const [status, hint] of [[401, "token"], [404, "owner/name@revision"], [500, "later"]] as const) {
      answer = (_, response) => void response.writeHead(status).end();
      await expect(hub().len("config.json")).rejects.toMatchObject({ message: expect.stringContaining(String(status)), hint: expect.stringContaining(hint), kind: "input" });
    }
    answer = (_, response) => void response.writeHead(200).end("<html>");
    await expect(hub().len("config.json")).rejects.toMatchObject({ message: expect.stringContaining("as a hub does") });
  });

  it("with GGUF files only says which there are", async () => {
    answer = (_, response) => void response.writeHead(200).end(JSON.stringify({ sha: COMMIT, siblings: [{ rfilename: "README.md" }, { rfilename: "m-Q8_0.gguf" }, { rfilename: "m-Q4_0.gguf" }] }));
    await expect(hub().oneModel()).rejects.toMatchObject({
      message: expect.stringContaining("m-Q4_0.gguf, m-Q8_0.gguf"), hint: expect.stringContaining("o/m:m-Q4_0.gguf"), kind: "input",
      choices: [{ file: "m-Q4_0.gguf", bytes: null }, { file: "m-Q8_0.gguf", bytes: null }],
    });
    // Negative control: beside safetensors they are not asked about.
    answer = (_, response) => void response.writeHead(200).end(JSON.stringify({ sha: COMMIT, siblings: [{ rfilename: "m.gguf" }, { rfilename: "model.safetensors" }] }));
    await hub().oneModel();
  });

  it("in parts is one model", () => {
    const file = (name: string, size: number | null) => ({ name, size, sha256: null });
    expect(ggufModels([
      file("b-00002-of-00002.gguf", 5), file("a.gguf", 1), file("b-00001-of-00002.gguf", 7), file("x/c-00001-of-00002.gguf", 3),
      file("x/c-00002-of-00002.gguf", null), file("lost-00002-of-00002.gguf", 9), file("README.md", 2),
    ])).toEqual([{ file: "a.gguf", bytes: 1 }, { file: "b-00001-of-00002.gguf", bytes: 12 }, { file: "x/c-00001-of-00002.gguf", bytes: null }]);
  });

  it("is held to the hash that the hub names", async () => {
    const source = hub();
    const file = (sha256: string | null) => [{ name: "model.safetensors", bytes: 300_000, sha256 }];
    await source.verify(file("a".repeat(64)));
    await source.verify(file(null));
    await expect(source.verify(file("b".repeat(64)))).rejects.toMatchObject({ message: expect.stringContaining("bbbb") });
  });

  it("takes nothing of a hub's answer on trust", () => {
    for (const bad of [null, 7, {}, { sha: "../../x", siblings: [] }, { sha: COMMIT, siblings: {} }]) expect(readReference(bad)).toBeNull();
    expect(readReference({ sha: COMMIT, siblings: [null, { rfilename: 3 }, { rfilename: "a", size: "b", lfs: { sha256: "c" } }] }))
      .toEqual({ commit: COMMIT, files: [{ name: "a", size: null, sha256: null }] });
  });
});
