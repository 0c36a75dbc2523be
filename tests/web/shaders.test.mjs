// Oracle: the browser's own WGSL compiler (Tint), which is not the one that native runs use (naga): every text that a kernel
// can have must compile without a word. The texts are those that the Rust side puts together, by hash.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { launch, repository, serve } from "./browser.mjs";

/** These become pipelines as well, which takes a software adapter a second each; the others are parsed and validated. */
const PIPELINES = ["attention", "attention_backward_query", "matmul_weight_backward"];

const read = (path) => readFileSync(join(repository, path), "utf8");
const TEXTS = JSON.parse(read("tests/golden/shaders/texts.json"));

/** As src/compute/gpu/shaders.rs does it. */
function resolve(source, conditions, seen = new Set()) {
  const open = [];
  let text = "";
  for (const line of source.replace(/\n$/, "").split("\n")) {
    if (line.startsWith("#if ")) {
      const name = line.slice(4).trim();
      open.push(name.startsWith("!") ? !conditions.includes(name.slice(1)) : conditions.includes(name));
    } else if (line === "#else") open.push(!open.pop());
    else if (line === "#end") open.pop();
    else if (open.includes(false)) continue;
    else if (line.startsWith("#import ")) {
      const name = line.slice(8).trim();
      if (!seen.has(name)) {
        seen.add(name);
        text += resolve(read(`shaders/lib/${name}.wgsl`), conditions, seen);
      }
    } else text += `${line}\n`;
  }
  return text;
}

function text_of({ kernel, conditions }) {
  const head = conditions.includes("f16") ? "enable f16;\n" : "";
  return head + resolve(read(`shaders/${kernel}.wgsl`), conditions);
}

let browser, server, page;
before(async () => {
  server = await serve({ "/": repository });
  browser = await launch();
  page = await browser.newPage();
  page.setDefaultTimeout(600_000);
  await page.goto(`${server.url}/tests/web/core.html`);
  await page.evaluate(async () => {
    const adapter = await navigator.gpu.requestAdapter();
    const has_f16 = adapter.features.has("shader-f16");
    const device = await adapter.requestDevice({ requiredFeatures: has_f16 ? ["shader-f16"] : [] });
    /** What the compiler says about a text, and about its pipeline where constants are given. */
    globalThis.complaints = async (code, constants) => {
      device.pushErrorScope("validation");
      const module = device.createShaderModule({ code });
      const said = (await module.getCompilationInfo()).messages.map(({ lineNum, message }) => `${lineNum}: ${message}`);
      if (constants && said.length === 0) {
        const compute = { module, entryPoint: "forward", constants };
        await device.createComputePipelineAsync({ layout: "auto", compute }).catch((error) => said.push(error.message));
      }
      await device.popErrorScope();
      return said;
    };
    globalThis.has_f16 = has_f16;
  });
});
after(async () => {
  await browser?.close();
  await server?.close();
});

test("the texts are those of the Rust side", () => {
  assert.ok(TEXTS.length > 40);
  for (const text of TEXTS) {
    assert.equal(createHash("sha256").update(text_of(text)).digest("hex"), text.sha256, `${text.kernel} ${text.conditions}`);
  }
});

test("every text compiles, and some become pipelines", async () => {
  const has_f16 = await page.evaluate(() => globalThis.has_f16);
  const kernels = new Set();
  for (const text of TEXTS) {
    if (text.conditions.includes("f16") && !has_f16) {
      if (!kernels.has("f16")) process.stderr.write("SKIPPED: f16 texts in Chromium: the adapter has no shader-f16\n");
      kernels.add("f16");
      continue;
    }
    const constants = PIPELINES.includes(text.kernel) && !kernels.has(text.kernel) ? text.constants : null;
    kernels.add(text.kernel);
    const said = await page.evaluate(([code, constants]) => globalThis.complaints(code, constants), [text_of(text), constants]);
    assert.deepEqual(said, [], `${text.kernel} ${text.conditions}`);
  }
});

test("a text that naga accepts and Tint does not is found", async () => {
  // Negative control: precedence that WGSL forbids and naga lets pass.
  const code = "@compute @workgroup_size(1) fn forward() { let a = 1u >= 2u & true; }";
  assert.notDeepEqual(await page.evaluate((code) => globalThis.complaints(code, null), code), []);
  const unknown = text_of(TEXTS[0]);
  assert.notDeepEqual(await page.evaluate((code) => globalThis.complaints(code, { no_such_constant: 1 }), unknown), []);
});
