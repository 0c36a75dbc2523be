/** Recall against questions, one curve a detector, with the interval of the mean over its seeds as a band. */
import { css, html, nothing, svg } from "lit";
import { count, percent } from "../report/format";
import type { DetectorRow, DetectorTable } from "../report/types";
import { t } from "../strings";
import { drawing, picture } from "./chart_file";
import { download } from "./download";
import { GlitchscopeElement, sheet } from "./element";
import { css as colour, palette } from "./token_map/palette";

/** In the units of the letters, which a narrow screen must not shrink. */
const [WIDE, NARROW] = [[720, 400], [380, 300]] as const;
const [LEFT, RIGHT, TOP, BOTTOM] = [52, 16, 32, 48];
/** Curves whose colours lie close differ in their dashes. */
const DASHES = ["", "6 3", "2 3"];

export class RecallChart extends GlitchscopeElement {
  static override styles = [sheet, css`
    figure { max-width: 860px; margin-top: 16px; }
    svg { display: block; width: 100%; height: auto; font: 12px var(--sans); }
    .grid { stroke: var(--rule); }
    .tick { fill: var(--ink-2); }
    .curve { fill: none; stroke-width: 2; }
    .band { stroke: none; fill-opacity: 0.16; }
    .chance { fill: none; stroke: var(--rule); stroke-dasharray: 4 4; }
    .faded { stroke-opacity: 0.2; fill-opacity: 0.04; }
    .legend { display: flex; flex-wrap: wrap; gap: 4px; margin-top: 8px; }
    .legend button { display: inline-flex; align-items: center; gap: 6px; min-height: 28px; padding: 2px 8px; font: 12px/1.25 var(--mono); }
    .legend button[aria-pressed="false"] { color: var(--ink-2); border-color: var(--rule); text-decoration: line-through; }
    .legend svg { width: 24px; height: 8px; flex: none; }
    figcaption { font-size: 13px; margin-top: 8px; max-width: 76ch; }
    .row { display: flex; flex-wrap: wrap; gap: 8px; margin-top: 12px; }
  `];
  static override properties = { table: { attribute: false }, stem: { type: String }, left: { state: true }, near: { state: true } };
  declare table: DetectorTable | null;
  /** First part of the names of downloaded files. */
  declare stem: string;
  /** Names of detectors that are not drawn. */
  declare left: ReadonlySet<string>;
  /** The detector under the pointer or the focus; the others fade. */
  declare near: string;
  private readonly scheme = matchMedia("(prefers-color-scheme: dark)");
  private readonly narrow = matchMedia("(max-width: 599px)");
  private readonly recolour = () => this.requestUpdate();
  private readonly themed = new MutationObserver(this.recolour);

  constructor() {
    super();
    this.table = null;
    this.stem = "detectors";
    this.left = new Set();
    this.near = "";
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.scheme.addEventListener("change", this.recolour);
    this.narrow.addEventListener("change", this.recolour);
    this.themed.observe(document.documentElement, { attributeFilter: ["data-theme"] });
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.scheme.removeEventListener("change", this.recolour);
    this.narrow.removeEventListener("change", this.recolour);
    this.themed.disconnect();
  }

  override render() {
    const { table } = this;
    if (!table || table.rows.length === 0) return nothing;
    const [WIDTH, HEIGHT] = this.size;
    const x = (share: number) => LEFT + share * (WIDTH - LEFT - RIGHT);
    const y = (share: number) => HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM);
    const at = (values: readonly number[], i: number) => `${x(i / (values.length - 1)).toFixed(1)} ${y(values[i] ?? 0).toFixed(1)}`;
    const line = (values: readonly number[]) => values.map((_, i) => `${i === 0 ? "M" : "L"}${at(values, i)}`).join("");
    const band = ({ curve_low: low, curve_high: high }: DetectorRow) =>
      `${line(high)}${low.map((_, i) => `L${at(low, low.length - 1 - i)}`).join("")}Z`;
    const drawn = table.rows.filter(({ info }) => !this.left.has(info.name));
    const faded = (name: string) => (this.near !== "" && this.near !== name ? "faded" : "");
    const shares = [0, 0.25, 0.5, 0.75, 1];
    return html`
      <figure>
        <svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label=${this.finding()}>
          <text class="tick" x="0" y="14">${t("recall.title")}</text>
          ${shares.map((share) => svg`
            <line class="grid" x1=${LEFT} x2=${WIDTH - RIGHT} y1=${y(share)} y2=${y(share)}></line>
            <text class="tick" x=${LEFT - 8} y=${y(share) + 4} text-anchor="end">${100 * share} %</text>
            <text class="tick" x=${x(share)} y=${HEIGHT - BOTTOM + 18} text-anchor=${share === 1 ? "end" : "middle"}>${count(share * table.questions)}</text>`)}
          <text class="tick" x=${(LEFT + WIDTH - RIGHT) / 2} y=${HEIGHT - 8} text-anchor="middle">${t("recall.axis")}</text>
          <path class="chance" d=${`M${x(0)} ${y(0)}L${x(1)} ${y(1)}`}></path>
          ${drawn.filter(({ runs, curve_low: low }) => runs > 1 && low.length > 1).map((row) => svg`
            <path class="band ${faded(row.info.name)}" data-name=${row.info.name} fill=${this.series(row).colour} d=${band(row)}></path>`)}
          ${drawn.map((row) => svg`
            <path class="curve ${faded(row.info.name)}" data-name=${row.info.name} stroke=${this.series(row).colour} stroke-dasharray=${this.series(row).dashes || "none"}
              d=${line(row.curve)}></path>`)}
        </svg>
        <div class="legend" role="group" aria-label=${t("recall.legend")}>${table.rows.map((row) => {
          const { name } = row.info;
          return html`<button aria-pressed=${!this.left.has(name)} title=${row.info.what} @click=${() => this.toggle(name)}
            @pointerenter=${() => { this.near = name; }} @pointerleave=${() => { this.near = ""; }}
            @focus=${() => { this.near = name; }} @blur=${() => { this.near = ""; }}>
            <svg viewBox="0 0 24 8" aria-hidden="true"><line x1="0" x2="24" y1="4" y2="4" stroke-width="3" stroke=${this.series(row).colour}
              stroke-dasharray=${this.series(row).dashes || "none"}></line></svg>${name}</button>`;
        })}</div>
        <figcaption>${this.finding()} <span class="quiet">${t("recall.caption")}</span></figcaption>
      </figure>
      <div class="row">
        <button @click=${() => this.dispatchEvent(new Event("csv"))}>CSV</button>
        <button @click=${this.svg}>SVG</button>
        <button @click=${this.png}>PNG</button>
      </div>`;
  }

  /** The project's own search in the accent, the random baselines quiet, the others in the map's cycle. */
  private series({ info }: DetectorRow): { colour: string; dashes: string } {
    const { clusters, accent, quiet } = palette(this);
    const place = this.table!.rows.findIndex((row) => row.info.name === info.name);
    if (info.name === "glitchhunter") return { colour: colour(accent), dashes: "" };
    if (info.name.startsWith("random")) return { colour: colour(quiet), dashes: info.name === "random" ? "2 3" : "6 3" };
    return { colour: colour(clusters[place % clusters.length]!), dashes: DASHES[place % DASHES.length]! };
  }

  /** The chart in a sentence: who finds the most, and who does with the fewest questions. */
  private finding(): string {
    const rows = this.table?.rows.filter(({ info }) => info.is_verified) ?? [];
    const best = [...rows].sort((a, b) => b.recall.mean - a.recall.mean || a.queries.mean - b.queries.mean)[0];
    if (!best) return t("recall.title");
    return t("recall.finding", {
      name: best.info.name, recall: percent(best.recall.mean), queries: count(best.queries.mean), of: count(this.table!.questions), oracle: this.table!.provenance.oracle.id,
    });
  }

  private toggle(name: string): void {
    const next = new Set(this.left);
    if (!next.delete(name)) next.add(name);
    this.left = next;
  }

  private get size(): readonly [number, number] {
    return this.narrow.matches ? NARROW : WIDE;
  }

  private file(): string {
    return drawing(this.renderRoot.querySelector<SVGSVGElement>("figure > svg")!, ...this.size);
  }

  private readonly svg = (): void => download(this.file(), `${this.stem}.svg`, "image/svg+xml");

  private readonly png = async (): Promise<void> => {
    const blob = await picture(this.file(), ...this.size, getComputedStyle(this).getPropertyValue("--surface"));
    if (blob) download(blob, `${this.stem}.png`, "image/png");
  };
}
customElements.define("gs-recall", RecallChart);
