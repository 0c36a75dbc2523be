/** Counting glitch tokens in files, in the worker, beside what functions.ts does there. */
import type { Prevalence, PrevalenceOptions, ScanEvent } from "../report/types";
import { coalescing, fresh, loaded, plain, stoppable } from "./functions";
import { textOf, type Written } from "./parcel";
import { parquetAsJsonLines } from "./parquet";
import { FilesSource } from "./sources";

interface TextFile {
  name: string;
  file: Blob;
}

/** Files are read by ranges where they are; only what is counted comes back. */
export async function prevalence(
  report: Written, files: TextFile[], options: Partial<PrevalenceOptions>, events: MessagePort,
): Promise<Prevalence> {
  return plain(async () => {
    const listener = coalescing(events);
    const readable = await withoutParquet(files, options.fields ?? [], listener);
    const source = new FilesSource("the chosen files", readable);
    const names = readable.map(({ name }) => name);
    return JSON.parse(await loaded().prevalence(await textOf(report), source, names, options, listener, fresh())) as Prevalence;
  }, events);
}

/** Parquet files become JSON Lines under a name that says so. */
async function withoutParquet(files: TextFile[], fields: readonly string[], on: (event: ScanEvent) => void): Promise<TextFile[]> {
  const signal = stoppable();
  const readable: TextFile[] = [];
  for (const { name, file } of files) {
    if (!/\.parquet$/i.test(name)) {
      readable.push({ name, file });
      continue;
    }
    on({ event: "stage", stage: "reading rows", detail: name });
    const rows = await parquetAsJsonLines(file, fields, {
      rows: (done, total) => on({ event: "advance", done, total, unit: "rows" }),
      isCancelled: () => signal.aborted,
    }).catch((error: unknown) => {
      if ((error as { kind?: string }).kind === "cancelled") throw error;
      throw { message: `${name} cannot be read: ${String(error)}`, hint: "Save it again, or as JSON Lines.", kind: "input" };
    });
    readable.push({ name: `${name}.jsonl`, file: rows });
  }
  return readable;
}
