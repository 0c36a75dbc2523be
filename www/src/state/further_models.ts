/**
 * Models beside the first one, for whatever compares models. Each has a worker of its own with its own wasm memory: it is
 * loaded, works, fails, is cancelled and goes away without the others.
 */
import { asFailure, Core, type Failure, type Listener, type Placement, type SourceSpec } from "../core/client";
import { parseAddress } from "../core/address";
import { absolute, type LoadedModel } from "./loaded_model";
import { Job, type JobKind } from "./progress";

/** What went wrong with a further model, while doing what. */
export interface FurtherTrouble extends Failure {
  during: JobKind;
}

/** One further model. Announces `change`. */
export class FurtherModel extends EventTarget {
  readonly core = new Core();
  model: LoadedModel | null = null;
  /** What is being loaded, or could not be; null before anything was chosen. */
  wanted: SourceSpec | null = null;
  placement: Placement = { device: "auto", weights: "stored" };
  job: Job | null = null;
  trouble: FurtherTrouble | null = null;
  /** Said by the core while it worked. */
  notes: string[] = [];
  private gone = false;

  /** Loads what the first model could be loaded from as well. False when it failed or was cancelled; `trouble` says why. */
  async load(spec: SourceSpec, placement: Placement = this.placement): Promise<boolean> {
    if (this.job || this.gone) return false;
    this.wanted = spec;
    this.placement = placement;
    this.model = null;
    this.notes = [];
    const opened = await this.run("load", (on) => this.core.open(absolute(spec), placement, on));
    if (opened) this.model = { spec, ...opened };
    this.changed();
    return opened !== null;
  }

  /** Loads what a person typed: `owner/name`, `owner/name@revision` or a URL. False when it is none of these. */
  loadTyped(typed: string, hub: string, token: string): boolean {
    const spec = parseAddress(typed, document.baseURI, hub);
    if (!spec) return false;
    void this.load(spec.kind === "hub" && token ? { ...spec, token } : spec);
    return true;
  }

  /**
   * Runs one job, with its progress in `job`. Null when it failed, which `trouble` then tells, or was cancelled. `hear` gets
   * the events as well, for what a job brings besides its result.
   */
  async run<T>(kind: JobKind, work: (on: Listener, job: Job) => Promise<T>, hear: Listener = () => {}): Promise<T | null> {
    if (this.job || this.gone) return null;
    const job = new Job(kind);
    this.job = job;
    this.trouble = null;
    this.changed();
    try {
      return await work((event) => {
        if (this.job !== job) return;
        if (event.event === "stage") job.enter(event.stage, event.detail);
        else if (event.event === "advance") job.advance(event.done, event.total, event.unit);
        else if (event.event === "note") this.notes = [...this.notes, event.text];
        hear(event);
        this.changed();
      }, job);
    } catch (error) {
      const failure = asFailure(error);
      if (failure.kind !== "cancelled" && !this.gone) this.trouble = { ...failure, during: kind };
      return null;
    } finally {
      this.job = null;
      this.changed();
    }
  }

  /** Takes effect within a second. */
  cancel(): void {
    if (!this.job || this.job.cancelling) return;
    this.job.cancelling = true;
    this.core.cancel();
    this.changed();
  }

  dismiss(): void {
    this.trouble = null;
    this.changed();
  }

  /** Ends the worker and gives its memory back. What runs is given up. */
  dispose(): void {
    this.gone = true;
    this.model = null;
    this.core.dispose();
  }

  private changed(): void {
    if (!this.gone) this.dispatchEvent(new Event("change"));
  }
}

/** The models beside the first one. Announces `change` for itself and for each of them. */
export class FurtherModels extends EventTarget {
  private models: FurtherModel[] = [];
  private readonly heard = () => void this.dispatchEvent(new Event("change"));

  get list(): readonly FurtherModel[] {
    return this.models;
  }

  /** True while one of them works. */
  get busy(): boolean {
    return this.models.some(({ job }) => job !== null);
  }

  add(): FurtherModel {
    const model = new FurtherModel();
    model.addEventListener("change", this.heard);
    this.models = [...this.models, model];
    this.heard();
    return model;
  }

  remove(model: FurtherModel): void {
    if (!this.models.includes(model)) return;
    model.removeEventListener("change", this.heard);
    this.models = this.models.filter((one) => one !== model);
    model.dispose();
    this.heard();
  }
}
