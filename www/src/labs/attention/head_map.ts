/** One head's map of one text: queries down, keys across, for each model and for differences. Long texts in windows. */
import { css, html, nothing } from "lit";
import { t } from "../../strings";
import { limitOf } from "../../views/colour_scale";
import { GlitchscopeElement, sheet } from "../../views/element";
import type { HeatmapData } from "../../views/heatmap";
import type { OpenedHead } from "./lens";
import type { AttentionComparison, AttentionResult } from "./types";
import { names, percent2, points } from "./tokens";
import "../../views/heatmap";

/** Tokens at most whose names are written along the map; more are an overview without names. */
const NAMED = 64;
/** Tokens of the window that a click into an overview opens. */
const WINDOW = 48;

export class HeadMap extends GlitchscopeElement {
  static override styles = [sheet, css`
    .row { display: flex; flex-wrap: wrap; align-items: center; gap: 8px 16px; margin: 8px 0; font-size: 13px; }
    .row label.check { display: inline-flex; gap: 6px; align-items: center; }
    input[type="number"] { width: 84px; }
    .waiting { min-height: 240px; }
  `];
  static override properties = {
    opened: { attribute: false }, version: { type: Number }, results: { attribute: false }, comparison: { attribute: false }, concept: { type: Number }, stem: { type: String },
    view: { state: true }, blank: { state: true }, from: { state: true }, to: { state: true },
  };
  declare opened: OpenedHead | null;
  /** How many maps are there: the object itself stays, and millions of cells are drawn only when one has come. */
  declare version: number;
  declare results: readonly AttentionResult[];
  declare comparison: AttentionComparison | null;
  declare concept: number;
  declare stem: string;
  /** A model's place, or a pair's two. */
  declare view: string;
  /** Whether the columns of tokens that are left out are blank, as in the measure. */
  declare blank: boolean;
  declare from: number;
  declare to: number;

  constructor() {
    super();
    this.opened = null;
    this.version = 0;
    this.results = [];
    this.comparison = null;
    this.concept = 0;
    this.stem = "head";
    this.view = "0";
    this.blank = true;
    this.from = 0;
    this.to = 0;
  }

  override willUpdate(changes: Map<string, unknown>): void {
    if (changes.has("opened") && this.opened) {
      const length = this.length;
      if (this.to > length || this.to === 0 || (changes.get("opened") as OpenedHead | null)?.text !== this.opened.text) [this.from, this.to] = [0, length];
    }
    if (!this.views.some(({ id }) => id === this.view)) this.view = this.views[0]?.id ?? "0";
  }

  private get length(): number {
    return this.results[0]?.texts[this.opened?.text ?? 0]?.tokens.tokens.length ?? 0;
  }

  /** What can be shown: each model that has a map, and each pair whose maps are of the same tokens. */
  private get views(): { id: string; name: string; models: number[] }[] {
    const { opened } = this;
    const modelNames = this.comparison?.models.map(({ name }) => name) ?? [];
    if (!opened) return [];
    const there = this.results.flatMap((_, i) => (opened.maps[i] ? [i] : []));
    const singles = there.map((i) => ({ id: String(i), name: modelNames[i]!, models: [i] }));
    const same = (a: number, b: number) => opened.maps[a]!.length === opened.maps[b]!.length;
    const pairs = there.flatMap((a) => there.filter((b) => b > a && same(a, b)).map((b) => ({ id: `${a}-${b}`, name: `${modelNames[b]!} − ${modelNames[a]!}`, models: [a, b] })));
    return [...singles, ...pairs];
  }

  override render() {
    const { opened, views } = this;
    if (!opened) return nothing;
    const view = views.find(({ id }) => id === this.view);
    if (!view) return html`<p class="quiet waiting">${t("attention.map.waiting")}</p>`;
    const [first, second] = view.models;
    const result = this.results[second ?? first!]!;
    const text = result.texts[opened.text]!;
    const length = text.tokens.tokens.length;
    const [from, to] = [Math.min(this.from, length - 1), Math.min(this.to, length)];
    const n = to - from;
    const map = opened.maps[first!]!;
    const other = second === undefined ? null : opened.maps[second]!;
    const values = new Float32Array(n * n).fill(Number.NaN);
    for (let row = 0; row < n; row++) {
      for (let column = 0; column <= row; column++) {
        if (this.blank && text.tokens.tokens[from + column]!.excluded) continue;
        const at = (from + row) * length + from + column;
        values[row * n + column] = other ? other[at]! - map[at]! : map[at]!;
      }
    }
    const marked = new Set(text.tokens.concepts[this.concept]?.tokens.map((position) => position - from));
    const all = names(result.request.texts[opened.text]!.text, text.tokens.tokens);
    const shown = all.slice(from, to);
    const data: HeatmapData = {
      rows: n, columns: n, values, rowAxis: t("attention.map.query"), columnAxis: t("attention.map.key"), strongRows: marked, strongColumns: marked,
      ...(n <= NAMED ? { rowNames: shown, columnNames: shown } : {}),
    };
    const format = (value: number) => (other ? points(value).replace("+", "") : percent2(value));
    const limit = other ? limitOf(sample(values)) : sample(values).reduce((most, value) => (value > most ? value : most), 0);
    const where = t("attention.head", { layer: opened.layer, head: opened.head });
    return html`
      <div class="row">
        <div class="segmented" role="radiogroup" aria-label=${t("attention.map.of")}>${views.map(({ id, name }) => html`<label><input type="radio" name="view" .checked=${id === this.view}
          @change=${() => { this.view = id; }} />${name}</label>`)}</div>
        <label class="check"><input type="checkbox" .checked=${this.blank} @change=${(event: Event) => { this.blank = (event.target as HTMLInputElement).checked; }} /> ${t("attention.map.blank")}</label>
      </div>
      ${length > 24 ? html`<div class="row">
        <label>${t("attention.map.from")} <input type="number" min="0" max=${length - 1} .value=${String(from)} @change=${(event: Event) => this.window(Number((event.target as HTMLInputElement).value), to)} /></label>
        <label>${t("attention.map.to")} <input type="number" min="1" max=${length} .value=${String(to)} @change=${(event: Event) => this.window(from, Number((event.target as HTMLInputElement).value))} /></label>
        <button ?disabled=${n === length} @click=${() => this.window(0, length)}>${t("attention.map.all", { n: length })}</button>
        ${n > NAMED ? html`<span class="quiet">${t("attention.map.zoom", { n: WINDOW })}</span>` : nothing}
      </div>` : nothing}
      <gs-heatmap .data=${data} kind=${other ? "diverging" : "sequential"} .limit=${limit} .format=${format} ?pickable=${n > NAMED}
        .readout=${(row: number, column: number) => t("attention.map.cell", { query: shown[row] ?? "", key: shown[column] ?? "" })}
        label=${`${where}, ${view.name}`} stem=${`${this.stem}-${view.name.replaceAll(" ", "")}`}
        caption=${t(other ? "attention.map.caption.difference" : "attention.map.caption", { head: where, model: view.name })}
        @pick=${(event: CustomEvent<readonly [number, number]>) => this.around(from + event.detail[1], from + event.detail[0], length)}></gs-heatmap>`;
  }

  private window(from: number, to: number): void {
    if (!Number.isInteger(from) || !Number.isInteger(to) || from < 0 || to > this.length || to - from < 2) {
      this.requestUpdate();
      return;
    }
    [this.from, this.to] = [from, to];
  }

  /** Opens a window that holds the key, and the query where it is near enough. */
  private around(key: number, query: number, length: number): void {
    const middle = query - key < WINDOW - 4 ? Math.floor((key + query) / 2) : key;
    const from = Math.max(0, Math.min(length - WINDOW, middle - WINDOW / 2));
    this.window(from, Math.min(length, from + WINDOW));
  }
}
customElements.define("gs-head-map", HeadMap);

/** Enough of many values to set limits by. */
function sample(values: Float32Array): number[] {
  const step = Math.max(1, Math.floor(values.length / 200_000));
  const out: number[] = [];
  for (let i = 0; i < values.length; i += step) out.push(values[i]!);
  return out;
}
