/**
 * A text as its tokens, each as dark as the attention it receives; before anything is measured, the tokens with what is
 * marked and what is left out. One list to the keyboard: arrows step, Enter and the space bar do what a click does.
 */
import { css, html, nothing } from "lit";
import { segments, shown } from "../../report/token_text";
import { t } from "../../strings";
import { GlitchscopeElement, sheet } from "../../views/element";

export interface StripToken {
  text: string;
  /** Where the token's bytes are no text of their own. */
  bytesHex: string;
  /** What is said of it besides its text. */
  about: string;
  /** From 0 to `LEVELS`, or below zero for less than another model's; null without a measurement. */
  level: number | null;
  concept: boolean;
  excluded: boolean;
  /** Not whole inside the marks. */
  cut: boolean;
}

export const LEVELS = 8;

export class TokenStrip extends GlitchscopeElement {
  static override styles = [sheet, css`
    .strip {
      height: 196px; min-height: 84px; overflow-y: auto; resize: vertical; padding: 8px 10px; border: 1px solid var(--rule); border-radius: 4px;
      background: var(--surface); line-height: 2; overflow-wrap: anywhere;
    }
    @media (max-width: 599px) { .strip { height: 46vh; } }
    .token {
      display: inline; padding: 2px 1px; margin: 0; border-radius: 2px; font: 14px/1.4 var(--mono); font-variant-ligatures: none;
      unicode-bidi: isolate; white-space: pre-wrap; cursor: pointer; color: var(--ink); border-inline-end: 1px solid var(--rule);
    }
    .token .mark { color: var(--ink-2); }
    .token .named { font-size: 10px; }
    .strip:not(.clickable) .token { cursor: default; }
    .concept { box-shadow: inset 0 -3px 0 var(--accent); font-weight: 700; }
    .excluded { color: var(--ink-2); text-decoration: line-through; text-decoration-color: var(--field); }
    .excluded.concept { box-shadow: inset 0 -3px 0 var(--warn); }
    .cut { box-shadow: inset 0 -3px 0 var(--warn); }
    .at { outline: 2px solid var(--accent); outline-offset: 1px; }
    .l1 { background: color-mix(in srgb, var(--accent) 7%, transparent); } .l2 { background: color-mix(in srgb, var(--accent) 13%, transparent); }
    .l3 { background: color-mix(in srgb, var(--accent) 19%, transparent); } .l4 { background: color-mix(in srgb, var(--accent) 25%, transparent); }
    .l5 { background: color-mix(in srgb, var(--accent) 31%, transparent); } .l6 { background: color-mix(in srgb, var(--accent) 37%, transparent); }
    .l7 { background: color-mix(in srgb, var(--accent) 43%, transparent); } .l8 { background: color-mix(in srgb, var(--accent) 50%, transparent); }
    .m1 { background: color-mix(in srgb, #b07a2a 8%, transparent); } .m2 { background: color-mix(in srgb, #b07a2a 15%, transparent); }
    .m3 { background: color-mix(in srgb, #b07a2a 22%, transparent); } .m4 { background: color-mix(in srgb, #b07a2a 29%, transparent); }
    .m5 { background: color-mix(in srgb, #b07a2a 36%, transparent); } .m6 { background: color-mix(in srgb, #b07a2a 43%, transparent); }
    .m7 { background: color-mix(in srgb, #b07a2a 50%, transparent); } .m8 { background: color-mix(in srgb, #b07a2a 58%, transparent); }
    .l5 .mark, .l6 .mark, .l7 .mark, .l8 .mark, .m5 .mark, .m6 .mark, .m7 .mark, .m8 .mark, .l4.excluded, .l5.excluded, .l6.excluded, .l7.excluded, .l8.excluded { color: var(--ink); }
    .empty { color: var(--ink-2); }
    .read { font-size: 13px; line-height: 20px; min-height: 20px; margin-top: 4px; color: var(--ink-2); overflow-wrap: anywhere; }
  `];
  static override properties = { tokens: { attribute: false }, label: { type: String }, empty: { type: String }, clickable: { type: Boolean }, place: { state: true } };
  declare tokens: readonly StripToken[];
  declare label: string;
  declare empty: string;
  /** Whether a click on a token changes what it counts as. */
  declare clickable: boolean;
  declare place: number;

  constructor() {
    super();
    this.tokens = [];
    this.label = "";
    this.empty = "";
    this.clickable = false;
    this.place = -1;
  }

  override render() {
    const at = this.tokens[this.place];
    return html`
      <div class=${`strip ${this.clickable ? "clickable" : ""}`} tabindex="0" role="listbox" aria-multiselectable="true" aria-label=${this.label}
        aria-activedescendant=${at ? `token-${this.place}` : nothing} @keydown=${this.key} @click=${this.clicked} @pointerover=${this.over}>
        ${this.tokens.length === 0 ? html`<span class="empty" role="option" aria-selected="false" aria-disabled="true">${this.empty}</span>` : this.tokens.map((token, i) => this.chip(token, i))}
      </div>
      <p class="read" role="status">${at ? this.words(at) : ""}</p>`;
  }

  private chip({ text, bytesHex, level, concept, excluded, cut }: StripToken, i: number) {
    const tone = level === null || level === 0 ? "" : level > 0 ? `l${level}` : `m${-level}`;
    return html`<span id=${`token-${i}`} data-i=${i} role="option" aria-selected=${concept}
      class=${`token ${tone} ${concept ? "concept" : ""} ${excluded ? "excluded" : ""} ${cut ? "cut" : ""} ${i === this.place ? "at" : ""}`}
      >${segments(text, bytesHex).map(({ kind, text: piece }) => (kind === "text" ? piece : html`<span class=${[...piece].length > 1 ? "mark named" : "mark"}>${piece}</span>`))}</span>`;
  }

  private words({ text, bytesHex, about }: StripToken): string {
    return `“${shown(text, bytesHex) || t("token.empty")}” ${about}`;
  }

  private index(event: Event): number {
    const element = (event.target as Element).closest<HTMLElement>("[data-i]");
    return element ? Number(element.dataset["i"]) : -1;
  }

  private readonly over = (event: Event): void => {
    const i = this.index(event);
    if (i >= 0) this.place = i;
  };

  private readonly clicked = (event: Event): void => {
    const i = this.index(event);
    if (i < 0) return;
    this.place = i;
    this.toggle(i);
  };

  private toggle(i: number): void {
    if (this.clickable) this.dispatchEvent(new CustomEvent("toggle-token", { detail: i }));
  }

  private readonly key = (event: KeyboardEvent): void => {
    const last = this.tokens.length - 1;
    const to = { ArrowRight: this.place + 1, ArrowDown: this.place + 1, ArrowLeft: this.place - 1, ArrowUp: this.place - 1, Home: 0, End: last }[event.key];
    if (to !== undefined) {
      event.preventDefault();
      this.place = Math.min(last, Math.max(0, to));
      void this.updateComplete.then(() => this.renderRoot.querySelector(`#token-${this.place}`)?.scrollIntoView({ block: "nearest" }));
    } else if ((event.key === "Enter" || event.key === " ") && this.place >= 0) {
      event.preventDefault();
      this.toggle(this.place);
    }
  };
}
customElements.define("gs-token-strip", TokenStrip);

/** `value` in steps from 0 to `LEVELS`, by its part of `most`; below zero for a negative one. */
export function levelOf(value: number, most: number): number {
  if (!(most > 0) || !Number.isFinite(value) || value === 0) return 0;
  return Math.sign(value) * Math.min(LEVELS, Math.ceil((LEVELS * Math.abs(value)) / most - 1e-9));
}
