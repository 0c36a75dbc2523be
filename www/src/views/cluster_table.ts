/** What a round asked of each cluster, what that says of it, and how likely its sample would have missed failures. */
import { css, html, nothing } from "lit";
import { count, percent, probability } from "../report/format";
import type { ClusterTest, Hunt } from "../report/types";
import { t } from "../strings";
import { GlitchscopeElement, sheet } from "./element";

const SHOWN = 12;

/** Places of the clusters, those first whose sample says least: dropped ones by what they may hide, then those that stay. */
export function bySilence(tests: readonly ClusterTest[]): number[] {
  return tests.map((_, cluster) => cluster)
    .sort((a, b) => Number(tests[a]!.kept) - Number(tests[b]!.kept) || tests[b]!.miss_probability - tests[a]!.miss_probability || a - b);
}

/** Least, middle and largest probability of a miss among clusters that were dropped; null where none was. */
export function missed(tests: readonly ClusterTest[]): [number, number, number] | null {
  const all = tests.filter(({ kept }) => !kept).map(({ miss_probability: miss }) => miss).sort((a, b) => a - b);
  return all.length === 0 ? null : [all[0]!, all[Math.floor(all.length / 2)]!, all.at(-1)!];
}

export class ClusterTable extends GlitchscopeElement {
  static override styles = [sheet, css`
    .row { display: flex; flex-wrap: wrap; align-items: center; gap: 8px 16px; margin-top: 12px; }
    p { margin-top: 8px; max-width: 76ch; }
    .scroll { overflow-x: auto; margin-top: 8px; max-width: 860px; }
    table { font-size: 13px; min-width: 560px; }
  `];
  static override properties = { hunt: { attribute: false }, round: { state: true }, shown: { state: true } };
  declare hunt: Hunt | null;
  /** From 0. */
  declare round: number;
  declare shown: number;

  constructor() {
    super();
    this.hunt = null;
    this.round = 0;
    this.shown = SHOWN;
  }

  override willUpdate(changes: Map<string, unknown>): void {
    if (changes.has("hunt")) [this.round, this.shown] = [0, SHOWN];
  }

  override render() {
    const rounds = (this.hunt?.rounds ?? []).filter(({ tests }) => tests.length > 0);
    const round = rounds[this.round];
    if (!round) return nothing;
    const { tests } = round;
    const order = bySilence(tests);
    const tested = tests.some(({ p_value: p }) => p !== null);
    const hidden = missed(tests);
    const columns = ["cluster", "size", "askable", "sampled", "hits", ...(tested ? ["p", "q"] as const : []), "miss", "stays"] as const;
    return html`
      ${rounds.length > 1 ? html`<div class="row"><label class="small">${t("rounds.round")} <select @change=${(event: Event) => {
        [this.round, this.shown] = [Number((event.target as HTMLSelectElement).value), SHOWN];
      }}>${rounds.map(({ round: n }, at) => html`<option value=${at} .selected=${at === this.round}>${n}</option>`)}</select></label></div>` : nothing}
      ${hidden ? html`<p class="small">${t("clusters.missed", { low: percent(hidden[0]), middle: percent(hidden[1]), high: percent(hidden[2]) })}</p>` : nothing}
      <div class="scroll" tabindex="0" role="region" aria-label=${t("clusters.label", { n: round.round })}><table>
        <thead><tr>${columns.map((key) => html`<th scope="col" class="number" title=${t(`clusters.${key}.title`)}>${t(`clusters.${key}`)}</th>`)}</tr></thead>
        <tbody>${order.slice(0, this.shown).map((cluster) => this.line(cluster, tests[cluster]!, tested, round.round === 1))}</tbody>
      </table></div>
      ${order.length > this.shown ? html`<div class="row"><button @click=${() => { this.shown += 100; }}>${
        t("prevalence.show_more", { n: count(Math.min(100, order.length - this.shown)), all: count(order.length) })}</button></div>` : nothing}`;
  }

  private line(cluster: number, test: ClusterTest, tested: boolean, onMap: boolean) {
    const number = (value: number | null) => html`<td class="number">${value === null ? "–" : probability(value)}</td>`;
    return html`<tr>
      <th scope="row" class="number">${onMap ? html`<button class="link" @click=${() => this.dispatchEvent(new CustomEvent("filter", { detail: `cluster:${cluster}` }))}>${cluster}</button>` : cluster}</th>
      <td class="number">${count(test.size)}</td><td class="number">${count(test.askable)}</td><td class="number">${count(test.sampled)}</td>
      <td class="number">${count(test.hits)}</td>${tested ? [number(test.p_value), number(test.q_value)] : nothing}
      <td class="number">${percent(test.miss_probability)}</td><td class="number">${t(test.kept ? "clusters.yes" : "clusters.no")}</td></tr>`;
  }
}
customElements.define("gs-clusters", ClusterTable);
