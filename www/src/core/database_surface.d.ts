/**
 * What the page uses of the wasm file for databases. TypeScript reads this file only while `pkg/` is not built, as it does
 * surface.d.ts. Everything crosses as JSON text; its types are the lab's, in labs/holobench/types.ts.
 */
export default function init(): Promise<unknown>;

export class Database {
  private constructor();
  static open_sqlite(name: string, bytes: Uint8Array): Database;
  static open_csv(names: string[], contents: Uint8Array[]): Database;
  static synthetic(seed: number): Database;
  info(): string;
  confirm_key(index: number, confirmed: boolean): string;
  templates(): string;
  set_template(table: string, text?: string | null): string;
  questions(seed: number, check_amount: number, count?: number | null): string;
  all_questions(): string;
  check_question(id: string, sql: string, text: string): string;
  add_question(id: string, sql: string, text: string): string;
  edit_question(id: string, text: string): string;
  grid(settings_json: string): string;
  candidates(instance_json: string): string;
  context(request_json: string): string;
  prompt_line(context_json: string, prompt: string, max_new_tokens: number): string;
  gold_line(context_json: string): string;
  free(): void;
}

export function prompt_of(template_json: string | null | undefined, style: string, context: string, question: string): string;
export function recognise_template(text: string): string;
export function empty_answer(): string;
export function score_answer(request_json: string): string;
export function aggregate_scores(answered_json: string, by: string): string;
export function export_prompts(lines_json: string): string;
export function export_gold(lines_json: string): string;
export function export_responses(lines_json: string): string;
export function export_labels(lines_json: string): string;
export function import_responses(text: string, ids: string[]): string;
export function import_labels(text: string, ids: string[]): string;
export function reference_csv(rows_json: string): string;
export function extraction_body(settings_json: string, response: string): string;
export function evaluation_body(settings_json: string, question: string, answer: string, gold_json: string): string;
export function read_extraction(content: string): string;
export function read_evaluation(content: string, gold_json: string): string;
export function score_csv(table_json: string): string;
