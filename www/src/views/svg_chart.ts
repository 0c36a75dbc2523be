/** What small charts share: a figure with a title, ticks, a caption, a table, and files. */
import { css, html, svg, type TemplateResult } from "lit";
import { t } from "../strings";
import { drawing, picture } from "./chart_file";
import { download } from "./download";
import { GlitchscopeElement, sheet } from "./element";

export const chartStyle = css`
  figure { max-width: 720px; }
  svg { display: block; width: 100%; height: auto; font: 12px var(--sans); }
  .grid { stroke: var(--rule); }
  .zero { stroke: var(--ink); }
  .tick { fill: var(--ink-2); }
  .title { fill: var(--ink-2); }
  .line { fill: none; stroke-width: 2; }
  .s0 { stroke: var(--ink-2); } .s1 { stroke: var(--accent); } .s2 { stroke: var(--ok); }
  .name { font-weight: 600; }
  .name.s0, .mark.s0 { stroke: none; fill: var(--ink-2); } .name.s1, .mark.s1 { stroke: none; fill: var(--accent); } .name.s2, .mark.s2 { stroke: none; fill: var(--ok); }
  .thin { stroke-width: 1; stroke-dasharray: 4 3; }
  .bar { fill: var(--accent); fill-opacity: 0.75; } .bar.below { fill: var(--ink-2); }
  .at { stroke: var(--ink); stroke-dasharray: 3 3; }
  figcaption { font-size: 13px; margin-top: 4px; max-width: 76ch; }
  details { margin-top: 8px; font-size: 13px; }
  .table { overflow: auto; max-height: 320px; }
  .table table { width: auto; font-size: 12px; }
  .row { display: flex; flex-wrap: wrap; gap: 4px; margin-top: 8px; }
  .row button { min-height: 28px; padding: 2px 10px; font-size: 13px; }
`;

/** In the units of the letters, which a narrow screen must not shrink. */
const [WIDE, NARROW] = [[640, 280], [360, 240]] as const;

export abstract class SvgChart extends GlitchscopeElement {
  static override styles = [sheet, chartStyle];
  /** First part of the names of downloaded files. */
  declare stem: string;
  declare caption: string;
  private readonly narrow = matchMedia("(max-width: 599px)");
  private readonly resize = () => this.requestUpdate();

  override connectedCallback(): void {
    super.connectedCallback();
    this.narrow.addEventListener("change", this.resize);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.narrow.removeEventListener("change", this.resize);
  }

  get size(): readonly [width: number, height: number] {
    return this.narrow.matches ? NARROW : WIDE;
  }

  /** The header and the rows of the chart's numbers. */
  protected abstract cells(): { head: string[]; rows: (string | number | null)[][] };

  protected figure(shapes: TemplateResult): TemplateResult {
    const [width, height] = this.size;
    const { head, rows } = this.cells();
    const cell = (value: string | number | null) => (value === null ? "–" : typeof value === "number" ? Number(value.toPrecision(5)) : value);
    return html`<figure>
      <svg viewBox="0 0 ${width} ${height}" role="img" aria-label=${this.caption}>${shapes}</svg>
      <figcaption>${this.caption}</figcaption>
      <details><summary>${t("chart.table")}</summary><div class="table" tabindex="0" role="region" aria-label=${`${t("chart.table")}: ${this.caption}`}><table>
        <thead><tr>${head.map((name) => html`<th scope="col" class="number">${name}</th>`)}</tr></thead>
        <tbody>${rows.map((row) => html`<tr>${row.map((value) => html`<td class="number">${cell(value)}</td>`)}</tr>`)}</tbody>
      </table></div></details>
      <div class="row"><button @click=${this.csv}>CSV</button><button @click=${this.asSvg}>SVG</button><button @click=${this.asPng}>PNG</button></div>
    </figure>`;
  }

  drawing(): { svg: string; width: number; height: number } | null {
    const shapes = this.renderRoot.querySelector("svg");
    const [width, height] = this.size;
    return shapes && { svg: drawing(shapes, width, height), width, height };
  }

  private readonly csv = (): void => {
    const { head, rows } = this.cells();
    const quoted = (value: string | number | null) => (typeof value === "string" ? `"${value.replaceAll('"', '""')}"` : (value ?? ""));
    download(`${[head, ...rows].map((row) => row.map(quoted).join(",")).join("\r\n")}\r\n`, `${this.stem}.csv`, "text/csv");
  };

  private readonly asSvg = (): void => {
    const file = this.drawing();
    if (file) download(file.svg, `${this.stem}.svg`, "image/svg+xml");
  };

  private readonly asPng = async (): Promise<void> => {
    const file = this.drawing();
    const blob = file && await picture(file.svg, file.width, file.height, getComputedStyle(this).getPropertyValue("--surface"));
    if (blob) download(blob, `${this.stem}.png`, "image/png");
  };
}

/** Round numbers from `low` to `high`, about `n` of them, both ends inside. */
export function ticks(low: number, high: number, n = 5): number[] {
  if (!(high > low)) return [low];
  const power = 10 ** Math.floor(Math.log10((high - low) / n));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((step) => (high - low) / step <= n) ?? 10 * power;
  const out: number[] = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + 1e-9 * step; i++) out.push(Number((i * step).toPrecision(6)));
  return out;
}

export function yAxis(values: number[], left: number, right: number, y: (value: number) => number, format: (value: number) => string) {
  return values.map((value) => svg`<line class=${value === 0 ? "zero" : "grid"} x1=${left} x2=${right} y1=${y(value)} y2=${y(value)}></line>
    <text class="tick" x=${left - 6} y=${y(value) + 4} text-anchor="end">${format(value)}</text>`);
}
