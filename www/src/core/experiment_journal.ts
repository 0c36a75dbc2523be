/**
 * Experiments in the browser's own file system (OPFS): a file of lines for each, the first says what is asked of what, the
 * others are answers and what a person or a judge said of them, in the order in which they came. A closed tab loses nothing
 * but the answer that was being given.
 *
 * Runs in a worker: only there can OPFS be written at an offset.
 */

const FOLDER = "experiments";
/** Experiments that are kept; when there are more, the oldest goes. */
const KEPT_MAX = 8;
/** Another tab, or a worker that was ended, gives a file back a moment later. */
const [TRIES, TRY_MS] = [10, 100];
/** Milliseconds since 1970. */
const NAME = /^(\d{13})\.jsonl$/;

async function folder(): Promise<FileSystemDirectoryHandle | null> {
  try {
    return await (await navigator.storage.getDirectory()).getDirectoryHandle(FOLDER, { create: true });
  } catch {
    return null;
  }
}

/** Ids of all experiments, the newest first. */
export async function listJournals(): Promise<string[]> {
  const inside = await folder();
  const ids: string[] = [];
  if (inside) for await (const name of inside.keys()) ids.push(...(NAME.exec(name)?.slice(1) ?? []));
  return ids.sort((a, b) => Number(b) - Number(a));
}

/** The lines that are whole; none for an experiment that is not there. */
export async function readJournal(id: string): Promise<string[]> {
  try {
    const handle = await (await folder())!.getFileHandle(`${id}.jsonl`);
    return wholeLines(await (await handle.getFile()).text());
  } catch {
    return [];
  }
}

/** A line is whole when its end was written. */
export function wholeLines(text: string): string[] {
  return text.split("\n").slice(0, -1).filter((line) => line !== "");
}

/** Adds lines behind the last whole one. False where the browser keeps nothing, or its disk is full. */
export async function appendJournal(id: string, lines: readonly string[]): Promise<boolean> {
  const inside = await folder();
  if (!inside) return false;
  for (let i = 0; i < TRIES; i++) {
    let file: FileSystemSyncAccessHandle | undefined;
    try {
      const handle = await inside.getFileHandle(`${id}.jsonl`, { create: true });
      const text = await (await handle.getFile()).text();
      file = await handle.createSyncAccessHandle();
      const start = new TextEncoder().encode(text.slice(0, text.lastIndexOf("\n") + 1)).length;
      const bytes = new TextEncoder().encode(lines.map((line) => `${line}\n`).join(""));
      file.truncate(start);
      if (file.write(bytes, { at: start }) < bytes.length) return false;
      file.flush();
      if (start === 0) for (const old of (await listJournals()).slice(KEPT_MAX)) await forgetJournal(old);
      return true;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, TRY_MS));
    } finally {
      file?.close();
    }
  }
  return false;
}

export async function forgetJournal(id: string): Promise<void> {
  await (await folder())?.removeEntry(`${id}.jsonl`).catch(() => {});
}
