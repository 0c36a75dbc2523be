/** The figures of one concept: shares and differences by layer and head, their histogram, their course over the layers. */
import { html, nothing } from "lit";
import { count, percent } from "../../report/format";
import { t } from "../../strings";
import { limitOf } from "../../views/colour_scale";
import { fileStem } from "../../views/download";
import type { HeatmapData } from "../../views/heatmap";
import type { Curve } from "../../views/line_chart";
import { skewSentence } from "./answer";
import type { Lens } from "./lens";
import { grid, percent2, points } from "./tokens";
import type { AttentionComparison } from "./types";
import "../../views/heatmap";
import "../../views/histogram";
import "../../views/line_chart";

/** Heads with less than this part of their attention on tokens that are not left out are drawn faint. */
const KEPT_MIN = 0.01;

const inPercent = (value: number) => percent2(value);
const inPoints = (value: number) => points(value).replace("+", "");

export function stem(lens: Lens, what: string): string {
  const concept = lens.comparison?.concepts[lens.flat]?.name ?? "";
  return fileStem(`glitchscope-attention-${concept}-${what}`);
}

function headGrid(values: readonly (number | null)[], heads: readonly number[], faint: readonly number[]): HeatmapData {
  return { ...grid(values, heads), rowAxis: t("attention.layer"), columnAxis: t("attention.head.axis"), faint: grid(faint, heads).values.map(Number) };
}

/** 1 for each head of a model whose share says little about this text. */
function faintHeads(lens: Lens, model: number, n: number): number[] {
  const kept = lens.imported === null ? lens.results[model]?.texts[lens.at]?.kept : undefined;
  return Array.from({ length: n }, (_, i) => (kept !== undefined && kept[i]! < KEPT_MIN ? 1 : 0));
}

/** The largest cell, for a caption. */
function strongest(values: readonly (number | null)[], heads: readonly number[]): { layer: number; head: number; value: number } | null {
  let [best, at] = [0, -1];
  values.forEach((value, i) => {
    if (value !== null && Math.abs(value) >= Math.abs(best)) [best, at] = [value, i];
  });
  if (at < 0) return null;
  let layer = 0;
  while (layer < heads.length && at >= heads[layer]!) at -= heads[layer++]!;
  return { layer, head: at, value: best };
}

export function grids(lens: Lens) {
  const { comparison } = lens;
  const concept = comparison?.concepts[lens.flat];
  if (!comparison || !concept) return nothing;
  const shares = limitOf(concept.shares.flat());
  const differences = limitOf(comparison.pairs.flatMap((pair) => pair.concepts[lens.flat]?.differences ?? []));
  const opened = lens.opened ? [lens.opened.layer, lens.opened.head] as const : null;
  const readout = (row: number, column: number) => t("attention.head", { layer: row, head: column });
  const canOpen = lens.imported === null && lens.session.job === null;
  const open = (event: CustomEvent<readonly [number, number]>) => void lens.openHead(...event.detail);
  return html`<div class="grids">
    ${comparison.models.map(({ name, heads }, i) => {
      const faint = faintHeads(lens, i, concept.shares[i]!.length);
      const top = strongest(concept.shares[i]!, heads);
      return html`<div><h3>${t("attention.grid.shares", { model: name })}</h3>
        <gs-heatmap kind="sequential" .limit=${shares} .data=${headGrid(concept.shares[i]!, heads, faint)} .format=${inPercent} .readout=${readout} .picked=${opened}
          ?pickable=${canOpen} label=${t("attention.grid.shares.label", { model: name, concept: concept.name })} stem=${stem(lens, `${name}-shares`)}
          caption=${top ? t("attention.grid.shares.caption", { layer: top.layer, head: top.head, share: percent2(top.value), faint: count(faint.reduce((sum, one) => sum + one, 0)) }) : t("attention.grid.nothing")} @pick=${open}></gs-heatmap></div>`;
    })}
    ${comparison.pairs.map((pair) => {
      const difference = pair.concepts[lens.flat];
      const [old, fresh] = [comparison.models[pair.old]!, comparison.models[pair.new]!];
      if (!difference || difference.differences.length === 0) return nothing;
      const other = faintHeads(lens, pair.new, difference.differences.length);
      const faint = faintHeads(lens, pair.old, difference.differences.length).map((one, i) => one || other[i]!);
      const top = strongest(difference.differences, old.heads);
      return html`<div><h3>${t("attention.grid.difference", { old: old.name, new: fresh.name })}</h3>
        <gs-heatmap kind="diverging" .limit=${differences} .data=${headGrid(difference.differences, old.heads, faint)} .format=${inPoints} .readout=${readout} .picked=${opened}
          ?pickable=${canOpen} label=${t("attention.grid.difference.label", { old: old.name, new: fresh.name, concept: concept.name })} stem=${stem(lens, `${fresh.name}-minus-${old.name}`)}
          caption=${top && top.value !== 0 ? t("attention.grid.difference.caption", { layer: top.layer, head: top.head, difference: points(top.value) }) : t("attention.grid.difference.none")} @pick=${open}></gs-heatmap></div>`;
    })}
  </div>
  ${lens.imported === null ? html`<p class="small quiet">${t("attention.grid.open")}</p>` : nothing}`;
}

/** The pair's differences as a histogram, with what skewness hides beside it. */
export function distribution(lens: Lens) {
  const { comparison } = lens;
  const pair = comparison?.pairs[lens.pair];
  const concept = comparison?.concepts[lens.flat];
  const statistics = pair?.concepts[lens.flat]?.statistics;
  if (!comparison || !pair || !concept || !statistics) return nothing;
  const [old, fresh] = [comparison.models[pair.old]!.name, comparison.models[pair.new]!.name];
  const { histogram } = statistics;
  return html`<h3>${t("attention.distribution", { old, new: fresh })}</h3>
    <div class="beside">
      ${histogram ? html`<gs-histogram .edges=${histogram.edges} .counts=${histogram.counts} .format=${inPoints} title=${t("attention.histogram.title", { n: count(statistics.n), bins: histogram.counts.length })}
        axis=${t("attention.histogram.axis")} .marks=${[{ at: statistics.mean, name: t("attention.mean", { value: points(statistics.mean) }) }, { at: statistics.median, name: t("attention.median", { value: points(statistics.median) }) }]}
        caption=${t("attention.histogram.caption", { concept: concept.name, negative: percent(statistics.negative), n: count(statistics.n) })} stem=${stem(lens, `${fresh}-minus-${old}-histogram`)}></gs-histogram>`
        : html`<p class="flat">${t("attention.histogram.flat")}</p>`}
      <div><dl class="figures">
        ${(["mean", "median", "negative", "sd", "skewness", "kurtosis", "entropy"] as const).map((key) => html`<div><dt title=${t(`attention.column.${key}.about`)}>${t(`attention.column.${key}`)}</dt><dd>${shownFigure(key, statistics)}</dd></div>`)}
      </dl><p class="skew">${skewSentence(statistics)}</p></div>
    </div>`;
}

function shownFigure(key: "mean" | "median" | "negative" | "sd" | "skewness" | "kurtosis" | "entropy", statistics: NonNullable<AttentionComparison["concepts"][0]["statistics"][0]>): string {
  const value = statistics[key];
  if (value === null) return t("attention.undefined");
  if (key === "negative") return percent(value);
  if (key === "mean" || key === "median") return points(value);
  if (key === "sd") return points(value).replace("+", "");
  return key === "skewness" && value > 0 ? `+${value.toFixed(2)}` : value.toFixed(key === "entropy" ? 3 : 2).replace("-", "−");
}

const TONES = [0, 1, 2] as const;

/** Means and medians over the heads of each layer: of the shares, and of the differences. */
export function curves(lens: Lens) {
  const { comparison } = lens;
  const concept = comparison?.concepts[lens.flat];
  if (!comparison || !concept) return nothing;
  // Models of unlike depth are laid over each other by relative depth.
  const alike = comparison.models.every(({ heads }) => heads.length === comparison.models[0]!.heads.length);
  const places = (n: number) => Array.from({ length: n }, (_, i) => (alike || n < 2 ? i : i / (n - 1)));
  const axis = t(alike ? "attention.layer" : "attention.depth");
  const pairOf = (name: string, tone: 0 | 1 | 2, means: readonly (number | null)[], medians: readonly (number | null)[]): Curve[] => [
    { name: t("attention.curve.median", { model: name }), tone, x: places(medians.length), y: medians, thin: true },
    { name, tone, x: places(means.length), y: means },
  ];
  const shares = comparison.models.flatMap(({ name }, i) => pairOf(name, TONES[i]!, concept.layer_means[i]!, concept.layer_medians[i]!));
  const differences = comparison.pairs.flatMap((pair, i) => {
    const of = pair.concepts[lens.flat]!;
    const name = `${comparison.models[pair.new]!.name} − ${comparison.models[pair.old]!.name}`;
    return of.layer_means.some((value) => value !== null) ? pairOf(name, TONES[(i + 1) % 3]!, of.layer_means, of.layer_medians) : [];
  });
  const peak = peakOf(comparison.pairs[lens.pair]?.concepts[lens.flat]?.layer_means ?? []);
  const top = peakOf(concept.layer_means[0]!);
  return html`<h3>${t("attention.curves")}</h3>
    <div class="beside">
      <gs-lines .curves=${shares} .format=${inPercent} title=${t("attention.curves.shares")} axis=${axis} stem=${stem(lens, "layers")}
        caption=${top ? t("attention.curves.shares.caption", { model: comparison.models[0]!.name, layer: top.layer, share: percent2(top.value) }) : t("attention.grid.nothing")}></gs-lines>
      ${differences.length > 0 ? html`<gs-lines .curves=${differences} .format=${inPoints} title=${t("attention.curves.differences")} axis=${axis} stem=${stem(lens, "layer-differences")}
        caption=${peak ? t("attention.curves.differences.caption", { layer: peak.layer, difference: points(peak.value) }) : t("attention.grid.difference.none")}></gs-lines>` : nothing}
    </div>`;
}

function peakOf(values: readonly (number | null)[]): { layer: number; value: number } | null {
  let found: { layer: number; value: number } | null = null;
  values.forEach((value, layer) => {
    if (value !== null && value !== 0 && (found === null || Math.abs(value) > Math.abs(found.value))) found = { layer, value };
  });
  return found;
}
