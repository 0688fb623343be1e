/**
 * Rotary positions (Su et al. 2021, arXiv 2104.09864): pair i of place t is turned by the angle t·base^(-2i/D), so that
 * the product of a query and a key depends on the distance between them.
 *
 * T places · D width of a head · R of it are turned
 */
import { ShapeError } from "../errors.ts";
import { arange, formatShape, type Tensor, tensor } from "../tensor/index.ts";
import { requireOptions, requireTensors } from "./arguments.ts";

/** Pairs (i, i + R/2), as Llama has it, or neighbours (2i, 2i + 1), as the paper and GPT-J have it. */
export type RotaryPairs = "halves" | "neighbours";

/** How the parts of a head are paired and turned. */
export interface RotaryOptions {
  /** Default 10,000. */
  readonly base?: number;
  /** Default halves. */
  readonly pairs?: RotaryPairs;
}

/** Where the tokens stand. */
export interface RotaryPlaces extends RotaryOptions {
  /** Whole numbers [T], or those of each row stretched to [.., T]. Default 0, 1, 2, ... */
  readonly positions?: Tensor;
}

/** By what pairs are turned at every place: [.., T, R/2]. */
export interface Turn {
  readonly cos: Tensor;
  readonly sin: Tensor;
}

/** positions [.., T] and angles of each pair for a step of 1, stretched to [.., T, R/2] -> the turn of each place. */
export function turnsAt(positions: Tensor, speeds: Tensor): Turn {
  requireTensors("turnsAt", positions, speeds);
  const angles = positions.cast(speeds.dtype).unsqueeze(-1).mul(speeds);
  return { cos: angles.cos(), sin: angles.sin() };
}

/** x [.., T, D] -> [.., T, D], of which the first R are turned. */
export function turned(x: Tensor, { cos, sin }: Turn, pairs: RotaryPairs = "halves"): Tensor {
  requireTensors("turned", x, cos, sin);
  const [R, D] = [2 * Number(cos.dim(-1)), Number(x.dim(-1))];
  const turn = (a: Tensor, b: Tensor): [Tensor, Tensor] => [a.mul(cos).sub(b.mul(sin)), b.mul(cos).add(a.mul(sin))];
  const [part = x, rest] = R < D ? x.split([R, D - R]) : [x];
  const after = rest ? [rest] : [];
  if (pairs === "halves") {
    const [a, b] = turn(...part.chunk(2));
    return a.concat([b, ...after], -1);
  }
  const [a, b] = turn(...part.reshape([...part.shape.slice(0, -1), R / 2, 2]).unstack(2, -1)); // 2 × [.., T, R/2]
  const joined = a
    .unsqueeze(-1)
    .concat([b.unsqueeze(-1)], -1)
    .reshape(part.shape);
  return rest ? joined.concat(after, -1) : joined;
}

/** x [.., T, D] -> [.., T, D], turned by place. Throws ShapeError where D is odd. */
export function rotary(x: Tensor, options: RotaryPlaces = {}): Tensor {
  requireTensors("rotary", x);
  requireOptions("rotary", options, { base: "number", pairs: ["halves", "neighbours"], positions: "tensor" });
  const { base = 10_000, pairs = "halves", positions } = options;
  const D = Number(x.dim(-1));
  if (D % 2 !== 0)
    throw new ShapeError(`rotary: expected an even width, got ${formatShape(x.shape)}; use heads of an even width`);
  const speeds = Array.from({ length: D / 2 }, (_, i) => base ** ((-2 * i) / D));
  return turned(x, turnsAt(positions ?? arange(x.dim(-2)), tensor(speeds, x.dtype)), pairs);
}
