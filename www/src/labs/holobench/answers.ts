/** Evidence: the answers in a list, and one of them with its context, its gold rows, their labels, and why. */
import { css, html, nothing } from "lit";
import { count, decimal, duration } from "../../report/format";
import { t } from "../../strings";
import { sheet } from "../../views/element";
import "../../views/context_view";
import { ExperimentElement, parts } from "./element";
import type { Entry } from "./experiment";
import { type Axis, flagNames, groupsOf } from "./groups";
import { lengthName } from "./plan";
import { shownValue } from "./questions";
import { amountName } from "./settings";
import type { Label, RowScore } from "./types";

const SHOWN = 40;
const LABELS = ["Exact Match", "Partial Match", "No Match"] as const satisfies readonly Label[];

export class AnswersPanel extends ExperimentElement {
  static override styles = [sheet, parts, css`
    .evidence { display: grid; gap: 16px; grid-template-columns: minmax(0, 1fr); }
    @media (min-width: 1000px) { .evidence { grid-template-columns: minmax(0, 1.1fr) minmax(360px, 1fr); } }
    .answers { max-height: 720px; overflow: auto; }
    .answers table { font-size: 13px; min-width: 620px; }
    .answers th { white-space: nowrap; }
    .answers tr.picked { background: var(--tint); }
    .answers td button.link { text-align: start; min-width: 200px; }
    .one { min-width: 0; }
    .response { white-space: pre-wrap; overflow-wrap: anywhere; border: 1px solid var(--rule); border-radius: 4px; background: var(--surface); padding: 8px 12px; margin: 8px 0 0; font: 13px/1.5 var(--mono); max-height: 240px; overflow-y: auto; unicode-bidi: isolate; }
    .response .taken { background: color-mix(in srgb, var(--accent) 18%, transparent); }
    .gold td { overflow-wrap: anywhere; }
    .gold .found { font-weight: 600; }
    .gold select { min-height: 28px; font-size: 13px; }
    .mark { display: inline-block; width: 1.2em; }
    .exact { color: var(--ok); } .partial { color: var(--warn); } .none { color: var(--glitch); }
    h3 { margin-top: 16px; }
    h3:first-child { margin-top: 0; }
  `];
  static override properties = { ...super.properties, filters: { attribute: false }, shown: { state: true }, row: { state: true } };
  /** Groups that the list is cut down to. */
  declare filters: readonly (readonly [Axis, string])[];
  declare shown: number;
  /** The gold row that is looked at. */
  declare row: number | null;

  constructor() {
    super();
    this.filters = [];
    this.shown = SHOWN;
    this.row = null;
  }

  override render() {
    const { experiment, filters } = this;
    const all = experiment.answersOf(experiment.shown);
    if (all.length === 0) return html`<p class="quiet">${t("holo.answers.none")}</p>`;
    const inside = all.filter(({ given }) => filters.every(([axis, group]) => groupsOf(axis, given.instance, given.question).includes(group)));
    return html`
      <p class="small quiet" role="status">${t("holo.answers.count", { n: count(inside.length), of: count(all.length) })}
        ${filters.length > 0 ? html`${filters.map(([, group]) => group).join(", ")} <button class="link" @click=${() => this.dispatchEvent(new Event("all"))}>${t("holo.answers.all")}</button>` : nothing}</p>
      <div class="evidence">
        <div>
          <div class="answers" tabindex="0" role="region" aria-label=${t("holo.answers")}><table>
            <thead><tr><th scope="col">${t("holo.column.question")}</th><th scope="col" class="number">${t("holo.column.length")}</th><th scope="col" class="number">${t("holo.column.amount")}</th>
              <th scope="col">${t("holo.column.place")}</th><th scope="col" class="number">${t("holo.column.recall")}</th><th scope="col">${t("holo.column.labels")}</th></tr></thead>
            <tbody>${inside.slice(0, this.shown).map((entry) => this.entry(entry))}</tbody>
          </table></div>
          ${inside.length > this.shown ? html`<div class="row"><button @click=${() => { this.shown += SHOWN; }}>${t("holo.answers.more", { n: count(Math.min(SHOWN, inside.length - this.shown)), of: count(inside.length) })}</button></div>` : nothing}
        </div>
        <div class="one" aria-live="polite">${experiment.picked && all.includes(experiment.picked) ? this.one(experiment.picked) : html`<p class="quiet">${t("holo.answers.pick")}</p>`}</div>
      </div>`;
  }

  private entry(entry: Entry) {
    const { given, score } = entry;
    return html`<tr class=${entry === this.experiment.picked ? "picked" : ""}>
      <td><button class="link" aria-pressed=${entry === this.experiment.picked} @click=${() => this.pick(entry)}>${given.question.text}</button></td>
      <td class="number">${lengthName(given.instance.length)}</td><td class="number">${amountName(given.instance.amount)}</td><td>${t(`holo.placement.${given.instance.placement}`)}</td>
      <td class="number">${score ? decimal(score.recall, 2) : "–"}</td>
      <td>${entry.problem ? html`<span class="warn" lang="en">${entry.problem}</span>` : score ? t("holo.labels", { exact: score.exact, partial: score.partial, none: score.none }) : t("holo.scoring")}</td></tr>`;
  }

  private one(entry: Entry) {
    const { given, gold, score, warnings } = entry;
    const { question, instance } = given;
    const context = this.experiment.stage?.instance.instance_id === instance.instance_id ? this.experiment.stage : null;
    const segment = this.row === null ? null : (score?.rows[this.row]?.segment ?? null);
    return html`
      <h3>${question.text}</h3>
      <p class="small quiet">${flagNames(question)} · ${t(`holo.difficulty.${question.difficulty}`)} · <code lang="en">${question.sql}</code></p>
      <p class="small quiet">${t("holo.one.facts", {
        length: lengthName(instance.length), amount: amountName(instance.amount), placement: t(`holo.placement.${instance.placement}`), mode: t(`holo.mode.${instance.options.mode}`),
      })}${given.prompt_tokens === null ? "" : ` ${t("holo.one.tokens", { prompt: count(given.prompt_tokens), answer: count(given.completion_tokens ?? 0) })}`}${given.seconds === null ? "" : ` ${duration(given.seconds)}`}</p>
      ${given.ended === false ? html`<p class="small warn">${t("holo.one.cut")}</p>` : nothing}
      ${warnings.length > 0 ? html`<ul class="list small warn" lang="en">${warnings.map((warning) => html`<li>${warning}</li>`)}</ul>` : nothing}
      <h3>${t("holo.one.response")}</h3>
      <pre class="response" tabindex="0">${given.response === "" ? t("holo.one.nothing") : this.marked(given.response, score?.segments[segment ?? -1] ?? null)}</pre>
      ${score?.precision != null ? html`<p class="small quiet">${t("holo.one.precision", { precision: decimal(score.precision, 2), f1: decimal(score.f1 ?? NaN, 2), segments: count(score.segments.length) })}</p>` : nothing}
      <h3>${t("holo.one.gold")}</h3>
      ${gold && score ? html`
        <div class="scroll gold" tabindex="0" role="region" aria-label=${t("holo.one.gold")}><table>
          <thead><tr><th scope="col">${gold.ordered ? t("holo.column.rank") : "#"}</th>${gold.columns.map((column) => html`<th scope="col"><bdi>${column}</bdi></th>`)}<th scope="col">${t("holo.column.label")}</th><th scope="col">${t("holo.column.why")}</th></tr></thead>
          <tbody>${score.rows.map((row) => this.goldRow(entry, row, gold.rows[row.row] ?? null, gold.columns.length))}</tbody>
        </table></div>
        ${gold.truncated_at === null ? nothing : html`<p class="small warn">${t("holo.one.truncated", { n: count(gold.rows.length), of: count(gold.truncated_at) })}</p>`}
        <p class="small quiet">${t(`holo.one.source.${score.source}`)} ${entry.human ? html`<button class="link" @click=${() => void this.experiment.correct(entry, 0, null)}>${t("holo.one.uncorrect")}</button>` : nothing}</p>` : html`<p class="quiet">${t("holo.scoring")}</p>`}
      <h3>${t("holo.one.context")}</h3>
      ${context ? html`
        ${context.shortfall ? html`<p class="small warn">${t("holo.shortfall", {
          relevant: count(context.shortfall.relevant), wanted: count(context.shortfall.relevant_wanted), other: count(context.shortfall.irrelevant), other_wanted: count(context.shortfall.irrelevant_wanted) })}</p>` : nothing}
        ${context.duplicates > 0 ? html`<p class="small warn">${t("holo.duplicates", { n: count(context.duplicates), of: count(context.lines.length) })}</p>` : nothing}
        <gs-context .lines=${context.lines.map((line) => ({ ...line, marked: line.evidence === true }))}></gs-context>` : html`<p class="quiet small">${t("holo.one.building")}</p>`}`;
  }

  private goldRow(entry: Entry, row: RowScore, values: readonly (string | number | null)[] | null, columns: number) {
    const kind = row.label === "Exact Match" ? "exact" : row.label === "Partial Match" ? "partial" : "none";
    return html`<tr @pointerenter=${() => { this.row = row.row; }} @focusin=${() => { this.row = row.row; }} @pointerleave=${() => { this.row = null; }}>
      <td class="number">${row.row + 1}</td>
      ${values ? values.map((value, i) => html`<td class=${row.matched[i] ? "found" : ""}><bdi>${shownValue(value)}</bdi>${row.matched[i] ? html`<span class="visually-hidden"> ${t("holo.one.found")}</span>` : nothing}</td>`)
        : html`<td colspan=${Math.max(1, columns)} class="quiet">${t("holo.one.empty")}</td>`}
      <td><span class="mark ${kind}" aria-hidden="true">${kind === "exact" ? "●" : kind === "partial" ? "◐" : "○"}</span><select aria-label=${t("holo.one.label", { row: row.row + 1 })}
        @change=${(event: Event) => void this.experiment.correct(entry, row.row, LABELS[(event.target as HTMLSelectElement).selectedIndex]!)}>
        ${LABELS.map((label) => html`<option .selected=${label === row.label}>${t(`holo.label.${label === "Exact Match" ? "exact" : label === "Partial Match" ? "partial" : "none"}`)}</option>`)}</select></td>
      <td lang="en">${row.why}</td></tr>`;
  }

  /** The response with the segment that was taken for a gold row. */
  private marked(response: string, segment: string | null) {
    const at = segment ? response.indexOf(segment) : -1;
    if (at < 0 || segment === null) return response;
    return html`${response.slice(0, at)}<span class="taken">${segment}</span>${response.slice(at + segment.length)}`;
  }

  private pick(entry: Entry): void {
    this.row = null;
    void this.experiment.pick(entry);
  }
}
customElements.define("gs-holo-answers", AnswersPanel);
