/**
 * The session as a link: what was asked, in the fragment, so that no server sees it. Only what differs from a default.
 *
 * The model and where it runs are shared by all labs; the rest is the scan's, or that of the lab which `lab` names.
 */
import { isHubId, parseHub } from "../core/address";
import { WEIGHT_STORAGES, type WeightStorage } from "../core/placement";
import { accepted, DEFAULTS, FORMS, KEEP_RULES, namedOracles, NEIGHBOUR_CHOICES, NUMERIC, ORACLES, SAMPLING, SWITCHES } from "./options";
import type { DevicePreference, ScanOptions } from "../report/types";

/** The lab of a link that names none. */
export const SCAN = "glitch";

export type MethodChoice = "glitchhunter" | "exhaustive" | "both";

export interface Linked {
  /** Absent for the scan. */
  lab?: string;
  /** What that lab was set to, by names and in words of its own. */
  settings?: Record<string, string>;
  /** URL of a model folder, or a hub id; absent for the specimen. */
  model?: string;
  /** Origin of the hub that an id is looked up at, where it is not the usual one. */
  hub?: string;
  device?: DevicePreference;
  /** Absent for weights as they are stored. */
  weights?: WeightStorage;
  method?: MethodChoice;
  options: Partial<ScanOptions>;
  token?: number;
  filter?: string;
}

/** Parameters that every lab's link may have. */
const SHARED: readonly string[] = ["lab", "model", "hub", "device", "weights"];
/** More than a person writes into a link, and more than some browsers take. */
const SETTING_MAX = 16_000;

export function parseLink(fragment: string): Linked {
  const parameters = new URLSearchParams(fragment.replace(/^#/, ""));
  const linked: Linked = { options: {} };
  const lab = parameters.get("lab");
  if (lab && lab !== SCAN && /^[a-z]{1,20}$/.test(lab)) {
    linked.lab = lab;
    linked.settings = Object.fromEntries([...parameters].filter(([name, value]) => !SHARED.includes(name) && value.length <= SETTING_MAX));
  }
  const model = parameters.get("model");
  if (model && (/^https?:\/\//.test(model) || isHubId(model))) linked.model = model;
  const hub = parameters.get("hub");
  const origin = hub ? parseHub(hub) : null;
  if (origin) linked.hub = origin;
  const device = parameters.get("device");
  if (device === "cpu" || device === "gpu") linked.device = device;
  const weights = WEIGHT_STORAGES.find((weights) => weights === parameters.get("weights"));
  if (weights && weights !== "stored") linked.weights = weights;
  if (linked.lab) return linked;
  const method = parameters.get("method");
  if (method === "exhaustive" || method === "both") linked.method = method;
  const oracles = [...new Set(parameters.get("oracle")?.split(",") ?? [])].filter((id) => (ORACLES as readonly string[]).includes(id));
  if (namedOracles(oracles).length > 0) linked.options.oracles = oracles;
  const form = FORMS.find((form) => form === parameters.get("form"));
  if (form && form !== DEFAULTS.form) linked.options.form = form;
  const rule = KEEP_RULES.find((rule) => rule === parameters.get("keep_rule"));
  if (rule && rule !== DEFAULTS.keep_rule) linked.options.keep_rule = rule;
  const choice = NEIGHBOUR_CHOICES.find((choice) => choice === parameters.get("neighbours"));
  if (choice && choice !== DEFAULTS.neighbours) linked.options.neighbours = choice;
  for (const spec of [...NUMERIC, ...SAMPLING]) {
    const text = parameters.get(spec.key);
    const value = text === null || text === "" ? null : accepted(spec, Number(text));
    if (value !== null) linked.options[spec.key] = value;
  }
  for (const { key } of SWITCHES) {
    const text = parameters.get(key);
    if (text === "true" || text === "false") linked.options[key] = text === "true";
  }
  const token = parameters.get("token");
  if (token !== null && /^\d{1,7}$/.test(token)) linked.token = Number(token);
  const filter = parameters.get("filter");
  if (filter) linked.filter = filter.slice(0, 500);
  return linked;
}

export function formatLink(linked: Linked): string {
  const parameters = new URLSearchParams();
  if (linked.lab) parameters.set("lab", linked.lab);
  if (linked.model) parameters.set("model", linked.model);
  if (linked.hub) parameters.set("hub", linked.hub);
  if (linked.device && linked.device !== "auto") parameters.set("device", linked.device);
  if (linked.weights && linked.weights !== "stored") parameters.set("weights", linked.weights);
  if (linked.lab) {
    for (const [name, value] of Object.entries(linked.settings ?? {})) if (value !== "") parameters.set(name, value);
    return `#${parameters.toString()}`;
  }
  if (linked.method && linked.method !== "glitchhunter") parameters.set("method", linked.method);
  if (linked.options.oracles?.length) parameters.set("oracle", linked.options.oracles.join(","));
  for (const { key } of [{ key: "form" }, { key: "keep_rule" }, { key: "neighbours" }, ...NUMERIC, ...SAMPLING, ...SWITCHES] as const) {
    const value = linked.options[key];
    if (value !== undefined && value !== DEFAULTS[key]) parameters.set(key, String(value));
  }
  if (linked.token !== undefined) parameters.set("token", String(linked.token));
  if (linked.filter) parameters.set("filter", linked.filter);
  const text = parameters.toString();
  return text === "" ? "" : `#${text}`;
}
