/**
 * A text and the concepts marked in it, as a person edits them. Places are UTF-16 units here, as in a text field; the core
 * counts bytes of UTF-8.
 */
import type { AttentionRequest, Exclusion } from "./types";

/** From `start` up to and without `end`. */
export interface Span {
  start: number;
  end: number;
}

export interface EditedConcept {
  name: string;
  /** In order, apart from each other. */
  spans: Span[];
  /** Positions of its tokens, chosen by hand; null to take those that the spans touch. */
  tokens: number[] | null;
}

export interface EditedText {
  name: string;
  text: string;
  concepts: EditedConcept[];
  alsoExcluded: number[];
  kept: number[];
}

/** Of every place in the text, the bytes before it: one more entry than the text has units. */
export function byteOffsets(text: string): Uint32Array {
  const offsets = new Uint32Array(text.length + 1);
  let bytes = 0;
  for (let i = 0; i < text.length; i++) {
    offsets[i] = bytes;
    const unit = text.charCodeAt(i);
    const paired = unit >= 0xd800 && unit < 0xdc00 && i + 1 < text.length && text.charCodeAt(i + 1) >= 0xdc00 && text.charCodeAt(i + 1) < 0xe000;
    if (paired) {
      // Half a character lies nowhere: it counts as its beginning.
      offsets[++i] = bytes;
      bytes += 4;
    } else {
      // A lone surrogate becomes U+FFFD on its way to the core, which has three bytes as well.
      bytes += unit < 0x80 ? 1 : unit < 0x800 ? 2 : 3;
    }
  }
  offsets[text.length] = bytes;
  return offsets;
}

export function toRequest(texts: readonly EditedText[], exclusion: Exclusion): AttentionRequest {
  return {
    texts: texts.map(({ name, text, concepts, alsoExcluded, kept }) => {
      const offsets = byteOffsets(text);
      return {
        name, text, also_excluded: alsoExcluded, kept,
        concepts: concepts.map(({ name: of, spans, tokens }) => ({ name: of, tokens, spans: spans.map(({ start, end }) => ({ start: offsets[start]!, end: offsets[end]! })) })),
      };
    }),
    exclusion,
  };
}

export function fromRequest({ texts }: AttentionRequest): EditedText[] {
  return texts.map(({ name, text, concepts, also_excluded: alsoExcluded, kept }) => {
    const offsets = byteOffsets(text);
    const place = (byte: number) => offsets.findIndex((offset) => offset >= byte);
    return {
      name, text, alsoExcluded, kept,
      concepts: concepts.map(({ name: of, spans, tokens }) => ({ name: of, tokens, spans: joined(spans.map(({ start, end }) => ({ start: place(start), end: place(end) }))) })),
    };
  });
}

/** Spans in order; those that touch become one, empty ones go. */
export function joined(spans: readonly Span[]): Span[] {
  const out: Span[] = [];
  for (const { start, end } of [...spans].sort((a, b) => a.start - b.start)) {
    const last = out.at(-1);
    if (end <= start) continue;
    if (last && start <= last.end) last.end = Math.max(last.end, end);
    else out.push({ start, end });
  }
  return out;
}

/** Without the part that lies in `taken`. */
export function without(spans: readonly Span[], taken: Span): Span[] {
  return joined(spans.flatMap(({ start, end }) => [{ start, end: Math.min(end, taken.start) }, { start: Math.max(start, taken.end), end }]));
}

/** The span without white space at its ends. */
export function trimmed(text: string, { start, end }: Span): Span {
  while (start < end && /\s/.test(text[start]!)) start++;
  while (end > start && /\s/.test(text[end - 1]!)) end--;
  return { start, end };
}

/**
 * Where spans lie after `before` has been edited into `after`: the edit is what lies between the common beginning and end.
 * Letters that are alike leave open where it was; `caret`, the place behind what was typed, settles that.
 */
export function followed(before: string, after: string, spans: readonly Span[], caret = 0): Span[] {
  const most = Math.min(before.length, after.length);
  let tail = 0;
  while (tail < Math.min(most, after.length - caret) && before[before.length - 1 - tail] === after[after.length - 1 - tail]) tail++;
  let head = 0;
  while (head < most - tail && before[head] === after[head]) head++;
  const [from, to, grown] = [head, before.length - tail, after.length - before.length];
  return joined(spans.flatMap(({ start, end }): Span[] => {
    // What is typed at a span's ends does not belong to it; what is typed inside does.
    if (end <= from) return [{ start, end }];
    if (start >= to) return [{ start: start + grown, end: end + grown }];
    if (start <= from && end >= to) return [{ start, end: end + grown }];
    if (start < from) return [{ start, end: from }];
    return end > to ? [{ start: to + grown, end: end + grown }] : [];
  }));
}

const MARK = /\[\[(?:([^[\]|]{1,60})\|)?((?:(?!\[\[|\]\])[\s\S])+?)\]\]/;

/** Turns every `[[words]]` and `[[name|words]]` into a mark of the active or the named concept. Null where there is none. */
export function unbracketed(edited: EditedText, active: number): EditedText | null {
  if (!MARK.test(edited.text)) return null;
  let { text } = edited;
  let concepts = edited.concepts.map((concept) => ({ ...concept, tokens: null as number[] | null }));
  for (let found = MARK.exec(text); found; found = MARK.exec(text)) {
    const [whole, name, words] = found;
    const opening = whole.length - 2 - words!.length;
    const start = found.index;
    // Two cuts, so that a span that reaches over the brackets keeps what is between them.
    concepts = concepts.map((concept) => ({
      ...concept, spans: cutOut(cutOut(concept.spans, start, start + opening), start + words!.length, start + words!.length + 2),
    }));
    text = text.slice(0, start) + words! + text.slice(start + whole.length);
    let to = name === undefined ? active : concepts.findIndex((concept) => concept.name === name.trim());
    if (to < 0 || to >= concepts.length) to = concepts.push({ name: name?.trim() ?? `concept ${concepts.length + 1}`, spans: [], tokens: null }) - 1;
    concepts[to] = { ...concepts[to]!, spans: joined([...concepts[to]!.spans, { start, end: start + words!.length }]) };
  }
  return { ...edited, text, concepts, alsoExcluded: [], kept: [] };
}

/** Spans after the text between `from` and `to` has gone. */
function cutOut(spans: readonly Span[], from: number, to: number): Span[] {
  const place = (at: number) => (at <= from ? at : Math.max(from, at - (to - from)));
  return joined(spans.map(({ start, end }) => ({ start: place(start), end: place(end) })));
}
