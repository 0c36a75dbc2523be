/** Long work on the page's main thread, in slices: between two of them the page draws and answers. */

/** Milliseconds of a slice: shorter than a frame is drawn. */
const SLICE_MS = 12;

/** A turn of the event loop. Timers would do as well, were they not held up in a tab that nobody looks at. */
export function turn(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });
}

export class Slices {
  /** Turns of the event loop that were given away so far. */
  turns = 0;
  private until: number;

  constructor(private readonly now: () => number = () => performance.now()) {
    this.until = now() + SLICE_MS;
  }

  /** Whether it is time for a pause. */
  get areOver(): boolean {
    return this.now() >= this.until;
  }

  async pause(): Promise<void> {
    this.turns++;
    await turn();
    this.until = this.now() + SLICE_MS;
  }
}

/** Ids that are sorted in one go: some milliseconds. */
const RUN = 4_096;
/** Comparisons between two looks at the clock. */
const COMPARED = 512;

/**
 * A sorted copy of `ids`, made in slices: runs are sorted, then merged. The order is total when `compare` is never 0 for two
 * different ids. Null as soon as `isWanted` says no.
 */
export async function sortInSlices(
  ids: Uint32Array, compare: (a: number, b: number) => number, slices: Slices, isWanted: () => boolean = () => true,
): Promise<Uint32Array | null> {
  const n = ids.length;
  let [from, to] = [ids.slice(), new Uint32Array(n)];
  for (let start = 0; start < n; start += RUN) {
    from.subarray(start, start + RUN).sort(compare);
    if (slices.areOver) await slices.pause();
    if (!isWanted()) return null;
  }
  for (let width = RUN; width < n; width *= 2) {
    for (let start = 0; start < n; start += 2 * width) {
      const [middle, end] = [Math.min(n, start + width), Math.min(n, start + 2 * width)];
      let [left, right] = [start, middle];
      for (let at = start; at < end; at++) {
        if (at % COMPARED === 0 && slices.areOver) {
          await slices.pause();
          if (!isWanted()) return null;
        }
        const takesLeft = left < middle && (right >= end || compare(from[left]!, from[right]!) <= 0);
        to[at] = takesLeft ? from[left++]! : from[right++]!;
      }
    }
    [from, to] = [to, from];
  }
  return from;
}
