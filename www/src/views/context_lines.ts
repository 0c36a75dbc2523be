/** The lines of a context, and which of them stand together. */

export interface ContextLine {
  text: string;
  table: string;
  /** Its number in the table, from 0. */
  row: number;
  /** Of a table that the question asks about. */
  relevant: boolean;
  /** The same row stands further up already. */
  duplicate: boolean;
  /** Behind the gold row that is looked at. */
  marked: boolean;
}

export function kindOf(line: ContextLine): "marked" | "relevant" | "other" {
  return line.marked ? "marked" : line.relevant ? "relevant" : "other";
}

/** Neighbouring lines of one kind as one piece; what is not relevant needs none. */
export function runs(lines: readonly ContextLine[]): { kind: string; from: number; to: number }[] {
  const found: { kind: string; from: number; to: number }[] = [];
  lines.forEach((line, i) => {
    const kind = kindOf(line);
    if (kind === "other") return;
    const last = found.at(-1);
    if (last?.kind === kind && last.to === i) last.to = i + 1;
    else found.push({ kind, from: i, to: i + 1 });
  });
  return found;
}
