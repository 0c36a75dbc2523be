/**
 * Where files come from, as the wasm package sees them: something with `len` and `read`. Files are read by ranges.
 *
 * Runs in the worker. A `SourceSpec` can be posted to it: a File is only a handle.
 */
import type { JsSource } from "glitchscope";
import type { FileInfo } from "../report/types";
import { HubSource, type HubSpec } from "./hub_source";
import type { ModelCache } from "./model_cache";
import { SourceError, type SourceListener } from "./source_error";
import { UrlSource } from "./url_source";

/** How to reach a folder of files. `modelFile` is the one that holds the model, where it is a GGUF file. */
export type SourceSpec = (
  /** `bundled` is part of the page itself, which keeps its own files; `files` are all there are, where that is known. */
  | { kind: "url"; name: string; url: string; bundled?: boolean; files?: readonly string[] }
  | HubSpec
  | { kind: "files"; name: string; files: { name: string; file: Blob }[] }
) & { modelFile?: string | undefined };

/** A source of the page: it can be held to what its origin says of its files, and it lets go of what it holds. */
export interface PageSource extends JsSource {
  /** Fails when there are several models to choose from, with their files. */
  oneModel(): Promise<void>;
  /** Fails when a file that was read whole is not the one its origin names. */
  verify(files: FileInfo[]): Promise<void>;
  close(): Promise<void>;
}

/** `cache` keeps what comes from elsewhere; without one every visit fetches again. */
export function openSource(spec: SourceSpec, cache: ModelCache | null, signal: AbortSignal, on: SourceListener): PageSource {
  return Object.assign(reach(spec, cache, signal, on), { modelFile: spec.modelFile });
}

function reach(spec: SourceSpec, cache: ModelCache | null, signal: AbortSignal, on: SourceListener): PageSource {
  switch (spec.kind) {
    case "url":
      return new UrlSource({ name: spec.name, base: spec.url, cache: spec.bundled ? null : cache, signal, on, files: spec.files });
    case "hub":
      return new HubSource(spec, cache, signal, on);
    case "files":
      return new FilesSource(spec.name, spec.files);
  }
}

/** Picked or dropped files. Names are paths inside the dropped folder, without the folder's own name. */
export class FilesSource implements PageSource {
  private readonly files: Map<string, Blob>;

  constructor(readonly name: string, files: { name: string; file: Blob }[]) {
    this.files = new Map(files.map(({ name, file }) => [name, file]));
  }

  async len(file: string): Promise<number | null> {
    return this.files.get(file)?.size ?? null;
  }

  async read(file: string, start: number, end: number): Promise<Uint8Array> {
    const blob = this.files.get(file);
    if (!blob) throw new SourceError(`${file} was not among the files`, `Add ${file}, or drop the whole folder.`);
    try {
      return new Uint8Array(await blob.slice(start, end).arrayBuffer());
    } catch (error) {
      // A File is a handle: it stops working when the file on disk is changed or removed.
      throw new SourceError(
        `${file} cannot be read any more (${error instanceof Error ? error.message : String(error)})`,
        "It was changed or moved after it was picked. Pick the files again.",
      );
    }
  }

  async oneModel(): Promise<void> {}

  async verify(): Promise<void> {}

  async close(): Promise<void> {}
}
