/** Forecasts and classes of sequences from the command line: trained, measured, asked, resumed, exported. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { descent, workIn } from "./support.ts";

const waves = Array.from({ length: 200 }, (_, n) => [Math.sin(n / 2), 3 + Math.cos(n / 2)]);
const hours = (n: number) => new Date(Date.UTC(2020, 0, 1, n)).toISOString().slice(0, 19).replace("T", " ");
const csv = (rows: readonly (readonly number[])[]) =>
  `date,a,b\n${rows.map((row, n) => `${hours(n)},${row.join(",")}\n`).join("")}`;
const slopes = (count: number) =>
  Array.from(
    { length: count },
    (_, i) => `${[0, 1, 2, 3].map((t) => (i % 2 ? t : -t) + i / 50).join(",")}:${i % 2 ? "up" : "down"}`,
  );
const ts = (lines: readonly string[]) => `@problemName x\n@classLabel true up down\n@data\n${lines.join("\n")}\n`;

let place: ReturnType<typeof workIn>;
beforeAll(() => {
  place = workIn("series");
  writeFileSync("waves.csv", csv(waves));
  writeFileSync("train.ts", ts(slopes(24)));
  writeFileSync("test.ts", ts(slopes(9)));
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
const SMALL = "--set hidden_size=8 --threads 1";
const FORECAST = `--task forecast --data waves.csv --window 24 --horizon 6 --split 120,40,40 --set embedding_dim=8 ${SMALL}`;

describe("forecast", () => {
  test("trains, and draws", async () => {
    const { err } = await run(`train lstm ${FORECAST} --epochs 3 --out f`);
    expect(err).toMatch(/val mse \d\.\d{4}, mae \d\.\d{4}, mase \d\.\d{4}, coverage [01]\.\d{4}/);
    for (const picture of ["curves", "windows", "errors"]) expect(existsSync(`f/${picture}.svg`)).toBe(true);
    expect(JSON.parse(readFileSync("f/task.json", "utf8"))).toMatchObject({
      task: "forecast",
      learned: { channels: ["a", "b"], period: 24 },
    });
  });

  test("measures the test part beside three others", async () => {
    const { out } = await run("eval f --data waves.csv --json");
    const { examples, baselines, scores } = JSON.parse(out);
    expect(examples).toBe(35);
    expect(Object.keys(baselines)).toEqual(["last value", "seasonal naive, 24", "linear (DLinear)"]);
    expect(Object.keys(scores)).toEqual(["mse", "mae", "mase", "coverage"]);
    expect(baselines["linear (DLinear)"].mse).toBeLessThan(0.01);
  });

  test("predicts from a file and from standard input, as a table and as JSON, with a picture", async () => {
    const { out } = await run("predict f waves.csv --pictures drawn");
    expect(out.split("\n")[1]).toMatch(/^2020-01-09 08:00:00,/);
    expect((await run("predict f -", csv(waves))).out).toBe(out);
    expect(existsSync("drawn/1.svg")).toBe(true);
    const { times, channels } = JSON.parse((await run("predict f waves.csv --json")).out);
    expect([times.length, channels.length, channels[0].forecast.length]).toEqual([6, 2, 6]);
  });

  test("goes on, says what it is, and is exported", async () => {
    await run("train --resume f --steps 30");
    expect((await run("info f")).out).toMatch(/forecast/);
    expect((await run("export f --to onnx --out f.onnx")).out).toMatch(
      /values f32\[B, 24, 2\][\s\S]*forecast f32\[B, 6, 2\]/,
    );
    await run("export f --to onnx --what train --out step.onnx");
  });

  test("says in one line what is wrong", async () => {
    writeFileSync("bad.csv", csv(waves).replace(",a,b\n", ",a,b\n2019-12-31,1,\n"));
    expect(await fails(`train gru ${FORECAST.replace("waves", "bad")} --out g`)).toMatch(
      /bad\.csv, line 2: expected a number in column b, got nothing; fill it in, or say missing: previous$/,
    );
    expect(await fails("predict f missing.csv")).toMatch(/^descent: input missing\.csv: /);
    writeFileSync("short.csv", csv(waves.slice(0, 3)));
    expect(await fails("predict f short.csv")).toMatch(
      /expected at least the 24 rows that the model sees, got 3; give more$/,
    );
  });
});

describe("series", () => {
  test("trains, measures beside the nearest neighbour, and answers", async () => {
    await run(`train gru --task series --data train.ts --val test.ts --steps 60 --lr 0.02 ${SMALL} --out s`);
    expect(existsSync("s/confusion.svg")).toBe(true);
    const { scores, baselines } = JSON.parse((await run("eval s --data test.ts --json")).out);
    expect(scores.accuracy).toBe(1);
    expect(Object.keys(baselines)).toEqual(["1-nearest, Euclidean", "1-nearest, DTW"]);
    expect((await run("eval s --data test.ts")).out).toMatch(/1-nearest, DTW +- +1\.0000 +1\.0000/);
    const { out } = await run("predict s test.ts");
    expect(
      out
        .split("\n")
        .slice(0, 2)
        .map((line) => line.split("\t")[0]),
    ).toEqual(["down", "up"]);
    expect(JSON.parse((await run("predict s test.ts --json --top 2")).out.split("\n")[1] ?? "")).toMatchObject({
      file: "test.ts",
      case: 2,
      label: "up",
    });
    await run("train --resume s --steps 70");
    expect((await run("export s --to onnx --out s.onnx")).out).toMatch(/values f32\[B, T, 1\]/);
  });
});
