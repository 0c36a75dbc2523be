/** What the colour of a point says: its cluster, its verdict, what it is and does, what an oracle or an indicator says of it. */
import type { TokenRows } from "../../report/rows";
import type { IndicatorTable, Symptom, TokenType } from "../../report/types";

/** No colour: the point says nothing in this respect. */
export const NONE = 255;
/** Colours of a palette. */
export const STEPS = 12;

/** `cluster` and `verdict`, `type` and `symptom`, `p_target` and `entropy`, `oracle:ID`, `indicator:NAME`. */
export type ColouringName = "cluster" | "verdict" | "type" | "symptom" | "p_target" | "entropy" | `oracle:${string}` | `indicator:${string}`;

export interface Colouring {
  /** Colour of each token, below `STEPS`, or `NONE`. */
  steps: Uint8Array;
  /** Colours that differ without an order, or the steps of one hue. */
  scale: "groups" | "steps";
  /** Failing points keep their shape and take their colour from here too. */
  failing: boolean;
  /** Groups by their colour, for the legend. */
  groups: (TokenType | Symptom | "passes" | "fails")[];
  /** Of a scale of steps: where its first step begins and its last one ends. */
  ends: [number, number] | null;
}

const TYPES: readonly TokenType[] = ["word", "letter", "character", "letter_character", "special"];
const SYMPTOMS: readonly Symptom[] = ["spelling_mistake", "incapability", "hallucinatory_completion", "question_repetition", "random_characters"];

/** What there is to colour by. */
export function colourings(rows: TokenRows | null, indicators: IndicatorTable | null): ColouringName[] {
  if (!rows) return ["cluster", "verdict"];
  const asked = rows.probe.some((probe) => probe !== undefined);
  return [
    "cluster", "verdict", ...(rows.labels.size > 0 ? ["type" as const, "symptom" as const] : []),
    ...(asked ? ["p_target" as const, "entropy" as const] : []),
    ...(rows.panel?.panel.oracles ?? []).map(({ id }) => `oracle:${id}` as const),
    ...(indicators?.columns ?? []).map(({ name }) => `indicator:${name}` as const),
  ];
}

/** Null where verdicts alone give the colour, or what is asked for is not there. */
export function colouring(name: ColouringName, rows: TokenRows, indicators: IndicatorTable | null): Colouring | null {
  const steps = new Uint8Array(rows.length).fill(NONE);
  const groups = (all: Colouring["groups"], of: (id: number) => number): Colouring => {
    for (let id = 0; id < rows.length; id++) steps[id] = of(id);
    return { steps, scale: "groups", failing: true, groups: all, ends: null };
  };
  if (name === "cluster") return rows.graph ? byCluster(rows.cluster) : null;
  if (name === "type") {
    return groups([...TYPES], (id) => {
      const label = rows.labels.get(id);
      return label ? TYPES.indexOf(label.corrected_type ?? label.token_type) : NONE;
    });
  }
  if (name === "symptom") {
    return groups([...SYMPTOMS], (id) => {
      const label = rows.labels.get(id);
      const first = (label?.corrected_symptoms[0] ?? label?.symptoms[0])?.[1];
      return first ? SYMPTOMS.indexOf(first) : NONE;
    });
  }
  if (name.startsWith("oracle:")) {
    const { panel } = rows;
    if (!panel) return null;
    const oracle = name.slice("oracle:".length);
    return groups(["passes", "fails"], (id) => {
      const passes = panel.passes(oracle, id);
      return passes === undefined ? NONE : passes ? 0 : 1;
    });
  }
  if (name === "p_target" || name === "entropy") return ranked(steps, (id) => rows.probe[id]?.[name] ?? Number.NaN);
  const column = indicators?.columns.find((column) => name === `indicator:${column.name}`);
  return column ? ranked(steps, (id) => column.values[id] ?? Number.NaN) : null;
}

/** The palette over and over; tokens without a cluster (-1) have no colour. */
export function byCluster(cluster: Int32Array, failing = false): Colouring {
  return { steps: Uint8Array.from(cluster, (at) => (at < 0 ? NONE : at % STEPS)), scale: "groups", failing, groups: [], ends: null };
}

/** Twelve steps with as many tokens in each, from the lowest value to the highest: no outlier takes the scale for itself. */
function ranked(steps: Uint8Array, value: (id: number) => number): Colouring | null {
  const values = Float64Array.from(steps, (_, id) => value(id));
  const sorted = values.filter((value) => !Number.isNaN(value)).sort();
  if (sorted.length === 0) return null;
  const bounds = Array.from({ length: STEPS - 1 }, (_, i) => sorted[Math.floor(((i + 1) * sorted.length) / STEPS)]!);
  for (let id = 0; id < steps.length; id++) {
    if (!Number.isNaN(values[id]!)) steps[id] = bounds.findLastIndex((bound) => values[id]! >= bound) + 1;
  }
  return { steps, scale: "steps", failing: true, groups: [], ends: [sorted[0]!, sorted.at(-1)!] };
}
