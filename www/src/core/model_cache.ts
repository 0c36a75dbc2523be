/**
 * Files from elsewhere, kept in the browser's own file system (OPFS) so that a second visit reads them from disk and a
 * broken download goes on where it stopped.
 *
 * A file is a folder `models/<hash of its address>/` with `data`, sparse at first, and `meta.json`, which says whose
 * file it is, how long, under which validator (ETag or date) it was fetched, and the SHA-256 of every block that is
 * there. A block without a hash is missing; a block whose bytes do not match its hash is missing too. The note about a
 * block is written after its bytes, so a tab that dies between the two has lost a block and nothing else.
 *
 * Runs in the worker: only there can OPFS be written at an offset.
 */

/** Bytes of a block: what a broken connection can cost at most, and what is hashed together. */
export const BLOCK_BYTES = 1 << 20;
/** Blocks that arrive between two writes of `meta.json`. */
const BLOCKS_BETWEEN_NOTES = 8;
const FOLDER = "models";
const REFERENCES = "references.json";

interface Meta {
  version: 1;
  /** What a person calls the model, for the list. */
  model: string;
  url: string;
  file: string;
  /** ETag or Last-Modified; two answers with the same one are the same file. */
  validator: string;
  /** Bytes of the whole file; -1 when the server said that there is none. */
  size: number;
  /** SHA-256 of each block, null where it is missing. */
  blocks: (string | null)[];
  /** Milliseconds since 1970. */
  used: number;
}

/** A model in the list of what is kept. */
export interface CachedModel {
  model: string;
  files: number;
  /** Bytes on disk. */
  bytes: number;
  /** Bytes that the files have in all. */
  size: number;
  used: number;
}

export interface CacheUse {
  models: CachedModel[];
  /** What the browser says of all its storage for this page; null when it does not tell. */
  usage: number | null;
  quota: number | null;
}

/** What a hub said a revision stands for, for a visit without a connection. */
export interface Reference {
  commit: string;
  files: { name: string; size: number | null; sha256: string | null }[];
}

/** The cache, or null where the browser has none (private windows, some embeds). */
export async function openCache(): Promise<ModelCache | null> {
  try {
    const root = await navigator.storage.getDirectory();
    return new ModelCache(await root.getDirectoryHandle(FOLDER, { create: true }));
  } catch {
    return null;
  }
}

export class ModelCache {
  constructor(private readonly folder: FileSystemDirectoryHandle) {}

  /** What is kept of an address, whatever its validator; null when there is nothing or another tab holds it. */
  async find(url: string): Promise<CachedFile | null> {
    try {
      const folder = await this.folder.getDirectoryHandle(await nameOf(url));
      const meta = await readMeta(folder);
      return meta && meta.url === url ? await CachedFile.open(folder, meta) : null;
    } catch {
      return null;
    }
  }

  /** An empty place for a file; what was kept under the address is forgotten. `size` -1 notes that there is no such file. */
  async create(model: string, url: string, file: string, validator: string, size: number): Promise<CachedFile> {
    const name = await nameOf(url);
    await this.folder.removeEntry(name, { recursive: true }).catch(() => {});
    const folder = await this.folder.getDirectoryHandle(name, { create: true });
    const blocks = new Array<string | null>(Math.ceil(Math.max(size, 0) / BLOCK_BYTES)).fill(null);
    const kept = await CachedFile.open(folder, { version: 1, model, url, file, validator, size, blocks, used: Date.now() });
    await kept.note();
    return kept;
  }

  async list(): Promise<CacheUse> {
    const models = new Map<string, CachedModel>();
    for (const meta of await this.metas()) {
      const entry = models.get(meta.model) ?? { model: meta.model, files: 0, bytes: 0, size: 0, used: 0 };
      if (meta.size >= 0) {
        entry.files += 1;
        entry.size += meta.size;
        entry.bytes += keptBytes(meta);
      }
      entry.used = Math.max(entry.used, meta.used);
      models.set(meta.model, entry);
    }
    const estimate: StorageEstimate = await navigator.storage.estimate().catch(() => ({}));
    return {
      models: [...models.values()].filter(({ files }) => files > 0).sort((a, b) => b.used - a.used),
      usage: estimate.usage ?? null,
      quota: estimate.quota ?? null,
    };
  }

  /** Forgets one model, or with null all of them. Returns the bytes that were freed. */
  async remove(model: string | null): Promise<number> {
    let freed = 0;
    for await (const [name, handle] of this.folder.entries()) {
      if (handle.kind !== "directory") {
        if (model === null) await this.folder.removeEntry(name).catch(() => {});
        continue;
      }
      const meta = await readMeta(handle);
      if (model !== null && meta?.model !== model) continue;
      await this.folder.removeEntry(name, { recursive: true });
      freed += meta ? keptBytes(meta) : 0;
    }
    return freed;
  }

  /** What `host/owner/name@revision` stood for when the hub was last asked. */
  async reference(key: string): Promise<Reference | null> {
    const all = await this.references();
    return all[key] ?? null;
  }

  async remember(key: string, reference: Reference): Promise<void> {
    const all = { ...(await this.references()), [key]: reference };
    await writeText(await this.folder.getFileHandle(REFERENCES, { create: true }), JSON.stringify(all)).catch(() => {});
  }

  private async references(): Promise<Record<string, Reference>> {
    try {
      const file = await (await this.folder.getFileHandle(REFERENCES)).getFile();
      return JSON.parse(await file.text()) as Record<string, Reference>;
    } catch {
      return {};
    }
  }

  private async metas(): Promise<Meta[]> {
    const metas: Meta[] = [];
    for await (const handle of this.folder.values()) {
      if (handle.kind !== "directory") continue;
      const meta = await readMeta(handle);
      if (meta) metas.push(meta);
    }
    return metas;
  }
}

/** One file of the cache, held open: nobody else can write it meanwhile. */
export class CachedFile {
  private sinceNote = 0;

  private constructor(
    private readonly folder: FileSystemDirectoryHandle,
    private readonly data: FileSystemSyncAccessHandle,
    private readonly meta: Meta,
  ) {}

  static async open(folder: FileSystemDirectoryHandle, meta: Meta): Promise<CachedFile> {
    const data = await (await folder.getFileHandle("data", { create: true })).createSyncAccessHandle();
    return new CachedFile(folder, data, { ...meta, used: Date.now() });
  }

  get size(): number {
    return this.meta.size;
  }

  get validator(): string {
    return this.meta.validator;
  }

  get isComplete(): boolean {
    return this.meta.size >= 0 && this.meta.blocks.every((hash) => hash !== null);
  }

  /** The first stretch of `start..end` that is missing, in whole blocks; null when all is there. */
  missing(start: number, end: number): { start: number; end: number } | null {
    const last = Math.ceil(end / BLOCK_BYTES);
    let from = Math.floor(start / BLOCK_BYTES);
    while (from < last && this.meta.blocks[from] !== null) from++;
    if (from >= last) return null;
    let to = from;
    while (to < last && this.meta.blocks[to] === null) to++;
    return { start: from * BLOCK_BYTES, end: Math.min(to * BLOCK_BYTES, this.meta.size) };
  }

  /** Keeps bytes that begin at a block. Only whole blocks, and the shorter last one, are kept. */
  async write(start: number, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    for (let offset = 0; offset < bytes.length; offset += BLOCK_BYTES) {
      const at = start + offset;
      const block = bytes.subarray(offset, offset + BLOCK_BYTES);
      if (block.length < BLOCK_BYTES && at + block.length !== this.meta.size) return;
      const hash = await sha256(block);
      const written = this.data.write(block, { at });
      if (written !== block.length) throw new Error(`${written} of ${block.length} bytes could be written`);
      this.meta.blocks[at / BLOCK_BYTES] = hash;
      if (++this.sinceNote >= BLOCKS_BETWEEN_NOTES) await this.note();
    }
  }

  /** The bytes of a stretch that is there, or null when a block of it is missing or has changed on disk. */
  async read(start: number, end: number): Promise<Uint8Array<ArrayBuffer> | null> {
    const out = new Uint8Array(end - start);
    for (let i = Math.floor(start / BLOCK_BYTES); i * BLOCK_BYTES < end; i++) {
      const at = i * BLOCK_BYTES;
      const block = new Uint8Array(Math.min(BLOCK_BYTES, this.meta.size - at));
      const got = this.data.read(block, { at });
      if (this.meta.blocks[i] === null || got !== block.length || (await sha256(block)) !== this.meta.blocks[i]) {
        this.meta.blocks[i] = null;
        return null;
      }
      const from = Math.max(start, at);
      const to = Math.min(end, at + block.length);
      out.set(block.subarray(from - at, to - at), from - start);
    }
    return out;
  }

  async note(): Promise<void> {
    this.sinceNote = 0;
    this.data.flush();
    await writeText(await this.folder.getFileHandle("meta.json", { create: true }), JSON.stringify(this.meta));
  }

  /** Lets others have the file. What has arrived so far stays. */
  async close(): Promise<void> {
    await this.note().catch(() => {});
    this.data.close();
  }
}

async function readMeta(folder: FileSystemDirectoryHandle): Promise<Meta | null> {
  try {
    const file = await (await folder.getFileHandle("meta.json")).getFile();
    const meta = JSON.parse(await file.text()) as Meta;
    const n_blocks = Math.ceil(Math.max(meta.size, 0) / BLOCK_BYTES);
    return meta.version === 1 && Array.isArray(meta.blocks) && meta.blocks.length === n_blocks ? meta : null;
  } catch {
    // Not there, or cut off while it was written: then nothing is known of the file, and it is fetched again.
    return null;
  }
}

function keptBytes(meta: Meta): number {
  return meta.blocks.reduce((sum, hash, i) => sum + (hash === null ? 0 : Math.min(BLOCK_BYTES, meta.size - i * BLOCK_BYTES)), 0);
}

async function writeText(handle: FileSystemFileHandle, text: string): Promise<void> {
  const access = await handle.createSyncAccessHandle();
  try {
    access.truncate(0);
    access.write(new TextEncoder().encode(text), { at: 0 });
    access.flush();
  } finally {
    access.close();
  }
}

async function nameOf(url: string): Promise<string> {
  return (await sha256(new TextEncoder().encode(url))).slice(0, 40);
}

async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
