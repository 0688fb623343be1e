/** Options described once: what is accepted, and what is said of the rest. */
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { ConfigError } from "../src/errors.ts";
import { checkEach, checked, divide, fieldsOf, meant, probability, real, whole } from "../src/schema.ts";
import { trainingSchema, trainingSettings } from "../src/train/index.ts";

const schema = z.strictObject({
  size: whole(1, 100).default(8).describe("how wide"),
  rate: real(0, 2).optional().describe("how fast"),
  lr: z.number().gt(0).max(10).default(0.1).describe("learning rate"),
  drop: probability().default(0).describe("left out"),
  loss: z.enum(["mse", "mae"]).default("mse").describe("what is minimized"),
  deep: z.boolean().default(false).describe("more layers"),
  column: z.string().optional().describe("which"),
  count: whole(0, 5).describe("needed"),
});
const check = (values: object) => checked(schema, { count: 1, ...values }, "toy");

test("defaults are filled in, and everything that is allowed passes", () => {
  expect(check({})).toEqual({ size: 8, lr: 0.1, drop: 0, loss: "mse", deep: false, count: 1 });
  for (const values of [
    { size: 1 },
    { size: 100 },
    { rate: 0 },
    { rate: 2 },
    { lr: 10 },
    { drop: 0.999 },
    { loss: "mae" },
    { deep: true },
    { column: "" },
  ])
    expect(check(values)).toMatchObject(values);
});

describe("a value that is not allowed is named, with what it may be", () => {
  test.each([
    [{ size: 0 }, "toy: size: expected a whole number from 1 to 100, got 0"],
    [{ size: 101 }, "toy: size: expected a whole number from 1 to 100, got 101"],
    [{ size: 1.5 }, "toy: size: expected a whole number from 1 to 100, got 1.5"],
    [{ size: "8" }, 'toy: size: expected a whole number from 1 to 100, got "8"'],
    [{ size: null }, "toy: size: expected a whole number from 1 to 100, got null"],
    [{ rate: -0.1 }, "toy: rate: expected a number from 0 to 2, got -0.1"],
    [{ rate: Number.NaN }, "toy: rate: expected a number from 0 to 2, got NaN"],
    [{ rate: Number.POSITIVE_INFINITY }, "toy: rate: expected a number from 0 to 2, got Infinity"],
    [{ lr: 0 }, "toy: lr: expected a number above 0 to 10, got 0"],
    [{ drop: 1 }, "toy: drop: expected a number from 0 below 1, got 1"],
    [{ loss: "mean" }, 'toy: loss: expected one of mse, mae, got "mean"'],
    [{ deep: "yes" }, 'toy: deep: expected true or false, got "yes"'],
    [{ deep: 1 }, "toy: deep: expected true or false, got 1"],
    [{ column: 3 }, "toy: column: expected text, got 3"],
    [{ column: [1, 2] }, "toy: column: expected text, got [1, 2]"],
    [{ count: undefined }, "toy: count: expected a whole number from 0 to 5, got nothing"],
  ])("%j", (values, say) => expect(() => check(values)).toThrow(new ConfigError(say)));

  test("all of them in one line, each cut to a length that can be read", () => {
    expect(() => check({ size: 0, loss: "x" })).toThrow(
      'toy: size: expected a whole number from 1 to 100, got 0; toy: loss: expected one of mse, mae, got "x"',
    );
    const long = (() => {
      try {
        return check({ column: Array.from({ length: 1000 }, () => 1) });
      } catch (error) {
        return String(error);
      }
    })();
    expect(String(long).length).toBeLessThan(150);
  });
});

describe("a key that nobody knows", () => {
  test.each([
    ["learningRate", "lr"],
    ["learning_rate", "lr"],
    ["batchSize", "batch"],
    ["batch_size", "batch"],
    ["weight_decay", "weightDecay"],
    ["max_steps", "steps"],
    ["num_epochs", "epochs"],
    ["iterations", "steps"],
    ["epoch", "epochs"],
    ["opitmizer", "optimizer"],
    ["evalevery", "evalEvery"],
  ])("%s: %s is meant", (key, known) => {
    const names = Object.keys(trainingSchema.shape);
    expect(() => checked(trainingSchema, { [key]: 1 }, "option")).toThrow(
      new ConfigError(`option: unknown key "${key}" (did you mean "${known}"?); known are ${names.join(", ")}`),
    );
  });

  test("no hint where nothing is near, or where the other name is not known here", () => {
    expect(meant("zebra", ["lr", "steps"])).toBe("");
    expect(meant("learningRate", ["size"])).toBe("");
    expect(() => check({ zebra: 1 })).toThrow(/^toy: unknown key "zebra"; known are size, rate, /);
  });

  test("names that every object has are unknown too", () => {
    for (const key of ["constructor", "toString", "hasOwnProperty"]) {
      expect(() => check({ [key]: 1 })).toThrow(ConfigError);
      expect(divide(schema, { [key]: 1 })).toEqual([{}, { [key]: 1 }]);
      expect(meant(key, ["lr"])).toBe("");
    }
  });
});

test("fields say what flags and help need", () => {
  const { size, rate, drop, loss, deep, column } = fieldsOf(schema);
  expect(size).toEqual({
    kind: "number",
    expected: "a whole number from 1 to 100",
    choices: [],
    initial: 8,
    about: "how wide",
  });
  expect(rate).toMatchObject({
    kind: "number",
    expected: "a number from 0 to 2",
    initial: undefined,
    about: "how fast",
  });
  expect(drop).toMatchObject({ expected: "a number from 0 below 1", initial: 0 });
  expect(loss).toMatchObject({ kind: "choice", expected: "one of mse, mae", choices: ["mse", "mae"], initial: "mse" });
  expect(deep).toMatchObject({ kind: "boolean", initial: false });
  expect(column).toMatchObject({ kind: "text" });
  for (const [key, field] of Object.entries(fieldsOf(trainingSchema))) expect(field.about, key).not.toBe("");
});

test("values one by one, whatever else is missing", () => {
  checkEach(schema, { size: 5, foreign: 1 }, "--set");
  expect(() => checkEach(schema, { size: 500 }, "--set")).toThrow(
    "--set: size: expected a whole number from 1 to 100, got 500",
  );
});

test("divided by whose keys they are", () => {
  expect(divide(schema, { size: 1, other: 2, deep: true })).toEqual([{ size: 1, deep: true }, { other: 2 }]);
});

describe("settings of a training", () => {
  const settings = (input: object, perEpoch = 10) => trainingSettings({ ...input }, () => perEpoch);

  test("what depends on the steps follows from them", () => {
    expect(settings({})).toMatchObject({ steps: 2000, evalEvery: 200, saveEvery: 200, warmup: 100 });
    expect(settings({ steps: 30 })).toMatchObject({ evalEvery: 3, saveEvery: 3, warmup: 1 });
    expect(settings({ steps: 100_000 })).toMatchObject({ evalEvery: 250, saveEvery: 250, warmup: 100 });
    expect(settings({ steps: 1 })).toMatchObject({ evalEvery: 1, saveEvery: 1, warmup: 0 });
    expect(settings({ steps: 50, evalEvery: 7 })).toMatchObject({ evalEvery: 7, saveEvery: 7 });
  });

  test("epochs become steps, which are kept instead of them", () => {
    expect(settings({ epochs: 3 }).steps).toBe(30);
    expect(settings({ epochs: 0.04 }).steps).toBe(1);
    expect(settings({ epochs: 2 }, 3.4).steps).toBe(7);
    expect(Object.keys(settings({ epochs: 2 }))).not.toContain("epochs");
    expect(settings({ epochs: 1, accumulate: 4 }).steps).toBe(3); // 10 batches: no example is left out
    const asked: number[] = [];
    trainingSettings({ epochs: 1, batch: 4, accumulate: 3 }, (batch) => asked.push(batch));
    expect(asked).toEqual([4]); // examples of one batch
    expect(() => settings({ epochs: 1, steps: 2 })).toThrow(
      "option: steps and epochs: expected one of them, got 2 and 1; leave one out",
    );
  });

  test("the order of the keys is the schema's, whatever was given", () => {
    const keys = Object.keys(trainingSchema.shape).filter((key) => key !== "epochs");
    expect(Object.keys(settings({ seed: 3, lr: 0.1 }))).toEqual(keys);
  });
});
