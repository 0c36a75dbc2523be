/**
 * What the page remembers: the loaded model, the question, what was found, what is picked. Labs call its methods; views
 * are handed its data. It announces `change` (anything slow), `rows` (verdicts or map, up to once a frame), `pick`, and
 * `settings` (a link has brought other ones to the lab in view).
 */
import {
  type AnyReport, asFailure, Core, type ExportFormat, type Failure, type KeptScan, type Placement, type Repaired, type SourceSpec,
} from "../core/client";
import { hubName, parseAddress, withFile } from "../core/address";
import type { NamedFile } from "../core/files";
import { HUB } from "../core/hub_source";
import { written } from "../core/parcel";
import type {
  DetectorTable, GranularityRow, IndicatorTable, Label, MergeOptions, MergeRepair, Method, OracleInfo, OracleOffer, Prevalence,
  PrevalenceOptions, Probe, ProbeDetail, Report, ReportDiff, RowOptions, RowRepair, ScanEvent, ScanOptions, Skipped,
} from "../report/types";
import { counted } from "../report/labels";
import { resolutionLadder } from "../report/resolution";
import { FAILED, TokenRows, UNASKED } from "../report/rows";
import { type FurtherModel, FurtherModels } from "./further_models";
import { formatLink, type Linked, type MethodChoice, parseLink, SCAN } from "./link";
import { absolute, type LoadedModel, sameModel, SPECIMEN } from "./loaded_model";
import { chosenOracles, DEFAULTS, sameOptions } from "./options";
import { rememberRate } from "./preferences";
import { Job, type JobKind } from "./progress";

/** Questions of a search without an end of its own, at most: GlitchMiner's published default. */
const QUESTIONS = 1_000;

/** What went wrong, while doing what. */
export interface Trouble extends Failure {
  during: JobKind | "report" | "export";
}

export class Session extends EventTarget {
  readonly core = new Core();
  /** Models beside this one. */
  readonly further = new FurtherModels();
  model: LoadedModel | null = null;
  /** What is being loaded, or could not be. */
  wanted: SourceSpec = SPECIMEN;
  placement: Placement = { device: "auto", weights: "stored" };
  job: Job | null = null;
  trouble: Trouble | null = null;
  /** Said by the core while it worked. */
  notes: string[] = [];

  method: MethodChoice = "glitchhunter";
  options: ScanOptions = { ...DEFAULTS };

  rows: TokenRows | null = null;
  reports: Partial<Record<Method, Report>> = {};
  shown: Method | null = null;
  /** True for a report from a file: the loaded model is another one. */
  fromFile: string | null = null;
  granularity: GranularityRow[] | null = null;
  /** Detectors against the exhaustive report; while they run, those that are done. */
  detectors: DetectorTable | null = null;
  /** How often each detector that reads a seed searches. */
  seeds = 10;

  /** Every oracle as the loaded model would be asked by it. */
  offers: OracleOffer[] = [];
  /** Of the loaded model, once they have been asked for. */
  indicators: IndicatorTable | null = null;
  /** The report in view against one from a file, or against that of another model with the indicators of both. */
  difference: { name: string; text: AnyReport; indicators?: [string, string]; diff: ReportDiff } | null = null;
  /** The model that the loaded one is compared with. */
  other: FurtherModel | null = null;

  /** A scan of the loaded model that a closed tab or a cancel left behind. */
  kept: KeptScan | null = null;

  /** Files of texts, and the glitch tokens that were counted in them. */
  corpus: NamedFile[] = [];
  prevalence: Prevalence | null = null;
  /** The last repair with its files. */
  repaired: Repaired<MergeRepair> | Repaired<RowRepair> | null = null;

  /** The lab in view. */
  lab = SCAN;
  /** What each lab but the scan is set to, as its links say it. */
  private readonly settings = new Map<string, Record<string, string>>();

  picked: number | null = null;
  /** The model's whole answer to the picked token, once it has been asked. */
  detail: ProbeDetail | null = null;
  filter = "";

  private announced = false;

  constructor() {
    super();
    this.apply(parseLink(location.hash));
    this.further.addEventListener("change", () => this.changed());
    window.addEventListener("hashchange", () => void this.follow(parseLink(location.hash)));
  }

  /** The report in view. */
  get report(): Report | null {
    return (this.shown && this.reports[this.shown]) || null;
  }

  /** True when the model that is loaded made what is shown, so that it can be asked again. */
  get canAsk(): boolean {
    return this.model !== null && this.fromFile === null && this.job === null;
  }

  async load(spec: SourceSpec = this.wanted, placement: Placement = this.placement): Promise<void> {
    if (this.job) return;
    this.wanted = spec;
    this.placement = placement;
    // That a model is scanned although it fails its controls was said of that model.
    if (this.model && !sameModel(spec, this.model.spec)) this.options = { ...this.options, despite_controls: false };
    this.model = null;
    this.offers = [];
    this.indicators = null;
    this.forget();
    this.rows = null;
    this.notes = [];
    await this.work(new Job("load"), async (on) => {
      const { info, tokens } = await this.core.open(absolute(spec), placement, on);
      this.model = { spec, info, tokens };
      this.rows = new TokenRows(tokens);
      if (this.picked !== null && this.picked >= tokens.text.length) this.picked = null;
      await this.offer();
    });
    this.relink();
    this.changed("rows");
    await this.lookForKept();
  }

  /** Loads what a person typed: `owner/name`, `owner/name@revision` or a URL. False when it is none of these. */
  loadTyped(typed: string, hub: string, token: string): boolean {
    const spec = parseAddress(typed, document.baseURI, hub);
    if (!spec) return false;
    void this.load(spec.kind === "hub" && token ? { ...spec, token } : spec);
    return true;
  }

  /** Loads one of the models that the place asked for was found to hold. */
  async choose(file: string): Promise<void> {
    await this.load(withFile(this.wanted, file));
  }

  /** Goes on with the scan that was left behind: what it has asked is not asked again. */
  async resume(): Promise<void> {
    const { kept } = this;
    if (!kept || this.job) return;
    this.method = kept.choice as MethodChoice;
    this.options = { ...kept.options };
    this.relink();
    // The scan that is gone on with may have asked by other oracles than those chosen here.
    await this.reoffer();
    await this.scan(kept.job);
  }

  async dropKept(): Promise<void> {
    const { kept } = this;
    this.kept = null;
    this.changed();
    if (kept) await this.core.forgetScan(kept.job).catch(() => {});
  }

  private async lookForKept(): Promise<void> {
    this.kept = null;
    if (!this.model?.info.oracle) return;
    this.kept = await this.core.keptScan().catch(() => null);
    this.changed();
  }

  /** `name` is that of the journals of a scan to go on with. */
  async scan(name = String(Date.now())): Promise<void> {
    if (!this.model || this.job) return;
    const methods: Method[] = this.method === "both" ? ["exhaustive", "glitchhunter"] : [this.method];
    const kept = this.fromFile === null ? this.reports.exhaustive : undefined;
    const { detectors } = this;
    this.forget();
    // An exhaustive report of the same model stays: a search can be compared with it without asking again.
    if (kept && this.method === "glitchhunter") {
      this.reports.exhaustive = kept;
      this.detectors = detectors;
    }
    this.rows = new TokenRows(this.model.tokens);
    const job = new Job("scan", methods.length);
    this.kept = null;
    let ended = true;
    await this.work(job, async (on) => {
      for (const [i, method] of methods.entries()) {
        job.part = i + 1;
        this.rows!.clear();
        const report = await this.scanOnce(method, job, on, `${name}.${this.method}.${method}.state`);
        ended = report.status === "complete" || report.status === "not_testable";
        if (report.status !== "complete") break;
      }
    });
    if (ended) await this.core.forgetScan(name).catch(() => {});
    else await this.lookForKept();
    this.changed("rows");
  }

  /** Scans a model that fails its controls all the same. The report says so wherever its numbers stand. */
  async scanAllTheSame(): Promise<void> {
    if (this.job) return;
    this.setOptions({ despite_controls: true });
    await this.scan();
  }

  /** A model beside the loaded one, to be compared with it. */
  addOther(): void {
    this.other ??= this.further.add();
    this.changed();
  }

  removeOther(): void {
    if (this.other) this.further.remove(this.other);
    this.other = null;
    this.changed();
  }

  /** Scans the loaded model and the other one, whole and with the same options, and says what changed. */
  async compareModels(): Promise<void> {
    const { other } = this;
    if (!this.model || !other?.model || this.job || other.job || this.fromFile !== null) return;
    const options: ScanOptions = { ...this.options, method: "exhaustive" };
    const job = new Job("compare", 2);
    await this.work(job, async (on) => {
      const stored = this.truth;
      const first = stored && sameOptions(stored.provenance.options, options) ? stored : await this.askAll(job, on);
      if (first.status !== "complete") throw unfinished(first);
      const own = JSON.stringify(this.indicators ??= await this.core.indicators(on));
      job.part = 2;
      const name = String(Date.now());
      const scanned = await other.run("compare", async (heard, its) => {
        const report = await other.core.scan(options, null, heard, `${name}.exhaustive.exhaustive.state`);
        report.timings = its.timings();
        if (report.status !== "complete") throw unfinished(report);
        return { report, indicators: JSON.stringify(await other.core.indicators(heard)) };
      }, on);
      await other.core.forgetScan(name).catch(() => {});
      if (!scanned) throw other.trouble ?? cancelled;
      const indicators: [string, string] = [own, scanned.indicators];
      if (this.report !== first) this.show("exhaustive");
      const diff = await this.core.diff(first, scanned.report, indicators);
      this.difference = { name: named(other.model!), text: scanned.report, indicators, diff };
    });
    // It is said once, here.
    other.dismiss();
    this.changed("rows");
  }

  /** Repeats the search at several resolutions with stored answers. Asks about every token first where it has to. */
  async compareResolutions(): Promise<void> {
    if (!this.model || this.job || this.fromFile !== null) return;
    const stored = this.truth;
    const job = new Job("granularity", stored ? 1 : 2);
    await this.work(job, async (on) => {
      let truth = stored;
      if (!truth) {
        truth = await this.askAll(job, on);
        if (truth.status !== "complete") return;
        job.part = 2;
      }
      const resolutions = resolutionLadder(truth.tokens.text.length);
      const options: ScanOptions = { ...this.options, method: "glitchhunter" };
      this.granularity = await this.core.granularity(truth, options, resolutions, on);
    });
    this.changed("rows");
  }

  /** Texts to count glitch tokens in. They are read when that begins. */
  setCorpus(files: NamedFile[]): void {
    if (this.job || files.length === 0) return;
    this.corpus = files;
    this.prevalence = null;
    this.changed();
  }

  /** Counts the glitch tokens of the report in view. */
  async countGlitchTokens(options: Partial<PrevalenceOptions>): Promise<void> {
    const { report } = this;
    if (!report || !this.model || this.job) return;
    const files = this.corpus.map(({ path, file }) => ({ name: path, file }));
    await this.work(new Job("prevalence"), async (on) => {
      this.prevalence = await this.core.prevalence(report, files, options, on);
    });
  }

  async repairMerges(ids: number[], options: Partial<MergeOptions>): Promise<void> {
    await this.repairWith(async (report, on) => this.core.repairMerges(report, Uint32Array.from(ids), options, on));
  }

  /** `text` is what the loss is compared on; null for the built-in one. */
  async repairRows(ids: number[], text: string | null, options: Partial<RowOptions>): Promise<void> {
    await this.repairWith(async (report, on) => this.core.repairRows(report, Uint32Array.from(ids), text, options, on));
  }

  private async repairWith(
    run: (report: Report, on: (event: ScanEvent) => void) => Promise<Repaired<MergeRepair> | Repaired<RowRepair>>,
  ): Promise<void> {
    const { report } = this;
    if (!report || !this.model || this.job) return;
    this.repaired = null;
    await this.work(new Job("repair"), async (on) => {
      this.repaired = await run(report, on);
    });
  }

  /** Measures every detector against the exhaustive report. Asks about every token first where it has to. */
  async compareDetectors(): Promise<void> {
    if (!this.model || this.job || this.fromFile !== null) return;
    const stored = this.truth;
    const job = new Job("detectors", stored ? 1 : 2);
    this.detectors = null;
    await this.work(job, async (on) => {
      let truth = stored;
      if (!truth) {
        truth = await this.askAll(job, on);
        if (truth.status !== "complete") return;
        job.part = 2;
      }
      const { seed } = this.options;
      const seeds = Array.from({ length: this.seeds }, (_, i) => (seed + i) >>> 0);
      const budget = Math.min(QUESTIONS, Math.floor(truth.probes.length / 2));
      try {
        const table = await this.core.compare(truth, this.options, [], seeds, budget, on);
        this.detectors = JSON.parse(table) as DetectorTable;
      } catch (error) {
        // The worker is gone; what it had told of stays, with the status it was told with.
        void this.core.restore().catch(() => {});
        throw error;
      }
    });
  }

  /** Magikarp's indicators of every token, for the detail of one. */
  async readIndicators(): Promise<void> {
    if (!this.model || this.job || this.indicators || this.fromFile !== null) return;
    await this.work(new Job("indicators"), async (on) => {
      this.indicators = await this.core.indicators(on);
    });
  }

  setSeeds(seeds: number): void {
    this.seeds = seeds;
    this.changed();
  }

  async detectorsCsv(): Promise<string | null> {
    if (!this.detectors) return null;
    try {
      return await this.core.detectorsCsv(JSON.stringify(this.detectors));
    } catch (error) {
      this.trouble = { ...asFailure(error), during: "export" };
      this.changed();
      return null;
    }
  }

  /** Puts a label that a person has corrected into the report, which keeps it when it is saved. */
  relabel(label: Label): void {
    const { report } = this;
    const place = report?.labels.findIndex(({ id }) => id === label.id) ?? -1;
    if (!report || place < 0) return;
    report.labels[place] = label;
    report.label_counts = counted(report.labels);
    this.rows?.setLabels([label]);
    this.changed("rows");
  }

  /** Takes effect within a second; what was found stays. */
  cancel(): void {
    if (!this.job || this.job.cancelling) return;
    this.job.cancelling = true;
    this.core.cancel();
    if (this.job.kind === "compare") this.other?.cancel();
    this.changed();
  }

  async openReport(text: Blob | string, name: string): Promise<void> {
    if (this.job) return;
    try {
      const report = await this.core.reopen(text);
      this.forget();
      this.trouble = null;
      this.fromFile = name;
      this.picked = null;
      this.reports[report.provenance.options.method] = report;
      this.show(report.provenance.options.method);
    } catch (error) {
      this.trouble = { ...asFailure(error), during: "report" };
    }
    this.changed("rows");
  }

  /** Leaves a report from a file for the loaded model. */
  closeReport(): void {
    this.forget();
    this.rows = this.model && new TokenRows(this.model.tokens);
    this.changed("rows");
  }

  show(method: Method): void {
    const report = this.reports[method];
    if (!report) return;
    if (this.report !== report) this.difference = null;
    this.shown = method;
    this.rows = TokenRows.of(report, method === "exhaustive" ? this.reports.glitchhunter : undefined);
    this.changed("rows");
  }

  pick(id: number | null): void {
    if (id === this.picked) return;
    this.picked = id;
    this.detail = null;
    this.relink();
    this.dispatchEvent(new Event("pick"));
    this.changed();
  }

  /** Asks the model about the picked token, for the whole answer and its alternatives. */
  async askPicked(): Promise<void> {
    const id = this.picked;
    if (id === null || !this.canAsk || this.detail?.probe.id === id) return;
    try {
      const detail = await this.core.probe(id, this.report?.provenance.options ?? this.options);
      if (this.picked === id) this.detail = detail;
    } catch (error) {
      if (this.picked === id) this.trouble = { ...asFailure(error), during: "scan" };
    }
    this.changed();
  }

  setFilter(query: string): void {
    if (query === this.filter) return;
    this.filter = query;
    this.relink();
    this.changed();
  }

  setOptions(options: Partial<ScanOptions>): void {
    this.options = { ...this.options, ...options };
    this.relink();
    this.changed();
    if (["oracles", "form", "attempts", "temperature", "top_p", "seed"].some((key) => key in options)) void this.reoffer();
  }

  /** Brings another lab into view. What runs goes on. */
  setLab(lab: string): void {
    if (lab === this.lab) return;
    this.lab = lab;
    this.relink();
    this.changed();
  }

  settingsOf(lab: string): Readonly<Record<string, string>> {
    return this.settings.get(lab) ?? {};
  }

  /** What a lab is set to: its links say so from now on. */
  setSettings(lab: string, settings: Record<string, string>): void {
    this.settings.set(lab, settings);
    if (lab === this.lab) this.relink();
  }

  setMethod(method: MethodChoice): void {
    this.method = method;
    this.relink();
    this.changed();
  }

  dismiss(): void {
    this.trouble = null;
    this.changed();
  }

  async exportJson(): Promise<Blob | null> {
    return this.report && written(this.report);
  }

  async exportCsv(): Promise<string | null> {
    return this.report && this.leaving(this.core.csv(this.report));
  }

  async exportAs(format: ExportFormat): Promise<string | null> {
    return this.report && this.leaving(this.core.exported(this.report, format));
  }

  /** Compares the report in view with another one, whose text may come from anybody. */
  async compareWith(text: Blob | string, name: string): Promise<void> {
    const { report } = this;
    if (!report || this.job) return;
    const diff = await this.leaving(this.core.diff(report, text), "report");
    if (diff !== null && report === this.report) this.difference = { name, text, diff };
    this.changed();
  }

  dropComparison(): void {
    this.difference = null;
    this.changed();
  }

  async differenceCsv(): Promise<string | null> {
    return this.report && this.difference && this.leaving(this.core.diffCsv(this.report, this.difference.text, this.difference.indicators));
  }

  /** What the core makes of a report; null and a trouble when it cannot. */
  private async leaving<T>(made: Promise<T>, during: Trouble["during"] = "export"): Promise<T | null> {
    try {
      return await made;
    } catch (error) {
      this.trouble = { ...asFailure(error), during };
      this.changed();
      return null;
    }
  }

  /** The oracle whose verdicts a scan with these options would have; null while none can be asked. */
  get leading(): OracleInfo | null {
    const id = chosenOracles(this.options)[0];
    return this.offers.find((offer) => offer.id === id)?.oracle ?? null;
  }

  /** The exhaustive report that answers for the model with the chosen oracle, if there is one. */
  get truth(): Report | undefined {
    const report = this.fromFile === null ? this.reports.exhaustive : undefined;
    return report?.status === "complete" && report.provenance.oracle.id === this.leading?.id ? report : undefined;
  }

  /** What a measured rate is of: other oracles ask other questions. */
  get questionKey(): string {
    return this.options.oracles.join("+");
  }

  /** Asks the core what every oracle asks of this model. */
  private async offer(): Promise<void> {
    this.offers = this.model?.info.has_tokenizer ? await this.core.oracles(this.options) : [];
  }

  /** The same after a choice. Without a report the picked token's answer is that of another question now. */
  private async reoffer(): Promise<void> {
    if (!this.model || this.job) return;
    try {
      await this.offer();
      if (!this.report) this.detail = null;
      this.changed();
      if (!this.report) await this.askPicked();
    } catch (error) {
      this.trouble = { ...asFailure(error), during: "scan" };
      this.changed();
    }
  }

  /** Asks about every token, for what needs all answers; a part of them is not kept for later. */
  private async askAll(job: Job, on: (event: ScanEvent) => void): Promise<Report> {
    this.rows = new TokenRows(this.model!.tokens);
    const name = String(Date.now());
    const report = await this.scanOnce("exhaustive", job, on, `${name}.exhaustive.exhaustive.state`);
    await this.core.forgetScan(name).catch(() => {});
    return report;
  }

  private async scanOnce(method: Method, job: Job, on: (event: ScanEvent) => void, journal: string): Promise<Report> {
    const truth = method === "glitchhunter" ? this.reports.exhaustive : undefined;
    const options = { ...this.options, method };
    let report: Report;
    try {
      report = await this.core.scan(options, truth?.status === "complete" ? truth : null, on, journal);
    } catch (error) {
      const failure = asFailure(error);
      report = this.salvage(options, failure);
      if (failure.kind !== "cancelled") this.trouble = { ...failure, during: "scan" };
      // The worker is gone: a new one gets ready while nobody waits for it.
      void this.core.restore().catch(() => {});
    }
    report.timings = job.timings();
    const { info } = this.model!;
    if (job.tokenRate > 0) rememberRate(info.model.name, info.device.kind, this.questionKey, job.tokenRate);
    this.reports[method] = report;
    this.fromFile = null;
    this.show(method);
    return report;
  }

  /** A report of what the events brought, for a worker that did not live to write its own. */
  private salvage(options: ScanOptions, failure: Failure): Report {
    const rows = this.rows!;
    const probes = rows.probe.filter((probe): probe is Probe => probe !== undefined);
    const skipped = new Map<string, Skipped>();
    rows.verdict.forEach((verdict, id) => {
      const kind = rows.kind(id);
      if (rows.probe[id]) return;
      const reason = verdict === UNASKED ? "the scan ended before it was asked about" : "text cannot produce it";
      const entry = skipped.get(kind) ?? { class: kind, reason, ids: [] };
      entry.ids.push(id);
      skipped.set(kind, entry);
    });
    const glitchTokens = [...rows.verdict.keys()].filter((id) => rows.verdict[id] === FAILED);
    const cancelled = failure.kind === "cancelled";
    const { info } = this.model!;
    return {
      schema: "glitchscope.scan",
      schema_version: 2,
      provenance: {
        glitchscope: this.version,
        model: info.model,
        device: info.device,
        oracle: this.leading!,
        options,
      },
      summary: [`${cancelled ? "Cancelled" : "Ended by an error"}. Until then ${glitchTokens.length} of the `
        + `${probes.length} tokens asked about failed.`],
      status: cancelled ? "cancelled" : "failed",
      controls: null,
      tokens: rows.tokens,
      graph: rows.graph,
      probes,
      panel: null,
      glitch_tokens: glitchTokens,
      labels: [],
      label_counts: { types: [], symptoms: [] },
      model_tokens: 0,
      skipped: [...skipped.values()],
      hunt: null,
      comparison: null,
      notes: [...this.notes, failure.message],
      timings: [],
    };
  }

  /** Runs a job: one at a time, its events into state, its failure into `trouble`. Labs run theirs by it. */
  async work(job: Job, run: (on: (event: ScanEvent) => void) => Promise<void>): Promise<void> {
    this.job = job;
    this.trouble = null;
    this.changed();
    try {
      await run((event) => this.hear(job, event));
    } catch (error) {
      const failure = asFailure(error);
      if (failure.kind !== "cancelled") this.trouble = { ...failure, during: job.kind };
    } finally {
      this.job = null;
      this.changed();
      // A token that was picked meanwhile has not been asked about in full.
      void this.askPicked();
    }
  }

  private hear(job: Job, event: ScanEvent): void {
    if (this.job !== job) return;
    switch (event.event) {
      case "stage":
        job.enter(event.stage, event.detail);
        break;
      case "advance":
        job.advance(event.done, event.total, event.unit);
        break;
      case "probes":
        // Controls are asked first and are not verdicts of the scan.
        if (job.stage !== "controls" && (job.kind === "scan" || job.part < job.parts)) this.rows?.addProbes(event.probes);
        this.announce();
        return;
      case "graph":
        // The second scan of a comparison is about another vocabulary.
        if (job.kind !== "compare" || job.part < job.parts) this.rows?.setGraph(event.graph);
        this.announce();
        return;
      case "detectors":
        this.detectors = event.table;
        break;
      case "note":
        if (job.kind !== "compare" || job.part < job.parts) this.notes = [...this.notes, event.text];
        break;
    }
    this.changed();
  }

  private forget(): void {
    this.reports = {};
    this.shown = null;
    this.fromFile = null;
    this.granularity = null;
    this.prevalence = null;
    this.repaired = null;
    this.detectors = null;
    this.difference = null;
    this.detail = null;
  }

  private apply(linked: Linked): void {
    this.wanted = (linked.model && parseAddress(linked.model, document.baseURI, linked.hub)) || SPECIMEN;
    this.placement = { device: linked.device ?? "auto", weights: linked.weights ?? "stored" };
    this.lab = linked.lab ?? SCAN;
    if (linked.lab) {
      this.settings.set(linked.lab, linked.settings ?? {});
      return;
    }
    this.method = linked.method ?? "glitchhunter";
    this.options = { ...DEFAULTS, ...linked.options };
    this.picked = linked.token ?? null;
    this.filter = linked.filter ?? "";
  }

  /** A link was followed inside the page. */
  private async follow(linked: Linked): Promise<void> {
    if (this.job) return;
    const before = { spec: this.model?.spec, placement: this.placement };
    this.apply(linked);
    if (!before.spec || !sameModel(before.spec, this.wanted) || before.placement.device !== this.placement.device
      || before.placement.weights !== this.placement.weights) await this.load();
    else await this.reoffer();
    this.dispatchEvent(new Event("settings"));
    this.changed("rows");
  }

  private relink(): void {
    const spec = this.wanted;
    const linked: Linked = { ...this.placement, method: this.method, options: this.options, filter: this.filter };
    if (spec.kind === "url" && !spec.bundled) linked.model = spec.url + (spec.modelFile ?? "");
    if (spec.kind === "hub") {
      linked.model = hubName(spec);
      if (spec.host !== HUB) linked.hub = spec.host;
    }
    if (this.picked !== null) linked.token = this.picked;
    if (this.lab !== SCAN) {
      linked.lab = this.lab;
      linked.settings = this.settingsOf(this.lab);
    }
    history.replaceState(null, "", formatLink(linked) || location.pathname + location.search);
  }

  private version = "";

  /** Starts the worker and reads its version. */
  async start(): Promise<void> {
    try {
      this.version = await this.core.start();
    } catch (error) {
      this.trouble = { ...asFailure(error), during: "load" };
      this.changed();
      return;
    }
    await this.load();
  }

  private changed(also?: "rows"): void {
    if (also) this.dispatchEvent(new Event("rows"));
    this.dispatchEvent(new Event("change"));
  }

  /** `rows` at most once a frame: verdicts arrive in hundreds of batches. */
  private announce(): void {
    if (this.announced) return;
    this.announced = true;
    requestAnimationFrame(() => {
      this.announced = false;
      this.dispatchEvent(new Event("rows"));
    });
  }
}

const cancelled: Failure = { message: "cancelled", hint: null, kind: "cancelled" };

/** A scan that did not come to its end, as what it means for whoever needed its end. */
function unfinished(report: Report): Failure {
  if (report.status === "cancelled") return cancelled;
  return { message: report.summary.join(" "), hint: null, kind: report.status };
}

/** A model's name, with what tells it from the same in another precision. */
function named({ info }: LoadedModel): string {
  return `${info.model.name} (${[...info.model.stored_types.map(([type]) => type), info.device.name].join(", ")})`;
}
