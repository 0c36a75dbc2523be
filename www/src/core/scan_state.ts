/**
 * States of scans that have not come to their end, in the browser's own file system (OPFS): a journal for each scan, to
 * which lines are added every few seconds. A closed tab loses what was answered since the last of them.
 *
 * Runs in the worker: only there can OPFS be written at an offset.
 */

const FOLDER = "scans";
/** Milliseconds between two writes. */
const BETWEEN_WRITES = 2_000;
/** Jobs that are kept; when there are more, the oldest goes. */
const JOBS_MAX = 4;
/** A worker that was ended gives its files back a moment later. */
const [TRIES, TRY_MS] = [20, 100];

/** A journal by its name: `<milliseconds since 1970>.<what was to be scanned>.<what this one scans>.state`. */
export interface StateName {
  name: string;
  job: string;
  /** `glitchhunter`, `exhaustive` or `both`. */
  choice: string;
  method: string;
}

const NAME = /^(\d{13})\.([a-z]+)\.([a-z]+)\.state$/;

async function folder(): Promise<FileSystemDirectoryHandle | null> {
  try {
    return await (await navigator.storage.getDirectory()).getDirectoryHandle(FOLDER, { create: true });
  } catch {
    return null;
  }
}

/** All journals, the newest job first. */
export async function listStates(): Promise<StateName[]> {
  const all: StateName[] = [];
  const inside = await folder();
  if (!inside) return all;
  for await (const name of inside.keys()) {
    const match = NAME.exec(name);
    if (match) all.push({ name, job: match[1]!, choice: match[2]!, method: match[3]! });
  }
  return all.sort((a, b) => Number(b.job) - Number(a.job));
}

export async function readState(name: string): Promise<Uint8Array<ArrayBuffer> | null> {
  try {
    const handle = await (await folder())!.getFileHandle(name);
    return new Uint8Array(await (await handle.getFile()).arrayBuffer());
  } catch {
    return null;
  }
}

/** Forgets every journal of a job. */
export async function forgetStates(job: string): Promise<void> {
  const inside = await folder();
  for (const { name } of (await listStates()).filter((state) => state.job === job)) {
    await inside?.removeEntry(name).catch(() => {});
  }
}

/** Adds lines to one journal. A disk that is full does not end a scan: the journal then ends earlier. */
export class StateWriter {
  private waiting = "";
  private written = -Infinity;

  private constructor(private readonly file: FileSystemSyncAccessHandle, private length: number) {}

  /** Goes on behind the first `length` bytes. Null where the browser keeps nothing, or another tab writes the journal. */
  static async open(name: string, length: number): Promise<StateWriter | null> {
    const inside = await folder();
    if (!inside) return null;
    for (let i = 0; i < TRIES; i++) {
      try {
        const handle = await inside.getFileHandle(name, { create: true });
        const file = await handle.createSyncAccessHandle();
        file.truncate(length);
        await StateWriter.makeRoom(name);
        return new StateWriter(file, length);
      } catch {
        await new Promise((resolve) => setTimeout(resolve, TRY_MS));
      }
    }
    return null;
  }

  private static async makeRoom(name: string): Promise<void> {
    const own = NAME.exec(name)?.[1];
    const jobs = [...new Set((await listStates()).map(({ job }) => job))].filter((job) => job !== own);
    for (const job of jobs.slice(JOBS_MAX - 1)) await forgetStates(job);
  }

  push(line: string): void {
    this.waiting += line;
    if (performance.now() - this.written >= BETWEEN_WRITES) this.flush();
  }

  close(): void {
    this.flush();
    this.file.close();
  }

  private flush(): void {
    const bytes = new TextEncoder().encode(this.waiting);
    this.waiting = "";
    this.written = performance.now();
    try {
      this.length += this.file.write(bytes, { at: this.length });
      this.file.flush();
    } catch {
      // A line that is not whole is cut off when the journal is read.
    }
  }
}
