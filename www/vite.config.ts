import { createHash } from "node:crypto";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { join } from "node:path";
import { defineConfig, type Plugin } from "vite";
import { labHelp } from "./lab_help.ts";

const here = fileURLToPath(new URL(".", import.meta.url));
/** The browser tests put a scripted core in the place of the wasm package. */
const core = process.env["GLITCHSCOPE_CORE"] ?? join(here, "../pkg/glitchscope.js");

export default defineConfig({
  // Relative addresses: the built page works in any folder of any static host.
  base: "./",
  resolve: { alias: { glitchscope: core, glitchscope_database: join(here, "../pkg/glitchscope_database.js") } },
  worker: { format: "es" },
  build: { target: "es2023", outDir: process.env["GLITCHSCOPE_OUT"] ?? "dist", emptyOutDir: true, modulePreload: { polyfill: false }, assetsInlineLimit: 0 },
  server: { fs: { allow: [join(here, "..")] } },
  plugins: [labHelp(), serviceWorker()],
});

/** Writes `service-worker.js` with the list of the page's own files and a version made of their contents. */
function serviceWorker(): Plugin {
  return {
    name: "service-worker",
    apply: "build",
    generateBundle(_, bundle) {
      const hash = createHash("sha256");
      const files: string[] = ["./"];
      for (const [name, entry] of Object.entries(bundle).sort(([a], [b]) => (a < b ? -1 : 1))) {
        hash.update(name).update(entry.type === "chunk" ? entry.code : entry.source);
        if (name !== "index.html") files.push(`./${name}`);
      }
      const shell = join(here, "public");
      for (const name of walk(shell)) {
        hash.update(name).update(readFileSync(join(shell, name)));
        files.push(`./${name}`);
      }
      const source = readFileSync(join(here, "src/service_worker.js"), "utf8");
      const head = `const VERSION = ${JSON.stringify(hash.digest("hex").slice(0, 16))};\nconst FILES = ${JSON.stringify(files)};\n`;
      this.emitFile({ type: "asset", fileName: "service-worker.js", source: head + source });
    },
  };
}

function walk(folder: string, under = ""): string[] {
  return readdirSync(join(folder, under)).sort().flatMap((name) => {
    const path = under ? `${under}/${name}` : name;
    return statSync(join(folder, path)).isDirectory() ? walk(folder, path) : [path];
  });
}
