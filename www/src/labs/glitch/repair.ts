/** Repairs of glitch tokens: choose them, choose a method, see what it does, take the file. */
import { css, html, nothing } from "lit";
import { count, decimal, probability } from "../../report/format";
import type { MergeRepair, RowRepair, Said } from "../../report/types";
import type { Session } from "../../state/session";
import { t } from "../../strings";
import { download, fileStem } from "../../views/download";
import { GlitchscopeElement, sheet } from "../../views/element";
import "../../views/progress_bar";
import "../../views/token_chip";

type Method = "merges" | "mean" | "spelled";
type Which = "all" | "picked" | "ids";

const ROWS_SHOWN = 25;

export class RepairPanel extends GlitchscopeElement {
  static override styles = [sheet, css`
    :host { display: block; }
    h2 { margin-bottom: 8px; }
    td.number { white-space: nowrap; }
    .about { max-width: 76ch; }
    .row { display: flex; flex-wrap: wrap; align-items: center; gap: 8px 16px; margin-top: 12px; }
    .row input[type="text"] { flex: 1; min-width: 160px; max-width: 420px; }
    .fields { display: flex; flex-wrap: wrap; gap: 8px 24px; margin-top: 12px; }
    .fields label { display: inline-flex; gap: 8px; align-items: center; }
    .fields input[type="number"] { width: 88px; text-align: end; font-family: var(--mono); font-size: 13px; }
    textarea { font: 13px/1.5 var(--sans); color: inherit; background: var(--surface); border: 1px solid var(--field); border-radius: 4px; width: 100%; max-width: 76ch; min-height: 88px; padding: 8px; display: block; margin-top: 8px; }
    .progress { margin-top: 12px; max-width: 860px; }
    .sentence { font-size: 18px; line-height: 1.5; max-width: 64ch; margin-top: 16px; }
    .warn { color: var(--warn); }
    .scroll { overflow-x: auto; margin-top: 8px; }
    .scroll table { font-size: 13px; min-width: 620px; }
    .fail { color: var(--glitch); }
    .said { overflow-wrap: anywhere; max-width: 32ch; }
    .notes { margin: 8px 0 0 18px; font-size: 13px; overflow-wrap: anywhere; }
    details { margin-top: 8px; }
  `];
  static override properties = {
    session: { attribute: false }, method: { state: true }, which: { state: true }, typed: { state: true }, alpha: { state: true },
    k: { state: true }, unit: { state: true }, allowed: { state: true }, dependents: { state: true }, text: { state: true }, shown: { state: true },
  };
  declare session: Session;
  declare method: Method;
  declare which: Which;
  declare typed: string;
  declare alpha: number;
  declare k: number;
  declare unit: boolean;
  declare allowed: number;
  declare dependents: boolean;
  declare text: string;
  declare shown: number;
  private readonly onChange = () => this.requestUpdate();

  constructor() {
    super();
    this.method = "merges";
    this.which = "all";
    this.typed = "";
    this.alpha = 1;
    this.k = 4;
    this.unit = false;
    this.allowed = 0.01;
    this.dependents = false;
    this.text = "";
    this.shown = ROWS_SHOWN;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.session.addEventListener("change", this.onChange);
    this.session.addEventListener("pick", this.onChange);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.session.removeEventListener("change", this.onChange);
    this.session.removeEventListener("pick", this.onChange);
  }

  override render() {
    const { session } = this;
    const { job, report, repaired } = session;
    const idle = job === null;
    const running = job?.kind === "repair";
    const ids = this.ids();
    const missing = !session.model ? t("repair.no_model") : !report ? t("repair.no_report") : ids === null ? t("repair.bad_ids") : ids.length === 0 ? t("repair.none") : "";
    return html`
      <h2>${t("repair.heading")}</h2>
      <p class="about">${t("repair.about")}</p>
      <div class="row">
        <div class="segmented small" role="radiogroup" aria-label=${t("repair.method")}>
          ${(["merges", "mean", "spelled"] as const).map((method) => html`<label><input type="radio" name="repair" .checked=${this.method === method}
            ?disabled=${!idle} @change=${() => { this.method = method; }} />${t(`repair.${method}`)}</label>`)}
        </div>
        <div class="segmented small" role="radiogroup" aria-label=${t("repair.which")}>
          ${(["all", "picked", "ids"] as const).map((which) => html`<label><input type="radio" name="which" .checked=${this.which === which}
            ?disabled=${!idle} @change=${() => { this.which = which; }} />${t(`repair.which.${which}`, { n: count(report?.glitch_tokens.length ?? 0) })}</label>`)}
        </div>
        ${this.which === "ids" ? html`<input type="text" spellcheck="false" autocomplete="off" aria-label=${t("repair.which.ids")} placeholder="2222, 3000"
          .value=${this.typed} ?disabled=${!idle} @input=${(event: Event) => { this.typed = (event.target as HTMLInputElement).value; }} />` : nothing}
      </div>
      <p class="small quiet about">${t(`repair.${this.method}.about`)}</p>
      ${this.fields(idle)}
      ${running ? html`<div class="progress"><gs-progress .view=${{
        stage: job.stage, detail: job.detail, done: job.done, total: job.total, unit: job.unit, rate: job.rate, left: job.left,
        part: 1, parts: 1, cancelling: job.cancelling,
      }} @cancel=${() => session.cancel()}></gs-progress></div>`
      : html`<div class="row"><button ?disabled=${!idle || missing !== ""} @click=${() => void this.run(ids ?? [])}>${t("repair.run", { n: count(ids?.length ?? 0) })}</button>
        <span class="small ${missing === "" ? "quiet" : "warn"}" role="status">${missing}</span></div>`}
      <div aria-live="polite">${repaired && !running ? ("tensors" in repaired.repair ? this.rowResult(repaired.repair) : this.mergeResult(repaired.repair)) : nothing}
      ${repaired && !running ? html`<div class="row">
        ${repaired.files.map(({ name, blob }) => html`<button @click=${() => download(blob, name, blob.type)}>${t("repair.save", { name })}</button>`)}
        <button @click=${() => download(JSON.stringify(repaired.repair), `${fileStem(repaired.repair.model)}-repair.json`, "application/json")}>${t("repair.save.proof")}</button>
      </div>` : nothing}</div>`;
  }

  private fields(idle: boolean) {
    const number = (label: string, value: number, min: number, max: number, set: (value: number) => void) => html`<label>${label}
      <input type="number" min=${min} max=${max} step="any" .value=${String(value)} ?disabled=${!idle} @change=${(event: Event) => {
        const input = event.target as HTMLInputElement;
        const next = Number(input.value);
        if (input.value === "" || !(next >= min && next <= max)) input.value = String(value);
        else set(next);
      }} /></label>`;
    const check = (label: string, value: boolean, set: (value: boolean) => void) => html`<label><input type="checkbox" .checked=${value} ?disabled=${!idle}
      @change=${(event: Event) => set((event.target as HTMLInputElement).checked)} />${label}</label>`;
    if (this.method === "merges") {
      return html`<div class="fields">${check(t("repair.dependents"), this.dependents, (value) => { this.dependents = value; })}</div>`;
    }
    return html`<div class="fields">
        ${number(t("repair.alpha"), this.alpha, 0, 1, (value) => { this.alpha = value; })}
        ${this.method === "spelled" ? number(t("repair.k"), this.k, 1, 64, (value) => { this.k = Math.round(value); }) : nothing}
        ${number(t("repair.allowed"), this.allowed, -10, 10, (value) => { this.allowed = value; })}
        ${check(t("repair.unit"), this.unit, (value) => { this.unit = value; })}
      </div>
      <details><summary class="small">${t("repair.text")}</summary>
        <textarea spellcheck="false" aria-label=${t("repair.text")} placeholder=${t("repair.text.placeholder")} .value=${this.text} ?disabled=${!idle}
          @input=${(event: Event) => { this.text = (event.target as HTMLTextAreaElement).value; }}></textarea></details>`;
  }

  /** Ids that are chosen; null when what was typed is none. */
  private ids(): number[] | null {
    const { report, picked, model } = this.session;
    if (this.which === "all") return report?.glitch_tokens ?? [];
    if (this.which === "picked") return picked === null ? [] : [picked];
    const pieces = this.typed.split(/[\s,;]+/).filter((piece) => piece !== "");
    const rows = model?.tokens.text.length ?? 0;
    const ids = pieces.map((piece) => (/^\d{1,7}$/.test(piece) ? Number(piece) : -1));
    return ids.every((id) => id >= 0 && id < rows) ? [...new Set(ids)] : null;
  }

  private async run(ids: number[]): Promise<void> {
    this.shown = ROWS_SHOWN;
    if (this.method === "merges") {
      await this.session.repairMerges(ids, { with_dependents: this.dependents });
      return;
    }
    await this.session.repairRows(ids, this.text.trim() === "" ? null : this.text, {
      method: this.method, alpha: this.alpha, k: this.k, unit_length: this.unit, allowed_rise: this.allowed,
    });
  }

  private chip(id: number, text: string) {
    return html`<gs-token .text=${text} .bytesHex=${this.session.model?.tokens.bytes_hex[id] ?? ""} .token=${id} tone="glitch" pickable showId></gs-token>`;
  }

  private said(said: Said | undefined) {
    if (!said) return html`<td></td>`;
    return html`<td class="said"><span class=${said.passed ? "" : "fail"}>${t(said.passed ? "repair.passes" : "repair.fails")}</span>
      <gs-token .text=${said.answer} .bytesHex=${""} .token=${-1}></gs-token>${said.p_target === null ? nothing : html` <span class="quiet">p ${probability(said.p_target)}</span>`}</td>`;
  }

  private verdict(said: Said | undefined) {
    return said ? html`<span class=${said.passed ? "" : "fail"} title=${said.value === null ? "" : String(said.value)}>${t(said.passed ? "repair.passes" : "repair.fails")}</span>` : nothing;
  }

  private more(length: number) {
    return length > this.shown
      ? html`<div class="row"><button @click=${() => { this.shown += 100; }}>${t("prevalence.show_more", { n: count(Math.min(100, length - this.shown)), all: count(length) })}</button></div>` : nothing;
  }

  private mergeResult(repair: MergeRepair) {
    return html`
      <p class="sentence">${t("repair.merges.answer", { n: count(repair.tokens.length), merges: count(repair.merges_removed), before: count(repair.others_before), after: count(repair.others_after) })}</p>
      ${repair.oracles.length > 0 ? html`<div class="scroll" tabindex="0" role="region" aria-label=${t("repair.oracles")}><table>
        <thead><tr><th scope="col">${t("diff.oracle")}</th><th scope="col" class="number">${t("repair.column.failed")}</th><th scope="col" class="number">${t("repair.column.repaired")}</th><th scope="col" class="number">${t("repair.column.spoiled")}</th></tr></thead>
        <tbody>${repair.oracles.map((asked) => html`<tr><td class="mono" title=${asked.rules.join("\n")}>${asked.oracle}</td><td class="number">${count(asked.failed_before)}</td>
          <td class="number">${count(asked.repaired)}</td><td class="number">${count(asked.spoiled)}</td></tr>`)}</tbody></table></div>
      <details><summary class="small">${t("repair.rules")}</summary><ul class="notes" lang="en">${repair.oracles.map((asked) => html`<li><span class="mono">${asked.oracle}</span>: ${asked.rules.join("; ")}</li>`)}</ul></details>` : nothing}
      ${repair.notes.length > 0 ? html`<ul class="notes" lang="en">${repair.notes.map((note) => html`<li>${note}</li>`)}</ul>` : nothing}
      ${repair.tokens.length > 0 ? html`<div class="scroll" tabindex="0" role="region" aria-label=${t("repair.table")}><table>
        <thead><tr><th scope="col">${t("prevalence.column.token")}</th><th scope="col">${t("repair.column.ids")}</th><th scope="col">${t("repair.column.before")}</th><th scope="col">${t("repair.column.after")}</th>${
          repair.oracles.slice(1).map((asked) => html`<th scope="col" class="mono">${asked.oracle}</th>`)}</tr></thead>
        <tbody>${repair.tokens.slice(0, this.shown).map((token) => html`<tr><td>${this.chip(token.id, token.text)}</td>
          <td class="mono">${token.ids_after.join(" ")}</td>${this.said(token.before[0])}${this.said(token.after[0])}
          ${repair.oracles.slice(1).map((_, i) => html`<td>${this.verdict(token.before[i + 1])} → ${this.verdict(token.after[i + 1])}</td>`)}</tr>`)}</tbody></table></div>${this.more(repair.tokens.length)}` : nothing}
      ${repair.refused.length > 0 ? html`<details open><summary>${t("repair.refused", { n: count(repair.refused.length) })}</summary>
        <ul class="notes">${repair.refused.slice(0, 50).map((token) => html`<li>${this.chip(token.id, token.text)} <span lang="en">${token.reason}</span>
          ${token.dependents.slice(0, 6).map((id) => this.chip(id, this.session.model?.tokens.text[id] ?? ""))}</li>`)}</ul></details>` : nothing}`;
  }

  private rowResult(repair: RowRepair) {
    const { loss } = repair;
    const rise = loss.after - loss.before;
    const signed = (value: number) => `${value < 0 ? "−" : "+"}${decimal(Math.abs(value), 4)}`;
    return html`
      <p class="sentence">${t("repair.passed", { failed: count(repair.failed_before), repaired: count(repair.repaired) })}</p>
      <p class=${loss.is_within ? "" : "warn"}>${t(loss.is_within ? "repair.loss.within" : "repair.loss.above", {
        before: decimal(loss.before, 4), after: decimal(loss.after, 4), rise: signed(rise), allowed: signed(loss.allowed_rise), n: count(loss.tokens),
      })}</p>
      <p class="small quiet">${t("repair.rows.source", { oracle: repair.oracle, tensors: repair.tensors.map(([name, dtype]) => `${name} (${dtype})`).join(", "), n: count(repair.trained_rows) })}</p>
      ${repair.notes.length > 0 ? html`<ul class="notes" lang="en">${repair.notes.map((note) => html`<li>${note}</li>`)}</ul>` : nothing}
      <div class="scroll" tabindex="0" role="region" aria-label=${t("repair.table")}><table>
        <thead><tr><th scope="col">${t("prevalence.column.token")}</th><th scope="col" class="number">${t("repair.column.norm")}</th>
          ${repair.options.method === "spelled" ? html`<th scope="col">${t("repair.column.made_of")}</th>` : nothing}<th scope="col">${t("repair.column.before")}</th><th scope="col">${t("repair.column.after")}</th></tr></thead>
        <tbody>${repair.rows.slice(0, this.shown).map((row) => html`<tr><td>${this.chip(row.id, row.text)}</td>
          <td class="number">${decimal(row.norm_before, 2)} → ${decimal(row.norm_after, 2)}</td>
          ${repair.options.method === "spelled" ? html`<td>${row.made_of.slice(0, 6).map(([id]) => html`<gs-token .text=${this.session.model?.tokens.text[id] ?? ""} .bytesHex=${""} .token=${id}></gs-token> `)}</td>` : nothing}
          ${this.said(row.before)}${this.said(row.after)}</tr>`)}</tbody></table></div>${this.more(repair.rows.length)}`;
  }
}
customElements.define("gs-repair", RepairPanel);
