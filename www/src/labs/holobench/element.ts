/** What the lab's parts share: they are handed the experiment and follow it. */
import { css, type PropertyDeclarations } from "lit";
import { GlitchscopeElement } from "../../views/element";
import type { Experiment } from "./experiment";

export const parts = css`
  h2 { margin-bottom: 8px; }
  h3 { margin-top: 20px; }
  /* Under a fold, whose summary is no heading. */
  h2.sub { margin: 20px 0 0; font-size: 15px; }
  .about { max-width: 76ch; }
  .row { display: flex; flex-wrap: wrap; align-items: center; gap: 8px 16px; margin-top: 12px; }
  .row label, .fields label { display: inline-flex; gap: 8px; align-items: center; }
  .fields { display: flex; flex-wrap: wrap; gap: 8px 24px; margin-top: 12px; }
  .warn { color: var(--warn); }
  .scroll { overflow-x: auto; margin-top: 8px; }
  .scroll table { font-size: 13px; }
  td.number { white-space: nowrap; }
  textarea { font: 13px/1.5 var(--sans); color: inherit; background: var(--surface); border: 1px solid var(--field); border-radius: 4px; width: 100%; max-width: 96ch; min-height: 60px; padding: 8px; display: block; }
  textarea.mono { font-family: var(--mono); }
  .list { margin: 8px 0 0 18px; font-size: 13px; overflow-wrap: anywhere; }
  code { font-family: var(--mono); font-size: 12px; overflow-wrap: anywhere; }
  input.short { width: 96px; text-align: end; font-family: var(--mono); font-size: 13px; }
  input.wide { flex: 1; min-width: 160px; max-width: 420px; }
  details { margin-top: 8px; }
`;

/** An element with the experiment in it. */
export class ExperimentElement extends GlitchscopeElement {
  static override properties: PropertyDeclarations = { experiment: { attribute: false } };
  declare experiment: Experiment;
  private readonly onChange = () => this.requestUpdate();
  private followed: Experiment | undefined;

  override connectedCallback(): void {
    super.connectedCallback();
    this.attend();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.followed?.removeEventListener("change", this.onChange);
    this.followed = undefined;
  }

  override willUpdate(changes: Map<string, unknown>): void {
    if (changes.has("experiment")) this.attend();
  }

  private attend(): void {
    if (this.followed === this.experiment) return;
    this.followed?.removeEventListener("change", this.onChange);
    this.followed = this.experiment;
    this.followed?.addEventListener("change", this.onChange);
  }
}

/** Asks a person for files. */
export function pickFiles(accept: string, multiple: boolean, take: (files: File[]) => void): void {
  const input = document.createElement("input");
  input.type = "file";
  input.accept = accept;
  input.multiple = multiple;
  input.addEventListener("change", () => take([...(input.files ?? [])]));
  input.click();
}
