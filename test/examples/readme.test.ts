/** The programs in README and guide run as they stand there, one after the other, in a folder of their own. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";

const root = new URL("../../", import.meta.url).pathname;
mkdirSync(join(root, ".cache"), { recursive: true });
/** Where the programs are written: inside the repository, where `descent-ml` is found, and ignored by git. */
const place = mkdtempSync(join(root, ".cache", "programs-"));
/** Where they run. */
const here = mkdtempSync(join(tmpdir(), "descent-programs-"));
const before = process.cwd();

beforeAll(() => process.chdir(here));
afterAll(() => {
  process.chdir(before);
  for (const folder of [here, place]) rmSync(folder, { recursive: true, force: true });
});

/** Blocks of a page that begin with a line `// run: name`. */
const programs = (page: string): [name: string, text: string][] =>
  [...readFileSync(join(root, page), "utf8").matchAll(/```ts\n(\/\/ run: (\S+)\n[\s\S]*?)```/g)].map(
    ([, text = "", name = ""]) => [name, text],
  );

async function printed(page: string, name: string, text: string): Promise<string> {
  const file = join(place, `${page.replaceAll("/", "-")}-${name}.ts`);
  writeFileSync(file, text);
  const lines: string[] = [];
  const log = vi.spyOn(console, "log").mockImplementation((...words: unknown[]) => void lines.push(words.join(" ")));
  try {
    await import(file);
  } finally {
    log.mockRestore();
  }
  return lines.join("\n");
}

const expected: Readonly<Record<string, Readonly<Record<string, RegExp>>>> = {
  "README.md": {
    train: /^20 2\.\d+[\s\S]*\n200 1\.[0-9]+$/,
    write: /^The [\s\S]{80,}$/,
    gradient: /^0\.4199\d*,1,0\.4199\d*$/,
  },
  "docs/guide/coming-from-keras.md": { net: /^true \[1,2\]\n/ },
  "docs/guide/coming-from-pytorch.md": { net: /^true fc1\.weight fc1\.bias fc2\.weight fc2\.bias$/ },
  "docs/guide/export.md": { lower: /^x f32\[N, 3\] -> y f32\[N, 2\], operator set 21$/ },
  "docs/guide/fine-tuning.md": { from: /^accuracy 1$/, groups: /^true true$/ },
  "docs/guide/getting-started.md": {
    tensor: /^Tensor\(f32\[N\], sqrt\)\n5,13$/,
    line: /^y = 2\.00 x \+ 1\.00\n21\.0$/,
    ready: /^accuracy 1\nthe film was dull: bad$/,
  },
  "docs/guide/numbers-and-determinism.md": { stream: /^true\n[0-4]( [0-4]){4}$/ },
  "docs/guide/own-data.md": {
    csv: /^tall$/,
    dataset: /^accuracy 0\.9\d$/,
    batches: /^y = 2\.00 x \+ 1\.00$/,
    order: /^0,1,2,3,4,5 4$/,
  },
  "docs/guide/own-models.md": {
    layers:
      /^blocks\.0\.norm\.weight blocks\.0\.norm\.bias blocks\.0\.up\.weight .* head\.bias\nTensor\(f32\[B, 2\], \w+\)$/,
    fit: /^97 parameters, 1200 steps at most\ntrue true\n\[2,1\] true$/,
    scan: /^states 1 1\.5 1\.75 1\.875\n∂ last \/ ∂ x 0\.125 0\.25 0\.5 1$/,
    recompute: /^-?[\d.]+ -?[\d.]+$/,
    step: /^true true body\nbody\.weight body\.bias head\.weight head\.bias$/,
  },
  "docs/guide/padding-and-masking.md": { lengths: /^true\ntrue$/, mask: /^true$/ },
  "docs/guide/saving-and-loading.md": { weights: /^21\.0\ntrue$/, store: /^10\n21 40$/ },
  "docs/guide/training.md": {
    both: /^\d+ parameters\nstep 20: \d\.\d+\nstep 40: \d\.\d+\n40 steps, validation loss \d\.\d+$/,
    resume: /^stopped after 15\ndone after 40$/,
  },
  "docs/tasks/language.md": { write: /^40 true$/ },
};

describe.each(Object.entries(expected))("%s", (page, results) => {
  const found = programs(page);

  test("has the programs that are expected", () => expect(found.map(([name]) => name)).toEqual(Object.keys(results)));

  test.each(found)("%s", async (name, text) => expect(await printed(page, name, text)).toMatch(results[name] ?? /^$/));
});

test("README: a training program of at most 12 lines and a use of at most 6", () => {
  const lines = new Map(programs("README.md").map(([name, text]) => [name, text.trim().split("\n").length - 1]));
  expect(lines.get("train")).toBeLessThanOrEqual(12);
  expect(lines.get("write")).toBeLessThanOrEqual(6);
});

test("every page with programs is run", () => {
  const pages = ["README.md", ...["guide", "models", "tasks"].flatMap((name) => pagesOf(`docs/${name}`))];
  expect(pages.filter((page) => programs(page).length > 0)).toEqual(Object.keys(expected));
});

const pagesOf = (folder: string): string[] =>
  readdirSync(join(root, folder))
    .filter((file) => file.endsWith(".md"))
    .map((file) => `${folder}/${file}`);
