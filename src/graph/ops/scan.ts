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

/** The tensors inside the body that change from step to step. */
function varying(body: Body, attrs: ScanAttrs): Set<Tensor> {
  const { states, sequences } = roles(body.inputs, attrs);
  const found = new Set<Tensor>([...states, ...sequences]);
  for (const node of sortNodes(body.outputs))
    if (node.inputs.some((input) => found.has(input))) for (const output of node.outputs) found.add(output);
  return found;
}

/** One use of a capture: an operation that can be repeated over all steps at once. */
interface Use {
  readonly node: Node;
  readonly capture: Tensor;
}

/**
 * Why a gradient by a capture is easy or hard: all its uses, if each can be repeated over all steps at once. One that is
 * the next state as it stands has a use that is no operation.
 */
function usesOf(
  capture: Tensor,
  { outputs }: Body,
  changing: ReadonlySet<Tensor>,
  length: Dim,
  tools: GradientTools,
): Use[] | undefined {
  if (outputs.includes(capture)) return undefined;
  const users = sortNodes(outputs).filter((node) => node.inputs.includes(capture));
  const repeatable = users.every((node) => {
    const has = node.inputs.map((input) => changing.has(input));
    const trial = node.inputs.map((input, i) => tools.placeholder(has[i] ? stacked(input, length) : input));
    return tools.lead(node, trial, { has, length }) !== undefined;
  });
  return repeatable ? users.map((node) => ({ node, capture })) : undefined;
}

/** The pieces of a gradient rule, step by step; see the head of this file. */
function grad(context: GradientContext<ScanAttrs>): (Tensor | undefined)[] {
  const { attrs, inputs, grads, needs, tools } = context;
  const { body, states: n, sequences: m } = attrs;
  const inner = roles(body.inputs, attrs);
  const length = inputs[n]?.shape[0] ?? 0;
  const changing = varying(body, attrs);

  const asked = inner.captures.filter((capture, i) => isFloat(capture.dtype) && needs(n + m + i));
  const usesByCapture = new Map(asked.map((capture) => [capture, usesOf(capture, body, changing, length, tools)]));
  const uses = [...usesByCapture.values()].flatMap((found) => found ?? []);
  const whole = asked.filter((capture) => !usesByCapture.get(capture));
  const states = inner.states.filter((state) => isFloat(state.dtype));
  const read = inner.sequences.filter((x, i) => isFloat(x.dtype) && needs(n + i));

  // Inside one step, from the gradients of next states and of what is stacked to those of all that went in.
  const nextGrads = inner.states.map((state) => (isFloat(state.dtype) ? tools.placeholder(state) : undefined));
  const yGrads = body.outputs.slice(n).map((y, j) => (grads[n + j] ? tools.placeholder(y) : undefined));
  const wrt = [...states, ...read, ...asked];
  const skip = new Set(asked.filter((capture) => !whole.includes(capture)));
  const found = tools.cotangents(body.outputs, [...nextGrads, ...yGrads], wrt, { skip });
  const [sequences, summed] = [read, whole].map((list) => list.filter((tensor) => found.has(tensor))) as [
    Tensor[],
    Tensor[],
  ];
  const zeroOr = (tensor: Tensor) => found.get(tensor) ?? tools.zeros(tensor);
  const used = [...new Set(uses.flatMap(({ node }) => node.outputs.filter((output) => found.has(output))))];
  const totals = summed.map((capture) => tools.placeholder(capture));

  const outputs = [
    ...states.map(zeroOr),
    ...summed.map((capture, i) => totals[i]?.add(zeroOr(capture)) ?? capture),
    ...sequences.map(zeroOr),
    ...used.map(zeroOr),
  ];
  const kept = keepForBackward(context, outputs, uses, changing);
  const [first, last] = [grads.slice(0, n), grads.slice(n)];
  const results = tools.scan(
    [
      ...inner.states.flatMap((state, i) =>
        isFloat(state.dtype) ? [first[i] ?? tools.zeros(inputs[i] ?? state)] : [],
      ),
      ...summed.map((capture) => tools.zeros(capture)),
    ],
    [...kept.stacks.values(), ...last.filter((g) => g !== undefined)],
    {
      inputs: [...defined(nextGrads), ...totals, ...kept.stacks.keys(), ...defined(yGrads)],
      outputs,
    },
    { reverse: !attrs.reverse, rename: kept.captures },
  );
  return collect(context, results, {
    states,
    summed,
    sequences,
    used,
    uses,
    stacks: kept.stacks,
    outer: kept.captures,
    changing,
  });
}

const defined = <T>(items: readonly (T | undefined)[]): T[] => items.filter((item) => item !== undefined);

/** The body's tensors that the backward steps read, each with its stack over all steps, which the forward scan now gives too. */
function keepForBackward(
  { attrs, inputs, tools }: GradientContext<ScanAttrs>,
  outputs: readonly Tensor[],
  uses: readonly Use[],
  changing: ReadonlySet<Tensor>,
) {
  const inner = roles(attrs.body.inputs, attrs);
  const outer = roles(inputs, attrs);
  const wanted = new Set<Tensor>(outputs.filter((tensor) => changing.has(tensor)));
  for (const node of sortNodes(outputs, (tensor) => changing.has(tensor)))
    for (const input of node.inputs) if (changing.has(input)) wanted.add(input);
  for (const { node } of uses) for (const input of node.inputs) if (changing.has(input)) wanted.add(input);

  const stacks = new Map<Tensor, Tensor>();
  for (const [i, x] of inner.sequences.entries()) {
    const whole = outer.sequences[i];
    if ((wanted.delete(x) || i === 0) && whole) stacks.set(x, whole); // the first one tells the number of steps
  }
  const body = { inputs: attrs.body.inputs, outputs: [...attrs.body.outputs, ...wanted] };
  const again = tools.record("scan", inputs, { ...attrs, body });
  for (const [j, tensor] of [...wanted].entries()) {
    const whole = again[attrs.body.outputs.length + j];
    if (whole) stacks.set(tensor, whole);
  }
  return { stacks, captures: new Map(inner.captures.map((capture, i) => [capture, outer.captures[i] ?? capture])) };
}

interface Parts {
  readonly states: readonly Tensor[];
  readonly summed: readonly Tensor[];
  readonly sequences: readonly Tensor[];
  readonly used: readonly Tensor[];
  readonly uses: readonly Use[];
  readonly stacks: ReadonlyMap<Tensor, Tensor>;
  readonly outer: ReadonlyMap<Tensor, Tensor>;
  readonly changing: ReadonlySet<Tensor>;
}

/** Sorts the backward scan's results by the inputs of the forward one, and finishes the captures. */
function collect({ attrs, inputs, tools }: GradientContext<ScanAttrs>, results: readonly Tensor[], parts: Parts) {
  const { states, summed, sequences, used } = parts;
  const gradients = new Map<Tensor, Tensor>();
  for (const [i, tensor] of [...states, ...summed, ...sequences, ...used].entries()) {
    const result = results[i];
    if (result) gradients.set(tensor, result);
  }
  const length = inputs[attrs.states]?.shape[0] ?? 0;
  for (const use of parts.uses) {
    const gradient = useGradient(use, gradients, parts, length, tools);
    const before = gradients.get(use.capture);
    if (gradient) gradients.set(use.capture, before ? before.add(gradient) : gradient);
  }
  return attrs.body.inputs.map((input) => gradients.get(input));
}

/** The gradient that one operation, repeated over all steps at once, hands to a capture. */
function useGradient(
  { node, capture }: Use,
  gradients: ReadonlyMap<Tensor, Tensor>,
  parts: Parts,
  length: Dim,
  tools: GradientTools,
) {
  const has = node.inputs.map((input) => parts.changing.has(input));
  const inputs = node.inputs.map((input) => parts.stacks.get(input) ?? parts.outer.get(input) ?? input);
  const whole = parts.outer.get(capture);
  const outputs = tools.lead(node, inputs, { has, length });
  if (!outputs || !whole) return undefined;
  const seeds = node.outputs.map((output) => gradients.get(output));
  return tools.cotangents(outputs, seeds, [whole], { stop: new Set(inputs) }).get(whole);
}

/** The engine refuses a Scan of no step: then the states stay, and nothing is stacked. */
function onnx(lower: Lowering<ScanAttrs>): readonly string[] {
  const { attrs, specs, inputs, emit, dims, constant } = lower;
  const length = specs.inputs[attrs.states]?.shape[0] ?? 0;
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
    shape: (inputs, { body, states, sequences }) => {
      const length = sequences > 0 ? (inputs[states]?.shape[0] ?? 0) : 0;
      return body.outputs.map((output, i) => (i < states ? output : stacked(output, length)));
    },
    grad,
    onnx,
  } satisfies Op<ScanAttrs>,
};
