/**
 * Pooling over the last one or two axes of x [N, C, L..].
 *
 * N batch · C channels · L, M places in and out, one letter per axis
 */
import { ShapeError } from "../errors.ts";
import { formatShape, staticShape, type Tensor } from "../tensor/index.ts";
import { requireOptions } from "./arguments.ts";
import { tensorLayer } from "./module.ts";
import { type PerAxis, perAxis } from "./sizes.ts";

/** How a window moves. */
export interface PoolOptions {
  /** Default: the window itself, so that windows do not overlap. */
  readonly stride?: PerAxis;
  /** Places at both ends of each axis, which no maximum is taken from. Default 0. */
  readonly padding?: PerAxis;
}

/** How a window is averaged. */
export interface AvgPoolOptions extends PoolOptions {
  /** Whether padding counts as zeros in the mean. Default true, as in torch.nn. */
  readonly countPadding?: boolean;
}

function windowOf(name: string, size: PerAxis, { stride = size, padding = 0 }: PoolOptions, axes: number) {
  const each = (value: PerAxis, least = 1) => perAxis(name, value, axes, least);
  return { kernel: each(size), stride: each(stride), padding: each(padding, 0) };
}

const maxPool = (name: string, size: PerAxis, options: PoolOptions, axes: number) => {
  requireOptions(name, options, { stride: "any", padding: "any" });
  const window = windowOf(name, size, options, axes);
  return tensorLayer(name, {}, (_, x: Tensor) => x.maxPool(window)[0] ?? x);
};

const averagePool = (name: string, size: PerAxis, options: AvgPoolOptions, axes: number) => {
  requireOptions(name, options, { stride: "any", padding: "any", countPadding: "boolean" });
  const window = windowOf(name, size, options, axes);
  const { countPadding = true } = options;
  const whole = countPadding || window.padding.every((size) => size === 0);
  return tensorLayer(name, {}, (_, x: Tensor) => {
    const mean = x.averagePool(window);
    return whole ? mean : mean.div(x.onesLike().averagePool(window));
  });
};

/** The largest value of each window: x [N, C, L] -> [N, C, M], M = ⌊(L + 2·padding - kernel)/stride⌋ + 1. */
export const MaxPool1d = (kernel: number, options: PoolOptions = {}) => maxPool("MaxPool1d", kernel, options, 1);
/** The largest value of each window: x [N, C, H, W] -> [N, C, H', W']. */
export const MaxPool2d = (kernel: PerAxis, options: PoolOptions = {}) => maxPool("MaxPool2d", kernel, options, 2);
/** The mean of each window: x [N, C, L] -> [N, C, M]. */
export const AvgPool1d = (kernel: number, options: AvgPoolOptions = {}) => averagePool("AvgPool1d", kernel, options, 1);
/** The mean of each window: x [N, C, H, W] -> [N, C, H', W']. */
export const AvgPool2d = (kernel: PerAxis, options: AvgPoolOptions = {}) =>
  averagePool("AvgPool2d", kernel, options, 2);

/** `axis` cut into M parts that cover it, part i from ⌊i·L/M⌋ up to before ⌈(i + 1)·L/M⌉, each reduced to one place. */
function intoParts(x: Tensor, axis: number, M: number, reduce: "mean" | "max"): Tensor {
  const [L = 0] = staticShape([x.dim(axis)], "adaptive pooling");
  if (L % M === 0) {
    const parts = x.reshape([...x.shape.slice(0, axis), M, L / M, ...x.shape.slice(axis + 1)]);
    return parts[reduce](axis + 1);
  }
  const [first = x, ...rest] = Array.from({ length: M }, (_, i) =>
    x.slice(axis, Math.floor((i * L) / M), Math.ceil(((i + 1) * L) / M))[reduce](axis, true),
  );
  return first.concat(rest, axis);
}

const adaptivePool = (name: string, size: PerAxis, axes: number, reduce: "mean" | "max") => {
  const places = perAxis(name, size, axes, 1);
  return tensorLayer(name, {}, (_, x: Tensor) => {
    if (x.rank !== axes + 2)
      throw new ShapeError(`${name}: expected rank ${axes + 2}, got ${formatShape(x.shape)}; reshape it to [N, C, ..]`);
    return places.reduce((y, M, i) => intoParts(y, i + 2, M, reduce), x);
  });
};

/** The mean of each of M parts: x [N, C, L] -> [N, C, M] for any L. */
export const AdaptiveAvgPool1d = (M: number) => adaptivePool("AdaptiveAvgPool1d", M, 1, "mean");
/** The mean of each of M·M' parts: x [N, C, H, W] -> [N, C, M, M'] for any H and W. */
export const AdaptiveAvgPool2d = (M: PerAxis) => adaptivePool("AdaptiveAvgPool2d", M, 2, "mean");
/** The largest value of each of M parts: x [N, C, L] -> [N, C, M] for any L. */
export const AdaptiveMaxPool1d = (M: number) => adaptivePool("AdaptiveMaxPool1d", M, 1, "max");
/** The largest value of each of M·M' parts: x [N, C, H, W] -> [N, C, M, M'] for any H and W. */
export const AdaptiveMaxPool2d = (M: PerAxis) => adaptivePool("AdaptiveMaxPool2d", M, 2, "max");
