/** Recurrences and recurrent layers with closed forms: direction, trees of states, states and outputs used again, captures, nesting. */
import { gradient, scan } from "../../src/graph/index.ts";
import { type Tensor, tensor } from "../../src/tensor/index.ts";
import { host } from "../support/numbers.ts";
import type { Sample } from "./case.ts";
import { gruLayer, lstmLayer } from "./cells.ts";

const grid = (shape: readonly number[], ...values: number[]) => host(values, shape);
const three =
  (apply: (a: Tensor, b: Tensor, c: Tensor) => readonly Tensor[]) =>
  ([a, b = a, c = b]: Tensor[]) =>
    a && b && c ? apply(a, b, c) : [];

/** s' = a·s + x and y = s'. */
const decay =
  (a: Tensor) =>
  (s: Tensor, x: Tensor): [Tensor, Tensor] => {
    const next = s.mul(a).add(x);
    return [next, next];
  };

/** x [1, T], state [1], a []. */
const [xs, start, factor] = [grid([1, 3], 1, 2, 3), grid([1], 4), grid([], 0.5)];

export const scanSamples: readonly Sample[] = [
  {
    // s1 = 3, s2 = 3.5, s3 = 4.75; the loss is y1 + 2 y2 + 3 y3 + s3.
    name: "scan forward: last state, outputs and gradients by state, sequence and capture",
    covers: "scan",
    inputs: [xs, start, factor],
    apply: three((x, s, a) => [...scan(decay(a), s, x)].reverse()),
    outputs: [grid([1, 3], 3, 3.5, 4.75), grid([1], 4.75)],
    gradients: [grid([1, 3], 3, 4, 4), grid([1], 1.5), grid([], 3 * 4 + 4 * 3 + 4 * 3.5)],
  },
  {
    // Backwards s3 = 5, s2 = 4.5, s1 = 3.25.
    name: "scan in reverse",
    covers: "scan",
    inputs: [xs, start, factor],
    apply: three((x, s, a) => [...scan(decay(a), s, x, { reverse: true })].reverse()),
    outputs: [grid([1, 3], 3.25, 4.5, 5), grid([1], 3.25)],
    gradients: [grid([1, 3], 2, 3, 4.5), grid([1], 2.25), grid([], 2 * 4.5 + 3 * 5 + 4.5 * 4)],
  },
  {
    name: "scan along axis 0 of a matrix",
    covers: "scan",
    inputs: [grid([2, 2], 1, 2, 3, 4), grid([2], 0, 0)],
    apply: three((x, s) => [
      ...scan((state: Tensor, now: Tensor) => [state.add(now), state.mul(now)] as const, s, x, { axis: 0 }),
    ]),
    outputs: [grid([2], 4, 6), grid([2, 2], 0, 0, 3, 8)],
    // s2 = x0 + x1 (seed 1, 2); y1 = x0·x1 (seed 3, 4), y0 = s0·x0 (seed 1, 2).
    gradients: [grid([2, 2], 1 + 3 * 3, 2 + 4 * 4, 1 + 3 * 1, 2 + 4 * 2), grid([2], 1 + 1 + 9, 2 + 4 + 16)],
  },
  {
    name: "scan with a sum that only the last state shows",
    covers: "scan",
    inputs: [xs, start],
    apply: three((x, s) => [scan((state: Tensor, now: Tensor) => [state.add(now), now] as const, s, x)[0]]),
    outputs: [grid([1], 10)],
    gradients: [grid([1, 3], 1, 1, 1), grid([1], 1)],
  },
  {
    name: "scan whose step reads no sequence",
    covers: "scan",
    inputs: [xs, start],
    apply: three((x, s) => [...scan((state: Tensor) => [state.mul(2), state] as const, s, x)]),
    outputs: [grid([1], 32), grid([1, 3], 4, 8, 16)],
    gradients: [grid([1, 3], 0, 0, 0), grid([1], 8 + 1 + 4 + 12)],
  },
  {
    name: "scan whose state is replaced by the input",
    covers: "scan",
    inputs: [xs, start],
    apply: three((x, s) => [...scan((state: Tensor, now: Tensor) => [now, state] as const, s, x)]),
    outputs: [grid([1], 3), grid([1, 3], 4, 1, 2)],
    gradients: [grid([1, 3], 2, 3, 1), grid([1], 1)],
  },
  {
    name: "scan with a tree of states, sequences and outputs",
    covers: "scan",
    inputs: [grid([1, 2], 1, 2), grid([1, 2], 3, 4), grid([1], 1)],
    apply: three((x, y, s) => {
      const cell = ({ a, more: [b] }: State, { p, q }: { p: Tensor; q: Tensor }) =>
        [{ a: a.add(p), more: [b.mul(q)] as const }, [a, b.add(p)] as const] as const;
      const [last, [as, bs]] = scan(cell, { a: s, more: [s.mul(2)] }, { p: x, q: y });
      return [last.a, last.more[0], as, bs];
    }),
    outputs: [grid([1], 4), grid([1], 24), grid([1, 2], 1, 2), grid([1, 2], 3, 8)],
    seeds: [grid([1], 1), grid([1], 1), grid([1, 2], 1, 1), grid([1, 2], 1, 1)],
    // a2 + b2 + (a0 + a1) + (b0 + x0 + b1 + x1), b1 = 2·s·y0, b2 = 2·s·y0·y1
    gradients: [grid([1, 2], 1 + 1 + 1, 1 + 1), grid([1, 2], 2 * 4 + 2, 2 * 3), grid([1], 1 + 24 + 2 + 2 + 6)],
  },
  {
    name: "scan over one sequence twice and over what another scan gave",
    covers: "scan",
    inputs: [xs, grid([1], 0)],
    apply: three((x, s) => {
      const [total, sums] = scan((state: Tensor, now: Tensor) => [state.add(now), state.add(now)] as const, s, x);
      return [
        scan((state: Tensor, [p, q]: readonly [Tensor, Tensor]) => [state.add(p.mul(q)), p] as const, total, [
          sums,
          x,
        ] as const)[0],
      ];
    }),
    // 6 + 1·1 + 3·2 + 6·3
    outputs: [grid([1], 31)],
    // d/dx_j (Σx + Σ_i x_i Σ_{k<=i} x_k) = 1 + Σx + x_j
    gradients: [grid([1, 3], 8, 9, 10), grid([1], 1 + 6)],
  },
  {
    name: "scan of one step",
    covers: "scan",
    inputs: [grid([1, 1], 2), grid([1], 3), factor],
    apply: three((x, s, a) => [...scan(decay(a), s, x)]),
    outputs: [grid([1], 3.5), grid([1, 1], 3.5)],
    gradients: [grid([1, 1], 2), grid([1], 1), grid([], 6)],
  },
  {
    name: "scan of no step",
    covers: "expand",
    inputs: [grid([1, 0]), grid([1], 3), factor],
    apply: three((x, s, a) => [...scan(decay(a), s, x)]),
    outputs: [grid([1], 3), grid([1, 0])],
    gradients: [grid([1, 0]), grid([1], 1), grid([], 0)],
  },
  {
    // y is 4·1, a·2, a·3 with seeds 1, 2, 3 beside that of the last state.
    name: "scan whose next state is a capture",
    covers: "scan",
    inputs: [xs, start, grid([1], 0.5)],
    apply: three((x, s, a) => [...scan((state: Tensor, now: Tensor) => [a, state.mul(now)] as const, s, x)]),
    outputs: [grid([1], 0.5), grid([1, 3], 4, 1, 1.5)],
    gradients: [grid([1, 3], 4, 1, 1.5), grid([1], 1), grid([1], 1 + 2 * 2 + 3 * 3)],
  },
  {
    // 1/√x has no slope at 0, but the steps only count the sequence.
    name: "scan that does not read its sequence",
    covers: "scan",
    inputs: [grid([1, 3], 0, 1, 2), start],
    apply: three((x, s) => [scan((state: Tensor) => [state.mul(0.5), state] as const, s, x.rsqrt())[0]]),
    outputs: [grid([1], 0.5)],
    gradients: [grid([1, 3], 0, 0, 0), grid([1], 0.125)],
  },
  {
    name: "scan within a scan",
    covers: "scan",
    inputs: [grid([1, 2, 2], 1, 2, 3, 4), grid([1], 1), factor],
    apply: three((x, s, a) => [
      scan((state: Tensor, row: Tensor) => [scan(decay(a), state, row)[0], row] as const, s, x)[0],
    ]),
    // ((((1·a + 1)·a + 2)·a + 3)·a + 4 at a = ½
    outputs: [grid([1], 1 / 16 + 1 / 8 + 2 / 4 + 3 / 2 + 4)],
    gradients: [grid([1, 2, 2], 1 / 8, 1 / 4, 1 / 2, 1), grid([1], 1 / 16), grid([], 4 / 8 + 3 / 4 + 4 / 2 + 3)],
  },
  {
    name: "second derivative through a scan",
    covers: "scan",
    inputs: [xs, start, factor],
    apply: three((x, s, a) => gradient(scan(decay(a), s, x)[0].sum(), [a])),
    // d/da of a³s + a²x1 + a·x2 + x3 = 3a²s + 2a·x1 + x2
    outputs: [grid([], 3 + 1 + 2)],
    gradients: [grid([1, 3], 1, 1, 0), grid([1], 0.75), grid([], 6 * 0.5 * 4 + 2)],
  },
  {
    name: "scan with a stopped state and whole numbers beside it",
    covers: "scan",
    inputs: [xs, start],
    apply: three((x, s) => {
      const cell = ({ n, v }: { n: Tensor; v: Tensor }, now: Tensor) =>
        [{ n: n.add(1), v: v.stopGradient().mul(0.5).add(now) }, n] as const;
      const [last, counts] = scan(cell, { n: tensor([0], "i32"), v: s }, x);
      return [last.v, last.n, counts];
    }),
    outputs: [grid([1], 4.75), host([3], [1], "i32"), host([0, 1, 2], [1, 3], "i32")],
    gradients: [grid([1, 3], 0, 0, 1), grid([1], 0)],
  },
];

/** Layers without weights for x and h: every gate is a function of its bias alone. */
const none = (G: number) => [tensor(Array(G).fill([0]), "f32"), tensor(Array(G).fill([0]), "f32")];
const biases = (...values: number[]) => [
  tensor(values, "f32"),
  tensor(
    values.map(() => 0),
    "f32",
  ),
];
const steps = grid([2, 3, 1], 1, 2, 3, 4, 5, 6);
const [half, third] = [Math.atanh(1 / 2), Math.log(1 / 2)]; // tanh of the one is ½, σ of the other ⅓

export const recurrenceSamples: readonly Sample[] = [
  {
    // z = ⅓ and n = ½: h' = ⅔·½ + ⅓·h, from 2 and 5.
    name: "recurrence: GRU by its update gate",
    covers: "recurrence",
    inputs: [steps, grid([2, 1], 2, 5)],
    apply: three((xs, h) => gruLayer(xs, h, [...none(3), ...biases(0, third, half)])),
    outputs: [grid([2, 1], 5 / 9, 2 / 3), grid([2, 3, 1], 1, 2 / 3, 5 / 9, 2, 1, 2 / 3)],
  },
  {
    // The second row has two steps, read from the end; the first one none.
    name: "recurrence: GRU in reverse with lengths",
    covers: "recurrence",
    inputs: [steps, grid([2, 1], 2, 5), host([0, 2], [2], "i64")],
    apply: three((xs, h, lengths) =>
      gruLayer(xs, h, [...none(3), ...biases(0, third, half)], { reverse: true, lengths }),
    ),
    outputs: [grid([2, 1], 2, 1), grid([2, 3, 1], 0, 0, 0, 1, 2, 0)],
  },
  {
    // i = ⅓, f = σ(log ½ + log 4) = ⅔, g = ½, o = ½: c' = ⅔·c + ⅙, from 2 and 5; h' = ½·tanh(c').
    name: "recurrence: LSTM by its gates, with a forget bias",
    covers: "recurrence",
    inputs: [steps, grid([2, 1], 0, 0), grid([2, 1], 2, 5)],
    apply: three((xs, h, c) =>
      lstmLayer(xs, h, c, [...none(4), ...biases(third, third, half, 0)], { forgetBias: Math.log(4) }),
    ),
    outputs: [
      grid([2, 1], ...[17 / 18, 11 / 6].map((c) => Math.tanh(c) / 2)),
      grid([2, 1], 17 / 18, 11 / 6),
      grid([2, 3, 1], ...[3 / 2, 7 / 6, 17 / 18, 7 / 2, 5 / 2, 11 / 6].map((c) => Math.tanh(c) / 2)),
    ],
  },
  {
    // From 0 with r = z = ½ and b = 2·atanh(½): n = tanh(r·b) = ½ after the product, tanh(b) = ⅘ before it.
    name: "recurrence: GRU that resets after or before the product",
    covers: "recurrence",
    inputs: [grid([1, 1, 1], 7), grid([1, 1], 0)],
    apply: three((xs, h) => {
      const weights = [...none(3), ...biases(0, 0, 0).slice(1), ...biases(0, 0, 2 * half).slice(0, 1)];
      return (["after", "before"] as const).flatMap((reset) => gruLayer(xs, h, weights, { reset }).slice(0, 1));
    }),
    outputs: [grid([1, 1], 1 / 4), grid([1, 1], 2 / 5)],
  },
];

interface State {
  readonly [key: string]: Tensor | readonly [Tensor];
  readonly a: Tensor;
  readonly more: readonly [Tensor];
}
