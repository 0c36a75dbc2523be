/** Another model or a saved report: from the specimen, files, a folder, an address; and the device that runs it. */
import { css, html, nothing } from "lit";
import { bytes } from "../report/format";
import type { DevicePreference } from "../report/types";
import { t } from "../strings";
import { GlitchscopeElement, sheet } from "./element";
import type { CacheView } from "./cache_panel";
import "./cache_panel";

const WEIGHTS = ["stored", "f16", "int8", "int4"] as const;

/** What a drop or a pick turned out to be, in words the dialog can show. */
export interface Found {
  title: string;
  /** `bytes` is null where nobody says. */
  files: { name: string; bytes: number | null }[];
  problem: string;
  load: (() => void) | null;
  /** Where every file is a model of its own. */
  choose?: (file: string) => void;
}

/** An address as it was typed, the hub that ids are looked up at, and a token for it. The listener sets what it refuses. */
export interface TypedAddress {
  typed: string;
  hub: string;
  token: string;
  refused: "" | "address" | "hub";
}

export class ModelDialog extends GlitchscopeElement {
  static override styles = [sheet, css`
    dialog { width: min(640px, calc(100vw - 24px)); max-height: calc(100vh - 32px); padding: 20px; border: 1px solid var(--rule); border-radius: 4px; background: var(--paper); color: var(--ink); overflow-y: auto; }
    dialog::backdrop { background: rgb(0 0 0 / 0.4); }
    .head { display: flex; justify-content: space-between; align-items: center; gap: 16px; }
    h3 { margin-top: 20px; }
    .row { display: flex; flex-wrap: wrap; gap: 8px; margin-top: 8px; }
    .row input[type="text"] { flex: 1; min-width: 180px; }
    input[type="file"] { display: none; }
    p.small { margin-top: 6px; }
    .found { margin-top: 16px; padding: 12px 16px; border: 1px solid var(--accent); border-radius: 4px; background: var(--surface); }
    .found ul { list-style: none; margin-top: 8px; font-size: 13px; max-height: 160px; overflow-y: auto; }
    .found li { display: flex; justify-content: space-between; align-items: center; gap: 16px; }
    .found .choices { max-height: 50vh; }
    .found .choices li { padding: 4px 0; }
    .found .choices li span:first-child { flex: 1; }
    .found .choices .quiet { white-space: nowrap; }
    .found li span:first-child { overflow-wrap: anywhere; font-family: var(--mono); }
    details { margin-top: 8px; }
    .fields { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 220px), 1fr)); gap: 8px 12px; margin-top: 8px; }
    .fields label { display: grid; gap: 2px; }
    .fields input[type="password"] { min-height: 32px; padding: 4px 8px; border: 1px solid var(--field); border-radius: 4px; background: var(--surface); }
    gs-cache-panel { margin-top: 4px; }
    .problem { color: var(--warn); margin-top: 8px; }
  `];
  static override properties = {
    device: { type: String }, weights: { type: String }, deviceLine: { type: String }, found: { attribute: false }, typed: { state: true }, refused: { state: true },
    hub: { type: String }, use: { attribute: false }, busy: { type: Boolean },
  };
  declare device: DevicePreference;
  declare weights: (typeof WEIGHTS)[number];
  /** Which device is in use, and why. */
  declare deviceLine: string;
  declare found: Found | null;
  declare typed: string;
  declare refused: TypedAddress["refused"];
  /** Address of the hub; what is typed stays here until it is used. */
  declare hub: string;
  declare use: CacheView | null | undefined;
  declare busy: boolean;
  private token = "";

  constructor() {
    super();
    this.device = "auto";
    this.weights = "stored";
    this.deviceLine = "";
    this.found = null;
    this.typed = "";
    this.refused = "";
    this.hub = "";
    this.use = undefined;
    this.busy = false;
  }

  show(): void {
    const { dialog } = this;
    if (dialog && !dialog.open) dialog.showModal();
  }

  close(): void {
    this.dialog?.close();
  }

  override render() {
    return html`
      <dialog aria-labelledby="title" @close=${() => { this.found = null; this.dispatchEvent(new Event("closed")); }}>
        <div class="head"><h2 id="title">${t("dialog.title")}</h2><button @click=${this.close}>${t("dialog.close")}</button></div>
        ${this.found ? this.recognised(this.found) : nothing}
        <h3>${t("dialog.specimen")}</h3>
        <div class="row"><button @click=${() => this.tell("specimen")}>${t("dialog.specimen.load")}</button></div>
        <h3>${t("dialog.files")}</h3>
        <div class="row">
          <button @click=${() => this.browse("files")}>${t("dialog.files.pick")}</button>
          <button @click=${() => this.browse("folder")}>${t("dialog.folder.pick")}</button>
        </div>
        <p class="small quiet">${t("dialog.files.what")}</p>
        <h3>${t("dialog.address")}</h3>
        <div class="row">
          <input type="text" inputmode="url" autocomplete="off" spellcheck="false" aria-label=${t("dialog.address")}
            placeholder="HuggingFaceTB/SmolLM2-135M-Instruct" .value=${this.typed} aria-invalid=${this.refused === "address"}
            @input=${(event: Event) => { this.typed = (event.target as HTMLInputElement).value; this.refused = ""; }}
            @keydown=${(event: KeyboardEvent) => { if (event.key === "Enter") this.address(); }} />
          <button ?disabled=${this.typed.trim() === ""} @click=${this.address}>${t("dialog.address.load")}</button>
        </div>
        <p class="small ${this.refused ? "problem" : "quiet"}" aria-live="polite">${t(this.refused === "address" ? "dialog.address.refused" : this.refused === "hub" ? "dialog.hub.refused" : "dialog.address.what")}</p>
        <details ?open=${this.refused === "hub"}>
          <summary class="small">${t("dialog.hub")}</summary>
          <div class="fields">
            <label><span class="small">${t("dialog.hub.host")}</span><input type="text" inputmode="url" autocomplete="off" spellcheck="false"
              .value=${this.hub} aria-invalid=${this.refused === "hub"} @input=${(event: Event) => { this.hub = (event.target as HTMLInputElement).value; this.refused = ""; }} /></label>
            <label><span class="small">${t("dialog.hub.token")}</span><input type="password" autocomplete="off" spellcheck="false"
              @input=${(event: Event) => { this.token = (event.target as HTMLInputElement).value; }} /></label>
          </div>
          <p class="small quiet">${t("dialog.hub.what")}</p>
        </details>
        <h3>${t("cache.title")}</h3>
        <gs-cache-panel .use=${this.use} ?busy=${this.busy} @forget=${(event: CustomEvent<string | null>) => this.tell("forget", event.detail)}></gs-cache-panel>
        <h3>${t("dialog.device")}</h3>
        <div class="row">
          <div class="segmented" role="radiogroup" aria-label=${t("dialog.device")}>
            ${(["auto", "gpu", "cpu"] as const).map((device) => html`<label><input type="radio" name="device" value=${device}
              .checked=${this.device === device} @change=${() => this.tell("device", device)} />${t(`device.${device}`)}</label>`)}
          </div>
        </div>
        <p class="small quiet">${this.deviceLine}</p>
        <h3>${t("dialog.weights")}</h3>
        <div class="row">
          <div class="segmented" role="radiogroup" aria-label=${t("dialog.weights")}>
            ${WEIGHTS.map((weights) => html`<label><input type="radio" name="weights" value=${weights}
              .checked=${this.weights === weights} @change=${() => this.tell("weights", weights)} />${t(`weights.${weights}`)}</label>`)}
          </div>
        </div>
        <p class="small quiet">${t("dialog.weights.what")}</p>
        <h3>${t("dialog.report")}</h3>
        <div class="row"><button @click=${() => this.browse("report")}>${t("dialog.report.pick")}</button></div>
        <p class="small quiet">${t("dialog.report.what")}</p>
        <input id="files" type="file" multiple tabindex="-1" aria-label=${t("dialog.files.pick")} @change=${this.picked} />
        <input id="folder" type="file" webkitdirectory tabindex="-1" aria-label=${t("dialog.folder.pick")} @change=${this.picked} />
        <input id="report" type="file" accept=".json,application/json" tabindex="-1" aria-label=${t("dialog.report.pick")} @change=${this.picked} />
      </dialog>`;
  }

  private recognised(found: Found) {
    const { files, choose } = found;
    const total = files.reduce((sum, file) => sum + (file.bytes ?? 0), 0);
    return html`<div class="found" role="status">
      <b>${found.title}</b>${files.length > 0 && !choose ? html` <span class="quiet">${bytes(total)}</span>` : nothing}
      <ul class=${choose ? "choices" : ""}>${files.slice(0, choose ? 200 : 50).map((file) => html`<li><span><bdi>${file.name}</bdi></span>
        <span class="quiet">${file.bytes === null ? nothing : bytes(file.bytes)}</span>
        ${choose ? html`<button aria-label=${t("found.choose.file", { file: file.name })} @click=${() => choose(file.name)}>${t("dialog.address.load")}</button>` : nothing}</li>`)}</ul>
      ${found.problem ? html`<p class="problem">${found.problem}</p>` : nothing}
      ${found.load ? html`<div class="row"><button class="primary" @click=${found.load}>${t("dialog.load")}</button></div>` : nothing}
    </div>`;
  }

  private get dialog(): HTMLDialogElement | null {
    return this.renderRoot.querySelector("dialog");
  }

  private browse(id: string): void {
    this.renderRoot.querySelector<HTMLInputElement>(`#${id}`)?.click();
  }

  private readonly picked = (event: Event): void => {
    const input = event.target as HTMLInputElement;
    if (input.files && input.files.length > 0) this.tell("files", [...input.files]);
    // The same file can be picked again after it was corrected.
    input.value = "";
  };

  private readonly address = (): void => {
    const detail: TypedAddress = { typed: this.typed, hub: this.hub, token: this.token.trim(), refused: "" };
    this.dispatchEvent(new CustomEvent("address", { detail }));
    this.refused = detail.refused;
  };

  private tell(name: string, detail?: unknown): void {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}
customElements.define("gs-model-dialog", ModelDialog);
