// Oracle: by hand, after the Unicode names of the characters.
import { describe, expect, it } from "vitest";
import { cut, segments, shown } from "../src/report/token_text";

describe("a token's shown form", () => {
  it("names what cannot be seen", () => {
    expect(shown(" a\n\t\u0000\u007f")).toBe("␣a⏎⇥␀␡");
    expect(shown("\u202Eevil\u202C")).toBe("RLOevilPDF");
    expect(shown("\u200B\u200D\uFEFF\u00A0\u3000")).toBe("ZWSPZWJBOMNBSPU+3000");
    expect(shown("\u2067\u2069\u061C\uE000")).toBe("RLIPDIALMU+E000");
    expect(shown("\uD800")).toBe("U+D800");
  });

  it("puts a lone combining mark on a circle, and only a lone one", () => {
    expect(shown("\u0301")).toBe("◌\u0301");
    expect(shown("e\u0301\u0301")).toBe("e\u0301\u0301");
    expect(shown("\n\u0301")).toBe("⏎◌\u0301");
  });

  it("shows bytes that are no characters, and the characters between them", () => {
    expect(shown("\uFFFD", "f5")).toBe("⟨F5⟩");
    expect(shown("a\uFFFD", "61e4bd")).toBe("a⟨E4⟩⟨BD⟩");
    expect(shown("\uFFFD你", "80e4bda0")).toBe("⟨80⟩你");
    // Overlong and surrogate forms are not UTF-8.
    expect(shown("\uFFFD", "c080")).toBe("⟨C0⟩⟨80⟩");
    expect(shown("\uFFFD", "eda080")).toBe("⟨ED⟩⟨A0⟩⟨80⟩");
  });

  it("keeps markup as text", () => {
    expect(segments("<script>")).toEqual([{ kind: "text", text: "<script>" }]);
  });

  it("is nothing for an empty token", () => {
    expect(segments("")).toEqual([]);
  });
});

describe("cutting", () => {
  it("leaves 40 units and cuts 41 in the middle", () => {
    expect(cut(segments("x".repeat(40)))).toMatchObject({ tail: [], omitted: 0 });
    const { head, tail, omitted } = cut(segments(`a${"x".repeat(199)}b`));
    expect(head[0]!.text.startsWith("a")).toBe(true);
    expect(tail.at(-1)!.text.endsWith("b")).toBe(true);
    expect(head[0]!.text.length + tail[0]!.text.length + omitted).toBe(201);
  });

  it("does not tear a grapheme, nor lets one be endless", () => {
    const { head } = cut(segments("👩‍👩‍👧".repeat(3)));
    expect(head.map(({ text }) => text).join("")).toContain("👩");
    const zalgo = cut(segments(`z${"\u0489".repeat(5_000)}`));
    expect(zalgo.omitted).toBeGreaterThan(500);
  });
});
