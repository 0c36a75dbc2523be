/** What an experiment would cost, and what fits: told before anything runs. */

/** Tokens of estimate that the lists of lengths may name; the sheet's own are 1k to 64k, a small model fits less. */
export const LENGTH_RANGE = [48, 65_536] as const;
export const AMOUNT_RANGE = [16, 65_536] as const;
const LIST_MAX = 12;

/** `1k, 2048, 4k` as numbers, ascending; null for anything else. */
export function parseLengths(text: string, [low, high]: readonly [number, number] = LENGTH_RANGE): number[] | null {
  const pieces = text.split(/[\s,;、，]+/).filter(Boolean);
  if (pieces.length === 0 || pieces.length > LIST_MAX) return null;
  const values = pieces.map((piece) => {
    const match = /^(\d{1,6})(k?)$/i.exec(piece);
    return match ? Number(match[1]) * (match[2] ? 1_024 : 1) : NaN;
  });
  if (values.some((value) => !(value >= low && value <= high))) return null;
  return [...new Set(values)].sort((a, b) => a - b);
}

/** `50, 25` as shares; null for anything else. */
export function parseShares(text: string): number[] | null {
  const pieces = text.split(/[\s,;、，%]+/).filter(Boolean);
  if (pieces.length === 0 || pieces.length > LIST_MAX) return null;
  const values = pieces.map((piece) => (/^\d{1,3}(\.\d+)?$/.test(piece) ? Number((Number(piece) / 100).toPrecision(12)) : NaN));
  if (values.some((value) => !(value > 0 && value <= 1))) return null;
  return [...new Set(values)].sort((a, b) => a - b);
}

/** 4096 → `4k`; what is no whole number of them stays as it is. */
export function lengthName(length: number): string {
  return length >= 1_024 && length % 1_024 === 0 ? `${length / 1_024}k` : String(length);
}

export function formatShares(shares: readonly number[]): string {
  return shares.map((share) => String(Number((100 * share).toPrecision(4)))).join(", ");
}

/** Lengths offered for local runs. */
const PRESETS = [96, 128, 192, 256, 512, 1_024, 2_048, 4_096, 8_192];
/** Real tokens of an estimated one: a small vocabulary splits words into more pieces than the estimate's 3.66 characters. */
const PESSIMISM = 1.5;

/**
 * The largest two lengths that surely fit into a model's window with the question, the instructions (`around` tokens)
 * and the answer; the smallest of all when none does.
 */
export function fittingLengths(context: number, around: number, answer: number): number[] {
  const room = (context - around - answer) / PESSIMISM;
  const fitting = PRESETS.filter((length) => length <= room);
  return fitting.length > 0 ? fitting.slice(-2) : PRESETS.slice(0, 1);
}

/** Seconds that prompts of so many tokens take, from what was measured here; null before anything was. */
export function expectedSeconds(
  promptTokens: number, answerTokens: number, measured: { read: number; write: number } | null,
): number | null {
  return measured && measured.read > 0 && measured.write > 0 ? promptTokens / measured.read + answerTokens / measured.write : null;
}

/** Rates of reading and writing in tokens per second, with what one more answer says of them. */
export interface Measured {
  readTokens: number;
  readSeconds: number;
  writeTokens: number;
  writeSeconds: number;
}

export function rates({ readTokens, readSeconds, writeTokens, writeSeconds }: Measured): { read: number; write: number } | null {
  if (readSeconds <= 0 || readTokens <= 0) return null;
  const read = readTokens / readSeconds;
  return { read, write: writeSeconds > 0 && writeTokens > 0 ? writeTokens / writeSeconds : read };
}
