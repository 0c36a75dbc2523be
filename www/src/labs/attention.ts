/** The attention lens: text with concepts, models, what their heads give to the concepts. Composes views from the lens. */
import { css, html, nothing } from "lit";
import type { NamedFile } from "../core/files";
import { count, duration } from "../report/format";
import type { Session } from "../state/session";
import { t } from "../strings";
import { download, fileStem } from "../views/download";
import { GlitchscopeElement, sheet } from "../views/element";
import "../views/failure_box";
import "../views/progress_bar";
import { baselines, recurrent, sentence, statisticsTable, warningText } from "./attention/answer";
import { curves, distribution, grids, stem } from "./attention/figures";
import "./attention/head_map";
import { LAB, Lens } from "./attention/lens";
import type { Span } from "./attention/marks";
import "./attention/models";
import { options } from "./attention/options";
import "./attention/text_editor";
import "./attention/token_strip";
import { alignedStrip, amounts, percent2, points, strip, type StripView } from "./attention/tokens";
import type { AttentionWarning } from "./attention/types";
import { deviceLine, failureOf, progressOf } from "./shared";

export class AttentionLab extends GlitchscopeElement {
  static override styles = [sheet, css`
    :host { display: block; max-width: 1600px; margin: 0 auto; padding: 24px 16px 32px; }
    .question { max-width: 76ch; }
    .question > p { margin-top: 8px; }
    .facts { min-height: 45px; }
    .run { margin-top: 8px; height: 68px; max-width: 860px; }
    .device { font-size: 13px; line-height: 20px; color: var(--ink-2); height: 20px; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
    @media (max-width: 767px) { .facts { min-height: 91px; } .device { height: 40px; white-space: normal; } }
    gs-failure { margin-top: 16px; }
    section { margin-top: 32px; }
    section > h2 { margin-bottom: 8px; }
    h3 { margin: 28px 0 8px; }
    .row { display: flex; flex-wrap: wrap; align-items: center; gap: 8px 16px; margin-top: 8px; }
    .columns { display: grid; gap: 16px 32px; grid-template-columns: minmax(0, 1fr); }
    @media (min-width: 1000px) { .columns { grid-template-columns: minmax(0, 1.4fr) minmax(0, 1fr); } }
    .concepts { list-style: none; display: grid; gap: 4px; min-height: 80px; align-content: start; }
    .concepts li { display: grid; grid-template-columns: auto minmax(90px, 150px) minmax(0, 1fr) auto; gap: 4px 8px; align-items: center; }
    .concepts input[type="text"] { width: 100%; }
    .concepts .words { font-size: 13px; color: var(--ink-2); overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
    .concepts button { padding: 2px 8px; }
    .warnings { margin: 8px 0 0; padding-inline-start: 18px; font-size: 13px; color: var(--warn); max-width: 80ch; overflow-wrap: anywhere; }
    .warn { color: var(--warn); }
    .problem { min-height: 20px; font-size: 13px; color: var(--warn); }
    .legend { font-size: 13px; line-height: 20px; color: var(--ink-2); min-height: 40px; max-width: 80ch; margin-top: 4px; }
    .seen { min-height: 34px; }
    .noted { min-height: 48px; }
    @media (max-width: 599px) { .legend { min-height: 100px; } .seen { min-height: 112px; align-content: start; } }
    .settings { margin-top: 16px; }
    .options { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 320px), 1fr)); gap: 16px 32px; margin-top: 12px; }
    .option { display: grid; grid-template-columns: 1fr 120px; gap: 2px 12px; align-items: center; align-content: start; }
    .option.wide { grid-column: 1 / -1; grid-template-columns: auto minmax(0, 1fr); justify-items: start; }
    .option input[type="number"] { text-align: end; font-family: var(--mono); font-size: 13px; width: 100%; }
    .option select { max-width: 100%; }
    .option .about, .option .pieces { grid-column: 1 / -1; }
    .about { font-size: 13px; line-height: 1.4; color: var(--ink-2); max-width: 80ch; }
    .pieces { list-style: none; display: flex; flex-wrap: wrap; gap: 4px 8px; margin-top: 4px; }
    .pieces li { display: inline-flex; align-items: center; gap: 2px; }
    .pieces .piece { padding: 1px 5px; border-radius: 4px; background: var(--tint); font: 13px/1.4 var(--mono); white-space: pre; }
    .pieces button { min-height: 24px; min-width: 24px; padding: 0 6px; }
    .pieces input { width: 150px; min-height: 28px; }
    .answer { min-height: 300px; }
    .sentence { font-size: 18px; line-height: 1.5; max-width: 68ch; margin: 8px 0 4px; }
    .scroll { overflow-x: auto; margin-top: 8px; }
    .scroll table { font-size: 13px; width: auto; }
    .scroll th, .scroll td { white-space: nowrap; padding-inline-end: 16px; }
    tr.picked { background: var(--tint); }
    .figures-section { min-height: 70vh; }
    .grids { display: grid; gap: 8px 24px; grid-template-columns: repeat(auto-fit, minmax(min(100%, 300px), 1fr)); max-width: 1400px; }
    .beside { display: grid; gap: 16px 32px; grid-template-columns: minmax(0, 1fr); max-width: 1400px; }
    @media (min-width: 900px) { .beside { grid-template-columns: repeat(2, minmax(0, 1fr)); } }
    .figures { display: grid; grid-template-columns: repeat(auto-fill, minmax(110px, 1fr)); gap: 8px 16px; max-width: 560px; }
    .figures > div { border-top: 1px solid var(--rule); padding-top: 4px; }
    .figures dt { font-size: 13px; color: var(--ink-2); }
    .figures dd { font-size: 18px; font-family: var(--mono); }
    .skew { margin-top: 12px; max-width: 60ch; }
    .flat { min-height: 120px; }
    .notes { max-width: 80ch; margin: 8px 0 0; padding-inline-start: 18px; font-size: 13px; }
  `];
  static override properties = {
    session: { attribute: false }, version: { state: true }, clicks: { state: true }, stripView: { state: true }, stripLayer: { state: true }, pieces: { state: true }, piece: { state: true },
  };
  declare session: Session;
  /** Counts the lens's changes. */
  declare version: number;
  /** What a click on a token changes. */
  declare clicks: "concept" | "excluded";
  /** A model's place, or two of a pair. */
  declare stripView: string;
  declare stripLayer: number | null;
  /** What the chosen preset leaves out. */
  declare pieces: readonly string[];
  /** Being typed. */
  declare piece: string;

  private lens: Lens | null = null;
  private presetShown = "";
  private readonly heard = () => {
    this.version++;
  };

  constructor() {
    super();
    this.version = 0;
    this.clicks = "concept";
    this.stripView = "0";
    this.stripLayer = null;
    this.pieces = [];
    this.piece = "";
  }

  override connectedCallback(): void {
    super.connectedCallback();
    if (!this.lens) {
      this.lens = new Lens(this.session);
      void this.lens.restore();
    }
    this.lens.addEventListener("change", this.heard);
    this.session.addEventListener("change", this.heard);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.lens?.removeEventListener("change", this.heard);
    this.session.removeEventListener("change", this.heard);
  }

  /** Published shares: a table with the reference's columns, or NumPy's files. */
  take(files: NamedFile[]): boolean {
    if (files.length === 0 || !files.every(({ path }) => /\.npy$/i.test(path)) && !(files.length === 1 && /\.csv$/i.test(files[0]!.path))) return false;
    void this.lens?.import(files);
    return true;
  }

  override willUpdate(): void {
    const { exclusion } = this.lens!;
    if (exclusion.preset === "custom") this.pieces = exclusion.pieces;
    else if (this.presetShown !== exclusion.preset && !this.session.job) void this.readPieces(exclusion.preset);
    this.presetShown = exclusion.preset;
  }

  private async readPieces(preset: string): Promise<void> {
    const pieces = await this.session.core.attentionPieces(preset).catch(() => []);
    if (this.lens!.exclusion.preset === preset) this.pieces = pieces;
  }

  override render() {
    const lens = this.lens!;
    const { session } = lens;
    const { trouble, job } = session;
    const shown = trouble && (["load", "attention"] as const).some((during) => during === trouble.during);
    return html`
      <div class="question">
        <h1>${t("attention.question")}</h1>
        <p>${t("attention.definition")} <button class="link" @click=${() => this.dispatchEvent(new Event("help", { bubbles: true, composed: true }))}>${t("attention.help")}</button></p>
        <p class="quiet facts">${this.plan()}</p>
      </div>
      <div class="run">
        ${job ? html`<gs-progress .view=${progressOf(job)} @cancel=${() => lens.cancel()}></gs-progress>`
          : html`<button class="primary" ?disabled=${!lens.ready} @click=${() => void lens.measure()}>${t(lens.models.length > 1 ? "attention.run.compare" : "attention.run")}</button>`}
      </div>
      <p class="device">${session.model ? deviceLine(session.model.info.device) : ""}</p>
      ${shown ? html`<gs-failure .view=${failureOf(session, trouble, this, { label: t("failure.again"), run: () => void lens.measure() },
        lens.results.length > 0 ? t("attention.kept", { n: lens.results.length }) : "")} @dismiss=${() => session.dismiss()}></gs-failure>` : nothing}
      ${!lens.restored ? nothing : lens.imported === null ? this.texts(lens) : html`<p class="row small">${t("attention.imported", { name: lens.imported })}
        <button @click=${() => lens.closeImport()}>${t("report.close")}</button></p>`}
      ${lens.restored ? html`${this.answered(lens)}${this.figures(lens)}${this.files(lens)}` : nothing}
      <section ?hidden=${!lens.restored}><details><summary>${t("how.title")}</summary>
        <ul class="notes">${(["explanation", "sink", "values", "heads", "length", "one"] as const).map((note) => html`<li>${t(`attention.note.${note}`)}</li>`)}</ul>
        <p class="small quiet row">${t("attention.source")} <a href="https://arxiv.org/abs/2410.12001" rel="noreferrer">arXiv 2410.12001</a></p>
      </details></section>`;
  }

  /** What is about to happen and how long it takes here. */
  private plan(): string {
    const lens = this.lens!;
    const { session } = lens;
    if (!session.model) return t(session.job?.kind === "load" ? "plan.loading" : "plan.nothing");
    if (!lens.tokens) return t(lens.problem ? "attention.plan.problem" : "attention.plan.reading");
    const tokens = count(lens.tokens.reduce((sum, text) => sum + text.tokens.length, 0));
    const { expected, models } = lens;
    return expected === null ? t("attention.plan.unmeasured", { tokens, models: models.length })
      : t("attention.plan", { tokens, models: models.length, time: duration(expected) });
  }

  private texts(lens: Lens) {
    const { session, text, concept } = lens;
    const busy = session.job !== null;
    const here = lens.tokens?.[lens.at];
    const byHand = text.alsoExcluded.length + text.kept.length > 0 || text.concepts.some(({ tokens }) => tokens !== null);
    return html`
      <section aria-label=${t("attention.texts")}>
        <h2>${t("attention.texts")}</h2>
        <div class="row">
          ${lens.texts.length > 1 ? html`<div class="segmented small" role="radiogroup" aria-label=${t("attention.text.which")}>${lens.texts.map(({ name }, i) => html`<label><input type="radio" name="text" .checked=${i === lens.at}
            @change=${() => lens.show(i, 0)} />${name || t("attention.text.number", { n: i + 1 })}</label>`)}</div>` : nothing}
          <button class="small" ?disabled=${busy} @click=${() => lens.addText()}>${t("attention.text.add")}</button>
          ${lens.texts.length > 1 ? html`<button class="small" ?disabled=${busy} @click=${() => lens.removeText()}>${t("attention.text.remove")}</button>` : nothing}
          ${lens.isExample ? nothing : html`<button class="small" ?disabled=${busy} @click=${() => lens.backToExample()}>${t("attention.example")}</button>`}
        </div>
        <div class="columns row">
          <gs-marked-text .text=${text.text} .concepts=${text.concepts} .active=${concept} ?busy=${busy} @typed=${(event: CustomEvent<{ text: string; caret: number }>) => lens.type(event.detail.text, event.detail.caret)}
            @mark=${(event: CustomEvent<{ span: Span; on: boolean }>) => lens.mark(event.detail.span, event.detail.on)}></gs-marked-text>
          <div>
            <ul class="concepts" aria-label=${t("attention.concepts")}>${text.concepts.map(({ name, spans, tokens }, i) => html`<li>
              <input type="radio" name="concept" id=${`concept-${i}`} .checked=${i === concept} aria-label=${t("attention.concept.edit", { concept: name })} @change=${() => lens.show(lens.at, i)} />
              <input type="text" maxlength="60" .value=${name} ?disabled=${busy} aria-label=${t("attention.concept.name")} @change=${(event: Event) => this.rename(event, i)} />
              <label class="words" for=${`concept-${i}`} title=${spans.map(({ start, end }) => text.text.slice(start, end)).join(" · ")}>${tokens ? t("attention.concept.by_hand", { n: tokens.length })
                : spans.length > 0 ? spans.map(({ start, end }) => `“${text.text.slice(start, end)}”`).join(" ") : t("attention.concept.none")}</label>
              <button ?disabled=${busy || text.concepts.length < 2} aria-label=${t("attention.concept.remove", { concept: name })} @click=${() => lens.removeConcept(i)}>×</button></li>`)}</ul>
            <div class="row"><button class="small" ?disabled=${busy} @click=${() => lens.addConcept()}>${t("attention.concept.add")}</button></div>
          </div>
        </div>
      </section>
      <section aria-label=${t("attention.strip")}>
        <h2>${t("attention.strip")}</h2>
        ${this.strip(lens)}
        <div class="row small">
          <span id="clicks">${t("attention.clicks")}</span>
          <div class="segmented" role="radiogroup" aria-labelledby="clicks">${(["concept", "excluded"] as const).map((what) => html`<label><input type="radio" name="clicks" .checked=${this.clicks === what}
            @change=${() => { this.clicks = what; }} />${t(`attention.clicks.${what}`)}</label>`)}</div>
          ${byHand ? html`<button class="small" ?disabled=${busy} @click=${() => lens.dropByHand()}>${t("attention.by_hand.drop")}</button>` : nothing}
        </div>
        <p class="problem" role="status" lang="en">${lens.problem ? `${lens.problem.message} ${lens.problem.hint ?? ""}` : ""}</p>
        <div class="noted">${this.warnings(here?.warnings ?? [])}</div>
        <h3>${t("attention.models")}</h3>
        <gs-lens-models .lens=${lens} .version=${this.version}></gs-lens-models>
        ${options(lens, this.pieces, { value: this.piece, set: (value) => { this.piece = value; } })}
      </section>`;
  }

  private rename(event: Event, place: number): void {
    const input = event.target as HTMLInputElement;
    const name = input.value.trim();
    if (name === "" || this.lens!.text.concepts.some((concept, i) => i !== place && concept.name === name)) input.value = this.lens!.text.concepts[place]!.name;
    else this.lens!.editConcept((concept) => ({ ...concept, name }), place);
  }

  private warnings(warnings: readonly AttentionWarning[]) {
    return warnings.length === 0 ? nothing : html`<ul class="warnings">${warnings.map((warning) => html`<li>${warningText(warning)}</li>`)}</ul>`;
  }

  /** The text in tokens, as dark as the attention they receive. */
  private strip(lens: Lens) {
    const { comparison, results, at } = lens;
    const measured = !lens.stale && results.length > 0;
    const tokens = measured ? results[0]!.texts[at]?.tokens : lens.tokens?.[at];
    const names = comparison?.models.map(({ name }) => name) ?? [];
    const views: { id: string; name: string; view: StripView }[] = measured ? [
      ...results.map((_, i) => ({ id: String(i), name: names[i]!, view: { kind: "model" as const, model: i, layer: this.stripLayer } })),
      ...(comparison?.pairs ?? []).map(({ old, new: fresh }) => ({ id: `${old}-${fresh}`, name: `${names[fresh]!} − ${names[old]!}`, view: { kind: "difference" as const, old, new: fresh, layer: this.stripLayer } })),
    ] : [];
    const view = views.find(({ id }) => id === this.stripView) ?? views[0];
    const own = view?.view.kind === "model" ? results[view.view.model]!.texts[at]?.tokens : tokens;
    const received = view ? amounts(results, at, view.view) : null;
    const text = measured ? results[0]!.request.texts[at]?.text ?? "" : lens.text.text;
    // Where models cut the text otherwise, the difference is of the shortest pieces that are whole tokens in both.
    const pieces = view?.view.kind === "difference" && !received && comparison ? alignedStrip(text, comparison, at, view.view.old, view.view.new) : null;
    const drawn = pieces ?? (own ? strip(text, own, lens.concept, received) : null);
    const layers = Math.max(0, ...results.map(({ heads }) => heads.length));
    return html`
      <div class="row small seen">
        ${views.length > 0 ? html`<div class="segmented" role="radiogroup" aria-label=${t("attention.strip.of")}>${views.map(({ id, name }) => html`<label><input type="radio" name="strip" .checked=${id === view?.id}
          @change=${() => { this.stripView = id; }} />${name}</label>`)}</div>
        <select aria-label=${t("attention.layer")} @change=${(event: Event) => {
          const { value } = event.target as HTMLSelectElement;
          this.stripLayer = value === "" ? null : Number(value);
        }}><option value="" .selected=${this.stripLayer === null}>${t("attention.strip.all")}</option>${Array.from({ length: layers }, (_, i) => html`<option value=${i} .selected=${this.stripLayer === i}>${t("attention.strip.layer", { layer: i })}</option>`)}</select>` : html`<span class="quiet">${t("attention.strip.before")}</span>`}
      </div>
      <gs-token-strip class="row" .tokens=${drawn?.tokens ?? []} label=${t("attention.strip")} empty=${t(lens.session.model ? "attention.strip.empty" : "plan.loading")}
        ?clickable=${lens.session.job === null && view?.view.kind !== "difference"} @toggle-token=${(event: CustomEvent<number>) => {
          if (this.clicks === "concept") lens.toggleConceptToken(event.detail);
          else lens.toggleExcluded(event.detail);
        }}></gs-token-strip>
      <p class="legend">${lens.stale ? t("attention.stale") : drawn && view ? view.view.kind === "difference"
        ? t(pieces ? "attention.strip.legend.pieces" : "attention.strip.legend.difference", { most: points(drawn.most).replace("+", "") })
        : t("attention.strip.legend", { most: percent2(drawn.most) }) : t("attention.strip.legend.marks")}</p>`;
  }

  private answered(lens: Lens) {
    const { comparison, imported } = lens;
    const flat = imported !== null && comparison ? html`<div class="row small"><label>${t("attention.column.concept")} <select @change=${(event: Event) => lens.show(lens.at, Number((event.target as HTMLSelectElement).value))}>
      ${comparison.concepts.map(({ name }, i) => html`<option value=${i} .selected=${i === lens.flat}>${name}</option>`)}</select></label></div>` : nothing;
    const names = comparison?.models.map(({ name }) => name) ?? [];
    return html`<section class="answer" aria-label=${t("answer.title")}>
      <h2>${t("answer.title")}</h2>
      ${flat}
      ${comparison && comparison.pairs.length > 1 ? html`<div class="segmented small" role="radiogroup" aria-label=${t("attention.column.pair")}>${comparison.pairs.map(({ old, new: fresh }, i) => html`<label><input type="radio" name="pair" .checked=${i === lens.pair}
        @change=${() => lens.showPair(i)} />${names[fresh]} − ${names[old]}</label>`)}</div>` : nothing}
      <div aria-live="polite">${sentence(lens)}</div>
      ${lens.results.flatMap(({ notes }) => notes).map((note) => html`<p class="small warn" lang="en">${note}</p>`)}
      ${lens.results.flatMap(({ texts }, i) => {
        const own = texts[lens.at]?.warnings.filter(({ kind }) => kind === "little_kept" || kind === "undefined" || kind === "windowed" || (i > 0 && kind === "not_aligned")) ?? [];
        return own.length === 0 ? [] : [html`<p class="small warn">${names[i]}: ${own.map(warningText).join(" ")}</p>`];
      })}
      ${statisticsTable(lens)}
      ${baselines(lens)}
    </section>`;
  }

  private figures(lens: Lens) {
    return html`<section class="figures-section" aria-label=${t("evidence.title")}>
      <h2>${t("evidence.title")}</h2>
      ${lens.comparison ? html`${grids(lens)}${this.head(lens)}${distribution(lens)}${curves(lens)}${recurrent(lens)}` : html`<p class="quiet">${t("attention.evidence.none")}</p>`}
    </section>`;
  }

  private head(lens: Lens) {
    const { opened, comparison } = lens;
    if (!opened || !comparison) return nothing;
    return html`<div id="head"><h3>${t("attention.map", { head: t("attention.head", { layer: opened.layer, head: opened.head }) })}</h3>
      <button class="small" @click=${() => lens.closeHead()}>${t("attention.map.close")}</button>
      <gs-head-map .opened=${opened} .version=${opened.maps.filter(Boolean).length} .results=${lens.results} .comparison=${comparison} .concept=${lens.concept}
        stem=${stem(lens, `L${opened.layer}H${opened.head}`)}></gs-head-map></div>`;
  }

  private files(lens: Lens) {
    const { comparison } = lens;
    const name = fileStem(`glitchscope-attention-${comparison?.models.map((model) => model.name).join("-") ?? ""}`);
    const none = !comparison || lens.session.job !== null;
    return html`<section aria-label=${t("attention.files")}>
      <h2>${t("attention.files")}</h2>
      <div class="row">
        <button ?disabled=${none} @click=${async () => {
          const csv = await lens.csv();
          if (csv !== null) download(csv, `${name}.csv`, "text/csv");
        }}>${t("attention.export.csv")}</button>
        <button ?disabled=${none} @click=${() => download(lens.json(), `${name}.json`, "application/json")}>${t("attention.export.json")}</button>
        ${comparison?.models.map((model, i) => html`<button ?disabled=${none} @click=${async () => {
          const npy = await lens.npy(lens.flat, i);
          if (npy) download(new Blob([npy as Uint8Array<ArrayBuffer>]), `${fileStem(`${comparison.concepts[lens.flat]?.name ?? ""}_${model.name.replaceAll("_", "-")}`)}.npy`, "application/octet-stream");
        }}>${t("attention.export.npy", { model: model.name })}</button>`)}
        <button ?disabled=${lens.session.job !== null} @click=${() => this.renderRoot.querySelector<HTMLInputElement>("#shares")!.click()}>${t("attention.import")}</button>
        <input class="visually-hidden" id="shares" type="file" multiple accept=".csv,.npy" tabindex="-1" aria-label=${t("attention.import")} @change=${(event: Event) => {
          const input = event.target as HTMLInputElement;
          const files = [...(input.files ?? [])].map((file) => ({ path: file.name, file }));
          input.value = "";
          if (files.length > 0) void lens.import(files);
        }} />
      </div>
      <p class="about">${t("attention.files.about")}</p>
    </section>`;
  }

  override updated(): void {
    // A head that was opened by a click far below is brought into view once.
    const { opened } = this.lens!;
    if (opened && opened !== this.scrolledTo) this.renderRoot.querySelector("#head")?.scrollIntoView({ block: "nearest" });
    this.scrolledTo = opened;
  }

  private scrolledTo: Lens["opened"] = null;

  /** For the tests. */
  get state(): Lens | null {
    return this.lens;
  }
}
customElements.define(`gs-${LAB}-lab`, AttentionLab);
