// Oracle: by hand.
import { expect, it } from "vitest";
import type { Hunt, Round, TokenGraph } from "../src/report/types";
import { next, roundViews, shownRounds, type Moment } from "../src/views/token_map/rounds";

const round = (number: number, partition: number[], kept: boolean[], tokens: number, complete = true): Round => ({
  round: number, tokens: partition.length, clusters: kept.length, cluster_sizes: [], queries: 0, hits: 0, kept_clusters: 0, kept_tokens: tokens, quality: 0,
  complete, partition,
  tests: kept.map((kept) => ({ size: 0, askable: 0, sampled: 0, hits: 0, p_value: null, q_value: null, miss_probability: 0, kept })),
});
const hunt = (...rounds: Round[]): Hunt => ({ rounds, surviving: [], queries: 0, verification_queries: 0, stopped: "", model_tokens: 0 });
// Token 1 has no vertex.
const graph = { ids: [0, 2, 3, 4] } as unknown as TokenGraph;

it("a token is in play until its cluster is dropped", () => {
  const of = hunt(round(1, [0, 1, 1, 0], [false, true], 2), round(2, [0, 1], [true, false], 1));
  const views = roundViews(of, graph, 5);
  expect(views.map(({ before }) => [...before])).toEqual([[0, -1, 1, 1, 0], [-1, -1, 0, 1, -1]]);
  expect(views.map(({ after }) => [...after])).toEqual([[-1, -1, 1, 1, -1], [-1, -1, 0, -1, -1]]);
  expect(shownRounds(of, graph)).toBe(2);
});

it("rounds without a partition, or cut short, are not shown", () => {
  const old = round(1, [0, 1, 1, 0], [true, true], 4);
  delete old.partition;
  const cases: [Hunt | null, number][] = [
    [null, 0], [hunt(old), 0], [hunt(round(1, [0, 1, 1, 0], [false, true], 2), round(2, [], [], 0, false)), 1], [hunt(round(1, [0, 1, 1], [true, true], 3)), 0],
  ];
  for (const [some, n] of cases) {
    expect(roundViews(some, graph, 5)).toHaveLength(n);
    expect(shownRounds(some, graph)).toBe(n);
  }
  expect(roundViews(hunt(round(1, [0, 1, 1, 0], [true, true], 4)), null, 5)).toEqual([]);
});

it("moments follow one another and end", () => {
  const seen: Moment[] = [];
  for (let moment = next(null, 2); moment; moment = next(moment, 2)) seen.push(moment);
  expect(seen).toEqual([{ round: 0, after: false }, { round: 0, after: true }, { round: 1, after: false }, { round: 1, after: true }]);
  expect(next(null, 0)).toBeNull();
});
