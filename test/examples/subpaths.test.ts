/** The addresses that package.json gives to parts of the library lead to files, and to the same things as the whole. */
import { existsSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import * as surface from "../../src/index.ts";
import * as metrics from "../../src/metrics/index.ts";
import * as nn from "../../src/nn/index.ts";
import * as optim from "../../src/optim/index.ts";

const root = new URL("../../", import.meta.url);
const { exports } = JSON.parse(readFileSync(new URL("package.json", root), "utf8"));

test("every address leads to a source file, with its declarations beside it", () => {
  const targets = Object.values(exports).flatMap((entry) =>
    [...JSON.stringify(entry).matchAll(/"\.\/dist\/([^"]+?)(\.d\.ts|\.js)"/g)].map(([, path = "", ending]) => ({
      path,
      ending,
    })),
  );
  for (const { path, ending } of targets) {
    expect(existsSync(new URL(`src/${path}.ts`, root)), `src/${path}.ts`).toBe(true);
    expect(targets).toContainEqual({ path, ending: ending === ".js" ? ".d.ts" : ".js" });
  }
  expect(Object.keys(exports)).toEqual([".", "./metrics", "./nn", "./optim", "./webgpu", "./package.json"]);
});

test("layers, optimizers and metrics are those of the whole", () => {
  expect(nn.Linear).toBe(surface.Linear);
  expect(optim.adamW).toBe(surface.adamW);
  expect(metrics.accuracy).toBe(surface.metrics.accuracy);
});
