/**
 * Steps whose number of rows stays open, against steps that are compiled for that number: one program for all, the same
 * numbers, and a program of its own wherever the loss does something else for another number of rows.
 */
import { describe, expect, test } from "vitest";
import { ConfigError, ShapeError } from "../../src/errors.ts";
import { type Spec, scan } from "../../src/graph/index.ts";
import { build, type Head, type Heads, loadArchitecture } from "../../src/models/index.ts";
import {
  BatchNorm1d,
  type CRFScores,
  crfLoss,
  crossEntropy,
  Dropout,
  Linear,
  LSTM,
  namedBuffers,
  namedParameters,
} from "../../src/nn/index.ts";
import { adam, sgd } from "../../src/optim/index.ts";
import { type Feeds, type HostTensor, initialValues, type RunOptions } from "../../src/runtime/index.ts";
import { noise, parameter, scalar, type Tensor, zeros } from "../../src/tensor/index.ts";
import { createStep, fixSizes, type StepOptions, type StepResult } from "../../src/train/index.ts";
import { devices } from "../support/adapter.ts";
import { host, numbersOf, requireClose, uniform } from "../support/numbers.ts";
import { forward, reordered } from "../tolerances.ts";

type Options = StepOptions<Readonly<Record<string, Spec>>>;
type Batch = Readonly<Record<string, Tensor>>;

const at = (step: number) => ({ step, lr: 0.1, seed: 3 });
const ROWS = [1, 2, 7, 32];
const [V, K, T] = [11, 3, 6];

const whole = (seed: number, shape: readonly number[], limit: number): HostTensor =>
  host(numbersOf(uniform(seed, shape, 0, limit).data).map(Math.floor), shape, "i32");

const f32 = (seed: number, shape: readonly number[]): HostTensor => uniform(seed, shape, -1, 1, "f32");

const stepOf = (options: Options, run: RunOptions = { threads: 1 }) => {
  const { parameters, buffers = {} } = options;
  const values = initialValues({ ...parameters, ...buffers }, 1);
  const names = (tensors: object) => Object.fromEntries(Object.keys(tensors).map((name) => [name, values[name]]));
  return createStep(options, { weights: names(parameters) as Feeds, buffers: names(buffers) as Feeds }, run);
};

/** Options with numbers for names, as the batch has them. */
const fixed = (options: Options, sizes: Readonly<Record<string, number>>): Options => ({
  ...options,
  batch: fixSizes(options.batch, sizes),
});

async function classifier(name: string, config: object): Promise<Options> {
  const model = await modelOf(name, "classes", config);
  return {
    parameters: namedParameters(model.parts),
    batch: {
      ids: { shape: ["B", "T"], dtype: "i32" },
      lengths: { shape: ["B"], dtype: "i32" },
      labels: { shape: ["B"], dtype: "i32" },
    },
    loss({ ids, lengths, labels }) {
      const { logits } = model.forward({ ids: ids as Tensor, lengths: lengths as Tensor });
      const right = logits
        .argMax(-1)
        .cast("i32")
        .equal(labels as Tensor);
      return { loss: crossEntropy(logits, labels as Tensor), accuracy: right.cast("f32").mean() };
    },
    optimizer: sgd({ momentum: 0.9 }),
    clip: 1,
  };
}

async function modelOf<H extends Head>(name: string, head: H, config: object): Promise<Heads[H]> {
  const architecture = await loadArchitecture(name);
  return build(architecture, head, architecture.configure({ vocab_size: V, num_labels: K, ...config }));
}

async function language(name: string, config: object): Promise<Options> {
  const model = await modelOf(name, "causal", config);
  return {
    parameters: namedParameters(model.parts),
    batch: { ids: { shape: ["B", "T"], dtype: "i32" }, targets: { shape: ["B", "T"], dtype: "i32" } },
    loss: ({ ids, targets }) => crossEntropy(model.forward({ ids: ids as Tensor }).logits, targets as Tensor),
    optimizer: sgd({ momentum: 0.9 }),
  };
}

async function tagger(name: string, config: object): Promise<Options> {
  const { parts, forward, chain } = await modelOf(name, "tags", { crf: true, ...config });
  return {
    parameters: namedParameters(parts),
    batch: {
      ids: { shape: ["B", "T"], dtype: "i32" },
      lengths: { shape: ["B"], dtype: "i32" },
      tags: { shape: ["B", "T"], dtype: "i32" },
    },
    loss({ ids, lengths, tags }) {
      const { logits } = forward({ ids: ids as Tensor, lengths: lengths as Tensor });
      return crfLoss(logits, tags as Tensor, lengths as Tensor, chain as CRFScores);
    },
    optimizer: sgd({ momentum: 0.9 }),
  };
}

async function translator(name: string, config: object): Promise<Options> {
  const model = await modelOf(name, "encoderDecoder", { target_vocab_size: V, ...config });
  return {
    parameters: namedParameters(model.parts),
    batch: { ...model.inputs, targets: { shape: ["B", "T"], dtype: "i32" } },
    loss({ source, sourceLengths, target, targets }) {
      const inputs = { source: source as Tensor, sourceLengths: sourceLengths as Tensor, target: target as Tensor };
      return crossEntropy(model.forward(inputs).logits, targets as Tensor);
    },
    optimizer: sgd({ momentum: 0.9 }),
  };
}

/** Feeds of `rows` texts of `length` at most; one of them has no id at all. */
const texts = (rows: number, length = T): Feeds => ({
  ids: whole(rows, [rows, length], V),
  lengths: whole(rows + 1, [rows], length + 1),
  labels: whole(rows + 2, [rows], K),
  targets: whole(rows + 3, [rows, length], V),
  tags: whole(rows + 4, [rows, length], K),
  source: whole(rows + 5, [rows, 5], V),
  sourceLengths: whole(rows + 6, [rows], 5),
  target: whole(rows + 7, [rows, length], V),
});
const only = (feeds: Feeds, options: Options): Feeds =>
  Object.fromEntries(Object.keys(options.batch).map((name) => [name, feeds[name] as HostTensor]));

const recurrent = { embedding_dim: 5, hidden_size: 8, num_layers: 2, dropout: 0.3 };
const gpt = { n_embd: 8, n_head: 2, n_layer: 2, n_positions: 8, embd_pdrop: 0.1, resid_pdrop: 0.1, attn_pdrop: 0.1 };
const large = { embedding_dim: 5, hidden_size: 192 };
const cases: readonly (readonly [string, () => Promise<Options>])[] = [
  ["rnn, language", () => language("rnn", recurrent)],
  ["lstm, language", () => language("lstm", recurrent)],
  ["gru, language", () => language("gru", recurrent)],
  ["lstm with large weights, language", () => language("lstm", large)],
  ["gru with large weights, language", () => language("gru", large)],
  ["gpt, language", () => language("gpt", gpt)],
  ["rnn, classes, the largest", () => classifier("rnn", { ...recurrent, pooling: "max" })],
  [
    "lstm, classes, both ways, the last",
    () => classifier("lstm", { ...recurrent, bidirectional: true, pooling: "last" }),
  ],
  [
    "gru, classes, both ways, the mean",
    () => classifier("gru", { ...recurrent, bidirectional: true, pooling: "mean" }),
  ],
  ["lstm with large weights, classes", () => classifier("lstm", { ...large, bidirectional: true })],
  ["gpt, classes", () => classifier("gpt", gpt)],
  ["mingru, language", () => language("mingru", recurrent)],
  ["minlstm, language", () => language("minlstm", recurrent)],
  ["lstm, tags with a CRF", () => tagger("lstm", { ...recurrent, bidirectional: true })],
  ["gru, encoder-decoder", () => translator("gru", recurrent)],
];

/** Runs the batches one after the other; what each reported, the weights at the end, and how many programs there were. */
async function train(options: Options, batches: readonly Feeds[]) {
  const step = await stepOf(options);
  const programs = new Set<unknown>();
  const losses: number[] = [];
  for (const [i, batch] of batches.entries()) {
    const { loss, gradNorm } = await step.run([batch], at(i + 1));
    losses.push(loss, gradNorm);
    programs.add(step.program);
  }
  await step.release();
  return {
    losses: host(losses, [losses.length], "f64"),
    weights: step.weights,
    buffers: step.buffers,
    programs: programs.size,
  };
}

const sizesOf = (batch: Feeds, options: Options): Record<string, number> =>
  Object.fromEntries(
    Object.entries(options.batch).flatMap(([name, { shape }]) =>
      shape.flatMap((dim, axis) => (typeof dim === "string" ? [[dim, batch[name]?.shape[axis] ?? 0]] : [])),
    ),
  );

const numbers = ({ loss, gradNorm }: StepResult) => host([loss, gradNorm], [2], "f64");
const requireAlike = (got: StepResult, expected: StepResult) =>
  requireClose("loss and norm", numbers(got), numbers(expected), reordered);

describe.each(cases)("%s: one program for all numbers of rows", (_, make) => {
  test("reports what the one for each reports, dropout and all", async () => {
    const options = await make();
    const batches = ROWS.map((rows) => only(texts(rows), options));
    for (const batch of batches) {
      const [open, own] = [await stepOf(options), await stepOf(fixed(options, sizesOf(batch, options)))];
      for (const n of [1, 2]) {
        const [got, expected] = [await open.run([batch], at(n)), await own.run([batch], at(n))];
        requireAlike(got, expected);
        expect(got.terms).toEqual(expected.terms);
      }
      for (const [name, value] of Object.entries(own.weights)) requireClose(name, open.weights[name], value, reordered);
      await Promise.all([open.release(), own.release()]);
    }
    expect((await train(options, [...batches, ...batches])).programs).toBe(1);
  }, 120_000);
});

test("batches of several lengths need a program for each length, whatever their rows", async () => {
  const options = await classifier("gru", recurrent);
  const batches = [4, 6, 4, 6].flatMap((length) => ROWS.map((rows) => only(texts(rows, length), options)));
  expect((await train(options, batches)).programs).toBe(2);
});

describe("a program of its own where the loss", () => {
  const layer = Linear(3, 2);
  const [parameters, batch] = [namedParameters(layer), { x: { shape: ["B", 3], dtype: "f32" } } as const];
  const x = (rows: number): Feeds => ({ x: f32(rows, [rows, 3]) });
  const rowsOf = (x: Tensor): number => Number(x.dim(0));
  const square = (x: Tensor) => layer(x).pow(2);
  test.each<[string, number, (x: Tensor) => Tensor]>([
    [
      "names a number of rows",
      3,
      (x) =>
        square(x)
          .reshape([rowsOf(x), 2])
          .mean(),
    ],
    ["counts in numbers", 3, (x) => square(x).sum().div(rowsOf(x))],
    [
      "counts in numbers where there is one, to 8 at most",
      2,
      (x) => {
        const count =
          typeof x.dim(0) === "number"
            ? scalar(Math.min(rowsOf(x), 8))
            : zeros([x.dim(0)])
                .add(1)
                .sum();
        return square(x).sum().div(count);
      },
    ],
    [
      "counts in numbers that are stretched",
      3,
      (x) =>
        square(x)
          .mul(zeros([2]).add(rowsOf(x)))
          .sum(),
    ],
    [
      "walks from row to row",
      3,
      (x) => {
        let sum = square(x).sum();
        for (let row = 0; row < rowsOf(x); row++)
          sum = sum.add(
            square(x.slice(0, row, row + 1))
              .sum()
              .mul(row),
          );
        return sum;
      },
    ],
    ["chooses by the number of rows", 2, (x) => (rowsOf(x) >= 9 ? square(x).mean() : square(x).sum())],
    [
      "draws as many numbers",
      3,
      (x) =>
        square(x)
          .sum()
          .mul(noise("uniform", [rowsOf(x)]).sum()),
    ],
    [
      "takes steps of a scan",
      3,
      (x) =>
        scan((state: Tensor, x: Tensor) => [state.add(x.mul(rowsOf(x))), x], zeros([x.dim(0)]), square(x))[0].sum(),
    ],
  ])("%s", async (_, programs, loss) => {
    const options: Options = { parameters, batch, loss: ({ x }) => loss(x as Tensor), optimizer: sgd() };
    const batches = [2, 7, 9].map(x);
    const step = await stepOf(options);
    const seen = new Set<unknown>();
    for (const [i, feeds] of batches.entries()) {
      const own = await stepOf(fixed(options, sizesOf(feeds, options)));
      await step.run([feeds], at(i + 1));
      seen.add(step.program);
      const again = await stepOf(options);
      requireAlike(await again.run([feeds], at(1)), await own.run([feeds], at(1)));
      await Promise.all([own.release(), again.release()]);
    }
    await step.release();
    expect(seen.size).toBe(programs);
  });

  test("has an error for some, that one", async () => {
    const loss = ({ x }: Batch): Tensor => {
      if (rowsOf(x as Tensor) === 2) throw new ConfigError("two are too few; give more");
      return square(x as Tensor).mean();
    };
    const step = await stepOf({ parameters, batch, loss, optimizer: sgd() });
    await step.run([x(3)], at(1));
    await expect(step.run([x(2)], at(2))).rejects.toThrow("two are too few; give more");
    await step.run([x(4)], at(2));
  });

  test("throws what it throws with numbers", async () => {
    const step = await stepOf({
      parameters,
      batch,
      loss: ({ x }) =>
        square(x as Tensor)
          .reshape([5, 2])
          .mean(),
      optimizer: sgd(),
    });
    await step.run([x(5)], at(1));
    await expect(step.run([x(4)], at(2))).rejects.toThrow(ShapeError);
    await expect(step.run([x(4)], at(2))).rejects.toThrow(/reshape: \[4, 2\] has 8 elements, \[5, 2\] has 10/);
  });
});

test("whether a size is open does not depend on which came before: in any order the same bits", async () => {
  const layer = Linear(3, 2);
  const loss = ({ x }: Batch): Tensor => {
    const y = layer(x as Tensor).pow(2);
    return Number((x as Tensor).dim(0)) === 7 ? y.sum() : y.mean();
  };
  const options: Options = {
    parameters: namedParameters(layer),
    batch: { x: { shape: ["B", 3], dtype: "f32" } },
    loss,
    optimizer: sgd(),
  };
  const batches = [2, 7, 9, 7, 2].map((rows) => ({ x: f32(rows, [rows, 3]) }));
  const once = await stepOf(options);
  for (const [i, batch] of batches.entries()) {
    const before = once.weights;
    const start = Object.fromEntries(
      Object.entries(before).map(([name, value]) => [name, { ...value, data: value.data.slice() }]),
    );
    const anew = await createStep(options, { weights: start as Feeds }, { threads: 1 });
    expect(await anew.run([batch], at(i + 1))).toEqual(await once.run([batch], at(i + 1)));
    expect(anew.weights).toEqual(once.weights);
  }
});

test("a size may be open that is no number of rows: the steps of a recurrence, for one text at a time", async () => {
  const [weight, layer] = [Linear(3, 4), Linear(4, 4)];
  const options: Options = {
    parameters: namedParameters({ weight, layer }),
    batch: { x: { shape: ["T", 3], dtype: "f32" } },
    loss({ x }) {
      const cell = (h: Tensor, x: Tensor) => [layer(h).add(weight(x)).tanh(), h] as const;
      const [last, all] = scan(cell, zeros([4]), x as Tensor, { axis: 0 });
      return last.pow(2).sum().add(all.mean());
    },
    optimizer: sgd({ momentum: 0.9 }),
  };
  const step = await stepOf(options);
  for (const length of [5, 1, 2, 9]) {
    const batch = { x: f32(length, [length, 3]) };
    const [anew, own] = [await stepOf(options), await stepOf(fixed(options, { T: length }))];
    for (const n of [1, 2]) requireAlike(await anew.run([batch], at(n)), await own.run([batch], at(n)));
    await step.run([batch], at(1));
    await Promise.all([anew.release(), own.release()]);
  }
  await step.release();
});

test.each(devices)(
  "on %s one program serves all numbers of rows as well",
  async (device) => {
    const options = await classifier("lstm", { ...recurrent, bidirectional: true });
    const batches = ROWS.map((rows) => only(texts(rows), options));
    const there = { device, threads: 1 } as const;
    const [step, own] = [await stepOf(options, there), await stepOf(options)];
    const programs = new Set<unknown>();
    for (const [i, batch] of batches.entries()) {
      const [got, expected] = [await step.run([batch], at(i + 1)), await own.run([batch], at(i + 1))];
      requireClose("loss and norm", numbers(got), numbers(expected), forward);
      programs.add(step.program);
    }
    await Promise.all([step.release(), own.release()]);
    expect(programs.size).toBe(1);
  },
  60_000,
);

test("micro-batches of different numbers of rows share a program, and buffers follow each in turn", async () => {
  const [a, norm, drop, b] = [Linear(3, 4), BatchNorm1d(4), Dropout(0.5), Linear(4, 2)];
  const options: Options = {
    parameters: namedParameters({ a, norm, b }),
    buffers: namedBuffers({ norm }),
    batch: { x: { shape: ["B", 3], dtype: "f32" } },
    loss: ({ x }) =>
      b(drop(norm(a(x as Tensor))))
        .pow(2)
        .mean(),
    optimizer: adam({ epsilon: 0.1 }),
    accumulate: 2,
    average: 0.9,
  };
  // Beside something without rows, no number of rows is open.
  const closed = { ...options, batch: { ...options.batch, none: { shape: [], dtype: "f32" } } } as const;
  const [step, own] = [await stepOf(options), await stepOf(closed)];
  const batches = [5, 8].map((rows) => ({ x: f32(rows, [rows, 3]) }));
  const programs = new Set<unknown>();
  for (const n of [1, 2, 3]) {
    requireAlike(
      await step.run(batches, at(n)),
      await own.run(
        batches.map((batch) => ({ ...batch, none: host([0], []) })),
        at(n),
      ),
    );
    programs.add(step.program);
  }
  for (const kind of ["weights", "buffers", "slots", "averages"] as const)
    for (const [name, value] of Object.entries(own[kind]))
      requireClose(`${kind}: ${name}`, step[kind][name], value as HostTensor, reordered);
  expect(programs.size).toBe(1);
});

describe("memory", () => {
  const options = (): Options => {
    const w = parameter([1], (out) => void out.fill(1));
    return {
      parameters: { w },
      batch: { x: { shape: ["B"], dtype: "f32" } },
      loss: ({ x }) =>
        w
          .mul(x as Tensor)
          .pow(2)
          .mean(),
      optimizer: sgd(),
    };
  };
  test("is checked anew for a later, larger batch, in one line, before it is fed", async () => {
    const step = await stepOf(options());
    await step.prepare({ B: 4 });
    const before = step.bytes;
    await expect(step.prepare({ B: 2 ** 45 })).rejects.toThrow(
      /^training: a step needs about \d+ GB of memory, there are [\d.]+ GB; lower batch.*$/,
    );
    expect(step.bytes).toBe(before);
    await step.run([{ x: f32(1, [8]) }], at(1));
    expect(step.bytes).toBeGreaterThan(before);
  });

  test("is that of the step with numbers", async () => {
    for (const B of [1, 3, 1000]) {
      const [open, own] = [await stepOf(options()), await stepOf(fixed(options(), { B }))];
      await open.prepare({ B });
      expect(Math.abs(open.bytes - own.bytes)).toBeLessThan(4 * B + 64); // the count of rows is computed, not a number
    }
  });
});

test("a batch of no rows is refused or reported as with numbers", async () => {
  const layer = LSTM(3, 4);
  const options: Options = {
    parameters: namedParameters(layer),
    batch: { x: { shape: ["B", 2, 3], dtype: "f32" } },
    loss: ({ x }) => layer(x as Tensor)[0].sum(),
    optimizer: sgd(),
  };
  const [open, own] = [await stepOf(options), await stepOf(fixed(options, { B: 0 }))];
  const none = { x: host([], [0, 2, 3]) };
  expect(await open.run([none], at(1))).toEqual(await own.run([none], at(1)));
});
