// Oracle: by hand, on a panel of three oracles over five tokens.
import { expect, it } from "vitest";
import { matching, parseFilter } from "../src/report/filter";
import { counted, symptomsOf, typeOf, withSymptom, withType } from "../src/report/labels";
import { added, between, isUntestable, led, PanelRows, sharing } from "../src/report/oracles";
import { TokenRows } from "../src/report/rows";
import type { Label, OracleInfo, OracleOffer, Panel, Probe, VerdictColumn } from "../src/report/types";
import { rank, why } from "../src/report/why";

const offer = (id: string, ...names: string[]): OracleOffer => ({
  id, problem: null, oracle: {
    id, title: id, rules: [], value: "", source: "",
    prompts: names.map((name) => ({ name, form: "plain", text: ["", ""], ids: [[], []], placeholder: "a", max_new_tokens: 1, decoding: "greedy" })),
  } satisfies OracleInfo,
});
const OFFERS = [offer("one", "repeat"), offer("all", "repeat", "spell"), offer("other", "ask"), { id: "long", oracle: null, problem: "too long" }];

it("questions of the same name are asked once", () => {
  expect(sharing(OFFERS, ["one"])).toEqual({ questions: 1, shared: [] });
  expect(sharing(OFFERS, ["all", "one", "other", "long"])).toEqual({ questions: 3, shared: [{ question: "repeat", oracles: ["all", "one"] }] });
  expect(added(OFFERS, ["one"], "all")).toEqual({ all: 2, own: 1 });
  expect(added(OFFERS, ["all"], "one")).toEqual({ all: 1, own: 0 });
  expect(added(OFFERS, ["one"], "one")).toEqual({ all: 1, own: 1 });
});

it("a new leader takes the place of the old one unless it was asked already", () => {
  expect(led(["a"], "b")).toEqual(["b"]);
  expect(led(["a", "b", "c"], "c")).toEqual(["c", "a", "b"]);
  expect(led(["a", "b"], "c")).toEqual(["c", "b"]);
});

const column = (oracle: string, passed: boolean[]): VerdictColumn => ({
  oracle, controls_asked: 4, controls_passed: 2, passed, passed_strict: passed, value: passed.map(Number), interval: [],
});
const PANEL: Panel = {
  oracles: [], answers: [], ids: [1, 2, 4],
  verdicts: [column("x", [true, false, false]), column("y", [true, true, false]), column("z", [true, true, true])],
  agreement: [{ a: "x", b: "y", both_fail: 1, only_a_fails: 1, only_b_fails: 0, both_pass: 1, jaccard: 0.5, kappa: 0.4 }],
};

function rows(): TokenRows {
  const made = new TokenRows({ text: ["<s>", "a", "b", "c", "d"], bytes_hex: ["", "", "", "", ""], class: ["special", "ok", "ok", "ok", "ok"] });
  const probe = (id: number, passed: boolean): Probe => ({
    id, passed, passed_strict: passed, value: passed ? 0 : 2, p_target: 0.1, argmax: 0, entropy: 1, answer: [], answer_text: "",
  });
  made.addProbes([probe(1, true), probe(2, false), probe(4, false)]);
  made.setGraph({
    ids: [1, 2, 3, 4], x: [], y: [], cluster: [0, 0, 0, 1], n_clusters: 2, neighbours_per_token: 2, neighbours: [2, 3, 1, 4, 1, 2, 2, 1],
    distances: [1, 2, 1, 2, 1, 2, 1, 2], explained_variance: 1, quality: 1, search: null,
  });
  made.panel = new PanelRows(PANEL);
  return made;
}

it("a pair is found in either order, and its halves change places", () => {
  expect(between(PANEL, "y", "x")).toMatchObject({ a: "y", b: "x", only_a_fails: 0, only_b_fails: 1, kappa: 0.4 });
  expect(between(PANEL, "x", "z")).toBeUndefined();
  expect(isUntestable(PANEL.verdicts[0]!, 0.5)).toBe(false);
  expect(isUntestable(PANEL.verdicts[0]!, 0.51)).toBe(true);
});

it("the filter knows oracles, types and symptoms", () => {
  const made = rows();
  made.setLabels([label(2), withSymptom(withType(label(4), "word"), "repeat", "incapability")]);
  const ids = (query: string) => [...matching(made, parseFilter(query))];
  expect(ids("fails:x")).toEqual([2, 4]);
  expect(ids("fails:x,y")).toEqual([4]);
  expect(ids("passes:y")).toEqual([1, 2]);
  expect(ids("differ:x,y")).toEqual([2]);
  expect(ids("differ:y,z")).toEqual([4]);
  expect(ids("differ:x,nothing")).toEqual([]);
  expect(ids("type:letter")).toEqual([2]);
  expect(ids("type:word")).toEqual([4]);
  expect(ids("symptom:repeat/incapability")).toEqual([4]);
  expect(ids("symptom:spelling_mistake")).toEqual([2]);
});

const label = (id: number): Label => ({ id, token_type: "letter", symptoms: [["repeat", "spelling_mistake"]], corrected_type: null, corrected_symptoms: [] });

it("a correction stands beside the rule's label, counts in its place, and can be taken back", () => {
  const corrected = withSymptom(withType(label(1), "word"), "repeat", "incapability");
  expect([typeOf(corrected), symptomsOf(corrected)]).toEqual(["word", [["repeat", "incapability"]]]);
  expect(corrected.token_type).toBe("letter");
  expect(counted([corrected, label(2)])).toEqual({
    types: [["word", 1], ["letter", 1]], symptoms: [[["repeat", "spelling_mistake"], 1], [["repeat", "incapability"], 1]],
  });
  expect(withSymptom(withType(corrected, "letter"), "repeat", "spelling_mistake")).toEqual(label(1));
  expect(withSymptom(corrected, "repeat", null).corrected_symptoms).toEqual([]);
});

it("the reasons are counts of what was asked, without the token itself", () => {
  const made = rows();
  const indicators = { references: null, columns: [{ name: "norm", what: "", values: [0, 3, 1, 2, Number.NaN] }] };
  expect(why(made, 2, "x", indicators)).toEqual({
    verdict: "fails", value: 2, others: { asked: ["y", "z"], failing: [] }, cluster: { id: 0, asked: 1, failed: 0 }, neighbours: { asked: 2, failed: 1 }, low: [],
  });
  expect(why(made, 4, "x", null)).toMatchObject({ others: { failing: ["y"] }, cluster: null });
  expect(why(made, 1, "x", null)).toMatchObject({ verdict: "passes", value: null });
  expect([why(made, 3, "x", null).verdict, why(made, 0, "x", null).verdict]).toEqual(["unasked", "skipped"]);
  expect(rank(made, [0, 3, 1, 2, Number.NaN], 2)).toBeCloseTo(1 / 3, 9);
  expect(rank(made, [0, 3, 1, 2, Number.NaN], 4)).toBeNaN();
});
