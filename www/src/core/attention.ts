/** The concept attention lens in the worker, beside what functions.ts does there. Requests and results are JSON text. */
import { transfer } from "comlink";
import {
  attention_comparison, attention_csv, attention_example, attention_import, attention_import_npy, attention_npy, attention_pieces,
} from "glitchscope";
import { coalescing, fresh, loaded, plain } from "./functions";

/** One model's attention to the concepts of a request. */
export async function attention(request: string, events: MessagePort): Promise<string> {
  return plain(() => loaded().attention(request, coalescing(events), fresh()), events);
}

/** The request's texts as the model's tokenizer sees them. Runs no model. */
export async function attentionTokens(request: string): Promise<string> {
  return plain(async () => loaded().attention_tokens(request));
}

/** What each token of a text (a row) attends to, of one head: T × T, nothing left out. */
export async function attentionMap(request: string, text: number, layer: number, head: number, events: MessagePort): Promise<Float32Array> {
  return plain(async () => {
    const map = await loaded().attention_map(request, text, layer, head, coalescing(events), fresh());
    return transfer(map, [map.buffer]);
  }, events);
}

/** Results of one to three models side by side. */
export async function attentionComparison(results: string[], options: string | null): Promise<string> {
  return plain(async () => attention_comparison(results, options ?? undefined));
}

/** A line a head, with the reference's columns. */
export async function attentionCsv(comparison: string): Promise<string> {
  return plain(async () => attention_csv(comparison));
}

/** One model's shares of one concept, layers by heads, as NumPy's file. */
export async function attentionNpy(comparison: string, concept: number, model: number): Promise<Uint8Array> {
  return plain(async () => attention_npy(comparison, concept, model));
}

/** A comparison of published shares, from a table with the reference's columns. */
export async function attentionImport(file: string, bytes: Uint8Array, options: string): Promise<string> {
  return plain(async () => attention_import(file, bytes, options));
}

/** The same from NumPy's files, each of one concept and model; `names` is `{ model, concept }[]`. */
export async function attentionImportNpy(names: string, files: Uint8Array[], options: string): Promise<string> {
  return plain(async () => attention_import_npy(names, files, options));
}

/** The vocabulary entries that a preset leaves out. */
export async function attentionPieces(preset: string): Promise<string[]> {
  return plain(async () => JSON.parse(attention_pieces(preset)) as string[]);
}

/** The built-in request. */
export async function attentionExample(): Promise<string> {
  return plain(async () => attention_example());
}
