/**
 * Layers over whole sequences made of any cell: stacked, in both directions, with lengths, states to start from and to go on
 * with, and dropout between layers.
 *
 * B batch · T steps · I input width · H output width · L layers · D directions, 1 or 2
 */
import { ConfigError, ShapeError, shown } from "../../errors.ts";
import { leaves, type Tree } from "../../graph/index.ts";
import {
  type Dim,
  type DType,
  formatShape,
  isFloat,
  isTensor,
  requireFunction,
  sameShape,
  stack,
  type Tensor,
} from "../../tensor/index.ts";
import { requireOptions, requireSizes } from "../arguments.ts";
import { Dropout } from "../dropout.ts";
import { type Layer, module, type Parts, tensorLayer } from "../module.ts";
import { activeSteps, each, type Reading, scanned, where, zip } from "./reading.ts";

const MERGES = {
  concat: ([a, b]) => (b ? a.concat([b], -1) : a),
  sum: ([a, b]) => (b ? a.add(b) : a),
  mul: ([a, b]) => (b ? a.mul(b) : a),
  average: ([a, b]) => (b ? a.add(b).mul(0.5) : a),
} satisfies Readonly<Record<string, (sides: readonly [Tensor, Tensor?]) => Tensor>>;

/** Options of all layers over sequences. */
export interface StackOptions {
  /** Layers, each reading the outputs of the one before. Default 1. */
  readonly layers?: number;
  /** Whether every layer also reads from the end. Default false. */
  readonly bidirectional?: boolean;
  /** How every layer joins the outputs of both directions: side by side (the default), by sum, product or mean. */
  readonly merge?: keyof typeof MERGES;
  /** Probability of dropout between layers. Default 0. */
  readonly dropout?: number;
}
export const STACK = {
  layers: "number",
  bidirectional: "boolean",
  merge: ["concat", "sum", "mul", "average"],
  dropout: "number",
} as const;

/** Options of a call. */
export interface SequenceOptions<S> {
  /** Where to start: tensors [L·D, B, ..], layer by layer, forward before backward. Default the cell's first state. */
  readonly state?: S;
  /**
   * How many steps of each row count: whole numbers [B]. Steps behind change nothing: their outputs are 0, and the
   * last state is the one at the row's length.
   */
  readonly lengths?: Tensor;
  /** Steps that a gradient goes back at most, as in `scan`. Default all. */
  readonly truncate?: number;
}

/** How one layer is made and run in one direction. */
export interface Stackable<P extends object, S extends Tree, Y extends Tree> {
  readonly name: string;
  /** The parts for an input of width I. */
  parts(I: number): P;
  /** The state before the first step. */
  first(B: Dim, dtype: DType): S;
  run(parts: P, first: S, reading: Reading<never>): readonly [S, Y];
}

/** What stands in `given` where `first` has tensors. */
function alongside(first: Tree, given: unknown): unknown[] {
  if (isTensor(first)) return [given];
  const keyed = given as Readonly<Record<string, unknown>> | null | undefined;
  return Object.entries(first).flatMap(([key, branch]) => alongside(branch, keyed?.[key]));
}

/** Throws ShapeError where the given state is not like `first`, with an axis of layers in front. */
function requireState(name: string, state: unknown, first: Tree, layers: number): void {
  const given = alongside(first, state);
  for (const [i, { dtype, shape }] of leaves(first).entries()) {
    const [tensor, expected] = [given[i], [layers, ...shape]];
    if (isTensor(tensor) && tensor.dtype === dtype && sameShape(tensor.shape, expected)) continue;
    const got = isTensor(tensor) ? `${tensor.dtype}${formatShape(tensor.shape)}` : shown(tensor);
    throw new ShapeError(
      `${name}: expected a state of ${dtype}${formatShape(expected)}, got ${got}; give what an earlier call returned`,
    );
  }
}

const suffix = (layer: number, reverse: boolean): string => `_l${layer}${reverse ? "_reverse" : ""}`;
const withSuffix = (parts: object, end: string) =>
  Object.fromEntries(Object.entries(parts).map(([name, part]) => [name + end, part]));

/** One layer in one direction. */
interface Place<P> {
  readonly reverse: boolean;
  readonly end: string;
  readonly parts: P;
}

function requireStack(name: string, { bidirectional, merge, dropout = 0 }: StackOptions): void {
  if (merge !== undefined && !bidirectional)
    throw new ConfigError(`${name}: expected no merge for one direction, got ${shown(merge)}; set bidirectional: true`);
  Dropout(dropout);
}

/** Layer by layer, the places that read the same. */
function placesOf<P extends object>(
  { name, parts }: Pick<Stackable<P, Tree, Tree>, "name" | "parts">,
  I: number,
  H: number,
  { layers = 1, bidirectional = false, merge = "concat" }: StackOptions,
): readonly (readonly Place<P>[])[] {
  requireSizes(name, { I, H, layers });
  const ways = bidirectional ? [false, true] : [false];
  const width = merge === "concat" ? H * ways.length : H;
  return Array.from({ length: layers }, (_, l) =>
    ways.map((reverse) => ({ reverse, end: suffix(l, reverse), parts: parts(l === 0 ? I : width) })),
  );
}

/** B and the type of numbers, as the sequences have them. */
function sizesOf(name: string, xs: Tree): readonly [first: Tensor, dtype: DType] {
  const sequences = leaves(xs);
  const [first] = sequences;
  if (first && sequences.every(({ rank }) => rank >= 2))
    return [first, sequences.find(({ dtype }) => isFloat(dtype))?.dtype ?? "f32"];
  throw new ShapeError(
    `${name}: expected sequences [B, T, ..], got ${sequences.map(({ shape }) => formatShape(shape)).join(", ") || "none"}; give every tensor of the input both axes`,
  );
}

/** The state that a layer starts from where none is given, [L·D, B, ..]. */
const firsts = new WeakMap<object, (B: Dim, dtype: DType) => Tree>();

/** The first state of `layer` for B rows; undefined for what is no layer over sequences. */
export const firstState = (layer: object, B: Dim, dtype: DType): Tree | undefined => firsts.get(layer)?.(B, dtype);

/** What `stacked` makes: parts named as torch.nn names them, and the forward pass. */
interface Stacked<P extends object, S extends Tree, X extends Tree, Y extends Tree> {
  readonly parts: Readonly<Record<`${keyof P & string}_l${string}`, P[keyof P]>>;
  forward(xs: X, call?: SequenceOptions<S>): [Y, S];
  first(B: Dim, dtype: DType): S;
}

function stacked<P extends object, S extends Tree, X extends Tree, Y extends Tree>(
  kind: Stackable<P, S, Y>,
  I: number,
  H: number,
  options: StackOptions,
): Stacked<P, S, X, Y> {
  requireStack(kind.name, options);
  const places = placesOf(kind, I, H, options);
  const [drop, merge] = [Dropout(options.dropout ?? 0), MERGES[options.merge ?? "concat"]];
  const count = places.flat().length;
  const forward = (xs: X, call: SequenceOptions<S> = {}): [Y, S] => {
    requireOptions(kind.name, call, { state: "any", lengths: "tensor", truncate: "number" });
    const { state, lengths, truncate } = call;
    const [sequence, dtype] = sizesOf(kind.name, xs);
    const active = lengths && activeSteps(sequence, lengths);
    const rest = kind.first(sequence.dim(0), dtype);
    if (state !== undefined) requireState(kind.name, state, rest, count);
    const last: S[] = [];
    let input: Tree = active ? where(active, xs) : xs;
    for (const layer of places) {
      const sides = layer.map(({ parts, reverse }) => {
        const at = last.length;
        const first = state ? each(state, (all) => all.slice(0, at, at + 1).squeeze(0)) : rest;
        const [end, ys] = kind.run(parts, first, { xs: input as never, lengths, active, reverse, truncate });
        last.push(end);
        return ys;
      });
      input = zip(sides as [Y, ...Y[]], ([a = sequence, b]) => merge(b ? [a, b] : [a]));
      if (layer !== places.at(-1)) input = each(input, (y) => (isFloat(y.dtype) ? drop(y) : y));
    }
    return [input as Y, zip(last as [S, ...S[]], (tensors) => stack(tensors))];
  };
  const first = (B: Dim, dtype: DType): S =>
    each(kind.first(B, dtype), (state) => stack(Array.from({ length: count }, () => state)));
  const parts = Object.assign({}, ...places.flat().map(({ parts, end }) => withSuffix(parts, end)));
  return { parts, forward, first };
}

/** Remembers what `layer`, made of `made`, starts from. */
function registered<L extends object>(layer: L, { first }: Pick<Stacked<object, Tree, Tree, Tree>, "first">): L {
  firsts.set(layer, first);
  return layer;
}

/** Layers of this library's cells: xs [B, T, I] -> [outputs [B, T, D·H], last states, tensors [L·D, B, ..]]. */
export function sequenceLayer<P extends Parts, S extends Tree>(
  kind: Stackable<P, S, Tensor>,
  I: number,
  H: number,
  options: StackOptions,
) {
  const made = stacked<P, S, Tensor, Tensor>(kind, I, H, options);
  const parts = made.parts as Readonly<Record<`${keyof P & string}_l${string}`, Tensor>>;
  const forward = (_: object, xs: Tensor, call?: SequenceOptions<S>) => {
    if (xs.rank !== 3 || xs.shape[2] !== I)
      throw new ShapeError(`${kind.name}: expected [B, T, ${I}], got ${formatShape(xs.shape)}; reshape the input`);
    return made.forward(xs, call);
  };
  return registered(tensorLayer(kind.name, parts, forward), made);
}

/** Your own cell: its parts for an input of width I, the state before the first step, and a step. */
export interface RecurrentCell<P extends Parts, S extends Tree, X extends Tree, Y extends Tree> {
  /** What messages call the layer. Default `"recurrent"`. */
  readonly name?: string;
  /** Parameters or layers, made anew for each layer and direction; I is the width of what it reads. */
  readonly parts: (I: number) => P;
  /** The state of B rows before the first step: tensors [B, ..] in records and lists. */
  readonly first: (B: Dim, dtype: DType) => S;
  /** What one step makes of a state and an input [B, ..], which may be a record of tensors as well. */
  readonly step: (parts: P, state: S, x: X) => readonly [S, Y];
}

/**
 * A layer over sequences of any cell. xs, tensors [B, T, ..] -> [outputs [B, T, ..], last state, tensors [L·D, B, ..]]. I is
 * the width that the first layer's parts are made for, H the width of an output, which the layers above read. A part `w` is
 * called `w_l0`, from layer 1 on `w_l1`, in the other direction `w_l0_reverse`. Throws ConfigError for options that are none
 * and ShapeError for a state or lengths that do not fit.
 */
export function recurrent<P extends Parts, S extends Tree, X extends Tree, Y extends Tree>(
  cell: RecurrentCell<P, S, X, Y>,
  I: number,
  H: number,
  options: StackOptions = {},
): Layer<
  Readonly<Record<`${keyof P & string}_l${string}`, P[keyof P]>> & Parts,
  [xs: X, options?: SequenceOptions<S>],
  [Y, S]
> {
  requireOptions("recurrent", cell, { name: "any", parts: "any", first: "any", step: "any" });
  const { name = "recurrent", parts, first, step } = cell;
  requireFunction(name, "parts", parts);
  requireFunction(name, "a first state", first);
  requireFunction(name, "a step", step);
  requireOptions(name, options, STACK);
  const run = (own: P, state: S, reading: Reading<X>) =>
    scanned((state: S, x: X) => step(own, state, x), state, reading);
  const made = stacked<P, S, X, Y>({ name, parts, first, run }, I, H, options);
  return registered(
    module(name, made.parts as never, (_: object, xs: X, call?: SequenceOptions<S>) => made.forward(xs, call)),
    made,
  ) as never;
}
