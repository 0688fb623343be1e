/** Every example runs, and prints the numbers that it promises. */
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, test, vi } from "vitest";

const folder = new URL("../../examples/", import.meta.url);

/** The folder that example 10 reads: images that are bright on the left, class 0, or on the right, class 1. */
const images = mkdtempSync(join(tmpdir(), "descent-images-"));
const [argv, COUNT, SIDE] = [process.argv, 640, 28];

/** An IDX file of bytes: two zeros, the type, the number of axes, their sizes, the numbers. */
const idx = (sizes: readonly number[], bytes: Uint8Array): Uint8Array =>
  Buffer.concat([
    Uint8Array.of(0, 0, 8, sizes.length),
    ...sizes.map((size) => Uint8Array.of(0, 0, size >> 8, size & 255)),
    bytes,
  ]);

beforeAll(() => {
  const labels = Uint8Array.from({ length: COUNT }, (_, i) => i % 2);
  const pixels = Uint8Array.from({ length: COUNT * SIDE * SIDE }, (_, i) => {
    const right = i % SIDE >= SIDE / 2;
    return right === (labels[Math.floor(i / SIDE ** 2)] === 1) ? 200 + (i % 50) : i % 40;
  });
  writeFileSync(join(images, "train-images-idx3-ubyte.gz"), gzipSync(idx([COUNT, SIDE, SIDE], pixels)));
  writeFileSync(join(images, "train-labels-idx1-ubyte.gz"), gzipSync(idx([COUNT], labels)));
  process.argv = [...argv.slice(0, 2), images];
});
afterAll(() => {
  process.argv = argv;
  rmSync(images, { recursive: true, force: true });
});

/** What the example prints. */
async function printed(name: string): Promise<string> {
  const lines: string[] = [];
  const log = vi.spyOn(console, "log").mockImplementation((...words: unknown[]) => void lines.push(words.join(" ")));
  try {
    await import(new URL(`${name}.ts`, folder).pathname);
  } finally {
    log.mockRestore();
  }
  return lines.join("\n");
}

/** The last number that follows `label`. */
function number(text: string, label: string): number {
  const found = [...text.matchAll(new RegExp(`${label}\\s*(-?[\\d.]+(?:e-?\\d+)?)`, "g"))].at(-1)?.[1];
  expect(found, `"${label}" in:\n${text}`).toBeDefined();
  return Number(found);
}

const checks: Readonly<Record<string, (text: string) => void>> = {
  "01-tensor": (text) => {
    expect(text).toContain("recorded: Tensor(f32[N, 2], relu)");
    expect(text).toContain("computed: [2,2] 4 0 0 1");
    expect(text).toMatch(/ShapeError: matmul: inner sizes differ, \[N, 3\] × \[N, 3\]/);
  },
  "02-gradient": (text) => {
    expect(text).toContain("f(1.5) = 0.375, f' = 4.75, f'' = 9");
    expect(text).toContain("by w is [2,3], by b [3]");
    expect(number(text, "minimum at")).toBeCloseTo(Math.sqrt(2 / 3), 4);
  },
  "03-two-layer-net": (text) => {
    expect(text).toContain("hidden.weight, hidden.bias, out.weight, out.bias");
    expect(number(text, "accuracy")).toBeGreaterThan(0.98);
  },
  "04-lstm-names": (text) => {
    expect(number(text, "validation loss")).toBeLessThan(1.1);
    expect(number(text, "well formed:")).toBeGreaterThanOrEqual(0.9 * number(text, "well formed: \\d+ of"));
    expect(number(text, "new:")).toBeGreaterThan(0);
  },
  "05-gpt-text": (text) => {
    expect(number(text, "validation loss")).toBeLessThan(3.5);
    expect(text).toMatch(/\nThe .{80,}/s);
  },
  "06-own-cell": (text) => expect(number(text, "error")).toBeLessThan(0.002),
  "07-own-loop": (text) => {
    expect(number(text, "best at step \\d+:")).toBeLessThan(0.014);
    expect(number(text, "measured again:")).toBe(number(text, "best at step \\d+:"));
    expect(number(text, "best at step")).toBeLessThan(4500);
  },
  "08-export-onnx": (text) => {
    expect(number(text, "difference to the library's own answers:")).toBeLessThan(1e-6);
    expect(number(text, "by the file:")).toBeCloseTo(0.25, 0);
  },
  "10-image-classifier": (text) => expect(number(text, "accuracy")).toBeGreaterThan(0.98),
  "11-text-classifier": (text) => {
    expect(number(text, "loss")).toBeLessThan(0.05);
    const [a = 0, b = 0, c = 0, d = 0] = (/good: (.*)$/m.exec(text)?.[1] ?? "").split(",").map(Number);
    expect([b > a, c > d]).toEqual([true, true]); // "not dull" is good, "not funny" is bad
  },
  "12-regression": (text) => {
    expect(number(text, "error")).toBeLessThan(0.12);
    const curve = (/^(.*) where the sine is/m.exec(text)?.[1] ?? "").split(", ").map(Number);
    for (const [i, x] of [-2, 0, 2].entries()) expect(Math.abs((curve[i] ?? 9) - Math.sin(x))).toBeLessThan(0.1);
  },
};

test.each(Object.keys(checks))("%s", async (name) => checks[name]?.(await printed(name)), 120_000);

test("every example is checked", () => {
  const names = readdirSync(folder).filter((file) => /^\d.*\.ts$/.test(file));
  expect(names.map((file) => file.replace(/\.ts$/, ""))).toEqual(Object.keys(checks));
});
