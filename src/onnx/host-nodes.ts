/**
 * Nodes that a graphics processor leaves to the host, since their WebGPU kernel in ONNX Runtime 1.30 lacks an output or gives
 * wrong numbers. docs/guide/inference.md lists them.
 */
import type { OnnxAttribute, OnnxNode } from "../graph/index.ts";

const listOf = (value: OnnxAttribute | undefined): readonly number[] => (Array.isArray(value) ? value : []);
const differ = (values: readonly number[]): boolean => values.some((value) => value !== values[0]);

const left: Readonly<Record<string, (node: OnnxNode) => boolean>> = {
  /** It does not give the places of the maxima. */
  MaxPool: ({ outputs }) => outputs.length > 1,
  /** In groups it is wrong where strides or dilations differ between the axes. */
  ConvTranspose: ({ attrs }) =>
    attrs.group !== undefined &&
    attrs.group !== 1 &&
    (differ(listOf(attrs.strides)) || differ(listOf(attrs.dilations))),
};

/** The names of such nodes, those in loops and branches included; a node is called as its first output is. */
export function hostNodes(nodes: readonly OnnxNode[]): string[] {
  return nodes.flatMap((node) => {
    const bodies = Object.values(node.attrs).flatMap((value) =>
      typeof value === "object" && "body" in value ? value.body.nodes : [],
    );
    return [...(left[node.op]?.(node) ? [node.outputs[0] ?? ""] : []), ...hostNodes(bodies)];
  });
}
