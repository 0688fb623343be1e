/** An architecture and a task of your own, a file each: everything works without another line changed. */
import { readFileSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { ConfigError } from "../../src/errors.ts";
import { addModel, loadArchitecture, modelNames, modelsWith } from "../../src/models/index.ts";
import { compileModel, stream } from "../../src/runtime/index.ts";
import { evaluate } from "../../src/tasks/evaluate.ts";
import { exportForward, exportTraining } from "../../src/tasks/export.ts";
import { addTask, defaultTask, loadTask, taskNames } from "../../src/tasks/index.ts";
import { open } from "../../src/tasks/open.ts";
import { resume, train } from "../../src/tasks/train.ts";
import { trainingSchema } from "../../src/train/index.ts";
import { descent, workIn } from "../cli/support.ts";
import { host, numbersOf } from "../support/numbers.ts";
import { bytes, listOf, memory } from "../support/runs.ts";
import { bilinear } from "./bilinear.ts";
import { products } from "./products.ts";

/** y = 3·a·b - 0.5, on halves of numbers from -2 to 2. */
const rows = Array.from({ length: 64 }, (_, i) => {
  const [a = 0, b = 0] = Array.from(stream(1, i, "pair").integers(2, 9), (n) => (n - 4) / 2);
  return { a, b, y: 3 * a * b - 0.5 };
});
const data = { name: "pairs", rows };
const csv = `a,b,y\n${rows.map(({ a, b, y }) => `${a},${b},${y}`).join("\n")}\n`;
const trainOn = (more: object = {}) => train("bilinear", { task: "products", data, threads: 1, ...more });

let place: ReturnType<typeof workIn>;
beforeAll(() => {
  addModel(bilinear);
  addTask(products);
  place = workIn("own");
  writeFileSync("pairs.csv", csv);
});
afterAll(() => place.leave());

test("both are found by name, and by what they can do", async () => {
  expect(modelNames()).toContain("bilinear");
  expect(taskNames()).toContain("products");
  expect(await loadArchitecture("bilinear")).toBe(bilinear);
  expect(await loadTask("products")).toBe(products);
  expect(await modelsWith("pairs")).toEqual(["bilinear"]);
  expect(await defaultTask(bilinear)).toBe(products);
});

describe("in the library", () => {
  const store = memory();

  test("trains to the line that made the numbers", async () => {
    const history = await trainOn({ store, weightDecay: 0 });
    expect(history.step).toBe(320); // 80 passes over 32 pairs in batches of 8
    expect(history.scores?.mse).toBeLessThan(1e-6);
    expect([...(store.weights.get("best") ?? new Map()).keys()]).toEqual(["form.weight", "form.bias"]);
    expect(store.files).toMatchObject({
      "config.json": { model_type: "bilinear", width: 1 },
      "task.json": { task: "products", options: { target: "y", share: 0.5 } },
    });
    const { weight, bias } = store.states.at(-1)?.weights ?? {};
    expect(Number(weight?.data[0])).toBeCloseTo(3, 3);
    expect(Number(bias?.data[0])).toBeCloseTo(-0.5, 3);
  });

  test("predicts", async () => {
    const model = await open(store, { task: "products" });
    expect(
      await listOf(
        model.predict(
          [
            { a: 2, b: -1 },
            { a: 0, b: 7 },
          ],
          { digits: 2 },
        ),
      ),
    ).toEqual([{ product: -6.5 }, { product: -0.5 }]);
    await expect(listOf(model.predict([{ a: 2 }]))).rejects.toThrow("products: expected a number as b, got nothing");
    await expect(listOf(model.predict([], { digits: 99 }))).rejects.toThrow(ConfigError);
    await model.release();
  });

  test("is evaluated", async () => {
    const shifted = { name: "shifted", rows: rows.map(({ a, b, y }) => ({ a, b, y: y + 2 })) };
    const { scores, examples, baselines, note } = await evaluate(store, { data: shifted });
    expect([examples, baselines, note]).toEqual([64, {}, undefined]);
    expect(scores.mse).toBeCloseTo(4, 2);
  });

  test("interrupted and resumed, it ends with the same bits", async () => {
    const [whole, parted] = [memory(), memory()];
    await trainOn({ epochs: 4, store: whole });
    for await (const event of trainOn({ epochs: 4, store: parted }))
      if (event.event === "step" && event.step === 5) break;
    expect(await resume(parted, { data })).toMatchObject({ step: 16, firstStep: 6 });
    expect(bytes(parted.states.at(-1))).toEqual(bytes(whole.states.at(-1)));
  });

  test("exported, ONNX Runtime gives the same numbers", async () => {
    const model = await exportForward(store);
    expect(model.inputs.map(({ name, spec }) => [name, spec.shape])).toEqual([
      ["x1", ["B", 1]],
      ["x2", ["B", 1]],
    ]);
    const program = await compileModel(model, { threads: 1 });
    const { y } = await program.run({ x1: host([2, 0, -1], [3, 1]), x2: host([-1, 7, -1], [3, 1]) });
    expect(y?.shape).toEqual([3]);
    for (const [i, value] of [-6.5, -0.5, 2.5].entries())
      expect(numbersOf(y?.data ?? new Float32Array())[i]).toBeCloseTo(value, 2);
    const step = await exportTraining(store);
    const names = (list: readonly { name: string }[]) => list.map(({ name }) => name);
    expect(names(step.inputs)).toEqual(expect.arrayContaining(["x1", "x2", "y", "weight", "bias"]));
    expect(names(step.outputs)).toEqual(expect.arrayContaining(["loss", "gradNorm", "weight.next", "bias.next"]));
  });

  test("models that cannot do it are refused, with those that can", async () => {
    await expect(Promise.resolve(train("gru", { task: "products", data }))).rejects.toThrow(
      'task products: gru cannot do it, as it has no head "pairs"; choose bilinear',
    );
    await expect(Promise.resolve(trainOn({ shrae: 0.5 }))).rejects.toThrow(
      'train: unknown option "shrae" (did you mean "share"?)',
    );
    await expect(Promise.resolve(trainOn({ config: { width: 0 } }))).rejects.toThrow(
      "bilinear config: width: expected a whole number from 1 to 4096, got 0",
    );
  });
});

describe("in the command", () => {
  const ok = async (line: string, input?: string) => {
    const result = await descent(line.split(" "), input === undefined ? {} : { input });
    expect([result.code, result.err]).toEqual([0, expect.anything()]);
    return result.out;
  };

  test("the help lists both, with options and keys", async () => {
    const all = await ok("train --help");
    expect(all).toMatch(/\n {2}bilinear +a bilinear form of two vectors\n/);
    expect(all).toMatch(/\n {2}products +a number from two numbers\n +bilinear\n/);
    const one = await ok("train bilinear --help");
    expect(one).toMatch(/Options of task products:\n +--target <text> +column of the product \(default: y\)\n/);
    expect(one).toMatch(/Keys of bilinear for --set:\n +width +numbers in each vector/);
    expect(one).not.toContain("Options of task classify");
  });

  test("train, predict, eval, export, resume", async () => {
    await ok(
      "train bilinear --task products --data pairs.csv --weight-decay 0 --share 0.4 --threads 1 --out run --quiet",
    );
    expect(JSON.parse(readFileSync("run/task.json", "utf8"))).toEqual({
      task: "products",
      options: { target: "y", share: 0.4 },
    });
    expect(await ok("predict run --digits 1", '{"a":2,"b":-1}\n{"a":0,"b":7}\n')).toBe("-6.5\n-0.5\n");
    const json = await ok("predict run pairs.csv --json --digits 2");
    const answers = json
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { product: number });
    expect(answers.map(({ product }) => product)).toEqual(rows.map(({ y }) => expect.closeTo(y, 2)));
    expect(await ok("eval run --data pairs.csv")).toMatch(/pairs\.csv, 64 examples\n\n +mse\nrun +0\.0000\n/);
    await ok("export run --to onnx --out forward.onnx");
    expect(readFileSync("forward.onnx").length).toBeGreaterThan(100);
    await ok("train --resume run --steps 500 --quiet");
    expect(await ok("info run")).toContain("500");
    expect(
      (await descent("train bilinear --task products --data pairs.csv --targte z --quiet".split(" "))).code,
    ).not.toBe(0);
  });
});

test("no option of a task has the name of a setting of the training", async () => {
  const settings = Object.keys(trainingSchema.shape);
  for (const name of taskNames())
    expect(Object.keys((await loadTask(name)).options.shape).filter((key) => settings.includes(key))).toEqual([]);
  const clash = { ...products, options: z.strictObject({ batch: z.number() }) };
  expect(() => addTask(clash as never)).toThrow(
    'addTask: option "batch" is a setting of every training; give it another name',
  );
});
