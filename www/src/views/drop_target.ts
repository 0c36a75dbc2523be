/** The whole page takes files. While something is dragged over it, a sheet says so. */
import { css, html } from "lit";
import { t } from "../strings";
import { GlitchscopeElement, sheet } from "./element";

export class DropTarget extends GlitchscopeElement {
  static override styles = [sheet, css`
    .sheet { position: fixed; inset: 8px; z-index: 10; display: grid; place-items: center; border: 2px dashed var(--accent); border-radius: 4px; background: color-mix(in srgb, var(--paper) 88%, transparent); font-size: 18px; pointer-events: none; padding: 24px; text-align: center; }
  `];
  static override properties = { over: { state: true } };
  declare over: boolean;
  private depth = 0;

  constructor() {
    super();
    this.over = false;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    window.addEventListener("dragenter", this.enter);
    window.addEventListener("dragleave", this.leave);
    window.addEventListener("dragover", this.dragover);
    window.addEventListener("drop", this.drop);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    window.removeEventListener("dragenter", this.enter);
    window.removeEventListener("dragleave", this.leave);
    window.removeEventListener("dragover", this.dragover);
    window.removeEventListener("drop", this.drop);
  }

  override render() {
    return html`<div class="sheet" ?hidden=${!this.over} aria-hidden="true">${t("drop.here")}</div>`;
  }

  private readonly enter = (event: DragEvent): void => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    this.depth++;
    this.over = true;
  };

  private readonly leave = (event: DragEvent): void => {
    if (!carriesFiles(event)) return;
    this.depth = Math.max(0, this.depth - 1);
    this.over = this.depth > 0;
  };

  private readonly dragover = (event: DragEvent): void => {
    if (carriesFiles(event)) event.preventDefault();
  };

  private readonly drop = (event: DragEvent): void => {
    if (!carriesFiles(event) || !event.dataTransfer) return;
    event.preventDefault();
    this.depth = 0;
    this.over = false;
    this.dispatchEvent(new CustomEvent("files-dropped", { detail: event.dataTransfer }));
  };
}
customElements.define("gs-drop-target", DropTarget);

function carriesFiles(event: DragEvent): boolean {
  return event.dataTransfer?.types.includes("Files") ?? false;
}
