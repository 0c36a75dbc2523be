// The stages of a map: ours in the browser and natively against the libraries that people build such graphs with, and a
// table of seconds and memory over the size of the vocabulary. They run only when asked for (`make bench ARGS=--only=graph`),
// because they take as long as all other rows together.
//
// benches/graph.py writes the rows that all of them read.
import { existsSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";

const [ROWS, COLUMNS] = [50_000, 768];
const FILE = `target/bench/graph/rows-${ROWS}x${COLUMNS}.f32`;
const SIZES = [[32_000, 768], [50_257, 768], [151_936, 896], [262_144, 1024]];

/** Rows of the main table by `row` and `absent`; returns a table of its own for RESULTS.md. */
export async function graph({ repository, section, row, absent, json, only }) {
  const name = "graph: map";
  if (!only.startsWith("graph")) return "";
  const python = process.env.PYTHON ?? "python3";
  const rate = (seconds) => ROWS / seconds / 1000;
  let theirs = null;
  try {
    theirs = json(python, ["benches/graph.py", FILE, String(ROWS), String(COLUMNS)]);
  } catch (error) {
    absent(`${name} against scikit-learn, umap-learn, igraph, leidenalg`, String(error.message).split("\n")[0]);
  }
  if (!existsSync(join(repository, FILE))) return "";
  const compare = (ours, how) => {
    const what = (stage) => `graph of ${ROWS.toLocaleString("en")} × ${COLUMNS}: ${stage}, ${how}`;
    const against = (library) => `${library} ${theirs.versions[library]}, native`;
    const stages = [
      ["50 components", "pca", "scikit-learn", "pca"], ["50 neighbours, exact", "knn exact", "scikit-learn", "knn exact"],
      ["50 neighbours, exact, against approximate", "knn exact", "pynndescent", "knn approximate"],
      ["weights", "weights", "umap-learn", "weights"], ["communities, 10 passes at most", "leiden", "igraph", "igraph"],
      ["communities, 10 passes at most against 2", "leiden", "leidenalg", "leidenalg"],
    ];
    for (const [stage, of_ours, library, of_theirs] of stages) {
      row(what(stage), rate(ours[of_ours]), against(library), rate(theirs[of_theirs]), "k rows/s", 0.5);
    }
    row(what("recall of the 50 neighbours"), 1, `${against("pynndescent")}, measured on 1,000 rows`, theirs.recall, "", 1);
    for (const library of ["igraph", "leidenalg"]) {
      row(what("quality of the communities"), ours.quality, against(library), theirs[`${library} quality`], "", 1);
    }
  };
  if (theirs) {
    await section(`${name}, wasm, 1 thread`, { webgpu: false }, async (page) => {
      const ours = await page.evaluate((arguments_) => globalThis.bench.map(...arguments_), ["relaxed", ROWS, COLUMNS, `/${FILE}`, "exact", 3]);
      compare(ours, "wasm, 1 thread");
    });
    try {
      const own = json("cargo", ["bench", "--quiet", "--features", "bench", "--bench", "graph", "--", String(ROWS), String(COLUMNS), FILE]);
      compare(own, own.device);
    } catch (error) {
      absent(`${name}, native`, String(error.message).split("\n")[0]);
    }
  }
  const head = ["vocabulary × width, f16", "components", "neighbours", "of the pairs", "recall", "weights", "communities", "layout", "in all", "wasm memory"];
  const lines = [head, head.map(() => "---")];
  for (const [rows, columns] of SIZES) {
    await section(`${name}, size ${rows}`, { webgpu: false }, async (page) => {
      const got = await page.evaluate((arguments_) => globalThis.bench.map(...arguments_), ["relaxed", rows, columns, null, "auto", 1]);
      const seconds = (value) => `${value.toFixed(value < 10 ? 1 : 0)} s`;
      const all = got.pca + got.knn + got.weights + got.leiden + got.layout;
      lines.push([
        `${rows.toLocaleString("en")} × ${columns}`, seconds(got.pca), `${seconds(got.knn)}, ${got.method}`, `${(100 * got.pairs).toFixed(0)} %`,
        got.recall === null ? "1" : got.recall.toFixed(3), seconds(got.weights), seconds(got.leiden), seconds(got.layout), seconds(all),
        `${(got.memory / 2 ** 30).toFixed(2)} GiB`,
      ]);
      console.log(lines.at(-1).join(" | "));
    });
  }
  return lines.length > 2 ? `\n## The map over the size of the vocabulary\n\nSynthetic rows, wasm, 1 thread, one run each; the table lies in wasm memory as a model's on the processor does.\n\n${
    lines.map((cells) => `| ${cells.join(" | ")} |`).join("\n")}\n` : "";
}
