/** The matrix product: y = op(a) op(b) over the last two axes, the others broadcast. */
import { DTypeError, ShapeError } from "../../errors.ts";
import { sumTo } from "../../tensor/compositions.ts";
import { broadcastShapes, formatShape, type Shape, sameShape, sizeOf } from "../../tensor/dim.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { Spec } from "../node.ts";
import type { Gradient, Lowering, Op } from "../op.ts";
import { alignLead } from "./elementwise.ts";

/** Whether the last two axes of a, of b are exchanged before the product. */
export interface Transposed {
  readonly transA: boolean;
  readonly transB: boolean;
}

const turned = (shape: Shape, transposed: boolean): [rows: Shape[number], columns: Shape[number]] => {
  const [rows = 0, columns = 0] = shape.slice(-2);
  return transposed ? [columns, rows] : [rows, columns];
};

function rule([a, b]: readonly Spec[], { transA, transB }: Transposed): readonly Spec[] {
  if (!a || !b || a.shape.length < 2 || b.shape.length < 2)
    throw new ShapeError(
      `matmul: expected two matrices, got ${formatShape(a?.shape ?? [])} × ${formatShape(b?.shape ?? [])}; add an axis with .unsqueeze(axis)`,
    );
  if (a.dtype !== b.dtype || (a.dtype !== "f32" && a.dtype !== "f64"))
    throw new DTypeError(`matmul: expected equal float types, got ${a.dtype} × ${b.dtype}; cast with .cast(dtype)`);
  const [m, k] = turned(a.shape, transA);
  const [k2, n] = turned(b.shape, transB);
  if (k !== k2)
    throw new ShapeError(
      `matmul: inner sizes differ, ${formatShape(a.shape)}${transA ? "ᵀ" : ""} × ${formatShape(b.shape)}${transB ? "ᵀ" : ""} (${k} ≠ ${k2}); transpose one of them or check the layer's widths`,
    );
  return [
    { shape: [...broadcastShapes([a.shape.slice(0, -2), b.shape.slice(0, -2)], "matmul"), m, n], dtype: a.dtype },
  ];
}

/** y = ab: da = g bᵀ, db = aᵀ g; with a factor transposed, so is its gradient. Sums over axes that were stretched. */
const grad: Gradient<Transposed> = ({ grads: [g], inputs: [a, b], attrs: { transA, transB }, needs }) => {
  if (!g || !a || !b) return [];
  if (isShared(b, a) && !transA) return sharedGrad(g, a, b, transB, needs);
  if (a.shape.length === 2 && b.shape.length > 2) return wideGrad(g, a, b, { transA, transB }, needs);
  const da = transA ? b.matmul(g, { transA: transB, transB: true }) : g.matmul(b, { transA: false, transB: !transB });
  const db = transB ? g.matmul(a, { transA: true, transB: transA }) : a.matmul(g, { transA: !transA, transB: false });
  return [needs(0) ? sumTo(da, a.shape) : undefined, needs(1) ? sumTo(db, b.shape) : undefined];
};

/** Whether a has more axes than b in front, and is not stretched otherwise. */
const isShared = (b: Tensor, a: Tensor): boolean =>
  a.rank > b.rank && sameShape(a.shape.slice(a.rank - b.rank, -2), b.shape.slice(0, -2));

/** The first `count` axes of x as more of its rows: [count.., B.., R, C] -> [B.., count·R, C]. */
function withMoreRows(x: Tensor, count: number): Tensor {
  const moved = x.moveAxes(0, count, x.rank - 2 - count);
  return moved.reshape([...moved.shape.slice(0, -2 - count), sizeOf(moved.shape.slice(-2 - count, -1)), x.dim(-1)]);
}

/** With one b for all of a's first axes, its gradient is one product over all their rows. */
function sharedGrad(g: Tensor, a: Tensor, b: Tensor, transB: boolean, needs: (i: number) => boolean) {
  const count = a.rank - b.rank;
  const [rows, gradients] = [withMoreRows(a, count), withMoreRows(g, count)];
  const db = transB
    ? gradients.matmul(rows, { transA: true, transB: false })
    : rows.matmul(gradients, { transA: true, transB: false });
  return [needs(0) ? g.matmul(b, { transA: false, transB: !transB }) : undefined, needs(1) ? db : undefined];
}

/** With one matrix a for the whole batch, its gradient is one product over all columns of the batch. */
function wideGrad(g: Tensor, a: Tensor, b: Tensor, { transA, transB }: Transposed, needs: (i: number) => boolean) {
  const db = transB ? g.matmul(a, { transA: true, transB: transA }) : a.matmul(g, { transA: !transA, transB: false });
  if (!needs(0)) return [undefined, db];
  const [gradients, columns] = [besides(g, -2), besides(b, transB ? -1 : -2)]; // [M, ..·N], [K, ..·N]
  const [left, right] = transA ? [columns, gradients] : [gradients, columns];
  return [left.matmul(right, { transA: false, transB: true }), needs(1) ? db : undefined];
}

/** x as a matrix: `axis`, and all others in their order. */
function besides(x: Tensor, axis: -1 | -2): Tensor {
  const front = x.moveAxes(axis, 1, 0);
  return front.reshape([front.dim(0), sizeOf(front.shape.slice(1))]);
}

/**
 * Two matrices are a Gemm, which takes them transposed as they lie; batches are MatMul, which the runtime fuses with
 * Transpose. Such a fused product of nothing is whatever was in memory, so nothing is said to be zero. One matrix before a
 * batch would be transposed anew for each of it, so it is turned by Einsum, which is not fused.
 */
function onnx(lower: Lowering<Transposed>): string[] {
  const { inputs, attrs, specs, emit, fill, dims, constant, scalar } = lower;
  const { transA, transB } = attrs;
  const [[first], [y], [a = "", b = ""]] = [specs.inputs, specs.outputs, inputs];
  const inner = first && turned(first.shape, transA)[1];
  if (y && inner === 0) return [fill(0, y)];
  const ranks = specs.inputs.map((input) => input.shape.length);
  if (!transA && !transB) return [emit("MatMul", [a, b])];
  if (ranks.every((rank) => rank === 2))
    return [emit("Gemm", [a, b], { transA: Number(transA), transB: Number(transB) })];
  const turn = (name: string, rank = 2) => {
    const perm = Array.from({ length: rank }, (_, i) => i);
    [perm[rank - 2], perm[rank - 1]] = [rank - 1, rank - 2];
    return emit("Transpose", [name], { perm });
  };
  const turnFirst = ranks[0] === 2 ? () => emit("Einsum", [a], { equation: "ij->ji" }) : () => turn(a, ranks[0]);
  const product = emit("MatMul", [transA ? turnFirst() : a, transB ? turn(b, ranks[1]) : b]);
  if (!y || typeof inner !== "string") return [product];
  const nothing = emit("Equal", [dims([inner]), constant(BigInt64Array.of(0n), "i64", [1])]);
  return [emit("Where", [nothing, scalar(0, y.dtype), product])];
}

/** Y = op(a) op(b) + c for two matrices: what simplification makes of a product and a sum. */
const gemm: Op<Transposed> = {
  shape: ([a, b, c], attrs) => {
    const [product] = rule(
      [a, b].filter((x) => x !== undefined),
      attrs,
    );
    if (!product || !c) throw new Error("internal: gemm takes three inputs");
    return [product];
  },
  grad: (context) => {
    const [g, c] = [context.grads[0], context.inputs[2]];
    return [...grad(context).slice(0, 2), g && c && sumTo(g, c.shape)];
  },
  onnx: ({ inputs, attrs, emit }) => [
    emit("Gemm", inputs, { transA: Number(attrs.transA), transB: Number(attrs.transB) }),
  ],
};

export const matmulOps = {
  gemm,
  matmul: {
    shape: rule,
    grad,
    onnx,
    lead: (inputs, attrs, lead) => {
      const [a, b] = alignLead(inputs, lead);
      return a && b ? [a.matmul(b, attrs)] : [];
    },
    turn: ([a, b], { transA, transB }) => (a && b ? [b.matmul(a, { transA: transB, transB: transA })] : []), // (ab)ᵀ = bᵀaᵀ
  } satisfies Op<Transposed>,
};
