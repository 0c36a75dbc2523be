/** What this browser can do, looked at once, before anything is loaded. */

export interface Capability {
  /** WebAssembly with SIMD: without it nothing runs. */
  simd: boolean;
  workers: boolean;
  webgl: boolean;
  webgpu: boolean;
}

/** A module with one function that returns `i8x16.splat(0)`: it validates where SIMD is known. */
const SIMD_MODULE = new Uint8Array([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11,
]);

export function capability(): Capability {
  return {
    simd: typeof WebAssembly === "object" && WebAssembly.validate(SIMD_MODULE),
    workers: typeof Worker === "function",
    webgl: typeof WebGL2RenderingContext === "function",
    webgpu: "gpu" in navigator,
  };
}
