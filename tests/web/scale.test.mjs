// Oracle: what a person does with a large vocabulary. The built page on the scripted core, software rendering: the map moves,
// the table sorts, and nothing is lost on the way. Frame times and long tasks are printed, not judged: they are the machine's.
// What is judged is what keeps tasks short: no JSON text and no message is large on the page's side, and frames are drawn while
// the table is being sorted.
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { after, before, test } from "node:test";
import { launch, serve } from "./browser.mjs";
import { eventually, openPage, scriptedBuild } from "./support.mjs";

let browser, server;

before(async () => {
  const dist = scriptedBuild();
  const specimen = `${dist}/specimen/`;
  server = await serve({ "/": `${dist}/`, "/middle/": specimen, "/huge/": specimen });
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await server?.close();
});

/** Frames and long tasks while `work` runs. */
async function watched(page, work) {
  await page.evaluate(() => {
    globalThis.frames = [];
    globalThis.tasks = [];
    globalThis.observer = new PerformanceObserver((list) => globalThis.tasks.push(...list.getEntries().map(({ duration }) => duration)));
    globalThis.observer.observe({ type: "longtask" });
    let last = performance.now();
    globalThis.watching = true;
    const frame = (now) => {
      globalThis.frames.push(now - last);
      last = now;
      if (globalThis.watching) requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  });
  await work();
  await page.waitForTimeout(300);
  return page.evaluate(() => {
    globalThis.watching = false;
    globalThis.tasks.push(...globalThis.observer.takeRecords().map(({ duration }) => duration));
    globalThis.observer.disconnect();
    const sorted = globalThis.frames.toSorted((a, b) => a - b);
    const at = (share) => Math.round(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0);
    return { frames: sorted.length, median: at(0.5), late: at(0.95), tasks: globalThis.tasks.map(Math.round) };
  });
}

function say(what, { frames, median, late, tasks }) {
  const long = tasks.length === 0 ? "no long task" : `${tasks.length} long tasks, the longest ${Math.max(...tasks)} ms`;
  process.stderr.write(`${what}: ${frames} frames, median ${median} ms, 95 % within ${late} ms, ${long}\n`);
}

/** Notes the longest JSON text that the page reads or writes in one go, and the longest list in any message of a port. */
const measure = (page) => page.evaluate(() => {
  const most = { read: 0, written: 0, list: 0, messages: 0 };
  globalThis.most = most;
  const { parse, stringify } = JSON;
  JSON.parse = (text, ...rest) => {
    most.read = Math.max(most.read, text.length);
    return parse(text, ...rest);
  };
  JSON.stringify = (...all) => {
    const text = stringify(...all);
    most.written = Math.max(most.written, text?.length ?? 0);
    return text;
  };
  const longest = (value, depth = 0) => {
    if (typeof value !== "object" || value === null || depth > 8) return 0;
    if (Array.isArray(value) && value.length > 64) return value.length;
    return Object.values(value).reduce((length, inside) => Math.max(length, longest(inside, depth + 1)), Array.isArray(value) ? value.length : 0);
  };
  const { get, set } = Object.getOwnPropertyDescriptor(MessagePort.prototype, "onmessage");
  Object.defineProperty(MessagePort.prototype, "onmessage", {
    get,
    set(hear) {
      set.call(this, hear && ((event) => {
        most.messages++;
        most.list = Math.max(most.list, longest(event.data));
        return hear.call(this, event);
      }));
    },
  });
});

/** No text of a megabyte and no list longer than a piece; not one message would mean that nothing was measured. */
async function assertInPieces(page) {
  const most = await page.evaluate(() => globalThis.most);
  assert.ok(most.messages > 20, `${most.messages} messages were seen`);
  assert.ok(most.list > 1_000 && most.list <= 65_536, `the longest list in a message has ${most.list} elements`);
  assert.ok(most.read < 2 ** 20, `a JSON text of ${most.read} characters was read in one go`);
  assert.ok(most.written < 4 * 2 ** 20, `a JSON text of ${most.written} characters was written in one go`);
}

const pixels = (page) => page.evaluate(async () => {
  const map = document.querySelector("gs-app").shadowRoot.querySelector("gs-glitch-lab").shadowRoot.querySelector("gs-map");
  const bitmap = await createImageBitmap(await map.picture());
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
  const context = canvas.getContext("2d");
  context.drawImage(bitmap, 0, 0);
  const data = context.getImageData(0, 0, canvas.width, canvas.height).data;
  const [r, g, b] = data;
  let coloured = 0;
  for (let i = 0; i < data.length; i += 4) {
    if (Math.abs(data[i] - r) + Math.abs(data[i + 1] - g) + Math.abs(data[i + 2] - b) > 24) coloured++;
  }
  return coloured / (data.length / 4);
});

/** Frames that begin while the table says that it is busy; to be run in the page. */
function countBusyFrames() {
  const body = document.querySelector("gs-app").shadowRoot.querySelector("gs-glitch-lab").shadowRoot.querySelector("gs-table").shadowRoot.querySelector(".body");
  globalThis.busyFrames = 0;
  globalThis.counted ??= (function count() {
    if (body.ariaBusy === "true") globalThis.busyFrames++;
    return requestAnimationFrame(count);
  })();
}

for (const [name, n] of [["middle", 50_000], ["huge", 262_144]]) {
  test(`${n} tokens: the map moves, the table sorts, a scan arrives`, async () => {
    const { page, context, errors } = await openPage(browser, `${server.url}/#model=${server.url}/${name}/`);
    const run = page.getByRole("button", { name: "Find glitch tokens" });
    await run.and(page.locator(":enabled")).waitFor({ timeout: 60_000 });
    await measure(page);
    say(`${n}, scan`, await watched(page, async () => {
      await run.click();
      await page.getByText("The search found").waitFor({ timeout: 120_000 });
    }));
    const legend = page.locator("gs-map .legend .n");
    const counts = (await legend.allInnerTexts()).map((text) => Number(text.replaceAll(",", "")));
    assert.equal(counts.reduce((sum, count) => sum + count, 0), n);

    const stage = page.locator("gs-map .stage");
    await stage.scrollIntoViewIfNeeded();
    const box = await stage.boundingBox();
    const whole = await pixels(page);
    assert.ok(whole > 0.02, `${whole} of the picture are points`);
    await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
    say(`${n}, zoom and pan`, await watched(page, async () => {
      for (let i = 0; i < 12; i++) {
        await page.mouse.wheel(0, -60);
        await page.waitForTimeout(30);
      }
      await page.mouse.down();
      for (let i = 0; i < 30; i++) {
        await page.mouse.move(box.x + box.width / 2 - 6 * i, box.y + box.height / 2 + 3 * i);
        await page.waitForTimeout(16);
      }
      await page.mouse.up();
    }));
    await page.getByRole("button", { name: "Show all" }).or(page.locator("gs-map .zoom button").nth(2)).first().click();
    await page.waitForTimeout(400);
    const again = await pixels(page);
    assert.ok(Math.abs(again - whole) < 0.01, `back at the whole map ${again} are points, before it were ${whole}`);

    await page.getByText("All", { exact: true }).click();
    // Rows are filtered in slices.
    await page.locator(`gs-table [role=grid][aria-rowcount="${n + 1}"]`).waitFor();
    for (const column of ["p", "token", "id"]) {
      say(`${n}, sorting by ${column}`, await watched(page, async () => {
        await page.evaluate(countBusyFrames);
        await page.locator(`gs-table .head .${column} button`).click();
        await page.locator(`gs-table .head .${column}[aria-sort=ascending]`).waitFor();
        await page.locator("gs-table .body:not([aria-busy])").waitFor();
      }));
      const busy = await page.evaluate(() => globalThis.busyFrames);
      if (column !== "id") assert.ok(busy >= 2, `${busy} frames were drawn while ${n} rows were sorted by ${column}`);
    }
    // After the sort by id the list begins with 0 and the last row is the last id.
    await page.locator("gs-table .body").evaluate((element) => { element.scrollTop = element.scrollHeight; });
    await page.locator("gs-table .space .row:not([hidden])", { hasText: String(n - 1) }).waitFor();
    await eventually(async () => assert.ok((await page.locator("gs-table .space .row").count()) < 60));

    const file = join(mkdtempSync(join(tmpdir(), "glitchscope-")), "report.json");
    say(`${n}, saving the report`, await watched(page, async () => {
      const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "Save report" }).click()]);
      await download.saveAs(file);
    }));
    const saved = JSON.parse(readFileSync(file, "utf8"));
    assert.deepEqual([saved.tokens.text.length, saved.graph.x.length, saved.probes.length], [n, n, counts[0] + counts[1]]);
    say(`${n}, opening it again`, await watched(page, async () => {
      await page.locator("#report").setInputFiles(file);
      await page.getByText("Shown from the file report.json").waitFor({ timeout: 120_000 });
    }));
    await eventually(async () => assert.deepEqual((await legend.allInnerTexts()).map((text) => Number(text.replaceAll(",", ""))), counts));
    await assertInPieces(page);
    await context.close();
    assert.deepEqual(errors, []);
  });
}

test("the count of points can tell a map from an empty one", async () => {
  const { page, context } = await openPage(browser, `${server.url}/#model=${server.url}/middle/`);
  await page.getByRole("button", { name: "Find glitch tokens" }).and(page.locator(":enabled")).waitFor({ timeout: 60_000 });
  await page.locator("gs-glitch-lab input[type=search]").fill("id:99999999");
  await page.waitForTimeout(500);
  await eventually(async () => assert.ok((await pixels(page)) < 0.005));
  await context.close();
});
