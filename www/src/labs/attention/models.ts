/** The models that are measured: the page's own and up to two beside it. */
import { css, html, nothing } from "lit";
import { parameters } from "../../report/format";
import type { SessionInfo } from "../../report/types";
import type { FurtherModel } from "../../state/further_models";
import { SPECIMEN, SPECIMEN_LEGAL } from "../../state/loaded_model";
import { t } from "../../strings";
import { GlitchscopeElement, sheet } from "../../views/element";
import "../further_model";
import { progressOf } from "../shared";
import { type Lens, MODELS_MAX } from "./lens";
import "../../views/progress_bar";

export class LensModels extends GlitchscopeElement {
  static override styles = [sheet, css`
    ol { list-style: none; display: grid; gap: 4px; align-content: start; min-height: 110px; max-width: 860px; }
    li { min-height: 53px; border-bottom: 1px solid var(--rule); padding: 4px 0; }
    .line { min-height: 44px; display: flex; flex-wrap: wrap; align-items: center; gap: 4px 12px; }
    .what { flex: 1; min-width: 180px; }
    .what b { font-weight: 600; }
    .problem { color: var(--warn); font-size: 13px; overflow-wrap: anywhere; }
    gs-progress { flex: 1 1 280px; min-width: 0; }
    .row { display: flex; flex-wrap: wrap; gap: 8px; align-items: center; margin-top: 8px; }
    .about { font-size: 13px; color: var(--ink-2); margin-top: 4px; max-width: 76ch; }
  `];
  static override properties = { lens: { attribute: false }, version: { type: Number }, choosing: { state: true } };
  declare lens: Lens;
  /** Changes when the lens has. */
  declare version: number;
  /** Models for which a person is being asked what to load. */
  declare choosing: readonly FurtherModel[];

  constructor() {
    super();
    this.version = 0;
    this.choosing = [];
  }

  override render() {
    const { session, beside } = this.lens;
    const first = session.model?.info;
    const busy = session.job !== null || session.further.busy;
    return html`
      <ol>
        <li><div class="line"><span class="what">${first ? html`<b><bdi>${first.model.name}</bdi></b> <span class="quiet small">${about(first)}</span>` : html`<bdi>${session.wanted.name}</bdi>`}</span>
          <button ?disabled=${session.job !== null} @click=${() => this.dispatchEvent(new Event("change-model", { bubbles: true, composed: true }))}>${t("bar.change")}</button></div></li>
        ${beside.map((further, i) => html`<li>${this.choosing.includes(further) && !further.model
          ? html`<gs-further-model .model=${further} .first=${session.model} name=${t("attention.models.number", { n: i + 2 })} ?busy=${session.job !== null} @put-away=${() => this.lens.removeModel(further)}></gs-further-model>`
          : this.line(further, busy)}</li>`)}
      </ol>
      ${beside.length < MODELS_MAX - 1 ? html`<div class="row">
        ${[SPECIMEN, SPECIMEN_LEGAL].map(({ name }) => html`<button ?disabled=${busy || !first} @click=${() => this.lens.addModel(name)}>${t("attention.models.bundled", { name })}</button>`)}
        <button ?disabled=${busy || !first} @click=${() => { this.choosing = [...this.choosing, session.further.add()]; }}>${t("attention.models.other")}</button>
      </div>` : nothing}
      <p class="about">${t("attention.models.about")}</p>`;
  }

  private line(further: FurtherModel, busy: boolean) {
    const { session } = this.lens;
    const { model, job, wanted, placement, trouble } = further;
    if (job?.kind === "load") return html`<div class="line"><gs-progress .view=${progressOf(job)} @cancel=${() => further.cancel()}></gs-progress></div>`;
    return html`<div class="line"><span class="what">${model
      ? html`<b><bdi>${model.info.model.name}</bdi></b> <span class="quiet small">${about(model.info)}${placement.weights === "stored" ? nothing : `, ${t(`weights.${placement.weights}`)}`}</span>`
      : html`<bdi>${wanted?.name ?? ""}</bdi> <span class="quiet small">${trouble ? nothing : t("attention.models.unloaded")}</span>`}</span>
      ${!model && wanted ? html`<button ?disabled=${busy} @click=${() => void further.load(wanted)}>${t("failure.again")}</button>` : nothing}
      <button ?disabled=${session.job !== null} @click=${() => this.lens.removeModel(further)}>${t("attention.models.remove")}</button></div>
      ${trouble ? html`<p class="problem" role="alert" lang="en">${trouble.message} ${trouble.hint ?? ""}</p>` : nothing}`;
  }
}
customElements.define("gs-lens-models", LensModels);

function about({ model, device }: SessionInfo): string {
  return t("bar.model", {
    parameters: parameters(model.parameters), types: model.stored_types.map(([type]) => type).join(" + "), device: t(device.kind === "gpu" ? "device.gpu" : "device.cpu"),
  });
}
