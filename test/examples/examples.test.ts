/** Every example runs, and prints the numbers that it promises. */
import { readdirSync } from "node:fs";
import { expect, test, vi } from "vitest";

const folder = new URL("../../examples/", import.meta.url);

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
};

test.each(Object.keys(checks))("%s", async (name) => checks[name]?.(await printed(name)), 120_000);

test("every example is checked", () => {
  const names = readdirSync(folder).filter((file) => /^\d.*\.ts$/.test(file));
  expect(names.map((file) => file.replace(/\.ts$/, ""))).toEqual(Object.keys(checks));
});
