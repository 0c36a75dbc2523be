/** Dropped and picked files, before anything is read of them: what they are and what they are called. */
import type { SourceSpec } from "./sources";

export interface NamedFile {
  /** Path inside the dropped folder, `/` between parts. */
  path: string;
  file: File;
}

/** What a set of files looks like. */
export type Recognised =
  | { kind: "model"; spec: SourceSpec; files: NamedFile[]; bytes: number; missing: string[] }
  | { kind: "report"; file: File }
  | { kind: "texts"; files: NamedFile[] }
  | { kind: "unknown"; files: NamedFile[] };

export function isGguf(path: string): boolean {
  return /\.gguf$/i.test(path);
}

/** Files in which glitch tokens can be counted. */
const TEXTS = /\.(txt|text|md|markdown|rst|log|tex|json|jsonl|ndjson|csv|tsv|parquet)$/i;

/** What lies beside weights, and is no collection of texts. */
const OF_A_MODEL = /(^|\/)(config|generation_config|tokenizer|tokenizer_config|special_tokens_map|model\.safetensors\.index)\.json$/i;

/** More files than any checkpoint folder has: a home directory was dropped by mistake. */
const FILES_MAX = 2_000;

export async function filesFromDrop(transfer: DataTransfer): Promise<NamedFile[]> {
  // Entries have to be taken before the first await: the browser empties the list when the event is over.
  const entries = [...transfer.items].flatMap((item) => (item.kind === "file" ? [item.webkitGetAsEntry()] : []));
  const plain = [...transfer.files];
  const found: NamedFile[] = [];
  for (const entry of entries) if (entry) await walk(entry, "", found);
  return found.length > 0 ? found : plain.map((file) => ({ path: file.name, file }));
}

export function filesFromInput(list: Iterable<File>): NamedFile[] {
  return [...list].map((file) => ({ path: file.webkitRelativePath || file.name, file }));
}

async function walk(entry: FileSystemEntry, folder: string, found: NamedFile[]): Promise<void> {
  if (found.length >= FILES_MAX) return;
  const path = folder + entry.name;
  if (entry.isFile) {
    const file = await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject));
    found.push({ path, file });
    return;
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  for (;;) {
    // A reader hands out a folder in portions and ends with an empty one.
    const portion = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (portion.length === 0) return;
    for (const inner of portion) await walk(inner, `${path}/`, found);
  }
}

/** Says what the files are, from their names alone; a JSON file is looked into only to tell a report from a tokenizer. */
export async function recognise(files: NamedFile[]): Promise<Recognised> {
  const config = files
    .filter(({ path }) => /(^|\/)config\.json$/.test(path))
    .sort((a, b) => a.path.length - b.path.length)[0];
  const weights = files.find(({ path }) => path.endsWith(".safetensors"));
  // Of a model in several parts the first is the one to open, and its name is the first of the alphabet.
  const gguf = files.filter(({ path }) => isGguf(path)).sort((a, b) => (a.path < b.path ? -1 : 1))[0];
  if (gguf && !weights) {
    const root = gguf.path.slice(0, gguf.path.lastIndexOf("/") + 1);
    const inside = files.filter(({ path }) => path.startsWith(root) && (isGguf(path) || path === `${root}tokenizer.json`));
    const named = inside.map(({ path, file }) => ({ name: path.slice(root.length), file }));
    const modelFile = gguf.path.slice(root.length);
    const bytes = inside.reduce((sum, { file }) => sum + file.size, 0);
    return { kind: "model", spec: { kind: "files", name: modelFile, files: named, modelFile }, files: inside, bytes, missing: [] };
  }
  if (config || weights) {
    const anchor = (config ?? weights)!.path;
    const root = anchor.slice(0, anchor.lastIndexOf("/") + 1);
    const inside = files.filter(({ path }) => path.startsWith(root));
    const named = inside.map(({ path, file }) => ({ name: path.slice(root.length), file }));
    const has = (pattern: RegExp) => named.some(({ name }) => pattern.test(name));
    const missing = [
      ...(config ? [] : ["config.json"]),
      ...(has(/^[^/]*\.safetensors$/) ? [] : ["model.safetensors"]),
      ...(has(/^tokenizer\.json$/) ? [] : ["tokenizer.json"]),
    ];
    const name = root.split("/").filter(Boolean).at(-1) ?? weights?.file.name.replace(/\.safetensors$/, "") ?? "files";
    const bytes = inside.reduce((sum, { file }) => sum + file.size, 0);
    return { kind: "model", spec: { kind: "files", name, files: named }, files: inside, bytes, missing };
  }
  for (const { path, file } of files) {
    if (path.endsWith(".json") && (await isReport(file))) return { kind: "report", file };
  }
  const texts = files.filter(({ path }) => TEXTS.test(path) && !OF_A_MODEL.test(path));
  if (texts.length > 0) return { kind: "texts", files: texts };
  return { kind: "unknown", files };
}

/** The schema's name stands at the start of every report; looking there spares reading a large file twice. */
async function isReport(file: File): Promise<boolean> {
  const head = await file.slice(0, 4_096).text();
  return /"schema"\s*:\s*"glitchscope\.scan"/.test(head);
}
