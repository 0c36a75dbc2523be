/** Rate and time left, from what a job reports. The core reads no clock; the page does. */
import type { Timing } from "../report/types";

export type JobKind = "load" | "scan" | "granularity" | "detectors" | "indicators" | "prevalence" | "repair" | "compare" | LabJob;
/** What labs other than the scan run, by their ids. */
export type LabJob = "attention" | "holobench";

const WINDOW_MS = 4_000;

export class Job {
  stage = "";
  detail = "";
  done = 0;
  total = 0;
  unit = "";
  cancelling = false;
  /** Which of several scans this is, from 1. */
  part = 1;
  private readonly began = performance.now();
  private stageBegan = this.began;
  private readonly seconds = new Map<string, number>();
  private samples: { at: number; done: number }[] = [];
  private asked = { tokens: 0, ms: 0 };

  constructor(readonly kind: JobKind, readonly parts = 1) {}

  enter(stage: string, detail: string, now = performance.now()): void {
    this.leave(now);
    this.stage = stage;
    this.detail = detail;
    this.done = 0;
    this.total = 0;
    this.unit = "";
    this.samples = [];
    this.stageBegan = now;
  }

  advance(done: number, total: number, unit: string, now = performance.now()): void {
    if (unit !== this.unit || done < this.done) this.samples = [{ at: this.stageBegan, done: 0 }];
    this.done = done;
    this.total = total;
    this.unit = unit;
    this.samples.push({ at: now, done });
    while (this.samples.length > 2 && now - this.samples[0]!.at > WINDOW_MS) this.samples.shift();
  }

  /** Units per second over the last seconds; 0 while it cannot be told. */
  get rate(): number {
    const first = this.samples[0];
    const last = this.samples.at(-1);
    if (!first || !last || last.at - first.at < 50) return 0;
    return (1000 * (last.done - first.done)) / (last.at - first.at);
  }

  /** Seconds left in this stage; null while it cannot be told. */
  get left(): number | null {
    return this.rate > 0 && this.total > 0 ? (this.total - this.done) / this.rate : null;
  }

  /** Tokens asked about per second, over all stages that ask. */
  get tokenRate(): number {
    return this.asked.ms > 0 ? (1000 * this.asked.tokens) / this.asked.ms : 0;
  }

  timings(now = performance.now()): Timing[] {
    this.leave(now);
    this.stage = "";
    const stages = [...this.seconds].map(([stage, seconds]) => ({ stage, seconds }));
    return [...stages, { stage: "total", seconds: (now - this.began) / 1000 }];
  }

  private leave(now: number): void {
    if (this.stage === "") return;
    const ms = now - this.stageBegan;
    this.seconds.set(this.stage, (this.seconds.get(this.stage) ?? 0) + ms / 1000);
    if (this.unit === "tokens" && (this.stage === "probing" || this.stage === "verifying")) {
      this.asked.tokens += this.done;
      this.asked.ms += ms;
    }
  }
}
