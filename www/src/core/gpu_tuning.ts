/**
 * Which GPU kernels were found to be the fastest here, kept from visit to visit so that it is measured once. A few hundred
 * bytes of JSON in the browser's Cache storage, which workers have too; without it the first scan measures again.
 */
const CACHE = "glitchscope-gpu";
/** Only a name: nothing is ever fetched from there. */
const ADDRESS = "/gpu-tuning.json";

/** What an earlier visit found. */
export async function keptTuning(): Promise<string> {
  try {
    const kept = await (await caches.open(CACHE)).match(ADDRESS);
    return (await kept?.text()) ?? "{}";
  } catch {
    // Private windows and plain HTTP have no such storage.
    return "{}";
  }
}

export async function keepTuning(found: string): Promise<void> {
  if (found === "{}") return;
  try {
    await (await caches.open(CACHE)).put(ADDRESS, new Response(found));
  } catch {
    // As above.
  }
}
