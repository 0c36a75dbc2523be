/** Which dropped or picked files are a database. */
import type { DatabaseSpec } from "../../core/database";
import type { NamedFile } from "../../core/files";

const SQLITE = /\.(sqlite3?|db3?|s3db)$/i;
const CSV = /\.(csv|tsv)$/i;

/** The database that files are; null for files that are none. */
export function databaseOf(files: readonly NamedFile[]): DatabaseSpec | null {
  const sqlite = files.find(({ path }) => SQLITE.test(path));
  if (sqlite) return { kind: "sqlite", name: sqlite.file.name, file: sqlite.file };
  const tables = files.filter(({ path }) => CSV.test(path));
  return tables.length > 0 ? { kind: "csv", files: tables.map(({ file }) => ({ name: file.name, file })) } : null;
}
