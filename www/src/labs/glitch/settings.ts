/** Every option of the scan, with its default and where the default comes from. */
import { html, nothing } from "lit";
import { scaledResolution } from "../../report/resolution";
import type { Session } from "../../state/session";
import { accepted, DEFAULTS, NUMERIC, SWITCHES } from "../../state/options";
import { t, type Key } from "../../strings";

export function settings(session: Session) {
  const searching = session.method !== "exhaustive";
  const vocabulary = session.model?.tokens.text.length ?? session.report?.tokens.text.length ?? 0;
  const scaled = Number(scaledResolution(vocabulary).toPrecision(3));
  const changed = [...NUMERIC, ...SWITCHES].filter(({ key }) => session.options[key] !== DEFAULTS[key]).length;
  return html`
    <details class="settings">
      <summary>${t("settings.title")}${changed > 0 ? html` <span class="quiet">(${t("settings.changed", { n: changed })})</span>` : nothing}</summary>
      <div class="options">
        ${NUMERIC.map((spec) => {
          const value = session.options[spec.key];
          const idle = spec.of === "search" && !searching;
          return html`<div class="option">
            <label for=${`option-${spec.key}`}>${t(`option.${spec.key}` as Key)}</label>
            <input id=${`option-${spec.key}`} type="number" min=${spec.min} max=${spec.max} step=${spec.step === 1 ? 1 : "any"}
              .value=${String(value)} ?disabled=${idle || session.job !== null} aria-describedby=${`about-${spec.key}`}
              @change=${(event: Event) => {
                const input = event.target as HTMLInputElement;
                const next = input.value === "" ? null : accepted(spec, Number(input.value));
                if (next === null) input.value = String(session.options[spec.key]);
                else session.setOptions({ [spec.key]: next });
              }} />
            <span class="about" id=${`about-${spec.key}`}>${t("settings.default", { value: DEFAULTS[spec.key], source: t(`source.${spec.source}`) })}. ${t(`option.${spec.key}.about` as Key)}</span>
            ${spec.key === "resolution" && vocabulary > 0 ? html`<span class="presets">
              <button class="link small" ?disabled=${session.job !== null} @click=${() => session.setOptions({ resolution: DEFAULTS.resolution })}>${t("resolution.paper", { value: DEFAULTS.resolution })}</button>
              <button class="link small" ?disabled=${session.job !== null} @click=${() => session.setOptions({ resolution: scaled })}>${t("resolution.scaled", { value: scaled, n: vocabulary })}</button>
            </span>` : nothing}
          </div>`;
        })}
        ${SWITCHES.map((spec) => html`<div class="option">
          <label class="switch"><input type="checkbox" .checked=${session.options[spec.key]} ?disabled=${(spec.of === "search" && !searching) || session.job !== null}
            @change=${(event: Event) => session.setOptions({ [spec.key]: (event.target as HTMLInputElement).checked })} /> ${t(`option.${spec.key}` as Key)}</label>
          <span class="about">${t("settings.default", { value: t(DEFAULTS[spec.key] ? "yes" : "no"), source: t(`source.${spec.source}`) })}. ${t(`option.${spec.key}.about` as Key)}</span>
        </div>`)}
      </div>
      <div class="row"><button ?disabled=${changed === 0 || session.job !== null} @click=${() => session.setOptions({ ...DEFAULTS })}>${t("settings.reset")}</button></div>
    </details>`;
}
