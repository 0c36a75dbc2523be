/**
 * The map of a vocabulary: one point a token, in the order of ids until the Token Embedding Graph has placed them.
 *
 * Wheel and pinch zoom, drag pans, a click picks. With the keyboard: arrows step to the nearest token in that direction,
 * Enter opens it, Escape leaves it, + and − zoom, 0 shows everything.
 */
import { css, html, nothing, type PropertyValues } from "lit";
import { count, decimal, percent } from "../report/format";
import { shown } from "../report/token_text";
import { FAILED, SKIPPED, type TokenRows, UNASKED, type Verdict, VERDICTS } from "../report/rows";
import type { Hunt, IndicatorTable } from "../report/types";
import { has, t, type Key } from "../strings";
import { GlitchscopeElement, sheet } from "./element";
import { byCluster, colouring, type Colouring, type ColouringName, colourings, NONE, STEPS } from "./token_map/colouring";
import { css as colour, type Palette, palette } from "./token_map/palette";
import { hull, Places } from "./token_map/places";
import { type Moment, next, type RoundView, roundViews, shownRounds } from "./token_map/rounds";
import { canvasPoints, FADE_MS, MARGIN, type Points, STATE_BYTES, toLayout, toScreen, type View, webglPoints } from "./token_map/points";
import "./token_chip";

const TRAVEL_MS = 600;
/** How long each moment of a search stays while its rounds are played. */
const MOMENT_MS = 1_600;
const ZOOM_MAX = 60;
/** While the map moves, so many milliseconds between two frames are too many, and so many leave room for more points. */
const [FRAME_SLOW_MS, FRAME_FAST_MS] = [40, 22];
/** Points that are drawn however long they take, and how long the map has to rest before all of them are. */
const POINTS_MIN = 20_000;
const REST_MS = 160;
/** Of more points places and verdicts are brought to the picture in two frames: each takes a tenth of a second. */
const LOADED_AT_ONCE = 100_000;
/** Names are written beside points when at most this many are in view. */
const LABELS_MAX = 40;

export class TokenMap extends GlitchscopeElement {
  static override styles = [sheet, css`
    :host { display: block; }
    .stage {
      position: relative; height: clamp(300px, 54vh, 600px); border: 1px solid var(--rule); border-radius: 4px;
      background: var(--surface); overflow: hidden; touch-action: pan-y; cursor: grab;
    }
    .stage.zoomed { touch-action: none; }
    .stage.dragging { cursor: grabbing; }
    .stage.hovering { cursor: pointer; }
    @media (max-width: 599px) { .stage { height: min(60vh, 360px); } }
    canvas { position: absolute; inset: 0; width: 100%; height: 100%; }
    .overlay { pointer-events: none; }
    .empty { position: absolute; inset: 0; display: grid; place-items: center; padding: 16px; text-align: center; color: var(--ink-2); pointer-events: none; }
    .tip {
      position: absolute; top: 0; left: 0; max-width: min(320px, 80%); padding: 4px 8px; border: 1px solid var(--rule);
      border-radius: 4px; background: var(--surface); font-size: 13px; line-height: 1.4; pointer-events: none; white-space: nowrap;
    }
    .zoom { position: absolute; inset-block-start: 8px; inset-inline-end: 8px; display: flex; gap: 4px; }
    .zoom button { min-width: 32px; padding: 2px 8px; font-size: 13px; background: var(--surface); }
    .foot { display: flex; flex-wrap: wrap; align-items: center; gap: 4px 16px; margin-top: 8px; min-height: 34px; }
    .legend { display: flex; flex-wrap: wrap; gap: 4px; }
    .legend button { display: inline-flex; align-items: center; gap: 6px; padding: 2px 10px; font-size: 13px; border-color: var(--rule); }
    .legend button[aria-pressed="false"] { opacity: 1; color: var(--ink-2); text-decoration: line-through; background: none; }
    .legend svg { width: 12px; height: 12px; flex: none; overflow: visible; }
    .legend .n { font-family: var(--mono); font-size: 12px; min-width: 3ch; text-align: end; }
    .rounds { display: flex; flex-wrap: wrap; align-items: center; gap: 4px 8px; }
    .rounds button { padding: 2px 10px; font-size: 13px; }
    .steps { display: flex; flex-wrap: wrap; align-items: center; gap: 2px 12px; margin-top: 4px; padding: 0; list-style: none; font-size: 13px; }
    .steps svg { width: 12px; height: 12px; vertical-align: -1px; }
    .glitch { fill: var(--glitch); }
    .ok { fill: var(--ok); }
    .unasked { fill: var(--ink); opacity: 0.3; }
    .skipped { fill: none; stroke: var(--ink-2); stroke-width: 1.5; }
    figcaption { margin-top: 4px; font-size: 13px; color: var(--ink-2); max-width: 90ch; min-height: 20px; }
  `];
  static override properties = {
    rows: { attribute: false }, version: { type: Number }, visible: { attribute: false }, shownVerdicts: { attribute: false },
    picked: { attribute: false }, indicators: { attribute: false }, hunt: { attribute: false }, colouring: { state: true }, hovered: { state: true },
    moment: { state: true }, playing: { state: true }, empty: { type: String },
  };
  declare rows: TokenRows | null;
  /** Changes when `rows` has: the object itself stays. */
  declare version: number;
  /** By token id; null shows all. */
  declare visible: Uint8Array | null;
  declare shownVerdicts: ReadonlySet<number>;
  declare picked: number | null;
  /** Of the model that the rows are of, to colour by; null while nobody has read them. */
  declare indicators: IndicatorTable | null;
  /** The search whose rounds can be shown; null while there was none. */
  declare hunt: Hunt | null;
  declare colouring: ColouringName;
  /** What of the search is in view; null: its end. */
  declare moment: Moment | null;
  declare playing: boolean;
  declare hovered: number | null;
  declare empty: string;

  private points: Points | null = null;
  private canvas: HTMLCanvasElement | null = null;
  private overlay: HTMLCanvasElement | null = null;
  private colours: Palette | null = null;
  /** What the colours say; null: the verdicts. */
  private paint: Colouring | null = null;
  private view: View = { width: 0, height: 0, zoom: 1, x: 0, y: 0 };
  private places: Places | null = null;
  /** Made when a round is looked at first. */
  private views: { hunt: Hunt | null; graph: unknown; all: RoundView[] } = { hunt: null, graph: null, all: [] };
  private player: ReturnType<typeof setTimeout> | undefined;
  private ends = new Float32Array();
  private state = new Uint8Array();
  private birth = new Float32Array();
  private placed: { rows: TokenRows | null; graph: unknown } = { rows: null, graph: null };
  private travel = { from: 0, until: 0 };
  private frame = 0;
  private fading = 0;
  /** Whether the coming frame draws the points too, or only what lies over them. */
  private stale = true;
  /** Rows that have not been brought to the points, and a token that has not been brought into view: the coming frame does. */
  private unloaded = false;
  private unseen: number | null = null;
  private detail = 1;
  private moved = 0;
  private framed = 0;
  private resting: ReturnType<typeof setTimeout> | undefined;
  private readonly pointers = new Map<number, { x: number; y: number }>();
  private dragged = 0;
  private readonly resized = new ResizeObserver(() => this.measure());
  private readonly scheme = matchMedia("(prefers-color-scheme: dark)");
  private readonly themed = new MutationObserver(() => this.recolour());
  private readonly recolourBound = () => this.recolour();

  constructor() {
    super();
    this.rows = null;
    this.version = 0;
    this.visible = null;
    this.shownVerdicts = new Set([0, 1, 2, 3]);
    this.picked = null;
    this.indicators = null;
    this.hunt = null;
    this.moment = null;
    this.playing = false;
    this.colouring = "cluster";
    this.hovered = null;
    this.empty = "";
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.scheme.addEventListener("change", this.recolourBound);
    this.themed.observe(document.documentElement, { attributeFilter: ["data-theme"] });
    if (this.canvas) this.resized.observe(this.canvas);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.scheme.removeEventListener("change", this.recolourBound);
    this.themed.disconnect();
    this.resized.disconnect();
    cancelAnimationFrame(this.frame);
    clearTimeout(this.resting);
    this.pause();
    this.frame = 0;
  }

  override willUpdate(changes: PropertyValues): void {
    // Rounds are those of one search: another one begins at its end.
    if (this.moment && this.moment.round >= shownRounds(this.hunt, this.rows?.graph ?? null) || changes.has("hunt") || changes.has("rows")) {
      this.pause();
      this.moment = null;
    }
  }

  override render() {
    const { rows } = this;
    const counts = rows?.counts() ?? [0, 0, 0, 0];
    const order = [FAILED, 1, 0, SKIPPED] as const;
    return html`
      <figure>
        <div class="stage" tabindex="0" role="application" aria-roledescription=${t("map.role")}
          aria-label=${t("map.label", { n: count(rows?.length ?? 0) })} aria-describedby="keys"
          @pointerdown=${this.down} @pointermove=${this.move} @pointerup=${this.up} @pointercancel=${this.up}
          @pointerleave=${() => this.hover(null)} @wheel=${this.wheel} @keydown=${this.key} @dblclick=${this.zoomHere}>
          <canvas class="points" aria-hidden="true"></canvas>
          <canvas class="overlay" aria-hidden="true"></canvas>
          ${rows ? nothing : html`<p class="empty">${this.empty}</p>`}
          <div class="zoom">
            <button aria-label=${t("map.in")} title=${t("map.in")} @click=${() => this.zoomBy(1.6)}>+</button>
            <button aria-label=${t("map.out")} title=${t("map.out")} @click=${() => this.zoomBy(1 / 1.6)}>−</button>
            <button @click=${this.reset}>${t("map.all")}</button>
          </div>
          <div class="tip" hidden aria-hidden="true">${this.hovered === null || !rows ? nothing : html`
            <gs-token .text=${rows.text(this.hovered)} .bytesHex=${rows.bytesHex(this.hovered)} .token=${this.hovered} .showId=${true}
              tone=${rows.verdict[this.hovered] === FAILED ? "glitch" : ""}></gs-token>
            <div class="quiet">${t(`verdict.${VERDICTS[rows.verdict[this.hovered] as Verdict]}` as Key)}${
              this.clusterOf(this.hovered) >= 0 ? html`, ${t("map.cluster", { n: this.clusterOf(this.hovered) })}` : nothing}</div>`}
          </div>
          <p id="keys" class="visually-hidden">${t("map.keys")}</p>
          <p class="visually-hidden" aria-live="polite">${this.spoken()}</p>
        </div>
        <div class="foot">
          <div class="legend" role="group" aria-label=${t("map.legend")}>
            ${order.map((verdict) => html`
              <button aria-pressed=${this.shownVerdicts.has(verdict)} @click=${() => this.toggle(verdict)}>
                <svg viewBox="0 0 12 12" aria-hidden="true">${verdict === FAILED
                  ? html`<svg><path class="glitch" d="M6 0l6 6-6 6-6-6z"/></svg>` : verdict === SKIPPED
                  ? html`<svg><circle class="skipped" cx="6" cy="6" r="4"/></svg>`
                  : html`<svg><circle class=${VERDICTS[verdict]} cx="6" cy="6" r="3"/></svg>`}</svg>
                ${t(`verdict.${VERDICTS[verdict]}` as Key)} <span class="n">${count(counts[verdict])}</span>
              </button>`)}
          </div>
          <label class="small">${t("map.colour")} <select @change=${(event: Event) => { this.colouring = (event.target as HTMLSelectElement).value as ColouringName; }}>
            ${colourings(rows, this.indicators).map((name) => html`<option value=${name} ?selected=${name === this.colouring}>${colouringText(name)}</option>`)}</select></label>
          ${this.rounds()}
        </div>
        ${this.scale()}
        <figcaption aria-live="polite">${this.caption()}</figcaption>
      </figure>`;
  }

  override firstUpdated(): void {
    this.canvas = this.renderRoot.querySelector(".points");
    this.overlay = this.renderRoot.querySelector(".overlay");
    if (!this.canvas) return;
    this.canvas.addEventListener("webglcontextlost", (event) => event.preventDefault());
    this.canvas.addEventListener("webglcontextrestored", () => this.setUp());
    this.setUp();
    this.resized.observe(this.canvas);
  }

  override updated(changes: PropertyValues): void {
    const drawn = ["rows", "version", "visible", "colouring", "indicators", "hunt", "moment"].some((name) => changes.has(name));
    if (drawn) this.unloaded = true;
    if (changes.has("picked")) this.unseen = this.picked;
    this.place();
    // What is hovered or picked is drawn on the canvas above: a vocabulary of points need not be drawn again for it.
    this.redraw(drawn);
  }

  /** The picture as it is, with what lies over it. */
  async picture(): Promise<Blob | null> {
    if (!this.canvas || !this.overlay) return null;
    this.detail = 1;
    this.stale = true;
    do this.load(); while (this.unloaded);
    this.draw(performance.now());
    const sheet = document.createElement("canvas");
    [sheet.width, sheet.height] = [this.canvas.width, this.canvas.height];
    const context = sheet.getContext("2d")!;
    context.fillStyle = colour(this.colours!.surface);
    context.fillRect(0, 0, sheet.width, sheet.height);
    context.drawImage(this.canvas, 0, 0);
    context.drawImage(this.overlay, 0, 0);
    return new Promise((resolve) => sheet.toBlob(resolve, "image/png"));
  }

  /** Which moment of the search is in view. There from the beginning, so that nothing jumps when a search ends. */
  private rounds() {
    const rounds = shownRounds(this.hunt, this.rows?.graph ?? null);
    const value = (moment: Moment | null) => (moment ? `${moment.round}${moment.after ? "+" : ""}` : "");
    const all: (Moment | null)[] = [null];
    for (let moment = next(null, rounds); moment; moment = next(moment, rounds)) all.push(moment);
    const chosen = value(this.moment);
    return html`<div class="rounds" title=${rounds === 0 ? t("map.rounds.none") : ""}>
      <label class="small">${t("map.rounds")} <select ?disabled=${rounds === 0} @change=${(event: Event) => {
        this.pause();
        this.moment = all.find((moment) => value(moment) === (event.target as HTMLSelectElement).value) ?? null;
      }}>${all.map((moment) => html`<option value=${value(moment)} .selected=${value(moment) === chosen}>${
        moment ? t(moment.after ? "map.round.after" : "map.round.before", { n: moment.round + 1 }) : t("map.rounds.end")}</option>`)}</select></label>
      <button ?disabled=${rounds === 0} @click=${() => { if (this.playing) this.pause(); else this.play(rounds); }}>${t(this.playing ? "map.rounds.stop" : "map.rounds.play")}</button>
    </div>`;
  }

  /** Shows one moment of the search after another, from the first. */
  private play(rounds: number): void {
    this.playing = true;
    this.moment = next(null, rounds);
    const step = (): void => {
      this.moment = next(this.moment, rounds);
      if (this.moment) this.player = setTimeout(step, MOMENT_MS);
      else this.playing = false;
    };
    this.player = setTimeout(step, MOMENT_MS);
  }

  private pause(): void {
    clearTimeout(this.player);
    this.playing = false;
  }

  /** The moment's cluster of every token, -1 for those out of play; null while no round is in view. */
  private inPlay(): Int32Array | null {
    const { moment, hunt, rows } = this;
    if (!moment || !rows) return null;
    if (this.views.hunt !== hunt || this.views.graph !== rows.graph) this.views = { hunt, graph: rows.graph, all: roundViews(hunt, rows.graph, rows.length) };
    const view = this.views.all[moment.round];
    return view ? view[moment.after ? "after" : "before"] : null;
  }

  private clusterOf(id: number): number {
    return (this.inPlay() ?? this.rows?.cluster)?.[id] ?? -1;
  }

  /** The legend of the colours, where they have names or an order. */
  private scale() {
    const { paint, colours } = this;
    if (!paint || !colours || (paint.groups.length === 0 && !paint.ends)) return nothing;
    const dot = (step: number) => html`<svg viewBox="0 0 12 12" aria-hidden="true"><circle cx="6" cy="6" r="5" fill=${colour((paint.scale === "steps" ? colours.steps : colours.clusters)[step]!)}></circle></svg>`;
    return html`<ul class="steps">${paint.ends
      ? html`<li>${decimal(paint.ends[0], 4)}</li><li>${Array.from({ length: STEPS }, (_, step) => dot(step))}</li><li>${decimal(paint.ends[1], 4)}</li><li class="quiet">${t("map.steps")}</li>`
      : paint.groups.map((group, step) => html`<li>${dot(step)} ${groupText(group)}</li>`)}</ul>`;
  }

  private setUp(): void {
    this.points = webglPoints(this.canvas!) ?? canvasPoints(this.canvas!);
    this.recolour();
    this.placed = { rows: null, graph: null };
    this.load();
    this.measure();
    this.redraw();
  }

  private recolour(): void {
    this.colours = palette(this);
    this.redraw();
  }

  private measure(): void {
    const { canvas, overlay } = this;
    if (!canvas || !overlay) return;
    const { clientWidth: width, clientHeight: height } = canvas;
    if (width === 0 || height === 0) return;
    const pixels = Math.min(2, window.devicePixelRatio || 1);
    for (const c of [canvas, overlay]) {
      c.width = Math.round(width * pixels);
      c.height = Math.round(height * pixels);
    }
    this.view = { ...this.view, width, height };
    if (this.unloaded) {
      this.load();
      this.redraw();
    }
    // Setting a canvas's size empties it; drawing in this same frame keeps it from flashing.
    this.stale = true;
    this.draw(performance.now());
  }

  /** Brings positions, verdicts and the filter of `rows` to the points. */
  private load(): void {
    const { rows } = this;
    const now = performance.now();
    this.unloaded = false;
    if (!rows) {
      this.ends = new Float32Array();
      this.places = null;
      this.points?.setPositions(this.ends);
      this.placed = { rows: null, graph: null };
      return;
    }
    const n = rows.length;
    const fresh = this.state.length !== n * STATE_BYTES;
    if (fresh) {
      this.state = new Uint8Array(n * STATE_BYTES);
      this.birth = new Float32Array(n).fill(-FADE_MS);
    }
    if (this.placed.rows !== rows || this.placed.graph !== rows.graph) {
      this.position(rows, now, fresh);
      if (n > LOADED_AT_ONCE) {
        this.unloaded = true;
        return;
      }
    }
    const painted = this.paint;
    const inPlay = this.inPlay();
    // Before its questions a round knows clusters, and after them also who failed.
    this.paint = inPlay ? byCluster(inPlay, !this.moment!.after) : colouring(this.colouring, rows, this.indicators);
    // The legend of the colours follows them.
    if ([painted, this.paint].some((paint) => paint?.ends || paint?.groups.length)) this.requestUpdate();
    const still = reducedMotion();
    for (let id = 0; id < n; id++) {
      // A token that is out of play is a dot that says nothing.
      const verdict = inPlay && inPlay[id]! < 0 ? UNASKED : rows.verdict[id]!;
      if (this.state[4 * id] !== verdict) {
        this.birth[id] = still || fresh ? -FADE_MS : now;
        this.fading = now + FADE_MS;
      }
      this.state[4 * id] = verdict;
      this.state[4 * id + 1] = this.paint ? this.paint.steps[id]! : NONE;
      this.state[4 * id + 2] = this.visible && !this.visible[id] ? 0 : 1;
    }
    this.points?.setState(this.state, this.birth);
  }

  private position(rows: TokenRows, now: number, fresh: boolean): void {
    const n = rows.length;
    const before = this.ends;
    const columns = Math.ceil(Math.sqrt(2 * n));
    const lines = Math.ceil(n / columns);
    const [x, y] = [new Float32Array(n), new Float32Array(n)];
    const ends = new Float32Array(4 * n);
    for (let id = 0; id < n; id++) {
      const vertex = rows.vertex[id]!;
      if (rows.graph && vertex >= 0) {
        x[id] = rows.graph.x[vertex]!;
        y[id] = rows.graph.y[vertex]!;
      } else {
        x[id] = -1 + (2 * ((id % columns) + 0.5)) / columns;
        y[id] = 1 - (2 * (Math.floor(id / columns) + 0.5)) / lines;
      }
      ends[4 * id] = before[4 * id + 2] ?? x[id]!;
      ends[4 * id + 1] = before[4 * id + 3] ?? y[id]!;
      ends[4 * id + 2] = x[id]!;
      ends[4 * id + 3] = y[id]!;
    }
    this.ends = ends;
    this.places = new Places(x, y);
    this.points?.setPositions(ends);
    this.travel = fresh || reducedMotion() ? { from: 0, until: 0 } : { from: now, until: now + TRAVEL_MS };
    this.placed = { rows, graph: rows.graph };
  }

  private redraw(points = true): void {
    this.stale ||= points;
    if (this.frame || !this.isConnected) return;
    this.frame = requestAnimationFrame((now) => {
      this.frame = 0;
      if (this.unloaded) this.load();
      if (this.unseen !== null) this.reveal(this.unseen);
      this.unseen = null;
      const travels = now < this.travel.until || now < this.fading + 20;
      const moves = travels || now - this.moved < REST_MS;
      if (travels) this.stale = true;
      if (moves) this.pace(now);
      this.draw(now);
      // Frames go on for as long as their pace is of interest.
      if (moves || this.unloaded) this.redraw(travels || this.unloaded);
    });
  }

  /** Draws fewer points while frames come too slowly, and all of them once the map rests. */
  private pace(now: number): void {
    const gap = now - this.framed;
    // The first frame of a movement says nothing: the one before it is long ago.
    if (gap < 1_000) {
      const least = Math.min(1, POINTS_MIN / Math.max(1, this.rows?.length ?? 0));
      if (gap > FRAME_SLOW_MS) this.detail = Math.max(least, this.detail * Math.max(0.5, FRAME_SLOW_MS / 2 / gap));
      else if (gap < FRAME_FAST_MS) this.detail = Math.min(1, this.detail * 1.1);
    }
    this.framed = now;
    clearTimeout(this.resting);
    this.resting = setTimeout(() => {
      if (this.detail >= 1) return;
      // What was learnt is kept for the next movement.
      const learnt = this.detail;
      this.detail = 1;
      this.stale = true;
      this.draw(performance.now());
      this.detail = learnt;
    }, REST_MS);
  }

  private draw(now: number): void {
    const { points, colours, view } = this;
    if (!points || !colours || view.width === 0) return;
    const travelled = this.travel.until > now ? (now - this.travel.from) / TRAVEL_MS : 1;
    const mix = travelled >= 1 ? 1 : 1 - (1 - Math.max(0, travelled)) ** 3;
    if (this.stale) {
      const { detail } = this;
      points.draw({
        view, palette: colours, mix, now, size: this.size(), detail, failing: this.paint?.failing ?? false,
        colours: !this.paint ? null : this.paint.scale === "steps" ? colours.steps : colours.clusters,
      });
      this.stale = false;
    }
    this.drawOver(mix);
  }

  private size(): number {
    const n = Math.max(1, this.rows?.length ?? 1);
    const crowd = Math.sqrt((this.view.width * this.view.height) / n) / 4;
    return Math.max(2, Math.min(6, crowd * Math.sqrt(this.view.zoom)));
  }

  /** Hull of the hovered cluster, lines to the picked token's neighbours, rings, names. */
  private drawOver(mix: number): void {
    const { overlay, colours, rows, view, places } = this;
    const context = overlay?.getContext("2d");
    if (!overlay || !context || !colours) return;
    const pixels = overlay.width / view.width;
    context.setTransform(pixels, 0, 0, pixels, 0, 0);
    context.clearRect(0, 0, view.width, view.height);
    if (!rows || !places || mix < 1) return;
    const at = (id: number) => toScreen(view, places.x[id]!, places.y[id]!);

    const clusters = this.inPlay() ?? rows.cluster;
    const cluster = this.hovered === null ? -1 : clusters[this.hovered]!;
    if (cluster >= 0) {
      const members: [number, number][] = [];
      for (let id = 0; id < rows.length; id++) if (clusters[id] === cluster) members.push(at(id));
      const outline = hull(members);
      context.beginPath();
      for (const [x, y] of outline) context.lineTo(x, y);
      context.closePath();
      context.lineJoin = "round";
      context.lineWidth = 14;
      context.strokeStyle = context.fillStyle = colour(colours.clusters[cluster % 12]!, 0.16);
      context.stroke();
      context.fill();
    }
    const neighbours = this.picked === null ? [] : rows.neighbours(this.picked);
    if (this.picked !== null) {
      context.lineWidth = 1;
      context.strokeStyle = colour(colours.ink, 0.55);
      for (const { id } of neighbours) {
        context.beginPath();
        context.moveTo(...at(this.picked));
        context.lineTo(...at(id));
        context.stroke();
      }
    }
    for (const [id, width] of [[this.hovered, 1.5], [this.picked, 2.5]] as const) {
      if (id === null || id >= rows.length) continue;
      context.beginPath();
      context.arc(...at(id), this.size() / 2 + 5, 0, 2 * Math.PI);
      context.lineWidth = width;
      context.strokeStyle = colour(colours.accent);
      context.stroke();
    }
    this.drawNames(context, neighbours.map(({ id }) => id), at);
  }

  private drawNames(context: CanvasRenderingContext2D, neighbours: number[], at: (id: number) => [number, number]): void {
    const { rows, view, places, colours } = this;
    if (!rows || !places || !colours) return;
    const named: number[] = [];
    const [left, top] = toLayout(view, 0, 0);
    const [right, bottom] = toLayout(view, view.width, view.height);
    places.within(left, bottom, right, top, (id) => {
      if (this.admits(id)) named.push(id);
      return named.length <= LABELS_MAX;
    });
    const ids = named.length <= LABELS_MAX ? named : [...(this.picked === null ? [] : [this.picked, ...neighbours.slice(0, 12)])];
    context.font = `12px ${getComputedStyle(this).getPropertyValue("--mono")}`;
    context.textBaseline = "middle";
    context.direction = "ltr";
    context.lineJoin = "round";
    // Names that would lie on one another are left out; the picked token comes first.
    const taken: [number, number, number][] = [];
    for (const id of ids) {
      const [x, y] = at(id);
      if (x < 0 || x > view.width || y < 0 || y > view.height) continue;
      const whole = shown(rows.text(id), rows.bytesHex(id));
      const text = [...whole].length > 18 ? `${[...whole].slice(0, 17).join("")}…` : whole;
      const width = context.measureText(text).width;
      const start = x + 9 + width > view.width ? x - 9 - width : x + 9;
      if (taken.some(([a, b, c]) => Math.abs(y - b) < 14 && start < a + c + 4 && start + width + 4 > a)) continue;
      taken.push([start, y, width]);
      // Isolates keep a right-to-left name from turning its neighbours around.
      const isolated = `\u2066${text}\u2069`;
      context.lineWidth = 3;
      context.strokeStyle = colour(colours.surface, 0.9);
      context.strokeText(isolated, start, y);
      context.fillStyle = colour(rows.verdict[id] === FAILED ? colours.glitch : colours.ink);
      context.fillText(isolated, start, y);
    }
  }

  private admits(id: number): boolean {
    return !this.visible || this.visible[id] === 1;
  }

  private hit(event: { clientX: number; clientY: number }, radius = 14): number | null {
    if (!this.places || !this.canvas) return null;
    const box = this.canvas.getBoundingClientRect();
    const [x, y] = toLayout(this.view, event.clientX - box.left, event.clientY - box.top);
    return this.places.nearest(x, y, ...this.scales(), radius, (id) => this.admits(id));
  }

  private scales(): [number, number] {
    return [(this.view.width / 2 - MARGIN) * this.view.zoom, (this.view.height / 2 - MARGIN) * this.view.zoom];
  }

  private hover(id: number | null): void {
    if (this.hovered === id) return;
    this.hovered = id;
    this.stage?.classList.toggle("hovering", id !== null);
  }

  /** The tip stands beside the point, on the side where there is room. */
  private place(): void {
    const tip = this.renderRoot.querySelector<HTMLElement>(".tip");
    if (!tip) return;
    tip.hidden = this.hovered === null;
    if (this.hovered === null || !this.places) return;
    const [x, y] = toScreen(this.view, this.places.x[this.hovered]!, this.places.y[this.hovered]!);
    const { offsetWidth: width, offsetHeight: height } = tip;
    const left = x + 14 + width > this.view.width ? x - 14 - width : x + 14;
    const top = Math.max(4, Math.min(this.view.height - height - 4, y - height / 2));
    tip.style.transform = `translate(${Math.round(Math.max(4, left))}px, ${Math.round(top)}px)`;
  }

  private get stage(): HTMLElement | null {
    return this.renderRoot.querySelector(".stage");
  }

  private readonly down = (event: PointerEvent): void => {
    if (event.button !== 0 || (event.target as Element).closest("button")) return;
    this.pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    if (this.pointers.size === 1) this.dragged = 0;
    this.stage?.setPointerCapture(event.pointerId);
  };

  private readonly move = (event: PointerEvent): void => {
    const last = this.pointers.get(event.pointerId);
    if (!last) {
      if (event.pointerType !== "touch") this.hover((event.target as Element).closest("button") ? null : this.hit(event));
      return;
    }
    const now = { x: event.clientX, y: event.clientY };
    const others = [...this.pointers].filter(([id]) => id !== event.pointerId).map(([, point]) => point);
    this.pointers.set(event.pointerId, now);
    this.dragged += Math.hypot(now.x - last.x, now.y - last.y);
    if (others[0]) {
      const ratio = Math.hypot(now.x - others[0].x, now.y - others[0].y) / Math.max(1, Math.hypot(last.x - others[0].x, last.y - others[0].y));
      this.zoomBy(ratio, (now.x + others[0].x) / 2, (now.y + others[0].y) / 2);
      this.panBy((now.x - last.x) / 2, (now.y - last.y) / 2);
    } else if (this.dragged > 4) {
      this.stage?.classList.add("dragging");
      this.hover(null);
      this.panBy(now.x - last.x, now.y - last.y);
    }
  };

  private readonly up = (event: PointerEvent): void => {
    const known = this.pointers.delete(event.pointerId);
    this.stage?.classList.remove("dragging");
    if (!known || this.dragged > 4 || event.type !== "pointerup") return;
    this.pickToken(this.hit(event, event.pointerType === "touch" ? 24 : 14));
  };

  private readonly wheel = (event: WheelEvent): void => {
    // At full view a wheel that zooms out scrolls the page: nobody gets stuck on the map.
    if (event.deltaY > 0 && this.view.zoom <= 1) return;
    event.preventDefault();
    const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 16 : 1;
    this.zoomBy(Math.exp(-Math.max(-200, Math.min(200, event.deltaY * lines)) / 450), event.clientX, event.clientY);
  };

  private readonly zoomHere = (event: MouseEvent): void => {
    if (!(event.target as Element).closest("button") && this.hit(event) === null) this.zoomBy(2, event.clientX, event.clientY);
  };

  private readonly reset = (): void => {
    this.view = { ...this.view, zoom: 1, x: 0, y: 0 };
    this.viewed();
  };

  private readonly key = (event: KeyboardEvent): void => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target !== this.stage) return;
    const steps: Record<string, [number, number]> = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
    const step = steps[event.key];
    if (step) {
      this.pickToken(this.stepFrom(step) ?? this.picked);
    } else if (event.key === "Enter" && this.picked !== null) {
      this.dispatchEvent(new CustomEvent("open", { detail: this.picked }));
    } else if (event.key === "Escape") {
      if (this.picked === null) return;
      this.pickToken(null);
    } else if (event.key === "+" || event.key === "=") this.zoomBy(1.6);
    else if (event.key === "-") this.zoomBy(1 / 1.6);
    else if (event.key === "0") this.reset();
    else return;
    event.preventDefault();
  };

  private stepFrom([dx, dy]: [number, number]): number | null {
    if (!this.places || !this.rows) return null;
    if (this.picked === null || this.picked >= this.rows.length) {
      const [x, y] = toLayout(this.view, this.view.width / 2, this.view.height / 2);
      return this.places.nearest(x, y, ...this.scales(), 4_000, (id) => this.admits(id));
    }
    return this.places.towards(this.picked, dx, dy, ...this.scales(), (id) => this.admits(id));
  }

  private pickToken(id: number | null): void {
    this.dispatchEvent(new CustomEvent("pick", { detail: id, bubbles: true, composed: true }));
  }

  private toggle(verdict: number): void {
    this.dispatchEvent(new CustomEvent("toggle-verdict", { detail: verdict }));
  }

  private panBy(dx: number, dy: number): void {
    this.view = { ...this.view, x: this.view.x + dx, y: this.view.y + dy };
    this.viewed();
  }

  /** Zooms about a point of the screen, the middle by default. */
  private zoomBy(factor: number, clientX?: number, clientY?: number): void {
    const { view } = this;
    const zoom = Math.max(1, Math.min(ZOOM_MAX, view.zoom * factor));
    const ratio = zoom / view.zoom;
    const box = this.canvas!.getBoundingClientRect();
    const x = (clientX ?? box.left + view.width / 2) - box.left - view.width / 2;
    const y = (clientY ?? box.top + view.height / 2) - box.top - view.height / 2;
    this.view = { ...view, zoom, x: x - (x - view.x) * ratio, y: y - (y - view.y) * ratio };
    this.viewed();
  }

  private viewed(): void {
    const { view } = this;
    // Some of the map always stays on the stage.
    const [mx, my] = [(view.width / 2) * view.zoom, (view.height / 2) * view.zoom];
    if (view.zoom <= 1) [view.x, view.y] = [0, 0];
    view.x = Math.max(-mx, Math.min(mx, view.x));
    view.y = Math.max(-my, Math.min(my, view.y));
    this.stage?.classList.toggle("zoomed", view.zoom > 1);
    this.hover(null);
    this.place();
    this.moved = performance.now();
    this.redraw();
  }

  /** Brings a token that was picked elsewhere into view. */
  private reveal(id: number): void {
    if (!this.places || id >= (this.rows?.length ?? 0)) return;
    const [x, y] = toScreen(this.view, this.places.x[id]!, this.places.y[id]!);
    const inside = x > 8 && y > 8 && x < this.view.width - 8 && y < this.view.height - 8;
    if (!inside) this.panBy(this.view.width / 2 - x, this.view.height / 2 - y);
  }

  private caption(): string {
    const graph = this.rows?.graph;
    const round = this.moment && this.hunt?.rounds[this.moment.round];
    if (round) {
      return t(this.moment!.after ? "map.caption.after" : "map.caption.before", {
        n: round.round, tokens: count(round.tokens), all: count(graph?.ids.length ?? 0), clusters: count(round.clusters), queries: count(round.queries), hits: count(round.hits),
        kept: count(round.kept_clusters), left: count(round.kept_tokens),
      });
    }
    if (!graph) return t("map.unplaced");
    const clusters = count(graph.n_clusters);
    const { search } = graph;
    const repeat = this.colouring === "cluster" ? ` ${t("map.repeat")}` : "";
    if (search?.recall == null) return t("map.caption", { clusters }) + repeat;
    return t("map.caption.approximate", { clusters, rows: count(search.sample_rows), recall: percent(search.recall), k: search.n_neighbours }) + repeat;
  }

  private spoken(): string {
    const { rows, picked } = this;
    if (!rows || picked === null || picked >= rows.length) return "";
    return t("map.spoken", {
      text: shown(rows.text(picked), rows.bytesHex(picked)).slice(0, 80), id: picked,
      verdict: t(`verdict.${VERDICTS[rows.verdict[picked] as Verdict]}` as Key),
      cluster: this.clusterOf(picked) < 0 ? "–" : this.clusterOf(picked),
    });
  }
}

/** What a colouring is called; oracles and indicators have names of their own. */
function colouringText(name: ColouringName): string {
  const [kind, own] = [name.slice(0, name.indexOf(":")), name.slice(name.indexOf(":") + 1)];
  return name.includes(":") ? t(kind === "oracle" ? "map.by_oracle" : "map.by_indicator", { name: own }) : t(`map.by_${name}` as Key);
}

function groupText(group: Colouring["groups"][number]): string {
  const key = [`type.${group}`, `symptom.${group}`, `map.${group}`].find(has)!;
  return t(key);
}

customElements.define("gs-map", TokenMap);

function reducedMotion(): boolean {
  return matchMedia("(prefers-reduced-motion: reduce)").matches;
}
