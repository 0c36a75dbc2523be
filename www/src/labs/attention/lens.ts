/** What the attention lens knows: texts with concepts, models, what was measured. Announces `change`. */
import { asFailure, type Failure, type Listener, type SourceSpec } from "../../core/client";
import { parseAddress } from "../../core/address";
import { HUB } from "../../core/hub_source";
import { Job } from "../../state/progress";
import type { FurtherModel } from "../../state/further_models";
import { type LoadedModel, sameModel, SPECIMEN, SPECIMEN_LEGAL } from "../../state/loaded_model";
import { measuredRate, rememberRate } from "../../state/preferences";
import type { Session } from "../../state/session";
import { type EditedConcept, type EditedText, followed, fromRequest, joined, type Span, toRequest, trimmed, unbracketed, without } from "./marks";
import { EXCLUSION, formatSettings, parseSettings, STATISTICS } from "./settings";
import type { AttentionComparison, AttentionRequest, AttentionResult, Exclusion, StatisticsOptions, TextTokens } from "./types";

export const LAB = "attention";
/** The first and two beside it. */
export const MODELS_MAX = 3;
/** Milliseconds without an edit before the text is tokenised again. */
const REST_MS = 200;

/** A head's map of one text, of each model that has been asked. */
export interface OpenedHead {
  layer: number;
  head: number;
  text: number;
  /** By the model's place; what failed or is not yet there is missing. */
  maps: (Float32Array | undefined)[];
}

/** A model as a link names it; files of one's own have no name elsewhere. */
function linkAddress(spec: SourceSpec): string | null {
  if (spec.kind === "url") return spec.bundled ? spec.name : spec.url + (spec.modelFile ?? "");
  if (spec.kind === "files") return null;
  return spec.modelFile || spec.host !== HUB ? `${spec.host}/${spec.id}/resolve/${spec.revision}/${spec.modelFile ?? ""}` : spec.name;
}

/** `concept_model.npy`, as the button that saves arrays names them; what has no such name is a model's only concept. */
export function arrayName(path: string): { concept: string; model: string } {
  const stem = path.slice(path.lastIndexOf("/") + 1).replace(/\.npy$/i, "");
  const [, concept, model] = /^(.+)_([^_]+)$/.exec(stem) ?? [];
  return concept && model ? { concept, model } : { concept: "concept", model: stem };
}

function emptyText(name: string): EditedText {
  return { name, text: "", concepts: [{ name: "concept 1", spans: [], tokens: null }], alsoExcluded: [], kept: [] };
}

export class Lens extends EventTarget {
  texts: EditedText[] = [emptyText("")];
  exclusion: Exclusion = { ...EXCLUSION };
  statistics: StatisticsOptions = { ...STATISTICS };
  /** Text and concept in view. */
  at = 0;
  concept = 0;
  /** True while the texts are those of the example. */
  isExample = true;

  /** The texts as the first model's tokenizer sees them; null until it has been asked. */
  tokens: TextTokens[] | null = null;
  /** Why the request cannot be tokenised. */
  problem: Failure | null = null;

  results: AttentionResult[] = [];
  comparison: AttentionComparison | null = null;
  /** File names of a comparison that was not measured here. */
  imported: string | null = null;
  /** True when texts, marks or what is left out have changed since the measurement. */
  stale = false;
  pair = 0;
  /** A head that is open, or that a link wants open once there is something to open. */
  opened: OpenedHead | null = null;
  private wantedHead: { layer: number; head: number } | null = null;

  private raw: string[] = [];
  /** Who made each result; null for the session's own model. */
  private measured: (FurtherModel | null)[] = [];
  private rawComparison = "";
  private example: AttentionRequest | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private asked = 0;
  private model: LoadedModel | null = null;
  private besideModels: LoadedModel[] = [];
  private besideWanted = "";
  /** Whether the link and the example have been read. */
  private restored = false;
  private working = false;
  private besideByLink: string[] | null = null;

  constructor(readonly session: Session) {
    super();
    session.addEventListener("change", () => this.follow());
    session.addEventListener("settings", () => {
      if (session.lab === LAB) void this.restore();
    });
  }

  /** Reads the example and what the link says. */
  async restore(): Promise<void> {
    const settings = parseSettings(this.session.settingsOf(LAB));
    this.example ??= await this.session.core.attentionExample().then((json) => JSON.parse(json) as AttentionRequest, () => null);
    this.restored = true;
    this.isExample = settings.texts === null;
    this.texts = settings.texts ?? (this.example ? fromRequest(this.example) : [emptyText("")]);
    for (const text of this.texts) if (text.concepts.length === 0) text.concepts.push({ name: "concept 1", spans: [], tokens: null });
    this.exclusion = settings.exclusion;
    this.statistics = settings.statistics;
    this.at = Math.min(settings.text, this.texts.length - 1);
    this.concept = Math.min(settings.concept, this.text.concepts.length - 1);
    this.wantedHead = settings.head;
    this.besideByLink = settings.beside;
    this.loadBeside();
    this.stale = this.results.length > 0;
    this.retokenise(0);
    this.changed();
  }

  get text(): EditedText {
    return this.texts[this.at]!;
  }

  get activeConcept(): EditedConcept | undefined {
    return this.text.concepts[this.concept];
  }

  /** The place of the concept in view in a comparison, which lists those of all texts. */
  get flat(): number {
    if (this.imported !== null) return this.concept;
    return this.texts.slice(0, this.at).reduce((sum, { concepts }) => sum + concepts.length, 0) + this.concept;
  }

  get beside(): readonly FurtherModel[] {
    return this.session.further.list.slice(0, MODELS_MAX - 1);
  }

  /** The models that would be measured now, the first one first. */
  get models(): LoadedModel[] {
    return [this.session.model, ...this.beside.map(({ model }) => model)].filter((model): model is LoadedModel => model !== null);
  }

  /** True when a click on the button would measure something. */
  get ready(): boolean {
    return this.session.model !== null && this.session.job === null && !this.session.further.busy && this.problem === null && this.tokens !== null
      && this.tokens.some(({ concepts }) => concepts.some(({ tokens }) => tokens.length > 0));
  }

  /** Seconds that a measurement will take here; null where a model has not been measured before. */
  get expected(): number | null {
    const tokens = this.tokens?.reduce((sum, text) => sum + text.tokens.length, 0) ?? 0;
    let seconds = 0;
    for (const { info } of this.models) {
      const rate = measuredRate(info.model.name, info.device.kind, LAB);
      if (!rate) return null;
      seconds += tokens / rate;
    }
    return seconds;
  }

  // Editing.

  /** Takes what a person typed. Brackets become marks at once. */
  type(text: string, caret: number): void {
    const before = this.text;
    const concepts = before.concepts.map((concept) => ({ ...concept, spans: followed(before.text, text, concept.spans, caret), tokens: null }));
    const typed: EditedText = { ...before, text, concepts, alsoExcluded: [], kept: [] };
    this.replace(unbracketed(typed, this.concept) ?? typed);
  }

  /** Marks a stretch for the concept in view, or takes the mark off. */
  mark(span: Span, on: boolean): void {
    const { text } = this.text;
    const taken = on ? trimmed(text, span) : span;
    this.editConcept((concept) => ({ ...concept, tokens: null, spans: on ? joined([...concept.spans, taken]) : without(concept.spans, taken) }));
  }

  editConcept(change: (concept: EditedConcept) => EditedConcept, place = this.concept): void {
    this.replace({ ...this.text, concepts: this.text.concepts.map((concept, i) => (i === place ? change(concept) : concept)) });
  }

  addConcept(): void {
    const { concepts } = this.text;
    let n = concepts.length + 1;
    while (concepts.some(({ name }) => name === `concept ${n}`)) n++;
    this.concept = concepts.length;
    this.replace({ ...this.text, concepts: [...concepts, { name: `concept ${n}`, spans: [], tokens: null }] });
  }

  removeConcept(place: number): void {
    if (this.text.concepts.length < 2) return;
    if (this.concept > place || this.concept === this.text.concepts.length - 1) this.concept--;
    this.replace({ ...this.text, concepts: this.text.concepts.filter((_, i) => i !== place) });
  }

  addText(): void {
    this.texts = [...this.texts, emptyText(`text ${this.texts.length + 1}`)];
    this.show(this.texts.length - 1, 0);
    this.edited();
  }

  removeText(): void {
    if (this.texts.length < 2) return;
    this.texts = this.texts.filter((_, i) => i !== this.at);
    this.show(Math.min(this.at, this.texts.length - 1), 0);
    this.edited();
  }

  backToExample(): void {
    if (!this.example) return;
    this.texts = fromRequest(this.example);
    this.show(0, 0);
    this.edited();
    this.isExample = true;
    this.relink();
  }

  /** Puts a token into the concept in view by hand, or takes it out. */
  toggleConceptToken(position: number): void {
    const known = this.tokens?.[this.at]?.concepts[this.concept];
    if (!known) return;
    const chosen = new Set(this.activeConcept?.tokens ?? known.tokens);
    if (!chosen.delete(position)) chosen.add(position);
    this.editConcept((concept) => ({ ...concept, tokens: [...chosen].sort((a, b) => a - b) }));
  }

  /** Leaves a token out by hand, or keeps it. */
  toggleExcluded(position: number): void {
    const token = this.tokens?.[this.at]?.tokens[position];
    if (!token) return;
    const { alsoExcluded, kept } = this.text;
    const off = (list: number[]) => list.filter((one) => one !== position);
    const on = (list: number[]) => [...off(list), position].sort((a, b) => a - b);
    // By hand once more is as the preset says.
    const byHand = alsoExcluded.includes(position) || kept.includes(position);
    this.replace({
      ...this.text, alsoExcluded: !byHand && !token.excluded ? on(alsoExcluded) : off(alsoExcluded), kept: !byHand && token.excluded ? on(kept) : off(kept),
    });
  }

  /** Takes back everything that was chosen token by token in the text in view. */
  dropByHand(): void {
    this.replace({ ...this.text, alsoExcluded: [], kept: [], concepts: this.text.concepts.map((concept) => ({ ...concept, tokens: null })) });
  }

  setExclusion(exclusion: Exclusion): void {
    this.exclusion = exclusion;
    this.edited(false);
  }

  /** Statistics are made of what was measured: nothing is measured again. */
  async setStatistics(statistics: Partial<StatisticsOptions>): Promise<void> {
    this.statistics = { ...this.statistics, ...statistics };
    this.relink();
    this.changed();
    if (this.raw.length > 0 && this.session.job === null) await this.compare().catch((error: unknown) => this.fail(error));
    this.changed();
  }

  show(text: number, concept: number): void {
    this.at = text;
    this.concept = concept;
    this.relink();
    this.changed();
  }

  showPair(pair: number): void {
    this.pair = pair;
    this.changed();
  }

  private replace(text: EditedText): void {
    this.texts = this.texts.map((one, i) => (i === this.at ? text : one));
    this.edited();
  }

  private edited(texts = true): void {
    if (texts) this.isExample = false;
    this.stale = this.comparison !== null;
    this.relink();
    this.retokenise();
    this.changed();
  }

  // Models.

  /** Follows the session: another first model means other tokens. */
  private follow(): void {
    const { model } = this.session;
    if (model !== this.model) {
      this.model = model;
      this.tokens = null;
      this.problem = null;
      if (model) {
        if (this.results.length > 0) this.stale = true;
        this.loadBeside();
        this.retokenise(0);
      }
    }
    const loaded = this.beside.flatMap((further) => further.model ?? []);
    if (loaded.length !== this.besideModels.length || loaded.some((one, i) => one !== this.besideModels[i])) {
      this.besideModels = loaded;
      if (this.results.length > 0) this.stale = true;
    }
    const wanted = this.beside.map((further) => (further.wanted ? (linkAddress(further.wanted) ?? further.wanted.name) : "")).join(" ");
    if (wanted !== this.besideWanted && this.restored) {
      this.besideWanted = wanted;
      this.relink();
    }
    this.changed();
  }

  /** Loads the models that the link names beside the first; with the example, the specimen after further training. */
  private loadBeside(): void {
    const { session } = this;
    if (!this.restored || !session.model || session.further.list.length > 0 || session.lab !== LAB) return;
    const wanted = this.besideByLink ?? (this.isExample && sameModel(session.model.spec, SPECIMEN) ? [SPECIMEN_LEGAL.name] : []);
    this.besideByLink = [];
    for (const address of wanted) {
      this.addModel(address);
    }
  }

  /** Loads a model beside the first: one that comes with the page by its name, others by their addresses. */
  addModel(typed: string): boolean {
    const { session } = this;
    const spec = [SPECIMEN, SPECIMEN_LEGAL].find(({ name }) => name === typed.trim()) ?? parseAddress(typed, document.baseURI);
    if (!spec || this.beside.length >= MODELS_MAX - 1) return false;
    void session.further.add().load(spec, session.placement);
    return true;
  }

  removeModel(model: FurtherModel): void {
    this.session.further.remove(model);
  }

  /** Tokenises again after a rest: one call at a time, and none while something runs. */
  private retokenise(after = REST_MS): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.tokenise(), after);
  }

  private async tokenise(): Promise<void> {
    const { session } = this;
    if (!this.restored || !session.model || session.job) return;
    const turn = ++this.asked;
    try {
      const tokens = JSON.parse(await session.core.attentionTokens(JSON.stringify(this.request()))) as TextTokens[];
      if (turn !== this.asked) return;
      this.tokens = tokens;
      this.problem = null;
    } catch (error) {
      if (turn !== this.asked) return;
      this.problem = asFailure(error);
    }
    this.changed();
  }

  private request(): AttentionRequest {
    return toRequest(this.texts, this.exclusion);
  }

  /**
   * The request as another tokenizer can read it: positions chosen by hand are the first tokenizer's, so where the other
   * cuts the text otherwise the concept is told by the bytes of its tokens.
   */
  private requestFor(own: TextTokens[]): AttentionRequest {
    const request = this.request();
    request.texts.forEach((text, i) => {
      const [first, other] = [this.tokens![i]!, own[i]!];
      if (JSON.stringify(first.tokens.map(({ start, end }) => [start, end])) === JSON.stringify(other.tokens.map(({ start, end }) => [start, end]))) return;
      text.also_excluded = [];
      text.kept = [];
      for (const concept of text.concepts) {
        if (concept.tokens === null) continue;
        concept.spans = concept.tokens.flatMap((position) => first.tokens[position] ?? []).map(({ start, end }) => ({ start, end })).filter(({ start, end }) => end > start);
        concept.tokens = null;
      }
    });
    return request;
  }

  // Measuring.

  async measure(): Promise<void> {
    const { session } = this;
    if (!this.ready || this.working) return;
    this.working = true;
    clearTimeout(this.timer);
    const beside = this.beside.filter(({ model }) => model !== null);
    const job = new Job(LAB, 1 + beside.length);
    const request = JSON.stringify(this.request());
    const byHand = this.texts.some(({ alsoExcluded, kept, concepts }) => alsoExcluded.length + kept.length > 0 || concepts.some(({ tokens }) => tokens !== null));
    const tokens = this.tokens!.reduce((sum, text) => sum + text.tokens.length, 0);
    const done: string[] = [];
    this.measured = [null, ...beside];
    this.imported = null;
    this.opened = null;
    await session.work(job, async (hear) => {
      for (const [i, further] of this.measured.entries()) {
        job.part = i + 1;
        const { name } = (further?.model ?? session.model!).info.model;
        const on: Listener = (event) => hear(event.event === "stage" ? { ...event, detail: `${name}: ${event.detail}` } : event);
        const began = performance.now();
        let raw: string;
        if (further) {
          const result = await further.run(LAB, async (listener) => {
            const own = byHand ? JSON.stringify(this.requestFor(JSON.parse(await further.core.attentionTokens(request)) as TextTokens[])) : request;
            return further.core.attention(own, listener);
          }, on);
          if (result === null) throw further.trouble ?? { message: "cancelled", hint: null, kind: "cancelled" };
          raw = result;
        } else {
          raw = await session.core.attention(request, on);
        }
        const { info } = further?.model ?? session.model!;
        rememberRate(info.model.name, info.device.kind, LAB, (1_000 * tokens) / Math.max(1, performance.now() - began));
        done.push(raw);
        // What one model says is there before the next is asked, and stays when the next fails or is cancelled.
        this.raw = [...done];
        this.results = done.map((text) => JSON.parse(text) as AttentionResult);
        this.stale = false;
        await this.compare();
        this.changed();
      }
    });
    this.working = false;
    for (const further of beside) further.dismiss();
    const { wantedHead } = this;
    if (wantedHead && this.results.length > 0) await this.openHead(wantedHead.layer, wantedHead.head);
    this.changed();
  }

  cancel(): void {
    this.session.cancel();
    for (const further of this.beside) further.cancel();
  }

  private async compare(): Promise<void> {
    this.rawComparison = await this.session.core.attentionComparison(this.raw, JSON.stringify(this.statistics));
    this.comparison = JSON.parse(this.rawComparison) as AttentionComparison;
    this.pair = Math.min(this.pair, Math.max(0, this.comparison.pairs.length - 1));
  }

  /** Asks every measured model for the whole map of one head. */
  async openHead(layer: number, head: number): Promise<void> {
    const { session } = this;
    if (session.job || this.working || this.imported !== null) return;
    const models = this.results.flatMap(({ heads }, i) => ((heads[layer] ?? 0) > head ? [i] : []));
    if (models.length === 0) return;
    const text = this.at;
    const opened: OpenedHead = { layer, head, text, maps: [] };
    this.opened = opened;
    this.wantedHead = { layer, head };
    this.relink();
    const request = (i: number) => JSON.stringify(this.results[i]!.request);
    await session.work(new Job(LAB), async (on) => {
      for (const i of models) {
        const further = this.measured[i];
        // A model that has been put away since has no map to give.
        const map = further ? await further.run(LAB, (hear) => further.core.attentionMap(request(i), text, layer, head, hear), on)
          : await session.core.attentionMap(request(i), text, layer, head, on);
        if (further?.trouble) throw further.trouble;
        if (map) opened.maps[i] = map;
        this.changed();
      }
    });
  }

  closeHead(): void {
    this.opened = null;
    this.wantedHead = null;
    this.relink();
    this.changed();
  }

  // Files.

  /** Takes published shares: a CSV with the reference's columns, or `.npy` files. */
  async import(files: { path: string; file: File }[]): Promise<void> {
    const { session } = this;
    if (session.job) return;
    try {
      const read = await Promise.all(files.map(async ({ file }) => new Uint8Array(await file.arrayBuffer())));
      const [first] = files;
      this.rawComparison = first && files.length === 1 && /\.csv$/i.test(first.path)
        ? await session.core.attentionImport(first.path, read[0]!, JSON.stringify(this.statistics))
        : await session.core.attentionImportNpy(JSON.stringify(files.map(({ path }) => arrayName(path))), read, JSON.stringify(this.statistics));
      this.comparison = JSON.parse(this.rawComparison) as AttentionComparison;
      this.imported = files.map(({ path }) => path).join(", ");
      this.results = [];
      this.raw = [];
      this.opened = null;
      this.stale = false;
      this.concept = 0;
      this.pair = 0;
      session.dismiss();
    } catch (error) {
      this.fail(error);
    }
    this.changed();
  }

  /** Leaves published shares for the texts. */
  closeImport(): void {
    this.imported = null;
    this.comparison = null;
    this.concept = 0;
    this.changed();
  }

  async csv(): Promise<string | null> {
    return this.leaving(this.session.core.attentionCsv(this.rawComparison));
  }

  async npy(concept: number, model: number): Promise<Uint8Array | null> {
    return this.leaving(this.session.core.attentionNpy(this.rawComparison, concept, model));
  }

  /** Everything that is on the page, with what it was made of: results as the core wrote them. */
  json(): string {
    return `{"schema":"glitchscope.attention-lens","results":[${this.raw.join(",")}],"comparison":${this.rawComparison}}`;
  }

  private async leaving<T>(made: Promise<T>): Promise<T | null> {
    try {
      return await made;
    } catch (error) {
      this.fail(error);
      return null;
    }
  }

  private fail(error: unknown): void {
    this.session.trouble = { ...asFailure(error), during: "attention" };
    this.session.dispatchEvent(new Event("change"));
  }

  private relink(): void {
    const named = this.beside.flatMap(({ wanted }) => (wanted ? (linkAddress(wanted) ?? []) : []));
    const usual = this.isExample && sameModel(this.session.wanted, SPECIMEN) ? [SPECIMEN_LEGAL.name] : [];
    this.session.setSettings(LAB, formatSettings({
      texts: this.isExample ? null : this.texts, exclusion: this.exclusion, statistics: this.statistics,
      beside: this.session.model === null ? this.besideByLink : named.join(" ") === usual.join(" ") ? null : named,
      text: this.at, concept: this.concept, head: this.wantedHead,
    }));
  }

  private changed(): void {
    this.dispatchEvent(new Event("change"));
  }
}
