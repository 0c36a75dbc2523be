/** The rounds of a search as the map shows them: which tokens are in play, in which cluster, and what stays of them. */
import type { Hunt, Round, TokenGraph } from "../../report/types";

/** A round before its questions, or after them. */
export interface Moment {
  /** From 0. */
  round: number;
  after: boolean;
}

export interface RoundView {
  round: Round;
  /** Cluster by token id; -1 for tokens that are out of play. */
  before: Int32Array;
  /** The same without the clusters that are dropped. */
  after: Int32Array;
}

/**
 * Every complete round of a search whose first round is that graph's, for a vocabulary of `length` tokens; empty where the
 * report does not have the partitions.
 */
export function roundViews(hunt: Hunt | null, graph: TokenGraph | null, length: number): RoundView[] {
  const views: RoundView[] = [];
  if (!hunt || !graph) return views;
  let inPlay: number[] = graph.ids;
  for (const round of hunt.rounds) {
    const { partition } = round;
    if (!round.complete || partition?.length !== inPlay.length) break;
    const [before, after] = [new Int32Array(length).fill(-1), new Int32Array(length).fill(-1)];
    const left: number[] = [];
    inPlay.forEach((id, place) => {
      if (id >= length) return;
      const cluster = partition[place]!;
      before[id] = cluster;
      if (!round.tests[cluster]?.kept) return;
      after[id] = cluster;
      left.push(id);
    });
    views.push({ round, before, after });
    inPlay = left;
  }
  return views;
}

/** How many rounds could be shown: what `roundViews` would give, without making it. */
export function shownRounds(hunt: Hunt | null, graph: TokenGraph | null): number {
  if (!hunt || !graph) return 0;
  let tokens = graph.ids.length;
  let shown = 0;
  for (const round of hunt.rounds) {
    if (!round.complete || round.partition?.length !== tokens) break;
    tokens = round.kept_tokens;
    shown++;
  }
  return shown;
}

/** The moment behind this one; null behind the last. `null` comes before the first. */
export function next(moment: Moment | null, rounds: number): Moment | null {
  if (!moment) return rounds > 0 ? { round: 0, after: false } : null;
  if (!moment.after) return { ...moment, after: true };
  return moment.round + 1 < rounds ? { round: moment.round + 1, after: false } : null;
}
