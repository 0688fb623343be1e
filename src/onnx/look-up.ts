/** Tables that are looked up row by row, apart from matrices that are multiplied with. */
import type { OnnxNode } from "../graph/index.ts";
import { type Initializer, isExternal } from "./encode.ts";

interface Apart {
  readonly nodes: readonly OnnxNode[];
  readonly initializers: readonly Initializer[];
}

const looksUp = ({ op, inputs }: OnnxNode, name: string): boolean => op === "Gather" && inputs[0] === name;

/**
 * An external weight that is both looked up and multiplied with (an embedding tied to the head) gets a second name for
 * looking up. The engine packs the one for products and lets go of the file; of the other it reads the rows that are
 * asked for. Under one name, file and packed copy would both stay in memory. Kept as a smaller type, rows are looked up
 * as they are kept, and cast then.
 */
export function lookUpApart(
  nodes: readonly OnnxNode[],
  initializers: readonly Initializer[],
  fresh: () => string,
): Apart {
  const external = initializers.filter(({ data }) => isExternal(data));
  return external.reduce((found: Apart, weight) => apart(found, weight, fresh), { nodes, initializers });
}

function apart(found: Apart, weight: Initializer, fresh: () => string): Apart {
  const cast = found.nodes.find(({ op, inputs }) => op === "Cast" && inputs[0] === weight.name);
  const read = cast?.outputs[0] ?? weight.name;
  if (!found.nodes.some((node) => looksUp(node, read))) return found;
  if (cast) return { ...found, nodes: found.nodes.flatMap((node) => castRows(node, read, weight.name, cast, fresh)) };
  const multiplied = found.nodes.some((node) => node.inputs.includes(read) && !looksUp(node, read));
  if (!multiplied) return found;
  const name = fresh();
  const rename = (node: OnnxNode) =>
    looksUp(node, read) ? { ...node, inputs: [name, ...node.inputs.slice(1)] } : node;
  return { nodes: found.nodes.map(rename), initializers: [...found.initializers, { ...weight, name }] };
}

/** Gather(Cast(table)) as Cast(Gather(table)). */
function castRows(node: OnnxNode, read: string, table: string, cast: OnnxNode, fresh: () => string): OnnxNode[] {
  if (!looksUp(node, read)) return [node];
  const rows = fresh();
  return [
    { ...node, inputs: [table, ...node.inputs.slice(1)], outputs: [rows] },
    { ...cast, inputs: [rows], outputs: node.outputs },
  ];
}
