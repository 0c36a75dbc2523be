// The wasm file with SQLite, in Node. Oracles: the fact sheet's fixtures, measured with the study's code (A2); the native
// build (the built-in database's hash); the sheet's limit on memory (A11). Times are printed.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import init, * as holobench from "../../pkg/glitchscope_database.js";

const wasm = new URL("../../pkg/glitchscope_database_bg.wasm", import.meta.url);
const golden = JSON.parse(readFileSync(new URL("../golden/holobench/contexts.json", import.meta.url), "utf8"));
await init({ module_or_path: readFileSync(wasm) });
const { Database } = holobench;

const OPTIONS = { mode: "corrected", repeat: false, closure: false, filler: false, shuffle: null, measure: "estimate" };
const instance = (question, length, amount, placement, options = {}) => ({
  instance_id: "", question, length, amount, placement, options: { ...OPTIONS, ...options }, problem: null,
});
const context = (database, instance) => JSON.parse(database.context(JSON.stringify({ instance, counted: [] })));
const bytes = (text) => new TextEncoder().encode(text);

function fixture() {
  const files = { alpha: 40, beta: 25, gamma: 60 };
  const table = (rows) =>
    ["id,val,colour", ...Array.from({ length: rows }, (_, i) => `${i},${(i * i) % 13},${["red", "green", "blue"][i % 3]}`)].join("\n");
  const database = Database.open_csv(Object.keys(files).map((name) => `${name}.csv`), Object.values(files).map((n) => bytes(table(n))));
  for (const name of Object.keys(files)) {
    const text = `${name[0].toUpperCase()}${name.slice(1)} item {id} has value {val} and colour {colour}.`;
    assert.equal(JSON.parse(database.set_template(name, text)).problem, null);
  }
  for (const [id, sql] of [
    ["Q1", "SELECT colour, COUNT(*) AS n, SUM(val) AS s FROM alpha GROUP BY colour ORDER BY colour"],
    ["Q2", "SELECT MAX(val) AS m FROM beta"],
    ["all", "SELECT COUNT(*) AS n FROM alpha JOIN beta ON alpha.id = beta.id JOIN gamma ON gamma.id = beta.id"],
  ]) {
    assert.equal(JSON.parse(database.add_question(id, sql, id)).problem, null);
  }
  return database;
}

test("contexts in wasm are those of the reference", () => {
  const database = fixture();
  for (const want of golden.contexts) {
    const found = context(database, instance(want.question, want.length, { tokens: want.info }, want.placement, { mode: "ref-2025-02" }));
    assert.deepEqual(
      [found.lines.length, found.relevant, found.duplicates, found.characters, found.sha256.slice(0, 12), found.gold.rows],
      [want.lines, want.relevant, want.duplicates, want.characters, want.sha256_12, want.gold],
    );
  }
});

test("what would never end is an error with a hint in wasm too", () => {
  const database = fixture();
  for (const mode of ["corrected", "ref-2025-02", "ref-2024-10"]) {
    assert.throws(
      () => context(database, instance("all", 512, { tokens: 128 }, "uniform", { mode })),
      (error) => error.kind === "input" && /never reach/.test(error.message) && /filler/.test(error.hint),
    );
  }
  assert.match(JSON.parse(database.check_question("x", "SELECT MAX(val) AS m FROM Beta", "?")).problem, /letter by letter/);
});

test("the built-in database and its questions are those of the native build", () => {
  const database = Database.synthetic(7);
  const info = JSON.parse(database.info());
  assert.equal(info.sha256, golden.synthetic_7_sha256);
  assert.ok(info.tables.length >= 6);
  const set = JSON.parse(database.questions(1, 1024));
  assert.equal(set.questions.length, 18);
  assert.deepEqual(set.missing, []);
  const settings = { questions: set.questions.map(({ id }) => id), lengths: [512], amounts: [{ density: 0.5 }], placements: ["middle"], options: OPTIONS };
  const grid = JSON.parse(database.grid(JSON.stringify(settings)));
  assert.equal(grid.length, 18);
  const made = context(database, grid[0]);
  assert.equal(made.instance.instance_id, grid[0].instance_id);
  const prompt = holobench.prompt_of(undefined, "direct", made.text, set.questions[0].text);
  const line = JSON.parse(database.prompt_line(JSON.stringify(made), prompt, 64));
  assert.deepEqual(JSON.parse(holobench.export_prompts(JSON.stringify([line]))), line);
  const said = made.gold.rows.map((row) => row.map((value) => value ?? "null").join(" | ")).join("\n") || holobench.empty_answer();
  const request = { instance_id: made.instance.instance_id, gold: made.gold, response: said, labels: null, source: "rule" };
  const score = JSON.parse(holobench.score_answer(JSON.stringify(request)));
  assert.equal(score.recall, 1);
  const answered = [{ answerer: "right", instance: made.instance, question: set.questions[0], database: info.name, score }];
  const table = JSON.parse(holobench.aggregate_scores(JSON.stringify(answered), "all"));
  assert.equal(table.rows[0].recall.mean, 1);
  assert.match(holobench.score_markdown(JSON.stringify(table)), /within noise/);
});

test("a context of 64k tokens from 200,000 rows keeps within 150 MB", () => {
  const rows = Array.from({ length: 200_000 }, (_, i) => `${i},item number ${i},${(i * 7) % 1000}`);
  const words = Array.from({ length: 20_000 }, (_, i) => `${i},word${i}`);
  const database = Database.open_csv(["items.csv", "words.csv"], [bytes(["id,name,val", ...rows].join("\n")), bytes(["id,word", ...words].join("\n"))]);
  assert.equal(JSON.parse(database.add_question("q", "SELECT COUNT(*) AS n FROM items WHERE val > 500", "How many?")).problem, null);
  const before = holobench.memory_bytes();
  const since = performance.now();
  const made = context(database, instance("q", 65_536, { density: 0.5 }, "uniform"));
  const extra = (holobench.memory_bytes() - before) / 2 ** 20;
  console.log(`${made.lines.length} lines of 220,000 rows in ${Math.round(performance.now() - since)} ms, ${extra.toFixed(1)} MB more memory`);
  assert.ok(extra <= 150, `${extra} MB`);
  assert.ok(made.tokens > 65_000 && made.tokens <= 65_536);
});
