/** The page's side of the worker of databases. The worker starts with the first call, and again after one that ended it. */
import { releaseProxy, wrap, type Remote } from "comlink";
import type {
  Answered, AnswerScore, Candidates, Context, ContextRequest, DatabaseInfo, Evaluation, Extraction, Gold, GoldLine, GridSettings, GroupBy, Imported,
  Instance, JudgeSettings, LabelLine, PromptLine, PromptStyle, PromptTemplate, Question, QuestionCheck, QuestionSet, ReferenceRow, ResponseLine,
  ScoreRequest, ScoreTable, TemplateInfo,
} from "../labs/holobench/types";
import { asFailure } from "./client";
import type { DatabaseFunctions, DatabaseSpec, FunctionName, MethodName } from "./database_worker";

export type { DatabaseSpec } from "./database_worker";

/** A call that changes the open database, with what it was given. */
export type Change = [method: MethodName, args: unknown[]];

const CHANGING = ["confirm_key", "set_template", "questions", "add_question", "edit_question"] as const satisfies readonly MethodName[];

export class DatabaseCore {
  private worker: Worker | undefined;
  private remote: Remote<DatabaseFunctions> | undefined;
  private queue: Promise<unknown> = Promise.resolve();
  private abandon: ((error: unknown) => void) | undefined;
  /** What a new worker has to open to stand where the old one stood, and what was changed in it since. */
  private last: DatabaseSpec | undefined;
  private made: Change[] = [];
  private opened = false;

  /** Calls that brought the open database from its files to where it stands. */
  get changes(): readonly Change[] {
    return this.made;
  }

  /** Opens a database in the place of the one that is open, which stays when the new one cannot be read. */
  async open(spec: DatabaseSpec): Promise<DatabaseInfo> {
    return this.call(async (remote) => {
      const info = JSON.parse(await remote.openDatabase(spec)) as DatabaseInfo;
      this.last = spec;
      this.made = [];
      this.opened = true;
      return info;
    });
  }

  confirmKey(index: number, confirmed: boolean): Promise<DatabaseInfo> {
    return this.change("confirm_key", index, confirmed);
  }

  info(): Promise<DatabaseInfo> {
    return this.ask("info");
  }

  templates(): Promise<TemplateInfo[]> {
    return this.ask("templates");
  }

  /** Null for the one that is built from the schema. A refused text is an answer with a problem. */
  setTemplate(table: string, text: string | null): Promise<TemplateInfo> {
    return this.change("set_template", table, text ?? undefined);
  }

  questions(seed: number, checkAmount: number): Promise<QuestionSet> {
    return this.change("questions", seed, checkAmount);
  }

  checkQuestion(id: string, sql: string, text: string): Promise<QuestionCheck> {
    return this.ask("check_question", id, sql, text);
  }

  addQuestion(id: string, sql: string, text: string): Promise<QuestionCheck> {
    return this.change("add_question", id, sql, text);
  }

  editQuestion(id: string, text: string): Promise<unknown> {
    return this.change("edit_question", id, text);
  }

  grid(settings: GridSettings): Promise<Instance[]> {
    return this.ask("grid", JSON.stringify(settings));
  }

  candidates(instance: Instance): Promise<Candidates[]> {
    return this.ask("candidates", JSON.stringify(instance));
  }

  context(request: ContextRequest): Promise<Context> {
    return this.ask("context", JSON.stringify(request));
  }

  promptLine(context: Context, prompt: string, maxNew: number): Promise<PromptLine> {
    return this.ask("prompt_line", JSON.stringify(context), prompt, maxNew);
  }

  goldLine(context: Context): Promise<GoldLine> {
    return this.ask("gold_line", JSON.stringify(context));
  }

  /** Every question there is, own ones last. */
  allQuestions(): Promise<Question[]> {
    return this.ask("all_questions");
  }

  prompt(template: PromptTemplate | null, style: PromptStyle, context: string, question: string): Promise<string> {
    return this.text("prompt_of", template ? JSON.stringify(template) : undefined, style, context, question);
  }

  /** The study's own file by its bytes, any other by its placeholders; fails for a text with none of them. */
  recogniseTemplate(text: string): Promise<PromptTemplate> {
    return this.work("recognise_template", text);
  }

  /** What the answerer says that finds nothing. */
  emptyAnswer(): Promise<string> {
    return this.text("empty_answer");
  }

  score(request: ScoreRequest): Promise<AnswerScore> {
    return this.work("score_answer", JSON.stringify(request));
  }

  aggregate(answered: Answered[], by: GroupBy): Promise<ScoreTable> {
    return this.work("aggregate_scores", JSON.stringify(answered), by);
  }

  scoreCsv(table: ScoreTable): Promise<string> {
    return this.text("score_csv", JSON.stringify(table));
  }

  exportPrompts(lines: PromptLine[]): Promise<string> {
    return this.text("export_prompts", JSON.stringify(lines));
  }

  exportGold(lines: GoldLine[]): Promise<string> {
    return this.text("export_gold", JSON.stringify(lines));
  }

  exportResponses(lines: ResponseLine[]): Promise<string> {
    return this.text("export_responses", JSON.stringify(lines));
  }

  exportLabels(lines: LabelLine[]): Promise<string> {
    return this.text("export_labels", JSON.stringify(lines));
  }

  importResponses(text: string, ids: string[]): Promise<Imported<ResponseLine>> {
    return this.work("import_responses", text, ids);
  }

  importLabels(text: string, ids: string[]): Promise<Imported<LabelLine>> {
    return this.work("import_labels", text, ids);
  }

  referenceCsv(rows: ReferenceRow[]): Promise<string> {
    return this.text("reference_csv", JSON.stringify(rows));
  }

  extractionBody(settings: JudgeSettings, response: string): Promise<object> {
    return this.work("extraction_body", JSON.stringify(settings), response);
  }

  evaluationBody(settings: JudgeSettings, question: string, answer: string, gold: Gold): Promise<object> {
    return this.work("evaluation_body", JSON.stringify(settings), question, answer, JSON.stringify(gold));
  }

  readExtraction(content: string): Promise<Extraction> {
    return this.work("read_extraction", content);
  }

  readEvaluation(content: string, gold: Gold): Promise<Evaluation> {
    return this.work("read_evaluation", content, JSON.stringify(gold));
  }

  /** Ids of the experiments that this browser keeps, the newest first. */
  journals(): Promise<string[]> {
    return this.call((remote) => remote.listJournals());
  }

  readJournal(id: string): Promise<string[]> {
    return this.call((remote) => remote.readJournal(id));
  }

  /** False where nothing could be kept. */
  appendJournal(id: string, lines: string[]): Promise<boolean> {
    return this.call((remote) => remote.appendJournal(id, lines));
  }

  forgetJournal(id: string): Promise<void> {
    return this.call((remote) => remote.forgetJournal(id));
  }

  /** Makes changes of an earlier visit again. Gives what each of them gave. */
  async replay(changes: readonly Change[]): Promise<[method: MethodName, result: unknown, args: unknown[]][]> {
    const results: [MethodName, unknown, unknown[]][] = [];
    for (const [name, args] of changes) {
      const method = CHANGING.find((known) => known === name);
      if (method) results.push([method, await this.change(method, ...args), args]);
    }
    return results;
  }

  private async ask<T>(method: MethodName, ...args: unknown[]): Promise<T> {
    return this.call(async (remote) => {
      await this.reopen(remote);
      return JSON.parse(await remote.ask(method, args)) as T;
    });
  }

  /** A call that changes the open database, and so has to be made again in a new worker. */
  private async change<T>(method: MethodName, ...args: unknown[]): Promise<T> {
    const result = await this.ask<T>(method, ...args);
    // Questions are drawn anew: what was drawn before, and edited by its id, is gone.
    if (method === "questions") {
      const own = this.made.flatMap(([earlier, [id]]) => (earlier === "add_question" ? [id] : []));
      this.made = this.made.filter(([earlier, [id]]) => earlier !== "questions" && (earlier !== "edit_question" || own.includes(id)));
    }
    this.made.push([method, args]);
    return result;
  }

  private async work<T>(name: FunctionName, ...args: unknown[]): Promise<T> {
    return JSON.parse(await this.text(name, ...args)) as T;
  }

  private text(name: FunctionName, ...args: unknown[]): Promise<string> {
    return this.call((remote) => remote.work(name, args));
  }

  private async reopen(remote: Remote<DatabaseFunctions>): Promise<void> {
    if (this.opened || !this.last) return;
    await remote.openDatabase(this.last);
    for (const [method, args] of this.made) await remote.ask(method, args);
    this.opened = true;
  }

  private call<T>(work: (remote: Remote<DatabaseFunctions>) => Promise<T>): Promise<T> {
    const result = this.queue.then(async () => {
      const abandoned = new Promise<never>((_, reject) => {
        this.abandon = reject;
      });
      try {
        return await Promise.race([work(this.connect()), abandoned]);
      } catch (error) {
        const failure = asFailure(error);
        if (failure.kind === "trap") this.end();
        throw failure;
      } finally {
        this.abandon = undefined;
      }
    });
    this.queue = result.catch(() => {});
    return result;
  }

  private connect(): Remote<DatabaseFunctions> {
    if (!this.remote) {
      this.worker = new Worker(new URL("./database_worker.ts", import.meta.url), { type: "module" });
      this.worker.addEventListener("error", (event) => {
        this.end();
        this.abandon?.({
          message: `the worker of databases failed: ${event.message || "it could not be started"}`,
          hint: "Reload the page. If it stays so, the file of the worker or of the wasm module is missing or blocked.",
          kind: "internal",
        });
      });
      this.remote = wrap<DatabaseFunctions>(this.worker);
    }
    return this.remote;
  }

  private end(): void {
    this.remote?.[releaseProxy]();
    this.worker?.terminate();
    this.worker = undefined;
    this.remote = undefined;
    this.opened = false;
  }
}
