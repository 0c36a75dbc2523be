/**
 * A matrix of numbers as a canvas: layers by heads, or queries by keys. A click picks a cell; with the keyboard arrows step
 * and Enter picks. Up to some millions of cells; drawn once, then copied.
 */
import { css, html, nothing } from "lit";
import { t } from "../strings";
import { drawing, picture } from "./chart_file";
import { colourScale, type ColourScale, hex, isLight, type ScaleKind } from "./colour_scale";
import { download } from "./download";
import { GlitchscopeElement, sheet } from "./element";
import { ThemeWatch } from "./theme";

export interface HeatmapData {
  rows: number;
  columns: number;
  /** Row by row; null and NaN for cells without a value. */
  values: ArrayLike<number | null>;
  /** What an axis counts, as a word. */
  rowAxis: string;
  columnAxis: string;
  /** A name for each row and column, drawn where there is room; numbers from 0 without. */
  rowNames?: readonly string[];
  columnNames?: readonly string[];
  /** Rows and columns whose names stand out. */
  strongRows?: ReadonlySet<number>;
  strongColumns?: ReadonlySet<number>;
  /** Cells that say little, drawn half as strong: 1 for each of them. */
  faint?: ArrayLike<number>;
}

/** Cells up to this many are exported as shapes; more as a picture inside the drawing. */
const SHAPES_MAX = 20_000;
/** A cell that is at least so large, in pixels, has its number written in. */
const NUMBER_PX = 30;
const [CELL_MIN, CELL_MAX] = [1, 34];
const LETTER = 12;

export class Heatmap extends GlitchscopeElement {
  static override styles = [sheet, css`
    figure { max-width: 100%; }
    .scroll { overflow: auto; max-height: min(82vh, 900px); }
    .plane { position: relative; width: fit-content; }
    canvas { display: block; touch-action: pan-x pan-y; }
    canvas.pickable { cursor: pointer; }
    .tip { position: absolute; top: 0; left: 0; padding: 3px 8px; border: 1px solid var(--rule); border-radius: 4px; background: var(--surface); font-size: 12px; line-height: 1.4; pointer-events: none; white-space: nowrap; z-index: 1; }
    .foot { display: flex; flex-wrap: wrap; align-items: center; gap: 4px 16px; margin-top: 6px; font-size: 12px; color: var(--ink-2); min-height: 20px; }
    .legend { display: flex; align-items: center; gap: 6px; font-family: var(--mono); }
    .legend canvas { width: 96px; height: 10px; border: 1px solid var(--rule); }
    .read { font-family: var(--mono); min-height: 18px; }
    figcaption { font-size: 13px; margin-top: 4px; max-width: 76ch; }
    .row { display: flex; flex-wrap: wrap; gap: 4px; margin-top: 8px; }
    .row button { min-height: 28px; padding: 2px 10px; font-size: 13px; }
    details { margin-top: 8px; font-size: 13px; }
    .table { overflow: auto; max-height: 320px; margin-top: 4px; }
    .table table { width: auto; font-size: 12px; }
    .table th, .table td { padding: 2px 8px 2px 0; text-align: end; font-family: var(--mono); font-size: 12px; white-space: nowrap; }
  `];
  static override properties = {
    data: { attribute: false }, kind: { type: String }, limit: { type: Number }, picked: { attribute: false }, pickable: { type: Boolean },
    label: { type: String }, caption: { type: String }, stem: { type: String }, format: { attribute: false }, readout: { attribute: false },
    width: { type: Number }, tabled: { state: true },
  };
  declare data: HeatmapData | null;
  declare kind: ScaleKind;
  /** Upper end of the colours. */
  declare limit: number;
  declare picked: readonly [row: number, column: number] | null;
  /** Whether a click picks a cell. */
  declare pickable: boolean;
  declare label: string;
  declare caption: string;
  /** First part of the names of downloaded files. */
  declare stem: string;
  declare format: (value: number) => string;
  /** What is said of a cell under the pointer or the keyboard. */
  declare readout: ((row: number, column: number) => string) | null;
  /** Pixels that the drawing may take; its cells are as large as that allows. */
  declare width: number;
  declare tabled: boolean;

  private cell = 0;
  private margin = { left: 0, top: 0 };
  private cursor: readonly [number, number] = [0, 0];
  private cells: HTMLCanvasElement | null = null;
  private readonly theme = new ThemeWatch(() => this.requestUpdate());
  private readonly resized = new ResizeObserver(([entry]) => {
    const width = Math.floor(entry!.contentRect.width);
    if (width > 0 && width !== this.width) this.width = width;
  });

  constructor() {
    super();
    this.data = null;
    this.kind = "sequential";
    this.limit = 1;
    this.picked = null;
    this.pickable = false;
    this.label = "";
    this.caption = "";
    this.stem = "heatmap";
    this.format = (value) => value.toFixed(4);
    this.readout = null;
    this.width = 0;
    this.tabled = false;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.theme.connect();
    this.resized.observe(this);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.theme.disconnect();
    this.resized.disconnect();
  }

  override render() {
    const { data } = this;
    if (!data) return nothing;
    const beyond = this.beyond();
    return html`<figure>
      <div class="scroll"><div class="plane">
        <canvas class=${`cells ${this.pickable ? "pickable" : ""}`} tabindex="0" role="application" aria-roledescription=${t("heatmap.role")} aria-label=${this.label}
          @pointermove=${this.hover} @pointerleave=${this.unhover} @click=${this.clicked} @keydown=${this.key} @focus=${() => this.tell(...this.cursor)} @blur=${this.unhover}></canvas>
        <div class="tip" hidden></div>
      </div></div>
      <div class="foot">
        <span class="legend"><span>${this.shown(this.scale().low)}</span><canvas class="ramp" width="96" height="1" aria-hidden="true"></canvas><span>${this.shown(this.limit)}</span></span>
        ${beyond > 0 ? html`<span>${t("heatmap.clipped", { n: beyond })}</span>` : nothing}
        <span class="read" aria-live="polite"></span>
      </div>
      ${this.caption ? html`<figcaption>${this.caption}</figcaption>` : nothing}
      <details @toggle=${(event: Event) => { this.tabled = (event.target as HTMLDetailsElement).open; }}><summary>${t("chart.table")}</summary>
        ${this.tabled ? this.table(data) : nothing}</details>
      <div class="row"><button @click=${this.csv}>CSV</button><button @click=${this.svg}>SVG</button><button @click=${this.png}>PNG</button></div>
    </figure>`;
  }

  override updated(): void {
    if (!this.data) return;
    // Measured before anything is painted, so that what follows does not move.
    if (this.width === 0) this.width = Math.floor(this.getBoundingClientRect().width);
    if (this.width === 0) return;
    this.measure(this.data);
    this.draw(this.data);
  }

  /** As files, for whoever collects the pictures of a page. */
  drawing(): { svg: string; width: number; height: number } | null {
    if (!this.data || this.cell === 0) return null;
    const holder = document.createElement("div");
    holder.hidden = true;
    this.renderRoot.append(holder);
    try {
      const { element, width, height } = this.asShapes(this.data);
      holder.append(element);
      return { svg: drawing(element, width, height), width, height };
    } finally {
      holder.remove();
    }
  }

  private scale(): ColourScale {
    return colourScale(this.kind, this.limit, this.theme.dark);
  }

  private shown(value: number): string {
    return this.kind === "diverging" && value > 0 ? `+${this.format(value)}` : this.format(value);
  }

  private value(row: number, column: number): number | null {
    const value = this.data!.values[row * this.data!.columns + column];
    return value === null || value === undefined || !Number.isFinite(value) ? null : value;
  }

  private beyond(): number {
    const { values } = this.data!;
    let n = 0;
    let i = values.length;
    while (i-- > 0) if (Math.abs(values[i] ?? 0) > this.limit * (1 + 1e-9)) n++;
    return n;
  }

  /** How large cells can be, and whether there is room for the names of rows and columns. */
  private measure({ rows, columns, rowNames, columnNames }: HeatmapData): void {
    const named = rowNames !== undefined && rows <= 64 && columns <= 64;
    const longest = (names: readonly string[] | undefined) => Math.min(14, Math.max(2, ...(names ?? []).map((name) => [...name].length)));
    const left = 20 + (named ? 7.4 * longest(rowNames) : 26);
    const top = 20 + (named ? 7.4 * longest(columnNames) : 14);
    const fit = Math.floor((this.width - left - 2) / columns);
    this.cell = Math.min(CELL_MAX, Math.max(named ? 14 : columns > 64 ? CELL_MIN : 9, fit));
    // Of many tokens a pixel each may be too wide for the page: then cells are parts of a pixel.
    if (columns > 64 && fit < 1) this.cell = (this.width - left - 2) / columns;
    this.margin = { left, top };
  }

  private get named(): boolean {
    const { rows, columns, rowNames } = this.data!;
    return rowNames !== undefined && rows <= 64 && columns <= 64;
  }

  private draw(data: HeatmapData): void {
    const { rows, columns } = data;
    const { cell, margin: { left, top } } = this;
    const scale = this.scale();
    const style = getComputedStyle(this);
    const [ink, quiet] = [style.getPropertyValue("--ink"), style.getPropertyValue("--ink-2")];
    const canvas = this.renderRoot.querySelector<HTMLCanvasElement>("canvas.cells")!;
    const [width, height] = [Math.ceil(left + columns * cell + 1), Math.ceil(top + rows * cell + 1)];
    const ratio = Math.min(2, devicePixelRatio);
    canvas.width = width * ratio;
    canvas.height = height * ratio;
    canvas.style.width = `${width}px`;
    canvas.style.height = `${height}px`;
    const context = canvas.getContext("2d")!;
    context.scale(ratio, ratio);
    this.cells = this.paint(data, scale);
    context.imageSmoothingEnabled = cell < 1;
    context.imageSmoothingQuality = "high";
    context.drawImage(this.cells, left, top, columns * cell, rows * cell);
    context.textBaseline = "middle";
    if (cell >= NUMBER_PX && rows * columns <= 4_096) {
      context.font = `10px ${style.getPropertyValue("--mono")}`;
      context.textAlign = "center";
      for (let row = 0; row < rows; row++) {
        for (let column = 0; column < columns; column++) {
          const value = this.value(row, column);
          // As in the paper's figures: what is less than a tenth is told by its colour.
          if (value === null || Math.abs(value) <= 0.0999) continue;
          context.fillStyle = isLight(scale.colour(value)) ? "#1c1e21" : "#ffffff";
          context.fillText(this.kind === "diverging" && value > 0 ? `+${value.toFixed(2)}` : value.toFixed(2), left + (column + 0.5) * cell, top + (row + 0.5) * cell);
        }
      }
    }
    for (const { x, y, text, strong, turned } of this.names(data)) {
      context.save();
      context.font = `${strong ? "bold " : ""}${LETTER}px ${style.getPropertyValue(this.named ? "--mono" : "--sans")}`;
      context.fillStyle = strong ? ink : quiet;
      context.translate(x, y);
      if (turned) context.rotate(-Math.PI / 2);
      context.textAlign = turned ? "start" : "end";
      context.fillText(text, 0, 0);
      context.restore();
    }
    context.font = `${LETTER}px ${style.getPropertyValue("--sans")}`;
    context.fillStyle = quiet;
    context.textAlign = "start";
    context.fillText(`${data.columnAxis} →`, left, 8);
    context.save();
    context.translate(8, top);
    context.rotate(-Math.PI / 2);
    context.textAlign = "end";
    context.fillText(`← ${data.rowAxis}`, 0, 0);
    context.restore();
    if (this.picked) {
      const [row, column] = this.picked;
      context.strokeStyle = ink;
      context.lineWidth = 2;
      context.strokeRect(left + column * cell, top + row * cell, Math.max(4, cell), Math.max(4, cell));
    }
    const ramp = this.renderRoot.querySelector<HTMLCanvasElement>("canvas.ramp")!.getContext("2d")!;
    for (let x = 0; x < 96; x++) {
      ramp.fillStyle = hex(scale.colour(scale.low + ((scale.high - scale.low) * x) / 95));
      ramp.fillRect(x, 0, 1, 1);
    }
  }

  /** One pixel a cell. */
  private paint({ rows, columns, values, faint }: HeatmapData, scale: ColourScale): HTMLCanvasElement {
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [columns, rows];
    const context = canvas.getContext("2d")!;
    const image = context.createImageData(columns, rows);
    for (let i = 0; i < rows * columns; i++) {
      const [r, g, b] = scale.colour(values[i]);
      image.data.set([r, g, b, faint?.[i] ? 90 : 255], 4 * i);
    }
    context.putImageData(image, 0, 0);
    return canvas;
  }

  /** Names or numbers along both axes, as many as there is room for. */
  private names({ rows, columns, rowNames, columnNames, strongRows, strongColumns }: HeatmapData) {
    const { cell, margin: { left, top }, named } = this;
    const every = (n: number) => (named ? 1 : [1, 2, 4, 5, 8, 10, 16, 20, 32, 50, 64, 100, 128, 200, 256, 512].find((step) => step * cell >= (n > 99 ? 34 : 20)) ?? 1024);
    const cut = (name: string) => ([...name].length > 14 ? `${[...name].slice(0, 13).join("")}…` : name);
    const out: { x: number; y: number; text: string; strong: boolean; turned: boolean }[] = [];
    for (let row = 0; row < rows; row += every(rows)) {
      out.push({ x: left - 4, y: top + (row + 0.5) * cell, text: named ? cut(rowNames![row] ?? "") : (rowNames?.length === rows && rows <= 64 ? rowNames[row]! : String(row)), strong: strongRows?.has(row) ?? false, turned: false });
    }
    for (let column = 0; column < columns; column += every(columns)) {
      const text = named ? cut((columnNames ?? rowNames)?.[column] ?? "") : String(column);
      out.push(named ? { x: left + (column + 0.5) * cell, y: top - 4, text, strong: strongColumns?.has(column) ?? false, turned: true }
        : { x: left + (column + 0.5) * cell + 3.5 * text.length, y: top - 8, text, strong: strongColumns?.has(column) ?? false, turned: false });
    }
    return out;
  }

  private asShapes(data: HeatmapData): { element: SVGSVGElement; width: number; height: number } {
    const { rows, columns, values, faint } = data;
    const { cell, margin: { left, top } } = this;
    const scale = this.scale();
    const legend = 34;
    const [width, height] = [Math.ceil(Math.max(left + columns * cell + 2, 260)), Math.ceil(top + rows * cell + legend)];
    const style = getComputedStyle(this);
    const make = (name: string, attributes: Record<string, string | number>, text?: string) => {
      const element = document.createElementNS("http://www.w3.org/2000/svg", name);
      for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value));
      if (text !== undefined) element.textContent = text;
      return element;
    };
    const svg = make("svg", { viewBox: `0 0 ${width} ${height}` }) as SVGSVGElement;
    svg.append(make("title", {}, this.label));
    if (rows * columns <= SHAPES_MAX) {
      for (let i = 0; i < rows * columns; i++) {
        svg.append(make("rect", {
          x: (left + (i % columns) * cell).toFixed(2), y: (top + Math.floor(i / columns) * cell).toFixed(2), width: cell.toFixed(2), height: cell.toFixed(2),
          fill: hex(scale.colour(values[i])), "fill-opacity": faint?.[i] ? 0.35 : 1,
        }));
      }
    } else {
      svg.append(make("image", { x: left, y: top, width: columns * cell, height: rows * cell, href: this.cells!.toDataURL("image/png"), preserveAspectRatio: "none" }));
    }
    const family = style.getPropertyValue("--mono");
    const write = (x: number, y: number, text: string, anchor: string, fill: string, turned = false, bold = false) => svg.append(make("text", {
      x: 0, y: 0, "text-anchor": anchor, fill, "font-family": family, "font-size": LETTER - 1, "font-weight": bold ? 700 : 400,
      transform: `translate(${x.toFixed(1)} ${(y + (turned ? 0 : 4)).toFixed(1)})${turned ? " rotate(-90)" : ""}`,
    }, text));
    const [ink, quiet] = [style.getPropertyValue("--ink"), style.getPropertyValue("--ink-2")];
    for (const { x, y, text, strong, turned } of this.names(data)) write(x, y, text, turned ? "start" : "end", strong ? ink : quiet, turned, strong);
    write(left, 8, `${data.columnAxis} →`, "start", quiet);
    write(10, top, `← ${data.rowAxis}`, "end", quiet, true);
    const y = top + rows * cell + 14;
    for (let step = 0; step < 24; step++) {
      svg.append(make("rect", { x: left + 4 * step, y, width: 4, height: 10, fill: hex(scale.colour(scale.low + ((scale.high - scale.low) * (step + 0.5)) / 24)) }));
    }
    write(left - 4, y + 5, this.shown(scale.low), "end", quiet);
    write(left + 100, y + 5, this.shown(scale.high), "start", quiet);
    return { element: svg, width, height };
  }

  private at(event: PointerEvent | MouseEvent): readonly [number, number] | null {
    const box = this.renderRoot.querySelector("canvas.cells")!.getBoundingClientRect();
    const row = Math.floor((event.clientY - box.top - this.margin.top) / this.cell);
    const column = Math.floor((event.clientX - box.left - this.margin.left) / this.cell);
    return this.data && row >= 0 && row < this.data.rows && column >= 0 && column < this.data.columns ? [row, column] : null;
  }

  private readonly hover = (event: PointerEvent): void => {
    const at = this.at(event);
    if (at) this.tip(at[0], at[1]);
    else this.unhover();
  };

  private readonly unhover = (): void => {
    this.renderRoot.querySelector<HTMLElement>(".tip")!.hidden = true;
  };

  private words(row: number, column: number): string {
    const value = this.value(row, column);
    const amount = value === null ? t("heatmap.nothing") : this.kind === "diverging" && value > 0 ? `+${this.format(value)}` : this.format(value);
    return `${this.readout?.(row, column) ?? `${this.data!.rowAxis} ${row}, ${this.data!.columnAxis} ${column}`}: ${amount}`;
  }

  private tip(row: number, column: number): void {
    const tip = this.renderRoot.querySelector<HTMLElement>(".tip")!;
    tip.textContent = this.words(row, column);
    tip.hidden = false;
    const plane = this.renderRoot.querySelector(".plane")!.getBoundingClientRect();
    const [x, y] = [this.margin.left + (column + 1) * this.cell + 6, this.margin.top + (row + 1) * this.cell + 6];
    const room = Math.max(plane.width, this.width);
    tip.style.transform = `translate(${Math.max(0, Math.min(x, room - tip.offsetWidth - 2))}px, ${y + tip.offsetHeight > plane.height ? Math.max(0, y - tip.offsetHeight - 2 * this.cell - 12) : y}px)`;
  }

  private tell(row: number, column: number): void {
    this.cursor = [row, column];
    this.tip(row, column);
    this.renderRoot.querySelector(".read")!.textContent = this.words(row, column);
  }

  private readonly clicked = (event: MouseEvent): void => {
    const at = this.at(event);
    if (at) this.pick(at);
  };

  private pick(at: readonly [number, number]): void {
    if (!this.pickable) return;
    this.cursor = at;
    this.dispatchEvent(new CustomEvent("pick", { detail: at }));
  }

  private readonly key = (event: KeyboardEvent): void => {
    const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
    const { data } = this;
    if (!data) return;
    if (step) {
      event.preventDefault();
      this.tell(Math.min(data.rows - 1, Math.max(0, this.cursor[0] + step[0]!)), Math.min(data.columns - 1, Math.max(0, this.cursor[1] + step[1]!)));
    } else if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      this.pick(this.cursor);
    } else if (event.key === "Escape") {
      this.unhover();
    }
  };

  /** Small matrices whole, of large ones the cells with the largest values. */
  private table(data: HeatmapData) {
    const { rows, columns } = data;
    if (rows * columns <= 2_048) {
      return html`<div class="table" tabindex="0" role="region" aria-label=${this.label}><table>
        <thead><tr><th scope="col">${data.rowAxis} \\ ${data.columnAxis}</th>${Array.from({ length: columns }, (_, column) => html`<th scope="col">${data.columnNames?.[column] ?? column}</th>`)}</tr></thead>
        <tbody>${Array.from({ length: rows }, (_, row) => html`<tr><th scope="row">${data.rowNames?.[row] ?? row}</th>${Array.from({ length: columns }, (_, column) => {
          const value = this.value(row, column);
          return html`<td>${value === null ? "–" : this.format(value)}</td>`;
        })}</tr>`)}</tbody></table></div>`;
    }
    const order = largest(data.values, 40);
    return html`<div class="table" tabindex="0" role="region" aria-label=${this.label}><table>
      <thead><tr><th scope="col">${data.rowAxis}</th><th scope="col">${data.columnAxis}</th><th scope="col">${t("heatmap.value")}</th></tr></thead>
      <tbody>${order.map((i) => html`<tr><td>${data.rowNames?.[Math.floor(i / columns)] ?? Math.floor(i / columns)}</td><td>${data.columnNames?.[i % columns] ?? i % columns}</td><td>${this.format(data.values[i]!)}</td></tr>`)}</tbody></table></div>`;
  }

  private readonly csv = (): void => {
    const { rows, columns, values, rowAxis, columnAxis } = this.data!;
    const lines = [`${rowAxis},${columnAxis},value`];
    for (let i = 0; i < rows * columns; i++) {
      const value = values[i];
      if (value !== null && value !== undefined && Number.isFinite(value)) lines.push(`${Math.floor(i / columns)},${i % columns},${value}`);
    }
    download(`${lines.join("\r\n")}\r\n`, `${this.stem}.csv`, "text/csv");
  };

  private readonly svg = (): void => {
    const file = this.drawing();
    if (file) download(file.svg, `${this.stem}.svg`, "image/svg+xml");
  };

  private readonly png = async (): Promise<void> => {
    const file = this.drawing();
    const blob = file && await picture(file.svg, file.width, file.height, getComputedStyle(this).getPropertyValue("--surface"));
    if (blob) download(blob, `${this.stem}.png`, "image/png");
  };
}
customElements.define("gs-heatmap", Heatmap);

/** Places of the `n` values of the largest size, largest first. */
export function largest(values: ArrayLike<number | null>, n: number): number[] {
  const top: number[] = [];
  const size = (i: number) => Math.abs(values[i]!);
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (value === null || value === undefined || !Number.isFinite(value)) continue;
    if (top.length === n && size(top[n - 1]!) >= Math.abs(value)) continue;
    let place = top.length;
    while (place > 0 && size(top[place - 1]!) < Math.abs(value)) place--;
    top.splice(place, 0, i);
    if (top.length > n) top.pop();
  }
  return top;
}
