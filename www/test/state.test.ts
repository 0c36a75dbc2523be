// Oracle: by hand; a clock that the test sets.
import { expect, it, vi } from "vitest";
import type { Listener } from "../src/core/client";
import { FurtherModels } from "../src/state/further_models";
import { formatLink, parseLink } from "../src/state/link";
import { chosenOracles, DEFAULTS, namedOracles, NUMERIC, SAMPLING, SWITCHES } from "../src/state/options";
import { Job } from "../src/state/progress";
import { SENTENCES } from "../src/strings";
import { hull, Places } from "../src/views/token_map/places";

it("a link carries what differs from the defaults, and comes back the same", () => {
  expect(formatLink({ options: DEFAULTS })).toBe("");
  const linked = { model: "https://example.org/m/", device: "cpu" as const, weights: "int8" as const, method: "both" as const, options: { resolution: 9.6, verify_final: false }, token: 12, filter: "/a b/ p:<0.1" };
  expect(parseLink(formatLink(linked))).toEqual(linked);
  const oracles = { options: { oracles: ["magikarp-max-prob", "repetition-sampled"], form: "chat" as const, attempts: 3, temperature: 1.5, keep_rule: "hypergeometric" as const, neighbours: "exact" as const } };
  expect(parseLink(formatLink(oracles))).toEqual(oracles);
  expect(formatLink({ options: { oracles: namedOracles(chosenOracles(DEFAULTS)) } })).toBe("");
});

it("a further model loads, works, fails and goes away by itself", async () => {
  const models = new FurtherModels();
  let changes = 0;
  models.addEventListener("change", () => changes++);
  const [one, other] = [models.add(), models.add()];
  const opened = { info: { model: { name: "tiny" } }, tokens: {} } as never;
  let finish = () => {};
  vi.spyOn(one.core, "open").mockImplementation(async (_spec, _placement, on: Listener) => {
    on({ event: "stage", stage: "loading weights", detail: "" });
    on({ event: "advance", done: 1, total: 4, unit: "bytes" });
    await new Promise<void>((resolve) => { finish = resolve; });
    return opened;
  });
  const loading = one.load({ kind: "url", name: "tiny", url: "http://x/" }, { device: "cpu", weights: "f16" });
  expect([one.job?.stage, one.job?.done, models.busy, other.job]).toEqual(["loading weights", 1, true, null]);
  expect(await one.load({ kind: "url", name: "second", url: "http://y/" })).toBe(false);
  await Promise.resolve();
  finish();
  expect(await loading).toBe(true);
  expect([one.model?.info.model.name, one.placement.weights, models.busy]).toEqual(["tiny", "f16", false]);
  expect(await one.run("compare", async () => { throw { message: "no", hint: null, kind: "input" }; })).toBeNull();
  expect(one.trouble).toEqual({ message: "no", hint: null, kind: "input", during: "compare" });
  expect(await one.run("compare", async () => { throw { message: "cancelled", hint: null, kind: "cancelled" }; })).toBeNull();
  expect(one.trouble).toBeNull();
  expect(await one.run("compare", async () => 7)).toBe(7);
  const dispose = vi.spyOn(one.core, "dispose");
  models.remove(one);
  expect([models.list, dispose.mock.calls.length, one.model]).toEqual([[other], 1, null]);
  expect(await one.run("compare", async () => 7)).toBeNull();
  const before = changes;
  other.dismiss();
  expect(changes).toBe(before + 1);
});

it("a hostile link is read as far as it makes sense", () => {
  const linked = parseLink("#model=javascript:alert(1)&device=toaster&resolution=-1&n_neighbors=2.5&seed=1e99&token=x&method=rm&verify_final=maybe&oracle=<b>,nothing&form=loud&keep_rule=all&neighbours=most&top_p=0");
  expect(linked).toEqual({ options: {} });
});

it("every option but the method has a place in the settings", () => {
  const listed = [...NUMERIC, ...SAMPLING, ...SWITCHES].map(({ key }) => key as string).concat("oracles", "form", "keep_rule", "neighbours").sort();
  expect(listed).toEqual(Object.keys(DEFAULTS).filter((key) => key !== "method" && key !== "task").sort());
});

it("every sentence has its places in both languages", () => {
  const places = (text: string) => (text.match(/\{\w+\}/g) ?? []).sort();
  const names = Object.keys(SENTENCES);
  expect(names.length).toBeGreaterThan(200);
  for (const name of names) {
    const [english, chinese] = SENTENCES[name]!;
    expect(places(chinese), name).toEqual(places(english));
    expect(english, name).not.toMatch(/!/);
  }
});

it("rate and time left come from the last seconds", () => {
  const job = new Job("scan");
  job.enter("probing", "", 0);
  for (let s = 1; s <= 10; s++) job.advance(s <= 5 ? 10 * s : 50 + 100 * (s - 5), 1_550, "tokens", 1_000 * s);
  expect(job.rate).toBeCloseTo(100, 6);
  expect(job.left).toBeCloseTo(10, 6);
  job.enter("verifying", "", 10_000);
  expect(job.rate).toBe(0);
  expect(job.left).toBeNull();
  job.advance(450, 900, "tokens", 15_000);
  const timings = job.timings(15_000);
  expect(timings.slice(0, 2)).toEqual([{ stage: "probing", seconds: 10 }, { stage: "verifying", seconds: 5 }]);
  expect(job.tokenRate).toBeCloseTo(1_000 / 15, 6);
});

it("the nearest point is the one that brute force finds", () => {
  const n = 3_000;
  let seed = 1;
  const next = () => (seed = (seed * 48_271) % 2_147_483_647) / 2_147_483_647;
  const x = Float32Array.from({ length: n }, () => 2 * next() - 1);
  const y = Float32Array.from({ length: n }, () => 2 * next() - 1);
  const places = new Places(x, y);
  const [sx, sy] = [600, 250];
  for (let trial = 0; trial < 200; trial++) {
    const [px, py] = [2 * next() - 1, 2 * next() - 1];
    const distance = (i: number) => Math.hypot((x[i]! - px) * sx, (y[i]! - py) * sy);
    const even = [...x.keys()].filter((i) => i % 2 === 0);
    const best = even.reduce((a, b) => (distance(b) < distance(a) ? b : a));
    const found = places.nearest(px, py, sx, sy, 40, (i) => i % 2 === 0);
    expect(found).toBe(distance(best) <= 40 ? best : null);
  }
  // Stepping right leads right, within 45 degrees, to the nearest such point.
  const from = places.nearest(0, 0, sx, sy, 600, () => true)!;
  const to = places.towards(from, 1, 0, sx, sy, () => true)!;
  const [dx, dy] = [(x[to]! - x[from]!) * sx, (y[to]! - y[from]!) * sy];
  expect(dx).toBeGreaterThanOrEqual(Math.abs(dy));
  const nearer = [...x.keys()].filter((i) => {
    const [ax, ay] = [(x[i]! - x[from]!) * sx, (y[i]! - y[from]!) * sy];
    return i !== from && ax > 0 && ax >= Math.abs(ay) && Math.hypot(ax, ay) < Math.hypot(dx, dy) - 1e-3;
  });
  expect(nearer).toEqual([]);
});

it("a hull holds its corners and nothing inside", () => {
  expect(hull([[0, 0], [4, 0], [4, 4], [0, 4], [2, 2], [1, 3]])).toHaveLength(4);
  expect(hull([[0, 0], [1, 1]])).toHaveLength(2);
});
