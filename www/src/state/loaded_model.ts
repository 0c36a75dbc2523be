/** A model that is loaded, and those that come with the page. */
import type { SourceSpec } from "../core/client";
import type { SessionInfo, TokenTable } from "../report/types";

export interface LoadedModel {
  spec: SourceSpec;
  info: SessionInfo;
  tokens: TokenTable;
}

export const SPECIMEN = {
  kind: "url", name: "specimen", url: "", bundled: true,
  files: ["config.json", "generation_config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"],
} as const satisfies SourceSpec;

/** The specimen after further training on a small corpus in the manner of statutes. */
export const SPECIMEN_LEGAL = { ...SPECIMEN, name: "specimen-legal" } as const satisfies SourceSpec;

/** The spec as a worker needs it: a specimen lies beside the page, wherever that is. */
export function absolute(spec: SourceSpec): SourceSpec {
  return spec.kind === "url" && spec.bundled ? { ...spec, url: new URL(`${spec.name}/`, document.baseURI).href } : spec;
}

/** Whether two specs lead to the same model. Files have no address, so only their own spec does. */
export function sameModel(a: SourceSpec, b: SourceSpec): boolean {
  return a === b || (addressOf(a) !== undefined && addressOf(a) === addressOf(b));
}

function addressOf(spec: SourceSpec): string | undefined {
  if (spec.kind === "url") return spec.bundled ? spec.name : spec.url + (spec.modelFile ?? "");
  return spec.kind === "hub" ? `${spec.host}/${spec.id}@${spec.revision}/${spec.modelFile ?? ""}` : undefined;
}
