/** What is left out as keys, and how statistics are made. */
import { html, nothing } from "lit";
import { shown } from "../../report/token_text";
import { t } from "../../strings";
import type { Lens } from "./lens";
import { acceptedStatistic, EXCLUSION, PRESETS, STATISTIC_LIMITS, STATISTICS } from "./settings";
import type { Preset, StatisticsOptions } from "./types";

/** `pieces` are the entries that the chosen preset leaves out. */
export function options(lens: Lens, pieces: readonly string[], add: { value: string; set: (value: string) => void }) {
  const { exclusion, statistics } = lens;
  const busy = lens.session.job !== null;
  const keys = Object.keys(STATISTICS) as (keyof StatisticsOptions)[];
  const changed = keys.filter((key) => statistics[key] !== STATISTICS[key]).length + (exclusion.preset === EXCLUSION.preset ? 0 : 1);
  const custom = (next: readonly string[]) => lens.setExclusion({ preset: "custom", pieces: [...next] });
  const added = () => {
    if (add.value !== "" && !pieces.includes(add.value)) custom([...pieces, add.value]);
    add.set("");
  };
  return html`<details class="settings">
    <summary>${t("settings.title")}${changed > 0 ? html` <span class="quiet">(${t("settings.changed", { n: changed })})</span>` : nothing}</summary>
    <div class="options">
      <div class="option wide">
        <label for="preset">${t("attention.exclude")}</label>
        <select id="preset" ?disabled=${busy} aria-describedby="about-preset" @change=${(event: Event) => {
          const preset = (event.target as HTMLSelectElement).value as Preset;
          lens.setExclusion({ preset, pieces: preset === "custom" ? [...pieces] : [] });
        }}>${PRESETS.map((preset) => html`<option value=${preset} .selected=${exclusion.preset === preset}>${t(`attention.preset.${preset}`)}</option>`)}</select>
        <span class="about" id="about-preset">${t("settings.default", { value: t(`attention.preset.${EXCLUSION.preset}`), source: t("source.reference") })}. ${t("attention.exclude.about")}</span>
        <ul class="pieces" aria-label=${t("attention.pieces")}>${pieces.map((piece) => html`<li><span class="piece">${shown(piece)}</span>
          <button class="small" ?disabled=${busy} aria-label=${t("attention.pieces.remove", { piece: shown(piece) })} @click=${() => custom(pieces.filter((one) => one !== piece))}>×</button></li>`)}
          <li><input type="text" class="mono" aria-label=${t("attention.pieces.add")} placeholder=${t("attention.pieces.add")} autocomplete="off" spellcheck="false" ?disabled=${busy} .value=${add.value}
            @input=${(event: Event) => add.set((event.target as HTMLInputElement).value)} @keydown=${(event: KeyboardEvent) => { if (event.key === "Enter") added(); }} />
            <button class="small" ?disabled=${busy || add.value === ""} @click=${added}>${t("attention.pieces.put")}</button></li></ul>
      </div>
      ${keys.map((key) => html`<div class="option">
        <label for=${`statistic-${key}`}>${t(`attention.statistic.${key}`)}</label>
        <input id=${`statistic-${key}`} type="number" min=${STATISTIC_LIMITS[key].min} max=${STATISTIC_LIMITS[key].max} step=${STATISTIC_LIMITS[key].whole ? 1 : "any"} .value=${String(statistics[key])}
          ?disabled=${busy} aria-describedby=${`about-statistic-${key}`} @change=${(event: Event) => {
            const input = event.target as HTMLInputElement;
            const value = input.value === "" ? null : acceptedStatistic(key, Number(input.value));
            if (value === null) input.value = String(statistics[key]);
            else void lens.setStatistics({ [key]: value });
          }} />
        <span class="about" id=${`about-statistic-${key}`}>${t("settings.default", { value: STATISTICS[key], source: t(key === "bins" ? "source.paper" : "source.ours") })}. ${t(`attention.statistic.${key}.about`)}</span>
      </div>`)}
    </div>
  </details>`;
}
