/** The tokens of a vocabulary with everything known about each, as columns. Filled live, or from a saved report. */
import { PanelRows } from "./oracles";
import type { ClusterTest, Label, Probe, Report, TokenClass, TokenGraph, TokenTable } from "./types";

export const UNASKED = 0;
export const PASSED = 1;
export const FAILED = 2;
export const SKIPPED = 3;
export type Verdict = typeof UNASKED | typeof PASSED | typeof FAILED | typeof SKIPPED;
export const VERDICTS = ["unasked", "ok", "glitch", "skipped"] as const;

/** What the search did with a token, known once there is a search to compare with. */
export const SEARCH = ["", "found", "missed", "unasked", "asked"] as const;

export interface Neighbour {
  id: number;
  distance: number;
}

export class TokenRows {
  readonly length: number;
  readonly verdict: Uint8Array;
  readonly probe: (Probe | undefined)[];
  readonly cluster: Int32Array;
  /** Index into SEARCH. */
  readonly search: Uint8Array;
  /** Vertex of the graph by token id; -1 where there is none. */
  readonly vertex: Int32Array;
  graph: TokenGraph | null = null;
  /** What the search's first round, whose clusters are the graph's, found out about each; empty without a search. */
  tests: readonly ClusterTest[] = [];
  /** What every oracle said, once a scan with several has ended. */
  panel: PanelRows | null = null;
  readonly labels = new Map<number, Label>();
  /** Grows with every change, so that a view can tell whether it is up to date. */
  version = 0;

  constructor(readonly tokens: TokenTable) {
    this.length = tokens.text.length;
    this.verdict = new Uint8Array(this.length);
    this.probe = new Array<Probe | undefined>(this.length);
    this.cluster = new Int32Array(this.length).fill(-1);
    this.search = new Uint8Array(this.length);
    this.vertex = new Int32Array(this.length).fill(-1);
    tokens.class.forEach((kind, id) => {
      if (kind !== "ok") this.verdict[id] = SKIPPED;
    });
  }

  /** Rows of a report, with what its search did when the exhaustive report shows all verdicts. */
  static of(report: Report, search?: Report): TokenRows {
    const rows = new TokenRows(report.tokens);
    rows.addProbes(report.probes);
    const graph = report.graph ?? search?.graph;
    if (graph) rows.setGraph(graph);
    const hunted = search ?? (report.hunt ? report : undefined);
    if (hunted) rows.compare(hunted);
    if (report.panel) rows.panel = new PanelRows(report.panel);
    rows.setLabels(report.labels);
    return rows;
  }

  addProbes(probes: Probe[]): void {
    for (const probe of probes) {
      if (probe.id >= this.length) continue;
      this.probe[probe.id] = probe;
      this.verdict[probe.id] = probe.passed ? PASSED : FAILED;
    }
    this.version++;
  }

  setGraph(graph: TokenGraph): void {
    this.graph = graph;
    this.cluster.fill(-1);
    this.vertex.fill(-1);
    graph.ids.forEach((id, vertex) => {
      if (id >= this.length) return;
      this.vertex[id] = vertex;
      this.cluster[id] = graph.cluster[vertex]!;
    });
    this.version++;
  }

  setLabels(labels: readonly Label[]): void {
    for (const label of labels) this.labels.set(label.id, label);
    this.version++;
  }

  /** Forgets verdicts, keeps the map. */
  clear(): void {
    this.panel = null;
    this.tests = [];
    this.labels.clear();
    this.probe.fill(undefined);
    this.search.fill(0);
    this.tokens.class.forEach((kind, id) => {
      this.verdict[id] = kind === "ok" ? UNASKED : SKIPPED;
    });
    this.version++;
  }

  counts(): [unasked: number, passed: number, failed: number, skipped: number] {
    const counts: [number, number, number, number] = [0, 0, 0, 0];
    for (const verdict of this.verdict) counts[verdict as Verdict]++;
    return counts;
  }

  text(id: number): string {
    return this.tokens.text[id] ?? "";
  }

  bytesHex(id: number): string {
    return this.tokens.bytes_hex[id] ?? "";
  }

  kind(id: number): TokenClass {
    return this.tokens.class[id] ?? "unused";
  }

  /** Neighbours, nearest first. */
  neighbours(id: number): Neighbour[] {
    const { graph } = this;
    const vertex = this.vertex[id] ?? -1;
    if (!graph || vertex < 0) return [];
    const n = graph.neighbours_per_token;
    return Array.from({ length: n }, (_, i) => ({
      id: graph.neighbours[vertex * n + i] ?? -1,
      distance: graph.distances[vertex * n + i] ?? Number.NaN,
    })).filter((neighbour) => neighbour.id >= 0 && neighbour.id < this.length && neighbour.id !== id);
  }

  private compare(search: Report): void {
    const first = search.hunt?.rounds[0];
    if (first && this.graph && first.tests.length === this.graph.n_clusters) this.tests = first.tests;
    // Flags by id: of a large vocabulary sets would take longer to make than all the rest.
    const [found, asked] = [new Uint8Array(this.length), new Uint8Array(this.length)];
    for (const id of search.glitch_tokens) found[id] = 1;
    for (const { id } of search.probes) asked[id] = 1;
    for (let id = 0; id < this.length; id++) {
      if (this.verdict[id] === SKIPPED) continue;
      if (found[id] === 1) this.search[id] = 1;
      else if (this.verdict[id] === FAILED) this.search[id] = 2;
      else this.search[id] = asked[id] === 1 ? 4 : 3;
    }
  }
}
