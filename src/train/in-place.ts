/**
 * Which results may be written over the values they replace. An engine runs nodes in an order of its own, so memory
 * may be used again only where every other reader of the old value has a part in the new one, and where the last
 * operation goes element by element.
 */
import { type Node, sortNodes } from "../graph/index.ts";
import type { Named } from "../onnx/index.ts";
import { nextName } from "../runtime/index.ts";
import { sameShape, type Tensor } from "../tensor/index.ts";

const ELEMENTWISE: ReadonlySet<string> = new Set(["add", "sub", "mul", "div", "where"]);
/** Operations whose output may be the memory of their input. */
const VIEWS: ReadonlySet<string> = new Set(["reshape", "stopGradient"]);

/** The nodes that read the memory of `tensor`. */
function readersOf(tensor: Tensor, users: ReadonlyMap<Tensor, readonly Node[]>): Node[] {
  return (users.get(tensor) ?? []).flatMap((node) =>
    VIEWS.has(node.op) ? [node, ...node.outputs.flatMap((view) => readersOf(view, users))] : [node],
  );
}

/** The names of `inputs` whose next values, in a simplified graph's `outputs`, may take their place. */
export function replaceable(inputs: Named, outputs: Named): Set<string> {
  const users = new Map<Tensor, Node[]>();
  for (const node of sortNodes(Object.values(outputs)))
    for (const tensor of new Set(node.inputs)) users.set(tensor, [...(users.get(tensor) ?? []), node]);
  const may = ([name, before]: [string, Tensor]): boolean => {
    const next = outputs[nextName(name)];
    if (!next || !ELEMENTWISE.has(next.node.op) || !sameShape(next.shape, before.shape)) return false;
    const part = new Set(sortNodes([next]));
    return readersOf(before, users).every((node) => part.has(node));
  };
  return new Set(
    Object.entries(inputs)
      .filter(may)
      .map(([name]) => name),
  );
}
