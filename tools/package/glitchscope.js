// The package's one entry. Of the wasm files beside it, it takes the one that this browser runs best, and starts threads
// where the page may have them: see `init`. tools/package.sh copies it and writes the list of names.
import * as single from "./glitchscope_single.js";
import { startThreads } from "./start_threads.js";

// Bound to one of two instances of the package; nothing of it may be used before `init` is done, so nobody sees the other.
export let { NAMES } = single;
export { initSync } from "./glitchscope_single.js";

/** Whether this browser has relaxed SIMD, and so takes the files named after it. */
export function relaxed_simd() {
    // One function, (v128, v128, v128) → f32x4.relaxed_madd: valid where relaxed SIMD is known.
    return WebAssembly.validate(new Uint8Array([
        0, 97, 115, 109, 1, 0, 0, 0, 1, 8, 1, 96, 3, 123, 123, 123, 1, 123, 3, 2, 1, 0,
        10, 13, 1, 11, 0, 32, 0, 32, 1, 32, 2, 253, 133, 2, 11,
    ]));
}

/** More threads than this wait for memory instead of computing, and each takes a few megabytes. */
const THREADS_MAX = 16;

let started;

export default function init(options = {}) {
    started ??= initialise(options).catch((error) => {
        started = undefined;
        throw error;
    });
    return started;
}

async function initialise(options) {
    const named = Object.getPrototypeOf(options) === Object.prototype ? options : { module_or_path: options };
    const wanted = Math.min(named.threads ?? globalThis.navigator?.hardwareConcurrency ?? 1, THREADS_MAX);
    let note = refusal(named, wanted);
    if (note === "") {
        try {
            const { glue, exports } = await startThreads(wanted);
            ({ NAMES } = glue);
            return exports;
        } catch (error) {
            note = `one thread: ${error?.message ?? error}`;
        }
    }
    // Both addresses are written out, so that bundlers find the files.
    const module_or_path = named.module_or_path ?? (relaxed_simd()
        ? new URL("glitchscope_relaxed_bg.wasm", import.meta.url)
        : new URL("glitchscope_bg.wasm", import.meta.url));
    const exports = await single.default({ module_or_path });
    single.threads_share(1, note);
    return exports;
}

/** Why threads are not even tried; empty where they are. */
function refusal(named, wanted) {
    if (named.module_or_path !== undefined) return "one thread: the wasm file was chosen by the caller";
    if (!(wanted > 1)) return named.threads === undefined ? "one thread: there is one core" : "one thread was asked for";
    if (globalThis.crossOriginIsolated !== true) return "one thread: this page is not cross-origin isolated";
    if (typeof SharedArrayBuffer !== "function") return "one thread: this browser has no SharedArrayBuffer";
    // There is one file with threads: a browser with one of the two features and not the other has no third kind.
    if (!relaxed_simd()) return "one thread: this browser has no relaxed SIMD";
    // Promises of an engine with threads wait on it.
    if (typeof Atomics.waitAsync !== "function") return "one thread: this browser has no Atomics.waitAsync";
    return "";
}
