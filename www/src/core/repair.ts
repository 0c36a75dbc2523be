/** Repairs in the worker, beside what functions.ts does there, and the files that come of them. */
import type { MergeOptions, MergeRepair, RowOptions, RowRepair } from "../report/types";
import { coalescing, type FilePatch, fresh, loaded, plain } from "./functions";
import { openCache } from "./model_cache";
import { textOf, type Written } from "./parcel";
import { type PageSource, openSource, type SourceSpec } from "./sources";

/** A repaired file, whole. */
export interface RepairedFile {
  name: string;
  blob: Blob;
}

/** What a repair did, and its files. */
export interface Repaired<R> {
  repair: R;
  files: RepairedFile[];
}

/** Bytes that are read of a file at once while it is written out again. */
const CHUNK_BYTES = 8 << 20;

/** Prunes merges from the tokenizer.json of the model at `spec`, which is the one that is loaded. */
export async function repairMerges(
  spec: SourceSpec, report: Written, ids: Uint32Array, options: Partial<MergeOptions>, events: MessagePort,
): Promise<Repaired<MergeRepair>> {
  return plain(async () => {
    const json = await withSource(spec, async (source) => {
      const length = await source.len("tokenizer.json");
      if (length === null) {
        throw { message: "there is no tokenizer.json beside this model", hint: "Replace the tokens' rows instead.", kind: "input" };
      }
      return source.read("tokenizer.json", 0, length);
    });
    const done = await loaded().repair_merges(await textOf(report), json, ids, options, coalescing(events), fresh());
    const blob = new Blob([done.json as Uint8Array<ArrayBuffer>], { type: "application/json" });
    return { repair: JSON.parse(done.repair) as MergeRepair, files: [{ name: "tokenizer.json", blob }] };
  }, events);
}

/** Replaces rows; the weights' file is read again and written out with them. */
export async function repairRows(
  spec: SourceSpec, report: Written, ids: Uint32Array, text: string | null, options: Partial<RowOptions>, events: MessagePort,
): Promise<Repaired<RowRepair>> {
  return plain(async () => {
    const done = await loaded().repair_rows(await textOf(report), ids, text, options, coalescing(events), fresh());
    const repair = JSON.parse(done.repair) as RowRepair;
    const files = await withSource(spec, async (source) => {
      const written: RepairedFile[] = [];
      for (const name of repair.files) {
        written.push({ name, blob: await patched(source, name, done.patches.filter(({ file }) => file === name)) });
      }
      return written;
    });
    return { repair, files };
  }, events);
}

async function withSource<T>(spec: SourceSpec, work: (source: PageSource) => Promise<T>): Promise<T> {
  const cache = spec.kind === "files" ? null : await openCache();
  const source = openSource(spec, cache, new AbortController().signal, () => {});
  try {
    return await work(source);
  } finally {
    await source.close();
  }
}

/** A file with other bytes in places, put together from parts so that the browser may keep it on disk. */
async function patched(source: PageSource, name: string, patches: FilePatch[]): Promise<Blob> {
  const length = (await source.len(name)) ?? 0;
  const parts: Blob[] = [];
  for (let start = 0; start < length; start += CHUNK_BYTES) {
    const end = Math.min(length, start + CHUNK_BYTES);
    const bytes = Uint8Array.from(await source.read(name, start, end));
    for (const patch of patches) {
      const [from, to] = [Math.max(patch.offset, start), Math.min(patch.offset + patch.bytes.length, end)];
      if (from < to) bytes.set(patch.bytes.subarray(from - patch.offset, to - patch.offset), from - start);
    }
    parts.push(new Blob([bytes]));
  }
  return new Blob(parts, { type: "application/octet-stream" });
}
