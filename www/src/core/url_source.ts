/**
 * A folder at an address, read by ranges and kept in the cache. Only a server that cannot do ranges makes us take a file
 * whole, once, into a Blob, which the browser may keep on disk.
 */
import { BLOCK_BYTES, type CachedFile, type ModelCache } from "./model_cache";
import { type Failure, SourceError, type SourceListener } from "./source_error";
import type { PageSource } from "./sources";

/** First bytes asked for of a large file that is not cached: enough for the header of a small model. */
const PROBE_BYTES = 65_536;
/** Files with these endings are small and are taken whole: servers may compress them, and then their length is unknown. */
const WHOLE = /\.(json|txt|model|jinja)$/;
const ATTEMPTS = 3;
/** Milliseconds before the second attempt; each further one waits four times as long. */
const PATIENCE_MS = 200;

export interface UrlSettings {
  name: string;
  /** The folder's URL, with a slash at its end. */
  base: string;
  cache: ModelCache | null;
  signal: AbortSignal;
  on: SourceListener;
  /** Sent to the folder's own origin only: fetch drops it when it is redirected to another one. */
  token?: string | undefined;
  /** True when the address names one version for ever, so that what is cached need not be asked about again. */
  pinned?: boolean;
  /** All files there are, where that is known: others are not asked for, which would be an error in the browser's console. */
  files?: readonly string[] | undefined;
}

interface Entry {
  size: number;
  blob?: Blob;
  head?: Uint8Array;
  kept?: CachedFile | undefined;
  /** Where a redirect led: asked from then on without the detour. Such addresses expire. */
  direct?: string | undefined;
  /** What tells one version of the file from another. */
  validator?: string;
}

export class UrlSource implements PageSource {
  private readonly entries = new Map<string, Promise<Entry | null>>();
  private saidOffline = false;

  constructor(private readonly settings: UrlSettings) {}

  get name(): string {
    return this.settings.name;
  }

  async len(file: string): Promise<number | null> {
    if (this.settings.files && !this.settings.files.includes(file)) return null;
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
    if (entry.kept) return this.throughCache(file, entry, entry.kept, start, end);
    if (entry.head && end <= entry.head.length) return entry.head.slice(start, end);
    return this.range(file, entry, start, end);
  }

  async oneModel(): Promise<void> {}

  async verify(): Promise<void> {}

  async close(): Promise<void> {
    for (const entry of this.entries.values()) {
      const found = await entry.catch(() => null);
      await found?.kept?.close();
      if (found) found.kept = undefined;
    }
    this.entries.clear();
  }

  /** Forgets what the cache keeps of a file that turned out to be wrong. */
  async forget(file: string): Promise<void> {
    const entry = await this.entries.get(file);
    await entry?.kept?.close();
    this.entries.delete(file);
    const { cache, name } = this.settings;
    await (await cache?.create(name, this.at(file), file, "", -1))?.close();
  }

  private entry(file: string): Promise<Entry | null> {
    let entry = this.entries.get(file);
    if (!entry) {
      entry = this.look(file);
      this.entries.set(file, entry);
      // A failed look-up is not remembered: the next one may succeed.
      entry.catch(() => this.entries.delete(file));
    }
    return entry;
  }

  private async look(file: string): Promise<Entry | null> {
    const kept = (await this.settings.cache?.find(this.at(file))) ?? undefined;
    if (kept?.isComplete && this.settings.pinned) return { size: kept.size, kept };
    try {
      const entry = await (WHOLE.test(file) ? this.whole(file, kept) : this.first(file, kept));
      return entry;
    } catch (error) {
      const isOffline = error instanceof Unreachable && !this.settings.signal.aborted;
      if (isOffline && kept?.isComplete) {
        this.sayOffline();
        return { size: kept.size, kept };
      }
      const wasAbsent = kept?.size === -1;
      await kept?.close();
      if (isOffline && wasAbsent) return null;
      throw error;
    }
  }

  /** A small file, asked for anew on every visit. */
  private async whole(file: string, kept: CachedFile | undefined): Promise<Entry | null> {
    const response = await this.fetch(this.at(file), file, {});
    if (isAbsent(response)) return this.absent(file, kept);
    if (!response.ok) throw this.refused(file, response);
    const blob = await response.blob().catch((error: unknown) => {
      throw this.unreachable(file, error);
    });
    await kept?.close();
    const place = await this.place(file, validatorOf(response) ?? `${blob.size} bytes`, blob.size);
    if (place) {
      await this.store(file, place, 0, new Uint8Array(await blob.arrayBuffer()));
      await place.close();
    }
    return { size: blob.size, blob };
  }

  /** The beginning of a large file, which tells its length and its version. */
  private async first(file: string, kept: CachedFile | undefined): Promise<Entry | null> {
    // What is cached needs no bytes, only the version.
    const probe = kept && kept.size > 0 ? 1 : this.settings.cache ? BLOCK_BYTES : PROBE_BYTES;
    const response = await this.fetch(this.at(file), file, { range: `bytes=0-${probe - 1}` });
    if (isAbsent(response)) return this.absent(file, kept);
    if (response.status === 416) {
      await kept?.close();
      return { size: 0, blob: new Blob() };
    }
    if (response.status === 200) {
      await kept?.close();
      return this.stream(file, response);
    }
    if (response.status !== 206) throw this.refused(file, response);
    const head = new Uint8Array(await response.arrayBuffer().catch((error: unknown) => {
      throw this.unreachable(file, error);
    }));
    const size = contentRange(response)?.total ?? (await this.length(file));
    if (size === null) {
      throw new SourceError(
        `${this.at(file)} is served in parts, but its length is not told`,
        "The server has to expose Content-Range or Content-Length (Access-Control-Expose-Headers).",
      );
    }
    const entry: Entry = { size, direct: response.redirected ? response.url : undefined };
    const validator = validatorOf(response);
    if (validator) entry.validator = validator;
    if (kept && kept.size === size && kept.validator === validator) return { ...entry, kept };
    const isChanged = kept !== undefined && kept.size > 0;
    await kept?.close();
    if (isChanged) {
      this.settings.on({ note: `${file} has changed at its address since it was kept here, so it is fetched again.` });
    }
    // Without a validator nobody could tell later whether what is kept is still right.
    const place = validator ? await this.place(file, validator, size) : null;
    if (!place) return { ...entry, head: isChanged ? head.slice(0, 0) : head };
    if (!isChanged) await this.store(file, place, 0, head);
    return { ...entry, kept: place };
  }

  private async absent(file: string, kept: CachedFile | undefined): Promise<null> {
    await kept?.close();
    // Remembered for a visit without a connection, when the server cannot be asked.
    if (kept?.size !== -1) await (await this.place(file, "", -1))?.close();
    return null;
  }

  private async throughCache(file: string, entry: Entry, kept: CachedFile, start: number, end: number): Promise<Uint8Array> {
    for (;;) {
      const gap = kept.missing(start, end);
      if (!gap) {
        const bytes = await kept.read(start, end);
        if (bytes) return bytes;
        this.settings.on({ note: `${file}: a part that was kept here had changed on disk, so it is fetched again.` });
        continue;
      }
      const bytes = await this.range(file, entry, gap.start, gap.end);
      // A server that stopped doing ranges has sent the whole file meanwhile.
      if (entry.blob) return new Uint8Array(await entry.blob.slice(start, end).arrayBuffer());
      if (!(await this.store(file, kept, gap.start, bytes))) {
        entry.kept = undefined;
        await kept.close();
        return this.range(file, entry, start, end);
      }
    }
  }

  private async place(file: string, validator: string, size: number): Promise<CachedFile | null> {
    const { cache, name } = this.settings;
    try {
      return (await cache?.create(name, this.at(file), file, validator, size)) ?? null;
    } catch {
      // Another tab holds the file, or the browser gives no room: then this visit fetches without keeping.
      return null;
    }
  }

  private async store(file: string, place: CachedFile, start: number, bytes: Uint8Array<ArrayBuffer>): Promise<boolean> {
    try {
      await place.write(start, bytes);
      return true;
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.settings.on({ note: `${file} is not kept for the next visit: the browser gave no room (${reason}).` });
      return false;
    }
  }

  /** The length by HEAD, for servers that do not let a page from elsewhere see Content-Range. */
  private async length(file: string): Promise<number | null> {
    const response = await this.fetch(this.at(file), file, {}, "HEAD");
    const length = response.headers.get("content-length");
    return response.ok && length !== null ? Number(length) : null;
  }

  /** The server ignores ranges, so the answer is the whole file: it is kept as a Blob and read from there. */
  private async stream(file: string, response: Response): Promise<Entry> {
    const { on } = this.settings;
    const total = response.headers.has("content-encoding") ? 0 : Number(response.headers.get("content-length") ?? 0);
    on({ note: `${file}: the server does not send parts of files (no range requests), so it was fetched whole.` });
    const parts: Blob[] = [];
    let done = 0;
    const reader = response.body!.getReader();
    for (;;) {
      const { value, done: finished } = await reader.read().catch((error: unknown) => {
        throw this.unreachable(file, error);
      });
      if (finished) break;
      parts.push(new Blob([value]));
      done += value.length;
      on({ done, total: Math.max(total, done) });
    }
    if (total > 0 && done !== total) {
      throw new SourceError(`${this.at(file)}: ${done} of ${total} bytes came before the connection ended`, "Try again.");
    }
    const blob = new Blob(parts);
    return { size: blob.size, blob };
  }

  /** A stretch of the file. A connection that breaks in the middle is taken up again where it broke. */
  private async range(file: string, entry: Entry, start: number, end: number): Promise<Uint8Array<ArrayBuffer>> {
    const out = new Uint8Array(end - start);
    let got = 0;
    for (let attempt = 1; ; attempt++) {
      const response = await this.part(file, entry, start + got, end);
      if (response.status === 200) {
        Object.assign(entry, await this.stream(file, response));
        return new Uint8Array(await entry.blob!.slice(start, end).arrayBuffer());
      }
      if (response.status !== 206) throw this.refused(file, response);
      const told = contentRange(response);
      const validator = validatorOf(response);
      if (validator && entry.validator && validator !== entry.validator) {
        throw new SourceError(`${this.at(file)} was replaced by another file while it was read`, "Load the model again.");
      }
      const before = got;
      let broken: unknown;
      const reader = response.body!.getReader();
      for (;;) {
        const { value, done } = await reader.read().catch((error: unknown) => {
          broken = error;
          return { value: undefined, done: true as const };
        });
        if (done || !value) break;
        if (got + value.length > out.length) {
          got += value.length;
          break;
        }
        out.set(value, got);
        got += value.length;
      }
      if ((told && told.start !== start + before) || got > out.length || (!broken && got < out.length)) {
        throw new SourceError(
          `${this.at(file)}: bytes ${start} to ${end} were asked for; ${got} bytes from ${told?.start ?? "?"} came`,
          "The server's answer to a range request is wrong. Download the folder and drop it here.",
        );
      }
      if (got === out.length) return out;
      // Bytes that came are kept; only attempts that brought nothing count.
      if (got > before) attempt = 0;
      if (this.settings.signal.aborted || attempt >= ATTEMPTS) throw this.unreachable(file, broken);
      await this.wait(attempt);
    }
  }

  /** The answer to a range request, from where a redirect led last time or through the folder's own address. */
  private async part(file: string, entry: Entry, start: number, end: number): Promise<Response> {
    const headers = { range: `bytes=${start}-${end - 1}` };
    if (entry.direct) {
      const response = await this.fetch(entry.direct, file, headers, "GET", false).catch(() => null);
      if (response && (response.status === 206 || response.status === 200)) return response;
      if (this.settings.signal.aborted) throw this.unreachable(file, this.settings.signal.reason);
      // It has expired.
      entry.direct = undefined;
    }
    const response = await this.fetch(this.at(file), file, headers);
    if (response.redirected) entry.direct = response.url;
    return response;
  }

  /** One request, repeated when the connection or the server (5xx, 429) fails. */
  private async fetch(url: string, file: string, headers: Record<string, string>, method = "GET", mine = true): Promise<Response> {
    const { signal, token } = this.settings;
    const sent = token && mine ? { ...headers, authorization: `Bearer ${token}` } : headers;
    for (let attempt = 1; ; attempt++) {
      try {
        // The cache is ours: the browser's own would keep a second copy and could answer with an older one.
        const response = await fetch(url, { method, headers: sent, signal, cache: "no-store" });
        const passing = response.status >= 500 || response.status === 429;
        if (!passing || attempt === ATTEMPTS) return response;
      } catch (error) {
        if (signal.aborted || attempt === ATTEMPTS) throw this.unreachable(file, error);
      }
      await this.wait(attempt);
      if (signal.aborted) throw this.unreachable(file, signal.reason);
    }
  }

  private wait(attempt: number): Promise<void> {
    return new Promise((resolve) => setTimeout(resolve, PATIENCE_MS * 4 ** Math.max(0, attempt - 1)));
  }

  private sayOffline(): void {
    if (this.saidOffline) return;
    this.saidOffline = true;
    this.settings.on({ note: `${this.name} comes from this browser's own cache: its server cannot be reached, so it was not asked whether the files have changed.` });
  }

  private at(file: string): string {
    return new URL(file.split("/").map(encodeURIComponent).join("/"), this.settings.base).href;
  }

  private refused(file: string, response: Response): SourceError {
    const gated = response.status === 401 || response.status === 403;
    return new SourceError(
      `${this.at(file)} was refused with status ${response.status} ${response.statusText}`.trim(),
      gated
        ? "The folder is private, gated, or does not exist. Give an access token, or download it with your account and drop the folder here."
        : "Try again later, or download the folder and drop it here.",
    );
  }

  private unreachable(file: string, error: unknown): Failure {
    if (this.settings.signal.aborted) return { message: "cancelled", hint: null, kind: "cancelled" };
    return new Unreachable(this.at(file), error);
  }
}

/** The server did not answer at all. */
export class Unreachable extends SourceError {
  constructor(url: string, error: unknown) {
    super(
      `${url} cannot be reached (${error instanceof Error ? error.message : String(error)})`,
      "Either there is no connection, or the server does not allow pages from elsewhere to read it (CORS). "
        + "Download the folder and drop it here.",
    );
  }
}

function isAbsent(response: Response): boolean {
  return response.status === 404 || response.status === 410;
}

/** What tells this version of a file from another; null when the server does not say, or hides it from other origins. */
function validatorOf(response: Response): string | null {
  const { headers } = response;
  return headers.get("x-linked-etag") ?? headers.get("etag") ?? headers.get("last-modified");
}

/** `bytes 0-99/1234` → numbers; null when the header is missing or hidden. */
export function contentRange(response: Response): { start: number; end: number; total: number } | null {
  const match = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(response.headers.get("content-range") ?? "");
  return match ? { start: Number(match[1]), end: Number(match[2]), total: Number(match[3]) } : null;
}
