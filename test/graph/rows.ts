/** What is tested of every row of the table: graphs that hold it, with the numbers they are checked at. */
import { type OpName, recompute, scan } from "../../src/graph/index.ts";
import type { HostTensor } from "../../src/runtime/index.ts";
import {
  arange,
  buffer,
  input,
  noise,
  parameter,
  record,
  type Shape,
  type Tensor,
  tensor,
} from "../../src/tensor/index.ts";
import { gruLayer, lstmLayer } from "../conformance/cells.ts";
import { type Apply, broadcastPair, distinct, dyadic, wholes } from "../support/differences.ts";
import { host, uniform } from "../support/numbers.ts";

/** One graph and the numbers it is checked at. */
export interface Check {
  readonly name: string;
  readonly inputs: readonly HostTensor[];
  readonly apply: Apply;
  /** Why the second derivative is not checked. */
  readonly once?: string;
}

/** What the table says of a row's gradient. */
export type Row =
  | { readonly checks: readonly Check[] }
  /** No derivative: asking for one is an error. */
  | { readonly none: (x: Tensor) => Tensor }
  /** A derivative that is zero everywhere. */
  | { readonly stop: (x: Tensor) => Tensor };

const f64 = (shape: readonly number[], low = -2, high = 2, seed = 7): HostTensor => uniform(seed, shape, low, high);
const shapes = (...list: (readonly number[])[]): string => list.map((shape) => `[${shape}]`).join(" ");

const check = (inputs: readonly HostTensor[], apply: Apply, once?: string): Check => ({
  name: `${shapes(...inputs.map(({ shape }) => shape))} ${inputs[0]?.dtype}`,
  inputs,
  apply,
  ...(once ? { once } : {}),
});

const sizes: readonly (readonly number[])[] = [[], [1], [2, 3], [0, 2], [2, 1, 2]];

/** A function of each element, at points of (low, high). */
const unary = (name: UnaryName, low = -2, high = 2): Row => ({
  checks: sizes.map((shape) => check([f64(shape, low, high)], (x) => x[name]())),
});
type UnaryName =
  | "neg"
  | "exp"
  | "log"
  | "sqrt"
  | "abs"
  | "sin"
  | "cos"
  | "tanh"
  | "sigmoid"
  | "relu"
  | "erf"
  | "softplus";

const pairs: readonly (readonly [readonly number[], readonly number[]])[] = [
  [[], []],
  [[2, 3], []],
  [[], [2]],
  [
    [2, 1],
    [1, 3],
  ],
  [[0, 2], [2]],
  [[1], [0]],
  ...Array.from({ length: 6 }, (_, seed) => broadcastPair(seed)),
];

type Binary = "add" | "sub" | "mul" | "div" | "pow" | "maximum" | "minimum";
const binary = (name: Binary, positive = false): { readonly checks: readonly Check[] } => ({
  checks: pairs.map(([a, b]) =>
    check([f64(a, positive ? 0.5 : -2), f64(b, positive ? 0.5 : -2, 2, 8)], (x, y) => x[name](y)),
  ),
});

const reduction = (name: "sum" | "mean" | "max" | "min"): Row => ({
  checks: [
    check([f64([2, 3])], (x) => x[name]()),
    check([f64([2, 3, 2])], (x) => x[name](1)),
    check([f64([2, 3, 2])], (x) => x[name]([0, -1], true)),
    check([f64([1, 1])], (x) => x[name](0)),
    check([f64([])], (x) => x[name]()),
    check([f64([0, 2])], (x) => x[name](1)),
  ],
});

const along = (name: "softmax" | "logSoftmax"): Row => ({
  checks: [
    check([f64([4])], (x) => x[name]()),
    check([f64([2, 3])], (x) => x[name](0)),
    check([f64([2, 3, 2])], (x) => x[name](1)),
    check([f64([2, 1])], (x) => x[name](1)),
    check([f64([0, 2])], (x) => x[name]()),
  ],
});

const products: readonly (readonly [Shape, Shape, boolean, boolean])[] = [
  [[2, 3], [3, 4], false, false],
  [[3, 2], [3, 4], true, false],
  [[2, 3], [4, 3], false, true],
  [[3, 2], [4, 3], true, true],
  [[1, 1], [1, 1], false, false],
  [[2, 2, 3], [3, 2], false, false],
  [[2, 2, 3], [2, 3], false, true],
  [[2, 3, 2], [3, 2], true, false],
  [[2, 3], [2, 3, 2], false, false],
  [[3, 2], [2, 3, 2], true, false],
  [[2, 3], [2, 2, 3], false, true],
  [[3, 2], [1, 2, 2, 3], true, true],
  [[2, 1, 2, 3], [3, 3, 1], false, false],
  [[2, 1, 3, 2], [1, 2, 1, 3], true, true],
  [[0, 3], [3, 2], false, false],
  [[2, 0], [0, 3], false, false],
  [[2, 3, 0], [2, 4, 0], false, true],
  [[2, 0, 3], [2, 0, 4], true, false],
  [[4, 2, 3, 2], [2, 3, 2], false, true],
  [[3, 2, 2, 1, 2], [2, 1, 2, 3], false, false],
  [[2, 3, 2], [1, 2, 2], false, false],
];

const linear = "its gradient is linear in what was checked";
const dyadics = "no float64 kernel: checked in float32, where differences of sums and products are exact";
const window1 = { stride: [2], padding: [1], dilation: [1], groups: 1 };
const windows = [
  { x: [2, 2, 5], w: [3, 2, 3], window: { stride: [1], padding: [0], dilation: [1], groups: 1 } },
  { x: [1, 4, 6], w: [2, 2, 2], window: { stride: [2], padding: [1], dilation: [1], groups: 2 } },
  { x: [1, 1, 7], w: [1, 1, 3], window: { stride: [1], padding: [3], dilation: [2], groups: 1 } },
  { x: [1, 2, 4, 3], w: [2, 2, 2, 2], window: { stride: [1, 1], padding: [1, 1], dilation: [1, 1], groups: 1 } },
  { x: [2, 2, 5, 4], w: [2, 1, 3, 2], window: { stride: [2, 1], padding: [1, 0], dilation: [1, 2], groups: 2 } },
  { x: [1, 1, 1], w: [1, 1, 1], window: { stride: [3], padding: [0], dilation: [1], groups: 1 } },
  // Few places beside the channels, so that the gradient by w is one product over all images.
  { x: [2, 16, 3], w: [16, 16, 2], window: { stride: [1], padding: [0], dilation: [1], groups: 1 } },
  { x: [1, 1, 6, 5], w: [3, 1, 3, 2], window: { stride: [1, 1], padding: [1, 1], dilation: [2, 1], groups: 1 } },
  { x: [2, 1, 3, 3], w: [2, 1, 1, 2], window: { stride: [1, 1], padding: [0, 1], dilation: [1, 1], groups: 1 } },
  // As many channels as a vector register holds, so that the gradient by w is one product per place of the kernel.
  { x: [1, 16, 3], w: [1, 16, 2], window: { stride: [1], padding: [0], dilation: [1], groups: 1 } },
  { x: [1, 2, 3, 2], w: [4, 2, 1, 1], window: { stride: [1, 1], padding: [0, 0], dilation: [1, 1], groups: 1 } },
];
const biased = { stride: [2, 1], padding: [1, 0], dilation: [1, 2], groups: 2 };
const turned = [
  { x: [2, 2, 3], w: [2, 3, 3], window: { ...window1, outputPadding: [0] } },
  { x: [1, 2, 3], w: [2, 1, 3], window: { ...window1, outputPadding: [1] } },
  { x: [1, 4, 3], w: [4, 1, 2], window: { stride: [3], padding: [0], dilation: [2], groups: 2, outputPadding: [2] } },
  {
    x: [1, 2, 2, 3],
    w: [2, 2, 2, 3],
    window: { stride: [2, 1], padding: [0, 1], dilation: [1, 1], groups: 1, outputPadding: [1, 0] },
  },
];
const pools = [
  { x: [2, 2, 6], pool: { kernel: [2], stride: [2], padding: [0] } },
  { x: [1, 2, 5], pool: { kernel: [3], stride: [1], padding: [1] } },
  { x: [1, 2, 4, 5], pool: { kernel: [2, 3], stride: [2, 1], padding: [1, 0] } },
  { x: [2, 2, 4, 6], pool: { kernel: [2, 2], stride: [2, 2], padding: [0, 0] } },
  { x: [1, 1, 5, 4], pool: { kernel: [2, 2], stride: [2, 2], padding: [0, 0] } },
];
const onePool = { kernel: [2], stride: [2], padding: [0] };
/** [1, 1, 2, 6]: windows whose maximum is at one place, at two and at four. */
const tied = [1, 2, 0, 5, 3, 3, 3, 0, 5, 1, 3, 3];

/** A cell with weights as captures: h' = tanh(Wh + x·b) and y = h'∘x. */
const recurrent =
  (w: Tensor, b: Tensor) =>
  (h: Tensor, x: Tensor): [Tensor, Tensor] => {
    const next = h.matmul(w, { transB: true }).add(x.mul(b)).tanh();
    return [next, next.mul(x)];
  };
const cellInputs = (T: number): HostTensor[] => [
  f64([2, T, 3]),
  f64([2, 3], -1, 1, 8),
  f64([3, 3], -1, 1, 9),
  f64([3], -1, 1, 10),
];

/** xs, h, c and the weights of a layer of some gates. */
const layerInputs = (gates: number): HostTensor[] => [
  f64([2, 3, 2]),
  f64([2, 2], -1, 1, 8),
  f64([2, 2], -1, 1, 9),
  f64([gates * 2, 2], -1, 1, 10),
  f64([gates * 2, 2], -1, 1, 11),
];
const rowLengths = tensor([3, 1], "i32");

/** x, weight and bias. */
const normInputs = (shape: readonly number[]): HostTensor[] => [
  f64(shape),
  f64(shape.slice(-1), -2, 2, 8),
  f64(shape.slice(-1), -2, 2, 9),
];

const scans: readonly Check[] = [
  ...[1, 2, 4].map((T) => check(cellInputs(T), (xs, h, w, b) => [...scan(recurrent(w, b), h, xs)])),
  check(cellInputs(3), (xs, h, w, b) => [...scan(recurrent(w, b), h, xs, { reverse: true })]),
  check(cellInputs(3), (xs, h, w, b) => scan(recurrent(w, b), h, xs)[0]),
  check(cellInputs(3), (xs, h, w, b) => scan(recurrent(w, b), h, xs)[1]),
  check([f64([2, 3], -1, 1), f64([2]), f64([2], 0, 1, 9)], (xs, s, a) => {
    const cell = ({ p, q }: { p: Tensor; q: Tensor }, x: Tensor) =>
      [{ p: p.mul(a).add(q), q: p.mul(x) }, [p, q.exp()]] as const;
    const [last, ys] = scan<{ p: Tensor; q: Tensor }, Tensor, readonly Tensor[]>(cell, { p: s, q: s.mul(a) }, xs);
    return [last.p, last.q.mul(last.p), ...ys];
  }),
  // A capture that is used with the state, with the input and alone; an operation that cannot be repeated over all steps at once.
  check([f64([3, 2]), f64([2]), f64([2], -1, 1, 9)], (xs, s, a) =>
    scan((h: Tensor, x: Tensor) => [h.mul(a).add(x.mul(a.sin())).add(a), h.expand([2, 2]).mul(a)] as const, s, xs, {
      axis: 0,
    }).flat(),
  ),
  check([f64([2, 2, 2]), f64([2]), f64([2], -1, 1, 9)], (xs, s, a) => {
    const inner = (h: Tensor, x: Tensor): [Tensor, Tensor] => [h.mul(a).add(x).tanh(), h.mul(x)];
    const outer = (h: Tensor, rows: Tensor): [Tensor, Tensor] => {
      const [last, ys] = scan(inner, h, rows, { axis: 0 });
      return [last, ys.sum(0)];
    };
    return [...scan(outer, s, xs, { axis: 0 })];
  }),
  check([f64([3, 2]), f64([2])], (xs, s) => {
    const [total, sums] = scan((h: Tensor, x: Tensor) => [h.add(x), h.mul(x)] as const, s, xs, { axis: 0 });
    return [
      ...scan((h: Tensor, x: Tensor) => [h.mul(x), h] as const, total, sums, { axis: 0, reverse: true }),
      total.mul(sums),
    ];
  }),
  check([f64([2, 4]), f64([4, 2], -1, 1, 9)], (xs, table) =>
    scan(
      (h: Tensor, x: Tensor) => [h.mul(x.softmax()).cumsum(0), h.max(0, true)] as const,
      table.gather(tensor(1, "i32")),
      xs.reshape([4, 2]),
      { axis: 0 },
    ).flat(),
  ),
];

const indices = (seed: number, limit: number, shape: readonly number[]): Tensor =>
  tensor(
    wholes(
      seed,
      limit,
      shape.reduce((a, b) => a * b, 1),
    ),
    "i32",
  ).reshape(shape);

export const rows: Readonly<Record<OpName, Row>> = {
  input: { stop: (x) => input("other", [2], "f64").add(x.stopGradient()) },
  parameter: { stop: (x) => parameter([2], () => {}, "f64").add(x.stopGradient()) },
  buffer: { stop: (x) => buffer([2], () => {}, "f64").add(x.stopGradient()) },
  noise: { stop: (x) => noise("normal", [2], "f64").add(x.stopGradient()) },
  constant: { stop: (x) => tensor([1, 2], "f64").add(x.stopGradient()) },
  add: binary("add"),
  sub: binary("sub"),
  mul: binary("mul"),
  div: binary("div", true),
  pow: {
    checks: [...binary("pow", true).checks, check([f64([3], 0.5), host([0, 0, 0], [3], "f64")], (x, y) => x.pow(y))],
  },
  maximum: binary("maximum"),
  minimum: binary("minimum"),
  neg: unary("neg"),
  exp: unary("exp"),
  log: unary("log", 0.5),
  sqrt: unary("sqrt", 0.5),
  abs: unary("abs"),
  sin: unary("sin"),
  cos: unary("cos"),
  tanh: unary("tanh"),
  sigmoid: unary("sigmoid"),
  relu: unary("relu"),
  erf: unary("erf"),
  softplus: unary("softplus"),
  gelu: {
    checks: sizes.flatMap((shape) =>
      (["tanh", "none"] as const).map((form) => check([f64(shape)], (x) => x.gelu(form))),
    ),
  },
  sign: { stop: (x) => x.sign() },
  floor: { stop: (x) => x.floor() },
  ceil: { stop: (x) => x.ceil() },
  round: { stop: (x) => x.round() },
  stopGradient: { stop: (x) => x.stopGradient() },
  isNaN: { none: (x) => x.isNaN() },
  equal: { none: (x) => x.equal(0) },
  less: { none: (x) => x.less(0) },
  greater: { none: (x) => x.greater(0) },
  lessEqual: { none: (x) => x.lessEqual(0) },
  greaterEqual: { none: (x) => x.greaterEqual(0) },
  and: { none: (x) => record("and", [x.cast("bool"), x.cast("bool")], {})[0] ?? x },
  or: { none: (x) => record("or", [x.cast("bool"), x.cast("bool")], {})[0] ?? x },
  not: { none: (x) => x.cast("bool").not() },
  where: {
    checks: pairs.map(([a, b]) => check([f64(a), f64(b, -2, 2, 8)], (x, y) => x.greater(y).where(x.mul(2), y))),
  },
  cast: {
    checks: [
      check([dyadic(1, [2, 3])], (x) => x.cast("f64").mul(2).cast("f32"), dyadics),
      check([f64([2])], (x) => [x, x.cast("i32").cast("f64")].reduce((a, b) => a.mul(3).add(b.mul(0)))),
    ],
  },
  sum: reduction("sum"),
  mean: reduction("mean"),
  max: reduction("max"),
  min: reduction("min"),
  sumSquares: { checks: sizes.map((shape) => check([f64(shape)], (x) => x.sumSquares())) },
  prod: {
    checks: [
      check([f64([2, 3])], (x) => x.prod(1)),
      check([f64([2, 3, 2])], (x) => x.prod(1, true)),
      check([f64([2, 1])], (x) => x.prod(1)),
      check([f64([0, 2])], (x) => x.prod(1)),
      check([host([0, 2, 3, 1, 0, 0], [2, 3], "f64")], (x) => x.prod(1)),
    ],
  },
  argMax: { none: (x) => x.argMax(0) },
  argMin: { none: (x) => x.argMin(0) },
  cumsum: {
    checks: [
      check([f64([4])], (x) => x.cumsum(0)),
      check([f64([2, 3])], (x) => x.cumsum(1, { exclusive: true })),
      check([f64([2, 3])], (x) => x.cumsum(0, { reverse: true })),
      check([f64([2, 3, 1])], (x) => x.cumsum(1, { exclusive: true, reverse: true })),
      check([f64([0, 2])], (x) => x.cumsum(1)),
    ],
  },
  matmul: {
    checks: products.map(([a, b, transA, transB]) =>
      check([f64(a as number[]), f64(b as number[], -2, 2, 8)], (x, y) => x.matmul(y, { transA, transB })),
    ),
  },
  gemm: {
    checks: [[2, 4], [4], [2, 1], []].flatMap((c) =>
      [true, false].map((transA) =>
        check([f64(transA ? [3, 2] : [2, 3]), f64([3, 4], -2, 2, 8), f64(c, -2, 2, 9)], (x, y, z) =>
          record("gemm", [x, y, z], { transA, transB: false }),
        ),
      ),
    ),
  },
  reshape: {
    checks: [
      check([f64([2, 3])], (x) => x.reshape([3, 2])),
      check([f64([1])], (x) => x.reshape([])),
      check([f64([0, 2])], (x) => x.reshape([2, 0, 3])),
    ],
  },
  transpose: {
    checks: [
      check([f64([2, 3])], (x) => x.mT),
      check([f64([2, 1, 3])], (x) => x.transpose([2, 0, 1])),
      check([f64([2, 3, 2])], (x) => x.transpose([2, 1, 0])),
      check([f64([2, 3, 1, 4])], (x) => x.transpose([3, 1, 0, 2])),
      check([f64([0, 2])], (x) => x.mT),
    ],
  },
  expand: {
    checks: [
      check([f64([])], (x) => x.expand([2, 2])),
      check([f64([2, 1])], (x) => x.expand([3, 2, 2])),
      check([f64([1, 2])], (x) => x.expand([0, 2])),
      check([f64([1])], (x) => x.expand([1, 1])),
    ],
  },
  concat: {
    checks: [
      check([f64([2, 1]), f64([2, 3], -2, 2, 8)], (x, y) => x.concat([y, x], 1)),
      check([f64([0, 2]), f64([1, 2], -2, 2, 8)], (x, y) => x.concat([y], 0)),
      check([f64([1])], (x) => x.concat([x.mul(2)], -1)),
    ],
  },
  split: {
    checks: [
      check([f64([2, 5])], (x) => x.split([1, 4], 1)),
      check([f64([4])], (x) => x.split([1, 2, 1], 0)[1] ?? x),
      check([f64([2, 0])], (x) => x.split([1, 1], 0)),
      check([f64([3])], (x) => x.split([0, 3], 0)),
      check([f64([3])], (x) => x.split([3, 0], 0).slice(1)),
    ],
  },
  slice: {
    checks: [
      check([f64([5])], (x) => x.slice(0, 1, 4, 2)),
      check([f64([2, 5])], (x) => x.slice(1, -1, 0, -3)),
      check([f64([3, 4])], (x) =>
        x.slices([
          { axis: 0, start: -2, end: 3, step: 1 },
          { axis: 1, start: 0, end: 4, step: 3 },
        ]),
      ),
      check([f64([2, 3])], (x) => x.flip(0)),
      check([f64([3])], (x) => [x, x.slice(0, 3)].slice(0, 1)),
      check([f64([3])], (x) => x.slice(0, 0, 0).sum()),
      check([f64([3])], (x) => [x.slice(0, 2, 1), x.slice(0, 1, 2)]),
      check([f64([2, 3])], (x) => x.slices([{ axis: -1, start: 1, end: 3, step: 1 }])),
    ],
  },
  pad: {
    checks: [
      check([f64([2])], (x) => x.pad([1], [2], 3)),
      check([f64([2, 1])], (x) => x.pad([0, 1], [2, 0])),
      check([f64([0, 2])], (x) => x.pad([1, 0], [1, 1])),
    ],
  },
  barrier: {
    checks: [
      check([f64([2, 2]), f64([3])], (x, after) => record("barrier", [x.sin(), after], {})),
      check([f64([]), f64([1])], (x, after) => record("barrier", [x.sin(), after], {})),
    ],
  },
  gather: {
    checks: [
      check([f64([4, 2])], (x) => x.gather(indices(1, 4, [3]))),
      check([f64([2, 4, 2])], (x) => x.gather(indices(2, 4, [2, 2]), 1)),
      check([f64([3])], (x) => x.gather(indices(3, 3, []))),
      check(
        [f64([600, 1], -2, 2)].map((table) => ({ ...table, data: table.data.slice(0, 600) })),
        (x) => x.gather(indices(4, 600, [5])),
      ),
      check([f64([3, 0])], (x) => x.gather(indices(3, 3, [2]))),
      check([f64([4, 2])], (x) => x.gather(tensor([-1, 1, -4], "i32"))),
      check([f64([0, 2])], (x) => x.gather(tensor([], "i32"))),
      check([f64([3, 2])], (x) => x.gather(tensor([], "i32"))),
    ],
  },
  scatterAdd: {
    checks: [
      check([f64([4, 2])], (x) => indices(1, 3, [4]).scatterAdd(x, 3)),
      check([f64([2, 2])], (x) => indices(2, 3, [2, 2]).scatterAdd(x, 600)),
      check([f64([2])], (x) => indices(2, 3, []).scatterAdd(x, 3)),
      check([f64([0, 2])], (x) => tensor([], "i32").scatterAdd(x, 3)),
      ...[4, 300].flatMap((size) => [
        check([f64([3, 2])], (x) => tensor([-1, 2, size], "i32").scatterAdd(x, size)),
        check([f64([3])], (x) => tensor([-1, 2, size], "i64").scatterAdd(x, size)),
      ]),
      check([f64([3, 2])], (x) => arange(3).scatterAdd(x, 2)),
      check([f64([3, 2])], (x) => arange(3).scatterAdd(x, 0)),
    ],
  },
  takeAlong: {
    checks: [
      check([f64([2, 4])], (x) => x.takeAlong(indices(1, 4, [2, 5]), 1)),
      check([f64([3, 2])], (x) => x.takeAlong(indices(2, 3, [1, 2]), 0)),
      check([f64([2, 0])], (x) => x.takeAlong(indices(2, 2, [2, 0]), 0)),
    ],
  },
  putAlong: {
    checks: [
      check([f64([2, 3])], (x) => record("putAlong", [indices(1, 4, [2, 3]), x], { axis: 1, size: 4 })),
      check([f64([3, 2])], (x) => record("putAlong", [indices(2, 2, [3, 2]), x], { axis: 0, size: 2 })),
    ],
  },
  oneHot: { none: (x) => x.cast("i32").oneHot(3, "f64") },
  topK: {
    checks: [
      check([f64([5])], (x) => x.topK(2)),
      check([f64([3, 4])], (x) => x.topK(3, 0)),
      check([f64([2, 1])], (x) => x.topK(1)),
      check([f64([0, 3])], (x) => x.topK(2)),
      check([f64([3])], (x) => x.topK(0)),
    ],
  },
  arange: { none: (x) => record("arange", [x], { length: 2, dtype: "i32" })[0] ?? x },
  softmax: along("softmax"),
  logSoftmax: along("logSoftmax"),
  layerNorm: {
    checks: [
      ...[[4], [2, 3], [2, 1, 3]].flatMap((shape) =>
        [1e-5, 0.5].map((epsilon) => check(normInputs(shape), (x, w, b) => x.layerNorm(w, b, epsilon))),
      ),
      ...[0, 1, 2].map((output) => check(normInputs([2, 3]), (x, w, b) => x.layerNorm(w, b, 0.1)[output] ?? x)),
    ],
  },
  conv: {
    checks: [
      ...windows.map(({ x, w, window }) => check([dyadic(1, x), dyadic(2, w)], (a, b) => a.conv(b, window))),
      check([dyadic(1, [2, 2, 5, 4]), dyadic(2, [2, 1, 3, 2]), dyadic(3, [2])], (a, b, c) =>
        record("conv", [a, b, c], biased),
      ),
    ],
  },
  convTranspose: {
    checks: turned.map(({ x, w, window }) => check([dyadic(1, x), dyadic(2, w)], (a, b) => a.convTranspose(b, window))),
  },
  maxPool: { checks: pools.map(({ x, pool }) => check([distinct(1, x)], (a) => a.maxPool(pool).slice(0, 1), linear)) },
  maxPlaces: { none: (x) => record("maxPlaces", [x.cast("f32").reshape([1, 1, 2])], onePool)[0] ?? x },
  unpool: {
    checks: [
      check([dyadic(1, [1, 1, 1, 3])], (g) => {
        const x = tensor(tied).reshape([1, 1, 2, 6]);
        return record("unpool", [x, tensor([3, 5, 3]).reshape([1, 1, 1, 3]), g], {});
      }),
    ],
  },
  averagePool: { checks: pools.map(({ x, pool }) => check([dyadic(1, x)], (a) => a.averagePool(pool), linear)) },
  scan: { checks: scans },
  recurrence: {
    checks: [
      check(layerInputs(4), (xs, h, c, w, u) => lstmLayer(xs, h, c, [w, u])),
      check(layerInputs(4), (xs, h, c, w, u) => lstmLayer(xs, h, c, [w, u, w.sum(1), u.mean(1)], { reverse: true })),
      check(layerInputs(4), (xs, h, c, w, u) => lstmLayer(xs, h, c, [w, u], { forgetBias: 1, lengths: rowLengths })),
      check(layerInputs(3), (xs, h, _, w, u) => gruLayer(xs, h, [w, u], { reset: "before" })),
      check(layerInputs(3), (xs, h, _, w, u) => gruLayer(xs, h, [w, u], { reverse: true, lengths: rowLengths })),
      check(layerInputs(3), (xs, h, c, w, u) => {
        const [last = xs, ys = xs] = gruLayer(xs, h, [w, u]);
        return gruLayer(ys, last, [u, u]).concat(gruLayer(xs, c, [w, u]).slice(0, 1));
      }),
    ],
  },
  recompute: {
    checks: [
      check([f64([2, 3]), f64([3], -2, 2, 8)], (x, w) => recompute((y: Tensor) => y.mul(w).tanh().mul(y.exp()))(x)),
      check([f64([2]), f64([2], -2, 2, 8)], (x, w) => {
        const block = recompute((y: Tensor, z: Tensor) => y.mul(z).sin());
        return block(block(x, w), x.mul(w));
      }),
      check([f64([])], (x) => recompute((y: Tensor) => y.mul(y).mul(x))(x)),
      check([f64([2]), f64([2], -2, 2, 8)], (x, w) => recompute(() => x.mul(w).tanh())()),
      check([f64([2]), f64([2], -2, 2, 8)], (x, w) => recompute((_: Tensor) => x.sin().mul(w))(w)),
      check([f64([2]), f64([2], -2, 2, 8)], (x, w) => recompute(() => x.exp().mul(w))().mul(x.exp())),
      check([f64([2]), f64([2], -2, 2, 8)], (x, w) => recompute((y: Tensor) => (y === w ? x : x))(w).mul(w)),
      check([f64([2]), f64([2], -2, 2, 8)], (x, w) => recompute((y: Tensor) => recompute(() => y.mul(w).sin())())(x)),
      check(cellInputs(3), (xs, h, w, b) => recompute((y: Tensor) => scan(recurrent(w, b), h, y)[1])(xs)),
      check([f64([3, 2]), f64([2]), f64([2], -1, 1, 9)], (xs, s, a) =>
        scan((h: Tensor, x: Tensor) => [recompute((y: Tensor) => y.mul(a).add(x).tanh())(h), h] as const, s, xs, {
          axis: 0,
        }).flat(),
      ),
    ],
  },
};
