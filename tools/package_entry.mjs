// Makes the package's entry choose between its two wasm files: node tools/package_entry.mjs pkg
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";

const folder = process.argv[2];
const entry = join(folder, "glitchscope.js");
const source = readFileSync(entry, "utf8");
const line = "module_or_path = new URL('glitchscope_bg.wasm', import.meta.url);";
if (source.split(line).length !== 2) throw new Error(`${entry}: expected once: ${line}`);

// Both addresses are written out, so that bundlers find the files. The module below has one function,
// (v128, v128, v128) → f32x4.relaxed_madd, and is valid where relaxed SIMD is known.
const choice = `module_or_path = relaxed_simd()
            ? new URL('glitchscope_relaxed_bg.wasm', import.meta.url)
            : new URL('glitchscope_bg.wasm', import.meta.url);`;
const detection = `
/** Whether this browser takes \`glitchscope_relaxed_bg.wasm\`. */
export function relaxed_simd() {
    return WebAssembly.validate(new Uint8Array([
        0, 97, 115, 109, 1, 0, 0, 0, 1, 8, 1, 96, 3, 123, 123, 123, 1, 123, 3, 2, 1, 0,
        10, 13, 1, 11, 0, 32, 0, 32, 1, 32, 2, 253, 133, 2, 11,
    ]));
}
`;
writeFileSync(entry, source.replace(line, choice) + detection);

const types = join(folder, "glitchscope.d.ts");
writeFileSync(types, `${readFileSync(types, "utf8")}
/** Whether this browser takes \`glitchscope_relaxed_bg.wasm\`. */
export function relaxed_simd(): boolean;
`);
const manifest = join(folder, "package.json");
const content = JSON.parse(readFileSync(manifest, "utf8"));
content.files.push("glitchscope_relaxed_bg.wasm");
writeFileSync(manifest, `${JSON.stringify(content, null, 2)}\n`);
