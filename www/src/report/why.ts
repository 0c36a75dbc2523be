/** Why a token is flagged: the facts of a report that bear on it, in the order in which a sentence names them. */
import { FAILED, PASSED, UNASKED, type TokenRows } from "./rows";
import type { IndicatorTable } from "./types";

/** Share of the vocabulary, lowest first, that an indicator calls suspicious: Magikarp's. */
export const SUSPICIOUS = 0.02;

export interface Why {
  /** `skipped` and `unasked` have no other facts. */
  verdict: "fails" | "passes" | "unasked" | "skipped";
  /** The graded value of the leading oracle, unless it only repeats the verdict. */
  value: number | null;
  /** Other oracles that were asked, and those of them that the token fails. */
  others: { asked: string[]; failing: string[] };
  /** Members of its cluster that were asked about besides it, and failed. */
  cluster: { id: number; asked: number; failed: number } | null;
  /** The same of its nearest neighbours. */
  neighbours: { asked: number; failed: number } | null;
  /** Indicators by which the token is among the lowest, with its share. */
  low: { name: string; share: number }[];
}

export function why(rows: TokenRows, id: number, leading: string, indicators: IndicatorTable | null): Why {
  const verdict = rows.verdict[id] === FAILED ? "fails" : rows.verdict[id] === PASSED ? "passes" : rows.verdict[id] === UNASKED ? "unasked" : "skipped";
  const { panel } = rows;
  const asked = (panel?.panel.verdicts ?? []).map(({ oracle }) => oracle).filter((oracle) => oracle !== leading && panel!.passes(oracle, id) !== undefined);
  const value = rows.probe[id]?.value ?? null;
  const tally = (ids: Iterable<number>) => {
    let [asked, failed] = [0, 0];
    for (const other of ids) {
      const said = rows.verdict[other];
      if (other === id || (said !== FAILED && said !== PASSED)) continue;
      asked++;
      if (said === FAILED) failed++;
    }
    return asked > 0 ? { asked, failed } : null;
  };
  const cluster = rows.cluster[id] ?? -1;
  const members = cluster < 0 ? null : tally(membersOf(rows, cluster));
  return {
    verdict,
    value: value === null || value === (verdict === "fails" ? 1 : 0) ? null : value,
    others: { asked, failing: asked.filter((oracle) => panel!.passes(oracle, id) === false) },
    cluster: members && { id: cluster, ...members },
    neighbours: tally(rows.neighbours(id).map((neighbour) => neighbour.id)),
    low: (indicators?.columns ?? []).map(({ name, values }) => ({ name, share: rank(rows, values, id) })).filter(({ share }) => share <= SUSPICIOUS),
  };
}

function* membersOf(rows: TokenRows, cluster: number): Iterable<number> {
  for (let id = 0; id < rows.length; id++) if (rows.cluster[id] === cluster) yield id;
}

/** Share of the tokens that text can produce whose value is at most this token's; NaN for a token without one. */
export function rank(rows: TokenRows, values: readonly number[], id: number): number {
  const own = values[id];
  if (own === undefined || Number.isNaN(own) || rows.kind(id) !== "ok") return Number.NaN;
  let [known, below] = [0, 0];
  for (let other = 0; other < rows.length; other++) {
    const value = values[other];
    if (value === undefined || Number.isNaN(value) || rows.kind(other) !== "ok") continue;
    known++;
    if (value <= own) below++;
  }
  return below / known;
}
