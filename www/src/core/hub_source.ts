/**
 * A model by its id on the Hugging Face hub, or on a server with the hub's layout: `owner/name`, a revision, and a token
 * for what is private or gated.
 *
 * The revision is resolved to a commit first, so that all files are of one version and what is cached can be trusted for
 * ever; the hub's list of files saves asking for what is not there, and carries the SHA-256 of large files.
 */
import type { FileInfo } from "../report/types";
import type { ModelCache, Reference } from "./model_cache";
import { isGguf } from "./files";
import { type FileChoice, SourceError, type SourceListener } from "./source_error";
import type { PageSource } from "./sources";
import { UrlSource } from "./url_source";

export const HUB = "https://huggingface.co";

export interface HubSpec {
  kind: "hub";
  /** `owner/name`, with `@revision` where it is not `main`. */
  name: string;
  /** Origin of the hub, without a slash at its end. */
  host: string;
  id: string;
  revision: string;
  /** Never stored, never part of a link. */
  token?: string | undefined;
}

export class HubSource implements PageSource {
  private resolved: Promise<{ files: UrlSource; reference: Reference }> | undefined;

  constructor(
    private readonly spec: HubSpec,
    private readonly cache: ModelCache | null,
    private readonly signal: AbortSignal,
    private readonly on: SourceListener,
  ) {}

  get name(): string {
    return this.spec.name;
  }

  async len(file: string): Promise<number | null> {
    const { files, reference } = await this.resolve();
    return reference.files.some(({ name }) => name === file) ? files.len(file) : null;
  }

  async read(file: string, start: number, end: number): Promise<Uint8Array> {
    return (await this.resolve()).files.read(file, start, end);
  }

  async oneModel(): Promise<void> {
    const { files } = (await this.resolve()).reference;
    const models = ggufModels(files);
    if (models.length === 0 || files.some(({ name }) => name.endsWith(".safetensors"))) return;
    const { name } = this.spec;
    const listed = models.slice(0, 12).map(({ file }) => file).join(", ");
    throw new SourceError(
      `${name} holds no safetensors, but ${models.length === 1 ? "a GGUF file" : `${models.length} GGUF files`}: ${listed}${models.length > 12 ? ", …" : ""}`,
      `Choose one, or name it: ${name}:${models[0]!.file}`,
      models,
    );
  }

  /** Files in the repository, as the hub lists them. */
  async list(): Promise<Reference["files"]> {
    return (await this.resolve()).reference.files;
  }

  async verify(files: FileInfo[]): Promise<void> {
    const { files: source, reference } = await this.resolve();
    for (const { name, sha256 } of files) {
      const expected = reference.files.find((file) => file.name === name)?.sha256;
      if (!sha256 || !expected || sha256 === expected) continue;
      await source.forget(name);
      throw new SourceError(
        `${name} is not the file that ${this.spec.host} names: its SHA-256 is ${sha256}, the hub says ${expected}`,
        "It was damaged on the way or on disk, and has been removed from the cache. Load the model again.",
      );
    }
  }

  async close(): Promise<void> {
    const resolved = await this.resolved?.catch(() => null);
    await resolved?.files.close();
    this.resolved = undefined;
  }

  private resolve(): Promise<{ files: UrlSource; reference: Reference }> {
    this.resolved ??= this.ask().then((reference) => {
      const { host, id, token } = this.spec;
      const base = `${host}/${id}/resolve/${reference.commit}/`;
      const { name, cache, signal, on } = this;
      return { reference, files: new UrlSource({ name, base, cache, signal, on, token, pinned: true }) };
    });
    this.resolved.catch(() => { this.resolved = undefined; });
    return this.resolved;
  }

  private async ask(): Promise<Reference> {
    const { host, id, revision, token, name } = this.spec;
    const key = `${host}/${id}@${revision}`;
    const url = `${host}/api/models/${id}/revision/${encodeURIComponent(revision)}?blobs=true`;
    let response: Response;
    try {
      const headers: Record<string, string> = token ? { authorization: `Bearer ${token}` } : {};
      response = await fetch(url, { headers, signal: this.signal, cache: "no-store" });
    } catch (error) {
      if (this.signal.aborted) throw { message: "cancelled", hint: null, kind: "cancelled" };
      const known = await this.cache?.reference(key);
      if (known) {
        this.on({ note: `${name} comes from this browser's own cache, as of commit ${known.commit.slice(0, 12)}: ${host} cannot be reached.` });
        return known;
      }
      throw new SourceError(
        `${url} cannot be reached (${error instanceof Error ? error.message : String(error)})`,
        "Either there is no connection, or the server does not allow pages from elsewhere to read it (CORS). Download the model and drop the folder here.",
      );
    }
    if (!response.ok) {
      const gated = response.status === 401 || response.status === 403;
      throw new SourceError(
        `${host} refused ${id} at revision ${revision} with status ${response.status} ${response.statusText}`.trim(),
        gated
          ? "The model is private or gated, or there is none of that name. Give an access token that may read it, or download it and drop the folder here."
          : response.status === 404
            ? "There is no such model or revision. Check the spelling: owner/name or owner/name@revision."
            : "Try again later, or download the model and drop the folder here.",
      );
    }
    const told: unknown = await response.json().catch(() => null);
    const reference = readReference(told);
    if (!reference) throw new SourceError(`${url} did not answer as a hub does`, "Check the hub's address in the dialog.");
    await this.cache?.remember(key, reference);
    return reference;
  }
}

/** The models among a repository's GGUF files: of one in parts the first part, with the bytes of all. */
export function ggufModels(files: Reference["files"]): FileChoice[] {
  const models = new Map<string, FileChoice>();
  const gguf = files.filter(({ name }) => isGguf(name)).sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const { name, size } of gguf) {
    // The first part comes first in the alphabet.
    const first = name.replace(/-\d{5}(-of-\d{5}\.gguf)$/, "-00001$1");
    const known = models.get(first);
    if (known && name !== first) known.bytes = known.bytes === null || size === null ? null : known.bytes + size;
    else if (name === first) models.set(first, { file: name, bytes: size });
  }
  return [...models.values()];
}

/** The hub's answer is somebody else's data: what is used of it is checked. */
export function readReference(told: unknown): Reference | null {
  const { sha, siblings } = (told ?? {}) as { sha?: unknown; siblings?: unknown };
  if (typeof sha !== "string" || !/^[0-9a-f]{6,64}$/.test(sha) || !Array.isArray(siblings)) return null;
  const files = siblings.flatMap((sibling: { rfilename?: unknown; size?: unknown; lfs?: { sha256?: unknown } | null }) => {
    const name = sibling?.rfilename;
    if (typeof name !== "string") return [];
    const sha256 = sibling.lfs?.sha256;
    return [{
      name,
      size: typeof sibling.size === "number" ? sibling.size : null,
      sha256: typeof sha256 === "string" && /^[0-9a-f]{64}$/.test(sha256) ? sha256 : null,
    }];
  });
  return { commit: sha, files };
}
