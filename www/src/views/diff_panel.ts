/** Two reports side by side: what flipped, how the scores moved, and what could not be compared. */
import { css, html, nothing, svg } from "lit";
import { count, decimal, parameters, percent, probability } from "../report/format";
import type { Provenance, ReportDiff } from "../report/types";
import { t, type Key } from "../strings";
import { drawing, picture } from "./chart_file";
import { download } from "./download";
import { GlitchscopeElement, sheet } from "./element";
import "./token_chip";

/** Flips that the table lists; the CSV has all. */
const LISTED = 200;
const SIDE = 360;
const [LEFT, RIGHT, TOP, BOTTOM] = [62, 20, 12, 44];
/** Smaller probabilities are drawn at this one: a log axis has no zero. */
const P_MIN = 1e-6;

const SCORES = ["p_target", "entropy", "value"] as const;
/** One of these, or the name of an indicator. */
type Score = (typeof SCORES)[number] | `indicator:${string}`;
/** How a pair of verdicts is drawn, in the order of drawing. */
const KINDS = ["both_pass", "both_fail", "fixed", "broken"] as const;

export class DiffPanel extends GlitchscopeElement {
  static override styles = [sheet, css`
    .sentence { font-size: 18px; line-height: 1.5; max-width: 64ch; margin: 8px 0 4px; }
    .about { max-width: 70ch; }
    .caution { color: var(--warn); margin-top: 8px; max-width: 76ch; overflow-wrap: anywhere; }
    .facts td { overflow-wrap: anywhere; min-width: 120px; }
    .answer { max-width: 24ch; overflow-wrap: anywhere; }
    .flips table { min-width: 640px; }
    .parts { display: grid; gap: 16px 32px; grid-template-columns: minmax(0, 1fr); margin-top: 16px; align-items: start; }
    @media (min-width: 1000px) { .parts { grid-template-columns: minmax(0, 420px) minmax(0, 1fr); } }
    .scroll { overflow-x: auto; margin-top: 8px; }
    .flips { max-height: 420px; overflow: auto; }
    table { font-size: 13px; min-width: 420px; }
    .flips thead th { position: sticky; top: 0; background: var(--paper); }
    td.change { white-space: nowrap; }
    td.broken { color: var(--glitch); }
    svg { display: block; width: 100%; max-width: 420px; height: auto; font: 12px var(--sans); }
    .grid { stroke: var(--rule); }
    .same { stroke: var(--ink-2); stroke-dasharray: 4 3; }
    .tick { fill: var(--ink-2); }
    .both_pass, .both_fail { fill: none; stroke-width: 3.5; }
    .both_pass { stroke: var(--ink); stroke-opacity: 0.25; }
    .both_fail { stroke: var(--glitch); stroke-opacity: 0.45; }
    .fixed { fill: var(--surface); stroke: var(--ok); stroke-width: 1.5; }
    .broken { fill: var(--glitch); }
    .legend { display: flex; flex-wrap: wrap; gap: 4px 16px; margin: 4px 0 0; padding: 0; list-style: none; font-size: 13px; }
    .legend svg { display: inline-block; width: 12px; height: 12px; vertical-align: -1px; margin-inline-end: 4px; }
    .notes { margin: 8px 0 0 18px; font-size: 13px; max-width: 80ch; overflow-wrap: anywhere; }
    .row { display: flex; flex-wrap: wrap; gap: 8px; margin-top: 12px; }
    details { margin-top: 8px; }
  `];
  static override properties = { diff: { attribute: false }, nameA: { type: String }, nameB: { type: String }, stem: { type: String }, score: { state: true } };
  /** Dispatches `save` with `json` or `csv`, and `pick` with an id of the first report. */
  declare diff: ReportDiff | null;
  declare nameA: string;
  declare nameB: string;
  /** First part of the names of downloaded files. */
  declare stem: string;
  declare score: Score;

  constructor() {
    super();
    this.diff = null;
    this.nameA = "";
    this.nameB = "";
    this.stem = "comparison";
    this.score = "p_target";
  }

  override render() {
    const { diff } = this;
    if (!diff) return nothing;
    const own = diff.oracles[0]!;
    return html`
      ${diff.cautions.map((caution) => html`<p class="caution" lang="en" dir="auto">${caution}</p>`)}
      <p class="sentence">${t("diff.sentence", {
        n: count(diff.tokens.id_a.length), both: count(own.both_fail), a: count(own.only_a_fails), b: count(own.only_b_fails),
      })}</p>
      <p class="small quiet about">${t("diff.names", { a: this.nameA, b: this.nameB })}
        ${diff.matching.by === "bytes" ? t("diff.by_bytes", {
          n: count(diff.matching.matched), a: count(diff.matching.only_a), b: count(diff.matching.only_b),
          ambiguous: count(diff.matching.ambiguous_a + diff.matching.ambiguous_b),
        }) : t("diff.by_id")}</p>
      ${diff.differences.length === 0 ? html`<p class="small quiet about">${t("diff.same")}</p>` : html`<details open><summary>${t("diff.differences", { n: diff.differences.length })}</summary>
        <ul class="notes" lang="en">${diff.differences.map((text) => html`<li dir="auto">${text}</li>`)}</ul></details>`}
      <div class="scroll facts" tabindex="0" role="region" aria-label=${t("diff.facts")}>${this.facts(diff)}</div>
      <div class="scroll" tabindex="0" role="region" aria-label=${t("diff.oracles")}><table>
        <thead><tr><th scope="col">${t("diff.oracle")}</th>${(["both_fail", "fixed", "broken", "both_pass"] as const).map((kind) => html`<th scope="col" class="number">${t(`diff.${kind}`)}</th>`)}
          <th scope="col" class="number">Jaccard</th></tr></thead>
        <tbody>${diff.oracles.map((oracle) => html`<tr><td class="mono">${oracle.oracle}</td>
          <td class="number">${count(oracle.both_fail)}</td><td class="number">${count(oracle.only_a_fails)}</td>
          <td class="number">${count(oracle.only_b_fails)}</td><td class="number">${count(oracle.both_pass)}</td>
          <td class="number">${oracle.jaccard === null ? "–" : decimal(oracle.jaccard, 3)}</td></tr>`)}</tbody>
      </table></div>
      <div class="parts">
        ${this.scatter(diff)}
        ${this.flips(diff)}
      </div>
      ${this.unmatched("only_a", diff)}${this.unmatched("only_b", diff)}
      <div class="row">
        <button @click=${() => this.save("json")}>${t("diff.json")}</button>
        <button @click=${() => this.save("csv")}>${t("diff.csv")}</button>
        <button @click=${() => void this.saveChart("svg")}>${t("diff.chart", { format: "SVG" })}</button>
        <button @click=${() => void this.saveChart("png")}>${t("diff.chart", { format: "PNG" })}</button>
      </div>`;
  }

  /** What the scans were of. */
  private facts(diff: ReportDiff) {
    const [own] = diff.oracles;
    const n = count(diff.tokens.id_a.length);
    const line = (name: Key, of: (provenance: Provenance) => string) => html`<tr><th scope="row">${t(name)}</th><td dir="auto">${of(diff.a)}</td><td dir="auto">${of(diff.b)}</td></tr>`;
    return html`<table>
      <thead><tr><td></td><th scope="col">${t("diff.first")}</th><th scope="col">${t("diff.second")}</th></tr></thead>
      <tbody>
        ${line("diff.fact.model", ({ model }) => `${model.name} (${model.family})`)}
        ${line("diff.fact.parameters", ({ model }) => parameters(model.parameters))}
        ${line("diff.fact.weights", ({ model }) => model.stored_types.map(([type]) => type).join(" + "))}
        ${line("diff.fact.device", ({ device }) => [device.name, device.precision].filter(Boolean).join(", "))}
        ${line("diff.fact.vocabulary", ({ model }) => count(model.vocabulary))}
        ${line("diff.oracle", ({ oracle }) => oracle.id)}
        <tr><th scope="row">${t("diff.fact.fails")}</th><td>${count(own!.both_fail + own!.only_a_fails)} / ${n}</td><td>${count(own!.both_fail + own!.only_b_fails)} / ${n}</td></tr>
      </tbody></table>`;
  }

  private scatter(diff: ReportDiff) {
    const { indicators, tokens } = diff;
    const indicator = indicators.find(({ name }) => this.score === `indicator:${name}`);
    const score = this.score.startsWith("indicator:") && !indicator ? "p_target" : this.score;
    const named = (name: Score) => (name.startsWith("indicator:") ? name.slice("indicator:".length) : t(`diff.score.${name}` as Key));
    const [a, b]: [readonly (number | null)[], readonly (number | null)[]] = indicator ? [indicator.a, indicator.b]
      : score === "entropy" ? [tokens.entropy_a, tokens.entropy_b] : score === "value" ? [tokens.value_a, tokens.value_b] : [tokens.p_target_a, tokens.p_target_b];
    // A loop: a vocabulary is longer than a call may have arguments. Scores begin at zero, indicators where they do.
    let [least, high] = indicator ? [Infinity, -Infinity] : [0, 1e-9];
    for (const column of [a, b]) {
      for (const value of column) {
        if (value !== null && value > high) high = value;
        if (value !== null && value < least) least = value;
      }
    }
    if (!(high > least)) [least, high] = [Number.isFinite(least) ? least - 0.5 : 0, Number.isFinite(high) ? high + 0.5 : 1];
    const unit = (value: number) => score === "p_target"
      ? 1 - Math.log10(Math.max(P_MIN, Math.min(1, value))) / Math.log10(P_MIN)
      : Math.max(0, Math.min(1, (value - least) / (high - least)));
    const x = (value: number) => LEFT + unit(value) * (SIDE - LEFT - RIGHT);
    const y = (value: number) => SIDE - BOTTOM - unit(value) * (SIDE - TOP - BOTTOM);
    const paths: Record<(typeof KINDS)[number], string[]> = { both_pass: [], both_fail: [], fixed: [], broken: [] };
    for (const [at, first] of a.entries()) {
      const second = b[at];
      if (first === null || second === null || second === undefined) continue;
      const [px, py] = [x(first).toFixed(1), y(second).toFixed(1)];
      const [passedA, passedB] = [diff.tokens.passed_a[at], diff.tokens.passed_b[at]];
      if (passedA === passedB) paths[passedA ? "both_pass" : "both_fail"].push(`M${px} ${py}h0`);
      else paths[passedA ? "broken" : "fixed"].push(`M${px} ${(y(second) - 4).toFixed(1)}l4 4l-4 4l-4 -4z`);
    }
    const ticks = score === "p_target" ? [1e-6, 1e-4, 1e-2, 1] : [least, (least + high) / 2, high];
    const label = (value: number) => score !== "p_target" ? decimal(value, indicator ? 3 : 1) : value === P_MIN ? "≤10⁻⁶" : value === 1e-4 ? "10⁻⁴" : String(value);
    const [low, top] = score === "p_target" ? [P_MIN, 1] : [least, high];
    const change = indicator ? indicator.change : score === "p_target" ? diff.p_target_change : diff.entropy_change;
    return html`<figure>
      <label class="small">${t("diff.score")} <select @change=${(event: Event) => { this.score = (event.target as HTMLSelectElement).value as Score; }}>
        ${[...SCORES, ...indicators.map(({ name }) => `indicator:${name}` as const)].map((name) => html`<option value=${name} ?selected=${name === score}>${named(name)}</option>`)}</select></label>
      ${indicator ? html`<p class="small quiet about" lang="en">${indicator.what}</p>` : nothing}
      <svg viewBox="0 0 ${SIDE} ${SIDE}" role="img" aria-label=${t("diff.scatter", { score: named(score) })}>
        ${ticks.map((tick) => svg`
          <line class="grid" x1=${LEFT} x2=${SIDE - RIGHT} y1=${y(tick)} y2=${y(tick)}></line>
          <text class="tick" x=${LEFT - 6} y=${y(tick) + 4} text-anchor="end">${label(tick)}</text>
          <text class="tick" x=${x(tick)} y=${SIDE - BOTTOM + 16} text-anchor="middle">${label(tick)}</text>`)}
        <line class="same" x1=${x(low)} y1=${y(low)} x2=${x(top)} y2=${y(top)}></line>
        ${KINDS.map((kind) => svg`<path class=${kind} stroke-linecap="round" d=${paths[kind].join("")}></path>`)}
        <text class="tick" x=${(LEFT + SIDE - RIGHT) / 2} y=${SIDE - 8} text-anchor="middle">${t("diff.first")}</text>
        <text class="tick" transform="rotate(-90)" x=${-(TOP + SIDE - BOTTOM) / 2} y="12" text-anchor="middle">${t("diff.second")}</text>
      </svg>
      <ul class="legend">${[...KINDS].reverse().map((kind) => html`<li><svg viewBox="-6 -6 12 12" aria-hidden="true">
        ${kind === "fixed" || kind === "broken" ? svg`<path class=${kind} d="M0 -4l4 4l-4 4l-4 -4z"></path>` : svg`<path class=${kind} stroke-linecap="round" d="M0 0h0"></path>`}</svg>${t(`diff.${kind}`)}: ${count(paths[kind].length)}</li>`)}</ul>
      <figcaption class="small quiet">${t("diff.caption", { line: t(score === "p_target" ? "diff.axis.log" : "diff.axis.linear") })}
        ${score === "value" ? nothing : t("diff.change", {
          mean: score === "p_target" ? probability(change.mean) : decimal(change.mean, 4),
          largest: score === "p_target" ? probability(change.largest) : decimal(change.largest, 4),
        })}</figcaption>
    </figure>`;
  }

  private flips(diff: ReportDiff) {
    const { tokens, flips } = diff;
    const n = tokens.id_a.length;
    if (flips.length === 0) return html`<p class="about">${t("diff.no_flips")}</p>`;
    return html`<div>
      <h3>${t("diff.flips", { n: count(flips.length), share: percent(flips.length / Math.max(1, n)) })}</h3>
      <div class="scroll flips" tabindex="0" role="region" aria-label=${t("diff.flips.label")}><table>
        <thead><tr><th scope="col" class="number">${t("diff.id_a")}</th><th scope="col" class="number">${t("diff.id_b")}</th><th scope="col">${t("column.token")}</th>
          <th scope="col">${t("diff.verdict")}</th><th scope="col" class="number">p, 1</th><th scope="col" class="number">p, 2</th>
          <th scope="col">${t("diff.answer_a")}</th><th scope="col">${t("diff.answer_b")}</th></tr></thead>
        <tbody>${flips.slice(0, LISTED).map((at, i) => {
          const broken = tokens.passed_a[at]!;
          return html`<tr><td class="number">${tokens.id_a[at]}</td><td class="number">${tokens.id_b[at]}</td>
            <td><gs-token .text=${tokens.text[at]!} .token=${tokens.id_a[at]!} tone=${broken ? "glitch" : ""} pickable></gs-token></td>
            <td class="change ${broken ? "broken" : ""}">${t(broken ? "diff.broken" : "diff.fixed")}</td>
            <td class="number">${probability(tokens.p_target_a[at]!)}</td><td class="number">${probability(tokens.p_target_b[at]!)}</td>
            ${(diff.flip_answers[i] ?? []).map((answer) => html`<td class="answer"><gs-token .text=${answer} .bytesHex=${""} .token=${-1}></gs-token></td>`)}</tr>`;
        })}</tbody></table></div>
      ${flips.length > LISTED ? html`<p class="small quiet">${t("diff.more", { n: count(flips.length - LISTED) })}</p>` : nothing}
    </div>`;
  }

  private unmatched(which: "only_a" | "only_b", diff: ReportDiff) {
    const all = diff[which];
    if (all.length === 0) return nothing;
    return html`<details><summary>${t(`diff.${which}`, { n: count(all.length) })}</summary>
      <ul class="notes">${all.slice(0, LISTED).map(({ id, text, reason }) => html`<li><gs-token .text=${text} .token=${id} showId></gs-token> <span lang="en" dir="auto">${reason}</span></li>`)}</ul>
      ${all.length > LISTED ? html`<p class="small quiet">${t("diff.more", { n: count(all.length - LISTED) })}</p>` : nothing}</details>`;
  }

  private async saveChart(format: "svg" | "png"): Promise<void> {
    const text = drawing(this.renderRoot.querySelector("svg")!, SIDE, SIDE);
    const ground = getComputedStyle(this).getPropertyValue("--surface");
    const content = format === "svg" ? text : await picture(text, SIDE, SIDE, ground);
    if (content) download(content, `${this.stem}-${this.score.replace(":", "-")}.${format}`, format === "svg" ? "image/svg+xml" : "image/png");
  }

  private save(format: "json" | "csv"): void {
    this.dispatchEvent(new CustomEvent("save", { detail: format }));
  }
}
customElements.define("gs-diff", DiffPanel);
