/** Which oracles ask, which of them leads, how questions are put, and every question to the byte. */
import { css, html, nothing } from "lit";
import { count } from "../report/format";
import { added, led, sharing } from "../report/oracles";
import type { OracleOffer, PromptForm, PromptInfo } from "../report/types";
import { has, t } from "../strings";
import { copyText } from "./copy";
import { GlitchscopeElement, sheet } from "./element";

/** The name of an oracle in the language of the page; its id where the page knows none. */
export function oracleTitle(id: string): string {
  const key = `oracle.${id}`;
  return has(key) ? t(key) : id;
}

export class OracleChoice extends GlitchscopeElement {
  static override styles = [sheet, css`
    summary b { font-family: var(--mono); font-weight: 400; font-size: 13px; }
    .list { list-style: none; margin-top: 8px; max-width: 860px; border-top: 1px solid var(--rule); }
    li { display: grid; grid-template-columns: 28px 28px minmax(0, 1fr); gap: 0 8px; padding: 8px 0; border-bottom: 1px solid var(--rule); align-items: start; }
    .legend { display: grid; grid-template-columns: auto 1fr; gap: 0 12px; margin-top: 12px; font-size: 13px; color: var(--ink-2); max-width: 70ch; }
    input[type="radio"], input[type="checkbox"] { width: 18px; height: 18px; margin: 2px 0 0; accent-color: var(--accent); }
    .id { font-family: var(--mono); font-size: 13px; overflow-wrap: anywhere; }
    .cost { font-size: 13px; color: var(--ink-2); }
    .problem { font-size: 13px; color: var(--warn); }
    .prompt { margin-top: 8px; font-size: 13px; }
    pre { margin: 4px 0 0; padding: 8px; border: 1px solid var(--rule); border-radius: 4px; background: var(--surface); max-height: 260px; overflow: auto; font: 13px/1.5 var(--mono); white-space: pre-wrap; overflow-wrap: anywhere; }
    pre mark { background: var(--tint-2); color: inherit; border-radius: 4px; padding: 0 4px; }
    .ids { font-family: var(--mono); font-size: 12px; color: var(--ink-2); overflow-wrap: anywhere; }
    .form { display: flex; flex-wrap: wrap; gap: 8px 16px; align-items: center; margin-top: 12px; }
    .copy { min-height: 28px; padding: 2px 8px; font-size: 13px; margin-top: 4px; }
    p.small { margin-top: 8px; max-width: 76ch; }
  `];
  static override properties = {
    offers: { attribute: false }, chosen: { attribute: false }, form: { type: String }, templates: { attribute: false }, busy: { type: Boolean },
    copied: { state: true },
  };
  declare offers: OracleOffer[];
  /** Ids, the leading one first. */
  declare chosen: string[];
  declare form: PromptForm;
  /** Names of the model's chat templates. */
  declare templates: string[];
  declare busy: boolean;
  /** Name of the question that was copied last. */
  declare copied: string;

  constructor() {
    super();
    this.offers = [];
    this.chosen = [];
    this.form = "auto";
    this.templates = [];
    this.busy = false;
    this.copied = "";
  }

  override render() {
    const { offers, chosen } = this;
    const [leading = "", ...others] = chosen;
    const { questions, shared } = sharing(offers, chosen);
    return html`
      <details>
        <summary>${t("oracles.title")} <b>${offers.find(({ id }) => id === leading)?.oracle?.id ?? leading}</b>${others.length > 0
          ? html` <span class="quiet small">${t("oracles.alongside", { n: others.length, questions })}</span>` : nothing}</summary>
        <p class="legend"><span>${t("oracles.leads")}</span><span>${t("oracles.leads.about")}</span><span>${t("oracles.asks")}</span><span>${t("oracles.asks.about")}</span></p>
        <ul class="list">${offers.map((offer) => this.entry(offer))}</ul>
        <p class="small" role="status">${t("oracles.cost", { n: questions })}
          ${shared.map(({ question, oracles }) => html` ${t("oracles.shared", { question, oracles: oracles.join(", ") })}`)}</p>
        <div class="form">
          <span>${t("form.label")}</span>
          <div class="segmented small" role="radiogroup" aria-label=${t("form.label")}>${(["auto", "plain", "chat"] as const).map((form) => html`<label>
            <input type="radio" name="form" .checked=${this.form === form} ?disabled=${this.busy || (form === "chat" && this.templates.length === 0)}
              @change=${() => this.choose("form", form)} />${t(`form.${form}`)}</label>`)}</div>
        </div>
        <p class="small quiet">${this.decided()}</p>
      </details>`;
  }

  /** What the form comes to for this model. */
  private decided(): string {
    const chat = this.offers.some(({ oracle }) => oracle?.prompts.some(({ form }) => form === "chat"));
    if (this.templates.length === 0) return t("form.no_template");
    return this.form === "auto" ? t(chat ? "form.auto.chat" : "form.auto.plain") : t(chat ? "form.is_chat" : "form.is_plain");
  }

  private entry({ id, oracle, problem }: OracleOffer) {
    const { chosen } = this;
    const [leading, asked] = [chosen[0] === id, chosen.includes(id)];
    const { all, own } = added(this.offers, chosen, id);
    const off = this.busy || !oracle;
    return html`<li>
      <input type="radio" name="leading" .checked=${leading} ?disabled=${off} aria-label=${t("oracles.lead", { id })} title=${t("oracles.lead", { id })}
        @change=${() => this.choose("oracles", led(chosen, id))} />
      <input type="checkbox" .checked=${asked} ?disabled=${off || leading} aria-label=${t("oracles.ask", { id })} title=${t("oracles.ask", { id })}
        @change=${() => this.choose("oracles", asked ? chosen.filter((other) => other !== id) : [...chosen, id])} />
      <div>
        <div>${oracleTitle(id)} <span class="id quiet">${oracle?.id ?? id}</span></div>
        ${oracle ? html`<details class="small">
          <summary class="cost">${t("oracles.questions", { n: all })}${asked && own < all ? `, ${t("oracles.own", { n: all - own })}` : ""}</summary>
          ${oracle.rules.map((rule) => html`<p lang="en">${rule}</p>`)}
          <p lang="en">${oracle.value ? html`${t("oracles.value")} ${oracle.value}. ` : nothing}<span class="quiet">${oracle.source}</span></p>
          ${oracle.prompts.map((prompt) => this.prompt(prompt))}
        </details>` : html`<p class="problem" lang="en">${problem}</p>`}
      </div>
    </li>`;
  }

  private prompt(prompt: PromptInfo) {
    const ids = prompt.ids.reduce((sum, piece) => sum + piece.length + 1, -1);
    const bytes = new TextEncoder().encode(prompt.text.join("")).length;
    return html`<div class="prompt">
      <span class="id">${prompt.name}</span>
      <span class="quiet">${t("oracles.prompt", {
        form: t(`form.${prompt.form === "chat" ? "chat" : "plain"}`), places: prompt.text.length - 1, bytes: count(bytes), ids: count(ids), new: prompt.max_new_tokens,
      })} <span lang="en">${prompt.decoding}</span></span>
      <pre tabindex="0" aria-label=${prompt.name}>${prompt.text.map((piece, i) => html`${i > 0 ? html`<mark>${t("oracles.token")}</mark>` : nothing}${piece}`)}</pre>
      <details><summary class="cost">${t("oracles.ids")}</summary><p class="ids">${prompt.ids.map((piece) => piece.join(" ")).join(" · ")}</p></details>
      <button class="copy" @click=${async () => { if (await copyText(JSON.stringify(prompt, null, 1))) this.copied = prompt.name; }}>${
        t(this.copied === prompt.name ? "copied" : "oracles.copy")}</button>
    </div>`;
  }

  /** Announces `oracles` with ids or `form` with a form. */
  private choose(what: "oracles" | "form", detail: string[] | PromptForm): void {
    this.dispatchEvent(new CustomEvent(what, { detail }));
    // A choice that is not taken must not look as if it were.
    this.requestUpdate();
  }
}
customElements.define("gs-oracles", OracleChoice);
