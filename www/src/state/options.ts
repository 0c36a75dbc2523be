/** Every option of a scan: its default, where the default comes from, and what values make sense. */
import type { KeepRule, PromptForm, ScanOptions } from "../report/types";

export type NumericOption = {
  [K in keyof ScanOptions]: ScanOptions[K] extends number ? K : never;
}[keyof ScanOptions];

export type Source = "paper" | "reference" | "glitcher" | "ours";

export interface OptionSpec {
  key: NumericOption;
  source: Source;
  min: number;
  max: number;
  step: number;
  /** Which methods read it. */
  of: "search" | "all";
}

export const DEFAULTS: ScanOptions = {
  method: "glitchhunter",
  task: "repetition",
  oracles: [],
  form: "auto",
  attempts: 10,
  temperature: 0.7,
  top_p: 0.9,
  seed: 42,
  n_neighbors: 50,
  neighbours: "auto",
  resolution: 75,
  n_components: 50,
  keep_rule: "ratio",
  keep_ratio: 0,
  alpha: 0.05,
  sample_min: 5,
  sample_fraction: 0.1,
  sample_max: 50,
  max_rounds: 20,
  stop_below: 100,
  verify_final: true,
  leiden_iterations: 10,
  batch_size: 0,
  n_controls: 24,
  controls_pass_ratio: 0.5,
  despite_controls: false,
  with_graph: true,
};

/** Ids of the core's oracles, in its order; a test holds them to the core's own list. */
export const ORACLES = [
  "repetition-zero-shot", "spelling-zero-shot", "length-zero-shot", "glitchhunter-zero-shot", "repetition-few-shot", "spelling-few-shot",
  "length-few-shot", "glitchhunter-few-shot", "magikarp-max-prob", "glitchminer-argmax", "repetition-sampled",
] as const;
export const FORMS = ["auto", "plain", "chat"] as const satisfies readonly PromptForm[];
export const KEEP_RULES = ["ratio", "hypergeometric"] as const satisfies readonly KeepRule[];
export const NEIGHBOUR_CHOICES = ["auto", "exact", "approximate"] as const;

/** The oracles that options name, the leading one first. */
export function chosenOracles({ oracles, task }: Pick<ScanOptions, "oracles" | "task">): string[] {
  return oracles.length > 0 ? oracles : [`${task}-zero-shot`];
}

/** What options name for this choice: nothing for the default. */
export function namedOracles(chosen: string[]): string[] {
  return chosen.length === 1 && chosen[0] === chosenOracles(DEFAULTS)[0] ? [] : chosen;
}

/** Options of the sampled oracle, which stand beside the choice of oracles. */
export const SAMPLING: OptionSpec[] = [
  { key: "attempts", source: "ours", min: 1, max: 1_000, step: 1, of: "all" },
  { key: "temperature", source: "glitcher", min: 0.01, max: 100, step: 0.01, of: "all" },
  { key: "top_p", source: "glitcher", min: 0.01, max: 1, step: 0.01, of: "all" },
];

/** In the order in which the algorithm meets them. */
export const NUMERIC: OptionSpec[] = [
  { key: "resolution", source: "paper", min: 0.01, max: 10_000, step: 0.01, of: "all" },
  { key: "n_neighbors", source: "paper", min: 2, max: 129, step: 1, of: "all" },
  { key: "keep_ratio", source: "paper", min: 0, max: 1, step: 0.01, of: "search" },
  { key: "alpha", source: "ours", min: 0.000_001, max: 0.999_999, step: 0.01, of: "search" },
  { key: "n_components", source: "reference", min: 2, max: 256, step: 1, of: "all" },
  { key: "sample_min", source: "reference", min: 1, max: 1_000, step: 1, of: "search" },
  { key: "sample_fraction", source: "reference", min: 0, max: 1, step: 0.01, of: "search" },
  { key: "sample_max", source: "reference", min: 1, max: 100_000, step: 1, of: "search" },
  { key: "seed", source: "ours", min: 0, max: 4_294_967_295, step: 1, of: "search" },
  { key: "max_rounds", source: "ours", min: 1, max: 1_000, step: 1, of: "search" },
  { key: "stop_below", source: "ours", min: 0, max: 1_000_000, step: 1, of: "search" },
  { key: "leiden_iterations", source: "ours", min: 1, max: 100, step: 1, of: "all" },
  { key: "batch_size", source: "ours", min: 0, max: 4_096, step: 1, of: "all" },
  { key: "n_controls", source: "ours", min: 0, max: 1_000, step: 1, of: "all" },
  { key: "controls_pass_ratio", source: "ours", min: 0, max: 1, step: 0.01, of: "all" },
];

export const SWITCHES = [
  { key: "verify_final", source: "reference", of: "search" },
  { key: "with_graph", source: "ours", of: "all" },
  { key: "despite_controls", source: "ours", of: "all" },
] as const;

/** Whether two scans were asked for in the same words. */
export function sameOptions(a: ScanOptions, b: ScanOptions): boolean {
  const asked = (options: ScanOptions) => JSON.stringify(Object.keys(DEFAULTS).map((key) => options[key as keyof ScanOptions]));
  return asked(a) === asked(b);
}

/** The value where it is allowed, otherwise null. */
export function accepted(spec: OptionSpec, value: number): number | null {
  if (!Number.isFinite(value) || value < spec.min || value > spec.max) return null;
  return spec.step === 1 && !Number.isInteger(value) ? null : value;
}
