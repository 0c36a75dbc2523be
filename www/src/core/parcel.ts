/**
 * Results too large for one message. A report of 262,144 tokens is a hundred megabytes of JSON: read in one go it would stop
 * the page for seconds. It is read in the worker, travels in pieces, each a task of its own on the page's side, and is
 * written again in slices.
 */
import { transfer } from "comlink";
import { Slices } from "../slices";

/** Lists no longer than this travel within what holds them. */
const SHORT = 2_048;
/** Elements of a piece, by what they are: each takes the page a few milliseconds. */
const [NUMBERS, STRINGS, OBJECTS] = [65_536, 16_384, 2_048];

type Path = (string | number)[];

/** A long list, and where it belongs. */
interface LongList {
  path: Path;
  items: readonly unknown[];
}

type Message = { frame: unknown; paths: Path[] } | { list: number; items: readonly unknown[] } | null;

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}

/** The list in pieces. */
export function* piecesOf(items: readonly unknown[]): Generator<readonly unknown[]> {
  const kind = typeof items[0];
  const size = kind === "number" || kind === "boolean" ? NUMBERS : kind === "string" ? STRINGS : OBJECTS;
  for (let start = 0; start < items.length; start += size) yield items.slice(start, start + size);
}

/** A copy without its long lists, which go to `lists`. What the elements of a long list hold is taken to be short. */
function hollow(value: unknown, path: Path, lists: LongList[]): unknown {
  if (Array.isArray(value)) {
    if (value.length > SHORT) {
      lists.push({ path, items: value });
      return [];
    }
    return value.map((item, at) => hollow(item, [...path, at], lists));
  }
  if (!isRecord(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, hollow(item, [...path, key], lists)]));
}

function* messagesOf(value: unknown): Generator<Message, void> {
  const lists: LongList[] = [];
  const frame = hollow(value, [], lists);
  yield { frame, paths: lists.map(({ path }) => path) };
  for (const [list, { items }] of lists.entries()) for (const piece of piecesOf(items)) yield { list, items: piece };
  yield null;
}

/** Makes a parcel of a plain value: a port from which the other side takes it with `opened`. */
export function parcel(value: unknown): MessagePort {
  const { port1, port2 } = new MessageChannel();
  const messages = messagesOf(value);
  port1.onmessage = ({ data: wanted }: MessageEvent<number>) => {
    for (let i = 0; i < wanted; i++) {
      const next = messages.next();
      if (next.done) break;
      port1.postMessage(next.value);
    }
  };
  return transfer(port2, [port2]);
}

/**
 * The value of a parcel. Pieces are asked for one after another; with `atOnce` all together, for a worker that does other
 * things in between.
 */
export function opened<T>(port: MessagePort, { atOnce = false } = {}): Promise<T> {
  return new Promise((resolve, reject) => {
    let frame: unknown;
    let lists: unknown[][] = [];
    const take = (message: Message): void => {
      if (message === null) {
        port.close();
        resolve(frame as T);
      } else if ("frame" in message) {
        frame = message.frame;
        lists = message.paths.map((path) => path.reduce((inside, key) => (inside as Record<string | number, unknown>)[key], frame) as unknown[]);
      } else {
        const list = lists[message.list]!;
        for (const item of message.items) list.push(item);
      }
      if (message !== null && !atOnce) port.postMessage(1);
    };
    port.onmessage = ({ data }: MessageEvent<Message>) => {
      try {
        take(data);
      } catch (error) {
        reject(error);
      }
    };
    port.postMessage(atOnce ? Infinity : 1);
  });
}

/** The JSON text of a report: a Blob where it may be large. */
export type Written = Blob | string;

/** The JSON text of a plain value, written in slices. */
export async function written(value: unknown, slices = new Slices()): Promise<Blob> {
  const parts: Blob[] = [];
  let text = "";
  const rest = async (): Promise<void> => {
    parts.push(new Blob([text]));
    text = "";
    await slices.pause();
  };
  const list = async (items: readonly unknown[]): Promise<void> => {
    text += "[";
    if (items.length <= SHORT) {
      for (const [at, item] of items.entries()) {
        if (at > 0) text += ",";
        await one(item ?? null);
      }
    } else {
      let first = true;
      for (const piece of piecesOf(items)) {
        text += (first ? "" : ",") + JSON.stringify(piece).slice(1, -1);
        first = false;
        if (slices.areOver) await rest();
      }
    }
    text += "]";
  };
  const record = async (fields: Record<string, unknown>): Promise<void> => {
    text += "{";
    let first = true;
    for (const [key, item] of Object.entries(fields)) {
      if (item === undefined) continue;
      text += `${first ? "" : ","}${JSON.stringify(key)}:`;
      first = false;
      await one(item);
      if (slices.areOver) await rest();
    }
    text += "}";
  };
  const one = async (item: unknown): Promise<void> => {
    if (Array.isArray(item)) await list(item);
    else if (isRecord(item)) await record(item);
    else text += JSON.stringify(item);
  };
  await one(value);
  return new Blob([...parts, text], { type: "application/json" });
}

/** The text, in the worker: there it may be whole. */
export async function textOf(written: Written): Promise<string> {
  return typeof written === "string" ? written : written.text();
}
