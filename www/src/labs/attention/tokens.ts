/** The tokens of a text, and what is drawn of them. */
import { decimal, percent } from "../../report/format";
import { shown } from "../../report/token_text";
import { t } from "../../strings";
import { levelOf, type StripToken } from "./token_strip";
import type { AttentionComparison, AttentionResult, TextToken, TextTokens } from "./types";

const encoder = new TextEncoder();

/** The text of each token: what stands between its bytes, or the entry of one that is not in the text. */
export function pieces(text: string, tokens: readonly TextToken[]): { text: string; bytesHex: string }[] {
  const bytes = encoder.encode(text);
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  return tokens.map(({ piece, start, end }) => {
    if (end <= start) return { text: piece, bytesHex: "" };
    const part = bytes.subarray(start, end);
    try {
      return { text: decoder.decode(part), bytesHex: "" };
    } catch {
      return { text: "\uFFFD", bytesHex: [...part].map((byte) => byte.toString(16).padStart(2, "0")).join("") };
    }
  });
}

/** Names for the axes of a map: short, and everything invisible visible. */
export function names(text: string, tokens: readonly TextToken[]): string[] {
  return pieces(text, tokens).map(({ text: piece, bytesHex }) => shown(piece, bytesHex));
}

/** Which amounts the strip shows: of one model, or of the second of a pair less the first. */
export type StripView = { kind: "model"; model: number; layer: number | null } | { kind: "difference"; old: number; new: number; layer: number | null };

/** Of each token the attention it receives; null where a view has none for these tokens. */
export function amounts(results: readonly AttentionResult[], at: number, view: StripView): number[] | null {
  const of = (model: number) => {
    const text = results[model]?.texts[at];
    return text ? (view.layer === null ? text.received : text.received_by_layer[view.layer]) ?? null : null;
  };
  if (view.kind === "model") return of(view.model);
  const [old, fresh] = [of(view.old), of(view.new)];
  return old && fresh && old.length === fresh.length ? fresh.map((value, i) => value - old[i]!) : null;
}

/** Tokens as the strip draws them. The darkest is the one that receives most of those that are not left out. */
export function strip(text: string, tokens: TextTokens, concept: number, received: readonly number[] | null): { tokens: StripToken[]; most: number } {
  const marked = new Set(tokens.concepts[concept]?.tokens);
  const cut = new Set(tokens.concepts[concept]?.cut);
  const most = received ? Math.max(0, ...received.filter((_, i) => !tokens.tokens[i]?.excluded).map(Math.abs)) : 0;
  const signed = received?.some((value) => value < 0) ?? false;
  return {
    most,
    tokens: pieces(text, tokens.tokens).map((piece, i): StripToken => {
      const { id, excluded } = tokens.tokens[i]!;
      const value = received?.[i];
      return {
        ...piece, concept: marked.has(i), excluded, cut: cut.has(i), level: value === undefined ? null : levelOf(value, most),
        about: [
          t("attention.token", { position: i, id }),
          ...(value === undefined ? [] : [t("attention.token.received", { share: signed ? points(value) : percent2(value) })]),
          ...(marked.has(i) ? [t("attention.token.concept")] : []), ...(cut.has(i) ? [t("attention.token.cut")] : []), ...(excluded ? [t("attention.token.excluded")] : []),
        ].join(", "),
      };
    }),
  };
}

/** 0.0123 → `1.23 %` */
export function percent2(share: number): string {
  return Number.isFinite(share) ? `${decimal(100 * share, Math.abs(share) < 0.0995 ? 2 : 1)} %` : percent(share);
}

/** A difference of shares, in percentage points with its sign. */
export function points(difference: number): string {
  const text = decimal(100 * difference, Math.abs(difference) < 0.0995 ? 2 : 1);
  return difference > 0 ? `+${text}` : text.replace("-", "−");
}

/** Values of layers by heads as a rectangle: layers with fewer heads end in gaps. */
export function grid(values: readonly (number | null)[], heads: readonly number[]): { rows: number; columns: number; values: (number | null)[] } {
  const columns = Math.max(0, ...heads);
  const out: (number | null)[] = [];
  let at = 0;
  for (const n of heads) {
    for (let head = 0; head < columns; head++) out.push(head < n ? (values[at + head] ?? null) : null);
    at += n;
  }
  return { rows: heads.length, columns, values: out };
}

/** Where a head stands in lists that go layer by layer. */
export function flatHead(heads: readonly number[], layer: number, head: number): number {
  return heads.slice(0, layer).reduce((sum, n) => sum + n, 0) + head;
}

/** The texts in pieces that both models can be compared on, as tokens of the strip. */
export function alignedStrip(text: string, comparison: AttentionComparison, at: number, old: number, fresh: number): { tokens: StripToken[]; most: number } | null {
  const aligned = comparison.texts[at];
  if (!aligned) return null;
  const differences = aligned.pieces.map(({ received }) => received[fresh]! - received[old]!);
  const most = Math.max(0, ...differences.map(Math.abs));
  const parts = pieces(text, aligned.pieces.map(({ start, end }) => ({ id: -1, piece: "", start, end, excluded: false })));
  return {
    most,
    tokens: parts.map((piece, i) => ({
      ...piece, concept: false, excluded: false, cut: false, level: levelOf(differences[i]!, most), about: t("attention.token.received", { share: points(differences[i]!) }),
    })),
  };
}
