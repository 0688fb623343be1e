/** `await using` gives back every session that was made. */
import { InferenceSession } from "onnxruntime-node";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { DeviceError } from "../../src/errors.ts";
import { IdGenerator } from "../../src/generate/index.ts";
import { build, loadArchitecture } from "../../src/models/index.ts";
import { Linear, meanSquaredError, namedParameters } from "../../src/nn/index.ts";
import { sgd } from "../../src/optim/index.ts";
import { array, compile, initialValues, type Program } from "../../src/runtime/index.ts";
import { train } from "../../src/tasks/train.ts";
import { input } from "../../src/tensor/index.ts";
import { createStep, fit as fitModel } from "../../src/train/index.ts";
import { connectWorker, serveWorker } from "../../src/worker/index.ts";
import { listOf } from "../support/runs.ts";

let made = 0;
let released = 0;
const proto = (InferenceSession as unknown as { prototype: InferenceSession }).prototype;
const { release } = proto;
const { create } = InferenceSession as { create: (...values: unknown[]) => Promise<InferenceSession> };

beforeEach(() => {
  [made, released] = [0, 0];
  vi.spyOn(InferenceSession as unknown as { create: typeof create }, "create").mockImplementation(async (...values) => {
    const session = await create.apply(InferenceSession, values);
    made++;
    return session;
  });
  vi.spyOn(proto, "release").mockImplementation(function (this: InferenceSession) {
    released++;
    return release.call(this);
  });
});
afterEach(() => {
  vi.restoreAllMocks();
});
/** Something was made, and all of it was given back. */
const requireGivenBack = () => {
  expect(made).toBeGreaterThan(0);
  expect(released).toBe(made);
};

test("a program", async () => {
  const x = input("x", [3]);
  let kept: Program | undefined;
  {
    await using program = await compile({ x }, { y: x.add(17) });
    kept = program;
    expect((await program.run({ x: array([1, 2, 3]) })).y?.data).toEqual(Float32Array.of(18, 19, 20));
  }
  requireGivenBack();
  await expect(kept.run({ x: array([1, 2, 3]) })).rejects.toThrow(DeviceError);
});

test("a program, where what is done with it fails", async () => {
  const x = input("x", [3]);
  const fails = async () => {
    await using program = await compile({ x }, { y: x.add(18) });
    await program.run({});
  };
  await expect(fails()).rejects.toThrow(/input "x" expects/);
  requireGivenBack();
});

const net = Linear(1, 1);
const loss = ({ x, y }: { x: Parameters<typeof net>[0]; y: Parameters<typeof net>[0] }) => meanSquaredError(net(x), y);
const columns = { x: [[1], [2]], y: [[2], [4]] };

test("a training step", async () => {
  const batch = { x: { shape: [2, 1], dtype: "f32" }, y: { shape: [2, 1], dtype: "f32" } } as const;
  {
    await using step = await createStep(
      { parameters: namedParameters(net), batch, loss, optimizer: sgd() },
      { weights: initialValues(namedParameters(net), 0) },
    );
    await step.run([{ x: array(columns.x), y: array(columns.y) }], { step: 1, lr: 0.1, seed: 0 });
  }
  requireGivenBack();
});

test("a model of one's own after fit", async () => {
  {
    await using fitted = await fitModel(net, columns, { loss, steps: 2 });
    await fitted.predict({ x: [[1]] });
    await fitted.evaluate(columns);
  }
  requireGivenBack();
});

test("a generator of ids", async () => {
  const rnn = await loadArchitecture("rnn");
  const model = build(rnn, "causal", rnn.configure({ vocab_size: 5, hidden_size: 4, embedding_dim: 4 }));
  {
    await using generator = await IdGenerator.create(model, initialValues(namedParameters(model.parts), 0));
    expect(await listOf(generator.ids(Int32Array.of(1), { tokens: 3 }))).toHaveLength(3);
  }
  requireGivenBack();
});

describe("a predictor", () => {
  test("that continues text", async () => {
    const data = { name: "text", text: "abcabcabcabc".repeat(9) };
    const config = { hidden_size: 4, embedding_dim: 4 };
    const trained = await train("rnn", { task: "language", data, config, context: 4, batch: 2, steps: 1 });
    {
      await using unused = await trained.open();
      expect(unused.line).toBeDefined();
    }
    {
      await using model = await trained.open();
      expect(await listOf(model.predict(["a"], { tokens: 2 }))).toHaveLength(1);
      await model.release(); // once more does no harm
      expect(await listOf(model.predict(["a"], { tokens: 2 }))).toHaveLength(1);
    }
    requireGivenBack();
  });
  test("that classifies", async () => {
    const rows = ["fine", "bad", "fine day", "bad day"].map((text) => ({ text, label: text.slice(0, 3) }));
    const config = { hidden_size: 4, embedding_dim: 4 };
    const trained = await train("rnn", { task: "classify", data: { name: "rows", rows }, config, batch: 2, steps: 1 });
    {
      await using model = await trained.open();
      expect(await listOf(model.predict(["fine"]))).toHaveLength(1);
    }
    requireGivenBack();
  });
});

test("a Worker ends, and calls that wait say so", async () => {
  const { port1, port2 } = new MessageChannel();
  const terminate = vi.fn(() => port2.close());
  const answers = { never: () => new Promise(() => undefined) };
  serveWorker(answers, port1);
  port1.start();
  port2.start();
  const worker = {
    postMessage: port2.postMessage.bind(port2),
    addEventListener: port2.addEventListener.bind(port2),
    terminate,
  };
  let waiting: Promise<unknown> | undefined;
  {
    await using ask = connectWorker<typeof answers>(worker);
    waiting = Promise.resolve(ask("never"));
    waiting.catch(() => undefined);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  expect(terminate).toHaveBeenCalledTimes(1);
  await expect(waiting).rejects.toThrow(new DeviceError("worker: it was ended; connect another"));
  port1.close();
});
