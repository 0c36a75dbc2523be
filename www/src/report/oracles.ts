/** Oracles side by side: which of them share questions, and what a panel of them said of a token. */
import type { Agreement, OracleOffer, Panel, VerdictColumn } from "./types";

/** What asking by several oracles costs. */
export interface Sharing {
  /** Different questions that the chosen oracles ask of each token. */
  questions: number;
  /** Names of the questions that more than one of the chosen ask, with the ids of those that do. */
  shared: { question: string; oracles: string[] }[];
}

/** Questions of the same name are asked once, however many oracles judge the answers. */
export function sharing(offers: readonly OracleOffer[], chosen: readonly string[]): Sharing {
  const askers = new Map<string, string[]>();
  for (const id of chosen) {
    for (const { name } of offers.find((offer) => offer.id === id)?.oracle?.prompts ?? []) {
      askers.set(name, [...(askers.get(name) ?? []), id]);
    }
  }
  return {
    questions: askers.size,
    shared: [...askers].filter(([, oracles]) => oracles.length > 1).map(([question, oracles]) => ({ question, oracles })),
  };
}

/** Questions of one oracle that none of the others has to ask. */
export function added(offers: readonly OracleOffer[], chosen: readonly string[], id: string): { all: number; own: number } {
  const of = (one: string) => (offers.find((offer) => offer.id === one)?.oracle?.prompts ?? []).map(({ name }) => name);
  const others = new Set(chosen.filter((other) => other !== id).flatMap(of));
  const all = of(id);
  return { all: all.length, own: all.filter((name) => !others.has(name)).length };
}

/** The chosen oracles after one has been made the leader: alone or from outside it takes the leader's place. */
export function led(chosen: readonly string[], leader: string): string[] {
  return [leader, ...(chosen.includes(leader) ? chosen : chosen.slice(1)).filter((id) => id !== leader)];
}

/** The two oracles' counts, whichever of them the report names first. */
export function between(panel: Panel, a: string, b: string): Agreement | undefined {
  const found = panel.agreement.find((pair) => pair.a === a && pair.b === b);
  if (found) return found;
  const turned = panel.agreement.find((pair) => pair.a === b && pair.b === a);
  return turned && { ...turned, a, b, only_a_fails: turned.only_b_fails, only_b_fails: turned.only_a_fails };
}

/** Whether ordinary words fail it too, so that its verdicts say nothing about tokens. */
export function isUntestable(column: VerdictColumn, ratio: number): boolean {
  return column.controls_passed < ratio * column.controls_asked;
}

/** A panel that can be asked about a token. */
export class PanelRows {
  /** Place of each token by its id, one more than it is; 0 for those that were not asked about. */
  private readonly place: Uint32Array;
  private readonly columns = new Map<string, VerdictColumn>();

  constructor(readonly panel: Panel) {
    this.place = new Uint32Array(panel.ids.reduce((most, id) => Math.max(most, id + 1), 0));
    panel.ids.forEach((id, place) => { this.place[id] = place + 1; });
    for (const column of panel.verdicts) this.columns.set(column.oracle, column);
  }

  /** Where the token stands in the panel's columns; undefined when it was not asked about. */
  at(id: number): number | undefined {
    const place = this.place[id] ?? 0;
    return place === 0 ? undefined : place - 1;
  }

  /** Whether the token passes; undefined for an oracle or a token that was not asked. */
  passes(oracle: string, id: number): boolean | undefined {
    const place = this.at(id);
    return place === undefined ? undefined : this.columns.get(oracle)?.passed[place];
  }
}
