/** What leaves the page and what comes back: a report in every form, and the comparison with another one. */
import { html, nothing } from "lit";
import type { ExportFormat } from "../../core/client";
import { written } from "../../core/parcel";
import { count } from "../../report/format";
import type { Session } from "../../state/session";
import { t, type Key } from "../../strings";
import { download } from "../../views/download";
import "../../views/diff_panel";
import "../../views/progress_bar";
import "../further_model";

/** Forms of a report besides JSON and CSV, which have buttons of their own. */
const FORMS: readonly { format: ExportFormat; ending: string; type: string }[] = [
  { format: "html", ending: ".html", type: "text/html" },
  { format: "markdown", ending: ".md", type: "text/markdown" },
  { format: "strings", ending: ".txt", type: "text/plain" },
  { format: "clusters-csv", ending: "-clusters.csv", type: "text/csv" },
  { format: "strings-json", ending: "-strings.json", type: "application/json" },
];

/** Buttons for the other forms, folded, at the end of the export row. */
export function exports(session: Session, stem: string) {
  const save = async ({ format, ending, type }: (typeof FORMS)[number]): Promise<void> => {
    const text = await session.exportAs(format);
    if (text !== null) download(text, stem + ending, `${type};charset=utf-8`);
  };
  return html`<details class="forms"><summary>${t("export.forms")}</summary><div class="row">${FORMS.map((form) => html`<button ?disabled=${!session.report || session.job !== null} title=${t(`export.${form.format}.about`)}
    @click=${() => void save(form)}>${t(`export.${form.format}`)}</button>`)}</div></details>`;
}

/** The offer to go on with a scan that was left behind. */
export function keptScan(session: Session) {
  const { kept } = session;
  if (!kept || session.job) return nothing;
  return html`<p class="row small kept" role="status">${t("kept.found", {
    n: count(kept.answered), method: t(`method.${kept.choice}` as Key), time: new Date(Number(kept.job)).toLocaleString(),
  })} <button @click=${() => void session.resume()}>${t("kept.resume")}</button>
    <button @click=${() => void session.dropKept()}>${t("kept.drop")}</button></p>`;
}

/** The loaded model against another one, and the shown report against one from a file. */
export function comparison(session: Session, stem: string) {
  const { other, job } = session;
  if (!session.report && !session.model) return nothing;
  const compare = async (event: Event): Promise<void> => {
    const input = event.target as HTMLInputElement;
    const file = input.files?.[0];
    input.value = "";
    if (file) await session.compareWith(file, file.name);
  };
  const save = async (format: "json" | "csv"): Promise<void> => {
    const text = format === "json" ? await written(session.difference?.diff) : await session.differenceCsv();
    if (text !== null) download(text, `${stem}-comparison.${format}`, format === "json" ? "application/json" : "text/csv");
  };
  const { difference } = session;
  const ready = session.model !== null && other?.model && other.job === null && job === null && session.fromFile === null;
  return html`<section class="comparison" aria-label=${t("diff.heading")}>
    <h2>${t("diff.heading")}</h2>
    <p class="how">${t("diff.about")}</p>
    ${other ? html`<gs-further-model .model=${other} .first=${session.model} name=${t("compare.second")} ?busy=${job !== null}
        @put-away=${() => session.removeOther()}></gs-further-model>
      <p class="small quiet how">${t("compare.what")}</p>
      <div class="run">${job?.kind === "compare" ? html`<gs-progress .view=${{
        stage: job.stage, detail: job.detail, done: job.done, total: job.total, unit: job.unit, rate: job.rate, left: job.left,
        part: job.part, parts: job.parts, cancelling: job.cancelling,
      }} @cancel=${() => session.cancel()}></gs-progress>` : html`<button ?disabled=${!ready} @click=${() => void session.compareModels()}>${t("compare.run")}</button>`}</div>` : nothing}
    <div class="row">
      ${other ? nothing : html`<button ?disabled=${session.model === null || job !== null} @click=${() => session.addOther()}>${t("compare.add")}</button>`}
      <button ?disabled=${session.job !== null || !session.report} @click=${(event: Event) => ((event.target as HTMLElement).nextElementSibling as HTMLInputElement).click()}>${t("diff.open")}</button>
      <input class="visually-hidden" id="other-report" type="file" accept=".json,application/json" tabindex="-1" aria-label=${t("diff.open")} @change=${(event: Event) => void compare(event)} />
      ${difference ? html`<button @click=${() => session.dropComparison()}>${t("diff.close")}</button>` : nothing}
    </div>
    ${difference && session.report ? html`<gs-diff .diff=${difference.diff} nameA=${session.fromFile ?? t("diff.shown")} nameB=${difference.name} stem=${`${stem}-comparison`}
      @save=${(event: CustomEvent<"json" | "csv">) => void save(event.detail)}
      @pick=${(event: CustomEvent<number>) => session.pick(event.detail)}></gs-diff>` : nothing}
  </section>`;
}
