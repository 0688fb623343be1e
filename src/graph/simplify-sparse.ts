/**
 * Clean-up around elements added into zeros, which the loss over a large vocabulary and position embeddings leave
 * behind: sums look at what was added only, differences add into the other operand instead of into zeros.
 */
import { sameShape } from "../tensor/dim.ts";
import { record, type Tensor } from "../tensor/tensor.ts";
import type { Node } from "./node.ts";
import type { Into } from "./ops/indexing.ts";

/** Σ over the axis that was added into: of what was added. */
export function sumOfPut([x]: readonly Tensor[], { attrs }: Node): Tensor | undefined {
  const { axes } = attrs as { axes: readonly number[] };
  const [, added] = x?.node.inputs ?? [];
  if (x?.node.op !== "putAlong" || x.node.inputs.length !== 2 || axes.length !== 1) return undefined;
  return axes[0] === (x.node.attrs as Into).axis ? added?.sum([...axes], true) : undefined;
}

/** put - z as what was put, added into -z. */
export function putInto([x, z]: readonly Tensor[], node: Node): Tensor | undefined {
  const [indices, added] = x?.node.inputs ?? [];
  if (x?.node.op !== "putAlong" || x.node.inputs.length !== 2 || !indices || !added || !z) return undefined;
  if (!sameShape(z.shape, node.outputs[0]?.shape ?? []) || !sameShape(x.shape, z.shape)) return undefined;
  return record("putAlong", [indices, added, z.neg()], x.node.attrs as Into)[0];
}

/** Rows added at 0, 1, 2, ...: the rows themselves, and zeros behind. */
export function scatterInOrder([indices, rows]: readonly Tensor[], { attrs }: Node): Tensor | undefined {
  const { size } = attrs as Into;
  const count = rows?.shape[0];
  if (indices?.node.op !== "arange" || !rows || typeof size !== "number" || typeof count !== "number") return undefined;
  if (count > size) return rows.slice(0, 0, size);
  const none = rows.shape.map(() => 0);
  return rows.pad(none, [size - count, ...none.slice(1)]);
}

/**
 * What max-pooling sends back, where x exceeds c: it all goes to places that hold y, the maximum, so y can be compared,
 * a quarter as many numbers. This is the gradient of relu before the pool.
 */
export function unpoolWhere(factors: readonly Tensor[], _: Node, uses: (tensor: Tensor) => number): Tensor | undefined {
  const unpool = factors.find(({ node }) => node.op === "unpool");
  const mask = factors.find((factor) => factor !== unpool);
  const [x, y, g] = unpool?.node.inputs ?? [];
  const greater = mask?.node.op === "cast" ? mask.node.inputs[0]?.node : undefined;
  const [compared, c] = greater?.op === "greater" ? greater.inputs : [];
  if (!unpool || !x || !y || !g || compared !== x || c?.rank !== 0 || uses(unpool) !== 1) return undefined;
  return record("unpool", [x, y, g.mul(y.greater(c).cast(g.dtype))], unpool.node.attrs as Record<never, never>)[0];
}
