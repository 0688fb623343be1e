/** Code on the pages that names its file stands there word for word. */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");

/** Lines without their indentation, so that an excerpt may begin anywhere. */
const flat = (text: string): string => text.replace(/^\s+/gm, "").trim();

describe.each(["ARCHITECTURE.md", "CONTRIBUTING.md"])("%s", (page) => {
  const excerpts = [...read(page).matchAll(/```ts\n *\/\/ ((?:src|test)\/\S+)\n([\s\S]*?) *```/g)];

  test("has excerpts", () => expect(excerpts.length).toBeGreaterThan(0));

  test.each(excerpts.map(([, path = "", text = ""]) => [path, text]))("%s", (path, text) => {
    expect(flat(read(path))).toContain(flat(text));
  });
});
