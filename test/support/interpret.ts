/** An oracle for rewriting: every node is compiled and run alone, so there is nothing to simplify. */
import { sortNodes } from "../../src/graph/index.ts";
import { again } from "../../src/graph/substitute.ts";
import type { HostTensor } from "../../src/runtime/index.ts";
import type { Tensor } from "../../src/tensor/index.ts";
import { evaluate } from "./numbers.ts";

/** The values of `outputs` where `known` tensors have the values given. */
export async function interpret(
  outputs: readonly Tensor[],
  known: ReadonlyMap<Tensor, HostTensor>,
): Promise<HostTensor[]> {
  const values = new Map(known);
  for (const node of sortNodes(outputs, (tensor) => known.has(tensor))) {
    const inputs = node.inputs.map((tensor) => held(tensor, values));
    const results = await evaluate(inputs, (tensors) => again(node, tensors).outputs);
    for (const [i, output] of node.outputs.entries()) if (results[i]) values.set(output, results[i]);
  }
  return outputs.map((tensor) => held(tensor, values));
}

function held(tensor: Tensor, values: ReadonlyMap<Tensor, HostTensor>): HostTensor {
  const value = values.get(tensor);
  if (!value) throw new Error(`${tensor} has no value`);
  return value;
}
