// Runs in the browser, driven by graph.mjs and tokenizer.mjs: the stages of a map, and glitch tokens counted in texts.
const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];

/** `threads`: two of them, this one among them; the page has to be isolated. */
async function product(variant) {
  if (variant === "threads") {
    const { startThreads } = await import("/target/bench/threads/start_threads.js");
    return (await startThreads(2)).glue;
  }
  const glue = await import(`/target/bench/${variant}/glitchscope.js`);
  await glue.default();
  return glue;
}

const bytes_of = async (file) => new Uint8Array(await (await fetch(file)).arrayBuffer());

/** The value of the last of `runs` calls and the median of their seconds. */
async function timed(work, runs = 1) {
  const seconds = [];
  let value;
  for (let run = 0; run < runs; run++) {
    const start = performance.now();
    value = await work();
    seconds.push((performance.now() - start) / 1000);
  }
  return [value, median(seconds)];
}

/**
 * The stages over the rows of a file of f32, and communities of graphs that other programs were given as well: `{ file,
 * resolution, by }`, where `by` names files with their communities. All are judged by the same function.
 */
async function compared(variant, rows, columns, file, graphs) {
  const glue = await product(variant);
  const stages = await glue.MapStages.create(rows, columns, "f32", "cpu");
  {
    // In parts, as a model is read: the file is never whole in wasm memory.
    const bytes = await bytes_of(file);
    const stretch = 4096;
    for (let start = 0; start < rows; start += stretch) {
      stages.write(start, bytes.subarray(start * columns * 4, Math.min(rows, start + stretch) * columns * 4));
    }
  }
  const [, pca] = await timed(() => stages.components(), 3);
  const [approximate, knn_approximate] = await timed(() => stages.neighbours("approximate"));
  const [, knn_exact] = await timed(() => stages.neighbours("exact"));
  const [, weights] = await timed(() => stages.weights(), 3);
  const found = {};
  for (const [name, { file, resolution, by }] of Object.entries(graphs)) {
    stages.read_graph(await bytes_of(file));
    stages.set_resolution(resolution);
    const [[quality], seconds] = await timed(() => stages.communities(2));
    const [[scan_quality, , scan_passes], scan_seconds] = await timed(() => stages.communities(0));
    const of_others = {};
    for (const [library, file] of Object.entries(by)) {
      of_others[library] = stages.quality(new Uint32Array((await bytes_of(file)).buffer));
    }
    found[name] = { quality, seconds, scan_quality, scan_passes, scan_seconds, of_others };
  }
  return { pca, "knn exact": knn_exact, "knn approximate": knn_approximate, recall: approximate.recall ?? 1, weights, found };
}

/** The stages once, as a scan would take them, over synthetic rows in f16. */
async function sized(variant, rows, columns) {
  const glue = await product(variant);
  const stages = await glue.MapStages.create(rows, columns, "f16", "cpu");
  stages.fill(1);
  const [variance, pca] = await timed(() => stages.components());
  const [search, knn] = await timed(() => stages.neighbours("auto"));
  const [entries, weights] = await timed(() => stages.weights());
  const [[quality, clusters, passes], leiden] = await timed(() => stages.communities(0));
  const [, layout] = await timed(() => stages.layout());
  return { variance, pca, search, knn, entries, weights, quality, clusters, passes, leiden, layout, memory: glue.memory_bytes() };
}

/** Megabytes of text a second in which glitch tokens are counted, by a tokenizer that has seen none of it. */
async function counting(variant, folder, size, runs) {
  const glue = await product(variant);
  const tokenizer = await bytes_of(`${folder}/tokenizer.json`);
  const report = await (await fetch("/tests/golden/report_version_2.json")).text();
  const texts = new Blob([await bytes_of(`${folder}/texts.jsonl`)]);
  const source = {
    name: "texts",
    len: async () => texts.size,
    read: async (_, start, end) => new Uint8Array(await texts.slice(start, end).arrayBuffer()),
  };
  const rates = [];
  let tokens = 0;
  for (let run = 0; run <= runs; run++) {
    // A new one for each run: it remembers what it has encoded. The first run is for the compiler.
    const counting = glue.TokenCounting.create(tokenizer, report);
    const start = performance.now();
    [tokens] = await counting.run(source, "texts.jsonl");
    if (run > 0) rates.push(size / 1e3 / (performance.now() - start));
    counting.free();
  }
  return { rate: median(rates), tokens };
}

globalThis.stages = { compared, sized, counting };
