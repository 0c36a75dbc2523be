/** How far oracles agree: each one's count with its controls, then every pair, whose cells lead to where they differ. */
import { css, html, nothing } from "lit";
import { count, decimal } from "../report/format";
import { between, isUntestable } from "../report/oracles";
import type { Agreement, Panel } from "../report/types";
import { t } from "../strings";
import { GlitchscopeElement, sheet } from "./element";

export class AgreementMatrix extends GlitchscopeElement {
  static override styles = [sheet, css`
    .scroll { overflow-x: auto; margin-top: 8px; max-width: 860px; }
    table { font-size: 13px; }
    th { font-weight: 400; font-family: var(--mono); white-space: nowrap; }
    thead th { white-space: normal; }
    thead th { color: var(--ink-2); font-family: var(--sans); }
    td { white-space: nowrap; }
    .counts { min-width: 620px; }
    .counts td:last-child { white-space: normal; font-size: 13px; color: var(--ink-2); min-width: 160px; }
    .counts td.warn { color: var(--warn); }
    .matrix { width: auto; }
    .matrix th, .matrix td { border: 0; padding: 0; }
    .matrix thead th { padding: 0 4px 4px; text-align: center; font-family: var(--mono); }
    .matrix tbody th { padding: 0 12px 0 0; vertical-align: middle; min-width: 150px; }
    .matrix td { padding: 1px; }
    .cell { display: block; width: 100%; min-width: 76px; min-height: 44px; padding: 4px 6px; border: 1px solid var(--rule); border-radius: 2px; background: var(--surface); text-align: center; font-family: var(--mono); font-size: 13px; line-height: 1.25; }
    .cell small { display: block; font-size: 11px; color: var(--ink); }
    .self { color: var(--ink); display: grid; place-content: center; }
    .level-1 { background: color-mix(in srgb, var(--accent) 6%, var(--surface)); }
    .level-2 { background: color-mix(in srgb, var(--accent) 12%, var(--surface)); }
    .level-3 { background: color-mix(in srgb, var(--accent) 18%, var(--surface)); }
    .level-4 { background: color-mix(in srgb, var(--accent) 24%, var(--surface)); }
    .level-5 { background: color-mix(in srgb, var(--accent) 30%, var(--surface)); }
    button.cell:hover:not(:disabled) { border-color: var(--accent); background: var(--tint); }
    p.small { margin-top: 8px; max-width: 76ch; }
  `];
  static override properties = { panel: { attribute: false }, ratio: { type: Number } };
  declare panel: Panel | null;
  /** Share of the controls that an oracle has to pass. */
  declare ratio: number;

  constructor() {
    super();
    this.panel = null;
    this.ratio = 0.5;
  }

  override render() {
    const { panel } = this;
    if (!panel || panel.verdicts.length < 2) return nothing;
    const ids = panel.verdicts.map(({ oracle }) => oracle);
    const failing = panel.verdicts.map(({ passed }) => passed.filter((one) => !one).length);
    return html`
      <div class="scroll" tabindex="0" role="region" aria-label=${t("agreement.counts")}><table class="counts">
        <thead><tr><th scope="col">${t("agreement.oracle")}</th><th scope="col" class="number">${t("agreement.fail")}</th>
          <th scope="col" class="number">${t("agreement.strict")}</th><th scope="col" class="number">${t("agreement.controls")}</th><th scope="col">${t("agreement.remark")}</th></tr></thead>
        <tbody>${panel.verdicts.map((column, i) => html`<tr>
          <th scope="row">${i + 1} ${column.oracle}</th>
          <td class="number"><button class="link" @click=${() => this.filter(`fails:${column.oracle}`)}>${count(failing[i]!)}</button></td>
          <td class="number">${count(column.passed_strict.filter((one) => !one).length)}</td>
          <td class="number">${column.controls_passed} / ${column.controls_asked}</td>
          <td class=${isUntestable(column, this.ratio) ? "warn" : ""}>${isUntestable(column, this.ratio) ? t("agreement.untestable") : i === 0 ? t("agreement.leads") : ""}</td>
        </tr>`)}</tbody>
      </table></div>
      <div class="scroll" tabindex="0" role="region" aria-label=${t("agreement.title")}><table class="matrix">
        <thead><tr><td></td>${ids.map((id, i) => html`<th scope="col" title=${id}>${i + 1}</th>`)}</tr></thead>
        <tbody>${ids.map((a, i) => html`<tr><th scope="row">${i + 1} ${a}</th>${ids.map((b, j) => html`<td>${i === j
          ? html`<span class="cell self">${count(failing[i]!)}</span>` : this.cell(between(panel, a, b), i < j)}</td>`)}</tr>`)}</tbody>
      </table></div>
      <p class="small quiet">${t("agreement.legend", { n: count(panel.ids.length) })}</p>`;
  }

  /** Kappa above the diagonal, Jaccard below it; the numbers of differing tokens in both. */
  private cell(pair: Agreement | undefined, above: boolean) {
    if (!pair) return nothing;
    const measure = above ? pair.kappa : pair.jaccard;
    const differ = pair.only_a_fails + pair.only_b_fails;
    const label = t("agreement.cell", {
      a: pair.a, b: pair.b, both: count(pair.both_fail), only_a: count(pair.only_a_fails), only_b: count(pair.only_b_fails), pass: count(pair.both_pass),
      jaccard: shown(pair.jaccard), kappa: shown(pair.kappa), differ: count(differ),
    });
    const level = measure === null ? 0 : Math.round(5 * Math.min(1, Math.max(0, measure)));
    const [first, second] = above ? [`κ ${shown(measure)}`, `≠ ${count(differ)}`] : [`J ${shown(measure)}`, `∩ ${count(pair.both_fail)}`];
    return html`<button class="cell level-${level}" title=${label} aria-label="${first} ${second}. ${label}"
      @click=${() => this.filter(`differ:${pair.a},${pair.b}`)}>${first} <small>${second}</small></button>`;
  }

  private filter(detail: string): void {
    this.dispatchEvent(new CustomEvent("filter", { detail }));
  }
}
customElements.define("gs-agreement", AgreementMatrix);

function shown(measure: number | null): string {
  return measure === null ? "–" : decimal(measure, 2);
}
