/** Initial values of parameters. Every parameter draws from a stream of its own, keyed by its name. */
import { ConfigError } from "../errors.ts";
import type { Initializer } from "../graph/index.ts";
import { formatShape } from "../tensor/index.ts";
import { requireNumbers, requireSizes } from "./arguments.ts";

/** Every element the same. */
export function constantInit(value: number): Initializer {
  requireNumbers("constantInit", { value });
  return (out) => {
    out.fill(value);
  };
}

/** Uniform in [-bound, bound). */
export function uniformInit(bound: number): Initializer {
  requireNumbers("uniformInit", { bound });
  return (out, _, draw) => {
    draw.fillUniform(out);
    for (let i = 0; i < out.length; i++) out[i] = ((out[i] ?? 0) * 2 - 1) * bound;
  };
}

/** Normal with mean 0. */
export function normalInit(deviation: number): Initializer {
  requireNumbers("normalInit", { deviation });
  return (out, _, draw) => {
    draw.fillNormal(out);
    for (let i = 0; i < out.length; i++) out[i] = (out[i] ?? 0) * deviation;
  };
}

const dot = (a: Float64Array, b: Float64Array): number => a.reduce((sum, x, i) => sum + x * (b[i] ?? 0), 0);

/** a - (a·b) b for every b of `basis`, one after the other. */
function removeFrom(a: Float64Array, basis: readonly Float64Array[]): void {
  for (const b of basis) {
    const along = dot(a, b);
    for (let i = 0; i < a.length; i++) a[i] = (a[i] ?? 0) - along * (b[i] ?? 0);
  }
}

/** `count` orthonormal vectors of `length` numbers out of normal ones, by Gram and Schmidt, twice. */
function orthonormal(count: number, length: number, normal: Float64Array): Float64Array[] {
  const basis: Float64Array[] = [];
  while (basis.length < count) {
    const vector = normal.slice(basis.length * length, (basis.length + 1) * length);
    for (let pass = 0; pass < 2; pass++) removeFrom(vector, basis); // the second removes what rounding left
    const norm = Math.sqrt(dot(vector, vector));
    basis.push(vector.map((x) => x / norm));
  }
  return basis;
}

/**
 * Matrices [R, C] whose rows are `blocks` matrices [R/blocks, C], one for each gate: each has orthonormal columns, or
 * orthonormal rows where it is wider than high. Saxe et al. 2014, arXiv 1312.6120. Throws ConfigError, when values are
 * drawn, for a shape that is none of these.
 */
export function orthogonalInit(blocks = 1): Initializer {
  requireSizes("orthogonalInit", { blocks });
  return (out, shape, draw) => {
    const [rows = 0, columns = 0] = shape;
    const height = rows / blocks;
    if (shape.length !== 2 || !Number.isInteger(height))
      throw new ConfigError(
        `orthogonalInit: expected a matrix of ${blocks} blocks of rows, got ${formatShape(shape)}; use it for matrices alone`,
      );
    const size = height * columns;
    const normal = new Float64Array(rows * columns);
    draw.fillNormal(normal);
    for (let block = 0; block < blocks; block++) {
      const own = normal.subarray(block * size, (block + 1) * size);
      const basis = orthonormal(Math.min(height, columns), Math.max(height, columns), own);
      for (let i = 0; i < size; i++) {
        const [row, column] = [Math.floor(i / columns), i % columns];
        out[block * size + i] = (height >= columns ? basis[column]?.[row] : basis[row]?.[column]) ?? 0;
      }
    }
  };
}
