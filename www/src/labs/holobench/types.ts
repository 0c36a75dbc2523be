// Generated from src/labs/holobench. Do not edit:
// UPDATE=1 cargo test --lib labs::typescript

/** Null, a number or a text. A date is a text, `YYYY-MM-DD`. */
export type Value = number | string | null;

/** What the values of a column are. */
export type Kind = "integer" | "real" | "date" | "text";

/** A column of a table. */
export interface Column {
  name: string;
  kind: Kind;
  /** Rows in which it is NULL. */
  nulls: number;
  /** No two rows have the same value, and none is NULL. */
  unique: boolean;
  primary_key: boolean;
}

/** A table, without its rows. */
export interface TableInfo {
  name: string;
  rows: number;
  columns: Array<Column>;
}

/** Where a foreign key comes from: the file's schema, or equal names and contained values. */
export type KeySource = "schema" | "proposed";

/** Column `column` of `table` holds values of `parent_column` of `parent`. */
export interface ForeignKey {
  table: string;
  column: string;
  parent: string;
  parent_column: string;
  source: KeySource;
  /** Share of the column's values that are in the parent's. */
  containment: number;
  /** Only confirmed keys are joined along. Keys of the schema are; a proposed one waits for its user. */
  confirmed: boolean;
}

/** What was read. */
export interface DatabaseInfo {
  name: string;
  /** SHA-256 over tables, columns, values and templates: names the database in an instance's id. */
  sha256: string;
  tables: Array<TableInfo>;
  keys: Array<ForeignKey>;
  /** Columns that were read as text, values that were changed, tables that were left out, and why. */
  notes: Array<string>;
}

/** How rows of a table become sentences. */
export interface TemplateInfo {
  table: string;
  text: string;
  /** The template is the one built from the schema. */
  is_default: boolean;
  /** Why the template is refused; null when every row was found again in its sentence. */
  problem: string | null;
  /** Row of `problem`, from 0, where one is meant. */
  problem_row: number | null;
  /** Columns that the sentence carries; a question can ask for no other. */
  columns: Array<string>;
  /** The first row's sentence. */
  example: string | null;
  /** Rows whose sentence was read back. */
  rows_checked: number;
}

/** What a question is about. A question can have several. */
export interface Flags {
  aggregation: boolean;
  max_min: boolean;
  join: boolean;
  comparison: boolean;
  ranking: boolean;
}

/** Easy: one component · medium: two or three · hard: four and more. */
export type Difficulty = "easy" | "medium" | "hard";

/** Where a question comes from: the generator, the generator and then a hand, or a hand alone. */
export type QuestionSource = "generated" | "edited" | "own";

/** A question about the database, and the SQL that answers it. */
export interface Question {
  id: string;
  text: string;
  sql: string;
  source: QuestionSource;
  /** Tables the SQL reads, in the database's order. */
  tables: Array<string>;
  /** Names of the answer's columns. */
  columns: Array<string>;
  /** The order of the answer's rows matters. */
  ordered: boolean;
  flags: Flags;
  /** Components of groups 1 and 2, and others. */
  components: [number, number, number];
  difficulty: Difficulty;
}

/** How many candidates were dropped for one reason. */
export interface Rejection {
  reason: string;
  count: number;
}

/** The generator's answer. */
export interface QuestionSet {
  seed: number;
  /** Estimated tokens of rows on which every candidate was tried. */
  check_amount: number;
  questions: Array<Question>;
  rejected: Array<Rejection>;
  /** Questions by flag and by difficulty. */
  spread: Array<[string, number]>;
  /** What of the wanted spread could not be had from this database. */
  missing: Array<string>;
}

/** A question with SQL, looked at. */
export interface QuestionCheck {
  question: Question | null;
  problem: string | null;
  hint: string | null;
  /** The answer over the whole database. */
  preview: Gold | null;
  /** Things that make the question weak: an empty answer, more than 50 rows, ties. */
  warnings: Array<string>;
}

/** Where the relevant sentences stand. */
export type Placement = "uniform" | "begin" | "end" | "middle" | "bimodal";

/** `corrected`, or the study's code of a date, with its defects. */
export type Mode = "corrected" | "ref-2025-02" | "ref-2024-10";

/** Tokens of relevant sentences, or their share of the length. */
export type Amount =
  | { "tokens": number }
  | { "density": number };

/** How long a sentence is: by the study's estimate, characters / 3.66, or counted by a tokenizer. */
export type Measure = "estimate" | "counted";

/** How contexts are made, besides what a grid varies. */
export interface ContextOptions {
  mode: Mode;
  /** Go on with rows that are in the context already where the tables run out. Reference modes always do. */
  repeat: boolean;
  /** Pull in the rows that a kept row refers to. Corrected mode only. */
  closure: boolean;
  /** Use neutral filler sentences where no table is irrelevant, or where those run out. Corrected mode only. */
  filler: boolean;
  /** Take rows in an order of this seed; in their stored order without one. Corrected mode only. */
  shuffle: number | null;
  measure: Measure;
}

/** What is varied. Every combination is an instance. */
export interface GridSettings {
  questions: Array<string>;
  /** Tokens of the context, at most. */
  lengths: Array<number>;
  amounts: Array<Amount>;
  placements: Array<Placement>;
  options: ContextOptions;
}

/** One cell of the grid for one question: everything its context depends on. */
export interface Instance {
  /** First 16 digits of SHA-256 over the database, the question and every value below. */
  instance_id: string;
  question: string;
  /** Tokens of the context, at most. */
  length: number;
  amount: Amount;
  placement: Placement;
  options: ContextOptions;
  /** Why its context cannot be made, found without making it. */
  problem: string | null;
}

/** Tokens of a table's sentences, from its first row on, in the order in which `candidates` gives them. */
export interface SentenceTokens {
  table: string;
  tokens: Array<number>;
}

/** Sentences that a context may need, to be counted by a tokenizer. */
export interface Candidates {
  table: string;
  sentences: Array<string>;
}

/** Makes a context. */
export interface ContextRequest {
  instance: Instance;
  /** Tokens of every candidate, with measure `counted`. */
  counted: Array<SentenceTokens>;
}

/** A sentence of the context. */
export interface Line {
  text: string;
  table: string;
  /** The table's row, from 0. */
  row: number;
  /** Its table is one that the question reads. */
  relevant: boolean;
  /** The same row stands above already. */
  duplicate: boolean;
  /** A neutral sentence that comes from no table of the database. */
  filler: boolean;
  /** The row passes the question's joins and filters, so that the answer rests on it; null where that is not known. */
  evidence: boolean | null;
}

/** The right answer, by SQL on exactly the rows in the context. */
export interface Gold {
  columns: Array<string>;
  /** At most 50. */
  rows: Array<Array<Value>>;
  ordered: boolean;
  /** Rows there were before the cut; null when none was cut. */
  truncated_at: number | null;
}

/** Less than was asked for, because the rows ran out. */
export interface Shortfall {
  /** Asked for, in tokens. */
  relevant_wanted: number;
  relevant: number;
  irrelevant_wanted: number;
  irrelevant: number;
}

/** A context, its question and its gold answer. */
export interface Context {
  instance: Instance;
  text: string;
  lines: Array<Line>;
  /** Lines of tables that the question reads. */
  relevant: number;
  irrelevant: number;
  /** Lines whose text stands above already. */
  duplicates: number;
  /** Unicode code points of `text`. */
  characters: number;
  /** By the instance's measure. */
  tokens: number;
  relevant_tokens: number;
  shortfall: Shortfall | null;
  sha256: string;
  gold: Gold;
  /** An empty answer, ties at the cut, a gold cut at 50 rows, and the like. */
  warnings: Array<string>;
  /** What an answerer says that draws random values from the context; seeded by the instance's id. */
  random_answer: string;
}

/** How the model is asked: with room for reasoning, or for the answer alone. */
export type PromptStyle = "reasoning" | "direct";

/** A template for prompts; `{context}` and `{question}`, and so on, are filled in. */
export interface PromptTemplate {
  /** `own`; `reference` when the study's own file was recognised by its bytes; `custom` for any other. */
  origin: string;
  /** `reasoning` or `direct` for a model, `extraction` or `evaluation` for a judge. */
  name: string;
  text: string;
}

/** One line of prompts.jsonl. */
export interface PromptLine {
  instance_id: string;
  prompt: string;
  max_new_tokens: number;
  meta: PromptMeta;
}

/** What a prompt was made of. Nothing here tells the answer. */
export interface PromptMeta {
  db: string;
  query_id: string;
  flags: Array<string>;
  difficulty: Difficulty;
  length: number;
  /** In tokens, also where a density was asked for. */
  info_amount: number;
  placement: Placement;
  mode: Mode;
  /** Of the order in which rows were taken; null for the stored one. */
  seed: number | null;
  est_tokens: number;
}

/** One line of gold.jsonl, which is kept apart from the prompts. */
export interface GoldLine {
  instance_id: string;
  question: string;
  columns: Array<string>;
  rows: Array<Array<Value>>;
  ordered: boolean;
  truncated_at: number | null;
  sql: string;
  context_sha256: string;
}

/** One line of responses.jsonl. */
export interface ResponseLine {
  instance_id: string;
  response: string;
  model?: string;
  usage?: Usage;
}

/** What an answer cost. */
export interface Usage {
  prompt_tokens: number;
  completion_tokens: number;
}

/** One line of labels.jsonl. */
export interface LabelLine {
  instance_id: string;
  /** In the order of the gold rows. */
  labels: Array<Label>;
  source: LabelSource;
}

/** A line that cannot be read. */
export interface BrokenLine {
  /** From 1. */
  line: number;
  reason: string;
}

/** What a file of answers or labels held. */
export interface Imported<T> {
  /** The first line of every id that is known. */
  lines: Array<T>;
  /** Ids that no instance has. */
  unknown: Array<string>;
  /** Ids that came again; their first line was taken. */
  duplicate: Array<string>;
  broken: Array<BrokenLine>;
}

/** A row of the study's CSV: question, prediction, gold. */
export interface ReferenceRow {
  question: string;
  prediction: string;
  gold: Gold;
}

/** How a gold row fares in an answer. */
export type Label = "Exact Match" | "Partial Match" | "No Match";

/** Who gave the labels. */
export type LabelSource = "rule" | "judge" | "human";

/** A gold row's label, and why. */
export interface RowScore {
  /** From 0; the one row of an empty gold is 0 too. */
  row: number;
  label: Label;
  /** In words. */
  why: string;
  /** Which cells of the row were found. */
  matched: Array<boolean>;
  /** The segment of the answer that was taken for this row. */
  segment: number | null;
}

/** Scores one answer. */
export interface ScoreRequest {
  instance_id: string;
  gold: Gold;
  response: string;
  /** Labels from elsewhere; the rule's own where null. */
  labels: Array<Label> | null;
  source: LabelSource;
}

/** One answer against its gold. */
export interface AnswerScore {
  instance_id: string;
  source: LabelSource;
  /** The part of the response that answers, behind its reasoning. */
  answer: string;
  /** Lines, bullets or table rows of the answer. */
  segments: Array<string>;
  rows: Array<RowScore>;
  exact: number;
  partial: number;
  none: number;
  /** (exact + w · partial) / labels, with w = 0.5 and with w = 0. */
  recall: number;
  recall_strict: number;
  /** Segments that stand for a gold row, of all; by rule whoever gave the labels, null where the answer has no segment. */
  precision: number | null;
  f1: number | null;
}

/** Scored answers of one answerer, with what they can be grouped by. */
export interface Answered {
  /** Model, or `random` or `empty` for a baseline. */
  answerer: string;
  instance: Instance;
  question: Question;
  database: string;
  score: AnswerScore;
}

/** How answers are grouped. */
export type GroupBy = "all" | "flag" | "difficulty" | "database" | "length" | "amount" | "placement" | "question";

/** A mean over queries, with a bootstrap interval over queries. */
export interface Estimate {
  mean: number;
  low: number;
  high: number;
}

/** A group of answers of one answerer. */
export interface ScoreRow {
  answerer: string;
  group: string;
  /** Queries, the unit that means and intervals are taken over. */
  queries: number;
  /** Answers, of all queries. */
  answers: number;
  recall: Estimate;
  recall_strict: Estimate;
  precision: Estimate | null;
  f1: Estimate | null;
}

/** Whether a difference is more than noise. */
export type Verdict = "win" | "loss" | "within noise";

/** Two answerers on the same instances. */
export interface Difference {
  answerer: string;
  other: string;
  group: string;
  queries: number;
  /** Recall of `answerer` less that of `other`, query by query. */
  recall: Estimate;
  verdict: Verdict;
}

/** Scores by group. */
export interface ScoreTable {
  by: GroupBy;
  /** Of the bootstrap intervals, 95 %. */
  resamples: number;
  seed: number;
  rows: Array<ScoreRow>;
  differences: Array<Difference>;
  notes: Array<string>;
}

/** Where an answer is judged by a model. */
export interface JudgeSettings {
  model: string;
  /** Templates of the study, or others; null for the project's own words. */
  extraction: string | null;
  evaluation: string | null;
}

/** A judge's first answer, read. */
export interface Extraction {
  reasoning: string;
  final_answer: string;
}

/** A judge's second answer, read. */
export interface Evaluation {
  /** In the order of the gold rows; a row that the judge left out is No Match. */
  labels: Array<Label>;
  /** Ids that are missing, unknown or came twice. */
  problems: Array<string>;
}
