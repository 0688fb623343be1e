/**
 * Convolutions over one or two axes, with torch.nn's parts and initial values.
 *
 * N batch · C channels in · O channels out · G groups · K kernel · L, M places in and out, one letter per axis
 */
import { ConfigError } from "../errors.ts";
import type { Initializer } from "../graph/index.ts";
import { parameter, type Tensor } from "../tensor/index.ts";
import { requireOptions, requireSizes } from "./arguments.ts";
import { uniformInit } from "./init.ts";
import { optional, tensorLayer } from "./module.ts";
import { type PerAxis, perAxis, product } from "./sizes.ts";

/** How a kernel moves over its input. */
export interface ConvOptions<B extends boolean = boolean> {
  /** Default 1. */
  readonly stride?: PerAxis;
  /** Zeros at both ends of each axis; `"same"` keeps the size at stride 1. Default 0. */
  readonly padding?: PerAxis | "same";
  /** Distance between the places that a kernel looks at. Default 1. */
  readonly dilation?: PerAxis;
  /** Parts of the channels that do not mix. Default 1. */
  readonly groups?: number;
  /** Default true. */
  readonly bias?: B;
  /** What weights and biases start with; by default both uniform in ±1/√(inputs of one place), as in torch.nn. */
  readonly weightInit?: Initializer;
  readonly biasInit?: Initializer;
}

/** How a kernel moves over its output. */
export interface ConvTransposeOptions<B extends boolean = boolean> extends Omit<ConvOptions<B>, "padding"> {
  /** Places taken away at both ends of each axis. Default 0. */
  readonly padding?: PerAxis;
  /** Places added at the end of each axis. Default 0. */
  readonly outputPadding?: PerAxis;
}

const KINDS = {
  stride: "any",
  padding: "any",
  dilation: "any",
  groups: "number",
  bias: "boolean",
  weightInit: "function",
  biasInit: "function",
} as const;

function requireGroups(name: string, C: number, O: number, groups: number): void {
  requireSizes(name, { C, O });
  if (Number.isInteger(groups) && groups > 0 && C % groups === 0 && O % groups === 0) return;
  throw new ConfigError(
    `${name}: ${C} and ${O} channels do not divide into ${groups} groups; choose a divisor of both`,
  );
}

/** Weight [.., .., K..] and bias [O], uniform in ±1/√(inputs of one place), as torch.nn has it. */
function kernelParts<B extends boolean>(shape: readonly number[], O: number, options: Omit<ConvOptions<B>, "padding">) {
  const init = uniformInit(1 / Math.sqrt(product(shape.slice(1))));
  const { bias, weightInit = init, biasInit = init } = options;
  return { weight: parameter(shape, weightInit), bias: optional(bias, () => parameter([O], biasInit)) };
}

const addBias = (y: Tensor, bias: Tensor | undefined): Tensor =>
  bias ? y.add(bias.reshape([bias.dim(0), ...y.shape.slice(2).map(() => 1)])) : y;

/** Zeros so that the size stays: half of what a kernel reaches over at each end, an odd one more at the end. */
function padSame(x: Tensor, kernel: readonly number[], dilation: readonly number[]): Tensor {
  const reach = kernel.map((k, i) => (dilation[i] ?? 1) * (k - 1));
  return x.pad([0, 0, ...reach.map((r) => Math.floor(r / 2))], [0, 0, ...reach.map((r) => Math.ceil(r / 2))]);
}

function convolution<B extends boolean>(
  name: string,
  [C, O]: [number, number],
  size: PerAxis,
  options: ConvOptions<B>,
  axes: number,
) {
  requireOptions(name, options, KINDS);
  const { groups = 1, padding = 0 } = options;
  requireGroups(name, C, O, groups);
  const each = (value: PerAxis, least = 1) => perAxis(name, value, axes, least);
  const [kernel, stride, dilation] = [each(size), each(options.stride ?? 1), each(options.dilation ?? 1)];
  const same = padding === "same";
  if (same && stride.some((step) => step !== 1))
    throw new ConfigError(`${name}: padding "same" needs stride 1, got [${stride}]; give the padding as a number`);
  const window = { stride, dilation, groups, padding: each(same ? 0 : padding, 0) };
  return tensorLayer(name, kernelParts([O, C / groups, ...kernel], O, options), ({ weight, bias }, x: Tensor) =>
    addBias((same ? padSame(x, kernel, dilation) : x).conv(weight, window), bias),
  );
}

function transposed<B extends boolean>(
  name: string,
  [C, O]: [number, number],
  size: PerAxis,
  options: ConvTransposeOptions<B>,
  axes: number,
) {
  requireOptions(name, options, { ...KINDS, outputPadding: "any" });
  const { groups = 1, stride = 1, padding = 0, dilation = 1, outputPadding = 0 } = options;
  requireGroups(name, C, O, groups);
  const each = (value: PerAxis, least = 1) => perAxis(name, value, axes, least);
  const window = {
    stride: each(stride),
    padding: each(padding, 0),
    dilation: each(dilation),
    outputPadding: each(outputPadding, 0),
    groups,
  };
  return tensorLayer(name, kernelParts([C, O / groups, ...each(size)], O, options), ({ weight, bias }, x: Tensor) =>
    addBias(x.convTranspose(weight, window), bias),
  );
}

/** x [N, C, L] -> [N, O, M], weight [O, C/G, K]; M = ⌊(L + 2·padding - dilation·(K - 1) - 1)/stride⌋ + 1. */
export const Conv1d = <B extends boolean = true>(C: number, O: number, kernel: number, options: ConvOptions<B> = {}) =>
  convolution("Conv1d", [C, O], kernel, options, 1);

/** x [N, C, H, W] -> [N, O, H', W'], weight [O, C/G, K, K']. LeCun et al. 1989. */
export const Conv2d = <B extends boolean = true>(C: number, O: number, kernel: PerAxis, options: ConvOptions<B> = {}) =>
  convolution("Conv2d", [C, O], kernel, options, 2);

/** x [N, C, L] -> [N, O, M], weight [C, O/G, K]; M = (L - 1)·stride - 2·padding + dilation·(K - 1) + outputPadding + 1. */
export const ConvTranspose1d = <B extends boolean = true>(
  C: number,
  O: number,
  kernel: number,
  options: ConvTransposeOptions<B> = {},
) => transposed("ConvTranspose1d", [C, O], kernel, options, 1);

/** x [N, C, H, W] -> [N, O, H', W'], weight [C, O/G, K, K']. */
export const ConvTranspose2d = <B extends boolean = true>(
  C: number,
  O: number,
  kernel: PerAxis,
  options: ConvTransposeOptions<B> = {},
) => transposed("ConvTranspose2d", [C, O], kernel, options, 2);
