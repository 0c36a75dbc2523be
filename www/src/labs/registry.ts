/** The labs, one line each. */
import type { SessionInfo } from "../report/types";
import type { NamedFile } from "../core/files";
import type { Session } from "../state/session";
import type { Key } from "../strings";
import type { HelpBlock } from "../views/help_panel";
import "./glitch";

/** What a lab asks of a model. The core's labs name theirs in `src/labs.rs`, and a test compares. */
export type Need = "tokenizer" | "embeddings" | "forward" | "attention" | "backward";

/** A lab's element. It is made when the lab is first opened and kept from then on. */
export interface LabElement extends HTMLElement {
  session: Session;
  /** Takes files that were dropped on the page or picked; false leaves them to the page. */
  take?(files: NamedFile[]): boolean;
  /** Brings the part with this id into view. */
  reveal?(id: string): void;
}

export interface Lab {
  id: string;
  title: Key;
  /** The lab's question: the title of the page. */
  question: Key;
  element: string;
  needs: readonly Need[];
  /** Defines the element; the scan's comes with the page. */
  load: () => Promise<unknown>;
  /** The page in `docs/labs/`, read by the build. */
  help: () => Promise<{ default: HelpBlock[] }>;
}

export const LABS: readonly Lab[] = [
  // The map needs no more than embeddings; what asking needs, the scan says itself.
  { id: "glitch", title: "lab.glitch", question: "glitch.question", element: "gs-glitch-lab", needs: ["embeddings"], load: async () => {}, help: () => import("../../../docs/labs/glitch.md") },
  { id: "attention", title: "lab.attention", question: "attention.question", element: "gs-attention-lab", needs: ["tokenizer", "forward", "attention"], load: () => import("./attention"), help: () => import("../../../docs/labs/attention.md") },
  // Prompts are made, and answers from elsewhere scored, without a model.
  { id: "holobench", title: "lab.holobench", question: "holo.question", element: "gs-holobench-lab", needs: ["tokenizer", "forward"], load: () => import("./holobench"), help: () => import("../../../docs/labs/holobench.md") },
];

/** What the lab needs and the model has not. */
export function lacking({ needs }: Pick<Lab, "needs">, info: Pick<SessionInfo, "has_tokenizer"> | null): Need | null {
  // Every family that can be loaded has the rest; without a model there is nothing to say yet.
  return info && !info.has_tokenizer && needs.includes("tokenizer") ? "tokenizer" : null;
}
