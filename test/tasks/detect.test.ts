/** Anomaly detection: scores from the past alone, thresholds, labels, baselines by hand, what is refused. */
import { describe, expect, test } from "vitest";
import { DataError } from "../../src/errors.ts";
import { stream } from "../../src/runtime/index.ts";
import { detectBaselines, windowedGaussian } from "../../src/tasks/detect/baselines.ts";
import type { Detection } from "../../src/tasks/detect/detector.ts";
import { oddness, raised, tail, unlikely, unlikelyLevels } from "../../src/tasks/detect/likelihood.ts";
import { thresholdFor } from "../../src/tasks/detect/scores.ts";
import { pastOf, pointFeeds, pointsOf, readAll, type Watched } from "../../src/tasks/detect/series.ts";
import { evaluate } from "../../src/tasks/evaluate.ts";
import { open } from "../../src/tasks/open.ts";
import { resume, type TrainOptions, train } from "../../src/tasks/train.ts";
import { bytes, listOf, type Memory, memory } from "../support/runs.ts";

const minute = (n: number): string =>
  new Date(Date.UTC(2020, 0, 1, 0, 5 * n)).toISOString().slice(0, 19).replace("T", " ");
const csv = (values: readonly (number | string)[], time = minute): string =>
  `timestamp,value\n${values.map((value, n) => `${time(n)},${value}\n`).join("")}`;
const noise = (name: string, size: number) => stream(5, 0, name).fillNormal(new Float64Array(size));

/** A wave with noise, and a bump of 10 rows. */
const wave = (name: string, bump: number, size = 300): number[] =>
  Array.from(noise(name, size), (own, n) => 20 + 5 * Math.sin(n / 3) + own / 5 + (n >= bump && n < bump + 10 ? 25 : 0));
const [first, second] = [wave("a", 200), wave("b", 250)];
const labels = {
  "one/a.csv": [[minute(195), minute(215)]],
  "one/b.csv": [[`${minute(245)}.000000`, `${minute(265)}.000000`]],
  "two/c.csv": [["2031-01-01", "2031-01-02"]], // of a folder that is not there
};
const data = {
  name: "folder",
  files: [
    { name: "one/a.csv", text: csv(first) },
    { name: "one/b.csv", text: csv(second) },
    { name: "labels/combined_windows.json", text: JSON.stringify(labels) },
  ],
};
const options = { task: "detect", data, window: 16, learn: "all", pause: 40, batch: 32, threads: 1 } as const;
const small = { embedding_dim: 8, hidden_size: 8 };
const trainOn = (name: string, more: Partial<TrainOptions<"detect">> = {}) =>
  train(name, { ...options, config: small, epochs: 4, lr: 0.01, ...more } as TrainOptions<"detect">);

const reading = { header: "auto", missing: "refuse" } as const;
const source = (name: string, text: string) => ({ name, format: "csv", text: async () => text });
const readOne = async (text: string, name = "x.csv") =>
  (await readAll(source(name, text), reading, undefined))[0] as Watched;

describe("a detector", () => {
  const store: Memory = memory();
  test("finds bumps better than the windowed Gaussian does, and keeps its threshold", async () => {
    const history = await trainOn("lstm", { store });
    expect(history.scores?.nab).toBeGreaterThan(90);
    expect(store.files["calibration.json"]).toEqual({ threshold: history.scores?.threshold });
    const { scores, baselines, examples } = await evaluate(store, { data });
    expect(examples).toBe(2 * 299);
    expect(scores).toEqual(history.scores);
    expect(scores.nab_kept).toBe(scores.nab);
    expect(baselines).toEqual({}); // what it was trained on is in memory
  }, 120_000);

  test("raises alarms at the bumps and nowhere else, also opened from where it was trained", async () => {
    const model = await open(store, { task: "detect", threads: 1 });
    const answers = await listOf(
      model.predict([
        { name: "a.csv", text: csv(first) },
        { name: "b.csv", text: csv(second) },
      ]),
    );
    expect(answers.map(({ file, alarms }) => [file, alarms > 0])).toEqual([
      ["a.csv", true],
      ["b.csv", true],
    ]);
    for (const [i, { rows, alarms, threshold }] of answers.entries()) {
      expect(rows).toHaveLength(300);
      const raisedAt = rows.flatMap(({ alarm }, n) => (alarm ? [n] : []));
      expect(raisedAt).toHaveLength(alarms);
      expect(raisedAt[0]).toBe(i ? 250 : 200);
      expect(Math.max(...raisedAt)).toBeLessThan((i ? 250 : 200) + 20);
      for (const n of raisedAt) expect(rows[n]?.score).toBeGreaterThanOrEqual(threshold);
    }
    const lines = model.line(answers[0] as Detection).split("\n");
    expect([lines[0], lines.length]).toEqual(["timestamp,value,score,alarm", 301]);
    expect(lines[201]).toMatch(/^2020-01-01 16:40:00,[\d.]+,[\d.]+,1$/);
    expect(model.picture(answers[0] as Detection)).toMatch(/^<svg[\s\S]*<circle/);
    await model.release();
  });

  test("later rows change no score before them", async () => {
    const model = await open(store, { task: "detect", threads: 1 });
    const changed = first.map((value, n) => (n < 220 ? value : -1e6 + n));
    const given = [first, first.slice(0, 220), changed].map((values) => ({ name: "a.csv", text: csv(values) }));
    const [whole, cut, other] = await listOf(model.predict(given));
    const upTo = (answer: Detection | undefined) => answer?.rows.slice(0, 220);
    expect(upTo(cut)).toEqual(upTo(whole));
    expect(upTo(other)).toEqual(upTo(whole));
    await model.release();
  });

  test("values that are ordinary, at a time that is not, are found by errors and not by levels", async () => {
    const flat = wave("flat", 1000).map((value, n) => (n >= 207 && n < 222 ? 20 : value)); // as high as the mean
    const unlabelled = { name: "flat.csv", text: csv(flat) };
    const oddest = async (errors: number) => {
      const model = await (await trainOn("lstm", { data: unlabelled, errors, recent: 2 })).open();
      const [answer] = await listOf(model.predict([unlabelled]));
      await model.release();
      const scores = answer?.rows.map(({ score }) => score) ?? [];
      return scores.indexOf(Math.max(...scores));
    };
    const found = await oddest(1);
    expect(found).toBeGreaterThanOrEqual(207);
    expect(found).toBeLessThan(224);
    const missed = await oddest(0);
    expect(missed < 207 || missed > 221).toBe(true);
  }, 60_000);

  test("its units do not matter", async () => {
    const model = await open(store, { task: "detect", threads: 1 });
    const given = [first, first.map((value) => 4096 * value)].map((values) => ({ name: "a.csv", text: csv(values) }));
    const [one, other] = await listOf(model.predict(given));
    const scores = (answer: Detection | undefined) => answer?.rows.map(({ score }) => Number(score.toFixed(3)));
    expect(scores(other)).toEqual(scores(one));
    await model.release();
  });

  test("a series that does not change, and one of two rows, have nothing odd in them", async () => {
    const model = await open(store, { task: "detect", threads: 1 });
    const given = [Array<number>(50).fill(7), [1, 2]].map((values) => ({ name: "a.csv", text: csv(values) }));
    for (const { alarms, rows } of await listOf(model.predict(given))) {
      expect(alarms).toBe(0);
      expect(rows.every(({ score }) => Number.isFinite(score))).toBe(true);
    }
    await model.release();
  });

  test("interrupted and resumed, it ends with the same bits", async () => {
    const given = { epochs: undefined, steps: 12, evalEvery: 5 } as const;
    const [whole, parted] = [memory(), memory()];
    await trainOn("gru", { ...given, store: whole });
    for await (const event of trainOn("gru", { ...given, store: parted }))
      if (event.event === "step" && event.step === 7) break;
    expect(await resume(parted, { data })).toMatchObject({ step: 12, firstStep: 8 });
    expect(bytes(parted.states.at(-1))).toEqual(bytes(whole.states.at(-1)));
    expect(parted.files).toEqual(whole.files);
  });

  test("without labels a threshold lets so many rows through, and what was asked for counts before all", async () => {
    const unlabelled = { name: "a.csv", text: csv(first) };
    const store = memory();
    const history = await trainOn("rnn", { data: unlabelled, alarms: 10, epochs: 1, store });
    expect(Object.keys(history.scores ?? {})).toEqual(["loss", "threshold", "alarms"]);
    expect(history.scores?.alarms).toBeCloseTo((1000 * 3) / 300, 10);
    const asked = await trainOn("rnn", { data: unlabelled, threshold: 7.5, epochs: 1 });
    expect(asked.scores?.threshold).toBe(7.5);
    store.files = { ...store.files, "calibration.json": { threshold: "high" } };
    await expect(open(store)).rejects.toThrow(/calibration\.json/);
  });
});

describe("scores", () => {
  test("tails of a normal, near and far", () => {
    // scipy.stats.norm.sf
    expect(tail(0)).toBeCloseTo(0.5, 6);
    expect(tail(1.959963984540054)).toBeCloseTo(0.025, 8);
    expect(tail(-1)).toBeCloseTo(0.8413447460685429, 6);
    expect(tail(6) / 9.865876450376946e-10).toBeCloseTo(1, 6);
    expect([tail(40), tail(Number.POSITIVE_INFINITY)]).toEqual([0, 0]);
  });

  test("mean and deviation of the rows before, none of them later", () => {
    const values = Float64Array.from([3, 5, 4, 1e9, 4]);
    const { mean, deviation } = pastOf(values, 2);
    expect([...mean]).toEqual([0, 3, 4, 4.5, (1e9 + 4) / 2]);
    expect(deviation[2]).toBeCloseTo(1, 12);
    expect(deviation[3]).toBeCloseTo(0.5, 12);
    expect(pastOf(values, 10).mean[3]).toBe(4);
  });

  test("how unlikely a number is, is counted among those before it; beyond them all a power continues", () => {
    const before = Array.from({ length: 100 }, (_, n) => ((37 * n) % 100) + 1); // 1 .. 100 in another order
    const odd = unlikely(Float64Array.from([...before, 50.5, 51, 200, 1e9, 0]));
    expect(odd.subarray(0, 100).every((score) => score === 0)).toBe(true);
    expect(odd[100]).toBeCloseTo(Math.log10(101 / 51), 12);
    expect(odd[101]).toBeCloseTo(Math.log10(102 / 51), 12); // 51 itself is no less
    expect(odd[102]).toBeCloseTo(Math.log10(103) + 4 * Math.log10(2), 12);
    expect(odd[103]).toBeCloseTo(Math.log10(104) + 3, 12);
    expect(odd[104]).toBeCloseTo(0, 12);
  });

  test("p-values of numbers that could change places are even: as many are below 1/10 as that", () => {
    const odd = unlikely(noise("even", 5100).map(Math.abs)).subarray(100);
    const share = (decades: number) => odd.filter((score) => score >= decades).length / odd.length;
    expect(Math.abs(share(1) - 0.1)).toBeLessThan(0.013); // three deviations of a share of 5000
    expect(Math.abs(share(Math.log10(2)) - 0.5)).toBeLessThan(0.022);
  });

  test("levels and means of errors are weighed, and no row depends on a later one", () => {
    const [values, errors] = [noise("values", 300), noise("errors", 300)];
    errors[0] = 0;
    const how = { recent: 3, errors: 0.25, pause: 0 };
    const means = errors.map((_, n) => {
      const own = errors.subarray(Math.max(0, n - 2), n + 1);
      return own.reduce((sum, error) => sum + Math.abs(error), 0) / own.length;
    });
    const [level, error] = [unlikelyLevels(values), unlikely(means)];
    const odd = oddness(values, errors, how);
    for (const n of [100, 200, 299]) expect(odd[n]).toBeCloseTo(0.75 * (level[n] ?? 0) + 0.25 * (error[n] ?? 0), 9);
    expect(oddness(values.subarray(0, 200), errors.subarray(0, 200), how)).toEqual(odd.subarray(0, 200));
  });

  test("a score counts where it is above all of the rows before it", () => {
    expect([...raised(Float64Array.from([1, 2, 2, 1, 3, 1, 1, 2]), 2)]).toEqual([1, 2, 0, 0, 3, 0, 0, 2]);
    const scores = noise("raised", 200);
    const slow = scores.map((own, n) =>
      scores.slice(Math.max(0, n - 7), n).every((before) => own > before) ? own : 0,
    );
    expect(raised(scores, 7)).toEqual(slow);
    expect(raised(scores, 0)).toEqual(scores);
  });

  test("a threshold that two of a thousand rows reach", () => {
    const scores = Float64Array.from({ length: 1000 }, (_, n) => n);
    expect(thresholdFor([scores], 2)).toBe(998);
    expect(thresholdFor([new Float64Array(10)], 2)).toBe(2.5);
    expect(thresholdFor([new Float64Array(10)], 0)).toBe(2.5);
    for (const highest of [4, 0.4, 1e6 / 3]) {
      const none = thresholdFor([Float64Array.of(0, highest, 0.3)], 0);
      expect(none).toBeGreaterThan(highest);
      expect(none).toBeCloseTo(highest, 9);
    }
    expect(thresholdFor([Float64Array.of(0, 4, 0.3, 3)], 1000)).toBe(3); // the rest is not odd, whatever is asked for
  });

  test.each([0, 0.1, 1 / 3])(
    "in a series that never changes nothing is odd, with an error of %d everywhere",
    (error) => {
      const odd = oddness(new Float64Array(900).fill(5.3), new Float64Array(900).fill(error), {
        recent: 5,
        errors: 0.5,
        pause: 9,
      });
      expect(odd).toEqual(new Float64Array(900));
    },
  );

  test("the windowed Gaussian, as written down", () => {
    const values = noise("gauss", 6700);
    const scores = windowedGaussian(values);
    const slow = (from: number, to: number, n: number) => {
      const own = values.slice(from, to);
      const mean = own.reduce((a, b) => a + b, 0) / own.length;
      const deviation = Math.sqrt(own.reduce((a, b) => a + (b - mean) ** 2, 0) / own.length);
      return 1 - tail(Math.abs((values[n] ?? 0) - mean) / deviation);
    };
    expect(scores[0]).toBe(0);
    expect(scores[500]).toBeCloseTo(slow(0, 500, 500), 9);
    expect(scores[6450]).toBeCloseTo(slow(0, 6400, 6450), 9);
    expect(scores[6650]).toBeCloseTo(slow(200, 6600, 6650), 9);
  });

  test("baselines: never an alarm is worth 0", async () => {
    const all = await readAll(
      {
        name: "f",
        format: "",
        text: async () => "",
        files: async () =>
          data.files.map((file) => ({ ...source(file.name, file.text), format: file.name.split(".")[1] ?? "" })),
      },
      reading,
      undefined,
    );
    const baselines = detectBaselines(all, 40);
    expect(Object.keys(baselines)).toEqual([
      "windowed Gaussian",
      "windowed Gaussian, raised once",
      "level alone",
      "random",
      "null",
    ]);
    expect(baselines.null).toEqual({ nab: 0, nab_low_fp: 0, nab_low_fn: 0, f1: 0 });
    expect(detectBaselines([await readOne(csv(first))], 40)).toEqual({});
  });
});

describe("data", () => {
  test("rows see what came before them, in deviations of it", async () => {
    const series = await readOne(csv([1, 3, 2, 8, 2]));
    const points = pointsOf([series, series], (rows) => rows - 1, "x");
    expect(points.size).toBe(2 * 3);
    expect(points.at(3)).toEqual({ series, at: 1 });
    const { values, targets } = pointFeeds(
      [
        { series, at: 3 },
        { series, at: 1 },
      ],
      4,
    );
    const deviation = Math.sqrt(2 / 3);
    expect([...values.data.subarray(0, 4)].map(Number)).toEqual([-1, -1, 1, 0].map((x) => Math.fround(x / deviation)));
    expect(Number(targets.data[0])).toBeCloseTo(6 / deviation, 5);
    expect(Number(targets.data[1])).toBe(8); // one row has no deviation: it is told as far as 8
  });

  test("clocks may be set back, but not by more than an hour", async () => {
    const times = [0, 12, 24, 18, 30, 30, 42].map(minute);
    expect((await readOne(csv([1, 2, 3, 4, 5, 6, 7], (n) => times[n] ?? ""))).values).toHaveLength(7);
    const back = [0, 12, 24, 11].map(minute);
    await expect(readOne(csv([1, 2, 3, 4], (n) => back[n] ?? ""))).rejects.toThrow(
      /^series x\.csv, line 5: expected a time after/,
    );
  });

  const text = csv(first.slice(0, 40));
  test.each([
    ["a blank file", "", /x\.csv/],
    ["a header alone", "timestamp,value\n", /x\.csv: expected rows of numbers, got none/],
    ["one row", csv([1]), /x\.csv: expected at least 2 rows, got 1/],
    ["a missing cell", csv([1, "", 3]), /x\.csv, line 3: expected a number in column value, got nothing/],
    ["NaN", csv([1, "NaN", 3]), /x\.csv, line 3: expected a number in column value, got "NaN"/],
    ["infinity", csv([1, "Infinity", 3]), /x\.csv, line 3: expected a finite number/],
    ["a word", csv([1, 2, "x", 3]), /x\.csv, line 4: expected a finite number/],
    ["no number", "timestamp,value\n2020-01-01,a\n2020-01-02,b\n", /x\.csv: expected a column of numbers/],
    ["a ragged row", `${text}2020-01-02,1,2\n`, /x\.csv, line 42: expected 2 columns as before, got 3/],
    [
      "several columns",
      "timestamp,a,b\n2020-01-01,1,2\n2020-01-02,1,2\n",
      /x\.csv: expected one column of numbers, got a, b/,
    ],
    ["a number too large", csv([1, "1e200", 3]), /x\.csv, row 2: expected a number within/],
  ])("%s is refused", async (_, given, message) => {
    const failing = readOne(given);
    await expect(failing).rejects.toThrow(DataError);
    await expect(failing).rejects.toThrow(message);
  });

  const windowsOf = async (labelled: unknown, count = 1) => {
    const tables = Array.from({ length: count }, (_, i) => ({ ...source(`one/${"ab"[i]}.csv`, text) }));
    const written = typeof labelled === "string" ? labelled : JSON.stringify(labelled);
    const files = [...tables, { ...source("labels.json", written), format: "json" }];
    return (
      await readAll({ name: "f", format: "", text: async () => "", files: async () => files }, reading, undefined)
    ).map(({ windows }) => windows);
  };
  test("labels are windows of time, or single times; series without are clean", async () => {
    expect(await windowsOf({ "one/a.csv": [[minute(20), minute(30)], minute(5)] }, 2)).toEqual([
      [
        [5, 5],
        [20, 30],
      ],
      [],
    ]);
    expect(await windowsOf({ "a.csv": [["2020-01-01 00:01", "2020-01-01 00:16"]] })).toEqual([[[1, 3]]]);
    expect(await windowsOf({ "one/a.csv": [], "else/c.csv": [[minute(1), minute(2)]] })).toEqual([[]]);
  });
  test.each([
    ["no JSON", "{", /^labels labels\.json: expected JSON/],
    ["a list", [], /^labels labels\.json: expected \{/],
    [
      "a file that is not there",
      { "one/a.csv": [], "one/d.csv": [] },
      /expected labels of files that are there, got "one\/d\.csv"/,
    ],
    ["none that is there", { "c.csv": [] }, /expected labels of files that are there, got "c\.csv"/],
    [
      "a window outside",
      { "one/a.csv": [["2020-01-01", "2021-01-01"]] },
      /labels\.json, one\/a\.csv, window 1: expected times from 2020-01-01 00:00:00 to/,
    ],
    [
      "a window with one end",
      { "one/a.csv": [[minute(1)]] },
      /one\/a\.csv, window 1: expected a time or the times of two ends/,
    ],
    [
      "ends the wrong way round",
      { "one/a.csv": [[minute(9), minute(3)]] },
      /one\/a\.csv, window 1: expected rows from/,
    ],
    ["no time", { "one/a.csv": ["noon"] }, /one\/a\.csv, window 1: expected times from/],
    [
      "windows that overlap",
      {
        "one/a.csv": [
          [minute(1), minute(9)],
          [minute(5), minute(12)],
        ],
      },
      /one\/a\.csv: expected windows apart/,
    ],
  ] as [string, unknown, RegExp][])("labels: %s", async (_, labelled, message) => {
    const failing = windowsOf(labelled, 2);
    await expect(failing).rejects.toThrow(DataError);
    await expect(failing).rejects.toThrow(message);
  });
});

test("a checkpoint with other sizes is refused", async () => {
  await expect(Promise.resolve(trainOn("lstm", { config: { ...small, window: 8 } }))).rejects.toThrow(
    /window: expected 16/,
  );
});
