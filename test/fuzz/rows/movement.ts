/** Rows that move elements. None of them rounds. */
import { front, NotApplicable, type Row, type Scope, type Sketch, sizeOf, type Value } from "../scope.ts";

const moved = (x: Value, ts: string, py: string): Sketch => ({ inputs: [x], ts, py, rounds: false });
const list = (numbers: readonly (number | string)[]): string => `[${numbers.join(", ")}]`;

/** Other sizes with the same product: two neighbours merged, or one split, or all in one. */
function reshaped({ draw }: Scope, shape: readonly number[]): number[] {
  const at = draw.below(shape.length);
  const size = shape[at] ?? 1;
  const divisor = draw.any([1, 2, 3, 4].filter((d) => size % d === 0)) ?? 1;
  const split = [...shape.slice(0, at), divisor, size / divisor, ...shape.slice(at + 1)];
  const merged = shape.length < 2 ? [...shape] : [...shape.slice(0, -2), (shape.at(-2) ?? 1) * (shape.at(-1) ?? 1)];
  return shape.length === 0 ? [1] : draw.one([split, split, merged, [sizeOf(shape)]]);
}

const reshape: Row = (scope) => {
  const x = scope.any();
  const shape = reshaped(scope, x.shape);
  const at = scope.draw.below(shape.length);
  const free = scope.draw.chance(0.3) && sizeOf(shape.filter((_, i) => i !== at)) > 0;
  const spelled = list(free ? shape.map((size, i) => (i === at ? -1 : size)) : shape);
  return moved(x, `$0.reshape(${spelled})`, `$0.reshape(${spelled})`);
};

const transpose: Row = (scope) => {
  const x = scope.any(1);
  const perm = scope.draw.shuffled(x.shape.map((_, i) => i));
  const spelled = list(perm.map((axis) => (scope.draw.chance(0.2) ? axis - perm.length : axis)));
  return moved(x, `$0.transpose(${spelled})`, `$0.permute(${spelled})`);
};

const moveAxes: Row = (scope) => {
  const x = scope.any(1);
  const rank = x.shape.length;
  const count = scope.draw.whole(1, rank);
  const [from, to] = [scope.draw.below(rank - count + 1), scope.draw.below(rank - count + 1)];
  const negative = scope.draw.chance(0.2);
  const axes = x.shape.map((_, i) => i);
  const block = axes.splice(from, count);
  const perm = [...axes.slice(0, to), ...block, ...axes.slice(to)];
  return moved(x, `$0.moveAxes(${negative ? from - rank : from}, ${count}, ${to})`, `$0.permute(${list(perm)})`);
};

const rearrange: Row = (scope) => {
  const x = scope.any(2);
  const letters = ["a", "b", "c", "d", "e"].slice(0, x.shape.length);
  const order = scope.draw.shuffled(letters);
  const perm = order.map((letter) => letters.indexOf(letter));
  const sizes = perm.map((from) => x.shape[from] ?? 1);
  const merged = [...sizes.slice(0, -2), (sizes.at(-2) ?? 1) * (sizes.at(-1) ?? 1)];
  const target = `${order.slice(0, -2).join(" ")} (${order.slice(-2).join(" ")})`.trim();
  return moved(
    x,
    `$0.rearrange("${letters.join(" ")} -> ${target}")`,
    `$0.permute(${list(perm)}).reshape(${list(merged)})`,
  );
};

const unsqueeze: Row = (scope) => {
  const x = scope.any();
  if (x.shape.length > 4) throw new NotApplicable();
  const axis = scope.draw.whole(-x.shape.length - 1, x.shape.length);
  return moved(x, `$0.unsqueeze(${axis})`, `$0.unsqueeze(${axis})`);
};

const squeeze: Row = (scope) => {
  const x = scope.pick(
    ({ kind, shape }) => kind !== "bool" && shape.includes(1),
    () => scope.leaf([scope.size(), 1]),
  );
  const axis = x.shape.indexOf(1) - (scope.draw.chance(0.4) ? x.shape.length : 0);
  return moved(x, `$0.squeeze(${axis})`, `$0.squeeze(${axis})`);
};

const expand: Row = (scope) => {
  const x = scope.any();
  const sizes = x.shape.map((size) => (size === 1 ? scope.size() : size));
  const shape = sizes.length < 4 && scope.draw.chance(0.5) ? [scope.size(), ...sizes] : sizes;
  return moved(x, `$0.expand(${list(shape)})`, `$0.expand(${list(shape)})`);
};

const sumTo: Row = (scope) => {
  const x = scope.float();
  const drop = scope.draw.below(x.shape.length + 1);
  const shape = x.shape.slice(drop).map((size) => (scope.draw.chance(0.4) ? 1 : size));
  return { inputs: [x], ts: `sumTo($0, ${list(shape)})`, py: `$0.sum_to_size(${list(shape)})` };
};

/** Of the same type, and equal sizes but along `axis`. */
function beside(scope: Scope, x: Value, axis: number): Value {
  const at = front(axis, x);
  return scope.pick(
    ({ kind, shape }) =>
      kind === x.kind && shape.length === x.shape.length && shape.every((n, i) => i === at || n === x.shape[i]),
    () =>
      scope.leaf(
        x.shape.map((n, i) => (i === at ? scope.size() : n)),
        x.kind,
      ),
  );
}

const concat: Row = (scope) => {
  const x = scope.any(1);
  const axis = scope.axis(x);
  const others = Array.from({ length: scope.draw.whole(1, 2) }, () => beside(scope, x, axis));
  const names = others.map((_, i) => `$${i + 1}`).join(", ");
  return {
    inputs: [x, ...others],
    ts: `$0.concat([${names}], ${axis})`,
    py: `torch.cat([$0, ${names}], ${axis})`,
    rounds: false,
  };
};

const stack: Row = (scope) => {
  const x = scope.any();
  if (x.shape.length > 3) throw new NotApplicable();
  const other = scope.pick(
    ({ kind, shape }) => kind === x.kind && list(shape) === list(x.shape),
    () => scope.leaf(x.shape, x.kind),
  );
  const axis = scope.draw.whole(-x.shape.length - 1, x.shape.length);
  return { inputs: [x, other], ts: `stack([$0, $1], ${axis})`, py: `torch.stack([$0, $1], ${axis})`, rounds: false };
};

const split: Row = (scope) => {
  const x = scope.any(1);
  const axis = scope.axis(x);
  const size = x.shape[front(axis, x)] ?? 0;
  const first = scope.draw.whole(0, size);
  const second = scope.draw.whole(0, size - first);
  const sizes = list(scope.draw.chance(0.5) ? [first, size - first] : [first, second, size - first - second]);
  return moved(x, `$0.split(${sizes}, ${axis})`, `torch.split($0, ${sizes}, ${axis})`);
};

/** `chunk` in as many parts as `unstack` has slices, or in two. */
const parts =
  (name: "chunk" | "unstack"): Row =>
  (scope) => {
    const x = scope.any(1);
    const axis = scope.axis(x);
    const size = x.shape[front(axis, x)] ?? 0;
    if (size === 0) throw new NotApplicable();
    if (name === "unstack") return moved(x, `$0.unstack(${size}, ${axis})`, `torch.unbind($0, ${axis})`);
    const count = size % 2 === 0 ? 2 : size;
    return moved(x, `$0.chunk(${count}, ${axis})`, `torch.chunk($0, ${count}, ${axis})`);
  };

/** Start, end and step as Python has them, beyond the ends too. */
function range({ draw }: Scope, size: number) {
  const step = draw.one([1, 1, 1, 2, 3, -1, -1, -2]);
  const [start, end] = [draw.whole(-size - 1, size + 1), draw.whole(-size - 1, size + 1)];
  return draw.chance(0.7) && step > 0
    ? { start: Math.min(start, end), end: Math.max(start, end), step }
    : { start, end, step };
}

const slice: Row = (scope) => {
  const x = scope.any(1);
  const axis = scope.axis(x);
  const { start, end, step } = range(scope, x.shape[front(axis, x)] ?? 0);
  if (step === 1 && scope.draw.chance(0.3))
    return moved(x, `$0.slice(${axis}, ${start})`, `cut($0, ${axis}, ${start}, None, 1)`);
  return moved(x, `$0.slice(${axis}, ${start}, ${end}, ${step})`, `cut($0, ${axis}, ${start}, ${end}, ${step})`);
};

const slices: Row = (scope) => {
  const x = scope.any(2);
  const axes = scope.draw
    .some(x.shape.map((_, i) => i))
    .map((axis) => (scope.draw.chance(0.2) ? axis - x.shape.length : axis));
  const ranges = axes.map((axis) => ({ axis, ...range(scope, x.shape[front(axis, x)] ?? 0) }));
  const ts = ranges.map(
    ({ axis, start, end, step }) => `{ axis: ${axis}, start: ${start}, end: ${end}, step: ${step} }`,
  );
  const py = ranges.reduce(
    (text, { axis, start, end, step }) => `cut(${text}, ${axis}, ${start}, ${end}, ${step})`,
    "$0",
  );
  return moved(x, `$0.slices([${ts.join(", ")}])`, py);
};

const flip: Row = (scope) => {
  const x = scope.any(1);
  const axis = scope.axis(x);
  return moved(x, `$0.flip(${axis})`, `torch.flip($0, [${axis}])`);
};

const pad: Row = (scope) => {
  const x = scope.number(1);
  const [before, after] = [x, x].map(({ shape }) => shape.map(() => scope.draw.one([0, 0, 1, 2])));
  const value = x.kind === "F" ? scope.draw.one([0, 0, 0.5]) : scope.draw.one([0, 2]);
  return moved(
    x,
    `$0.pad(${list(before ?? [])}, ${list(after ?? [])}, ${value})`,
    `pad($0, ${list(before ?? [])}, ${list(after ?? [])}, ${value})`,
  );
};

export const movement = {
  reshape,
  transpose,
  mT: (scope) => moved(scope.any(2), "$0.mT", "$0.mT"),
  moveAxes,
  rearrange,
  unsqueeze,
  squeeze,
  expand,
  sumTo,
  concat,
  stack,
  split,
  chunk: parts("chunk"),
  unstack: parts("unstack"),
  slice,
  slices,
  flip,
  pad,
  flattenRows: (scope) => moved(scope.any(2), "flattenRows($0)", "$0.reshape([-1, $0.shape[-1]])"),
  like: (scope) => moved(scope.number(), "$0.like(2)", "torch.tensor(2, dtype=$0.dtype)"),
  zerosLike: (scope) => moved(scope.number(), "$0.zerosLike()", "torch.zeros_like($0)"),
  onesLike: (scope) => moved(scope.number(), "$0.onesLike()", "torch.ones_like($0)"),
  countAlong: (scope) => {
    const x = scope.float(1);
    const axis = scope.axis(x);
    return moved(x, `countAlong($0, [${front(axis, x)}])`, `torch.tensor($0.shape[${axis}], dtype=$0.dtype)`);
  },
} satisfies Record<string, Row>;
