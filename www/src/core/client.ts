/**
 * The page's side of the worker: a typed proxy with a sequencer, a soft cancel and a hard one.
 *
 * Calls wait for each other because a loaded model answers one question at a time. A cancel asks the worker first; a
 * worker that has not come to a pause in `GRACE_MS` is ended, the call fails as cancelled, and the next call finds a new
 * worker with the same model loaded again.
 */
import { releaseProxy, transfer, wrap, type Remote } from "comlink";
import type {
  GeneratedText, GenerateOptions, GranularityRow, IndicatorTable, MergeOptions, MergeRepair, OracleOffer, Prevalence, PrevalenceOptions, ProbeDetail, Report, ReportDiff,
  RowOptions, RowRepair, ScanEvent, ScanOptions, TokenGraph, TrainingOptions,
} from "../report/types";
import type * as answer from "./answer";
import type * as attention from "./attention";
import type * as corpus from "./corpus";
import type * as evaluation from "./evaluation";
import type * as functions from "./functions";
import type * as repair from "./repair";
import type { CacheUse } from "./model_cache";
import { opened, written, type Written } from "./parcel";
import type { Failure } from "./source_error";
import type { Placement } from "./placement";
import type { SourceSpec } from "./sources";
import type * as training from "./trainer";
import type { BatchLoss, LossAndGradients, TrainingBatch, TrainingProgress, TrainingRows, TrainingRun } from "./trainer";

export type { ExportFormat, KeptScan, Opened } from "./functions";
export type { CachedModel, CacheUse } from "./model_cache";
export type { Failure } from "./source_error";
export type { Repaired } from "./repair";
export type { Placement, WeightStorage } from "./placement";
export type { SourceSpec } from "./sources";
export type * from "./trainer";

type Functions = typeof functions & typeof answer & typeof attention & typeof corpus & typeof evaluation & typeof repair & typeof training;
export type Listener = (event: ScanEvent) => void;
/** A report as the page holds it, or its JSON text. */
export type AnyReport = Report | Written;

const GRACE_MS = 700;

export class Core {
  private worker: Worker | undefined;
  private remote: Remote<Functions> | undefined;
  private queue: Promise<unknown> = Promise.resolve();
  /** Rejects the call in flight when its worker is ended. */
  private abandon: ((failure: Failure) => void) | undefined;
  private grace: ReturnType<typeof setTimeout> | undefined;
  /** What a new worker has to load to stand where the old one stood. */
  private last: { spec: SourceSpec; placement: Placement } | undefined;
  private loaded = false;

  /** The version of the wasm package. */
  start(): Promise<string> {
    return this.call((remote) => remote.start());
  }

  async open(spec: SourceSpec, placement: Placement, on: Listener): Promise<functions.Opened> {
    return this.call(async (remote) => {
      this.last = undefined;
      this.loaded = false;
      const answer = await opened<functions.Opened>(await remote.open(spec, placement, listening(on)));
      this.last = { spec, placement };
      this.loaded = true;
      return answer;
    });
  }

  /** The scan's state is kept in the journal of that name, and taken up where it is there. */
  scan(options: Partial<ScanOptions>, truth: AnyReport | null, on: Listener, journal: string): Promise<Report> {
    return this.withModel(async (remote) => opened<Report>(await remote.scan(options, truth && await textFor(truth), listening(on), journal)));
  }

  /** The newest scan of the loaded model that did not come to its end. */
  keptScan(): Promise<functions.KeptScan | null> {
    return this.withModel((remote) => remote.keptScan());
  }

  forgetScan(job: string): Promise<void> {
    return this.call((remote) => remote.forgetScan(job));
  }

  granularity(truth: AnyReport, options: Partial<ScanOptions>, resolutions: number[], on: Listener): Promise<GranularityRow[]> {
    return this.withModel(async (remote) => remote.granularity(await textFor(truth), options, resolutions, listening(on)));
  }

  /** The first question of the leading oracle about one token. */
  probe(id: number, options: Partial<ScanOptions>): Promise<ProbeDetail> {
    return this.withModel((remote) => remote.probe(id, options));
  }

  /** Every oracle with its questions as the loaded model would be asked. */
  oracles(options: Partial<ScanOptions>): Promise<OracleOffer[]> {
    return this.withModel((remote) => remote.oracles(options));
  }

  indicators(on: Listener): Promise<IndicatorTable> {
    return this.withModel(async (remote) => opened<IndicatorTable>(await remote.indicators(listening(on))));
  }

  /** Detectors by name (all without names) over seeds, against an exhaustive report, as JSON text. */
  compare(
    truth: AnyReport, options: Partial<ScanOptions>, names: string[], seeds: number[], budget: number, on: Listener,
  ): Promise<string> {
    return this.withModel(async (remote) => remote.compare(await textFor(truth), options, names, seeds, budget, listening(on)));
  }

  detectorsCsv(table: string): Promise<string> {
    return this.call((remote) => remote.detectorsCsv(table));
  }

  /** Glitch tokens of a report in files; a cancelled call gives what it counted. */
  prevalence(report: AnyReport, files: { name: string; file: Blob }[], options: Partial<PrevalenceOptions>, on: Listener): Promise<Prevalence> {
    return this.withModel(async (remote) => remote.prevalence(await textFor(report), files, options, listening(on)));
  }

  prevalenceCsv(result: Prevalence, tokens: boolean): Promise<string> {
    return this.call((remote) => remote.prevalenceCsv(result, tokens));
  }

  /** The loaded model's tokenizer without the merges of tokens. */
  repairMerges(report: AnyReport, ids: Uint32Array, options: Partial<MergeOptions>, on: Listener): Promise<repair.Repaired<MergeRepair>> {
    return this.withModel(async (remote) => remote.repairMerges(this.last!.spec, await textFor(report), ids, options, listening(on)));
  }

  /** Other rows for tokens; the model in memory is as before when this ends. */
  repairRows(report: AnyReport, ids: Uint32Array, text: string | null, options: Partial<RowOptions>, on: Listener): Promise<repair.Repaired<RowRepair>> {
    return this.withModel(async (remote) => remote.repairRows(this.last!.spec, await textFor(report), ids, text, options, listening(on)));
  }

  /** The loaded model's most probable answer to a prompt, told piece by piece. */
  generateText(prompt: string, options: GenerateOptions, on: Listener): Promise<GeneratedText> {
    return this.withModel((remote) => remote.generateText(prompt, options, listening(on)));
  }

  countTokens(texts: string[], as: "prompt" | "chat" | "text"): Promise<Uint32Array> {
    return this.withModel((remote) => remote.countTokens(texts, as));
  }

  cacheBytesPerToken(): Promise<number> {
    return this.withModel((remote) => remote.cacheBytesPerToken());
  }

  /** The attention lens: a request and the loaded model's result, as JSON text. */
  attention(request: string, on: Listener): Promise<string> {
    return this.withModel((remote) => remote.attention(request, listening(on)));
  }

  attentionTokens(request: string): Promise<string> {
    return this.withModel((remote) => remote.attentionTokens(request));
  }

  /** One head's map of one text, row by row. */
  attentionMap(request: string, text: number, layer: number, head: number, on: Listener): Promise<Float32Array> {
    return this.withModel((remote) => remote.attentionMap(request, text, layer, head, listening(on)));
  }

  attentionComparison(results: string[], options: string | null): Promise<string> {
    return this.call((remote) => remote.attentionComparison(results, options));
  }

  attentionCsv(comparison: string): Promise<string> {
    return this.call((remote) => remote.attentionCsv(comparison));
  }

  attentionNpy(comparison: string, concept: number, model: number): Promise<Uint8Array> {
    return this.call((remote) => remote.attentionNpy(comparison, concept, model));
  }

  attentionImport(file: string, bytes: Uint8Array, options: string): Promise<string> {
    return this.call((remote) => remote.attentionImport(file, bytes, options));
  }

  attentionImportNpy(names: string, files: Uint8Array[], options: string): Promise<string> {
    return this.call((remote) => remote.attentionImportNpy(names, files, options));
  }

  attentionExample(): Promise<string> {
    return this.call((remote) => remote.attentionExample());
  }

  attentionPieces(preset: string): Promise<string[]> {
    return this.call((remote) => remote.attentionPieces(preset));
  }

  /** Begins a training of the loaded model; `rows`, if given, are dealt out in batches. */
  startTraining(options: Partial<TrainingOptions>, rows: TrainingRows | null): Promise<void> {
    return this.withModel((remote) => remote.startTraining(options, rows));
  }

  /** So many steps, on the batches given for each or on dealt rows. A cancelled call gives the steps it took. */
  train(steps: number, batches: TrainingBatch[][] | null, on: (progress: TrainingProgress) => void): Promise<TrainingRun> {
    return this.withModel((remote) => remote.train(steps, batches, listening(on)));
  }

  trainingLoss(batch: TrainingBatch): Promise<BatchLoss> {
    return this.withModel((remote) => remote.trainingLoss(batch));
  }

  /** The training as bytes; on the CPU a resumed one goes on bit for bit. */
  trainingCheckpoint(): Promise<Uint8Array> {
    return this.withModel((remote) => remote.trainingCheckpoint());
  }

  resumeTraining(checkpoint: Uint8Array): Promise<number> {
    return this.withModel((remote) => remote.resumeTraining(checkpoint));
  }

  /** The trained weights as model.safetensors. */
  exportWeights(): Promise<Uint8Array> {
    return this.withModel((remote) => remote.exportWeights());
  }

  storeWeights(): Promise<void> {
    return this.withModel((remote) => remote.storeWeights());
  }

  endTraining(): Promise<void> {
    return this.withModel((remote) => remote.endTraining());
  }

  lossAndGradients(batch: TrainingBatch, patterns: string[]): Promise<LossAndGradients> {
    return this.withModel((remote) => remote.lossAndGradients(batch, patterns));
  }

  /** Brings a new worker to where the last one stood. */
  restore(): Promise<void> {
    return this.withModel(async () => {});
  }

  cacheUse(): Promise<CacheUse | null> {
    return this.call((remote) => remote.cacheUse());
  }

  forgetCached(model: string | null): Promise<number> {
    return this.call((remote) => remote.forgetCached(model));
  }

  csv(report: AnyReport): Promise<string> {
    return this.call(async (remote) => remote.csv(await textFor(report)));
  }

  /** A saved report as this version writes it; fails when the text is not one that can be shown. */
  reopen(report: AnyReport): Promise<Report> {
    return this.call(async (remote) => opened<Report>(await remote.reopen(await textFor(report))));
  }

  exported(report: AnyReport, format: functions.ExportFormat): Promise<string> {
    return this.call(async (remote) => remote.exported(await textFor(report), format));
  }

  /** What changed from report `a` to report `b`; `indicators` are those of both models, as JSON text. */
  diff(a: AnyReport, b: AnyReport, indicators?: [string, string]): Promise<ReportDiff> {
    return this.call(async (remote) => opened<ReportDiff>(await remote.diff(await textFor(a), await textFor(b), indicators)));
  }

  diffCsv(a: AnyReport, b: AnyReport, indicators?: [string, string]): Promise<string> {
    return this.call(async (remote) => remote.diffCsv(await textFor(a), await textFor(b), indicators));
  }

  /** Stops the call in flight: at its next pause, or with the worker. */
  cancel(): void {
    if (!this.abandon || this.grace !== undefined) return;
    void this.remote?.stop();
    this.grace = setTimeout(() => {
      this.end();
      this.abandon?.({ message: "cancelled; the engine did not pause in time and was ended", hint: null, kind: "cancelled" });
    }, GRACE_MS);
  }

  /** Ends the worker and fails the call in flight as cancelled. The next call would find a new worker without a model. */
  dispose(): void {
    this.end();
    this.last = undefined;
    this.abandon?.({ message: "cancelled; the model was put away", hint: null, kind: "cancelled" });
  }

  /** True while a call is in flight. */
  get busy(): boolean {
    return this.abandon !== undefined;
  }

  private withModel<T>(work: (remote: Remote<Functions>) => Promise<T>): Promise<T> {
    return this.call(async (remote) => {
      if (!this.loaded && this.last) {
        (await remote.open(this.last.spec, this.last.placement, listening(() => {}))).close();
        this.loaded = true;
      }
      return work(remote);
    });
  }

  private call<T>(work: (remote: Remote<Functions>) => Promise<T>): Promise<T> {
    const result = this.queue.then(() => this.attempt(work));
    this.queue = result.catch(() => {});
    return result;
  }

  private async attempt<T>(work: (remote: Remote<Functions>) => Promise<T>): Promise<T> {
    const abandoned = new Promise<never>((_, reject) => {
      this.abandon = reject;
    });
    try {
      return await Promise.race([work(this.connect()), abandoned]);
    } catch (error) {
      const failure = asFailure(error);
      // What a trapped module holds cannot be trusted, nor what a lost GPU held.
      if (failure.kind === "trap" || failure.kind === "device") this.end();
      throw failure;
    } finally {
      this.abandon = undefined;
      clearTimeout(this.grace);
      this.grace = undefined;
    }
  }

  private connect(): Remote<Functions> {
    if (!this.remote) {
      this.worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
      this.worker.addEventListener("error", (event) => {
        this.end();
        this.abandon?.({
          message: `the engine's worker failed: ${event.message || "it could not be started"}`,
          hint: "Reload the page. If it stays so, the file of the worker or of the wasm module is missing or blocked.",
          kind: "internal",
        });
      });
      this.remote = wrap<Functions>(this.worker);
    }
    return this.remote;
  }

  private end(): void {
    this.remote?.[releaseProxy]();
    this.worker?.terminate();
    this.worker = undefined;
    this.remote = undefined;
    this.loaded = false;
  }
}

/** A report as a worker takes it; one that the page holds is written in slices. */
async function textFor(report: AnyReport): Promise<Written> {
  return typeof report === "string" || report instanceof Blob ? report : written(report);
}

/** A port that the worker posts events to. Transferred, hence the name of comlink's helper. */
function listening<E = ScanEvent>(on: (event: E) => void): MessagePort {
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = ({ data }: MessageEvent<E | functions.ParcelEvent>) => {
    const { graph } = data as Partial<functions.ParcelEvent>;
    if (!(graph instanceof MessagePort)) on(data as E);
    else void opened<TokenGraph>(graph, { atOnce: true }).then((graph) => on({ event: "graph", graph } as E));
  };
  return transfer(port2, [port2]);
}

export function asFailure(error: unknown): Failure {
  const inner = (error as { failure?: Failure } | null)?.failure ?? (error as Partial<Failure> | null);
  if (inner && typeof inner.message === "string") {
    return { message: inner.message, hint: inner.hint ?? null, kind: inner.kind ?? "internal", choices: inner.choices };
  }
  return { message: String(error), hint: null, kind: "internal" };
}
