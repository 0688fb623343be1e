/**
 * Recurrence as a primitive: `scan(cell, state, xs)` traces one step and repeats it along time.
 *
 * What a step computes from its input alone, such as x·W for the gates, is moved out of the loop and done for all
 * steps at once; what depends on neither state nor input is computed once. Only what the state needs stays inside.
 */
import { ConfigError, ShapeError, shown } from "../errors.ts";
import { optionsOf, requireFunction } from "../tensor/arguments.ts";
import { input, zeros } from "../tensor/create.ts";
import type { Dim } from "../tensor/dim.ts";
import { formatShape, normalizeAxis, sameShape } from "../tensor/dim.ts";
import { record, Tensor } from "../tensor/tensor.ts";
import { type Body, type Node, type Spec, sortNodes, traceBody } from "./node.ts";
import type { Recorder, Stacked } from "./op.ts";
import { type OpName, rowOf } from "./ops/index.ts";
import { again, substitute } from "./substitute.ts";

/** Tensors in records and lists. */
export type Tree = Tensor | readonly Tree[] | { readonly [key: string]: Tree };

/** Records and lists that a tree may be nested to; one that holds itself has no end. */
const MOST_BRANCHES = 32;

/** The tensors of a tree, in the order of its keys. Throws ConfigError where it holds anything else. */
export function leaves(tree: Tree, depth = 0): Tensor[] {
  if (tree instanceof Tensor) return [tree];
  if (typeof tree !== "object" || tree === null || ArrayBuffer.isView(tree) || depth > MOST_BRANCHES)
    throw new ConfigError(
      `scan: expected tensors in records and lists, got ${shown(tree)}; make tensors with tensor(values)`,
    );
  return Object.values(tree).flatMap((branch) => leaves(branch, depth + 1));
}

/** A tree like `tree` with its tensors replaced one after the other. */
export function refill<T extends Tree>(tree: T, tensors: Iterator<Tensor>): T {
  if (tree instanceof Tensor) return tensors.next().value as T;
  if (Array.isArray(tree)) return tree.map((branch: Tree) => refill(branch, tensors)) as unknown as T;
  return Object.fromEntries(Object.entries(tree).map(([key, branch]) => [key, refill(branch, tensors)])) as T;
}

export const placeholder = ({ shape, dtype }: Spec): Tensor => input("step", shape, dtype);

export const recordRow: Recorder = (op, inputs, attrs) => record(op as OpName, inputs, attrs as never);

/** `node`'s operation on inputs some of which have one more axis in front; `undefined` where it cannot be. */
export function lead(node: Node, inputs: readonly Tensor[], how: Stacked): readonly Tensor[] | undefined {
  const outputs = rowOf(node.op).lead?.(inputs, node.attrs, { ...how, record: recordRow }) ?? [];
  return outputs.length === node.outputs.length ? outputs : undefined;
}

/** Where each tensor of a body belongs. */
interface Plan {
  /** Tensors that follow from the sequences alone, each with its values for all steps. */
  readonly whole: Map<Tensor, Tensor>;
  /** Tensors that the state has a part in, or that could not be moved out. */
  readonly inside: Set<Tensor>;
}

function plan(body: Body, sequences: ReadonlyMap<Tensor, Tensor>, length: Dim): Plan {
  const states = body.inputs.filter((tensor) => !sequences.has(tensor));
  const { whole, inside }: Plan = { whole: new Map(sequences), inside: new Set(states) };
  for (const node of sortNodes(body.outputs, (tensor) => whole.has(tensor) || inside.has(tensor))) {
    if (node.inputs.some((tensor) => inside.has(tensor))) keepInside(node, inside);
    else if (node.inputs.some((tensor) => whole.has(tensor)) && !moveOut(node, whole, length)) keepInside(node, inside);
  }
  return { whole, inside };
}

function keepInside(node: Node, inside: Set<Tensor>): void {
  for (const output of node.outputs) inside.add(output);
}

function moveOut(node: Node, whole: Map<Tensor, Tensor>, length: Dim): boolean {
  const has = node.inputs.map((tensor) => whole.has(tensor));
  const outputs = lead(
    node,
    node.inputs.map((tensor) => whole.get(tensor) ?? tensor),
    { has, length },
  );
  if (!outputs) return false;
  for (const [i, output] of node.outputs.entries()) {
    const moved = outputs[i];
    if (moved) whole.set(output, moved);
  }
  return true;
}

/** s·a·b as s·(ab) where s follows from the state and a, b do not, so that ab can be moved out. */
function gatherFactors(body: Body, sequences: ReadonlyMap<Tensor, Tensor>): Body {
  const own = new Set(body.inputs.filter((tensor) => !sequences.has(tensor)));
  const map = new Map<Tensor, Tensor>(body.inputs.map((tensor) => [tensor, tensor]));
  for (const node of sortNodes(body.outputs, (tensor) => map.has(tensor))) {
    const made = node.inputs.some((input) => map.get(input) !== input)
      ? again(
          node,
          node.inputs.map((input) => map.get(input) ?? input),
        )
      : node;
    const product = node.op === "mul" ? regrouped(made, own) : undefined;
    const follows = made.inputs.some((input) => own.has(input));
    for (const [i, output] of node.outputs.entries()) {
      const result = product ?? made.outputs[i] ?? output;
      map.set(output, result);
      if (follows) own.add(result);
    }
  }
  return { inputs: body.inputs, outputs: body.outputs.map((output) => map.get(output) ?? output) };
}

function regrouped({ inputs: [x, y], outputs: [whole] }: Node, own: ReadonlySet<Tensor>): Tensor | undefined {
  for (const [product, b] of [
    [x, y],
    [y, x],
  ] as const) {
    if (!product || !b || product.node.op !== "mul" || !own.has(product) || own.has(b)) continue;
    const s = product.node.inputs.find((tensor) => own.has(tensor));
    const a = product.node.inputs.find((tensor) => !own.has(tensor));
    if (s && a && sameShape(s.shape, whole?.shape ?? [])) return s.mul(a.mul(b));
  }
  return undefined;
}

const isConstant = (tensor: Tensor): boolean => tensor.node.op === "constant";

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
  if (length === 0)
    return [...states, ...given.outputs.slice(n).map(({ shape, dtype }) => zeros([0, ...shape], dtype))];
  const bySlice = new Map(given.inputs.slice(n).map((slice, i) => [slice, sequences[i] ?? slice]));
  const body = gatherFactors(given, bySlice);
  const { whole, inside } = plan(body, bySlice, length);

  const stacked = [...new Set(body.outputs.slice(n).filter((output) => inside.has(output)))];
  const ends = [...body.outputs.slice(0, n), ...stacked];
  const border = new Set<Tensor>(ends.filter((tensor) => !inside.has(tensor)));
  for (const node of sortNodes(ends, (tensor) => !inside.has(tensor)))
    for (const tensor of node.inputs) if (!inside.has(tensor) && !isConstant(tensor)) border.add(tensor);
  const [pace] = bySlice.keys(); // a scan that reads no sequence still takes its number of steps from one
  if (pace && ![...border].some((tensor) => whole.has(tensor))) border.add(pace);

  const replacements = new Map([...border].map((tensor) => [tensor, placeholder(tensor)] as const));
  const [varying, captured] = [[...border].filter((t) => whole.has(t)), [...border].filter((t) => !whole.has(t))];
  const inner = [...varying, ...captured].map((tensor) => replacements.get(tensor) ?? tensor);
  const results = record("scan", [...states, ...varying.map((t) => whole.get(t) ?? t), ...captured], {
    body: { inputs: [...body.inputs.slice(0, n), ...inner], outputs: substitute(ends, replacements) },
    states: n,
    sequences: varying.length,
    reverse,
  });
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
  const { reverse, axis } = optionsOf("scan", options, { reverse: false, axis: 1 });
  const time = normalizeAxis(axis, leaves(xs)[0]?.rank ?? 0, "scan");
  const sequences = leaves(xs).map((x) => x.moveAxes(normalizeAxis(axis, x.rank, "scan"), 1, 0)); // [T, B, ..]
  const lengths = new Set(sequences.map((x) => x.shape[0]));
  if (lengths.size !== 1)
    throw new ShapeError(
      `scan: expected sequences of one length along axis ${axis}, got ${[...lengths].join(" and ") || "none"}; pad or slice them`,
    );
  const states = leaves(state);
  const inner = [
    ...states.map(placeholder),
    ...sequences.map((x) => placeholder({ shape: x.shape.slice(1), dtype: x.dtype })),
  ];
  const stepped = traceBody(() =>
    cell(refill(state, inner.slice(0, states.length).values()), refill(xs, inner.slice(states.length).values())),
  );
  if (!Array.isArray(stepped) || stepped.length !== 2)
    throw new ConfigError(`scan: expected the cell to return [next state, output], got ${shown(stepped)}; return both`);
  const [next, y] = stepped;
  const outputs = [...leaves(next), ...leaves(y)];
  requireStates(states, leaves(next));
  const results = buildScan(states, sequences, { inputs: inner, outputs }, { reverse });
  const stacks = results.slice(states.length).map((stack) => stack.moveAxes(0, 1, time));
  return [refill(next, results.slice(0, states.length).values()), refill(y, stacks.values())];
}

function requireStates(states: readonly Tensor[], next: readonly Tensor[]): void {
  const show = (tensors: readonly Tensor[]) =>
    tensors.map(({ dtype, shape }) => `${dtype}${formatShape(shape)}`).join(", ");
  if (show(states) === show(next)) return;
  throw new ShapeError(
    `scan: expected the next state to be like the state, ${show(states)}, got ${show(next)}; the cell must return what it takes`,
  );
}
