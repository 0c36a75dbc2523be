/**
 * Colour for numbers: one hue from the ground to the deep for amounts, two hues from the ground outwards for differences.
 * Both work for colour-blind readers; in the dark the ground is dark and the deep end light.
 */

export type ScaleKind = "sequential" | "diverging";

export type Colour = readonly [number, number, number];

/** Stops at equal distances; of the diverging ones the middle is zero. */
const STOPS: Record<"light" | "dark", Record<ScaleKind, readonly string[]>> = {
  light: {
    sequential: ["#f4f3ef", "#bfdcd9", "#7dbab6", "#378f8c", "#0b6466", "#043c40"],
    diverging: ["#6b3d05", "#a5701f", "#d9b77a", "#f4f3ef", "#8cc3be", "#2f8683", "#04484b"],
  },
  dark: {
    sequential: ["#22262d", "#1d4a4d", "#1f7370", "#37a099", "#7bccc2", "#d8f3ee"],
    diverging: ["#f3d7a4", "#cf9a4c", "#7a5a2c", "#22262d", "#1f5a5a", "#3fa59d", "#bdeae3"],
  },
};

/** Of a cell that has no value. */
const MISSING = { light: "#dcd9d1", dark: "#3a4048" };

function parsed(hex: string): Colour {
  const value = Number.parseInt(hex.slice(1), 16);
  return [value >> 16, (value >> 8) & 255, value & 255];
}

export interface ColourScale {
  kind: ScaleKind;
  dark: boolean;
  low: number;
  high: number;
  /** Values beyond the limits take the colour of the limit; what is no number takes that of a missing one. */
  colour(value: number | null | undefined): Colour;
}

/** `high` is the upper limit; the lower one is 0, or −`high` of a diverging scale. */
export function colourScale(kind: ScaleKind, high: number, dark: boolean): ColourScale {
  const stops = STOPS[dark ? "dark" : "light"][kind].map(parsed);
  const missing = parsed(MISSING[dark ? "dark" : "light"]);
  const low = kind === "diverging" ? -high : 0;
  return {
    kind, dark, low, high,
    colour(value) {
      if (value === null || value === undefined || !Number.isFinite(value)) return missing;
      const part = high > 0 ? Math.min(1, Math.max(0, (value - low) / (high - low))) : kind === "diverging" ? 0.5 : 0;
      const place = part * (stops.length - 1);
      const at = Math.min(stops.length - 2, Math.floor(place));
      const [from, to] = [stops[at]!, stops[at + 1]!];
      const mix = (channel: 0 | 1 | 2) => Math.round(from[channel] + (place - at) * (to[channel] - from[channel]));
      return [mix(0), mix(1), mix(2)];
    },
  };
}

export function hex([r, g, b]: Colour): string {
  return `#${((r << 16) | (g << 8) | b).toString(16).padStart(6, "0")}`;
}

/** Whether dark letters are read better on it than light ones. */
export function isLight([r, g, b]: Colour): boolean {
  const linear = (channel: number) => (channel <= 10 ? channel / 3294 : ((channel / 255 + 0.055) / 1.055) ** 2.4);
  return 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b) > 0.18;
}

/**
 * A limit that leaves out at most a hundredth of the values, so that one outlier does not make all others look alike, and
 * is a round number. Nothing is left out of less than a hundred values.
 */
export function limitOf(values: Iterable<number | null>): number {
  const sizes = [...values].filter((value): value is number => value !== null && Number.isFinite(value)).map(Math.abs).sort((a, b) => a - b);
  if (sizes.length === 0) return 0;
  return roundedUp(sizes[Math.min(sizes.length - 1, Math.ceil(0.99 * sizes.length) - 1 + (sizes.length < 100 ? 1 : 0))]!);
}

/** The next of 1, 1.5, 2, 2.5, 3, 4, 5, 6, 8 times a power of ten. */
export function roundedUp(value: number): number {
  if (!(value > 0)) return 0;
  const power = 10 ** Math.floor(Math.log10(value));
  const step = [1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10].find((step) => step * power >= value * (1 - 1e-9))!;
  return Number((step * power).toPrecision(2));
}
