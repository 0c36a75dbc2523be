/** Recall and share of questions over the Leiden resolution: what a search costs and yields at each granularity. */
import { css, html, nothing, svg } from "lit";
import { count, decimal, percent } from "../report/format";
import type { GranularityRow } from "../report/types";
import { t } from "../strings";
import { drawing, picture } from "./chart_file";
import { download } from "./download";
import { GlitchscopeElement, sheet } from "./element";

const [WIDTH, HEIGHT] = [720, 320];
const [LEFT, RIGHT, TOP, BOTTOM] = [48, 132, 48, 44];

export class GranularityChart extends GlitchscopeElement {
  static override styles = [sheet, css`
    figure { max-width: 860px; }
    svg { display: block; width: 100%; height: auto; font: 12px var(--sans); }
    .grid { stroke: var(--rule); }
    .tick { fill: var(--ink-2); }
    .series { fill: none; stroke-width: 2; }
    .recall { stroke: var(--accent); } .recall-mark { fill: var(--accent); } .recall-name { fill: var(--accent); font-weight: 600; }
    .share { stroke: var(--ink-2); stroke-dasharray: 5 3; } .share-mark { fill: var(--ink-2); } .share-name { fill: var(--ink-2); font-weight: 600; }
    .named { stroke: var(--ink-2); stroke-dasharray: 2 3; }
    figcaption { font-size: 13px; margin-top: 4px; max-width: 70ch; }
    .scroll { overflow-x: auto; margin-top: 12px; }
    .row { display: flex; flex-wrap: wrap; gap: 8px; margin-top: 12px; }
    table { font-size: 13px; min-width: 480px; }
    details { margin-top: 8px; }
  `];
  static override properties = { rows: { attribute: false }, paper: { type: Number }, scaled: { type: Number }, stem: { type: String } };
  declare rows: GranularityRow[];
  declare paper: number;
  declare scaled: number;
  /** First part of the names of downloaded files. */
  declare stem: string;

  constructor() {
    super();
    this.rows = [];
    this.paper = 75;
    this.scaled = 0;
    this.stem = "granularity";
  }

  override render() {
    const { rows } = this;
    if (rows.length < 2) return nothing;
    const logs = rows.map(({ resolution }) => Math.log10(resolution));
    const [low, high] = [Math.min(...logs), Math.max(...logs)];
    const x = (resolution: number) => LEFT + ((Math.log10(resolution) - low) / (high - low)) * (WIDTH - LEFT - RIGHT);
    const y = (share: number) => HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM);
    const path = (get: (row: GranularityRow) => number) =>
      rows.map((row, i) => `${i === 0 ? "M" : "L"}${x(row.resolution).toFixed(1)} ${y(get(row)).toFixed(1)}`).join("");
    const last = rows.at(-1)!;
    let [recallY, shareY] = [y(last.recall), y(last.query_share)];
    if (Math.abs(recallY - shareY) < 16) {
      const [middle, sign] = [(recallY + shareY) / 2, recallY <= shareY ? -1 : 1];
      [recallY, shareY] = [middle + 8 * sign, middle - 8 * sign];
    }
    const marks = [
      { at: this.paper, name: t("granularity.paper", { value: this.paper }) },
      { at: this.scaled, name: t("granularity.scaled", { value: this.scaled.toPrecision(3) }) },
    ].filter(({ at }) => at > 0 && Math.log10(at) >= low - 0.01 && Math.log10(at) <= high + 0.01);
    return html`
      <figure>
        <svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label=${this.finding()}>
          <text class="tick" x="0" y="14">${t("granularity.title")}</text>
          ${[0, 0.25, 0.5, 0.75, 1].map((share) => svg`
            <line class="grid" x1=${LEFT} x2=${WIDTH - RIGHT} y1=${y(share)} y2=${y(share)}></line>
            <text class="tick" x=${LEFT - 8} y=${y(share) + 4} text-anchor="end">${100 * share} %</text>`)}
          ${this.ticks().map((resolution) => svg`
            <text class="tick" x=${x(resolution)} y=${HEIGHT - BOTTOM + 18} text-anchor="middle">${resolution}</text>`)}
          <text class="tick" x=${(LEFT + WIDTH - RIGHT) / 2} y=${HEIGHT - 6} text-anchor="middle">${t("granularity.axis")}</text>
          ${marks.map(({ at, name }) => svg`
            <line class="named" x1=${x(at)} x2=${x(at)} y1=${TOP} y2=${HEIGHT - BOTTOM}></line>
            <text class="tick" x=${x(at) + 4} y=${TOP - 8} text-anchor="end">${name}</text>`)}
          <path class="series share" d=${path((row) => row.query_share)}></path>
          <path class="series recall" d=${path((row) => row.recall)}></path>
          ${rows.map((row) => svg`
            <rect class="share-mark" x=${x(row.resolution) - 3} y=${y(row.query_share) - 3} width="6" height="6"></rect>
            <circle class="recall-mark" cx=${x(row.resolution)} cy=${y(row.recall)} r="3.5"></circle>`)}
          <text class="recall-name" x=${WIDTH - RIGHT + 8} y=${recallY + 4}>${t("granularity.recall")}</text>
          <text class="share-name" x=${WIDTH - RIGHT + 8} y=${shareY + 4}>${t("granularity.share")}</text>
        </svg>
        <figcaption>${this.finding()}</figcaption>
      </figure>
      <details>
        <summary>${t("granularity.table")}</summary>
        <div class="scroll" tabindex="0" role="region" aria-label=${t("granularity.table")}>
          <table>
            <thead><tr>${(["resolution", "clusters", "mean", "queries", "share", "recall", "rounds"] as const).map((key) =>
              html`<th class="number" scope="col">${t(`granularity.column.${key}`)}</th>`)}</tr></thead>
            <tbody>${rows.map((row) => html`<tr>
              <td class="number">${row.resolution}</td><td class="number">${count(row.clusters)}</td>
              <td class="number">${decimal(row.mean_cluster_size, 1)}</td><td class="number">${count(row.queries)}</td>
              <td class="number">${percent(row.query_share)}</td><td class="number">${percent(row.recall)}</td>
              <td class="number">${row.rounds}</td></tr>`)}</tbody>
          </table>
        </div>
      </details>
      <div class="row">
        <button @click=${this.csv}>CSV</button>
        <button @click=${this.svg}>SVG</button>
        <button @click=${this.png}>PNG</button>
      </div>`;
  }

  /** The chart in a sentence: the cheapest resolution that finds nearly everything. */
  private finding(): string {
    const best = [...this.rows].filter(({ recall }) => recall >= 0.95).sort((a, b) => a.query_share - b.query_share)[0];
    const most = [...this.rows].sort((a, b) => b.recall - a.recall)[0]!;
    const row = best ?? most;
    return t("granularity.finding", { resolution: row.resolution, recall: percent(row.recall), share: percent(row.query_share) });
  }

  private ticks(): number[] {
    return [0.1, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000].filter(
      (tick) => tick >= this.rows[0]!.resolution * 0.99 && tick <= this.rows.at(-1)!.resolution * 1.01);
  }

  private readonly csv = (): void => {
    const lines = this.rows.map((row) =>
      [row.resolution, row.clusters, row.mean_cluster_size, row.queries, row.query_share, row.recall, row.rounds].join(","));
    const head = "resolution,clusters,mean_cluster_size,queries,query_share,recall,rounds";
    download(`${[head, ...lines].join("\r\n")}\r\n`, `${this.stem}.csv`, "text/csv");
  };

  private file(): string {
    return drawing(this.renderRoot.querySelector("svg")!, WIDTH, HEIGHT);
  }

  private readonly svg = (): void => download(this.file(), `${this.stem}.svg`, "image/svg+xml");

  private readonly png = async (): Promise<void> => {
    const blob = await picture(this.file(), WIDTH, HEIGHT, getComputedStyle(this).getPropertyValue("--surface"));
    if (blob) download(blob, `${this.stem}.png`, "image/png");
  };
}
customElements.define("gs-granularity", GranularityChart);
