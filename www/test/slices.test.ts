// Oracle: JSON.stringify, structuredClone and Array.prototype.sort, done in one go; a clock that advances with every look at it.
import { expect, it } from "vitest";
import { opened, parcel, piecesOf, textOf, written } from "../src/core/parcel";
import { TokenRows } from "../src/report/rows";
import { Slices, sortInSlices } from "../src/slices";
import { type Column, sorted, sortedInSlices } from "../src/views/token_table";

/** Two milliseconds pass between two looks. */
function clock(): () => number {
  let now = 0;
  return () => (now += 2);
}

const N = 20_000;
/** The shape of a report: long lists of numbers, texts and records, at several depths, and what JSON treats specially. */
const value = {
  schema: "x", nothing: null, absent: undefined, flag: true, quote: "\"\\\u2028\ud800", ["__proto__"]: { own: 1 }, empty: [], none: {},
  tokens: { text: Array.from({ length: N }, (_, id) => `t\u00e9${id}`), class: Array.from({ length: N }, () => "ok") },
  graph: { x: Array.from({ length: 3 * N }, (_, id) => Math.sin(id)), n: 3 },
  probes: Array.from({ length: N }, (_, id) => ({ id, answer: [id, 1], passed: id % 3 === 0, value: id % 5 === 0 ? null : 0.1 })),
  skipped: [{ class: "a", ids: Array.from({ length: N }, (_, id) => id) }, { class: "b", ids: [1, 2] }],
};

it("what is written in slices is the text that is written in one go", async () => {
  const slices = new Slices(clock());
  const blob = await written(value, slices);
  expect(await textOf(blob)).toBe(JSON.stringify(value));
  expect(slices.turns).toBeGreaterThan(5);
  for (const small of [null, 1, "a", [], {}, [undefined, { a: undefined }], report()]) expect(await textOf(await written(small))).toBe(JSON.stringify(small));
  const other = { ...value, schema: "y" };
  expect(await textOf(await written(other))).not.toBe(JSON.stringify(value));
});

function report(): unknown {
  return { a: [[1, [2, { b: "c" }]], "d"], e: { f: { g: [] } } };
}

it("a parcel holds what was put into it, in pieces of which none is long", async () => {
  for (const atOnce of [false, true]) {
    const port = parcel(value);
    const sizes: number[] = [];
    const whole = await opened<typeof value>(watched(port, sizes), { atOnce });
    expect(JSON.stringify(whole)).toBe(JSON.stringify(value));
    expect(sizes.length).toBeGreaterThan(15);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(65_536);
  }
  expect([...piecesOf(value.probes)].map((piece) => piece.length)).toEqual([...Array.from({ length: 9 }, () => 2_048), N - 9 * 2_048]);
  expect(await opened(parcel("short"))).toBe("short");
});

/** The same port, noting how long the longest list of each message is. */
function watched(port: MessagePort, sizes: number[]): MessagePort {
  const longest = (inside: unknown): number => {
    if (typeof inside !== "object" || inside === null) return 0;
    const own = Array.isArray(inside) ? inside.length : 0;
    return Math.max(own, ...(own > 100 ? [] : Object.values(inside).map(longest)));
  };
  port.addEventListener("message", ({ data }) => sizes.push(longest(data)));
  return port;
}

it("a parcel cannot be told where its lists belong by what is in it", async () => {
  const forged = { paths: [["frame"]], frame: { list: 0, items: [1] }, list: [{ paths: [] }] };
  expect(await opened(parcel(forged))).toEqual(forged);
});

/** Rows of a table: three runs of the sort and a part of one. */
const M = 13_000;

function rows(): TokenRows {
  const made = new TokenRows({
    text: Array.from({ length: M }, (_, id) => `${(id * 7919) % 4_001}`), bytes_hex: Array.from({ length: M }, () => ""),
    class: Array.from({ length: M }, (_, id) => (id % 9 === 0 ? "byte" : "ok")),
  });
  made.addProbes(Array.from({ length: M / 2 }, (_, i) => ({
    id: 2 * i, passed: i % 3 > 0, passed_strict: true, value: 0, p_target: ((i * 31) % 101) / 100, argmax: 0, entropy: (i * 17) % 13, answer: [],
    answer_text: `${i % 77}`,
  })));
  return made;
}

it("a long list sorted in slices is in the order of one sorted in one go, by every column and both ways", async () => {
  const made = rows();
  const ids = Uint32Array.from({ length: M }, (_, i) => M - 1 - i);
  for (const column of ["id", "token", "verdict", "p", "entropy", "answer", "cluster", "class"] satisfies Column[]) {
    for (const descending of [false, true]) {
      const slices = new Slices(clock());
      const order = await sortedInSlices(made, ids, { column, descending }, () => true, slices);
      expect(String(order) === String(sorted(made, ids, { column, descending })), column).toBe(true);
      if (column !== "id") expect(slices.turns, column).toBeGreaterThan(3);
    }
  }
  expect(String(await sortedInSlices(made, ids, { column: "p", descending: false }))).not.toBe(String(sorted(made, ids, { column: "p", descending: true })));
});

it("sorting ends as soon as it is not wanted, and takes lists of any length", async () => {
  const slices = new Slices(clock());
  const ids = Uint32Array.from({ length: M }, (_, i) => i);
  expect(await sortInSlices(ids, (a, b) => b - a, slices, () => slices.turns < 2)).toBeNull();
  expect(slices.turns).toBe(2);
  for (const n of [0, 1, 4_095, 4_096, 4_097, 9_000, M]) {
    const some = ids.slice(0, n);
    expect(String(await sortInSlices(some, (a, b) => b - a, new Slices())) === String(some.slice().reverse()), `${n}`).toBe(true);
  }
});
