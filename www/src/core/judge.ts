/**
 * A model elsewhere that judges answers, behind any endpoint of OpenAI's chat completions. Off unless a person sets it up:
 * what is judged is sent there. The body of a request is made by the lab's core; this file only carries it.
 */
import type { Failure } from "./source_error";

export interface Endpoint {
  /** Up to and including the version, as in `http://localhost:11434/v1`. */
  base: string;
  model: string;
  /** Sent as a bearer token; empty for an endpoint that asks for none. */
  key: string;
}

/** An endpoint that takes longer than this for one answer has hung. */
const TIMEOUT_MS = 120_000;
/** Characters of an error's text that are shown. */
const EXCERPT = 300;

/** The address that is asked, or null for what is none. */
export function completionsUrl(base: string): string | null {
  let url: URL;
  try {
    url = new URL(base.trim());
  } catch {
    return null;
  }
  if (!/^https?:$/.test(url.protocol) || url.username || url.password || url.search || url.hash) return null;
  const path = url.pathname.replace(/\/+$/, "");
  url.pathname = path.endsWith("/chat/completions") ? path : `${path}/chat/completions`;
  return url.href;
}

/** The text of the first choice. `signal` ends the wait. */
export async function completion(endpoint: Endpoint, body: object, signal: AbortSignal): Promise<string> {
  const url = completionsUrl(endpoint.base);
  if (!url) throw fail(`${JSON.stringify(endpoint.base)} is no address of an endpoint`, "It starts with http:// or https:// and ends with the version, for example http://localhost:11434/v1.");
  const origin = new URL(url).origin;
  let response: Response;
  let text: string;
  try {
    response = await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json", ...(endpoint.key ? { authorization: `Bearer ${endpoint.key}` } : {}) },
      body: JSON.stringify({ ...body, model: endpoint.model }),
      // Nothing of this page travels along, and a key goes nowhere but where the person sent it.
      credentials: "omit", referrerPolicy: "no-referrer", redirect: "error", cache: "no-store",
      signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
    });
    text = await response.text();
  } catch (error) {
    if (signal.aborted) throw { message: "cancelled", hint: null, kind: "cancelled" } satisfies Failure;
    if ((error as { name?: string }).name === "TimeoutError") {
      throw fail(`${origin} gave no answer within ${TIMEOUT_MS / 1_000} s`, "See whether it is at work, or export the judge's prompts instead.");
    }
    throw fail(`${origin} could not be asked: ${error instanceof Error ? error.message : String(error)}`,
      "It may be down, redirect, or not allow requests from this page (CORS); a page on https may not ask one on plain http, localhost excepted. The judge's prompts can be exported instead.");
  }
  if (!response.ok) {
    throw fail(`${origin} answered ${response.status}: ${text.slice(0, EXCERPT)}`, response.status === 401 || response.status === 403
      ? "Check the key." : response.status === 404 ? "Check the address and the model's name." : response.status === 429 ? "Wait, and go on: what is judged is kept." : null);
  }
  return content(text, origin);
}

/** What the first choice says; exported for its test. */
export function content(text: string, origin: string): string {
  let answer: unknown;
  try {
    answer = (JSON.parse(text) as { choices?: { message?: { content?: unknown } }[] } | null)?.choices?.[0]?.message?.content;
  } catch {
    answer = undefined;
  }
  if (typeof answer !== "string") {
    throw fail(`${origin} answered with something that is no chat completion: ${text.slice(0, EXCERPT)}`, "Check that the address is that of an OpenAI-compatible endpoint.");
  }
  return answer;
}

function fail(message: string, hint: string | null): Failure {
  return { message, hint, kind: "input" };
}
