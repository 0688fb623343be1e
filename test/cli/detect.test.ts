/** Anomaly detection from the command line: a folder with labels, a file without, standard input, what is wrong. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { descent, workIn } from "./support.ts";

const minute = (n: number) => new Date(Date.UTC(2020, 0, 1, 0, 5 * n)).toISOString().slice(0, 19).replace("T", " ");
const series = (bump: number) =>
  `timestamp,value\n${Array.from(
    { length: 200 },
    (_, n) => `${minute(n)},${Math.sin(n / 3) + ((n * 7919 * bump) % 13) / 50 + (n >= bump && n < bump + 5 ? 6 : 0)}\n`,
  ).join("")}`;

let place: ReturnType<typeof workIn>;
beforeAll(() => {
  place = workIn("detect");
  mkdirSync("nab/data/one", { recursive: true });
  mkdirSync("nab/labels");
  writeFileSync("nab/README.md", "no table");
  writeFileSync("nab/data/one/a.csv", series(100));
  writeFileSync("nab/data/one/b.csv", series(150));
  const windows = { "one/a.csv": [[minute(95), minute(115)]], "one/b.csv": [[minute(145), minute(165)]] };
  writeFileSync("nab/labels/combined_windows.json", JSON.stringify(windows));
});
afterAll(() => place.leave());

const run = async (line: string, input?: string) => {
  const { code, out, err } = await descent(line.split(" "), input === undefined ? {} : { input });
  expect([line, code, code ? err : ""]).toEqual([line, 0, ""]);
  return { out, err };
};
const fails = async (line: string) => {
  const { code, out, err } = await descent(line.split(" "));
  expect([code === 0, out]).toEqual([false, ""]);
  return err.trimEnd();
};
const SMALL = "--window 12 --learn all --pause 30 --set hidden_size=8 --set embedding_dim=8 --threads 1";

test("trains on a folder, and draws", async () => {
  const { err } = await run(`train lstm --task detect --data nab ${SMALL} --steps 40 --out d`);
  expect(err).toMatch(/nab \d+\.\d{4}, nab_low_fp/);
  expect(existsSync("d/detections.svg")).toBe(true);
  expect(JSON.parse(readFileSync("d/calibration.json", "utf8"))).toEqual({ threshold: expect.any(Number) });
});

test("measures beside four others, with labels inside the folder or beside it", async () => {
  const { scores, baselines, examples } = JSON.parse((await run("eval d --data nab --json")).out);
  expect(examples).toBe(398);
  expect(scores.nab).toBeGreaterThan(90);
  expect(Object.keys(baselines)).toEqual([
    "windowed Gaussian",
    "windowed Gaussian, raised once",
    "level alone",
    "random",
    "null",
  ]);
  expect(baselines.null.nab).toBe(0);
  expect(JSON.parse((await run("eval d --data nab/data --json")).out).scores).toEqual(scores);
  expect(JSON.parse((await run("eval d --data nab/data/one --json")).out).scores).toEqual(scores);
  expect(JSON.parse((await run("eval d --data nab/data/one/a.csv --json")).out).scores.nab).toBeGreaterThan(90);
});

test("predicts from a file and from standard input, as a table and as JSON, with a picture", async () => {
  const { out } = await run("predict d nab/data/one/a.csv --pictures drawn");
  const rows = out.trimEnd().split("\n");
  expect(rows).toHaveLength(201);
  expect(rows.findIndex((row) => row.endsWith(",1"))).toBe(101);
  expect((await run("predict d -", series(100))).out).toBe(out);
  expect(readFileSync("drawn/1.svg", "utf8")).toContain("circle");
  const { threshold, alarms } = JSON.parse((await run("predict d nab/data/one/a.csv --json")).out);
  expect(threshold).toBe(JSON.parse(readFileSync("d/calibration.json", "utf8")).threshold);
  expect(alarms).toBeGreaterThan(0);
});

test("of a single file, labels of its neighbours say nothing, and a prediction reads none", async () => {
  mkdirSync("alone");
  writeFileSync("alone/a.csv", series(100));
  const labels = (text: string) => writeFileSync("alone/labels.json", text);
  labels(JSON.stringify({ "b.csv": [[minute(1), minute(2)]] }));
  await run(`train gru --task detect --data alone/a.csv ${SMALL} --steps 2 --out a`);
  expect((await run("eval a --data alone/a.csv --json")).out).not.toContain("nab");
  const { out } = await run("predict d alone/a.csv");
  labels("no JSON");
  expect((await run("predict d alone/a.csv")).out).toBe(out);
  expect(await fails("eval d --data alone/a.csv")).toMatch(/labels alone.labels\.json: expected JSON/);
});

test("goes on, says what it is, and is exported", async () => {
  await run("train --resume d --steps 45");
  expect((await run("info d")).out).toMatch(/detect/);
  expect((await run("export d --to onnx --out d.onnx")).out).toMatch(/values f32\[B, 12, 1\]/);
});

test("one file without labels", async () => {
  writeFileSync("alone.csv", series(100));
  const { err } = await run(`train gru --task detect --data alone.csv ${SMALL} --alarms 5 --steps 5 --out f`);
  expect(err).toMatch(/alarms 5\.0000/);
  expect((await run("eval f --data alone.csv --json")).out).not.toContain("windowed");
});

test("says in one line what is wrong", async () => {
  writeFileSync("bad.csv", series(100).replace(`${minute(7)},`, `${minute(7)},x`));
  expect(await fails(`train lstm --task detect --data bad.csv ${SMALL} --out g`)).toMatch(
    /bad\.csv, line 9: expected a finite number in column value, got "x[^"]*"; correct it$/,
  );
  expect(await fails(`train lstm --task detect --data nab/labels ${SMALL} --out g`)).toMatch(/expected \.csv files/);
  expect(await fails(`train lstm --task detect --data nab/data --labels no.json ${SMALL} --out g`)).toMatch(/no\.json/);
});
