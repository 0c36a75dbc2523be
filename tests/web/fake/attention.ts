/**
 * The attention lens of the scripted core: words are tokens, shares follow from a hash of the model's name, and the
 * statistics are those of the definition, so that sentences and tables have something consistent to show.
 */
import type {
  AttentionComparison, AttentionRequest, AttentionResult, AttentionWarning, ConceptResult, ModelPair, Statistics, StatisticsOptions, TextResult, TextTokens,
} from "../../../www/src/labs/attention/types";
import type { DeviceInfo, ModelInfo } from "../../../www/src/report/types";

const [LAYERS, HEADS] = [6, 4];
const PRESETS: Record<string, string[]> = { "paper-12": ["'", "(", ")", ",", "-", ".", ":", "<s>", "▁", "▁(", "▁...", "▁[...]"], "bos-only": ["<s>"], none: [], custom: [] };
PRESETS["paper-11"] = PRESETS["paper-12"]!.filter((piece) => piece !== "▁");

/** From 0 to 1, the same for the same words. */
function hash(...parts: (string | number)[]): number {
  let h = 2166136261;
  for (const unit of parts.join("|")) h = Math.imul(h ^ unit.codePointAt(0)!, 16777619);
  h ^= h >>> 15;
  h = Math.imul(h, 0x2c1b3c6d);
  h ^= h >>> 12;
  return (h >>> 0) / 4294967296;
}

export function attention_pieces(preset: string): string {
  return JSON.stringify(PRESETS[preset] ?? []);
}

/** Two texts with a concept each. */
export function attention_example(): string {
  const text = (name: string, of: string, words: string) => {
    const start = of.indexOf(words);
    return { name, text: of, concepts: [{ name, spans: [{ start, end: start + words.length }], tokens: null }], also_excluded: [], kept: [] };
  };
  return JSON.stringify({
    texts: [
      text("Permission", "Where the rent has not been paid, the owner may enter the house by daylight.", "enter the house by daylight"),
      text("Role", "The clerk of the market shall keep a book of all stalls.", "clerk of the market"),
    ],
    exclusion: { preset: "paper-12", pieces: [] },
  } satisfies AttentionRequest);
}

/** One token a word or mark, as a tokenizer that never cuts words; `…cut…` in a model's name cuts long ones. */
function cutText(text: string, name: string): { piece: string; start: number; end: number }[] {
  const encoder = new TextEncoder();
  const out = [{ piece: "<s>", start: 0, end: 0 }];
  for (const { 0: word, index } of text.matchAll(/ ?[\p{L}\p{N}]+|\s|[^\s\p{L}\p{N}]/gu)) {
    const halves = name.includes("cut") && word.length > 6 ? [word.slice(0, 4), word.slice(4)] : [word];
    let start = encoder.encode(text.slice(0, index)).length;
    for (const half of halves) {
      const end = start + encoder.encode(half).length;
      out.push({ piece: half.replaceAll(" ", "▁"), start, end });
      start = end;
    }
  }
  return out;
}

export function textTokens(json: string, name: string): TextTokens[] {
  const { texts, exclusion } = JSON.parse(json) as AttentionRequest;
  const pieces = exclusion.preset === "custom" ? exclusion.pieces : PRESETS[exclusion.preset] ?? [];
  return texts.map(({ name: of, text, concepts, also_excluded: also, kept }) => {
    const tokens = cutText(text, name).map((token, i) => ({ ...token, id: Math.floor(hash(token.piece) * 4096), excluded: (pieces.includes(token.piece) || also.includes(i)) && !kept.includes(i) }));
    if (tokens.length > 4096) throw { message: `the text has ${tokens.length} tokens, the model's context is 4096`, hint: "Shorten the text.", kind: "input" };
    const warnings: AttentionWarning[] = [];
    const of_concepts = concepts.map(({ name: concept, spans, tokens: byHand }) => {
      const touched = byHand ?? tokens.flatMap(({ start, end }, i) => (spans.some((span) => span.start < end && span.end > start && end > start) ? [i] : []));
      const cut = byHand ? [] : touched.filter((i) => !spans.some((span) => span.start <= tokens[i]!.start + (tokens[i]!.piece.startsWith("▁") ? 1 : 0) && span.end >= tokens[i]!.end));
      const excluded = touched.filter((i) => tokens[i]?.excluded);
      if (cut.length > 0) warnings.push({ kind: "not_aligned", concept, tokens: cut });
      if (excluded.length > 0) warnings.push({ kind: "concept_excluded", concept, tokens: excluded, all: excluded.length === touched.length });
      return { name: concept, tokens: touched, by_hand: byHand !== null, cut, excluded };
    });
    return { name: of, sha256: "0".repeat(64), tokens, concepts: of_concepts, warnings };
  });
}

export function result(json: string, name: string, model: ModelInfo, device: DeviceInfo): AttentionResult {
  const request = JSON.parse(json) as AttentionRequest;
  const heads = Array<number>(LAYERS).fill(HEADS);
  const places = Array.from({ length: LAYERS * HEADS }, (_, i) => i);
  const texts = textTokens(json, name).map((tokens): TextResult => {
    const n = tokens.tokens.length;
    const raw = tokens.tokens.map(({ piece }, i) => (i === 0 ? n : 0.2 + hash(name, piece, i)));
    const sum = raw.reduce((a, b) => a + b, 0);
    const received = raw.map((value) => value / sum);
    const kept = places.map((i) => (i === 5 ? 0.004 : i % 7 === 3 ? 0.03 : 0.2 + 0.6 * hash(name, "kept", i)));
    const counted = tokens.tokens.filter(({ excluded }) => !excluded).length;
    const concepts = tokens.concepts.map((concept): ConceptResult => {
      const length = counted > 0 ? concept.tokens.filter((i) => !tokens.tokens[i]?.excluded).length / counted : null;
      const shares = places.map((i) => (length === null || concept.tokens.length === 0 ? null : Math.min(1, length * (0.5 + hash("head", i) + 0.3 * hash(name, concept.name, i)))));
      const layers = Array.from({ length: LAYERS }, (_, layer) => shares.slice(layer * HEADS, (layer + 1) * HEADS));
      return {
        name: concept.name, shares, statistics: statistics(shares, { bins: 11, resamples: 100, level: 0.95, seed: 1 }), layer_means: layers.map(mean), layer_medians: layers.map(median),
        uniform: length === null ? null : length * 0.9, uniform_by_layer: layers.map(() => length), length, lift: length ? (mean(shares) ?? 0) / (length * 0.9) : null,
      };
    });
    const warnings: AttentionWarning[] = [...tokens.warnings, { kind: "little_kept", heads: places.length, below_1_percent: 1, below_5_percent: 4 }];
    return { tokens, kept, received, received_by_layer: Array.from({ length: LAYERS }, () => received), concepts, warnings };
  });
  return {
    schema: "glitchscope.attention", version: "0.0.0-scripted", definition: "A scripted share.", model, device, request, heads,
    windows: heads.map(() => null), texts, notes: [],
  };
}

/** Rows that sum to 1 and see no later token. */
export function map(json: string, name: string, text: number, layer: number, head: number): Float32Array {
  const n = textTokens(json, name)[text]!.tokens.length;
  const out = new Float32Array(n * n);
  for (let row = 0; row < n; row++) {
    let sum = 0;
    for (let column = 0; column <= row; column++) sum += out[row * n + column] = column === 0 ? row / 2 + 0.5 : hash(name, layer, head, row % 97, column % 89) ** 3;
    for (let column = 0; column <= row; column++) out[row * n + column]! /= sum;
  }
  return out;
}

const numbers = (values: readonly (number | null)[]) => values.filter((value): value is number => value !== null);

function mean(values: readonly (number | null)[]): number | null {
  const known = numbers(values);
  return known.length === 0 ? null : known.reduce((a, b) => a + b, 0) / known.length;
}

function median(values: readonly (number | null)[]): number | null {
  const known = numbers(values).sort((a, b) => a - b);
  return known.length === 0 ? null : (known[Math.floor((known.length - 1) / 2)]! + known[Math.ceil((known.length - 1) / 2)]!) / 2;
}

function statistics(values: readonly (number | null)[], { bins, resamples, level, seed }: StatisticsOptions): Statistics | null {
  const known = numbers(values);
  const n = known.length;
  if (n === 0) return null;
  const m = mean(known)!;
  const moment = (power: number) => known.reduce((sum, value) => sum + (value - m) ** power, 0) / n;
  const [low, high] = [Math.min(...known), Math.max(...known)];
  const flat = high === low;
  const edges = Array.from({ length: bins + 1 }, (_, i) => low + ((high - low) * i) / bins);
  const counts = Array<number>(bins).fill(0);
  for (const value of known) counts[Math.max(0, Math.min(bins - 1, Math.ceil(((value - low) / (high - low)) * bins) - 1))]!++;
  const sd = n > 1 ? Math.sqrt((moment(2) * n) / (n - 1)) : null;
  return {
    n, mean: m, median: median(known)!, sd, min: low, max: high, negative: known.filter((value) => value < 0).length / n,
    skewness: flat ? null : moment(3) / moment(2) ** 1.5, kurtosis: flat ? null : moment(4) / moment(2) ** 2,
    entropy: flat ? null : -counts.filter((c) => c > 0).reduce((sum, c) => sum + (c / n) * Math.log(c / n), 0), histogram: flat ? null : { edges, counts },
    interval: { low: m - (2 * (sd ?? 0)) / Math.sqrt(n), high: m + (2 * (sd ?? 0)) / Math.sqrt(n), level, resamples, seed, clusters: LAYERS },
  };
}

export function attention_comparison(results: string[], options?: string | null): string {
  const parsed = results.map((text) => JSON.parse(text) as AttentionResult);
  const wanted = options ? (JSON.parse(options) as StatisticsOptions) : { bins: 11, resamples: 2_000, level: 0.95, seed: 42 };
  const names = parsed.map(({ model }) => model.name);
  const several = parsed[0]!.texts.length > 1;
  const concepts = parsed[0]!.texts.flatMap((text, t) => text.concepts.map((concept, c) => {
    const of = parsed.map(({ texts }) => texts[t]!.concepts[c]!);
    return {
      name: several ? `${text.tokens.name}: ${concept.name}` : concept.name, shares: of.map(({ shares }) => shares), statistics: of.map(({ shares }) => statistics(shares, wanted)),
      layer_means: of.map(({ layer_means }) => layer_means), layer_medians: of.map(({ layer_medians }) => layer_medians),
    };
  }));
  const ends = (text: TextResult) => text.tokens.tokens.map(({ end }) => end).join();
  const alike = parsed.every(({ texts }) => texts.every((text, i) => ends(text) === ends(parsed[0]!.texts[i]!)));
  const pairs = names.flatMap((_, fresh) => names.flatMap((_, old) => (old < fresh ? [{ old, fresh }] : []))).map(({ old, fresh }): ModelPair => {
    const differences = concepts.map(({ shares }) => (alike ? shares[fresh]!.map((value, i) => (value === null || shares[old]![i] === null ? null : value - shares[old]![i]!)) : []));
    const by = (values: readonly (number | null)[], of: (part: (number | null)[]) => number | null) => Array.from({ length: alike ? LAYERS : 0 }, (_, layer) => of(values.slice(layer * HEADS, (layer + 1) * HEADS)));
    return {
      old, new: fresh,
      concepts: concepts.map(({ statistics: each }, c) => ({
        mean: each[fresh] && each[old] ? each[fresh].mean - each[old].mean : null, differences: differences[c]!, statistics: statistics(differences[c]!, wanted),
        layer_means: by(differences[c]!, mean), layer_medians: by(differences[c]!, median),
      })),
      recurrent: alike ? Array.from({ length: LAYERS * HEADS }, (_, i) => {
        const of = numbers(differences.map((values) => values[i] ?? null));
        const m = mean(of) ?? 0;
        return {
          layer: Math.floor(i / HEADS), head: i % HEADS, mean_size: mean(of.map(Math.abs)) ?? 0, mean: m, agreeing: of.filter((value) => Math.sign(value) === Math.sign(m)).length, concepts: of.length,
        };
      }).sort((a, b) => b.mean_size - a.mean_size) : [],
    };
  });
  const comparison: AttentionComparison = {
    schema: "glitchscope.attention-comparison", version: "0.0.0-scripted", options: wanted, models: parsed.map(({ model, heads }) => ({ name: model.name, heads })),
    level: alike ? "heads" : "spans", notes: alike ? [] : ["The tokenizers differ: totals of the marked bytes are compared."], concepts, pairs,
    texts: parsed[0]!.texts.map((text, t) => {
      const common = [...new Set(ends(text).split(",").map(Number))].filter((end) => end > 0 && parsed.every(({ texts }) => texts[t]!.tokens.tokens.some((token) => token.end === end)));
      return {
        name: text.tokens.name, pieces: common.map((end, i) => ({
          start: common[i - 1] ?? 0, end, received: parsed.map(({ texts }) => texts[t]!.tokens.tokens.reduce((sum, token, k) => sum + (token.end <= end && token.end > (common[i - 1] ?? 0) ? texts[t]!.received[k]! : 0), 0)),
        })),
      };
    }),
  };
  return JSON.stringify(comparison);
}

export function attention_csv(json: string): string {
  const { models, concepts } = JSON.parse(json) as AttentionComparison;
  return `experiment_id,layer_depth,head_idx,${models.map(({ name }) => name).join(",")}\r\n${concepts.flatMap(({ name, shares }) => shares[0]!.map((_, i) =>
    [name, Math.floor(i / HEADS), i % HEADS, ...shares.map((of) => of[i])].join(","))).join("\r\n")}\r\n`;
}

export function attention_npy(): Uint8Array {
  return new Uint8Array([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59]);
}

export function attention_import(_file: string, bytes: Uint8Array): string {
  const csv = new TextDecoder().decode(bytes);
  if (!csv.startsWith("experiment_id,")) throw { message: `the first column is ${csv.split(/[,\r\n]/)[0]}, not experiment_id`, hint: "Choose a table with the columns experiment_id, layer_depth, head_idx and one for each model.", kind: "input" };
  const rows = csv.trim().split(/\r?\n/).map((line) => line.split(","));
  const names = rows[0]!.slice(3);
  const ids = [...new Set(rows.slice(1).map(([id]) => id!))];
  const of = (name: number): AttentionResult => ({
    ...({} as AttentionResult), heads: Array<number>(LAYERS).fill(HEADS), model: { name: names[name] } as ModelInfo,
    texts: [{
      tokens: { name: "", sha256: "", tokens: [], concepts: [], warnings: [] }, kept: [], received: [], received_by_layer: [], warnings: [],
      concepts: ids.map((id) => {
        const shares = rows.slice(1).filter(([row]) => row === id).map((row) => Number(row[3 + name]));
        const layers = Array.from({ length: LAYERS }, (_, layer) => shares.slice(layer * HEADS, (layer + 1) * HEADS));
        return { name: id, shares, layer_means: layers.map(mean), layer_medians: layers.map(median) } as ConceptResult;
      }),
    }],
  });
  return attention_comparison(names.map((_, i) => JSON.stringify(of(i))));
}

export function attention_import_npy(names: string): string {
  throw { message: `the scripted core reads no arrays: ${names}`, hint: null, kind: "input" };
}
