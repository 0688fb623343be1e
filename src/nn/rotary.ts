/**
 * Rotary positions (Su et al. 2021, arXiv 2104.09864): pair i of place t is turned by the angle t·base^(-2i/D), so that
 * the product of a query and a key depends on the distance between them.
 *
 * T places · D width of a head
 */
import { ShapeError } from "../errors.ts";
import { arange, formatShape, type Tensor, tensor } from "../tensor/index.ts";
import { requireOptions, requireTensors } from "./arguments.ts";

/** How the parts of a head are paired and turned. */
export interface RotaryOptions {
  /** Default 10,000. */
  readonly base?: number;
  /** Pairs (i, i + D/2), as Llama has it, or neighbours (2i, 2i + 1), as the paper and GPT-J have it. Default halves. */
  readonly pairs?: "halves" | "neighbours";
}

/** Where the tokens stand. */
export interface RotaryPlaces extends RotaryOptions {
  /** Whole numbers [T], or those of each row stretched to [.., T]. Default 0, 1, 2, ... */
  readonly positions?: Tensor;
}

/** x [.., T, D] -> [.., T, D], turned by place. Throws ShapeError where D is odd. */
export function rotary(x: Tensor, options: RotaryPlaces = {}): Tensor {
  requireTensors("rotary", x);
  requireOptions("rotary", options, { base: "number", pairs: ["halves", "neighbours"], positions: "tensor" });
  const { base = 10_000, pairs = "halves", positions } = options;
  const D = Number(x.dim(-1));
  if (D % 2 !== 0)
    throw new ShapeError(`rotary: expected an even width, got ${formatShape(x.shape)}; use heads of an even width`);
  const speeds = tensor(
    Array.from({ length: D / 2 }, (_, i) => base ** ((-2 * i) / D)),
    x.dtype,
  );
  const angles = (positions ?? arange(x.dim(-2))).cast(x.dtype).unsqueeze(-1).mul(speeds); // [.., T, D/2]
  const [cos, sin] = [angles.cos(), angles.sin()];
  const turn = (a: Tensor, b: Tensor): [Tensor, Tensor] => [a.mul(cos).sub(b.mul(sin)), b.mul(cos).add(a.mul(sin))];
  if (pairs === "halves") {
    const [a, b] = turn(...x.chunk(2));
    return a.concat([b], -1);
  }
  const [a, b] = turn(...x.reshape([...x.shape.slice(0, -1), D / 2, 2]).unstack(2, -1)); // 2 × [.., T, D/2]
  return a
    .unsqueeze(-1)
    .concat([b.unsqueeze(-1)], -1)
    .reshape(x.shape);
}
