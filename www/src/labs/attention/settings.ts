/** What the lens is set to, as a link says it. */
import { joined, type EditedConcept, type EditedText, type Span } from "./marks";
import type { Exclusion, Preset, StatisticsOptions } from "./types";

export const PRESETS = ["paper-12", "paper-11", "bos-only", "none", "custom"] as const satisfies readonly Preset[];
export const EXCLUSION: Exclusion = { preset: "paper-12", pieces: [] };
/** 11 bins are the paper's; the rest is ours. */
export const STATISTICS: StatisticsOptions = { bins: 11, resamples: 2_000, level: 0.95, seed: 42 };
export const STATISTIC_LIMITS = {
  bins: { min: 1, max: 1_000, whole: true }, resamples: { min: 0, max: 100_000, whole: true }, level: { min: 0.5, max: 0.999, whole: false },
  seed: { min: 0, max: 4_294_967_295, whole: true },
} as const satisfies Record<keyof StatisticsOptions, { min: number; max: number; whole: boolean }>;

/** Models beside the first, by their addresses; one that comes with the page by its name. */
const BESIDE_MAX = 2;
/** More text than any model here takes, and more than a link carries well. */
const TEXT_MAX = 12_000;
const TEXTS_MAX = 20;

export interface LensSettings {
  /** Null for the example. */
  texts: EditedText[] | null;
  exclusion: Exclusion;
  statistics: StatisticsOptions;
  /** Null where the link does not say. */
  beside: string[] | null;
  text: number;
  concept: number;
  head: { layer: number; head: number } | null;
}

/** The value where it is allowed, otherwise null. */
export function acceptedStatistic(key: keyof StatisticsOptions, value: number): number | null {
  const { min, max, whole } = STATISTIC_LIMITS[key];
  return Number.isFinite(value) && value >= min && value <= max && (!whole || Number.isInteger(value)) ? value : null;
}

export function formatSettings({ texts, exclusion, statistics, beside, text, concept, head }: LensSettings): Record<string, string> {
  const out: Record<string, string> = {};
  texts?.slice(0, TEXTS_MAX).forEach((one, i) => {
    const of = (name: string) => (i === 0 ? name : `${name}${i + 1}`);
    out[of("text")] = one.text.slice(0, TEXT_MAX);
    if (one.name) out[of("name")] = one.name;
    out[of("marks")] = one.concepts.map(({ name, spans, tokens }) =>
      [encodeURIComponent(name), spans.map(({ start, end }) => `${start}-${end}`).join(","), ...(tokens ? [tokens.join(",")] : [])].join(":")).join(";");
    if (one.alsoExcluded.length > 0) out[of("out")] = one.alsoExcluded.join(",");
    if (one.kept.length > 0) out[of("in")] = one.kept.join(",");
  });
  if (exclusion.preset !== EXCLUSION.preset) out["exclude"] = exclusion.preset;
  if (exclusion.preset === "custom") out["pieces"] = exclusion.pieces.map(encodeURIComponent).join(",");
  for (const [key, value] of Object.entries(statistics)) if (value !== STATISTICS[key as keyof StatisticsOptions]) out[key] = String(value);
  if (beside !== null) out["beside"] = beside.length === 0 ? "none" : beside.join(" ");
  if (text > 0) out["at"] = String(text + 1);
  if (concept > 0) out["concept"] = String(concept + 1);
  if (head) out["head"] = `${head.layer}.${head.head}`;
  return out;
}

export function parseSettings(settings: Readonly<Record<string, string>>): LensSettings {
  const texts: EditedText[] = [];
  for (let i = 0; i < TEXTS_MAX; i++) {
    const of = (name: string) => settings[i === 0 ? name : `${name}${i + 1}`];
    const text = of("text");
    if (text === undefined) break;
    texts.push({
      name: of("name") ?? "", text: text.slice(0, TEXT_MAX), concepts: concepts(of("marks") ?? "", Math.min(text.length, TEXT_MAX)),
      alsoExcluded: positions(of("out")), kept: positions(of("in")),
    });
  }
  const preset = PRESETS.find((preset) => preset === settings["exclude"]) ?? EXCLUSION.preset;
  const statistics = { ...STATISTICS };
  for (const key of Object.keys(STATISTICS) as (keyof StatisticsOptions)[]) {
    const value = settings[key] === undefined ? null : acceptedStatistic(key, Number(settings[key]));
    if (value !== null) statistics[key] = value;
  }
  const place = (name: string) => (/^[1-9]\d{0,3}$/.test(settings[name] ?? "") ? Number(settings[name]) - 1 : 0);
  const head = /^(\d{1,3})\.(\d{1,3})$/.exec(settings["head"] ?? "");
  return {
    texts: texts.length > 0 ? texts : null,
    exclusion: { preset, pieces: preset === "custom" ? decoded(settings["pieces"] ?? "") : [] },
    statistics,
    beside: settings["beside"] === undefined ? null : settings["beside"] === "none" ? [] : settings["beside"].split(" ").filter(Boolean).slice(0, BESIDE_MAX),
    text: place("at"),
    concept: place("concept"),
    head: head && { layer: Number(head[1]), head: Number(head[2]) },
  };
}

function concepts(marks: string, length: number): EditedConcept[] {
  return marks.split(";").filter(Boolean).flatMap((mark): EditedConcept[] => {
    const [name, spans, tokens] = mark.split(":");
    const [word] = decoded(name ?? "");
    if (word === undefined) return [];
    const parsed = (spans ?? "").split(",").flatMap((span): Span[] => {
      const [, start, end] = /^(\d{1,6})-(\d{1,6})$/.exec(span) ?? [];
      return start !== undefined && Number(end) <= length ? [{ start: Number(start), end: Number(end) }] : [];
    });
    return [{ name: word, spans: joined(parsed), tokens: tokens === undefined ? null : positions(tokens) }];
  });
}

function positions(list: string | undefined): number[] {
  return [...new Set((list ?? "").split(",").filter((part) => /^\d{1,6}$/.test(part)).map(Number))].sort((a, b) => a - b);
}

/** A link may be cut off in the middle of an escape. */
function decoded(list: string): string[] {
  return list.split(",").filter(Boolean).flatMap((part) => {
    try {
      return [decodeURIComponent(part)];
    } catch {
      return [];
    }
  });
}
