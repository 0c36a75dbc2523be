/** The questions: which are asked, what they are about, their SQL; and those that a person adds. */
import { css, html, nothing } from "lit";
import { count } from "../../report/format";
import { asFailure } from "../../core/client";
import { t, type Key } from "../../strings";
import { sheet } from "../../views/element";
import { ExperimentElement, parts } from "./element";
import { FLAGS, flagNames } from "./groups";
import type { Gold, QuestionCheck, Value } from "./types";

/** Milliseconds after the last key before what is typed is looked at. */
const TYPING_MS = 300;
const PREVIEW_ROWS = 5;

export function shownValue(value: Value): string {
  return value === null ? "NULL" : String(value);
}

export class QuestionsPanel extends ExperimentElement {
  static override styles = [sheet, parts, css`
    .scroll table { min-width: 720px; }
    td.text { min-width: 320px; }
    td.text textarea { min-height: 0; padding: 4px 6px; line-height: 1.35; resize: vertical; }
    .own { max-width: 96ch; display: grid; gap: 8px; margin-top: 8px; }
    .own input { width: 100%; }
    .checked { min-height: 44px; font-size: 13px; }
    th.pick, td.pick { width: 28px; }
  `];
  static override properties = { ...super.properties, sql: { state: true }, text: { state: true }, check: { state: true } };
  declare sql: string;
  declare text: string;
  declare check: QuestionCheck | null;
  private typing: ReturnType<typeof setTimeout> | undefined;

  constructor() {
    super();
    this.sql = "";
    this.text = "";
    this.check = null;
  }

  override render() {
    const { experiment } = this;
    const { questions, chosen, set, settings } = experiment;
    const idle = experiment.busy === "" && experiment.session.job === null;
    const all = questions.length > 0 && questions.every(({ id }) => chosen.has(id));
    return html`
      <p class="about">${t("holo.questions.about")}</p>
      <div class="row">
        <label>${t("holo.seed")} <input class="short" type="number" min="0" max="4294967295" step="1" .value=${String(settings.questionSeed)} ?disabled=${!idle}
          @change=${(event: Event) => this.reseed(event.target as HTMLInputElement)} /></label>
        <button ?disabled=${!idle} @click=${() => void experiment.makeQuestions(settings.questionSeed)}>${t("holo.questions.draw")}</button>
        ${set ? html`<span class="small quiet">${t("holo.questions.tried", { n: count(set.check_amount) })}</span>` : nothing}
      </div>
      <div class="scroll" tabindex="0" role="region" aria-label=${t("holo.questions")}><table>
        <thead><tr><th scope="col" class="pick"><input type="checkbox" aria-label=${t("holo.questions.all")} .checked=${all} .indeterminate=${!all && chosen.size > 0}
          ?disabled=${!idle} @change=${() => experiment.choose(questions.map(({ id }) => id), !all)} /></th>
          <th scope="col">${t("holo.column.question")}</th><th scope="col">${t("holo.column.flags")}</th><th scope="col">${t("holo.column.difficulty")}</th><th scope="col">SQL</th></tr></thead>
        <tbody>${questions.map((question) => html`<tr>
          <td class="pick"><input type="checkbox" aria-label=${t("holo.questions.ask", { question: question.text })} .checked=${chosen.has(question.id)} ?disabled=${!idle}
            @change=${(event: Event) => experiment.choose([question.id], (event.target as HTMLInputElement).checked)} /></td>
          <td class="text"><textarea rows="2" aria-label=${t("holo.column.question")} .value=${question.text} ?disabled=${!idle}
            @change=${(event: Event) => void experiment.editQuestion(question.id, (event.target as HTMLTextAreaElement).value.replace(/\s+/g, " ").trim())}></textarea>
            ${question.source === "generated" ? nothing : html`<span class="small quiet">${t(`holo.source.${question.source}`)}</span>`}</td>
          <td>${flagNames(question)}</td><td>${t(`holo.difficulty.${question.difficulty}`)}</td><td><code lang="en">${question.sql}</code></td></tr>`)}</tbody>
      </table></div>
      ${set ? this.spread(set.spread, set.missing, set.rejected) : nothing}
      <h2 class="sub">${t("holo.own")}</h2>
      <p class="small quiet about">${t("holo.own.about")}</p>
      <div class="own">
        <label for="own-sql" class="small">SQL</label>
        <textarea id="own-sql" class="mono" spellcheck="false" .value=${this.sql} @input=${(event: Event) => this.type({ sql: (event.target as HTMLTextAreaElement).value })}></textarea>
        <label for="own-text" class="small">${t("holo.own.text")}</label>
        <input id="own-text" type="text" .value=${this.text} @input=${(event: Event) => this.type({ text: (event.target as HTMLInputElement).value })} />
      </div>
      <div class="checked" role="status">${this.verdict()}</div>
      <button ?disabled=${!idle || !this.check?.question || this.check.problem !== null || this.text.trim() === ""} @click=${() => void this.add()}>${t("holo.own.add")}</button>`;
  }

  private spread(spread: readonly (readonly [string, number])[], missing: readonly string[], rejected: readonly { reason: string; count: number }[]) {
    return html`<p class="small quiet">${spread.map(([name, n], i) => `${i > 0 ? ", " : ""}${this.spreadName(name)} ${n}`)}</p>
      ${missing.length > 0 ? html`<ul class="list warn" lang="en">${missing.map((line) => html`<li>${line}</li>`)}</ul>` : nothing}
      ${rejected.length > 0 ? html`<details class="small"><summary>${t("holo.questions.rejected", { n: count(rejected.reduce((sum, one) => sum + one.count, 0)) })}</summary>
        <ul class="list" lang="en">${rejected.map(({ reason, count: n }) => html`<li>${reason}: ${count(n)}</li>`)}</ul></details>` : nothing}`;
  }

  private spreadName(name: string): string {
    const flag = FLAGS.find((one) => one === name);
    const difficulty = (["easy", "medium", "hard"] as const).find((one) => one === name);
    return flag ? t(`holo.flag.${flag}`) : difficulty ? t(`holo.difficulty.${difficulty}` as Key) : name;
  }

  private verdict() {
    const { check } = this;
    if (this.sql.trim() === "" || !check) return nothing;
    if (check.problem !== null) return html`<p class="warn" lang="en">${check.problem}${check.hint ? html` ${check.hint}` : nothing}</p>`;
    return html`
      ${check.question ? html`<p class="quiet">${t("holo.own.is", { flags: flagNames(check.question) || t("holo.flag.none"), difficulty: t(`holo.difficulty.${check.question.difficulty}`), tables: check.question.tables.join(", ") })}</p>` : nothing}
      ${check.preview ? html`<p>${t("holo.own.preview")} <code>${previewed(check.preview)}</code></p>` : nothing}
      ${check.warnings.map((warning) => html`<p class="warn" lang="en">${warning}</p>`)}`;
  }

  private type(typed: { sql?: string; text?: string }): void {
    this.sql = typed.sql ?? this.sql;
    this.text = typed.text ?? this.text;
    clearTimeout(this.typing);
    this.typing = setTimeout(() => void this.look(), TYPING_MS);
  }

  private async look(): Promise<void> {
    const { sql, text } = this;
    if (sql.trim() === "") return;
    const check = await this.experiment.checkQuestion(sql, text.trim() || "?").catch((error: unknown): QuestionCheck => {
      const { message, hint } = asFailure(error);
      return { question: null, problem: message, hint, preview: null, warnings: [] };
    });
    if (sql === this.sql && text === this.text) this.check = check;
  }

  private async add(): Promise<void> {
    const check = await this.experiment.addQuestion(this.sql, this.text);
    this.check = check;
    if (check.problem === null) [this.sql, this.text, this.check] = ["", "", null];
  }

  private reseed(input: HTMLInputElement): void {
    const seed = Number(input.value);
    if (input.value === "" || !Number.isInteger(seed) || seed < 0 || seed > 4_294_967_295) input.value = String(this.experiment.settings.questionSeed);
    else void this.experiment.makeQuestions(seed);
  }
}
customElements.define("gs-holo-questions", QuestionsPanel);

function previewed({ columns, rows }: Gold): string {
  const shown = rows.slice(0, PREVIEW_ROWS).map((row) => row.map((value, i) => `${columns[i] ?? ""} ${shownValue(value)}`).join(", "));
  return shown.join(" | ") + (rows.length > PREVIEW_ROWS ? " …" : "");
}
