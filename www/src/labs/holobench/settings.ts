/** What an experiment is set to: defaults, and the part of the lab's links that says so. */
import { AMOUNT_RANGE, formatShares, LENGTH_RANGE, parseLengths, parseShares } from "./plan";
import type { Amount, ContextOptions, Measure, Mode, Placement, PromptStyle } from "./types";

export const PLACEMENTS = ["uniform", "begin", "middle", "end", "bimodal"] as const satisfies readonly Placement[];
export const MODES = ["corrected", "ref-2025-02", "ref-2024-10"] as const satisfies readonly Mode[];
export const STYLES = ["direct", "reasoning"] as const satisfies readonly PromptStyle[];
export const MEASURES = ["estimate", "counted"] as const satisfies readonly Measure[];

export interface Settings {
  /** Null for those that fit the loaded model. */
  lengths: number[] | null;
  /** Estimated tokens of relevant sentences, or shares of the length. */
  amounts: { kind: "tokens" | "density"; values: number[] };
  placements: Placement[];
  options: ContextOptions;
  style: PromptStyle;
  /** Tokens that an answer may have; null for as many as go well with the model's window. */
  maxNew: number | null;
  /** Draws the built-in database. */
  dataSeed: number;
  /** Draws the questions. */
  questionSeed: number;
}

export const SETTINGS: Settings = {
  lengths: null,
  amounts: { kind: "density", values: [0.5] },
  placements: ["uniform"],
  options: { mode: "corrected", repeat: false, closure: false, filler: false, shuffle: null, measure: "estimate" },
  style: "direct",
  maxNew: null,
  dataSeed: 1,
  questionSeed: 1,
};

const SEED_MAX = 4_294_967_295;
export const MAX_NEW_RANGE = [1, 4_096] as const;
const SWITCHES = ["repeat", "closure", "filler"] as const;

export function amountsOf({ amounts: { kind, values } }: Pick<Settings, "amounts">): Amount[] {
  return values.map((value) => (kind === "tokens" ? { tokens: value } : { density: value }));
}

/** An amount's name in a table: `2k`, or `50 %`. */
export function amountName(amount: Amount): string {
  return "tokens" in amount ? String(amount.tokens) : `${formatShares([amount.density])} %`;
}

/** What differs from the defaults, in a link's words. */
export function formatSettings(settings: Settings): Record<string, string> {
  const { lengths, amounts, placements, options, style, maxNew, dataSeed, questionSeed } = settings;
  const text: Record<string, string> = {};
  const put = (name: string, value: string, standard: string) => {
    if (value !== standard) text[name] = value;
  };
  if (lengths) text["lengths"] = lengths.join(",");
  put(amounts.kind === "tokens" ? "amounts" : "shares", amounts.kind === "tokens" ? amounts.values.join(",") : formatShares(amounts.values).replaceAll(" ", ""), "50");
  put("placements", placements.join(","), "uniform");
  put("mode", options.mode, SETTINGS.options.mode);
  put("measure", options.measure, SETTINGS.options.measure);
  put("style", style, SETTINGS.style);
  for (const name of SWITCHES) put(name, String(options[name]), String(SETTINGS.options[name]));
  if (options.shuffle !== null) text["shuffle"] = String(options.shuffle);
  if (maxNew !== null) text["answer"] = String(maxNew);
  put("database", String(dataSeed), String(SETTINGS.dataSeed));
  put("questions", String(questionSeed), String(SETTINGS.questionSeed));
  return text;
}

/** A link comes from anybody: what makes no sense is as if it were not there. */
export function parseSettings(text: Readonly<Record<string, string>>): Settings {
  const settings = structuredClone(SETTINGS);
  const { options } = settings;
  const number = (name: string, [low, high]: readonly [number, number]): number | null => {
    const value = text[name];
    return value !== undefined && /^\d{1,10}$/.test(value) && Number(value) >= low && Number(value) <= high ? Number(value) : null;
  };
  const seeds = [0, SEED_MAX] as const;
  settings.lengths = parseLengths(text["lengths"] ?? "", LENGTH_RANGE);
  const amounts = parseLengths(text["amounts"] ?? "", AMOUNT_RANGE);
  const shares = parseShares(text["shares"] ?? "");
  if (amounts) settings.amounts = { kind: "tokens", values: amounts };
  else if (shares) settings.amounts = { kind: "density", values: shares };
  const placements = PLACEMENTS.filter((place) => text["placements"]?.split(",").includes(place));
  if (placements.length > 0) settings.placements = placements;
  options.mode = MODES.find((mode) => mode === text["mode"]) ?? options.mode;
  options.measure = MEASURES.find((measure) => measure === text["measure"]) ?? options.measure;
  settings.style = STYLES.find((style) => style === text["style"]) ?? settings.style;
  for (const name of SWITCHES) if (text[name] === "true" || text[name] === "false") options[name] = text[name] === "true";
  options.shuffle = number("shuffle", seeds);
  settings.maxNew = number("answer", MAX_NEW_RANGE);
  settings.dataSeed = number("database", seeds) ?? settings.dataSeed;
  settings.questionSeed = number("questions", seeds) ?? settings.questionSeed;
  return settings;
}
