/** To and from elsewhere: prompts out, answers and labels in, and a judge that a person sets up. */
import { css, html, nothing } from "lit";
import { completionsUrl } from "../../core/judge";
import { count } from "../../report/format";
import { read, write } from "../../storage";
import { t } from "../../strings";
import { download } from "../../views/download";
import { sheet } from "../../views/element";
import { ExperimentElement, parts, pickFiles } from "./element";

const JSONL = "application/jsonl";
const KEPT = "judge";

export class ExchangePanel extends ExperimentElement {
  static override styles = [sheet, parts, css`
    .judge { border-inline-start: 3px solid var(--warn); padding-inline-start: 16px; margin-top: 12px; max-width: 80ch; }
    .judge .fields label { display: grid; gap: 2px; flex: 1 1 200px; }
    input[type="password"] { min-height: 32px; padding: 4px 8px; border: 1px solid var(--field); border-radius: 4px; background: var(--surface); }
  `];
  static override properties = {
    ...super.properties, on: { state: true }, base: { state: true }, model: { state: true }, key: { state: true }, remember: { state: true }, refused: { state: true },
  };
  declare on: boolean;
  declare base: string;
  declare model: string;
  declare key: string;
  declare remember: boolean;
  declare refused: boolean;

  constructor() {
    super();
    const kept = remembered();
    this.on = false;
    this.base = kept?.base ?? "";
    this.model = kept?.model ?? "";
    this.key = kept?.key ?? "";
    this.remember = kept !== null;
    this.refused = false;
  }

  override render() {
    const { experiment } = this;
    const idle = experiment.session.job === null && experiment.busy === "" && experiment.judging === null;
    const prompts = experiment.grid.filter(({ problem }) => problem === null).length;
    const answers = experiment.answersOf(experiment.shown).length;
    const files = experiment.templateFiles;
    const loaded = [files.experiment, files.extraction, files.evaluation].filter((file) => file !== null);
    return html`
      <p class="about">${t("holo.exchange.about")}</p>
      <h3>${t("holo.exchange.out")}</h3>
      <div class="row">
        <button ?disabled=${!idle || prompts === 0} @click=${() => void this.save(experiment.exportPrompts(), "prompts.jsonl")}>${t("holo.save.prompts", { n: count(prompts) })}</button>
        <button ?disabled=${!idle || prompts === 0} @click=${() => void this.save(experiment.exportGold(), "gold.jsonl")}>${t("holo.save.gold")}</button>
        <button ?disabled=${!idle || answers === 0} @click=${() => void this.save(experiment.exportResponses(), "responses.jsonl")}>${t("holo.save.responses")}</button>
        <button ?disabled=${!idle || answers === 0} @click=${() => void this.save(experiment.exportLabels(), "labels.jsonl")}>${t("holo.save.labels")}</button>
        <button ?disabled=${!idle || answers === 0} @click=${() => void this.save(experiment.exportReference(), "reference.csv", "text/csv")}>${t("holo.save.reference")}</button>
      </div>
      <h3>${t("holo.exchange.in")}</h3>
      <div class="row">
        <button ?disabled=${!idle || prompts === 0} @click=${() => this.pick((text, name) => experiment.importResponses(text, name))}>${t("holo.open.responses")}</button>
        <button ?disabled=${!idle || answers === 0} @click=${() => this.pick((text, name) => experiment.importLabels(text, name))}>${t("holo.open.labels")}</button>
        <button ?disabled=${!idle || answers === 0} @click=${() => this.pick((text, name) => experiment.importJudgements(text, name))}>${t("holo.open.judgements")}</button>
      </div>
      <div aria-live="polite">${this.note()}</div>
      <h3>${t("holo.templates.reference")}</h3>
      <p class="small quiet about">${t("holo.templates.reference.about")}</p>
      <div class="row">
        <button ?disabled=${!idle} @click=${() => pickFiles(".txt,.md,text/plain", true, (chosen) => void this.takeTemplates(chosen))}>${t("holo.templates.open")}</button>
        ${loaded.length > 0 ? html`<span class="small">${loaded.map((file) => file.name).join(", ")}</span>
          <button ?disabled=${!idle} @click=${() => experiment.dropTemplates()}>${t("holo.templates.drop")}</button>` : nothing}
        <span class="small warn" role="status">${this.refused ? t("holo.templates.unknown") : ""}</span>
      </div>
      <h3>${t("holo.judge")}</h3>
      <p class="about">${t("holo.judge.about")}</p>
      <div class="row"><label><input type="checkbox" .checked=${this.on} @change=${(event: Event) => { this.on = (event.target as HTMLInputElement).checked; }} />${t("holo.judge.on")}</label>
        <button ?disabled=${!idle || answers === 0} @click=${() => void this.save(experiment.exportJudgePrompts(this.model || "judge"), "judge-prompts.jsonl")}>${t("holo.save.judge")}</button></div>
      ${this.on ? this.judge(idle, answers) : nothing}`;
  }

  private judge(idle: boolean, answers: number) {
    const { experiment } = this;
    const url = completionsUrl(this.base);
    const open = experiment.answersOf(experiment.shown).filter(({ judge }) => judge === null).length;
    return html`<div class="judge">
      <p><b>${t("holo.judge.sends")}</b> ${url ? t("holo.judge.to", { origin: new URL(url).origin }) : ""}</p>
      <div class="fields">
        <label>${t("holo.judge.base")} <input type="url" spellcheck="false" autocomplete="off" placeholder="http://localhost:11434/v1" .value=${this.base} @input=${(event: Event) => { this.base = (event.target as HTMLInputElement).value; this.kept(); }} /></label>
        <label>${t("holo.judge.model")} <input type="text" spellcheck="false" autocomplete="off" .value=${this.model} @input=${(event: Event) => { this.model = (event.target as HTMLInputElement).value; this.kept(); }} /></label>
        <label>${t("holo.judge.key")} <input type="password" autocomplete="off" .value=${this.key} @input=${(event: Event) => { this.key = (event.target as HTMLInputElement).value; this.kept(); }} /></label>
      </div>
      <div class="row"><label class="small"><input type="checkbox" .checked=${this.remember} @change=${(event: Event) => { this.remember = (event.target as HTMLInputElement).checked; this.kept(); }} />${t("holo.judge.remember")}</label></div>
      <p class="small warn" role="status">${this.base !== "" && !url ? t("holo.judge.no_address") : ""}</p>
      <div class="row">${experiment.judging
        ? html`<span role="status">${t("holo.judge.progress", { done: count(experiment.judging.done), of: count(experiment.judging.total) })}</span>
          <button @click=${() => experiment.judging?.stop.abort()}>${t("progress.cancel")}</button>`
        : html`<button ?disabled=${!idle || !url || this.model.trim() === "" || answers === 0 || open === 0}
          @click=${() => void experiment.judge({ base: this.base, model: this.model.trim(), key: this.key.trim() })}>${t("holo.judge.run", { n: count(open) })}</button>`}</div>
    </div>`;
  }

  private note() {
    const { imported } = this.experiment;
    if (!imported) return nothing;
    const { name, taken, unknown, duplicate, broken } = imported;
    const cut = (ids: readonly string[]) => ids.slice(0, 8).join(", ") + (ids.length > 8 ? " …" : "");
    return html`<p class="small">${t("holo.imported", { n: count(taken) })} <bdi>${name}</bdi></p>
      <ul class="list warn">
        ${unknown.length > 0 ? html`<li>${t("holo.imported.unknown", { n: count(unknown.length) })} <code>${cut(unknown)}</code></li>` : nothing}
        ${duplicate.length > 0 ? html`<li>${t("holo.imported.duplicate", { n: count(duplicate.length) })} <code>${cut(duplicate)}</code></li>` : nothing}
        ${broken.slice(0, 8).map(({ line, reason }) => html`<li lang="en">${line > 0 ? `line ${line}: ` : ""}<bdi>${reason}</bdi></li>`)}
        ${broken.length > 8 ? html`<li>${t("holo.imported.more", { n: count(broken.length - 8) })}</li>` : nothing}
      </ul>`;
  }

  private async save(made: Promise<string | null>, name: string, type = JSONL): Promise<void> {
    const text = await made;
    if (text !== null) download(text, `holobench-${name}`, type);
  }

  private pick(take: (text: string, name: string) => Promise<void>): void {
    pickFiles(".jsonl,.ndjson,.json", false, (files) => void files[0]!.text().then((text) => take(text, files[0]!.name)));
  }

  private async takeTemplates(files: readonly File[]): Promise<void> {
    let refused = false;
    for (const file of files) refused = !(await this.experiment.takeTemplate(await file.text())) || refused;
    this.refused = refused;
  }

  /** Only what a person asks to be remembered is. */
  private kept(): void {
    write(KEPT, this.remember ? JSON.stringify({ base: this.base, model: this.model, key: this.key }) : "");
  }
}
customElements.define("gs-holo-exchange", ExchangePanel);

function remembered(): { base: string; model: string; key: string } | null {
  try {
    const kept = JSON.parse(read(KEPT) ?? "null") as { base?: unknown; model?: unknown; key?: unknown } | null;
    const text = (value: unknown) => (typeof value === "string" ? value : "");
    return kept ? { base: text(kept.base), model: text(kept.model), key: text(kept.key) } : null;
  } catch {
    return null;
  }
}
