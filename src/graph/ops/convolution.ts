/**
 * Convolution and pooling over one or two axes, in PyTorch's layout.
 *
 * x [N, C, L..] * w [O, C/G, K..] -> y [N, O, M..], M = ⌊(L + 2·padding - dilation·(K - 1) - 1) / stride⌋ + 1.
 *
 * N batch · C channels in · O channels out · G groups · K kernel · L, M places in and out, one letter per axis
 */
import { DTypeError, ShapeError, shown } from "../../errors.ts";
import { requireKeys, requireList, requireRecord } from "../../tensor/arguments.ts";
import { sumTo } from "../../tensor/compositions.ts";
import { type Dim, formatShape, multiplyDims, type Shape, sizeOf, staticShape } from "../../tensor/dim.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { Spec } from "../node.ts";
import { type Gradient, type Lowering, type Op, onnxType } from "../op.ts";

/** One number per axis; `groups` splits the channels into parts that do not mix. */
export interface Window {
  readonly stride: readonly number[];
  readonly padding: readonly number[];
  readonly dilation: readonly number[];
  readonly groups: number;
}
export interface TransposedWindow extends Window {
  /** Places added at the end of each axis, to choose among the sizes that convolve to the same one. */
  readonly outputPadding: readonly number[];
}
export interface Pool {
  readonly kernel: readonly number[];
  readonly stride: readonly number[];
  readonly padding: readonly number[];
}

type Sizes = readonly number[];
type Nothing = Record<never, never>;

/** One number per axis, all `value` where none is given. Throws ShapeError where they are not whole numbers from `least` on. */
function perAxis(name: string, what: string, count: number, given: Sizes | undefined, value: number, least = value) {
  if (count < 1)
    throw new ShapeError(`${name}: expected a tensor [N, C, L..], got rank ${count + 2}; reshape it first`);
  const sizes = given ?? Array<number>(count).fill(value);
  if (Array.isArray(sizes) && sizes.length === count && sizes.every((n) => Number.isSafeInteger(n) && n >= least))
    return sizes as Sizes;
  throw new ShapeError(
    `${name}: expected ${what} of ${count} whole number(s) from ${least} on, one for each axis of the window, got ${shown(sizes)}`,
  );
}

/** A window over `count` axes: stride 1, no padding, dilation 1, one group, where nothing else is said. */
export function windowOf(name: string, count: number, window: Partial<Window>, more: readonly string[] = []): Window {
  const { groups = 1 } = requireRecord(name, "stride, padding, dilation and groups", window);
  requireKeys(name, ["stride", "padding", "dilation", "groups", ...more], window);
  if (!Number.isSafeInteger(groups) || groups < 1)
    throw new ShapeError(
      `${name}: expected a whole number of groups from 1 on, got ${shown(groups)}; leave it out for one`,
    );
  return {
    stride: perAxis(name, "stride", count, window.stride, 1),
    padding: perAxis(name, "padding", count, window.padding, 0),
    dilation: perAxis(name, "dilation", count, window.dilation, 1),
    groups,
  };
}

export const transposedWindowOf = (count: number, window: Partial<TransposedWindow>): TransposedWindow => ({
  ...windowOf("convTranspose", count, window, ["outputPadding"]),
  outputPadding: perAxis("convTranspose", "outputPadding", count, window.outputPadding, 0),
});

/** What a pool must say is its kernel: it moves by its own size, without padding, where nothing else is said. */
export type PoolOptions = Pick<Pool, "kernel"> & Partial<Pool>;

export function poolOf(name: string, count: number, pool: PoolOptions): Pool {
  const given = requireList(name, "kernel sizes", requireRecord(name, "kernel, stride and padding", pool).kernel);
  requireKeys(name, ["kernel", "stride", "padding"], pool);
  const kernel = perAxis(name, "kernel", count, given, 1);
  const padding = perAxis(name, "padding", count, pool.padding, 0);
  if (padding.some((size, i) => size >= (kernel[i] ?? 1)))
    throw new ShapeError(
      `${name}: padding [${padding}] is not below the kernel [${kernel}]; a window would hold nothing else`,
    );
  return { kernel, padding, stride: perAxis(name, "stride", count, pool.stride ?? kernel, 1) };
}

const places = (shape: Shape, name: string): number[] => staticShape(shape.slice(2), name);

function requireFloats(name: string, inputs: readonly (Spec | undefined)[]): void {
  if (inputs.every((input) => input?.dtype === "f32" && input.shape.length === inputs[0]?.shape.length)) return;
  const got = inputs.map((input) => `${input?.dtype} ${formatShape(input?.shape ?? [])}`).join(" and ");
  throw new DTypeError(`${name}: expected f32 input and kernel of equal rank, got ${got}; cast or reshape one of them`);
}

function requireChannels(name: string, x: Shape, expected: Dim, groups: number): void {
  if (x[1] === expected) return;
  throw new ShapeError(
    `${name}: expected ${expected} channels for ${groups} group(s), got input ${formatShape(x)}; check in_channels and groups`,
  );
}

function outputPlaces(
  name: string,
  sizes: readonly number[],
  kernel: readonly number[],
  window: Omit<Window, "groups">,
): number[] {
  return sizes.map((size, i) => {
    const span = (window.dilation[i] ?? 1) * ((kernel[i] ?? 1) - 1) + 1;
    const room = size + 2 * (window.padding[i] ?? 0) - span;
    if (room < 0)
      throw new ShapeError(
        `${name}: kernel spans ${span} places, axis ${i + 2} has ${size + 2 * (window.padding[i] ?? 0)} with padding; use a smaller kernel or more padding`,
      );
    return Math.floor(room / (window.stride[i] ?? 1)) + 1;
  });
}

function convRule([x, w]: readonly Spec[], window: Window): readonly Spec[] {
  requireFloats("conv", [x, w]);
  if (!x || !w) return [];
  const [O = 0, perGroup = 0] = staticShape(w.shape, "conv");
  requireChannels("conv", x.shape, perGroup * window.groups, window.groups);
  if (O % window.groups !== 0)
    throw new ShapeError(`conv: ${O} output channels do not divide into ${window.groups} groups; change one of them`);
  return [
    {
      shape: [x.shape[0] ?? 0, O, ...outputPlaces("conv", places(x.shape, "conv"), places(w.shape, "conv"), window)],
      dtype: x.dtype,
    },
  ];
}

/** Size of what convolves to `size`: (M - 1)·stride - 2·padding + dilation·(K - 1) + 1 + outputPadding. */
const unconvolved = (size: number, kernel: number, i: number, window: TransposedWindow): number =>
  (size - 1) * (window.stride[i] ?? 1) -
  2 * (window.padding[i] ?? 0) +
  (window.dilation[i] ?? 1) * (kernel - 1) +
  1 +
  (window.outputPadding[i] ?? 0);

function convTransposeRule([x, w]: readonly Spec[], window: TransposedWindow): readonly Spec[] {
  requireFloats("convTranspose", [x, w]);
  if (!x || !w) return [];
  const [C = 0, perGroup = 0, ...kernel] = staticShape(w.shape, "convTranspose");
  requireChannels("convTranspose", x.shape, C, window.groups);
  if (C % window.groups !== 0)
    throw new ShapeError(`convTranspose: ${C} channels do not divide into ${window.groups} groups; change one of them`);
  if (window.outputPadding.some((size, i) => size >= (window.stride[i] ?? 1)))
    throw new ShapeError(
      `convTranspose: output padding [${window.outputPadding}] is not below the stride [${window.stride}]; lower it or pad the result`,
    );
  const sizes = places(x.shape, "convTranspose").map((size, i) => unconvolved(size, kernel[i] ?? 1, i, window));
  const least = sizes.findIndex((size) => size < 1);
  if (least >= 0)
    throw new ShapeError(
      `convTranspose: axis ${least + 2} of ${formatShape(x.shape)} would have ${sizes[least]} places; use less padding or a wider kernel`,
    );
  return [{ shape: [x.shape[0] ?? 0, perGroup * window.groups, ...sizes], dtype: x.dtype }];
}

const windowOnnx = ({ stride, padding, dilation, groups }: Window) => ({
  strides: stride,
  pads: [...padding, ...padding],
  dilations: dilation,
  group: groups,
});

/** The third input, which simplification alone gives, is a bias [O]. */
const convGrad: Gradient<Window> = ({ grads: [g], inputs: [x, w, bias], attrs, needs }) => {
  if (!g || !x || !w) return [];
  return [
    needs(0) ? inputGrad(g, x, w, attrs) : undefined,
    needs(1) ? kernelGrad(g, x, w, attrs) : undefined,
    bias && sumTo(g, [g.dim(1), ...g.shape.slice(2).map(() => 1)]).reshape(bias.shape),
  ];
};

/** By x: the transposed convolution; at stride 1 a convolution with the kernel turned round, which uses all threads. */
function inputGrad(g: Tensor, x: Tensor, w: Tensor, window: Window): Tensor {
  const [kernel, sizes, from] = [places(w.shape, "conv"), places(x.shape, "conv"), places(g.shape, "conv")];
  const spans = kernel.map((k, i) => (window.dilation[i] ?? 1) * (k - 1));
  if (
    window.groups === 1 &&
    window.stride.every((s) => s === 1) &&
    spans.every((span, i) => span >= (window.padding[i] ?? 0))
  ) {
    const turned = w.transpose([1, 0, ...kernel.map((_, i) => i + 2)]).slices(kernel.map((_, i) => flip(i + 2)));
    return g.conv(turned, { ...window, padding: spans.map((span, i) => span - (window.padding[i] ?? 0)) });
  }
  const outputPadding = sizes.map(
    (size, i) => size - unconvolved(from[i] ?? 0, kernel[i] ?? 1, i, { ...window, outputPadding: [] }),
  );
  return g.convTranspose(w, { ...window, outputPadding });
}

const flip = (axis: number) => ({ axis, start: Number.MAX_SAFE_INTEGER, end: Number.MIN_SAFE_INTEGER, step: -1 });

/** Columns of a matrix product below which it takes no less time: numbers in a vector register of the widest kind. */
const LANES = 16;

/**
 * Whether a product [O, P] × [P, C] reads 16 times what it gives, or more. Then each image has a product of its own, which
 * threads share out better than they do one product, and no transposition; the sum over images costs little.
 */
const isLong = (P: number, O: number, C: number): boolean => P * (O + C) >= 16 * O * C;

/**
 * By w: one matrix product per place of the kernel, over the places of the input that it met. Few channels would leave
 * such a product with few columns and reading g most of the time, so then all places are the columns of one.
 */
function kernelGrad(g: Tensor, x: Tensor, w: Tensor, window: Window): Tensor {
  const G = window.groups;
  const [C = 0] = staticShape(x.shape.slice(1), "conv");
  const [O = 0, ...out] = staticShape(g.shape.slice(1), "conv");
  const [kernel, N, P] = [places(w.shape, "conv"), g.dim(0), out.reduce((a, b) => a * b, 1)];
  const apart = isLong(P, O / G, C / G);
  const [count, length] = apart ? [multiplyDims(N, G), P] : [G, multiplyDims(N, P)];
  const byChannel = [1, 0, ...kernel.map((_, i) => i + 2)]; // [C, N, L..]: a slice of it is a matrix as it lies
  const ordered = (tensor: Tensor) => (apart ? tensor : tensor.transpose(byChannel));
  const none = [0, 0];
  const padded = ordered(x).pad([...none, ...window.padding], [...none, ...window.padding]);
  const gradients = ordered(g).reshape([count, O / G, length]);
  const met = everyPlace(kernel).map((place) =>
    padded.slices(place.map((k, i) => meeting(k, i, out[i] ?? 0, window))).reshape([count, C / G, length]),
  );
  if (met.length === 0) return w;
  const products = (C / G < LANES ? [joined(met, 1)] : met).map((columns) => {
    const product = gradients.matmul(columns, { transA: false, transB: true });
    return apart ? product.reshape([N, O, columns.dim(1)]).sum(0, true) : product;
  });
  return joined(products, 2)
    .reshape([O, met.length, C / G])
    .transpose([0, 2, 1])
    .reshape(w.shape);
}

function joined([first, ...rest]: readonly Tensor[], axis: number): Tensor {
  if (!first) throw new Error("internal: nothing to join");
  return rest.length === 0 ? first : first.concat(rest, axis);
}

/** The places of the padded input that place `k` of the kernel meets on axis i. */
function meeting(k: number, i: number, count: number, { stride, dilation }: Window) {
  const [start, step] = [k * (dilation[i] ?? 1), stride[i] ?? 1];
  return { axis: i + 2, start, end: start + (count - 1) * step + 1, step };
}

/** All index vectors below `sizes`, the last one running fastest. */
const everyPlace = (sizes: readonly number[]): number[][] =>
  sizes.reduce<number[][]>(
    (places, size) => places.flatMap((place) => Array.from({ length: size }, (_, k) => [...place, k])),
    [[]],
  );

/** With y = convTranspose(x, w): dx = conv(g, w), and dw is the gradient of conv(g, ·) seen from x. */
const convTransposeGrad: Gradient<TransposedWindow> = ({ grads: [g], inputs: [x, w], attrs, needs }) => {
  if (!g || !x || !w) return [];
  const window: Window = {
    stride: attrs.stride,
    padding: attrs.padding,
    dilation: attrs.dilation,
    groups: attrs.groups,
  };
  return [needs(0) ? g.conv(w, window) : undefined, needs(1) ? kernelGrad(x, g, w, window) : undefined];
};

const poolRule =
  (name: string, dtype: "f32" | "i64" = "f32") =>
  ([x]: readonly Spec[], pool: Pool): readonly Spec[] => {
    requireFloats(name, [x]);
    const sizes = outputPlaces(name, places(x?.shape ?? [], name), pool.kernel, { ...pool, dilation: [] });
    return [{ shape: [...(x?.shape.slice(0, 2) ?? []), ...sizes], dtype }];
  };

const poolOnnx = ({ kernel, stride, padding }: Pool) => ({
  kernel_shape: kernel,
  strides: stride,
  pads: [...padding, ...padding],
});

const HALF: Pool = { kernel: [2, 2], stride: [2, 2], padding: [0, 0] };

/** Whether windows of 2×2 cover x, each place once: the engine has a fast kernel for doubling both axes. */
const halves = ({ kernel, stride, padding }: Pool, sizes: Sizes): boolean =>
  sizes.length === 2 &&
  sizes.every((size) => size % 2 === 0) &&
  [...kernel, ...stride].every((size) => size === 2) &&
  padding.every((size) => size === 0);

/** Every value of g goes back to the place its maximum came from, which is asked for by number where windows overlap. */
const maxPoolGrad: Gradient<Pool> = ({ grads: [g], inputs: [x], outputs: [y], attrs, tools }) => {
  if (!g || !x || !y) return [];
  if (halves(attrs, places(x.shape, "maxPool"))) return tools.record("unpool", [x, y, g], {});
  const flat = [...tools.record("maxPlaces", [x], attrs), g].map((tensor) => tensor.reshape([-1]));
  return [tools.record("putAlong", flat, { axis: 0, size: sizeOf(x.shape) })[0]?.reshape(x.shape)];
};

/** Of each window of x the place that g went to, as a sum over the window in which the others are zero. */
const unpoolGrad: Gradient<Nothing> = ({ grads: [v], inputs: [x, y], tools }) => {
  const [mask] = x && y ? tools.record("unpool", [x, y, y.onesLike()], {}) : [];
  return [undefined, undefined, mask && v?.mul(mask).averagePool(HALF).mul(4)];
};

/**
 * The places of a window are numbered 4, 3, 2, 1; the largest number among those that hold the maximum is that of the first. As
 * maximum ≥ number, number - (maximum - 1) is 1 there and no more than 0 elsewhere. Where NaN is the maximum, no place
 * is equal to it and g goes nowhere.
 */
function unpoolOnnx(lower: Lowering<Nothing>): string[] {
  const { specs, emit, constant, scalar, dims } = lower;
  const whole = specs.outputs[0]?.shape ?? [];
  const sizes = places(whole, "unpool");
  const half = sizes.map((size) => size / 2);
  const ints = (values: Sizes) => constant(BigInt64Array.from(values, BigInt), "i64", [values.length]);
  // Planes of one channel, or the engine would double y in the blocked layout that its pooling left, which takes longer.
  const planes = (name: string | undefined, of: Sizes) => emit("Reshape", [name ?? "", ints([-1, 1, ...of])]);
  const [x, y, g] = [sizes, half, half].map((of, i) => planes(lower.inputs[i], of));
  const double = (name = "") =>
    emit("Resize", [name, "", constant(Float32Array.of(1, 1, 2, 2), "f32", [4])], {
      mode: "nearest",
      nearest_mode: "floor",
      coordinate_transformation_mode: "asymmetric",
    });
  const numbers = emit("Tile", [constant(Float32Array.of(4, 3, 2, 1), "f32", [2, 2]), ints(half)]);
  const equal = emit("Cast", [emit("Equal", [x ?? "", double(y)])], { to: onnxType.f32 });
  const numbered = emit("Mul", [equal, numbers]);
  const first = emit("MaxPool", [numbered], poolOnnx(HALF));
  const below = double(emit("Relu", [emit("Sub", [first, scalar(1, "f32")])]));
  const chosen = emit("Relu", [emit("Sub", [numbered, below])]);
  return [emit("Reshape", [emit("Mul", [chosen, double(g)]), dims(whole)])];
}

/** g / K spread over each window: a transposed convolution with ones, every channel its own group. */
const averagePoolGrad: Gradient<Pool> = ({ grads: [g], inputs: [x], attrs: { kernel, stride, padding } }) => {
  if (!g || !x) return [];
  const [C = 0, ...sizes] = staticShape(x.shape.slice(1), "averagePool");
  const share = 1 / kernel.reduce((a, b) => a * b, 1);
  const ones = g.like(share, [C, 1, ...kernel]);
  const window = { stride, padding, dilation: kernel.map(() => 1), groups: C };
  const from = places(g.shape, "averagePool");
  const outputPadding = sizes.map(
    (size, i) => size - unconvolved(from[i] ?? 0, kernel[i] ?? 1, i, { ...window, outputPadding: [] }),
  );
  return [g.convTranspose(ones, { ...window, outputPadding })];
};

export const convolutionOps = {
  conv: {
    shape: convRule,
    grad: convGrad,
    onnx: ({ inputs, attrs, emit }) => [emit("Conv", inputs, windowOnnx(attrs))],
  } satisfies Op<Window>,
  convTranspose: {
    shape: convTransposeRule,
    grad: convTransposeGrad,
    onnx: ({ inputs, attrs, emit }: Lowering<TransposedWindow>) => [
      emit("ConvTranspose", inputs, { ...windowOnnx(attrs), output_padding: attrs.outputPadding }),
    ],
  } satisfies Op<TransposedWindow>,
  /** The largest value of each window. */
  maxPool: {
    shape: poolRule("maxPool"),
    grad: maxPoolGrad,
    onnx: ({ inputs, attrs, emit }) => [emit("MaxPool", inputs, poolOnnx(attrs))],
  } satisfies Op<Pool>,
  /** The place of it in the flattened input. A row of its own, since the engine's kernel with places is 15 times slower. */
  maxPlaces: {
    shape: poolRule("maxPlaces", "i64"),
    grad: "none",
    onnx: ({ inputs, attrs, emitMany }) => emitMany("MaxPool", inputs, poolOnnx(attrs), 2).slice(1),
  } satisfies Op<Pool>,
  /** x [N, C, 2H, 2W] with maxima y [N, C, H, W] of 2×2: g [N, C, H, W] at the first place of each, zeros around it. */
  unpool: {
    shape: ([x]) => (x ? [x] : []),
    grad: unpoolGrad,
    onnx: unpoolOnnx,
  } satisfies Op<Nothing>,
  /** The mean of each window; padding counts as zeros. */
  averagePool: {
    shape: poolRule("averagePool"),
    grad: averagePoolGrad,
    onnx: ({ inputs, attrs, emit }) => [emit("AveragePool", inputs, { ...poolOnnx(attrs), count_include_pad: 1 })],
  } satisfies Op<Pool>,
};
