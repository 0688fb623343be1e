/** Cases with numbers that can be written down: rows without PyTorch's, element types, edges of floating point. */
import { type OpName, recompute } from "../../src/graph/index.ts";
import type { HostTensor } from "../../src/runtime/index.ts";
import { arange, type DType, ones, record, scalar, stack, type Tensor, tensor } from "../../src/tensor/index.ts";
import { count, host, iota, numbersOf } from "../support/numbers.ts";
import { backward, exact } from "../tolerances.ts";
import { counting, type Sample } from "./case.ts";

/** A rounding or two of float64. */
const within15 = { absolute: 1e-15, relative: 1e-15 };
const exactly = { forward: exact, backward: exact };
const { NaN: nan, POSITIVE_INFINITY: infinity } = Number;

/** One input, one output, element by element; the derivative at each where there is one. */
const pointwise = (
  covers: OpName,
  apply: (x: Tensor) => Tensor,
  points: readonly { x: number; y: number; slope?: number }[],
  { from = "f32", to = from, name = covers }: { from?: DType; to?: DType; name?: string } = {},
): Sample => {
  const column = (values: number[], dtype: DType) => host(values, [values.length], dtype);
  const input = column(
    points.map(({ x }) => x),
    from,
  );
  const seed = counting(input);
  const slopes = points.map(({ slope = nan }, i) => slope * (i + 1));
  return {
    name: `${name} ${from}`,
    covers,
    inputs: [input],
    apply: ([x]) => (x ? [apply(x)] : []),
    outputs: [
      column(
        points.map(({ y }) => y),
        to,
      ),
    ],
    ...(points.every(({ slope }) => slope !== undefined) && seed
      ? { seeds: [seed], gradients: [column(slopes, from)] }
      : {}),
    tolerance: exactly,
  };
};

/** Each point as [x, y, slope]. */
const at = (...points: readonly (readonly [number, number, number?])[]) =>
  points.map(([x, y, slope]) => (slope === undefined ? { x, y } : { x, y, slope }));

const rounding: readonly Sample[] = [
  pointwise("sign", (x) => x.sign(), at([-2.5, -1, 0], [0, 0, 0], [1e-30, 1, 0], [infinity, 1, 0])),
  pointwise("floor", (x) => x.floor(), at([-2.5, -3, 0], [-2, -2, 0], [0.99, 0, 0], [2.5, 2, 0])),
  pointwise("ceil", (x) => x.ceil(), at([-2.5, -2, 0], [-2, -2, 0], [0.01, 1, 0], [2.5, 3, 0])),
  pointwise("round", (x) => x.round(), at([-2.5, -2, 0], [-1.5, -2, 0], [0.5, 0, 0], [1.5, 2, 0], [2.4, 2, 0])),
  pointwise("abs", (x) => x.abs(), at([-2.5, 2.5, -1], [0, 0, 0], [3, 3, 1])),
  pointwise("neg", (x) => x.neg(), at([-2.5, 2.5, -1], [0, 0, -1], [3, -3, -1])),
  pointwise("stopGradient", (x) => x.stopGradient(), at([-2.5, -2.5, 0], [3, 3, 0])),
  pointwise("isNaN", (x) => x.isNaN(), at([nan, 1], [0, 0], [infinity, 0]), { to: "bool" }),
  pointwise("cast", (x) => x.cast("i32"), at([-2.7, -2], [0.9, 0], [3, 3]), { to: "i32" }),
  pointwise("cast", (x) => x.cast("bool"), at([-2.7, 1], [0, 0], [3, 1]), { to: "bool", name: "cast to bool" }),
  pointwise("cast", (x) => x.cast("f32"), at([1, 1], [0, 0]), { from: "bool", to: "f32" }),
  pointwise("cast", (x) => x.cast("f64").mul(2).cast("f32"), at([1.5, 3, 2], [-1, -2, 2]), {
    name: "cast there and back",
  }),
  pointwise("relu", (x) => x.relu(), at([-1, 0, 0], [0, 0, 0], [2, 2, 1], [infinity, infinity, 1])),
  pointwise("exp", (x) => x.exp(), at([Number.NEGATIVE_INFINITY, 0, 0], [0, 1, 1], [infinity, infinity, infinity]), {
    name: "exp at infinity",
  }),
];

/** a op b for two vectors of four. */
const pairs = (
  covers: OpName,
  apply: (a: Tensor, b: Tensor) => Tensor,
  y: number[],
  from: DType = "f32",
  to: DType = "bool",
): Sample => ({
  name: `${covers} of two vectors ${from}`,
  covers,
  inputs:
    from === "bool"
      ? [host([0, 0, 1, 1], [4], from), host([0, 1, 0, 1], [4], from)]
      : [host([1, 2, 3, -1], [4], from), host([2, 2, 1, -1], [4], from)],
  apply: ([a, b]) => (a && b ? [apply(a, b)] : []),
  outputs: [host(y, [4], to)],
  tolerance: exactly,
});

const numbers: readonly DType[] = ["f32", "f64", "i32", "i64"];
const comparisons: readonly Sample[] = [
  ...numbers.flatMap((type) => [
    pairs("equal", (a, b) => a.equal(b), [0, 1, 0, 1], type),
    pairs("less", (a, b) => a.less(b), [1, 0, 0, 0], type),
    pairs("greater", (a, b) => a.greater(b), [0, 0, 1, 0], type),
    pairs("lessEqual", (a, b) => a.lessEqual(b), [1, 1, 0, 1], type),
    pairs("greaterEqual", (a, b) => a.greaterEqual(b), [0, 1, 1, 1], type),
  ]),
  pairs("equal", (a, b) => a.equal(b), [1, 0, 0, 1], "bool"),
  pairs("and", (a, b) => a.and(b), [0, 0, 0, 1], "bool"),
  pairs("or", (a, b) => a.or(b), [0, 1, 1, 1], "bool"),
  pairs("not", (a) => a.not(), [1, 1, 0, 0], "bool"),
  pairs("where", (a, b) => a.where(b, a.not()), [1, 1, 0, 1], "bool"),
];

/** Comparisons with NaN are all false. */
const unordered: Sample = {
  name: "less, lessEqual, greater, greaterEqual and equal beside NaN",
  covers: "less",
  inputs: [host([nan, 1], [2]), host([1, nan], [2])],
  apply: ([a, b]) => (a && b ? [a.less(b), a.lessEqual(b), a.greater(b), a.greaterEqual(b), a.equal(b)] : []),
  outputs: Array.from({ length: 5 }, () => host([0, 0], [2], "bool")),
};

const arithmetic: readonly Sample[] = numbers.flatMap((type) => [
  pairs("add", (a, b) => a.add(b), [3, 4, 4, -2], type, type),
  pairs("sub", (a, b) => a.sub(b), [-1, 0, 2, 0], type, type),
  pairs("mul", (a, b) => a.mul(b).mul(3), [6, 12, 9, 3], type, type),
  pairs("div", (a, b) => a.mul(4).div(b), [2, 4, 12, 4], type, type),
  pairs("maximum", (a, b) => a.maximum(b), [2, 2, 3, -1], type, type),
  pairs("minimum", (a, b) => a.minimum(b), [1, 2, 1, -1], type, type),
  pairs("neg", (a) => a.neg(), [-1, -2, -3, 1], type, type),
  pairs("abs", (a) => a.abs(), [1, 2, 3, 1], type, type),
  pairs("sign", (a) => a.sign(), [1, 1, 1, -1], type, type),
  pairs("where", (a, b) => a.less(b).where(a, b), [1, 2, 1, -1], type, type),
  pairs("cast", (a) => a.cast("i64").cast("f32"), [1, 2, 3, -1], type, "f32"),
]);

/** At a tie both sides take half. */
const ties: Sample = {
  name: "maximum and minimum at ties",
  covers: "minimum",
  inputs: [host([1, 2, infinity], [3]), host([1, 3, infinity], [3])],
  apply: ([a, b]) => (a && b ? [a.maximum(b), a.minimum(b)] : []),
  outputs: [host([1, 3, infinity], [3]), host([1, 2, infinity], [3])],
  seeds: [host([2, 2, 2], [3]), host([4, 4, 4], [3])],
  gradients: [host([3, 4, 3], [3]), host([3, 2, 3], [3])],
  tolerance: exactly,
};

/** Elements that only change place: inputs count on from each other, -1 in the output is what the operation puts in. */
function moves(
  name: string,
  covers: OpName,
  shapes: readonly number[][],
  apply: (inputs: Tensor[]) => readonly Tensor[],
  outputs: readonly HostTensor[],
): Sample {
  let start = 0;
  const inputs = shapes.map((shape) => {
    const values = iota(shape, "f32");
    const shifted = host(
      numbersOf(values.data).map((value) => value + start),
      shape,
    );
    start += count(shape);
    return shifted;
  });
  const received = new Map<number, number>();
  for (const y of outputs)
    for (const [i, value] of numbersOf(y.data).entries()) received.set(value, (received.get(value) ?? 0) + i + 1);
  const gradients = inputs.map(({ data, shape }) =>
    host(
      numbersOf(data).map((value) => received.get(value) ?? 0),
      shape,
    ),
  );
  return { name, covers, inputs, apply, outputs, gradients, tolerance: exactly };
}

const one =
  (apply: (x: Tensor) => Tensor | readonly Tensor[]) =>
  ([x]: Tensor[]) =>
    x ? [apply(x)].flat() : [];
const grid = (shape: readonly number[], ...values: number[]): HostTensor => host(values, shape);
/** The first element is kept out of the way of the -1 that padding puts in. */
const movement: readonly Sample[] = [
  moves(
    "reshape",
    "reshape",
    [[2, 3]],
    one((x) => x.reshape([3, -1])),
    [grid([3, 2], 0, 1, 2, 3, 4, 5)],
  ),
  moves(
    "transpose",
    "transpose",
    [[2, 3]],
    one((x) => x.mT),
    [grid([3, 2], 0, 3, 1, 4, 2, 5)],
  ),
  moves(
    "transpose of three axes",
    "transpose",
    [[1, 2, 3]],
    one((x) => x.transpose([2, 0, 1])),
    [grid([3, 1, 2], 0, 3, 1, 4, 2, 5)],
  ),
  moves(
    "rearrange",
    "transpose",
    [[1, 2, 4]],
    one((x) => x.rearrange("b t (h d) -> b h t d", { h: 2 })),
    [grid([1, 2, 2, 2], 0, 1, 4, 5, 2, 3, 6, 7)],
  ),
  moves(
    "expand",
    "expand",
    [[2, 1]],
    one((x) => x.expand([2, 2, 3])),
    [grid([2, 2, 3], 0, 0, 0, 1, 1, 1, 0, 0, 0, 1, 1, 1)],
  ),
  moves(
    "expand a scalar",
    "expand",
    [[]],
    one((x) => x.expand([2, 2])),
    [grid([2, 2], 0, 0, 0, 0)],
  ),
  moves(
    "concat",
    "concat",
    [
      [2, 1],
      [2, 2],
    ],
    ([a, b]) => (a && b ? [a.concat([b], 1)] : []),
    [grid([2, 3], 0, 2, 3, 1, 4, 5)],
  ),
  moves(
    "concat with itself",
    "concat",
    [[2]],
    one((x) => x.concat([x, x], 0)),
    [grid([6], 0, 1, 0, 1, 0, 1)],
  ),
  moves("stack", "concat", [[2], [2]], (parts) => [stack(parts, -1)], [grid([2, 2], 0, 2, 1, 3)]),
  moves(
    "split",
    "split",
    [[2, 3]],
    one((x) => x.split([1, 2], 1)),
    [grid([2, 1], 0, 3), grid([2, 2], 1, 2, 4, 5)],
  ),
  moves(
    "chunk",
    "split",
    [[4]],
    one((x) => x.chunk(2)),
    [grid([2], 0, 1), grid([2], 2, 3)],
  ),
  moves(
    "unstack",
    "split",
    [[2, 2]],
    one((x) => x.unstack(2, 1)),
    [grid([2], 0, 2), grid([2], 1, 3)],
  ),
  moves(
    "slice",
    "slice",
    [[5]],
    one((x) => x.slice(0, 1, 4)),
    [grid([3], 1, 2, 3)],
  ),
  moves(
    "slice from the end",
    "slice",
    [[2, 4]],
    one((x) => x.slice(1, -3, -1)),
    [grid([2, 2], 1, 2, 5, 6)],
  ),
  moves(
    "slice with a step",
    "slice",
    [[7]],
    one((x) => x.slice(0, 1, 7, 3)),
    [grid([2], 1, 4)],
  ),
  moves(
    "slice backwards",
    "slice",
    [[6]],
    one((x) => x.slice(0, 4, 0, -2)),
    [grid([2], 4, 2)],
  ),
  moves(
    "slice backwards from the middle",
    "slice",
    [[6]],
    one((x) => x.slice(0, 4, 1, -1)),
    [grid([3], 4, 3, 2)],
  ),
  moves(
    "slice beyond the end",
    "slice",
    [[3]],
    one((x) => x.slice(0, 1, 100)),
    [grid([2], 1, 2)],
  ),
  moves(
    "slice of two axes",
    "slice",
    [[3, 3]],
    one((x) =>
      x.slices([
        { axis: 0, start: 0, end: 3, step: 2 },
        { axis: 1, start: 1, end: 3, step: 1 },
      ]),
    ),
    [grid([2, 2], 1, 2, 7, 8)],
  ),
  moves(
    "slice to nothing",
    "slice",
    [[3]],
    one((x) => [x.slice(0, 2, 2), x]),
    [grid([0]), grid([3], 0, 1, 2)],
  ),
  moves(
    "flip",
    "slice",
    [[2, 2]],
    one((x) => x.flip(1)),
    [grid([2, 2], 1, 0, 3, 2)],
  ),
  moves(
    "pad",
    "pad",
    [[2]],
    one((x) => x.pad([1], [2], -1)),
    [grid([5], -1, 0, 1, -1, -1)],
  ),
  moves(
    "gather",
    "gather",
    [[3, 2]],
    one((x) => x.gather(tensor([2, 0, 2], "i32"))),
    [grid([3, 2], 4, 5, 0, 1, 4, 5)],
  ),
  moves(
    "gather with one number",
    "gather",
    [[3, 2]],
    one((x) => x.gather(scalar(1, "i32"))),
    [grid([2], 2, 3)],
  ),
  moves(
    "gather i64 along axis 1",
    "gather",
    [[2, 3]],
    one((x) => x.gather(tensor([[2], [1]], "i64"), 1)),
    [grid([2, 2, 1], 2, 1, 5, 4)],
  ),
  moves(
    "gather with table of 600 rows",
    "gather",
    [[600, 1]],
    one((x) => x.gather(tensor([599, 3, 3], "i32"))),
    [grid([3, 1], 599, 3, 3)],
  ),
  moves(
    "takeAlong",
    "takeAlong",
    [[2, 3]],
    one((x) =>
      x.takeAlong(
        tensor(
          [
            [2, 2],
            [0, 1],
          ],
          "i64",
        ),
        1,
      ),
    ),
    [grid([2, 2], 2, 2, 3, 4)],
  ),
  moves("barrier", "barrier", [[2, 2], [3]], ([x, after]) => (x && after ? record("barrier", [x, after], {}) : []), [
    grid([2, 2], 0, 1, 2, 3),
  ]),
];

/** Indices told apart from what they add. */
const adding = (
  name: string,
  covers: OpName,
  apply: (indices: Tensor, values: Tensor) => Tensor,
  { indices, values, sum, back }: Record<"indices" | "values" | "sum" | "back", HostTensor>,
): Sample => ({
  name,
  covers,
  inputs: [indices, values],
  apply: ([i, x]) => (i && x ? [apply(i, x)] : []),
  outputs: [sum],
  gradients: [undefined, back],
  tolerance: exactly,
});

const indexing: readonly Sample[] = [
  adding("scatterAdd", "scatterAdd", (i, x) => i.scatterAdd(x, 4), {
    indices: host([3, 0, 3], [3], "i32"),
    values: grid([3, 2], 1, 2, 3, 4, 5, 6),
    sum: grid([4, 2], 3, 4, 0, 0, 0, 0, 6, 8),
    back: grid([3, 2], 7, 8, 1, 2, 7, 8),
  }),
  adding("scatterAdd of numbers, indices i64 [2, 2]", "scatterAdd", (i, x) => i.scatterAdd(x, 3), {
    indices: host([0, 2, 2, 2], [2, 2], "i64"),
    values: grid([2, 2], 1, 2, 3, 4),
    sum: grid([3], 1, 0, 9),
    back: grid([2, 2], 1, 3, 3, 3),
  }),
  adding("scatterAdd into 600 rows", "scatterAdd", (i, x) => i.scatterAdd(x, 600).slice(0, 598), {
    indices: host([599, 598, 599], [3], "i32"),
    values: grid([3, 1], 1, 2, 4),
    sum: grid([2, 1], 2, 5),
    back: grid([3, 1], 2, 1, 2),
  }),
  adding("putAlong", "putAlong", (i, x) => record("putAlong", [i, x], { axis: 1, size: 3 })[0] ?? x, {
    indices: host([2, 2, 0, 1], [2, 2], "i32"),
    values: grid([2, 2], 1, 2, 3, 4),
    sum: grid([2, 3], 0, 0, 3, 3, 4, 0),
    back: grid([2, 2], 3, 3, 4, 5),
  }),
  {
    name: "scatterAdd i32",
    covers: "scatterAdd",
    inputs: [host([1, 1], [2], "i32"), host([5, 6], [2], "i32")],
    apply: ([i, x]) => (i && x ? [i.scatterAdd(x, 3)] : []),
    outputs: [host([0, 11, 0], [3], "i32")],
  },
  {
    name: "oneHot",
    covers: "oneHot",
    inputs: [host([2, 0, 5], [3], "i32")],
    apply: one((x) => x.oneHot(3)),
    outputs: [grid([3, 3], 0, 0, 1, 1, 0, 0, 0, 0, 0)],
  },
  {
    name: "oneHot of numbers beyond 32 bits",
    covers: "oneHot",
    inputs: [host([1, 2 ** 32 + 1, -(2 ** 32)], [3], "i64")],
    apply: one((x) => x.oneHot(2)),
    outputs: [grid([3, 2], 0, 1, 0, 0, 0, 0)],
  },
  {
    name: "oneHot of i64 into f64",
    covers: "oneHot",
    inputs: [host([1], [], "i64")],
    apply: one((x) => x.oneHot(2, "f64")),
    outputs: [host([0, 1], [2], "f64")],
  },
  {
    name: "arange",
    covers: "arange",
    inputs: [host([10], [], "i32")],
    apply: one((x) => [arange(3).add(x), arange(2, "i64")]),
    outputs: [host([10, 11, 12], [3], "i32"), host([0, 1], [2], "i64")],
  },
  {
    name: "argMax and argMin",
    covers: "argMax",
    inputs: [grid([2, 3], 1, 5, 5, -1, -3, 0)],
    apply: one((x) => [x.argMax(1), x.argMin(1, true), x.argMax(0)]),
    outputs: [host([1, 2], [2], "i32"), host([0, 1], [2, 1], "i32"), host([0, 0, 0], [3], "i32")],
  },
  {
    name: "argMin",
    covers: "argMin",
    inputs: [grid([3], 2, 1, 1)],
    apply: one((x) => x.argMin(0)),
    outputs: [host([1], [], "i32")],
  },
];

/** The gradient of an extreme is shared among those that are equal to it. */
const reductions: readonly Sample[] = [
  {
    name: "sumSquares",
    covers: "sumSquares",
    inputs: [grid([2, 2], 1, -2, 3, 0.5)],
    apply: one((x) => x.sumSquares()),
    outputs: [grid([], 14.25)],
    gradients: [grid([2, 2], 2, -4, 6, 1)],
  },
  {
    name: "max at ties",
    covers: "max",
    inputs: [grid([2, 3], 4, 4, 1, 2, 7, 7)],
    apply: one((x) => x.max(1)),
    outputs: [grid([2], 4, 7)],
    gradients: [grid([2, 3], 0.5, 0.5, 0, 0, 1, 1)],
  },
  {
    name: "cumsum exclusive and reversed",
    covers: "cumsum",
    inputs: [grid([3], 1, 2, 4)],
    apply: one((x) => [
      x.cumsum(0, { exclusive: true }),
      x.cumsum(0, { reverse: true }),
      x.cumsum(0, { exclusive: true, reverse: true }),
    ]),
    outputs: [grid([3], 0, 1, 3), grid([3], 7, 6, 4), grid([3], 6, 4, 0)],
    gradients: [grid([3], 6, 7, 9)],
  },
  ...(["i32", "i64", "f64"] as const).map(
    (type): Sample => ({
      name: `sum, max, min, prod and cumsum ${type}`,
      covers: "sum",
      inputs: [host([1, 2, 3, -4], [2, 2], type)],
      apply: one((x) => [x.sum(), x.max(0), x.min(1), x.prod(1), x.cumsum(0)]),
      outputs: [
        host([2], [], type),
        host([3, 2], [2], type),
        host([1, -4], [2], type),
        host([2, -12], [2], type),
        host([1, 2, 4, -2], [2, 2], type),
      ],
    }),
  ),
  {
    name: "prod with two zeros",
    covers: "prod",
    inputs: [grid([2, 3], 0, 2, 0, 0, 2, 3)],
    apply: one((x) => x.prod(1)),
    outputs: [grid([2], 0, 0)],
    gradients: [grid([2, 3], 0, 0, 0, 12, 0, 0)],
  },
];

/** [1, 1, 4, 6], row by row. Among equal places of a window the first one counts, as in PyTorch. */
const tied = [3, 2, 1, 7, 5, 5, 3, 3, 7, 7, 5, 5, 0, -0, -4, -1, -2, 8, 0, 0, -1, -2, 8, 8];
const halved = [3, 7, 5, 0, -1, 8];
const firstPlaces = [0, 3, 4, 12, 15, 17];
const putBack = (...values: number[]) => {
  const places = Array<number>(tied.length).fill(0);
  for (const [i, place] of firstPlaces.entries()) places[place] = values[i] ?? 0;
  return grid([1, 1, 4, 6], ...places);
};

const pools: readonly Sample[] = [
  {
    name: "unpool with equal maxima",
    covers: "unpool",
    inputs: [grid([1, 1, 4, 6], ...tied), grid([1, 1, 2, 3], ...halved), grid([1, 1, 2, 3], 1, 2, 3, 4, 5, 6)],
    apply: ([x, y, g]) => (x && y && g ? record("unpool", [x, y, g], {}) : []),
    outputs: [putBack(1, 2, 3, 4, 5, 6)],
    seeds: [grid([1, 1, 4, 6], ...Array.from({ length: 24 }, (_, i) => i))],
    gradients: [undefined, undefined, grid([1, 1, 2, 3], ...firstPlaces)],
  },
  {
    name: "maxPool halves with equal maxima",
    covers: "maxPool",
    inputs: [grid([1, 1, 4, 6], ...tied)],
    apply: one((x) => x.maxPool({ kernel: [2, 2] })[0] ?? x),
    outputs: [grid([1, 1, 2, 3], ...halved)],
    seeds: [grid([1, 1, 2, 3], 1, 2, 3, 4, 5, 6)],
    gradients: [putBack(1, 2, 3, 4, 5, 6)],
  },
  {
    name: "maxPool of relu halves with equal maxima",
    covers: "maxPool",
    inputs: [grid([1, 1, 4, 6], ...tied)],
    apply: one((x) => x.relu().maxPool({ kernel: [2, 2] })[0] ?? x),
    outputs: [grid([1, 1, 2, 3], 3, 7, 5, 0, 0, 8)],
    seeds: [grid([1, 1, 2, 3], 1, 2, 3, 4, 5, 6)],
    gradients: [putBack(1, 2, 3, 0, 0, 6)],
  },
  {
    name: "maxPool of many channels with equal maxima",
    covers: "maxPool",
    inputs: [grid([1, 16, 2, 2], ...Array.from({ length: 16 }, () => [1, 3, 3, 2]).flat())],
    apply: one((x) => x.maxPool({ kernel: [2, 2] })[0] ?? x),
    outputs: [grid([1, 16, 1, 1], ...Array<number>(16).fill(3))],
    gradients: [grid([1, 16, 2, 2], ...Array.from({ length: 16 }, (_, i) => [0, i + 1, 0, 0]).flat())],
  },
  {
    name: "the places of maxima, the first of equal ones",
    covers: "maxPlaces",
    inputs: [grid([1, 1, 4, 6], ...tied)],
    apply: one((x) => x.maxPool({ kernel: [2, 2] })[1] ?? x),
    outputs: [host(firstPlaces, [1, 1, 2, 3], "i64")],
  },
  {
    name: "conv with a bias",
    covers: "conv",
    inputs: [grid([1, 1, 3], 1, 2, 3), grid([2, 1, 2], 1, 0, 0, -1), grid([2], 10, 20)],
    apply: ([x, w, b]) =>
      x && w && b ? record("conv", [x, w, b], { stride: [1], padding: [0], dilation: [1], groups: 1 }) : [],
    outputs: [grid([1, 2, 2], 11, 12, 18, 17)],
    seeds: [grid([1, 2, 2], 1, 2, 3, 4)],
    gradients: [grid([1, 1, 3], 1, -1, -4), grid([2, 1, 2], 5, 8, 11, 18), grid([2], 3, 7)],
  },
];

const leaves: readonly Sample[] = [
  {
    name: "gemm",
    covers: "gemm",
    inputs: [grid([2, 2], 1, 2, 3, 4), grid([2, 2], 5, 6, 7, 8), grid([2], 10, 20)],
    apply: ([a, b, c]) => (a && b && c ? record("gemm", [a, b, c], { transA: true, transB: false }) : []),
    outputs: [grid([2, 2], 36, 50, 48, 64)],
    seeds: [grid([2, 2], 1, 0, 0, 2)],
    gradients: [grid([2, 2], 5, 12, 7, 16), grid([2, 2], 1, 4, 3, 8), grid([2], 1, 2)],
  },
  {
    name: "constant",
    covers: "constant",
    inputs: [grid([], 1)],
    apply: one((x) => [
      tensor([
        [1, 2],
        [3, 4],
      ]).add(x),
      ones([2]).add(x),
      x.like(Number.NaN).isNaN(),
      scalar(-0).add(x.sub(1)),
    ]),
    outputs: [grid([2, 2], 2, 3, 4, 5), grid([2], 2, 2), host([1], [], "bool"), grid([], 0)],
  },
  {
    name: "input",
    covers: "input",
    inputs: [grid([2], 3, 4), host([1, 0], [2], "bool"), host([-(2 ** 53), 7], [2], "i64")],
    apply: (inputs) => inputs,
    outputs: [grid([2], 3, 4), host([1, 0], [2], "bool"), host([-(2 ** 53), 7], [2], "i64")],
    tolerance: exactly,
  },
];

const blocks: readonly Sample[] = [
  {
    name: "recompute",
    covers: "recompute",
    inputs: [grid([2], 1, 2), grid([2], 3, 5)],
    apply: ([x, w]) => (x && w ? [recompute((y: Tensor) => y.mul(y).mul(w))(x)] : []),
    outputs: [grid([2], 3, 20)],
    gradients: [grid([2], 6, 40), grid([2], 1, 8)],
  },
];

/** Nothing to compute is no error. */
const empty: readonly Sample[] = [
  {
    name: "sums and products over nothing",
    covers: "sum",
    inputs: [grid([0, 2])],
    apply: one((x) => [x.sum(), x.sum(0), x.sumSquares(), x.add(1), x.mT]),
    outputs: [grid([], 0), grid([2], 0, 0), grid([], 0), grid([0, 2]), grid([2, 0])],
    gradients: [grid([0, 2])],
  },
  {
    name: "matmul over nothing",
    covers: "matmul",
    inputs: [grid([2, 0]), grid([0, 3])],
    apply: ([a, b]) => (a && b ? [a.matmul(b)] : []),
    outputs: [grid([2, 3], 0, 0, 0, 0, 0, 0)],
    gradients: [grid([2, 0]), grid([0, 3])],
  },
  {
    name: "matmul of no rows",
    covers: "matmul",
    inputs: [grid([0, 2]), grid([2, 3], 1, 2, 3, 4, 5, 6)],
    apply: ([a, b]) => (a && b ? [a.matmul(b)] : []),
    outputs: [grid([0, 3])],
    gradients: [grid([0, 2]), grid([2, 3], 0, 0, 0, 0, 0, 0)],
  },
  {
    name: "concat and gather of nothing",
    covers: "concat",
    inputs: [grid([0, 2]), grid([1, 2], 5, 6), host([], [0], "i32")],
    apply: ([a, b, i]) => (a && b && i ? [a.concat([b], 0), b.gather(i), a.reshape([2, 0, 3])] : []),
    outputs: [grid([1, 2], 5, 6), grid([0, 2]), grid([2, 0, 3])],
    gradients: [grid([0, 2]), grid([1, 2], 1, 2)],
  },
  {
    name: "softmax of nothing",
    covers: "softmax",
    inputs: [grid([0, 2])],
    apply: one((x) => [x.softmax(), x.logSoftmax()]),
    outputs: [grid([0, 2]), grid([0, 2])],
    gradients: [grid([0, 2])],
  },
];

/** What the engine's own kernels and fusions get wrong; each has one meaning here, whatever the size. */
const edges: readonly Sample[] = [
  {
    name: "gradient through an empty slice",
    covers: "slice",
    inputs: [grid([3], 1, 2, 3)],
    apply: one((x) => [x.slice(0, 0, 0).sum(), x.slice(0, 3)]),
    outputs: [grid([], 0), grid([0])],
    gradients: [grid([3], 0, 0, 0)],
  },
  {
    name: "nothing beside something",
    covers: "concat",
    inputs: [grid([3], 1, 2, 3)],
    apply: one((x) => [
      scalar(1).expand([0]).concat([x], 0),
      ones([2, 0])
        .sum(1)
        .add(x.slice(0, 0, 2)),
    ]),
    outputs: [grid([3], 1, 2, 3), grid([2], 1, 2)],
    gradients: [grid([3], 2, 4, 3)],
  },
  {
    name: "mean of nothing is NaN",
    covers: "mean",
    inputs: [grid([0, 2])],
    apply: one((x) => [x.mean(), x.mean(0), x.mean(1), x.variance()]),
    outputs: [grid([], nan), grid([2], nan, nan), grid([0]), grid([], nan)],
    gradients: [grid([0, 2])],
  },
  ...(["f32", "f64"] as const).map(
    (type): Sample => ({
      name: `layerNorm over nothing ${type}`,
      covers: "layerNorm",
      inputs: [host([], [2, 0], type), host([], [0], type)],
      apply: ([x, w]) => (x && w ? x.layerNorm(w, w, 1e-5) : []),
      outputs: [host([], [2, 0], type), host([nan, nan], [2, 1], type), host([nan, nan], [2, 1], type)],
      seeds: [host([], [2, 0], type)],
      gradients: [host([], [2, 0], type), host([], [0], type)],
    }),
  ),
  {
    name: "batched products of inner size 0",
    covers: "matmul",
    inputs: [grid([2, 2, 0]), grid([2, 1, 0])],
    apply: ([a, b]) => (a && b ? [a.matmul(b, { transB: true }), a.mT.matmul(b.mT, { transA: true })] : []),
    outputs: [grid([2, 2, 1], 0, 0, 0, 0), grid([2, 2, 1], 0, 0, 0, 0)],
    gradients: [grid([2, 2, 0]), grid([2, 1, 0])],
  },
  {
    name: "topK, extremes and logSumExp of nothing",
    covers: "sum",
    inputs: [grid([0, 5]), grid([2], 1, 2)],
    apply: ([x, y]) =>
      x && y ? [...x.topK(1), x.max(1), x.argMax(1), x.logSumExp(0), x.prod(0), y.topK(0)[0], y.sum()] : [],
    outputs: [
      grid([0, 1]),
      host([], [0, 1], "i32"),
      grid([0]),
      host([], [0], "i32"),
      grid([5], ...Array<number>(5).fill(-infinity)),
      grid([5], 1, 1, 1, 1, 1),
      grid([0]),
      grid([], 3),
    ],
  },
  {
    name: "causal masks of few queries and of none",
    covers: "greater",
    inputs: [grid([2, 3], 1, 2, 3, 4, 5, 6), grid([0, 3])],
    apply: ([x, none]) => (x && none ? [x.causal(), none.causal()] : []),
    outputs: [grid([2, 3], 1, 2, -infinity, 4, 5, 6), grid([0, 3])],
    seeds: [undefined, grid([0, 3])],
  },
  {
    name: "NaN is the extreme wherever it stands",
    covers: "max",
    inputs: [grid([3, 3], 1, nan, 3, nan, 0, 1, 4, 2, 3)],
    apply: one((x) => [x.max(1), x.min(1), x.max(), x.max([0, 1], true)]),
    outputs: [grid([3], nan, nan, 4), grid([3], nan, nan, 2), grid([], nan), grid([1, 1], nan)],
  },
  {
    name: "the place of the extreme is that of the first NaN",
    covers: "argMax",
    inputs: [grid([4, 3], infinity, nan, 3, nan, 0, nan, 4, 2, nan, 1, 0, 2)],
    apply: one((x) => [x.argMax(1), x.argMin(1), x.argMin(0, true)]),
    outputs: [host([1, 0, 2, 2], [4], "i32"), host([1, 0, 2, 1], [4], "i32"), host([1, 0, 1], [1, 3], "i32")],
  },
  ...(["f32", "f64"] as const).map((type) => ({
    name: `softmax and logSoftmax beside NaN ${type}`,
    covers: "logSoftmax" as const,
    inputs: [host([1, nan, 2, 3, 3, -infinity], [2, 3], type)],
    apply: one((x) => [x.softmax(), x.logSoftmax()]),
    outputs: [
      host([nan, nan, nan, 0.5, 0.5, 0], [2, 3], type),
      host([nan, nan, nan, -Math.LN2, -Math.LN2, -infinity], [2, 3], type),
    ],
  })),
  {
    name: "logSumExp at infinity",
    covers: "exp",
    inputs: [grid([4, 2], 1, infinity, infinity, infinity, -infinity, 2, -infinity, -infinity)],
    apply: one((x) => x.logSumExp(1)),
    outputs: [grid([4], infinity, infinity, 2, -infinity)],
    tolerance: exactly,
  },
  {
    name: "logSumExp of very small numbers f64",
    covers: "exp",
    inputs: [host([-1e300, -1e300], [2], "f64")],
    apply: one((x) => x.logSumExp(0)),
    outputs: [host([-1e300], [], "f64")],
    gradients: [host([0.5, 0.5], [2], "f64")],
    tolerance: exactly,
  },
  {
    name: "scales that overflow or vanish when multiplied",
    covers: "mul",
    inputs: [grid([2], 2 ** -100, 2 ** 100)],
    apply: one((x) => [
      x
        .mul(2 ** 100)
        .mul(2 ** 100)
        .slice(0, 0, 1),
      x
        .mul(2 ** -100)
        .mul(2 ** -100)
        .slice(0, 1),
    ]),
    outputs: [grid([1], 2 ** 100), grid([1], 2 ** -100)],
    tolerance: exactly,
  },
  {
    name: "whole numbers wrap i32",
    covers: "sum",
    inputs: [host([2 ** 31 - 1, 2 ** 31 - 1, 1], [3], "i32")],
    apply: one((x) => [x.sum(), x.prod(0), x.slice(0, 0, 2).prod(0), x.cumsum(0), x.mul(65537).mul(65537)]),
    outputs: [
      host([-1], [], "i32"),
      host([1], [], "i32"),
      host([1], [], "i32"),
      host([2 ** 31 - 1, -2, -1], [3], "i32"),
      host([2147352575, 2147352575, 131073], [3], "i32"),
    ],
  },
  {
    // 3037000500 · 3037000499 = 2⁶³ - 2891526308
    name: "whole numbers beyond 2⁵³ i64",
    covers: "prod",
    inputs: [host([2 ** 53, 1], [2], "i64"), host([3037000500, 3037000499, 1], [3, 1], "i64")],
    apply: ([x, y]) =>
      x && y
        ? [
            x.sum().sub(2 ** 53),
            y
              .prod(0)
              .sub(2 ** 62)
              .sub(2 ** 62),
            x
              .mul(2 ** 62 + 2 ** 20)
              .mul(3)
              .sub(2 ** 62)
              .sub(2 ** 62)
              .sub(2 ** 62), // 3·2²⁰ at 1: c·d has more than 53 bits
          ]
        : [],
    outputs: [host([1], [], "i64"), host([-2891526308], [1], "i64"), host([2 ** 62, 3 * 2 ** 20], [2], "i64")],
    tolerance: exactly,
  },
  ...[4, 300].flatMap((size): Sample[] => [
    {
      name: `scatterAdd drops what lies outside ${size} rows`,
      covers: "scatterAdd",
      inputs: [host([-1, 1, size, 2 ** 20], [4], "i32"), grid([4, 1], 1, 2, 4, 8)],
      apply: ([i, x]) => (i && x ? [i.scatterAdd(x, size).slice(0, 0, 3)] : []),
      outputs: [grid([3, 1], 0, 2, 0)],
      gradients: [undefined, grid([4, 1], 0, 2, 0, 0)],
      tolerance: exactly,
    },
    {
      name: `scatterAdd keeps what is not finite in its row of ${size}`,
      covers: "scatterAdd",
      inputs: [host([1, 0, 1, 2], [4], "i32"), grid([4, 2], nan, 1, 2, 3, 4, 5, 6, -infinity)],
      apply: ([i, x]) => (i && x ? [i.scatterAdd(x, size).slice(0, 0, 4)] : []),
      outputs: [grid([4, 2], 2, 3, nan, 6, 6, -infinity, 0, 0)],
      tolerance: exactly,
    },
  ]),
  {
    name: "scatterAdd of an arange into fewer rows",
    covers: "scatterAdd",
    inputs: [grid([3], 1, 2, 3)],
    apply: one((x) => [arange(3).scatterAdd(x, 2), arange(3).scatterAdd(x, 5)]),
    outputs: [grid([2], 1, 2), grid([5], 1, 2, 3, 0, 0)],
    gradients: [grid([3], 2, 4, 3)],
  },
  moves(
    "negative axes of moveAxes and slices",
    "slice",
    [[1, 2, 3]],
    one((x) => [x.moveAxes(-1, 1, 0), x.moveAxes(0, 1, -1), x.slices([{ axis: -1, start: 1, end: 3, step: 1 }])]),
    [grid([3, 1, 2], 0, 3, 1, 4, 2, 5), grid([2, 3, 1], 0, 1, 2, 3, 4, 5), grid([1, 2, 2], 1, 2, 4, 5)],
  ),
  {
    name: "logSigmoid and the logarithm of a sigmoid",
    covers: "softplus",
    inputs: [grid([5], -100, -20, 0, 20, 100)],
    apply: one((x) => [x.logSigmoid(), x.sigmoid().log()]),
    outputs: [
      grid([5], -100, -20, -Math.LN2, -2.061153620314381e-9, 0),
      grid([5], -100, -20, -Math.LN2, -2.061153620314381e-9, 0),
    ],
    seeds: [grid([5], 1, 1, 1, 1, 1)],
    gradients: [grid([5], 1, 1, 0.5, 2.061153618190204e-9, 0)],
    tolerance: { forward: { absolute: 1e-14, relative: 1e-6 }, backward },
  },
  {
    name: "windows of one step without padding are what a convolution takes unless told otherwise",
    covers: "conv",
    inputs: [grid([1, 1, 4], 1, 2, 3, 4), grid([1, 1, 2], 1, 10)],
    apply: ([x, w]) => (x && w ? [x.conv(w), x.convTranspose(w), x.averagePool({ kernel: [2] })] : []),
    outputs: [grid([1, 1, 3], 21, 32, 43), grid([1, 1, 5], 1, 12, 23, 34, 40), grid([1, 1, 2], 1.5, 3.5)],
  },
];

/** Products, scales and compositions that the engine would fuse in single precision. */
const identity = (dtype: DType) =>
  tensor(
    [
      [1, 0],
      [0, 1],
    ],
    dtype,
  );
const unfused: readonly Sample[] = [
  {
    name: "scaled products f64",
    covers: "matmul",
    inputs: [host([1, 2, 3, 4], [2, 2], "f64")],
    apply: one((x) => [
      x.mul(0.1).matmul(identity("f64")),
      x.matmul(identity("f64")).div(3),
      x.mul(0.1).unsqueeze(0).matmul(identity("f64").unsqueeze(0), { transB: true }),
    ]),
    outputs: [
      host([0.1, 0.2, 0.1 * 3, 0.4], [2, 2], "f64"),
      host([1 / 3, 2 / 3, 1, 4 / 3], [2, 2], "f64"),
      host([0.1, 0.2, 0.1 * 3, 0.4], [1, 2, 2], "f64"),
    ],
    seeds: [host([1, 0, 0, 0], [2, 2], "f64"), undefined, undefined],
    gradients: [host([0.1, 0, 0, 0], [2, 2], "f64")],
    tolerance: exactly,
  },
  {
    // Scores 0 and ln 3 scaled there and back: weights ¼ and ¾.
    name: "scaled attention f64",
    covers: "softmax",
    inputs: [host([1, 0], [1, 1, 2], "f64"), host([0, 0, Math.log(3) / 0.7, 0], [1, 2, 2], "f64")],
    apply: ([q, k]) => (q && k ? [q.mul(0.7).matmul(k, { transB: true }).softmax()] : []),
    outputs: [host([0.25, 0.75], [1, 1, 2], "f64")],
    tolerance: { forward: within15, backward: within15 },
  },
  {
    name: "x · sigmoid(x), layer and root-mean-square norms by hand f64",
    covers: "sigmoid",
    inputs: [host([-800, 0, Math.log(3)], [3], "f64"), host([3, -3, 3, -3], [1, 4], "f64")],
    apply: ([x, y]) => {
      if (!x || !y) return [];
      const centred = y.sub(y.mean(-1, true));
      const norm = (z: Tensor, epsilon: number) => z.div(z.pow(2).mean(-1, true).add(epsilon).sqrt());
      return [x.mul(x.sigmoid()), norm(centred, 0.1), norm(y, 0.1).mul(y.onesLike().sum(0))];
    },
    outputs: [
      host([0, 0, Math.log(3) * 0.75], [3], "f64"),
      host(
        [1, -1, 1, -1].map((sign) => (sign * 3) / Math.sqrt(9.1)),
        [1, 4],
        "f64",
      ),
      host(
        [1, -1, 1, -1].map((sign) => (sign * 3) / Math.sqrt(9.1)),
        [1, 4],
        "f64",
      ),
    ],
    tolerance: { forward: within15, backward: within15 },
  },
  {
    ...pointwise(
      "softplus",
      (x) => x.softplus(),
      at([-40, Math.exp(-40)], [-1, Math.log1p(Math.exp(-1))], [800, 800]),
      {
        from: "f64",
        name: "softplus of small numbers",
      },
    ),
    tolerance: { forward: { absolute: 0, relative: 1e-15 }, backward },
  },
];

const extremes: readonly Sample[] = [
  {
    name: "softmax of large numbers and of masked ones",
    covers: "softmax",
    inputs: [grid([3, 2], 1000, 1000, -infinity, 3, -2000, -1000)],
    apply: one((x) => [x.softmax(), x.logSoftmax()]),
    outputs: [grid([3, 2], 0.5, 0.5, 0, 1, 0, 1), grid([3, 2], -Math.LN2, -Math.LN2, -infinity, 0, -1000, 0)],
  },
  {
    name: "logSumExp of large numbers",
    covers: "exp",
    inputs: [grid([2, 2], 1000, 1000, -1000, -1000)],
    apply: one((x) => x.logSumExp(1)),
    outputs: [grid([2], 1000 + Math.LN2, -1000 + Math.LN2)],
    gradients: [grid([2, 2], 0.5, 0.5, 1, 1)],
  },
  {
    name: "sigmoid and softplus of large numbers",
    covers: "softplus",
    inputs: [grid([4], -200, -20, 20, 200)],
    apply: one((x) => [x.sigmoid(), x.softplus()]),
    outputs: [grid([4], 0, Math.exp(-20), 1, 1), grid([4], 0, Math.exp(-20), 20, 200)],
    seeds: [grid([4], 0, 0, 0, 0), grid([4], 1, 1, 1, 1)],
    gradients: [grid([4], 0, Math.exp(-20), 1, 1)],
  },
  {
    name: "pow of zero",
    covers: "pow",
    inputs: [grid([4], 0, 0, 0, 2), grid([4], 0, 1, 2, 0)],
    apply: ([a, b]) => (a && b ? [a.pow(b)] : []),
    outputs: [grid([4], 1, 0, 0, 1)],
    seeds: [grid([4], 1, 1, 1, 1)],
    gradients: [grid([4], 0, 1, 0, 0), grid([4], 0, 0, 0, Math.LN2)],
  },
];

/** Operations that ONNX Runtime has no float64 kernel of; see gaps.ts. */
const doubles: readonly Sample[] = [
  pointwise("erf", (x) => x.erf(), at([0, 0]), { from: "f64" }),
  pointwise("softplus", (x) => x.softplus(), at([0, Math.LN2]), { from: "f64" }),
  pointwise("gelu", (x) => x.gelu(), at([0, 0]), { from: "f64" }),
  pointwise("gelu", (x) => x.gelu("tanh"), at([0, 0]), { from: "f64", name: "gelu with tanh" }),
];

export const rowSamples: readonly Sample[] = [
  ...rounding,
  ...comparisons,
  unordered,
  ...arithmetic,
  ties,
  ...movement,
  ...indexing,
  ...reductions,
  ...pools,
  ...leaves,
  ...blocks,
  ...doubles,
  ...empty,
  ...edges,
  ...unfused,
  ...extremes,
];
