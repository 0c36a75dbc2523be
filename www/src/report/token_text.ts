/**
 * Token text is data from strangers. Here it becomes a list of segments that are safe to show: what can be printed as
 * it is, and a visible name for everything else.
 */

/** `text` is printed as it is; `mark` is a name for something invisible; `byte` is a byte that is no character. */
export interface Segment {
  kind: "text" | "mark" | "byte";
  text: string;
}

/** A shown token is cut in the middle at this many units, each a character or a mark. */
export const UNITS_MAX = 40;

const NAMES: Record<number, string> = {
  0x20: "␣", 0x0a: "⏎", 0x09: "⇥", 0x7f: "␡",
  0xa0: "NBSP", 0xad: "SHY", 0x61c: "ALM", 0x180e: "MVS",
  0x200b: "ZWSP", 0x200c: "ZWNJ", 0x200d: "ZWJ", 0x200e: "LRM", 0x200f: "RLM",
  0x2028: "LSEP", 0x2029: "PSEP",
  0x202a: "LRE", 0x202b: "RLE", 0x202c: "PDF", 0x202d: "LRO", 0x202e: "RLO",
  0x2060: "WJ", 0x2066: "LRI", 0x2067: "RLI", 0x2068: "FSI", 0x2069: "PDI",
  0xfeff: "BOM", 0xfffc: "OBJ", 0xfffd: "�",
};
const COMBINING = /^\p{M}$/u;
/** Format characters, unassigned, private use, lone surrogates, and spaces other than U+0020: nothing to see. */
const INVISIBLE = /^[\p{Cf}\p{Cn}\p{Co}\p{Cs}\p{Cc}\p{Zl}\p{Zp}\p{Zs}]$/u;

/**
 * Segments of a token. `bytesHex` holds its exact bytes where they are not the UTF-8 of `text`: then characters are read
 * from them, and what is no character is shown as bytes.
 */
export function segments(text: string, bytesHex = ""): Segment[] {
  const out: Segment[] = [];
  const push = (kind: Segment["kind"], piece: string) => {
    const last = out.at(-1);
    if (kind === "text" && last?.kind === "text") last.text += piece;
    else out.push({ kind, text: piece });
  };
  const characters = bytesHex === "" ? text : fromBytes(bytesHex);
  let before = false;
  for (const character of typeof characters === "string" ? characters : characters) {
    if (typeof character === "number") {
      push("byte", `⟨${character.toString(16).toUpperCase().padStart(2, "0")}⟩`);
      before = false;
      continue;
    }
    const code = character.codePointAt(0)!;
    const name = NAMES[code];
    if (name !== undefined) push("mark", name);
    else if (code < 0x20) push("mark", String.fromCodePoint(0x2400 + code));
    else if (INVISIBLE.test(character)) push("mark", `U+${code.toString(16).toUpperCase().padStart(4, "0")}`);
    else if (!before && COMBINING.test(character)) push("text", `◌${character}`);
    else push("text", character);
    before = name === undefined && code >= 0x20 && !INVISIBLE.test(character);
  }
  return out;
}

/** Cuts in the middle. The number of units left out is given, so that the cut can be announced. */
export function cut(whole: Segment[], max = UNITS_MAX): { head: Segment[]; tail: Segment[]; omitted: number } {
  const units = whole.flatMap(({ kind, text }): Segment[] =>
    kind === "text" ? graphemes(text).map((piece) => ({ kind, text: piece })) : [{ kind, text }]);
  if (units.length <= max) return { head: whole, tail: [], omitted: 0 };
  const half = Math.floor((max - 1) / 2);
  return { head: joined(units.slice(0, half)), tail: joined(units.slice(-half)), omitted: units.length - 2 * half };
}

/** The shown form as one string, for labels, search and screen readers. */
export function shown(text: string, bytesHex = ""): string {
  return segments(text, bytesHex).map((segment) => segment.text).join("");
}

const segmenter = new Intl.Segmenter("und", { granularity: "grapheme" });

function graphemes(text: string): string[] {
  // A grapheme may be hundreds of combining marks; it is cut after 8 code points, or one of them could fill the page.
  return [...segmenter.segment(text)].flatMap(({ segment }) => {
    const points = [...segment];
    if (points.length <= 8) return [segment];
    return Array.from({ length: Math.ceil(points.length / 8) }, (_, i) => points.slice(8 * i, 8 * i + 8).join(""));
  });
}

function joined(units: Segment[]): Segment[] {
  const out: Segment[] = [];
  for (const unit of units) {
    const last = out.at(-1);
    if (unit.kind === "text" && last?.kind === "text") last.text += unit.text;
    else out.push({ ...unit });
  }
  return out;
}

/** Characters where the bytes are UTF-8, the bytes themselves as numbers where they are not. */
function fromBytes(bytesHex: string): (string | number)[] {
  const bytes = Uint8Array.from(bytesHex.match(/[0-9a-f]{2}/gi) ?? [], (pair) => Number.parseInt(pair, 16));
  const out: (string | number)[] = [];
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  for (let i = 0; i < bytes.length; ) {
    const first = bytes[i]!;
    const length = first < 0x80 ? 1 : first >> 5 === 6 ? 2 : first >> 4 === 14 ? 3 : first >> 3 === 30 ? 4 : 0;
    try {
      if (length === 0 || i + length > bytes.length) throw new RangeError("not a whole character");
      out.push(decoder.decode(bytes.subarray(i, i + length)));
      i += length;
    } catch {
      out.push(first);
      i += 1;
    }
  }
  return out;
}
