/**
 * A scripted core behind the surface of the wasm package: the browser tests of the page's own behaviour (cancel, hard
 * cancel, hostile token text, 150,000 tokens) run on it, because it does exactly what they need and nothing else. It
 * never becomes part of the page: only a build with GLITCHSCOPE_CORE contains it.
 *
 * What it does is chosen by the model's name: `…hang…` stops pausing in the middle of a scan, `…large…` has 150,000
 * tokens, `…huge…` 262,144 and `…middle…` 50,000, `…slow…` takes its time, `…broken…` cannot be loaded, `…untestable…` fails its
 * controls, `…wordless…` has no tokenizer; in the attention lens `…cut…` cuts words otherwise and `…failing…` fails. Weights that
 * are rounded make ten more tokens fail.
 */
import type {
  AnswerColumn, DetectorRow, DetectorTable, DeviceInfo, DevicePreference, GranularityRow, IndicatorTable, Label, OracleInfo, OracleOffer, Panel, Prevalence,
  PrevalenceOptions, Probe, ProbeDetail, Report, ReportDiff, Round, ScanEvent, ScanOptions, SessionInfo, Skipped, TokenClass, TokenGraph, TokenTable, VerdictColumn,
} from "../../../www/src/report/types";

import * as lens from "./attention";

export { attention_comparison, attention_csv, attention_example, attention_import, attention_import_npy, attention_npy, attention_pieces } from "./attention";

interface JsSource {
  readonly name: string;
  len(file: string): Promise<number | null>;
  read(file: string, start: number, end: number): Promise<Uint8Array>;
}
type On = (event: ScanEvent) => void;

export default async function init(): Promise<void> {}

export function gpu_tuning(): string {
  return "{}";
}

export function restore_gpu_tuning(): void {}

export function version(): string {
  return "0.0.0-scripted";
}

export class Cancel {
  cancelled = false;
  cancel(): void {
    this.cancelled = true;
  }
  free(): void {}
}

/** mulberry32: the same vocabulary every time. */
function random(seed: number): () => number {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

const pause = (ms = 0) => new Promise((resolve) => setTimeout(resolve, ms));

const HOSTILE = [
  "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "\u202Eevil\u202C", " SolidGoldMagikarp", "line\nbreak\r\n", "\t\ttabs",
  "\u0000\u0001\u001B[31m", "e\u0301\u0301\u0301", "\u0301", "שלום", "مرحبا", "\u200B\u200D\uFEFF", "A".repeat(200), "👩‍👩‍👧‍👦", "ab\u00ADcd", "${7*7}{{7*7}}",
  "=HYPERLINK(\"http://x\")", "'\"`\\", "", " ", "　", "z\u0489\u0489\u0489\u0489\u0489\u0489\u0489\u0489\u0489\u0489", "ZA̡͊͠͝LGΌ",
];

function vocabulary(n: number): { tokens: TokenTable; failing: Set<number> } {
  const next = random(7);
  const [text, bytesHex, kinds]: [string[], string[], TokenClass[]] = [[], [], []];
  const failing = new Set<number>();
  const syllables = ["ka", "ro", "mi", "ten", "sol", "ver", "lu", "an", "ba", "or", "qui", "st", "ex", "dru", "pel", "ing", "tion"];
  for (let id = 0; id < n; id++) {
    if (id < 2) {
      text.push(["<s>", "</s>"][id]!);
      bytesHex.push("");
      kinds.push("special");
    } else if (id < 130) {
      text.push("\uFFFD");
      bytesHex.push((126 + id).toString(16));
      kinds.push("byte");
    } else if (id < 140) {
      text.push("\uFFFD");
      bytesHex.push(`e4bd${(128 + id - 130).toString(16)}`.slice(0, 4));
      kinds.push("partial_utf8");
    } else if (id < 140 + HOSTILE.length) {
      text.push(HOSTILE[id - 140]!);
      bytesHex.push("");
      kinds.push("ok");
      failing.add(id);
    } else {
      const word = Array.from({ length: 1 + Math.floor(next() * 3) }, () => syllables[Math.floor(next() * syllables.length)]).join("");
      text.push((next() < 0.5 ? " " : "") + (id % 11 === 0 ? word[0]!.toUpperCase() + word.slice(1) : word));
      bytesHex.push("");
      kinds.push(id % 400 === 0 ? "unreachable" : "ok");
      if (kinds[id] === "ok" && (id % 5 === 3 && id > n * 0.6 || next() < 0.002)) failing.add(id);
    }
  }
  return { tokens: { text, bytes_hex: bytesHex, class: kinds }, failing };
}

function graphOf(n: number, failing: Set<number>): TokenGraph {
  const next = random(11);
  const gauss = () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());
  const clusters = Math.max(8, Math.round(n / 40));
  const centres = Array.from({ length: clusters }, (_, c) => {
    const angle = c * 2.399963;
    const radius = 0.92 * Math.sqrt((c + 0.5) / clusters);
    return [radius * Math.cos(angle), radius * Math.sin(angle)] as const;
  });
  const [ids, x, y, cluster]: number[][] = [[], [], [], []];
  const members: number[][] = Array.from({ length: clusters }, () => []);
  const bad = Math.max(1, Math.round(clusters * 0.12));
  for (let id = 0; id < n; id++) {
    const c = failing.has(id) && next() < 0.97 ? clusters - 1 - Math.floor(next() * bad) : Math.floor(next() * (clusters - bad));
    members[c]!.push(id);
    ids!.push(id);
    cluster!.push(c);
    x!.push(Math.max(-1, Math.min(1, centres[c]![0] + gauss() * 0.03)));
    y!.push(Math.max(-1, Math.min(1, centres[c]![1] + gauss() * 0.03)));
  }
  const k = 10;
  const [neighbours, distances]: number[][] = [[], []];
  for (let id = 0; id < n; id++) {
    const peers = members[cluster![id]!]!;
    const at = peers.indexOf(id);
    for (let i = 1; i <= k; i++) {
      neighbours!.push(peers[(at + i) % peers.length]!);
      distances!.push(0.05 * i + next() * 0.01);
    }
  }
  return {
    ids: ids!, x: x!, y: y!, cluster: cluster!, n_clusters: clusters, neighbours_per_token: k, neighbours: neighbours!,
    distances: distances!, explained_variance: 0.81, quality: 0.72,
    search: { method: "exact", n_neighbours: 49, recall: null, sample_rows: 0, pairs: 1 },
  };
}

const ORACLE: OracleInfo = {
  id: "repetition-zero-shot", title: "Can the model repeat the token?",
  prompts: [{
    name: "repetition-zero-shot", form: "plain", text: ["Question: '", "' Answer:"], ids: [[0, 210, 345, 400, 512], [611, 154, 733]],
    placeholder: "garden", max_new_tokens: 10, decoding: "greedy",
  }],
  value: "1 when the task fails, else 0",
  rules: ["The answer holds the token's text, letter case aside."], source: "arXiv 2404.09894",
};

/** A second oracle that shares the first one's question and fails every fourth token besides; a third that asks its own. */
const OTHERS: OracleInfo[] = [
  { ...ORACLE, id: "glitchhunter-zero-shot", title: "three tasks", prompts: [...ORACLE.prompts, { ...ORACLE.prompts[0]!, name: "length-zero-shot" }], value: "tasks that fail, 0 to 3" },
  { ...ORACLE, id: "repetition-sampled", title: "sampled", prompts: [{ ...ORACLE.prompts[0]!, name: "repetition-sampled", decoding: "sampled 10 times" }], value: "share of attempts that fail" },
];

export class Session {
  private readonly tokenTable: TokenTable;
  private readonly failing: Set<number>;
  private readonly graph: TokenGraph;

  private constructor(private readonly name: string, private readonly device: DeviceInfo, private readonly weights: string) {
    const made = vocabulary(
      name.includes("huge") ? 262_144 : name.includes("large") ? 150_000 : name.includes("middle") ? 50_000 : 4_096,
    );
    this.tokenTable = made.tokens;
    this.failing = made.failing;
    if (weights !== "stored") for (let id = 1000; id < 1010; id++) this.failing.add(id);
    this.graph = graphOf(made.tokens.text.length, made.failing);
  }

  static async open(source: JsSource, device: DevicePreference, on: On, cancel: Cancel, weights = "stored"): Promise<Session> {
    on({ event: "stage", stage: "opening", detail: source.name });
    const length = await source.len("config.json");
    if (length === null) {
      throw { message: `${source.name}: config.json is missing`, hint: "Choose a folder with config.json, model.safetensors and tokenizer.json.", kind: "input" };
    }
    JSON.parse(new TextDecoder().decode(await source.read("config.json", 0, length)));
    if (source.name.includes("broken")) {
      throw { message: "model.safetensors: the header says 2,136,256 bytes, the file has 1,048,576", hint: "The download was cut short. Get the file again.", kind: "input" };
    }
    if (device === "gpu") throw { message: "no usable GPU: the scripted core has none", hint: "Run on the CPU (device: cpu).", kind: "device" };
    on({ event: "stage", stage: "loading weights", detail: "scripted" });
    const total = (await source.len("model.safetensors")) ?? 2_000_000;
    const steps = source.name.includes("slow") ? 40 : 4;
    for (let i = 1; i <= steps; i++) {
      await pause(source.name.includes("slow") ? 50 : 2);
      if (cancel.cancelled) throw { message: "cancelled", hint: null, kind: "cancelled" };
      const [start, end] = [Math.floor((total * (i - 1)) / steps), Math.floor((total * i) / steps)];
      if ((await source.len("model.safetensors")) !== null) await source.read("model.safetensors", start, end);
      on({ event: "advance", done: end, total, unit: "bytes" });
    }
    return new Session(source.name, {
      kind: "cpu", name: "wasm simd128", detail: "", software: false, precision: "f32",
      reason: device === "cpu" ? "the CPU was asked for" : "no usable GPU: the scripted core has none",
    }, weights);
  }

  info(): SessionInfo {
    const counts = new Map<TokenClass, number>();
    for (const kind of this.tokenTable.class) counts.set(kind, (counts.get(kind) ?? 0) + 1);
    return {
      model: {
        name: this.name, family: "llama", parameters: 1_065_088, stored_types: [[this.weights === "int8" ? "Q8_0" : "F16", 2_130_176]], n_layers: 4, n_heads: 4, n_kv_heads: 2,
        n_channels: 128, context: 512, embedding_rows: this.tokenTable.text.length, vocabulary: this.tokenTable.text.length,
        tied_embeddings: true, files: [{ name: "model.safetensors", bytes: 2_136_256, sha256: null }],
      },
      device: this.device, notes: [], classes: [...counts].map(([kind, n]) => ({ class: kind, count: n })), has_tokenizer: !this.name.includes("wordless"), chat_templates: [],
      oracle: ORACLE, lacks: this.name.includes("wordless") ? [{ need: "tokenizer", reason: "The model came without a tokenizer." }] : [],
    };
  }

  tokens(): TokenTable {
    return this.tokenTable;
  }

  oracles(): OracleOffer[] {
    const known = [ORACLE, ...OTHERS].map((oracle) => ({ id: oracle.id, oracle, problem: null }));
    return [...known, { id: "magikarp-max-prob", oracle: null, problem: "the prompt needs 600 tokens, the model's context is 512" }];
  }

  async indicators(): Promise<IndicatorTable> {
    await pause(20);
    const values = Array.from({ length: this.tokenTable.text.length }, (_, id) => (this.failing.has(id) ? 0.5 : 2) + (id % 97) / 100);
    return {
      references: { group: "bytes that UTF-8 never uses", ids: [128, 129], mutual_cosine: 0.99 },
      columns: [{ name: "magikarp-input-norm", what: "norm of the input row", values }],
    };
  }

  async compare(truth: string, _options: Partial<ScanOptions>, _names: string[], seeds: Uint32Array, _budget: number, on: On, cancel: Cancel): Promise<string> {
    const report = JSON.parse(truth) as Report;
    const curve = (steep: number, shift = 0) => Array.from({ length: 51 }, (_, i) => Math.min(1, Math.max(0, (i / 50) ** steep + shift)));
    const mean = (value: number, spread = 0) => ({ mean: value, low: value - spread, high: value + spread });
    const table: DetectorTable = {
      schema: "glitchscope.detectors", schema_version: 1, status: "cancelled", provenance: report.provenance, questions: report.probes.length,
      glitch_tokens: report.glitch_tokens.length, tokens_per_question: 20, seconds_per_question: 0.002, seeds: [...seeds], references: null, caution: null, rows: [], runs: [], notes: [],
    };
    const names = ["random", "random-rule-based", "k-means", "glitchhunter", "glitchhunter-statistical", "magikarp-input-norm", "magikarp-cosine",
      "magikarp-cosine-centred", "magikarp-cosine-no-pc1", "magikarp-distance", "glitchminer", "glitchprober"];
    for (const [i, name] of names.entries()) {
      on({ event: "stage", stage: "detectors", detail: `${name}, detector ${i + 1} of 13` });
      await pause(this.name.includes("slow") ? 200 : 10);
      if (cancel.cancelled) return JSON.stringify(table);
      const [seeded, verified] = [!name.startsWith("magikarp") && name !== "glitchminer", i > 2];
      const recall = 0.4 + 0.045 * i;
      const row: DetectorRow = {
        info: { name, what: "scripted", needs: "", source: "", is_seeded: seeded, is_verified: verified }, runs: seeded ? seeds.length : 1,
        true_positives: mean(recall * table.glitch_tokens), precision: mean(verified ? 1 : 0.1), recall: mean(recall, seeded ? 0.02 : 0), f1: mean(0.5),
        queries: mean(verified ? 1000 + 50 * i : 0), model_tokens: mean(20_000), own_seconds: mean(0.1), seconds: mean(2.1),
        curve: curve(1 / (1 + 0.3 * i)), curve_low: curve(1 / (1 + 0.3 * i), seeded ? -0.03 : 0), curve_high: curve(1 / (1 + 0.3 * i), seeded ? 0.03 : 0),
      };
      table.rows.push(row);
      on({ event: "detectors", table: structuredClone(table) });
    }
    table.status = "complete";
    table.notes.push("magikarp-head-bias was left out: the head has no bias.");
    return JSON.stringify(table);
  }

  /** What several oracles say: the second fails every fourth token too, the third every failing one but a quarter. */
  private panel(options: ScanOptions, probes: Probe[]): Panel | null {
    const chosen = [ORACLE, ...OTHERS].filter(({ id }) => options.oracles.includes(id));
    if (chosen.length < 2) return null;
    const says = (oracle: string, { id, passed }: Probe) => (oracle === ORACLE.id ? passed : oracle === "glitchhunter-zero-shot" ? passed && id % 4 !== 0 : passed || id % 4 === 1);
    const verdicts: VerdictColumn[] = chosen.map(({ id: oracle }) => {
      const passed = probes.map((probe) => says(oracle, probe));
      const sampled = oracle === "repetition-sampled";
      return {
        oracle, controls_asked: 24, controls_passed: sampled ? 3 : 24, passed, passed_strict: passed, value: passed.map((one) => (one ? 0 : sampled ? 0.7 : 1)),
        interval: sampled ? passed.map((one) => (one ? [0, 0.28] : [0.4, 0.89])) : [],
      };
    });
    const answers: AnswerColumn[] = [...new Set(chosen.flatMap(({ prompts }) => prompts.map(({ name }) => name)))].map((prompt) => ({
      prompt, p_target: probes.map(({ p_target }) => p_target), p_max: probes.map(({ p_target }) => p_target), argmax: probes.map(({ argmax }) => argmax),
      entropy: probes.map(({ entropy }) => entropy), failed: probes.map(({ passed }) => !passed), failures: prompt === "repetition-sampled" ? probes.map(({ passed }) => (passed ? 0 : 7)) : [],
      ids: probes.map(({ answer }) => answer), text: probes.map(({ answer_text }) => answer_text),
    }));
    const agreement = verdicts.flatMap((a, i) => verdicts.slice(i + 1).map((b) => {
      const n = (x: boolean, y: boolean) => a.passed.filter((one, at) => one === x && b.passed[at] === y).length;
      const [both, onlyA, onlyB, pass] = [n(false, false), n(false, true), n(true, false), n(true, true)];
      return { a: a.oracle, b: b.oracle, both_fail: both, only_a_fails: onlyA, only_b_fails: onlyB, both_pass: pass, jaccard: both / Math.max(1, both + onlyA + onlyB), kappa: 0.5 };
    }));
    return { oracles: chosen, ids: probes.map(({ id }) => id), verdicts, answers, agreement };
  }

  /** Two rounds: the first keeps the clusters in which most glitch tokens lie, the second keeps all of them. */
  private rounds(queries: number, hits: number): Round[] {
    const { graph } = this;
    const stays = (cluster: number) => cluster >= graph.n_clusters * 0.87;
    const test = (kept: boolean) => ({ size: 40, askable: 40, sampled: 5, hits: kept ? 2 : 0, p_value: null, q_value: null, miss_probability: 0.1, kept });
    const left = graph.cluster.filter(stays);
    const numbers = [...new Set(left)].sort((a, b) => a - b);
    const round = { cluster_sizes: [], complete: true, kept_clusters: numbers.length, kept_tokens: left.length };
    return [
      { ...round, round: 1, tokens: graph.ids.length, clusters: graph.n_clusters, queries, hits, quality: 0.72, partition: graph.cluster,
        tests: Array.from({ length: graph.n_clusters }, (_, cluster) => test(stays(cluster))) },
      { ...round, round: 2, tokens: left.length, clusters: numbers.length, queries: 60, hits: 3, quality: 0.61,
        partition: left.map((cluster) => numbers.indexOf(cluster)), tests: numbers.map(() => test(true)) },
    ];
  }

  private verdict(id: number): Probe {
    const next = random(id * 31 + 5);
    const failed = this.failing.has(id);
    const other = 200 + Math.floor(next() * 1000);
    return {
      id, passed: !failed, passed_strict: !failed && next() > 0.1, value: failed ? 1 : 0, p_target: failed ? next() ** 6 * 0.01 : 0.8 + 0.2 * next(),
      argmax: failed ? other : id, entropy: failed ? 2 + 3 * next() : 0.4 * next(), answer: failed ? [other, other + 1, 1] : [id],
      answer_text: failed ? (this.tokenTable.text[other] ?? "") + (this.tokenTable.text[other + 1] ?? "") : this.tokenTable.text[id]!,
    };
  }

  async scan(options: Partial<ScanOptions>, truth: string | undefined, on: On, cancel: Cancel): Promise<string> {
    const full: ScanOptions = { ...DEFAULTS, ...options };
    const n = this.tokenTable.text.length;
    const askable = [...Array(n).keys()].filter((id) => this.tokenTable.class[id] === "ok");
    const probes: Probe[] = [];
    const untestable = this.name.includes("untestable");
    const overridden = untestable && full.despite_controls;
    const controls = askable.slice(100, 124).map((id) => ({ ...this.verdict(id), passed: !untestable }));
    on({ event: "stage", stage: "controls", detail: "asking about 24 ordinary words" });
    on({ event: "advance", done: 24, total: 24, unit: "tokens" });
    for (const [stage, detail] of [
      ["components", `reducing ${n} rows of 128 to 50 components`], ["neighbours", `finding the 50 nearest of ${n} tokens for each`],
      ["weights", "weighing the 50 nearest of each"], ["communities", "resolution 75, at most 10 passes"], ["layout", `drawing the map of ${n} tokens`],
    ] as const) {
      on({ event: "stage", stage, detail });
      await pause(10);
    }
    on({ event: "graph", graph: this.graph });
    let status: Report["status"] = untestable && !overridden ? "not_testable" : "complete";
    const queue = full.method === "exhaustive" ? askable
      : askable.filter((id) => this.graph.cluster[id]! >= this.graph.n_clusters * 0.87 || id % 4 === 0);
    on({ event: "stage", stage: "probing", detail: full.method === "exhaustive" ? `asking about all ${askable.length} tokens` : `round 1: ${this.graph.n_clusters} clusters` });
    const batch = full.batch_size || (n > 10_000 ? 2_000 : 64);
    for (let i = 0; i < queue.length && status === "complete"; i += batch) {
      await pause(this.name.includes("slow") ? 200 : 4);
      if (this.name.includes("hang") && i > queue.length / 3) for (const until = performance.now() + 20_000; performance.now() < until;);
      if (cancel.cancelled) {
        status = "cancelled";
        break;
      }
      const batchProbes = queue.slice(i, i + batch).map((id) => this.verdict(id));
      probes.push(...batchProbes);
      on({ event: "probes", probes: batchProbes });
      on({ event: "advance", done: Math.min(queue.length, i + batch), total: queue.length, unit: "tokens" });
    }
    probes.sort((a, b) => a.id - b.id);
    const asked = new Set(probes.map(({ id }) => id));
    const glitchTokens = probes.filter(({ passed }) => !passed).map(({ id }) => id);
    const skipped = new Map<TokenClass, Skipped>();
    for (let id = 0; id < n; id++) {
      if (asked.has(id)) continue;
      const kind = this.tokenTable.class[id]!;
      if (!skipped.has(kind)) skipped.set(kind, { class: kind, reason: kind === "ok" ? "its cluster was dropped" : "text cannot produce it", ids: [] });
      skipped.get(kind)!.ids.push(id);
    }
    const labels: Label[] = glitchTokens.map((id) => ({
      id, token_type: id < 170 ? "special" : "letter", symptoms: [["repetition-zero-shot", "hallucinatory_completion"]], corrected_type: null, corrected_symptoms: [],
    }));
    const special = labels.filter(({ token_type }) => token_type === "special").length;
    const panel = this.panel(full, probes);
    const known = truth ? (JSON.parse(truth) as Report) : null;
    const hit = known ? glitchTokens.filter((id) => known.glitch_tokens.includes(id)).length : 0;
    const report: Report = {
      schema: "glitchscope.scan", schema_version: 2,
      provenance: {
        glitchscope: version(), model: this.info().model, device: this.device, options: full,
        oracle: ORACLE,
      },
      summary: ["A scripted scan."], status,
      controls: { asked: 24, passed: controls.filter(({ passed }) => passed).length, testable: !untestable, overridden, probes: controls },
      tokens: this.tokenTable, graph: this.graph, probes, panel, glitch_tokens: glitchTokens,
      labels, label_counts: {
        types: [["letter", labels.length - special], ["special", special]], symptoms: [[["repetition-zero-shot", "hallucinatory_completion"], labels.length]],
      }, model_tokens: probes.length * 20, skipped: [...skipped.values()],
      hunt: full.method === "exhaustive" ? null : {
        rounds: this.rounds(queue.length - 80, glitchTokens.length - 3),
        surviving: glitchTokens, queries: probes.length, verification_queries: 20, stopped: "no token was dropped in round 2", model_tokens: probes.length * 20,
      },
      comparison: known && full.method !== "exhaustive" ? {
        true_positives: hit, false_positives: glitchTokens.length - hit, false_negatives: known.glitch_tokens.length - hit,
        precision: hit / Math.max(1, glitchTokens.length), recall: hit / Math.max(1, known.glitch_tokens.length),
        queries_exhaustive: known.probes.length, query_share: probes.length / known.probes.length,
      } : null,
      notes: ["At resolution 75 the 102 clusters have 40 tokens on average, and at least 5 of each are asked about."], timings: [],
    };
    return JSON.stringify(report);
  }

  /** Keeps nothing: resuming is tested with the real core. */
  scan_kept(options: Partial<ScanOptions>, truth: string | undefined, _state: Uint8Array | undefined, on: On, cancel: Cancel): Promise<string> {
    return this.scan(options, truth, on, cancel);
  }

  resumable(): null {
    return null;
  }

  async granularity(_truth: string, _options: Partial<ScanOptions>, resolutions: Float64Array, on: On, cancel: Cancel): Promise<GranularityRow[]> {
    const rows: GranularityRow[] = [];
    for (const [i, resolution] of resolutions.entries()) {
      on({ event: "stage", stage: "communities", detail: `resolution ${resolution}` });
      await pause(20);
      if (cancel.cancelled) throw { message: "cancelled", hint: null, kind: "cancelled" };
      on({ event: "advance", done: i + 1, total: resolutions.length, unit: "resolutions" });
      const share = Math.min(1, 0.12 + 0.22 * Math.log10(1 + resolution * 4));
      rows.push({
        resolution, clusters: Math.round(12 * resolution ** 0.8) + 4, mean_cluster_size: 4096 / (Math.round(12 * resolution ** 0.8) + 4),
        queries: Math.round(share * 3900), query_share: share, recall: 1 - 0.4 / (1 + resolution), rounds: 3,
      });
    }
    return rows;
  }

  async probe(id: number): Promise<ProbeDetail> {
    await pause(30);
    const probe = this.verdict(id);
    return {
      probe, prompt_ids: [0, 210, 345, 400, 512, id, 611, 154, 733], token_index: 5, answer_ids: [...probe.answer, 300, 301],
      top: [probe.argmax, 260, 270, 280, 290, 300, 310, 320].map((top, i) => ({ id: top, p: 0.5 / 2 ** i })),
    };
  }

  async prevalence(_report: string, source: JsSource, files: string[], options: Partial<PrevalenceOptions>): Promise<string> {
    const all = { documents: 2, documents_hit: 1, tokens: 40, glitch_tokens: 3 };
    const [id, text] = [143, HOSTILE[3]!];
    const result: Prevalence = {
      schema: "glitchscope.prevalence", schema_version: 1, glitchscope: version(), model: this.name, oracle: ORACLE.id, looked_for: 23,
      options: { line_by_line: false, fields: [], documents: 100, excerpts: 4, ...options }, status: "complete", all, ratio: 0.075,
      files: files.map((name) => ({
        name, format: "text, one document", layouts: [["plain text", 2]], bytes: 200, bytes_read: 200, count: all, broken: 1,
        first_broken: [{ line: 3, offset: 17, reason: "column 1: expected value" }], error: null,
      })),
      tokens: [{ id, text, count: 3, documents: 1 }],
      densest: [{ file: 0, document: 1, line: 1, offset: 0, tokens: 20, glitch_tokens: 3, density: 0.15, excerpts: [
        { cut_before: true, cut_behind: true, spans: [{ text: `${source.name} says`, id: null }, { text, id }, { text: HOSTILE[1]!, id: null }] }] }],
      notes: [],
    };
    return JSON.stringify(result);
  }

  async repair_merges(): Promise<never> {
    throw { message: "the scripted core repairs nothing", hint: null, kind: "input" };
  }

  async repair_rows(): Promise<never> {
    throw { message: "the scripted core repairs nothing", hint: null, kind: "input" };
  }

  restore_rows(): boolean {
    return false;
  }

  encode(text: string): Uint32Array {
    return new Uint32Array(Math.ceil(text.length / 3));
  }

  encode_chat([{ content }]: [{ content: string }]): { text: string; ids: Uint32Array } {
    return { text: content, ids: this.encode(content) };
  }

  kv_bytes_per_token(): number {
    return 2_048;
  }

  /** Says some of the prompt's own words, one every few milliseconds. */
  async generate_text(
    prompt: string, { max_new }: { max_new: number }, on: On, cancel: Cancel,
  ): Promise<{ text: string; ids: number[]; prompt_tokens: number; ended: boolean }> {
    const words = prompt.match(/\S+/g) ?? [];
    const next = random(prompt.length);
    const said: string[] = [];
    for (let i = 0; i < Math.min(max_new, 24); i++) {
      await pause(this.name.includes("slow") ? 60 : 4);
      if (cancel.cancelled) throw { message: "cancelled", hint: null, kind: "cancelled" };
      const text = `${i > 0 ? " " : ""}${words[Math.floor(next() * words.length)] ?? ""}`;
      said.push(text);
      on({ event: "text", text });
      on({ event: "advance", done: i + 1, total: max_new, unit: "tokens" });
    }
    return { text: said.join(""), ids: said.map((_, i) => i), prompt_tokens: this.encode(prompt).length, ended: max_new > 24 };
  }

  async attention(request: string, on: On, cancel: Cancel): Promise<string> {
    on({ event: "stage", stage: "attending", detail: this.name });
    const slow = this.name.includes("slow");
    for (let layer = 1; layer <= 6; layer++) {
      await pause(slow ? 400 : 10);
      if (cancel.cancelled) throw { message: "cancelled", hint: null, kind: "cancelled" };
      on({ event: "advance", done: layer, total: 6, unit: "layers" });
      if (this.name.includes("failing") && layer === 3) throw { message: "layer 3: 512 tokens need 96 MiB, 64 MiB are free", hint: "Shorten the text.", kind: "input" };
    }
    return JSON.stringify(lens.result(request, this.name, this.info().model, this.device));
  }

  attention_tokens(request: string): string {
    return JSON.stringify(lens.textTokens(request, this.name));
  }

  async attention_map(request: string, text: number, layer: number, head: number, on: On): Promise<Float32Array> {
    on({ event: "stage", stage: "attention map", detail: `layer ${layer}, head ${head}` });
    await pause(20);
    return lens.map(request, this.name, text, layer, head);
  }

  free(): void {}
}

const DEFAULTS: ScanOptions = {
  method: "glitchhunter", task: "repetition", oracles: [], form: "auto", attempts: 10, temperature: 0.7, top_p: 0.9, seed: 42, n_neighbors: 50,
  resolution: 75, n_components: 50, keep_rule: "ratio", keep_ratio: 0, alpha: 0.05, sample_min: 5, sample_fraction: 0.1,
  sample_max: 50, max_rounds: 20, stop_below: 100, verify_final: true, leiden_iterations: 10, batch_size: 0, n_controls: 24,
  controls_pass_ratio: 0.5, despite_controls: false, neighbours: "auto", with_graph: true,
};

export function reopen_report(json: string): string {
  let schema: unknown;
  try {
    schema = (JSON.parse(json) as Partial<Report>).schema;
  } catch (error) {
    throw { message: `the report is not JSON: ${String(error)}`, hint: "Open a file saved by Glitchscope.", kind: "input" };
  }
  if (schema !== "glitchscope.scan") throw { message: `schema is ${String(schema)}, expected glitchscope.scan`, hint: "Open a file saved by Glitchscope.", kind: "input" };
  return json;
}

export function prevalence_csv(): string {
  return "file,document\r\n";
}

export function detectors_csv(json: string): string {
  const { rows } = JSON.parse(json) as DetectorTable;
  return `detector,recall\r\n${rows.map(({ info, recall }) => `${info.name},${recall.mean}`).join("\r\n")}\r\n`;
}

export function report_csv(json: string): string {
  const report = JSON.parse(json) as Report;
  return `id,passed\r\n${report.probes.map((probe) => `${probe.id},${probe.passed}`).join("\r\n")}\r\n`;
}

export function export_report(json: string, format: string): string {
  return `${format}: ${(JSON.parse(json) as Report).glitch_tokens.length} glitch tokens\n`;
}

/** Both scripted reports are of one vocabulary; the verdicts are those of the files. */
export function diff_reports(a: string, b: string, ofA?: string | null, ofB?: string | null): string {
  reopen_report(b);
  const [first, second] = [JSON.parse(a) as Report, JSON.parse(b) as Report];
  const inB = new Map(second.probes.map((probe) => [probe.id, probe]));
  const pairs = first.probes.flatMap((probe) => (inB.has(probe.id) ? [[probe, inB.get(probe.id)!] as const] : []));
  const of = <T>(get: (probe: Probe) => T) => [pairs.map(([probe]) => get(probe)), pairs.map(([, probe]) => get(probe))] as const;
  const [passed, p, entropy, value] = [of(({ passed }) => passed), of(({ p_target }) => p_target), of(({ entropy }) => entropy), of(({ value }) => value)];
  const n = (x: boolean, y: boolean) => pairs.filter(([one, other]) => one.passed === x && other.passed === y).length;
  const flips = [...pairs.keys()].filter((at) => passed[0][at] !== passed[1][at]);
  const columns = [ofA, ofB].map((json) => (json ? (JSON.parse(json) as IndicatorTable).columns : []));
  return JSON.stringify({
    schema: "glitchscope.diff", schema_version: 1, a: first.provenance, b: second.provenance, summary: ["A scripted comparison."], cautions: [],
    differences: ["precision: f32 and int8"], matching: { by: "id", matched: first.tokens.text.length, only_a: 0, only_b: 0, ambiguous_a: 0, ambiguous_b: 0 },
    oracles: [{ oracle: ORACLE.id, both_fail: n(false, false), only_a_fails: n(false, true), only_b_fails: n(true, false), both_pass: n(true, true), jaccard: 0.9 }],
    tokens: {
      id_a: pairs.map(([{ id }]) => id), id_b: pairs.map(([{ id }]) => id), text: pairs.map(([{ id }]) => first.tokens.text[id]!),
      passed_a: passed[0], passed_b: passed[1], p_target_a: p[0], p_target_b: p[1], entropy_a: entropy[0], entropy_b: entropy[1], value_a: value[0], value_b: value[1],
    },
    flips, flip_answers: flips.map((at) => [pairs[at]![0].answer_text, pairs[at]![1].answer_text]),
    indicators: columns[0]!.map((column, i) => ({
      name: column.name, what: column.what, a: pairs.map(([{ id }]) => column.values[id]!), b: pairs.map(([{ id }]) => columns[1]![i]!.values[id]!), change: { mean: 0.01, largest: 1.5 },
    })),
    p_target_change: { mean: 0.01, largest: 0.5 }, entropy_change: { mean: 0.1, largest: 2 },
    only_a: first.glitch_tokens.filter((id) => !inB.has(id)).map((id) => ({ id, text: first.tokens.text[id]!, reason: "not asked about there" })), only_b: [],
  } satisfies ReportDiff);
}

export function whole_state_bytes(): number {
  return 0;
}

export function diff_csv(a: string, b: string): string {
  return `id_a\r\n${(JSON.parse(diff_reports(a, b)) as ReportDiff).tokens.id_a.join("\r\n")}\r\n`;
}
