/** The grid: what is varied, and what every part of it would cost here. */
import { css, html, nothing } from "lit";
import { bytes, count, duration } from "../../report/format";
import { t } from "../../strings";
import { sheet } from "../../views/element";
import { ExperimentElement, parts } from "./element";
import { AMOUNT_RANGE, formatShares, lengthName, LENGTH_RANGE, parseLengths, parseShares } from "./plan";
import { amountName, MAX_NEW_RANGE, MEASURES, MODES, PLACEMENTS, SETTINGS, STYLES } from "./settings";
import type { ContextOptions, Placement } from "./types";

export class GridPanel extends ExperimentElement {
  static override styles = [sheet, parts, css`
    .options { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 340px), 1fr)); gap: 16px 32px; margin-top: 12px; }
    .option { display: grid; gap: 4px; align-content: start; }
    .option > .about { font-size: 13px; line-height: 1.4; color: var(--ink-2); }
    .option input[type="text"] { width: 100%; font-family: var(--mono); font-size: 13px; }
    .checks { display: flex; flex-wrap: wrap; gap: 4px 16px; }
    .checks label { display: inline-flex; gap: 6px; align-items: center; }
    fieldset { border: 0; margin: 0; padding: 0; min-width: 0; }
    legend { padding: 0; }
    .scroll table { min-width: 680px; }
  `];
  static override properties = { ...super.properties, refused: { state: true } };
  /** Which list cannot be read as it is typed. */
  declare refused: "" | "lengths" | "amounts";

  constructor() {
    super();
    this.refused = "";
  }

  override render() {
    const { experiment } = this;
    const { settings } = experiment;
    const { options, amounts } = settings;
    const off = experiment.session.job !== null;
    const reference = options.mode !== "corrected";
    return html`
      <p class="about">${t("holo.grid.about")}</p>
      <div class="options">
        <div class="option">
          <label for="lengths">${t("holo.lengths")}</label>
          <input id="lengths" type="text" inputmode="numeric" .value=${experiment.lengths.map(lengthName).join(", ")} ?disabled=${off} aria-describedby="about-lengths"
            @change=${(event: Event) => this.setLengths((event.target as HTMLInputElement).value)} />
          <span class="about" id="about-lengths">${t(settings.lengths ? "holo.lengths.about" : "holo.lengths.fitted")}
            ${this.refused === "lengths" ? html`<span class="warn">${t("holo.lengths.refused", { low: LENGTH_RANGE[0], high: lengthName(LENGTH_RANGE[1]) })}</span>` : nothing}</span>
          ${settings.lengths ? html`<button class="link small" ?disabled=${off} @click=${() => experiment.setSettings({ lengths: null })}>${t("holo.lengths.fit")}</button>` : nothing}
        </div>
        <div class="option">
          <label for="amounts">${t("holo.amounts")}</label>
          <div class="segmented small" role="radiogroup" aria-label=${t("holo.amounts")}>
            <label><input type="radio" name="amounts" .checked=${amounts.kind === "density"} ?disabled=${off} @change=${() => experiment.setSettings({ amounts: { kind: "density", values: [0.5] } })} />${t("holo.amounts.density")}</label>
            <label><input type="radio" name="amounts" .checked=${amounts.kind === "tokens"} ?disabled=${off}
              @change=${() => experiment.setSettings({ amounts: { kind: "tokens", values: [Math.max(AMOUNT_RANGE[0], Math.round(Math.min(...experiment.lengths) / 2))] } })} />${t("holo.amounts.tokens")}</label>
          </div>
          <input id="amounts" type="text" .value=${amounts.kind === "density" ? formatShares(amounts.values) : amounts.values.map(lengthName).join(", ")} ?disabled=${off} aria-describedby="about-amounts"
            @change=${(event: Event) => this.setAmounts((event.target as HTMLInputElement).value)} />
          <span class="about" id="about-amounts">${t(`holo.amounts.${amounts.kind}.about`)}
            ${this.refused === "amounts" ? html`<span class="warn">${t("holo.amounts.refused")}</span>` : nothing}</span>
        </div>
        <fieldset class="option"><legend>${t("holo.placements")}</legend>
          <div class="checks">${PLACEMENTS.map((placement) => html`<label><input type="checkbox" .checked=${settings.placements.includes(placement)} ?disabled=${off}
            @change=${(event: Event) => this.place(placement, event.target as HTMLInputElement)} />${t(`holo.placement.${placement}`)}</label>`)}</div>
          <span class="about">${t("holo.placements.about")}</span>
        </fieldset>
        <div class="option">
          <label for="mode">${t("holo.mode")}</label>
          <select id="mode" ?disabled=${off} aria-describedby="about-mode" @change=${(event: Event) => this.option({ mode: MODES[(event.target as HTMLSelectElement).selectedIndex]! })}>
            ${MODES.map((mode) => html`<option value=${mode} .selected=${options.mode === mode}>${t(`holo.mode.${mode}`)}</option>`)}</select>
          <span class="about" id="about-mode">${t("holo.mode.about")}</span>
        </div>
        <fieldset class="option"><legend>${t("holo.rows")}</legend>
          <div class="checks">
            <label><input type="checkbox" .checked=${options.closure && !reference} ?disabled=${off || reference} @change=${(event: Event) => this.option({ closure: (event.target as HTMLInputElement).checked })} />${t("holo.closure")}</label>
            <label><input type="checkbox" .checked=${options.filler && !reference} ?disabled=${off || reference} @change=${(event: Event) => this.option({ filler: (event.target as HTMLInputElement).checked })} />${t("holo.filler")}</label>
            <label><input type="checkbox" .checked=${options.repeat || reference} ?disabled=${off || reference} @change=${(event: Event) => this.option({ repeat: (event.target as HTMLInputElement).checked })} />${t("holo.repeat")}</label>
            <label><input type="checkbox" .checked=${options.shuffle !== null && !reference} ?disabled=${off || reference} @change=${(event: Event) => this.option({ shuffle: (event.target as HTMLInputElement).checked ? 1 : null })} />${t("holo.shuffle")}</label>
          </div>
          <span class="about">${t("holo.rows.about")}</span>
        </fieldset>
        <div class="option">
          <span id="measure">${t("holo.measure")}</span>
          <div class="segmented small" role="radiogroup" aria-labelledby="measure">${MEASURES.map((measure) => html`<label><input type="radio" name="measure" .checked=${options.measure === measure}
            ?disabled=${off || (measure === "counted" && (!experiment.canAsk || reference))} @change=${() => this.option({ measure })} />${t(`holo.measure.${measure}`)}</label>`)}</div>
          <span class="about">${t("holo.measure.about")}</span>
        </div>
        <div class="option">
          <span id="style">${t("holo.style")}</span>
          <div class="segmented small" role="radiogroup" aria-labelledby="style">${STYLES.map((style) => html`<label><input type="radio" name="style" .checked=${settings.style === style}
            ?disabled=${off} @change=${() => experiment.setStyle(style)} />${t(`holo.style.${style}`)}</label>`)}</div>
          <span class="about">${t("holo.style.about")}</span>
        </div>
        <div class="option">
          <label for="answer">${t("holo.answer_tokens")}</label>
          <input id="answer" class="short" type="number" min=${MAX_NEW_RANGE[0]} max=${MAX_NEW_RANGE[1]} step="1" .value=${String(experiment.maxNew)} ?disabled=${off}
            @change=${(event: Event) => this.setAnswer(event.target as HTMLInputElement)} />
          <span class="about">${t("holo.answer_tokens.about")}</span>
        </div>
      </div>
      <div class="row"><button ?disabled=${off || JSON.stringify({ ...settings, dataSeed: 1, questionSeed: 1 }) === JSON.stringify(SETTINGS)}
        @click=${() => experiment.setSettings({ ...structuredClone(SETTINGS), dataSeed: settings.dataSeed, questionSeed: settings.questionSeed })}>${t("settings.reset")}</button></div>
      <h2 class="sub">${t("holo.plan")}</h2>
      <div class="scroll" tabindex="0" role="region" aria-label=${t("holo.plan")}><table>
        <thead><tr><th scope="col" class="number">${t("holo.column.length")}</th><th scope="col" class="number">${t("holo.column.amount")}</th><th scope="col" class="number">${t("holo.column.prompts")}</th>
          <th scope="col" class="number">${t("holo.column.real")}</th><th scope="col" class="number">${t("holo.column.cache")}</th><th scope="col" class="number">${t("holo.column.time")}</th><th scope="col">${t("holo.column.fits")}</th></tr></thead>
        <tbody>${experiment.plan().map((row) => html`<tr>
          <td class="number">${lengthName(row.length)}</td><td class="number">${amountName(row.amount)}</td><td class="number">${count(row.prompts)}</td>
          <td class="number">${row.tokens ? range(row.tokens.min, row.tokens.max) : "–"}</td><td class="number">${row.cacheBytes === null ? "–" : bytes(row.cacheBytes)}</td>
          <td class="number">${row.seconds === null ? "–" : duration(row.seconds)}</td>
          <td class="small ${row.problem || !row.fits ? "warn" : ""}">${row.runnable === row.prompts ? t("holo.fits") : html`${t("holo.fits.some", { n: count(row.runnable), of: count(row.prompts) })} ${row.fits ? nothing : t("holo.fits.window", { window: count(experiment.session.model?.info.model.context ?? 0) })}
            ${row.problem ? html`<span lang="en">${row.problem}</span>` : nothing}`}</td></tr>`)}</tbody>
      </table></div>
      <p class="small quiet">${t("holo.plan.about")}</p>`;
  }

  private setLengths(text: string): void {
    const lengths = parseLengths(text);
    this.refused = lengths ? "" : "lengths";
    if (lengths) this.experiment.setSettings({ lengths });
  }

  private setAmounts(text: string): void {
    const { kind } = this.experiment.settings.amounts;
    const values = kind === "density" ? parseShares(text) : parseLengths(text, AMOUNT_RANGE);
    this.refused = values ? "" : "amounts";
    if (values) this.experiment.setSettings({ amounts: { kind, values } });
  }

  private setAnswer(input: HTMLInputElement): void {
    const value = Number(input.value);
    if (Number.isInteger(value) && value >= MAX_NEW_RANGE[0] && value <= MAX_NEW_RANGE[1]) this.experiment.setSettings({ maxNew: value });
    else input.value = String(this.experiment.maxNew);
  }

  private place(placement: Placement, input: HTMLInputElement): void {
    const placements = PLACEMENTS.filter((one) => (one === placement ? input.checked : this.experiment.settings.placements.includes(one)));
    if (placements.length === 0) input.checked = true;
    else this.experiment.setSettings({ placements });
  }

  private option(part: Partial<ContextOptions>): void {
    const options = { ...this.experiment.settings.options, ...part };
    // The study's code knows none of these.
    if (options.mode !== "corrected") Object.assign(options, { closure: false, filler: false, repeat: true, shuffle: null, measure: "estimate" });
    else if (part.mode) Object.assign(options, { ...SETTINGS.options });
    this.experiment.setSettings({ options });
  }
}
customElements.define("gs-holo-grid", GridPanel);

function range(low: number, high: number): string {
  return low === high ? count(low) : `${count(low)}–${count(high)}`;
}
