/** The glitch lab: question, map, answer, evidence. Composes views from the session; draws nothing itself. */
import { css, html, nothing } from "lit";
import { count, duration, rate } from "../report/format";
import { matching, parseFilter } from "../report/filter";
import { type TokenRows, VERDICTS } from "../report/rows";
import { PAPER_RESOLUTION, scaledResolution } from "../report/resolution";
import { measuredRate } from "../state/preferences";
import { turn } from "../slices";
import type { Session, Trouble } from "../state/session";
import type { Label } from "../report/types";
import { t } from "../strings";
import { download, fileStem } from "../views/download";
import { GlitchscopeElement, sheet } from "../views/element";
import type { FailureView } from "../views/failure_box";
import type { DetailPanel } from "../views/detail_panel";
import type { TokenMap } from "../views/token_map";
import "../views/detail_panel";
import "../views/detector_table";
import "../views/failure_box";
import "../views/granularity_chart";
import "../views/oracle_choice";
import "../views/progress_bar";
import "../views/recall_chart";
import "../views/token_map";
import "../views/token_table";
import { answer, caution } from "./glitch/answer";
import { detectors } from "./glitch/detectors";
import { oracles } from "./glitch/oracles";
import { comparison, exports, keptScan } from "./glitch/evidence";
import "./glitch/prevalence";
import "./glitch/repair";
import { settings } from "./glitch/settings";
import { deviceLine, failureOf, progressOf } from "./shared";

/** Which rows the table lists before any filter. */
export type Scope = "findings" | "asked" | "all";
/** Milliseconds between two refreshes of the table while verdicts arrive: sorting 150,000 rows takes about a tenth of it. */
const TABLE_MS = 500;

export class GlitchLab extends GlitchscopeElement {
  static override styles = [sheet, css`
    :host { display: block; max-width: 1600px; margin: 0 auto; padding: 24px 16px 64px; }
    .question { max-width: 76ch; }
    .question > p { margin-top: 8px; }
    .run { margin-top: 16px; height: 68px; max-width: 860px; }
    .method { max-width: 100%; }
    .row { display: flex; flex-wrap: wrap; align-items: center; gap: 8px 16px; margin-top: 12px; }
    /* Of fixed height: what is said changes when the model is there, and nothing may jump. The dialog has the whole line. */
    .device { margin-top: 8px; font-size: 13px; line-height: 20px; color: var(--ink-2); height: 20px; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
    .question .facts { margin-top: 2px; min-height: 23px; }
    @media (max-width: 767px) {
      .device { height: 40px; white-space: normal; display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 2; }
      .question .facts { min-height: 45px; }
    }
    gs-failure { margin-top: 16px; }
    gs-map { margin-top: 16px; }
    .settings, .oracles { margin-top: 12px; }
    .labels .scroll { max-width: 860px; }
    .labels tbody th { font-weight: 400; white-space: nowrap; }
    .reading { margin-top: 8px; }
    .seeds { width: 72px; text-align: end; font-family: var(--mono); font-size: 13px; }
    .options { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 340px), 1fr)); gap: 16px 32px; margin-top: 12px; }
    .option { display: grid; grid-template-columns: 1fr 104px; gap: 2px 12px; align-items: center; align-content: start; }
    .option input[type="number"] { text-align: end; font-family: var(--mono); font-size: 13px; width: 100%; }
    .option .about, .option .presets, .option .switch { grid-column: 1 / -1; }
    .option .about { font-size: 13px; line-height: 1.4; color: var(--ink-2); }
    .option .presets { display: flex; flex-wrap: wrap; gap: 4px 16px; }
    section { margin-top: 40px; }
    section > h2 { margin-bottom: 8px; }
    .sentence { font-size: 18px; line-height: 1.5; max-width: 64ch; margin: 8px 0 4px; }
    .sentence .mono { font-size: 16px; }
    .numbers { display: grid; grid-template-columns: repeat(auto-fit, minmax(200px, 1fr)); gap: 16px; margin: 16px 0; max-width: 860px; }
    .numbers > div { border-top: 1px solid var(--rule); padding-top: 8px; }
    .numbers dt { font-size: 13px; color: var(--ink-2); }
    .numbers .value { font-size: 24px; line-height: 1.25; font-family: var(--mono); }
    .answer { min-height: 120px; }
    .answer .about { max-width: 64ch; }
    .caution { color: var(--warn); border: 1px solid var(--warn); border-inline-start-width: 4px; border-radius: 4px; padding: 8px 12px; margin: 8px 0; max-width: 76ch; overflow-wrap: anywhere; }
    .answer details { margin-top: 8px; max-width: 860px; }
    .notes { margin: 8px 0 0 18px; font-size: 13px; max-width: 80ch; overflow-wrap: anywhere; }
    .scroll { overflow-x: auto; margin-top: 8px; }
    .scroll table { font-size: 13px; min-width: 480px; }
    .evidence { display: grid; gap: 16px; grid-template-columns: minmax(0, 1fr); }
    @media (min-width: 1000px) { .evidence { grid-template-columns: minmax(0, 1.55fr) minmax(340px, 1fr); } }
    .filter { display: flex; flex-wrap: wrap; gap: 8px; margin-bottom: 8px; }
    .filter input { flex: 1; min-width: 160px; }
    .filter-problem { color: var(--warn); font-size: 13px; min-height: 20px; margin-bottom: 4px; }
    .forms { flex-basis: 100%; }
    .how { max-width: 70ch; }
    .how p { margin-top: 12px; }
  `];
  static override properties = {
    session: { attribute: false }, scope: { state: true }, verdicts: { state: true }, tableVersion: { state: true },
  };
  declare session: Session;
  declare scope: Scope;
  declare verdicts: ReadonlySet<number>;
  declare tableVersion: number;

  private seen: { rows: TokenRows | null; version: number; key: string } = { rows: null, version: -1, key: "" };
  private ids: Uint32Array = new Uint32Array();
  private visible: Uint8Array | null = null;
  private problem = "";
  private refresh: ReturnType<typeof setTimeout> | undefined;
  private readonly onChange = () => this.requestUpdate();
  private readonly onRows = () => this.requestUpdate();
  private readonly onPick = () => void this.session.askPicked();

  constructor() {
    super();
    this.scope = "findings";
    this.verdicts = new Set([0, 1, 2, 3]);
    this.tableVersion = 0;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.session.addEventListener("change", this.onChange);
    this.session.addEventListener("rows", this.onRows);
    this.session.addEventListener("pick", this.onPick);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.session.removeEventListener("change", this.onChange);
    this.session.removeEventListener("rows", this.onRows);
    this.session.removeEventListener("pick", this.onPick);
    clearTimeout(this.refresh);
  }

  /** Apart from what brought the rows: of a large vocabulary each takes its time. */
  protected override async scheduleUpdate(): Promise<void> {
    await turn();
    await super.scheduleUpdate();
  }

  override willUpdate(): void {
    this.select();
  }

  override render() {
    const { session } = this;
    const { rows } = session;
    const version = rows?.version ?? 0;
    return html`
      <div class="question">
        <h1>${t("glitch.question")}</h1>
        <p>${t("glitch.definition")}</p>
        <p class="quiet">${t(`plan.${session.method}`)}</p>
        <p class="quiet facts">${this.plan()}</p>
      </div>
      <div class="run">
        ${session.job
          ? html`<gs-progress .view=${progressOf(session.job)} @cancel=${() => session.cancel()}></gs-progress>`
          : html`<button class="primary" ?disabled=${!session.leading} @click=${() => void session.scan()}>${t("glitch.run")}</button>`}
      </div>
      <div class="segmented small method" role="radiogroup" aria-label=${t("method.label")}>
        ${(["glitchhunter", "exhaustive", "both"] as const).map((method) => html`<label title=${t(`method.${method}.about`)}><input type="radio" name="method"
          .checked=${session.method === method} ?disabled=${session.job !== null} @change=${() => session.setMethod(method)} />${t(`method.${method}`)}</label>`)}
      </div>
      ${oracles(session)}
      <p class="device" title=${this.deviceLine()}>${this.deviceLine()}</p>
      ${keptScan(session)}
      ${session.fromFile === null ? nothing : html`<p class="row small">${t("report.open", { name: session.fromFile })}
        <button @click=${() => session.closeReport()}>${t("report.close")}</button></p>`}
      ${session.trouble && session.trouble.during !== "attention" ? html`<gs-failure .view=${this.failure(session.trouble)} @dismiss=${() => session.dismiss()}></gs-failure>` : nothing}
      <gs-map .rows=${rows} .version=${version} .visible=${this.visible} .shownVerdicts=${this.verdicts} .picked=${session.picked}
        .indicators=${session.fromFile === null ? session.indicators : null} .hunt=${(session.report?.hunt ?? session.reports.glitchhunter?.hunt) ?? null} empty=${t(session.trouble ? "map.nothing" : "map.loading")}
        @pick=${this.pick} @open=${this.open} @toggle-verdict=${this.toggle}></gs-map>
      ${settings(session)}
      <section class="answer" aria-label=${t("answer.title")}>
        <h2>${t("answer.title")}</h2>
        <div aria-live="polite">${answer(session, (scope, filter, method) => this.show(scope, filter, method))}</div>
      </section>
      <section aria-label=${t("evidence.title")}>
        <h2>${t("evidence.title")}</h2>
        ${caution(session.report)}
        <div class="filter">
          <div class="segmented small" role="radiogroup" aria-label=${t("scope.label")}>
            ${(["findings", "asked", "all"] as const).map((scope) => html`<label><input type="radio" name="scope" .checked=${this.scope === scope}
              @change=${() => { this.scope = scope; }} />${t(`scope.${scope}`)}</label>`)}
          </div>
          <input type="search" .value=${session.filter} placeholder=${t("filter.placeholder")} aria-label=${t("filter.label")} title=${t("filter.help")}
            spellcheck="false" autocomplete="off" @input=${(event: Event) => session.setFilter((event.target as HTMLInputElement).value)} />
        </div>
        <p class="filter-problem" role="status">${this.problem || html`<span class="quiet">${t("filter.count", { n: count(this.ids.length), of: count(rows?.length ?? 0) })}</span>`}</p>
        <div class="evidence">
          <gs-table .rows=${rows} .version=${this.tableVersion} .ids=${this.ids} .picked=${session.picked}
            empty=${this.emptyTable()} @pick=${this.pick} @open=${this.open}></gs-table>
          <gs-detail .rows=${rows} .version=${version} .token=${session.picked} .oracle=${session.report?.provenance.oracle ?? null}
            .detail=${session.detail} .canAsk=${session.canAsk} .indicators=${session.fromFile === null ? session.indicators : null} @pick=${this.pick}
            @indicators=${() => void session.readIndicators()} @relabel=${(event: CustomEvent<Label>) => session.relabel(event.detail)}
            @filter=${(event: CustomEvent<string>) => this.show("all", event.detail)}></gs-detail>
        </div>
        <div class="row">
          <button ?disabled=${!session.report} @click=${() => void this.saveJson()}>${t("export.json")}</button>
          <button ?disabled=${!session.report} @click=${() => void this.saveCsv()}>${t("export.csv")}</button>
          <button ?disabled=${!rows} @click=${() => void this.savePicture()}>${t("export.map")}</button>
          <button @click=${() => this.dispatchEvent(new Event("change-model", { bubbles: true, composed: true }))}>${t("export.open")}</button>
          ${exports(session, this.stem())}
        </div>
      </section>
      ${comparison(session, this.stem())}
      ${rows && rows.length > 0 ? html`<section aria-label=${t("granularity.heading")}>
        <h2>${t("granularity.heading")}</h2>
        <p class="how">${t("granularity.about", { paper: PAPER_RESOLUTION, scaled: scaledResolution(rows?.length ?? 0).toPrecision(3), n: count(rows?.length ?? 0) })}</p>
        <div class="row"><button ?disabled=${!session.model || session.job !== null || session.fromFile !== null}
          @click=${() => void session.compareResolutions()}>${t(session.truth ? "granularity.run" : "granularity.run_all")}</button></div>
        ${session.granularity ? caution(session.report) : nothing}
        ${session.granularity ? html`<gs-granularity .rows=${session.granularity} .paper=${PAPER_RESOLUTION}
          .scaled=${scaledResolution(rows?.length ?? 0)} .stem=${`${this.stem()}-granularity`}></gs-granularity>` : nothing}
      </section>
      ${detectors(session, `${this.stem()}-detectors`)}` : nothing}
      <section aria-label=${t("prevalence.heading")}><gs-prevalence id="prevalence" .session=${session} @pick=${this.pick}></gs-prevalence></section>
      <section aria-label=${t("repair.heading")}><gs-repair .session=${session} @pick=${this.pick}></gs-repair></section>
      <section class="how">
        <details><summary>${t("how.title")}</summary>
          <p>${t("how.oracle")}</p><p>${t("how.search")}</p><p>${t("how.limits")}</p>
          <p class="small quiet">${t("how.source")} <a href="https://arxiv.org/abs/2404.09894" rel="noreferrer">arXiv 2404.09894</a></p>
        </details>
      </section>`;
  }

  reveal(id: string): void {
    void this.updateComplete.then(() => this.renderRoot.querySelector(`#${id}`)?.scrollIntoView({ block: "start" }));
  }

  /** Brings the lists of the table and the map up to date: both follow the filter, the table also the scope. */
  private select(): void {
    const { rows, filter: query, job } = this.session;
    const key = JSON.stringify([query, this.scope, [...this.verdicts].sort()]);
    const { seen } = this;
    const same = seen.rows === rows && seen.key === key;
    if (same && seen.version === (rows?.version ?? 0)) return;
    if (same && job) {
      // Verdicts keep arriving: the table follows twice a second, not sixty times.
      this.refresh ??= setTimeout(() => {
        this.refresh = undefined;
        this.seen.version = -2;
        this.recompute(rows, query, key);
        this.requestUpdate();
      }, TABLE_MS);
      return;
    }
    this.recompute(rows, query, key);
  }

  private recompute(rows: TokenRows | null, query: string, key: string): void {
    const filter = parseFilter(query);
    this.seen = { rows, version: rows?.version ?? 0, key };
    this.problem = filter.problem ? t(filter.problem.key, { piece: filter.problem.piece }) : "";
    if (!rows) {
      this.ids = new Uint32Array();
      this.visible = null;
    } else {
      // One pass without a list in between: it is made twice a second while verdicts arrive.
      const shown = VERDICTS.map((_, verdict) => this.verdicts.has(verdict));
      const listed = [this.scope === "all", this.scope !== "findings", true, this.scope === "all"];
      const visible = query === "" && this.verdicts.size === 4 ? null : new Uint8Array(rows.length);
      this.ids = matching(rows, filter, (id) => {
        const verdict = rows.verdict[id]!;
        if (visible && shown[verdict]) visible[id] = 1;
        return shown[verdict]! && listed[verdict]!;
      });
      this.visible = visible;
    }
    this.tableVersion++;
  }

  /** One line: how much there is to ask and how long it will take here. */
  private plan(): string {
    const { model, method } = this.session;
    if (!model) return t(this.session.job?.kind === "load" ? "plan.loading" : "plan.nothing");
    if (!model.info.has_tokenizer) return t("plan.no_tokenizer");
    if (!this.session.leading) return t("plan.no_oracle");
    const askable = model.info.classes.find((entry) => entry.class === "ok")?.count ?? 0;
    const measured = measuredRate(model.info.model.name, model.info.device.kind, this.session.questionKey);
    const passes = method === "both" ? 2 : 1;
    const n = count(askable);
    if (!measured) return t("plan.unmeasured", { n });
    return t(method === "exhaustive" ? "plan.time" : "plan.time_most", { n, time: duration((passes * askable) / measured) });
  }

  private deviceLine(): string {
    const { model } = this.session;
    if (!model) return "";
    const measured = measuredRate(model.info.model.name, model.info.device.kind, this.session.questionKey);
    const line = deviceLine(model.info.device);
    return measured ? `${line} ${t("device.rate", { rate: rate(measured) })}` : line;
  }

  private failure(trouble: Trouble): FailureView {
    const { session } = this;
    const retry: Partial<Record<Trouble["during"], FailureView["action"]>> = {
      scan: trouble.kind === "device" && session.model
        ? { label: t("failure.cpu"), run: () => void session.load(session.wanted, { ...session.placement, device: "cpu" }) }
        : { label: t("failure.again"), run: () => void session.scan() },
      granularity: { label: t("failure.again"), run: () => void session.compareResolutions() },
      detectors: { label: t("failure.again"), run: () => void session.compareDetectors() },
      compare: trouble.kind === "not_testable" ? { label: t("controls.despite"), run: () => {
        session.setOptions({ despite_controls: true });
        void session.compareModels();
      } } : { label: t("failure.again"), run: () => void session.compareModels() },
      indicators: { label: t("failure.again"), run: () => void session.readIndicators() },
      report: { label: t("failure.change"), run: () => this.dispatchEvent(new Event("change-model", { bubbles: true, composed: true })) },
    };
    return failureOf(session, trouble, this, retry[trouble.during] ?? null,
      session.report ? t("failure.kept", { n: count(session.report.probes.length) }) : "");
  }

  private emptyTable(): string {
    const { session } = this;
    if (session.filter !== "" || this.verdicts.size < 4) return t("table.no_match");
    if (session.job) return t("table.running");
    return t(session.report ? "table.none" : "table.unasked");
  }

  private show(scope: Scope, filter: string, method?: "glitchhunter" | "exhaustive"): void {
    if (method && !this.session.job) this.session.show(method);
    this.scope = scope;
    this.verdicts = new Set([0, 1, 2, 3]);
    this.session.setFilter(filter);
    this.renderRoot.querySelector(".filter")?.scrollIntoView({ block: "start", behavior: "auto" });
  }

  private readonly pick = (event: CustomEvent<number | null>): void => {
    this.session.pick(event.detail);
  };

  private readonly open = (): void => {
    const panel = this.renderRoot.querySelector<DetailPanel>("gs-detail")?.renderRoot.querySelector<HTMLElement>("section");
    panel?.scrollIntoView({ block: "nearest" });
    panel?.focus({ preventScroll: true });
  };

  private readonly toggle = (event: CustomEvent<number>): void => {
    const next = new Set(this.verdicts);
    if (!next.delete(event.detail)) next.add(event.detail);
    this.verdicts = next;
  };

  private stem(): string {
    const report = this.session.report;
    return fileStem(`glitchscope-${report?.provenance.model.name ?? this.session.wanted.name}-${report?.provenance.options.method ?? "map"}`);
  }

  private async saveJson(): Promise<void> {
    const json = await this.session.exportJson();
    if (json) download(json, `${this.stem()}.json`, "application/json");
  }

  private async saveCsv(): Promise<void> {
    const csv = await this.session.exportCsv();
    if (csv) download(csv, `${this.stem()}.csv`, "text/csv");
  }

  private async savePicture(): Promise<void> {
    const picture = await this.renderRoot.querySelector<TokenMap>("gs-map")?.picture();
    if (picture) download(picture, `${this.stem()}.png`, "image/png");
  }
}
customElements.define("gs-glitch-lab", GlitchLab);
