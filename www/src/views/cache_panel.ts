/** What this browser keeps of models from elsewhere: how much of each, and a way to be rid of it. */
import { css, html, nothing } from "lit";
import { bytes } from "../report/format";
import { t } from "../strings";
import { GlitchscopeElement, sheet } from "./element";

/** Bytes that are kept of a model, and bytes it has in all. */
export interface KeptModel {
  model: string;
  bytes: number;
  size: number;
}

export interface CacheView {
  models: KeptModel[];
  /** Bytes the browser allows; null when it does not tell. */
  quota: number | null;
}

export class CachePanel extends GlitchscopeElement {
  static override styles = [sheet, css`
    ul { list-style: none; }
    li { display: grid; grid-template-columns: minmax(0, 1fr) auto auto; gap: 4px 12px; align-items: center; padding: 6px 0; border-bottom: 1px solid var(--rule); }
    .name { overflow-wrap: anywhere; }
    .size { font-family: var(--mono); font-size: 13px; text-align: end; }
    .row { display: flex; flex-wrap: wrap; align-items: center; justify-content: space-between; gap: 8px; margin-top: 8px; }
  `];
  static override properties = { use: { attribute: false }, busy: { type: Boolean } };
  /** Undefined until it is known, null where the browser keeps nothing. */
  declare use: CacheView | null | undefined;
  /** True while a model is being loaded, which holds its files. */
  declare busy: boolean;

  constructor() {
    super();
    this.use = undefined;
    this.busy = false;
  }

  override render() {
    const { use } = this;
    if (use === undefined) return html`<p class="small quiet">${t("cache.asking")}</p>`;
    if (use === null) return html`<p class="small quiet">${t("cache.none")}</p>`;
    const total = use.models.reduce((sum, model) => sum + model.bytes, 0);
    return html`
      ${use.models.length === 0 ? nothing : html`<ul aria-label=${t("cache.title")}>${use.models.map((model) => this.row(model))}</ul>`}
      <div class="row">
        <p class="small quiet">${use.models.length === 0 ? t("cache.empty") : t("cache.total", { bytes: bytes(total) })}
          ${use.quota === null ? nothing : t("cache.quota", { quota: bytes(use.quota) })}</p>
        ${use.models.length > 1 ? html`<button ?disabled=${this.busy} @click=${() => this.forget(null)}>${t("cache.forget.all")}</button>` : nothing}
      </div>`;
  }

  private row(model: KeptModel) {
    const isWhole = model.bytes === model.size;
    const size = isWhole ? bytes(model.bytes) : t("cache.part", { bytes: bytes(model.bytes), size: bytes(model.size) });
    return html`<li>
      <bdi class="name">${model.model}</bdi><span class="size">${size}</span>
      <button ?disabled=${this.busy} aria-label=${t("cache.forget.one", { model: model.model })} @click=${() => this.forget(model.model)}>${t("cache.forget")}</button>
    </li>`;
  }

  private forget(model: string | null): void {
    this.dispatchEvent(new CustomEvent("forget", { detail: model }));
  }
}
customElements.define("gs-cache-panel", CachePanel);
