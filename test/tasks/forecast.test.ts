/** Forecasting: windows and parts, scores by their formulas, baselines by hand, exact resumption, times that go on. */
import { describe, expect, test } from "vitest";
import { type DataGiven, type Dataset, readSeries } from "../../src/data/index.ts";
import { CheckpointError, ConfigError, DataError } from "../../src/errors.ts";
import { stream } from "../../src/runtime/index.ts";
import { evaluate } from "../../src/tasks/evaluate.ts";
import { averaging, forecastBaselines } from "../../src/tasks/forecast/baselines.ts";
import type { Forecast } from "../../src/tasks/forecast/forecaster.ts";
import { ForecastTally } from "../../src/tasks/forecast/scores.ts";
import {
  naiveErrors,
  partsOf,
  type Scaled,
  scaled,
  scaleOf,
  type Window,
  windowFeeds,
  windowsIn,
} from "../../src/tasks/forecast/windows.ts";
import { forecast } from "../../src/tasks/forecast.ts";
import { open } from "../../src/tasks/open.ts";
import { resume, type TrainOptions, train } from "../../src/tasks/train.ts";
import { numbersOf } from "../support/numbers.ts";
import { bytes, listOf, type Memory, memory } from "../support/runs.ts";

const day = (n: number): string => new Date(Date.UTC(2020, 0, 1 + n)).toISOString().slice(0, 10);
const table = (rows: readonly (readonly number[])[], names = ["a", "b"]): string =>
  [`date,${names.join(",")}`, ...rows.map((row, n) => [day(n), ...row].join(","))].join("\n");
const source = (text: string, name = "x.csv") => ({ name, format: "csv", text: async () => text });
const read = (text: string) => readSeries(source(text));

/** Two waves of 8 rows with noise, the second on a slope and far from 0. */
const noise = stream(3, 0, "waves").fillNormal(new Float64Array(600));
const waves = Array.from({ length: 240 }, (_, n) => [
  Math.sin((2 * Math.PI * n) / 8) + 0.1 * (noise[n] ?? 0),
  500 + 0.2 * n + 20 * Math.cos((2 * Math.PI * n) / 8) + (noise[n + 240] ?? 0),
]);
const data = { name: "waves.csv", text: table(waves) };
const small = { embedding_dim: 8, hidden_size: 16, dropout: 0 };
const options = {
  task: "forecast",
  data,
  window: 16,
  horizon: 8,
  split: "160,40,40",
  period: 8,
  batch: 16,
  threads: 1,
} as const;
const trainOn = (name: string, more: Partial<TrainOptions<"forecast">> = {}) =>
  train(name, { ...options, config: small, epochs: 12, lr: 0.01, ...more } as TrainOptions<"forecast">);

describe.each(["rnn", "lstm", "gru"])("%s", (name) => {
  const store: Memory = memory();

  test("foretells waves better than the last season does, and its intervals hold about what they shall", async () => {
    const history = await trainOn(name, { store });
    await (await history.open()).release();
    const { scores, baselines, examples, note } = await evaluate(store, { data });
    expect(examples).toBe(40 - 8 + 1);
    expect(baselines).toEqual({});
    expect(note).toMatch(/^no baselines: the training data cannot be read/); // it is in memory
    expect(scores.mse).toBeLessThan(0.08); // of the same season again 0.04 twice over, from noise alone
    expect(scores.coverage).toBeGreaterThan(0.5);
    expect(scores.coverage).toBeLessThan(0.99);
  }, 120_000);

  test("opened from where it was kept, it goes on after the last row, in the units of the file", async () => {
    const model = await open(store, { task: "forecast", threads: 1 });
    const [answer] = await listOf(model.predict([data]));
    if (!answer) throw new Error("no answer");
    expect(answer.times).toEqual(Array.from({ length: 8 }, (_, h) => day(240 + h)));
    expect(answer.pastTimes).toEqual(Array.from({ length: 16 }, (_, h) => day(224 + h)));
    expect(answer.channels.map((channel) => channel.name)).toEqual(["a", "b"]);
    for (const [c, { past, forecast, low, high }] of answer.channels.entries()) {
      expect(past).toEqual(waves.slice(-16).map((row) => row[c]));
      for (const [h, value] of forecast.entries()) {
        expect(low?.[h]).toBeLessThan(value);
        expect(high?.[h]).toBeGreaterThan(value);
        const truth = c ? 500 + 0.2 * (240 + h) + 20 * Math.cos((Math.PI * h) / 4) : Math.sin((Math.PI * h) / 4);
        expect(Math.abs(value - truth)).toBeLessThan(c ? 15 : 0.7);
      }
    }
    await model.release();
  });
});

test("interrupted and resumed, dropout and all, it ends with the same bits", async () => {
  const given = { config: { ...small, dropout: 0.3 }, epochs: undefined, steps: 12, evalEvery: 5 } as const;
  const [whole, parted] = [memory(), memory()];
  await trainOn("gru", { ...given, store: whole });
  for await (const event of trainOn("gru", { ...given, store: parted }))
    if (event.event === "step" && event.step === 7) break;
  expect(await resume(parted, { data })).toMatchObject({ step: 12, firstStep: 8 });
  expect(bytes(parted.states.at(-1))).toEqual(bytes(whole.states.at(-1)));
  expect(parted.weights).toEqual(whole.weights);
  const other = { name: "waves.csv", text: table(waves.map(([a = 0, b = 0], n) => [n === 239 ? a + 1 : a, b])) };
  await expect(Promise.resolve(resume(parted, { data: other, steps: 20 }))).rejects.toThrow(CheckpointError);
});

describe("parts", () => {
  const series = { name: "x", size: 1000 };
  test.each([
    ["0.7,0.1,0.2", [700, 100, 200]],
    ["0.8, 0.2, 0", [800, 200, 0]],
    ["600,200,100", [600, 200, 100]],
    ["1,0,0", [1000, 0, 0]],
  ])("%s", (split, [train, validation, test]) => {
    expect(partsOf(split as string, series)).toEqual({ train, validation, test });
  });

  test.each(["", "1", "0.5,0.6,0.1", "8640,2880", "a,b,c", "-1,1,1", "1,2,3,4", "10.5,1,1"])(
    "%j is refused",
    (split) => {
      expect(() => partsOf(split, series)).toThrow(ConfigError);
      expect(() => partsOf(split, series)).toThrow(/^option: split: expected three numbers of rows or shares/);
    },
  );
  test("more rows than there are", () =>
    expect(() => partsOf("900,100,100", series)).toThrow(
      "option: split: expected at most the 1000 rows of x, got 1100; take fewer",
    ));

  test("every window of a part is an example; what it sees may lie before the part, what it foretells may not", async () => {
    const problem = await forecast.learn(
      source(data.text),
      forecast.options.parse({ window: 6, horizon: 3, split: "120,60,60" }),
      {},
    );
    const { train: first, validation } = await problem.split(source(data.text), undefined, 0);
    const rest = await problem.examples(source(data.text));
    expect([first.size, validation.size, rest.size]).toEqual([120 - 8, 58, 58]);
    const rows = (set: Dataset<Window>) => [set.at(0).at, set.at(set.size - 1).at + 2];
    expect([first, validation, rest].map(rows)).toEqual([
      [6, 119],
      [120, 179],
      [180, 239],
    ]);
    const { values, targets } = problem.collate([rest.at(0), rest.at(57)]);
    expect([values?.shape, targets?.shape]).toEqual([
      [2, 6, 2],
      [2, 3, 2],
    ]);
    const { mean, deviation } = scaleOf(await read(data.text), 120);
    const at = (n: number, c: number) => ((waves[n]?.[c] ?? 0) - (mean[c] ?? 0)) / (deviation[c] ?? 1);
    expect(Number(values?.data[0])).toBeCloseTo(at(174, 0), 5);
    expect(Number(targets?.data.at(-1))).toBeCloseTo(at(239, 1), 5);
  });

  test("of another file all windows are measured", async () => {
    const problem = await forecast.learn(source(data.text), forecast.options.parse({ window: 6, horizon: 3 }), {});
    expect((await problem.examples(source(table(waves.slice(0, 50))))).size).toBe(50 - 8);
    const { validation } = await problem.split(source(data.text), source(table(waves.slice(0, 9))), 0);
    expect(validation.size).toBe(1);
  });
});

describe("scores", () => {
  const series: Scaled = {
    channels: ["a", "b"],
    values: Float32Array.of(0, 0, 1, 2, 3, 2, 4, 6),
    size: 4,
    scale: { mean: [0, 0], deviation: [1, 1] },
    times: undefined,
  };

  test("are a hand count", () => {
    const naive = naiveErrors(series, 4, 1);
    expect(naive).toEqual([(1 + 2 + 1) / 3, (2 + 0 + 4) / 3]);
    expect(naiveErrors(series, 4, 2)).toEqual([(3 + 3) / 2, (2 + 4) / 2]);
    const tally = new ForecastTally(2, naive);
    // Truth: rows (3, 2) and (4, 6).
    tally.add(
      { series, at: 2 },
      { forecast: Float32Array.of(3, 0, 6, 6), low: Float32Array.of(3, 0, 5, 5), high: Float32Array.of(4, 1, 7, 6) },
    );
    expect(tally.scores()).toEqual({
      mse: (4 + 4) / 4,
      mae: (2 + 2) / 4,
      mase: (1 / (4 / 3) + 1 / 2) / 2,
      coverage: 2 / 4,
    });
    expect(tally.bySteps).toEqual([
      {
        name: "MSE",
        points: [
          [1, 2],
          [2, 2],
        ],
      },
      {
        name: "MAE",
        points: [
          [1, 1],
          [2, 1],
        ],
      },
    ]);
  });

  test("leave a channel that never changed out of MASE; without intervals there is no coverage", () => {
    const tally = new ForecastTally(1, [0, 2]);
    tally.add({ series, at: 3 }, { forecast: Float32Array.of(5, 5) });
    expect(tally.scores()).toEqual({ mse: 1, mae: 1, mase: 0.5 });
    const none = new ForecastTally(1, [0, 0]);
    none.add({ series, at: 3 }, { forecast: Float32Array.of(5, 5) });
    expect(none.scores()).toEqual({ mse: 1, mae: 1 });
  });

  test("a channel that does not change is divided by 1; one that changes little is not", async () => {
    const flat = await read(table(Array.from({ length: 5 }, (_, n) => [1e9, 1e9 + n * 1e-3])));
    const { mean, deviation } = scaleOf(flat, 5);
    expect([mean[0], deviation[0]]).toEqual([1e9, 1]);
    expect(deviation[1]).toBeCloseTo(Math.SQRT2 * 1e-3, 6);
    expect([...scaled(flat, { mean, deviation }).values].every(Number.isFinite)).toBe(true);
  });
});

describe("baselines", () => {
  const sizes = { window: 6, horizon: 4 };
  const of = async (rows: readonly (readonly number[])[], period: number, from = 0) => {
    const given = await read(table(rows));
    const series = scaled(given, { mean: [0, 0], deviation: [1, 1] });
    const all = windowsIn(series, sizes, { from, to: series.size, name: "x" }, "");
    return forecastBaselines(all, all, { sizes, period, naive: [1, 1] }, {});
  };

  test("of a wave: the last value by its formula, the season exactly, a linear one as well", async () => {
    const exact = Array.from({ length: 200 }, (_, n) => [Math.sin((Math.PI * n) / 4), Math.cos((Math.PI * n) / 4)]);
    const { "last value": last, "seasonal naive, 8": season, "linear (DLinear)": linear } = await of(exact, 8, 8);
    // E (x_t+h - x_t)² = 1 - cos(πh/4) over whole waves; windows are not a whole number of waves.
    const wanted = [1, 2, 3, 4].reduce((sum, h) => sum + 1 - Math.cos((Math.PI * h) / 4), 0) / 4;
    expect(last?.mse).toBeCloseTo(wanted, 2);
    expect(season?.mse).toBeLessThan(1e-12);
    expect(linear?.mse).toBeLessThan(1e-3); // x_t+1 = √2 x_t - x_t-1
  });

  test("a season longer than what there is is what there is", async () => {
    const rows = Array.from({ length: 12 }, (_, n) => [n, n]);
    const { "seasonal naive, 100": season } = await of(rows, 100);
    // The first window has 6 rows before it: rows 0 to 3 for 6 to 9; the third 8: rows 0 to 3 for 8 to 11.
    expect(season?.mae).toBe((6 + 7 + 8) / 3);
  });

  test("a moving average of 25 steps whose ends are repeated", () => {
    const rows = averaging(30);
    for (const row of rows) expect(row.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 12);
    expect(rows[0]?.[0]).toBeCloseTo(13 / 25, 12);
    expect(rows[15]?.filter((share) => share > 0)).toHaveLength(25);
    expect(averaging(1)[0]?.[0]).toBeCloseTo(1, 12);
  });
});

describe("what is wrong is said in a line", () => {
  const learnAndSplit = async (text: string, more: object = {}) => {
    const problem = await forecast.learn(source(text), forecast.options.parse({ window: 6, horizon: 3, ...more }), {});
    await problem.split(source(text), undefined, 0);
    return problem.examples(source(text));
  };
  const rows = (count: number) => table(waves.slice(0, count));

  test.each([
    [
      "one row",
      rows(1),
      {},
      /^series x\.csv, training part: expected at least 3 rows after 6 to see, got 0 in all; use a shorter window or horizon, or another split$/,
    ],
    [
      "a window longer than the series",
      rows(40),
      { window: 96 },
      /training part: expected at least 3 rows after 96 to see, got 28 in all/,
    ],
    [
      "a horizon longer than the validation part",
      rows(40),
      { horizon: 5, split: "30,4,6" },
      /validation part: expected at least 5 rows after 6 to see, got 4 from row 31 on/,
    ],
    [
      "no test part",
      rows(40),
      { split: "30,10,0" },
      /^series x\.csv: expected a test part, got a split of 30,10,0; measure on another file$/,
    ],
    [
      "a season longer than the training rows",
      rows(40),
      { period: 28 },
      /^option: period: expected fewer than the 28 training rows of x\.csv, got 28/,
    ],
    [
      "a missing value",
      `${rows(40)}\n2020-02-10,,1`,
      {},
      /^series x\.csv, line 42: expected a number in column a, got nothing/,
    ],
    [
      "an infinite value",
      `${rows(40)}\n2020-02-10,Inf,1`,
      {},
      /^series x\.csv, line 42: expected a finite number in column a, got "Inf"/,
    ],
    ["a blank file", "", {}, /^series x\.csv: expected rows of numbers, got none/],
  ])("%s", async (_, text, more, message) => {
    await expect(learnAndSplit(text, more)).rejects.toThrow(message);
  });

  test("a constant channel is trained and foretold", async () => {
    const flat = { name: "flat.csv", text: table(waves.map(([a = 0]) => [a, 7])) };
    const history = await trainOn("gru", { data: flat, epochs: 1 });
    expect(history.losses.every(Number.isFinite)).toBe(true);
    const model = await history.open();
    const [answer] = await listOf(model.predict([flat]));
    expect(answer?.channels[1]?.past).toEqual(Array(16).fill(7));
    expect(answer?.channels[1]?.forecast.every(Number.isFinite)).toBe(true);
    await model.release();
  });

  test("a model of other sizes than the task's", async () => {
    await expect(Promise.resolve(trainOn("gru", { config: { ...small, window: 8 } }))).rejects.toThrow(
      new ConfigError("window: expected 16, as the task says, got a model of 8; leave it out of the configuration"),
    );
  });
  test("a run whose task.json says nothing", async () => {
    await expect(forecast.reopen({ "task.json": {} }, forecast.options.parse({}))).rejects.toThrow(CheckpointError);
  });
});

describe("predictions", () => {
  const store = memory();
  const answers = async (given: DataGiven[], task = store): Promise<Forecast[]> => {
    const model = await open(task, { task: "forecast", threads: 1 });
    try {
      return await listOf(model.predict(given));
    } finally {
      await model.release();
    }
  };

  test("are those that are measured: the last window of a file alone", async () => {
    await trainOn("gru", { store, epochs: 2 });
    const cut = { name: "cut.csv", text: table(waves.slice(0, 200)) };
    const [answer] = await answers([cut]);
    const alone = { name: "alone.csv", text: table(waves.slice(0, 208)) };
    const { scores } = await evaluate(store, {
      data: { ...alone, text: table(waves.slice(184, 208)) },
      baselines: false,
    });
    const { mean, deviation } = scaleOf(await read(data.text), 160);
    const errors = (answer?.channels ?? []).flatMap(({ forecast }, c) =>
      forecast.map((value, h) => (value - (waves[200 + h]?.[c] ?? 0)) / (deviation[c] ?? 1)),
    );
    expect(mean).toHaveLength(2);
    expect(errors.reduce((sum, error) => sum + error ** 2, 0) / errors.length).toBeCloseTo(scores.mse ?? 0, 5);
  });

  test("take the channels by name, whatever else a file has and in which order", async () => {
    const [plain] = await answers([data]);
    const turned = table(
      waves.map(([a = 0, b = 0]) => [b, 3, a]),
      ["b", "other", "a"],
    );
    const [other] = await answers([{ name: "turned.csv", text: turned }]);
    expect(other?.channels).toEqual(plain?.channels);
    await expect(answers([{ name: "x.csv", text: table(waves, ["a", "c"]) }])).rejects.toThrow(
      'series x.csv: expected a column "b"',
    );
  });

  test("need as many rows as the model sees", async () => {
    const short = { name: "short.csv", text: table(waves.slice(0, 15)) };
    await expect(answers([short])).rejects.toThrow(
      new DataError("series short.csv: expected at least the 16 rows that the model sees, got 15; give more"),
    );
    expect(await answers([{ name: "enough.csv", text: table(waves.slice(0, 16)) }])).toHaveLength(1);
  });

  test("as a table and as a picture; without times rows are counted", async () => {
    const model = await open(store, { task: "forecast", threads: 1 });
    const text = waves.map((row) => row.join(",")).join("\n");
    const [answer] = await listOf(model.predict([{ name: "bare.csv", text: `a,b\n${text}` }]));
    if (!answer) throw new Error("no answer");
    const lines = model.line(answer).split("\n");
    expect(lines[0]).toBe("time,a,a low,a high,b,b low,b high");
    expect(lines).toHaveLength(9);
    const cells = lines.at(-1)?.split(",").map(Number) ?? [];
    expect(cells[0]).toBe(248);
    expect(cells[1]).toBeCloseTo(answer.channels[0]?.forecast.at(-1) ?? 0, 4);
    expect(model.picture(answer)).toMatch(/^<svg [\s\S]*80 % interval[\s\S]*<\/svg>\n$/);
    await model.release();
  });

  test("without intervals have none", async () => {
    const plain = memory();
    await trainOn("lstm", { store: plain, epochs: 1, intervals: 0 });
    const [answer] = await answers([data], plain);
    expect([answer?.intervals, answer?.channels[0]?.low]).toEqual([0, undefined]);
    const { scores } = await evaluate(plain, { data, baselines: false });
    expect(Object.keys(scores)).toEqual(["mse", "mae", "mase"]);
  });
});

test("a batch holds windows as they stand in the series", async () => {
  const series = scaled(
    await read(
      table([
        [1, 2],
        [3, 4],
        [5, 6],
        [7, 8],
      ]),
    ),
    { mean: [0, 0], deviation: [1, 1] },
  );
  const { values, targets } = windowFeeds(
    [
      { series, at: 2 },
      { series, at: 3 },
    ],
    { window: 2, horizon: 1 },
  );
  expect(numbersOf(values.data)).toEqual([1, 2, 3, 4, 3, 4, 5, 6]);
  expect(numbersOf(targets.data)).toEqual([5, 6, 7, 8]);
});
