// Oracle: by hand.
import { expect, it } from "vitest";
import { bytes, count, duration, parameters, percent, probability, rate } from "../src/report/format";
import { resolutionLadder, scaledResolution } from "../src/report/resolution";

it("groups and rounds", () => {
  expect([0, 999, 1_000, 1_234_567].map(count)).toEqual(["0", "999", "1,000", "1,234,567"]);
  expect([0, 0.0001, 0.004, 0.407, 0.9976, 0.9999, 1].map(percent)).toEqual(["0 %", "< 0.1 %", "0.4 %", "41 %", "99.7 %", "99.9 %", "100 %"]);
  expect([0, 3e-7, 0.0005, 0.5, 1].map(probability)).toEqual(["0.000", "3e−7", "0.001", "0.500", "1.000"]);
  expect([512, 2_136_256, 548_000_000].map(bytes)).toEqual(["512 B", "2.1 MB", "548 MB"]);
  expect([260_000, 1_065_088, 124_439_808, 6.7e9].map(parameters)).toEqual(["260 k", "1.1 M", "124 M", "6.7 B"]);
  expect([0.42, 9.96, 75, 4_000].map(duration)).toEqual(["0.4 s", "10 s", "1 min 15 s", "1 h 6 min"]);
  expect([0, 3.14159, 42, 12_345].map(rate)).toEqual(["–", "3.1", "42", "12,345"]);
});

it("never prints NaN or infinity", () => {
  for (const format of [percent, probability, duration, rate]) {
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY]) expect(format(value)).toBe("–");
  }
});

it("scales the paper's resolution to the vocabulary", () => {
  expect(scaledResolution(32_000)).toBe(75);
  expect(scaledResolution(4_096)).toBe(9.6);
  expect(resolutionLadder(4_096)).toEqual([0.5, 1, 2, 5, 9.6, 10, 20, 40, 75]);
  expect(resolutionLadder(32_000)).toEqual([0.5, 1, 2, 5, 10, 20, 40, 75]);
});
