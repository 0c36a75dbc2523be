/** Which oracles ask, and how the sampled one draws. */
import { html, nothing } from "lit";
import type { PromptForm } from "../../report/types";
import { chosenOracles, namedOracles, SAMPLING } from "../../state/options";
import type { Session } from "../../state/session";
import { option } from "./settings";

export function oracles(session: Session) {
  const chosen = chosenOracles(session.options);
  return html`<div class="oracles">
    <gs-oracles .offers=${session.offers} .chosen=${chosen} .form=${session.options.form} .templates=${session.model?.info.chat_templates ?? []}
      ?busy=${session.job !== null}
      @oracles=${(event: CustomEvent<string[]>) => session.setOptions({ oracles: namedOracles(event.detail) })}
      @form=${(event: CustomEvent<PromptForm>) => session.setOptions({ form: event.detail })}></gs-oracles>
    ${chosen.includes("repetition-sampled") ? html`<div class="options">${SAMPLING.map((spec) => option(session, spec, false))}</div>` : nothing}
  </div>`;
}
