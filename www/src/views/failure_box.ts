/** An error of the app: what happened, what was kept, what to do next, a button for it, details to copy. */
import { css, html, nothing } from "lit";
import { t } from "../strings";
import { copyText } from "./copy";
import { GlitchscopeElement, sheet } from "./element";

export interface FailureView {
  title: string;
  message: string;
  hint: string | null;
  /** What is still there. */
  kept: string;
  action: { label: string; run: () => void } | null;
  /** For whoever has to find the fault. */
  details: string;
}

export class FailureBox extends GlitchscopeElement {
  static override styles = [sheet, css`
    section { border: 1px solid var(--warn); border-inline-start-width: 4px; border-radius: 4px; background: var(--surface); padding: 12px 16px; max-width: 80ch; }
    h2 { font-size: 15px; color: var(--warn); }
    p { margin-top: 4px; overflow-wrap: anywhere; }
    .row { display: flex; flex-wrap: wrap; gap: 8px; margin-top: 12px; }
  `];
  static override properties = { view: { attribute: false }, copied: { state: true } };
  declare view: FailureView | null;
  declare copied: boolean;

  constructor() {
    super();
    this.view = null;
    this.copied = false;
  }

  override willUpdate(changes: Map<string, unknown>): void {
    if (changes.has("view")) this.copied = false;
  }

  override render() {
    const { view } = this;
    if (!view) return nothing;
    return html`
      <section role="alert">
        <h2>${view.title}</h2>
        <p lang="en" dir="auto">${view.message}</p>
        ${view.hint ? html`<p lang="en" dir="auto">${view.hint}</p>` : nothing}
        ${view.kept ? html`<p class="quiet">${view.kept}</p>` : nothing}
        <div class="row">
          ${view.action ? html`<button @click=${view.action.run}>${view.action.label}</button>` : nothing}
          <button @click=${this.copy}>${this.copied ? t("copied") : t("failure.copy")}</button>
          <button @click=${() => this.dispatchEvent(new Event("dismiss"))}>${t("failure.dismiss")}</button>
        </div>
      </section>`;
  }

  private async copy(): Promise<void> {
    this.copied = await copyText(this.view?.details ?? "");
  }
}
customElements.define("gs-failure", FailureBox);
