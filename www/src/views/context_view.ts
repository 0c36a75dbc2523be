/** A context as its lines: a strip that shows where in it the relevant ones stand, and the lines themselves. */
import { css, html, nothing, svg } from "lit";
import { count } from "../report/format";
import { t } from "../strings";
import { type ContextLine, kindOf, runs } from "./context_lines";
import { GlitchscopeElement, sheet } from "./element";

export class ContextView extends GlitchscopeElement {
  static override styles = [sheet, css`
    .strip { display: block; width: 100%; height: 20px; border: 1px solid var(--rule); border-radius: 4px; background: var(--tint); }
    .strip .relevant { fill: var(--accent); }
    .strip .marked { fill: var(--ink); }
    .legend { display: flex; flex-wrap: wrap; gap: 4px 16px; margin-top: 4px; font-size: 13px; color: var(--ink-2); min-height: 20px; }
    @media (max-width: 767px) { .legend { min-height: 44px; align-content: flex-start; } }
    .legend span { display: inline-flex; gap: 6px; align-items: center; }
    .key { width: 12px; height: 12px; border-radius: 2px; background: var(--tint-2); }
    .key.relevant { background: var(--accent); } .key.marked { background: var(--ink); }
    ol { list-style: none; margin-top: 8px; height: 320px; overflow-y: auto; border: 1px solid var(--rule); border-radius: 4px; background: var(--surface); padding: 8px 0; font-size: 13px; line-height: 1.45; }
    li { padding: 1px 12px 1px 9px; border-inline-start: 3px solid transparent; overflow-wrap: anywhere; unicode-bidi: isolate; content-visibility: auto; contain-intrinsic-size: auto 20px; color: var(--ink-2); }
    li.relevant { border-color: var(--accent); color: var(--ink); background: color-mix(in srgb, var(--accent) 7%, transparent); }
    li.marked { border-color: var(--ink); color: var(--ink); background: color-mix(in srgb, var(--ink) 9%, transparent); font-weight: 600; }
    li .again { color: var(--warn); }
  `];
  static override properties = { lines: { attribute: false } };
  declare lines: readonly ContextLine[];

  constructor() {
    super();
    this.lines = [];
  }

  override render() {
    const { lines } = this;
    const relevant = lines.filter((line) => line.relevant).length;
    const marked = lines.filter((line) => line.marked).length;
    return html`
      <svg class="strip" viewBox="0 0 ${Math.max(1, lines.length)} 1" preserveAspectRatio="none" role="img"
        aria-label=${t("context.strip", { relevant: count(relevant), lines: count(lines.length) })}>
        ${runs(lines).map(({ kind, from, to }) => svg`<rect class=${kind} x=${from} y="0" width=${to - from} height="1"></rect>`)}
      </svg>
      <p class="legend"><span><span class="key relevant"></span>${t("context.relevant", { n: count(relevant) })}</span>
        <span><span class="key"></span>${t("context.other", { n: count(lines.length - relevant) })}</span>
        ${marked > 0 ? html`<span><span class="key marked"></span>${t("context.marked", { n: count(marked) })}</span>` : nothing}</p>
      <ol tabindex="0" aria-label=${t("context.lines")}>${lines.map((line) => html`<li class=${kindOf(line)}
        title=${t("context.row", { table: line.table, row: count(line.row + 1) })}>${line.text}${line.duplicate ? html` <span class="again">${t("context.again")}</span>` : nothing}</li>`)}</ol>`;
  }
}
customElements.define("gs-context", ContextView);
