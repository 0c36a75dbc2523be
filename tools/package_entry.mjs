// Finishes what wasm-bindgen has written: node tools/package_entry.mjs FOLDER [--threads-only]
//
// FOLDER holds glitchscope.js (one thread) and glitchscope_threads.js; the first becomes glitchscope_single.js, and the
// package's entry, which picks between the two, takes its name. With --threads-only there is just the second.
import { copyFileSync, readFileSync, readdirSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

const [folder, option] = process.argv.slice(2);
const parts = join(dirname(fileURLToPath(import.meta.url)), "package");

/** Replaces what must be there exactly once. */
function once(file, text, pattern, to) {
  if ([...text.matchAll(pattern)].length !== 1) throw new Error(`${file}: expected once: ${pattern}`);
  return text.replace(pattern, to);
}

const threads = readFileSync(join(folder, "glitchscope_threads.js"), "utf8");
const pages = /new WebAssembly\.Memory\(\{ ?initial: ?(\d+), ?maximum: ?65536, ?shared: ?true ?\}\)/.exec(threads)?.[1];
if (!pages) throw new Error("glitchscope_threads.js makes no shared memory: the link arguments of tools/package.sh are not in effect");
const start = readFileSync(join(parts, "start_threads.js"), "utf8");
writeFileSync(join(folder, "start_threads.js"), once("start_threads.js", start, /INITIAL_PAGES = 0;/g, `INITIAL_PAGES = ${pages};`));
copyFileSync(join(parts, "helper.js"), join(folder, "helper.js"));
if (option === "--threads-only") process.exit();

const exported = (text) => [...text.matchAll(/^export (?:async )?(?:class|function|const) (\w+)/gm)].map(([, name]) => name);
renameSync(join(folder, "glitchscope.js"), join(folder, "glitchscope_single.js"));
const names = exported(readFileSync(join(folder, "glitchscope_single.js"), "utf8")).filter((name) => name !== "threads_share");
const missing = names.filter((name) => !exported(threads).includes(name));
if (missing.length > 0) throw new Error(`glitchscope_threads.js lacks ${missing.join(", ")}`);
const entry = readFileSync(join(parts, "glitchscope.js"), "utf8");
writeFileSync(join(folder, "glitchscope.js"), `/* @ts-self-types="./glitchscope.d.ts" */\n${entry.replaceAll("{ NAMES }", `{ ${names.join(", ")} }`)}`);

// wasm-bindgen's own declaration of the initialisation, and what it says about it, give way to the entry's.
const types = join(folder, "glitchscope.d.ts");
const before = readFileSync(types, "utf8");
const end = before.lastIndexOf("/**", before.indexOf("export default function"));
if (end < 0) throw new Error("glitchscope.d.ts declares no initialisation");
writeFileSync(types, `${before.slice(0, end)}/**
 * Loads the engine; everything else here can be used when it is done. Without \`module_or_path\` it takes the file that this
 * browser runs best, with \`threads\` of them (one a core unless told otherwise) where the page is cross-origin isolated.
 * Where there are fewer, or one, \`Session.info().device\` says so, and why.
 */
export default function init(options?: { module_or_path?: InitInput | Promise<InitInput>; threads?: number } | InitInput | Promise<InitInput>): Promise<InitOutput>;

/** Whether this browser has relaxed SIMD, and so takes the files named after it. */
export function relaxed_simd(): boolean;
`);

const manifest = join(folder, "package.json");
const content = JSON.parse(readFileSync(manifest, "utf8"));
const shipped = readdirSync(folder).filter((name) => /^LICENSE|\.(js|wasm|d\.ts)$/.test(name) && !name.endsWith(".wasm.d.ts") && !name.endsWith("_threads.d.ts"));
content.files = [...new Set([...content.files, ...shipped])].sort();
content.sideEffects = [...content.sideEffects, "./helper.js"];
writeFileSync(manifest, `${JSON.stringify(content, null, 2)}\n`);
