/** The bar at the top: name, labs, the loaded model with a button to change it, theme, language. */
import { css, html, nothing } from "lit";
import { parameters } from "../report/format";
import type { SessionInfo } from "../report/types";
import { language, t, type Key } from "../strings";
import { GlitchscopeElement, sheet } from "./element";

export class ModelBar extends GlitchscopeElement {
  static override styles = [sheet, css`
    :host { display: block; border-bottom: 1px solid var(--rule); background: var(--paper); }
    .bar { display: flex; align-items: center; gap: 16px; height: 47px; max-width: 1600px; margin: 0 auto; padding: 0 16px; }
    .name { font-weight: 700; letter-spacing: -0.01em; }
    nav { display: flex; gap: 12px; font-size: 13px; }
    nav a { color: var(--ink-2); text-decoration: none; padding: 4px 0; }
    nav a { white-space: nowrap; }
    nav a[aria-current="page"] { color: var(--ink); border-bottom: 2px solid var(--accent); }
    nav a.lacking { color: var(--ink-2); text-decoration: line-through; }
    select { display: none; font-size: 13px; padding: 2px 4px; min-width: 0; }
    .model { margin-inline-start: auto; display: flex; align-items: center; gap: 8px; min-width: 0; font-size: 13px; }
    .model .what { min-width: 0; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
    .model b { font-weight: 600; }
    button { font-size: 13px; padding: 2px 10px; flex: none; }
    @media (max-width: 767px) { .bar { gap: 8px; padding: 0 12px; } nav { display: none; } select { display: block; } .model .more { display: none; } button { padding: 2px 8px; } }
    @media (max-width: 479px) { .name { display: none; } select { flex: 1 1 96px; } .model .what { max-width: 72px; } .bar { gap: 6px; } }
  `];
  static override properties = {
    info: { attribute: false }, name: { type: String }, labs: { attribute: false }, lab: { type: String }, theme: { type: String },
  };
  declare info: SessionInfo | null;
  /** What is shown instead of a loaded model: the name of the one that loads, or of a report. */
  declare name: string;
  /** With what the loaded model lacks for a lab, in words; empty when it lacks nothing. */
  declare labs: readonly { id: string; title: Key; lacks: string }[];
  declare lab: string;
  declare theme: "system" | "light" | "dark";

  constructor() {
    super();
    this.info = null;
    this.name = "";
    this.labs = [];
    this.lab = "";
    this.theme = "system";
  }

  override render() {
    const { info } = this;
    const next = { system: "light", light: "dark", dark: "system" } as const;
    return html`
      <header class="bar">
        <span class="name">Glitchscope</span>
        <nav aria-label=${t("bar.labs")}>${this.labs.map(({ id, title, lacks }) =>
          html`<a href=${`#lab=${id}`} class=${lacks ? "lacking" : ""} title=${lacks || nothing} aria-current=${id === this.lab ? "page" : "false"}
            @click=${(event: MouseEvent) => this.follow(event, id)}>${t(title)}${lacks ? html`<span class="visually-hidden"> (${lacks})</span>` : nothing}</a>`)}</nav>
        <select aria-label=${t("bar.labs")} @change=${(event: Event) => this.choose((event.target as HTMLSelectElement).value)}>
          ${this.labs.map(({ id, title, lacks }) => html`<option value=${id} .selected=${id === this.lab}>${t(title)}${lacks && ` (${lacks})`}</option>`)}
        </select>
        <div class="model">
          <span class="what" title=${info?.model.name ?? this.name}><b><bdi>${info?.model.name ?? this.name}</bdi></b>${info ? html`<span class="more quiet">,
            ${t("bar.model", {
              parameters: parameters(info.model.parameters), types: info.model.stored_types.map(([type]) => type).join(" + "),
              device: t(info.device.kind === "gpu" ? "device.gpu" : "device.cpu"),
            })}</span>` : ""}</span>
          <button @click=${() => this.dispatchEvent(new Event("change-model"))}>${t("bar.change")}</button>
        </div>
        <button aria-label=${t("bar.theme", { theme: t(`theme.${this.theme}`) })} @click=${() =>
          this.dispatchEvent(new CustomEvent("theme", { detail: next[this.theme] }))}>${t(`theme.${this.theme}`)}</button>
        <button lang=${language() === "en" ? "zh" : "en"} aria-label=${language() === "en" ? "切换到中文" : "Switch to English"}
          @click=${() => this.dispatchEvent(new CustomEvent("language", { detail: language() === "en" ? "zh" : "en" }))}>${
          language() === "en" ? "中文" : "EN"}</button>
      </header>`;
  }

  /** A click opens the lab here; with a modifier the link goes where the browser takes it. */
  private follow(event: MouseEvent, id: string): void {
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
    event.preventDefault();
    this.choose(id);
  }

  private choose(id: string): void {
    this.dispatchEvent(new CustomEvent("lab", { detail: id }));
  }
}
customElements.define("gs-model-bar", ModelBar);
