/**
 * A model beside the first one: where it comes from, in which precision, on which device; its loading, and what it is. For
 * every lab that compares models.
 */
import { css, html, nothing } from "lit";
import { parseHub } from "../core/address";
import { filesFromInput, recognise } from "../core/files";
import type { SourceSpec } from "../core/client";
import { type Placement, WEIGHT_STORAGES, type WeightStorage } from "../core/placement";
import { parameters } from "../report/format";
import type { DevicePreference } from "../report/types";
import type { FurtherModel } from "../state/further_models";
import { type LoadedModel, SPECIMEN } from "../state/loaded_model";
import { hubAddress } from "../state/preferences";
import { t } from "../strings";
import { GlitchscopeElement, sheet } from "../views/element";
import "../views/failure_box";
import "../views/progress_bar";

const ORIGINS = ["same", "specimen", "address", "files"] as const;
type Origin = (typeof ORIGINS)[number];

export class FurtherModelPicker extends GlitchscopeElement {
  static override styles = [sheet, css`
    section { border-top: 1px solid var(--rule); padding-top: 12px; margin-top: 12px; max-width: 860px; }
    .row { display: flex; flex-wrap: wrap; align-items: center; gap: 8px 16px; margin-top: 8px; }
    .row input[type="text"] { flex: 1; min-width: 180px; max-width: 420px; }
    input[type="password"] { min-height: 32px; padding: 4px 8px; border: 1px solid var(--field); border-radius: 4px; background: var(--surface); }
    .loaded { display: flex; flex-wrap: wrap; align-items: baseline; justify-content: space-between; gap: 8px 16px; }
    .loaded p { overflow-wrap: anywhere; }
    .state { min-height: 52px; margin-top: 8px; }
    .problem { color: var(--warn); }
    label.field { display: inline-flex; flex-wrap: wrap; align-items: center; gap: 4px 8px; }
  `];
  static override properties = {
    model: { attribute: false }, first: { attribute: false }, name: { type: String }, busy: { type: Boolean },
    origin: { state: true }, typed: { state: true }, found: { state: true }, weights: { state: true }, device: { state: true }, problem: { state: true },
  };
  declare model: FurtherModel;
  /** The model that is loaded already, to be taken again in another precision. */
  declare first: LoadedModel | null;
  /** What the model is called in the lab: "Second model". */
  declare name: string;
  /** True while the lab works, and nothing may be loaded. Dispatches `put-away`. */
  declare busy: boolean;
  declare origin: Origin;
  declare typed: string;
  declare found: SourceSpec | null;
  declare weights: WeightStorage;
  declare device: DevicePreference;
  declare problem: string;
  private token = "";
  private heard: FurtherModel | undefined;
  private readonly onChange = () => this.requestUpdate();

  constructor() {
    super();
    this.first = null;
    this.name = "";
    this.busy = false;
    this.origin = "same";
    this.typed = "";
    this.found = null;
    this.weights = "int8";
    this.device = "auto";
    this.problem = "";
  }

  override connectedCallback(): void {
    super.connectedCallback();
    // Moved elsewhere, it has to listen again.
    this.requestUpdate();
  }

  override willUpdate(): void {
    if (this.heard === this.model) return;
    this.heard?.removeEventListener("change", this.onChange);
    this.heard = this.model;
    this.heard.addEventListener("change", this.onChange);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.heard?.removeEventListener("change", this.onChange);
    this.heard = undefined;
  }

  override render() {
    const { model, origin } = this;
    const idle = !this.busy && model.job === null;
    const radios = <T extends string>(name: string, label: string, all: readonly T[], chosen: T, text: (one: T) => string, set: (one: T) => void, off: (one: T) => boolean = () => false) => html`
      <div class="segmented small" role="radiogroup" aria-label=${label}>${all.map((one) => html`<label><input type="radio" name=${name} value=${one}
        .checked=${chosen === one} ?disabled=${!idle || off(one)} @change=${() => set(one)} />${text(one)}</label>`)}</div>`;
    return html`<section aria-label=${this.name}>
      <div class="loaded"><h3>${this.name}</h3><button class="link small" ?disabled=${this.busy} @click=${() => this.dispatchEvent(new Event("put-away"))}>${t("further.remove")}</button></div>
      <div class="row">
        ${radios("origin", t("further.origin"), ORIGINS, origin, (one) => t(`further.${one}`), (one) => { this.origin = one; this.problem = ""; }, (one) => one === "same" && !this.first)}
      </div>
      ${origin === "address" ? html`<div class="row">
        <input type="text" inputmode="url" autocomplete="off" spellcheck="false" aria-label=${t("dialog.address")} placeholder="HuggingFaceTB/SmolLM2-135M-Instruct"
          .value=${this.typed} ?disabled=${!idle} @input=${(event: Event) => { this.typed = (event.target as HTMLInputElement).value; this.problem = ""; }} />
        <label class="field small">${t("dialog.hub.token")} <input type="password" autocomplete="off" spellcheck="false" ?disabled=${!idle}
          @input=${(event: Event) => { this.token = (event.target as HTMLInputElement).value.trim(); }} /></label>
      </div>` : nothing}
      ${origin === "files" ? html`<div class="row">
        <button ?disabled=${!idle} @click=${() => this.browse("files")}>${t("dialog.files.pick")}</button>
        <button ?disabled=${!idle} @click=${() => this.browse("folder")}>${t("dialog.folder.pick")}</button>
        <span class="small quiet">${this.found ? t("found.model", { name: this.found.name }) : ""}</span>
        <input class="visually-hidden" id="files" type="file" multiple tabindex="-1" aria-label=${t("dialog.files.pick")} @change=${(event: Event) => void this.picked(event)} />
        <input class="visually-hidden" id="folder" type="file" webkitdirectory tabindex="-1" aria-label=${t("dialog.folder.pick")} @change=${(event: Event) => void this.picked(event)} />
      </div>` : nothing}
      <div class="row">
        <span class="small">${t("dialog.weights")}</span>
        ${radios("weights", t("dialog.weights"), WEIGHT_STORAGES, this.weights, (one) => t(`weights.${one}`), (one) => { this.weights = one; })}
        <span class="small">${t("dialog.device")}</span>
        ${radios("device", t("dialog.device"), ["auto", "gpu", "cpu"] as const, this.device as "auto" | "gpu" | "cpu", (one) => t(`device.${one}`), (one) => { this.device = one; })}
        <button ?disabled=${!idle || !this.spec()} @click=${() => void this.load()}>${t("further.load")}</button>
      </div>
      <div class="state" aria-live="polite">${this.problem ? html`<p class="small problem">${this.problem}</p>` : this.state()}</div>
    </section>`;
  }

  private state() {
    const { model } = this;
    const { job, trouble } = model;
    if (job?.kind === "load") {
      return html`<gs-progress .view=${{
        stage: job.stage, detail: job.detail, done: job.done, total: job.total, unit: job.unit, rate: job.rate, left: job.left,
        part: 1, parts: 1, cancelling: job.cancelling,
      }} @cancel=${() => model.cancel()}></gs-progress>`;
    }
    if (trouble) {
      return html`<gs-failure .view=${{
        title: t(trouble.during === "load" ? "failure.load" : "failure.compare"), message: trouble.message, hint: trouble.hint, kept: "",
        action: null, details: JSON.stringify({ ...trouble, model: model.wanted?.name, device: model.placement.device, browser: navigator.userAgent }, null, 1),
      }} @dismiss=${() => model.dismiss()}></gs-failure>`;
    }
    const info = model.model?.info;
    if (!info) return html`<p class="small quiet">${t("further.none")}</p>`;
    return html`<p class="small"><b><bdi>${info.model.name}</bdi></b>, ${t("bar.model", {
      parameters: parameters(info.model.parameters), types: info.model.stored_types.map(([type]) => type).join(" + "),
      device: t(info.device.kind === "gpu" ? "device.gpu" : "device.cpu"),
    })}. ${info.has_tokenizer ? "" : t("plan.no_tokenizer")}</p>`;
  }

  /** What would be loaded; for an address anything that was typed. */
  private spec(): SourceSpec | "typed" | null {
    if (this.origin === "same") return this.first?.spec ?? null;
    if (this.origin === "specimen") return SPECIMEN;
    if (this.origin === "files") return this.found;
    return this.typed.trim() === "" ? null : "typed";
  }

  private async load(): Promise<void> {
    const spec = this.spec();
    const placement: Placement = { device: this.device, weights: this.weights };
    if (spec === null) return;
    if (spec !== "typed") {
      await this.model.load(spec, placement);
      return;
    }
    this.model.placement = placement;
    if (!this.model.loadTyped(this.typed, parseHub(hubAddress()) ?? hubAddress(), this.token)) this.problem = t("dialog.address.refused");
  }

  private browse(id: "files" | "folder"): void {
    this.renderRoot.querySelector<HTMLInputElement>(`#${id}`)?.click();
  }

  private async picked(event: Event): Promise<void> {
    const input = event.target as HTMLInputElement;
    const files = filesFromInput(input.files ?? []);
    input.value = "";
    if (files.length === 0) return;
    const found = await recognise(files);
    this.found = null;
    if (found.kind !== "model") {
      this.problem = t("found.unknown.hint");
      return;
    }
    const needed = found.missing.filter((name) => name !== "tokenizer.json");
    this.problem = needed.length > 0 ? t("found.missing", { files: needed.join(", ") }) : "";
    if (needed.length === 0) this.found = found.spec;
  }
}
customElements.define("gs-further-model", FurtherModelPicker);
