// Oracle: by hand.
import { expect, it } from "vitest";
import type { ClusterTest } from "../src/report/types";
import { bySilence, missed } from "../src/views/cluster_table";

const test = (kept: boolean, miss: number): ClusterTest => ({
  size: 9, askable: 9, sampled: 5, hits: 0, p_value: null, q_value: null, miss_probability: miss, kept,
});

it("clusters that may hide most come first, those that stay last", () => {
  const tests = [test(true, 0.9), test(false, 0.1), test(false, 0.7), test(true, 0), test(false, 0.7)];
  expect(bySilence(tests)).toEqual([2, 4, 1, 0, 3]);
  expect(missed(tests)).toEqual([0.1, 0.7, 0.7]);
  expect(missed([test(true, 0.5)])).toBeNull();
});
