/** Scans with the batch as the last axis give what their steps give one after the other. */
import { describe, expect, test } from "vitest";
import { turnBody } from "../../src/graph/batch-last.ts";
import { gradient, type OpName, ops, rowOf, type Step, scan, sortNodes, type Tree } from "../../src/graph/index.ts";
import { placeholder } from "../../src/graph/scan.ts";
import { substitute } from "../../src/graph/substitute.ts";
import type { Gates } from "../../src/nn/recurrence/gates.ts";
import { gruStep } from "../../src/nn/recurrence/gru.ts";
import { type LSTMState, lstmStep } from "../../src/nn/recurrence/lstm.ts";
import { rnnStep } from "../../src/nn/recurrence/rnn.ts";
import { input, stack, type Tensor } from "../../src/tensor/index.ts";
import { composed } from "../support/composed.ts";
import { type Apply, weigh } from "../support/differences.ts";
import { evaluate, requireClose, uniform } from "../support/numbers.ts";
import { double, reordered } from "../tolerances.ts";
import { rows } from "./rows.ts";

/** What `apply` gives, recorded on its matrices with their axes exchanged; other inputs stand outside the body. */
function thereAndBack(apply: (inputs: readonly Tensor[]) => readonly Tensor[], inputs: readonly Tensor[]) {
  const matrices = inputs.filter(({ rank }) => rank === 2);
  const body = turnBody({ inputs: matrices, outputs: apply(inputs) }, placeholder);
  if (!body) throw new Error("it was not turned");
  const outer = new Map(body.inputs.map((inner, i) => [inner, matrices[i]?.mT ?? inner]));
  return substitute(body.outputs, outer).map((output) => output.mT);
}

describe("an operation on matrices turned gives, turned back, what it gives", () => {
  const turnable = Object.keys(ops).filter((name) => rowOf(name).turn);
  const cases = turnable.flatMap((name) => {
    const row = rows[name as OpName];
    const checks = "checks" in row ? row.checks : [];
    return checks
      .filter(({ inputs }) => Math.max(...inputs.map(({ shape }) => shape.length)) === 2)
      .map((check, i) => [`${name}, ${i}`, check] as const);
  });

  test.each(cases)("%s", async (_, { inputs, apply }) => {
    const call = (tensors: readonly Tensor[]) => [apply(...(tensors as Parameters<Apply>))].flat();
    const expected = await evaluate(inputs, (tensors) => composed(call(tensors)));
    const got = await evaluate(inputs, (tensors) => composed(thereAndBack(call, tensors)));
    const tolerance = expected[0]?.dtype === "f64" ? double : reordered;
    for (const [i, value] of expected.entries()) requireClose(`output ${i}`, got[i], value, tolerance);
  });
});

const [B, T, I, H] = [16, 3, 2, 192];

/** The steps of a scan recorded one after the other, without a loop. */
function unrolled<S extends Tree>(cell: Step<S, Tensor, Tensor>, state: S, xs: Tensor): [S, Tensor] {
  const outputs: Tensor[] = [];
  let next = state;
  for (let t = 0; t < T; t++) {
    const [after, y] = cell(next, xs.slice(1, t, t + 1).squeeze(1));
    outputs.push(y);
    next = after;
  }
  return [next, stack(outputs, 1)];
}

/** Weights from outside for a cell with `gates` gates: x and h to all gates, and two biases. */
const shapes = (gates: number) => [[gates * H, I], [gates * H, H], [gates * H], [gates * H]];
type Steps = (parts: Gates, state: readonly Tensor[], x: Tensor) => [readonly Tensor[], Tensor];
const cells: readonly (readonly [name: string, gates: number, states: number, step: Steps])[] = [
  ["RNN", 1, 1, (parts, [h], x) => single(rnnStep({})(parts, h as Tensor, x))],
  ["GRU", 3, 1, (parts, [h], x) => single(gruStep({})(parts, h as Tensor, x))],
  [
    "GRU that resets before the product",
    3,
    1,
    (parts, [h], x) => single(gruStep({ reset: "before" })(parts, h as Tensor, x)),
  ],
  [
    "LSTM",
    4,
    2,
    (parts, [h, c], x) => {
      const [next, y] = lstmStep({ forgetBias: 1 })(parts, { h, c } as LSTMState, x);
      return [[next.h, next.c], y];
    },
  ],
];
const single = ([h, y]: [Tensor, Tensor]): [readonly Tensor[], Tensor] => [[h], y];

describe.each(cells)("%s", (_, gates, states, step) => {
  const values = [
    uniform(1, [B, T, I]),
    ...Array.from({ length: states }, (_, i) => uniform(2 + i, [B, H])),
    ...shapes(gates).map((shape, i) => uniform(7 + i, shape, -0.1, 0.1)),
  ];
  type Walk = typeof unrolled<readonly Tensor[]>;
  /** Last states, outputs, and their derivatives. */
  const build = (walk: Walk) => (inputs: readonly Tensor[]) => {
    const [x, ...rest] = inputs as [Tensor, ...Tensor[]];
    const [weight_ih, weight_hh, bias_ih, bias_hh] = rest.slice(states) as [Tensor, Tensor, Tensor, Tensor];
    const parts = { weight_ih, weight_hh, bias_ih, bias_hh };
    const [last, ys] = walk((state, slice) => step(parts, state, slice), rest.slice(0, states), x);
    const outputs = [...last, ys];
    const first = gradient(weigh(outputs), inputs);
    return [...outputs, ...first, ...gradient(weigh(first, 5), inputs)];
  };
  const looped: Walk = (cell, state, xs) => scan(cell, state, xs);

  test("gives the numbers and first and second derivatives of its steps one by one", async () => {
    const expected = await evaluate(values, build(unrolled));
    const got = await evaluate(values, build(looped));
    for (const [i, value] of expected.entries()) requireClose(`output ${i}`, got[i], value, double);
  });
});

/** Shapes of the states of all scans of an RNN's outputs. */
function statesOf(rows: number, width: number, cell = (sum: Tensor) => sum.tanh()): (readonly unknown[] | undefined)[] {
  const [x, h, w] = [input("x", [rows, T, width]), input("h", [rows, width]), input("w", [width, width])];
  const [, y] = scan((state: Tensor, slice) => [cell(state.matmul(w).add(slice)), state] as const, h, x);
  return sortNodes([y]).flatMap((node) => (node.op === "scan" ? [node.inputs[0]?.shape] : []));
}

test("large weights and batches are turned, small ones and what cannot be turned are not", () => {
  expect(statesOf(16, 192)).toEqual([[192, 16]]);
  expect(statesOf(16, 191)).toEqual([[16, 191]]);
  expect(statesOf(15, 192)).toEqual([[15, 192]]);
  expect(statesOf(16, 192, (sum) => sum.softmax(-1))).toEqual([[16, 192]]);
});
