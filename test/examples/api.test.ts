/** docs/api.md lists what the package exports, and nothing else. */
import { readFileSync } from "node:fs";
import { posix } from "node:path";
import { expect, test } from "vitest";
import * as surface from "../../src/index.ts";

const root = new URL("../../", import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, root), "utf8").replace(/\/\/.*$/gm, "");
const page = readFileSync(new URL("docs/api.md", root), "utf8");

/** The names that the file at `path` exports, types included. */
function exported(path: string): string[] {
  const text = read(path);
  const everything = [...text.matchAll(/export \* from "([^"]+)"/g)].flatMap(([, from = ""]) =>
    exported(posix.join(posix.dirname(path), from)),
  );
  const listed = [...text.matchAll(/export (?:type )?\{([^}]*)\}/g)].flatMap(([, list = ""]) => list.split(","));
  const names = listed.map((item) => item.trim().split(" ").at(-1) ?? "").filter(Boolean);
  const own = [...text.matchAll(/^export (?:abstract )?(?:class|function\*?|const|type|interface) (\w+)/gm)];
  return [...everything, ...names, ...own.map(([, name = ""]) => name)];
}

const listed = [...page.matchAll(/^- `(\w+)/gm)].map(([, name = ""]) => name);

test("every export is listed once, and nothing else is", () => {
  expect([...listed].sort()).toEqual([...new Set(exported("src/index.ts"))].sort());
});

test("what runs is among it", () => {
  expect(Object.keys(surface).filter((name) => !listed.includes(name))).toEqual([]);
});

test("every metric is in the table, with its direction", () => {
  const section = page.slice(page.indexOf("## Metrics"), page.indexOf("## Optimizers"));
  const rows = [...section.matchAll(/^\| `(\w+)\([^|]*\| (\w*)/gm)].map(([, name = "", better = ""]) => [name, better]);
  const made = Object.entries(surface.metrics).map(([name, make]) => {
    const metric = make.length === 0 ? (make as () => object)() : (make as (size: number) => object)(2);
    return [name, "better" in metric ? metric.better : ""];
  });
  expect(rows.sort()).toEqual(made.sort());
});

test("every method of Tensor is in the table", () => {
  const methods = Object.getOwnPropertyNames(surface.Tensor.prototype).filter((name) => name !== "constructor");
  const table = page.slice(page.indexOf("## Methods of Tensor"));
  const named = [...table.matchAll(/`(\w+)`/g)].map(([, name = ""]) => name);
  expect(named.sort()).toEqual(methods.sort());
});
