/** What can go wrong with files from elsewhere, and what a source says while it works. */

/** An error a person can act on. The wasm package throws the same shape. */
export interface Failure {
  message: string;
  hint: string | null;
  kind: string;
  /** Files of which one has to be named, where that is what is wrong. */
  choices?: FileChoice[] | undefined;
}

/** A file that holds a model of its own. */
export interface FileChoice {
  file: string;
  /** Null where the hub does not say. */
  bytes: number | null;
}

export class SourceError extends Error implements Failure {
  readonly kind = "input";
  constructor(message: string, readonly hint: string | null, readonly choices?: FileChoice[]) {
    super(message);
  }
}

export type SourceListener = (event: { note: string } | { done: number; total: number }) => void;
