/** What a person types to name a model: a hub id, a page or a file of the hub, the address of a folder. */
import { HUB, type HubSpec } from "./hub_source";
import { isGguf } from "./files";
import type { SourceSpec } from "./sources";

/** `owner/name`, `owner/name@revision`, and either with `:file.gguf`; a revision may hold slashes, as branches do. */
const HUB_ID = /^([\w-][\w.-]*\/[\w-][\w.-]*)(?:@([\w.-][\w./-]*))?(?::(\w[^:?#]*\.gguf))?$/i;

export function isHubId(text: string): boolean {
  return HUB_ID.test(text);
}

/** Null when the text is neither an id nor an address. `hub` is the origin that ids are looked up at. */
export function parseAddress(typed: string, here: string, hub: string = HUB): SourceSpec | null {
  const text = typed.trim();
  const id = HUB_ID.exec(text);
  if (id) return named(hubSpec(hub, id[1]!, id[2] ?? "main"), id[3] ?? "");
  let url: URL;
  try {
    // An address needs its scheme; only what begins with `.` or `/` is taken as beside this page.
    url = /^[./]/.test(text) ? new URL(text, here) : new URL(text);
  } catch {
    return null;
  }
  if (text === "" || !/^https?:$/.test(url.protocol)) return null;
  url.search = "";
  url.hash = "";
  const parts = url.pathname.split("/").filter(Boolean).map(decodeURIComponent);
  if (/(^|\.)(huggingface\.co|hf\.co)$/.test(url.hostname) && parts.length >= 2) {
    const [owner, model, kind, revision] = parts;
    const known = kind === "tree" || kind === "blob" || kind === "resolve";
    const spec = hubSpec(HUB, `${owner}/${model}`, known && revision ? revision : "main");
    return named(spec, known ? parts.slice(4).join("/") : "");
  }
  const last = parts.at(-1) ?? "";
  if (/\.[a-z0-9]{2,11}$/i.test(parts.at(-1) ?? "") && !url.pathname.endsWith("/")) parts.pop();
  url.pathname = parts.length > 0 ? `/${parts.map(encodeURIComponent).join("/")}/` : "/";
  return named({ kind: "url", name: parts.at(-1) ?? url.hostname, url: url.href }, last);
}

/** The model is the file itself when it is a GGUF file, else the folder it lies in. */
function named(spec: SourceSpec, file: string): SourceSpec {
  return isGguf(file) ? withFile(spec, file) : spec;
}

/** The same place, and of it this file. */
export function withFile(spec: SourceSpec, file: string): SourceSpec {
  return { ...spec, name: file.slice(file.lastIndexOf("/") + 1), modelFile: file };
}

/** What a person would type for a model of the hub. */
export function hubName({ id, revision, modelFile }: HubSpec & { modelFile?: string | undefined }): string {
  return `${revision === "main" ? id : `${id}@${revision}`}${modelFile ? `:${modelFile}` : ""}`;
}

/** The origin of a hub as it was typed; null when it is no address. */
export function parseHub(typed: string): string | null {
  try {
    const url = new URL(typed.trim() || HUB);
    return /^https?:$/.test(url.protocol) ? url.origin : null;
  } catch {
    return null;
  }
}

function hubSpec(host: string, id: string, revision: string): HubSpec {
  const spec: HubSpec = { kind: "hub", name: "", host, id, revision };
  return { ...spec, name: hubName(spec) };
}
