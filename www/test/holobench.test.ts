// Oracle: by hand.
import { expect, it } from "vitest";
import { wholeLines } from "../src/core/experiment_journal";
import { completionsUrl, content } from "../src/core/judge";
import { databaseOf } from "../src/labs/holobench/files";
import { groupsOf, pairOf, rank, verdictFor } from "../src/labs/holobench/groups";
import { readJournal } from "../src/labs/holobench/journal";
import { expectedSeconds, fittingLengths, formatShares, lengthName, parseLengths, parseShares, rates } from "../src/labs/holobench/plan";
import { amountName, formatSettings, parseSettings, SETTINGS } from "../src/labs/holobench/settings";
import type { Instance, Question } from "../src/labs/holobench/types";
import { type ContextLine, runs } from "../src/views/context_lines";

it("lists of lengths and shares are read as they are written, and nothing else is", () => {
  expect(parseLengths("4k, 1k 2048,2k")).toEqual([1_024, 2_048, 4_096]);
  for (const text of ["", "1k, x", "12", "65k", "1.5k", "-1", "1e3", Array(13).fill("1k").join(",") + ",2"]) expect(parseLengths(text), text).toBeNull();
  expect(parseShares("50 %, 12.5")).toEqual([0.125, 0.5]);
  for (const text of ["", "0", "101", "half", "NaN"]) expect(parseShares(text), text).toBeNull();
  expect(parseShares(formatShares([0.07, 0.333]))).toEqual([0.07, 0.333]);
  expect([1_024, 65_536, 1_000, 96].map(lengthName)).toEqual(["1k", "64k", "1000", "96"]);
});

it("lengths fit the model's window with room for the question and the answer", () => {
  expect(fittingLengths(512, 150, 64)).toEqual([128, 192]);
  expect(fittingLengths(512, 400, 200)).toEqual([96]);
  expect(fittingLengths(32_768, 200, 256)).toEqual([4_096, 8_192]);
});

it("time follows from measured rates, and is not guessed without them", () => {
  expect(expectedSeconds(1_000, 100, { read: 500, write: 20 })).toBe(7);
  expect(expectedSeconds(1_000, 100, null)).toBeNull();
  expect(expectedSeconds(1_000, 100, { read: NaN, write: 20 })).toBeNull();
  expect(rates({ readTokens: 300, readSeconds: 2, writeTokens: 40, writeSeconds: 4 })).toEqual({ read: 150, write: 10 });
  expect(rates({ readTokens: 300, readSeconds: 2, writeTokens: 0, writeSeconds: 0 })).toEqual({ read: 150, write: 150 });
  expect(rates({ readTokens: 300, readSeconds: 0, writeTokens: 40, writeSeconds: 4 })).toBeNull();
});

it("a link carries what differs from the defaults, and comes back the same", () => {
  expect(formatSettings(SETTINGS)).toEqual({});
  const settings = {
    ...structuredClone(SETTINGS), lengths: [96, 1_024], amounts: { kind: "tokens" as const, values: [64, 128] }, placements: ["begin" as const, "bimodal" as const],
    options: { ...SETTINGS.options, mode: "ref-2025-02" as const, repeat: true, filler: true, shuffle: 7, measure: "counted" as const }, style: "reasoning" as const, maxNew: 40, dataSeed: 3, questionSeed: 0,
  };
  expect(parseSettings(formatSettings(settings))).toEqual(settings);
  const shares = { ...structuredClone(SETTINGS), amounts: { kind: "density" as const, values: [0.25, 0.5] } };
  expect(parseSettings(formatSettings(shares))).toEqual(shares);
});

it("a hostile link is read as far as it makes sense", () => {
  expect(parseSettings({
    lengths: "1e9", amounts: "-3", shares: "<b>", placements: "moon", mode: "rm", measure: "yard", style: "shout", shuffle: "x", answer: "0", database: "-1", questions: "99999999999", closure: "maybe",
  })).toEqual(SETTINGS);
});

it("a journal is read up to its last whole line, and its last head holds", () => {
  const head = (total: number) => JSON.stringify({ kind: "head", version: 1, total });
  const answer = (id: string, response: string) => JSON.stringify({ kind: "answer", answer: { answerer: "m", instance: { instance_id: id }, response } });
  const text = `${head(2)}\n${answer("a", "1")}\nnonsense\n${head(3)}\n${answer("a", "2")}\n${answer("b", "cut").slice(0, -4)}`;
  const kept = readJournal("1", wholeLines(text))!;
  expect([kept.head.total, kept.answered, kept.answers.map(({ response }) => response)]).toEqual([3, 1, ["2"]]);
  expect(readJournal("1", wholeLines(`${head(2)}\n`))).toBeNull();
  expect(readJournal("1", [answer("a", "1")])).toBeNull();
  expect(readJournal("1", [JSON.stringify({ kind: "head", version: 2, total: 1 }), answer("a", "1")])).toBeNull();
});

it("a judge's address is completed, and what is none is refused", () => {
  expect(completionsUrl(" http://localhost:11434/v1/ ")).toBe("http://localhost:11434/v1/chat/completions");
  expect(completionsUrl("https://a.example/v1/chat/completions")).toBe("https://a.example/v1/chat/completions");
  for (const base of ["", "localhost", "ftp://a/v1", "javascript:alert(1)", "https://user:key@a/v1", "https://a/v1?key=1", "https://a/v1#x"]) expect(completionsUrl(base), base).toBeNull();
});

it("the first choice of a completion is taken, and anything else is said to be none", () => {
  expect(content('{"choices":[{"message":{"content":"{}"}}]}', "o")).toBe("{}");
  for (const text of ["", "<html>", "null", "{}", '{"choices":[]}', '{"choices":[{"message":{"content":null}}]}']) {
    expect(() => content(text, "o"), text).toThrow(expect.objectContaining({ message: expect.stringMatching(/^o answered with something that is no chat completion/) }));
  }
});

it("databases are told from other files by their names", () => {
  const named = (...paths: string[]) => paths.map((path) => ({ path, file: new File(["x"], path) }));
  expect(databaseOf(named("a.csv", "b.tsv", "c.txt"))).toMatchObject({ kind: "csv", files: [{ name: "a.csv" }, { name: "b.tsv" }] });
  expect(databaseOf(named("a.csv", "wine.SQLite"))).toMatchObject({ kind: "sqlite", name: "wine.SQLite" });
  expect(databaseOf(named("model.safetensors", "config.json"))).toBeNull();
});

const instance: Instance = {
  instance_id: "0", question: "q3", length: 1_024, amount: { density: 0.5 }, placement: "middle", options: SETTINGS.options, problem: null,
};
const question: Question = {
  id: "q3", text: "?", sql: "", source: "generated", tables: [], columns: [], ordered: false,
  flags: { aggregation: true, max_min: false, join: true, comparison: false, ranking: false }, components: [1, 0, 0], difficulty: "hard",
};

it("an answer is in every group that its settings and its question name", () => {
  expect(groupsOf("flag", instance, question)).toEqual(["aggregation", "join"]);
  expect(groupsOf("length", instance, question)).toEqual(["1k"]);
  expect(groupsOf("amount", instance, question)).toEqual(["50 %"]);
  expect(amountName({ tokens: 64 })).toBe("64");
  expect(rank("difficulty", "hard", instance, question)).toBe(2);
  expect(rank("question", "g1-03", instance, { ...question, id: "g1-03" })).toBe(3);
});

it("a verdict turns with the side it is seen from", () => {
  const difference = { answerer: "a", other: "b", group: "all", queries: 3, recall: { mean: 0.2, low: 0.1, high: 0.3 }, verdict: "win" as const };
  expect([verdictFor(difference, "a"), verdictFor(difference, "b"), verdictFor({ ...difference, verdict: "within noise" }, "b")]).toEqual(["win", "loss", "within noise"]);
  expect([pairOf(difference, "b", "a"), pairOf(difference, "a", "c")]).toEqual([true, false]);
});

it("neighbouring lines of a kind are one piece of the strip", () => {
  const line = (relevant: boolean, marked = false): ContextLine => ({ text: "", table: "", row: 0, relevant, duplicate: false, marked });
  expect(runs([line(false), line(true), line(true), line(true, true), line(false), line(true)])).toEqual([
    { kind: "relevant", from: 1, to: 3 }, { kind: "marked", from: 3, to: 4 }, { kind: "relevant", from: 5, to: 6 },
  ]);
  expect(runs([])).toEqual([]);
});
