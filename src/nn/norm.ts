/** Normalisation of every example by itself: over its last axes, or over groups of its channels. */
import { ConfigError, ShapeError } from "../errors.ts";
import { formatShape, multiplyDims, ones, parameter, sizeOf, type Tensor, zeros } from "../tensor/index.ts";
import { requireNumbers, requireOptions, requireSizes } from "./arguments.ts";
import { constantInit } from "./init.ts";
import { optional, tensorLayer } from "./module.ts";
import { product } from "./sizes.ts";

/** What is learnt behind a normalisation. */
export interface NormOptions<A extends boolean = boolean, B extends boolean = boolean> {
  /** Whether there is a weight. Default true. */
  readonly affine?: A;
  /** Whether there is a bias beside the weight. Default true. */
  readonly bias?: B;
}

/** Throws ConfigError for sizes, an epsilon or options that are none. */
export function requireNorm(
  name: string,
  sizes: Readonly<Record<string, number>>,
  epsilon: number,
  options: object,
  kinds: Parameters<typeof requireOptions>[2] = { affine: "boolean", bias: "boolean" },
): void {
  requireSizes(name, sizes);
  requireNumbers(name, { epsilon });
  requireOptions(name, options, kinds);
}

/** weight of ones and bias of zeros. */
export const affineParts = <A extends boolean, B extends boolean>(
  shape: readonly number[],
  { affine, bias }: NormOptions<A, B>,
) => ({
  weight: optional(affine, () => parameter(shape, constantInit(1))),
  bias: optional((affine !== false && bias !== false) as A & B, () => parameter(shape, constantInit(0))),
});

/**
 * (x - μ)/√(σ² + ε)·w + b over the last axis of x [.., C], or over several for a list of sizes. Ba et al. 2016,
 * arXiv 1607.06450.
 */
export const LayerNorm = <A extends boolean = true, B extends boolean = true>(
  size: number | readonly number[],
  epsilon = 1e-5,
  options: NormOptions<A, B> = {},
) => {
  const shape = [size].flat();
  requireNorm("LayerNorm", Object.fromEntries(shape.entries()), epsilon, options);
  const C = product(shape);
  return tensorLayer("LayerNorm", affineParts(shape, options), ({ weight, bias }, x: Tensor) => {
    const last = x.shape.slice(-shape.length);
    if (shape.some((size, i) => size !== last[i]))
      throw new ShapeError(
        `LayerNorm: expected an input that ends in ${formatShape(shape)}, got ${formatShape(x.shape)}; give the layer the last sizes of its input`,
      );
    const flat = shape.length === 1 ? x : x.reshape([...x.shape.slice(0, -shape.length), C]);
    const w = weight?.reshape([C]) ?? ones([C], x.dtype);
    const [y = x] = flat.layerNorm(w, bias?.reshape([C]) ?? zeros([C], x.dtype), epsilon);
    return y.reshape(x.shape);
  });
};

/** x/√(mean x² + ε)·w for x [.., C]. Zhang & Sennrich 2019, arXiv 1910.07467. */
export const RMSNorm = <A extends boolean = true>(C: number, epsilon = 1e-6, options: { readonly affine?: A } = {}) => {
  requireNorm("RMSNorm", { C }, epsilon, options, { affine: "boolean" });
  const weight = optional(options.affine, () => parameter([C], constantInit(1)));
  return tensorLayer("RMSNorm", { weight }, ({ weight }, x: Tensor) => {
    const y = x.mul(x.mul(x).mean(-1, true).add(epsilon).rsqrt());
    return weight ? y.mul(weight) : y;
  });
};

/** A vector [C] as [C, 1, ..], to meet x [N, C, ..]. */
export const perChannel = (vector: Tensor, x: Tensor): Tensor =>
  vector.reshape([vector.dim(0), ...x.shape.slice(2).map(() => 1)]);

/** y·w + b, channel by channel. */
export function scaleChannels(y: Tensor, weight: Tensor | undefined, bias: Tensor | undefined): Tensor {
  const scaled = weight ? y.mul(perChannel(weight, y)) : y;
  return bias ? scaled.add(perChannel(bias, y)) : scaled;
}

/**
 * (x - μ)/√(σ² + ε)·w + b for x [N, C, ..], the statistics taken over C/G channels and all places of an example.
 * Wu & He 2018, arXiv 1803.08494.
 */
export const GroupNorm = <A extends boolean = true, B extends boolean = true>(
  groups: number,
  C: number,
  epsilon = 1e-5,
  options: NormOptions<A, B> = {},
) => {
  requireNorm("GroupNorm", { groups, C }, epsilon, options);
  if (C % groups !== 0)
    throw new ConfigError(`GroupNorm: ${C} channels do not divide into ${groups} groups; choose a divisor`);
  return tensorLayer("GroupNorm", affineParts([C], options), ({ weight, bias }, x: Tensor) => {
    if (x.shape[1] !== C)
      throw new ShapeError(
        `GroupNorm: expected ${C} channels, got ${formatShape(x.shape)}; give the layer its input's`,
      );
    const size = multiplyDims(C / groups, sizeOf(x.shape.slice(2)));
    const grouped = x.reshape([x.dim(0), groups, size]);
    const [normal = x] = grouped.layerNorm(ones([size], x.dtype), zeros([size], x.dtype), epsilon);
    return scaleChannels(normal.reshape(x.shape), weight, bias);
  });
};
