/**
 * Recurrence as a primitive: `scan(cell, state, xs)` traces one step and repeats it along time.
 *
 * What a step computes from its input alone, such as x·W for the gates, is moved out of the loop (`hoist.ts`) and done
 * for all steps at once; what depends on neither state nor input is computed once. Only what the state needs stays inside.
 */
import { ConfigError, ShapeError, shown } from "../errors.ts";
import { optionsOf, requireFunction } from "../tensor/arguments.ts";
import { zeros } from "../tensor/create.ts";
import { type Dim, formatShape, normalizeAxis, sameShape } from "../tensor/dim.ts";
import { record, type Tensor } from "../tensor/tensor.ts";
import { batchLast } from "./batch-last.ts";
import { gatherFactors, hoist, type Places } from "./hoist.ts";
import { type Body, insideBody, type Spec, sortNodes, traceBody } from "./node.ts";
import { substitute } from "./substitute.ts";
import { leaves, refill, type Tree } from "./tree.ts";

/** What stands for a tensor inside a loop; its sizes may be sums and products of named ones. */
export function placeholder({ shape, dtype }: Spec): Tensor {
  const [inside] = record("input", [], { spec: { shape, dtype }, name: "step" });
  if (!inside) throw new Error("internal: a leaf has one output");
  return inside;
}

const isConstant = (tensor: Tensor): boolean => tensor.node.op === "constant";

/** What a loop that computes `ends` reads from outside: slices of what was moved out, and captures. */
function borderOf(ends: readonly Tensor[], { whole, inside }: Places, pace: Tensor | undefined): Tensor[] {
  const border = new Set(ends.filter((tensor) => !inside.has(tensor)));
  for (const node of sortNodes(ends, (tensor) => !inside.has(tensor)))
    for (const tensor of node.inputs) if (!inside.has(tensor) && !isConstant(tensor)) border.add(tensor);
  if (pace && ![...border].some((tensor) => whole.has(tensor))) border.add(pace);
  return [...border];
}

/** Records the loop alone: `own` are the body's placeholders for the states, `ends` what a step gives. */
function recordLoop(
  states: readonly Tensor[],
  own: readonly Tensor[],
  ends: readonly Tensor[],
  { border, whole, reverse }: { border: readonly Tensor[]; whole: ReadonlyMap<Tensor, Tensor>; reverse: boolean },
): readonly Tensor[] {
  const replacements = new Map(border.map((tensor) => [tensor, placeholder(tensor)] as const));
  const [slices, captures] = [border.filter((t) => whole.has(t)), border.filter((t) => !whole.has(t))];
  const inner = [...slices, ...captures].map((tensor) => replacements.get(tensor) ?? tensor);
  return record("scan", [...states, ...slices.map((t) => whole.get(t) ?? t), ...captures], {
    body: { inputs: [...own, ...inner], outputs: substitute(ends, replacements) },
    states: states.length,
    sequences: slices.length,
    reverse,
  });
}

/**
 * Records a scan. `body.inputs` are placeholders for the states, then for slices of the sequences [T, ..];
 * `body.outputs` are the next states, then what is stacked.
 */
export function buildScan(
  states: readonly Tensor[],
  sequences: readonly Tensor[],
  given: Body,
  { reverse }: { reverse: boolean },
): readonly Tensor[] {
  const n = states.length;
  const length = sequences[0]?.shape[0] ?? 0;
  const empty = ({ shape, dtype }: Spec) => zeros([0, ...shape], dtype);
  if (length === 0) return [...states, ...given.outputs.slice(n).map(empty)];
  const bySlice = new Map(given.inputs.slice(n).map((slice, i) => [slice, sequences[i] ?? slice]));
  const body = gatherFactors(given, bySlice);
  const places = hoist(body, bySlice, length);
  const { whole, inside } = places;

  const stacked = [...new Set(body.outputs.slice(n).filter((output) => inside.has(output)))];
  const ends = [...body.outputs.slice(0, n), ...stacked];
  const [pace] = bySlice.keys(); // a scan that reads no sequence still takes its number of steps from one
  const border = borderOf(ends, places, pace);
  const results = recordLoop(states, body.inputs.slice(0, n), ends, { border, whole, reverse });
  const stacks = body.outputs.slice(n).map((output) => {
    if (inside.has(output)) return results[n + stacked.indexOf(output)] ?? output;
    return whole.get(output) ?? output.expand([length, ...output.shape]);
  });
  return [...results.slice(0, n), ...stacks];
}

/** One step of a recurrence: state and input -> next state and output. */
export type Step<S extends Tree, X extends Tree, Y extends Tree> = (state: S, x: X) => readonly [S, Y];

/** How a scan walks: axis 1 of the sequences forward, unless said otherwise. */
export interface ScanOptions {
  readonly reverse?: boolean;
  readonly axis?: number;
  /**
   * Steps that a gradient goes back at most: before every step k, 2k, .. of the walk the state is cut off from its past.
   * Default all. The number of steps must then be known.
   */
  readonly truncate?: number | undefined;
}

/** The sequences with their steps in front, [T, B, ..]. Throws ShapeError where they are not of one length. */
function stepsFirst(xs: Tree, axis: number): Tensor[] {
  const sequences = leaves(xs).map((x) => x.moveAxes(normalizeAxis(axis, x.rank, "scan"), 1, 0));
  const lengths = new Set(sequences.map((x) => x.shape[0]));
  if (lengths.size === 1) return sequences;
  throw new ShapeError(
    `scan: expected sequences of one length along axis ${axis}, got ${[...lengths].join(" and ") || "none"}; pad or slice them`,
  );
}

/** What the cell makes of placeholders for a state and an input. */
function traceStep<S extends Tree, X extends Tree, Y extends Tree>(
  cell: Step<S, X, Y>,
  state: S,
  x: X,
): readonly [S, Y] {
  const stepped = traceBody(() => cell(state, x));
  if (Array.isArray(stepped) && stepped.length === 2) return stepped;
  throw new ConfigError(`scan: expected the cell to return [next state, output], got ${shown(stepped)}; return both`);
}

function requireStates(states: readonly Tensor[], next: readonly Tensor[]): void {
  const show = (tensors: readonly Tensor[]) =>
    tensors.map(({ dtype, shape }) => `${dtype}${formatShape(shape)}`).join(", ");
  if (show(states) === show(next)) return;
  throw new ShapeError(
    `scan: expected the next state to be like the state, ${show(states)}, got ${show(next)}; the cell must return what it takes`,
  );
}

/** x without an axis of size 1; what that axis was just given to, where it was. */
function only(x: Tensor, axis: number): Tensor {
  const slice = x.squeeze(axis);
  const [before] = x.node.op === "reshape" ? x.node.inputs : [];
  return before && sameShape(before.shape, slice.shape) ? before : slice;
}

/** Inside of a loop, a scan of one step is that step: the loop finds in it what it can move out. */
function once<S extends Tree, X extends Tree, Y extends Tree>(
  cell: Step<S, X, Y>,
  state: S,
  xs: X,
  axis: number,
): [S, Y] {
  const slices = leaves(xs).map((x) => only(x, normalizeAxis(axis, x.rank, "scan")));
  const [next, y] = traceStep(cell, state, refill(xs, slices.values()));
  requireStates(leaves(state), leaves(next));
  const time = normalizeAxis(axis, leaves(xs)[0]?.rank ?? 0, "scan");
  return [
    next,
    refill(
      y,
      leaves(y)
        .map((output) => output.unsqueeze(time))
        .values(),
    ),
  ];
}

/**
 * Applies `cell` along the time axis of `xs` (axis 1 of [B, T, ..]) and returns the last state and all outputs stacked
 * along that axis. Throws ShapeError where the next state's shape is not the state's.
 */
export function scan<S extends Tree, X extends Tree, Y extends Tree>(
  cell: Step<S, X, Y>,
  state: S,
  xs: X,
  options?: ScanOptions,
): [S, Y] {
  requireFunction("scan", "a cell", cell);
  const { axis, ...how } = optionsOf("scan", options, { reverse: false, axis: 1, truncate: Number.POSITIVE_INFINITY });
  const time = normalizeAxis(axis, leaves(xs)[0]?.rank ?? 0, "scan");
  const sequences = stepsFirst(xs, axis);
  if (insideBody() && sequences[0]?.shape[0] === 1) return once(cell, state, xs, axis);
  const states = leaves(state);
  const own = states.map(placeholder);
  const slices = sequences.map(({ shape, dtype }) => placeholder({ shape: shape.slice(1), dtype }));
  const [next, y] = traceStep(cell, refill(state, own.values()), refill(xs, slices.values()));
  const outputs = [...leaves(next), ...leaves(y)];
  requireStates(states, leaves(next));
  const results = inPieces(states, sequences, { inputs: [...own, ...slices], outputs }, how);
  const stacks = results.slice(states.length).map((stack) => stack.moveAxes(0, 1, time));
  return [refill(next, results.slice(0, states.length).values()), refill(y, stacks.values())];
}

/** Where pieces of `size` of `length` steps begin and end, in the order of the walk. */
export function piecesOf(length: Dim, size: number, reverse: boolean): [start: number, end: number][] {
  if ((size !== Number.POSITIVE_INFINITY && !Number.isSafeInteger(size)) || size < 1)
    throw new ConfigError(
      `scan: expected truncate to be a whole number of steps from 1 on, got ${shown(size)}; leave it out to cut nothing`,
    );
  if (typeof length !== "number")
    throw new ShapeError(`scan: truncate: expected a number of steps, got the named size ${length}; give it a number`);
  const count = Math.max(1, Math.ceil(length / size));
  return Array.from({ length: count }, (_, i) => {
    const [near, far] = [i * size || 0, Math.min((i + 1) * size, length)];
    return reverse ? [length - far, length - near] : [near, far];
  });
}

/** Records the scan as one, or piece by piece with no gradient from one to the other. */
function inPieces(
  states: readonly Tensor[],
  sequences: readonly Tensor[],
  body: Body,
  { reverse, truncate }: { reverse: boolean; truncate: number },
): readonly Tensor[] {
  if (truncate === Number.POSITIVE_INFINITY) return lay(states, sequences, body, { reverse });
  const n = states.length;
  let last = states;
  const stacks = piecesOf(sequences[0]?.shape[0] ?? 0, truncate, reverse).map(([start, end], i) => {
    const first = i === 0 ? last : last.map((state) => state.stopGradient());
    const piece = sequences.map((sequence) => sequence.slice(0, start, end));
    const results = lay(first, piece, body, { reverse });
    last = results.slice(0, n);
    return results.slice(n);
  });
  const inOrder = reverse ? stacks.reverse() : stacks;
  const [head = [], ...rest] = inOrder;
  return [
    ...last,
    ...head.map((stack, k) =>
      stack.concat(
        rest.flatMap((piece) => piece[k] ?? []),
        0,
      ),
    ),
  ];
}

/** Records the scan with the batch as the first axis or as the last one, whichever is faster. */
function lay(states: readonly Tensor[], sequences: readonly Tensor[], body: Body, options: { reverse: boolean }) {
  const turned = batchLast(body, states.length, placeholder);
  if (!turned) return buildScan(states, sequences, body, options);
  const flip = (x: Tensor) => x.mT;
  return buildScan(states.map(flip), sequences.map(flip), turned, options).map(flip);
}
