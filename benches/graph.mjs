// The stages of a map: ours in the browser and natively against the libraries that people build such graphs with. And a table
// of seconds and memory over the size of the vocabulary, which takes longer than all other rows: it is measured when asked for
// (`make bench ARGS=--only=graph`), kept in benches/SCALING.md, and shown from there otherwise.
//
// benches/graph.py writes the rows and the graph that all of them read. `--rows=2000` makes everything small, to try it out.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import process from "node:process";

const asked = Number(process.argv.find((argument) => argument.startsWith("--rows="))?.slice("--rows=".length) ?? 0);
const [ROWS, COLUMNS] = [asked || 50_000, 768];
const FILE = `target/bench/graph/rows-${ROWS}x${COLUMNS}.f32`;
const SIZES = asked ? [[asked, 256]] : [[8_192, 512], [32_000, 768], [50_257, 768], [151_936, 896], [262_144, 1024]];
const SCALING = "benches/SCALING.md";
const NAME = "graph: map";
/** What issue 4 asks for at least. */
const RECALL = 0.95;
/** Rows of a graph that leidenalg is done with in seconds. */
const PART = Math.min(ROWS, 8_192);
/** Seconds that leidenalg may take; when the graph is what was asked for, it is asked about all rows as well. */
const [LIMIT, LIMIT_ASKED] = [120, 900];

/** A page with the functions of stages.mjs. */
export async function with_stages(page) {
  await page.addScriptTag({ type: "module", url: "/benches/stages.mjs" });
  await page.waitForFunction(() => globalThis.stages !== undefined);
  return page;
}

/** Rows of the main table by `row` and `absent`; returns a table of its own for RESULTS.md. */
export async function graph(bench) {
  if (NAME.includes(bench.only)) await compared(bench);
  const table = bench.only.startsWith("graph") ? await sizes(bench) : null;
  const file = join(bench.repository, SCALING);
  if (table && !asked) writeFileSync(file, table);
  return table ?? (existsSync(file) ? readFileSync(file, "utf8") : "");
}

async function compared({ section, row, absent, json, only }) {
  let theirs;
  try {
    const limit = only.startsWith("graph") ? LIMIT_ASKED : LIMIT;
    theirs = json(process.env.PYTHON ?? "python3", ["benches/graph.py", FILE, ...[ROWS, COLUMNS, PART, limit].map(String)]);
  } catch (error) {
    absent(`${NAME} against scikit-learn, umap-learn, igraph, leidenalg`, String(error.message).split("\n")[0]);
    return;
  }
  const { iterations } = theirs;
  const thousands = (seconds, rows = ROWS) => rows / seconds / 1000;
  const against = (library) => `${library} ${theirs.versions[library]}, native`;
  const what = (stage, how, rows = ROWS) => `graph of ${rows.toLocaleString("en")} × ${COLUMNS}: ${stage}, ${how}`;
  const stages = (ours, how) => {
    for (const [stage, name, library] of [
      ["50 components", "pca", "scikit-learn"], ["50 neighbours, exact", "knn exact", "scikit-learn"],
      ["50 neighbours, approximate", "knn approximate", "pynndescent"], ["weights", "weights", "umap-learn"],
    ]) row(what(stage, how), thousands(ours[name]), against(library), thousands(theirs[name]), "k rows/s", 0.5);
    const recall = what("recall of the approximate 50 neighbours", how);
    row(recall, ours.recall, "what was asked for", RECALL, "", 1);
    row(recall, ours.recall, against("pynndescent"), theirs.recall, "");
  };
  const communities = (ours, graph, how, passes = `${iterations} passes each`) => {
    const { rows, by } = theirs[graph];
    for (const [library, { seconds }] of Object.entries(by)) {
      row(what(`communities, ${passes}`, how, rows), thousands(ours, rows), against(library), thousands(seconds, rows), "k rows/s", 0.5);
    }
  };
  if (!theirs.all.by.leidenalg) {
    absent(`${NAME}: communities of ${ROWS.toLocaleString("en")} rows by ${against("leidenalg")}`, `it takes minutes; compared with on ${PART.toLocaleString("en")} rows`);
  }
  await section(`${NAME}, wasm, 1 thread`, { webgpu: false }, async (page) => {
    const how = "wasm, 1 thread";
    const file = (graph) => `/${FILE}.${graph}`;
    const files = (graph) => Object.fromEntries(Object.keys(theirs[graph].by).map((library) => [library, `${file(graph)}.${library}`]));
    const graphs = Object.fromEntries(["part", "all"].map((graph) => [graph, { file: file(graph), resolution: theirs[graph].resolution, by: files(graph) }]));
    const ours = await (await with_stages(page)).evaluate((all) => globalThis.stages.compared(...all), ["relaxed", ROWS, COLUMNS, `/${FILE}`, graphs]);
    stages(ours, how);
    for (const [graph, found] of Object.entries(ours.found)) {
      // What a scan does is held to both marks, time and quality; as many passes as the peers' stand beside it.
      const scan = `${found.scan_passes} passes, as a scan makes, against ${iterations}`;
      communities(found.seconds, graph, how);
      communities(found.scan_seconds, graph, how, scan);
      for (const [library, { quality }] of Object.entries(theirs[graph].by)) {
        // The library's own function is by another author; both have to agree before anything is compared by either.
        const same = found.of_others[library];
        if (!(Math.abs(same - quality) < 1e-4)) throw new Error(`modularity of ${library}'s communities: ${same} by ours, ${quality} by igraph's function`);
        for (const [passes, own, target] of [[`${iterations} passes each`, found.quality], [scan, found.scan_quality, 1]]) {
          row(what(`10,000 × modularity of the communities, ${passes}`, how, theirs[graph].rows), 10_000 * own, against(library), 10_000 * same, "", target);
        }
      }
    }
  });
  if (cpus().length > 1) await section(`${NAME}, wasm, 2 threads`, { webgpu: false }, async (page) => {
    stages(await (await with_stages(page)).evaluate((all) => globalThis.stages.compared(...all), ["threads", ROWS, COLUMNS, `/${FILE}`, {}]), "wasm, 2 threads");
  });
  try {
    const all = [ROWS, COLUMNS, FILE, `${FILE}.all`, theirs.all.resolution].map(String);
    const own = json("cargo", ["bench", "--quiet", "--features", "bench", "--bench", "graph", "--", ...all]);
    stages(own, own.device);
    communities(own.leiden, "all", own.device);
  } catch (error) {
    absent(`${NAME}, native`, String(error.message).split("\n")[0]);
  }
}

/** The table over sizes; null unless every size was measured. */
async function sizes({ section }) {
  const head = ["vocabulary × width, f16", "components", "neighbours", "of the pairs", "recall", "weights", "communities", "layout", "in all", "wasm memory"];
  const lines = [head, head.map(() => "---")];
  for (const [rows, columns] of SIZES) {
    await section(`${NAME}, size ${rows}`, { webgpu: false }, async (page) => {
      const got = await (await with_stages(page)).evaluate((all) => globalThis.stages.sized(...all), ["relaxed", rows, columns]);
      const seconds = (value) => `${value.toFixed(value < 10 ? 1 : 0)} s`;
      const { search } = got;
      lines.push([
        `${rows.toLocaleString("en")} × ${columns}`, seconds(got.pca), `${seconds(got.knn)}, ${search.method}`, `${(100 * search.pairs).toFixed(0)} %`,
        search.recall === null ? "1" : search.recall.toFixed(3), seconds(got.weights), `${seconds(got.leiden)}, ${got.passes} passes, ${got.clusters.toLocaleString("en")}`,
        seconds(got.layout), seconds(got.pca + got.knn + got.weights + got.leiden + got.layout), `${(got.memory / 2 ** 30).toFixed(2)} GiB`,
      ]);
      console.log(lines.at(-1).join(" | "));
    });
  }
  if (lines.length < 2 + SIZES.length) return null;
  return `\n## The map over the size of the vocabulary\n\nWritten by \`make bench ARGS=--only=graph\` on ${new Date().toISOString().slice(0, 10)}, ${cpus()[0].model}. Synthetic
rows whose deviations fall as 1/√i, wasm, 1 thread, one run each, options of a scan; the table lies in wasm memory as a
model's on the processor does, and the memory is the module's at the end, which is its peak.\n\n${
    lines.map((cells) => `| ${cells.join(" | ")} |`).join("\n")}\n`;
}
