/** Detectors against the exhaustive scan: what each found, how well, and what it cost. */
import { css, html, nothing } from "lit";
import { count, decimal, percent } from "../report/format";
import type { DetectorRow, DetectorTable, Mean } from "../report/types";
import { t, type Key } from "../strings";
import { GlitchscopeElement, sheet } from "./element";

export class DetectorTableView extends GlitchscopeElement {
  static override styles = [sheet, css`
    .scroll { overflow-x: auto; margin-top: 12px; }
    table { font-size: 13px; min-width: 760px; }
    th { font-weight: 600; }
    tbody th { font-family: var(--mono); font-weight: 400; white-space: nowrap; }
    td small { display: block; font-size: 11px; color: var(--ink-2); white-space: nowrap; }
    .notes { margin: 8px 0 0 18px; font-size: 13px; max-width: 80ch; }
    .caution { color: var(--warn); margin-top: 8px; max-width: 76ch; overflow-wrap: anywhere; }
    p.small { margin-top: 8px; max-width: 76ch; }
  `];
  static override properties = { table: { attribute: false }, running: { type: Boolean } };
  declare table: DetectorTable | null;
  declare running: boolean;

  constructor() {
    super();
    this.table = null;
    this.running = false;
  }

  override render() {
    const { table } = this;
    if (!table) return nothing;
    const { references } = table;
    return html`
      ${table.caution ? html`<p class="caution" lang="en" dir="auto">${table.caution}</p>` : nothing}
      <p class="small" role="status">${t(this.running ? "detectors.so_far" : table.status === "complete" ? "detectors.whole" : "detectors.part", {
        n: table.rows.length, oracle: table.provenance.oracle.id, glitches: count(table.glitch_tokens), questions: count(table.questions), seeds: table.seeds.length,
      })}</p>
      <div class="scroll" tabindex="0" role="region" aria-label=${t("detectors.table")}><table>
        <thead><tr><th scope="col">${t("detectors.column.name")}</th>${(["found", "precision", "recall", "f1", "queries", "tokens", "seconds"] as const).map((key) =>
          html`<th scope="col" class="number" title=${t(`detectors.column.${key}.title` as Key)}>${t(`detectors.column.${key}`)}</th>`)}</tr></thead>
        <tbody>${table.rows.map((row) => this.line(row))}</tbody>
      </table></div>
      ${references ? html`<p class="small quiet">${t("indicators.references", { n: references.ids.length, group: references.group, cosine: decimal(references.mutual_cosine, 3) })}</p>` : nothing}
      ${table.notes.length > 0 && !this.running ? html`<ul class="notes" lang="en">${table.notes.map((note) => html`<li>${note}</li>`)}</ul>` : nothing}`;
  }

  private line(row: DetectorRow) {
    const between = (mean: Mean, show: (value: number) => string) => (row.runs > 1 ? html`<small>${show(mean.low)} – ${show(mean.high)}</small>` : nothing);
    const whole = (value: number) => (row.runs > 1 && value < 100 ? decimal(value, 1) : count(value));
    // Of nothing every share is right, which is no news of a detector.
    const namedNothing = row.info.is_verified && row.true_positives.mean === 0;
    return html`<tr><th scope="row" title=${row.info.what}>${row.info.name}</th>
      <td class="number">${whole(row.true_positives.mean)}</td>
      <td class="number">${namedNothing ? "–" : percent(row.precision.mean)}</td>
      <td class="number">${percent(row.recall.mean)}${between(row.recall, percent)}</td>
      <td class="number">${decimal(row.f1.mean, 3)}</td>
      <td class="number">${row.info.is_verified ? whole(row.queries.mean) : "–"}</td>
      <td class="number">${count(row.model_tokens.mean)}</td>
      <td class="number">${decimal(row.seconds.mean, 2)}<small>${decimal(row.own_seconds.mean, 2)}</small></td></tr>`;
  }
}
customElements.define("gs-detectors", DetectorTableView);
