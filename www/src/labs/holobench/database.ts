/** The database: where it comes from, its tables, the keys that join them, and the sentences that its rows become. */
import { html, nothing } from "lit";
import { count, percent } from "../../report/format";
import { t } from "../../strings";
import { sheet } from "../../views/element";
import { ExperimentElement, parts, pickFiles } from "./element";
import { databaseOf } from "./files";
import type { TemplateInfo } from "./types";

export class DatabasePanel extends ExperimentElement {
  static override styles = [sheet, parts];
  static override properties = { ...super.properties, drafts: { state: true } };
  /** Templates that are being written, by their tables. */
  declare drafts: ReadonlyMap<string, string>;

  constructor() {
    super();
    this.drafts = new Map();
  }

  override render() {
    const { experiment } = this;
    const { info, spec, settings } = experiment;
    const idle = experiment.busy !== "database" && experiment.session.job === null;
    return html`
      <p class="about">${t("holo.database.about")}</p>
      <div class="row">
        <button aria-pressed=${spec.kind === "synthetic"} ?disabled=${!idle} @click=${() => void experiment.openDatabase({ kind: "synthetic", seed: settings.dataSeed })}>${t("holo.database.builtin")}</button>
        <button ?disabled=${!idle} @click=${() => pickFiles(".sqlite,.sqlite3,.db,.db3,.s3db", false, (files) => this.open(files))}>${t("holo.database.sqlite")}</button>
        <button ?disabled=${!idle} @click=${() => pickFiles(".csv,.tsv", true, (files) => this.open(files))}>${t("holo.database.csv")}</button>
        ${spec.kind === "synthetic" ? html`<label>${t("holo.seed")} <input class="short" type="number" min="0" max="4294967295" step="1" .value=${String(settings.dataSeed)} ?disabled=${!idle}
          @change=${(event: Event) => this.reseed(event.target as HTMLInputElement)} /></label>` : nothing}
      </div>
      ${info ? html`
        <h2 class="sub"><bdi>${info.name}</bdi></h2>
        <div class="scroll" tabindex="0" role="region" aria-label=${t("holo.database.tables")}><table>
          <thead><tr><th scope="col">${t("holo.column.table")}</th><th scope="col" class="number">${t("holo.column.rows")}</th><th scope="col">${t("holo.column.columns")}</th></tr></thead>
          <tbody>${info.tables.map((table) => html`<tr><td><bdi>${table.name}</bdi></td><td class="number">${count(table.rows)}</td>
            <td>${table.columns.map((column, i) => html`${i > 0 ? ", " : ""}<bdi>${column.name}</bdi> <span class="quiet">${t(`holo.kind.${column.kind}`)}${column.nulls > 0
              ? t("holo.nulls", { n: count(column.nulls) }) : ""}</span>`)}</td></tr>`)}</tbody>
        </table></div>
        ${info.notes.length > 0 ? html`<details ?open=${info.notes.length < 4}><summary>${t("holo.database.notes", { n: count(info.notes.length) })}</summary>
          <ul class="list" lang="en">${info.notes.map((note) => html`<li dir="auto">${note}</li>`)}</ul></details>` : nothing}
        <h2 class="sub">${t("holo.keys")}</h2>
        <p class="small quiet about">${t("holo.keys.about")}</p>
        ${info.keys.length === 0 ? html`<p class="small">${t("holo.keys.none")}</p>` : html`<div class="fields">${info.keys.map((key, i) => html`<label class="small">
          <input type="checkbox" .checked=${key.confirmed} ?disabled=${!idle} @change=${(event: Event) => void experiment.confirmKey(i, (event.target as HTMLInputElement).checked)} />
          <span><code>${key.table}.${key.column} → ${key.parent}.${key.parent_column}</code> <span class="quiet">${t(`holo.keys.${key.source}`, { share: percent(key.containment) })}</span></span>
        </label>`)}</div>`}
        <h2 class="sub">${t("holo.templates")}</h2>
        <p class="small quiet about">${t("holo.templates.about")}</p>
        ${experiment.templates.map((template) => this.template(template, idle))}` : nothing}`;
  }

  private template(template: TemplateInfo, idle: boolean) {
    const draft = this.drafts.get(template.table) ?? template.text;
    const id = `template-${template.table}`;
    return html`<details ?open=${template.problem !== null}>
      <summary><bdi>${template.table}</bdi> <span class="small ${template.problem === null ? "quiet" : "warn"}">${template.problem === null
        ? t("holo.template.ok", { n: count(template.rows_checked) }) : t("holo.template.refused")}</span></summary>
      ${template.example === null ? nothing : html`<p class="small"><q><bdi>${template.example}</bdi></q></p>`}
      <label class="small" for=${id}>${t("holo.template.text")}</label>
      <textarea id=${id} class="mono" spellcheck="false" .value=${draft} ?disabled=${!idle}
        @input=${(event: Event) => this.draft(template.table, (event.target as HTMLTextAreaElement).value)}></textarea>
      <p class="small warn" role="status" lang="en">${template.problem === null ? "" : `${template.problem_row === null ? "" : `${t("holo.template.row", { row: count(template.problem_row + 1) })} `}${template.problem}`}</p>
      <div class="row">
        <button ?disabled=${!idle || draft === template.text} @click=${() => void this.put(template.table, draft)}>${t("holo.template.check")}</button>
        <button ?disabled=${!idle || (template.is_default && draft === template.text)} @click=${() => void this.put(template.table, null)}>${t("holo.template.default")}</button>
      </div>
    </details>`;
  }

  private open(files: File[]): void {
    const spec = databaseOf(files.map((file) => ({ path: file.name, file })));
    if (spec) void this.experiment.openDatabase(spec);
  }

  private draft(table: string, text: string): void {
    this.drafts = new Map(this.drafts).set(table, text);
  }

  private async put(table: string, text: string | null): Promise<void> {
    await this.experiment.setTemplate(table, text);
    const drafts = new Map(this.drafts);
    drafts.delete(table);
    this.drafts = drafts;
  }

  private reseed(input: HTMLInputElement): void {
    const seed = Number(input.value);
    if (!Number.isInteger(seed) || seed < 0 || seed > 4_294_967_295 || input.value === "") {
      input.value = String(this.experiment.settings.dataSeed);
      return;
    }
    this.experiment.setSettings({ dataSeed: seed });
    void this.experiment.openDatabase({ kind: "synthetic", seed });
  }
}
customElements.define("gs-holo-database", DatabasePanel);
