/** What the answers are worth: a sentence, a grid of scores, tables with n and intervals, and both baselines beside them. */
import { css, html, nothing } from "lit";
import { count } from "../../report/format";
import { t } from "../../strings";
import { download } from "../../views/download";
import { sheet } from "../../views/element";
import { filled } from "../../views/sentence";
import type { ScoreCell, ScoreGridView } from "../../views/score_grid";
import "../../views/score_grid";
import { ExperimentElement, parts } from "./element";
import { EMPTY, RANDOM } from "./experiment";
import { AXES, type Axis, FLAGS, groupsOf, pairOf, rank, verdictFor } from "./groups";
import { lengthName } from "./plan";
import { PLACEMENTS } from "./settings";
import type { Difference, Estimate, GroupBy, ScoreRow, ScoreTable } from "./types";

/** Milliseconds of quiet before scores are counted again while answers arrive. */
const COUNT_MS = 250;
/** Fewer queries than that say little, whatever the interval. */
const FEW = 10;

export class ResultsPanel extends ExperimentElement {
  static override styles = [sheet, parts, css`
    .sentence { font-size: 18px; line-height: 1.5; max-width: 64ch; margin: 8px 0 4px; }
    .sentence .mono { font-size: 16px; }
    .scroll table { min-width: 760px; }
    td.verdict { white-space: nowrap; }
    .win { color: var(--ok); font-weight: 600; }
    .loss { color: var(--glitch); font-weight: 600; }
    tr.baseline { color: var(--ink-2); }
    gs-score-grid { margin-top: 16px; }
    .empty { min-height: 96px; }
  `];
  static override properties = {
    ...super.properties, down: { state: true }, across: { state: true }, by: { state: true }, overall: { state: true }, table: { state: true }, grid: { state: true },
  };
  declare down: Axis;
  declare across: Axis;
  declare by: GroupBy;
  declare overall: ScoreTable | null;
  declare table: ScoreTable | null;
  declare grid: ScoreGridView | null;
  private waiting: ReturnType<typeof setTimeout> | undefined;
  private listened: EventTarget | undefined;
  private version = 0;
  private readonly onScores = () => this.recount();

  constructor() {
    super();
    this.down = "flag";
    this.across = "length";
    this.by = "flag";
    this.overall = null;
    this.table = null;
    this.grid = null;
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.listened?.removeEventListener("scores", this.onScores);
    this.listened = undefined;
  }

  override willUpdate(changes: Map<string, unknown>): void {
    super.willUpdate(changes);
    if (this.listened !== this.experiment) {
      this.listened?.removeEventListener("scores", this.onScores);
      this.listened = this.experiment;
      this.listened.addEventListener("scores", this.onScores);
      this.recount();
    }
  }

  override render() {
    const { experiment, overall } = this;
    if (!overall || overall.rows.length === 0) {
      return html`<p class="quiet empty">${t(experiment.asking ? "holo.answer.running" : "holo.answer.none")}</p>`;
    }
    const { answerers, shown } = experiment;
    return html`
      ${answerers.length > 1 ? html`<div class="row"><label>${t("holo.answerer")} <select @change=${(event: Event) => this.show(answerers[(event.target as HTMLSelectElement).selectedIndex]!)}>
        ${answerers.map((answerer) => html`<option .selected=${answerer === shown}>${answerer}</option>`)}</select></label></div>` : nothing}
      ${this.sentence(overall)}
      <p class="small quiet">${t("holo.scored", { resamples: count(overall.resamples), seed: overall.seed, database: experiment.info?.name ?? "" })} ${this.sources()}</p>
      <div class="row">
        <label>${t("holo.down")} <select @change=${(event: Event) => this.lay({ down: AXES[(event.target as HTMLSelectElement).selectedIndex]! })}>
          ${AXES.map((axis) => html`<option .selected=${axis === this.down}>${t(`holo.axis.${axis}`)}</option>`)}</select></label>
        <label>${t("holo.across")} <select @change=${(event: Event) => this.lay({ across: AXES[(event.target as HTMLSelectElement).selectedIndex]! })}>
          ${AXES.map((axis) => html`<option .selected=${axis === this.across}>${t(`holo.axis.${axis}`)}</option>`)}</select></label>
      </div>
      <gs-score-grid .view=${this.grid} stem="holobench-scores" @cell=${(event: CustomEvent<{ row: number; column: number }>) => this.filter(event.detail)}></gs-score-grid>
      <div class="row"><label>${t("holo.table.by")} <select @change=${(event: Event) => this.lay({ by: (["all", ...AXES] as const)[(event.target as HTMLSelectElement).selectedIndex]! })}>
        ${(["all", ...AXES] as const).map((by) => html`<option .selected=${by === this.by}>${t(`holo.axis.${by}`)}</option>`)}</select></label></div>
      ${this.table ? this.scores(this.table) : nothing}
      <div class="row">
        <button ?disabled=${!this.table} @click=${() => void this.saveCsv()}>${t("holo.save.csv")}</button>
        <button @click=${() => this.saveJson()}>${t("holo.save.json")}</button>
      </div>`;
  }

  private sentence({ rows, differences }: ScoreTable) {
    const { experiment } = this;
    const row = rows.find(({ answerer }) => answerer === experiment.shown);
    if (!row) return nothing;
    const baseline = (name: string) => rows.find(({ answerer }) => answerer === name)?.recall.mean ?? NaN;
    const [random, empty] = [baseline(RANDOM), baseline(EMPTY)];
    const better = random >= empty ? RANDOM : EMPTY;
    const difference = differences.find((one) => pairOf(one, row.answerer, better));
    const verdict = difference ? verdictFor(difference, row.answerer) : "within noise";
    return html`
      <p class="sentence">${filled("holo.sentence", {
        answerer: html`<bdi>${row.answerer}</bdi>`, recall: number(row.recall.mean), interval: interval(row.recall), strict: number(row.recall_strict.mean),
        answers: count(row.answers), queries: count(row.queries),
      })}</p>
      <p class="sentence">${filled("holo.sentence.baselines", { random: number(random), empty: number(empty) })}
        ${t(verdict === "win" ? "holo.sentence.win" : verdict === "loss" ? "holo.sentence.loss" : "holo.sentence.noise", { baseline: t(`holo.baseline.${better}`) })}
        ${row.recall.mean < 0.3 ? t("holo.sentence.small") : ""}</p>
      ${row.queries < FEW ? html`<p class="small warn">${t("holo.sentence.few", { n: row.queries })}</p>` : nothing}`;
  }

  /** Which labels the scores rest on. */
  private sources(): string {
    const counts = { rule: 0, judge: 0, human: 0 };
    for (const { score } of this.experiment.answersOf(this.experiment.shown)) if (score) counts[score.source]++;
    return t("holo.sources", { rule: count(counts.rule), judge: count(counts.judge), human: count(counts.human) });
  }

  private scores({ rows, differences, notes }: ScoreTable) {
    const { shown } = this.experiment;
    const groups = [...new Set(rows.map(({ group }) => group))];
    return html`<div class="scroll" tabindex="0" role="region" aria-label=${t("holo.scores")}><table>
      <thead><tr><th scope="col">${t("holo.column.group")}</th><th scope="col">${t("holo.column.answerer")}</th><th scope="col" class="number">n</th>
        <th scope="col" class="number">${t("holo.column.recall")}</th><th scope="col" class="number">${t("holo.column.strict")}</th>
        <th scope="col" class="number">${t("holo.column.precision")}</th><th scope="col" class="number">F1</th><th scope="col">${t("holo.column.verdict")}</th></tr></thead>
      <tbody>${groups.map((group) => rows.filter((row) => row.group === group).map((row, i) => html`<tr class=${isBaseline(row) ? "baseline" : ""}>
        <td>${i === 0 ? this.groupName(group) : ""}</td><td><bdi>${isBaseline(row) ? t(`holo.baseline.${row.answerer as typeof RANDOM}`) : row.answerer}</bdi></td>
        <td class="number">${count(row.queries)}</td><td class="number">${estimate(row.recall)}</td><td class="number">${estimate(row.recall_strict)}</td>
        <td class="number">${estimate(row.precision)}</td><td class="number">${estimate(row.f1)}</td>
        <td class="verdict">${row.answerer === shown ? nothing : this.verdict(differences.find((one) => one.group === group && pairOf(one, shown, row.answerer)))}</td></tr>`))}</tbody>
    </table></div>
    ${notes.length > 0 ? html`<ul class="list" lang="en">${notes.map((note) => html`<li>${note}</li>`)}</ul>` : nothing}`;
  }

  /** How the shown answerer stands to the one of the row. */
  private verdict(difference: Difference | undefined) {
    if (!difference) return "–";
    const mine = difference.answerer === this.experiment.shown;
    const verdict = verdictFor(difference, this.experiment.shown);
    const { mean, low, high } = difference.recall;
    const [value, from, to] = mine ? [mean, low, high] : [-mean, -high, -low];
    return html`<span class=${verdict === "within noise" ? "" : verdict}>${t(`holo.verdict.${verdict === "within noise" ? "noise" : verdict}`)}</span>
      <span class="small quiet">${signed(value)} [${signed(from)}, ${signed(to)}]</span>`;
  }

  private groupName(group: string): string {
    const by = this.by;
    if (by === "all") return t("holo.axis.all");
    if (by === "length") return lengthName(Number(group));
    const known = by === "flag" ? FLAGS.find((flag) => flag === group) : undefined;
    if (known) return t(`holo.flag.${known}`);
    const difficulty = by === "difficulty" ? (["easy", "medium", "hard"] as const).find((one) => one === group) : undefined;
    if (difficulty) return t(`holo.difficulty.${difficulty}`);
    const placement = by === "placement" ? PLACEMENTS.find((one) => one === group) : undefined;
    return placement ? t(`holo.placement.${placement}`) : group;
  }

  private show(answerer: string): void {
    this.experiment.shown = answerer;
    this.experiment.picked = null;
    this.recount();
    this.dispatchEvent(new Event("answerer"));
  }

  private lay(part: { down?: Axis; across?: Axis; by?: GroupBy }): void {
    Object.assign(this, part);
    this.recount();
  }

  private filter({ row, column }: { row: number; column: number }): void {
    const [down, across] = [this.grid?.rows[row], this.grid?.columns[column]];
    if (down !== undefined && across !== undefined) this.dispatchEvent(new CustomEvent("answers", { detail: [[this.down, down], [this.across, across]] }));
  }

  /** Counts again, a moment after the last score. */
  private recount(): void {
    clearTimeout(this.waiting);
    this.waiting = setTimeout(() => void this.countScores(++this.version), COUNT_MS);
  }

  private async countScores(version: number): Promise<void> {
    const { experiment } = this;
    if (experiment.shown === "") experiment.shown = experiment.answerers[0] ?? "";
    const all = experiment.answered();
    if (all.length === 0) {
      [this.overall, this.table, this.grid] = [null, null, null];
      return;
    }
    try {
      const overall = await experiment.database.aggregate(all, "all");
      const table = this.by === "all" ? overall : await experiment.database.aggregate(all, this.by);
      const grid = await this.layOut();
      if (version !== this.version) return;
      [this.overall, this.table, this.grid] = [overall, table, grid];
    } catch (error) {
      experiment.fail("score", error);
    }
  }

  private async layOut(): Promise<ScoreGridView> {
    const { experiment, down, across } = this;
    const own = experiment.answered(undefined, false).filter(({ answerer }) => answerer === experiment.shown);
    const order = (axis: Axis) => {
      const found = new Map<string, number>();
      for (const { instance, question } of own) for (const group of groupsOf(axis, instance, question)) found.set(group, rank(axis, group, instance, question));
      return [...found].sort(([, a], [, b]) => a - b).map(([group]) => group);
    };
    const [rows, columns] = [order(down), order(across)];
    const cells: ScoreCell[][] = [];
    for (const row of rows) {
      const line: ScoreCell[] = [];
      for (const column of columns) {
        const inside = own.filter(({ instance, question }) => groupsOf(down, instance, question).includes(row) && groupsOf(across, instance, question).includes(column));
        const [score] = inside.length > 0 ? (await experiment.database.aggregate(inside, "all")).rows : [];
        line.push(score ? { value: score.recall.mean, n: score.queries, interval: [score.recall.low, score.recall.high] } : { value: null, n: 0, interval: null });
      }
      cells.push(line);
    }
    return {
      title: t("holo.grid.title", { answerer: experiment.shown }), rowAxis: t(`holo.axis.${down}`), columnAxis: t(`holo.axis.${across}`),
      rows, columns, cells, caption: this.finding(rows, columns, cells),
    };
  }

  /** The grid in a sentence: its best and its worst cell, unless their intervals meet. */
  private finding(rows: readonly string[], columns: readonly string[], cells: readonly (readonly ScoreCell[])[]): string {
    const flat = cells.flatMap((line, i) => line.flatMap((cell, j) => (cell.value === null ? [] : [{ ...cell, value: cell.value, name: `${rows[i]!}, ${columns[j]!}` }])));
    const best = flat.reduce((a, b) => (b.value > a.value ? b : a), flat[0]!);
    const worst = flat.reduce((a, b) => (b.value < a.value ? b : a), flat[0]!);
    if (flat.length < 2 || !best.interval || !worst.interval || best.interval[0] <= worst.interval[1]) return t("holo.finding.noise");
    return t("holo.finding", { best: best.name, high: number(best.value), worst: worst.name, low: number(worst.value) });
  }

  private async saveCsv(): Promise<void> {
    if (!this.table) return;
    download(await this.experiment.database.scoreCsv(this.table), `holobench-scores-${this.by}.csv`, "text/csv");
  }

  private saveJson(): void {
    download(this.experiment.toJson(this.overall, this.table), "holobench.json", "application/json");
  }
}
customElements.define("gs-holo-results", ResultsPanel);

function isBaseline({ answerer }: ScoreRow): boolean {
  return answerer === RANDOM || answerer === EMPTY;
}

function number(value: number): string {
  return Number.isFinite(value) ? value.toFixed(2) : "–";
}

function signed(value: number): string {
  return `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(2)}`;
}

function interval({ low, high }: Estimate): string {
  return `${number(low)}–${number(high)}`;
}

function estimate(value: Estimate | null) {
  return value ? html`${number(value.mean)} <span class="quiet">${interval(value)}</span>` : "–";
}
