/**
 * Where files come from, as the wasm package sees them: something with `len` and `read`. Files are read by ranges; only
 * a server that cannot do ranges makes us take a file whole, once, into a Blob, which the browser may keep on disk.
 *
 * Runs in the worker. A `SourceSpec` can be posted to it: a File is only a handle.
 */
import type { JsSource } from "glitchscope";

/** How to reach a folder of files. */
export type SourceSpec =
  | { kind: "url"; name: string; url: string }
  | { kind: "files"; name: string; files: { name: string; file: Blob }[] };

/** An error a person can act on. The wasm package throws the same shape. */
export interface Failure {
  message: string;
  hint: string | null;
  kind: string;
}

export class SourceError extends Error implements Failure {
  readonly kind = "input";
  constructor(message: string, readonly hint: string | null) {
    super(message);
  }
}

/** What a source says while it works. */
export type SourceListener = (event: { note: string } | { done: number; total: number }) => void;

export function openSource(spec: SourceSpec, signal: AbortSignal, on: SourceListener): JsSource {
  return spec.kind === "url"
    ? new UrlSource(spec.name, spec.url, signal, on)
    : new FilesSource(spec.name, spec.files);
}

/** Picked or dropped files. Names are paths inside the dropped folder, without the folder's own name. */
export class FilesSource implements JsSource {
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
}

/** First bytes asked for of a large file: enough for the header of a small model, so one request answers `len` too. */
const PROBE_BYTES = 65_536;
/** Files with these endings are small and are taken whole: servers may compress them, and then their length is unknown. */
const WHOLE = /\.(json|txt|model|jinja)$/;
const ATTEMPTS = 3;

/** A URL of a folder, for example a Hugging Face repository's `resolve/main/`. */
export class UrlSource implements JsSource {
  private readonly entries = new Map<string, Promise<Entry | null>>();

  constructor(
    readonly name: string,
    private readonly base: string,
    private readonly signal: AbortSignal,
    private readonly on: SourceListener,
  ) {}

  async len(file: string): Promise<number | null> {
    return (await this.entry(file))?.size ?? null;
  }

  async read(file: string, start: number, end: number): Promise<Uint8Array> {
    const entry = await this.entry(file);
    if (!entry) throw new SourceError(`${this.at(file)} is not there (404)`, "Check the address of the folder.");
    if (end > entry.size || start > end) {
      throw new SourceError(`${file}: bytes ${start} to ${end} were asked for, it has ${entry.size}`, null);
    }
    if (start === end) return new Uint8Array();
    if (entry.blob) return new Uint8Array(await entry.blob.slice(start, end).arrayBuffer());
    if (entry.head && end <= entry.head.length) return entry.head.slice(start, end);
    return this.range(file, entry, start, end);
  }

  private entry(file: string): Promise<Entry | null> {
    let entry = this.entries.get(file);
    if (!entry) {
      entry = WHOLE.test(file) ? this.whole(file) : this.first(file);
      this.entries.set(file, entry);
      // A failed look-up is not remembered: the next one may succeed.
      entry.catch(() => this.entries.delete(file));
    }
    return entry;
  }

  private async whole(file: string): Promise<Entry | null> {
    const response = await this.fetch(file, {});
    if (isAbsent(response)) return null;
    if (!response.ok) throw this.refused(file, response);
    const blob = await response.blob();
    return { size: blob.size, blob };
  }

  private async first(file: string): Promise<Entry | null> {
    const response = await this.fetch(file, { range: `bytes=0-${PROBE_BYTES - 1}` });
    if (isAbsent(response)) return null;
    if (response.status === 416) return { size: 0, blob: new Blob() };
    if (response.status === 200) return this.stream(file, response);
    if (response.status !== 206) throw this.refused(file, response);
    const head = new Uint8Array(await response.arrayBuffer());
    const total = contentRange(response)?.total ?? (await this.length(file));
    if (total === null) {
      throw new SourceError(
        `${this.at(file)} is served in parts, but its length is not told`,
        "The server has to expose Content-Range or Content-Length (Access-Control-Expose-Headers).",
      );
    }
    return { size: total, head };
  }

  /** The length by HEAD, for servers that do not let a page from elsewhere see Content-Range. */
  private async length(file: string): Promise<number | null> {
    const response = await this.fetch(file, {}, "HEAD");
    const length = response.headers.get("content-length");
    return response.ok && length !== null ? Number(length) : null;
  }

  /** The server ignores ranges, so the answer is the whole file: it is kept as a Blob and read from there. */
  private async stream(file: string, response: Response): Promise<Entry> {
    const total = response.headers.has("content-encoding") ? 0 : Number(response.headers.get("content-length") ?? 0);
    this.on({ note: `${file}: the server does not send parts of files (no range requests), so it was fetched whole.` });
    if (!response.body) {
      const blob = await response.blob();
      return { size: blob.size, blob };
    }
    const parts: Blob[] = [];
    let done = 0;
    const reader = response.body.getReader();
    for (;;) {
      const { value, done: finished } = await reader.read().catch((error: unknown) => {
        throw this.unreachable(file, error);
      });
      if (finished) break;
      parts.push(new Blob([value]));
      done += value.length;
      this.on({ done, total: Math.max(total, done) });
    }
    if (total > 0 && done !== total) {
      throw new SourceError(`${this.at(file)}: ${done} of ${total} bytes came before the connection ended`, "Try again.");
    }
    const blob = new Blob(parts);
    return { size: blob.size, blob };
  }

  private async range(file: string, entry: Entry, start: number, end: number): Promise<Uint8Array> {
    const response = await this.fetch(file, { range: `bytes=${start}-${end - 1}` });
    if (response.status === 200) {
      const whole = await this.stream(file, response);
      Object.assign(entry, whole);
      return this.read(file, start, end);
    }
    if (response.status !== 206) throw this.refused(file, response);
    const got = contentRange(response);
    const bytes = new Uint8Array(await response.arrayBuffer().catch((error: unknown) => {
      throw this.unreachable(file, error);
    }));
    if ((got && got.start !== start) || bytes.length !== end - start) {
      throw new SourceError(
        `${this.at(file)}: bytes ${start} to ${end} were asked for; ${bytes.length} bytes from ${got?.start ?? "?"} came`,
        "The server's answer to a range request is wrong. Download the folder and drop it here.",
      );
    }
    return bytes;
  }

  /** One request, repeated when the connection or the server (5xx, 429) fails. */
  private async fetch(file: string, headers: Record<string, string>, method = "GET"): Promise<Response> {
    for (let attempt = 1; ; attempt++) {
      try {
        const response = await fetch(this.at(file), { method, headers, signal: this.signal });
        const passing = response.status >= 500 || response.status === 429;
        if (!passing || attempt === ATTEMPTS) return response;
      } catch (error) {
        if (this.signal.aborted || attempt === ATTEMPTS) throw this.unreachable(file, error);
      }
      await new Promise((resolve) => setTimeout(resolve, 200 * 4 ** (attempt - 1)));
      if (this.signal.aborted) throw this.unreachable(file, this.signal.reason);
    }
  }

  private at(file: string): string {
    return new URL(file.split("/").map(encodeURIComponent).join("/"), this.base).href;
  }

  private refused(file: string, response: Response): SourceError {
    const gated = response.status === 401 || response.status === 403;
    return new SourceError(
      `${this.at(file)} was refused with status ${response.status} ${response.statusText}`.trim(),
      gated
        ? "The folder is private, gated, or does not exist. Download it with your account and drop the folder here."
        : "Try again later, or download the folder and drop it here.",
    );
  }

  private unreachable(file: string, error: unknown): Failure {
    if (this.signal.aborted) return { message: "cancelled", hint: null, kind: "cancelled" };
    const reason = error instanceof Error ? error.message : String(error);
    return new SourceError(
      `${this.at(file)} cannot be reached (${reason})`,
      "Either there is no connection, or the server does not allow pages from elsewhere to read it (CORS). "
        + "Download the folder and drop it here.",
    );
  }
}

interface Entry {
  size: number;
  blob?: Blob;
  head?: Uint8Array;
}

function isAbsent(response: Response): boolean {
  return response.status === 404 || response.status === 410;
}

/** `bytes 0-99/1234` → numbers; null when the header is missing or hidden. */
export function contentRange(response: Response): { start: number; end: number; total: number } | null {
  const match = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(response.headers.get("content-range") ?? "");
  return match ? { start: Number(match[1]), end: Number(match[2]), total: Number(match[3]) } : null;
}

/**
 * What a person typed → the folder's URL, ending in a slash. Understands `org/model`, a model page on Hugging Face, a
 * link to one of its files, and any other folder or file URL. Null when it is none of these.
 */
export function folderUrl(typed: string, here: string): string | null {
  const text = typed.trim();
  if (/^[\w.-]+\/[\w.-]+$/.test(text) && !text.startsWith(".")) return `https://huggingface.co/${text}/resolve/main/`;
  let url: URL;
  try {
    // An address needs its scheme; only what begins with `.` or `/` is taken as beside this page.
    url = /^[./]/.test(text) ? new URL(text, here) : new URL(text);
  } catch {
    return null;
  }
  if (text === "" || !/^https?:$/.test(url.protocol)) return null;
  url.search = "";
  url.hash = "";
  const parts = url.pathname.split("/").filter(Boolean);
  if (/(^|\.)(huggingface\.co|hf\.co)$/.test(url.hostname) && parts.length >= 2) {
    const [org, model, kind, revision] = parts;
    const known = kind === "tree" || kind === "blob" || kind === "resolve";
    return `https://huggingface.co/${org}/${model}/resolve/${known && revision ? revision : "main"}/`;
  }
  if (/\.[a-z0-9]{2,11}$/i.test(parts.at(-1) ?? "") && !url.pathname.endsWith("/")) parts.pop();
  url.pathname = parts.length > 0 ? `/${parts.join("/")}/` : "/";
  return url.href;
}

/** How a folder's URL is called in the page: `org/model`, or the folder's own name. */
export function folderName(url: string): string {
  const { hostname, pathname } = new URL(url);
  const parts = pathname.split("/").filter(Boolean).map(decodeURIComponent);
  if (/(^|\.)huggingface\.co$/.test(hostname)) return parts.slice(0, 2).join("/");
  return parts.at(-1) ?? hostname;
}
