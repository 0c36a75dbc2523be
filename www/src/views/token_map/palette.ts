/** Colours of the map, read from the page's custom properties so that themes reach the canvas. */

export type Rgb = readonly [number, number, number];

/**
 * Twelve steps for clusters: Okabe–Ito's hues without its vermilion (which would look like a failing token), extended
 * with steps between them, chroma lowered. Neighbours in the cycle differ in lightness too.
 */
const CLUSTERS_LIGHT = [
  "#3f7fae", "#b08a3e", "#3d9178", "#8d78b4", "#7d8f45", "#5aa2c4", "#a9738f", "#5f6f86", "#4f9d9d", "#c0a35e", "#6b7fc2", "#8b7f76",
];
const CLUSTERS_DARK = [
  "#7fb0d8", "#d3b470", "#74c0a6", "#b8a6dc", "#afc078", "#8fcbe6", "#d0a3ba", "#98a8bf", "#86cbc9", "#e0cb92", "#a0b1e8", "#b9aea5",
];

export interface Palette {
  clusters: Rgb[];
  /** One hue from near the ground to far from it. */
  steps: Rgb[];
  ink: Rgb;
  quiet: Rgb;
  ok: Rgb;
  glitch: Rgb;
  accent: Rgb;
  surface: Rgb;
}

export function palette(element: Element): Palette {
  const style = getComputedStyle(element);
  const read = (name: string): Rgb => rgb(style.getPropertyValue(name).trim());
  const dark = luminance(read("--paper")) < 0.5;
  return {
    clusters: (dark ? CLUSTERS_DARK : CLUSTERS_LIGHT).map(rgb),
    steps: Array.from({ length: 12 }, (_, i) => mixed(read("--surface"), mixed(read("--accent"), read("--ink"), i > 8 ? 0.14 * (i - 8) : 0), 0.22 + (0.78 * Math.min(i, 8)) / 8)),
    ink: read("--ink"),
    quiet: read("--ink-2"),
    ok: read("--ok"),
    glitch: read("--glitch"),
    accent: read("--accent"),
    surface: read("--surface"),
  };
}

function mixed(a: Rgb, b: Rgb, share: number): Rgb {
  const of = (i: 0 | 1 | 2) => a[i] + (b[i] - a[i]) * share;
  return [of(0), of(1), of(2)];
}

export function css([r, g, b]: Rgb, alpha = 1): string {
  return `rgb(${r * 255} ${g * 255} ${b * 255} / ${alpha})`;
}

/** `#rrggbb`, or `#rgb`, to which a build shortens it; anything else is a grey that is seen to be wrong. */
export function rgb(hex: string): Rgb {
  const long = hex.replace(/^#([0-9a-f])([0-9a-f])([0-9a-f])$/i, "#$1$1$2$2$3$3");
  const value = /^#[0-9a-f]{6}$/i.test(long) ? Number.parseInt(long.slice(1), 16) : 0x808080;
  return [(value >> 16) / 255, ((value >> 8) & 255) / 255, (value & 255) / 255];
}

function luminance([r, g, b]: Rgb): number {
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
