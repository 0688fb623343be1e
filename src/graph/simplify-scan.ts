/** Clean-up of scans: those that run the same loop become one, and what nobody reads is no longer stacked. */
import type { Tensor } from "../tensor/tensor.ts";
import { record } from "../tensor/tensor.ts";
import { type Node, sortNodes } from "./node.ts";
import type { ScanAttrs } from "./ops/scan.ts";
import { rewrite } from "./substitute.ts";

const attrsOf = (node: Node): ScanAttrs => node.attrs as ScanAttrs;

/** Scans that walk the same inputs with the same step, and may only differ in what they stack. */
interface Group {
  /** The inputs of the first scan, with outputs of other groups by one name. */
  readonly inputs: readonly Tensor[];
  readonly attrs: ScanAttrs;
  /** Of the body's outputs that any of them stacks, the tensor that first held the stack. */
  readonly stacks: Map<Tensor, Tensor>;
  readonly states: readonly Tensor[];
  made?: readonly Tensor[];
}

const equal = (p: readonly Tensor[], q: readonly Tensor[]): boolean =>
  p.length === q.length && p.every((tensor, i) => tensor === q[i]);

const belongs = (inputs: readonly Tensor[], attrs: ScanAttrs, group: Group): boolean =>
  attrs.reverse === group.attrs.reverse &&
  equal(inputs, group.inputs) &&
  equal(attrs.body.inputs, group.attrs.body.inputs) &&
  equal(attrs.body.outputs.slice(0, attrs.states), group.attrs.body.outputs.slice(0, attrs.states));

/** Which scans run the same loop, in one walk: one may read what another group gives. */
function groupScans(outputs: readonly Tensor[]): Map<Node, Group> {
  const groups = new Map<Node, Group>();
  const byBody = new Map<Tensor | undefined, Group[]>();
  const same = new Map<Tensor, Tensor>();
  for (const node of sortNodes(outputs)) {
    if (node.op !== "scan") continue;
    const attrs = attrsOf(node);
    const inputs = node.inputs.map((input) => same.get(input) ?? input);
    const near = byBody.get(attrs.body.inputs[0]) ?? [];
    const states = node.outputs.slice(0, attrs.states);
    const group = near.find((other) => belongs(inputs, attrs, other)) ?? { inputs, attrs, stacks: new Map(), states };
    if (!near.includes(group)) byBody.set(attrs.body.inputs[0], [...near, group]);
    for (const [i, output] of node.outputs.entries()) {
      const inner = attrs.body.outputs[i];
      const first = i < attrs.states ? group.states[i] : inner && group.stacks.get(inner);
      if (first) same.set(output, first);
      else if (inner) group.stacks.set(inner, output);
    }
    groups.set(node, group);
  }
  return groups;
}

/** The gradient records a scan again, only to keep more of it: makes one of both. */
export function mergeScans(outputs: readonly Tensor[]): readonly Tensor[] {
  const groups = groupScans(outputs);
  if (new Set(groups.values()).size === groups.size) return outputs;
  return rewrite(outputs, (node, inputs) => {
    const group = groups.get(node);
    if (!group) return undefined;
    const { states, body } = group.attrs;
    const stacks = [...group.stacks.keys()];
    const whole = { inputs: body.inputs, outputs: [...body.outputs.slice(0, states), ...stacks] };
    group.made ??= record("scan", inputs, { ...group.attrs, body: whole });
    const place = (i: number, inner = attrsOf(node).body.outputs[i]) =>
      i < states || !inner ? i : states + stacks.indexOf(inner);
    return node.outputs.map((output, i) => group.made?.[place(i)] ?? output);
  });
}

/** What is left of a scan whose other stacks nobody reads. */
interface Pruned {
  readonly kept: readonly boolean[];
  readonly needed: readonly boolean[];
  readonly attrs: ScanAttrs;
}

/** `node` without stacks that `used` lacks, and without inputs that its smaller body no longer reads. */
function prune(node: Node, used: ReadonlySet<Tensor>): Pruned {
  const attrs = attrsOf(node);
  const kept = node.outputs.map((output, i) => i < attrs.states || used.has(output));
  const outputs = attrs.body.outputs.filter((_, i) => kept[i]);
  const read = new Set([...outputs, ...sortNodes(outputs).flatMap((inner) => inner.inputs)]);
  const fixed = (i: number) => i < attrs.states || (i === attrs.states && attrs.sequences > 0);
  const needed = attrs.body.inputs.map((tensor, i) => fixed(i) || read.has(tensor));
  const sequences = needed.slice(attrs.states, attrs.states + attrs.sequences).filter(Boolean).length;
  const body = { inputs: attrs.body.inputs.filter((_, i) => needed[i]), outputs };
  return { kept, needed, attrs: { ...attrs, sequences, body } };
}

/** Walks backwards, since what later scans no longer read the earlier ones need not stack. */
export function pruneScans(outputs: readonly Tensor[]): readonly Tensor[] {
  const used = new Set(outputs);
  const smaller = new Map<Node, Pruned>();
  for (const node of sortNodes(outputs).reverse()) {
    if (!node.outputs.some((output) => used.has(output))) continue;
    const pruned = node.op === "scan" ? prune(node, used) : undefined;
    if (pruned && !(pruned.kept.every(Boolean) && pruned.needed.every(Boolean))) smaller.set(node, pruned);
    for (const [i, input] of node.inputs.entries()) if (pruned?.needed[i] ?? true) used.add(input);
  }
  if (smaller.size === 0) return outputs;
  return rewrite(outputs, (node, inputs) => {
    const pruned = smaller.get(node);
    if (!pruned) return undefined;
    const results = record(
      "scan",
      inputs.filter((_, i) => pruned.needed[i]),
      pruned.attrs,
    ).values();
    return node.outputs.map((output, i) => (pruned.kept[i] ? (results.next().value ?? output) : output));
  });
}
