// Oracle: CSS Color 4, the hexadecimal notations.
import { expect, it } from "vitest";
import { rgb } from "../src/views/token_map/palette";

it("long and short notations name the same colour", () => {
  expect(rgb("#ffffff")).toEqual([1, 1, 1]);
  expect(rgb("#fff")).toEqual([1, 1, 1]);
  expect(rgb("#0B6e6E")).toEqual([11 / 255, 110 / 255, 110 / 255]);
  expect(rgb("#a3c")).toEqual(rgb("#aa33cc"));
  expect(rgb("#a3c")).not.toEqual(rgb("#a3d"));
});
