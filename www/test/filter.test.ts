// Oracle: by hand, on a vocabulary of six tokens.
import { describe, expect, it } from "vitest";
import { matching, parseFilter } from "../src/report/filter";
import { TokenRows } from "../src/report/rows";
import type { Probe } from "../src/report/types";
import { sorted } from "../src/views/token_table";

const probe = (id: number, passed: boolean, p: number, answer: string): Probe => ({
  id, passed, passed_strict: passed, value: null, p_target: p, argmax: 0, entropy: 1 - p, answer: [0], answer_text: answer,
});

function rows(): TokenRows {
  const made = new TokenRows({
    text: ["<s>", "Hello", " hello", "a\nb", "http://x", "zebra"],
    bytes_hex: ["", "", "", "", "", ""],
    class: ["special", "ok", "ok", "ok", "ok", "unreachable"],
  });
  made.addProbes([probe(1, true, 0.9, "Hello"), probe(2, false, 0.002, "bye"), probe(3, false, 0.2, "")]);
  return made;
}

const ids = (query: string) => [...matching(rows(), parseFilter(query))];

describe("the filter", () => {
  it("finds text without case, and all terms have to hold", () => {
    expect(ids("")).toEqual([0, 1, 2, 3, 4, 5]);
    expect(ids("HELLO")).toEqual([1, 2]);
    expect(ids("hello verdict:glitch")).toEqual([2]);
    expect(ids('"a\nb"')).toEqual([3]);
    expect(ids("␣hello")).toEqual([2]);
    expect(ids("⏎")).toEqual([3]);
  });

  it("takes regular expressions, with flags and with blanks inside", () => {
    expect(ids("/^H/")).toEqual([1]);
    expect(ids("/^ h/")).toEqual([2]);
    expect(ids("/ZEB/gi")).toEqual([5]);
    expect(ids("text:/^.{5}$/")).toEqual([1, 5]);
  });

  it("takes fields with words, lists and numbers", () => {
    expect(ids("class:ok,special")).toEqual([0, 1, 2, 3, 4]);
    expect(ids("p:<0.1")).toEqual([2]);
    expect(ids("p:>=0.2")).toEqual([1, 3]);
    expect(ids("id:2..4")).toEqual([2, 3, 4]);
    expect(ids("id:1,5")).toEqual([1, 5]);
    expect(ids("answer:bye")).toEqual([2]);
    // A token that was not asked about has no probability: it is neither below nor above.
    expect(ids("p:>=0 p:<=1")).toEqual([1, 2, 3]);
  });

  it("takes an address for text", () => {
    expect(ids("http://x")).toEqual([4]);
  });

  it("names what it does not understand and leaves nothing out for it", () => {
    expect(parseFilter("/[/").problem).toEqual({ key: "filter.regex", piece: "/[/" });
    expect(parseFilter("p:small").problem).toEqual({ key: "filter.number", piece: "p:small" });
    expect(parseFilter("prob:1").problem).toEqual({ key: "filter.field", piece: "prob:1" });
    expect(parseFilter("hello").problem).toBeNull();
    expect(ids("p:small hello")).toEqual([1, 2]);
  });
});

describe("sorting", () => {
  const all = Uint32Array.from([0, 1, 2, 3, 4, 5]);

  it("puts unknown values last in both directions", () => {
    expect([...sorted(rows(), all, { column: "p", descending: false })]).toEqual([2, 3, 1, 0, 4, 5]);
    expect([...sorted(rows(), all, { column: "p", descending: true })]).toEqual([1, 3, 2, 0, 4, 5]);
  });

  it("is by code unit for text, and by id among equals", () => {
    expect([...sorted(rows(), all, { column: "token", descending: false })]).toEqual([2, 0, 1, 3, 4, 5]);
    expect([...sorted(rows(), all, { column: "verdict", descending: false })]).toEqual([2, 3, 1, 4, 0, 5]);
  });
});
