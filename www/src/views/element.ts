/** What every element of the page shares: the type and controls of the visual language, and the language switch. */
import { css, LitElement } from "lit";
import { onLanguage } from "../strings";

export const sheet = css`
  :host { display: block; font-variant-numeric: tabular-nums; }
  :host([hidden]), [hidden] { display: none !important; }
  *, *::before, *::after { box-sizing: border-box; }
  h1, h2, h3, p, ul, ol, dl, dd, figure { margin: 0; padding: 0; }
  h1 { font-size: 24px; line-height: 1.25; font-weight: 600; letter-spacing: -0.01em; text-wrap: balance; }
  h2 { font-size: 18px; line-height: 1.25; font-weight: 600; }
  h3 { font-size: 15px; line-height: 1.25; font-weight: 600; }
  a { color: var(--accent); text-underline-offset: 2px; }
  .small { font-size: 13px; }
  .quiet { color: var(--ink-2); }
  .mono { font-family: var(--mono); font-variant-ligatures: none; }
  .visually-hidden {
    position: absolute; width: 1px; height: 1px; margin: -1px; padding: 0; overflow: hidden; clip-path: inset(50%);
    white-space: nowrap; border: 0;
  }
  button, input, select { font: inherit; color: inherit; font-variant-numeric: tabular-nums; }
  :focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; border-radius: 4px; }
  button {
    min-height: 32px; padding: 4px 12px; border: 1px solid var(--field); border-radius: 4px; background: var(--surface);
    cursor: pointer; max-width: 100%; overflow-wrap: anywhere;
  }
  button:hover:not(:disabled) { background: var(--tint); }
  button:disabled { color: var(--ink-2); border-color: var(--rule); cursor: default; }
  button.primary {
    min-height: 44px; padding: 8px 24px; border-color: var(--accent); background: var(--accent); color: var(--on-accent);
    font-weight: 600;
  }
  button.primary:hover:not(:disabled) { background: var(--accent); filter: brightness(1.08); }
  button.primary:disabled { background: var(--tint-2); border-color: var(--tint-2); color: var(--ink-2); }
  button.link {
    min-height: 0; padding: 0; border: 0; background: none; color: var(--accent); text-decoration: underline;
    text-underline-offset: 2px; white-space: normal; text-align: start;
  }
  button.link:hover:not(:disabled) { background: none; text-decoration-thickness: 2px; }
  input:not([type]), input[type="text"], input[type="number"], input[type="search"], input[type="url"], select {
    min-height: 32px; padding: 4px 8px; border: 1px solid var(--field); border-radius: 4px; background: var(--surface);
  }
  input::placeholder { color: var(--ink-2); opacity: 1; }
  summary { cursor: pointer; width: fit-content; }
  .segmented { display: inline-flex; flex-wrap: wrap; border: 1px solid var(--field); border-radius: 4px; overflow: clip; }
  .segmented label { position: relative; display: flex; align-items: center; min-height: 30px; padding: 3px 12px; cursor: pointer; white-space: nowrap; }
  .segmented label + label { border-inline-start: 1px solid var(--field); }
  .segmented input { position: absolute; inset: 0; opacity: 0; margin: 0; cursor: inherit; }
  .segmented label:has(:checked) { background: var(--tint-2); font-weight: 600; }
  .segmented label:has(:focus-visible) { outline: 2px solid var(--accent); outline-offset: -2px; }
  .segmented label:has(:disabled) { color: var(--ink-2); cursor: default; }
  table { border-collapse: collapse; width: 100%; line-height: 1.25; }
  th { font-weight: 600; text-align: start; }
  th, td { padding: 6px 12px 6px 0; border-bottom: 1px solid var(--rule); vertical-align: top; }
  td.number, th.number { text-align: end; font-family: var(--mono); font-size: 13px; }
`;

export class GlitchscopeElement extends LitElement {
  private unsubscribe: (() => void) | undefined;

  override connectedCallback(): void {
    super.connectedCallback();
    this.unsubscribe = onLanguage(() => this.requestUpdate());
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.unsubscribe?.();
  }
}
