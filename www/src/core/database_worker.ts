/**
 * The worker of databases: a wasm file of its own, with SQLite in it, which the page fetches when a lab asks for it. It also
 * keeps the journals of experiments, because only a worker can write them.
 */
import { expose } from "comlink";
import init, * as database from "glitchscope_database";
import { appendJournal, forgetJournal, listJournals, readJournal } from "./experiment_journal";
import type { Failure } from "./source_error";

/** Where a database comes from. Files are only handles until they are opened. */
export type DatabaseSpec =
  | { kind: "synthetic"; seed: number }
  | { kind: "sqlite"; name: string; file: Blob }
  | { kind: "csv"; files: { name: string; file: Blob }[] };

/** More than that, and the tab would not hold file, tables and sentences at once. */
const FILE_BYTES_MAX = 200_000_000;

let ready: Promise<unknown> | undefined;
let open: database.Database | undefined;

type Methods = Omit<database.Database, "free" | symbol>;
/** Functions that give text; the package has a few others. */
type Functions = { [K in keyof typeof database as (typeof database)[K] extends (...args: never[]) => string ? K : never]: (typeof database)[K] };
export type MethodName = keyof Methods;
export type FunctionName = keyof Functions;

/** Opens a database in the place of the one that was open, which stays when the new one cannot be read. */
async function openDatabase(spec: DatabaseSpec): Promise<string> {
  return plain(async () => {
    const next = await opened(spec);
    open?.free();
    open = next;
    return next.info();
  });
}

async function opened(spec: DatabaseSpec): Promise<database.Database> {
  if (spec.kind === "synthetic") return database.Database.synthetic(spec.seed);
  const files = spec.kind === "sqlite" ? [{ name: spec.name, file: spec.file }] : spec.files;
  const bytes = files.reduce((sum, { file }) => sum + file.size, 0);
  if (bytes > FILE_BYTES_MAX) {
    throw {
      message: `these files have ${bytes} bytes, and ${FILE_BYTES_MAX} can be opened`, hint: "Take a part of the rows.", kind: "input",
    } satisfies Failure;
  }
  const contents = await Promise.all(files.map(async ({ file }) => new Uint8Array(await file.arrayBuffer())));
  return spec.kind === "sqlite"
    ? database.Database.open_sqlite(spec.name, contents[0]!)
    : database.Database.open_csv(files.map(({ name }) => name), contents);
}

/** A method of the open database, with what it gives as JSON text. */
async function ask(method: MethodName, args: unknown[]): Promise<string> {
  return plain(async () => {
    if (!open) throw { message: "no database is open", hint: "Open one first.", kind: "input" } satisfies Failure;
    return (open[method] as (...args: unknown[]) => string).apply(open, args);
  });
}

/** A function that needs no database. */
async function work(name: FunctionName, args: unknown[]): Promise<string> {
  return plain(async () => (database[name] as (...args: unknown[]) => string)(...args));
}

async function plain<T>(run: () => Promise<T>): Promise<T> {
  try {
    await (ready ??= init());
    return await run();
  } catch (error) {
    throw { failure: asPlain(error) };
  }
}

function asPlain(error: unknown): Failure {
  const { message, hint, kind } = (error ?? {}) as Partial<Failure>;
  if (typeof message === "string" && typeof kind === "string") return { message, hint: hint ?? null, kind };
  const trapped = error instanceof WebAssembly.RuntimeError;
  return {
    message: `${trapped ? "the database stopped: " : ""}${typeof message === "string" ? message : String(error)}`,
    hint: trapped ? "This is a fault of Glitchscope. Open the database again; the details below help to find it." : null,
    kind: trapped ? "trap" : "internal",
  };
}

const functions = { openDatabase, ask, work, appendJournal, forgetJournal, listJournals, readJournal };
export type DatabaseFunctions = typeof functions;
expose(functions);
