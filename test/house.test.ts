import { describe, expect, test } from "vitest";
import * as house from "../scripts/house.ts";

const repository = house.readRepository(house.root);

/** What a rule finds, one line each, as an editor understands it. */
const found = (rule: house.Rule, files: Parameters<house.Rule>[0]) =>
  rule(files).map(({ file, line, message }) => `${file}:${line}: ${message}`);

/** Files from `{path: text}`. */
const files = (contents: Record<string, string>) => Object.entries(contents).map(([path, text]) => ({ path, text }));

interface Example {
  readonly rule: house.Rule;
  readonly bad: Record<string, string>;
  /** Where it must be found, as `file:line`. */
  readonly at: readonly string[];
  readonly good: Record<string, string>;
}

const links = (exists: string[]) => house.linksResolve((path) => exists.includes(path));

const rules: Record<string, Example> = {
  "layers and models name no provider": {
    rule: house.noProviders,
    bad: { "src/nn/a.ts": 'const x = 1;\nconst device = "webgpu";', "src/models/b.ts": "/** Slow on wasm. */" },
    at: ["src/nn/a.ts:2", "src/models/b.ts:1"],
    good: { "src/runtime/a.ts": 'const device = "webgpu";', "src/nn/a.ts": "const swasm = 1;" },
  },
  "the lockfile names no registry": {
    rule: house.lockfile,
    bad: { "package-lock.json": '{\n  "resolved": "https://registry.example/a.tgz"\n}' },
    at: ["package-lock.json:2"],
    good: { "package-lock.json": '{\n  "version": "1.0.0"\n}' },
  },
  "no file is a drawer": {
    rule: house.noUtils,
    bad: { "src/data/utils.ts": "", "test/util.ts": "" },
    at: ["src/data/utils.ts:1", "test/util.ts:1"],
    good: { "src/data/batches.ts": "" },
  },
  "the README lists every example": {
    rule: house.examplesListed,
    bad: {
      "README.md": "See 02-b.\n| [01-a](examples/01-a.ts) | tensors |",
      "examples/01-a.ts": "",
      "examples/02-b.ts": "",
    },
    at: ["examples/02-b.ts:1"],
    good: { "README.md": "| [01-a](examples/01-a.ts) | tensors |", "examples/01-a.ts": "", "examples/data.ts": "" },
  },
  "links lead somewhere": {
    rule: links(["docs/plot.png"]),
    bad: {
      "README.md":
        '# Top\n[a](docs/lost.md) [b](#nowhere)\n\n[c]: docs/c.md\n<img src="docs/lost.png">\n[d](docs/a.md#x)',
      "docs/a.md": "# Here",
    },
    at: ["README.md:2", "README.md:2", "README.md:4", "README.md:5", "README.md:6"],
    good: {
      "README.md": "# The `top` of it\n[a](docs/a.md#here--there) ![p](docs/plot.png) [b](#the-top-of-it) `[x](y)`\n",
      "docs/a.md": "## Here & there\n[up](../README.md) [out](https://example.org/x)\n```\n[code](nowhere)\n```\n",
    },
  },
};

describe("the repository", () => {
  const all = { ...rules, "links lead somewhere": { rule: house.linksResolve(house.onDisk) } };
  test.each(Object.entries(all))("%s", (_, { rule }) => {
    expect(found(rule, repository).join("\n")).toBe("");
  });

  test("functions are short", () => {
    const { files, lines, functions, median, ninetieth } = house.sizes(repository);
    console.log(
      `src: ${files} files, ${lines} lines, ${functions} functions of ~${median}/${ninetieth} lines (median/90th)`,
    );
    expect(median, "median of the lengths of functions, in lines").toBeLessThanOrEqual(10);
    expect(ninetieth, "90th percentile of the lengths of functions, in lines").toBeLessThanOrEqual(20);
  });
});

describe("the checker", () => {
  test.each(Object.entries(rules))("finds what is wrong: %s", (_, { rule, bad, at, good }) => {
    expect(rule(files(bad)).map(({ file, line }) => `${file}:${line}`)).toEqual(at);
    expect(found(rule, files(good))).toEqual([]);
  });

  test("functions are measured from their first line to their last", () => {
    const text = [
      "export function one(a: number): number { return a; }",
      "async function* three<T>(a: T): AsyncGenerator<{ b: T }> {",
      "  if (a) { yield { b: a }; }",
      "}",
      "const two = (a: number): { b: number } =>",
      "  ({ b: a });",
      "type Not = (a: number) => void;",
      "class A {",
      "  abstract none(a: number): { b: number };",
      "  get four(): number | { c: number } {",
      "    for (const x of [1]) {",
      "    }",
      "  }",
      "}",
      "list.map((x) => x + 1).forEach((x): void => {",
      "});",
      "const chosen = a ? call(1) : { b: 1 };",
    ].join("\n");
    expect(house.functionLengths({ path: "a.ts", text })).toEqual([1, 3, 2, 4, 2]);
  });

  test("sizes have a median and a 90th percentile", () => {
    const text = [..."1234567890"].map((n) => `function f() {${"\n".repeat(Number(n))}}`).join("\n");
    expect(house.sizes(files({ "src/a.ts": text }))).toEqual({
      files: 1,
      lines: 55,
      functions: 10,
      median: 5,
      ninetieth: 9,
    });
  });
});
