/** What is kept of an experiment: the first line says what is asked of what, the others are answers and labels. */
import type { Change } from "../../core/database";
import type { Given } from "./experiment";
import type { Settings } from "./settings";
import type { Label } from "./types";

export interface Head {
  kind: "head";
  version: 1;
  database: { kind: "synthetic" | "sqlite" | "csv"; name: string; sha256: string; seed: number | null };
  /** Calls that brought the database from its files to where it stood: keys, templates, questions. */
  changes: Change[];
  settings: Settings;
  /** The lengths that were in force, should the settings leave them to the model. */
  lengths: number[];
  chosen: string[];
  /** Prompts that could be asked. */
  total: number;
}

export interface LabelsLine {
  kind: "labels";
  answerer: string;
  instance_id: string;
  source: "judge" | "human";
  /** Null takes them back. */
  labels: Label[] | null;
}

export type JournalLine = Head | { kind: "answer"; answer: Given } | LabelsLine;

export interface KeptExperiment {
  /** Milliseconds since 1970, as text. */
  id: string;
  head: Head;
  answers: Given[];
  labels: LabelsLine[];
  /** Answers of whoever answered last, of the head's total. */
  answered: number;
}

/** Null for lines that are of no experiment, or of another version's. Of several heads the last one holds. */
export function readJournal(id: string, lines: readonly string[]): KeptExperiment | null {
  let head: Head | null = null;
  const answers = new Map<string, Given>();
  const labels: LabelsLine[] = [];
  for (const text of lines) {
    let line: JournalLine;
    try {
      line = JSON.parse(text) as JournalLine;
    } catch {
      continue;
    }
    if (line.kind === "head" && line.version === 1) head = line;
    else if (line.kind === "answer") answers.set(`${line.answer.instance.instance_id} ${line.answer.answerer}`, line.answer);
    else if (line.kind === "labels") labels.push(line);
  }
  const all = [...answers.values()];
  const last = all.at(-1)?.answerer;
  return head && last !== undefined ? { id, head, answers: all, labels, answered: all.filter(({ answerer }) => answerer === last).length } : null;
}
