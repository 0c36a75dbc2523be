// Oracle: the published schema (docs/report.schema.json), read by ajv. A saved report holds to it, and one that leaves
// something out does not.
import { readFileSync } from "node:fs";
import { Ajv2020 } from "ajv/dist/2020";
import { describe, expect, it } from "vitest";

const read = (path: string) => JSON.parse(readFileSync(new URL(`../../${path}`, import.meta.url), "utf8")) as Record<string, unknown>;
// `format: uint32` and its like name Rust's types; the schema gives their bounds itself.
const valid = new Ajv2020({ validateFormats: false, allErrors: false }).compile(read("docs/report.schema.json"));
const golden = () => read("tests/golden/report_version_2.json");

type Fields = Record<string, unknown>;

/** The object at the end of a path, and the last name of it. */
function at(report: Fields, path: string): [Fields, string] {
  const names = path.split("/");
  const last = names.pop()!;
  return [names.reduce<unknown>((value, name) => (value as Fields)[name], report) as Fields, last];
}

describe("the published schema", () => {
  it("holds for a saved report", () => {
    expect(valid(golden()), JSON.stringify(valid.errors)).toBe(true);
  });

  it("is of today's version: version 1 is another format", () => {
    expect(valid(read("tests/golden/report_version_1.json"))).toBe(false);
  });

  it.each([
    "schema", "provenance/glitchscope", "provenance/model/files", "provenance/model/files/0/sha256", "provenance/oracle/prompts/0/text",
    "provenance/oracle/prompts/0/ids", "provenance/device/precision", "provenance/options/seed", "probes/0/p_target", "probes/0/answer",
    "skipped/0/reason", "tokens/bytes_hex", "hunt/rounds/0/tests/0/miss_probability",
  ])("asks for %s, and for the right kind of it", (path) => {
    const without = golden();
    const [parent, name] = at(without, path);
    expect(name in parent).toBe(true);
    const value = parent[name];
    parent[name] = { strange: true };
    expect(valid(without)).toBe(false);
    parent[name] = value;
    expect(valid(without)).toBe(true);
    Reflect.deleteProperty(parent, name);
    expect(valid(without)).toBe(false);
  });

  it("knows every field", () => {
    expect(valid({ ...golden(), verdict: "fine" })).toBe(false);
  });
});
