/** Where points are, and which is nearest: a uniform grid over the layout, rebuilt when the layout changes. */

/** Points a cell holds on average; a handful of cells is looked at for one question. */
const POINTS_OF_CELL = 4;
const [CELLS_MIN, CELLS_MAX] = [64, 256];

export class Places {
  /** Cells a side. */
  private readonly cells: number;
  private readonly start: Uint32Array;
  private readonly order: Uint32Array;

  /** `x` and `y` in [-1, 1]; the index is the token id. */
  constructor(readonly x: Float32Array, readonly y: Float32Array) {
    const n = x.length;
    this.cells = Math.max(CELLS_MIN, Math.min(CELLS_MAX, Math.ceil(Math.sqrt(n / POINTS_OF_CELL))));
    this.start = new Uint32Array(this.cells * this.cells + 1);
    const cell = new Uint32Array(n);
    for (let i = 0; i < n; i++) {
      const c = this.cellOf(y[i]!) * this.cells + this.cellOf(x[i]!);
      cell[i] = c;
      this.start[c + 1]!++;
    }
    for (let c = 0; c < this.cells * this.cells; c++) this.start[c + 1]! += this.start[c]!;
    this.order = new Uint32Array(n);
    const next = this.start.slice(0, -1);
    for (let i = 0; i < n; i++) this.order[next[cell[i]!]!++] = i;
  }

  private cellOf(coordinate: number): number {
    return Math.max(0, Math.min(this.cells - 1, Math.floor(((coordinate + 1) / 2) * this.cells)));
  }

  /** Calls `visit` for every point in the rectangle; stops when it returns false. */
  within(left: number, bottom: number, right: number, top: number, visit: (id: number) => boolean | void): void {
    for (let row = this.cellOf(bottom); row <= this.cellOf(top); row++) {
      for (let column = this.cellOf(left); column <= this.cellOf(right); column++) {
        const c = row * this.cells + column;
        for (let i = this.start[c]!; i < this.start[c + 1]!; i++) {
          const id = this.order[i]!;
          const [x, y] = [this.x[id]!, this.y[id]!];
          if (x < left || x > right || y < bottom || y > top) continue;
          if (visit(id) === false) return;
        }
      }
    }
  }

  /** Nearest admitted point; distances are taken in units of `sx` and `sy` (pixels, say) and reach to `radius` of them. */
  nearest(x: number, y: number, sx: number, sy: number, radius: number, admit: (id: number) => boolean): number | null {
    let [best, found] = [radius * radius, null as number | null];
    this.within(x - radius / sx, y - radius / sy, x + radius / sx, y + radius / sy, (id) => {
      const distance = ((this.x[id]! - x) * sx) ** 2 + ((this.y[id]! - y) * sy) ** 2;
      if (distance <= best && admit(id)) [best, found] = [distance, id];
    });
    return found;
  }

  /** The nearest admitted point in a direction, within 45° of it; the search widens until one is found. */
  towards(from: number, dx: number, dy: number, sx: number, sy: number, admit: (id: number) => boolean): number | null {
    const [x, y] = [this.x[from]!, this.y[from]!];
    for (const radius of [16, 48, 160, 600, 4_000]) {
      let [best, found] = [Infinity, null as number | null];
      this.within(x - radius / sx, y - radius / sy, x + radius / sx, y + radius / sy, (id) => {
        if (id === from) return;
        const [ax, ay] = [(this.x[id]! - x) * sx, (this.y[id]! - y) * sy];
        const along = ax * dx + ay * dy;
        const distance = ax * ax + ay * ay;
        if (along <= 0 || 2 * along * along < distance || distance > radius * radius) return;
        if (distance < best && admit(id)) [best, found] = [distance, id];
      });
      if (found !== null) return found;
    }
    return null;
  }
}

/** Convex hull, counter-clockwise (Andrew's monotone chain). */
export function hull(points: [number, number][]): [number, number][] {
  const sorted = [...points].sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  if (sorted.length < 3) return sorted;
  const half = (list: [number, number][]) => {
    const chain: [number, number][] = [];
    for (const p of list) {
      while (chain.length >= 2) {
        const [a, b] = [chain.at(-2)!, chain.at(-1)!];
        if ((b[0] - a[0]) * (p[1] - a[1]) - (b[1] - a[1]) * (p[0] - a[0]) > 0) break;
        chain.pop();
      }
      chain.push(p);
    }
    chain.pop();
    return chain;
  };
  return [...half(sorted), ...half(sorted.reverse())];
}
