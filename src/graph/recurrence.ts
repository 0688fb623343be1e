/**
 * Values with two spellings: a recurrent layer as a scan, which can be differentiated, and as the engine's own operator,
 * which is faster. Both are recorded, and one is computed.
 */
import { record, type Tensor } from "../tensor/tensor.ts";
import { insideBody, type Node, sortNodes } from "./node.ts";
import { type RecurrenceAttrs, roles, type StandardCell } from "./ops/recurrence.ts";
import type { ScanAttrs } from "./ops/scan.ts";
import { rewrite } from "./substitute.ts";

/** What a layer computes with, in one direction; shapes as in `ops/recurrence.ts`. */
export interface Recurrence {
  readonly cell: StandardCell;
  readonly reverse: boolean;
  readonly xs: Tensor;
  readonly states: readonly Tensor[];
  readonly weights: readonly [ih: Tensor, hh: Tensor];
  readonly biases: readonly [] | readonly [ih: Tensor, hh: Tensor];
  readonly peepholes: Tensor | undefined;
  readonly lengths: Tensor | undefined;
}

/**
 * What a scan gives, last states and then outputs [B, T, H], as what the engine may compute in its own way. Inside of a
 * body it stays the scan, part of which can leave a loop around it.
 */
export function recurrence(plain: readonly Tensor[], layer: Recurrence): readonly Tensor[] {
  if (insideBody()) return plain;
  const { cell, reverse, xs, states, weights, biases, peepholes, lengths } = layer;
  const vectors = [...biases, ...(peepholes ? [peepholes] : []), ...(lengths ? [lengths] : [])];
  return record("recurrence", [...plain, xs, ...states, ...weights, ...vectors], {
    cell,
    reverse,
    spelled: true,
    bias: biases.length > 0,
    peepholes: peepholes !== undefined,
    lengths: lengths !== undefined,
  });
}

const attrsOf = (node: Node): RecurrenceAttrs => node.attrs as RecurrenceAttrs;

/** What a scan and those recorded from it have in common: the first placeholder of the body. */
const loopOf = ({ op, attrs }: Node): Tensor | undefined =>
  op === "scan" ? (attrs as ScanAttrs).body.inputs[0] : undefined;

/**
 * The loop whose place the engine's operator can take: none where there is no step, nor where the last state is a
 * transposed one, since a loop with the batch as its last axis is as fast.
 */
function ownLoop(node: Node): Tensor | undefined {
  const [last] = roles(node.inputs, attrsOf(node)).plain;
  return last && loopOf(last.node);
}

/**
 * The graph with one spelling of each recurrence: the scan where the graph runs the same loop anyway, as its gradient
 * does, or where the engine has no operator for it.
 */
export function chooseSpellings(outputs: readonly Tensor[], fused: boolean): readonly Tensor[] {
  const found = sortNodes(outputs).filter(({ op }) => op === "recurrence");
  if (found.length === 0) return outputs;
  const plain = new Set(found.flatMap((node) => roles(node.inputs, attrsOf(node)).plain));
  const loops = new Set(sortNodes(outputs, (tensor) => plain.has(tensor)).map(loopOf));
  const isFused = (node: Node): boolean => {
    const loop = ownLoop(node);
    return fused && loop !== undefined && !loops.has(loop) && node.outputs[0]?.dtype === "f32";
  };
  return rewrite(outputs, (node, inputs) => {
    if (node.op !== "recurrence") return undefined;
    const { plain, own } = roles(inputs, attrsOf(node));
    return isFused(node) ? record("recurrence", own, { ...attrsOf(node), spelled: false }) : plain;
  });
}
