/**
 * What the worker can do. The only file that imports the wasm package, types aside.
 *
 * One model is loaded at a time, and one call is in flight at a time: `client.ts` sees to that.
 */
import init, {
  Cancel, Session, diff_csv, diff_reports, export_report, gpu_tuning, prevalence_csv, reopen_report, report_csv, restore_gpu_tuning,
  version, whole_state_bytes,
} from "glitchscope";
import type {
  GranularityRow, Prevalence, ProbeDetail, ScanEvent, ScanOptions, SessionInfo, TokenTable,
} from "../report/types";
import { keepTuning, keptTuning } from "./gpu_tuning";
import { type CacheUse, openCache } from "./model_cache";
import { parcel, textOf, type Written } from "./parcel";
import type { Failure } from "./source_error";
import type { Placement } from "./placement";
import { forgetStates, listStates, readState, StateWriter } from "./scan_state";
import { openSource, type SourceSpec } from "./sources";

export type { FilePatch } from "glitchscope";

let ready: Promise<unknown> | undefined;
let session: Session | undefined;
let cancel: Cancel | undefined;
let fetching: AbortController | undefined;

export interface Opened {
  info: SessionInfo;
  tokens: TokenTable;
}

/** Loads the wasm module. */
export async function start(): Promise<string> {
  return plain(async () => version());
}

/** What has to go before the model goes. */
const closing: (() => void)[] = [];

export function atClose(work: () => void): void {
  closing.push(work);
}

/** A parcel of what was opened (`Opened`). */
export async function open(spec: SourceSpec, { device, weights, untrained }: Placement, events: MessagePort): Promise<MessagePort> {
  return plain(async () => {
    close();
    const listener = coalescing(events);
    fetching = new AbortController();
    const cache = spec.kind === "files" ? null : await openCache();
    const source = openSource(spec, cache, fetching.signal, (event) => {
      listener("note" in event
        ? { event: "note", text: event.note }
        : { event: "advance", done: event.done, total: event.total, unit: "bytes" });
    });
    cancel = new Cancel();
    try {
      if (!spec.modelFile && untrained === undefined) await source.oneModel();
      restore_gpu_tuning(await keptTuning());
      const opened = untrained === undefined
        ? await Session.open(source, device, listener, cancel, weights)
        : await Session.fresh(source, untrained, device, listener, cancel);
      await keepTuning(gpu_tuning());
      const info = opened.info();
      await source.verify(info.model.files).catch((error: unknown) => {
        opened.free();
        throw error;
      });
      session = opened;
      return parcel({ info, tokens: session.tokens() } satisfies Opened);
    } finally {
      await source.close();
    }
  }, events);
}

/** A parcel of the report. The scan's state is kept in the journal of that name, and taken up where it is there. */
export async function scan(options: Partial<ScanOptions>, truth: Written | null, events: MessagePort, journal: string): Promise<MessagePort> {
  return plain(async () => {
    const listener = coalescing(events);
    const kept = (await readState(journal)) ?? new Uint8Array();
    const state = kept.length > 0 ? kept : undefined;
    const writer = await StateWriter.open(journal, state ? whole_state_bytes(state) : 0);
    try {
      const known = truth === null ? undefined : await textOf(truth);
      return parcel(JSON.parse(await loaded().scan_kept(options, known, state, (event) => {
        if (event.event === "state") writer?.push(event.line);
        else listener(event);
      }, fresh())));
    } finally {
      writer?.close();
    }
  }, events);
}

/** The newest scan of the loaded model that did not come to its end. */
export interface KeptScan {
  job: string;
  choice: string;
  options: ScanOptions;
  answered: number;
}

export async function keptScan(): Promise<KeptScan | null> {
  return plain(async () => {
    const jobs = new Map<string, KeptScan>();
    for (const { name, job, choice } of await listStates()) {
      const state = await readState(name);
      const info = state && loaded().resumable(state);
      if (!info) continue;
      const known = jobs.get(job);
      jobs.set(job, { job, choice, options: info.options, answered: info.answered + (known?.answered ?? 0) });
    }
    return [...jobs.values()][0] ?? null;
  });
}

export async function forgetScan(job: string): Promise<void> {
  return forgetStates(job);
}

export async function granularity(
  truth: Written, options: Partial<ScanOptions>, resolutions: number[], events: MessagePort,
): Promise<GranularityRow[]> {
  const list = Float64Array.from(resolutions);
  return plain(async () => loaded().granularity(await textOf(truth), options, list, coalescing(events), fresh()), events);
}

export async function probe(id: number, options: Partial<ScanOptions>): Promise<ProbeDetail> {
  return plain(() => loaded().probe(id, options));
}

/** Stops what is running, at its next pause. */
export function stop(): void {
  fetching?.abort();
  cancel?.cancel();
}

export function close(): void {
  for (const work of closing) work();
  session?.free();
  session = undefined;
}

/** What is kept of models from elsewhere; null where the browser keeps nothing. */
export async function cacheUse(): Promise<CacheUse | null> {
  return (await openCache())?.list() ?? null;
}

/** Forgets one model, or with null all of them. Returns the bytes that were freed. */
export async function forgetCached(model: string | null): Promise<number> {
  return (await openCache())?.remove(model) ?? 0;
}

export async function csv(report: Written): Promise<string> {
  return plain(async () => report_csv(await textOf(report)));
}

/** A parcel of the report as this version writes it. */
export async function reopen(report: Written): Promise<MessagePort> {
  return plain(async () => parcel(JSON.parse(reopen_report(await textOf(report)))));
}

/** What a report is saved as, besides its own JSON and CSV. */
export type ExportFormat = "clusters-csv" | "html" | "markdown" | "strings" | "strings-json";

export async function exported(report: Written, format: ExportFormat): Promise<string> {
  return plain(async () => export_report(await textOf(report), format));
}

/** A parcel of what changed from report `a` to report `b`; `indicators` are those of both models, as JSON text. */
export async function diff(a: Written, b: Written, indicators?: [string, string]): Promise<MessagePort> {
  return plain(async () => parcel(JSON.parse(diff_reports(await textOf(a), await textOf(b), indicators?.[0], indicators?.[1]))));
}

export async function diffCsv(a: Written, b: Written, indicators?: [string, string]): Promise<string> {
  return plain(async () => diff_csv(await textOf(a), await textOf(b), indicators?.[0], indicators?.[1]));
}

/** The densest documents as CSV, or the tokens. */
export async function prevalenceCsv(result: Prevalence, tokens: boolean): Promise<string> {
  return plain(async () => prevalence_csv(JSON.stringify(result), tokens));
}

export function loaded(): Session {
  if (!session) throw { message: "no model is loaded", hint: "Load a model first.", kind: "input" } satisfies Failure;
  return session;
}

export function fresh(): Cancel {
  cancel = new Cancel();
  return cancel;
}

/** Aborted when what is running is stopped: for work that is done outside the package. */
export function stoppable(): AbortSignal {
  fetching = new AbortController();
  return fetching.signal;
}

/** What a graph comes as: it is as long as the vocabulary. */
export interface ParcelEvent {
  event: "graph";
  graph: MessagePort;
}

/** Milliseconds between two `advance` events: more often than a screen is drawn is of no use to anyone. */
const ADVANCE_MS = 50;

/** Sends events on; of `advance` only some, and always the last one before another event. A graph travels as a parcel. */
export function coalescing(port: MessagePort): (event: ScanEvent) => void {
  let sent = 0;
  let held: ScanEvent | undefined;
  return (event) => {
    if (event.event === "advance" && event.done < event.total && performance.now() - sent < ADVANCE_MS) {
      held = event;
      return;
    }
    if (held && event.event !== "advance") port.postMessage(held);
    held = undefined;
    if (event.event === "advance") sent = performance.now();
    if (event.event === "graph") {
      const graph = parcel(event.graph);
      port.postMessage({ event: "graph", graph } satisfies ParcelEvent, [graph]);
    } else port.postMessage(event);
  };
}

/** Runs the work with the module loaded, and makes of whatever is thrown a plain object that survives `postMessage`. */
export async function plain<T>(work: () => Promise<T>, events?: MessagePort): Promise<T> {
  try {
    await (ready ??= init());
    return await work();
  } catch (error) {
    throw failure(error);
  } finally {
    events?.close();
  }
}

function failure(error: unknown): { failure: Failure } {
  const { message, hint, kind, choices } = (error ?? {}) as Partial<Failure>;
  if (typeof message === "string" && typeof kind === "string") return { failure: { message, hint: hint ?? null, kind, choices } };
  // A trap leaves the module's memory in an unknown state: nothing may be called in it again.
  const trapped = error instanceof WebAssembly.RuntimeError;
  return {
    failure: {
      message: `${trapped ? "the engine stopped: " : ""}${typeof message === "string" ? message : String(error)}`,
      hint: trapped ? "This is a fault of Glitchscope. Load the model again; the details below help to find it." : null,
      kind: trapped ? "trap" : "internal",
    },
  };
}
