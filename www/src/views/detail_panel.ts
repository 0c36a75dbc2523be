/** Everything known about one token: what it is, what was asked, what came back, and which tokens are nearest to it. */
import { css, html, nothing } from "lit";
import { count, decimal, percent, probability } from "../report/format";
import { letter, SYMPTOMS, symptomsOf, TYPES, typeOf, withSymptom, withType } from "../report/labels";
import { FAILED, type TokenRows, type Verdict, VERDICTS } from "../report/rows";
import type { ClusterTest, IndicatorTable, Label, OracleInfo, ProbeDetail, Symptom, TokenType } from "../report/types";
import { rank, why } from "../report/why";
import { has, t, type Key } from "../strings";
import { copyText } from "./copy";
import { GlitchscopeElement, sheet } from "./element";
import { filled } from "./sentence";
import "./token_chip";

export class DetailPanel extends GlitchscopeElement {
  static override styles = [sheet, css`
    :host { display: block; }
    section { border: 1px solid var(--rule); border-radius: 4px; background: var(--surface); padding: 16px; min-height: 120px; }
    @media (min-width: 1000px) { section { min-height: 674px; } }
    .empty { color: var(--ink-2); max-width: 50ch; }
    .title { display: flex; flex-wrap: wrap; align-items: baseline; gap: 8px 12px; }
    .title gs-token { font-size: 18px; }
    .verdict { font-weight: 600; }
    .verdict.glitch { color: var(--glitch); }
    .verdict.ok { color: var(--ok); }
    .verdict.skipped, .verdict.unasked { color: var(--ink-2); font-weight: 400; }
    dl { display: grid; grid-template-columns: max-content 1fr; gap: 4px 16px; margin-top: 12px; font-size: 13px; line-height: 20px; }
    dt { color: var(--ink-2); }
    dd { min-width: 0; overflow-wrap: anywhere; }
    h3 { margin-top: 16px; font-size: 13px; color: var(--ink-2); font-weight: 600; }
    .tokens { display: flex; flex-wrap: wrap; gap: 3px; margin-top: 6px; }
    ol { list-style: none; margin-top: 6px; display: grid; grid-template-columns: repeat(auto-fill, minmax(200px, 1fr)); gap: 4px 16px; }
    li { display: flex; align-items: baseline; gap: 8px; min-width: 0; }
    li .number { margin-inline-start: auto; font-family: var(--mono); font-size: 12px; color: var(--ink-2); }
    li .shape { width: 1em; flex: none; text-align: center; color: var(--ok); }
    li .shape.glitch { color: var(--glitch); }
    li .shape.unasked, li .shape.skipped { color: var(--ink-2); }
    li gs-token { min-width: 0; overflow: hidden; }
    .top li { display: grid; grid-template-columns: minmax(60px, 1fr) 80px 52px; align-items: center; }
    .top progress { width: 100%; height: 8px; appearance: none; border: 0; background: var(--tint); border-radius: 2px; overflow: hidden; }
    .top progress::-webkit-progress-bar { background: var(--tint); }
    .top progress::-webkit-progress-value { background: var(--accent); }
    .top progress::-moz-progress-bar { background: var(--accent); }
    .top { grid-template-columns: 1fr; }
    p.note { font-size: 13px; color: var(--ink-2); margin-top: 6px; max-width: 70ch; }
    p.why { margin-top: 6px; max-width: 70ch; }
    p.why .mono, h3 .mono { font-size: 13px; font-weight: 400; }
    .scroll td { white-space: nowrap; }
    .scroll td:has(gs-token) { white-space: normal; }
    p.why gs-token { vertical-align: baseline; }
    .labels { display: flex; flex-wrap: wrap; gap: 8px; margin-top: 12px; align-items: start; }
    .labels details { max-width: 100%; }
    .labels details[open] { flex-basis: 100%; }
    .labels summary { list-style-position: inside; padding: 1px 8px; border: 1px solid var(--field); border-radius: 4px; background: var(--surface); font-size: 13px; line-height: 20px; }
    .labels summary:hover { background: var(--tint); }
    .labels .corrected { border-color: var(--accent); }
    .labels label { display: flex; flex-wrap: wrap; gap: 4px 8px; align-items: center; margin-top: 6px; font-size: 13px; }
    .scroll { overflow-x: auto; margin-top: 6px; }
    .scroll table { font-size: 13px; }
    .scroll th { font-weight: 400; overflow-wrap: anywhere; }
    .scroll th.mono { font-size: 12px; }
    .glitch { color: var(--glitch); } .ok { color: var(--ok); }
    section details.raw { margin-top: 16px; font-size: 13px; }
    .copy { min-height: 28px; padding: 2px 8px; font-size: 13px; margin-inline-start: auto; }
  `];
  static override properties = {
    rows: { attribute: false }, version: { type: Number }, token: { attribute: false }, oracle: { attribute: false },
    detail: { attribute: false }, canAsk: { type: Boolean }, indicators: { attribute: false }, copied: { state: true },
  };
  declare rows: TokenRows | null;
  declare version: number;
  declare token: number | null;
  declare oracle: OracleInfo | null;
  declare detail: ProbeDetail | null;
  /** Whether a model is there that can give its whole answer. */
  declare canAsk: boolean;
  /** Of the loaded model; null until they have been asked for. */
  declare indicators: IndicatorTable | null;
  declare copied: boolean;

  constructor() {
    super();
    this.rows = null;
    this.version = 0;
    this.token = null;
    this.oracle = null;
    this.detail = null;
    this.canAsk = false;
    this.indicators = null;
    this.copied = false;
  }

  override willUpdate(changes: Map<string, unknown>): void {
    if (changes.has("token")) this.copied = false;
  }

  override render() {
    const { rows, token, detail } = this;
    if (!rows || token === null || token >= rows.length) {
      return html`<section aria-label=${t("detail.label")}><p class="empty">${t("detail.empty")}</p></section>`;
    }
    const verdict = VERDICTS[rows.verdict[token] as Verdict];
    const probe = detail?.probe ?? rows.probe[token];
    const [before = [], ...rest] = this.oracle?.prompts[0]?.ids ?? [];
    const prompt = detail ? detail.prompt_ids : rest.reduce((ids, piece) => [...ids, token, ...piece], before);
    const place = detail ? detail.token_index : before.length;
    const answer = detail ? detail.answer_ids : (probe?.answer ?? []);
    const bytes = rows.bytesHex(token);
    const neighbours = rows.neighbours(token);
    return html`
      <section aria-label=${t("detail.label")} tabindex="-1">
        <div class="title">
          <gs-token .text=${rows.text(token)} .bytesHex=${bytes} .token=${token} .whole=${true} tone=${verdict === "glitch" ? "glitch" : ""}></gs-token>
          <span class="verdict ${verdict}">${t(`verdict.${verdict}.sentence` as Key, { oracle: this.oracle?.id ?? "" })}</span>
          <button class="copy" @click=${this.copy}>${this.copied ? t("copied") : t("detail.copy")}</button>
        </div>
        <dl>
          <dt>${t("column.id")}</dt><dd class="mono">${token}</dd>
          <dt>${t("column.class")}</dt><dd>${t(`class.${rows.kind(token)}` as Key)}<span class="quiet">, ${t(`class.${rows.kind(token)}.why` as Key)}</span></dd>
          ${bytes ? html`<dt>${t("detail.bytes")}</dt><dd class="mono">${bytes.toUpperCase().replace(/(..)(?=.)/g, "$1 ")}</dd>` : nothing}
          ${rows.cluster[token]! >= 0 ? html`<dt>${t("column.cluster")}</dt><dd>
            <button class="link" @click=${() => this.dispatchEvent(new CustomEvent("filter", { detail: `cluster:${rows.cluster[token]}` }))}>${
              t("detail.cluster", { n: rows.cluster[token]! })}</button>${this.test(rows.tests[rows.cluster[token]!])}</dd>` : nothing}
          ${probe ? html`
            <dt title=${t("column.p.title")}>${t("column.p")}</dt><dd class="mono">${probability(probe.p_target)}</dd>
            <dt title=${t("column.entropy.title")}>${t("column.entropy")}</dt><dd class="mono">${decimal(probe.entropy, 2)} nat</dd>
            <dt>${t("detail.strict")}</dt><dd>${t(probe.passed_strict ? "detail.strict.yes" : "detail.strict.no")}</dd>` : nothing}
        </dl>
        ${this.labels(rows.labels.get(token))}
        ${this.reasons(rows, token)}
        ${this.values(rows, token)}
        ${prompt.length > 0 ? html`
          <h3>${t("detail.prompt")} <span class="mono">${this.oracle?.prompts[0]?.name ?? ""}</span></h3>
          <div class="tokens" role="group" aria-label=${t("detail.prompt")}>${prompt.map((id, i) => this.chip(id, i === place ? "target" : ""))}</div>` : nothing}
        ${probe ? html`
          <h3>${t("detail.answer")}</h3>
          <div class="tokens" role="group" aria-label=${t("detail.answer")}>${answer.length > 0
            ? answer.map((id) => this.chip(id, id === token ? "target" : "")) : html`<span class="quiet small">${t("detail.silent")}</span>`}</div>
          ${detail ? nothing : html`<p class="note">${t(this.canAsk ? "detail.asking" : "detail.partial")}</p>`}` : nothing}
        ${detail ? html`
          <h3>${t("detail.top")}</h3>
          <ol class="top">${detail.top.map(({ id, p }) => html`<li>${this.chip(id, id === token ? "target" : "")}
            <progress max="1" value=${p} aria-label=${t("detail.top.label", { p: probability(p) })}></progress>
            <span class="number">${probability(p)}</span></li>`)}</ol>` : nothing}
        ${this.raw(rows, token)}
        ${this.indicated(rows, token)}
        ${neighbours.length > 0 ? html`
          <h3>${t("detail.neighbours")}</h3>
          <ol>${neighbours.slice(0, 16).map(({ id, distance }) => html`<li>
            <span class="shape ${VERDICTS[rows.verdict[id] as Verdict]}" title=${t(`verdict.${VERDICTS[rows.verdict[id] as Verdict]}` as Key)}>${
              ["·", "●", "◆", "○"][rows.verdict[id]!]}</span>${this.chip(id, "")}<span class="number">${decimal(distance, 3)}</span></li>`)}</ol>
          <p class="note">${t("detail.neighbours.note")}</p>` : nothing}
      </section>`;
  }

  /** What the search found out about the token's cluster. */
  private test(test: ClusterTest | undefined) {
    if (!test) return nothing;
    return html`<div class="quiet">${t(test.kept ? "detail.cluster.kept" : "detail.cluster.dropped", {
      hits: count(test.hits), sampled: count(test.sampled), askable: count(test.askable), miss: percent(test.miss_probability),
    })}${test.q_value === null ? nothing : html` ${t("detail.cluster.tested", { p: probability(test.p_value ?? Number.NaN), q: probability(test.q_value) })}`}</div>`;
  }

  /** Type and symptoms as chips, each over its rule and a choice that corrects it. */
  private labels(label: Label | undefined) {
    if (!label) return nothing;
    const type = typeOf(label);
    return html`<div class="labels" role="group" aria-label=${t("labels.of_token")}>
      <details><summary class=${label.corrected_type ? "corrected" : ""}>${t("labels.type")} ${letter(type)}, ${t(`type.${type}`)}</summary>
        <p class="note">${t(`type.${label.token_type}.rule`)}${label.corrected_type ? ` ${t("labels.by_hand", { name: t(`type.${label.token_type}`) })}` : ""}</p>
        ${this.correction(TYPES, type, label.token_type, "type", (next) => withType(label, next as TokenType))}</details>
      ${symptomsOf(label).map(([question, symptom], i) => {
        const ruled = label.symptoms[i]![1];
        return html`<details><summary class=${symptom === ruled ? "" : "corrected"}><span class="mono">${question}</span>: ${t(`symptom.${symptom}`)}</summary>
          <p class="note">${t(`symptom.${ruled}.rule` as Key)}${symptom === ruled ? "" : ` ${t("labels.by_hand", { name: t(`symptom.${ruled}`) })}`}</p>
          ${this.correction(SYMPTOMS, symptom, ruled, "symptom", (next) => withSymptom(label, question, next as Symptom))}</details>`;
      })}</div>`;
  }

  private correction(all: readonly string[], now: string, ruled: string, kind: "type" | "symptom", corrected: (next: string) => Label) {
    return html`<label>${t("labels.correct")}<select @change=${(event: Event) => this.dispatchEvent(new CustomEvent("relabel", { detail: corrected((event.target as HTMLSelectElement).value) }))}>
      ${all.map((name) => html`<option value=${name} .selected=${name === now}>${t(`${kind}.${name}` as Key)}${name === ruled ? ` (${t("labels.ruled")})` : ""}</option>`)}</select></label>`;
  }

  /** Why it is flagged, or is not, in sentences made of the report's numbers. */
  private reasons(rows: TokenRows, id: number) {
    const leading = this.oracle?.id ?? "";
    const probe = rows.probe[id];
    const facts = why(rows, id, leading, this.indicators);
    if (!probe || facts.verdict === "skipped" || facts.verdict === "unasked") return nothing;
    const oracle = html`<span class="mono">${leading}</span>`;
    const answer = html`<gs-token .text=${probe.answer_text}></gs-token>`;
    const names = (ids: string[]) => html`<span class="mono">${ids.join(", ")}</span>`;
    const { others, cluster, neighbours, low } = facts;
    return html`<h3>${t(facts.verdict === "fails" ? "why.flagged" : "why.not_flagged")}</h3><p class="why">
      ${filled(`why.${facts.verdict}`, { oracle, answer, p: probability(probe.p_target) })}
      ${facts.value === null ? nothing : filled("why.value", { value: decimal(facts.value, 3), what: html`<span lang="en">${this.oracle?.value ?? ""}</span>` })}
      ${others.asked.length === 0 ? nothing : others.failing.length === 0 ? t("why.others.none", { n: others.asked.length })
        : filled("why.others", { n: others.failing.length, of: others.asked.length, names: names(others.failing) })}
      ${cluster ? t("why.cluster", { id: cluster.id, failed: cluster.failed, asked: cluster.asked }) : nothing}
      ${neighbours ? t("why.neighbours", { failed: neighbours.failed, asked: neighbours.asked }) : nothing}
      ${low.map(({ name, share }) => t("why.low", { name: indicatorName(name), share: percent(share) }))}</p>`;
  }

  /** What every oracle said. */
  private values(rows: TokenRows, id: number) {
    const place = rows.panel?.at(id);
    if (!rows.panel || place === undefined || rows.panel.panel.verdicts.length < 2) return nothing;
    const { verdicts, oracles } = rows.panel.panel;
    return html`<h3>${t("detail.oracles")}</h3>
      <div class="scroll" tabindex="0" role="region" aria-label=${t("detail.oracles")}><table><tbody>${verdicts.map((column, i) => {
        const interval = column.interval[place];
        const passed = column.passed[place];
        return html`<tr><th scope="row" class="mono">${column.oracle}</th><td class=${passed ? "ok" : "glitch"}>${passed ? "●" : "◆"} ${t(passed ? "verdict.ok" : "verdict.glitch")}</td>
          <td class="number" title=${oracles[i]?.value ?? ""}>${decimal(column.value[place] ?? Number.NaN, 3)}${
            interval ? html`<br /><span class="quiet">${decimal(interval[0], 2)} – ${decimal(interval[1], 2)}</span>` : nothing}</td></tr>`;
      })}</tbody></table></div>`;
  }

  /** The raw answer to every question of the panel. */
  private raw(rows: TokenRows, id: number) {
    const place = rows.panel?.at(id);
    if (!rows.panel || place === undefined) return nothing;
    const { answers } = rows.panel.panel;
    return html`<details class="raw"><summary>${t("detail.raw", { n: answers.length })}</summary>
      <div class="scroll" tabindex="0" role="region" aria-label=${t("detail.raw", { n: answers.length })}><table>
        <thead><tr><th scope="col">${t("detail.question")}</th><th scope="col">${t("column.answer")}</th><th scope="col" class="number" title=${t("detail.p_max")}>max p</th>
          <th scope="col" class="number">${t("column.entropy")}</th></tr></thead>
        <tbody>${answers.map((column) => html`<tr><th scope="row" class="mono">${column.prompt}</th>
          <td><gs-token .text=${column.text[place] ?? ""} .whole=${true}></gs-token>${column.failures[place] === undefined ? nothing
            : html`<br /><span class="quiet">${t("detail.failures", { n: column.failures[place] })}</span>`}</td>
          <td class="number">${probability(column.p_max[place] ?? Number.NaN)}</td><td class="number">${decimal(column.entropy[place] ?? Number.NaN, 2)}</td></tr>`)}</tbody>
      </table></div></details>`;
  }

  /** What the embedding alone says: each indicator with the share of tokens that are as low. */
  private indicated(rows: TokenRows, id: number) {
    const { indicators } = this;
    if (!indicators) {
      return this.canAsk ? html`<h3>${t("indicators.title")}</h3><p class="note"><button class="link" @click=${() => this.dispatchEvent(new Event("indicators"))}>${
        t("indicators.read")}</button></p>` : nothing;
    }
    return html`<h3>${t("indicators.title")}</h3>
      <div class="scroll" tabindex="0" role="region" aria-label=${t("indicators.title")}><table><tbody>${indicators.columns.map(({ name, what, values }) => html`<tr>
        <th scope="row" title=${what}>${indicatorName(name)}</th><td class="number">${decimal(values[id] ?? Number.NaN, 4)}</td>
        <td class="number quiet">${t("indicators.rank", { share: percent(rank(rows, values, id)) })}</td></tr>`)}</tbody></table></div>
      <p class="note">${indicators.references ? t("indicators.references", {
        n: indicators.references.ids.length, group: indicators.references.group, cosine: decimal(indicators.references.mutual_cosine, 3) }) : t("indicators.no_references")}</p>`;
  }

  private chip(id: number, tone: string) {
    const { rows } = this;
    if (!rows || id >= rows.length) return html`<gs-token text="?" .token=${id}></gs-token>`;
    const failing = rows.verdict[id] === FAILED ? "glitch" : "";
    return html`<gs-token .text=${rows.text(id)} .bytesHex=${rows.bytesHex(id)} .token=${id} .pickable=${true}
      tone=${`${tone} ${failing}`.trim()}></gs-token>`;
  }

  private async copy(): Promise<void> {
    if (this.rows && this.token !== null) this.copied = await copyText(this.rows.text(this.token));
  }
}
customElements.define("gs-detail", DetailPanel);

function indicatorName(name: string): string {
  const key = `indicator.${name.replace(/^magikarp-/, "")}`;
  return has(key) ? t(key) : name;
}
