/**
 * What the page uses of the wasm package. TypeScript reads this file only while `pkg/` is not built; with it, the
 * package's own generated types are checked instead (see `paths` in tsconfig.json).
 */
import type {
  DevicePreference, GeneratedText, GenerateOptions, GranularityRow, IndicatorTable, MergeOptions, OracleOffer, PrevalenceOptions, ProbeDetail, RowOptions, ScanEvent,
  ScanOptions, SessionInfo, StateInfo, StepReport, TokenTable, TrainingOptions,
} from "../report/types";

export default function init(options?: { threads?: number }): Promise<unknown>;

/** A folder of files that can be read in parts. */
export interface JsSource {
  readonly name: string;
  /** Length in bytes, or null when there is no such file. */
  len(file: string): Promise<number | null>;
  read(file: string, start: number, end: number): Promise<Uint8Array>;
}

/** Stops the work it was handed to, at its next pause. Safe to call while that work runs. */
export class Cancel {
  constructor();
  cancel(): void;
  free(): void;
}

export class Session {
  private constructor();
  static open(source: JsSource, device: DevicePreference, on: (event: ScanEvent) => void, cancel: Cancel, weights?: string | null): Promise<Session>;
  info(): SessionInfo;
  tokens(): TokenTable;
  scan(
    options: Partial<ScanOptions>, truth_json: string | null | undefined, on: (event: ScanEvent) => void, cancel: Cancel,
  ): Promise<string>;
  /** `scan` whose state is told line by line; `state` is what the lines of an earlier one came to. */
  scan_kept(
    options: Partial<ScanOptions>, truth_json: string | null | undefined, state: Uint8Array | null | undefined,
    on: (event: ScanEvent) => void, cancel: Cancel,
  ): Promise<string>;
  resumable(state: Uint8Array): StateInfo | null;
  granularity(
    truth_json: string, options: Partial<ScanOptions>, resolutions: Float64Array, on: (event: ScanEvent) => void, cancel: Cancel,
  ): Promise<GranularityRow[]>;
  probe(id: number, options: Partial<ScanOptions>): Promise<ProbeDetail>;
  oracles(options: Partial<ScanOptions>): OracleOffer[];
  indicators(on: (event: ScanEvent) => void, cancel: Cancel): Promise<IndicatorTable>;
  compare(
    truth_json: string, options: Partial<ScanOptions>, names: string[], seeds: Uint32Array, budget: number,
    on: (event: ScanEvent) => void, cancel: Cancel,
  ): Promise<string>;
  static fresh(source: JsSource, seed: number, device: DevicePreference, on: (event: ScanEvent) => void, cancel: Cancel): Promise<Session>;
  trainer(options: Partial<TrainingOptions>): Promise<Trainer>;
  loss_and_gradients(batch: TrainingBatch, patterns: string[]): Promise<LossAndGradients>;
  prevalence(
    report_json: string, source: JsSource, files: string[], options: Partial<PrevalenceOptions>, on: (event: ScanEvent) => void, cancel: Cancel,
  ): Promise<string>;
  repair_merges(
    report_json: string, tokenizer_json: Uint8Array, ids: Uint32Array, options: Partial<MergeOptions>, on: (event: ScanEvent) => void, cancel: Cancel,
  ): Promise<{ repair: string; json: Uint8Array }>;
  repair_rows(
    report_json: string, ids: Uint32Array, text: string | null | undefined, options: Partial<RowOptions>, on: (event: ScanEvent) => void, cancel: Cancel,
  ): Promise<{ repair: string; patches: FilePatch[] }>;
  restore_rows(): boolean;
  encode(text: string, special: boolean): Uint32Array;
  encode_chat(
    messages: { role: string; content: string }[], options?: { add_generation_prompt?: boolean },
  ): { text: string; ids: Uint32Array };
  generate_text(
    prompt: string, options: GenerateOptions, on: (event: ScanEvent) => void, cancel: Cancel,
  ): Promise<GeneratedText>;
  kv_bytes_per_token(): number;
  attention(request_json: string, on: (event: ScanEvent) => void, cancel: Cancel): Promise<string>;
  attention_tokens(request_json: string): string;
  attention_map(request_json: string, text: number, layer: number, head: number, on: (event: ScanEvent) => void, cancel: Cancel): Promise<Float32Array>;
  free(): void;
}

/** Bytes of a file of the model that are other ones after a repair. */
export interface FilePatch {
  file: string;
  offset: number;
  bytes: Uint8Array;
}

export type TrainingMask = "causal" | "full" | { prefix: number } | { given: Uint32Array } | { segments: Uint32Array };

export interface TrainingBatch {
  ids: Uint32Array;
  rows: number;
  weights?: Float32Array;
  targets?: { at: Uint32Array; id: Uint32Array; weight?: Float32Array };
  positions?: Uint32Array;
  mask?: TrainingMask;
}

export interface BatchLoss {
  mean: number;
  nll: Float32Array;
}

export interface LossAndGradients extends BatchLoss {
  gradients: Uint8Array;
}

export class Trainer {
  private constructor();
  deal(ids: Uint32Array, lengths: Uint32Array): void;
  step(batches: TrainingBatch[] | null | undefined, cancel: Cancel): Promise<StepReport>;
  loss(batch: TrainingBatch): Promise<BatchLoss>;
  checkpoint(): Promise<Uint8Array>;
  resume(checkpoint: Uint8Array): number;
  export_weights(): Promise<Uint8Array>;
  store(): Promise<void>;
  free(): void;
}

export function report_csv(report_json: string): string;
export function reopen_report(report_json: string): string;
export function prevalence_csv(json: string, tokens: boolean): string;
export function detectors_csv(table_json: string): string;
export function export_report(report_json: string, format: string): string;
/** A comparison as JSON text. */
export function diff_reports(a_json: string, b_json: string, indicators_a?: string | null, indicators_b?: string | null): string;
export function whole_state_bytes(state: Uint8Array): number;
export function diff_csv(a_json: string, b_json: string, indicators_a?: string | null, indicators_b?: string | null): string;
/** Which GPU kernels were found to be the fastest, as JSON. */
export function gpu_tuning(): string;
export function restore_gpu_tuning(json: string): void;
export function attention_comparison(results: string[], options_json?: string | null): string;
export function attention_csv(comparison_json: string): string;
export function attention_npy(comparison_json: string, concept: number, model: number): Uint8Array;
export function attention_import(file: string, bytes: Uint8Array, options_json?: string | null): string;
/** `names` is `{ model, concept }[]`, one for each file. */
export function attention_import_npy(names_json: string, files: Uint8Array[], options_json?: string | null): string;
/** A list of vocabulary entries. */
export function attention_pieces(preset: string): string;
export function attention_example(): string;
export function version(): string;
