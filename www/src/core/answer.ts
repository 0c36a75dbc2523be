/** What the loaded model says to a prompt, and how long prompts are to it; in the worker, beside what functions.ts does there. */
import type { GeneratedText, GenerateOptions } from "../report/types";
import { coalescing, fresh, loaded, plain } from "./functions";

/** The most probable answer. Its text is told piece by piece while it is made. */
export async function generateText(prompt: string, options: GenerateOptions, events: MessagePort): Promise<GeneratedText> {
  return plain(() => loaded().generate_text(prompt, options, coalescing(events), fresh()), events);
}

/** Tokens of texts by the model's tokenizer, as prompts or on their own. */
export async function countTokens(texts: string[], as: "prompt" | "chat" | "text"): Promise<Uint32Array> {
  return plain(async () => Uint32Array.from(texts, (content) => (as === "chat"
    ? loaded().encode_chat([{ role: "user", content }], { add_generation_prompt: true }).ids.length
    : loaded().encode(content, as === "prompt").length)));
}

/** Bytes of keys and values that a token takes while an answer is made. */
export async function cacheBytesPerToken(): Promise<number> {
  return plain(async () => loaded().kv_bytes_per_token());
}
