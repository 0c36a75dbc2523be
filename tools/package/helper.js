// A thread of the engine: instantiates the module on the shared memory and stays in it.
import init, { thread_failed, thread_help } from "./glitchscope_threads.js";

self.onmessage = async ({ data: { module, memory } }) => {
    try {
        await init({ module_or_path: module, memory });
    } catch (error) {
        self.postMessage({ failed: String(error?.message ?? error) });
        self.close();
        return;
    }
    self.postMessage({});
    try {
        thread_help();
    } catch (error) {
        // Whoever asked for the work would wait for this thread forever.
        thread_failed();
        throw error;
    }
};
