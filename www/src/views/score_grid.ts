/** A table of shares as colours and numbers: what a result is at every pair of two settings. */
import { css, html, nothing, svg, unsafeCSS } from "lit";
import { drawing, picture } from "./chart_file";
import { download } from "./download";
import { GlitchscopeElement, sheet } from "./element";

export interface ScoreCell {
  /** In [0, 1]; null where nothing was measured. */
  value: number | null;
  /** How many measurements stand behind the value. */
  n: number;
  /** Of the value, where it can be told. */
  interval: readonly [number, number] | null;
}

export interface ScoreGridView {
  title: string;
  /** What runs down and what runs across. */
  rowAxis: string;
  columnAxis: string;
  rows: readonly string[];
  columns: readonly string[];
  /** Row by row. */
  cells: readonly (readonly ScoreCell[])[];
  /** What was found, in a sentence. */
  caption: string;
}

const [CELL_WIDTH, CELL_HEIGHT, TOP] = [120, 48, 60];
/** Steps of the scale: more than an eye tells apart. */
const STEPS = 20;
/** Pixels of a character of 12 px, as good as it needs to be for a margin. */
const CHARACTER = 7;

/** The numbers stand on the colours in ink, which bounds how strong a colour may be; a dark page bounds it sooner. */
const COLOURS = unsafeCSS(Array.from({ length: STEPS + 1 }, (_, step) => {
  const mixed = (strongest: number) => `color-mix(in srgb, var(--accent) ${(strongest * step) / STEPS}%, var(--tint))`;
  return `.s${step} { fill: ${mixed(45)}; fill: light-dark(${mixed(68)}, ${mixed(45)}); }`;
}).join("\n"));

export class ScoreGrid extends GlitchscopeElement {
  static override styles = [sheet, css`
    .scroll { overflow-x: auto; }
    svg { display: block; font: 12px var(--sans); max-width: none; }
    .name { fill: var(--ink-2); }
    .value { fill: var(--ink); font-family: var(--mono); font-size: 13px; }
    .n { fill: var(--ink); font-size: 11px; }
    .cell { stroke: var(--paper); stroke-width: 2; cursor: pointer; }
    .none { fill: var(--paper); stroke: var(--rule); stroke-dasharray: 3 3; }
    figcaption { font-size: 13px; margin-top: 4px; max-width: 70ch; }
    .row { display: flex; flex-wrap: wrap; gap: 8px; margin-top: 8px; }
    button { font-size: 13px; }
  `, COLOURS];
  static override properties = { view: { attribute: false }, stem: { type: String } };
  declare view: ScoreGridView | null;
  /** First part of the names of downloaded files. */
  declare stem: string;

  constructor() {
    super();
    this.view = null;
    this.stem = "scores";
  }

  override render() {
    const { view } = this;
    if (!view) return nothing;
    const left = Math.max(...view.rows.map((name) => CHARACTER * name.length), CHARACTER * view.rowAxis.length) + 16;
    const [width, height] = [Math.max(left + CELL_WIDTH * view.columns.length + 4, CHARACTER * view.title.length), TOP + CELL_HEIGHT * view.rows.length + 4];
    return html`
      <figure>
        <div class="scroll" tabindex="0" role="region" aria-label=${view.title}><svg width=${width} height=${height} viewBox="0 0 ${width} ${height}" role="img" aria-label=${`${view.title}. ${view.caption}`}>
          <text class="name" x="0" y="14">${view.title}</text>
          <text class="name" x="0" y=${TOP - 8}>${view.rowAxis}</text>
          <text class="name" x=${left} y="32">${view.columnAxis}</text>
          ${view.columns.map((name, i) => svg`<text class="name" x=${left + CELL_WIDTH * (i + 0.5)} y=${TOP - 8} text-anchor="middle">${name}</text>`)}
          ${view.rows.map((name, i) => svg`<text class="name" x=${left - 10} y=${TOP + CELL_HEIGHT * (i + 0.5) + 4} text-anchor="end">${name}</text>`)}
          ${view.cells.map((row, i) => row.map((cell, j) => this.cell(cell, left + CELL_WIDTH * j, TOP + CELL_HEIGHT * i, i, j)))}
        </svg></div>
        <figcaption>${view.caption}</figcaption>
      </figure>
      <div class="row">
        <button @click=${() => download(this.drawing(width, height), `${this.stem}.svg`, "image/svg+xml")}>SVG</button>
        <button @click=${() => void this.savePicture(width, height)}>PNG</button>
      </div>`;
  }

  private cell({ value, n, interval }: ScoreCell, x: number, y: number, row: number, column: number) {
    const middle = x + CELL_WIDTH / 2;
    const kind = value === null ? "none" : `s${Math.round(STEPS * Math.min(1, Math.max(0, value)))}`;
    return svg`<g @click=${() => this.dispatchEvent(new CustomEvent("cell", { detail: { row, column } }))}>
      <rect class="cell ${kind}" x=${x} y=${y} width=${CELL_WIDTH} height=${CELL_HEIGHT}></rect>
      <text class="value" x=${middle} y=${y + 20} text-anchor="middle">${value === null ? "–" : value.toFixed(2)}</text>
      <text class="n" x=${middle} y=${y + 37} text-anchor="middle">${interval && n > 1 ? `${interval[0].toFixed(2)}–${interval[1].toFixed(2)}, ` : ""}n ${n}</text>
    </g>`;
  }

  private drawing(width: number, height: number): string {
    return drawing(this.renderRoot.querySelector("svg")!, width, height);
  }

  private async savePicture(width: number, height: number): Promise<void> {
    const ground = getComputedStyle(this).getPropertyValue("--paper") || "#ffffff";
    const file = await picture(this.drawing(width, height), width, height, ground);
    if (file) download(file, `${this.stem}.png`, "image/png");
  }
}
customElements.define("gs-score-grid", ScoreGrid);
