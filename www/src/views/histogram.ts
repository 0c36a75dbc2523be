/** Counts in bins, with zero, the mean and the median marked. */
import { svg } from "lit";
import { count } from "../report/format";
import { t } from "../strings";
import { SvgChart, ticks, yAxis } from "./svg_chart";

const [LEFT, TOP, BOTTOM] = [48, 44, 42];

export class HistogramChart extends SvgChart {
  static override properties = {
    edges: { attribute: false }, counts: { attribute: false }, marks: { attribute: false }, title: { type: String }, axis: { type: String }, caption: { type: String }, stem: { type: String },
    format: { attribute: false },
  };
  /** One more than `counts`. */
  declare edges: readonly number[];
  declare counts: readonly number[];
  /** Places along the axis with a name each. */
  declare marks: readonly { at: number; name: string }[];
  declare title: string;
  declare axis: string;
  declare format: (value: number) => string;

  constructor() {
    super();
    this.edges = [];
    this.counts = [];
    this.marks = [];
    this.title = "";
    this.axis = "";
    this.caption = "";
    this.stem = "histogram";
    this.format = (value) => String(value);
  }

  override render() {
    const [width, height] = this.size;
    const { edges, counts } = this;
    const [low, high] = [edges[0] ?? 0, edges.at(-1) ?? 1];
    // Zero is in view, because the sides of it are what a reader looks for.
    const [from, to] = [Math.min(0, low), Math.max(0, high)];
    const most = Math.max(1, ...counts);
    const x = (value: number) => LEFT + ((value - from) / (to - from || 1)) * (width - LEFT - 12);
    const y = (n: number) => height - BOTTOM - (n / most) * (height - TOP - BOTTOM);
    let level = 0;
    let reach = -Infinity;
    const marks = [...this.marks].sort((a, b) => a.at - b.at).map((mark) => {
      const at = x(mark.at);
      level = at - reach < 92 ? (level + 1) % 2 : 0;
      reach = at;
      return { ...mark, x: at, y: TOP - 8 - 13 * level };
    });
    return this.figure(svg`
      <text class="title" x="0" y="12">${this.title}</text>
      ${yAxis(ticks(0, most, 4).filter(Number.isInteger), LEFT, width - 12, y, count)}
      ${counts.map((n, i) => svg`<rect class="bar ${(edges[i]! + edges[i + 1]!) / 2 < 0 ? "below" : ""}" x=${x(edges[i]!) + 0.5} width=${Math.max(0.5, x(edges[i + 1]!) - x(edges[i]!) - 1)}
        y=${y(n)} height=${Math.max(0, height - BOTTOM - y(n))}></rect>`)}
      <line class="zero" x1=${x(0)} x2=${x(0)} y1=${TOP} y2=${height - BOTTOM + 5}></line>
      ${marks.map(({ name, x: at, y: top }) => svg`<line class="at" x1=${at} x2=${at} y1=${top + 3} y2=${height - BOTTOM}></line>
        <text class="tick" x=${Math.min(Math.max(at, LEFT + 30), width - 40)} y=${top} text-anchor="middle">${name}</text>`)}
      ${ticks(from, to, width < 500 ? 4 : 7).map((value) => svg`<text class="tick" x=${x(value)} y=${height - BOTTOM + 18} text-anchor="middle">${this.format(value)}</text>`)}
      <text class="tick" x=${(LEFT + width) / 2} y=${height - 6} text-anchor="middle">${this.axis}</text>`);
  }

  protected override cells() {
    return {
      head: [t("histogram.above"), t("histogram.to"), t("histogram.heads")],
      rows: this.counts.map((n, i) => [this.edges[i]!, this.edges[i + 1]!, n]),
    };
  }
}
customElements.define("gs-histogram", HistogramChart);
