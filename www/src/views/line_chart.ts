/** Curves over layers: solid lines for means, thin ones for medians, each with its name at its end. */
import { svg } from "lit";
import { SvgChart, ticks, yAxis } from "./svg_chart";

export interface Curve {
  name: string;
  /** Colour, kept across charts: 0 for the first model, 1 and 2 for those it is compared with. */
  tone: 0 | 1 | 2;
  /** Where the points stand: layers, or their depth from 0 to 1. */
  x: readonly number[];
  y: readonly (number | null)[];
  /** A companion of another curve, drawn thin and without a name. */
  thin?: boolean;
}

const [LEFT, TOP, BOTTOM] = [64, 30, 42];

export class LineChart extends SvgChart {
  static override properties = {
    curves: { attribute: false }, title: { type: String }, axis: { type: String }, caption: { type: String }, stem: { type: String }, format: { attribute: false },
  };
  declare curves: readonly Curve[];
  declare title: string;
  /** What stands along the curves. */
  declare axis: string;
  declare format: (value: number) => string;

  constructor() {
    super();
    this.curves = [];
    this.title = "";
    this.axis = "";
    this.caption = "";
    this.stem = "curves";
    this.format = (value) => String(value);
  }

  override render() {
    const [width, height] = this.size;
    const named = this.curves.filter(({ thin }) => !thin);
    const right = width - Math.min(150, 10 + 7.7 * Math.max(4, ...named.map(({ name }) => Math.min(18, [...name].length))));
    const values = this.curves.flatMap(({ y }) => y.filter((value): value is number => value !== null));
    const places = this.curves.flatMap(({ x }) => x);
    const [low, high] = [Math.min(0, ...values), Math.max(0, ...values)];
    const [first, last] = [Math.min(...places), Math.max(...places)];
    const spread = high - low || 1;
    const y = (value: number) => height - BOTTOM - ((value - low) / spread) * (height - TOP - BOTTOM);
    const x = (place: number) => LEFT + (last > first ? (place - first) / (last - first) : 0.5) * (right - LEFT - 8);
    const path = ({ x: at, y: of }: Curve) => of.map((value, i) => (value === null ? "" : `${i === 0 || of[i - 1] === null ? "M" : "L"}${x(at[i]!).toFixed(1)} ${y(value).toFixed(1)}`)).join("");
    // Names keep clear of each other.
    const ends = named.map((curve) => ({ curve, at: y(curve.y.findLast((value) => value !== null) ?? 0) })).sort((a, b) => a.at - b.at);
    for (let i = 1; i < ends.length; i++) ends[i]!.at = Math.max(ends[i]!.at, ends[i - 1]!.at + 15);
    const cut = (name: string) => ([...name].length > 18 ? `${[...name].slice(0, 17).join("")}…` : name);
    return this.figure(svg`
      <text class="title" x="0" y="12">${this.title}</text>
      ${yAxis(ticks(low, high || 1), LEFT, right, y, this.format)}
      ${ticks(first, last, 8).filter((place) => last <= 1 || Number.isInteger(place)).map((place) => svg`<text class="tick" x=${x(place)} y=${height - BOTTOM + 18} text-anchor="middle">${place}</text>`)}
      <text class="tick" x=${(LEFT + right) / 2} y=${height - 6} text-anchor="middle">${this.axis}</text>
      ${this.curves.map((curve) => svg`<path class="line s${curve.tone} ${curve.thin ? "thin" : ""}" d=${path(curve)}></path>`)}
      ${named.map((curve) => curve.y.map((value, i) => (value === null ? "" : svg`<circle class="mark s${curve.tone}" cx=${x(curve.x[i]!)} cy=${y(value)} r="2.5"></circle>`)))}
      ${ends.map(({ curve, at }) => svg`<text class="name s${curve.tone}" x=${right + 2} y=${at + 4}>${cut(curve.name)}</text>`)}`);
  }

  protected override cells() {
    const places = [...new Set(this.curves.flatMap(({ x }) => x))].sort((a, b) => a - b);
    return {
      head: [this.axis, ...this.curves.map(({ name }) => name)],
      rows: places.map((place) => [place, ...this.curves.map(({ x, y }) => y[x.indexOf(place)] ?? null)]),
    };
  }
}
customElements.define("gs-lines", LineChart);
