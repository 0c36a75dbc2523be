/** What a person chose for every visit: theme, hub, and the rates measured here. Nothing of it leaves the browser. */
import { HUB } from "../core/hub_source";
import { read, write } from "../storage";

export type Theme = "system" | "light" | "dark";

export function theme(): Theme {
  const stored = read("theme");
  return stored === "light" || stored === "dark" ? stored : "system";
}

/** `public/theme.js` does the same before the first paint. */
export function setTheme(next: Theme): void {
  write("theme", next);
  if (next === "system") delete document.documentElement.dataset["theme"];
  else document.documentElement.dataset["theme"] = next;
}

export function isDark(): boolean {
  const chosen = theme();
  return chosen === "system" ? matchMedia("(prefers-color-scheme: dark)").matches : chosen === "dark";
}

/** Tokens per second that this model reached here on this device with these questions, if it has been run. */
export function measuredRate(model: string, device: string, questions: string): number | null {
  const rate = Number(read(`rate:${device}:${model}${questions && `:${questions}`}`));
  return rate > 0 ? rate : null;
}

export function rememberRate(model: string, device: string, questions: string, rate: number): void {
  write(`rate:${device}:${model}${questions && `:${questions}`}`, String(rate));
}

/** Origin of the hub that ids are looked up at. */
export function hubAddress(): string {
  return read("hub") ?? HUB;
}

export function setHubAddress(origin: string): void {
  write("hub", origin);
}
