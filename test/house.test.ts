import { describe, expect, test } from "vitest";
import * as house from "../scripts/house.ts";
import { functionLengths, imports, mask } from "../scripts/source.ts";

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
  "every folder of src has its place": {
    rule: house.knownGroups,
    bad: { "src/misc/a.ts": "" },
    at: ["src/misc/a.ts:1"],
    good: { "src/nn/a.ts": "", "src/index.ts": "", "src/errors.ts": "" },
  },
  "imports go only to earlier groups": {
    rule: house.importDirection,
    bad: {
      "src/nn/a.ts": '\nimport { b } from "../models/b.ts";\nimport type { C } from "../train/c.ts";',
      "src/onnx/b.ts": 'import {\n  x,\n} from "#runtime";\nexport * from "../index.ts";',
      "src/cli/c.ts": 'const load = () => import("../browser.ts");\nimport "../../test/d.ts";',
    },
    at: ["src/nn/a.ts:2", "src/nn/a.ts:3", "src/onnx/b.ts:3", "src/onnx/b.ts:4", "src/cli/c.ts:1", "src/cli/c.ts:2"],
    good: {
      "src/graph/a.ts": 'import { T } from "../tensor/t.ts";\n// import "../cli/main.ts"',
      "src/tensor/t.ts": 'import { g } from "../graph/g.ts";\nconst text = \'import "../cli/main.ts"\';',
      "src/cli/main.ts": 'export * from "../models/index.ts"; import x from "commander";',
    },
  },
  "no two files import each other": {
    rule: house.noCycles,
    bad: {
      "src/graph/a.ts": '\nimport { b } from "./b.ts";',
      "src/graph/b.ts": 'export { c } from "../tensor/c.ts";',
      "src/tensor/c.ts": 'import { a } from "../graph/a.ts";',
    },
    at: ["src/graph/a.ts:2"],
    good: {
      "src/graph/a.ts": 'import { b } from "./b.ts";\nimport { c } from "./c.ts";',
      "src/graph/b.ts": 'import type { a } from "./a.ts";\nimport { c } from "./c.ts";',
      "src/graph/c.ts": 'export type { a } from "./a.ts";',
    },
  },
  "layers and models name no provider": {
    rule: house.noProviders,
    bad: { "src/nn/a.ts": 'const x = 1;\nconst device = "webgpu";', "src/models/b.ts": "/** Slow on wasm. */" },
    at: ["src/nn/a.ts:2", "src/models/b.ts:1"],
    good: { "src/runtime/a.ts": 'const device = "webgpu";', "src/nn/a.ts": "const swasm = 1;" },
  },
  "only the runtime imports ONNX Runtime": {
    rule: house.engineInTwoFiles,
    bad: { "src/train/step.ts": 'import type { Tensor } from "onnxruntime-common";' },
    at: ["src/train/step.ts:1"],
    good: { "src/runtime/node.ts": 'import * as ort from "onnxruntime-node";' },
  },
  "only files for Node import its modules": {
    rule: house.nodeModules,
    bad: {
      "src/data/text.ts": 'import { readFile } from "node:fs/promises";',
      "src/data/b.ts": 'import path from "path";',
    },
    at: ["src/data/text.ts:1", "src/data/b.ts:1"],
    good: {
      "src/data/node-text.ts": 'import { readFile } from "node:fs/promises";',
      "src/runtime/node-worker.ts": 'import os from "node:os";',
      "src/cli/main.ts": 'import os from "node:os";',
    },
  },
  "files are small": {
    rule: house.fileSizes,
    bad: {
      "src/models/a.ts": "\n".repeat(251),
      "src/nn/b.ts": "\n".repeat(501),
      "src/nn/index.ts": "\n".repeat(81),
      "examples/01-a.ts": "\n".repeat(60),
    },
    at: ["src/models/a.ts:251", "src/nn/b.ts:501", "src/nn/index.ts:81", "examples/01-a.ts:60"],
    good: { "src/models/a.ts": "\n".repeat(250), "src/nn/b.ts": "\n".repeat(500), "examples/01-a.ts": "\n".repeat(59) },
  },
  "the lockfile names no registry": {
    rule: house.lockfile,
    bad: { "package-lock.json": '{\n  "resolved": "https://registry.example/a.tgz"\n}' },
    at: ["package-lock.json:2"],
    good: { "package-lock.json": '{\n  "version": "1.0.0"\n}' },
  },
  "noise has a seed": {
    rule: house.noMathRandom,
    bad: { "src/data/a.ts": "const x = 1;\nconst y = Math.random();" },
    at: ["src/data/a.ts:2"],
    good: { "src/data/a.ts": "// not Math.random()", "test/a.ts": "Math.random()" },
  },
  "no file is a drawer": {
    rule: house.noUtils,
    bad: { "src/data/utils.ts": "", "test/util.ts": "" },
    at: ["src/data/utils.ts:1", "test/util.ts:1"],
    good: { "src/data/batches.ts": "" },
  },
  "the environment holds no options": {
    rule: house.environment,
    bad: {
      "src/cli/a.ts": "const n = process.env.OMP_NUM_THREADS;\nconst { DEBUG } = process.env;",
      "src/cli/b.ts": 'const d = process.env["DEVICE"];\nimport { env } from "node:process";',
    },
    at: ["src/cli/a.ts:1", "src/cli/a.ts:2", "src/cli/b.ts:1", "src/cli/b.ts:2"],
    good: {
      "src/cli/a.ts": 'const c = process.env.NO_COLOR ?? process.env["CI"];\nconst env = 1;\nimport x from "./x.ts";',
    },
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
    expect(ninetieth, "90th percentile of the lengths of functions, in lines").toBeLessThanOrEqual(35);
  });
});

describe("the checker", () => {
  test.each(Object.entries(rules))("finds what is wrong: %s", (_, { rule, bad, at, good }) => {
    expect(rule(files(bad)).map(({ file, line }) => `${file}:${line}`)).toEqual(at);
    expect(found(rule, files(good))).toEqual([]);
  });

  test("a circle is told whole", () => {
    const circle = files({ "src/nn/a.ts": 'import "./b.ts";', "src/nn/b.ts": 'import "./a.ts";' });
    expect(found(house.noCycles, circle)).toEqual([
      "src/nn/a.ts:1: imports form a circle: src/nn/a.ts -> src/nn/b.ts -> src/nn/a.ts",
    ]);
  });

  test("code is told from comments, strings, templates and regular expressions", () => {
    expect(mask('a("//b"); // c\nd /* e */ / f')).toBe('a("   ");     \nd         / f');
    expect(mask("`a $" + "{b({ c: `d` })} e` f")).toBe("`  $" + "{b({ c: ` ` })}  ` f");
    expect(mask('x = /["/]\\//g.test(y); z("q")')).toBe('x = /      /g.test(y); z(" ")');
    expect(mask("'it\\'s' + \"\\\\\" + g")).toBe("'     ' + \"  \" + g");
  });

  test("every way to import is seen", () => {
    const text = [
      'import a, { type B } from "1";',
      'import type { C } from "2";',
      'import "3";',
      'const d = await import("4");',
      'export * as e from "5";',
      'export type { F } from "6";',
      'import type from "7";',
      'const g = "8"; // import "9"',
    ].join("\n");
    const seen = imports({ path: "a.ts", text }).map(({ specifier, typeOnly }) => specifier + (typeOnly ? "t" : ""));
    expect(seen).toEqual(["1", "2t", "3", "4", "5", "6t", "7"]);
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
    expect(functionLengths({ path: "a.ts", text })).toEqual([1, 3, 2, 4, 2]);
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
