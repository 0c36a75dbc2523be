/**
 * A text in which concepts are marked: select words with the mouse or the keyboard and press the button, or type `[[words]]`.
 * The marks are drawn behind a plain text field, so that everything a text field can do stays.
 */
import { css, html, type PropertyValues } from "lit";
import { t } from "../../strings";
import { GlitchscopeElement, sheet } from "../../views/element";
import type { EditedConcept, Span } from "./marks";

export class MarkedTextField extends GlitchscopeElement {
  static override styles = [sheet, css`
    .field { position: relative; border: 1px solid var(--field); border-radius: 4px; background: var(--surface); overflow: hidden; }
    .behind, textarea {
      display: block; width: 100%; margin: 0; padding: 10px 12px; border: 0; font: 16px/1.6 var(--sans); letter-spacing: normal;
      white-space: pre-wrap; overflow-wrap: break-word; tab-size: 4;
    }
    textarea { position: relative; height: 164px; min-height: 84px; resize: vertical; background: none; color: var(--ink); overflow-y: scroll; }
    textarea:focus-visible { outline: none; }
    .field:has(textarea:focus-visible) { outline: 2px solid var(--accent); outline-offset: 2px; }
    .behind { position: absolute; inset: 0; color: transparent; overflow-y: scroll; scrollbar-color: transparent transparent; pointer-events: none; }
    mark { color: transparent; background: var(--tint-2); border-radius: 2px; }
    mark.active { background: color-mix(in srgb, var(--accent) 30%, transparent); box-shadow: inset 0 -2px 0 var(--accent); }
    .row { display: flex; flex-wrap: wrap; align-items: center; gap: 8px; margin-top: 8px; }
    .hint { font-size: 13px; color: var(--ink-2); min-height: 20px; }
  `];
  static override properties = {
    text: { type: String }, concepts: { attribute: false }, active: { type: Number }, busy: { type: Boolean }, hint: { state: true },
  };
  declare text: string;
  declare concepts: readonly EditedConcept[];
  /** The concept that is being marked. */
  declare active: number;
  declare busy: boolean;
  declare hint: string;

  constructor() {
    super();
    this.text = "";
    this.concepts = [];
    this.active = 0;
    this.busy = false;
    this.hint = "";
  }

  override render() {
    return html`
      <div class="field">
        <div class="behind" aria-hidden="true">${this.marked()}${"\n"}</div>
        <textarea spellcheck="false" autocomplete="off" aria-label=${t("attention.text")} aria-describedby="hint" ?readonly=${this.busy}
          @input=${this.typed} @scroll=${this.scrolled}></textarea>
      </div>
      <div class="row">
        <button ?disabled=${this.busy} @click=${() => this.mark(true)}>${t("attention.mark", { concept: this.concepts[this.active]?.name ?? "" })}</button>
        <button ?disabled=${this.busy} @click=${() => this.mark(false)}>${t("attention.unmark")}</button>
        <span class="hint" id="hint" role="status">${this.hint || t("attention.mark.how")}</span>
      </div>`;
  }

  override updated(changes: PropertyValues): void {
    const field = this.field;
    // Brackets that became marks are gone from the text: the caret stays by the letters it stood at.
    if (changes.has("text") && field.value !== this.text) {
      const gone = field.value.length - this.text.length;
      const caret = Math.max(0, field.selectionStart - Math.max(0, gone));
      field.value = this.text;
      if (this.renderRoot instanceof ShadowRoot && this.renderRoot.activeElement === field) field.setSelectionRange(caret, caret);
    }
    this.scrolled();
  }

  private get field(): HTMLTextAreaElement {
    return this.renderRoot.querySelector("textarea")!;
  }

  /** The text in stretches, each in the marks that cover it; the active concept's are drawn over the others'. */
  private marked() {
    const { text } = this;
    const edges = new Set([0, text.length]);
    const covered: { span: Span; active: boolean }[] = [];
    this.concepts.forEach(({ spans }, i) => spans.forEach((span) => {
      edges.add(span.start).add(span.end);
      covered.push({ span, active: i === this.active });
    }));
    const places = [...edges].filter((at) => at <= text.length).sort((a, b) => a - b);
    return places.slice(0, -1).map((start, i) => {
      const end = places[i + 1]!;
      const over = covered.filter(({ span }) => span.start <= start && span.end >= end);
      const piece = text.slice(start, end);
      return over.length === 0 ? piece : html`<mark class=${over.some(({ active }) => active) ? "active" : ""}>${piece}</mark>`;
    });
  }

  private readonly typed = (): void => {
    this.hint = "";
    this.dispatchEvent(new CustomEvent("typed", { detail: { text: this.field.value, caret: this.field.selectionEnd } }));
  };

  private readonly scrolled = (): void => {
    const behind = this.renderRoot.querySelector<HTMLElement>(".behind")!;
    behind.scrollTop = this.field.scrollTop;
  };

  private mark(on: boolean): void {
    const { selectionStart: start, selectionEnd: end } = this.field;
    if (start === end || this.text.slice(start, end).trim() === "") {
      this.hint = t("attention.mark.select");
      this.field.focus();
      return;
    }
    this.hint = "";
    this.dispatchEvent(new CustomEvent("mark", { detail: { span: { start, end }, on } }));
  }
}
customElements.define("gs-marked-text", MarkedTextField);
