/** The keys of recurrent architectures: what they make of a model, and that a text read in pieces is the text read at once. */
import { describe, expect, test } from "vitest";
import { ConfigError } from "../../src/errors.ts";
import { gradient } from "../../src/graph/index.ts";
import { build } from "../../src/models/architecture.ts";
import { gru } from "../../src/models/gru.ts";
import { lstm } from "../../src/models/lstm.ts";
import { mingru } from "../../src/models/mingru.ts";
import { minlstm } from "../../src/models/minlstm.ts";
import { rnn } from "../../src/models/rnn.ts";
import { namedParameters, traceTraining } from "../../src/nn/index.ts";
import { compile, type HostTensor, initialValues } from "../../src/runtime/index.ts";
import { input, type Tensor } from "../../src/tensor/index.ts";
import { host, numbersOf, requireClose } from "../support/numbers.ts";
import { model as tolerances } from "../tolerances.ts";

const rows = { rnn, lstm, gru, mingru, minlstm };
const row = (modelType: string) => rows[modelType as keyof typeof rows];
const base = { vocab_size: 7, embedding_dim: 3, hidden_size: 5, num_layers: 2 };
const cell = [
  { layer_norm: true },
  { zoneout: 0.3 },
  { input_dropout: 0.3, recurrent_dropout: 0.2, dropout_mask: "step" },
  { recurrent_init: "orthogonal" },
];
const keys: Readonly<Record<string, readonly object[]>> = {
  rnn: [...cell, { nonlinearity: "relu" }],
  lstm: [
    ...cell,
    { proj_size: 2 },
    { forget_bias: 1 },
    { peepholes: true, cell_zoneout: 0.5 },
    { recurrent_activation: "hard-sigmoid", proj_size: 3, layer_norm: true, zoneout: 0.1 },
  ],
  gru: [...cell, { reset: "before" }, { recurrent_activation: "hard-sigmoid" }],
};
const all = Object.entries(keys).flatMap(([name, forms]) =>
  forms.map((form) => [name, JSON.stringify(form), form] as const),
);
const [B, T] = [2, 4];
const ids = host([1, 2, 3, 4, 5, 6, 0, 1], [B, T], "i32");

describe.each(all)("%s %s", (name, _, form) => {
  const config = row(name).configure({ ...base, ...form });

  test("a text in pieces gives what the text gives at once", async () => {
    const model = build(row(name), "causal", config);
    const weights = namedParameters(model.parts);
    const values = initialValues(weights, 1);
    const [x, lengths, past] = [input("ids", [B, T], "i32"), input("lengths", [B], "i32"), input("past", [B], "i32")];
    const whole = await compile({ ids: x, ...weights }, model.forward({ ids: x }), { threads: 1 });
    const { logits } = await whole.run({ ids, ...values });
    const piece = input("ids", [B, 1], "i32");
    const carried = Object.fromEntries(
      Object.entries(model.carried).map(([key, { shape, dtype }]) => [
        key,
        input(
          key,
          shape.map((d) => (d === "B" ? B : d)),
          dtype,
        ),
      ]),
    );
    const { logits: next, carried: after } = model.step({ ids: piece, lengths, past }, carried);
    const ends = Object.fromEntries(Object.entries(after).map(([key, value]) => [`next_${key}`, value]));
    const step = await compile(
      { ids: piece, lengths, past, ...carried, ...weights },
      { next, ...ends },
      { threads: 1 },
    );
    let state: Record<string, HostTensor> = Object.fromEntries(
      Object.entries(carried).map(([key, { shape }]) => [
        key,
        host(Array(shape.reduce<number>((a, d) => a * Number(d), 1)).fill(0), shape.map(Number)),
      ]),
    );
    for (let t = 0; t < T; t++) {
      const got: Readonly<Record<string, HostTensor>> = await step.run({
        ids: host(
          [0, 1].map((b) => Number(ids.data[b * T + t])),
          [B, 1],
          "i32",
        ),
        lengths: host([1, 1], [B], "i32"),
        past: host([t, t], [B], "i32"),
        ...state,
        ...values,
      });
      const rows = [0, 1].flatMap((b) =>
        numbersOf((logits as HostTensor).data).slice((b * T + t) * 7, (b * T + t + 1) * 7),
      );
      requireClose(`step ${t}`, got.next, host(rows, [B, 7]), tolerances.step);
      state = Object.fromEntries(
        Object.keys(carried).map((key) => {
          const value = got[`next_${key}`] as HostTensor;
          return [key, { ...value, data: value.data.slice() }];
        }),
      );
    }
  });

  test.each(["last", "mean", "max", "mean-max", "attention"])(
    "a classifier pools %s, however directions are joined",
    async (pooling) => {
      for (const more of [
        {},
        ...["concat", "sum", "mul", "average"].map((merge) => ({ bidirectional: true, merge })),
      ]) {
        const given = row(name).configure({ ...base, ...form, ...more, num_labels: 3, pooling });
        const model = build(row(name), "classes", given);
        const weights = namedParameters(model.parts);
        const [x, lengths] = [input("ids", [B, T], "i32"), input("lengths", [B], "i32")];
        const { logits } = traceTraining(() => model.forward({ ids: x, lengths })).result;
        expect(logits.shape).toEqual([B, 3]);
        const slopes = gradient(logits.sumSquares(), Object.values(weights));
        expect(slopes).toHaveLength(Object.keys(weights).length);
        const outside = model.forward({ ids: x, lengths }).logits;
        const program = await compile({ ids: x, lengths, ...weights }, { logits: outside as Tensor }, { threads: 1 });
        const run = async (word: number) => {
          const padded = host([1, 2, 3, word, 5, word, word, word], [B, T], "i32");
          const result = await program.run({
            ids: padded,
            lengths: host([3, 1], [B], "i32"),
            ...initialValues(weights, 1),
          });
          return numbersOf(result.logits.data);
        };
        const [first, second] = [await run(0), await run(6)];
        expect(first).toEqual(second);
        expect(first.every(Number.isFinite)).toBe(true);
        await program.release();
      }
    },
  );
});

describe("an encoder-decoder and a tagger of cells with options", () => {
  const forms = [
    ["lstm", { proj_size: 2, peepholes: true, bidirectional: true, merge: "sum", attention: "dot" }],
    ["lstm", { proj_size: 3, bidirectional: true, input_feeding: true, layer_norm: true }],
    ["gru", { reset: "before", recurrent_dropout: 0.2, scheduled_sampling: 0.5, input_feeding: true }],
    ["rnn", { nonlinearity: "relu", zoneout: 0.1, bidirectional: true, merge: "mul" }],
  ] as const;
  test.each(forms)("%s %j", async (name, form) => {
    const config = row(name).configure({ ...base, ...form, target_vocab_size: 6, num_labels: 4 });
    const [source, lengths] = [input("source", [B, T], "i32"), input("lengths", [B], "i32")];
    const target = input("target", [B, 3], "i32");
    const model = build(row(name), "encoderDecoder", config);
    const weights = namedParameters(model.parts);
    const loss = (forward: () => { logits: Tensor }) => forward().logits.sumSquares();
    const trained = traceTraining(() => loss(() => model.forward({ source, sourceLengths: lengths, target }))).result;
    expect(gradient(trained, Object.values(weights))).toHaveLength(Object.keys(weights).length);
    const { logits } = model.forward({ source, sourceLengths: lengths, target });
    const { memory, carried } = model.encode(source, lengths);
    for (const [key, { shape }] of Object.entries(model.carried))
      expect(carried[key]?.shape).toEqual(shape.map((d) => (d === "B" ? B : d)));
    const first = model.step(target.slice(1, 0, 1).squeeze(1), memory, carried).logits;
    const inputs = { source, lengths, target, ...weights };
    const program = await compile(inputs, { logits, first }, { threads: 1 });
    const results = await program.run({
      source: ids,
      lengths: host([4, 2], [B], "i32"),
      target: host([1, 2, 3, 4, 5, 0], [B, 3], "i32"),
      ...initialValues(weights, 1),
    });
    const rows = [0, 1].flatMap((b) => numbersOf(results.logits.data).slice(b * 18, b * 18 + 6));
    requireClose("first step", results.first, host(rows, [B, 6]), tolerances.step);
    const tagger = build(row(name), "tags", config);
    expect(tagger.forward({ ids: source, lengths }).logits.shape).toEqual([B, T, 4]);
  });

  test("what would be drawn once instead of at each step is refused", () => {
    const make = (form: object) => () =>
      build(row("lstm"), "encoderDecoder", row("lstm").configure({ ...base, target_vocab_size: 6, ...form }));
    const message = 'config: zoneout and dropout_mask "step" draw anew at each step';
    expect(make({ zoneout: 0.1, input_feeding: true })).toThrow(message);
    expect(make({ cell_zoneout: 0.1, scheduled_sampling: 0.1 })).toThrow(message);
    expect(make({ recurrent_dropout: 0.1, dropout_mask: "step", input_feeding: true })).toThrow(message);
    expect(make({ recurrent_dropout: 0.1, input_feeding: true })).not.toThrow();
    expect(make({ zoneout: 0.1 })).not.toThrow();
  });
});

test("a forecast of cells with options", () => {
  const numbers = { ...base, input_size: 2, window: 8, horizon: 4, segment: 2 };
  for (const form of [
    { proj_size: 3, cell_zoneout: 0.2 },
    { peepholes: true, recurrent_dropout: 0.2 },
  ])
    for (const decoding of ["parallel", "recurrent"]) {
      const config = row("lstm").configure({ ...numbers, ...form, decoding });
      const model = build(row("lstm"), "forecast", config);
      const values = input("values", [B, 8, 2]);
      const { forecast } = traceTraining(() => model.forward({ values })).result;
      expect(forecast?.shape).toEqual([B, 4, 2]);
    }
});

test("the last layer's states are joined as its outputs are: after one step they are the same", async () => {
  for (const merge of ["concat", "sum", "mul", "average"]) {
    const results = await Promise.all(
      ["last", "mean"].map(async (pooling) => {
        const config = row("gru").configure({ ...base, bidirectional: true, merge, num_labels: 3, pooling });
        const model = build(row("gru"), "classes", config);
        const weights = namedParameters(model.parts);
        const [x, lengths] = [input("ids", [B, 1], "i32"), input("lengths", [B], "i32")];
        const program = await compile({ ids: x, lengths, ...weights }, model.forward({ ids: x, lengths }), {
          threads: 1,
        });
        const { logits } = await program.run({
          ids: host([3, 5], [B, 1], "i32"),
          lengths: host([1, 1], [B], "i32"),
          ...initialValues(weights, 1),
        });
        return logits as HostTensor;
      }),
    );
    requireClose(merge, results[0], results[1] as HostTensor, tolerances.logits);
  }
});

test.each([undefined, 0, 1, -2.5])(
  "with all weights at 0 a cell keeps σ(forget_bias) of itself: %s",
  async (forget_bias) => {
    const config = lstm.configure({ ...base, num_layers: 1, ...(forget_bias !== undefined && { forget_bias }) });
    const model = build(lstm, "causal", config);
    const weights = namedParameters(model.parts);
    const [x, one] = [input("ids", [1, 1], "i32"), input("one", [1], "i32")];
    const carried = { h: input("h", [1, 1, 5]), c: input("c", [1, 1, 5]) };
    const after = model.step({ ids: x, lengths: one, past: one }, carried).carried;
    const program = await compile({ ids: x, one, ...carried, ...weights }, { next: after.c as Tensor }, { threads: 1 });
    const zero = (shape: readonly unknown[]) => {
      const sizes = shape.map(Number);
      return host(Array(sizes.reduce((a, d) => a * d, 1)).fill(0), sizes);
    };
    const values = Object.fromEntries(Object.entries(weights).map(([key, { shape }]) => [key, zero(shape)]));
    const cell = [-2, -1, 0, 0.5, 3];
    const results = await program.run({
      ids: host([1], [1, 1], "i32"),
      one: host([1], [1], "i32"),
      h: host([1, 2, 3, 4, 5], [1, 1, 5]),
      c: host(cell, [1, 1, 5]),
      ...values,
    });
    const kept = 1 / (1 + Math.exp(-(forget_bias ?? 0)));
    requireClose(
      "c'",
      results.next,
      host(
        cell.map((value) => kept * value),
        [1, 1, 5],
      ),
      tolerances.step,
    );
    await program.release();
  },
);

describe("keys belong to architectures that have them", () => {
  test.each([
    ["rnn", { proj_size: 2 }, "proj_size"],
    ["gru", { forget_bias: 1 }, "forget_bias"],
    ["rnn", { recurrent_activation: "sigmoid" }, "recurrent_activation"],
    ["gru", { peepholes: true }, "peepholes"],
    ["gru", { nonlinearity: "relu" }, "nonlinearity"],
    ["lstm", { reset: "before" }, "reset"],
    ["mingru", { layer_norm: true }, "layer_norm"],
    ["minlstm", { zoneout: 0.1 }, "zoneout"],
    ["lstm", { zoneout: 1.5 }, "zoneout"],
    ["gru", { merge: "max" }, "merge"],
  ] as const)("%s refuses %j", (name, form, key) => {
    expect(() => row(name).configure({ ...base, ...form })).toThrow(ConfigError);
    expect(() => row(name).configure({ ...base, ...form })).toThrow(key);
  });

  test("a published configuration is read where its architecture can compute it", () => {
    expect(row("rnn").read({ ...base, nonlinearity: "relu" }).nonlinearity).toBe("relu");
    expect(row("lstm").read({ ...base, proj_size: 2 }).proj_size).toBe(2);
    expect(row("lstm").read({ ...base, nonlinearity: "tanh", proj_size: 0 }).proj_size).toBe(0);
    expect(() => row("gru").read({ ...base, proj_size: 2 })).toThrow("config: proj_size 2 changes the mathematics");
    expect(() => row("lstm").read({ ...base, nonlinearity: "relu" })).toThrow("config: nonlinearity");
  });

  test("what layers refuse is refused in a line", () => {
    const make = (name: string, form: object) => () =>
      build(row(name), "classes", row(name).configure({ ...base, num_labels: 2, ...form }));
    expect(make("lstm", { proj_size: 5 })).toThrow("LSTM: expected a projection to fewer than 5 elements, got 5");
    expect(make("gru", { merge: "sum" })).toThrow(
      'GRU: expected no merge for one direction, got "sum"; set bidirectional: true',
    );
  });
});
