/** The labs, one line each. */
import type { NamedFile } from "../core/files";
import type { Need, SessionInfo } from "../report/types";
import type { Session } from "../state/session";
import type { Key } from "../strings";
import type { HelpBlock } from "../views/help_panel";
import "./glitch";

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
  /** As the core's registry has it, in `src/labs.rs`. */
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

/** What the lab needs and the model does not give; without a model there is nothing to say yet. */
export function lacking({ needs }: Pick<Lab, "needs">, info: Pick<SessionInfo, "lacks"> | null): Need | null {
  return needs.find((need) => info?.lacks.some((lack) => lack.need === need)) ?? null;
}
