/** The labs, one line each. */
import type { Key } from "../strings";
import "./glitch";

export const LABS: readonly { id: string; title: Key; element: string }[] = [
  { id: "glitch", title: "lab.glitch", element: "gs-glitch-lab" },
];
