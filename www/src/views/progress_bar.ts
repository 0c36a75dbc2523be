/** Progress in the place of the primary button: stage, bar, rate, time left, cancel. */
import { css, html, nothing } from "lit";
import { bytes, count, duration, rate } from "../report/format";
import { has, t } from "../strings";
import { GlitchscopeElement, sheet } from "./element";

/** What there is to say about a running job. */
export interface ProgressView {
  stage: string;
  detail: string;
  done: number;
  total: number;
  unit: string;
  rate: number;
  left: number | null;
  part: number;
  parts: number;
  cancelling: boolean;
}

export class ProgressBar extends GlitchscopeElement {
  static override styles = [sheet, css`
    :host { display: block; width: 100%; }
    .line { display: flex; align-items: center; gap: 16px; min-height: 44px; }
    .bar { flex: 1; min-width: 0; }
    .words { display: flex; justify-content: space-between; gap: 12px; height: 20px; font-size: 13px; line-height: 20px; }
    .words span { white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
    button { flex: none; }
    .words .numbers { flex: none; white-space: pre; color: var(--ink-2); font-family: var(--mono); font-size: 12px; }
    .track { height: 6px; margin-top: 4px; border-radius: 3px; background: var(--tint-2); overflow: hidden; }
    .fill { height: 100%; width: 100%; background: var(--accent); transform-origin: left; transform: scaleX(0); }
    .unknown .fill { transform: scaleX(1); opacity: 0.35; }
    .below { height: 18px; margin-top: 2px; font-size: 12px; line-height: 18px; color: var(--ink-2); white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
    @media (max-width: 599px) { .line { gap: 12px; } .words .rate, .words .amount { display: none; } }
  `];
  static override properties = { view: { attribute: false } };
  declare view: ProgressView | null;

  constructor() {
    super();
    this.view = null;
  }

  override render() {
    const { view } = this;
    if (!view) return nothing;
    const share = view.total > 0 ? Math.min(1, view.done / view.total) : 0;
    const known = `stage.${view.stage.replaceAll(" ", "_")}`;
    const name = view.cancelling ? t("progress.cancelling") : has(known) ? t(known) : view.stage || t("stage.starting");
    const inBytes = view.unit === "bytes";
    const amount = view.total === 0 ? "" : inBytes
      ? `${bytes(view.done)} / ${bytes(view.total)}`
      : `${count(view.done)} / ${count(view.total)}`;
    const speed = view.rate === 0 ? "" : inBytes ? `${bytes(view.rate)}/s` : view.unit === "tokens"
      ? t("progress.rate", { rate: rate(view.rate) }) : "";
    const left = view.left !== null && view.total > 0 ? t("progress.left", { time: duration(view.left) }) : "";
    return html`
      <div class="line">
        <div class="bar">
          <div class="words">
            <span><b>${view.parts > 1 ? `${t("progress.part", { part: view.part, parts: view.parts })} ` : ""}${name}</b></span>
            <span class="numbers"><span class="amount">${amount}</span><span class="rate">${speed && `  ${speed}`}</span>${left && `  ${left}`}</span>
          </div>
          <div class="track ${view.total > 0 ? "" : "unknown"}" role="progressbar" aria-label=${name}
            aria-valuemin="0" aria-valuemax="100" aria-valuenow=${view.total > 0 ? Math.round(100 * share) : nothing}>
            <div class="fill"></div>
          </div>
          <div class="below" lang="en">${view.detail}</div>
        </div>
        <button ?disabled=${view.cancelling} @click=${() => this.dispatchEvent(new Event("cancel"))}>${t("progress.cancel")}</button>
      </div>`;
  }

  override updated(): void {
    // Through the object model, because a strict content policy refuses style attributes.
    const fill = this.renderRoot.querySelector<HTMLElement>(".fill");
    if (fill && this.view) {
      fill.style.transform = this.view.total > 0 ? `scaleX(${Math.min(1, this.view.done / this.view.total)})` : "";
    }
  }
}
customElements.define("gs-progress", ProgressBar);
