/** A sentence of the catalogue with templates in its places. */
import { html, type TemplateResult } from "lit";
import { t, type Key } from "../strings";

export function filled(key: Key, values: Record<string, unknown>): TemplateResult {
  return html`${t(key).split(/(\{\w+\})/).map((piece) => (/^\{\w+\}$/.test(piece) ? values[piece.slice(1, -1)] : piece))}`;
}
