/**
 * Recurrent layers that go on where the batch before ended: the last state is kept in buffers, through which no gradient
 * flows.
 */
import { ConfigError, DTypeError, ShapeError, shown } from "../../errors.ts";
import { leaves, refill, type Tree } from "../../graph/index.ts";
import { buffer, formatShape, type HostArray, requireRecord, type Tensor } from "../../tensor/index.ts";
import { requireOptions, requireSizes } from "../arguments.ts";
import { constantInit } from "../init.ts";
import { update } from "../mode.ts";
import { type Layer, module, namedBuffers, type Part } from "../module.ts";
import { where } from "./reading.ts";
import { firstState, type SequenceOptions } from "./stack.ts";

/** Options of a call of a stateful layer. */
export interface StatefulOptions {
  /** How many steps of each row count: whole numbers [B]. */
  readonly lengths?: Tensor;
  /** True for the rows [B] whose sequence begins with this batch: they start from zeros. */
  readonly reset?: Tensor;
  /** Steps that a gradient goes back at most inside of a batch, as in `scan`. Default all. */
  readonly truncate?: number;
}

/** Every buffer that holds a state. */
const states = new WeakSet<Tensor>();

function stateBuffer({ shape, dtype }: Tensor): Tensor {
  const made = buffer(shape.map(Number), constantInit(0), dtype as "f32");
  states.add(made);
  return made;
}

/** The paths of a tree's tensors: `state`, or `state_h` and `state_c`. */
const pathsOf = (tree: Tree, path: string): string[] =>
  typeof tree === "object" && !("node" in tree)
    ? Object.entries(tree).flatMap(([key, branch]) => pathsOf(branch, `${path}_${key}`))
    : [path];

function requireReset(reset: Tensor, B: number): void {
  if (reset.dtype !== "bool")
    throw new DTypeError(`Stateful: expected reset to be bool, got ${reset.dtype}; compare, as in .equal(0)`);
  if (reset.rank !== 1 || reset.shape[0] !== B)
    throw new ShapeError(`Stateful: expected reset for ${B} rows, got ${formatShape(reset.shape)}; give a vector [B]`);
}

/** A layer over sequences: xs -> outputs and the last state, from a state. */
type Sequential<X, Y, S> = ((xs: X, options?: SequenceOptions<S>) => [Y, S]) & object;

/**
 * `layer` over batches of B rows, each of which goes on where the row was after the batch before: xs [B, T, ..] ->
 * [outputs, last state]. States start at 0 and are buffers: in training each step updates them, no gradient passes from
 * batch to batch, and outside training they are read as they are. Throws ConfigError for a layer that is none of `RNN`,
 * `LSTM`, `GRU` and `recurrent`.
 */
export function Stateful<X extends Tree, Y extends Tree, S extends Tree>(
  layer: Sequential<X, Y, S>,
  B: number,
): Layer<{ layer: Sequential<X, Y, S> } & Record<`state${string}`, Part>, [xs: X, options?: StatefulOptions], [Y, S]> {
  requireSizes("Stateful", { B });
  const first = typeof layer === "function" ? (firstState(layer, B, "f32") as S | undefined) : undefined;
  if (!first)
    throw new ConfigError(
      `Stateful: expected a recurrent layer, got ${shown(layer)}; make it with RNN, LSTM, GRU or recurrent`,
    );
  const buffers = leaves(first).map(stateBuffer);
  const named = Object.fromEntries(pathsOf(first, "state").map((path, i) => [path, buffers[i]]));
  const forward = (_: object, xs: X, options: StatefulOptions = {}): [Y, S] => {
    requireOptions("Stateful", options, { lengths: "tensor", reset: "tensor", truncate: "number" });
    const { reset, ...call } = options;
    const before = refill(first, buffers.values());
    if (reset) requireReset(reset, B);
    const state = reset ? where(reset.not().reshape([1, B, 1]), before) : before;
    const [ys, last] = layer(xs, { ...call, state });
    for (const [i, value] of leaves(last).entries()) update(buffers[i] ?? value, value);
    return [ys, last];
  };
  return module("Stateful", { layer, ...named }, forward) as never;
}

/** Numbers of a tensor. */
interface Numbers {
  readonly data: HostArray;
}

/** `values` by path with the states of all `Stateful` layers of `model` at 0, as before the first batch. */
export function resetStates<V extends Numbers>(model: object, values: Readonly<Record<string, V>>): Record<string, V> {
  requireRecord("resetStates", "values by path", values);
  const held = Object.entries(namedBuffers(model)).filter(([, tensor]) => states.has(tensor));
  const zeros = held.flatMap(([path]) => {
    const value = values[path];
    return value ? [[path, { ...value, data: value.data.slice().fill(0 as never) }] as const] : [];
  });
  return { ...values, ...Object.fromEntries(zeros) };
}
