/**
 * A table of V rows of width D that follows what it stands for (van den Oord et al. 2017, arXiv 1711.00937, appendix A.1).
 *
 *   n_v ← γ·n_v + (1 - γ)·(how many x are nearest to row v)
 *   m_v ← γ·m_v + (1 - γ)·(their sum)
 *   e_v = m_v / n_v, with n_v smoothed to (n_v + ε)/(n + V·ε)·n, where n = Σ n_v, as in Sonnet's VectorQuantizerEMA
 *
 * N vectors · V rows · D width
 */
import { ShapeError } from "../errors.ts";
import { buffer, formatShape, noise, type Tensor } from "../tensor/index.ts";
import { requireOptions, requireProbabilities, requireSizes, requireTensors } from "./arguments.ts";
import { constantInit, uniformInit } from "./init.ts";
import { update } from "./mode.ts";
import { type Layer, module } from "./module.ts";

/** How a codebook follows. */
export interface CodebookOptions {
  /** γ, how much of the past stays. Default 0.99. */
  readonly decay?: number;
  /** ε. Default 1e-5. */
  readonly epsilon?: number;
  /**
   * Share of the mean use below which a row starts anew at a vector of the batch, drawn by chance; 0 for never. Default 0.01.
   * Rows that were never near would else never move (Dhariwal et al. 2020, arXiv 2005.00341, random restarts).
   */
  readonly restart?: number;
}

/** x [N, D] as rows of the table. */
export interface Quantised {
  /** The nearest row of each: [N]. */
  readonly ids: Tensor;
  /** [N, D]. */
  readonly rows: Tensor;
}

/** The table [V, D] that sums and counts stand for. */
function tableOf(sum: Tensor, count: Tensor, epsilon: number): Tensor {
  const total = count.sum();
  const smoothed = count
    .add(epsilon)
    .mul(total)
    .div(total.add(count.onesLike().sum().mul(epsilon)));
  return sum.div(smoothed.unsqueeze(1));
}

/** Distances from each x [N, D] to each row [V, D], less ‖x‖², which is the same for all rows: [N, V]. */
const distances = (x: Tensor, table: Tensor): Tensor =>
  table
    .mul(table)
    .sum(1)
    .sub(x.matmul(table, { transB: true }).mul(2));

/** The parts of a codebook: buffers, which are no parameters. */
type CodebookParts = { readonly sum: Tensor; readonly count: Tensor };

/** Rows that are used less than `share` of the mean, N/V, as if a vector of x [N, D] had been there that often. */
function restarted(x: Tensor, { sum, count }: CodebookParts, share: number): CodebookParts {
  const N = x.onesLike().mean(1).sum();
  const mean = N.div(count.onesLike().sum());
  const places = noise("uniform", count.shape).mul(N).floor().cast("i32").minimum(N.sub(1).cast("i32"));
  const rare = count.less(mean.mul(share));
  return {
    sum: rare.unsqueeze(1).where(x.gather(places).mul(mean), sum),
    count: rare.where(mean.expand(count.shape), count),
  };
}

/**
 * x [N, D] -> the nearest rows, which no gradient flows through; in training the table follows, once in a step. Rows start
 * uniform in ±1/V, so near to each other that the direction of a vector decides which is its own. Throws ShapeError for
 * vectors of another width.
 */
export function Codebook(V: number, D: number, options: CodebookOptions = {}) {
  requireSizes("Codebook", { V, D });
  requireOptions("Codebook", options, { decay: "number", epsilon: "number", restart: "number" });
  const { decay = 0.99, epsilon = 1e-5, restart = 0.01 } = options;
  requireProbabilities("Codebook", { decay, restart });
  const parts = { sum: buffer([V, D], uniformInit(1 / V)), count: buffer([V], constantInit(1)) };
  const layer: Layer<CodebookParts, [x: Tensor], Quantised> = module("Codebook", parts, ({ sum, count }, x: Tensor) => {
    requireTensors("Codebook", x);
    if (x.rank !== 2 || x.dim(1) !== D)
      throw new ShapeError(`Codebook: expected vectors [N, ${D}], got ${formatShape(x.shape)}; reshape them`);
    const table = tableOf(sum, count, epsilon);
    const ids = distances(x, table).argMin(1);
    const mine = ids.oneHot(V); // [N, V]
    const counts = count.mul(decay).add(mine.sum(0).mul(1 - decay));
    const sums = sum.mul(decay).add(mine.matmul(x, { transA: true }).mul(1 - decay));
    const next = restart > 0 ? restarted(x, { sum: sums, count: counts }, restart) : { sum: sums, count: counts };
    update(count, next.count);
    update(sum, next.sum);
    return { ids, rows: table.gather(ids).stopGradient() };
  });
  /** Rows of the table by number, ids [..] -> [.., D]. */
  const rows = (ids: Tensor): Tensor => tableOf(parts.sum, parts.count, epsilon).gather(ids);
  return { layer, rows };
}
