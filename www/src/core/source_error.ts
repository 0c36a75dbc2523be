/** What can go wrong with files from elsewhere, and what a source says while it works. */

/** An error a person can act on. The wasm package throws the same shape. */
export interface Failure {
  message: string;
  hint: string | null;
  kind: string;
}

export class SourceError extends Error implements Failure {
  readonly kind = "input";
  constructor(message: string, readonly hint: string | null) {
    super(message);
  }
}

export type SourceListener = (event: { note: string } | { done: number; total: number }) => void;
