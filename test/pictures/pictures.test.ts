/** Pictures are well-formed SVG whose numbers are those that were given. */
import { describe, expect, test } from "vitest";
import { bars, confusion, curves, forecasts, heatmap, photos, plane } from "../../src/pictures/index.ts";

/** Opening and closing tags match, and nothing else looks like a tag. */
function requireWellFormed(svg: string): void {
  const open: string[] = [];
  for (const [, close, name = "", self] of svg.matchAll(/<(\/?)([a-z]+)[^<>]*?(\/?)>/g)) {
    if (close) expect(open.pop()).toBe(name);
    else if (!self) open.push(name);
  }
  expect(open).toEqual([]);
  expect(svg.replace(/<\/?[a-z]+[^<>]*>/g, "")).not.toMatch(/[<>]/);
}

const polylines = (svg: string) =>
  [...svg.matchAll(/points="([^"]*)"/g)].map(([, points = ""]) =>
    points.split(" ").map((point) => point.split(",").map(Number)),
  );

describe("curves", () => {
  test("a line goes from corner to corner", () => {
    const svg = curves("a title", [{ name: "line", points: [[0, 1], [5, 2], [10, 3]] }]) ?? ""; // biome-ignore format: points
    requireWellFormed(svg);
    const [[first, middle, last] = []] = polylines(svg);
    expect([first, last]).toEqual([
      [56, 288],
      [624, 28],
    ]);
    expect(middle).toEqual([340, 158]); // half way in both directions
    expect(svg).toContain("line 3");
  });
  test("many points are means of their neighbours, in order", () => {
    const points = Array.from({ length: 100_000 }, (_, i) => [i, i % 2] as const);
    const [[...shown] = []] = polylines(curves("", [{ name: "", points }]) ?? "");
    expect(shown.length).toBe(500);
    expect(new Set(shown.map(([, y]) => y)).size).toBe(1); // every mean is 1/2
  });
  test("values that are not finite are left out; of nothing there is no picture", () => {
    const points = [[0, Number.NaN], [1, 2], [2, Number.POSITIVE_INFINITY], [3, 4]] as const; // biome-ignore format: points
    expect(polylines(curves("", [{ name: "", points }]) ?? "")[0]).toHaveLength(2);
    expect(curves("", [{ name: "", points: [[0, Number.NaN]] }])).toBeUndefined();
    expect(curves("", [])).toBeUndefined();
  });
  test("a single value", () => requireWellFormed(curves("one", [{ name: "one", points: [[3, 3]] }]) ?? "<"));
});

describe("confusion", () => {
  const cells = (svg: string) => [...svg.matchAll(/fill-opacity="([^"]*)"/g)].map(([, share]) => Number(share));
  test("a cell is as dark as its share of its row", () => {
    const svg = confusion(["no", "yes"], [[3, 1], [0, 0]]) ?? ""; // biome-ignore format: a matrix
    requireWellFormed(svg);
    expect(cells(svg)).toEqual([0.75, 0.25, 0, 0]);
    expect(svg.match(/>3</)).not.toBeNull();
  });
  test("labels of others are text, whatever they hold", () => {
    const svg = confusion(['<script x="1">&', "\u0000\u001b[31m"], [[1, 0], [0, 1]]) ?? ""; // biome-ignore format: a matrix
    requireWellFormed(svg);
    expect(svg).not.toContain("<script");
    expect([...svg].filter((letter) => letter < " " && letter !== "\n")).toEqual([]);
  });
  test("of more labels than anybody reads there is none", () => {
    const labels = Array.from({ length: 41 }, (_, k) => String(k));
    expect(confusion(labels, labels.map(() => labels.map(() => 1)))).toBeUndefined(); // biome-ignore format: short
  });
});

describe("bars", () => {
  const widths = (svg: string) =>
    [...svg.matchAll(/width="([^"]*)" height="16" fill="#2b7bba"/g)].map(([, w]) => Number(w));
  test("a bar is as long as its value, and never longer than 1 is", () => {
    const svg = bars("F1", [0, 0.25, 1, 2].map((value) => ({ name: "n", value, note: "3 of 4" }))) ?? ""; // biome-ignore format: one line
    requireWellFormed(svg);
    expect(widths(svg)).toEqual([0, 80, 320, 320]);
    expect(svg).toContain(">0.250, 3 of 4<");
  });
  test("names of others are text, and long ones are cut; of nothing there is no picture", () => {
    const svg = bars("F1", [{ name: '<script x="1">&', value: 1, note: "" }, { name: "x".repeat(99), value: 0, note: "" }]) ?? ""; // biome-ignore format: one line
    requireWellFormed(svg);
    expect(svg).not.toContain("<script");
    expect(svg).toContain(`>${"x".repeat(17)}…<`);
    expect(bars("F1", [])).toBeUndefined();
  });
});

describe("forecasts", () => {
  test.each([
    [9e8, ["9e8", "1e9"]],
    [-1e-5, ["-1.2e-5", "-1.15e-5"]],
    [2000, ["2000", "2200"]],
    [6.5e37, ["7e37", "7.5e37"]],
  ])("numbers around %d are written in the room that there is", (value, written) => {
    const panel = { name: "load", times: ["1", "2"], past: [value], forecast: [value * 1.2] };
    const svg = forecasts("a title", [panel], 0);
    requireWellFormed(svg);
    const labels = [...svg.matchAll(/text-anchor="end"[^>]*>([^<]*)</g)].map(([, text = ""]) => text);
    expect(labels).toEqual(expect.arrayContaining(written));
    expect(labels.every((text) => text.length <= 8)).toBe(true);
  });
});

describe("plane", () => {
  const marks = (svg: string) =>
    [...svg.matchAll(/translate\(([^ ]*) ([^)]*)\) scale\(([^)]*)\)" fill="([^"]*)"/g)].map(
      ([, x, y, radius, fill]) => ({ x: Number(x), y: Number(y), radius: Number(radius), fill }), // biome-ignore format: one line
    );
  const square = [0, 1].flatMap((x) => [0, 1].map((y) => ({ x, y, label: y === 0 ? "low" : "high" })));
  test("points lie where they are, a colour for each class and one more of it in the key", () => {
    const svg = plane("a title", square, ["across", "up"]) ?? "";
    requireWellFormed(svg);
    const [a, b, c, , high, low] = marks(svg);
    expect((c?.x ?? 0) - (a?.x ?? 0)).toBeCloseTo(0.96 * 520, 9);
    expect((a?.y ?? 0) - (b?.y ?? 0)).toBeCloseTo(0.96 * 520, 9);
    expect([a?.fill, b?.fill]).toEqual([low?.fill, high?.fill]);
    expect(a?.fill).not.toBe(b?.fill);
    for (const text of ["across", "up", "low", "high"]) expect(svg).toContain(`>${text}<`);
  });
  test("numbers are in order of size; points without a class, or that are nowhere, and none", () => {
    const numbers = plane("", ["10", "9"].map((label, x) => ({ x, y: 0, label }))) ?? ""; // biome-ignore format: one line
    expect(numbers.lastIndexOf(">9<")).toBeLessThan(numbers.lastIndexOf(">10<"));
    const svg = plane("", [...square, { x: 0.5, y: 0.5 }, { x: Number.NaN, y: 0 }]) ?? "";
    expect(marks(svg)).toHaveLength(5 + 2);
    requireWellFormed(plane("one", [{ x: 3, y: 3 }]) ?? "<");
    expect(plane("", [{ x: 0, y: Number.POSITIVE_INFINITY }])).toBeUndefined();
  });
  test("forty classes are told apart by colour and form; of more there is no key; names are text", () => {
    const many = (count: number) => Array.from({ length: count }, (_, x) => ({ x, y: x, label: `<${x}>` }));
    const kinds = (svg: string) =>
      new Set([...svg.matchAll(/<path d="([^"]*)"[^>]*fill="([^"]*)"/g)].map(([, d, fill]) => `${d} ${fill}`));
    const forty = plane("", many(40)) ?? "";
    requireWellFormed(forty);
    expect(kinds(forty).size).toBe(40);
    const more = plane("", many(41)) ?? "";
    expect(kinds(more).size).toBe(1);
    expect(more).not.toContain("&#60;");
  });
});

describe("heatmap", () => {
  test("a cell is as dark as its share, and says it in percent", () => {
    const values = [[0.75, 0], [0.004, 1.2]]; // biome-ignore format: a matrix
    const svg = heatmap("a title", [{ name: "<one>", rows: ["x", "y"], values }]);
    requireWellFormed(svg);
    expect([...svg.matchAll(/fill-opacity="([^"]*)"/g)].map(([, share]) => Number(share))).toEqual([
      0.75, 0.03, 0.03, 1,
    ]);
    for (const text of ["75", "120", "x", "y", "1"]) expect(svg).toContain(`>${text}<`);
    requireWellFormed(heatmap("nothing", [{ name: "", rows: [], values: [] }]));
  });
});

test("rows of pixels stand below their names at one scale", () => {
  const png = Uint8Array.from([1, 2, 3]);
  const svg = photos("a title", [{ name: "a < b", png, width: 100, height: 10 }, { name: "c", png, width: 50, height: 20 }]); // biome-ignore format: rows
  requireWellFormed(svg.replace(/<image[^>]*>/g, ""));
  expect(svg).toContain('viewBox="0 0 700 258"'); // 720 / 100 pixels is 7; 24 above each row
  expect([...svg.matchAll(/<image y="(\d+)" width="(\d+)" height="(\d+)"/g)].map(([, ...box]) => box)).toEqual([
    ["24", "700", "70"],
    ["118", "350", "140"],
  ]);
  expect(svg).toContain("data:image/png;base64,AQID");
  expect(svg).toContain("a &#60; b");
});
