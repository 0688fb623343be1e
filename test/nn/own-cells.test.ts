/** Cells of one's own as layers, and layers that go on where the batch before ended. */
import { describe, expect, test } from "vitest";
import { gradient, scan } from "../../src/graph/index.ts";
import {
  constantInit,
  GRU,
  Linear,
  LSTM,
  type LSTMState,
  MinGRU,
  MinLSTM,
  namedBuffers,
  namedParameters,
  RNN,
  recurrent,
  resetStates,
  Stateful,
  traceTraining,
  uniformInit,
} from "../../src/nn/index.ts";
import { compile, type HostTensor, initialValues } from "../../src/runtime/index.ts";
import { input, parameter, type Tensor, zeros } from "../../src/tensor/index.ts";
import { host, numbersOf, requireClose, uniform } from "../support/numbers.ts";
import { exact, forward } from "../tolerances.ts";

const [B, T, I, H] = [3, 5, 2, 4];
const present = (value: HostTensor | undefined): HostTensor => value ?? host([], [0]);

/** An LSTM written by hand, with PyTorch's names. */
const byHand = {
  name: "ByHand",
  parts: (width: number) => ({
    weight_ih: parameter([4 * H, width], uniformInit(0.5)),
    weight_hh: parameter([4 * H, H], uniformInit(0.5)),
    bias_ih: parameter([4 * H], uniformInit(0.5)),
    bias_hh: parameter([4 * H], uniformInit(0.5)),
  }),
  first: (B: Tensor["shape"][number]) => ({ h: zeros([B, H]), c: zeros([B, H]) }),
  step(
    parts: Readonly<Record<"weight_ih" | "weight_hh" | "bias_ih" | "bias_hh", Tensor>>,
    { h, c }: LSTMState,
    x: Tensor,
  ) {
    const [i, f, g, o] = x
      .linear(parts.weight_ih, parts.bias_ih)
      .add(h.linear(parts.weight_hh, parts.bias_hh))
      .chunk(4);
    const next = f.sigmoid().mul(c).add(i.sigmoid().mul(g.tanh()));
    const out = o.sigmoid().mul(next.tanh());
    return [{ h: out, c: next }, out] as const;
  },
};

describe("a cell of one's own", () => {
  test.each([
    {},
    { layers: 2, bidirectional: true },
    { layers: 3, bidirectional: true, merge: "mul" },
    { bidirectional: true, merge: "average" },
  ] as const)("an LSTM by hand is the LSTM, %j", async (options) => {
    const [own, theirs] = [recurrent(byHand, I, H, options), LSTM(I, H, options)];
    expect(Object.keys(namedParameters(own))).toEqual(Object.keys(namedParameters(theirs)));
    const places = ("layers" in options ? Number(options.layers) : 1) * ("bidirectional" in options ? 2 : 1);
    const [x, n] = [input("x", [B, T, I]), input("n", [B], "i32")];
    const state = { h: input("h", [places, B, H]), c: input("c", [places, B, H]) };
    const weights = namedParameters(theirs);
    const given = {
      x: uniform(1, [B, T, I], -1, 1, "f32"),
      n: host([2, 5, 0], [B], "i32"),
      h: uniform(2, [places, B, H], -1, 1, "f32"),
      c: uniform(3, [places, B, H], -1, 1, "f32"),
      ...initialValues(weights, 1),
    };
    const run = async (layer: typeof theirs | typeof own): Promise<Record<string, HostTensor>> => {
      const parameters = namedParameters(layer);
      const [ys, last] = (layer as typeof theirs)(x, { state, lengths: n });
      const slopes = gradient(ys.sumSquares().add(last.c.sumSquares()), Object.values(parameters));
      const outputs = { ys, lastH: last.h, lastC: last.c, ...Object.fromEntries(slopes.map((g, i) => [`g${i}`, g])) };
      const program = await compile({ x, n, ...state, ...parameters }, outputs, { threads: 1 });
      return program.run(given);
    };
    const [got, expected] = [await run(own), await run(theirs)];
    for (const [key, value] of Object.entries(expected)) requireClose(key, got[key], value, forward);
  });

  /** Sums over time of two inputs of different form: words [B, T, 2] times a weight, and marks [B, T] of whole numbers. */
  const sums = {
    parts: () => ({ scale: parameter([2], constantInit(0.5)), down: Linear(2, 1, { bias: false }) }),
    first: (B: Tensor["shape"][number]) => [zeros([B, 2]), { marks: zeros([B], "i32") }] as const,
    step(
      { scale, down }: { scale: Tensor; down: (x: Tensor) => Tensor },
      [sum, { marks }]: readonly [Tensor, { readonly marks: Tensor }],
      { words, marks: now }: { words: Tensor; marks: Tensor },
    ) {
      const next = sum.add(words.mul(scale));
      const count = marks.add(now);
      return [[next, { marks: count }] as const, { sums: next, counts: count, one: down(next) }] as const;
    },
  };

  test("states, inputs and outputs are trees; padding of any of them changes nothing", async () => {
    const layer = recurrent(sums, 2, 2, { bidirectional: true, merge: "sum" });
    expect(Object.keys(namedParameters(layer))).toEqual([
      "scale_l0",
      "down_l0.weight",
      "scale_l0_reverse",
      "down_l0_reverse.weight",
    ]);
    const [words, marks, n] = [input("words", [2, 3, 2]), input("marks", [2, 3], "i32"), input("n", [2], "i32")];
    const [{ sums: ys, counts }, [last, { marks: total }]] = layer({ words, marks }, { lengths: n });
    const program = await compile(
      { words, marks, n, ...namedParameters(layer) },
      { ys, counts, last, total },
      { threads: 1 },
    );
    const run = (padding: number, mark: number) =>
      program.run({
        words: host([1, 2, 3, 4, padding, padding, 1, 1, 1, 1, 1, 1], [2, 3, 2]),
        marks: host([1, 2, mark, 1, 1, 1], [2, 3], "i32"),
        n: host([2, 3], [2], "i32"),
        ...initialValues(namedParameters(layer), 1),
      });
    for (const padding of [0, Number.NaN, 1e38]) {
      const got = await run(padding, 1000);
      // Forward ½(1, 3), backward ½(1+3, 3) in the first column: sums 0.5 + 2, 2 + 1.5.
      requireClose("ys", got.ys, host([2.5, 4, 3.5, 5, 0, 0, 2, 2, 2, 2, 2, 2], [2, 3, 2]), exact);
      requireClose("counts", got.counts, host([4, 5, 0, 4, 4, 4], [2, 3], "i32"), exact);
      requireClose("last", got.last, host([2, 3, 1.5, 1.5, 2, 3, 1.5, 1.5], [2, 2, 2]), exact);
      requireClose("total", got.total, host([3, 3, 3, 3], [2, 2], "i32"), exact);
    }
  });

  test("what does not fit is refused in a line", () => {
    const layer = recurrent(byHand, I, H);
    const x = input("x", [B, T, I]);
    expect(() => layer(x, { state: { h: zeros([1, B, H]) } as never })).toThrow(
      "ByHand: expected a state of f32[1, 3, 4], got undefined; give what an earlier call returned",
    );
    expect(() => recurrent(byHand, I, H, { merge: "sum" })).toThrow("ByHand: expected no merge for one direction");
    expect(() => recurrent(byHand, 0, H)).toThrow("ByHand: expected I to be a whole number from 1 on, got 0");
    expect(() => recurrent({ ...byHand, gates: 4 } as never, I, H)).toThrow('recurrent: there is no option "gates"');
    expect(() => recurrent({ ...byHand, step: 3 } as never, I, H)).toThrow(
      "ByHand: expected a step as a function, got 3",
    );
    expect(() => recurrent({ parts: byHand.parts, first: byHand.first } as never, I, H)).toThrow(
      "recurrent: expected a step as a function, got undefined",
    );
    expect(() => layer(input("x", [B]) as never)).toThrow("ByHand: expected sequences [B, T, ..], got [3]");
    const wrong = recurrent(
      { ...byHand, step: (_: object, s: LSTMState, y: Tensor) => [{ h: s.h, c: y }, y] as const },
      I,
      H,
    );
    expect(() => wrong(x)).toThrow("scan: expected the next state to be like the state");
  });
});

describe("stateful layers", () => {
  const makers = {
    RNN: () => RNN(I, H, { layers: 2 }),
    GRU: () => GRU(I, H, { zoneout: 0 }),
    LSTM: () => LSTM(I, H, { layers: 2, projection: 3, peepholes: true }),
    MinGRU: () => MinGRU(I, H, { layers: 2 }),
    MinLSTM: () => MinLSTM(I, H),
    own: () => recurrent(byHand, I, H),
  } as unknown as Readonly<Record<string, () => (xs: Tensor, call?: object) => [Tensor, Tensor | LSTMState]>>;
  const whole = uniform(1, [B, 12, I], -1, 1, "f32");
  const piece = (from: number, to: number, rows = B) =>
    host(
      Array.from({ length: rows }, (_, b) =>
        numbersOf(whole.data).slice((b * 12 + from) * I, (b * 12 + to) * I),
      ).flat(),
      [rows, to - from, I],
    );

  /** One training step as a program over buffers: outputs and what the buffers are afterwards. */
  async function stepOf(layer: ReturnType<typeof Stateful>, steps: number, withReset = false) {
    const [x, reset, n] = [input("x", [B, steps, I]), input("reset", [B], "bool"), input("n", [B], "i32")];
    const { result, updates } = traceTraining(() => layer(x, { lengths: n, ...(withReset ? { reset } : {}) }));
    const buffers = namedBuffers(layer);
    const next = Object.fromEntries(
      Object.entries(buffers).map(([key, buffer]) => [`next.${key}`, updates.get(buffer) as Tensor]),
    );
    const parameters = namedParameters(layer);
    const ys = result[0] as Tensor;
    const program = await compile(
      { x, n, ...(withReset ? { reset } : {}), ...parameters, ...buffers },
      { ys, ...next },
      { threads: 1 },
    );
    return async (feeds: Readonly<Record<string, HostTensor>>, held: Readonly<Record<string, HostTensor>>) => {
      const results: Readonly<Record<string, HostTensor>> = await program.run({
        ...initialValues(parameters, 1),
        ...feeds,
        ...held,
      });
      const after = Object.keys(buffers).map((key) => {
        const value = present(results[`next.${key}`]);
        return [key, { ...value, data: value.data.slice() }] as const;
      });
      return { ys: present(results.ys), held: Object.fromEntries(after) };
    };
  }
  const full = (steps: number) => host([steps, steps, steps], [B], "i32");

  test.each(Object.keys(makers))("%s in pieces gives what the whole sequence gives", async (name) => {
    const layer = Stateful(makers[name]?.() as never, B);
    const once = makers[name]?.() as never as (xs: Tensor) => [Tensor, unknown];
    const x = input("x", [B, 12, I]);
    const parameters = namedParameters(once);
    const program = await compile({ x, ...parameters }, { ys: once(x)[0] }, { threads: 1 });
    const values = initialValues(namedParameters(layer), 1);
    const own = Object.fromEntries(Object.keys(parameters).map((key) => [key, values[`layer.${key}`] as HostTensor]));
    const { ys } = await program.run({ x: whole, ...own });
    const width = Number(ys?.shape[2]);
    let held = initialValues(namedBuffers(layer), 0);
    const pieces: number[][] = [];
    for (const [from, to] of [
      [0, 5],
      [5, 6],
      [6, 12],
    ] as const) {
      const result = await (await stepOf(layer, to - from))({ x: piece(from, to), n: full(to - from) }, held);
      held = result.held;
      pieces.push(numbersOf(result.ys.data));
    }
    const joined = Array.from({ length: B }, (_, b) =>
      [5, 1, 6].flatMap((n, i) => pieces[i]?.slice(b * n * width, (b + 1) * n * width) ?? []),
    ).flat();
    requireClose("ys", host(joined, [B, 12, width]), present(ys), { absolute: 1e-6, relative: 0 });
  });

  test("rows of different length go on from their own ends; reset starts a row from 0", async () => {
    const layer = Stateful(GRU(I, H) as never, B);
    const step = await stepOf(layer, 4, true);
    const start = initialValues(namedBuffers(layer), 0);
    const keep = host([0, 0, 0], [B], "bool");
    const first = await step({ x: piece(0, 4), n: host([4, 0, 2], [B], "i32"), reset: keep }, start);
    const state = numbersOf(present(first.held.state).data);
    expect(state.slice(H, 2 * H).every((value) => value === 0)).toBe(true); // a row without a step stays where it was
    const other = { x: piece(4, 8), n: full(4) };
    const cleared = await step({ ...other, reset: host([1, 1, 0], [B], "bool") }, first.held);
    const fresh = await step({ ...other, reset: keep }, start);
    const went = await step({ ...other, reset: keep }, first.held);
    const rows = (value: HostTensor, b: number) => numbersOf(value.data).slice(b * 4 * H, (b + 1) * 4 * H);
    expect(rows(cleared.ys, 0)).toEqual(rows(fresh.ys, 0));
    expect(rows(cleared.ys, 2)).toEqual(rows(went.ys, 2));
    expect(rows(went.ys, 0)).not.toEqual(rows(fresh.ys, 0));
    const nan = {
      state: {
        ...present(first.held.state),
        data: present(first.held.state)
          .data.slice()
          .fill(Number.NaN as never),
      },
    };
    const healed = await step({ ...other, reset: host([1, 1, 1], [B], "bool") }, nan);
    expect(numbersOf(healed.ys.data)).toEqual(numbersOf(fresh.ys.data));
  });

  test("resetStates puts states to 0 and nothing else", () => {
    const model = { body: Stateful(LSTM(I, H), B), head: Linear(H, 1) };
    const values = initialValues({ ...namedParameters(model), ...namedBuffers(model) }, 1);
    for (const key of ["body.state_h", "body.state_c"]) values[key]?.data.fill(2 as never);
    const reset = resetStates(model, values);
    expect(Object.keys(namedBuffers(model))).toEqual(["body.state_h", "body.state_c"]);
    expect(numbersOf(present(reset["body.state_h"]).data)).toEqual(Array(B * H).fill(0));
    expect(numbersOf(present(reset["body.state_c"]).data)).toEqual(Array(B * H).fill(0));
    expect(reset["head.weight"]).toBe(values["head.weight"]);
    expect(values["body.state_h"]?.data[0]).toBe(2);
  });

  test("no gradient passes from batch to batch, and outside training nothing is updated", () => {
    const layer = Stateful(RNN(I, H), B);
    const x = input("x", [B, T, I]);
    const { result, updates } = traceTraining(() => layer(x));
    const [held] = Object.values(namedBuffers(layer)) as [Tensor];
    expect(updates.get(held)?.node.op).toBe("stopGradient");
    expect(gradient(result[0].sum(), [held]).length).toBe(1);
    expect(() => layer(x)).not.toThrow();
  });

  test("what is no layer or does not fit is refused", () => {
    expect(() => Stateful(Linear(2, 2) as never, 2)).toThrow("Stateful: expected a recurrent layer, got");
    expect(() => Stateful(undefined as never, 2)).toThrow("Stateful: expected a recurrent layer, got undefined");
    expect(() => Stateful(GRU(2, 2), 0)).toThrow("Stateful: expected B to be a whole number from 1 on, got 0");
    const layer = Stateful(GRU(I, H), B);
    const x = input("x", [B, T, I]);
    expect(() => layer(x, { reset: input("r", [B]) })).toThrow("Stateful: expected reset to be bool, got f32");
    expect(() => layer(x, { reset: input("r", [1], "bool") })).toThrow("Stateful: expected reset for 3 rows, got [1]");
    expect(() => layer(input("x", [B + 1, T, I]))).toThrow("GRU: expected a state of f32[1, 4, 4], got f32[1, 3, 4]");
  });
});

test("a layer inside a scan of one's own", () => {
  const layer = recurrent(byHand, I, H);
  const [, ys] = scan(
    (s: Tensor, x: Tensor) => [s.add(layer(x)[0].mean()), s] as const,
    zeros([2]),
    input("x", [2, 3, T, I]),
  );
  expect(ys.shape).toEqual([2, 3]);
});
