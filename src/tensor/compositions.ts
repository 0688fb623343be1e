/** Compositions of methods that gradients, rewriting and layers are written with. */
import { type Shape, sameShape, sizeOf } from "./dim.ts";
import type { Tensor } from "./tensor.ts";

/** x summed over what broadcasting `shape` to its shape would stretch: the adjoint of `expand`. */
export function sumTo(x: Tensor, shape: Shape): Tensor {
  if (sameShape(shape, x.shape)) return x;
  const extra = x.rank - shape.length;
  const axes = x.shape.flatMap((dim, i) => (i < extra || (shape[i - extra] === 1 && dim !== 1) ? [i] : []));
  return x.sum(axes, true).reshape(shape);
}

/** Number of elements of x along `axes`, counted from the front, as a scalar of its type. */
export function countAlong(x: Tensor, axes: readonly number[]): Tensor {
  const sizes = axes.map((axis) => x.shape[axis] ?? 1);
  const [known, named] = [
    sizes.filter((dim) => typeof dim === "number"),
    sizes.filter((dim) => typeof dim === "string"),
  ];
  const count = x.like(Number(sizeOf(known)));
  return named.reduce((product, dim) => x.like(1, [dim]).sum().mul(product), count);
}

/** [.., C] as one matrix [rows, C]. */
export const flattenRows = (x: Tensor): Tensor =>
  x.rank === 2 ? x : x.reshape([sizeOf(x.shape.slice(0, -1)), x.dim(-1)]);
