/** What is written is an ONNX model like any other: the same bytes every time, run by any program. */
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { gradient, scan } from "../../src/graph/index.ts";
import { crossEntropy, Dropout, LSTMCell, type LSTMState, traceTraining } from "../../src/nn/index.ts";
import { lower, type Named, type OnnxModel } from "../../src/onnx/index.ts";
import { adamW } from "../../src/optim/index.ts";
import { compileModel, type Feeds, type HostTensor } from "../../src/runtime/index.ts";
import { emptyArray, input, type Tensor, zeros } from "../../src/tensor/index.ts";
import { traceStep } from "../../src/train/index.ts";
import { type FixtureName, loadFixture } from "../support/fixtures.ts";
import { count, host, numbersOf, requireClose, uniform } from "../support/numbers.ts";
import { exact } from "../tolerances.ts";

const program = fileURLToPath(new URL("run-model.mjs", import.meta.url));

/** Runs the model in another process that knows nothing of this library. */
async function runElsewhere({ bytes, outputs }: OnnxModel, feeds: Feeds): Promise<Record<string, HostTensor>> {
  const folder = await mkdtemp(join(tmpdir(), "descent-export-"));
  try {
    const [model, given] = [join(folder, "model.onnx"), join(folder, "feeds.json")];
    const plain = Object.entries(feeds).map(([name, { data, shape, dtype }]) => {
      const type = dtype === "i32" ? "int32" : "float32";
      return [name, { type, data: numbersOf(data), dims: shape }];
    });
    await writeFile(model, bytes);
    await writeFile(given, JSON.stringify(Object.fromEntries(plain)));
    const { stdout } = await promisify(execFile)(process.execPath, [program, model, given], { maxBuffer: 2 ** 28 });
    const results = JSON.parse(stdout) as Record<string, { data: number[]; dims: number[] }>;
    return Object.fromEntries(
      outputs.map(({ name, spec }) => [name, host(results[name]?.data ?? [], results[name]?.dims ?? [], spec.dtype)]),
    );
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** A whole training step of a fixture's model: loss, gradients, clipping and AdamW. */
async function trainingStep(name: FixtureName): Promise<{ model: OnnxModel; feeds: Feeds }> {
  const { model, parameters, weights, expected } = await loadFixture(name);
  const optimizer = adamW();
  const spec = { shape: [3, 7], dtype: "i32" } as const;
  const { inputs, outputs } = traceStep({
    parameters,
    batch: { ids: spec, targets: spec },
    loss: ({ ids, targets }) => crossEntropy(model.forward({ ids }).logits, targets),
    optimizer,
    clip: 1,
  });
  const scalars = Object.entries(optimizer.scalars(1, 0.01)).map(([key, value]) => [
    `scalar.${key}`,
    host([value], []),
  ]);
  const given: Feeds = {
    ...weights,
    ...Object.fromEntries(scalars),
    ids: expected("ids"),
    targets: expected("targets"),
  };
  const zero = ({ shape, dtype }: Tensor): HostTensor => {
    const sizes = shape.map(Number);
    return { data: emptyArray(dtype, count(sizes)), shape: sizes, dtype };
  };
  const feeds = Object.fromEntries(Object.entries(inputs).map(([key, tensor]) => [key, given[key] ?? zero(tensor)]));
  return { model: lower(inputs, outputs), feeds };
}

describe("a model in another process", () => {
  test.each(["lstm2", "gpt"] as const)("a training step of %s", async (name) => {
    const { model, feeds } = await trainingStep(name);
    const here = await (await compileModel(model, { threads: 1 })).run(feeds);
    const there = await runElsewhere(model, feeds);
    expect(Object.keys(there)).toEqual(Object.keys(here));
    for (const [key, value] of Object.entries(here)) requireClose(key, there[key], value, exact);
    const moved = numbersOf(here["decoder.weight.next"]?.data ?? here["wte.weight.next"]?.data ?? new Float32Array());
    expect(moved.some((value, i) => value !== Number((feeds["decoder.weight"] ?? feeds["wte.weight"])?.data[i]))).toBe(
      true,
    );
  });

  test("sizes known at run time", async () => {
    const x = input("x", ["B", "T", 2]);
    const model = lower(
      { x },
      {
        y: x
          .reshape([-1, x.dim(-1)])
          .softmax()
          .reshape(x.shape)
          .rearrange("b t c -> (t b) c"),
      },
    );
    const value = uniform(1, [2, 3, 2], -1, 1, "f32");
    const [here, there] = [
      await (await compileModel(model)).run({ x: value }),
      await runElsewhere(model, { x: value }),
    ];
    requireClose("y", there.y, here.y as HostTensor, exact);
    expect(there.y?.shape).toEqual([6, 2]);
  });
});

/** Functions that trace the same graph every time they are called. */
const traces: Record<string, () => { inputs: Named; outputs: Named }> = {
  "a perceptron and its gradients": () => {
    const [x, w, b] = [input("x", [4, 3]), input("w", [3, 5]), input("b", [5])];
    const y = x.matmul(w).add(b).gelu().softmax();
    const [dw, db] = gradient(y.mul(y).sum(), [w, b]) as [Tensor, Tensor];
    return { inputs: { x, w, b }, outputs: { y, dw, db } };
  },
  "a recurrence and its gradients": () => {
    const cell = LSTMCell(3, 4);
    const xs = input("xs", [2, 5, 3]);
    const start: LSTMState = { h: zeros([2, 4]), c: zeros([2, 4]) };
    const [, hs] = scan((state: LSTMState, x: Tensor) => cell(state, x), start, xs);
    const [g] = gradient(hs.mean(), [cell.weight_hh]);
    const { weight_ih, weight_hh, bias_ih, bias_hh } = cell;
    return { inputs: { xs, weight_ih, weight_hh, bias_ih, bias_hh }, outputs: { hs, g } };
  },
  "dropout and symbols": () => {
    const x = input("x", ["B", "T"]);
    const fixed = input("fixed", [2, 3]);
    const { result: y } = traceTraining(() => Dropout(0.5)(fixed));
    const noise = y.node.inputs
      .flatMap(({ node }) => node.inputs)
      .flatMap(({ node }) => node.inputs)
      .flatMap(({ node }) => node.inputs);
    const leaf = noise.find(({ node }) => node.op === "noise");
    return { inputs: { x, fixed, ...(leaf ? { noise: leaf } : {}) }, outputs: { y, z: x.concat([x], 1).mean(0) } };
  },
};

describe("bytes", () => {
  test.each(Object.entries(traces))("%s: two traces, one file", (_, trace) => {
    const [first, second] = [trace(), trace()].map(({ inputs, outputs }) => lower(inputs, outputs).bytes);
    expect(Buffer.from(first ?? []).equals(Buffer.from(second ?? []))).toBe(true);
    expect(first?.length).toBeGreaterThan(100);
  });

  test("a training step: two traces, one file", async () => {
    const [first, second] = [await trainingStep("gpt"), await trainingStep("gpt")];
    expect(Buffer.from(first.model.bytes).equals(Buffer.from(second.model.bytes))).toBe(true);
  });

  test("what goes in and comes out has the names and sizes it was given", () => {
    const [x, unused] = [input("x", ["B", 2]), input("unused", [1], "i64")];
    const model = lower({ x, unused }, { y: x.sum(1), same: x, again: x });
    const shapes = (list: OnnxModel["inputs"]) => list.map(({ name, spec: { shape, dtype } }) => [name, shape, dtype]);
    expect(shapes(model.inputs)).toEqual([
      ["x", ["B", 2], "f32"],
      ["unused", [1], "i64"],
    ]);
    expect(shapes(model.outputs)).toEqual([
      ["y", ["B"], "f32"],
      ["same", ["B", 2], "f32"],
      ["again", ["B", 2], "f32"],
    ]);
  });
});
