/** Classes of numeric sequences: it learns, padding changes nothing, it resumes exactly, baselines by hand. */
import { describe, expect, test } from "vitest";
import type { Json } from "../../src/checkpoint/index.ts";
import { type DataGiven, listed } from "../../src/data/index.ts";
import { CheckpointError, ConfigError, DataError } from "../../src/errors.ts";
import { stream } from "../../src/runtime/index.ts";
import { evaluate } from "../../src/tasks/evaluate.ts";
import { open } from "../../src/tasks/open.ts";
import { nearestNeighbours, type Sequence, warped } from "../../src/tasks/series/baselines.ts";
import { type SeriesClass, series } from "../../src/tasks/series.ts";
import { resume, type TrainOptions, train } from "../../src/tasks/train.ts";
import { numbersOf } from "../support/numbers.ts";
import { bytes, listOf, memory } from "../support/runs.ts";
import { model as tolerance } from "../tolerances.ts";

const HEADER = "@problemName Slopes\n@timeStamps false\n@classLabel true down up\n@data\n";

/** Two channels of 4 to 9 steps; the second rises or falls, the first is noise. */
function cases(count: number, site: string): string[] {
  return Array.from({ length: count }, (_, i) => {
    const draw = stream(1, i, site).fillNormal(new Float64Array(40));
    const [T, up] = [4 + (i % 6), i % 2 === 0];
    const noise = Array.from(draw.subarray(0, T), (x) => x.toFixed(3));
    const slope = Array.from({ length: T }, (_, t) => (50 + (up ? 4 : -4) * (t + Number(draw[20 + t]) / 4)).toFixed(3));
    return `${noise.join(",")}:${slope.join(",")}:${up ? "up" : "down"}`;
  });
}
const [learned, unseen] = [cases(48, "train"), cases(20, "test")];
const file = (lines: readonly string[], name = "x.ts") => ({ name, text: HEADER + lines.join("\n") });
const [data, val] = [file(learned, "train.ts"), file(unseen, "test.ts")];
const truth = unseen.map((line) => line.split(":").at(-1));

const options = { task: "series", data, val, batch: 12, lr: 0.02, threads: 1 } as const;
const trainOn = (name: string, more: Partial<TrainOptions<"series">> = {}) =>
  train(name, { ...options, config: { hidden_size: 8 }, steps: 80, ...more } as TrainOptions<"series">);
const source = (text: string, name = "x.ts") => ({ name, format: name.split(".")[1] ?? "", text: async () => text });

describe.each(["rnn", "lstm", "gru"])("%s", (name) => {
  const store = memory();
  test("learns to tell rising from falling sequences", async () => {
    const history = await trainOn(name, { store });
    expect(history.scores).toMatchObject({ accuracy: 1, f1: 1 });
    await (await history.open()).release();
  }, 60_000);

  test("answers for every case of a file, alone as beside longer ones", async () => {
    const model = await open(store, { task: "series", threads: 1 });
    const all = await listOf(model.predict([val], { top: 2 }));
    expect(all.map(({ label }) => label)).toEqual(truth);
    expect(all.map((answer) => answer.case)).toEqual(truth.map((_, i) => i + 1));
    const alone = await listOf(
      model.predict(
        unseen.map((line) => file([line])),
        { top: 2 },
      ),
    );
    for (const [i, { labels }] of all.entries())
      for (const key of ["up", "down"])
        expect(Math.abs((labels[key] ?? 0) - (alone[i]?.labels[key] ?? 9))).toBeLessThanOrEqual(
          tolerance.step.absolute,
        );
    expect(model.line(all[0] as SeriesClass)).toMatch(/^up\t[01]\.\d{4}\tdown\t[01]\.\d{4}$/);
    await model.release();
  });
});

test("interrupted and resumed, dropout and all, it ends with the same bits", async () => {
  const given = { config: { hidden_size: 8, dropout: 0.3, bidirectional: true }, steps: 12, evalEvery: 5 };
  const [whole, parted] = [memory(), memory()];
  await trainOn("gru", { ...given, store: whole });
  for await (const event of trainOn("gru", { ...given, store: parted }))
    if (event.event === "step" && event.step === 7) break;
  expect(await resume(parted, { data, val })).toMatchObject({ step: 12, firstStep: 8 });
  expect(bytes(parted.states.at(-1))).toEqual(bytes(whole.states.at(-1)));
  await expect(Promise.resolve(resume(parted, { data: file(learned.slice(1)), val, steps: 20 }))).rejects.toThrow(
    CheckpointError,
  );
});

describe("what it learns of its data", () => {
  const learn = (text: string, more: object = {}, name = "x.ts") =>
    series.learn(source(text, name), series.options.parse(more), {});

  test("labels, channels, mean and deviation of each", async () => {
    const { config, files } = await learn(`${HEADER}0,2:5,5:up\n4:5:down\n`);
    expect(config).toEqual({ input_size: 2, num_labels: 2 });
    expect(files["config.json"]?.id2label).toEqual({ 0: "down", 1: "up" });
    expect(files["task.json"]).toEqual({ learned: { mean: [2, 5], deviation: [Math.sqrt(8 / 3), 1] } });
  });

  test("as many of each label are held out as its share, where none are given", async () => {
    const text = file([...learned.slice(0, 24), ...learned.filter((line) => line.endsWith("up"))]).text; // 12 down, 36 up
    const problem = await learn(text, { holdout: 0.25 });
    for (const seed of [0, 1, 2]) {
      const { train: first, validation } = await problem.split(source(text), undefined, seed);
      const labels = Array.from({ length: validation.size }, (_, i) => validation.at(i).label);
      expect([first.size, labels.length, labels.filter((label) => label === 0).length]).toEqual([36, 12, 3]);
    }
  });

  test("scaled by channel, by sequence, or not at all", async () => {
    const text = `${HEADER}0,2:5,5:up\n4:7:down\n`;
    const first = async (scale: string) => {
      const problem = await learn(text, { scale });
      const { values, lengths } = problem.collate([(await problem.examples(source(text))).at(0)]);
      expect([values?.shape, numbersOf(lengths?.data ?? new Int32Array())]).toEqual([[1, 8, 2], [2]]);
      return numbersOf(values?.data ?? new Float32Array()).slice(0, 5);
    };
    expect(await first("none")).toEqual([0, 5, 2, 5, 0]);
    expect(await first("series")).toEqual([-1, 0, 1, 0, 0]);
    const [a, b] = [Math.sqrt(8 / 3), Math.sqrt(8 / 9)];
    for (const [i, value] of [-2 / a, -2 / 3 / b, 0, -2 / 3 / b, 0].entries())
      expect((await first("channels"))[i]).toBeCloseTo(value, 6);
  });

  test("tables: one sequence a row, the label in its column; empty cells at the end are no steps", async () => {
    const of = async (text: string, more: object = {}) => {
      const problem = await learn(text, { scale: "none", ...more }, "x.csv");
      const all = await problem.examples(source(text, "x.csv"));
      return Array.from({ length: all.size }, (_, i) => [...all.at(i).values, `label ${all.at(i).label}`]);
    };
    const rows = [
      [1, 2, 3, "label 0"],
      [4, 5, "label 1"],
    ];
    expect(await of("t0,t1,t2,label\n1,2,3,a\n4,5,,b\n")).toEqual(rows);
    expect(await of("1,2,3,a\n4,5,,b\n")).toEqual(rows);
    expect(await of("1,1,2,3\n2,4,5,\n", { label: "1" })).toEqual(rows);
    expect(await of("name,t0,t1,t2\na,1,2,3\nb,4,5,\n", { label: "name" })).toEqual(rows);
  });

  test("missing values lie on the line between their neighbours, at the ends they are the nearest", async () => {
    const text = `${HEADER}?,1,?,?,4,NaN:up\n2:down\n`;
    const problem = await learn(text, { scale: "none" });
    expect([...(await problem.examples(source(text))).at(0).values]).toEqual([1, 1, 2, 3, 4, 4]);
  });

  test.each([
    [
      "a dimension of missing values only",
      `${HEADER}1,2:up\n?,?:down\n`,
      "x.ts",
      "series x.ts, line 6: expected a value in dimension 1, got missing ones only; leave the case out",
    ],
    [
      "one label only",
      `${HEADER}1,2:up\n3,4:up\n`,
      "x.ts",
      'series x.ts: expected at least two different labels, got "up" only',
    ],
    [
      "no labels",
      "@classLabel false\n@data\n1,2\n",
      "x.ts",
      "series x.ts, line 3: expected a label to learn, got none; name its column with label",
    ],
    [
      "a row without a label",
      "1,2,a\n3,4,\n",
      "x.csv",
      "series x.csv, line 2: expected a label to learn, got none; name its column with label",
    ],
    [
      "labels that are all different",
      "1,2\n3,4\n5,6\n",
      "x.csv",
      "series x.csv: expected labels that occur again, got 3 different ones in 3 cases; name the column of labels with label",
    ],
    [
      "a word among numbers",
      "t0,t1,label\n1,x,a\n",
      "x.csv",
      'series x.csv, line 2: expected a finite number in column t1, got "x"; one row is one sequence, name the column of labels with label',
    ],
    [
      "decimal commas",
      "t0;t1;label\n1,5;2;a\n",
      "x.csv",
      'series x.csv, line 2: expected a finite number in column t0, got "1,5"; write numbers with a decimal point and without commas, as 1.5',
    ],
    [
      "rows that differ in width",
      "1,2,a\n3,b\n",
      "x.csv",
      "series x.csv, line 2: expected 3 columns as before, got 2; every row needs all of them",
    ],
    ["a blank file", "", "x.ts", "series x.ts: expected a header and cases, got a blank file"],
    [
      "no header",
      "1,2,3:up\n",
      "x.ts",
      "series x.ts: expected a header with @classLabel and @data, got no @data; see the ts format of aeon",
    ],
  ])("%s is refused", async (_, text, name, message) => {
    await expect(learn(text, {}, name)).rejects.toThrow(new DataError(message));
  });

  test("one case cannot be divided", async () => {
    const problem = await learn(file(learned).text);
    await expect(problem.split(source(`${HEADER}1:2:up\n`), undefined, 0)).rejects.toThrow(
      "expected at least 2 cases, got 1",
    );
  });

  test("a model of other sizes is refused", async () => {
    await expect(Promise.resolve(trainOn("gru", { config: { hidden_size: 8, input_size: 3 } }))).rejects.toThrow(
      new ConfigError(
        "model: expected 2 channels and 2 labels, as the data have, got 3 and 2; leave input_size and num_labels out",
      ),
    );
  });
});

describe("a run", () => {
  const store = memory();
  const answers = async (given: DataGiven[], more: Json = {}) => {
    const model = await open(store, { task: "series", threads: 1 });
    try {
      return await listOf(model.predict(given, more));
    } finally {
      await model.release();
    }
  };

  test("of sequences of lengths 0 and 1 beside others trains and answers", async () => {
    const history = await trainOn("gru", { data: file([...learned, "::up", "1:50:down"]), store, steps: 60 });
    expect(history.losses.every(Number.isFinite)).toBe(true);
    const found = await answers([file(["::up", "0.5:58:up", unseen[0] ?? ""])]);
    expect(found).toHaveLength(3);
    expect(found[2]?.label).toBe("up");
    expect(found.every(({ probability }) => probability >= 0.5 && probability <= 1)).toBe(true);
  });

  test("measures by the counts of its answers, with a picture", async () => {
    const { scores, pictures, examples } = await evaluate(store, { data: val, baselines: false });
    const found = await answers([val]);
    const right = found.filter(({ label }, i) => label === truth[i]).length;
    expect([examples, scores.accuracy]).toEqual([20, right / 20]);
    expect(pictures.confusion).toMatch(/^<svg /);
  });

  test("passes over labels where it answers, and refuses one that was not trained where it measures", async () => {
    const other = { name: "o.ts", text: "@classLabel true up sideways\n@data\n1,2:50,60:sideways\n1,2:50,60:up\n" };
    expect(await answers([other])).toHaveLength(2);
    expect(await answers([{ name: "o.ts", text: "@classLabel false\n@data\n1,2:50,60\n" }])).toHaveLength(1);
    await expect(evaluate(store, { data: other })).rejects.toThrow(
      new DataError('series o.ts, line 3: label "sideways" is none of the 2 that were trained: down, up'),
    );
  });

  test("refuses sequences of other dimensions", async () => {
    const narrow = { name: "o.ts", text: "@classLabel true up\n@data\n1,2:up\n" };
    const message = "series o.ts: expected 2 dimensions as in training, got 1; give sequences of the same kind";
    await expect(answers([narrow])).rejects.toThrow(new DataError(message));
    await expect(evaluate(store, { data: narrow })).rejects.toThrow(new DataError(message));
  });

  test("options that nobody knows are refused", async () => {
    await expect(answers([val], { topp: 1 })).rejects.toThrow(ConfigError);
  });
});

describe("the nearest neighbour", () => {
  const of = (values: readonly number[], label = 0): Sequence => ({
    values: Float32Array.from(values),
    size: values.length,
    label,
  });
  const set = (items: readonly Sequence[]) => listed(items, "");

  test("warped distances are those of the table of Sakoe & Chiba", () => {
    const far = (a: readonly number[], b: readonly number[], C = 1) => {
      const sequence = (values: readonly number[]) => ({ ...of(values), size: values.length / C });
      return warped(sequence(a), sequence(b), C, Number.POSITIVE_INFINITY);
    };
    expect(far([1, 2, 3], [1, 2, 3])).toBe(0);
    expect(far([1, 2, 3], [1, 1, 2, 2, 3])).toBe(0); // the band holds the difference of the lengths
    expect(far([0, 0, 1], [0, 1, 1])).toBe(0);
    expect(far([0, 3], [1, 1])).toBe(1 + 4);
    expect(far([0, 0, 1, 1], [0, 0, 2, 1], 2)).toBe(1);
    expect(far([], [1, 2])).toBe(5);
  });

  test("by enumeration of all paths", () => {
    const draw = stream(2, 0, "dtw").fillNormal(new Float64Array(60));
    const least = (a: readonly number[], b: readonly number[], i = a.length - 1, j = b.length - 1): number => {
      if (i < 0 || j < 0) return i < 0 && j < 0 ? 0 : Number.POSITIVE_INFINITY;
      return (
        ((a[i] ?? 0) - (b[j] ?? 0)) ** 2 +
        Math.min(least(a, b, i - 1, j - 1), least(a, b, i - 1, j), least(a, b, i, j - 1))
      );
    };
    for (let k = 0; k < 6; k++) {
      const a = Array.from(Float32Array.from(draw.subarray(k * 8, k * 8 + 6)));
      const b = [a[0] ?? 0]; // of lengths so different that the band holds all paths
      expect(warped(of(a), of(b), 1, Number.POSITIVE_INFINITY)).toBeCloseTo(least(a, b), 5);
      const c = a.slice(0, 3).map((x) => x + 1);
      expect(warped(of(a), of(c), 1, Number.POSITIVE_INFINITY)).toBeGreaterThanOrEqual(least(a, c) - 1e-6);
    }
  });

  test("classes are those of the nearest; a shorter sequence is filled up with 0", async () => {
    const known = [of([0, 0, 5, 5], 0), of([1, 4, 4, 4], 1)];
    const asked = [of([0, 0, 5], 0), of([1, 4, 4, 3], 1), of([0, 5, 5, 5], 1)];
    const found = await nearestNeighbours(set(known), set(asked), { channels: 1, classes: 2 }, {});
    // The first: 25 and 34. The third: 25 and 4; warped 0 and 4.
    expect(found["1-nearest, Euclidean"]).toEqual({ accuracy: 1, f1: 1 });
    expect(found["1-nearest, DTW"]?.accuracy).toBeCloseTo(2 / 3, 12);
  });

  test("stops when told to", async () => {
    const all = set([of([1])]);
    await expect(
      nearestNeighbours(all, all, { channels: 1, classes: 2 }, { signal: AbortSignal.abort() }),
    ).rejects.toThrow(/abort/i);
  });
});
