/** The filter box: words, `/regular expressions/` and `field:value`, all of which have to hold. */
import { symptomsOf, typeOf } from "./labels";
import { shown } from "./token_text";
import { SEARCH, VERDICTS, type TokenRows } from "./rows";

export const FIELDS = ["id", "class", "verdict", "cluster", "p", "entropy", "answer", "text", "search", "strict", "fails", "passes", "differ",
  "type", "symptom"] as const;
export type Field = (typeof FIELDS)[number];

export interface Filter {
  matches: (rows: TokenRows, id: number) => boolean;
  /** What could not be understood, as a key of the catalogue with the piece it is about. */
  problem: { key: "filter.regex" | "filter.field" | "filter.number"; piece: string } | null;
}

type Test = (rows: TokenRows, id: number) => boolean;

export function parseFilter(query: string): Filter {
  const tests: Test[] = [];
  let problem: Filter["problem"] = null;
  for (const piece of pieces(query)) {
    const test = parsePiece(piece);
    if (typeof test === "function") tests.push(test);
    else problem ??= { ...test, piece };
  }
  const [only] = tests;
  if (!only) return { matches: () => true, problem };
  return { matches: tests.length === 1 ? only : (rows, id) => tests.every((test) => test(rows, id)), problem };
}

/** Ids that match, ascending; of those the ones that `lists` lists, which is told all of them. */
export function matching(rows: TokenRows, filter: Filter, lists: (id: number) => boolean = () => true): Uint32Array {
  const ids = new Uint32Array(rows.length);
  let n = 0;
  for (let id = 0; id < rows.length; id++) if (filter.matches(rows, id) && lists(id)) ids[n++] = id;
  return ids.slice(0, n);
}

/** Splits at blanks outside `/…/` and `"…"`. */
function pieces(query: string): string[] {
  return query.match(/(?:\w+:)?(?:\/(?:\\.|[^/\\])+\/[a-z]*|"[^"]*"?)(?=\s|$)|\S+/g) ?? [];
}

function parsePiece(piece: string): Test | { key: "filter.regex" | "filter.field" | "filter.number" } {
  const field = /^([a-z_]+):(.+)$/su.exec(piece);
  if (field && (FIELDS as readonly string[]).includes(field[1]!)) return fieldTest(field[1] as Field, field[2]!);
  // `http://x` or `a:b` may well be text; a bare name with a colon and nothing behind it is being typed.
  if (/^[a-z_]+:$/.test(piece) && (FIELDS as readonly string[]).includes(piece.slice(0, -1))) return () => true;
  if (field && /^(name|token|prob|probability|status|glitch)$/.test(field[1]!)) return { key: "filter.field" };
  return textTest(piece, (rows, id) => rows.text(id), true);
}

function textTest(
  piece: string, get: (rows: TokenRows, id: number) => string, orShown = false,
): Test | { key: "filter.regex" } {
  const regex = /^\/((?:\\.|[^/\\])+)\/([a-z]*)$/s.exec(piece);
  if (regex) {
    try {
      // Without `g` and `y`: they would make the expression remember where the last match ended.
      const expression = new RegExp(regex[1]!, regex[2]!.replace(/[gy]/g, ""));
      return (rows, id) => expression.test(get(rows, id));
    } catch {
      return { key: "filter.regex" };
    }
  }
  const wanted = piece.replace(/^"([^"]*)"?$/, "$1").toLowerCase();
  return (rows, id) => {
    const text = get(rows, id);
    if (text.toLowerCase().includes(wanted)) return true;
    return orShown && wanted !== "" && UNPRINTED.test(wanted) && shown(text, rows.bytesHex(id)).toLowerCase().includes(wanted);
  };
}

/** Signs that only the shown form of a token has. */
const UNPRINTED = /[␣⏎⇥␡⟨⟩◌\u2400-\u241f]|u\+/u;

function fieldTest(field: Field, value: string): Test | { key: "filter.regex" | "filter.number" } {
  switch (field) {
    case "text":
      return textTest(value, (rows, id) => rows.text(id), true);
    case "answer":
      return textTest(value, (rows, id) => rows.probe[id]?.answer_text ?? "");
    case "class":
      return (rows, id) => oneOf(value, rows.kind(id));
    case "verdict":
      return (rows, id) => oneOf(value, VERDICTS[rows.verdict[id] ?? 0] ?? "");
    case "search":
      return (rows, id) => oneOf(value, SEARCH[rows.search[id] ?? 0] ?? "");
    case "strict":
      return (rows, id) => oneOf(value, rows.probe[id] ? (rows.probe[id].passed_strict ? "ok" : "failed") : "");
    case "fails":
      return (rows, id) => value.split(",").every((oracle) => verdictOf(rows, oracle, id) === false);
    case "passes":
      return (rows, id) => value.split(",").every((oracle) => verdictOf(rows, oracle, id) === true);
    case "differ":
      return (rows, id) => new Set(value.split(",").map((oracle) => verdictOf(rows, oracle, id)).filter((passes) => passes !== undefined)).size > 1;
    case "type":
      return (rows, id) => rows.labels.has(id) && oneOf(value, typeOf(rows.labels.get(id)!));
    case "symptom":
      return (rows, id) => rows.labels.has(id) && symptomsOf(rows.labels.get(id)!).some(([question, symptom]) => oneOf(value, symptom) || oneOf(value, `${question}/${symptom}`));
    case "id":
      return numberTest(value, (_, id) => id);
    case "cluster":
      return numberTest(value, (rows, id) => (rows.cluster[id]! < 0 ? Number.NaN : rows.cluster[id]!));
    case "p":
      return numberTest(value, (rows, id) => rows.probe[id]?.p_target ?? Number.NaN);
    case "entropy":
      return numberTest(value, (rows, id) => rows.probe[id]?.entropy ?? Number.NaN);
  }
}

/** Whether a token passes an oracle of the panel; undefined where it was not asked. */
function verdictOf(rows: TokenRows, oracle: string, id: number): boolean | undefined {
  return rows.panel?.passes(oracle, id);
}

function oneOf(value: string, name: string): boolean {
  return value.toLowerCase().split(",").includes(name);
}

/** `5`, `1,2,7`, `<0.1`, `>=3`, `10..20`. */
function numberTest(value: string, get: (rows: TokenRows, id: number) => number): Test | { key: "filter.number" } {
  const compared = /^(<=|>=|<|>)(-?[\d.]+(?:e-?\d+)?)$/i.exec(value);
  if (compared) {
    const limit = Number(compared[2]);
    switch (compared[1]) {
      case "<": return (rows, id) => get(rows, id) < limit;
      case ">": return (rows, id) => get(rows, id) > limit;
      case "<=": return (rows, id) => get(rows, id) <= limit;
      default: return (rows, id) => get(rows, id) >= limit;
    }
  }
  const range = /^(-?[\d.]+)\.\.(-?[\d.]+)$/.exec(value);
  if (range) {
    const [low, high] = [Number(range[1]), Number(range[2])];
    return (rows, id) => get(rows, id) >= low && get(rows, id) <= high;
  }
  const list = value.split(",").map(Number);
  if (value === "" || list.some((number) => Number.isNaN(number))) return { key: "filter.number" };
  return (rows, id) => list.includes(get(rows, id));
}
