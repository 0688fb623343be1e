/** Encoder-decoders against PyTorch's numbers (`test/fixtures/encoder_decoder.py`), step by step as well, and their scans. */
import { beforeAll, describe, expect, test } from "vitest";
import { ConfigError } from "../../src/errors.ts";
import { gradient, sortNodes } from "../../src/graph/index.ts";
import type { ScanAttrs } from "../../src/graph/ops/scan.ts";
import { simplify } from "../../src/graph/simplify.ts";
import { build, type EncoderDecoderModel, encoderDecoderInputs, loadArchitecture } from "../../src/models/index.ts";
import { crossEntropy, namedParameters, traceTraining } from "../../src/nn/index.ts";
import { adamW } from "../../src/optim/index.ts";
import { compile, type Feeds, fillNoise, type HostTensor, initialValues } from "../../src/runtime/index.ts";
import { input, inputsOf, type Tensor } from "../../src/tensor/index.ts";
import { createStep } from "../../src/train/index.ts";
import { encoderDecoderNames, type Fixture, loadEncoderDecoder } from "../support/fixtures.ts";
import { host, numbersOf, requireClose } from "../support/numbers.ts";
import { model as tolerance } from "../tolerances.ts";

type Named = Readonly<Record<string, Tensor>>;
const INPUTS = ["source", "sourceLengths", "target"] as const;

async function run(inputs: Named, outputs: Named, feeds: Feeds): Promise<Feeds> {
  const program = await compile(inputs, outputs, { threads: 1 });
  const results = await program.run(feeds);
  const kept = Object.entries(results).map(([name, value]) => [name, { ...value, data: value.data.slice() }]);
  await program.release();
  return Object.fromEntries(kept);
}

describe.each(encoderDecoderNames)("%s", (name) => {
  let fixture: Fixture<"encoderDecoder">;
  let feeds: Record<(typeof INPUTS)[number], HostTensor>;
  beforeAll(async () => {
    fixture = await loadEncoderDecoder(name);
    feeds = Object.fromEntries(INPUTS.map((key) => [key, fixture.expected(key)])) as typeof feeds;
  });

  test("names and shapes are the file's", () => {
    const ours = Object.entries(fixture.parameters).map(([path, { shape }]) => [path, shape]);
    expect(Object.fromEntries(ours)).toEqual(
      Object.fromEntries([...fixture.file].map(([key, { shape }]) => [key, shape])),
    );
  });

  test.each(["", "training, "] as const)("%slogits, loss and gradients of every parameter", async (mode) => {
    const { model, parameters, weights, expected } = fixture;
    const given = Object.fromEntries(INPUTS.map((key) => [key, input(key, feeds[key].shape, "i32")])) as never;
    const labels = input("labels", expected("labels").shape, "i32");
    const trace = () => model.forward(given).logits;
    const logits = mode ? traceTraining(trace).result : trace();
    const loss = crossEntropy(logits, labels);
    const gradients = gradient(loss, Object.values(parameters));
    const grads = Object.fromEntries(
      Object.keys(parameters).map((path, i) => [`grad.${path}`, gradients[i] as Tensor]),
    );
    const results = await run(
      { ...(given as Named), labels, ...parameters },
      { logits, loss, ...grads },
      { ...feeds, labels: expected("labels"), ...weights },
    );
    requireClose("logits", results.logits, expected("logits"), tolerance.logits);
    requireClose("loss", results.loss, expected("loss"), tolerance.logits);
    for (const path of Object.keys(parameters)) {
      const wanted = expected(`grad.${path}`);
      const scale = Math.max(...numbersOf(wanted.data).map(Math.abs), 1e-6);
      requireClose(path, results[`grad.${path}`], wanted, { absolute: tolerance.gradient * scale, relative: 0 });
    }
  });

  test("of any size: logits of one source beside longer ones are its own", async () => {
    const { model, parameters, weights, expected } = fixture;
    const given = inputsOf(encoderDecoderInputs) as never;
    const program = await compile({ ...(given as Named), ...parameters }, { ...model.forward(given) }, { threads: 1 });
    const [B = 0, S = 0] = feeds.source.shape;
    const [, T = 0, W = 0] = expected("logits").shape;
    for (let b = 0; b < B; b++) {
      const n = Number(feeds.sourceLengths.data[b]);
      const row = (data: HostTensor["data"], from: number, to: number) => numbersOf(data.slice(from, to));
      const { logits } = await program.run({
        source: host(row(feeds.source.data, b * S, b * S + n), [1, n], "i32"),
        sourceLengths: host([n], [1], "i32"),
        target: host(row(feeds.target.data, b * T, (b + 1) * T), [1, T], "i32"),
        ...weights,
      });
      const wanted = host(row(expected("logits").data, b * T * W, (b + 1) * T * W), [1, T, W]);
      requireClose(`row ${b}`, logits, wanted, tolerance.logits);
    }
    await program.release();
  });

  test("step by step: the same logits and attention", async () => {
    const { model, parameters, weights, expected } = fixture;
    const [source, lengths] = [input("source", ["B", "S"], "i32"), input("sourceLengths", ["B"], "i32")];
    const encoded = model.encode(source, lengths);
    const { source: ids, sourceLengths } = feeds;
    const started = await run(
      { source, sourceLengths: lengths, ...parameters },
      {
        ...encoded.memory,
        ...encoded.carried,
        ...(encoded.memory.lengths && { lengths: encoded.memory.lengths.add(0) }),
      },
      { source: ids, sourceLengths, ...weights },
    );
    for (const [key, { shape }] of Object.entries({ ...model.memory, ...model.carried }))
      expect(started[key]?.shape).toEqual(shape.map((dim) => ({ B: 3, S: 6 })[dim] ?? dim));
    const next = input("ids", ["B"], "i32");
    const before = { memory: inputsOf(model.memory), carried: inputsOf(model.carried) };
    const { logits, attention, carried } = model.step(next, before.memory, before.carried);
    const after = Object.fromEntries(Object.entries(carried).map(([key, tensor]) => [`next.${key}`, tensor]));
    const program = await compile(
      { ids: next, ...before.memory, ...before.carried, ...parameters },
      { logits, ...(attention && { attention }), ...after },
      { threads: 1 },
    );
    const part = (key: string, t: number) => {
      const { data, shape } = expected(key);
      const [B = 0, T = 0, width = 1] = shape;
      const values = Array.from({ length: B }, (_, b) =>
        numbersOf(data).slice((b * T + t) * width, (b * T + t + 1) * width),
      );
      return host(values.flat(), shape.length === 3 ? [B, width] : [B], shape.length === 3 ? "f32" : "i32");
    };
    let state: Feeds = Object.fromEntries(Object.keys(model.carried).map((key) => [key, started[key] as HostTensor]));
    const memory = Object.fromEntries(Object.keys(model.memory).map((key) => [key, started[key] as HostTensor]));
    for (let t = 0; t < 5; t++) {
      const results: Feeds = await program.run({ ids: part("target", t), ...memory, ...state, ...weights });
      requireClose(`logits ${t}`, results.logits, part("logits", t), tolerance.logits);
      if (attention) requireClose(`attention ${t}`, results.attention, part("attention", t), tolerance.logits);
      state = Object.fromEntries(
        Object.keys(model.carried).map((key) => {
          const value = results[`next.${key}`] as HostTensor;
          return [key, { ...value, data: value.data.slice() }];
        }),
      );
    }
    expect(Boolean(attention)).toBe(name !== "gru-none");
    await program.release();
  });
});

const make = async (config: object, name = "gru"): Promise<EncoderDecoderModel> => {
  const architecture = await loadArchitecture(name);
  const sizes = { vocab_size: 11, target_vocab_size: 13, embedding_dim: 4, hidden_size: 6 };
  return build(architecture, "encoderDecoder", architecture.configure({ ...sizes, ...config }));
};
const fixed = (B: number, S: number, T: number) => ({
  source: input("source", [B, S], "i32"),
  sourceLengths: input("sourceLengths", [B], "i32"),
  target: input("target", [B, T], "i32"),
});

describe("what stays in the loop of the decoder", () => {
  /** The operations in the body of the scan that the targets are read by, and what it captures. */
  async function decoderLoop(config: object) {
    const model = await make(config);
    const { result } = traceTraining(() => model.forward(fixed(2, 7, 5)).logits);
    const scans = sortNodes(simplify([result])).filter(({ op }) => op === "scan");
    const loop = scans.find(({ inputs, attrs }) => inputs[(attrs as ScanAttrs).states]?.shape[0] === 5);
    if (!loop) throw new Error("there is no loop of five steps");
    return sortNodes((loop.attrs as ScanAttrs).body.outputs).map(({ op }) => op);
  }
  const count = (ops: readonly string[], ...names: string[]) => ops.filter((op) => names.includes(op)).length;
  const products = (ops: readonly string[]) => count(ops, "matmul", "gemm");

  test("without input feeding the cell alone", async () => {
    const ops = await decoderLoop({});
    expect([products(ops), count(ops, "softmax", "gather", "concat")]).toEqual([1, 0]); // U h
  });
  test.each([
    ["general", 5], // U h, V h̃, q kᵀ, a m, W_c [c; h]
    ["dot", 5],
    ["additive", 6], // W q and vᵀ tanh(..) for q kᵀ
    ["none", 2],
  ] as const)("with input feeding and %s attention %i products", async (attention, expected) => {
    const ops = await decoderLoop({ attention, input_feeding: true });
    expect(products(ops)).toBe(expected);
    expect(count(ops, "gather")).toBe(0); // no embedding
    expect(count(ops, "concat")).toBe(attention === "none" ? 0 : 1); // [c; h]; [y; h̃] is divided, so that W y can leave
    expect(count(ops, "softmax")).toBe(attention === "none" ? 0 : 1);
  });
});

test.each([
  [{}, 5],
  [{ input_feeding: true }, 1],
  [{ scheduled_sampling: 0.5 }, 1],
])("between layers of a decoder with %j, dropout draws for %i of 5 steps", async (config, steps) => {
  const model = await make({ ...config, num_layers: 2, dropout: 0.3 });
  const { result } = traceTraining(() => model.forward(fixed(2, 7, 5)).logits);
  const masks = sortNodes([result]).flatMap(({ op, outputs }) => (op === "noise" ? outputs : []));
  const widths = masks.filter(({ rank, shape }) => rank === 3 && shape[1] !== 7).map(({ shape }) => shape[1]);
  expect(widths).toEqual([5, steps, 5]); // embedding, between the layers, before the logits
});

describe("scheduled sampling", () => {
  const ids = host([1, 2, 3, 4, 5, 6, 7, 8], [2, 4], "i32");
  const lengths = host([4, 2], [2], "i32");
  /** Logits of a training step, with the numbers that it drew. */
  async function logitsOf(config: object, target: HostTensor, seed = 1, training = true) {
    const model = await make({ input_feeding: true, ...config });
    const given = fixed(2, 4, 4);
    const trace = () => model.forward(given).logits;
    const logits = training ? traceTraining(trace).result : trace();
    const noise = sortNodes([logits]).filter(({ op }) => op === "noise");
    const leaves = Object.fromEntries(noise.map((node, i) => [`noise${i}`, node.outputs[0] as Tensor]));
    const drawn = Object.fromEntries(
      Object.entries(leaves).map(([key, { shape }], i) => {
        const value = host(new Float32Array(shape.reduce<number>((a, b) => a * Number(b), 1)), shape.map(Number));
        fillNoise(value.data as Float32Array, "uniform", { seed, step: 1, site: i });
        return [key, value];
      }),
    );
    const parameters = namedParameters(model.parts);
    const weights = initialValues(parameters, 3);
    const results = await run(
      { ...given, ...parameters, ...leaves },
      { logits },
      { source: ids, sourceLengths: lengths, target, ...weights, ...drawn },
    );
    return results.logits as HostTensor;
  }
  const others = host([1, 9, 9, 9, 5, 9, 9, 9], [2, 4], "i32");

  test.each([{}, { input_feeding: false }, { attention: "none", input_feeding: false }])(
    "with probability 0 it is teacher forcing, with 1 no target but the first is read (%j)",
    async (config) => {
      const forced = await logitsOf(config, ids);
      requireClose("never", await logitsOf({ ...config, scheduled_sampling: 1e-9 }, ids), forced, tolerance.logits);
      const always = { ...config, scheduled_sampling: 1 };
      const own = await logitsOf(always, ids);
      requireClose("targets are not read", await logitsOf(always, others), own, tolerance.logits);
      expect(numbersOf(own.data)).not.toEqual(numbersOf(forced.data));
      requireClose("outside training", await logitsOf(always, ids, 1, false), forced, tolerance.logits);
    },
  );

  test("what is drawn is a function of the noise", async () => {
    const own = (seed: number) => logitsOf({ scheduled_sampling: 1 }, ids, seed);
    expect(await own(1)).toEqual(await own(1));
    expect(numbersOf((await own(1)).data)).not.toEqual(numbersOf((await own(2)).data));
  });
});

test.each([
  ["rnn", { attention: "additive" }],
  ["lstm", { attention: "general", bidirectional: true }],
  ["gru", { attention: "dot", scheduled_sampling: 0.1 }],
  ["mingru", { attention: "general" }],
  ["minlstm", { attention: "none" }],
] as const)("%s in two layers with dropout and input feeding learns a batch by heart (%j)", async (name, config) => {
  const model = await make({ ...config, input_feeding: true, num_layers: 2, dropout: 0.05, hidden_size: 16 }, name);
  const parameters = namedParameters(model.parts);
  const spec = (...shape: number[]) => ({ shape, dtype: "i32" }) as const;
  const step = await createStep(
    {
      parameters,
      batch: { source: spec(2, 3), sourceLengths: spec(2), target: spec(2, 3), labels: spec(2, 3) },
      loss: ({ labels, ...given }) => crossEntropy(model.forward(given).logits, labels),
      optimizer: adamW(),
    },
    { weights: initialValues(parameters, 1) },
    { threads: 1 },
  );
  const batch = {
    source: host([1, 2, 3, 4, 0, 0], [2, 3], "i32"),
    sourceLengths: host([3, 1], [2], "i32"),
    target: host([0, 5, 6, 0, 7, 8], [2, 3], "i32"),
    labels: host([5, 6, 9, 7, 8, 9], [2, 3], "i32"),
  };
  const losses: number[] = [];
  for (let n = 1; n <= 100; n++) losses.push((await step.run([batch], { step: n, lr: 0.02, seed: 1 })).loss);
  expect(losses[0]).toBeGreaterThan(2); // ln 13 = 2.56 is a guess
  expect(losses.at(-1)).toBeLessThan(0.3);
  await step.release();
});

test("a source without a token gives finite logits", async () => {
  for (const config of [{}, { attention: "additive", input_feeding: true }, { attention: "none" }]) {
    const model = await make({ ...config, bidirectional: true });
    const given = fixed(2, 3, 2);
    const parameters = namedParameters(model.parts);
    const { logits } = await run(
      { ...given, ...parameters },
      { ...model.forward(given) },
      {
        source: host([0, 0, 0, 1, 2, 3], [2, 3], "i32"),
        sourceLengths: host([0, 3], [2], "i32"),
        target: host([1, 2, 3, 4], [2, 2], "i32"),
        ...initialValues(parameters, 2),
      },
    );
    expect(numbersOf(logits?.data ?? new Float32Array([Number.NaN])).every(Number.isFinite)).toBe(true);
  }
});

test("what cannot be built says why", async () => {
  await expect(make({ attention: "dot", bidirectional: true })).rejects.toThrow(
    /^config: attention: dot compares vectors/,
  );
  await expect(make({ target_vocab_size: undefined })).rejects.toThrow(
    new ConfigError(
      "config: target_vocab_size: an encoder-decoder needs the number of its target's tokens, got nothing; give target_vocab_size",
    ),
  );
  const model = await make({});
  expect(() => model.step(input("ids", ["B"], "i32"), {}, {})).toThrow(/^step: values: expected a tensor/);
});
