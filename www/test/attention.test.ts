// Oracle: by hand; TextEncoder for byte offsets.
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { byteOffsets, type EditedText, followed, fromRequest, joined, toRequest, trimmed, unbracketed, without } from "../src/labs/attention/marks";
import { arrayName } from "../src/labs/attention/lens";
import { EXCLUSION, formatSettings, type LensSettings, parseSettings, STATISTICS } from "../src/labs/attention/settings";
import { levelOf } from "../src/labs/attention/token_strip";
import { alignedStrip, flatHead, grid, percent2, pieces, points, strip } from "../src/labs/attention/tokens";
import { skewSentence } from "../src/labs/attention/answer";
import type { AttentionComparison, Statistics, TextTokens } from "../src/labs/attention/types";
import { colourScale, hex, isLight, limitOf, roundedUp } from "../src/views/colour_scale";
import { largest } from "../src/views/heatmap";
import { ticks } from "../src/views/svg_chart";
import { LABS, lacking } from "../src/labs/registry";
import { helpBlocks } from "../lab_help";
import { formatLink, parseLink } from "../src/state/link";

const text = (marked: Partial<EditedText>): EditedText => ({ name: "", text: "", concepts: [], alsoExcluded: [], kept: [], ...marked });
const words = ({ text: of, concepts }: EditedText) => concepts.map(({ name, spans }) => [name, ...spans.map(({ start, end }) => of.slice(start, end))]);

it("places in a text become bytes and come back", () => {
  for (const one of ["plain", "Maß für Maß", "法律 law", "🦀 crab 🦀", "e\u0301", "", "\ud800 lone"]) {
    const offsets = byteOffsets(one);
    for (let i = 0; i <= one.length; i++) {
      // Half a surrogate pair is its beginning.
      const whole = one.slice(0, i).replace(/[\ud800-\udbff]$/u, (half) => (/^[\udc00-\udfff]/.test(one.slice(i)) ? "" : half));
      expect(offsets[i], `${one} at ${i}`).toBe(new TextEncoder().encode(whole).length);
    }
  }
  const marked = text({ name: "a", text: "Der Käufer 🦀 zahlt.", concepts: [{ name: "role", spans: [{ start: 4, end: 10 }], tokens: null }, { name: "crab", spans: [{ start: 11, end: 13 }], tokens: [3] }], kept: [2] });
  const request = toRequest([marked], EXCLUSION);
  expect(request.texts[0]!.concepts.map(({ spans }) => spans)).toEqual([[{ start: 4, end: 11 }], [{ start: 12, end: 16 }]]);
  expect(fromRequest(request)).toEqual([marked]);
});

it("marks follow the text while it is edited", () => {
  const spans = [{ start: 4, end: 9 }];
  const after = (before: string, next: string, caret = 0) => followed(before, next, spans, caret).map(({ start, end }) => next.slice(start, end));
  expect(after("The buyer pays.", "So the buyer pays.")).toEqual(["buyer"]);
  expect(after("The buyer pays.", "The buyer, pays.")).toEqual(["buyer"]);
  expect(after("The buyer pays.", "The big buyer pays.", 8)).toEqual(["buyer"]);
  expect(after("The buyer pays.", "The bbuyer pays.", 5)).toEqual(["buyer"]);
  expect(after("The buyer pays.", "The bbuyer pays.", 6)).toEqual(["bbuyer"]);
  expect(after("The buyer pays.", "The buXyer pays.")).toEqual(["buXyer"]);
  expect(after("The buyer pays.", "The buyer")).toEqual(["buyer"]);
  expect(after("The buyer pays.", "The pays.")).toEqual([]);
  expect(after("The buyer pays.", "The bupays.")).toEqual(["bu"]);
  expect(after("The buyer pays.", "yer pays.")).toEqual(["yer"]);
  expect(after("The buyer pays.", "")).toEqual([]);
});

it("spans join, part and lose white space at their ends", () => {
  expect(joined([{ start: 5, end: 7 }, { start: 1, end: 3 }, { start: 3, end: 4 }, { start: 9, end: 9 }])).toEqual([{ start: 1, end: 4 }, { start: 5, end: 7 }]);
  expect(without([{ start: 0, end: 10 }], { start: 3, end: 5 })).toEqual([{ start: 0, end: 3 }, { start: 5, end: 10 }]);
  expect(without([{ start: 3, end: 5 }], { start: 0, end: 10 })).toEqual([]);
  expect(trimmed(" a b ", { start: 0, end: 5 })).toEqual({ start: 1, end: 4 });
});

it("brackets become marks, of the concept in hand or of the one they name", () => {
  expect(unbracketed(text({ text: "no marks [x]" }), 0)).toBeNull();
  const one = unbracketed(text({ text: "The [[buyer]] pays the [[seller]].", concepts: [{ name: "role", spans: [], tokens: [1] }] }), 0)!;
  expect(one.text).toBe("The buyer pays the seller.");
  expect(words(one)).toEqual([["role", "buyer", "seller"]]);
  expect(one.concepts[0]!.tokens).toBeNull();
  const two = unbracketed(text({ text: "The [[role|buyer]] [[duty|shall pay]].", concepts: [{ name: "role", spans: [], tokens: null }] }), 0)!;
  expect(words(two)).toEqual([["role", "buyer"], ["duty", "shall pay"]]);
  // Brackets typed around and inside what is marked already.
  const around = unbracketed(text({ text: "The [[buyer pays]] now", concepts: [{ name: "a", spans: [{ start: 6, end: 11 }], tokens: null }, { name: "b", spans: [{ start: 0, end: 3 }], tokens: null }] }), 1)!;
  expect(words(around)).toEqual([["a", "buyer"], ["b", "The", "buyer pays"]]);
});

it("a link restores what the lens was set to", () => {
  const settings: LensSettings = {
    texts: [
      text({ name: "a, b", text: "Der Käufer; zahlt: 100 %", concepts: [{ name: "a:b;c,d", spans: [{ start: 4, end: 10 }], tokens: null }, { name: "x", spans: [], tokens: [2, 3] }], alsoExcluded: [1, 2], kept: [0] }),
      text({ text: "[[kept]] | as typed", concepts: [{ name: "y", spans: [{ start: 0, end: 1 }, { start: 3, end: 4 }], tokens: null }] }),
    ],
    exclusion: { preset: "custom", pieces: [",", "▁", "a b"] }, statistics: { ...STATISTICS, bins: 7, level: 0.9 }, beside: ["specimen-legal", "https://example.org/m/"],
    text: 1, concept: 0, head: { layer: 3, head: 12 },
  };
  const link = formatLink({ lab: "attention", options: {}, settings: formatSettings(settings) });
  const read = parseLink(link);
  expect(read.lab).toBe("attention");
  expect(parseSettings(read.settings!)).toEqual(settings);
  const usual: LensSettings = { texts: null, exclusion: EXCLUSION, statistics: STATISTICS, beside: null, text: 0, concept: 0, head: null };
  expect(formatSettings(usual)).toEqual({});
  expect(parseSettings({})).toEqual(usual);
  // A lab's link has nothing of the scan's, and the reverse.
  expect(formatLink({ lab: "attention", model: "a/b", options: { seed: 7 }, filter: "x", settings: {} })).toBe("#lab=attention&model=a%2Fb");
  expect(parseLink("#lab=glitch&seed=7")).toEqual({ options: { seed: 7 } });
});

it("a hostile link is read as far as it makes sense", () => {
  const read = parseSettings({ text: "ab", marks: "%E0%A4%A:0-1;b:0-99,x-2,1-2:4,4,zz;:;", exclude: "<b>", bins: "-1", level: "NaN", seed: "1e99", at: "0", concept: "-3", head: "1.x", beside: "a b c d" });
  expect(read).toEqual({
    texts: [text({ text: "ab", concepts: [{ name: "b", spans: [{ start: 1, end: 2 }], tokens: [4] }] })], exclusion: EXCLUSION, statistics: STATISTICS, beside: ["a", "b"], text: 0, concept: 0, head: null,
  });
  expect(parseLink("#lab=<script>")).toEqual({ options: {} });
});

const TOKENS: TextTokens = {
  name: "", sha256: "", warnings: [], concepts: [{ name: "c", tokens: [2], by_hand: false, cut: [2], excluded: [] }],
  tokens: [
    { id: 0, piece: "<s>", start: 0, end: 0, excluded: true }, { id: 5, piece: "Ma", start: 0, end: 2, excluded: false },
    { id: 6, piece: "Ã", start: 2, end: 3, excluded: false }, { id: 7, piece: "Ł", start: 3, end: 4, excluded: false },
  ],
};

it("tokens are told by their bytes, and the darkest is one that counts", () => {
  expect(pieces("Maß", TOKENS.tokens)).toEqual([{ text: "<s>", bytesHex: "" }, { text: "Ma", bytesHex: "" }, { text: "\uFFFD", bytesHex: "c3" }, { text: "\uFFFD", bytesHex: "9f" }]);
  const { tokens, most } = strip("Maß", TOKENS, 0, [0.7, 0.2, 0.1, 0]);
  expect(most).toBe(0.2);
  expect(tokens.map(({ level }) => level)).toEqual([8, 8, 4, 0]);
  expect(tokens.map(({ concept, cut, excluded }) => [concept, cut, excluded])).toEqual([[false, false, true], [false, false, false], [true, true, false], [false, false, false]]);
  expect([levelOf(-0.1, 0.2), levelOf(Number.NaN, 1), levelOf(1, 0), levelOf(0.001, 1)]).toEqual([-4, 0, 0, 1]);
  const comparison = { texts: [{ name: "", pieces: [{ start: 0, end: 2, received: [0.5, 0.4] }, { start: 2, end: 4, received: [0.1, 0.3] }] }] } as unknown as AttentionComparison;
  expect(alignedStrip("Maß", comparison, 0, 0, 1)!.tokens.map(({ text: piece, level }) => [piece, level])).toEqual([["Ma", -4], ["ß", 8]]);
});

it("layers with unlike heads are a rectangle with gaps", () => {
  expect(grid([1, 2, 3, null, 5], [2, 3])).toEqual({ rows: 2, columns: 3, values: [1, 2, null, 3, null, 5] });
  expect(flatHead([2, 3], 1, 2)).toBe(4);
  expect([percent2(0.0123), percent2(0.5), points(0.0123), points(-0.2), points(0)]).toEqual(["1.23 %", "50.0 %", "+1.23", "−20.0", "0.00"]);
});

it("colours: ends, middle, gaps, limits", () => {
  const shares = colourScale("sequential", 0.5, false);
  expect([hex(shares.colour(0)), hex(shares.colour(0.5)), hex(shares.colour(9))]).toEqual(["#f4f3ef", "#043c40", "#043c40"]);
  const differences = colourScale("diverging", 0.1, false);
  expect(hex(differences.colour(0))).toBe("#f4f3ef");
  expect(differences.colour(-1)).toEqual(differences.colour(-0.1));
  expect(differences.colour(Number.NaN)).toEqual(differences.colour(null));
  expect(differences.colour(null)).not.toEqual(differences.colour(0));
  // Nothing differs: everything has the middle colour.
  expect(colourScale("diverging", 0, true).colour(0)).toEqual(colourScale("diverging", 1, true).colour(0));
  expect([isLight([255, 255, 255]), isLight([0, 0, 0])]).toEqual([true, false]);
  expect([roundedUp(0.0234), roundedUp(0.1), roundedUp(7), roundedUp(0), roundedUp(Number.NaN)]).toEqual([0.025, 0.1, 8, 0, 0]);
  expect(limitOf([0.1, -0.9, null, Number.NaN])).toBe(1);
  expect(limitOf([...Array<number>(199).fill(0.01), 5])).toBe(0.01);
  expect(limitOf([])).toBe(0);
});

it("axis ticks are round and inside; the largest cells come first", () => {
  expect(ticks(0, 1)).toEqual([0, 0.2, 0.4, 0.6, 0.8, 1]);
  expect(ticks(-0.03, 0.05)).toEqual([-0.02, 0, 0.02, 0.04]);
  expect(ticks(2, 2)).toEqual([2]);
  expect(largest([1, null, -5, 3, Number.NaN, 2], 3)).toEqual([2, 3, 5]);
});

it("skewness is never told alone", () => {
  const of = (part: Partial<Statistics>) => skewSentence({ n: 4, mean: -0.0236, median: -0.01, sd: 0.1, min: -1, max: 1, negative: 0.7, skewness: 1.14, kurtosis: 3, entropy: 1, histogram: null, interval: null, ...part });
  expect(of({})).toMatch(/Skewness is \+1\.14 although the mean is −2\.36 and 70 % of the heads are below 0/);
  expect(of({ skewness: -0.8 })).toMatch(/Skewness is −0\.80: .* mean \(−2\.36\), the median \(−1\.00\) and the 70 % /);
  expect(of({ skewness: null })).toMatch(/undefined/);
});

it("arrays are named by concept and model", () => {
  expect(arrayName("a/Evidence_Object_Saul-7B.npy")).toEqual({ concept: "Evidence_Object", model: "Saul-7B" });
  expect(arrayName("shares.NPY")).toEqual({ concept: "concept", model: "shares" });
});

it("labs and what they need are those of the core's registry", () => {
  const rust = readFileSync(new URL("../../src/labs.rs", import.meta.url), "utf8");
  const core = [...rust.matchAll(/id: "(\w+)",\s*needs: &\[([^\]]*)\]/g)].map(([, id, needs]) => ({ id, needs: [...needs!.matchAll(/Need::(\w+)/g)].map(([, need]) => need!.toLowerCase()) }));
  expect(core.length).toBeGreaterThan(0);
  for (const { id, needs } of core) expect(LABS.find((lab) => lab.id === id)?.needs, id).toEqual(needs);
});

it("labs: a need that the model does not meet is named", () => {
  expect(new Set(LABS.map(({ id }) => id)).size).toBe(LABS.length);
  const lens = LABS.find(({ id }) => id === "attention")!;
  expect(lacking(lens, { lacks: [{ need: "backward", reason: "" }, { need: "tokenizer", reason: "" }] })).toBe("tokenizer");
  expect(lacking(lens, { lacks: [{ need: "backward", reason: "" }] })).toBeNull();
  expect(lacking(lens, null)).toBeNull();
});

it("a lab's page becomes blocks of text: markup stays text, links lead out only", () => {
  const [title, paragraph, list, code, table] = helpBlocks("# A *b*\n\nText with `<code>` & [out](https://example.org) [in](../GLOSSARY.md) **x**.\n\n- one\n- two `a`\n\n```\n<script>\n```\n\n| h | i |\n| - | - |\n| `a\\|b` | c |\n");
  expect(title).toEqual({ kind: "heading", level: 1, text: [{ kind: "text", text: "A " }, { kind: "em", text: [{ kind: "text", text: "b" }] }] });
  expect(paragraph).toEqual({ kind: "paragraph", text: [
    { kind: "text", text: "Text with " }, { kind: "code", text: "<code>" }, { kind: "text", text: " & " }, { kind: "link", href: "https://example.org", text: [{ kind: "text", text: "out" }] },
    { kind: "text", text: " " }, { kind: "text", text: "in" }, { kind: "text", text: " " }, { kind: "strong", text: [{ kind: "text", text: "x" }] }, { kind: "text", text: "." },
  ] });
  expect(list).toMatchObject({ kind: "list", ordered: false, items: [[{ kind: "paragraph" }], [{ kind: "paragraph" }]] });
  expect(code).toEqual({ kind: "code", text: "<script>" });
  expect(table).toMatchObject({ kind: "table", rows: [[[{ kind: "code", text: "a|b" }], [{ kind: "text", text: "c" }]]] });
  expect(() => helpBlocks("<div onclick=x>y</div>")).toThrow(/cannot show/);
});
