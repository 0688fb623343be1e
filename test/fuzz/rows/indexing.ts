/** Rows that pick and place elements by whole numbers. */
import { front, NotApplicable, type Row, type Scope, type Sketch, sizeOf, type Value } from "../scope.ts";

/** New whole numbers from `low` to below `limit`. */
function indices(scope: Scope, shape: readonly number[], limit: number, low = 0): Value {
  const length = sizeOf(shape);
  if (limit === 0 && length > 0) throw new NotApplicable();
  const numbers = Array.from({ length }, () => scope.draw.whole(low, limit - 1));
  return scope.leaf(shape, scope.draw.one(["i32", "i64"]), numbers);
}

const picked = (inputs: readonly Value[], ts: string, py: string, rounds = false): Sketch => ({
  inputs,
  ts,
  py,
  rounds,
});

const gather: Row = (scope) => {
  const x = scope.any(1);
  const axis = scope.axis(x);
  const size = x.shape[front(axis, x)] ?? 0;
  const rank = scope.draw.below(3);
  const at = indices(scope, scope.shape(rank), size, scope.draw.chance(0.3) ? -size : 0);
  return picked([x, at], `$0.gather($1, ${axis})`, `gather($0, $1, ${axis})`);
};

const scatterAdd: Row = (scope) => {
  const rows = scope.number(1);
  const rank = scope.draw.whole(1, Math.min(2, rows.shape.length));
  const size = scope.draw.whole(1, 5);
  const out = scope.draw.chance(0.3) ? 1 : 0; // rows for places outside are dropped
  const at = indices(scope, rows.shape.slice(0, rank), size + out, -out);
  return picked([at, rows], `$0.scatterAdd($1, ${size})`, `scatter_add($0, $1, ${size})`, true);
};

const takeAlong: Row = (scope) => {
  const x = scope.any(1);
  const axis = scope.axis(x);
  const at = front(axis, x);
  const size = x.shape[at] ?? 0;
  const places = indices(
    scope,
    x.shape.map((n, i) => (i === at ? scope.draw.whole(1, 4) : n)),
    size,
    scope.draw.chance(0.3) ? -size : 0,
  );
  return picked([x, places], `$0.takeAlong($1, ${axis})`, `take_along($0, $1, ${axis})`);
};

const putAlong: Row = (scope) => {
  const values = scope.number(1);
  const axis = scope.axis(values);
  const size = scope.draw.whole(1, 5);
  const places = indices(scope, values.shape, size);
  return picked(
    [places, values],
    `putAlong($0, $1, ${front(axis, values)}, ${size})`,
    `put_along($0, $1, ${axis}, ${size})`,
    true,
  );
};

const oneHot: Row = (scope) => {
  const depth = scope.draw.whole(1, 5);
  const at = scope.int();
  return picked([at], `$0.oneHot(${depth}, F)`, `one_hot($0, ${depth}, F)`);
};

const topK: Row = (scope) => {
  const x = scope.number(1);
  const axis = scope.axis(x);
  const k = scope.draw.whole(0, x.shape[front(axis, x)] ?? 0);
  return picked([x], `$0.topK(${k}, ${axis})`, `top_k($0, ${k}, ${axis})`);
};

const causal: Row = (scope) => {
  const square = ({ kind, shape }: Value) =>
    kind === "F" && (shape.at(-2) ?? 1) <= (shape.at(-1) ?? 0) && shape.length >= 2;
  const x = scope.pick(square, () => scope.leaf([2, 3]));
  return picked([x], "$0.causal().softmax()", "torch.softmax(causal($0), -1)", true);
};

export const indexing = {
  gather,
  scatterAdd,
  takeAlong,
  putAlong,
  oneHot,
  topK,
  causal,
  arange: (scope) => {
    const length = scope.size();
    const [ts, py] = scope.draw.chance(0.5) ? ["i32", "int32"] : ["i64", "int64"];
    return picked([], `arange(${length}, "${ts}")`, `torch.arange(${length}, dtype=torch.${py})`);
  },
  full: (scope) => {
    const shape = scope.shape(scope.draw.below(4));
    return picked([], `full([${shape}], 1.5, F)`, `torch.full([${shape}], 1.5, dtype=F)`);
  },
} satisfies Record<string, Row>;
