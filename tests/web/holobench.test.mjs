// Oracle: the closed form of a score, (E + w·P) / labels, over the page's own JSON; right answers made from the gold file; a
// judge that the test scripts; and the page's own rules (no console error, no axe finding). The page as it ships.
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { launch, repository, serve } from "./browser.mjs";
import { AXE, eventually, openPage } from "./support.mjs";

let browser, server, page, context, errors;
const folder = mkdtempSync(join(tmpdir(), "glitchscope-holobench-"));
/** What was sent to the judge. */
const judged = [];
let judge = () => "{}";

/** An endpoint as a person might run one, on the same host. */
function endpoint(request, response) {
  if (!request.url.startsWith("/judge/")) return false;
  const headers = { "access-control-allow-origin": "*", "access-control-allow-headers": "*", "content-type": "application/json" };
  if (request.method === "OPTIONS") {
    response.writeHead(204, headers).end();
    return true;
  }
  let body = "";
  request.on("data", (piece) => { body += piece; });
  request.on("end", () => {
    judged.push({ key: request.headers.authorization ?? null, body: JSON.parse(body) });
    const content = judge(JSON.parse(body));
    if (content === null) response.writeHead(503, headers).end("down for the night");
    else response.writeHead(200, headers).end(JSON.stringify({ choices: [{ message: { content } }] }));
  });
  return true;
}

const button = (name) => page.getByRole("button", { name });
const run = () => page.locator("gs-holobench-lab .run button.primary");
const sentence = () => page.locator("gs-holo-results .sentence").first();
const saved = async (name) => {
  const [download] = await Promise.all([page.waitForEvent("download"), button(name).click()]);
  return readFileSync(await download.path(), "utf8");
};
const lines = (text) => text.trim().split("\n").map((line) => JSON.parse(line));
const choose = async (locator, files) => {
  const [chooser] = await Promise.all([page.waitForEvent("filechooser"), locator.click()]);
  await chooser.setFiles(files);
};
const fold = (name) => page.locator("gs-holobench-lab details.settings > summary").filter({ hasText: name });
const file = (name, content) => {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
};

before(async () => {
  server = await serve({ "/": join(repository, "www/dist") }, { answer: endpoint });
  browser = await launch();
  ({ page, context, errors } = await openPage(browser, `${server.url}/#device=cpu&lab=holobench&answer=6`, { allow: [/503/] }));
  await run().and(page.locator(":enabled")).waitFor({ timeout: 60_000 });
});
after(async () => {
  await context?.close();
  await browser?.close();
  await server?.close();
});

test("before anything runs: the built-in database, 18 questions, what they cost, and the text", async () => {
  await eventually(async () => assert.match(await fold("Database").innerText(), /[6-9] tables, [1-9],\d{3} rows/));
  await eventually(async () => assert.match(await fold("Questions").innerText(), /18 of 18/));
  await page.locator("gs-holobench-lab gs-context li.relevant").first().waitFor();
  await fold("Experiment").click();
  const cells = page.locator("gs-holo-grid tbody tr").first().locator("td");
  await cells.nth(3).filter({ hasText: /^\d/ }).waitFor();
  await eventually(async () => assert.match(await cells.nth(4).innerText(), /kB|MB/));
  await fold("Experiment").click();
  assert.equal(judged.length, 0);
});

test("two questions are asked, and the scores are those of their labels", async () => {
  await fold("Questions").click();
  await page.getByLabel("Ask all").click();
  for (const i of [0, 1]) await page.locator("gs-holo-questions tbody tr").nth(i).locator("input[type=checkbox]").check();
  await fold("Questions").click();
  await page.locator("gs-holobench-lab .facts").first().filter({ hasText: /^2 questions/ }).waitFor();
  await run().and(page.locator(":enabled")).click();
  await sentence().waitFor({ timeout: 120_000 });
  await run().filter({ hasText: "Ask again" }).waitFor({ timeout: 120_000 });
  await page.locator("gs-holo-results .sentence").first().filter({ hasText: /to 2 questions/ }).waitFor();
  const all = JSON.parse(await saved("Save everything (JSON)"));
  assert.ok(all.answers.length >= 2);
  // What was told before the run is what the model then read.
  const counted = new Map(await page.locator("gs-holobench-lab").evaluate((lab) => [...lab.experiment.counted]));
  assert.deepEqual(all.answers.map(({ prompt_tokens }) => prompt_tokens), all.answers.map(({ instance }) => counted.get(instance.instance_id)));
  const bySql = new Map();
  for (const { question, score } of all.answers) {
    const counts = { "Exact Match": 0, "Partial Match": 0, "No Match": 0 };
    for (const { label } of score.rows) counts[label]++;
    assert.deepEqual([score.exact, score.partial, score.none], Object.values(counts));
    assert.ok(Math.abs(score.recall - (score.exact + 0.5 * score.partial) / score.rows.length) < 1e-12);
    assert.ok(Math.abs(score.recall_strict - score.exact / score.rows.length) < 1e-12);
    bySql.set(question.sql, [...(bySql.get(question.sql) ?? []), score.recall]);
  }
  const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const row = all.overall.rows.find(({ answerer }) => answerer === all.answers[0].answerer);
  assert.ok(Math.abs(row.recall.mean - mean([...bySql.values()].map(mean))) < 1e-9, `${row.recall.mean}`);
  assert.deepEqual(all.overall.rows.map(({ answerer }) => answerer).sort(), [row.answerer, "empty", "random"].sort());
  // Two questions can show nothing, and the page must not say that they do.
  await page.locator("gs-holo-results").getByText("Only 2 questions").waitFor();
  assert.ok(all.overall.differences.every(({ verdict }) => verdict === "within noise"));
});

test("an answer shows its context, its gold rows and why; a correction by hand is kept", async () => {
  await page.locator("gs-holo-answers tbody button.link").first().click();
  const one = page.locator("gs-holo-answers .one");
  await one.locator("gs-context li.relevant").first().waitFor();
  await eventually(async () => assert.ok((await one.locator(".gold tbody tr td:last-child").first().innerText()).length > 3));
  await one.locator(".gold select").first().selectOption({ label: "exact" });
  await one.getByText("Labels corrected by hand.").waitFor();
  const labels = lines(await saved("Labels (JSONL)"));
  assert.deepEqual(labels.filter(({ source }) => source === "human").map(({ labels: [first] }) => first), ["Exact Match"]);
  await one.getByRole("button", { name: "Take the correction back" }).click();
  await one.getByText("Labels by rule.").waitFor();
});

test("prompts and gold go out apart; right answers come back with recall 1, and strange lines are told", async () => {
  const prompts = lines(await saved(/^\d+ prompts \(JSONL\)$/));
  const gold = lines(await saved("Right answers (JSONL)"));
  assert.deepEqual(prompts.map(({ instance_id }) => instance_id), gold.map(({ instance_id }) => instance_id));
  assert.ok(prompts.every((line) => !("rows" in line) && line.prompt.length > 200 && !JSON.stringify(line.meta).includes("SELECT")));
  const right = gold.map(({ instance_id, rows }) => JSON.stringify({
    instance_id, model: "somebody else", response: rows.map((row) => row.map((value) => value ?? "NULL").join(" | ")).join("\n") || "No answer",
  }));
  const path = file("responses.jsonl", [...right, right[0], JSON.stringify({ instance_id: "0123456789abcdef", response: "x" }), "not json", ""].join("\n"));
  await choose(page.getByRole("button", { name: "Responses", exact: true }), path);
  await page.getByText(`${right.length} lines taken from`).waitFor();
  await page.locator("gs-holo-exchange").getByText("1 ids belong to no prompt").waitFor();
  await page.locator("gs-holo-exchange").getByText("1 ids came again").waitFor();
  await page.locator("gs-holo-exchange").getByText(/line \d+:/).waitFor();
  await sentence().filter({ hasText: "somebody else gives 1.00" }).waitFor();
});

test("a judge is asked only when a person sets it up, and its labels count", async () => {
  assert.equal(judged.length, 0);
  await page.getByLabel("Let a model elsewhere judge").check();
  await page.getByText("This sends text away").waitFor();
  await page.locator("gs-holo-exchange input[type=url]").fill(`${server.url}/judge/v1`);
  await page.locator("gs-holo-exchange .judge input[type=text]").fill("scripted");
  await page.locator("gs-holo-exchange input[type=password]").fill("sesame");
  judge = () => null;
  await button(/^Judge \d+ answers$/).click();
  await page.locator("gs-failure").getByText(/answered 503: down for the night/).waitFor();
  await page.locator("gs-failure").getByRole("button", { name: "Close" }).click();
  judged.length = 0;
  judge = (body) => {
    const text = JSON.stringify(body);
    if (!JSON.stringify(body.response_format).includes("evaluations")) return JSON.stringify({ reasoning: "", final_answer: "as said" });
    assert.ok(text.includes("as said"));
    const { columns, rows } = judge.gold.shift();
    const ids = rows.length === 0 ? [0] : rows.map((row, i) => (columns.includes("id") ? row[columns.indexOf("id")] : i + 1));
    return JSON.stringify({ evaluations: ids.map((id) => ({ id, label: "No Match" })) });
  };
  const answers = JSON.parse(await saved("Save everything (JSON)")).answers.filter(({ answerer }) => answerer === "somebody else");
  judge.gold = answers.map(({ gold }) => gold);
  await button(/^Judge \d+ answers$/).click();
  await page.locator("gs-holo-results").getByText(`${answers.length} by a judge`).waitFor();
  assert.equal(judged.length, 2 * answers.length);
  assert.ok(judged.every(({ key, body }) => key === "Bearer sesame" && body.model === "scripted"));
  await sentence().filter({ hasText: "somebody else gives 0.00" }).waitFor();
  await eventually(async () => assert.equal(await page.evaluate(() => Object.values(localStorage).some((value) => value.includes("sesame"))), false));
});

test("the page is accessible with everything open", async () => {
  for (const name of ["Database", "Questions", "Experiment"]) await fold(name).click();
  // Through the debugger, which the page's content policy does not concern.
  await page.evaluate(readFileSync(AXE, "utf8"));
  const { violations } = await page.evaluate(() => globalThis.axe.run(document, { rules: { "color-contrast": { enabled: true } } }));
  assert.deepEqual(violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target.join(" ")).join(", ")}`), []);
  for (const name of ["Database", "Questions", "Experiment"]) await fold(name).click();
});

test("a question of one's own is checked while it is typed", async () => {
  await fold("Questions").click();
  await page.locator("#own-sql").fill("SELECT nothing FROM nowhere");
  await page.locator("gs-holo-questions .checked .warn").filter({ hasText: /nowhere/ }).waitFor();
  const sql = await page.locator("gs-holo-questions tbody code").first().innerText();
  await page.locator("#own-sql").fill(sql);
  await page.locator("#own-text").fill("What is it?");
  await page.locator("gs-holo-questions .checked").getByText("On the whole database:").waitFor();
  await button("Add the question").click();
  await page.locator("gs-holo-questions").getByText("own question", { exact: true }).waitFor();
  await fold("Questions").click();
});

test("cancelled, closed, and taken up again where it stopped", async () => {
  await fold("Questions").click();
  await page.getByLabel("Ask all").click();
  await fold("Questions").click();
  await page.locator("gs-holobench-lab .facts").first().filter({ hasText: /^19 questions/ }).waitFor();
  const before = await page.locator("gs-holobench-lab").evaluate((lab) => lab.experiment.entries.size);
  await run().and(page.locator(":enabled")).click();
  await page.waitForFunction((n) => document.querySelector("gs-app").shadowRoot.querySelector("gs-holobench-lab").experiment.entries.size > n, before, { timeout: 60_000 });
  await page.locator("gs-holobench-lab gs-progress").getByRole("button", { name: "Cancel" }).click();
  // Enabled once the cancelled run is over, and not before: until then an answer may still come.
  await run().filter({ hasText: /Go on: \d+ of \d+/ }).and(page.locator(":enabled")).waitFor({ timeout: 30_000 });
  const [, done, all] = /Go on: (\d+) of (\d+)/.exec(await run().innerText()).map(Number);
  assert.ok(done > 0 && done < all, `${done} of ${all}`);
  await page.reload();
  const goOn = page.locator(".kept").getByRole("button", { name: "Go on with it" }).and(page.locator(":enabled"));
  await goOn.waitFor({ timeout: 60_000 });
  // As if the model had been loaded while the experiment is put back, which takes longer here than the pause before the grid
  // is worked out: questions are drawn again for what fits another model, but not in the middle of this.
  await page.locator("gs-holobench-lab").evaluate(({ experiment }) => {
    const { database } = experiment;
    const replay = database.replay.bind(database);
    database.replay = async (changes) => {
      const results = await replay(changes);
      experiment.set = { ...experiment.set, check_amount: 1 };
      experiment.model = "";
      experiment.follow();
      await new Promise((resolve) => setTimeout(resolve, 1_500));
      return results;
    };
  });
  await goOn.click();
  await run().filter({ hasText: `Go on: ${done} of ${all}` }).and(page.locator(":enabled")).waitFor({ timeout: 60_000 });
  await run().click();
  // Closed in the middle of it, without a cancel: what was counted is there, but for the answer that was being given.
  const counted = await page.waitForFunction((n) => {
    const { experiment } = document.querySelector("gs-app").shadowRoot.querySelector("gs-holobench-lab");
    const count = experiment.answersOf(experiment.answerer).length;
    return count > n && count;
  }, done, { timeout: 60_000 }).then((handle) => handle.jsonValue());
  await page.reload();
  await goOn.click({ timeout: 60_000 });
  await run().filter({ hasText: /Go on: \d+ of \d+/ }).and(page.locator(":enabled")).waitFor({ timeout: 60_000 });
  const [, again] = /Go on: (\d+) of/.exec(await run().innerText()).map(Number);
  assert.ok(again >= counted && again < all, `${again} after the reload, ${counted} before, of ${all}`);
  await run().click();
  await run().filter({ hasText: "Ask again" }).waitFor({ timeout: 240_000 });
  await sentence().filter({ hasText: /to \d+ questions/ }).waitFor();
});

test("on the GPU: questions of the built-in database are asked, answered and scored", async () => {
  const other = await openPage(browser, `${server.url}/#device=gpu&lab=holobench&answer=3`);
  const primary = other.page.locator("gs-holobench-lab .run button.primary");
  await primary.and(other.page.locator(":enabled")).click({ timeout: 60_000 });
  const asked = () => other.page.evaluate(() => {
    const { experiment } = document.querySelector("gs-app").shadowRoot.querySelector("gs-holobench-lab");
    return { device: experiment.session.model.info.device.kind, scored: experiment.answersOf(experiment.answerer).filter(({ score }) => score).length };
  });
  await eventually(async () => assert.ok((await asked()).scored >= 2), 90_000);
  assert.equal((await asked()).device, "gpu");
  await other.context.close();
  assert.deepEqual(other.errors, []);
});

test("files: tables of CSV are joined along a proposed key; what is no database leaves the old one open", async () => {
  await fold("Database").click();
  const name = await page.locator("gs-holo-database h2.sub").first().innerText();
  await choose(button("SQLite file"), file("broken.sqlite", "SQLite format 3\0 and then nothing of the kind".repeat(40)));
  await page.locator("gs-failure").getByText("The database could not be used").waitFor();
  // The grid is worked out again meanwhile, which must not take the message away.
  await page.waitForFunction(() => !document.querySelector("gs-app").shadowRoot.querySelector("gs-holobench-lab").experiment.isStale);
  await page.locator("gs-failure").getByRole("button", { name: "Close" }).click();
  await eventually(async () => assert.equal(await page.locator("gs-holo-database h2.sub").first().innerText(), name));
  await choose(button("CSV files"), file("empty.csv", ""));
  await page.locator("gs-failure").getByText("The database could not be used").waitFor();
  await page.locator("gs-failure").getByRole("button", { name: "Close" }).click();
  const shops = ["shop_id,town"], sales = ["sale_id,shop_id,price,day"];
  for (let i = 1; i <= 12; i++) shops.push(`${i},Town ${i}`);
  for (let i = 1; i <= 80; i++) sales.push(`${i},${1 + (i % 12)},${(i * 37) % 101}.5,2024-0${1 + (i % 9)}-1${i % 10}`);
  await choose(button("CSV files"), [file("shops.csv", shops.join("\n")), file("sales.csv", sales.join("\n"))]);
  await page.locator("gs-holo-database td").getByText("sales", { exact: true }).waitFor();
  const key = page.locator("gs-holo-database label").filter({ hasText: "sales.shop_id → shops.shop_id" });
  await key.waitFor();
  await eventually(async () => assert.match(await key.innerText(), /proposed, 100 %/));
  await eventually(async () => assert.equal(await key.locator("input").isChecked(), false));
  await key.locator("input").check();
  await page.waitForFunction(() => document.querySelector("gs-app").shadowRoot.querySelector("gs-holobench-lab").experiment.busy === "");
  await eventually(async () => assert.equal(await key.locator("input").isChecked(), true));
  assert.deepEqual(errors, []);
});
