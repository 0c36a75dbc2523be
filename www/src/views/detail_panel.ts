/** Everything known about one token: what it is, what was asked, what came back, and which tokens are nearest to it. */
import { css, html, nothing } from "lit";
import { decimal, probability } from "../report/format";
import { FAILED, type TokenRows, type Verdict, VERDICTS } from "../report/rows";
import type { OracleInfo, ProbeDetail } from "../report/types";
import { t, type Key } from "../strings";
import { copyText } from "./copy";
import { GlitchscopeElement, sheet } from "./element";
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
    .copy { min-height: 28px; padding: 2px 8px; font-size: 13px; margin-inline-start: auto; }
  `];
  static override properties = {
    rows: { attribute: false }, version: { type: Number }, token: { attribute: false }, oracle: { attribute: false },
    detail: { attribute: false }, canAsk: { type: Boolean }, copied: { state: true },
  };
  declare rows: TokenRows | null;
  declare version: number;
  declare token: number | null;
  declare oracle: OracleInfo | null;
  declare detail: ProbeDetail | null;
  /** Whether a model is there that can give its whole answer. */
  declare canAsk: boolean;
  declare copied: boolean;

  constructor() {
    super();
    this.rows = null;
    this.version = 0;
    this.token = null;
    this.oracle = null;
    this.detail = null;
    this.canAsk = false;
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
          <span class="verdict ${verdict}">${t(`verdict.${verdict}.sentence` as Key)}</span>
          <button class="copy" @click=${this.copy}>${this.copied ? t("copied") : t("detail.copy")}</button>
        </div>
        <dl>
          <dt>${t("column.id")}</dt><dd class="mono">${token}</dd>
          <dt>${t("column.class")}</dt><dd>${t(`class.${rows.kind(token)}` as Key)}<span class="quiet">, ${t(`class.${rows.kind(token)}.why` as Key)}</span></dd>
          ${bytes ? html`<dt>${t("detail.bytes")}</dt><dd class="mono">${bytes.toUpperCase().replace(/(..)(?=.)/g, "$1 ")}</dd>` : nothing}
          ${rows.cluster[token]! >= 0 ? html`<dt>${t("column.cluster")}</dt><dd>
            <button class="link" @click=${() => this.dispatchEvent(new CustomEvent("filter", { detail: `cluster:${rows.cluster[token]}` }))}>${
              t("detail.cluster", { n: rows.cluster[token]! })}</button></dd>` : nothing}
          ${probe ? html`
            <dt title=${t("column.p.title")}>${t("column.p")}</dt><dd class="mono">${probability(probe.p_target)}</dd>
            <dt title=${t("column.entropy.title")}>${t("column.entropy")}</dt><dd class="mono">${decimal(probe.entropy, 2)} nat</dd>
            <dt>${t("detail.strict")}</dt><dd>${t(probe.passed_strict ? "detail.strict.yes" : "detail.strict.no")}</dd>` : nothing}
        </dl>
        ${prompt.length > 0 ? html`
          <h3>${t("detail.prompt")}</h3>
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
        ${neighbours.length > 0 ? html`
          <h3>${t("detail.neighbours")}</h3>
          <ol>${neighbours.slice(0, 16).map(({ id, distance }) => html`<li>
            <span class="shape ${VERDICTS[rows.verdict[id] as Verdict]}" title=${t(`verdict.${VERDICTS[rows.verdict[id] as Verdict]}` as Key)}>${
              ["·", "●", "◆", "○"][rows.verdict[id]!]}</span>${this.chip(id, "")}<span class="number">${decimal(distance, 3)}</span></li>`)}</ol>
          <p class="note">${t("detail.neighbours.note")}</p>` : nothing}
      </section>`;
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
