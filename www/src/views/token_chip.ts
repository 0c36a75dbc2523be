/**
 * A token as a chip: mono text on a tinted ground, everything invisible made visible, isolated from the text around it.
 * Text is only ever set as text nodes. Copying gives the raw text.
 */
import { css, html, nothing, type PropertyValues } from "lit";
import { t } from "../strings";
import { cut, segments, shown, type Segment } from "../report/token_text";
import { GlitchscopeElement, sheet } from "./element";

export const chipStyle = css`
  .chip {
    display: inline-block; max-width: 100%; padding: 1px 5px; border-radius: 4px; background: var(--tint);
    font: 13px/1.4 var(--mono); font-variant-ligatures: none; unicode-bidi: isolate; direction: ltr;
    white-space: pre; overflow: hidden; text-overflow: ellipsis; vertical-align: bottom; overflow-clip-margin: 2px;
  }
  .chip.wrap { white-space: pre-wrap; overflow-wrap: anywhere; text-overflow: clip; vertical-align: baseline; }
  .chip.glitch { box-shadow: inset 0 -2px 0 var(--glitch); }
  .chip.target { background: var(--tint-2); box-shadow: inset 0 0 0 1px var(--ink-2); }
  .chip.target.glitch { box-shadow: inset 0 0 0 1px var(--glitch), inset 0 -2px 0 var(--glitch); }
  .chip bdi { unicode-bidi: isolate; }
  .chip .mark { color: var(--ink-2); }
  .chip .named { font-size: 10px; letter-spacing: 0.02em; border: 1px solid var(--field); border-radius: 3px; padding: 0 2px; margin: 0 1px; }
  .chip .picture { font-size: 18px; line-height: 1; vertical-align: middle; }
  .chip .byte { color: var(--ink-2); }
  .chip .gap { color: var(--ink-2); padding: 0 1px; }
`;

/** Fills an element with a chip's content; for lists that reuse their elements. */
export function fillChip(element: HTMLElement, text: string, bytesHex: string): void {
  const { head, tail, omitted } = cut(segments(text, bytesHex));
  const pieces = head.map(piece);
  if (pieces.length === 0) pieces.push(piece({ kind: "mark", text: t("token.empty") }));
  if (omitted > 0) {
    const gap = document.createElement("span");
    gap.className = "gap";
    gap.textContent = "…";
    pieces.push(gap, ...tail.map(piece));
  }
  element.replaceChildren(...pieces);
}

function piece(segment: Segment): HTMLElement {
  const element = document.createElement(segment.kind === "text" ? "bdi" : "span");
  if (segment.kind !== "text") {
    const picture = /^[\u2400-\u2421⏎]$/.test(segment.text) ? " picture" : "";
    element.className = segment.kind === "byte" ? "byte" : [...segment.text].length > 1 ? "mark named" : `mark${picture}`;
  }
  element.textContent = segment.text;
  return element;
}

export class TokenChip extends GlitchscopeElement {
  static override styles = [sheet, chipStyle, css`
    :host { display: inline-block; max-width: 100%; }
    .id { color: var(--ink-2); font-size: 11px; font-family: var(--mono); margin-inline-start: 4px; }
    button.chip { min-height: 0; border: 0; color: inherit; text-align: start; }
    button.chip:hover { background: var(--tint-2); }
    button.more { min-height: 0; padding: 0 4px; margin-inline-start: 4px; font-size: 12px; }
  `];
  static override properties = {
    text: { type: String }, bytesHex: { type: String }, token: { type: Number }, tone: { type: String },
    pickable: { type: Boolean }, whole: { type: Boolean }, showId: { type: Boolean }, open: { state: true },
  };
  declare text: string;
  declare bytesHex: string;
  declare token: number;
  /** `glitch`, `target`, both, or nothing. */
  declare tone: string;
  /** A click dispatches `pick` with the id. */
  declare pickable: boolean;
  /** Offers the whole text where it is cut. */
  declare whole: boolean;
  declare showId: boolean;
  declare open: boolean;

  constructor() {
    super();
    this.text = "";
    this.bytesHex = "";
    this.token = -1;
    this.tone = "";
    this.pickable = false;
    this.whole = false;
    this.showId = false;
    this.open = false;
    this.addEventListener("copy", (event) => {
      event.clipboardData?.setData("text/plain", this.text);
      event.preventDefault();
    });
  }

  override willUpdate(changes: PropertyValues): void {
    if (changes.has("text")) this.open = false;
  }

  override render() {
    const all = segments(this.text, this.bytesHex);
    const { head, tail, omitted } = this.open ? { head: all, tail: [], omitted: 0 } : cut(all);
    const content = html`${all.length === 0 ? piece({ kind: "mark", text: t("token.empty") }) : head.map(piece)}${omitted > 0 ? html`<span class="gap">…</span>${tail.map(piece)}` : nothing}`;
    const label = t("token.label", { text: shown(this.text, this.bytesHex) || t("token.empty"), id: this.token });
    const classes = `chip ${this.tone} ${this.whole ? "wrap" : ""}`;
    return html`${this.pickable
      ? html`<button class=${classes} title=${label} aria-label=${label} @click=${this.pick}>${content}</button>`
      : html`<span class=${classes} title=${this.token >= 0 ? label : nothing}>${content}</span>`}${
      this.showId && this.token >= 0 ? html`<span class="id">${this.token}</span>` : nothing}${
      this.whole && (omitted > 0 || this.open)
        ? html`<button class="more" aria-expanded=${this.open} @click=${() => { this.open = !this.open; }}>
            ${this.open ? t("token.less") : t("token.more", { n: omitted })}</button>`
        : nothing}`;
  }

  private pick(): void {
    this.dispatchEvent(new CustomEvent("pick", { detail: this.token, bubbles: true, composed: true }));
  }
}
customElements.define("gs-token", TokenChip);
