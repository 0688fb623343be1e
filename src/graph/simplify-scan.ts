/** Clean-up of scans: those that run the same loop become one, and what nobody reads is no longer stacked. */
import type { Tensor } from "../tensor/tensor.ts";
import { record } from "../tensor/tensor.ts";
import { type Node, sortNodes } from "./node.ts";
import type { ScanAttrs } from "./ops/scan.ts";
import { substitute } from "./substitute.ts";

const attrsOf = (node: Node): ScanAttrs => node.attrs as ScanAttrs;
const scansOf = (outputs: readonly Tensor[]): Node[] => sortNodes(outputs).filter((node) => node.op === "scan");

/** Whether both walk the same inputs with the same step, and may only differ in what they stack. */
function sameLoop(a: Node, b: Node): boolean {
  const [x, y] = [attrsOf(a), attrsOf(b)];
  const equal = (p: readonly Tensor[], q: readonly Tensor[]) =>
    p.length === q.length && p.every((tensor, i) => tensor === q[i]);
  return (
    x.reverse === y.reverse &&
    equal(a.inputs, b.inputs) &&
    equal(x.body.inputs, y.body.inputs) &&
    equal(x.body.outputs.slice(0, x.states), y.body.outputs.slice(0, y.states))
  );
}

/** The scan that stacks what all of `nodes` stack, and where their outputs are found in it. */
function union(nodes: readonly Node[], map: Map<Tensor, Tensor>): void {
  const [first] = nodes;
  if (!first) return;
  const attrs = attrsOf(first);
  const inner = [...new Set(nodes.flatMap((node) => attrsOf(node).body.outputs.slice(attrs.states)))];
  const body = { inputs: attrs.body.inputs, outputs: [...attrs.body.outputs.slice(0, attrs.states), ...inner] };
  const results = record("scan", first.inputs, { ...attrs, body });
  for (const node of nodes)
    for (const [i, output] of node.outputs.entries()) {
      const tensor = attrsOf(node).body.outputs[i];
      const at = i < attrs.states || !tensor ? i : attrs.states + inner.indexOf(tensor);
      const result = results[at];
      if (result) map.set(output, result);
    }
}

/** The gradient records a scan again, only to keep more of it: makes one of both. Repeats, since one may feed another. */
export function mergeScans(outputs: readonly Tensor[]): readonly Tensor[] {
  const groups: Node[][] = [];
  for (const node of scansOf(outputs)) {
    const group = groups.find(([first]) => first && sameLoop(first, node));
    if (group) group.push(node);
    else groups.push([node]);
  }
  const group = groups.find((nodes) => nodes.length > 1);
  if (!group) return outputs;
  const map = new Map<Tensor, Tensor>();
  union(group, map);
  return mergeScans(substitute(outputs, map));
}

/** `node` without stacks that `used` lacks, and without inputs that its smaller body no longer reads. */
function pruned(node: Node, used: ReadonlySet<Tensor>): Map<Tensor, Tensor> | undefined {
  const attrs = attrsOf(node);
  const kept = node.outputs.map((output, i) => i < attrs.states || used.has(output));
  const outputs = attrs.body.outputs.filter((_, i) => kept[i]);
  const read = new Set([...outputs, ...sortNodes(outputs).flatMap((inner) => inner.inputs)]);
  const fixed = (i: number) => i < attrs.states || (i === attrs.states && attrs.sequences > 0);
  const needed = attrs.body.inputs.map((tensor, i) => fixed(i) || read.has(tensor));
  if (kept.every(Boolean) && needed.every(Boolean)) return undefined;
  const sequences = needed.slice(attrs.states, attrs.states + attrs.sequences).filter(Boolean).length;
  const results = record(
    "scan",
    node.inputs.filter((_, i) => needed[i]),
    {
      ...attrs,
      sequences,
      body: { inputs: attrs.body.inputs.filter((_, i) => needed[i]), outputs },
    },
  );
  const survivors = node.outputs.filter((_, i) => kept[i]);
  return new Map(survivors.map((output, i) => [output, results[i] ?? output]));
}

/** Later scans first, since what they no longer read the earlier ones need not stack. */
export function pruneScans(outputs: readonly Tensor[]): readonly Tensor[] {
  const used = new Set([...outputs, ...sortNodes(outputs).flatMap((node) => node.inputs)]);
  for (const node of scansOf(outputs).reverse()) {
    const map = pruned(node, used);
    if (map) return pruneScans(substitute(outputs, map));
  }
  return outputs;
}
