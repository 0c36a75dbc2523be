// Loads the engine with threads: a wasm file whose memory is shared, and workers that instantiate the same file on it.

/** A worker that has said nothing for so long is given up. */
const START_MS = 10_000;
/** 64 KiB pages the engine needs to begin with; tools/package_entry.mjs reads them from what wasm-bindgen writes. */
const INITIAL_PAGES = 0;
/**
 * A shared memory never moves, so its largest size is set aside when it is made, and it never shrinks. 4 GiB is all that
 * wasm can address; where the browser has not so much room in one piece, half of it, and half of that. The engine's own
 * error names the bytes it needed when they do not suffice.
 */
const MAXIMUM_PAGES = [65_536, 32_768, 16_384];

/** `count` threads with this one, or as many as could be started, which the engine then says. */
export async function startThreads(count) {
    const glue = await import("./glitchscope_threads.js");
    const response = await fetch(new URL("glitchscope_threads_bg.wasm", import.meta.url));
    if (!response.ok) throw new Error(`${response.url}: HTTP ${response.status}`);
    // Streaming insists on the type, which not every static host sends.
    const module = response.headers.get("content-type") === "application/wasm"
        ? await WebAssembly.compileStreaming(response)
        : await WebAssembly.compile(await response.arrayBuffer());
    const memory = sharedMemory();
    const exports = await glue.default({ module_or_path: module, memory });
    const helpers = await Promise.allSettled(Array.from({ length: count - 1 }, () => startHelper(module, memory)));
    const refused = helpers.filter(({ status }) => status === "rejected");
    const threads = count - refused.length;
    const reason = refused.length === 0 ? "" : `${threads} of ${count} threads: ${refused[0].reason?.message ?? refused[0].reason}`;
    glue.threads_share(threads, reason);
    return { glue, exports };
}

function sharedMemory() {
    let refused;
    for (const maximum of MAXIMUM_PAGES) {
        try {
            return new WebAssembly.Memory({ initial: INITIAL_PAGES, maximum, shared: true });
        } catch (error) {
            refused = error;
        }
    }
    throw refused;
}

/** Fulfilled when the worker is about to help; it never answers again. */
function startHelper(module, memory) {
    return new Promise((resolve, reject) => {
        const worker = new Worker(new URL("./helper.js", import.meta.url), { type: "module" });
        const refuse = (message) => {
            clearTimeout(timer);
            worker.terminate();
            reject(new Error(message));
        };
        const timer = setTimeout(() => refuse(`a thread's worker did not start within ${START_MS / 1000} s`), START_MS);
        worker.onmessage = ({ data }) => {
            if (data.failed !== undefined) return refuse(`a thread could not be started: ${data.failed}`);
            clearTimeout(timer);
            // What goes wrong from here on, the engine says itself.
            worker.onerror = null;
            resolve();
        };
        worker.onerror = (event) => {
            event.preventDefault();
            refuse(`a thread's worker could not be started${event.message ? `: ${event.message}` : ""}`);
        };
        worker.postMessage({ module, memory });
    });
}
