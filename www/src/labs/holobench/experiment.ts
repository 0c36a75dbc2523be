/**
 * What the lab remembers: the database, the questions, the grid of settings, the answers and what they are worth. Its parts
 * are handed this; it announces `change`, at most once a frame while text streams in.
 */
import { asFailure, type Failure } from "../../core/client";
import { DatabaseCore, type DatabaseSpec } from "../../core/database";
import { completion, type Endpoint } from "../../core/judge";
import { measuredRate, rememberRate } from "../../state/preferences";
import { Job } from "../../state/progress";
import type { Session } from "../../state/session";
import { type Head, type JournalLine, type KeptExperiment, readJournal } from "./journal";
import { expectedSeconds, fittingLengths, rates } from "./plan";
import { amountsOf, formatSettings, parseSettings, type Settings } from "./settings";
import type {
  Answered, AnswerScore, Context, DatabaseInfo, Gold, GoldLine, Imported, Instance, Label, LabelLine, LabelSource, PromptLine,
  PromptStyle, PromptTemplate, Question, QuestionCheck, QuestionSet, ReferenceRow, ResponseLine, ScoreTable, SentenceTokens, TemplateInfo,
} from "./types";

export const RANDOM = "random";
export const EMPTY = "empty";
/** Contexts that are kept at hand. */
const CONTEXTS_MAX = 24;
/** Estimated tokens up to which every prompt is counted by the tokenizer; beyond them one of each length and amount. */
const COUNT_ALL = 200_000;
/** Milliseconds of quiet before a changed setting is worked out. */
const SETTLE_MS = 150;
/** The core tries questions on no fewer tokens than that. */
const CHECK_MIN = 50;
/** What instructions and question come to before they have been counted. */
const AROUND = 180;

/** An answer, and who gave it. */
export interface Given {
  answerer: string;
  instance: Instance;
  question: Question;
  response: string;
  prompt_tokens: number | null;
  completion_tokens: number | null;
  seconds: number | null;
  /** The model ended its answer; otherwise the limit on tokens did. Null for an answer from elsewhere. */
  ended: boolean | null;
}

/** An answer with all that is known of it. */
export interface Entry {
  given: Given;
  gold: Gold | null;
  /** By the labels that hold: a hand's before a judge's before the rule's. */
  score: AnswerScore | null;
  /** Labels from elsewhere. */
  judge: Label[] | null;
  human: Label[] | null;
  warnings: string[];
  /** Why it could not be scored. */
  problem: string;
}

/** What one length and one amount come to. */
export interface PlanRow {
  length: number;
  amount: Instance["amount"];
  prompts: number;
  /** Prompts that can be made and, where that is known, fit into the model's window. */
  runnable: number;
  problem: string;
  /** By the loaded tokenizer, instructions and question counted in; null until some are counted. */
  tokens: { min: number; max: number; counted: number } | null;
  fits: boolean;
  cacheBytes: number | null;
  seconds: number | null;
}

export interface Trouble extends Failure {
  during: "database" | "exchange" | "judge" | "score";
}

type Work = "database" | "questions" | "grid";

/** What a file of answers or labels brought, for the person who chose it. */
export interface ImportNote {
  name: string;
  taken: number;
  unknown: string[];
  duplicate: string[];
  broken: { line: number; reason: string }[];
}

export class Experiment extends EventTarget {
  readonly database = new DatabaseCore();
  spec: DatabaseSpec;
  info: DatabaseInfo | null = null;
  templates: TemplateInfo[] = [];
  set: QuestionSet | null = null;
  questions: Question[] = [];
  /** Ids of the questions that are asked. */
  chosen = new Set<string>();
  settings: Settings;
  grid: Instance[] = [];
  /** Tokens of whole prompts by the loaded tokenizer. */
  readonly counted = new Map<string, number>();
  /** Instructions and question, in the loaded model's tokens. */
  around = AROUND;
  cachePerToken: number | null = null;
  trouble: Trouble | null = null;
  /** The work that the database last failed in. */
  private troubled: Work | null = null;

  readonly entries = new Map<string, Entry>();
  readonly baselines = new Map<string, { random: AnswerScore; empty: AnswerScore }>();
  /** Whose answers are shown. */
  shown = "";
  picked: Entry | null = null;

  /** The context on the stage, and the answer that is being given. */
  stage: Context | null = null;
  streaming = "";
  asking: { at: number; of: number; instance: Instance } | null = null;

  kept: KeptExperiment[] = [];
  /** False once the browser has refused to keep an answer. */
  keeps = true;
  imported: ImportNote | null = null;

  templateFiles: { experiment: PromptTemplate | null; extraction: PromptTemplate | null; evaluation: PromptTemplate | null } = {
    experiment: null, extraction: null, evaluation: null,
  };
  judging: { done: number; total: number; stop: AbortController } | null = null;

  private readonly contexts = new Map<string, Context>();
  private readonly sentenceTokens = new Map<string, number>();
  /** What is under way in the worker of databases, the latest last. */
  private readonly works: Work[] = [];
  /** Ends with the last of them: each is several calls, between which no other may change the database. */
  private turn: Promise<void> = Promise.resolve();
  private model = "";
  private jobRan = false;
  /** Another model has another window: questions that nobody has touched are drawn for what fits it. */
  private redraw = false;
  private journal: { id: string; head: string } | null = null;
  private settle: ReturnType<typeof setTimeout> | undefined;
  private version = 0;
  /** The version that the grid is of. */
  private planned = 0;
  private announced = false;
  private scoring: Promise<void> = Promise.resolve();

  constructor(readonly session: Session) {
    super();
    this.settings = parseSettings(session.settingsOf("holobench"));
    this.spec = { kind: "synthetic", seed: this.settings.dataSeed };
  }

  /** Opens the built-in database and looks for what earlier visits left. */
  async start(): Promise<void> {
    await this.openDatabase(this.spec);
    await this.lookForKept();
  }

  /** The session has changed: another model has other lengths and another tokenizer. */
  follow(): void {
    const { model, job } = this.session;
    // Prompts are not counted while a job has the tokenizer: what is missing is counted when it is over.
    if (this.jobRan && job === null) this.replan();
    this.jobRan = job !== null;
    const key = model ? `${model.info.model.name} ${model.info.model.files.map(({ sha256 }) => sha256).join(" ")} ${model.info.device.kind}` : "";
    if (key === this.model) return;
    this.model = key;
    this.counted.clear();
    this.sentenceTokens.clear();
    this.cachePerToken = null;
    this.around = AROUND;
    if (this.settings.options.measure === "counted") this.contexts.clear();
    this.redraw = true;
    this.replan();
  }

  /** A link was followed inside the page. */
  followSettings(): void {
    const next = parseSettings(this.session.settingsOf("holobench"));
    const other = next.dataSeed !== this.settings.dataSeed && this.spec.kind === "synthetic";
    const questions = next.questionSeed !== this.settings.questionSeed;
    this.settings = next;
    if (other) void this.openDatabase({ kind: "synthetic", seed: next.dataSeed });
    else if (questions) void this.makeQuestions(next.questionSeed);
    else this.replan();
  }

  // The database.

  async openDatabase(spec: DatabaseSpec): Promise<void> {
    await this.working("database", async () => {
      this.info = await this.database.open(spec);
      this.spec = spec;
      this.templates = await this.database.templates();
      this.questions = [];
      this.begin();
      await this.drawQuestions();
    });
    this.replan();
  }

  async confirmKey(index: number, confirmed: boolean): Promise<void> {
    await this.working("database", async () => {
      this.info = await this.database.confirmKey(index, confirmed);
      this.begin();
      await this.drawQuestions();
    });
    this.replan();
  }

  /** Null for the template that is built from the schema. What is refused changes nothing but the message beside it. */
  async setTemplate(table: string, text: string | null): Promise<void> {
    await this.working("database", async () => {
      const made = await this.database.setTemplate(table, text);
      this.templates = this.templates.map((template) => (template.table === table ? made : template));
      if (made.problem) return;
      this.info = await this.database.info();
      this.begin();
    });
    this.replan();
  }

  // The questions.

  async makeQuestions(seed: number): Promise<void> {
    this.setSettings({ questionSeed: seed });
    await this.working("questions", () => this.drawQuestions());
    this.replan();
  }

  checkQuestion(sql: string, text: string): Promise<QuestionCheck> {
    return this.database.checkQuestion(this.ownId(), sql, text);
  }

  /** Keeps the question when nothing is wrong with it. */
  async addQuestion(sql: string, text: string): Promise<QuestionCheck> {
    const check = await this.database.addQuestion(this.ownId(), sql, text);
    if (check.question && check.problem === null) {
      this.questions = [...this.questions, check.question];
      this.chosen.add(check.question.id);
      this.replan();
    }
    return check;
  }

  async editQuestion(id: string, text: string): Promise<void> {
    const old = this.questions.find((question) => question.id === id);
    if (!old || old.text === text || text.trim() === "") return;
    await this.working("questions", async () => {
      await this.database.editQuestion(id, text);
      this.questions = await this.database.allQuestions();
      this.contexts.clear();
    });
    this.replan();
  }

  choose(ids: readonly string[], on: boolean): void {
    for (const id of ids) {
      if (on) this.chosen.add(id);
      else this.chosen.delete(id);
    }
    this.replan();
  }

  // The grid.

  setSettings(part: Partial<Settings>): void {
    this.settings = { ...this.settings, ...part };
    this.session.setSettings("holobench", formatSettings(this.settings));
    if ("dataSeed" in part || "questionSeed" in part) this.changed();
    else this.replan();
  }

  /** Another wording of the prompts has other tokens. */
  setStyle(style: PromptStyle): void {
    this.counted.clear();
    this.cachePerToken = null;
    this.setSettings({ style });
  }

  get maxNew(): number {
    const { maxNew, style } = this.settings;
    const window = this.session.model?.info.model.context ?? 4_096;
    return maxNew ?? (style === "direct" ? Math.min(256, window >> 3) : Math.min(512, window >> 2));
  }

  get lengths(): number[] {
    const { lengths } = this.settings;
    return lengths ?? fittingLengths(this.session.model?.info.model.context ?? 4_096, this.around, this.maxNew);
  }

  /** What is under way; empty when nothing is. */
  get busy(): Work | "" {
    return this.works.at(-1) ?? "";
  }

  /** True when the loaded model can be asked. */
  get canAsk(): boolean {
    return this.session.model?.info.has_tokenizer === true;
  }

  /** Who answers when the loaded model is asked: asked in another way, it counts as another one. */
  get answerer(): string {
    const info = this.session.model?.info;
    const asked = [this.settings.style, ...(this.chat ? ["chat"] : []), ...(this.templateFiles.experiment ? [`${this.templateFiles.experiment.origin} prompt`] : [])];
    return info ? `${info.model.name} (${[info.device.kind, info.device.precision, ...asked].join(", ")})` : "";
  }

  /** Prompts that can be made, and fit where that is known. */
  get runnable(): Instance[] {
    return this.grid.filter((instance) => instance.problem === null && this.fits(instance));
  }

  fits({ instance_id }: Instance): boolean {
    const tokens = this.counted.get(instance_id);
    const window = this.session.model?.info.model.context;
    return tokens === undefined || window === undefined || tokens + this.maxNew <= window;
  }

  /** Prompts that the loaded model has not answered. */
  get open(): Instance[] {
    return this.runnable.filter(({ instance_id }) => !this.entries.has(keyOf(this.answerer, instance_id)));
  }

  get measuredRates(): { read: number; write: number } | null {
    const info = this.session.model?.info;
    if (!info) return null;
    const [read, write] = ["holobench-read", "holobench-write"].map((what) => measuredRate(info.model.name, info.device.kind, what));
    return read ? { read, write: write ?? read } : null;
  }

  plan(): PlanRow[] {
    const rows = new Map<string, Instance[]>();
    for (const instance of this.grid) {
      const key = JSON.stringify([instance.length, instance.amount]);
      rows.set(key, [...(rows.get(key) ?? []), instance]);
    }
    return [...rows.values()].map((instances) => {
      const { length, amount } = instances[0]!;
      const counts = instances.flatMap(({ instance_id }) => this.counted.get(instance_id) ?? []);
      const tokens = counts.length > 0 ? { min: Math.min(...counts), max: Math.max(...counts), counted: counts.length } : null;
      const runnable = instances.filter((instance) => instance.problem === null && this.fits(instance));
      const mean = tokens ? counts.reduce((sum, value) => sum + value, 0) / counts.length : length + this.around;
      return {
        length, amount, prompts: instances.length, runnable: runnable.length, tokens,
        problem: instances.find(({ problem }) => problem !== null)?.problem ?? "",
        fits: instances.every((instance) => this.fits(instance)),
        cacheBytes: this.cachePerToken === null ? null : this.cachePerToken * ((tokens?.max ?? mean) + this.maxNew),
        seconds: expectedSeconds(runnable.length * mean, runnable.length * this.maxNew, this.measuredRates),
      };
    });
  }

  /** True while the grid is not yet that of the last change. */
  get isStale(): boolean {
    return this.planned !== this.version;
  }

  /** Works out the grid again, a moment after the last change. */
  replan(): void {
    clearTimeout(this.settle);
    this.version++;
    this.settle = setTimeout(() => void this.workOut(this.version), SETTLE_MS);
    this.changed();
  }

  private async workOut(version: number): Promise<void> {
    if (!this.info) return;
    await this.working("grid", async () => {
      if (this.canAsk && this.session.job === null) await this.askTokenizer();
      const untouched = this.entries.size === 0 && this.questions.every(({ id, source }) => source === "generated" && this.chosen.has(id));
      if (this.redraw && untouched && this.set?.check_amount !== this.checkAmount) await this.drawQuestions();
      this.redraw = false;
      this.grid = await this.database.grid({
        questions: this.questions.filter(({ id }) => this.chosen.has(id)).map(({ id }) => id),
        lengths: this.lengths, amounts: amountsOf(this.settings), placements: this.settings.placements, options: this.settings.options,
      });
      if (!this.asking && !this.picked) this.stage = await this.example();
    });
    // What was changed meanwhile is worked out next.
    this.planned = version;
    this.changed();
    if (version === this.version) await this.countPrompts(version);
  }

  private async example(): Promise<Context | null> {
    for (const instance of this.grid) {
      if (instance.problem !== null) continue;
      return this.context(instance);
    }
    return null;
  }

  private async askTokenizer(): Promise<void> {
    if (this.cachePerToken !== null) return;
    const longest = [...this.questions].sort((a, b) => b.text.length - a.text.length)[0]?.text ?? "";
    const empty = await this.database.prompt(this.templateFiles.experiment, this.settings.style, "", longest);
    const { core } = this.session;
    this.around = (await core.countTokens([empty], this.chat ? "chat" : "prompt"))[0]!;
    this.cachePerToken = await core.cacheBytesPerToken();
  }

  /** Counts prompts by the loaded tokenizer, as long as nothing else is asked of it. */
  private async countPrompts(version: number): Promise<void> {
    if (!this.canAsk) return;
    const possible = this.grid.filter(({ problem }) => problem === null);
    const total = possible.reduce((sum, { length }) => sum + length, 0);
    const seen = new Set<string>();
    const wanted = possible.filter((instance) => {
      if (this.counted.has(instance.instance_id)) return false;
      if (total <= COUNT_ALL) return true;
      const key = JSON.stringify([instance.length, instance.amount]);
      return !seen.has(key) && seen.add(key);
    });
    for (const instance of wanted) {
      if (version !== this.version || this.session.job !== null) return;
      try {
        await this.count(instance, await this.promptOf(await this.context(instance)));
      } catch {
        // Whoever runs it is told why.
      }
      this.announce();
    }
  }

  private async count({ instance_id }: Instance, prompt: string): Promise<number> {
    const known = this.counted.get(instance_id);
    if (known !== undefined) return known;
    const tokens = (await this.session.core.countTokens([prompt], this.chat ? "chat" : "prompt"))[0]!;
    this.counted.set(instance_id, tokens);
    return tokens;
  }

  private get chat(): boolean {
    return (this.session.model?.info.chat_templates.length ?? 0) > 0;
  }

  // Contexts.

  async context(instance: Instance): Promise<Context> {
    const kept = this.contexts.get(instance.instance_id);
    if (kept) return kept;
    const counted = instance.options.measure === "counted" ? await this.sentences(instance) : [];
    const made = await this.database.context({ instance, counted });
    this.contexts.set(instance.instance_id, made);
    const oldest = this.contexts.keys().next().value;
    if (this.contexts.size > CONTEXTS_MAX && oldest !== undefined) this.contexts.delete(oldest);
    return made;
  }

  promptOf(context: Context): Promise<string> {
    return this.database.prompt(this.templateFiles.experiment, this.settings.style, context.text, this.questionOf(context.instance).text);
  }

  private questionOf({ question }: Instance): Question {
    const found = this.questions.find(({ id }) => id === question);
    if (!found) throw { message: `there is no question ${question} any more`, hint: "Draw the questions again.", kind: "input" } satisfies Failure;
    return found;
  }

  /** Tokens of the sentences that a context may need, by the loaded tokenizer. */
  private async sentences(instance: Instance): Promise<SentenceTokens[]> {
    if (!this.canAsk) {
      throw { message: "sentences can be counted by a tokenizer only while a model with one is loaded", hint: "Load one, or measure by the estimate.", kind: "input" } satisfies Failure;
    }
    const tables = await this.database.candidates(instance);
    const unknown = [...new Set(tables.flatMap(({ sentences }) => sentences))].filter((text) => !this.sentenceTokens.has(text));
    if (unknown.length > 0) {
      // A sentence stands on a line of its own: its end of line is part of what it costs.
      const tokens = await this.session.core.countTokens(unknown.map((text) => `${text}\n`), "text");
      unknown.forEach((text, i) => this.sentenceTokens.set(text, tokens[i]!));
    }
    return tables.map(({ table, sentences }) => ({ table, tokens: sentences.map((text) => this.sentenceTokens.get(text)!) }));
  }

  // Asking the loaded model.

  /** Asks what has not been answered; what was answered stays. */
  async run(): Promise<void> {
    if (this.isStale) {
      clearTimeout(this.settle);
      await this.workOut(this.version);
    }
    const { session, answerer } = this;
    const todo = this.open;
    if (!this.canAsk || session.job !== null || todo.length === 0) return;
    const job = new Job("holobench");
    this.shown = answerer;
    this.picked = null;
    await session.work(job, async (on) => {
      const answer = this.maxNew;
      const cost = (instance: Instance) => (this.counted.get(instance.instance_id) ?? instance.length + this.around) + answer;
      const total = todo.reduce((sum, instance) => sum + cost(instance), 0);
      let done = 0;
      on({ event: "stage", stage: "asking", detail: "" });
      on({ event: "advance", done, total, unit: "tokens" });
      for (const [i, instance] of todo.entries()) {
        if (job.cancelling) return;
        const context = await this.context(instance);
        const prompt = await this.promptOf(context);
        const tokens = await this.count(instance, prompt);
        if (!this.fits(instance)) {
          done += cost(instance);
          continue;
        }
        this.stage = context;
        this.streaming = "";
        this.asking = { at: i + 1, of: todo.length, instance };
        this.changed();
        const began = performance.now();
        let read = 0;
        const given = await session.core.generateText(prompt, { max_new: answer, chat: this.chat }, (event) => {
          if (event.event === "text") {
            this.streaming += event.text;
            this.announce();
          } else if (event.event === "advance" && event.unit === "tokens") {
            if (read === 0) read = performance.now() - began;
            on({ event: "advance", done: done + tokens + event.done, total, unit: "tokens" });
          }
        });
        const seconds = (performance.now() - began) / 1_000;
        if (read === 0) read = 1_000 * seconds;
        this.remember(given.prompt_tokens, read / 1_000, given.ids.length, seconds - read / 1_000);
        await this.take([{
          answerer, instance, question: this.questionOf(instance), response: given.text, prompt_tokens: given.prompt_tokens,
          completion_tokens: given.ids.length, seconds, ended: given.ended,
        }]);
        done += cost(instance);
        on({ event: "advance", done, total, unit: "tokens" });
      }
    });
    this.asking = null;
    await this.lookForKept();
    this.changed();
  }

  private remember(readTokens: number, readSeconds: number, writeTokens: number, writeSeconds: number): void {
    const info = this.session.model?.info;
    const measured = rates({ readTokens, readSeconds, writeTokens: writeTokens - 1, writeSeconds });
    if (!info || !measured) return;
    rememberRate(info.model.name, info.device.kind, "holobench-read", measured.read);
    rememberRate(info.model.name, info.device.kind, "holobench-write", measured.write);
  }

  /** Forgets the loaded model's answers, so that it is asked again. */
  askAgain(): void {
    for (const [key, { given }] of this.entries) if (given.answerer === this.answerer) this.entries.delete(key);
    this.journal = null;
    this.picked = null;
    void this.run();
  }

  // Answers and scores.

  get answerers(): string[] {
    return [...new Set([...this.entries.values()].map(({ given }) => given.answerer))];
  }

  /** Answers of one answerer, in the grid's order as far as they are in it. */
  answersOf(answerer: string): Entry[] {
    return [...this.entries.values()].filter(({ given }) => given.answerer === answerer);
  }

  /** Keeps answers, takes them in, and scores them: what is shown and counted has been kept, where the browser keeps anything. */
  private async take(given: Given[]): Promise<void> {
    const { info } = this;
    await this.keep(given.map((answer) => ({ kind: "answer", answer })));
    // Another database was opened meanwhile, or this one was changed: these are no answers about it.
    if (this.info !== info) return;
    for (const one of given) {
      this.entries.set(keyOf(one.answerer, one.instance.instance_id), {
        given: one, gold: null, score: null, judge: null, human: null, warnings: [], problem: "",
      });
    }
    await this.scoreAll();
  }

  /** Scores what has no score yet, one call after the other. */
  scoreAll(): Promise<void> {
    this.scoring = this.scoring.then(async () => {
      for (const entry of this.entries.values()) {
        if (entry.score !== null || entry.problem !== "") continue;
        try {
          await this.score(entry);
        } catch (error) {
          entry.problem = asFailure(error).message;
        }
        this.announce();
      }
      this.dispatchEvent(new Event("scores"));
    });
    return this.scoring;
  }

  private async score(entry: Entry): Promise<void> {
    const { instance, response } = entry.given;
    const { instance_id } = instance;
    if (!entry.gold) {
      const context = await this.context(instance);
      entry.gold = context.gold;
      entry.warnings = context.warnings;
      if (!this.baselines.has(instance_id)) {
        const by = (text: string) => this.database.score({ instance_id, gold: context.gold, response: text, labels: null, source: "rule" });
        this.baselines.set(instance_id, { random: await by(context.random_answer), empty: await by(await this.database.emptyAnswer()) });
      }
    }
    const labels = entry.human ?? entry.judge;
    const source: LabelSource = entry.human ? "human" : entry.judge ? "judge" : "rule";
    entry.score = await this.database.score({ instance_id, gold: entry.gold, response, labels, source });
  }

  /** Scored answers with both baselines on the same instances. */
  answered(filter: (instance: Instance, question: Question) => boolean = () => true, baselines = true): Answered[] {
    const rows: Answered[] = [];
    const seen = new Set<string>();
    const database = this.info?.name ?? "";
    for (const { given: { answerer, instance, question }, score } of this.entries.values()) {
      if (!score || !filter(instance, question)) continue;
      rows.push({ answerer, instance, question, database, score });
      const lines = this.baselines.get(instance.instance_id);
      if (!baselines || !lines || seen.has(instance.instance_id)) continue;
      seen.add(instance.instance_id);
      rows.push({ answerer: RANDOM, instance, question, database, score: lines.random }, { answerer: EMPTY, instance, question, database, score: lines.empty });
    }
    return rows;
  }

  async pick(entry: Entry | null): Promise<void> {
    this.picked = entry;
    this.changed();
    if (!entry || this.asking) return;
    try {
      this.stage = await this.context(entry.given.instance);
    } catch (error) {
      this.fail("score", error);
    }
    this.changed();
  }

  /** What a person says a gold row is; null takes it back. */
  async correct(entry: Entry, row: number, label: Label | null): Promise<void> {
    const { score } = entry;
    if (!score) return;
    if (label === null) entry.human = null;
    else {
      const labels = score.rows.map((one) => one.label);
      labels[row] = label;
      entry.human = labels;
    }
    await this.score(entry).catch((error: unknown) => this.fail("score", error));
    await this.keep([{ kind: "labels", answerer: entry.given.answerer, instance_id: entry.given.instance.instance_id, source: "human", labels: entry.human }]);
    this.dispatchEvent(new Event("scores"));
    this.changed();
  }

  // Journals.

  /** A new experiment: what was answered belongs to another database. It stays where experiments are kept. */
  private begin(): void {
    this.entries.clear();
    this.baselines.clear();
    this.contexts.clear();
    this.counted.clear();
    this.journal = null;
    this.shown = "";
    this.picked = null;
    this.grid = [];
    this.stage = null;
    this.streaming = "";
    this.imported = null;
    this.dispatchEvent(new Event("scores"));
  }

  private head(): Head {
    const { spec } = this;
    return {
      kind: "head", version: 1,
      database: { kind: spec.kind, name: this.info!.name, sha256: this.info!.sha256, seed: spec.kind === "synthetic" ? spec.seed : null },
      changes: [...this.database.changes], settings: this.settings, lengths: this.lengths, chosen: [...this.chosen], total: this.runnable.length,
    };
  }

  private async keep(lines: JournalLine[]): Promise<void> {
    this.journal ??= { id: String(Date.now()), head: "" };
    const head = JSON.stringify(this.head());
    const text = lines.map((line) => JSON.stringify(line));
    this.keeps = await this.database.appendJournal(this.journal.id, head === this.journal.head ? text : [head, ...text]).catch(() => false);
    this.journal.head = head;
  }

  private async lookForKept(): Promise<void> {
    const kept: KeptExperiment[] = [];
    for (const id of await this.database.journals().catch(() => [])) {
      if (id === this.journal?.id) continue;
      const read = readJournal(id, await this.database.readJournal(id).catch(() => []));
      if (read) kept.push(read);
    }
    this.kept = kept;
    this.changed();
  }

  async forgetKept(id: string): Promise<void> {
    await this.database.forgetJournal(id).catch(() => {});
    await this.lookForKept();
  }

  /** Stands where an earlier experiment stood. A database from a file has to be the one that is open. */
  async resume({ id, head, answers, labels }: KeptExperiment): Promise<void> {
    await this.working("database", async () => {
      const spec: DatabaseSpec = head.database.seed === null ? this.spec : { kind: "synthetic", seed: head.database.seed };
      if (spec.kind !== head.database.kind || (head.database.seed === null && this.info?.name !== head.database.name)) throw otherFile(head);
      this.info = await this.database.open(spec);
      this.spec = spec;
      const results = await this.database.replay(head.changes).catch(() => {
        throw otherFile(head);
      });
      this.info = await this.database.info();
      this.templates = await this.database.templates();
      this.begin();
      this.set = results.reduce<QuestionSet | null>((set, [method, result]) => (method === "questions" ? (result as QuestionSet) : set), null);
      this.questions = await this.database.allQuestions();
      this.chosen = new Set(head.chosen);
      if (this.info.sha256 !== head.database.sha256) throw otherFile(head);
      this.settings = { ...head.settings, lengths: head.settings.lengths ?? head.lengths };
      this.session.setSettings("holobench", formatSettings(this.settings));
      for (const given of answers) {
        this.entries.set(keyOf(given.answerer, given.instance.instance_id), {
          given, gold: null, score: null, judge: null, human: null, warnings: [], problem: "",
        });
      }
      for (const { answerer, instance_id, source, labels: given } of labels) {
        const entry = this.entries.get(keyOf(answerer, instance_id));
        if (entry) entry[source] = given;
      }
      this.shown = answers.at(-1)?.answerer ?? "";
      this.journal = { id, head: "" };
    });
    await this.lookForKept();
    this.replan();
    await this.scoreAll();
  }

  // To and from files.

  /** Prompts of the grid, as lines of JSON. */
  async exportPrompts(): Promise<string | null> {
    return this.exchange(async () => {
      const lines: PromptLine[] = [];
      for (const instance of this.grid.filter(({ problem }) => problem === null)) {
        const context = await this.context(instance);
        lines.push(await this.database.promptLine(context, await this.promptOf(context), this.maxNew));
      }
      return this.database.exportPrompts(lines);
    });
  }

  /** The right answers, apart from the prompts. */
  async exportGold(): Promise<string | null> {
    return this.exchange(async () => {
      const lines: GoldLine[] = [];
      for (const instance of this.grid.filter(({ problem }) => problem === null)) lines.push(await this.database.goldLine(await this.context(instance)));
      return this.database.exportGold(lines);
    });
  }

  async exportResponses(): Promise<string | null> {
    return this.exchange(() => this.database.exportResponses([...this.entries.values()].map(({ given }): ResponseLine => ({
      instance_id: given.instance.instance_id, response: given.response, model: given.answerer,
      ...(given.prompt_tokens === null ? {} : { usage: { prompt_tokens: given.prompt_tokens, completion_tokens: given.completion_tokens ?? 0 } }),
    }))));
  }

  async exportLabels(): Promise<string | null> {
    return this.exchange(() => this.database.exportLabels(this.answersOf(this.shown).flatMap(({ score }): LabelLine[] => (score
      ? [{ instance_id: score.instance_id, labels: score.rows.map(({ label }) => label), source: score.source }] : []))));
  }

  /** The study's own form: question, prediction, gold. */
  async exportReference(): Promise<string | null> {
    return this.exchange(() => this.database.referenceCsv(this.answersOf(this.shown).flatMap(({ given, gold }): ReferenceRow[] => (gold
      ? [{ question: given.question.text, prediction: given.response, gold }] : []))));
  }

  /** Everything that is known, for whoever reads it without this page. */
  toJson(overall: ScoreTable | null, table: ScoreTable | null): string {
    const answers = [...this.entries.values()].map(({ given, gold, score, warnings }) => ({ ...given, gold, score, warnings }));
    const device = this.session.model?.info.device ?? null;
    return JSON.stringify({
      schema: "glitchscope.holobench", schema_version: 1, database: this.info, settings: this.settings, device, overall, table, answers,
      baselines: Object.fromEntries(this.baselines),
    });
  }

  /** Requests to a judge about the shown answers, one a line: the rule's answer part stands for the first of the two calls. */
  async exportJudgePrompts(model: string): Promise<string | null> {
    return this.exchange(async () => {
      const lines: string[] = [];
      for (const { given, gold, score } of this.answersOf(this.shown)) {
        if (!gold || !score) continue;
        const body = await this.database.evaluationBody(this.judgeSettings(model), given.question.text, score.answer, gold);
        lines.push(JSON.stringify({ instance_id: given.instance.instance_id, body }));
      }
      return lines.map((line) => `${line}\n`).join("");
    });
  }

  /** Answers from elsewhere. Those without a model's name are named after the file. */
  async importResponses(text: string, name: string): Promise<void> {
    await this.exchange(async () => {
      const byId = new Map(this.grid.map((instance) => [instance.instance_id, instance]));
      const found = await this.database.importResponses(text, [...byId.keys()]);
      this.noteImport(name, found);
      const given = found.lines.map(({ instance_id, response, model, usage }): Given => {
        const instance = byId.get(instance_id)!;
        return {
          answerer: model ?? name, instance, question: this.questionOf(instance), response, prompt_tokens: usage?.prompt_tokens ?? null,
          completion_tokens: usage?.completion_tokens ?? null, seconds: null, ended: null,
        };
      });
      if (given.length > 0) {
        this.shown = given[0]!.answerer;
        await this.take(given);
      }
      return "";
    });
  }

  /** Labels for the shown answers. */
  async importLabels(text: string, name: string): Promise<void> {
    await this.exchange(async () => {
      const entries = new Map(this.answersOf(this.shown).map((entry) => [entry.given.instance.instance_id, entry]));
      const found = await this.database.importLabels(text, [...entries.keys()]);
      const wrong = new Set<string>();
      for (const { instance_id, labels, source } of found.lines) {
        const entry = entries.get(instance_id)!;
        if (source === "rule") continue;
        if (!(await this.label(entry, labels, source))) wrong.add(instance_id);
      }
      this.noteImport(name, { ...found, lines: found.lines.filter(({ instance_id }) => !wrong.has(instance_id)),
        broken: [...found.broken, ...[...wrong].map((id) => ({ line: 0, reason: `${id}: not one label for each gold row` }))] });
      this.dispatchEvent(new Event("scores"));
      return "";
    });
  }

  /** What a judge elsewhere said to exported requests: `{"instance_id": …, "response": …}` a line. */
  async importJudgements(text: string, name: string): Promise<void> {
    await this.exchange(async () => {
      const entries = new Map(this.answersOf(this.shown).map((entry) => [entry.given.instance.instance_id, entry]));
      const found = await this.database.importResponses(text, [...entries.keys()]);
      const broken = [...found.broken];
      for (const { instance_id, response } of found.lines) {
        const entry = entries.get(instance_id)!;
        if (!entry.gold) continue;
        const { labels, problems } = await this.database.readEvaluation(response, entry.gold);
        if (problems.length > 0 || !(await this.label(entry, labels, "judge"))) broken.push({ line: 0, reason: `${instance_id}: ${problems.join("; ")}` });
      }
      this.noteImport(name, { ...found, broken });
      this.dispatchEvent(new Event("scores"));
      return "";
    });
  }

  private async label(entry: Entry, labels: Label[], source: "judge" | "human"): Promise<boolean> {
    if (!entry.score || labels.length !== entry.score.rows.length) return false;
    entry[source] = labels;
    await this.score(entry);
    await this.keep([{ kind: "labels", answerer: entry.given.answerer, instance_id: entry.given.instance.instance_id, source, labels }]);
    return true;
  }

  private noteImport<T>(name: string, { lines, unknown, duplicate, broken }: Imported<T>): void {
    this.imported = { name, taken: lines.length, unknown, duplicate, broken };
  }

  /** One of the study's own prompt files, or one with the same placeholders. False for a text that has none of them. */
  async takeTemplate(text: string): Promise<boolean> {
    const found = await this.database.recogniseTemplate(text).catch(() => null);
    if (!found) return false;
    const place = found.name === "extraction" || found.name === "evaluation" ? found.name : "experiment";
    this.templateFiles = { ...this.templateFiles, [place]: found };
    this.counted.clear();
    this.cachePerToken = null;
    this.replan();
    return true;
  }

  dropTemplates(): void {
    this.templateFiles = { experiment: null, extraction: null, evaluation: null };
    this.counted.clear();
    this.cachePerToken = null;
    this.replan();
  }

  // A judge elsewhere.

  private judgeSettings(model: string) {
    return { model, extraction: this.templateFiles.extraction?.text ?? null, evaluation: this.templateFiles.evaluation?.text ?? null };
  }

  /** Sends the shown answers that no judge has seen to an endpoint, two requests each. */
  async judge(endpoint: Endpoint): Promise<void> {
    if (this.judging) return;
    const todo = this.answersOf(this.shown).filter(({ judge, gold }) => judge === null && gold !== null);
    const stop = new AbortController();
    this.judging = { done: 0, total: todo.length, stop };
    this.trouble = null;
    this.changed();
    try {
      const settings = this.judgeSettings(endpoint.model);
      for (const entry of todo) {
        const { question, response } = entry.given;
        const first = await completion(endpoint, await this.database.extractionBody(settings, response), stop.signal);
        const { final_answer } = await this.database.readExtraction(first);
        const second = await completion(endpoint, await this.database.evaluationBody(settings, question.text, final_answer, entry.gold!), stop.signal);
        const { labels, problems } = await this.database.readEvaluation(second, entry.gold!);
        if (problems.length > 0 || !(await this.label(entry, labels, "judge"))) {
          entry.warnings = [...entry.warnings, `the judge's labels were not taken: ${problems.join("; ")}`];
        }
        this.judging.done++;
        this.dispatchEvent(new Event("scores"));
        this.changed();
      }
    } catch (error) {
      if (asFailure(error).kind !== "cancelled") this.fail("judge", error);
    } finally {
      this.judging = null;
      this.changed();
    }
  }

  // Housekeeping.

  dismiss(): void {
    this.trouble = null;
    this.changed();
  }

  private ownId(): string {
    let n = 1;
    while (this.questions.some(({ id }) => id === `own-${n}`)) n++;
    return `own-${n}`;
  }

  private async drawQuestions(): Promise<void> {
    this.set = await this.database.questions(this.settings.questionSeed, this.checkAmount);
    this.questions = await this.database.allQuestions();
    this.chosen = new Set(this.questions.map(({ id }) => id));
  }

  /** Tokens of rows that the questions are tried on: the largest amount of the grid, within what the core takes. */
  private get checkAmount(): number {
    const largest = Math.max(...this.lengths);
    const amounts = amountsOf(this.settings).map((one) => ("tokens" in one ? one.tokens : one.density * largest));
    return Math.max(CHECK_MIN, Math.round(Math.max(...amounts)));
  }

  private async exchange(work: () => Promise<string>): Promise<string | null> {
    try {
      return await work();
    } catch (error) {
      this.fail("exchange", error);
      return null;
    } finally {
      this.changed();
    }
  }

  private async working(name: Work, work: () => Promise<void>): Promise<void> {
    this.works.push(name);
    // The grid is worked out by itself, after a refused file as well: what was said of the file has to stay.
    if (this.trouble?.during === "database" && (name !== "grid" || this.troubled === "grid")) this.trouble = null;
    this.changed();
    const before = this.turn;
    let over = (): void => {};
    this.turn = new Promise((resolve) => { over = resolve; });
    try {
      await before;
      await work();
    } catch (error) {
      this.troubled = name;
      this.fail("database", error);
    } finally {
      over();
      this.works.splice(this.works.indexOf(name), 1);
      this.changed();
    }
  }

  fail(during: Trouble["during"], error: unknown): void {
    this.trouble = { ...asFailure(error), during };
    this.changed();
  }

  private changed(): void {
    this.dispatchEvent(new Event("change"));
  }

  /** `change`, at most once a frame. */
  private announce(): void {
    if (this.announced) return;
    this.announced = true;
    requestAnimationFrame(() => {
      this.announced = false;
      this.changed();
    });
  }
}

export function keyOf(answerer: string, instanceId: string): string {
  return `${instanceId} ${answerer}`;
}

function otherFile({ database }: Head): Failure {
  return { message: `this experiment was made with ${database.name}, which is not the database that is open`, hint: "Open that file, and go on then.", kind: "input" };
}
