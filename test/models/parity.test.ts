/** The language models against PyTorch's and transformers' numbers: `test/fixtures/models.py`. */
import { beforeAll, describe, expect, test } from "vitest";
import { IdGenerator } from "../../src/generate/index.ts";
import { gradient } from "../../src/graph/index.ts";
import { crossEntropy } from "../../src/nn/index.ts";
import { adamW } from "../../src/optim/index.ts";
import { compile, type HostTensor } from "../../src/runtime/index.ts";
import { input, type Tensor } from "../../src/tensor/index.ts";
import { createStep } from "../../src/train/index.ts";
import { type Fixture, fixtureNames, loadFixture } from "../support/fixtures.ts";
import { host, numbersOf, requireClose } from "../support/numbers.ts";
import { model as tolerance } from "../tolerances.ts";

const [B, T] = [3, 7];
const ids = (values: readonly number[], shape: readonly number[]): HostTensor => host(values, shape, "i32");

/** Runs `forward` on ids of any length below a fixed batch. */
async function logitsOf({ model, parameters, weights }: Fixture, given: HostTensor): Promise<HostTensor> {
  const tokens = input("ids", given.shape, "i32");
  const program = await compile({ ids: tokens, ...parameters }, model.forward({ ids: tokens }), { threads: 1 });
  const { logits } = await program.run({ ids: given, ...weights });
  if (!logits) throw new Error("the program gave no logits");
  return logits;
}

/** Largest difference relative to the largest expected element. */
function relativeError(got: HostTensor, expected: HostTensor): number {
  const [found, wanted] = [numbersOf(got.data), numbersOf(expected.data)];
  const scale = Math.max(...wanted.map(Math.abs), 1e-6);
  return Math.max(...wanted.map((value, i) => Math.abs((found[i] ?? Number.NaN) - value))) / scale;
}

/** Columns `from` up to before `to` of [B, T, ..]. */
function columns({ data, shape, dtype }: HostTensor, from: number, to: number): HostTensor {
  const [batch = 0, length = 0, ...rest] = shape;
  const width = rest.reduce((a, b) => a * b, 1);
  const rows = Array.from({ length: batch }, (_, b) =>
    numbersOf(data.slice((b * length + from) * width, (b * length + to) * width)),
  );
  return host(rows.flat(), [batch, to - from, ...rest], dtype);
}

describe.each(fixtureNames)("%s", (name) => {
  let fixture: Fixture;
  let given: HostTensor;
  let full: HostTensor;
  beforeAll(async () => {
    fixture = await loadFixture(name);
    given = fixture.expected("ids");
    full = await logitsOf(fixture, given);
  });

  test("names and shapes are the file's", () => {
    const ours = Object.entries(fixture.parameters).map(([path, { shape }]) => [fixture.fileName(path), shape]);
    expect(Object.fromEntries(ours)).toEqual(
      Object.fromEntries([...fixture.file].map(([key, { shape }]) => [key, shape])),
    );
  });

  test("logits", () => requireClose("logits", full, fixture.expected("logits"), tolerance.logits));

  test("loss and gradients of every parameter", async () => {
    const { model, parameters, weights } = fixture;
    const [x, y] = [input("ids", [B, T], "i32"), input("targets", [B, T], "i32")];
    const loss = crossEntropy(model.forward({ ids: x }).logits, y);
    const gradients = gradient(loss, Object.values(parameters));
    const outputs = Object.fromEntries(
      Object.keys(parameters).map((path, i) => [`grad.${path}`, gradients[i] as Tensor]),
    );
    const program = await compile(
      { ids: x, targets: y, ...parameters },
      { loss, ...outputs } as Record<string, Tensor>,
      { threads: 1 },
    );
    const results = await program.run({ ids: given, targets: fixture.expected("targets"), ...weights });
    requireClose("loss", results.loss as HostTensor, fixture.expected("loss"), tolerance.logits);
    for (const path of Object.keys(parameters)) {
      const expected = fixture.expected(`grad.${fixture.fileName(path)}`);
      const got = results[`grad.${path}`] as HostTensor;
      expect(got.shape).toEqual(expected.shape);
      expect(relativeError(got, expected), path).toBeLessThan(tolerance.gradient);
    }
  });

  test("100 steps of AdamW", async () => {
    const { model, parameters, weights } = fixture;
    const spec = { shape: [B, T], dtype: "i32" } as const;
    const step = await createStep(
      {
        parameters,
        batch: { ids: spec, targets: spec },
        loss: ({ ids, targets }) => crossEntropy(model.forward({ ids }).logits, targets),
        optimizer: adamW({ betas: [0.9, 0.95], epsilon: 1e-8, weightDecay: 0.1 }),
        clip: 1,
      },
      { weights },
      { threads: 1 },
    );
    const [batches, losses, norms] = ["batches", "losses", "grad_norms"].map((key) =>
      numbersOf(fixture.expected(key).data),
    );
    const errors: number[] = [];
    for (let i = 0; i < 100; i++) {
      const batch = host(batches?.slice(i * B * (T + 1), (i + 1) * B * (T + 1)) ?? [], [B, T + 1], "i32");
      const feeds = { ids: columns(batch, 0, T), targets: columns(batch, 1, T + 1) };
      const { loss, gradNorm } = await step.run([feeds], { step: i + 1, lr: 0.01, seed: 0 });
      const relative = (got: number, expected = Number.NaN) => Math.abs(got - expected) / Math.abs(expected);
      errors.push(Math.max(relative(loss, losses?.[i]), relative(gradNorm, norms?.[i])));
    }
    expect(Math.max(...errors.slice(0, 10))).toBeLessThan(tolerance.curve.at10);
    expect(Math.max(...errors)).toBeLessThan(tolerance.curve.at100);
  });

  /** Reads rows piece by piece, in pieces of their own lengths, and compares what follows the last token of each. */
  async function readInPieces(lengths: readonly (readonly number[])[]): Promise<void> {
    const generator = await IdGenerator.create(fixture.model, fixture.weights, { threads: 1 });
    const batch = generator.open(B);
    const past = new Int32Array(B);
    const V = fixture.model.vocabulary;
    for (const piece of lengths) {
      const asked = Array.from({ length: B }, (_, b) => {
        const from = b * T + (past[b] ?? 0);
        return batch.text(b).read(Int32Array.from(numbersOf(given.data).slice(from, from + (piece[b] ?? 0))));
      });
      for (const [b, logits] of (await Promise.all(asked)).entries()) {
        const end = b * T + (past[b] ?? 0) + (piece[b] ?? 0);
        past[b] = (past[b] ?? 0) + (piece[b] ?? 0);
        const expected = numbersOf(full.data).slice((end - 1) * V, end * V);
        requireClose(`row ${b}`, host(numbersOf(logits), [V], "f32"), host(expected, [V], "f32"), tolerance.step);
      }
    }
    await batch.release();
    await generator.release();
  }

  test("token by token gives what all at once gives", () =>
    readInPieces(Array.from({ length: T }, () => Array<number>(B).fill(1))));

  test("pieces of any length give what all at once gives, each row at its own pace", () =>
    readInPieces([
      [3, 1, 2],
      [1, 2, 1],
      [2, 3, 1],
      [1, 1, 3],
    ]));

  test("a token changes nothing before it", async () => {
    const changed = { ...given, data: given.data.slice() };
    for (let b = 0; b < B; b++) changed.data[b * T + 4] = (Number(given.data[b * T + 4]) + 1) % 13;
    const other = await logitsOf(fixture, changed);
    requireClose("before", columns(other, 0, 4), columns(full, 0, 4), tolerance.step);
    expect(relativeError(columns(other, 4, T), columns(full, 4, T))).toBeGreaterThan(1e-2);
  });

  test("rows of a batch do not see each other", async () => {
    const order = [2, 0, 1];
    const rowsOf = (value: HostTensor) =>
      order.flatMap((b) => numbersOf(value.data).slice((b * value.data.length) / B, ((b + 1) * value.data.length) / B));
    const permuted = await logitsOf(fixture, ids(rowsOf(given), given.shape));
    requireClose("logits", permuted, host(rowsOf(full), full.shape), tolerance.step);
  });

  test("without weights the loss is that of a guess", async () => {
    const { model, parameters } = fixture;
    const zero = Object.fromEntries(
      Object.entries(fixture.weights).map(([key, value]) => [
        key,
        { ...value, data: value.data.slice().fill(0 as never) },
      ]),
    );
    const x = input("ids", [B, T], "i32");
    const program = await compile(
      { ids: x, ...parameters },
      { loss: crossEntropy(model.forward({ ids: x }).logits, x) },
      { threads: 1 },
    );
    const { loss } = await program.run({ ids: given, ...zero });
    expect(Number(loss?.data[0])).toBeCloseTo(Math.log(13), 5);
  });
});
