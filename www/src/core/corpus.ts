/** Counting glitch tokens in files, in the worker, beside what functions.ts does there. */
import { prevalence_csv } from "glitchscope";
import type { Prevalence, PrevalenceOptions } from "../report/types";
import { coalescing, fresh, loaded, plain } from "./functions";
import { FilesSource } from "./sources";

/** Files are read by ranges where they are; only what is counted comes back. */
export async function prevalence(
  report: string, files: { name: string; file: Blob }[], options: Partial<PrevalenceOptions>, events: MessagePort,
): Promise<Prevalence> {
  const source = new FilesSource("the chosen files", files);
  const names = files.map(({ name }) => name);
  return plain(
    async () => JSON.parse(await loaded().prevalence(report, source, names, options, coalescing(events), fresh())) as Prevalence,
    events,
  );
}

/** The densest documents as CSV, or the tokens. */
export async function prevalenceCsv(result: Prevalence, tokens: boolean): Promise<string> {
  return plain(async () => prevalence_csv(JSON.stringify(result), tokens));
}
