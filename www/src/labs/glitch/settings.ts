/** Every option of the scan, with its default and where the default comes from. */
import { html, nothing, type TemplateResult } from "lit";
import { scaledResolution } from "../../report/resolution";
import type { KeepRule } from "../../report/types";
import type { Session } from "../../state/session";
import { accepted, DEFAULTS, KEEP_RULES, NUMERIC, type OptionSpec, SWITCHES } from "../../state/options";
import { t, type Key } from "../../strings";

/** What is set back; the choice of oracles stands elsewhere. */
const OWN = [...NUMERIC, ...SWITCHES, { key: "keep_rule" as const }];

export function settings(session: Session) {
  const searching = session.method !== "exhaustive";
  const vocabulary = session.model?.tokens.text.length ?? session.report?.tokens.text.length ?? 0;
  const scaled = Number(scaledResolution(vocabulary).toPrecision(3));
  const changed = OWN.filter(({ key }) => session.options[key] !== DEFAULTS[key]).length;
  return html`
    <details class="settings">
      <summary>${t("settings.title")}${changed > 0 ? html` <span class="quiet">(${t("settings.changed", { n: changed })})</span>` : nothing}</summary>
      <div class="options">
        ${NUMERIC.map((spec) => option(session, spec, spec.of === "search" && !searching, spec.key === "resolution" && vocabulary > 0 ? html`<span class="presets">
          <button class="link small" ?disabled=${session.job !== null} @click=${() => session.setOptions({ resolution: DEFAULTS.resolution })}>${t("resolution.paper", { value: DEFAULTS.resolution })}</button>
          <button class="link small" ?disabled=${session.job !== null} @click=${() => session.setOptions({ resolution: scaled })}>${t("resolution.scaled", { value: scaled, n: vocabulary })}</button>
        </span>` : nothing))}
        <div class="option">
          <label for="option-keep_rule">${t("option.keep_rule")}</label>
          <select id="option-keep_rule" ?disabled=${!searching || session.job !== null} aria-describedby="about-keep_rule"
            @change=${(event: Event) => session.setOptions({ keep_rule: (event.target as HTMLSelectElement).value as KeepRule })}>
            ${KEEP_RULES.map((rule) => html`<option value=${rule} .selected=${session.options.keep_rule === rule}>${t(`keep_rule.${rule}`)}</option>`)}</select>
          <span class="about" id="about-keep_rule">${t("settings.default", { value: t(`keep_rule.${DEFAULTS.keep_rule}`), source: t("source.paper") })}. ${t("option.keep_rule.about")}</span>
        </div>
        ${SWITCHES.map((spec) => html`<div class="option">
          <label class="switch"><input type="checkbox" .checked=${session.options[spec.key]} ?disabled=${(spec.of === "search" && !searching) || session.job !== null}
            @change=${(event: Event) => session.setOptions({ [spec.key]: (event.target as HTMLInputElement).checked })} /> ${t(`option.${spec.key}` as Key)}</label>
          <span class="about">${t("settings.default", { value: t(DEFAULTS[spec.key] ? "yes" : "no"), source: t(`source.${spec.source}`) })}. ${t(`option.${spec.key}.about` as Key)}</span>
        </div>`)}
      </div>
      <div class="row"><button ?disabled=${changed === 0 || session.job !== null} @click=${() => session.setOptions(Object.fromEntries(OWN.map(({ key }) => [key, DEFAULTS[key]])))}>${t("settings.reset")}</button></div>
    </details>`;
}

/** A number with its default and where that comes from. */
export function option(session: Session, spec: OptionSpec, idle: boolean, presets: TemplateResult | typeof nothing = nothing) {
  return html`<div class="option">
    <label for=${`option-${spec.key}`}>${t(`option.${spec.key}` as Key)}</label>
    <input id=${`option-${spec.key}`} type="number" min=${spec.min} max=${spec.max} step=${spec.step === 1 ? 1 : "any"}
      .value=${String(session.options[spec.key])} ?disabled=${idle || session.job !== null} aria-describedby=${`about-${spec.key}`}
      @change=${(event: Event) => {
        const input = event.target as HTMLInputElement;
        const next = input.value === "" ? null : accepted(spec, Number(input.value));
        if (next === null) input.value = String(session.options[spec.key]);
        else session.setOptions({ [spec.key]: next });
      }} />
    <span class="about" id=${`about-${spec.key}`}>${t("settings.default", { value: DEFAULTS[spec.key], source: t(`source.${spec.source}`) })}. ${t(`option.${spec.key}.about` as Key)}</span>
    ${presets}
  </div>`;
}
