/**
 * Rows of a Parquet file as JSON Lines. The reader (hyparquet) is fetched when the first such file is counted; a row group
 * is in memory at a time, and what becomes of it is handed to the browser as a Blob, which may keep it on disk.
 */

/** Tells of rows, and is asked whether to go on. */
export interface RowListener {
  rows(done: number, total: number): void;
  isCancelled(): boolean;
}

/** `columns` are those that are wanted; all when empty. */
export async function parquetAsJsonLines(file: Blob, columns: readonly string[], listener: RowListener): Promise<Blob> {
  const [{ parquetMetadataAsync, parquetReadObjects }, { compressors }] = await Promise.all([
    import("hyparquet"), import("hyparquet-compressors"),
  ]);
  const bytes = {
    byteLength: file.size,
    slice: (start: number, end?: number) => file.slice(start, end).arrayBuffer(),
  };
  const metadata = await parquetMetadataAsync(bytes);
  const known = new Set(metadata.row_groups[0]?.columns.map(({ meta_data: meta }) => meta?.path_in_schema[0]) ?? []);
  const wanted = columns.filter((column) => known.has(column));
  if (columns.length > 0 && wanted.length === 0) {
    throw new Error(`none of the chosen fields (${columns.join(", ")}) is a column: ${[...known].slice(0, 20).join(", ")}`);
  }
  const total = Number(metadata.num_rows);
  const parts: Blob[] = [];
  let rowStart = 0;
  for (const group of metadata.row_groups) {
    if (listener.isCancelled()) throw { message: "cancelled", hint: null, kind: "cancelled" };
    const rowEnd = rowStart + Number(group.num_rows);
    const rows = await parquetReadObjects({
      file: bytes, metadata, rowStart, rowEnd, compressors, parsers: NO_TEXTS, utf8: false, ...(wanted.length > 0 ? { columns: wanted } : {}),
    });
    parts.push(new Blob(rows.map((row) => `${JSON.stringify(row, onlyText)}\n`)));
    rowStart = rowEnd;
    listener.rows(rowStart, total);
  }
  return new Blob(parts);
}

/** Bytes that hyparquet would write out: numbers of things and shapes are no texts either. */
const NO_TEXTS = { uuidFromBytes: () => null, geometryFromBytes: () => null, geographyFromBytes: () => null };

/** Bytes and dates are no texts, and a number of 64 bits is no JSON. */
function onlyText(this: Record<string, unknown>, key: string, value: unknown): unknown {
  const original = this[key];
  if (typeof original === "bigint") return Number(original);
  return original instanceof Date || ArrayBuffer.isView(original) ? null : value;
}
