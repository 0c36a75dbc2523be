/** Glitch tokens in a person's own texts: files in, counts and excerpts out. Nothing leaves the page. */
import { css, html, nothing } from "lit";
import { filesFromInput } from "../../core/files";
import { bytes, count, decimal } from "../../report/format";
import type { DocumentCount, Excerpt, Prevalence } from "../../report/types";
import type { Session } from "../../state/session";
import { t } from "../../strings";
import { download, fileStem } from "../../views/download";
import { GlitchscopeElement, sheet } from "../../views/element";
import "../../views/progress_bar";
import "../../views/token_chip";

const DOCUMENTS_SHOWN = 20;
const TOKENS_SHOWN = 12;

export class PrevalencePanel extends GlitchscopeElement {
  static override styles = [sheet, css`
    :host { display: block; }
    h2 { margin-bottom: 8px; }
    td.number { white-space: nowrap; }
    .about { max-width: 76ch; }
    .row { display: flex; flex-wrap: wrap; align-items: center; gap: 8px 16px; margin-top: 12px; }
    .row label { display: inline-flex; gap: 8px; align-items: center; }
    .progress { margin-top: 12px; max-width: 860px; }
    .files { margin: 8px 0 0 18px; font-size: 13px; overflow-wrap: anywhere; }
    .sentence { font-size: 18px; line-height: 1.5; max-width: 64ch; margin-top: 16px; }
    .scroll { overflow-x: auto; margin-top: 8px; }
    .scroll table { font-size: 13px; min-width: 560px; }
    .documents td:last-child { width: 60%; }
    .documents .where { overflow-wrap: anywhere; }
    .excerpt { margin: 0 0 6px; line-height: 1.7; overflow-wrap: anywhere; unicode-bidi: isolate; }
    .warn { color: var(--warn); }
    h3 { margin-top: 20px; }
    details { margin-top: 8px; }
  `];
  static override properties = { session: { attribute: false }, lines: { state: true }, shown: { state: true } };
  declare session: Session;
  declare lines: boolean;
  declare shown: number;
  private readonly onChange = () => this.requestUpdate();

  constructor() {
    super();
    this.lines = false;
    this.shown = DOCUMENTS_SHOWN;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.session.addEventListener("change", this.onChange);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.session.removeEventListener("change", this.onChange);
  }

  override render() {
    const { session } = this;
    const { report, job, corpus, prevalence } = session;
    const running = job?.kind === "prevalence";
    const found = report?.glitch_tokens.length ?? 0;
    const missing = !session.model ? t("prevalence.no_model") : !report ? t("prevalence.no_report") : found === 0 ? t("prevalence.none_found") : "";
    const hasText = corpus.some(({ path }) => /\.(txt|text|md|markdown|rst|log|tex)$/i.test(path) || !path.includes("."));
    return html`
      <h2>${t("prevalence.heading")}</h2>
      <p class="about">${t("prevalence.about")}</p>
      <div class="row">
        <button ?disabled=${job !== null} @click=${this.browse}>${t("prevalence.pick")}</button>
        ${hasText ? html`<label><input type="checkbox" .checked=${this.lines} ?disabled=${job !== null}
          @change=${(event: Event) => { this.lines = (event.target as HTMLInputElement).checked; }} />${t("prevalence.lines")}</label>` : nothing}
        ${corpus.length > 0 ? html`<button ?disabled=${job !== null || missing !== ""}
          @click=${() => void session.countGlitchTokens({ line_by_line: this.lines })}>${t("prevalence.run", { n: count(found) })}</button>` : nothing}
      </div>
      ${corpus.length > 0 ? html`<ul class="files">${corpus.slice(0, 8).map(({ path, file }) => html`<li><bdi>${path}</bdi> <span class="quiet">${bytes(file.size)}</span></li>`)}
        ${corpus.length > 8 ? html`<li class="quiet">${t("prevalence.more_files", { n: corpus.length - 8 })}</li>` : nothing}</ul>` : nothing}
      ${missing !== "" && corpus.length > 0 ? html`<p class="small warn" role="status">${missing}</p>` : nothing}
      ${running ? html`<div class="progress"><gs-progress .view=${{
        stage: job.stage, detail: job.detail, done: job.done, total: job.total, unit: job.unit, rate: job.rate, left: job.left,
        part: 1, parts: 1, cancelling: job.cancelling,
      }} @cancel=${() => session.cancel()}></gs-progress></div>` : nothing}
      <div aria-live="polite">${prevalence && !running ? this.result(prevalence) : nothing}</div>`;
  }

  private result(result: Prevalence) {
    const { all } = result;
    const several = result.files.length > 1;
    return html`
      <p class="sentence">${t(result.status === "cancelled" ? "prevalence.cancelled" : all.documents === 0 ? "prevalence.nothing" : "prevalence.answer", {
        hits: count(all.glitch_tokens), tokens: count(all.tokens), share: share(result.ratio),
        hit: count(all.documents_hit), documents: count(all.documents),
      })}</p>
      <p class="small quiet">${t("prevalence.source", { n: count(result.looked_for), model: result.model, oracle: result.oracle, found: count(result.tokens.length) })}</p>
      <div class="scroll" tabindex="0" role="region" aria-label=${t("prevalence.files")}><table>
        <thead><tr><th scope="col">${t("prevalence.column.file")}</th><th scope="col" class="number">${t("prevalence.column.documents")}</th>
          <th scope="col" class="number">${t("prevalence.column.tokens")}</th><th scope="col" class="number">${t("prevalence.column.glitch")}</th>
          <th scope="col" class="number">${t("prevalence.column.share")}</th></tr></thead>
        <tbody>${result.files.map((file) => html`<tr>
          <td><bdi>${file.name}</bdi> <span class="quiet" lang="en">${file.format}${file.layouts.map(([layout]) => `; ${layout}`)}</span>
            ${file.error && file.error !== "cancelled" ? html`<div class="warn" lang="en">${file.error}</div>` : nothing}
            ${file.broken > 0 ? html`<details><summary class="warn">${t("prevalence.broken", { n: count(file.broken) })}</summary>
              <ul class="files" lang="en">${file.first_broken.map(({ line, offset, reason }) => html`<li>line ${line}, byte ${offset}: <bdi>${reason}</bdi></li>`)}</ul></details>` : nothing}</td>
          <td class="number">${count(file.count.documents)}</td><td class="number">${count(file.count.tokens)}</td>
          <td class="number">${count(file.count.glitch_tokens)}</td><td class="number">${share(file.count.tokens > 0 ? file.count.glitch_tokens / file.count.tokens : null)}</td>
        </tr>`)}</tbody></table></div>
      ${result.notes.length > 0 ? html`<ul class="files" lang="en">${result.notes.map((note) => html`<li>${note}</li>`)}</ul>` : nothing}
      ${result.tokens.length > 0 ? html`<h3>${t("prevalence.tokens")}</h3>
        <div class="scroll" tabindex="0" role="region" aria-label=${t("prevalence.tokens")}><table>
          <thead><tr><th scope="col">${t("prevalence.column.token")}</th><th scope="col" class="number">${t("prevalence.column.times")}</th>
            <th scope="col" class="number">${t("prevalence.column.documents")}</th></tr></thead>
          <tbody>${result.tokens.slice(0, TOKENS_SHOWN).map((token) => html`<tr>
            <td><gs-token .text=${token.text} .bytesHex=${this.hex(token.id)} .token=${token.id} tone="glitch" pickable showId></gs-token></td>
            <td class="number">${count(token.count)}</td><td class="number">${count(token.documents)}</td></tr>`)}</tbody></table></div>
        ${result.tokens.length > TOKENS_SHOWN ? html`<p class="small quiet">${t("prevalence.more_tokens", { n: count(result.tokens.length - TOKENS_SHOWN) })}</p>` : nothing}` : nothing}
      ${result.densest.length > 0 ? html`<h3>${t("prevalence.densest")}</h3>
        <div class="scroll documents" tabindex="0" role="region" aria-label=${t("prevalence.densest")}><table>
          <thead><tr><th scope="col">${t("prevalence.column.document")}</th><th scope="col" class="number">${t("prevalence.column.share")}</th>
            <th scope="col" class="number">${t("prevalence.column.glitch")}</th><th scope="col" class="number">${t("prevalence.column.tokens")}</th>
            <th scope="col">${t("prevalence.column.context")}</th></tr></thead>
          <tbody>${result.densest.slice(0, this.shown).map((document) => this.document(result, document, several))}</tbody></table></div>
        ${result.densest.length > this.shown ? html`<div class="row"><button @click=${() => { this.shown += DOCUMENTS_SHOWN; }}>${t("prevalence.show_more", { n: count(Math.min(DOCUMENTS_SHOWN, result.densest.length - this.shown)), all: count(result.densest.length) })}</button></div>` : nothing}` : nothing}
      <div class="row">
        <button @click=${() => download(JSON.stringify(result), `${this.stem(result)}.json`, "application/json")}>${t("prevalence.save.json")}</button>
        <button @click=${() => void this.saveCsv(result, false)}>${t("prevalence.save.documents")}</button>
        <button @click=${() => void this.saveCsv(result, true)}>${t("prevalence.save.tokens")}</button>
      </div>`;
  }

  private document(result: Prevalence, document: DocumentCount, several: boolean) {
    const file = several ? `${result.files[document.file]?.name ?? ""} ` : "";
    return html`<tr>
      <td class="where"><bdi>${file}</bdi>${t("prevalence.where", { n: count(document.document), line: count(document.line) })}</td>
      <td class="number">${share(document.density)}</td><td class="number">${count(document.glitch_tokens)}</td>
      <td class="number">${count(document.tokens)}</td>
      <td>${document.excerpts.map((excerpt) => this.excerpt(excerpt))}</td></tr>`;
  }

  private excerpt({ cut_before, cut_behind, spans }: Excerpt) {
    return html`<p class="excerpt">${cut_before ? "… " : ""}${spans.map(({ text, id }) => id === null
      ? html`<bdi>${plainly(text)}</bdi>`
      : html`<gs-token .text=${text} .bytesHex=${this.hex(id)} .token=${id} tone="glitch" pickable></gs-token>`)}${cut_behind ? " …" : ""}</p>`;
  }

  private hex(id: number): string {
    return this.session.report?.tokens.bytes_hex[id] ?? "";
  }

  private stem(result: Prevalence): string {
    return fileStem(`${result.model}-prevalence`);
  }

  private async saveCsv(result: Prevalence, tokens: boolean): Promise<void> {
    const csv = await this.session.core.prevalenceCsv(result, tokens);
    download(csv, `${this.stem(result)}-${tokens ? "tokens" : "documents"}.csv`, "text/csv");
  }

  private readonly browse = (): void => {
    const input = document.createElement("input");
    input.type = "file";
    input.multiple = true;
    input.addEventListener("change", () => this.session.setCorpus(filesFromInput(input.files ?? [])));
    input.click();
  };
}
customElements.define("gs-prevalence", PrevalencePanel);

/** Shares of texts are small: four digits that mean something. */
function share(ratio: number | null): string {
  if (ratio === null) return "–";
  const value = 100 * ratio;
  return `${value === 0 ? "0" : value >= 10 ? decimal(value, 1) : value >= 0.01 ? decimal(value, 2) : value.toExponential(1).replace("e-", "e−")} %`;
}

/** Text around a token stays on its line, and nothing in it turns the reading direction. */
function plainly(text: string): string {
  return text.replace(/\s*\n\s*/g, " ⏎ ").replace(/[\p{Cc}\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]/gu, "�");
}
