// Run from the repository's root, so that tests/web is linted too: see the script `lint` in package.json.
import js from "@eslint/js";
import globals from "globals";
import tseslint from "typescript-eslint";

/** Imports point one way: core → state → labs → views, and the report's data may be used by all. */
const layer = (name, above, wasm = false) => ({
  files: [`www/src/${name}/**/*.ts`],
  ignores: wasm ? ["www/src/core/functions.ts", "www/src/core/attention.ts", "www/src/core/evaluation.ts", "www/src/core/sources.ts", "www/src/core/trainer.ts", "www/src/core/database_worker.ts"] : [],
  rules: {
    "no-restricted-imports": ["error", {
      paths: ["glitchscope", "glitchscope_database"].map((name) => ({ name, message: "only the workers of core/ talk to the wasm package" })),
      // A lab's types are generated from the core's and are plain data, as the report's are.
      patterns: above.length === 0 ? [] : [{ regex: `/(${above.join("|")})/(?!\\w+/types$)`, message: "imports only point core → state → labs → views" }],
    }],
  },
});

export default tseslint.config(
  { ignores: ["**/dist/", "**/node_modules/", "tests/web/out/", "www/src/report/types.ts", "www/src/labs/*/types.ts"] },
  js.configs.recommended,
  {
    files: ["**/*.ts"],
    extends: [tseslint.configs.recommendedTypeChecked, tseslint.configs.stylistic],
    languageOptions: { parserOptions: { project: "./tsconfig.json", tsconfigRootDir: import.meta.dirname } },
    rules: {
      "@typescript-eslint/no-non-null-assertion": "off",
      "@typescript-eslint/only-throw-error": "off",
      "@typescript-eslint/prefer-promise-reject-errors": "off",
      "@typescript-eslint/no-empty-function": "off",
      "@typescript-eslint/require-await": "off",
      "@typescript-eslint/unbound-method": "off",
      "@typescript-eslint/no-misused-promises": ["error", { checksVoidReturn: false }],
      "@typescript-eslint/consistent-type-imports": "error",
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true, allowBoolean: true }],
      eqeqeq: ["error", "always", { null: "ignore" }],
    },
  },
  // Vitest's asymmetric matchers are of type any.
  { files: ["www/test/**/*.ts"], rules: { "@typescript-eslint/no-unsafe-assignment": "off" } },
  layer("core", ["state", "labs", "views"], true),
  layer("report", ["core", "state", "labs", "views"]),
  layer("state", ["labs", "views"]),
  layer("labs", []),
  layer("views", ["core", "state", "labs"]),
  { files: ["www/src/service_worker.js"], languageOptions: { globals: globals.serviceworker } },
  { files: ["www/public/**/*.js"], languageOptions: { globals: globals.browser, sourceType: "script" } },
  { files: ["**/*.mjs", "www/eslint.config.js"], languageOptions: { globals: { ...globals.node, ...globals.browser } } },
);
