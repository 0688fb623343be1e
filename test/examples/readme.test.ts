/**
 * The programs on the pages run as they stand there, one after the other, in a folder of their own, and pass the strict
 * type check of a reader's project.
 */
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";

const root = new URL("../../", import.meta.url).pathname;
mkdirSync(join(root, ".cache"), { recursive: true });
/** Where the programs are written: inside the repository, where `descent-ml` is found, and ignored by git. */
const place = mkdtempSync(join(root, ".cache", "programs-"));
/** Where they run. */
const here = mkdtempSync(join(tmpdir(), "descent-programs-"));
const before = process.cwd();

/** Files that programs read: the model of another library. */
const given = { "model.keras": "keras/layers.keras", "model.onnx": "onnx/torch.onnx" };

beforeAll(() => {
  process.chdir(here);
  for (const [name, fixture] of Object.entries(given)) copyFileSync(join(root, "test/fixtures", fixture), name);
});
afterAll(() => {
  process.chdir(before);
  for (const folder of [here, place]) rmSync(folder, { recursive: true, force: true });
});

/** Blocks of a page that begin with a line `// run: name`. */
const programs = (page: string): [name: string, text: string][] =>
  [...readFileSync(join(root, page), "utf8").matchAll(/```ts\n(\/\/ run: (\S+)\n[\s\S]*?)```/g)].map(
    ([, text = "", name = ""]) => [name, text],
  );

const pagesOf = (folder: string): string[] =>
  readdirSync(join(root, folder))
    .filter((file) => file.endsWith(".md"))
    .map((file) => `${folder}/${file}`);
const pages = ["README.md", ...["guide", "models", "tasks"].flatMap((name) => pagesOf(`docs/${name}`))];

const fileOf = (page: string, name: string): string => join(place, `${page.replaceAll("/", "-")}-${name}.ts`);
for (const page of pages) for (const [name, text] of programs(page)) writeFileSync(fileOf(page, name), text);

async function printed(page: string, name: string): Promise<string> {
  const lines: string[] = [];
  const log = vi.spyOn(console, "log").mockImplementation((...words: unknown[]) => void lines.push(words.join(" ")));
  const write = vi.spyOn(process.stdout, "write").mockImplementation((text) => lines.push(String(text)) > 0);
  try {
    await import(fileOf(page, name));
  } finally {
    log.mockRestore();
    write.mockRestore();
  }
  return lines.join("\n");
}

const expected: Readonly<Record<string, Readonly<Record<string, RegExp>>>> = {
  "README.md": {
    moons: /^loss 0\.\d+ -> 0\.00\d\n\d[\d.]*,-[\d.]+,-[\d.]+,\d[\d.]*$/,
    names: /^30 \d\.\d+[\s\S]*\n300 [01]\.\d+\n[\s\S]{20,}$/,
    gradient: /^0\.4199\d*,1,0\.4199\d*$/,
  },
  "docs/guide/autoencoders.md": { autoencoders: /^20,2 288\n5 144 true\n2,3 dimension 0,dimension 1$/ },
  "docs/guide/coming-from-keras.md": {
    keras: /^true\ntrue\n1,2$/,
    weights: /^gru\.weight_ih_l0 gru\.weight_hh_l0 dense\.weight dense\.bias\n1,5,4$/,
    arrays: /^true$/,
  },
  "docs/guide/coming-from-pytorch.md": { torch: /^true\n0\.weight 0\.bias 4\.weight 4\.bias$/ },
  "docs/guide/export.md": { lower: /^x f32\[N, 3\] -> y f32\[N, 2\], operator set 21$/ },
  "docs/guide/fine-tuning.md": { from: /^true 1$/, groups: /^true true$/ },
  "docs/guide/generating.md": { generating: /^[\s\S]+\n([789] length 2[24]\n){6}60 false$/ },
  "docs/guide/getting-started.md": {
    tensor: /^Tensor\(f32\[N\], sqrt\)\n5,13$/,
    line: /^y = 2\.00 x \+ 1\.00$/,
  },
  "docs/guide/inference.md": { weights: /^2 3$/, auto: /^true 2 4$/ },
  "docs/guide/numbers-and-determinism.md": { stream: /^true\n[0-4]( [0-4]){4}$/ },
  "docs/guide/own-data.md": {
    columns: /^true$/,
    dataset: /^580 true$/,
    stream: /^300 true$/,
    table: /^1$/,
  },
  "docs/guide/own-models.md": {
    layers:
      /^blocks\.0\.norm\.weight blocks\.0\.norm\.bias blocks\.0\.up\.weight .* head\.bias\nTensor\(f32\[B, 2\], \w+\)$/,
    fit: /^true\ntrue\n0\.weight 0\.bias 2\.weight 2\.bias$/,
    scan: /^states 1 1\.5 1\.75 1\.875\n∂ last \/ ∂ x 0\.125 0\.25 0\.5 1$/,
    cell: /^outputs B,T,4, last states 2,B,4\nW_l0\.weight W_l0\.bias U_l0\.weight V_l0\.weight V_l0\.bias W_l0_reverse\.weight /,
    recompute: /^-?[\d.]+ -?[\d.]+$/,
    step: /^true true body\nbody\.weight body\.bias head\.weight head\.bias$/,
    add: /^true$/,
  },
  "docs/guide/padding-and-masking.md": { mask: /^true\ntrue$/ },
  "docs/guide/pictures.md": { pictures: /^100 10 28 28\n32,1,28,28\ntrue$/ },
  "docs/guide/probing.md": { probing: /^100$/ },
  "docs/guide/saving-and-loading.md": {
    weights: /^1,1$/,
    open: /^20\nloss perplexity$/,
    onnx: /^\/lstm\/LSTM: LSTM, \/lstm\/LSTM_1: LSTM, \/gru\/GRU: GRU\n12$/,
  },
  "docs/guide/training.md": {
    both: /^\d+ parameters\nstep 20: \d\.\d+\nstep 40: \d\.\d+\n40 steps, validation loss \d\.\d+$/,
    resume: /^stopped after 15\ndone after 40$/,
    truncate: /^after 200 steps of each row: 0\.[1-9]\d+\nafter 400 .*\nafter 600 steps of each row: 0\.0\d+$/,
  },
  "docs/tasks/classify.md": { classify: /^accuracy 1\nbad: the whole thing was badly made\ngood: a joy\nf1 1$/ },
  "docs/tasks/detect.md": { detect: /^2026-01-13T12:00\nNAB \d+\.\d$/ },
  "docs/tasks/embed.md": { embed: /^thing 1 16\nitem 1 16$/ },
  "docs/tasks/forecast.md": { forecast: /^2026-01-13T12:00 3[2-8]\.\d+\nMASE [01]\.\d+$/ },
  "docs/tasks/language.md": { generate: /^40 true$/ },
  "docs/tasks/reconstruct-text.md": { words: /^kamori 8\nkamori \w+ \w+ sinobe\n\w+ \w+ \w+$/ },
  "docs/tasks/reconstruct.md": { reconstruct: /^true true\n8 8$/ },
  "docs/tasks/series.md": { series: /^accuracy 1\nup 0\.9\d+$/ },
  "docs/tasks/tag.md": {
    tag: /^F1 1\n\[PER Grace\] came to \[LOC Oslo\] \.\nto \[LOC Bern\]\naccuracy 1$/,
  },
  "docs/tasks/translate.md": { translate: /^four two three four -0\.\d\d\nBLEU 100\.0$/ },
};

describe.each(Object.entries(expected))("%s", (page, results) => {
  const found = programs(page);

  test("has the programs that are expected", () => expect(found.map(([name]) => name)).toEqual(Object.keys(results)));

  test.each(found)("%s", async (name) => expect(await printed(page, name)).toMatch(results[name] ?? /^$/));
});

test("README: programs of at most 16 lines of code", () => {
  for (const [name, text] of programs("README.md"))
    expect(text.split("\n").filter((line) => line.trim()).length - 1, name).toBeLessThanOrEqual(16);
});

test("every page with programs is run", () =>
  expect(pages.filter((page) => programs(page).length > 0)).toEqual(Object.keys(expected)));

test("every program passes the strict type check", () => {
  const { compilerOptions } = JSON.parse(readFileSync(join(root, "tsconfig.json"), "utf8"));
  const paths = Object.fromEntries(
    Object.entries(compilerOptions.paths as Record<string, string[]>).map(([name, at]) => [
      name,
      at.map((path) => join(root, path)),
    ]),
  );
  const config = { compilerOptions: { ...compilerOptions, paths, types: ["node"] }, include: ["*.ts"] };
  writeFileSync(join(place, "package.json"), '{ "type": "module" }');
  writeFileSync(join(place, "tsconfig.json"), JSON.stringify(config));
  const tsc = join(dirname(createRequire(import.meta.url).resolve("typescript/package.json")), "bin", "tsc");
  let complaints = "";
  try {
    execFileSync(process.execPath, [tsc, "-p", place], { encoding: "utf8" });
  } catch (error) {
    complaints = String((error as { stdout?: string }).stdout);
  }
  expect(complaints).toBe("");
}, 60_000);
