/** Operations that move elements and change none. Axes count from the front. */
import { DTypeError, ShapeError, shown } from "../../errors.ts";
import { sumTo } from "../../tensor/compositions.ts";
import {
  addDims,
  type Dim,
  divideDims,
  formatShape,
  type Shape,
  sameShape,
  sizeOf,
  subtractDims,
} from "../../tensor/dim.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { Spec } from "../node.ts";
import { type Lowering, type Op, onnxType } from "../op.ts";

/** One range per axis: from `start` up to before `end`, every `step`-th; a negative step walks backwards. */
export interface Range {
  readonly axis: number;
  readonly start: number;
  readonly end: number;
  readonly step: number;
}

/** Largest whole number that ONNX's Slice takes for "to the end", and the smallest for "to before the start". */
export const toEnd = Number.MAX_SAFE_INTEGER;
export const toStart = Number.MIN_SAFE_INTEGER;

/** How many elements a range takes out of an axis of size `n`, by the rules of Python's slices. */
export function rangeLength(n: number, { start, end, step }: Range): number {
  const clamp = (at: number, least: number, most: number) => Math.min(Math.max(at < 0 ? at + n : at, least), most);
  return step > 0
    ? Math.max(0, Math.ceil((clamp(end, 0, n) - clamp(start, 0, n)) / step))
    : Math.max(0, Math.ceil((clamp(end, -1, n - 1) - clamp(start, -1, n - 1)) / step));
}

/** On a symbolic axis only ranges that keep all, or drop a fixed number at an end, have a known size. */
function slicedDim(dim: Dim, range: Range): Dim {
  if (typeof dim === "number") return rangeLength(dim, range);
  const { start, end, step } = range;
  if (step === -1 && start === toEnd && end === toStart) return dim;
  if (step !== 1) throw new ShapeError(`slice: steps need a fixed size, got the symbol "${dim}"; give it a number`);
  const [from, to] = [start < 0 ? addDims(dim, start) : start, end === toEnd ? dim : end < 0 ? addDims(dim, end) : end];
  const length = subtractDims(to, from);
  if (typeof length === "number" && length < 0) return 0;
  return length;
}

const i64 = (lower: Lowering<never>, values: readonly number[]): string =>
  lower.constant(BigInt64Array.from(values, BigInt), "i64", [values.length]);

const flipped = (axis: number): Range => ({ axis, start: toEnd, end: toStart, step: -1 });
const isFlip = ({ start, end, step }: Range): boolean => start === toEnd && end === toStart && step === -1;

/** The range that meets the same elements from the other end. */
function forwards(dim: Dim, range: Range): Range {
  if (range.step > 0 || typeof dim !== "number") return range;
  const [count, from] = [rangeLength(dim, range), startOf(dim, range.start, range.step)];
  return {
    axis: range.axis,
    start: from + (count - 1) * range.step,
    end: count === 0 ? 0 : from + 1,
    step: -range.step,
  };
}

/**
 * Whether a range of an axis whose size is not known is said to hold a fixed number of elements. Slice would give fewer
 * where there are fewer; Gather throws.
 */
const isCounted = (from: Dim, to: Dim): boolean => typeof from !== "number" && typeof to === "number";

/** ONNX Runtime's WebGPU kernel walks backwards over whole axes only, so other ranges are cut out first and then turned. */
function sliceOnnx(lower: Lowering<{ ranges: readonly Range[] }>): string[] {
  const shape = lower.specs.inputs[0]?.shape ?? [];
  const slice = (x: string, ranges: readonly Range[]) => {
    const of = (key: keyof Range) =>
      i64(
        lower as Lowering<never>,
        ranges.map((range) => range[key]),
      );
    return ranges.length === 0 ? x : lower.emit("Slice", [x, of("start"), of("end"), of("axis"), of("step")]);
  };
  const counts = lower.specs.outputs[0]?.shape ?? [];
  const isPicked = ({ axis }: Range) => isCounted(shape[axis] ?? 0, counts[axis] ?? 0);
  const ranges = lower.attrs.ranges.filter((range) => !isPicked(range));
  const cut = ranges.filter((range) => !isFlip(range)).map((range) => forwards(shape[range.axis] ?? 0, range));
  const turned = ranges.filter(({ step }) => step < 0).map(({ axis }) => flipped(axis));
  const picked = lower.attrs.ranges.filter(isPicked).reduce((x, { axis, start }) => {
    const places = Array.from({ length: Number(counts[axis]) }, (_, i) => start + i);
    return lower.emit("Gather", [x, i64(lower as Lowering<never>, places)], { axis });
  }, lower.inputs[0] ?? "");
  return [slice(slice(picked, cut), turned)];
}

/** The gradient of a slice: g spread by the steps, turned back, with zeros around it. */
const sliceGrad: Op<{ ranges: readonly Range[] }>["grad"] = ({ grads: [g], inputs: [x], attrs }) => {
  if (!g || !x) return [];
  let spread = g;
  for (const { axis, start, step } of attrs.ranges) {
    const n = x.shape[axis];
    const length = g.shape[axis];
    if (typeof n !== "number" || typeof length !== "number")
      throw new ShapeError(`slice: its gradient needs a fixed size of axis ${axis}, got "${n}"; give it a number`);
    spread = unslice(spread, axis, { count: length, size: n, start: startOf(n, start, step), step });
  }
  return [spread];
};

function startOf(n: number, start: number, step: number): number {
  const from = start < 0 ? start + n : start;
  return step > 0 ? Math.min(Math.max(from, 0), n) : Math.min(Math.max(from, -1), n - 1);
}

/** `value` at `axis`, 0 elsewhere. */
const unit = (rank: number, axis: number, value: number): number[] =>
  Array.from({ length: rank }, (_, i) => (i === axis ? value : 0));

interface Places {
  readonly count: number;
  readonly size: number;
  readonly start: number;
  readonly step: number;
}

/** Zeros of `size` along `axis` with the elements of `g` at start, start + step, ... */
function unslice(g: Tensor, axis: number, { count, size, start, step }: Places): Tensor {
  if (count === 0) return g.pad(unit(g.rank, axis, 0), unit(g.rank, axis, size));
  if (step < 0) return unslice(g.flip(axis), axis, { count, size, start: start + (count - 1) * step, step: -step });
  const end = size - start - ((count - 1) * step + 1);
  const wide = step === 1 ? g : spreadOut(g, axis, count, step);
  return wide.pad(unit(g.rank, axis, start), unit(g.rank, axis, end));
}

/** step - 1 zeros between the elements of `axis`. */
function spreadOut(g: Tensor, axis: number, count: number, step: number): Tensor {
  const apart = g.unsqueeze(axis + 1);
  const wide = apart.pad(unit(apart.rank, axis + 1, 0), unit(apart.rank, axis + 1, step - 1));
  const flat = g.shape.map((dim, i) => (i === axis ? count * step : dim));
  return wide.reshape(flat).slice(axis, 0, (count - 1) * step + 1);
}

function reshapeRule([x]: readonly Spec[], { shape }: { shape: Shape }): readonly Spec[] {
  if (!x || sizeOf(x.shape) !== sizeOf(shape))
    throw new ShapeError(
      `reshape: ${formatShape(x?.shape ?? [])} has ${sizeOf(x?.shape ?? [])} elements, ${formatShape(shape)} has ${sizeOf(shape)}; the counts must be equal`,
    );
  return [{ shape, dtype: x.dtype }];
}

/** ONNX's Reshape copies a size with 0 and infers one with -1, so at most one symbol has to be computed. */
function reshapeOnnx(lower: Lowering<{ shape: Shape }>): string[] {
  const from = lower.specs.inputs[0]?.shape ?? [];
  const { shape } = lower.attrs;
  const code = shape.map((dim, i) => (typeof dim === "number" ? dim : from[i] === dim ? 0 : -1));
  const simple = code.filter((dim) => dim === -1).length <= 1 && !shape.includes(0);
  const target = simple ? lower.constant(BigInt64Array.from(code, BigInt), "i64", [code.length]) : lower.dims(shape);
  return [lower.emit("Reshape", [lower.inputs[0] ?? "", target], simple ? {} : { allowzero: 1 })];
}

function concatRule(inputs: readonly Spec[], { axis }: { axis: number }): readonly Spec[] {
  const [first] = inputs;
  if (!first) throw new ShapeError("concat: expected at least one tensor, got none; pass a list that is not empty");
  const rest = (shape: Shape) => shape.map((dim, i) => (i === axis ? 0 : dim));
  for (const { shape, dtype } of inputs) {
    if (dtype !== first.dtype)
      throw new DTypeError(`concat: expected equal types, got ${first.dtype} and ${dtype}; cast one of them`);
    if (!sameShape(rest(shape), rest(first.shape)))
      throw new ShapeError(
        `concat: sizes differ beside axis ${axis}, ${formatShape(first.shape)} and ${formatShape(shape)}; only axis ${axis} may`,
      );
  }
  const size = inputs.map((input) => input.shape[axis] ?? 0).reduce(addDims, 0);
  return [{ shape: first.shape.map((dim, i) => (i === axis ? size : dim)), dtype: first.dtype }];
}

function splitRule([x]: readonly Spec[], { axis, sizes }: { axis: number; sizes: Shape }): readonly Spec[] {
  const total = sizes.reduce(addDims, 0);
  if (!x || total !== x.shape[axis])
    throw new ShapeError(
      `split: parts [${sizes.join(", ")}] sum to ${total}, axis ${axis} of ${formatShape(x?.shape ?? [])} has ${x?.shape[axis]}; they must be equal`,
    );
  return sizes.map((size) => ({ shape: x.shape.map((dim, i) => (i === axis ? size : dim)), dtype: x.dtype }));
}

function padRule([x]: readonly Spec[], { before, after }: { before: readonly number[]; after: readonly number[] }) {
  const { shape, dtype }: Spec = x ?? { shape: [], dtype: "f32" };
  if (before.length !== shape.length || after.length !== shape.length)
    throw new ShapeError(
      `pad: expected two lists of ${shape.length} numbers for ${formatShape(shape)}, got ${shown(before)} and ${shown(after)}; give one for each axis`,
    );
  const wrong = [...before, ...after].find((count) => !Number.isSafeInteger(count) || count < 0);
  if (wrong !== undefined)
    throw new ShapeError(
      `pad: expected whole numbers from 0 on, got ${shown(wrong)}; take elements away with .slice()`,
    );
  return [{ shape: shape.map((dim, i) => addDims(dim, (before[i] ?? 0) + (after[i] ?? 0))), dtype }];
}

/** Throws ShapeError where a range is no range. */
function requireRanges(shape: Shape, ranges: readonly Range[]): void {
  const twice = ranges.find(({ axis }, i) => ranges.findIndex((other) => other.axis === axis) !== i);
  if (twice)
    throw new ShapeError(
      `slices: axis ${twice.axis} of ${formatShape(shape)} is named twice; slice the result once more`,
    );
  for (const { start, end, step } of ranges)
    if (![start, end, step].every(Number.isSafeInteger) || step === 0)
      throw new ShapeError(
        `slice: expected whole numbers and a step other than 0, got ${shown(start)} to ${shown(end)} in steps of ${shown(step)}`,
      );
}

const shift = (ranges: readonly Range[]): Range[] => ranges.map((range) => ({ ...range, axis: range.axis + 1 }));

export const movementOps = {
  reshape: {
    shape: reshapeRule,
    grad: ({ grads: [g], inputs: [x] }) => [x && g?.reshape(x.shape)],
    onnx: reshapeOnnx,
    lead: ([x], { shape }, { length }) => (x ? [x.reshape([length, ...shape])] : []),
  } satisfies Op<{ shape: Shape }>,
  transpose: {
    shape: ([x], { perm }) => [{ shape: perm.map((from) => x?.shape[from] ?? 0), dtype: x?.dtype ?? "f32" }],
    grad: ({ grads: [g], attrs: { perm } }) => [g?.transpose(perm.map((_, i) => perm.indexOf(i)))],
    onnx: ({ inputs, attrs, emit }) => [emit("Transpose", inputs, { perm: attrs.perm })],
    lead: ([x], { perm }) => (x ? [x.transpose([0, ...perm.map((from) => from + 1)])] : []),
  } satisfies Op<{ perm: readonly number[] }>,
  /** Stretches axes of size 1 and puts new ones in front. */
  expand: {
    shape: ([x], { shape }) => [{ shape, dtype: x?.dtype ?? "f32" }],
    grad: ({ grads: [g], inputs: [x] }) => [g && sumTo(g, x?.shape ?? [])],
    onnx: ({ inputs: [x = ""], attrs, emit, dims }) => [emit("Expand", [x, dims(attrs.shape)])],
  } satisfies Op<{ shape: Shape }>,
  concat: {
    shape: concatRule,
    grad: ({ grads: [g], inputs, attrs: { axis } }) => {
      let start = 0;
      return inputs.map((input) => {
        const size = input.shape[axis];
        if (typeof size !== "number")
          throw new ShapeError(
            `concat: its gradient needs a fixed size of axis ${axis}, got "${size}"; give it a number`,
          );
        start += size;
        return g?.slice(axis, start - size, start);
      });
    },
    onnx: ({ inputs, attrs, emit }) => [emit("Concat", inputs, { axis: attrs.axis })],
    lead: (inputs, { axis }, { has }) => {
      const [first, ...rest] = inputs;
      return first && has.every(Boolean) ? [first.concat(rest, axis + 1)] : [];
    },
    turn: (inputs, { axis }, record) => record("concat", inputs, { axis: 1 - axis }),
  } satisfies Op<{ axis: number }>,
  split: {
    shape: splitRule,
    grad: ({ grads, outputs, attrs: { axis } }) => {
      const [first, ...rest] = outputs.map((output, i) => grads[i] ?? output.zerosLike());
      return [first?.concat(rest, axis)];
    },
    onnx: ({ inputs: [x = ""], attrs: { axis, sizes }, emitMany, dims }) =>
      emitMany("Split", [x, dims(sizes)], { axis }, sizes.length),
    lead: ([x], { axis, sizes }) => (x ? x.split([...sizes], axis + 1) : []),
    turn: (inputs, { axis, sizes }, record) => record("split", inputs, { axis: 1 - axis, sizes }),
  } satisfies Op<{ axis: number; sizes: Shape }>,
  slice: {
    shape: ([x], { ranges }) => {
      const shape = [...(x?.shape ?? [])];
      requireRanges(shape, ranges);
      for (const range of ranges) shape[range.axis] = slicedDim(shape[range.axis] ?? 0, range);
      return [{ shape, dtype: x?.dtype ?? "f32" }];
    },
    grad: sliceGrad,
    onnx: sliceOnnx,
    lead: ([x], { ranges }) => (x ? [x.slices(shift(ranges))] : []),
    turn: ([x], { ranges }) => (x ? [x.slices(ranges.map((range) => ({ ...range, axis: 1 - range.axis })))] : []),
  } satisfies Op<{ ranges: readonly Range[] }>,
  /** Zeros, or `value`, before and after each axis. */
  pad: {
    shape: padRule,
    grad: ({ grads: [g], attrs: { before, after } }) => [
      g?.slices(before.map((start, axis) => ({ axis, start, end: after[axis] ? -after[axis] : toEnd, step: 1 }))),
    ],
    onnx: (lower) => {
      const { before, after, value } = lower.attrs;
      const pads = i64(lower as Lowering<never>, [...before, ...after]);
      return [
        lower.emit("Pad", [lower.inputs[0] ?? "", pads, lower.scalar(value, lower.specs.inputs[0]?.dtype ?? "f32")]),
      ];
    },
    lead: ([x], { before, after, value }) => (x ? [x.pad([0, ...before], [0, ...after], value)] : []),
  } satisfies Op<{ before: readonly number[]; after: readonly number[]; value: number }>,
  /** x, but not before `after` is known: keeps a recomputation in the backward pass from being done in the forward one. */
  barrier: {
    shape: ([x]) => (x ? [x] : []),
    grad: ({ grads: [g] }) => [g],
    onnx: barrierOnnx,
  } satisfies Op<Record<never, never>>,
};

/** A slice from 0·(first element of `after` ≠ 0): the runtime can neither fold it away nor run it early. */
function barrierOnnx({
  inputs: [x = "", after = ""],
  specs,
  emit,
  constant,
}: Lowering<Record<never, never>>): string[] {
  if ((specs.inputs[0]?.shape.length ?? 0) === 0 || divideDims(sizeOf(specs.inputs[1]?.shape ?? []), 1) === 0)
    return [x];
  const vector = (...values: number[]) => constant(BigInt64Array.from(values, BigInt), "i64", [values.length]);
  const element = emit("Slice", [emit("Reshape", [after, vector(-1)]), vector(0), vector(1), vector(0), vector(1)]);
  const zero = emit("Mul", [
    emit("Cast", [emit("Cast", [element], { to: onnxType.bool })], { to: onnxType.i64 }),
    vector(0),
  ]);
  return [emit("Slice", [x, zero, vector(toEnd), vector(0), vector(1)])];
}
