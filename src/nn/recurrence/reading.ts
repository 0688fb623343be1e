/**
 * One layer in one direction: a step under `scan`, which steps behind a row's length do not move.
 *
 * B batch · T steps
 */
import { DTypeError, ShapeError } from "../../errors.ts";
import { leaves, recurrence, refill, type StandardCell, type Step, scan, type Tree } from "../../graph/index.ts";
import { arange, formatShape, type Tensor } from "../../tensor/index.ts";

/** What one layer reads in one direction: sequences [B, T, ..]. */
export interface Reading<X extends Tree = Tree> {
  readonly xs: X;
  /** How many steps of each row count: [B]. */
  readonly lengths: Tensor | undefined;
  /** True where a step counts: [B, T, 1]. */
  readonly active: Tensor | undefined;
  readonly reverse: boolean;
  /** Steps that a gradient goes back at most. */
  readonly truncate?: number | undefined;
}

/** Applies `make` to the tensors of several trees of one form. */
export function zip<S extends Tree>(trees: readonly [S, ...S[]], make: (tensors: readonly Tensor[]) => Tensor): S {
  const columns = leaves(trees[0]).map((_, i) => trees.flatMap((tree) => leaves(tree)[i] ?? []));
  return refill(trees[0], columns.map(make).values());
}

/** Applies `make` to every tensor of a tree. */
export const each = <S extends Tree>(tree: S, make: (tensor: Tensor) => Tensor): S =>
  refill(tree, leaves(tree).map(make).values());

/** True where a step counts: [B, T, 1]. */
export function activeSteps(xs: Tensor, lengths: Tensor): Tensor {
  if (lengths.dtype !== "i32" && lengths.dtype !== "i64")
    throw new DTypeError(`lengths: expected i32 or i64, got ${lengths.dtype}; cast them with .cast("i32")`);
  if (lengths.rank !== 1 || lengths.shape[0] !== xs.shape[0])
    throw new ShapeError(
      `lengths: expected one for each row of ${formatShape(xs.shape)}, got ${formatShape(lengths.shape)}; give a vector [B]`,
    );
  return arange(xs.dim(1), lengths.dtype).less(lengths.unsqueeze(1)).unsqueeze(-1);
}

/** A mask [.., 1] for tensors of `rank` axes. */
function spread(mask: Tensor, rank: number): Tensor {
  if (rank < mask.rank) return mask.squeeze(-1);
  let wide = mask;
  while (wide.rank < rank) wide = wide.unsqueeze(-1);
  return wide;
}

/** `values` where the mask [.., 1] holds, elsewhere `others`, or 0. */
export const where = <S extends Tree>(mask: Tensor, values: S, others?: S): S => {
  const rest = others && leaves(others);
  let at = 0;
  return each(values, (value) => spread(mask, value.rank).where(value, rest?.[at++] ?? 0));
};

/** A step under `scan`: the last state, and outputs [B, T, ..] that are 0 behind a row's length. */
export function scanned<S extends Tree, X extends Tree, Y extends Tree>(
  step: Step<S, X, Y>,
  first: S,
  { xs, active, reverse, truncate }: Omit<Reading<X>, "lengths">,
): readonly [S, Y] {
  const how = { reverse, truncate };
  if (!active) return scan(step, first, xs, how);
  const held = (state: S, { x, counts }: { x: X; counts: Tensor }): readonly [S, Y] => {
    const [next, y] = step(state, x);
    return [where(counts, next, state), y];
  };
  const [last, ys] = scan(held, first, { x: xs, counts: active }, how);
  return [last, where(active, ys)];
}

/** Weights of a layer that the engine has an operator for. */
export interface EngineParts {
  readonly weight_ih: Tensor;
  readonly weight_hh: Tensor;
  readonly bias_ih: Tensor | undefined;
  readonly bias_hh: Tensor | undefined;
  readonly peephole?: Tensor | undefined;
}

/** What a scan gave, as what the engine may compute in its own way. */
export function orEngine<S extends Tree>(
  cell: StandardCell,
  [last, ys]: readonly [S, Tensor],
  first: S,
  { weight_ih, weight_hh, bias_ih, bias_hh, peephole }: EngineParts,
  { xs, lengths, reverse }: Reading<Tensor>,
): readonly [S, Tensor] {
  const results = recurrence([...leaves(last), ys], {
    cell,
    reverse,
    xs,
    lengths,
    states: leaves(first),
    weights: [weight_ih, weight_hh],
    biases: bias_ih && bias_hh ? [bias_ih, bias_hh] : [],
    peepholes: peephole,
  });
  return [refill(last, results.values()), results.at(-1) ?? ys];
}
