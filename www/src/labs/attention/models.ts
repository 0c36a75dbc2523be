/** The models that are measured: the page's own and up to two beside it. */
import { css, html, nothing } from "lit";
import { parameters } from "../../report/format";
import { SPECIMEN, SPECIMEN_LEGAL } from "../../state/loaded_model";
import { t } from "../../strings";
import { GlitchscopeElement, sheet } from "../../views/element";
import { deviceLine, progressOf } from "../shared";
import { type Lens, MODELS_MAX } from "./lens";
import "../../views/progress_bar";

/** Roundings of the page's own model that can stand beside it. */
const ROUNDINGS = ["f16", "int8", "int4"] as const;

export class LensModels extends GlitchscopeElement {
  static override styles = [sheet, css`
    ol { list-style: none; display: grid; gap: 4px; max-width: 860px; }
    li { min-height: 44px; display: flex; flex-wrap: wrap; align-items: center; gap: 4px 12px; border-bottom: 1px solid var(--rule); padding: 4px 0; }
    .what { flex: 1; min-width: 220px; }
    .what b { font-weight: 600; }
    .problem { color: var(--warn); flex-basis: 100%; font-size: 13px; overflow-wrap: anywhere; }
    gs-progress { flex: 1 1 320px; min-width: 0; }
    .row { display: flex; flex-wrap: wrap; gap: 8px; align-items: center; margin-top: 8px; }
    .row input { flex: 1 1 220px; min-width: 0; max-width: 420px; }
    select { max-width: 100%; }
    .about { font-size: 13px; color: var(--ink-2); margin-top: 4px; max-width: 76ch; }
  `];
  static override properties = { lens: { attribute: false }, version: { type: Number }, typed: { state: true }, refused: { state: true } };
  declare lens: Lens;
  /** Changes when the lens has. */
  declare version: number;
  declare typed: string;
  declare refused: boolean;

  constructor() {
    super();
    this.version = 0;
    this.typed = "";
    this.refused = false;
  }

  override render() {
    const { lens } = this;
    const { session, beside } = lens;
    const first = session.model?.info;
    const busy = session.job !== null || session.further.busy;
    return html`
      <ol>
        <li><span class="what">${first ? html`<b><bdi>${first.model.name}</bdi></b> <span class="quiet small">${this.about(first)}</span>` : html`<bdi>${session.wanted.name}</bdi>`}</span>
          <button ?disabled=${session.job !== null} @click=${() => this.dispatchEvent(new Event("change-model", { bubbles: true, composed: true }))}>${t("bar.change")}</button></li>
        ${beside.map((further) => html`<li>
          ${further.job?.kind === "load" ? html`<gs-progress .view=${progressOf(further.job)} @cancel=${() => further.cancel()}></gs-progress>`
            : html`<span class="what">${further.model ? html`<b><bdi>${further.model.info.model.name}</bdi></b>${further.placement.weights === "stored" ? nothing : ` ${t(`attention.rounded.${further.placement.weights}`)}`}
              <span class="quiet small">${this.about(further.model.info)}</span>` : html`<bdi>${further.wanted?.name ?? ""}</bdi>`}</span>`}
          ${further.trouble && further.trouble.during === "load" && further.wanted ? html`<button ?disabled=${busy} @click=${() => void further.load(further.wanted!)}>${t("failure.again")}</button>` : nothing}
          <button ?disabled=${session.job !== null} @click=${() => lens.removeModel(further)}>${t("attention.models.remove")}</button>
          ${further.trouble ? html`<p class="problem" role="alert" lang="en">${further.trouble.message} ${further.trouble.hint ?? ""}</p>` : nothing}
        </li>`)}
      </ol>
      ${beside.length < MODELS_MAX - 1 ? html`<div class="row">
        <select aria-label=${t("attention.models.add")} ?disabled=${busy || !first} @change=${this.chosen}>
          <option value="">${t("attention.models.add")}</option>
          ${[SPECIMEN, SPECIMEN_LEGAL].map(({ name }) => html`<option value=${name}>${t("attention.models.bundled", { name })}</option>`)}
          ${ROUNDINGS.map((weights) => html`<option value=${weights}>${t("attention.models.same", { name: first?.model.name ?? "", weights })}</option>`)}
        </select>
        <input type="text" inputmode="url" autocomplete="off" spellcheck="false" aria-label=${t("attention.models.address")} placeholder=${t("attention.models.address")}
          .value=${this.typed} aria-invalid=${this.refused} ?disabled=${busy || !first} @input=${(event: Event) => { this.typed = (event.target as HTMLInputElement).value; this.refused = false; }}
          @keydown=${(event: KeyboardEvent) => { if (event.key === "Enter") this.add(); }} />
        <button ?disabled=${busy || !first || this.typed.trim() === ""} @click=${this.add}>${t("attention.models.load")}</button>
      </div>
      <p class="about" aria-live="polite">${t(this.refused ? "dialog.address.refused" : "attention.models.about")}</p>` : nothing}`;
  }

  private about({ model, device }: { model: { parameters: number; stored_types: [string, number][] }; device: Parameters<typeof deviceLine>[0] }): string {
    return t("bar.model", {
      parameters: parameters(model.parameters), types: model.stored_types.map(([type]) => type).join(" + "), device: t(device.kind === "gpu" ? "device.gpu" : "device.cpu"),
    });
  }

  private readonly chosen = (event: Event): void => {
    const select = event.target as HTMLSelectElement;
    const { value } = select;
    select.value = "";
    const rounding = ROUNDINGS.find((weights) => weights === value);
    if (rounding) this.lens.addRounded(rounding);
    else if (value) this.lens.addModel(value);
  };

  private readonly add = (): void => {
    if (this.lens.addModel(this.typed)) this.typed = "";
    else this.refused = true;
  };
}
customElements.define("gs-lens-models", LensModels);
