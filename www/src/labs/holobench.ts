/** The lab of holistic reasoning: question, what the model reads, answer, evidence. Composes its parts; draws nothing itself. */
import { css, html, nothing } from "lit";
import type { NamedFile } from "../core/files";
import { count, duration } from "../report/format";
import type { Session } from "../state/session";
import { t, type Key } from "../strings";
import "../views/context_view";
import { GlitchscopeElement, sheet } from "../views/element";
import "../views/failure_box";
import type { FailureView } from "../views/failure_box";
import "../views/progress_bar";
import "./holobench/answers";
import "./holobench/database";
import "./holobench/exchange";
import { Experiment } from "./holobench/experiment";
import { databaseOf } from "./holobench/files";
import "./holobench/grid";
import type { Axis } from "./holobench/groups";
import type { KeptExperiment } from "./holobench/journal";
import { lengthName } from "./holobench/plan";
import "./holobench/questions";
import "./holobench/results";
import { deviceLine, failureOf, progressOf } from "./shared";

const JSONL = /\.(jsonl|ndjson)$/i;

export class HolobenchLab extends GlitchscopeElement {
  static override styles = [sheet, css`
    :host { display: block; max-width: 1600px; margin: 0 auto; padding: 24px 16px 64px; }
    .question { max-width: 76ch; }
    .question > p { margin-top: 8px; }
    .question .facts { min-height: 45px; }
    .run { margin-top: 16px; min-height: 68px; max-width: 860px; }
    .row { display: flex; flex-wrap: wrap; align-items: center; gap: 8px 16px; }
    .device { margin-top: 8px; font-size: 13px; line-height: 20px; color: var(--ink-2); height: 20px; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
    
    gs-failure { margin-top: 16px; }
    .settings { margin-top: 12px; }
    .settings > summary .quiet { font-size: 13px; }
    .settings > div { padding: 8px 0 16px; }
    .kept { margin-top: 12px; max-width: 860px; font-size: 13px; }
    .kept li { margin: 6px 0; }
    .kept ul { padding-inline-start: 18px; }
    section { margin-top: 40px; }
    section > h2 { margin-bottom: 8px; }
    .stage { display: grid; gap: 16px; grid-template-columns: minmax(0, 1fr); }
    @media (min-width: 1000px) { .stage { grid-template-columns: minmax(0, 1.4fr) minmax(320px, 1fr); } }
    .facts.small { height: 20px; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; margin-bottom: 8px; }
    /* Of fixed height: one question follows the other, and nothing may jump. */
    .asked { font-weight: 600; height: 23px; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
    .response { white-space: pre-wrap; overflow-wrap: anywhere; unicode-bidi: isolate; border: 1px solid var(--rule); border-radius: 4px; background: var(--surface); padding: 8px 12px; margin: 8px 0 0; font: 13px/1.5 var(--mono); height: 368px; overflow-y: auto; }
    @media (max-width: 999px) { .response { height: 160px; } }
    .waiting { min-height: 400px; }
    @media (max-width: 767px) {
      .device { height: 40px; white-space: normal; }
      .question .facts { min-height: 68px; }
      .asked { height: 69px; white-space: normal; }
      .facts.small { height: 40px; white-space: normal; }
    }
  `];
  static override properties = { session: { attribute: false }, filters: { state: true } };
  declare session: Session;
  declare filters: readonly (readonly [Axis, string])[];
  private experiment: Experiment | undefined;
  private readonly onChange = () => this.requestUpdate();
  private readonly onSession = () => {
    this.experiment?.follow();
    this.requestUpdate();
  };
  private readonly onSettings = () => {
    if (this.session.lab === "holobench") this.experiment?.followSettings();
  };

  constructor() {
    super();
    this.filters = [];
  }

  override connectedCallback(): void {
    super.connectedCallback();
    if (!this.experiment) {
      this.experiment = new Experiment(this.session);
      this.experiment.follow();
      void this.experiment.start();
    }
    this.experiment.addEventListener("change", this.onChange);
    this.session.addEventListener("change", this.onSession);
    this.session.addEventListener("settings", this.onSettings);
    this.onSession();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.experiment?.removeEventListener("change", this.onChange);
    this.session.removeEventListener("change", this.onSession);
    this.session.removeEventListener("settings", this.onSettings);
  }

  /** Databases, and lines of JSON with answers, that were dropped or picked anywhere on the page. */
  take(files: NamedFile[]): boolean {
    const { experiment } = this;
    if (!experiment || this.session.job !== null) return false;
    const spec = databaseOf(files);
    if (spec) {
      void experiment.openDatabase(spec);
      return true;
    }
    const answers = files.length === 1 && JSONL.test(files[0]!.path) ? files[0]! : null;
    if (!answers) return false;
    void answers.file.text().then((text) => experiment.importResponses(text, answers.file.name));
    return true;
  }

  override render() {
    const { session, experiment } = this;
    if (!experiment) return nothing;
    const { info } = experiment;
    const running = session.job?.kind === "holobench";
    const prompts = experiment.runnable.length;
    return html`
      <div class="question">
        <h1>${t("holo.question")}</h1>
        <p>${t("holo.definition")}</p>
        <p class="quiet facts">${this.facts()}</p>
      </div>
      <div class="run">${running && session.job
        ? html`<gs-progress .view=${progressOf(session.job)} @cancel=${() => session.cancel()}></gs-progress>`
        : this.button(prompts)}</div>
      <p class="device">${session.model ? deviceLine(session.model.info.device) : ""}</p>
      ${this.keptExperiments()}
      ${session.trouble ? html`<gs-failure .view=${failureOf(session, session.trouble, this, { label: t("failure.again"), run: () => void experiment.run() },
        experiment.entries.size > 0 ? t("holo.failure.kept", { n: count(experiment.entries.size) }) : "")} @dismiss=${() => session.dismiss()}></gs-failure>` : nothing}
      ${experiment.trouble ? html`<gs-failure .view=${this.failure()} @dismiss=${() => experiment.dismiss()}></gs-failure>` : nothing}
      <details class="settings"><summary>${t("holo.database")} <span class="quiet">${info ? t("holo.database.is", {
        name: info.name, tables: info.tables.length, rows: count(info.tables.reduce((sum, { rows }) => sum + rows, 0)) }) : ""}</span></summary>
        <div><gs-holo-database .experiment=${experiment}></gs-holo-database></div></details>
      <details class="settings"><summary>${t("holo.questions")} <span class="quiet">${t("holo.questions.is", { n: count(experiment.chosen.size), of: count(experiment.questions.length) })}</span></summary>
        <div><gs-holo-questions .experiment=${experiment}></gs-holo-questions></div></details>
      <details class="settings"><summary>${t("holo.grid")} <span class="quiet">${t("holo.grid.is", { lengths: experiment.lengths.map(lengthName).join(", "), prompts: count(experiment.grid.length) })}</span></summary>
        <div><gs-holo-grid .experiment=${experiment}></gs-holo-grid></div></details>
      <section aria-label=${t("holo.stage")}><h2>${t("holo.stage")}</h2>${this.stage(experiment)}</section>
      <section class="answer" aria-label=${t("answer.title")}><h2>${t("answer.title")}</h2>
        <gs-holo-results .experiment=${experiment} @answerer=${() => { this.filters = []; this.requestUpdate(); }}
          @answers=${(event: CustomEvent<[Axis, string][]>) => this.show(event.detail)}></gs-holo-results></section>
      <section aria-label=${t("evidence.title")}><h2>${t("evidence.title")}</h2>
        <gs-holo-answers .experiment=${experiment} .filters=${this.filters} @all=${() => { this.filters = []; }}></gs-holo-answers></section>
      <section aria-label=${t("holo.exchange")}><h2>${t("holo.exchange")}</h2><gs-holo-exchange .experiment=${experiment}></gs-holo-exchange></section>`;
  }

  private button(prompts: number) {
    const { experiment, session } = this;
    if (!experiment) return nothing;
    const open = experiment.open.length;
    const done = prompts - open;
    const finished = prompts > 0 && open === 0;
    return html`<div class="row">
      <button class="primary" ?disabled=${!experiment.canAsk || session.job !== null || experiment.busy !== "" || prompts === 0}
        @click=${() => (finished ? experiment.askAgain() : void experiment.run())}>${finished ? t("holo.run.again") : done > 0 ? t("holo.resume", { done: count(done), all: count(prompts) }) : t("holo.run")}</button>
      ${session.model && !experiment.canAsk ? html`<span class="small quiet">${t("holo.no_tokenizer")}</span>` : nothing}
      ${experiment.keeps ? nothing : html`<span class="small quiet">${t("holo.unkept")}</span>`}
    </div>`;
  }

  /** What is about to happen, and how long it will take here. */
  private facts(): string {
    const { experiment } = this;
    if (!experiment?.info) return t("holo.plan.reading");
    if (experiment.isStale && experiment.session.job === null) return t("holo.plan.working");
    const plan = experiment.plan();
    const prompts = plan.reduce((sum, { runnable }) => sum + runnable, 0);
    if (experiment.grid.length === 0) return experiment.busy === "" ? t("holo.plan.empty") : t("holo.plan.working");
    if (prompts === 0) return t("holo.plan.none_fits", { problem: plan.find(({ problem }) => problem !== "")?.problem ?? "" });
    const seconds = plan.reduce<number | null>((sum, row) => (sum === null || row.seconds === null ? null : sum + row.seconds), 0);
    const tokens = plan.reduce((sum, { runnable, tokens: counted, length }) => sum + runnable * (counted ? (counted.min + counted.max) / 2 : length + experiment.around), 0);
    const size = t("holo.plan.size", { questions: count(experiment.chosen.size), prompts: count(prompts), tokens: count(tokens) });
    return `${size} ${seconds === null ? t("holo.plan.unmeasured") : t("holo.plan.time", { time: duration(seconds) })}`;
  }

  private stage(experiment: Experiment) {
    const { stage, asking, streaming, picked } = experiment;
    if (!stage) return html`<p class="quiet waiting">${t("holo.stage.waiting")}</p>`;
    const text = experiment.questions.find(({ id }) => id === stage.instance.question)?.text ?? "";
    const tokens = experiment.counted.get(stage.instance.instance_id);
    const facts = {
      length: count(stage.tokens), placement: t(`holo.placement.${stage.instance.placement}`), relevant: count(stage.relevant), lines: count(stage.lines.length),
    };
    const response = asking ? streaming : (picked?.given.instance.instance_id === stage.instance.instance_id ? picked.given.response : streaming);
    return html`
      <p class="asked" title=${text}>${asking ? t("holo.stage.asking", { i: count(asking.at), n: count(asking.of), question: text }) : t("holo.stage.example", { question: text })}</p>
      <p class="facts quiet small">${tokens === undefined ? t("holo.stage.facts_estimated", facts) : t("holo.stage.facts", { ...facts, tokens: count(tokens) })}</p>
      <div class="stage">
        <gs-context .lines=${stage.lines.map((line) => ({ ...line, marked: line.evidence === true }))}></gs-context>
        <div><h3>${t("holo.stage.answer")}</h3><pre class="response" tabindex="0" aria-label=${t("holo.stage.answer")}>${response === "" ? html`<span class="quiet">${t("holo.stage.no_answer")}</span>` : response}</pre></div>
      </div>`;
  }

  private keptExperiments() {
    const { experiment, session } = this;
    if (!experiment || experiment.kept.length === 0) return nothing;
    const unfinished = experiment.kept.filter(({ head, answered }) => answered < head.total);
    return html`<details class="kept" ?open=${unfinished.length > 0 && experiment.entries.size === 0}><summary>${t("holo.kept", { n: count(experiment.kept.length) })}</summary>
      <ul>${experiment.kept.map((kept) => html`<li>${this.keptLine(kept)}
        <button class="link" ?disabled=${session.job !== null || experiment.busy !== ""} @click=${() => void experiment.resume(kept)}>${t(kept.answered < kept.head.total ? "holo.kept.resume" : "holo.kept.look")}</button>
        <button class="link" @click=${() => void experiment.forgetKept(kept.id)}>${t("holo.kept.forget")}</button></li>`)}</ul></details>`;
  }

  private keptLine({ id, head, answers, answered }: KeptExperiment): string {
    return t("holo.kept.line", {
      when: new Date(Number(id)).toISOString().slice(0, 16).replace("T", " "), model: [...new Set(answers.map(({ answerer }) => answerer))].join(", "), database: head.database.name,
      done: count(answered), all: count(Math.max(head.total, answered)),
    });
  }

  private failure(): FailureView {
    const { experiment } = this;
    const { during, message, hint, kind } = experiment!.trouble!;
    return {
      title: t(`holo.failure.${during}` as Key), message, hint, kept: t("holo.failure.kept", { n: count(experiment!.entries.size) }), action: null,
      details: JSON.stringify({ during, kind, message, hint, database: experiment!.info?.name ?? null, browser: navigator.userAgent }, null, 1),
    };
  }

  private show(filters: readonly (readonly [Axis, string])[]): void {
    this.filters = filters;
    this.renderRoot.querySelector("gs-holo-answers")?.scrollIntoView({ block: "start" });
  }
}
customElements.define("gs-holobench-lab", HolobenchLab);
