/** Rows that reduce axes, and normalisation. */
import type { Row, Scope, Value } from "../scope.ts";

const keepOf = (scope: Scope): boolean => scope.draw.chance(0.4);
const bool = (value: boolean): string => (value ? "True" : "False");

/** Over some axes, or over all where none is named. */
const over =
  (name: string, py: (axes: string, keep: string) => string, take: (scope: Scope) => Value, rounds = true): Row =>
  (scope) => {
    const x = take(scope);
    const keep = keepOf(scope);
    if (!keep && scope.draw.chance(0.25)) return { inputs: [x], ts: `$0.${name}()`, py: py("None", "False"), rounds };
    const axes = scope.axes(x);
    const list = axes.length === 1 && scope.draw.chance(0.5) ? `${axes[0]}` : `[${axes.join(", ")}]`;
    return { inputs: [x], ts: `$0.${name}(${list}, ${keep})`, py: py(`[${axes.join(", ")}]`, bool(keep)), rounds };
  };

const along =
  (name: string, py: (axis: number, keep: string) => string, take: (scope: Scope) => Value, rounds = true): Row =>
  (scope) => {
    const x = take(scope);
    const [axis, keep] = [scope.axis(x), keepOf(scope)];
    return { inputs: [x], ts: `$0.${name}(${axis}, ${keep})`, py: py(axis, bool(keep)), rounds };
  };

const number = (scope: Scope): Value => scope.number();
const float = (scope: Scope): Value => scope.float();
const ranked = (scope: Scope): Value => scope.float(1);

const cumsum: Row = (scope) => {
  const x = scope.number(1);
  const [axis, exclusive, reverse] = [scope.axis(x), scope.draw.chance(0.4), scope.draw.chance(0.4)];
  return {
    inputs: [x],
    ts: `$0.cumsum(${axis}, { exclusive: ${exclusive}, reverse: ${reverse} })`,
    py: `cumsum($0, ${axis}, ${bool(exclusive)}, ${bool(reverse)})`,
  };
};

const layerNorm: Row = (scope) => {
  const x = scope.float(1);
  const width = x.shape.slice(-1);
  const epsilon = scope.draw.one([2 ** -10, 2 ** -4]);
  return {
    inputs: [x, scope.leaf(width), scope.leaf(width)],
    ts: `$0.layerNorm($1, $2, ${epsilon})`,
    py: `layer_norm($0, $1, $2, ${epsilon})`,
  };
};

export const reduce = {
  sum: over("sum", (axes, keep) => `reduce_sum($0, ${axes}, ${keep})`, number),
  mean: over("mean", (axes, keep) => `reduce_mean($0, ${axes}, ${keep})`, float),
  max: over("max", (axes, keep) => `reduce_max($0, ${axes}, ${keep})`, number, false),
  min: over("min", (axes, keep) => `reduce_min($0, ${axes}, ${keep})`, number, false),
  variance: over("variance", (axes, keep) => `variance($0, ${axes}, ${keep})`, float),
  prod: along(
    "prod",
    (axis, keep) => `torch.prod($0, ${axis}, ${keep}, dtype=$0.dtype)`,
    (scope) => scope.number(1),
  ),
  logSumExp: along("logSumExp", (axis, keep) => `torch.logsumexp($0, ${axis}, ${keep})`, ranked),
  argMax: along(
    "argMax",
    (axis, keep) => `torch.argmax($0, ${axis}, ${keep}).int()`,
    (scope) => scope.number(1),
    false,
  ),
  argMin: along(
    "argMin",
    (axis, keep) => `torch.argmin($0, ${axis}, ${keep}).int()`,
    (scope) => scope.number(1),
    false,
  ),
  sumSquares: (scope) => ({ inputs: [scope.float()], ts: "$0.sumSquares()", py: "($0 * $0).sum()" }),
  cumsum,
  softmax: (scope) => {
    const x = scope.float(1);
    const axis = scope.axis(x);
    return { inputs: [x], ts: `$0.softmax(${axis})`, py: `torch.softmax($0, ${axis})` };
  },
  logSoftmax: (scope) => {
    const x = scope.float(1);
    const axis = scope.axis(x);
    return { inputs: [x], ts: `$0.logSoftmax(${axis})`, py: `torch.log_softmax($0, ${axis})` };
  },
  layerNorm,
} satisfies Record<string, Row>;
