// Oracle: by hand.
import { expect, it } from "vitest";
import { TokenRows } from "../src/report/rows";
import type { IndicatorTable, Label, Probe } from "../src/report/types";
import { colouring, colourings, NONE } from "../src/views/token_map/colouring";

const rows = (): TokenRows => {
  const made = new TokenRows({ text: Array.from({ length: 24 }, (_, id) => `t${id}`), bytes_hex: Array(24).fill(""), class: Array(24).fill("ok") });
  made.addProbes(Array.from({ length: 20 }, (_, id) => ({
    id, passed: id > 4, passed_strict: true, value: null, p_target: id / 20, argmax: 0, entropy: 20 - id, answer: [], answer_text: "",
  } satisfies Probe)));
  const label = (id: number, corrected: Label["corrected_type"] = null): Label => ({
    id, token_type: "letter", symptoms: [["repetition", "random_characters"]], corrected_type: corrected, corrected_symptoms: [],
  });
  made.setLabels([label(1), label(2, "special")]);
  return made;
};

it("a token's colour is its type, its first symptom, its rank", () => {
  const made = rows();
  expect(colourings(made, null)).toEqual(["cluster", "verdict", "type", "symptom", "p_target", "entropy"]);
  const type = colouring("type", made, null)!;
  expect([type.steps[1], type.steps[2], type.steps[3], type.groups[type.steps[2]!]]).toEqual([1, 4, NONE, "special"]);
  expect(colouring("symptom", made, null)!.steps[1]).toBe(4);
  const p = colouring("p_target", made, null)!;
  expect([p.steps[0], p.steps[19], p.steps[20], p.ends]).toEqual([0, 11, NONE, [0, 0.95]]);
  const entropy = colouring("entropy", made, null)!;
  expect([entropy.steps[0], entropy.steps[19]]).toEqual([11, 0]);
  // Steps never fall with the value, and every one is used.
  const steps = [...p.steps.subarray(0, 20)];
  expect(steps).toEqual([...steps].sort((a, b) => a - b));
  expect(new Set(steps).size).toBe(12);
});

it("an indicator with one value for all is one step, and what is not there gives no colour", () => {
  const made = rows();
  const table: IndicatorTable = { references: null, columns: [{ name: "norm", what: "", values: Array(24).fill(3) }] };
  const same = colouring("indicator:norm", made, table)!;
  expect([new Set(same.steps).size, same.ends]).toEqual([1, [3, 3]]);
  expect(colouring("indicator:cosine", made, table)).toBeNull();
  expect(colouring("oracle:magikarp", made, table)).toBeNull();
  expect(colouring("verdict", made, table)).toBeNull();
  expect(colouring("cluster", made, null)).toBeNull();
});
