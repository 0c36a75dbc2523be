/** Tokens as rows: virtualised, sortable, with keyboard selection that follows the map and back. */
import { elementScroll, observeElementOffset, observeElementRect, Virtualizer } from "@tanstack/virtual-core";
import { css, html, nothing, type PropertyValues } from "lit";
import { count, decimal, probability } from "../report/format";
import { shown } from "../report/token_text";
import { FAILED, type TokenRows, type Verdict, VERDICTS } from "../report/rows";
import { Slices, sortInSlices, turn } from "../slices";
import { t, type Key } from "../strings";
import { GlitchscopeElement, sheet } from "./element";
import { chipStyle, fillChip } from "./token_chip";

export const ROW_PX = 32;
const COLUMNS = ["id", "token", "verdict", "p", "entropy", "answer", "cluster", "class"] as const;
export type Column = (typeof COLUMNS)[number];
const NUMBERS = new Set<Column>(["id", "p", "entropy", "cluster"]);
const SHAPES = ["·", "●", "◆", "○"] as const;

export interface Sort {
  column: Column;
  descending: boolean;
}

type Compare = (a: number, b: number) => number;

/** Lists that are sorted in one go, within a frame or two. */
const AT_ONCE = 8_192;

/** Places of a vocabulary's texts in their order, made once: comparing 262,144 texts takes some tenths of a second. */
const textPlaces = new WeakMap<TokenRows, Uint32Array>();

async function placesOfTexts(rows: TokenRows, slices: Slices, isWanted: () => boolean): Promise<Uint32Array | null> {
  const known = textPlaces.get(rows);
  if (known) return known;
  const ids = Uint32Array.from({ length: rows.length }, (_, id) => id);
  const order = await sortInSlices(ids, byText(rows, (id) => rows.text(id), 1), slices, isWanted);
  if (!order) return null;
  // Equal texts have equal places, so that ties go by id in both directions.
  const places = new Uint32Array(rows.length);
  for (let i = 1; i < order.length; i++) {
    places[order[i]!] = rows.text(order[i]!) === rows.text(order[i - 1]!) ? places[order[i - 1]!]! : i;
  }
  textPlaces.set(rows, places);
  return places;
}

function byText(rows: TokenRows, key: (id: number) => string | undefined, sign: number): Compare {
  const keys = Array.from({ length: rows.length }, (_, id) => key(id));
  return (a, b) => {
    const [x, y] = [keys[a], keys[b]];
    if (x === undefined || y === undefined) return x === y ? a - b : x === undefined ? 1 : -1;
    return x === y ? a - b : sign * (x < y ? -1 : 1);
  };
}

function byNumber(rows: TokenRows, key: (id: number) => number, sign: number): Compare {
  const keys = new Float64Array(rows.length);
  for (let id = 0; id < rows.length; id++) keys[id] = key(id);
  return (a, b) => {
    const [x, y] = [keys[a]!, keys[b]!];
    if (Number.isNaN(x) || Number.isNaN(y)) return Number.isNaN(x) && Number.isNaN(y) ? a - b : Number.isNaN(x) ? 1 : -1;
    return sign * (x - y) || a - b;
  };
}

/** How a column orders ids: unknown values last in both directions, ties by id. */
function comparison(rows: TokenRows, { column, descending }: Sort): Compare {
  const sign = descending ? -1 : 1;
  switch (column) {
    case "id": return (a, b) => sign * (a - b);
    case "token": return byText(rows, (id) => rows.text(id), sign);
    case "answer": return byText(rows, (id) => rows.probe[id]?.answer_text, sign);
    case "class": return byText(rows, (id) => rows.kind(id), sign);
    case "verdict": return byNumber(rows, (id) => [2, 1, 0, 3][rows.verdict[id]!]!, sign);
    case "cluster": return byNumber(rows, (id) => (rows.cluster[id]! < 0 ? Number.NaN : rows.cluster[id]!), sign);
    case "p": return byNumber(rows, (id) => rows.probe[id]?.p_target ?? Number.NaN, sign);
    case "entropy": return byNumber(rows, (id) => rows.probe[id]?.entropy ?? Number.NaN, sign);
  }
}

/** Ids in the order of a column. */
export function sorted(rows: TokenRows, ids: Uint32Array, sort: Sort): Uint32Array {
  if (sort.column !== "id") return ids.slice().sort(comparison(rows, sort));
  // Without a comparison of its own a typed array is sorted ten times as fast.
  const ascending = ids.slice().sort();
  return sort.descending ? ascending.reverse() : ascending;
}

/** The same, with pauses in which the page draws and answers. Null as soon as it is not wanted any more. */
export async function sortedInSlices(
  rows: TokenRows, ids: Uint32Array, sort: Sort, isWanted: () => boolean = () => true, slices = new Slices(),
): Promise<Uint32Array | null> {
  if (sort.column === "id") return sorted(rows, ids, sort);
  if (sort.column !== "token") return sortInSlices(ids, comparison(rows, sort), slices, isWanted);
  const places = await placesOfTexts(rows, slices, isWanted);
  return places && sortInSlices(ids, byNumber(rows, (id) => places[id]!, sort.descending ? -1 : 1), slices, isWanted);
}

export class TokenTable extends GlitchscopeElement {
  static override styles = [sheet, chipStyle, css`
    :host { display: block; position: relative; container-type: inline-size; }
    .body { height: 674px; overflow-y: auto; overflow-x: hidden; overflow-anchor: none; position: relative; scrollbar-gutter: stable; border: 1px solid var(--rule); border-radius: 4px; background: var(--surface); }
    .body[aria-busy] { cursor: progress; }
    .space { position: relative; width: 100%; }
    .row {
      display: grid; align-items: center; height: 32px; padding: 0 12px; gap: 12px; line-height: 1.25;
      grid-template-columns: 56px minmax(90px, 1.3fr) 84px 76px 64px minmax(80px, 1fr) 60px 92px;
    }
    .head { position: sticky; top: 0; z-index: 1; border-bottom: 1px solid var(--rule); background: var(--surface); }
    .head button { width: 100%; min-height: 30px; padding: 0; border: 0; background: none; text-align: inherit; font-size: 13px; font-weight: 600; overflow: hidden; text-overflow: ellipsis; }
    .head button:hover { text-decoration: underline; }
    .head .arrow { color: var(--accent); }
    .cell { min-width: 0; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; font-size: 13px; }
    .number { text-align: end; font-family: var(--mono); font-size: 13px; }
    .space .row { position: absolute; top: 0; inset-inline: 0; border-bottom: 1px solid var(--rule); cursor: pointer; }
    .space .row:hover { background: var(--hover); }
    .space .row.picked { background: color-mix(in srgb, var(--accent) 9%, var(--surface)); box-shadow: inset 3px 0 0 var(--accent); }
    .verdict.glitch { color: var(--glitch); font-weight: 600; }
    .verdict.ok { color: var(--ok); }
    .verdict.skipped, .verdict.unasked, .class { color: var(--ink-2); }
    .empty { position: absolute; top: 33px; padding: 24px 16px; color: var(--ink-2); max-width: 60ch; }
    @media (max-width: 999px) { .body { height: 482px; } }
    @container (max-width: 820px) {
      .row { grid-template-columns: 52px minmax(90px, 1.3fr) 80px 76px 64px minmax(60px, 1fr); }
      .class, .cluster { display: none; }
    }
    @container (max-width: 560px) {
      .row { grid-template-columns: 44px minmax(70px, 1fr) 76px 72px; gap: 8px; padding: 0 8px; }
      .entropy, .answer { display: none; }
      .body { height: 386px; }
    }
  `];
  static override properties = {
    rows: { attribute: false }, version: { type: Number }, ids: { attribute: false }, picked: { attribute: false },
    empty: { type: String }, sort: { state: true },
  };
  declare rows: TokenRows | null;
  declare version: number;
  /** Ids to list, in any order. */
  declare ids: Uint32Array;
  declare picked: number | null;
  declare empty: string;
  declare sort: Sort;

  private order: Uint32Array = new Uint32Array();
  /** The order that is being made, and whether there is another one to be made after it. */
  private arranging: { rows: TokenRows; sort: Sort } | null = null;
  private again = false;
  /** Place of each id in the list, one more than it is; 0 for those that are not listed. */
  private rank = new Uint32Array();
  private virtualizer: Virtualizer<HTMLElement, HTMLElement> | null = null;
  private unmount: (() => void) | undefined;
  private readonly pool: HTMLElement[] = [];

  constructor() {
    super();
    this.rows = null;
    this.version = 0;
    this.ids = new Uint32Array();
    this.picked = null;
    this.empty = "";
    this.sort = { column: "id", descending: false };
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.arranging = null;
    this.unmount?.();
    this.virtualizer = null;
  }

  /** Apart from the lab that lists the rows and from the map: of a large vocabulary each takes its time. */
  protected override async scheduleUpdate(): Promise<void> {
    await turn();
    await super.scheduleUpdate();
  }

  override render() {
    return html`
      <div class="body" role="grid" tabindex="0" aria-label=${t("table.body", { n: count(this.ids.length) })}
        aria-rowcount=${this.ids.length + 1} aria-colcount=${COLUMNS.length} @keydown=${this.key} @click=${this.clicked} @dblclick=${this.openRow}>
        <div class="row head" role="row" aria-rowindex="1">
          ${COLUMNS.map((column) => {
            const active = this.sort.column === column;
            return html`<div class="cell ${column} ${NUMBERS.has(column) ? "number" : ""}" role="columnheader"
              aria-sort=${active ? (this.sort.descending ? "descending" : "ascending") : "none"}>
              <button title=${t(`column.${column}.title` as Key)} @click=${() => this.sortBy(column)}>${t(`column.${column}` as Key)}${
                active ? html`<span class="arrow" aria-hidden="true">${this.sort.descending ? " ↓" : " ↑"}</span>` : nothing}</button>
            </div>`;
          })}
        </div>
        <div class="space" role="rowgroup" ?hidden=${this.ids.length === 0}></div>
      </div>
      ${this.ids.length === 0 ? html`<p class="empty" role="status">${this.empty}</p>` : nothing}`;
  }

  override updated(changes: PropertyValues): void {
    if (!this.body) return;
    if (changes.has("ids") || changes.has("sort") || changes.has("rows") || changes.has("version")) this.arrange(changes.has("rows"));
    else this.list();
    if (changes.has("picked") && this.picked !== null) this.reveal(this.picked);
    this.draw();
  }

  /** Brings the list into its order: a long one in slices, while the old order stays in view, unless it is of `others`. */
  private arrange(others: boolean): void {
    const { rows, ids, sort } = this;
    if (rows && ids.length > AT_ONCE && sort.column !== "id") {
      // The old order is of other tokens, of which there may have been more.
      if (others) this.ordered(ids);
      this.again = true;
      void this.arrangeInSlices();
      return;
    }
    this.again = false;
    this.arranging = null;
    this.ordered(rows ? sorted(rows, ids, sort) : new Uint32Array());
  }

  private async arrangeInSlices(): Promise<void> {
    // What is being made is finished as long as it is of use: verdicts may arrive faster than a vocabulary is sorted.
    if (this.arranging && this.arranging.rows === this.rows && this.arranging.sort === this.sort) return;
    while (this.again && this.rows) {
      this.again = false;
      const work = { rows: this.rows, sort: this.sort };
      this.arranging = work;
      this.body?.setAttribute("aria-busy", "true");
      const order = await sortedInSlices(work.rows, this.ids, work.sort, () => this.arranging === work);
      if (this.arranging !== work) return;
      if (order) this.ordered(order);
    }
    this.arranging = null;
    this.body?.removeAttribute("aria-busy");
  }

  private ordered(order: Uint32Array): void {
    this.order = order;
    this.rank = new Uint32Array(this.rows?.length ?? 0);
    for (let index = 0; index < order.length; index++) this.rank[order[index]!] = index + 1;
    this.body?.removeAttribute("aria-busy");
    this.list();
    this.draw();
  }

  /** Tells the list how long it is. */
  private list(): void {
    const body = this.body;
    if (!body) return;
    const options = {
      count: this.order.length,
      getScrollElement: () => body,
      estimateSize: () => ROW_PX,
      overscan: 8,
      observeElementRect,
      observeElementOffset,
      scrollToFn: elementScroll,
      onChange: () => this.draw(),
    };
    if (this.virtualizer) this.virtualizer.setOptions(options);
    else {
      this.virtualizer = new Virtualizer<HTMLElement, HTMLElement>(options);
      this.unmount = this.virtualizer._didMount();
    }
    this.virtualizer._willUpdate();
    this.virtualizer.measure();
  }

  private get body(): HTMLElement | null {
    return this.renderRoot.querySelector(".body");
  }

  /** Fills as many row elements as are in view; the rest of the list is only a height. */
  private draw(): void {
    const { rows, virtualizer } = this;
    const space = this.renderRoot.querySelector<HTMLElement>(".space");
    if (!space || !virtualizer) return;
    space.style.height = `${this.order.length * ROW_PX}px`;
    const items = rows ? virtualizer.getVirtualItems() : [];
    while (this.pool.length < items.length) {
      const row = makeRow();
      this.pool.push(row);
      space.append(row);
    }
    this.pool.forEach((element, i) => {
      const item = items[i];
      const id = item ? this.order[item.index] : undefined;
      element.hidden = id === undefined;
      if (id === undefined || !item || !rows) return;
      element.style.transform = `translateY(${item.index * ROW_PX}px)`;
      element.ariaRowIndex = String(item.index + 2);
      element.classList.toggle("picked", id === this.picked);
      element.ariaSelected = String(id === this.picked);
      fillRow(element, rows, id);
    });
    const active = this.picked === null ? undefined : this.pool.find((row) => !row.hidden && row.dataset["id"] === String(this.picked));
    if (active) this.body?.setAttribute("aria-activedescendant", active.id);
    else this.body?.removeAttribute("aria-activedescendant");
  }

  private reveal(id: number): void {
    const index = (this.rank[id] ?? 0) - 1;
    const body = this.body;
    if (index < 0 || !body) return;
    const top = index * ROW_PX;
    // The header lies over the top of the list.
    if (top < body.scrollTop || top + 2 * ROW_PX > body.scrollTop + body.clientHeight) {
      body.scrollTop = top - body.clientHeight / 2;
    }
  }

  private sortBy(column: Column): void {
    const same = this.sort.column === column;
    this.sort = { column, descending: same && !this.sort.descending };
  }

  private readonly clicked = (event: Event): void => {
    const row = (event.target as Element).closest<HTMLElement>(".space .row");
    if (row?.dataset["id"]) this.pickRow(Number(row.dataset["id"]));
  };

  private readonly openRow = (): void => {
    if (this.picked !== null) this.dispatchEvent(new CustomEvent("open", { detail: this.picked }));
  };

  private readonly key = (event: KeyboardEvent): void => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target !== this.body) return;
    const at = this.picked === null ? -1 : (this.rank[this.picked] ?? 0) - 1;
    const page = Math.floor((this.body?.clientHeight ?? ROW_PX) / ROW_PX) - 1;
    const last = this.order.length - 1;
    const to: Record<string, number> = {
      ArrowDown: at + 1, ArrowUp: at - 1, PageDown: at + page, PageUp: at - page, Home: 0, End: last,
    };
    const index = to[event.key];
    if (index !== undefined && last >= 0) this.pickRow(this.order[Math.max(0, Math.min(last, index))]!);
    else if (event.key === "Enter" && this.picked !== null) this.openRow();
    else if (event.key === "Escape" && this.picked !== null) this.pickRow(null);
    else return;
    event.preventDefault();
  };

  private pickRow(id: number | null): void {
    // Now, not when the page has been drawn: the next key may come before that.
    this.picked = id;
    this.dispatchEvent(new CustomEvent("pick", { detail: id, bubbles: true, composed: true }));
  }
}
customElements.define("gs-table", TokenTable);

let made = 0;

function makeRow(): HTMLElement {
  const row = document.createElement("div");
  row.className = "row";
  row.role = "row";
  row.id = `row-${made++}`;
  for (const column of COLUMNS) {
    const cell = document.createElement("div");
    cell.className = `cell ${column} ${NUMBERS.has(column) ? "number" : ""}`;
    cell.role = "gridcell";
    if (column === "token" || column === "answer") {
      const chip = document.createElement("span");
      chip.className = "chip";
      cell.append(chip);
    }
    row.append(cell);
  }
  return row;
}

function fillRow(row: HTMLElement, rows: TokenRows, id: number): void {
  const probe = rows.probe[id];
  const verdict = rows.verdict[id] as Verdict;
  // A row that shows the same thing is left alone: scrolling and live verdicts call this hundreds of times a second.
  const state = `${id}|${verdict}|${probe?.p_target ?? ""}|${rows.cluster[id]}|${document.documentElement.lang}`;
  if (row.dataset["state"] === state) return;
  row.dataset["state"] = state;
  row.dataset["id"] = String(id);
  const cells = [...row.children] as HTMLElement[];
  const cell = (column: Column) => cells[COLUMNS.indexOf(column)]!;
  const text = shown(rows.text(id), rows.bytesHex(id));
  cell("id").textContent = String(id);
  const token = cell("token").firstElementChild as HTMLElement;
  token.className = `chip ${verdict === FAILED ? "glitch" : ""}`;
  fillChip(token, rows.text(id), rows.bytesHex(id));
  token.title = text;
  cell("verdict").textContent = `${SHAPES[verdict]} ${t(`verdict.${VERDICTS[verdict]}` as Key)}`;
  cell("verdict").className = `cell verdict ${VERDICTS[verdict]}`;
  cell("p").textContent = probe ? probability(probe.p_target) : "–";
  cell("entropy").textContent = probe ? decimal(probe.entropy, 2) : "–";
  const answer = cell("answer").firstElementChild as HTMLElement;
  answer.hidden = !probe;
  fillChip(answer, probe?.answer_text ?? "", "");
  answer.title = shown(probe?.answer_text ?? "");
  cell("cluster").textContent = rows.cluster[id]! < 0 ? "–" : String(rows.cluster[id]);
  cell("class").textContent = t(`class.${rows.kind(id)}` as Key);
}
