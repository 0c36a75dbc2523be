/** Every detector against the exhaustive scan: one button, a table, a chart. */
import { html, nothing } from "lit";
import type { Session } from "../../state/session";
import { t } from "../../strings";
import { download } from "../../views/download";

const SEEDS_MAX = 100;

export function detectors(session: Session, stem: string) {
  const table = session.detectors;
  const running = session.job?.kind === "detectors";
  const save = async () => {
    const csv = await session.detectorsCsv();
    if (csv) download(csv, `${stem}.csv`, "text/csv");
  };
  return html`<section aria-label=${t("detectors.heading")}>
    <h2>${t("detectors.heading")}</h2>
    <p class="how">${t("detectors.about")}</p>
    <div class="row">
      <button ?disabled=${!session.model || session.job !== null || session.fromFile !== null} @click=${() => void session.compareDetectors()}>${
        t(session.truth ? "detectors.run" : "detectors.run_all")}</button>
      <label class="small">${t("detectors.seeds")} <input class="seeds" type="number" min="1" max=${SEEDS_MAX} step="1" .value=${String(session.seeds)}
        ?disabled=${session.job !== null} @change=${(event: Event) => {
          const input = event.target as HTMLInputElement;
          const seeds = Number(input.value);
          if (Number.isInteger(seeds) && seeds >= 1 && seeds <= SEEDS_MAX) session.setSeeds(seeds);
          else input.value = String(session.seeds);
        }} /></label>
    </div>
    ${table ? html`<gs-detectors .table=${table} ?running=${running}></gs-detectors>
      <gs-recall .table=${table} .stem=${stem} @csv=${() => void save()}></gs-recall>
      <p class="small quiet how reading">${t("detectors.reading")}</p>` : nothing}
  </section>`;
}
