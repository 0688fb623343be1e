/** Autoencoders of texts against PyTorch's numbers (`test/fixtures/latent_text.py`), step by step as well. */
import { beforeAll, describe, expect, test } from "vitest";
import { ConfigError, DTypeError } from "../../src/errors.ts";
import { gradient } from "../../src/graph/index.ts";
import { build, type LatentTextModel, latentTextInputs, loadArchitecture } from "../../src/models/index.ts";
import {
  crossEntropy,
  freeBits,
  namedParameters,
  normalKL,
  reparameterise,
  traceTraining,
} from "../../src/nn/index.ts";
import { compile, type Feeds, fillNoise, type HostTensor, initialValues } from "../../src/runtime/index.ts";
import { input, inputsOf, type Tensor } from "../../src/tensor/index.ts";
import { type Fixture, latentTextNames, loadLatentText } from "../support/fixtures.ts";
import { host, numbersOf, requireClose } from "../support/numbers.ts";
import { model as tolerance } from "../tolerances.ts";

type Named = Readonly<Record<string, Tensor>>;
const INPUTS = ["ids", "lengths", "target"] as const;
const [BETA, FREE] = [0.7, 0.2]; // as in the script
const [B, T, V, L] = [3, 6, 9, 3];

async function run(inputs: Named, outputs: Named, feeds: Feeds): Promise<Feeds> {
  const program = await compile(inputs, outputs, { threads: 1 });
  const results = await program.run(feeds);
  const kept = Object.entries(results).map(([name, value]) => [name, { ...value, data: value.data.slice() }]);
  await program.release();
  return Object.fromEntries(kept);
}

describe.each(latentTextNames)("%s", (name) => {
  let fixture: Fixture<"latentText">;
  let feeds: Record<(typeof INPUTS)[number], HostTensor>;
  beforeAll(async () => {
    fixture = await loadLatentText(name);
    feeds = Object.fromEntries(INPUTS.map((key) => [key, fixture.expected(key)])) as typeof feeds;
  });

  test("names and shapes are the file's", () => {
    const ours = Object.entries(fixture.parameters).map(([path, { shape }]) => [path, shape]);
    expect(Object.fromEntries(ours)).toEqual(
      Object.fromEntries([...fixture.file].map(([key, { shape }]) => [key, shape])),
    );
  });

  test("posterior, logits, both parts of the bound, loss with free bits, and gradients of every parameter", async () => {
    const { model, parameters, weights, expected } = fixture;
    const given = Object.fromEntries(
      [...INPUTS, "labels", "epsilon"].map((key) => [key, input(key, expected(key).shape, expected(key).dtype)]),
    );
    const { ids, lengths, target, labels, epsilon } = given as Record<string, Tensor> as Record<
      "ids" | "lengths" | "target" | "labels" | "epsilon",
      Tensor
    >;
    const { result } = traceTraining(() => {
      const { mean, logVariance } = model.encode(ids, lengths);
      const codes = reparameterise(mean, logVariance, epsilon);
      const logits = model.decode(codes, target);
      const reconstruction = crossEntropy(logits, labels, { ignoreIndex: -1, reduction: "none" }).sum(1);
      const kl = normalKL(mean, logVariance);
      const loss = reconstruction.mean().add(freeBits(kl, FREE).mul(BETA));
      return { mean, logVariance, codes, logits, reconstruction, kl, loss };
    });
    const gradients = gradient(result.loss, Object.values(parameters));
    const grads = Object.fromEntries(
      Object.keys(parameters).map((path, i) => [`grad.${path}`, gradients[i] as Tensor]),
    );
    const fed = Object.fromEntries(Object.keys(given).map((key) => [key, expected(key)]));
    const results = await run({ ...given, ...parameters }, { ...result, ...grads }, { ...fed, ...weights });
    for (const key of Object.keys(result)) {
      const wanted = expected(key);
      const size = Math.max(1, ...numbersOf(wanted.data).map(Math.abs));
      requireClose(key, results[key], wanted, { absolute: tolerance.logits.absolute * size, relative: 0 });
    }
    for (const path of Object.keys(parameters)) {
      const wanted = expected(`grad.${path}`);
      const scale = Math.max(...numbersOf(wanted.data).map(Math.abs), 1e-6);
      requireClose(path, results[`grad.${path}`], wanted, { absolute: tolerance.gradient * scale, relative: 0 });
    }
  });

  test("of any size: the code of one text, and logits of its mean, are those beside longer texts", async () => {
    const { model, parameters, weights, expected } = fixture;
    const given = inputsOf(latentTextInputs) as Record<(typeof INPUTS)[number], Tensor>;
    const program = await compile({ ...given, ...parameters }, { ...model.forward(given) }, { threads: 1 });
    const whole = await program.run({ ...feeds, ...weights });
    const all = numbersOf((whole.logits as HostTensor).data);
    requireClose("mean", whole.mean, expected("mean"), tolerance.logits);
    for (let b = 0; b < B; b++) {
      const n = Number(feeds.lengths.data[b]);
      const row = (key: "ids" | "target", to: number) =>
        host(numbersOf(feeds[key].data).slice(b * T, b * T + to), [1, to], "i32");
      const alone = await program.run({
        ...{ ids: row("ids", n), lengths: host([n], [1], "i32"), target: row("target", n + 1) },
        ...weights,
      });
      requireClose(
        `mean ${b}`,
        alone.mean,
        host(numbersOf(expected("mean").data).slice(b * L, (b + 1) * L), [1, L]),
        tolerance.logits,
      );
      const wanted = host(all.slice(b * T * V, (b * T + n + 1) * V), [1, n + 1, V]);
      requireClose(`logits ${b}`, alone.logits, wanted, tolerance.logits);
    }
    await program.release();
  });

  test("step by step: the same logits", async () => {
    const { model, parameters, weights, expected } = fixture;
    const codes = input("codes", ["B", L]);
    const first = await run({ codes, ...parameters }, model.begin(codes), { codes: expected("codes"), ...weights });
    const next = input("ids", ["B"], "i32");
    const before = inputsOf(model.carried);
    const { logits, carried } = model.step(next, codes, before);
    const after = Object.fromEntries(Object.entries(carried).map(([key, tensor]) => [`next.${key}`, tensor]));
    const program = await compile({ ids: next, codes, ...before, ...parameters }, { logits, ...after }, { threads: 1 });
    const target = numbersOf(feeds.target.data);
    let state: Feeds = first;
    for (let t = 0; t < T; t++) {
      const ids = host(
        Array.from({ length: B }, (_, b) => target[b * T + t] ?? 0),
        [B],
        "i32",
      );
      const results: Feeds = await program.run({ ids, codes: expected("codes"), ...state, ...weights });
      const all = numbersOf(expected("logits").data);
      const wanted = Array.from({ length: B }, (_, b) => all.slice((b * T + t) * V, (b * T + t + 1) * V));
      requireClose(`logits ${t}`, results.logits, host(wanted.flat(), [B, V]), tolerance.step);
      state = Object.fromEntries(
        Object.keys(model.carried).map((key) => {
          const value = results[`next.${key}`] as HostTensor;
          return [key, { ...value, data: value.data.slice() }];
        }),
      );
    }
    await program.release();
  });
});

const make = async (config: object, name = "gru"): Promise<LatentTextModel> => {
  const architecture = await loadArchitecture(name);
  const sizes = { vocab_size: 7, embedding_dim: 4, hidden_size: 5, latent: 2 };
  return build(architecture, "latentText", architecture.configure({ ...sizes, ...config }));
};

describe("what a decoder reads", () => {
  const target = host([6, 0, 1, 2, 6, 3, 4, 5], [2, 4], "i32");
  const others = host([6, 5, 5, 5, 6, 2, 2, 2], [2, 4], "i32");
  const codes = host([1, -1, 0.5, 2], [2, 2]);

  async function logitsOf(config: object, ids: HostTensor, given = codes, seed = 1, training = true) {
    const model = await make(config);
    const [z, y] = [input("codes", [2, 2]), input("target", [2, 4], "i32")];
    const trace = () => model.decode(z, y);
    const drawn: Tensor[] = [];
    const logits = training ? traceTraining(trace).result : trace();
    const { sortNodes } = await import("../../src/graph/index.ts");
    for (const { op, outputs } of sortNodes([logits])) if (op === "noise") drawn.push(...outputs);
    const leaves = Object.fromEntries(drawn.map((leaf, i) => [`noise.${i}`, leaf]));
    const noise = Object.fromEntries(
      Object.entries(leaves).map(([key, { shape }], site) => {
        const value = host(new Float32Array(shape.reduce<number>((a, b) => a * Number(b), 1)), shape.map(Number));
        fillNoise(value.data as Float32Array, "uniform", { seed, step: 1, site });
        return [key, value];
      }),
    );
    const parameters = namedParameters(model.parts);
    const { logits: found } = await run(
      { codes: z, target: y, ...parameters, ...leaves },
      { logits },
      { codes: given, target: ids, ...initialValues(parameters, 3), ...noise },
    );
    return found as HostTensor;
  }

  test("with word dropout of nearly 1 only the first token counts, and only in training", async () => {
    const none = { word_dropout: 0.999999 };
    expect(await logitsOf(none, target)).toEqual(await logitsOf(none, others));
    expect(await logitsOf(none, target, codes, 1, false)).toEqual(await logitsOf({}, target, codes, 1, false));
    const started = host([5, 0, 1, 2, 5, 3, 4, 5], [2, 4], "i32");
    expect(await logitsOf(none, started)).not.toEqual(await logitsOf(none, target));
  });

  test("the code counts at every step, beside what is read", async () => {
    const changed = await logitsOf({}, target, host([1, -1, 0.5, -2], [2, 2]));
    const same = await logitsOf({}, target);
    const rows = (value: HostTensor) => numbersOf(value.data);
    expect(rows(changed).slice(0, 28)).toEqual(rows(same).slice(0, 28));
    for (let t = 4; t < 8; t++)
      expect(rows(changed).slice(t * 7, t * 7 + 7)).not.toEqual(rows(same).slice(t * 7, t * 7 + 7));
  });

  test("what is dropped is a function of the noise", async () => {
    const half = { word_dropout: 0.5 };
    expect(await logitsOf(half, target)).toEqual(await logitsOf(half, target));
    expect(await logitsOf(half, target)).not.toEqual(await logitsOf(half, target, codes, 2));
  });
});

test.each(["rnn", "lstm", "gru", "mingru", "minlstm"])("%s: a text without a token has a code", async (name) => {
  const model = await make({ num_layers: 2, bidirectional: true, pooling: "mean" }, name);
  const given = inputsOf(latentTextInputs) as Record<(typeof INPUTS)[number], Tensor>;
  const parameters = namedParameters(model.parts);
  const results = await run(
    { ...given, ...parameters },
    { ...model.forward(given) },
    {
      ids: host([0, 0, 0, 1, 2, 3], [2, 3], "i32"),
      lengths: host([0, 3], [2], "i32"),
      target: host([6, 0, 0, 6, 1, 2], [2, 3], "i32"),
      ...initialValues(parameters, 2),
    },
  );
  for (const value of Object.values(results)) expect(numbersOf(value.data).every(Number.isFinite)).toBe(true);
});

test("what cannot be built, or read, says why", async () => {
  await expect(make({ vocab_size: undefined })).rejects.toThrow(ConfigError);
  await expect(make({ latent: 0 })).rejects.toThrow(/^gru config: latent: expected a whole number from 1/);
  const model = await make({});
  expect(() => model.step(input("ids", ["B"], "i32"), input("codes", ["B", 2]), {})).toThrow(DTypeError);
  expect(() => model.encode([] as never, [] as never)).toThrow(/^encode: ids: expected a tensor/);
});
