/** Biome finds what the rules of the house forbid: one bad example for each rule, in a copy of biome.json's folder. */
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { root } from "../scripts/house.ts";

const folder = mkdtempSync(join(tmpdir(), "descent-lint-"));
afterAll(() => rmSync(folder, { recursive: true }));

interface Report {
  readonly diagnostics: readonly { category: string; location: { path: string; start: { line: number } } }[];
}

/** What Biome finds in files from `{path: text}`, as `file:line rule`. */
function findings(files: Record<string, string>): string[] {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  const { vcs: _, $schema: __, ...config } = JSON.parse(readFileSync(join(root, "biome.json"), "utf8"));
  writeFileSync(join(folder, "biome.json"), JSON.stringify(config));
  cpSync(join(root, "package.json"), join(folder, "package.json"));
  cpSync(join(root, "scripts"), join(folder, "scripts"), { recursive: true });
  const flags = ["lint", "--reporter=json", "--max-diagnostics=none", ...Object.keys(files)];
  const biome = join(root, "node_modules/@biomejs/biome/bin/biome");
  const { stdout } = spawnSync(process.execPath, [biome, ...flags], { cwd: folder, encoding: "utf8" });
  const report = JSON.parse(stdout) as Report;
  return report.diagnostics.map(
    ({ category, location }) => `${location.path}:${location.start.line} ${category.replace(/.*\//, "")}`,
  );
}

const body = (lines: number) => "  again();\n".repeat(lines);

/** Rules of biome.json and scripts/*.grit: what breaks them, where, and what does not. */
const rules: Record<string, { bad: Record<string, string>; at: readonly string[]; good: Record<string, string> }> = {
  plugin: {
    bad: {
      "src/nn/later.ts": '\nimport { b } from "../models/b.ts";\nimport type { C } from "../train/c.ts";',
      "src/onnx/later.ts": 'import {\n  x,\n} from "#runtime";\nexport * from "../index.ts";',
      "src/cli/later.ts": 'const load = () => import("../browser.ts");\nimport "../../test/d.ts";',
      "src/graph/ops/later.ts": 'export type { A } from "../../nn/a.ts";',
      "src/data/noise.ts":
        'const x = 1;\nconst y = Math.random();\nconst z = Math["random"]();\nconst { random } = Math;',
    },
    at: [
      ...["src/nn/later.ts:2", "src/nn/later.ts:3", "src/onnx/later.ts:3", "src/onnx/later.ts:4"],
      ...["src/cli/later.ts:1", "src/cli/later.ts:2", "src/graph/ops/later.ts:1"],
      ...["src/data/noise.ts:2", "src/data/noise.ts:3", "src/data/noise.ts:4"],
    ],
    good: {
      "src/graph/earlier.ts": 'import { T } from "../tensor/t.ts";\n// import "../cli/main.ts"',
      "src/tensor/earlier.ts": 'import { g } from "../graph/g.ts";\nconst text = \'import "../cli/main.ts"\';',
      "src/cli/earlier.ts": 'export * from "../models/index.ts"; import x from "commander"; import "./train.ts";',
      "src/data/seeded.ts": "// not Math.random()\nconst x = Math.cos(1);",
      "test/noise.ts": "Math.random();",
    },
  },
  noImportCycles: {
    bad: {
      "src/graph/a.ts": '\nimport { b } from "./b.ts";',
      "src/graph/b.ts": 'export { c as b } from "../tensor/c.ts";',
      "src/tensor/c.ts": 'import { a } from "../graph/a.ts";\nexport const c = a;',
      "src/runtime/node.ts": 'import "./session.ts";',
      "src/runtime/session.ts": 'import "#runtime";',
    },
    at: [
      "src/graph/a.ts:2",
      "src/graph/b.ts:1",
      "src/tensor/c.ts:1",
      "src/runtime/node.ts:1",
      "src/runtime/session.ts:1",
    ],
    good: {
      "src/graph/d.ts": 'import { e } from "./e.ts";\nimport { f } from "./f.ts";',
      "src/graph/e.ts": 'import type { d } from "./d.ts";\nimport { f } from "./f.ts";',
      "src/graph/f.ts": 'export type { d } from "./d.ts";',
    },
  },
  noRestrictedImports: {
    bad: {
      "src/train/engine.ts": 'import type { Tensor } from "onnxruntime-common";\nimport "onnxruntime-web/wasm";',
      "src/runtime/session.ts": 'import type { Tensor } from "onnxruntime-common";\nimport "onnxruntime-node";',
      "src/cli/environment.ts": 'import { env } from "node:process";',
    },
    at: ["src/train/engine.ts:1", "src/train/engine.ts:2", "src/runtime/session.ts:2", "src/cli/environment.ts:1"],
    good: {
      "src/runtime/node.ts": 'import * as ort from "onnxruntime-node";',
      "src/runtime/webgpu.ts": 'import("onnxruntime-web/webgpu");',
    },
  },
  noNodejsModules: {
    bad: {
      "src/data/disk.ts": 'import { readFile } from "node:fs/promises";\nimport path from "path";\nimport("fs");',
    },
    at: ["src/data/disk.ts:1", "src/data/disk.ts:2", "src/data/disk.ts:3"],
    good: {
      "src/data/node-disk.ts": 'import { readFile } from "node:fs/promises";',
      "src/cli/disk.ts": 'import os from "node:os";',
    },
  },
  noProcessEnv: {
    bad: { "src/cli/reads.ts": 'const n = process.env.THREADS;\nconst { DEBUG } = process.env;\nprocess["env"];' },
    at: ["src/cli/reads.ts:1", "src/cli/reads.ts:2", "src/cli/reads.ts:3"],
    good: { "src/cli/io.ts": "const c = process.env.NO_COLOR;", "test/reads.ts": "process.env.CI;" },
  },
  noConsole: {
    bad: { "src/nn/prints.ts": 'console.log("here");' },
    at: ["src/nn/prints.ts:1"],
    good: { "examples/prints.ts": 'console.log("loss");' },
  },
  noExcessiveLinesPerFile: {
    bad: {
      "src/models/long.ts": "f();\n".repeat(251),
      "src/nn/long.ts": "f();\n".repeat(501),
      "src/nn/index.ts": "f();\n".repeat(81),
      "examples/01-long.ts": "f();\n".repeat(60),
    },
    at: ["src/models/long.ts:1", "src/nn/long.ts:1", "src/nn/index.ts:1", "examples/01-long.ts:1"],
    good: {
      "src/models/short.ts": "f();\n".repeat(250),
      "src/nn/short.ts": "f();\n".repeat(500),
      "src/optim/index.ts": "f();\n".repeat(80),
      "examples/02-short.ts": "f();\n".repeat(59),
    },
  },
  noExcessiveLinesPerFunction: {
    bad: {
      "src/nn/function.ts": `\nfunction f() {\n${body(61)}}`,
      "src/nn/method.ts": `class A {\n  m() {\n${body(61)}  }\n}`,
    },
    at: ["src/nn/function.ts:2", "src/nn/method.ts:2"],
    good: {
      "src/nn/shorter.ts": `const f = () => {\n${body(60)}};`,
      "test/function.ts": `function f() {\n${body(61)}}`,
    },
  },
  noExplicitAny: { bad: { "test/any.ts": "let a: any;" }, at: ["test/any.ts:1"], good: {} },
  useImportExtensions: {
    bad: { "src/nn/names.ts": 'import "./other";', "src/nn/other.ts": "" },
    at: ["src/nn/names.ts:1"],
    good: { "src/nn/named.ts": 'import "./other.ts";' },
  },
};

describe("Biome finds what is wrong", () => {
  test.each(Object.entries(rules))("%s", (rule, { bad, at, good }) => {
    const reported = findings({ ...good, ...bad }).filter((line) => line.endsWith(` ${rule}`));
    expect(reported.sort()).toEqual(at.map((place) => `${place} ${rule}`).sort());
  });

  test("every folder of src has its place in the order", () => {
    const folders = readdirSync(join(root, "src"), { withFileTypes: true }).filter((entry) => entry.isDirectory());
    const paths = folders.map(({ name }) => `src/${name}/place.ts`);
    const grit = readFileSync(join(root, "scripts/imports.grit"), "utf8");
    const order = [...grit.matchAll(/\/src\/(?:\(\?:)?([a-z|]+)\)?\//g)].map(([, names = ""]) => names.split("|"));
    expect(order.flat().sort()).toEqual(folders.map(({ name }) => name).sort());
    const rank = (name: string) => order.findIndex((names) => names.includes(name));
    const imports = folders.map(({ name }) => `import "../${name}/place.ts";\n`).join("");
    const later = folders.flatMap(({ name: here }) =>
      folders.flatMap(({ name: there }, line) =>
        rank(there) > rank(here) ? [`src/${here}/place.ts:${line + 1} plugin`] : [],
      ),
    );
    const reported = findings(Object.fromEntries(paths.map((path) => [path, imports])));
    expect(reported.filter((line) => line.endsWith(" plugin")).sort()).toEqual(later.sort());
  });
});
