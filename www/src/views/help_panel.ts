/** A lab's page of the documentation, folded, read when it is opened. */
import { css, html, nothing, type TemplateResult } from "lit";
import { t } from "../strings";
import { GlitchscopeElement, sheet } from "./element";

export type HelpInline =
  | { kind: "text" | "code"; text: string }
  | { kind: "strong" | "em"; text: HelpInline[] }
  | { kind: "link"; href: string; text: HelpInline[] };

export type HelpBlock =
  | { kind: "heading"; level: number; text: HelpInline[] }
  | { kind: "paragraph"; text: HelpInline[] }
  | { kind: "list"; ordered: boolean; items: HelpBlock[][] }
  | { kind: "code"; text: string }
  | { kind: "table"; header: HelpInline[][]; rows: HelpInline[][][] };

export class HelpPanel extends GlitchscopeElement {
  static override styles = [sheet, css`
    :host { display: block; }
    summary { font-size: 15px; }
    .page { max-width: 76ch; }
    h2 { margin-top: 16px; } h3 { margin-top: 20px; } h4 { margin: 16px 0 0; font-size: 15px; line-height: 1.25; }
    p, ul, ol { margin-top: 8px; overflow-wrap: anywhere; }
    ul, ol { padding-inline-start: 20px; }
    li > p { margin-top: 4px; }
    pre, .scroll { overflow-x: auto; margin: 8px 0 0; }
    pre { padding: 8px 12px; background: var(--tint); border-radius: 4px; font: 13px/1.5 var(--mono); }
    code { font-family: var(--mono); font-size: 0.9em; }
    table { font-size: 13px; }
  `];
  static override properties = { load: { attribute: false }, blocks: { state: true }, failed: { state: true } };
  declare load: (() => Promise<{ default: HelpBlock[] }>) | null;
  declare blocks: HelpBlock[] | null;
  declare failed: boolean;

  constructor() {
    super();
    this.load = null;
    this.blocks = null;
    this.failed = false;
  }

  override willUpdate(changes: Map<string, unknown>): void {
    if (!changes.has("load")) return;
    this.blocks = null;
    this.failed = false;
    if (this.renderRoot.querySelector("details")?.open) void this.read();
  }

  override render() {
    return html`<section aria-label=${t("help.title")}><details @toggle=${this.toggled}>
      <summary>${t("help.title")}</summary>
      <div class="page" lang="en">${this.failed ? html`<p>${t("help.failed")}</p>` : this.blocks ? this.blocks.map((one, i) => block(one, i)) : html`<p>${t("help.loading")}</p>`}</div>
    </details></section>`;
  }

  /** Opens the page and brings it into view. */
  async open(): Promise<void> {
    const details = this.renderRoot.querySelector("details")!;
    details.open = true;
    await this.read();
    details.scrollIntoView({ block: "start" });
    details.querySelector("summary")!.focus({ preventScroll: true });
  }

  private readonly toggled = (event: Event): void => {
    if ((event.target as HTMLDetailsElement).open) void this.read();
  };

  private async read(): Promise<void> {
    const { load } = this;
    if (!load || this.blocks) return;
    try {
      const { default: blocks } = await load();
      if (load === this.load) this.blocks = blocks;
    } catch {
      this.failed = true;
    }
    await this.updateComplete;
  }
}
customElements.define("gs-help", HelpPanel);

/** `place` tells tables apart for those who jump between them. */
function block(one: HelpBlock, place = 0): TemplateResult {
  switch (one.kind) {
    case "heading":
      // The page's title is the lab's, and so one level down in the page that shows it.
      return one.level === 1 ? html`<h2>${inline(one.text)}</h2>` : one.level === 2 ? html`<h3>${inline(one.text)}</h3>` : html`<h4>${inline(one.text)}</h4>`;
    case "paragraph":
      return html`<p>${inline(one.text)}</p>`;
    case "list": {
      const items = one.items.map((item) => html`<li>${item.map((inner) => block(inner))}</li>`);
      return one.ordered ? html`<ol>${items}</ol>` : html`<ul>${items}</ul>`;
    }
    case "code":
      return html`<pre tabindex="0">${one.text}</pre>`;
    case "table":
      return html`<div class="scroll" tabindex="0" role="region" aria-label=${t("help.table", { n: place })}><table>
        <thead><tr>${one.header.map((cell) => html`<th scope="col">${inline(cell)}</th>`)}</tr></thead>
        <tbody>${one.rows.map((row) => html`<tr>${row.map((cell) => html`<td>${inline(cell)}</td>`)}</tr>`)}</tbody>
      </table></div>`;
  }
}

function inline(pieces: HelpInline[]): unknown {
  return pieces.map((piece) => {
    switch (piece.kind) {
      case "text":
        return piece.text;
      case "code":
        return html`<code>${piece.text}</code>`;
      case "strong":
        return html`<strong>${inline(piece.text)}</strong>`;
      case "em":
        return html`<em>${inline(piece.text)}</em>`;
      case "link":
        return html`<a href=${piece.href} rel="noreferrer">${inline(piece.text)}</a>`;
      default:
        return nothing;
    }
  });
}
