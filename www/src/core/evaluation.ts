/** What the worker can do beside a scan: list oracles, measure detectors, read what the embedding alone says. */
import { detectors_csv } from "glitchscope";
import type { OracleOffer, ScanOptions } from "../report/types";
import { coalescing, fresh, loaded, plain } from "./functions";
import { parcel, textOf, type Written } from "./parcel";

export async function oracles(options: Partial<ScanOptions>): Promise<OracleOffer[]> {
  return plain(async () => loaded().oracles(options));
}

/** A parcel of the table. */
export async function indicators(events: MessagePort): Promise<MessagePort> {
  return plain(async () => parcel(await loaded().indicators(coalescing(events), fresh())), events);
}

/** The comparison as JSON text. */
export async function compare(
  truth: Written, options: Partial<ScanOptions>, names: string[], seeds: number[], budget: number, events: MessagePort,
): Promise<string> {
  const list = Uint32Array.from(seeds);
  return plain(async () => loaded().compare(await textOf(truth), options, names, list, budget, coalescing(events), fresh()), events);
}

export async function detectorsCsv(table: string): Promise<string> {
  return plain(async () => detectors_csv(table));
}
