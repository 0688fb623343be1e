/**
 * Scan: a body applied along the first axis of its inputs, handing a state from step to step.
 *
 *   s_{t+1}, y_t = body(s_t, x_t, captures)          t = 0 .. T-1, or T-1 .. 0 when reversed
 *
 * Inputs: n states, m sequences [T, ..], captures. Outputs: n last states, stacked y [T, ..].
 *
 * The gradient is a scan the other way. It reads what the forward steps kept, and hands ∂L/∂s_t back from step to step.
 * What a capture receives is not summed inside: the steps stack the gradient of the operation that used it, and one
 * operation over all steps follows, which for a weight is a single matrix product.
 */
import type { Dim } from "../../tensor/dim.ts";
import { isFloat } from "../../tensor/dtype.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { type Body, type Node, type Spec, sortNodes } from "../node.ts";
import type { GradientContext, GradientTools, Lowering, Op } from "../op.ts";

export interface ScanAttrs {
  /** Inputs are states, slices of the sequences, captures; outputs are next states, then what is stacked. */
  readonly body: Body;
  readonly states: number;
  readonly sequences: number;
  readonly reverse: boolean;
}

/** A spec with one more axis in front. */
const stacked = ({ shape, dtype }: Spec, length: Dim): Spec => ({ shape: [length, ...shape], dtype });

/** The inputs of a scan or of its body, by role. */
function roles(inputs: readonly Tensor[], { states: n, sequences: m }: ScanAttrs) {
  return { states: inputs.slice(0, n), sequences: inputs.slice(n, n + m), captures: inputs.slice(n + m) };
}

/** T, as the sequences have it. */
const stepsOf = (inputs: readonly Spec[], { states }: ScanAttrs): Dim => inputs[states]?.shape[0] ?? 0;

const defined = <T>(items: readonly (T | undefined)[]): T[] => items.filter((item) => item !== undefined);

/** The tensors inside the body that change from step to step. */
function varying(attrs: ScanAttrs): Set<Tensor> {
  const { states, sequences } = roles(attrs.body.inputs, attrs);
  const found = new Set<Tensor>([...states, ...sequences]);
  for (const node of sortNodes(attrs.body.outputs))
    if (node.inputs.some((input) => found.has(input))) for (const output of node.outputs) found.add(output);
  return found;
}

/** One use of a capture: an operation that can be repeated over all steps at once. */
interface Use {
  readonly node: Node;
  readonly capture: Tensor;
}

/** Whether a node of the body can be repeated over all steps at once. */
function isRepeatable(node: Node, changing: ReadonlySet<Tensor>, length: Dim, tools: GradientTools): boolean {
  const has = node.inputs.map((input) => changing.has(input));
  const trial = node.inputs.map((input, i) => tools.placeholder(has[i] ? stacked(input, length) : input));
  return tools.lead(node, trial, { has, length }) !== undefined;
}

/**
 * All uses of a capture, if each can be repeated over all steps at once. One that is the next state as it stands has a
 * use that is no operation.
 */
function usesOf(
  capture: Tensor,
  { attrs, inputs, tools }: GradientContext<ScanAttrs>,
  changing: ReadonlySet<Tensor>,
): Use[] | undefined {
  const { outputs } = attrs.body;
  if (outputs.includes(capture)) return undefined;
  const users = sortNodes(outputs).filter((node) => node.inputs.includes(capture));
  const repeatable = users.every((node) => isRepeatable(node, changing, stepsOf(inputs, attrs), tools));
  return repeatable ? users.map((node) => ({ node, capture })) : undefined;
}

/** Tensors of the body whose gradients are asked for, by what becomes of them. */
interface Wanted {
  /** Handed back from step to step. */
  readonly states: readonly Tensor[];
  /** Stacked: a gradient for each step. */
  readonly sequences: readonly Tensor[];
  /** Captures whose gradients are summed from step to step. */
  readonly summed: readonly Tensor[];
  /** Uses of all other captures, each finished over all steps at once. */
  readonly uses: readonly Use[];
}

function wantedOf(context: GradientContext<ScanAttrs>, changing: ReadonlySet<Tensor>): Wanted {
  const { attrs, needs } = context;
  const { states: n, sequences: m } = attrs;
  const inner = roles(attrs.body.inputs, attrs);
  const captures = inner.captures.filter((capture, i) => isFloat(capture.dtype) && needs(n + m + i));
  const uses = new Map(captures.map((capture) => [capture, usesOf(capture, context, changing)]));
  return {
    states: inner.states.filter(({ dtype }) => isFloat(dtype)),
    sequences: inner.sequences.filter(({ dtype }, i) => isFloat(dtype) && needs(n + i)),
    summed: captures.filter((capture) => !uses.get(capture)),
    uses: defined([...uses.values()]).flat(),
  };
}

/** The body of the backward scan: placeholders, and gradients by the tensors of the forward body. */
interface BackwardStep {
  /** ∂L/∂s_{t+1} of float states. */
  readonly next: readonly Tensor[];
  /** What later steps have summed, by capture. */
  readonly totals: ReadonlyMap<Tensor, Tensor>;
  /** ∂L/∂y_t, where there is one. */
  readonly stacked: readonly Tensor[];
  /** Of states, sums, sequences and outputs of uses, in this order. */
  readonly gradients: ReadonlyMap<Tensor, Tensor>;
}

/** Inside one step: from the gradients of next states and of what is stacked to those of all that went in. */
function backwardStep(context: GradientContext<ScanAttrs>, { states, sequences, summed, uses }: Wanted): BackwardStep {
  const { attrs, grads, tools } = context;
  const { body, states: n } = attrs;
  const next = body.inputs.slice(0, n).map((s) => (isFloat(s.dtype) ? tools.placeholder(s) : undefined));
  const ys = body.outputs.slice(n).map((y, j) => (grads[n + j] ? tools.placeholder(y) : undefined));
  const skip = new Set(uses.map(({ capture }) => capture));
  const wrt = [...states, ...sequences, ...summed, ...skip];
  const found = tools.cotangents(body.outputs, [...next, ...ys], wrt, { skip });

  const reached = (tensors: readonly Tensor[]) => tensors.filter((tensor) => found.has(tensor));
  const totals = new Map(reached(summed).map((capture) => [capture, tools.placeholder(capture)]));
  const gradients = new Map<Tensor, Tensor>();
  for (const state of states) gradients.set(state, found.get(state) ?? tools.zeros(state));
  for (const [capture, total] of totals) gradients.set(capture, total.add(found.get(capture) ?? 0));
  for (const tensor of reached([...sequences, ...uses.flatMap(({ node }) => node.outputs)]))
    gradients.set(tensor, found.get(tensor) ?? tensor);
  return { next: defined(next), totals, stacked: defined(ys), gradients };
}

/** What the backward steps read of the forward ones. */
function readBackward(outputs: readonly Tensor[], uses: readonly Use[], changing: ReadonlySet<Tensor>): Set<Tensor> {
  const nodes = [...sortNodes(outputs, (tensor) => changing.has(tensor)), ...uses.map(({ node }) => node)];
  const read = [...outputs, ...nodes.flatMap(({ inputs }) => inputs)];
  return new Set(read.filter((tensor) => changing.has(tensor)));
}

/** Each of `read` with its stack over all steps, which the forward scan now gives too. */
function stacksOf({ attrs, inputs, tools }: GradientContext<ScanAttrs>, read: ReadonlySet<Tensor>) {
  const { body } = attrs;
  const outer = roles(inputs, attrs).sequences;
  const stacks = new Map<Tensor, Tensor>();
  for (const [i, x] of roles(body.inputs, attrs).sequences.entries())
    if (read.has(x) || i === 0) stacks.set(x, outer[i] ?? x); // the first one tells the number of steps
  const more = [...read].filter((tensor) => !stacks.has(tensor));
  const again = tools.record("scan", inputs, { ...attrs, body: { ...body, outputs: [...body.outputs, ...more] } });
  for (const [j, tensor] of more.entries()) stacks.set(tensor, again[body.outputs.length + j] ?? tensor);
  return stacks;
}

/** What stands outside for tensors of the body: stacks over all steps, and captures. */
interface Outside {
  readonly stacks: ReadonlyMap<Tensor, Tensor>;
  readonly captures: ReadonlyMap<Tensor, Tensor>;
}

/** The backward steps one after the other: what they give for each of `step.gradients`. */
function backwardScan(
  { attrs, inputs, grads, tools }: GradientContext<ScanAttrs>,
  { next, totals, stacked: ys, gradients }: BackwardStep,
  { stacks, captures }: Outside,
): Map<Tensor, Tensor> {
  const { states } = roles(inputs, attrs);
  const last = states.flatMap((state, i) => (isFloat(state.dtype) ? [grads[i] ?? tools.zeros(state)] : []));
  const sums = [...totals.keys()].map((capture) => tools.zeros(capture));
  const body = {
    inputs: [...next, ...totals.values(), ...stacks.keys(), ...ys],
    outputs: [...gradients.values()],
  };
  const sequences = [...stacks.values(), ...defined(grads.slice(attrs.states))];
  const how = { reverse: !attrs.reverse, rename: captures };
  const results = tools.scan([...last, ...sums], sequences, body, how);
  return new Map([...gradients.keys()].map((tensor, i) => [tensor, results[i] ?? tensor]));
}

/** The gradient that one operation, repeated over all steps at once, hands to a capture. */
function useGradient(
  { node, capture }: Use,
  gradients: ReadonlyMap<Tensor, Tensor>,
  { stacks, captures }: Outside,
  length: Dim,
  tools: GradientTools,
): Tensor | undefined {
  const has = node.inputs.map((input) => stacks.has(input));
  const inputs = node.inputs.map((input) => stacks.get(input) ?? captures.get(input) ?? input);
  const whole = captures.get(capture);
  const outputs = tools.lead(node, inputs, { has, length });
  if (!outputs || !whole) return undefined;
  const seeds = node.outputs.map((output) => gradients.get(output));
  return tools.cotangents(outputs, seeds, [whole], { stop: new Set(inputs) }).get(whole);
}

/** The gradient as the head of this file tells it: asked for, one step, what is kept for it, all steps, captures. */
function grad(context: GradientContext<ScanAttrs>): (Tensor | undefined)[] {
  const { attrs, inputs, tools } = context;
  const changing = varying(attrs);
  const wanted = wantedOf(context, changing);
  const step = backwardStep(context, wanted);
  const read = readBackward([...step.gradients.values()], wanted.uses, changing);
  const [inner, outer] = [roles(attrs.body.inputs, attrs).captures, roles(inputs, attrs).captures];
  const outside: Outside = {
    stacks: stacksOf(context, read),
    captures: new Map(inner.map((capture, i) => [capture, outer[i] ?? capture])),
  };
  const gradients = backwardScan(context, step, outside);
  for (const use of wanted.uses) {
    const gradient = useGradient(use, gradients, outside, stepsOf(inputs, attrs), tools);
    const before = gradients.get(use.capture);
    if (gradient) gradients.set(use.capture, before ? before.add(gradient) : gradient);
  }
  return attrs.body.inputs.map((input) => gradients.get(input));
}

/** The engine refuses a Scan of no step: then the states stay, and nothing is stacked. */
function onnx(lower: Lowering<ScanAttrs>): readonly string[] {
  const { attrs, specs, inputs, emit, dims, constant } = lower;
  const length = stepsOf(specs.inputs, attrs);
  if (typeof length === "number") return loop(lower);
  const none = emit("Equal", [dims([length]), constant(BigInt64Array.of(0n), "i64", [1])]);
  const unmoved = ({ fill }: Lowering<ScanAttrs>) =>
    specs.outputs.map((spec, i) => (i < attrs.states ? (inputs[i] ?? "") : fill(0, spec)));
  return lower.branch(none, unmoved, loop);
}

function loop(lower: Lowering<ScanAttrs>): readonly string[] {
  const { body, states, sequences, reverse } = lower.attrs;
  const fixed = states + sequences;
  const lowered = lower.body(body, lower.inputs.slice(fixed));
  const direction = Number(reverse);
  const stacks = body.outputs.length - states;
  return lower.emitMany(
    "Scan",
    lower.inputs.slice(0, fixed),
    {
      body: { body: lowered },
      num_scan_inputs: sequences,
      scan_input_directions: Array<number>(sequences).fill(direction),
      scan_output_directions: Array<number>(stacks).fill(direction),
    },
    body.outputs.length,
  );
}

export const scanOps = {
  scan: {
    shape: (inputs, attrs) => {
      const { body, states, sequences } = attrs;
      const length = sequences > 0 ? stepsOf(inputs, attrs) : 0;
      return body.outputs.map((output, i) => (i < states ? output : stacked(output, length)));
    },
    grad,
    onnx,
  } satisfies Op<ScanAttrs>,
};
